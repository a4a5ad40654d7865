// SPDX-License-Identifier: LGPL-2.1-or-later
import { count } from '../lib/format';
import { hostNames, rows, view } from '../lib/rows';
import { setQuery } from '../router';
import { driveIds } from '../store';
import { Icon } from '../ui/icon';

export function Toolbar() {
        const { q, host, state } = view.value;
        const shown = rows.value.length;
        const all = driveIds.value.length;
        return (
                <div class="toolbar" role="search" aria-label="Drives">
                        <div class="search">
                                <Icon name="search" />
                                <input type="search" value={q} placeholder="Search name, model, serial, location" aria-label="Search drives"
                                        onInput={(event) => setQuery({ q: event.currentTarget.value })}
                                        onKeyDown={(event) => { if (event.key === 'Escape') setQuery({ q: '' }); }} />
                        </div>
                        <select aria-label="Host" value={host} onChange={(event) => setQuery({ host: event.currentTarget.value })}>
                                <option value="">All hosts</option>
                                {hostNames.value.map((name) => <option key={name} value={name}>{name}</option>)}
                        </select>
                        {(q || host || state !== 'all') && <button type="button" class="btn link" onClick={() => setQuery({ q: '', host: '', state: '' })}>Clear filters</button>}
                        <span class="toolbar-count" role="status">{shown === all ? count(all, 'drive') : `${shown.toLocaleString('en')} of ${count(all, 'drive')}`}</span>
                </div>
        );
}
