/* SPDX-License-Identifier: LGPL-2.1-or-later */

#undef NDEBUG

#include "parse/truenas.h"
#include "test-util.h"

/* The samples are what tests/truenas/mock-truenas answers. */

static char *boot_pools[] = { (char *) "boot-pool", NULL };

static void test_disks(void)
{
        _cleanup_(truenas_disks_done) TruenasDisks d = { 0 };
        _cleanup_free_ char *disks = NULL, *pools = NULL, *temperatures = NULL;
        size_t n_disks, n_pools, n_temperatures;
        const DriveFacts *f;

        disks = sample_read("../fuzz/corpus/truenas/disks.json", &n_disks);
        pools = sample_read("../fuzz/corpus/truenas/pool.json", &n_pools);
        temperatures = sample_read("../fuzz/corpus/truenas/temperatures.json", &n_temperatures);
        assert(truenas_parse_disks(disks, n_disks, boot_pools, &d) == 0);
        assert(d.n == 5);

        f = truenas_find_disk(&d, "sda")->facts;
        assert(streq(f->identity.serial, "WD-WCC7K0PXA1N4"));
        assert(streq(f->identity.wwn, "0x50014ee20f8a61c2"));
        assert(f->identity.size_bytes == UINT64_C(4000787030016) && f->rotational);
        assert(f->temperature_mdegc == MDEGC_UNKNOWN && streq(f->transport, "sata"));
        assert(f->lock.role == LOCK_ACTIVE_POOL && streq(f->lock.pool, "tank") && !f->lock.guid);
        assert(truenas_find_disk(&d, "sdk")->facts->lock.role == LOCK_UNCLASSIFIED);
        assert(!truenas_find_disk(&d, "sdl")->facts->identity.wwn); /* behind a bridge */
        assert(streq(truenas_find_disk(&d, "nvme0n1")->facts->identity.wwn,
                     "eui.000000000000000100a0752239e66a1f"));

        assert(truenas_parse_pools(pools, n_pools, boot_pools, &d) == 0);
        assert(streq(f->lock.guid, "13088401216137212347"));
        assert(truenas_parse_temperatures(temperatures, n_temperatures, &d) == 0);
        assert(f->temperature_mdegc == 31000);
        assert(truenas_find_disk(&d, "sdb")->facts->temperature_mdegc == MDEGC_UNKNOWN);
}

/* What is of another shape changes nothing. */
static void test_bad_disks(void)
{
        static const char *const table[] = {
                "",
                "null",
                "{}",
                "[1]",
                "[{}]",
                "[{\"name\": \"sda\"}]",
                "[{\"name\": \"../sda\", \"identifier\": \"x\"}]",
                "[{\"name\": \"sda;reboot\", \"identifier\": \"x\"}]",
                "[{\"name\": 1, \"identifier\": \"x\"}]",
                "[{\"name\": \"sda\", \"identifier\": \"x\", \"size\": -1}]",
                "[{\"name\": \"sda\", \"identifier\": \"x\", \"size\": \"4\"}]",
                "[{\"name\": \"sda\", \"identifier\": \"x\", \"pool\": true}]",
                "[{\"name\": \"sda\", \"identifier\": \"x\"}, {\"name\": \"sda\", \"identifier\": \"y\"}]",
                "[{\"name\": \"sda\", \"identifier\": \"x\"}",
        };

        for (size_t i = 0; i < ELEMENTSOF(table); i++) {
                TruenasDisks d = { 0 };

                assert(truenas_parse_disks(table[i], strlen(table[i]), boot_pools, &d) == -EBADMSG);
                assert(d.n == 0 && !d.disks);
        }
}

