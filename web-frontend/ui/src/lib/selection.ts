// SPDX-License-Identifier: LGPL-2.1-or-later
// The ticks. They stay through every update; one whose drive is not to be had any more counts for nothing until it is again.
import { computed, signal } from '@preact/signals';
import { activeNow, changes, driveNow, isAdmin } from '../store';
import { isTickable } from './drives';

export const ticked = signal<ReadonlySet<string>>(new Set());

export const selected = computed(() => {
        void changes.value;
        return [...ticked.value].filter((id) => {
                const drive = driveNow(id);
                return drive !== undefined && isTickable(drive, activeNow(id), isAdmin.value);
        });
});

export function tick(ids: readonly string[], on: boolean): void {
        const next = new Set(ticked.peek());
        for (const id of ids)
                if (on)
                        next.add(id);
                else
                        next.delete(id);
        ticked.value = next;
}

export function clearTicks(): void {
        ticked.value = new Set();
}
