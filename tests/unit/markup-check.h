/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#include "basic/macro.h"
#include "shared/page-url.h"

/* Whether a page consists of nothing but what html.c and daily.c write: elements of this list, attributes that name no script and no
 * address but one of the web page, quoted throughout, and so many scripts that are data. Text that got out of its place would be something else. */
static inline bool markup_attributes_are_inert(const char *p, const char *end)
{
        static const char *const names[] = {
                "lang",
                "charset",
                "name",
                "content",
                "http-equiv",
                "class",
                "id",
                "type",
                "viewBox",
                "role",
                "d",
                "fill",
                "points",
                "x",
                "y",
                "text-anchor",
                "shape-rendering",
                "aria-label",
                "style",
                "width",
                "align",
                "cellpadding",
                "cellspacing",
                "href",
        };

        while (p < end) {
                size_t n = strcspn(p + 1, "=");
                bool known = false;

                if (*p != ' ')
                        return false;
                for (size_t i = 0; i < ELEMENTSOF(names); i++)
                        known = known || (strlen(names[i]) == n && memcmp(p + 1, names[i], n) == 0);
                p += 1 + n;
                if (!known || p + 1 >= end || p[0] != '=' || p[1] != '"')
                        return false;
                if (n == 4 && memcmp(p - 4, "href", 4) == 0) {
                        char url[PAGE_URL_MAX + 1] = "";

                        n = strcspn(p + 2, "\"");
                        if (n >= sizeof(url))
                                return false;
                        memcpy(url, p + 2, n);
                        if (!page_url_is_valid(url))
                                return false;
                }
                p += 2 + strcspn(p + 2, "\"") + 1;
        }

        return p == end;
}

static inline bool markup_is_inert(const char *page, size_t n_scripts)
{
        static const char *const elements[] = {
                "html",   "head", "meta",     "title", "style", "body", "main",   "header",
                "footer", "div",  "span",     "h1",    "h2",    "h3",   "p",      "dl",
                "dt",     "dd",   "table",    "thead", "tbody", "tr",   "th",     "td",
                "svg",    "path", "polyline", "text",  "pre",   "code", "script", "a",
        };
        size_t scripts = 0;

        if (strncmp(page, "<!DOCTYPE html>\n", 16) != 0)
                return false;
        for (const char *p = strchr(page + 16, '<'); p; p = strchr(p, '<')) {
                bool closes = p[1] == '/', known = false;
                const char *name = p + 1 + closes, *end = strchr(p, '>');
                size_t n = 0;

                while (isalnum((unsigned char) name[n]))
                        n++;
                for (size_t i = 0; i < ELEMENTSOF(elements); i++)
                        known = known || (strlen(elements[i]) == n && memcmp(elements[i], name, n) == 0);
                if (!known || !end)
                        return false;
                if (n == 6 && memcmp(name, "script", 6) == 0 && !closes) {
                        scripts++;
                        if (strncmp(name + n, " type=\"application/json\" id=\"report\">", 36) != 0 &&
                            strncmp(name + n, " type=\"text/plain\" id=\"signature\">", 33) != 0)
                                return false;
                }
                if (!markup_attributes_are_inert(name + n, end[-1] == '/' ? end - 1 : end))
                        return false;
                p = end;
        }

        return scripts == n_scripts;
}
