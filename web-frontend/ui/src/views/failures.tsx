// SPDX-License-Identifier: LGPL-2.1-or-later
// What went wrong, above all else. Put away, it comes again only with something new.
import { computed, signal } from '@preact/signals';
import { ago, count } from '../lib/format';
import { setQuery } from '../router';
import { changes, driveIds, driveNow, hosts, lastNow, now } from '../store';
import { Link } from '../ui/link';
import { Notice } from '../ui/notice';
import { Icon } from '../ui/icon';

interface Failure {
        key: string;
        drive: string;
        text: string;
}

const storage = 'burnin-seen-failures';

function load(): ReadonlySet<string> {
        try {
                return new Set(JSON.parse(localStorage.getItem(storage) ?? '[]') as string[]);
        } catch {
                return new Set();
        }
}

const seen = signal(load());

const failures = computed<Failure[]>(() => {
        void changes.value;
        return driveIds.value.flatMap((id) => {
                const drive = driveNow(id);
                const last = lastNow(id);
                if (!drive)
                        return [];
                const name = `${drive.host} ${drive.dev_name || drive.serial}`;
                const found: Failure[] = [];
                if (last?.verdict === 'failed')
                        found.push({ key: `job ${last.id}`, drive: id, text: `${name}: burn-in failed` });
                else if (drive.smart_health === 'failed')
                        found.push({ key: `smart ${id}`, drive: id, text: `${name}: SMART health failed` });
                return found.filter(({ key }) => !seen.value.has(key));
        });
});

function putAway(list: Failure[]): void {
        seen.value = new Set([...seen.peek(), ...list.map(({ key }) => key)]);
        try {
                localStorage.setItem(storage, JSON.stringify([...seen.peek()].slice(-2000)));
        } catch {
                // Then until the page is loaded again.
        }
}

export function Failures() {
        const list = failures.value;
        const all = [...hosts.value.values()];
        const changed = all.filter((host) => host.state === 'key-changed');
        const stale = all.filter((host) => host.state === 'stale');
        return (
                <div class="failures">
                        {changed.map((host) => (
                                <Notice key={host.name} kind="danger" title={`${host.name} shows another host key`} action={<Link to="/hosts" class="btn secondary small">Look at it</Link>}>
                                        <span class="detail">Either it was installed anew, or somebody stands between. Nothing runs there until a person has compared the key.</span>
                                </Notice>
                        ))}
                        {list.length > 0 && (
                                <Notice kind="danger" title={`${count(list.length, 'drive')} failed`}
                                        action={<button type="button" class="btn plain icon-only" aria-label="Put away" onClick={() => putAway(list)}><Icon name="cross" /></button>}>
                                        <span class="failure-list">
                                                {list.slice(0, 3).map((failure) => (
                                                        <button key={failure.key} type="button" class="btn link inline" onClick={() => setQuery({ drive: failure.drive })}>{failure.text}</button>
                                                ))}
                                                {list.length > 3 && <button type="button" class="btn link inline" onClick={() => setQuery({ state: 'failed', q: '', host: '' })}>and {list.length - 3} more</button>}
                                        </span>
                                </Notice>
                        )}
                        {stale.length > 0 && (
                                <Notice kind="warning" role="status" title={`${stale.map((host) => host.name).slice(0, 4).join(', ')}${stale.length > 4 ? ` and ${stale.length - 4} more` : ''} not heard from`}>
                                        <span class="detail">What is shown of {count(stale.reduce((sum, host) => sum + host.drives, 0), 'drive')} is as old as that: {ago(Math.min(...stale.map((host) => host.last_seen_usec)), now.value)}.</span>
                                </Notice>
                        )}
                </div>
        );
}
