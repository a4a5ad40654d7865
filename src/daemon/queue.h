/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/manager.h"

/* The queue: the queued jobs of Manager.jobs, by priority, then first come first served. It drains by itself: whatever may make
 * room or let a job go on kicks it.
 *
 * What a job waits for, in this order: its host; what is on the drive (also while it is paused: what was confirmed is what is
 * wiped); its time; a free place, overall and on its host; drives under test beside it that are too warm. It waits for the
 * last no longer than thermal_wait_seconds, which begin again with burnind. */

int queue_new(Manager *m);
/* One pass, soon; many kicks make one pass. */
void queue_kick(Manager *m);
