/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/manager.h"

/* Asks burnin-password, without waiting: two at a time, since each takes 64 MiB, and a few behind them.
 *
 * The callback comes from the loop, once for each question that was taken: result 1 it matches, 0 it does not, or a hash was made;
 * negative: nobody can say. hash is what was made, or NULL. */

#define PASSWORDS_ASKED_MAX  2U
#define PASSWORDS_QUEUED_MAX 16U
#define PASSWORD_TIMEOUT     (20 * USEC_PER_SEC)

typedef void (*PasswordCallback)(void *userdata, int result, const char *hash);

/* hash NULL: there is no such account; it takes as long, and does not match. -EAGAIN: too many wait. */
int password_verify(Manager *m, const char *hash, const char *password, PasswordCallback callback,
                    void *userdata);
int password_hash(Manager *m, const char *password, PasswordCallback callback, void *userdata);

/* All that wait get -ECANCELED. */
void passwords_done(Manager *m);
