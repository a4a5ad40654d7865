/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "shared/local-proto.h"

/* What burnin-local does for whoever may connect: nothing but this, however the script that runs it would understand a word.
 *
 *   agent
 *   facts NONCE [smart:KNAME|probe:KNAME]...
 *   probe IDENT
 *   fingerprint KNAME IDENT
 *   locate KNAME IDENT SECONDS
 *   smart KNAME
 *   kmsg NUMBER KNAME
 *   start RUN MACHINE KNAME IDENT SERIAL CONTENT BOOT NOT-AFTER LOCK POOL GUID - COMMAND...
 *   status RUN KNAME OFFSET OFFSET
 *   cancel RUN GRACE
 *   pause RUN HOLDER REASON, resume RUN HOLDER, remove RUN
 *   selftest_read KNAME IDENT TYPE SECTOR
 *   selftest_start KNAME IDENT TYPE short|long BOOT NOT-AFTER
 *   selftest_abort KNAME IDENT TYPE
 *
 * NONCE, RUN and MACHINE are 32 hex digits, KNAME is a kernel name, IDENT a word of letters, digits and .:,/@+=_-, NUMBER and OFFSET
 * are decimal, GRACE and SECONDS are at most an hour in seconds, HOLDER is
 * heat or operator, REASON text without control characters. SERIAL is text without control characters, CONTENT a SHA-256 in hex; both may be
 * "-", for nothing to compare, but what writes needs CONTENT. LOCK is what was unlocked, of what nothing uses: existing-data,
 * exported-pool, storage-member; else none. POOL is a name as ZFS has them, GUID a number of 20 digits at most; both may be "-".
 * TYPE is a device type as smartctl's -d takes it, SECTOR decimal; both may be "-". COMMAND is
 *
 *   badblocks [-w] [-v] [-X] [-b NUMBER] [-c NUMBER] [-p NUMBER] [-e NUMBER] [-t random] {}
 *
 * The verbs by which a run calls itself (wrap, check) are none of these: they take paths. */

/* 0; -EINVAL, and why in words. Pure. */
int local_request_check(char *const *argv, const char **reterr_reason);
