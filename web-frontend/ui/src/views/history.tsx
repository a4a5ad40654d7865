// SPDX-License-Identifier: LGPL-2.1-or-later
import { date, span } from '../lib/format';
import type { Job } from '../model';
import { query, setQuery } from '../router';
import { changes, hosts, theApi, useDrive } from '../store';
import { Icon } from '../ui/icon';
import { Link } from '../ui/link';
import { Card, Empty, Page, Pager, Scroll, useLoad, Waiting } from '../ui/page';
import { StateLabel } from '../ui/status';

const LIMIT = 50;

const verdicts = ['passed', 'failed', 'inconclusive', 'cancelled'];

export function History() {
        const asked = query.value;
        const state = asked.get('state') ?? '';
        const verdict = asked.get('verdict') ?? '';
        const host = asked.get('host') ?? '';
        const drive = asked.get('drive') ?? '';
        const known = useDrive(drive);
        const offset = Math.max(0, Number(asked.get('offset')) || 0);
        const filter = { state, verdict, host, drive };
        // The first page follows what happens; who turned pages is left alone.
        const loaded = useLoad(() => theApi().jobs({ ...filter, offset, limit: LIMIT }), [state, verdict, host, drive, offset, offset === 0 ? Math.floor(changes.value / 50) : 0]);
        const csv = theApi().csvHref(filter);

        return (
                <Page title="History" actions={csv && <a class="btn secondary" href={csv} download="burnin.csv"><Icon name="download" />CSV</a>}>
                        <div class="filters" role="search" aria-label="Jobs">
                                <select aria-label="Result" value={verdict || state} onChange={(event) => {
                                        const value = event.currentTarget.value;
                                        setQuery({ verdict: verdicts.includes(value) ? value : '', state: verdicts.includes(value) ? '' : value, offset: '' });
                                }}>
                                        <option value="">All results</option>
                                        <option value="passed">Passed</option><option value="failed">Failed</option><option value="inconclusive">Inconclusive</option><option value="cancelled">Cancelled</option>
                                        <option value="running">Running</option><option value="queued">Queued</option><option value="paused">Paused</option>
                                </select>
                                <select aria-label="Host" value={host} onChange={(event) => setQuery({ host: event.currentTarget.value, offset: '' })}>
                                        <option value="">All hosts</option>
                                        {[...hosts.value.keys()].sort().map((name) => <option key={name} value={name}>{name}</option>)}
                                </select>
                                {drive && <button type="button" class="btn secondary small" onClick={() => setQuery({ drive: '', offset: '' })}>Drive {known?.serial || drive}<span class="sr">, of all drives instead</span> <Icon name="cross" size={12} /></button>}
                                {(state || verdict || host || drive) && <button type="button" class="btn link" onClick={() => setQuery({ state: '', verdict: '', host: '', drive: '', offset: '' })}>Clear filters</button>}
                        </div>
                        <Waiting loaded={loaded}>
                                {({ items, total }) => total === 0
                                        ? <Empty title="No job fits"><p>Burn-ins and self-tests are here from the moment they are queued, for ever.</p></Empty>
                                        : <>
                                                <Card class="flush"><JobTable jobs={items} /></Card>
                                                <Pager offset={offset} limit={LIMIT} total={total} go={(to) => setQuery({ offset: to ? String(to) : '' }, false)} />
                                        </>}
                        </Waiting>
                </Page>
        );
}

export function JobTable({ jobs, ofOneDrive }: { jobs: Job[]; ofOneDrive?: boolean }) {
        return (
                <Scroll label="Jobs">
                        <table class="list stack">
                                <thead>
                                        <tr><th scope="col">Job</th><th scope="col">Result</th>{!ofOneDrive && <><th scope="col">Host</th><th scope="col">Drive</th></>}<th scope="col" class="wide-only">Profile</th><th scope="col" class="wide-only">Who</th><th scope="col">Ended</th><th scope="col" class="number wide-only">Took</th></tr>
                                </thead>
                                <tbody>
                                        {jobs.map((job) => (
                                                <tr key={job.id}>
                                                        <td class="nowrap side" data-label="Job"><Link to={`/history/${job.id}`}>{job.id}</Link></td>
                                                        <td class={ofOneDrive ? 'lead' : ''}><StateLabel state={job.state} verdict={job.verdict} />{job.reason && job.verdict !== 'passed' && <span class="under">{job.reason}</span>}</td>
                                                        {!ofOneDrive && <><td class="nowrap foot">{job.host}</td><td class="lead">{job.model}<span class="under mono">{job.serial}</span></td></>}
                                                        <td class="nowrap wide-only">{job.kind === 'self-test' ? `${job.profile} self-test` : job.profile}</td>
                                                        <td class="nowrap wide-only">{job.operator}</td>
                                                        <td class="time foot-end">{date(job.finished_usec)}</td>
                                                        <td class="number wide-only">{job.started_usec > 0 && job.finished_usec > 0 ? span(job.finished_usec - job.started_usec) : '–'}</td>
                                                </tr>
                                        ))}
                                </tbody>
                        </table>
                </Scroll>
        );
}
