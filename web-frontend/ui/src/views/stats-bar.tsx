// SPDX-License-Identifier: LGPL-2.1-or-later
// How many drives are what. Each number is a filter.
import type { FilterState } from '../lib/drives';
import { counts, view } from '../lib/rows';
import { setQuery } from '../router';
import { activeJobs, canOperate, changes } from '../store';
import { showDialog } from '../ui/dialog';
import { Icon, type IconName } from '../ui/icon';
import { CancelAllDialog } from './cancel-dialogs';

const stats: { state: FilterState; title: string; icon?: IconName; tone: string }[] = [
        { state: 'all', title: 'Drives', tone: '' },
        { state: 'ready', title: 'Ready', icon: 'check', tone: 'success' },
        { state: 'running', title: 'Running', icon: 'play', tone: 'info' },
        { state: 'queued', title: 'Queued', icon: 'clock', tone: '' },
        { state: 'locked', title: 'Locked', icon: 'lock', tone: '' },
        { state: 'failed', title: 'Failed', icon: 'fail', tone: 'danger' },
        { state: 'hot', title: 'Hot', icon: 'flame', tone: 'danger' },
        { state: 'missing', title: 'Missing', icon: 'missing', tone: 'warning' },
];

export function StatsBar() {
        const found = counts.value;
        const now = view.value.state;
        void changes.value;
        const active = activeJobs().length;
        return (
                <div class="stats" role="group" aria-label="Drives by state">
                        {stats.map(({ state, title, icon, tone }) => (
                                <button key={state} type="button" class={`stat ${found[state] > 0 ? tone : ''}`} aria-pressed={now === state}
                                        onClick={() => setQuery({ state: state === 'all' || now === state ? '' : state })}>
                                        <span class="stat-title">{icon && <Icon name={icon} size={12} />}{title}</span>
                                        <span class="stat-number">{found[state].toLocaleString('en')}</span>
                                </button>
                        ))}
                        {/* Its place is kept: the bar is not to grow by a line when a job begins. */}
                        {canOperate.value && (
                                <button type="button" class={`btn danger-secondary cancel-all ${active > 0 ? '' : 'unseen'}`} onClick={() => showDialog(<CancelAllDialog count={active} />)}>✕ Cancel All</button>
                        )}
                </div>
        );
}
