/* SPDX-License-Identifier: LGPL-2.1-or-later */

#undef NDEBUG
#include <assert.h>
#include <stdio.h>

#include "basic/string-util.h"
#include "basic/strv.h"
#include "cgi/route.h"

/* "METHOD PATTERN arguments", or "CODE", or "CODE methods that there are". */
static char *find(const char *method, const char *path)
{
        _cleanup_(http_error_done) HttpError error = {};
        _cleanup_strv_free_ char **parts = NULL;
        _cleanup_free_ char *allowed = NULL, *joined = NULL;
        _cleanup_free_ char **arguments = NULL;
        const Route *route = NULL;

        assert(strv_split(path, "/", &parts) >= 0);
        if (route_find(method, parts, &route, &arguments, &allowed, &error) < 0) {
                assert(!route);
                return strf("%s%s%s", error.code, allowed ? " " : "", strempty(allowed));
        }
        joined = strv_join(arguments, " ");
        return strf("%s %s %s", route->method, route->path, joined);
}

static void test_find(void)
{
        static const struct {
                const char *method, *path, *found;
        } cases[] = {
                { "GET", "/api/v1/drives", "GET /api/v1/drives " },
                { "GET", "/api/v1/drives/x", "GET /api/v1/drives/{id} x" },
                { "POST", "/api/v1/drives/x/smart/start", "POST /api/v1/drives/{id}/smart/start x" },
                { "GET", "/api/v1/burnin/export.csv", "GET /api/v1/burnin/export.csv " },
                { "GET", "/api/v1/burnin/42", "GET /api/v1/burnin/{id} 42" },
                { "GET", "/api/v1/burnin/42/report.html", "GET /api/v1/burnin/{id}/report.html 42" },
                { "GET", "/api/v1/burnin/42/report.json.sig", "GET /api/v1/burnin/{id}/report.json.sig 42" },
                { "GET", "/api/v1/burnin/42/report.pdf", "NotFound" },
                { "POST", "/api/v1/burnin/cancel-all", "POST /api/v1/burnin/cancel-all " },
                { "POST", "/api/v1/accounts/first", "POST /api/v1/accounts/first " },
                { "PATCH", "/api/v1/accounts/first", "MethodNotAllowed POST" },
                { "GET", "/api/v1/burnin/start", "MethodNotAllowed POST" },
                { "PUT", "/api/v1/drives/x", "MethodNotAllowed GET, HEAD, PATCH, DELETE" },
                { "get", "/api/v1/drives", "MethodNotAllowed GET, HEAD" },
                { "GET", "/", "NotFound" },
                { "GET", "/api", "NotFound" },
                { "GET", "/api/v1/drive", "NotFound" },
                { "GET", "/api/v1/drivesx", "NotFound" },
                { "GET", "/api/v1/drives/x/y", "NotFound" },
                { "GET", "/health", "GET /health " },
                { "GET", "/health/x", "NotFound" },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_free_ char *found = find(cases[i].method, cases[i].path);

                if (!streq_ptr(found, cases[i].found))
                        fprintf(stderr, "%s %s: %s\n", cases[i].method, cases[i].path, found);
                assert(streq_ptr(found, cases[i].found));
        }
}

/* What changes something needs login and token, but for who logs in. */
static void test_rows(void)
{
        for (size_t i = 0; i < route_table_size; i++) {
                const Route *r = route_table + i;

                assert(r->handler && startswith(r->path, "/"));
                assert(streq(r->method, "GET") ? !r->csrf : r->csrf == (r->login == LOGIN_NEEDED));
                assert(r->login != LOGIN_OPTIONAL || streq(r->method, "GET"));
                for (size_t j = 0; j < i; j++)
                        assert(!streq(route_table[j].method, r->method) ||
                               !streq(route_table[j].path, r->path));
        }
}

/* For tests/web/openapi: a line for each row, with its fields. */
static void print(void)
{
        for (size_t i = 0; i < route_table_size; i++) {
                const Route *r = route_table + i;

                printf("%s %s %s %s%s", r->method, r->path,
                       r->login == LOGIN_NEEDED     ? "needed"
                       : r->login == LOGIN_OPTIONAL ? "optional"
                                                    : "none",
                       route_has_body(r) ? "body" : "query", r->free ? " free" : "");
                for (const Field *f = r->fields; f && f->name; f++)
                        printf(" %s%s", f->name, f->required ? "!" : "");
                printf("\n");
        }
}

int main(int argc, char *argv[])
{
        if (argc > 1 && streq(argv[1], "--print")) {
                print();
                return 0;
        }

        test_find();
        test_rows();
        return 0;
}
