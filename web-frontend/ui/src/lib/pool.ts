// SPDX-License-Identifier: LGPL-2.1-or-later

// Does it for each, a few at a time: a hundred requests at once are a hundred processes there. Results in the order of the items.
export async function settleEach<T, R>(items: readonly T[], atOnce: number, work: (item: T) => Promise<R>): Promise<PromiseSettledResult<R>[]> {
        const results: PromiseSettledResult<R>[] = [];
        let next = 0;
        const one = async (): Promise<void> => {
                while (next < items.length) {
                        const at = next++;
                        results[at] = await work(items[at] as T).then(
                                (value): PromiseSettledResult<R> => ({ status: 'fulfilled', value }),
                                (reason: unknown): PromiseSettledResult<R> => ({ status: 'rejected', reason }));
                }
        };
        await Promise.all(Array.from({ length: Math.min(atOnce, items.length) }, one));
        return results;
}
