// SPDX-License-Identifier: LGPL-2.1-or-later
// What polkit lets whoever logged in do without a password, which it could not be given here. So nobody is shown what he would be refused.
import type { Role } from '../../ui/src/model';

// Those of polkit/60-burnin-roles.rules; whoever may any of them is shown the page of that role.
export const actions: Record<Exclude<Role, 'viewer'>, string[]> = {
        admin: ['unlock', 'manage-hosts', 'manage-settings'],
        operator: ['self-test', 'start', 'start-destructive', 'cancel', 'manage-jobs', 'manage-drives'],
};

const PREFIX = 'org.burnin1.';
// Says who it is, as burnind does, which asks no directory, what time it is there, and which of its arguments he may do. pkcheck ends with 1 for what he may not, with 2 and 3 where it wants a password.
const ASK = 'getent -s files passwd "$(id -u)" | cut -d: -f1 | grep . || echo "uid $(id -u)"; date +%s%6N || exit 1; for action; do pkcheck --action-id "$action" --process $$ >&2; case $? in 0) echo "$action" ;; [123]) ;; *) exit 1 ;; esac; done';

// It goes the same way as the calls of the bus, so what it says is true of them: with administrative access, of root.
export async function whoCalls(): Promise<{ account: string; role: Role; now_usec: number }> {
        const asked = [...actions.admin, ...actions.operator].map((action) => PREFIX + action);
        try {
                const [account = '', time, ...allowed] = (await cockpit.spawn(['sh', '-c', ASK, 'sh', ...asked], { superuser: 'try', err: 'message' })).split('\n');
                const may = (role: keyof typeof actions): boolean => actions[role].some((action) => allowed.includes(PREFIX + action));
                return { account, role: may('admin') ? 'admin' : may('operator') ? 'operator' : 'viewer', now_usec: Number(time) || Date.now() * 1000 };
        } catch {
                // Nobody knows what polkit says; he is told when he tries.
                return { account: (await cockpit.user()).name, role: 'admin', now_usec: Date.now() * 1000 };
        }
}
