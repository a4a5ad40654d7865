/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "basic/string-util.h"
#include "basic/time-util.h"
#include "worker/stage.h"

#define START_FENCE_USEC (5 * USEC_PER_MINUTE)
#define CATCH_UP_USEC    (10 * USEC_PER_SEC)

static const StageType *const stage_types[_STAGE_KIND_MAX] = {
        [STAGE_PRECHECK] = &stage_precheck,       [STAGE_SHORT_SMART] = &stage_short_smart,
        [STAGE_LONG_SMART] = &stage_long_smart,   [STAGE_SURFACE_VALIDATE] = &stage_surface_validate,
        [STAGE_NVME_FORMAT] = &stage_nvme_format, [STAGE_NVME_SANITIZE] = &stage_nvme_sanitize,
        [STAGE_FINAL_CHECK] = &stage_final_check,
};

/* What a full disk kept out of the log, read once more from the run's own log on its host; unread: also what nobody has read yet. 0, or
 * why it is still missing. */
static int stage_catch_up(Worker *w, bool unread, uint64_t end_usec)
{
        const bool *interrupt = w->remote.interrupt;
        int failures = 0;

        /* For a stage that was cancelled too, and never for long. */
        w->remote.interrupt = NULL;
        w->remote.deadline_usec = MIN(now_usec(CLOCK_BOOTTIME) + CATCH_UP_USEC, end_usec);
        for (;;) {
                _cleanup_(run_status_done) RunStatus s = { 0 };
                uint64_t offset = stage_log_next(w->log);
                int r;

                if (!unread && stage_log_check(w->log) != -ENODATA)
                        break;
                r = remote_run_status(&w->remote, w->params.run, w->params.kname, offset, 0, &s);
                /* A connection that broke is found out by the call that meets it; the next one has a new one. */
                if (r == -ENOTCONN && failures++ == 0)
                        continue;
                if (r < 0 || s.log_size == 0)
                        break;
                r = stage_log_feed(w->log, offset, s.log, s.log_size);
                if (r < 0)
                        break;
        }
        w->remote.interrupt = interrupt;
        w->remote.deadline_usec = 0;

        stage_log_flush(w->log);
        return stage_log_check(w->log);
}

/* The stage's log is not what a drive is judged by: what is missing there is told, and no more than that. */
static void stage_complete_log(Worker *w, bool unread, uint64_t end_usec, StageReport *report)
{
        _cleanup_free_ char *observed = NULL;
        int r;

        r = stage_catch_up(w, unread, end_usec);
        if (r == 0)
                return;

        observed = strf("log incomplete: %s; the journal has what is missing",
                        r == -ENOSPC || r == -EDQUOT ? "disk full"
                        : r == -ENODATA ? "the disk was full, and the host could not be asked again"
                                        : strerror(-r));
        if (!observed ||
            stage_report_add(report, VERDICT_PASSED, "log", "all lines", observed, "burnin") < 0)
                (void) log_oom();
}

static void stage_abort(Worker *w, const StageType *type, StageReport *ret)
{
        uint64_t end = now_usec(CLOCK_BOOTTIME) + CANCEL_LIMIT_USEC;
        char name[256];
        bool gone;

        w->cancel = true; /* also where it was told at the start */

        /* What was found so far is no verdict. */
        stage_report_done(ret);

        stage_log_line(w->log, LOG_NOTICE, "This stage was cancelled.");
        gone = !type->stop || type->stop(w);
        stage_complete_log(w, stage_kind_is_destructive(type->kind), end, ret);

        ret->verdict = VERDICT_CANCELLED;
        if (gone)
                report_set_reason(ret, "%s: cancelled, nothing of it runs any more%s%s",
                                  worker_drive_name(w, name), w->goes_on ? "; " : "", strempty(w->goes_on));
        else if (!stage_kind_is_destructive(type->kind))
                report_set_reason(
                                ret,
                                "%s: cancelled, but its self-test could not be proven to have ended: it may go on in the drive",
                                worker_drive_name(w, name));
        else {
                report_set_reason(
                                ret,
                                "%s: cancelled, but its process could not be proven gone: the drive stays locked",
                                worker_drive_name(w, name));
                if (report_set_remnant(ret) < 0)
                        (void) log_oom();
        }
        stage_log_line(w->log, gone ? LOG_INFO : LOG_WARNING, "%s.", strempty(ret->reason));
        stage_log_line(w->log, LOG_INFO, "[ABORTED]");
}

