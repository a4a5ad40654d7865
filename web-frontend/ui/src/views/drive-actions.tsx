// SPDX-License-Identifier: LGPL-2.1-or-later
// A button says what it starts or stops, and is there only while there is something to start or stop.
import { isSelectable } from '../lib/drives';
import type { Drive, Job } from '../model';
import { go } from '../router';
import { canOperate, grantOf, isAdmin, isMine, theApi } from '../store';
import type { SelfTestType } from '../transport/api';
import { showDialog } from '../ui/dialog';
import { Icon } from '../ui/icon';
import { showMenu, type MenuItem } from '../ui/menu';
import { attempt } from '../ui/toast';
import { CancelDialog } from './cancel-dialogs';
import { ForgetDialog } from './forget-dialog';
import { StartDialog } from './start-dialog';
import { UnlockDialog } from './unlock-dialog';

interface Props {
        drive: Drive;
        active: Job | undefined;
        last: Job | undefined;
}

function menuOf({ drive, active, last }: Props): MenuItem[] {
        const name = `${drive.host} ${drive.dev_name}`;
        const items: MenuItem[] = [{ label: 'Readings and jobs', icon: 'external', run: () => go(`/drives/${encodeURIComponent(drive.id)}`) }];
        const job = active ?? last;
        if (job)
                items.push({ label: `Job ${job.id}`, icon: 'external', run: () => go(`/history/${job.id}`) });
        if (!canOperate.value)
                return items;
        const test = (type: SelfTestType, label: string): MenuItem =>
                ({ label, icon: 'play', run: () => attempt(theApi().startSelfTest(drive.id, type), `${label} of ${name} started`) });
        if (drive.present && !drive.stale && !active)
                items.push(test('short', 'Short SMART test'), test('long', 'Long SMART test'));
        if (active?.kind === 'burn-in' && (active.state === 'running' || active.state === 'queued'))
                items.push({ label: 'Pause burn-in', icon: 'pause', run: () => attempt(theApi().pauseJob(active.id, ''), `Job ${active.id} is paused`) });
        if (active?.state === 'paused')
                items.push({ label: 'Resume burn-in', icon: 'play', run: () => attempt(theApi().resumeJob(active.id), `Job ${active.id} goes on`) });
        if (drive.present && !drive.stale)
                items.push({ label: 'Locate LED, 60 s', icon: 'bulb', run: () => attempt(theApi().identify(drive.id, 60), `The LED of ${name} is on for a minute`) });
        const grant = grantOf(drive.id);
        if (grant)
                items.push({ label: 'Lock again', icon: 'lock', run: () => attempt(theApi().revokeGrant(grant.id), `${name} is locked again`) });
        if (!drive.present && !active)
                items.push({ label: 'Forget this drive', icon: 'cross', danger: true, run: () => showDialog(<ForgetDialog drive={drive} />) });
        return items;
}

export function DriveActions(props: Props) {
        const { drive, active } = props;
        const name = `${drive.host} ${drive.dev_name || drive.serial}`;
        const mine = isMine(grantOf(drive.id));
        return (
                <div class="actions">
                        {canOperate.value && active?.kind === 'burn-in' && active.state !== 'stopping' && (
                                <button type="button" class="btn danger-secondary small" aria-label={`Cancel the burn-in of ${name}`} onClick={() => showDialog(<CancelDialog job={active} />)}>✕ Burn-In</button>
                        )}
                        {canOperate.value && active?.kind === 'self-test' && active.state !== 'stopping' && (
                                <button type="button" class="btn danger-secondary small" aria-label={`Cancel the ${active.profile} test of ${name}`}
                                        onClick={() => attempt(theApi().cancelSelfTest(drive.id, active.profile === 'long' ? 'long' : 'short'), `The ${active.profile} test of ${name} is being cancelled`)}>
                                        {active.profile === 'long' ? '✕ Long' : '✕ Short'}
                                </button>
                        )}
                        {canOperate.value && (isSelectable(drive, active) || (mine && !active)) && (
                                <button type="button" class="btn secondary small" aria-label={`Burn in ${name}`} onClick={() => showDialog(<StartDialog ids={[drive.id]} unlock={mine} />)}>Burn-In</button>
                        )}
                        {isAdmin.value && !mine && !active && drive.present && !drive.stale && drive.identity_state === 'ok' && drive.lock_state !== 'none' && drive.unlock_token !== '' && (
                                <button type="button" class="btn secondary small" aria-label={`Unlock ${name}`} onClick={() => showDialog(<UnlockDialog drive={drive} />)}>Unlock</button>
                        )}
                        <button type="button" class="btn plain icon-only" aria-haspopup="menu" aria-label={`More for ${name}`}
                                onClick={(event) => showMenu(event.currentTarget, name, menuOf(props))}><Icon name="more" /></button>
                </div>
        );
}
