/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "basic/parse-util.h"
#include "cli/format.h"
#include "cli/verbs.h"
#include "shared/message-json.h"
#include "shared/names.h"

/* Who is told of events, and what waits to be told. An URL or a secret is never an argument, which others could see. */

#define OUTBOX_LINES 50U

static const TableColumn notifier_columns[] = {
        { "NOTIFIER", false, 0 }, { "KIND", false, 0 },   { "STATE", false, 0 }, { "TARGET", false, 12 },
        { "TAKES", false, 12 },   { "WAITING", true, 0 }, { "DEAD", true, 0 },   { "ERROR", false, 12 },
};

static const TableColumn delivery_columns[] = {
        { "TIME", false, 0 },  { "NOTIFIER", false, 0 }, { "STATE", false, 0 },    { "ATTEMPTS", true, 0 },
        { "EVENT", false, 0 }, { "TITLE", false, 16 },   { "NEXT TRY", false, 0 }, { "ERROR", false, 16 },
};

/* "job_failed,host_lost; nas1; from warning on"; "all". */
static char *word_filter(struct json_object *notifier)
{
        static const char *const keys[] = { "Events", "Hosts" };
        const char *severity = row_string(notifier, "Severity");
        _cleanup_free_ char *text = strdup("");

        for (size_t i = 0; text && i < ELEMENTSOF(keys); i++) {
                struct json_object *words = json_object_object_get(notifier, keys[i]);

                for (size_t k = 0; text && words && k < json_object_array_length(words); k++) {
                        char *longer = strf("%s%s%s", text,
                                            k > 0   ? ","
                                            : *text ? "; "
                                                    : "",
                                            json_object_get_string(json_object_array_get_idx(words, k)));

                        free(text);
                        text = longer;
                }
        }
        if (!text)
                return NULL;
        if (streq(severity, "info"))
                return strdup(*text ? text : "all");
        return strf("%s%sfrom %s on", text, *text ? "; " : "", severity);
}

static int add_notifier(Table *t, struct json_object *n)
{
        _cleanup_free_ char *filter = word_filter(n);
        uint64_t dead = row_u64(n, "Dead");

        if (!filter)
                return -ENOMEM;
        table_add(t, STYLE_BOLD, "%s", row_string(n, "Name"));
        table_add(t, STYLE_NONE, "%s", row_string(n, "Kind"));
        table_add(t, row_bool(n, "Enabled") ? STYLE_GREEN : STYLE_DIM, "%s",
                  row_bool(n, "Enabled") ? "on" : "off");
        table_add(t, STYLE_NONE, "%s", row_string(n, "Target"));
        table_add(t, STYLE_NONE, "%s", filter);
        table_add(t, STYLE_NONE, "%" PRIu64, row_u64(n, "Pending"));
        table_add(t, dead > 0 ? STYLE_RED : STYLE_NONE, "%" PRIu64, dead);
        table_add(t, STYLE_YELLOW, "%s", row_string(n, "Error"));
        return 0;
}

int verb_notifier_list(Cli *c, char **args, size_t n)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        _cleanup_json_ struct json_object *rows = NULL;
        _cleanup_(table_freep) Table *t = NULL;
        int r;

        r = cli_call(c, "see the notifiers", BUS_PATH_NOTIFIERS, BUS_INTERFACE_NOTIFIERS, "List", &reply,
                     NULL);
        if (r < 0)
                return r;
        if (message_read_json(reply, &rows) <= 0 || !json_object_is_type(rows, json_type_array))
                return cli_fail(c, STATUS_ERROR, "burnind gave an answer that cannot be read.");
        if (c->json != JSON_OFF)
                return cli_print_json(c, rows);
        if (c->quiet)
                return cli_print_names(c, rows, "Name");
        r = table_new(notifier_columns, ELEMENTSOF(notifier_columns), &t);
        for (size_t i = 0; r >= 0 && i < json_object_array_length(rows); i++)
                r = add_notifier(t, json_object_array_get_idx(rows, i));
        if (r < 0)
                return cli_oom(c);

        pager_open(c);
        cli_print_table(c, stdout, t, NULL);
        return STATUS_OK;
}

/* Shown while it is typed, but from a pipe without a question. */
static int ask_url(Cli *c, char **ret)
{
        return isatty(STDIN_FILENO) == 1 ? terminal_ask(c, "URL: ", ret)
                                         : terminal_ask_secret(c, "URL: ", ret);
}

static int ask_secret(Cli *c, char **ret)
{
        if (!c->no_secret)
                return c->secret ? terminal_ask_secret(c, "Secret: ", ret) : 0;
        if (c->secret)
                return cli_fail(c, STATUS_USAGE, "A secret is either set or taken away.");

        *ret = strdup("");
        return *ret ? 0 : cli_oom(c);
}

