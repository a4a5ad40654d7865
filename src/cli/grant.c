/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "basic/time-util.h"
#include "cli/format.h"
#include "cli/verbs.h"
#include "shared/names.h"

/* Unlocks drives, and shows what is unlocked. Whoever unlocks one has seen what would be destroyed: a person by what is shown here
 * and by typing the token, a script by the token that it must give. */

static const TableColumn grant_columns[] = {
        { "GRANT", false, 0 }, { "HOST", false, 6 },     { "SERIAL", false, 0 }, { "LOCK", false, 0 },
        { "POOL", false, 6 },  { "OPERATOR", false, 6 }, { "LEFT", true, 0 },    { "REASON", false, 10 },
};

int verb_grants(Cli *c, char **args, size_t n)
{
        _cleanup_json_ struct json_object *grants = NULL, *drive = NULL;
        _cleanup_(table_freep) Table *t = NULL;
        const char *id = NULL;
        bool known = !c->drive || cli_find_drive_id(c, &drive, &id);
        uint64_t now = now_usec(CLOCK_REALTIME);
        size_t count;
        int r;

        if (!known)
                return cli_fail(c, STATUS_NOT_FOUND, "%s", strempty(c->failure));
        r = cli_list(c, "ListGrants", &(Option){ .key = "drive", .type = 's', .s = id }, 1, 0, &grants,
                     NULL);
        if (r < 0)
                return r;
        if (c->json != JSON_OFF)
                return cli_print_json(c, grants);
        if (c->quiet)
                return cli_print_names(c, grants, "Id");
        r = table_new(grant_columns, ELEMENTSOF(grant_columns), &t);
        if (r < 0)
                return cli_oom(c);

        count = json_object_array_length(grants);
        for (size_t i = 0; i < count; i++) {
                struct json_object *g = json_object_array_get_idx(grants, i);
                char left[FORMAT_MAX];

                table_add(t, STYLE_NONE, "%s", row_string(g, "Id"));
                table_add(t, STYLE_NONE, "%s", row_string(g, "Host"));
                table_add(t, STYLE_BOLD, "%s", row_string(g, "Serial"));
                table_add(t, STYLE_RED, "%s%s", row_string(g, "Role"),
                          row_bool(g, "InUse") ? " (in use)" : "");
                table_add(t, STYLE_NONE, "%s", row_string(g, "Pool"));
                table_add(t, STYLE_NONE, "%s", row_string(g, "Operator"));
                table_add(t, STYLE_NONE, "%s", format_left(left, row_u64(g, "ExpiresUSec"), now));
                table_add(t, STYLE_NONE, "%s", row_string(g, "Reason"));
        }

        cli_print_table(c, stdout, t, NULL);
        if (!c->no_legend)
                (void) printf("%s%zu grant%s wait%s for a burn-in.\n", count > 0 ? "\n" : "", count,
                              count == 1 ? "" : "s", count == 1 ? "s" : "");
        return STATUS_OK;
}

int verb_grant_revoke(Cli *c, char **args, size_t n)
{
        _cleanup_free_ char *path = NULL;
        int r;

        r = sd_bus_path_encode(BUS_PATH_GRANT, args[0], &path);
        if (r < 0)
                return cli_oom(c);
        r = cli_change(c, "revoke a grant", path, BUS_INTERFACE_GRANT, "Revoke", NULL, "t", UINT64_C(0));
        return r < 0 ? r : STATUS_OK;
}

