// SPDX-License-Identifier: LGPL-2.1-or-later
// The other pages: statistics, audit, trends, settings, notifiers; and any page that is narrow, or fails.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { complaints, context, drive, open, page, ready, rows, say, server } from './stand-in.mjs';

test('on a phone no page is wider than the screen, and a time is on one line', async () => {
        await open('/', { width: 375, height: 812 });
        const done = [...server.state.jobs.values()].find(({ verdict }) => verdict === 'failed').id;
        for (const path of ['/', '/history', `/history/${done}`, `/drives/${encodeURIComponent(ready().id)}`, '/hosts', '/stats', '/audit', '/settings', '/accounts']) {
                await page.goto(new URL(path, server.url).toString());
                await page.locator(path === '/' ? '.drive-card' : '.page h1').first().waitFor();
                await page.waitForFunction(() => !document.querySelector('.skeleton'));
                const wide = await page.evaluate(() => [document.querySelector('main'), ...document.querySelectorAll('.page, .table-scroll, .card')]
                        .filter((element) => element.scrollWidth > element.clientWidth + 1).map((element) => `${element.className || element.tagName} ${element.scrollWidth} > ${element.clientWidth}`));
                assert.deepEqual(wide, [], path);
                assert.deepEqual(await page.locator('td.time').evaluateAll((cells) => cells.filter((cell) => cell.getBoundingClientRect().height > 24).map((cell) => cell.innerText)), [], path);
        }
});

test('statistics are plots, and the same in words for whoever sees none', async () => {
        await open('/');
        const model = (index) => ({ model: `Model ${index}`, passed: 40 - index, failed: index % 2, inconclusive: 3, cancelled: 50 + index, pass_rate: (40 - index) / (40 - index + index % 2), hours_per_tb: index === 1 ? null : 4 + index });
        const statistics = {
                since_usec: (Date.now() - 90 * 864e5) * 1000, jobs: 9000, verdicts: { passed: 8999, failed: 1, inconclusive: 0, cancelled: 0 }, models: Array.from({ length: 40 }, (_, index) => model(index)),
                days: [{ date: new Date(Date.now() - 5 * 864e5).toISOString().slice(0, 10), queued: 0, passed: 3, failed: 1, inconclusive: 0, cancelled: 2 }],
                failures_by_stage: [{ stage: 'surface_validate', failed: 3, inconclusive: 1 }, { stage: 'precheck', failed: 1, inconclusive: 0 }],
        };
        await context.route('**/api/v1/statistics*', (route) => route.fulfill({ json: statistics }));
        await page.goto(`${server.url}stats`);
        // A rate under 100 is never shown as 100.
        await page.locator('.big-number').filter({ hasText: 'Pass rate' }).getByText('99.9 %').waitFor();
        assert.deepEqual(await page.getByRole('table', { name: /burn-ins ended by day/ }).locator('tbody td').allTextContents(), ['1', '0', '3', '2']);
        // One day in 91 has a bar, at its place in time, on a scale from 0 to 6.
        assert.equal(await page.locator('.day-plot svg g').count(), 91);
        assert.deepEqual(await page.locator('.day-line').allTextContents(), ['0', '2', '4', '6']);
        assert.deepEqual(await page.locator('.day-plot svg g').nth(85).locator('rect:not(.day-hit)').evaluateAll((list) => list.map((rect) => rect.getAttribute('class'))), ['failed', 'passed', 'cancelled']);
        const models = page.getByRole('region', { name: 'By model' }).locator('tbody tr');
        assert.equal(await models.count(), 12);
        assert.deepEqual((await models.nth(3).locator('.number').allTextContents()), ['37', '1', '3', '53']);
        // As long as its part, and of the slowest the whole.
        const width = (plot) => plot.evaluate((box) => [...box.children].map(({ style }) => Math.round(parseFloat(style.width))));
        assert.deepEqual(await width(models.nth(3).locator('.plot').first()), [97, 3]);
        assert.deepEqual(await width(models.nth(3).locator('.plot').last()), [16]);
        assert.equal(await models.nth(1).locator('.plot').count(), 1);
        await page.getByRole('button', { name: 'All 40 models' }).click();
        assert.equal(await models.count(), 40);
        assert.deepEqual(await width(models.nth(39).locator('.plot').last()), [100]);
});

