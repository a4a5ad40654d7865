/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-id128.h>
#include <unistd.h>
#include <utlist.h>

#include "basic/fd-util.h"
#include "basic/log.h"
#include "basic/string-util.h"
#include "basic/time-util.h"
#include "daemon/account.h"
#include "daemon/audit.h"
#include "daemon/configuration.h"
#include "daemon/daily-timer.h"
#include "daemon/drive.h"
#include "daemon/event.h"
#include "daemon/grant.h"
#include "daemon/host.h"
#include "daemon/job-archive.h"
#include "daemon/nightly.h"
#include "daemon/notifier.h"
#include "daemon/outbox.h"
#include "daemon/password.h"
#include "daemon/poll.h"
#include "daemon/queue.h"
#include "daemon/report.h"
#include "daemon/scope.h"
#include "daemon/self-test.h"
#include "daemon/session.h"
#include "daemon/stage.h"
#include "shared/names.h"

#define SSH_KEY_MAX      (64U * 1024U)
#define STORE_RETRY_USEC (2 * USEC_PER_SEC)
/* What progressed is stored at most once a second, and told then by the manager's signal Progress: in each turn the stages of one part,
 * whose rows are neighbours in the database, so that a turn is a page or two and holds nobody up. There are twice as many turns in a
 * second as parts, for turns that come late. Each stage's own signal follows at most once a second and for a few stages in a turn: each
 * is a message to everybody who listens to everything, and where more run than have their turn in a second, each has it less often. */
#define PROGRESS_USEC       USEC_PER_SEC
#define PROGRESS_TURN_USEC  (50 * USEC_PER_MSEC)
#define PROGRESS_TOLD_MAX   5U
#define PROGRESS_NEIGHBOURS 64U

static int manager_on_signal(sd_event_source *s, const struct signalfd_siginfo *si, void *userdata)
{
        Manager *m = userdata;

        return sd_event_exit(m->event, 0);
}

static int manager_on_reload(sd_event_source *s, const struct signalfd_siginfo *si, void *userdata)
{
        (void) sd_notifyf(false, "RELOADING=1\nMONOTONIC_USEC=%" PRIu64, now_usec(CLOCK_MONOTONIC));
        configuration_reload(userdata);
        (void) sd_notify(false, "READY=1");
        return 0;
}

static int manager_new_event(Manager *m)
{
        sigset_t mask;
        int r;

        (void) sigemptyset(&mask);
        (void) sigaddset(&mask, SIGCHLD);
        (void) sigaddset(&mask, SIGHUP);
        (void) sigaddset(&mask, SIGTERM);
        (void) sigaddset(&mask, SIGINT);
        if (sigprocmask(SIG_BLOCK, &mask, NULL) < 0)
                return -errno;

        r = sd_event_new(&m->event);
        if (r < 0)
                return r;
        r = sd_event_add_signal(m->event, NULL, SIGTERM, manager_on_signal, m);
        if (r < 0)
                return r;
        r = sd_event_add_signal(m->event, NULL, SIGINT, manager_on_signal, m);
        if (r < 0)
                return r;
        r = sd_event_add_signal(m->event, NULL, SIGHUP, manager_on_reload, m);
        if (r < 0)
                return r;

        return sd_event_set_watchdog(m->event, true);
}

static int manager_find_worker_user(Manager *m)
{
        const struct passwd *p = getpwnam(WORKER_USER);

        if (!p)
                return log_error_errno(ESRCH, "There is no user \"" WORKER_USER
                                              "\"; systemd-sysusers makes it: %m");

        if (p->pw_uid == 0 || p->pw_gid == 0)
                return log_error_errno(EPERM,
                                       "The user \"" WORKER_USER "\" is root, so its workers would be: %m");

        m->worker_uid = p->pw_uid;
        m->worker_gid = p->pw_gid;
        return 0;
}

static int manager_on_progress(sd_event_source *s, uint64_t usec, void *userdata);
static int manager_on_store_retry(sd_event_source *s, uint64_t usec, void *userdata);

