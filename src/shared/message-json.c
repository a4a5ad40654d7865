/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <math.h>

#include "basic/string-util.h"
#include "shared/message-json.h"

static int message_read(sd_bus_message *m, bool nullable, struct json_object **ret);

static int message_read_basic(sd_bus_message *m, char type, struct json_object **ret)
{
        union {
                const char *s;
                uint8_t y;
                int b;
                int16_t n;
                uint16_t q;
                int32_t i;
                uint32_t u;
                int64_t x;
                uint64_t t;
                double d;
        } v;
        int r;

        r = sd_bus_message_read_basic(m, type, &v);
        if (r < 0)
                return r;

        switch (type) {
        case SD_BUS_TYPE_STRING:
        case SD_BUS_TYPE_OBJECT_PATH:
        case SD_BUS_TYPE_SIGNATURE:
                *ret = json_object_new_string(v.s);
                break;
        case SD_BUS_TYPE_BOOLEAN:
                *ret = json_object_new_boolean(v.b);
                break;
        case SD_BUS_TYPE_BYTE:
                *ret = json_object_new_int64(v.y);
                break;
        case SD_BUS_TYPE_INT16:
                *ret = json_object_new_int64(v.n);
                break;
        case SD_BUS_TYPE_UINT16:
                *ret = json_object_new_int64(v.q);
                break;
        case SD_BUS_TYPE_INT32:
        case SD_BUS_TYPE_UNIX_FD:
                *ret = json_object_new_int64(v.i);
                break;
        case SD_BUS_TYPE_UINT32:
                *ret = json_object_new_int64(v.u);
                break;
        case SD_BUS_TYPE_INT64:
                *ret = json_object_new_int64(v.x);
                break;
        case SD_BUS_TYPE_UINT64:
                *ret = json_object_new_uint64(v.t);
                break;
        case SD_BUS_TYPE_DOUBLE:
                if (!isfinite(v.d)) {
                        *ret = NULL;
                        return 0;
                }
                *ret = json_object_new_double(v.d);
                break;
        default:
                return -EBADMSG;
        }

        return *ret ? 0 : -ENOMEM;
}

static int message_read_array(sd_bus_message *m, struct json_object **ret)
{
        _cleanup_json_ struct json_object *a = NULL;
        int r;

        a = json_object_new_array();
        if (!a)
                return -ENOMEM;

        for (;;) {
                struct json_object *o;

                r = message_read(m, true, &o);
                if (r < 0)
                        return r;
                if (r == 0)
                        break;
                if (json_object_array_add(a, o) < 0) {
                        json_object_put(o);
                        return -ENOMEM;
                }
        }

        *ret = TAKE_PTR(a);
        return 0;
}

static int message_read_dict(sd_bus_message *m, const char *entry, struct json_object **ret)
{
        _cleanup_json_ struct json_object *d = NULL;
        _cleanup_free_ char *contents = NULL;
        int r;

        d = json_object_new_object();
        /* Between the braces: the type of the key, then that of the value. */
        contents = strndup(entry + 1, strlen(entry) - 2);
        if (!d || !contents)
                return -ENOMEM;

        while ((r = sd_bus_message_enter_container(m, SD_BUS_TYPE_DICT_ENTRY, contents)) > 0) {
                _cleanup_json_ struct json_object *key = NULL;
                struct json_object *value = NULL;

                r = message_read(m, false, &key);
                if (r < 0)
                        return r;
                r = message_read(m, true, &value);
                if (r < 0)
                        return r;
                /* The value may be NULL: JSON's null. */
                if (json_object_object_add(d, json_object_get_string(key), value) < 0) {
                        json_object_put(value);
                        return -ENOMEM;
                }
                r = sd_bus_message_exit_container(m);
                if (r < 0)
                        return r;
        }
        if (r < 0)
                return r;

        *ret = TAKE_PTR(d);
        return 0;
}

/* One value. Depth needs no bound of its own: libsystemd refuses messages nested deeper than the D-Bus specification allows
 * (64). */
static int message_read(sd_bus_message *m, bool nullable, struct json_object **ret)
{
        _cleanup_json_ struct json_object *o = NULL;
        const char *contents;
        char type;
        int r;

        r = sd_bus_message_peek_type(m, &type, &contents);
        if (r <= 0)
                return r;

        if (type == SD_BUS_TYPE_ARRAY || type == SD_BUS_TYPE_VARIANT || type == SD_BUS_TYPE_STRUCT) {
                r = sd_bus_message_enter_container(m, type, contents);
                if (r < 0)
                        return r;
                if (type == SD_BUS_TYPE_ARRAY && contents[0] == '{')
                        r = message_read_dict(m, contents, &o);
                else if (type == SD_BUS_TYPE_VARIANT)
                        r = message_read(m, true, &o);
                else
                        r = message_read_array(m, &o);
                if (r < 0)
                        return r;
                r = sd_bus_message_exit_container(m);
        } else
                r = message_read_basic(m, type, &o);
        if (r < 0)
                return r;
        if (!o && !nullable)
                return -EBADMSG;

        *ret = TAKE_PTR(o);
        return 1;
}

int message_read_json(sd_bus_message *m, struct json_object **ret)
{
        return message_read(m, true, ret);
}
