// SPDX-License-Identifier: LGPL-2.1-or-later
// What has no page: order of stages, meters, windows, filters, words.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { build } from 'esbuild';

const { outputFiles } = await build({
        stdin: { contents: ['stages', 'meters', 'window', 'drives', 'format', 'smart', 'pool', 'readings', 'bins'].map((name) => `export * as ${name} from './src/lib/${name}';`).join('\n'), resolveDir: `${import.meta.dirname}/..` },
        bundle: true, format: 'esm', write: false,
});
const { stages, meters, window, drives, format, smart, pool, readings, bins } = await import(`data:text/javascript;base64,${Buffer.from(outputFiles[0].text).toString('base64')}`);

const stage = (rest = {}) => ({ state: 'running', verdict: '', percent: 0, phase: 0, phases: 8, phase_name: '', phase_percent: 0, phase_history: [], finished_usec: 0, ...rest });
const history = (count) => ['Write 0xaa', 'Verify 0xaa', 'Write 0x55', 'Verify 0x55', 'Write 0xff', 'Verify 0xff', 'Write 0x00', 'Verify 0x00']
        .slice(0, count).map((name, index) => ({ number: index + 1, name, started_usec: 1e15 + index * 3600e6 }));

test('a surface stage is marked at its first pattern before anything is told', () => {
        const [first, second] = meters.patterns(stage());
        assert.equal(first.name, '0xaa');
        assert.deepEqual(first.write, { percent: 0, active: true });
        assert.equal(first.verify.active, false);
        assert.equal(second.active, false);
        assert.equal(meters.caption(stage()), 'Pattern 1 of 4 · Starting');
});

test('eight halves follow the phases, and each pattern that is done has its time', () => {
        const running = stage({ phase: 4, phase_name: 'Verify 0x55', phase_percent: 47.9, phase_history: history(4) });
        const halves = meters.patterns(running).flatMap(({ write, verify }) => [write, verify]);
        assert.deepEqual(halves.map(({ percent }) => Math.floor(percent)), [100, 100, 100, 47, 0, 0, 0, 0]);
        assert.deepEqual(halves.map(({ active }) => active), [false, false, false, true, false, false, false, false]);
        assert.deepEqual(meters.patterns(running).map(({ usec }) => usec / 3600e6), [2, 0, 0, 0]);
        assert.equal(meters.caption(running), 'Pattern 2 of 4 · Verify 0x55 · 47 % within phase');
});

test('what has passed is full, what has failed stays where it ended', () => {
        const passed = stage({ state: 'done', verdict: 'passed', phase: 8, phase_percent: 99, phase_history: history(8), finished_usec: 1e15 + 8 * 3600e6 });
        assert.ok(meters.patterns(passed).every(({ write, verify, active, usec }) => write.percent === 100 && verify.percent === 100 && !active && usec === 2 * 3600e6));
        const failed = meters.patterns(stage({ state: 'done', verdict: 'failed', phase: 3, phase_percent: 30, phase_history: history(3) }));
        assert.deepEqual(failed[1].write, { percent: 30, active: false });
        assert.equal(meters.patterns(stage({ phases: 2 })).length, 1);
});

test('stages move within their list, and the profile follows', () => {
        const full = stages.ofProfile('full');
        assert.deepEqual(stages.chosen(full), ['short_smart', 'long_smart', 'surface_validate']);
        const moved = stages.move(full, 2, 0);
        assert.deepEqual(stages.chosen(moved), ['surface_validate', 'short_smart', 'long_smart']);
        assert.equal(stages.profileOf(moved, 'full'), 'custom');
        assert.equal(stages.move(full, 0, -3), full);
        assert.equal(stages.move(full, 5, 0), full);
        assert.ok(stages.destroys(full));
        const gentle = stages.toggle(full, 'surface_validate');
        assert.ok(!stages.destroys(gentle));
        assert.equal(stages.profileOf(gentle, 'full'), 'short_long');
        assert.equal(stages.profileOf(stages.ofProfile('fast'), 'fast'), 'fast');
});

