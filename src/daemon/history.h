/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/estimate.h"
#include "daemon/plan.h"
#include "store/store.h"

/* What the newest jobs with this plan took for drives of this model (NULL: not known), whose surface stages went over them so often. None:
 * ret->n stays 0. */
int history_find(Store *s, const Plan *plan, uint32_t phases, const char *model, EstimateHistory *ret);
