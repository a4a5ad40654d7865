// SPDX-License-Identifier: LGPL-2.1-or-later
// The page in a browser, before the real service and a NAS of its own. tests/lab/test_page.py boots both, and starts this with what
// service.mjs says, and with
//   HOST_PORT    where the NAS answers on 127.0.0.1
//   FINGERPRINT  of its key, as its administrator reads it there
//   FREE         the serial numbers of the drives that nothing uses. The first one is good; BAD among them is not, and
//   SLOW         is the one that has not come far when the others are done
//   DATA_DRIVE   the serial number of a drive of an exported pool: POOL
// What is written to /run/network there, happens to the network between service and NAS: cut, restore.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { begin, code, createFirst, fits, go, inside, page, picture, rowOf, toast, url } from './service.mjs';

const { HOST_PORT: port, FINGERPRINT: fingerprint, BAD: bad, SLOW: slow, DATA_DRIVE: withData, POOL: pool } = process.env;
const free = process.env.FREE.split(' ');
const [good] = free;
// An emulated NAS takes its time, and more of it on a busy computer.
const LOOK = 240000;
const BURN_IN = 300000;
const network = (how) => inside('sh', '-c', `echo ${how} > /run/network`);
const drawer = () => page.locator('.drawer');

// How far the job in the drawer is.
const percent = () => drawer().getByRole('progressbar', { name: 'All stages' }).getAttribute('aria-valuenow').then(Number);
const moves = (from) => page.waitForFunction((from) => Number(document.querySelector('.drawer [aria-label="All stages"]')?.ariaValueNow) > from, from);

// Where one step fails, there is nothing for the next one to wait for.
let broken = false;
const step = (name, take) => test(name, async (context) => {
        if (broken)
                return context.skip('the story has broken off');
        broken = true;
        await take();
        broken = false;
});

step('who begins is led to a host, and to its key', async () => {
        await begin();
        page.context().setDefaultTimeout(LOOK);
        await createFirst('alice', code);
        await page.getByText('No drives yet').waitFor();
        await go('Hosts');
        await page.getByRole('button', { name: 'Add host' }).first().click();
        const dialog = page.getByRole('dialog');
        await dialog.getByLabel('Name', { exact: true }).fill('nas');
        await dialog.getByLabel('Address', { exact: true }).fill('127.0.0.1');
        await dialog.getByLabel('SSH port').fill(port);
        await dialog.locator('button[type=submit]').click();
        await page.getByRole('button', { name: 'Compare and accept the key' }).click();
        assert.equal(await dialog.locator('.fingerprint').first().innerText(), fingerprint);
        await dialog.getByLabel(/^I have compared it/).check();
        await dialog.locator('button[type=submit]').click();
        await page.locator('.host').getByText('Online').waitFor();
        await page.locator('.host').getByRole('link', { name: /drives$/ }).click();
        await rowOf(withData).getByText('Exported pool').waitFor();
});

step('all that is free is burned in, and seen moving', async () => {
        await page.getByRole('group', { name: 'Drives by state' }).getByRole('button', { name: /^Ready/ }).click();
        for (const serial of free)
                await rowOf(serial).waitFor();
        await page.locator('table.drives thead').getByRole('checkbox').check();
        await page.getByRole('button', { name: `Burn-In (${free.length})`, exact: true }).click();
        const dialog = page.getByRole('dialog');
        await dialog.getByLabel(`Yes, destroy all data on ${free.length} drives`).check();
        await dialog.locator('button[type=submit]').click();
        await toast(`${free.length} queued, 0 skipped, 0 locked`);

        await rowOf(good).locator('.drive-name').click();
        await drawer().getByRole('log').getByText(/Testing with pattern 0xaa/).waitFor();
        await moves(await percent());
        await picture('nas-drawer');
});

step('one is cancelled, and the others go on', async () => {
        await rowOf(slow).getByText(/^Surface · /).waitFor();
        await rowOf(slow).getByRole('button', { name: /^Cancel the burn-in/ }).click();
        await page.getByLabel('Reason').fill('it is too slow');
        await page.getByRole('button', { name: 'Cancel burn-in' }).click();
        await rowOf(slow).locator('.col-burnin a').getByText('Cancelled').waitFor();
});

