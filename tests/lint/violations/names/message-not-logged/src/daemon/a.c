/* SPDX-License-Identifier: LGPL-2.1-or-later */
int f(void)
{
        log_info(NULL);
        return BUS_ERROR_BUSY;
}
