// SPDX-License-Identifier: LGPL-2.1-or-later
// What the API answers: the dictionaries of the bus, with snake_case keys. Times are microseconds since 1970, 0 for none; temperatures
// thousandths of a degree, null where not known. openapi.yaml has the words.

export type LockState =
        | 'none' | 'existing-data' | 'exported-pool' | 'storage-member' | 'mounted' | 'active-pool' | 'boot-pool'
        | 'in-use' | 'remnant' | 'unclassified';

export interface SelfTest {
        state: 'idle' | 'running' | 'passed' | 'failed' | 'aborted' | 'unknown';
        percent: number;
        estimated: boolean;
        eta_usec: number;
        words: string;
        lba: number;
        ended_usec: number;
}

// What the poller read; each key is there where the drive reports it.
export type Smart = Record<string, unknown>;

export interface Drive {
        id: string;
        host: string;
        dev_name: string;
        by_id_path?: string; // the events leave this, last_seen_usec and smart out
        model: string;
        serial: string;
        wwn: string;
        size_bytes: number;
        rotational: boolean;
        transport: string;
        identity_state: 'ok' | 'none' | 'shared';
        present: boolean;
        stale: boolean;
        last_seen_usec?: number;
        temperature_mdegc: number | null;
        smart_health: 'passed' | 'failed' | 'unknown';
        smart_usec: number;
        smart?: Smart | null;
        self_tests: { short?: SelfTest; long?: SelfTest; unknown?: SelfTest };
        lock_state: LockState;
        lock_detail: string;
        lock_in_use: boolean;
        unlock_token: string;
        bay: string; // as the hardware has it
        location: string;
        notes: string;
        active_job: number | null;
}

export type ChosenStage = 'short_smart' | 'long_smart' | 'surface_validate' | 'nvme_format' | 'nvme_sanitize';
export type StageKind = 'precheck' | ChosenStage | 'final_check';
export type Verdict = '' | 'passed' | 'failed' | 'inconclusive' | 'cancelled' | 'skipped';

export interface Evidence {
        rule: string;
        expected: string;
        observed: string;
        source: string;
        verdict: Verdict;
}

export interface PhaseStart {
        number: number;
        name: string;
        started_usec: number;
}

export interface Stage {
        index: number;
        kind: StageKind;
        state: 'pending' | 'starting' | 'running' | 'stopping' | 'done';
        verdict: Verdict;
        reason: string;
        percent: number;
        phase: number;
        phases: number;
        phase_name: string;
        phase_percent: number;
        phase_history: PhaseStart[];
        bytes_per_second: number;
        bad_blocks: number;
        bad_block_list?: number[]; // the events leave this, run_id, unit and evidence out
        read_errors: number;
        write_errors: number;
        compare_errors: number;
        temperature_mdegc: number | null;
        temperature_min_mdegc: number | null;
        temperature_max_mdegc: number | null;
        work_bytes: number;
        eta_usec: number;
        contact: string;
        paused: string;
        stalled: string;
        attempt: number;
        run_id?: string;
        started_usec: number;
        finished_usec: number;
        unit?: string;
        evidence?: Evidence[];
}

export interface Job {
        id: number;
        kind: 'burn-in' | 'self-test';
        drive_id: string;
        host: string;
        serial: string;
        model: string;
        profile: string;
        state: 'queued' | 'running' | 'paused' | 'stopping' | 'done';
        verdict: Verdict;
        reason: string;
        current_stage: StageKind | null;
        percent: number;
        eta_usec: number;
        priority: number;
        queued_until_usec: number;
        calendar: string;
        paused_by: string;
        paused_usec: number;
        operator: string;
        unlocked: string;
        unlocked_pool: string;
        unlocked_by: string;
        unlock_reason: string;
        note: string;
        created_usec: number;
        started_usec: number;
        finished_usec: number;
        unit: string;
        stages?: Stage[]; // lists leave them out, events those that have not begun
}

export interface Host {
        name: string;
        address: string;
        port: number;
        user: string;
        kind: 'ssh' | 'local' | 'truenas';
        notes: string;
        api_url: string;
        api_pin: string;
        api_verify: boolean;
        api_state: string;
        api_reason: string;
        state: 'new' | 'unconfirmed' | 'online' | 'stale' | 'key-changed' | 'auth';
        state_reason: string;
        last_seen_usec: number;
        hung_polls: number;
        detection_state: string;
        host_key_fingerprint: string;
        seen_host_key_fingerprint: string;
        operating_system: string;
        missing_tools: string;
        drives: number;
}

