/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "basic/fd-util.h"
#include "basic/log.h"
#include "basic/parse-util.h"
#include "basic/strv.h"
#include "basic/time-util.h"
#include "daemon/drive.h"
#include "daemon/event.h"
#include "daemon/job-files.h"
#include "daemon/job.h"
#include "daemon/nightly.h"
#include "shared/backup-proto.h"
#include "shared/names.h"

#define STEP_USEC    (5 * USEC_PER_MSEC)
#define FILES_A_STEP 64U
#define MEGABYTE     UINT64_C(1000000)
/* After which systemd ends it. */
#define BACKUP_TIMEOUT (3600 * USEC_PER_SEC)

static int nightly_on_step(sd_event_source *s, void *userdata);

int nightly_new(Manager *m)
{
        Nightly *n;
        int r;

        n = m->nightly = new (Nightly, 1);
        if (!n)
                return -ENOMEM;
        *n = (Nightly){ .manager = m, .backup_fd = -EBADF };

        r = sd_event_add_defer(m->event, &n->step_source, nightly_on_step, n);
        if (r >= 0)
                r = sd_event_source_set_enabled(n->step_source, SD_EVENT_OFF);
        if (r >= 0)
                r = sd_event_source_set_priority(n->step_source, SD_EVENT_PRIORITY_IDLE);
        return r;
}

static void backup_close(Nightly *n)
{
        n->backup_io = sd_event_source_disable_unref(n->backup_io);
        n->backup_timer = sd_event_source_disable_unref(n->backup_timer);
        n->backup_fd = safe_close(n->backup_fd);
}

static void nightly_step_done(Nightly *n)
{
        if (n->jobs)
                (void) closedir(n->jobs);
        if (n->measured)
                (void) closedir(n->measured);
        n->jobs = n->measured = NULL;
        job_files_list_done(&n->kept);
        n->drives = strv_free(n->drives);
}

Nightly *nightly_free(Nightly *n)
{
        if (!n)
                return NULL;

        backup_close(n);
        nightly_step_done(n);
        sd_event_source_disable_unref(n->step_source);
        sd_bus_message_unref(n->backup_call);
        nightly_record_done(&n->record);
        free(n->backup_error);
        free(n);
        return NULL;
}

int nightly_load(Nightly *n)
{
        _cleanup_free_ Backup *backups = new0(Backup, BACKUPS_MAX);
        size_t count;
        int r;

        if (!backups)
                return -ENOMEM;
        r = backup_list(PATH_BACKUPS, backups, &count);
        if (r < 0)
                (void) log_warning_errno(r, "Failed to look for backups in " PATH_BACKUPS ": %m");
        else if (count > 0)
                n->backup = backups[0];

        r = store_nightly_get(n->manager->store, &n->record);
        return MIN(r, 0);
}

/* The first thing that went wrong is what the run is remembered by. */
static void nightly_note_error(Nightly *n, const char *what, int r)
{
        if (!n->record.error)
                n->record.error = strf("%s: %s", what, strerror(-r));
}

static void nightly_go_on(Nightly *n, NightlyStep step)
{
        nightly_step_done(n);
        n->step = step;
        (void) sd_event_source_set_enabled(n->step_source, SD_EVENT_ONESHOT);
}

static void nightly_finish(Nightly *n)
{
        uint64_t now = now_usec(CLOCK_REALTIME);
        _cleanup_free_ char *size = NULL;
        char span[TIMESPAN_MAX];
        int r;

        if (n->record.jobs_for_size > 0)
                size = strf(", %" PRIu64
                            " of them since the logs of all took more than retention_log_mb; %" PRIu64
                            " MB are left",
                            n->record.jobs_for_size, n->record.log_bytes / MEGABYTE);
        nightly_step_done(n);
        n->step = NIGHTLY_IDLE;
        n->record.duration_usec = now - MIN(now, n->record.started_usec);
        r = store_nightly_put(n->manager->store, &n->record);
        if (r < 0)
                (void) manager_store_failed(n->manager, r);
        nightly_emit_changed(n);
        log_full_errno(n->record.error ? LOG_WARNING : LOG_INFO, 0,
                       ((LogField[]){ { LOG_FIELD_MESSAGE_ID, MESSAGE_NIGHTLY_DONE }, {} }),
                       "The nightly run took %s: %" PRIu64 " readings and the files of %" PRIu64
                       " jobs were dropped%s.%s%s",
                       format_timespan(span, n->record.duration_usec), n->record.readings, n->record.jobs,
                       strempty(size), n->record.error ? " " : "", strempty(n->record.error));
}

