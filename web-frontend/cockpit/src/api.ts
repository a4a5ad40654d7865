// SPDX-License-Identifier: LGPL-2.1-or-later
// The page's transport over the bus. What Cockpit has itself, logging in above all, is not here.
import type { AuditEntry, Delivery, Drawer, Drive, Estimate, Grant, Host, Job, Notifier, Reading, Session, Setting, SettingValue, Stage, StartRequest, StartResult } from '../../ui/src/model';
import { setClock } from '../../ui/src/lib/clock';
import { ApiError, type Api, type HistoryFilter, type HostOptions, type NotifierOptions } from '../../ui/src/transport/api';
import { DRIVE, GRANT, GRANT_ROOT, HOST, JOB, JOB_ROOT, MANAGER, NOTIFIERS, NOTIFIER_ROOT, ROOT, SETTINGS, STAGE, dictOf, type Bus, type Options } from './bus';
import { codeOf } from './errors';
import { bytesOf, readLog } from './log';
import { whoCalls } from './rights';
import { statisticsOf } from './statistics';
import { fromBus, lastOf, variant } from './values';
import { watch } from './watch';

const FLAGS = 0;
const DRAWER_JOBS = 10;

function filterOf({ state, verdict, host, drive, active, latest, offset, limit }: Partial<HistoryFilter>): Options {
        return {
                state: ['s', state || undefined], verdict: ['s', verdict || undefined], host: ['s', host || undefined], drive: ['s', drive || undefined],
                active: ['b', active], latest: ['b', latest], offset: ['u', offset], limit: ['u', limit],
        };
}

function hostOptions({ address, port, user, kind, notes, api_url, api_pin, api_verify }: HostOptions): Options {
        return {
                address: ['s', address], port: ['q', port], user: ['s', user], kind: ['s', kind], notes: ['s', notes],
                api_url: ['s', api_url], api_pin: ['s', api_pin], api_verify: ['b', api_verify],
        };
}

function notifierOptions({ url, secret, to, events, hosts, severity, enabled }: NotifierOptions): Options {
        return {
                url: ['s', url], secret: ['s', secret], to: ['as', to],
                events: ['as', events], hosts: ['as', hosts], severity: ['s', severity], enabled: ['b', enabled],
        };
}

// The bus takes an API key as a descriptor, which Cockpit's bridge cannot send. burninctl does, and reads the key where nobody else can.
async function hostByCommand(verb: 'add' | 'configure', name: string, { address, port, user, kind, notes, api_url, api_key, api_pin, api_verify }: HostOptions): Promise<void> {
        const given = { address, port, user, kind, notes, 'api-url': api_url, 'api-pin': api_pin, 'verify-tls': api_verify === undefined ? undefined : api_verify ? 'yes' : 'no' };
        const options = Object.entries(given).flatMap(([key, value]) => value === undefined ? [] : [`--${key}=${value}`]);
        try {
                await cockpit.spawn(['burninctl', ...options, '--api-key-file=-', '--', 'host', verb, name], { superuser: 'try', err: 'message' }).input(api_key ?? '');
        } catch (failure) {
                throw new ApiError('Command', (failure as { message?: string }).message ?? `burninctl host ${verb} failed.`);
        }
}

// As in files, where 1 may also be meant as a ratio.
function settingVariant(value: SettingValue): object {
        if (typeof value === 'boolean')
                return variant('b', value);
        if (Array.isArray(value))
                return variant('as', value);
        return typeof value === 'string' || Number.isInteger(value) ? variant('s', String(value)) : variant('d', value);
}

// "org.burnin1.Error.DriveLocked: It is …"
function errorOfDetail(detail: string): { code: string; message: string } {
        const colon = detail.indexOf(': ');
        return { code: codeOf(colon < 0 ? '' : detail.slice(0, colon)), message: colon < 0 ? detail : detail.slice(colon + 2) };
}

