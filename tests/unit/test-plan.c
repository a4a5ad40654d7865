/* SPDX-License-Identifier: LGPL-2.1-or-later */
#undef NDEBUG

#include "basic/strv.h"
#include "daemon/plan.h"
#include "test-util.h"

static void test_profiles(void)
{
        static const char *const names[] = { "full",       "surface",       "short",        "long",
                                             "short_long", "surface_short", "surface_long", "fast" };
        Plan p;

        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                assert(plan_by_profile(names[i], &p) == 0);
                assert(streq(p.profile, names[i]) && streq(p.kind, JOB_KIND_BURN_IN) && p.n >= 3);
                assert(p.stages[0] == STAGE_PRECHECK && p.stages[p.n - 1] == STAGE_FINAL_CHECK);
        }
        assert(plan_by_profile("full", &p) == 0 && p.n == 5 && p.stages[1] == STAGE_SHORT_SMART &&
               p.stages[2] == STAGE_LONG_SMART && p.stages[3] == STAGE_SURFACE_VALIDATE);

        assert(plan_by_profile("fast", &p) == 0 && p.n == 4 && p.stages[1] == STAGE_SHORT_SMART &&
               p.stages[2] == STAGE_SURFACE_VALIDATE);

        assert(plan_by_profile("", &p) == -ENOENT);
        assert(plan_by_profile("custom", &p) == -ENOENT);
}

static int by_stages(const char *words, Plan *ret)
{
        _cleanup_strv_free_ char **l = NULL;

        assert(strv_split(words, ",", &l) == 0);
        return plan_by_stages(l, ret);
}

static void test_stages(void)
{
        Plan p;

        assert(by_stages("surface_validate,short_smart", &p) == 0);
        assert(streq(p.profile, "custom") && p.n == 4 && p.stages[1] == STAGE_SURFACE_VALIDATE &&
               p.stages[2] == STAGE_SHORT_SMART);
        assert(by_stages("short_smart,long_smart", &p) == 0 && streq(p.profile, "short_long"));
        /* Not "fast", which has these stages too, and one pattern only. */
        assert(by_stages("short_smart,surface_validate", &p) == 0 && streq(p.profile, "surface_short"));

        assert(by_stages("nvme_format,surface_validate,nvme_sanitize", &p) == 0 &&
               streq(p.profile, "custom") && p.n == 5 && p.stages[1] == STAGE_NVME_FORMAT &&
               p.stages[3] == STAGE_NVME_SANITIZE);
        assert(by_stages("short_smart,long_smart,surface_validate,nvme_format,nvme_sanitize", &p) == 0 &&
               p.n == 7);

        assert(by_stages("nvme_format,nvme_format", &p) == -EINVAL);
        assert(by_stages("", &p) == -EINVAL);
        assert(by_stages("precheck", &p) == -EINVAL);
        assert(by_stages("short_smart,final_check", &p) == -EINVAL);
        assert(by_stages("long_smart,long_smart", &p) == -EINVAL);
        assert(by_stages("wipe", &p) == -EINVAL);
        assert(by_stages("long_smart,short_smart,surface_validate,long_smart", &p) == -EINVAL);
        assert(plan_by_stages(NULL, &p) == -EINVAL);
}

static void test_self_test(void)
{
        Plan p;

        assert(plan_self_test("short", &p) == 0 && p.n == 1 && p.stages[0] == STAGE_SHORT_SMART);
        assert(plan_self_test("long", &p) == 0 && p.n == 1 && p.stages[0] == STAGE_LONG_SMART);
        assert(streq(p.kind, JOB_KIND_SELF_TEST) && streq(p.profile, "long"));
        assert(plan_self_test("", &p) == -EINVAL && plan_self_test("LONG", &p) == -EINVAL);
}

static void test_phases(void)
{
        assert(profile_phases("fast", 0) == 2 && profile_phases("fast", 3) == 6 && profile_is_fast("fast"));
        assert(profile_phases("surface_short", 1) == 8 && !profile_is_fast("surface_short"));
        assert(profile_phases(PROFILE_CUSTOM, 0) == 8 && profile_phases(NULL, 100) == 800);
}

int main(void)
{
        test_profiles();
        test_stages();
        test_self_test();
        test_phases();
        return 0;
}
