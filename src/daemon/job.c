/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <stdio.h>
#include <sys/stat.h>
#include <utlist.h>

#include "basic/string-util.h"
#include "basic/time-util.h"
#include "daemon/event.h"
#include "daemon/host.h"
#include "daemon/poll.h"
#include "daemon/queue.h"
#include "daemon/scope.h"
#include "daemon/stage.h"
#include "shared/names.h"

/* Of a job: of days of work nobody sees less, and every change is a write and a signal. */
#define PERCENT_STEP 0.1
/* New drives are read a few in a cycle, so it can take several until one that has moved is found again. */
#define CONTENT_ASKS_MAX 64U

bool job_is_self_test(const Job *j)
{
        return streq_ptr(j->record.kind, JOB_KIND_SELF_TEST);
}

Plan job_plan(const Job *j)
{
        Plan p = { .kind = j->record.kind, .profile = j->record.profile };

        for (size_t i = 0; i < MIN(j->n_stages, ELEMENTSOF(p.stages)); i++)
                p.stages[p.n++] = j->stages[i]->record.kind;

        return p;
}

bool job_is_destructive(const Job *j)
{
        Plan plan = job_plan(j);

        return plan_is_destructive(&plan);
}

const char *job_id_string(const Job *j, char buf[static 24])
{
        (void) snprintf(buf, 24, "%" PRIu64, j->record.id);
        return buf;
}

const char *job_unit(const Job *j, char buf[static JOB_UNIT_MAX])
{
        (void) snprintf(buf, JOB_UNIT_MAX, "burnin-job%" PRIu64 ".slice", j->record.id);
        return buf;
}

static void job_count(Job *j, JobState state, int by)
{
        Manager *m = j->manager;

        if (state == JOB_QUEUED || (state == JOB_PAUSED && !job_has_started(j)))
                m->n_queued = (uint32_t) ((int) m->n_queued + by);
        else if (state != JOB_DONE) {
                m->n_running = (uint32_t) ((int) m->n_running + by);
                if (!job_is_self_test(j))
                        m->n_burn_ins = (uint32_t) ((int) m->n_burn_ins + by);
        }
}

static void job_link(Job *j, Manager *m)
{
        HASH_ADD(hh, m->jobs, record.id, sizeof(j->record.id), j);
        j->manager = m;
        job_count(j, j->record.state, 1);
}

Job *job_free(Job *j)
{
        if (!j)
                return NULL;

        if (j->drive && j->drive->job == j)
                j->drive->job = NULL;
        if (j->manager) {
                if (j->prev)
                        DL_DELETE(j->manager->archive, j);
                job_count(j, j->record.state, -1);
                HASH_DEL(j->manager->jobs, j);
        }
        for (size_t i = 0; i < j->n_stages; i++)
                stage_free(j->stages[i]);
        free(j->stages);
        job_record_done(&j->record);
        drive_identity_done(&j->identity);
        grant_record_done(&j->grant);
        free(j->waiting);
        free(j->heat);
        free(j);
        return NULL;
}

int job_take_stage(Job *j, Stage **stage)
{
        Stage **stages;

        stages = reallocarray(j->stages, j->n_stages + 1, sizeof(Stage *));
        if (!stages)
                return -ENOMEM;

        j->stages = stages;
        stages[j->n_stages++] = TAKE_PTR(*stage);
        return 0;
}

static int job_add_stage(Job *j, StageRecord *record)
{
        _cleanup_(stage_freep) Stage *s = NULL;
        int r;

        r = stage_new(j, record, &s);
        return r < 0 ? r : job_take_stage(j, &s);
}

static int job_add_planned_stages(Job *j, const Plan *plan)
{
        for (size_t i = 0; i < plan->n; i++) {
                StageRecord record = {
                        .job = j->record.id,
                        .index = (uint32_t) i,
                        .kind = plan->stages[i],
                        .temperature_mdegc = MDEGC_UNKNOWN,
                };
                int r;

                r = store_stage_put(j->manager->store, &record);
                if (r >= 0)
                        r = job_add_stage(j, &record);
                if (r < 0)
                        return r;
        }

        return 0;
}

