// SPDX-License-Identifier: LGPL-2.1-or-later
import { useEffect, useMemo, useState } from 'preact/hooks';
import { bytes, count, range } from '../lib/format';
import { clearTicks } from '../lib/selection';
import { chosen, destroys, ofProfile, profileOf, profiles, type Choice } from '../lib/stages';
import type { Drive, Estimate, StartRequest, StartResult } from '../model';
import { driveNow, grantOf, refreshGrants, session, theApi } from '../store';
import { Dialog } from '../ui/dialog';
import { Field } from '../ui/page';
import { Notice } from '../ui/notice';
import { toast } from '../ui/toast';
import { StageOrder } from './stage-order';

interface Props {
        ids: string[];
        unlock?: boolean;
        release?: boolean;
}

// As many as one request may name.
const BATCH_MAX = 4096;

function requestId(): string {
        return Array.from(crypto.getRandomValues(new Uint8Array(12)), (byte) => byte.toString(16).padStart(2, '0')).join('');
}

function tell(result: StartResult): void {
        const words = `${result.queued} queued, ${result.skipped} skipped, ${result.locked} locked`;
        const refused = result.results.filter(({ error }) => error !== null);
        toast(result.queued === 0 ? 'danger' : refused.length > 0 ? 'warning' : 'success', words,
                refused.length > 0 && <ul class="toast-list">{refused.slice(0, 4).map((one) => <li key={one.drive_id}>{one.error?.message}</li>)}{refused.length > 4 && <li>and {refused.length - 4} more</li>}</ul>);
}

export function StartDialog({ ids, unlock = false, release: releaseFirst = false }: Props) {
        const [drives] = useState(() => ids.flatMap((id) => driveNow(id) ?? []));
        const [profile, setProfile] = useState('surface');
        const [choices, setChoices] = useState<Choice[]>(() => ofProfile('surface'));
        const [note, setNote] = useState('');
        const [priority, setPriority] = useState(0);
        const [at, setAt] = useState('');
        const [serial, setSerial] = useState('');
        const [sure, setSure] = useState(false);
        const [release, setRelease] = useState(releaseFirst);
        const [request] = useState(requestId);
        const single = drives.length === 1 ? drives[0] : undefined;
        const stages = chosen(choices);
        const danger = destroys(choices);
        const grant = single && unlock ? grantOf(single.id) : undefined;
        const plan = profile === 'custom' ? { stages } : { profile };
        const ready = drives.length > 0 && stages.length > 0 && (!danger || (single ? serial === single.serial && serial !== '' : sure));

        const start = async (): Promise<void> => {
                const total: StartResult = { queued: 0, skipped: 0, locked: 0, results: [] };
                for (let first = 0; first < drives.length; first += BATCH_MAX) {
                        const result = await theApi().start(requestFor(drives.slice(first, first + BATCH_MAX), first));
                        total.queued += result.queued;
                        total.skipped += result.skipped;
                        total.locked += result.locked;
                        total.results.push(...result.results);
                }
                tell(total);
                clearTicks();
                if (unlock)
                        await refreshGrants();
        };

        const requestFor = (some: Drive[], first: number): StartRequest => ({
                ...plan,
                drive_ids: some.map(({ id }) => id),
                serials: single ? { [single.id]: danger ? serial : single.serial } : undefined,
                confirm: single ? undefined : true,
                unlock: unlock || undefined,
                release: unlock && release ? true : undefined,
                note: note.trim() || undefined,
                at_usec: at ? new Date(at).getTime() * 1000 : undefined,
                priority: priority || undefined,
                // Sent again after a lost answer, it starts nothing twice.
                request: first === 0 ? request : `${request}-${first}`,
        });

        return (
                <Dialog wide title={single ? 'Burn in a drive' : `Burn in ${count(drives.length, 'drive')}`} danger={danger} ready={ready} onAction={start}
                        action={danger ? (single ? 'Destroy data and burn in' : `Destroy data on ${count(drives.length, 'drive')} and burn in`) : at ? 'Schedule' : 'Start'}>
                        {single ? <OneDrive drive={single} /> : <ManyDrives drives={drives} />}
                        <div class="start-grid">
                                <div>
                                        <Field id="start-profile" label="Profile">
                                                {(field) => (
                                                        <select {...field} value={profile} onChange={(event) => {
                                                                setProfile(event.currentTarget.value);
                                                                setChoices(ofProfile(event.currentTarget.value));
                                                        }}>
                                                                {profiles.map(({ name, title }) => <option key={name} value={name}>{title}</option>)}
                                                                <option value="custom" hidden>Custom order</option>
                                                        </select>
                                                )}
                                        </Field>
                                        <StageOrder choices={choices} fast={profile === 'fast'} change={(next) => {
                                                setChoices(next);
                                                setProfile(profileOf(next, profile));
                                        }} />
                                </div>
                                <div>
                                        <EstimateBox drives={drives} profile={profile} stages={stages} />
                                        <Field id="start-note" label="Note">
                                                {(field) => <textarea {...field} rows={2} maxLength={500} value={note} onInput={(event) => setNote(event.currentTarget.value)} />}
                                        </Field>
                                        <div class="field-pair">
                                                <Field id="start-at" label="Not before">
                                                        {(field) => <input {...field} type="datetime-local" value={at} onInput={(event) => setAt(event.currentTarget.value)} />}
                                                </Field>
                                                <Field id="start-priority" label="Priority">
                                                        {(field) => (
                                                                <select {...field} value={String(priority)} onChange={(event) => setPriority(Number(event.currentTarget.value))}>
                                                                        <option value="50">High</option><option value="0">Normal</option><option value="-50">Low</option>
                                                                </select>
                                                        )}
                                                </Field>
                                        </div>
                                        <p class="acting">Acting as <strong>{session.value?.account ?? 'yourself'}</strong></p>
                                </div>
                        </div>
                        {grant?.in_use && (
                                <label class="check"><input type="checkbox" checked={release} onChange={(event) => setRelease(event.currentTarget.checked)} />
                                        <span>First end what uses it ({grant.lock_detail}): export, unmount, never by force. Without it the start is refused.</span></label>
                        )}
                        {danger && (
                                <Notice kind="danger" role="status" title={single ? 'Everything on this drive will be destroyed' : `Everything on these ${drives.length} drives will be destroyed`}>
                                        {single
                                                ? single.serial === ''
                                                        ? <span>This drive gives no serial number that could be typed; it can be burned in as one of several.</span>
                                                        : <Field id="start-serial" label={`Type its serial number, ${single.serial}`} error={serial !== '' && !single.serial.startsWith(serial) ? 'This is not the serial number of this drive.' : ''}>
                                                                {(field) => <input {...field} class="mono" autocomplete="off" autocapitalize="none" spellcheck={false} value={serial} onInput={(event) => setSerial(event.currentTarget.value)} />}
                                                        </Field>
                                                : <label class="check"><input type="checkbox" checked={sure} onChange={(event) => setSure(event.currentTarget.checked)} />
                                                        <span>Yes, destroy all data on {count(drives.length, 'drive')} ({bytes(drives.reduce((sum, drive) => sum + drive.size_bytes, 0))})</span></label>}
                                </Notice>
                        )}
                </Dialog>
        );
}

