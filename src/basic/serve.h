/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "basic/macro.h"

/* main() of a process that systemd starts for one connection (Accept=yes): it answers that, and ends.
 * name: of the program, whose socket unit is NAME.socket. timeout_sec: of what the other one has to say, and to take.
 * failed: what the journal has of an error of serve(), "Failed to ..."; -EPIPE is none, since nobody waits for the answer any more.
 * Returns the exit status. */
int serve_connection(const char *name, unsigned timeout_sec, int (*serve)(int fd), const char *failed);
