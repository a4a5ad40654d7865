/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <string.h>

#include "basic/time-util.h"
#include "worker/surface-heat.h"

static void note_pause(HeatState *h, int32_t mdegc, uint64_t now)
{
        if (h->n_pauses == HEAT_PAUSES_MAX) {
                memmove(h->pauses, h->pauses + 1, sizeof(h->pauses) - sizeof(HeatPause));
                h->n_pauses--;
        }
        h->pauses[h->n_pauses++] = (HeatPause){ .usec = now, .mdegc = mdegc };
}

HeatAction heat_judge(HeatState *h, bool paused, int32_t mdegc, int32_t warn_mdegc, int32_t crit_mdegc,
                      uint64_t now_usec)
{
        if (mdegc == MDEGC_UNKNOWN || warn_mdegc == MDEGC_UNKNOWN || crit_mdegc == MDEGC_UNKNOWN)
                return HEAT_NONE;
        if (paused)
                return mdegc < warn_mdegc ? HEAT_RESUME : HEAT_NONE;
        if (mdegc < crit_mdegc)
                return HEAT_NONE;

        note_pause(h, mdegc, now_usec);
        if (h->n_pauses == HEAT_PAUSES_MAX && now_usec - MIN(h->pauses[0].usec, now_usec) <= USEC_PER_HOUR)
                return HEAT_END;

        return HEAT_PAUSE;
}
