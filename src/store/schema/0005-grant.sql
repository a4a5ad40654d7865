-- SPDX-License-Identifier: LGPL-2.1-or-later
--
-- What a job was allowed to destroy although its drive was locked. A grant that waits for its job lives in memory alone; this is
-- the one that a job took along, which must hold over any restart.

ALTER TABLE drives ADD COLUMN lock_used INTEGER NOT NULL DEFAULT 0 CHECK (lock_used IN (0, 1));

CREATE TABLE grants (
        job INTEGER NOT NULL PRIMARY KEY REFERENCES jobs (id) ON DELETE CASCADE,
        -- A grant serves one job.
        id TEXT NOT NULL UNIQUE CHECK (length(id) = 16 AND id NOT GLOB '*[^0-9a-f]*'),
        drive TEXT NOT NULL CHECK (drive <> ''),
        host TEXT NOT NULL CHECK (host <> ''),
        lock_role TEXT NOT NULL CHECK (lock_role IN ('existing-data', 'exported-pool', 'storage-member', 'mounted', 'active-pool',
                'boot-pool')),
        lock_pool TEXT,
        lock_guid TEXT,
        lock_used INTEGER NOT NULL CHECK (lock_used IN (0, 1)),
        lock_detail TEXT,
        release INTEGER NOT NULL CHECK (release IN (0, 1)),
        operator TEXT NOT NULL CHECK (operator <> ''),
        operator_uid INTEGER NOT NULL CHECK (operator_uid BETWEEN 0 AND 4294967295),
        reason TEXT NOT NULL CHECK (reason <> ''),
        granted_usec INTEGER NOT NULL CHECK (granted_usec > 0),
        -- A pool that is imported is told from another one of its name by its guid.
        CHECK (lock_role NOT IN ('active-pool', 'boot-pool') OR (lock_pool IS NOT NULL AND lock_guid IS NOT NULL))
) STRICT;
