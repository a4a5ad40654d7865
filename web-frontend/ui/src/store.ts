// SPDX-License-Identifier: LGPL-2.1-or-later
// All that the page knows, kept by the events. One signal for each object, so that a change draws one row anew.
import { batch, computed, signal, type Signal } from '@preact/signals';
import type { Drive, Grant, Host, Job, Session, Stage } from './model';
import { LIST_MAX, type Api, type Events, type People } from './transport/api';
import { nowUsec } from './lib/clock';
import { notifyEnd } from './lib/notify';

const STRUCTURE_MSEC = 300;

export const session = signal<Session | null>(null);
export const expired = signal(false);
export const connected = signal(true);
export const daemonUp = signal(true);
export const loaded = signal(false);
export const ended = signal<Job | null>(null); // the last that did

const drives = new Map<string, Signal<Drive>>();
const active = new Map<string, Signal<Job | undefined>>(); // by drive
const last = new Map<string, Signal<Job | undefined>>();
const jobs = new Map<number, Job>();

export const hosts = signal<Map<string, Host>>(new Map());
export const grants = signal<Grant[]>([]);
export const driveIds = signal<string[]>([]); // set when one comes or goes
export const changes = signal(0); // at most once a frame, after whatever change
export const now = signal(nowUsec());

setInterval(() => { now.value = nowUsec(); }, 1000);

let frame = 0;
function changed(): void {
        if (frame === 0)
                frame = window.setTimeout(() => {
                        frame = 0;
                        changes.value++;
                }, 100);
}

// Whenever one comes or goes all are sorted, so while many come that is done a few times a second.
let structureTimer = 0;
let structureMoved = false; // also by one that went and came back, whose signal is another one
function structureChanged(): void {
        structureMoved = structureTimer !== 0;
        if (structureMoved)
                return;
        driveIds.value = [...drives.keys()];
        structureTimer = window.setTimeout(() => {
                structureTimer = 0;
                if (structureMoved)
                        structureChanged();
        }, STRUCTURE_MSEC);
}

export const canOperate = computed(() => session.value?.role === 'operator' || session.value?.role === 'admin');
export const isAdmin = computed(() => session.value?.role === 'admin');

export function driveNow(id: string): Drive | undefined {
        return drives.get(id)?.peek();
}

export function activeNow(id: string): Job | undefined {
        return active.get(id)?.peek();
}

export function lastNow(id: string): Job | undefined {
        return last.get(id)?.peek();
}

function cell<K, V>(map: Map<K, Signal<V | undefined>>, key: K): Signal<V | undefined> {
        let found = map.get(key);
        if (!found)
                map.set(key, found = signal<V | undefined>(undefined));
        return found;
}

// These three make the component that calls them follow the object.
export function useDrive(id: string): Drive | undefined {
        void driveIds.value;
        return drives.get(id)?.value;
}

export function useActive(id: string): Job | undefined {
        return cell(active, id).value;
}

export function useLast(id: string): Job | undefined {
        return cell(last, id).value;
}

export function grantOf(id: string): Grant | undefined {
        return grants.value.find((grant) => grant.drive_id === id && grant.expires_usec > now.peek());
}

// It is for the one alone who unlocked the drive.
export function isMine(grant: Grant | undefined): boolean {
        return grant !== undefined && grant.operator === session.value?.operator;
}

export function activeJobs(): Job[] {
        return [...active.values()].flatMap((one) => one.peek() ?? []);
}

function setDrives(list: Drive[], removed: string[]): void {
        batch(() => {
                let structure = false;
                for (const drive of list) {
                        const known = drives.get(drive.id);
                        if (known)
                                known.value = { ...known.peek(), ...drive };
                        else {
                                drives.set(drive.id, signal(drive));
                                structure = true;
                        }
                }
                for (const id of removed)
                        structure = drives.delete(id) || structure;
                if (structure)
                        structureChanged();
                loaded.value = true;
        });
        changed();
}

function mergeStages(before: Stage[] = [], changes: Stage[] = []): Stage[] {
        const all = new Map(before.map((stage) => [stage.kind, stage]));
        for (const stage of changes)
                all.set(stage.kind, { ...all.get(stage.kind), ...stage });
        return [...all.values()].sort((a, b) => a.index - b.index);
}

function setJob(job: Job): void {
        const before = jobs.get(job.id);
        // An answer may be older than the event that came before it.
        if (before?.state === 'done' && job.state !== 'done')
                return;
        const whole = job.stages || before?.stages ? { ...job, stages: mergeStages(before?.stages, job.stages) } : job;
        jobs.set(job.id, whole);
        const running = cell(active, job.drive_id);
        if (job.state !== 'done')
                running.value = whole;
        else {
                if (running.peek()?.id === job.id)
                        running.value = undefined;
                const latest = cell(last, job.drive_id);
                if (job.kind === 'burn-in' && (latest.peek()?.id ?? 0) <= job.id)
                        latest.value = whole;
        }
}

