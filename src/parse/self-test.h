/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "basic/string-table.h"
#include "shared/json-util.h"

/* SMART self-tests of ATA, SAS and NVMe drives, as their tools print them, to one form for all. Pure: no I/O, no clock, any
 * input is safe. Strings are clean (valid UTF-8, no control characters) and bounded.
 *
 *   smartctl --json=cou with -x, -a, -c or -l selftest, smartctl 7.0 and newer; what a version does not have in its JSON is
 *   taken from the lines in smartctl.output: the log of SAS drives before 7.3, their progress before 8.0
 *   nvme self-test-log -o json, for NVMe drives before smartctl 7.4; keys in the spelling of nvme-cli 1 and 2
 *   nvme id-ctrl -o json: what smartctl does not tell of an NVMe drive's self-tests */

#define SELF_TEST_LOG_MAX   21 /* ATA keeps 21 results, SAS and NVMe 20 */
#define SELF_TEST_WORDS_MAX 512U

typedef enum SelfTestKind {
        SELF_TEST_KIND_UNKNOWN, /* unknown: ATA drives do not say which one runs; in a log also what is no test */
        SELF_TEST_KIND_SHORT,      /* short */
        SELF_TEST_KIND_LONG,       /* long: extended */
        SELF_TEST_KIND_CONVEYANCE, /* conveyance */
        SELF_TEST_KIND_SELECTIVE,  /* selective */
        SELF_TEST_KIND_VENDOR,     /* vendor */
        _SELF_TEST_KIND_MAX,
        _SELF_TEST_KIND_INVALID = -EINVAL,
} SelfTestKind;
DECLARE_STRING_TABLE(self_test_kind, SelfTestKind);

typedef enum SelfTestResult {
        SELF_TEST_RESULT_UNKNOWN, /* unknown: the drive could not end it ("fatal or unknown error"), or a reserved code */
        SELF_TEST_RESULT_PASSED,      /* passed */
        SELF_TEST_RESULT_FAILED,      /* failed */
        SELF_TEST_RESULT_ABORTED,     /* aborted: by a command of the host: abort, format, sanitize, ... */
        SELF_TEST_RESULT_INTERRUPTED, /* interrupted: by a reset */
        SELF_TEST_RESULT_RUNNING,     /* running: SAS drives, and some others, log it from its start */
        _SELF_TEST_RESULT_MAX,
        _SELF_TEST_RESULT_INVALID = -EINVAL,
} SelfTestResult;
DECLARE_STRING_TABLE(self_test_result, SelfTestResult);

typedef enum SelfTestRead {
        SELF_TEST_READ_OK,      /* nothing else is set unless it is this */
        SELF_TEST_READ_STANDBY, /* left alone, because the drive sleeps */
        SELF_TEST_READ_BRIDGE, /* smartctl does not know how to talk to it: an unknown bridge or device type */
        SELF_TEST_READ_OPEN_FAILED, /* it could not be opened, or did not answer */
        SELF_TEST_READ_UNSUPPORTED, /* it has no SMART */
        SELF_TEST_READ_GARBAGE,     /* neither smartctl's JSON nor nvme's */
} SelfTestRead;

typedef enum SelfTestSupport {
        SELF_TEST_SUPPORT_UNKNOWN,
        SELF_TEST_SUPPORT_NO,
        SELF_TEST_SUPPORT_YES,
} SelfTestSupport;

typedef enum SelfTestActivity {
        SELF_TEST_ACTIVITY_UNKNOWN, /* this output does not say */
        SELF_TEST_ACTIVITY_IDLE,
        SELF_TEST_ACTIVITY_RUNNING,
} SelfTestActivity;

typedef enum SelfTestHours {
        SELF_TEST_HOURS_UNKNOWN,
        SELF_TEST_HOURS_EXACT,
        SELF_TEST_HOURS_WRAP,     /* ATA: 16 bits; the true number is this one plus a multiple of 65536 */
        SELF_TEST_HOURS_AT_LEAST, /* SAS: 16 bits that stay at 65535 */
} SelfTestHours;

typedef struct SelfTestEntry {
        SelfTestKind kind;
        SelfTestResult result;
        uint8_t code; /* the drive's own result, 0 to 15 (ATA: the high nibble of the status) */
        SelfTestHours hours_are;
        uint64_t hours; /* power-on hours at its end */
        bool has_lba;
        uint64_t lba; /* first LBA that failed, in logical blocks */
        char *words;  /* the result as the drive's tool puts it: "Completed: read failure" */
} SelfTestEntry;

typedef struct SelfTestReading {
        SelfTestRead read;
        char *reason;   /* why there is nothing to read, in the tool's words; NULL with OK and STANDBY */
        char *protocol; /* "ATA", "SCSI", "NVMe"; NULL: not told */

        SelfTestSupport supported;
        SelfTestSupport log_supported; /* YES: the log is below, maybe empty */
        /* The drive's own estimates in minutes; 0: it gives none. ATA: both; SAS: long; NVMe: long, from id-ctrl. */
        uint32_t short_minutes, long_minutes;

        SelfTestActivity activity;
        /* While one runs: */
        SelfTestKind running;
        int percent; /* done, 0 to 100; -1: not told. ATA and SAS drives count what remains, NVMe drives what is done */
        /* ATA status 240, "0 % remaining": about to end, or a drive on which it stays like that for ever. */
        bool finishing;

        SelfTestEntry log[SELF_TEST_LOG_MAX]; /* newest first */
        size_t n_log;
} SelfTestReading;

void self_test_reading_done(SelfTestReading *r);
/* 0 or -ENOMEM: what could not be read is told by ret->read. */
int self_test_parse(const char *text, size_t size, SelfTestReading *ret);
/* The same from smartctl's JSON that was parsed already, and has a reading. */
int self_test_from_smartctl(struct json_object *o, SelfTestReading *ret);
/* Adds support and estimate from "nvme id-ctrl -o json". 0; -EBADMSG (and nothing is changed): not that. */
int self_test_add_nvme_controller(SelfTestReading *r, const char *text, size_t size);

/* The log in one line, to be stored before a test is started and compared later: its finished entries, newest first, at most
 * 19, as "long-0-28364,short-7-1234-51216384" (kind, code, hours, LBA; "" for none); NULL where the log could not be read. It
 * changes when a test has ended, and only then: not with the percentage of one that runs, its entry, or other words of another
 * version. Owner: the caller. */
int self_test_signature(const SelfTestReading *r, char **ret);

/* All of a reading that was OK, but for the drive's estimates and words about it. -EBADMSG: it makes no sense. */
struct json_object *self_test_reading_to_json(const SelfTestReading *r);
int self_test_reading_from_json(struct json_object *o, SelfTestReading *ret);

/* What a drive's row keeps of a reading, NULL where there is none: {"supported": bool, "running": bool, "kind"?, "percent"?: of
 * the one that runs, "short_minutes"?, "long_minutes"?, "short"?, "long"?: {"result", "words", "logged", "lba"?}}, the newest
 * entry of each kind; "logged" is its part of the signature. */
int self_test_summary(const SelfTestReading *r, struct json_object **ret);
