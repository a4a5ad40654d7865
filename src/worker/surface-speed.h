/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "shared/json-util.h"

/* How fast each region of the drive was in each phase of a surface test, from looks at the position of the command. Pure.
 *
 * A region counts only where every look in it was undisturbed: what stood still because somebody wanted it to, or was not seen, says
 * nothing of the drive. */

#define SPEED_REGIONS    64U
#define SPEED_PHASES_MAX 32U

typedef struct SpeedPhase {
        uint32_t msec[SPEED_REGIONS]; /* 0: not known */
} SpeedPhase;

typedef struct SurfaceSpeed {
        uint64_t size_bytes;
        SpeedPhase phases[SPEED_PHASES_MAX]; /* by number, from 1 */
        /* The last look, and when the region it was in had begun; 0: not known. */
        uint32_t phase;
        uint64_t position, usec, region_usec;
} SurfaceSpeed;

void surface_speed_init(SurfaceSpeed *s, uint64_t size_bytes);
/* phase: from 1; usec: CLOCK_MONOTONIC; position: UINT64_MAX where it is not known. disturbed: since the look before, or now. */
void surface_speed_look(SurfaceSpeed *s, uint32_t phase, uint64_t position, uint64_t usec, bool disturbed);

/* Bytes per second; 0: not known. */
double surface_speed_region(const SurfaceSpeed *s, uint32_t phase, uint32_t region);
/* Of what is known of a phase, and how many regions and how much time that is. */
double surface_speed_phase(const SurfaceSpeed *s, uint32_t phase, uint32_t *ret_regions, uint64_t *ret_usec);

/* An array of arrays of milliseconds, by phase; up to the last phase of which anything is known. */
struct json_object *surface_speed_to_json(const SurfaceSpeed *s);
int surface_speed_from_json(struct json_object *a, SurfaceSpeed *s);
