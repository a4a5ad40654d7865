// SPDX-License-Identifier: LGPL-2.1-or-later
// What became of the burn-ins of the last days, counted from the list of jobs as ../../cgi/statistics.c does, with the same bounds.
import type { Drive, Job, StageKind, Statistics, Verdict, VerdictCounts } from '../../ui/src/model';
import type { Bus } from './bus';
import { fromBus } from './values';

const JOBS_MAX = 20_000;
const FAILURES_MAX = 500; // of which it is asked in what stage
const PAGE = 1000;
const DAY_USEC = 86_400e6;
const HOUR_USEC = 3_600e6;
const BYTES_PER_TB = 1e12;
const verdicts: (keyof VerdictCounts)[] = ['passed', 'failed', 'inconclusive', 'cancelled'];
// Those that write the whole surface once with each of four patterns: others would take other hours.
const wholeSurface = ['full', 'surface', 'surface_short', 'surface_long'];

interface Group extends VerdictCounts {
        queued: number;
        hours: number; // of surfaces that passed
        terabytes: number;
}

class Groups extends Map<string, Group> {
        of(name: string): Group {
                let found = this.get(name);
                if (!found)
                        this.set(name, found = { passed: 0, failed: 0, inconclusive: 0, cancelled: 0, queued: 0, hours: 0, terabytes: 0 });
                return found;
        }

        sorted(order: (a: [string, Group], b: [string, Group]) => number): [string, Group][] {
                return [...this.entries()].sort(order);
        }
}

const byName = ([a]: [string, Group], [b]: [string, Group]): number => a < b ? -1 : a > b ? 1 : 0;
const byNumber = (a: [string, Group], b: [string, Group]): number => b[1].queued - a[1].queued || byName(a, b);
const countsOf = ({ passed, failed, inconclusive, cancelled }: Group): VerdictCounts => ({ passed, failed, inconclusive, cancelled });
const ratio = (a: number, b: number): number | null => b > 0 ? a / b : null;
const isCounted = (verdict: Verdict): verdict is keyof VerdictCounts => (verdicts as string[]).includes(verdict);

function dayOf(usec: number): string {
        const date = new Date(usec / 1000);
        return [date.getFullYear(), date.getMonth() + 1, date.getDate()].map((number) => String(number).padStart(2, '0')).join('-');
}

export async function statisticsOf(bus: Bus, readJob: (id: number) => Promise<Job>, days: number): Promise<Statistics> {
        const since = Date.now() * 1000 - days * DAY_USEC;
        // Jobs do not tell how large their drive was; drives that were forgotten count for no hours.
        const bytes = new Map((fromBus(await bus.listAll('ListDrives')) as Drive[]).map((drive) => [drive.id, drive.size_bytes]));
        const [total, models, dates, stages] = [new Groups(), new Groups(), new Groups(), new Groups()];
        const all = total.of('');
        const failures: { id: number; verdict: 'failed' | 'inconclusive' }[] = [];
        let truncated = false;

        function count(job: Job): void {
                const model = models.of(job.model);
                all.queued++;
                model.queued++;
                dates.of(dayOf(job.created_usec)).queued++;
                const { verdict } = job;
                if (!isCounted(verdict))
                        return;
                for (const group of [all, model, dates.of(dayOf(job.finished_usec))])
                        group[verdict]++;
                const size = bytes.get(job.drive_id) ?? 0;
                if (verdict === 'passed' && size > 0 && job.started_usec > 0 && job.finished_usec > job.started_usec && wholeSurface.includes(job.profile)) {
                        model.hours += (job.finished_usec - job.started_usec) / HOUR_USEC;
                        model.terabytes += size / BYTES_PER_TB;
                }
                if (verdict === 'failed' || verdict === 'inconclusive')
                        failures.push({ id: job.id, verdict });
        }

        // Newest first; what is queued meanwhile moves jobs to the next page.
        let last = Infinity;
        for (let offset = 0, size = 1, older = false; offset < size && !older; offset += PAGE) {
                if (offset >= JOBS_MAX) {
                        truncated = true;
                        break;
                }
                const page = await bus.list('ListJobs', { offset: ['u', offset], limit: ['u', PAGE] });
                size = page.total ?? 0;
                for (const job of fromBus(page.rows) as Job[]) {
                        older = job.created_usec < since;
                        if (older)
                                break;
                        if (job.id < last && job.kind === 'burn-in')
                                count(job);
                        last = Math.min(last, job.id);
                }
        }
        for (const { id, verdict } of failures.slice(0, FAILURES_MAX)) {
                const stage = (await readJob(id)).stages?.find((one) => one.verdict === verdict);
                if (stage)
                        stages.of(stage.kind)[verdict]++;
        }

        return {
                since_usec: since,
                jobs: all.queued,
                truncated: truncated || failures.length > FAILURES_MAX,
                verdicts: countsOf(all),
                models: models.sorted(byNumber).map(([model, group]) => ({
                        model, ...countsOf(group), pass_rate: ratio(group.passed, group.passed + group.failed), hours_per_tb: ratio(group.hours, group.terabytes),
                })),
                days: dates.sorted(byName).map(([date, group]) => ({ date, ...countsOf(group), queued: group.queued })),
                failures_by_stage: stages.sorted(byName).map(([stage, group]) => ({ stage: stage as StageKind, failed: group.failed, inconclusive: group.inconclusive })),
        };
}
