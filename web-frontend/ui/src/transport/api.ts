// SPDX-License-Identifier: LGPL-2.1-or-later
// All that the views ask of the world. http.ts speaks to the web frontend; the Cockpit package (../../../cockpit) to the bus.
import type {
        Account, AuditEntry, Delivery, Drawer, Drive, Estimate, Grant, Host, Job, JobAlert, LogPiece, Notifier, NotifierKind, Paged, Reading, Role, Session,
        SessionEntry, Setting, SettingValue, Severity, StartRequest, StartResult, Statistics,
} from '../model';

export type SelfTestType = 'short' | 'long';

export interface Events {
        // Snapshot or change. What is not said of an object or a stage, and a stage that is not among its job's, stays as it was.
        // removed: ids.
        drives(drives: Drive[], removed: string[]): void;
        jobs(jobs: Job[], removed: string[]): void;
        hosts(hosts: Host[], removed: string[]): void;
        grants(grants: Grant[], removed: string[]): void;
        alert(alert: JobAlert): void;
        daemon(up: boolean): void;
        // again: it was lost meanwhile, and what was removed may not have been told
        connection(up: boolean, again: boolean): void;
        unauthorized(): void;
}

export interface HistoryFilter {
        state?: string;
        verdict?: string;
        host?: string;
        drive?: string;
        active?: boolean; // those that have not ended
        latest?: boolean; // of each drive the last burn-in that has ended
        offset: number;
        limit: number;
}

export const LIST_MAX = 500; // drives or jobs at once
export const READINGS_MAX = 1000; // at once

export interface ReadingFilter {
        since?: number;
        until?: number; // both inclusive
        limit: number; // at most READINGS_MAX
}

export interface HostOptions {
        address?: string;
        port?: number;
        user?: string;
        kind?: string;
        notes?: string;
        api_url?: string;
        api_key?: string;
        api_pin?: string;
        api_verify?: boolean;
}

export interface NotifierOptions {
        url?: string;
        secret?: string;
        to?: string[];
        events?: string[];
        hosts?: string[];
        severity?: Severity;
        enabled?: boolean;
}

export class ApiError extends Error {
        // wait: seconds until it may be tried again; 0: at once
        constructor(readonly code: string, message: string, readonly details: Record<string, unknown> = {}, readonly wait = 0) {
                super(message);
        }
}

// Who may log in, and does.
export interface People {
        login(account: string, password: string): Promise<Session>;
        // code: proves that whoever asks may look into that machine
        createFirst(account: string, password: string, code: string): Promise<Session>;
        logout(): Promise<void>;
        changePassword(old: string, next: string): Promise<void>;

        accounts(): Promise<Account[]>;
        addAccount(name: string, password: string, role: Role): Promise<void>;
        setRole(name: string, role: Role): Promise<void>;
        setPassword(name: string, password: string): Promise<void>;
        removeAccount(name: string): Promise<void>;
        sessions(): Promise<SessionEntry[]>;
        revokeSession(id: number): Promise<void>;
}

export interface Api {
        readonly people: People | null; // null within another page, which logs people in and has the theme
        session(): Promise<Session>;

        subscribe(events: Events): () => void;

        drives(): Promise<Drive[]>;
        drive(id: string): Promise<Drive>;
        drawer(id: string): Promise<Drawer>;
        patchDrive(id: string, changes: { location?: string; notes?: string }): Promise<void>;
        readings(id: string, filter: ReadingFilter): Promise<Reading[]>; // newest first
        startSelfTest(id: string, type: SelfTestType): Promise<void>;
        cancelSelfTest(id: string, type: SelfTestType): Promise<void>;
        unlock(id: string, token: string, reason: string): Promise<Grant>;
        identify(id: string, seconds: number): Promise<void>;
        forget(id: string): Promise<void>;
        grants(): Promise<Grant[]>;
        revokeGrant(id: string): Promise<void>;

        start(request: StartRequest): Promise<StartResult>;
        estimate(drives: string[], plan: { profile?: string; stages?: string[] }): Promise<Estimate>;
        jobs(filter: HistoryFilter): Promise<Paged<Job>>;
        job(id: number): Promise<Job>;
        cancelJob(id: number, reason: string): Promise<void>;
        pauseJob(id: number, reason: string): Promise<void>;
        resumeJob(id: number): Promise<void>;
        setPriority(id: number, priority: number): Promise<void>;
        retryJob(id: number, serial: string): Promise<void>;
        cancelAll(reason: string): Promise<number>;
        // offset: in bytes; negative: so many before the end
        log(job: number, stage: number, offset: number): Promise<LogPiece>;
        csvHref(filter: Partial<HistoryFilter>): string | null;
        // The signed page of a job that has ended: its address, or where there is none, what gets it.
        report(job: number): string | (() => Promise<Blob>);

        statistics(days: number): Promise<Statistics>;
        audit(text: string, offset: number, limit: number): Promise<Paged<AuditEntry>>;
        auditCsvHref(text: string): string | null;
        settings(): Promise<Setting[]>;
        setSetting(name: string, value: SettingValue | null): Promise<void>; // null takes it back

        notifiers(): Promise<Notifier[]>;
        addNotifier(name: string, kind: NotifierKind, options: NotifierOptions): Promise<void>;
        changeNotifier(name: string, options: NotifierOptions): Promise<void>;
        removeNotifier(name: string): Promise<void>;
        testNotifier(name: string): Promise<void>;
        deliveries(notifier: string, state: Delivery['state'], offset: number, limit: number): Promise<Paged<Delivery>>; // newest first
        retryDeliveries(notifier: string): Promise<void>; // what was given up is sent again

        hosts(): Promise<Host[]>;
        addHost(name: string, options: HostOptions): Promise<void>;
        configureHost(name: string, options: HostOptions): Promise<void>;
        removeHost(name: string): Promise<void>;
        refreshHost(name: string): Promise<void>;
        acceptKey(name: string, fingerprint: string): Promise<void>;
        sshKey(): Promise<string>; // a line for authorized_keys
}
