// SPDX-License-Identifier: LGPL-2.1-or-later
// Where we are. The address is a Place's: the browser's here, Cockpit's there.
import { computed, signal } from '@preact/signals';

export interface Place {
        read(): { path: string; query: string };
        write(path: string, query: string, replace: boolean): void;
        href(path: string): string;
        listen(moved: () => void): void;
}

export function browserPlace({ pathname: base }: URL): Place {
        return {
                read: () => ({ path: `/${location.pathname.slice(base.length)}`.replace(/\/+$/, '') || '/', query: location.search }),
                write(path, query, replace) {
                        const url = base + path.slice(1) + query;
                        if (replace)
                                history.replaceState(null, '', url);
                        else
                                history.pushState(null, '', url);
                },
                href: (path) => base + path.slice(1),
                listen: (moved) => window.addEventListener('popstate', moved),
        };
}

let place: Place;
const here = signal({ path: '/', query: '' });

export const path = computed(() => here.value.path);
export const query = computed(() => new URLSearchParams(here.value.query));

export function usePlace(given: Place): void {
        place = given;
        here.value = place.read();
        place.listen(() => { here.value = place.read(); });
}

export function href(to: string): string {
        return place.href(to);
}

export function go(to: string, replace = false): void {
        const [path = '/', search = ''] = to.split('?', 2);
        place.write(path, search ? `?${search}` : '', replace);
        here.value = place.read();
}

// Changes some of the query, in place; '' takes a key away.
export function setQuery(values: Record<string, string>, replace = true): void {
        const next = new URLSearchParams(query.peek());
        for (const [key, value] of Object.entries(values))
                if (value)
                        next.set(key, value);
                else
                        next.delete(key);
        const text = next.toString();
        go(path.peek() + (text ? `?${text}` : ''), replace);
}
