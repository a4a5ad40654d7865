/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "basic/string-util.h"
#include "events/scgi.h"
#include "fuzz.h"

/* What a web server hands on, of a browser that may be anybody's. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        _cleanup_free_ char *text = malloc(size + 1), *value = NULL;
        ScgiRequest q;
        int r;

        check(text);
        memcpy(text, data, size);
        r = scgi_parse(text, size, &q);
        if (r <= 0)
                return 0;

        check(q.method && q.path && !strchr(q.path, '?'));
        r = scgi_cookie(q.cookie, "burnin_session", &value);
        check(r == 0 || (r == 1 && strlen(value) < strlen(q.cookie)));
        return 0;
}
