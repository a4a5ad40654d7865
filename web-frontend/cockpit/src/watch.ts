// SPDX-License-Identifier: LGPL-2.1-or-later
// What is there, from the lists, and what changes, from the signals: as ../../events/watch.c does for browsers, and for one page alone.
import type { Drive, Grant, Host, Job, Stage } from '../../ui/src/model';
import type { Events } from '../../ui/src/transport/api';
import { DRIVE, HOST, JOB, JOB_ROOT, STAGE, type Bus, type Row } from './bus';
import { fromBus } from './values';

const REFRESH_MSEC = 10_000; // temperatures, times left and the like send no signal
const GATHER_MSEC = 200; // what changes meanwhile is told at once

// The objects of one kind by their paths, and what of them the page has not been told.
class Mirror<T> {
        readonly objects = new Map<string, T>();
        private changed = new Set<string>();
        private removed: string[] = [];

        constructor(private readonly nameOf: (object: T) => string, private readonly tell: (objects: T[], removed: string[]) => void) {}

        set(path: string, object: T): void {
                if (JSON.stringify(this.objects.get(path)) === JSON.stringify(object))
                        return;
                this.objects.set(path, object);
                this.changed.add(path);
        }

        merge(path: string, changes: Partial<T>): void {
                const known = this.objects.get(path);
                if (known)
                        this.set(path, { ...known, ...changes });
        }

        remove(path: string): void {
                const known = this.objects.get(path);
                if (known && this.objects.delete(path))
                        this.removed.push(this.nameOf(known));
        }

        flush(always: boolean): void {
                const objects = [...this.changed].flatMap((path) => this.objects.get(path) ?? []);
                if (always || objects.length > 0 || this.removed.length > 0)
                        this.tell(objects, this.removed);
                this.changed = new Set();
                this.removed = [];
        }
}

type Progress = [path: string, percent: number, phase_percent: number, bytes_per_second: number, bad_blocks: number, temperature: number];

const jobOf = (stage: string): string => stage.slice(0, stage.lastIndexOf('/'));
const kindOf = (stage: string): string => stage.slice(stage.lastIndexOf('/') + 1);

