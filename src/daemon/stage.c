/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <fcntl.h>
#include <stdio.h>
#include <systemd/sd-id128.h>
#include <unistd.h>

#include "basic/fd-util.h"
#include "basic/string-util.h"
#include "basic/strv.h"
#include "basic/time-util.h"
#include "daemon/host.h"
#include "daemon/job-files.h"
#include "daemon/scope.h"
#include "daemon/sibling.h"
#include "daemon/self-test.h"
#include "daemon/stage.h"
#include "daemon/worker.h"
#include "shared/names.h"

/* A worker that dies without a word is replaced; after this many in a row without progress nobody can say what is wrong. */
#define WORKER_DEATHS_MAX 5
#define WORKER_RETRY_USEC (2 * USEC_PER_SEC)
/* The worker itself gives up proving after 30 s and says so; this is for one that does not answer at all. */
#define STOPPING_DEADLINE_USEC (90 * USEC_PER_SEC)
#define PHASES_MAX             512U
#define REPORT_FILE_MAX        (1024U * 1024U)

static int stage_on_phase_record(PhaseRecord *r, void *userdata)
{
        Stage *s = userdata;
        PhaseRecord *phases;

        phases = reallocarray(s->phases, s->n_phases + 1, sizeof(PhaseRecord));
        if (!phases)
                return -ENOMEM;

        s->phases = phases;
        s->phases[s->n_phases++] = *r;
        *r = (PhaseRecord){};
        return 0;
}

static int stage_load_report(Stage *s)
{
        _cleanup_json_ struct json_object *o = NULL;
        int r;

        if (!s->record.report)
                return 0;

        r = json_parse(s->record.report, strlen(s->record.report), &o);
        if (r < 0)
                return r;

        return stage_report_from_json(o, &s->report);
}

Stage *stage_from_record(Job *j, StageRecord *record)
{
        Stage *s = new0(Stage, 1);

        if (!s)
                return NULL;

        s->job = j;
        s->record = *record;
        *record = (StageRecord){};
        return s;
}

int stage_new(Job *j, StageRecord *record, Stage **ret)
{
        _cleanup_(stage_freep) Stage *s = stage_from_record(j, record);
        int r;

        if (!s)
                return -ENOMEM;

        r = store_phase_list(j->manager->store, s->record.job, s->record.index, stage_on_phase_record, s);
        if (r < 0)
                return r;
        r = stage_load_report(s);
        if (r < 0)
                return r;
        stage_watch_init(s);

        *ret = TAKE_PTR(s);
        return 0;
}

static void stage_forget_phases(Stage *s)
{
        for (size_t i = 0; i < s->n_phases; i++)
                phase_record_done(&s->phases[i]);
        s->phases = (free(s->phases), NULL);
        s->n_phases = 0;
}

Stage *stage_free(Stage *s)
{
        if (!s)
                return NULL;

        worker_free(s->worker);
        manager_progress_forget(s->job->manager, s);
        stage_watch_done(s);
        sd_event_source_disable_unref(s->retry_timer);
        sd_event_source_disable_unref(s->stopping_timer);
        stage_forget_phases(s);
        stage_record_done(&s->record);
        stage_report_done(&s->report);
        free(s->contact);
        free(s);
        return NULL;
}

const char *stage_unit(const Stage *s, char buf[static STAGE_PATH_MAX])
{
        (void) snprintf(buf, STAGE_PATH_MAX, "burnin-job%" PRIu64 "-%s.scope", s->record.job,
                        stage_kind_to_string(s->record.kind));
        return buf;
}

const char *stage_socket_path(const Stage *s, char buf[static STAGE_PATH_MAX])
{
        (void) snprintf(buf, STAGE_PATH_MAX, PATH_RUNTIME "/job%" PRIu64 "/%s.sock", s->record.job,
                        stage_kind_to_string(s->record.kind));
        return buf;
}

const char *stage_log_path(const Stage *s, char buf[static STAGE_PATH_MAX])
{
        (void) snprintf(buf, STAGE_PATH_MAX, PATH_JOBS "/%" PRIu64 "/%s.log", s->record.job,
                        stage_kind_to_string(s->record.kind));
        return buf;
}

