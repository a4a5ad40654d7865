/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "basic/string-util.h"
#include "daemon/history.h"
#include "shared/json-util.h"

/* The newest jobs of a model that say what the next one takes. */
#define JOBS_MAX 20U

static int history_on_job(JobRecord *r, void *userdata)
{
        _cleanup_(drive_identity_done) DriveIdentity identity = {};
        _cleanup_json_ struct json_object *o = NULL;
        uint64_t took;

        if (json_parse(strempty(r->identity), strlen(strempty(r->identity)), &o) < 0 ||
            drive_identity_from_json(o, &identity) < 0 || r->finished_usec <= r->started_usec)
                return 0;

        took = r->finished_usec - r->started_usec;
        if (took > r->pauses_usec)
                estimate_history_add(userdata, identity.size_bytes, took - r->pauses_usec);
        return 0;
}

int history_find(Store *s, const Plan *plan, uint32_t phases, const char *model, EstimateHistory *ret)
{
        bool surface = false;

        for (size_t i = 0; i < plan->n; i++)
                surface = surface || plan->stages[i] == STAGE_SURFACE_VALIDATE;

        /* Any stages in any order have that profile. */
        if (isempty(model) || streq(plan->profile, PROFILE_CUSTOM))
                return 0;

        return store_job_list(s,
                              &(JobFilter){
                                              .model = model,
                                              .kind = plan->kind,
                                              .profile = plan->profile,
                                              .state = JOB_DONE,
                                              .verdict = VERDICT_PASSED,
                                              .phases = surface ? phases : 0,
                                              .limit = JOBS_MAX,
                              },
                              history_on_job, ret, NULL);
}
