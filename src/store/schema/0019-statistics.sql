-- SPDX-License-Identifier: LGPL-2.1-or-later
--
-- What became of burn-ins, counted when it happens: a look at years of them costs no more than one at their days, or months.
-- Jobs that are removed by hand stay counted. Who makes the table of the jobs anew makes the triggers anew.

CREATE TABLE job_counts (
        period TEXT NOT NULL CHECK (period IN ('day', 'month')),
        -- In which the jobs were queued, in UTC: 2026-11-21, or 2026-11.
        queued TEXT NOT NULL,
        -- Of what: a model, a day or month, a kind of stage.
        part TEXT NOT NULL CHECK (part IN ('model', 'day', 'month', 'stage')),
        name TEXT NOT NULL,
        jobs INTEGER NOT NULL CHECK (jobs >= 0),
        passed INTEGER NOT NULL CHECK (passed >= 0),
        failed INTEGER NOT NULL CHECK (failed >= 0),
        inconclusive INTEGER NOT NULL CHECK (inconclusive >= 0),
        cancelled INTEGER NOT NULL CHECK (cancelled >= 0),
        -- Of whole surfaces alone: how long they took, and how large they are.
        usec INTEGER NOT NULL CHECK (usec >= 0),
        bytes INTEGER NOT NULL CHECK (bytes >= 0),
        PRIMARY KEY (period, queued, part, name)
) STRICT, WITHOUT ROWID;

-- What each job adds, when it is queued (ended 0) and when it has ended (1). Whole surfaces write four patterns once: others would take
-- other hours, and so would pauses.
CREATE VIEW job_adds (job, ended, period, queued, part, name, jobs, passed, failed, inconclusive, cancelled, usec, bytes) AS
        SELECT a.job, a.ended, p.period, substr(date(a.created_usec / 1000000, 'unixepoch'), 1, p.length),
                CASE a.part WHEN 'day' THEN p.period ELSE a.part END,
                CASE a.part WHEN 'day' THEN substr(a.name, 1, p.length) ELSE a.name END,
                a.jobs, a.verdict = 'passed', a.verdict = 'failed', a.verdict = 'inconclusive', a.verdict = 'cancelled',
                a.usec, a.bytes
        FROM (SELECT 'day' AS period, 10 AS length UNION ALL SELECT 'month', 7) p JOIN (
                SELECT id AS job, 0 AS ended, created_usec, 'model' AS part, ifnull(model, '') AS name, 1 AS jobs, '' AS verdict,
                        0 AS usec, 0 AS bytes
                        FROM jobs WHERE kind = 'burn-in'
                UNION ALL SELECT id, 0, created_usec, 'day', date(created_usec / 1000000, 'unixepoch'), 1, '', 0, 0
                        FROM jobs WHERE kind = 'burn-in'
                UNION ALL SELECT j.id, 1, j.created_usec, 'model', ifnull(j.model, ''), 0, j.verdict,
                        CASE WHEN d.id IS NULL THEN 0 ELSE j.finished_usec - j.started_usec - j.pauses_usec END,
                        ifnull(d.size_bytes, 0)
                        FROM jobs j LEFT JOIN drives d ON d.id = j.drive AND d.size_bytes > 0
                        AND j.verdict = 'passed' AND j.profile IN ('full', 'surface', 'surface_short', 'surface_long')
                        AND j.started_usec > 0 AND j.finished_usec - j.started_usec > j.pauses_usec
                        AND NOT EXISTS (SELECT 1 FROM stages WHERE job = j.id AND kind = 'surface_validate' AND phases > 8)
                        WHERE j.kind = 'burn-in' AND j.state = 'done'
                UNION ALL SELECT id, 1, created_usec, 'day', date(finished_usec / 1000000, 'unixepoch'), 0, verdict, 0, 0
                        FROM jobs WHERE kind = 'burn-in' AND state = 'done'
                UNION ALL SELECT j.id, 1, j.created_usec, 'stage', s.kind, 1, j.verdict, 0, 0
                        FROM jobs j JOIN stages s ON s.job = j.id AND s.stage =
                                (SELECT min(stage) FROM stages WHERE job = j.id AND verdict = j.verdict)
                        WHERE j.kind = 'burn-in' AND j.state = 'done' AND j.verdict IN ('failed', 'inconclusive')) a;

CREATE TRIGGER job_is_counted AFTER INSERT ON jobs WHEN NEW.kind = 'burn-in' BEGIN
        INSERT INTO job_counts SELECT period, queued, part, name, jobs, passed, failed, inconclusive, cancelled, usec, bytes
                FROM job_adds WHERE job = NEW.id
                ON CONFLICT DO UPDATE SET jobs = jobs + excluded.jobs, passed = passed + excluded.passed,
                failed = failed + excluded.failed, inconclusive = inconclusive + excluded.inconclusive,
                cancelled = cancelled + excluded.cancelled, usec = usec + excluded.usec, bytes = bytes + excluded.bytes;
END;

CREATE TRIGGER job_end_is_counted AFTER UPDATE OF state ON jobs
                WHEN NEW.kind = 'burn-in' AND NEW.state = 'done' AND OLD.state <> 'done' BEGIN
        INSERT INTO job_counts SELECT period, queued, part, name, jobs, passed, failed, inconclusive, cancelled, usec, bytes
                FROM job_adds WHERE job = NEW.id AND ended
                ON CONFLICT DO UPDATE SET jobs = jobs + excluded.jobs, passed = passed + excluded.passed,
                failed = failed + excluded.failed, inconclusive = inconclusive + excluded.inconclusive,
                cancelled = cancelled + excluded.cancelled, usec = usec + excluded.usec, bytes = bytes + excluded.bytes;
END;

INSERT INTO job_counts SELECT period, queued, part, name, sum(jobs), sum(passed), sum(failed), sum(inconclusive), sum(cancelled),
        sum(usec), sum(bytes) FROM job_adds GROUP BY period, queued, part, name;

DROP INDEX jobs_created;

-- What ended lately is found without reading what ended before, and so is what ended on a host in one way, what was done of one kind, and
-- what a notifier was not told.
CREATE INDEX jobs_by_host_and_verdict ON jobs (host, verdict, id);
CREATE INDEX jobs_finished ON jobs (verdict, finished_usec, state) WHERE state = 'done';
CREATE INDEX audit_by_action ON audit (action, outcome, time_usec);
CREATE INDEX deliveries_by_state ON deliveries (state, notifier, id);

-- How fast the first phase of a drive's last surface was: what others of its model are held against.
CREATE TABLE surface_speeds (
        model TEXT NOT NULL,
        drive TEXT NOT NULL,
        bytes_per_second INTEGER NOT NULL CHECK (bytes_per_second > 0),
        finished_usec INTEGER NOT NULL CHECK (finished_usec >= 0),
        PRIMARY KEY (model, drive)
) STRICT, WITHOUT ROWID;
CREATE INDEX surface_speeds_by_time ON surface_speeds (model, finished_usec);

INSERT INTO surface_speeds SELECT model, drive, speed, max(finished_usec) FROM (
        SELECT j.model, j.drive, json_extract(s.report, '$.details.phases[0].bytes_per_second') AS speed, s.finished_usec
        FROM stages s JOIN jobs j ON j.id = s.job
        WHERE s.kind = 'surface_validate' AND s.state = 'done' AND j.model IS NOT NULL AND json_valid(s.report))
        WHERE typeof(speed) = 'integer' AND speed > 0 GROUP BY model, drive;
