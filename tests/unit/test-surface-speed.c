/* SPDX-License-Identifier: LGPL-2.1-or-later */
#undef NDEBUG

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "basic/string-util.h"
#include "basic/time-util.h"
#include "worker/surface-heat.h"
#include "worker/surface-slow.h"

#define GB UINT64_C(1000000000)

/* Looks every two seconds at a drive of 640 GB, 10 GB a region, that needs seconds(phase, region) for each of them. */
static void drive_through(SurfaceSpeed *s, uint32_t phases,
                          double (*seconds)(uint32_t phase, uint32_t region))
{
        uint64_t usec = USEC_PER_HOUR;

        surface_speed_init(s, 640 * GB);
        for (uint32_t phase = 1; phase <= phases; phase++) {
                double position = 0;

                while (position < 64) {
                        uint32_t region = (uint32_t) position;

                        surface_speed_look(s, phase, (uint64_t) (position * 10e9), usec, false);
                        usec += 2 * USEC_PER_SEC;
                        position += 2 / seconds(phase, region);
                }
        }
}

static double steady(uint32_t phase, uint32_t region)
{
        return 50;
}

/* 210 MB/s outside, 105 inside. */
static double disk(uint32_t phase, uint32_t region)
{
        return 48 + region * 0.75;
}

static double slow(uint32_t phase, uint32_t region)
{
        return 250;
}

static double quick(uint32_t phase, uint32_t region)
{
        return 4;
}

static double hiccup(uint32_t phase, uint32_t region)
{
        return phase == 5 && region == 20 ? 200 : disk(phase, region);
}

static double weak_zone(uint32_t phase, uint32_t region)
{
        return phase >= 3 && (region == 20 || region == 21 || region == 40) ? 120 : disk(phase, region);
}

static double cache(uint32_t phase, uint32_t region)
{
        return phase <= 2 ? 20 : 60;
}

static double stuck_region(uint32_t phase, uint32_t region)
{
        return region == 3 ? 400 : disk(phase, region);
}

static const Evidence *line(const StageReport *r, const char *rule)
{
        for (size_t i = 0; i < r->n_evidence; i++)
                if (streq(r->evidence[i].rule, rule))
                        return r->evidence + i;

        return NULL;
}

static void expect(const SurfaceSpeed *s, const SlowLimits *l, Verdict verdict, const char *rule,
                   const char *words)
{
        _cleanup_(stage_report_done) StageReport r = {};
        const Evidence *e;

        assert(surface_slow_judge(s, l, "sdb on nas1", &r) == 0);
        e = line(&r, rule);
        assert(e);
        if (e->verdict != verdict || !strstr(e->observed, words))
                fprintf(stderr, "%s: %s; %s\n", rule, e->observed, strempty(r.reason));
        assert(e->verdict == verdict && strstr(e->observed, words));
        assert((stage_report_judge(&r) == VERDICT_FAILED) == !!r.reason);
}

static const SlowLimits limits = { .floor = 60000000, .ratio = 0.7, .fails = true };

static void test_measure(void)
{
        SurfaceSpeed s;
        uint64_t usec;
        uint32_t n;

        drive_through(&s, 2, steady);
        assert(fabs(surface_speed_phase(&s, 1, &n, &usec) - 200e6) < 2e6);
        /* When the first one began nobody saw, and the last one ends with its phase. */
        assert(n == 62 && usec > 3000 * USEC_PER_SEC);
        assert(surface_speed_region(&s, 1, 0) == 0 && surface_speed_region(&s, 2, 63) == 0);
        assert(fabs(surface_speed_region(&s, 2, 30) - 200e6) < 2e6);
        assert(surface_speed_phase(&s, 3, &n, &usec) == 0 && n == 0 && usec == 0);
        assert(surface_speed_region(&s, 0, 0) == 0 && surface_speed_region(&s, 33, 0) == 0 &&
               surface_speed_region(&s, 1, 64) == 0);

        /* Smaller than a region has bytes; nonsense. */
        surface_speed_init(&s, 10);
        surface_speed_look(&s, 1, 0, 1, false);
        surface_speed_look(&s, 1, 10, 2, false);
        surface_speed_init(&s, 6400);
        surface_speed_look(&s, UINT32_MAX, 0, 1, false);
        surface_speed_look(&s, 1, UINT64_MAX, 2, false);
        surface_speed_look(&s, 1, 0, 3, false);
        surface_speed_look(&s, 1, UINT64_MAX - 1, 4, false);
        surface_speed_look(&s, 1, 5, 4, false);
        surface_speed_look(&s, 1, 50, 1, false);
}

/* A pause of an hour in the middle of a region is no slow region. */
static void test_disturbed(void)
{
        SurfaceSpeed s;
        uint64_t usec = 1;

        surface_speed_init(&s, 640 * GB);
        for (uint32_t i = 0; i <= 640; i++, usec += 5 * USEC_PER_SEC) {
                if (i == 205) {
                        for (unsigned k = 0; k < 100; k++, usec += 36 * USEC_PER_SEC)
                                surface_speed_look(&s, 1, i * GB, usec, true);
                        assert(surface_speed_region(&s, 1, 19) > 0);
                }
                /* Out of sight for an hour. */
                if (i == 400)
                        usec += USEC_PER_HOUR;
                surface_speed_look(&s, 1, i * GB, usec, i == 205);
        }
        assert(surface_speed_region(&s, 1, 20) == 0 && surface_speed_region(&s, 1, 39) == 0);
        assert(fabs(surface_speed_phase(&s, 1, NULL, NULL) - 200e6) < 5e6);
}

