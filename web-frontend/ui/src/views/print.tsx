// SPDX-License-Identifier: LGPL-2.1-or-later
// One job on paper, to go with the drive.
import qrcode from 'qrcode-generator';
import { useEffect, useMemo } from 'preact/hooks';
import { bytes, date, span, stageNames, temperature } from '../lib/format';
import type { Job } from '../model';
import { href } from '../router';
import { session, theApi } from '../store';
import { Icon } from '../ui/icon';
import { Link } from '../ui/link';
import { Notice } from '../ui/notice';
import { Facts, useLoad, Waiting } from '../ui/page';
import { VerdictLabel } from '../ui/status';
import { EvidenceTable } from './evidence';
import { jobFacts } from './job';
import { SmartComparison } from './smart-comparison';

export function Print({ id }: { id: string }) {
        const loaded = useLoad(() => theApi().job(Number(id)), [id]);
        return <Waiting loaded={loaded}>{(job) => <Report job={job} />}</Waiting>;
}

function Qr({ text }: { text: string }) {
        const { path, size } = useMemo(() => {
                const code = qrcode(0, 'M');
                code.addData(text);
                code.make();
                const size = code.getModuleCount();
                let path = '';
                for (let row = 0; row < size; row++)
                        for (let column = 0; column < size; column++)
                                if (code.isDark(row, column))
                                        path += `M${column} ${row}h1v1h-1z`;
                return { path, size };
        }, [text]);
        return <svg class="qr" viewBox={`0 0 ${size} ${size}`} role="img" aria-label={`Address of this job: ${text}`} shape-rendering="crispEdges"><path d={path} /></svg>;
}

function Report({ job }: { job: Job }) {
        // What a browser calls the file that it prints into.
        useEffect(() => { document.title = `burnin report ${job.serial} job ${job.id}`; }, [job.id]);
        const address = new URL(href(`/history/${job.id}`), location.href).toString();
        return (
                <article class="report">
                        <div class="row no-print">
                                <button type="button" class="btn primary" onClick={() => print()}><Icon name="print" />Print</button>
                                <Link to={`/history/${job.id}`} class="btn link">Back to the job</Link>
                        </div>
                        <header class="report-head">
                                <div>
                                        <h1>Burn-in report</h1>
                                        <p>Job {job.id} · {date(job.finished_usec)}</p>
                                        <p class="report-verdict">{job.verdict || job.state}</p>
                                </div>
                                <Qr text={address} />
                        </header>
                        {job.state !== 'done' && <Notice kind="warning" title="This job has not ended: what is printed is not its result." />}
                        {job.reason && <p><strong>{job.reason}</strong></p>}
                        <div class="columns">
                                <section><h2>Drive</h2><Facts list={[['Model', job.model], ['Serial', <code>{job.serial}</code>], ['Identity', <code>{job.drive_id}</code>], ['Host', job.host]]} /></section>
                                <section><h2>Job</h2><Facts list={jobFacts(job)} /></section>
                        </div>
                        {job.stages?.filter(({ verdict }) => verdict !== '' && verdict !== 'skipped').map((stage) => (
                                <section key={stage.index}>
                                        <h2>{stageNames[stage.kind]} <VerdictLabel verdict={stage.verdict} /></h2>
                                        <p class="subtle">
                                                {date(stage.started_usec)}, {span(stage.finished_usec - stage.started_usec)}
                                                {stage.temperature_max_mdegc !== null && `, ${temperature(stage.temperature_min_mdegc)} to ${temperature(stage.temperature_max_mdegc)}`}
                                                {stage.work_bytes > 0 && `, ${bytes(stage.work_bytes)} counted by the host`}
                                                {stage.kind === 'surface_validate' && stage.started_usec > 0 && `, ${stage.bad_blocks} bad blocks`}
                                        </p>
                                        {stage.evidence && stage.evidence.length > 0 && <EvidenceTable evidence={stage.evidence} />}
                                </section>
                        ))}
                        <SmartComparison job={job} bare />
                        <footer class="report-foot">
                                <div class="signature"><div>Date</div><div>Signature</div></div>
                                <p class="help">burnin {session.value?.version}, {address}</p>
                        </footer>
                </article>
        );
}
