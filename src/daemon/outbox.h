/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/notify-call.h"
#include "daemon/manager.h"

/* Sends what waits in the store: asks burnin-notify, a process for each delivery, and writes down what became of it. What is tried
 * when is delivery.h's. Whenever burnind ends in between, the delivery waits still, and is made again: receivers tell by the event's
 * id. */

#define OUTBOX_TIMEOUT (60 * USEC_PER_SEC) /* over what burnin-notify gives itself */
#define OUTBOX_KEEP    (30 * USEC_PER_DAY) /* what was sent, or given up, can be seen so long */

/* socket: where burnin-notify is asked. */
int outbox_new(Manager *m, const char *socket);
Outbox *outbox_free(Outbox *o);
/* Asks burnin-notify for this notifier, with itself as userdata: of an event, or body NULL: for a test. */
int outbox_ask(Notifier *n, const char *body, uint64_t timeout_usec, NotifyCallback callback,
               NotifyCall **ret);
/* Why it could not be asked, in words, by what that has returned. */
char *outbox_why_not(int r);
/* Something new waits, or something else may be tried now. */
void outbox_kick(Manager *m);
DEFINE_TRIVIAL_CLEANUP_FUNC(Outbox *, outbox_free);
