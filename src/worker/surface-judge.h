/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "parse/badblocks.h"
#include "shared/worker-proto.h"
#include "worker/surface-slow.h"

/* From what was seen of a surface test to its verdict. Pure.
 *
 * Passed needs positive evidence for every planned step. Failed is the drive's fault: more bad blocks than tolerated, or
 * errors of the medium in its host's kernel log. Everything else that ended it is inconclusive. badblocks' exit status proves
 * nothing: it is 0 with bad blocks, and 0 when the drive vanished. */

typedef enum SurfaceEnd {
        SURFACE_EXITED,      /* the command ended by itself */
        SURFACE_REFUSED,     /* a check on the host said no; nothing was written */
        SURFACE_REBOOTED,    /* its host was rebooted */
        SURFACE_NOT_RESUMED, /* after that it could not go on where it was; nothing was written since */
        SURFACE_LOST,        /* killed there by somebody else */
        SURFACE_MISSING,     /* there is no such run */
        SURFACE_STALLED,     /* no work for too long: we ended it */
        SURFACE_BEYOND, /* more bad blocks than are tolerated: we ended it, for badblocks would begin pass after pass */
        SURFACE_NO_CONTACT,  /* its host could not be reached for too long; it may run on */
        SURFACE_KEY_CHANGED, /* another machine answers in its host's name */
        SURFACE_TOO_HOT,     /* it was critically hot again and again, or for too long: we ended it */
        SURFACE_NONSENSE,    /* its host's answers cannot be those of a badblocks */
} SurfaceEnd;

typedef enum SurfaceIdentity {
        SURFACE_IDENTITY_UNKNOWN,
        SURFACE_IDENTITY_SAME,
        SURFACE_IDENTITY_OTHER, /* another drive has its name, and it is nowhere else */
        SURFACE_IDENTITY_GONE,
} SurfaceIdentity;

/* A reboot of the host, after which the test went on. */
typedef struct SurfaceReboot {
        uint32_t phase; /* that it went on with */
        char name[32];
        uint64_t usec; /* CLOCK_REALTIME: when it was found */
} SurfaceReboot;

typedef struct SurfaceKernelError {
        bool have_sector;
        uint64_t sector; /* of 512 bytes */
} SurfaceKernelError;

typedef struct SurfaceFindings {
        const char *drive; /* for people: name, model, serial, host */
        SurfaceEnd end;
        const char *end_detail; /* for people, may be NULL */
        int exit_status;
        const BadblocksState *badblocks; /* of the last run, with what those before it have done */
        const SurfaceReboot *reboots;
        size_t n_reboots;
        uint32_t passes; /* planned, at least 1; of what went on after a reboot: 1 */
        uint64_t size_bytes;
        uint32_t block_size, threshold;
        uint32_t block_size_wanted; /* 0: as it is */
        const uint64_t *blocks;     /* sorted, each once */
        size_t n_blocks;
        bool exclusive;
        SurfaceIdentity identity;
        uint64_t work_bytes; /* over all runs; UINT64_MAX: not known */
        bool kernel_log_complete;
        const SurfaceKernelError *kernel_errors;
        size_t n_kernel_errors; /* those in the array */
        uint64_t n_kernel_total;
        const char *kernel_line;   /* the first error, for people */
        const SurfaceSpeed *speed; /* NULL: not measured at all */
        SlowLimits slow;
} SurfaceFindings;

/* Sets verdict, reason, evidence, bad blocks and error counts of *ret, which is empty before. 0 or -ENOMEM. */
int surface_judge(const SurfaceFindings *f, StageReport *ret);
