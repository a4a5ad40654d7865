/* SPDX-License-Identifier: LGPL-2.1-or-later */
#undef NDEBUG

#include <time.h>

#include "basic/sha256.h"
#include "basic/string-util.h"
#include "basic/strv.h"
#include "notify/hook.h"
#include "markup-check.h"
#include "notify/mail.h"
#include "test-util.h"

/* What is sent: that it says what happened, and that nothing in an event becomes more than text. */

#define ID   "0123456789abcdef0123456789abcdef"
#define TIME "\"time\":\"2026-11-21T21:00:05Z\""
#define HEAD "{\"id\":\"" ID "\",\"event\":\"job_failed\",\"severity\":\"error\"," TIME ","
#define URL  "https://burnin.example.org/history/42"
#define ORDINARY                                                                                            \
        HEAD "\"title\":\"Failed: ZA1 (ST16000) on nas1\",\"text\":\"Job 42 has ended.\","                  \
             "\"job_id\":42,\"url\":\"" URL                                                                 \
             "\",\"host\":\"nas1\",\"serial\":\"ZA1\",\"error_text\":\"3 bad blocks\"}"
#define HOSTILE                                                                                               \
        HEAD "\"title\":\"Failed\\r\\nBcc: all@example.org\\r\\n\\r\\n<script>alert(1)</script> @everyone\"," \
             "\"text\":\".\\nFrom me\\n\\u001b[31m<b>&\\\"'\\u202e=\\n\","                                    \
             "\"url\":\"javascript:alert(1)\",\"serial\":\"<img src=x>\",\"model\":\"--" ID ".burnin--\"}"

static struct json_object *parsed(const char *text)
{
        struct json_object *o = NULL;

        assert(json_parse(text, strlen(text), &o) == 0);
        return o;
}

static NotifyRequest request(NotifierKind kind, const char *event)
{
        NotifyRequest r = {
                .kind = kind,
                .url = strdup("https://hooks.example.org/in/abc"),
                .secret = strdup("s3cret"),
                .smtp_from = strdup("burnin@example.org"),
                .smtp_host = strdup("mail.example.org"),
                .site = strdup("site1"),
                .event = parsed(event),
        };

        assert(r.url && r.secret && r.smtp_from && r.smtp_host && r.site);
        assert(strv_extend(&r.smtp_to, "a@example.org") == 0 &&
               strv_extend(&r.smtp_to, "b@example.org") == 0);
        return r;
}

static const char *string_at(struct json_object *o, const char *key)
{
        const char *s = NULL;

        assert(json_get_string(o, key, &s) == 1);
        return s;
}

static bool has_header(const Hook *h, const char *line)
{
        return strv_contains(h->headers, line);
}

static void compose(NotifierKind kind, const char *event, NotifyRequest *r, Text *t, Hook *h)
{
        *r = request(kind, event);
        assert(text_from_event(r->event, r->site, t) == 0);
        assert(hook_compose(r, t, UINT64_C(1700000000999999), h) == 0);
        assert(has_header(h, "Content-Type: application/json"));
        STRV_FOREACH(header, h->headers)
                assert(str_is_clean(*header, 1024, false));
        assert(notify_url_is_valid(h->url));
}

