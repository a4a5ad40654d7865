/* SPDX-License-Identifier: LGPL-2.1-or-later */

#undef NDEBUG

#include "parse/self-test-judge.h"
#include "test-util.h"

/* Samples named smartctl-x-*-qemu, smartctl-x-scsi_debug, smartctl-t-* and those in lab/ are captured, all others made by hand
 * after what the tools' sources print. */

static void parse_text(const char *text, SelfTestReading *ret)
{
        assert(self_test_parse(text, strlen(text), ret) == 0);
}

static void load(const char *name, SelfTestReading *ret)
{
        _cleanup_free_ char *text = NULL;
        size_t size;

        text = sample_read(name, &size);
        assert(self_test_parse(text, size, ret) == 0);
}

static void check_entry(const SelfTestReading *r, size_t i, SelfTestKind kind, SelfTestResult result,
                        SelfTestHours are, uint64_t hours, const char *words)
{
        const SelfTestEntry *e = r->log + i;

        if (i >= r->n_log || e->kind != kind || e->result != result || e->hours_are != are ||
            e->hours != hours || !streq(e->words, words)) {
                fprintf(stderr, "%zu of %zu: %s %s %i %" PRIu64 " '%s'\n", i, r->n_log,
                        self_test_kind_to_string(e->kind), self_test_result_to_string(e->result),
                        e->hours_are, e->hours, e->words);
                assert_not_reached();
        }
}
#define ENTRY(i, kind, result, are, hours, words)                                                           \
        check_entry(&r, i, SELF_TEST_KIND_##kind, SELF_TEST_RESULT_##result, SELF_TEST_HOURS_##are, hours,  \
                    words)

static void check_signature(const SelfTestReading *r, const char *expected)
{
        _cleanup_free_ char *s = NULL;

        assert(self_test_signature(r, &s) == 0);
        if (!streq_ptr(s, expected))
                fprintf(stderr, "'%s' is not '%s'\n", strempty(s), strempty(expected));
        assert(streq_ptr(s, expected));
}

static void test_captured(void)
{
        static const char *const after[] = { "smartctl-x-ata-after-tests-qemu.json",
                                             "lab/smartctl-x-ata-after-test.json" };

        for (size_t i = 0; i < ELEMENTSOF(after); i++) {
                _cleanup_(self_test_reading_done) SelfTestReading r = { 0 };

                load(after[i], &r);
                assert(r.read == SELF_TEST_READ_OK && streq(r.protocol, "ATA"));
                assert(r.supported == SELF_TEST_SUPPORT_YES && r.short_minutes == 2 && r.long_minutes == 54);
                assert(r.activity == SELF_TEST_ACTIVITY_IDLE && r.percent == -1 && !r.finishing &&
                       !r.reason);
                assert(r.log_supported == SELF_TEST_SUPPORT_YES && r.n_log > 0);
                assert(r.log[0].result == SELF_TEST_RESULT_PASSED);
        }

        _cleanup_(self_test_reading_done) SelfTestReading r = { 0 }, fresh = { 0 }, nvme = { 0 },
                                                          scsi = { 0 };
        load(after[0], &r);
        assert(r.n_log == 2);
        ENTRY(0, LONG, PASSED, WRAP, 4660, "Completed without error");
        ENTRY(1, SHORT, PASSED, WRAP, 4660, "Completed without error");
        check_signature(&r, "long-0-4660,short-0-4660");

        load("smartctl-x-ata-qemu.json", &fresh);
        assert(fresh.log_supported == SELF_TEST_SUPPORT_YES && fresh.n_log == 0);
        check_signature(&fresh, "");

        /* smartctl 7.3 knows no self-tests of NVMe drives, but what the drive says of itself. */
        load("smartctl-x-nvme-qemu.json", &nvme);
        assert(nvme.supported == SELF_TEST_SUPPORT_NO && nvme.activity == SELF_TEST_ACTIVITY_UNKNOWN);
        assert(nvme.log_supported == SELF_TEST_SUPPORT_UNKNOWN);
        check_signature(&nvme, NULL);

        load("smartctl-x-scsi_debug.json", &scsi);
        assert(streq(scsi.protocol, "SCSI") && scsi.log_supported == SELF_TEST_SUPPORT_NO);
        assert(scsi.activity == SELF_TEST_ACTIVITY_UNKNOWN && scsi.long_minutes == 0);
}

static void test_ata(void)
{
        _cleanup_(self_test_reading_done) SelfTestReading r = { 0 }, running = { 0 };

        load("smartctl-ata-in-progress.json", &running);
        assert(running.activity == SELF_TEST_ACTIVITY_RUNNING && running.percent == 90);
        assert(running.running == SELF_TEST_KIND_UNKNOWN && !running.finishing);
        assert(running.short_minutes == 2 && running.long_minutes == 1479);
        /* It is not in the log. */
        assert(running.n_log == 1 && running.log[0].result == SELF_TEST_RESULT_PASSED);

        /* The extended log, where both are there. */
        load("self-test-ata-log.json", &r);
        assert(r.activity == SELF_TEST_ACTIVITY_IDLE && r.n_log == 11);
        ENTRY(0, LONG, FAILED, WRAP, 1234, "Completed: read failure");
        assert(r.log[0].has_lba && r.log[0].lba == 51216384 && r.log[0].code == 7);
        ENTRY(1, LONG, INTERRUPTED, WRAP, 2014, "Interrupted (host reset)");
        ENTRY(2, LONG, ABORTED, WRAP, 28362, "Aborted by host");
        assert(!r.log[2].has_lba);
        ENTRY(3, LONG, PASSED, WRAP, 28364, "Completed without error");
        ENTRY(4, SHORT, UNKNOWN, WRAP, 28000, "Fatal or unknown error");
        ENTRY(5, CONVEYANCE, FAILED, WRAP, 27000, "Completed: electrical failure");
        ENTRY(6, SELECTIVE, FAILED, WRAP, 65535, "Completed: servo/seek failure");
        ENTRY(7, SHORT, FAILED, WRAP, 0, "Completed: unknown failure");
        ENTRY(8, UNKNOWN, PASSED, WRAP, 3, "Completed without error"); /* an abort is no test */
        ENTRY(9, VENDOR, FAILED, WRAP, 2, "Completed: handling damage??");
        check_signature(&r,
                        "long-7-1234-51216384,long-2-2014,long-1-28362,long-0-28364,short-3-28000,"
                        "conveyance-5-27000,selective-6-65535-99,short-4-0,unknown-0-3,vendor-8-2,short-0-1");
}

