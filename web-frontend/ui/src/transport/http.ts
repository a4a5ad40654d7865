// SPDX-License-Identifier: LGPL-2.1-or-later
// The web frontend: JSON by fetch, events by EventSource.
import type { Account, AuditEntry, Delivery, Drawer, Drive, Estimate, Grant, Host, Job, LogPiece, Notifier, Reading, Session, SessionEntry, Setting, StartResult, Statistics } from '../model';
import { setClock } from '../lib/clock';
import { ApiError, LIST_MAX, type Api, type Events, type HistoryFilter, type People } from './api';

type Query = Record<string, string | number | boolean | undefined>;

const ATTEMPT_SECONDS = [1, 2, 4, 8, 15, 30];
const LOOK_MSEC = 15_000;
const DEAD_MSEC = 45_000; // a ping comes three times as often: the stream itself is dead, as after a sleep

function drivePath(id: string, rest = ''): string {
        return `api/v1/drives/${encodeURIComponent(id)}${rest}`;
}

export function httpApi(base: URL): Api {
        let csrf = '';
        let onUnauthorized = (): void => {};

        function address(path: string, query: Query = {}): string {
                const url = new URL(path, base);
                for (const [key, value] of Object.entries(query))
                        if (value !== undefined && value !== '')
                                url.searchParams.set(key, String(value));
                return url.toString();
        }

        async function request<T>(method: string, path: string, body?: object, query?: Query): Promise<T> {
                const headers: Record<string, string> = { Accept: 'application/json' };
                if (body)
                        headers['Content-Type'] = 'application/json';
                if (method !== 'GET' && csrf)
                        headers['X-CSRF-Token'] = csrf;
                let answer: Response;
                try {
                        answer = await fetch(address(path, query), {
                                method, headers, body: body ? JSON.stringify(body) : undefined, credentials: 'same-origin', cache: 'no-store',
                        });
                } catch {
                        throw new ApiError('Offline', 'The burnin web service does not answer. Check the connection, then try again.');
                }
                const text = await answer.text();
                if (answer.ok)
                        return (text ? JSON.parse(text) : undefined) as T;
                const failure = errorOf(answer.status, text, Number(answer.headers.get('Retry-After')));
                // It may be about somebody else's session, too.
                if (answer.status === 401)
                        session().then(({ account }) => account === null && onUnauthorized(), () => {});
                throw failure;
        }

        const get = <T>(path: string, query?: Query): Promise<T> => request<T>('GET', path, undefined, query);
        const post = <T = void>(path: string, body: object = {}): Promise<T> => request<T>('POST', path, body);
        const patch = <T = void>(path: string, body: object): Promise<T> => request<T>('PATCH', path, body);
        const remove = (path: string): Promise<void> => request('DELETE', path);

        async function take(answering: Promise<Session>): Promise<Session> {
                const asked = Date.now() * 1000;
                const answer = await answering;
                setClock(answer.now_usec, asked);
                csrf = answer.csrf ?? '';
                return answer;
        }

        const session = (): Promise<Session> => take(get<Session>('api/v1/session'));
        const login = (name: string, password: string): Promise<Session> => take(post<Session>('api/v1/session', { name, password }));

        const people: People = {
                login,
                async createFirst(name, password, code) {
                        await post('api/v1/accounts/first', { name, password, code });
                        return login(name, password);
                },
                async logout() {
                        await remove('api/v1/session');
                        csrf = '';
                },
                changePassword: (old, next) => post('api/v1/session/password', { old, new: next }),

                accounts: async () => (await get<{ accounts: Account[] }>('api/v1/accounts')).accounts,
                addAccount: (name, password, role) => post('api/v1/accounts', { name, password, role }),
                setRole: (name, role) => patch(`api/v1/accounts/${encodeURIComponent(name)}`, { role }),
                setPassword: (name, password) => patch(`api/v1/accounts/${encodeURIComponent(name)}`, { password }),
                removeAccount: (name) => remove(`api/v1/accounts/${encodeURIComponent(name)}`),
                sessions: async () => (await get<{ sessions: SessionEntry[] }>('api/v1/sessions')).sessions,
                revokeSession: (id) => remove(`api/v1/sessions/${id}`),
        };

        return {
                people,
                session,

                subscribe(events) {
                        onUnauthorized = events.unauthorized;
                        return listen(address('sse/drives'), events, session);
                },

                async drives() {
                        const all: Drive[] = [];
                        for (;;) {
                                const page = await get<{ drives: Drive[]; total: number }>('api/v1/drives', { offset: all.length, limit: LIST_MAX });
                                all.push(...page.drives);
                                if (page.drives.length === 0 || all.length >= page.total)
                                        return all;
                        }
                },
                drive: (id) => get<Drive>(drivePath(id)),
                drawer: (id) => get<Drawer>(drivePath(id, '/drawer')),
                patchDrive: (id, changes) => patch(drivePath(id), changes),
                readings: async (id, { since, until, limit }) => (await get<{ readings: Reading[] }>(drivePath(id, '/readings'), { since_usec: since, until_usec: until, limit })).readings,
                startSelfTest: (id, type) => post(drivePath(id, '/smart/start'), { type }),
                cancelSelfTest: (id, type) => post(drivePath(id, '/smart/cancel'), { type }),
                unlock: (id, token, reason) => post<Grant>(drivePath(id, '/unlock'), { token, reason }),
                identify: (id, seconds) => post(drivePath(id, '/identify'), { seconds }),
                forget: (id) => remove(drivePath(id)),
                grants: async () => (await get<{ grants: Grant[] }>('api/v1/grants')).grants,
                revokeGrant: (id) => remove(`api/v1/grants/${id}`),

                start: (body) => post<StartResult>('api/v1/burnin/start', body),
                estimate: (drives, plan) => post<Estimate>('api/v1/estimate', { drive_ids: drives, ...plan }),
                async jobs(filter) {
                        const page = await get<{ jobs: Job[]; total: number }>('api/v1/burnin', { ...filter });
                        return { items: page.jobs, total: page.total };
                },
                job: (id) => get<Job>(`api/v1/burnin/${id}`),
                cancelJob: (id, reason) => post(`api/v1/burnin/${id}/cancel`, { reason }),
                pauseJob: (id, reason) => post(`api/v1/burnin/${id}/pause`, { reason }),
                resumeJob: (id) => post(`api/v1/burnin/${id}/resume`),
                setPriority: (id, priority) => post(`api/v1/burnin/${id}/priority`, { priority }),
                retryJob: (id, serial) => post(`api/v1/burnin/${id}/retry`, { serial }),
                cancelAll: async (reason) => (await post<{ cancelled: number }>('api/v1/burnin/cancel-all', { reason })).cancelled,
                log: (job, stage, offset) => get<LogPiece>(`api/v1/burnin/${job}/log`, { stage, offset }),
                csvHref: (filter: Partial<HistoryFilter>) => address('api/v1/burnin/export.csv', { ...filter, offset: undefined, limit: undefined }),
                report: (job) => address(`api/v1/burnin/${job}/report.html`),

                statistics: (days) => get<Statistics>('api/v1/statistics', { days }),
                auditCsvHref: (text) => address('api/v1/audit/export.csv', { text: text || undefined }),
                async audit(text, offset, limit) {
                        const page = await get<{ entries: AuditEntry[]; total: number }>('api/v1/audit', { text: text || undefined, offset, limit });
                        return { items: page.entries, total: page.total };
                },
                settings: async () => (await get<{ settings: Setting[] }>('api/v1/settings')).settings,
                setSetting: (name, value) => post('api/v1/settings', { [name]: value }),

                notifiers: async () => (await get<{ notifiers: Notifier[] }>('api/v1/notifiers')).notifiers,
                addNotifier: (name, kind, options) => post('api/v1/notifiers', { name, kind, ...options }),
                changeNotifier: (name, options) => patch(`api/v1/notifiers/${encodeURIComponent(name)}`, options),
                removeNotifier: (name) => remove(`api/v1/notifiers/${encodeURIComponent(name)}`),
                testNotifier: (name) => post(`api/v1/notifiers/${encodeURIComponent(name)}/test`),
                async deliveries(notifier, state, offset, limit) {
                        const page = await get<{ deliveries: Delivery[]; total: number }>('api/v1/deliveries', { notifier, state, offset, limit });
                        return { items: page.deliveries, total: page.total };
                },
                retryDeliveries: (notifier) => post('api/v1/deliveries/retry', { notifier }),

                hosts: async () => (await get<{ hosts: Host[] }>('api/v1/hosts')).hosts,
                addHost: (name, options) => post('api/v1/hosts', { name, ...options }),
                configureHost: (name, options) => patch(`api/v1/hosts/${encodeURIComponent(name)}`, options),
                removeHost: (name) => remove(`api/v1/hosts/${encodeURIComponent(name)}`),
                refreshHost: (name) => post(`api/v1/hosts/${encodeURIComponent(name)}/refresh`),
                acceptKey: (name, fingerprint) => post(`api/v1/hosts/${encodeURIComponent(name)}/accept-key`, { fingerprint }),
                sshKey: async () => (await get<{ ssh_public_key: string }>('api/v1/ssh-key')).ssh_public_key,
        };
}

