/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "basic/string-util.h"
#include "parse/lines.h"

void lines_done(Lines *l)
{
        free(l->copy);
        *l = (Lines){ 0 };
}

int lines_begin(Lines *l, const char *text, size_t size)
{
        if (memchr(text, 0, size))
                return -EBADMSG;

        l->copy = l->rest = strndup(text, size);
        return l->copy ? 0 : -ENOMEM;
}

char *lines_next(Lines *l)
{
        return strsep(&l->rest, "\n");
}

char *lines_next_nonempty(Lines *l)
{
        char *line;

        do
                line = lines_next(l);
        while (line && isempty(line));

        return line;
}

size_t line_cut(char *line, char **words, size_t n)
{
        size_t i;

        for (i = 0; i < n && line; i++)
                words[i] = i + 1 < n ? strsep(&line, " ") : line;

        return i;
}
