// SPDX-License-Identifier: LGPL-2.1-or-later
// Which rows of a long list are drawn, all of one height.
export interface Window {
        first: number;
        last: number; // one behind
        before: number; // pixels
        after: number;
}

export function visibleWindow(total: number, height: number, top: number, view: number, spare = 8): Window {
        // In steps of half the spare, so that a scroll of a few pixels draws nothing anew.
        const step = Math.max(1, spare >> 1);
        const from = Math.floor(Math.max(0, top) / height / step) * step;
        const first = Math.max(0, Math.min(total, from - spare));
        const last = Math.max(first, Math.min(total, from + Math.ceil(view / height) + step + spare));
        return { first, last, before: first * height, after: (total - last) * height };
}
