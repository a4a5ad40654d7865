/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "basic/string-util.h"
#include "basic/time-util.h"
#include "daemon/host.h"
#include "daemon/job-archive.h"
#include "daemon/job.h"
#include "daemon/poll.h"
#include "daemon/queue.h"
#include "daemon/safety.h"
#include "shared/names.h"
#include "shared/worker-proto.h"

/* One pass over the queue, and when the next one is due by the clock. */
typedef struct Pass {
        Manager *manager;
        uint64_t heat_usec;     /* CLOCK_BOOTTIME */
        uint64_t schedule_usec; /* CLOCK_REALTIME */
} Pass;

static int job_compare_turn(const void *a, const void *b)
{
        const Job *x = *(Job *const *) a, *y = *(Job *const *) b;

        if (x->record.priority != y->record.priority)
                return x->record.priority > y->record.priority ? -1 : 1;

        return x->record.id < y->record.id ? -1 : x->record.id > y->record.id;
}

/* One of the places that max_per_host gives. */
static bool job_has_place(const Job *j)
{
        return !job_is_self_test(j) && j->record.state != JOB_DONE && job_has_started(j);
}

/* False: it has ended, with the reason. */
static bool queue_judge(Job *j)
{
        _cleanup_free_ char *text = NULL;
        const char *error;
        int r;

        if (job_is_self_test(j))
                r = safety_check_drive(j->drive, j, &error, &text);
        else if (!job_is_destructive(j))
                r = safety_check_reading(j->drive, j, &error, &text);
        else
                r = safety_check(j->drive, j, j->grant.lock.role == LOCK_NONE ? NULL : &j->grant,
                                 &j->identity, j->watched_usec, &error, &text);
        if (r == SAFETY_REFUSED) {
                safety_log_refusal(j->drive, text);
                (void) job_finish(j, VERDICT_INCONCLUSIVE, text);
        }

        return r == SAFETY_OK;
}

static bool queue_has_place(Manager *m, Job *j, const Host *h)
{
        if (m->n_burn_ins >= m->settings.max_parallel_burnins) {
                job_set_waiting(j, "Waits for a free place: max_parallel_burnins jobs are running.");
                return false;
        }
        if (m->settings.max_per_host > 0 && h->n_burn_ins >= m->settings.max_per_host) {
                job_set_waiting(j,
                                "Waits for a free place on its host: max_per_host jobs are running there.");
                return false;
        }

        return true;
}

/* Under the name that the drive has by the last reading of its host. */
static void queue_ask_content(Job *j, Host *h)
{
        if (j->record.state == JOB_QUEUED)
                job_set_waiting(j, "Waits for the fingerprint of what is on the drive.");
        if (j->content_asked || j->content_reading == h->last_seen_usec ||
            h->n_asked >= POLL_QUESTIONS_MAX || !queue_judge(j))
                return;

        j->content_asked = poll_ask_content(j->manager->poll, j->record.id, j->record.host,
                                            j->drive->record.kname, &j->identity) >= 0;
        h->n_asked += j->content_asked;
}

/* The warmest under burn-in on this host that is too warm; NULL: none is. */
static const Drive *host_find_hot(const Host *h, int32_t *ret_warn_mdegc)
{
        const Drive *hot = NULL;
        Drive *d, *next;
        int32_t warn;

        HASH_ITER(hh_kname, h->drives_by_kname, d, next)
                if (d->job && !job_is_self_test(d->job) && job_has_started(d->job) &&
                    drive_is_hot(d, &warn) && (!hot || d->temperature_mdegc > hot->temperature_mdegc)) {
                        hot = d;
                        *ret_warn_mdegc = warn;
                }

        return hot;
}

/* Its time has come as soon as the clock shows it, however it got there; a time that passed while nobody ran has come, too. */
static bool queue_is_early(Pass *p, Job *j)
{
        _cleanup_free_ char *text = NULL;
        char time[TIMESTAMP_MAX];

        if (j->record.not_before_usec <= now_usec(CLOCK_REALTIME))
                return false;

        text = strf("Waits until %s.", format_timestamp(time, j->record.not_before_usec));
        job_set_waiting(j, strempty(text));
        p->schedule_usec = MIN(p->schedule_usec, j->record.not_before_usec);
        return true;
}

static void queue_start_in_heat(Job *j, const Drive *hot, int32_t warn_mdegc, uint64_t waited_usec)
{
        char span[TIMESPAN_MAX];

        free(j->heat);
        j->heat = strf("drive %s (%s) has %i °C, warm is %i °C, after waiting for %s" EVIDENCE_WARNING,
                       strempty(hot->record.identity.serial), strempty(hot->record.kname),
                       hot->temperature_mdegc / 1000, warn_mdegc / 1000, format_timespan(span, waited_usec));
        log_job(j, LOG_WARNING, MESSAGE_STARTED_IN_HEAT,
                "Job %" PRIu64 " for drive %s on %s starts though its host is warm: %s.", j->record.id,
                strempty(j->record.serial), strempty(j->record.host), strempty(j->heat));
}