static void test_json(void)
{
        _cleanup_json_ struct json_object *o = NULL;
        SurfaceSpeed s, again;
        size_t size;

        drive_through(&s, 8, disk);
        o = surface_speed_to_json(&s);
        assert(o && json_object_array_length(o) == 8);
        (void) json_object_to_json_string_length(o, JSON_C_TO_STRING_PLAIN, &size);
        assert(size < 8U * 1024);
        surface_speed_init(&again, s.size_bytes);
        assert(surface_speed_from_json(o, &again) == 0);
        assert(memcmp(s.phases, again.phases, sizeof(s.phases)) == 0);

        static const char *const bad[] = { "[1]", "[[1]]", "[\"x\"]", "[[-1]]" };
        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                _cleanup_json_ struct json_object *b = NULL;

                assert(json_parse(bad[i], strlen(bad[i]), &b) == 0);
                assert(surface_speed_from_json(b, &again) == -EBADMSG);
        }
}

static void test_judge(void)
{
        SlowLimits lenient = limits, none = {}, siblings = limits, fast = limits;
        _cleanup_(stage_report_done) StageReport r = {};
        SurfaceSpeed s;

        drive_through(&s, 8, disk);
        expect(&s, &limits, VERDICT_PASSED, "speed-floor", "140 MB/s in phase");
        expect(&s, &limits, VERDICT_PASSED, "speed-regions", "none");
        assert(surface_slow_judge(&s, &none, "", &r) == 0 && r.n_evidence == 0);
        siblings.siblings = 150000000;
        expect(&s, &siblings, VERDICT_PASSED, "speed-siblings", "140 MB/s in the first phase");
        siblings.siblings = 250000000;
        expect(&s, &siblings, VERDICT_FAILED, "speed-siblings", "140 MB/s in the first phase");

        drive_through(&s, 2, slow);
        expect(&s, &limits, VERDICT_FAILED, "speed-floor", "40 MB/s in phase");
        expect(&s, &limits, VERDICT_PASSED, "speed-regions", "not measured");
        fast.one_pass = true;
        expect(&s, &fast, VERDICT_PASSED, "speed-regions", "not compared: the test has one pass");
        lenient.fails = false;
        expect(&s, &lenient, VERDICT_PASSED, "speed-floor", "a warning");

        /* What took no five seconds is not named, however slow the whole is. */
        drive_through(&s, 2, quick);
        fast.floor = 10 * GB;
        expect(&s, &fast, VERDICT_FAILED, "speed-floor", "2500 MB/s in phase");
        assert(surface_slow_judge(&s, &fast, "", &r) == 0);
        assert(!strstr(line(&r, "speed-floor")->observed, "slower than that"));

        /* Once is anybody's hiccup. */
        drive_through(&s, 8, hiccup);
        expect(&s, &limits, VERDICT_PASSED, "speed-regions",
               "slow at 200 to 210 GB in one phase, a warning");
        expect(&s, &limits, VERDICT_PASSED, "speed-floor", "slower than that at 200 to 210 GB, a warning");

        drive_through(&s, 8, weak_zone);
        expect(&s, &limits, VERDICT_FAILED, "speed-regions", "200 to 220 GB, 400 to 410 GB again and again");
        expect(&s, &lenient, VERDICT_PASSED, "speed-regions", "again and again, a warning");

        /* All of an SSD is slower once its cache is full: no region is. */
        drive_through(&s, 8, cache);
        expect(&s, &limits, VERDICT_PASSED, "speed-regions", "as a whole 3.0 times as slow");
        drive_through(&s, 8, stuck_region);
        expect(&s, &limits, VERDICT_PASSED, "speed-floor", "slower than that at 30 to 40 GB, a warning");

        /* Nothing that can be measured. */
        surface_speed_init(&s, 64000000);
        expect(&s, &siblings, VERDICT_PASSED, "speed-floor", "not measured");
        expect(&s, &siblings, VERDICT_PASSED, "speed-regions", "not measured");
        expect(&s, &siblings, VERDICT_PASSED, "speed-siblings", "not measured");
}

static void test_heat(void)
{
        HeatState h = {};
        uint64_t now = 1000 * USEC_PER_HOUR;

        assert(heat_judge(&h, false, MDEGC_UNKNOWN, 46000, 55000, now) == HEAT_NONE);
        assert(heat_judge(&h, false, 90000, MDEGC_UNKNOWN, MDEGC_UNKNOWN, now) == HEAT_NONE);
        assert(heat_judge(&h, false, 54999, 46000, 55000, now) == HEAT_NONE && h.n_pauses == 0);
        assert(heat_judge(&h, false, 55000, 46000, 55000, now) == HEAT_PAUSE);
        assert(heat_judge(&h, true, 60000, 46000, 55000, now) == HEAT_NONE);
        assert(heat_judge(&h, true, 46000, 46000, 55000, now) == HEAT_NONE);
        assert(heat_judge(&h, true, MDEGC_UNKNOWN, 46000, 55000, now) == HEAT_NONE);
        assert(heat_judge(&h, true, 45999, 46000, 55000, now) == HEAT_RESUME);
        assert(heat_judge(&h, false, 56000, 46000, 55000, now + 20 * USEC_PER_MINUTE) == HEAT_PAUSE);
        /* An hour and a minute after the first. */
        assert(heat_judge(&h, false, 57000, 46000, 55000, now + 61 * USEC_PER_MINUTE) == HEAT_PAUSE);
        assert(heat_judge(&h, false, 58000, 46000, 55000, now + 80 * USEC_PER_MINUTE) == HEAT_END);
        assert(h.n_pauses == 3 && h.pauses[0].mdegc == 56000 && h.pauses[2].mdegc == 58000);
}

int main(void)
{
        test_measure();
        test_disturbed();
        test_json();
        test_judge();
        test_heat();
        return 0;
}
