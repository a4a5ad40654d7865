/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "basic/string-util.h"
#include "basic/strv.h"

char **strv_free(char **l)
{
        STRV_FOREACH(s, l)
                free(*s);
        free(l);

        return NULL;
}

size_t strv_length(char *const *l)
{
        size_t n = 0;

        STRV_FOREACH(s, l)
                n++;

        return n;
}

bool strv_contains(char *const *l, const char *s)
{
        STRV_FOREACH(i, l)
                if (streq(*i, s))
                        return true;

        return false;
}

int strv_consume(char ***l, char *s)
{
        size_t n = strv_length(*l);
        char **t;

        if (!s)
                return -ENOMEM;

        t = reallocarray(*l, n + 2, sizeof(char *));
        if (!t) {
                free(s);
                return -ENOMEM;
        }

        t[n] = s;
        t[n + 1] = NULL;
        *l = t;
        return 0;
}

int strv_extend(char ***l, const char *s)
{
        return strv_consume(l, strdup(s));
}

int strv_split(const char *s, const char *separators, char ***ret)
{
        _cleanup_strv_free_ char **l = NULL;
        int r;

        for (s += strspn(s, separators); *s; s += strspn(s, separators)) {
                size_t n = strcspn(s, separators);

                r = strv_consume(&l, strndup(s, n));
                if (r < 0)
                        return r;
                s += n;
        }

        *ret = TAKE_PTR(l);
        return 0;
}

char *strv_join(char *const *l, const char *separator)
{
        size_t n = 1, k = strlen(separator);
        char *t, *p;

        STRV_FOREACH(s, l)
                n += strlen(*s) + k;

        p = t = new (char, n);
        if (!t)
                return NULL;

        STRV_FOREACH(s, l) {
                if (s != l)
                        p = mempcpy(p, separator, k);
                p = mempcpy(p, *s, strlen(*s));
        }
        *p = 0;

        return t;
}
