/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "basic/string-util.h"
#include "report/daily.h"
#include "report/mail-part.h"
#include "report/markup.h"
#include "shared/enums.h"
#include "shared/page-url.h"
#include "shared/report-proto.h"

#define LINE_BYTES_MAX 2048U
#define SILENT_SHOWN   8U

/* Both parts at once. */
typedef struct Out {
        FILE *text, *html;
        const char *page_url; /* NULL: not known */
} Out;

/* One drive or job of a list: its name and state on one line, all else below. */
typedef struct Entry {
        char *name, *state, *detail, *words; /* state, words NULL: none */
        uint64_t job;                        /* 0: none */
        MailColor color;                     /* of the state */
} Entry;

static void entry_done(Entry *e)
{
        free(e->name);
        free(e->state);
        free(e->detail);
        free(e->words);
}

/* Its colours are its own, light or dark around it. */
typedef struct Banner {
        const char *background, *border, *line, *text;
} Banner;

static const Banner amber_banner = { "#fff8c5", "#9a6700", "#e0c870", "#1b1f24" };
static const Banner red_banner = { "#cf222e", "#cf222e", "#e5868c", "#ffffff" };

typedef int (*EntryRead)(struct json_object *o, Entry *ret);

void daily_done(Daily *d)
{
        free(d->title);
        free(d->text);
        free(d->html);
        *d = (Daily){};
}

/* A line that is written piece by piece. */
static int line_end(FILE *f, char **line, size_t *size, char **ret)
{
        char *clean;

        if (fclose(f) != 0)
                return -ENOMEM;
        clean = str_clean(*line, *size, LINE_BYTES_MAX, false);
        if (!clean)
                return -ENOMEM;

        *ret = clean;
        return 0;
}

static void put_part(FILE *f, const char *before, const char *words)
{
        if (!isempty(words))
                (void) fprintf(f, "%s%s%s", ftell(f) > 0 ? ", " : "", before, words);
}

static void put_part_time(FILE *f, const char *before, uint64_t usec)
{
        if (usec == 0)
                return;
        (void) fprintf(f, "%s%s", ftell(f) > 0 ? ", " : "", before);
        mail_time(f, usec);
}

static void put_place(FILE *f, struct json_object *o)
{
        const char *host = document_string(o, "host"), *kname = document_string(o, "kname");

        put_part(f, "", kname);
        if (!isempty(host))
                (void) fprintf(f, "%son %s", ftell(f) > 0 ? " " : "", host);
        put_part(f, "", document_string(o, "location"));
}

static char *drive_name(struct json_object *o)
{
        const char *serial = document_string(o, "serial"), *model = document_string(o, "model");

        if (isempty(serial))
                return strdup(isempty(model) ? "A drive" : model);

        return isempty(model) ? strdup(serial) : strf("%s (%s)", serial, model);
}

static int read_failing(struct json_object *o, Entry *ret)
{
        _cleanup_free_ char *line = NULL;
        bool present = true;
        size_t size;
        FILE *f = open_memstream(&line, &size);

        if (!f)
                return -ENOMEM;
        put_place(f, o);
        if (json_object_is_type(o, json_type_object) && json_get_bool(o, "present", &present) > 0 &&
            !present)
                put_part(f, "", "missing");
        if (line_end(f, &line, &size, &ret->detail) < 0)
                return -ENOMEM;

        ret->name = drive_name(o);
        return ret->name ? 0 : -ENOMEM;
}

static int read_unlock(struct json_object *o, Entry *ret)
{
        _cleanup_free_ char *line = NULL;
        size_t size;
        FILE *f = open_memstream(&line, &size);

        if (!f)
                return -ENOMEM;
        put_place(f, o);
        put_part(f, "by ", document_string(o, "by"));
        put_part_time(f, "", document_u64(o, "usec"));
        if (line_end(f, &line, &size, &ret->detail) < 0)
                return -ENOMEM;

        ret->name = drive_name(o);
        ret->words = strdup(document_string(o, "detail"));
        return ret->name && ret->words ? 0 : -ENOMEM;
}

