/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/stage.h"

/* burnind's side of one stage worker: its process, its scope, its gate and its channel (shared/worker-proto.h).
 *
 *   worker_spawn()   socket, fork, exec, scope ──▶ stage_on_gate_open() or stage_on_start_failed()
 *   worker_adopt()   connects to the socket of one that outlived the burnind which spawned it
 *
 * Its end is seen first as the end of its channel. stage_on_worker_gone() is the last call that a worker makes; the stage frees
 * it there. */

int worker_spawn(Stage *s, bool follow, bool cancel, Worker **ret);
/* -ECONNREFUSED, -ENOENT: nobody is there any more. */
int worker_adopt(Stage *s, Worker **ret);
Worker *worker_free(Worker *w);

bool worker_is_behind_gate(const Worker *w);
/* Only after the run id is stored as sent. */
int worker_open_gate(Worker *w);
/* For one that was left because its message could not be stored: it sends what was not acknowledged again. */
void worker_reconnect(Worker *w);
void worker_ack(Worker *w, uint64_t seq);
/* Best effort; the wish is stored, and a worker that misses it is replaced by one that is told at its start. */
void worker_cancel(Worker *w);
/* An operator's wish (worker-proto.h). Whether it came about is told by the worker. */
int worker_pause(Worker *w, const char *by, const char *reason);
int worker_resume(Worker *w, const char *by);
int worker_tell_siblings(Worker *w, uint64_t bytes_per_second);
bool worker_is_connected(const Worker *w);

DEFINE_TRIVIAL_CLEANUP_FUNC(Worker *, worker_free);
