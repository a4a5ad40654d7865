/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "basic/sha256.h"
#include "basic/string-util.h"
#include "report/chart.h"
#include "report/html.h"
#include "report/markup.h"
#include "report/style.h"
#include "shared/enums.h"
#include "shared/page-url.h"

/* Of bad blocks the page shows so many; the document in it has more. */
#define BLOCKS_SHOWN 64U

#define DOCUMENT_BEGIN  "<script type=\"application/json\" id=\"report\">"
#define SIGNATURE_BEGIN "<script type=\"text/plain\" id=\"signature\">"
#define DATA_END        "</script>"

typedef struct Counter {
        const char *key, *name;
        bool neutral; /* it grows by itself */
} Counter;

static const Counter counters[] = {
        { "power_on_hours", "Power-on hours", true },
        { "reallocated", "Reallocated sectors" },
        { "pending", "Pending sectors" },
        { "offline_uncorrectable", "Offline uncorrectable sectors" },
        { "reported_uncorrectable", "Reported uncorrectable errors" },
        { "crc_errors", "CRC errors (cable, backplane)" },
        { "media_errors", "Media errors" },
        { "percentage_used", "Percent of its life used" },
        { "critical_warning", "Critical warning" },
};

/* A verdict is also the class that colours it, so only those that there are. */
static const char *known_verdict(struct json_object *o)
{
        Verdict v = verdict_from_string(document_string(o, "verdict"));

        return (int) v > VERDICT_NONE ? verdict_to_string(v) : "inconclusive";
}

static void verdict_cell(FILE *f, struct json_object *o)
{
        const char *verdict = known_verdict(o);

        (void) fprintf(f, "<td class=\"%s\">%s</td>", verdict, verdict);
}

static void cell_of(FILE *f, const char *class, const char *text)
{
        (void) fprintf(f, "<td class=\"%s\">", class);
        markup_text(f, text);
        (void) fputs("</td>", f);
}

static void cell(FILE *f, const char *text)
{
        cell_of(f, "text", text);
}

static void fact_begin(FILE *f, const char *label)
{
        (void) fprintf(f, "<div><dt>%s</dt><dd>", label);
}

static void fact_end(FILE *f)
{
        (void) fputs("</dd></div>", f);
}

static void fact(FILE *f, const char *label, const char *text)
{
        if (isempty(text))
                return;
        fact_begin(f, label);
        markup_text(f, text);
        fact_end(f);
}

static void fact_time(FILE *f, const char *label, uint64_t usec)
{
        if (usec == 0)
                return;
        fact_begin(f, label);
        markup_time(f, usec);
        fact_end(f);
}

static void write_title(FILE *f, struct json_object *job, struct json_object *drive)
{
        const char *model = document_string(drive, "model"), *serial = document_string(drive, "serial");

        (void) fputs(streq(document_string(job, "kind"), "self-test") ? "Self-test of " : "Burn-in of ", f);
        markup_text(f, isempty(model) ? "a drive" : model);
        if (!isempty(serial)) {
                (void) fputs(", serial ", f);
                markup_text(f, serial);
        }
}

/* Whoever made the document: NULL unless it can stand in a page as it is, and be nothing but an address. */
static const char *url_of(struct json_object *job)
{
        const char *url = document_string(job, "url");

        return page_url_is_valid(url) ? url : NULL;
}

/* To find by from its print what was signed, and the job. A fragment stays with who opens the address. */
static int write_qr(FILE *f, struct json_object *job, struct json_object *drive, const char *digest)
{
        _cleanup_free_ char *text = NULL;
        const char *url = url_of(job);

        if (url)
                text = strf("%s#sha256-%s", url, digest);
        else
                text = strf("burnin job %" PRIu64 " %s serial %.64s sha256 %s", document_u64(job, "id"),
                            known_verdict(job), document_string(drive, "serial"), digest);
        return text ? chart_qr(f, text) : -ENOMEM;
}

static int write_head(FILE *f, struct json_object *job, struct json_object *drive, const char *digest)
{
        const char *verdict = known_verdict(job), *reason = document_string(job, "reason");
        int r;

        (void) fprintf(f, "<header><div><span class=\"verdict %s\">%s</span><h1>", verdict, verdict);
        write_title(f, job, drive);
        (void) fputs("</h1><p>", f);
        markup_text(f, !isempty(reason)           ? reason
                       : streq(verdict, "passed") ? "There is positive evidence for every planned step."
                                                  : "No reason was given.");
        (void) fputs("</p></div>", f);
        r = write_qr(f, job, drive, digest);
        (void) fputs("</header>", f);
        return r;
}