export function cockpitApi(bus: Bus): Api {
        const find = async (member: string, type: string, name: string | number): Promise<string> => {
                const [path] = await bus.call(ROOT, MANAGER, member, type, name);
                return String(path);
        };
        const findDrive = (id: string): Promise<string> => find('GetDrive', 's', id);
        const findHost = (name: string): Promise<string> => find('GetHost', 's', name);
        const findJob = (id: number): Promise<string> => find('GetJob', 't', id);

        const ofDrive = async (id: string, member: string, type: string, ...args: unknown[]): Promise<unknown[]> => bus.call(await findDrive(id), DRIVE, member, type, ...args);
        const ofHost = async (name: string, member: string, type: string, ...args: unknown[]): Promise<unknown[]> => bus.call(await findHost(name), HOST, member, type, ...args);
        const ofJob = async (id: number, member: string, type: string, ...args: unknown[]): Promise<unknown[]> => bus.call(await findJob(id), JOB, member, type, ...args);

        async function readJob(path: string): Promise<Job> {
                const raw = await bus.getRaw(path, JOB);
                const stages: Stage[] = [];
                for (const stage of raw.Stages as string[])
                        stages.push(await bus.get<Stage>(stage, STAGE));
                return { ...(fromBus(raw) as Job), stages };
        }

        async function jobs(filter: Partial<HistoryFilter>): Promise<{ items: Job[]; total: number }> {
                const { rows, total = 0 } = await bus.list('ListJobs', filterOf(filter));
                return { items: fromBus(rows) as Job[], total };
        }

        const job = async (id: number): Promise<Job> => readJob(await findJob(id));

        return {
                people: null,
                async session(): Promise<Session> {
                        // Where it is known that this one may not even look, nothing else is to be shown.
                        const looked = bus.list('ListHosts').catch((failure: unknown) => {
                                if (failure instanceof ApiError && failure.code === 'AccessDenied')
                                        throw failure;
                        });
                        const asked = Date.now() * 1000;
                        const [who] = await Promise.all([whoCalls(), looked]);
                        setClock(who.now_usec, asked);
                        return { ...who, operator: who.account, csrf: null, expires_usec: 0, idle_usec: 0, first: false, version: '' };
                },

                subscribe: (events) => watch(bus, events),

                drives: async () => fromBus(await bus.listAll('ListDrives')) as Drive[],
                drive: async (id) => bus.get<Drive>(await findDrive(id), DRIVE),
                async drawer(id): Promise<Drawer> {
                        const drive = await bus.get<Drive>(await findDrive(id), DRIVE);
                        const { items } = await jobs({ drive: drive.id, limit: DRAWER_JOBS });
                        const shown = drive.active_job ?? items[0]?.id;
                        return { drive, job: shown === undefined ? null : await job(shown), jobs: items };
                },
                async patchDrive(id, { location, notes }) {
                        const path = await findDrive(id);
                        if (location !== undefined)
                                await bus.call(path, DRIVE, 'SetLocation', 'st', location, FLAGS);
                        if (notes !== undefined)
                                await bus.call(path, DRIVE, 'SetNotes', 'st', notes, FLAGS);
                },
                async readings(id, { since, until, limit }) {
                        const at = { path: await findDrive(id), interface_: DRIVE };
                        return fromBus((await bus.list('ListReadings', { since: ['t', since], until: ['t', until], limit: ['u', limit] }, at)).rows) as Reading[];
                },
                async startSelfTest(id, type) { await ofDrive(id, 'StartSelfTest', 'st', type, FLAGS); },
                async cancelSelfTest(id, type) {
                        const path = await findDrive(id);
                        const { active_job: active } = await bus.get<Drive>(path, DRIVE);
                        // The bus cancels whichever runs. Who pressed the button of one must not end the other, started meanwhile.
                        if (active !== null) {
                                const { kind, profile } = await bus.get<Job>(await findJob(active), JOB);
                                if (kind === 'self-test' && profile !== type)
                                        throw new ApiError('WrongState', `It is a ${profile} self-test that runs, not a ${type} one.`);
                        }
                        await bus.call(path, DRIVE, 'CancelSelfTest', 't', FLAGS);
                },
                async unlock(id, token, reason) {
                        const [path] = await ofDrive(id, 'Unlock', 'sst', token, reason, FLAGS);
                        return bus.get<Grant>(String(path), GRANT);
                },
                async identify(id, seconds) { await ofDrive(id, 'Identify', 'ut', seconds, FLAGS); },
                async forget(id) { await ofDrive(id, 'Forget', 't', FLAGS); },
                grants: async () => fromBus((await bus.list('ListGrants')).rows) as Grant[],
                async revokeGrant(id) { await bus.call(`${GRANT_ROOT}/${id}`, GRANT, 'Revoke', 't', FLAGS); },

                async start({ drive_ids: ids, serials, profile, stages, confirm, unlock, release, unlock_existing: unlockExisting, note, at_usec: at, calendar, priority, request }: StartRequest): Promise<StartResult> {
                        const [rows] = await bus.call(ROOT, MANAGER, 'StartBurnIn', 'a(ss)a{sv}', ids.map((id) => [id, serials?.[id] ?? '']), dictOf({
                                profile: ['s', profile], stages: ['as', stages], confirmed: ['b', confirm], unlock: ['b', unlock], release: ['b', release], unlock_existing: ['b', unlockExisting],
                                note: ['s', note], at: ['t', at], calendar: ['s', calendar], priority: ['i', priority], request: ['s', request],
                        }));
                        const results = (rows as [string, 'queued' | 'skipped' | 'locked', string, string][]).map(([drive_id, result, detail, path]) => {
                                const queued = path.startsWith(`${JOB_ROOT}/`);
                                return { drive_id, result, job_id: queued ? Number(lastOf(path)) : null, error: queued ? null : errorOfDetail(detail) };
                        });
                        const count = (word: string): number => results.filter(({ result }) => result === word).length;
                        return { results, queued: count('queued'), skipped: count('skipped'), locked: count('locked') };
                },
                async estimate(ids, { profile, stages }): Promise<Estimate> {
                        const [rows, low_usec, high_usec] = await bus.call(ROOT, MANAGER, 'EstimateBurnIn', 'asa{sv}', ids, dictOf({ profile: ['s', profile], stages: ['as', stages] }));
                        const estimates = (rows as [string, number, number, 'history' | 'class', number][])
                                .map(([drive_id, low, high, basis, count]) => ({ drive_id, low_usec: low, high_usec: high, basis, jobs: count }));
                        return { estimates, low_usec: Number(low_usec), high_usec: Number(high_usec) };
                },
                jobs,
                job,
                async cancelJob(id, reason) { await ofJob(id, 'Cancel', 'st', reason, FLAGS); },
                async pauseJob(id, reason) { await ofJob(id, 'Pause', 'st', reason, FLAGS); },
                async resumeJob(id) { await ofJob(id, 'Resume', 't', FLAGS); },
                async setPriority(id, priority) { await ofJob(id, 'SetPriority', 'it', priority, FLAGS); },
                async retryJob(id, serial) { await ofJob(id, 'Retry', 'st', serial, FLAGS); },
                async cancelAll(reason) { return Number((await bus.call(ROOT, MANAGER, 'CancelAll', 'st', reason, FLAGS))[0]); },
                async log(id, stage, offset) {
                        const path = ((await bus.getRaw(await findJob(id), JOB)).Stages as string[])[stage];
                        if (path === undefined)
                                throw new ApiError('NotFound', 'The job has no such stage.');
                        return readLog(bus, path, offset);
                },
                csvHref: () => null,
                report: (id) => async () => {
                        const [page] = await ofJob(id, 'ReadReport', 'st', 'html', FLAGS);
                        return new Blob([bytesOf(String(page))], { type: 'text/html' });
                },

                statistics: (days) => statisticsOf(bus, days),
                async audit(text, offset, limit) {
                        const { rows, total = 0 } = await bus.list('ListAudit', { ...text && { text: ['s', text] as const }, offset: ['u', offset], limit: ['u', limit] });
                        return { items: fromBus(rows) as AuditEntry[], total };
                },
                auditCsvHref: () => null,
                settings: async () => fromBus((await bus.call(ROOT, SETTINGS, 'List'))[0]) as Setting[],
                async setSetting(name, value) {
                        if (value === null)
                                await bus.call(ROOT, SETTINGS, 'Reset', 'st', name, FLAGS);
                        else
                                await bus.call(ROOT, SETTINGS, 'Set', 'svt', name, settingVariant(value), FLAGS);
                },

                notifiers: async () => fromBus((await bus.call(NOTIFIER_ROOT, NOTIFIERS, 'List'))[0]) as Notifier[],
                async addNotifier(name, kind, options) { await bus.call(NOTIFIER_ROOT, NOTIFIERS, 'Add', 'ssa{sv}', name, kind, dictOf(notifierOptions(options))); },
                async changeNotifier(name, options) { await bus.call(NOTIFIER_ROOT, NOTIFIERS, 'Configure', 'sa{sv}', name, dictOf(notifierOptions(options))); },
                async removeNotifier(name) { await bus.call(NOTIFIER_ROOT, NOTIFIERS, 'Remove', 'st', name, FLAGS); },
                async testNotifier(name) { await bus.call(NOTIFIER_ROOT, NOTIFIERS, 'Test', 'st', name, FLAGS); },
                async deliveries(notifier, state, offset, limit) {
                        const filter: Options = { notifier: ['s', notifier], state: ['s', state], offset: ['u', offset], limit: ['u', limit] };
                        const { rows, total = 0 } = await bus.list('ListDeliveries', filter, { path: NOTIFIER_ROOT, interface_: NOTIFIERS });
                        return { items: fromBus(rows) as Delivery[], total };
                },
                async retryDeliveries(notifier) { await bus.call(NOTIFIER_ROOT, NOTIFIERS, 'Retry', 'st', notifier, FLAGS); },

                hosts: async () => fromBus((await bus.list('ListHosts')).rows) as Host[],
                async addHost(name, options) {
                        if (options.api_key !== undefined)
                                await hostByCommand('add', name, options);
                        else
                                await bus.call(ROOT, MANAGER, 'AddHost', 'sa{sv}', name, dictOf(hostOptions(options)));
                },
                async configureHost(name, options) {
                        if (options.api_key !== undefined)
                                await hostByCommand('configure', name, options);
                        else
                                await ofHost(name, 'Configure', 'a{sv}', dictOf(hostOptions(options)));
                },
                async removeHost(name) { await ofHost(name, 'Remove', 't', FLAGS); },
                async refreshHost(name) { await ofHost(name, 'Refresh', 't', FLAGS); },
                async acceptKey(name, fingerprint) { await ofHost(name, 'AcceptHostKey', 'st', fingerprint, FLAGS); },
                sshKey: async () => String((await bus.getRaw(ROOT, MANAGER)).SshPublicKey),
        };
}
