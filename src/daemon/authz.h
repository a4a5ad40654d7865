/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/manager.h"

/* Who may do what: one table, one row per member of the bus interfaces that is a method. A method without a row is denied. */

typedef struct AuthzRow {
        const char *interface, *member;
        const char *action; /* NULL: reading what the properties say anyway, for whoever the bus lets in */
        const char *intent; /* what a person is asked for leave to do; NULL: the policy's own words fit */
} AuthzRow;

extern const AuthzRow authz_table[];
extern const size_t authz_table_size;

/* As polkit_check(): 1 allowed, 0 pending (return 1), negative refused. The row is found by the message's interface and member.
 * A refusal is audited, with object ("drive wwn-...", "job 42"). */
int authz_check(Manager *m, sd_bus_message *message, const char *object, const PolkitDetail *details,
                sd_bus_error *error);
/* The same where it depends on what the call asks for: action is in the place of its row's, also is a second one beside that; NULL: as
 * the row says, none. */
int authz_check_action(Manager *m, sd_bus_message *message, const char *action, const char *also,
                       const char *object, const PolkitDetail *details, sd_bus_error *error);
