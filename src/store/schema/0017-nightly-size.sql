-- SPDX-License-Identifier: LGPL-2.1-or-later
--
-- Of the jobs whose files went: those because the files of all jobs took too much, and what the others took then.

ALTER TABLE nightly ADD COLUMN jobs_for_size INTEGER NOT NULL DEFAULT 0 CHECK (jobs_for_size >= 0);
ALTER TABLE nightly ADD COLUMN log_bytes INTEGER NOT NULL DEFAULT 0 CHECK (log_bytes >= 0);
