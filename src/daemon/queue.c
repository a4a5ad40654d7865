/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "basic/string-util.h"
#include "daemon/host.h"
#include "daemon/job.h"
#include "daemon/poll.h"
#include "daemon/queue.h"
#include "daemon/safety.h"
#include "shared/worker-proto.h"

static int job_compare_turn(const void *a, const void *b)
{
        const Job *x = *(Job *const *) a, *y = *(Job *const *) b;

        if (x->record.priority != y->record.priority)
                return x->record.priority > y->record.priority ? -1 : 1;

        return x->record.id < y->record.id ? -1 : x->record.id > y->record.id;
}

static uint32_t host_count_running(Manager *m, const char *host)
{
        uint32_t n = 0;
        Job *j, *next;

        HASH_ITER(hh, m->jobs, j, next)
                if ((j->record.state == JOB_RUNNING || j->record.state == JOB_STOPPING) &&
                    streq_ptr(j->record.host, host))
                        n++;

        return n;
}

/* False: it has ended, with the reason. */
static bool queue_judge(Job *j)
{
        _cleanup_free_ char *text = NULL;
        const char *error;
        int r;

        r = safety_check(j->drive, j, &error, &text);
        if (r == SAFETY_REFUSED) {
                safety_log_refusal(j->drive, text);
                (void) job_finish(j, VERDICT_INCONCLUSIVE, text);
        }

        return r == SAFETY_OK;
}

/* Under the name that the drive has by the last reading of its host. */
static void queue_ask_content(Job *j, Host *h)
{
        job_set_waiting(j, "Waits for the fingerprint of what is on the drive.");
        if (j->content_asked || j->content_reading == h->last_seen_usec ||
            h->n_asked >= POLL_FINGERPRINTS_MAX || !queue_judge(j))
                return;

        j->content_asked = poll_ask_content(j->manager->poll, j) >= 0;
        h->n_asked += j->content_asked;
}

/* A job that may never start ends here, with the reason. */
static void queue_try(Manager *m, Job *j)
{
        Host *h = j->record.host ? host_find(m, j->record.host) : NULL;
        _cleanup_free_ char *text = NULL;
        const char *error;

        if (!h) {
                (void) job_finish(j, VERDICT_INCONCLUSIVE, "Its host was removed before its turn came.");
                return;
        }
        if (!isempty(host_unfit_reason(h, &error))) {
                text = strf("Waits for host %s: %s", h->record.name, host_unfit_reason(h, &error));
                job_set_waiting(j, strempty(text));
                return;
        }
        if (!j->record.content) {
                queue_ask_content(j, h);
                return;
        }
        if (m->n_running >= m->settings.max_parallel_burnins) {
                job_set_waiting(j, "Waits for a free place: max_parallel_burnins jobs are running.");
                return;
        }
        if (m->settings.max_per_host > 0 &&
            host_count_running(m, j->record.host) >= m->settings.max_per_host) {
                job_set_waiting(j,
                                "Waits for a free place on its host: max_per_host jobs are running there.");
                return;
        }

        if (queue_judge(j))
                (void) job_start(j);
}

static void queue_count_asked(Manager *m)
{
        Host *h, *next_host;
        Job *j, *next;

        HASH_ITER(hh, m->hosts, h, next_host)
                h->n_asked = 0;
        HASH_ITER(hh, m->jobs, j, next)
                if (j->content_asked) {
                        h = host_find(m, strempty(j->record.host));
                        if (h)
                                h->n_asked++;
                }
}

static int queue_on_defer(sd_event_source *s, void *userdata)
{
        Manager *m = userdata;
        _cleanup_free_ Job **queued = NULL;
        size_t n = 0;
        Job *j, *next;

        queued = new (Job *, HASH_COUNT(m->jobs) + 1);
        if (!queued)
                return 0;

        HASH_ITER(hh, m->jobs, j, next)
                if (j->record.state == JOB_QUEUED)
                        queued[n++] = j;
        qsort(queued, n, sizeof(Job *), job_compare_turn);

        queue_count_asked(m);
        for (size_t i = 0; i < n; i++)
                queue_try(m, queued[i]);

        return 0;
}

int queue_new(Manager *m)
{
        int r;

        r = sd_event_add_defer(m->event, &m->queue_source, queue_on_defer, m);
        if (r < 0)
                return r;

        return sd_event_source_set_enabled(m->queue_source, SD_EVENT_OFF);
}

void queue_kick(Manager *m)
{
        if (m->queue_source)
                (void) sd_event_source_set_enabled(m->queue_source, SD_EVENT_ONESHOT);
}
