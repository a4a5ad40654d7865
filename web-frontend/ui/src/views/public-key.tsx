// SPDX-License-Identifier: LGPL-2.1-or-later
// What a host must have before it lets the service in.
import { theApi } from '../store';
import { useLoad, Waiting } from '../ui/page';

export function PublicKey({ user }: { user: string }) {
        const loaded = useLoad(() => theApi().sshKey(), []);
        return (
                <Waiting loaded={loaded}>
                        {(line) => line === ''
                                ? <p class="help">The service finds no public key beside its private one; the setting ssh_key says where that is.</p>
                                : <div class="public-key"><p>Without this line in <code>~{user}/.ssh/authorized_keys</code>, the host does not let burnin in:</p><code class="fingerprint">{line}</code></div>}
                </Waiting>
        );
}
