/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "basic/fd-util.h"
#include "basic/string-util.h"
#include "basic/strv.h"
#include "basic/time-util.h"
#include "shared/names.h"
#include "worker/report.h"
#include "worker/worker.h"

#define PARAMS_MAX          (64U * 1024U)
#define KEY_MAX             (64U * 1024U)
#define CONTACT_BACKOFF_MIN USEC_PER_SEC
#define CONTACT_BACKOFF_MAX (30 * USEC_PER_SEC)
#define CANCEL_GRACE_USEC   (5 * USEC_PER_SEC)
#define NOT_AFTER_USEC      (60 * USEC_PER_SEC)
#define FOLLOW_USEC         (2 * USEC_PER_SEC)
#define FOLLOW_MAX_USEC     (15 * USEC_PER_SEC)
#define FOLLOW_SHARE        3
#define LOOK_LONG_USEC      (500 * USEC_PER_MSEC)

static int read_params(StageParams *ret)
{
        _cleanup_close_ int fd = WORKER_FD_PARAMS;
        _cleanup_json_ struct json_object *o = NULL;
        _cleanup_free_ char *text = NULL;
        size_t size;
        int r;

        if (lseek(fd, 0, SEEK_SET) < 0)
                return -errno;
        r = read_fd_full(fd, PARAMS_MAX, &text, &size);
        if (r < 0)
                return r;
        r = json_parse(text, size, &o);
        if (r < 0)
                return r;

        return stage_params_from_json(o, ret);
}

/* 1: open, 0: shut. */
static int wait_at_gate(void)
{
        _cleanup_close_ int fd = WORKER_FD_GATE;
        ssize_t n;
        char c;

        do
                n = read(fd, &c, 1);
        while (n < 0 && errno == EINTR);

        return n < 0 ? -errno : (int) n;
}

/* The key's text is in this process for as long as it takes to hand it to the transport, and no longer. */
static int worker_open_transport(Worker *w)
{
        _cleanup_close_ int fd = WORKER_FD_KEY;
        _cleanup_(erase_and_freep) char *key = NULL;
        int r;

        if (lseek(fd, 0, SEEK_SET) < 0)
                return -errno;
        r = read_fd_full(fd, KEY_MAX, &key, NULL);
        if (r < 0)
                return r;

        w->remote.event = w->event;
        w->remote.interrupt = &w->cancel;
        w->remote.status_timeout_usec = w->params.poll_timeout_usec;
        return transport_new(w->event, &w->params.target, key, &w->remote.transport);
}

static int worker_open_log(Worker *w)
{
        const StageParams *p = &w->params;
        int r;

        r = drive_identity_key(&p->identity, &w->drive_key);
        if (r < 0)
                return r;
        (void) snprintf(w->job_string, sizeof(w->job_string), "%" PRIu64, p->job);

        memcpy(w->fields,
               (LogField[ELEMENTSOF(w->fields)]){
                               { LOG_FIELD_JOB, w->job_string },
                               { LOG_FIELD_STAGE, stage_kind_to_string(p->kind) },
                               { LOG_FIELD_RUN, p->run },
                               { LOG_FIELD_DRIVE, w->drive_key },
                               { LOG_FIELD_DRIVE_MODEL, p->identity.model },
                               { LOG_FIELD_DRIVE_SERIAL, p->identity.serial },
                               { LOG_FIELD_HOST, p->target.name },
                               {},
               },
               sizeof(w->fields));

        (void) snprintf(w->tool, sizeof(w->tool), "%s",
                        p->kind == STAGE_NVME_FORMAT || p->kind == STAGE_NVME_SANITIZE ? "nvme"
                                                                                       : "badblocks");
        /* Each run counts the bytes of its log from 0 on. */
        if (p->resumes > 0)
                (void) snprintf(w->tool, sizeof(w->tool), "badblocks.%" PRIu32, p->resumes + 1);

        return stage_log_open(p->log_path, w->fields, w->tool, &w->log);
}

