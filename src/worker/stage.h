/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "basic/time-util.h"
#include "worker/report.h"
#include "worker/worker.h"

/* The kinds of stages. A new one is one stage-<kind>.c, one line below and one in stage.c's table. */

/* How long a host may be out of reach, or a drive may do nothing, unless stall_end_usec says so. */
#define STALL_END_USEC (6 * USEC_PER_HOUR)

typedef struct StageType {
        StageKind kind;
        /* From the start to the verdict; fills the empty *report with evidence, verdict and reason. -ECANCELED, and any other
         * failure of ours, may leave it half filled: what is missing is said by the caller. */
        int (*run)(Worker *w, StageReport *report);
        /* Ends what the stage has begun outside of this process, also with a cancel pending, in little more than CANCEL_LIMIT_USEC;
         * true: proven to have ended. NULL: there is nothing. */
        bool (*stop)(Worker *w);
} StageType;

extern const StageType stage_precheck, stage_short_smart, stage_long_smart, stage_surface_validate,
                stage_nvme_format, stage_nvme_sanitize, stage_final_check;

/* Runs w's stage to its report. Whatever happens, *ret is a report that burnind takes, unless this returns 0: then the stage goes on with
 * another run and another worker, and burnind knows. */
int stage_run(Worker *w, StageReport *ret);
/* The identity, the lock and the tools as precheck judges them, once more, on a drive that this job has written to. original: what was
 * unlocked may still be there; then w->params.granted becomes what of it is, and nothing is released. 1: all is well; 0: it is not, or
 * not yet, *report has why. Finds w->params.kname. */
int precheck_again(Worker *w, bool original, StageReport *report);
/* Cleans up on the host once burnind has the report. Best effort. */
void stage_forget_run(Worker *w, const StageReport *report);
