// SPDX-License-Identifier: LGPL-2.1-or-later
import { render } from 'preact';
import { App } from './app';
import { applyTheme, savedTheme } from './lib/theme';
import { browserPlace, usePlace } from './router';
import { useApi } from './store';
import { httpApi } from './transport/http';

matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => applyTheme(savedTheme()));
// Everything of the frontend is beside this file, wherever it is served.
const base = new URL('.', import.meta.url);
usePlace(browserPlace(base));
useApi(httpApi(base));
const app = document.getElementById('app');
if (app)
        render(<App />, app);
