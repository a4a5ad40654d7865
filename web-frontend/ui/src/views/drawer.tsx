// SPDX-License-Identifier: LGPL-2.1-or-later
// All of one drive beside the table, which stays alive under it.
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { giveFocusBack } from '../lib/focus';
import { bytes, date, lockNames, span, speed, stageNames } from '../lib/format';
import type { Drive, Job, Stage } from '../model';
import { driveChanged, jobChanged, now, theApi, useActive, useDrive, useLast } from '../store';
import { Icon } from '../ui/icon';
import { Link } from '../ui/link';
import { Notice, type Kind } from '../ui/notice';
import { Facts } from '../ui/page';
import { Bar, StateLabel, Temperature } from '../ui/status';
import { DriveActions } from './drive-actions';
import { HealthCell, LockCell } from './drive-cells';
import { LogTail } from './log-tail';
import { BadBlocks, Meters } from './meters';
import { selfTestFacts } from './self-tests';

export function Drawer({ id, close }: { id: string; close: () => void }) {
        const drive = useDrive(id);
        const active = useActive(id);
        const last = useLast(id);
        const panel = useRef<HTMLElement>(null);
        const [error, setError] = useState('');
        const job = active ?? last;

        // What the events leave out of the drive and its job, and the last job.
        useEffect(() => {
                let current = true;
                theApi().drawer(id).then((drawer) => {
                        if (!current)
                                return;
                        driveChanged(id, { last_seen_usec: drawer.drive.last_seen_usec });
                        if (drawer.job)
                                jobChanged(drawer.job);
                }, (failure: Error) => current && setError(failure.message));
                return () => { current = false; };
        }, [id, active?.id, drive?.present, drive?.stale]);

        // Before a list that it covers lets go of the focus.
        useLayoutEffect(() => {
                const opener = document.activeElement;
                panel.current?.focus({ preventScroll: true });
                return () => giveFocusBack(opener);
        }, []);

        if (!drive)
                return null;
        return (
                <aside ref={panel} class="drawer" tabIndex={-1} aria-label={`${drive.host} ${drive.dev_name}`}
                        onKeyDown={(event) => { if (event.key === 'Escape') close(); }}>
                        <header class="drawer-head">
                                <div>
                                        <h2>{drive.dev_name || 'Missing drive'} <span class="subtle">on {drive.host}</span></h2>
                                        <p class="subtle clip">{drive.model} · <span class="mono">{drive.serial}</span></p>
                                </div>
                                <button type="button" class="btn plain icon-only" aria-label="Close" onClick={close}><Icon name="cross" /></button>
                        </header>
                        <div class="drawer-body">
                                <div class="drawer-actions"><DriveActions drive={drive} active={active} last={last} /></div>
                                {error && <Notice kind="warning" title={error} />}
                                {job ? <JobSection job={job} drive={drive} /> : <p class="subtle">It had no burn-in yet.</p>}
                                {drive.lock_state !== 'none' && <p class="subtle">{lockNames[drive.lock_state]}: {drive.lock_detail}</p>}
                                <section>
                                        <h3>Self-tests</h3>
                                        <Facts list={selfTestFacts(drive)} />
                                </section>
                                <section>
                                        <h3>Drive</h3>
                                        <Facts list={[
                                                ['Size', bytes(drive.size_bytes)],
                                                ['Kind', `${drive.transport.toUpperCase()} ${drive.rotational ? 'hard disk' : 'flash'}`],
                                                ['Health', <HealthCell drive={drive} />],
                                                ['Temperature', <Temperature mdegc={drive.temperature_mdegc} />],
                                                ['Location', drive.location || '–'],
                                                ['Bay', drive.bay || '–'],
                                                ['Lock', drive.lock_state === 'none' ? 'Not locked' : <LockCell drive={drive} />],
                                                ['WWN', <span class="mono">{drive.wwn || '–'}</span>],
                                                ['Last seen', drive.present && !drive.stale ? 'Now' : date(drive.last_seen_usec)],
                                        ]} />
                                        {drive.notes && <p class="drive-notes">{drive.notes}</p>}
                                        <Link to={`/drives/${encodeURIComponent(drive.id)}`}>Readings and all jobs</Link>
                                </section>
                        </div>
                </aside>
        );
}

