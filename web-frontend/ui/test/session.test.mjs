// SPDX-License-Identifier: LGPL-2.1-or-later
// Who is in, what they may do, and how the first one gets in.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { drive, open, page, ready, rowOf, rows, server } from './stand-in.mjs';

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
