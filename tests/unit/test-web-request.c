/* SPDX-License-Identifier: LGPL-2.1-or-later */

#undef NDEBUG
#include <assert.h>
#include <unistd.h>

#include "basic/string-util.h"
#include "basic/strv.h"
#include "basic/time-util.h"
#include "cgi/plan.h"
#include "cgi/request.h"

#define TOKEN "0123456789abcdef0123456789abcdef0123456789abcdef0123456789ABCDEF"

/* The code that it is refused with; NULL: it is not. */
static const char *parse(RequestEnv env, Request *ret)
{
        static char code[64];
        _cleanup_(http_error_done) HttpError error = {};
        _cleanup_request_ Request r = {};

        env.method = env.method ?: "GET";
        if (request_parse(&env, &r, &error) < 0) {
                assert(error.status == http_status_of(error.code) && !isempty(error.message));
                (void) snprintf(code, sizeof(code), "%s", error.code);
                return code;
        }
        if (ret) {
                *ret = r;
                r = (Request){};
        }
        return NULL;
}

static void test_path(void)
{
        static const struct {
                const char *target, *code;
        } bad[] = {
                { "", "BadRequest" },     { "x", "BadRequest" },     { "http://h/", "BadRequest" },
                { "/%", "BadRequest" },   { "/%0", "BadRequest" },   { "/a%00b", "BadRequest" },
                { "/%0a", "BadRequest" }, { "/%ff", "BadRequest" },  { "/%c3%28", "BadRequest" },
                { "//", "NotFound" },     { "/a//b", "NotFound" },   { "/a/", "NotFound" },
                { "/..", "NotFound" },    { "/a/../b", "NotFound" }, { "/a/%2e%2E/b", "NotFound" },
                { "/.", "NotFound" },     { "/a%2fb", "NotFound" },  { "/1/2/3/4/5/6/7/8/9", "NotFound" },
        };
        _cleanup_request_ Request r = {};
        _cleanup_free_ char *joined = NULL;
        char *longer = new (char, REQUEST_TARGET_MAX + 2);

        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                assert(streq_ptr(parse((RequestEnv){ .target = bad[i].target }, NULL), bad[i].code));

        assert(!parse((RequestEnv){ .target = "/api/v1/drives/wwn%2D0x5 %41+%C3%A4?x=1", .method = "HEAD" },
                      &r));
        joined = strv_join(r.path, "|");
        assert(streq(joined, "api|v1|drives|wwn-0x5 A+\303\244"));
        assert(r.head && streq(r.method, "GET"));

        assert(longer);
        memset(longer, 'a', REQUEST_TARGET_MAX + 1);
        longer[0] = '/';
        longer[REQUEST_TARGET_MAX + 1] = '\0';
        assert(streq_ptr(parse((RequestEnv){ .target = longer }, NULL), "PathTooLong"));
        longer[REQUEST_TARGET_MAX] = '\0';
        assert(!parse((RequestEnv){ .target = longer }, NULL));
        free(longer);
}

static void test_query(void)
{
        static const Field fields[] = { { "host", 's', false, NULL },
                                        { "present", 'b', false, NULL },
                                        { "limit", 'u', false, NULL },
                                        { "offset", 'x', false, NULL },
                                        {} };
        static const char *const bad[] = {
                "limit=-1",  "limit=4294967296", "limit=",     "limit= 1", "limit=1.5",
                "limit=0x1", "present=maybe",    "colour=red", "=1",       "limit"
        };
        _cleanup_(http_error_done) HttpError error = {};
        _cleanup_json_ struct json_object *query = NULL;
        _cleanup_request_ Request r = {};

        assert(!parse((RequestEnv){ .target = "/x?host=a+b%26%3d&&present=true&limit=7&offset=-5" }, &r));
        assert(request_check_query(&r, fields, &query, &error) == 0);
        assert(streq(json_object_to_json_string_ext(query, 0),
                     "{\"host\":\"a b&=\",\"present\":true,\"limit\":7,\"offset\":-5}"));

        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                _cleanup_free_ char *target = strf("/x?%s", bad[i]);
                _cleanup_json_ struct json_object *none = NULL;
                _cleanup_(http_error_done) HttpError e = {};
                _cleanup_request_ Request q = {};

                assert(!parse((RequestEnv){ .target = target }, &q));
                assert(request_check_query(&q, fields, &none, &e) < 0 && !none);
                assert(streq(e.code, "BadParameter") && e.field);
        }
        assert(streq_ptr(parse((RequestEnv){ .target = "/x?a=1&a=2" }, NULL), "BadParameter"));
        assert(streq_ptr(parse((RequestEnv){ .target = "/x?a=%00" }, NULL), "BadParameter"));
        assert(streq_ptr(parse((RequestEnv){ .target = "/x?%ff=1" }, NULL), "BadParameter"));
}

