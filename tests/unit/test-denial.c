/* SPDX-License-Identifier: LGPL-2.1-or-later */
#undef NDEBUG

#include "basic/string-util.h"
#include "daemon/denial.h"
#include "test-util.h"

/* A caller without rights can make us write no more than so much a minute, and no call goes unmentioned. */

#define START (1000 * USEC_PER_SEC)

static const Actor visitor = { .uid = 1000, .name = "visitor" }, other = { .uid = 1001, .name = "other" };

static void test_first_are_single_and_the_rest_a_number(void)
{
        DenialLog l = {};
        DenialCount *c;

        for (size_t i = 0; i < DENIALS_PER_CALLER_MAX; i++)
                assert(denial_log_admit(&l, &visitor, "a", START + i));
        assert(denial_log_due(&l) == USEC_INFINITY && !denial_log_next(&l, START, true));
        for (size_t i = 0; i < 1000; i++)
                assert(!denial_log_admit(&l, &visitor, "a", START + 100 + i));
        assert(denial_log_admit(&l, &other, "a", START + 2000));

        assert(denial_log_due(&l) == START + DENIALS_PERIOD_USEC);
        assert(!denial_log_next(&l, START + DENIALS_PERIOD_USEC - 1, false));
        c = denial_log_next(&l, START + DENIALS_PERIOD_USEC, false);
        assert(c && c == denial_log_next(&l, START + 1, true));
        assert(c->actor.uid == visitor.uid && streq(c->actor.name, "visitor"));
        assert(c->n_counted == 1000 && streq(c->action, "a"));

        /* A minute later the same again. */
        denial_count_done(c);
        assert(!denial_log_next(&l, UINT64_MAX, true) && denial_log_due(&l) == USEC_INFINITY);
        for (size_t i = 0; i < DENIALS_PER_CALLER_MAX; i++)
                assert(denial_log_admit(&l, &visitor, "a", START + DENIALS_PERIOD_USEC));
        assert(!denial_log_admit(&l, &visitor, "a", START + DENIALS_PERIOD_USEC));
}

/* All who use the web page have its user's uid. */
static void test_accounts_are_callers_of_their_own(void)
{
        Actor alice = { .uid = 990 }, olga = { .uid = 990 };
        DenialLog l = {};

        actor_set_account(&alice, "alice");
        actor_set_account(&olga, "olga");
        assert(streq(alice.name, "alice (web)"));
        for (size_t i = 0; i < DENIALS_PER_CALLER_MAX + 1; i++)
                (void) denial_log_admit(&l, &alice, "a", START);
        assert(denial_log_admit(&l, &olga, "a", START));
        assert(streq(denial_log_next(&l, START, true)->actor.name, "alice (web)"));
}

static void test_quiet_caller_starts_anew(void)
{
        DenialLog l = {};

        for (size_t i = 0; i < DENIALS_PER_CALLER_MAX; i++)
                assert(denial_log_admit(&l, &visitor, "a", START));
        assert(denial_log_admit(&l, &visitor, "a", START + DENIALS_PERIOD_USEC));
        assert(denial_log_due(&l) == USEC_INFINITY);
}

static void test_several_actions(void)
{
        DenialLog l = {};

        for (size_t i = 0; i < DENIALS_PER_CALLER_MAX; i++)
                assert(denial_log_admit(&l, &visitor, "a", START));
        for (size_t i = 0; i < 3; i++)
                assert(!denial_log_admit(&l, &visitor, i == 1 ? "b" : "a", START));
        assert(streq(denial_log_next(&l, START, true)->action, DENIALS_SEVERAL));
}

/* A number that could not be recorded is not lost to the next period, nor to somebody who needs its place. */
static void test_number_stays_until_it_is_recorded(void)
{
        DenialLog l = {};

        for (size_t i = 0; i < DENIALS_PER_CALLER_MAX + 5; i++)
                (void) denial_log_admit(&l, &visitor, "a", START);
        for (uint32_t uid = 5000; uid < 5000 + 3 * DENIALS_CALLERS_MAX; uid++)
                (void) denial_log_admit(&l, &(Actor){ .uid = uid }, "a", START + 5 * DENIALS_PERIOD_USEC);
        assert(!denial_log_admit(&l, &visitor, "a", START + 5 * DENIALS_PERIOD_USEC));
        assert(denial_log_next(&l, START, true)->n_counted == 6);
}

static void test_more_callers_than_places(void)
{
        DenialLog l = {};
        size_t single = 0, counted = 0;

        for (uint32_t uid = 1; uid <= 10000; uid++)
                single += denial_log_admit(&l, &(Actor){ .uid = uid }, "a", START);
        assert(single == DENIALS_CALLERS_MAX);
        for (DenialCount *c; (c = denial_log_next(&l, START, true)); denial_count_done(c)) {
                assert(c->actor.uid == UINT32_MAX && !isempty(c->actor.name));
                counted += c->n_counted;
        }
        assert(single + counted == 10000);
}

int main(void)
{
        test_first_are_single_and_the_rest_a_number();
        test_accounts_are_callers_of_their_own();
        test_quiet_caller_starts_anew();
        test_several_actions();
        test_number_stays_until_it_is_recorded();
        test_more_callers_than_places();
        return 0;
}
