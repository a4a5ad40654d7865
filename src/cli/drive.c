/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "basic/parse-util.h"
#include "cli/format.h"
#include "cli/verbs.h"
#include "shared/enums.h"
#include "shared/names.h"

#define HISTORY_SHOWN    10
#define IDENTIFY_SECONDS 60

static const TableColumn drive_columns[] = {
        { "HOST", false, 8 },     { "DEVICE", false, 0 }, { "MODEL", false, 10 },  { "SERIAL", false, 0 },
        { "SIZE", true, 0 },      { "TEMP", true, 0 },    { "SMART", false, 0 },   { "LOCK", false, 0 },
        { "LOCATION", false, 8 }, { "JOB", true, 0 },     { "REMARK", false, 10 },
};

static Style style_for_health(const char *health)
{
        switch (smart_health_from_string(health)) {
        case SMART_HEALTH_PASSED:
                return STYLE_GREEN;
        case SMART_HEALTH_FAILED:
                return STYLE_RED;
        default:
                return STYLE_DIM;
        }
}

static const char *drive_remark(struct json_object *d)
{
        const char *identity = row_string(d, "IdentityState");

        if (!row_bool(d, "Present"))
                return "missing";
        if (streq(identity, "none"))
                return "gives no identity of its own";
        if (streq(identity, "shared"))
                return "another drive shows the same identity";
        if (row_bool(d, "Stale"))
                return "host not heard from";
        return row_string(d, "Notes");
}

static void drive_add_row(Cli *c, Table *t, struct json_object *d, struct json_object *jobs)
{
        struct json_object *job = jobs_find(jobs, row_string(d, "ActiveJob"));
        const char *lock = row_string(d, "LockState"), *health = row_string(d, "SmartHealth");
        char size[FORMAT_MAX], temperature[FORMAT_MAX];
        int32_t mdegc = MDEGC_UNKNOWN;

        (void) json_get_i32(d, "TemperatureMDegC", &mdegc);

        table_add(t, STYLE_NONE, "%s", row_string(d, "Host"));
        table_add(t, STYLE_NONE, "%s", row_bool(d, "Present") ? row_string(d, "DevName") : "");
        table_add(t, STYLE_NONE, "%s", row_string(d, "Model"));
        table_add(t, STYLE_BOLD, "%s", row_string(d, "Serial"));
        table_add(t, STYLE_NONE, "%s", format_size(size, row_u64(d, "SizeBytes")));
        table_add(t, STYLE_NONE, "%s", format_temperature(temperature, mdegc, c->utf8));
        table_add(t, style_for_health(health), "%s", health);
        table_add(t, lock_role_from_string(lock) == LOCK_NONE ? STYLE_NONE : STYLE_YELLOW, "%s", lock);
        if (isempty(row_string(d, "Location")))
                table_add(t, STYLE_DIM, "%s", row_string(d, "Bay"));
        else
                table_add(t, STYLE_NONE, "%s", row_string(d, "Location"));
        if (job && streq(row_string(job, "State"), "running"))
                table_add(t, STYLE_NONE, "%" PRIu64 " (%.0f %%)", row_u64(job, "Id"),
                          row_double(job, "Percent"));
        else if (job)
                table_add(t, STYLE_NONE, "%" PRIu64 " (%s)", row_u64(job, "Id"), row_string(job, "State"));
        else
                table_add(t, STYLE_NONE, "%s", "");
        table_add(t, STYLE_DIM, "%s", drive_remark(d));
}

