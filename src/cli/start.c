/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "basic/strv.h"
#include "basic/time-util.h"
#include "cli/format.h"
#include "cli/verbs.h"
#include "cli/when.h"
#include "shared/enums.h"
#include "shared/names.h"

/* Starts burn-ins. Whoever starts one has seen which drives it will wipe: a person by the question asked here, a script by the
 * serial it must give for each. What goes to the service is the identity of the drive that was shown, not the name
 * that was typed: a kernel name may belong to another drive by the time the answer is there. */

typedef struct Start {
        Cli *cli;
        char **args;
        size_t n;
        struct json_object *drives; /* the properties of each, in the order of args */
        char **serials;             /* as typed, or as shown; "" is not compared */
        struct json_object *results;
        char **jobs; /* the paths of those that were queued */
        CliStatus refused;
        uint64_t at_usec; /* of --at= */
} Start;

static void start_done(Start *s)
{
        json_object_putp(&s->drives);
        json_object_putp(&s->results);
        s->serials = strv_free(s->serials);
        s->jobs = strv_free(s->jobs);
}

/* Those that only have the drive test itself write nothing, and nobody is asked twice. */
static bool start_destroys(const Cli *c)
{
        static const char *const harmless[] = { "short", "long", "short_long" };

        if (c->stages) {
                _cleanup_strv_free_ char **stages = NULL;

                if (strv_split(c->stages, ",", &stages) < 0)
                        return true;
                STRV_FOREACH(s, stages) {
                        StageKind kind = stage_kind_from_string(*s);

                        if ((int) kind < 0 || stage_kind_is_destructive(kind))
                                return true;
                }
                return false;
        }
        for (size_t i = 0; i < ELEMENTSOF(harmless); i++)
                if (streq_ptr(c->profile, harmless[i]))
                        return false;

        return true;
}

static int start_check_options(Start *s)
{
        Cli *c = s->cli;
        size_t given = strv_length(c->serials);

        if (c->at && c->calendar)
                return cli_fail(c, STATUS_USAGE, "--at= or --calendar=, not both.");
        if (c->at && when_parse(c->at, now_usec(CLOCK_REALTIME), &s->at_usec) < 0)
                return cli_fail(c, STATUS_USAGE,
                                "--at= is a time such as +2h, 23:00, 'tomorrow 02:00' or '2026-11-28 02:00', not '%s'.",
                                c->at);
        if (!start_destroys(c))
                return given == 0 || given == s->n
                                       ? 0
                                       : cli_fail(c, STATUS_USAGE,
                                                  "Give the serial of each drive, in their order, or none.");
        if (given > 0 && !c->yes)
                return cli_fail(c, STATUS_USAGE, "--serial= is for scripts, together with --yes.");
        if (c->yes && given != s->n)
                return cli_fail(c, STATUS_USAGE,
                                "This destroys everything on %s: with --yes, give the serial of each drive, in their order, "
                                "by --serial= (%zu drive%s, %zu serial%s).",
                                s->n == 1 ? "the drive" : "the drives", s->n, s->n == 1 ? "" : "s", given,
                                given == 1 ? "" : "s");
        if (!c->yes && !terminal_can_ask(c))
                return cli_fail(c, STATUS_USAGE,
                                "This destroys everything on the drive, and nobody can be asked here. In a script, give "
                                "--yes and --serial=SERIAL for each drive.");
        return 0;
}

static int start_find_drives(Start *s)
{
        Cli *c = s->cli;

        s->drives = json_object_new_array();
        if (!s->drives)
                return cli_oom(c);

        for (size_t i = 0; i < s->n; i++) {
                struct json_object *drive = NULL;
                _cleanup_free_ char *path = NULL;
                int r;

                r = cli_find_drive(c, s->args[i], &path);
                if (r >= 0)
                        r = cli_get_all(c, path, BUS_INTERFACE_DRIVE, &drive);
                if (r < 0)
                        return r;
                if (json_object_array_add(s->drives, drive) < 0) {
                        json_object_put(drive);
                        return cli_oom(c);
                }
        }

        return 0;
}

