/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/audit.h"
#include "daemon/manager.h"
#include "shared/worker-proto.h"

/* The self-tests of a drive, as far as they are known here: the one that runs, ours or somebody else's, and how the last one of each
 * type ended. What comes last counts: the report of a stage of ours, or a new entry in the drive's own log. */

typedef struct Stage Stage;

typedef enum SelfTestType {
        SELF_TEST_SHORT,
        SELF_TEST_LONG,
        _SELF_TEST_TYPE_MAX,
} SelfTestType;

/* How the last one of a type ended. */
typedef struct SelfTestEnd {
        char *state; /* "passed", "failed", "aborted", "unknown"; NULL: none is known of */
        char *words; /* the drive's own, or why it is unknown */
        bool has_lba;
        uint64_t lba;  /* the first that failed */
        uint64_t usec; /* when it ended; 0: not known */
        char *logged;  /* the newest entry in the drive's log, as SelfTestReading's signature has it */
} SelfTestEnd;

typedef struct DriveSelfTests {
        SelfTestEnd ends[_SELF_TEST_TYPE_MAX];
        uint64_t ended_usec; /* when the last one of ours ended: an older reading may still show it running */
        uint32_t minutes[_SELF_TEST_TYPE_MAX]; /* that the drive says one takes; 0: it does not say */
        /* By the last SMART reading: */
        bool running;
        int type;    /* of the one that runs; -1: not told */
        int percent; /* done; -1: not told */
} DriveSelfTests;

void self_tests_done(DriveSelfTests *t);
/* From the drive's row, when it is loaded. What cannot be read is as if it was not there. */
void self_tests_load(Drive *d);
/* The drive's record has a new SMART reading. 1: something has changed. */
int self_tests_on_reading(Drive *d, struct json_object *smart);
/* A stage of its job has ended, or makes progress. */
void self_tests_on_report(Drive *d, const Stage *s);
void self_tests_on_progress(Drive *d);

/* One that burnin did not start runs, by the last reading. */
bool self_tests_foreign(const Drive *d);

/* As the property SelfTests. */
int self_tests_append(const Drive *d, sd_bus_message *reply);

/* Queues a job for it, which is told to everybody. 0, or a bus error with what is in its way. */
int self_test_start(Drive *d, const char *type, const Actor *actor, Job **ret, sd_bus_error *error);
int self_test_cancel(Drive *d, const Actor *actor, sd_bus_error *error);