static int job_fill_record(Job *j, const Drive *d, const JobOptions *options, const Actor *actor)
{
        _cleanup_json_ struct json_object *identity = drive_identity_to_json(&d->record.identity);
        JobRecord *r = &j->record;

        if (!identity)
                return -ENOMEM;

        r->created_usec = now_usec(CLOCK_REALTIME);
        r->priority = options->priority;
        r->not_before_usec = options->not_before_usec;
        if (free_and_strdup(&r->kind, options->plan.kind) < 0 ||
            free_and_strdup(&r->profile, options->plan.profile) < 0 ||
            free_and_strdup(&r->drive, d->record.id) < 0 || free_and_strdup(&r->host, d->record.host) < 0 ||
            free_and_strdup(&r->kname, d->record.kname) < 0 ||
            free_and_strdup(&r->serial, d->record.identity.serial) < 0 ||
            free_and_strdup(&r->model, d->record.identity.model) < 0 ||
            free_and_strdup(&r->operator, actor->name) < 0 || free_and_strdup(&r->note, options->note) < 0 ||
            free_and_strdup(&r->request, options->request) < 0 ||
            free_and_strdup(&r->calendar, options->calendar) < 0 ||
            free_and_strdup(&r->identity, json_object_to_json_string_ext(identity, JSON_C_TO_STRING_PLAIN)) <
                            0)
                return -ENOMEM;

        return drive_identity_copy(&d->record.identity, &j->identity);
}

static int job_take_grant(Job *j, const GrantRecord *grant)
{
        GrantRecord copy = *grant;
        int r;

        copy.job = j->record.id;
        r = store_grant_put(j->manager->store, &copy);
        if (r < 0)
                return r;

        /* Read back: what the job goes by is what the store has. */
        r = store_grant_get(j->manager->store, j->record.id, &j->grant);
        return r < 0 ? r : r == 0 ? -EIO : 0;
}

static char *job_word_event(const Job *j, EventKind kind)
{
        const char *reason = strempty(j->record.reason);
        _cleanup_free_ char *how = NULL;

        if (kind == EVENT_JOB_QUEUED)
                how = strf("was queued by %s.", strempty(j->record.operator));
        else if (kind == EVENT_JOB_STARTED)
                how = strdup("has started.");
        else if (kind == EVENT_JOB_PAUSED)
                how = strf("was paused by %s%s%s", strempty(j->record.paused_by),
                           isempty(j->record.paused_reason) ? "." : ": ", strempty(j->record.paused_reason));
        else if (kind == EVENT_JOB_RESUMED)
                how = strdup("was resumed.");
        else
                how = strf("has ended: %s%s%s", verdict_to_string(j->record.verdict),
                           isempty(reason) ? "." : ": ", reason);
        if (!how)
                return NULL;

        return strf("Job %" PRIu64 " (%s) for drive %s (%s) on %s %s", j->record.id,
                    job_is_self_test(j) ? JOB_KIND_SELF_TEST : strempty(j->record.profile),
                    strempty(j->record.serial), strempty(j->record.model), strempty(j->record.host), how);
}

/* With what is told of it, as one. kind negative: nothing. */
static int job_store(Manager *m, Job *j, EventKind kind)
{
        _cleanup_free_ char *text = kind >= 0 ? job_word_event(j, kind) : NULL;
        bool own;
        int r;

        if (kind >= 0 && !text)
                return -ENOMEM;
        r = store_join(m->store, &own);
        if (r < 0)
                return r;

        r = store_job_put(m->store, &j->record);
        if (r >= 0 && kind >= 0)
                r = event_add_job(m, kind, &j->record, text);

        return store_leave(m->store, own, r);
}

int job_new(Manager *m, Drive *d, const JobOptions *options, const Actor *actor, const GrantRecord *grant,
            const char *content, Job **ret)
{
        _cleanup_(job_freep) Job *j = NULL;
        int r;

        j = new0(Job, 1);
        if (!j)
                return -ENOMEM;

        r = job_fill_record(j, d, options, actor);
        if (r >= 0)
                r = free_and_strdup(&j->record.content, content);
        if (r < 0)
                return r;
        j->watched_usec = now_usec(CLOCK_BOOTTIME);
        r = job_store(m, j, EVENT_JOB_QUEUED);
        if (r < 0)
                return r;

        job_link(j, m);
        r = grant ? job_take_grant(j, grant) : 0;
        if (r < 0)
                return r;
        r = job_add_planned_stages(j, &options->plan);
        if (r < 0)
                return r;

        assert(!d->job);
        j->drive = d;
        d->job = j;
        *ret = TAKE_PTR(j);
        return 0;
}