static void write_facts(FILE *f, struct json_object *job, struct json_object *drive)
{
        uint64_t started = document_u64(job, "started_usec"), finished = document_u64(job, "finished_usec");

        (void) fputs("<dl>", f);
        fact(f, "Model", document_string(drive, "model"));
        fact(f, "Serial", document_string(drive, "serial"));
        fact(f, "WWN", document_string(drive, "wwn"));
        if (document_u64(drive, "size_bytes") > 0) {
                fact_begin(f, "Size");
                markup_size(f, document_u64(drive, "size_bytes"));
                (void) fputs(" (", f);
                markup_count(f, document_u64(drive, "size_bytes"));
                (void) fputs(" bytes)", f);
                fact_end(f);
        }
        fact(f, "Host", document_string(drive, "host"));
        fact(f, "Device there", document_string(drive, "kname"));
        fact_begin(f, "Job");
        if (url_of(job))
                (void) fprintf(f, "<a href=\"%s\">%" PRIu64 "</a>", url_of(job), document_u64(job, "id"));
        else
                (void) fprintf(f, "%" PRIu64, document_u64(job, "id"));
        fact_end(f);
        fact(f, "Profile", document_string(job, "profile"));
        fact(f, "Started by", document_string(job, "operator"));
        fact_time(f, "Queued", document_u64(job, "created_usec"));
        fact_time(f, "Started", started);
        fact_time(f, "Ended", finished);
        if (started > 0 && finished > started) {
                fact_begin(f, "Took");
                markup_span(f, started, finished);
                fact_end(f);
        }
        fact(f, "Cancelled by", document_string(job, "cancelled_by"));
        fact(f, "Note", document_string(job, "note"));
        (void) fputs("</dl>", f);
}

static void write_unlock(FILE *f, struct json_object *unlock)
{
        struct json_object *release = NULL;

        if (!unlock)
                return;
        (void) fputs("<h2>Unlocked for this job</h2><dl>", f);
        fact(f, "The drive was", document_string(unlock, "state"));
        fact(f, "Pool", document_string(unlock, "pool"));
        fact(f, "In detail", document_string(unlock, "detail"));
        fact(f, "Unlocked by", document_string(unlock, "by"));
        fact(f, "Because", document_string(unlock, "reason"));
        fact_time(f, "At", document_u64(unlock, "usec"));
        if (json_get(unlock, "release", json_type_boolean, &release) > 0)
                fact(f, "Leave to end its use", json_object_get_boolean(release) ? "yes" : "no");
        (void) fputs("</dl>", f);
}

static void write_stages(FILE *f, struct json_object *stages)
{
        (void) fputs("<h2>Stages</h2><div class=\"scroll\"><table class=\"stages\"><thead><tr><th>Stage</th><th>Verdict</th><th>Started</th><th>Took</th>"
                     "<th>Why</th></tr></thead><tbody>",
                     f);
        for (size_t i = 0; i < document_length(stages); i++) {
                struct json_object *s = json_object_array_get_idx(stages, i);

                (void) fputs("<tr>", f);
                cell(f, markup_stage(document_string(s, "kind")));
                verdict_cell(f, s);
                (void) fputs("<td class=\"when\">", f);
                markup_time(f, document_u64(s, "started_usec"));
                (void) fputs("</td><td class=\"when\">", f);
                markup_span(f, document_u64(s, "started_usec"), document_u64(s, "finished_usec"));
                (void) fputs("</td>", f);
                cell_of(f, "long", document_string(s, "reason"));
                (void) fputs("</tr>", f);
        }
        (void) fputs("</tbody></table></div>", f);
}

static void write_evidence_of(FILE *f, struct json_object *stage)
{
        struct json_object *evidence = document_list(stage, "evidence");

        for (size_t i = 0; i < document_length(evidence); i++) {
                struct json_object *e = json_object_array_get_idx(evidence, i);

                (void) fputs("<tr>", f);
                cell(f, i == 0 ? markup_stage(document_string(stage, "kind")) : "");
                cell(f, document_string(e, "rule"));
                verdict_cell(f, e);
                cell_of(f, "long", document_string(e, "expected"));
                cell_of(f, "long", document_string(e, "observed"));
                cell(f, document_string(e, "source"));
                (void) fputs("</tr>", f);
        }
}

