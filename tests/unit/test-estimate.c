/* SPDX-License-Identifier: LGPL-2.1-or-later */
#undef NDEBUG

#include "basic/string-util.h"
#include "daemon/estimate.h"
#include "test-util.h"

#define TB UINT64_C(1000000000000)

static const StageKind surface[] = { STAGE_PRECHECK, STAGE_SURFACE_VALIDATE, STAGE_FINAL_CHECK };

static double hours(uint64_t usec)
{
        return (double) usec / (double) USEC_PER_HOUR;
}

static EstimateRange of_class(EstimateDrive d)
{
        EstimateBasis basis = _ESTIMATE_BASIS_INVALID;
        EstimateRange r = estimate_job(surface, ELEMENTSOF(surface), 8, &d, &(EstimateHistory){}, &basis);

        assert(basis == ESTIMATE_CLASS);
        return r;
}

static void test_class(void)
{
        EstimateRange hdd = of_class((EstimateDrive){ .size_bytes = TB, .rotational = true });
        EstimateRange big = of_class((EstimateDrive){ .size_bytes = 14 * TB, .rotational = true });
        EstimateRange ssd = of_class((EstimateDrive){ .size_bytes = TB });
        EstimateRange nvme = of_class((EstimateDrive){ .size_bytes = TB, .nvme = true });
        EstimateRange nothing = of_class((EstimateDrive){});

        /* Eight passes: 11.1 h/TB at 200 MB/s, 27.8 at 80. */
        assert(hours(hdd.low_usec) > 11.0 && hours(hdd.low_usec) < 11.2);
        assert(hours(hdd.high_usec) > 27.7 && hours(hdd.high_usec) < 27.9);
        /* One of 14 TB took more than five days. */
        assert(hours(big.low_usec) > 150 && hours(big.high_usec) < 400);
        assert(ssd.high_usec < hdd.high_usec && nvme.high_usec < ssd.high_usec);
        assert(nvme.low_usec < ssd.low_usec && ssd.low_usec < hdd.low_usec);
        assert(nothing.low_usec > 0 && nothing.high_usec >= nothing.low_usec);
}

static void test_stage(void)
{
        const EstimateDrive d = { .size_bytes = TB, .rotational = true };
        EstimateRange two = estimate_stage(STAGE_SURFACE_VALIDATE, 2, &d),
                      eight = estimate_stage(STAGE_SURFACE_VALIDATE, 8, &d),
                      check = estimate_stage(STAGE_PRECHECK, 0, &d),
                      format = estimate_stage(STAGE_NVME_FORMAT, 8, &d),
                      sanitize = estimate_stage(STAGE_NVME_SANITIZE, 8, &d);

        assert(hours(two.low_usec) > 2.7 && hours(two.low_usec) < 2.9);
        assert(eight.low_usec > 3 * two.low_usec && eight.high_usec > 3 * two.high_usec);
        assert(check.high_usec <= USEC_PER_MINUTE);
        assert(format.low_usec > check.low_usec && hours(format.high_usec) < 1);
        assert(sanitize.low_usec >= format.low_usec && hours(sanitize.high_usec) > 1);
}

static void test_self_tests(void)
{
        const EstimateDrive silent = { .size_bytes = 14 * TB, .rotational = true },
                            told = { .size_bytes = 14 * TB,
                                     .rotational = true,
                                     .short_minutes = 2,
                                     .long_minutes = 1479 },
                            nvme = { .size_bytes = 2 * TB, .nvme = true };
        EstimateRange r;

        r = estimate_stage(STAGE_LONG_SMART, 0, &told);
        assert(hours(r.low_usec) > 24.6 && hours(r.low_usec) < 24.8 && hours(r.high_usec) > 36);
        r = estimate_stage(STAGE_SHORT_SMART, 0, &told);
        assert(r.low_usec >= 2 * USEC_PER_MINUTE && r.high_usec < 5 * USEC_PER_MINUTE);

        /* 1.4 to 3.5 h/TB. */
        r = estimate_stage(STAGE_LONG_SMART, 0, &silent);
        assert(hours(r.low_usec) > 19 && hours(r.low_usec) < 24.6 && hours(r.high_usec) > 24.6 &&
               hours(r.high_usec) < 50);
        r = estimate_stage(STAGE_SHORT_SMART, 0, &silent);
        assert(r.low_usec >= USEC_PER_MINUTE && r.high_usec < 10 * USEC_PER_MINUTE);
        r = estimate_stage(STAGE_LONG_SMART, 0, &nvme);
        assert(hours(r.high_usec) < 1.5);

        /* How often a surface goes over the drive is nothing to them, and nothing that a drive says overflows. */
        assert(estimate_stage(STAGE_LONG_SMART, 8, &silent).low_usec ==
               estimate_stage(STAGE_LONG_SMART, 1, &silent).low_usec);
        r = estimate_stage(STAGE_LONG_SMART, 0, &(EstimateDrive){ .long_minutes = UINT32_MAX });
        assert(hours(r.high_usec) < 101.0 * 366 * 24 && r.low_usec <= r.high_usec);
}

