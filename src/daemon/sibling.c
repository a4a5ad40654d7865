/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "basic/string-util.h"
#include "daemon/job.h"
#include "daemon/sibling.h"
#include "daemon/worker.h"

void siblings_tell(Stage *s)
{
        const JobRecord *j = &s->job->record;
        uint64_t speed;

        if (s->worker && s->record.kind == STAGE_SURFACE_VALIDATE &&
            store_sibling_speed(s->job->manager->store, j->model, j->drive, &speed) >= 0 && speed > 0)
                (void) worker_tell_siblings(s->worker, speed);
}

void siblings_on_stage_done(const Stage *s)
{
        Job *j, *next;

        if (s->record.kind != STAGE_SURFACE_VALIDATE)
                return;
        HASH_ITER(hh, s->job->manager->jobs, j, next) {
                Stage *other = job_current_stage(j);

                if (other && other != s && streq_ptr(j->record.model, s->job->record.model))
                        siblings_tell(other);
        }
}
