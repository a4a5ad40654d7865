/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <ctype.h>
#include <stdio.h>

#include "basic/string-util.h"
#include "parse/self-test-protocol.h"

#define SCSI_LOG_MAX 20U
#define HOURS_16BIT  65535U

static const struct {
        const char *name;
        SelfTestKind kind;
} scsi_codes[8] = {
        { "Default", SELF_TEST_KIND_UNKNOWN },          { "Background short", SELF_TEST_KIND_SHORT },
        { "Background long", SELF_TEST_KIND_LONG },     { "Reserved(3)", SELF_TEST_KIND_UNKNOWN },
        { "Abort background", SELF_TEST_KIND_UNKNOWN }, { "Foreground short", SELF_TEST_KIND_SHORT },
        { "Foreground long", SELF_TEST_KIND_LONG },     { "Reserved(7)", SELF_TEST_KIND_UNKNOWN },
};

/* None is the beginning of one behind it. */
static const struct {
        const char *name;
        uint8_t code;
} scsi_results[] = {
        { "Completed, segment failed", 4 }, { "Completed", 0 },
        { "Aborted (by user command)", 1 }, { "Aborted (device reset ?)", 2 },
        { "Unknown error, incomplete", 3 }, { "Failed in first segment", 5 },
        { "Failed in second segment", 6 },  { "Failed in segment", 7 },
        { "Self test in progress", 15 },
};

static SelfTestResult scsi_result(uint64_t code)
{
        switch (code) {
        case 0:
                return SELF_TEST_RESULT_PASSED;
        case 1:
                return SELF_TEST_RESULT_ABORTED;
        case 2:
                return SELF_TEST_RESULT_INTERRUPTED;
        case 3 ... 7:
                return SELF_TEST_RESULT_FAILED;
        case 15:
                return SELF_TEST_RESULT_RUNNING;
        default:
                return SELF_TEST_RESULT_UNKNOWN;
        }
}

/* The segment is that of a failure only: drives fill it in for others as well. */
static int add_scsi_entry(SelfTestReading *r, SelfTestEntry *e, const char *words, uint64_t hours,
                          uint64_t segment)
{
        _cleanup_free_ char *t = NULL;

        e->result = scsi_result(e->code);
        if (e->result != SELF_TEST_RESULT_RUNNING)
                self_test_set_hours(e, hours,
                                    hours == HOURS_16BIT ? SELF_TEST_HOURS_AT_LEAST : SELF_TEST_HOURS_EXACT);

        if (e->result == SELF_TEST_RESULT_FAILED && segment > 0 && segment <= 255) {
                t = strf("%s (segment %" PRIu64 ")", words, segment);
                if (!t)
                        return -ENOMEM;
        }
        return self_test_log_add(r, e, t ?: words);
}

static int read_scsi_entry(SelfTestReading *r, struct json_object *o)
{
        uint64_t kind = 0, code, hours = UINT64_MAX, segment = 0;
        struct json_object *result = json_sub(o, "result");
        const char *words = "";
        SelfTestEntry e = { 0 };

        if (json_get_u64(result, "value", &code) <= 0 || code > 15)
                return 0;
        (void) json_get_u64(json_sub(o, "code"), "value", &kind);
        (void) json_get_string(result, "string", &words);
        (void) json_get_u64(json_sub(o, "power_on_time"), "hours", &hours);
        (void) json_get_u64(json_sub(o, "failed_segment"), "value", &segment);

        e.kind = kind < ELEMENTSOF(scsi_codes) ? scsi_codes[kind].kind : SELF_TEST_KIND_UNKNOWN;
        e.code = (uint8_t) code;
        e.has_lba = json_get_u64(json_sub(o, "lba_first_failure"), "value", &e.lba) > 0;
        return add_scsi_entry(r, &e, words, hours, segment);
}

/* The next word of a line as a number, or "-" and others as none; moves on. */
static bool next_number(const char **line, uint64_t *ret)
{
        const char *s = *line + strspn(*line, " \t");
        size_t n = strcspn(s, " \t");
        char *end;

        *line = s + n;
        if (n == 0 || n > 20 || !isdigit((unsigned char) *s))
                return false;
        errno = 0;
        *ret = strtoull(s, &end, 10);
        return errno == 0 && end == s + n;
}

