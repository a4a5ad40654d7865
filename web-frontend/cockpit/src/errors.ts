// SPDX-License-Identifier: LGPL-2.1-or-later
// Errors of the bus in the form of the page's. The codes are those of ../../cgi/http-error.c.
import { ApiError } from '../../ui/src/transport/api';

const OURS = 'org.burnin1.Error.';
const NOT_RUNNING = 'burnind is not running. See: systemctl status burnind.service';
const NO_ANSWER = 'burnind did not answer, so it may have done it or not. See: systemctl status burnind.service';
const TOO_OLD = 'burnind is too old for this. Was it restarted after its upgrade?';
const ADVICE = 'Turn on administrative access at the top of the page, or ask an administrator.';
// How polkit's refusals end, with the action that it was about.
const REFUSAL = / \(org\.burnin1\.[a-z-]+\)\.$/;

// Those that are not burnind's own: their code, and what is said instead of the bus's words where those are for programmers.
export const foreign: Record<string, [string, string?]> = {
        'org.freedesktop.DBus.Error.AccessDenied': ['AccessDenied'],
        'org.freedesktop.DBus.Error.InteractiveAuthorizationRequired': ['AccessDenied', `Your account may not do this. ${ADVICE}`],
        'org.freedesktop.DBus.Error.ServiceUnknown': ['DaemonDown', NOT_RUNNING],
        'org.freedesktop.DBus.Error.NameHasNoOwner': ['DaemonDown', NOT_RUNNING],
        'org.freedesktop.DBus.Error.NoReply': ['NoAnswer', NO_ANSWER],
        'org.freedesktop.DBus.Error.Timeout': ['NoAnswer', NO_ANSWER],
        'org.freedesktop.DBus.Error.LimitsExceeded': ['BusDown', 'Too many requests at once. Try again.'],
        'org.freedesktop.DBus.Error.Disconnected': ['BusDown', 'The system bus is gone. Try again.'],
        'org.freedesktop.DBus.Error.UnknownObject': ['NotFound', 'It is not there, or not any more.'],
        'org.freedesktop.DBus.Error.UnknownMethod': ['NotSupported', TOO_OLD],
        'org.freedesktop.DBus.Error.UnknownInterface': ['NotSupported', TOO_OLD],
};

// What Cockpit rejects a call with: an error of the bus has a name, one of Cockpit's own a problem.
export interface CockpitError {
        name?: string | null;
        problem?: string | null;
        message?: string;
}

export function codeOf(name: string): string {
        return name.startsWith(OURS) ? name.slice(OURS.length) : (Object.hasOwn(foreign, name) ? foreign[name]?.[0] : undefined) ?? 'Internal';
}

export function errorOf({ name, problem, message }: CockpitError): ApiError {
        if (problem === 'not-found')
                return new ApiError('DaemonDown', NOT_RUNNING);
        if (!name)
                return new ApiError('BusDown', `The connection to this machine's system bus is lost (${problem ?? message ?? 'nobody knows why'}). Try again.`);
        const words = Object.hasOwn(foreign, name) ? foreign[name]?.[1] : undefined;
        const said = words ?? message ?? name;
        return new ApiError(codeOf(name), REFUSAL.test(said) ? `${said} ${ADVICE}` : said);
}