test('the rows in sight are drawn, and what is not drawn keeps its room', () => {
        for (const top of [-500, 0, 55, 333333, 671000, 9e9]) {
                const { first, last, before, after } = window.visibleWindow(12000, 56, top, 900);
                assert.equal(before + after + (last - first) * 56, 12000 * 56);
                assert.ok(last - first <= 40, `${last - first} rows at ${top}`);
                const row = Math.floor(top / 56);
                if (row >= 0 && row < 11980)
                        assert.ok(first <= row && row + 17 <= last, `${first}..${last} at ${row}`);
        }
        assert.deepEqual(window.visibleWindow(0, 56, 0, 900), { first: 0, last: 0, before: 0, after: 0 });
});

const drive = { id: 'a', host: 'nas', dev_name: 'sda', model: 'M', serial: 'S', wwn: '', location: 'Bay 1', present: true, stale: false, identity_state: 'ok', active_job: null, lock_state: 'none', lock_detail: '', self_tests: {}, temperature_mdegc: 30000, smart_health: 'passed', size_bytes: 1 };

test('only a drive that is present, idle, free and itself can be selected', () => {
        assert.ok(drives.isSelectable(drive, undefined));
        for (const [key, value] of Object.entries({ present: false, stale: true, identity_state: 'shared', active_job: 4, lock_state: 'mounted', self_tests: { long: { state: 'running' } } })) {
                assert.ok(!drives.isSelectable({ ...drive, [key]: value }, undefined), key);
                assert.notEqual(drives.whyNot({ ...drive, [key]: value }, undefined), '', key);
        }
        assert.equal(drives.whyNot(drive, undefined), '');
});

test('a drive is missing when its host says so, not when its host is silent', () => {
        assert.ok(drives.inState('missing', { ...drive, present: false }, undefined, undefined));
        assert.ok(!drives.inState('missing', { ...drive, stale: true }, undefined, undefined));
});

test('filters and order come from the address', () => {
        const view = drives.viewOf(new URLSearchParams('q=bay%20nas&state=ready&sort=-size&host=nas'));
        assert.deepEqual(view, { q: 'bay nas', host: 'nas', state: 'ready', sort: 'size', descending: true });
        assert.ok(drives.matches(view, drive));
        assert.ok(!drives.matches({ ...view, q: 'bay other' }, drive));
        assert.equal(drives.viewOf(new URLSearchParams('state=nonsense&sort=constructor')).sort, 'name');
        const names = ['sdaa', 'sdz', 'sdb'].map((dev_name) => ({ ...drive, id: dev_name, dev_name }));
        assert.deepEqual(names.sort(drives.compare(drives.viewOf(new URLSearchParams()), () => 0)).map(({ dev_name }) => dev_name), ['sdb', 'sdz', 'sdaa']);
});

test('numbers are said as people say them', () => {
        assert.equal(format.bytes(16000900661248), '16 TB');
        assert.equal(format.bytes(3840755982336), '3.84 TB');
        assert.equal(format.bytes(0), '–');
        assert.equal(format.span(100 * 3600e6), '4 d 4 h');
        assert.equal(format.span(59e6), '59 s');
        assert.equal(format.percent(99.99), '99 %');
        assert.equal(format.temperature(null), '–');
        assert.deepEqual([41999, 42000, 47999, 48000, null].map(format.heat), ['cool', 'warm', 'warm', 'hot', 'unknown']);
});

test('counters are read from both forms, and nothing else is', () => {
        const expected = [['reallocated', 8], ['Attribute 5', 8]];
        assert.deepEqual([...smart.counters({ reallocated: 8, attributes: { 5: 8 }, words: 'x' })], expected);
        assert.deepEqual([...smart.counters({ reallocated: 8, attributes: [{ id: 5, raw: 8 }, { id: 9, raw: 'much' }] })], expected);
        assert.deepEqual([...smart.counters(null)], []);
});

test('a few at a time, and each has its result', async () => {
        let now = 0;
        let most = 0;
        const results = await pool.settleEach([1, 2, 3, 4, 5, 6, 7], 3, async (item) => {
                most = Math.max(most, ++now);
                await null;
                now--;
                if (item === 4)
                        throw new Error('refused');
                return item;
        });
        assert.equal(most, 3);
        assert.deepEqual(results.map(({ status, value }) => status === 'fulfilled' ? value : status), [1, 2, 3, 'rejected', 5, 6, 7]);
});

