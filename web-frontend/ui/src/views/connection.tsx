// SPDX-License-Identifier: LGPL-2.1-or-later
import { connected, daemonUp } from '../store';
import { Notice } from '../ui/notice';

export function ConnectionBanner() {
        if (!connected.value)
                return <div class="banner"><Notice kind="warning" title="The connection is lost">What is shown may be old. It is being tried again, and nothing that runs depends on it.</Notice></div>;
        if (!daemonUp.value)
                return <div class="banner"><Notice kind="danger" title="burnind is not running">What is shown is old. Burn-ins on their hosts go on. See: <code>systemctl status burnind.service</code></Notice></div>;
        return null;
}
