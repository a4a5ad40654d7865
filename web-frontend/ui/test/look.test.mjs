// SPDX-License-Identifier: LGPL-2.1-or-later
// Every page, dialog and menu, before the stand-in, in both themes, wide and narrow: nothing serious against accessibility, nothing
// wider than the screen, and a picture in SCREENSHOTS (build/pictures) for people to look at.
import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import { burning, complaints, context, drive, open, page, ready, rowOf, rows, server } from './stand-in.mjs';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const pictures = process.env.SCREENSHOTS ?? `${import.meta.dirname}/../../../build/pictures`;
mkdirSync(pictures, { recursive: true });
const HEIGHT_MAX = 3000; // of the picture of a long page

const button = (name) => page.getByRole('button', { name });
const click = (...names) => async () => { for (const name of names) await button(name).first().click(); };
const item = async (opener, name) => { await button(opener).first().click(); await page.getByRole('menuitem', { name }).click(); };
const tickThree = async () => { for (let at = 0; at < 3; at++) await rows().nth(at).getByRole('checkbox').check(); };
const ended = (verdict) => [...server.state.jobs.values()].find((job) => job.verdict === verdict);
const unlock = async () => {
        const one = drive(({ unlock_token: token, lock_in_use: used, stale }) => token !== '' && used && !stale);
        await rowOf(one).getByRole('button', { name: /^Unlock/ }).click();
        await page.getByLabel('Reason').fill('Goes to the recycler');
        await page.getByLabel(/^Type .* to unlock/).fill('nonsense');
        return one;
};