static void test_token(void)
{
        static const struct {
                const char *cookie, *authorization;
                bool token, by_header;
        } cases[] = {
                { NULL, NULL, false, false },
                { "burnin_session=" TOKEN, NULL, true, false },
                { "a=b;  burnin_session=" TOKEN "; c=d", NULL, true, false },
                { "burnin_session=; burnin_session=" TOKEN, NULL, true, false },
                { "burnin_session=" TOKEN "0", NULL, false, false },
                { "xburnin_session=" TOKEN, NULL, false, false },
                { "burnin_session=\"" TOKEN "\"", NULL, false, false },
                { ";;;", NULL, false, false },
                { NULL, "Bearer " TOKEN, true, true },
                { NULL, "bearer " TOKEN, true, true },
                { NULL, "Basic " TOKEN, false, false },
                { "burnin_session=" TOKEN, "Basic x", true, false },
                /* What came with the header is not mixed with what the browser sent. */
                { "burnin_session=" TOKEN, "Bearer x", false, true },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_request_ Request r = {};

                assert(!parse((RequestEnv){ .target = "/",
                                            .cookie = cases[i].cookie,
                                            .authorization = cases[i].authorization },
                              &r));
                assert((r.token != NULL) == cases[i].token && r.by_header == cases[i].by_header);
                assert(!r.token || streq(r.token, TOKEN));
        }
}

static void test_cross_site(void)
{
        static const struct {
                const char *site, *origin, *host;
                bool cross;
        } cases[] = {
                { NULL, NULL, "nas:8084", false },
                { "same-origin", "https://nas:8084", "nas:8084", false },
                { "none", NULL, "nas", false },
                { "same-site", NULL, "nas", true },
                { "cross-site", "https://nas", "nas", true },
                { "", NULL, "nas", true },
                { NULL, "http://NAS", "nas", false },
                { NULL, "https://nas:8084", "nas", true },
                { NULL, "https://nas.evil", "nas", true },
                { NULL, "null", "nas", true },
                { NULL, "", "nas", true },
                { NULL, "file://nas", "nas", true },
                { NULL, "https://nas", NULL, true },
                { NULL, "https://", "", true },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_request_ Request r = {};

                assert(!parse((RequestEnv){ .target = "/",
                                            .fetch_site = cases[i].site,
                                            .origin = cases[i].origin,
                                            .host = cases[i].host },
                              &r));
                assert(r.cross_site == cases[i].cross);
        }
}

static void test_local(void)
{
        static const struct {
                const char *address, *host, *forwarded;
                bool local;
        } cases[] = {
                { "127.0.0.1", "localhost:8084", NULL, true },
                { "127.8.8.8", "127.0.0.1", NULL, true },
                { "::1", "[::1]:8084", NULL, true },
                { "::ffff:127.0.0.1", "LocalHost", NULL, true },
                { "127.0.0.1", "localhost", "192.0.2.1", false },
                { "127.0.0.1", "localhost", "", false },
                { "192.0.2.1", "localhost", NULL, false },
                { "127.0.0.1", "evil.example:8084", NULL, false },
                { "127.0.0.1", "localhost.evil.example", NULL, false },
                { "127.0.0.1", "127.0.0.1.evil.example", NULL, false },
                { "127.0.0.1", NULL, NULL, false },
                { "", "localhost", NULL, false },
                { NULL, "localhost", NULL, false },
                { "1127.0.0.1", "localhost", NULL, false },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_request_ Request r = {};

                assert(!parse((RequestEnv){ .target = "/",
                                            .address = cases[i].address,
                                            .host = cases[i].host,
                                            .forwarded_for = cases[i].forwarded },
                              &r));
                assert(r.local == cases[i].local);
        }
}

/* The code that the body is refused with, or NULL and what it is. */
static const char *read_body(const char *type, const char *text, struct json_object **ret)
{
        static char code[64];
        _cleanup_(http_error_done) HttpError error = {};
        _cleanup_free_ char *length = strf("%zu", strlen(text));
        _cleanup_request_ Request r = {};
        int fds[2], k;

        assert(length && pipe(fds) == 0);
        assert(!parse((RequestEnv){ .target = "/", .content_type = type, .content_length = length }, &r));
        assert(write(fds[1], text, strlen(text)) == (ssize_t) strlen(text));
        k = request_read_body(&r, fds[0], now_usec(CLOCK_MONOTONIC) + 10 * USEC_PER_SEC, ret, &error);
        (void) close(fds[0]);
        (void) close(fds[1]);
        (void) snprintf(code, sizeof(code), "%s", strempty(error.code));
        return k < 0 ? code : NULL;
}

