/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "shared/bus-error.h"
#include "shared/names.h"

/* No two names share an errno, and none is EACCES: that one is polkit's "no" (org.freedesktop.DBus.Error.AccessDenied).
 * libsystemd keeps the pointer: the table lives as long as the program. */
static const sd_bus_error_map error_map[] = {
        SD_BUS_ERROR_MAP(BUS_ERROR_NO_SUCH_HOST, ENXIO),
        SD_BUS_ERROR_MAP(BUS_ERROR_NO_SUCH_DRIVE, ENODEV),
        SD_BUS_ERROR_MAP(BUS_ERROR_NO_SUCH_JOB, ESRCH),
        SD_BUS_ERROR_MAP(BUS_ERROR_NO_SUCH_SETTING, ENODATA),
        SD_BUS_ERROR_MAP(BUS_ERROR_HOST_EXISTS, EEXIST),
        SD_BUS_ERROR_MAP(BUS_ERROR_HOST_UNREACHABLE, EHOSTUNREACH),
        SD_BUS_ERROR_MAP(BUS_ERROR_HOST_UNFIT, ENOPKG),
        SD_BUS_ERROR_MAP(BUS_ERROR_HOST_KEY_UNCONFIRMED, ENOKEY),
        SD_BUS_ERROR_MAP(BUS_ERROR_HOST_KEY_CHANGED, EKEYREVOKED),
        SD_BUS_ERROR_MAP(BUS_ERROR_WRONG_FINGERPRINT, EKEYREJECTED),
        SD_BUS_ERROR_MAP(BUS_ERROR_DRIVE_LOCKED, EPERM),
        SD_BUS_ERROR_MAP(BUS_ERROR_DRIVE_BUSY, EBUSY),
        SD_BUS_ERROR_MAP(BUS_ERROR_DRIVE_MISSING, ENOMEDIUM),
        SD_BUS_ERROR_MAP(BUS_ERROR_DRIVE_IDENTITY, ENOTUNIQ),
        SD_BUS_ERROR_MAP(BUS_ERROR_WRONG_SERIAL, EBADE),
        SD_BUS_ERROR_MAP(BUS_ERROR_WRONG_TOKEN, EBADR),
        SD_BUS_ERROR_MAP(BUS_ERROR_WRONG_STATE, EBADFD),
        SD_BUS_ERROR_MAP(BUS_ERROR_INVALID_OPTION, EOPNOTSUPP),
        SD_BUS_ERROR_MAP(BUS_ERROR_INVALID_ARGUMENT, EINVAL),
        SD_BUS_ERROR_MAP(BUS_ERROR_NOT_CONFIRMED, ECANCELED),
        SD_BUS_ERROR_MAP(BUS_ERROR_LIMIT_REACHED, EDQUOT),
        SD_BUS_ERROR_MAP(BUS_ERROR_STORE, EIO),
        SD_BUS_ERROR_MAP_END,
};

int bus_error_register(void)
{
        int r;

        r = sd_bus_error_add_map(error_map);
        return r < 0 ? r : 0;
}