test('all readings come page by page, none twice though another is read meanwhile', async () => {
        let kept = Array.from({ length: 2500 }, (_, index) => ({ time_usec: 9000 - index }));
        const asked = [];
        const all = await readings.allReadings({
                async readings(id, { since, until = Infinity, limit }) {
                        asked.push(until);
                        const page = kept.filter(({ time_usec: time }) => time >= since && time <= until).slice(0, limit);
                        kept = [{ time_usec: kept[0].time_usec + 1 }, ...kept];
                        return page;
                },
        }, 'a', 7000);
        assert.deepEqual(all.map(({ time_usec }) => time_usec), Array.from({ length: 2001 }, (_, index) => 9000 - index));
        assert.deepEqual(asked, [Infinity, 8000, 7000]);
});

const one = (date, counts = {}) => ({ date, queued: 0, passed: 0, failed: 0, inconclusive: 0, cancelled: 0, ...counts });
const at = (date) => Date.parse(date) * 1000;

test('a day on which nothing was has its place in the plot', () => {
        const { unit, list } = bins.bins([one('2026-11-10', { passed: 2 }), one('2026-11-20', { failed: 1, cancelled: 3 })], at('2026-11-08T03:45Z'), at('2026-11-22T03:45Z'));
        assert.equal(unit, 'day');
        assert.deepEqual(list.map(({ from }) => new Date(from).toISOString().slice(8, 10)), ['08', '09', '10', '11', '12', '13', '14', '15', '16', '17', '18', '19', '20', '21', '22']);
        assert.deepEqual(list.map(({ passed, failed, cancelled }) => passed + 10 * failed + 100 * cancelled), [0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 310, 0, 0]);
        assert.equal(bins.bins([], at('2026-08-24T03:45Z'), at('2026-11-22T03:45Z')).list.length, 91);
});

test('many days are weeks, more are months, and none is lost or counted twice', () => {
        const days = Array.from({ length: 3650 }, (_, index) => one(new Date(Date.parse('2016-11-26') + index * 864e5).toISOString().slice(0, 10), { passed: 1 }));
        const year = bins.bins(days.slice(-365), at('2025-11-23'), at('2026-11-23'));
        assert.equal(year.unit, 'week');
        assert.equal(year.list.reduce((sum, { passed }) => sum + passed, 0), 365);
        assert.ok(year.list.slice(1).every(({ from, to, passed }) => passed === 7 && to - from === 6 * 864e5));
        const all = bins.bins(days, at('2016-11-26'), at('2026-11-23'));
        assert.equal(all.unit, 'month');
        assert.equal(all.list.length, 121);
        assert.deepEqual(all.list.slice(-3).map(({ from, passed }) => [new Date(from).toISOString().slice(0, 10), passed]), [['2026-09-01', 30], ['2026-10-01', 31], ['2026-11-01', 23]]);
        assert.equal(all.list.reduce((sum, { passed }) => sum + passed, 0), 3650);
        // What is counted by month is shown by month, however few they are.
        const few = bins.bins([one('2026-10', { passed: 5 }), one('2026-11', { failed: 1 })], at('2016-11-26'), at('2026-11-23'));
        assert.deepEqual([few.unit, ...few.list.map(({ passed, failed }) => passed + failed)], ['month', 5, 1]);
        // What was before the first job is no part of ten years.
        assert.equal(bins.bins([one('2026-11-01', { passed: 1 })], at('2016-11-26'), at('2026-11-23')).list.length, 23);
});

test('the lines of a plot are few whole numbers from zero up to the most', () => {
        assert.deepEqual([0, 1, 2, 3, 4, 5, 8, 12, 23, 99, 340, 1200].map((most) => bins.ticks(most).join(' ')),
                ['0 1', '0 1', '0 1 2', '0 1 2 3', '0 1 2 3 4', '0 2 4 6', '0 2 4 6 8', '0 5 10 15', '0 10 20 30', '0 50 100', '0 100 200 300 400', '0 500 1000 1500']);
});
