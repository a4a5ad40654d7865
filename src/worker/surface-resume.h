/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "worker/surface-run.h"

/* A reboot of the host ends a run, and with it the worker's task: the test goes on in a run of its own, by the next worker.
 *
 *     the host was rebooted ──▶ what is proven, and what was left, on disk ──▶ burnind draws a run ──▶ [next worker]
 *         wait for host and drive ──▶ is it the drive, and free? ──▶ start: holds it what was left? ──▶ the patterns that are left */

/* The pattern with this number, from 0, over all passes: "0xaa", "random". */
const char *surface_pattern(const StageParams *p, uint32_t number);

/* The run has ended by a reboot. -ERESTART: another worker goes on; 0: that is not to be, and s->end_detail may say why. */
int surface_go_on(Surface *s);
/* Whoever was here before has decided that already, and burnind may not have heard it. */
bool surface_goes_on(const Surface *s);
/* Something is proven that surface_note_proof() has not noted, or would be if the kernel's log were read now. */
bool surface_has_news(const Surface *s);
/* Once it was read: what of the test need not be done again should the host be rebooted. */
int surface_note_proof(Surface *s);
/* The next worker: what the one before it has noted. -ENOENT: there is nothing. */
int surface_load_past(Surface *s);
/* Before its start: waits for the drive, makes sure that it is the one, and sets s->places. Where it may not go on, the test has
 * ended. */
int surface_find_trace(Surface *s);

/* How many phases of the test are proven to be done: by what badblocks said, and by what the host counted. Pure. */
uint32_t surface_phases_done(const BadblocksState *b, uint64_t work_bytes, uint64_t covered);
