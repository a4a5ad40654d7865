/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <stdio.h>

#include "basic/string-util.h"
#include "parse/self-test-protocol.h"
#include "parse/smartctl-json.h"

/* Everything here is optional, and may be wrong in a bridge: a field that is missing or of another type is not told, never
 * zero. An entry of the log without its result is none. */

/* One less than the smallest log holds: a test that runs may take a place in it, and push the oldest out. */
#define SIGNATURE_MAX 19U
#define HOURS_MAX     1000000U

static const char *const self_test_kind_table[_SELF_TEST_KIND_MAX] = {
        [SELF_TEST_KIND_UNKNOWN] = "unknown",     [SELF_TEST_KIND_SHORT] = "short",
        [SELF_TEST_KIND_LONG] = "long",           [SELF_TEST_KIND_CONVEYANCE] = "conveyance",
        [SELF_TEST_KIND_SELECTIVE] = "selective", [SELF_TEST_KIND_VENDOR] = "vendor",
};
DEFINE_STRING_TABLE(self_test_kind, SelfTestKind);

static const char *const self_test_result_table[_SELF_TEST_RESULT_MAX] = {
        [SELF_TEST_RESULT_UNKNOWN] = "unknown",         [SELF_TEST_RESULT_PASSED] = "passed",
        [SELF_TEST_RESULT_FAILED] = "failed",           [SELF_TEST_RESULT_ABORTED] = "aborted",
        [SELF_TEST_RESULT_INTERRUPTED] = "interrupted", [SELF_TEST_RESULT_RUNNING] = "running",
};
DEFINE_STRING_TABLE(self_test_result, SelfTestResult);

static void entry_done(SelfTestEntry *e)
{
        free(e->words);
        *e = (SelfTestEntry){ 0 };
}

void self_test_reading_done(SelfTestReading *r)
{
        free(r->reason);
        free(r->protocol);
        for (size_t i = 0; i < r->n_log; i++)
                entry_done(r->log + i);
        *r = (SelfTestReading){ .percent = -1 };
}

int self_test_log_add(SelfTestReading *r, const SelfTestEntry *e, const char *words)
{
        _cleanup_free_ char *t = NULL;
        SelfTestEntry *to;

        if (r->n_log >= SELF_TEST_LOG_MAX)
                return 0;

        t = str_clean(words, strlen(words), SELF_TEST_ENTRY_WORDS, false);
        if (!t)
                return -ENOMEM;

        to = r->log + r->n_log;
        *to = *e;
        to->words = strdup(strstrip(t));
        if (!to->words)
                return -ENOMEM;
        r->n_log++;
        return 0;
}

void self_test_set_hours(SelfTestEntry *e, uint64_t hours, SelfTestHours are)
{
        if (hours > HOURS_MAX)
                return;
        e->hours = hours;
        e->hours_are = are;
}

void self_test_set_minutes(uint64_t minutes, uint32_t *ret)
{
        if (minutes > 0 && minutes <= SELF_TEST_MINUTES_MAX)
                *ret = (uint32_t) minutes;
}

void self_test_set_running(SelfTestReading *r, SelfTestKind kind, uint64_t percent)
{
        r->activity = SELF_TEST_ACTIVITY_RUNNING;
        if (kind != SELF_TEST_KIND_UNKNOWN)
                r->running = kind;
        if (percent <= 100)
                r->percent = (int) percent;
}

void self_test_running_from_log(SelfTestReading *r)
{
        if (r->n_log > 0 && r->log[0].result == SELF_TEST_RESULT_RUNNING)
                self_test_set_running(r, r->log[0].kind, UINT64_MAX);
}

bool self_test_any_line(struct json_object *output, const char *prefix)
{
        for (size_t i = 0; i < json_length(output); i++)
                if (startswith(json_string_at(output, i), prefix))
                        return true;

        return false;
}

