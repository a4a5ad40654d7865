/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>

#include "basic/string-util.h"

int free_and_strdup(char **p, const char *s)
{
        char *t = NULL;

        if (streq_ptr(*p, s))
                return 0;

        if (s) {
                t = strdup(s);
                if (!t)
                        return -ENOMEM;
        }

        free(*p);
        *p = t;
        return 1;
}

char *strf(const char *format, ...)
{
        va_list ap;
        char *s;
        int r;

        va_start(ap, format);
        r = vasprintf(&s, format, ap);
        va_end(ap);

        return r < 0 ? NULL : s;
}

char *strstrip(char *s)
{
        char *e;

        s += strspn(s, " \t\r\n");
        e = s + strlen(s);
        while (e > s && strchr(" \t\r\n", e[-1]))
                e--;
        *e = 0;

        return s;
}

/* The length of the valid UTF-8 character at s, or 0. RFC 3629: no overlong forms, no surrogates, at most U+10FFFF. */
static size_t utf8_char(const uint8_t *s, size_t size, uint32_t *ret)
{
        uint32_t c;
        size_t n;

        if (s[0] < 0x80) {
                *ret = s[0];
                return 1;
        }
        if (s[0] >= 0xc2 && s[0] <= 0xdf)
                n = 2, c = s[0] & 0x1f;
        else if ((s[0] & 0xf0) == 0xe0)
                n = 3, c = s[0] & 0x0f;
        else if (s[0] >= 0xf0 && s[0] <= 0xf4)
                n = 4, c = s[0] & 0x07;
        else
                return 0;

        if (size < n)
                return 0;
        for (size_t i = 1; i < n; i++) {
                if ((s[i] & 0xc0) != 0x80)
                        return 0;
                c = c << 6 | (s[i] & 0x3f);
        }

        if (n == 3 && (c < 0x800 || (c >= 0xd800 && c <= 0xdfff)))
                return 0;
        if (n == 4 && (c < 0x10000 || c > 0x10ffff))
                return 0;

        *ret = c;
        return n;
}

static bool char_is_control(uint32_t c)
{
        return c < 0x20 || c == 0x7f;
}

/* What drives a terminal (C0, DEL, C1), ends a line, or shows what follows in another order than it has. */
static bool char_is_treacherous(uint32_t c)
{
        return char_is_control(c) || (c >= 0x80 && c <= 0x9f) || (c >= 0x2028 && c <= 0x202e) ||
               (c >= 0x2066 && c <= 0x2069);
}

/* The length of the character at s, or 0 where there is none, or one that is refused. */
static size_t char_length(const char *s, size_t size, bool (*refuse)(uint32_t c), bool keep_lines)
{
        uint32_t c;
        size_t n;

        n = utf8_char((const uint8_t *) s, size, &c);
        if (n > 0 && refuse(c) && !(keep_lines && (c == '\t' || c == '\n')))
                return 0;

        return n;
}

bool utf8_is_valid(const char *s)
{
        size_t left = strlen(s);

        while (left > 0) {
                uint32_t c;
                size_t n = utf8_char((const uint8_t *) s, left, &c);

                if (n == 0)
                        return false;
                s += n;
                left -= n;
        }

        return true;
}

size_t utf8_length(const char *s)
{
        size_t n = 0;

        /* All but those that go on with a character. */
        for (; *s; s++)
                n += ((uint8_t) *s & 0xc0) != 0x80;

        return n;
}

char *str_clean(const char *s, size_t size, size_t max, bool keep_lines)
{
        size_t k = 0;
        char *t;

        t = new (char, MIN(size, max) + 1);
        if (!t)
                return NULL;

        for (size_t i = 0; i < size;) {
                size_t n = char_length(s + i, size - i, char_is_treacherous, keep_lines);
                uint32_t c;

                if (k + MAX(n, (size_t) 1) > max)
                        break;

                if (n == 0) {
                        t[k++] = '?';
                        i += MAX(utf8_char((const uint8_t *) s + i, size - i, &c), (size_t) 1);
                } else {
                        memcpy(t + k, s + i, n);
                        k += n;
                        i += n;
                }
        }

        t[k] = 0;
        return t;
}

static bool str_is(const char *s, size_t max, bool (*refuse)(uint32_t c), bool keep_lines)
{
        size_t left = strlen(s);

        if (left > max)
                return false;
        while (left > 0) {
                size_t n = char_length(s, left, refuse, keep_lines);

                if (n == 0)
                        return false;
                s += n;
                left -= n;
        }

        return true;
}

bool str_is_clean(const char *s, size_t max, bool keep_lines)
{
        return str_is(s, max, char_is_control, keep_lines);
}

bool str_is_plain(const char *s, size_t max, bool keep_lines)
{
        return str_is(s, max, char_is_treacherous, keep_lines);
}

const char *str_show(const char *s, char buf[static TEXT_SHOWN_MAX + sizeof("...")])
{
        size_t left = strlen(s), k = 0;

        while (left > 0) {
                char escaped[STRLEN("\\xff") + 1];
                size_t n = char_length(s, left, char_is_treacherous, false), length;

                if (*s == '\n')
                        (void) stpcpy(escaped, "\\n");
                else if (n == 0)
                        (void) snprintf(escaped, sizeof(escaped), "\\x%02x", (uint8_t) *s);
                else if (*s == '"' || *s == '\\')
                        (void) snprintf(escaped, sizeof(escaped), "\\%c", *s);
                else
                        (void) snprintf(escaped, sizeof(escaped), "%.*s", (int) n, s);

                length = strlen(escaped);
                if (k + length > TEXT_SHOWN_MAX) {
                        k = (size_t) (stpcpy(buf + k, "...") - buf);
                        break;
                }
                memcpy(buf + k, escaped, length);
                k += length;
                s += MAX(n, (size_t) 1);
                left -= MAX(n, (size_t) 1);
        }

        buf[k] = 0;
        return buf;
}

bool str_in_charset(const char *s, const char *extra, size_t max)
{
        size_t n = 0;

        for (; s[n]; n++)
                if (n >= max || !((s[n] >= 'a' && s[n] <= 'z') || (s[n] >= 'A' && s[n] <= 'Z') ||
                                  (s[n] >= '0' && s[n] <= '9') || strchr(extra, s[n])))
                        return false;

        return n > 0;
}

char *shell_quote(const char *s)
{
        size_t n = 3;
        char *t, *p;

        for (const char *q = s; *q; q++)
                n += *q == '\'' ? 4 : 1;

        p = t = new (char, n);
        if (!t)
                return NULL;

        *p++ = '\'';
        for (; *s; s++)
                if (*s == '\'')
                        p = mempcpy(p, "'\\''", 4);
                else
                        *p++ = *s;
        *p++ = '\'';
        *p = 0;

        return t;
}
