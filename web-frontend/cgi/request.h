/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "cgi/http-error.h"
#include "shared/json-util.h"

/* What the web server hands over (RFC 3875), all of it hostile. request_parse() is pure: nothing of it is read from elsewhere. */

#define REQUEST_TARGET_MAX     8192U
#define REQUEST_HEADER_MAX     8192U
#define REQUEST_SEGMENTS_MAX   8U
#define REQUEST_PARAMETERS_MAX 32U
#define REQUEST_BODY_MAX       (1U << 20)
#define REQUEST_DEPTH_MAX      8U

/* The variables; NULL: not there. */
typedef struct RequestEnv {
        const char *method, *target, *content_type, *content_length, *cookie, *authorization, *origin, *host,
                        *fetch_site, *csrf, *https, *forwarded_proto, *forwarded_for, *other_proxy, *address;
} RequestEnv;

typedef struct Request {
        char *method; /* as sent, but HEAD is GET with head */
        bool head;    /* the answer has no body */
        char **path;  /* its parts, decoded: none is empty, "." or "..", or has a control character */
        struct json_object *parameters; /* of the query: NAME to string */
        uint64_t content_length;        /* at most REQUEST_BODY_MAX */
        bool is_json;                   /* the type of the body */
        char *token;                    /* of the session: 64 hex digits, or NULL */
        bool by_header;  /* the token came in Authorization, which no browser sends by itself */
        char *csrf;      /* NULL: none */
        bool cross_site; /* another site made the browser send this */
        bool https;      /* between the browser and the first server */
        bool local; /* it comes from this machine itself, which it calls localhost, and through no proxy that says so */
        char *address;   /* of the connection, or "" */
        char *forwarded; /* its X-Forwarded-For as it came, or "": burnind says whether it counts */
} Request;

void request_done(Request *r);
#define _cleanup_request_ _cleanup_(request_done)

void request_env_from_process(RequestEnv *ret);
int request_parse(const RequestEnv *env, Request *ret, HttpError *error);

/* %XX, and '+' as a space where query is set, into text: valid UTF-8 without control characters. -EBADMSG. */
int request_decode(const char *s, size_t size, bool query, char **ret);

/* Reads the body from fd until deadline_usec of CLOCK_MONOTONIC: one JSON object; an empty body is an empty object. */
int request_read_body(const Request *r, int fd, uint64_t deadline_usec, struct json_object **ret,
                      HttpError *error);

/* A key of a body, or a parameter of a query. */
typedef struct Field {
        const char *name;
        char type; /* as on the bus: s, b, i, q, u, t, x; 'a': a list of texts; 'o': an object; 'h': a secret text, which goes as a memfd */
        bool required;
        const char *option; /* its name in an a{sv} of the bus; NULL: it goes elsewhere */
} Field;

/* Refuses keys that fields (up to one without a name; NULL: none are allowed) does not have, wrong types, and what lacks. */
int request_check_body(struct json_object *body, const Field *fields, HttpError *error);
/* The parameters by their types: a query as if it were a body. */
int request_check_query(const Request *r, const Field *fields, struct json_object **ret, HttpError *error);