static void test_json(void)
{
        static const char *const bad[] = {
                "[]",
                "1",
                "null",
                "{",
                "{} x",
                "{\"a\":\"\\u0000\"}",
                "{\"a\":\"\xff\"}",
                "\"",
                "{}{}",
                "{'a':1}",
                "{a:1}",
                "{\"a\":1,}",
                "{,\"a\":1}",
                "{\"a\":[1,]}",
                "{\"a\":[,1]}",
                "{\"a\":[1}",
                "{\"a\":1]",
                "{\"a\" 1}",
                "{\"a\":1 \"b\":2}",
                "{\"a\":}",
                "{\"a\":TRUE}",
                "{\"a\":Null}",
                "{\"a\":truex}",
                "{\"a\":NaN}",
                "{\"a\":Infinity}",
                "{\"a\":-Infinity}",
                "{\"a\":+1}",
                "{\"a\":01}",
                "{\"a\":-01}",
                "{\"a\":00}",
                "{\"a\":-}",
                "{\"a\":1.}",
                "{\"a\":.5}",
                "{\"a\":1e}",
                "{\"a\":1e+}",
                "{\"a\":0x10}",
                "{\"a\":\"\\x41\"}",
                "{\"a\":\"\\'\"}",
                "{\"a\":\"\\u00\"}",
                "{\"a\":\"x\ny\"}",
                "{\"a\":\"x\ty\"}",
                "{\"a\":\"\001true}",
                "{/*x*/\"a\":1}",
                "{\"a\":1}//x",
                "\xef\xbb\xbf{}",
                "{\"a\":\v1}",
                "{\"a\":1,\"a\":2}",
                "{\"b\":[{\"a\":1,\"\\u0061\":2}]}",
                "{\"a\":[[[[[[[[1]]]]]]]]}",
        };
        static const char *const good[] = {
                " {\"a\" : [ ] , \"b\":{ } }\r\n\t",
                "{\"a\":[1,-0,0.5,1e5,1E-5,-12.50e+3,true,false,null]}",
                "{\"a\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\ud83d\\ude00 é 💾\"}",
                "{\"a\":[[[[[[[1]]]]]]]}",
                "{\"a\":1,\"b\":{\"a\":2},\"c\":[{\"a\":3},{\"a\":4}]}",
        };

        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                _cleanup_json_ struct json_object *any = NULL;

                assert(streq_ptr(read_body("application/json", bad[i], &any), "BadJson"));
        }
        for (size_t i = 0; i < ELEMENTSOF(good); i++) {
                _cleanup_json_ struct json_object *any = NULL;

                assert(!read_body("application/json", good[i], &any));
        }
}

static void test_body(void)
{
        _cleanup_(http_error_done) HttpError error = {};
        _cleanup_json_ struct json_object *body = NULL, *none = NULL, *empty = NULL;
        _cleanup_request_ Request r = {};
        int fds[2];

        assert(streq_ptr(read_body("text/plain", "{}", &none), "NotJson"));
        assert(streq_ptr(read_body(NULL, "{}", &none), "NotJson"));
        assert(streq_ptr(read_body("application/json-seq", "{}", &none), "NotJson"));
        assert(!read_body("Application/JSON;charset=utf-8", "{\"a\": {\"b\": [1]}}", &body));
        assert(!read_body(NULL, "", &empty) && json_object_object_length(empty) == 0);

        assert(streq_ptr(parse((RequestEnv){ .target = "/", .content_length = "1048577" }, NULL),
                         "TooLarge"));
        assert(!parse((RequestEnv){ .target = "/", .content_length = "1048576" }, NULL));
        assert(streq_ptr(parse((RequestEnv){ .target = "/", .content_length = "-1" }, NULL), "BadRequest"));
        assert(streq_ptr(
                        parse((RequestEnv){ .target = "/", .content_length = "18446744073709551616" }, NULL),
                        "BadRequest"));

        /* Nobody waits for what does not come, and less than was promised is no body. */
        assert(pipe(fds) == 0 && write(fds[1], "{}", 2) == 2);
        assert(!parse((RequestEnv){ .target = "/",
                                    .content_type = "application/json",
                                    .content_length = "3" },
                      &r));
        assert(request_read_body(&r, fds[0], now_usec(CLOCK_MONOTONIC) + 20 * USEC_PER_MSEC, &none, &error) <
               0);
        assert(streq(error.code, "TooSlow"));
        http_error_done(&error);
        assert(write(fds[1], "{}", 2) == 2);
        (void) close(fds[1]);
        r.content_length = 9;
        assert(request_read_body(&r, fds[0], now_usec(CLOCK_MONOTONIC) + 10 * USEC_PER_SEC, &none, &error) <
               0);
        assert(streq(error.code, "BadRequest"));
        (void) close(fds[0]);
}

