/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "cgi/web.h"

/* Who answers what: one row for each method of each path. openapi.yaml has the same, and a test compares them. */

typedef enum RouteLogin {
        LOGIN_NEEDED,
        LOGIN_OPTIONAL, /* session is NULL where nobody is logged in */
        LOGIN_NONE,     /* nobody asks */
} RouteLogin;

struct Route {
        const char *method;
        const char *path; /* "/api/v1/drives/{id}": {…} is any one part */
        int (*handler)(Web *w);
        const Field *fields; /* of the query, or of the body where the method has one; NULL: none */
        RouteLogin login;
        bool csrf; /* the token is needed, where the browser sends the login by itself */
        bool free; /* the body may have any keys; the handler looks */
};

extern const Route route_table[];
extern const size_t route_table_size;

/* GET and DELETE have a query, the others a body. */
bool route_has_body(const Route *route);

/* The row for a method and path, and what stands for its {…}, borrowed from path, in a new array. What is literal wins over {…}.
 * NotFound; MethodNotAllowed, with the methods that there are, as in "GET, POST". */
int route_find(const char *method, char *const *path, const Route **ret, char ***ret_arguments,
               char **ret_allowed, HttpError *error);