void job_announce(Job *j)
{
        job_emit_added(j);
        manager_emit_job_new(j->manager, j);
        manager_emit_changed(j->manager, "QueuedJobs");
        drive_emit_changed(j->drive, (const char *const[]){ "ActiveJob", NULL });
        log_job(j, LOG_INFO, MESSAGE_JOB_QUEUED,
                "Job %" PRIu64 " (%s%s) for drive %s (%s on %s) was queued by %s.", j->record.id,
                job_is_self_test(j) ? "self-test, " : "", j->record.profile, strempty(j->record.serial),
                j->record.kname, j->record.host, j->record.operator);
        queue_kick(j->manager);
}

static bool job_may_become(JobState from, JobState to)
{
        static const bool table[_JOB_STATE_MAX][_JOB_STATE_MAX] = {
                [JOB_QUEUED] = { [JOB_RUNNING] = true, [JOB_PAUSED] = true, [JOB_DONE] = true },
                [JOB_RUNNING] = { [JOB_PAUSED] = true, [JOB_STOPPING] = true, [JOB_DONE] = true },
                [JOB_PAUSED] = { [JOB_QUEUED] = true,
                                 [JOB_RUNNING] = true,
                                 [JOB_STOPPING] = true,
                                 [JOB_DONE] = true },
                [JOB_STOPPING] = { [JOB_DONE] = true },
        };

        return table[from][to];
}

/* Stores the record with the new state. On failure nothing has changed. */
static int job_set_state(Job *j, JobState state)
{
        JobState before = j->record.state;
        int r;

        assert(job_may_become(before, state));

        j->record.state = state;
        r = job_store(j->manager, j, event_of_job(before, state, j->record.verdict));
        if (r < 0) {
                j->record.state = before;
                return r;
        }

        job_count(j, before, -1);
        job_count(j, state, 1);
        return 0;
}

static void job_emit_state(Job *j)
{
        job_emit_changed(j, (const char *const[]){ "State", "Verdict", "Reason", "CurrentStage", "Percent",
                                                   "StartedUSec", "FinishedUSec", "PausedBy", "PausedUSec",
                                                   NULL });
        manager_emit_changed(j->manager, "QueuedJobs");
        manager_emit_changed(j->manager, "RunningJobs");
}

void job_set_waiting(Job *j, const char *waiting)
{
        if (free_and_strdup(&j->waiting, waiting) > 0)
                job_emit_changed(j, (const char *const[]){ "Reason", NULL });
}

const char *job_reason(const Job *j)
{
        const Stage *s = job_current_stage(j);

        if (j->record.state == JOB_PAUSED || (j->record.state == JOB_QUEUED && !j->record.reason))
                return strempty(j->waiting);
        if (j->record.state == JOB_RUNNING && !j->record.reason && s)
                return strempty(s->watch.waiting);

        return strempty(j->record.reason);
}

/* /var/lib/burnin/jobs/N and /run/burnin/jobN: shared with the workers through their group, setgid so that files keep it. */
static int job_make_directory(Job *j, const char *prefix)
{
        char path[STAGE_PATH_MAX];

        (void) snprintf(path, sizeof(path), "%s%" PRIu64, prefix, j->record.id);
        if (mkdir(path, 0770) < 0 && errno != EEXIST)
                return -errno;
        if (chown(path, (uid_t) -1, j->manager->worker_gid) < 0 || chmod(path, 0770) < 0)
                return -errno;

        return 0;
}

int job_make_directories(Job *j)
{
        int r;

        r = job_make_directory(j, PATH_JOBS "/");
        if (r < 0)
                return r;

        return job_make_directory(j, PATH_RUNTIME "/job");
}

