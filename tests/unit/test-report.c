/* SPDX-License-Identifier: LGPL-2.1-or-later */
#undef NDEBUG

#include "basic/fd-util.h"
#include "daemon/report.h"
#include "shared/worker-proto.h"
#include "store-sample.h"

/* What burnind says of a job that has ended. */

#define HOSTILE "</script><img src=x onerror=alert(1)>\"'&\x1b[31m\xe2\x80\xae"

static const char surface_report[] =
                "{\"verdict\":\"failed\",\"reason\":\"sda on nas1 has 2 bad blocks\",\"evidence\":["
                "{\"rule\":\"bad-blocks\",\"expected\":\"at most 0\",\"observed\":\"2\",\"source\":\"badblocks\",\"verdict\":\"failed\"},"
                "{\"rule\":\"identity-after\",\"expected\":\"serial ZA1\",\"observed\":\"serial ZA1\",\"source\":\"sysfs\",\"verdict\":\"passed\"}],"
                "\"bad_blocks\":[\"7\",\"12345678\"],\"n_bad_blocks\":2,\"read_errors\":1,\"write_errors\":0,\"compare_errors\":1,"
                "\"ended_usec\":1700000600000000,\"details\":{\"block_size\":4096,\"work_bytes\":32001801322496,"
                "\"boot_id\":\"secret\",\"kname\":\"sda\",\"temperature_min_mdegc\":31000,\"temperature_max_mdegc\":44000,"
                "\"phases\":[{\"number\":1,\"name\":\"Write 0xaa\",\"started_usec\":1700000100000000,\"ended_usec\":1700000300000000,\"bytes_per_second\":200000000},"
                "{\"number\":2,\"name\":\"Verify 0xaa\",\"started_usec\":1700000300000000},\"nonsense\",{}],"
                "\"region_msec\":[[1000,1100,0,1300],[900,null,-5,\"x\"],7]}}";

static const char final_report[] =
                "{\"verdict\":\"passed\",\"evidence\":[{\"rule\":\"smart-health\",\"expected\":\"passed\",\"observed\":\"passed\",\"source\":\"smartctl\",\"verdict\":\"passed\"}],\"bad_blocks\":[],\"n_bad_blocks\":0,\"ended_usec\":1,\"details\":{"
                "\"smart_before\":{\"health\":\"passed\",\"protocol\":\"ATA\",\"power_on_hours\":100,\"reallocated\":0,\"identity\":{\"serial\":\"ZA1\"},"
                "\"attributes\":[{\"id\":5,\"name\":\"Reallocated_Sector_Ct\",\"value\":100,\"worst\":100,\"threshold\":10,\"raw\":0,\"raw_string\":\"0\"}]},"
                "\"smart_after\":{\"health\":\"passed\",\"protocol\":\"ATA\",\"power_on_hours\":148,\"reallocated\":2,\"pending\":\"x\","
                "\"attributes\":[{\"id\":5,\"name\":\"Reallocated_Sector_Ct\",\"value\":99,\"worst\":99,\"threshold\":10,\"raw\":2,\"raw_string\":\"2\"},3]}}}";

static uint64_t job_store(Store *s, const JobRecord *sample)
{
        JobRecord j = *sample;

        assert_ok(store_job_put(s, &j));
        return j.id;
}

static void stage_store(Store *s, uint64_t job, uint32_t index, StageKind kind, Verdict verdict,
                        const char *report)
{
        StageRecord r = stage_sample(job, index);

        r.kind = kind;
        r.state = STAGE_DONE;
        r.verdict = verdict;
        r.attempt = 1;
        r.run = NULL;
        r.run_sent = false;
        r.reason = NULL;
        r.started_usec = UINT64_C(1700000000000000) + index;
        r.finished_usec = UINT64_C(1700000600000000) + index;
        r.report = (char *) report;
        assert_ok(store_stage_put(s, &r));
}

static JobRecord job_ended(void)
{
        JobRecord j = job_sample();

        j.kind = (char *) "burn-in";
        j.identity = (char *) "{\"wwn\":\"0x5000c500a0000001\",\"serial\":\"ZA1\",\"model\":\"ST16000\",\"size_bytes\":16000900661248}";
        j.state = JOB_DONE;
        j.verdict = VERDICT_FAILED;
        j.reason = (char *) "sda on nas1 has 2 bad blocks";
        j.note = (char *) HOSTILE;
        j.cancelled_by = NULL;
        j.created_usec = UINT64_C(1700000000000000);
        j.started_usec = UINT64_C(1700000001000000);
        j.finished_usec = UINT64_C(1700000700000000);
        return j;
}

static void reading_store(Store *s, uint64_t usec, int32_t mdegc)
{
        ReadingRecord r = {
                .drive = (char *) "wwn-0x5000c500a0000001",
                .time_usec = usec,
                .temperature_mdegc = mdegc,
                .health = SMART_HEALTH_PASSED,
                .smart = (char *) "{}",
        };

        assert_ok(store_reading_put(s, &r));
}