int worker_new(Worker **ret)
{
        _cleanup_(worker_freep) Worker *w = NULL;
        int r;

        w = new0(Worker, 1);
        if (!w)
                return log_oom();

        r = read_params(&w->params);
        if (r < 0)
                return log_error_errno(r, "Failed to read this stage's parameters: %m");
        r = wait_at_gate();
        if (r < 0)
                return log_error_errno(r, "Failed to wait at the gate: %m");
        if (r == 0)
                return 0;

        r = sd_event_new(&w->event);
        if (r < 0)
                return log_error_errno(r, "Failed to allocate an event loop: %m");
        r = channel_new(w->event, WORKER_FD_SOCKET, w->params.run, w->params.attempt, &w->cancel, &w->pause,
                        &w->params.sibling_speed, &w->channel);
        if (r < 0)
                return log_error_errno(r, "Failed to listen for burnind: %m");
        r = worker_open_transport(w);
        if (r < 0)
                return log_error_errno(r, "Failed to set up the connection to the host: %m");
        r = worker_open_log(w);
        if (r < 0)
                return log_error_errno(r, "Failed to open %s: %m", w->params.log_path);

        w->contact_usec = now_usec(CLOCK_MONOTONIC);
        *ret = TAKE_PTR(w);
        return 1;
}

Worker *worker_free(Worker *w)
{
        if (!w)
                return NULL;

        transport_free(w->remote.transport);
        free(w->remote.error_text);
        free(w->remote.host_key);
        channel_free(w->channel);
        stage_log_free(w->log);
        sd_event_unref(w->event);
        stage_params_done(&w->params);
        free(w->drive_key);
        free(w->contact_error);
        free(w->goes_on);
        free(w->pause.words);
        free(w);

        return NULL;
}

/* -ETIMEDOUT when the time is over. */
static int pump_until(Worker *w, bool (*done)(Worker *w), uint64_t usec)
{
        uint64_t end = now_usec(CLOCK_MONOTONIC) + usec;

        while (!done(w)) {
                uint64_t now = now_usec(CLOCK_MONOTONIC);
                int r;

                if (now >= end)
                        return -ETIMEDOUT;
                r = sd_event_run(w->event, end - now);
                if (r < 0)
                        return r;
        }

        return 0;
}

static bool worker_is_cancelled(Worker *w)
{
        return w->cancel;
}

static bool worker_is_drained(Worker *w)
{
        return channel_is_drained(w->channel);
}

int worker_try(Worker *w, uint64_t limit_usec, int (*call)(Worker *w, void *userdata), void *userdata)
{
        uint64_t start = now_usec(CLOCK_MONOTONIC);

        for (;;) {
                int r, k;

                r = call(w, userdata);
                k = worker_contact(w, r);
                if (k <= 0)
                        return k < 0 ? k : r;
                if (now_usec(CLOCK_MONOTONIC) - start >= limit_usec)
                        return r;
        }
}

int worker_wait(Worker *w, uint64_t usec)
{
        int r;

        r = pump_until(w, worker_is_cancelled, usec);
        return r == -ETIMEDOUT ? 0 : r < 0 ? r : -ECANCELED;
}

uint64_t worker_follow_usec(const Worker *w)
{
        return w->params.follow_interval_usec ?: FOLLOW_USEC;
}

int worker_wait_for_look(Worker *w, uint64_t usual, uint64_t began)
{
        uint64_t took = now_usec(CLOCK_MONOTONIC) - began,
                 rest = took > LOOK_LONG_USEC ? MIN(took * FOLLOW_SHARE, FOLLOW_MAX_USEC) : 0;

        return worker_wait(w, MAX(usual, rest));
}

/* For a wait that only time ends. */
static bool never(Worker *w)
{
        return false;
}

int worker_rest(Worker *w, uint64_t usec)
{
        int r;

        r = pump_until(w, never, usec);
        return r == -ETIMEDOUT ? 0 : r;
}

const char *worker_error(const Worker *w)
{
        return isempty(w->remote.error_text) ? "no answer" : w->remote.error_text;
}

const char *worker_drive_name(const Worker *w, char buf[static 256])
{
        const DriveIdentity *i = &w->params.identity;

        (void) snprintf(buf, 256, "%s (%s, serial %s) on %s", w->params.kname, i->model ?: "model not known",
                        i->serial ?: "not known", w->params.target.name);
        return buf;
}

int worker_send(Worker *w, const char *type, struct json_object *o)
{
        int r;

        r = channel_send(w->channel, type, o);
        return r < 0 ? log_warning_errno(r, "Failed to queue a message for burnind: %m") : 0;
}

static void worker_tell_contact(Worker *w, const char *state, const char *reason)
{
        _cleanup_json_ struct json_object *o = json_object_new_object();

        if (!o || json_put_string(o, "state", state) < 0 || json_put_string(o, "reason", reason) < 0) {
                (void) log_oom();
                return;
        }

        (void) worker_send(w, "contact", TAKE_PTR(o));
}

