/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <stdio.h>
#include <time.h>

#include "basic/string-util.h"
#include "notify/text.h"
#include "report/daily.h"
#include "report/mail-part.h"
#include "report/markup.h"
#include "shared/page-url.h"

#define VALUE_MAX 4096U

/* What is shown of an event besides its job and its time, in this order. */
static const struct {
        const char *key, *label;
} facts[] = {
        { "host", "Host" },         { "devname", "Device" },      { "model", "Model" },
        { "serial", "Serial" },     { "profile", "Profile" },     { "verdict", "Verdict" },
        { "error_text", "Reason" }, { "operator", "Started by" },
};

void text_done(Text *t)
{
        free(t->id);
        free(t->kind);
        free(t->title);
        free(t->message);
        free(t->url);
        free(t->plain);
        free(t->html);
        *t = (Text){};
}

/* Clean text of a key; "" where there is none. */
static int dup_clean(struct json_object *o, const char *key, size_t max, bool keep_lines, char **ret)
{
        const char *s = NULL;
        char *clean;

        if (json_get_string(o, key, &s) < 0)
                return -EBADMSG;
        clean = str_clean(strempty(s), strlen(strempty(s)), max, keep_lines);
        if (!clean)
                return -ENOMEM;

        *ret = clean;
        return 0;
}

static void put_fact(FILE *f, const char *label, const char *value, bool html)
{
        if (!html) {
                (void) fprintf(f, "%s: %s\n", label, value);
                return;
        }
        (void) fputs("<tr><td", f);
        mail_color(f, MAIL_SOFT, "padding:2px 16px 2px 0;vertical-align:top;white-space:nowrap");
        (void) fprintf(f, ">%s</td><td", label);
        mail_color(f, MAIL_TEXT, "padding:2px 0;vertical-align:top");
        (void) fputs(">", f);
        markup_text(f, value);
        (void) fputs("</td></tr>\n", f);
}

static int put_facts(FILE *f, const Text *t, struct json_object *event, bool html)
{
        char number[24];
        uint64_t job = 0;

        if (json_get_u64(event, "job_id", &job) < 0)
                return -EBADMSG;
        (void) snprintf(number, sizeof(number), "%" PRIu64, job);
        if (job > 0)
                put_fact(f, "Job", number, html);

        for (size_t i = 0; i < ELEMENTSOF(facts); i++) {
                _cleanup_free_ char *value = NULL;
                int r;

                r = dup_clean(event, facts[i].key, VALUE_MAX, false, &value);
                if (r < 0)
                        return r;
                /* The message mostly ends with the reason. */
                if (!isempty(value) && !(streq(facts[i].key, "error_text") && strstr(t->message, value)))
                        put_fact(f, facts[i].label, value, html);
        }

        return 0;
}

/* A line of the message for each of its own. */
static int put_message(FILE *f, const char *s, bool html)
{
        while (*s) {
                size_t n = strcspn(s, "\n");
                _cleanup_free_ char *line = strndup(s, n);

                if (!line)
                        return -ENOMEM;
                if (html) {
                        (void) fputs("<p style=\"margin:0\">", f);
                        markup_text(f, line);
                        (void) fputs("</p>", f);
                } else
                        mail_wrap(f, 0, line);
                s += n + (s[n] == '\n');
        }

        return 0;
}

static int write_plain(const Text *t, struct json_object *event, const char *site, FILE *f)
{
        int r;

        r = put_message(f, isempty(t->message) ? t->title : t->message, false);
        (void) fputs("\n", f);
        if (r >= 0)
                r = put_facts(f, t, event, false);
        (void) fputs("Time: ", f);
        mail_time(f, t->time_usec);
        (void) fputs("\n", f);
        if (t->url)
                (void) fprintf(f, "\n%s\n", t->url);
        (void) fprintf(f, "\n-- \nburnin on %s\n", site);
        return r;
}

static MailColor color_of(const Text *t)
{
        static const MailColor colors[_SEVERITY_MAX] = {
                [SEVERITY_INFO] = MAIL_BLUE,
                [SEVERITY_WARNING] = MAIL_AMBER,
                [SEVERITY_ERROR] = MAIL_RED,
        };

        return streq(t->kind, "job_passed") ? MAIL_GREEN : colors[t->severity];
}

