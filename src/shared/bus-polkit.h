/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-bus.h>

#include "basic/macro.h"

/* Asks polkit whether the sender of a method call may do something, without blocking.
 *
 *      r = polkit_check(registry, m, action, NULL, NULL, details, error);
 *      if (r < 0)
 *              return r;
 *      if (r == 0)
 *              return 1; (polkit was asked; the message comes again)
 *
 * When the answer is there, the very same message is put back into the queue of the bus and the handler runs a second time from
 * its top: it looks its objects up again, and no pointer is ever kept over the wait. So everything a handler does before
 * this call happens twice and must change nothing. The answer is used once.
 *
 * The subject is the bus name, never a process id (which can be reused). No polkit, an error from it, or a sender that has
 * left: no. */

typedef struct PolkitRegistry PolkitRegistry;

/* One key and value each; the value may be NULL (left out). Ends with a NULL key. */
typedef struct PolkitDetail {
        const char *key, *value;
} PolkitDetail;

int polkit_registry_new(PolkitRegistry **ret);
PolkitRegistry *polkit_registry_free(PolkitRegistry *r);

/* intent: "remove host $(host)", with details in it, for a person who is asked for a password; NULL: the message of the policy.
 * also: a second action that must be allowed too, asked once the first one is; NULL: none.
 * 1: allowed. 0: pending, return 1 to sd-bus. Negative: error is set (AccessDenied, InteractiveAuthorizationRequired,
 * LimitsExceeded for more than 64 pending questions of one sender). */
int polkit_check(PolkitRegistry *r, sd_bus_message *m, const char *action, const char *intent,
                 const char *also, const PolkitDetail *details, sd_bus_error *error);

DEFINE_TRIVIAL_CLEANUP_FUNC(PolkitRegistry *, polkit_registry_free);