const char *stage_report_path(const Stage *s, char buf[static STAGE_PATH_MAX])
{
        (void) snprintf(buf, STAGE_PATH_MAX, PATH_JOBS "/%" PRIu64 "/%s.report.json", s->record.job,
                        stage_kind_to_string(s->record.kind));
        return buf;
}

bool stage_is_self_test(const Stage *s)
{
        return s->record.kind == STAGE_SHORT_SMART || s->record.kind == STAGE_LONG_SMART;
}

bool stage_is_erase(const Stage *s)
{
        return s->record.kind == STAGE_NVME_FORMAT || s->record.kind == STAGE_NVME_SANITIZE;
}

static int stage_store(Stage *s)
{
        return store_stage_put(s->job->manager->store, &s->record);
}

static bool stage_may_become(StageState from, StageState to)
{
        static const bool table[_STAGE_STATE_MAX][_STAGE_STATE_MAX] = {
                [STAGE_PENDING] = { [STAGE_STARTING] = true, [STAGE_DONE] = true },
                [STAGE_STARTING] = { [STAGE_STARTING] = true,
                                     [STAGE_RUNNING] = true,
                                     [STAGE_STOPPING] = true,
                                     [STAGE_DONE] = true },
                [STAGE_RUNNING] = { [STAGE_STARTING] = true, [STAGE_STOPPING] = true, [STAGE_DONE] = true },
                [STAGE_STOPPING] = { [STAGE_STOPPING] = true, [STAGE_DONE] = true },
        };

        return table[from][to];
}

/* Stores the record with the new state; on failure the state is as before. */
static int stage_set_state(Stage *s, StageState state)
{
        StageState before = s->record.state;
        int r;

        assert(stage_may_become(before, state));

        s->record.state = state;
        r = stage_store(s);
        if (r < 0)
                s->record.state = before;

        return r;
}

int stage_skip(Stage *s, const char *reason)
{
        if (free_and_strdup(&s->record.reason, reason) < 0)
                return -ENOMEM;

        s->record.verdict = VERDICT_SKIPPED;
        return stage_set_state(s, STAGE_DONE);
}

void stage_unskip(Stage *s)
{
        if (s->record.verdict != VERDICT_SKIPPED)
                return;

        s->record.reason = (free(s->record.reason), NULL);
        s->record.verdict = VERDICT_NONE;
        s->record.state = STAGE_PENDING;
}

