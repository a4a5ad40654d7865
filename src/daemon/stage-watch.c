/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "basic/string-util.h"
#include "basic/time-util.h"
#include "daemon/event.h"
#include "daemon/scope.h"
#include "daemon/stage.h"
#include "daemon/worker.h"
#include "shared/names.h"

/* Over what a worker may need for one call to its host. */
#define SILENCE_EXTRA_USEC (2 * ALIVE_USEC)

void stage_watch_init(Stage *s)
{
        StageWatch *w = &s->watch;

        w->read_errors = s->report.read_errors;
        w->write_errors = s->report.write_errors;
        w->compare_errors = s->report.compare_errors;
        w->temperature_min_mdegc = w->temperature_max_mdegc = MDEGC_UNKNOWN;
        if (s->report.details) {
                (void) json_get_i32(s->report.details, "temperature_min_mdegc", &w->temperature_min_mdegc);
                (void) json_get_i32(s->report.details, "temperature_max_mdegc", &w->temperature_max_mdegc);
                /* Most of the report, ten times its text in memory; the store has it for whoever asks. */
                json_object_object_del(s->report.details, "phases");
                json_object_object_del(s->report.details, "region_msec");
        }
        /* Nor is its text kept: what is done is not written again. */
        s->record.report = (free(s->record.report), NULL);
}

void stage_watch_done(Stage *s)
{
        StageWatch *w = &s->watch;

        w->paused = (free(w->paused), NULL);
        w->stalled = (free(w->stalled), NULL);
        w->waiting = (free(w->waiting), NULL);
        w->silence_timer = sd_event_source_disable_unref(w->silence_timer);
}

void stage_replace_worker(Stage *s, const char *why)
{
        char unit[STAGE_PATH_MAX];

        if (!s->worker || worker_is_behind_gate(s->worker))
                return;

        s->replaced = why;
        scope_stop(s->job->manager->scopes, stage_unit(s, unit));
}

static void set_words(Stage *s, char **field, const char *words, const char *property)
{
        if (free_and_strdup(field, words) > 0)
                stage_emit_changed(s, (const char *const[]){ property, NULL });
}

static uint64_t silence_limit(const Stage *s)
{
        return s->job->manager->settings.stall_minutes * USEC_PER_MINUTE + SILENCE_EXTRA_USEC;
}

/* Told, or the message that says so comes again. */
static int tell(const Stage *s, EventKind kind, const char *what, const char *reason)
{
        const JobRecord *job = &s->job->record;
        _cleanup_free_ char *text =
                        strf("Job %" PRIu64 " on drive %s (%s) on %s %s: %s", job->id, strempty(job->serial),
                             strempty(job->model), strempty(job->host), what, reason);
        int r;

        r = text ? event_add_job(s->job->manager, kind, job, text) : -ENOMEM;
        return r < 0 ? manager_store_failed(s->job->manager, r) : 0;
}

static int on_silence(sd_event_source *source, uint64_t usec, void *userdata)
{
        Stage *s = userdata;
        char unit[STAGE_PATH_MAX], t[TIMESPAN_MAX];
        _cleanup_free_ char *words = NULL;

        if (s->record.state != STAGE_RUNNING || !s->worker || !worker_is_connected(s->worker))
                return 0;

        words = strf("its follower (%s) has said nothing for %s; another one takes over, and what runs on the host goes on",
                     stage_unit(s, unit), format_timespan(t, silence_limit(s)));
        (void) tell(s, EVENT_JOB_STALLED, "stands still", strempty(words));
        set_words(s, &s->watch.stalled, strempty(words), "Stalled");
        log_stage(s, LOG_WARNING, MESSAGE_STALLED, "Job %" PRIu64 " stands still: %s", s->record.job,
                  strempty(words));
        s->deaths++; /* one that hangs is as good as dead */
        stage_replace_worker(s, "it has said nothing for too long");
        stage_watch_heard(s);
        return 0;
}

void stage_watch_heard(Stage *s)
{
        StageWatch *w = &s->watch;
        int r;

        if (s->record.state != STAGE_RUNNING)
                return;

        if (w->silence_timer) {
                (void) sd_event_source_set_time_relative(w->silence_timer, silence_limit(s));
                (void) sd_event_source_set_enabled(w->silence_timer, SD_EVENT_ONESHOT);
                return;
        }
        r = sd_event_add_time_relative(s->job->manager->event, &w->silence_timer, CLOCK_BOOTTIME,
                                       silence_limit(s), 0, on_silence, s);
        if (r < 0)
                (void) log_warning_errno(r, "Failed to watch a worker: %m");
}