static void test_text(void)
{
        _cleanup_json_ struct json_object *ordinary = parsed(ORDINARY), *hostile = parsed(HOSTILE);
        static const char *const none[] = {
                "{}",
                "{\"id\":\"" ID "\",\"event\":\"x\",\"severity\":\"error\",\"title\":\"t\"}",
                "{\"id\":\"short\",\"event\":\"x\",\"severity\":\"error\",\"title\":\"t\"," TIME "}",
                "{\"id\":\"" ID "\",\"event\":\"X-Y: z\",\"severity\":\"error\",\"title\":\"t\"," TIME "}",
                "{\"id\":\"" ID "\",\"event\":\"x\",\"severity\":\"loud\",\"title\":\"t\"," TIME "}",
                "{\"id\":\"" ID "\",\"event\":\"x\",\"severity\":\"info\",\"title\":\"\"," TIME "}",
                "{\"id\":\"" ID "\",\"event\":\"x\",\"severity\":\"info\",\"title\":[]," TIME "}",
                "{\"id\":\"" ID
                "\",\"event\":\"x\",\"severity\":\"info\",\"title\":\"t\",\"time\":\"soon\"}",
                "{\"id\":\"" ID
                "\",\"event\":\"x\",\"severity\":\"info\",\"title\":\"t\",\"job_id\":\"1\"," TIME "}",
        };
        Text t = {};

        assert(text_from_event(ordinary, "site1", &t) == 0);
        assert(t.severity == SEVERITY_ERROR && streq(t.id, ID) && streq(t.kind, "job_failed"));
        assert(startswith(t.plain,
                          "Job 42 has ended.\n\nJob: 42\nHost: nas1\nSerial: ZA1\nReason: 3 bad blocks\n"));
        assert(strstr(t.plain, "\nReason: 3 bad blocks\nTime: 2026-11-21 22:00 CET\n\n" URL "\n"));
        assert(endswith(t.plain, "\n-- \nburnin on site1\n"));
        assert(markup_is_inert(t.html, 0) && strstr(t.html, ">3 bad blocks</td>"));
        assert(strstr(t.html, "<a href=\"" URL "\"") && streq(t.url, URL));
        assert(t.time_usec == UINT64_C(1795294805) * USEC_PER_SEC);
        text_done(&t);

        assert(text_from_event(hostile, "site1", &t) == 0);
        assert(str_is_clean(t.title, TEXT_TITLE_MAX, false) &&
               str_is_clean(t.message, TEXT_PLAIN_MAX, true));
        assert(markup_is_inert(t.html, 0) && !strstr(t.html, "<a ") && !t.url);
        assert(strstr(t.html, "&#60;script&#62;") && strstr(t.html, "&#60;b&#62;&#38;&#34;&#39;"));
        text_done(&t);

        /* Said once, in lines that nobody has to scroll. */
        assert(json_put_string(ordinary, "text",
                               "Job 42 has ended: failed. 3 bad blocks were found on sda of nas1 by its host.\nSecond.") ==
               0);
        assert(text_from_event(ordinary, "site1", &t) == 0);
        assert(startswith(
                        t.plain,
                        "Job 42 has ended: failed. 3 bad blocks were found on sda of nas1 by its\nhost.\nSecond.\n\nJob: 42\n"));
        assert(!strstr(t.plain, "Reason:") && !strstr(t.html, ">Reason<"));
        assert(strstr(t.html, " by its host.</p><p style=\"margin:0\">Second.</p>"));
        text_done(&t);

        for (size_t i = 0; i < ELEMENTSOF(none); i++) {
                _cleanup_json_ struct json_object *o = parsed(none[i]);

                assert(text_from_event(o, "site1", &t) == -EBADMSG);
        }
}

#define REPORT                                                                                               \
        "{\"id\":\"" ID "\",\"event\":\"daily_report\",\"severity\":\"info\"," TIME                          \
        ",\"title\":\"Daily report: site1\",\"text\":\"What ran.\",\"report\":{\"format\":\"burnin-daily\"," \
        "\"version\":1,\"since_usec\":1795200000000000,\"until_usec\":1795286400000000,"                     \
        "\"totals\":{\"failed\":1,\"passed\":300},\"shortened\":true,\"finished\":[{\"job\":7,"              \
        "\"serial\":\"ZA1<b>\",\"verdict\":\"failed\",\"reason\":\"3 bad blocks\\r\\nBcc: x\"}]}}"

static void test_daily(void)
{
        static const char newer[] =
                        "{\"id\":\"" ID "\",\"event\":\"daily_report\",\"severity\":\"info\"," TIME
                        ",\"title\":\"Daily report: site1\",\"text\":\"What ran.\","
                        "\"report\":{\"format\":\"burnin-daily\",\"version\":99}}";
        _cleanup_json_ struct json_object *report = parsed(REPORT), *other = parsed(newer);
        Text t = {};

        assert(text_from_event(report, "site1", &t) == 0);
        assert(streq(t.kind, "daily_report") && streq(t.title, "1 failed, 300 passed"));
        assert(streq(t.message, "What ran."));
        assert(strstr(t.plain, "\nFinished (301)\n  ZA1<b>: failed\n") &&
               strstr(t.plain, "  and 300 more\n"));
        assert(strstr(t.plain, "The lists are shortened"));
        assert(endswith(t.plain, "\n-- \nburnin on site1\n"));
        assert(strstr(t.html, "<title>1 failed, 300 passed</title>") && strstr(t.html, "3 bad blocks"));
        assert(strstr(t.html, "The lists are shortened") && !strstr(t.html, "<b>"));
        text_done(&t);

        /* Of another version: what is told of every event. */
        assert(text_from_event(other, "site1", &t) == 0);
        assert(streq(t.title, "Daily report: site1") && startswith(t.plain, "What ran.\n"));
        text_done(&t);
}

