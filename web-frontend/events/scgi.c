/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "basic/parse-util.h"
#include "basic/string-util.h"
#include "events/scgi.h"

/* "16384:" */
#define LENGTH_DIGITS_MAX 5U

static int header_take(ScgiRequest *q, const char *name, char *value)
{
        uint64_t length;

        if (streq(name, "CONTENT_LENGTH"))
                return parse_u64(value, &length) < 0 || length > 0 ? -EBADMSG : 0;
        if (streq(name, "REQUEST_METHOD"))
                q->method = value;
        else if (streq(name, "REQUEST_URI")) {
                value[strcspn(value, "?")] = 0;
                q->path = value;
        } else if (streq(name, "HTTP_COOKIE"))
                q->cookie = value;
        else if (streq(name, "HTTP_AUTHORIZATION"))
                q->authorization = value;
        else if (streq(name, "HTTP_LAST_EVENT_ID"))
                q->last_event_id = value;
        else if (streq(name, "REMOTE_ADDR"))
                q->address = value;
        else if (streq(name, "HTTP_X_FORWARDED_FOR"))
                q->forwarded = value;

        return 0;
}

int scgi_parse(char *text, size_t size, ScgiRequest *ret)
{
        char *colon = memchr(text, ':', MIN(size, LENGTH_DIGITS_MAX + 1)), *p, *end;
        ScgiRequest q = { 0 };
        uint32_t length;

        if (!colon)
                return size > LENGTH_DIGITS_MAX ? -EBADMSG : 0;
        *colon = 0;
        if (strlen(text) != (size_t) (colon - text) || parse_u32(text, &length) < 0) {
                *colon = ':';
                return -EBADMSG;
        }
        *colon = ':';
        if (length > SCGI_HEADERS_MAX)
                return -E2BIG;
        p = colon + 1;
        if (size - (size_t) (p - text) < (size_t) length + 1)
                return 0;

        end = p + length;
        if (*end != ',' || length == 0 || end[-1] != 0)
                return -EBADMSG;
        if (!streq(p, "CONTENT_LENGTH"))
                return -EBADMSG;
        while (p < end) {
                char *name = p, *value = p + strlen(p) + 1;
                int r;

                if (value >= end)
                        return -EBADMSG;
                p = value + strlen(value) + 1;
                r = header_take(&q, name, value);
                if (r < 0)
                        return r;
        }
        if (!q.method || !q.path)
                return -EBADMSG;

        *ret = q;
        return 1;
}
