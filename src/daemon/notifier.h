/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/audit.h"
#include "daemon/delivery.h"
#include "daemon/event.h"
#include "daemon/notifier-secret.h"
#include "daemon/notify-call.h"

/* Who is told of events. Two are made by the settings, 'mail' (smtp_host, smtp_to) and 'webhook' (webhook_url), and are always there; of
 * the others each is a record. What waits for each is in the store, what it is let in with in notifier-secret.h. */

struct Notifier {
        Manager *manager;      /* weak */
        NotifierRecord record; /* of a built-in one name and kind alone: the settings say the rest */
        bool built_in;
        char **events, **hosts; /* the words of the record; empty: all */

        /* The outbox's. */
        Target target;
        DeliveryRecord delivery; /* that is under way */
        NotifyCall *call;        /* NULL: none is */

        /* A test, and who waits for what becomes of it. */
        NotifyCall *test;
        sd_bus_message *test_message;

        Notifier *prev, *next;
};

#define NOTIFIER_MAIL_NAME    "mail"
#define NOTIFIER_WEBHOOK_NAME "webhook"
#define NOTIFIERS_BUILT_IN    2U

/* The built-in ones, and those in the store. */
int notifiers_start(Manager *m);
void notifiers_done(Manager *m);
Notifier *notifier_find(const Manager *m, const char *name);

/* There is somewhere to send to, and it is not switched off. */
bool notifier_is_enabled(const Notifier *n);
/* The same without the switch: what a test needs. */
bool notifier_is_set_up(const Notifier *n);
bool notifier_takes(const Notifier *n, EventKind kind, const char *host);
/* What the built-in one is sent where it is set up. */
bool notifier_mail_takes(const Settings *s, EventKind kind);
/* The names of those that take this. */
int notifiers_taking(const Manager *m, EventKind kind, const char *host, char ***ret);

/* The URL as far as it is shown: scheme and server. What is behind that may be a secret. */
char *notifier_url_shown(const char *url);

/* What may be said of one. NULL in a text or a list: as it was, or as it is by default. */
typedef struct NotifierChange {
        const char *url, *severity, *secret; /* borrowed; secret "": none any more */
        char **to, **events, **hosts;
        int enabled; /* negative: as it was */
} NotifierChange;
#define NOTIFIER_CHANGE_NULL                                                                                \
        (NotifierChange)                                                                                    \
        {                                                                                                   \
                .enabled = -1                                                                               \
        }
void notifier_change_done(NotifierChange *c);

int notifier_check_name(const char *name, sd_bus_error *error);
int notifier_add(Manager *m, const char *name, const char *kind, const NotifierChange *change,
                 sd_bus_error *error);
int notifier_configure(Notifier *n, const NotifierChange *change, sd_bus_error *error);
/* Its deliveries go with it. */
int notifier_remove(Notifier *n, sd_bus_error *error);

/* What it is let in with. */
int notifier_read_secret(const Notifier *n, NotifierSecret *ret);
/* What burnin-notify is asked. body: of the event; NULL: a test, which sends what a person can see, or for mail logs in and leaves.
 * -EBADMSG: no event. */
int notifier_request(const Notifier *n, const char *site, const char *body, NotifyRequest *ret);

int notifier_bus_register(Manager *m);

extern const sd_bus_vtable notifier_vtable[];
