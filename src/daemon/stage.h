/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/job.h"
#include "daemon/stage-watch.h"
#include "shared/worker-proto.h"

/* One step of a job, run by one worker at a time, in its own scope.
 *
 *     pending ──stage_start()──▶ starting ──stage_on_gate_open()──▶ running ──┐
 *        │                          │  ▲                              │       │
 *        │                          │  └──stage_on_worker_gone()──────┤       │ stage_finish()
 *        │                          └────────stage_cancel()───────▶ stopping ─┤
 *        └──stage_skip()───────────────────────────────────────────────────▶ done
 *
 * INVARIANTS
 *  1. The run id is stored before a worker that knows it passes the gate.
 *  2. Only messages of the current (run, attempt) count.
 *  3. A stage without a report is never passed. */

typedef struct Worker Worker;

struct Stage {
        Job *job; /* weak: owned by it */
        StageRecord record;
        PhaseRecord *phases;
        size_t n_phases;
        char *contact;  /* why the host cannot be reached now; NULL: in contact */
        bool estimated; /* its percentage is from the time alone */
        StageReport report;
        StageWatch watch;
        Worker *worker;       /* NULL: none alive that we know */
        const char *replaced; /* why that one was told to stop; NULL: it was not */
        uint32_t deaths;      /* workers that died without a report since the last progress */
        Stage *progress_prev, *progress_next; /* manager's list of those that progressed */
        uint64_t progress_usec;               /* when its own signal last told that, CLOCK_BOOTTIME */
        bool progress_unstored;
        sd_event_source *retry_timer;    /* the next worker, after one died */
        sd_event_source *stopping_timer; /* deadline of a cancel */
};

/* Of the record alone, which it takes over. NULL: no memory, and the record stays the caller's. */
Stage *stage_from_record(Job *j, StageRecord *record);
/* And with what else the store has of it. */
int stage_new(Job *j, StageRecord *record, Stage **ret);
Stage *stage_free(Stage *s);

/* A test that its drive makes of itself: nobody can hold it. */
bool stage_is_self_test(const Stage *s);
/* An NVMe drive erases itself. */
bool stage_is_erase(const Stage *s);

/* Expected time in seconds; roughly, since for the job's percentage only the ratio counts. */
double stage_weight(const Stage *s);

int stage_start(Stage *s);
/* After a restart of burnind: finds its worker, its report, or follows its run. */
void stage_resume(Stage *s);
/* The store can be written again. False: nobody works for this stage. */
bool stage_on_store_back(Stage *s);
/* Stores the wish and tells the worker; stage_finish() comes when the run is proven gone. */
int stage_cancel(Stage *s);
/* Within the transaction that ends the job; it tells nobody. stage_unskip(): that was rolled back. */
int stage_skip(Stage *s, const char *reason);
void stage_unskip(Stage *s);
/* Tells the worker whether its job is paused, again with every worker and connection. Only a surface stage can stand still. What comes
 * of it is seen in Paused; the host remembers it over workers. resumed_by NULL: nobody just now. */
void stage_tell_pause(Stage *s, const char *resumed_by);

/* From the worker's channel. */
void stage_on_gate_open(Stage *s);
/* 0: stored, acknowledge it. -EBADMSG: not of this protocol, or not of the current run. Other errors: not stored, it will come
 * again. */
int stage_on_message(Stage *s, struct json_object *message);
void stage_on_worker_gone(Stage *s, const char *how);
void stage_on_start_failed(Stage *s, const char *reason);

#define STAGE_PATH_MAX 256
/* The scope's name, "burnin-job42-surface_validate.scope". */
const char *stage_unit(const Stage *s, char buf[static STAGE_PATH_MAX]);
const char *stage_socket_path(const Stage *s, char buf[static STAGE_PATH_MAX]);
const char *stage_log_path(const Stage *s, char buf[static STAGE_PATH_MAX]);
const char *stage_report_path(const Stage *s, char buf[static STAGE_PATH_MAX]);
/* Fixes in its record what stays the same over all its workers. */
int stage_fix_params(Stage *s);
/* The same for a run that goes on where the present one was ended by a reboot of its host; it becomes the stage's. -EBADMSG: that was
 * too often. On failure nothing has changed. */
int stage_fix_next_run(Stage *s, const char *run);
/* What its next worker is told, but for follow and cancel. Owner: the caller, stage_params_done(). */
int stage_fill_params(const Stage *s, StageParams *ret);
/* Where its drive is now; NULL: nobody knows. */
Host *stage_host(const Stage *s);

/* stage-bus.c */
int stage_bus_register(Manager *m);
int stage_bus_path(const Stage *s, char **ret);
void stage_emit_changed(Stage *s, const char *const *properties);
void stage_emit_state(Stage *s);
extern const sd_bus_vtable stage_vtable[];

#define log_stage(s, level, message_id, ...)                                                                \
        log_full_errno(level, 0,                                                                            \
                       ((LogField[]){ { LOG_FIELD_JOB, job_id_string((s)->job, (char[24]){}) },             \
                                      { LOG_FIELD_STAGE, stage_kind_to_string((s)->record.kind) },          \
                                      { LOG_FIELD_RUN, (s)->record.run },                                   \
                                      { LOG_FIELD_DRIVE, (s)->job->record.drive },                          \
                                      { LOG_FIELD_DRIVE_SERIAL, (s)->job->record.serial },                  \
                                      { LOG_FIELD_DRIVE_MODEL, (s)->job->record.model },                    \
                                      { LOG_FIELD_HOST, (s)->job->record.host },                            \
                                      { LOG_FIELD_VERDICT, verdict_to_string((s)->record.verdict) },        \
                                      { LOG_FIELD_REASON, (s)->record.reason },                             \
                                      { LOG_FIELD_MESSAGE_ID, message_id },                                 \
                                      {} }),                                                                \
                       __VA_ARGS__)

DEFINE_TRIVIAL_CLEANUP_FUNC(Stage *, stage_free);
