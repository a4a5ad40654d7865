/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <unistd.h>

#include "basic/string-util.h"
#include "basic/strv.h"
#include "basic/time-util.h"
#include "cgi/handlers.h"
#include "cgi/plan.h"
#include "cgi/request.h"
#include "common/web-token.h"
#include "cgi/response.h"
#include "cgi/route.h"
#include "fuzz.h"

/* The variables of a request, a line each, in the order of RequestEnv ("-": not there); what is behind them is the body. */
#define VARIABLES 15U

static void check_path(const Request *r)
{
        STRV_FOREACH(part, r->path)
                check(**part && !strchr(*part, '/') && !streq(*part, ".") && !streq(*part, "..") &&
                      str_is_clean(*part, SIZE_MAX, false));
        check(strv_length(r->path) <= REQUEST_SEGMENTS_MAX);
}

static void check_body(const Request *r, const Route *route, const char *body, size_t size)
{
        _cleanup_(http_error_done) HttpError error = {};
        _cleanup_json_ struct json_object *o = NULL;
        int fds[2];

        /* Less than a pipe holds, so that nobody waits. */
        if (size > 4096 || pipe(fds) < 0)
                return;
        check(write(fds[1], body, size) == (ssize_t) size);
        (void) close(fds[1]);
        if (request_read_body(r, fds[0], now_usec(CLOCK_MONOTONIC) + USEC_PER_SEC, &o, &error) >= 0) {
                if (request_check_body(o, route->fields, &error) >= 0 &&
                    route->fields == burnin_start_fields)
                        (void) plan_read(o, &error);
        } else
                check(error.status >= 400);
        (void) close(fds[0]);
}

static void check_route(const Request *r, const char *body, size_t size)
{
        _cleanup_(http_error_done) HttpError error = {};
        _cleanup_free_ char *allowed = NULL;
        _cleanup_json_ struct json_object *query = NULL;
        _cleanup_free_ char **arguments = NULL;
        const Route *route;

        if (route_find(r->method, r->path, &route, &arguments, &allowed, &error) < 0) {
                check(error.status == 404 || (error.status == 405 && !isempty(allowed)));
                return;
        }
        check(streq(route->method, r->method));
        if (route_has_body(route))
                check_body(r, route, body, size);
        else if (request_check_query(r, route->fields, &query, &error) < 0)
                check(error.status == 400);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        _cleanup_free_ char *text = strndup((const char *) data, size);
        const char *variables[VARIABLES] = {};
        _cleanup_(http_error_done) HttpError error = {};
        _cleanup_request_ Request r = {};
        _cleanup_free_ char *field = NULL;
        RequestEnv env;
        char *p = text;
        size_t used;

        check(text);
        for (size_t i = 0; i < VARIABLES && p; i++) {
                char *line = strsep(&p, "\n");

                variables[i] = streq(line, "-") ? NULL : line;
        }
        static_assert(sizeof(env) == sizeof(variables), "a line for each variable");
        memcpy(&env, variables, sizeof(env));
        used = p ? (size_t) (p - text) : size;

        if (request_parse(&env, &r, &error) < 0) {
                check(error.status >= 400 && error.status < 500 && error.code && error.message);
                return 0;
        }
        check_path(&r);
        check(r.content_length <= REQUEST_BODY_MAX && (!r.token || strlen(r.token) == WEB_TOKEN_CHARS));
        check_route(&r, (const char *) data + used, size - used);

        field = response_csv_field(text);
        check(field && !strchr("=+-@", field[*field == '"']));
        return 0;
}
