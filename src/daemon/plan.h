/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "shared/enums.h"

/* What a job is to do: its stages in their order. A burn-in is a profile, or what its operator chose, between a precheck and a final
 * check; a self-test on its own is that one stage. Pure. */

#define JOB_KIND_BURN_IN   "burn-in"
#define JOB_KIND_SELF_TEST "self-test"
#define PROFILE_CUSTOM     "custom"

typedef struct Plan {
        const char *kind, *profile;
        StageKind stages[_STAGE_KIND_MAX];
        size_t n;
} Plan;

/* -ENOENT: there is no such profile. */
int plan_by_profile(const char *profile, Plan *ret);
/* -EINVAL: none, one twice, or one that cannot be chosen. Its profile is the one that has the same stages, never "fast", or
 * PROFILE_CUSTOM. */
int plan_by_stages(char *const *stages, Plan *ret);
/* -EINVAL: type is neither "short" nor "long". */
int plan_self_test(const char *type, Plan *ret);

bool plan_is_destructive(const Plan *p);
/* One random pattern instead of four. */
bool profile_is_fast(const char *profile);
/* How often its surface stage goes over the drive, with surface_validate_passes. */
uint32_t profile_phases(const char *profile, uint32_t passes);
