/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <stdio.h>

#include "basic/string-util.h"
#include "basic/strv.h"
#include "parse/self-test-judge.h"
#include "parse/smartctl-json.h"

/* What the standards allow a short test: ATA (SHORT self-test), SPC (background short), NVMe (short device self-test). */
#define SHORT_MINUTES    2U
#define SETTLE_USEC      USEC_PER_MINUTE
#define START_SIZE_MAX   (256U * 1024U)
#define START_LINE_MAX   256U
#define START_LINES_MAX  200U
#define ESTIMATE_MINUTES 100000U
#define ELAPSED_MAX      (100000 * USEC_PER_HOUR)

static const char *const self_test_state_table[_SELF_TEST_STATE_MAX] = {
        [SELF_TEST_STATE_RUNNING] = "running",         [SELF_TEST_STATE_PASSED] = "passed",
        [SELF_TEST_STATE_FAILED] = "failed",           [SELF_TEST_STATE_ABORTED] = "aborted",
        [SELF_TEST_STATE_INTERRUPTED] = "interrupted", [SELF_TEST_STATE_UNSUPPORTED] = "unsupported",
        [SELF_TEST_STATE_UNKNOWN] = "unknown",
};
DEFINE_STRING_TABLE(self_test_state, SelfTestState);

static const char *const self_test_unknown_table[_SELF_TEST_UNKNOWN_MAX] = {
        [SELF_TEST_UNKNOWN_NONE] = "none",
        [SELF_TEST_UNKNOWN_NO_READING] = "no-reading",
        [SELF_TEST_UNKNOWN_NO_LOG] = "no-log",
        [SELF_TEST_UNKNOWN_NOT_LOGGED] = "not-logged",
        [SELF_TEST_UNKNOWN_OTHER_TEST] = "other-test",
        [SELF_TEST_UNKNOWN_LOG_REPLACED] = "log-replaced",
        [SELF_TEST_UNKNOWN_NO_RESULT] = "no-result",
        [SELF_TEST_UNKNOWN_OVERDUE] = "overdue",
};
DEFINE_STRING_TABLE(self_test_unknown, SelfTestUnknown);

void self_test_outcome_done(SelfTestOutcome *o)
{
        free(o->words);
        *o = (SelfTestOutcome){ .percent = -1, .left_usec = USEC_INFINITY };
}

static int set_words(SelfTestOutcome *o, const char *words)
{
        return free_and_strdup(&o->words, words) < 0 ? -ENOMEM : 0;
}

static int set_unknown(SelfTestOutcome *o, SelfTestUnknown why, bool final)
{
        static const char *const words[_SELF_TEST_UNKNOWN_MAX] = {
                [SELF_TEST_UNKNOWN_NO_READING] = "the drive does not say whether a self-test runs",
                [SELF_TEST_UNKNOWN_NO_LOG] =
                                "no self-test runs, and the drive's self-test log could not be read",
                [SELF_TEST_UNKNOWN_NOT_LOGGED] =
                                "no self-test runs, and the drive has not logged a result since the start",
                [SELF_TEST_UNKNOWN_OTHER_TEST] =
                                "another self-test was started on the drive, and this one's result is not in its log",
                [SELF_TEST_UNKNOWN_LOG_REPLACED] =
                                "the drive's self-test log no longer holds the results from before the start",
                [SELF_TEST_UNKNOWN_NO_RESULT] = "the drive logged the self-test without a result",
                [SELF_TEST_UNKNOWN_OVERDUE] =
                                "the self-test has taken twice the time that the drive estimates, and does not move",
        };

        o->state = SELF_TEST_STATE_UNKNOWN;
        o->unknown = why;
        o->final = final;
        return set_words(o, words[why]);
}

/* What was added to the log since before: the number of entries, newest first, or -ENOENT where the two do not fit together.
 * When something is added everything moves down, and the oldest falls off a full log. */
static int log_added(const char *before, const char *now, char ***ret_now)
{
        _cleanup_strv_free_ char **old = NULL, **new = NULL;
        size_t n_old, n_new, added;

        if (strv_split(before, ",", &old) < 0 || strv_split(now, ",", &new) < 0)
                return -ENOMEM;
        n_old = strv_length(old);
        n_new = strv_length(new);

        for (added = n_new > n_old ? n_new - n_old : 0; added < n_new; added++) {
                size_t i = 0;

                while (added + i < n_new && i < n_old && streq(new[added + i], old[i]))
                        i++;
                if (added + i == n_new || i == n_old)
                        break;
        }
        /* Nothing of the old log is left: that is one with few places, or another log. */
        if (added == n_new && n_new < n_old)
                return -ENOENT;

        *ret_now = TAKE_PTR(new);
        return (int) added;
}