static void test_locks(void)
{
        static const char disks[] =
                        "[{\"name\": \"sda\", \"identifier\": \"a\", \"pool\": \"boot-pool\"},"
                        " {\"name\": \"sdb\", \"identifier\": \"b\", \"lunid\": \"0000000000000000\"}]";
        /* A spare that GET disk did not name as a member. */
        static const char pools[] =
                        "[{\"name\": \"tank\", \"guid\": \"1\", \"topology\": {\"spare\": [{\"disk\": \"sdb\"}]}},"
                        " {\"name\": \"gone\", \"guid\": \"2\", \"topology\": null}]";
        _cleanup_(truenas_disks_done) TruenasDisks d = { 0 };

        assert(truenas_parse_disks(disks, strlen(disks), boot_pools, &d) == 0);
        assert(truenas_find_disk(&d, "sda")->facts->lock.role == LOCK_BOOT_POOL);
        assert(truenas_find_disk(&d, "sdb")->facts->lock.role == LOCK_UNCLASSIFIED);
        assert(!truenas_find_disk(&d, "sdb")->facts->identity.wwn);
        assert(truenas_parse_pools(pools, strlen(pools), boot_pools, &d) == 0);
        assert(truenas_find_disk(&d, "sdb")->facts->lock.role == LOCK_ACTIVE_POOL);
        assert(truenas_parse_pools("[{}]", 4, boot_pools, &d) == -EBADMSG);
}

static void test_tests(void)
{
        _cleanup_(truenas_tests_done) TruenasTests t = { 0 }, other = { 0 };
        _cleanup_free_ char *jobs = NULL, *jobs_other = NULL;
        size_t n, n_other;

        jobs = sample_read("../fuzz/corpus/truenas/jobs.json", &n);
        assert(truenas_parse_tests(jobs, n, &t) == 0);
        assert(t.n == 4);
        assert(truenas_find_test(&t, "sda")->percent == 50);
        assert(truenas_find_test(&t, "sda")->kind == SELF_TEST_KIND_SHORT);
        assert(truenas_find_test(&t, "sdf")->kind == SELF_TEST_KIND_LONG);
        assert(!truenas_find_test(&t, "sdb"));

        jobs_other = sample_read("../fuzz/corpus/truenas/jobs-other-dialect.json", &n_other);
        assert(truenas_parse_tests(jobs_other, n_other, &other) == 0);
        assert(other.n == 2 && truenas_find_test(&other, "sdb")->job == 101);
        assert(truenas_find_test(&other, "sdb")->percent == 12);
}

static void test_started(void)
{
        _cleanup_free_ char *started = NULL, *busy = NULL, *reason = NULL;
        size_t n, n_busy;
        uint64_t job = 0;

        started = sample_read("../fuzz/corpus/truenas/started.json", &n);
        assert(truenas_parse_started(started, n, "sdf", &job, &reason) == 1);
        assert(job == 102 && !reason);
        assert(truenas_parse_started(started, n, "sdb", &job, &reason) == -EBADMSG);
        busy = sample_read("../fuzz/corpus/truenas/busy.json", &n_busy);
        assert(truenas_parse_started(busy, n_busy, "sda", &job, &reason) == 0);
        assert(strstr(reason, "Can't start self-test"));

        /* A periodic task that was made instead says of no drive that its test runs. */
        assert(truenas_parse_started("{\"id\": 1, \"disks\": [\"sda\"]}", 28, "sda", &job, &reason) ==
               -EBADMSG);
        assert(truenas_parse_started("[{\"disk\": \"sda\"}]", 17, "sda", &job, &reason) == -EBADMSG);
}