/* Whether nobody will ask for the files of that job any more. ret_finished_usec: when it ended; 0: it has not, or nobody knows. */
static int job_is_old(Nightly *n, uint64_t id, uint64_t before, uint64_t *ret_finished_usec)
{
        _cleanup_(job_record_done) JobRecord r = {};
        char path[sizeof(PATH_JOBS "/") + 24];
        struct stat st;
        int k;

        *ret_finished_usec = 0;
        k = store_job_get(n->manager->store, id, &r);
        if (k >= 0) {
                if (r.state == JOB_DONE)
                        *ret_finished_usec = r.finished_usec;
                return r.state == JOB_DONE && r.finished_usec < before;
        }
        if (k != -ENOENT)
                return k;

        /* Of a job that a restored database does not know. */
        (void) snprintf(path, sizeof(path), PATH_JOBS "/%" PRIu64, id);
        return lstat(path, &st) >= 0 && (uint64_t) st.st_mtim.tv_sec * USEC_PER_SEC < before;
}

static void nightly_drop_files(Nightly *n)
{
        int r;

        r = job_files_remove(dirfd(n->jobs), n->dropping, FILES_A_STEP);
        if (r == 0)
                return; /* there is more of it */
        if (r == 1) {
                n->record.jobs++;
                n->record.jobs_for_size += n->surplus_bytes > 0;
        }
        if (r < 0) {
                (void) log_warning_errno(r, "Failed to drop the files of job %s: %m", n->dropping);
                nightly_note_error(n, "Files of a job cannot be dropped", r);
                n->kept.bytes += n->surplus_bytes; /* they are still there */
        }

        n->dropping[0] = '\0';
}

static void nightly_measure(Nightly *n)
{
        int r;

        r = job_files_measure(n->measured, FILES_A_STEP, &n->measure.bytes);
        if (r == 0)
                return; /* there is more of it */

        (void) closedir(n->measured);
        n->measured = NULL;
        r = job_files_list_add(&n->kept, &n->measure);
        if (r < 0)
                nightly_note_error(n, "The size of the logs is not known", r);
}

static uint64_t log_bytes_max(const Nightly *n)
{
        return n->manager->settings.retention_log_mb * MEGABYTE;
}

/* The next directory whose files may go, or whose size counts; 0: there is none. */
static int nightly_find_job(Nightly *n)
{
        uint64_t id, now = now_usec(CLOCK_REALTIME),
                     days_usec = n->manager->settings.retention_log_days * USEC_PER_DAY, finished_usec;
        struct dirent *e;
        int r;

        e = readdir(n->jobs);
        if (!e)
                return 0;
        if (parse_u64(e->d_name, &id) < 0 || strlen(e->d_name) >= sizeof(n->dropping))
                return 1;
        r = job_is_old(n, id, now - MIN(now, days_usec), &finished_usec);
        if (r < 0)
                nightly_note_error(n, "A job cannot be read", r);
        if (r > 0)
                (void) snprintf(n->dropping, sizeof(n->dropping), "%s", e->d_name);
        else if (log_bytes_max(n) > 0) {
                r = job_files_open(dirfd(n->jobs), e->d_name, &n->measured);
                if (r < 0)
                        nightly_note_error(n, "The size of a job's logs is not known", r);
                n->measure = (JobFiles){ .id = id, .finished_usec = finished_usec };
        }

        return 1;
}

/* The next one that goes for the size of all; 0: there is none. */
static int nightly_find_surplus(Nightly *n)
{
        uint64_t max = log_bytes_max(n);
        const JobFiles *f;

        if (max == 0)
                return 0;
        f = job_files_list_take(&n->kept, max);
        if (f) {
                n->surplus_bytes = f->bytes;
                (void) snprintf(n->dropping, sizeof(n->dropping), "%" PRIu64, f->id);
                return 1;
        }

        n->record.log_bytes = n->kept.bytes;
        if (n->kept.bytes > max && !n->record.error)
                n->record.error = strf(
                                "The logs take %" PRIu64 " MB, more than retention_log_mb (%" PRIu32
                                "), and what is left may not go: it is of jobs that have not ended, or that the database does not know.",
                                n->kept.bytes / MEGABYTE, n->manager->settings.retention_log_mb);
        return 0;
}

/* 1: there is more. */
static int nightly_step_jobs(Nightly *n)
{
        if (!n->jobs) {
                n->dropping[0] = '\0';
                n->surplus_bytes = 0;
                n->jobs = opendir(PATH_JOBS);
                if (!n->jobs) {
                        nightly_note_error(n, PATH_JOBS " cannot be read", -errno);
                        return 0;
                }
        }
        if (n->dropping[0]) {
                nightly_drop_files(n);
                return 1;
        }
        if (n->measured) {
                nightly_measure(n);
                return 1;
        }

        return (!n->kept.sorted && nightly_find_job(n)) || nightly_find_surplus(n);
}

