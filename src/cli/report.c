/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <unistd.h>

#include "basic/fd-util.h"
#include "basic/string-util.h"
#include "cli/format.h"
#include "cli/verbs.h"
#include "report/daily.h"
#include "report/document.h"
#include "report/html.h"
#include "report/signature.h"
#include "shared/names.h"
#include "shared/report-proto.h"

/* Reports of jobs that have ended. Whether one is what was signed is found out here, without a service: who asks that may have a file and
 * nothing else. */

#define KEY_MAX 4096U

typedef enum PageState {
        PAGE_NONE,    /* the document alone */
        PAGE_SAME,    /* it is what the document makes */
        PAGE_OTHER,   /* it is not */
        PAGE_UNKNOWN, /* another version has made it, so it may look otherwise */
} PageState;

static const char *const page_words[] = {
        [PAGE_NONE] = "none",
        [PAGE_SAME] = "same",
        [PAGE_OTHER] = "changed",
        [PAGE_UNKNOWN] = "unknown",
};

typedef struct Report {
        char *text; /* the document, in the bytes that were signed */
        char *signature;
        struct json_object *document;
        char fingerprint[SIGNATURE_FINGERPRINT_SIZE];
        PageState page;
} Report;

static void report_done(Report *r)
{
        free(r->text);
        free(r->signature);
        json_object_put(r->document);
}

static int report_fetch(Cli *c, const char *job, const char *format, char **ret, size_t *ret_size,
                        char **ret_signature)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        _cleanup_free_ char *path = NULL, *text = NULL, *signature = NULL;
        const char *s = "";
        const void *bytes;
        size_t size = 0;
        int fd, r;

        r = cli_find_job(c, job, &path);
        if (r >= 0)
                r = cli_call(c, "read the report", path, BUS_INTERFACE_JOB,
                             c->remote ? "ReadReport" : "OpenReport", &reply, "st", format, UINT64_C(0));
        if (r < 0)
                return r;

        if (c->remote) {
                r = sd_bus_message_read_array(reply, 'y', &bytes, &size);
                if (r >= 0) {
                        text = strndup(bytes ?: "", size);
                        r = text ? 0 : -ENOMEM;
                }
        } else {
                r = sd_bus_message_read(reply, "h", &fd);
                if (r >= 0)
                        r = read_fd_full(fd, REPORT_MAX, &text, &size);
        }
        if (r >= 0)
                r = sd_bus_message_read(reply, "s", &s);
        if (r < 0)
                return cli_fail(c, STATUS_ERROR, "Failed to read the report: %s", strerror(-r));
        signature = strdup(s);
        if (!signature)
                return cli_oom(c);

        *ret = TAKE_PTR(text);
        *ret_size = size;
        *ret_signature = TAKE_PTR(signature);
        return 0;
}

/* file: for people. What was signed is known, and by which key. */
static int report_check(Cli *c, const char *file, Report *r)
{
        int k;

        k = signature_verify(r->signature, strlen(r->signature), r->text, strlen(r->text), r->fingerprint);
        if (k == -EKEYREJECTED)
                return cli_fail(c, STATUS_ERROR,
                                "%s is not what was signed: it was changed afterwards, or the signature is of another report.",
                                file);
        if (k == -EBADMSG)
                return cli_fail(c, STATUS_ERROR, "%s: the signature is none of a report of burnin.", file);
        if (k >= 0)
                k = document_from_text(r->text, strlen(r->text), &r->document);
        if (k == -EPROTONOSUPPORT)
                return cli_fail(c, STATUS_ERROR,
                                "%s was made by a newer burnin. Take the burninctl of that one.", file);
        if (k == -EBADMSG)
                return cli_fail(c, STATUS_ERROR, "%s is signed, but is no report of burnin.", file);

        return k < 0 ? cli_oom(c) : 0;
}

