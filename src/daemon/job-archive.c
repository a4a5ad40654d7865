/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <stdio.h>
#include <utlist.h>

#include "basic/string-util.h"
#include "daemon/job-archive.h"
#include "daemon/stage.h"
#include "shared/names.h"

/* Finished jobs kept in memory, since somebody may look at them. */
#define ARCHIVE_MAX 64

static int job_on_stage_name(StageRecord *record, void *userdata)
{
        _cleanup_(stage_freep) Stage *s = stage_from_record(userdata, record);

        return s ? job_take_stage(userdata, &s) : -ENOMEM;
}

int job_summarize(Manager *m, JobRecord *record, Job **ret)
{
        _cleanup_(job_freep) Job *j = job_from_record(record);
        int r;

        if (!j)
                return -ENOMEM;

        r = store_grant_get(m->store, j->record.id, &j->grant);
        if (r >= 0)
                r = store_stage_list_names(m->store, j->record.id, job_on_stage_name, j);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(j);
        return 0;
}

void job_trim_archive(Manager *m)
{
        Job *j, *next;
        size_t n = 0;

        /* With its last worker also the slice has to go. */
        DL_FOREACH_SAFE(m->archive, j, next)
                if (++n >= ARCHIVE_MAX && !job_has_worker(j))
                        job_free(j);
}

Job *job_find(Manager *m, uint64_t id)
{
        Job *j;

        HASH_FIND(hh, m->jobs, &id, sizeof(id), j);
        return j;
}

static bool is_unreadable(int r)
{
        return r == -EUCLEAN || r == -EINVAL || r == -EBADMSG || r == -E2BIG;
}

/* All that are active are in memory, but for one that is left alone. */
static int job_load_finished(Manager *m, uint64_t id, Job **ret)
{
        _cleanup_(job_record_done) JobRecord record = {};
        int r;

        r = store_job_get(m->store, id, &record);
        if (r < 0)
                return r;

        return record.state == JOB_DONE ? job_load(m, &record, ret) : -EUCLEAN;
}

int job_get(Manager *m, uint64_t id, Job **ret, sd_bus_error *error)
{
        Job *j;
        int r;

        j = job_find(m, id);
        if (!j) {
                job_trim_archive(m);
                r = job_load_finished(m, id, &j);
                if (is_unreadable(r))
                        return sd_bus_error_setf(
                                        error, BUS_ERROR_STORE,
                                        "Job %" PRIu64
                                        " cannot be read in the database, and is left as it is; see the "
                                        "journal of burnind.",
                                        id);
                if (r < 0)
                        return r;
                DL_PREPEND(m->archive, j);
        }

        *ret = j;
        return 0;
}

/* Nobody knows how far it came, and what it may write: both are left as they are. */
static int job_leave_alone(Manager *m, const JobRecord *record, int error)
{
        Drive *d = drive_find(m, record->drive);
        char id[24];

        if (!m->unreadable) {
                m->unreadable = strf("Job %" PRIu64
                                     " cannot be read in the database; see the journal of burnind.",
                                     record->id);
                if (!m->unreadable)
                        return -ENOMEM;
        }
        if (d)
                d->unreadable_job = record->id;
        (void) snprintf(id, sizeof(id), "%" PRIu64, record->id);
        log_full_errno(LOG_ERR, error,
                       ((LogField[]){ { LOG_FIELD_JOB, id },
                                      { LOG_FIELD_DRIVE, record->drive },
                                      { LOG_FIELD_DRIVE_SERIAL, d ? d->record.identity.serial : NULL },
                                      { LOG_FIELD_HOST, d ? d->record.host : NULL },
                                      { LOG_FIELD_MESSAGE_ID, MESSAGE_JOB_UNREADABLE },
                                      {} }),
                       "Job %" PRIu64
                       " for drive %s on %s cannot be read in the database: %m. It is left as it is, and nothing is "
                       "started on its drive.",
                       record->id, d ? strempty(d->record.identity.serial) : record->drive,
                       d ? strempty(d->record.host) : "an unknown host");
        return 0;
}

static int job_load_whole(Manager *m, uint64_t id, Job **ret)
{
        _cleanup_(job_record_done) JobRecord record = {};
        _cleanup_(job_freep) Job *j = NULL;
        int r;

        r = store_job_get(m->store, id, &record);
        if (r >= 0)
                r = job_load(m, &record, &j);
        if (r < 0)
                return r;
        if (j->n_stages == 0)
                return -EUCLEAN;

        *ret = TAKE_PTR(j);
        return 0;
}

static int job_on_active_record(JobRecord *record, void *userdata)
{
        Manager *m = userdata;
        Job *j;
        int r;

        r = job_load_whole(m, record->id, &j);
        if (is_unreadable(r))
                return job_leave_alone(m, record, r);
        if (r < 0)
                return r;

        j->drive = drive_find(m, j->record.drive);
        if (j->drive)
                j->drive->job = j;
        return 0;
}

int job_load_active(Manager *m)
{
        int r;

        r = store_job_list_active(m->store, job_on_active_record, m);

        /* Where it is the file that is damaged, nobody knows what else is not what it was. */
        return r >= 0 && m->unreadable ? store_check(m->store) : r;
}
