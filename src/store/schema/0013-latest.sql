-- SPDX-License-Identifier: LGPL-2.1-or-later
--
-- The last burn-in of each drive is found without reading its other jobs, and those since a time without the older ones.

CREATE INDEX jobs_ended ON jobs (drive, id) WHERE kind = 'burn-in' AND state = 'done';
CREATE INDEX jobs_created ON jobs (created_usec) WHERE kind = 'burn-in';
