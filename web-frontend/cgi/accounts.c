/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "basic/parse-util.h"
#include "basic/string-util.h"
#include "cgi/bus-call.h"
#include "cgi/handlers.h"
#include "cgi/list.h"
#include "cgi/response.h"
#include "shared/names.h"

/* A call whose arguments are all texts, in a message that no log of the bus shows; flags behind them. */
static int accounts_change_call(Web *w, const char *member, const char *const *texts, size_t n)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        int r;

        r = web_call_new(w, BUS_PATH_ACCOUNTS, BUS_INTERFACE_ACCOUNTS, member, &m);
        if (r >= 0)
                r = sd_bus_message_sensitive(m);
        for (size_t i = 0; r >= 0 && i < n; i++)
                r = sd_bus_message_append(m, "s", texts[i]);
        if (r >= 0)
                r = sd_bus_message_append(m, "t", UINT64_C(0));

        return web_call_send(w, m, r, NULL);
}

#define CHANGE_CALL(w, member, ...)                                                                         \
        accounts_change_call(w, member, (const char *const[]){ __VA_ARGS__ },                               \
                             ELEMENTSOF(((const char *const[]){ __VA_ARGS__ })))

static int answer_name(Web *w)
{
        struct json_object *answer = json_object_new_object();

        if (!answer || json_put_string(answer, "name", web_string(w, "name")) < 0) {
                json_object_put(answer);
                return -ENOMEM;
        }
        return response_json(w, 201, answer);
}

const Field accounts_first_fields[] = {
        { "name", 's', true, NULL }, { "password", 's', true, NULL }, { "code", 's', true, "code" }, {}
};

int accounts_create_first(Web *w)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        int r;

        r = web_call_new(w, BUS_PATH_ACCOUNTS, BUS_INTERFACE_ACCOUNTS, "CreateFirst", &m);
        if (r >= 0)
                r = sd_bus_message_sensitive(m);
        if (r >= 0)
                r = sd_bus_message_append(m, "ss", web_string(w, "name"), web_string(w, "password"));
        if (r >= 0)
                r = web_open_options(w, m, accounts_first_fields);
        if (r >= 0)
                r = session_append_peer(w, m);
        if (r >= 0)
                r = web_close_options(m);
        r = session_tried(w, web_call_send(w, m, r, NULL), NULL);
        if (r < 0)
                return r;

        return answer_name(w);
}

int accounts_list(Web *w)
{
        return list_answer(w, BUS_PATH_ACCOUNTS, BUS_INTERFACE_ACCOUNTS, "List", NULL, "accounts", false);
}

const Field accounts_add_fields[] = {
        { "name", 's', true, NULL }, { "password", 's', true, NULL }, { "role", 's', true, NULL }, {}
};

int accounts_add(Web *w)
{
        int r;

        r = CHANGE_CALL(w, "Add", web_string(w, "name"), web_string(w, "role"), web_string(w, "password"));
        return r < 0 ? r : answer_name(w);
}

const Field accounts_change_fields[] = { { "role", 's', false, NULL },
                                         { "password", 's', false, NULL },
                                         {} };

int accounts_change(Web *w)
{
        const char *name = w->arguments[0], *role = web_string(w, "role"),
                   *password = web_string(w, "password");
        int r = 0;

        if (!role && !password)
                return web_fail(w, "BadField", "role", "Give \"role\", \"password\" or both.");
        if (role)
                r = CHANGE_CALL(w, "SetRole", name, role);
        if (r >= 0 && password)
                r = CHANGE_CALL(w, "SetPassword", name, password);

        return r < 0 ? r : response_empty(w);
}

int accounts_remove(Web *w)
{
        int r;

        r = CHANGE_CALL(w, "Remove", w->arguments[0]);
        return r < 0 ? r : response_empty(w);
}

const Field accounts_session_fields[] = { { "account", 's', false, "account" }, {} };

int accounts_list_sessions(Web *w)
{
        return list_answer(w, BUS_PATH_ACCOUNTS, BUS_INTERFACE_ACCOUNTS, "ListSessions",
                           accounts_session_fields, "sessions", false);
}

int accounts_revoke_session(Web *w)
{
        uint64_t id;
        int r;

        if (parse_u64(w->arguments[0], &id) < 0)
                return web_fail(w, "NotFound", NULL, "A session has a number.");
        r = web_call(w, BUS_PATH_ACCOUNTS, BUS_INTERFACE_ACCOUNTS, "RevokeSession", NULL, "tt", id,
                     UINT64_C(0));
        if (r < 0 && streq_ptr(w->error.code, "SessionEnded")) {
                /* Not the one of who asks: that was resumed a moment ago. */
                http_error_done(&w->error);
                return web_fail(w, "NotFound", NULL, "There is no such session, or not any more.");
        }

        return r < 0 ? r : response_empty(w);
}
