/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "cli/format.h"
#include "cli/verbs.h"
#include "basic/fd-util.h"
#include "basic/string-util.h"
#include "basic/time-util.h"
#include "shared/enums.h"
#include "shared/names.h"

static const TableColumn host_columns[] = {
        { "NAME", false, 12 },     { "ADDRESS", false, 12 }, { "STATE", false, 0 },   { "DRIVES", true, 0 },
        { "LAST SEEN", false, 0 }, { "SYSTEM", false, 8 },   { "REMARK", false, 12 },
};

/* What a person has to know first: why it is not online, then what it lacks. */
static const char *host_remark(struct json_object *host)
{
        const char *detection = row_string(host, "DetectionState");

        if (!isempty(row_string(host, "StateReason")))
                return row_string(host, "StateReason");
        if (!isempty(row_string(host, "MissingTools")))
                return row_string(host, "MissingTools");
        return streq(detection, "ok") ? "" : detection;
}

static bool host_is_local(struct json_object *host)
{
        return streq(row_string(host, "Kind"), "local");
}

int verb_hosts(Cli *c, char **args, size_t n)
{
        _cleanup_json_ struct json_object *hosts = NULL;
        _cleanup_(table_freep) Table *t = NULL;
        int r;

        r = cli_list(c, "ListHosts", NULL, 0, 0, &hosts, NULL);
        if (r < 0)
                return r;
        if (c->json != JSON_OFF)
                return cli_print_json(c, hosts);
        if (c->quiet)
                return cli_print_names(c, hosts, "Name");

        r = table_new(host_columns, ELEMENTSOF(host_columns), &t);
        if (r < 0)
                return cli_oom(c);

        for (size_t i = 0; i < json_object_array_length(hosts); i++) {
                struct json_object *h = json_object_array_get_idx(hosts, i);
                const char *state = row_string(h, "State");
                char seen[FORMAT_MAX];

                table_add(t, STYLE_BOLD, "%s", row_string(h, "Name"));
                table_add(t, STYLE_NONE, "%s", host_is_local(h) ? "this machine" : row_string(h, "Address"));
                table_add(t, style_for_state(state), "%s", state);
                table_add(t, STYLE_NONE, "%" PRIu64, row_u64(h, "Drives"));
                table_add(t, STYLE_NONE, "%s", format_local(seen, row_u64(h, "LastSeenUSec")));
                table_add(t, STYLE_NONE, "%s", row_string(h, "OperatingSystem"));
                table_add(t, STYLE_NONE, "%s", host_remark(h));
        }

        pager_open(c);
        cli_print_table(c, stdout, t, NULL);
        if (json_object_array_length(hosts) == 0 && !c->no_legend)
                (void) puts("No hosts. Add the first one with: burninctl host add NAME --address=ADDRESS");
        return STATUS_OK;
}

/* The API key goes to burnind by a descriptor: no argument, no message, and no log has it. */
static int open_api_key(Cli *c, int *ret)
{
        _cleanup_(erase_and_freep) char *key = NULL;
        size_t size;
        int r;

        if (!c->api_key_file)
                return 0;
        if (streq(c->api_key_file, "-"))
                r = read_fd_full(STDIN_FILENO, API_KEY_MAX + 2, &key, &size);
        else
                r = read_file_full(c->api_key_file, API_KEY_MAX + 2, &key, &size);
        if (r == -E2BIG)
                return cli_fail(c, STATUS_ERROR, "%s is too big for an API key.", c->api_key_file);
        if (r < 0)
                return cli_fail(c, STATUS_ERROR, "Failed to read %s: %s", c->api_key_file, strerror(-r));
        if (sd_bus_can_send(c->bus, 'h') <= 0)
                return cli_fail(c, STATUS_ERROR, "An API key can be given on the machine of burnind alone.");

        r = memfd_new_sealed("api-key", key, size);
        if (r < 0)
                return cli_fail(c, STATUS_ERROR, "Failed to hand over the API key: %s", strerror(-r));
        *ret = r;
        return 0;
}

