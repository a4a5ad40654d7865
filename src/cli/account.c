/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "basic/parse-util.h"
#include "basic/time-util.h"
#include "cli/format.h"
#include "shared/message-json.h"
#include "cli/verbs.h"
#include "shared/names.h"

/* Accounts of the web page. A password comes from a terminal or from standard input, never from an argument, which others could see. */

static const TableColumn account_columns[] = {
        { "ACCOUNT", false, 0 },    { "ROLE", false, 0 },   { "SESSIONS", true, 0 },
        { "LAST LOGIN", false, 0 }, { "LOCKED", false, 0 },
};

static const TableColumn session_columns[] = {
        { "SESSION", true, 0 }, { "ACCOUNT", false, 0 },   { "ROLE", false, 0 }, { "FROM", false, 0 },
        { "SINCE", false, 0 },  { "LAST SEEN", false, 0 }, { "LEFT", true, 0 },
};

/* The array of dictionaries that a call has answered. */
static int read_rows(Cli *c, sd_bus_message *reply, struct json_object **ret)
{
        _cleanup_json_ struct json_object *rows = NULL;

        if (message_read_json(reply, &rows) <= 0 || !json_object_is_type(rows, json_type_array))
                return cli_fail(c, STATUS_ERROR, "burnind gave an answer that cannot be read.");

        *ret = TAKE_PTR(rows);
        return 0;
}

int verb_account_list(Cli *c, char **args, size_t n)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        _cleanup_json_ struct json_object *accounts = NULL;
        _cleanup_(table_freep) Table *t = NULL;
        uint64_t now = now_usec(CLOCK_REALTIME);
        int r;

        r = cli_change(c, "see the accounts", BUS_PATH_ACCOUNTS, BUS_INTERFACE_ACCOUNTS, "List", &reply,
                       NULL);
        if (r >= 0)
                r = read_rows(c, reply, &accounts);
        if (r < 0)
                return r;
        if (c->json != JSON_OFF)
                return cli_print_json(c, accounts);
        if (c->quiet)
                return cli_print_names(c, accounts, "Name");
        r = table_new(account_columns, ELEMENTSOF(account_columns), &t);
        if (r < 0)
                return cli_oom(c);

        for (size_t i = 0; i < json_object_array_length(accounts); i++) {
                struct json_object *a = json_object_array_get_idx(accounts, i);
                uint64_t login = row_u64(a, "LoginUSec"), locked = row_u64(a, "LockedUSec");
                char when[FORMAT_MAX], left[FORMAT_MAX];

                table_add(t, STYLE_BOLD, "%s", row_string(a, "Name"));
                table_add(t, STYLE_NONE, "%s", row_string(a, "Role"));
                table_add(t, STYLE_NONE, "%" PRIu64, row_u64(a, "Sessions"));
                table_add(t, STYLE_NONE, "%s", login > 0 ? format_local(when, login) : "never");
                table_add(t, STYLE_YELLOW, "%s", locked > 0 ? format_left(left, locked, now) : "");
        }

        pager_open(c);
        cli_print_table(c, stdout, t, NULL);
        if (json_object_array_length(accounts) == 0 && !c->no_legend)
                (void) puts("No accounts. Make the first one with: burninctl account add NAME --role=admin");
        return STATUS_OK;
}

static int ask_password(Cli *c, char **ret)
{
        _cleanup_(erase_and_freep) char *password = NULL, *again = NULL;
        int r;

        r = terminal_ask_secret(c, "Password: ", &password);
        if (r < 0)
                return r;
        if (isatty(STDIN_FILENO) == 1) {
                r = terminal_ask_secret(c, "Once more: ", &again);
                if (r < 0)
                        return r;
                if (!streq(password, again))
                        return cli_fail(c, STATUS_USAGE, "The two are not the same: nothing was done.");
        }

        *ret = TAKE_PTR(password);
        return 0;
}

/* Add and SetPassword; role NULL: SetPassword. */
static int send_password(Cli *c, const char *what, const char *name, const char *role)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        _cleanup_(erase_and_freep) char *password = NULL;
        int r;

        r = ask_password(c, &password);
        if (r < 0)
                return r;

        r = sd_bus_message_new_method_call(c->bus, &m, BUS_NAME, BUS_PATH_ACCOUNTS, BUS_INTERFACE_ACCOUNTS,
                                           role ? "Add" : "SetPassword");
        if (r >= 0)
                r = sd_bus_message_sensitive(m);
        if (r >= 0)
                r = sd_bus_message_append(m, "s", name);
        if (r >= 0 && role)
                r = sd_bus_message_append(m, "s", role);
        if (r >= 0)
                r = sd_bus_message_append(m, "st", password, UINT64_C(0));
        if (r < 0)
                return cli_oom(c);

        agent_open(c);
        r = cli_send(c, what, m, NULL);
        return r < 0 ? r : STATUS_OK;
}

