/* SPDX-License-Identifier: LGPL-2.1-or-later */

#undef NDEBUG
#include <stdio.h>

#include "basic/fd-util.h"
#include "basic/string-util.h"
#include "shared/bus-error.h"
#include "shared/names.h"

#define MARK "#define BUS_ERROR_"

/* The names, read from the header itself: one that was added there and not to the table is found. */
static size_t read_names(char names[][128], size_t max)
{
        _cleanup_free_ char *path = NULL, *text = NULL;
        const char *end = strstr(__FILE__, "tests/unit/");
        size_t size, n = 0;

        assert(end);
        path = strf("%.*ssrc/shared/names.h", (int) (end - __FILE__), __FILE__);
        assert(path);
        assert(read_file_full(path, 1 << 20, &text, &size) >= 0);

        for (char *p = text; (p = strstr(p, MARK)); p++) {
                const char *tail = strstr(p, "\".Error."), *line = strchr(p, '\n');

                assert(tail && tail < line && n < max);
                assert(sscanf(tail, "\"%100[^\"]", names[n]) == 1);
                memmove(names[n] + strlen(BUS_NAME), names[n], strlen(names[n]) + 1);
                memcpy(names[n], BUS_NAME, strlen(BUS_NAME));
                n++;
        }

        return n;
}

static int name_to_errno(const char *name)
{
        _cleanup_(sd_bus_error_free) sd_bus_error e = SD_BUS_ERROR_NULL;

        /* Setting a name gives its errno, and -EIO where nobody knows it. */
        assert(sd_bus_error_set(&e, name, "text") == -sd_bus_error_get_errno(&e));
        return sd_bus_error_get_errno(&e);
}

static void test_registered(void)
{
        char names[64][128];
        size_t n = read_names(names, ELEMENTSOF(names));
        size_t unmapped = 0;

        assert(n >= 20);

        for (size_t i = 0; i < n; i++)
                unmapped += name_to_errno(names[i]) == EIO;
        assert(unmapped == n); /* or this test would prove nothing */

        assert(bus_error_register() == 0);
        assert(bus_error_register() == 0);

        for (size_t i = 0; i < n; i++) {
                int e = name_to_errno(names[i]);

                /* EIO is the answer for an unknown name, so it can be one's own once, and only where it means that. */
                assert(e > 0 && (e != EIO || streq(names[i], BUS_ERROR_STORE)));
                assert(e != EACCES);
                for (size_t k = 0; k < i; k++)
                        assert(e != name_to_errno(names[k]));
        }
}

int main(void)
{
        test_registered();
        return 0;
}
