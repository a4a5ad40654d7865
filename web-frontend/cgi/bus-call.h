/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "cgi/web.h"

/* Calls of burnind. All fail with the bus's error as the answer's. None starts burnind: who has stopped it meant it. */

/* The start of a call, which opens the bus if it is the first: for arguments that are appended one by one. */
int web_call_new(Web *w, const char *path, const char *interface, const char *member, sd_bus_message **ret);
/* Its end. r: what appending returned; of the reply, which may be NULL. */
int web_call_send(Web *w, sd_bus_message *m, int r, sd_bus_message **ret);
int web_call(Web *w, const char *path, const char *interface, const char *member, sd_bus_message **ret,
             const char *types, ...);

/* The next value of a reply as the bus has it, and as the web has it. */
int web_read_raw(Web *w, sd_bus_message *reply, struct json_object **ret);
int web_read(Web *w, sd_bus_message *reply, struct json_object **ret);
/* A path that a reply begins with. Owned by the caller. */
int web_read_path(Web *w, sd_bus_message *reply, char **ret);

/* All properties, raw. */
int web_get_all(Web *w, const char *path, const char *interface, struct json_object **ret);
/* One property, raw. */
int web_get_property(Web *w, const char *path, const char *interface, const char *name,
                     struct json_object **ret);
/* One row of what openapi.yaml calls by that name. */
int web_get_row(Web *w, const char *path, const char *interface, struct json_object **ret);

int web_find_drive(Web *w, const char *id, char **ret);
int web_find_host(Web *w, const char *name, char **ret);
/* id: a number as text, else there is no such job. */
int web_find_job(Web *w, const char *id, char **ret);

/* An a{sv} of the input's values that the fields have an option for. More may follow until web_close_options(). */
int web_open_options(Web *w, sd_bus_message *m, const Field *fields);
int web_close_options(sd_bus_message *m);
int web_append_options(Web *w, sd_bus_message *m, const Field *fields);
