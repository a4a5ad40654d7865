/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "basic/strv.h"
#include "basic/time-util.h"
#include "cli/format.h"
#include "cli/verbs.h"
#include "shared/names.h"

/* Self-tests of drives on their own. They write nothing, so nobody is asked twice. */

static const TableColumn columns[] = {
        { "HOST", false, 8 }, { "DEVICE", false, 0 }, { "SERIAL", false, 0 },
        { "TEST", false, 0 }, { "STATE", false, 0 },  { "PROGRESS", true, 0 },
        { "LEFT", true, 0 },  { "ENDED", false, 0 },  { "RESULT", false, 10 },
};

static Style style_for_test(const char *state)
{
        return streq(state, "passed")   ? STYLE_GREEN
               : streq(state, "failed") ? STYLE_RED
               : streq(state, "idle")   ? STYLE_DIM
                                        : STYLE_NONE;
}

static void self_test_add_row(Table *t, struct json_object *d, const char *type, struct json_object *test)
{
        const char *state = row_string(test, "State"), *words = row_string(test, "Words");
        int64_t percent = row_i64(test, "Percent"), lba = row_i64(test, "LBA");
        bool running = streq(state, "running");
        char text[FORMAT_MAX];

        table_add(t, STYLE_NONE, "%s", row_string(d, "Host"));
        table_add(t, STYLE_NONE, "%s", row_bool(d, "Present") ? row_string(d, "DevName") : "");
        table_add(t, STYLE_BOLD, "%s", row_string(d, "Serial"));
        table_add(t, STYLE_NONE, "%s", type);
        table_add(t, style_for_test(state), "%s", state);
        if (running && percent >= 0)
                table_add(t, STYLE_NONE, "%s%" PRIi64 " %%", row_bool(test, "Estimated") ? "about " : "",
                          percent);
        else
                table_add(t, STYLE_NONE, "%s", "");
        table_add(t, STYLE_NONE, "%s",
                  running ? format_left(text, row_u64(test, "ETAUSec"), now_usec(CLOCK_REALTIME)) : "");
        table_add(t, STYLE_NONE, "%s",
                  row_u64(test, "EndedUSec") > 0 ? format_local(text, row_u64(test, "EndedUSec")) : "");
        if (lba >= 0)
                table_add(t, STYLE_NONE, "%s, first bad LBA %" PRIi64, words, lba);
        else
                table_add(t, STYLE_NONE, "%s", words);
}

/* With all: also what was never tested. */
static void self_test_add_rows(Table *t, struct json_object *d, bool all)
{
        struct json_object *tests = NULL;

        if (json_get(d, "SelfTests", json_type_object, &tests) <= 0)
                return;
        json_object_object_foreach(tests, type, test)
        {
                if (json_object_is_type(test, json_type_object) &&
                    (all || !streq(row_string(test, "State"), "idle")))
                        self_test_add_row(t, d, type, test);
        }
}

static int self_test_list(Cli *c, char **args, size_t n, struct json_object **ret)
{
        _cleanup_json_ struct json_object *drives = json_object_new_array();
        const Option filter[] = {
                { .key = "host", .type = 's', .s = c->host },
        };

        if (n == 0)
                return cli_list(c, "ListDrives", filter, ELEMENTSOF(filter), 0, ret, NULL);
        if (!drives)
                return cli_oom(c);

        for (size_t i = 0; i < n; i++) {
                struct json_object *d = NULL;
                _cleanup_free_ char *path = NULL;
                int r;

                r = cli_find_drive(c, args[i], &path);
                if (r >= 0)
                        r = cli_get_all(c, path, BUS_INTERFACE_DRIVE, &d);
                if (r < 0)
                        return r;
                if (json_object_array_add(drives, d) < 0) {
                        json_object_put(d);
                        return cli_oom(c);
                }
        }

        *ret = TAKE_PTR(drives);
        return 0;
}

