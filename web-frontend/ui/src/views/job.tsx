// SPDX-License-Identifier: LGPL-2.1-or-later
import type { ComponentChildren } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { date, lockNames, percent, span, speed, stageNames, temperature, bytes } from '../lib/format';
import { save } from '../lib/save';
import type { Job, Stage } from '../model';
import { go } from '../router';
import { activeNow, canOperate, changes, jobChanged, now, theApi } from '../store';
import { Dialog, showDialog } from '../ui/dialog';
import { Icon } from '../ui/icon';
import { Link } from '../ui/link';
import { Notice } from '../ui/notice';
import { Card, Facts, Field, Page, Scroll, useLoad, Waiting } from '../ui/page';
import { Bar, StateLabel } from '../ui/status';
import { attempt, toast } from '../ui/toast';
import { CancelDialog } from './cancel-dialogs';
import { EvidenceTable } from './evidence';
import { LogTail } from './log-tail';
import { BadBlocks, Meters } from './meters';
import { SmartComparison } from './smart-comparison';

export function JobPage({ id }: { id: string }) {
        const loaded = useLoad(async () => {
                const job = await theApi().job(Number(id));
                jobChanged(job); // for what the events leave out
                return job;
        }, [id]);
        return (
                <Waiting loaded={loaded}>
                        {(first) => <JobDetails first={first} reload={loaded.reload} />}
                </Waiting>
        );
}

function JobDetails({ first, reload }: { first: Job; reload: () => void }) {
        void changes.value;
        // While it is active the events have it newer; once more when a stage or all of it has ended, for the ledger.
        const active = activeNow(first.drive_id);
        const live = active?.id === first.id ? active : undefined;
        const job = live ?? first;
        const ended = first.state === 'done' ? 'done' : live ? String(stagesDone(live)) : '';
        useEffect(() => {
                if (ended !== 'done' && ended !== String(stagesDone(first)))
                        reload();
        }, [ended]);
        const operate = canOperate.value;
        const report = job.state === 'done' ? theApi().report(job.id) : null;
        return (
                <Page title={<>Job {job.id} <StateLabel state={job.state} verdict={job.verdict} /></>} actions={
                        <>
                                {operate && (job.state === 'running' || job.state === 'queued') && job.kind === 'burn-in' && <button type="button" class="btn secondary" onClick={() => attempt(theApi().pauseJob(job.id, '').then(reload))}><Icon name="pause" size={12} />Pause</button>}
                                {operate && job.state === 'queued' && (
                                        <select aria-label="Priority" value={String(Math.sign(job.priority) * 50)} onChange={(event) => attempt(theApi().setPriority(job.id, Number(event.currentTarget.value)).then(reload))}>
                                                <option value="50">High priority</option><option value="0">Normal priority</option><option value="-50">Low priority</option>
                                        </select>
                                )}
                                {operate && job.state === 'paused' && <button type="button" class="btn secondary" onClick={() => attempt(theApi().resumeJob(job.id).then(reload))}><Icon name="play" size={12} />Resume</button>}
                                {operate && job.state !== 'done' && job.state !== 'stopping' && <button type="button" class="btn danger-secondary" onClick={() => showDialog(<CancelDialog job={job} />)}>{job.kind === 'burn-in' ? '✕ Burn-In' : job.profile === 'long' ? '✕ Long' : '✕ Short'}</button>}
                                {operate && job.state === 'done' && job.kind === 'burn-in' && <button type="button" class="btn secondary" onClick={() => showDialog(<RetryDialog job={job} />)}>Once more</button>}
                                {typeof report === 'string' && <a class="btn secondary" href={report} target="_blank" rel="noopener"><Icon name="external" />Report</a>}
                                {typeof report === 'function' && <button type="button" class="btn secondary" onClick={() => attempt(report().then((page) => save(page, `burnin-job${job.id}.html`)))}><Icon name="download" />Report</button>}
                                {job.state === 'done' && <Link to={`/history/${job.id}/print`} class="btn secondary"><Icon name="print" />Print</Link>}
                        </>
                }>
                        {job.reason && <Notice kind={job.verdict === 'failed' ? 'danger' : job.verdict === 'passed' ? 'success' : job.verdict === 'inconclusive' || job.state === 'paused' ? 'warning' : 'info'} role="status" title={job.reason} />}
                        {job.state !== 'done' && (
                                <Card>
                                        <p class="drawer-percent"><strong>{percent(job.percent)}</strong><span class="subtle">{job.eta_usec > now.value ? `${span(job.eta_usec - now.value)} left, until ${date(job.eta_usec)}` : ''}</span></p>
                                        <div class="chart-note"><Bar percent={job.percent} label="All stages" tone={job.state === 'running' ? 'info' : 'warning'} /></div>
                                </Card>
                        )}
                        <div class="columns">
                                <Card title="Drive"><Facts list={[
                                        ['Model', job.model], ['Serial', <code>{job.serial}</code>], ['Host', job.host],
                                        ['Identity', <Link to={`/drives/${encodeURIComponent(job.drive_id)}`}>{job.drive_id}</Link>],
                                ]} /></Card>
                                <Card title="Job"><Facts list={jobFacts(job)} /></Card>
                        </div>
                        {job.stages?.map((stage) => <StageCard key={stage.index} job={job} stage={stage} />)}
                        <SmartComparison job={job} />
                </Page>
        );
}

