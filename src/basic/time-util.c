/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <stdio.h>

#include "basic/time-util.h"

uint64_t now_usec(clockid_t clock)
{
        struct timespec ts;

        if (clock_gettime(clock, &ts) < 0)
                abort(); /* only for a clock that does not exist */

        return (uint64_t) ts.tv_sec * USEC_PER_SEC + (uint64_t) ts.tv_nsec / 1000;
}

const char *format_timestamp(char buf[static TIMESTAMP_MAX], uint64_t realtime_usec)
{
        time_t t = (time_t) (realtime_usec / USEC_PER_SEC);
        struct tm tm;

        if (realtime_usec == 0 || !gmtime_r(&t, &tm) ||
            strftime(buf, TIMESTAMP_MAX, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
                buf[0] = 0;

        return buf;
}

const char *format_timespan(char buf[static TIMESPAN_MAX], uint64_t usec)
{
        uint64_t s = usec / USEC_PER_SEC;

        if (s >= 86400)
                (void) snprintf(buf, TIMESPAN_MAX, "%" PRIu64 " d %" PRIu64 " h", s / 86400,
                                s % 86400 / 3600);
        else if (s >= 3600)
                (void) snprintf(buf, TIMESPAN_MAX, "%" PRIu64 " h %" PRIu64 " min", s / 3600, s % 3600 / 60);
        else if (s >= 60)
                (void) snprintf(buf, TIMESPAN_MAX, "%" PRIu64 " min %" PRIu64 " s", s / 60, s % 60);
        else
                (void) snprintf(buf, TIMESPAN_MAX, "%" PRIu64 " s", s);

        return buf;
}
