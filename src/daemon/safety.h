/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/job.h"

/* Whether a drive may be burned in, by what is known of it here. It is judged at submission and again at the job's turn; the
 * live checks on the host (precheck, and the process that becomes the destructive command) come after and decide alone. This one
 * may only ever say no more often than they would. */

enum {
        SAFETY_OK,
        SAFETY_REFUSED,
};

/* Everything but the lock, which keeps nothing from a drive that only reads it. own: the job that asks at its turn, or NULL at submission.
 * reterr_name: a bus error's name; reterr_text: what, which drive on which host, what to do now. -ENOMEM. */
int safety_check_drive(const Drive *d, const Job *own, const char **reterr_name, char **reterr_text);
/* That, and a host where its stages can run: for a burn-in that writes nothing. */
int safety_check_reading(const Drive *d, const Job *own, const char **reterr_name, char **reterr_text);
/* All of it: the drive must be free, or be exactly what was granted (NULL: nothing was). identity, since_usec: as for grant_judge(). */
int safety_check(const Drive *d, const Job *own, const GrantRecord *grant, const DriveIdentity *identity,
                 uint64_t since_usec, const char **reterr_name, char **reterr_text);
/* What of the drive speaks against unlocking it, whatever is typed. */
int safety_check_unlock(const Drive *d, const char **reterr_name, char **reterr_text);

/* The journal's entry for a start that was refused. */
void safety_log_refusal(const Drive *d, const char *reason);
