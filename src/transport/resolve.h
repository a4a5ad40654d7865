/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <sys/socket.h>
#include <systemd/sd-event.h>

#include "basic/macro.h"

/* Host names to addresses without blocking the loop. A number is an address at once; a name is looked up by a short-lived
 * child process, since getaddrinfo() blocks for tens of seconds where a resolver is dead: a thread could not be ended then,
 * and getaddrinfo_a() is threads too. The child is killed when nobody waits for it any more. */

#define RESOLVE_ADDRESSES_MAX 8

typedef struct ResolvedAddress {
        struct sockaddr_storage sa;
        socklen_t size;
} ResolvedAddress;

typedef struct Resolve Resolve;

/* error: NULL, or what went wrong, for people. The object may be freed in here; it is never called from resolve_new(). */
typedef void (*resolve_callback_t)(const char *error, const ResolvedAddress *addresses, size_t n,
                                   void *userdata);

/* 1 and the address where name is a number, 0 where it is not. */
int resolve_numeric(const char *name, uint16_t port, ResolvedAddress *ret);

int resolve_new(sd_event *event, const char *name, uint16_t port, resolve_callback_t callback,
                void *userdata, Resolve **ret);
Resolve *resolve_free(Resolve *r);

DEFINE_TRIVIAL_CLEANUP_FUNC(Resolve *, resolve_free);
