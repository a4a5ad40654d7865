-- SPDX-License-Identifier: LGPL-2.1-or-later
--
-- NVMe drives that erase themselves: two kinds of stages more, for which the table has to be made anew.

CREATE TABLE stages_new (
        job INTEGER NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
        stage INTEGER NOT NULL CHECK (stage BETWEEN 0 AND 4294967295),
        kind TEXT NOT NULL CHECK (kind IN ('precheck', 'short_smart', 'long_smart', 'surface_validate',
                'nvme_format', 'nvme_sanitize', 'final_check')),
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

INSERT INTO stages_new SELECT * FROM stages;
DROP TABLE stages;
ALTER TABLE stages_new RENAME TO stages;
