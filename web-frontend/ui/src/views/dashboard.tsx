// SPDX-License-Identifier: LGPL-2.1-or-later
import { useLayoutEffect, useRef } from 'preact/hooks';
import { useMedia } from '../lib/media';
import { rows, view } from '../lib/rows';
import { useStill } from '../lib/still';
import { go, query, setQuery } from '../router';
import { driveIds, hosts, isAdmin, loaded } from '../store';
import { showDialog } from '../ui/dialog';
import { Icon } from '../ui/icon';
import { Empty } from '../ui/page';
import { BatchBar } from './batch-bar';
import { DriveCards } from './drive-cards';
import { DriveTable } from './drive-table';
import { Drawer } from './drawer';
import { Failures } from './failures';
import { HostDialog } from './host-dialog';
import { StatsBar } from './stats-bar';
import { Toolbar } from './toolbar';
import { Link } from '../ui/link';

export function Dashboard({ hidden }: { hidden: boolean }) {
        const scroller = useRef<HTMLDivElement>(null);
        const top = useRef(0);
        const narrow = useMedia('(max-width: 760px)');
        const drive = query.value.get('drive') ?? '';

        // What is not displayed forgets where it was scrolled to.
        useLayoutEffect(() => {
                if (!hidden && scroller.current)
                        scroller.current.scrollTop = top.current;
        }, [hidden]);

        useStill(scroller, !hidden);

        const list = rows.value;
        return (
                <div class="dashboard" hidden={hidden}>
                        <div class="dash-list" inert={narrow && drive !== ''}>
                                <Failures />
                                <div class="dash-scroll" ref={scroller} onScroll={(event) => { if (!hidden) top.current = event.currentTarget.scrollTop; }}>
                                        <h1 class="sr">Drives</h1>
                                        <StatsBar />
                                        <Toolbar />
                                        {!loaded.value ? <div class="skeleton table-wait" role="status"><span class="sr">Loading</span><div /><div /><div /><div /><div /></div>
                                                : list.length === 0 ? <NoDrives />
                                                : narrow ? <DriveCards ids={list} scroller={scroller} />
                                                : <DriveTable ids={list} scroller={scroller} open={drive} />}
                                        <BatchBar />
                                </div>
                        </div>
                        {drive && !hidden && <Drawer key={drive} id={drive} close={() => setQuery({ drive: '' })} />}
                </div>
        );
}

function NoDrives() {
        if (driveIds.value.length === 0)
                return hosts.value.size === 0
                        ? <Empty title="No drives yet" icon="info"><p>Add the host that they are in: they come with its first answer.</p>{isAdmin.value && <button type="button" class="btn primary" onClick={() => showDialog(<HostDialog added={() => go('/hosts')} />)}><Icon name="plus" />Add host</button>}</Empty>
                        : <Empty title="No drives yet" icon="info"><p>Drives are here as soon as {hosts.value.size === 1 ? [...hosts.value.keys()][0] : 'one of the hosts'} has answered.</p><Link to="/hosts" class="btn primary">{isAdmin.value ? 'See what it waits for' : 'See the hosts'}</Link></Empty>;
        return (
                <Empty title="No drive fits">
                        <p>{view.value.q ? `Nothing has “${view.value.q}” in it.` : 'None is in this state now.'}</p>
                        <button type="button" class="btn secondary" onClick={() => setQuery({ q: '', host: '', state: '' })}>Show all drives</button>
                </Empty>
        );
}
