/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "shared/enums.h"

/* Follows the standard error of `LC_ALL=C badblocks -w -v` (e2fsprogs 1.46 to HEAD 2025-11), fed in pieces of any size. The
 * exit status proves nothing (0 with bad blocks, 0 when the drive vanished): what counts is here. Pure.
 *
 * Phases are planned from the arguments: each pattern of each pass is a write and a verify. */

typedef struct BadblocksPhase {
        uint32_t number; /* from 1 */
        bool verify;
        char name[32]; /* "Write 0xaa", "Verify 0xaa", "Write random" */
} BadblocksPhase;

typedef struct BadblocksState {
        uint32_t patterns;         /* planned, >= 1 */
        uint32_t phases;           /* planned: 2 * patterns, more when a repeated pass adds its own */
        uint32_t before;           /* of them, done by earlier commands: the first header is the next one */
        uint64_t errors_before[3]; /* what those counted: read, write, compare */
        BadblocksPhase phase;      /* the newest header seen; number 0: none yet */
        uint64_t first_block, last_block; /* "From block 0 to 16383" */
        bool have_range;
        uint32_t passes_completed; /* final lines seen */
        uint64_t reported_bad;     /* the largest N of any "Pass completed, N bad blocks found." */
        uint64_t read_errors, write_errors, compare_errors; /* the largest triple seen */
        bool too_many;                                      /* "Too many bad blocks, aborting test" */
        bool interrupted;                                   /* "Interrupted at block N" */
        char *error;    /* "badblocks: ..." that ended it before a pass; NULL: none */
        char line[512]; /* the unfinished line */
        size_t line_size;
} BadblocksState;

/* patterns: how many -t (4 without any); passes: -p (0 and 1 both plan one pass). */
void badblocks_init(BadblocksState *s, uint32_t patterns, uint32_t passes);
/* After badblocks_init(): this command goes on where others ended, and what is planned for it comes on top of theirs. */
void badblocks_resume(BadblocksState *s, uint32_t phases, const uint64_t errors[static 3]);
void badblocks_done(BadblocksState *s);
/* Returns how many phase headers this piece held (0, 1, ...), or -ENOMEM. on_phase is called at each. */
int badblocks_feed(BadblocksState *s, const char *data, size_t size,
                   void (*on_phase)(const BadblocksPhase *p, void *userdata), void *userdata);
/* Percent of the whole stage, 0 to 100, from finished phases and the position in the current one. */
double badblocks_percent(const BadblocksState *s, uint64_t position_bytes, uint64_t size_bytes);
/* It said that it covers the whole drive but a rest that is no whole block. ret: the bytes that it covers; 0: not known, or not from
 * the start. */
bool badblocks_covers(const BadblocksState *s, uint64_t size_bytes, uint32_t block_size, uint64_t *ret);
/* The block numbers on badblocks' standard output. Anything that is no number on a line of its own is -EBADMSG; at most max
 * numbers are kept, all are counted. A number without its newline yet is not counted. */
int badblocks_parse_blocks(const char *data, size_t size, size_t max, uint64_t **ret, size_t *ret_n,
                           uint64_t *ret_total);
/* The index of the first of the sorted blocks that is not before first; n: all are. */
size_t badblocks_from(const uint64_t *blocks, size_t n, uint64_t first);
/* The block size for a drive: at least wanted, a power of two, so that the last block fits in 32 bits; 0: no size does (over
 * 16 MiB). Source: e2fsprogs misc/badblocks.c, "must be 32-bit value". */
uint32_t badblocks_block_size(uint64_t size_bytes, uint32_t wanted);
