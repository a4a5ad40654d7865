/* SPDX-License-Identifier: LGPL-2.1-or-later */
#undef NDEBUG

#include <fcntl.h>
#include <math.h>
#include <sys/stat.h>

#include "basic/fd-util.h"
#include "store-sample.h"

extern const char schema_0001_init[];

typedef struct Fixture {
        char *dir, *path;
        Store *store;
} Fixture;

static Fixture fixture_new(void)
{
        Fixture f = { .dir = scratch_new() };

        f.path = strf("%s/burnin.db", f.dir);
        assert(f.path);
        assert_ok(store_open(f.path, &f.store, NULL));
        return f;
}

static void fixture_reopen(Fixture *f)
{
        store_close(f->store);
        f->store = NULL;
        assert_ok(store_open(f->path, &f->store, NULL));
}

static void fixture_done(Fixture *f)
{
        store_close(f->store);
        free(f->path);
        scratch_free(f->dir);
}
#define _cleanup_fixture_ _cleanup_(fixture_done)

/* Callbacks that keep the last record, and count. */
#define DEFINE_TAKER(name, Record)                                                                          \
        typedef struct Record##Taken {                                                                      \
                Record last;                                                                                \
                size_t n;                                                                                   \
        } Record##Taken;                                                                                    \
        static int take_##name(Record *r, void *userdata)                                                   \
        {                                                                                                   \
                Record##Taken *t = userdata;                                                                \
                                                                                                            \
                name##_record_done(&t->last);                                                               \
                t->last = *r;                                                                               \
                *r = (Record){};                                                                            \
                t->n++;                                                                                     \
                return 0;                                                                                   \
        }                                                                                                   \
        static void name##_taken_done(Record##Taken *t)                                                     \
        {                                                                                                   \
                name##_record_done(&t->last);                                                               \
        }                                                                                                   \
        struct _need_semicolon_

DEFINE_TAKER(host, HostRecord);
DEFINE_TAKER(drive, DriveRecord);
DEFINE_TAKER(job, JobRecord);
DEFINE_TAKER(stage, StageRecord);
DEFINE_TAKER(phase, PhaseRecord);
DEFINE_TAKER(remnant, RemnantRecord);
DEFINE_TAKER(setting, SettingRecord);
DEFINE_TAKER(audit, AuditRecord);

#define NO_FILTER                                                                                           \
        {                                                                                                   \
                .state = _JOB_STATE_INVALID, .verdict = _VERDICT_INVALID                                    \
        }

static uint64_t count_jobs(Store *s, const JobFilter *f)
{
        _cleanup_(job_taken_done) JobRecordTaken t = {};
        uint64_t total;

        assert_ok(store_job_list(s, f, take_job, &t, &total));
        assert(t.n <= total);
        return total;
}

static void test_host(void)
{
        _cleanup_(host_taken_done) HostRecordTaken t = {};
        _cleanup_fixture_ Fixture f = fixture_new();
        HostRecord h = host_sample();

        assert_ok(store_host_put(f.store, &h));
        fixture_reopen(&f);
        assert_ok(store_host_list(f.store, take_host, &t));
        assert(t.n == 1);
        assert(streq(t.last.name, h.name) && streq(t.last.address, h.address) && streq(t.last.user, h.user));
        assert(streq(t.last.kind, h.kind) && streq(t.last.notes, h.notes) &&
               streq(t.last.host_key, h.host_key) && streq(t.last.host_key_sha256, h.host_key_sha256));
        assert(t.last.port == 65535 && t.last.added_usec == h.added_usec);
        assert(t.last.last_seen_usec == h.last_seen_usec);

        /* Again by the same name: the row changes, NULL and "" stay apart. */
        h.host_key = NULL;
        h.notes = (char *) "";
        assert_ok(store_host_put(f.store, &h));
        assert_ok(store_host_list(f.store, take_host, &t));
        assert(t.n == 2 && !t.last.host_key && streq(t.last.notes, ""));

        assert(store_host_del(f.store, "nas2") == 0);
        assert(store_host_del(f.store, "nas1") == 1);
        assert_ok(store_host_list(f.store, take_host, &t));
        assert(t.n == 2);
}

static void test_drive(void)
{
        _cleanup_(drive_taken_done) DriveRecordTaken t = {};
        _cleanup_fixture_ Fixture f = fixture_new();
        HostRecord h = host_sample();
        DriveRecord d = drive_sample();

        assert_error(-ENOENT, store_drive_put(f.store, &d)); /* on a host that nobody knows */
        assert_ok(store_host_put(f.store, &h));
        assert_ok(store_drive_put(f.store, &d));
        fixture_reopen(&f);

        assert_ok(store_drive_list(f.store, take_drive, &t));
        assert(t.n == 1);
        assert(streq(t.last.id, d.id) && streq(t.last.host, d.host) && streq(t.last.kname, d.kname));
        assert(streq(t.last.bay, d.bay));
        assert(streq(t.last.by_id, d.by_id) && streq(t.last.transport, d.transport));
        assert(drive_identity_equal(&t.last.identity, &d.identity) && t.last.identity.fingerprint);
        assert(t.last.rotational && drive_lock_equal(&t.last.lock, &d.lock));
        assert(streq(t.last.lock.detail, d.lock.detail) && streq(t.last.location, d.location));
        assert(streq(t.last.notes, d.notes) && streq(t.last.smart, d.smart));
        assert(streq(t.last.self_tests, d.self_tests));
        assert(t.last.smart_usec == 1 && t.last.first_seen_usec == 2 && t.last.last_seen_usec == 3);

        for (int role = 0; role < _LOCK_ROLE_MAX; role++) {
                d.lock.role = (LockRole) role;
                assert_ok(store_drive_put(f.store, &d));
                assert_ok(store_drive_list(f.store, take_drive, &t));
                assert((int) t.last.lock.role == role);
        }
        d.lock.role = _LOCK_ROLE_MAX;
        assert_error(-EINVAL, store_drive_put(f.store, &d));

        /* A drive outlives its host. */
        assert(store_host_del(f.store, "nas1") == 1);
        assert_ok(store_drive_list(f.store, take_drive, &t));
        assert(!t.last.host && streq(t.last.id, d.id));
}

