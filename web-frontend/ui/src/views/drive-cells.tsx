// SPDX-License-Identifier: LGPL-2.1-or-later
// What the table and the cards say of a drive.
import { ago, lockNames, percent, span, stageShort } from '../lib/format';
import type { Drive, Job, SelfTest } from '../model';
import { grantOf, isMine, now } from '../store';
import { Icon } from '../ui/icon';
import { Link } from '../ui/link';
import { Bar, Label, StateLabel, VerdictLabel } from '../ui/status';

export function HealthCell({ drive }: { drive: Drive }) {
        if (!drive.present)
                return <Label tone="warning" icon="missing">Missing</Label>;
        if (drive.stale)
                return <Label tone="warning" icon="clock">Stale</Label>;
        if (drive.identity_state !== 'ok')
                return <Label tone="warning" icon="warning" title="It is never burned in">{drive.identity_state === 'none' ? 'No identity' : 'Shared identity'}</Label>;
        switch (drive.smart_health) {
        case 'passed':
                return <Label tone="success" icon="pass">Passed</Label>;
        case 'failed':
                return <Label tone="danger" icon="fail">Failed</Label>;
        case 'unknown':
                return <span class="subtle">Unknown</span>;
        }
}

export function LockCell({ drive }: { drive: Drive }) {
        if (drive.lock_state === 'none')
                return <span class="subtle">–</span>;
        const grant = grantOf(drive.id);
        return (
                <>
                        {grant
                                ? <span class="lock unlocked"><Icon name="unlock" size={12} />{isMine(grant) ? 'Unlocked' : `Unlocked by ${grant.operator}`} <span class="under-inline">{span(grant.expires_usec - now.value)}</span></span>
                                : <span class={`lock ${drive.lock_in_use ? 'in-use' : ''}`}><Icon name="lock" size={12} /><span class="clip">{lockNames[drive.lock_state] || drive.lock_state}</span></span>}
                        <span class="under clip" title={drive.lock_detail}>{drive.lock_detail}</span>
                </>
        );
}

function TestLine({ title, test }: { title: string; test: SelfTest | undefined }) {
        let result = <span class="subtle">–</span>;
        switch (test?.state) {
        case 'running':
                result = <span class="test running">{test.percent >= 0 ? `${test.estimated ? '~' : ''}${percent(test.percent)}` : 'running'}</span>;
                break;
        case 'passed':
                result = <span class="test passed"><Icon name="check" size={12} label="passed" /> {test.ended_usec > 0 ? ago(test.ended_usec, now.value).replace(/^just | ago$/, '') : ''}</span>;
                break;
        case 'failed':
                result = <span class="test failed" title={test.words}><Icon name="fail" size={12} /> failed</span>;
                break;
        case 'aborted':
                result = <span class="test" title={test.words}>aborted</span>;
                break;
        case 'unknown':
                result = <span class="test" title={test.words}>unknown</span>;
                break;
        case 'idle':
        case undefined:
        }
        return <span class="test-line"><span class="test-title">{title}</span>{result}</span>;
}

export function SelfTestCell({ drive }: { drive: Drive }) {
        const { short, long, unknown } = drive.self_tests;
        return (
                <div class="tests">
                        <TestLine title="Short" test={short} />
                        <TestLine title="Long" test={unknown?.state === 'running' ? unknown : long} />
                </div>
        );
}

// "Surface · Verify 0x55 · 47 %"
function progressWords(job: Job): string {
        const stage = job.stages?.find(({ kind }) => kind === job.current_stage);
        if (!stage)
                return job.current_stage ? stageShort[job.current_stage] : job.state === 'running' ? 'Starting' : job.reason;
        const words: string[] = [stageShort[stage.kind]];
        if (stage.phase > 0)
                words.push(stage.phase_name, percent(stage.phase_percent));
        else if (stage.percent > 0)
                words.push(percent(stage.percent));
        return words.join(' · ');
}

function remaining(job: Job): string {
        if (job.state === 'paused')
                return job.paused_by ? `Paused by ${job.paused_by}` : 'Paused';
        if (job.state === 'stopping')
                return 'Stopping';
        const stage = job.stages?.find(({ kind }) => kind === job.current_stage);
        if (stage?.contact)
                return 'Host out of reach, the run goes on';
        if (stage?.stalled)
                return 'Stalled';
        if (stage?.paused)
                return stage.paused;
        return job.eta_usec > now.value ? `${span(job.eta_usec - now.value)} left` : '';
}

export function BurnInCell({ active, last }: { active: Job | undefined; last: Job | undefined }) {
        if (active?.kind === 'burn-in') {
                if (active.state === 'queued')
                        return <><StateLabel state="queued" verdict="" /><span class="under clip" title={active.reason}>{active.reason || 'Waits for its turn'}</span></>;
                const stage = active.stages?.find(({ kind }) => kind === active.current_stage);
                const trouble = active.state !== 'running' || stage?.contact || stage?.stalled || stage?.paused;
                return (
                        <div class="progress">
                                <span class="progress-words"><span class="clip">{progressWords(active)}</span><strong>{percent(active.percent)}</strong></span>
                                <Bar percent={active.percent} tone={trouble ? 'warning' : 'info'} label="Burn-in" />
                                <span class="progress-words under"><span class="clip">{remaining(active)}</span>{(stage?.bad_blocks ?? 0) > 0 && <span class="danger-text">{stage?.bad_blocks} bad</span>}</span>
                        </div>
                );
        }
        if (!last)
                return <span class="subtle">None yet</span>;
        return (
                <>
                        <Link to={`/history/${last.id}`} class="plain-link"><VerdictLabel verdict={last.verdict} title={last.reason} /></Link>
                        <span class="under clip" title={last.reason}>{ago(last.finished_usec, now.value)}{last.reason && last.verdict !== 'passed' ? ` · ${last.reason}` : ''}</span>
                </>
        );
}
