/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "store/store.h"

/* What becomes of a delivery after each attempt, and which target has the next one. Pure: no clock, no store, no bus.
 *
 *     pending ──taken──▶ delivered
 *      │  ▲
 *      │  └──failed or refused: later
 *      └──the same, a day after it was queued──▶ dead ──retried by a person──▶ pending */

#define DELIVERY_BACKOFF_FIRST (30 * USEC_PER_SEC)
#define DELIVERY_BACKOFF_MAX   (30 * USEC_PER_MINUTE)
#define DELIVERY_PATIENCE      USEC_PER_DAY
#define DELIVERIES_AT_ONCE     8U
#define DELIVERIES_FAILING_MAX                                                                              \
        4U /* of them: to targets whose last attempt failed, so that those that hang leave room */
#define DELIVERY_ERROR_MAX 500U

/* After so many failures in a row: doubles to the maximum, a quarter more or less, so that those who failed together do not come
 * together. random: any number. */
uint64_t delivery_backoff_usec(uint32_t failures, uint64_t random);
/* error: in words; NULL where it was taken. -ENOMEM; then nothing has changed. */
int delivery_attempted(DeliveryRecord *d, DeliveryResult result, const char *error, uint64_t now_usec,
                       uint64_t random);

/* One notifier, as the schedule sees it. All times are CLOCK_REALTIME. */
typedef struct Target {
        uint64_t next_usec; /* when the first of its deliveries is due; 0: it has none */
        uint64_t rest_usec; /* before that it is left alone */
        uint32_t failures;  /* in a row */
        bool busy;          /* it has one now */
} Target;

void target_attempted(Target *t, DeliveryResult result, uint64_t now_usec, uint64_t random);
/* The target whose turn it is: its index. -EAGAIN: none; then ret_wake_usec is when to look again, or USEC_INFINITY: not before one
 * has ended, or another one came. */
int targets_choose(const Target *targets, size_t n, uint64_t now_usec, uint64_t *ret_wake_usec);
