// SPDX-License-Identifier: LGPL-2.1-or-later
// What the tests of the page before the stand-in of dev/serve.mjs share: one browser for each file, one page and one server for each
// test. Waits are for what is to be seen, with the browser's deadline.
import assert from 'node:assert/strict';
import { after, afterEach, before } from 'node:test';
import { chromium } from 'playwright-core';
import { serve } from '../dev/serve.mjs';

let browser;
export let context, page, server;
export const complaints = [];

before(async () => { browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox'] }); });
after(() => browser.close());
afterEach(async () => {
        await close();
        assert.deepEqual(complaints.splice(0), []);
});

export async function close() {
        await context?.close();
        server?.close();
}

export async function open(path = '/', { width = 1440, height = 900, colorScheme = 'light', ahead = 0, ...options } = {}) {
        server = await serve({ port: 0, drives: 72, tick: 0, ...options });
        context = await browser.newContext({ viewport: { width, height }, colorScheme, reducedMotion: 'reduce' });
        context.setDefaultTimeout(60000);
        if (ahead !== 0)
                await context.addInitScript((usec) => {
                        const real = Date.now;
                        Date.now = () => real() + usec / 1000;
                }, ahead);
        page = await context.newPage();
        page.on('pageerror', (error) => complaints.push(error.message));
        page.on('console', (message) => { if (/Content.Security.Policy|Shown in its place/i.test(message.text())) complaints.push(message.text()); });
        // What is there is known only now.
        await page.goto(server.url + (typeof path === 'function' ? path() : path).slice(1));
        return page;
}

export const rows = () => page.locator('table.drives tbody tr:not(.space)');
export const drive = (fits) => [...server.state.drives.values()].find(fits);
export const ready = () => drive((one) => one.present && !one.stale && one.lock_state === 'none' && one.active_job === null && one.smart_health === 'passed');
export const rowOf = (one) => rows().filter({ hasText: one.serial });
export const say = (...list) => server.say('drives-update', { drives: list, removed: [] });
// One whose surface is being validated.
export const burning = () => [...server.state.jobs.values()].find(({ state, current_stage: at }) => state === 'running' && at === 'surface_validate');
