/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "shared/json-util.h"

/* The page of a report: one file that needs nothing else, loads nothing and runs nothing. A pure function of the document and its
 * signature, so that who has these can see whether a page says what was signed.
 *
 * The document may come from anywhere: whatever is in it, the page has no elements but those of html.c. */

/* document: parsed from text, which is document_to_text()'s. signature: armored. Owner: the caller. */
int html_render(struct json_object *document, const char *text, const char *signature, char **ret);

/* The document and signature in a page that html_render() has made; borrowed from it. -EBADMSG: there are none. */
int html_find(const char *page, const char **ret_text, size_t *ret_size, const char **ret_signature,
              size_t *ret_signature_size);