int verb_drives(Cli *c, char **args, size_t n)
{
        _cleanup_json_ struct json_object *drives = NULL, *jobs = NULL;
        _cleanup_(table_freep) Table *t = NULL;
        int present = c->present ? parse_boolean(c->present) : 0;
        const Option filter[] = {
                { .key = "host", .type = 's', .s = c->host },
                { .key = "lock", .type = 's', .s = c->lock },
                { .key = "present", .type = 'b', .n = present, .set = c->present != NULL },
        };
        size_t count;
        int r;

        if (c->lock && lock_role_from_string(c->lock) < 0)
                return cli_fail(c, STATUS_USAGE, "There is no lock state '%s'. See: man burninctl", c->lock);

        if (present < 0)
                return cli_fail(c, STATUS_USAGE, "--present= is yes or no, not '%s'.", c->present);

        r = cli_list(c, "ListDrives", filter, ELEMENTSOF(filter), 0, &drives, NULL);
        if (r < 0)
                return r;
        if (c->json != JSON_OFF)
                return cli_print_json(c, drives);
        if (c->quiet)
                return cli_print_names(c, drives, "Id");

        r = jobs_list_active(c, &jobs);
        if (r < 0)
                return r;
        r = table_new(drive_columns, ELEMENTSOF(drive_columns), &t);
        if (r < 0)
                return cli_oom(c);

        count = json_object_array_length(drives);
        for (size_t i = 0; i < count; i++)
                drive_add_row(c, t, json_object_array_get_idx(drives, i), jobs);

        pager_open(c);
        cli_print_table(c, stdout, t, NULL);
        cli_print_count(c, count, count, "drive", "drives");
        return STATUS_OK;
}

/* The plain values of the last SMART reading, whatever the service put into it. */
static void drive_print_smart(Cli *c, struct json_object *d)
{
        _cleanup_json_ struct json_object *smart = NULL;
        const char *text = row_string(d, "Smart");
        char when[FORMAT_MAX];

        if (isempty(text) || json_parse_as(text, strlen(text), json_type_object, &smart) < 0)
                return;

        (void) printf("\nSMART, as read %s:\n", format_local(when, row_u64(d, "SmartUSec")));
        json_object_object_foreach(smart, key, value)
        {
                _cleanup_free_ char *k = NULL, *v = NULL;

                if (!value || json_object_is_type(value, json_type_object) ||
                    json_object_is_type(value, json_type_array))
                        continue;
                k = text_clean(key, false);
                v = text_clean(json_object_get_string(value), false);
                if (k && v)
                        (void) printf("  %-32s %s\n", k, v);
        }
}

static void drive_print_self_tests(struct json_object *d)
{
        struct json_object *tests = NULL;

        if (json_get(d, "SelfTests", json_type_object, &tests) <= 0)
                return;
        json_object_object_foreach(tests, type, test)
        {
                _cleanup_free_ char *state = text_clean(row_string(test, "State"), false),
                                    *words = text_clean(row_string(test, "Words"), false),
                                    *name = text_clean(type, false);

                if (state && words && name && !streq(state, "idle"))
                        (void) printf("   Self-test, %s: %s%s%s\n", name, state, isempty(words) ? "" : ": ",
                                      words);
        }
}

static int drive_print_history(Cli *c, struct json_object *d)
{
        _cleanup_json_ struct json_object *jobs = NULL;
        const Option filter[] = {
                { .key = "drive", .type = 's', .s = row_string(d, "Id") },
        };
        int r;

        if (isempty(row_string(d, "Id")))
                return 0;
        r = cli_list(c, "ListJobs", filter, ELEMENTSOF(filter), HISTORY_SHOWN, &jobs, NULL);
        if (r < 0 || json_object_array_length(jobs) == 0)
                return r;

        (void) puts("\nJobs:");
        return jobs_print(c, stdout, jobs);
}

