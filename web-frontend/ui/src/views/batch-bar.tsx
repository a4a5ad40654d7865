// SPDX-License-Identifier: LGPL-2.1-or-later
import { bytes, count } from '../lib/format';
import { settleEach } from '../lib/pool';
import { clearTicks, selected } from '../lib/selection';
import { driveNow, theApi } from '../store';
import type { SelfTestType } from '../transport/api';
import { showDialog } from '../ui/dialog';
import { toast } from '../ui/toast';
import { StartDialog } from './start-dialog';

async function testAll(ids: string[], type: SelfTestType): Promise<void> {
        const results = await settleEach(ids, 4, (id) => theApi().startSelfTest(id, type));
        const refused = results.flatMap((result) => result.status === 'rejected' ? [String((result.reason as Error).message)] : []);
        toast(refused.length > 0 ? 'warning' : 'success', `${count(ids.length - refused.length, 'self-test')} started${refused.length > 0 ? `, ${refused.length} refused` : ''}`, refused[0]);
        clearTicks();
}

export function BatchBar() {
        const ids = selected.value;
        if (ids.length === 0)
                return null;
        const size = ids.reduce((sum, id) => sum + (driveNow(id)?.size_bytes ?? 0), 0);
        return (
                <div class="batch-bar" role="region" aria-label="Selected drives">
                        <strong>{count(ids.length, 'drive')} selected</strong>
                        <span class="subtle">{bytes(size)}</span>
                        <span class="spacer" />
                        <button type="button" class="btn link" onClick={clearTicks}>Clear</button>
                        <button type="button" class="btn secondary" onClick={() => void testAll(ids, 'short')}>Short test</button>
                        <button type="button" class="btn secondary" onClick={() => void testAll(ids, 'long')}>Long test</button>
                        <button type="button" class="btn primary" onClick={() => showDialog(<StartDialog ids={ids} />)}>{`Burn-In (${ids.length})`}</button>
                </div>
        );
}
