// SPDX-License-Identifier: LGPL-2.1-or-later
import { useState } from 'preact/hooks';
import { count, percent } from '../lib/format';
import type { Job } from '../model';
import { theApi } from '../store';
import { Dialog } from '../ui/dialog';
import { Field } from '../ui/page';
import { toast } from '../ui/toast';

function Reason({ value, change }: { value: string; change: (value: string) => void }) {
        return (
                <Field id="cancel-reason" label="Reason" help="Optional. It is kept with the job.">
                        {(ids) => <input {...ids} maxLength={200} value={value} onInput={(event) => change(event.currentTarget.value)} />}
                </Field>
        );
}

export function CancelDialog({ job }: { job: Job }) {
        const [reason, setReason] = useState('');
        return (
                <Dialog title="Cancel this burn-in?" action="Cancel burn-in" dismiss="Let it run" danger
                        onAction={async () => {
                                await theApi().cancelJob(job.id, reason);
                                toast('info', `Job ${job.id} is being cancelled`);
                        }}>
                        <p>Job {job.id} on <strong>{job.host}</strong>, {job.model} <code>{job.serial}</code>, is at {percent(job.percent)}. It cannot be taken up again from there.</p>
                        <Reason value={reason} change={setReason} />
                </Dialog>
        );
}

export function CancelAllDialog({ count: active }: { count: number }) {
        const [reason, setReason] = useState('');
        const [sure, setSure] = useState(false);
        return (
                <Dialog title="Cancel every job?" action={`Cancel ${count(active, 'job')}`} dismiss="Let them run" danger ready={sure}
                        onAction={async () => {
                                const cancelled = await theApi().cancelAll(reason);
                                toast('info', `${count(cancelled, 'job')} cancelled`);
                        }}>
                        <p>All {count(active, 'active job')} on all hosts end, whoever started them: those that run, those that are paused, and those that wait.</p>
                        <Reason value={reason} change={setReason} />
                        <label class="check"><input type="checkbox" checked={sure} onChange={(event) => setSure(event.currentTarget.checked)} />Yes, cancel all of them</label>
                </Dialog>
        );
}
