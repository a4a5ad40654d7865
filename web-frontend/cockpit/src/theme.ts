// SPDX-License-Identifier: LGPL-2.1-or-later
// The theme that was chosen in Cockpit's shell. Runs before the page is drawn, so that nobody sees the other one flash.
import { applyTheme, type Theme } from '../../ui/src/lib/theme';

function follow(style: string | null): void {
        const theme: Theme = style === 'light' || style === 'dark' ? style : 'system';
        applyTheme(theme);
}

const chosen = (): string | null => localStorage.getItem('shell:style');

// The shell tells its own windows by an event of its own, all others by the storage.
window.addEventListener('cockpit-style', (event) => follow((event as CustomEvent<{ style: string }>).detail.style));
window.addEventListener('storage', (event) => { if (event.key === 'shell:style') follow(chosen()); });
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => follow(chosen()));
follow(chosen());
