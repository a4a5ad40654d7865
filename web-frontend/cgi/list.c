/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "basic/string-util.h"
#include "cgi/bus-call.h"
#include "cgi/list.h"
#include "cgi/response.h"
#include "shared/names.h"

const Field list_all_fields[] = { {} };

int list_check_page(Web *w)
{
        struct json_object *limit = web_value(w, "limit");

        if (limit && (json_object_get_int64(limit) < 1 || json_object_get_int64(limit) > LIST_PAGE_MAX))
                return web_fail(w, "BadParameter", "limit", "\"limit\" must be from 1 to %u.",
                                LIST_PAGE_MAX);
        return 0;
}

int list_set_page(Web *w, uint64_t offset, uint64_t limit)
{
        int r;

        r = json_put_u64(w->input, "offset", offset);
        return r < 0 ? r : json_put_u64(w->input, "limit", limit);
}

static int read_total(sd_bus_message *reply, uint64_t *ret)
{
        uint32_t small;
        char type;
        int r;

        r = sd_bus_message_peek_type(reply, &type, NULL);
        if (r < 0)
                return r;
        if (type == SD_BUS_TYPE_UINT64)
                return sd_bus_message_read_basic(reply, type, ret);
        if (type != SD_BUS_TYPE_UINT32)
                return -EBADMSG;

        r = sd_bus_message_read_basic(reply, type, &small);
        if (r >= 0)
                *ret = small;
        return r;
}

int list_read(Web *w, const char *path, const char *interface, const char *member, const Field *fields,
              struct json_object **ret, uint64_t *ret_total)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL, *reply = NULL;
        _cleanup_json_ struct json_object *rows = NULL;
        int r;

        r = web_call_new(w, path, interface, member, &m);
        if (r >= 0 && fields)
                r = web_append_options(w, m, fields);
        r = web_call_send(w, m, r, &reply);
        if (r < 0)
                return r;

        r = web_read(w, reply, &rows);
        if (r >= 0 && !json_object_is_type(rows, json_type_array))
                r = -EBADMSG;
        if (r >= 0 && ret_total)
                r = read_total(reply, ret_total);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(rows);
        return 0;
}

int list_answer(Web *w, const char *path, const char *interface, const char *member, const Field *fields,
                const char *key, bool paged)
{
        _cleanup_json_ struct json_object *answer = json_object_new_object();
        struct json_object *rows, *offset = web_value(w, "offset");
        uint64_t total = 0;
        int r;

        if (!answer)
                return -ENOMEM;
        r = paged ? list_check_page(w) : 0;
        if (r >= 0)
                r = list_read(w, path, interface, member, fields, &rows, paged ? &total : NULL);
        if (r >= 0)
                r = json_put(answer, key, rows);
        if (r >= 0 && paged)
                r = json_put_u64(answer, "total", total);
        if (r >= 0 && paged)
                r = json_put_i64(answer, "offset", offset ? json_object_get_int64(offset) : 0);
        if (r < 0)
                return r;

        return response_json(w, 200, TAKE_PTR(answer));
}
