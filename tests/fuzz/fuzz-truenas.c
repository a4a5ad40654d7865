/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "basic/string-util.h"
#include "fuzz.h"
#include "parse/truenas.h"

static char *boot_pools[] = { (char *) "boot-pool", NULL };

static void check_disks(const TruenasDisks *d)
{
        check(d->n <= TRUENAS_DISKS_MAX);
        for (size_t i = 0; i < d->n; i++) {
                _cleanup_json_ struct json_object *o = drive_facts_to_json(d->disks[i].facts);
                _cleanup_(drive_facts_freep) DriveFacts *f = NULL;

                /* burnind takes what was understood, and nothing of it is free. */
                check(o && drive_facts_from_json(o, &f) == 0);
                check(f->lock.role != LOCK_NONE && !isempty(d->disks[i].identifier));
        }
}

static void check_reading(const SelfTestReading *r)
{
        _cleanup_free_ char *signature = NULL;

        check(r->percent >= -1 && r->percent <= 100 && r->n_log <= SELF_TEST_LOG_MAX);
        for (size_t i = 0; i < r->n_log; i++)
                check(str_is_clean(r->log[i].words, SELF_TEST_WORDS_MAX, false));
        check(self_test_signature(r, &signature) == 0);
}

/* What burnin-truenas hands on, and that it comes out as it went in. */
static void check_packed(const char *text, size_t size)
{
        _cleanup_(self_test_reading_done) SelfTestReading reading = { 0 }, again = { 0 };
        _cleanup_(drive_facts_freep) DriveFacts *facts = NULL, *facts_again = NULL;
        _cleanup_(self_test_start_done) SelfTestStart start = { 0 };
        _cleanup_free_ char *packed = NULL;

        if (truenas_unpack_start(text, size, &start) == 0)
                check((start.answer == SELF_TEST_ANSWER_STARTED) == isempty(start.words));
        if (truenas_unpack_reading(text, size, &facts, &reading) < 0)
                return;
        check_reading(&reading);
        check(truenas_pack_reading(facts, &reading, &packed) == 0);
        check(truenas_unpack_reading(packed, strlen(packed), &facts_again, &again) == 0);
        check(reading.n_log == again.n_log && drive_facts_equal(facts, facts_again));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        _cleanup_(self_test_reading_done) SelfTestReading reading = { 0 };
        _cleanup_(truenas_disks_done) TruenasDisks disks = { 0 };
        _cleanup_(truenas_tests_done) TruenasTests tests = { 0 };
        _cleanup_free_ char *words = NULL, *reason = NULL, *version = NULL;
        const char *text = (const char *) data;
        unsigned major, minor;
        uint64_t job;
        int r;

        if (truenas_parse_disks(text, size, boot_pools, &disks) == 0)
                check_disks(&disks);
        (void) truenas_parse_pools(text, size, boot_pools, &disks);
        (void) truenas_parse_temperatures(text, size, &disks);
        check_disks(&disks);

        if (truenas_parse_tests(text, size, &tests) == 0)
                for (size_t i = 0; i < tests.n; i++)
                        check(kname_is_valid(tests.tests[i].kname) && tests.tests[i].percent >= -1 &&
                              tests.tests[i].percent <= 100);
        r = truenas_parse_started(text, size, "sda", &job, &reason);
        check((r == 0) == !!reason);
        if (truenas_parse_results(text, size, "sda", &reading) == 0)
                check_reading(&reading);
        if (truenas_parse_version(text, size, &version, &major, &minor) == 0)
                check(str_is_clean(version, 256, false));
        check_packed(text, size);
        words = truenas_error_words(text, size);
        check(words && str_is_clean(words, TRUENAS_WORDS_MAX, false));
        return 0;
}