static int set_result(SelfTestOutcome *o, const SelfTestEntry *e)
{
        static const SelfTestState states[_SELF_TEST_RESULT_MAX] = {
                [SELF_TEST_RESULT_UNKNOWN] = SELF_TEST_STATE_UNKNOWN,
                [SELF_TEST_RESULT_PASSED] = SELF_TEST_STATE_PASSED,
                [SELF_TEST_RESULT_FAILED] = SELF_TEST_STATE_FAILED,
                [SELF_TEST_RESULT_ABORTED] = SELF_TEST_STATE_ABORTED,
                [SELF_TEST_RESULT_INTERRUPTED] = SELF_TEST_STATE_INTERRUPTED,
        };

        o->state = states[e->result];
        o->unknown = e->result == SELF_TEST_RESULT_UNKNOWN ? SELF_TEST_UNKNOWN_NO_RESULT
                                                           : SELF_TEST_UNKNOWN_NONE;
        o->final = true;
        o->has_lba = e->result == SELF_TEST_RESULT_FAILED && e->has_lba;
        o->lba = o->has_lba ? e->lba : 0;
        return set_words(o, isempty(e->words) ? self_test_result_to_string(e->result) : e->words);
}

/* 1: the test's result is in the log. Else 0, and in *ret_why what is to be said of it when the test runs no more. The oldest
 * entry counts that was added and is of its kind: another test may have been started after it. */
static int judge_log(const SelfTestWatch *w, const SelfTestReading *now, SelfTestOutcome *o,
                     SelfTestUnknown *ret_why)
{
        _cleanup_free_ char *signature = NULL;
        _cleanup_strv_free_ char **entries = NULL;
        const SelfTestEntry *found = NULL;
        int added, n = 0;

        if (self_test_signature(now, &signature) < 0)
                return -ENOMEM;
        if (!signature || !w->signature) {
                *ret_why = SELF_TEST_UNKNOWN_NO_LOG;
                return 0;
        }

        added = log_added(w->signature, signature, &entries);
        if (added == -ENOENT) {
                *ret_why = SELF_TEST_UNKNOWN_LOG_REPLACED;
                return 0;
        }
        if (added < 0)
                return added;

        for (size_t i = 0; i < now->n_log && n < added; i++) {
                if (now->log[i].result == SELF_TEST_RESULT_RUNNING)
                        continue;
                n++;
                if (now->log[i].kind == w->kind && w->kind != SELF_TEST_KIND_UNKNOWN)
                        found = now->log + i;
        }
        if (!found) {
                *ret_why = added > 0 ? SELF_TEST_UNKNOWN_OTHER_TEST : SELF_TEST_UNKNOWN_NOT_LOGGED;
                return 0;
        }

        return set_result(o, found) < 0 ? -ENOMEM : 1;
}

static uint64_t estimate_usec(const SelfTestWatch *w, const SelfTestReading *now)
{
        uint32_t minutes = w->kind == SELF_TEST_KIND_SHORT  ? now->short_minutes
                           : w->kind == SELF_TEST_KIND_LONG ? now->long_minutes
                                                            : 0;

        /* The one from before the start is that which was promised. */
        if (w->estimate_minutes > 0)
                minutes = w->estimate_minutes;
        else if (minutes == 0 && w->kind == SELF_TEST_KIND_SHORT)
                minutes = SHORT_MINUTES;

        return MIN(minutes, ESTIMATE_MINUTES) * USEC_PER_MINUTE;
}

static void set_running(const SelfTestWatch *w, uint64_t estimate, int percent, SelfTestOutcome *o)
{
        uint64_t elapsed = MIN(w->elapsed_usec, ELAPSED_MAX);

        o->state = SELF_TEST_STATE_RUNNING;
        o->percent = percent;
        if (percent < 0 && estimate > 0) {
                double done = 100.0 * (double) elapsed / (double) estimate;

                o->percent = done >= 99 ? 99 : (int) done;
                o->estimated = true;
        }

        /* What the drive has done tells more than what it promised, once it is enough to count by. */
        if (!o->estimated && percent >= 20)
                o->left_usec = (uint64_t) ((double) elapsed / percent * (100 - percent));
        else if (estimate > elapsed)
                o->left_usec = estimate - elapsed;
}