/* What must hold of any mail. */
static void check_mail(const char *mail)
{
        const char *line = mail, *body = strstr(mail, "\r\n\r\n");
        size_t subjects = 0, ends = 0;

        assert(body);
        while (*line) {
                const char *end = strstr(line, "\r\n");

                assert(end && end - line <= 76 + (ptrdiff_t) STRLEN(" <>,"));
                for (const char *p = line; p < end; p++)
                        assert((*p >= ' ' && *p <= '~'));
                assert(line[0] != '.' && !startswith(line, "From "));
                assert(!startswith(line, "Bcc:"));
                subjects += line < body && startswith(line, "Subject: =?UTF-8?B?");
                ends += startswith(line, "--" ID ".burnin--") != NULL;
                line = end + 2;
        }
        assert(subjects == 1 && ends == 1 && endswith(mail, "--" ID ".burnin--\r\n"));
}

static void test_mail(void)
{
        static const char *const events[] = { ORDINARY, HOSTILE, REPORT };

        for (size_t i = 0; i < ELEMENTSOF(events); i++) {
                _cleanup_(notify_request_done) NotifyRequest r = request(NOTIFIER_MAIL, events[i]);
                _cleanup_free_ char *mail = NULL, *again = NULL;
                _cleanup_(text_done) Text t = {};

                assert(text_from_event(r.event, r.site, &t) == 0);
                assert(mail_compose(&r, &t, &mail) == 0 && mail_compose(&r, &t, &again) == 0);
                check_mail(mail);
                assert(streq(mail, again));
                assert(startswith(mail, "Date: Sat, 21 Nov 2026 21:00:05 +0000\r\n"
                                        "From: burnin <burnin@example.org>\r\n"
                                        "To: <a@example.org>,\r\n <b@example.org>\r\n"
                                        "Subject: =?UTF-8?B?"));
                assert(strstr(mail, "\r\nMessage-ID: <" ID "@site1>\r\n"));
                if (i == 0)
                        /* "[burnin] Failed: ZA1 (ST16000) on nas1" */
                        assert(strstr(mail,
                                      "Subject: =?UTF-8?B?W2J1cm5pbl0gRmFpbGVkOiBaQTEgKFNUMTYwMDApIG9uIG5hczE=?=\r\n"));
                else if (i == 1)
                        /* What it calls itself is no boundary. */
                        assert(strstr(mail, "\r\nModel: --" ID ".burnin--\r\n"));
                else
                        /* "[burnin] 1 failed, 300 passed"; both parts are those of the report. */
                        assert(strstr(mail,
                                      "Subject: =?UTF-8?B?W2J1cm5pbl0gMSBmYWlsZWQsIDMwMCBwYXNzZWQ=?=\r\n") &&
                               strstr(mail, "\r\nFinished (301)\r\n") && strstr(mail, "<h2 style=3D"));
        }
}

/* Long words and other alphabets: cut between characters, never in one. */
static void test_mail_wide(void)
{
        _cleanup_(notify_request_done) NotifyRequest r = request(NOTIFIER_MAIL, ORDINARY);
        _cleanup_free_ char *mail = NULL;
        _cleanup_(text_done) Text t = {};
        char title[181] = "", *message;

        for (size_t i = 0; i + 3 < sizeof(title); i += 3)
                memcpy(title + i, "\xe2\x82\xac", 3);
        message = new0(char, 4001);
        assert(message);
        memset(message, 'x', 4000);
        assert(json_put_string(r.event, "title", title) == 0 &&
               json_put_string(r.event, "text", message) == 0);
        free(message);
        assert(text_from_event(r.event, r.site, &t) == 0);
        assert(mail_compose(&r, &t, &mail) == 0);
        check_mail(mail);
        /* "[burnin] " and ten of them. */
        assert(strstr(mail,
                      "Subject: =?UTF-8?B?W2J1cm5pbl0g4oKs4oKs4oKs4oKs4oKs4oKs4oKs4oKs4oKs4oKs?=\r\n =?UTF-8?B?4oKs"));
}

