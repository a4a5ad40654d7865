/* SPDX-License-Identifier: LGPL-2.1-or-later */
static const sd_bus_error_map error_map[] = {
        
};
