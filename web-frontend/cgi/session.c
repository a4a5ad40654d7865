/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "basic/string-util.h"
#include "basic/time-util.h"
#include "cgi/bus-call.h"
#include "cgi/handlers.h"
#include "cgi/response.h"
#include "cgi/route.h"
#include "common/web-json.h"
#include "shared/names.h"

#define COOKIE_ATTRIBUTES "Path=/; HttpOnly; SameSite=Strict"

static int accounts_call(Web *w, const char *member, sd_bus_message **ret)
{
        return web_call_new(w, BUS_PATH_ACCOUNTS, BUS_INTERFACE_ACCOUNTS, member, ret);
}

int session_append_peer(Web *w, sd_bus_message *m)
{
        int r = 0;

        if (!isempty(w->request.address))
                r = sd_bus_message_append(m, "{sv}", "address", "s", w->request.address);
        if (r >= 0 && !isempty(w->request.forwarded))
                r = sd_bus_message_append(m, "{sv}", "forwarded", "s", w->request.forwarded);

        return r;
}

static int append_options(Web *w, sd_bus_message *m)
{
        int r;

        r = sd_bus_message_open_container(m, 'a', "{sv}");
        if (r >= 0)
                r = session_append_peer(w, m);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

int session_tried(Web *w, int r, const char *name)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL, *reply = NULL;
        uint64_t usec = 0;
        int k;

        if (r >= 0 || !streq_ptr(w->error.code, "LockedOut"))
                return r;

        /* The refusal says it in words; where this fails, that is enough. */
        k = accounts_call(w, "GetLockout", &m);
        if (k >= 0)
                k = sd_bus_message_open_container(m, 'a', "{sv}");
        if (k >= 0 && name)
                k = sd_bus_message_append(m, "{sv}", "account", "s", name);
        if (k >= 0)
                k = session_append_peer(w, m);
        if (k >= 0)
                k = sd_bus_message_close_container(m);
        k = web_call_send(w, m, k, &reply);
        if (k >= 0)
                k = sd_bus_message_read(reply, "t", &usec);
        if (k >= 0)
                (void) response_header(w, "Retry-After: %" PRIu64,
                                       MAX((usec + USEC_PER_SEC - 1) / USEC_PER_SEC, UINT64_C(1)));
        return r;
}

int session_resume(Web *w)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL, *reply = NULL;
        bool optional = w->route->login == LOGIN_OPTIONAL;
        int r;

        if (!w->request.token)
                return optional ? 0 : web_fail(w, "NotLoggedIn", NULL, "Log in first.");

        r = accounts_call(w, "Resume", &m);
        if (r >= 0)
                r = sd_bus_message_sensitive(m);
        if (r >= 0)
                r = sd_bus_message_append(m, "s", w->request.token);
        if (r >= 0)
                r = append_options(w, m);
        r = web_call_send(w, m, r, &reply);
        if (r < 0 && optional && streq_ptr(w->error.code, "SessionEnded")) {
                http_error_done(&w->error);
                return 0;
        }
        if (r < 0)
                return r;

        return web_read(w, reply, &w->session);
}

static int copy(struct json_object *from, struct json_object *to, const char *key)
{
        struct json_object *v = NULL;

        (void) json_object_object_get_ex(from, key, &v);
        return web_json_put(to, key, json_object_get(v));
}

/* Who is logged in, and what the page must know before anybody is. */
static int session_answer(Web *w)
{
        _cleanup_json_ struct json_object *answer = json_object_new_object(), *first = NULL, *version = NULL;
        int r;

        if (!answer)
                return -ENOMEM;
        r = web_get_property(w, BUS_PATH_ACCOUNTS, BUS_INTERFACE_ACCOUNTS, "Empty", &first);
        if (r >= 0)
                r = web_get_property(w, BUS_PATH, BUS_INTERFACE_MANAGER, "Version", &version);
        if (r < 0)
                return r;

        if (!w->session)
                w->session = json_object_new_object();
        if (!w->session || copy(w->session, answer, "account") < 0 ||
            copy(w->session, answer, "operator") < 0 || copy(w->session, answer, "role") < 0 ||
            copy(w->session, answer, "csrf") < 0)
                return -ENOMEM;
        for (size_t i = 0; i < 2; i++) {
                static const char *const times[] = { "expires_usec", "idle_usec" };
                uint64_t t = 0;

                (void) json_get_u64(w->session, times[i], &t);
                r = json_put_u64(answer, times[i], t);
                if (r < 0)
                        return r;
        }
        r = json_put(answer, "first", TAKE_PTR(first));
        if (r >= 0)
                r = json_put(answer, "version", TAKE_PTR(version));
        if (r >= 0)
                r = json_put_u64(answer, "now_usec", now_usec(CLOCK_REALTIME));
        if (r < 0)
                return r;

        return response_json(w, 200, TAKE_PTR(answer));
}

int session_show(Web *w)
{
        return session_answer(w);
}

const Field session_login_fields[] = { { "name", 's', true, NULL }, { "password", 's', true, NULL }, {} };

int session_login(Web *w)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL, *reply = NULL;
        uint64_t expires = 0, now = now_usec(CLOCK_REALTIME);
        const char *token;
        int r;

        r = accounts_call(w, "Login", &m);
        if (r >= 0)
                r = sd_bus_message_sensitive(m);
        if (r >= 0)
                r = sd_bus_message_append(m, "ss", web_string(w, "name"), web_string(w, "password"));
        if (r >= 0)
                r = append_options(w, m);
        r = session_tried(w, web_call_send(w, m, r, &reply), web_string(w, "name"));
        if (r < 0)
                return r;

        r = sd_bus_message_read(reply, "s", &token);
        if (r >= 0)
                r = web_read(w, reply, &w->session);
        if (r < 0)
                return r;
        (void) json_get_u64(w->session, "expires_usec", &expires);
        r = response_header(w, "Set-Cookie: burnin_session=%s; " COOKIE_ATTRIBUTES "; Max-Age=%" PRIu64 "%s",
                            token, expires > now ? (expires - now) / USEC_PER_SEC : 0,
                            w->request.https ? "; Secure" : "");
        if (r < 0)
                return r;

        return session_answer(w);
}

int session_logout(Web *w)
{
        int r;

        r = web_call(w, BUS_PATH_ACCOUNTS, BUS_INTERFACE_ACCOUNTS, "Logout", NULL, "s", w->request.token);
        if (r < 0)
                return r;
        r = response_header(w, "Set-Cookie: burnin_session=; " COOKIE_ATTRIBUTES "; Max-Age=0%s",
                            w->request.https ? "; Secure" : "");
        if (r < 0)
                return r;

        return response_empty(w);
}

const Field session_password_fields[] = { { "old", 's', true, NULL }, { "new", 's', true, NULL }, {} };

int session_change_password(Web *w)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        const char *account = NULL;
        int r;

        (void) json_get_string(w->session, "account", &account);
        r = accounts_call(w, "ChangePassword", &m);
        if (r >= 0)
                r = sd_bus_message_sensitive(m);
        if (r >= 0)
                r = sd_bus_message_append(m, "ss", web_string(w, "old"), web_string(w, "new"));
        r = session_tried(w, web_call_send(w, m, r, NULL), account);
        if (r < 0)
                return r;

        return response_empty(w);
}