static void write_evidence(FILE *f, struct json_object *stages)
{
        (void) fputs("<h2>Evidence</h2><p class=\"soft\">What was to be, and what was seen. A pass needs every line.</p>"
                     "<div class=\"scroll\"><table class=\"evidence\"><thead><tr><th>Stage</th><th>Rule</th><th>Verdict</th><th>Expected</th>"
                     "<th>Observed</th><th>Seen by</th></tr></thead><tbody>",
                     f);
        for (size_t i = 0; i < document_length(stages); i++)
                write_evidence_of(f, json_object_array_get_idx(stages, i));
        (void) fputs("</tbody></table></div>", f);
}

static bool counter_of(struct json_object *o, const char *key, int64_t *ret)
{
        return o && json_get_i64(o, key, ret) > 0;
}

static void number_cell(FILE *f, bool known, int64_t n)
{
        if (known)
                (void) fprintf(f, "<td class=\"n\">%" PRIi64 "</td>", n);
        else
                (void) fputs("<td class=\"n soft\">–</td>", f);
}

/* neutral: that it grows is no bad sign. */
static void delta_cell(FILE *f, bool known, int64_t before, int64_t after, bool neutral)
{
        int64_t delta = 0;

        if (!known || __builtin_sub_overflow(after, before, &delta))
                (void) fputs("<td class=\"n soft\">–</td>", f);
        else if (delta == 0)
                (void) fputs("<td class=\"n soft\">0</td>", f);
        else
                (void) fprintf(f, "<td class=\"n%s\">%+" PRIi64 "</td>",
                               neutral || delta < 0 ? "" : " worse", delta);
}

static void write_counter(FILE *f, const Counter *c, struct json_object *before, struct json_object *after)
{
        int64_t b = 0, a = 0;
        bool have_b = counter_of(before, c->key, &b), have_a = counter_of(after, c->key, &a);

        if (!have_b && !have_a)
                return;
        (void) fprintf(f, "<tr><td>%s</td>", c->name);
        number_cell(f, have_b, b);
        number_cell(f, have_a, a);
        delta_cell(f, have_b && have_a, b, a, c->neutral);
        (void) fputs("</tr>", f);
}

static struct json_object *find_attribute(struct json_object *list, uint64_t id)
{
        for (size_t i = 0; i < document_length(list); i++)
                if (document_u64(json_object_array_get_idx(list, i), "id") == id)
                        return json_object_array_get_idx(list, i);

        return NULL;
}

/* Raw values have their vendor's meaning: that one has changed is shown, and not judged. */
static void write_attributes(FILE *f, struct json_object *before, struct json_object *after)
{
        struct json_object *old = document_list(before, "attributes"),
                           *list = document_list(after, "attributes");

        if (!list)
                SWAP(list, old);
        if (document_length(list) == 0)
                return;
        (void) fprintf(f,
                       "<h3>Attributes</h3><div class=\"scroll\"><table class=\"attributes%s\"><thead><tr><th class=\"n\">ID</th><th>Name</th>"
                       "<th class=\"n\">Value</th><th class=\"n\">Worst</th><th class=\"n\">Threshold</th>",
                       old ? " compared" : "");
        (void) fputs(old ? "<th class=\"n\">Raw before</th><th class=\"n\">Raw after</th></tr></thead><tbody>"
                         : "<th class=\"n\">Raw</th></tr></thead><tbody>",
                     f);
        for (size_t i = 0; i < document_length(list); i++) {
                struct json_object *a = json_object_array_get_idx(list, i);
                struct json_object *b = find_attribute(old, document_u64(a, "id"));

                (void) fprintf(f, "<tr><td class=\"n\">%" PRIu64 "</td>", document_u64(a, "id"));
                cell(f, document_string(a, "name"));
                number_cell(f, true, (int64_t) MIN(document_u64(a, "value"), UINT64_C(999)));
                number_cell(f, true, (int64_t) MIN(document_u64(a, "worst"), UINT64_C(999)));
                number_cell(f, true, (int64_t) MIN(document_u64(a, "threshold"), UINT64_C(999)));
                if (old)
                        cell_of(f, "n", document_string(b, "raw_string"));
                cell_of(f,
                        b && !streq(document_string(a, "raw_string"), document_string(b, "raw_string"))
                                        ? "n moved"
                                        : "n",
                        document_string(a, "raw_string"));
                (void) fputs("</tr>", f);
        }
        (void) fputs("</tbody></table></div>", f);
}

