// SPDX-License-Identifier: LGPL-2.1-or-later
// Log in, make the first account, or log in again over a page that stays as it was.
import { useEffect, useRef, useState } from 'preact/hooks';
import { countdown } from '../lib/format';
import type { Session } from '../model';
import { thePeople } from '../store';
import { ApiError } from '../transport/api';
import { Field } from '../ui/page';
import { Notice } from '../ui/notice';
import { Brand } from './brand';
import { MINIMUM } from './password';

interface Props {
        who: Session;
        again?: boolean;
        done: (session: Session) => void;
}

export function LoginPage({ who, again, done }: Props) {
        const dialog = useRef<HTMLDialogElement>(null);
        useEffect(() => {
                const element = dialog.current;
                element?.showModal();
                return () => element?.close();
        }, []);
        const form = <LoginForm who={who} again={again} done={done} />;
        return again
                ? <dialog ref={dialog} class="dialog login" aria-label="Log in again" onCancel={(event) => event.preventDefault()}>{form}</dialog>
                : <main class="alone">{form}</main>;
}

function LoginForm({ who, again, done }: Props) {
        const first = who.first && !again;
        const [name, setName] = useState(again ? who.account ?? '' : '');
        const [password, setPassword] = useState('');
        const [repeat, setRepeat] = useState('');
        const [code, setCode] = useState('');
        const [error, setError] = useState('');
        const [busy, setBusy] = useState(false);
        const [until, setUntil] = useState(0);
        const [now, setNow] = useState(0);
        const wait = Math.max(0, Math.ceil((until - now) / 1000));
        useEffect(() => {
                if (wait === 0)
                        return;
                const timer = setInterval(() => setNow(Date.now()), 250);
                return () => clearInterval(timer);
        }, [wait === 0]);

        const submit = async (event: Event): Promise<void> => {
                event.preventDefault();
                if (first && password.length < MINIMUM)
                        return setError(`The password needs at least ${MINIMUM} characters.`);
                if (first && password !== repeat)
                        return setError('The two passwords are not the same.');
                setBusy(true);
                setError('');
                try {
                        done(first ? await thePeople().createFirst(name, password, code.trim()) : await thePeople().login(name, password));
                } catch (failure) {
                        setPassword('');
                        setRepeat('');
                        setError(failure instanceof Error ? failure.message : String(failure));
                        if (failure instanceof ApiError && failure.wait > 0) {
                                setNow(Date.now());
                                setUntil(Date.now() + 1000 * failure.wait);
                                setError('');
                        }
                        setBusy(false);
                }
        };

        return (
                <form class="login-form" onSubmit={submit}>
                        <Brand size={40} />
                        <h1>{again ? 'Your session is over' : first ? 'Create the first administrator' : 'Log in to burnin'}</h1>
                        {again && <p class="subtle">Log in again; the page behind stays as it is.</p>}
                        {first && <p class="subtle">Nobody has an account here yet. This one may do everything, also make the others.</p>}
                        {error && <Notice kind="danger" title={error} />}
                        {wait > 0 && <Notice kind="danger" title="Too many logins have failed">Until then none is tried, not even with the right password.</Notice>}
                        <Field id="login-name" label="Name">
                                {(ids) => <input {...ids} autocomplete="username" autocapitalize="none" spellcheck={false} required maxLength={64} autofocus={!name}
                                        value={name} onInput={(event) => { setName(event.currentTarget.value); setUntil(0); }} />}
                        </Field>
                        <Field id="login-password" label="Password" help={first ? `At least ${MINIMUM} characters.` : undefined}>
                                {(ids) => <input {...ids} type="password" required autofocus={name !== ''} autocomplete={first ? 'new-password' : 'current-password'}
                                        value={password} onInput={(event) => setPassword(event.currentTarget.value)} />}
                        </Field>
                        {first && (
                                <Field id="login-repeat" label="Password, again">
                                        {(ids) => <input {...ids} type="password" required autocomplete="new-password"
                                                value={repeat} onInput={(event) => setRepeat(event.currentTarget.value)} />}
                                </Field>
                        )}
                        {first && (
                                <Field id="login-code" label="Setup code" help={<>Shown on the machine itself by <code>burninctl account setup-code</code></>}>
                                        {(ids) => <input {...ids} class="mono" required autocomplete="off" autocapitalize="none" spellcheck={false}
                                                value={code} onInput={(event) => setCode(event.currentTarget.value)} />}
                                </Field>
                        )}
                        <button type="submit" class="btn primary block" disabled={busy || wait > 0}>{busy ? 'Working…' : wait > 0 ? `Try again in ${countdown(wait)}` : first ? 'Create administrator' : 'Log in'}</button>
                        {!first && !again && who.version && <p class="login-version">burnin {who.version}</p>}
                </form>
        );
}