/* Loads what a worker left. 1: there is one for the current run; 0: none. */
static int stage_read_report_file(Stage *s, StageReport *ret)
{
        _cleanup_json_ struct json_object *o = NULL;
        struct json_object *report = NULL;
        _cleanup_close_ int fd = -EBADF;
        _cleanup_free_ char *text = NULL;
        char path[STAGE_PATH_MAX];
        const char *run = NULL;
        size_t size;
        int r;

        fd = open(stage_report_path(s, path), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
        if (fd < 0)
                return errno == ENOENT ? 0 : -errno;
        r = read_fd_full(fd, REPORT_FILE_MAX, &text, &size);
        if (r < 0)
                return r;
        r = json_parse(text, size, &o);
        if (r < 0)
                return r;
        if (json_get_string(o, "run", &run) <= 0 || !streq_ptr(run, s->record.run))
                return 0;
        if (json_get(o, "report", json_type_object, &report) <= 0)
                return -EBADMSG;
        r = stage_report_from_json(report, ret);

        return r < 0 ? r : 1;
}

/* A worker that died had phases to tell that nobody heard: the one after it knows them from its files. */
static int stage_store_phases(const Stage *s, const StageReport *report)
{
        struct json_object *list = NULL;

        if (!report->details || json_get(report->details, "phases", json_type_array, &list) <= 0)
                return 0;

        for (size_t i = 0; i < MIN(json_object_array_length(list), (size_t) PHASES_MAX); i++) {
                struct json_object *o = json_object_array_get_idx(list, i);
                const char *name = NULL;
                PhaseRecord p = {};
                int r;

                if (!json_object_is_type(o, json_type_object) || json_get_u32(o, "number", &p.number) <= 0 ||
                    json_get_u64(o, "started_usec", &p.started_usec) <= 0 ||
                    json_get_string(o, "name", &name) <= 0 || p.number == 0 || strlen(name) > NAME_MAX_CHARS)
                        continue;

                p.name = (char *) name;
                r = store_phase_put(s->job->manager->store, s->record.job, s->record.index, &p);
                if (r < 0)
                        return r;
        }

        return 0;
}

static int stage_store_end(Stage *s, const StageReport *report)
{
        _cleanup_(store_rollbackp) Store *transaction = NULL;
        Manager *m = s->job->manager;
        bool remnant = false;
        int r;

        r = store_begin(m->store);
        if (r < 0)
                return r;
        transaction = m->store;

        if (report->details)
                (void) json_get_bool(report->details, "remnant", &remnant);
        if (remnant && s->job->drive) {
                r = store_remnant_put(m->store, &(RemnantRecord){ .run = s->record.run,
                                                                  .drive = s->job->record.drive,
                                                                  .host = s->job->record.host,
                                                                  .job = s->record.job,
                                                                  .since_usec = now_usec(CLOCK_REALTIME) });
                if (r < 0)
                        return r;
        }

        r = stage_store_phases(s, report);
        if (r < 0)
                return r;
        r = stage_set_state(s, STAGE_DONE);
        if (r < 0)
                return r;
        r = store_commit(m->store);
        if (r < 0) {
                s->record.state = STAGE_STARTING;
                return r;
        }
        transaction = NULL;

        if (remnant && s->job->drive)
                drive_set_remnant(s->job->drive, s->record.run);
        return 0;
}

/* On failure the stage is as it was. */
static int stage_store_report(Stage *s, StageReport *report)
{
        _cleanup_json_ struct json_object *o = NULL;
        StageState before = s->record.state;
        double percent = s->record.percent;
        int r;

        /* A stored cancel stays a cancel, whatever the run still reached. */
        if (s->job->record.state == JOB_STOPPING) {
                if ((report->verdict == VERDICT_PASSED || isempty(report->reason)) &&
                    free_and_strdup(&report->reason, job_reason(s->job)) < 0)
                        return -ENOMEM;
                report->verdict = VERDICT_CANCELLED;
        }

        o = stage_report_to_json(report);
        if (!o ||
            free_and_strdup(&s->record.report, json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN)) <
                            0 ||
            free_and_strdup(&s->record.reason, report->reason) < 0)
                return -ENOMEM;
        s->record.verdict = report->verdict;
        s->record.bad_blocks = report->n_bad_blocks;
        s->record.finished_usec = now_usec(CLOCK_REALTIME);
        s->record.bytes_per_second = 0;
        /* The last progress may be older than the end. */
        if (report->details)
                (void) json_get_u64(report->details, "work_bytes", &s->record.work_bytes);
        if (report->verdict == VERDICT_PASSED)
                s->record.percent = 100;

        r = stage_store_end(s, report);
        if (r < 0) {
                s->record.state = before;
                s->record.verdict = VERDICT_NONE;
                s->record.finished_usec = 0;
                s->record.percent = percent;
                (void) free_and_strdup(&s->record.reason, NULL);
                (void) free_and_strdup(&s->record.report, NULL);
        }

        return r;
}

/* Puts this in place of a report that can never be stored; what it said stays in its file. */
static int stage_refuse_report(const Stage *s, int error, StageReport *report)
{
        _cleanup_(stage_report_done) StageReport substitute = { .verdict = VERDICT_INCONCLUSIVE,
                                                                .ended_usec = report->ended_usec };
        char path[STAGE_PATH_MAX];
        bool remnant = false;

        if (report->details)
                (void) json_get_bool(report->details, "remnant", &remnant);
        substitute.details = json_object_new_object();
        substitute.reason = strf(
                        "The database refuses the report of this stage (%s). It is kept as %s" JOB_FILE_KEPT
                        "; look there what the stage found.",
                        strerror(-error), stage_report_path(s, path));
        if (!substitute.reason || !substitute.details ||
            json_put_bool(substitute.details, "remnant", remnant) < 0)
                return -ENOMEM;

        stage_report_done(report);
        *report = substitute;
        substitute = (StageReport){};
        return 0;
}

