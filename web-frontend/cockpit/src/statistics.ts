// SPDX-License-Identifier: LGPL-2.1-or-later
// What became of the burn-ins of the last days, as burnind has counted them: ../../cgi/statistics.c puts it in the same words.
import { nowUsec } from '../../ui/src/lib/clock';
import type { StageKind, Statistics, VerdictCounts } from '../../ui/src/model';
import type { Bus } from './bus';
import { fromBus } from './values';

const DAY_USEC = 86_400e6;

interface Row extends VerdictCounts {
        part: string;
        name: string;
        jobs: number;
        hours: number;
        terabytes: number;
}

const countsOf = ({ passed, failed, inconclusive, cancelled }: VerdictCounts): VerdictCounts => ({ passed, failed, inconclusive, cancelled });
const ratio = (a: number, b: number): number | null => b > 0 ? a / b : null;

export async function statisticsOf(bus: Bus, days: number): Promise<Statistics> {
        const since = nowUsec() - days * DAY_USEC;
        const rows = fromBus((await bus.list('ListStatistics', { since: ['t', since] })).rows) as Row[];
        const models = rows.filter(({ part }) => part === 'model');
        const verdicts = { passed: 0, failed: 0, inconclusive: 0, cancelled: 0 };
        for (const verdict of Object.keys(verdicts) as (keyof VerdictCounts)[])
                verdicts[verdict] = models.reduce((sum, row) => sum + row[verdict], 0);
        return {
                since_usec: since,
                jobs: models.reduce((sum, row) => sum + row.jobs, 0),
                verdicts,
                models: models.map((row) => ({
                        model: row.name, ...countsOf(row), pass_rate: ratio(row.passed, row.passed + row.failed), hours_per_tb: ratio(row.hours, row.terabytes),
                })),
                days: rows.filter(({ part }) => part === 'day' || part === 'month').map((row) => ({ date: row.name, ...countsOf(row), queued: row.jobs })),
                failures_by_stage: rows.filter(({ part }) => part === 'stage').map(({ name, failed, inconclusive }) => ({ stage: name as StageKind, failed, inconclusive })),
        };
}
