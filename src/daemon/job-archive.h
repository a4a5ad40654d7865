/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/job.h"

/* Jobs come from the store: all that are active when burnind begins, and of those that have ended the ones that somebody looks at. */

/* Of those in memory: all that are active. NULL: it is not among them. */
Job *job_find(Manager *m, uint64_t id);
/* What a list shows of one that has ended, at a hundredth of what all of it costs: its stages have names alone. The caller's own. */
int job_summarize(Manager *m, JobRecord *record, Job **ret);
/* Active, or loaded from the store. -ENOENT; another failure comes with its words. A job that is done belongs to the archive and may go
 * with the next call. */
int job_get(Manager *m, uint64_t id, Job **ret, sd_bus_error *error);
/* Lets go of the oldest in the archive. */
void job_trim_archive(Manager *m);
/* At start: every job that is not done. One that cannot be read is told of, and keeps its drive from every other. */
int job_load_active(Manager *m);
