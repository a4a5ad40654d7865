/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "shared/json-util.h"

/* The report of a day in words: the parts of a mail, or what a terminal shows. A pure function of the document (GetDailyReport() of
 * org.burnin1.Manager) and of the local time zone, whose name stands behind each time, since one day of the year has an hour twice.
 *
 * The document may come from anywhere: title and lines are clean text, and the page has no markup but that of daily.c. It is made
 * for mail: narrow, light, and with its style in the elements, which is all that is left of a page there. */

typedef struct Daily {
        char *title; /* "1 failed, 3 passed, 2 running" */
        char *text;  /* in lines that end with \n */
        char *html;  /* the same as a page */
} Daily;

void daily_done(Daily *d);
/* -EBADMSG: this is no such document; -EPROTONOSUPPORT: it is one of a newer burnin. */
int daily_render(struct json_object *document, Daily *ret);
