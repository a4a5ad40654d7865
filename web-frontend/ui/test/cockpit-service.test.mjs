// SPDX-License-Identifier: LGPL-2.1-or-later
// The page within a real Cockpit, before the real service. tests/integration/test_cockpit.py boots both, and starts this with
//   URL          where Cockpit is
//   PASSWORD     of all who log in: visitor, who may look; olga, whom polkit lets operate; omar, whom it lets, too, but not with this drive;
//                nas, who may become root
//   SERIAL       of the one drive
//   INSIDE       the words before a command that make it run beside the service, as JSON
//   SCREENSHOTS  a folder; without it no pictures are made
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { after, afterEach, before, test } from 'node:test';
import { chromium } from 'playwright-core';

const { URL: url, PASSWORD: password, SERIAL: serial, SCREENSHOTS: pictures } = process.env;
const prefix = JSON.parse(process.env.INSIDE);
let browser, context, page;
const complaints = [];

before(async () => { browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox'] }); });
after(() => browser.close());
afterEach(async () => {
        await context.close();
        assert.deepEqual(complaints.splice(0), []);
});

const inside = (...words) => execFileSync(prefix[0], [...prefix.slice(1), ...words], { encoding: 'utf8' });
const location = () => JSON.parse(inside('burninctl', '--json=short', 'drive', 'show', serial)).Location;
// Until then the shell moves it about.
const frame = () => page.frameLocator('iframe[name="cockpit1:localhost/burnin"][data-loaded]');
const row = () => frame().locator('table.drives tbody tr').filter({ hasText: serial });

async function login(name, path = '/burnin') {
        context = await browser.newContext({ ignoreHTTPSErrors: true, viewport: { width: 1440, height: 900 }, colorScheme: 'light', reducedMotion: 'reduce' });
        context.setDefaultTimeout(60000);
        page = await context.newPage();
        page.on('pageerror', (error) => complaints.push(error.message));
        // Cockpit's own pages may say what they like.
        page.on('console', (message) => {
                if (message.location().url.includes('/burnin/') && (message.type() === 'error' || /Content.Security.Policy/i.test(message.text())))
                        complaints.push(message.text());
        });
        await page.goto(url + path);
        await page.locator('#login-user-input').fill(name);
        await page.locator('#login-password-input').fill(password);
        await page.locator('#login-button').click();
}

async function editLocation(text) {
        await row().locator('.location').click();
        await frame().locator('.location-input').fill(text);
        await page.keyboard.press('Enter');
}

// The page shows what was typed before it is stored.
async function located(text) {
        for (const end = Date.now() + 20000; location() !== text;)
                assert.ok(Date.now() < end, `${location()} is not yet ${text}`);
        await row().getByText(text).waitFor();
}

async function picture(name) {
        if (!pictures)
                return;
        for (const [width, height] of [[1440, 900], [390, 844]])
                for (const style of ['dark', 'light']) {
                        await page.setViewportSize({ width, height });
                        await page.emulateMedia({ colorScheme: style });
                        await frame().locator(style === 'dark' ? 'html.dark' : 'html:not(.dark)').waitFor();
                        await page.screenshot({ path: `${pictures}/${name}-${width}-${style}.png` });
                }
        await page.setViewportSize({ width: 1440, height: 900 });
}

// What does not come to its end tells what was there then.
function story(name, steps) {
        test(name, async () => {
                try {
                        await steps();
                } catch (error) {
                        error.message += `\n${page.url()} shows:\n${await frame().locator('body').innerText({ timeout: 5000 }).catch(String)}`;
                        throw error;
                }
        });
}

story('who has no rights sees the drive and what becomes of it, and nothing to press', async () => {
        await login('visitor');
        await row().waitFor();
        await page.getByRole('link', { name: 'Disk burn-in' }).waitFor();
        assert.equal(await frame().locator('.brand, .account, [aria-label="Dark theme"]').count(), 0, 'what the shell has is not there twice');
        await picture('drives');

        inside('burninctl', 'drive', 'location', serial, 'shelf 9');
        await row().getByText('shelf 9').waitFor();
        assert.equal(await frame().locator('.location, table.drives input, .actions .btn:not(.icon-only)').count(), 0);
        await frame().getByRole('link', { name: 'Hosts' }).click();
        await frame().getByRole('heading', { level: 1, name: 'Hosts' }).waitFor();
        assert.equal(await frame().getByRole('button', { name: 'Add host' }).count(), 0);
});

story('what polkit decides of one drive is told when it is tried', async () => {
        await login('omar');
        await row().waitFor();
        await editLocation('stolen');
        await frame().getByRole('region', { name: 'Messages' }).getByText('Turn on administrative access').waitFor();
        await row().getByText('shelf 9').waitFor();
        assert.equal(location(), 'shelf 9');
});

story('whom polkit lets, edits under his own name', async () => {
        await login('olga');
        await row().waitFor();
        await editLocation('shelf 10');
        await located('shelf 10');
        await frame().getByRole('link', { name: 'Audit' }).click();
        await frame().getByRole('row').filter({ hasText: 'olga' }).filter({ hasText: 'shelf 10' }).waitFor();
});

story('who may become root edits once administrative access is on', async () => {
        await login('nas');
        await row().waitFor();
        assert.equal(await row().locator('.location').count(), 0);
        await page.getByRole('button', { name: 'Limited access' }).click();
        await page.getByText('Close', { exact: true }).click();
        await page.getByText('Administrative access', { exact: true }).locator('visible=true').waitFor();
        // With other rights the page begins anew.
        await row().locator('.location').waitFor();
        await editLocation('shelf 11');
        await located('shelf 11');
        await row().getByRole('button', { name: /^Burn in/ }).click();
        await frame().getByRole('dialog').getByText('Acting as root').waitFor();
        await page.keyboard.press('Escape');

        await frame().getByRole('link', { name: 'Hosts' }).click();
        await frame().getByRole('button', { name: 'Add host' }).click();
        const dialog = frame().getByRole('dialog');
        await dialog.getByLabel('Kind').selectOption('truenas');
        await dialog.getByLabel('Name', { exact: true }).fill('vault');
        await dialog.getByLabel('Address', { exact: true }).fill('127.0.0.1');
        await dialog.getByLabel('API key').fill('1-secret-of-vault');
        await dialog.getByRole('button', { name: 'Add host' }).click();
        await dialog.waitFor({ state: 'detached' });
        assert.equal(inside('cat', '/var/lib/burnin/api-keys/vault').trim(), '1-secret-of-vault');
        inside('burninctl', 'host', 'remove', 'vault');
        await frame().getByRole('heading', { name: 'vault' }).waitFor({ state: 'detached' });
});

story('a place in the page is one in Cockpit', async () => {
        await login('visitor', `/burnin#/?q=${serial}`);
        await row().waitFor();
        assert.equal(await frame().getByRole('searchbox').first().inputValue(), serial);
        await frame().getByRole('link', { name: 'Hosts' }).click();
        await frame().getByRole('heading', { level: 1, name: 'Hosts' }).waitFor();
        await page.waitForURL('**/burnin#/hosts');
        await page.goBack();
        await row().waitFor();
        await page.goForward();
        await frame().getByRole('heading', { level: 1, name: 'Hosts' }).waitFor();
        for (const title of ['History', 'Statistics', 'Audit', 'Settings']) {
                await frame().getByRole('link', { name: title, exact: true }).click();
                await frame().getByRole('heading', { level: 1, name: title }).waitFor();
                // Who is faster than the shell is taken back by it.
                await page.waitForURL(`**/burnin#/${title === 'Statistics' ? 'stats' : title.toLowerCase()}`);
                await frame().locator('.page .card, .page .empty').first().waitFor();
                assert.equal(await frame().locator('.notice.danger').count(), 0, `${title} has an error`);
        }
});

story('a burn-in is started, followed and told of at its end', async () => {
        await login('olga', `/burnin#/?q=${serial}`);
        await row().waitFor();
        await row().getByRole('button', { name: /^Burn in/ }).click();
        const dialog = frame().getByRole('dialog');
        await dialog.getByLabel('Profile').selectOption('surface');
        await dialog.getByText('From what drives of this kind and size take').waitFor();
        await dialog.getByLabel('Type its serial number').fill(serial);
        await picture('start');
        await dialog.getByRole('button', { name: 'Destroy data and burn in' }).click();
        await dialog.waitFor({ state: 'detached' });
        const message = frame().getByRole('region', { name: 'Messages' }).locator('.notice.success').filter({ hasText: `${serial} passed` });
        await message.waitFor({ timeout: 90000 });
        await message.getByRole('link').click();
        await frame().getByRole('heading', { level: 1, name: 'Job 1' }).waitFor();
        const stage = frame().locator('.stage-card').filter({ hasText: 'Surface' });
        await stage.getByText('0x00').first().waitFor();
        await picture('job');
        // The log, which comes in pieces here.
        await stage.getByRole('button', { name: 'Show the log' }).click();
        await stage.getByRole('log').getByText('0x00').waitFor();
        // Its report, which has no address here.
        const download = page.waitForEvent('download');
        await frame().getByRole('button', { name: 'Report', exact: true }).click();
        const saved = await download;
        assert.equal(saved.suggestedFilename(), 'burnin-job1.html');
        assert.match(readFileSync(await saved.path(), 'utf8'), new RegExp(`serial ${serial}: passed</title>`));
        assert.equal(await frame().locator('.notice.danger').count(), 0);
});

story('that burnind is away is told, and the page comes back by itself', async () => {
        const away = () => frame().getByText('burnind is not running');
        // Cockpit's bridge has the bus start what it opens.
        inside('systemctl', 'mask', '--quiet', '--runtime', '--now', 'burnind.service');
        await login('visitor');
        await away().waitFor();
        inside('systemctl', 'unmask', '--quiet', '--runtime', 'burnind.service');
        inside('systemctl', 'start', 'burnind.service');
        await row().waitFor();
        await away().waitFor({ state: 'detached' });
        inside('systemctl', 'stop', 'burnind.service');
        await away().waitFor();
        await row().waitFor();
        inside('systemctl', 'start', 'burnind.service');
        await away().waitFor({ state: 'detached' });
        inside('burninctl', 'drive', 'location', serial, 'shelf 12');
        await located('shelf 12');
        inside('systemctl', 'restart', 'burnind.service');
        inside('burninctl', 'drive', 'location', serial, 'shelf 13');
        await located('shelf 13');
        await away().waitFor({ state: 'detached' });
});