static void write_smart(FILE *f, struct json_object *smart)
{
        struct json_object *before = document_object(smart, "before"),
                           *after = document_object(smart, "after");

        if (!before && !after)
                return;
        (void) fputs("<h2>SMART before and after</h2><div class=\"scroll\"><table class=\"counters\"><thead><tr><th></th><th class=\"n\">Before</th>"
                     "<th class=\"n\">After</th><th class=\"n\">Change</th></tr></thead><tbody><tr><td>Health</td><td class=\"n\">",
                     f);
        markup_text(f, before ? document_string(before, "health") : "–");
        (void) fputs("</td><td class=\"n\">", f);
        markup_text(f, after ? document_string(after, "health") : "–");
        (void) fputs("</td><td></td></tr>", f);
        for (size_t i = 0; i < ELEMENTSOF(counters); i++)
                write_counter(f, counters + i, before, after);
        (void) fputs("</tbody></table></div>", f);
        write_attributes(f, before, after);
}

static void write_phases(FILE *f, struct json_object *stage)
{
        struct json_object *phases = document_list(stage, "phases");

        if (document_length(phases) == 0)
                return;
        (void) fputs("<div class=\"scroll\"><table class=\"phases\"><thead><tr><th class=\"n\">Phase</th><th></th><th>Started</th><th>Took</th>"
                     "<th class=\"n\">Speed</th></tr></thead><tbody>",
                     f);
        for (size_t i = 0; i < document_length(phases); i++) {
                struct json_object *p = json_object_array_get_idx(phases, i);

                (void) fprintf(f, "<tr><td class=\"n\">%" PRIu64 "</td>", document_u64(p, "number"));
                cell(f, document_string(p, "name"));
                (void) fputs("<td class=\"when\">", f);
                markup_time(f, document_u64(p, "started_usec"));
                (void) fputs("</td><td class=\"when\">", f);
                markup_span(f, document_u64(p, "started_usec"), document_u64(p, "ended_usec"));
                (void) fputs("</td><td class=\"n\">", f);
                if (document_u64(p, "bytes_per_second") > 0)
                        markup_speed(f, document_u64(p, "bytes_per_second"));
                (void) fputs("</td></tr>", f);
        }
        (void) fputs("</tbody></table></div>", f);
}

static void write_bad_blocks(FILE *f, struct json_object *stage)
{
        struct json_object *list = document_list(stage, "bad_block_list");
        uint64_t n = document_u64(stage, "bad_blocks");
        size_t shown = MIN(document_length(list), (size_t) BLOCKS_SHOWN);

        (void) fprintf(f, "<p>Bad blocks: <span class=\"%s\">", n == 0 ? "passed" : "failed");
        markup_count(f, n);
        (void) fprintf(f,
                       "</span>. Errors: %" PRIu64 " in reading, %" PRIu64 " in writing, %" PRIu64
                       " in comparing.</p>",
                       document_u64(stage, "read_errors"), document_u64(stage, "write_errors"),
                       document_u64(stage, "compare_errors"));
        if (shown == 0)
                return;
        (void) fputs("<pre>", f);
        for (size_t i = 0; i < shown; i++)
                (void) fprintf(f, "%s%" PRIu64, i == 0 ? "" : " ",
                               json_object_get_uint64(json_object_array_get_idx(list, i)));
        (void) fprintf(f, "%s</pre><p class=\"soft\">In blocks of %" PRIu64 " bytes.</p>",
                       n > shown ? " …" : "", document_u64(stage, "block_size"));
}

static void write_surface(FILE *f, struct json_object *stage, uint64_t size_bytes)
{
        (void) fputs("<h2>Surface</h2>", f);
        write_bad_blocks(f, stage);
        if (document_u64(stage, "work_bytes") > 0) {
                (void) fputs("<p>Read and written, as the host's kernel counted it: ", f);
                markup_size(f, document_u64(stage, "work_bytes"));
                (void) fputs(".</p>", f);
        }
        write_phases(f, stage);
        chart_regions(f, stage, size_bytes);
}

static void write_self_test(FILE *f, struct json_object *stage)
{
        struct json_object *test = document_object(stage, "self_test");

        if (!test)
                return;
        (void) fputs("<h2>Self-test of the drive</h2><dl>", f);
        fact(f, "Stage", markup_stage(document_string(stage, "kind")));
        fact(f, "Result", document_string(test, "state"));
        fact(f, "In the drive's words", document_string(test, "words"));
        fact_begin(f, "Tries");
        (void) fprintf(f, "%" PRIu64, document_u64(test, "tries"));
        fact_end(f);
        if (json_object_object_get_ex(test, "lba", NULL)) {
                fact_begin(f, "First error at LBA");
                (void) fprintf(f, "%" PRIu64, document_u64(test, "lba"));
                fact_end(f);
        }
        (void) fputs("</dl>", f);
}