static void worker_contact_good(Worker *w)
{
        char t[TIMESPAN_MAX];

        if (w->contact_lost) {
                stage_log_line(w->log, LOG_NOTICE, "Contact with %s is back after %s.",
                               w->params.target.name,
                               format_timespan(t, now_usec(CLOCK_MONOTONIC) - w->contact_usec));
                worker_tell_contact(w, "back", NULL);
        }

        w->contact_lost = false;
        w->failures = 0;
        w->contact_usec = now_usec(CLOCK_MONOTONIC);
        w->contact_error = (free(w->contact_error), NULL);
}

int worker_contact(Worker *w, int result)
{
        uint64_t backoff;
        bool changed;

        if (result >= 0) {
                worker_contact_good(w);
                return 0;
        }
        if (w->cancel)
                return -ECANCELED;
        /* A host that answers nonsense is as far away as one that is silent. Another host key is never mended by asking
         * again, and our own lack of memory should not be hidden behind the network. */
        if (result != -ENOTCONN && result != -ETIMEDOUT && result != -EACCES && result != -EBADMSG)
                return result;

        changed = !streq_ptr(w->contact_error, worker_error(w));
        (void) free_and_strdup(&w->contact_error, worker_error(w));
        w->failures++;

        /* One broken connection is every day's business: the next call opens a new one. A host that was down may be another one
         * when it is back. */
        if (w->failures > 1 && (!w->contact_lost || changed)) {
                if (!w->contact_lost)
                        stage_log_line(w->log, LOG_WARNING, "Lost contact with %s, trying again: %s",
                                       w->params.target.name, worker_error(w));
                w->contact_lost = true;
                worker_tell_contact(w, "lost", worker_error(w));
        }

        backoff = w->failures > 5 ? CONTACT_BACKOFF_MAX : CONTACT_BACKOFF_MIN << (w->failures - 1);
        result = worker_wait(w, MIN(backoff, CONTACT_BACKOFF_MAX));
        return result < 0 ? result : 1;
}

/* Why it may not even be asked of the host; NULL: it may. */
static const char *start_forbidden(const StageParams *p, const char *content)
{
        if (p->granted.used && !p->release)
                return "the drive is in use, and nobody gave leave to release it";
        if (!content && !p->granted.used)
                return "the drive's content was never confirmed";

        return NULL;
}

int worker_start_run(Worker *w, const HostProbe *probe, const char *content, char **command, RunStatus *ret)
{
        const StageParams *p = &w->params;
        const char *why = start_forbidden(p, content);
        int r;

        if (why) {
                *ret = (RunStatus){ .state = RUN_REFUSED, .refused = strdup(why) };
                return ret->refused ? 0 : -ENOMEM;
        }

        /* Best effort: perl and python3 can hold a device too. */
        (void) remote_install_agent(&w->remote);

        r = remote_run_start(&w->remote,
                             &(RunSpec){
                                             .run = p->run,
                                             .machine_id = p->machine_id,
                                             .kname = p->kname,
                                             .identity = &p->identity,
                                             .content = content,
                                             .granted = &p->granted,
                                             .not_after_uptime_usec = probe->uptime_usec + NOT_AFTER_USEC,
                                             .boot_id = probe->boot_id,
                                             .command = command,
                             },
                             ret);
        if (r < 0)
                w->start_on_its_way = true;
        return r;
}

bool worker_cancel_run(Worker *w)
{
        const bool *interrupt = w->remote.interrupt;
        uint64_t end = now_usec(CLOCK_BOOTTIME) + CANCEL_LIMIT_USEC;
        bool gone = false;

        /* The cancel that ended the stage must not end the cleaning up behind it; one that comes meanwhile does, and then has its
         * whole time. The limit bounds each try too: a silent host would hold up one of them for longer than all of them
         * together may take. */
        w->remote.interrupt = w->cancel ? NULL : &w->cancel;
        w->remote.deadline_usec = end;
        for (;;) {
                _cleanup_(run_status_done) RunStatus s = { 0 };
                int r;

                r = remote_run_cancel(&w->remote, w->params.run, CANCEL_GRACE_USEC, &gone, &s);
                if ((r >= 0 && gone) || r == -EKEYREJECTED || r == -ECANCELED ||
                    now_usec(CLOCK_BOOTTIME) + USEC_PER_SEC >= end)
                        break;
                stage_log_line(w->log, LOG_NOTICE, "The run is not proven gone yet (%s), trying again.",
                               r < 0     ? worker_error(w)
                               : s.dying ? "it waits for the drive and cannot die"
                                         : "it is still there");
                r = worker_rest(w, USEC_PER_SEC);
                if (r < 0)
                        break;
        }
        w->remote.interrupt = interrupt;
        w->remote.deadline_usec = 0;

        return gone;
}

