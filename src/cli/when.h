/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "basic/macro.h"

/* A time to come, as a person types it, in local time: "+2h", "+1d12h", "23:00" (the next one), "tomorrow", "tomorrow 02:00",
 * "2026-11-28 02:00[:00]", "2026-11-28T02:00:00Z", "2026-11-28T02:00:00+01:00", "@1795828800". 0 or -EINVAL. */
int when_parse(const char *s, uint64_t now, uint64_t *ret);
/* The same of a time that is over: "-2h", "23:00" (the last one), "yesterday", "yesterday 02:00", and dates as above. */
int when_parse_past(const char *s, uint64_t now, uint64_t *ret);
