/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "basic/string-util.h"
#include "common/web-token.h"
#include "events/scgi.h"
#include "fuzz.h"

/* What a web server hands on, of a browser that may be anybody's. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        _cleanup_free_ char *text = malloc(size + 1), *value = NULL;
        ScgiRequest q;
        bool by_header;
        int r;

        check(text);
        memcpy(text, data, size);
        r = scgi_parse(text, size, &q);
        if (r <= 0)
                return 0;

        check(q.method && q.path && !strchr(q.path, '?'));
        r = web_token_find(q.cookie, q.authorization, &value, &by_header);
        check(r == 0 && (!value || strlen(value) == WEB_TOKEN_CHARS));
        return 0;
}
