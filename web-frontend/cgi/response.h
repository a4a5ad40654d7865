/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "cgi/web.h"

/* Answers, on standard output (RFC 3875). Each has the headers that keep browsers from doing anything clever with it. */

/* One more header of the answer; no part of it may come from the request. */
int response_header(Web *w, const char *format, ...) _printf_(2, 3);

/* The head alone; false: the request wants no body. */
bool response_begin(Web *w, unsigned status, const char *content_type);

/* Takes the object over. */
int response_json(Web *w, unsigned status, struct json_object *o);
int response_empty(Web *w);
/* What w->error has. */
void response_error(Web *w);

/* Field by field of a row: quoted where RFC 4180 wants it, and with ' in front where a spreadsheet would take it for a formula. */
char *response_csv_field(const char *text);
