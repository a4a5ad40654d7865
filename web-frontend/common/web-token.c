/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <ctype.h>
#include <strings.h>

#include "basic/string-util.h"
#include "common/web-token.h"

#define BEARER "Bearer "

/* Takes what cannot be one for none. */
static int token_take(const char *s, size_t size, char **ret)
{
        *ret = NULL;
        if (size != WEB_TOKEN_CHARS)
                return 0;
        for (size_t i = 0; i < size; i++)
                if (!isxdigit((unsigned char) s[i]))
                        return 0;

        *ret = strndup(s, size);
        return *ret ? 0 : -ENOMEM;
}

int web_token_find(const char *cookie, const char *authorization, char **ret, bool *ret_by_header)
{
        int r = 0;

        *ret = NULL;
        *ret_by_header = authorization && strncasecmp(authorization, BEARER, STRLEN(BEARER)) == 0;
        if (*ret_by_header) {
                authorization += STRLEN(BEARER);
                return token_take(authorization, strlen(authorization), ret);
        }

        for (const char *s = strempty(cookie); *s && !*ret && r == 0;) {
                size_t length;
                const char *value;

                s += strspn(s, "; \t");
                length = strcspn(s, ";");
                value = startswith(s, WEB_COOKIE "=");
                if (value)
                        r = token_take(value, (size_t) (s + length - value), ret);
                s += length;
        }

        return r;
}