static bool worker_is_heard_or_cancelled(Worker *w)
{
        return channel_is_drained(w->channel) || w->cancel;
}

int worker_go_on_anew(Worker *w, uint32_t phase, const char *name)
{
        _cleanup_json_ struct json_object *o = json_object_new_object();
        int r;

        if (!o || json_put_u64(o, "phase", phase) < 0 || json_put_string(o, "name", name) < 0)
                return -ENOMEM;
        r = channel_send(w->channel, "rebooted", TAKE_PTR(o));
        if (r < 0)
                return r;

        /* Nobody else can go on before burnind has heard it, so there is nothing to hurry for. */
        r = pump_until(w, worker_is_heard_or_cancelled, UINT64_MAX / 2);
        if (r < 0)
                return r;
        return channel_is_drained(w->channel) ? -ERESTART : -ECANCELED;
}

static int report_to_message(const Worker *w, const StageReport *report, struct json_object **ret)
{
        _cleanup_json_ struct json_object *o = json_object_new_object();

        /* The file carries the same words as the message, so that a report of another run is told by itself. */
        if (!o || json_put(o, "report", stage_report_to_json(report)) < 0 ||
            json_put_string(o, "run", w->params.run) < 0 ||
            json_put_u64(o, "attempt", w->params.attempt) < 0 || json_put_string(o, "type", "report") < 0)
                return -ENOMEM;

        *ret = TAKE_PTR(o);
        return 0;
}

/* A message has a size. The verdict, its reason and its evidence are what must arrive: the list of bad blocks gives way first
 * (their number stays), then the details. */
static int report_fit(const Worker *w, StageReport *report, struct json_object **ret)
{
        for (;;) {
                _cleanup_json_ struct json_object *o = NULL;
                size_t size, n = strv_length(report->bad_blocks);
                int r;

                r = report_to_message(w, report, &o);
                if (r < 0)
                        return r;
                (void) json_object_to_json_string_length(o, JSON_C_TO_STRING_PLAIN, &size);
                /* Room for the sequence number. */
                if (size + 64 <= STAGE_MESSAGE_MAX) {
                        *ret = TAKE_PTR(o);
                        return 0;
                }

                if (n > 0) {
                        for (size_t i = n / 2; i < n; i++)
                                report->bad_blocks[i] = (free(report->bad_blocks[i]), NULL);
                } else if (report->details) {
                        bool remnant = false;

                        (void) json_get_bool(report->details, "remnant", &remnant);
                        json_object_put(report->details);
                        report->details = NULL;
                        if (remnant && report_set_remnant(report) < 0)
                                return -ENOMEM;
                } else
                        return -E2BIG;
        }
}

int worker_report(Worker *w, StageReport *report)
{
        _cleanup_json_ struct json_object *o = NULL;
        const char *text;
        size_t size;
        int r, k;

        report_set_reason(report, "no reason was given");
        report->ended_usec = now_usec(CLOCK_REALTIME);

        r = report_fit(w, report, &o);
        if (r < 0)
                return log_error_errno(r, "Failed to write this stage's report: %m");

        text = json_object_to_json_string_length(o, JSON_C_TO_STRING_PLAIN, &size);
        k = write_file_atomic(w->params.report_path, text, size, 0640);
        if (k < 0)
                (void) log_error_errno(k, "Failed to store this stage's report in %s: %m",
                                       w->params.report_path);

        r = channel_send(w->channel, "report", TAKE_PTR(o));
        if (r < 0)
                return log_error_errno(r, "Failed to send this stage's report: %m");

        r = pump_until(w, worker_is_drained, REPORT_WAIT_USEC);
        if (r == -ETIMEDOUT) {
                log_notice("burnind has not taken this stage's report; it is in %s.", w->params.report_path);
                /* On disk it is found. Neither stored nor taken is the one way to lose it. */
                return k < 0 ? k : 0;
        }

        return r < 0 ? r : 1;
}