static int start_show(Start *s)
{
        static const TableColumn columns[] = {
                { "HOST", false, 6 },   { "DEVICE", false, 0 }, { "MODEL", false, 8 },
                { "SERIAL", false, 0 }, { "SIZE", true, 0 },    { "LOCATION", false, 6 },
                { "LOCK", false, 8 },
        };
        _cleanup_json_ struct json_object *estimate = NULL;
        _cleanup_(table_freep) Table *t = NULL;
        Cli *c = s->cli;
        char text[FORMAT_MAX];
        int r;

        if (table_new(columns, ELEMENTSOF(columns), &t) < 0)
                return cli_oom(c);

        for (size_t i = 0; i < s->n; i++) {
                struct json_object *d = json_object_array_get_idx(s->drives, i);
                const char *lock = row_string(d, "LockState"), *detail = row_string(d, "LockDetail");
                char size[FORMAT_MAX];

                table_add(t, STYLE_NONE, "%s", row_string(d, "Host"));
                table_add(t, STYLE_NONE, "%s", row_string(d, "DevName"));
                table_add(t, STYLE_NONE, "%s", row_string(d, "Model"));
                table_add(t, STYLE_BOLD, "%s", row_string(d, "Serial"));
                table_add(t, STYLE_NONE, "%s", format_size(size, row_u64(d, "SizeBytes")));
                table_add(t, STYLE_NONE, "%s", row_string(d, "Location"));
                table_add(t, streq(lock, "none") ? STYLE_NONE : STYLE_RED, "%s%s%s", lock,
                          isempty(detail) ? "" : ": ", detail);
        }

        (void) fflush(stdout);
        cli_print_table(c, stderr, t, NULL);
        r = estimate_get(c, s->args, s->n, &estimate);
        if (r < 0)
                return r;
        (void) fprintf(stderr, "\nThis takes %s.\n", format_range(text, estimate));
        (void) fprintf(stderr, "\n%sEVERYTHING ON %s WILL BE DESTROYED.%s\n\n",
                       style_on(STYLE_RED, c->colour), s->n == 1 ? "THIS DRIVE" : "THESE DRIVES",
                       style_off(STYLE_RED, c->colour));
        return 0;
}

static int start_ask(Start *s)
{
        _cleanup_free_ char *question = NULL, *answer = NULL;
        Cli *c = s->cli;
        int r;

        if (c->yes || !start_destroys(c)) {
                for (size_t i = 0; i < s->n; i++)
                        if (strv_extend(&s->serials, c->serials ? c->serials[i] : "") < 0)
                                return cli_oom(c);
                return 0;
        }

        r = start_show(s);
        if (r < 0)
                return r;
        question = s->n == 1 ? strdup("Type the drive's serial to start: ")
                             : strf("Type DESTROY to start on all %zu drives: ", s->n);
        if (!question)
                return cli_oom(c);
        r = terminal_ask(c, question, &answer);
        if (r < 0)
                return r;
        if (s->n == 1 ? isempty(answer) : !streq(answer, "DESTROY"))
                return cli_fail(c, STATUS_ERROR, "Nothing was started.");

        if (s->n == 1)
                return strv_extend(&s->serials, answer) < 0 ? cli_oom(c) : 0;
        for (size_t i = 0; i < s->n; i++)
                if (strv_extend(&s->serials, row_string(json_object_array_get_idx(s->drives, i), "Serial")) <
                    0)
                        return cli_oom(c);
        return 0;
}

static int start_new_call(Start *s, sd_bus_message **ret)
{
        Cli *c = s->cli;
        const Option options[] = {
                { .key = "profile", .type = 's', .s = c->profile },
                { .key = "stages", .type = 'a', .s = c->stages },
                { .key = "confirmed", .type = 'b', .n = 1, .set = true },
                { .key = "priority", .type = 'i', .n = c->priority, .set = c->priority != 0 },
                { .key = "note", .type = 's', .s = c->note },
                { .key = "request", .type = 's', .s = c->request },
                { .key = "at", .type = 't', .n = (int64_t) s->at_usec, .set = c->at },
                { .key = "calendar", .type = 's', .s = c->calendar },
                { .key = "unlock", .type = 'b', .n = 1, .set = c->unlock },
                { .key = "unlock_existing", .type = 'b', .n = 1, .set = c->unlock_existing },
                { .key = "release", .type = 'b', .n = 1, .set = c->release },
        };
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        int r;

        r = sd_bus_message_new_method_call(c->bus, &m, BUS_NAME, BUS_PATH, BUS_INTERFACE_MANAGER,
                                           "StartBurnIn");
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'a', "(ss)");
        for (size_t i = 0; r >= 0 && i < s->n; i++) {
                const char *id = row_string(json_object_array_get_idx(s->drives, i), "Id");

                r = sd_bus_message_append(m, "(ss)", isempty(id) ? s->args[i] : id, s->serials[i]);
        }
        if (r >= 0)
                r = sd_bus_message_close_container(m);
        if (r >= 0)
                r = message_append_options(m, options, ELEMENTSOF(options));
        if (r < 0)
                return r;

        *ret = TAKE_PTR(m);
        return 0;
}