static void test_webhook(void)
{
        _cleanup_(notify_request_done) NotifyRequest r = {};
        _cleanup_free_ char *text = NULL, *expected = NULL;
        _cleanup_json_ struct json_object *body = NULL;
        _cleanup_(text_done) Text t = {};
        _cleanup_(hook_done) Hook h = {};
        char hex[SHA256_HEX_SIZE];

        compose(NOTIFIER_WEBHOOK, ORDINARY, &r, &t, &h);
        body = parsed(h.body);
        assert(json_object_equal(body, r.event));
        assert(has_header(&h, "X-Burnin-Event: job_failed") && has_header(&h, "X-Burnin-Delivery: " ID) &&
               has_header(&h, "X-Burnin-Timestamp: 1700000000"));
        text = strf("1700000000.%s", h.body);
        assert(text && hmac_sha256_hex("s3cret", text, strlen(text), hex) == 0);
        expected = strf("X-Burnin-Signature: sha256=%s", hex);
        assert(expected && has_header(&h, expected));

        hook_done(&h);
        erase_and_freep(&r.secret);
        r.secret = NULL;
        assert(hook_compose(&r, &t, 0, &h) == 0);
        STRV_FOREACH(header, h.headers)
                assert(!startswith(*header, "X-Burnin-Signature"));
}

static void test_ntfy(void)
{
        _cleanup_(notify_request_done) NotifyRequest r = {};
        _cleanup_json_ struct json_object *body = NULL;
        _cleanup_(text_done) Text t = {};
        _cleanup_(hook_done) Hook h = {};
        static const char *const wrong[] = { "https://ntfy.sh", "https://ntfy.sh/", "https://ntfy.sh/a.b" };
        uint64_t priority = 0;

        compose(NOTIFIER_NTFY, HOSTILE, &r, &t, &h);
        body = parsed(h.body);
        assert(streq(h.url, "https://hooks.example.org/in/") && streq(string_at(body, "topic"), "abc"));
        assert(streq(string_at(body, "title"), t.title));
        assert(json_get_u64(body, "priority", &priority) == 1 && priority == 5);
        assert(!json_object_object_get_ex(body, "click", NULL));
        assert(has_header(&h, "Authorization: Bearer s3cret"));

        for (size_t i = 0; i < ELEMENTSOF(wrong); i++) {
                Hook none = {};

                assert(free_and_strdup(&r.url, wrong[i]) >= 0);
                assert(hook_compose(&r, &t, 0, &none) == -EBADMSG);
        }
}

static void test_chats(void)
{
        _cleanup_json_ struct json_object *slack = NULL, *discord = NULL, *gotify = NULL;
        struct json_object *embeds = NULL, *mentions = NULL, *parse = NULL;
        _cleanup_(notify_request_done) NotifyRequest r = {};
        _cleanup_(text_done) Text t = {};
        _cleanup_(hook_done) Hook h = {};

        compose(NOTIFIER_SLACK, HOSTILE, &r, &t, &h);
        slack = parsed(h.body);
        assert(streq(h.url, r.url));
        assert(strstr(string_at(slack, "text"), "&lt;script&gt;alert(1)&lt;/script&gt; @everyone"));
        assert(!strchr(string_at(slack, "text"), '<'));
        hook_done(&h);
        text_done(&t);
        notify_request_done(&r);

        compose(NOTIFIER_DISCORD, HOSTILE, &r, &t, &h);
        discord = parsed(h.body);
        assert(json_get(discord, "allowed_mentions", json_type_object, &mentions) == 1);
        assert(json_get(mentions, "parse", json_type_array, &parse) == 1 &&
               json_object_array_length(parse) == 0);
        assert(json_get(discord, "embeds", json_type_array, &embeds) == 1);
        assert(streq(string_at(json_object_array_get_idx(embeds, 0), "title"), t.title));
        assert(!json_object_object_get_ex(json_object_array_get_idx(embeds, 0), "url", NULL));
        hook_done(&h);
        text_done(&t);
        notify_request_done(&r);

        compose(NOTIFIER_GOTIFY, ORDINARY, &r, &t, &h);
        gotify = parsed(h.body);
        assert(streq(h.url, "https://hooks.example.org/in/abc/message"));
        assert(has_header(&h, "X-Gotify-Key: s3cret") && streq(string_at(gotify, "message"), t.plain));
}

