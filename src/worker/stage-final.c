/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "basic/fd-util.h"
#include "basic/string-util.h"
#include "worker/host-read.h"
#include "worker/stage.h"

/* After the tests: what did they do to the drive? SMART is read again and compared with what precheck kept. */

#define BASELINE_MAX (256U * 1024U)

typedef struct Final {
        Worker *w;
        StageReport *report;
        char drive[256];
        SmartReading before, after;
} Final;

static void final_done(Final *f)
{
        smart_reading_done(&f->before);
        smart_reading_done(&f->after);
}

static int give_up(Final *f, const char *rule, const char *expected, const char *observed)
{
        int r;

        r = report_line(f->report, VERDICT_INCONCLUSIVE, rule, "host", strdup(expected), strdup(observed),
                        strf("%s: %s", f->drive, observed));
        return r < 0 ? r : 1;
}

static int read_baseline(Final *f)
{
        _cleanup_json_ struct json_object *o = NULL;
        _cleanup_free_ char *text = NULL;
        size_t size;
        int r;

        r = read_file_full(f->w->params.baseline_path, BASELINE_MAX, &text, &size);
        if (r >= 0)
                r = json_parse(text, size, &o);
        if (r >= 0)
                r = smart_reading_from_json(o, &f->before);
        if (r == -ENOMEM)
                return r;
        if (r < 0)
                return give_up(f, "baseline", "the SMART reading from before the test",
                               "its SMART reading from before the test is missing");

        return 0;
}

static int read_now(Final *f)
{
        const DriveIdentity *want = &f->w->params.identity;
        _cleanup_(host_probe_done) HostProbe probe = { 0 };
        _cleanup_free_ char *why = NULL;
        bool same;
        int r;

        r = host_read_probe(f->w, f->w->params.stall_end_usec, &probe);
        if (r == -ECANCELED || r == -ENOMEM)
                return r;
        if (r < 0)
                return give_up(f, "contact", "the host answers", worker_error(f->w));
        if (!probe.kname || !kname_is_valid(probe.kname))
                return give_up(f, "present", "the drive is there", "the drive is not on this host any more");
        if (free_and_strdup(&f->w->params.kname, probe.kname) < 0)
                return -ENOMEM;
        (void) worker_drive_name(f->w, f->drive);

        r = host_read_smart(f->w, f->w->params.stall_end_usec, &f->after, &why);
        if (r == -ECANCELED || r == -ENOMEM)
                return r;
        if (r < 0)
                return give_up(f, "smart", "a SMART reading", why ?: "SMART cannot be read");

        same = streq_ptr(f->before.identity.serial, f->after.identity.serial) &&
               streq_ptr(f->before.identity.wwn, f->after.identity.wwn) &&
               (!want->serial || !f->after.identity.serial || streq(want->serial, f->after.identity.serial));
        return report_line(f->report, same ? VERDICT_PASSED : VERDICT_INCONCLUSIVE, "identity", "smartctl",
                           strf("serial %s", want->serial ?: "none"),
                           strf("serial %s", f->after.identity.serial ?: "none"),
                           same ? NULL : strf("%s: the drive there is another one", f->drive));
}

static int judge_health(Final *f)
{
        SmartHealth h = f->after.health;
        Verdict v = h == SMART_HEALTH_PASSED   ? VERDICT_PASSED
                    : h == SMART_HEALTH_FAILED ? VERDICT_FAILED
                                               : VERDICT_INCONCLUSIVE;

        return report_line(f->report, v, "smart-health", "smartctl", strdup("passed"),
                           strdup(strempty(smart_health_to_string(h))),
                           strf("%s: its SMART health is '%s' after the test", f->drive,
                                strempty(smart_health_to_string(h))));
}

