/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "truenas/nas.h"

/* What the followers of self-tests ask of hosts that have an API alone, over a socket in a directory that only they and root may
 * enter. In the words of shared/local-proto.h, a request is
 *
 *   HOST selftest_read KNAME IDENTITY TYPE KEEP-ALIVE
 *   HOST selftest_start KNAME IDENTITY TYPE short|long BOOT NOT-AFTER
 *   HOST selftest_abort KNAME IDENTITY TYPE
 *
 * as it is to the script of a host with SSH (transport/remote-run.h), and so is the answer (transport/remote-answer.h). IDENTITY is
 * DriveIdentity in JSON: the drive is the one that has it now, whatever its name. Uptimes are of this machine; KNAME, TYPE,
 * KEEP-ALIVE and BOOT say nothing here. */

typedef struct Calls Calls;

/* NULL: there is no such host. */
typedef Nas *(*calls_find_t)(const char *name, void *userdata);

/* path: of the socket. */
int calls_new(sd_event *event, const char *path, calls_find_t find, void *userdata, Calls **ret);
/* Requests that are open end without an answer. */
Calls *calls_free(Calls *c);
DEFINE_TRIVIAL_CLEANUP_FUNC(Calls *, calls_free);
