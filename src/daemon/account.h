/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/audit.h"

/* The accounts of the web page: their names, roles and password hashes, and who is kept from guessing. They are in the store alone, and
 * read from there each time. Callers on the bus need none: they are Unix users. */

bool account_name_is_valid(const char *name);
/* Errors: InvalidArgument. */
int account_check_name(const char *name, sd_bus_error *error);
int account_check_password(const char *password, sd_bus_error *error);
int account_read_role(const char *word, Role *ret, sd_bus_error *error);

/* Errors: NoSuchAccount. */
int account_get(Manager *m, const char *name, AccountRecord *ret, sd_bus_error *error);
/* Negative: the store cannot say. */
int account_is_any(Manager *m);

/* Whether a password of this account (NULL: none in particular) may be tried from this address (""; not known). Error: LockedOut. */
int account_may_try(Manager *m, const char *name, const char *address, sd_bus_error *error);
/* For how long it may not yet; 0: it may. */
int account_get_lockout(Manager *m, const char *name, const char *address, uint64_t *ret_usec,
                        sd_bus_error *error);
/* It was wrong, or right. A failure that cannot be counted must not be told apart from a success: negative, error is Store. */
int account_failed(Manager *m, const char *name, const char *address, sd_bus_error *error);
void account_succeeded(Manager *m, const char *name, const char *address);
/* Until when it is locked; 0: it is not. */
uint64_t account_locked_until(Manager *m, const char *name);

/* Each is stored, audited and takes effect at once. Errors: AccountExists, LimitReached, LastAdmin, Store. */
int account_add(Manager *m, const char *name, Role role, const char *hash, const Actor *actor,
                sd_bus_error *error);
/* session: the one that goes on; 0: none does. */
int account_set_password(Manager *m, AccountRecord *r, const char *hash, uint64_t session,
                         const Actor *actor, sd_bus_error *error);
int account_set_role(Manager *m, AccountRecord *r, Role role, const Actor *actor, sd_bus_error *error);
int account_remove(Manager *m, const AccountRecord *r, const Actor *actor, sd_bus_error *error);

/* What whoever makes the first account over the web must have read on this machine. Errors: as of getrandom(). */
int account_get_setup_code(Manager *m, const char **ret);
bool account_is_setup_code(const Manager *m, const char *code);

/* Makes the account of the credential burnin.admin, unless there is one. */
void account_make_initial(Manager *m);

int account_bus_register(Manager *m);
void account_emit_empty(Manager *m);
void account_emit_sessions_changed(Manager *m);

extern const sd_bus_vtable account_vtable[];
