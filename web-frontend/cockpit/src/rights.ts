// SPDX-License-Identifier: LGPL-2.1-or-later
// What polkit lets whoever logged in do without a password, which it could not be given here. So nobody is shown what he would be refused.
import type { Role } from '../../ui/src/model';

// Those of polkit/60-burnin-roles.rules; whoever may any of them is shown the page of that role.
export const actions: Record<Exclude<Role, 'viewer'>, string[]> = {
        admin: ['unlock', 'manage-hosts', 'manage-settings'],
        operator: ['self-test', 'start-destructive', 'cancel', 'manage-jobs', 'manage-drives'],
};

const PREFIX = 'org.burnin1.';
// Says which of its arguments are allowed. pkcheck ends with 1 where one is not, with 2 and 3 where a password would be needed.
const ASK = 'for action; do pkcheck --action-id="$action" --process=$$ >&2; case $? in 0) echo "$action" ;; [123]) ;; *) exit 1 ;; esac; done';

// The calls go the same way, and with the same rights, as those of the bus. root is let do everything.
export async function roleHere(): Promise<Role> {
        const asked = [...actions.admin, ...actions.operator].map((action) => PREFIX + action);
        try {
                const allowed = (await cockpit.spawn(['sh', '-c', ASK, 'sh', ...asked], { superuser: 'try', err: 'message' })).split('\n');
                const may = (role: keyof typeof actions): boolean => actions[role].some((action) => allowed.includes(PREFIX + action));
                return may('admin') ? 'admin' : may('operator') ? 'operator' : 'viewer';
        } catch {
                return 'admin'; // nobody knows; he is told when he tries
        }
}
