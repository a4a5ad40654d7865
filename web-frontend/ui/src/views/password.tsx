// SPDX-License-Identifier: LGPL-2.1-or-later
import { useState } from 'preact/hooks';
import { thePeople } from '../store';
import { Dialog } from '../ui/dialog';
import { Field } from '../ui/page';
import { toast } from '../ui/toast';

export const MINIMUM = 8;

export function PasswordDialog() {
        const [old, setOld] = useState('');
        const [next, setNext] = useState('');
        const [again, setAgain] = useState('');
        return (
                <Dialog title="Change password" action="Change password" ready={old !== '' && next.length >= MINIMUM && next === again}
                        onAction={async () => {
                                await thePeople().changePassword(old, next);
                                toast('success', 'The password was changed');
                        }}>
                        <Field id="old-password" label="Present password">
                                {(ids) => <input {...ids} type="password" autocomplete="current-password" value={old} onInput={(event) => setOld(event.currentTarget.value)} />}
                        </Field>
                        <Field id="new-password" label="New password" help={`At least ${MINIMUM} characters.`}>
                                {(ids) => <input {...ids} type="password" autocomplete="new-password" value={next} onInput={(event) => setNext(event.currentTarget.value)} />}
                        </Field>
                        <Field id="again-password" label="New password, again" error={again && again !== next ? 'The two are not the same.' : ''}>
                                {(ids) => <input {...ids} type="password" autocomplete="new-password" value={again} onInput={(event) => setAgain(event.currentTarget.value)} />}
                        </Field>
                </Dialog>
        );
}
