/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "basic/macro.h"

/* What a follower of a self-test has to remember over its own death, in a file beside the stage's log. It is on disk before the
 * drive is told to start: whatever ends the follower then, the one after it knows what the drive's log looked like before. */

typedef struct SelfTestNote {
        char *run;      /* of the stage */
        uint32_t tries; /* starts that were asked for */
        bool started;   /* one was asked for and is not over: it may run in the drive */
        bool seen;      /* the drive said that it has begun, or that it runs */
        /* Of the one that was started last: */
        uint64_t started_usec; /* CLOCK_REALTIME */
        char *signature;       /* of the drive's log before */
        bool finishing;        /* SelfTestReading.finishing before */
        uint32_t estimate_minutes;
        char *boot_id; /* of the host, then */
        char *type;    /* smartctl's device type for the drive */
        char *aborted; /* how the one before it ended, in words; NULL: it is the first */
} SelfTestNote;

void self_test_note_done(SelfTestNote *n);
/* -ENOENT: none for this run, and *ret is an empty one for it. */
int self_test_note_load(const char *path, const char *run, SelfTestNote *ret);
int self_test_note_save(const char *path, const SelfTestNote *n);