static void put_job(FILE *f, struct json_object *o)
{
        put_place(f, o);
        (void) fprintf(f, "%sjob %" PRIu64, ftell(f) > 0 ? ", " : "", document_u64(o, "job"));
        put_part(f, "", document_string(o, "kind"));
        if (!isempty(document_string(o, "profile")))
                (void) fprintf(f, " (%s)", document_string(o, "profile"));
        put_part(f, "by ", document_string(o, "operator"));
}

static int read_active(struct json_object *o, Entry *ret)
{
        bool started = document_u64(o, "started_usec") > 0;
        _cleanup_free_ char *line = NULL;
        double percent = 0;
        size_t size;
        FILE *f = open_memstream(&line, &size);

        if (!f)
                return -ENOMEM;
        put_job(f, o);
        put_part(f, "", markup_stage(document_string(o, "stage")));
        put_part_time(f, "since ", document_u64(o, "started_usec"));
        put_part_time(f, "not before ", started ? 0 : document_u64(o, "not_before_usec"));
        put_part_time(f, "ends about ", document_u64(o, "eta_usec"));
        if (line_end(f, &line, &size, &ret->detail) < 0)
                return -ENOMEM;

        if (json_object_is_type(o, json_type_object))
                (void) json_get_double(o, "percent", &percent);
        if (streq(document_string(o, "state"), job_state_to_string(JOB_RUNNING)))
                ret->state = strf("%u %%", percent > 0 ? (unsigned) MIN(percent, 100.0) : 0);
        else
                ret->state = strdup(document_string(o, "state"));
        ret->color = started ? MAIL_BLUE : MAIL_SOFT;
        ret->words = strdup(document_string(o, "waiting"));
        ret->job = document_u64(o, "job");
        ret->name = drive_name(o);
        return ret->state && ret->words && ret->name ? 0 : -ENOMEM;
}

static int read_finished(struct json_object *o, Entry *ret)
{
        Verdict verdict = verdict_from_string(document_string(o, "verdict"));
        _cleanup_free_ char *line = NULL;
        size_t size;
        FILE *f = open_memstream(&line, &size);

        if (!f)
                return -ENOMEM;
        put_job(f, o);
        put_part_time(f, "ended ", document_u64(o, "finished_usec"));
        put_part(f, "cancelled by ", document_string(o, "cancelled_by"));
        if (line_end(f, &line, &size, &ret->detail) < 0)
                return -ENOMEM;

        if ((int) verdict <= VERDICT_NONE)
                verdict = VERDICT_INCONCLUSIVE;
        ret->state = strdup(verdict_to_string(verdict));
        ret->color = verdict == VERDICT_PASSED   ? MAIL_GREEN
                     : verdict == VERDICT_FAILED ? MAIL_RED
                                                 : MAIL_AMBER;
        ret->job = document_u64(o, "job");
        /* Of what went well there is nothing to say. */
        ret->words = strdup(verdict == VERDICT_PASSED ? "" : document_string(o, "reason"));
        ret->name = drive_name(o);
        return ret->state && ret->words && ret->name ? 0 : -ENOMEM;
}

/* A line of the plain part, wrapped. */
static int put_text_line(FILE *f, unsigned indent, const char *s)
{
        _cleanup_free_ char *clean = str_clean(s, strlen(s), LINE_BYTES_MAX, false);

        if (!clean)
                return -ENOMEM;
        mail_wrap(f, indent, clean);
        return 0;
}

static int put_text_entry(FILE *f, const Entry *e)
{
        _cleanup_free_ char *head =
                        strf("%s%s%s", e->name, isempty(e->state) ? "" : ": ", strempty(e->state));
        int r = head ? put_text_line(f, 2, head) : -ENOMEM;

        if (r >= 0 && !isempty(e->detail))
                r = put_text_line(f, 4, e->detail);
        if (r >= 0 && !isempty(e->words))
                r = put_text_line(f, 4, e->words);
        return r;
}

/* In a banner all has its colour. */
static void put_html_line(FILE *f, const Banner *banner, MailColor color, const char *s)
{
        if (isempty(s))
                return;
        (void) fputs("<div", f);
        if (banner)
                (void) fputs(" style=\"font-size:14px\"", f);
        else
                mail_color(f, color, "font-size:14px");
        (void) fputs(">", f);
        markup_text(f, s);
        (void) fputs("</div>", f);
}

