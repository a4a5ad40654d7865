/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <stdio.h>

#include "basic/string-util.h"
#include "report/document.h"
#include "shared/report-proto.h"

int document_to_text(struct json_object *document, char **ret)
{
        const char *json = json_object_to_json_string_ext(
                        document, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
        _cleanup_free_ char *text = NULL;
        size_t size;
        FILE *f;

        f = json ? open_memstream(&text, &size) : NULL;
        if (!f)
                return -ENOMEM;
        /* In JSON these three are in strings alone. */
        for (const char *p = json; *p; p++)
                if (strchr("<>&", *p))
                        (void) fprintf(f, "\\u%04x", (unsigned) *p);
                else
                        (void) fputc(*p, f);
        (void) fputc('\n', f);
        if (fclose(f) != 0)
                return -ENOMEM;

        *ret = TAKE_PTR(text);
        return 0;
}

int document_from_text(const char *text, size_t size, struct json_object **ret)
{
        _cleanup_json_ struct json_object *o = NULL;
        const char *format = NULL;
        uint64_t version = 0;
        int r;

        if (size > REPORT_DOCUMENT_MAX)
                return -EBADMSG;
        r = json_parse_as(text, size, json_type_object, &o);
        if (r < 0)
                return r;
        if (json_get_string(o, "format", &format) <= 0 || !streq(format, REPORT_FORMAT) ||
            json_get_u64(o, "version", &version) <= 0)
                return -EBADMSG;
        if (version != REPORT_VERSION)
                return -EPROTONOSUPPORT;

        *ret = TAKE_PTR(o);
        return 0;
}
