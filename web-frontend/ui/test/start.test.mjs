// SPDX-License-Identifier: LGPL-2.1-or-later
// What is chosen, typed and confirmed before a burn-in starts, and before a locked drive opens.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { drive, open, page, ready, rowOf, rows, server } from './stand-in.mjs';

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