/* The page once more, from what was signed. */
static int report_check_page(Cli *c, const char *page, size_t size, Report *r)
{
        _cleanup_free_ char *made = NULL;
        struct json_object *by = NULL;

        if (html_render(r->document, r->text, r->signature, &made) < 0)
                return cli_oom(c);
        if (strlen(made) == size && memcmp(made, page, size) == 0)
                r->page = PAGE_SAME;
        else if (json_get(r->document, "made_by", json_type_object, &by) > 0 &&
                 streq(row_string(by, "burnin"), BURNIN_VERSION))
                r->page = PAGE_OTHER;
        else
                r->page = PAGE_UNKNOWN;

        return 0;
}

static int read_signature(Cli *c, const char *file, char **ret)
{
        _cleanup_free_ char *path = strf("%s.sig", file);
        int r;

        if (!path)
                return cli_oom(c);
        r = read_file_full(path, REPORT_SIGNATURE_MAX, ret, NULL);
        if (r == -ENOENT)
                return cli_fail(c, STATUS_NOT_FOUND, "The signature of %s is missing: there is no %s.", file,
                                path);
        if (r < 0)
                return cli_fail(c, STATUS_ERROR, "Failed to read %s: %s", path, strerror(-r));

        return 0;
}

static int report_read(Cli *c, const char *file, Report *r)
{
        const char *text, *signature;
        _cleanup_free_ char *content = NULL;
        size_t size, n, k;
        int ret;

        ret = read_file_full(file, REPORT_MAX, &content, &size);
        if (ret < 0)
                return cli_fail(c, ret == -ENOENT ? STATUS_NOT_FOUND : STATUS_ERROR, "Failed to read %s: %s",
                                file, strerror(-ret));
        if (strlen(content) != size)
                return cli_fail(c, STATUS_ERROR, "%s is no report: there are bytes in it that no text has.",
                                file);

        if (html_find(content, &text, &n, &signature, &k) < 0) {
                r->text = TAKE_PTR(content);
                ret = read_signature(c, file, &r->signature);
                return ret < 0 ? ret : report_check(c, file, r);
        }

        r->text = strndup(text, n);
        r->signature = strndup(signature, k);
        if (!r->text || !r->signature)
                return cli_oom(c);
        ret = report_check(c, file, r);
        return ret < 0 ? ret : report_check_page(c, content, size, r);
}

/* Whether it was this key that has signed; without one that is not known. */
static int check_key(Cli *c, const char *fingerprint)
{
        char wanted[SIGNATURE_FINGERPRINT_SIZE];
        _cleanup_free_ char *line = NULL;
        int r;

        if (!c->key)
                return 0;
        if (startswith(c->key, "SHA256:"))
                r = strlen(c->key) < sizeof(wanted) ? snprintf(wanted, sizeof(wanted), "%s", c->key)
                                                    : -EBADMSG;
        else {
                r = read_file_full(c->key, KEY_MAX, &line, NULL);
                if (r >= 0)
                        r = signature_fingerprint(line, wanted);
        }
        if (r == -EBADMSG)
                return cli_fail(c, STATUS_USAGE,
                                "%s is neither a public Ed25519 key as ssh-keygen writes it, nor a fingerprint.",
                                c->key);
        if (r < 0)
                return cli_fail(c, STATUS_ERROR, "Failed to read %s: %s", c->key, strerror(-r));
        if (!streq(wanted, fingerprint))
                return cli_fail(c, STATUS_ERROR, "It was signed, but with another key: %s, and not %s.",
                                fingerprint, wanted);

        return 1;
}

static struct json_object *part(struct json_object *document, const char *key)
{
        struct json_object *o = NULL;

        (void) json_get(document, key, json_type_object, &o);
        return o;
}

static void print_time(Cli *c, const char *label, uint64_t usec)
{
        char buf[FORMAT_MAX];

        if (usec > 0)
                cli_field(c, stdout, label, STYLE_NONE, "%s", format_local(buf, usec));
}

