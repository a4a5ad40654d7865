// SPDX-License-Identifier: LGPL-2.1-or-later
// The page in a browser, before the real service. tests/integration/test_page.py boots it, and starts this with what service.mjs
// says, and with
//   DATA_DRIVE   the serial number of a drive with a filesystem; the others, PAGE0001 to PAGE0003, are free
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { begin, code, createFirst, fits, go, inside, login, page, PASSWORD, picture, rowOf, titled, toast, url, visit } from './service.mjs';

const { DATA_DRIVE: withData } = process.env;
const HOSTILE = '<img src=x onerror=alert(1)>';

// What the brake on all surface tests does: 'slow', 'hold' or 'off'.
const brake = (how) => inside('sh', '-c', `echo ${how} > /run/brake`);
const answerTo = (where, method, path, body, headers = {}) => where.evaluate(async ([method, path, body, headers]) => {
        const answer = await fetch(path, { method, headers: { 'Content-Type': 'application/json', ...headers }, body: JSON.stringify(body) });
        return [answer.status, (await answer.json()).error?.code];
}, [method, path, body, headers]);

test('the first administrator is made with the setup code alone', async () => {
        await begin();
        await picture('first');
        await createFirst('alice', 'AAAA-AAAA');
        await page.getByRole('alert').getByText(/setup.code/i).waitFor();
        await createFirst('alice', code);
        await page.getByText('No drives yet').waitFor();
        await page.getByRole('button', { name: 'Account alice' }).click();
        await page.getByRole('menuitem', { name: 'Log out' }).click();
        await login(page, 'alice', 'wrong horse battery');
        await page.getByRole('alert').getByText('Wrong name or password.').waitFor();
        await login(page, 'alice');
        await page.getByText('No drives yet').waitFor();
});

test('a host is asked for nothing until the fingerprint of its key is confirmed', async () => {
        await go('Hosts');
        await page.getByRole('button', { name: 'Add host' }).click();
        const dialog = page.getByRole('dialog');
        await dialog.getByLabel('Name', { exact: true }).fill('nas');
        await dialog.getByLabel('Address', { exact: true }).fill('127.0.0.1');
        await dialog.locator('button[type=submit]').click();
        await page.getByRole('button', { name: 'Compare and accept the key' }).click();
        const shown = await dialog.locator('.fingerprint').first().innerText();
        const key = inside('sh', '-c', 'ssh-keyscan -t ed25519 127.0.0.1 2>/dev/null | ssh-keygen -lf -');
        assert.ok(key.split(' ').includes(shown), `${shown}: ${key}`);
        await picture('host-key');
        assert.ok(await dialog.locator('button[type=submit]').isDisabled());
        await dialog.getByLabel(/^I have compared it/).check();
        await dialog.locator('button[type=submit]').click();
        await page.locator('.host').getByText('Online').waitFor();
        await picture('hosts');
        await go('Drives');
        await rowOf(withData).getByText('Has data').waitFor();
        await rowOf('PAGE0003').locator('.col-health').getByText('Passed').waitFor();
});

test('what a drive, and what people write of it, stays text', async () => {
        await go('Drives');
        await rowOf('PAGE0003').getByText(HOSTILE, { exact: true }).waitFor();
        await rowOf('PAGE0003').locator('.location').click();
        await page.locator('.location-input').fill(HOSTILE);
        await page.keyboard.press('Enter');
        await page.waitForFunction((text) => [...document.querySelectorAll('.location')].some((one) => one.textContent === text), HOSTILE);
        await rowOf('PAGE0003').getByRole('button', { name: /^More for/ }).click();
        await page.getByRole('menuitem', { name: 'Readings and jobs' }).click();
        await page.getByLabel('Notes').fill(`${HOSTILE}\n</textarea><script>alert(2)</script>`);
        await page.getByRole('button', { name: 'Save' }).click();
        await toast('The notes are saved');
        await page.reload();
        await titled(HOSTILE);
        await page.getByText('Reallocated').first().waitFor();
        assert.match(await page.getByLabel('Notes').inputValue(), /<script>/);
        await picture('drive');
        assert.equal(await page.locator('img[src="x"], script:not([src])').count(), 0);
        await go('Drives');
        const answer = await page.request.get(`${url}/api/v1/drives`);
        assert.match(answer.headers()['content-type'], /^application\/json/);
        assert.equal(answer.headers()['x-content-type-options'], 'nosniff');
});

