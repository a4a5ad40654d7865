/* SPDX-License-Identifier: LGPL-2.1-or-later */
#undef NDEBUG

#include "store-sample.h"

/* From each schema there ever was to the last one: the database is the same as a new one, and has what it had. */

/* Rows as the first schema that has them took them. A job that has ended and one that runs. */
#define JOB                                                                                                 \
        "INSERT INTO jobs (kind, profile, drive, host, serial, priority, id, state, verdict, percent, created_usec, started_usec, finished_usec"
#define JOB_VALUES ") VALUES ('burn-in', 'surface', 'wwn-1', 'nas1', 'ZA1', 5, "
static const struct {
        size_t since, before; /* before 0: to the last */
        const char *sql;
} fills[] = {
        { 1, 0,
          "INSERT INTO hosts (name, address, port, added_usec, last_seen_usec) VALUES ('nas1', '192.0.2.1', 22, 1, 2)" },
        { 1, 0,
          "INSERT INTO drives (id, host, serial, size_bytes, rotational, lock_role, smart_usec, first_seen_usec, last_seen_usec) "
          "VALUES ('wwn-1', 'nas1', 'ZA1', 4096, 1, 'none', 0, 1, 2)" },
        { 1, 3, JOB JOB_VALUES "3, 'queued', '', 100, 1, 2, 3)" },
        { 1, 3,
          JOB
          ", model) VALUES ('burn-in', 'surface', 'wwn-2', 'nas1', 'ZA2', 5, 5, 'queued', '', 100, 1, 2, 3, 'ST1')" },
        { 3, 0,
          JOB ", not_before_usec, paused_usec, pauses_usec" JOB_VALUES
              "3, 'queued', '', 100, 1, 2, 3, 0, 0, 0)" },
        { 3, 0,
          JOB
          ", not_before_usec, paused_usec, pauses_usec, model) VALUES ('burn-in', 'surface', 'wwn-2', 'nas1', 'ZA2', 5, "
          "5, 'queued', '', 100, 1, 2, 3, 0, 0, 0, 'ST1')" },
        { 1, 0, "UPDATE jobs SET state = 'done', verdict = 'passed'" },
        { 1, 3, JOB JOB_VALUES "7, 'running', '', 10, 4, 5, 0)" },
        { 3, 0,
          JOB ", not_before_usec, paused_usec, pauses_usec" JOB_VALUES
              "7, 'running', '', 10, 4, 5, 0, 0, 0, 0)" },
        { 1, 0,
          "INSERT INTO stages (job, stage, kind, state, verdict, attempt, run, run_sent, last_seq, percent, phase_percent, phase, "
          "phases, bytes_per_second, bad_blocks, work_bytes, eta_usec, started_usec, finished_usec, report) "
          "VALUES (7, 0, 'surface_validate', 'running', '', 1, '0123456789abcdef0123456789abcdef', 1, 9, 10, 20, 1, 8, 100, 0, 50, 0, "
          "5, 0, '{}')" },
        { 1, 0,
          "INSERT INTO stages (job, stage, kind, state, verdict, attempt, run_sent, last_seq, percent, phase_percent, phase, "
          "phases, bytes_per_second, bad_blocks, work_bytes, eta_usec, started_usec, finished_usec, report) "
          "VALUES (5, 0, 'surface_validate', 'done', 'passed', 1, 0, 9, 100, 100, 8, 8, 0, 0, 0, 0, 5, 6, "
          "'{\"details\":{\"phases\":[{\"bytes_per_second\":200}]}}')" },
        { 17, 0,
          "INSERT INTO surface_speeds (model, drive, bytes_per_second, finished_usec) VALUES ('ST1', 'wwn-2', 200, 6)" },
        { 1, 0,
          "INSERT INTO phases (job, stage, number, name, started_usec) VALUES (7, 0, 1, 'Write 0xaa', 6)" },
        { 1, 0, "INSERT INTO remnants (run, drive, job, since_usec) VALUES ('r1', 'wwn-1', 3, 1)" },
        { 1, 0,
          "INSERT INTO audit (time_usec, actor, actor_uid, action, object, outcome) VALUES (1, 'root', 0, 'a', 'b', 'ok')" },
        { 6, 0,
          "INSERT INTO hosts (name, address, port, added_usec, last_seen_usec, api_url, api_verify) "
          "VALUES ('tn1', '192.0.2.2', 22, 1, 2, 'https://192.0.2.2', 0)" },
        { 8, 0,
          "INSERT INTO stage_progress (job, stage, last_seq, percent, phase_percent, phase, phases, bytes_per_second, bad_blocks, "
          "work_bytes, eta_usec) VALUES (7, 0, 10, 11, 21, 1, 8, 100, 0, 60, 0)" },
        { 2, 0, "INSERT INTO settings (name, value) VALUES ('max_per_host', '3')" },
        { 4, 0,
          "INSERT INTO grants (job, id, drive, host, lock_role, lock_used, release, operator, operator_uid, reason, granted_usec) "
          "VALUES (7, '0123456789abcdef', 'wwn-1', 'nas1', 'existing-data', 0, 0, 'alice', 1000, 'old', 1)" },
        { 7, 0,
          "INSERT INTO readings (drive, time_usec, health, changed, smart) VALUES ('wwn-1', 5, 'passed', 1, '{}')" },
        { 9, 0,
          "INSERT INTO accounts (name, role, password_hash, created_usec, password_usec, login_usec) "
          "VALUES ('alice', 'admin', '$y$', 1, 1, 0)" },
        { 9, 0,
          "INSERT INTO sessions (token_sha256, account, address, created_usec, seen_usec) "
          "VALUES ('0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef', 'alice', '', 1, 2)" },
        { 9, 0,
          "INSERT INTO lockouts (subject, failures, last_usec, until_usec) VALUES ('account bob', 3, 1, 2)" },
        { 10, 0, "UPDATE drives SET bay = 'slot 3' WHERE id = 'wwn-1'" },
        { 13, 0,
          "INSERT INTO notifiers (name, kind, enabled, target, events, hosts, severity, added_usec) "
          "VALUES ('chat', 'slack', 1, 'https://chat', '', '', 'info', 1)" },
        { 13, 0,
          "INSERT INTO events (id, kind, time_usec, body) VALUES ('0123456789abcdef0123456789abcdef', 'job_failed', 1, '{}')" },
        { 13, 0,
          "INSERT INTO deliveries (event, notifier, state, attempts, queued_usec, next_usec) "
          "VALUES ('0123456789abcdef0123456789abcdef', 'chat', 'pending', 2, 1, 3)" },
        { 16, 0, "UPDATE hosts SET lost = 1 WHERE name = 'nas1'" },
        { 14, 0,
          "INSERT INTO nightly (one, started_usec, duration_usec, readings, jobs) VALUES (1, 4, 5, 6, 7)" },
};

