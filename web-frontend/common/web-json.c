/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <ctype.h>

#include "basic/parse-util.h"
#include "basic/string-util.h"
#include "common/web-json.h"
#include "shared/names.h"

/* Units are one word, however they are written. */
static const struct {
        const char *name, *word;
} units[] = { { "USec", "Usec" }, { "MDegC", "Mdegc" } };

char *web_json_key(const char *name)
{
        size_t n = strlen(name);
        _cleanup_free_ char *word = strdup(name), *key = new (char, 2 * n + 1);
        char *k = key;

        if (!word || !key)
                return NULL;

        for (size_t i = 0; i < ELEMENTSOF(units); i++)
                if (endswith(word, units[i].name))
                        memcpy(word + n - strlen(units[i].word), units[i].word, strlen(units[i].word));

        for (size_t i = 0; i < n; i++) {
                bool upper = isupper((unsigned char) word[i]);

                /* A word begins where a capital follows a small letter, or ends a row of capitals. */
                if (upper && i > 0 && word[i - 1] != '_' &&
                    (!isupper((unsigned char) word[i - 1]) || islower((unsigned char) word[i + 1])))
                        *k++ = '_';
                *k++ = (char) tolower((unsigned char) word[i]);
        }
        *k = '\0';
        return TAKE_PTR(key);
}

int web_json_put(struct json_object *o, const char *key, struct json_object *value)
{
        if (!o || json_object_object_add(o, key, value) < 0) {
                json_object_put(value);
                return -ENOMEM;
        }
        return 0;
}

/* Keys whose values are not simply those of the bus. */
typedef enum Form {
        FORM_PLAIN,
        FORM_PATHS,  /* a path, or several, that other keys tell as well: left out */
        FORM_PATH,   /* the last part of a path */
        FORM_TEXT,   /* JSON as text */
        FORM_TUPLES, /* an array of arrays */
} Form;

static const struct {
        const char *key;
        Form form;
        const char *members[5];
} forms[] = {
        { "object", FORM_PATHS, {} },
        { "drive", FORM_PATHS, {} },
        { "stages", FORM_PATHS, {} },
        { "active_job", FORM_PATH, {} },
        { "current_stage", FORM_PATH, {} },
        { "job", FORM_PATH, {} },
        { "smart", FORM_TEXT, {} },
        { "phase_history", FORM_TUPLES, { "number", "name", "started_usec" } },
        { "evidence", FORM_TUPLES, { "rule", "expected", "observed", "source", "verdict" } },
};

static bool is_path(struct json_object *o)
{
        if (json_object_is_type(o, json_type_array))
                return json_object_array_length(o) == 0 || is_path(json_object_array_get_idx(o, 0));

        return json_object_is_type(o, json_type_string) &&
               (streq(json_object_get_string(o), "/") ||
                startswith(json_object_get_string(o), BUS_PATH "/"));
}

static struct json_object *path_to_id(const char *path)
{
        const char *last = strrchr(path, '/') + 1;
        uint64_t n;

        if (parse_u64(last, &n) >= 0)
                return json_object_new_uint64(n);

        return json_object_new_string(last);
}

static int tuples_to_objects(struct json_object *tuples, const char *const members[static 5],
                             struct json_object **ret)
{
        _cleanup_json_ struct json_object *rows = json_object_new_array();

        if (!rows)
                return -ENOMEM;
        for (size_t i = 0; i < json_object_array_length(tuples); i++) {
                struct json_object *tuple = json_object_array_get_idx(tuples, i), *row;

                if (!json_object_is_type(tuple, json_type_array))
                        return -EBADMSG;
                row = json_object_new_object();
                if (!row || json_object_array_add(rows, row) < 0) {
                        json_object_put(row);
                        return -ENOMEM;
                }
                for (size_t j = 0; j < 5 && members[j]; j++) {
                        int r = web_json_put(row, members[j],
                                             json_object_get(json_object_array_get_idx(tuple, j)));

                        if (r < 0)
                                return r;
                }
        }

        *ret = TAKE_PTR(rows);
        return 0;
}

static int value_convert(const char *key, struct json_object *value, struct json_object **ret)
{
        size_t i = 0;

        while (i < ELEMENTSOF(forms) && !streq(forms[i].key, key))
                i++;

        switch (i < ELEMENTSOF(forms) ? forms[i].form : FORM_PLAIN) {
        case FORM_PATHS:
                break;
        case FORM_PATH:
                if (!is_path(value) || !json_object_is_type(value, json_type_string))
                        break;
                *ret = streq(json_object_get_string(value), "/") ? NULL
                                                                 : path_to_id(json_object_get_string(value));
                return 0;
        case FORM_TEXT:
                if (!json_object_is_type(value, json_type_string))
                        break;
                /* Text that is none is as good as none. */
                if (json_parse(json_object_get_string(value), (size_t) json_object_get_string_len(value),
                               ret) < 0)
                        *ret = NULL;
                return 0;
        case FORM_TUPLES:
                if (!json_object_is_type(value, json_type_array))
                        break;
                return tuples_to_objects(value, forms[i].members, ret);
        case FORM_PLAIN:
                if (endswith(key, "mdegc") && json_object_get_int64(value) == MDEGC_UNKNOWN) {
                        *ret = NULL;
                        return 0;
                }
                break;
        }

        return web_json_from_bus(value, ret);
}

static bool is_left_out(const char *key, struct json_object *value)
{
        for (size_t i = 0; i < ELEMENTSOF(forms); i++)
                if (forms[i].form == FORM_PATHS && streq(forms[i].key, key))
                        return is_path(value);

        return false;
}

static int object_convert(struct json_object *o, struct json_object **ret)
{
        _cleanup_json_ struct json_object *converted = json_object_new_object();

        if (!converted)
                return -ENOMEM;
        json_object_object_foreach(o, name, value)
        {
                _cleanup_free_ char *key = web_json_key(name);
                struct json_object *v;
                int r;

                if (!key)
                        return -ENOMEM;
                if (is_left_out(key, value))
                        continue;
                r = value_convert(key, value, &v);
                if (r < 0)
                        return r;
                r = web_json_put(converted, key, v);
                if (r < 0)
                        return r;
        }

        *ret = TAKE_PTR(converted);
        return 0;
}

int web_json_from_bus(struct json_object *value, struct json_object **ret)
{
        _cleanup_json_ struct json_object *rows = NULL;

        if (json_object_is_type(value, json_type_object))
                return object_convert(value, ret);
        if (!json_object_is_type(value, json_type_array)) {
                *ret = json_object_get(value);
                return 0;
        }

        rows = json_object_new_array();
        if (!rows)
                return -ENOMEM;
        for (size_t i = 0; i < json_object_array_length(value); i++) {
                struct json_object *row;
                int r;

                r = web_json_from_bus(json_object_array_get_idx(value, i), &row);
                if (r < 0)
                        return r;
                if (json_object_array_add(rows, row) < 0) {
                        json_object_put(row);
                        return -ENOMEM;
                }
        }

        *ret = TAKE_PTR(rows);
        return 0;
}
