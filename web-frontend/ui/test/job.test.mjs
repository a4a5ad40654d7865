// SPDX-License-Identifier: LGPL-2.1-or-later
// The page of a job, with its stages and their evidence, and how it is told that one has ended.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { burning, close, context, drive, open, page, ready, rowOf, rows, say, server } from './stand-in.mjs';

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