const stagesDone = (job: Job): number => job.stages?.filter(({ state }) => state === 'done').length ?? 0;

export function jobFacts(job: Job): [string, ComponentChildren][] {
        const facts: [string, ComponentChildren][] = [
                ['Profile', job.kind === 'self-test' ? `${job.profile} self-test` : job.profile], ['Started by', job.operator],
                ['Queued', date(job.created_usec)], ['Started', date(job.started_usec)], ['Ended', date(job.finished_usec)],
        ];
        if (job.started_usec > 0)
                facts.push(['Took', span((job.finished_usec || now.value) - job.started_usec)]);
        if (job.queued_until_usec > 0)
                facts.push(['Not before', date(job.queued_until_usec)]);
        if (job.unlocked)
                facts.push(['Unlocked', `${lockNames[job.unlocked as keyof typeof lockNames] ?? job.unlocked}${job.unlocked_pool ? ` ${job.unlocked_pool}` : ''}, by ${job.unlocked_by}: ${job.unlock_reason}`]);
        if (job.note)
                facts.push(['Note', job.note]);
        return facts;
}

function StageCard({ job, stage }: { job: Job; stage: Stage }) {
        const [log, setLog] = useState(false);
        const began = stage.started_usec > 0;
        return (
                <Card class="stage-card" title={stageNames[stage.kind]} actions={<>{stage.kind === 'surface_validate' && <BadBlocks stage={stage} />}<StateLabel state={stage.state} verdict={stage.verdict} /></>}>
                        {stage.reason && stage.reason !== job.reason && <p>{stage.reason}</p>}
                        {began && (stage.phases > 0 || stage.state !== 'done') && <Meters stage={stage} />}
                        {began && <StageFacts stage={stage} />}
                        {stage.evidence && stage.evidence.length > 0 && <Scroll class="ledger-box" label="Evidence"><EvidenceTable evidence={stage.evidence} /></Scroll>}
                        {stage.bad_block_list && stage.bad_block_list.length > 0 && <p class="bad-list mono">{stage.bad_block_list.join(' ')}</p>}
                        {began && <button type="button" class="btn link inline" aria-expanded={log} onClick={() => setLog(!log)}>{log ? 'Hide the log' : 'Show the log'}</button>}
                        {log && <LogTail job={job.id} stage={stage.index} live={stage.state !== 'done'} />}
                </Card>
        );
}

function StageFacts({ stage }: { stage: Stage }) {
        const words = [span((stage.finished_usec || now.value) - stage.started_usec)];
        if (stage.temperature_max_mdegc !== null)
                words.push(`${temperature(stage.temperature_min_mdegc)} to ${temperature(stage.temperature_max_mdegc)}`);
        if (stage.bytes_per_second > 0)
                words.push(speed(stage.bytes_per_second));
        if (stage.work_bytes > 0)
                words.push(`${bytes(stage.work_bytes)} of work counted by the host`);
        if (stage.attempt > 1)
                words.push(`${stage.attempt} workers`);
        return <p class="subtle">{words.join(' · ')}</p>;
}

function RetryDialog({ job }: { job: Job }) {
        const [serial, setSerial] = useState('');
        return (
                <Dialog title="Burn in once more" action="Destroy data and burn in" danger ready={serial === job.serial && serial !== ''}
                        onAction={async () => {
                                const { retryJob } = theApi();
                                await retryJob(job.id, serial);
                                toast('success', 'Queued once more');
                                go('/');
                        }}>
                        <p>The same drive, stages, priority and note as in job {job.id}. Everything on it that a surface stage reaches is destroyed.</p>
                        <Field id="retry-serial" label={`Type its serial number, ${job.serial}`}>
                                {(field) => <input {...field} class="mono" autocomplete="off" spellcheck={false} value={serial} onInput={(event) => setSerial(event.currentTarget.value)} />}
                        </Field>
                </Dialog>
        );
}

