/* SPDX-License-Identifier: LGPL-2.1-or-later */
#undef NDEBUG

#include <time.h>

#include "basic/string-util.h"
#include "basic/time-util.h"
#include "cli/when.h"
#include "test-util.h"

/* 2026-11-21T09:30:15Z, a Saturday; local time is an hour ahead. */
#define NOW (UINT64_C(1795253415) * USEC_PER_SEC)

static void test_taken(void)
{
        static const struct {
                const char *text, *utc;
        } cases[] = {
                { "+90s", "2026-11-21T09:31:45Z" },
                { "+2h", "2026-11-21T11:30:15Z" },
                { "+1d12h30min", "2026-11-22T22:00:15Z" },
                { "+0s", "2026-11-21T09:30:15Z" },
                { "@1795253416", "2026-11-21T09:30:16Z" },
                { "23:00", "2026-11-21T22:00:00Z" },
                { "10:30", "2026-11-22T09:30:00Z" },
                { "10:30:16", "2026-11-21T09:30:16Z" },
                { "today 23:59:59", "2026-11-21T22:59:59Z" },
                { "today 01:00", "2026-11-21T00:00:00Z" },
                { "tomorrow", "2026-11-21T23:00:00Z" },
                { "tomorrow 02:00", "2026-11-22T01:00:00Z" },
                { "2026-11-28", "2026-11-27T23:00:00Z" },
                { "2026-11-28 02:00", "2026-11-28T01:00:00Z" },
                { "2026-11-28 02:00:07", "2026-11-28T01:00:07Z" },
                { "2026-11-28 02:00:07 UTC", "2026-11-28T02:00:07Z" },
                { "2026-11-28T02:00:00", "2026-11-28T01:00:00Z" },
                { "2026-11-28T02:00:00Z", "2026-11-28T02:00:00Z" },
                { "2026-11-28T02:00Z", "2026-11-28T02:00:00Z" },
                { "2026-11-28T02:00:00+05:30", "2026-11-27T20:30:00Z" },
                { "2026-11-28T02:00:00-01:00", "2026-11-28T03:00:00Z" },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                char got[TIMESTAMP_MAX];
                uint64_t t = 0;
                int r = when_parse(cases[i].text, NOW, &t);

                if (r < 0 || !streq(format_timestamp(got, t), cases[i].utc))
                        fprintf(stderr, "%s: %i, %s instead of %s\n", cases[i].text, r, got, cases[i].utc);
                assert(r == 0 && streq(got, cases[i].utc));
        }
}

static void test_past(void)
{
        static const struct {
                const char *text, *utc;
        } cases[] = {
                { "-90s", "2026-11-21T09:28:45Z" },
                { "-1d12h30min", "2026-11-19T21:00:15Z" },
                { "10:30", "2026-11-21T09:30:00Z" },
                { "10:30:16", "2026-11-20T09:30:16Z" },
                { "today", "2026-11-20T23:00:00Z" },
                { "yesterday", "2026-11-19T23:00:00Z" },
                { "yesterday 02:00", "2026-11-20T01:00:00Z" },
                { "2026-11-20 02:00", "2026-11-20T01:00:00Z" },
                { "-100w", "2024-12-21T09:30:15Z" },
        };
        static const char *const bad[] = { "",           "-",   "+2h", "-2", "tomorrow", "yesterdayish",
                                           "2026-02-30", "soon" };
        uint64_t t = 7;

        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                assert(when_parse_past(bad[i], NOW, &t) == -EINVAL && t == 7);
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                char got[TIMESTAMP_MAX];
                int r = when_parse_past(cases[i].text, NOW, &t);

                if (r < 0 || !streq(format_timestamp(got, t), cases[i].utc))
                        fprintf(stderr, "%s: %i, %s instead of %s\n", cases[i].text, r, got, cases[i].utc);
                assert(r == 0 && streq(got, cases[i].utc));
        }
        assert(when_parse_past("-5000w", NOW, &t) == 0 && t == 0);
}

static void test_refused(void)
{
        static const char *const bad[] = {
                "",
                "+",
                "+2",
                "2h",
                "+2x",
                "+h",
                "+-2h",
                "+1h 30min",
                "@",
                "@x",
                "@-1",
                "@99999999999999999999",
                "25:00",
                "12:60",
                "12:00:60",
                "12",
                "yesterday",
                "tomorrowish",
                "tomorrow x",
                "2026-13-01",
                "2026-02-30",
                "2026-11-28 ",
                "2026-11-28T",
                "soon",
                "2026-11-28T02:00:00X",
                "2026-11-28T02:00:00+0530x",
                "2026-11-28 25:00",
                "+99999999999999999999d",
                "+36600d1h",
                "0",
        };

        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                uint64_t t = 4711;
                int r = when_parse(bad[i], NOW, &t);

                if (r != -EINVAL)
                        fprintf(stderr, "'%s' was taken: %i\n", bad[i], r);
                assert(r == -EINVAL);
        }
}

int main(void)
{
        assert(setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1) == 0);
        tzset();
        test_taken();
        test_past();
        test_refused();
        return 0;
}
