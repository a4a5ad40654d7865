// SPDX-License-Identifier: LGPL-2.1-or-later
import type { Reading } from '../model';
import { READINGS_MAX, type Api } from '../transport/api';

// All of a drive since then, newest first. A page begins before the oldest of the last one, so what is read meanwhile moves none.
export async function allReadings(api: Pick<Api, 'readings'>, id: string, since: number): Promise<Reading[]> {
        const all: Reading[] = [];
        for (;;) {
                const oldest = all.at(-1);
                const page = await api.readings(id, { since, until: oldest && oldest.time_usec - 1, limit: READINGS_MAX });
                all.push(...page);
                if (page.length < READINGS_MAX)
                        return all;
        }
}