static void unlock_show(Cli *c, struct json_object *d)
{
        char size[FORMAT_MAX];

        (void) fflush(stdout);
        cli_field(c, stderr, "Drive", STYLE_BOLD, "%s", row_string(d, "Serial"));
        cli_field(c, stderr, "Model", STYLE_NONE, "%s, %s", row_string(d, "Model"),
                  format_size(size, row_u64(d, "SizeBytes")));
        cli_field(c, stderr, "Where", STYLE_NONE, "%s:%s", row_string(d, "Host"), row_string(d, "DevName"));
        cli_field(c, stderr, "Location", STYLE_NONE, "%s", row_string(d, "Location"));
        cli_field(c, stderr, "Notes", STYLE_NONE, "%s", row_string(d, "Notes"));
        cli_field(c, stderr, "Lock", STYLE_RED, "%s%s", row_string(d, "LockState"),
                  row_bool(d, "LockInUse") ? ", in use now" : "");
        cli_field(c, stderr, "What is there", STYLE_RED, "%s", row_string(d, "LockDetail"));
        (void) fprintf(stderr,
                       "\n%sTHE NEXT BURN-IN OF THIS DRIVE WILL BE ALLOWED TO DESTROY THAT.%s\nThe token is: ",
                       style_on(STYLE_RED, c->colour), style_off(STYLE_RED, c->colour));
        cli_say("%s", row_string(d, "UnlockToken"));
}

/* The reason and the token, as options or from who sits there. */
static int unlock_ask(Cli *c, struct json_object *d, char **ret_token, char **ret_reason)
{
        _cleanup_free_ char *token = NULL, *reason = NULL;
        int r;

        if ((!c->token || !c->reason) && !terminal_can_ask(c))
                return cli_fail(c, STATUS_USAGE,
                                "Nobody can be asked here. In a script, give --token=TOKEN and --reason=TEXT.");
        if (!c->token && isempty(row_string(d, "UnlockToken")))
                return cli_fail(c, STATUS_REFUSED,
                                "The drive is %s%s%s: there is nothing to unlock, or it cannot be unlocked.",
                                row_string(d, "LockState"), isempty(row_string(d, "LockDetail")) ? "" : ", ",
                                row_string(d, "LockDetail"));

        if (!c->token) {
                unlock_show(c, d);
                r = terminal_ask(c, "Type the token to unlock the drive: ", &token);
                if (r < 0)
                        return r;
                if (isempty(token))
                        return cli_fail(c, STATUS_ERROR, "Nothing was unlocked.");
        } else
                token = strdup(c->token);
        if (!c->reason) {
                r = terminal_ask(c, "Why? ", &reason);
                if (r < 0)
                        return r;
        } else
                reason = strdup(c->reason);
        if (!token || !reason)
                return cli_oom(c);

        *ret_token = TAKE_PTR(token);
        *ret_reason = TAKE_PTR(reason);
        return 0;
}

int verb_drive_unlock(Cli *c, char **args, size_t n)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        _cleanup_json_ struct json_object *d = NULL, *g = NULL;
        _cleanup_free_ char *path = NULL, *token = NULL, *reason = NULL;
        const char *grant;
        char left[FORMAT_MAX];
        int r;

        r = cli_find_drive(c, args[0], &path);
        if (r >= 0)
                r = cli_get_all(c, path, BUS_INTERFACE_DRIVE, &d);
        if (r >= 0)
                r = unlock_ask(c, d, &token, &reason);
        if (r >= 0)
                r = cli_change(c, "unlock a drive", path, BUS_INTERFACE_DRIVE, "Unlock", &reply, "sst",
                               token, reason, UINT64_C(0));
        if (r < 0)
                return r;

        r = sd_bus_message_read(reply, "o", &grant);
        if (r < 0)
                return cli_fail(c, STATUS_ERROR, "burnind gave an answer that cannot be read: %s",
                                strerror(-r));
        r = cli_get_all(c, grant, BUS_INTERFACE_GRANT, &g);
        if (r < 0)
                return r;
        if (c->json != JSON_OFF)
                return cli_print_json(c, g);
        if (c->quiet)
                (void) puts(row_string(g, "Id"));
        else
                cli_say("%s %s is unlocked for %s (grant %s). To use that: burninctl start --unlock%s %s",
                        row_string(g, "Host"), row_string(g, "Serial"),
                        format_left(left, row_u64(g, "ExpiresUSec"), now_usec(CLOCK_REALTIME)),
                        row_string(g, "Id"), row_bool(g, "InUse") ? " --release" : "",
                        row_string(g, "Serial"));
        return STATUS_OK;
}
