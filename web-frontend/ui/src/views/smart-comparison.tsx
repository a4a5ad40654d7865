// SPDX-License-Identifier: LGPL-2.1-or-later
// The drive's own counters, before and after: from the readings nearest to the job's start and end.
import { counters, counterNames } from '../lib/smart';
import { date } from '../lib/format';
import type { Job, Reading } from '../model';
import { theApi } from '../store';
import { Card, Scroll, useLoad, Waiting } from '../ui/page';

const EARLIER_USEC = 30 * 86400e6;

function nearest(readings: Reading[], fits: (reading: Reading) => boolean): Reading | undefined {
        return readings.find((reading) => reading.smart !== null && fits(reading));
}

export function SmartComparison({ job, bare }: { job: Job; bare?: boolean }) {
        const began = job.started_usec;
        const loaded = useLoad(() => began > 0 ? theApi().readings(job.drive_id, began - EARLIER_USEC) : Promise.resolve([]), [job.id, job.state]);
        const body = (
                <Waiting loaded={loaded}>
                        {(readings) => {
                                // Newest first.
                                const before = nearest(readings, ({ time_usec }) => time_usec <= began) ?? nearest([...readings].reverse(), () => true);
                                const after = nearest(readings, ({ time_usec }) => job.finished_usec === 0 || time_usec <= job.finished_usec) ?? nearest(readings, () => true);
                                return before?.smart && after?.smart ? <Table before={before} after={after} /> : <p class="subtle">No SMART reading from around this job is known.</p>;
                        }}
                </Waiting>
        );
        if (began === 0)
                return null;
        return bare ? <section><h2>SMART before and after</h2>{body}</section> : <Card class="stage-card" title="SMART before and after">{body}</Card>;
}

function Table({ before, after }: { before: Reading; after: Reading }) {
        const first = counters(before.smart);
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
                                                const grown = was !== undefined && is !== undefined ? is - was : 0;
                                                const bad = grown > 0 && counterNames[name]?.bad === true;
                                                return (
                                                        <tr key={name} class={bad ? 'changed' : ''}>
                                                                <td>{counterNames[name]?.title ?? name}</td>
                                                                <td class="number">{was?.toLocaleString('en') ?? '–'}</td><td class="number">{is?.toLocaleString('en') ?? '–'}</td>
                                                                <td class={`number ${bad ? 'danger-text' : ''}`}>{grown > 0 ? `+${grown.toLocaleString('en')}` : grown < 0 ? grown.toLocaleString('en') : '0'}</td>
                                                        </tr>
                                                );
                                        })}
                                </tbody>
                        </table>
                        <p class="help card-foot">Read {date(before.time_usec)} and {date(after.time_usec)}.</p>
                </Scroll>
        );
}