int manager_new(Manager **ret)
{
        _cleanup_(manager_freep) Manager *m = NULL;
        char id[SD_ID128_STRING_MAX];
        sd_id128_t machine;
        int r;

        m = new0(Manager, 1);
        if (!m)
                return log_oom();
        m->lock_fd = -EBADF;

        r = manager_new_event(m);
        if (r < 0)
                return log_error_errno(r, "Failed to set up the event loop: %m");
        r = configuration_new(m);
        if (r < 0)
                return log_error_errno(r, "Failed to read " PATH_CONFIG " and " PATH_CONFIG_DROPINS ": %m");
        r = manager_find_worker_user(m);
        if (r < 0)
                return r;
        r = sd_id128_get_machine(&machine);
        if (r < 0)
                return log_error_errno(r, "Failed to read this machine's id: %m");
        m->machine_id = strdup(sd_id128_to_string(machine, id));
        r = polkit_registry_new(&m->polkit);
        if (r < 0 || !m->machine_id)
                return log_oom();
        r = queue_new(m);
        if (r >= 0)
                r = audit_new(m);
        if (r >= 0)
                r = nightly_new(m);
        if (r >= 0)
                r = sd_event_add_time(m->event, &m->progress_timer, CLOCK_BOOTTIME, 0, 0,
                                      manager_on_progress, m);
        if (r >= 0)
                r = sd_event_source_set_enabled(m->progress_timer, SD_EVENT_OFF);
        if (r >= 0)
                r = sd_event_add_time(m->event, &m->store_timer, CLOCK_BOOTTIME, 0, 0,
                                      manager_on_store_retry, m);
        if (r >= 0)
                r = sd_event_source_set_enabled(m->store_timer, SD_EVENT_OFF);
        if (r < 0)
                return log_error_errno(r, "Failed to set up timers: %m");

        *ret = TAKE_PTR(m);
        return 0;
}

Manager *manager_free(Manager *m)
{
        Job *j, *next_job;
        Drive *d, *next_drive;
        Host *h, *next_host;
        Grant *g, *next_grant;

        if (!m)
                return NULL;

        audit_done(m); /* may write */
        HASH_ITER(hh, m->jobs, j, next_job)
                job_free(j);
        HASH_ITER(hh, m->grants, g, next_grant)
                grant_free(g);
        events_done(m);
        m->daily_timer = daily_timer_free(m->daily_timer);
        m->outbox = outbox_free(m->outbox);
        notifiers_done(m);
        passwords_done(m);
        reports_done(m);
        sessions_done(m);
        m->nightly = nightly_free(m->nightly);
        m->poll = poll_free(m->poll);
        m->truenas = poll_free(m->truenas);
        HASH_ITER(hh, m->hosts, h, next_host)
                host_free(h);
        HASH_ITER(hh, m->drives, d, next_drive)
                drive_free(d);
        scope_tracker_free(m->scopes);
        polkit_registry_free(m->polkit);
        sd_event_source_disable_unref(m->queue_source);
        sd_event_source_disable_unref(m->heat_timer);
        sd_event_source_disable_unref(m->schedule_timer);
        sd_event_source_disable_unref(m->progress_timer);
        sd_event_source_disable_unref(m->store_timer);
        store_close(m->store);
        safe_close(m->lock_fd);
        sd_bus_flush_close_unref(m->bus);
        sd_event_unref(m->event);
        configuration_free(m->configuration);
        settings_done(&m->settings);
        free(m->initial_admin);
        free(m->machine_id);
        free(m->health);
        free(m->unreadable);
        free(m);
        return NULL;
}

/* Which half is asked for is told by the suffix; a credential wins over the setting. */
static int manager_read_key(const Manager *m, const char *suffix, char **ret, size_t *ret_size)
{
        const char *credentials = getenv("CREDENTIALS_DIRECTORY");
        _cleanup_free_ char *credential = NULL, *path = NULL;

        if (credentials) {
                credential = strf("%s/ssh-key", credentials);
                if (!credential)
                        return -ENOMEM;
        }
        path = strf("%s%s", credential && access(credential, F_OK) >= 0 ? credential : m->settings.ssh_key,
                    suffix);

        return path ? read_file_full(path, SSH_KEY_MAX, ret, ret_size) : -ENOMEM;
}

