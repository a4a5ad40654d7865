-- SPDX-License-Identifier: LGPL-2.1-or-later
--
-- Jobs that are paused, and jobs that wait for a time. A check cannot be changed in place: the table is made anew, and its rows
-- and the last number it gave move over.

CREATE TABLE jobs_new (
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
        state TEXT NOT NULL CHECK (state IN ('queued', 'running', 'paused', 'stopping', 'done')),
        verdict TEXT NOT NULL CHECK (verdict IN ('', 'passed', 'inconclusive', 'failed', 'cancelled')),
        reason TEXT,
        operator TEXT,
        note TEXT,
        request TEXT,
        cancelled_by TEXT,
        priority INTEGER NOT NULL,
        not_before_usec INTEGER NOT NULL CHECK (not_before_usec >= 0),
        calendar TEXT,
        paused_usec INTEGER NOT NULL CHECK (paused_usec >= 0),
        paused_by TEXT,
        paused_reason TEXT,
        pauses_usec INTEGER NOT NULL CHECK (pauses_usec >= 0),
        percent REAL NOT NULL CHECK (percent BETWEEN 0 AND 100),
        created_usec INTEGER NOT NULL CHECK (created_usec >= 0),
        started_usec INTEGER NOT NULL CHECK (started_usec >= 0),
        finished_usec INTEGER NOT NULL CHECK (finished_usec >= 0),
        -- What has ended has ended somehow.
        CHECK (state <> 'done' OR verdict <> ''),
        -- Somebody paused it, some time.
        CHECK (state <> 'paused' OR (paused_usec > 0 AND paused_by IS NOT NULL))
) STRICT;

INSERT INTO jobs_new (id, kind, profile, drive, host, kname, serial, model, identity, content, state, verdict, reason, operator,
                note, request, cancelled_by, priority, not_before_usec, paused_usec, pauses_usec, percent, created_usec,
                started_usec, finished_usec)
        SELECT id, kind, profile, drive, host, kname, serial, model, identity, content, state, verdict, reason, operator,
                note, request, cancelled_by, priority, 0, 0, 0, percent, created_usec, started_usec, finished_usec
        FROM jobs;
UPDATE sqlite_sequence SET seq = (SELECT seq FROM sqlite_sequence WHERE name = 'jobs') WHERE name = 'jobs_new';
DROP TABLE jobs;
ALTER TABLE jobs_new RENAME TO jobs;

-- Two tests that write to one drive would each prove the other wrong.
CREATE UNIQUE INDEX jobs_one_active_per_drive ON jobs (drive) WHERE state <> 'done';
-- A request that is sent twice starts nothing twice.
CREATE UNIQUE INDEX jobs_one_per_request ON jobs (request, drive) WHERE request IS NOT NULL;
CREATE INDEX jobs_active ON jobs (id) WHERE state <> 'done';
CREATE INDEX jobs_by_drive ON jobs (drive, id);
CREATE INDEX jobs_by_host ON jobs (host, id);
CREATE INDEX jobs_by_verdict ON jobs (verdict, id);
-- The history an estimate is made from.
CREATE INDEX jobs_by_model ON jobs (model, profile, verdict, id);
