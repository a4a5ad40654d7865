/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/manager.h"

/* EstimateBurnIn: how long a burn-in of these drives would take. */
int manager_method_estimate_burn_in(sd_bus_message *m, void *userdata, sd_bus_error *error);
