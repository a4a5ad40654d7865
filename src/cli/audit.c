/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "cli/format.h"
#include "cli/verbs.h"
#include "shared/names.h"

/* As many as the web page shows; --lines= asks for more or fewer. */
#define AUDIT_LINES 200

static const TableColumn audit_columns[] = {
        { "TIME", false, 0 },    { "WHO", false, 6 },     { "ACTION", false, 8 },
        { "OBJECT", false, 10 }, { "OUTCOME", false, 6 }, { "DETAIL", false, 10 },
};

int verb_audit(Cli *c, char **args, size_t n)
{
        const Option filter[] = { { .key = "text", .type = 's', .s = n > 0 ? args[0] : NULL } };
        _cleanup_json_ struct json_object *entries = NULL;
        _cleanup_(table_freep) Table *t = NULL;
        uint64_t total;
        size_t count;
        int r;

        r = cli_list(c, "ListAudit", filter, n > 0 ? ELEMENTSOF(filter) : 0, c->all ? 0 : c->lines ?: AUDIT_LINES, &entries,
                     &total);
        if (r < 0)
                return r;
        if (c->json != JSON_OFF)
                return cli_print_json(c, entries);

        r = table_new(audit_columns, ELEMENTSOF(audit_columns), &t);
        if (r < 0)
                return cli_oom(c);

        count = json_object_array_length(entries);
        for (size_t i = 0; i < count; i++) {
                struct json_object *e = json_object_array_get_idx(entries, i);
                const char *outcome = row_string(e, "Outcome");
                char when[FORMAT_MAX];

                table_add(t, STYLE_NONE, "%s", format_local(when, row_u64(e, "TimeUSec")));
                table_add(t, STYLE_BOLD, "%s", row_string(e, "Actor"));
                table_add(t, STYLE_NONE, "%s", row_string(e, "Action"));
                table_add(t, STYLE_NONE, "%s", row_string(e, "Object"));
                table_add(t,
                          streq(row_string(e, "Action"), ACTION_UNLOCK) ? STYLE_RED
                          : streq(outcome, "ok")                        ? STYLE_NONE
                                                                        : STYLE_YELLOW,
                          "%s", outcome);
                table_add(t, STYLE_NONE, "%s", row_string(e, "Detail"));
        }

        pager_open(c);
        cli_print_table(c, stdout, t, NULL);
        cli_print_count(c, count, total, "entry", "entries");
        return STATUS_OK;
}
