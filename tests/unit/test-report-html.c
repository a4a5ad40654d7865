/* SPDX-License-Identifier: LGPL-2.1-or-later */
#undef NDEBUG

#include "markup-check.h"
#include "report/document.h"
#include "report/html.h"
#include "shared/report-proto.h"
#include "test-util.h"

/* The page of a report. */

#define SIGNATURE "-----BEGIN SSH SIGNATURE-----\nAAAA\n-----END SSH SIGNATURE-----\n"

static char *render(const char *json)
{
        _cleanup_json_ struct json_object *o = NULL;
        _cleanup_free_ char *text = NULL;
        char *page = NULL;

        assert(json_parse(json, strlen(json), &o) >= 0);
        assert(document_to_text(o, &text) >= 0);
        assert(html_render(o, text, SIGNATURE, &page) >= 0);
        assert(markup_is_inert(page, 2));
        return page;
}

static void test_whole(void)
{
        _cleanup_free_ char *json = sample_read("report.json", NULL), *page = render(json),
                            *again = render(json);
        static const char *const wanted[] = {
                "<title>Burn-in of ST16000, serial ZA1: failed</title>",
                "<span class=\"verdict failed\">failed</span>",
                "sda on nas1 has 2 bad blocks",
                "16.0\u00a0TB (16\u202f000\u202f900\u202f661\u202f248 bytes)",
                "2023-11-14 22:13:21\u00a0UTC",
                "<dt>Unlocked by</dt><dd>bob</dd>",
                "<td class=\"text\">bad-blocks</td><td class=\"failed\">failed</td><td class=\"long\">at most 0</td><td class=\"long\">2</td><td class=\"text\">badblocks</td>",
                "<tr><td>Reallocated sectors</td><td class=\"n\">0</td><td class=\"n\">2</td><td class=\"n worse\">+2</td></tr>",
                "<tr><td>Power-on hours</td><td class=\"n\">100</td><td class=\"n\">148</td><td class=\"n\">+48</td></tr>",
                "Under test from 31\u00a0°C to 44\u00a0°C.",
                "<pre>7 12345678</pre><p class=\"soft\">In blocks of 4096 bytes.</p>",
                "200\u00a0MB/s",
                "class=\"write\"/>",
                "class=\"heat\"/>",
                /* Blocks 7 and 12345678 of 3906469888, and the whole degrees around 31 and 44. */
                "<path class=\"bad\" d=\"M70 156v-10M72 156v-10\"/>",
                ">46\u00a0°C</text>",
                ">38\u00a0°C</text>",
                ">30\u00a0°C</text>",
                "<td class=\"n\">0</td><td class=\"n moved\">2</td>",
                "<td class=\"text\">Surface validation</td>",
                "<svg class=\"qr\"",
                "<dt>Job</dt><dd><a href=\"https://burnin.example.org/x/history/1\">1</a></dd>",
                "&#60;/script&#62;&#60;img src=x onerror=alert(1)&#62;&#34;&#39;&#38;",
        };

        assert(streq(page, again));
        for (size_t i = 0; i < ELEMENTSOF(wanted); i++) {
                if (!strstr(page, wanted[i]))
                        (void) fprintf(stderr, "missing: %s\n", wanted[i]);
                assert(strstr(page, wanted[i]));
        }
}

/* What the page carries along is what was signed, to the byte. */
static void test_find(void)
{
        _cleanup_free_ char *json = sample_read("report.json", NULL), *text = NULL, *page = NULL;
        _cleanup_json_ struct json_object *o = NULL, *back = NULL;
        const char *found, *signature;
        size_t n, k;

        assert(document_from_text(json, strlen(json), &o) >= 0);
        assert(document_to_text(o, &text) >= 0);
        assert(!strpbrk(text, "<>&") && endswith(text, "}\n"));
        assert(html_render(o, text, SIGNATURE, &page) >= 0);
        assert(html_find(page, &found, &n, &signature, &k) >= 0);
        assert(n == strlen(text) && memcmp(found, text, n) == 0);
        assert(k == strlen(SIGNATURE) && memcmp(signature, SIGNATURE, k) == 0);
        assert(document_from_text(found, n, &back) >= 0);
        assert(json_object_equal(o, back));

        page[n] = '\0';
        assert(html_find(page, &found, &n, &signature, &k) == -EBADMSG);
        assert(html_find("", &found, &n, &signature, &k) == -EBADMSG);
}

