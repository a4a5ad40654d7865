/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stddef.h>

#include "basic/macro.h"

/* What a tool printed, taken line by line. */
typedef struct Lines {
        char *copy, *rest;
} Lines;

void lines_done(Lines *l);
/* A text with a NUL in it is none: -EBADMSG. */
int lines_begin(Lines *l, const char *text, size_t size);
/* The next line, empty ones too, to be written to as one likes; NULL after the last one. */
char *lines_next(Lines *l);
char *lines_next_nonempty(Lines *l);

/* Cuts a line at single blanks into at most n words, of which the last keeps its blanks. Returns how many there are. */
size_t line_cut(char *line, char **words, size_t n);