static void test_results(void)
{
        static const struct {
                const char *sample, *kname;
                SelfTestActivity activity;
                int percent;
                size_t n_log;
                SelfTestResult result;
        } table[] = {
                { "running-sda", "sda", SELF_TEST_ACTIVITY_RUNNING, 50, 1, SELF_TEST_RESULT_RUNNING },
                { "running-sdh", "sdh", SELF_TEST_ACTIVITY_RUNNING, -1, 1, SELF_TEST_RESULT_RUNNING },
                { "running-nvme0n1", "nvme0n1", SELF_TEST_ACTIVITY_RUNNING, 50, 0, 0 },
                { "ended-sda", "sda", SELF_TEST_ACTIVITY_UNKNOWN, -1, 1, SELF_TEST_RESULT_PASSED },
                { "ended-sdf", "sdf", SELF_TEST_ACTIVITY_UNKNOWN, -1, 1, SELF_TEST_RESULT_FAILED },
                { "ended-sdh", "sdh", SELF_TEST_ACTIVITY_UNKNOWN, -1, 1, SELF_TEST_RESULT_PASSED },
                { "ended-nvme0n1", "nvme0n1", SELF_TEST_ACTIVITY_UNKNOWN, -1, 1, SELF_TEST_RESULT_PASSED },
        };

        for (size_t i = 0; i < ELEMENTSOF(table); i++) {
                _cleanup_(self_test_reading_done) SelfTestReading r = { 0 };
                _cleanup_free_ char *path = strf("../fuzz/corpus/truenas/%s.json", table[i].sample),
                                    *text = NULL;
                size_t n;

                text = sample_read(path, &n);
                assert(truenas_parse_results(text, n, table[i].kname, &r) == 0);
                assert(r.activity == table[i].activity && r.percent == table[i].percent);
                assert(r.n_log == table[i].n_log);
                assert(r.n_log == 0 || r.log[0].result == table[i].result);
                assert(truenas_parse_results(text, n, "sdz", &r) == -EBADMSG);
        }
}

/* From burnin-truenas to the follower, whose judge must see the very same. */
static void test_packed_reading(void)
{
        static const char *const samples[] = { "running-sda", "running-sdh", "ended-sda",
                                               "ended-sdf",   "ended-sdh",   "ended-nvme0n1" };
        DriveFacts facts = { .kname = (char *) "sda",
                             .identity = { .serial = (char *) "S", .size_bytes = 4096 },
                             .temperature_mdegc = 31000,
                             .lock = { .role = LOCK_UNCLASSIFIED, .detail = (char *) "why" } };

        for (size_t i = 0; i < ELEMENTSOF(samples); i++) {
                _cleanup_(self_test_reading_done) SelfTestReading before = { 0 }, after = { 0 };
                _cleanup_free_ char *path = strf("../fuzz/corpus/truenas/%s.json", samples[i]), *text = NULL,
                                    *packed = NULL, *a = NULL, *b = NULL;
                _cleanup_(drive_facts_freep) DriveFacts *f = NULL;
                size_t n;

                text = sample_read(path, &n);
                assert(truenas_parse_results(text, n, strchr(samples[i], '-') + 1, &before) == 0);
                if (before.activity == SELF_TEST_ACTIVITY_UNKNOWN)
                        before.activity = SELF_TEST_ACTIVITY_IDLE; /* as the jobs then say */
                assert(truenas_pack_reading(&facts, &before, &packed) == 0);
                assert(truenas_unpack_reading(packed, strlen(packed), &f, &after) == 0);
                assert(streq(f->identity.serial, "S") && f->temperature_mdegc == 31000);
                assert(after.activity == before.activity && after.percent == before.percent);
                assert(after.running == before.running && after.n_log == before.n_log);
                assert(after.log_supported == before.log_supported);
                assert(self_test_signature(&before, &a) == 0 && self_test_signature(&after, &b) == 0);
                assert(streq_ptr(a, b));
                for (size_t k = 0; k < after.n_log; k++)
                        assert(after.log[k].result == before.log[k].result &&
                               streq(after.log[k].words, before.log[k].words));
        }
}

