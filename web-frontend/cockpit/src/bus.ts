// SPDX-License-Identifier: LGPL-2.1-or-later
// The system bus through Cockpit's bridge, with the rights of whoever logged in there; with root's while administrative access is on.
import { LIST_MAX } from '../../ui/src/transport/api';
import { errorOf, type CockpitError } from './errors';
import { fromBus, plain, variant } from './values';

export const NAME = 'org.burnin1';
export const ROOT = '/org/burnin1';
export const JOB_ROOT = `${ROOT}/job`;
export const NOTIFIER_ROOT = `${ROOT}/notifiers`;
export const GRANT_ROOT = `${ROOT}/grant`;
export const MANAGER = `${NAME}.Manager`;
export const NOTIFIERS = `${NAME}.Notifiers`;
export const SETTINGS = `${NAME}.Settings`;
export const HOST = `${NAME}.Host`;
export const DRIVE = `${NAME}.Drive`;
export const JOB = `${NAME}.Job`;
export const STAGE = `${NAME}.Stage`;
export const GRANT = `${NAME}.UnlockGrant`;
const PROPERTIES = 'org.freedesktop.DBus.Properties';
const OBJECT_MANAGER = 'org.freedesktop.DBus.ObjectManager';

// Longer than anything that burnind answers late: a host that is asked to light an LED.
const CALL_MSEC = 60_000;
const ATTEMPT_MSEC = 5_000;

// The entries of an a{sv}: each its type and its value. What is undefined is left out.
export type Options = Record<string, [type: string, value: unknown]>;

export function dictOf(options: Options): Record<string, unknown> {
        return Object.fromEntries(Object.entries(options).flatMap(([key, [type, value]]) => value === undefined ? [] : [[key, variant(type, value)]]));
}

export type Row = Record<string, unknown>;

export interface Listener {
        owner(up: boolean): void;
        lost(): void;
        signal(path: string, interface_: string, member: string, args: unknown[]): void;
}

export interface Bus {
        // What comes back, without variants.
        call(path: string, interface_: string, member: string, type?: string, ...args: unknown[]): Promise<unknown[]>;
        // Its properties as the bus names them, and as the page does.
        getRaw(path: string, interface_: string): Promise<Row>;
        get<T>(path: string, interface_: string): Promise<T>;
        // A page of a list, and how many there are in all; of lists without pages, undefined.
        list(member: string, filter?: Options, at?: { path: string; interface_: string }): Promise<{ rows: Row[]; total: number | undefined }>;
        // All pages, one after the other, so that burnind answers others between them.
        listAll(member: string, filter?: Options): Promise<Row[]>;
        listen(listener: Listener): () => void;
}

export function cockpitBus(): Bus {
        let client: CockpitDBus | undefined;
        let listener: Listener | undefined;
        let up: boolean | undefined; // undefined: it was not told yet
        let timer = 0;

        function open(): CockpitDBus {
                if (client)
                        return client;
                const opened = cockpit.dbus(NAME, { bus: 'system', superuser: 'try' });
                client = opened;
                opened.addEventListener('owner', (_, owner) => {
                        up = Boolean(owner);
                        listener?.owner(up);
                });
                opened.addEventListener('close', (_, { problem }) => {
                        if (client !== opened)
                                return;
                        client = up = undefined;
                        if (listener) {
                                // Where nobody has the name, the bridge gives up at once; the bus itself is there.
                                if (problem !== 'not-found')
                                        listener.lost();
                                clearTimeout(timer);
                                timer = window.setTimeout(() => listener && open(), ATTEMPT_MSEC);
                        }
                });
                const told = (path: string, interface_: string, member: string, args: unknown[]): void => listener?.signal(path, interface_, member, args.map(plain));
                opened.subscribe({ interface: PROPERTIES, member: 'PropertiesChanged', path_namespace: ROOT }, told);
                opened.subscribe({ interface: OBJECT_MANAGER, path_namespace: ROOT }, told);
                opened.subscribe({ interface: MANAGER, path: ROOT }, told);
                return opened;
        }

        async function call(path: string, interface_: string, member: string, type = '', ...args: unknown[]): Promise<unknown[]> {
                try {
                        return (await open().call(path, interface_, member, args, { type, timeout: CALL_MSEC })).map(plain);
                } catch (failure) {
                        throw errorOf(failure as CockpitError);
                }
        }

        async function getRaw(path: string, interface_: string): Promise<Row> {
                const [properties] = await call(path, PROPERTIES, 'GetAll', 's', interface_);
                return properties as Row;
        }

        async function list(member: string, filter: Options = {}, at = { path: ROOT, interface_: MANAGER }): Promise<{ rows: Row[]; total: number | undefined }> {
                const [rows, total] = await call(at.path, at.interface_, member, 'a{sv}', dictOf(filter));
                return { rows: rows as Row[], total: total as number | undefined };
        }

        return {
                call,
                getRaw,
                get: async <T>(path: string, interface_: string) => fromBus(await getRaw(path, interface_)) as T,
                list,
                async listAll(member, filter = {}) {
                        const all: Row[] = [];
                        for (;;) {
                                const { rows, total } = await list(member, { ...filter, offset: ['u', all.length], limit: ['u', LIST_MAX] });
                                all.push(...rows);
                                if (rows.length === 0 || all.length >= (total ?? 0))
                                        return all;
                        }
                },
                listen(given) {
                        listener = given;
                        open();
                        if (up !== undefined)
                                listener.owner(up);
                        return () => {
                                listener = undefined;
                                clearTimeout(timer);
                        };
                },
        };
}
