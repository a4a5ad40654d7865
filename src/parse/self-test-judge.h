/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "parse/self-test.h"

/* From what was seen of a self-test to its state, and from the answer to its start to what became of it. Pure. */

typedef enum SelfTestState {
        SELF_TEST_STATE_RUNNING,     /* running */
        SELF_TEST_STATE_PASSED,      /* passed */
        SELF_TEST_STATE_FAILED,      /* failed: the drive itself says so */
        SELF_TEST_STATE_ABORTED,     /* aborted: by a command of the host */
        SELF_TEST_STATE_INTERRUPTED, /* interrupted: by a reset */
        SELF_TEST_STATE_UNSUPPORTED, /* unsupported: by the drive or the bridge in front of it */
        SELF_TEST_STATE_UNKNOWN,     /* unknown: see the reason */
        _SELF_TEST_STATE_MAX,
        _SELF_TEST_STATE_INVALID = -EINVAL,
} SelfTestState;
DECLARE_STRING_TABLE(self_test_state, SelfTestState);

/* Why a state is unknown. */
typedef enum SelfTestUnknown {
        SELF_TEST_UNKNOWN_NONE, /* none: it is not */
        SELF_TEST_UNKNOWN_NO_READING, /* no-reading: the drive could not be asked, or did not say whether one runs */
        SELF_TEST_UNKNOWN_NO_LOG, /* no-log: none runs, and the log could not be read now or before the start */
        SELF_TEST_UNKNOWN_NOT_LOGGED, /* not-logged: none runs, and the log is as it was before the start */
        SELF_TEST_UNKNOWN_OTHER_TEST, /* other-test: another kind of test runs or was logged, and not this one */
        SELF_TEST_UNKNOWN_LOG_REPLACED, /* log-replaced: the log has lost the results that it had before the start */
        SELF_TEST_UNKNOWN_NO_RESULT, /* no-result: it is logged, but the drive does not know its result either */
        SELF_TEST_UNKNOWN_OVERDUE, /* overdue: it should have ended long ago, and does not move */
        _SELF_TEST_UNKNOWN_MAX,
        _SELF_TEST_UNKNOWN_INVALID = -EINVAL,
} SelfTestUnknown;
DECLARE_STRING_TABLE(self_test_unknown, SelfTestUnknown);

/* What is kept of a test that was started. */
typedef struct SelfTestWatch {
        SelfTestKind kind;
        const char *signature; /* of the log before the start; NULL: it could not be read */
        bool finishing; /* SelfTestReading.finishing before the start: then that means nothing on this drive */
        uint32_t estimate_minutes; /* the drive's own, from then; 0: it gave none. For a short test 2 is taken instead, which
                                    * is what all three standards allow it; a long one is never overdue without */
        uint64_t elapsed_usec; /* since the start */
        uint64_t unchanged_usec; /* since the last reading with a higher percentage that was not estimated, or the start */
        bool ended_before; /* the last outcome was 'ended' */
} SelfTestWatch;

typedef struct SelfTestOutcome {
        SelfTestState state;
        SelfTestUnknown unknown;
        bool final; /* else: ask again */
        bool ended; /* it seems to run no more, but its result may not be in the log yet: ask once more, soon */
        int percent;        /* done, 0 to 100, while it runs; -1: not known, and no estimate to count by */
        bool estimated;     /* percent is from the time elapsed, at most 99 */
        uint64_t left_usec; /* until its likely end, while it runs; USEC_INFINITY: not known */
        bool has_lba;
        uint64_t lba;
        char *words; /* for people: the drive's own words, or why the state is unknown; NULL while it runs */
} SelfTestOutcome;

void self_test_outcome_done(SelfTestOutcome *o);
/* A result counts only if it was added to the log since the start, and for a test of the kind that was started. One that runs
 * no more gets its end from the log, or is unknown; not once, but twice in a row, and never in the first minute, since drives
 * are slow to begin and to log. Overdue is twice the estimate, with no progress for as long as the estimate: then nothing
 * stays 'running', whatever the drive says. 0 or -ENOMEM. */
int self_test_judge(const SelfTestWatch *w, const SelfTestReading *now, SelfTestOutcome *ret);

typedef enum SelfTestAnswer {
        SELF_TEST_ANSWER_STARTED,
        SELF_TEST_ANSWER_BUSY,        /* another one runs */
        SELF_TEST_ANSWER_UNSUPPORTED, /* also where smartctl went on and tried all the same */
        SELF_TEST_ANSWER_FAILED,
} SelfTestAnswer;

typedef struct SelfTestStart {
        SelfTestAnswer answer;
        int percent;      /* BUSY: of the other one, done; -1: not told */
        uint32_t minutes; /* STARTED: the drive's own estimate; 0: not told */
        char *words;      /* but with STARTED: what the tool says, one line */
} SelfTestStart;

void self_test_start_done(SelfTestStart *s);
/* What "smartctl -t" (plain, or with --json=cou) or "nvme device-self-test" printed, standard error included. 0 or -ENOMEM. */
int self_test_start_parse(const char *text, size_t size, SelfTestStart *ret);