/* AddHost and Configure take the same options, but for the kind. */
static int host_append_options(Cli *c, sd_bus_message *m, int key_fd)
{
        const Option options[] = {
                { .key = "api_url", .type = 's', .s = c->api_url },
                { .key = "api_pin", .type = 's', .s = c->api_pin },
                { .key = "api_verify", .type = 'b', .n = c->verify_tls, .set = c->have_verify_tls },
                { .key = "api_key", .type = 'h', .n = key_fd, .set = key_fd >= 0 },
                { .key = "address", .type = 's', .s = c->address },
                { .key = "port", .type = 'q', .n = c->port, .set = c->port > 0 },
                { .key = "user", .type = 's', .s = c->user },
                { .key = "notes", .type = 's', .s = c->notes },
                { .key = "kind", .type = 's', .s = c->kind },
        };

        return message_append_options(m, options, ELEMENTSOF(options));
}

static int print_object(Cli *c, const char *path)
{
        _cleanup_json_ struct json_object *o = NULL;

        o = json_object_new_object();
        if (!o || json_put_string(o, "Object", path) < 0)
                return cli_oom(c);
        return cli_print_json(c, o);
}

int verb_host_add(Cli *c, char **args, size_t n)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL, *reply = NULL;
        _cleanup_close_ int key_fd = -EBADF;
        const char *path;
        int r;

        r = open_api_key(c, &key_fd);
        if (r < 0)
                return r;
        r = sd_bus_message_new_method_call(c->bus, &m, BUS_NAME, BUS_PATH, BUS_INTERFACE_MANAGER, "AddHost");
        if (r >= 0)
                r = sd_bus_message_append(m, "s", args[0]);
        if (r >= 0)
                r = host_append_options(c, m, key_fd);
        if (r < 0)
                return cli_fail(c, STATUS_ERROR, "Failed to ask burnind: %s", strerror(-r));

        agent_open(c);
        r = cli_send(c, "add a host", m, &reply);
        if (r < 0)
                return r;
        r = sd_bus_message_read(reply, "o", &path);
        if (r < 0)
                return cli_fail(c, STATUS_ERROR, "burnind gave an answer that is no path: %s", strerror(-r));

        if (c->json != JSON_OFF)
                return print_object(c, path);
        if (c->quiet)
                return STATUS_OK;
        if (streq(strempty(c->kind), "local"))
                cli_say("Added %s: this machine. Its drives are reached once burnin-local.socket is enabled:\n"
                        "  systemctl enable --now burnin-local.socket",
                        args[0]);
        else if (streq(strempty(c->kind), "truenas") && isempty(c->user))
                cli_say("Added %s. Its drives are shown and can have self-tests; for a burn-in it needs a user to log in as:\n"
                        "  burninctl host configure %s --user=root",
                        args[0], args[0]);
        else
                cli_say("Added %s. Nothing runs there until you have accepted its key:\n"
                        "  burninctl host accept-key %s\n"
                        "and its user's authorized_keys has this line:\n"
                        "  burninctl host public-key",
                        args[0], args[0]);
        return STATUS_OK;
}

int verb_host_public_key(Cli *c, char **args, size_t n)
{
        _cleanup_json_ struct json_object *manager = NULL, *answer = NULL;
        const char *line;
        int r;

        r = cli_get_all(c, BUS_PATH, BUS_INTERFACE_MANAGER, &manager);
        if (r < 0)
                return r;
        line = row_string(manager, "SshPublicKey");
        if (c->json != JSON_OFF) {
                answer = json_object_new_object();
                if (!answer || json_put_string(answer, "SshPublicKey", line) < 0)
                        return cli_oom(c);
                return cli_print_json(c, answer);
        }
        if (isempty(line))
                return cli_fail(c, STATUS_ERROR,
                                "burnind finds no public key beside its private one. Make it there:\n"
                                "  ssh-keygen -y -f " PATH_SSH_KEY " > " PATH_SSH_KEY ".pub");

        (void) puts(line);
        return STATUS_OK;
}

static int host_get(Cli *c, const char *name, char **ret_path, struct json_object **ret)
{
        _cleanup_free_ char *path = NULL;
        int r;

        r = cli_find_host(c, name, &path);
        if (r < 0)
                return r;
        r = cli_get_all(c, path, BUS_INTERFACE_HOST, ret);
        if (r < 0)
                return r;

        *ret_path = TAKE_PTR(path);
        return 0;
}