static int put_html_name(FILE *f, const Entry *e, const char *page_url)
{
        _cleanup_free_ char *url = NULL;
        int r;

        r = e->job > 0 ? page_url_of_job(page_url, e->job, &url) : 0;
        if (r < 0)
                return r;
        if (url) {
                (void) fprintf(f, "<a href=\"%s\"", url);
                mail_color(f, MAIL_TEXT, "text-decoration:underline");
                (void) fputs(">", f);
        }
        markup_text(f, e->name);
        (void) fputs(url ? "</a>" : "", f);
        return 0;
}

static int put_html_entry(FILE *f, const Entry *e, const Banner *banner, const char *page_url)
{
        int r;

        (void) fprintf(f,
                       "<div%s style=\"padding:8px 0;border-top:1px solid %s\">"
                       "<table width=\"100%%\" cellpadding=\"0\" cellspacing=\"0\" role=\"presentation\"><tr><td",
                       banner ? "" : " class=\"line\"", banner ? banner->line : "#d1d9e0");
        if (banner)
                (void) fprintf(f, " style=\"color:%s;font-weight:600\"", banner->text);
        else
                mail_color(f, MAIL_TEXT, "font-weight:600");
        (void) fputs(">", f);
        r = put_html_name(f, e, page_url);
        (void) fputs("</td>", f);
        if (!isempty(e->state)) {
                (void) fputs("<td align=\"right\"", f);
                mail_color(f, e->color,
                           "padding-left:12px;vertical-align:top;white-space:nowrap;font-weight:600");
                (void) fputs(">", f);
                markup_text(f, e->state);
                (void) fputs("</td>", f);
        }
        (void) fputs("</tr></table>", f);
        put_html_line(f, banner, MAIL_SOFT, e->detail);
        put_html_line(f, banner, MAIL_TEXT, e->words);
        (void) fputs("</div>\n", f);
        return r;
}

static int put_entries(Out *o, struct json_object *list, uint64_t total, EntryRead read,
                       const Banner *banner)
{
        size_t n = MIN(document_length(list), (size_t) DAILY_ENTRIES_MAX);

        for (size_t i = 0; i < n; i++) {
                _cleanup_(entry_done) Entry e = {};
                int r;

                r = read(json_object_array_get_idx(list, i), &e);
                if (r < 0)
                        return r;
                r = put_text_entry(o->text, &e);
                if (r >= 0)
                        r = put_html_entry(o->html, &e, banner, o->page_url);
                if (r < 0)
                        return r;
        }
        if (total > n) {
                (void) fprintf(o->text, "  and %" PRIu64 " more\n", total - n);
                (void) fprintf(o->html, "<div style=\"padding:8px 0\">and %" PRIu64 " more</div>\n",
                               total - n);
        }

        return 0;
}

static int put_banner(Out *o, const char *one, const char *many, struct json_object *list, uint64_t total,
                      EntryRead read, const Banner *banner)
{
        _cleanup_free_ char *title = NULL;
        int r;

        if (total == 0)
                return 0;
        title = strf("%" PRIu64 " %s", total, total == 1 ? one : many);
        if (!title)
                return -ENOMEM;

        (void) fprintf(o->text, "!! %s\n", title);
        (void) fprintf(o->html,
                       "<div style=\"margin:0 0 16px;padding:12px 16px 4px;border-radius:6px;background:%s;color:%s;"
                       "border:2px solid %s\"><div style=\"font-size:17px;font-weight:700;padding-bottom:8px\">%s</div>\n",
                       banner->background, banner->text, banner->border, title);
        r = put_entries(o, list, total, read, banner);
        (void) fputs("\n", o->text);
        (void) fputs("</div>\n", o->html);
        return r;
}

static int put_section(Out *o, const char *title, struct json_object *list, uint64_t total, EntryRead read)
{
        if (total == 0)
                return 0;
        (void) fprintf(o->text, "\n%s (%" PRIu64 ")\n", title, total);
        (void) fprintf(o->html, "<h2 style=\"font-size:17px;margin:24px 0 8px\">%s (%" PRIu64 ")</h2>\n",
                       title, total);
        return put_entries(o, list, total, read, NULL);
}