int manager_open_ssh_key(Manager *m)
{
        _cleanup_(erase_and_freep) char *key = NULL;
        size_t size;
        int r;

        r = manager_read_key(m, "", &key, &size);
        if (r < 0)
                return log_warning_errno(
                                r,
                                "Failed to read the SSH key %s: %m. Make one with ssh-keygen -t ed25519 -f %s and put its "
                                "public half on the hosts.",
                                m->settings.ssh_key, m->settings.ssh_key);

        return memfd_new_sealed("burnin-ssh-key", key, size);
}

int manager_read_public_key(const Manager *m, char **ret)
{
        _cleanup_free_ char *line = NULL;
        size_t size;
        int r;

        r = manager_read_key(m, ".pub", &line, &size);
        if (r < 0)
                return r;
        line[strcspn(line, "\r\n")] = '\0';
        if (isempty(line) || !utf8_is_valid(line))
                return -ENOENT;

        *ret = TAKE_PTR(line);
        return 0;
}

static void manager_set_health(Manager *m, const char *health)
{
        if (free_and_strdup(&m->health, health) > 0)
                manager_emit_changed(m, "Health");
}

static void manager_retry_store_later(Manager *m)
{
        (void) sd_event_source_set_time_relative(m->store_timer, STORE_RETRY_USEC);
        (void) sd_event_source_set_enabled(m->store_timer, SD_EVENT_ONESHOT);
}

int manager_store_failed(Manager *m, int r)
{
        _cleanup_free_ char *health = NULL;

        /* It is what was to be written, and would be refused again; all else can be written. */
        if (store_is_refusal(r) && store_check(m->store) >= 0) {
                manager_retry_store_later(m); /* what waits for its record goes on */
                return log_error_errno(r, "The database refuses what was to be recorded: %m");
        }

        health = strf("The database cannot be written: %s", strerror(-r));
        if (!m->health)
                log_full_errno(LOG_ERR, r,
                               ((LogField[]){ { LOG_FIELD_MESSAGE_ID, MESSAGE_STORE_FAILED }, {} }),
                               "Failed to write to " PATH_DATABASE
                               ": %m. Nothing is recorded until this is mended; what runs on the hosts goes on.");
        manager_set_health(m, strempty(health));
        manager_retry_store_later(m);
        return r;
}

/* Of the active jobs only, since one that ends here stays in the table. */
static void manager_for_each_active(Manager *m, void (*call)(Job *j))
{
        _cleanup_free_ Job **active = NULL;
        size_t n = 0;
        Job *j, *next;

        active = new (Job *, HASH_COUNT(m->jobs) + 1);
        if (!active) {
                (void) log_oom();
                return;
        }

        HASH_ITER(hh, m->jobs, j, next)
                if (j->record.state != JOB_DONE)
                        active[n++] = j;
        for (size_t i = 0; i < n; i++)
                call(active[i]);
}

static int manager_on_store_retry(sd_event_source *s, uint64_t usec, void *userdata)
{
        Manager *m = userdata;
        int r;

        r = store_check(m->store);
        if (r < 0) {
                (void) manager_store_failed(m, r);
                return 0;
        }

        if (m->health)
                log_notice("The database can be written again.");
        manager_set_health(m, NULL);
        manager_for_each_active(m, job_on_store_back);
        queue_kick(m);
        return 0;
}

static void manager_arm_progress(Manager *m)
{
        /* At once where the last turn was long enough ago. */
        (void) sd_event_source_set_time(m->progress_timer, m->progress_turn_usec + PROGRESS_TURN_USEC);
        (void) sd_event_source_set_enabled(m->progress_timer, SD_EVENT_ONESHOT);
}

static uint64_t *manager_progress_part(Manager *m, const Stage *s)
{
        return m->progress_stored_usec +
               s->record.job / PROGRESS_NEIGHBOURS % ELEMENTSOF(m->progress_stored_usec);
}

/* The part that waits the longest, as the time when it was last stored; NULL: none has anything to store by now. */
static uint64_t *manager_progress_due(Manager *m, uint64_t now)
{
        uint64_t *due = NULL;
        Stage *s;

        DL_FOREACH2(m->progressed, s, progress_next)
        {
                uint64_t *part = manager_progress_part(m, s);

                if (s->progress_unstored && now >= *part + PROGRESS_USEC && (!due || *part < *due))
                        due = part;
        }

        return due;
}

