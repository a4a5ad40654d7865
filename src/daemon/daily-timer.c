/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <stdio.h>

#include "basic/calendar.h"
#include "basic/log.h"
#include "basic/string-util.h"
#include "basic/strv.h"
#include "basic/time-util.h"
#include "daemon/daily-timer.h"
#include "daemon/daily.h"
#include "daemon/event.h"
#include "daemon/notifier.h"
#include "shared/names.h"

#define RETRY_USEC (60 * USEC_PER_SEC) /* where the store could not be written */

int daily_next(uint32_t hour, uint64_t last_usec, uint64_t *ret)
{
        char calendar[32];

        if (hour >= SMTP_REPORT_NEVER)
                return -ENOENT;
        (void) snprintf(calendar, sizeof(calendar), "*-*-* %02" PRIu32 ":00:00", hour);
        return calendar_next(calendar, last_usec, last_usec + 3 * USEC_PER_DAY, ret);
}

static void daily_timer_arm(DailyTimer *t)
{
        uint64_t next_usec;
        int r;

        r = daily_next(t->manager->settings.smtp_report_hour, t->last_usec, &next_usec);
        if (r >= 0)
                r = sd_event_source_set_time(t->timer, MAX(next_usec, t->not_before_usec));
        if (r >= 0)
                r = sd_event_source_set_enabled(t->timer, SD_EVENT_ONESHOT);
        else
                (void) sd_event_source_set_enabled(t->timer, SD_EVENT_OFF);
        if (r < 0 && r != -ENOENT)
                (void) log_warning_errno(r, "Failed to plan the report of the day: %m");
}

/* Since when the next one tells, as the store has it; 0: there was none. */
static int daily_last(const Manager *m, uint64_t now, uint64_t *ret)
{
        uint64_t last_usec = 0;
        int r;

        r = store_event_last(m->store, event_kind_to_string(EVENT_DAILY_REPORT), &last_usec);
        if (r < 0)
                return r;

        /* One of a time to come is from before the clock was set back. */
        *ret = last_usec > now ? 0 : last_usec;
        return 0;
}

static int daily_send(Manager *m, uint64_t now)
{
        _cleanup_json_ struct json_object *report = NULL;
        uint64_t since_usec;
        int r;

        r = daily_last(m, now, &since_usec);
        if (r < 0)
                return r;
        if (since_usec == 0)
                since_usec = now - USEC_PER_DAY;
        r = daily_new(m, since_usec, now, &report);
        if (r < 0)
                return r;

        return event_add_daily(
                        m, report,
                        "What ran, waits and has ended since the one before; burninctl report daily shows it.");
}

static int daily_timer_on_time(sd_event_source *s, uint64_t usec, void *userdata)
{
        _cleanup_strv_free_ char **names = NULL;
        uint64_t now = now_usec(CLOCK_REALTIME);
        DailyTimer *t = userdata;
        int r;

        r = notifiers_taking(t->manager, EVENT_DAILY_REPORT, "", &names);
        if (r >= 0 && names)
                r = daily_send(t->manager, now);
        if (r < 0) {
                (void) log_warning_errno(r,
                                         "Failed to make the report of the day, which is tried again: %m");
                t->not_before_usec = now + RETRY_USEC;
        } else {
                if (names)
                        log_full_errno(LOG_INFO, 0,
                                       ((LogField[]){ { LOG_FIELD_MESSAGE_ID, MESSAGE_DAILY_REPORT }, {} }),
                                       "The report of the day was made; it goes to %zu notifiers.",
                                       strv_length(names));
                t->last_usec = now;
                t->not_before_usec = 0;
        }

        daily_timer_arm(t);
        return 0;
}

int daily_timer_new(Manager *m)
{
        uint64_t now = now_usec(CLOCK_REALTIME), last_usec;
        DailyTimer *t;
        int r;

        r = daily_last(m, now, &last_usec);
        if (r < 0)
                return r;
        t = m->daily_timer = new (DailyTimer, 1);
        if (!t)
                return -ENOMEM;
        *t = (DailyTimer){
                .manager = m,
                .last_usec = last_usec ?: now,
                .not_before_usec = now + m->settings.stale_threshold_seconds * USEC_PER_SEC,
        };
        r = sd_event_add_time(m->event, &t->timer, CLOCK_REALTIME, 0, USEC_PER_SEC, daily_timer_on_time, t);
        if (r < 0)
                return r;

        daily_timer_arm(t);
        return 0;
}

DailyTimer *daily_timer_free(DailyTimer *t)
{
        if (!t)
                return NULL;

        sd_event_source_disable_unref(t->timer);
        free(t);
        return NULL;
}

void daily_timer_reset(DailyTimer *t)
{
        t->last_usec = now_usec(CLOCK_REALTIME);
        daily_timer_arm(t);
}