/* Whatever a document says that its address is, what leads somewhere leads to a page of burnin's; and the code says the same. */
static void test_url(void)
{
        static const char *const wrong[] = {
                "javascript:alert(1)",
                "http://burnin.example.org/history/1",
                "https://",
                "https://x/\\\"onclick=\\\"y",
                "https://user:word@x/",
                "https://x/?y",
                "https://x/#y",
                "HTTPS://x/",
        };
        _cleanup_free_ char *
                        none = render("{\"job\":{\"id\":1}}"),
                       *page = render("{\"job\":{\"id\":1,\"url\":\"https://[2001:db8::1]:8443/history/1\"}}"),
                       *other = render("{\"job\":{\"id\":1,\"url\":\"https://[2001:db8::1]:8443/history/2\"}}");

        assert(strstr(page, "<a href=\"https://[2001:db8::1]:8443/history/1\">1</a>"));
        assert(!strstr(none, "<a ") &&
               !streq(strstr(page, "<svg class=\"qr\""), strstr(other, "<svg class=\"qr\"")));
        for (size_t i = 0; i < ELEMENTSOF(wrong); i++) {
                _cleanup_free_ char *json = strf("{\"job\":{\"id\":1,\"url\":\"%s\"}}", wrong[i]),
                                    *inert = json ? render(json) : NULL;

                assert(inert && !strstr(inert, "<a "));
        }
}

/* Documents that no burnind has made. */
static void test_awkward(void)
{
        static const char *const documents[] = {
                "{}",
                "{\"job\":[],\"drive\":1,\"stages\":{},\"smart\":null,\"temperatures\":\"x\",\"unlock\":[],\"made_by\":[]}",
                "{\"stages\":[null,1,\"<b>\",[],{\"kind\":\"surface_validate\"},{\"kind\":{},\"verdict\":\"x\\\" onclick=\\\"y\"}]}",
                "{\"job\":{\"verdict\":\"passed\",\"id\":-1,\"kind\":\"<svg>\"},\"drive\":{\"serial\":\"<script>\",\"model\":\"\\u0000\\u001b\"}}",
                "{\"temperatures\":[{\"usec\":5,\"mdegc\":1},{\"usec\":5,\"mdegc\":1}]}",
                "{\"temperatures\":[{\"usec\":5,\"mdegc\":9e18},{\"usec\":18446744073709551615,\"mdegc\":1},{\"usec\":7,\"mdegc\":-5000},{\"usec\":9,\"mdegc\":1}]}",
                "{\"drive\":{\"size_bytes\":18446744073709551615},\"stages\":[{\"kind\":\"surface_validate\",\"region_msec\":[[1,0,1],[-1,\"x\"],[],{},[9223372036854775807,1]],\"bad_block_list\":[-1,\"<\",{}],\"bad_blocks\":18446744073709551615,\"phases\":[1,{\"bytes_per_second\":18446744073709551615}]}]}",
                "{\"smart\":{\"before\":{\"pending\":-9223372036854775808,\"attributes\":[1,{\"id\":\"x\"}]},\"after\":{\"pending\":9223372036854775807,\"health\":\"<i>\",\"attributes\":[{\"id\":18446744073709551615,\"name\":\"<\"}]}}}",
                "{\"smart\":{\"before\":{\"attributes\":[{\"id\":1,\"raw_string\":\"'>\"}]}},\"stages\":[{\"self_test\":{\"lba\":\"x\",\"words\":\"</dd>\"}}]}",
        };

        for (size_t i = 0; i < ELEMENTSOF(documents); i++) {
                _cleanup_free_ char *page = render(documents[i]);

                assert(page);
        }
}

static void test_refused(void)
{
        static const char *const texts[] = {
                "",
                "[]",
                "{}",
                "{\"format\":\"x\",\"version\":1}",
                "{\"format\":\"burnin-report\"}",
                "{\"format\":\"burnin-report\",\"version\":1} x",
        };
        static const char newer[] = "{\"format\":\"burnin-report\",\"version\":2}";
        struct json_object *o = NULL;

        for (size_t i = 0; i < ELEMENTSOF(texts); i++)
                assert(document_from_text(texts[i], strlen(texts[i]), &o) == -EBADMSG);
        assert(document_from_text(newer, strlen(newer), &o) == -EPROTONOSUPPORT);
        assert(document_from_text(newer, REPORT_DOCUMENT_MAX + 1, &o) == -EBADMSG);
}

/* The check itself sees what it is there for. */
static void test_check(void)
{
        static const char *const harm[] = { "<img>",
                                            "<p onclick=\"x\">",
                                            "<p class=x>",
                                            "<script>",
                                            "<a href=\"javascript:x\">",
                                            "<a href=\"https://x@y/\">",
                                            "<p class=\"x\"onclick=\"y\">" };
        _cleanup_free_ char *page = render("{}");

        for (size_t i = 0; i < ELEMENTSOF(harm); i++) {
                char *body = strstr(page, "<main>");
                _cleanup_free_ char *spoilt = strf("%.*s%s%s", (int) (body - page), page, harm[i], body);

                assert(spoilt && !markup_is_inert(spoilt, 2));
        }
}

int main(void)
{
        test_whole();
        test_find();
        test_url();
        test_awkward();
        test_refused();
        test_check();
        return 0;
}