// Where it is, and what is done there: of a menu, which a change of the window's size closes, again for each size. Of: what is new there;
// the rest has been looked at. While there is a dialog, all else is out of reach.
const scenes = {
        dashboard: ['/'],
        selected: ['/?state=ready', tickThree, { of: '.batch-bar' }],
        'no-fit': ['/?q=nonsense'],
        'no-drives': [() => { for (const all of [server.state.hosts, server.state.drives, server.state.jobs]) all.clear(); return '/'; }],
        drawer: [() => `/?drive=${burning().drive_id}`, null, { of: '.drawer' }],
        'drawer-failed': [() => `/?drive=${ended('failed').drive_id}`, null, { of: '.drawer' }],
        'drawer-missing': [() => `/?drive=${drive(({ present }) => !present).id}`, null, { of: '.drawer' }],
        lost: ['/', async () => { await rows().first().waitFor(); await context.route('**/sse/drives', (route) => route.abort()); server.drop(); await page.getByText('The connection is lost').waitFor(); }, { of: '.banner' }],
        toasts: ['/?state=ready', async () => { const { active_job: _, ...one } = ready(); await item(`More for ${one.host} ${one.dev_name}`, 'Locate LED'); server.say('job-alert', ended('failed')); server.say('job-alert', ended('passed')); await page.locator('.toast').nth(2).waitFor(); }, { of: '.toasts' }],
        menu: ['/?state=ready', click(/^More for/), { menu: true, of: '.menu' }],
        account: ['/', click(/^Account/), { menu: true, of: '.menu' }],
        pages: ['/', click('Pages'), { narrow: true, of: 'nav.pages' }],
        start: ['/?state=ready', async () => { await click(/^Burn in /)(); await page.getByLabel('Start', { exact: true }).selectOption('calendar'); await page.getByLabel(/^Type its serial/).fill('nonsense'); await page.getByText('This is not the serial number').waitFor(); }],
        'start-old': ['/?state=locked', async () => { await rows().locator('input:enabled').first().check(); await rows().locator('input:enabled').nth(1).check(); await click(/^Burn-In \(2/)(); }],
        'start-many': ['/?state=ready', async () => { await tickThree(); await click(/^Burn-In \(3/)(); }],
        unlock: ['/?state=locked', unlock],
        'start-unlocked': ['/?state=locked', async () => { const { unlock_token: token } = await unlock(); await page.getByLabel(/^Type .* to unlock/).fill(token); await page.getByLabel(/^At the start, end/).check(); await page.getByRole('dialog').locator('button[type=submit]').click(); await page.getByLabel(/^Type its serial/).waitFor(); }],
        cancel: ['/?state=running', click(/^Cancel the burn-in/)],
        'cancel-all': ['/', click('✕ Cancel All')],
        forget: ['/?state=missing', async () => { await rowOf(drive(({ present }) => !present)).getByRole('button', { name: /^More for/ }).click(); await page.getByRole('menuitem', { name: 'Forget this drive' }).click(); }],
        password: ['/', () => item(/^Account/, 'Change password')],
        hosts: ['/hosts'],
        'host-add': ['/hosts', async () => { await click('Add host')(); await page.getByText(/^ssh-ed25519 /).waitFor(); }],
        'host-truenas': ['/hosts', async () => { await click('Add host')(); await page.getByLabel('Kind').selectOption('truenas'); }],
        'host-change': ['/hosts', () => item('More for bench', 'Change')],
        'host-remove': ['/hosts', () => item('More for bench', 'Remove')],
        'host-key': ['/hosts', async () => { await page.locator('.host').filter({ hasText: 'new-nas' }).getByRole('button', { name: 'Compare' }).click(); }],
        'host-other-key': ['/hosts', async () => { await page.locator('.host.loud').getByRole('button', { name: 'Compare' }).click(); }],
        history: ['/history'],
        job: [() => `/history/${ended('failed').id}`],
        'job-running': [() => `/history/${burning().id}`],
        'job-again': [() => `/history/${ended('failed').id}`, click('Once more')],
        print: [() => `/history/${ended('failed').id}/print`],
        drive: [() => `/drives/${ended('failed').drive_id}`],
        statistics: ['/stats'],
        audit: ['/audit'],
        settings: ['/settings'],
        'notifier-menu': ['/settings', click('More for team'), { menu: true, of: '.menu' }],
        'notifier-add': ['/settings', click('Add notifier')],
        'notifier-change': ['/settings', () => item('More for team', 'Change')],
        'notifier-secret': ['/settings', () => item('More for mail', 'Set another secret')],
        'notifier-deliveries': ['/settings', click('Show what was not sent to team')],
        'notifier-remove': ['/settings', () => item('More for team', 'Remove')],
        accounts: ['/accounts'],
        'account-add': ['/accounts', click('Add account')],
        'account-password': ['/accounts', () => item('More for bob', 'Set password')],
        'account-remove': ['/accounts', () => item('More for bob', 'Remove')],
        nowhere: ['/nowhere'],
        login: ['/', async () => { await page.getByLabel('Name').fill('alice'); await page.getByLabel('Password').fill('wrong'); await click('Log in')(); await page.getByRole('alert').waitFor(); }, { loggedIn: false }],
        'login-again': ['/', async () => { await rows().first().waitFor(); server.expire(); await page.getByText('Your session is over').waitFor(); }],
        first: ['/', null, { first: true }],
};

// What is coming has come.
async function settle() {
        await page.locator('h1').last().waitFor({ state: 'attached' });
        await page.waitForFunction(() => !document.querySelector('.skeleton') && !/…/.test(document.querySelector('.estimate strong')?.textContent ?? ''));
        await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
}

async function check(what, of, rules) {
        const found = await page.evaluate(async ([of, rules]) => {
                const { violations } = await globalThis.axe.run(document.querySelector('dialog[open]') ?? (of ? document.querySelector(of) : document), { preload: false, resultTypes: ['violations'], ...rules && { runOnly: rules } });
                const wide = [document.documentElement, ...document.querySelectorAll('main, .page, .card, .dialog-body, .drawer-body')].filter((element) => element.scrollWidth > element.clientWidth + 1);
                return [
                        ...violations.filter(({ impact }) => impact === 'serious' || impact === 'critical').map(({ id, nodes }) => `${id}: ${nodes.slice(0, 3).map(({ html, any }) => `${html.slice(0, 160)} ${any[0]?.message ?? ''}`).join(' | ')}`),
                        ...wide.map((element) => `${element.className || element.tagName} is ${element.scrollWidth} wide, of ${element.clientWidth}`),
                ];
        }, [of, rules]);
        complaints.push(...found.map((fault) => `${what}: ${fault}`));
}

for (const [name, [path, act, { menu = false, narrow = false, of, ...options } = {}]] of Object.entries(scenes))
        test(`it looks right: ${name}`, async () => {
                await open(path, options);
                for (const [width, height] of narrow ? [[390, 844]] : [[1440, 900], [390, 844]]) {
                        await page.setViewportSize({ width, height });
                        if (width === 1440 || menu || narrow)
                                await act?.();
                        for (const colorScheme of ['light', 'dark']) {
                                await page.emulateMedia({ colorScheme });
                                await settle();
                                if (!await page.evaluate(() => 'axe' in globalThis))
                                        await page.evaluate(axe);
                                // The themes differ in their colours alone.
                                await check(`${width} ${colorScheme}`, of, colorScheme === 'dark' && ['color-contrast', 'link-in-text-block']);
                                const long = await page.evaluate(() => document.querySelector('dialog[open], .menu, .dashboard:not([hidden])') ? 0 : document.querySelector('main').scrollHeight - document.querySelector('main').clientHeight);
                                if (long > 0)
                                        await page.setViewportSize({ width, height: Math.min(HEIGHT_MAX, height + long) });
                                await page.screenshot({ path: `${pictures}/${name}-${width}-${colorScheme}.png` });
                                if (long > 0)
                                        await page.setViewportSize({ width, height });
                        }
                }
        });