static void test_ata_running(void)
{
        _cleanup_(self_test_reading_done) SelfTestReading end = { 0 }, sticky = { 0 }, selective = { 0 },
                                                          logged = { 0 };

        /* 240: the end, or a stick that says so for ever. */
        load("self-test-ata-240.json", &end);
        assert(end.activity == SELF_TEST_ACTIVITY_RUNNING && end.finishing && end.percent == 100);
        load("smartctl-usb-sticky-240.json", &sticky);
        assert(sticky.supported == SELF_TEST_SUPPORT_NO && sticky.activity == SELF_TEST_ACTIVITY_IDLE);
        assert(sticky.log_supported == SELF_TEST_SUPPORT_UNKNOWN && !sticky.finishing);

        /* "remaining_percent": 5 in the selective log is 50 %. The extended log is empty, and the standard one is not. */
        load("self-test-ata-selective.json", &selective);
        assert(selective.activity == SELF_TEST_ACTIVITY_RUNNING && selective.percent == 50);
        assert(selective.running == SELF_TEST_KIND_SELECTIVE && selective.n_log == 2);

        /* Some log it from its start: that is not a change. */
        load("self-test-ata-logged-running.json", &logged);
        assert(logged.running == SELF_TEST_KIND_LONG && logged.percent == 10 && logged.n_log == 2);
        assert(logged.log[0].result == SELF_TEST_RESULT_RUNNING);
        check_signature(&logged, "short-0-28364");
}

static void test_sas(void)
{
        static const char *const running[] = { "smartctl-sas-in-progress-7.1.json",
                                               "smartctl-sas-in-progress-8.0.json",
                                               "self-test-sas-log-7.2.json",
                                               "self-test-sas-running-7.4.json" };
        _cleanup_(self_test_reading_done) SelfTestReading r = { 0 }, no_percent = { 0 }, idle = { 0 };

        for (size_t i = 0; i < ELEMENTSOF(running); i++) {
                _cleanup_(self_test_reading_done) SelfTestReading s = { 0 };

                load(running[i], &s);
                assert(s.activity == SELF_TEST_ACTIVITY_RUNNING && s.percent == 72);
                assert(s.supported == SELF_TEST_SUPPORT_YES && s.long_minutes == 108);
                /* 8.0's sample has no log. */
                assert(s.running == (s.n_log > 0 ? SELF_TEST_KIND_LONG : SELF_TEST_KIND_UNKNOWN));
        }

        /* The drive does not tell how far it is, but logs it. */
        load("smartctl-sas-in-progress.json", &no_percent);
        assert(no_percent.activity == SELF_TEST_ACTIVITY_RUNNING && no_percent.percent == -1);
        assert(no_percent.running == SELF_TEST_KIND_LONG && no_percent.n_log == 2);
        check_signature(&no_percent, "unknown-0-65535");

        load("smartctl-sas-idle.json", &idle);
        assert(idle.activity == SELF_TEST_ACTIVITY_IDLE && idle.n_log == 1 && idle.short_minutes == 0);
        assert(idle.log[0].result == SELF_TEST_RESULT_FAILED &&
               idle.log[0].hours_are == SELF_TEST_HOURS_UNKNOWN);

        /* _10 comes after _9, whatever order the keys are in. */
        load("self-test-sas-log.json", &r);
        assert(r.activity == SELF_TEST_ACTIVITY_IDLE && r.n_log == 20);
        ENTRY(0, LONG, PASSED, AT_LEAST, 65535, "Completed"); /* though it has a failed segment */
        ENTRY(1, SHORT, FAILED, EXACT, 34617, "Failed in segment (segment 7)");
        assert(r.log[1].has_lba && r.log[1].lba == 109273);
        ENTRY(2, LONG, ABORTED, EXACT, 34600, "Aborted (by user command)");
        ENTRY(3, LONG, INTERRUPTED, EXACT, 34599, "Aborted (device reset ?)");
        ENTRY(4, LONG, FAILED, EXACT, 34598, "Unknown error, incomplete");
        ENTRY(5, LONG, FAILED, EXACT, 34597, "Completed, segment failed");
        ENTRY(6, SHORT, FAILED, EXACT, 34596, "Failed in first segment (segment 1)");
        ENTRY(7, SHORT, FAILED, EXACT, 34595, "Failed in second segment (segment 2)");
        ENTRY(8, UNKNOWN, PASSED, EXACT, 34594, "Completed");
        ENTRY(9, UNKNOWN, PASSED, EXACT, 34593, "Completed");
        ENTRY(10, SHORT, PASSED, EXACT, 34592, "Completed");
        ENTRY(11, LONG, UNKNOWN, EXACT, 34591, "Reserved(8)");
        ENTRY(19, SHORT, PASSED, EXACT, 34583, "Completed");
}

