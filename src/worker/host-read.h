/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "parse/facts.h"
#include "parse/smartctl.h"
#include "worker/worker.h"

/* What the stages read from their host. Each call tries again while the host cannot be reached, for at most limit_usec, and then
 * returns what the last attempt said (worker_error() has the words). */

int host_read_probe(Worker *w, uint64_t limit_usec, HostProbe *ret);
/* 0; -ENODEV, -EOPNOTSUPP, -EBADMSG: no reading, and reterr_reason says why. */
int host_read_smart(Worker *w, uint64_t limit_usec, SmartReading *ret, char **reterr_reason);
/* With the drive probed live, past udev's database. */
int host_read_facts(Worker *w, uint64_t limit_usec, HostFacts **ret, char **reterr_reason);
/* The content fingerprint of params.kname, as long as params.identity is what is there. -ESTALE: it is not. */
int host_read_content(Worker *w, uint64_t limit_usec, char **ret);