/* False: it may start, with a warning if need be. */
static bool queue_is_hot(Pass *p, Job *j, const Host *h)
{
        uint64_t now = now_usec(CLOCK_BOOTTIME),
                 wait_usec = p->manager->settings.thermal_wait_seconds * USEC_PER_SEC;
        _cleanup_free_ char *text = NULL;
        const Drive *hot;
        int32_t warn = 0;

        hot = host_find_hot(h, &warn);
        if (!hot) {
                j->hot_since_usec = 0;
                return false;
        }
        if (j->hot_since_usec == 0)
                j->hot_since_usec = now;
        if (now - j->hot_since_usec >= wait_usec) {
                queue_start_in_heat(j, hot, warn, now - j->hot_since_usec);
                return false;
        }

        text = strf("Waits for drive %s on its host to cool down: it has %i °C, warm is %i °C.",
                    strempty(hot->record.identity.serial), hot->temperature_mdegc / 1000, warn / 1000);
        job_set_waiting(j, strempty(text));
        p->heat_usec = MIN(p->heat_usec, j->hot_since_usec + wait_usec);
        return true;
}

/* A job that may never start ends here, with the reason. */
static void queue_try(Pass *p, Job *j)
{
        Manager *m = p->manager;
        Host *h = j->record.host ? host_find(m, j->record.host) : NULL;
        _cleanup_free_ char *text = NULL;
        const char *error;

        if (!h) {
                (void) job_finish(j, VERDICT_INCONCLUSIVE, "Its host was removed before its turn came.");
                return;
        }
        if (!isempty(host_unfit_reason(h, &error))) {
                if (j->record.state == JOB_PAUSED)
                        return;
                text = strf("Waits for host %s: %s", h->record.name, host_unfit_reason(h, &error));
                job_set_waiting(j, strempty(text));
                return;
        }
        if (j->drive->record.lock.activity != STORAGE_IDLE && j->record.state != JOB_PAUSED) {
                text = strf("Waits for the end of the %s of %s.",
                            storage_activity_to_string(j->drive->record.lock.activity),
                            strempty(j->drive->record.lock.activity_of));
                job_set_waiting(j, strempty(text));
                return;
        }
        if (job_is_destructive(j) && !j->record.content && !j->grant.lock.used) {
                queue_ask_content(j, h);
                return;
        }
        if (j->record.state == JOB_PAUSED || queue_is_early(p, j))
                return;
        /* What caps and heat hold back is burn-ins: a self-test on its own is a read of the drive by itself. */
        if (job_is_self_test(j) ? queue_judge(j)
                                : queue_has_place(m, j, h) && queue_judge(j) && !queue_is_hot(p, j, h)) {
                (void) job_start(j);
                h->n_burn_ins += job_has_place(j);
        }
}

/* Once for a pass: counted anew for each queued job, a pass would take as long as all of them times all that run. */
static void queue_count(Manager *m)
{
        Host *h, *next_host;
        Job *j, *next;

        HASH_ITER(hh, m->hosts, h, next_host)
                h->n_asked = h->n_burn_ins = 0;
        HASH_ITER(hh, m->jobs, j, next)
                if (j->content_asked || job_has_place(j)) {
                        h = host_find(m, strempty(j->record.host));
                        if (!h)
                                continue;
                        h->n_asked += j->content_asked;
                        h->n_burn_ins += job_has_place(j);
                }
}

static int queue_on_timer(sd_event_source *s, uint64_t usec, void *userdata)
{
        queue_kick(userdata);
        return 0;
}

static void timer_arm(sd_event_source *timer, uint64_t usec)
{
        (void) sd_event_source_set_time(timer, usec);
        (void) sd_event_source_set_enabled(timer, usec < USEC_INFINITY ? SD_EVENT_ONESHOT : SD_EVENT_OFF);
}

static int queue_on_defer(sd_event_source *s, void *userdata)
{
        Manager *m = userdata;
        Pass p = { .manager = m, .heat_usec = USEC_INFINITY, .schedule_usec = USEC_INFINITY };
        _cleanup_free_ Job **queued = NULL;
        size_t n = 0;
        Job *j, *next;

        job_trim_archive(m); /* here nobody has one in hands */
        queued = new (Job *, HASH_COUNT(m->jobs) + 1);
        if (!queued)
                return 0;

        HASH_ITER(hh, m->jobs, j, next)
                if (j->record.state != JOB_DONE && !job_has_started(j))
                        queued[n++] = j;
        qsort(queued, n, sizeof(Job *), job_compare_turn);

        queue_count(m);
        for (size_t i = 0; i < n; i++)
                queue_try(&p, queued[i]);

        timer_arm(m->heat_timer, p.heat_usec);
        timer_arm(m->schedule_timer, p.schedule_usec);
        return 0;
}

int queue_new(Manager *m)
{
        int r;

        r = sd_event_add_defer(m->event, &m->queue_source, queue_on_defer, m);
        if (r < 0)
                return r;
        r = sd_event_add_time(m->event, &m->heat_timer, CLOCK_BOOTTIME, USEC_INFINITY, 0, queue_on_timer, m);
        if (r < 0)
                return r;
        /* An absolute time of the wall clock: when that is set, the kernel looks again whether it is over. */
        r = sd_event_add_time(m->event, &m->schedule_timer, CLOCK_REALTIME, USEC_INFINITY, 0, queue_on_timer,
                              m);
        if (r < 0)
                return r;

        return sd_event_source_set_enabled(m->queue_source, SD_EVENT_OFF);
}

void queue_kick(Manager *m)
{
        if (m->queue_source)
                (void) sd_event_source_set_enabled(m->queue_source, SD_EVENT_ONESHOT);
}