function setJobs(list: Job[], removed: string[]): void {
        batch(() => {
                list.forEach(setJob);
                for (const id of removed) {
                        const job = jobs.get(Number(id));
                        const running = job && active.get(job.drive_id);
                        if (running?.peek()?.id === job?.id && running)
                                running.value = undefined;
                        // That it is done is kept: an answer may be older.
                        if (job?.state !== 'done')
                                jobs.delete(Number(id));
                }
        });
        changed();
}

function setHosts(list: Host[], removed: string[]): void {
        const next = new Map(hosts.peek());
        for (const host of list)
                next.set(host.name, host);
        for (const name of removed)
                next.delete(name);
        hosts.value = next;
}

function setGrants(list: Grant[], removed: string[]): void {
        const gone = new Set([...removed, ...list.map(({ id }) => id)]);
        grants.value = [...grants.peek().filter(({ id }) => !gone.has(id)), ...list];
}

let api: Api;
let stop = (): void => {};

export function theApi(): Api {
        return api;
}

// For what is shown only where there are any.
export function thePeople(): People {
        if (!api.people)
                throw new Error('People log in elsewhere.');
        return api.people;
}

export function useApi(given: Api): void {
        api = given;
}

async function allJobs(filter: { active: true } | { latest: true }): Promise<Job[]> {
        const all: Job[] = [];
        for (;;) {
                const { items, total } = await api.jobs({ ...filter, offset: all.length, limit: LIST_MAX });
                all.push(...items);
                if (items.length === 0 || all.length >= total)
                        return all;
        }
}

// How each drive's last burn-in ended.
async function refreshLast(): Promise<void> {
        setJobs(await allJobs({ latest: true }), []);
}

// What was known before a list was asked for, and is not on it. What has come meanwhile may be newer than the list.
function goneOf(before: string[], list: string[]): string[] {
        const there = new Set(list);
        return before.filter((id) => !there.has(id));
}

async function reconcile(): Promise<void> {
        const known = [...drives.keys()];
        const all = await api.drives();
        setDrives(all, goneOf(known, all.map(({ id }) => id)));
        const before = activeJobs().map(({ id }) => String(id));
        const list = await allJobs({ active: true });
        setJobs(list, goneOf(before, list.map(({ id }) => String(id))));
        await refreshLast();
        await Promise.all([refreshGrants(), refreshHosts()]);
}

async function refreshGrants(): Promise<void> {
        const before = grants.peek().map(({ id }) => id);
        const all = await api.grants();
        setGrants(all, goneOf(before, all.map(({ id }) => id)));
}

export async function refreshHosts(): Promise<void> {
        const before = hosts.peek();
        const all = await api.hosts();
        setHosts(all.filter(({ name }) => hosts.peek().get(name) === before.get(name)), goneOf([...before.keys()], all.map(({ name }) => name)));
}

// What somebody changed here need not wait for its event.
export function driveChanged(id: string, changes: Partial<Drive>): void {
        const known = drives.get(id);
        if (known)
                known.value = { ...known.peek(), ...changes };
        changed();
}

export function grantGiven(grant: Grant): void {
        setGrants([grant], []);
}

export function jobChanged(job: Job): void {
        batch(() => setJob(job));
        changed();
}

const quietly = (work: Promise<unknown>): void => void work.catch(() => {});

export function start(): void {
        stop();
        now.value = nowUsec(); // the session has told it
        const events: Events = {
                drives: setDrives,
                jobs: setJobs,
                hosts: setHosts,
                grants: setGrants,
                alert(job) {
                        setJobs([job], []);
                        ended.value = job;
                        notifyEnd(job);
                },
                daemon(up) {
                        // How a job ended while it was away nobody told.
                        if (up && !daemonUp.peek())
                                quietly(reconcile());
                        daemonUp.value = up;
                },
                connection(up, again) {
                        connected.value = up;
                        if (up && again)
                                quietly(reconcile());
                },
                unauthorized() {
                        expired.value = true;
                        stop();
                },
        };
        stop = api.subscribe(events);
        quietly(refreshLast());
}

export function leave(): void {
        stop();
        session.value = null;
        batch(() => {
                drives.clear();
                active.clear();
                last.clear();
                jobs.clear();
                driveIds.value = [];
                grants.value = [];
                loaded.value = false;
        });
}
