/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "shared/json-util.h"

/* The document a report is made of (docs/report.schema.json) as bytes: those that are signed, and that stand in the page. */

/* One line of JSON without '<', '>' and '&', so that nothing in it ends the element it stands in. Owner: the caller. */
int document_to_text(struct json_object *document, char **ret);
/* -EBADMSG: it is none; -EPROTONOSUPPORT: of another version. */
int document_from_text(const char *text, size_t size, struct json_object **ret);