/* The log was in the text alone until 7.3. */
static void test_sas_text(void)
{
        _cleanup_(self_test_reading_done) SelfTestReading r = { 0 }, empty = { 0 };

        load("self-test-sas-log-7.2.json", &r);
        assert(r.n_log == 11 && r.log_supported == SELF_TEST_SUPPORT_YES);
        ENTRY(0, LONG, RUNNING, UNKNOWN, 0, "Self test in progress");
        ENTRY(1, SHORT, PASSED, EXACT, 7195, "Completed");
        ENTRY(2, SHORT, FAILED, EXACT, 34617, "Failed in segment (segment 7)");
        assert(r.log[2].has_lba && r.log[2].lba == 109273);
        ENTRY(3, SHORT, FAILED, EXACT, 34593, "Failed in segment");
        ENTRY(4, LONG, ABORTED, EXACT, 7190, "Aborted (by user command)");
        ENTRY(5, LONG, INTERRUPTED, EXACT, 7189, "Aborted (device reset ?)");
        ENTRY(6, LONG, FAILED, EXACT, 7188, "Unknown error, incomplete");
        ENTRY(7, LONG, FAILED, AT_LEAST, 65535, "Completed, segment failed");
        ENTRY(8, SHORT, FAILED, EXACT, 7186, "Failed in first segment (segment 1)");
        assert(r.log[8].has_lba && r.log[8].lba == 0 && !r.log[9].has_lba);
        ENTRY(9, LONG, FAILED, EXACT, 7185, "Failed in second segment (segment 2)");
        ENTRY(10, UNKNOWN, UNKNOWN, EXACT, 7184, "Reserved");
        check_signature(&r, "short-0-7195,short-7-34617-109273,short-7-34593-109273,long-1-7190,long-2-7189,"
                            "long-3-7188,long-4-65535,short-5-7186-0,long-6-7185,unknown-9-7184");

        load("self-test-sas-empty-7.2.json", &empty);
        assert(empty.activity == SELF_TEST_ACTIVITY_IDLE && empty.supported == SELF_TEST_SUPPORT_YES);
        check_signature(&empty, "");
}

static void test_nvme(void)
{
        _cleanup_(self_test_reading_done) SelfTestReading r = { 0 }, running = { 0 }, extended = { 0 },
                                                          none = { 0 };

        load("smartctl-nvme-self-test.json", &running);
        assert(running.activity == SELF_TEST_ACTIVITY_RUNNING && running.percent == 73);
        assert(running.running == SELF_TEST_KIND_SHORT && running.supported == SELF_TEST_SUPPORT_YES);
        assert(running.n_log == 2 && running.log[1].hours_are == SELF_TEST_HOURS_UNKNOWN);
        check_signature(&running, "short-0-2100,short-2-");

        load("self-test-nvme-running.json", &extended);
        assert(extended.running == SELF_TEST_KIND_LONG && extended.percent == 14);
        check_signature(&extended, "");

        /* Slots that are not used are null. */
        load("self-test-nvme-log.json", &r);
        assert(r.activity == SELF_TEST_ACTIVITY_IDLE && r.n_log == 11);
        ENTRY(0, LONG, FAILED, EXACT, 38100, "Completed: failed segments (segment 4)");
        assert(r.log[0].has_lba && r.log[0].lba == 4096);
        ENTRY(1, LONG, PASSED, EXACT, 38090, "Completed without error");
        ENTRY(2, SHORT, ABORTED, EXACT, 38089, "Aborted: Self-test command");
        ENTRY(3, LONG, INTERRUPTED, EXACT, 38088, "Aborted: Controller Reset");
        ENTRY(4, SHORT, ABORTED, EXACT, 38087, "Aborted: Namespace removed");
        ENTRY(5, LONG, ABORTED, EXACT, 38086, "Aborted: Format NVM command");
        ENTRY(6, SHORT, UNKNOWN, EXACT, 38085, "Fatal or unknown test error");
        ENTRY(7, LONG, FAILED, EXACT, 38084, "Completed: unknown failed segment");
        ENTRY(8, VENDOR, ABORTED, EXACT, 38000, "Aborted: unknown reason");
        ENTRY(9, LONG, ABORTED, EXACT, 37999, "Aborted: sanitize operation");
        ENTRY(10, LONG, UNKNOWN, EXACT, 37998, "Unknown result");

        load("self-test-nvme-unsupported.json", &none);
        assert(none.read == SELF_TEST_READ_OK && none.supported == SELF_TEST_SUPPORT_NO);
        check_signature(&none, NULL);
}

static void test_nvme_cli(void)
{
        _cleanup_(self_test_reading_done) SelfTestReading r = { 0 }, two = { 0 }, verbose = { 0 };
        static const char controller[] = "{\"vid\":6535,\"oacs\":23,\"edstt\":35}", *const bad[] = {
                "", "{}", "[]", "{\"oacs\":\"23\"}", "NVMe status: INVALID_FIELD"
        };

        load("self-test-nvme-cli-1.json", &r);
        assert(r.read == SELF_TEST_READ_OK && streq(r.protocol, "NVMe"));
        assert(r.activity == SELF_TEST_ACTIVITY_RUNNING && r.running == SELF_TEST_KIND_LONG &&
               r.percent == 14);
        assert(r.n_log == 2 && r.log_supported == SELF_TEST_SUPPORT_YES && r.long_minutes == 0);
        ENTRY(0, LONG, PASSED, EXACT, 648, "Completed without error");
        ENTRY(1, SHORT, FAILED, EXACT, 640, "Completed: failed segments (segment 3)");
        assert(r.log[1].has_lba && r.log[1].lba == 4096);

        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                assert(self_test_add_nvme_controller(&r, bad[i], strlen(bad[i])) == -EBADMSG);
        assert(self_test_add_nvme_controller(&r, controller, strlen(controller)) == 0);
        assert(r.supported == SELF_TEST_SUPPORT_YES && r.long_minutes == 35);

        load("self-test-nvme-cli-2.json", &two);
        assert(two.activity == SELF_TEST_ACTIVITY_IDLE && two.n_log == 1 && two.percent == -1);
        check_signature(&two, "short-2-648");

        parse_text("{\"Current operation\":\"0x1 (Short)\",\"Current Completion\":\"37%\"}", &verbose);
        assert(verbose.running == SELF_TEST_KIND_SHORT && verbose.percent == 37);
}