int verb_account_add(Cli *c, char **args, size_t n)
{
        if (!c->role)
                return cli_fail(c, STATUS_USAGE, "Say what %s may do: --role=viewer, operator or admin.",
                                args[0]);

        return send_password(c, "add an account", args[0], c->role);
}

int verb_account_passwd(Cli *c, char **args, size_t n)
{
        return send_password(c, "set a password", args[0], NULL);
}

int verb_account_role(Cli *c, char **args, size_t n)
{
        int r;

        r = cli_change(c, "change a role", BUS_PATH_ACCOUNTS, BUS_INTERFACE_ACCOUNTS, "SetRole", NULL, "sst",
                       args[0], args[1], UINT64_C(0));
        return r < 0 ? r : STATUS_OK;
}

int verb_account_remove(Cli *c, char **args, size_t n)
{
        int r;

        r = cli_change(c, "remove an account", BUS_PATH_ACCOUNTS, BUS_INTERFACE_ACCOUNTS, "Remove", NULL,
                       "st", args[0], UINT64_C(0));
        return r < 0 ? r : STATUS_OK;
}

static int list_sessions(Cli *c, const char *account, struct json_object **ret)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL, *reply = NULL;
        const Option options[] = { { .key = "account", .type = 's', .s = account } };
        int r;

        r = sd_bus_message_new_method_call(c->bus, &m, BUS_NAME, BUS_PATH_ACCOUNTS, BUS_INTERFACE_ACCOUNTS,
                                           "ListSessions");
        if (r >= 0)
                r = message_append_options(m, options, ELEMENTSOF(options));
        if (r < 0)
                return cli_oom(c);

        agent_open(c);
        r = cli_send(c, "see the sessions", m, &reply);
        return r < 0 ? r : read_rows(c, reply, ret);
}

int verb_account_sessions(Cli *c, char **args, size_t n)
{
        _cleanup_json_ struct json_object *sessions = NULL;
        _cleanup_(table_freep) Table *t = NULL;
        uint64_t now = now_usec(CLOCK_REALTIME);
        int r;

        r = list_sessions(c, n > 0 ? args[0] : NULL, &sessions);
        if (r < 0)
                return r;
        if (c->json != JSON_OFF)
                return cli_print_json(c, sessions);
        if (c->quiet)
                return cli_print_names(c, sessions, "Id");
        r = table_new(session_columns, ELEMENTSOF(session_columns), &t);
        if (r < 0)
                return cli_oom(c);

        for (size_t i = 0; i < json_object_array_length(sessions); i++) {
                struct json_object *s = json_object_array_get_idx(sessions, i);
                char since[FORMAT_MAX], seen[FORMAT_MAX], left[FORMAT_MAX];

                table_add(t, STYLE_NONE, "%" PRIu64, row_u64(s, "Id"));
                table_add(t, STYLE_BOLD, "%s", row_string(s, "Account"));
                table_add(t, STYLE_NONE, "%s", row_string(s, "Role"));
                table_add(t, STYLE_NONE, "%s", row_string(s, "Address"));
                table_add(t, STYLE_NONE, "%s", format_local(since, row_u64(s, "CreatedUSec")));
                table_add(t, STYLE_NONE, "%s", format_local(seen, row_u64(s, "SeenUSec")));
                table_add(t, STYLE_NONE, "%s", format_left(left, row_u64(s, "IdleUSec"), now));
        }

        pager_open(c);
        cli_print_table(c, stdout, t, NULL);
        if (json_object_array_length(sessions) == 0 && !c->no_legend)
                (void) puts("Nobody is logged in.");
        return STATUS_OK;
}

int verb_account_revoke(Cli *c, char **args, size_t n)
{
        uint64_t id;
        int r;

        if (parse_u64(args[0], &id) < 0)
                return cli_fail(c, STATUS_USAGE,
                                "'%s' is no number of a session. See: burninctl account sessions", args[0]);
        r = cli_change(c, "end a session", BUS_PATH_ACCOUNTS, BUS_INTERFACE_ACCOUNTS, "RevokeSession", NULL,
                       "tt", id, UINT64_C(0));
        return r < 0 ? r : STATUS_OK;
}

int verb_account_setup_code(Cli *c, char **args, size_t n)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        _cleanup_json_ struct json_object *o = NULL;
        const char *code;
        int r;

        r = cli_change(c, "see the set-up code", BUS_PATH_ACCOUNTS, BUS_INTERFACE_ACCOUNTS, "GetSetupCode",
                       &reply, NULL);
        if (r < 0)
                return r;
        r = sd_bus_message_read(reply, "s", &code);
        if (r < 0)
                return cli_fail(c, STATUS_ERROR, "burnind gave an answer that cannot be read: %s",
                                strerror(-r));
        if (c->json == JSON_OFF) {
                (void) puts(code);
                return STATUS_OK;
        }

        o = json_object_new_object();
        if (!o || json_put_string(o, "Code", code) < 0)
                return cli_oom(c);
        return cli_print_json(c, o);
}
