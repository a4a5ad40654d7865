-- SPDX-License-Identifier: LGPL-2.1-or-later
--
-- Times are microseconds since 1970 (0: never). Numbers over 2^63-1 are stored as 2^63-1, which reads as 'infinite'. States
-- are the words of src/shared/enums.c; a test stores each of them. Never change this file once it was released: add the next.

CREATE TABLE hosts (
        name TEXT NOT NULL PRIMARY KEY CHECK (name <> ''),
        address TEXT NOT NULL,
        user TEXT,
        kind TEXT,
        notes TEXT,
        host_key TEXT,
        host_key_sha256 TEXT,
        port INTEGER NOT NULL CHECK (port BETWEEN 0 AND 65535),
        added_usec INTEGER NOT NULL CHECK (added_usec >= 0),
        last_seen_usec INTEGER NOT NULL CHECK (last_seen_usec >= 0)
) STRICT;

CREATE TABLE drives (
        id TEXT NOT NULL PRIMARY KEY CHECK (id <> ''),
        -- A drive outlives its host.
        host TEXT REFERENCES hosts (name) ON DELETE SET NULL,
        kname TEXT,
        by_id TEXT,
        transport TEXT,
        wwn TEXT,
        serial TEXT,
        model TEXT,
        size_bytes INTEGER NOT NULL CHECK (size_bytes >= 0),
        fingerprint TEXT,
        rotational INTEGER NOT NULL CHECK (rotational IN (0, 1)),
        lock_role TEXT NOT NULL CHECK (lock_role IN ('none', 'unclassified', 'existing-data', 'exported-pool', 'storage-member',
                'mounted', 'active-pool', 'boot-pool', 'in-use', 'remnant')),
        lock_pool TEXT,
        lock_guid TEXT,
        lock_detail TEXT,
        location TEXT,
        notes TEXT,
        smart TEXT,
        smart_usec INTEGER NOT NULL CHECK (smart_usec >= 0),
        first_seen_usec INTEGER NOT NULL CHECK (first_seen_usec >= 0),
        last_seen_usec INTEGER NOT NULL CHECK (last_seen_usec >= 0)
) STRICT;

CREATE INDEX drives_by_host ON drives (host);

-- AUTOINCREMENT: the number of a job is never used again. What a job says of host and drive is how they were when it was
-- submitted, so it refers to no row of theirs.
CREATE TABLE jobs (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        kind TEXT NOT NULL,
        profile TEXT,
        drive TEXT NOT NULL CHECK (drive <> ''),
        host TEXT,
        kname TEXT,
        serial TEXT,
        model TEXT,
        identity TEXT,
        content TEXT,
        state TEXT NOT NULL CHECK (state IN ('queued', 'running', 'stopping', 'done')),
        verdict TEXT NOT NULL CHECK (verdict IN ('', 'passed', 'inconclusive', 'failed', 'cancelled')),
        reason TEXT,
        operator TEXT,
        note TEXT,
        request TEXT,
        cancelled_by TEXT,
        priority INTEGER NOT NULL,
        percent REAL NOT NULL CHECK (percent BETWEEN 0 AND 100),
        created_usec INTEGER NOT NULL CHECK (created_usec >= 0),
        started_usec INTEGER NOT NULL CHECK (started_usec >= 0),
        finished_usec INTEGER NOT NULL CHECK (finished_usec >= 0),
        -- What has ended has ended somehow.
        CHECK (state <> 'done' OR verdict <> '')
) STRICT;

-- Two tests that write to one drive would each prove the other wrong.
CREATE UNIQUE INDEX jobs_one_active_per_drive ON jobs (drive) WHERE state <> 'done';
-- A request that is sent twice starts nothing twice.
CREATE UNIQUE INDEX jobs_one_per_request ON jobs (request, drive) WHERE request IS NOT NULL;
CREATE INDEX jobs_active ON jobs (id) WHERE state <> 'done';
CREATE INDEX jobs_by_drive ON jobs (drive, id);
CREATE INDEX jobs_by_host ON jobs (host, id);
CREATE INDEX jobs_by_verdict ON jobs (verdict, id);