static void test_job(void)
{
        _cleanup_(job_record_done) JobRecord got = {};
        _cleanup_fixture_ Fixture f = fixture_new();
        JobRecord j = job_sample();
        uint64_t first;

        assert_ok(store_job_put(f.store, &j));
        assert(j.id == 1);
        fixture_reopen(&f);
        assert_ok(store_job_get(f.store, 1, &got));
        assert(got.id == 1 && streq(got.kind, j.kind) && streq(got.profile, j.profile));
        assert(streq(got.drive, j.drive) && streq(got.host, j.host) && streq(got.kname, j.kname));
        assert(streq(got.serial, j.serial) && streq(got.model, j.model) && streq(got.identity, j.identity));
        assert(streq(got.content, j.content) && got.state == JOB_QUEUED && got.verdict == VERDICT_NONE);
        assert(streq(got.reason, j.reason) && streq(got.operator, j.operator) && streq(got.note, j.note));
        assert(streq(got.request, j.request) && streq(got.cancelled_by, j.cancelled_by));
        assert(got.priority == -3 && got.percent == 12.5);
        assert(got.not_before_usec == 15 && streq(got.calendar, j.calendar));
        assert(got.paused_usec == 25 && got.pauses_usec == 5 && streq(got.paused_by, j.paused_by));
        assert(streq(got.paused_reason, j.paused_reason));
        assert(got.created_usec == 10 && got.started_usec == 20 && got.finished_usec == 30);

        assert_error(-ENOENT, store_job_get(f.store, 2, &got));
        assert_error(-ENOENT, store_job_get(f.store, UINT64_MAX, &got));
        assert(got.id == 1);

        /* One active job per drive; what has ended has a verdict; no number is used twice. */
        first = j.id;
        j.id = 0;
        j.request = NULL;
        assert_error(-EEXIST, store_job_put(f.store, &j));
        assert(j.id == 0);
        j.id = first;
        j.state = JOB_DONE;
        assert_error(-EINVAL, store_job_put(f.store, &j));
        j.verdict = VERDICT_FAILED;
        assert_ok(store_job_put(f.store, &j));
        assert(sqlite3_exec(f.store->db, "DELETE FROM jobs", NULL, NULL, NULL) == SQLITE_OK);
        j.id = 0;
        assert_ok(store_job_put(f.store, &j));
        assert(j.id == 2);

        /* Somebody paused what is paused, at some time. */
        j.state = JOB_PAUSED;
        j.paused_by = NULL;
        assert_error(-EINVAL, store_job_put(f.store, &j));
        j.paused_by = (char *) "carol";
        j.paused_usec = 0;
        assert_error(-EINVAL, store_job_put(f.store, &j));

        j.id = 77;
        j.state = JOB_QUEUED;
        assert_error(-ENOENT, store_job_put(f.store, &j));
}

static void test_job_words(void)
{
        _cleanup_fixture_ Fixture f = fixture_new();
        JobRecord j = job_sample();

        assert_ok(store_job_put(f.store, &j));
        for (int state = 0; state < _JOB_STATE_MAX; state++)
                for (int verdict = 0; verdict < _VERDICT_MAX; verdict++) {
                        _cleanup_(job_record_done) JobRecord got = {};

                        if (verdict == VERDICT_SKIPPED || (state == JOB_DONE && verdict == VERDICT_NONE))
                                continue;
                        j.state = (JobState) state;
                        j.verdict = (Verdict) verdict;
                        assert_ok(store_job_put(f.store, &j));
                        assert_ok(store_job_get(f.store, j.id, &got));
                        assert((int) got.state == state && (int) got.verdict == verdict);
                }
}

