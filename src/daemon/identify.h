/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/audit.h"
#include "daemon/drive.h"

/* Which one is it: the locate LED of a drive's bay. The poller asks the host; the caller waits for the answer. How long it is lit is
 * the host's: neither burnind nor a connection has to be there when it goes out. */

typedef struct Identify Identify;

/* 1: message will be answered later; else negative with an error. seconds 0: off. */
int identify_start(Drive *d, sd_bus_message *message, const Actor *actor, uint32_t seconds,
                   sd_bus_error *error);
/* From the poller; reason NULL: it was done. */
void identify_on_answer(Manager *m, uint64_t id, const char *reason);
/* The poller has gone: nobody will answer. */
void identify_on_poller_gone(Manager *m);