static int write_html(const Text *t, struct json_object *event, const char *site, FILE *f)
{
        int r;

        mail_page_begin(f, t->title);
        (void) fprintf(f, "<div style=\"border-left:4px solid %s;padding-left:12px\"><h1",
                       mail_color_code(color_of(t)));
        mail_color(f, color_of(t), "font-size:18px;line-height:1.3;margin:0 0 4px");
        (void) fputs(">", f);
        markup_text(f, t->title);
        (void) fputs("</h1>\n", f);
        r = put_message(f, t->message, true);
        (void) fputs("</div>\n<table cellpadding=\"0\" cellspacing=\"0\" role=\"presentation\" "
                     "style=\"margin:16px 0;font-size:14px\">\n",
                     f);
        if (r >= 0)
                r = put_facts(f, t, event, true);
        (void) fputs("</table>\n", f);
        if (t->url)
                mail_link(f, t->url, "Open it in burnin");
        (void) fputs("<p", f);
        mail_color(f, MAIL_SOFT, "margin:16px 0 0;font-size:13px");
        (void) fputs(">burnin on ", f);
        markup_text(f, site);
        (void) fputs(", ", f);
        mail_time(f, t->time_usec);
        (void) fputs("</p>\n", f);
        mail_page_end(f);
        return r;
}

static int write_text(const Text *t, struct json_object *event, const char *site,
                      int (*write)(const Text *, struct json_object *, const char *, FILE *), char **ret)
{
        _cleanup_free_ char *text = NULL;
        size_t size;
        FILE *f = open_memstream(&text, &size);
        int r;

        if (!f)
                return -ENOMEM;
        r = write(t, event, site, f);
        if (fclose(f) != 0 && r >= 0)
                r = -ENOMEM;
        if (r < 0)
                return r;

        *ret = TAKE_PTR(text);
        return 0;
}

/* The report of a day says all there is to say, in words of its own. 0: there is none, or none that this version knows. */
static int write_report(Text *t, struct json_object *event, const char *site)
{
        _cleanup_(daily_done) Daily d = {};
        struct json_object *report = NULL;
        char *title;
        int r;

        if (json_get(event, "report", json_type_object, &report) <= 0)
                return 0;
        r = daily_render(report, &d);
        if (r < 0)
                return r == -ENOMEM ? r : 0;

        title = str_clean(d.title, strlen(d.title), TEXT_TITLE_MAX, false);
        if (!title)
                return -ENOMEM;
        free(t->title);
        t->title = title;
        t->plain = strf("%s\n-- \nburnin on %s\n", d.text, site);
        if (!t->plain)
                return -ENOMEM;
        t->html = TAKE_PTR(d.html);
        return 1;
}

/* It is a link in a mail: nothing but an address of the page is one. */
static int read_url(struct json_object *event, char **ret)
{
        const char *s = NULL;

        if (json_get_string(event, "url", &s) <= 0 || !page_url_is_valid(s))
                return 0;
        *ret = strdup(s);
        return *ret ? 0 : -ENOMEM;
}

static int read_time(struct json_object *event, uint64_t *ret)
{
        const char *s = NULL, *end;
        struct tm tm = {};

        if (json_get_string(event, "time", &s) <= 0)
                return -EBADMSG;
        end = strptime(s, "%Y-%m-%dT%H:%M:%SZ", &tm);
        if (!end || *end || tm.tm_year < 70 || tm.tm_year > 8099)
                return -EBADMSG;

        *ret = (uint64_t) timegm(&tm) * USEC_PER_SEC;
        return 0;
}

static int read_event(struct json_object *event, const char *site, Text *t)
{
        const char *severity = NULL;
        int r;

        if (json_get_string(event, "severity", &severity) <= 0)
                return -EBADMSG;
        t->severity = severity_from_string(severity);
        if (t->severity < 0)
                return -EBADMSG;
        if ((r = read_time(event, &t->time_usec)) < 0 ||
            (r = dup_clean(event, "id", 64, false, &t->id)) < 0 ||
            (r = dup_clean(event, "event", 64, false, &t->kind)) < 0 ||
            (r = dup_clean(event, "title", TEXT_TITLE_MAX, false, &t->title)) < 0 ||
            (r = dup_clean(event, "text", TEXT_PLAIN_MAX, true, &t->message)) < 0 ||
            (r = read_url(event, &t->url)) < 0)
                return r;
        if (strlen(t->id) != 32 || strspn(t->id, "0123456789abcdef") != 32 ||
            !str_in_charset(t->kind, "_", 64) || isempty(t->title))
                return -EBADMSG;

        r = write_report(t, event, site);
        if (r != 0)
                return MIN(r, 0);
        r = write_text(t, event, site, write_plain, &t->plain);
        return r < 0 ? r : write_text(t, event, site, write_html, &t->html);
}

int text_from_event(struct json_object *event, const char *site, Text *ret)
{
        _cleanup_(text_done) Text t = {};
        int r;

        r = read_event(event, site, &t);
        if (r < 0)
                return r;

        *ret = t;
        t = (Text){};
        return 0;
}
