// SPDX-License-Identifier: LGPL-2.1-or-later
// What the stories of the page before the real service share. Each is one story: a test goes on where the one before ended. Their
// harness boots the service, and starts them with
//   URL          where the page is
//   INSIDE       the words before a command that make it run beside the service, as JSON
//   SETUP_CODE   for the first administrator
//   SCREENSHOTS  a folder; without it no pictures are made
// and what each story says of its own.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { after, afterEach, before } from 'node:test';
import { chromium } from 'playwright-core';

export const { URL: url, SETUP_CODE: code } = process.env;
const { SCREENSHOTS: pictures } = process.env;
const prefix = JSON.parse(process.env.INSIDE);
export const PASSWORD = 'correct horse battery';
let browser;
export let page;
const complaints = [];

before(async () => { browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox'] }); });
after(() => browser.close());
afterEach(() => assert.deepEqual(complaints.splice(0), []));

// A browser of its own, as far as cookies go.
export async function visit(path = '/', options = {}) {
        const context = await browser.newContext({ ignoreHTTPSErrors: true, viewport: { width: 1440, height: 900 }, colorScheme: 'light', reducedMotion: 'reduce', ...options });
        context.setDefaultTimeout(60000);
        const opened = await context.newPage();
        opened.on('pageerror', (error) => complaints.push(error.message));
        opened.on('dialog', (dialog) => { complaints.push(`alert: ${dialog.message()}`); void dialog.dismiss(); });
        opened.on('console', (message) => { if (/Content.Security.Policy/i.test(message.text())) complaints.push(message.text()); });
        await opened.goto(url + path);
        return opened;
}

// The browser of the story itself: `page`.
export async function begin(options) {
        page = await visit('/', options);
}

export async function createFirst(name, setupCode) {
        await page.getByLabel('Name').fill(name);
        await page.getByLabel('Password', { exact: true }).fill(PASSWORD);
        await page.getByLabel('Password, again').fill(PASSWORD);
        await page.getByLabel('Setup code').fill(setupCode);
        await page.getByRole('button', { name: 'Create administrator' }).click();
}

export async function login(where, name, password = PASSWORD) {
        await where.getByLabel('Name').fill(name);
        await where.getByLabel('Password').fill(password);
        await where.getByRole('button', { name: 'Log in' }).click();
}

export function inside(...words) {
        return execFileSync(prefix[0], [...prefix.slice(1), ...words], { encoding: 'utf8' });
}

export const rowOf = (serial, where = page) => where.locator('table.drives tbody tr').filter({ hasText: serial });
export const toast = (text, where = page) => where.getByRole('region', { name: 'Messages' }).getByText(text).first().waitFor();
export const go = (title, where = page) => where.getByRole('navigation', { name: 'Pages' }).getByRole('link', { name: title, exact: true }).click();
export const titled = (title, where = page) => where.getByRole('heading', { level: 1, name: title }).waitFor();
// Whether all of it is in sight, and on paper, without scrolling.
export const fits = (selector) => page.locator(selector).evaluateAll((all) => all.every(({ scrollWidth, clientWidth }) => scrollWidth <= clientWidth));

export async function picture(name, where = page) {
        if (!pictures)
                return;
        for (const [width, height] of [[390, 844], [1440, 900]])
                for (const colorScheme of ['dark', 'light']) {
                        await where.setViewportSize({ width, height });
                        await where.emulateMedia({ colorScheme });
                        await where.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
                        await where.screenshot({ path: `${pictures}/${name}-${width}-${colorScheme}.png` });
                }
}
