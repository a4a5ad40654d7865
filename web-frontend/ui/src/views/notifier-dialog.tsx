// SPDX-License-Identifier: LGPL-2.1-or-later
// Where a notifier sends to, and what: for a new one, and for one that is there.
import { useState } from 'preact/hooks';
import type { Notifier, NotifierKind, Severity } from '../model';
import { hosts, theApi } from '../store';
import type { NotifierOptions } from '../transport/api';
import { Dialog } from '../ui/dialog';
import { Field } from '../ui/page';
import { toast } from '../ui/toast';

const kinds: [NotifierKind, string, string][] = [
        ['ntfy', 'ntfy', 'The URL of the topic.'], ['slack', 'Slack', 'The URL of an incoming webhook.'], ['discord', 'Discord', 'The URL of a webhook of the channel.'],
        ['gotify', 'Gotify', 'The URL of the server; the secret is the token of the application.'], ['n8n', 'n8n', 'The URL of a webhook.'],
        ['webhook', 'Webhook', 'What takes each event as JSON, signed with the secret.'], ['mail', 'Mail', 'By the mail server of the settings.'],
];
const severities: [Severity, string][] = [['info', 'Everything'], ['warning', 'Warnings and errors'], ['error', 'Errors']];
// As in src/daemon/event.c, the gravest first.
const events: [string, Severity][] = [
        ['job_failed', 'error'], ['drive_failed_health', 'error'], ['host_key_changed', 'error'], ['backup_failed', 'error'],
        ['job_inconclusive', 'warning'], ['job_stalled', 'warning'], ['drive_hot', 'warning'], ['drive_missing', 'warning'], ['drive_unlocked', 'warning'], ['host_lost', 'warning'],
        ['job_queued', 'info'], ['job_started', 'info'], ['job_paused', 'info'], ['job_resumed', 'info'], ['job_passed', 'info'], ['job_cancelled', 'info'], ['drive_locked', 'info'],
        ['host_back', 'info'], ['daily_report', 'info'],
];

// "job_failed" as "Job failed"
export function eventWords(event: string): string {
        return event.charAt(0).toUpperCase() + event.slice(1).replaceAll('_', ' ');
}

function wordsOf(text: string): string[] {
        return text.split(/[\s,]+/).filter(Boolean);
}

export function SecretField({ value, change, help = 'It is never shown again.' }: { value: string; change: (value: string) => void; help?: string }) {
        return (
                <Field id="notifier-secret" label="Secret" help={help}>
                        {(field) => <input {...field} type="password" autocomplete="new-password" value={value} onInput={(event) => change(event.currentTarget.value)} />}
                </Field>
        );
}

export function NotifierDialog({ one, done }: { one?: Notifier; done: () => void }) {
        const [name, setName] = useState(one?.name ?? '');
        const [kind, setKind] = useState<NotifierKind>(one?.kind ?? 'ntfy');
        const mail = kind === 'mail';
        const [target, setTarget] = useState(one && mail ? one.target : '');
        const [secret, setSecret] = useState('');
        const [severity, setSeverity] = useState<Severity>(one?.severity ?? 'warning');
        const [chosen, setChosen] = useState(one?.events ?? []);
        const [hostText, setHostText] = useState(one?.hosts.join(', ') ?? '');
        const unknown = wordsOf(hostText).filter((host) => !hosts.value.has(host));

        const options = (): NotifierOptions => {
                const where = mail ? { to: wordsOf(target) } : { url: target.trim() || undefined, secret: secret || undefined };
                return { ...where, events: chosen, hosts: wordsOf(hostText), severity };
        };

        return (
                <Dialog title={one ? `Change ${one.name}` : 'Add a notifier'} action={one ? 'Save' : 'Add notifier'} ready={name !== '' && (target.trim() !== '' || one !== undefined && !mail)}
                        onAction={async () => {
                                if (one)
                                        await theApi().changeNotifier(name, options());
                                else
                                        await theApi().addNotifier(name, kind, options());
                                toast('success', one ? `${name} was changed` : `${name} is told from now on`);
                                done();
                        }}>
                        {!one && (
                                <>
                                        <Field id="notifier-name" label="Name">
                                                {(field) => <input {...field} autocomplete="off" autocapitalize="none" spellcheck={false} maxLength={32} value={name} onInput={(event) => setName(event.currentTarget.value)} />}
                                        </Field>
                                        <Field id="notifier-kind" label="Kind" help={kinds.find(([value]) => value === kind)?.[2]}>
                                                {(field) => <select {...field} value={kind} onChange={(event) => setKind(event.currentTarget.value as NotifierKind)}>{kinds.map(([value, title]) => <option key={value} value={value}>{title}</option>)}</select>}
                                        </Field>
                                </>
                        )}
                        <Field id="notifier-target" label={mail ? 'Addresses' : 'URL'} help={one && !mail && `Empty: the one that is kept, of ${one.target}. It is never shown.`}>
                                {(field) => <input {...field} class="mono" autocomplete="off" autocapitalize="none" spellcheck={false} value={target} onInput={(event) => setTarget(event.currentTarget.value)} />}
                        </Field>
                        {!mail && <SecretField value={secret} change={setSecret} help={one?.has_secret ? 'Empty: the one that is kept, unless the URL is of another server. It is never shown.' : undefined} />}
                        <Field id="notifier-severity" label="Tell of">
                                {(field) => <select {...field} value={severity} onChange={(event) => setSeverity(event.currentTarget.value as Severity)}>{severities.map(([value, title]) => <option key={value} value={value}>{title}</option>)}</select>}
                        </Field>
                        <EventChoice chosen={chosen} severity={severity} change={setChosen} />
                        <Field id="notifier-hosts" label="Hosts" help={unknown.length > 0 ? `There is no host ${unknown.join(', ')} yet.` : 'Names, with commas between them; none: events of all hosts, and of none.'}>
                                {(field) => <input {...field} autocomplete="off" autocapitalize="none" spellcheck={false} value={hostText} onInput={(event) => setHostText(event.currentTarget.value)} />}
                        </Field>
                </Dialog>
        );
}

// One that is not grave enough would never be told of: it can only be taken out.
function EventChoice({ chosen, severity, change }: { chosen: string[]; severity: Severity; change: (chosen: string[]) => void }) {
        const rank = (of: Severity): number => severities.findIndex(([value]) => value === of);
        return (
                <fieldset class="field" aria-describedby="notifier-events-help">
                        <legend>Events</legend>
                        <div class="event-choice">
                                {events.map(([event, of]) => {
                                        const ticked = chosen.includes(event);
                                        const never = rank(of) < rank(severity);
                                        return (
                                                <label key={event} class={`check ${never ? 'subtle' : ''}`}>
                                                        <input type="checkbox" checked={ticked} disabled={never && !ticked} onChange={() => change(ticked ? chosen.filter((other) => other !== event) : [...chosen, event])} />{eventWords(event)}
                                                </label>
                                        );
                                })}
                        </div>
                        <p id="notifier-events-help" class="help">None ticked: all but the daily report. Grey ones are too slight for it.</p>
                </fieldset>
        );
}
