/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <ctype.h>

#include "basic/string-util.h"
#include "parse/self-test-protocol.h"

#define NVME_LOG_MAX  20U
#define NVME_OACS_DST 0x10U /* Optional Admin Command Support: device self-test */

static const struct {
        const char *words;
        SelfTestResult result;
} nvme_results[] = {
        { "Completed without error", SELF_TEST_RESULT_PASSED },
        { "Aborted: Self-test command", SELF_TEST_RESULT_ABORTED },
        { "Aborted: Controller Reset", SELF_TEST_RESULT_INTERRUPTED },
        { "Aborted: Namespace removed", SELF_TEST_RESULT_ABORTED },
        { "Aborted: Format NVM command", SELF_TEST_RESULT_ABORTED },
        { "Fatal or unknown test error", SELF_TEST_RESULT_UNKNOWN },
        { "Completed: unknown failed segment", SELF_TEST_RESULT_FAILED },
        { "Completed: failed segments", SELF_TEST_RESULT_FAILED },
        { "Aborted: unknown reason", SELF_TEST_RESULT_ABORTED },
        { "Aborted: sanitize operation", SELF_TEST_RESULT_ABORTED },
};

static SelfTestKind nvme_kind(uint64_t code)
{
        return code == 1    ? SELF_TEST_KIND_SHORT
               : code == 2  ? SELF_TEST_KIND_LONG
               : code == 14 ? SELF_TEST_KIND_VENDOR
                            : SELF_TEST_KIND_UNKNOWN;
}

static int add_nvme_entry(SelfTestReading *r, SelfTestEntry *e, uint64_t kind, uint64_t code, uint64_t hours,
                          uint64_t segment)
{
        _cleanup_free_ char *t = NULL;
        const char *words = "Unknown result";

        if (code >= 15 || kind == 0 || kind > 15)
                return 0; /* an unused slot */
        e->kind = nvme_kind(kind);
        e->code = (uint8_t) code;
        e->result = code < ELEMENTSOF(nvme_results) ? nvme_results[code].result : SELF_TEST_RESULT_UNKNOWN;
        if (code < ELEMENTSOF(nvme_results))
                words = nvme_results[code].words;
        self_test_set_hours(e, hours, SELF_TEST_HOURS_EXACT);

        if (code == 7 && segment > 0 && segment <= 255) {
                t = strf("%s (segment %" PRIu64 ")", words, segment);
                if (!t)
                        return -ENOMEM;
        }
        return self_test_log_add(r, e, t ?: words);
}

static void nvme_operation(SelfTestReading *r, uint64_t operation, uint64_t percent)
{
        if ((operation & 15) == 0)
                r->activity = SELF_TEST_ACTIVITY_IDLE;
        else
                self_test_set_running(r, nvme_kind(operation & 15),
                                      percent == UINT64_MAX ? percent : percent & 0x7f);
}

static int read_nvme_entry(SelfTestReading *r, struct json_object *o)
{
        uint64_t kind = 0, code = 15, hours = UINT64_MAX, segment = 0;
        SelfTestEntry e = { 0 };

        /* The table is indexed by the drive's slots: one that is not used is null. */
        (void) json_get_u64(json_sub(o, "self_test_code"), "value", &kind);
        (void) json_get_u64(json_sub(o, "self_test_result"), "value", &code);
        (void) json_get_u64(o, "power_on_hours", &hours);
        (void) json_get_u64(o, "segment", &segment);
        e.has_lba = json_get_u64(o, "lba", &e.lba) > 0;
        return add_nvme_entry(r, &e, kind, code, hours, segment);
}

int self_test_read_nvme(SelfTestReading *r, struct json_object *o)
{
        struct json_object *log = json_sub(o, "nvme_self_test_log"), *table = json_sub_array(log, "table");
        struct json_object *output = json_sub_array(json_sub(o, "smartctl"), "output");
        uint64_t operation, percent = UINT64_MAX;
        bool b;

        if (json_get_bool(json_sub(o, "nvme_optional_admin_commands"), "self_test", &b) > 0)
                r->supported = b ? SELF_TEST_SUPPORT_YES : SELF_TEST_SUPPORT_NO;
        for (size_t i = 0; i < json_length(output); i++)
                if (startswith(json_string_at(output, i), "Optional Admin Commands"))
                        r->supported = strstr(json_string_at(output, i), "Self_Test") ? SELF_TEST_SUPPORT_YES
                                                                                      : SELF_TEST_SUPPORT_NO;
        if (self_test_any_line(output, "Self-tests not supported"))
                r->supported = SELF_TEST_SUPPORT_NO;
        if (!log)
                return 0;

        r->supported = r->log_supported = SELF_TEST_SUPPORT_YES;
        if (json_get_u64(json_sub(log, "current_self_test_operation"), "value", &operation) > 0) {
                (void) json_get_u64(log, "current_self_test_completion_percent", &percent);
                nvme_operation(r, operation, percent);
        }
        for (size_t i = 0; i < MIN(json_length(table), (size_t) NVME_LOG_MAX); i++)
                if (read_nvme_entry(r, json_object_array_get_idx(table, i)) < 0)
                        return -ENOMEM;

        return 0;
}