/* An error of ours: said in words, and never with the run left behind unspoken of. */
static void stage_fail(Worker *w, const StageType *type, int error, StageReport *ret)
{
        char name[256];

        (void) log_full_errno(LOG_ERR, error, w->fields, "This stage failed for a reason of ours: %m");
        stage_report_done(ret);
        ret->verdict = VERDICT_INCONCLUSIVE;
        report_set_reason(ret, "%s: the test could not be followed: %s%s%s", worker_drive_name(w, name),
                          strerror(-error), isempty(w->remote.error_text) ? "" : ": ",
                          strempty(w->remote.error_text));
        if (type->stop && !type->stop(w) && stage_kind_is_destructive(type->kind) &&
            report_set_remnant(ret) < 0)
                (void) log_oom();
}

static void stage_word_pass(StageReport *report)
{
        _cleanup_free_ char *warnings = NULL;

        if (report->verdict != VERDICT_PASSED)
                return;

        warnings = stage_report_warnings(report);
        report_set_reason(report, "Each of %zu checks passed%s%s.", report->n_evidence,
                          isempty(warnings) ? "" : ", with a warning: ", strempty(warnings));
}

static void stage_say_verdict(Worker *w, const StageReport *report)
{
        static const int levels[_VERDICT_MAX] = {
                [VERDICT_PASSED] = LOG_INFO,
                [VERDICT_INCONCLUSIVE] = LOG_WARNING,
                [VERDICT_FAILED] = LOG_WARNING,
        };

        for (size_t i = 0; i < report->n_evidence; i++) {
                const Evidence *e = report->evidence + i;

                stage_log_line(w->log, LOG_INFO, "%s: %s (expected: %s, source: %s): %s", e->rule,
                               e->observed, e->expected, e->source, verdict_to_string(e->verdict));
        }
        stage_log_line(w->log, levels[report->verdict], "%s%s%s", verdict_to_string(report->verdict),
                       report->reason ? ": " : "", strempty(report->reason));
}

int stage_run(Worker *w, StageReport *ret)
{
        const StageType *type = stage_types[w->params.kind];
        int r;

        r = w->params.cancel ? -ECANCELED : type->run(w, ret);
        if (r == -ERESTART)
                return 0;
        if (r < 0 && r != -ECANCELED && !w->cancel)
                stage_fail(w, type, r, ret);
        if (w->cancel || r == -ECANCELED) {
                stage_abort(w, type, ret);
                return 1;
        }
        stage_word_pass(ret);
        stage_complete_log(w, false, UINT64_MAX, ret);

        stage_say_verdict(w, ret);
        return 1;
}

void stage_forget_run(Worker *w, const StageReport *report)
{
        bool remnant = false;
        int r;

        if (report->details)
                (void) json_get_bool(report->details, "remnant", &remnant);
        if (!stage_kind_is_destructive(w->params.kind) || remnant)
                return;
        /* The directory is what a start that is still on its way would stumble over. Ours are too late after a minute. */
        if ((w->start_on_its_way || w->params.follow || w->params.cancel) &&
            now_usec(CLOCK_REALTIME) < w->params.started_usec + START_FENCE_USEC)
                return;

        w->remote.interrupt = NULL;
        r = remote_run_remove(&w->remote, w->params.run);
        if (r < 0)
                (void) log_full_errno(LOG_INFO, r, w->fields,
                                      "Failed to remove the run's directory on %s: %s",
                                      w->params.target.name, worker_error(w));
}