CREATE TABLE stages (
        job INTEGER NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
        stage INTEGER NOT NULL CHECK (stage BETWEEN 0 AND 4294967295),
        kind TEXT NOT NULL CHECK (kind IN ('precheck', 'surface_validate', 'final_check')),
        state TEXT NOT NULL CHECK (state IN ('pending', 'starting', 'running', 'stopping', 'done')),
        verdict TEXT NOT NULL CHECK (verdict IN ('', 'skipped', 'passed', 'inconclusive', 'failed', 'cancelled')),
        reason TEXT,
        attempt INTEGER NOT NULL CHECK (attempt BETWEEN 0 AND 4294967295),
        run TEXT UNIQUE CHECK (length(run) = 32 AND run NOT GLOB '*[^0-9a-f]*'),
        run_sent INTEGER NOT NULL CHECK (run_sent IN (0, 1)),
        settings TEXT,
        last_seq INTEGER NOT NULL CHECK (last_seq >= 0),
        percent REAL NOT NULL CHECK (percent BETWEEN 0 AND 100),
        phase_percent REAL NOT NULL CHECK (phase_percent BETWEEN 0 AND 100),
        phase INTEGER NOT NULL CHECK (phase BETWEEN 0 AND 4294967295),
        phases INTEGER NOT NULL CHECK (phases BETWEEN 0 AND 4294967295),
        phase_name TEXT,
        bytes_per_second INTEGER NOT NULL CHECK (bytes_per_second >= 0),
        bad_blocks INTEGER NOT NULL CHECK (bad_blocks >= 0),
        work_bytes INTEGER NOT NULL CHECK (work_bytes >= 0),
        eta_usec INTEGER NOT NULL CHECK (eta_usec >= 0),
        temperature_mdegc INTEGER,
        started_usec INTEGER NOT NULL CHECK (started_usec >= 0),
        finished_usec INTEGER NOT NULL CHECK (finished_usec >= 0),
        report TEXT,
        PRIMARY KEY (job, stage),
        CHECK (state <> 'done' OR verdict <> ''),
        -- A run that may exist on a host has a name to find it by.
        CHECK (run_sent = 0 OR run IS NOT NULL)
) STRICT;

CREATE TABLE phases (
        job INTEGER NOT NULL,
        stage INTEGER NOT NULL,
        number INTEGER NOT NULL CHECK (number BETWEEN 0 AND 4294967295),
        name TEXT,
        started_usec INTEGER NOT NULL CHECK (started_usec >= 0),
        PRIMARY KEY (job, stage, number),
        FOREIGN KEY (job, stage) REFERENCES stages (job, stage) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

-- No reference to anything: a run that may still write to a drive is remembered whatever else was removed.
CREATE TABLE remnants (
        run TEXT NOT NULL PRIMARY KEY CHECK (run <> ''),
        drive TEXT NOT NULL CHECK (drive <> ''),
        host TEXT,
        job INTEGER NOT NULL CHECK (job >= 0),
        since_usec INTEGER NOT NULL CHECK (since_usec >= 0)
) STRICT;

CREATE TABLE audit (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        time_usec INTEGER NOT NULL CHECK (time_usec >= 0),
        actor TEXT,
        actor_uid INTEGER NOT NULL CHECK (actor_uid BETWEEN 0 AND 4294967295),
        action TEXT NOT NULL,
        object TEXT,
        outcome TEXT NOT NULL,
        detail TEXT
) STRICT;

CREATE TRIGGER audit_is_never_changed BEFORE UPDATE ON audit BEGIN
        SELECT RAISE (ABORT, 'the audit is append-only');
END;

CREATE TRIGGER audit_is_never_removed BEFORE DELETE ON audit BEGIN
        SELECT RAISE (ABORT, 'the audit is append-only');
END;

-- One row, written to learn whether the database can be written.
CREATE TABLE health (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        checked_usec INTEGER NOT NULL
) STRICT;
