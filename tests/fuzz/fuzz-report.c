/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "../unit/markup-check.h"
#include "basic/string-util.h"
#include "fuzz.h"
#include "report/daily.h"
#include "report/document.h"
#include "report/html.h"
#include "report/signature.h"

/* A document that anybody has made, as burninctl gets it: whatever is in it, the page is nothing but what is known to be harmless, and has
 * the document in it as it was. And the same bytes as a page, a signature and keys, and as the
 * document of a day. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        _cleanup_json_ struct json_object *document = NULL;
        _cleanup_free_ char *copy = strndup((const char *) data, size), *text = NULL, *page = NULL,
                            *made = NULL;
        _cleanup_(daily_done) Daily daily = {};
        char fingerprint[SIGNATURE_FINGERPRINT_SIZE];
        const char *found, *signature;
        size_t n, k;

        if (!copy)
                return 0;
        if (html_find(copy, &found, &n, &signature, &k) >= 0)
                (void) signature_verify(signature, k, found, n, fingerprint);
        (void) signature_verify((const char *) data, size, "", 0, fingerprint);
        (void) signature_fingerprint(copy, fingerprint);
        (void) signature_make((const char *) data, size, "", 0, &made);

        if (json_parse_as((const char *) data, size, json_type_object, &document) < 0 ||
            document_to_text(document, &text) < 0 || html_render(document, text, "SIGNATURE", &page) < 0)
                return 0;
        check(markup_is_inert(page, 2));
        check(html_find(page, &found, &n, &signature, &k) >= 0);
        check(n == strlen(text) && memcmp(found, text, n) == 0);

        if (daily_render(document, &daily) >= 0) {
                check(markup_is_inert(daily.html, 0));
                check(str_is_plain(daily.text, SIZE_MAX, true) &&
                      str_is_plain(daily.title, SIZE_MAX, false));
        }
        return 0;
}
