/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "basic/string-util.h"
#include "basic/time-util.h"
#include "worker/host-read.h"
#include "worker/stage.h"
#include "worker/surface-pause.h"

/* smartctl is run once in so many intervals between looks; nor at all on a drive that does not answer: it would hang beside the test. */
#define SMART_LOOKS     30U
#define SMART_WORK_USEC (30 * USEC_PER_SEC)
#define CRIT_MIN_MDEGC  40000
#define CRIT_MAX_MDEGC  130000

static int32_t degrees(int32_t mdegc)
{
        return (mdegc + (mdegc < 0 ? -500 : 500)) / 1000;
}

/* What a controller says of itself is taken, unless it makes no sense. */
static void take_thresholds(Surface *s, const SmartReading *reading)
{
        int32_t warn = reading->warning_temperature_mdegc, crit = reading->critical_temperature_mdegc;

        if (warn == MDEGC_UNKNOWN || crit == MDEGC_UNKNOWN || warn >= crit || crit < CRIT_MIN_MDEGC ||
            crit > CRIT_MAX_MDEGC)
                return;

        s->temp_warn_mdegc = warn;
        s->temp_crit_mdegc = crit;
}

int surface_read_temperature(Surface *s)
{
        _cleanup_(smart_reading_done) SmartReading reading = {};
        _cleanup_free_ char *reason = NULL;
        uint64_t now = now_usec(CLOCK_MONOTONIC), interval = SMART_LOOKS * worker_follow_usec(s->w);
        bool nvme = startswith(s->w->params.kname, "nvme"), first = nvme && s->smart_usec == 0;
        int r;

        /* The precheck has just read it; only what a controller says of its limits is needed at once. */
        if (!first && now - MAX(s->smart_usec, s->started_usec) < interval)
                return 0;
        if (!(nvme && !s->thresholds_read) && s->state.temperature_now_mdegc != MDEGC_UNKNOWN)
                return 0;
        if (s->dying || (!s->paused && now - s->work_usec > SMART_WORK_USEC))
                return 0;

        s->smart_usec = now;
        /* What is not known any more must not hold it. */
        s->smart_mdegc = MDEGC_UNKNOWN;
        r = host_read_smart(s->w, 0, &reading, &reason);
        if (r == -ECANCELED || r == -ENOMEM)
                return r;
        if (r < 0 || reading.standby)
                return 0;

        s->thresholds_read = true;
        if (nvme)
                take_thresholds(s, &reading);
        if (s->state.temperature_now_mdegc == MDEGC_UNKNOWN) {
                surface_state_add_temperature(&s->state, reading.temperature_mdegc);
                s->smart_mdegc = reading.temperature_mdegc;
        }
        return 0;
}

/* reason: NULL lets it go on. */
static int hold(Surface *s, RunHolder by, const char *reason, RunStatus *status)
{
        _cleanup_(run_status_done) RunStatus now = {};
        int r;

        r = remote_run_pause(&s->w->remote, s->w->params.run, by, reason, &now);
        if (r < 0)
                return r;

        s->disturbed = true;
        status->stopped = now.stopped;
        free(status->paused[by]);
        status->paused[by] = TAKE_PTR(now.paused[by]);
        return 0;
}

static void end_too_hot(Surface *s, const char *text)
{
        if (!text)
                (void) log_oom();
        stage_log_line(s->w->log, LOG_ERR, "Too hot: %s. Ending the test.", strempty(text));
        surface_set_end(s, SURFACE_TOO_HOT, text);
}

static void end_after_pauses(Surface *s)
{
        const HeatPause *p = s->state.heat.pauses;
        _cleanup_free_ char *text = NULL;

        text = strf("it reached %" PRIi32 ", %" PRIi32 " and %" PRIi32
                    " °C within an hour, critical is %" PRIi32 " °C; mend its cooling and start again",
                    degrees(p[0].mdegc), degrees(p[1].mdegc), degrees(p[2].mdegc),
                    degrees(s->temp_crit_mdegc));
        end_too_hot(s, text);
}

