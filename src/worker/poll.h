/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Reads the facts of all hosts, over and over, and sends burnind what changed (shared/worker-proto.h). Runs until SIGTERM. */
int poll_run(void);
