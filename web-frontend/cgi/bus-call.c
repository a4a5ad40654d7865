/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <stdarg.h>

#include "basic/fd-util.h"
#include "basic/parse-util.h"
#include "basic/string-util.h"
#include "cgi/bus-call.h"
#include "common/web-json.h"
#include "shared/bus-error.h"
#include "shared/message-json.h"
#include "shared/names.h"

/* Longer than anything that burnind answers late: a host that is asked to light an LED. */
#define CALL_TIMEOUT USEC_PER_MINUTE
#define PROPERTIES   "org.freedesktop.DBus.Properties"

static int bus_open(Web *w)
{
        int r;

        if (w->bus)
                return 0;

        (void) bus_error_register();
        r = sd_bus_open_system(&w->bus);
        if (r < 0)
                return web_fail(w, "BusDown", NULL, "The system bus is not there: %s", strerror(-r));

        (void) sd_bus_set_method_call_timeout(w->bus, CALL_TIMEOUT);
        return 0;
}

int web_call_new(Web *w, const char *path, const char *interface, const char *member, sd_bus_message **ret)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        int r;

        r = bus_open(w);
        if (r < 0)
                return r;
        r = sd_bus_message_new_method_call(w->bus, &m, BUS_NAME, path, interface, member);
        if (r < 0)
                return r;
        r = sd_bus_message_set_auto_start(m, false);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(m);
        return 0;
}

int web_call_send(Web *w, sd_bus_message *m, int r, sd_bus_message **ret)
{
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;

        if (r < 0)
                return r;
        r = sd_bus_call(w->bus, m, 0, &error, &reply);
        if (r < 0)
                return http_error_set_bus(&w->error, &error, r);

        if (ret)
                *ret = TAKE_PTR(reply);
        return 0;
}

int web_call(Web *w, const char *path, const char *interface, const char *member, sd_bus_message **ret,
             const char *types, ...)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        va_list ap;
        int r;

        r = web_call_new(w, path, interface, member, &m);
        if (r < 0)
                return r;
        va_start(ap, types);
        r = sd_bus_message_appendv(m, types, ap);
        va_end(ap);

        return web_call_send(w, m, r, ret);
}

int web_read_raw(Web *w, sd_bus_message *reply, struct json_object **ret)
{
        int r;

        r = message_read_json(reply, ret);
        if (r == 0)
                r = -EBADMSG;
        return r < 0 ? r : 0;
}

int web_read(Web *w, sd_bus_message *reply, struct json_object **ret)
{
        _cleanup_json_ struct json_object *raw = NULL;
        int r;

        r = web_read_raw(w, reply, &raw);
        if (r < 0)
                return r;

        return web_json_from_bus(raw, ret);
}

int web_read_path(Web *w, sd_bus_message *reply, char **ret)
{
        const char *path;
        char *copy;
        int r;

        r = sd_bus_message_read(reply, "o", &path);
        if (r < 0)
                return r;
        copy = strdup(path);
        if (!copy)
                return -ENOMEM;

        *ret = copy;
        return 0;
}

int web_get_all(Web *w, const char *path, const char *interface, struct json_object **ret)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        int r;

        r = web_call(w, path, PROPERTIES, "GetAll", &reply, "s", interface);
        if (r < 0)
                return r;

        return web_read_raw(w, reply, ret);
}

int web_get_property(Web *w, const char *path, const char *interface, const char *name,
                     struct json_object **ret)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        int r;

        r = web_call(w, path, PROPERTIES, "Get", &reply, "ss", interface, name);
        if (r < 0)
                return r;

        return web_read_raw(w, reply, ret);
}

int web_get_row(Web *w, const char *path, const char *interface, struct json_object **ret)
{
        _cleanup_json_ struct json_object *raw = NULL;
        int r;

        r = web_get_all(w, path, interface, &raw);
        if (r < 0)
                return r;

        return web_json_from_bus(raw, ret);
}

static int find(Web *w, const char *member, const char *name, char **ret)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        int r;

        r = web_call(w, BUS_PATH, BUS_INTERFACE_MANAGER, member, &reply, "s", name);
        if (r < 0)
                return r;

        return web_read_path(w, reply, ret);
}

int web_find_drive(Web *w, const char *id, char **ret)
{
        return find(w, "GetDrive", id, ret);
}

int web_find_host(Web *w, const char *name, char **ret)
{
        return find(w, "GetHost", name, ret);
}

int web_find_job(Web *w, const char *id, char **ret)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        uint64_t n;
        int r;

        if (parse_u64(id, &n) < 0)
                return web_fail(w, "NoSuchJob", NULL, "There is no job \"%s\": a job has a number.", id);
        r = web_call(w, BUS_PATH, BUS_INTERFACE_MANAGER, "GetJob", &reply, "t", n);
        if (r < 0)
                return r;

        return web_read_path(w, reply, ret);
}

static int append_list(sd_bus_message *m, const char *key, struct json_object *list)
{
        int r;

        if ((r = sd_bus_message_open_container(m, 'e', "sv")) < 0 ||
            (r = sd_bus_message_append(m, "s", key)) < 0 ||
            (r = sd_bus_message_open_container(m, 'v', "as")) < 0 ||
            (r = sd_bus_message_open_container(m, 'a', "s")) < 0)
                return r;
        for (size_t i = 0; i < json_object_array_length(list); i++) {
                r = sd_bus_message_append(m, "s",
                                          json_object_get_string(json_object_array_get_idx(list, i)));
                if (r < 0)
                        return r;
        }
        if ((r = sd_bus_message_close_container(m)) < 0 || (r = sd_bus_message_close_container(m)) < 0)
                return r;

        return sd_bus_message_close_container(m);
}

static int append_option(sd_bus_message *m, const Field *f, struct json_object *v)
{
        int64_t n = json_object_get_int64(v);

        switch (f->type) {
        case 's':
                return sd_bus_message_append(m, "{sv}", f->option, "s", json_object_get_string(v));
        case 'b':
                return sd_bus_message_append(m, "{sv}", f->option, "b", json_object_get_boolean(v));
        case 'i':
                return sd_bus_message_append(m, "{sv}", f->option, "i", (int32_t) n);
        case 'q':
                return sd_bus_message_append(m, "{sv}", f->option, "q", (int) n);
        case 'u':
                return sd_bus_message_append(m, "{sv}", f->option, "u", (uint32_t) n);
        case 't':
                return sd_bus_message_append(m, "{sv}", f->option, "t", (uint64_t) n);
        case 'a':
                return append_list(m, f->option, v);
        case 'h': {
                const char *secret = json_object_get_string(v);
                _cleanup_close_ int fd = memfd_new_sealed(f->option, secret, strlen(secret));

                return fd < 0 ? fd : sd_bus_message_append(m, "{sv}", f->option, "h", fd);
        }
        default:
                assert_not_reached();
        }
}

int web_open_options(Web *w, sd_bus_message *m, const Field *fields)
{
        int r;

        r = sd_bus_message_open_container(m, 'a', "{sv}");
        for (const Field *f = fields; r >= 0 && f && f->name; f++) {
                struct json_object *v = web_value(w, f->name);

                if (v && f->option)
                        r = append_option(m, f, v);
        }

        return r < 0 ? r : 0;
}

int web_close_options(sd_bus_message *m)
{
        return sd_bus_message_close_container(m);
}

int web_append_options(Web *w, sd_bus_message *m, const Field *fields)
{
        int r;

        r = web_open_options(w, m, fields);
        return r < 0 ? r : web_close_options(m);
}