int job_start(Job *j)
{
        int r;

        r = job_make_directories(j);
        if (r < 0) {
                _cleanup_free_ char *reason =
                                strf("Its directory in " PATH_JOBS " cannot be made: %s", strerror(-r));

                return job_finish(j, VERDICT_INCONCLUSIVE, strempty(reason));
        }

        j->record.started_usec = now_usec(CLOCK_REALTIME);
        r = job_set_state(j, JOB_RUNNING);
        if (r < 0) {
                j->record.started_usec = 0;
                return manager_store_failed(j->manager, r);
        }

        job_emit_state(j);
        log_job(j, LOG_INFO, MESSAGE_JOB_STARTED, "Job %" PRIu64 " for drive %s on %s has started.",
                j->record.id, strempty(j->record.serial), j->record.host);
        poll_watch(j->manager->poll, j->record.host);
        return stage_start(j->stages[0]);
}

Stage *job_current_stage(const Job *j)
{
        for (size_t i = 0; i < j->n_stages; i++)
                if (j->stages[i]->record.state != STAGE_PENDING && j->stages[i]->record.state != STAGE_DONE)
                        return j->stages[i];

        return NULL;
}

int job_cancel(Job *j, const Actor *actor, const char *reason)
{
        _cleanup_free_ char *text = strf("Cancelled by %s%s%s", actor->name, isempty(reason) ? "." : ": ",
                                         strempty(reason));
        Stage *s = job_current_stage(j);
        int r;

        if (!text)
                return -ENOMEM;
        if (j->record.state == JOB_STOPPING)
                return 0; /* wished already */

        r = free_and_strdup(&j->record.cancelled_by, actor->name);
        if (r < 0)
                return r;
        if (!j->record.reason)
                j->record.reason = TAKE_PTR(text);
        log_job(j, LOG_NOTICE, MESSAGE_CANCELLED, "Job %" PRIu64 " for drive %s on %s: %s", j->record.id,
                strempty(j->record.serial), j->record.host, j->record.reason);

        if (!s)
                return job_finish(j, VERDICT_CANCELLED, NULL);

        r = job_set_state(j, JOB_STOPPING);
        if (r < 0)
                return manager_store_failed(j->manager, r);

        job_emit_state(j);
        return stage_cancel(s);
}

static int job_word_pause(Job *j)
{
        const char *reason = strempty(j->record.paused_reason);
        _cleanup_free_ char *text = NULL;
        int r;

        if (j->record.state == JOB_PAUSED) {
                text = strf("Paused by %s%s%s", strempty(j->record.paused_by), isempty(reason) ? "." : ": ",
                            reason);
                if (!text)
                        return -ENOMEM;
        }

        r = free_and_strdup(&j->waiting, text);
        return r < 0 ? r : 0;
}

/* Stores the state with who paused it, and why. actor NULL: nobody. On failure nothing has changed. */
static int job_set_paused(Job *j, JobState state, const Actor *actor, const char *words)
{
        uint64_t since_usec = j->record.paused_usec, pauses_usec = j->record.pauses_usec,
                 now = now_usec(CLOCK_REALTIME);
        _cleanup_free_ char *by = actor ? strdup(actor->name) : NULL;
        _cleanup_free_ char *reason = actor ? strdup(words) : NULL;
        int r;

        if (actor && (!by || !reason))
                return -ENOMEM;

        if (!actor && job_has_started(j) && now > since_usec)
                j->record.pauses_usec += now - since_usec;
        j->record.paused_usec = actor ? now : 0;
        SWAP(j->record.paused_by, by);
        SWAP(j->record.paused_reason, reason);
        r = job_set_state(j, state);
        if (r < 0) {
                j->record.pauses_usec = pauses_usec;
                j->record.paused_usec = since_usec;
                SWAP(j->record.paused_by, by);
                SWAP(j->record.paused_reason, reason);
                return manager_store_failed(j->manager, r);
        }

        j->hot_since_usec = 0;
        (void) job_word_pause(j);
        job_emit_state(j);
        return 0;
}

