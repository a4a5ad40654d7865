/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <strings.h>
#include <time.h>

#include "basic/calendar.h"
#include "basic/string-util.h"

#define PARTS_MAX       32U
#define VALUE_MAX       9999
#define YEAR_MIN        1970
#define WEEKDAYS        7
#define SECONDS_PER_DAY ((uint64_t) 24 * 60 * 60)

/* "3", "3..7", "3/2", "3..7/2" */
typedef struct Part {
        int first, last, step; /* step 0: every one of first..last */
} Part;

/* What one place of the expression allows; none: anything. */
typedef struct Field {
        Part parts[PARTS_MAX];
        size_t n;
} Field;

typedef struct Calendar {
        uint8_t weekdays; /* a bit each, Sunday first; 0: any */
        Field year, month, day, hour, minute, second;
        bool from_end; /* days are counted from the end of the month */
        bool utc;
} Calendar;

static int read_value(const char **p, int *ret)
{
        int v = 0;
        const char *s = *p;

        if (*s < '0' || *s > '9')
                return -EINVAL;
        for (; *s >= '0' && *s <= '9'; s++) {
                v = v * 10 + (*s - '0');
                if (v > VALUE_MAX)
                        return -EINVAL;
        }

        *p = s;
        *ret = v;
        return 0;
}

static int read_part(const char **p, int min, Part *ret)
{
        Part part = { .first = min, .last = VALUE_MAX };
        bool any = **p == '*';

        if (any)
                (*p)++;
        else {
                if (read_value(p, &part.first) < 0)
                        return -EINVAL;
                part.last = part.first;
                if (startswith(*p, "..")) {
                        *p += 2;
                        if (read_value(p, &part.last) < 0 || part.last < part.first)
                                return -EINVAL;
                } else if (**p == '/')
                        part.last = VALUE_MAX;
        }
        if (**p == '/') {
                (*p)++;
                if (read_value(p, &part.step) < 0 || part.step == 0)
                        return -EINVAL;
        }

        *ret = part;
        return 0;
}

static int read_field(const char **p, int min, Field *ret)
{
        Field f = {};

        for (;;) {
                if (f.n == PARTS_MAX || read_part(p, min, f.parts + f.n) < 0)
                        return -EINVAL;
                f.n++;
                if (**p != ',')
                        break;
                (*p)++;
        }

        *ret = f;
        return 0;
}

static bool field_has(const Field *f, int v)
{
        for (size_t i = 0; i < f->n; i++) {
                const Part *p = f->parts + i;

                if (v >= p->first && v <= p->last && (p->step == 0 || (v - p->first) % p->step == 0))
                        return true;
        }

        return f->n == 0;
}

/* False for "61 minutes": every value that is written down must be one. */
static bool field_is_within(const Field *f, int min, int max)
{
        for (size_t i = 0; i < f->n; i++)
                if (f->parts[i].first < min || f->parts[i].first > max ||
                    (f->parts[i].last > max && f->parts[i].last != VALUE_MAX))
                        return false;

        return true;
}

/* -1: no weekday; then *p is as it was. */
static int read_weekday(const char **p)
{
        static const char *const names[WEEKDAYS] = { "Sunday",   "Monday", "Tuesday", "Wednesday",
                                                     "Thursday", "Friday", "Saturday" };

        for (int i = 0; i < WEEKDAYS; i++)
                for (size_t n = strlen(names[i]);; n = 3) {
                        if (strncasecmp(*p, names[i], n) == 0 &&
                            (strchr(", ", (*p)[n]) || startswith(*p + n, ".."))) {
                                *p += n;
                                return i;
                        }
                        if (n == 3)
                                break;
                }

        return -1;
}

