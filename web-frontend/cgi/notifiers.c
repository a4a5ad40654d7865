/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "basic/string-util.h"
#include "cgi/bus-call.h"
#include "cgi/handlers.h"
#include "cgi/list.h"
#include "cgi/response.h"
#include "shared/names.h"

/* clang-format off */
#define CHANGEABLE                              \
        { "url", 's', false, "url" },           \
        { "secret", 's', false, "secret" },     \
        { "to", 'a', false, "to" },             \
        { "events", 'a', false, "events" },     \
        { "hosts", 'a', false, "hosts" },       \
        { "severity", 's', false, "severity" }, \
        { "enabled", 'b', false, "enabled" }
/* clang-format on */

int notifiers_list(Web *w)
{
        return list_answer(w, BUS_PATH_NOTIFIERS, BUS_INTERFACE_NOTIFIERS, "List", NULL, "notifiers", false);
}

/* A call with options that no log of the bus shows; kind NULL: without it. */
static int change(Web *w, const char *member, const char *name, const char *kind, const Field *fields)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        int r;

        r = web_call_new(w, BUS_PATH_NOTIFIERS, BUS_INTERFACE_NOTIFIERS, member, &m);
        if (r >= 0)
                r = sd_bus_message_sensitive(m);
        if (r >= 0)
                r = sd_bus_message_append(m, "s", name);
        if (r >= 0 && kind)
                r = sd_bus_message_append(m, "s", kind);
        if (r >= 0)
                r = web_append_options(w, m, fields);
        r = web_call_send(w, m, r, NULL);

        return r < 0 ? r : response_empty(w);
}

const Field notifiers_add_fields[] = {
        { "name", 's', true, NULL }, { "kind", 's', true, NULL }, CHANGEABLE, {}
};

int notifiers_add(Web *w)
{
        return change(w, "Add", web_string(w, "name"), web_string(w, "kind"), notifiers_add_fields);
}

const Field notifiers_change_fields[] = { CHANGEABLE, {} };

int notifiers_change(Web *w)
{
        return change(w, "Configure", w->arguments[0], NULL, notifiers_change_fields);
}

static int call_named(Web *w, const char *member, const char *name)
{
        int r;

        r = web_call(w, BUS_PATH_NOTIFIERS, BUS_INTERFACE_NOTIFIERS, member, NULL, "st", name, UINT64_C(0));
        return r < 0 ? r : response_empty(w);
}

int notifiers_remove(Web *w)
{
        return call_named(w, "Remove", w->arguments[0]);
}

int notifiers_test(Web *w)
{
        return call_named(w, "Test", w->arguments[0]);
}

/* The name that people know of elsewhere. */
int settings_test_smtp(Web *w)
{
        return call_named(w, "Test", "mail");
}

const Field deliveries_fields[] = { { "notifier", 's', false, "notifier" },
                                    { "state", 's', false, "state" },
                                    { "offset", 'u', false, "offset" },
                                    { "limit", 'u', false, "limit" },
                                    {} };

int deliveries_list(Web *w)
{
        return list_answer(w, BUS_PATH_NOTIFIERS, BUS_INTERFACE_NOTIFIERS, "ListDeliveries",
                           deliveries_fields, "deliveries", true);
}

const Field deliveries_retry_fields[] = { { "notifier", 's', false, NULL }, {} };

int deliveries_retry(Web *w)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        _cleanup_json_ struct json_object *answer = json_object_new_object(), *count = NULL;
        int r;

        if (!answer)
                return -ENOMEM;
        r = web_call(w, BUS_PATH_NOTIFIERS, BUS_INTERFACE_NOTIFIERS, "Retry", &reply, "st",
                     strempty(web_string(w, "notifier")), UINT64_C(0));
        if (r >= 0)
                r = web_read(w, reply, &count);
        if (r >= 0)
                r = json_put(answer, "count", TAKE_PTR(count));

        return r < 0 ? r : response_json(w, 200, TAKE_PTR(answer));
}
