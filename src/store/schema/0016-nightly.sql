-- SPDX-License-Identifier: LGPL-2.1-or-later
--
-- What the last nightly run did: one row.

CREATE TABLE nightly (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        started_usec INTEGER NOT NULL CHECK (started_usec > 0),
        duration_usec INTEGER NOT NULL CHECK (duration_usec >= 0),
        readings INTEGER NOT NULL CHECK (readings >= 0),
        jobs INTEGER NOT NULL CHECK (jobs >= 0),
        -- What went wrong, in words; NULL: nothing.
        error TEXT
) STRICT;