/* nvme-cli. Its keys are for people: "Power on hours", "Power on hours (POH)", "power_on_hours", ... are the same. */

static bool same_key(const char *key, const char *name)
{
        for (; *name; key++, name++)
                if (*name == ' ' ? !strchr(" _-", *key) || !*key : tolower((unsigned char) *key) != *name)
                        return false;

        return !*key || startswith(key, " (");
}

static struct json_object *nvme_cli_get(struct json_object *o, const char *name)
{
        if (!json_object_is_type(o, json_type_object))
                return NULL;
        json_object_object_foreach(o, key, value) if (same_key(key, name)) return value;

        return NULL;
}

/* A number, or one in a string: 2, "2", "0x2". */
static bool nvme_cli_number(struct json_object *o, const char *name, uint64_t *ret)
{
        struct json_object *v = nvme_cli_get(o, name);
        const char *s;
        char *end;

        if (json_object_is_type(v, json_type_int) && json_object_get_int64(v) >= 0) {
                *ret = json_object_get_uint64(v);
                return true;
        }
        if (!json_object_is_type(v, json_type_string))
                return false;
        s = json_object_get_string(v);
        if (!isdigit((unsigned char) *s))
                return false;
        errno = 0;
        *ret = strtoull(s, &end, 0);
        return errno == 0 && (!*end || *end == '%' || *end == ' ');
}

int self_test_read_nvme_cli(SelfTestReading *r, struct json_object *o)
{
        uint64_t operation, percent = UINT64_MAX;
        struct json_object *list;

        /* nvme-cli 1, and 2: in the words of the standard, and as its text output has them. */
        if (!nvme_cli_number(o, "current device self test operation", &operation) &&
            !nvme_cli_number(o, "current operation", &operation))
                return -EBADMSG;
        if (!nvme_cli_number(o, "current device self test completion", &percent))
                (void) nvme_cli_number(o, "current completion", &percent);

        r->protocol = strdup("NVMe");
        if (!r->protocol)
                return -ENOMEM;
        r->supported = r->log_supported = SELF_TEST_SUPPORT_YES;
        nvme_operation(r, operation, percent);

        list = nvme_cli_get(o, "list of valid reports") ?: nvme_cli_get(o, "self test results");
        if (!json_object_is_type(list, json_type_array))
                return 0;
        for (size_t i = 0; i < MIN(json_length(list), (size_t) NVME_LOG_MAX); i++) {
                struct json_object *one = json_object_array_get_idx(list, i);
                uint64_t kind = 0, code = 15, hours = UINT64_MAX, segment = 0;
                SelfTestEntry e = { 0 };

                (void) nvme_cli_number(one, "self test code", &kind);
                if (!nvme_cli_number(one, "self test result", &code))
                        (void) nvme_cli_number(one, "operation result", &code);
                (void) nvme_cli_number(one, "power on hours", &hours);
                (void) nvme_cli_number(one, "segment number", &segment);
                e.has_lba = nvme_cli_number(one, "failing lba", &e.lba);
                if (add_nvme_entry(r, &e, kind, code, hours, segment) < 0)
                        return -ENOMEM;
        }

        return 0;
}

int self_test_add_nvme_controller(SelfTestReading *r, const char *text, size_t size)
{
        _cleanup_json_ struct json_object *o = NULL;
        uint64_t oacs, minutes = 0;

        if (size > SELF_TEST_NVME_SIZE_MAX || json_parse(text, size, &o) < 0 ||
            json_get_u64(o, "oacs", &oacs) <= 0)
                return -EBADMSG;

        r->supported = oacs & NVME_OACS_DST ? SELF_TEST_SUPPORT_YES : SELF_TEST_SUPPORT_NO;
        if (json_get_u64(o, "edstt", &minutes) > 0)
                self_test_set_minutes(minutes, &r->long_minutes);
        return 0;
}
