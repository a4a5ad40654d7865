/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "shared/enums.h"
#include "shared/json-util.h"

/* An event in words: what a mail, a chat or a phone shows. Pure. Whatever the event says (names of drives and hosts are hostile),
 * title and subject are one line of clean text, and the HTML has no markup but ours. */

#define TEXT_TITLE_MAX 200U
#define TEXT_PLAIN_MAX 8192U

typedef struct Text {
        Severity severity;
        char *id;      /* 32 hex digits */
        char *kind;    /* "job_failed" */
        char *title;   /* "Failed: ZA1 (ST16000) on nas1" */
        char *message; /* a sentence or two */
        char *plain;   /* all of it, in lines that end with \n */
        char *html;    /* the same as a page */
        char *url;     /* of what it is about, on the web page; NULL: not known */
        /* Of the report of a day title, plain and html are those of report/daily.h. */
        uint64_t time_usec;
} Text;

void text_done(Text *t);
/* site: where burnind is. -EBADMSG: this is no event. */
int text_from_event(struct json_object *event, const char *site, Text *ret);
