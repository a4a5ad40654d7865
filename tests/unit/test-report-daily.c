/* SPDX-License-Identifier: LGPL-2.1-or-later */
#undef NDEBUG

#include <time.h>

#include "markup-check.h"
#include "report/daily.h"
#include "shared/report-proto.h"
#include "test-util.h"

/* The report of a day, in words. */

#define HEAD "{\"format\":\"burnin-daily\",\"version\":1,"

/* With the names of its hours, and without a table of the system's. */
static void live_in_berlin(void)
{
        assert(setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", true) == 0);
        tzset();
}

static int try_render(const char *json, Daily *ret)
{
        _cleanup_json_ struct json_object *o = NULL;

        assert(json_parse(json, strlen(json), &o) >= 0);
        return daily_render(o, ret);
}

static Daily render(const char *json)
{
        Daily d = {};

        assert(try_render(json, &d) >= 0);
        assert(markup_is_inert(d.html, 0));
        assert(str_is_plain(d.title, 4096, false) && str_is_plain(d.text, 1024U * 1024U, true));
        assert(endswith(d.text, "\n") && endswith(d.html, "\n"));
        return d;
}

static void expect(const char *where, const char *wanted)
{
        if (!strstr(where, wanted))
                (void) fprintf(stderr, "missing: %s\nin: %s\n", wanted, where);
        assert(strstr(where, wanted));
}

/* In this order, each behind the one before. */
static void expect_order(const char *where, const char *const *wanted, size_t n)
{
        for (size_t i = 0; i < n; i++) {
                expect(where, wanted[i]);
                where = strstr(where, wanted[i]) + strlen(wanted[i]);
        }
}

static void test_whole(void)
{
        _cleanup_free_ char *json = sample_read("daily.json", NULL);
        _cleanup_(daily_done) Daily d = render(json), again = render(json);
        static const char *const text[] = {
                "burnin on nas-admin, from 2026-03-28 08:00 CET to 2026-03-29 08:00 CEST\n\n",
                "!! 2 drives fail their own health check\n  ZA1 (ST16000NM001G)\n    sda on nas1, Shelf 3, bay 12\n",
                "    missing\n",
                "!! 1 unlock of a drive that was locked\n  ZA3 (ST16000NM001G)\n    sdc on nas1, by alice (web), 2026-03-28 16:00 CET\n",
                "the old pool was copied\n",
                "24 drives on 4 hosts, 10 locked, 1 missing. Not online: nas3,\n<b>nas4</b>.\n",
                "\nRunning (2)\n  ZA4 (ST16000NM001G): 43 %\n    sdd on nas1, job 41, burn-in (full), by bob, Surface validation,\n    since 2026-03-28 18:46 CET, ends about 2026-03-30 21:46 CEST\n",
                "  ZA5 (ST16000NM001G): paused\n",
                "    paused by bob: the fan is loud\n",
                "\nWaiting (2)\n  ZA6",
                ":\n  queued\n",
                "    waits for one of the 2 places of nas2\n",
                "not before\n    2026-03-29 18:00 CEST\n",
                "\nFinished (105)\n  ZA1 (ST16000NM001G): failed\n",
                "ended\n    2026-03-29 03:30 CEST\n    sda on nas1 has 2 bad blocks",
                "ZA8 (ST16000NM001G): inconclusive\n",
                "ended 2026-03-29\n    01:30 CET\n",
                "cancelled by bob\n    seen enough\n",
                "ZB1 (ST16000NM001G): passed\n",
                "  and 101 more\n",
        };
        static const char *const html[] = {
                "<title>2 with failed health, 1 unlocked, 1 failed, 1 inconclusive, 1 cancelled, 102 passed, 2 running, 2 waiting</title>",
                "background:#fff8c5",
                "2 drives fail their own health check",
                "&#60;script&#62;",
                "background:#cf222e",
                "1 unlock of a drive that was locked",
                "by alice (web), 2026-03-28 16:00 CET",
                "Not online: nas3, &#60;b&#62;nas4&#60;/b&#62;.",
                "Running (2)",
                "Waiting (2)",
                "Finished (105)",
                "and 101 more",
        };

        assert(streq(d.text, again.text) && streq(d.html, again.html) && streq(d.title, again.title));
        expect_order(d.text, text, ELEMENTSOF(text));
        expect_order(d.html, html, ELEMENTSOF(html));
        /* Of what went well there is nothing to say. */
        assert(!strstr(d.text, "Each of its 3 stages passed"));
}

/* Where the page is known, each job leads to it there; what is no address of a page leads nowhere. */
static void test_links(void)
{
        static const char running[] =
                        "\"totals\":{\"running\":1},\"running\":[{\"job\":7,\"serial\":\"ZA1\"}]}";
        _cleanup_free_ char *known = strf(HEAD "\"page_url\":\"https://burnin.example.org\",%s", running),
                            *wrong = strf(HEAD "\"page_url\":\"javascript:x/\",%s", running);
        _cleanup_(daily_done) Daily d = render(known), none = render(wrong);

        expect(d.html, "<a href=\"https://burnin.example.org/history/7\"");
        expect(d.html, "<a href=\"https://burnin.example.org\"");
        assert(endswith(d.text, "\n\nhttps://burnin.example.org\n"));
        assert(!strstr(none.html, "<a ") && !strstr(none.text, "javascript"));
}

static void test_quiet(void)
{
        _cleanup_(daily_done) Daily d = render(
                        HEAD
                        "\"since_usec\":1774681200000000,\"until_usec\":1774764000000000,"
                        "\"hosts\":{\"total\":1,\"silent\":[]},\"drives\":{\"total\":1},\"totals\":{}}");

        assert(streq(d.title, "nothing happened"));
        assert(streq(d.text,
                     "burnin, from 2026-03-28 08:00 CET to 2026-03-29 08:00 CEST\n\n"
                     "1 drive on 1 host.\nNo job ran, waits or has ended, and no drive was unlocked.\n"));
        expect(d.html, "<h1 style=\"font-size:18px;margin:0 0 4px\">Nothing happened</h1>");
        expect(d.html, "No job ran");
        assert(!strstr(d.html, "background:#cf222e") && !strstr(d.html, "<h2"));
}

/* Nothing ran, but somebody has unlocked a drive; and one that was failing before still is. */
static void test_banners_alone(void)
{
        _cleanup_(daily_done) Daily unlocked = render(HEAD "\"totals\":{\"unlocked\":3}}"),
                                    failing = render(HEAD "\"drives\":{\"failed_health\":1}}");

        expect(unlocked.text, "!! 3 unlocks of drives that were locked\n  and 3 more\n");
        assert(!strstr(unlocked.text, "No job ran") && streq(unlocked.title, "3 unlocked"));
        expect(failing.text, "!! 1 drive fails its own health check\n");
        expect(failing.text, "No job ran");
        assert(streq(failing.title, "1 with failed health"));
}

/* The hour that there is twice, and the one that there is not. */
static void test_clock_changes(void)
{
        _cleanup_(daily_done) Daily d = render(
                        HEAD
                        "\"since_usec\":1792888200000000,\"until_usec\":1792891800000000,"
                        "\"totals\":{\"passed\":2},\"finished\":[{\"finished_usec\":1774745999000000},{\"finished_usec\":1774746000000000}]}");

        expect(d.text, "from 2026-10-25 02:30 CEST to 2026-10-25 02:30 CET\n");
        expect(d.text, "ended 2026-03-29 01:59 CET\n");
        expect(d.text, "ended 2026-03-29 03:00 CEST\n");
}

/* Documents that no burnind has made. */
static void test_awkward(void)
{
        static const char *const documents[] = {
                HEAD
                "\"hosts\":[],\"drives\":1,\"totals\":\"x\",\"running\":{},\"finished\":null,\"site\":{}}",
                HEAD
                "\"totals\":{\"running\":6,\"queued\":-1,\"passed\":18446744073709551615,\"failed\":1},\"running\":[null,1,\"<b>\",[],{},{\"percent\":\"x\",\"job\":{}}]}",
                HEAD
                "\"totals\":{\"running\":4},\"running\":[{\"state\":\"running\",\"percent\":1e300},{\"state\":\"running\",\"percent\":-1e300},{\"state\":\"running\",\"percent\":NaN},{\"state\":\"<i>\",\"started_usec\":18446744073709551615}]}",
                HEAD
                "\"totals\":{\"failed\":1},\"finished\":[{\"verdict\":\"x\\\" onclick=\\\"y\",\"serial\":\"\\u0000\\u001b[31m\\n!! forged\",\"reason\":\"\\r\\nSubject: x\"}]}",
                HEAD
                "\"hosts\":{\"silent\":[null,1,{},\"a\\nb\",\"c\",\"d\",\"e\",\"f\",\"g\",\"h\"]},\"drives\":{\"failed_health\":1},\"failed_health\":[{\"present\":\"no\",\"serial\":\"\\u202e\"}]}",
                HEAD "\"since_usec\":18446744073709551615,\"until_usec\":253402300800000000}",
        };

        for (size_t i = 0; i < ELEMENTSOF(documents); i++) {
                _cleanup_(daily_done) Daily d = render(documents[i]);

                assert(!strstr(d.text, "\n!! forged") && !strstr(d.text, "\nSubject:"));
        }
}

static void test_refused(void)
{
        static const char *const texts[] = {
                "[]",
                "{}",
                "{\"format\":\"burnin-report\",\"version\":1}",
                "{\"format\":\"burnin-daily\"}",
        };
        Daily d;

        for (size_t i = 0; i < ELEMENTSOF(texts); i++)
                assert(try_render(texts[i], &d) == -EBADMSG);
        assert(try_render("{\"format\":\"burnin-daily\",\"version\":2}", &d) == -EPROTONOSUPPORT);
}

int main(void)
{
        live_in_berlin();
        test_whole();
        test_links();
        test_quiet();
        test_banners_alone();
        test_clock_changes();
        test_awkward();
        test_refused();
        return 0;
}
