/* SPDX-License-Identifier: LGPL-2.1-or-later */

void f(char *a, const char *b)
{
        strcpy(a, b);
}
