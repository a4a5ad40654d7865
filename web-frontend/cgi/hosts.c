/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "basic/string-util.h"
#include "cgi/bus-call.h"
#include "cgi/handlers.h"
#include "cgi/list.h"
#include "cgi/response.h"
#include "shared/names.h"

/* clang-format off */
#define CHANGEABLE                              \
        { "address", 's', false, "address" },   \
        { "port", 'q', false, "port" },         \
        { "user", 's', false, "user" },         \
        { "notes", 's', false, "notes" },       \
        { "api_url", 's', false, "api_url" },   \
        { "api_key", 'h', false, "api_key" },   \
        { "api_pin", 's', false, "api_pin" },   \
        { "api_verify", 'b', false, "api_verify" }
/* clang-format on */

int hosts_list(Web *w)
{
        return list_answer(w, BUS_PATH, BUS_INTERFACE_MANAGER, "ListHosts", list_all_fields, "hosts", false);
}

/* What an administrator puts on a host before it is of any use. */
int hosts_public_key(Web *w)
{
        _cleanup_json_ struct json_object *answer = json_object_new_object(), *line = NULL;
        int r;

        if (!answer)
                return -ENOMEM;
        r = web_get_property(w, BUS_PATH, BUS_INTERFACE_MANAGER, "SshPublicKey", &line);
        if (r >= 0)
                r = json_put(answer, "ssh_public_key", TAKE_PTR(line));

        return r < 0 ? r : response_json(w, 200, TAKE_PTR(answer));
}

static int host_path(Web *w, char **ret)
{
        return web_find_host(w, w->arguments[0], ret);
}

static int answer_host(Web *w, unsigned status, const char *path)
{
        struct json_object *host;
        int r;

        r = web_get_row(w, path, BUS_INTERFACE_HOST, &host);
        return r < 0 ? r : response_json(w, status, host);
}

int hosts_show(Web *w)
{
        _cleanup_free_ char *path = NULL;
        int r;

        r = host_path(w, &path);
        return r < 0 ? r : answer_host(w, 200, path);
}

const Field hosts_add_fields[] = {
        { "name", 's', true, NULL }, { "kind", 's', false, "kind" }, CHANGEABLE, {}
};

int hosts_add(Web *w)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL, *reply = NULL;
        _cleanup_free_ char *path = NULL;
        int r;

        r = web_call_new(w, BUS_PATH, BUS_INTERFACE_MANAGER, "AddHost", &m);
        if (r >= 0)
                r = sd_bus_message_append(m, "s", web_string(w, "name"));
        if (r >= 0)
                r = web_append_options(w, m, hosts_add_fields);
        r = web_call_send(w, m, r, &reply);
        if (r >= 0)
                r = web_read_path(w, reply, &path);

        return r < 0 ? r : answer_host(w, 201, path);
}

const Field hosts_change_fields[] = { CHANGEABLE, {} };

int hosts_change(Web *w)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        _cleanup_free_ char *path = NULL;
        int r;

        r = host_path(w, &path);
        if (r >= 0)
                r = web_call_new(w, path, BUS_INTERFACE_HOST, "Configure", &m);
        if (r >= 0)
                r = web_append_options(w, m, hosts_change_fields);
        r = web_call_send(w, m, r, NULL);

        return r < 0 ? r : answer_host(w, 200, path);
}

int hosts_remove(Web *w)
{
        _cleanup_free_ char *path = NULL;
        int r;

        r = host_path(w, &path);
        if (r >= 0)
                r = web_call(w, path, BUS_INTERFACE_HOST, "Remove", NULL, "t", UINT64_C(0));

        return r < 0 ? r : response_empty(w);
}

const Field hosts_key_fields[] = { { "fingerprint", 's', true, NULL }, {} };

int hosts_accept_key(Web *w)
{
        _cleanup_free_ char *path = NULL;
        int r;

        r = host_path(w, &path);
        if (r >= 0)
                r = web_call(w, path, BUS_INTERFACE_HOST, "AcceptHostKey", NULL, "st",
                             web_string(w, "fingerprint"), UINT64_C(0));

        return r < 0 ? r : answer_host(w, 200, path);
}

int hosts_refresh(Web *w)
{
        _cleanup_free_ char *path = NULL;
        int r;

        r = host_path(w, &path);
        if (r >= 0)
                r = web_call(w, path, BUS_INTERFACE_HOST, "Refresh", NULL, "t", UINT64_C(0));

        return r < 0 ? r : response_empty(w);
}
