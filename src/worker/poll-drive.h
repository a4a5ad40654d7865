/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "shared/facts.h"

/* A drive of a polled host, from cycle to cycle. Pure. Times are of CLOCK_MONOTONIC. */

typedef struct PollDrive {
        char *kname;
        DriveFacts *facts;   /* of the last cycle, with the last SMART reading merged in */
        DriveFacts *sent;    /* as burnind has it; NULL: it has not */
        uint64_t smart_usec; /* when SMART was tried for; 0: never */
        uint64_t written_bytes;
        bool counted; /* written_bytes is of the last cycle */
        bool excused; /* a burn-in held it in the last cycle */
        bool seen;    /* in this cycle */
        bool again;   /* burnind asked for all of the host anew */
} PollDrive;

PollDrive *poll_drive_free(PollDrive *d);
DEFINE_TRIVIAL_CLEANUP_FUNC(PollDrive *, poll_drive_free);

/* The facts of a new cycle. smart_tried: this cycle asked for SMART. burning: a burn-in holds it. Takes f over. */
int poll_drive_update(PollDrive *d, DriveFacts *f, bool smart_tried, bool burning, uint64_t now);
/* Under this name burnind knows another drive, or none. */
bool poll_drive_is_new_here(const PollDrive *d);
/* By its last SMART reading. */
bool poll_drive_runs_self_test(const PollDrive *d);
/* Something that burnind should know: new, changed, warmer or colder by a degree, or read anew. */
bool poll_drive_is_news(const PollDrive *d);
