/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "daemon/lockout.h"

uint64_t lockout_left(const LockoutRecord *r, uint64_t now)
{
        /* A clock that was set back must not make it longer. */
        return r->until_usec > now ? MIN(r->until_usec - now, LOCKOUT_MAX_USEC) : 0;
}

bool lockout_add(LockoutRecord *r, uint64_t now)
{
        uint64_t span = LOCKOUT_FIRST_USEC;

        if (now >= r->last_usec + LOCKOUT_FORGET_USEC)
                r->failures = 0;
        r->failures += r->failures < UINT32_MAX;
        r->last_usec = now;
        r->until_usec = 0;
        if (r->failures < LOCKOUT_FAILURES)
                return false;

        for (uint32_t i = LOCKOUT_FAILURES; i < r->failures && span < LOCKOUT_MAX_USEC; i++)
                span *= 2;
        r->until_usec = now + MIN(span, LOCKOUT_MAX_USEC);
        return true;
}
