/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <stdarg.h>
#include <stdio.h>

#include "basic/string-util.h"
#include "basic/strv.h"
#include "cgi/response.h"

static const struct {
        unsigned status;
        const char *reason;
} reasons[] = {
        { 200, "OK" },
        { 201, "Created" },
        { 204, "No Content" },
        { 400, "Bad Request" },
        { 401, "Unauthorized" },
        { 403, "Forbidden" },
        { 404, "Not Found" },
        { 405, "Method Not Allowed" },
        { 408, "Request Timeout" },
        { 409, "Conflict" },
        { 413, "Content Too Large" },
        { 414, "URI Too Long" },
        { 415, "Unsupported Media Type" },
        { 429, "Too Many Requests" },
        { 500, "Internal Server Error" },
        { 501, "Not Implemented" },
        { 503, "Service Unavailable" },
        { 504, "Gateway Timeout" },
};

int response_header(Web *w, const char *format, ...)
{
        char *header = NULL;
        va_list ap;
        int r;

        va_start(ap, format);
        r = vasprintf(&header, format, ap);
        va_end(ap);

        return r < 0 ? -ENOMEM : strv_consume(&w->headers, header);
}

bool response_begin(Web *w, unsigned status, const char *content_type)
{
        const char *reason = "";

        for (size_t i = 0; i < ELEMENTSOF(reasons); i++)
                if (reasons[i].status == status)
                        reason = reasons[i].reason;

        w->answered = true;
        (void) printf("Status: %u %s\r\n"
                      "Cache-Control: no-store\r\n"
                      "Content-Security-Policy: %s\r\n"
                      "Cross-Origin-Resource-Policy: same-origin\r\n"
                      "Referrer-Policy: no-referrer\r\n"
                      "X-Content-Type-Options: nosniff\r\n"
                      "X-Frame-Options: DENY\r\n",
                      status, reason, w->policy ?: "default-src 'none'; frame-ancestors 'none'");
        STRV_FOREACH(header, w->headers)
                (void) printf("%s\r\n", *header);
        if (content_type)
                (void) printf("Content-Type: %s\r\n", content_type);
        (void) printf("\r\n");
        return !w->request.head;
}

int response_json(Web *w, unsigned status, struct json_object *o)
{
        const char *text = o ? json_object_to_json_string_ext(
                                               o, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE)
                             : NULL;

        if (text && response_begin(w, status, "application/json"))
                (void) printf("%s\n", text);
        json_object_put(o);
        return text ? 0 : -ENOMEM;
}

int response_empty(Web *w)
{
        (void) response_begin(w, 204, NULL);
        return 0;
}

void response_error(Web *w)
{
        _cleanup_json_ struct json_object *answer = json_object_new_object();
        struct json_object *error = json_object_new_object();

        if (w->error.status == 401)
                (void) response_header(w, "WWW-Authenticate: Bearer");
        if (!answer || !error || json_put(answer, "error", error) < 0 ||
            json_put_string(error, "code", w->error.code) < 0 ||
            json_put_string(error, "message", w->error.message) < 0 ||
            json_put_string(error, "field", w->error.field) < 0 ||
            (w->applied && json_put(error, "applied", json_object_get(w->applied)) < 0) ||
            response_json(w, w->error.status, TAKE_PTR(answer)) < 0)
                (void) response_begin(w, 500, NULL);
}

char *response_csv_field(const char *text)
{
        bool formula = *text && strchr("=+-@\t\r", *text), quote = strpbrk(text, ",\"\r\n") != NULL;
        char *field = new (char, 2 * strlen(text) + 4), *f = field;

        if (!field)
                return NULL;
        if (quote)
                *f++ = '"';
        if (formula)
                *f++ = '\'';
        for (const char *t = text; *t; t++) {
                if (*t == '"')
                        *f++ = '"';
                *f++ = *t;
        }
        if (quote)
                *f++ = '"';
        *f = '\0';
        return field;
}