test('a batch is confirmed, counted, and seen running', async () => {
        await go('Drives');
        for (const [serial, bay] of [['PAGE0001', 1], ['PAGE0002', 2], [withData, 7]]) {
                inside('burninctl', 'drive', 'location', serial, `Rack 4 / Bay ${bay}`);
                await rowOf(serial).getByText(`Rack 4 / Bay ${bay}`).waitFor();
        }
        for (const serial of ['PAGE0001', 'PAGE0002'])
                await rowOf(serial).getByRole('checkbox').check();
        assert.ok(!await rowOf(withData).getByRole('checkbox').isChecked());
        await page.getByRole('button', { name: 'Burn-In (2)', exact: true }).click();
        const dialog = page.getByRole('dialog');
        const act = dialog.locator('button[type=submit]');
        await dialog.getByLabel('Note').fill(HOSTILE);
        await dialog.locator('.estimate strong').getByText(/\d/).waitFor();
        const [at, priority] = await Promise.all(['Start', 'Priority'].map((label) => dialog.getByLabel(label, { exact: true }).boundingBox()));
        assert.ok(at.x + at.width <= priority.x);
        assert.ok(await act.isDisabled());
        await dialog.getByLabel(/^Yes, destroy all data/).check();
        await picture('batch');
        brake('slow');
        await act.click();
        await toast('2 queued, 0 skipped, 0 locked');

        await page.getByLabel('Search drives').fill('rack');
        await rowOf('PAGE0003').waitFor({ state: 'detached' });
        assert.equal(await page.locator('table.drives tbody tr').count(), 3);
        await rowOf('PAGE0001').locator('.drive-name').click();
        const drawer = page.locator('.drawer');
        for (const serial of ['PAGE0001', 'PAGE0002'])
                await rowOf(serial).getByText(/^Surface · (Write|Verify) /).waitFor();
        await drawer.getByRole('log').getByText(/Testing with pattern 0xaa/).waitFor();
        // The meters move: the first pattern is done, and a later one is under way.
        await drawer.getByText(/^Pattern [2-4] of 4 · /).waitFor();
        brake('hold');
        assert.equal(await drawer.getByRole('progressbar', { name: 'Verify 0xaa' }).getAttribute('aria-valuenow'), '100');
        await picture('drawer');
        const stages = ['Precheck', 'Short SMART test', 'Surface validation', 'Final check'];
        const listed = await drawer.locator('.stage-list li button > span:nth-last-child(2)').allInnerTexts();
        assert.deepEqual(listed, stages.filter((name) => listed.includes(name)));
        assert.deepEqual([listed[0], listed.at(-1)], ['Precheck', 'Final check']);
        assert.equal(await drawer.locator('.facts div', { hasText: 'Last seen' }).locator('dd').innerText(), 'Now');
        // The page of a job that runs, whose stages the events tell of in part.
        await drawer.getByRole('link', { name: /^job \d+/ }).click();
        await page.getByRole('heading', { name: 'Final check' }).waitFor();
        await page.getByRole('region', { name: 'Evidence' }).first().waitFor();
        await page.goBack();
        await drawer.getByRole('button', { name: 'Close' }).click();
        await picture('dashboard');
        await page.getByRole('button', { name: 'Clear filters' }).click();
});

test('one is cancelled, the other one passes', async () => {
        await go('Drives');
        await rowOf('PAGE0002').getByText('✕ Burn-In').click();
        await page.getByLabel('Reason').fill('the wrong drive');
        await page.getByRole('button', { name: 'Cancel burn-in' }).click();
        await rowOf('PAGE0002').locator('.col-burnin a').getByText('Cancelled').waitFor();
        brake('off');
        await toast('nas PAGE0001 passed');
        await rowOf('PAGE0001').locator('.col-burnin a').getByText('Passed').waitFor();
        await rowOf('PAGE0001').getByText('✕ Burn-In').waitFor({ state: 'detached' });
});

