// SPDX-License-Identifier: LGPL-2.1-or-later
// What the page does, before the stand-in.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { burning, close, complaints, context, drive, open, page, ready, rowOf, rows, say, server } from './stand-in.mjs';

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

test('warning, serial and confirmation are there exactly while a surface stage is chosen', async () => {
        await open('/?state=ready');
        const one = ready();
        await rowOf(one).getByRole('button', { name: /^Burn in/ }).click();
        const dialog = page.getByRole('dialog');
        const serial = dialog.getByLabel(/Type its serial number/);
        const act = dialog.locator('button[type=submit]');
        await serial.waitFor();
        assert.ok(await act.isDisabled());
        await dialog.getByRole('checkbox', { name: /^Surface validation/ }).uncheck();
        await serial.waitFor({ state: 'detached' });
        assert.equal(await dialog.getByText('will be destroyed').count(), 0);
        await dialog.getByText('No stage is chosen').waitFor();
        await dialog.getByRole('checkbox', { name: /^Short SMART test/ }).check();
        assert.ok(await act.isEnabled());
        await dialog.getByLabel('Profile').selectOption('full');
        await serial.fill('nonsense');
        await dialog.getByText('This is not the serial number of this drive.').waitFor();
        assert.ok(await act.isDisabled());
        await serial.fill(one.serial);
        // By keys, the last one to the front.
        await dialog.getByRole('button', { name: 'Move Surface validation' }).focus();
        await page.keyboard.press('ArrowUp');
        await page.keyboard.press('ArrowUp');
        assert.equal(await dialog.locator('.stage-order li strong').first().innerText(), 'Surface validation');
        // By mouse, the last one above the second.
        const grip = await dialog.getByRole('button', { name: 'Move Long SMART test' }).boundingBox();
        const target = await dialog.locator('.stage-order li').nth(1).boundingBox();
        await page.mouse.move(grip.x + 8, grip.y + 8);
        await page.mouse.down();
        await page.mouse.move(grip.x + 8, target.y + target.height / 2, { steps: 6 });
        await page.mouse.up();
        await dialog.getByLabel('Note').fill('a note');
        await act.click();
        await page.getByText('1 queued, 0 skipped, 0 locked').waitFor();
        const { request, ...sent } = server.requests[0];
        assert.match(request, /^[0-9a-f]{24}$/);
        assert.deepEqual(sent, { drive_ids: [one.id], serials: { [one.id]: one.serial }, stages: ['surface_validate', 'long_smart', 'short_smart'], note: 'a note' });
});

test('a start waits for a time or for a calendar expression, chosen by keys', async () => {
        await open('/?state=ready');
        const one = ready();
        await rowOf(one).getByRole('button', { name: /^Burn in/ }).click();
        const dialog = page.getByRole('dialog');
        const act = dialog.locator('button[type=submit]');
        await dialog.getByLabel(/Type its serial number/).fill(one.serial);
        assert.ok(await act.isEnabled());
        await dialog.getByLabel('Start', { exact: true }).focus();
        await page.keyboard.press('ArrowDown');
        assert.ok(await act.isDisabled(), 'no time is given');
        await dialog.getByLabel('Not before').fill('2031-05-06T07:08');
        assert.ok(await act.isEnabled());
        await page.keyboard.press('Shift+Tab'); // priority
        await page.keyboard.press('Shift+Tab');
        await page.keyboard.press('ArrowDown');
        assert.equal(await dialog.getByLabel('Not before').count(), 0);
        const calendar = dialog.getByLabel('Calendar expression');
        await page.keyboard.press('Tab');
        await page.keyboard.press('Tab');
        await page.keyboard.type(' Sat 22:00 ');
        assert.equal(await calendar.inputValue(), ' Sat 22:00 ');
        assert.match(await dialog.locator(`#${await calendar.getAttribute('aria-describedby')}`).innerText(), /The next such time, once/);
        await page.keyboard.press('Enter');
        await page.getByText('1 queued').waitFor();
        assert.equal(server.requests[0].calendar, 'Sat 22:00');
        assert.equal(server.requests[0].at_usec, undefined);
});

test('drives with old data are taken along by an admin who lists their serial numbers', async () => {
        await open('/?state=locked');
        const old = [...server.state.drives.values()].filter((one) => one.lock_state === 'existing-data' && !one.lock_in_use && one.present && !one.stale && one.identity_state === 'ok' && one.active_job === null).slice(0, 2);
        assert.equal(old.length, 2);
        for (const one of old)
                await rowOf(one).getByRole('checkbox').check();
        await page.getByRole('button', { name: 'Burn-In (2)', exact: true }).click();
        const dialog = page.getByRole('dialog');
        const act = dialog.locator('button[type=submit]');
        await dialog.getByLabel(/^Yes, destroy all data/).check();
        assert.ok(await act.isDisabled());
        const list = dialog.getByLabel(/^Type their serial numbers/);
        await list.fill(`${old[0].serial}\n${old[0].serial}x\n`);
        await dialog.getByText(`${old[0].serial}x is none of them.`).waitFor();
        assert.ok(await act.isDisabled());
        await list.fill(`${old[1].serial}\n`);
        await dialog.getByText(/^1 of 2\./).waitFor();
        assert.ok(await act.isDisabled());
        await list.fill(`${old[1].serial}\n ${old[0].serial}`);
        await act.click();
        await page.getByText(/2 queued/).waitFor();
        assert.equal(server.requests[0].unlock_existing, true);
        assert.deepEqual(server.requests[0].serials, Object.fromEntries(old.map(({ id, serial }) => [id, serial])));
});

