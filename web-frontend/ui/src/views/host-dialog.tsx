// SPDX-License-Identifier: LGPL-2.1-or-later
import { useState } from 'preact/hooks';
import type { Host } from '../model';
import { hosts, refreshHosts, theApi } from '../store';
import type { HostOptions } from '../transport/api';
import { Dialog } from '../ui/dialog';
import { Field } from '../ui/page';
import { toast } from '../ui/toast';
import { PublicKey } from './public-key';

const kinds: [Host['kind'], string, string][] = [
        ['ssh', 'Linux over SSH', 'Runs commands as root, or by sudo without a password.'],
        ['truenas', 'TrueNAS', 'By its API; with a user besides, burn-ins over SSH too.'],
        ['local', 'This machine', 'The one that burnind runs on, through burnin-local.socket.'],
];

export function HostDialog({ host, added }: { host?: Host; added?: () => void }) {
        const [kind, setKind] = useState<Host['kind']>(host?.kind ?? 'ssh');
        const [name, setName] = useState(host?.name ?? '');
        const [address, setAddress] = useState(host?.address ?? '');
        const [port, setPort] = useState(String(host?.port || 22));
        const [user, setUser] = useState(host?.user ?? 'root');
        const [notes, setNotes] = useState(host?.notes ?? '');
        const [apiUrl, setApiUrl] = useState(host?.api_url ?? '');
        const [apiKey, setApiKey] = useState('');
        const [apiPin, setApiPin] = useState(host?.api_pin ?? '');
        const [verify, setVerify] = useState(host?.api_verify ?? true);
        const hasLocal = [...hosts.value.values()].some((one) => one.kind === 'local');
        const portNumber = Number(port);
        const nameFits = /^[a-z0-9]([a-z0-9._-]*[a-z0-9])?$/.test(name) && name.length <= 64;
        const portFits = kind === 'local' || (Number.isInteger(portNumber) && portNumber >= 1 && portNumber <= 65535);
        const ready = nameFits && portFits && (kind !== 'truenas' || host !== undefined || apiKey !== '');

        const options = (): HostOptions => {
                if (kind === 'local')
                        return { notes };
                const ssh: HostOptions = { address: address || name, port: portNumber, user, notes };
                return kind === 'ssh' ? ssh : { ...ssh, api_url: apiUrl || undefined, api_key: apiKey || undefined, api_pin: apiPin, api_verify: verify };
        };

        return (
                <Dialog title={host ? `Change ${host.name}` : 'Add a host'} action={host ? 'Save' : 'Add host'} ready={ready}
                        onAction={async () => {
                                if (host)
                                        await theApi().configureHost(host.name, options());
                                else
                                        await theApi().addHost(name, { kind, ...options() });
                                await refreshHosts();
                                added?.();
                                toast('success', host ? `${name} was changed` : `${name} was added${kind !== 'local' && user ? '. Its key is to be compared next.' : ''}`);
                        }}>
                        {!host && (
                                <>
                                        <Field id="host-kind" label="Kind" help={kinds.find(([value]) => value === kind)?.[2]}>
                                                {(field) => (
                                                        <select {...field} value={kind} onChange={(event) => {
                                                                const next = event.currentTarget.value as Host['kind'];
                                                                setKind(next);
                                                                setUser(next === 'ssh' ? 'root' : '');
                                                        }}>
                                                                {kinds.map(([value, title]) => <option key={value} value={value} disabled={value === 'local' && hasLocal}>{title}</option>)}
                                                        </select>
                                                )}
                                        </Field>
                                        <Field id="host-name" label="Name" error={name && !nameFits ? 'Small letters, digits, and inner dots, dashes and underscores.' : ''}>
                                                {(field) => <input {...field} autocomplete="off" autocapitalize="none" spellcheck={false} maxLength={64} value={name} onInput={(event) => setName(event.currentTarget.value)} />}
                                        </Field>
                                </>
                        )}
                        {kind !== 'local' && (
                                <>
                                        <div class="field-pair">
                                                <Field id="host-address" label="Address" help="A name or an IP address; empty: the host's name.">
                                                        {(field) => <input {...field} autocomplete="off" spellcheck={false} value={address} onInput={(event) => setAddress(event.currentTarget.value)} />}
                                                </Field>
                                                <Field id="host-port" label="SSH port" error={portFits ? '' : '1 to 65535.'}>
                                                        {(field) => <input {...field} inputMode="numeric" value={port} onInput={(event) => setPort(event.currentTarget.value)} />}
                                                </Field>
                                        </div>
                                        <Field id="host-user" label="SSH user" help={kind === 'truenas' ? 'Empty: the API alone, self-tests without burn-ins.' : 'Another than root needs sudo without a password.'}>
                                                {(field) => <input {...field} autocomplete="off" autocapitalize="none" spellcheck={false} value={user} onInput={(event) => setUser(event.currentTarget.value)} />}
                                        </Field>
                                        {user && <PublicKey user={user} />}
                                </>
                        )}
                        {kind === 'truenas' && (
                                <>
                                        <Field id="host-api" label="API address" help="Empty: https:// and the address.">
                                                {(field) => <input {...field} type="url" placeholder="https://" value={apiUrl} onInput={(event) => setApiUrl(event.currentTarget.value)} />}
                                        </Field>
                                        <Field id="host-key" label="API key" help={host ? 'Empty: the one that is kept. It is never shown.' : 'It is kept, and never shown again.'}>
                                                {(field) => <input {...field} type="password" autocomplete="off" value={apiKey} onInput={(event) => setApiKey(event.currentTarget.value)} />}
                                        </Field>
                                        <Field id="host-pin" label="Pinned public key" help="sha256// and the hash in base64: this one is trusted, whatever its certificate.">
                                                {(field) => <input {...field} class="mono" spellcheck={false} value={apiPin} onInput={(event) => setApiPin(event.currentTarget.value)} />}
                                        </Field>
                                        <label class="check"><input type="checkbox" checked={verify} onChange={(event) => setVerify(event.currentTarget.checked)} />Verify its certificate where no key is pinned</label>
                                </>
                        )}
                        <Field id="host-notes" label="Notes">
                                {(field) => <textarea {...field} rows={2} value={notes} onInput={(event) => setNotes(event.currentTarget.value)} />}
                        </Field>
                </Dialog>
        );
}