static int read_weekdays(const char **p, Calendar *c)
{
        int first = read_weekday(p), last;

        if (first < 0)
                return 0;

        for (;;) {
                last = first;
                if (startswith(*p, "..")) {
                        *p += 2;
                        last = read_weekday(p);
                        if (last < 0)
                                return -EINVAL;
                }
                /* The week begins on Monday: "Sat..Sun" is a range, "Fri..Mon" goes around. */
                for (int day = first;; day = (day + 1) % WEEKDAYS) {
                        c->weekdays |= (uint8_t) (1U << day);
                        if (day == last)
                                break;
                }
                if (**p != ',')
                        break;
                (*p)++;
                if (**p == ' ' || **p == 0)
                        break;
                first = read_weekday(p);
                if (first < 0)
                        return -EINVAL;
        }

        while (**p == ' ')
                (*p)++;
        return 0;
}

/* "*-*-*", "2026-11-28", "11-28", "*-02~1". */
static int read_date(const char **p, Calendar *c)
{
        Field fields[3] = {};
        size_t n = 0;

        for (;;) {
                if (read_field(p, 1, fields + n) < 0)
                        return -EINVAL;
                n++;
                if (n == ELEMENTSOF(fields) || (**p != '-' && **p != '~'))
                        break;
                if (c->from_end)
                        return -EINVAL; /* days alone are counted so, and they come last */
                c->from_end = **p == '~';
                (*p)++;
        }
        if (n < 2 || (**p != ' ' && **p != 0))
                return -EINVAL;

        if (n == ELEMENTSOF(fields))
                c->year = fields[0];
        c->month = fields[n - 2];
        c->day = fields[n - 1];
        for (size_t i = 0; c->from_end && i < c->day.n; i++)
                if (c->day.parts[i].step > 0)
                        return -EINVAL;
        /* Counting years began then. */
        for (size_t i = 0; i < c->year.n; i++)
                if (c->year.parts[i].first == 1 && c->year.parts[i].last == VALUE_MAX)
                        c->year.parts[i].first = YEAR_MIN;

        while (**p == ' ')
                (*p)++;
        return 0;
}

static int read_time(const char **p, Calendar *c)
{
        if (read_field(p, 0, &c->hour) < 0 || **p != ':')
                return -EINVAL;
        (*p)++;
        if (read_field(p, 0, &c->minute) < 0)
                return -EINVAL;
        c->second = (Field){ .parts = { {} }, .n = 1 };
        if (**p == ':') {
                (*p)++;
                if (read_field(p, 0, &c->second) < 0)
                        return -EINVAL;
        }

        while (**p == ' ')
                (*p)++;
        return 0;
}

static const char *expand_shorthand(const char *s)
{
        static const struct {
                const char *name, *expression;
        } table[] = {
                { "minutely", "*-*-* *:*:00" },
                { "hourly", "*-*-* *:00:00" },
                { "daily", "*-*-* 00:00:00" },
                { "weekly", "Mon *-*-* 00:00:00" },
                { "monthly", "*-*-01 00:00:00" },
                { "quarterly", "*-01,04,07,10-01 00:00:00" },
                { "semiannually", "*-01,07-01 00:00:00" },
                { "yearly", "*-01-01 00:00:00" },
                { "annually", "*-01-01 00:00:00" },
        };

        for (size_t i = 0; i < ELEMENTSOF(table); i++)
                if (strcasecmp(s, table[i].name) == 0)
                        return table[i].expression;

        return s;
}

/* What stands before the first space: a date has no ':' in it. */
static bool is_time(const char *s)
{
        return s[strcspn(s, ": ")] == ':';
}

