/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "basic/macro.h"

/* What a surface test has left on its drive at any moment, and where to look whether it is still there. Pure.
 *
 * A write goes from the start of the drive to its end: before its position there is its pattern, behind it what was there before,
 * which is a pattern of ours too, but for the first write of all. So some places hold a pattern for certain, and others one of a
 * few. */

/* More bad blocks than this nobody lists; the count goes on. */
#define SURFACE_BLOCKS_MAX 65536U

typedef struct SurfaceTrace {
        uint32_t phase; /* the newest one of this run; 0: none */
        bool original;  /* what was confirmed is still there, behind certain */
        bool random;    /* the newest write is of a random pattern, of which nobody knows the bytes */
        char bytes[17]; /* hex digits: what our patterns may have left, the newest first; "": nothing yet */
        uint64_t certain; /* bytes from the start on that the newest write was seen to be over; UINT64_MAX: all */
} SurfaceTrace;

/* A phase begins: "Write 0xaa", "Verify 0xaa". One that another follower has seen before is no news. */
void surface_trace_phase(SurfaceTrace *t, uint32_t phase, const char *name);
/* The position of what runs now. */
void surface_trace_look(SurfaceTrace *t, uint64_t position);

typedef struct SurfacePlaces {
        const SurfaceTrace *trace;
        uint64_t covered;                /* bytes of the drive that the test covers */
        uint32_t block_size, chunk_size; /* chunk: what is written at once */
        const uint64_t *blocks;          /* bad ones, sorted: there nothing is expected */
        size_t n_blocks;
        uint64_t seed;
} SurfacePlaces;

/* The places to look at, and what must be there, for remote-run.sh: "FIRST+COUNT=BYTES,...". -ENODATA: there is nothing that the
 * drive could be known by. */
int surface_trace_places(const SurfacePlaces *p, char **ret);
