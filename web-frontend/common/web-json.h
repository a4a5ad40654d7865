/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "shared/json-util.h"

/* What the bus says, as the web says it: openapi.yaml has the rules under "Values". All processes of the web use these. */

/* "ETAUSec" as "eta_usec". NULL on OOM. */
char *web_json_key(const char *name);

/* value may be NULL, for null; it is taken over, also on failure. 0 or -ENOMEM, also where o is NULL. */
int web_json_put(struct json_object *o, const char *key, struct json_object *value);

/* A value as message_read_json() gives it, of any depth. */
int web_json_from_bus(struct json_object *value, struct json_object **ret);
