// SPDX-License-Identifier: LGPL-2.1-or-later
// What is told of changes, and what was asked before them: a lost connection, a dead stream, an answer that comes late.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { burning, context, drive, open, page, ready, rowOf, rows, say, server } from './stand-in.mjs';

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
