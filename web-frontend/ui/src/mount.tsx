// SPDX-License-Identifier: LGPL-2.1-or-later
import { render } from 'preact';
import { App } from './app';
import { usePlace, type Place } from './router';
import { useApi } from './store';
import type { Api } from './transport/api';

export function mount(place: Place, api: Api): void {
        usePlace(place);
        useApi(api);
        const app = document.getElementById('app');
        if (app)
                render(<App />, app);
}
