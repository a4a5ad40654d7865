// SPDX-License-Identifier: LGPL-2.1-or-later
// The Cockpit package's transport, before a stand-in of cockpit.js: the translation, held to the samples of the C code, errors, calls, events.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { afterEach, test } from 'node:test';
import { build } from 'esbuild';

const root = `${import.meta.dirname}/../../..`;
const { outputFiles } = await build({
        stdin: {
                contents: ['api', 'bus', 'errors', 'log', 'place', 'rights', 'values', 'watch'].map((name) => `export * as ${name} from '../cockpit/src/${name}';`).join('\n'),
                resolveDir: `${import.meta.dirname}/..`,
        },
        bundle: true, format: 'esm', write: false,
});
const { api, bus, errors, log, place, rights, values } = await import(`data:text/javascript;base64,${Buffer.from(outputFiles[0].text).toString('base64')}`);
const text = (path) => readFileSync(`${root}/${path}`, 'utf8');
const samples = JSON.parse(text('tests/data/web-json.json'));
const source = (path) => text(`web-frontend/${path}`);

// cockpit.js: what is asked is kept, and answered by the test.
let answer;
let calls;
let client;
globalThis.window = globalThis;
globalThis.document = { hidden: false };
function standIn(answers) {
        calls = [];
        answer = answers;
        client = { handlers: {}, subscribed: [] };
        globalThis.cockpit = {
                hidden: false,
                user: async () => ({ name: 'bert' }),
                spawn: async () => 'anna\n1795300000000000\n',
                dbus: (name, options) => {
                        client.opened = [name, options];
                        return {
                                addEventListener: (event, handle) => { client.handlers[event] = handle; },
                                subscribe: (match, handle) => { client.subscribed.push([match, handle]); },
                                close() {},
                                async call(path, interface_, member, args, { type }) {
                                        calls.push([path, member, type, args]);
                                        const found = answer[`${path} ${member}`] ?? answer[member];
                                        if (found === undefined)
                                                throw { name: 'org.freedesktop.DBus.Error.UnknownMethod', problem: null, message: member };
                                        const said = typeof found === 'function' ? found(...args) : found;
                                        if (said instanceof Error)
                                                throw { name: said.cause, problem: null, message: said.message };
                                        return said;
                                },
                        };
                },
        };
        return api.cockpitApi(bus.cockpitBus());
}
const busError = (name, message) => new Error(message, { cause: name });
const send = (path, interface_, member, args) => client.subscribed
        .filter(([match]) => match.interface === interface_ && (!match.member || match.member === member))
        .forEach(([, handle]) => handle(path, interface_, member, args));
const v = (t, value) => ({ t, v: value });
const until = async (fits) => {
        for (const end = Date.now() + 10000; !fits();) {
                assert.ok(Date.now() < end, 'not within 10 s');
                await new Promise((done) => { setTimeout(done, 5); });
        }
};
let stop = () => {};
afterEach(() => { stop(); stop = () => {}; });

test('keys and values are those of the C code', () => {
        for (const [name, key] of samples.keys)
                assert.equal(values.keyOf(name), key);
        for (const [from, to] of samples.values)
                assert.deepEqual(values.fromBus(from), to);
        for (const bad of samples.bad)
                assert.throws(() => values.fromBus(bad), TypeError);
});

test('the table is the one of web-json.c', () => {
        const words = { FORM_PATHS: 'paths', FORM_PATH: 'path', FORM_TEXT: 'text' };
        const rows = [...source('common/web-json.c').matchAll(/\{ "(\w+)", (FORM_\w+), \{(.*?)\} \}/g)]
                .map(([, key, form, members]) => [key, words[form] ?? [...members.matchAll(/"(\w+)"/g)].map(([, member]) => member)]);
        assert.ok(rows.length > 5);
        assert.deepEqual(values.forms, Object.fromEntries(rows));
});

