// SPDX-License-Identifier: LGPL-2.1-or-later
import { ago, count } from '../lib/format';
import type { Host } from '../model';
import { hosts, isAdmin, now, refreshHosts, theApi } from '../store';
import { showDialog } from '../ui/dialog';
import { Icon } from '../ui/icon';
import { Link } from '../ui/link';
import { showMenu, type MenuItem } from '../ui/menu';
import { Notice } from '../ui/notice';
import { Empty, Facts, Page, useLoad, Waiting } from '../ui/page';
import { Label, type Tone } from '../ui/status';
import { attempt } from '../ui/toast';
import { HostDialog } from './host-dialog';
import { KeyDialog, RemoveHostDialog } from './host-key-dialog';
import { PublicKey } from './public-key';

const states: Record<Host['state'], { tone: Tone; icon: 'pass' | 'warning' | 'fail' | 'clock'; word: string }> = {
        new: { tone: 'info', icon: 'clock', word: 'New' },
        unconfirmed: { tone: 'warning', icon: 'warning', word: 'Key not confirmed' },
        online: { tone: 'success', icon: 'pass', word: 'Online' },
        stale: { tone: 'warning', icon: 'clock', word: 'Not heard from' },
        'key-changed': { tone: 'danger', icon: 'fail', word: 'Key changed' },
        auth: { tone: 'danger', icon: 'fail', word: 'Refuses our key' },
};

const first = ['key-changed', 'auth', 'unconfirmed', 'stale', 'new', 'online'];

export function Hosts() {
        const loaded = useLoad(refreshHosts, []);
        const list = [...hosts.value.values()].sort((a, b) => first.indexOf(a.state) - first.indexOf(b.state) || a.name.localeCompare(b.name));
        const add = isAdmin.value && <button type="button" class="btn primary" onClick={() => showDialog(<HostDialog />)}><Icon name="plus" />Add host</button>;
        return (
                <Page title="Hosts" actions={list.length > 0 && add}>
                        <Waiting loaded={{ ...loaded, data: list.length > 0 || loaded.data !== undefined || !loaded.error ? list : undefined }}>
                                {() => list.length === 0
                                        ? <Empty title="No hosts yet" icon="info"><p>A host is a machine whose drives are tested: over SSH, or this machine itself.</p>{add}</Empty>
                                        : <ul class="host-list">{list.map((host) => <HostCard key={host.name} host={host} />)}</ul>}
                        </Waiting>
                </Page>
        );
}

function where(host: Host): string {
        if (host.kind === 'local')
                return 'This machine';
        const ssh = host.user ? `${host.user}@${host.address}${host.port !== 22 ? `:${host.port}` : ''}` : host.address;
        return host.api_url ? `${ssh} · ${host.api_url}` : ssh;
}

function HostCard({ host }: { host: Host }) {
        const { tone, icon, word } = states[host.state] ?? states.new;
        const loud = host.state === 'key-changed';
        const menu = (): MenuItem[] => [
                { label: 'Ask it now', icon: 'play', run: () => attempt(theApi().refreshHost(host.name), `${host.name} is being asked`) },
                ...(isAdmin.value ? [
                        { label: 'Change', icon: 'pen' as const, run: () => showDialog(<HostDialog host={host} />) },
                        { label: 'Remove', icon: 'cross' as const, danger: true, run: () => showDialog(<RemoveHostDialog host={host} />) },
                ] : []),
        ];
        return (
                <li class={`host ${loud ? 'loud' : ''}`}>
                        <div class="host-head">
                                <h2>{host.name}</h2>
                                <Label tone={tone} icon={icon}>{word}</Label>
                                <button type="button" class="btn plain icon-only" aria-haspopup="menu" aria-label={`More for ${host.name}`} onClick={(event) => showMenu(event.currentTarget, host.name, menu())}><Icon name="more" /></button>
                        </div>
                        {loud && (
                                <Notice kind="danger" title="It shows another key than the one that was accepted">
                                        <span>Either the host was installed anew, or somebody stands between. Nothing runs there until this is settled.</span>
                                </Notice>
                        )}
                        {!loud && host.state_reason && <p>{host.state_reason}</p>}
                        {host.api_reason && <p class="subtle">{host.api_reason}</p>}
                        {host.missing_tools && <Notice kind="warning" role="status" title="It lacks what a burn-in needs">{host.missing_tools}</Notice>}
                        {host.state === 'auth' && host.kind === 'ssh' && <PublicKey user={host.user} />}
                        {host.last_seen_usec > 0 && host.detection_state !== 'ok' && host.detection_state !== '' && <Notice kind="warning" role="status" title="Not all that may use a drive can be seen">{host.detection_state}. Until that is mended no drive there is unlocked, and no burn-in gets past its precheck.</Notice>}
                        {(loud || host.state === 'unconfirmed') && isAdmin.value && host.seen_host_key_fingerprint && (
                                <div><button type="button" class={`btn ${loud ? 'danger' : 'primary'}`} onClick={() => showDialog(<KeyDialog host={host} />)}>Compare and accept the key</button></div>
                        )}
                        <Facts list={[
                                ['Where', where(host)], ['System', host.operating_system || '–'],
                                ['Drives', host.drives > 0 ? <Link to={`/?host=${encodeURIComponent(host.name)}`}>{count(host.drives, 'drive')}</Link> : '–'],
                                ['Last answer', ago(host.last_seen_usec, now.value)],
                                ...(host.hung_polls > 0 ? [['Hung polls', `${host.hung_polls} since the service was started`] as [string, string]] : []),
                                ...(host.notes ? [['Notes', host.notes] as [string, string]] : []),
                        ]} />
                </li>
        );
}
