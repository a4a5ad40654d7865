/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "basic/macro.h"

static inline bool streq(const char *a, const char *b)
{
        return strcmp(a, b) == 0;
}

/* Two strings that may be NULL; NULL equals only NULL. */
static inline bool streq_ptr(const char *a, const char *b)
{
        return a && b ? streq(a, b) : a == b;
}

static inline bool isempty(const char *s)
{
        return !s || !*s;
}

static inline const char *strempty(const char *s)
{
        return s ?: "";
}

/* The rest of s behind prefix, or NULL. */
static inline const char *startswith(const char *s, const char *prefix)
{
        size_t n = strlen(prefix);

        return strncmp(s, prefix, n) == 0 ? s + n : NULL;
}

static inline bool endswith(const char *s, const char *suffix)
{
        size_t n = strlen(s), m = strlen(suffix);

        return n >= m && streq(s + n - m, suffix);
}

/* Replaces *p by a copy of s (NULL: by NULL). Returns 1 when it changed, 0 when it was equal, -ENOMEM. */
int free_and_strdup(char **p, const char *s);

/* asprintf() that cannot leave its output undefined: NULL on failure. */
char *strf(const char *format, ...) _printf_(1, 2) _warn_unused_;

/* Cuts white space from both ends, in place. */
char *strstrip(char *s);

/* Makes text that came from elsewhere fit to show and to send over the bus: valid UTF-8, no control characters, none that turn
 * the text around them (each becomes '?'; tab and newline stay where keep_lines is set), at most max bytes. Never NULL but on
 * OOM. */
char *str_clean(const char *s, size_t size, size_t max, bool keep_lines);

bool utf8_is_valid(const char *s);
/* In characters; s is valid. */
size_t utf8_length(const char *s);

/* Bounded UTF-8 without control characters: for what is read from those who must have cleaned it before, and from the database. */
bool str_is_clean(const char *s, size_t max, bool keep_lines);
/* What str_clean() would leave as it is: for what people say. */
bool str_is_plain(const char *s, size_t max, bool keep_lines);

/* Text of a caller as an error repeats it: what str_clean() takes away, quotes and backslashes are escaped as in C, and of more than
 * TEXT_SHOWN_MAX bytes the first ones are shown, with "..." behind them. The macro's result lives as long as the block around it. */
#define TEXT_SHOWN_MAX 100U
const char *str_show(const char *s, char buf[static TEXT_SHOWN_MAX + sizeof("...")]);
#define SHOWN(s) str_show((s), (char[TEXT_SHOWN_MAX + sizeof("...")]){})

/* True when s has 1 to max characters, all of them from the ASCII letters, digits and those in extra. */
bool str_in_charset(const char *s, const char *extra, size_t max);

/* s as one word of a POSIX shell command: in single quotes, with those inside escaped. */
char *shell_quote(const char *s) _warn_unused_;

static inline void erase_and_freep(void *p)
{
        char *s = *(char **) p;

        if (s)
                explicit_bzero(s, strlen(s));
        free(s);
}
