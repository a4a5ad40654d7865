/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "basic/string-util.h"
#include "cgi/json-syntax.h"

typedef struct Scan {
        const char *p, *end;
        size_t members;
} Scan;

static bool scan_value(Scan *s, unsigned depth);

static bool is_in(char c, const char *set)
{
        return c != '\0' && strchr(set, c);
}

static void skip_space(Scan *s)
{
        while (s->p < s->end && is_in(*s->p, " \t\r\n"))
                s->p++;
}

static bool take(Scan *s, const char *set)
{
        if (s->p == s->end || !is_in(*s->p, set))
                return false;
        s->p++;
        return true;
}

static bool take_word(Scan *s, const char *word)
{
        size_t n = strlen(word);

        if ((size_t) (s->end - s->p) < n || memcmp(s->p, word, n) != 0)
                return false;
        s->p += n;
        return true;
}

static bool take_digits(Scan *s)
{
        const char *from = s->p;

        while (take(s, "0123456789"))
                ;
        return s->p > from;
}

static bool scan_number(Scan *s)
{
        (void) take(s, "-");
        if (!take(s, "0") && !take_digits(s))
                return false;
        if (take(s, ".") && !take_digits(s))
                return false;
        if (!take(s, "eE"))
                return true;
        (void) take(s, "+-");
        return take_digits(s);
}

static bool scan_escape(Scan *s)
{
        if (!take(s, "u"))
                return take(s, "\"\\/bfnrt");
        for (size_t i = 0; i < 4; i++)
                if (!take(s, "0123456789abcdefABCDEF"))
                        return false;

        return true;
}

/* What stands behind its first quote. */
static bool scan_string(Scan *s)
{
        while (s->p < s->end) {
                unsigned char c = (unsigned char) *s->p++;

                if (c == '"')
                        return true;
                if (c < ' ' || (c == '\\' && !scan_escape(s)))
                        return false;
        }

        return false;
}

static bool scan_member(Scan *s, unsigned depth)
{
        skip_space(s);
        if (!take(s, "\"") || !scan_string(s))
                return false;
        skip_space(s);
        s->members++;
        return take(s, ":") && scan_value(s, depth);
}

/* What stands behind the opening bracket of an object or an array. */
static bool scan_list(Scan *s, const char *close, bool (*scan)(Scan *s, unsigned depth), unsigned depth)
{
        if (depth == 0)
                return false;
        skip_space(s);
        if (take(s, close))
                return true;
        do
                if (!scan(s, depth - 1))
                        return false;
        while (take(s, ","));

        return take(s, close);
}

/* With the space around it. */
static bool scan_value(Scan *s, unsigned depth)
{
        bool valid;

        skip_space(s);
        if (take(s, "{"))
                valid = scan_list(s, "}", scan_member, depth);
        else if (take(s, "["))
                valid = scan_list(s, "]", scan_value, depth);
        else if (take(s, "\""))
                valid = scan_string(s);
        else
                valid = take_word(s, "true") || take_word(s, "false") || take_word(s, "null") ||
                        scan_number(s);
        skip_space(s);
        return valid;
}

bool json_syntax_is_valid(const char *text, size_t size, unsigned depth, size_t *ret_members)
{
        Scan s = { .p = text, .end = text + size };

        if (!scan_value(&s, depth) || s.p != s.end)
                return false;

        *ret_members = s.members;
        return true;
}
