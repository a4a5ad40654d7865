/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/audit.h"
#include "daemon/job-files.h"
#include "store/backup.h"

/* What is done once a night, told by burnin-nightly.timer: first a backup, then the files of jobs that ended long ago go, and more of
 * them where all take too much, then readings that have aged.
 *
 *      idle ──nightly_run()──▶ backup ──backup_finish()──▶ jobs ──▶ readings ──nightly_finish()──▶ idle
 *
 * All of it in steps of a few milliseconds, when nothing else is to be done; the backup is made by a process, burnin-backup. What a
 * night did not come to the next one does. */

typedef enum NightlyStep {
        NIGHTLY_IDLE,
        NIGHTLY_BACKUP,
        NIGHTLY_JOBS,
        NIGHTLY_READINGS,
} NightlyStep;

typedef struct Nightly {
        Manager *manager; /* weak */
        NightlyStep step;
        sd_event_source *step_source;
        DIR *jobs;
        char dropping[24];      /* the directory in it that goes; "": none does */
        uint64_t surplus_bytes; /* of what goes because all of them take too much; 0: it is old */
        DIR *measured;          /* another one in it, whose size is taken; NULL: none */
        JobFiles measure;       /* what is known of that so far */
        JobFilesList kept;      /* those that age leaves; empty where there is no bound */
        char **drives;          /* their ids when this step began */
        size_t next_drive;
        uint64_t last_usec; /* when the run before this one began; 0: there was none, or something went wrong */
        NightlyRecord record; /* of this run; of the last one while idle */

        int backup_fd; /* >= 0: burnin-backup was asked */
        sd_event_source *backup_io, *backup_timer;
        sd_bus_message *backup_call; /* who waits for it; NULL: the nightly run alone */
        Actor backup_actor;
        Backup backup;      /* the last one; name "": there is none */
        char *backup_error; /* the last one that was tried failed, in words */
} Nightly;

int nightly_new(Manager *m);
Nightly *nightly_free(Nightly *n);

/* What the last run and the last backup were. */
int nightly_load(Nightly *n);

/* Nothing where it runs already. */
int nightly_run(Nightly *n);

/* Answers the call once there is a backup, or none. Errors: WrongState, Store. */
int nightly_make_backup(Nightly *n, sd_bus_message *call, const Actor *actor, sd_bus_error *error);

int nightly_bus_register(Manager *m);
void nightly_emit_changed(Nightly *n);

extern const sd_bus_vtable nightly_vtable[];
