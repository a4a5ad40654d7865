/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <stdio.h>

#include "basic/log.h"
#include "basic/string-util.h"
#include "basic/strv.h"
#include "basic/time-util.h"
#include "cgi/handlers.h"
#include "cgi/response.h"
#include "cgi/route.h"

/* For the whole body; web servers hand it over at once. */
#define BODY_TIMEOUT (10 * USEC_PER_SEC)

void web_done(Web *w)
{
        free(w->arguments);
        json_object_put(w->input);
        json_object_put(w->session);
        json_object_put(w->applied);
        sd_bus_flush_close_unref(w->bus);
        http_error_done(&w->error);
        strv_free(w->headers);
        request_done(&w->request);
        *w = (Web){};
}

static int web_route(Web *w)
{
        _cleanup_free_ char *allowed = NULL;
        int r;

        r = route_find(w->request.method, w->request.path, &w->route, &w->arguments, &allowed, &w->error);
        if (r < 0 && allowed)
                (void) response_header(w, "Allow: %s", allowed);
        return r;
}

/* Whatever takes as long as the one that is right. */
static bool equal_in_constant_time(const char *a, const char *b)
{
        size_t n = strlen(a);
        unsigned char differs = 0;

        if (n != strlen(b))
                return false;
        for (size_t i = 0; i < n; i++)
                differs |= (unsigned char) (a[i] ^ b[i]);

        return differs == 0;
}

static int web_check_csrf(Web *w)
{
        const char *wanted = NULL;

        if (!w->route->csrf || w->request.by_header)
                return 0;
        (void) json_get_string(w->session, "csrf", &wanted);
        if (isempty(wanted) || !w->request.csrf || !equal_in_constant_time(w->request.csrf, wanted))
                return web_fail(w, "BadCsrfToken", NULL,
                                "The header X-CSRF-Token is missing or wrong. Reload the page.");
        return 0;
}

static int web_read_input(Web *w, int body_fd)
{
        struct json_object *body;
        int r;

        if (!route_has_body(w->route))
                return request_check_query(&w->request, w->route->fields, &w->input, &w->error);

        if (json_object_object_length(w->request.parameters) > 0)
                return web_fail(w, "BadParameter", NULL,
                                "What is changed stands in the body, not behind a '?'.");
        r = request_read_body(&w->request, body_fd, now_usec(CLOCK_MONOTONIC) + BODY_TIMEOUT, &body,
                              &w->error);
        if (r < 0)
                return r;
        w->input = body;

        return w->route->free ? 0 : request_check_body(body, w->route->fields, &w->error);
}

static int web_handle(Web *w, const RequestEnv *env, int body_fd)
{
        int r;

        r = request_parse(env, &w->request, &w->error);
        if (r < 0)
                return r;
        r = web_route(w);
        if (r < 0)
                return r;
        if (w->request.cross_site && !streq(w->request.method, "GET"))
                return web_fail(w, "CrossSite", NULL, "This request was made by another site.");

        r = w->route->login == LOGIN_NONE ? 0 : session_resume(w);
        if (r < 0)
                return r;
        r = web_check_csrf(w);
        if (r < 0)
                return r;
        r = web_read_input(w, body_fd);
        if (r < 0)
                return r;

        return w->route->handler(w);
}

void web_answer(Web *w, const RequestEnv *env, int body_fd)
{
        int r;

        r = web_handle(w, env, body_fd);
        if (r >= 0)
                return;

        if (w->error.status == 0) {
                log_error_errno(r, "%s %s could not be answered: %m", strempty(w->request.method),
                                w->route ? w->route->path : "");
                (void) web_fail(w, "Internal", NULL, "Something went wrong here: %s", strerror(-r));
        }
        /* An answer that has begun can only end. */
        if (!w->answered)
                response_error(w);
}