/* Out of the way of the next one, for the operator. */
static void stage_keep_report_aside(const Stage *s, int error)
{
        char path[STAGE_PATH_MAX], kept[STAGE_PATH_MAX + sizeof(JOB_FILE_KEPT)];

        (void) snprintf(kept, sizeof(kept), "%s" JOB_FILE_KEPT, stage_report_path(s, path));
        if (rename(path, kept) < 0)
                log_stage(s, LOG_WARNING, NULL, "%s cannot be kept as %s: %s", path, kept, strerror(errno));
        else
                log_stage(s, LOG_ERR, MESSAGE_REPORT_REFUSED,
                          "The report of stage %s of job %" PRIu64
                          " cannot be taken over (%s). It is kept as %s.",
                          stage_kind_to_string(s->record.kind), s->record.job, strerror(-error), kept);
}

/* Takes the report over. On failure the stage is as it was, and the report comes again. */
static int stage_finish(Stage *s, StageReport *report)
{
        Job *j = s->job;
        int r, refused = 0;

        r = stage_store_report(s, report);
        if (store_is_refusal(r)) {
                refused = r;
                r = stage_refuse_report(s, refused, report);
                if (r >= 0)
                        r = stage_store_report(s, report);
        }
        if (r < 0)
                return manager_store_failed(j->manager, r);
        if (refused < 0)
                stage_keep_report_aside(s, refused);

        stage_forget_phases(s);
        (void) store_phase_list(j->manager->store, s->record.job, s->record.index, stage_on_phase_record, s);
        stage_report_done(&s->report);
        s->report = *report;
        *report = (StageReport){};
        stage_watch_done(s);
        stage_watch_init(s);
        manager_progress_forget(j->manager, s);
        s->retry_timer = sd_event_source_disable_unref(s->retry_timer);
        s->stopping_timer = sd_event_source_disable_unref(s->stopping_timer);

        if (j->drive)
                self_tests_on_report(j->drive, s);
        siblings_on_stage_done(s);
        stage_emit_state(s);
        log_stage(s, s->record.verdict == VERDICT_PASSED ? LOG_INFO : LOG_NOTICE, MESSAGE_STAGE_FINISHED,
                  "Stage %s of job %" PRIu64 " has ended: %s%s%s", stage_kind_to_string(s->record.kind),
                  s->record.job, verdict_to_string(s->record.verdict), s->record.reason ? ": " : ".",
                  strempty(s->record.reason));
        return 0;
}

/* An end that no worker reported. */
static void stage_finish_here(Stage *s, const char *reason, bool remnant)
{
        _cleanup_(stage_report_done) StageReport report = { .verdict = VERDICT_INCONCLUSIVE,
                                                            .ended_usec = now_usec(CLOCK_REALTIME) };

        report.reason = strdup(reason);
        if (remnant) {
                report.details = json_object_new_object();
                if (report.details)
                        (void) json_put_bool(report.details, "remnant", true);
        }
        s->worker = worker_free(s->worker);
        if (stage_finish(s, &report) >= 0)
                job_on_stage_done(s->job, s);
}

static int stage_launch(Stage *s, bool follow, bool cancel);

static int stage_on_retry(sd_event_source *source, uint64_t usec, void *userdata)
{
        Stage *s = userdata;

        s->retry_timer = sd_event_source_disable_unref(s->retry_timer);
        (void) stage_launch(s, s->record.run_sent, s->job->record.state == JOB_STOPPING);
        return 0;
}

/* how: NULL where that was said before. */
static void stage_retry_later(Stage *s, bool replaced, const char *how)
{
        int r;

        if (how)
                log_stage(s, replaced ? LOG_NOTICE : LOG_WARNING, replaced ? NULL : MESSAGE_WORKER_DIED,
                          "The worker of stage %s of job %" PRIu64
                          " %s (%s). %s; another worker takes over.",
                          stage_kind_to_string(s->record.kind), s->record.job,
                          replaced ? "was told to stop" : "ended without a report", how,
                          s->record.run_sent ? "What it has begun on the host goes on"
                                             : "Nothing has begun yet");

        r = sd_event_add_time_relative(s->job->manager->event, &s->retry_timer, CLOCK_BOOTTIME,
                                       WORKER_RETRY_USEC, 0, stage_on_retry, s);
        if (r < 0)
                stage_finish_here(s, "No worker could be started again.", s->record.run_sent);
}

