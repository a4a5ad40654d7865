/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "shared/worker-proto.h"
#include "worker/surface-speed.h"

/* Whether a drive is slow, without a single error. Pure.
 *
 *   rule              fails                                             is a warning
 *   speed-floor       a phase was slower than the floor on average      a region was
 *   speed-regions     the same region was slow, measured against the    a region was slow in one phase; or a whole
 *                     first pass, in two phases or more                 phase was, which SSDs do once their cache is full
 *   speed-siblings    the first pass was slower than slow_ratio of
 *                     the median of drives of this model here
 *
 * A region is held against the same region in the first pass, and against what all others of its phase did meanwhile: the
 * inner tracks of a disk are slower than the outer ones, and another load on the host slows down all of them. */

typedef struct SlowLimits {
        uint64_t floor;    /* bytes per second; 0: none */
        double ratio;      /* 0: none */
        uint64_t siblings; /* their median in bytes per second; 0: not known */
        bool one_pass;     /* by its plan: there is no other to hold against the first */
        bool fails;        /* else what would fail is a warning too */
} SlowLimits;

/* Adds the lines to the ledger. drive: for people. 0 or -ENOMEM. */
int surface_slow_judge(const SurfaceSpeed *s, const SlowLimits *l, const char *drive, StageReport *r);