static int nightly_list_drives(Nightly *n)
{
        size_t i = 0;

        n->drives = new0(char *, HASH_COUNT(n->manager->drives) + 1);
        if (!n->drives)
                return -ENOMEM;
        for (const Drive *d = n->manager->drives; d; d = d->hh.next) {
                n->drives[i] = strdup(d->record.id);
                if (!n->drives[i++])
                        return -ENOMEM;
        }

        return 0;
}

static int nightly_step_readings(Nightly *n)
{
        int r;

        if (!n->drives) {
                n->next_drive = 0;
                r = nightly_list_drives(n);
                if (r < 0) {
                        nightly_note_error(n, "Readings cannot be thinned", r);
                        return 0;
                }
        }
        if (!n->drives[n->next_drive])
                return 0;

        r = store_reading_thin(n->manager->store, n->drives[n->next_drive++], n->last_usec,
                               n->record.started_usec);
        if (r < 0)
                return 0; /* the commit fails with the same */

        n->record.readings += (uint64_t) r;
        return 1;
}

/* 1: there is more. */
static int nightly_work(Nightly *n, int (*step)(Nightly *n))
{
        uint64_t end = now_usec(CLOCK_MONOTONIC) + STEP_USEC;
        int more;

        do
                more = step(n);
        while (more > 0 && now_usec(CLOCK_MONOTONIC) < end);

        return more;
}

/* What goes here would go tomorrow, so nothing of it waits for the disk. */
static int nightly_work_on_readings(Nightly *n)
{
        Store *s = n->manager->store;
        int more, r;

        r = store_begin_relaxed(s);
        if (r >= 0) {
                more = nightly_work(n, nightly_step_readings);
                r = store_commit(s);
        }
        if (r < 0) {
                (void) manager_store_failed(n->manager, r);
                nightly_note_error(n, "Readings cannot be thinned", r);
                return 0;
        }

        return more;
}

static int nightly_on_step(sd_event_source *s, void *userdata)
{
        Nightly *n = userdata;

        int more;

        more = n->step == NIGHTLY_JOBS ? nightly_work(n, nightly_step_jobs) : nightly_work_on_readings(n);
        if (more > 0)
                (void) sd_event_source_set_enabled(n->step_source, SD_EVENT_ONESHOT);
        else if (n->step == NIGHTLY_JOBS)
                nightly_go_on(n, NIGHTLY_READINGS);
        else
                nightly_finish(n);
        return 0;
}

/* Why there is no backup, and what to do now. */
static const char *backup_reason(int r, const char **ret_remedy)
{
        *ret_remedy = "See whether " PATH_BACKUPS
                      " can be written to, \"systemctl status burnin-backup.socket\", "
                      "and \"journalctl -t burnin-backup\"; then try \"burninctl backup now\".";
        switch (-r) {
        case EUCLEAN:
                *ret_remedy = "Stop burnind, and put an earlier backup back, as man:burnind(8) says.";
                return "the database is damaged";
        case ENOSPC:
        case EDQUOT:
                *ret_remedy = "Make room, or lower retention_backup_keep; then try \"burninctl backup now\".";
                return "there is too little room in " PATH_BACKUPS;
        case ENOENT:
        case ECONNREFUSED:
                return "burnin-backup is not there";
        case ECONNRESET:
                return "burnin-backup ended before it was done";
        case ETIMEDOUT:
                return "it took longer than an hour";
        default:
                return strerror(-r);
        }
}

static void backup_answer(Nightly *n, int r)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *call = TAKE_PTR(n->backup_call);
        sd_bus_error error = SD_BUS_ERROR_NULL;

        if (!call)
                return;
        if (r >= 0) {
                (void) audit_write(n->manager, &n->backup_actor, ACTION_MANAGE_SETTINGS, "backup", "ok",
                                   n->backup.name);
                (void) sd_bus_reply_method_return(call, "s", n->backup.name);
                return;
        }

        (void) sd_bus_error_set(&error, BUS_ERROR_STORE, strempty(n->backup_error));
        (void) audit_refused(n->manager, &n->backup_actor, ACTION_MANAGE_SETTINGS, "backup", r, &error);
        (void) sd_bus_reply_method_error(call, &error);
        sd_bus_error_free(&error);
}

