// SPDX-License-Identifier: LGPL-2.1-or-later
// The same list where there is no room for a table.
import type { RefObject } from 'preact';
import { useRef } from 'preact/hooks';
import { isTickable } from '../lib/drives';
import { bytes } from '../lib/format';
import { selectable } from '../lib/rows';
import { tick, ticked } from '../lib/selection';
import { useWindow } from '../lib/use-window';
import { setQuery } from '../router';
import { canOperate, isAdmin, useActive, useDrive, useLast } from '../store';
import { Temperature } from '../ui/status';
import { DriveActions } from './drive-actions';
import { BurnInCell, HealthCell, LockCell } from './drive-cells';
import { FailedTests } from './self-tests';

const CARD_HEIGHT = 176;

export function DriveCards({ ids, scroller }: { ids: readonly string[]; scroller: RefObject<HTMLElement | null> }) {
        const list = useRef<HTMLUListElement>(null);
        const { first, last, before, after } = useWindow(ids.length, CARD_HEIGHT, scroller, list);
        const ready = selectable.value;
        const all = ready.length > 0 && ready.every((id) => ticked.value.has(id));
        return (
                <>
                        {canOperate.value && (
                                <label class="check select-all">
                                        <input type="checkbox" checked={all} disabled={ready.length === 0} onChange={() => tick(ready, !all)} />
                                        Select all {ready.length} that are ready
                                </label>
                        )}
                        <ul ref={list} class="drive-cards" aria-label="Drives">
                                {before > 0 && <li class="space" aria-hidden="true" style={{ height: `${before}px` }} />}
                                {ids.slice(first, last).map((id) => <DriveCard key={id} id={id} />)}
                                {after > 0 && <li class="space" aria-hidden="true" style={{ height: `${after}px` }} />}
                        </ul>
                </>
        );
}

function DriveCard({ id }: { id: string }) {
        const drive = useDrive(id);
        const active = useActive(id);
        const last = useLast(id);
        if (!drive)
                return null;
        const ready = isTickable(drive, active, isAdmin.value);
        return (
                <li class={`drive-card ${drive.present && !drive.stale ? '' : 'old'}`}>
                        <div class="drive-card-box">
                                <div class="drive-card-head">
                                        {canOperate.value && (
                                                <label class="tick">
                                                        <input type="checkbox" aria-label={`Select ${drive.host} ${drive.dev_name}`} checked={ready && ticked.value.has(id)} disabled={!ready}
                                                                onChange={(event) => tick([id], event.currentTarget.checked)} />
                                                </label>
                                        )}
                                        <button type="button" class="drive-name" aria-haspopup="dialog" onClick={() => setQuery({ drive: id }, false)}>
                                                {drive.dev_name || 'missing'} <span class="subtle">{drive.host}</span>
                                        </button>
                                        <Temperature mdegc={drive.temperature_mdegc} />
                                        <HealthCell drive={drive} />
                                </div>
                                <p class="drive-card-model clip">{drive.model || 'Unknown model'} · {bytes(drive.size_bytes)}</p>
                                <p class="under drive-card-line"><span class="mono clip">{drive.serial || 'no serial'}{drive.location || drive.bay ? ` · ${drive.location || drive.bay}` : ''}</span><FailedTests drive={drive} /></p>
                                <div class="drive-card-foot">
                                        <div class="drive-card-state">{active || drive.lock_state === 'none' ? <BurnInCell active={active} last={last} /> : <LockCell drive={drive} />}</div>
                                        <DriveActions drive={drive} active={active} last={last} />
                                </div>
                        </div>
                </li>
        );
}
