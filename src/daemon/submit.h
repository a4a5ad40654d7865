/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/manager.h"
#include "daemon/plan.h"

/* StartBurnIn: from what a caller asks for to queued jobs, with an answer for each drive. */
int manager_method_start_burn_in(sd_bus_message *m, void *userdata, sd_bus_error *error);

/* Job.Retry: the same plan for the same drive, submitted like any other. */
int job_method_retry(sd_bus_message *m, void *userdata, sd_bus_error *error);

/* From the options "profile" and "stages", of which NULL was not given; InvalidOption. */
int submit_read_plan(const char *profile, char *const *stages, Plan *ret, sd_bus_error *error);

/* Whether so many more jobs can be active; LimitReached. */
int submit_check_room(const Manager *m, size_t n, sd_bus_error *error);

/* By id, serial or "HOST:DEVNAME"; NoSuchDrive, InvalidArgument. */
int submit_find_drive(Manager *m, const char *name, Drive **ret, sd_bus_error *error);
