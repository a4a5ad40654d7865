/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/manager.h"

/* Who acted. Taken from the bus's own credentials of the sender, never from what it says; or the account that its connection acts
 * for (daemon/session.h), with the uid of the web page's user. */
typedef struct Actor {
        uint32_t uid;
        char name[64]; /* the Unix user, "uid N", or "ACCOUNT (web)", which no Unix user is called */
} Actor;

int actor_from_message(Manager *manager, sd_bus_message *m, Actor *ret);
void actor_set_account(Actor *a, const char *account);
bool actor_is(const Actor *a, uint32_t uid, const char *name);
/* burnind itself: an end of its own motion, a key that changed. */
extern const Actor actor_daemon;

/* One line for what was done or refused: a row in the audit table, and a journal entry with the same facts. object: "host
 * nas1", "drive wwn-...", "job 42". outcome: "ok", "denied", "refused", or an error name. */
int audit_write(Manager *m, const Actor *actor, const char *action, const char *object, const char *outcome,
                const char *detail);
/* A call that its caller has a right to, and that came to nothing: r and error as its method returns them. Hands r on. */
int audit_refused(Manager *m, const Actor *actor, const char *action, const char *object, int r,
                  const sd_bus_error *error);
/* The same for a call that its caller has no right to, or a number for many of them: see daemon/denial.h. */
void audit_denied(Manager *m, const Actor *actor, const char *action, const char *object,
                  const char *member);

int audit_new(Manager *m);
/* Records the numbers that are open. */
void audit_done(Manager *m);
