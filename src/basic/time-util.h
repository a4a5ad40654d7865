/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <time.h>

#include "basic/macro.h"

/* Microseconds since the clock's epoch. CLOCK_REALTIME for what is stored and shown, CLOCK_BOOTTIME for waiting. */
uint64_t now_usec(clockid_t clock);

#define TIMESTAMP_MAX sizeof("2026-01-31T23:59:59.999999Z")

/* ISO 8601 in UTC with seconds; "" for 0. */
const char *format_timestamp(char buf[static TIMESTAMP_MAX], uint64_t realtime_usec);

#define TIMESPAN_MAX 32
/* For people: "3 d 4 h", "5 h 12 min", "4 min 10 s", "12 s". */
const char *format_timespan(char buf[static TIMESPAN_MAX], uint64_t usec);