static void test_job_list(void)
{
        _cleanup_(job_taken_done) JobRecordTaken t = {};
        _cleanup_fixture_ Fixture f = fixture_new();
        JobFilter filter = NO_FILTER;
        uint64_t total;

        for (unsigned i = 0; i < 20; i++) {
                _cleanup_free_ char *drive = strf("drive-%u", i);
                JobRecord j = job_sample();

                j.drive = drive;
                j.host = (char *) (i % 2 ? "nas1" : "nas2");
                j.state = i < 15 ? JOB_DONE : JOB_QUEUED;
                j.verdict = i < 5 ? VERDICT_FAILED : i < 15 ? VERDICT_PASSED : VERDICT_NONE;
                j.finished_usec = 100 + i;
                assert_ok(store_job_put(f.store, &j));
        }

        assert(count_jobs(f.store, &filter) == 20);
        filter.finished_usec = 112; /* the last three of those that are done */
        assert(count_jobs(f.store, &filter) == 3);
        filter.finished_usec = 0;
        filter.limit = 3;
        filter.offset = 2;
        assert_ok(store_job_list(f.store, &filter, take_job, &t, &total));
        assert(total == 20 && t.n == 3 && t.last.id == 16); /* newest first: 18, 17, 16 */

        filter = (JobFilter) NO_FILTER;
        filter.active = true;
        assert_ok(store_job_list(f.store, &filter, take_job, &t, &total));
        assert(total == 5 && t.n == 8 && t.last.id == 20); /* oldest first */
        filter.host = "nas1";
        assert(count_jobs(f.store, &filter) == 3);

        filter = (JobFilter) NO_FILTER;
        filter.latest = filter.active = true;
        filter.phases = 8;
        filter.finished_usec = 1;
        filter.host = "nas1";
        filter.verdict = VERDICT_FAILED;
        filter.state = JOB_DONE;
        filter.profile = filter.model = filter.kind = filter.drive = filter.request = "x";
        assert(count_jobs(f.store, &filter) == 0); /* all at once fit */

        filter = (JobFilter) NO_FILTER;
        filter.verdict = VERDICT_FAILED;
        assert(count_jobs(f.store, &filter) == 5);
        filter.host = "nas2";
        assert(count_jobs(f.store, &filter) == 3);
        filter.state = JOB_QUEUED;
        assert(count_jobs(f.store, &filter) == 0);

        filter = (JobFilter) NO_FILTER;
        filter.model = "ST16000";
        filter.profile = "surface";
        assert(count_jobs(f.store, &filter) == 20);
        filter.state = JOB_DONE;
        filter.verdict = VERDICT_PASSED;
        filter.host = "nas1";
        assert(count_jobs(f.store, &filter) == 5);
        filter.profile = "full";
        assert(count_jobs(f.store, &filter) == 0);
        assert(query(f.store,
                     "SELECT count(*) FROM pragma_index_list('jobs') WHERE name = 'jobs_by_model'") == 1);

        filter = (JobFilter) NO_FILTER;
        filter.drive = "drive-7";
        filter.request = "request-1";
        assert(count_jobs(f.store, &filter) == 1);
        filter.drive = "' OR 1 --";
        assert(count_jobs(f.store, &filter) == 0);

        filter = (JobFilter) NO_FILTER;
        filter.verdict = _VERDICT_MAX;
        assert_error(-EINVAL, store_job_list(f.store, &filter, take_job, &t, NULL));
}

static uint64_t put_job_with_stage(Store *s)
{
        JobRecord j = job_sample();
        StageRecord g;

        j.request = NULL;
        assert_ok(store_job_put(s, &j));
        g = stage_sample(j.id, 1);
        assert_ok(store_stage_put(s, &g));
        return j.id;
}

static void test_stage(void)
{
        _cleanup_(stage_taken_done) StageRecordTaken t = {};
        _cleanup_fixture_ Fixture f = fixture_new();
        StageRecord g = stage_sample(1, 1);
        uint64_t job;

        assert_error(-ENOENT, store_stage_put(f.store, &g));
        job = put_job_with_stage(f.store);
        fixture_reopen(&f);

        assert_ok(store_stage_list(f.store, job, take_stage, &t));
        assert(t.n == 1 && t.last.job == job && t.last.index == 1);
        assert(count_jobs(f.store, &(JobFilter){ .state = -1, .verdict = -1, .phases = 8 }) == 1);
        assert(count_jobs(f.store, &(JobFilter){ .state = -1, .verdict = -1, .phases = 16 }) == 0);
        assert(t.last.kind == g.kind && t.last.state == g.state && t.last.verdict == g.verdict);
        assert(streq(t.last.reason, g.reason) && t.last.attempt == UINT32_MAX && streq(t.last.run, g.run));
        assert(t.last.run_sent && streq(t.last.settings, g.settings) && t.last.last_seq == 99);
        assert(t.last.percent == 1.5 && t.last.phase_percent == 33.25 && t.last.phase == 2 &&
               t.last.phases == 8);
        assert(streq(t.last.phase_name, g.phase_name) && t.last.bytes_per_second == g.bytes_per_second);
        assert(t.last.bad_blocks == 1 && t.last.work_bytes == g.work_bytes && t.last.eta_usec == UINT64_MAX);
        assert(t.last.temperature_mdegc == -1500 && t.last.started_usec == 40 && t.last.finished_usec == 50);
        assert(streq(t.last.report, g.report));

        g.temperature_mdegc = MDEGC_UNKNOWN;
        assert_ok(store_stage_put(f.store, &g));
        assert_ok(store_stage_list(f.store, job, take_stage, &t));
        assert(t.n == 2 && t.last.temperature_mdegc == MDEGC_UNKNOWN);

        /* A run id is unlike any other, and there before it is sent. */
        g.index = 2;
        assert_error(-EEXIST, store_stage_put(f.store, &g));
        g.run = (char *) "0123456789ABCDEF0123456789abcdef";
        assert_error(-EINVAL, store_stage_put(f.store, &g));
        g.run = NULL;
        assert_error(-EINVAL, store_stage_put(f.store, &g));
        g.run_sent = false;
        assert_ok(store_stage_put(f.store, &g));

        g.index = 3;
        for (int kind = 0; kind < _STAGE_KIND_MAX; kind++)
                for (int state = 0; state < _STAGE_STATE_MAX; state++)
                        for (int verdict = 0; verdict < _VERDICT_MAX; verdict++) {
                                if (state == STAGE_DONE && verdict == VERDICT_NONE)
                                        continue;
                                g.kind = (StageKind) kind;
                                g.state = (StageState) state;
                                g.verdict = (Verdict) verdict;
                                assert_ok(store_stage_put(f.store, &g));
                                assert_ok(store_stage_list(f.store, job, take_stage, &t));
                                assert((int) t.last.kind == kind && (int) t.last.state == state);
                                assert((int) t.last.verdict == verdict);
                        }
}