static void report_print(Cli *c, const Report *r)
{
        struct json_object *job = part(r->document, "job"), *drive = part(r->document, "drive");
        const char *verdict = row_string(job, "verdict");
        char buf[FORMAT_MAX];

        cli_field(c, stdout, "Verdict", style_for_state(verdict), "%s", verdict);
        cli_field(c, stdout, "Reason", STYLE_NONE, "%s", row_string(job, "reason"));
        cli_field(c, stdout, "Model", STYLE_NONE, "%s", row_string(drive, "model"));
        cli_field(c, stdout, "Serial", STYLE_NONE, "%s", row_string(drive, "serial"));
        cli_field(c, stdout, "WWN", STYLE_NONE, "%s", row_string(drive, "wwn"));
        if (row_u64(drive, "size_bytes") > 0)
                cli_field(c, stdout, "Size", STYLE_NONE, "%s",
                          format_size(buf, row_u64(drive, "size_bytes")));
        cli_field(c, stdout, "Job", STYLE_NONE, "%" PRIu64 " (%s, %s)", row_u64(job, "id"),
                  row_string(job, "kind"), row_string(job, "profile"));
        cli_field(c, stdout, "Operator", STYLE_NONE, "%s", row_string(job, "operator"));
        print_time(c, "Started", row_u64(job, "started_usec"));
        print_time(c, "Ended", row_u64(job, "finished_usec"));
        cli_field(c, stdout, "Signed by", STYLE_NONE, "%s", r->fingerprint);
}

static int report_print_json(Cli *c, const Report *r, bool key_known)
{
        _cleanup_json_ struct json_object *o = json_object_new_object();

        if (!o || json_put_string(o, "Fingerprint", r->fingerprint) < 0 ||
            json_put_bool(o, "KeyKnown", key_known) < 0 ||
            json_put_string(o, "Page", page_words[r->page]) < 0 ||
            json_put(o, "Report", json_object_get(r->document)) < 0)
                return cli_oom(c);

        return cli_print_json(c, o);
}

int verb_report_show(Cli *c, char **args, size_t n)
{
        _cleanup_(report_done) Report report = {};
        size_t size;
        int r;

        r = report_fetch(c, args[0], "json", &report.text, &size, &report.signature);
        if (r >= 0)
                r = report_check(c, "The report", &report);
        if (r < 0)
                return r;
        if (c->json != JSON_OFF)
                return report_print_json(c, &report, false);

        report_print(c, &report);
        return STATUS_OK;
}

static int check_new(Cli *c, const char *file)
{
        if (access(file, F_OK) == 0)
                return cli_fail(c, STATUS_REFUSED, "%s is there already. Name another file, or remove it.",
                                file);

        return 0;
}

static int write_new(Cli *c, const char *file, const char *content, size_t size)
{
        int r;

        r = write_file_atomic(file, content, size, 0644);
        return r < 0 ? cli_fail(c, STATUS_ERROR, "Failed to write %s: %s", file, strerror(-r)) : 0;
}

int verb_report_save(Cli *c, char **args, size_t n)
{
        _cleanup_free_ char *named = NULL, *text = NULL, *signature = NULL, *beside = NULL;
        const char *file = n > 1 ? args[1] : NULL;
        bool json = file && endswith(file, ".json");
        size_t size = 0;
        int r;

        r = report_fetch(c, args[0], json ? "json" : "html", &text, &size, &signature);
        if (r < 0)
                return r;
        if (!file)
                file = named = strf("burnin-job%s.html", args[0]);
        beside = file ? strf("%s.sig", file) : NULL;
        if (!beside)
                return cli_oom(c);

        r = check_new(c, file);
        if (r >= 0 && json)
                r = check_new(c, beside);
        if (r >= 0)
                r = write_new(c, file, text, size);
        if (r >= 0 && json)
                r = write_new(c, beside, signature, strlen(signature));
        if (r < 0)
                return r;

        if (!c->quiet)
                cli_say("Wrote %s%s%s. Whoever gets it checks it with: burninctl report verify %s", file,
                        json ? " and " : "", json ? beside : "", file);
        return STATUS_OK;
}

