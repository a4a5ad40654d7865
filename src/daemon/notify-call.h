/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-event.h>

#include "shared/notify-proto.h"

/* One question to burnin-notify, which is a process of its own for each: the connection, and how long it is waited for. */

typedef struct NotifyCall NotifyCall;

/* error: in words; NULL where it was taken. Called once, from the loop; it may free the call. */
typedef void (*NotifyCallback)(void *userdata, DeliveryResult result, const char *error);

/* socket: path. -errno: it cannot be asked, and nobody is called back. */
int notify_call_new(sd_event *event, const char *socket, const NotifyRequest *request, uint64_t timeout_usec,
                    NotifyCallback callback, void *userdata, NotifyCall **ret);
/* Whatever was to be delivered may be delivered all the same. */
NotifyCall *notify_call_free(NotifyCall *c);
DEFINE_TRIVIAL_CLEANUP_FUNC(NotifyCall *, notify_call_free);