/* "NAME: TEXT" of a drive that was not taken: the name is for the exit status, the text for people. */
static const char *start_read_detail(const char *detail, CliStatus *ret_status)
{
        const char *text = strstr(detail, ": ");
        _cleanup_free_ char *name = NULL;

        *ret_status = STATUS_REFUSED;
        if (!text || !startswith(detail, BUS_NAME ".Error."))
                return detail;

        name = strndup(detail, (size_t) (text - detail));
        if (name)
                *ret_status = status_from_error(name);
        return text + 2;
}

static int start_add_result(Start *s, size_t i, const char *result, const char *detail, const char *job)
{
        struct json_object *drive = json_object_array_get_idx(s->drives, i), *o;

        o = json_object_new_object();
        if (!o || json_put_string(o, "Drive", row_string(drive, "Id")) < 0 ||
            json_put_string(o, "Serial", row_string(drive, "Serial")) < 0 ||
            json_put_string(o, "Result", result) < 0 || json_put_string(o, "Detail", detail) < 0 ||
            json_put_string(o, "Job", job) < 0 || json_object_array_add(s->results, o) < 0) {
                json_object_put(o);
                return cli_oom(s->cli);
        }

        return 0;
}

static int start_take_result(Start *s, size_t i, const char *result, const char *detail, const char *job)
{
        struct json_object *drive = json_object_array_get_idx(s->drives, i);
        _cleanup_json_ struct json_object *properties = NULL;
        Cli *c = s->cli;
        bool tell = c->json == JSON_OFF && !c->quiet;
        CliStatus status;
        int r;

        r = start_add_result(s, i, result, detail, job);
        if (r < 0)
                return r;

        if (!streq(result, "queued")) {
                const char *text = start_read_detail(detail, &status);

                s->refused = s->refused != STATUS_OK ? s->refused : status;
                if (c->json == JSON_OFF)
                        cli_say("%s %s: %s: %s", row_string(drive, "Host"), row_string(drive, "Serial"),
                                result, text);
                return 0;
        }

        if (strv_extend(&s->jobs, job) < 0)
                return cli_oom(c);
        if (tell && cli_try_get_all(c, job, BUS_INTERFACE_JOB, NULL, &properties) >= 0) {
                uint64_t until = row_u64(properties, "QueuedUntilUSec");
                char at[FORMAT_MAX];

                cli_say("%s %s: queued as job %" PRIu64 "%s%s", row_string(drive, "Host"),
                        row_string(drive, "Serial"), row_u64(properties, "Id"), until > 0 ? " until " : "",
                        format_local(at, until));
        }
        return 0;
}

static int start_read_results(Start *s, sd_bus_message *reply)
{
        const char *drive, *result, *detail, *job;
        size_t i = 0;
        int r;

        s->results = json_object_new_array();
        if (!s->results)
                return cli_oom(s->cli);

        r = sd_bus_message_enter_container(reply, 'a', "(ssso)");
        if (r < 0)
                return cli_fail(s->cli, STATUS_ERROR, "burnind gave an answer that cannot be read: %s",
                                strerror(-r));
        while ((r = sd_bus_message_read(reply, "(ssso)", &drive, &result, &detail, &job)) > 0) {
                if (i >= s->n)
                        break;
                r = start_take_result(s, i++, result, detail, job);
                if (r < 0)
                        return r;
        }
        if (r < 0 || i != s->n)
                return cli_fail(s->cli, STATUS_ERROR,
                                "burnind gave an answer that cannot be read, so it may have started some: see burninctl jobs");
        return 0;
}