test('a page that is turned to is read from its top', async () => {
        await open('/audit', { width: 390, height: 844 });
        const top = () => page.evaluate(() => document.querySelector('main').scrollTop);
        for (const [name, shown] of [['Older', '201–340 of 340'], ['Newer', '1–200 of 340']]) {
                await page.getByRole('button', { name }).scrollIntoViewIfNeeded();
                assert.ok(await top() > 844);
                await page.getByRole('button', { name }).click();
                await page.getByText(shown).waitFor();
                await page.waitForFunction(() => document.querySelector('main').scrollTop === 0);
        }
});

test('the audit is searched, also as a table, and the address keeps what for', async () => {
        await open('/audit?offset=200');
        const csv = page.getByRole('link', { name: 'CSV' });
        await page.getByText('201–340 of 340').waitFor();
        const asked = [];
        page.on('request', (request) => { if (/api\/v1\/audit/.test(request.url())) asked.push(new URL(request.url()).search); });
        await page.getByLabel('Search the audit').pressSequentially('DENIED');
        await page.getByText('1–38 of 38').waitFor();
        assert.ok(asked.length < 6, `${asked}`);
        assert.match(asked.at(-1), /text=DENIED/);
        assert.deepEqual((await page.getByRole('region', { name: 'Audit' }).locator('tbody tr').allInnerTexts()).filter((row) => !/denied/.test(row)), []);
        assert.equal(new URL(page.url()).search, '?text=DENIED');
        assert.match(await csv.getAttribute('href'), /export\.csv\?text=DENIED$/);
        await page.reload();
        await page.getByText('1–38 of 38').waitFor();
        assert.equal(await page.getByLabel('Search the audit').inputValue(), 'DENIED');
        await page.getByLabel('Search the audit').fill('nobody did this');
        await page.getByRole('heading', { name: 'None of the newest 50,000 entries fits' }).waitFor();
        await page.getByLabel('Search the audit').press('Escape');
        await page.getByText('1–200 of 340').waitFor();
        assert.doesNotMatch(await csv.getAttribute('href'), /text/);
});

test('a part of the page that fails says so, and the rest goes on', async () => {
        await open('/');
        await context.route('**/api/v1/statistics*', (route) => route.fulfill({ json: {} }));
        await page.getByRole('link', { name: 'Statistics' }).click();
        await page.getByText('This page cannot be shown').waitFor();
        assert.equal(complaints.splice(0).length, 1);
        await context.unroute('**/api/v1/statistics*');
        await page.getByRole('button', { name: 'Try again' }).click();
        await page.getByRole('heading', { name: 'Statistics' }).waitFor();
        await page.getByRole('link', { name: 'Drives' }).click();
        await rows().first().waitFor();
});

test('a dialog that fails is not in the way of the next one, nor the list\'s failure of other pages', async () => {
        await open('/?state=ready');
        const [first, second] = [rows().nth(0), rows().nth(1)].map((row) => row.getByRole('button', { name: /^Burn in/ }));
        await context.route('**/api/v1/estimate', (route) => route.fulfill({ json: { low_usec: 1, high_usec: 2 } }));
        await first.click();
        await page.getByText('The dialog cannot be shown').waitFor();
        assert.equal(complaints.splice(0).length, 1);
        await context.unroute('**/api/v1/estimate');
        await second.click();
        await page.getByRole('dialog').getByText('From what drives of this kind').or(page.getByRole('dialog').getByText('of this model')).first().waitFor();
        assert.equal(await page.getByText('The dialog cannot be shown').count(), 0);
        await page.keyboard.press('Escape');

        say(...[...server.state.drives.values()].map((each) => ({ ...each, self_tests: null })));
        await page.getByText('The list of drives cannot be shown').waitFor();
        complaints.splice(0);
        await page.getByRole('link', { name: 'History' }).click();
        await page.getByRole('heading', { level: 1, name: 'History' }).waitFor();
        assert.equal(await page.getByText('The list of drives cannot be shown').count(), 0);
});