static void test_nothing_to_read(void)
{
        static const struct {
                const char *name;
                SelfTestRead read;
                const char *reason;
        } table[] = {
                { "smartctl-standby.json", SELF_TEST_READ_STANDBY, NULL },
                { "smartctl-standby-7.5.json", SELF_TEST_READ_STANDBY, NULL },
                { "smartctl-standby-os-8.0.json", SELF_TEST_READ_STANDBY, NULL },
                { "smartctl-usb-unknown-bridge.json", SELF_TEST_READ_BRIDGE, "Unknown USB bridge" },
                { "smartctl-open-failed.json", SELF_TEST_READ_OPEN_FAILED, "No such device" },
                { "smartctl-no-smart.json", SELF_TEST_READ_UNSUPPORTED, "lacks SMART" },
                { "smartctl-t-ata.txt", SELF_TEST_READ_GARBAGE, "smartctl 7.3" },
        };
        static const char *const texts[] = { "",
                                             "\n",
                                             "sh: smartctl: not found\n",
                                             "{}",
                                             "[]",
                                             "{\"smartctl\":{}}",
                                             "{\"Current operation\":null}",
                                             "\xff\xfe" };

        for (size_t i = 0; i < ELEMENTSOF(table); i++) {
                _cleanup_(self_test_reading_done) SelfTestReading r = { 0 };

                load(table[i].name, &r);
                assert(r.read == table[i].read && r.n_log == 0 && r.activity == SELF_TEST_ACTIVITY_UNKNOWN);
                assert(table[i].reason ? !!strstr(r.reason, table[i].reason) : !r.reason);
                check_signature(&r, NULL);
        }
        for (size_t i = 0; i < ELEMENTSOF(texts); i++) {
                _cleanup_(self_test_reading_done) SelfTestReading r = { 0 };

                parse_text(texts[i], &r);
                assert(r.read == SELF_TEST_READ_GARBAGE && str_is_clean(r.reason, 512, false));
        }
}

/* Wrong types and numbers: nothing is told. */
static void test_wrong_types(void)
{
#define FRAME(protocol, more)                                                                               \
        "{\"smartctl\":{\"exit_status\":0,\"output\":[null,7]},\"device\":{\"protocol\":\"" protocol        \
        "\"}," more "}"
        static const char *const texts[] = {
                FRAME("ATA",
                      "\"ata_smart_data\":{\"self_test\":{\"status\":{\"value\":256},\"polling_minutes\":"
                      "{\"short\":-1,\"extended\":\"5\"}},\"capabilities\":{\"self_tests_supported\":1}}"),
                FRAME("ATA",
                      "\"ata_smart_data\":[],\"ata_smart_self_test_log\":{\"extended\":[],\"standard\":7}"),
                FRAME("SCSI", "\"scsi_self_test_0\":[],\"scsi_self_test_1\":{\"result\":{\"value\":16}},"
                              "\"scsi_extended_self_test_seconds\":99999999999"),
                FRAME("NVMe", "\"nvme_self_test_log\":[]"),
                FRAME("nvme", "\"x\":1"),
        };

        for (size_t i = 0; i < ELEMENTSOF(texts); i++) {
                _cleanup_(self_test_reading_done) SelfTestReading r = { 0 };

                parse_text(texts[i], &r);
                assert(r.read == SELF_TEST_READ_OK && r.activity == SELF_TEST_ACTIVITY_UNKNOWN);
                assert(r.n_log == 0 && r.short_minutes == 0 && r.long_minutes == 0 && r.percent == -1);
                assert(r.supported == SELF_TEST_SUPPORT_UNKNOWN);
                check_signature(&r, NULL);
        }

        _cleanup_(self_test_reading_done) SelfTestReading over = { 0 };
        parse_text(FRAME("NVMe", "\"nvme_self_test_log\":{\"current_self_test_operation\":{\"value\":7},"
                                 "\"current_self_test_completion_percent\":101,\"table\":[null,7,{},"
                                 "{\"self_test_code\":{\"value\":1},\"self_test_result\":{\"value\":15}}]}"),
                   &over);
        assert(over.activity == SELF_TEST_ACTIVITY_RUNNING && over.percent == -1 && over.n_log == 0);
}

/* A full log, and more rows than any log has. */
static void test_bounds(void)
{
        _cleanup_(self_test_reading_done) SelfTestReading r = { 0 };
        _cleanup_free_ char *text = strdup("");

        for (int i = 0; i < 200; i++) {
                char *s = strf("%s%s{\"type\":{\"value\":1},\"status\":{\"value\":0,\"string\":\"%0500d\"},"
                               "\"lifetime_hours\":%d}",
                               text, i > 0 ? "," : "", 7, i);

                assert(s);
                free(text);
                text = s;
        }
        char *s = strf(FRAME("ATA", "\"ata_smart_self_test_log\":{\"standard\":{\"table\":[%s]}}"), text);
        assert(s);
        free(text);
        text = s;
        parse_text(text, &r);
        assert(r.n_log == SELF_TEST_LOG_MAX && r.log[20].hours == 20 && strlen(r.log[0].words) == 128);
}

