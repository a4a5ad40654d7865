/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "basic/log.h"
#include "daemon/audit.h"
#include "daemon/drive.h"
#include "daemon/manager.h"
#include "daemon/plan.h"

/* A burn-in of one drive, or a self-test on its own: a list of stages.
 *
 * INVARIANTS
 *  1. State goes into the store first, then onto the bus, then into the log.
 *  2. A cancel that was stored stays: whatever a stage reports afterwards, the job ends cancelled.
 *  3. When a job is done none of its stages is pending, starting, running or stopping.
 *  4. The first specific reason is never overwritten.
 *
 *     (new) ──job_new()──▶ queued ──job_start()──▶ running ──job_on_stage_done()──▶ done
 *                          │    ▲                   ▲   │                            ▲
 *                  job_pause() job_unpause() job_unpause() job_pause()               │
 *                          ▼    │                   │   ▼                            │
 *                          paused, before or after its start ──(its last stage)──────┤
 *                            │                        │                              │
 *                            │                   job_cancel(), also when running     │
 *                            │                        ▼                              │
 *                            │                    stopping ──job_on_stage_done()─────┤
 *                            └──job_cancel(), job_finish() (refused at its turn)─────┘
 *
 * A paused job keeps its place: in the queue, or among the running ones.
 *
 * job_set_state() is the only place that assigns the state, and holds the table. */

struct Job {
        Manager *manager; /* weak */
        JobRecord record;
        DriveIdentity identity; /* confirmed at submission */
        GrantRecord grant;      /* what it may destroy although it is locked; LOCK_NONE: nothing */
        uint64_t watched_usec; /* CLOCK_BOOTTIME: since when burnind has seen all that happens to its drive */
        Drive *drive;          /* weak; while the job is active */
        Stage **stages;
        size_t n_stages;
        bool content_asked; /* the poller was asked for the content fingerprint, and has not answered */
        uint32_t content_asks;
        uint64_t content_reading; /* the reading of its host (last_seen_usec) after which asking again is of no use */
        bool percent_unstored, percent_untold;
        char *waiting;           /* while queued: what for; while paused: by whom and why */
        uint64_t hot_since_usec; /* CLOCK_BOOTTIME: since when hot drives of its host hold it back; 0: they do not */
        char *heat; /* it was started though they were hot: which one, how hot; for its ledger */
        UT_hash_handle hh;
        Job *prev, *next; /* manager's archive */
};

typedef struct JobOptions {
        Plan plan;
        const char *note, *request, *calendar;
        int32_t priority;
        uint64_t not_before_usec;
} JobOptions;

/* Stores and links a queued job with its stages, and with the grant (NULL: none) and fingerprint (NULL: not taken yet) that it takes
 * along; the caller has the transaction, and calls job_announce() after its commit or
 * job_free() after its rollback. */
int job_new(Manager *m, Drive *d, const JobOptions *options, const Actor *actor, const GrantRecord *grant,
            const char *content, Job **ret);
void job_announce(Job *j);
Job *job_free(Job *j);

/* Of the record alone, which it takes over. NULL: no memory, and the record stays the caller's. */
Job *job_from_record(JobRecord *record);
/* And with what else the store has of it, its stages above all; links the job. */
int job_load(Manager *m, JobRecord *record, Job **ret);
/* Goes on with a loaded job. */
void job_resume(Job *j);
/* The store can be written again: what stood still because of that goes on. */
void job_on_store_back(Job *j);

#define JOB_PRIORITY_MAX 100
static inline bool job_priority_is_valid(int32_t priority)
{
        return priority >= -JOB_PRIORITY_MAX && priority <= JOB_PRIORITY_MAX;
}

/* It writes nothing: no lock keeps it from a drive, and it takes no place of a burn-in. */
bool job_is_self_test(const Job *j);
/* Some stage of it is. */
bool job_is_destructive(const Job *j);
/* What it was planned to do; borrowed from it. */
Plan job_plan(const Job *j);
bool job_has_worker(const Job *j);
/* As its last one. Takes it over; on failure it stays the caller's. */
int job_take_stage(Job *j, Stage **stage);
/* Whether its time has come, in the queue or later. */
static inline bool job_has_started(const Job *j)
{
        return j->record.started_usec > 0;
}

/* Where its files and sockets are; /run is empty again after a reboot. */
int job_make_directories(Job *j);
int job_start(Job *j);
int job_cancel(Job *j, const Actor *actor, const char *reason);
/* Of a job that is queued, or runs and is not in a self-test, which nobody can hold. A surface stage stands still on its host; a check
 * goes on to its end, and the next stage does not begin. */
int job_pause(Job *j, const Actor *actor, const char *reason);
int job_unpause(Job *j, const Actor *actor);
/* Of one that has not started. */
int job_set_priority(Job *j, int32_t priority);
/* Ends the job: remaining stages are skipped, the slice is stopped. */
int job_finish(Job *j, Verdict verdict, const char *reason);
/* Once the job is done and its last worker has left: slices are not collected by themselves. */
void job_stop_slice(Job *j);
void job_on_stage_done(Job *j, Stage *s);
void job_on_content(Job *j, const char *content);
/* It could not be taken. again: under the drive's old name, or just then; it is asked again after the next reading of its host,
 * which tells the name that the drive has now. */
void job_on_no_content(Job *j, bool again, const char *reason);
void job_set_waiting(Job *j, const char *waiting);

Stage *job_current_stage(const Job *j); /* NULL: none */
void job_update_percent(Job *j);
/* When it is expected to end, CLOCK_REALTIME; 0: not known. */
uint64_t job_eta_usec(const Job *j);
const char *job_reason(const Job *j);

#define JOB_UNIT_MAX 64
/* "burnin-job42.slice" */
const char *job_unit(const Job *j, char buf[static JOB_UNIT_MAX]);

/* job-bus.c */
int job_bus_register(Manager *m);
/* What the audit calls it: "job 42 (drive wwn-...)". */
char *job_audit_object(const Job *j);
int job_bus_path_of(uint64_t id, char **ret);
void job_emit_added(Job *j);
void job_emit_changed(Job *j, const char *const *properties);
extern const sd_bus_vtable job_vtable[];

#define log_job(j, level, message_id, ...)                                                                  \
        log_full_errno(level, 0,                                                                            \
                       ((LogField[]){ { LOG_FIELD_JOB, job_id_string(j, (char[24]){}) },                    \
                                      { LOG_FIELD_DRIVE, (j)->record.drive },                               \
                                      { LOG_FIELD_DRIVE_SERIAL, (j)->record.serial },                       \
                                      { LOG_FIELD_DRIVE_MODEL, (j)->record.model },                         \
                                      { LOG_FIELD_HOST, (j)->record.host },                                 \
                                      { LOG_FIELD_GRANT, (j)->grant.id },                                   \
                                      { LOG_FIELD_VERDICT, verdict_to_string((j)->record.verdict) },        \
                                      { LOG_FIELD_REASON, (j)->record.reason },                             \
                                      { LOG_FIELD_MESSAGE_ID, message_id },                                 \
                                      {} }),                                                                \
                       __VA_ARGS__)
const char *job_id_string(const Job *j, char buf[static 24]);

DEFINE_TRIVIAL_CLEANUP_FUNC(Job *, job_free);
