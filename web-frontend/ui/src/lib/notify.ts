// SPDX-License-Identifier: LGPL-2.1-or-later
// A word from the browser when a burn-in ends. Asked for on a click, as browsers want it.
import { signal } from '@preact/signals';
import type { Job } from '../model';

const key = 'burnin-notify';

function wanted(): boolean {
        try {
                return localStorage.getItem(key) === 'yes';
        } catch {
                return false;
        }
}

export const possible = 'Notification' in window;
export const notifying = signal(possible && wanted() && Notification.permission === 'granted');

export async function toggleNotifications(): Promise<'on' | 'off' | 'refused'> {
        if (!possible)
                return 'refused';
        const on = !notifying.peek() && await Notification.requestPermission() === 'granted';
        const refused = !on && !notifying.peek();
        notifying.value = on;
        try {
                localStorage.setItem(key, on ? 'yes' : 'no');
        } catch {
                // Then it lasts as long as the page.
        }
        return on ? 'on' : refused ? 'refused' : 'off';
}

export function notifyEnd(job: Job): void {
        if (!notifying.peek() || job.kind !== 'burn-in' || (job.verdict !== 'passed' && job.verdict !== 'failed'))
                return;
        const title = job.verdict === 'passed' ? 'Burn-in passed' : 'Burn-in FAILED';
        new Notification(title, {
                body: `${job.host} · ${job.model} · ${job.serial}${job.reason ? `\n${job.reason}` : ''}`,
                tag: `burnin-${job.id}`,
        });
}
