/* SPDX-License-Identifier: LGPL-2.1-or-later */

int f(void)
{
        return system (
                        "true");
}
