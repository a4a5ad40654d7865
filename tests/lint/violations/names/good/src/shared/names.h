/* SPDX-License-Identifier: LGPL-2.1-or-later */
#define BUS_NAME "org.burnin1"
#define BUS_INTERFACE_MANAGER BUS_NAME ".Manager"
#define BUS_ERROR_BUSY BUS_NAME ".Error.Busy"
#define ACTION_START BUS_NAME ".start-destructive"
#define LOG_FIELD_HOST "BURNIN_HOST"
#define MESSAGE_LOST "0123456789abcdef0123456789abcdef"
