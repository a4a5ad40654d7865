// SPDX-License-Identifier: LGPL-2.1-or-later
// A table as long as it has to be, of which the rows in sight are drawn. Its head is sticky in the same scroller.
import type { RefObject } from 'preact';
import { useRef } from 'preact/hooks';
import type { SortKey } from '../lib/drives';
import { selectable, view } from '../lib/rows';
import { tick, ticked } from '../lib/selection';
import { useWindow } from '../lib/use-window';
import { setQuery } from '../router';
import { canOperate } from '../store';
import { Icon } from '../ui/icon';
import { DriveRow } from './drive-row';

const ROW_HEIGHT = 56;

const columns: { key: SortKey | ''; title: string; name: string }[] = [
        { key: 'name', title: 'Drive', name: 'name' },
        { key: 'location', title: 'Location', name: 'location' },
        { key: 'model', title: 'Model', name: 'model' },
        { key: 'size', title: 'Size', name: 'size' },
        { key: 'temperature', title: 'Temp.', name: 'temperature' },
        { key: 'health', title: 'Health', name: 'health' },
        { key: 'lock', title: 'Lock', name: 'lock' },
        { key: '', title: 'Self-tests', name: 'tests' },
        { key: 'progress', title: 'Burn-in', name: 'burnin' },
];

interface Props {
        ids: readonly string[];
        scroller: RefObject<HTMLElement | null>;
        open: string;
}

export function DriveTable({ ids, scroller, open }: Props) {
        const body = useRef<HTMLTableSectionElement>(null);
        const { first, last, before, after } = useWindow(ids.length, ROW_HEIGHT, scroller, body);
        const { sort, descending } = view.value;
        const ready = selectable.value;
        const all = ready.length > 0 && ready.every((id) => ticked.value.has(id));
        const some = !all && ready.some((id) => ticked.value.has(id));

        const sortBy = (key: SortKey): void =>
                setQuery({ sort: sort === key ? (descending ? '' : `-${key}`) : key === 'name' ? '' : key });

        return (
                <table class="drives" aria-rowcount={ids.length + 1} aria-label="Drives">
                        <thead>
                                <tr aria-rowindex={1}>
                                        <th class={`col-tick ${canOperate.value ? '' : 'unused'}`} scope="col">
                                                {canOperate.value
                                                        ? <input type="checkbox" aria-label={`Select all ${ready.length} drives that are ready`} title="Select all that are ready; locked ones are left out" checked={all} disabled={ready.length === 0}
                                                                ref={(element) => { if (element) element.indeterminate = some; }} onChange={() => tick(ready, !all)} />
                                                        : <span class="sr">Select</span>}
                                        </th>
                                        {columns.map(({ key, title, name }) => (
                                                <th key={name} scope="col" class={`col-${name}`} aria-sort={key && sort === key ? (descending ? 'descending' : 'ascending') : undefined}>
                                                        {key ? <button type="button" onClick={() => sortBy(key)}>{title}{sort === key && <Icon name={descending ? 'down' : 'up'} size={12} />}</button> : title}
                                                </th>
                                        ))}
                                        <th scope="col" class="col-actions"><span class="sr">Actions</span></th>
                                </tr>
                        </thead>
                        <tbody ref={body}>
                                {before > 0 && <tr key="before" class="space" aria-hidden="true"><td colSpan={11} style={{ height: `${before}px` }} /></tr>}
                                {ids.slice(first, last).map((id, index) => <DriveRow key={id} id={id} index={first + index + 2} odd={(first + index) % 2 === 1} open={open === id} />)}
                                {after > 0 && <tr key="after" class="space" aria-hidden="true"><td colSpan={11} style={{ height: `${after}px` }} /></tr>}
                        </tbody>
                </table>
        );
}
