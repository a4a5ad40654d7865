/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <stdio.h>

#include "basic/string-util.h"
#include "basic/time-util.h"
#include "worker/report.h"
#include "worker/surface-slow.h"

/* Less than this is no measurement. */
#define PHASE_MIN_REGIONS (SPEED_REGIONS / 2)
#define PHASE_MIN_USEC    (10 * USEC_PER_SEC)
/* A hiccup that is shorter is everybody's. */
#define REGION_MIN_MSEC 5000U
#define REGIONS_NAMED   8U

#define NOT_MEASURED "not measured: the phases were too short, or disturbed"

static bool phase_is_measured(const SurfaceSpeed *s, uint32_t phase)
{
        uint64_t usec;
        uint32_t n;

        (void) surface_speed_phase(s, phase, &n, &usec);
        return n >= PHASE_MIN_REGIONS && usec >= PHASE_MIN_USEC;
}

static uint32_t mbps(double bytes_per_second)
{
        return (uint32_t) (bytes_per_second / 1e6 + 0.5);
}

/* "250 to 281 GB, 500 to 531 GB": adjacent regions as one. */
static char *name_regions(const SurfaceSpeed *s, const uint32_t slow[static SPEED_REGIONS], uint32_t least)
{
        double size = (double) s->size_bytes / SPEED_REGIONS;
        const char *unit = s->size_bytes >= 100 * UINT64_C(1000000000) ? "GB" : "MB";
        double divisor = streq(unit, "GB") ? 1e9 : 1e6;
        _cleanup_free_ char *text = strdup("");
        uint32_t n = 0;

        for (uint32_t i = 0; text && i < SPEED_REGIONS; i++) {
                uint32_t end = i;
                char *longer;

                if (slow[i] < least)
                        continue;
                while (end < SPEED_REGIONS && slow[end] >= least)
                        end++;
                if (n++ < REGIONS_NAMED) {
                        longer = strf("%s%s%.0f to %.0f %s", text, n > 1 ? ", " : "", i * size / divisor,
                                      end * size / divisor, unit);
                        free(text);
                        text = longer;
                }
                i = end;
        }
        if (text && n > REGIONS_NAMED) {
                char *longer = strf("%s, and %u more", text, n - REGIONS_NAMED);

                free(text);
                text = longer;
        }

        return TAKE_PTR(text);
}

static int judge_floor(const SurfaceSpeed *s, const SlowLimits *l, const char *drive, StageReport *r)
{
        _cleanup_free_ char *where = NULL;
        uint32_t slow[SPEED_REGIONS] = {}, slowest = 0;
        double least = 0;
        bool regions = false, under, fails;

        for (uint32_t phase = 1; phase <= SPEED_PHASES_MAX; phase++) {
                double speed = surface_speed_phase(s, phase, NULL, NULL);

                if (!phase_is_measured(s, phase))
                        continue;
                if (slowest == 0 || speed < least) {
                        slowest = phase;
                        least = speed;
                }
                for (uint32_t i = 0; i < SPEED_REGIONS; i++)
                        if (s->phases[phase - 1].msec[i] >= REGION_MIN_MSEC &&
                            surface_speed_region(s, phase, i) < (double) l->floor) {
                                slow[i]++;
                                regions = true;
                        }
        }

        if (slowest == 0)
                return report_line(r, VERDICT_PASSED, "speed-floor", "sysfs",
                                   strf("at least %u MB/s", mbps((double) l->floor)), strdup(NOT_MEASURED),
                                   NULL);

        where = regions ? name_regions(s, slow, 1) : strdup("");
        if (!where)
                return -ENOMEM;
        under = least < (double) l->floor;
        fails = under && l->fails;
        return report_line(
                        r, fails ? VERDICT_FAILED : VERDICT_PASSED, "speed-floor", "sysfs",
                        strf("at least %u MB/s", mbps((double) l->floor)),
                        strf("%u MB/s in phase %u, the slowest%s%s%s", mbps(least), slowest,
                             regions ? "; slower than that at " : "", where,
                             !fails && (under || regions) ? EVIDENCE_WARNING : ""),
                        !fails ? NULL
                               : strf("%s: it is slow: %u MB/s on average in phase %u, where at least %u are expected of such "
                                      "a drive. If others on this host are as slow, look at its cables, ports and controller",
                                      drive, mbps(least), slowest, mbps((double) l->floor)));
}

static int compare_double(const void *a, const void *b)
{
        const double *x = a, *y = b;

        return (*x > *y) - (*x < *y);
}

/* Holds a phase against the first of its kind: badblocks writes in odd phases, and reads in even ones. Returns how much slower it
 * was in the median, 0: cannot be compared. */
