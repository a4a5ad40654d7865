// SPDX-License-Identifier: LGPL-2.1-or-later
import { useEffect, useMemo, useState } from 'preact/hooks';
import { holdsOldData } from '../lib/drives';
import { bytes, count, range } from '../lib/format';
import { view } from '../lib/rows';
import { clearTicks } from '../lib/selection';
import { chosen, destroys, ofProfile, profileOf, profiles, type Choice } from '../lib/stages';
import type { Drive, Estimate, StartRequest, StartResult } from '../model';
import { setQuery } from '../router';
import { driveNow, grantOf, session, theApi } from '../store';
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
        const nvme = drives.length > 0 && drives.every(({ transport }) => transport === 'nvme');
        const [profile, setProfile] = useState('surface');
        const [choices, setChoices] = useState<Choice[]>(() => ofProfile('surface', nvme));
        const [note, setNote] = useState('');
        const [priority, setPriority] = useState(0);
        const [when, setWhen] = useState<When>({ how: 'now', at: '', calendar: '' });
        const [serial, setSerial] = useState('');
        const [listed, setListed] = useState('');
        const [sure, setSure] = useState(false);
        const [release, setRelease] = useState(releaseFirst);
        const [request] = useState(requestId);
        const single = drives.length === 1 ? drives[0] : undefined;
        const stages = chosen(choices);
        const danger = destroys(choices);
        const grant = single && unlock ? grantOf(single.id) : undefined;
        const plan = profile === 'custom' ? { stages } : { profile };
        const old = unlock ? [] : drives.filter(holdsOldData);
        const named = single ? serial === single.serial && serial !== '' : areListed(old, listed) && (sure || !danger);
        const ready = drives.length > 0 && stages.length > 0 && (named || (!danger && old.length === 0)) && (when.how === 'now' || when[when.how].trim() !== '');

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
                // What has just been started must not vanish because it is ready no more.
                if (total.queued > 0 && view.peek().state === 'ready')
                        setQuery({ state: '' });
        };

        const requestFor = (some: Drive[], first: number): StartRequest => ({
                ...plan,
                drive_ids: some.map(({ id }) => id),
                serials: single ? { [single.id]: danger || old.length > 0 ? serial : single.serial }
                        : old.length > 0 ? Object.fromEntries(some.filter(holdsOldData).map((drive) => [drive.id, drive.serial])) : undefined,
                confirm: single ? undefined : true,
                unlock: unlock || undefined,
                release: unlock && release ? true : undefined,
                unlock_existing: old.length > 0 || undefined,
                note: note.trim() || undefined,
                at_usec: when.how === 'at' ? new Date(when.at).getTime() * 1000 : undefined,
                calendar: when.how === 'calendar' ? when.calendar.trim() : undefined,
                priority: priority || undefined,
                // Sent again after a lost answer, it starts nothing twice.
                request: first === 0 ? request : `${request}-${first}`,
        });

        return (
                <Dialog wide title={single ? 'Burn in a drive' : `Burn in ${count(drives.length, 'drive')}`} danger={danger} ready={ready} onAction={start}
                        action={danger ? (single ? 'Destroy data and burn in' : `Destroy data on ${count(drives.length, 'drive')} and burn in`) : when.how === 'now' ? 'Start' : 'Schedule'}>
                        {single ? <OneDrive drive={single} /> : <ManyDrives drives={drives} />}
                        <div class="start-grid">
                                <div>
                                        <Field id="start-profile" label="Profile">
                                                {(field) => (
                                                        <select {...field} value={profile} onChange={(event) => {
                                                                setProfile(event.currentTarget.value);
                                                                setChoices(ofProfile(event.currentTarget.value, nvme));
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
                                                <Field id="start-when" label="Start">
                                                        {(field) => (
                                                                <select {...field} value={when.how} onChange={(event) => setWhen({ ...when, how: event.currentTarget.value as When['how'] })}>
                                                                        <option value="now">Now</option><option value="at">At a time</option><option value="calendar">By calendar</option>
                                                                </select>
                                                        )}
                                                </Field>
                                                <Field id="start-priority" label="Priority">
                                                        {(field) => (
                                                                <select {...field} value={String(priority)} onChange={(event) => setPriority(Number(event.currentTarget.value))}>
                                                                        <option value="50">High</option><option value="0">Normal</option><option value="-50">Low</option>
                                                                </select>
                                                        )}
                                                </Field>
                                        </div>
                                        <WhenField when={when} change={setWhen} />
                                        <p class="acting">Acting as <strong>{session.value?.account ?? 'yourself'}</strong></p>
                                </div>
                        </div>
                        {grant?.in_use && (
                                <label class="check"><input type="checkbox" checked={release} onChange={(event) => setRelease(event.currentTarget.checked)} />
                                        <span>First end what uses it ({grant.lock_detail}): export, unmount, never by force. Without it the start is refused.</span></label>
                        )}
                        {old.length > 0 && !single && <OldData drives={old} text={listed} change={setListed} />}
                        {(danger || (single && old.length > 0)) && (
                                <Notice kind="danger" role="status" title={!danger ? 'This drive is locked' : single ? 'Everything on this drive will be destroyed' : `Everything on these ${drives.length} drives will be destroyed`}>
                                        {single && old.length > 0 && <span>It has data that nothing uses now: {single.lock_detail}. Its serial number unlocks it for this burn-in.</span>}
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

type When = { how: 'now' | 'at' | 'calendar'; at: string; calendar: string };

function WhenField({ when, change }: { when: When; change: (when: When) => void }) {
        if (when.how === 'at')
                return (
                        <Field id="start-at" label="Not before" help="By the clock of this browser.">
                                {(field) => <input {...field} type="datetime-local" value={when.at} onInput={(event) => change({ ...when, at: event.currentTarget.value })} />}
                        </Field>
                );
        if (when.how === 'calendar')
                return (
                        <Field id="start-calendar" label="Calendar expression" help={<>As systemd writes it, by the clock of the service: <code>Sat 22:00</code>, <code>Mon..Fri 20:00</code>, <code>*-*-01 06:00 UTC</code>. The next such time, once.</>}>
                                {(field) => <input {...field} class="mono" autocomplete="off" autocapitalize="none" spellcheck={false} maxLength={256} value={when.calendar} onInput={(event) => change({ ...when, calendar: event.currentTarget.value })} />}
                        </Field>
                );
        return null;
}

function linesOf(text: string): string[] {
        return text.split('\n').map((line) => line.trim()).filter(Boolean);
}

function areListed(drives: Drive[], text: string): boolean {
        const lines = new Set(linesOf(text));
        return drives.every(({ serial }) => lines.has(serial)) && lines.size === new Set(drives.map(({ serial }) => serial)).size;
}

function OldData({ drives, text, change }: { drives: Drive[]; text: string; change: (text: string) => void }) {
        const lines = linesOf(text);
        const strange = lines.slice(0, text.endsWith('\n') ? undefined : -1).find((line) => !drives.some(({ serial }) => serial === line));
        const found = drives.filter(({ serial }) => lines.includes(serial)).length;
        return (
                <Notice kind="warning" role="status" title={`${drives.length === 1 ? 'One of these drives has' : `${drives.length} of these drives have`} data that nothing uses now`}>
                        <ul class="old-data">{drives.map((drive) => <li key={drive.id}>{drive.host} {drive.dev_name} · <code>{drive.serial}</code> · {drive.lock_detail}</li>)}</ul>
                        <Field id="start-old" label="Type their serial numbers to unlock them, one a line" error={strange ? `${strange} is none of them.` : ''} help={`${found} of ${drives.length}. Each is unlocked for this burn-in alone.`}>
                                {(field) => <textarea {...field} class="mono" rows={Math.min(6, drives.length + 1)} autocomplete="off" autocapitalize="none" spellcheck={false} value={text} onInput={(event) => change(event.currentTarget.value)} />}
                        </Field>
                </Notice>
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
