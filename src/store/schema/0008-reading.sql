-- SPDX-License-Identifier: LGPL-2.1-or-later
--
-- What SMART readings said of a drive over time. They go with their drive.

CREATE TABLE readings (
        drive TEXT NOT NULL REFERENCES drives (id) ON DELETE CASCADE,
        time_usec INTEGER NOT NULL CHECK (time_usec >= 0),
        temperature_mdegc INTEGER,
        health TEXT NOT NULL CHECK (health IN ('unknown', 'passed', 'failed')),
        -- Its health or a counter is not that of the reading before. Thinning keeps it.
        changed INTEGER NOT NULL CHECK (changed IN (0, 1)),
        smart TEXT NOT NULL,
        PRIMARY KEY (drive, time_usec)
) STRICT, WITHOUT ROWID;
