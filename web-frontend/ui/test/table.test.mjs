// SPDX-License-Identifier: LGPL-2.1-or-later
// The table of drives and what is beside it: filters, updates that take nothing away from who works in it, and very long lists.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { burning, drive, open, page, ready, rowOf, rows, say, server } from './stand-in.mjs';

test('what a drive says of itself stays text', async () => {
        await open();
        await page.getByText("<img src=x onerror", { exact: false }).first().waitFor();
        assert.equal(await page.title(), 'burnin');
        assert.equal(await page.locator('img[src="x"]').count(), 0);
});

test('ticks, drawer, half-typed words, focus and scroll outlive updates', async () => {
        await open('/?state=ready', { width: 1900 });
        const [first, second] = [rows().nth(0), rows().nth(1)];
        await first.getByRole('checkbox').check();
        await second.getByRole('checkbox').check();
        await first.locator('.drive-name').click();
        await page.locator('.drawer').waitFor();
        const scroller = page.locator('.dash-scroll');
        await scroller.evaluate((element) => { element.scrollTop = 120; });
        const one = ready();
        const location = rowOf(one).locator('.location');
        await location.click();
        await page.keyboard.type('half ty');
        const handle = await rowOf(one).elementHandle();
        for (let turn = 0; turn < 20; turn++) {
                for (const each of server.state.drives.values()) each.temperature_mdegc = each.present ? 30000 + turn * 500 : null;
                say(...server.state.drives.values());
        }
        await rowOf(one).getByText(`${Math.round(39.5)} °C`).waitFor();
        await page.keyboard.type('ped');
        assert.equal(await page.locator('.location-input').inputValue(), 'half typed');
        assert.ok(await handle.evaluate((element) => element.isConnected), 'the row was not made anew');
        assert.equal(await page.getByText('2 drives selected').count(), 1);
        assert.ok(await page.locator('.drawer').isVisible());
        assert.equal(await scroller.evaluate((element) => element.scrollTop), 120);
});

test('a location is saved by Enter and by leaving it, and restored by Escape', async () => {
        await open('/?state=ready');
        const one = ready();
        const edit = async (text, how) => {
                await rowOf(one).locator('.location').click();
                await page.locator('.location-input').fill(text);
                await how();
                await page.locator('.location-input').waitFor({ state: 'detached' });
        };
        await edit('Shelf 9', () => page.keyboard.press('Enter'));
        await rowOf(one).getByText('Shelf 9').waitFor();
        assert.equal(server.state.drives.get(one.id).location, 'Shelf 9');
        await edit('nonsense', () => page.keyboard.press('Escape'));
        assert.equal(await rowOf(one).locator('.location').innerText(), 'Shelf 9');
        assert.equal(server.state.drives.get(one.id).location, 'Shelf 9');
        await edit('Shelf 10', () => page.locator('.toolbar-count').click());
        await rowOf(one).getByText('Shelf 10').waitFor();
        assert.equal(server.state.drives.get(one.id).location, 'Shelf 10');
});

test('the drawer says when a drive was last seen', async () => {
        await open('/');
        const gone = drive(({ present }) => !present), here = ready();
        gone.last_seen_usec = Date.UTC(2026, 0, 5, 12) * 1000;
        const seen = page.locator('.drawer .facts div', { hasText: 'Last seen' }).locator('dd');
        await page.goto(`${server.url}?drive=${encodeURIComponent(gone.id)}`);
        await seen.getByText('Jan 05, 2026').waitFor();
        say(Object.assign(gone, { notes: 'Somebody took it' }));
        await page.getByText('Somebody took it').waitFor();
        assert.match(await seen.innerText(), /Jan 05, 2026/);
        await page.goto(`${server.url}?drive=${encodeURIComponent(here.id)}`);
        await seen.getByText('Now').waitFor();
        // It is asked for anew when the drive has gone.
        say(Object.assign(here, { present: false, last_seen_usec: Date.UTC(2026, 0, 7, 12) * 1000 }));
        await seen.getByText('Jan 07, 2026').waitFor();
});

test('a button to stop is there only while there is something to stop', async () => {
        await open();
        const testing = [...server.state.jobs.values()].find(({ kind }) => kind === 'self-test');
        const one = server.state.drives.get(testing.drive_id);
        await rowOf(one).getByText('✕ Long').click();
        await rowOf(one).getByText('✕ Long').waitFor({ state: 'detached' });
        assert.equal(await rowOf(ready()).getByText('✕').count(), 0);
        await page.getByRole('button', { name: '✕ Cancel All' }).click();
        const act = page.getByRole('dialog').locator('button[type=submit]');
        assert.ok(await act.isDisabled());
        await page.getByLabel('Yes, cancel all of them').check();
        await act.click();
        await page.getByRole('button', { name: '✕ Cancel All' }).waitFor({ state: 'detached' });
        assert.equal(await page.getByText('✕ Burn-In').count(), 0);
});

