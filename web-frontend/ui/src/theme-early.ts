// SPDX-License-Identifier: LGPL-2.1-or-later
// Runs before the page is drawn, so that nobody sees the other theme flash.
import { applyTheme, savedTheme } from './lib/theme';

applyTheme(savedTheme());