int job_pause(Job *j, const Actor *actor, const char *reason)
{
        Stage *s = job_current_stage(j);
        int r;

        r = job_set_paused(j, JOB_PAUSED, actor, reason);
        if (r < 0)
                return r;

        log_job(j, LOG_NOTICE, MESSAGE_JOB_PAUSED, "Job %" PRIu64 " for drive %s on %s: %s", j->record.id,
                strempty(j->record.serial), j->record.host, job_reason(j));
        if (s)
                stage_tell_pause(s, NULL);
        return 0;
}

int job_unpause(Job *j, const Actor *actor)
{
        Stage *s = job_current_stage(j);
        int r;

        r = job_set_paused(j, job_has_started(j) ? JOB_RUNNING : JOB_QUEUED, NULL, NULL);
        if (r < 0)
                return r;

        log_job(j, LOG_NOTICE, MESSAGE_JOB_RESUMED, "Job %" PRIu64 " for drive %s on %s was resumed by %s.",
                j->record.id, strempty(j->record.serial), j->record.host, actor->name);
        if (s)
                stage_tell_pause(s, actor->name);
        else
                job_resume(j);
        queue_kick(j->manager);
        return 0;
}

int job_set_priority(Job *j, int32_t priority)
{
        int32_t before = j->record.priority;
        int r;

        j->record.priority = priority;
        r = store_job_put(j->manager->store, &j->record);
        if (r < 0) {
                j->record.priority = before;
                return manager_store_failed(j->manager, r);
        }

        job_emit_changed(j, (const char *const[]){ "Priority", NULL });
        queue_kick(j->manager);
        return 0;
}

/* Why the stages that were not begun never will be. */
static char *job_word_skip(const Job *j)
{
        for (size_t i = 0; i < j->n_stages; i++) {
                const StageRecord *s = &j->stages[i]->record;

                if (s->state == STAGE_DONE && s->verdict != VERDICT_PASSED && s->verdict != VERDICT_SKIPPED)
                        return strf("Not begun, since %s has ended before: %s.",
                                    stage_kind_to_string(s->kind), verdict_to_string(s->verdict));
        }

        return strf("Not begun, since the job has ended before: %s.", verdict_to_string(j->record.verdict));
}

static int job_store_end(Job *j)
{
        _cleanup_free_ char *skipped = job_word_skip(j);
        _cleanup_(store_rollbackp) Store *transaction = NULL;
        JobState before = j->record.state;
        int r;

        if (!skipped)
                return -ENOMEM;
        r = store_begin(j->manager->store);
        if (r < 0)
                return r;
        transaction = j->manager->store;

        for (size_t i = 0; r >= 0 && i < j->n_stages; i++)
                if (j->stages[i]->record.state == STAGE_PENDING)
                        r = stage_skip(j->stages[i], skipped);
        if (r >= 0)
                r = job_set_state(j, JOB_DONE);
        if (r >= 0)
                r = store_commit(j->manager->store);
        if (r < 0) {
                if (j->record.state == JOB_DONE) {
                        j->record.state = before;
                        job_count(j, JOB_DONE, -1);
                        job_count(j, before, 1);
                }
                for (size_t i = 0; i < j->n_stages; i++)
                        stage_unskip(j->stages[i]);
                return r;
        }

        transaction = NULL;
        for (size_t i = 0; i < j->n_stages; i++)
                if (j->stages[i]->record.verdict == VERDICT_SKIPPED)
                        stage_emit_state(j->stages[i]);
        return 0;
}

bool job_has_worker(const Job *j)
{
        for (size_t i = 0; i < j->n_stages; i++)
                if (j->stages[i]->worker)
                        return true;

        return false;
}

void job_stop_slice(Job *j)
{
        char unit[JOB_UNIT_MAX];

        /* A worker cleans up on the host; its end comes here again. */
        if (j->record.state != JOB_DONE || j->record.started_usec == 0 || job_has_worker(j))
                return;

        scope_stop(j->manager->scopes, job_unit(j, unit));
}