/* A reading as the judge sees it: the log from a signature's entries. */
static void make(SelfTestReading *r, SelfTestActivity activity, int percent, const char *log)
{
        *r = (SelfTestReading){
                .supported = SELF_TEST_SUPPORT_YES,
                .log_supported = SELF_TEST_SUPPORT_YES,
                .short_minutes = 2,
                .long_minutes = 600,
                .activity = activity,
                .percent = percent,
        };
        for (const char *p = log; *p; p += *p == ',') {
                SelfTestEntry *e = r->log + r->n_log++;
                unsigned kind = (unsigned) *p++ - '0', code = 0, hours = 0;
                unsigned long lba;
                int n = 0;

                assert(sscanf(p, ":%u@%u%n", &code, &hours, &n) == 2);
                p += n;
                *e = (SelfTestEntry){ .kind = kind, .code = (uint8_t) code, .hours = hours, .hours_are = 1 };
                if (sscanf(p, "/%lu%n", &lba, &n) == 1) {
                        e->has_lba = true;
                        e->lba = lba;
                        p += n;
                }
                e->result = code == 0    ? SELF_TEST_RESULT_PASSED
                            : code == 1  ? SELF_TEST_RESULT_ABORTED
                            : code == 2  ? SELF_TEST_RESULT_INTERRUPTED
                            : code == 3  ? SELF_TEST_RESULT_UNKNOWN
                            : code == 15 ? SELF_TEST_RESULT_RUNNING
                                         : SELF_TEST_RESULT_FAILED;
                e->hours_are = SELF_TEST_HOURS_EXACT;
                e->words = strf("result %u", code);
        }
}

#define HOUR USEC_PER_HOUR
#define L    "2:" /* long */
#define S    "1:" /* short */
#define IDLE SELF_TEST_ACTIVITY_IDLE
#define RUNS SELF_TEST_ACTIVITY_RUNNING

typedef struct Case {
        const char *before, *now; /* logs; before NULL: could not be read */
        SelfTestActivity activity;
        int percent;
        SelfTestState state;
        SelfTestUnknown unknown;
} Case;

static void judge_case(const Case *c, SelfTestWatch *w, SelfTestOutcome *ret)
{
        _cleanup_(self_test_reading_done) SelfTestReading before = { 0 }, now = { 0 };
        _cleanup_free_ char *signature = NULL;

        if (c->before) {
                make(&before, IDLE, -1, c->before);
                assert(self_test_signature(&before, &signature) == 0);
        }
        make(&now, c->activity, c->percent, c->now);
        w->signature = signature;
        assert(self_test_judge(w, &now, ret) == 0);
        w->signature = NULL;
        if (ret->state != c->state || ret->unknown != c->unknown) {
                fprintf(stderr, "%s -> %s: %s %s '%s'\n", strempty(c->before), c->now,
                        self_test_state_to_string(ret->state), self_test_unknown_to_string(ret->unknown),
                        strempty(ret->words));
                assert_not_reached();
        }
        /* While it runs there is nothing to say; in the end there always is. */
        assert((ret->state == SELF_TEST_STATE_RUNNING) == !ret->words);
        assert(ret->state == SELF_TEST_STATE_RUNNING || ret->percent == -1);
        assert(ret->state != SELF_TEST_STATE_RUNNING || !ret->final);
}

/* A long test after an hour, with ten hours to go by. */
static void test_judge_log(void)
{
#define STATE(s)   SELF_TEST_STATE_##s, SELF_TEST_UNKNOWN_NONE
#define UNKNOWN(u) SELF_TEST_STATE_UNKNOWN, SELF_TEST_UNKNOWN_##u
        static const Case cases[] = {
                /* Each result of the one entry that was added. */
                { L "0@5", L "0@9," L "0@5", IDLE, -1, STATE(PASSED) },
                { "", L "0@9", IDLE, -1, STATE(PASSED) },
                { "", L "7@9/77", IDLE, -1, STATE(FAILED) },
                { "", L "1@9", IDLE, -1, STATE(ABORTED) },
                { "", L "2@9", IDLE, -1, STATE(INTERRUPTED) },
                { "", L "3@9", IDLE, -1, UNKNOWN(NO_RESULT) },
                /* The same result in the same hour again. */
                { L "0@9", L "0@9," L "0@9", IDLE, -1, STATE(PASSED) },
                /* An old result is none. */
                { L "0@9", L "0@9", IDLE, -1, UNKNOWN(NOT_LOGGED) },
                { L "7@9/77", L "7@9/77", IDLE, -1, UNKNOWN(NOT_LOGGED) },
                { "", "", IDLE, -1, UNKNOWN(NOT_LOGGED) },
                { L "0@9", L "0@9", RUNS, 10, STATE(RUNNING) },
                /* It is in the log while it runs. */
                { L "0@5", L "15@0," L "0@5", RUNS, 10, STATE(RUNNING) },
                { L "0@5", L "15@0," L "0@5", IDLE, -1, UNKNOWN(NOT_LOGGED) },
                /* Aborted by a short test that somebody started: its own end counts, whatever came later. */
                { "", S "0@9," L "1@9", IDLE, -1, STATE(ABORTED) },
                { "", S "15@0," L "1@9", RUNS, 10, STATE(ABORTED) },
                { "", L "0@10," L "1@9", IDLE, -1, STATE(ABORTED) },
                { "", S "0@9", IDLE, -1, UNKNOWN(OTHER_TEST) },
                { "", S "0@9", RUNS, 10, STATE(RUNNING) },
                /* What is no test, or of no known kind, is not this one. */
                { "", "0:0@9", IDLE, -1, UNKNOWN(OTHER_TEST) },
                { "", "5:0@9", IDLE, -1, UNKNOWN(OTHER_TEST) },
                /* The oldest falls off. */
                { L "0@5," S "0@4," S "0@3", L "0@9," L "0@5," S "0@4", IDLE, -1, STATE(PASSED) },
                { L "0@5", L "0@9", IDLE, -1, STATE(PASSED) },
                /* Another log, a cleared log, no log. */
                { L "0@5," S "0@4", L "0@9", IDLE, -1, UNKNOWN(LOG_REPLACED) },
                { L "0@5", "", IDLE, -1, UNKNOWN(LOG_REPLACED) },
                { L "0@5", "", RUNS, 10, STATE(RUNNING) },
                { NULL, L "0@9", IDLE, -1, UNKNOWN(NO_LOG) },
                { NULL, L "0@9", RUNS, 10, STATE(RUNNING) },
                /* It does not say whether one runs. */
                { "", "", SELF_TEST_ACTIVITY_UNKNOWN, -1, UNKNOWN(NO_READING) },
                { "", L "0@9", SELF_TEST_ACTIVITY_UNKNOWN, -1, STATE(PASSED) },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++)
                for (int ended = 0; ended < 2; ended++) {
                        _cleanup_(self_test_outcome_done) SelfTestOutcome o = { 0 };
                        SelfTestWatch w = { .kind = SELF_TEST_KIND_LONG,
                                            .elapsed_usec = HOUR,
                                            .ended_before = ended };

                        judge_case(cases + i, &w, &o);
                        /* What should be in the log and is not is looked for twice. */
                        assert(o.final == (o.state != SELF_TEST_STATE_RUNNING && (!o.ended || ended) &&
                                           o.unknown != SELF_TEST_UNKNOWN_NO_READING));
                        assert(o.has_lba == (o.state == SELF_TEST_STATE_FAILED) &&
                               o.lba == (o.has_lba ? 77 : 0));
                        assert(o.percent == (o.state == SELF_TEST_STATE_RUNNING ? 10 : -1) && !o.estimated);
                }
}

