/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "basic/macro.h"

/* A request by SCGI (https://python.ca/scgi/protocol.txt): one connection each; a netstring of NUL-terminated names and values, of
 * which the first is CONTENT_LENGTH, then the body. A request for events has none. */

#define SCGI_HEADERS_MAX (16U * 1024U)
#define SCGI_REQUEST_MAX (SCGI_HEADERS_MAX + 16U) /* with the netstring's own */

typedef struct ScgiRequest {
        const char *method, *path;          /* the path without its query */
        const char *cookie, *authorization; /* these headers as they came, or NULL */
        const char *last_event_id;          /* or NULL */
        const char *address;                /* of the connection, as the web server says, or NULL */
        const char *forwarded;              /* its X-Forwarded-For as it came, or NULL */
} ScgiRequest;

/* Takes text apart, and writes into it; the request borrows from it. Returns 1 for a whole request, 0 when there is more to
 * come, -EBADMSG when it is none, -E2BIG when its headers are over SCGI_HEADERS_MAX. */
int scgi_parse(char *text, size_t size, ScgiRequest *ret);