test('errors have the codes of the C code, and words for people', () => {
        for (const [name, code] of samples.errors) {
                const error = errors.errorOf({ name, problem: null, message: 'Words.' });
                assert.equal(error.code, code);
                assert.ok(error.message);
        }
        const macro = (name) => `org.freedesktop.DBus.Error.${name.toLowerCase().replace(/(^|_)(\w)/g, (_, __, letter) => letter.toUpperCase())}`;
        const rows = [...source('cgi/http-error.c').matchAll(/\{ SD_BUS_ERROR_(\w+),\s+"(\w+)",/g)].map(([, name, code]) => [macro(name), code]);
        assert.ok(rows.length > 5);
        assert.deepEqual(Object.fromEntries(Object.entries(errors.foreign).map(([name, [code]]) => [name, code])), Object.fromEntries(rows));
        assert.equal(errors.errorOf({ name: 'org.burnin1.Error.DriveLocked', message: 'It has data.' }).message, 'It has data.');
        const denied = (name, message) => errors.errorOf({ name: `org.freedesktop.DBus.Error.${name}`, message }).message;
        assert.match(denied('InteractiveAuthorizationRequired', 'x'), /administrative access/);
        assert.match(denied('AccessDenied', 'You are not allowed to do this (org.burnin1.manage-drives).'), /administrative access/);
        assert.equal(denied('AccessDenied', 'Try again.'), 'Try again.');
        assert.deepEqual([errors.errorOf({ problem: 'disconnected' }).code, errors.errorOf({ problem: 'not-found' }).code, errors.errorOf({ name: 'constructor', message: 'x' }).code], ['BusDown', 'DaemonDown', 'Internal']);
});

test('variants go, at any depth, and nothing else', () => {
        assert.deepEqual(values.plain({ A: v('a{sv}', { t: v('s', 'x'), B: v('av', [v('u', 1)]) }), t: 'text', C: [[v('b', false)]] }),
                { A: { t: 'x', B: [1] }, t: 'text', C: [[false]] });
        assert.deepEqual(values.plain({ t: 'text' }), { t: 'text' });
        const hostile = values.fromBus(JSON.parse('{"__proto__":{"x":1},"Constructor":1}'));
        assert.equal(hostile.x, undefined);
        assert.equal(hostile.constructor, 1);
});

const row = (id, rest = {}) => ({ Object: v('o', `/org/burnin1/drive/${id}`), Id: v('s', id), Location: v('s', ''), ActiveJob: v('o', '/'), ...rest });
const jobRow = (id, rest = {}) => ({ Object: v('o', `/org/burnin1/job/${id}`), Id: v('t', id), DriveId: v('s', 'a'), State: v('s', 'running'), Stages: v('ao', [`/org/burnin1/job/${id}/precheck`]), ...rest });

test('it is called with the rights of who logged in, and with types', async () => {
        const here = standIn({
                GetDrive: ['/org/burnin1/drive/a'], SetLocation: [], StartBurnIn: [[['a', 'queued', '', '/org/burnin1/job/7'], ['b', 'locked', 'org.burnin1.Error.DriveLocked: It is locked.', '/']]],
                Set: [], Reset: [], AddHost: ['/org/burnin1/host/x'], Add: [], Configure: [], ListDeliveries: [[{ Id: v('t', 9), TimeUSec: v('t', 5), NextUSec: v('t', 6), JobId: v('t', 0) }], 1], Revoke: busError('org.burnin1.Error.WrongState', 'It is gone.'),
        });
        await here.patchDrive('a', { location: 'Bay 1' });
        assert.deepEqual(client.opened, ['org.burnin1', { bus: 'system', superuser: 'try' }]);
        assert.deepEqual(calls, [['/org/burnin1', 'GetDrive', 's', ['a']], ['/org/burnin1/drive/a', 'SetLocation', 'st', ['Bay 1', 0]]]);
        assert.deepEqual(await here.start({ drive_ids: ['a', 'b'], serials: { a: 'S1' }, stages: ['short_smart'], confirm: true, priority: 0, request: 'r' }), {
                results: [{ drive_id: 'a', result: 'queued', job_id: 7, error: null }, { drive_id: 'b', result: 'locked', job_id: null, error: { code: 'DriveLocked', message: 'It is locked.' } }],
                queued: 1, skipped: 0, locked: 1,
        });
        assert.deepEqual(calls.at(-1), ['/org/burnin1', 'StartBurnIn', 'a(ss)a{sv}', [[['a', 'S1'], ['b', '']], { stages: v('as', ['short_smart']), confirmed: v('b', true), priority: v('i', 0), request: v('s', 'r') }]]);
        for (const [value, sent] of [[3, v('s', '3')], [0.5, v('d', 0.5)], [true, v('b', true)], [['a'], v('as', ['a'])], ['/x', v('s', '/x')]]) {
                await here.setSetting('name', value);
                assert.deepEqual(calls.at(-1).slice(1), ['Set', 'svt', ['name', sent, 0]]);
        }
        await here.setSetting('name', null);
        assert.deepEqual(calls.at(-1).slice(1), ['Reset', 'st', ['name', 0]]);
        await here.addHost('x', { port: 22, notes: '' });
        assert.deepEqual(calls.at(-1)[3], ['x', { port: v('q', 22), notes: v('s', '') }]);
        await here.addNotifier('team', 'mail', { to: ['a@example.org'], events: ['job_failed'], hosts: [], severity: 'error' });
        assert.deepEqual(calls.at(-1), ['/org/burnin1/notifiers', 'Add', 'ssa{sv}', ['team', 'mail', { to: v('as', ['a@example.org']), events: v('as', ['job_failed']), hosts: v('as', []), severity: v('s', 'error') }]]);
        await here.changeNotifier('team', { enabled: false, secret: '' });
        assert.deepEqual(calls.at(-1).slice(1), ['Configure', 'sa{sv}', ['team', { secret: v('s', ''), enabled: v('b', false) }]]);
        assert.deepEqual(await here.deliveries('team', 'dead', 50, 50), { items: [{ id: 9, time_usec: 5, next_usec: 6, job_id: 0 }], total: 1 });
        assert.deepEqual(calls.at(-1), ['/org/burnin1/notifiers', 'ListDeliveries', 'a{sv}', [{ notifier: v('s', 'team'), state: v('s', 'dead'), offset: v('u', 50), limit: v('u', 50) }]]);
        await assert.rejects(here.revokeGrant('ab'), { code: 'WrongState', message: 'It is gone.' });
        assert.equal(here.people, null);
        assert.equal(here.csvHref({}), null);
        const report = standIn({ GetJob: ['/org/burnin1/job/7'], ReadReport: [Buffer.from('<p>ü').toString('base64'), 'SIGNATURE'] }).report(7);
        assert.equal(await (await report()).text(), '<p>ü');
        assert.deepEqual(calls.at(-1), ['/org/burnin1/job/7', 'ReadReport', 'st', ['html', 0]]);
});

test('who may not look is told so, who finds nobody at home gets the page', async () => {
        await assert.rejects(standIn({ ListHosts: busError('org.freedesktop.DBus.Error.AccessDenied', 'You are not allowed to do this.') }).session(), { code: 'AccessDenied' });
        const { account, operator, now_usec: now } = await standIn({ ListHosts: busError('org.freedesktop.DBus.Error.ServiceUnknown', 'x') }).session();
        assert.deepEqual([account, operator, now], ['anna', 'anna', 1795300000000000]);
});

test('who polkit lets do nothing is shown nothing to do, who may do anything of a role its page', async () => {
        const here = standIn({ ListHosts: [[]] });
        const roleOf = async (...allowed) => {
                cockpit.spawn = async () => ['anna', '1795300000000000', ...allowed.map((action) => `org.burnin1.${action}`), ''].join('\n');
                return (await here.session()).role;
        };
        assert.deepEqual([await roleOf(), await roleOf('cancel'), await roleOf('self-test', 'cancel'), await roleOf('unlock'), await roleOf('manage-hosts', 'cancel')],
                ['viewer', 'operator', 'operator', 'admin', 'admin']);
        cockpit.spawn = async () => { throw new Error('pkcheck: not found'); };
        const { account, role } = await here.session();
        assert.deepEqual([account, role], ['bert', 'admin'], 'nobody knows, so he is told when he tries');
        const [, operator] = /var operator = \[([^\]]*)\]/.exec(text('polkit/60-burnin-roles.rules'));
        assert.deepEqual(rights.actions.operator, [...operator.matchAll(/"org\.burnin1\.([\w-]+)"/g)].map(([, action]) => action));
        const others = [...text('polkit/org.burnin1.policy').matchAll(/<action id="org\.burnin1\.([\w-]+)"/g)].map(([, action]) => action)
                .filter((action) => !rights.actions.operator.includes(action) && !['view', 'manage-accounts', 'web-session'].includes(action));
        assert.deepEqual(rights.actions.admin.toSorted(), others.toSorted());
});