test('a job has its evidence, its counters before and after, and a report', async () => {
        await go('Drives');
        await rowOf('PAGE0001').locator('.col-burnin a').click();
        await page.getByRole('region', { name: 'Evidence' }).first().waitFor();
        assert.ok(await page.getByRole('region', { name: 'Evidence' }).locator('tbody tr').count() > 5);
        await page.getByRole('region', { name: 'SMART before and after' }).locator('tbody tr').first().waitFor();
        await page.locator('.page').getByText('alice (web)').waitFor();
        await page.locator('.page').getByText(HOSTILE, { exact: true }).waitFor();
        assert.ok(await fits('.ledger-box'));
        await picture('job');
        const opened = page.waitForEvent('popup');
        await page.getByRole('link', { name: 'Report', exact: true }).click();
        const signed = await opened;
        await signed.locator('.verdict').getByText('passed').waitFor();
        await signed.getByText(HOSTILE, { exact: true }).waitFor();
        assert.equal(await signed.evaluate(() => getComputedStyle(document.body).margin), '0px', 'its style is let in');
        await signed.close();
        await page.getByRole('link', { name: 'Print' }).click();
        await page.locator('.report-verdict').getByText('passed').waitFor();
        await page.locator('svg.qr').waitFor();
        assert.ok(await fits('.report'));
        await picture('print');
});

test('a drive with data opens for its exact token and a reason, and is burned in', async () => {
        await go('Drives');
        await rowOf(withData).getByRole('button', { name: /^Unlock/ }).click();
        const dialog = page.getByRole('dialog');
        const act = dialog.locator('button[type=submit]');
        const token = (await dialog.getByText(/^Type .* to unlock$/).innerText()).replace(/^Type (.*) to unlock$/, '$1');
        await dialog.getByLabel('Reason').fill('goes to the recycler');
        await dialog.getByLabel(/^Type .* to unlock/).fill(token.toLowerCase());
        assert.ok(await act.isDisabled());
        await dialog.getByLabel(/^Type .* to unlock/).fill(token);
        await picture('unlock');
        await act.click();
        await dialog.getByLabel(/^Type its serial number/).fill(withData);
        await picture('start');
        await act.click();
        await toast('1 queued, 0 skipped, 0 locked');
        await toast(`nas ${withData} passed`);
        await rowOf(withData).getByRole('button', { name: /^Burn in/ }).waitFor();
});

test('a setting is changed, and says where it comes from', async () => {
        await go('Settings');
        const row = page.locator('.setting').filter({ hasText: 'max_parallel_burnins' });
        await row.locator('input').fill('0');
        await row.getByRole('alert').waitFor();
        await row.locator('input').fill('3');
        await row.getByRole('button', { name: 'Save' }).click();
        await row.getByText('Set here').waitFor();
        assert.match(inside('burninctl', 'settings', 'get', 'max_parallel_burnins'), /3/);
        await page.locator('.setting').filter({ hasText: 'poll_interval_seconds' }).getByText(/^From /).waitFor();
        await picture('settings');
        await row.getByRole('button', { name: /^Back to/ }).click();
        await row.getByText('Default').waitFor();
});

test('the history is filtered, and comes as CSV', async () => {
        await go('History');
        const jobs = page.getByRole('region', { name: 'Jobs' }).locator('tbody tr');
        await jobs.nth(2).waitFor();
        assert.equal(await jobs.count(), 3);
        await picture('history');
        await page.getByLabel('Result').selectOption('cancelled');
        await page.waitForFunction(() => document.querySelectorAll('.table-scroll tbody tr').length === 1);
        assert.match(await jobs.innerText(), /PAGE0002/);
        const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('link', { name: 'CSV' }).click()]);
        const lines = (await readFile(await download.path(), 'utf8')).trim().split(/\r\n/);
        assert.equal(lines.length, 2);
        assert.match(lines[0], /^id,kind,/);
        assert.match(lines[1], /PAGE0002.*cancelled.*the wrong drive.*alice \(web\)/);
        await page.getByRole('button', { name: 'Clear filters' }).click();
        await jobs.nth(2).waitFor();
});

test('statistics count what ended', async () => {
        await go('Statistics');
        const number = (title) => page.locator('.big-number').filter({ hasText: title }).locator('dd').innerText();
        await page.locator('.big-number').first().waitFor();
        assert.deepEqual(await Promise.all(['Burn-ins', 'Passed', 'Failed', 'Cancelled'].map(number)), ['3', '2', '0', '1']);
        await picture('statistics');
});