test('a locked drive is not ticked by who may not unlock it', async () => {
        await open('/?state=locked', { role: 'operator' });
        await rows().first().waitFor();
        assert.equal(await rows().locator('input:enabled').count(), 0);
});

test('an NVMe drive can be told to erase itself', async () => {
        await open('/?state=ready');
        const one = drive((each) => each.transport === 'nvme' && each.present && !each.stale && each.lock_state === 'none' && each.active_job === null && each.smart_health === 'passed');
        await page.getByLabel('Search drives').fill(one.serial);
        await rowOf(one).getByRole('button', { name: /^Burn in/ }).click();
        const dialog = page.getByRole('dialog');
        await dialog.getByRole('checkbox', { name: /^Surface validation/ }).uncheck();
        await dialog.getByRole('checkbox', { name: /^NVMe sanitize/ }).check();
        await dialog.getByLabel(/Type its serial number/).fill(one.serial);
        await dialog.locator('button[type=submit]').click();
        await page.getByText('1 queued').waitFor();
        assert.deepEqual(server.requests[0].stages, ['nvme_sanitize']);
});

test('all that are ready are selected, locked ones are not; a batch is confirmed and counted', async () => {
        await open('/?state=ready');
        await page.getByLabel(/^Select all \d+ drives that are ready/).check();
        const count = [...server.state.drives.values()].filter((one) => one.present && !one.stale && one.identity_state === 'ok' && one.active_job === null && one.lock_state === 'none').length;
        await page.getByRole('button', { name: `Burn-In (${count})`, exact: true }).click();
        const dialog = page.getByRole('dialog');
        const act = dialog.locator('button[type=submit]');
        assert.ok(await act.isDisabled());
        await dialog.getByLabel(/^Yes, destroy all data/).check();
        await act.click();
        const skipped = Array.from({ length: count }, (_, index) => index % 7 === 5).filter(Boolean).length;
        await page.getByText(`${count - skipped} queued, ${skipped} skipped, 0 locked`).waitFor();
        assert.equal(server.requests[0].confirm, true);
        assert.equal(server.requests[0].serials, undefined);
        await page.locator('.batch-bar').waitFor({ state: 'detached' });
        // Though it is ready no more.
        await rowOf(server.state.drives.get(server.requests[0].drive_ids[0])).waitFor();
});

test('a locked drive opens for its exact token and a reason, and then for a start', async () => {
        await open('/?state=locked');
        const one = drive((each) => each.unlock_token !== '' && each.lock_in_use && !each.stale);
        await rowOf(one).getByRole('button', { name: /^Unlock/ }).click();
        const dialog = page.getByRole('dialog');
        await dialog.getByText(one.lock_detail).waitFor();
        const act = dialog.locator('button[type=submit]');
        await dialog.getByLabel('Reason').fill('Goes to the recycler');
        await dialog.getByLabel(/At the start, end what uses it/).check();
        await dialog.getByLabel(/^Type .* to unlock/).fill(one.unlock_token.slice(0, -1));
        assert.ok(await act.isDisabled());
        await dialog.getByLabel(/^Type .* to unlock/).fill(one.unlock_token);
        await act.click();
        await dialog.getByLabel(/^Type its serial number/).fill(one.serial);
        await dialog.locator('button[type=submit]').click();
        await page.getByText('1 queued').waitFor();
        assert.equal(server.requests[0].unlock, true);
        assert.equal(server.requests[0].release, true);
});

