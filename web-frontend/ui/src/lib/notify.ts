// SPDX-License-Identifier: LGPL-2.1-or-later
// A word from the browser when a burn-in ends. Asked for on a click, as browsers want it.
import { signal } from '@preact/signals';
import type { Job } from '../model';
import { go } from '../router';

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

// Chrome on Android has the word, and throws at whoever uses it.
function show(title: string, options: NotificationOptions): Notification | null {
        try {
                return new Notification(title, options);
        } catch {
                return null;
        }
}

function keep(on: boolean): void {
        notifying.value = on;
        try {
                localStorage.setItem(key, on ? 'yes' : 'no');
        } catch {
                // Then it lasts as long as the page.
        }
}

export async function toggleNotifications(): Promise<'on' | 'off' | 'refused' | 'impossible'> {
        if (notifying.peek()) {
                keep(false);
                return 'off';
        }
        if (!possible || await Notification.requestPermission() !== 'granted')
                return 'refused';
        if (!show('burnin', { body: 'It is told here when a burn-in passes or fails.', tag: 'burnin' }))
                return 'impossible';
        keep(true);
        return 'on';
}

export function notifyEnd(job: Job): void {
        if (!notifying.peek() || job.kind !== 'burn-in' || (job.verdict !== 'passed' && job.verdict !== 'failed'))
                return;
        const shown = show(job.verdict === 'passed' ? 'Burn-in passed' : 'Burn-in FAILED', {
                body: `${job.host} · ${job.model} · ${job.serial}${job.reason ? `\n${job.reason}` : ''}`,
                tag: `burnin-${job.id}`,
        });
        if (!shown)
                keep(false);
        else
                shown.onclick = () => {
                        focus();
                        go(`/history/${job.id}`);
                        shown.close();
                };
}