test('filters and search are in the address, and back from another page all is as it was', async () => {
        await open('/');
        await page.getByLabel('Search drives').fill('shelf 1');
        await page.getByRole('button', { name: /^Ready/ }).click();
        await page.waitForURL(/q=shelf\+1.*state=ready|state=ready.*q=shelf\+1/);
        await page.locator('.dash-scroll').evaluate((element) => { element.scrollTop = 90; });
        const url = page.url();
        await page.getByRole('link', { name: 'Hosts', exact: true }).click();
        await page.getByRole('heading', { name: 'Hosts' }).waitFor();
        await page.goBack();
        assert.equal(page.url(), url);
        assert.equal(await page.getByLabel('Search drives').inputValue(), 'shelf 1');
        assert.equal(await page.locator('.dash-scroll').evaluate((element) => element.scrollTop), 90);
});

test('a change is on the page within a second, without a reload', async () => {
        await open();
        const one = ready();
        await rowOf(one).waitFor();
        const began = performance.now();
        say(Object.assign(one, { smart_health: 'failed' }));
        await rowOf(one).locator('.col-health').getByText('Failed').waitFor();
        assert.ok(performance.now() - began < 1000, `${performance.now() - began} ms`);
        // With an id that looks like a label of the bus.
        const odd = { ...one, id: 'ata-ODD_5f17', serial: 'ODDODD' };
        say(odd);
        await rowOf(odd).waitFor();
        server.say('drives-update', { drives: [], removed: [one.id, odd.id] });
        await rowOf(one).waitFor({ state: 'detached' });
        await rowOf(odd).waitFor({ state: 'detached' });
});

test('drives that come and go one right after the other are all told apart', async () => {
        await open('/?q=QUICK');
        await page.getByText('No drive fits').waitFor();
        const one = ready();
        const quick = (number) => ({ ...one, id: `quick${number}`, serial: `QUICK${number}` });
        for (let number = 1; number <= 5; number++)
                say(quick(number));
        await rows().nth(4).waitFor();
        say(quick(6));
        await rowOf(quick(6)).waitFor();
        server.say('drives-update', { drives: [quick(7)], removed: ['quick6'] });
        await rowOf(quick(7)).waitFor();
        assert.equal(await rows().count(), 6);
});

test('the row of a drive that goes and comes back at once still follows it', async () => {
        await open('/nowhere');
        const one = ready();
        await page.goto(`${server.url}?q=${one.serial}`);
        await rowOf(one).waitFor();
        for (const id of ['ata-OTHER', one.id]) {
                say({ ...one, id, serial: id });
                server.say('drives-update', { drives: [], removed: [id] });
        }
        say(one);
        say(Object.assign(one, { smart_health: 'failed' }));
        await rowOf(one).locator('.col-health').getByText('Failed').waitFor();
});

test('twelve thousand drives scroll, drawing what is in sight; the head stays and hides no row', async () => {
        await open('/', { drives: 12000 });
        await rows().first().waitFor();
        assert.equal(await page.locator('table.drives').getAttribute('aria-rowcount'), '12001');
        await page.evaluate(() => {
                globalThis.long = [];
                new PerformanceObserver((list) => globalThis.long.push(...list.getEntries().map(({ duration }) => duration))).observe({ type: 'longtask' });
        });
        const most = await page.locator('.dash-scroll').evaluate(async (element) => {
                let most = 0;
                for (let top = 0; top < 60000; top += 400) {
                        element.scrollTop = top;
                        await new Promise(requestAnimationFrame);
                        most = Math.max(most, element.querySelectorAll('tbody tr').length);
                }
                element.scrollTop = 1e9;
                return most;
        });
        assert.ok(most < 60, `${most} rows`);
        await page.waitForFunction(() => document.querySelector('tbody tr:last-child')?.getAttribute('aria-rowindex') === '12001');
        const { head, scroller, last, bottom } = await page.evaluate(() => ({
                head: document.querySelector('thead th').getBoundingClientRect().top, scroller: document.querySelector('.dash-scroll').getBoundingClientRect().top,
                last: document.querySelector('tbody tr:last-child').getBoundingClientRect().bottom, bottom: innerHeight,
        }));
        assert.equal(head, scroller);
        assert.ok(last <= bottom);
        const long = await page.evaluate(() => globalThis.long);
        console.log(`long tasks in a scroll of 60,000 pixels: ${long.length}, the longest ${Math.max(0, ...long)} ms`);
        const heights = await rows().evaluateAll((all) => [...new Set(all.map((row) => row.getBoundingClientRect().height))]);
        assert.deepEqual(heights, [56]);
});

