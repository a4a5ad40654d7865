/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "basic/parse-util.h"
#include "basic/time-util.h"
#include "cli/format.h"
#include "cli/verbs.h"
#include "shared/names.h"

/* As the web page shows it at first. */
#define DAYS_DEFAULT 90U
#define DAYS_MAX     36600U

static const TableColumn statistics_columns[] = {
        { "OF", false, 0 },       { "NAME", false, 10 }, { "JOBS", true, 0 },
        { "PASSED", true, 0 },    { "FAILED", true, 0 }, { "INCONCLUSIVE", true, 0 },
        { "CANCELLED", true, 0 }, { "PASS%", true, 0 },  { "HOURS/TB", true, 0 },
};

static void statistics_add_row(Table *t, struct json_object *row)
{
        uint64_t passed = row_u64(row, "Passed"), failed = row_u64(row, "Failed");
        double hours = row_double(row, "Hours"), terabytes = row_double(row, "Terabytes");

        table_add(t, STYLE_NONE, "%s", row_string(row, "Part"));
        table_add(t, STYLE_BOLD, "%s", row_string(row, "Name"));
        table_add(t, STYLE_NONE, "%" PRIu64, row_u64(row, "Jobs"));
        table_add(t, STYLE_NONE, "%" PRIu64, passed);
        table_add(t, failed > 0 ? STYLE_RED : STYLE_NONE, "%" PRIu64, failed);
        table_add(t, STYLE_NONE, "%" PRIu64, row_u64(row, "Inconclusive"));
        table_add(t, STYLE_NONE, "%" PRIu64, row_u64(row, "Cancelled"));
        if (passed + failed > 0 && !streq(row_string(row, "Part"), "stage"))
                table_add(t, STYLE_NONE, "%.1f", 100.0 * (double) passed / (double) (passed + failed));
        else
                table_add(t, STYLE_NONE, "%s", "");
        if (terabytes > 0)
                table_add(t, STYLE_NONE, "%.2f", hours / terabytes);
        else
                table_add(t, STYLE_NONE, "%s", "");
}

int verb_statistics(Cli *c, char **args, size_t n)
{
        _cleanup_json_ struct json_object *rows = NULL;
        _cleanup_(table_freep) Table *t = NULL;
        uint64_t now = now_usec(CLOCK_REALTIME), days = DAYS_DEFAULT;
        int r;

        if (n > 0 && (parse_u64(args[0], &days) < 0 || days < 1 || days > DAYS_MAX))
                return cli_fail(c, STATUS_USAGE, "'%s' is no number of days from 1 to %u.", args[0],
                                DAYS_MAX);

        r = cli_list(c, "ListStatistics",
                     (Option[]){ { .key = "since",
                                   .type = 't',
                                   .n = (int64_t) (now - MIN(now, days * USEC_PER_DAY)),
                                   .set = true } },
                     1, 0, &rows, NULL);
        if (r < 0)
                return r;
        if (c->json != JSON_OFF)
                return cli_print_json(c, rows);

        r = table_new(statistics_columns, ELEMENTSOF(statistics_columns), &t);
        if (r < 0)
                return cli_oom(c);
        for (size_t i = 0; i < json_object_array_length(rows); i++)
                statistics_add_row(t, json_object_array_get_idx(rows, i));

        pager_open(c);
        cli_print_table(c, stdout, t, NULL);
        if (json_object_array_length(rows) == 0 && !c->no_legend)
                (void) puts("No burn-in in that time.");
        return STATUS_OK;
}