int job_finish(Job *j, Verdict verdict, const char *reason)
{
        Manager *m = j->manager;
        Drive *d = j->drive;
        int r;

        if (reason && !j->record.reason) {
                r = free_and_strdup(&j->record.reason, reason);
                if (r < 0)
                        return r;
        }
        j->record.verdict = verdict;
        j->record.finished_usec = now_usec(CLOCK_REALTIME);
        if (verdict == VERDICT_PASSED)
                j->record.percent = 100;

        r = job_store_end(j);
        if (r < 0) {
                /* The end comes again: the worker repeats its report until it is stored. */
                j->record.verdict = VERDICT_NONE;
                j->record.finished_usec = 0;
                return manager_store_failed(m, r);
        }

        if (d) {
                d->job = NULL;
                j->drive = NULL;
                drive_emit_changed(d, (const char *const[]){ "ActiveJob", NULL });
        }
        job_emit_state(j);
        log_job(j, verdict == VERDICT_PASSED || verdict == VERDICT_CANCELLED ? LOG_NOTICE : LOG_WARNING,
                MESSAGE_JOB_FINISHED, "Job %" PRIu64 " for drive %s (%s) on %s has ended: %s%s%s",
                j->record.id, strempty(j->record.serial), strempty(j->record.model),
                strempty(j->record.host), verdict_to_string(verdict), j->record.reason ? ": " : ".",
                strempty(j->record.reason));
        manager_emit_job_removed(m, j);
        job_stop_slice(j);
        poll_watch(m->poll, j->record.host);

        DL_PREPEND(m->archive, j);
        queue_kick(m);
        return 0;
}

/* "surface_validate (speed-floor), final_check (crc-errors)": what passed, and should be looked at all the same; "" for none. */
static char *job_word_warnings(const Job *j)
{
        _cleanup_free_ char *text = strdup("");

        for (size_t i = 0; text && i < j->n_stages; i++) {
                const Stage *s = j->stages[i];
                _cleanup_free_ char *rules = stage_report_warnings(&s->report);
                char *longer;

                if (!rules)
                        return NULL;
                if (isempty(rules))
                        continue;
                longer = strf("%s%s%s (%s)", text, isempty(text) ? "" : ", ",
                              stage_kind_to_string(s->record.kind), rules);
                free(text);
                text = longer;
        }

        return TAKE_PTR(text);
}

static int job_pass(Job *j)
{
        _cleanup_free_ char *warnings = job_word_warnings(j), *reason = NULL;

        if (!warnings)
                return -ENOMEM;

        reason = strf("Each of its %zu stages passed%s%s.", j->n_stages,
                      isempty(warnings) ? "" : ", with a warning: ", warnings);
        return reason ? job_finish(j, VERDICT_PASSED, reason) : -ENOMEM;
}

void job_on_stage_done(Job *j, Stage *s)
{
        int r = 0;

        job_update_percent(j);
        if (j->record.state == JOB_STOPPING)
                r = job_finish(j, VERDICT_CANCELLED, NULL);
        else if (s->record.verdict != VERDICT_PASSED)
                r = job_finish(j, s->record.verdict, s->record.reason);
        else if (s->record.index + 1 == j->n_stages)
                r = job_pass(j);
        else if (j->record.state == JOB_PAUSED)
                job_emit_changed(j, (const char *const[]){ "CurrentStage", "Percent", NULL });
        else {
                job_emit_changed(j, (const char *const[]){ "CurrentStage", "Percent", NULL });
                manager_progress_changed(j->manager, j->stages[s->record.index + 1]);
                r = stage_start(j->stages[s->record.index + 1]);
        }
        if (r < 0)
                log_job(j, LOG_ERR, NULL, "Job %" PRIu64 " cannot go on for now: %s", j->record.id,
                        strerror(-r));
}

void job_on_content(Job *j, const char *content)
{
        int r;

        j->content_asked = false;
        if (j->record.state == JOB_DONE || job_has_started(j) || j->record.content)
                return;

        r = free_and_strdup(&j->record.content, content);
        if (r >= 0)
                r = store_job_put(j->manager->store, &j->record);
        if (r < 0) {
                (void) manager_store_failed(j->manager, r);
                (void) free_and_strdup(&j->record.content, NULL);
                return;
        }

        queue_kick(j->manager);
}

