/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "shared/enums.h"

/* How long a burn-in takes, as a range: from what jobs of this site took for such drives, else from what drives of this class are
 * known to do, which is a guess. Pure. */

typedef enum EstimateBasis {
        ESTIMATE_CLASS,   /* class */
        ESTIMATE_HISTORY, /* history */
        _ESTIMATE_BASIS_MAX,
        _ESTIMATE_BASIS_INVALID = -EINVAL,
} EstimateBasis;
DECLARE_STRING_TABLE(estimate_basis, EstimateBasis);

typedef struct EstimateRange {
        uint64_t low_usec, high_usec;
} EstimateRange;

typedef struct EstimateDrive {
        uint64_t size_bytes;
        bool rotational, nvme;
        uint32_t short_minutes, long_minutes; /* that it says its self-tests take; 0: it says nothing */
} EstimateDrive;

/* What earlier jobs of the same model and profile took for a byte. */
typedef struct EstimateHistory {
        double low, high; /* microseconds */
        uint32_t n;
} EstimateHistory;

/* phases: how often a surface stage goes over the whole drive. */
EstimateRange estimate_stage(StageKind kind, uint32_t phases, const EstimateDrive *d);

/* A job that passed. What cannot be (no size, no time) counts for nothing. */
void estimate_history_add(EstimateHistory *h, uint64_t size_bytes, uint64_t took_usec);
/* Of a whole job; history->n == 0: from the class. */
EstimateRange estimate_job(const StageKind *kinds, size_t n_kinds, uint32_t phases, const EstimateDrive *d,
                           const EstimateHistory *history, EstimateBasis *ret_basis);

/* When the last of these jobs has ended, if they start now, in this order, with nothing else running. hosts: a number for each, from
 * 0 to n - 1. per_host 0: no cap. -ENOMEM. */
int estimate_batch(const EstimateRange *jobs, const size_t *hosts, size_t n, uint32_t cap, uint32_t per_host,
                   EstimateRange *ret);
