/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "shared/worker-proto.h"

/* What a running stage tells of itself beside its progress: that it is held, stands still, waits or tries again; and whether its
 * worker says anything at all. Nothing of it is stored: each progress has all of it, and the report the rest. */

typedef struct Stage Stage;

typedef struct StageWatch {
        char *paused;  /* why it is held; NULL: it is not */
        char *stalled; /* which of follower, process and work stands still; NULL: none */
        char *waiting; /* why it has not begun what it is for; NULL: it has. Told as the job's reason */
        uint64_t read_errors, write_errors, compare_errors;
        int32_t temperature_min_mdegc, temperature_max_mdegc;
        sd_event_source *silence_timer;
} StageWatch;

/* From the report, where there is one. */
void stage_watch_init(Stage *s);
void stage_watch_done(Stage *s);
/* Its worker was heard, or is to be heard from now on. One that stays silent is told of, and replaced: the run goes on. */
void stage_watch_heard(Stage *s);
/* Ends its worker for another one to follow the run. why, a literal: "the connection settings of its host were changed" */
void stage_replace_worker(Stage *s, const char *why);

/* Messages of its worker: 0, or -EBADMSG. */
int stage_watch_progress(Stage *s, struct json_object *o);
int stage_on_stall(Stage *s, struct json_object *o);
int stage_on_paused(Stage *s, struct json_object *o);
int stage_on_retry_told(Stage *s, struct json_object *o);
