/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/manager.h"

/* The queue: the queued jobs of Manager.jobs, by priority, then first come first served. It drains by itself: whatever may make
 * room or let a job go on kicks it. */

int queue_new(Manager *m);
/* One pass, soon; many kicks make one pass. */
void queue_kick(Manager *m);
