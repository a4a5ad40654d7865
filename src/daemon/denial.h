/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "basic/time-util.h"
#include "daemon/audit.h"

/* Anybody may call, and be refused, as often as the bus carries it. So each caller has a number of refusals that are recorded one
 * by one, a minute; what comes on top of it is counted, and recorded as one number when that minute is over. Callers beyond those
 * that there is room for share one place, so that neither disk nor memory depend on how often or by how many we are called.
 *
 * No clock and no store in here: denial_log_*() are given the time (CLOCK_BOOTTIME), and what is to be recorded is handed out. */

#define DENIALS_PERIOD_USEC    USEC_PER_MINUTE
#define DENIALS_PER_CALLER_MAX 20U
#define DENIALS_CALLERS_MAX    16U
#define DENIALS_SEVERAL        "several"

typedef struct DenialCount {
        Actor actor;
        const char *action;           /* of the counted ones; DENIALS_SEVERAL: not one alone */
        uint64_t since_usec;          /* 0: the place is free */
        uint32_t n_single, n_counted; /* within the period */
} DenialCount;

typedef struct DenialLog {
        DenialCount counts[DENIALS_CALLERS_MAX + 1]; /* the last: everybody for whom there was no place */
} DenialLog;

/* action: static. True: record it. False: it was counted. */
bool denial_log_admit(DenialLog *l, const Actor *actor, const char *action, uint64_t now);
/* What is over and has a number to be recorded, or NULL; force: over or not. Once recorded, it goes by denial_count_done(). */
DenialCount *denial_log_next(DenialLog *l, uint64_t now, bool force);
void denial_count_done(DenialCount *c);
/* When the next number is due; USEC_INFINITY: there is none. */
uint64_t denial_log_due(const DenialLog *l);