/* The next worker for the current run. */
static int stage_launch(Stage *s, bool follow, bool cancel)
{
        int r;

        s->record.attempt++;
        s->record.last_seq = 0;
        r = stage_set_state(s, cancel ? STAGE_STOPPING : STAGE_STARTING);
        if (r < 0) {
                s->record.attempt--;
                return manager_store_failed(s->job->manager, r);
        }
        stage_emit_state(s);

        r = job_make_directories(s->job);
        if (r >= 0)
                r = worker_spawn(s, follow, cancel, &s->worker);
        if (r < 0) {
                _cleanup_free_ char *reason = strf("Its worker could not be started: %s", strerror(-r));

                stage_finish_here(s, strempty(reason), s->record.run_sent);
                return r;
        }

        return 0;
}

static int run_id_new(char ret[static SD_ID128_STRING_MAX])
{
        sd_id128_t id;
        int r;

        r = sd_id128_randomize(&id);
        if (r >= 0)
                (void) sd_id128_to_string(id, ret);
        return r;
}

int stage_start(Stage *s)
{
        char run[SD_ID128_STRING_MAX];
        int r;

        r = run_id_new(run);
        if (r >= 0)
                r = free_and_strdup(&s->record.run, run);
        if (r < 0)
                return r;

        s->record.started_usec = now_usec(CLOCK_REALTIME);
        r = stage_fix_params(s);
        if (r < 0) {
                stage_finish_here(s, "What it is to do could not be put together.", false);
                return r;
        }
        r = stage_launch(s, false, false);
        if (r >= 0)
                job_emit_changed(s->job, (const char *const[]){ "CurrentStage", NULL });
        return r;
}

void stage_on_gate_open(Stage *s)
{
        bool cancel = s->record.state == STAGE_STOPPING, sent = s->record.run_sent;
        int r;

        /* From here on the run may exist on the host. */
        s->record.run_sent = true;
        r = stage_set_state(s, cancel ? STAGE_STOPPING : STAGE_RUNNING);
        if (r < 0) {
                /* The gate stays shut, so nothing has begun; it begins once that can be recorded. */
                s->record.run_sent = sent;
                s->worker = worker_free(s->worker);
                (void) manager_store_failed(s->job->manager, r);
                return;
        }
        r = worker_open_gate(s->worker);
        if (r < 0)
                log_stage(s, LOG_WARNING, NULL,
                          "The worker of stage %s of job %" PRIu64 " was gone before its gate was open.",
                          stage_kind_to_string(s->record.kind), s->record.job);
        else if (cancel)
                worker_cancel(s->worker); /* it may have been started for something else */
        else {
                stage_tell_pause(s, NULL);
                siblings_tell(s);
        }

        stage_emit_state(s);
        stage_watch_heard(s);
        log_stage(s, LOG_INFO, MESSAGE_STAGE_STARTED,
                  "Stage %s of job %" PRIu64 " runs (attempt %" PRIu32 ").",
                  stage_kind_to_string(s->record.kind), s->record.job, s->record.attempt);
}

void stage_on_start_failed(Stage *s, const char *reason)
{
        _cleanup_free_ char *text = strf("Its worker could not be started: %s.", reason);
        char unit[STAGE_PATH_MAX];

        s->worker = worker_free(s->worker);
        if (++s->deaths >= WORKER_DEATHS_MAX) {
                stage_finish_here(s, strempty(text), s->record.run_sent);
                return;
        }

        /* What may be in the way is the scope of an earlier worker: one that nobody can reach, or an empty one that systemd made of
         * a worker which had just ended. The next worker finds the run, or begins it. */
        scope_stop(s->job->manager->scopes, stage_unit(s, unit));
        stage_retry_later(s, false, reason);
}

