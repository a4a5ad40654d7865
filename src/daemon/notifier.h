/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/delivery.h"
#include "daemon/event.h"
#include "shared/notify-proto.h"

/* Who is told of events. There are two, which the settings make: mail (smtp_host, smtp_to) and webhook (webhook_url). What each takes,
 * and what it is asked, are functions of the settings as they are then; what it waits with is in the store. */

typedef enum NotifierId {
        NOTIFIER_ID_MAIL,
        NOTIFIER_ID_WEBHOOK,
        _NOTIFIER_ID_MAX,
        _NOTIFIER_ID_INVALID = -EINVAL,
} NotifierId;
DECLARE_STRING_TABLE(notifier_id, NotifierId);

/* It is set up: there is somewhere to send to. */
bool notifier_is_enabled(const Settings *s, NotifierId id);
bool notifier_takes(const Settings *s, NotifierId id, EventKind kind);
/* The names of those that take this. */
int notifiers_taking(const Settings *s, EventKind kind, char ***ret);

/* What burnin-notify is asked. body: of the event. -EBADMSG: no event. */
int notifier_request(const Settings *s, NotifierId id, const char *site, const char *body,
                     NotifyRequest *ret);
