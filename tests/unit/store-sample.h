/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <dirent.h>
#include <stdio.h>
#include <unistd.h>

#include "basic/string-util.h"
#include "store/store-internal.h"

/* What the tests of the store share: a directory of their own, and records with every field set. */

#define assert_ok(expression)                                                                               \
        ({                                                                                                  \
                int _k = (expression);                                                                      \
                if (_k < 0) {                                                                               \
                        (void) fprintf(stderr, "%s:%i: %s: %s\n", __FILE__, __LINE__, #expression,          \
                                       strerror(-_k));                                                      \
                        abort();                                                                            \
                }                                                                                           \
                _k;                                                                                         \
        })
#define assert_error(expected, expression)                                                                  \
        ({                                                                                                  \
                int _k = (expression);                                                                      \
                if (_k != (expected)) {                                                                     \
                        (void) fprintf(stderr, "%s:%i: %s: %i instead of %i\n", __FILE__, __LINE__,         \
                                       #expression, _k, (int) (expected));                                  \
                        abort();                                                                            \
                }                                                                                           \
        })

static inline char *scratch_new(void)
{
        char *d = strf("%s/burnin-store-XXXXXX", getenv("TMPDIR") ?: "/tmp");

        assert(d && mkdtemp(d));
        return d;
}

static inline void scratch_free(char *dir)
{
        DIR *d = opendir(dir);
        struct dirent *e;

        assert(d);
        while ((e = readdir(d))) {
                _cleanup_free_ char *p = strf("%s/%s", dir, e->d_name);

                if (e->d_name[0] != '.')
                        (void) unlink(p);
        }
        (void) closedir(d);
        (void) rmdir(dir);
        free(dir);
}

static inline void scratch_freep(char **dir)
{
        if (*dir)
                scratch_free(*dir);
}
#define _cleanup_scratch_ _cleanup_(scratch_freep)

static inline int64_t query(Store *s, const char *sql)
{
        sqlite3_stmt *stmt;
        int64_t v = -1;

        assert(sqlite3_prepare_v2(s->db, sql, -1, &stmt, NULL) == SQLITE_OK);
        if (sqlite3_step(stmt) == SQLITE_ROW)
                v = sqlite3_column_int64(stmt, 0);
        sqlite3_finalize(stmt);

        return v;
}

static inline void assert_sound(Store *s)
{
        assert(query(s, "SELECT integrity_check = 'ok' FROM pragma_integrity_check") == 1);
        assert(query(s, "SELECT count(*) FROM pragma_foreign_key_check") == 0);
}

/* What was counted job by job is what counting all of them at once finds. */
static inline void assert_counted(Store *s)
{
        static const char *const differences[] = {
                "SELECT count(*) FROM (SELECT * FROM job_counts EXCEPT SELECT period, queued, part, name, sum(jobs), sum(passed), "
                "sum(failed), sum(inconclusive), sum(cancelled), sum(usec), sum(bytes) FROM job_adds GROUP BY period, queued, part, name)",
                "SELECT count(*) FROM (SELECT period, queued, part, name, sum(jobs), sum(passed), sum(failed), sum(inconclusive), "
                "sum(cancelled), sum(usec), sum(bytes) FROM job_adds GROUP BY period, queued, part, name EXCEPT SELECT * FROM job_counts)",
        };

        for (size_t i = 0; i < ELEMENTSOF(differences); i++)
                assert(query(s, differences[i]) == 0);
}

static inline Store *store_in(const char *dir)
{
        _cleanup_free_ char *path = strf("%s/burnin.db", dir);
        Store *s;
        int from;

        assert(path);
        assert_ok(store_open(path, &s, &from));
        return s;
}

static inline HostRecord host_sample(void)
{
        return (HostRecord){
                .name = (char *) "nas1",
                .address = (char *) "192.0.2.1",
                .user = (char *) "root",
                .kind = (char *) "truenas",
                .notes = (char *) "Schrank 3, ganz oben: \xc3\xbc",
                .host_key = (char *) "ssh-ed25519 AAAA",
                .host_key_sha256 = (char *) "SHA256:AAAA",
                .api_url = (char *) "https://nas1.example.org",
                .api_pin = (char *) "sha256//AAAA",
                .api_verify = true,
                .port = 65535,
                .added_usec = 1700000000000001,
                .last_seen_usec = 1700000000000002,
        };
}

static inline DriveRecord drive_sample(void)
{
        return (DriveRecord){
                .id = (char *) "wwn-0x5000c500a0000001",
                .host = (char *) "nas1",
                .kname = (char *) "sda",
                .by_id = (char *) "/dev/disk/by-id/wwn-0x5000c500a0000001",
                .bay = (char *) "0x500304801234567f Slot 03",
                .transport = (char *) "sata",
                .identity = {
                        .wwn = (char *) "0x5000c500a0000001",
                        .serial = (char *) "ZA1",
                        .model = (char *) "ST16000",
                        .size_bytes = 16000900661248,
                        .fingerprint = (char *) "16000900661248 ZA1",
                },
                .rotational = true,
                .lock = {
                        .role = LOCK_ACTIVE_POOL,
                        .pool = (char *) "tank",
                        .guid = (char *) "123",
                        .used = true,
                        .detail = (char *) "in pool tank",
                },
                .location = (char *) "bay 4",
                .notes = (char *) "new",
                .smart = (char *) "{\"health\":\"passed\"}",
                .self_tests = (char *) "{\"short\":{\"state\":\"passed\"}}",
                .smart_usec = 1,
                .first_seen_usec = 2,
                .last_seen_usec = 3,
        };
}

static inline JobRecord job_sample(void)
{
        return (JobRecord){
                .kind = (char *) "burnin",
                .profile = (char *) "surface",
                .drive = (char *) "wwn-0x5000c500a0000001",
                .host = (char *) "nas1",
                .kname = (char *) "sda",
                .serial = (char *) "ZA1",
                .model = (char *) "ST16000",
                .identity = (char *) "{\"wwn\":\"0x5000c500a0000001\"}",
                .content = (char *) "00ff",
                .state = JOB_QUEUED,
                .verdict = VERDICT_NONE,
                .reason = (char *) "because",
                .operator=(char *) "alice",
                .note = (char *) "first batch",
                .request = (char *) "request-1",
                .cancelled_by = (char *) "bob",
                .priority = -3,
                .not_before_usec = 15,
                .calendar = (char *) "Sat 02:00",
                .paused_usec = 25,
                .paused_by = (char *) "carol",
                .paused_reason = (char *) "lunch",
                .pauses_usec = 5,
                .percent = 12.5,
                .created_usec = 10,
                .started_usec = 20,
                .finished_usec = 30,
        };
}

static inline StageRecord stage_sample(uint64_t job, uint32_t index)
{
        return (StageRecord){
                .job = job,
                .index = index,
                .kind = STAGE_SURFACE_VALIDATE,
                .state = STAGE_RUNNING,
                .verdict = VERDICT_NONE,
                .reason = (char *) "why",
                .attempt = 4294967295,
                .run = (char *) "0123456789abcdef0123456789abcdef",
                .run_sent = true,
                .settings = (char *) "{\"block_size\":4096}",
                .last_seq = 99,
                .percent = 1.5,
                .phase_percent = 33.25,
                .phase = 2,
                .phases = 8,
                .phase_name = (char *) "Verify 0xaa",
                .bytes_per_second = 200000000,
                .bad_blocks = 1,
                .work_bytes = 1 << 30,
                .eta_usec = UINT64_MAX,
                .temperature_mdegc = -1500,
                .started_usec = 40,
                .finished_usec = 50,
                .report = (char *) "{}",
        };
}

static inline AuditRecord audit_sample(void)
{
        return (AuditRecord){
                .time_usec = 5,
                .actor = (char *) "alice",
                .actor_uid = 4294967295,
                .action = (char *) "org.burnin1.start-destructive",
                .object = (char *) "drive wwn-0x5000c500a0000001",
                .outcome = (char *) "ok",
                .detail = (char *) "typed the serial",
        };
}