test('the end of a burn-in is said at once, and the drive is free', async () => {
        await open('/');
        const job = [...server.state.jobs.values()].find(({ state, stages }) => state === 'running' && stages.length === 5);
        const one = server.state.drives.get(job.drive_id);
        await rowOf(one).getByText('✕ Burn-In').waitFor();
        Object.assign(job, { state: 'done', verdict: 'failed', reason: '3 bad blocks were found.', current_stage: null, finished_usec: Date.now() * 1000 });
        say(Object.assign(one, { active_job: null }));
        server.say('job-alert', job);
        server.say('jobs-update', { jobs: [], removed: [String(job.id)] });
        await page.getByRole('region', { name: 'Messages' }).getByText(`${job.host} ${job.serial} failed`).waitFor();
        await rowOf(one).getByText('✕ Burn-In').waitFor({ state: 'detached' });
        await rowOf(one).locator('.col-burnin').getByText('Failed').waitFor();
});

test('a phone has cards, whose drawer fills the screen', async () => {
        await open('/?state=running', { width: 390, height: 844 });
        await page.locator('.drive-card').first().waitFor();
        assert.equal(await page.locator('table.drives').count(), 0);
        assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth));
        await page.locator('.drive-card .drive-name').first().click();
        const { width } = await page.locator('.drawer').boundingBox();
        assert.equal(width, 390);
        const heights = await page.locator('.drive-card').evaluateAll((all) => [...new Set(all.map((card) => card.getBoundingClientRect().height))]);
        assert.deepEqual(heights, [176]);
});

test('where the hardware says that a drive is stands where people look for it', async () => {
        await open('/?state=ready', { width: 1900 });
        const one = ready();
        say(Object.assign(one, { bay: 'enclosure 3 slot 17', location: '' }));
        await rowOf(one).locator('.col-location').getByText('enclosure 3 slot 17').waitFor();
        await page.getByLabel('Search drives').fill('slot 17');
        await page.waitForFunction(() => document.querySelectorAll('table.drives tbody tr:not(.space)').length === 1);
        await rowOf(one).locator('.drive-name').click();
        await page.locator('.drawer .facts').getByText('enclosure 3 slot 17').waitFor();
        await page.goto(`${server.url}drives/${encodeURIComponent(one.id)}`);
        await page.locator('.facts').getByText('enclosure 3 slot 17').waitFor();
        await page.setViewportSize({ width: 390, height: 844 });
        await page.goto(`${server.url}?state=ready&q=slot+17`);
        await page.locator('.drive-card').getByText('enclosure 3 slot 17').waitFor();
        // What people wrote is the better word for it.
        say(Object.assign(one, { location: 'Shelf 4' }));
        await page.locator('.drive-card').getByText('Shelf 4').waitFor();
        assert.equal(await page.locator('.drive-card').getByText('enclosure').count(), 0);
});

for (const ahead of [20 * 60e6, -20 * 60e6])
        test(`a browser's clock that is ${ahead / 60e6} minutes ahead changes no times`, async () => {
                await open('/', { ahead });
                const one = drive(({ present, stale, unlock_token: token, active_job: job }) => present && !stale && token !== '' && job === null);
                const began = Date.now() * 1000;
                await rowOf(one).waitFor();
                server.say('grants-update', { grants: [{ id: '0123456789abcdef', drive_id: one.id, host: one.host, serial: one.serial, role: one.lock_state, pool: '', pool_guid: '', in_use: false, lock_detail: '', operator: 'alice (web)', reason: 'x', granted_usec: began, expires_usec: began + 9e8 }], removed: [] });
                await rowOf(one).getByText(/^1[45] min$/).waitFor();
                const job = burning(), surface = job.stages[3];
                Object.assign(surface, { started_usec: began - 330e6, eta_usec: began + 630e6 });
                server.say('jobs-update', { jobs: [job], removed: [] });
                await page.goto(`${server.url}?drive=${encodeURIComponent(job.drive_id)}`);
                const vital = (term) => page.locator('.vitals div', { hasText: term }).locator('dd');
                await vital('Elapsed').getByText('5 min').waitFor();
                await vital('Left').getByText(/^(9|10) min$/).waitFor();
        });
