// SPDX-License-Identifier: LGPL-2.1-or-later
// The days of statistics as the bars of a plot: all of the same width in time, with those on which nothing was, as many as can be seen.
import type { Statistics, VerdictCounts } from '../model';

export const parts = ['failed', 'inconclusive', 'passed', 'cancelled'] as const;

export interface Bin extends VerdictCounts {
        from: number; // ms, the start of a day in UTC
        to: number;   // of its last day
}

export type BinUnit = 'day' | 'week' | 'month';

const DAY = 86_400e3;
const DAYS_MAX = 100;
const WEEKS_MAX = 110;
const BINS_MIN = 14;

const dayOf = (time: number): number => Math.floor(time / DAY) * DAY;

function starts(first: number, last: number, byMonth: boolean): { unit: BinUnit; list: number[] } {
        const days = (last - first) / DAY + 1;
        if (days <= DAYS_MAX && !byMonth)
                return { unit: 'day', list: Array.from({ length: days }, (_, index) => first + index * DAY) };
        const weeks = Math.ceil(days / 7);
        // Counted from the end: the newest is a whole one.
        if (weeks <= WEEKS_MAX && !byMonth)
                return { unit: 'week', list: Array.from({ length: weeks }, (_, index) => last + DAY - (weeks - index) * 7 * DAY) };
        const list: number[] = [];
        const date = new Date(first);
        for (let month = date.getUTCMonth(); ; month++) {
                const start = Date.UTC(date.getUTCFullYear(), month, 1);
                if (start > last)
                        return { unit: 'month', list };
                list.push(start);
        }
}

// Of a long time what was before the first job is left out.
export function bins(days: Statistics['days'], sinceUsec: number, nowUsec: number): { unit: BinUnit; list: Bin[] } {
        const times = days.map(({ date }) => Date.parse(date));
        const last = Math.max(dayOf(nowUsec / 1000), ...times);
        const earliest = Math.min(last - (BINS_MIN - 1) * DAY, ...times);
        const since = dayOf(sinceUsec / 1000);
        const first = last - since < DAYS_MAX * DAY ? Math.min(since, ...times) : Math.max(since, earliest);
        // "2026-11" has no days any more.
        const { unit, list } = starts(first, last, days.some(({ date }) => date.length < '2026-11-20'.length));
        const made: Bin[] = list.map((from, index) => ({ from, to: (list[index + 1] ?? last + DAY) - DAY, passed: 0, failed: 0, inconclusive: 0, cancelled: 0 }));
        for (const one of days) {
                const time = Date.parse(one.date);
                const bin = made[list.findIndex((from, index) => from <= time && !((list[index + 1] ?? Infinity) <= time))];
                for (const part of parts)
                        if (bin)
                                bin[part] += one[part];
        }
        return { unit, list: made };
}

// Where lines go up to at least so much: whole numbers, from 0, and few.
export function ticks(most: number): number[] {
        const power = 10 ** Math.floor(Math.log10(Math.max(1, most)));
        const step = [0.5, 1, 2, 5].map((factor) => factor * power).find((one) => Number.isInteger(one) && most / one <= 4) ?? power;
        return Array.from({ length: Math.max(1, Math.ceil(most / step)) + 1 }, (_, index) => index * step);
}