/* False: there is no report for the current run that could be read. */
static bool stage_finish_by_file(Stage *s)
{
        _cleanup_(stage_report_done) StageReport report = {};
        int r;

        r = stage_read_report_file(s, &report);
        if (r > 0) {
                /* Not stored: the file is looked at again when it can be. */
                if (stage_finish(s, &report) >= 0)
                        job_on_stage_done(s->job, s);
        } else if (r == -EBADMSG || r == -E2BIG)
                stage_keep_report_aside(s, r);
        else if (r < 0)
                log_stage(s, LOG_WARNING, NULL,
                          "The report of stage %s of job %" PRIu64 " cannot be read: %s",
                          stage_kind_to_string(s->record.kind), s->record.job, strerror(-r));

        return r > 0;
}

void stage_on_worker_gone(Stage *s, const char *how)
{
        bool behind_gate = worker_is_behind_gate(s->worker);
        const char *replaced = s->replaced;
        /* Past its gate, and its run not begun: stage_on_rebooted() gave it to the next one, and said so. */
        bool rebooted = s->record.state == STAGE_RUNNING && !behind_gate && !s->record.run_sent;

        s->replaced = NULL;
        s->worker = worker_free(s->worker);
        if (s->record.state == STAGE_DONE) {
                job_stop_slice(s->job);
                return;
        }

        if (stage_finish_by_file(s))
                return;

        if (s->record.state == STAGE_STOPPING && behind_gate && !s->record.run_sent) {
                stage_finish_here(s, "Cancelled before it began.", false);
                return;
        }
        if (!replaced && !rebooted)
                s->deaths++;
        if (s->deaths < WORKER_DEATHS_MAX)
                stage_retry_later(s, replaced, rebooted ? NULL : replaced ?: how);
        else
                stage_finish_here(s, "Its workers ended again and again without a report.",
                                  s->record.run_sent);
}

void stage_resume(Stage *s)
{
        int r;

        if (s->record.state == STAGE_RUNNING || s->record.state == STAGE_STOPPING) {
                r = worker_adopt(s, &s->worker);
                if (r >= 0) {
                        log_stage(s, LOG_INFO, NULL,
                                  "Found the worker of stage %s of job %" PRIu64 " again.",
                                  stage_kind_to_string(s->record.kind), s->record.job);
                        if (s->record.state == STAGE_STOPPING)
                                (void) stage_cancel(s);
                        else {
                                stage_tell_pause(s, NULL);
                                siblings_tell(s);
                        }
                        stage_watch_heard(s);
                        return;
                }
        }

        if (!stage_finish_by_file(s))
                (void) stage_launch(s, s->record.run_sent, s->job->record.state == JOB_STOPPING);
}

bool stage_on_store_back(Stage *s)
{
        if (s->worker) {
                worker_reconnect(s->worker);
                stage_tell_pause(s, NULL);
        }

        return s->worker || s->retry_timer;
}

static int stage_on_stopping_deadline(sd_event_source *source, uint64_t usec, void *userdata)
{
        Stage *s = userdata;

        s->stopping_timer = sd_event_source_disable_unref(s->stopping_timer);
        stage_finish_here(s, "Its run could not be proven gone in time.", s->record.run_sent);
        return 0;
}

int stage_cancel(Stage *s)
{
        int r;

        r = stage_set_state(s, STAGE_STOPPING);
        if (r < 0)
                return manager_store_failed(s->job->manager, r);
        stage_emit_state(s);

        if (!s->stopping_timer) {
                r = sd_event_add_time_relative(s->job->manager->event, &s->stopping_timer, CLOCK_BOOTTIME,
                                               STOPPING_DEADLINE_USEC, 0, stage_on_stopping_deadline, s);
                if (r < 0)
                        return r;
        }

        if (!s->record.run_sent && s->worker && worker_is_behind_gate(s->worker))
                stage_finish_here(s, "Cancelled before it began.", false);
        else if (s->worker)
                worker_cancel(s->worker);

        /* Without a worker the retry timer brings one, which is told at its start. */
        return 0;
}

