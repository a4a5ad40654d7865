// SPDX-License-Identifier: LGPL-2.1-or-later
// Whatever the events say, no row moves under a hand: a click is for the drive that was under it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { burning, context, open, page, ready, say, server } from './stand-in.mjs';

const SHIFT_MAX = 0.01; // of all that is said together; 0.1 is what browsers call good for a page

// A world with nothing wrong in it.
async function calm(path, options) {
        await open('/nowhere', options);
        for (const name of ['odd-nas', 'new-nas', 'truenas'])
                server.state.hosts.delete(name);
        for (const one of server.state.drives.values())
                Object.assign(one, { smart_health: 'passed', stale: false });
        for (const job of server.state.jobs.values())
                if (job.state === 'done')
                        Object.assign(job, { verdict: 'passed', reason: '' });
        await page.goto(new URL(path, server.url).toString());
        await page.locator('.drive-name').first().waitFor();
        await page.waitForFunction(() => !document.querySelector('.failures')?.hasChildNodes());
}

// From now on: how much of the rows moved, as browsers count it, and where the row under the hand was in each frame that was painted. The
// frame of the list does move, when the list is made shorter from above.
const watch = () => page.evaluate(() => {
        globalThis.shifts = [];
        new PerformanceObserver((list) => globalThis.shifts.push(...list.getEntries().flatMap(({ value, sources }) => {
                const rows = sources.filter(({ node }) => (node?.closest ? node : node?.parentElement)?.closest('tbody, .drive-cards'));
                return rows.length > 0 ? { value, what: rows.map(({ node, previousRect: before, currentRect: after }) => `${(node.outerHTML ?? node.textContent).slice(0, 90)}: ${before.x} ${before.y} to ${after.x} ${after.y}`) } : [];
        }))).observe({ type: 'layout-shift' });
        const row = document.querySelectorAll('.drive-name')[1].closest('tr, li'), seen = new IntersectionObserver(([{ boundingClientRect: at }]) => globalThis.tops.add(at.top));
        globalThis.tops = new Set();
        (function look() {
                seen.unobserve(row);
                seen.observe(row);
                requestAnimationFrame(look);
        })();
});

// Each with what is to be seen of it.
function* tellings() {
        const { drives, jobs, hosts } = server.state;
        const job = burning(), surface = job.stages[3];
        const tellJob = (changes, ofStage = {}) => { Object.assign(job, changes); Object.assign(surface, ofStage); server.say('jobs-update', { jobs: [job], removed: [] }); };
        const host = (changes) => { const one = Object.assign(hosts.get('nas-01'), changes); server.say('hosts-update', { hosts: [one], removed: [] }); };
        const one = ready();
        for (const mdegc of [9000, 104000, 30000])
                yield [() => say(...[...drives.values()].filter(({ present }) => present).map((each) => Object.assign(each, { temperature_mdegc: mdegc }))), `${mdegc / 1000} °C`];
        yield [() => tellJob({ percent: 9 }, { phase_percent: 9 }), '9 %'];
        yield [() => tellJob({ percent: 99.9 }, { phase: 8, phase_name: 'Verify 0x00', phase_percent: 99, bad_blocks: 1234567 }), '1234567 bad'];
        yield [() => tellJob({}, { contact: 'The host cannot be reached: no route to host. The run there goes on.' }), 'Host out of reach'];
        yield [() => tellJob({ state: 'paused', paused_by: 'alice (web)' }, { contact: '' }), 'Paused by alice (web)'];
        yield [() => { say(Object.assign(drives.get(job.drive_id), { active_job: null })); Object.assign(job, { state: 'done', verdict: 'failed', reason: '3 bad blocks were found.', current_stage: null, finished_usec: Date.now() * 1000 }); server.say('job-alert', job); server.say('jobs-update', { jobs: [], removed: [String(job.id)] }); }, '1 drive failed'];
        yield [() => say(Object.assign(one, { smart_health: 'failed' })), '2 drives failed'];
        yield [() => say(Object.assign(one, { lock_state: 'active-pool', lock_in_use: true, lock_detail: 'ZFS pool "tank", mounted at /mnt/tank and all below it', unlock_token: 'tank' })), 'Active pool'];
        yield [() => { for (const each of drives.values()) each.stale = each.host === 'nas-01'; say(...drives.values()); host({ state: 'stale' }); }, 'nas-01 not heard from'];
        yield [() => host({ state: 'key-changed' }), 'nas-01 shows another host key'];
        yield [async () => { await context.route('**/sse/drives', (route) => route.abort()); server.drop(); }, 'The connection is lost'];
        yield [() => context.unroute('**/sse/drives'), '', 'The connection is lost'];
        yield [() => { for (const each of drives.values()) each.stale = false; say(...drives.values()); host({ state: 'online' }); }, '', 'nas-01 shows another host key'];
        yield [() => say(Object.assign(one, { smart_health: 'passed' })), '1 drive failed'];
        yield [() => { for (const each of jobs.values()) if (each.state !== 'done') { Object.assign(each, { state: 'done', verdict: 'passed' }); Object.assign(drives.get(each.drive_id), { active_job: null }); server.say('job-alert', each); } say(...drives.values()); server.say('jobs-update', { jobs: [], removed: [...jobs.keys()].map(String) }); }, '', '✕ Burn-In'];
}

// As it was painted.
const places = () => page.evaluate(async () => {
        await new Promise((painted) => requestAnimationFrame(() => setTimeout(painted)));
        const { bottom } = document.querySelector('.dash-scroll').getBoundingClientRect();
        return Object.fromEntries([...document.querySelectorAll('table.drives tbody tr:not(.space), .drive-card')].map((row) => [row.querySelector('.drive-name').textContent + (row.querySelector('.under') ?? row).textContent.slice(0, 30), row.getBoundingClientRect().top]).filter(([, top]) => top > 0 && top < bottom));
});

for (const [what, path, width, height] of [['the table', '/', 1440, 900], ['the table beside a drawer', '/?drawer', 1440, 900], ['a short list', '/?q=bench', 1440, 900], ['the cards of a phone', '/', 390, 844]])
        test(`nothing that the events tell moves ${what} under a hand`, async () => {
                await calm(path.replace('?drawer', ''), { drives: 24, width, height });
                if (path.includes('drawer'))
                        await page.locator('.drive-name').nth(2).click();
                // A hand that comes, and stays.
                await page.locator('.drive-name').nth(2).hover();
                await page.locator('.drive-name').nth(1).hover();
                await watch();
                const before = await places();
                assert.ok(Object.keys(before).length > 2);
                for (const [tell, seen, gone] of tellings()) {
                        await tell();
                        if (seen)
                                await page.getByText(seen).first().waitFor();
                        else
                                await page.getByText(gone).first().waitFor({ state: 'detached' });
                        const after = await places();
                        for (const [name, top] of Object.entries(before))
                                if (name in after)
                                        assert.equal(after[name], top, `${name}, by ${seen || `no more ${gone}`}`);
                }
                const { shifts, tops } = await page.evaluate(() => ({ shifts: globalThis.shifts, tops: [...globalThis.tops] }));
                assert.equal(tops.length, 1, `the row was at ${tops}`);
                const sum = shifts.reduce((all, { value }) => all + value, 0);
                assert.ok(sum < SHIFT_MAX, `${sum}:\n${shifts.map(({ value, what }) => `${value} ${what.join('\n    ')}`).join('\n')}`);
        });
