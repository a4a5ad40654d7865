/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "basic/macro.h"

/* Calendar events as in systemd.time(7): "Sat *-*-* 02:00", "Mon..Fri 22:30", "*-*-1,15 04:00", "*-02~1", "daily", ...; in local
 * time, or with "UTC" behind. Not understood: fractions of a second, other time zones, years with two digits, steps of days that
 * are counted from the end of the month. */

#define CALENDAR_MAX_BYTES 256U

/* The first time after after_usec that the expression names, but none over until_usec: 0, -ENOENT: there is none, -EINVAL: not
 * such an expression. A local time that a change of the clock leaves out is taken as the one an hour later. */
int calendar_next(const char *expression, uint64_t after_usec, uint64_t until_usec, uint64_t *ret);