static void host_print_address(Cli *c, struct json_object *h)
{
        const char *url = row_string(h, "ApiUrl"), *state = row_string(h, "ApiState"),
                   *reason = row_string(h, "ApiReason");

        if (host_is_local(h))
                cli_field(c, stdout, "Address", STYLE_NONE, "this machine");
        else if (isempty(row_string(h, "User")))
                cli_field(c, stdout, "Address", STYLE_NONE, "%s (%s, API alone)", row_string(h, "Address"),
                          row_string(h, "Kind"));
        else
                cli_field(c, stdout, "Address", STYLE_NONE, "%s@%s port %" PRIu64 " (%s)",
                          row_string(h, "User"), row_string(h, "Address"), row_u64(h, "Port"),
                          row_string(h, "Kind"));
        if (isempty(url))
                return;
        cli_field(c, stdout, "API", streq(state, "ok") ? STYLE_NONE : STYLE_YELLOW, "%s, %s%s%s", url,
                  isempty(state) ? "not asked yet" : state, isempty(reason) ? "" : ": ", reason);
        if (!isempty(row_string(h, "ApiPin")))
                cli_field(c, stdout, "API trust", STYLE_NONE, "the key %s", row_string(h, "ApiPin"));
        else if (!row_bool(h, "ApiVerify"))
                cli_field(c, stdout, "API trust", STYLE_RED, "any certificate: it is not verified");
}

int verb_host_show(Cli *c, char **args, size_t n)
{
        _cleanup_json_ struct json_object *h = NULL;
        _cleanup_free_ char *path = NULL;
        const char *state, *seen_key, *key, *detection;
        char seen[FORMAT_MAX];
        int r;

        r = host_get(c, args[0], &path, &h);
        if (r < 0)
                return r;
        if (c->json != JSON_OFF)
                return cli_print_json(c, h);

        state = row_string(h, "State");
        key = row_string(h, "HostKeyFingerprint");
        seen_key = row_string(h, "SeenHostKeyFingerprint");
        detection = row_string(h, "DetectionState");

        pager_open(c);
        cli_field(c, stdout, "Host", STYLE_BOLD, "%s", row_string(h, "Name"));
        host_print_address(c, h);
        cli_field(c, stdout, "State", style_for_state(state), "%s", state);
        cli_field(c, stdout, "Reason", STYLE_NONE, "%s", row_string(h, "StateReason"));
        cli_field(c, stdout, "Last seen", STYLE_NONE, "%s", format_local(seen, row_u64(h, "LastSeenUSec")));
        if (row_u64(h, "HungPolls") > 0)
                cli_field(c, stdout, "Hung polls", STYLE_YELLOW, "%" PRIu64 " since burnind was started",
                          row_u64(h, "HungPolls"));
        cli_field(c, stdout, "Locks", streq(detection, "ok") ? STYLE_NONE : STYLE_YELLOW, "%s", detection);
        if (!host_is_local(h))
                cli_field(c, stdout, "Accepted key", STYLE_NONE, "%s", isempty(key) ? "none" : key);
        if (!streq(seen_key, key))
                cli_field(c, stdout, "Key seen", STYLE_RED, "%s", seen_key);
        cli_field(c, stdout, "System", STYLE_NONE, "%s", row_string(h, "OperatingSystem"));
        cli_field(c, stdout, "Missing tools", STYLE_YELLOW, "%s", row_string(h, "MissingTools"));
        cli_field(c, stdout, "Drives", STYLE_NONE, "%" PRIu64, row_u64(h, "Drives"));
        cli_field(c, stdout, "Notes", STYLE_NONE, "%s", row_string(h, "Notes"));
        return STATUS_OK;
}