static SelfTestKind ata_kind(uint64_t type)
{
        switch (type) {
        case 1:
        case 129: /* captive */
                return SELF_TEST_KIND_SHORT;
        case 2:
        case 130:
                return SELF_TEST_KIND_LONG;
        case 3:
        case 131:
                return SELF_TEST_KIND_CONVEYANCE;
        case 4:
        case 132:
                return SELF_TEST_KIND_SELECTIVE;
        default: /* 0 is an offline data collection, 127 an abort */
                return (type >= 64 && type <= 126) || (type >= 144 && type <= 255) ? SELF_TEST_KIND_VENDOR
                                                                                   : SELF_TEST_KIND_UNKNOWN;
        }
}

static SelfTestResult ata_result(uint8_t code)
{
        switch (code) {
        case 0:
                return SELF_TEST_RESULT_PASSED;
        case 1:
                return SELF_TEST_RESULT_ABORTED;
        case 2:
                return SELF_TEST_RESULT_INTERRUPTED;
        case 4 ... 8: /* unknown, electrical, servo, read, handling damage */
                return SELF_TEST_RESULT_FAILED;
        case 15:
                return SELF_TEST_RESULT_RUNNING;
        default: /* 3: fatal or unknown error, the test could not be ended */
                return SELF_TEST_RESULT_UNKNOWN;
        }
}

static int read_ata_entry(SelfTestReading *r, struct json_object *o)
{
        struct json_object *status = json_sub(o, "status");
        uint64_t type = 0, value, hours = UINT64_MAX;
        const char *words = "";
        SelfTestEntry e = { 0 };

        if (json_get_u64(status, "value", &value) <= 0 || value > 255)
                return 0;
        (void) json_get_u64(json_sub(o, "type"), "value", &type);
        (void) json_get_u64(o, "lifetime_hours", &hours);
        (void) json_get_string(status, "string", &words);

        e.kind = ata_kind(type);
        e.code = (uint8_t) (value >> 4);
        e.result = ata_result(e.code);
        e.has_lba = json_get_u64(o, "lba", &e.lba) > 0;
        self_test_set_hours(&e, hours, SELF_TEST_HOURS_WRAP);
        return self_test_log_add(r, &e, words);
}

/* -x prints the extended log where there is one, and -a the standard one; in some drives the extended one stays empty. */
static int read_ata_log(SelfTestReading *r, struct json_object *o)
{
        struct json_object *log = json_sub(o, "ata_smart_self_test_log");
        struct json_object *output = json_sub_array(json_sub(o, "smartctl"), "output");

        if (self_test_any_line(output, "SMART Self-test Log not supported"))
                r->log_supported = SELF_TEST_SUPPORT_NO;

        for (size_t i = 0; i < 2 && r->n_log == 0; i++) {
                struct json_object *one = json_sub(log, i == 0 ? "extended" : "standard");
                struct json_object *table = json_sub_array(one, "table");

                if (one)
                        r->log_supported = SELF_TEST_SUPPORT_YES;
                for (size_t j = 0; j < MIN(json_length(table), (size_t) SELF_TEST_LOG_MAX); j++)
                        if (read_ata_entry(r, json_object_array_get_idx(table, j)) < 0)
                                return -ENOMEM;
        }

        return 0;
}

/* Says which kind runs, never how far: its percentages are in tens. */
static bool ata_selective_runs(struct json_object *o)
{
        struct json_object *table =
                        json_sub_array(json_sub(o, "ata_smart_selective_self_test_log"), "table");

        for (size_t i = 0; i < MIN(json_length(table), (size_t) 5); i++) {
                const char *s;

                if (json_get_string(json_sub(json_object_array_get_idx(table, i), "status"), "string", &s) >
                                    0 &&
                    startswith(s, "Self_test_in_progress"))
                        return true;
        }

        return false;
}

