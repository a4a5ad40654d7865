// SPDX-License-Identifier: LGPL-2.1-or-later
// The drives that the table shows, in their order, and how many there are of each kind.
import { computed } from '@preact/signals';
import type { Drive } from '../model';
import { query } from '../router';
import { activeNow, changes, driveIds, driveNow, lastNow } from '../store';
import { compare, filterStates, inState, isSelectable, matches, viewOf, type FilterState, type View } from './drives';

export const view = computed(() => viewOf(query.value));
const order = computed(() => `${view.value.sort} ${view.value.descending}`);

function progress(drive: Drive): number {
        const job = activeNow(drive.id);
        return job ? (job.state === 'queued' ? 0 : 1 + job.percent) : -1;
}

// Sorted when a person asks for it or a drive comes or goes, not when a value changes: rows do not jump under a hand.
const sorted = computed(() => {
        const [sort, descending] = order.value.split(' ');
        const asked = { ...view.peek(), sort, descending: descending === 'true' } as View;
        const drives = driveIds.value.flatMap((id) => driveNow(id) ?? []);
        return drives.sort(compare(asked, progress)).map((drive) => drive.id);
});

let before: readonly string[] = [];

export const rows = computed<readonly string[]>(() => {
        void changes.value;
        const asked = view.value;
        const next = sorted.value.filter((id) => {
                const drive = driveNow(id);
                return drive !== undefined && matches(asked, drive) && inState(asked.state, drive, activeNow(id), lastNow(id));
        });
        if (next.length !== before.length || next.some((id, index) => id !== before[index]))
                before = next;
        return before;
});

export const selectable = computed<readonly string[]>(() => {
        void changes.value;
        return rows.value.filter((id) => {
                const drive = driveNow(id);
                return drive !== undefined && isSelectable(drive, activeNow(id));
        });
});

export const counts = computed(() => {
        void changes.value;
        const found = Object.fromEntries(filterStates.map((state) => [state, 0])) as Record<FilterState, number>;
        for (const id of driveIds.value) {
                const drive = driveNow(id);
                if (!drive)
                        continue;
                for (const state of filterStates)
                        if (inState(state, drive, activeNow(id), lastNow(id)))
                                found[state]++;
        }
        return found;
});

export const hostNames = computed(() => {
        void driveIds.value;
        return [...new Set(driveIds.value.map((id) => driveNow(id)?.host ?? ''))].filter(Boolean).sort();
});
