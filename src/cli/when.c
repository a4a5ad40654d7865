/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <time.h>

#include "basic/parse-util.h"
#include "basic/string-util.h"
#include "cli/when.h"

#define SPAN_MAX_SEC (UINT64_C(100) * 366 * 24 * 60 * 60)

/* "1d12h" */
static int parse_span(const char *s, uint64_t *ret_sec)
{
        static const struct {
                const char *unit;
                uint64_t sec;
        } units[] = {
                { "min", 60 }, { "m", 60 }, { "s", 1 }, { "h", 3600 }, { "d", 86400 }, { "w", 604800 },
        };
        uint64_t sum = 0;

        if (isempty(s))
                return -EINVAL;

        while (*s) {
                uint64_t n;
                size_t u = 0;
                char *end;

                if (*s < '0' || *s > '9')
                        return -EINVAL;
                n = strtoull(s, &end, 10);
                while (u < ELEMENTSOF(units) && !startswith(end, units[u].unit))
                        u++;
                if (u == ELEMENTSOF(units) || n > SPAN_MAX_SEC / units[u].sec)
                        return -EINVAL;
                sum += n * units[u].sec;
                if (sum > SPAN_MAX_SEC)
                        return -EINVAL;
                s = end + strlen(units[u].unit);
        }

        *ret_sec = sum;
        return 0;
}

/* "HH:MM" or "HH:MM:SS"; returns what is behind, or NULL. */
static const char *parse_clock(const char *s, struct tm *tm)
{
        const char *end;

        end = strptime(s, "%H:%M:%S", tm);
        if (!end) {
                end = strptime(s, "%H:%M", tm);
                tm->tm_sec = 0;
        }

        return end && tm->tm_sec < 60 ? end : NULL;
}

/* "Z", "+01:00": how far local time is ahead. -ENODATA: there is none. */
static int parse_offset(const char *s, int *ret_sec)
{
        struct tm tm = {};
        const char *end;

        if (isempty(s))
                return -ENODATA;
        if (streq(s, "Z") || streq(s, " UTC")) {
                *ret_sec = 0;
                return 0;
        }
        if (*s != '+' && *s != '-')
                return -EINVAL;
        end = strptime(s + 1, "%H:%M", &tm);
        if (!end || *end)
                return -EINVAL;

        *ret_sec = (tm.tm_hour * 60 + tm.tm_min) * 60 * (*s == '-' ? -1 : 1);
        return 0;
}

/* A day that strptime() took may be one that is not there, such as February 30. */
static int to_usec(struct tm *tm, const char *zone, uint64_t *ret)
{
        int day = tm->tm_mday, offset, r;
        time_t t;

        tm->tm_isdst = -1;
        r = parse_offset(zone, &offset);
        if (r == -ENODATA)
                t = mktime(tm);
        else if (r >= 0)
                t = timegm(tm) - offset;
        else
                return r;
        if (t < 0 || tm->tm_mday != day)
                return -EINVAL;

        *ret = (uint64_t) t * USEC_PER_SEC;
        return 0;
}

static int parse_date(const char *s, uint64_t *ret)
{
        struct tm tm = {};
        const char *end = strptime(s, "%Y-%m-%d", &tm);

        if (!end)
                return -EINVAL;
        if ((*end == ' ' || *end == 'T') && end[1] >= '0' && end[1] <= '9') {
                end = parse_clock(end + 1, &tm);
                if (!end)
                        return -EINVAL;
        }

        return to_usec(&tm, end, ret);
}

/* A clock alone is the next one after now, or in the past the last one. */
static int parse_day(const char *s, uint64_t now, bool past, uint64_t *ret)
{
        const char *rest = startswith(s, past ? "yesterday" : "tomorrow");
        time_t today = (time_t) (now / USEC_PER_SEC);
        bool any_day = !rest && !startswith(s, "today");
        int step = past ? -1 : 1;
        struct tm tm;

        if (!localtime_r(&today, &tm))
                return -EINVAL;
        tm.tm_hour = tm.tm_min = tm.tm_sec = 0;
        tm.tm_mday += rest ? step : 0;
        rest = rest ?: any_day ? s : s + STRLEN("today");
        if (*rest == ' ')
                rest++;
        else if (*rest && !any_day)
                return -EINVAL;
        if (*rest || any_day)
                rest = parse_clock(rest, &tm);
        if (!rest || *rest)
                return -EINVAL;

        for (int i = 0; i < 2; i++, tm.tm_mday += step) {
                struct tm copy = tm;

                copy.tm_isdst = -1;
                today = mktime(&copy);
                if (today < 0)
                        return -EINVAL;
                *ret = (uint64_t) today * USEC_PER_SEC;
                if (!any_day || (past ? *ret <= now : *ret > now))
                        break;
        }

        return 0;
}

static int when_parse_either(const char *s, uint64_t now, bool past, uint64_t *ret)
{
        uint64_t sec;
        int r;

        if (*s == (past ? '-' : '+')) {
                r = parse_span(s + 1, &sec);
                if (r >= 0)
                        *ret = past ? now - MIN(now, sec * USEC_PER_SEC) : now + sec * USEC_PER_SEC;
                return r;
        }
        if (*s == '@') {
                r = parse_u64(s + 1, &sec);
                if (r < 0 || sec > UINT64_MAX / USEC_PER_SEC)
                        return -EINVAL;
                *ret = sec * USEC_PER_SEC;
                return 0;
        }
        if (s[0] && s[1] && s[2] && s[3] && s[4] == '-')
                return parse_date(s, ret);

        return parse_day(s, now, past, ret);
}

int when_parse(const char *s, uint64_t now, uint64_t *ret)
{
        return when_parse_either(s, now, false, ret);
}

int when_parse_past(const char *s, uint64_t now, uint64_t *ret)
{
        return when_parse_either(s, now, true, ret);
}