export interface Grant {
        id: string;
        drive_id: string;
        host: string;
        serial: string;
        role: LockState;
        pool: string;
        in_use: boolean;
        lock_detail: string;
        operator: string;
        reason: string;
        granted_usec: number;
        expires_usec: number;
}

export interface Reading {
        time_usec: number;
        temperature_mdegc: number | null;
        smart_health: string;
        smart: Smart | null;
}

export interface AuditEntry {
        id: number;
        time_usec: number;
        actor: string;
        actor_uid: number;
        action: string;
        object: string;
        outcome: string;
        detail: string;
}

export type SettingValue = number | boolean | string | string[];

export interface Setting {
        name: string;
        type: 'number' | 'boolean' | 'path' | 'ratio' | 'words' | 'networks' | 'text' | 'addresses';
        value: SettingValue;
        default: SettingValue;
        origin: 'default' | 'file' | 'runtime';
        file: string;
        description: string;
        applies: 'at-once' | 'next-stage';
        minimum?: number;
        maximum?: number;
        unit?: string;
}

export type NotifierKind = 'mail' | 'webhook' | 'ntfy' | 'slack' | 'discord' | 'gotify' | 'n8n';

export type Severity = 'info' | 'warning' | 'error';

export interface Notifier {
        name: string;
        kind: NotifierKind;
        built_in: boolean;
        enabled: boolean;
        target: string;
        events: string[];
        hosts: string[];
        severity: Severity;
        has_secret: boolean;
        pending: number;
        dead: number;
        error: string;
}

export interface Delivery {
        id: number;
        notifier: string;
        state: 'pending' | 'delivered' | 'dead';
        event_id: string;
        event: string;
        time_usec: number; // of the event
        title: string;
        host: string;
        job_id: number; // 0 where it is about none
        attempts: number;
        next_usec: number; // of one that is pending, when it is tried; else since when it is not any more
        error: string;
}

export type Role = 'viewer' | 'operator' | 'admin';

export interface Session {
        account: string | null;
        operator: string | null; // what jobs and grants call whoever is logged in
        role: Role | null;
        csrf: string | null;
        expires_usec: number;
        idle_usec: number;
        first: boolean;
        version: string;
        now_usec: number; // by the clock there
}

export interface Account {
        name: string;
        role: Role;
        created_usec: number;
        password_usec: number;
        login_usec: number;
        locked_usec: number;
}

export interface SessionEntry {
        id: number;
        account: string;
        address: string;
        created_usec: number;
        seen_usec: number;
        expires_usec: number;
}

export interface StartRequest {
        drive_ids: string[];
        profile?: string;
        stages?: ChosenStage[];
        serials?: Record<string, string>;
        confirm?: boolean;
        unlock?: boolean;
        release?: boolean;
        note?: string;
        at_usec?: number;
        calendar?: string;
        unlock_existing?: boolean;
        priority?: number;
        request: string;
}

export interface StartResult {
        queued: number;
        skipped: number;
        locked: number;
        results: { drive_id: string; result: 'queued' | 'skipped' | 'locked'; job_id: number | null; error: { code: string; message: string } | null }[];
}

export interface Estimate {
        estimates: { drive_id: string; low_usec: number; high_usec: number; basis: 'history' | 'class'; jobs: number }[];
        low_usec: number;
        high_usec: number;
}

export interface Paged<T> {
        items: T[];
        total: number;
}

export interface VerdictCounts {
        passed: number;
        failed: number;
        inconclusive: number;
        cancelled: number;
}

export interface Statistics {
        since_usec: number;
        jobs: number;
        verdicts: VerdictCounts;
        models: (VerdictCounts & { model: string; pass_rate: number | null; hours_per_tb: number | null })[];
        days: (VerdictCounts & { date: string; queued: number })[]; // beyond 400 days months, as 2026-11
        failures_by_stage: { stage: StageKind; failed: number; inconclusive: number }[];
}

export interface Drawer {
        drive: Drive;
        job: Job | null; // the active one, else the last
        jobs: Job[];
}

export interface LogPiece {
        stage: StageKind;
        index: number;
        offset: number;
        next_offset: number;
        size: number;
        done: boolean;
        text: string;
}

// What the event of a job's end has: the job itself.
export type JobAlert = Job;
