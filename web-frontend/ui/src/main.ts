// SPDX-License-Identifier: LGPL-2.1-or-later
import { applyTheme, savedTheme } from './lib/theme';
import { mount } from './mount';
import { browserPlace } from './router';
import { httpApi } from './transport/http';

matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => applyTheme(savedTheme()));
// Everything of the frontend is beside this file, wherever it is served.
const base = new URL('.', import.meta.url);
mount(browserPlace(base), httpApi(base));