/* A counter that the drive does not have is no line; one that came or went with the test is nothing that can be compared. */
static int judge_delta(Final *f, const char *rule, const char *what, int64_t before, int64_t after,
                       uint32_t max)
{
        int64_t delta;
        bool good;

        if (before == SMART_NOT_REPORTED && (after == SMART_NOT_REPORTED || after == 0))
                return 0;
        if (before == SMART_NOT_REPORTED || after == SMART_NOT_REPORTED)
                return report_line(f->report, VERDICT_INCONCLUSIVE, rule, "smartctl",
                                   strdup("reported before and after"),
                                   strdup(after == SMART_NOT_REPORTED ? "not reported any more"
                                                                      : "not reported before"),
                                   strf("%s: %s cannot be compared, the drive reported them only once",
                                        f->drive, what));

        if (__builtin_sub_overflow(after, before, &delta))
                delta = INT64_MAX;
        good = delta <= (int64_t) max;

        return report_line(f->report, good ? VERDICT_PASSED : VERDICT_FAILED, rule, "smartctl",
                           strf("at most %u more", max),
                           strf("%+" PRIi64 " (%" PRIi64 " to %" PRIi64 ")%s", delta, before, after,
                                good && delta > 0 ? EVIDENCE_WARNING : ""),
                           good ? NULL
                                : strf("%s: %s grew by %" PRIi64 " in the test (%" PRIi64 " to %" PRIi64 ")",
                                       f->drive, what, delta, before, after));
}

static int judge_deltas(Final *f)
{
        const SmartReading *b = &f->before, *a = &f->after;
        const StageParams *p = &f->w->params;
        const struct {
                const char *rule, *what;
                int64_t before, after;
                uint32_t max;
        } counters[] = {
                { "reallocated", "reallocated sectors", b->reallocated, a->reallocated,
                  p->smart_reallocated_delta_max },
                { "pending", "pending sectors", b->pending, a->pending, p->smart_pending_delta_max },
                { "offline-uncorrectable", "offline uncorrectable sectors", b->offline_uncorrectable,
                  a->offline_uncorrectable, p->smart_offline_uncorrectable_delta_max },
                { "reported-uncorrectable", "reported uncorrectable errors", b->reported_uncorrectable,
                  a->reported_uncorrectable, p->smart_reported_uncorrectable_delta_max },
                { "crc-errors", "CRC errors (cable, backplane)", b->crc_errors, a->crc_errors,
                  p->smart_crc_delta_max },
                { "media-errors", "media errors", b->media_errors, a->media_errors,
                  p->smart_media_errors_delta_max },
                { "percentage-used", "percent of its life", b->percentage_used, a->percentage_used,
                  p->smart_percentage_used_delta_max },
        };

        for (size_t i = 0; i < ELEMENTSOF(counters); i++) {
                int r;

                r = judge_delta(f, counters[i].rule, counters[i].what, counters[i].before, counters[i].after,
                                counters[i].max);
                if (r < 0)
                        return r;
        }

        return 0;
}

static int keep_readings(Final *f)
{
        struct json_object *details = report_details(f->report);

        if (!details || json_put(details, "smart_before", smart_reading_to_json(&f->before)) < 0 ||
            json_put(details, "smart_after", smart_reading_to_json(&f->after)) < 0)
                return -ENOMEM;

        return 0;
}

static int final_run(Worker *w, StageReport *report)
{
        static int (*const steps[])(Final * f) = {
                read_baseline, read_now, judge_health, judge_deltas, keep_readings,
        };
        _cleanup_(final_done) Final f = { .w = w, .report = report };

        (void) worker_drive_name(w, f.drive);
        stage_log_line(w->log, LOG_INFO, "Reading %s again, to compare with before the test.", f.drive);

        for (size_t i = 0; i < ELEMENTSOF(steps); i++) {
                int r;

                r = steps[i](&f);
                if (r < 0)
                        return r;
                if (r > 0)
                        break;
        }

        return 0;
}

const StageType stage_final_check = {
        .kind = STAGE_FINAL_CHECK,
        .run = final_run,
};
