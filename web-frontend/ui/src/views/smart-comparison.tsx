// SPDX-License-Identifier: LGPL-2.1-or-later
// The drive's own counters, before and after: from the readings nearest to the job's start and end.
import { counters, counterNames } from '../lib/smart';
import { date } from '../lib/format';
import type { Job, Reading } from '../model';
import { theApi } from '../store';
import { Card, Scroll, useLoad, Waiting } from '../ui/page';

// The drive may say nothing of itself for a while, as where its host cannot be reached.
const TRIED = 100;

interface Readings {
        before: Reading | undefined;
        after: Reading | undefined;
}

// What it said last by then: what stays the same is not read twice.
async function lastBy(id: string, until: number | undefined): Promise<Reading | undefined> {
        return (await theApi().readings(id, { until, limit: TRIED })).find(({ smart }) => counters(smart).size > 0);
}

async function around({ drive_id: id, started_usec: began, finished_usec: ended }: Job): Promise<Readings> {
        const [before, after] = await Promise.all([lastBy(id, began), lastBy(id, ended || undefined)]);
        return { before, after };
}

// A reading in which nothing is new is not kept.
function when(before: Reading | undefined, after: Reading): string {
        if (!before)
                return `Read ${date(after.time_usec)}. No reading from before the start is known.`;
        return before.time_usec === after.time_usec ? `Read ${date(after.time_usec)}, and no counter has changed since.`
                : `Read ${date(before.time_usec)} and ${date(after.time_usec)}.`;
}

export function SmartComparison({ job, bare }: { job: Job; bare?: boolean }) {
        const began = job.started_usec;
        const loaded = useLoad(() => began > 0 ? around(job) : Promise.resolve({ before: undefined, after: undefined }), [job.id, job.state]);
        const body = (
                <Waiting loaded={loaded}>
                        {({ before, after }) => after ? <Table before={before} after={after} /> : <p class="subtle">No SMART reading from before this job, or of it, is known.</p>}
                </Waiting>
        );
        if (began === 0)
                return null;
        return bare ? <section><h2>SMART before and after</h2>{body}</section> : <Card class="stage-card" title="SMART before and after">{body}</Card>;
}

function Table({ before, after }: { before: Reading | undefined; after: Reading }) {
        const first = counters(before?.smart ?? null);
        const last = counters(after.smart);
        const names = [...new Set([...first.keys(), ...last.keys()])];
        return (
                <Scroll class="ledger-box" label="SMART before and after">
                        <table class="list">
                                <thead><tr><th scope="col">Counter</th><th scope="col" class="number">Before</th><th scope="col" class="number">After</th><th scope="col" class="number">Change</th></tr></thead>
                                <tbody>
                                        {names.map((name) => {
                                                const was = first.get(name);
                                                const is = last.get(name);
                                                const grown = was !== undefined && is !== undefined ? is - was : NaN;
                                                const bad = grown > 0 && counterNames[name]?.bad === true;
                                                return (
                                                        <tr key={name} class={bad ? 'changed' : ''}>
                                                                <td>{counterNames[name]?.title ?? name}</td>
                                                                <td class="number">{was?.toLocaleString('en') ?? '–'}</td><td class="number">{is?.toLocaleString('en') ?? '–'}</td>
                                                                <td class={`number ${bad ? 'danger-text' : ''}`}>{isNaN(grown) ? '–' : `${grown > 0 ? '+' : ''}${grown.toLocaleString('en')}`}</td>
                                                        </tr>
                                                );
                                        })}
                                </tbody>
                        </table>
                        <p class="help card-foot">{when(before, after)}</p>
                </Scroll>
        );
}
