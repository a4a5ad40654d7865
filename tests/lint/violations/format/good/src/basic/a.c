/* SPDX-License-Identifier: LGPL-2.1-or-later */

int f(int x)
{
        return x + 1;
}
