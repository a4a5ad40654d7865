/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "worker/surface-state.h"
#include "worker/worker.h"

/* A surface test in the making: the run on the host as its follower sees it. stage-surface.c starts, follows and judges it; here
 * is what comes in with each look at it, and what of that burnind is told. */

#define BLOCK_BUFFER 64U /* blocks at once, unless a setting says so */

typedef struct Surface {
        Worker *w;
        char drive[256];
        char *state_path;
        SurfaceState state;
        uint32_t block_size, block_size_wanted;
        BadblocksState badblocks;
        uint64_t log_offset, blocks_offset; /* read of the remote log and the remote list */
        uint64_t *blocks;                   /* sorted, each once */
        size_t n_blocks;

        SurfaceEnd end;
        bool ended;
        bool never_began; /* the host knows nothing of the run, and nobody has ever seen anything of it */
        bool rebooted;    /* its host was, since the run was started */
        bool begun;       /* false: nothing of the run was ever asked of its host, as is stored on disk */
        char *places; /* what must be on the drive for it to go on, for the host; NULL: what was confirmed */
        char *end_detail;
        int exit_status;
        char *content; /* fingerprint of what it left on the drive; NULL: not taken */

        /* Progress. Times are of CLOCK_MONOTONIC. */
        double percent;    /* never goes back */
        uint64_t position; /* as it was seen last */
        bool new_phase;    /* since the last look: the position may still be the old phase's */
        uint64_t sample_usec, sample_position;
        uint32_t sample_phase;
        double speed, mean_speed; /* bytes per second; 0: not known */
        uint64_t sent_usec;

        /* The work, and since when it stands still. */
        uint64_t work_usec;
        const char *waiting; /* for what, before it goes on; NULL: it does not */
        char *stalled;       /* what was said of it standing still; NULL: it works */
        bool stopped, dying;
        uint64_t started_usec, kernel_usec;

        /* Heat and operators. */
        int32_t temp_warn_mdegc, temp_crit_mdegc;
        int32_t mdegc, smart_mdegc; /* now, and as smartctl said last; MDEGC_UNKNOWN */
        uint64_t smart_usec;        /* smartctl was run last */
        bool thresholds_read;
        char *heat_words;           /* it is to be held for heat; NULL: it is not */
        char *paused;               /* why it is held, for people; NULL: it is not */
        bool told[_RUN_HOLDER_MAX]; /* burnind knows that it is held */
        bool pauses_known;          /* looked for at least once */
        bool disturbed;             /* since the last look, somebody let it stand still */
} Surface;

void surface_done(Surface *s);
void surface_save(Surface *s);
/* Bad blocks; each counts once. */
int surface_add_blocks(Surface *s, const uint64_t *blocks, size_t n);
/* Bytes that the host counted for the drive, with those of the runs before this one; UINT64_MAX: not known. */
uint64_t surface_work(const Surface *s);
/* The first end is the one that counts. */
void surface_set_end(Surface *s, SurfaceEnd end, const char *detail);
/* It was not started: of a test that goes on, the runs before it have written all the same. */
void surface_refuse(Surface *s, const char *why);

/* Where the next look at the run reads on in its log: at log_offset, or further back, where the stage's log misses something. */
uint64_t surface_next_log_offset(Surface *s);
/* Takes in one look at the run, whose log was read from log_offset on. 1: there is more to read at once. */
int surface_take_status(Surface *s, uint64_t log_offset, const RunStatus *status);
/* Tells burnind how far it is, at most once a second. */
void surface_send_progress(Surface *s);
/* A phase starts; also called before the first header, for a bar that is there from the first second. */
void surface_on_phase(const BadblocksPhase *p, void *userdata);