/* One that could be read, of a drive that has self-tests and logs them. */
static int judge_reading(const SelfTestWatch *w, const SelfTestReading *now, uint64_t estimate, bool overdue,
                         SelfTestOutcome *o)
{
        bool running = now->activity == SELF_TEST_ACTIVITY_RUNNING, other;
        SelfTestUnknown why;
        int r;

        /* A result that is there counts, whatever runs now. */
        r = judge_log(w, now, o, &why);
        if (r != 0)
                return MIN(r, 0);

        if (now->activity == SELF_TEST_ACTIVITY_UNKNOWN)
                return set_unknown(o, SELF_TEST_UNKNOWN_NO_READING, overdue);

        /* The drive names what runs, and it is not this. */
        other = running && now->running != SELF_TEST_KIND_UNKNOWN && now->running != w->kind;
        if (running && !other) {
                if (overdue)
                        return set_unknown(o, SELF_TEST_UNKNOWN_OVERDUE, true);
                set_running(w, estimate, w->finishing && now->finishing ? -1 : now->percent, o);
                return 0;
        }

        if (w->elapsed_usec < SETTLE_USEC) {
                set_running(w, estimate, -1, o);
                return 0;
        }
        o->ended = true;
        return set_unknown(o, other ? SELF_TEST_UNKNOWN_OTHER_TEST : why, w->ended_before);
}

static int set_unsupported(SelfTestOutcome *o, const char *words)
{
        o->state = SELF_TEST_STATE_UNSUPPORTED;
        o->final = true;
        return set_words(o, words);
}

int self_test_judge(const SelfTestWatch *w, const SelfTestReading *now, SelfTestOutcome *ret)
{
        _cleanup_(self_test_outcome_done) SelfTestOutcome o = { .percent = -1, .left_usec = USEC_INFINITY };
        uint64_t estimate = estimate_usec(w, now);
        bool overdue;
        int r;

        overdue = estimate > 0 && w->elapsed_usec >= 2 * estimate && w->unchanged_usec >= estimate;

        if (now->read == SELF_TEST_READ_UNSUPPORTED)
                r = set_unsupported(&o, strempty(now->reason));
        else if (now->supported == SELF_TEST_SUPPORT_NO)
                r = set_unsupported(&o, "the drive, or the bridge in front of it, has no self-tests");
        else if (now->log_supported == SELF_TEST_SUPPORT_NO)
                r = set_unsupported(
                                &o,
                                "the drive keeps no log of its self-tests, where their results would be");
        else if (now->read == SELF_TEST_READ_OK)
                r = judge_reading(w, now, estimate, overdue, &o);
        else {
                r = set_unknown(&o, SELF_TEST_UNKNOWN_NO_READING, overdue);
                if (r >= 0)
                        r = set_words(&o, now->read == SELF_TEST_READ_STANDBY ? "the drive sleeps"
                                                                              : strempty(now->reason));
        }
        if (r < 0)
                return r;

        *ret = o;
        o = (SelfTestOutcome){ 0 };
        return 0;
}

void self_test_start_done(SelfTestStart *s)
{
        free(s->words);
        *s = (SelfTestStart){ .percent = -1 };
}

static bool has_any(const char *line, const char *const *words, size_t n)
{
        for (size_t i = 0; i < n; i++)
                if (strcasestr(line, words[i]))
                        return true;

        return false;
}

/* What a line of the answer says by itself; FAILED where it says nothing. */
static SelfTestAnswer line_answer(const char *line)
{
        static const char *const unsupported[] = {
                "self-tests not supported",
                "self-test functions not supported",
                "unsupported scsi opcode",
                "unsupported field in scsi command",
                "unknown usb bridge",
                "unable to detect device type",
                "device lacks smart capability",
                "invalid opcode",
                "invalid_opcode",
                "invalid command opcode",
        };
        static const char *const busy[] = { "without aborting current test", "self-test in progress",
                                            "self_test_in_progress" };
        static const char *const started[] = { "testing has begun", "self test has begun",
                                               "self-test has begun", "self-test started" };

        return has_any(line, unsupported, ELEMENTSOF(unsupported)) ? SELF_TEST_ANSWER_UNSUPPORTED
               : has_any(line, busy, ELEMENTSOF(busy))             ? SELF_TEST_ANSWER_BUSY
               : has_any(line, started, ELEMENTSOF(started))       ? SELF_TEST_ANSWER_STARTED
                                                                   : SELF_TEST_ANSWER_FAILED;
}

