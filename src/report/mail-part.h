/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdio.h>

#include "basic/macro.h"

/* What the parts of a mail are written with. Of its page many readers leave nothing but the style in the elements; those that heed a
 * style sheet show it dark where all else is dark. */

typedef enum MailColor {
        MAIL_TEXT,
        MAIL_SOFT,
        MAIL_RED,
        MAIL_AMBER,
        MAIL_GREEN,
        MAIL_BLUE,
        _MAIL_COLOR_MAX,
} MailColor;

void mail_page_begin(FILE *f, const char *title);
void mail_page_end(FILE *f);

/* The attributes of an element whose text has this color, and this style besides. */
void mail_color(FILE *f, MailColor color, const char *style);
const char *mail_color_code(MailColor color); /* "#cf222e" */

/* A paragraph of its own. url: page_url_is_valid() says so. */
void mail_link(FILE *f, const char *url, const char *words);

/* Of the plain part: one line of clean text, on as many of 72 characters as it takes, each behind so many blanks. A longer word stays whole. */
void mail_wrap(FILE *f, unsigned indent, const char *s);
/* By the clock and the calendar here, with the name of the time zone, since one day of the year has an hour twice. */
void mail_time(FILE *f, uint64_t usec);