static void write_temperatures(FILE *f, struct json_object *document, struct json_object *stages)
{
        int64_t low = INT64_MAX, high = INT64_MIN, v;

        for (size_t i = 0; i < document_length(stages); i++) {
                struct json_object *s = json_object_array_get_idx(stages, i);

                if (!json_object_is_type(s, json_type_object))
                        continue;
                if (json_get_i64(s, "temperature_min_mdegc", &v) > 0)
                        low = MIN(low, v);
                if (json_get_i64(s, "temperature_max_mdegc", &v) > 0)
                        high = MAX(high, v);
        }
        if (low > high && document_length(document_list(document, "temperatures")) < 2)
                return;

        (void) fputs("<h2>Temperature</h2>", f);
        if (low <= high) {
                (void) fputs("<p>Under test from ", f);
                markup_mdegc(f, low);
                (void) fputs(" to ", f);
                markup_mdegc(f, high);
                (void) fputs(".</p>", f);
        }
        chart_temperatures(f, document_list(document, "temperatures"));
}

static void write_foot(FILE *f, struct json_object *document, const char *digest)
{
        (void) fputs("<footer><p>Made by burnin ", f);
        markup_text(f, document_string(document_object(document, "made_by"), "burnin"));
        (void) fprintf(f,
                       " of a document that this page carries along with its signature. SHA-256 of the document:</p>"
                       "<p><code>%s</code></p><p>A page can be changed, and still look like this. "
                       "<code>burninctl report verify FILE</code> says whether it shows what was signed, and with which key.</p></footer>",
                       digest);
}

static int write_body(FILE *f, struct json_object *document, const char *digest)
{
        struct json_object *job = document_object(document, "job"),
                           *drive = document_object(document, "drive");
        struct json_object *stages = document_list(document, "stages");
        int r;

        r = write_head(f, job, drive, digest);
        if (r < 0)
                return r;
        write_facts(f, job, drive);
        write_unlock(f, document_object(document, "unlock"));
        write_stages(f, stages);
        write_evidence(f, stages);
        write_smart(f, document_object(document, "smart"));
        for (size_t i = 0; i < document_length(stages); i++) {
                struct json_object *s = json_object_array_get_idx(stages, i);

                if (streq(document_string(s, "kind"), stage_kind_to_string(STAGE_SURFACE_VALIDATE)))
                        write_surface(f, s, document_u64(drive, "size_bytes"));
                write_self_test(f, s);
        }
        write_temperatures(f, document, stages);
        write_foot(f, document, digest);
        return 0;
}

int html_render(struct json_object *document, const char *text, const char *signature, char **ret)
{
        struct json_object *job = document_object(document, "job"),
                           *drive = document_object(document, "drive");
        _cleanup_free_ char *page = NULL;
        char digest[SHA256_HEX_SIZE];
        size_t size;
        FILE *f;
        int r;

        f = open_memstream(&page, &size);
        if (!f)
                return -ENOMEM;

        sha256_hex(text, strlen(text), digest);
        (void) fputs("<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
                     "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">"
                     "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\"><title>",
                     f);
        write_title(f, job, drive);
        (void) fprintf(f, ": %s</title><style>\n%s</style></head><body><main>\n", known_verdict(job),
                       report_style);
        r = write_body(f, document, digest);
        (void) fprintf(f,
                       "\n</main>\n" DOCUMENT_BEGIN "%s" DATA_END "\n" SIGNATURE_BEGIN "%s" DATA_END
                       "\n</body></html>\n",
                       text, signature);
        if (fclose(f) != 0 && r >= 0)
                r = -ENOMEM;
        if (r < 0)
                return r;

        *ret = TAKE_PTR(page);
        return 0;
}

static int find_data(const char *page, const char *begin, const char **ret, size_t *ret_size)
{
        const char *from = strstr(page, begin), *to;

        if (!from)
                return -EBADMSG;
        from += strlen(begin);
        to = strstr(from, DATA_END);
        if (!to)
                return -EBADMSG;

        *ret = from;
        *ret_size = (size_t) (to - from);
        return 0;
}

int html_find(const char *page, const char **ret_text, size_t *ret_size, const char **ret_signature,
              size_t *ret_signature_size)
{
        int r;

        r = find_data(page, DOCUMENT_BEGIN, ret_text, ret_size);
        return r < 0 ? r : find_data(page, SIGNATURE_BEGIN, ret_signature, ret_signature_size);
}