/* What is counted, in the order in which it matters. */
typedef struct Counts {
        uint64_t failing, unlocked, failed, inconclusive, cancelled, passed, running, queued;
} Counts;

static Counts count(struct json_object *document)
{
        struct json_object *totals = document_object(document, "totals");

        return (Counts){
                .failing = document_u64(document_object(document, "drives"), "failed_health"),
                .unlocked = document_u64(totals, "unlocked"),
                .failed = document_u64(totals, "failed"),
                .inconclusive = document_u64(totals, "inconclusive"),
                .cancelled = document_u64(totals, "cancelled"),
                .passed = document_u64(totals, "passed"),
                .running = document_u64(totals, "running"),
                .queued = document_u64(totals, "queued"),
        };
}

static uint64_t count_finished(const Counts *c)
{
        return c->failed + c->inconclusive + c->cancelled + c->passed;
}

static int make_title(const Counts *c, char **ret)
{
        const struct {
                uint64_t n;
                const char *word;
        } parts[] = {
                { c->failing, "with failed health" },
                { c->unlocked, "unlocked" },
                { c->failed, "failed" },
                { c->inconclusive, "inconclusive" },
                { c->cancelled, "cancelled" },
                { c->passed, "passed" },
                { c->running, "running" },
                { c->queued, "waiting" },
        };
        _cleanup_free_ char *title = NULL;
        size_t size;
        FILE *f = open_memstream(&title, &size);

        if (!f)
                return -ENOMEM;
        for (size_t i = 0; i < ELEMENTSOF(parts); i++)
                if (parts[i].n > 0)
                        (void) fprintf(f, "%s%" PRIu64 " %s", ftell(f) > 0 ? ", " : "", parts[i].n,
                                       parts[i].word);
        if (ftell(f) == 0)
                (void) fputs("nothing happened", f);
        if (fclose(f) != 0)
                return -ENOMEM;

        *ret = TAKE_PTR(title);
        return 0;
}

static void put_counted(FILE *f, uint64_t n, const char *one, const char *many)
{
        (void) fprintf(f, "%" PRIu64 " %s", n, n == 1 ? one : many);
}

static int make_summary(struct json_object *document, char **ret)
{
        struct json_object *drives = document_object(document, "drives"),
                           *hosts = document_object(document, "hosts"),
                           *silent = document_list(hosts, "silent");
        uint64_t missing = document_u64(drives, "missing"), locked = document_u64(drives, "locked");
        size_t n = document_length(silent);
        _cleanup_free_ char *line = NULL;
        bool shortened = false;
        size_t size;
        FILE *f = open_memstream(&line, &size);

        if (!f)
                return -ENOMEM;
        put_counted(f, document_u64(drives, "total"), "drive", "drives");
        (void) fputs(" on ", f);
        put_counted(f, document_u64(hosts, "total"), "host", "hosts");
        if (locked > 0)
                (void) fprintf(f, ", %" PRIu64 " locked", locked);
        if (missing > 0)
                (void) fprintf(f, ", %" PRIu64 " missing", missing);
        (void) fputs(".", f);
        for (size_t i = 0; i < MIN(n, (size_t) SILENT_SHOWN); i++)
                (void) fprintf(f, "%s%s", i == 0 ? " Not online: " : ", ",
                               strempty(json_object_get_string(json_object_array_get_idx(silent, i))));
        if (n > SILENT_SHOWN)
                (void) fprintf(f, " and %zu more", n - SILENT_SHOWN);
        if (n > 0)
                (void) fputs(".", f);
        (void) json_get_bool(document, "shortened", &shortened);
        if (shortened)
                (void) fputs(" The lists are shortened so that they fit into a message; burninctl report daily shows more of them.",
                             f);

        return line_end(f, &line, &size, ret);
}

static int make_heading(struct json_object *document, char **ret)
{
        const char *site = document_string(document, "site");
        _cleanup_free_ char *line = NULL;
        size_t size;
        FILE *f = open_memstream(&line, &size);

        if (!f)
                return -ENOMEM;
        (void) fprintf(f, "burnin%s%s, from ", isempty(site) ? "" : " on ", site);
        mail_time(f, document_u64(document, "since_usec"));
        (void) fputs(" to ", f);
        mail_time(f, document_u64(document, "until_usec"));
        return line_end(f, &line, &size, ret);
}

