// SPDX-License-Identifier: LGPL-2.1-or-later
// The time by the clock of the machine that burnin runs on, whose times the page shows. The browser's may be another.
let ahead = 0;

export const nowUsec = (): number => Date.now() * 1000 - ahead;

// there: what it was there, at some moment since asked by the browser's own clock.
export function setClock(there: number, asked: number): void {
        const here = Date.now() * 1000;
        ahead = (asked + here) / 2 - there;
}
