// SPDX-License-Identifier: LGPL-2.1-or-later
// Cockpit shows the page in a frame, and keeps the frame's place, after its #, in its own address.
import type { Place } from '../../ui/src/router';

type Options = Record<string, string | string[]>;

function pathOf(path: string): string[] {
        return path.split('/').filter((part) => part !== '').map(decodeURIComponent);
}

function optionsOf(query: string): Options {
        return Object.fromEntries(new URLSearchParams(query));
}

export function cockpitPlace(): Place {
        return {
                read() {
                        const { path, options } = cockpit.location;
                        const query = new URLSearchParams(Object.entries(options).map(([key, value]) => [key, String(value)])).toString();
                        return { path: `/${path.map(encodeURIComponent).join('/')}`, query: query ? `?${query}` : '' };
                },
                write(path, query, replace) {
                        if (replace)
                                cockpit.location.replace(pathOf(path), optionsOf(query));
                        else
                                cockpit.location.go(pathOf(path), optionsOf(query));
                },
                href(to) {
                        const [path = '/', query = ''] = to.split('?', 2);
                        return `#${cockpit.location.encode(pathOf(path), optionsOf(query))}`;
                },
                listen: (moved) => cockpit.addEventListener('locationchanged', moved),
        };
}