function errorOf(status: number, text: string, wait: number): ApiError {
        try {
                const { error } = JSON.parse(text) as { error: { code: string; message: string } & Record<string, unknown> };
                return new ApiError(error.code, error.message, error, wait);
        } catch {
                return new ApiError('NoAnswer', `The web service answered with status ${status} and nothing readable.`);
        }
}

// The browser itself opens a stream that broke off again, from where it was. One that is refused, or is open and silent, is for us.
function listen(stream: string, events: Events, session: () => Promise<Session>): () => void {
        let source: EventSource | undefined;
        let timer = 0;
        let attempt = 0;
        let told = false; // all that there is, some time
        let ended = false;

        let last = Date.now();
        const heard = (): void => { last = Date.now(); };

        function open(): void {
                clearTimeout(timer);
                source?.close();
                source = new EventSource(stream);
                const on = <T>(name: string, handle: (data: T) => void): void => {
                        source?.addEventListener(name, (event) => {
                                heard();
                                handle(JSON.parse((event as MessageEvent<string>).data) as T);
                        });
                };
                source.onopen = () => {
                        attempt = 0;
                        heard();
                        events.connection(true, false);
                };
                source.onerror = () => {
                        if (source?.readyState === EventSource.CLOSED)
                                retry();
                        else
                                events.connection(false, true);
                };
                // Who comes back and is told what was missed, or stays, hears none. What went meanwhile is not among all there is.
                on('reset', () => {
                        events.connection(true, told);
                        told = true;
                });
                on('ping', () => {});
                on<{ drives: Drive[]; removed: string[] }>('drives-update', (data) => events.drives(data.drives, data.removed));
                on<{ jobs: Job[]; removed: string[] }>('jobs-update', (data) => events.jobs(data.jobs, data.removed));
                on<{ hosts: Host[]; removed: string[] }>('hosts-update', (data) => events.hosts(data.hosts, data.removed));
                on<{ grants: Grant[]; removed: string[] }>('grants-update', (data) => events.grants(data.grants, data.removed));
                on<Job>('job-alert', (data) => events.alert(data));
                on('ready', () => events.drives([], [])); // that was all, also where there are none
                on('session-ended', () => events.unauthorized());
                on<{ up?: boolean }>('daemon', (data) => events.daemon(data.up !== false));
                heard();
        }

        function retry(): void {
                source?.close();
                clearTimeout(timer);
                if (ended)
                        return;
                events.connection(false, true);
                const wait = ATTEMPT_SECONDS[Math.min(attempt++, ATTEMPT_SECONDS.length - 1)] ?? 30;
                timer = window.setTimeout(() => void again(), 1000 * wait);
        }

        function look(): void {
                if (source?.readyState === EventSource.OPEN && Date.now() - last > DEAD_MSEC)
                        open();
        }

        // The stream does not say why it ended; whether we are still logged in does.
        async function again(): Promise<void> {
                try {
                        const { account } = await session();
                        if (ended)
                                return;
                        if (account === null)
                                events.unauthorized();
                        else
                                open();
                } catch {
                        retry();
                }
        }

        // A machine that wakes up need not wait for its turn.
        const wake = (): void => {
                look();
                if (document.visibilityState === 'visible' && source?.readyState === EventSource.CLOSED) {
                        clearTimeout(timer);
                        void again();
                }
        };
        document.addEventListener('visibilitychange', wake);
        window.addEventListener('online', wake);
        const looks = setInterval(look, LOOK_MSEC);
        open();
        return () => {
                ended = true;
                clearInterval(looks);
                source?.close();
                clearTimeout(timer);
                document.removeEventListener('visibilitychange', wake);
                window.removeEventListener('online', wake);
        };
}
