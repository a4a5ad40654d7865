// SPDX-License-Identifier: LGPL-2.1-or-later
// Who is told of events, on the page of the settings.
import { useState } from 'preact/hooks';
import type { Notifier } from '../model';
import { isAdmin, theApi } from '../store';
import { Dialog, showDialog } from '../ui/dialog';
import { Icon } from '../ui/icon';
import { showMenu } from '../ui/menu';
import { Card, Scroll, useLoad, Waiting } from '../ui/page';
import { Label } from '../ui/status';
import { attempt, toast } from '../ui/toast';
import { DeliveriesDialog } from './deliveries-dialog';
import { eventWords, NotifierDialog, SecretField } from './notifier-dialog';

export function Notifiers() {
        const loaded = useLoad(() => theApi().notifiers(), []);
        return (
                <Card class="flush" title="Notifiers" actions={isAdmin.value && <button type="button" class="btn secondary small" onClick={() => showDialog(<NotifierDialog done={loaded.reload} />)}><Icon name="plus" />Add notifier</button>}>
                        <Waiting loaded={loaded}>{(list) => <Table notifiers={list} changed={loaded.reload} />}</Waiting>
                </Card>
        );
}

function takes({ events, hosts, severity }: Notifier): string {
        return [events.map(eventWords).join(', ').toLowerCase(), hosts.join(', '), severity === 'info' ? '' : `from ${severity} on`].filter(Boolean).join('; ') || 'everything';
}

function Table({ notifiers, changed }: { notifiers: Notifier[]; changed: () => void }) {
        return (
                <Scroll label="Notifiers">
                        <table class="list middle stack">
                                <thead><tr><th scope="col">Name</th><th scope="col">To</th><th scope="col">Takes</th><th scope="col">Not sent</th><th scope="col"><span class="sr">Actions</span></th></tr></thead>
                                <tbody>{notifiers.map((one) => <Row key={one.name} one={one} changed={changed} />)}</tbody>
                        </table>
                </Scroll>
        );
}

function Row({ one, changed }: { one: Notifier; changed: () => void }) {
        const { name } = one;
        const [busy, setBusy] = useState(false);
        const test = (): void => {
                setBusy(true);
                attempt(theApi().testNotifier(name).finally(() => setBusy(false)), `${name} works`);
        };
        const more = [
                one.built_in
                        ? { label: one.has_secret ? 'Set another secret' : 'Set a secret', icon: 'pen' as const, run: () => showDialog(<SecretDialog one={one} done={changed} />) }
                        : { label: 'Change', icon: 'pen' as const, run: () => showDialog(<NotifierDialog one={one} done={changed} />) },
                ...(one.dead > 0 ? [{ label: 'Send again', icon: 'play' as const, run: () => attempt(theApi().retryDeliveries(name).then(changed), 'It is sent again') }] : []),
                ...(one.built_in ? [] : [
                        { label: one.enabled ? 'Switch off' : 'Switch on', icon: 'pause' as const, run: () => attempt(theApi().changeNotifier(name, { enabled: !one.enabled }).then(changed)) },
                        { label: 'Remove', icon: 'cross' as const, danger: true, run: () => showDialog(<RemoveDialog name={name} done={changed} />) },
                ]),
        ];
        return (
                <tr>
                        <td class="nowrap lead">{name} {!one.enabled && <Label tone="neutral">{one.built_in ? 'Not set up' : 'Off'}</Label>}</td>
                        <td data-label="To">{one.target || (one.kind === 'mail' ? 'smtp_host and smtp_to' : 'webhook_url')}</td>
                        <td data-label="Takes">{takes(one)}</td>
                        <td data-label="Not sent">
                                {one.pending > 0 && <Label tone="warning">{`${one.pending} waiting`}</Label>} {one.dead > 0 && <Label tone="danger">{`${one.dead} given up`}</Label>}
                                {one.pending + one.dead > 0
                                        ? <p class="subtle">{one.error} <button type="button" class="btn link inline" aria-label={`Show what was not sent to ${name}`} onClick={() => showDialog(<DeliveriesDialog one={one} done={changed} />)}>Show</button></p>
                                        : <span class="subtle">Nothing</span>}
                        </td>
                        <td class="end side nowrap">
                                {isAdmin.value && (
                                        <>
                                                <button type="button" class="btn secondary small" disabled={busy} aria-label={`Test ${name}`} onClick={test}>Test</button>
                                                <button type="button" class="btn plain icon-only" aria-haspopup="menu" aria-label={`More for ${name}`} onClick={(event) => showMenu(event.currentTarget, name, more)}><Icon name="more" /></button>
                                        </>
                                )}
                        </td>
                </tr>
        );
}

function SecretDialog({ one, done }: { one: Notifier; done: () => void }) {
        const [secret, setSecret] = useState('');
        return (
                <Dialog title={`Set the secret of ${one.name}`} action="Set secret" ready={secret !== ''}
                        onAction={async () => {
                                await theApi().changeNotifier(one.name, { secret });
                                toast('success', `${one.name} has another secret`);
                                done();
                        }}>
                        {one.name === 'mail' && <p>The password of smtp_user at the mail server.</p>}
                        <SecretField value={secret} change={setSecret} />
                </Dialog>
        );
}

function RemoveDialog({ name, done }: { name: string; done: () => void }) {
        return (
                <Dialog title={`Remove ${name}?`} action="Remove" danger
                        onAction={async () => {
                                await theApi().removeNotifier(name);
                                toast('info', `${name} is told no longer`);
                                done();
                        }}>
                        <p>What waits to be sent to it is forgotten.</p>
                </Dialog>
        );
}
