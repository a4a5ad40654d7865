/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "basic/macro.h"

/* Runs one request that was checked, and sends what it prints. 0, whatever became of it; negative errno: the connection is of no use
 * any more. Waits until it has ended, in any case. */
int local_call(int fd, char *const *argv);

/* Sends the end of a request that is not run. */
int local_refuse(int fd, const char *reason);