test('a setting of each type is kept as what it is, and a list that is emptied is the default where that has nothing', async () => {
        await open('/settings');
        const valueOf = (name) => server.settings.find((one) => one.name === name).value;
        const set = async (name, text, expected) => {
                const row = page.locator('.setting').filter({ has: page.locator(`#setting-${name}`) });
                const field = row.locator(`#setting-${name}`);
                await (typeof text === 'boolean' ? field.setChecked(text) : field.fill(text));
                await row.getByRole('button', { name: 'Save' }).click();
                await row.getByRole('button', { name: /^Back to/ }).waitFor();
                assert.deepEqual(valueOf(name), expected);
        };
        await set('max_per_host', '2', 2);
        await set('slow_ratio', '0.25', 0.25);
        await set('slow_fails', true, true);
        await set('ssh_key', '/etc/burnin/other', '/etc/burnin/other');
        await set('boot_pools', 'rpool, tank\nboot-pool', ['rpool', 'tank', 'boot-pool']);
        await set('allowed_ips', '192.0.2.0/24\n2001:db8::/32', ['192.0.2.0/24', '2001:db8::/32']);
        assert.equal(await page.locator('#setting-allowed_ips').inputValue(), '192.0.2.0/24\n2001:db8::/32');
        await page.getByRole('button', { name: 'Back to the default, none' }).waitFor();
        const allowed = page.locator('.setting').filter({ has: page.locator('#setting-allowed_ips') });
        await allowed.getByRole('textbox').fill('');
        await allowed.getByRole('button', { name: 'Save' }).click();
        await allowed.getByText('Default', { exact: true }).waitFor();
        assert.deepEqual(valueOf('allowed_ips'), []);
        await page.locator('#setting-boot_pools').fill(' ');
        await page.getByText('At least one.').waitFor();
});