/* A full log of a SAS drive: 20 places, of which the test that runs takes one. */
static void test_judge_full_log(void)
{
        _cleanup_(self_test_reading_done) SelfTestReading before = { 0 }, during = { 0 }, after = { 0 };
        _cleanup_(self_test_outcome_done) SelfTestOutcome o = { 0 };
        _cleanup_free_ char *a = NULL, *b = NULL;
        char old[512] = "", logs[2][600];
        SelfTestWatch w = { .kind = SELF_TEST_KIND_LONG, .elapsed_usec = HOUR };

        for (int i = 0; i < 20; i++)
                (void) snprintf(old + strlen(old), sizeof(old) - strlen(old), "%s" S "0@%d",
                                i > 0 ? "," : "", 900 - i);
        make(&before, IDLE, -1, old);
        old[strlen(old) - STRLEN("," S "0@881")] = 0;
        (void) snprintf(logs[0], sizeof(logs[0]), L "15@0,%s", old);
        (void) snprintf(logs[1], sizeof(logs[1]), L "7@901/5,%s", old);
        make(&during, RUNS, 50, logs[0]);
        make(&after, IDLE, -1, logs[1]);
        assert(before.n_log == 20 && during.n_log == 20 && after.n_log == 20);

        assert(self_test_signature(&before, &a) == 0 && self_test_signature(&during, &b) == 0 &&
               streq(a, b));
        w.signature = a;
        assert(self_test_judge(&w, &during, &o) == 0 && o.state == SELF_TEST_STATE_RUNNING);
        assert(self_test_judge(&w, &after, &o) == 0 && o.state == SELF_TEST_STATE_FAILED && o.lba == 5);
}

