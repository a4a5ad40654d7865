/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "basic/fd-util.h"
#include "basic/log.h"
#include "basic/parse-util.h"
#include "basic/strv.h"
#include "basic/time-util.h"
#include "daemon/drive.h"
#include "daemon/job-files.h"
#include "daemon/job.h"
#include "daemon/nightly.h"
#include "shared/backup-proto.h"
#include "shared/names.h"

#define STEP_USEC    (5 * USEC_PER_MSEC)
#define FILES_A_STEP 64U
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
        n->jobs = NULL;
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
        char span[TIMESPAN_MAX];
        int r;

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
                       " jobs were dropped.%s%s",
                       format_timespan(span, n->record.duration_usec), n->record.readings, n->record.jobs,
                       n->record.error ? " " : "", strempty(n->record.error));
}

/* Whether nobody will ask for the files of that job any more. */
static int job_is_old(Nightly *n, uint64_t id, uint64_t before)
{
        _cleanup_(job_record_done) JobRecord r = {};
        char path[sizeof(PATH_JOBS "/") + 24];
        struct stat st;
        int k;

        k = store_job_get(n->manager->store, id, &r);
        if (k >= 0)
                return r.state == JOB_DONE && r.finished_usec < before;
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
        if (r == 1)
                n->record.jobs++;
        if (r < 0) {
                (void) log_warning_errno(r, "Failed to drop the files of job %s: %m", n->dropping);
                nightly_note_error(n, "Files of a job cannot be dropped", r);
        }

        n->dropping[0] = '\0';
}

/* The next directory whose files may go; 0: there is none. */
static int nightly_find_job(Nightly *n)
{
        uint64_t id, now = now_usec(CLOCK_REALTIME),
                     kept = n->manager->settings.retention_log_days * USEC_PER_DAY;
        struct dirent *e;
        int r;

        e = readdir(n->jobs);
        if (!e)
                return 0;
        if (parse_u64(e->d_name, &id) < 0 || strlen(e->d_name) >= sizeof(n->dropping))
                return 1;
        r = job_is_old(n, id, now - MIN(now, kept));
        if (r < 0)
                nightly_note_error(n, "A job cannot be read", r);
        if (r > 0)
                (void) snprintf(n->dropping, sizeof(n->dropping), "%s", e->d_name);

        return 1;
}

/* 1: there is more. */
static int nightly_step_jobs(Nightly *n)
{
        if (!n->jobs) {
                n->dropping[0] = '\0';
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

        return nightly_find_job(n);
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

        r = store_reading_thin(n->manager->store, n->drives[n->next_drive++], now_usec(CLOCK_REALTIME));
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

static const char *backup_reason(int r)
{
        switch (-r) {
        case EUCLEAN:
                return "the database is damaged. See man:burnind(8) on how to restore an earlier one";
        case ENOSPC:
                return "there is too little room in " PATH_BACKUPS;
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

        (void) sd_bus_error_setf(&error, BUS_ERROR_STORE, "No backup was made: %s.", backup_reason(r));
        (void) audit_refused(n->manager, &n->backup_actor, ACTION_MANAGE_SETTINGS, "backup", r, &error);
        (void) sd_bus_reply_method_error(call, &error);
        sd_bus_error_free(&error);
}

static void backup_finish(Nightly *n, int r, const BackupAnswer *answer)
{
        backup_close(n);
        free(n->backup_error);
        n->backup_error = r < 0 ? strf("No backup was made: %s.", backup_reason(r)) : NULL;

        if (r < 0)
                log_full_errno(LOG_ERR, r,
                               ((LogField[]){ { LOG_FIELD_MESSAGE_ID, MESSAGE_BACKUP_FAILED }, {} }),
                               "No backup of the database was made: %s.", backup_reason(r));
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
                        nightly_note_error(n, "No backup was made", r);
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
        const struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = PATH_BACKUP_SOCKET };
        const BackupRequest request = { .keep = n->manager->settings.retention_backup_keep
                                                                ?: BACKUP_KEEP_MAX };
        sd_event *event = n->manager->event;
        int r;

        n->backup_fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (n->backup_fd < 0 ||
            connect(n->backup_fd, (const struct sockaddr *) &address, sizeof(address)) < 0 ||
            send(n->backup_fd, &request, sizeof(request), MSG_NOSIGNAL) < 0)
                r = -errno;
        else
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