test('notifiers are seen, made, changed, tried and sent what was given up', async () => {
        await open('/settings');
        const row = (name) => page.getByRole('region', { name: 'Notifiers' }).getByRole('row').filter({ has: page.getByRole('button', { name: `Test ${name}` }) });
        const menu = async (name, item) => {
                await row(name).getByRole('button', { name: `More for ${name}` }).click();
                await page.getByRole('menuitem', { name: item }).click();
        };
        await row('team').getByText('bench; from warning on').waitFor();
        await row('team').getByText('HTTP 403: <img').waitFor();
        await row('webhook').getByText('Not set up').waitFor();
        await row('team').getByText('3 given up').waitFor();
        const dialog = page.getByRole('dialog');
        const closed = () => dialog.waitFor({ state: 'detached' });
        const undelivered = (state) => dialog.getByRole('region', { name: state }).locator('tbody tr');
        const show = row('team').getByRole('button', { name: 'Show what was not sent to team' });
        await show.focus();
        await page.keyboard.press('Enter');
        await undelivered('Given up').nth(2).waitFor();
        await undelivered('Waiting').nth(1).waitFor();
        assert.deepEqual([await undelivered('Given up').count(), await undelivered('Waiting').count()], [3, 2]);
        const cells = await undelivered('Given up').first().locator('td').allInnerTexts();
        assert.match(cells[0], /^Failed: WDC .* on bench\s+Job failed · \w+ \d+, \d{4}, \d\d:\d\d$/);
        assert.deepEqual(cells.slice(1), ['49', '2 d ago', `HTTP 403: <img src=x onerror="document.title='owned'">`]);
        assert.match((await undelivered('Waiting').nth(1).locator('td').allInnerTexts())[2], /^in 2[45] min$/);
        await page.keyboard.press('Escape');
        await closed();
        await page.waitForFunction(() => document.activeElement?.ariaLabel === 'Show what was not sent to team');
        await page.keyboard.press('Enter');
        await dialog.getByRole('button', { name: 'Send again' }).click();
        await row('team').getByText('5 waiting').waitFor();
        server.notifiers.get('team').pending = 120;
        await show.click();
        await dialog.getByText('1–50 of 120').waitFor();
        assert.equal(await dialog.getByRole('button', { name: 'Send again' }).count(), 0);
        await dialog.getByRole('button', { name: 'Older' }).click();
        await dialog.getByText('51–100 of 120').waitFor();
        await dialog.getByText('Close', { exact: true }).click();
        server.notifiers.get('team').dead = 1;
        await page.reload();
        await menu('team', 'Send again');
        await row('team').getByText('121 waiting').waitFor();

        await page.getByRole('button', { name: 'Add notifier' }).click();
        await dialog.getByLabel('Name').fill('phone');
        await dialog.getByLabel('URL').fill('https://ntfy.example.org/secret-topic');
        const event = (name) => dialog.getByRole('group', { name: 'Events' }).getByRole('checkbox', { name, exact: true });
        // Each event that there is; those that the severity leaves out would never be told.
        const kinds = [...readFileSync(`${import.meta.dirname}/../../../src/daemon/event.c`, 'utf8').matchAll(/\{ "(\w+)", "[^"]*", \w+,\s+SEVERITY_(\w+) \}/g)];
        for (const [shown, told] of [['Everything', ['INFO', 'WARNING', 'ERROR']], ['Errors', ['ERROR']], ['Warnings and errors', ['WARNING', 'ERROR']]]) {
                await dialog.getByLabel('Tell of').selectOption(shown);
                assert.deepEqual((await dialog.locator('fieldset label:has(:enabled)').allInnerTexts()).map((label) => label.toLowerCase().replaceAll(' ', '_')).sort(),
                        kinds.filter(([, , severity]) => told.includes(severity)).map(([, name]) => name).sort(), shown);
        }
        assert.equal(await dialog.locator('fieldset label').count(), kinds.length);
        await event('Job stalled').check();
        await event('Job failed').check();
        await dialog.getByLabel('Hosts').fill('bench, nas9');
        await dialog.getByText('There is no host nas9 yet.').waitFor();
        await dialog.getByRole('button', { name: 'Add notifier' }).click();
        await row('phone').getByText('https://ntfy.example.org', { exact: true }).waitFor();
        await row('phone').getByText('job stalled, job failed; bench, nas9; from warning on').waitFor();
        const filterOf = (name) => { const { events, hosts, severity, target, has_secret: secret } = server.notifiers.get(name); return { events, hosts, severity, target, secret }; };
        assert.equal(server.notifiers.get('phone').kind, 'ntfy');
        assert.deepEqual(filterOf('phone'), { events: ['job_stalled', 'job_failed'], hosts: ['bench', 'nas9'], severity: 'warning', target: 'https://ntfy.example.org', secret: false });
        await row('phone').getByRole('button', { name: 'Test phone' }).click();
        await page.getByText('does not work: HTTP 401').waitFor();
        await menu('phone', 'Change');
        assert.deepEqual([await dialog.getByLabel('URL').inputValue(), await dialog.getByLabel('Hosts').inputValue(), await dialog.getByLabel('Tell of').inputValue()], ['', 'bench, nas9', 'warning']);
        await dialog.getByLabel('Secret').fill('token');
        await dialog.getByLabel('Tell of').selectOption('Errors');
        // Of what is left out there, what is ticked can be taken out, once.
        await event('Job stalled').uncheck();
        assert.ok(await event('Job stalled').isDisabled());
        await dialog.getByLabel('Hosts').fill('');
        await dialog.getByRole('button', { name: 'Save' }).click();
        await closed();
        await page.waitForFunction(() => document.activeElement?.ariaLabel === 'More for phone');
        assert.deepEqual(filterOf('phone'), { events: ['job_failed'], hosts: [], severity: 'error', target: 'https://ntfy.example.org', secret: true });
        await menu('phone', 'Change');
        await dialog.getByLabel('URL').fill('https://ntfy.example.com/another');
        await dialog.getByRole('button', { name: 'Save' }).click();
        await row('phone').getByText('https://ntfy.example.com', { exact: true }).waitFor();
        assert.deepEqual(filterOf('phone'), { events: ['job_failed'], hosts: [], severity: 'error', target: 'https://ntfy.example.com', secret: true });
        server.notifiers.set('desk', { ...server.notifiers.get('mail'), name: 'desk', built_in: false, target: 'a@example.org b@example.org' });
        await page.reload();
        await menu('desk', 'Change');
        assert.equal(await dialog.getByLabel('Addresses').inputValue(), 'a@example.org b@example.org');
        assert.equal(await dialog.getByLabel('Secret').count(), 0);
        await dialog.getByLabel('Addresses').fill('c@example.org, b@example.org');
        await dialog.getByRole('button', { name: 'Save' }).click();
        await row('desk').getByText('c@example.org b@example.org').waitFor();
        await menu('webhook', 'Set a secret');
        await dialog.getByLabel('Secret').fill('key');
        await dialog.getByRole('button', { name: 'Set secret' }).click();
        await closed();
        assert.ok(server.notifiers.get('webhook').has_secret);
        await row('phone').getByRole('button', { name: 'Test phone' }).click();
        await page.getByText('phone works').waitFor();
        await menu('phone', 'Switch off');
        await row('phone').getByText('Off', { exact: true }).waitFor();
        await menu('phone', 'Remove');
        await dialog.getByRole('button', { name: 'Remove' }).click();
        await row('phone').waitFor({ state: 'detached' });
        assert.equal(server.notifiers.has('phone'), false);
});

test('who may change nothing sees what was not sent, and only sees it', async () => {
        await open('/settings', { role: 'viewer' });
        await page.getByRole('button', { name: 'Show what was not sent to team' }).click();
        const dialog = page.getByRole('dialog');
        await dialog.getByRole('region', { name: 'Given up' }).getByText('Failed: WDC').waitFor();
        assert.deepEqual(await dialog.getByRole('button').allInnerTexts(), ['', 'Close']);
        await page.keyboard.press('Escape');
        await dialog.waitFor({ state: 'detached' });
        assert.deepEqual(await page.locator('.card', { has: page.getByRole('region', { name: 'Notifiers' }) }).getByRole('button').allInnerTexts(), ['Show']);
});

test('the trends of a drive are a graph for each counter that moved, all of the time asked for, its burn-ins marked', async () => {
        await open('/history');
        const job = [...server.state.jobs.values()].find(({ verdict }) => verdict === 'failed');
        const nowUsec = Date.now() * 1000;
        // Thirteen a day, as of a drive whose temperature moves.
        server.state.readings.set(job.drive_id, Array.from({ length: 1500 }, (_, index) => ({
                time_usec: nowUsec - index * 6600e6, temperature_mdegc: 30000 + index % 7 * 1000, smart_health: 'passed',
                smart: { reallocated: index < 700 ? 8 : 0, pending: 0, percentage_used: index < 300 ? 3 : 2, power_on_hours: 9000 - index, attributes: { 5: index < 700 ? 8 : 0, 197: 0, 199: index < 100 ? 2 : 1 } },
        })));
        await page.goto(`${server.url}drives/${encodeURIComponent(job.drive_id)}`);
        await page.getByRole('button', { name: 'Year' }).click();
        const graph = (name) => page.getByRole('img', { name });
        await graph(/^Temperature: between 30 and 36 °C in 1500 readings, 30 °C in the last one/).waitFor();
        // What it is without a pointer is what it was last; else what it was there.
        const head = page.locator('.chart').filter({ hasText: 'Reallocated sectors' }).locator('.chart-head');
        await head.getByText(/^8 · /).waitFor();
        await page.locator('.chart').filter({ hasText: 'Reallocated sectors' }).locator('.u-over').hover({ position: { x: 5, y: 5 } });
        await head.getByText(/^0 · /).waitFor();
        await graph(/^Reallocated sectors: between 0 and 8 in 1500 readings/).waitFor();
        await graph(/^Wear, percent used: between 2 and 3 in/).waitFor();
        await graph(/^Power-on hours: between 7,501 and 9,000 in/).waitFor();
        await page.getByText('Unchanged: Pending sectors 0.').waitFor();
        assert.equal(await graph(/^Attribute/).count(), 0);
        await page.getByText('Raw attributes').click();
        await graph(/^Attribute 5: between 0 and 8/).waitFor();
        await graph(/^Attribute 199: between 1 and 2/).waitFor();
        await page.getByText('Unchanged: Attribute 197 0.').waitFor();
        assert.match(await graph(/^Temperature/).getAttribute('aria-label'), new RegExp(`; burn-ins: job ${job.id}`));
        await page.locator('.chart-marks').getByRole('link', { name: `Job ${job.id}` }).click();
        await page.getByRole('heading', { name: `Job ${job.id}` }).waitFor();
});
