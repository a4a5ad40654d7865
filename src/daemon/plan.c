/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "basic/string-util.h"
#include "basic/strv.h"
#include "daemon/plan.h"

#define CHOSEN_MAX (_STAGE_KIND_MAX - 2)

static const struct {
        const char *name;
        StageKind chosen[CHOSEN_MAX];
        size_t n;
} profiles[] = {
        { "full", { STAGE_SHORT_SMART, STAGE_LONG_SMART, STAGE_SURFACE_VALIDATE }, 3 },
        { "surface", { STAGE_SURFACE_VALIDATE }, 1 },
        { "short", { STAGE_SHORT_SMART }, 1 },
        { "long", { STAGE_LONG_SMART }, 1 },
        { "short_long", { STAGE_SHORT_SMART, STAGE_LONG_SMART }, 2 },
        { "surface_short", { STAGE_SHORT_SMART, STAGE_SURFACE_VALIDATE }, 2 },
        { "surface_long", { STAGE_LONG_SMART, STAGE_SURFACE_VALIDATE }, 2 },
        /* Behind surface_short, whose stages it has: chosen stages have the name of the first one that fits. */
        { "fast", { STAGE_SHORT_SMART, STAGE_SURFACE_VALIDATE }, 2 },
};

static void plan_fill(const char *profile, const StageKind *chosen, size_t n, Plan *ret)
{
        Plan p = { .kind = JOB_KIND_BURN_IN, .profile = profile };

        p.stages[p.n++] = STAGE_PRECHECK;
        for (size_t i = 0; i < n; i++)
                p.stages[p.n++] = chosen[i];
        p.stages[p.n++] = STAGE_FINAL_CHECK;

        *ret = p;
}

int plan_by_profile(const char *profile, Plan *ret)
{
        for (size_t i = 0; i < ELEMENTSOF(profiles); i++)
                if (streq(profiles[i].name, profile)) {
                        plan_fill(profiles[i].name, profiles[i].chosen, profiles[i].n, ret);
                        return 0;
                }

        return -ENOENT;
}

static const char *profile_of(const StageKind *chosen, size_t n)
{
        for (size_t i = 0; i < ELEMENTSOF(profiles); i++)
                if (profiles[i].n == n && memcmp(profiles[i].chosen, chosen, n * sizeof(StageKind)) == 0)
                        return profiles[i].name;

        return PROFILE_CUSTOM;
}

int plan_by_stages(char *const *stages, Plan *ret)
{
        StageKind chosen[CHOSEN_MAX];
        size_t n = 0;

        STRV_FOREACH(s, stages) {
                StageKind kind = stage_kind_from_string(*s);

                if ((int) kind < 0 || kind == STAGE_PRECHECK || kind == STAGE_FINAL_CHECK)
                        return -EINVAL;
                for (size_t i = 0; i < n; i++)
                        if (chosen[i] == kind)
                                return -EINVAL;
                chosen[n++] = kind;
        }
        if (n == 0)
                return -EINVAL;

        plan_fill(profile_of(chosen, n), chosen, n, ret);
        return 0;
}

int plan_self_test(const char *type, Plan *ret)
{
        bool is_long = streq(type, "long");

        if (!is_long && !streq(type, "short"))
                return -EINVAL;

        *ret = (Plan){
                .kind = JOB_KIND_SELF_TEST,
                .profile = is_long ? "long" : "short",
                .stages = { is_long ? STAGE_LONG_SMART : STAGE_SHORT_SMART },
                .n = 1,
        };
        return 0;
}

bool plan_is_destructive(const Plan *p)
{
        for (size_t i = 0; i < p->n; i++)
                if (stage_kind_is_destructive(p->stages[i]))
                        return true;

        return false;
}

bool profile_is_fast(const char *profile)
{
        return streq_ptr(profile, "fast");
}

uint32_t profile_phases(const char *profile, uint32_t passes)
{
        return (profile_is_fast(profile) ? 2 : 8) * MAX(passes, 1U);
}
