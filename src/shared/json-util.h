/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <json-c/json.h>

#include "basic/macro.h"

/* Small readers over json-c. A reader of a missing key (or JSON null) returns 0 and leaves its output alone; a present key
 * of another type, or a number out of range, is -EBADMSG; found is 1. Strings are borrowed from the object. */

static inline void json_object_putp(struct json_object **o)
{
        if (*o)
                json_object_put(*o);
}
#define _cleanup_json_ _cleanup_(json_object_putp)

/* Whole text, one value, nothing behind it, nesting at most 32; -EBADMSG. */
int json_parse(const char *text, size_t size, struct json_object **ret);
/* The same for a value of one type; another one is -EBADMSG. */
int json_parse_as(const char *text, size_t size, enum json_type type, struct json_object **ret);

int json_get(struct json_object *o, const char *key, enum json_type type, struct json_object **ret);
int json_get_string(struct json_object *o, const char *key, const char **ret);
int json_get_u64(struct json_object *o, const char *key, uint64_t *ret);
int json_get_u32(struct json_object *o, const char *key, uint32_t *ret);
int json_get_i64(struct json_object *o, const char *key, int64_t *ret);
int json_get_i32(struct json_object *o, const char *key, int32_t *ret);
int json_get_double(struct json_object *o, const char *key, double *ret);
int json_get_bool(struct json_object *o, const char *key, bool *ret);
/* An array of strings, an empty one too. */
bool json_is_strings(struct json_object *o);
/* Every value of from becomes to's as well; both keep it. */
int json_merge(struct json_object *to, struct json_object *from);
/* Copies; the old value is freed. */
int json_dup_string(struct json_object *o, const char *key, char **ret);
/* The same for one line of clean text (str_is_clean()) of 1 to max bytes; anything else is -EBADMSG. */
int json_dup_text(struct json_object *o, const char *key, size_t max, char **ret);

/* Writers: 0 or -ENOMEM. A NULL string is left out. */
int json_put_string(struct json_object *o, const char *key, const char *value);
int json_put_u64(struct json_object *o, const char *key, uint64_t value);
int json_put_i64(struct json_object *o, const char *key, int64_t value);
int json_put_bool(struct json_object *o, const char *key, bool value);
int json_put_double(struct json_object *o, const char *key, double value);
/* Text that came from elsewhere: what str_clean() leaves of it on one line, at most max bytes. NULL and "" are left out. */
int json_put_clean(struct json_object *o, const char *key, const char *value, size_t max);
/* Both take the value over, also on failure. */
int json_put(struct json_object *o, const char *key, struct json_object *value);
int json_append(struct json_object *list, struct json_object *value);