static void set_waiting(Stage *s, const char *waiting)
{
        bool before = s->watch.waiting;

        if (free_and_strdup(&s->watch.waiting, waiting) <= 0)
                return;
        job_emit_changed(s->job, (const char *const[]){ "Reason", NULL });
        if (waiting && !before)
                log_stage(s, LOG_NOTICE, stage_is_self_test(s) ? MESSAGE_SELF_TEST_FOREIGN : NULL,
                          "Job %" PRIu64 ", drive %s on %s: %s", s->record.job,
                          strempty(s->job->record.serial), strempty(s->job->record.host), waiting);
}

int stage_watch_progress(Stage *s, struct json_object *o)
{
        const char *paused = NULL, *stalled = NULL, *waiting = NULL;
        StageWatch *w = &s->watch;

        if (json_get_string(o, "paused", &paused) < 0 || json_get_string(o, "stalled", &stalled) < 0 ||
            json_get_string(o, "waiting", &waiting) < 0 ||
            json_get_u64(o, "read_errors", &w->read_errors) < 0 ||
            json_get_u64(o, "write_errors", &w->write_errors) < 0 ||
            json_get_u64(o, "compare_errors", &w->compare_errors) < 0 ||
            json_get_i32(o, "temperature_min_mdegc", &w->temperature_min_mdegc) < 0 ||
            json_get_i32(o, "temperature_max_mdegc", &w->temperature_max_mdegc) < 0 ||
            strlen(strempty(paused)) > TEXT_MAX_BYTES || strlen(strempty(stalled)) > TEXT_MAX_BYTES ||
            strlen(strempty(waiting)) > TEXT_MAX_BYTES)
                return -EBADMSG;

        set_waiting(s, waiting);
        set_words(s, &w->paused, paused, "Paused");
        set_words(s, &w->stalled, stalled, "Stalled");
        return 0;
}

int stage_on_stall(Stage *s, struct json_object *o)
{
        const char *reason = NULL;
        int r;

        if (json_get_string(o, "reason", &reason) < 0 || strlen(strempty(reason)) > TEXT_MAX_BYTES)
                return -EBADMSG;

        r = tell(s, EVENT_JOB_STALLED, "stands still", strempty(reason));
        if (r < 0)
                return r;
        set_words(s, &s->watch.stalled, strempty(reason), "Stalled");
        log_stage(s, LOG_WARNING, MESSAGE_STALLED, "Job %" PRIu64 " stands still: %s", s->record.job,
                  strempty(reason));
        return 0;
}

int stage_on_paused(Stage *s, struct json_object *o)
{
        const char *by = NULL, *reason = NULL;
        bool paused = false, heat;
        int r;

        if (json_get_bool(o, "paused", &paused) <= 0 || json_get_string(o, "by", &by) <= 0 ||
            json_get_string(o, "reason", &reason) < 0 || strlen(strempty(reason)) > TEXT_MAX_BYTES)
                return -EBADMSG;
        heat = streq(by, "heat");
        if (!heat && !streq(by, "operator"))
                return -EBADMSG;

        r = heat && paused ? tell(s, EVENT_DRIVE_HOT, "is paused for heat", strempty(reason)) : 0;
        if (r < 0)
                return r;
        log_stage(s, heat && paused ? LOG_WARNING : LOG_NOTICE, paused ? MESSAGE_PAUSED : MESSAGE_RESUMED,
                  "Job %" PRIu64 " on drive %s on %s %s %s: %s.", s->record.job,
                  strempty(s->job->record.serial), strempty(s->job->record.host),
                  paused ? "is paused" : "is no longer paused", heat ? "for heat" : "by an operator",
                  strempty(reason));
        return 0;
}

int stage_on_retry_told(Stage *s, struct json_object *o)
{
        const char *reason = NULL;

        if (json_get_string(o, "reason", &reason) <= 0 || strlen(reason) > TEXT_MAX_BYTES)
                return -EBADMSG;

        log_stage(s, LOG_NOTICE, MESSAGE_SELF_TEST_ABORTED, "Job %" PRIu64 ", drive %s on %s: %s.",
                  s->record.job, strempty(s->job->record.serial), strempty(s->job->record.host), reason);
        return 0;
}