static int daily_fetch(Cli *c, struct json_object **ret)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        uint64_t since = 0;
        const char *text;
        int r;

        r = cli_parse_past(c, "since", c->since, &since);
        if (r >= 0)
                r = cli_call(c, "make the report", BUS_PATH, BUS_INTERFACE_MANAGER, "GetDailyReport", &reply,
                             "tt", since, UINT64_C(0));
        if (r < 0)
                return r;
        r = sd_bus_message_read(reply, "s", &text);
        if (r >= 0)
                r = json_parse_as(text, strlen(text), json_type_object, ret);
        if (r < 0)
                return cli_fail(c, STATUS_ERROR, "Failed to read the report: %s", strerror(-r));

        return 0;
}

static int daily_print(Cli *c, const Daily *d)
{
        _cleanup_free_ char *clean = text_clean(d->text, true);

        if (!clean)
                return cli_oom(c);
        pager_open(c);
        (void) fputs(clean, stdout);
        return STATUS_OK;
}

/* By a notifier: what the mail looks like, a mail shows. */
static int daily_send(Cli *c)
{
        uint64_t since = 0;
        int r;

        r = cli_parse_past(c, "since", c->since, &since);
        if (r >= 0)
                r = cli_change(c, "send the report", BUS_PATH_NOTIFIERS, BUS_INTERFACE_NOTIFIERS,
                               "SendDailyReport", NULL, "stt", c->send, since, UINT64_C(0));
        if (r < 0)
                return r;

        if (!c->quiet && c->json == JSON_OFF)
                (void) printf("Sent by the notifier %s.\n", c->send);
        return STATUS_OK;
}

int verb_report_daily(Cli *c, char **args, size_t n)
{
        _cleanup_json_ struct json_object *document = NULL;
        _cleanup_(daily_done) Daily d = {};
        int r;

        if (c->send && n > 0)
                return cli_fail(c, STATUS_USAGE, "A report is either sent or written to a file.");
        if (c->send)
                return daily_send(c);
        r = daily_fetch(c, &document);
        if (r < 0)
                return r;
        if (c->json != JSON_OFF)
                return cli_print_json(c, document);
        r = daily_render(document, &d);
        if (r == -ENOMEM)
                return cli_oom(c);
        if (r < 0)
                return cli_fail(c, STATUS_ERROR,
                                "burnind is of another version than burninctl, and makes another report. See it with --json=pretty.");
        if (n == 0)
                return daily_print(c, &d);

        r = check_new(c, args[0]);
        if (r >= 0)
                r = write_new(c, args[0], d.html, strlen(d.html));
        if (r >= 0 && !c->quiet)
                cli_say("Wrote %s.", args[0]);
        return r;
}

int verb_report_verify(Cli *c, char **args, size_t n)
{
        _cleanup_(report_done) Report report = {};
        int known, r;

        r = report_read(c, args[0], &report);
        if (r < 0)
                return r;
        if (report.page == PAGE_OTHER)
                return cli_fail(c, STATUS_ERROR,
                                "The page in %s does not show what was signed: it was changed afterwards. To see what was signed, take the "
                                "report from whoever made it.",
                                args[0]);
        known = check_key(c, report.fingerprint);
        if (known < 0)
                return known;

        if (c->json != JSON_OFF)
                r = report_print_json(c, &report, known > 0);
        else
                report_print(c, &report);
        if (r < 0)
                return r;
        if (report.page == PAGE_UNKNOWN) {
                cli_say("The document in it is what was signed, and says the above. Whether the page shows the same cannot be said here: another "
                        "version of burnin has made it.");
                return STATUS_VERDICT_OPEN;
        }
        if (known == 0 && !c->quiet)
                cli_say("It is what was signed with that key. Whose key that is only its owner can tell you; then add --key=");
        return STATUS_OK;
}