step('a drive of an exported pool opens for who types what is destroyed', async () => {
        await rowOf(withData).getByRole('button', { name: /^Unlock/ }).click();
        const dialog = page.getByRole('dialog');
        await dialog.getByText(new RegExp(`exported ZFS pool ${pool}`)).waitFor();
        const act = dialog.locator('button[type=submit]');
        await dialog.getByLabel('Reason').fill('its data is copied');
        for (const token of ['DESTROY', 'destroy exported pool', 'DESTROY EXISTING DATA', pool]) {
                await dialog.getByLabel(/^Type .* to unlock/).fill(token);
                assert.ok(await act.isDisabled(), token);
        }
        await dialog.getByLabel(/^Type .* to unlock/).fill('DESTROY EXPORTED POOL');
        await picture('nas-unlock');
        await act.click();
        await dialog.getByLabel(/^Type its serial number/).fill(withData);
        await act.click();
        await toast('1 queued, 0 skipped, 0 locked');
});

step('a network that is cut, and a service that is killed, are said and over', async () => {
        // While it is written to, which goes on until all of this is over.
        await rowOf(withData).getByText(/^Surface · /).waitFor();
        network('cut');
        const cutOff = page.locator('table.drives').getByText('Host out of reach, the run goes on').first();
        await cutOff.waitFor();
        network('restore');
        await cutOff.waitFor({ state: 'detached' });
        const noticed = page.getByText('burnind is not running').waitFor();
        inside('systemctl', 'kill', '--signal=KILL', 'burnind.service');
        await noticed;
        await page.getByText('burnind is not running').waitFor({ state: 'detached' });
        await rowOf(withData).getByText(/^Surface · /).waitFor();
        network('hurry');
});

step('each drive has what it deserves', async () => {
        const verdict = (serial, text) => rowOf(serial).locator('.col-burnin a').getByText(text).waitFor({ timeout: BURN_IN });
        await verdict(bad, 'Failed');
        await verdict(good, 'Passed');
        await verdict(withData, 'Passed');
        await page.getByRole('alert').getByText(/burn-in failed/).waitFor();
        await picture('nas-dashboard');
});

step('the job has its evidence, and its report fits on paper', async () => {
        await rowOf(withData).locator('.col-burnin a').click();
        for (const rule of ['content', 'bad-blocks', 'kernel-log', 'coverage', 'identity-after'])
                await page.getByRole('region', { name: 'Evidence' }).getByRole('cell', { name: rule, exact: true }).waitFor();
        await page.locator('.page').getByText(new RegExp(`^Exported pool ${pool}, by alice \\(web\\): its data is copied$`)).waitFor();
        const counters = page.getByRole('region', { name: 'SMART before and after' });
        assert.match(await counters.locator('tbody tr').filter({ hasText: 'Reallocated sectors' }).innerText(), /^Reallocated sectors\s+0\s+0\s+0$/);
        await page.getByRole('link', { name: 'Print' }).click();
        await page.getByRole('cell', { name: 'Reallocated sectors' }).waitFor();
        assert.match(await page.title(), new RegExp(`^burnin report ${withData} job \\d+$`));
        await page.emulateMedia({ media: 'print' });
        assert.equal((await page.locator('.report-verdict').innerText()).toLowerCase(), 'passed');
        assert.ok((await page.locator('svg.qr').boundingBox()).width > 60);
        assert.ok(await page.locator('.report').getByText(withData, { exact: true }).isVisible());
        assert.equal(await page.locator('.masthead, .no-print').locator('visible=true').count(), 0);
        assert.ok(await fits('.report'));
        const print = async (format) => (await page.pdf({ format, tagged: true, outline: true })).toString('latin1');
        const pdf = await print('A4');
        assert.match(pdf, /^%PDF-.*\/MediaBox \[0 0 59[0-9.]+ 84[0-9.]+\]/s);
        assert.match(await print('Letter'), /\/MediaBox \[0 0 612 792\]/);
        const job = new URL(page.url()).pathname.replace('/print', '');
        assert.ok(pdf.includes(`/Alt (Address of this job: ${url}${job})`), 'the code is in it');
        for (const stage of ['Precheck', 'Surface validation', 'Final check'])
                assert.ok(pdf.includes(`/Title (${stage}`), stage);
        await page.emulateMedia({ media: null });
        await picture('nas-report');
});
