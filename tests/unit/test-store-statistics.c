/* SPDX-License-Identifier: LGPL-2.1-or-later */
#undef NDEBUG

#include "basic/string-util.h"
#include "basic/time-util.h"
#include "store-sample.h"

/* Of jobs that passed, or go on. */
#define STAGE_NONE _STAGE_KIND_MAX
#define DAY_1      (UINT64_C(1795219200) * USEC_PER_SEC) /* 2026-11-21 */

static void job_add(Store *s, const char *drive, const char *model, const char *profile, Verdict verdict,
                    uint64_t created, uint64_t hours, StageKind failed, uint64_t paused, uint32_t phases)
{
        JobRecord j = job_sample();

        j.kind = (char *) "burn-in";
        j.drive = (char *) drive;
        j.model = (char *) model;
        j.profile = (char *) profile;
        j.state = JOB_QUEUED;
        j.verdict = VERDICT_NONE;
        j.request = NULL;
        j.created_usec = j.started_usec = created;
        j.pauses_usec = paused * USEC_PER_HOUR;
        assert_ok(store_job_put(s, &j));
        for (uint32_t i = 0; i < 3; i++) {
                static const StageKind kinds[] = { STAGE_PRECHECK, STAGE_SURFACE_VALIDATE,
                                                   STAGE_FINAL_CHECK };
                StageRecord stage = stage_sample(j.id, i);

                stage.kind = kinds[i];
                stage.phases = phases;
                stage.run = NULL;
                stage.run_sent = false;
                stage.state = STAGE_DONE;
                stage.verdict = kinds[i] < failed ? VERDICT_PASSED : verdict;
                if (verdict != VERDICT_NONE)
                        assert_ok(store_stage_put(s, &stage));
        }
        if (verdict == VERDICT_NONE)
                return;

        j.state = JOB_DONE;
        j.verdict = verdict;
        j.finished_usec = created + hours * USEC_PER_HOUR;
        assert_ok(store_job_put(s, &j));
        /* What is stored once more is not counted once more. */
        assert_ok(store_job_put(s, &j));
}

static int collect(const JobStatistics *r, void *userdata)
{
        char **text = userdata, *line;

        line = strf("%s%s %s %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %.1f %.1f\n",
                    strempty(*text), r->part, r->name, r->passed, r->failed, r->inconclusive, r->cancelled,
                    r->jobs, r->hours, r->terabytes);
        assert(line);
        free(*text);
        *text = line;
        return 0;
}

static char *statistics(Store *s, uint64_t since_usec, bool by_month)
{
        char *text = NULL;

        assert_ok(store_job_statistics(s, since_usec, by_month, collect, &text));
        return text;
}