static void test_progress(void)
{
        _cleanup_(stage_taken_done) StageRecordTaken t = {};
        _cleanup_(job_record_done) JobRecord got = {};
        _cleanup_fixture_ Fixture f = fixture_new();
        uint64_t job = put_job_with_stage(f.store);
        StageRecord g = { .job = job,
                          .index = 1,
                          .percent = 50,
                          .phase_percent = NAN,
                          .phase = 3,
                          .phases = 8,
                          .phase_name = (char *) "Write 0x55",
                          .temperature_mdegc = 41000,
                          .last_seq = 120 };
        JobRecord j = { .id = job, .percent = 200 };
        const StageRecord *stages[] = { &g };
        const JobRecord *jobs[] = { &j };

        assert_ok(store_progress(f.store, stages, 1, jobs, 1));
        assert_ok(store_stage_list(f.store, job, take_stage, &t));
        assert(t.last.percent == 50 && t.last.phase_percent == 0 && t.last.phase == 3 &&
               t.last.last_seq == 120);
        assert(streq(t.last.phase_name, "Write 0x55") && t.last.temperature_mdegc == 41000);
        /* The rest of the row is not touched. */
        assert(t.last.state == STAGE_RUNNING && streq(t.last.report, "{}") && t.last.started_usec == 40);
        assert_ok(store_job_get(f.store, job, &got));
        assert(got.percent == 100 && got.state == JOB_QUEUED && streq(got.operator, "alice"));
        assert(query(f.store, "SELECT percent <> 50 FROM stages WHERE stage = 1") == 1);

        /* The row of the stage is the newest once it is written again. */
        t.last.percent = 51;
        t.last.bytes_per_second = 0;
        assert_ok(store_stage_put(f.store, &t.last));
        assert_ok(store_stage_list(f.store, job, take_stage, &t));
        assert(t.last.percent == 51 && t.last.bytes_per_second == 0);
        assert(query(f.store, "SELECT count(*) FROM stage_progress") == 0);
        assert_ok(store_progress(f.store, stages, 1, NULL, 0));
        assert_ok(store_stage_list(f.store, job, take_stage, &t));
        assert(t.last.percent == 50);

        /* That goes with a transaction, or does not. */
        t.last.percent = 52;
        assert_ok(store_begin(f.store));
        assert_ok(store_stage_put(f.store, &t.last));
        store_rollback(f.store);
        assert_ok(store_stage_list(f.store, job, take_stage, &t));
        assert(t.last.percent == 50);

        /* Late progress does not change what has ended. */
        t.last.state = STAGE_DONE;
        t.last.verdict = VERDICT_PASSED;
        t.last.percent = 100;
        assert_ok(store_stage_put(f.store, &t.last));
        assert_ok(store_progress(f.store, stages, 1, jobs, 1));
        assert_ok(store_stage_list(f.store, job, take_stage, &t));
        assert(t.last.percent == 100);

        assert_ok(store_progress(f.store, NULL, 0, NULL, 0));
}

static void test_phase(void)
{
        _cleanup_(phase_taken_done) PhaseRecordTaken t = {};
        _cleanup_fixture_ Fixture f = fixture_new();
        PhaseRecord p = { .number = 1, .name = (char *) "Write 0xaa", .started_usec = 100 };
        uint64_t job = put_job_with_stage(f.store);

        assert_ok(store_phase_put(f.store, job, 1, &p));
        p.started_usec = 200;
        p.name = (char *) "Write 0xaa again";
        assert_ok(store_phase_put(f.store, job, 1, &p));
        assert_ok(store_phase_list(f.store, job, 1, take_phase, &t));
        assert(t.n == 1 && t.last.number == 1 && t.last.started_usec == 100);
        assert(streq(t.last.name, "Write 0xaa again"));

        p.number = 2;
        assert_ok(store_phase_put(f.store, job, 1, &p));
        assert_ok(store_phase_list(f.store, job, 1, take_phase, &t));
        assert(t.n == 3 && t.last.number == 2);
        assert_ok(store_phase_list(f.store, job, 0, take_phase, &t));
        assert(t.n == 3);
        assert_error(-ENOENT, store_phase_put(f.store, job, 9, &p));
}

static void test_setting(void)
{
        _cleanup_(setting_taken_done) SettingRecordTaken t = {};
        _cleanup_fixture_ Fixture f = fixture_new();
        SettingRecord s = { .name = (char *) "max_per_host", .value = (char *) "2" };

        assert_ok(store_setting_put(f.store, &s));
        s.value = (char *) "3";
        assert_ok(store_setting_put(f.store, &s));
        assert_ok(store_setting_put(f.store, &(SettingRecord){ (char *) "boot_pools", (char *) "a b" }));
        assert_error(-EINVAL, store_setting_put(f.store, &(SettingRecord){ (char *) "", (char *) "x" }));
        assert_error(-EINVAL, store_setting_put(f.store, &(SettingRecord){ (char *) "x", NULL }));

        assert_ok(store_setting_list(f.store, take_setting, &t));
        assert(t.n == 2);
        assert(streq(t.last.name, "max_per_host") && streq(t.last.value, "3"));

        assert(store_setting_del(f.store, "boot_pools") == 1);
        assert(store_setting_del(f.store, "boot_pools") == 0);
}

