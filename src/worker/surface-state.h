/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "transport/remote-run.h"
#include "worker/surface-heat.h"
#include "worker/surface-judge.h"
#include "worker/surface-trace.h"

/* What a follower of a surface test cannot read again from its host, kept in a file beside the stage's log, so that another worker
 * can take over: where the counters stood at the start, what the kernel said meanwhile, when the phases began. */

#define SURFACE_PHASES_MAX        512U
#define SURFACE_KERNEL_ERRORS_MAX 256U

typedef struct SurfacePhase {
        uint32_t number;
        char name[32];
        uint64_t started_usec; /* CLOCK_REALTIME */
        bool disturbed;        /* it stood still for a while: its length says nothing */
} SurfacePhase;

/* What the runs before this one have done, each of which a reboot of the host ended, and what of this one need not be done again after
 * the next. */
typedef struct SurfacePast {
        uint32_t phases;  /* done by them and proven to be; 0: none, it begins anew */
        uint32_t proven;  /* with those of this run */
        uint32_t planned; /* with those that are left */
        uint64_t covered; /* bytes, by each that is proven */
        uint64_t *blocks; /* bad ones that were found until then, sorted, each once */
        size_t n_blocks;
        uint64_t errors[3];        /* read, write, compare, by the runs before */
        uint64_t proven_errors[3]; /* with those of this run until then */
        SurfaceReboot reboots[RESUMES_MAX];
        size_t n_reboots; /* 0: there was none */
} SurfacePast;

typedef struct SurfaceState {
        char *run;
        char *boot_id;       /* of the host, when the run started */
        uint64_t work_start; /* UINT64_MAX: not known */
        uint64_t work_bytes; /* since then, as seen last; UINT64_MAX: not known */
        SurfaceTrace trace;  /* of it on the drive */
        SurfacePast past;
        bool exclusive;      /* seen to be held */
        uint64_t kernel_seq; /* read up to here */
        bool kernel_gap;     /* something may have been missed */
        SurfaceKernelError kernel_errors[SURFACE_KERNEL_ERRORS_MAX];
        size_t n_kernel_errors;
        uint64_t n_kernel_total;
        char *kernel_line; /* the first error */
        SurfacePhase phases[SURFACE_PHASES_MAX];
        size_t n_phases;
        uint32_t block_size; /* that it was started with; 0: not known */
        SurfaceSpeed speed;
        HeatState heat;
        uint64_t heat_since_usec; /* CLOCK_REALTIME: held for heat since then; 0: it is not */
        uint64_t held_since_usec; /* CLOCK_REALTIME: held, for whatever reason, since then; 0: it is not */
        uint64_t paused_usec;     /* for how long it was held before */
        int32_t temperature_min_mdegc, temperature_max_mdegc;
        int32_t temperature_now_mdegc; /* not stored */
} SurfaceState;

/* As before a start: nothing known. */
int surface_state_init(SurfaceState *s, const char *run);
void surface_state_done(SurfaceState *s);
/* -ENOENT: there is none for this run; -EBADMSG. */
int surface_state_load(const char *path, const char *run, SurfaceState *ret);
int surface_state_save(const char *path, const SurfaceState *s);

/* For a run that goes on where this one was ended: what was noted of it alone is forgotten. */
int surface_state_go_on(SurfaceState *s, const char *run);

/* Takes in what the kernel said since kernel_seq. */
int surface_state_add_kernel_log(SurfaceState *s, const KernelLog *log, const char *kname);
/* 1: a phase that was not known; 0: known, or too many of them. */
int surface_state_add_phase(SurfaceState *s, const BadblocksPhase *p, uint64_t usec);
/* CLOCK_REALTIME; 0: it is not known. */
uint64_t surface_state_phase_began(const SurfaceState *s, uint32_t number);
void surface_state_add_temperature(SurfaceState *s, int32_t mdegc);
/* Whether it is held now, by CLOCK_REALTIME: also the time counts during which nobody looked. True: that is news. */
bool surface_state_set_held(SurfaceState *s, bool held, uint64_t usec);
