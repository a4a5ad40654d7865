// SPDX-License-Identifier: LGPL-2.1-or-later
// Pictures of every page, to look at: node dev/shots.mjs [NAME...]
import { mkdirSync } from 'node:fs';
import { chromium } from 'playwright-core';
import { serve } from './serve.mjs';

const wanted = process.argv.slice(2);
mkdirSync('shots', { recursive: true });
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox'] });
const server = await serve({ port: 0, drives: 72, tick: 0 });
const first = await serve({ port: 0, drives: 8, first: true, tick: 0 });
const id = [...server.state.jobs.values()].find(({ verdict }) => verdict === 'failed').id;
const running = [...server.state.jobs.values()].find(({ state, stages }) => state === 'running' && stages.length === 5);
const drive = encodeURIComponent(running.drive_id);
const tickSome = async (page) => { for (const box of (await page.$$('td.col-tick input:enabled, .drive-card input:enabled')).slice(0, 3)) await box.click(); };
const pages = {
        dashboard: ['/'],
        selected: ['/', tickSome],
        drawer: [`/?drive=${drive}`],
        'drawer-failed': [`/?drive=${encodeURIComponent([...server.state.jobs.values()].find(({ state, stages }) => state === 'running' && stages[3]?.bad_blocks > 0).drive_id)}`],
        start: ['/?state=ready', (page) => page.click('[aria-label^="Burn in "]')],
        calendar: ['/?state=ready', async (page) => { await page.click('[aria-label^="Burn in "]'); await page.selectOption('#start-when', 'calendar'); }],
        old: ['/?state=locked', async (page) => { await tickSome(page); await page.click('.batch-bar .primary'); }],
        batch: ['/?state=ready', async (page) => { await tickSome(page); await page.click('.batch-bar .primary'); }],
        unlock: ['/?state=locked', (page) => page.click('[aria-label^="Unlock "]')],
        menu: ['/', (page) => page.click('[aria-label^="More for"]')],
        hosts: ['/hosts'],
        'host-add': ['/hosts', (page) => page.click('text=Add host')],
        'host-key': ['/hosts', (page) => page.click('.host.loud .btn.danger')],
        history: ['/history'],
        job: [`/history/${id}`],
        print: [`/history/${id}/print`],
        drive: [`/drives/${drive}`],
        stats: ['/stats'],
        audit: ['/audit'],
        settings: ['/settings'],
        accounts: ['/accounts'],
        login: ['/', null, first.url],
};
for (const [width, height] of [[1280, 800], [375, 812]])
        for (const colorScheme of ['light', 'dark']) {
                const context = await browser.newContext({ viewport: { width, height }, colorScheme, reducedMotion: 'reduce' });
                for (const [name, [path, act, url = server.url]] of Object.entries(pages)) {
                        if (wanted.length > 0 && !wanted.includes(name))
                                continue;
                        const page = await context.newPage();
                        page.on('console', (message) => ['error', 'warning'].includes(message.type()) && console.log(name, message.text()));
                        page.on('pageerror', (error) => console.log(name, error.message));
                        await page.goto(new URL(path, url).toString());
                        await page.waitForSelector('main');
                        await page.waitForTimeout(400);
                        try {
                                await act?.(page);
                        } catch (error) {
                                console.log(name, width, error.message.split('\n')[0]);
                        }
                        await page.waitForTimeout(300);
                        await page.screenshot({ path: `shots/${name}-${width}-${colorScheme}.png` });
                        await page.close();
                }
                await context.close();
        }
await browser.close();
server.close();
first.close();
