/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "shared/enums.h"

/* When a drive is too hot to go on, and when it is not any more. Pure. */

#define HEAT_PAUSES_MAX 3U

typedef struct HeatPause {
        uint64_t usec; /* CLOCK_REALTIME */
        int32_t mdegc;
} HeatPause;

typedef struct HeatState {
        HeatPause pauses[HEAT_PAUSES_MAX]; /* the last ones, oldest first */
        size_t n_pauses;
} HeatState;

typedef enum HeatAction {
        HEAT_NONE,
        HEAT_PAUSE,  /* it has reached its critical temperature */
        HEAT_RESUME, /* back under its warning temperature */
        HEAT_END, /* for the third time within an hour: heat is not the drive's fault, but nothing can be tested in it */
} HeatAction;

/* A pause is noted in *h. What is not known (MDEGC_UNKNOWN) changes nothing. */
HeatAction heat_judge(HeatState *h, bool paused, int32_t mdegc, int32_t warn_mdegc, int32_t crit_mdegc,
                      uint64_t now_usec);
