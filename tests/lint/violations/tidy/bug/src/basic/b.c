/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <string.h>

int f(const char *a);
int f(const char *a)
{
        return strcmp(a, "x") == -1;
}
