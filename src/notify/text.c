/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <stdio.h>
#include <time.h>

#include "basic/string-util.h"
#include "notify/text.h"

#define VALUE_MAX 4096U

/* What is shown of an event, in this order. */
static const struct {
        const char *key, *label;
} facts[] = {
        { "host", "Host" },         { "devname", "Device" },    { "model", "Model" },
        { "serial", "Serial" },     { "profile", "Profile" },   { "state", "State" },
        { "verdict", "Verdict" },   { "error_text", "Reason" }, { "operator", "Started by" },
        { "severity", "Severity" }, { "time", "Time" },
};

static const char *const colors[_SEVERITY_MAX] = {
        [SEVERITY_INFO] = "#1a7f37",
        [SEVERITY_WARNING] = "#9a6700",
        [SEVERITY_ERROR] = "#cf222e",
};

void text_done(Text *t)
{
        free(t->id);
        free(t->kind);
        free(t->title);
        free(t->message);
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

static void put_escaped(FILE *f, const char *s)
{
        for (; *s; s++)
                switch (*s) {
                case '<':
                        (void) fputs("&lt;", f);
                        break;
                case '>':
                        (void) fputs("&gt;", f);
                        break;
                case '&':
                        (void) fputs("&amp;", f);
                        break;
                case '"':
                        (void) fputs("&quot;", f);
                        break;
                case '\'':
                        (void) fputs("&#39;", f);
                        break;
                default:
                        (void) fputc(*s, f);
                }
}

static int put_facts(FILE *f, struct json_object *event, bool html)
{
        uint64_t job = 0;

        if (json_get_u64(event, "job_id", &job) < 0)
                return -EBADMSG;
        if (job > 0)
                (void) fprintf(f,
                               html ? "<tr><th align=\"left\">Job</th><td>%" PRIu64 "</td></tr>\n"
                                    : "Job: %" PRIu64 "\n",
                               job);

        for (size_t i = 0; i < ELEMENTSOF(facts); i++) {
                _cleanup_free_ char *value = NULL;
                int r;

                r = dup_clean(event, facts[i].key, VALUE_MAX, false, &value);
                if (r < 0)
                        return r;
                if (isempty(value))
                        continue;
                if (!html) {
                        (void) fprintf(f, "%s: %s\n", facts[i].label, value);
                        continue;
                }
                (void) fprintf(f, "<tr><th align=\"left\">%s</th><td>", facts[i].label);
                put_escaped(f, value);
                (void) fputs("</td></tr>\n", f);
        }

        return 0;
}

static int write_plain(const Text *t, struct json_object *event, const char *site, FILE *f)
{
        int r;

        (void) fprintf(f, "%s\n\n", isempty(t->message) ? t->title : t->message);
        r = put_facts(f, event, false);
        (void) fprintf(f, "\n-- \nburnin on %s\n", site);
        return r;
}

static int write_html(const Text *t, struct json_object *event, const char *site, FILE *f)
{
        int r;

        (void) fputs("<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>", f);
        put_escaped(f, t->title);
        (void) fprintf(f, "</title></head>\n<body>\n<h2><font color=\"%s\">", colors[t->severity]);
        put_escaped(f, t->title);
        (void) fputs("</font></h2>\n<p>", f);
        put_escaped(f, t->message);
        (void) fputs("</p>\n<table cellpadding=\"4\">\n", f);
        r = put_facts(f, event, true);
        (void) fputs("</table>\n<p><small>burnin on ", f);
        put_escaped(f, site);
        (void) fputs("</small></p>\n</body></html>\n", f);
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
            (r = dup_clean(event, "text", TEXT_PLAIN_MAX, true, &t->message)) < 0)
                return r;
        if (strlen(t->id) != 32 || strspn(t->id, "0123456789abcdef") != 32 ||
            !str_in_charset(t->kind, "_", 64) || isempty(t->title))
                return -EBADMSG;

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