test('the audit names the person', async () => {
        await go('Audit');
        const entries = page.getByRole('region', { name: 'Audit' }).locator('tbody tr');
        await entries.first().waitFor();
        for (const action of ['start-destructive', 'cancel', 'unlock', 'manage-settings', 'manage-hosts'])
                assert.ok(await entries.filter({ hasText: action }).filter({ hasText: 'alice (web)' }).count() > 0, action);
        const [file] = await Promise.all([page.waitForEvent('download'), page.getByRole('link', { name: 'CSV' }).click()]);
        assert.equal(file.suggestedFilename(), 'burnin-audit.csv');
        await page.getByLabel('Search the audit').fill('UNLOCK');
        await page.waitForFunction(() => [...document.querySelectorAll('[aria-label=Audit] tbody tr')].every((row) => /unlock/i.test(row.innerText)));
        assert.ok(await entries.count() > 0);
        const [part] = await Promise.all([page.waitForEvent('download'), page.getByRole('link', { name: 'CSV' }).click()]);
        const lines = (await readFile(await part.path(), 'utf8')).trim().split('\r\n').slice(1);
        assert.ok(lines.length > 0 && lines.every((line) => /unlock/i.test(line)), lines.join());
        await picture('audit');
});

test('what is changed in one browser is in the other one within a second', async () => {
        await go('Drives');
        const other = await visit();
        await login(other, 'alice');
        await rowOf('PAGE0001', other).waitFor();
        let best = Infinity;
        for (const place of ['Shelf 1 / Bay 1', 'Shelf 1 / Bay 2', 'Shelf 1 / Bay 3']) {
                await rowOf('PAGE0001').locator('.location').click();
                await page.locator('.location-input').fill(place);
                const seen = rowOf('PAGE0001', other).getByText(place).waitFor().then(() => performance.now());
                const began = performance.now();
                await page.keyboard.press('Enter');
                best = Math.min(best, await seen - began);
        }
        assert.ok(best < 1000, `${best} ms`);
        await other.context().close();
});

test('a service that stops is said, and one that is back needs nobody', async () => {
        await go('Drives');
        inside('systemctl', 'stop', 'burnind.service');
        await page.getByText('burnind is not running').waitFor();
        await rowOf('PAGE0001').waitFor();
        await picture('down');
        inside('systemctl', 'start', 'burnind.service');
        await page.getByText('burnind is not running').waitFor({ state: 'detached' });
        await rowOf('PAGE0001').getByRole('button', { name: /^Burn in/ }).waitFor();
        // Loaded while it is down, the page comes by itself.
        inside('systemctl', 'stop', 'burnind.service');
        await page.reload();
        await page.getByText('burnind is not running').waitFor();
        inside('systemctl', 'start', 'burnind.service');
        await rowOf('PAGE0001').getByRole('button', { name: /^Burn in/ }).waitFor();
        inside('systemctl', 'stop', 'burnin-web.service');
        assert.equal(inside('systemctl', 'show', '--property=Result', '--value', 'burnin-web.service').trim(), 'success');
        await page.getByText('The connection is lost').waitFor();
        inside('systemctl', 'start', 'burnin-web.service');
        await page.getByText('The connection is lost').waitFor({ state: 'detached' });
        inside('burninctl', 'drive', 'location', 'PAGE0001', 'after all');
        await rowOf('PAGE0001').getByText('after all').waitFor();
});

test('what another site sends is refused, and what has no token', async () => {
        const harm = '/api/v1/burnin/cancel-all';
        assert.deepEqual(await answerTo(page, 'POST', harm, {}), [403, 'BadCsrfToken']);
        assert.deepEqual(await answerTo(page, 'POST', harm, {}, { 'X-CSRF-Token': '0'.repeat(64) }), [403, 'BadCsrfToken']);
        const { csrf } = await (await page.request.get(`${url}/api/v1/session`)).json();
        for (const headers of [{ Origin: 'https://elsewhere.example' }, { 'Sec-Fetch-Site': 'cross-site' }, { Origin: 'null' }]) {
                const answer = await page.request.post(url + harm, { data: {}, headers: { 'X-CSRF-Token': csrf, ...headers } });
                assert.deepEqual([answer.status(), (await answer.json()).error.code], [403, 'CrossSite']);
        }
});

