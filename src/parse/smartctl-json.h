/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "shared/json-util.h"

/* The frame of smartctl's JSON, which all of its readers share: whether there is a reading at all, and if not, why. Pure. */

/* smartctl's exit status is a mask (smartctl.8, EXIT STATUS). */
#define SMARTCTL_EXIT_COMMAND_LINE 0x01
#define SMARTCTL_EXIT_DEVICE       0x02
#define SMARTCTL_EXIT_FAILING      0x08

typedef enum SmartctlRead {
        SMARTCTL_READ,       /* there is something to read */
        SMARTCTL_STANDBY,    /* skipped because the drive sleeps */
        SMARTCTL_NO_TYPE,    /* smartctl does not know how to talk to it: an unknown bridge or device type */
        SMARTCTL_NOT_OPENED, /* it could not be opened, or did not answer */
        SMARTCTL_NOT_CAPABLE, /* it has no SMART */
} SmartctlRead;

/* 0, -ENOMEM, or -EBADMSG: not smartctl's JSON. With the last three of the above *ret_reason is what smartctl says, clean;
 * else it is left alone. */
int smartctl_json_parse(const char *text, size_t size, struct json_object **ret, SmartctlRead *ret_read,
                        char **ret_reason);

/* A member that is an object or an array, or NULL; so that paths can be chained. */
struct json_object *json_sub(struct json_object *o, const char *key);
struct json_object *json_sub_array(struct json_object *o, const char *key);
/* These take NULL for an empty array; a member that is no string is "". */
size_t json_length(struct json_object *a);
const char *json_string_at(struct json_object *a, size_t i);