/* "# 3  Background short  Failed in segment -->       7   34617            109273 [0x3 0x11 0x0]" */
static int read_scsi_line(SelfTestReading *r, const char *line)
{
        uint64_t number, segment = 0, hours = UINT64_MAX;
        const char *s = startswith(line, "#"), *words = NULL;
        SelfTestEntry e = { 0 };
        unsigned code;
        size_t i;

        if (!s || !next_number(&s, &number))
                return 0;
        s += strspn(s, " ");
        for (i = 0; i < ELEMENTSOF(scsi_codes) && !startswith(s, scsi_codes[i].name); i++)
                ;
        if (i == ELEMENTSOF(scsi_codes))
                return 0;
        e.kind = scsi_codes[i].kind;
        s += strlen(scsi_codes[i].name);
        s += strspn(s, " ");

        for (i = 0; i < ELEMENTSOF(scsi_results) && !words; i++)
                if (startswith(s, scsi_results[i].name)) {
                        words = scsi_results[i].name;
                        e.code = scsi_results[i].code;
                }
        if (!words && sscanf(s, "Reserved(%2u)", &code) == 1 && code < 15) {
                words = "Reserved";
                e.code = (uint8_t) code;
                s += strcspn(s, ")");
                s += *s ? 1 : 0;
        } else if (words)
                s += strlen(words);
        else
                return 0;
        s += strspn(s, " ");
        if (startswith(s, "...") || startswith(s, "-->"))
                s += 3;

        (void) next_number(&s, &segment);
        (void) next_number(&s, &hours);
        e.has_lba = next_number(&s, &e.lba);
        return add_scsi_entry(r, &e, words, hours, segment);
}

static int read_scsi_log(SelfTestReading *r, struct json_object *o, struct json_object *output)
{
        bool any = false;
        char key[32];

        for (unsigned i = 0; i < SCSI_LOG_MAX; i++) {
                struct json_object *one;

                (void) snprintf(key, sizeof(key), "scsi_self_test_%u", i);
                one = json_sub(o, key);
                any = any || one;
                if (read_scsi_entry(r, one) < 0)
                        return -ENOMEM;
        }

        for (size_t i = 0; i < json_length(output) && !any && r->n_log < SCSI_LOG_MAX; i++)
                if (read_scsi_line(r, json_string_at(output, i)) < 0)
                        return -ENOMEM;

        if (r->n_log > 0 || self_test_any_line(output, "No Self-tests have been logged") ||
            self_test_any_line(output, "No self-tests have been logged"))
                r->log_supported = SELF_TEST_SUPPORT_YES;
        else if (self_test_any_line(output, "Device does not support Self Test logging"))
                r->log_supported = SELF_TEST_SUPPORT_NO;
        return 0;
}

int self_test_read_scsi(SelfTestReading *r, struct json_object *o)
{
        struct json_object *output = json_sub_array(json_sub(o, "smartctl"), "output");
        struct json_object *status = json_sub(o, "scsi_self_test_status");
        uint64_t n = UINT64_MAX, seconds = 0;
        bool running = false;

        if (read_scsi_log(r, o, output) < 0)
                return -ENOMEM;

        (void) json_get_u64(o, "scsi_extended_self_test_seconds", &seconds);
        if (json_get_bool(status, "in_progress", &running) > 0) {
                r->activity = SELF_TEST_ACTIVITY_IDLE;
                (void) json_get_u64(status, "completion_percent", &n);
        }
        for (size_t i = 0; i < json_length(output); i++) {
                const char *line = json_string_at(output, i);
                unsigned left;

                if (seconds == 0 && startswith(line, "Long (extended) Self") && strstr(line, "duration:"))
                        (void) sscanf(strstr(line, "duration:"), "duration: %9" SCNu64, &seconds);
                if (!running &&
                    sscanf(line, "Self-test execution status: %3u%% of test remaining", &left) == 1) {
                        running = true;
                        n = left <= 100 ? 100 - left : UINT64_MAX;
                }
        }

        if (seconds <= (uint64_t) SELF_TEST_MINUTES_MAX * 60)
                self_test_set_minutes((seconds + 59) / 60, &r->long_minutes);
        if (r->log_supported == SELF_TEST_SUPPORT_YES)
                r->activity = SELF_TEST_ACTIVITY_IDLE;
        if (r->log_supported == SELF_TEST_SUPPORT_YES || running || r->long_minutes > 0)
                r->supported = SELF_TEST_SUPPORT_YES;
        if (running)
                self_test_set_running(r, SELF_TEST_KIND_UNKNOWN, n);
        /* A drive that cannot tell how far it is has its test in the log nevertheless. */
        self_test_running_from_log(r);
        return 0;
}