test('a viewer sees everything and has nothing to press', async () => {
        await page.getByRole('button', { name: 'Account alice' }).click();
        await page.getByRole('menuitem', { name: 'Accounts and sessions' }).click();
        await page.getByRole('button', { name: 'Add account' }).click();
        const dialog = page.getByRole('dialog');
        await dialog.getByLabel('Name').fill('vera');
        await dialog.getByLabel('Role').selectOption('viewer');
        await dialog.getByLabel('Password').fill(PASSWORD);
        await dialog.locator('button[type=submit]').click();
        await toast('vera has an account');
        const viewer = await visit();
        await login(viewer, 'vera');
        await rowOf('PAGE0001', viewer).waitFor();
        assert.equal(await viewer.locator('table.drives input, .actions .btn:not(.icon-only), .cancel-all').count(), 0);
        const { csrf } = await (await viewer.request.get(`${url}/api/v1/session`)).json();
        const { drives } = await (await viewer.request.get(`${url}/api/v1/drives?serial=PAGE0001`)).json();
        const start = { drive_ids: [drives[0].id], serials: { [drives[0].id]: 'PAGE0001' }, profile: 'surface' };
        assert.deepEqual(await answerTo(viewer, 'POST', '/api/v1/burnin/start', start, { 'X-CSRF-Token': csrf }), [403, 'AccessDenied']);
        assert.deepEqual(await answerTo(viewer, 'PATCH', `/api/v1/drives/${drives[0].id}`, { location: 'x' }, { 'X-CSRF-Token': csrf }), [403, 'AccessDenied']);
        await viewer.context().close();
});

test('who guesses passwords is locked out, and told so', async () => {
        // From elsewhere: it is the address too that is locked out.
        const guesser = await visit('/', { extraHTTPHeaders: { 'X-Forwarded-For': '192.0.2.66' } });
        const answered = async (password) => {
                const [answer] = await Promise.all([guesser.waitForResponse((one) => one.request().method() === 'POST'), login(guesser, 'vera', password)]);
                await guesser.getByRole('button', { name: 'Log in' }).and(guesser.locator(':enabled')).waitFor();
                return answer.status();
        };
        assert.equal(await answered('guess number 1'), 403);
        await guesser.getByRole('alert').getByText('Wrong name or password.').waitFor();
        for (let attempt = 2; attempt <= 4; attempt++)
                await answered(`guess number ${attempt}`);
        await login(guesser, 'vera', 'guess number 5');
        await guesser.getByRole('alert').getByText('Too many logins have failed').waitFor();
        await guesser.getByRole('button', { name: /^Try again in (1:00|0:\d\d)$/ }).and(guesser.locator(':disabled')).waitFor();
        assert.deepEqual(await answerTo(guesser, 'POST', '/api/v1/session', { name: 'vera', password: PASSWORD }), [429, 'LockedOut']);
        await picture('locked-out', guesser);
        await guesser.context().close();
        await go('Drives');
        await page.getByRole('button', { name: 'Account alice' }).click();
        await page.getByRole('menuitem', { name: 'Accounts and sessions' }).click();
        await page.getByText(/^Locked out for/).waitFor();
        await picture('accounts');
});

test('who loses the session logs in again over the page as it was', async () => {
        await go('Drives');
        await rowOf('PAGE0001').getByRole('button', { name: /^Burn in/ }).click();
        await page.getByLabel('Note').fill('half typed');
        for (const id of inside('burninctl', '-q', 'account', 'sessions', 'alice').split(/\s+/).filter(Boolean))
                inside('burninctl', 'account', 'revoke', id);
        await page.getByRole('dialog').getByLabel('Profile').selectOption('short'); // whose time is asked for
        await page.getByText('Your session is over').waitFor();
        await picture('expired');
        await page.getByLabel('Password').fill(PASSWORD);
        await page.getByRole('button', { name: 'Log in' }).click();
        await page.getByText('Your session is over').waitFor({ state: 'detached' });
        assert.equal(await page.getByLabel('Note').inputValue(), 'half typed');
        await page.getByRole('dialog').locator('button[type=submit]').click();
        await toast('1 queued, 0 skipped, 0 locked');
        await toast('nas PAGE0001 passed');
});