static void test_statistics(void)
{
        _cleanup_(scratch_freep) char *dir = scratch_new();
        _cleanup_(store_closep) Store *s = store_in(dir);
        _cleanup_free_ char *days = NULL, *later = NULL, *months = NULL, *none = NULL, *never = NULL;
        HostRecord h = host_sample();
        DriveRecord d = drive_sample();
        JobRecord other = job_sample();

        none = statistics(s, 0, false);
        assert(!none);

        assert_ok(store_host_put(s, &h));
        assert_ok(store_drive_put(s, &d));
        job_add(s, d.id, "ST16000", "full", VERDICT_PASSED, DAY_1, 20, STAGE_NONE, 0, 8);
        job_add(s, d.id, "ST16000", "surface", VERDICT_PASSED, DAY_1, 40, STAGE_NONE, 10, 8);
        /* Three times the same surface. */
        job_add(s, d.id, "ST16000", "surface", VERDICT_PASSED, DAY_1, 90, STAGE_NONE, 0, 24);
        /* Neither of a whole surface, nor of a drive whose size is known. */
        job_add(s, d.id, "ST16000", "fast", VERDICT_PASSED, DAY_1, 5, STAGE_NONE, 0, 8);
        job_add(s, "gone", "ST16000", "full", VERDICT_PASSED, DAY_1, 5, STAGE_NONE, 0, 8);
        job_add(s, d.id, "WD", "full", VERDICT_FAILED, DAY_1 + USEC_PER_DAY, 1, STAGE_SURFACE_VALIDATE, 0,
                8);
        job_add(s, d.id, "WD", "full", VERDICT_INCONCLUSIVE, DAY_1 + USEC_PER_DAY, 1, STAGE_PRECHECK, 0, 8);
        job_add(s, d.id, NULL, "full", VERDICT_CANCELLED, DAY_1 + USEC_PER_DAY, 1, STAGE_PRECHECK, 0, 8);
        /* Before the time, in another month, one that goes on, and no burn-in. */
        job_add(s, d.id, "OLD", "full", VERDICT_PASSED, DAY_1 - 1, 1, STAGE_NONE, 0, 8);
        job_add(s, d.id, "OLD", "full", VERDICT_FAILED, DAY_1 - 40 * USEC_PER_DAY, 1, STAGE_FINAL_CHECK, 0,
                8);
        job_add(s, d.id, NULL, "full", VERDICT_NONE, DAY_1 + USEC_PER_DAY, 0, STAGE_NONE, 0, 8);
        other.kind = (char *) "self-test";
        other.drive = (char *) "another";
        other.request = NULL;
        other.created_usec = DAY_1;
        assert_ok(store_job_put(s, &other));

        /* The whole day, whatever its hour. */
        days = statistics(s, DAY_1 + USEC_PER_HOUR, false);
        assert(streq(days, "day 2026-11-21 3 0 0 0 5 0.0 0.0\n"
                           "day 2026-11-22 1 1 1 1 4 0.0 0.0\n"
                           "day 2026-11-24 1 0 0 0 0 0.0 0.0\n"
                           "model ST16000 5 0 0 0 5 50.0 32.0\n"
                           "model  0 0 0 1 2 0.0 0.0\n"
                           "model WD 0 1 1 0 2 0.0 0.0\n"
                           "stage precheck 0 0 1 0 1 0.0 0.0\n"
                           "stage surface_validate 0 1 0 0 1 0.0 0.0\n"));
        later = statistics(s, DAY_1 + 2 * USEC_PER_DAY, false);
        assert(!later);

        months = statistics(s, 0, true);
        assert(streq(months, "model ST16000 5 0 0 0 5 50.0 32.0\n"
                             "model  0 0 0 1 2 0.0 0.0\n"
                             "model OLD 1 1 0 0 2 1.0 16.0\n"
                             "model WD 0 1 1 0 2 0.0 0.0\n"
                             "month 2026-10 0 1 0 0 1 0.0 0.0\n"
                             "month 2026-11 6 1 1 1 10 0.0 0.0\n"
                             "stage final_check 0 1 0 0 1 0.0 0.0\n"
                             "stage precheck 0 0 1 0 1 0.0 0.0\n"
                             "stage surface_validate 0 1 0 0 1 0.0 0.0\n"));
        never = statistics(s, UINT64_MAX, true);
        assert(!never);
        assert_counted(s);
}

/* The median of what others of a model did; what cannot be read counts for nothing. */
static void test_sibling_speed(void)
{
        static const char *const reports[] = {
                "{\"details\":{\"phases\":[{\"bytes_per_second\":100},{\"bytes_per_second\":1}]}}",
                "{\"details\":{\"phases\":[{\"bytes_per_second\":300}]}}",
                "{\"details\":{\"phases\":[{\"bytes_per_second\":\"900\"}]}}",
                "{\"details\":{\"phases\":[]}}",
                "{}",
                "{\"details\":{\"phases\":[{\"bytes_per_second\":200}]}}",
                /* Of d0, which is one drive however often it was tested: its last time counts. */
                "{\"details\":{\"phases\":[{\"bytes_per_second\":900}]}}",
                "{\"details\":{\"phases\":[{\"bytes_per_second\":900}]}}",
        };
        _cleanup_scratch_ char *dir = scratch_new();
        _cleanup_(store_closep) Store *s = store_in(dir);
        uint64_t speed = 7;

        assert_ok(store_sibling_speed(s, "M", "d0", &speed));
        assert(speed == 0);
        for (size_t i = 0; i < ELEMENTSOF(reports); i++) {
                JobRecord j = job_sample();
                StageRecord g;

                j.drive = strf("d%zu", i < 6 ? i : 0);
                j.model = (char *) "M";
                j.request = NULL;
                j.state = JOB_DONE;
                j.verdict = VERDICT_PASSED;
                j.finished_usec = 100;
                assert_ok(store_job_put(s, &j));
                g = stage_sample(j.id, 0);
                g.kind = STAGE_SURFACE_VALIDATE;
                g.state = STAGE_DONE;
                g.verdict = VERDICT_PASSED;
                g.run = NULL;
                g.run_sent = false;
                g.finished_usec = i < 6 ? 100 : 50;
                g.report = (char *) reports[i];
                assert_ok(store_stage_put(s, &g));
                free(j.drive);
        }
        assert_ok(store_sibling_speed(s, "M", "other", &speed));
        assert(speed == 200);
        assert_ok(store_sibling_speed(s, "M", "d0", &speed)); /* two are too few */
        assert(speed == 0);
        assert_ok(store_sibling_speed(s, "N", "other", &speed));
        assert(speed == 0);
        assert_ok(store_sibling_speed(s, NULL, "other", &speed));
        assert(speed == 0);
}

int main(void)
{
        test_sibling_speed();
        test_statistics();
        return 0;
}
