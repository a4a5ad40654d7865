/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "worker/surface-run.h"

/* Holding a run, and letting it go on: for a drive that is too hot, and for an operator. What holds it is noted on the host beside
 * the run (remote-run.h), so that a follower which takes over knows; a look at the host is what counts. */

/* Reads the drive's own thresholds, where it has some, and its temperature, where the kernel does not know it. */
int surface_read_temperature(Surface *s);
/* After each look at a run that is running: brings the host to what is wanted now, and tells burnind what has changed. */
int surface_pause(Surface *s, RunStatus *status);
