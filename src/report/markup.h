/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdio.h>

#include "shared/json-util.h"

/* What the parts of a page are written with. Text of hosts and people gets into it by markup_text() alone. Nothing here depends on the
 * locale: who makes the page of a document again gets the same bytes. */

/* On one line, without control characters, and with every character escaped that means something in HTML. */
void markup_text(FILE *f, const char *s);

void markup_count(FILE *f, uint64_t n);                /* 12 345 678 */
void markup_size(FILE *f, uint64_t bytes);             /* 16.0 TB */
void markup_speed(FILE *f, uint64_t bytes_per_second); /* 205 MB/s */
void markup_mdegc(FILE *f, int64_t mdegc);             /* 44 °C */
void markup_time(FILE *f, uint64_t usec);              /* 2026-01-31 23:59:59 UTC */
void markup_span(FILE *f, uint64_t from_usec, uint64_t to_usec);

/* "Surface validation" of "surface_validate"; of another word that itself. */
const char *markup_stage(const char *kind);

/* Of a document that anybody may have made: what is missing or of another type is "", 0, NULL. */
const char *document_string(struct json_object *o, const char *key);
uint64_t document_u64(struct json_object *o, const char *key);
struct json_object *document_object(struct json_object *o, const char *key);
/* Its items are i of document_length(); one may be of any type. */
struct json_object *document_list(struct json_object *o, const char *key);
size_t document_length(struct json_object *list);
