// SPDX-License-Identifier: LGPL-2.1-or-later
// Names what would be destroyed, and opens only for who types exactly that.
import { useState } from 'preact/hooks';
import { bytes, lockNames } from '../lib/format';
import type { Drive } from '../model';
import { grantGiven, theApi } from '../store';
import { Dialog, showDialog } from '../ui/dialog';
import { Facts, Field } from '../ui/page';
import { Notice } from '../ui/notice';
import { StartDialog } from './start-dialog';

const REASON_BYTES = 200;

const meanings: Partial<Record<Drive['lock_state'], string>> = {
        'existing-data': 'It carries a filesystem or partitions that nothing uses now.',
        'exported-pool': 'It belongs to a ZFS pool that is exported. The pool may be whole, and wanted elsewhere.',
        'storage-member': 'It is a member of an array, a volume group or another pool.',
        mounted: 'A filesystem on it is mounted at this moment.',
        'active-pool': 'It belongs to a ZFS pool that is in use at this moment.',
        'in-use': 'Something has it open at this moment.',
};

export function UnlockDialog({ drive }: { drive: Drive }) {
        const [token, setToken] = useState('');
        const [reason, setReason] = useState('');
        const [release, setRelease] = useState(false);
        const bytesOf = new TextEncoder().encode(reason.trim()).length;
        const ready = token === drive.unlock_token && bytesOf >= 1 && bytesOf <= REASON_BYTES && (!drive.lock_in_use || release);

        return (
                <Dialog title="Unlock a drive" action="Unlock" danger ready={ready}
                        onAction={async () => {
                                grantGiven(await theApi().unlock(drive.id, token, reason.trim()));
                                showDialog(<StartDialog ids={[drive.id]} unlock release={release} />);
                        }}>
                        <Notice kind="danger" role="status" title={drive.lock_in_use ? 'This drive is in use. A burn-in destroys what uses it.' : 'A burn-in would destroy what is on this drive'}>
                                <span>{meanings[drive.lock_state] ?? ''}</span>
                        </Notice>
                        <Facts list={[
                                ['Drive', `${drive.host} ${drive.dev_name}${drive.location ? `, ${drive.location}` : ''}`],
                                ['Model', `${drive.model}, ${bytes(drive.size_bytes)}`],
                                ['Serial', <code>{drive.serial}</code>],
                                ['Lock', lockNames[drive.lock_state] || drive.lock_state],
                                ['Would be destroyed', <strong class="danger-text">{drive.lock_detail || 'What is on it is not known'}</strong>],
                        ]} />
                        <Field id="unlock-token" label={`Type ${drive.unlock_token} to unlock`} error={token !== '' && !drive.unlock_token.startsWith(token) ? `Exactly ${drive.unlock_token}, capitals too.` : ''}>
                                {(field) => <input {...field} class="mono" autocomplete="off" autocapitalize="none" spellcheck={false} value={token} onInput={(event) => setToken(event.currentTarget.value)} />}
                        </Field>
                        <Field id="unlock-reason" label="Reason" help="One line. It is kept with the job and in the audit." error={bytesOf > REASON_BYTES ? `At most ${REASON_BYTES} bytes.` : ''}>
                                {(field) => <input {...field} value={reason} onInput={(event) => setReason(event.currentTarget.value)} />}
                        </Field>
                        {drive.lock_in_use && (
                                <label class="check"><input type="checkbox" checked={release} onChange={(event) => setRelease(event.currentTarget.checked)} />
                                        <span>At the start, end what uses it: export the pool, unmount, stop the array. Never by force: what is busy makes the start fail.</span></label>
                        )}
                        <p class="help">It is unlocked for one burn-in that you start within the time that the settings allow. Whatever changes of it meanwhile locks it again.</p>
                </Dialog>
        );
}