/* Add; kind NULL: Configure. */
static int send_change(Cli *c, const char *what, const char *name, const char *kind, bool with_url)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        _cleanup_(erase_and_freep) char *url = NULL, *secret = NULL;
        int enabled = c->enabled ? parse_boolean(c->enabled) : 0, r;

        if (enabled < 0)
                return cli_fail(c, STATUS_USAGE, "--enabled= is yes or no, not '%s'.", c->enabled);
        r = with_url ? ask_url(c, &url) : 0;
        if (r >= 0)
                r = ask_secret(c, &secret);
        if (r < 0)
                return r;

        const Option options[] = {
                { "url", 's', url, 0, false },
                { "secret", 's', secret, 0, false },
                { "to", 'a', c->to, 0, false },
                { "events", 'a', c->events, 0, false },
                { "hosts", 'a', c->host, 0, false },
                { "severity", 's', c->severity, 0, false },
                { "enabled", 'b', NULL, enabled, c->enabled != NULL },
        };
        r = sd_bus_message_new_method_call(c->bus, &m, BUS_NAME, BUS_PATH_NOTIFIERS, BUS_INTERFACE_NOTIFIERS,
                                           kind ? "Add" : "Configure");
        if (r >= 0)
                r = sd_bus_message_sensitive(m);
        if (r >= 0)
                r = sd_bus_message_append(m, "s", name);
        if (r >= 0 && kind)
                r = sd_bus_message_append(m, "s", kind);
        if (r >= 0)
                r = message_append_options(m, options, ELEMENTSOF(options));
        if (r < 0)
                return cli_oom(c);

        agent_open(c);
        r = cli_send(c, what, m, NULL);
        return r < 0 ? r : STATUS_OK;
}

int verb_notifier_add(Cli *c, char **args, size_t n)
{
        if (!c->kind)
                return cli_fail(c, STATUS_USAGE,
                                "Say what %s speaks to: --kind=mail, webhook, ntfy, slack, discord, gotify or n8n.",
                                args[0]);

        return send_change(c, "add a notifier", args[0], c->kind, !streq(c->kind, "mail"));
}

int verb_notifier_configure(Cli *c, char **args, size_t n)
{
        if (!c->url && !c->secret && !c->no_secret && !c->to && !c->events && !c->host && !c->severity &&
            !c->enabled)
                return cli_fail(c, STATUS_USAGE, "Say what to change of %s; see burninctl --help.", args[0]);

        return send_change(c, "change a notifier", args[0], NULL, c->url);
}

int verb_notifier_test(Cli *c, char **args, size_t n)
{
        int r;

        r = cli_change(c, "test a notifier", BUS_PATH_NOTIFIERS, BUS_INTERFACE_NOTIFIERS, "Test", NULL, "st",
                       args[0], UINT64_C(0));
        if (r < 0)
                return r;

        if (!c->quiet && c->json == JSON_OFF)
                (void) puts("It works.");
        return STATUS_OK;
}

int verb_notifier_remove(Cli *c, char **args, size_t n)
{
        int r;

        r = cli_change(c, "remove a notifier", BUS_PATH_NOTIFIERS, BUS_INTERFACE_NOTIFIERS, "Remove", NULL,
                       "st", args[0], UINT64_C(0));
        return r < 0 ? r : STATUS_OK;
}

static Style style_of_delivery(const char *state)
{
        return streq(state, "dead") ? STYLE_RED : streq(state, "pending") ? STYLE_YELLOW : STYLE_NONE;
}

int verb_outbox_list(Cli *c, char **args, size_t n)
{
        const Option options[] = {
                { "notifier", 's', n > 0 ? args[0] : NULL, 0, false },
                { "state", 's', c->state, 0, false },
        };
        _cleanup_json_ struct json_object *rows = NULL;
        _cleanup_(table_freep) Table *t = NULL;
        int r;

        r = cli_list_deliveries(c, options, ELEMENTSOF(options), c->all ? 0 : c->lines ?: OUTBOX_LINES, &rows);
        if (r < 0)
                return r;
        if (c->json != JSON_OFF)
                return cli_print_json(c, rows);
        r = table_new(delivery_columns, ELEMENTSOF(delivery_columns), &t);
        if (r < 0)
                return cli_oom(c);

        for (size_t i = 0; i < json_object_array_length(rows); i++) {
                struct json_object *d = json_object_array_get_idx(rows, i);
                const char *state = row_string(d, "State");
                char when[FORMAT_MAX], next[FORMAT_MAX];

                table_add(t, STYLE_NONE, "%s", format_local(when, row_u64(d, "TimeUSec")));
                table_add(t, STYLE_BOLD, "%s", row_string(d, "Notifier"));
                table_add(t, style_of_delivery(state), "%s", state);
                table_add(t, STYLE_NONE, "%" PRIu64, row_u64(d, "Attempts"));
                table_add(t, STYLE_NONE, "%s", row_string(d, "Event"));
                table_add(t, STYLE_NONE, "%s", row_string(d, "Title"));
                table_add(t, STYLE_NONE, "%s",
                          streq(state, "pending") ? format_local(next, row_u64(d, "NextUSec")) : "");
                table_add(t, STYLE_YELLOW, "%s", row_string(d, "Error"));
        }

        pager_open(c);
        cli_print_table(c, stdout, t, NULL);
        if (json_object_array_length(rows) == 0 && !c->no_legend)
                (void) puts("Nothing.");
        return STATUS_OK;
}

int verb_outbox_retry(Cli *c, char **args, size_t n)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        _cleanup_json_ struct json_object *o = NULL;
        uint32_t count;
        int r;

        r = cli_change(c, "send this again", BUS_PATH_NOTIFIERS, BUS_INTERFACE_NOTIFIERS, "Retry", &reply,
                       "st", n > 0 ? args[0] : "", UINT64_C(0));
        if (r < 0)
                return r;
        r = sd_bus_message_read(reply, "u", &count);
        if (r < 0)
                return cli_fail(c, STATUS_ERROR, "burnind gave an answer that cannot be read: %s",
                                strerror(-r));
        if (c->json == JSON_OFF) {
                if (!c->quiet)
                        (void) printf("%" PRIu32 " of those that were given up %s sent again.\n", count,
                                      count == 1 ? "is" : "are");
                return STATUS_OK;
        }

        o = json_object_new_object();
        if (!o || json_put_u64(o, "Count", count) < 0)
                return cli_oom(c);
        return cli_print_json(c, o);
}