static void test_fields(void)
{
        static const Field fields[] = { { "name", 's', true, NULL }, { "port", 'q', false, NULL },
                                        { "on", 'b', false, NULL },  { "ids", 'a', false, NULL },
                                        { "map", 'o', false, NULL }, { "n", 'i', false, NULL },
                                        { "t", 't', false, NULL },   {} };
        static const struct {
                const char *body, *field;
        } cases[] = {
                { "{\"name\":\"\",\"port\":65535,\"on\":true,\"ids\":[\"a\"],\"map\":{},\"n\":-2147483648}",
                  NULL },
                { "{}", "name" },
                { "{\"name\":null}", "name" },
                { "{\"name\":1}", "name" },
                { "{\"name\":\"\",\"port\":65536}", "port" },
                { "{\"name\":\"\",\"port\":-1}", "port" },
                { "{\"name\":\"\",\"port\":1.0}", "port" },
                { "{\"name\":\"\",\"port\":\"1\"}", "port" },
                { "{\"name\":\"\",\"on\":1}", "on" },
                { "{\"name\":\"\",\"ids\":[1]}", "ids" },
                { "{\"name\":\"\",\"map\":[]}", "map" },
                { "{\"name\":\"\",\"n\":2147483648}", "n" },
                { "{\"name\":\"\",\"n\":99999999999999999999}", "n" },
                { "{\"name\":\"\",\"t\":9223372036854775807}", NULL },
                { "{\"name\":\"\",\"t\":9223372036854775808}", "t" },
                { "{\"name\":\"\",\"t\":99999999999999999999}", "t" },
                { "{\"name\":\"\",\"Name\":\"\"}", "Name" },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_(http_error_done) HttpError error = {};
                _cleanup_json_ struct json_object *body = NULL;
                int r;

                assert(!read_body("application/json", cases[i].body, &body));
                r = request_check_body(body, fields, &error);
                assert(cases[i].field ? r < 0 && streq(error.code, "BadField") &&
                                                        streq_ptr(error.field, cases[i].field)
                                      : r == 0);
        }
}

static void test_plan(void)
{
        static const struct {
                const char *body, *stages, *field;
        } cases[] = {
                { "{}", NULL, NULL },
                { "{\"profile\":\"full\"}", NULL, NULL },
                { "{\"run_surface\":true,\"run_short\":true,\"run_long\":false}",
                  "[\"short_smart\",\"surface_validate\"]", NULL },
                { "{\"run_surface\":true,\"run_short\":true,\"stage_order\":[\"surface_validate\",\"long_smart\",\"short_smart\"]}",
                  "[\"surface_validate\",\"short_smart\"]", NULL },
                { "{\"run_surface\":true,\"run_long\":true,\"stage_order\":[\"long_smart\",\"long_smart\"]}",
                  "[\"long_smart\",\"surface_validate\"]", NULL },
                { "{\"run_surface\":false}", NULL, "run_surface" },
                { "{\"run_surface\":true,\"profile\":\"full\"}", NULL, "stages" },
                { "{\"stages\":[],\"profile\":\"full\"}", NULL, "stages" },
                { "{\"run_short\":true,\"stage_order\":[\"format\"]}", NULL, "stage_order" },
                { "{\"stage_order\":[\"short_smart\"]}", NULL, "stage_order" },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_(http_error_done) HttpError error = {};
                _cleanup_json_ struct json_object *body = NULL;
                struct json_object *stages = NULL;
                int r;

                assert(!read_body("application/json", cases[i].body, &body));
                r = plan_read(body, &error);
                assert((r < 0) == (cases[i].field != NULL));
                assert(!cases[i].field || streq_ptr(error.field, cases[i].field));
                if (!cases[i].stages)
                        continue;
                assert(json_object_object_get_ex(body, "stages", &stages));
                assert(streq(json_object_to_json_string_ext(stages, 0), cases[i].stages));
        }
}

int main(void)
{
        test_path();
        test_query();
        test_token();
        test_cross_site();
        test_local();
        test_json();
        test_body();
        test_fields();
        test_plan();
        return 0;
}