static void manager_store_progress(Manager *m, uint64_t now)
{
        uint64_t *due = manager_progress_due(m, now);
        _cleanup_free_ const StageRecord **records = NULL;
        _cleanup_free_ const JobRecord **jobs = NULL;
        _cleanup_free_ Stage **stages = NULL;
        size_t n = 0, n_jobs = 0, count;
        Stage *s;
        int r;

        if (!due)
                return;

        DL_COUNT2(m->progressed, s, count, progress_next);
        count++; /* never none at all */
        records = new (const StageRecord *, count);
        jobs = new (const JobRecord *, count);
        stages = new (Stage *, count);
        if (!records || !jobs || !stages)
                return;

        DL_FOREACH2(m->progressed, s, progress_next)
        {
                if (!s->progress_unstored || manager_progress_part(m, s) != due)
                        continue;
                s->progress_unstored = false;
                records[n] = &s->record;
                stages[n++] = s;
                /* At most one stage of a job runs at a time. */
                if (s->job->percent_unstored) {
                        s->job->percent_unstored = false;
                        jobs[n_jobs++] = &s->job->record;
                }
        }

        *due = now;
        r = store_progress(m->store, records, n, jobs, n_jobs);
        if (r < 0)
                (void) manager_store_failed(m, r);

        manager_emit_progress(m, stages, n);
}

/* Their own signals, to those that listen to some. */
static void manager_tell_progress(Manager *m, uint64_t now)
{
        Stage *s, *next;
        size_t n = 0;

        DL_FOREACH_SAFE2(m->progressed, s, next, progress_next)
        {
                Job *j = s->job;

                if (s->progress_unstored || now < s->progress_usec + PROGRESS_USEC)
                        continue;
                if (++n > PROGRESS_TOLD_MAX)
                        break;

                manager_progress_forget(m, s);
                s->progress_usec = now;
                stage_emit_changed(s, (const char *const[]){ "Percent", "PhasePercent", "BytesPerSecond",
                                                             "BadBlocks", "TemperatureMDegC", NULL });
                if (j->drive && stage_is_self_test(s))
                        self_tests_on_progress(j->drive);
                if (j->percent_untold) {
                        j->percent_untold = false;
                        job_emit_changed(j, (const char *const[]){ "Percent", NULL });
                }
        }
}

static int manager_on_progress(sd_event_source *s, uint64_t usec, void *userdata)
{
        uint64_t now = now_usec(CLOCK_BOOTTIME);
        Manager *m = userdata;

        m->progress_turn_usec = now;
        manager_store_progress(m, now);
        manager_tell_progress(m, now);

        if (m->progressed)
                manager_arm_progress(m);
        return 0;
}

void manager_progress_changed(Manager *m, Stage *s)
{
        int enabled;

        s->progress_unstored = true;
        if (!s->progress_prev)
                DL_APPEND2(m->progressed, s, progress_prev, progress_next);
        if (sd_event_source_get_enabled(m->progress_timer, &enabled) >= 0 && enabled == SD_EVENT_OFF)
                manager_arm_progress(m);
}

void manager_progress_forget(Manager *m, Stage *s)
{
        if (!s->progress_prev)
                return;

        DL_DELETE2(m->progressed, s, progress_prev, progress_next);
        s->progress_prev = s->progress_next = NULL;
}

static int manager_on_host_record(HostRecord *record, void *userdata)
{
        Host *h;

        return host_new(userdata, record, &h);
}

static int manager_on_drive_record(DriveRecord *record, void *userdata)
{
        Drive *d;
        int r;

        r = drive_new(userdata, record, &d);
        if (r >= 0)
                d->announced = true;
        return r;
}

static int manager_on_remnant_record(RemnantRecord *record, void *userdata)
{
        Drive *d = drive_find(userdata, record->drive);

        if (d)
                d->remnant = TAKE_PTR(record->run);
        return 0;
}