/* Each leads to the job, in the way that it has for that. */
static void test_links(void)
{
        static const struct {
                NotifierKind kind;
                const char *body;
        } expected[] = {
                { NOTIFIER_WEBHOOK, "\"url\":\"" URL "\"" },
                { NOTIFIER_NTFY, "\"click\":\"" URL "\"" },
                { NOTIFIER_SLACK, "Job 42 has ended.\\n" URL "\"" },
                { NOTIFIER_DISCORD, "\"url\":\"" URL "\"" },
                { NOTIFIER_GOTIFY, "\\n" URL "\\n" },
        };

        for (size_t i = 0; i < ELEMENTSOF(expected); i++) {
                _cleanup_(notify_request_done) NotifyRequest r = {};
                _cleanup_(text_done) Text t = {};
                _cleanup_(hook_done) Hook h = {};

                compose(expected[i].kind, ORDINARY, &r, &t, &h);
                assert(strstr(h.body, expected[i].body));
        }
}

static void test_names(void)
{
        static const char *const addresses[] = { "a@example.org", "first.last+tag@mail.example.org",
                                                 "root@localhost" };
        static const char *const no_addresses[] = { "",
                                                    "a",
                                                    "@example.org",
                                                    "a@",
                                                    "a b@x.org",
                                                    "a@x..org",
                                                    "a@-x.org",
                                                    ".a@x.org",
                                                    "a@x.org\r\nBcc: b@x.org",
                                                    "a@x.org>",
                                                    "<a@x.org>",
                                                    "a,b@x.org",
                                                    "\"a\"@x.org",
                                                    "a@x.org.",
                                                    "-oQ@x.org" };
        static const char *const urls[] = { "https://a.example.org/x?y=z", "http://127.0.0.1:8080/",
                                            "https://[::1]/x" };
        static const char *const no_urls[] = { "",
                                               "https://",
                                               "ftp://x/",
                                               "file:///etc/passwd",
                                               "https:///x",
                                               "https://a:b@x/",
                                               "https://a@x?y",
                                               "https://x/a b",
                                               "https://x/\r\nHost: y",
                                               "HTTPS:/x",
                                               "https://x/#y",
                                               "https://:80/" };

        for (size_t i = 0; i < ELEMENTSOF(addresses); i++)
                assert(mail_address_is_valid(addresses[i]));
        for (size_t i = 0; i < ELEMENTSOF(no_addresses); i++)
                assert(!mail_address_is_valid(no_addresses[i]));
        for (size_t i = 0; i < ELEMENTSOF(urls); i++)
                assert(notify_url_is_valid(urls[i]));
        for (size_t i = 0; i < ELEMENTSOF(no_urls); i++)
                assert(!notify_url_is_valid(no_urls[i]));
        assert(notify_secret_is_valid("a b!") && !notify_secret_is_valid("") &&
               !notify_secret_is_valid("a\nb") && !notify_secret_is_valid(" a"));
        assert(smtp_host_is_valid("mail.example.org") && smtp_host_is_valid("192.0.2.1") &&
               smtp_host_is_valid("2001:db8::1") && !smtp_host_is_valid("a/b") &&
               !smtp_host_is_valid("a b") && !smtp_host_is_valid(""));
        assert(smtp_port_of(SMTP_STARTTLS) == 587 && smtp_port_of(SMTP_SSL) == 465 &&
               smtp_port_of(SMTP_PLAIN) == 25);
}

