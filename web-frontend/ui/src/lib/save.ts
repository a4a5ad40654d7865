// SPDX-License-Identifier: LGPL-2.1-or-later
// What the page has got by itself becomes a file of whoever looks at it.
const HELD_MSEC = 60000; // a browser may still read from it after the click

export function save(content: Blob, name: string): void {
        const link = document.createElement('a');
        link.href = URL.createObjectURL(content);
        link.download = name;
        link.click();
        setTimeout(() => URL.revokeObjectURL(link.href), HELD_MSEC);
}
