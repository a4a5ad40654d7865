/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "basic/parse-util.h"
#include "basic/string-util.h"

int parse_u64(const char *s, uint64_t *ret)
{
        unsigned long long v;
        char *e;

        /* strtoull() takes white space and a minus sign, which no field of ours has. */
        if (*s < '0' || *s > '9')
                return -EINVAL;

        errno = 0;
        v = strtoull(s, &e, 10);
        if (errno != 0)
                return -errno;
        if (*e)
                return -EINVAL;

        *ret = v;
        return 0;
}

int parse_i64(const char *s, int64_t *ret)
{
        bool negative = *s == '-';
        uint64_t v;
        int r;

        r = parse_u64(s + negative, &v);
        if (r < 0)
                return r;
        if (v > (uint64_t) INT64_MAX)
                return -ERANGE;

        *ret = negative ? -(int64_t) v : (int64_t) v;
        return 0;
}

int parse_u32(const char *s, uint32_t *ret)
{
        uint64_t v;
        int r;

        r = parse_u64(s, &v);
        if (r < 0)
                return r;
        if (v > UINT32_MAX)
                return -ERANGE;

        *ret = (uint32_t) v;
        return 0;
}

int parse_boolean(const char *s)
{
        static const char *const yes[] = { "yes", "true", "on", "1" }, *const no[] = { "no", "false", "off",
                                                                                       "0" };

        for (size_t i = 0; i < ELEMENTSOF(yes); i++) {
                if (streq(s, yes[i]))
                        return 1;
                if (streq(s, no[i]))
                        return 0;
        }

        return -EINVAL;
}
