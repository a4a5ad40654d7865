/* SPDX-License-Identifier: LGPL-2.1-or-later */
#undef NDEBUG

#include <time.h>

#include "basic/calendar.h"
#include "basic/string-util.h"
#include "basic/time-util.h"
#include "test-util.h"

#define YEAR_USEC (366 * 24 * USEC_PER_HOUR)

/* The first column is what systemd-analyze(1) says of the others. */
static uint64_t at(const char *text)
{
        struct tm tm = {};
        const char *end = strptime(text, "%Y-%m-%d %H:%M:%S", &tm);

        assert(end && !*end);
        tm.tm_isdst = -1;
        return (uint64_t) mktime(&tm) * USEC_PER_SEC;
}

static void check(const char *expected, const char *expression, const char *after)
{
        char got[TIMESTAMP_MAX], wanted[TIMESTAMP_MAX];
        uint64_t next = 0;
        int r = calendar_next(expression, at(after), at(after) + YEAR_USEC, &next);

        if (r < 0 || next != at(expected))
                fprintf(stderr, "%s after %s: %i, %s instead of %s\n", expression, after, r,
                        format_timestamp(got, next), format_timestamp(wanted, at(expected)));
        assert(r == 0 && next == at(expected));
}

static void test_next(void)
{
        const char *saturday = "2026-11-21 09:30:15";

        check("2026-11-22 00:00:00", "daily", saturday);
        check("2026-11-21 10:00:00", "HOURLY", saturday);
        check("2026-11-21 09:31:00", "minutely", saturday);
        check("2026-11-23 00:00:00", "weekly", saturday);
        check("2026-12-01 00:00:00", "monthly", saturday);
        check("2027-01-01 00:00:00", "quarterly", saturday);
        check("2027-01-01 00:00:00", "yearly", saturday);
        check("2026-11-28 00:00:00", "Sat", saturday);
        check("2026-11-21 22:30:00", "Sat 22:30", saturday);
        check("2026-11-28 02:00:00", "sat *-*-* 02:00", saturday);
        check("2026-11-28 02:00:00", "  Saturday *-*-* 02:00  ", saturday);
        check("2026-11-23 22:00:00", "Mon..Fri 22:00", saturday);
        check("2026-11-22 01:00:00", "Sat,Sun 01:00", saturday);
        check("2026-11-22 00:00:00", "Fri..Mon", saturday);
        check("2026-11-21 09:45:00", "*:0/15", saturday);
        check("2026-11-21 09:30:20", "*:*:0/10", saturday);
        check("2026-11-21 12:00:00", "00/6:00", saturday);
        check("2026-12-01 04:00:00", "*-*-1,15 04:00", saturday);
        check("2026-12-25 00:00:00", "12-25", saturday);
        check("2026-11-30 00:00:00", "*-*~1", saturday);
        check("2027-02-28 03:00:00", "*-02~01 03:00", saturday);
        check("2026-11-28 00:00:00", "*-*~03", saturday);
        check("2026-11-28 02:00:00", "2026-11-28 02:00:00", saturday);
        check("2027-05-01 00:00:00", "*-05/3-01", saturday);
        check("2026-12-20 18:15:00", "*-12-20..24/4 18:15", saturday);
        /* The very second is over. */
        check("2026-11-22 09:30:15", "09:30:15", saturday);
        check("2026-11-21 09:30:16", "09:30:16", saturday);
        check("2028-02-29 00:00:00", "*-02-29", "2027-03-01 00:00:00");
}

static void test_none(void)
{
        uint64_t now = at("2026-11-21 09:30:15"), next = 4711;

        assert(calendar_next("2020-01-01", now, now + YEAR_USEC, &next) == -ENOENT);
        assert(calendar_next("2030-01-01", now, now + YEAR_USEC, &next) == -ENOENT);
        assert(calendar_next("*-02-30", now, now + YEAR_USEC, &next) == -ENOENT);
        assert(calendar_next("daily", now, now + USEC_PER_HOUR, &next) == -ENOENT);
        assert(calendar_next("daily", now, now, &next) == -ENOENT);
        assert(next == 4711);
}

static void test_refused(void)
{
        static const char *const bad[] = {
                "",          " ",        "never",       "Sat,,Sun",    "Sat..",       "Satur",
                "25:00",     "12:60",    "12:00:61",    "12",          "12:",         ":30",
                "13-01",     "00-01",    "*-*-32",      "*-*-0",       "*-13-01",     "*-*-*-*",
                "*~*~1",     "*-*~1/2",  "12:00 12:00", "*-*-* *-*-*", "*:0/0",       "*:5..3",
                "*:1..2..3", "1,2,:00",  "12:00:00.5",  "12:00 Mars",  "2026-11-28T", "-1:00",
                "26-11-28",  "*:99999",  "*-*~31",      "12:00 UTCx",  "Sat 12",      "Monday*",
                "*:*/",      "tomorrow", "+2h",         "1969-01-01",  "*:*:*:*",
        };
        uint64_t now = at("2026-11-21 09:30:15"), next = 4711;
        char many[512] = "*:0";

        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                int r = calendar_next(bad[i], now, now + YEAR_USEC, &next);

                if (r != -EINVAL)
                        fprintf(stderr, "'%s' was taken: %i\n", bad[i], r);
                assert(r == -EINVAL);
        }

        for (size_t i = 3; i < 3 + 2 * 40; i += 2)
                (void) strcpy(many + i, ",0");
        assert(calendar_next(many, now, now + YEAR_USEC, &next) == -EINVAL);
        memset(many, ' ', sizeof(many) - 1);
        assert(calendar_next(many, now, now + YEAR_USEC, &next) == -EINVAL);
}

static void zone(const char *name)
{
        assert(setenv("TZ", name, 1) == 0);
        tzset();
}

static void test_zones(void)
{
        uint64_t now, next;

        zone("CET-1CEST,M3.5.0,M10.5.0/3");
        /* 02:30 is not there that night. */
        check("2027-03-28 03:30:00", "02:30", "2027-03-27 12:00:00");
        check("2027-03-29 02:30:00", "02:30", "2027-03-28 12:00:00");
        check("2026-10-26 00:00:00", "daily", "2026-10-25 12:00:00");
        now = at("2026-11-21 09:30:00");
        assert(calendar_next("12:00 UTC", now, now + YEAR_USEC, &next) == 0);
        assert(next == at("2026-11-21 13:00:00"));
        assert(calendar_next("daily UTC", now, now + YEAR_USEC, &next) == 0 &&
               next == at("2026-11-22 01:00:00"));
        zone("UTC");
}

int main(void)
{
        zone("UTC");
        test_next();
        test_none();
        test_refused();
        test_zones();
        return 0;
}