static void test_judge_time(void)
{
        static const Case idle = { "", "", IDLE, -1, STATE(RUNNING) },
                          silent = { "", "", RUNS, -1, STATE(RUNNING) },
                          told = { "", "", RUNS, 40, STATE(RUNNING) },
                          stuck = { "", "", RUNS, 100, STATE(RUNNING) },
                          overdue = { "", "", RUNS, 40, UNKNOWN(OVERDUE) },
                          mute = { "", "", SELF_TEST_ACTIVITY_UNKNOWN, -1, UNKNOWN(NO_READING) },
                          ended = { "", "", IDLE, -1, UNKNOWN(NOT_LOGGED) };
        SelfTestWatch w = { .kind = SELF_TEST_KIND_LONG };
        SelfTestOutcome o = { 0 };

        /* Not to be seen yet. */
        w.elapsed_usec = 59 * USEC_PER_SEC;
        judge_case(&idle, &w, &o);
        assert(o.percent == 0 && o.estimated && o.left_usec == 10 * HOUR - w.elapsed_usec);
        w.elapsed_usec = USEC_PER_MINUTE;
        judge_case(&ended, &w, &o);
        assert(o.ended && !o.final);
        self_test_outcome_done(&o);

        /* By time, where the drive does not tell; never done by time. */
        w.elapsed_usec = w.unchanged_usec = 6 * HOUR;
        judge_case(&silent, &w, &o);
        assert(o.percent == 60 && o.estimated && o.left_usec == 4 * HOUR);
        w.elapsed_usec = w.unchanged_usec = 19 * HOUR;
        judge_case(&silent, &w, &o);
        assert(o.percent == 99 && o.estimated && o.left_usec == USEC_INFINITY);

        /* The drive's own word, and what is left by what was done. */
        w.elapsed_usec = 8 * HOUR;
        judge_case(&told, &w, &o);
        assert(o.percent == 40 && !o.estimated && o.left_usec == 12 * HOUR);
        /* "0 % left" from before the start tells nothing. */
        w.finishing = true;
        judge_case(&stuck, &w, &o);
        assert(o.percent == 100 && !o.estimated && o.left_usec == 0);

        /* Twice the estimate, and no progress for as long as that. */
        w.elapsed_usec = 20 * HOUR;
        w.unchanged_usec = 10 * HOUR - 1;
        judge_case(&told, &w, &o);
        w.unchanged_usec = 10 * HOUR;
        w.elapsed_usec = 20 * HOUR - 1;
        judge_case(&told, &w, &o);
        w.elapsed_usec = 20 * HOUR;
        judge_case(&overdue, &w, &o);
        assert(o.final);
        self_test_outcome_done(&o);
        judge_case(&mute, &w, &o);
        assert(o.final);
        self_test_outcome_done(&o);

        /* What was promised before the start counts; without a promise a long test is never overdue. */
        w.estimate_minutes = 700;
        judge_case(&told, &w, &o);
        w.kind = SELF_TEST_KIND_SELECTIVE;
        w.estimate_minutes = 0;
        w.elapsed_usec = w.unchanged_usec = 1000 * HOUR;
        judge_case(&silent, &w, &o);
        assert(o.percent == -1 && !o.estimated && o.left_usec == USEC_INFINITY);
        w.elapsed_usec = w.unchanged_usec = UINT64_MAX;
        judge_case(&told, &w, &o);

        /* A short one takes two minutes at most, says each standard. */
        w = (SelfTestWatch){ .kind = SELF_TEST_KIND_SHORT, .elapsed_usec = 239 * USEC_PER_SEC };
        w.unchanged_usec = w.elapsed_usec;
        judge_case(&silent, &w, &o);
        w.elapsed_usec = w.unchanged_usec = 240 * USEC_PER_SEC;
        judge_case(&overdue, &w, &o);
        self_test_outcome_done(&o);
}

static void test_judge_readings(void)
{
        static const struct {
                const char *name;
                SelfTestState state;
                SelfTestUnknown unknown;
                bool final;
                const char *words;
        } table[] = {
                { "smartctl-standby.json", UNKNOWN(NO_READING), false, "sleeps" },
                { "smartctl-usb-unknown-bridge.json", UNKNOWN(NO_READING), false, "Unknown USB bridge" },
                { "smartctl-open-failed.json", UNKNOWN(NO_READING), false, "No such device" },
                { "smartctl-t-ata.txt", UNKNOWN(NO_READING), false, "not understood" },
                { "smartctl-no-smart.json", STATE(UNSUPPORTED), true, "lacks SMART" },
                { "smartctl-usb-sticky-240.json", STATE(UNSUPPORTED), true, "no self-tests" },
                { "self-test-nvme-unsupported.json", STATE(UNSUPPORTED), true, "no self-tests" },
                { "smartctl-x-scsi_debug.json", STATE(UNSUPPORTED), true, "keeps no log" },
                { "self-test-ata-logged-running.json", STATE(RUNNING), false, NULL },
                { "self-test-ata-240.json", STATE(RUNNING), false, NULL },
                /* The drive names another kind. */
                { "smartctl-nvme-self-test.json", UNKNOWN(OTHER_TEST), false, "another self-test" },
        };

        for (size_t i = 0; i < ELEMENTSOF(table); i++) {
                _cleanup_(self_test_reading_done) SelfTestReading r = { 0 };
                _cleanup_(self_test_outcome_done) SelfTestOutcome o = { 0 };
                SelfTestWatch w = { .kind = SELF_TEST_KIND_LONG,
                                    .elapsed_usec = HOUR,
                                    .estimate_minutes = 600,
                                    .finishing = true };
                _cleanup_free_ char *signature = NULL;

                load(table[i].name, &r);
                assert(self_test_signature(&r, &signature) == 0);
                w.signature = signature;
                assert(self_test_judge(&w, &r, &o) == 0);
                assert(o.state == table[i].state && o.unknown == table[i].unknown &&
                       o.final == table[i].final);
                assert(table[i].words ? !!strstr(o.words, table[i].words) : !o.words);
                /* What a drive said before the start is not progress. */
                assert(!r.finishing || (o.percent == 10 && o.estimated));
        }
}

static void check_start(const char *text, size_t size, SelfTestAnswer answer, int percent, uint32_t minutes,
                        const char *words)
{
        _cleanup_(self_test_start_done) SelfTestStart s = { 0 };

        assert(self_test_start_parse(text, size, &s) == 0);
        if (s.answer != answer || s.percent != percent || s.minutes != minutes ||
            (words ? !s.words || !strstr(s.words, words) : !!s.words)) {
                fprintf(stderr, "'%.80s': %i %i %u '%s'\n", text, s.answer, s.percent, s.minutes,
                        strempty(s.words));
                assert_not_reached();
        }
}

