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
        j.state = verdict == VERDICT_NONE ? JOB_QUEUED : JOB_DONE;
        j.verdict = verdict;
        j.request = NULL;
        j.created_usec = j.started_usec = created;
        j.finished_usec = verdict == VERDICT_NONE ? 0 : created + hours * USEC_PER_HOUR;
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

static void test_statistics(void)
{
        _cleanup_(scratch_freep) char *dir = scratch_new();
        _cleanup_(store_closep) Store *s = store_in(dir);
        _cleanup_free_ char *text = NULL, *none = NULL;
        HostRecord h = host_sample();
        DriveRecord d = drive_sample();
        JobRecord other = job_sample();

        assert_ok(store_job_statistics(s, 0, collect, &none));
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
        job_add(s, d.id, NULL, "full", VERDICT_NONE, DAY_1 + USEC_PER_DAY, 0, STAGE_NONE, 0, 8);
        /* Before the time, and no burn-in. */
        job_add(s, d.id, "OLD", "full", VERDICT_PASSED, DAY_1 - 1, 1, STAGE_NONE, 0, 8);
        other.kind = (char *) "self-test";
        other.drive = (char *) "another";
        other.request = NULL;
        other.created_usec = DAY_1;
        assert_ok(store_job_put(s, &other));

        assert_ok(store_job_statistics(s, DAY_1, collect, &text));
        assert(streq(text, "day 2026-11-21 3 0 0 0 5 0.0 0.0\n"
                           "day 2026-11-22 1 1 1 1 4 0.0 0.0\n"
                           "day 2026-11-24 1 0 0 0 0 0.0 0.0\n"
                           "model ST16000 5 0 0 0 5 50.0 32.0\n"
                           "model  0 0 0 1 2 0.0 0.0\n"
                           "model WD 0 1 1 0 2 0.0 0.0\n"
                           "stage precheck 0 0 1 0 1 0.0 0.0\n"
                           "stage surface_validate 0 1 0 0 1 0.0 0.0\n"));
}

int main(void)
{
        test_statistics();
        return 0;
}
