// SPDX-License-Identifier: LGPL-2.1-or-later
import { useState } from 'preact/hooks';
import { count } from '../lib/format';
import type { Host } from '../model';
import { hosts, refreshHosts, theApi } from '../store';
import { Dialog } from '../ui/dialog';
import { Notice } from '../ui/notice';
import { toast } from '../ui/toast';

export function KeyDialog({ host: opened }: { host: Host }) {
        const [compared, setCompared] = useState(false);
        const [first] = useState(opened.seen_host_key_fingerprint);
        const host = hosts.value.get(opened.name) ?? opened;
        const changed = host.state === 'key-changed';
        const moved = host.seen_host_key_fingerprint !== first;
        return (
                <Dialog title={`The key of ${host.name}`} action={changed ? 'Accept the new key' : 'Accept this key'} danger={changed} ready={compared && !moved}
                        onAction={async () => {
                                await theApi().acceptKey(host.name, first);
                                await refreshHosts();
                                toast('success', `The key of ${host.name} is accepted`);
                        }}>
                        {changed && (
                                <Notice kind="danger" role="status" title="This is another key than before">
                                        <span>Somebody between here and the host could read and change everything, and let drives be destroyed. Accept it only when you know why it changed.</span>
                                </Notice>
                        )}
                        {moved && <Notice kind="danger" title="The key changed while you were looking. Close this, and find out why." />}
                        {changed && <><p>Accepted before:</p><code class="fingerprint">{host.host_key_fingerprint}</code></>}
                        <p>{host.name} ({host.address}) shows:</p>
                        <code class="fingerprint">{first}</code>
                        <p>On the host itself, not over the network, this prints its keys:</p>
                        <code class="fingerprint">for key in /etc/ssh/ssh_host_*_key.pub; do ssh-keygen -lf "$key"; done</code>
                        <label class="check"><input type="checkbox" checked={compared} disabled={moved} onChange={(event) => setCompared(event.currentTarget.checked)} />I have compared it; the fingerprint is the same</label>
                </Dialog>
        );
}

export function RemoveHostDialog({ host }: { host: Host }) {
        return (
                <Dialog title={`Remove ${host.name}?`} action="Remove" danger
                        onAction={async () => {
                                await theApi().removeHost(host.name);
                                await refreshHosts();
                                toast('info', `${host.name} was removed`);
                        }}>
                        <p>It is not asked any more. Its {count(host.drives, 'drive')} stay known, as missing, and so does what was tested.</p>
                </Dialog>
        );
}