static int calendar_parse(const char *expression, Calendar *ret)
{
        char buf[CALENDAR_MAX_BYTES + 1];
        Calendar c = {};
        const char *p;
        char *s;
        int r;

        if (strlen(expression) > CALENDAR_MAX_BYTES)
                return -EINVAL;
        memcpy(buf, expression, strlen(expression) + 1);
        s = strstrip(buf);
        if (endswith(s, " UTC")) {
                c.utc = true;
                s[strlen(s) - STRLEN(" UTC")] = 0;
                s = strstrip(s);
        }
        p = expand_shorthand(s);
        if (isempty(p))
                return -EINVAL;

        r = read_weekdays(&p, &c);
        if (r >= 0 && *p && !is_time(p))
                r = read_date(&p, &c);
        if (r < 0)
                return r;
        if (*p) {
                if (read_time(&p, &c) < 0 || *p)
                        return -EINVAL;
        } else
                c.hour = c.minute = c.second = (Field){ .parts = { {} }, .n = 1 };

        if (!field_is_within(&c.year, YEAR_MIN, VALUE_MAX) || !field_is_within(&c.month, 1, 12) ||
            !field_is_within(&c.day, 1, c.from_end ? 28 : 31) || !field_is_within(&c.hour, 0, 23) ||
            !field_is_within(&c.minute, 0, 59) || !field_is_within(&c.second, 0, 59))
                return -EINVAL;

        *ret = c;
        return 0;
}

static time_t to_time(const Calendar *c, struct tm *tm)
{
        tm->tm_isdst = -1;
        return c->utc ? timegm(tm) : mktime(tm);
}

static int days_of_month(int year, int month)
{
        static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
        bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

        return days[month - 1] + (month == 2 && leap);
}

static bool day_fits(const Calendar *c, const struct tm *tm)
{
        int year = tm->tm_year + 1900, month = tm->tm_mon + 1;
        int day = c->from_end ? days_of_month(year, month) - tm->tm_mday + 1 : tm->tm_mday;

        return field_has(&c->year, year) && field_has(&c->month, month) && field_has(&c->day, day) &&
               (c->weekdays == 0 || (c->weekdays & (1U << tm->tm_wday)));
}

/* The first time of that day, from this second of it on. */
static bool find_in_day(const Calendar *c, const struct tm *day, int from, uint64_t after, uint64_t *ret)
{
        for (int h = from / 3600; h < 24; h++) {
                if (!field_has(&c->hour, h))
                        continue;
                for (int m = 0; m < 60; m++) {
                        if (!field_has(&c->minute, m))
                                continue;
                        for (int s = 0; s < 60; s++) {
                                struct tm tm = *day;
                                time_t t;

                                if ((h * 60 + m) * 60 + s < from || !field_has(&c->second, s))
                                        continue;
                                tm.tm_hour = h;
                                tm.tm_min = m;
                                tm.tm_sec = s;
                                t = to_time(c, &tm);
                                if (t < 0 || (uint64_t) t * USEC_PER_SEC <= after)
                                        continue;
                                *ret = (uint64_t) t * USEC_PER_SEC;
                                return true;
                        }
                }
        }

        return false;
}

int calendar_next(const char *expression, uint64_t after_usec, uint64_t until_usec, uint64_t *ret)
{
        time_t after = (time_t) (after_usec / USEC_PER_SEC);
        uint64_t days, found;
        Calendar c;
        struct tm tm;
        int from, r;

        r = calendar_parse(expression, &c);
        if (r < 0)
                return r;
        if (until_usec <= after_usec || !(c.utc ? gmtime_r(&after, &tm) : localtime_r(&after, &tm)))
                return -ENOENT;

        from = (tm.tm_hour * 60 + tm.tm_min) * 60 + tm.tm_sec;
        days = (until_usec - after_usec) / USEC_PER_SEC / SECONDS_PER_DAY + 2;
        for (uint64_t i = 0; i < days; i++, from = 0) {
                /* Noon is there on every day, whatever happens to the clock at night. */
                tm.tm_hour = 12;
                tm.tm_min = tm.tm_sec = 0;
                (void) to_time(&c, &tm);
                if (day_fits(&c, &tm) && find_in_day(&c, &tm, from, after_usec, &found)) {
                        if (found > until_usec)
                                return -ENOENT;
                        *ret = found;
                        return 0;
                }
                tm.tm_mday++;
        }

        return -ENOENT;
}