/* What the rows of a table say, in the columns that every schema had. */
static const struct {
        size_t since;
        const char *sql;
} checks[] = {
        { 1,
          "SELECT count(*) FROM hosts WHERE name = 'nas1' AND address = '192.0.2.1' AND last_seen_usec = 2" },
        { 1,
          "SELECT count(*) FROM drives WHERE id = 'wwn-1' AND host = 'nas1' AND serial = 'ZA1' AND size_bytes = 4096" },
        { 1, "SELECT count(*) FROM jobs WHERE id = 3 AND verdict = 'passed' AND finished_usec = 3" },
        { 1,
          "SELECT count(*) FROM jobs WHERE id = 7 AND state = 'running' AND priority = 5 AND percent = 10" },
        { 1,
          "SELECT count(*) FROM stages WHERE job = 7 AND kind = 'surface_validate' AND state = 'running' AND run_sent AND last_seq = 9 AND "
          "work_bytes = 50 AND report = '{}' AND run = '0123456789abcdef0123456789abcdef'" },
        { 1, "SELECT count(*) FROM phases WHERE job = 7 AND number = 1 AND name = 'Write 0xaa'" },
        { 1, "SELECT count(*) FROM remnants WHERE run = 'r1' AND job = 3" },
        { 1, "SELECT count(*) FROM audit WHERE actor = 'root' AND outcome = 'ok'" },
        { 2, "SELECT count(*) FROM settings WHERE name = 'max_per_host' AND value = '3'" },
        { 4, "SELECT count(*) FROM grants WHERE job = 7 AND reason = 'old'" },
        { 7, "SELECT count(*) FROM readings WHERE drive = 'wwn-1' AND time_usec = 5" },
        { 6,
          "SELECT count(*) FROM hosts WHERE name = 'tn1' AND api_url = 'https://192.0.2.2' AND NOT api_verify" },
        { 8, "SELECT count(*) FROM stage_progress WHERE job = 7 AND last_seq = 10 AND work_bytes = 60" },
        { 9, "SELECT count(*) FROM accounts WHERE name = 'alice' AND role = 'admin'" },
        { 9, "SELECT count(*) FROM sessions WHERE account = 'alice' AND seen_usec = 2" },
        { 9, "SELECT count(*) FROM lockouts WHERE subject = 'account bob' AND failures = 3" },
        { 10, "SELECT count(*) FROM drives WHERE bay = 'slot 3'" },
        { 13, "SELECT count(*) FROM notifiers WHERE name = 'chat' AND target = 'https://chat'" },
        { 13,
          "SELECT count(*) FROM deliveries JOIN events ON events.id = event WHERE notifier = 'chat' AND attempts = 2" },
        { 14, "SELECT count(*) FROM nightly WHERE started_usec = 4 AND jobs = 7" },
        { 16, "SELECT count(*) FROM hosts WHERE lost" },
        /* What had been queued and had ended before anybody counted. */
        { 1,
          "SELECT count(*) FROM job_counts WHERE period = 'month' AND part = 'model' AND name = '' AND jobs = 2 AND passed = 1" },
        { 1,
          "SELECT count(*) FROM surface_speeds WHERE model = 'ST1' AND drive = 'wwn-2' AND bytes_per_second = 200" },
};