static bool is_banner(const char *line)
{
        return startswith(line, "smartctl ") || startswith(line, "Copyright ") || startswith(line, "===") ||
               startswith(line, "Sending command: ") || startswith(line, "Use smartctl -X") ||
               startswith(line, "Please specify device type") || startswith(line, "add '-t force'");
}

/* Of several lines the one counts that says more: that it is not supported, that another one runs, that it has begun. */
static int read_start_line(SelfTestStart *s, const char *text, size_t size)
{
        static const int weights[] = {
                [SELF_TEST_ANSWER_FAILED] = 0,
                [SELF_TEST_ANSWER_STARTED] = 1,
                [SELF_TEST_ANSWER_BUSY] = 2,
                [SELF_TEST_ANSWER_UNSUPPORTED] = 3,
        };
        _cleanup_free_ char *clean = str_clean(text, size, START_LINE_MAX, false);
        SelfTestAnswer answer;
        const char *line, *p;
        unsigned n;

        if (!clean)
                return -ENOMEM;
        line = strstrip(clean);
        if (isempty(line) || is_banner(line))
                return 0;

        if (sscanf(line, "Please wait %6u minutes for test to complete", &n) == 1 && n <= ESTIMATE_MINUTES) {
                s->minutes = n;
                return 0;
        }

        answer = line_answer(line);
        if (weights[answer] < weights[s->answer])
                return 0;
        s->answer = answer;
        p = strstr(line, "current test (");
        if (answer == SELF_TEST_ANSWER_BUSY && p && sscanf(p, "current test (%3u%%", &n) == 1 && n <= 100)
                s->percent = strstr(p, "% remaining)") ? (int) (100 - n) : (int) n;

        return free_and_strdup(&s->words, line) < 0 ? -ENOMEM : 0;
}

static int read_start_json(SelfTestStart *s, struct json_object *smartctl)
{
        struct json_object *output = json_sub_array(smartctl, "output");
        struct json_object *messages = json_sub_array(smartctl, "messages");

        for (size_t i = 0; i < MIN(json_length(output), (size_t) START_LINES_MAX); i++) {
                const char *line = json_string_at(output, i);

                if (read_start_line(s, line, strlen(line)) < 0)
                        return -ENOMEM;
        }
        for (size_t i = 0; i < MIN(json_length(messages), (size_t) START_LINES_MAX); i++) {
                const char *line;

                if (json_get_string(json_object_array_get_idx(messages, i), "string", &line) > 0 &&
                    read_start_line(s, line, strlen(line)) < 0)
                        return -ENOMEM;
        }

        return 0;
}

int self_test_start_parse(const char *text, size_t size, SelfTestStart *ret)
{
        _cleanup_(self_test_start_done)
                        SelfTestStart s = { .answer = SELF_TEST_ANSWER_FAILED, .percent = -1 };
        _cleanup_json_ struct json_object *o = NULL;
        struct json_object *smartctl = NULL;

        size = MIN(size, (size_t) START_SIZE_MAX);
        if (json_parse(text, size, &o) >= 0)
                smartctl = json_sub(o, "smartctl");
        if (smartctl) {
                if (read_start_json(&s, smartctl) < 0)
                        return -ENOMEM;
        } else {
                for (size_t i = 0, lines = 0; i < size && lines < START_LINES_MAX; lines++) {
                        const char *nl = memchr(text + i, '\n', size - i);
                        size_t n = nl ? (size_t) (nl - text) - i : size - i;

                        if (read_start_line(&s, text + i, n) < 0)
                                return -ENOMEM;
                        i += n + 1;
                }
        }

        if (s.answer != SELF_TEST_ANSWER_STARTED)
                s.minutes = 0;
        else {
                free(s.words);
                s.words = NULL;
        }
        if (s.answer != SELF_TEST_ANSWER_BUSY)
                s.percent = -1;
        if (s.answer != SELF_TEST_ANSWER_STARTED && !s.words && free_and_strdup(&s.words, "no answer") < 0)
                return -ENOMEM;

        *ret = s;
        s = (SelfTestStart){ 0 };
        return 0;
}