export function watch(bus: Bus, events: Events): () => void {
        const drives = new Mirror<Drive>((drive) => drive.id, events.drives);
        const jobs = new Mirror<Job>((job) => String(job.id), events.jobs);
        const hosts = new Mirror<Host>((host) => host.name, events.hosts);
        const grants = new Mirror<Grant>((grant) => grant.id, events.grants);
        let up = false;
        let lost = false;
        let ended = false;
        let listing = false;
        let again = false; // something came while the lists were read
        let told = false; // whatever burnind there is now has been listed
        let gathering = 0;

        function flush(always: boolean): void {
                clearTimeout(gathering);
                gathering = 0;
                if (!ended)
                        [hosts, grants, drives, jobs].forEach((mirror) => mirror.flush(always));
        }

        function gather(): void {
                if (gathering === 0)
                        gathering = window.setTimeout(() => flush(false), GATHER_MSEC);
        }

        function take<T>(mirror: Mirror<T>, rows: Row[], known: Set<string>): void {
                const there = new Set(rows.map((row) => String(row.Object)));
                for (const row of rows) {
                        const path = String(row.Object);
                        mirror.set(path, { ...mirror.objects.get(path), ...(fromBus(row) as T) });
                }
                for (const path of known)
                        if (!there.has(path))
                                mirror.remove(path);
        }

        async function list(): Promise<void> {
                if (listing) {
                        again = true;
                        return;
                }
                listing = true;
                do {
                        again = false;
                        try {
                                // What comes while a list is under way may be missing there.
                                const before = [hosts, grants, drives, jobs].map((mirror) => new Set(mirror.objects.keys()));
                                take(hosts, (await bus.list('ListHosts')).rows, before[0] ?? new Set());
                                take(grants, (await bus.list('ListGrants')).rows, before[1] ?? new Set());
                                take(drives, await bus.listAll('ListDrives'), before[2] ?? new Set());
                                const rows = await bus.listAll('ListJobs', { active: ['b', true] });
                                const unread = rows.filter((row) => row.State !== 'queued' && !(told && jobs.objects.has(String(row.Object))));
                                take(jobs, rows, before[3] ?? new Set());
                                void readStages(unread.flatMap((row) => row.Stages as string[])).catch(() => {});
                                // The page is to hear of it even where there is nothing.
                                flush(!told);
                                told = true;
                                if (up && !ended)
                                        events.daemon(true);
                        } catch {
                                // Without burnind there is no answer, and that is told by its name's owner; else the next turn does it.
                        }
                } while (again && up && !ended);
                listing = false;
        }

        function setStage(path: string, values: Partial<Stage>): boolean {
                const job = jobs.objects.get(jobOf(path));
                const kind = kindOf(path);
                const stages = job?.stages ?? [];
                const known = stages.find((stage) => stage.kind === kind);
                if (!job || (!known && values.kind !== kind))
                        return false;
                jobs.merge(jobOf(path), { stages: known ? stages.map((stage) => stage === known ? { ...stage, ...values } : stage) : [...stages, values as Stage] });
                gather();
                return true;
        }

        async function readStage(path: string): Promise<void> {
                if (jobs.objects.has(jobOf(path)))
                        setStage(path, await bus.get<Stage>(path, STAGE));
        }

        // What a job has done before it was looked at sends no signals any more.
        async function readStages(paths: string[]): Promise<void> {
                for (const path of paths)
                        await readStage(path);
        }

        function changed(path: string, interface_: string, values: Row, invalidated: string[]): void {
                if (interface_ === STAGE) {
                        if (!setStage(path, fromBus(values) as Partial<Stage>) || invalidated.length > 0)
                                void readStage(path).catch(() => {});
                        return;
                }
                const mirror = ({ [DRIVE]: drives, [JOB]: jobs, [HOST]: hosts } as Record<string, Mirror<object>>)[interface_];
                mirror?.merge(path, fromBus(values) as object);
                gather();
        }

        // The stages' own signals leave these out where there are many.
        function progressed(stages: Progress[]): void {
                for (const [path, percent, phase_percent, bytes_per_second, bad_blocks, temperature] of stages)
                        changed(path, STAGE, { percent, phase_percent, bytes_per_second, bad_blocks, temperature_mdegc: temperature }, []);
        }

        async function jobEnded(path: string): Promise<void> {
                jobs.remove(path);
                flush(false);
                events.alert(await bus.get<Job>(path, JOB));
        }

        const stop = bus.listen({
                owner(there) {
                        if (lost)
                                events.connection(true, true);
                        lost = false;
                        up = there;
                        told = false;
                        if (there)
                                void list();
                        else
                                events.daemon(false);
                },
                lost() {
                        lost = true;
                        up = false;
                        events.connection(false, true);
                },
                signal(path, _, member, args) {
                        if (member === 'PropertiesChanged')
                                changed(path, String(args[0]), args[1] as Row, args[2] as string[]);
                        else if (member === 'InterfacesAdded')
                                void list();
                        else if (member === 'InterfacesRemoved') {
                                const gone = String(args[0]);
                                // Of a job JobRemoved tells, and how it ended.
                                if (!gone.startsWith(`${JOB_ROOT}/`))
                                        [hosts, grants, drives].forEach((mirror) => mirror.remove(gone));
                                gather();
                        } else if (member === 'Progress')
                                progressed(args[0] as Progress[]);
                        else if (member === 'JobRemoved')
                                void jobEnded(String(args[1])).catch(() => {});
                },
        });
        const refresh = setInterval(() => up && !cockpit.hidden && !document.hidden && void list(), REFRESH_MSEC);
        return () => {
                ended = true;
                clearInterval(refresh);
                clearTimeout(gathering);
                stop();
        };
}
