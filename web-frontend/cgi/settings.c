/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "basic/string-util.h"
#include "cgi/bus-call.h"
#include "cgi/handlers.h"
#include "cgi/list.h"
#include "cgi/response.h"
#include "shared/names.h"

/* Each change is one message of the bus. */
#define CHANGES_MAX 64

int settings_list(Web *w)
{
        return list_answer(w, BUS_PATH, BUS_INTERFACE_SETTINGS, "List", NULL, "settings", false);
}

/* A whole number goes as text, which a file would have too: 1 may also be meant as a ratio. */
static int append_value(Web *w, sd_bus_message *m, const char *name, struct json_object *v)
{
        int r;

        switch (json_object_get_type(v)) {
        case json_type_string:
        case json_type_int:
                return sd_bus_message_append(m, "v", "s", json_object_get_string(v));
        case json_type_boolean:
                return sd_bus_message_append(m, "v", "b", json_object_get_boolean(v));
        case json_type_double:
                return sd_bus_message_append(m, "v", "d", json_object_get_double(v));
        case json_type_array:
                if (!json_is_strings(v))
                        break;
                if ((r = sd_bus_message_open_container(m, 'v', "as")) < 0 ||
                    (r = sd_bus_message_open_container(m, 'a', "s")) < 0)
                        return r;
                for (size_t i = 0; i < json_object_array_length(v); i++) {
                        r = sd_bus_message_append(m, "s",
                                                  json_object_get_string(json_object_array_get_idx(v, i)));
                        if (r < 0)
                                return r;
                }
                r = sd_bus_message_close_container(m);
                return r < 0 ? r : sd_bus_message_close_container(m);
        default:
                break;
        }

        return web_fail(w, "BadField", name, "\"%s\" has a value that no setting has.", name);
}

static int setting_change(Web *w, const char *name, struct json_object *v)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        int r;

        r = web_call_new(w, BUS_PATH, BUS_INTERFACE_SETTINGS, v ? "Set" : "Reset", &m);
        if (r >= 0)
                r = sd_bus_message_append(m, "s", name);
        if (r >= 0 && v)
                r = append_value(w, m, name, v);
        if (r >= 0)
                r = sd_bus_message_append(m, "t", UINT64_C(0));

        return web_call_send(w, m, r, NULL);
}

int settings_change(Web *w)
{
        int n = json_object_object_length(w->input);

        if (n < 1 || n > CHANGES_MAX)
                return web_fail(w, "BadField", NULL, "The body must have from 1 to %d settings.",
                                CHANGES_MAX);
        w->applied = json_object_new_array();
        if (!w->applied)
                return -ENOMEM;
        json_object_object_foreach(w->input, name, v)
        {
                struct json_object *done;
                int r;

                r = setting_change(w, name, v);
                if (r < 0) {
                        if (w->error.status != 0 && !w->error.field)
                                w->error.field = strdup(name);
                        return r;
                }
                done = json_object_new_string(name);
                if (!done || json_object_array_add(w->applied, done) < 0) {
                        json_object_put(done);
                        return -ENOMEM;
                }
        }

        return settings_list(w);
}