static void test_grant(void)
{
        _cleanup_(grant_record_done) GrantRecord found = {};
        _cleanup_fixture_ Fixture f = fixture_new();
        JobRecord j = job_sample(), other = job_sample();
        GrantRecord g = {
                .id = (char *) "0123456789abcdef",
                .drive = (char *) "wwn-0x5000c500a0000001",
                .host = (char *) "nas1",
                .lock = { .role = LOCK_ACTIVE_POOL,
                          .pool = (char *) "tank",
                          .guid = (char *) "11",
                          .used = true,
                          .detail = (char *) "member of the active ZFS pool tank" },
                .release = true,
                .operator=(char *) "alice",
                .operator_uid = 4294967295,
                .reason = (char *) "replaced, see #12",
                .granted_usec = 5,
        };

        g.job = 99;
        assert_error(-ENOENT, store_grant_put(f.store, &g)); /* of a job that nobody knows */
        assert_ok(store_job_put(f.store, &j));
        other.drive = (char *) "another";
        assert_ok(store_job_put(f.store, &other));
        assert(store_grant_get(f.store, j.id, &found) == 0);
        g.job = j.id;
        assert_ok(store_grant_put(f.store, &g));
        fixture_reopen(&f);

        assert(store_grant_get(f.store, j.id, &found) == 1);
        assert(found.job == j.id && streq(found.id, g.id) && streq(found.drive, g.drive));
        assert(streq(found.host, "nas1") && drive_lock_equal(&found.lock, &g.lock) && found.release);
        assert(streq(found.lock.detail, g.lock.detail) && streq(found.operator, "alice"));
        assert(found.operator_uid == 4294967295 && streq(found.reason, g.reason) && found.granted_usec == 5);

        /* It serves one job. What cannot be unlocked is in no grant, nor a pool without its guid. */
        g.job = other.id;
        assert_error(-EEXIST, store_grant_put(f.store, &g));
        g.id = (char *) "0123456789abcdee";
        for (int role = 0; role < _LOCK_ROLE_MAX; role++) {
                g.lock.role = (LockRole) role;
                if (drive_lock_token(&g.lock))
                        assert_ok(store_grant_put(f.store, &g));
                else
                        assert_error(-EINVAL, store_grant_put(f.store, &g));
        }
        g.lock.role = LOCK_BOOT_POOL;
        g.lock.guid = NULL;
        assert_error(-EINVAL, store_grant_put(f.store, &g));
        assert(store_grant_get(f.store, other.id + 1, &found) == 0);
}

static void test_remnant_and_audit(void)
{
        _cleanup_(remnant_taken_done) RemnantRecordTaken t = {};
        _cleanup_(audit_taken_done) AuditRecordTaken a = {};
        _cleanup_fixture_ Fixture f = fixture_new();
        RemnantRecord m = {
                .run = (char *) "00", .drive = (char *) "d", .host = (char *) "h", .job = 7, .since_usec = 8
        };
        AuditRecord r = audit_sample();
        uint64_t total;

        assert_ok(store_remnant_put(f.store, &m));
        assert_ok(store_remnant_put(f.store, &m));
        assert_ok(store_remnant_list(f.store, take_remnant, &t));
        assert(t.n == 1 && streq(t.last.run, "00") && streq(t.last.drive, "d") && streq(t.last.host, "h"));
        assert(t.last.job == 7 && t.last.since_usec == 8);
        assert(store_remnant_del(f.store, "01") == 0);
        assert(store_remnant_del(f.store, "00") == 1);
        assert(store_remnant_del(f.store, "00") == 0);

        for (unsigned i = 0; i < 5; i++) {
                r.time_usec = i;
                assert_ok(store_audit_add(f.store, &r));
        }
        assert_ok(store_audit_list(f.store, NULL, 1, 2, take_audit, &a, &total));
        assert(total == 5 && a.n == 2 && a.last.id == 3 && a.last.time_usec == 2); /* newest first: 4, 3 */
        assert(streq(a.last.actor, r.actor) && a.last.actor_uid == UINT32_MAX &&
               streq(a.last.action, r.action));
        assert(streq(a.last.object, r.object) && streq(a.last.outcome, r.outcome) &&
               streq(a.last.detail, r.detail));

        /* What went through of one action, since a time. */
        r.outcome = (char *) "ok";
        for (r.time_usec = 5; r.time_usec < 10; r.time_usec++)
                assert_ok(store_audit_add(f.store, &r));
        r.outcome = (char *) "refused";
        assert_ok(store_audit_add(f.store, &r));
        assert_ok(store_audit_list_done(f.store, r.action, 7, 2, take_audit, &a, &total));
        assert(total == 3 && a.n == 4 && a.last.time_usec == 8); /* newest first: 9, 8 */
        assert_ok(store_audit_list_done(f.store, r.action, 0, 100, take_audit, &a, &total));
        assert(total >= 5);
        assert_ok(store_audit_list_done(f.store, "' OR 1 --", 0, 100, take_audit, &a, &total));
        assert(total == 0);
        assert_ok(store_audit_list_done(f.store, r.action, UINT64_MAX, 100, take_audit, &a, &total));
        assert(total == 0);

        /* Append-only, also for whoever has the connection. */
        assert(sqlite3_exec(f.store->db, "DELETE FROM audit", NULL, NULL, NULL) != SQLITE_OK);
        assert(sqlite3_exec(f.store->db, "UPDATE audit SET actor = 'eve'", NULL, NULL, NULL) != SQLITE_OK);
        assert_ok(store_audit_list(f.store, NULL, 0, 0, take_audit, &a, &total));
        assert(total == 11 && a.last.id == 1 && streq(a.last.actor, "alice"));
}