static double compare_phase(const SurfaceSpeed *s, uint32_t phase, double ratio,
                            uint32_t slow[static SPEED_REGIONS])
{
        const uint32_t *now = s->phases[phase - 1].msec, *then = s->phases[phase % 2 == 1 ? 0 : 1].msec;
        double factors[SPEED_REGIONS], median;
        size_t n = 0;

        if (!phase_is_measured(s, phase))
                return 0;
        for (uint32_t i = 0; i < SPEED_REGIONS; i++)
                if (now[i] > 0 && then[i] > 0)
                        factors[n++] = (double) now[i] / (double) then[i];
        if (n < PHASE_MIN_REGIONS)
                return 0;
        qsort(factors, n, sizeof(double), compare_double);
        median = factors[n / 2];

        for (uint32_t i = 0; i < SPEED_REGIONS; i++) {
                double usual = (double) then[i] * median;

                if (then[i] > 0 && (double) now[i] * ratio > usual &&
                    (double) now[i] - usual >= (double) REGION_MIN_MSEC)
                        slow[i]++;
        }

        return median;
}

static int judge_regions(const SurfaceSpeed *s, const SlowLimits *l, const char *drive, StageReport *r)
{
        _cleanup_free_ char *where = NULL, *whole = NULL;
        uint32_t slow[SPEED_REGIONS] = {}, n_compared = 0, most = 0, slowest = 0;
        double worst = 0;
        bool fails;

        for (uint32_t phase = 3; phase <= SPEED_PHASES_MAX; phase++) {
                double factor = compare_phase(s, phase, l->ratio, slow);

                n_compared += factor > 0;
                if (factor > worst) {
                        worst = factor;
                        slowest = phase;
                }
        }
        if (n_compared == 0)
                return report_line(
                                r, VERDICT_PASSED, "speed-regions", "sysfs",
                                strf("no region under %.2g of its first pass", l->ratio),
                                strdup(l->one_pass ? "not compared: the test has one pass" : NOT_MEASURED),
                                NULL);

        for (uint32_t i = 0; i < SPEED_REGIONS; i++)
                most = MAX(most, slow[i]);
        fails = most >= 2 && l->fails;
        where = name_regions(s, slow, most >= 2 ? 2 : 1);
        whole = worst * l->ratio > 1
                                ? strf(", phase %u as a whole %.1f times as slow as the first" EVIDENCE_WARNING,
                                       slowest, worst)
                                : strdup("");
        if (!where || !whole)
                return -ENOMEM;

        return report_line(
                        r, fails ? VERDICT_FAILED : VERDICT_PASSED, "speed-regions", "sysfs",
                        strf("no region under %.2g of its first pass", l->ratio),
                        strf("%s%s%s%s", most == 0 ? "none" : "slow at ", where,
                             most == 0   ? ""
                             : most == 1 ? " in one phase" EVIDENCE_WARNING
                             : l->fails  ? " again and again"
                                         : " again and again" EVIDENCE_WARNING,
                             whole),
                        !fails ? NULL
                               : strf("%s: the same regions were slow again and again, without an error: %s. Such a drive is "
                                      "about to fail",
                                      drive, where));
}

static int judge_siblings(const SurfaceSpeed *s, const SlowLimits *l, const char *drive, StageReport *r)
{
        double speed = surface_speed_phase(s, 1, NULL, NULL);
        bool measured = phase_is_measured(s, 1), under = speed < l->ratio * (double) l->siblings, fails;

        fails = measured && under && l->fails;
        return report_line(
                        r, fails ? VERDICT_FAILED : VERDICT_PASSED, "speed-siblings", "sysfs",
                        strf("at least %.2g of the %u MB/s of others of its model", l->ratio,
                             mbps((double) l->siblings)),
                        !measured ? strdup(NOT_MEASURED)
                                  : strf("%u MB/s in the first phase%s", mbps(speed),
                                         under && !fails ? EVIDENCE_WARNING : ""),
                        !fails ? NULL
                               : strf("%s: it wrote at %u MB/s in its first phase, where others of its model here have %u",
                                      drive, mbps(speed), mbps((double) l->siblings)));
}

int surface_slow_judge(const SurfaceSpeed *s, const SlowLimits *l, const char *drive, StageReport *r)
{
        int k = 0;

        if (l->floor > 0)
                k = judge_floor(s, l, drive, r);
        if (k >= 0 && l->ratio > 0)
                k = judge_regions(s, l, drive, r);
        if (k >= 0 && l->ratio > 0 && l->siblings > 0)
                k = judge_siblings(s, l, drive, r);

        return k;
}
