/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-bus.h>

#include "shared/json-util.h"

/* The next value of a message, of any type, as JSON: a dictionary becomes an object, arrays and structures become arrays, a
 * variant what is in it, a number that JSON has no word for (NaN) null. 1; 0 at the end; -errno. */
int message_read_json(sd_bus_message *m, struct json_object **ret);
