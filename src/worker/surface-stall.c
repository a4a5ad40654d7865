/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "basic/string-util.h"
#include "basic/time-util.h"
#include "worker/stage.h"
#include "worker/surface-stall.h"

#define STALL_USEC (30 * USEC_PER_MINUTE)

/* Three things are watched apart: whether we see anything, whether the process can run, and whether it works. */
static const char *what_stands_still(const Surface *s)
{
        if (s->w->failures > 0)
                return "the host cannot be reached, the test itself may go on";
        if (s->dying)
                return "its process waits for the drive and cannot even be killed";
        if (s->stopped)
                return "its process is stopped by a signal";

        return "its process lives, but the drive does no work";
}

/* Far older than any job of its kind should be. That alone ends nothing: a large drive that is slow still works. */
static bool is_stuck(const Surface *s)
{
        const StageParams *p = &s->w->params;
        uint64_t now = now_usec(CLOCK_REALTIME), age;

        if (p->stuck_usec == 0 || p->job_started_usec == 0 || now < p->job_started_usec)
                return false;

        age = now - p->job_started_usec;
        age -= MIN(age, s->state.paused_usec);
        return age > p->stuck_usec && age / 2 > p->estimate_usec;
}

static void say(Surface *s, const char *reason)
{
        _cleanup_json_ struct json_object *o = json_object_new_object();

        if (!o || json_put_string(o, "reason", reason) < 0) {
                (void) log_oom();
                return;
        }
        (void) worker_send(s->w, "stall", TAKE_PTR(o));
}

void surface_check_stall(Surface *s)
{
        const StageParams *p = &s->w->params;
        uint64_t now = now_usec(CLOCK_MONOTONIC), still, warn = p->stall_usec ?: STALL_USEC,
                 end = p->stall_end_usec ?: STALL_END_USEC;
        char t[TIMESPAN_MAX];

        /* What is held does not work, and should not; nor has a follower that takes over heard of another end of that yet. */
        if (s->paused || (!s->pauses_known && s->state.held_since_usec > 0)) {
                s->work_usec = now;
                return;
        }

        still = now - s->work_usec;
        if (still >= end || (still >= warn && is_stuck(s))) {
                stage_log_line(s->w->log, LOG_CRIT, "No work was seen for %s (%s)%s, ending the test.",
                               format_timespan(t, still), what_stands_still(s),
                               still >= end ? "" : ", and the job is older than stuck_job_hours");
                surface_set_end(s, s->w->failures > 0 ? SURFACE_NO_CONTACT : SURFACE_STALLED,
                                s->w->failures > 0 ? s->w->contact_error : what_stands_still(s));
                return;
        }
        if (still < warn || s->stalled)
                return;

        s->stalled = strf("no work was seen for %s: %s", format_timespan(t, still), what_stands_still(s));
        if (!s->stalled) {
                (void) log_oom();
                return;
        }
        stage_log_line(s->w->log, LOG_WARNING, "It stands still: %s.", s->stalled);
        say(s, s->stalled);
}