void stage_tell_pause(Stage *s, const char *resumed_by)
{
        const JobRecord *j = &s->job->record;

        if (!s->worker || s->record.kind != STAGE_SURFACE_VALIDATE)
                return;
        if (j->state == JOB_PAUSED)
                (void) worker_pause(s->worker, j->paused_by, j->paused_reason);
        else
                (void) worker_resume(s->worker, resumed_by ?: "burnind");
}

static int stage_on_progress(Stage *s, struct json_object *o)
{
        StageRecord *rec = &s->record;
        double percent = rec->percent;
        uint64_t speed = 0, eta = 0;
        int r;

        if ((r = json_get_double(o, "percent", &percent)) < 0 ||
            (r = json_get_u32(o, "phase", &rec->phase)) < 0 ||
            (r = json_get_u32(o, "phases", &rec->phases)) < 0 ||
            (r = json_get_double(o, "phase_percent", &rec->phase_percent)) < 0 ||
            (r = json_get_u64(o, "bytes_per_second", &speed)) < 0 ||
            (r = json_get_u64(o, "bad_blocks", &rec->bad_blocks)) < 0 ||
            (r = json_get_i32(o, "temperature_mdegc", &rec->temperature_mdegc)) < 0 ||
            (r = json_get_u64(o, "eta_usec", &eta)) < 0 ||
            (r = json_get_u64(o, "work_bytes", &rec->work_bytes)) < 0 ||
            (r = json_get_bool(o, "estimated", &s->estimated)) < 0)
                return r;
        if (!(percent >= 0 && percent <= 100))
                return -EBADMSG;
        r = stage_watch_progress(s, o);
        if (r < 0)
                return r;

        rec->percent = MAX(rec->percent, percent);
        rec->bytes_per_second = speed;
        rec->eta_usec = eta;
        s->deaths = 0;
        job_update_percent(s->job);
        manager_progress_changed(s->job->manager, s);
        return 0;
}

static bool stage_knows_phase(const Stage *s, uint32_t number)
{
        for (size_t i = 0; i < s->n_phases; i++)
                if (s->phases[i].number == number)
                        return true;

        return false;
}

static int stage_on_phase(Stage *s, struct json_object *o)
{
        PhaseRecord p = {};
        int r;

        if ((r = json_get_u32(o, "phase", &p.number)) < 0 ||
            (r = json_get_u32(o, "phases", &s->record.phases)) < 0 ||
            (r = json_get_u64(o, "usec", &p.started_usec)) < 0 ||
            (r = json_dup_string(o, "name", &p.name)) < 0)
                return r;
        if (p.number == 0 || !p.name || strlen(p.name) > NAME_MAX_CHARS) {
                phase_record_done(&p);
                return -EBADMSG;
        }

        s->record.phase = p.number;
        s->record.phase_percent = 0;
        s->record.bytes_per_second = 0;
        r = free_and_strdup(&s->record.phase_name, p.name);
        if (r >= 0)
                r = store_phase_put(s->job->manager->store, s->record.job, s->record.index, &p);
        if (r >= 0)
                r = stage_store(s);
        if (r >= 0 && !stage_knows_phase(s, p.number))
                r = stage_on_phase_record(&p, s);
        phase_record_done(&p);
        if (r < 0)
                return manager_store_failed(s->job->manager, r);

        stage_emit_changed(s, (const char *const[]){ "Phase", "Phases", "PhaseName", "PhasePercent",
                                                     "BytesPerSecond", "PhaseHistory", NULL });
        return 0;
}

static int stage_on_contact(Stage *s, struct json_object *o)
{
        const char *state = NULL, *reason = NULL;
        bool lost;
        int r;

        if ((r = json_get_string(o, "state", &state)) < 0 || (r = json_get_string(o, "reason", &reason)) < 0)
                return r;

        lost = streq_ptr(state, "lost");
        if (free_and_strdup(&s->contact, lost ? strempty(reason) : NULL) == 0)
                return 0;

        stage_emit_changed(s, (const char *const[]){ "Contact", NULL });
        log_stage(s, lost ? LOG_WARNING : LOG_NOTICE, lost ? MESSAGE_CONTACT_LOST : MESSAGE_CONTACT_BACK,
                  "Job %" PRIu64 " %s host %s%s%s", s->record.job,
                  lost ? "lost contact with" : "is in contact again with", strempty(s->job->record.host),
                  lost ? ", where the run goes on: " : ".", lost ? strempty(reason) : "");
        return 0;
}