void job_on_no_content(Job *j, bool again, const char *reason)
{
        Host *h = host_find(j->manager, strempty(j->record.host));

        j->content_asked = false;
        if (j->record.state == JOB_DONE || job_has_started(j) || j->record.content)
                return;
        if (!again || !h || ++j->content_asks >= CONTENT_ASKS_MAX) {
                (void) job_finish(j, VERDICT_INCONCLUSIVE, reason);
                return;
        }

        j->content_reading = h->last_seen_usec;
        (void) poll_refresh(h);
        queue_kick(j->manager);
}

void job_update_percent(Job *j)
{
        double sum = 0, done = 0, percent;

        for (size_t i = 0; i < j->n_stages; i++) {
                double weight = stage_weight(j->stages[i]);

                sum += weight;
                done += weight * j->stages[i]->record.percent;
        }

        percent = sum > 0 ? MIN(done / sum, 99.9) : 0;
        if (j->record.state != JOB_DONE && percent >= j->record.percent + PERCENT_STEP) {
                j->record.percent = percent;
                j->percent_unstored = j->percent_untold = true;
        }
}

uint64_t job_eta_usec(const Job *j)
{
        const Stage *s = job_current_stage(j);
        double behind = 0;
        uint64_t now = now_usec(CLOCK_REALTIME);

        if (!s || s->record.eta_usec <= now || stage_weight(s) <= 0)
                return 0;

        /* What comes after this stage, at the rate this stage is expected to need. */
        for (size_t i = s->record.index + 1; i < j->n_stages; i++)
                behind += stage_weight(j->stages[i]);

        return s->record.eta_usec + (uint64_t) (behind * USEC_PER_SEC);
}

static int job_on_stage_record(StageRecord *record, void *userdata)
{
        return job_add_stage(userdata, record);
}

Job *job_from_record(JobRecord *record)
{
        Job *j = new0(Job, 1);

        if (!j)
                return NULL;

        j->record = *record;
        *record = (JobRecord){};
        return j;
}

int job_load(Manager *m, JobRecord *record, Job **ret)
{
        _cleanup_json_ struct json_object *identity = NULL;
        _cleanup_(job_freep) Job *j = job_from_record(record);
        int r;

        if (!j)
                return -ENOMEM;

        r = json_parse(strempty(j->record.identity), strlen(strempty(j->record.identity)), &identity);
        if (r >= 0)
                r = drive_identity_from_json(identity, &j->identity);
        if (r < 0)
                return r;

        job_link(j, m);
        j->watched_usec = now_usec(CLOCK_BOOTTIME);
        r = store_grant_get(m->store, j->record.id, &j->grant);
        if (r < 0)
                return r;
        r = job_word_pause(j);
        if (r < 0)
                return r;
        r = store_stage_list(m->store, j->record.id, job_on_stage_record, j);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(j);
        return 0;
}

void job_resume(Job *j)
{
        Stage *s = job_current_stage(j);

        if (!j->drive) {
                (void) job_finish(j, VERDICT_INCONCLUSIVE, "Its drive is no longer known here.");
                return;
        }
        if (s) {
                stage_resume(s);
                return;
        }
        if (j->record.state == JOB_QUEUED || j->record.state == JOB_PAUSED)
                return; /* its turn comes, or somebody resumes it */

        /* Between two stages, or before the first: the next one was not stored as started. */
        for (size_t i = 0; i < j->n_stages; i++)
                if (j->stages[i]->record.state == STAGE_PENDING) {
                        if (j->record.state == JOB_STOPPING)
                                (void) job_finish(j, VERDICT_CANCELLED, NULL);
                        else if (i > 0 && j->stages[i - 1]->record.verdict != VERDICT_PASSED)
                                (void) job_finish(j, j->stages[i - 1]->record.verdict,
                                                  j->stages[i - 1]->record.reason);
                        else
                                (void) stage_start(j->stages[i]);
                        return;
                }

        job_on_stage_done(j, j->stages[j->n_stages - 1]);
}

void job_on_store_back(Job *j)
{
        bool busy = false;

        for (size_t i = 0; i < j->n_stages; i++)
                busy |= stage_on_store_back(j->stages[i]);

        /* What could not be written has left it where a burnind that ended there would have. */
        if (!busy && j->record.state != JOB_DONE)
                job_resume(j);
}
