// SPDX-License-Identifier: LGPL-2.1-or-later
import type { ChosenStage, LockState, StageKind } from '../model';

const SECOND = 1e6;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

// As printed on the drive: powers of ten.
export function bytes(value: number): string {
        if (!(value > 0))
                return '–';
        const units = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];
        const power = Math.min(Math.floor(Math.log10(value) / 3), units.length - 1);
        const scaled = value / 10 ** (3 * power);
        return `${scaled >= 100 ? scaled.toFixed(0) : trimZero(scaled.toFixed(scaled >= 10 ? 1 : 2))} ${units[power]}`;
}

function trimZero(text: string): string {
        return text.replace(/\.?0+$/, '');
}

export function speed(bytesPerSecond: number): string {
        return bytesPerSecond > 0 ? `${(bytesPerSecond / 1e6).toFixed(0)} MB/s` : '–';
}

export function temperature(mdegc: number | null): string {
        return mdegc === null ? '–' : `${Math.round(mdegc / 1000)} °C`;
}

export type Heat = 'unknown' | 'cool' | 'warm' | 'hot';

export function heat(mdegc: number | null): Heat {
        if (mdegc === null)
                return 'unknown';
        return mdegc >= 48000 ? 'hot' : mdegc >= 42000 ? 'warm' : 'cool';
}

// Two units are enough: "2 d 4 h", "3 h 12 min", "47 s".
export function span(usec: number): string {
        if (!(usec > 0))
                return '0 s';
        if (usec < MINUTE)
                return `${Math.floor(usec / SECOND)} s`;
        if (usec < HOUR)
                return `${Math.floor(usec / MINUTE)} min`;
        if (usec < DAY)
                return two(Math.floor(usec / HOUR), 'h', Math.floor((usec % HOUR) / MINUTE), 'min');
        return two(Math.floor(usec / DAY), 'd', Math.floor((usec % DAY) / HOUR), 'h');
}

// "0:47", "59:59"
export function countdown(seconds: number): string {
        return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
}

function two(first: number, unit: string, second: number, unit2: string): string {
        return second > 0 ? `${first} ${unit} ${second} ${unit2}` : `${first} ${unit}`;
}

export function range(low: number, high: number): string {
        const from = span(low);
        const to = span(high);
        return from === to ? from : `${from} to ${to}`;
}

export function ago(usec: number, now: number): string {
        if (!(usec > 0))
                return 'never';
        const past = now - usec;
        if (past < 10 * SECOND)
                return 'just now';
        if (past < MINUTE)
                return `${Math.floor(past / SECOND)} s ago`;
        if (past < HOUR)
                return `${Math.floor(past / MINUTE)} min ago`;
        if (past < 2 * DAY)
                return `${Math.floor(past / HOUR)} h ago`;
        return `${Math.floor(past / DAY)} d ago`;
}

const dateFormat = new Intl.DateTimeFormat(undefined, {
        year: 'numeric', month: 'short', day: '2-digit', hour: '2-digit', minute: '2-digit', hourCycle: 'h23',
});
const dayFormat = new Intl.DateTimeFormat(undefined, { month: 'short', day: '2-digit' });

export function date(usec = 0): string {
        return usec > 0 ? dateFormat.format(usec / 1000) : '–';
}

export function day(usec: number): string {
        return dayFormat.format(usec / 1000);
}

export function percent(value: number): string {
        return `${Math.floor(Math.max(0, Math.min(100, value)))} %`;
}

export function count(number: number, one: string, many = `${one}s`): string {
        return `${number.toLocaleString('en')} ${number === 1 ? one : many}`;
}

export const stageNames: Record<StageKind, string> = {
        precheck: 'Precheck',
        short_smart: 'Short SMART test',
        long_smart: 'Long SMART test',
        surface_validate: 'Surface validation',
        nvme_format: 'NVMe format',
        nvme_sanitize: 'NVMe sanitize',
        final_check: 'Final check',
};

export const stageShort: Record<StageKind, string> = {
        precheck: 'Precheck',
        short_smart: 'Short test',
        long_smart: 'Long test',
        surface_validate: 'Surface',
        nvme_format: 'Format',
        nvme_sanitize: 'Sanitize',
        final_check: 'Final check',
};

export const stageHints: Record<ChosenStage, string> = {
        short_smart: 'The drive tests itself, a few minutes. Nothing is written.',
        long_smart: 'The drive reads all of itself, many hours. Nothing is written.',
        surface_validate: 'Writes and verifies every block with four patterns. Destroys all data.',
        nvme_format: 'The drive erases itself by Format NVM, minutes. Destroys all data.',
        nvme_sanitize: 'The drive erases itself by Sanitize, also what it keeps in reserve; up to hours. Destroys all data.',
};

export const fastHint = 'Writes and verifies every block with one random pattern. Destroys all data.';

export const lockNames: Record<LockState, string> = {
        none: '',
        'existing-data': 'Has data',
        'exported-pool': 'Exported pool',
        'storage-member': 'Storage member',
        mounted: 'Mounted',
        'active-pool': 'Active pool',
        'boot-pool': 'Boot pool',
        'in-use': 'In use',
        remnant: 'Remnant run',
        unclassified: 'Unclassified',
};
