/* SPDX-License-Identifier: LGPL-2.1-or-later */

#undef NDEBUG

#include <stdio.h>

#include "basic/string-util.h"
#include "shared/json-util.h"

static struct json_object *parse(const char *text)
{
        struct json_object *o = NULL;

        assert(json_parse(text, strlen(text), &o) == 0);
        return o;
}

static void test_parse(void)
{
        static const char *const bad[] = { "",    " ",        "{",      "{}}", "{} x", "{}{}",
                                           "nul", "{\"a\":}", "{'a':1", "[1,", "\"a",  "{\"a\" 1}" };
        static const char *const good[] = { "{}", " {} \n", "[]", "\"x\"", "{\"a\":null}" };
        _cleanup_free_ char *deep = NULL;
        struct json_object *o;

        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                if (json_parse(bad[i], strlen(bad[i]), &o) != -EBADMSG) {
                        fprintf(stderr, "accepted: %s\n", bad[i]);
                        assert(false);
                }
        for (size_t i = 0; i < ELEMENTSOF(good); i++) {
                o = NULL;
                assert(json_parse(good[i], strlen(good[i]), &o) == 0 && o);
                json_object_put(o);
        }

        assert(json_parse("{}\0", 3, &o) == -EBADMSG);
        assert(json_parse("{\"a\":\"\xff\"}", 9, &o) == -EBADMSG);

        for (size_t depth = 30; depth < 1000; depth += 900) {
                deep = new (char, 2 * depth + 1);
                memset(deep, '[', depth);
                memset(deep + depth, ']', depth);
                deep[2 * depth] = 0;
                o = NULL;
                assert(json_parse(deep, 2 * depth, &o) == (depth < 32 ? 0 : -EBADMSG));
                json_object_put(o);
                free(TAKE_PTR(deep));
        }
}

static void test_get(void)
{
        _cleanup_json_ struct json_object *o = NULL;
        struct json_object *v = NULL;
        _cleanup_free_ char *copy = strdup("old"), *text = NULL;
        const char *s = "old";
        uint64_t u = 7;
        uint32_t w = 7;
        int64_t i = 7;
        int32_t k = 7;
        double d = 7;
        bool b = true;

        o = parse("{\"s\":\"text\",\"nul\":\"a\\u0000b\",\"bell\":\"a\\u0007\",\"empty\":\"\",\"null\":null,\"yes\":true,\"one\":1,"
                  "\"minus\":-1,\"u32\":4294967295,\"more\":4294967296,\"i64\":9223372036854775807,\"u64\":18446744073709551615,"
                  "\"low\":-9223372036854775808,\"half\":0.5,\"list\":[],\"object\":{}}");

        /* Missing and null: 0, and nothing is touched. */
        assert(json_get_string(o, "nope", &s) == 0 && json_get_string(o, "null", &s) == 0 &&
               streq(s, "old"));
        assert(json_get_u64(o, "null", &u) == 0 && u == 7 && json_get_bool(o, "nope", &b) == 0 && b);
        assert(json_get_string(NULL, "s", &s) == 0);

        assert(json_get_string(o, "s", &s) == 1 && streq(s, "text"));
        assert(json_get_string(o, "nul", &s) == -EBADMSG && json_get_string(o, "one", &s) == -EBADMSG);
        assert(json_dup_string(o, "nope", &copy) == 0 && streq(copy, "old"));
        assert(json_dup_string(o, "s", &copy) == 1 && streq(copy, "text"));

        assert(json_dup_text(o, "s", 4, &text) == 1 && streq(text, "text"));
        assert(json_dup_text(o, "s", 3, &text) == -EBADMSG &&
               json_dup_text(o, "bell", 9, &text) == -EBADMSG);
        assert(json_dup_text(o, "empty", 9, &text) == -EBADMSG && json_dup_text(o, "nope", 9, &text) == 0);
        assert(streq(text, "text"));

        assert(json_get_u64(o, "u64", &u) == 1 && u == UINT64_MAX);
        assert(json_get_u64(o, "minus", &u) == -EBADMSG && json_get_u64(o, "half", &u) == -EBADMSG);
        assert(json_get_u64(o, "s", &u) == -EBADMSG && json_get_u64(o, "yes", &u) == -EBADMSG &&
               u == UINT64_MAX);
        assert(json_get_u32(o, "u32", &w) == 1 && w == UINT32_MAX &&
               json_get_u32(o, "more", &w) == -EBADMSG);
        assert(json_get_i64(o, "i64", &i) == 1 && i == INT64_MAX && json_get_i64(o, "u64", &i) == -EBADMSG);
        assert(json_get_i64(o, "low", &i) == 1 && i == INT64_MIN);
        assert(json_get_i32(o, "minus", &k) == 1 && k == -1 && json_get_i32(o, "u32", &k) == -EBADMSG);
        assert(json_get_double(o, "half", &d) == 1 && d == 0.5 && json_get_double(o, "one", &d) == 1 &&
               d == 1);
        assert(json_get_double(o, "s", &d) == -EBADMSG);
        assert(json_get_bool(o, "yes", &b) == 1 && b && json_get_bool(o, "one", &b) == -EBADMSG);

        assert(json_get(o, "list", json_type_array, &v) == 1 && json_object_is_type(v, json_type_array));
        assert(json_get(o, "list", json_type_object, &v) == -EBADMSG);
        assert(json_get(json_object_object_get(o, "list"), "x", json_type_int, &v) == 0);
}

static void test_put(void)
{
        _cleanup_json_ struct json_object *o = json_object_new_object(), *again = NULL;
        const char *text;
        uint64_t u;
        int64_t i;

        assert(json_put_string(o, "s", "x\"y") == 0 && json_put_string(o, "none", NULL) == 0);
        assert(json_put_u64(o, "u", UINT64_MAX) == 0 && json_put_i64(o, "i", INT64_MIN) == 0);
        assert(json_put_bool(o, "b", true) == 0 && json_put_double(o, "d", 0.25) == 0);
        assert(json_put(o, "null", NULL) == -ENOMEM);
        assert(json_put(o, "list", json_object_new_array()) == 0);

        text = json_object_to_json_string(o);
        assert(!strstr(text, "none"));
        again = parse(text);
        assert(json_object_equal(o, again));
        assert(json_get_u64(again, "u", &u) == 1 && u == UINT64_MAX);
        assert(json_get_i64(again, "i", &i) == 1 && i == INT64_MIN);
}

int main(void)
{
        test_parse();
        test_get();
        test_put();
        return 0;
}
