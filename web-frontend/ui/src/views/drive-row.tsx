// SPDX-License-Identifier: LGPL-2.1-or-later
import { bytes } from '../lib/format';
import { isTickable, whyNot } from '../lib/drives';
import { tick, ticked } from '../lib/selection';
import { setQuery } from '../router';
import { canOperate, isAdmin, useActive, useDrive, useLast } from '../store';
import { Temperature } from '../ui/status';
import { DriveActions } from './drive-actions';
import { BurnInCell, HealthCell, LockCell, SelfTestCell } from './drive-cells';
import { LocationEditor } from './location-editor';
import { FailedTests } from './self-tests';

interface Props {
        id: string;
        index: number;
        odd: boolean;
        open: boolean;
}

export function DriveRow({ id, index, open }: Props) {
        const drive = useDrive(id);
        const active = useActive(id);
        const last = useLast(id);
        if (!drive)
                return null;
        const ready = isTickable(drive, active, isAdmin.value);
        const name = `${drive.host} ${drive.dev_name || drive.serial}`;
        const toggle = (): void => setQuery({ drive: open ? '' : id });

        const onRow = (event: MouseEvent): void => {
                // A click on something that does something is for that, and one that ends a selection of text is for nobody.
                if (!(event.target as Element).closest('button, a, input, label') && !getSelection()?.toString())
                        toggle();
        };

        return (
                <tr class={`${open ? 'open' : ''} ${drive.present && !drive.stale ? '' : 'old'}`} aria-rowindex={index} aria-selected={ticked.value.has(id)} onClick={onRow}>
                        <td class="col-tick">
                                {canOperate.value && (
                                        <label class="tick" title={ready ? '' : whyNot(drive, active)}>
                                                <input type="checkbox" aria-label={`Select ${name}`} checked={ready && ticked.value.has(id)} disabled={!ready}
                                                        onChange={(event) => tick([id], event.currentTarget.checked)} />
                                        </label>
                                )}
                        </td>
                        <td class="col-name">
                                <button type="button" class="drive-name" aria-expanded={open} onClick={toggle}>{drive.dev_name || 'missing'}</button>
                                <span class="under">{drive.host}</span>
                        </td>
                        <td class="col-location"><LocationEditor drive={drive} />{drive.bay && <span class="under clip bay" title={drive.bay}><bdi>{drive.bay}</bdi></span>}</td>
                        <td class="col-model"><span class="clip" title={drive.model}>{drive.model || 'Unknown model'}</span><span class="under mono clip" title={drive.serial}>{drive.serial || 'no serial'}</span></td>
                        <td class="col-size">{bytes(drive.size_bytes)}</td>
                        <td class="col-temperature"><Temperature mdegc={drive.temperature_mdegc} /></td>
                        <td class="col-health"><HealthCell drive={drive} /><FailedTests drive={drive} /></td>
                        <td class="col-lock"><LockCell drive={drive} /></td>
                        <td class="col-tests"><SelfTestCell drive={drive} /></td>
                        <td class="col-burnin"><BurnInCell active={active} last={last} /></td>
                        <td class="col-actions"><DriveActions drive={drive} active={active} last={last} /></td>
                </tr>
        );
}
