// SPDX-License-Identifier: LGPL-2.1-or-later
export type Theme = 'system' | 'light' | 'dark';

export function savedTheme(): Theme {
        try {
                const value = localStorage.getItem('burnin-theme');
                return value === 'light' || value === 'dark' ? value : 'system';
        } catch {
                return 'system';
        }
}

export function applyTheme(theme: Theme): void {
        const dark = theme === 'dark' || (theme === 'system' && matchMedia('(prefers-color-scheme: dark)').matches);
        document.documentElement.classList.toggle('dark', dark);
}

export function saveTheme(theme: Theme): void {
        try {
                localStorage.setItem('burnin-theme', theme);
        } catch {
                // Without storage it lasts as long as the page.
        }
        applyTheme(theme);
}