static void test_history(void)
{
        const EstimateDrive d = { .size_bytes = 2 * TB, .rotational = true };
        EstimateHistory h = {};
        EstimateBasis basis = _ESTIMATE_BASIS_INVALID;
        EstimateRange r;

        estimate_history_add(&h, 0, USEC_PER_HOUR);
        estimate_history_add(&h, TB, 0);
        assert(h.n == 0);

        estimate_history_add(&h, TB, 10 * USEC_PER_HOUR);
        r = estimate_job(surface, ELEMENTSOF(surface), 8, &d, &h, &basis);
        assert(basis == ESTIMATE_HISTORY && h.n == 1);
        assert(hours(r.low_usec) > 17.9 && hours(r.low_usec) < 18.1);
        assert(hours(r.high_usec) > 21.9 && hours(r.high_usec) < 22.1);

        estimate_history_add(&h, TB, 30 * USEC_PER_HOUR);
        estimate_history_add(&h, TB, 20 * USEC_PER_HOUR);
        r = estimate_job(surface, ELEMENTSOF(surface), 8, &d, &h, &basis);
        assert(h.n == 3 && hours(r.low_usec) < 18.1 && hours(r.high_usec) > 65.9 &&
               hours(r.high_usec) < 66.1);
}

static EstimateRange batch(const EstimateRange *jobs, const size_t *hosts, size_t n, uint32_t cap,
                           uint32_t per_host)
{
        EstimateRange r = { 4711, 4711 };

        assert(estimate_batch(jobs, hosts, n, cap, per_host, &r) == 0);
        return r;
}

/* Sizes are what drives say. */
static void test_sizes_that_cannot_be(void)
{
        const EstimateDrive huge = { .size_bytes = UINT64_MAX, .rotational = true };
        EstimateHistory h = {};
        EstimateBasis basis = _ESTIMATE_BASIS_INVALID;
        EstimateRange r;

        r = of_class(huge);
        assert(hours(r.high_usec) < 101.0 * 366 * 24 && r.low_usec <= r.high_usec);
        estimate_history_add(&h, 1, UINT64_MAX);
        r = estimate_job(surface, ELEMENTSOF(surface), 8, &huge, &h, &basis);
        assert(hours(r.high_usec) < 101.0 * 366 * 24 && r.low_usec <= r.high_usec);
}

static void test_batch(void)
{
        static const EstimateRange jobs[] = { { 10, 20 }, { 10, 20 }, { 10, 20 }, { 30, 60 }, { 1, 2 } };
        static const size_t one[] = { 0, 0, 0, 0, 0 }, two[] = { 0, 0, 0, 0, 1 };
        EstimateRange r;

        r = batch(jobs, one, 5, 1, 0);
        assert(r.low_usec == 61 && r.high_usec == 122);
        r = batch(jobs, one, 5, 100, 0);
        assert(r.low_usec == 30 && r.high_usec == 60);
        r = batch(jobs, one, 5, 2, 0); /* 0-10 10-20 | 0-10 10-40 | 20-21 */
        assert(r.low_usec == 40);
        r = batch(jobs, two, 5, 2, 1); /* 0-10-20-30-60 on one, 0-1 on the other */
        assert(r.low_usec == 60 && r.high_usec == 120);
        r = batch(jobs, one, 5, 10000, 3); /* 0-10 0-10 0-10 10-40 10-11 */
        assert(r.low_usec == 40);
        r = batch(jobs, one, 1, 4, 4);
        assert(r.low_usec == 10 && r.high_usec == 20);
        r = batch(jobs, one, 0, 4, 4);
        assert(r.low_usec == 0 && r.high_usec == 0);
}

int main(void)
{
        test_class();
        test_stage();
        test_self_tests();
        test_history();
        test_sizes_that_cannot_be();
        test_batch();
        return 0;
}