static int list_drives_within(HostRecord *r, void *userdata)
{
        Fixture *f = userdata;
        _cleanup_(host_taken_done) HostRecordTaken t = {};
        HostRecord h = host_sample();

        /* The same listing, a write, and a write to the table that is listed. */
        assert_ok(store_host_list(f->store, take_host, &t));
        h.name = strf("%s-twin", r->name);
        assert(h.name);
        assert_ok(store_host_put(f->store, &h));
        free(h.name);
        assert(store_host_del(f->store, r->name) == 1);

        return 0;
}

static int refuse(HostRecord *r, void *userdata)
{
        ++*(unsigned *) userdata;
        return -EXFULL;
}

static void test_callbacks(void)
{
        _cleanup_fixture_ Fixture f = fixture_new();
        HostRecord h = host_sample();
        unsigned n = 0;

        assert_ok(store_host_put(f.store, &h));
        h.name = (char *) "nas2";
        assert_ok(store_host_put(f.store, &h));

        assert_error(-EXFULL, store_host_list(f.store, refuse, &n));
        assert(n == 1);

        assert_ok(store_host_list(f.store, list_drives_within, &f));
        assert(query(f.store, "SELECT count(*) FROM hosts WHERE name LIKE '%-twin'") == 2);
        assert(query(f.store, "SELECT count(*) FROM hosts") == 2);
}

static int transact(Store *s, bool commit)
{
        _cleanup_(store_rollbackp) Store *t = NULL;
        HostRecord h = host_sample();
        DriveRecord d = drive_sample();

        assert_ok(store_begin(s));
        t = s;
        assert_ok(store_host_put(s, &h));
        assert_ok(store_drive_put(s, &d));
        assert_ok(store_progress(s, NULL, 0, &(const JobRecord *){ &(JobRecord){ .id = 1 } }, 1));

        return commit ? store_commit(s) : 0;
}

static void test_transaction(void)
{
        _cleanup_fixture_ Fixture f = fixture_new();
        HostRecord h = host_sample();
        DriveRecord d = drive_sample();
        bool outer, inner;

        assert_ok(transact(f.store, false));
        assert(query(f.store, "SELECT count(*) FROM hosts") == 0);
        assert_ok(transact(f.store, true));
        assert(query(f.store, "SELECT count(*) FROM drives") == 1);

        /* After a failure nothing before or behind it is kept, whoever forgets to look. */
        h.name = (char *) "nas2";
        d.host = (char *) "nowhere";
        assert_ok(store_begin(f.store));
        assert_ok(store_host_put(f.store, &h));
        assert_error(-ENOENT, store_drive_put(f.store, &d));
        h.name = (char *) "nas3";
        assert_error(-ENOENT, store_host_put(f.store, &h));
        assert_error(-ENOENT, store_commit(f.store));
        assert(query(f.store, "SELECT count(*) FROM hosts") == 1);

        /* Nor where the part that failed had its say with the store. */
        assert_ok(store_join(f.store, &outer));
        assert_ok(store_host_put(f.store, &h));
        assert_ok(store_join(f.store, &inner));
        assert(outer && !inner);
        assert_error(-EBADMSG, store_leave(f.store, inner, -EBADMSG));
        assert_error(-EBADMSG, store_join(f.store, &inner));
        assert_error(-EBADMSG, store_leave(f.store, outer, 0));
        assert(query(f.store, "SELECT count(*) FROM hosts") == 1);

        /* And then all is as ever. */
        assert_ok(store_host_put(f.store, &h));
        assert(query(f.store, "SELECT count(*) FROM hosts") == 2);
        assert_ok(store_check(f.store));
}

static void test_bounds(void)
{
        _cleanup_fixture_ Fixture f = fixture_new();
        _cleanup_free_ char *big = NULL;
        _cleanup_(host_taken_done) HostRecordTaken t = {};
        HostRecord h = host_sample();

        big = malloc(STORE_TEXT_MAX + 2);
        assert(big);
        memset(big, 'x', STORE_TEXT_MAX + 1);
        big[STORE_TEXT_MAX + 1] = 0;

        h.notes = big;
        assert_error(-E2BIG, store_host_put(f.store, &h));
        big[STORE_TEXT_MAX] = 0;
        assert_ok(store_host_put(f.store, &h));
        assert_ok(store_host_list(f.store, take_host, &t));
        assert(streq(t.last.notes, big));

        h.name = (char *) "";
        assert_error(-EINVAL, store_host_put(f.store, &h));
        h.name = NULL;
        assert_error(-EINVAL, store_host_put(f.store, &h));

        /* What others wrote into the file is bounded where it is read. */
        assert(sqlite3_exec(f.store->db, "UPDATE hosts SET notes = notes || 'y'", NULL, NULL, NULL) ==
               SQLITE_OK);
        assert_error(-EUCLEAN, store_host_list(f.store, take_host, &t));
        assert_error(-EUCLEAN, store_check(f.store));
        assert(sqlite3_exec(f.store->db, "UPDATE hosts SET notes = 'a' || char(0) || 'b'", NULL, NULL,
                            NULL) == SQLITE_OK);
        assert_error(-EUCLEAN, store_host_list(f.store, take_host, &t));
        assert(t.n == 1);
}