static void backup_failed(Nightly *n, int r)
{
        const char *remedy, *reason = backup_reason(r, &remedy);
        _cleanup_free_ char *text = strf(
                        "No backup of burnind's database was made: %s. The backups that there were are kept. %s",
                        reason, remedy);
        int k;

        n->backup_error = strf("No backup was made: %s. %s", reason, remedy);
        k = text ? event_add_own(n->manager, EVENT_BACKUP_FAILED, text) : -ENOMEM;
        if (k < 0)
                (void) manager_store_failed(n->manager, k);
        log_full_errno(LOG_ERR, r, ((LogField[]){ { LOG_FIELD_MESSAGE_ID, MESSAGE_BACKUP_FAILED }, {} }),
                       "No backup of the database was made: %s. %s", reason, remedy);
}

static void backup_finish(Nightly *n, int r, const BackupAnswer *answer)
{
        backup_close(n);
        free(n->backup_error);
        n->backup_error = NULL;
        if (r < 0)
                backup_failed(n, r);
        else {
                assert(answer);
                memcpy(n->backup.name, answer->name, sizeof(n->backup.name));
                (void) backup_parse_name(n->backup.name, &n->backup.time_usec);
                n->backup.size_bytes = answer->size_bytes;
                log_info("Backup %s was made: %" PRIu64 " bytes; %" PRIu32 " older ones were removed.",
                         n->backup.name, answer->size_bytes, answer->removed);
        }

        backup_answer(n, r);
        if (n->step == NIGHTLY_BACKUP) {
                if (r < 0)
                        n->record.error = strdup(strempty(n->backup_error));
                nightly_go_on(n, NIGHTLY_JOBS);
        }
        nightly_emit_changed(n);
}

static int backup_on_io(sd_event_source *s, int fd, uint32_t revents, void *userdata)
{
        BackupAnswer answer = {};
        Nightly *n = userdata;
        uint64_t time;
        ssize_t size;

        size = recv(fd, &answer, sizeof(answer), MSG_DONTWAIT);
        if (size < 0 && (errno == EAGAIN || errno == EINTR))
                return 0;
        if (size < 0)
                backup_finish(n, -errno, NULL);
        else if (size != sizeof(answer))
                backup_finish(n, size == 0 ? -ECONNRESET : -EBADMSG, NULL);
        else if (answer.error < 0)
                backup_finish(n, answer.error, NULL);
        else if (answer.error > 0 || !memchr(answer.name, 0, BACKUP_NAME_SIZE) ||
                 backup_parse_name(answer.name, &time) < 0)
                backup_finish(n, -EBADMSG, NULL);
        else
                backup_finish(n, 0, &answer);

        return 0;
}

static int backup_on_timer(sd_event_source *s, uint64_t usec, void *userdata)
{
        backup_finish(userdata, -ETIMEDOUT, NULL);
        return 0;
}

static int backup_start(Nightly *n)
{
        const BackupRequest request = { .keep = n->manager->settings.retention_backup_keep
                                                                ?: BACKUP_KEEP_MAX };
        sd_event *event = n->manager->event;
        int r;

        n->backup_fd = r = connect_packets(PATH_BACKUP_SOCKET);
        if (r >= 0 && send(n->backup_fd, &request, sizeof(request), MSG_NOSIGNAL) < 0)
                r = -errno;
        if (r >= 0)
                r = sd_event_add_io(event, &n->backup_io, n->backup_fd, EPOLLIN, backup_on_io, n);
        if (r >= 0)
                r = sd_event_add_time_relative(event, &n->backup_timer, CLOCK_BOOTTIME, BACKUP_TIMEOUT, 0,
                                               backup_on_timer, n);
        if (r < 0)
                backup_close(n);

        return r;
}

int nightly_run(Nightly *n)
{
        int r;

        if (n->step != NIGHTLY_IDLE)
                return 0;

        /* What went wrong, the next one does again. */
        n->last_usec = n->record.error ? 0 : n->record.started_usec;
        nightly_record_done(&n->record);
        n->record = (NightlyRecord){ .started_usec = now_usec(CLOCK_REALTIME) };
        n->step = NIGHTLY_BACKUP;
        if (n->manager->settings.retention_backup_keep == 0)
                nightly_go_on(n, NIGHTLY_JOBS);
        else if (n->backup_fd < 0) {
                r = backup_start(n);
                if (r < 0)
                        backup_finish(n, r, NULL);
        }

        nightly_emit_changed(n);
        return 0;
}

int nightly_make_backup(Nightly *n, sd_bus_message *call, const Actor *actor, sd_bus_error *error)
{
        int r;

        if (n->backup_fd >= 0)
                return sd_bus_error_setf(error, BUS_ERROR_WRONG_STATE,
                                         "A backup is being made already. Wait for its end.");

        n->backup_call = sd_bus_message_ref(call);
        n->backup_actor = *actor;
        r = backup_start(n);
        if (r < 0)
                backup_finish(n, r, NULL);
        return 1;
}
