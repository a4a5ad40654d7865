/* SPDX-License-Identifier: LGPL-2.1-or-later */
#undef NDEBUG

#include "basic/string-util.h"
#include "daemon/delivery.h"

/* When deliveries are tried, and given up. */

#define NOW (UINT64_C(1700000000) * USEC_PER_SEC)

static void test_backoff(void)
{
        static const uint64_t randoms[] = { 0, 1, 12345678901, UINT64_MAX };
        uint64_t expected = DELIVERY_BACKOFF_FIRST;

        for (uint32_t failures = 1; failures < 20; failures++) {
                for (size_t i = 0; i < ELEMENTSOF(randoms); i++) {
                        uint64_t usec = delivery_backoff_usec(failures, randoms[i]);

                        assert(usec >= expected - expected / 4 && usec < expected + expected / 4);
                }
                expected = MIN(2 * expected, DELIVERY_BACKOFF_MAX);
        }
        assert(expected == DELIVERY_BACKOFF_MAX);
        assert(delivery_backoff_usec(UINT32_MAX, 0) == DELIVERY_BACKOFF_MAX - DELIVERY_BACKOFF_MAX / 4);
        assert(delivery_backoff_usec(1, 0) != delivery_backoff_usec(1, 1000));
}

static void test_taken(void)
{
        DeliveryRecord d = { .queued_usec = NOW, .next_usec = NOW, .error = strdup("no route") };

        assert(d.error && delivery_attempted(&d, DELIVERY_TAKEN, NULL, NOW + 5, 0) == 0);
        assert(d.state == DELIVERY_DELIVERED && d.attempts == 1 && d.next_usec == NOW + 5 && !d.error);
}

/* To the end of its patience, and not much longer; each time later than the last. */
static void test_failed(void)
{
        DeliveryRecord d = { .queued_usec = NOW, .next_usec = NOW };
        uint64_t now = NOW;

        while (d.state == DELIVERY_PENDING) {
                assert(delivery_attempted(&d, DELIVERY_FAILED, "no \x1b[31mroute\nto it", now, 7) == 0);
                assert(streq(d.error, "no ?[31mroute?to it"));
                assert(d.attempts < 200);
                if (d.state == DELIVERY_PENDING) {
                        assert(d.next_usec > now);
                        now = d.next_usec;
                }
        }
        assert(d.state == DELIVERY_DEAD && d.attempts > 40);
        assert(now < NOW + DELIVERY_PATIENCE && now > NOW + DELIVERY_PATIENCE - 2 * DELIVERY_BACKOFF_MAX);
        free(d.error);
}

/* Whatever was not running for how long: each is tried once. */
static void test_late(void)
{
        DeliveryRecord d = { .queued_usec = NOW, .next_usec = NOW };

        assert(delivery_attempted(&d, DELIVERY_FAILED, "late", NOW + 3 * USEC_PER_DAY, 0) == 0);
        assert(d.state == DELIVERY_DEAD && d.attempts == 1);
        free(d.error);
}

static void test_refused(void)
{
        DeliveryRecord d = { .queued_usec = NOW, .next_usec = NOW };
        Target t = { .next_usec = NOW, .failures = 3, .rest_usec = NOW + 1, .busy = true };

        assert(delivery_attempted(&d, DELIVERY_REFUSED, "HTTP 400", NOW, 0) == 0);
        assert(d.state == DELIVERY_PENDING);
        assert(d.next_usec >= NOW + DELIVERY_BACKOFF_MAX / 2);
        free(d.error);

        /* The next one may be to its liking. */
        target_attempted(&t, DELIVERY_REFUSED, NOW, 0);
        assert(!t.busy && t.failures == 0 && t.rest_usec == 0);
}

static void test_choose(void)
{
        Target t[3] = { { .next_usec = NOW - 5 }, { .next_usec = NOW - 9 }, { .next_usec = NOW + 100 } };
        uint64_t wake = 0;

        assert(targets_choose(t, 0, NOW, &wake) == -EAGAIN && wake == USEC_INFINITY);
        assert(targets_choose(t, 3, NOW, &wake) == 1);

        /* One at a time for each. */
        t[1].busy = true;
        assert(targets_choose(t, 3, NOW, &wake) == 0);
        t[0].busy = true;
        assert(targets_choose(t, 3, NOW, &wake) == -EAGAIN && wake == NOW + 100);

        /* One that failed rests, whatever else is due there. */
        target_attempted(&t[1], DELIVERY_FAILED, NOW, 0);
        assert(t[1].failures == 1 && t[1].rest_usec > NOW);
        t[2].next_usec = 0;
        assert(targets_choose(t, 3, NOW, &wake) == -EAGAIN && wake == t[1].rest_usec);
        assert(targets_choose(t, 3, t[1].rest_usec, &wake) == 1);

        /* The clock was set back by a year. */
        t[0] = (Target){ .next_usec = NOW + 365 * USEC_PER_DAY };
        assert(targets_choose(t, 1, NOW, &wake) == 0);
}

/* Targets that hang take places from each other, not from those that are well. */
static void test_room(void)
{
        Target t[40];
        uint64_t wake;
        int i;

        for (size_t k = 0; k < ELEMENTSOF(t); k++)
                t[k] = (Target){ .next_usec = NOW - 1, .failures = k < 30 };
        for (size_t k = 0; k < DELIVERIES_FAILING_MAX; k++)
                t[k].busy = true;

        for (size_t k = DELIVERIES_FAILING_MAX; k < DELIVERIES_AT_ONCE; k++) {
                i = targets_choose(t, ELEMENTSOF(t), NOW, &wake);
                assert(i >= 30 && !t[i].busy);
                t[i].busy = true;
        }
        assert(targets_choose(t, ELEMENTSOF(t), NOW, &wake) == -EAGAIN && wake == USEC_INFINITY);

        t[0].busy = false;
        assert(targets_choose(t, ELEMENTSOF(t), NOW, &wake) >= 0);
}

int main(void)
{
        test_backoff();
        test_taken();
        test_failed();
        test_late();
        test_refused();
        test_choose();
        test_room();
        return 0;
}
