/* SPDX-License-Identifier: LGPL-2.1-or-later */
int f(void)
{
        log_info(MESSAGE_LOST);
        return BUS_ERROR_BUSY;
}
