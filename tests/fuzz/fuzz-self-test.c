/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "basic/string-util.h"
#include "fuzz.h"
#include "parse/self-test-judge.h"

static void check_reading(const SelfTestReading *r)
{
        check(r->percent >= -1 && r->percent <= 100 && r->n_log <= SELF_TEST_LOG_MAX);
        check(!r->reason || str_is_clean(r->reason, SELF_TEST_WORDS_MAX, false));
        check(!r->protocol || str_is_clean(r->protocol, SELF_TEST_WORDS_MAX, false));
        check(r->read == SELF_TEST_READ_OK || (r->n_log == 0 && r->activity == SELF_TEST_ACTIVITY_UNKNOWN));
        for (size_t i = 0; i < r->n_log; i++) {
                check(r->log[i].words && str_is_clean(r->log[i].words, SELF_TEST_WORDS_MAX, false));
                check(self_test_kind_to_string(r->log[i].kind) &&
                      self_test_result_to_string(r->log[i].result));
                check(r->log[i].code <= 15);
        }
}

static void check_outcome(const SelfTestWatch *w, const SelfTestReading *now)
{
        _cleanup_(self_test_outcome_done) SelfTestOutcome o = { 0 };

        check(self_test_judge(w, now, &o) == 0);
        check((o.state == SELF_TEST_STATE_RUNNING) == !o.words);
        check((o.state == SELF_TEST_STATE_UNKNOWN) == (o.unknown != SELF_TEST_UNKNOWN_NONE));
        check(o.percent >= -1 && o.percent <= (o.estimated ? 99 : 100));
        check(!o.final || o.state != SELF_TEST_STATE_RUNNING);
        /* The log is as it was: nothing of it is this test's result. */
        if (w->signature)
                check(o.state != SELF_TEST_STATE_PASSED && o.state != SELF_TEST_STATE_FAILED &&
                      o.state != SELF_TEST_STATE_ABORTED && o.state != SELF_TEST_STATE_INTERRUPTED);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        _cleanup_(self_test_reading_done) SelfTestReading r = { 0 };
        _cleanup_(self_test_start_done) SelfTestStart s = { 0 };
        _cleanup_(self_test_outcome_done) SelfTestOutcome o = { 0 };
        _cleanup_free_ char *signature = NULL, *foreign = strndup((const char *) data, size);
        const char *text = (const char *) data;
        SelfTestWatch w = { 0 };

        check(foreign && self_test_parse(text, size, &r) == 0);
        check_reading(&r);
        check(self_test_signature(&r, &signature) == 0 &&
              (!signature || str_is_clean(signature, 2048, false)));

        for (w.kind = 0; w.kind < _SELF_TEST_KIND_MAX; w.kind++)
                for (unsigned i = 0; i < 4; i++) {
                        w.elapsed_usec = w.unchanged_usec =
                                        (const uint64_t[]){ 0, USEC_PER_HOUR, 1ULL << 42, UINT64_MAX }[i];
                        w.signature = signature;
                        check_outcome(&w, &r);
                        w.signature = NULL;
                        check_outcome(&w, &r);
                }
        /* What is kept may be anything. */
        w.kind = SELF_TEST_KIND_SHORT;
        w.signature = foreign;
        check(self_test_judge(&w, &r, &o) == 0);

        (void) self_test_add_nvme_controller(&r, text, size);
        check(self_test_start_parse(text, size, &s) == 0);
        check((s.answer == SELF_TEST_ANSWER_STARTED) == !s.words && s.percent >= -1 && s.percent <= 100);
        check(!s.words || str_is_clean(s.words, SELF_TEST_WORDS_MAX, false));
        return 0;
}
