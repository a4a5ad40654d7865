-- SPDX-License-Identifier: LGPL-2.1-or-later
--
-- How far stages are that run: a few numbers beside the row of the stage, which is a page or more with its settings. So a second of a
-- thousand stages is some twenty pages. Newer than what that row says; gone whenever that row is written.

CREATE TABLE stage_progress (
        job INTEGER NOT NULL,
        stage INTEGER NOT NULL,
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
        PRIMARY KEY (job, stage),
        FOREIGN KEY (job, stage) REFERENCES stages (job, stage) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
