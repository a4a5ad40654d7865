/* SPDX-License-Identifier: LGPL-2.1-or-later */

int f(int *x)
{
        if (!x)
                return *x;
        return 0;
}