static void test_statements(void)
{
        _cleanup_fixture_ Fixture f = fixture_new();

        /* Far more texts than there is room for, each of them twice. */
        for (unsigned i = 0; i < 2 * 3 * STATEMENTS_MAX; i++) {
                _cleanup_free_ char *sql = strf("SELECT %u", i / 2);
                _cleanup_statement_ sqlite3_stmt *stmt = NULL;

                assert(sql);
                assert_ok(store_statement(f.store, sql, &stmt));
                assert(sqlite3_step(stmt) == SQLITE_ROW && sqlite3_column_int(stmt, 0) == (int) i / 2);
                assert(f.store->n_statements <= STATEMENTS_MAX);
        }

        /* One that is in use comes from the cache again. */
        {
                sqlite3_stmt *a, *b;

                assert_ok(store_statement(f.store, "SELECT 1000", &a));
                assert_ok(store_statement(f.store, "SELECT 1000", &b));
                assert(a == b);
        }
}

static void test_file(void)
{
        _cleanup_fixture_ Fixture f = fixture_new();
        _cleanup_free_ char *missing = strf("%s/no/such.db", f.dir), *wal = strf("%s-wal", f.path);
        HostRecord h = host_sample();
        Store *s = NULL;
        struct stat st;

        assert_ok(store_host_put(f.store, &h));
        assert(stat(f.path, &st) == 0 && (st.st_mode & 07777) == 0600);
        assert(stat(wal, &st) == 0 && (st.st_mode & 07777) == 0600);
        assert(query(f.store, "PRAGMA foreign_keys") == 1);
        assert(query(f.store, "SELECT journal_mode = 'wal' FROM pragma_journal_mode") == 1);
        assert(query(f.store, "PRAGMA synchronous") == 2);

        /* A mode that somebody has widened is narrowed. */
        assert(chmod(f.path, 0644) == 0);
        fixture_reopen(&f);
        assert(stat(f.path, &st) == 0 && (st.st_mode & 07777) == 0600);

        assert_error(-ENOENT, store_open(missing, &s, NULL));
        assert_error(-EISDIR, store_open(f.dir, &s, NULL));
        assert_error(-EINVAL, store_open("/dev/null", &s, NULL));
        assert(!s);
}

#define V1                                                                                                  \
        "CREATE TABLE a (x INTEGER NOT NULL PRIMARY KEY, text TEXT) STRICT; INSERT INTO a VALUES (1, 'one')"
#define V2 "CREATE TABLE b (a INTEGER NOT NULL REFERENCES a (x)) STRICT; INSERT INTO b VALUES (1)"

static const char *const v1[] = { V1 };
static const char *const v3[] = { V1, V2, "ALTER TABLE a ADD COLUMN more TEXT" };

static void test_upgrade(void)
{
        _cleanup_scratch_ char *dir = scratch_new();
        _cleanup_free_ char *path = strf("%s/burnin.db", dir), *saved = strf("%s.schema-1.backup", path),
                            *temporary = strf("%s.schema-1.backup.new", path);
        _cleanup_(store_closep) Store *s = NULL, *old = NULL;
        struct stat st;
        int from = 99;

        assert_ok(store_open_schemas(path, v1, 1, &s, &from));
        assert(from == -1);
        s = store_close(s);

        /* What a try that was cut off has left is in nobody's way. */
        assert_ok(write_file_atomic(temporary, "garbage", 7, 0600));
        assert_ok(store_open_schemas(path, v3, 3, &s, &from));
        assert(from == 1 && query(s, "PRAGMA user_version") == 3);
        assert(query(s, "SELECT count(*) FROM b JOIN a ON a = x WHERE more IS NULL AND text = 'one'") == 1);
        s = store_close(s);
        assert_ok(store_open_schemas(path, v3, 3, &s, &from));
        assert(from == -1);
        s = store_close(s);

        /* The backup is the whole old database, and nobody else's to read. */
        assert(stat(saved, &st) == 0 && (st.st_mode & 07777) == 0600);
        assert(access(temporary, F_OK) < 0);
        assert_ok(store_open_schemas(saved, v1, 1, &old, &from));
        assert(from == -1 && query(old, "SELECT count(*) FROM a WHERE text = 'one'") == 1);
        assert_sound(old);

        /* A newer file is refused, and stays as it is. */
        assert_error(-ENOTSUP, store_open_schemas(path, v1, 1, &s, NULL));
        assert_ok(store_open_schemas(path, v3, 3, &s, &from));
        assert(from == -1);
}

