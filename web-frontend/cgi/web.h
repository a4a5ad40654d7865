/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "cgi/request.h"

typedef struct Route Route;

/* One request from its arrival to its answer: the process lives no longer. A function that takes it returns 0, or -errno with the
 * reason in error; who gives up is web_answer(), which answers with that. */
typedef struct Web {
        Request request;
        const Route *route;
        char **arguments; /* what stands for the {…} of the route's path, in their order; borrowed from request */
        struct json_object *input;   /* body or query, checked by the route's fields */
        sd_bus *bus;                 /* NULL: nothing was asked of it yet */
        struct json_object *session; /* as openapi.yaml has it; NULL: nobody is logged in */
        HttpError error;
        struct json_object *applied; /* goes with the error: what was done of it before */
        char **headers;              /* of the answer, besides those that each has */
        const char *policy; /* the Content-Security-Policy of the answer; NULL: none is shown as a page */
        bool answered;      /* its head has gone out */
} Web;

void web_done(Web *w);
#define _cleanup_web_ _cleanup_(web_done)

/* The whole of it: env is what the web server says, the body comes from body_fd, the answer goes to standard output. */
void web_answer(Web *w, const RequestEnv *env, int body_fd);

/* http_error_set() into w->error. */
#define web_fail(w, code, field, ...) http_error_set(&(w)->error, code, field, __VA_ARGS__)

static inline const char *web_string(const Web *w, const char *name)
{
        struct json_object *v;

        return json_object_object_get_ex(w->input, name, &v) ? json_object_get_string(v) : NULL;
}

static inline struct json_object *web_value(const Web *w, const char *name)
{
        struct json_object *v;

        return json_object_object_get_ex(w->input, name, &v) ? v : NULL;
}
