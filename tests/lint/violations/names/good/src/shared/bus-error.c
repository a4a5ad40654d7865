/* SPDX-License-Identifier: LGPL-2.1-or-later */
static const sd_bus_error_map error_map[] = {
        SD_BUS_ERROR_MAP(BUS_ERROR_BUSY, EBUSY),
};
