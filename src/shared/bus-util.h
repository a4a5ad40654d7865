/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-bus.h>

#include "basic/macro.h"

/* Reads an a{sv} of options. Every key must be in the table, be there once and have its type; anything else, and text of
 * more than OPTION_TEXT_MAX bytes, is InvalidOption, and nothing was changed then. Strings are borrowed from the message. */
typedef struct BusOption {
        const char *key;
        char type;   /* 's', 'b', 'u', 'i', 'q', 't', 'h'; 'a' for "as" */
        void *value; /* const char **, int * (b, h: borrowed), uint32_t *, int32_t *, uint16_t *, uint64_t *; "as": char ***, which the caller
                      * owns, not NULL where the option was there */
        bool *present; /* may be NULL */
} BusOption;
int bus_read_options(sd_bus_message *m, const BusOption *options, size_t n, sd_bus_error *error);

/* An "as", also an empty one, which is not NULL. -E2BIG: it has more than max. */
int bus_read_strv(sd_bus_message *m, size_t max, char ***ret);

/* Text of a caller that is shown, logged or audited: refuses more than max bytes, and control characters (lines: but line breaks and
 * tabs). what: "A reason"; name: of the error. What is only repeated in an error goes through SHOWN(). */
int bus_check_text(const char *what, const char *text, size_t max, bool lines, const char *name,
                   sd_bus_error *error);

/* The trailing "t flags" that every method which changes something has. */
int bus_read_flags(sd_bus_message *m, sd_bus_error *error);
/* The "s reason" before them, one line of TEXT_MAX_BYTES at most, and the flags. Borrowed from the message. */
int bus_read_reason(sd_bus_message *m, const char **ret, sd_bus_error *error);

/* Appends "{sv}" for every property of the vtable, by its own getters, so that a list says what the objects say. */
int bus_append_properties(sd_bus_message *m, const sd_bus_vtable *vtable, void *userdata,
                          sd_bus_error *error);

/* Getters for members at the offset given in SD_BUS_PROPERTY: a char* that may be NULL (sent as ""), a C bool. */
int bus_property_get_string(sd_bus *bus, const char *path, const char *interface, const char *property,
                            sd_bus_message *reply, void *userdata, sd_bus_error *error);
int bus_property_get_bool(sd_bus *bus, const char *path, const char *interface, const char *property,
                          sd_bus_message *reply, void *userdata, sd_bus_error *error);
