/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-bus.h>

#include "basic/macro.h"

/* Why a request was not done: a code of http-error.c's table, or the last part of an error's name on the bus, which decide
 * on the status; and words for people. */
typedef struct HttpError {
        unsigned status; /* 0: none is set */
        char *code;
        char *message;
        char *field; /* NULL: it is about none */
} HttpError;

void http_error_done(HttpError *e);

/* Both keep the first error, and return -EBADMSG, for return http_error_set(...). */
int http_error_set(HttpError *e, const char *code, const char *field, const char *format, ...)
                _printf_(4, 5);
/* r: what the failed call returned. */
int http_error_set_bus(HttpError *e, const sd_bus_error *error, int r);

/* The code for an error of the bus: "org.burnin1.Error.DriveLocked" is "DriveLocked". Borrowed. */
const char *http_code_from_bus(const char *name);
/* 409 for a code that is not in the table: a refusal of a newer burnind's. */
unsigned http_status_of(const char *code);