static void test_request(void)
{
        _cleanup_(notify_request_done) NotifyRequest hook = request(NOTIFIER_SLACK, ORDINARY),
                                                     mail = request(NOTIFIER_MAIL, ORDINARY), read = {};
        static const char *const wrong[] = {
                "{}",
                "{\"kind\":\"pigeon\",\"site\":\"s\",\"url\":\"https://x/\",\"event\":{}}",
                "{\"kind\":\"slack\",\"site\":\"s\",\"url\":\"https://x/\"}",
                "{\"kind\":\"slack\",\"site\":\"s\",\"event\":{}}",
                "{\"kind\":\"slack\",\"site\":\"s\",\"url\":\"file:///etc/shadow\",\"event\":{}}",
                "{\"kind\":\"slack\",\"site\":\"s\",\"url\":\"https://x/\",\"test\":true}",
                "{\"kind\":\"slack\",\"site\":\"s\\r\\n\",\"url\":\"https://x/\",\"event\":{}}",
                "{\"kind\":\"ntfy\",\"site\":\"s\",\"url\":\"https://x/y\",\"secret\":\"a\\nb\",\"event\":{}}",
                "{\"kind\":\"mail\",\"site\":\"s\",\"event\":{}}",
                "{\"kind\":\"mail\",\"site\":\"s\",\"event\":{},\"mail\":{\"host\":\"h\",\"from\":\"a@x\",\"mode\":\"ssl\",\"to\":[]}}",
                "{\"kind\":\"mail\",\"site\":\"s\",\"event\":{},\"mail\":{\"host\":\"h\",\"from\":\"a@x\",\"mode\":\"tls\",\"to\":[\"b@x\"]}}",
                "{\"kind\":\"mail\",\"site\":\"s\",\"event\":{},\"mail\":{\"host\":\"h\",\"port\":65536,\"from\":\"a@x\",\"mode\":\"ssl\",\"to\":[\"b@x\"]}}",
                "{\"kind\":\"mail\",\"site\":\"s\",\"event\":{},\"mail\":{\"host\":\"h\",\"from\":\"a@x\\nRCPT\",\"mode\":\"ssl\",\"to\":[\"b@x\"]}}",
        };
        struct json_object *o = NULL;

        assert(notify_request_to_json(&hook, &o) == 0 && notify_request_from_json(o, &read) == 0);
        assert(read.kind == NOTIFIER_SLACK && streq(read.url, hook.url) && streq(read.secret, "s3cret") &&
               json_object_equal(read.event, hook.event));
        json_object_put(o);
        notify_request_done(&read);

        mail.smtp_mode = SMTP_SSL;
        mail.smtp_port = 4650;
        assert(notify_request_to_json(&mail, &o) == 0 && notify_request_from_json(o, &read) == 0);
        assert(read.smtp_mode == SMTP_SSL && read.smtp_port == 4650 &&
               streq(read.smtp_host, "mail.example.org") && streq(read.smtp_from, mail.smtp_from) &&
               strv_length(read.smtp_to) == 2 && !read.smtp_user);
        json_object_put(o);

        for (size_t i = 0; i < ELEMENTSOF(wrong); i++) {
                _cleanup_json_ struct json_object *w = parsed(wrong[i]);
                NotifyRequest none = {};

                assert(notify_request_from_json(w, &none) == -EBADMSG);
        }
}

static void test_answer(void)
{
        static const char *const wrong[] = { "{}", "{\"result\":\"taken\",\"error\":\"x\"}",
                                             "{\"result\":\"failed\"}",
                                             "{\"result\":\"lost\",\"error\":\"x\"}",
                                             "{\"result\":\"failed\",\"error\":\"a\\nb\"}" };
        const NotifyAnswer failed = { .result = DELIVERY_REFUSED, .error = (char *) "HTTP 404" };
        NotifyAnswer read = {};
        struct json_object *o = NULL;

        assert(notify_answer_to_json(&failed, &o) == 0 && notify_answer_from_json(o, &read) == 0);
        assert(read.result == DELIVERY_REFUSED && streq(read.error, "HTTP 404"));
        notify_answer_done(&read);
        json_object_put(o);
        assert(notify_answer_to_json(&(NotifyAnswer){}, &o) == 0 && notify_answer_from_json(o, &read) == 0);
        assert(read.result == DELIVERY_TAKEN && !read.error);
        json_object_put(o);

        for (size_t i = 0; i < ELEMENTSOF(wrong); i++) {
                _cleanup_json_ struct json_object *w = parsed(wrong[i]);

                assert(notify_answer_from_json(w, &read) == -EBADMSG);
        }
}

int main(void)
{
        assert(setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", true) == 0);
        tzset();
        test_text();
        test_daily();
        test_mail();
        test_mail_wide();
        test_webhook();
        test_ntfy();
        test_chats();
        test_links();
        test_names();
        test_request();
        test_answer();
        return 0;
}