function OneDrive({ drive }: { drive: Drive }) {
        return (
                <p class="dialog-drive">
                        <strong>{drive.host} {drive.dev_name}</strong>
                        <span>{drive.model}</span>
                        <code>{drive.serial}</code>
                        <span>{bytes(drive.size_bytes)}</span>
                        {drive.location && <span>{drive.location}</span>}
                </p>
        );
}

function ManyDrives({ drives }: { drives: Drive[] }) {
        const hosts = useMemo(() => {
                const found = new Map<string, Drive[]>();
                for (const drive of drives)
                        found.set(drive.host, [...found.get(drive.host) ?? [], drive]);
                return [...found].sort(([a], [b]) => a.localeCompare(b));
        }, [drives]);
        return (
                <details class="dialog-drives">
                        <summary>{hosts.slice(0, 4).map(([host, list]) => `${host} (${list.length})`).join(', ')}{hosts.length > 4 && ` and ${hosts.length - 4} more hosts`}</summary>
                        <ul>
                                {drives.slice(0, 200).map((drive) => <li key={drive.id}>{drive.host} {drive.dev_name} · {drive.model} · <code>{drive.serial}</code>{drive.location && ` · ${drive.location}`}</li>)}
                                {drives.length > 200 && <li>and {drives.length - 200} more</li>}
                        </ul>
                </details>
        );
}

function EstimateBox({ drives, profile, stages }: { drives: Drive[]; profile: string; stages: string[] }) {
        const [estimate, setEstimate] = useState<Estimate | null>(null);
        const [error, setError] = useState('');
        const order = stages.join();
        useEffect(() => {
                let current = true;
                setError('');
                if (order === '')
                        return setEstimate(null);
                const timer = setTimeout(() => {
                        theApi().estimate(drives.slice(0, BATCH_MAX).map(({ id }) => id), profile === 'custom' ? { stages: order.split(',') } : { profile }).then(
                                (answer) => current && setEstimate(answer),
                                (failure: Error) => current && setError(failure.message));
                }, 150);
                return () => {
                        current = false;
                        clearTimeout(timer);
                };
        }, [profile, order]);
        const known = estimate?.estimates.filter(({ basis }) => basis === 'history').length ?? 0;
        return (
                <div class="estimate" role="status">
                        <span class="estimate-title">Estimated time</span>
                        <strong>{error ? 'Not known' : stages.length === 0 ? 'No stage is chosen' : estimate ? range(estimate.low_usec, estimate.high_usec) : '…'}</strong>
                        <span class="help">{error || (stages.length === 0 ? 'Choose at least one.' : !estimate ? ' ' : known === estimate.estimates.length
                                ? `From ${count(estimate.estimates[0]?.jobs ?? 0, 'burn-in')} of this model here`
                                : known > 0 ? `${known} of ${estimate.estimates.length} from burn-ins of their model here` : 'From what drives of this kind and size take')}</span>
                </div>
        );
}
