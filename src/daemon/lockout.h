/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "basic/time-util.h"
#include "store/store.h"

/* Who guesses passwords waits: five failures in a row lock an account, and an address, for a minute, each further one for twice as
 * long. A locked one is not tried at all, so that also the right password says nothing.
 *
 * No clock and no store in here. Times are of CLOCK_REALTIME: a lock outlives a restart. */

#define LOCKOUT_FAILURES    5U
#define LOCKOUT_FIRST_USEC  USEC_PER_MINUTE
#define LOCKOUT_MAX_USEC    USEC_PER_HOUR
#define LOCKOUT_FORGET_USEC USEC_PER_DAY

/* How long it is still locked; 0: it is not. */
uint64_t lockout_left(const LockoutRecord *r, uint64_t now);
/* One more failure. True: it is locked now. */
bool lockout_add(LockoutRecord *r, uint64_t now);