static int read_ata(SelfTestReading *r, struct json_object *o)
{
        struct json_object *data = json_sub(o, "ata_smart_data"), *test = json_sub(data, "self_test");
        struct json_object *polling = json_sub(test, "polling_minutes");
        uint64_t value, n;
        bool b;

        if (json_get_bool(json_sub(data, "capabilities"), "self_tests_supported", &b) > 0)
                r->supported = b ? SELF_TEST_SUPPORT_YES : SELF_TEST_SUPPORT_NO;
        if (json_get_u64(polling, "short", &n) > 0)
                self_test_set_minutes(n, &r->short_minutes);
        if (json_get_u64(polling, "extended", &n) > 0)
                self_test_set_minutes(n, &r->long_minutes);
        if (read_ata_log(r, o) < 0)
                return -ENOMEM;

        if (json_get_u64(json_sub(test, "status"), "value", &value) <= 0 || value > 255)
                return 0;
        r->activity = SELF_TEST_ACTIVITY_IDLE;
        /* Some USB sticks say 'in progress, 0 % left' for ever, and cannot run a self-test at all. */
        if (value >> 4 != 15 || r->supported == SELF_TEST_SUPPORT_NO)
                return 0;

        self_test_set_running(r, ata_selective_runs(o) ? SELF_TEST_KIND_SELECTIVE : SELF_TEST_KIND_UNKNOWN,
                              (value & 15) <= 10 ? 100 - (value & 15) * 10 : UINT64_MAX);
        r->finishing = value == 240;
        self_test_running_from_log(r);
        return 0;
}

static int read_smartctl(SelfTestReading *r, struct json_object *o)
{
        const char *protocol;

        if (json_get_string(json_sub(o, "device"), "protocol", &protocol) <= 0)
                return 0;
        r->protocol = str_clean(protocol, strlen(protocol), SELF_TEST_ENTRY_WORDS, false);
        if (!r->protocol)
                return -ENOMEM;

        return streq(protocol, "ATA")    ? read_ata(r, o)
               : streq(protocol, "SCSI") ? self_test_read_scsi(r, o)
               : streq(protocol, "NVMe") ? self_test_read_nvme(r, o)
                                         : 0;
}

int self_test_from_smartctl(struct json_object *o, SelfTestReading *ret)
{
        _cleanup_(self_test_reading_done) SelfTestReading reading = { .percent = -1 };

        if (read_smartctl(&reading, o) < 0)
                return -ENOMEM;

        *ret = reading;
        reading = (SelfTestReading){ .percent = -1 };
        return 0;
}

/* What came instead, for people: its first line. */
static int read_garbage(SelfTestReading *r, const char *text, size_t size)
{
        const char *nl = size > 0 ? memchr(text, '\n', size) : NULL;
        _cleanup_free_ char *line = str_clean(text, nl ? (size_t) (nl - text) : size, 200, false);

        if (!line)
                return -ENOMEM;
        r->read = SELF_TEST_READ_GARBAGE;
        r->reason = isempty(strstrip(line)) ? strdup("no answer")
                                            : strf("not understood: %s", strstrip(line));
        return r->reason ? 0 : -ENOMEM;
}

int self_test_parse(const char *text, size_t size, SelfTestReading *ret)
{
        static const SelfTestRead reads[] = {
                [SMARTCTL_READ] = SELF_TEST_READ_OK,
                [SMARTCTL_STANDBY] = SELF_TEST_READ_STANDBY,
                [SMARTCTL_NO_TYPE] = SELF_TEST_READ_BRIDGE,
                [SMARTCTL_NOT_OPENED] = SELF_TEST_READ_OPEN_FAILED,
                [SMARTCTL_NOT_CAPABLE] = SELF_TEST_READ_UNSUPPORTED,
        };
        _cleanup_(self_test_reading_done) SelfTestReading reading = { .percent = -1 };
        _cleanup_json_ struct json_object *o = NULL;
        SmartctlRead read;
        int r;

        r = smartctl_json_parse(text, size, &o, &read, &reading.reason);
        if (r == -ENOMEM)
                return r;
        if (r >= 0) {
                reading.read = reads[read];
                r = read == SMARTCTL_READ ? read_smartctl(&reading, o) : 0;
        } else {
                if (size <= SELF_TEST_NVME_SIZE_MAX && json_parse(text, size, &o) >= 0)
                        r = self_test_read_nvme_cli(&reading, o);
                if (r == -EBADMSG)
                        r = read_garbage(&reading, text, size);
        }
        if (r < 0)
                return r;

        *ret = reading;
        reading = (SelfTestReading){ .percent = -1 };
        return 0;
}

