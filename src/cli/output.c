/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <stdarg.h>

#include "cli/cli.h"
#include "cli/format.h"
#include "shared/enums.h"

#define LABEL_WIDTH 14

int cli_print_json(Cli *c, struct json_object *o)
{
        const char *text;

        text = json_object_to_json_string_ext(
                        o, JSON_C_TO_STRING_NOSLASHESCAPE |
                                           (c->json == JSON_PRETTY ? JSON_C_TO_STRING_PRETTY |
                                                                                     JSON_C_TO_STRING_SPACED
                                                                   : JSON_C_TO_STRING_PLAIN));
        if (!text)
                return cli_oom(c);

        (void) puts(text);
        return 0;
}

void cli_print_table(Cli *c, FILE *f, const Table *t, const char *indent)
{
        TableFormat format = {
                .columns = c->full ? 0 : c->columns,
                .legend = !c->no_legend,
                .colour = c->colour,
                .utf8 = c->utf8,
                .indent = indent,
        };

        if (table_rows(t) > 0 && table_print(t, f, &format) < 0)
                (void) cli_oom(c);
}

void cli_print_count(Cli *c, size_t count, uint64_t total, const char *one, const char *many)
{
        const char *gap = count > 0 ? "\n" : "";

        if (c->no_legend)
                return;
        if (total > count)
                (void) printf("%s%zu of %" PRIu64 " %s.\n", gap, count, total, many);
        else
                (void) printf("%s%zu %s.\n", gap, count, count == 1 ? one : many);
}

void cli_field(Cli *c, FILE *f, const char *label, Style style, const char *format, ...)
{
        _cleanup_free_ char *raw = NULL, *text = NULL;
        va_list ap;

        va_start(ap, format);
        if (vasprintf(&raw, format, ap) < 0)
                raw = NULL;
        va_end(ap);
        if (isempty(raw))
                return;

        text = text_clean(raw, true);
        if (!text)
                return;

        (void) fprintf(f, "%*s: %s", LABEL_WIDTH, label, style_on(style, c->colour));
        /* Further lines of a text stand below its first. */
        for (char *line = text, *end; line; line = end ? end + 1 : NULL) {
                end = strchr(line, '\n');
                if (line != text)
                        (void) fprintf(f, "\n%*s  ", LABEL_WIDTH, "");
                (void) fprintf(f, "%.*s", end ? (int) (end - line) : (int) strlen(line), line);
        }
        (void) fprintf(f, "%s\n", style_off(style, c->colour));
}

void cli_say(const char *format, ...)
{
        _cleanup_free_ char *raw = NULL, *text = NULL;
        va_list ap;

        va_start(ap, format);
        if (vasprintf(&raw, format, ap) < 0)
                raw = NULL;
        va_end(ap);

        text = text_clean(raw, true);
        if (text)
                (void) fprintf(stderr, "%s\n", text);
}

Style style_for_state(const char *state)
{
        switch (verdict_from_string(state)) {
        case VERDICT_PASSED:
                return STYLE_GREEN;
        case VERDICT_FAILED:
                return STYLE_RED;
        case VERDICT_INCONCLUSIVE:
                return STYLE_YELLOW;
        case VERDICT_CANCELLED:
        case VERDICT_SKIPPED:
                return STYLE_DIM;
        default:
                break;
        }

        switch (host_state_from_string(state)) {
        case HOST_ONLINE:
                return STYLE_GREEN;
        case HOST_KEY_CHANGED:
                return STYLE_RED;
        case HOST_UNCONFIRMED:
        case HOST_STALE:
                return STYLE_YELLOW;
        default:
                return STYLE_NONE;
        }
}

int cli_print_names(Cli *c, struct json_object *rows, const char *key)
{
        for (size_t i = 0; i < json_object_array_length(rows); i++) {
                struct json_object *name;

                if (json_object_object_get_ex(json_object_array_get_idx(rows, i), key, &name)) {
                        _cleanup_free_ char *text = text_clean(json_object_get_string(name), false);

                        if (!text)
                                return cli_oom(c);
                        if (*text)
                                (void) puts(text);
                }
        }

        return 0;
}