test('a drive that was unlocked or locked elsewhere shows it, and is for the one who unlocked it', async () => {
        await open('/?state=locked');
        const one = drive(({ present, stale, unlock_token: token, active_job: job }) => present && !stale && token !== '' && job === null);
        const grant = { id: '0123456789abcdef', drive_id: one.id, host: one.host, serial: one.serial, role: one.lock_state, pool: '', pool_guid: '', in_use: false, lock_detail: one.lock_detail, operator: 'bob (web)', reason: 'x', granted_usec: Date.now() * 1000, expires_usec: Date.now() * 1000 + 9e8 };
        const tell = (given, removed) => server.say('grants-update', { grants: given, removed });
        await rowOf(one).getByRole('button', { name: /^Unlock/ }).waitFor();
        tell([grant], []);
        await rowOf(one).getByText('Unlocked by bob').waitFor();
        // burnind takes it from him alone; another may unlock it anew.
        assert.equal(await rowOf(one).getByRole('button', { name: /^Burn in/ }).count(), 0);
        assert.equal(await rowOf(one).getByRole('button', { name: /^Unlock/ }).count(), 1);
        tell([{ ...grant, id: 'fedcba9876543210', operator: 'alice (web)' }], [grant.id]);
        await rowOf(one).getByRole('button', { name: /^Burn in/ }).waitFor();
        assert.equal(await rowOf(one).getByText('by bob').count(), 0);
        tell([], ['fedcba9876543210']);
        await rowOf(one).getByRole('button', { name: /^Unlock/ }).waitFor();
        assert.equal(await rowOf(one).getByText('Unlocked').count(), 0);
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

test('a grant that is gone when the connection comes back is gone', async () => {
        await open('/?state=locked');
        const one = drive(({ present, stale, unlock_token: token, active_job: job }) => present && !stale && token !== '' && job === null);
        const grant = { id: '0123456789abcdef', drive_id: one.id, host: one.host, serial: one.serial, role: one.lock_state, pool: '', pool_guid: '', in_use: false, lock_detail: '', operator: 'alice (web)', reason: 'x', granted_usec: Date.now() * 1000, expires_usec: Date.now() * 1000 + 9e8 };
        server.grants.set(grant.id, grant);
        server.say('grants-update', { grants: [grant], removed: [] });
        await rowOf(one).getByText('Unlocked').waitFor();
        server.grants.clear();
        server.drop();
        await rowOf(one).getByText('Unlocked').waitFor({ state: 'detached' });
});

test('a burn-in that failed before a thousand other jobs is still the last one of its drive', async () => {
        await open('/nowhere');
        const failed = [...server.state.jobs.values()].find(({ verdict }) => verdict === 'failed'), one = server.state.drives.get(failed.drive_id);
        const other = ready();
        for (let id = 5000; id < 6200; id++)
                server.state.jobs.set(id, { ...failed, id, kind: 'self-test', drive_id: other.id, verdict: 'passed', reason: '' });
        await page.goto(`${server.url}?state=failed`);
        await rowOf(one).locator('.col-burnin').getByText('Failed').waitFor();
        await page.getByText(`${one.host} ${one.dev_name}: burn-in failed`).waitFor();
});

test('jobs that ended while the connection was lost have ended', async () => {
        await open('/');
        const job = burning(), one = server.state.drives.get(job.drive_id);
        await rowOf(one).getByText('✕ Burn-In').waitFor();
        await context.route('**/sse/drives', (route) => route.abort());
        server.drop();
        await page.getByText('The connection is lost').waitFor();
        Object.assign(job, { state: 'done', verdict: 'failed', reason: '3 bad blocks were found.', current_stage: null, finished_usec: Date.now() * 1000 });
        one.active_job = null;
        await context.unroute('**/sse/drives');
        await rowOf(one).locator('.col-burnin').getByText('Failed').waitFor();
        assert.equal(await rowOf(one).getByText('✕ Burn-In').count(), 0);
});

test('an answer from before the end of a job brings nothing back', async () => {
        await open('/');
        const job = burning(), one = server.state.drives.get(job.drive_id), running = rowOf(one).getByText('✕ Burn-In');
        await running.waitFor();
        let release;
        const held = new Promise((asked) => context.route('**/api/v1/burnin?active=true*', async (route) => {
                const answer = await route.fetch();
                await new Promise((now) => { release = now; asked(); });
                await route.fulfill({ response: answer });
        }));
        await context.route('**/api/v1/burnin?latest=true*', (route) => route.abort());
        server.drop();
        await held;
        Object.assign(job, { state: 'done', verdict: 'failed', reason: '3 bad blocks were found.', current_stage: null, finished_usec: Date.now() * 1000 });
        say(Object.assign(one, { active_job: null }));
        server.say('job-alert', job);
        server.say('jobs-update', { jobs: [], removed: [String(job.id)] });
        await running.waitFor({ state: 'detached' });
        const next = page.waitForRequest('**/api/v1/burnin?latest=true*');
        release();
        await next;
        await rowOf(one).locator('.col-burnin').getByText('Failed').waitFor();
        assert.equal(await running.count(), 0);
});

test('a stream that says that it is alive is left alone, and asks nothing; a dead one is opened again', async () => {
        await open('/nowhere');
        await page.clock.install();
        await page.goto(server.url);
        await rows().first().waitFor();
        const asked = [];
        page.on('request', (request) => asked.push(new URL(request.url()).pathname));
        for (let turn = 0; turn < 16; turn++) {
                await page.clock.runFor(15000);
                server.say('ping', {});
                await page.evaluate(() => fetch('icon.svg'));
        }
        assert.deepEqual(asked.filter((path) => path !== '/icon.svg'), []);
        const again = page.waitForRequest('**/sse/drives');
        await page.clock.runFor(75000);
        await again;
});

test('all that is told anew in the middle of a stream is all there is', async () => {
        await open();
        const gone = ready();
        await rowOf(gone).waitFor();
        server.state.drives.delete(gone.id);
        server.say('reset', {});
        say(...server.state.drives.values());
        server.say('ready', {});
        await rowOf(gone).waitFor({ state: 'detached' });
});

test('an answer from before a grant takes nothing back', async () => {
        await open('/nowhere');
        let release;
        const given = new Promise((now) => { release = now; });
        await context.route('**/api/v1/grants', async (route) => {
                await given;
                await route.fulfill({ json: { grants: [] } });
        });
        await page.goto(`${server.url}?state=locked`);
        const one = drive(({ present, stale, unlock_token: token, active_job: job }) => present && !stale && token !== '' && job === null);
        await rowOf(one).getByRole('button', { name: /^Unlock/ }).waitFor();
        server.say('grants-update', { grants: [{ id: '0123456789abcdef', drive_id: one.id, host: one.host, serial: one.serial, role: one.lock_state, pool: '', pool_guid: '', in_use: false, lock_detail: '', operator: 'bob (web)', reason: 'x', granted_usec: Date.now() * 1000, expires_usec: Date.now() * 1000 + 9e8 }], removed: [] });
        await rowOf(one).getByText('Unlocked by bob').waitFor();
        release();
        await page.evaluate(() => fetch('api/v1/grants').then((answer) => answer.text()));
        say(Object.assign(one, { dev_name: 'sdzz' }));
        await rowOf(one).getByText('sdzz').waitFor();
        assert.equal(await rowOf(one).getByText('Unlocked by bob').count(), 1);
});

test('an answer from before a host changed takes nothing back', async () => {
        await open('/');
        await rows().first().waitFor();
        let release;
        const held = new Promise((asked) => context.route('**/api/v1/hosts', async (route) => {
                const answer = await route.fetch();
                await new Promise((now) => { release = now; asked(); });
                await route.fulfill({ response: answer });
        }));
        server.drop();
        await held;
        const one = Object.assign(server.state.hosts.get('nas-01'), { state: 'key-changed' }), said = page.getByText('nas-01 shows another host key');
        server.say('hosts-update', { hosts: [one], removed: [] });
        await said.waitFor();
        const answered = page.waitForResponse('**/api/v1/hosts');
        release();
        await (await answered).finished();
        say(Object.assign(ready(), { dev_name: 'sdzz' }));
        await page.getByText('sdzz').waitFor();
        assert.equal(await said.count(), 1);
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

test('a lost connection is said, and comes back with what happened meanwhile', async () => {
        await open();
        await rows().first().waitFor();
        const gone = ready();
        await context.route('**/sse/drives', (route) => route.abort());
        server.drop();
        await page.getByText('The connection is lost').waitFor();
        server.state.drives.delete(gone.id);
        await context.unroute('**/sse/drives');
        await page.getByText('The connection is lost').waitFor({ state: 'detached' });
        await rowOf(gone).waitFor({ state: 'detached' });
});

test('how a job ended while burnind was away is on the page once it is back', async () => {
        await open('/?state=running');
        const one = drive((each) => each.active_job !== null && server.state.jobs.get(each.active_job)?.kind === 'burn-in');
        await rowOf(one).waitFor();
        server.say('daemon', { up: false });
        await page.getByText('burnind is not running').waitFor();
        Object.assign(server.state.jobs.get(one.active_job), { state: 'done', verdict: 'passed' });
        one.active_job = null;
        server.say('daemon', { up: true });
        await rowOf(one).waitFor({ state: 'detached' });
});

test('loaded while burnind is down, the page says so and comes by itself', async () => {
        await open('/', { down: true });
        await page.getByText('burnind is not running.').waitFor();
        await page.evaluate(() => { globalThis.sameDocument = true; });
        server.up();
        await rows().first().waitFor();
        assert.ok(await page.evaluate(() => globalThis.sameDocument));
        assert.equal(await page.getByText('burnind is not running.').count(), 0);
});

test('an expired session asks again over the page, which stays as it is', async () => {
        await open('/?state=ready');
        await rowOf(ready()).getByRole('button', { name: /^Burn in/ }).click();
        await page.getByLabel('Note').fill('half typed');
        server.expire();
        await page.getByText('Your session is over').waitFor();
        await page.getByLabel('Password').fill('right horse');
        await page.getByRole('button', { name: 'Log in' }).click();
        await page.getByText('Your session is over').waitFor({ state: 'detached' });
        assert.equal(await page.getByLabel('Note').inputValue(), 'half typed');
});

test('a page that nobody touches is told at once that its session was ended', async () => {
        await open();
        await rows().first().waitFor();
        const asked = [];
        page.on('request', (request) => asked.push(request.url()));
        server.say('session-ended', {});
        await page.getByText('Your session is over').waitFor();
        assert.deepEqual(asked, []);
});

test('who is locked out is told when to try again, and then can', async () => {
        await open('/', { first: false });
        await rows().first().waitFor();
        server.expire();
        await page.getByText('Your session is over').waitFor();
        await page.getByLabel('Password').fill('once too often');
        await page.getByRole('button', { name: 'Log in' }).click();
        await page.getByText('Too many logins have failed').waitFor();
        const button = page.getByRole('dialog').locator('button[type=submit]');
        assert.match(await button.innerText(), /^Try again in 0:0[12]$/);
        assert.ok(await button.isDisabled());
        // Another name is another account.
        const name = await page.getByLabel('Name').inputValue();
        await page.getByLabel('Name').fill(`${name}x`);
        assert.ok(await button.isEnabled());
        await page.getByLabel('Name').fill(name);
        await page.getByLabel('Password').fill('once too often');
        await button.click();
        await page.getByText('Too many logins have failed').waitFor();
        await page.getByText('Too many logins have failed').waitFor({ state: 'detached' });
        await page.getByLabel('Password').fill('right horse');
        await page.getByRole('button', { name: 'Log in' }).click();
        await page.getByText('Your session is over').waitFor({ state: 'detached' });
});

test('the first administrator is made, then there is a page', async () => {
        await open('/', { first: true });
        await page.getByLabel('Name').fill('root');
        await page.getByLabel('Password', { exact: true }).fill('correct horse');
        await page.getByLabel('Password, again').fill('correct hors');
        await page.getByLabel('Setup code').fill('nonsense');
        await page.getByRole('button', { name: 'Create administrator' }).click();
        await page.getByText('The two passwords are not the same.').waitFor();
        await page.getByLabel('Password, again').fill('correct horse');
        await page.getByRole('button', { name: 'Create administrator' }).click();
        await page.getByText('This is not the setup code.').waitFor();
        await page.getByLabel('Password', { exact: true }).fill('correct horse');
        await page.getByLabel('Password, again').fill('correct horse');
        await page.getByLabel('Setup code').fill('K7QX-2M4P');
        await page.getByRole('button', { name: 'Create administrator' }).click();
        await rows().first().waitFor();
});

test('who begins is led from no drive to a host, and told what to put there', async () => {
        await open('/', { drives: 1 });
        for (const all of [server.state.hosts, server.state.drives, server.state.jobs])
                all.clear();
        await page.reload();
        await page.getByText('No drives yet').waitFor();
        await page.getByRole('button', { name: 'Add host' }).click();
        const dialog = page.getByRole('dialog');
        await dialog.getByText('~root/.ssh/authorized_keys').waitFor();
        await dialog.getByText(/^ssh-ed25519 /).waitFor();
        await dialog.getByLabel('Name', { exact: true }).fill('vault');
        await dialog.locator('button[type=submit]').click();
        await page.getByRole('heading', { level: 2, name: 'vault' }).waitFor();
        assert.equal(await page.getByText('Not all that may use a drive can be seen').count(), 0);
        await page.getByRole('navigation', { name: 'Pages' }).getByRole('link', { name: 'Drives' }).click();
        await page.getByText('Drives are here as soon as vault has answered.').waitFor();
        await page.getByRole('link', { name: 'See what it waits for' }).click();
        await page.getByRole('button', { name: 'Compare and accept the key' }).click();
        await dialog.getByText('SHA256:').first().waitFor();
});

test('who may only look has nothing to press', async () => {
        await open('/', { role: 'viewer' });
        await rows().first().waitFor();
        assert.equal(await page.locator('table.drives input, .actions .btn:not(.icon-only), .cancel-all').count(), 0);
});

test('who may test drives, but not unlock them, sees no button that does', async () => {
        await open('/?state=locked', { role: 'operator' });
        await rows().first().waitFor();
        await rows().first().getByRole('button', { name: /^More for/ }).waitFor();
        assert.equal(await page.getByRole('button', { name: /^Unlock/ }).count(), 0);
});

test('a dialog keeps the focus, Escape ends it and gives the focus back', async () => {
        await open('/?state=ready');
        const opener = rowOf(ready()).getByRole('button', { name: /^Burn in/ });
        await opener.focus();
        await page.keyboard.press('Enter');
        await page.getByRole('dialog').waitFor();
        for (let step = 0; step < 25; step++) {
                await page.keyboard.press('Tab');
                assert.ok(await page.evaluate(() => document.activeElement === document.body || document.activeElement.closest('dialog') !== null));
        }
        await page.keyboard.press('Escape');
        await page.getByRole('dialog').waitFor({ state: 'detached' });
        assert.ok(await opener.evaluate((element) => element === document.activeElement));
        const more = rowOf(ready()).getByRole('button', { name: /^More for/ });
        await more.focus();
        await page.keyboard.press('Enter');
        await page.keyboard.press('ArrowDown');
        assert.equal(await page.evaluate(() => document.activeElement.textContent), 'Short SMART test');
        await page.keyboard.press('Escape');
        assert.ok(await more.evaluate((element) => element === document.activeElement));
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

test('no bad block is no news of a surface that has not begun, or that was not seen to its end', async () => {
        await open();
        const job = [...server.state.jobs.values()].find(({ state, stages }) => state === 'running' && stages.length === 5 && stages[3].state === 'running');
        Object.assign(job.stages[3], { state: 'pending', started_usec: 0, bad_blocks: 0 });
        server.say('jobs-update', { jobs: [job], removed: [] });
        await page.goto(`${server.url}?drive=${encodeURIComponent(job.drive_id)}`);
        const drawer = page.locator('.drawer');
        await drawer.getByRole('button', { name: /Surface validation/ }).click();
        await drawer.getByRole('heading', { name: 'Surface validation' }).waitFor();
        assert.equal(await drawer.locator('.badge').count(), 0);
        Object.assign(job.stages[3], { state: 'running', started_usec: job.created_usec });
        server.say('jobs-update', { jobs: [job], removed: [] });
        await drawer.locator('.badge.success').getByText('0 bad blocks').waitFor();
        Object.assign(job.stages[3], { state: 'done', verdict: 'inconclusive' });
        server.say('jobs-update', { jobs: [job], removed: [] });
        await drawer.locator('.badge.neutral').getByText('0 bad blocks').waitFor();
});

const stageList = () => page.locator('.stage-list li button > span:nth-last-child(2)').allInnerTexts();

test('the page of a running job has all its stages, and the ledger of each that ends', async () => {
        await open('/');
        await rows().first().waitFor();
        const job = burning(), surface = job.stages[3];
        await page.goto(`${server.url}history/${job.id}`);
        await page.getByRole('heading', { name: `Job ${job.id}` }).waitFor();
        for (const name of ['Precheck', 'Short SMART test', 'Long SMART test', 'Surface validation', 'Final check'])
                await page.getByRole('heading', { name }).waitFor();
        assert.equal(await page.getByRole('region', { name: 'Evidence' }).count(), 3);
        Object.assign(surface, { state: 'done', verdict: 'failed', finished_usec: Date.now() * 1000, bad_blocks: 2, bad_block_list: [17, 4711], evidence: [{ rule: 'bad-blocks', expected: '0', observed: '2', source: 'badblocks', verdict: 'failed' }] });
        Object.assign(job.stages[4], { state: 'running', started_usec: Date.now() * 1000 });
        job.current_stage = 'final_check';
        server.say('jobs-update', { jobs: [job], removed: [] });
        await page.getByText('17 4711').waitFor();
        assert.equal(await page.getByRole('region', { name: 'Evidence' }).count(), 4);
});

test('the page of a job leads to its signed report once it has ended', async () => {
        await open('/');
        await rows().first().waitFor();
        const job = burning(), report = page.getByRole('link', { name: 'Report', exact: true });
        await page.goto(`${server.url}history/${job.id}`);
        await page.getByRole('heading', { name: 'Surface validation' }).waitFor();
        assert.equal(await report.count(), 0);
        Object.assign(job, { state: 'done', verdict: 'passed', finished_usec: Date.now() * 1000 });
        server.say('jobs-update', { jobs: [job], removed: [] });
        assert.equal(await report.evaluate((link) => link.href), `${server.url}api/v1/burnin/${job.id}/report.html`);
});

test('the drawer keeps every stage of a job, whichever of them the events tell of', async () => {
        await open('/');
        const job = burning(), all = ['Precheck', 'Short SMART test', 'Long SMART test', 'Surface validation', 'Final check'];
        await page.goto(`${server.url}?drive=${encodeURIComponent(job.drive_id)}`);
        await page.locator('.stage-list li').nth(4).waitFor();
        assert.deepEqual(await stageList(), all);
        const told = { ...job, percent: 71, stages: [{ ...job.stages[3], percent: 71 }] };
        server.say('jobs-update', { jobs: [told], removed: [] });
        await page.locator('.drawer-percent').getByText('71 %').waitFor();
        assert.deepEqual(await stageList(), all);
});

test('statistics are plots, and the same in words for whoever sees none', async () => {
        await open('/');
        const model = (index) => ({ model: `Model ${index}`, passed: 40 - index, failed: index % 2, inconclusive: 0, cancelled: 0, pass_rate: (40 - index) / (40 - index + index % 2), hours_per_tb: index === 1 ? null : 4 + index });
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
        for (const [name, shown] of [['Older', '101–200 of 340'], ['Older', '201–300 of 340'], ['Newer', '101–200 of 340']]) {
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
        await page.getByText('201–300 of 340').waitFor();
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
        await page.getByRole('heading', { name: 'No entry fits' }).waitFor();
        await page.getByLabel('Search the audit').press('Escape');
        await page.getByText('1–100 of 340').waitFor();
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

test('a stage that erases an NVMe drive has its name wherever stages are, and its verdict', async () => {
        await open('/history');
        const job = [...server.state.jobs.values()].find(({ verdict }) => verdict === 'failed');
        job.stages = job.stages.filter(({ kind }) => kind !== 'surface_validate').map((stage, index) => ({ ...stage, index, verdict: 'passed' }));
        Object.assign(job.stages[1], { kind: 'nvme_format' });
        Object.assign(job.stages[2], { kind: 'nvme_sanitize', verdict: 'failed', reason: 'The drive says that it has failed.' });
        await page.goto(`${server.url}history/${job.id}`);
        for (const [name, verdict] of [['NVMe format', 'Passed'], ['NVMe sanitize', 'Failed']]) {
                const card = page.locator('.stage-card').filter({ has: page.getByRole('heading', { name }) });
                await card.locator('.card-head').getByText(verdict, { exact: true }).waitFor();
        }
        await page.goto(`${server.url}?drive=${encodeURIComponent(job.drive_id)}`);
        await page.locator('.drawer').getByRole('button', { name: 'NVMe sanitize' }).waitFor();
        await page.locator('.drawer').getByRole('heading', { name: 'NVMe sanitize' }).waitFor();
        await page.goto(`${server.url}history/${job.id}/print`);
        await page.getByRole('heading', { name: 'NVMe format' }).waitFor();
        // One of a burnin that is newer than the page: it has no name here, but it has a verdict.
        Object.assign(job.stages[1], { kind: 'tape_rewind' });
        await page.goto(`${server.url}history/${job.id}`);
        await page.locator('.stage-card').nth(1).locator('.card-head').getByText('Passed', { exact: true }).waitFor();
});

test('before and after a job are what the drive said last before its start, and before its end', async () => {
        await open('/history');
        const job = [...server.state.jobs.values()].find(({ verdict }) => verdict === 'failed');
        const reading = (time_usec, reallocated) => ({ time_usec, temperature_mdegc: 30000, smart_health: 'passed', smart: { reallocated } });
        // More of them than are answered at once.
        const within = Array.from({ length: 1500 }, (_, index) => reading(job.finished_usec - (index + 1) * 60e6, 20));
        const later = Array.from({ length: 1500 }, (_, index) => reading(job.finished_usec + (1500 - index) * 60e6, 99));
        const before = [reading(job.started_usec - 3600e6, 8), reading(job.started_usec - 7200e6, 3)];
        server.state.readings.set(job.drive_id, [...later, ...within, ...before]);
        const cells = () => page.locator('.stage-card').filter({ hasText: 'SMART before and after' }).locator('tbody tr').filter({ hasText: 'Reallocated sectors' }).locator('td.number').allInnerTexts();
        await page.goto(`${server.url}history/${job.id}`);
        await page.getByText('Reallocated sectors').waitFor();
        assert.deepEqual(await cells(), ['8', '20', '+12']);
        server.state.readings.set(job.drive_id, [...later, ...within]);
        await page.reload();
        await page.getByText('No reading from before the start is known.').waitFor();
        assert.deepEqual(await cells(), ['–', '20', '–']);
        server.state.readings.set(job.drive_id, later);
        await page.reload();
        await page.getByText('No SMART reading from before this job, or of it, is known.').waitFor();
});

test('how a self-test ended, where and when, is told on every screen', async () => {
        for (const [width, height] of [[1900, 1000], [1440, 900], [390, 844]]) {
                await open('/?state=ready', { width, height });
                const one = ready();
                one.self_tests = {
                        short: { state: 'aborted', percent: -1, estimated: false, eta_usec: 0, words: 'Interrupted (host reset)', lba: -1, ended_usec: 0 },
                        long: { state: 'failed', percent: -1, estimated: false, eta_usec: 0, words: 'Completed: read failure', lba: 81271928, ended_usec: Date.now() * 1000 - 3.5 * 86400e6 },
                };
                say(one);
                const row = width > 390 ? rowOf(one) : page.locator('.drive-card').filter({ hasText: one.serial });
                if (width === 1900)
                        await row.locator('.col-tests').getByText('failed').waitFor();
                else {
                        if (width === 1440)
                                await row.locator('.drive-name').click();
                        await row.getByText('Long test failed').waitFor();
                        if (width === 390)
                                await row.locator('.drive-name').click();
                        const drawer = page.locator('.drawer');
                        await drawer.getByText('Completed: read failure').waitFor();
                        await drawer.getByText('81,271,928').waitFor();
                        await drawer.getByText('3 d ago').waitFor();
                        await drawer.getByText('Interrupted (host reset)').waitFor();
                        assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth));
                        await page.goto(`${server.url}drives/${encodeURIComponent(one.id)}`);
                        await page.getByText('Completed: read failure').waitFor();
                        await page.getByText('81,271,928').waitFor();
                }
                await close();
        }
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

test('notifiers are seen, made, tried and sent what was given up', async () => {
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
        await menu('team', 'Send again');
        await row('team').getByText('5 waiting').waitFor();

        await page.getByRole('button', { name: 'Add notifier' }).click();
        const dialog = page.getByRole('dialog');
        await dialog.getByLabel('Name').fill('phone');
        await dialog.getByLabel('URL').fill('https://ntfy.example.org/secret-topic');
        await dialog.getByRole('button', { name: 'Add notifier' }).click();
        await row('phone').getByText('https://ntfy.example.org', { exact: true }).waitFor();
        assert.deepEqual([server.notifiers.get('phone').kind, server.notifiers.get('phone').severity], ['ntfy', 'warning']);
        await row('phone').getByRole('button', { name: 'Test phone' }).click();
        await page.getByText('does not work: HTTP 401').waitFor();
        await menu('phone', 'Set a secret');
        await dialog.getByLabel('Secret').fill('token');
        await dialog.getByRole('button', { name: 'Set secret' }).click();
        await dialog.waitFor({ state: 'detached' });
        await row('phone').getByRole('button', { name: 'Test phone' }).click();
        await page.getByText('phone works').waitFor();
        await menu('phone', 'Switch off');
        await row('phone').getByText('Off', { exact: true }).waitFor();
        await menu('phone', 'Remove');
        await dialog.getByRole('button', { name: 'Remove' }).click();
        await row('phone').waitFor({ state: 'detached' });
        assert.equal(server.notifiers.has('phone'), false);
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

// As browsers do it: who may is asked on a click; on a phone the word is there, and throws.
async function notifications({ answer = 'granted', phone = false } = {}) {
        await context.addInitScript(([answer, phone]) => {
                globalThis.notified = [];
                globalThis.Notification = class {
                        static permission = sessionStorage.getItem('permission') ?? 'default';
                        static async requestPermission() { sessionStorage.setItem('permission', answer); return this.permission = answer; }
                        constructor(title, options) {
                                if (phone)
                                        throw new TypeError("Failed to construct 'Notification': Illegal constructor. Use ServiceWorkerRegistration.showNotification() instead.");
                                Object.assign(this, { title, ...options });
                                globalThis.notified.push(this);
                        }
                        close() { this.closed = true; }
                };
        }, [answer, phone]);
        await page.reload();
        return page.getByRole('button', { name: 'Notifications' });
}

test('the end of a burn-in is a notification for who asked for it, and its click leads to the job', async () => {
        await open();
        const bell = await notifications();
        const ended = [...server.state.jobs.values()].filter(({ state }) => state === 'done');
        const [failed, passed, cancelled] = ['failed', 'passed', 'cancelled'].map((word) => ended.find(({ verdict }) => verdict === word));
        const alert = (job) => server.say('job-alert', job);
        const told = () => page.evaluate(() => globalThis.notified.map(({ title, body, tag }) => ({ title, body, tag })));
        await rows().first().waitFor();
        alert(failed);
        await page.getByText(`${failed.host} ${failed.serial} failed`).waitFor();
        assert.deepEqual(await told(), [], 'nobody asked');
        await bell.click();
        await page.locator('[aria-label=Notifications][aria-pressed=true]').waitFor();
        const [first] = await told();
        assert.equal(first.body, 'It is told here when a burn-in passes or fails.');
        // Kept over a reload.
        await page.reload();
        await page.locator('[aria-label=Notifications][aria-pressed=true]').waitFor();
        await rows().first().waitFor();
        for (const job of [{ ...passed, kind: 'self-test' }, cancelled, failed, passed])
                alert(job);
        await page.waitForFunction(() => globalThis.notified.length > 1);
        const [of1, of2, ...more] = await told();
        assert.deepEqual(more, []);
        assert.deepEqual(of1, { title: 'Burn-in FAILED', body: `${failed.host} · ${failed.model} · ${failed.serial}\n${failed.reason}`, tag: `burnin-${failed.id}` });
        assert.deepEqual([of2.title, of2.tag], ['Burn-in passed', `burnin-${passed.id}`]);
        await page.evaluate(() => globalThis.notified[0].onclick());
        await page.getByRole('heading', { name: `Job ${failed.id}` }).waitFor();
        assert.equal(new URL(page.url()).pathname, `/history/${failed.id}`);
        assert.ok(await page.evaluate(() => globalThis.notified[0].closed));
        await bell.click();
        await page.locator('[aria-label=Notifications][aria-pressed=false]').waitFor();
        alert({ ...failed, serial: 'AFTERWARDS' });
        await page.getByText('AFTERWARDS failed').waitFor();
        assert.equal((await told()).length, 2);
});

test('a browser that lets no page notify says so, and so does one where it is forbidden', async () => {
        await open('/', { width: 390, height: 844 });
        let bell = await notifications({ phone: true });
        await bell.click();
        await page.getByText('This browser shows no notifications of pages').waitFor();
        assert.equal(await bell.getAttribute('aria-pressed'), 'false');
        // One that was asked for before.
        await page.evaluate(() => localStorage.setItem('burnin-notify', 'yes'));
        await page.reload();
        await page.locator('.drive-card').first().waitFor();
        const job = [...server.state.jobs.values()].find(({ verdict }) => verdict === 'failed');
        server.say('job-alert', job);
        await page.getByText(`${job.host} ${job.serial} failed`).waitFor();
        await page.locator('[aria-label=Notifications][aria-pressed=false]').waitFor();
        bell = await notifications({ answer: 'denied' });
        await page.evaluate(() => { sessionStorage.clear(); localStorage.clear(); });
        await page.reload();
        await bell.click();
        await page.getByText('The browser does not allow notifications').waitFor();
        assert.equal(await bell.getAttribute('aria-pressed'), 'false');
});