/* Its worker leaves, and the next one goes on in a run that is stored before anybody else knows of it. */
static int stage_on_rebooted(Stage *s, struct json_object *o)
{
        _cleanup_free_ char *before = NULL, *settings = NULL;
        char run[SD_ID128_STRING_MAX];
        const char *name = NULL;
        uint32_t phase = 0;
        int r;

        if (json_get_u32(o, "phase", &phase) <= 0 || json_get_string(o, "name", &name) <= 0 || phase == 0 ||
            strlen(name) > NAME_MAX_CHARS || s->record.kind != STAGE_SURFACE_VALIDATE)
                return -EBADMSG;
        /* A cancel counts for more: the next worker proves that nothing is left. */
        if (s->record.state != STAGE_RUNNING)
                return 0;

        before = strdup(s->record.run);
        settings = strdup(strempty(s->record.settings));
        r = before && settings ? run_id_new(run) : -ENOMEM;
        if (r >= 0)
                r = stage_fix_next_run(s, run);
        if (r < 0)
                return r;
        s->record.run_sent = false;
        r = stage_store(s);
        if (r < 0) {
                SWAP(s->record.run, before);
                SWAP(s->record.settings, settings);
                s->record.run_sent = true;
                return manager_store_failed(s->job->manager, r);
        }

        stage_emit_changed(s, (const char *const[]){ "RunId", NULL });
        log_stage(s, LOG_NOTICE, MESSAGE_STAGE_TAKEN_UP,
                  "The host %s was rebooted under stage %s of job %" PRIu64
                  ". It goes on with phase %" PRIu32
                  " (%s) once the drive is found as the test has left it.",
                  strempty(s->job->record.host), stage_kind_to_string(s->record.kind), s->record.job, phase,
                  name);
        return 0;
}

static int stage_on_report(Stage *s, struct json_object *o)
{
        _cleanup_(stage_report_done) StageReport report = {};
        struct json_object *body = NULL;
        Worker *w = s->worker;
        uint64_t seq = 0;
        int r;

        if (json_get(o, "report", json_type_object, &body) <= 0 || json_get_u64(o, "seq", &seq) <= 0)
                return -EBADMSG;
        r = stage_report_from_json(body, &report);
        if (r < 0)
                return r;
        r = stage_finish(s, &report);
        if (r < 0)
                return r;

        /* Before the job goes on, so that the worker can clean up and leave while the slice is still there. */
        worker_ack(w, seq);
        job_on_stage_done(s->job, s);
        return 0;
}

int stage_on_message(Stage *s, struct json_object *o)
{
        static const struct {
                const char *type;
                int (*handler)(Stage *s, struct json_object *o);
        } handlers[] = {
                { "progress", stage_on_progress }, { "phase", stage_on_phase },
                { "contact", stage_on_contact },   { "stall", stage_on_stall },
                { "paused", stage_on_paused },     { "retry", stage_on_retry_told },
                { "rebooted", stage_on_rebooted }, { "report", stage_on_report },
        };
        const char *type = NULL, *run = NULL;
        uint32_t attempt = 0;
        uint64_t seq = 0;

        if (json_get_string(o, "type", &type) <= 0 || json_get_string(o, "run", &run) <= 0 ||
            json_get_u32(o, "attempt", &attempt) <= 0 || json_get_u64(o, "seq", &seq) <= 0)
                return -EBADMSG;
        if (!streq_ptr(run, s->record.run) || attempt != s->record.attempt)
                return -EBADMSG;
        stage_watch_heard(s);
        if (s->record.state == STAGE_DONE || seq <= s->record.last_seq)
                return 0; /* known */

        for (size_t i = 0; i < ELEMENTSOF(handlers); i++)
                if (streq(handlers[i].type, type)) {
                        uint64_t before = s->record.last_seq;
                        int r;

                        s->record.last_seq = seq;
                        r = handlers[i].handler(s, o);
                        if (r < 0)
                                s->record.last_seq = before;
                        return r;
                }

        return -EBADMSG;
}