static int manager_open_store(Manager *m)
{
        int r, upgraded_from;

        m->lock_fd = directory_lock(PATH_STATE);
        if (m->lock_fd < 0)
                return log_error_errno(m->lock_fd, "Failed to lock " PATH_STATE
                                                   ", so a backup may be being restored there: %m");
        r = store_open(PATH_DATABASE, &m->store, &upgraded_from);
        if (r == -ENOTSUP)
                return log_error_errno(r, PATH_DATABASE
                                       " was written by a newer burnind. Install that version again.");
        if (r < 0)
                return log_error_errno(r, "Failed to open " PATH_DATABASE ": %m");
        if (upgraded_from > 0)
                log_full_errno(LOG_NOTICE, 0,
                               ((LogField[]){ { LOG_FIELD_MESSAGE_ID, MESSAGE_STORE_UPGRADED }, {} }),
                               "The database was upgraded from schema %i; " PATH_DATABASE
                               ".schema-%i.backup has it as it was.",
                               upgraded_from, upgraded_from);

        r = configuration_load_runtime(m);
        if (r >= 0)
                r = nightly_load(m->nightly);
        if (r >= 0)
                r = store_host_list(m->store, manager_on_host_record, m);
        if (r >= 0)
                r = store_drive_list(m->store, manager_on_drive_record, m);
        if (r >= 0)
                r = store_remnant_list(m->store, manager_on_remnant_record, m);
        if (r >= 0)
                r = job_load_active(m);
        if (r < 0)
                return log_error_errno(r, "Failed to read " PATH_DATABASE ": %m");

        return 0;
}

/* /var/lib/burnin/jobs is walked by the workers, not written by them; the directories of the jobs in it are theirs. */
static int manager_make_directories(const Manager *m)
{
        static const char *const paths[] = { PATH_STATE, PATH_JOBS, PATH_RUNTIME };

        for (size_t i = 0; i < ELEMENTSOF(paths); i++) {
                if (mkdir(paths[i], 0750) < 0 && errno != EEXIST)
                        return log_error_errno(errno, "Failed to make %s: %m", paths[i]);
                if (chown(paths[i], (uid_t) -1, m->worker_gid) < 0 || chmod(paths[i], 0750) < 0)
                        return log_error_errno(errno, "Failed to give %s to the group of the workers: %m",
                                               paths[i]);
        }

        return 0;
}

int manager_start(Manager *m)
{
        int r;

        r = manager_make_directories(m);
        if (r < 0)
                return r;
        r = sd_bus_open_system(&m->bus);
        if (r < 0)
                return log_error_errno(r, "Failed to connect to the system bus: %m");
        r = sd_bus_attach_event(m->bus, m->event, SD_EVENT_PRIORITY_NORMAL);
        if (r < 0)
                return log_error_errno(r, "Failed to attach the bus to the event loop: %m");
        r = manager_open_store(m);
        if (r < 0)
                return r;
        r = events_start(m);
        if (r >= 0)
                r = notifiers_start(m);
        if (r >= 0)
                r = outbox_new(m, PATH_NOTIFY_SOCKET);
        if (r >= 0)
                r = daily_timer_new(m);
        if (r < 0)
                return log_error_errno(r, "Failed to prepare the events: %m");
        r = scope_tracker_new(m, &m->scopes);
        if (r < 0)
                return log_error_errno(r, "Failed to follow systemd's jobs: %m");
        r = manager_bus_register(m);
        if (r < 0)
                return log_error_errno(r, "Failed to register the bus objects: %m");
        r = poll_new(m, POLL_SSH, &m->poll);
        if (r < 0)
                return log_error_errno(r, "Failed to listen on " PATH_POLL_SOCKET ": %m");
        r = poll_new(m, POLL_TRUENAS, &m->truenas);
        if (r < 0)
                return log_error_errno(r, "Failed to listen on " PATH_TRUENAS_SOCKET ": %m");
        r = sd_bus_request_name(m->bus, BUS_NAME, 0);
        if (r < 0)
                return log_error_errno(r, "Failed to get the bus name " BUS_NAME ": %m");

        account_make_initial(m);
        manager_for_each_active(m, job_resume);
        queue_kick(m);
        return 0;
}