test('the name is the one that burnind knows him by', async () => {
        const here = standIn({ ListHosts: [[]] });
        const folder = mkdtempSync(`${tmpdir()}/burnin-`);
        try {
                const command = (name, script) => writeFileSync(`${folder}/${name}`, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
                command('pkcheck', 'exit 1');
                cockpit.spawn = async ([shell, ...words]) => execFileSync(shell, words, { encoding: 'utf8', env: { PATH: `${folder}:${process.env.PATH}` } });
                command('id', '[ "$1" = -u ] && echo 0 || echo toor');
                assert.equal((await here.session()).operator, 'root');
                command('id', '[ "$1" = -u ] && echo 4242424242 || echo "anna@example.org"');
                assert.equal((await here.session()).operator, 'uid 4242424242', 'burnind asks no directory');
        } finally {
                rmSync(folder, { recursive: true });
        }
});

test('an API key goes by burninctl, and not in its words', async () => {
        const here = standIn({});
        let told;
        cockpit.spawn = (words, options) => ({ input: async (data) => { told = [words, options, data]; } });
        await here.addHost('--x', { kind: 'truenas', address: 'nas', api_key: 'secret', api_verify: false });
        const [words, options, data] = told;
        assert.deepEqual(words, ['burninctl', '--address=nas', '--kind=truenas', '--verify-tls=no', '--api-key-file=-', '--', 'host', 'add', '--x']);
        assert.deepEqual([options.superuser, data], ['try', 'secret']);
        assert.deepEqual(calls, []);
});

test('the log is read from its end, whatever its length', async () => {
        for (const length of [0, 10, 65535, 65536, 65537, 131072, 300_000, 1_000_000]) {
                const text = Array.from({ length }, (_, index) => String.fromCharCode(97 + index % 23)).join('');
                const here = standIn({
                        'GetJob': ['/org/burnin1/job/1'], 'GetAll': (name) => [name.endsWith('Job') ? jobRow(1) : { Kind: v('s', 'precheck'), State: v('s', 'done'), Index: v('u', 0) }],
                        'ReadLog': (offset) => [Buffer.from(text.slice(offset, offset + 65536)).toString('base64')],
                });
                const piece = await here.log(1, 0, -16384);
                assert.deepEqual([piece.text, piece.offset, piece.next_offset, piece.done], [text.slice(-16384), Math.max(0, length - 16384), length, true]);
                const next = await here.log(1, 0, Math.max(0, length - 5));
                assert.deepEqual([next.text, next.next_offset, next.done], [text.slice(-5), length, true]);
                await assert.rejects(here.log(1, 1, 0), { code: 'NotFound' });
        }
        standIn({ GetAll: [{ Kind: v('s', 'precheck'), State: v('s', 'running') }], ReadLog: [Buffer.from('a\x1b[1m\tb\n').toString('base64')] });
        const piece = await log.readLog(bus.cockpitBus(), '/org/burnin1/job/1/precheck', -100);
        assert.deepEqual([piece.text, piece.done], ['a?[1m\tb\n', false]);
});

function follow(answers) {
        const here = standIn(answers);
        const told = { lists: 0, drives: [], grants: [], removed: [], jobs: [], alerts: [], daemon: [], connection: [] };
        stop = here.subscribe({
                drives: (list, removed) => { told.lists++; told.drives.push(...list); told.removed.push(...removed); },
                jobs: (list, removed) => { told.jobs.push(...list); told.removed.push(...removed); },
                grants: (list, removed) => { told.grants.push(...list); told.removed.push(...removed); },
                hosts() {}, unauthorized() {},
                alert: (job) => told.alerts.push(job), daemon: (up) => told.daemon.push(up), connection: (...words) => told.connection.push(words),
        });
        return told;
}
const lists = (drives, jobs = [], grants = []) => ({
        ListHosts: () => [[]], ListGrants: () => [grants], ListDrives: ({ offset }) => [drives.slice(offset.v, offset.v + 2), drives.length], ListJobs: ({ offset }) => [jobs.slice(offset.v), jobs.length],
});
const changed = (path, interface_, properties, invalidated = []) => send(path, 'org.freedesktop.DBus.Properties', 'PropertiesChanged', [`org.burnin1.${interface_}`, properties, invalidated]);

test('first all that is there, then what changes, each object whole', async () => {
        const drives = ['a', 'b', 'c'].map((id) => row(id));
        const told = follow(lists(drives, [jobRow(7)]));
        client.handlers.owner({}, ':1.5');
        await until(() => told.daemon.length > 0);
        assert.deepEqual([told.daemon, told.drives.map(({ id }) => id), told.jobs.map(({ id }) => id)], [[true], ['a', 'b', 'c'], [7]]);

        changed('/org/burnin1/drive/b', 'Drive', { Location: v('s', 'Bay 2') });
        changed('/org/burnin1/drive/unknown', 'Drive', { Location: v('s', 'x') });
        await until(() => told.drives.length > 3);
        assert.deepEqual(told.drives.slice(3), [{ id: 'b', location: 'Bay 2', active_job: null }]);

        drives[1].Location = v('s', 'Bay 2');
        drives.push(row('d'));
        send('/org/burnin1', 'org.freedesktop.DBus.ObjectManager', 'InterfacesAdded', ['/org/burnin1/drive/d', {}]);
        await until(() => told.drives.length > 4);
        assert.deepEqual(told.drives.slice(4).map(({ id }) => id), ['d'], 'what did not change is not told again');
        send('/org/burnin1', 'org.freedesktop.DBus.ObjectManager', 'InterfacesRemoved', ['/org/burnin1/drive/a', []]);
        await until(() => told.removed.length > 0);
        assert.deepEqual(told.removed, ['a']);
});

test('grants come and go', async () => {
        const grants = [];
        const told = follow(lists([row('a')], [], grants));
        client.handlers.owner({}, ':1.5');
        await until(() => told.daemon.length > 0);
        grants.push({ Object: v('o', '/org/burnin1/grant/_30123'), Id: v('s', '0123'), Drive: v('o', '/org/burnin1/drive/a'), DriveId: v('s', 'a'), Operator: v('s', 'anna') });
        send('/org/burnin1', 'org.freedesktop.DBus.ObjectManager', 'InterfacesAdded', ['/org/burnin1/grant/_30123', {}]);
        await until(() => told.grants.length > 0);
        assert.deepEqual(told.grants, [{ id: '0123', drive_id: 'a', operator: 'anna' }]);
        send('/org/burnin1', 'org.freedesktop.DBus.ObjectManager', 'InterfacesRemoved', ['/org/burnin1/grant/_30123', []]);
        await until(() => told.removed.length > 0);
        assert.deepEqual(told.removed, ['0123']);
});

test('what the bus told before anybody listened is known all the same', async () => {
        const here = standIn(lists([row('a')]));
        await here.session();
        client.handlers.owner({}, ':1.5');
        const ups = [];
        stop = here.subscribe({ drives() {}, jobs() {}, hosts() {}, grants() {}, daemon: (up) => ups.push(up) });
        await until(() => ups.length > 0);
        assert.deepEqual(ups, [true]);
});

test('a stage is shown within its job, and how a job ended is told once', async () => {
        const answers = lists([row('a')], [jobRow(7)]);
        const told = follow({ ...answers, GetAll: (name) => [name.endsWith('Stage') ? { Kind: v('s', 'precheck'), Percent: v('d', 1) } : jobRow(7, { State: v('s', 'done'), Verdict: v('s', 'passed') })] });
        client.handlers.owner({}, ':1.5');
        await until(() => told.jobs.at(-1)?.stages?.[0]?.percent === 1);
        changed('/org/burnin1/job/7/precheck', 'Stage', { Percent: v('d', 50) });
        changed('/org/burnin1/job/7/precheck', 'Stage', { Percent: v('d', 60) });
        await until(() => told.jobs.at(-1).stages?.[0]?.percent === 60);
        assert.deepEqual(told.jobs.at(-1).stages, [{ kind: 'precheck', percent: 60 }]);
        send('/org/burnin1', 'org.burnin1.Manager', 'Progress', [[['/org/burnin1/job/7/precheck', 65, 5, 1000, 0, -2147483648]]]);
        await until(() => told.jobs.at(-1).stages?.[0]?.percent === 65);
        assert.deepEqual(told.jobs.at(-1).stages, [{ kind: 'precheck', percent: 65, phase_percent: 5, bytes_per_second: 1000, bad_blocks: 0, temperature_mdegc: null }]);

        changed('/org/burnin1/job/7', 'Job', { State: v('s', 'done') });
        send('/org/burnin1', 'org.burnin1.Manager', 'JobRemoved', [7, '/org/burnin1/job/7', 'passed']);
        await until(() => told.alerts.length > 0);
        assert.deepEqual([told.removed, told.alerts.map(({ id, verdict }) => [id, verdict])], [['7'], [[7, 'passed']]]);
        changed('/org/burnin1/job/7/precheck', 'Stage', { Percent: v('d', 70) });
        assert.equal(calls.filter(([path]) => path.endsWith('precheck')).length, 1);
});

test('stages from before it began are asked for, also of the next burnind', async () => {
        const paths = ['precheck', 'surface_validate'].map((kind) => `/org/burnin1/job/7/${kind}`);
        const running = jobRow(7, { State: v('s', 'running'), Stages: v('ao', paths) }), queued = jobRow(8, { State: v('s', 'queued'), Stages: v('ao', ['/org/burnin1/job/8/precheck']) });
        let bad = 3;
        const told = follow(lists([row('a')], [running, queued]));
        for (const path of paths)
                answer[`${path} GetAll`] = () => [{ Kind: v('s', path.split('/').at(-1)), Index: v('u', paths.indexOf(path)), BadBlocks: v('t', bad) }];
        client.handlers.owner({}, ':1.5');
        await until(() => told.jobs.at(-1)?.stages?.length === 2);
        assert.deepEqual(told.jobs.at(-1).stages.map(({ kind, bad_blocks: blocks }) => [kind, blocks]), [['precheck', 3], ['surface_validate', 3]]);
        send('/org/burnin1', 'org.freedesktop.DBus.ObjectManager', 'InterfacesAdded', ['/org/burnin1/drive/a', {}]);
        bad = 4;
        client.handlers.owner({}, null);
        client.handlers.owner({}, ':1.6');
        await until(() => told.jobs.at(-1).stages.every(({ bad_blocks: blocks }) => blocks === 4));
        assert.equal(calls.filter(([path]) => path.startsWith('/org/burnin1/job/8/')).length, 0);
});

test('burnind that goes and comes back, and a lost bus, are told', async () => {
        const drives = [row('a'), row('b')];
        const told = follow(lists(drives));
        client.handlers.owner({}, null);
        assert.deepEqual(told.daemon, [false]);
        client.handlers.owner({}, ':1.5');
        await until(() => told.daemon.length > 1);
        client.handlers.owner({}, null);
        drives.pop();
        client.handlers.owner({}, ':1.6');
        await until(() => told.daemon.length > 3);
        assert.deepEqual([told.daemon, told.removed], [[false, true, false, true], ['b']]);
        const lost = client.handlers;
        client.handlers = {};
        lost.close({}, { problem: 'disconnected' });
        assert.deepEqual(told.connection, [[false, true]]);
        await until(() => client.handlers.owner);
        client.handlers.owner({}, ':1.6');
        assert.deepEqual(told.connection, [[false, true], [true, true]]);

        const nobody = client.handlers;
        client.handlers = {};
        nobody.owner({}, null);
        nobody.close({}, { problem: 'not-found' });
        assert.deepEqual([told.connection.length, told.daemon.at(-1)], [2, false], 'the bus is there');
        await until(() => client.handlers.owner);
        client.handlers.owner({}, ':1.7');
        await until(() => told.daemon.at(-1));
});

test('a burnind that is replaced while its lists are read is listed anew', async () => {
        let fail;
        const told = follow({ ...lists([]), ListHosts: () => new Promise((_, reject) => { fail = reject; }) });
        client.handlers.owner({}, ':1.5');
        await until(() => fail);
        client.handlers.owner({}, null);
        client.handlers.owner({}, ':1.6');
        answer.ListHosts = [[]];
        fail({ name: 'org.freedesktop.DBus.Error.NoReply', problem: null, message: 'It left.' });
        await until(() => told.daemon.length > 1);
        assert.deepEqual([told.daemon, told.lists], [[false, true], 1], 'that there is nothing is told, too');
});

test('the place is the frame\'s, with names of any kind', () => {
        const gone = [];
        globalThis.cockpit.location = { path: ['drives', 'a/b c'], options: { q: 'x=1' }, go: (...words) => gone.push(words), encode: (path) => `/${path.map(encodeURIComponent).join('/')}` };
        const here = place.cockpitPlace();
        assert.deepEqual(here.read(), { path: '/drives/a%2Fb%20c', query: '?q=x%3D1' });
        here.write('/drives/a%2Fb%20c', '?q=x%3D1', false);
        assert.deepEqual(gone, [[['drives', 'a/b c'], { q: 'x=1' }]]);
        assert.equal(here.href('/drives/a%2Fb'), '#/drives/a%2Fb');
});