/* The jobs of a database that knew neither pauses nor schedules nor self-tests. */
static void test_upgrade_of_jobs(void)
{
        _cleanup_(job_record_done) JobRecord got = {};
        _cleanup_(stage_taken_done) StageRecordTaken stages = {};
        _cleanup_scratch_ char *dir = scratch_new();
        _cleanup_free_ char *path = strf("%s/burnin.db", dir);
        const char *const first[] = { schema_0001_init };
        _cleanup_(store_closep) Store *s = NULL;
        JobRecord next = job_sample();
        int from = 99;

        assert_ok(store_open_schemas(path, first, 1, &s, NULL));
        assert(sqlite3_exec(s->db,
                            "INSERT INTO jobs (id, kind, profile, drive, state, verdict, priority, percent, created_usec, "
                            "started_usec, finished_usec) VALUES "
                            "(7, 'burn-in', 'surface', 'wwn-1', 'queued', '', 5, 0, 10, 0, 0), "
                            "(9, 'burn-in', 'surface', 'wwn-2', 'done', 'passed', 0, 100, 10, 20, 30);"
                            "INSERT INTO stages (job, stage, kind, state, verdict, attempt, run_sent, last_seq, percent, "
                            "phase_percent, phase, phases, bytes_per_second, bad_blocks, work_bytes, eta_usec, "
                            "started_usec, finished_usec) VALUES "
                            "(7, 0, 'precheck', 'pending', '', 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);"
                            "INSERT INTO phases (job, stage, number, name, started_usec) VALUES (7, 0, 3, 'Write', 4);"
                            "DELETE FROM jobs WHERE id = 9",
                            NULL, NULL, NULL) == SQLITE_OK);
        s = store_close(s);

        assert_ok(store_open(path, &s, &from));
        assert(from == 1);
        assert_sound(s);
        assert_ok(store_job_get(s, 7, &got));
        assert(got.state == JOB_QUEUED && got.priority == 5 && streq(got.drive, "wwn-1"));
        assert(got.not_before_usec == 0 && !got.calendar && got.paused_usec == 0 && !got.paused_by);
        assert_ok(store_stage_list(s, 7, take_stage, &stages));
        assert(stages.n == 1 && stages.last.kind == STAGE_PRECHECK);
        assert(query(s, "SELECT count(*) FROM phases WHERE job = 7 AND stage = 0 AND number = 3") == 1);
        assert(sqlite3_exec(s->db, "DELETE FROM jobs WHERE id = 7", NULL, NULL, NULL) == SQLITE_OK);
        assert(query(s, "SELECT count(*) FROM stages") == 0 && query(s, "SELECT count(*) FROM phases") == 0);

        /* No number is used twice, and what was one of a kind still is. */
        assert_ok(store_job_put(s, &next));
        assert(next.id == 10);
        next.id = 0;
        assert_error(-EEXIST, store_job_put(s, &next));
}

static void test_upgrade_fails(void)
{
        _cleanup_scratch_ char *dir = scratch_new();
        _cleanup_free_ char *path = strf("%s/burnin.db", dir);
        const char *const broken_sql[] = { v3[0], v3[1],
                                           "ALTER TABLE a ADD COLUMN more TEXT; SELECT nonsense" };
        const char *const broken_reference[] = { v3[0], v3[1], "INSERT INTO b VALUES (4)" };
        _cleanup_(store_closep) Store *s = NULL;
        int from;

        assert_ok(store_open_schemas(path, v1, 1, &s, &from));
        s = store_close(s);

        assert_error(-EIO, store_open_schemas(path, broken_sql, 3, &s, &from));
        assert_error(-EUCLEAN, store_open_schemas(path, broken_reference, 3, &s, &from));

        assert_ok(store_open_schemas(path, v1, 1, &s, &from));
        assert(query(s, "SELECT count(*) FROM sqlite_schema") == 1);
        s = store_close(s);
        assert_ok(store_open_schemas(path, v3, 3, &s, &from));
        assert(from == 1);
}

static void test_foreign_files(void)
{
        _cleanup_scratch_ char *dir = scratch_new();
        _cleanup_free_ char *path = strf("%s/other.db", dir), *text = strf("%s/text.db", dir),
                            *before = NULL, *after = NULL;
        char garbage[4096];
        size_t before_size, after_size;
        Store *s = NULL;
        sqlite3 *db;

        memset(garbage, 'g', sizeof(garbage));
        assert_ok(write_file_atomic(text, garbage, sizeof(garbage), 0600));
        assert_error(-EUCLEAN, store_open(text, &s, NULL));

        assert(sqlite3_open(path, &db) == SQLITE_OK);
        assert(sqlite3_exec(db, "CREATE TABLE bookmarks (x)", NULL, NULL, NULL) == SQLITE_OK);
        sqlite3_close(db);
        assert_ok(read_file_full(path, SIZE_MAX / 2, &before, &before_size));
        assert_error(-EUCLEAN, store_open(path, &s, NULL));
        assert_ok(read_file_full(path, SIZE_MAX / 2, &after, &after_size));
        assert(before_size == after_size && memcmp(before, after, after_size) == 0);
        assert(!s);
}

static void test_busy(void)
{
        _cleanup_fixture_ Fixture f = fixture_new();
        HostRecord h = host_sample();
        sqlite3 *other;

        (void) sqlite3_busy_timeout(f.store->db, 1);
        assert(sqlite3_open(f.path, &other) == SQLITE_OK);
        assert(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL) == SQLITE_OK);
        assert_error(-EBUSY, store_host_put(f.store, &h));
        assert_error(-EBUSY, store_begin(f.store));
        assert_error(-EBUSY, store_check(f.store));
        assert(sqlite3_exec(other, "ROLLBACK", NULL, NULL, NULL) == SQLITE_OK);
        assert_ok(store_host_put(f.store, &h));
        sqlite3_close(other);
}

int main(void)
{
        test_host();
        test_drive();
        test_job();
        test_job_words();
        test_job_list();
        test_stage();
        test_progress();
        test_phase();
        test_setting();
        test_grant();
        test_remnant_and_audit();
        test_callbacks();
        test_transaction();
        test_bounds();
        test_statements();
        test_file();
        test_upgrade();
        test_upgrade_of_jobs();
        test_upgrade_fails();
        test_foreign_files();
        test_busy();

        return 0;
}
