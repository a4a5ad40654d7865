/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "cli/format.h"
#include "cli/verbs.h"
#include "shared/enums.h"

/* About as many as a terminal has lines; --lines= asks for more or fewer. */
#define READING_LINES 40

/* The counters in the order of their columns, behind time, temperature and health. */
static const char *const counters[] = {
        "power_on_hours",         "reallocated", "pending",      "offline_uncorrectable",
        "reported_uncorrectable", "crc_errors",  "media_errors", "percentage_used",
};
static const TableColumn reading_columns[] = {
        { "TIME", false, 0 },   { "TEMP", true, 0 },    { "SMART", false, 0 },  { "HOURS", true, 0 },
        { "REALLOC", true, 0 }, { "PENDING", true, 0 }, { "OFFLINE", true, 0 }, { "REPORTED", true, 0 },
        { "CRC", true, 0 },     { "MEDIA", true, 0 },   { "USED%", true, 0 },
};

static void reading_add_row(Cli *c, Table *t, struct json_object *reading)
{
        _cleanup_json_ struct json_object *smart = NULL;
        const char *text = row_string(reading, "Smart"), *health = row_string(reading, "SmartHealth");
        char when[FORMAT_MAX], temperature[FORMAT_MAX];
        int32_t mdegc = MDEGC_UNKNOWN;

        (void) json_get_i32(reading, "TemperatureMDegC", &mdegc);
        (void) json_parse(text, strlen(text), &smart);

        table_add(t, STYLE_NONE, "%s", format_local(when, row_u64(reading, "TimeUSec")));
        table_add(t, STYLE_NONE, "%s", format_temperature(temperature, mdegc, c->utf8));
        table_add(t, smart_health_from_string(health) == SMART_HEALTH_FAILED ? STYLE_RED : STYLE_NONE, "%s",
                  health);
        for (size_t i = 0; i < ELEMENTSOF(counters); i++) {
                int64_t v;

                if (json_get_i64(smart, counters[i], &v) > 0)
                        table_add(t, STYLE_NONE, "%" PRId64, v);
                else
                        table_add(t, STYLE_NONE, "%s", "");
        }
}

/* An option that is a time, for the bus. */
static int reading_parse_time(Cli *c, const char *what, const char *text, Option *ret)
{
        uint64_t usec;
        int r;

        r = cli_parse_past(c, what, text, &usec);
        if (r > 0)
                *ret = (Option){
                        .key = what, .type = 't', .n = (int64_t) MIN(usec, (uint64_t) INT64_MAX), .set = true
                };
        return r;
}

int verb_drive_readings(Cli *c, char **args, size_t n)
{
        _cleanup_json_ struct json_object *readings = NULL;
        _cleanup_(table_freep) Table *t = NULL;
        _cleanup_free_ char *path = NULL;
        Option filter[] = { { .key = "since", .type = 't' }, { .key = "until", .type = 't' } };
        uint64_t total;
        size_t count;
        int r;

        r = reading_parse_time(c, "since", c->since, &filter[0]);
        if (r >= 0)
                r = reading_parse_time(c, "until", c->until, &filter[1]);
        if (r >= 0 && filter[0].set && filter[1].set && filter[0].n > filter[1].n)
                r = cli_fail(c, STATUS_USAGE, "--since= is later than --until=.");
        if (r >= 0)
                r = cli_find_drive(c, args[0], &path);
        if (r < 0)
                return r;
        r = cli_list_readings(c, path, filter, ELEMENTSOF(filter), c->all ? 0 : c->lines ?: READING_LINES,
                              &readings, &total);
        if (r < 0)
                return r;
        if (c->json != JSON_OFF)
                return cli_print_json(c, readings);

        r = table_new(reading_columns, ELEMENTSOF(reading_columns), &t);
        if (r < 0)
                return cli_oom(c);
        count = json_object_array_length(readings);
        for (size_t i = 0; i < count; i++)
                reading_add_row(c, t, json_object_array_get_idx(readings, i));

        pager_open(c);
        cli_print_table(c, stdout, t, NULL);
        cli_print_count(c, count, total, "reading", "readings");
        return STATUS_OK;
}
