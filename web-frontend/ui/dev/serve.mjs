// SPDX-License-Identifier: LGPL-2.1-or-later
// A stand-in of the web frontend to look at the page with: node dev/serve.mjs [PORT] [DRIVES] [first]
// It knows the shape of the answers and little of their sense; nothing of it is installed.
import { createServer } from 'node:http';
import { readFile } from 'node:fs/promises';
import { dirname, extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { makeDeliveries, makeJob, makeNotifier, makeNotifiers, makeSettings, nowUsec, readings, world } from './data.mjs';

const dist = join(dirname(fileURLToPath(import.meta.url)), '..', 'dist');
const types = { '.js': 'text/javascript', '.css': 'text/css', '.html': 'text/html; charset=utf-8', '.svg': 'image/svg+xml' };
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

// The events tell less than the lists, and of stages those alone that have begun, in whatever order: as burnin-events does.
const eventDrive = ({ by_id_path, smart, last_seen_usec, ...drive }) => drive;
const eventStage = ({ bad_block_list, evidence, run_id, unit, ...stage }) => stage;
const bare = ({ stages, ...job }) => job;
const eventJob = ({ stages, ...job }) => {
        const begun = stages?.filter(({ state }) => state !== 'pending').map(eventStage).reverse() ?? [];
        return begun.length > 0 ? { ...job, stages: begun } : job;
};
const told = {
        'drives-update': ({ drives, removed }) => ({ drives: drives.map(eventDrive), removed }),
        'jobs-update': ({ jobs, removed }) => ({ jobs: jobs.map(eventJob), removed }),
        'job-alert': bare,
};
const eventText = (event, data) => `event: ${event}\ndata: ${JSON.stringify(told[event]?.(data) ?? data)}\n\n`;

class Refused extends Error {
        constructor(status, code, message, headers = {}) { super(message); Object.assign(this, { status, code, headers }); }
}

export function serve({ port = 8090, drives: total = 48, first = false, loggedIn = true, role = 'admin', tick = 1000, down = false } = {}) {
        const state = { ...world(total), readings: new Map() }, streams = new Set(), grants = new Map(), settings = makeSettings(), notifiers = makeNotifiers();
        const fresh = state.hosts.get('new-nas');
        const accounts = new Map(first ? [] : [['alice', { name: 'alice', role, created_usec: nowUsec() - 9e12, login_usec: nowUsec() - 6e9, locked_usec: 0, sessions: 1 }], ['bob', { name: 'bob', role: 'viewer', created_usec: nowUsec() - 5e12, login_usec: 0, locked_usec: nowUsec() + 5e7, sessions: 0 }]]);
        let account = loggedIn && !first ? 'alice' : null;
        const requests = [];
        const say = (event, data) => { for (const stream of streams) stream.write(eventText(event, data)); };
        const who = () => ({ account, operator: account && `${account} (web)`, role: account ? accounts.get(account).role : null, csrf: account ? 'abc' : null, expires_usec: nowUsec() + 3e10, idle_usec: nowUsec() + 1e10, first: accounts.size === 0, version: '0.1.0', now_usec: nowUsec() });
        const driveOf = (id) => state.drives.get(id) ?? fail(404, 'NoSuchDrive', `There is no drive "${id}".`);
        const jobOf = (id) => state.jobs.get(Number(id)) ?? fail(404, 'NoSuchJob', `There is no job ${id}.`);
        const fail = (status, code, message) => { throw new Refused(status, code, message); };
        const changed = (drive) => { say('drives-update', { drives: [drive], removed: [] }); return drive; };
        const end = (job, verdict, reason) => {
                Object.assign(job, { state: 'done', verdict, reason, finished_usec: nowUsec(), current_stage: null });
                const drive = state.drives.get(job.drive_id);
                if (drive) { drive.active_job = null; for (const test of Object.values(drive.self_tests)) if (test.state === 'running') test.state = 'aborted'; changed(drive); }
                say('job-alert', job);
                say('jobs-update', { jobs: [], removed: [String(job.id)] });
        };
        const log = (job, stage) => Array.from({ length: 40 }, (_, index) => `${String(index).padStart(2, '0')}:00 badblocks: ${(index * 2.5).toFixed(2)}% done, ${index}:12:09 elapsed. (0/0/0 errors) [${stage.kind} of job ${job.id}]`).join('\n') + '\n';

        const routes = [
                ['GET', /^session$/, () => who()],
                ['POST', /^session$/, (_, { name, password }) => { if (password === 'once too often') throw new Refused(429, 'LockedOut', `Too many logins of account ${name} have failed. Try again in 2 s.`, { 'Retry-After': '2' }); if (!accounts.has(name) || password === 'wrong') fail(403, 'WrongPassword', 'Name or password are wrong.'); account = name; return who(); }],
                ['DELETE', /^session$/, () => { account = null; }], ['POST', /^session\/password$/, (_, { old }) => { if (old === 'wrong') fail(403, 'WrongPassword', 'The present password is wrong.'); }],
                ['POST', /^accounts\/first$/, (_, { name, code }) => { if (code !== 'K7QX-2M4P') fail(403, 'WrongCode', 'This is not the setup code.'); accounts.set(name, { name, role: 'admin', created_usec: nowUsec(), login_usec: 0, locked_usec: 0, sessions: 0 }); return { name }; }],
                ['GET', /^accounts$/, () => ({ accounts: [...accounts.values()] })], ['POST', /^accounts$/, (_, { name, role: given }) => { accounts.set(name, { name, role: given, created_usec: nowUsec(), login_usec: 0, locked_usec: 0, sessions: 0 }); return { name }; }],
                ['PATCH', /^accounts\/(.+)$/, ([name], body) => { if (body.role) accounts.get(name).role = body.role; }], ['DELETE', /^accounts\/(.+)$/, ([name]) => { accounts.delete(name); }],
                ['GET', /^sessions$/, () => ({ sessions: [{ id: 1, account: 'alice', address: '192.0.2.7', created_usec: nowUsec() - 6e9, seen_usec: nowUsec() - 1e6, expires_usec: nowUsec() + 3e10 }, { id: 2, account: 'bob', address: '2001:db8::17', created_usec: nowUsec() - 9e10, seen_usec: nowUsec() - 8e9, expires_usec: nowUsec() + 1e10 }] })],
                ['DELETE', /^sessions\/(.+)$/, () => {}],
                ['GET', /^drives$/, (_, __, query) => { const offset = Number(query.get('offset') ?? 0); return { drives: [...state.drives.values()].slice(offset, offset + 500), total: state.drives.size, offset }; }],
                ['GET', /^drives\/([^/]+)$/, ([id]) => driveOf(id)], ['PATCH', /^drives\/([^/]+)$/, ([id], body) => changed(Object.assign(driveOf(id), body))],
                ['DELETE', /^drives\/([^/]+)$/, ([id]) => { state.drives.delete(id); say('drives-update', { drives: [], removed: [id] }); }],
                ['GET', /^drives\/([^/]+)\/drawer$/, ([id]) => { const drive = driveOf(id), all = [...state.jobs.values()].filter((job) => job.drive_id === id).reverse(); return { drive, job: state.jobs.get(drive.active_job) ?? all[0] ?? null, jobs: all.map(bare) }; }],
                ['GET', /^drives\/([^/]+)\/readings$/, ([id], _, query) => {
                        const number = (key, none) => Number(query.get(key) ?? none), offset = number('offset', 0), since = number('since_usec', 0), until = number('until_usec', Infinity);
                        const all = (state.readings.get(id) ?? readings(driveOf(id))).filter(({ time_usec: time }) => time >= since && time <= until);
                        return { readings: all.slice(offset, offset + Math.min(1000, number('limit', 1000))), total: all.length, offset };
                }],
                ['POST', /^drives\/([^/]+)\/smart\/start$/, ([id], { type }) => {
                        const drive = driveOf(id), job = makeJob(++state.lastJob, drive, { kind: 'self-test', profile: type, state: 'running', started_usec: nowUsec() });
                        drive.self_tests = { ...drive.self_tests, [type]: { state: 'running', percent: 0, estimated: false, eta_usec: nowUsec() + 12e7, words: '', lba: -1, ended_usec: 0 } };
                        drive.active_job = job.id; state.jobs.set(job.id, job); changed(drive); say('jobs-update', { jobs: [job], removed: [] }); return { job_id: job.id };
                }],
                ['POST', /^drives\/([^/]+)\/smart\/cancel$/, ([id]) => end(jobOf(driveOf(id).active_job), 'cancelled', 'Cancelled by alice (web).')],
                ['POST', /^drives\/([^/]+)\/unlock$/, ([id], { token, reason }) => {
                        const drive = driveOf(id); if (token !== drive.unlock_token) fail(409, 'WrongToken', 'What was typed does not unlock this drive.');
                        const grant = { id: '0123456789abcdef', drive_id: id, host: drive.host, serial: drive.serial, role: drive.lock_state, pool: '', pool_guid: '', in_use: drive.lock_in_use, lock_detail: drive.lock_detail, operator: 'alice (web)', reason, granted_usec: nowUsec(), expires_usec: nowUsec() + 9e8 };
                        grants.set(grant.id, grant); say('grants-update', { grants: [grant], removed: [] }); return grant;
                }],
                ['POST', /^drives\/([^/]+)\/identify$/, () => fail(409, 'HostUnfit', 'bench has no locate LED for sda: no enclosure driver.')],
                ['GET', /^grants$/, () => ({ grants: [...grants.values()] })], ['DELETE', /^grants\/(.+)$/, ([id]) => { grants.delete(id); say('grants-update', { grants: [], removed: [id] }); }],
                ['POST', /^burnin\/start$/, (_, body) => {
                        requests.push(body);
                        const results = body.drive_ids.map((id, index) => {
                                const drive = driveOf(id);
                                if (index % 7 === 5) return { drive_id: id, result: 'skipped', job_id: null, error: { code: 'DriveBusy', message: `${drive.host} ${drive.dev_name} has an active job.` } };
                                const job = makeJob(++state.lastJob, drive, { note: body.note ?? '', created_usec: nowUsec(), reason: 'It waits for a place.' });
                                drive.active_job = job.id; state.jobs.set(job.id, job); changed(drive); say('jobs-update', { jobs: [job], removed: [] });
                                return { drive_id: id, result: 'queued', job_id: job.id, error: null };
                        });
                        return { queued: results.filter(({ job_id }) => job_id).length, skipped: results.filter(({ job_id }) => !job_id).length, locked: 0, results };
                }],
                ['POST', /^estimate$/, (_, { drive_ids: ids }) => ({ estimates: ids.map((id) => ({ drive_id: id, low_usec: 60e9 * 3.6, high_usec: 74e9 * 3.6, basis: 'history', jobs: 8 })), low_usec: 60e9 * 3.6, high_usec: 74e9 * 3.6 })],
                ['GET', /^burnin$/, (_, __, query) => {
                        const offset = Number(query.get('offset') ?? 0), limit = Math.min(Number(query.get('limit') ?? 100), 500);
                        const newest = [...state.jobs.values()].reverse(), ended = newest.filter(({ kind, state }) => kind === 'burn-in' && state === 'done');
                        const latest = new Set(ended.filter((job, index) => state.drives.has(job.drive_id) && ended.findIndex(({ drive_id: id }) => id === job.drive_id) === index));
                        const all = newest.filter((job) => (query.get('active') !== 'true' || job.state !== 'done') && (query.get('latest') !== 'true' || latest.has(job)))
                                .filter((job) => ['state', 'verdict', 'host'].every((key) => !query.get(key) || job[key] === query.get(key)) && (!query.get('drive') || job.drive_id === query.get('drive')));
                        return { jobs: all.slice(offset, offset + limit).map(bare), total: all.length, offset };
                }],
                ['POST', /^burnin\/cancel-all$/, () => { const active = [...state.jobs.values()].filter((job) => job.state !== 'done'); for (const job of active) end(job, 'cancelled', 'Cancelled by alice (web).'); return { cancelled: active.length }; }],
                ['GET', /^burnin\/(\d+)$/, ([id]) => jobOf(id)],
                ['GET', /^burnin\/(\d+)\/log$/, ([id], _, query) => { const job = jobOf(id), stage = job.stages[Number(query.get('stage') ?? 0)] ?? { index: 0, kind: 'precheck', state: 'done' }, text = log(job, stage), offset = Number(query.get('offset') ?? 0); const from = offset < 0 ? Math.max(0, text.length + offset) : offset; return { stage: stage.kind, index: stage.index, offset: from, next_offset: text.length, size: text.length, done: stage.state === 'done', text: text.slice(from) }; }],
                ['POST', /^burnin\/(\d+)\/cancel$/, ([id], { reason }) => { const job = jobOf(id); end(job, 'cancelled', reason || 'Cancelled by alice (web).'); return bare(job); }],
                ['POST', /^burnin\/(\d+)\/(pause|resume)$/, ([id, verb]) => { const job = Object.assign(jobOf(id), verb === 'pause' ? { state: 'paused', paused_by: 'alice (web)' } : { state: 'running', paused_by: '' }); say('jobs-update', { jobs: [job], removed: [] }); return bare(job); }],
                ['POST', /^burnin\/(\d+)\/priority$/, ([id], { priority }) => bare(Object.assign(jobOf(id), { priority }))],
                ['POST', /^burnin\/(\d+)\/retry$/, ([id], { serial }) => { const job = jobOf(id); if (serial !== job.serial) fail(409, 'WrongSerial', 'This is not the serial number of the drive.'); return { job_id: ++state.lastJob }; }],
                ['GET', /^statistics$/, () => ({
                        since_usec: nowUsec() - 90 * 864e8, jobs: 212, verdicts: { passed: 187, failed: 11, inconclusive: 6, cancelled: 8 },
                        models: ['ST16000NM001G-2KK103', 'WDC WUH721818ALE6L4', 'TOSHIBA MG09ACA18TE', `<img src=x onerror="document.title='owned'">`].map((model, index) => ({ model, passed: 90 - index * 20, failed: index * 2, inconclusive: index, cancelled: 1, pass_rate: (90 - index * 20) / (90 - index * 18), hours_per_tb: index === 3 ? null : 4.2 + index * 0.7 })),
                        days: Array.from({ length: 90 }, (_, index) => ({ date: new Date(Date.now() - (89 - index) * 864e5).toISOString().slice(0, 10), queued: index % 5, passed: (index * 7) % 5, failed: index % 17 === 3 ? 1 : 0, inconclusive: index % 23 === 5 ? 1 : 0, cancelled: 0 })).filter(({ passed, failed, inconclusive }) => passed + failed + inconclusive > 0),
                        failures_by_stage: [{ stage: 'surface_validate', failed: 7, inconclusive: 4 }, { stage: 'long_smart', failed: 3, inconclusive: 2 }, { stage: 'precheck', failed: 1, inconclusive: 0 }],
                })],
                ['GET', /^audit$/, (_, __, query) => { const offset = Number(query.get('offset') ?? 0), text = (query.get('text') ?? '').toLowerCase(), all = Array.from({ length: 340 }, (_, index) => ({ id: 340 - index, time_usec: nowUsec() - index * 7.3e9, actor: index % 4 ? 'alice (web)' : 'root', actor_uid: index % 4 ? 991 : 0, action: ['start-destructive', 'cancel', 'unlock', 'manage-hosts'][index % 4], object: `job ${140 - index}`, outcome: index % 9 === 4 ? 'denied' : 'ok', detail: index % 4 === 2 ? 'pool "vault": disks go to the recycler' : '' })).filter(({ actor, action, object, outcome, detail }) => `${actor}\n${action}\n${object}\n${outcome}\n${detail}`.toLowerCase().includes(text)); return { entries: all.slice(offset, offset + Number(query.get('limit') ?? 200)), total: all.length, offset }; }],
                ['GET', /^notifiers$/, () => ({ notifiers: [...notifiers.values()] })],
                ['POST', /^notifiers$/, (_, { name, kind, url = '', to = [], secret = '', ...filter }) => { if (notifiers.has(name)) fail(409, 'NotifierExists', `There is a notifier '${name}' already.`); notifiers.set(name, makeNotifier(name, kind, { target: to.join(' ') || new URL(url).origin, has_secret: secret !== '', ...filter })); }],
                ['PATCH', /^notifiers\/([^/]+)$/, ([name], { url, to, secret, ...rest }) => { const target = to?.join(' ') ?? (url && new URL(url).origin); Object.assign(notifiers.get(name), rest, target && { target }, secret === undefined ? {} : { has_secret: secret !== '' }); }],
                ['DELETE', /^notifiers\/([^/]+)$/, ([name]) => { notifiers.delete(name); }],
                ['POST', /^notifiers\/([^/]+)\/test$/, ([name]) => { if (!notifiers.get(name).has_secret) fail(409, 'NotDelivered', `The notifier ${name} does not work: HTTP 401: who are you`); }],
                ['GET', /^deliveries$/, (_, __, query) => { const offset = Number(query.get('offset') ?? 0), all = makeDeliveries(notifiers.get(query.get('notifier')), query.get('state')); return { deliveries: all.slice(offset, offset + Number(query.get('limit') ?? 200)), total: all.length, offset }; }],
                ['POST', /^deliveries\/retry$/, (_, { notifier }) => { const one = notifiers.get(notifier), count = one.dead; Object.assign(one, { dead: 0, pending: one.pending + count }); return { count }; }],
                ['GET', /^settings$/, () => ({ settings })], ['POST', /^settings$/, (_, body) => { if (Object.keys(body).length === 0) fail(400, 'BadField', 'The body must have from 1 to 64 settings.'); for (const [name, value] of Object.entries(body)) { const one = settings.find((setting) => setting.name === name) ?? fail(404, 'NoSuchSetting', `There is no setting "${name}".`); if (Array.isArray(value) && value.length === 0) fail(400, 'InvalidArgument', `${name} cannot be ''.`); if (typeof value === 'number' && value > (one.maximum ?? 1e9)) fail(400, 'InvalidArgument', `${name} is at most ${one.maximum}.`); Object.assign(one, value === null ? { value: one.default, origin: 'default' } : { value, origin: 'runtime' }); } return { settings }; }],
                ['GET', /^ssh-key$/, () => ({ ssh_public_key: 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJt3Wqg5v0Zy2xk6cQ8mB1hR9nT4uE7pL0sD3fG6jK2z burnin@bench' })],
                ['GET', /^hosts$/, () => ({ hosts: [...state.hosts.values()] })],
                ['POST', /^hosts$/, (_, body) => { const { api_key: key, ...rest } = body; if (state.hosts.has(body.name)) fail(409, 'HostExists', `There is a host "${body.name}" already.`); const one = { ...fresh, ...rest, state: 'unconfirmed' }; state.hosts.set(body.name, one); say('hosts-update', { hosts: [one], removed: [] }); return one; }],
                ['PATCH', /^hosts\/([^/]+)$/, ([name], body) => { const one = Object.assign(state.hosts.get(name), body); say('hosts-update', { hosts: [one], removed: [] }); return one; }],
                ['DELETE', /^hosts\/([^/]+)$/, ([name]) => { state.hosts.delete(name); say('hosts-update', { hosts: [], removed: [name] }); }],
                ['POST', /^hosts\/([^/]+)\/refresh$/, () => {}],
                ['POST', /^hosts\/([^/]+)\/accept-key$/, ([name], { fingerprint }) => { const one = state.hosts.get(name); if (fingerprint !== one.seen_host_key_fingerprint) fail(409, 'WrongFingerprint', 'This is not the fingerprint of the key that the host showed.'); Object.assign(one, { state: 'online', state_reason: '', host_key_fingerprint: fingerprint }); say('hosts-update', { hosts: [one], removed: [] }); return one; }],
        ];

        const timer = tick > 0 && setInterval(() => {
                const jobs = [];
                for (const job of state.jobs.values()) {
                        const stage = job.state === 'running' && job.stages.find(({ kind }) => kind === job.current_stage);
                        if (!stage) continue;
                        stage.percent = Math.min(99, stage.percent + 0.05);
                        if (stage.phase) { stage.phase_percent = Math.min(99, stage.phase_percent + 0.4); stage.bytes_per_second = (205 + Math.random() * 20) * 1e6; }
                        job.percent = Math.min(99, job.percent + 0.05);
                        jobs.push(job);
                }
                const moved = [...state.drives.values()].filter(({ present, stale }) => present && !stale && Math.random() < 0.05);
                for (const drive of moved) drive.temperature_mdegc += Math.random() < 0.5 ? 1000 : -1000;
                say('jobs-update', { jobs, removed: [] });
                say('drives-update', { drives: moved, removed: [] });
        }, tick);

        const server = createServer(async (request, response) => {
                const url = new URL(request.url, 'http://localhost');
                const head = { 'Content-Security-Policy': policy, 'X-Content-Type-Options': 'nosniff', 'Cache-Control': 'no-store' };
                if (url.pathname === '/sse/drives') {
                        if (down) return response.writeHead(503).end();
                        if (!account) return response.writeHead(401).end();
                        response.writeHead(200, { 'Content-Type': 'text/event-stream' });
                        response.write(['retry: 1000\n\n', eventText('reset', {}), eventText('hosts-update', { hosts: [...state.hosts.values()], removed: [] }),
                                eventText('drives-update', { drives: [...state.drives.values()], removed: [] }),
                                eventText('jobs-update', { jobs: [...state.jobs.values()].filter((job) => job.state !== 'done'), removed: [] }), eventText('grants-update', { grants: [...grants.values()], removed: [] }), eventText('daemon', { up: true }), eventText('ready', {})].join(''));
                        streams.add(response);
                        return response.on('close', () => streams.delete(response));
                }
                if (url.pathname.startsWith('/api/v1/')) {
                        let status = 200, headers = {}, answer;
                        try {
                                const path = url.pathname.slice('/api/v1/'.length);
                                const open = path === 'session' || path === 'accounts/first';
                                if (down) fail(503, 'DaemonDown', 'burnind is not running. See: systemctl status burnind.service');
                                if (!account && !open) fail(401, 'NotLoggedIn', 'Log in first.');
                                if (request.method !== 'GET' && !open && request.headers['x-csrf-token'] !== 'abc') fail(403, 'BadCsrfToken', 'The CSRF token is missing.');
                                let text = '';
                                for await (const chunk of request) text += chunk;
                                const route = routes.find(([method, pattern]) => method === request.method && pattern.test(path)) ?? fail(404, 'NotFound', `There is no ${path}.`);
                                answer = route[2](route[1].exec(path).slice(1).map(decodeURIComponent), text ? JSON.parse(text) : {}, url.searchParams);
                                if (answer === undefined) status = 204;
                        } catch (error) {
                                if (!(error instanceof Refused)) console.error(error);
                                ({ status = 500, headers = {} } = error);
                                answer = { error: { code: error.code ?? 'Internal', message: error.message } };
                        }
                        response.writeHead(status, { ...head, ...headers, 'Content-Type': 'application/json' });
                        return response.end(answer === undefined ? '' : JSON.stringify(answer));
                }
                const file = extname(url.pathname) ? url.pathname : '/index.html';
                try {
                        const body = await readFile(join(dist, file));
                        response.writeHead(200, { ...head, 'Content-Type': types[extname(file)] ?? 'application/octet-stream' });
                        response.end(body);
                } catch {
                        response.writeHead(404, head).end();
                }
        });
        return new Promise((resolve) => server.listen(port, '127.0.0.1', () => resolve({
                url: `http://127.0.0.1:${server.address().port}/`, state, settings, notifiers, say, requests, grants,
                up: () => { down = false; }, expire: () => { account = null; for (const stream of streams) stream.end(); }, drop: () => { for (const stream of streams) stream.destroy(); },
                close: () => { clearInterval(timer); server.closeAllConnections(); server.close(); },
        })));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
        const [port, drives, first] = process.argv.slice(2);
        const { url } = await serve({ port: Number(port ?? 8090), drives: Number(drives ?? 48), first: first === 'first' });
        console.log(url);
}