/* For programs: the drive and its tests alone. */
static int self_test_print_json(Cli *c, struct json_object *drives)
{
        _cleanup_json_ struct json_object *all = json_object_new_array();

        for (size_t i = 0; all && i < json_object_array_length(drives); i++) {
                struct json_object *d = json_object_array_get_idx(drives, i), *o = json_object_new_object(),
                                   *tests = NULL;

                (void) json_get(d, "SelfTests", json_type_object, &tests);
                if (!o || json_put_string(o, "Id", row_string(d, "Id")) < 0 ||
                    json_put_string(o, "Host", row_string(d, "Host")) < 0 ||
                    json_put_string(o, "DevName", row_string(d, "DevName")) < 0 ||
                    json_put_string(o, "Serial", row_string(d, "Serial")) < 0 ||
                    (tests && json_put(o, "SelfTests", json_object_get(tests)) < 0) ||
                    json_object_array_add(all, o) < 0) {
                        json_object_put(o);
                        return cli_oom(c);
                }
        }

        return all ? cli_print_json(c, all) : cli_oom(c);
}

int verb_self_test_show(Cli *c, char **args, size_t n)
{
        _cleanup_json_ struct json_object *drives = NULL;
        _cleanup_(table_freep) Table *t = NULL;
        int r;

        r = self_test_list(c, args, n, &drives);
        if (r < 0)
                return r;
        if (c->json != JSON_OFF)
                return self_test_print_json(c, drives);

        r = table_new(columns, ELEMENTSOF(columns), &t);
        if (r < 0)
                return cli_oom(c);
        for (size_t i = 0; i < json_object_array_length(drives); i++)
                self_test_add_rows(t, json_object_array_get_idx(drives, i), n > 0);

        pager_open(c);
        cli_print_table(c, stdout, t, NULL);
        return STATUS_OK;
}

static int self_test_start_one(Cli *c, const char *drive, char ***jobs)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        _cleanup_json_ struct json_object *properties = NULL;
        _cleanup_free_ char *path = NULL;
        const char *job;
        int r;

        r = cli_find_drive(c, drive, &path);
        if (r >= 0)
                r = cli_change(c, "start a self-test", path, BUS_INTERFACE_DRIVE, "StartSelfTest", &reply,
                               "st", c->type ?: "short", UINT64_C(0));
        if (r < 0)
                return r;
        r = sd_bus_message_read(reply, "o", &job);
        if (r < 0)
                return cli_fail(c, STATUS_ERROR, "burnind gave an answer that cannot be read: %s",
                                strerror(-r));
        if (strv_extend(jobs, job) < 0)
                return cli_oom(c);

        if (c->json == JSON_OFF && !c->quiet &&
            cli_try_get_all(c, job, BUS_INTERFACE_JOB, NULL, &properties) >= 0)
                cli_say("%s %s: queued as job %" PRIu64, row_string(properties, "Host"),
                        row_string(properties, "Serial"), row_u64(properties, "Id"));
        return 0;
}

static int self_test_print_jobs(Cli *c, char **jobs)
{
        _cleanup_json_ struct json_object *all = json_object_new_array();

        STRV_FOREACH(path, jobs) {
                struct json_object *job = NULL;
                int r;

                r = cli_get_all(c, *path, BUS_INTERFACE_JOB, &job);
                if (r < 0)
                        return r;
                if (!all || json_object_array_add(all, job) < 0) {
                        json_object_put(job);
                        return cli_oom(c);
                }
        }

        return all ? cli_print_json(c, all) : cli_oom(c);
}

int verb_self_test_start(Cli *c, char **args, size_t n)
{
        _cleanup_strv_free_ char **jobs = NULL;
        int status = STATUS_OK, r = 0;

        /* One that is refused keeps none of the others from its test. */
        for (size_t i = 0; i < n; i++)
                if (self_test_start_one(c, args[i], &jobs) < 0)
                        r = -EIO;

        if (c->wait && jobs) {
                status = jobs_wait(c, jobs, strv_length(jobs));
                if (status < 0)
                        return status;
        }
        if (c->json != JSON_OFF) {
                int k;

                k = self_test_print_jobs(c, jobs);
                if (k < 0)
                        return k;
        }

        return r < 0 ? r : status;
}

int verb_self_test_cancel(Cli *c, char **args, size_t n)
{
        int r = 0;

        for (size_t i = 0; i < n; i++) {
                _cleanup_free_ char *path = NULL;
                int k;

                k = cli_find_drive(c, args[i], &path);
                if (k >= 0)
                        k = cli_change(c, "cancel a self-test", path, BUS_INTERFACE_DRIVE, "CancelSelfTest",
                                       NULL, "t", UINT64_C(0));
                if (k < 0)
                        r = k;
        }

        return r < 0 ? r : STATUS_OK;
}
