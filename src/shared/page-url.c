/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "basic/string-util.h"
#include "shared/page-url.h"

#define UNRESERVED "-._~"

bool page_url_is_valid(const char *s)
{
        const char *rest = startswith(s, "https://");
        size_t host;

        if (!rest || !str_in_charset(rest, UNRESERVED "%/:[]", PAGE_URL_MAX))
                return false;

        host = strcspn(rest, "/");
        return host > 0 && rest[0] != ':' && !memchr(rest, '%', host);
}

static int page_url_join(const char *page_url, const char *path, char **ret)
{
        _cleanup_free_ char *url = NULL;

        url = strf("%s%s%s", page_url, endswith(page_url, "/") ? "" : "/", path);
        if (!url)
                return -ENOMEM;
        if (page_url_is_valid(url))
                *ret = TAKE_PTR(url);
        return 0;
}

int page_url_of_job(const char *page_url, uint64_t job, char **ret)
{
        _cleanup_free_ char *path = NULL;

        *ret = NULL;
        if (isempty(page_url))
                return 0;
        path = strf("history/%" PRIu64, job);
        return path ? page_url_join(page_url, path, ret) : -ENOMEM;
}

int page_url_of_drive(const char *page_url, const char *drive, char **ret)
{
        static const char digits[] = "0123456789ABCDEF";
        _cleanup_free_ char *path = NULL;
        char *p;

        *ret = NULL;
        if (isempty(page_url))
                return 0;
        path = new0(char, STRLEN("drives/") + 3 * strlen(drive) + 1);
        if (!path)
                return -ENOMEM;

        p = stpcpy(path, "drives/");
        for (; *drive; drive++)
                if (str_in_charset((const char[]){ *drive, '\0' }, UNRESERVED, 1))
                        *p++ = *drive;
                else {
                        *p++ = '%';
                        *p++ = digits[(uint8_t) *drive >> 4];
                        *p++ = digits[(uint8_t) *drive & 15];
                }

        return page_url_join(page_url, path, ret);
}