static void drive_print(Cli *c, struct json_object *d)
{
        const char *lock = row_string(d, "LockState"), *health = row_string(d, "SmartHealth");
        char text[FORMAT_MAX];
        int32_t mdegc = MDEGC_UNKNOWN;

        (void) json_get_i32(d, "TemperatureMDegC", &mdegc);

        cli_field(c, stdout, "Drive", STYLE_BOLD, "%s", row_string(d, "Id"));
        cli_field(c, stdout, "Model", STYLE_NONE, "%s", row_string(d, "Model"));
        cli_field(c, stdout, "Serial", STYLE_NONE, "%s", row_string(d, "Serial"));
        cli_field(c, stdout, "WWN", STYLE_NONE, "%s", row_string(d, "WWN"));
        cli_field(c, stdout, "Size", STYLE_NONE, "%s (%" PRIu64 " bytes)",
                  format_size(text, row_u64(d, "SizeBytes")), row_u64(d, "SizeBytes"));
        cli_field(c, stdout, "Kind", STYLE_NONE, "%s, %s",
                  row_bool(d, "Rotational") ? "hard disk" : "solid state", row_string(d, "Transport"));
        cli_field(c, stdout, "Where", row_bool(d, "Present") ? STYLE_NONE : STYLE_YELLOW, "%s%s:%s",
                  row_bool(d, "Present") ? "" : "missing, was at ", row_string(d, "Host"),
                  row_string(d, "DevName"));
        cli_field(c, stdout, "Bay", STYLE_NONE, "%s", row_string(d, "Bay"));
        cli_field(c, stdout, "Path", STYLE_NONE, "%s", row_string(d, "ByIdPath"));
        cli_field(c, stdout, "Last seen", row_bool(d, "Stale") ? STYLE_YELLOW : STYLE_NONE, "%s%s",
                  format_local(text, row_u64(d, "LastSeenUSec")),
                  row_bool(d, "Stale") ? " (host not heard from)" : "");
        cli_field(c, stdout, "Identity",
                  streq(row_string(d, "IdentityState"), "ok") ? STYLE_NONE : STYLE_RED, "%s",
                  row_string(d, "IdentityState"));
        cli_field(c, stdout, "Temperature", STYLE_NONE, "%s", format_temperature(text, mdegc, c->utf8));
        cli_field(c, stdout, "SMART", style_for_health(health), "%s", health);
        cli_field(c, stdout, "Lock", lock_role_from_string(lock) == LOCK_NONE ? STYLE_GREEN : STYLE_YELLOW,
                  "%s%s%s", lock, isempty(row_string(d, "LockDetail")) ? "" : ": ",
                  row_string(d, "LockDetail"));
        cli_field(c, stdout, "Unlock token", STYLE_NONE, "%s", row_string(d, "UnlockToken"));
        cli_field(c, stdout, "Location", STYLE_NONE, "%s", row_string(d, "Location"));
        cli_field(c, stdout, "Notes", STYLE_NONE, "%s", row_string(d, "Notes"));
}

int verb_drive_show(Cli *c, char **args, size_t n)
{
        _cleanup_json_ struct json_object *d = NULL;
        _cleanup_free_ char *path = NULL;
        int r;

        r = cli_find_drive(c, args[0], &path);
        if (r < 0)
                return r;
        r = cli_get_all(c, path, BUS_INTERFACE_DRIVE, &d);
        if (r < 0)
                return r;
        if (c->json != JSON_OFF)
                return cli_print_json(c, d);

        pager_open(c);
        drive_print(c, d);
        drive_print_self_tests(d);
        drive_print_smart(c, d);
        r = drive_print_history(c, d);
        return r < 0 ? r : STATUS_OK;
}

static int drive_set_text(Cli *c, const char *drive, const char *method, const char *text)
{
        _cleanup_free_ char *path = NULL;
        int r;

        r = cli_find_drive(c, drive, &path);
        if (r < 0)
                return r;
        r = cli_change(c, "write on a drive's label", path, BUS_INTERFACE_DRIVE, method, NULL, "st", text,
                       UINT64_C(0));
        return r < 0 ? r : STATUS_OK;
}

int verb_drive_identify(Cli *c, char **args, size_t n)
{
        uint32_t seconds = c->off ? 0 : c->seconds ?: IDENTIFY_SECONDS;
        _cleanup_free_ char *path = NULL;
        int r;

        if (c->off && c->seconds > 0)
                return cli_fail(c, STATUS_USAGE, "Either --seconds= or --off.");
        r = cli_find_drive(c, args[0], &path);
        if (r < 0)
                return r;
        r = cli_change(c, "light the locate LED of a drive", path, BUS_INTERFACE_DRIVE, "Identify", NULL,
                       "ut", seconds, UINT64_C(0));
        return r < 0 ? r : STATUS_OK;
}

int verb_drive_forget(Cli *c, char **args, size_t n)
{
        _cleanup_free_ char *path = NULL;
        int r;

        r = cli_find_drive(c, args[0], &path);
        if (r < 0)
                return r;
        r = cli_change(c, "forget a drive", path, BUS_INTERFACE_DRIVE, "Forget", NULL, "t", UINT64_C(0));
        return r < 0 ? r : STATUS_OK;
}

int verb_drive_location(Cli *c, char **args, size_t n)
{
        return drive_set_text(c, args[0], "SetLocation", args[1]);
}

int verb_drive_notes(Cli *c, char **args, size_t n)
{
        return drive_set_text(c, args[0], "SetNotes", args[1]);
}