/* A pause that never ends would keep its place for ever. */
static void check_cooling(Surface *s)
{
        uint64_t now = now_usec(CLOCK_REALTIME), limit = s->w->params.stall_end_usec ?: STALL_END_USEC;
        _cleanup_free_ char *text = NULL;
        char t[TIMESPAN_MAX];

        if (s->state.heat_since_usec == 0 || now < s->state.heat_since_usec) {
                s->state.heat_since_usec = now;
                surface_save(s);
        }
        if (now - s->state.heat_since_usec < limit)
                return;

        text = s->mdegc == MDEGC_UNKNOWN ? strf("after %s of pause its temperature cannot be read",
                                                format_timespan(t, now - s->state.heat_since_usec))
                                         : strf("after %s of pause it still has %" PRIi32
                                                " °C, it goes on under %" PRIi32 " °C",
                                                format_timespan(t, now - s->state.heat_since_usec),
                                                degrees(s->mdegc), degrees(s->temp_warn_mdegc));
        end_too_hot(s, text);
}

static int pause_for_heat(Surface *s, RunStatus *status)
{
        bool held = s->heat_words || status->paused[RUN_HOLDER_HEAT];

        switch (heat_judge(&s->state.heat, held, s->mdegc, s->temp_warn_mdegc, s->temp_crit_mdegc,
                           now_usec(CLOCK_REALTIME))) {
        case HEAT_PAUSE:
                s->heat_words = strf("it has %" PRIi32 " °C, critical is %" PRIi32
                                     " °C; it goes on under %" PRIi32 " °C",
                                     degrees(s->mdegc), degrees(s->temp_crit_mdegc),
                                     degrees(s->temp_warn_mdegc));
                if (!s->heat_words)
                        return -ENOMEM;
                s->state.heat_since_usec = now_usec(CLOCK_REALTIME);
                surface_save(s);
                break;
        case HEAT_RESUME:
                s->heat_words = (free(s->heat_words), NULL);
                s->state.heat_since_usec = 0;
                surface_save(s);
                return status->paused[RUN_HOLDER_HEAT] ? hold(s, RUN_HOLDER_HEAT, NULL, status) : 0;
        case HEAT_END:
                surface_save(s);
                end_after_pauses(s);
                return 0;
        case HEAT_NONE:
                if (held)
                        check_cooling(s);
                break;
        }

        /* A host that could not note it is asked again with the next look. */
        return s->heat_words && !status->paused[RUN_HOLDER_HEAT]
                               ? hold(s, RUN_HOLDER_HEAT, s->heat_words, status)
                               : 0;
}

static void tell(Surface *s, RunHolder by, const char *words)
{
        const char *resumed = by == RUN_HOLDER_HEAT ? "cool enough again" : strempty(s->w->pause.words);
        _cleanup_json_ struct json_object *o = json_object_new_object();

        stage_log_line(s->w->log, words ? LOG_WARNING : LOG_NOTICE, "%s (%s): %s.",
                       words ? "Paused" : "No longer paused", run_holder_to_string(by), words ?: resumed);
        if (!o || json_put_bool(o, "paused", words) < 0 ||
            json_put_string(o, "by", run_holder_to_string(by)) < 0 ||
            json_put_string(o, "reason", words ?: resumed) < 0) {
                (void) log_oom();
                return;
        }
        (void) worker_send(s->w, "paused", TAKE_PTR(o));
}

/* What is new is told once. One who takes over finds what was told before. */
static int tell_changes(Surface *s, const RunStatus *status)
{
        bool silent = s->w->params.follow && !s->pauses_known;
        const char *heat = status->paused[RUN_HOLDER_HEAT], *person = status->paused[RUN_HOLDER_OPERATOR];

        for (RunHolder by = 0; by < _RUN_HOLDER_MAX; by++) {
                bool paused = status->paused[by];

                if (paused != s->told[by] && !silent)
                        tell(s, by, status->paused[by]);
                s->told[by] = paused;
        }
        s->pauses_known = true;

        free(s->paused);
        s->paused = heat || person ? strf("%s%s%s%s", heat ? "too hot: " : "", strempty(heat),
                                          heat && person ? "; " : "", person ? "by " : "")
                                   : NULL;
        if (person && s->paused) {
                char *both = strf("%s%s", s->paused, person);

                free(s->paused);
                s->paused = both;
        }

        return (heat || person) && !s->paused ? -ENOMEM : 0;
}

int surface_pause(Surface *s, RunStatus *status)
{
        const PauseWish *wish = &s->w->pause;
        int r;

        r = pause_for_heat(s, status);
        if (r < 0 || s->ended)
                return r;
        if (wish->said && wish->paused != !!status->paused[RUN_HOLDER_OPERATOR]) {
                r = hold(s, RUN_HOLDER_OPERATOR, wish->paused ? wish->words : NULL, status);
                if (r < 0)
                        return r;
        }

        return tell_changes(s, status);
}