static int put_lists(Out *o, struct json_object *document, const Counts *c)
{
        static const char nothing[] = "No job ran, waits or has ended, and no drive was unlocked.";
        int r;

        if (c->unlocked == 0 && c->running == 0 && c->queued == 0 && count_finished(c) == 0) {
                (void) fprintf(o->text, "%s\n", nothing);
                (void) fprintf(o->html, "<p style=\"margin:16px 0\">%s</p>\n", nothing);
                return 0;
        }

        r = put_section(o, "Running", document_list(document, "running"), c->running, read_active);
        if (r >= 0)
                r = put_section(o, "Waiting", document_list(document, "queued"), c->queued, read_active);
        if (r >= 0)
                r = put_section(o, "Finished", document_list(document, "finished"), count_finished(c),
                                read_finished);
        return r;
}

static int put_body(Out *o, struct json_object *document, const Counts *c, const char *heading,
                    const char *summary)
{
        int r;

        mail_wrap(o->text, 0, heading);
        (void) fputs("\n", o->text);
        r = put_banner(o, "drive fails its own health check", "drives fail their own health check",
                       document_list(document, "failed_health"), c->failing, read_failing, &amber_banner);
        if (r >= 0)
                r = put_banner(o, "unlock of a drive that was locked", "unlocks of drives that were locked",
                               document_list(document, "unlocked"), c->unlocked, read_unlock, &red_banner);
        if (r < 0)
                return r;
        mail_wrap(o->text, 0, summary);
        (void) fputs("<p style=\"margin:16px 0 0\">", o->html);
        markup_text(o->html, summary);
        (void) fputs("</p>\n", o->html);
        return put_lists(o, document, c);
}

static int put_page(Out *o, struct json_object *document, const Counts *c, const char *title)
{
        _cleanup_free_ char *heading = NULL, *summary = NULL;
        int r;

        r = make_heading(document, &heading);
        if (r >= 0)
                r = make_summary(document, &summary);
        if (r < 0)
                return r;

        mail_page_begin(o->html, title);
        (void) fprintf(o->html, "<h1 style=\"font-size:18px;margin:0 0 4px\">%c%s</h1>\n<p",
                       title[0] == 'n' ? 'N' : title[0], title + 1);
        mail_color(o->html, MAIL_SOFT, "margin:0 0 16px");
        (void) fputs(">", o->html);
        markup_text(o->html, heading);
        (void) fputs("</p>\n", o->html);
        r = put_body(o, document, c, heading, summary);
        if (o->page_url) {
                (void) fprintf(o->text, "\n%s\n", o->page_url);
                mail_link(o->html, o->page_url, "Open burnin");
        }
        mail_page_end(o->html);
        return r;
}

static int check(struct json_object *document)
{
        if (!json_object_is_type(document, json_type_object) ||
            !streq(document_string(document, "format"), DAILY_FORMAT) ||
            document_u64(document, "version") == 0)
                return -EBADMSG;

        return document_u64(document, "version") == DAILY_VERSION ? 0 : -EPROTONOSUPPORT;
}

int daily_render(struct json_object *document, Daily *ret)
{
        _cleanup_(daily_done) Daily d = {};
        size_t text_size, html_size;
        Counts c;
        Out o;
        int r;

        r = check(document);
        if (r < 0)
                return r;
        c = count(document);
        r = make_title(&c, &d.title);
        if (r < 0)
                return r;

        o.page_url = document_string(document, "page_url");
        if (!page_url_is_valid(o.page_url))
                o.page_url = NULL;
        o.text = open_memstream(&d.text, &text_size);
        o.html = open_memstream(&d.html, &html_size);
        r = o.text && o.html ? put_page(&o, document, &c, d.title) : -ENOMEM;
        if ((o.text && fclose(o.text) != 0) || (o.html && fclose(o.html) != 0))
                r = -ENOMEM;
        if (r < 0)
                return r;

        *ret = d;
        d = (Daily){};
        return 0;
}