static void test_start(void)
{
#define BANNER "smartctl 7.3 2022-02-28 r5338 [x86_64-linux] (local build)\nCopyright (C) 2002-22\n\n"
        static const struct {
                const char *text;
                SelfTestAnswer answer;
                int percent;
                uint32_t minutes;
                const char *words;
        } table[] = {
                { BANNER
                  "Testing has begun (previous test aborted).\nPlease wait 1479 minutes for test to complete.\n",
                  SELF_TEST_ANSWER_STARTED, -1, 1479, NULL },
                { BANNER "Short Background Self Test has begun\nUse smartctl -X to abort test\n",
                  SELF_TEST_ANSWER_STARTED, -1, 0, NULL },
                { BANNER
                  "Extended Background Self Test has begun\nPlease wait 107 minutes for test to complete.\n"
                  "Estimated completion time: Sat Nov 21 03:41:57 2026\n",
                  SELF_TEST_ANSWER_STARTED, -1, 107, NULL },
                { BANNER "Self-test has begun (NSID 0xffffffff)\nUse smartctl -X to abort test\n",
                  SELF_TEST_ANSWER_STARTED, -1, 0, NULL },
                { "Device self-test started\n", SELF_TEST_ANSWER_STARTED, -1, 0, NULL },
                { "Extended Device self-test started\n", SELF_TEST_ANSWER_STARTED, -1, 0, NULL },
                { "{\"smartctl\":{\"exit_status\":0,\"output\":[\"smartctl 7.3\",\"Testing has begun.\","
                  "\"Please wait 2 minutes for test to complete.\"]}}",
                  SELF_TEST_ANSWER_STARTED, -1, 2, NULL },
                { BANNER "Can't start self-test without aborting current test (72% remaining),\n"
                         "add '-t force' option to override, or run 'smartctl -X' to abort test.\n",
                  SELF_TEST_ANSWER_BUSY, 28, 0, "Can't start self-test" },
                { BANNER "Can't start self-test without aborting current test (68% completed)\n",
                  SELF_TEST_ANSWER_BUSY, 68, 0, "Can't start self-test" },
                { "Can't start self-test without aborting current test,\n", SELF_TEST_ANSWER_BUSY, -1, 0,
                  "Can't" },
                { "NVMe status: Device Self-test In Progress: The controller already has one (0x1d)\n",
                  SELF_TEST_ANSWER_BUSY, -1, 0, "In Progress" },
                { BANNER "Self-tests not supported\n", SELF_TEST_ANSWER_UNSUPPORTED, -1, 0,
                  "Self-tests not supported" },
                /* smartctl says so and goes on; a bridge takes whatever it is sent. */
                { BANNER "Self-test functions not supported\n\nTesting has begun.\n"
                         "Please wait 2 minutes for test to complete.\n",
                  SELF_TEST_ANSWER_UNSUPPORTED, -1, 0, "Self-test functions not supported" },
                { BANNER "Short offline self test failed [unsupported scsi opcode]\n",
                  SELF_TEST_ANSWER_UNSUPPORTED, -1, 0, "unsupported scsi opcode" },
                { "{\"smartctl\":{\"exit_status\":1,\"messages\":[{\"string\":\"/dev/sdz: Unknown USB bridge [0x05e3:"
                  "0x0749 (0x1532)]\",\"severity\":\"error\"},{\"string\":\"Please specify device type with the -d "
                  "option.\",\"severity\":\"error\"}]}}",
                  SELF_TEST_ANSWER_UNSUPPORTED, -1, 0, "Unknown USB bridge" },
                { BANNER "Long (extended) offline self test failed [hardware error]\n",
                  SELF_TEST_ANSWER_FAILED, -1, 0, "hardware error" },
                { BANNER "Smartctl open device: /dev/sda failed: Permission denied\n",
                  SELF_TEST_ANSWER_FAILED, -1, 0, "Permission denied" },
                { "Device is in STANDBY mode, exit(2)\n", SELF_TEST_ANSWER_FAILED, -1, 0, "STANDBY" },
                { "", SELF_TEST_ANSWER_FAILED, -1, 0, "no answer" },
                { BANNER, SELF_TEST_ANSWER_FAILED, -1, 0, "no answer" },
        };
        _cleanup_free_ char *first = NULL, *lab = NULL;
        size_t size;

        for (size_t i = 0; i < ELEMENTSOF(table); i++)
                check_start(table[i].text, strlen(table[i].text), table[i].answer, table[i].percent,
                            table[i].minutes, table[i].words);

        /* Two answers, one behind the other: the last one's minutes. */
        first = sample_read("smartctl-t-ata.txt", &size);
        check_start(first, size, SELF_TEST_ANSWER_STARTED, -1, 54, NULL);
        lab = sample_read("lab/smartctl-t-short.txt", &size);
        check_start(lab, size, SELF_TEST_ANSWER_STARTED, -1, 2, NULL);
}

static void test_summary(void)
{
        _cleanup_(self_test_reading_done) SelfTestReading r = { 0 };
        _cleanup_json_ struct json_object *o = NULL;
        struct json_object *test = NULL;
        _cleanup_free_ char *text = NULL;
        const char *s = NULL;
        bool running = true;
        size_t size;

        text = sample_read("self-test-nvme-log.json", &size);
        assert(self_test_parse(text, size, &r) == 0 && self_test_summary(&r, &o) == 0 && o);
        assert(json_get_bool(o, "running", &running) > 0 && !running);
        assert(json_get(o, "long", json_type_object, &test) > 0);
        assert(json_get_string(test, "result", &s) > 0 && streq(s, "failed"));
        assert(json_get_string(test, "logged", &s) > 0 && streq(s, "long-7-38100-4096"));
        assert(json_get(o, "short", json_type_object, &test) > 0);
        assert(json_get_string(test, "result", &s) > 0 && streq(s, "aborted"));

        self_test_reading_done(&r);
        json_object_put(o);
        o = NULL;
        assert(self_test_parse("nothing", 7, &r) == 0 && self_test_summary(&r, &o) == 0 && !o);
}

int main(void)
{
        test_captured();
        test_ata();
        test_ata_running();
        test_sas();
        test_sas_text();
        test_nvme();
        test_nvme_cli();
        test_nothing_to_read();
        test_wrong_types();
        test_bounds();
        test_judge_log();
        test_judge_full_log();
        test_judge_time();
        test_judge_readings();
        test_start();
        test_summary();
        return 0;
}