static char *entry_signature(const SelfTestEntry *e)
{
        char hours[24] = "", lba[24] = "";

        if (e->hours_are != SELF_TEST_HOURS_UNKNOWN)
                (void) snprintf(hours, sizeof(hours), "%" PRIu64, e->hours);
        if (e->has_lba)
                (void) snprintf(lba, sizeof(lba), "-%" PRIu64, e->lba);

        return strf("%s-%u-%s%s", self_test_kind_to_string(e->kind), e->code, hours, lba);
}

int self_test_signature(const SelfTestReading *r, char **ret)
{
        _cleanup_free_ char *t = NULL;

        if (r->read != SELF_TEST_READ_OK || r->log_supported != SELF_TEST_SUPPORT_YES) {
                *ret = NULL;
                return 0;
        }

        t = strdup("");
        for (size_t i = 0, n = 0; i < r->n_log && n < SIGNATURE_MAX && t; i++) {
                _cleanup_free_ char *one = NULL;
                char *s;

                if (r->log[i].result == SELF_TEST_RESULT_RUNNING)
                        continue;
                n++;
                one = entry_signature(r->log + i);
                s = one ? strf("%s%s%s", t, *t ? "," : "", one) : NULL;
                free(t);
                t = s;
        }
        if (!t)
                return -ENOMEM;

        *ret = TAKE_PTR(t);
        return 0;
}

/* The newest of its kind. */
static const SelfTestEntry *log_newest(const SelfTestReading *r, SelfTestKind kind)
{
        for (size_t i = 0; i < r->n_log; i++)
                if (r->log[i].kind == kind && r->log[i].result != SELF_TEST_RESULT_RUNNING)
                        return r->log + i;

        return NULL;
}

static int put_newest(struct json_object *o, const SelfTestReading *r, SelfTestKind kind)
{
        const SelfTestEntry *e = log_newest(r, kind);
        _cleanup_json_ struct json_object *v = NULL;
        _cleanup_free_ char *logged = NULL;

        if (!e)
                return 0;

        v = json_object_new_object();
        logged = entry_signature(e);
        if (!v || !logged || json_put_string(v, "result", self_test_result_to_string(e->result)) < 0 ||
            json_put_string(v, "words", e->words) < 0 || json_put_string(v, "logged", logged) < 0 ||
            (e->has_lba && json_put_u64(v, "lba", e->lba) < 0))
                return -ENOMEM;

        return json_put(o, self_test_kind_to_string(kind), TAKE_PTR(v));
}

int self_test_summary(const SelfTestReading *r, struct json_object **ret)
{
        _cleanup_json_ struct json_object *o = NULL;
        bool running = r->activity == SELF_TEST_ACTIVITY_RUNNING;

        if (r->read != SELF_TEST_READ_OK) {
                *ret = NULL;
                return 0;
        }

        o = json_object_new_object();
        if (!o || json_put_bool(o, "supported", r->supported != SELF_TEST_SUPPORT_NO) < 0 ||
            json_put_bool(o, "running", running) < 0 ||
            (running && json_put_string(o, "kind", self_test_kind_to_string(r->running)) < 0) ||
            (running && r->percent >= 0 && json_put_i64(o, "percent", r->percent) < 0) ||
            (r->short_minutes > 0 && json_put_u64(o, "short_minutes", r->short_minutes) < 0) ||
            (r->long_minutes > 0 && json_put_u64(o, "long_minutes", r->long_minutes) < 0) ||
            put_newest(o, r, SELF_TEST_KIND_SHORT) < 0 || put_newest(o, r, SELF_TEST_KIND_LONG) < 0)
                return -ENOMEM;

        *ret = TAKE_PTR(o);
        return 0;
}
