/* SPDX-License-Identifier: LGPL-2.1-or-later */

#undef NDEBUG
#include <assert.h>

#include "basic/fd-util.h"
#include "basic/string-util.h"
#include "cgi/http-error.h"
#include "cgi/response.h"
#include "common/web-json.h"

/* tests/data/web-json.json: what the Cockpit package is held to as well, which has this once more in TypeScript. */
static struct json_object *samples;

static struct json_object *samples_get(const char *key)
{
        struct json_object *list;

        assert(json_get(samples, key, json_type_array, &list) > 0);
        assert(json_object_array_length(list) > 0);
        return list;
}

static const char *text_of(struct json_object *row, size_t column)
{
        return json_object_get_string(json_object_array_get_idx(row, column));
}

static void test_keys(void)
{
        struct json_object *rows = samples_get("keys");

        for (size_t i = 0; i < json_object_array_length(rows); i++) {
                struct json_object *row = json_object_array_get_idx(rows, i);
                _cleanup_free_ char *key = web_json_key(text_of(row, 0));

                assert(streq_ptr(key, text_of(row, 1)));
        }
}

static void test_values(void)
{
        struct json_object *rows = samples_get("values"), *bad = samples_get("bad");

        for (size_t i = 0; i < json_object_array_length(rows); i++) {
                struct json_object *row = json_object_array_get_idx(rows, i);
                _cleanup_json_ struct json_object *converted = NULL;

                assert(web_json_from_bus(json_object_array_get_idx(row, 0), &converted) == 0);
                if (!json_object_equal(converted, json_object_array_get_idx(row, 1)))
                        fprintf(stderr, "%s\n", json_object_to_json_string(converted));
                assert(json_object_equal(converted, json_object_array_get_idx(row, 1)));
        }
        for (size_t i = 0; i < json_object_array_length(bad); i++) {
                _cleanup_json_ struct json_object *none = NULL;

                assert(web_json_from_bus(json_object_array_get_idx(bad, i), &none) == -EBADMSG && !none);
        }
}

static void test_csv(void)
{
        static const struct {
                const char *text, *field;
        } cases[] = {
                { "", "" },
                { "plain text", "plain text" },
                { "a,b", "\"a,b\"" },
                { "a \"b\"", "\"a \"\"b\"\"\"" },
                { "a\nb", "\"a\nb\"" },
                { "=1+1", "'=1+1" },
                { "+1", "'+1" },
                { "-1", "'-1" },
                { "@SUM(A1)", "'@SUM(A1)" },
                { "\tx", "'\tx" },
                { "\rx", "\"'\rx\"" },
                { "=HYPERLINK(\"x\",\"y\")", "\"'=HYPERLINK(\"\"x\"\",\"\"y\"\")\"" },
                { "a=b", "a=b" },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_free_ char *field = response_csv_field(cases[i].text);

                assert(streq_ptr(field, cases[i].field));
        }
}

static void test_errors(void)
{
        struct json_object *rows = samples_get("errors");
        _cleanup_(http_error_done) HttpError e = {};

        for (size_t i = 0; i < json_object_array_length(rows); i++) {
                struct json_object *row = json_object_array_get_idx(rows, i);
                _cleanup_(http_error_done) HttpError error = {};
                const sd_bus_error bus = SD_BUS_ERROR_MAKE_CONST(text_of(row, 0), "Words.");

                assert(http_error_set_bus(&error, &bus, -EIO) < 0);
                assert(streq(error.code, text_of(row, 1)));
                assert(error.status == (unsigned) json_object_get_int(json_object_array_get_idx(row, 2)));
                assert(!isempty(error.message));
        }

        /* The first one counts. */
        assert(http_error_set_bus(&e, NULL, -ENOENT) < 0 && streq(e.code, "BusDown") && e.status == 503);
        assert(http_error_set(&e, "NotFound", NULL, "later") < 0 && streq(e.code, "BusDown"));
}

int main(int argc, char *argv[])
{
        _cleanup_free_ char *text = NULL;
        size_t size;

        assert(argc == 2);
        assert(read_file_full(argv[1], 65536, &text, &size) >= 0);
        assert(json_parse(text, size, &samples) >= 0);

        test_keys();
        test_values();
        test_csv();
        test_errors();
        json_object_put(samples);
        return 0;
}
