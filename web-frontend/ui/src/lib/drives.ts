// SPDX-License-Identifier: LGPL-2.1-or-later
// What a drive is at the moment, and which of them a person is looking for.
import type { Drive, Job } from '../model';
import { heat } from './format';

export function isTesting(drive: Drive): boolean {
        return Object.values(drive.self_tests).some((test) => test?.state === 'running');
}

export function isLocked(drive: Drive): boolean {
        return drive.lock_state !== 'none';
}

export function isFailed(drive: Drive, last: Job | undefined): boolean {
        return drive.smart_health === 'failed' || last?.verdict === 'failed';
}

// Ready for a burn-in: a locked drive is left out on purpose, it has to be unlocked by itself.
export function isSelectable(drive: Drive, active: Job | undefined): boolean {
        return drive.present && !drive.stale && drive.identity_state === 'ok' && !active && drive.active_job === null
                && !isTesting(drive) && !isLocked(drive);
}

// Locked only because of old data that nothing uses: an admin may take it along, by naming its serial number.
export function holdsOldData(drive: Drive): boolean {
        return drive.lock_state === 'existing-data' && !drive.lock_in_use && drive.serial !== '';
}

// What may be ticked one by one, besides what is ready.
export function isTickable(drive: Drive, active: Job | undefined, admin: boolean): boolean {
        return isSelectable(admin && holdsOldData(drive) ? { ...drive, lock_state: 'none' } : drive, active);
}

export function whyNot(drive: Drive, active: Job | undefined): string {
        if (!drive.present)
                return 'The drive is missing';
        if (drive.stale)
                return 'Its host was not heard from';
        if (drive.identity_state === 'none')
                return 'The drive gives no identity of its own';
        if (drive.identity_state === 'shared')
                return 'Another drive shows the same identity';
        if (active || drive.active_job !== null)
                return 'The drive has an active job';
        if (isTesting(drive))
                return 'A self-test is running';
        if (isLocked(drive))
                return 'The drive is locked: unlock it first';
        return '';
}

export const filterStates = ['all', 'ready', 'running', 'queued', 'locked', 'failed', 'hot', 'missing'] as const;
export type FilterState = typeof filterStates[number];

export function inState(state: FilterState, drive: Drive, active: Job | undefined, last: Job | undefined): boolean {
        switch (state) {
        case 'all':
                return true;
        case 'ready':
                return isSelectable(drive, active);
        case 'running':
                return isTesting(drive) || (active !== undefined && active.state !== 'queued');
        case 'queued':
                return active?.state === 'queued';
        case 'locked':
                return drive.present && isLocked(drive);
        case 'failed':
                return isFailed(drive, last);
        case 'hot':
                return drive.present && heat(drive.temperature_mdegc) === 'hot';
        case 'missing':
                return !drive.present;
        }
}

export type SortKey = 'name' | 'location' | 'model' | 'size' | 'temperature' | 'health' | 'lock' | 'progress';

export interface View {
        q: string;
        host: string;
        state: FilterState;
        sort: SortKey;
        descending: boolean;
}

const sortKeys: readonly string[] = ['name', 'location', 'model', 'size', 'temperature', 'health', 'lock', 'progress'];

export function viewOf(query: URLSearchParams): View {
        const sort = query.get('sort') ?? '';
        const key = sort.replace(/^-/, '');
        const state = query.get('state') as FilterState;
        return {
                q: query.get('q') ?? '',
                host: query.get('host') ?? '',
                state: filterStates.includes(state) ? state : 'all',
                sort: sortKeys.includes(key) ? key as SortKey : 'name',
                descending: sort.startsWith('-'),
        };
}

export function matches(view: View, drive: Drive): boolean {
        if (view.host && drive.host !== view.host)
                return false;
        if (!view.q)
                return true;
        const text = `${drive.host} ${drive.dev_name} ${drive.location} ${drive.bay} ${drive.model} ${drive.serial} ${drive.wwn} ${drive.lock_detail}`
                .toLowerCase();
        return view.q.toLowerCase().split(/\s+/).every((word) => text.includes(word));
}

const collator = new Intl.Collator('en', { numeric: true });

export function naturally(a: string, b: string): number {
        return a === b ? 0 : collator.compare(a, b);
}

// sda … sdz before sdaa.
function byName(a: Drive, b: Drive): number {
        return naturally(a.host, b.host) || a.dev_name.length - b.dev_name.length || (a.dev_name < b.dev_name ? -1 : a.dev_name > b.dev_name ? 1 : 0)
                || (a.id < b.id ? -1 : 1);
}

export function compare(view: View, progress: (drive: Drive) => number): (a: Drive, b: Drive) => number {
        const direction = view.descending ? -1 : 1;
        const key = (a: Drive, b: Drive): number => {
                switch (view.sort) {
                case 'name': return 0;
                case 'location': return naturally(a.location, b.location);
                case 'model': return naturally(a.model, b.model) || naturally(a.serial, b.serial);
                case 'size': return a.size_bytes - b.size_bytes;
                case 'temperature': return (a.temperature_mdegc ?? -1e6) - (b.temperature_mdegc ?? -1e6);
                case 'health': return naturally(a.smart_health, b.smart_health);
                case 'lock': return naturally(a.lock_state, b.lock_state);
                case 'progress': return progress(a) - progress(b);
                }
        };
        return (a, b) => view.sort === 'name' ? direction * byName(a, b) : direction * key(a, b) || byName(a, b);
}