static uint64_t sample_store(Store *s)
{
        GrantRecord g = {
                .id = (char *) "0123456789abcdef",
                .drive = (char *) "wwn-0x5000c500a0000001",
                .host = (char *) "nas1",
                .lock = { .role = LOCK_EXISTING_DATA, .detail = (char *) "a GPT partition table" },
                .operator=(char *) "bob",
                .operator_uid = 1000,
                .reason = (char *) "sold",
                .granted_usec = UINT64_C(1699999990000000),
        };
        DriveRecord d = drive_sample();
        HostRecord h = host_sample();
        JobRecord j = job_ended();

        assert_ok(store_host_put(s, &h));
        assert_ok(store_drive_put(s, &d));
        g.job = job_store(s, &j);
        assert_ok(store_grant_put(s, &g));
        stage_store(s, g.job, 0, STAGE_PRECHECK, VERDICT_PASSED, NULL);
        stage_store(s, g.job, 1, STAGE_SURFACE_VALIDATE, VERDICT_FAILED, surface_report);
        stage_store(s, g.job, 2, STAGE_FINAL_CHECK, VERDICT_PASSED, final_report);
        reading_store(s, j.started_usec - 1, 20000);
        reading_store(s, j.started_usec + 1, 31000);
        reading_store(s, j.started_usec + 2, MDEGC_UNKNOWN);
        reading_store(s, j.started_usec + 3, 44000);
        reading_store(s, j.finished_usec + 1, 50000);
        return g.job;
}

static char *report_text(Store *s, uint64_t job)
{
        _cleanup_json_ struct json_object *o = NULL;
        struct json_object *by;
        char *text;

        assert_ok(report_new(s, job, "https://burnin.example.org/x/", &o));
        assert(json_get(o, "made_by", json_type_object, &by) > 0);
        assert(json_put_string(by, "burnin", "VERSION") >= 0);
        text = strf("%s\n", json_object_to_json_string_ext(
                                            o, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE));
        assert(text);
        return text;
}

/* The very document, which the schema is held against as well; and the same again. */
static void test_whole(const char *expected)
{
        _cleanup_scratch_ char *dir = scratch_new();
        Store *s = store_in(dir);
        uint64_t job = sample_store(s);
        _cleanup_free_ char *text = report_text(s, job), *again = report_text(s, job), *want = NULL;
        size_t size;

        assert_ok(read_file_full(expected, 1024U * 1024U, &want, &size));
        if (!streq(text, want))
                (void) fputs(text, stderr);
        assert(streq(text, want));
        assert(streq(text, again));
        store_close(s);
}

static void test_refused(void)
{
        _cleanup_scratch_ char *dir = scratch_new();
        struct json_object *o = NULL;
        JobRecord j = job_ended();
        Store *s = store_in(dir);

        assert_error(-ENOENT, report_new(s, 1, "", &o));
        j.state = JOB_RUNNING;
        j.verdict = VERDICT_NONE;
        assert_error(-EBUSY, report_new(s, job_store(s, &j), "", &o));
        assert(!o);
        store_close(s);
}

/* What workers have sent may have any form: nothing of it is handed on that is no text, number or list where one belongs. */
static void test_hostile(void)
{
        static const char *const reports[] = {
                "nonsense",
                "[]",
                "{}",
                "{\"verdict\":\"passed\",\"evidence\":{},\"details\":[]}",
                "{\"verdict\":\"passed\",\"evidence\":[],\"n_bad_blocks\":0,\"ended_usec\":1,\"details\":{\"phases\":{},\"region_msec\":[{},[[]]],\"self_test\":[],\"smart_before\":[],\"smart_after\":{\"attributes\":{}},\"block_size\":\"x\",\"work_bytes\":-1}}",
        };
        _cleanup_scratch_ char *dir = scratch_new();
        JobRecord j = job_ended();
        Store *s = store_in(dir);
        uint64_t job;

        j.model = j.serial = j.kname = (char *) HOSTILE;
        j.identity = (char *) "nonsense";
        j.started_usec = 0;
        job = job_store(s, &j);
        for (uint32_t i = 0; i < ELEMENTSOF(reports); i++)
                stage_store(s, job, i, (StageKind) i, VERDICT_PASSED, reports[i]);
        {
                _cleanup_free_ char *text = report_text(s, job);

                assert(!strstr(text, "\\u001b") && !strstr(text, "\xe2\x80\xae"));
                assert(!strstr(text, "phases") && !strstr(text, "block_size") && !strstr(text, "before"));
        }
        store_close(s);
}

int main(int argc, char **argv)
{
        assert(argc == 2);
        test_whole(argv[1]);
        test_refused();
        test_hostile();
        return 0;
}