function currentStage(job: Job): Stage | undefined {
        const stages = job.stages ?? [];
        const at = job.current_stage;
        return at !== null ? stages.find(({ kind }) => kind === at)
                : stages.find(({ verdict }) => verdict === 'failed' || verdict === 'inconclusive')
                        ?? stages.find(({ kind, started_usec }) => kind === 'surface_validate' && started_usec > 0)
                        ?? [...stages].reverse().find(({ started_usec }) => started_usec > 0);
}

const noticeOf: Partial<Record<Job['verdict'], Kind>> = { failed: 'danger', inconclusive: 'warning', passed: 'success', cancelled: 'info' };

function JobSection({ job, drive }: { job: Job; drive: Drive }) {
        const current = currentStage(job);
        const [chosen, setChosen] = useState<number | null>(null);
        const shown = job.stages?.find(({ index }) => index === chosen) ?? current;
        const live = job.state !== 'done';
        const reason = job.reason || shown?.contact || shown?.stalled || shown?.paused;
        return (
                <>
                        <section>
                                <div class="section-head">
                                        <h3>{job.kind === 'self-test' ? 'Self-test' : 'Burn-in'} <Link to={`/history/${job.id}`}>job {job.id}</Link></h3>
                                        <StateLabel state={job.state} verdict={job.verdict} />
                                </div>
                                {live && <p class="drawer-percent"><strong>{Math.floor(job.percent)} %</strong><span class="subtle">{job.eta_usec > now.value ? `${span(job.eta_usec - now.value)} left` : ''}</span></p>}
                                {live && <Bar percent={job.percent} tone={job.state === 'running' ? 'info' : 'warning'} label="All stages" />}
                                {job.stages && (
                                        <ol class="stage-list" aria-label="Stages">
                                                {job.stages.map((stage) => (
                                                        <li key={stage.index}>
                                                                <button type="button" aria-pressed={shown?.index === stage.index} onClick={() => setChosen(stage.index)}>
                                                                        <StateLabel state={stage.state} verdict={stage.verdict} />
                                                                        <span>{stageNames[stage.kind]}</span>
                                                                        <span class="stage-time">{stage.started_usec > 0 ? span((stage.finished_usec || now.value) - stage.started_usec) : ''}</span>
                                                                </button>
                                                        </li>
                                                ))}
                                        </ol>
                                )}
                        </section>
                        {live && reason && <Notice kind={job.state === 'queued' ? 'info' : 'warning'} role="status" title={reason} />}
                        {shown && (
                                <section>
                                        <div class="section-head"><h3>{stageNames[shown.kind]}</h3>{shown.kind === 'surface_validate' && <BadBlocks stage={shown} />}</div>
                                        <Meters stage={shown} />
                                        <Vitals stage={shown} drive={drive} />
                                        <LogTail key={`${job.id} ${shown.index}`} job={job.id} stage={shown.index} live={live && shown.state !== 'done'} />
                                </section>
                        )}
                        {!live && job.reason && <Notice kind={noticeOf[job.verdict] ?? 'info'} role="status" title={job.verdict === 'failed' ? 'Why it failed' : job.verdict === 'inconclusive' ? 'Why nothing can be said' : 'How it ended'}>{job.reason}</Notice>}
                </>
        );
}

function Vitals({ stage, drive }: { stage: Stage; drive: Drive }) {
        const live = stage.state !== 'done';
        const vitals: [string, preact.ComponentChildren][] = [
                ['Temperature', <Temperature mdegc={live ? stage.temperature_mdegc ?? drive.temperature_mdegc : stage.temperature_max_mdegc} />],
                ['Speed', speed(stage.bytes_per_second)],
                ['Elapsed', stage.started_usec > 0 ? span((stage.finished_usec || now.value) - stage.started_usec) : '–'],
                live ? ['Left', stage.eta_usec > now.value ? span(stage.eta_usec - now.value) : '–'] : ['Worked', bytes(stage.work_bytes)],
        ];
        return <dl class="vitals">{vitals.map(([term, value]) => <div key={term}><dt>{term === 'Temperature' && !live ? 'Hottest' : term}</dt><dd>{value}</dd></div>)}</dl>;
}
