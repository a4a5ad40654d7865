// SPDX-License-Identifier: LGPL-2.1-or-later
// The page by keys alone, before the stand-in: what a person reaches is in sight, and shows that it has the focus.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { open, page, ready, rowOf, rows, server } from './stand-in.mjs';

const press = async (...keys) => { for (const key of keys) await page.keyboard.press(key); };
const hasFocus = (locator) => locator.evaluate((element) => element === document.activeElement);
const button = (name, where = page) => where.getByRole('button', { name });

// As far as it takes; wherever it stops on the way is to be seen.
async function tabTo(locator, key = 'Tab') {
        const way = [];
        for (let step = 0; step < 60; step++) {
                await press(key);
                const { name, fault } = await page.evaluate(() => {
                        const element = document.activeElement, name = element.getAttribute('aria-label') || element.textContent.trim() || element.id || element.tagName;
                        if (element === document.body)
                                return { name, fault: '' };
                        const { left, top, width, height } = element.getBoundingClientRect();
                        const hit = document.elementFromPoint(left + width / 2, top + height / 2);
                        const covered = !hit || !(element.contains(hit) || hit.contains(element) || hit.closest('.toasts')); // which go by themselves
                        return { name, fault: covered ? `is covered by ${hit?.outerHTML.slice(0, 80)}` : getComputedStyle(element).outlineStyle === 'none' ? 'does not show its focus' : '' };
                });
                way.push(name);
                assert.equal(fault, '', `${name} ${fault}`);
                if (await hasFocus(locator))
                        return;
        }
        assert.fail(`not reached: ${way.join(' > ')}`);
}

test('a person without a mouse logs in, burns drives in, looks at one and goes to unlock another', async () => {
        await open('/', { loggedIn: false });
        await page.getByLabel('Name').waitFor();
        assert.ok(await hasFocus(page.getByLabel('Name')));
        await page.keyboard.type('alice');
        await press('Tab');
        await page.keyboard.type('right horse');
        await press('Enter');
        await rows().first().waitFor();

        // Past the links of the head, to what is ready, of one host.
        await tabTo(page.getByRole('link', { name: 'Skip to content' }));
        await press('Enter');
        await tabTo(button(/^Ready/));
        await press('Space');
        await page.waitForURL(/state=ready/);
        await tabTo(page.getByLabel('Search drives'));
        const [host] = new Set([...server.state.drives.values()].map((one) => one.host));
        await page.keyboard.type(host);
        await page.waitForFunction((name) => [...document.querySelectorAll('.col-name .under')].every((one) => one.textContent === name), host);
        const [first, second] = [rows().nth(0), rows().nth(1)];
        for (const row of [first, second]) {
                await tabTo(row.getByRole('checkbox'));
                await press('Space');
        }
        await tabTo(button('Burn-In (2)'));
        await press('Enter');

        const dialog = page.getByRole('dialog', { name: 'Burn in 2 drives' });
        await dialog.waitFor();
        await tabTo(dialog.getByRole('checkbox', { name: /^Short SMART test/ }));
        await press('Space');
        const grip = button(/^Move Surface validation/, dialog);
        await tabTo(grip, 'Shift+Tab');
        const order = () => dialog.locator('.stage-order li.chosen strong').allInnerTexts();
        const [lastly, firstly] = [['Short SMART test', 'Surface validation'], ['Surface validation', 'Short SMART test']];
        assert.deepEqual(await order(), firstly);
        for (const [key, expected] of [['ArrowDown', lastly], ['ArrowUp', firstly]]) {
                for (let step = 0; step < 4 && (await order()).join() !== expected.join(); step++)
                        await press(key);
                assert.deepEqual(await order(), expected);
                await page.waitForFunction(() => /^Move Surface/.test(document.activeElement.getAttribute('aria-label')));
        }
        assert.match(await dialog.locator('.sr[role=status]').innerText(), /^Surface validation: now \d of \d$/);
        await tabTo(dialog.getByLabel('Note'));
        await page.keyboard.type('no mouse');
        await tabTo(dialog.getByLabel(/^Yes, destroy all data/));
        await press('Space');
        await tabTo(button(/^Destroy data on 2 drives/, dialog));
        await press('Enter');
        await page.getByText('2 queued, 0 skipped, 0 locked').waitFor();
        const { drive_ids: ids, stages, note, confirm } = server.requests[0];
        assert.equal(ids.length, 2);
        assert.deepEqual([stages, note, confirm], [['surface_validate', 'short_smart'], 'no mouse', true]);
        // What opened it is gone, so the next Tab is to begin in the page and not before it.
        await page.waitForFunction(() => document.activeElement.id === 'main');

        const name = rowOf(server.state.drives.get(ids[0])).locator('.drive-name');
        await tabTo(name);
        await press('Enter');
        const drawer = page.locator('.drawer');
        await drawer.waitFor();
        assert.ok(await hasFocus(drawer));
        await tabTo(drawer.getByRole('link', { name: 'Readings and all jobs' }));
        await press('Escape');
        await drawer.waitFor({ state: 'detached' });
        await page.waitForFunction(() => document.activeElement.className === 'drive-name');
        assert.ok(await hasFocus(name));

        await tabTo(button('Clear filters'), 'Shift+Tab');
        await press('Enter');
        await tabTo(button(/^Locked/), 'Shift+Tab');
        await press('Space');
        await page.waitForURL(/state=locked/);
        const unlock = button(/^Unlock /).first();
        await unlock.waitFor();
        await tabTo(unlock);
        await press('Enter');
        const asked = page.getByRole('dialog', { name: 'Unlock a drive' });
        await asked.waitFor();
        await tabTo(asked.getByLabel(/^Type .* to unlock/));
        await page.keyboard.type('nonsense');
        await tabTo(button('Cancel', asked));
        await press('Enter');
        await asked.waitFor({ state: 'detached' });
        await page.waitForFunction(() => /^Unlock/.test(document.activeElement.getAttribute('aria-label')));
        assert.ok(await hasFocus(unlock));
        assert.equal(server.grants.size, 0);
});

test('up and down a long list no row with the focus is under the head or the bar of what is selected', async () => {
        await open('/?state=ready', { drives: 200 });
        const at = (number) => page.locator(`tr[aria-rowindex="${number}"] .drive-name`);
        await rows().first().getByRole('checkbox').check();
        await page.locator('.batch-bar').waitFor();
        await at(8).focus();
        await tabTo(at(16));
        await tabTo(at(5), 'Shift+Tab');
});

test('on a phone the drawer keeps the keys from the list that it covers, and gives them back', async () => {
        await open('/?state=ready', { width: 390, height: 844 });
        const opener = page.locator('.drive-card .drive-name').first();
        await opener.waitFor();
        await tabTo(opener);
        await press('Enter');
        const drawer = page.locator('.drawer');
        await drawer.waitFor();
        await tabTo(page.getByRole('button', { name: 'Pages' }), 'Shift+Tab');
        await tabTo(drawer.getByRole('button', { name: 'Close' }));
        await press('Enter');
        await drawer.waitFor({ state: 'detached' });
        await page.waitForFunction(() => document.activeElement.className === 'drive-name');
        assert.ok(await hasFocus(opener));
});
