/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/manager.h"

/* Has the report of the day sent (EVENT_DAILY_REPORT), once a day at smtp_report_hour, of what was since the one before. When that was is
 * in the store, as that event: so a restart sends none twice, and one whose hour passed meanwhile is sent afterwards, once. Where nobody
 * takes it none is made, and its hour passes. */

typedef struct DailyTimer {
        Manager *manager; /* weak */
        sd_event_source *timer;
        uint64_t last_usec;       /* the hour that counts is the first one after this */
        uint64_t not_before_usec; /* hosts are asked first after a start; and the store gets time when it fails */
} DailyTimer;

/* With what the store knows of the last one. */
int daily_timer_new(Manager *m);
DailyTimer *daily_timer_free(DailyTimer *t);

/* smtp_report_hour is another one: what has passed of it until now is not made up for. */
void daily_timer_reset(DailyTimer *t);

/* The first time after last_usec that it is this hour by the local clock. -ENOENT: never. */
int daily_next(uint32_t hour, uint64_t last_usec, uint64_t *ret);