/* All that the database is made of, in one order, and without the blanks in which two ways of making it differ. */
static char *layout(Store *s)
{
        _cleanup_free_ char *all = strdup("");
        sqlite3_stmt *stmt;

        assert(all);
        assert(sqlite3_prepare_v2(s->db,
                                  "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY type, name",
                                  -1, &stmt, NULL) == SQLITE_OK);
        while (sqlite3_step(stmt) == SQLITE_ROW) {
                char *more = strf("%s%s;\n", all, (const char *) sqlite3_column_text(stmt, 0));

                assert(more);
                free(all);
                all = more;
        }
        sqlite3_finalize(stmt);
        return TAKE_PTR(all);
}

static void test_from(size_t version, const char *expected)
{
        _cleanup_scratch_ char *dir = scratch_new();
        _cleanup_free_ char *path = strf("%s/burnin.db", dir), *now = NULL;
        _cleanup_(store_closep) Store *s = NULL;
        JobRecord j = job_sample();
        int from;

        assert_ok(store_open_schemas(path, store_schemas, version, &s, NULL));
        for (size_t i = 0; i < ELEMENTSOF(fills); i++)
                if (version >= fills[i].since && (fills[i].before == 0 || version < fills[i].before))
                        assert_ok(store_exec(s, fills[i].sql));
        s = store_close(s);

        assert_ok(store_open(path, &s, &from));
        assert(version == store_n_schemas ? from == -1 : from == (int) version);
        now = layout(s);
        if (!streq(now, expected))
                fprintf(stderr, "From schema %zu:\n%s\ninstead of\n%s\n", version, now, expected);
        assert(streq(now, expected));
        for (size_t i = 0; i < ELEMENTSOF(checks); i++) {
                if (version >= checks[i].since && query(s, checks[i].sql) != 1)
                        fprintf(stderr, "From schema %zu: %s\n", version, checks[i].sql);
                assert(version < checks[i].since || query(s, checks[i].sql) == 1);
        }
        assert_sound(s);
        assert_counted(s);

        /* The numbers go on where they were. */
        j.drive = (char *) "wwn-2";
        assert_ok(store_job_put(s, &j));
        assert(j.id == 8);
}

int main(void)
{
        _cleanup_scratch_ char *dir = scratch_new();
        _cleanup_(store_closep) Store *s = store_in(dir);
        _cleanup_free_ char *expected = layout(s);

        for (size_t version = 1; version <= store_n_schemas; version++)
                test_from(version, expected);

        return 0;
}
