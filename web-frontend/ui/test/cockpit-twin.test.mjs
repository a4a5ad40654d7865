// SPDX-License-Identifier: LGPL-2.1-or-later
// The page in Cockpit is told the same as the page of the web server, by the same burnind. tests/integration/test_cockpit.py starts it with
//   URL          where the web server is
//   SETUP_CODE   of its first account
//   SERIAL       of a drive that has been burnt in
//   INSIDE       the words before a command that make it run beside the service, as JSON
// Cockpit's bridge is stood in for by busctl, whose JSON says the same in other words.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { build } from 'esbuild';

const { URL: url, SETUP_CODE: code, SERIAL: serial } = process.env;
const [nsenter, ...prefix] = JSON.parse(process.env.INSIDE);
const run = promisify(execFile);
const { outputFiles } = await build({
        stdin: {
                contents: "export * from '../cockpit/src/api'; export * from '../cockpit/src/bus'; export * from './src/transport/http';",
                resolveDir: `${import.meta.dirname}/..`,
        },
        bundle: true, format: 'esm', write: false,
});
const { cockpitApi, cockpitBus, httpApi } = await import(`data:text/javascript;base64,${Buffer.from(outputFiles[0].text).toString('base64')}`);

// What busctl wants to read.
function words(type, value) {
        if (type === 'as')
                return [value.length, ...value];
        if (type === 'a{sv}') {
                const entries = Object.entries(value);
                return [entries.length, ...entries.flatMap(([key, { t, v }]) => [key, t, ...words(t, v)])];
        }
        return [value];
}

// {"type":"s","data":"x"} as { t: 's', v: 'x' }; an array of bytes is base64 there.
function bridged(value) {
        if (Array.isArray(value))
                return value.map(bridged);
        if (typeof value !== 'object' || value === null)
                return value;
        if (Object.keys(value).join() === 'type,data')
                return { t: value.type, v: bridged(value.data) };
        return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, bridged(member)]));
}

globalThis.window = globalThis;
globalThis.cockpit = {
        dbus: (name) => ({
                addEventListener() {},
                subscribe() {},
                async call(path, interface_, member, args, { type }) {
                        const types = type.match(/a\{sv\}|as|[a-z]/g) ?? [];
                        const given = types.flatMap((one, index) => words(one, args[index])).map(String);
                        const { stdout } = await run(nsenter, [...prefix, 'busctl', '--json=short', 'call', '--', name, path, interface_, member, ...(type ? [type] : []), ...given], { maxBuffer: 1e8 });
                        const reply = JSON.parse(stdout);
                        return reply.type.startsWith('ay') ? [Buffer.from(reply.data[0]).toString('base64'), ...reply.data.slice(1)] : bridged(reply.data);
                },
        }),
};

// What a browser does by itself.
process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0';
const { fetch } = globalThis;
let cookie = '';
globalThis.fetch = async (address, { headers, ...options }) => {
        const answer = await fetch(address, { ...options, headers: { ...headers, Origin: url, Cookie: cookie } });
        cookie = answer.headers.getSetCookie().map((each) => each.split(';')[0]).join('; ') || cookie;
        return answer;
};

test('both pages are told the same', async () => {
        const web = httpApi(new URL(`${url}/`));
        const here = cockpitApi(cockpitBus());
        await web.session();
        await web.people.createFirst('twin', 'correct horse battery staple', code);

        const one = (await web.drives()).find((drive) => drive.serial === serial);
        const { items: [job] } = await web.jobs({ offset: 0, limit: 1 });
        assert.equal(job.drive_id, one.id);
        const log = job.stages?.length ?? 3;
        // These change by themselves: what is left of a time, a host that was asked again, what is sent once more.
        const still = (value) => JSON.parse(JSON.stringify(value, (key, member) => /^(seen|polled|since|updated|last_.*|next_.*|readings?)_usec$|^temperature|^attempts$/.test(key) ? undefined : member));
        const questions = {
                drives: (api) => api.drives(),
                drive: (api) => api.drive(one.id),
                drawer: (api) => api.drawer(one.id),
                grants: (api) => api.grants(),
                estimate: (api) => api.estimate([one.id], { profile: 'full' }),
                jobs: (api) => api.jobs({ offset: 0, limit: 10 }),
                'jobs that passed': (api) => api.jobs({ verdict: 'passed', offset: 0, limit: 10 }),
                job: (api) => api.job(job.id),
                // Its bytes are signed, with the one signature that there is of them.
                report: async (api) => {
                        const report = api.report(job.id);
                        return typeof report === 'string' ? (await globalThis.fetch(report, {})).text() : (await report()).text();
                },
                statistics: (api) => api.statistics(90),
                audit: (api) => api.audit('', 0, 100),
                'audit of one action': (api) => api.audit('Manage-Hosts', 0, 100),
                settings: (api) => api.settings(),
                notifiers: (api) => api.notifiers(),
                deliveries: async (api) => {
                        const { items, total } = await api.deliveries('webhook', 'pending', 1, 2);
                        assert.deepEqual([items.length, total > 2], [2, true]);
                        return { items, total };
                },
                hosts: (api) => api.hosts(),
                'the SSH key': (api) => api.sshKey(),
                ...Object.fromEntries(Array.from({ length: log }, (_, index) => [[`log ${index}`, (api) => api.log(job.id, index, -16384)], [`log ${index} from 100`, (api) => api.log(job.id, index, 100)]]).flat()),
        };
        for (const [question, ask] of Object.entries(questions)) {
                const [there, said] = [await ask(web), await ask(here)];
                assert.deepEqual(still(said), still(there), question);
        }
});
