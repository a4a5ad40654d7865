/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <stdio.h>

#include "basic/time-util.h"
#include "cli/format.h"
#include "cli/verbs.h"
#include "shared/names.h"

const char *format_range(char buf[static FORMAT_MAX], struct json_object *range)
{
        char low[TIMESPAN_MAX], high[TIMESPAN_MAX];

        (void) format_timespan(low, row_u64(range, "LowUSec"));
        (void) format_timespan(high, row_u64(range, "HighUSec"));
        (void) snprintf(buf, FORMAT_MAX, "%.24s to %.24s", low, high);
        return buf;
}

static int estimate_send(Cli *c, char *const *drives, size_t n, sd_bus_message **ret)
{
        const Option options[] = {
                { .key = "profile", .type = 's', .s = c->profile },
                { .key = "stages", .type = 'a', .s = c->stages },
        };
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        int r;

        r = sd_bus_message_new_method_call(c->bus, &m, BUS_NAME, BUS_PATH, BUS_INTERFACE_MANAGER,
                                           "EstimateBurnIn");
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'a', "s");
        for (size_t i = 0; r >= 0 && i < n; i++)
                r = sd_bus_message_append(m, "s", drives[i]);
        if (r >= 0)
                r = sd_bus_message_close_container(m);
        if (r >= 0)
                r = message_append_options(m, options, ELEMENTSOF(options));
        if (r < 0)
                return cli_fail(c, STATUS_ERROR, "Failed to ask burnind: %s", strerror(-r));

        return cli_send(c, "estimate a burn-in", m, ret);
}

static int estimate_read(sd_bus_message *reply, struct json_object *o)
{
        struct json_object *list;
        const char *drive, *basis;
        uint64_t low, high;
        uint32_t jobs;
        int r;

        list = json_object_new_array();
        if (json_put(o, "Drives", list) < 0)
                return -ENOMEM;
        r = sd_bus_message_enter_container(reply, 'a', "(sttsu)");
        if (r < 0)
                return r;
        while ((r = sd_bus_message_read(reply, "(sttsu)", &drive, &low, &high, &basis, &jobs)) > 0) {
                struct json_object *e = json_object_new_object();

                if (!e || json_put_string(e, "Drive", drive) < 0 || json_put_u64(e, "LowUSec", low) < 0 ||
                    json_put_u64(e, "HighUSec", high) < 0 || json_put_string(e, "Basis", basis) < 0 ||
                    json_put_u64(e, "Jobs", jobs) < 0 || json_object_array_add(list, e) < 0) {
                        json_object_put(e);
                        return -ENOMEM;
                }
        }
        if (r >= 0)
                r = sd_bus_message_exit_container(reply);
        if (r >= 0)
                r = sd_bus_message_read(reply, "tt", &low, &high);
        if (r < 0)
                return r;

        return json_put_u64(o, "LowUSec", low) < 0 || json_put_u64(o, "HighUSec", high) < 0 ? -ENOMEM : 0;
}

int estimate_get(Cli *c, char *const *drives, size_t n, struct json_object **ret)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        _cleanup_json_ struct json_object *o = json_object_new_object();
        int r;

        if (!o)
                return cli_oom(c);
        r = estimate_send(c, drives, n, &reply);
        if (r < 0)
                return r;
        r = estimate_read(reply, o);
        if (r < 0)
                return cli_fail(c, STATUS_ERROR, "burnind gave an answer that cannot be read: %s",
                                strerror(-r));

        *ret = TAKE_PTR(o);
        return 0;
}

static int estimate_add_row(Cli *c, Table *t, const char *name, struct json_object *e)
{
        _cleanup_json_ struct json_object *drive = NULL;
        _cleanup_free_ char *path = NULL;
        uint64_t jobs = row_u64(e, "Jobs");
        char text[FORMAT_MAX];
        int r;

        r = cli_find_drive(c, name, &path);
        if (r >= 0)
                r = cli_get_all(c, path, BUS_INTERFACE_DRIVE, &drive);
        if (r < 0)
                return r;

        table_add(t, STYLE_NONE, "%s", row_string(drive, "Host"));
        table_add(t, STYLE_NONE, "%s", row_string(drive, "DevName"));
        table_add(t, STYLE_NONE, "%s", row_string(drive, "Model"));
        table_add(t, STYLE_NONE, "%s", row_string(drive, "Serial"));
        table_add(t, STYLE_NONE, "%s", format_size(text, row_u64(drive, "SizeBytes")));
        table_add(t, STYLE_NONE, "%s", format_range(text, e));
        if (streq(row_string(e, "Basis"), "history"))
                table_add(t, STYLE_NONE, "%" PRIu64 " job%s of this model", jobs, jobs == 1 ? "" : "s");
        else
                table_add(t, STYLE_DIM, "a guess, from its kind");
        return 0;
}

int verb_estimate(Cli *c, char **args, size_t n)
{
        static const TableColumn columns[] = {
                { "HOST", false, 6 }, { "DEVICE", false, 0 }, { "MODEL", false, 8 }, { "SERIAL", false, 8 },
                { "SIZE", true, 0 },  { "TIME", false, 0 },   { "BASIS", false, 6 },
        };
        _cleanup_json_ struct json_object *estimate = NULL;
        _cleanup_(table_freep) Table *t = NULL;
        struct json_object *drives = NULL;
        char text[FORMAT_MAX];
        int r;

        r = estimate_get(c, args, n, &estimate);
        if (r < 0)
                return r;
        if (c->json != JSON_OFF)
                return cli_print_json(c, estimate);

        if (json_get(estimate, "Drives", json_type_array, &drives) <= 0 ||
            json_object_array_length(drives) != n)
                return cli_fail(c, STATUS_ERROR, "burnind gave an answer that cannot be read.");
        if (table_new(columns, ELEMENTSOF(columns), &t) < 0)
                return cli_oom(c);
        for (size_t i = 0; i < n; i++) {
                r = estimate_add_row(c, t, args[i], json_object_array_get_idx(drives, i));
                if (r < 0)
                        return r;
        }

        cli_print_table(c, stdout, t, NULL);
        if (!c->no_legend && n > 1)
                (void) printf("\nAll of them, as many at a time as the settings allow: %s.\n",
                              format_range(text, estimate));
        return STATUS_OK;
}
