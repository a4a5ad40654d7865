/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <limits.h>

#include "basic/string-util.h"
#include "shared/json-util.h"

#define JSON_DEPTH_MAX 32

int json_parse(const char *text, size_t size, struct json_object **ret)
{
        _cleanup_json_ struct json_object *o = NULL;
        struct json_tokener *t;
        enum json_tokener_error e;
        size_t end;

        if (size > INT_MAX)
                return -E2BIG;

        t = json_tokener_new_ex(JSON_DEPTH_MAX);
        if (!t)
                return -ENOMEM;

        json_tokener_set_flags(t, JSON_TOKENER_VALIDATE_UTF8);
        o = json_tokener_parse_ex(t, text, (int) size);
        e = json_tokener_get_error(t);
        end = json_tokener_get_parse_end(t);
        json_tokener_free(t);

        if (e != json_tokener_success || !o)
                return -EBADMSG;
        for (; end < size; end++)
                if (!strchr(" \t\r\n", text[end]) || !text[end])
                        return -EBADMSG;

        *ret = TAKE_PTR(o);
        return 0;
}

int json_parse_as(const char *text, size_t size, enum json_type type, struct json_object **ret)
{
        _cleanup_json_ struct json_object *o = NULL;
        int r;

        r = json_parse(text, size, &o);
        if (r < 0)
                return r;
        if (!json_object_is_type(o, type))
                return -EBADMSG;

        *ret = TAKE_PTR(o);
        return 0;
}

int json_get(struct json_object *o, const char *key, enum json_type type, struct json_object **ret)
{
        struct json_object *v;

        if (!json_object_is_type(o, json_type_object) || !json_object_object_get_ex(o, key, &v) || !v)
                return 0;
        if (!json_object_is_type(v, type))
                return -EBADMSG;

        *ret = v;
        return 1;
}

int json_get_string(struct json_object *o, const char *key, const char **ret)
{
        struct json_object *v;
        int r;

        r = json_get(o, key, json_type_string, &v);
        if (r <= 0)
                return r;
        /* A NUL inside would cut the string without a word. */
        if (strlen(json_object_get_string(v)) != (size_t) json_object_get_string_len(v))
                return -EBADMSG;

        *ret = json_object_get_string(v);
        return 1;
}

int json_get_i64(struct json_object *o, const char *key, int64_t *ret)
{
        struct json_object *v;
        int64_t i;
        int r;

        r = json_get(o, key, json_type_int, &v);
        if (r <= 0)
                return r;

        /* json-c clamps; a number at the edge may be one that did not fit. */
        i = json_object_get_int64(v);
        if (i == INT64_MAX && json_object_get_uint64(v) != (uint64_t) INT64_MAX)
                return -EBADMSG;

        *ret = i;
        return 1;
}

int json_get_u64(struct json_object *o, const char *key, uint64_t *ret)
{
        struct json_object *v;
        int r;

        r = json_get(o, key, json_type_int, &v);
        if (r <= 0)
                return r;
        if (json_object_get_int64(v) < 0)
                return -EBADMSG;

        *ret = json_object_get_uint64(v);
        return 1;
}

int json_get_u32(struct json_object *o, const char *key, uint32_t *ret)
{
        uint64_t v;
        int r;

        r = json_get_u64(o, key, &v);
        if (r <= 0)
                return r;
        if (v > UINT32_MAX)
                return -EBADMSG;

        *ret = (uint32_t) v;
        return 1;
}

int json_get_i32(struct json_object *o, const char *key, int32_t *ret)
{
        int64_t v;
        int r;

        r = json_get_i64(o, key, &v);
        if (r <= 0)
                return r;
        if (v > INT32_MAX || v < INT32_MIN)
                return -EBADMSG;

        *ret = (int32_t) v;
        return 1;
}

int json_get_double(struct json_object *o, const char *key, double *ret)
{
        struct json_object *v;

        if (!json_object_is_type(o, json_type_object) || !json_object_object_get_ex(o, key, &v) || !v)
                return 0;
        if (!json_object_is_type(v, json_type_double) && !json_object_is_type(v, json_type_int))
                return -EBADMSG;

        *ret = json_object_get_double(v);
        return 1;
}

int json_get_bool(struct json_object *o, const char *key, bool *ret)
{
        struct json_object *v;
        int r;

        r = json_get(o, key, json_type_boolean, &v);
        if (r <= 0)
                return r;

        *ret = json_object_get_boolean(v);
        return 1;
}

int json_dup_string(struct json_object *o, const char *key, char **ret)
{
        const char *s;
        char *t;
        int r;

        r = json_get_string(o, key, &s);
        if (r <= 0)
                return r;

        t = strdup(s);
        if (!t)
                return -ENOMEM;

        free(*ret);
        *ret = t;
        return 1;
}

int json_dup_text(struct json_object *o, const char *key, size_t max, char **ret)
{
        const char *s;
        int r;

        r = json_get_string(o, key, &s);
        if (r <= 0)
                return r;
        if (isempty(s) || !str_is_clean(s, max, false))
                return -EBADMSG;

        r = free_and_strdup(ret, s);
        return r < 0 ? r : 1;
}

int json_put(struct json_object *o, const char *key, struct json_object *value)
{
        if (!value)
                return -ENOMEM;
        if (json_object_object_add(o, key, value) < 0) {
                json_object_put(value);
                return -ENOMEM;
        }

        return 0;
}

int json_append(struct json_object *list, struct json_object *value)
{
        if (!value || json_object_array_add(list, value) < 0) {
                json_object_put(value);
                return -ENOMEM;
        }

        return 0;
}

int json_put_clean(struct json_object *o, const char *key, const char *value, size_t max)
{
        _cleanup_free_ char *clean = NULL;

        if (isempty(value))
                return 0;
        clean = str_clean(value, strlen(value), max, false);

        return clean ? json_put_string(o, key, clean) : -ENOMEM;
}

int json_put_string(struct json_object *o, const char *key, const char *value)
{
        return value ? json_put(o, key, json_object_new_string(value)) : 0;
}

int json_put_u64(struct json_object *o, const char *key, uint64_t value)
{
        return json_put(o, key, json_object_new_uint64(value));
}

int json_put_i64(struct json_object *o, const char *key, int64_t value)
{
        return json_put(o, key, json_object_new_int64(value));
}

int json_put_bool(struct json_object *o, const char *key, bool value)
{
        return json_put(o, key, json_object_new_boolean(value));
}

int json_put_double(struct json_object *o, const char *key, double value)
{
        return json_put(o, key, json_object_new_double(value));
}

bool json_is_strings(struct json_object *o)
{
        if (!json_object_is_type(o, json_type_array))
                return false;
        for (size_t i = 0; i < json_object_array_length(o); i++)
                if (!json_object_is_type(json_object_array_get_idx(o, i), json_type_string))
                        return false;

        return true;
}

int json_merge(struct json_object *to, struct json_object *from)
{
        json_object_object_foreach(from, key, value)
        {
                if (json_object_object_add(to, key, json_object_get(value)) < 0) {
                        json_object_put(value);
                        return -ENOMEM;
                }
        }

        return 0;
}