static void test_bad_packed_reading(void)
{
#define DRIVE   "\"drive\": {\"kname\": \"sda\", \"identity\": {\"serial\": \"S\"}}"
#define READING "{\"running\": true, \"kind\": \"short\", \"percent\": 10"
        static const char *const table[] = {
                "",
                "[]",
                "{}",
                "{" DRIVE "}",
                "{" DRIVE ", \"reading\": {}}",
                "{" DRIVE ", \"reading\": " READING ", \"log\": [{}]}}",
                "{" DRIVE ", \"reading\": {\"running\": true, \"kind\": \"never\", \"percent\": 10}}",
                "{" DRIVE ", \"reading\": {\"running\": true, \"kind\": \"short\", \"percent\": 101}}",
                "{\"drive\": {\"kname\": \"../x\"}, \"reading\": " READING "}}",
        };

        for (size_t i = 0; i < ELEMENTSOF(table); i++) {
                SelfTestReading r = { 0 };
                DriveFacts *f = NULL;

                assert(truenas_unpack_reading(table[i], strlen(table[i]), &f, &r) == -EBADMSG);
                assert(!f && r.n_log == 0);
        }
}

static void test_packed_start(void)
{
        static const struct {
                const char *refused;
                SelfTestAnswer answer;
        } table[] = {
                { NULL, SELF_TEST_ANSWER_STARTED },
                { "Can't start self-test without aborting current test (72% remaining),",
                  SELF_TEST_ANSWER_BUSY },
                { "422: disks.0 is not valid", SELF_TEST_ANSWER_FAILED },
                { "Testing has begun.", SELF_TEST_ANSWER_FAILED }, /* a refusal is none, whatever it says */
                { "", SELF_TEST_ANSWER_FAILED },
        };
        SelfTestStart none;

        for (size_t i = 0; i < ELEMENTSOF(table); i++) {
                _cleanup_(self_test_start_done) SelfTestStart s = { 0 };
                _cleanup_free_ char *packed = NULL;

                assert(truenas_pack_start(table[i].refused, &packed) == 0);
                assert(truenas_unpack_start(packed, strlen(packed), &s) == 0);
                assert(s.answer == table[i].answer);
                assert((s.answer == SELF_TEST_ANSWER_STARTED) == isempty(s.words));
        }
        assert(truenas_unpack_start("{}", 2, &none) == -EBADMSG);
        assert(truenas_unpack_start("smartctl", 8, &none) == -EBADMSG);
}

static void test_words(void)
{
        static const struct {
                const char *text, *version;
                unsigned major, minor;
        } versions[] = {
                { "\"TrueNAS-SCALE-24.10.2.1\"", "TrueNAS-SCALE-24.10.2.1", 24, 10 },
                { "\"25.10.1\"", "TrueNAS 25.10.1", 25, 10 },
                { "\"26.04.0\"", "TrueNAS 26.04.0", 26, 4 },
                { "\"TrueNAS-13.0-U6\"", "TrueNAS-13.0-U6", 13, 0 },
        };
        static const struct {
                const char *text, *words;
        } errors[] = {
                { "404: Not Found", "404: Not Found" },
                { "{\"message\": \"no such disk\"}", "no such disk" },
                { "{\"disks.0\": [{\"message\": \"is not valid\", \"errno\": 22}]}", "is not valid" },
                { "<html>sign in</html>", "" },
                { "[]", "" },
                { "a\x01"
                  "b",
                  "a?b" },
        };

        for (size_t i = 0; i < ELEMENTSOF(versions); i++) {
                _cleanup_free_ char *version = NULL;
                unsigned major, minor;

                assert(truenas_parse_version(versions[i].text, strlen(versions[i].text), &version, &major,
                                             &minor) == 0);
                assert(streq(version, versions[i].version));
                assert(major == versions[i].major && minor == versions[i].minor);
        }
        for (size_t i = 0; i < ELEMENTSOF(errors); i++) {
                _cleanup_free_ char *words = truenas_error_words(errors[i].text, strlen(errors[i].text));

                assert(streq(words, errors[i].words));
        }
}

int main(void)
{
        test_disks();
        test_bad_disks();
        test_locks();
        test_tests();
        test_started();
        test_results();
        test_packed_reading();
        test_bad_packed_reading();
        test_packed_start();
        test_words();
        return EXIT_SUCCESS;
}
