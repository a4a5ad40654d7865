// SPDX-License-Identifier: LGPL-2.1-or-later
import { useState } from 'preact/hooks';
import { ago, date, span } from '../lib/format';
import type { Account, Role, SessionEntry } from '../model';
import { now, session, thePeople } from '../store';
import { Dialog, showDialog } from '../ui/dialog';
import { Icon } from '../ui/icon';
import { showMenu } from '../ui/menu';
import { Card, Field, Page, Scroll, useLoad, Waiting } from '../ui/page';
import { Label } from '../ui/status';
import { attempt, toast } from '../ui/toast';
import { MINIMUM } from './password';

const roles: [Role, string, string][] = [
        ['viewer', 'Viewer', 'sees everything, changes nothing'], ['operator', 'Operator', 'starts and stops tests, writes locations and notes'], ['admin', 'Administrator', 'may do everything'],
];

export function Accounts() {
        const accounts = useLoad(() => thePeople().accounts(), []);
        const sessions = useLoad(() => thePeople().sessions(), []);
        const again = (): void => {
                accounts.reload();
                sessions.reload();
        };
        return (
                <Page title="Accounts and sessions" actions={<button type="button" class="btn primary" onClick={() => showDialog(<AddDialog done={again} />)}><Icon name="plus" />Add account</button>}>
                        <Card class="flush" title="Accounts"><Waiting loaded={accounts}>{(list) => <AccountTable accounts={list} changed={again} />}</Waiting></Card>
                        <Card class="flush" title="Sessions"><Waiting loaded={sessions}>{(list) => <SessionTable sessions={list} changed={again} />}</Waiting></Card>
                </Page>
        );
}

function AccountTable({ accounts, changed }: { accounts: Account[]; changed: () => void }) {
        return (
                <Scroll label="Accounts">
                        <table class="list middle stack">
                                <thead><tr><th scope="col">Name</th><th scope="col">Role</th><th scope="col">Made</th><th scope="col">Last login</th><th scope="col"><span class="sr">Actions</span></th></tr></thead>
                                <tbody>
                                        {accounts.map((account) => {
                                                const self = account.name === session.value?.account;
                                                return (
                                                        <tr key={account.name}>
                                                                <td class="nowrap lead">{account.name} {self && <span class="subtle">(you)</span>} {account.locked_usec > now.value && <Label tone="warning" icon="lock">{`Locked out for ${span(account.locked_usec - now.value)}`}</Label>}</td>
                                                                <td>
                                                                        <select aria-label={`Role of ${account.name}`} value={account.role} disabled={self}
                                                                                onChange={(event) => attempt(thePeople().setRole(account.name, event.currentTarget.value as Role).finally(changed), `${account.name} has another role`)}>
                                                                                {roles.map(([value, title]) => <option key={value} value={value}>{title}</option>)}
                                                                        </select>
                                                                </td>
                                                                <td class="time" data-label="Made">{date(account.created_usec)}</td>
                                                                <td class="time" data-label="Last login">{ago(account.login_usec, now.value)}</td>
                                                                <td class="end side">
                                                                        <button type="button" class="btn plain icon-only" aria-haspopup="menu" aria-label={`More for ${account.name}`} onClick={(event) => showMenu(event.currentTarget, account.name, [
                                                                                { label: 'Set password', icon: 'pen', run: () => showDialog(<SetPasswordDialog name={account.name} />) },
                                                                                ...(self ? [] : [{ label: 'Remove', icon: 'cross' as const, danger: true, run: () => showDialog(<RemoveDialog name={account.name} done={changed} />) }]),
                                                                        ])}><Icon name="more" /></button>
                                                                </td>
                                                        </tr>
                                                );
                                        })}
                                </tbody>
                        </table>
                </Scroll>
        );
}

function SessionTable({ sessions, changed }: { sessions: SessionEntry[]; changed: () => void }) {
        return (
                <Scroll label="Sessions">
                        <table class="list middle stack">
                                <thead><tr><th scope="col">Account</th><th scope="col">From</th><th scope="col">Since</th><th scope="col">Last seen</th><th scope="col"><span class="sr">Actions</span></th></tr></thead>
                                <tbody>
                                        {sessions.map((one) => (
                                                <tr key={one.id}>
                                                        <td class="lead">{one.account}</td><td class="mono nowrap">{one.address}</td><td class="time" data-label="Since">{date(one.created_usec)}</td><td class="time" data-label="Last seen">{ago(one.seen_usec, now.value)}</td>
                                                        <td class="end side"><button type="button" class="btn secondary small" aria-label={`End the session of ${one.account} from ${one.address}`} onClick={() => attempt(thePeople().revokeSession(one.id).then(changed), 'The session is over')}>End</button></td>
                                                </tr>
                                        ))}
                                </tbody>
                        </table>
                </Scroll>
        );
}

function PasswordField({ value, change }: { value: string; change: (value: string) => void }) {
        return (
                <Field id="account-password" label="Password" help={`At least ${MINIMUM} characters.`}>
                        {(field) => <input {...field} type="password" autocomplete="new-password" value={value} onInput={(event) => change(event.currentTarget.value)} />}
                </Field>
        );
}

function AddDialog({ done }: { done: () => void }) {
        const [name, setName] = useState('');
        const [password, setPassword] = useState('');
        const [role, setRole] = useState<Role>('operator');
        return (
                <Dialog title="Add an account" action="Add account" ready={name !== '' && password.length >= MINIMUM}
                        onAction={async () => {
                                await thePeople().addAccount(name, password, role);
                                toast('success', `${name} has an account`);
                                done();
                        }}>
                        <Field id="account-name" label="Name">
                                {(field) => <input {...field} autocomplete="off" autocapitalize="none" spellcheck={false} maxLength={64} value={name} onInput={(event) => setName(event.currentTarget.value)} />}
                        </Field>
                        <Field id="account-role" label="Role" help={roles.find(([value]) => value === role)?.[2]}>
                                {(field) => <select {...field} value={role} onChange={(event) => setRole(event.currentTarget.value as Role)}>{roles.map(([value, title]) => <option key={value} value={value}>{title}</option>)}</select>}
                        </Field>
                        <PasswordField value={password} change={setPassword} />
                </Dialog>
        );
}

function SetPasswordDialog({ name }: { name: string }) {
        const [password, setPassword] = useState('');
        return (
                <Dialog title={`Set the password of ${name}`} action="Set password" ready={password.length >= MINIMUM}
                        onAction={async () => {
                                await thePeople().setPassword(name, password);
                                toast('success', `${name} has another password`);
                        }}>
                        <PasswordField value={password} change={setPassword} />
                </Dialog>
        );
}

function RemoveDialog({ name, done }: { name: string; done: () => void }) {
        return (
                <Dialog title={`Remove ${name}?`} action="Remove" danger
                        onAction={async () => {
                                await thePeople().removeAccount(name);
                                toast('info', `${name} has no account any more`);
                                done();
                        }}>
                        <p>The account and its sessions end. What was done with it stays in the history and the audit.</p>
                </Dialog>
        );
}