/* A key is accepted because a person compared it: by giving it, or by an answer to a question. 0: not accepted. */
static int host_key_ask(Cli *c, struct json_object *host, const char *seen)
{
        _cleanup_free_ char *answer = NULL;
        const char *accepted = row_string(host, "HostKeyFingerprint");
        int r;

        if (!terminal_can_ask(c))
                return cli_fail(c, STATUS_USAGE,
                                "%s showed the key %s. Compare it, then give it as an argument:\n"
                                "  burninctl host accept-key %s %s",
                                row_string(host, "Name"), seen, row_string(host, "Name"), seen);

        if (!isempty(accepted) && !streq(accepted, seen))
                cli_say("WARNING: %s had another key until now: %s\n"
                        "Either it was installed anew, or another machine answers in its place.",
                        row_string(host, "Name"), accepted);
        cli_say("%s (%s) shows this key:\n\n  %s\n\n"
                "On the host itself, one of these must print the same:\n"
                "  ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub   (or _ecdsa_, _rsa_)\n",
                row_string(host, "Name"), row_string(host, "Address"), seen);

        r = terminal_ask(c, "Is it the same? Type 'yes' to accept it: ", &answer);
        if (r < 0)
                return r;
        return streq(answer, "yes");
}

int verb_host_accept_key(Cli *c, char **args, size_t n)
{
        _cleanup_json_ struct json_object *h = NULL;
        _cleanup_free_ char *path = NULL;
        const char *fingerprint = n > 1 ? args[1] : NULL;
        int r;

        r = host_get(c, args[0], &path, &h);
        if (r < 0)
                return r;

        if (!fingerprint) {
                fingerprint = row_string(h, "SeenHostKeyFingerprint");
                if (host_is_local(h))
                        return cli_fail(c, STATUS_REFUSED, "%s is this machine: there is no key to accept.",
                                        args[0]);
                if (isempty(fingerprint))
                        return cli_fail(c, STATUS_REFUSED,
                                        "%s has shown no key yet%s%s. Is it reachable? Try: burninctl host refresh %s",
                                        args[0], isempty(row_string(h, "StateReason")) ? "" : ": ",
                                        row_string(h, "StateReason"), args[0]);

                r = host_key_ask(c, h, fingerprint);
                if (r < 0)
                        return r;
                if (r == 0)
                        return cli_fail(c, STATUS_ERROR, "The key was not accepted.");
        }

        r = cli_change(c, "accept a host's key", path, BUS_INTERFACE_HOST, "AcceptHostKey", NULL, "st",
                       fingerprint, UINT64_C(0));
        if (r < 0)
                return r;
        if (!c->quiet && c->json == JSON_OFF)
                cli_say("Accepted the key of %s.", args[0]);
        return STATUS_OK;
}

int verb_host_configure(Cli *c, char **args, size_t n)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        _cleanup_free_ char *path = NULL;
        _cleanup_close_ int key_fd = -EBADF;
        int r;

        if (!c->address && !c->user && !c->notes && c->port == 0 && !c->api_url && !c->api_pin &&
            !c->api_key_file && !c->have_verify_tls)
                return cli_fail(c, STATUS_USAGE,
                                "Nothing to change: give --address=, --port=, --user=, --notes=, or one of --api-*=.");

        r = open_api_key(c, &key_fd);
        if (r < 0)
                return r;

        r = cli_find_host(c, args[0], &path);
        if (r < 0)
                return r;

        r = sd_bus_message_new_method_call(c->bus, &m, BUS_NAME, path, BUS_INTERFACE_HOST, "Configure");
        if (r >= 0)
                r = host_append_options(c, m, key_fd);
        if (r < 0)
                return cli_fail(c, STATUS_ERROR, "Failed to ask burnind: %s", strerror(-r));

        agent_open(c);
        r = cli_send(c, "change a host", m, NULL);
        return r < 0 ? r : STATUS_OK;
}

int verb_host_refresh(Cli *c, char **args, size_t n)
{
        _cleanup_free_ char *path = NULL;
        int r;

        r = cli_find_host(c, args[0], &path);
        if (r < 0)
                return r;
        r = cli_change(c, "refresh a host", path, BUS_INTERFACE_HOST, "Refresh", NULL, "t", UINT64_C(0));
        return r < 0 ? r : STATUS_OK;
}

int verb_host_remove(Cli *c, char **args, size_t n)
{
        _cleanup_free_ char *path = NULL;
        int r;

        r = cli_find_host(c, args[0], &path);
        if (r < 0)
                return r;
        r = cli_change(c, "remove a host", path, BUS_INTERFACE_HOST, "Remove", NULL, "t", UINT64_C(0));
        if (r < 0)
                return r;
        if (!c->quiet && c->json == JSON_OFF)
                cli_say("Removed %s. Its drives stay known, as missing.", args[0]);
        return STATUS_OK;
}