/* For --json with --wait: how each ended. */
static void start_add_verdicts(Start *s)
{
        for (size_t i = 0; i < json_object_array_length(s->results); i++) {
                struct json_object *result = json_object_array_get_idx(s->results, i);
                _cleanup_json_ struct json_object *job = NULL;

                if (streq(row_string(result, "Result"), "queued") &&
                    cli_try_get_all(s->cli, row_string(result, "Job"), BUS_INTERFACE_JOB, NULL, &job) >= 0) {
                        (void) json_put_string(result, "Verdict", row_string(job, "Verdict"));
                        (void) json_put_string(result, "Reason", row_string(job, "Reason"));
                }
        }
}

/* What was queued is waited for, and told. */
static int start_end(Start *s)
{
        Cli *c = s->cli;
        int status = STATUS_OK, r;

        if (c->wait && strv_length(s->jobs) > 0) {
                status = jobs_wait(c, s->jobs, strv_length(s->jobs));
                if (status < 0)
                        return status;
                start_add_verdicts(s);
        }
        if (c->json != JSON_OFF) {
                r = cli_print_json(c, s->results);
                if (r < 0)
                        return r;
        }

        return status != STATUS_OK ? status : (int) s->refused;
}

int verb_start(Cli *c, char **args, size_t n)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL, *reply = NULL;
        _cleanup_(start_done) Start s = {
                .cli = c,
                .args = args,
                .n = n,
        };
        int r;

        r = start_check_options(&s);
        if (r >= 0)
                r = start_find_drives(&s);
        if (r >= 0)
                r = start_ask(&s);
        if (r < 0)
                return r;

        r = start_new_call(&s, &m);
        if (r < 0)
                return cli_fail(c, STATUS_ERROR, "Failed to ask burnind: %s", strerror(-r));
        agent_open(c);
        r = cli_send(c, "start a test that destroys data", m, &reply);
        if (r >= 0)
                r = start_read_results(&s, reply);
        if (r < 0)
                return r;

        return start_end(&s);
}

/* So that the estimate is one of the same stages. */
static int retry_take_stages(Cli *c, struct json_object *job, char **ret)
{
        _cleanup_strv_free_ char **chosen = NULL;
        struct json_object *paths = NULL;

        c->profile = row_string(job, "Profile");
        if (!streq(c->profile, "custom"))
                return 0;

        (void) json_get(job, "Stages", json_type_array, &paths);
        for (size_t i = 0; paths && i < json_object_array_length(paths); i++) {
                const char *path = json_object_get_string(json_object_array_get_idx(paths, i)),
                           *kind = strrchr(strempty(path), '/');

                if (kind && !streq(kind, "/precheck") && !streq(kind, "/final_check") &&
                    strv_extend(&chosen, kind + 1) < 0)
                        return cli_oom(c);
        }

        *ret = strv_join(chosen, ",");
        if (!*ret)
                return cli_oom(c);
        c->profile = NULL;
        c->stages = *ret;
        return 0;
}

int verb_job_retry(Cli *c, char **args, size_t n)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        _cleanup_json_ struct json_object *job = NULL;
        _cleanup_free_ char *path = NULL, *stages = NULL;
        char *drive;
        _cleanup_(start_done) Start s = {
                .cli = c,
                .args = &drive,
                .n = 1,
        };
        const char *again;
        int r;

        r = start_check_options(&s);
        if (r >= 0)
                r = cli_find_job(c, args[0], &path);
        if (r >= 0)
                r = cli_get_all(c, path, BUS_INTERFACE_JOB, &job);
        if (r >= 0)
                r = retry_take_stages(c, job, &stages);
        if (r < 0)
                return r;

        drive = (char *) row_string(job, "DriveId");
        r = start_find_drives(&s);
        if (r >= 0)
                r = start_ask(&s);
        if (r >= 0)
                r = cli_change(c, "start a test that destroys data", path, BUS_INTERFACE_JOB, "Retry",
                               &reply, "st", s.serials[0], UINT64_C(0));
        if (r < 0)
                return r;

        s.results = json_object_new_array();
        if (!s.results)
                return cli_oom(c);
        r = sd_bus_message_read(reply, "o", &again);
        if (r < 0)
                return cli_fail(c, STATUS_ERROR, "burnind gave an answer that is no path: %s", strerror(-r));
        r = start_take_result(&s, 0, "queued", "", again);
        if (r < 0)
                return r;

        return start_end(&s);
}
