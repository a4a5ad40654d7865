// SPDX-License-Identifier: LGPL-2.1-or-later
// To what opened a part of the page that has gone, else to the page itself; what has the focus meanwhile keeps it.
export function giveFocusBack(opener: Element | null): void {
        requestAnimationFrame(() => {
                if (document.activeElement !== document.body)
                        return;
                const there = opener instanceof HTMLElement && opener !== document.body && opener.isConnected ? opener : document.getElementById('main');
                there?.focus({ preventScroll: true });
        });
}
