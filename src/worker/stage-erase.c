/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <stdio.h>

#include "basic/string-util.h"
#include "basic/strv.h"
#include "basic/time-util.h"
#include "worker/erase-judge.h"
#include "worker/host-read.h"
#include "worker/stage.h"

/* An NVMe drive erases itself, by Format NVM or by Sanitize. As with a surface test a run on the host does it, holding the drive, and
 * outlives us; remote-nvme.sh has what it does:
 *
 *     ask the controller ──▶ start (or find it) ──▶ stamp ──▶ command ──▶ [sanitize log until done] ──▶ read again ──▶ judge
 *
 * Nobody can hold a drive that erases itself, neither for heat nor for an operator, and a sanitize ends for nobody: not for a cancel,
 * not for a power cut. */

#define START_LIMIT_USEC  (10 * USEC_PER_MINUTE)
#define AFTER_LIMIT_USEC  (10 * USEC_PER_MINUTE)
#define STALL_USEC        (30 * USEC_PER_MINUTE)
#define PROGRESS_INTERVAL (900 * USEC_PER_MSEC)
/* What it says is a few lines, and at most a hundred steps of a sanitize. */
#define OUTPUT_SIZE_MAX (64U * 1024U)
#define LOG_SIZE_MAX    (1024U * 1024U)
#define WORDS_MAX       256U
/* How long whoever cancelled waits for what the drive says of itself. */
#define STOP_LOOK_USEC (10 * USEC_PER_SEC)

typedef struct Erase {
        Worker *w;
        StageReport *report;
        char drive[256];
        bool sanitize;
        bool planned; /* the lines of what it can reach are in the report */
        char *text;   /* what the run has printed to be judged */
        size_t size;
        EraseOutput output;
        uint64_t log_offset;
        char *words; /* the tool's last ones */

        bool ended, never_began;
        EraseEnd end;
        char *end_detail;
        int exit_status;
        bool exclusive;
        char *content; /* fingerprint of what it left */

        uint64_t work_usec, sent_usec; /* CLOCK_MONOTONIC */
        char *stalled;
} Erase;

static void erase_done(Erase *e)
{
        free(e->text);
        free(e->words);
        free(e->end_detail);
        free(e->content);
        free(e->stalled);
}

static void set_end(Erase *e, EraseEnd end, const char *detail)
{
        if (e->ended)
                return;

        e->ended = true;
        e->end = end;
        if (detail) {
                e->end_detail = str_clean(detail, strlen(detail), 512, false);
                if (!e->end_detail)
                        (void) log_oom();
        }
}

/* --- before ---------------------------------------------------------------------------------------------------- */

static int read_reach_once(Worker *w, void *userdata)
{
        _cleanup_(remote_nvme_done) RemoteNvme n = { 0 };
        EraseReach *f = userdata;
        int r;

        r = remote_nvme(&w->remote, w->params.kname, strempty(w->params.identity.fingerprint), &n);
        if (r < 0)
                return r;

        *f = (EraseReach){ .sanitize = f->sanitize, .tool = n.tool, .nsid = n.nsid };
        r = nvme_parse_controller(n.controller, n.controller_size, &f->controller);
        if (r == -ENOMEM)
                return r;
        f->answered = r >= 0;
        r = nvme_add_namespaces(&f->namespaces, n.attached, n.attached_size);
        if (r == -ENOMEM)
                return r;
        r = nvme_add_namespaces(&f->namespaces, n.allocated, n.allocated_size);
        if (r == -ENOMEM)
                return r;
        f->allocated = r > 0;

        r = free_and_strdup(&w->params.kname, n.kname);
        return MIN(r, 0);
}

/* 1: it may go on; 0: it may not, or the host could not say; the report has why. */
static int plan(Erase *e, EraseMethod *ret_method, bool *ret_all, uint32_t *ret_nsid)
{
        EraseReach f = { .sanitize = e->sanitize };
        int r;

        r = worker_try(e->w, START_LIMIT_USEC, read_reach_once, &f);
        if (r == -ECANCELED || r == -ENOMEM)
                return r;
        if (r == -ESTALE) {
                set_end(e, ERASE_REFUSED, "the drive is not there any more, or its identity changed");
                return 0;
        }
        if (r < 0) {
                set_end(e, r == -EKEYREJECTED ? ERASE_KEY_CHANGED : ERASE_NO_CONTACT, worker_error(e->w));
                return 0;
        }

        (void) worker_drive_name(e->w, e->drive);
        e->planned = true;
        *ret_nsid = f.nsid;
        return erase_plan(&f, e->drive, e->report, ret_method, ret_all);
}

typedef struct Start {
        Erase *e;
        char **command;
} Start;

static int start_once(Worker *w, void *userdata)
{
        _cleanup_(host_probe_done) HostProbe probe = { 0 };
        _cleanup_(run_status_done) RunStatus status = { 0 };
        Start *s = userdata;
        int r;

        r = remote_probe(&w->remote, strempty(w->params.identity.fingerprint), &probe);
        if (r < 0)
                return r;
        if (!probe.kname || !kname_is_valid(probe.kname) || !streq(probe.kname, w->params.kname)) {
                set_end(s->e, ERASE_REFUSED, "the drive is not there any more, or its identity changed");
                return 0;
        }
        r = worker_start_run(w, &probe, w->params.content, s->command, &status);
        if (r < 0)
                return r;

        if (status.state == RUN_REFUSED)
                set_end(s->e, ERASE_REFUSED, status.refused);
        return 0;
}

/* 0: it was started, or its end is known; 1: it may not be started, and that is the verdict. */
static int erase_start(Erase *e)
{
        _cleanup_strv_free_ char **command = NULL;
        EraseMethod method = ERASE_FORMAT;
        Worker *w = e->w;
        uint32_t nsid = 0;
        bool all = true;
        int r;

        r = plan(e, &method, &all, &nsid);
        if (r < 0 || e->ended)
                return r;
        if (r == 0)
                return 1;

        if (strv_extend(&command, "nvme_erase") < 0 ||
            strv_extend(&command, erase_method_to_string(method)) < 0 ||
            strv_extend(&command, all ? "subsystem" : "namespace") < 0 ||
            strv_consume(&command, strf("%u", nsid)) < 0 || strv_extend(&command, "{}") < 0)
                return -ENOMEM;
        stage_log_line(w->log, LOG_INFO, "Erasing %s, run %s: %s, of %s.", e->drive, w->params.run,
                       method == ERASE_FORMAT   ? "Format NVM, user data erase"
                       : method == ERASE_BLOCK  ? "Sanitize, block erase"
                       : method == ERASE_CRYPTO ? "Sanitize, cryptographic erase"
                                                : "Sanitize, overwrite",
                       all ? "the whole subsystem" : "this namespace");

        r = worker_try(w, START_LIMIT_USEC, start_once, &(Start){ e, command });
        if (r >= 0)
                return 0;
        if (r == -ECANCELED || r == -ENOMEM)
                return r;

        /* Whether it started nobody knows: what follows proves it gone, or calls it a remnant. */
        set_end(e, r == -EKEYREJECTED ? ERASE_KEY_CHANGED : ERASE_NO_CONTACT, worker_error(w));
        return 0;
}

/* --- following ------------------------------------------------------------------------------------------------- */

static int take_text(Erase *e, const RunStatus *status)
{
        char *p;

        if (status->blocks_size == 0)
                return 0;
        if (e->size + status->blocks_size > OUTPUT_SIZE_MAX) {
                set_end(e, ERASE_NONSENSE, "it prints far more than it has to say");
                return 0;
        }
        p = realloc(e->text, e->size + status->blocks_size);
        if (!p)
                return -ENOMEM;
        memcpy(p + e->size, status->blocks, status->blocks_size);
        e->text = p;
        e->size += status->blocks_size;

        if (erase_output_parse(e->text, e->size, &e->output) == -EBADMSG)
                set_end(e, ERASE_NONSENSE, "what it prints is no text");
        return 0;
}

/* The last line that has words in it. */
static int keep_words(Erase *e, const char *text, size_t size)
{
        while (size > 0) {
                const char *newline = memrchr(text, '\n', size), *line = newline ? newline + 1 : text;
                size_t n = size - (size_t) (line - text);
                char *clean;

                if (n > 0) {
                        clean = str_clean(line, n, WORDS_MAX, false);
                        if (!clean)
                                return -ENOMEM;
                        free(e->words);
                        e->words = clean;
                        return 0;
                }
                size = newline ? (size_t) (newline - text) : 0;
        }

        return 0;
}

static int take_log(Erase *e, uint64_t offset, const RunStatus *status)
{
        uint64_t end = offset + status->log_size;
        int r;

        if (status->log_size == 0)
                return 0;
        if (e->log_offset > LOG_SIZE_MAX) {
                set_end(e, ERASE_NONSENSE, "the tool prints far more than it has to say");
                return 0;
        }
        r = stage_log_feed(e->w->log, offset, status->log, status->log_size);
        if (r >= 0)
                r = keep_words(e, status->log, status->log_size);
        if (r < 0)
                return r;

        e->log_offset = MAX(e->log_offset, end);
        return 0;
}

static void take_end(Erase *e, const RunStatus *status)
{
        bool rebooted = status->run_boot_id && status->boot_id &&
                        !streq(status->run_boot_id, status->boot_id);

        switch (status->state) {
        case RUN_EXITED:
                e->exit_status = status->exit_status;
                set_end(e, ERASE_EXITED, NULL);
                break;
        case RUN_REFUSED:
                set_end(e, ERASE_REFUSED, status->refused);
                break;
        case RUN_LOST:
                set_end(e, rebooted ? ERASE_REBOOTED : ERASE_LOST, NULL);
                break;
        case RUN_NONE:
                e->never_began = e->size == 0 && stage_log_cursor(e->w->log) == 0;
                set_end(e, ERASE_MISSING, NULL);
                break;
        case RUN_TOMBSTONE:
                set_end(e, ERASE_MISSING, "it was cancelled before it started");
                break;
        default:
                break;
        }
}

static int take_status(Erase *e, uint64_t offset, RunStatus *status)
{
        bool more = status->blocks_size > 0 || offset + status->log_size > e->log_offset;
        int r;

        r = take_log(e, offset, status);
        if (r >= 0)
                r = take_text(e, status);
        if (r < 0)
                return r;

        e->exclusive = e->exclusive || status->exclusive;
        if (more) {
                e->work_usec = now_usec(CLOCK_MONOTONIC);
                if (e->stalled)
                        stage_log_line(e->w->log, LOG_NOTICE, "There are signs of work again.");
                e->stalled = (free(e->stalled), NULL);
        }
        if (status->state == RUN_STARTING || status->state == RUN_RUNNING)
                return 0;
        /* Its last words first: an end is an end when a look at it brought nothing new. */
        if (more && !e->ended)
                return 1;

        free(e->content);
        e->content = TAKE_PTR(status->content);
        take_end(e, status);
        return 0;
}

static void send_progress(Erase *e)
{
        _cleanup_json_ struct json_object *o = NULL;
        uint64_t now = now_usec(CLOCK_MONOTONIC);
        double percent = MIN((double) e->output.percent, 99.9);

        if (e->sent_usec > 0 && now - e->sent_usec < PROGRESS_INTERVAL)
                return;
        e->sent_usec = now;

        o = json_object_new_object();
        if (!o || json_put_double(o, "percent", MAX(percent, e->w->params.percent)) < 0 ||
            (e->stalled && json_put_string(o, "stalled", e->stalled) < 0)) {
                (void) log_oom();
                return;
        }
        (void) worker_send(e->w, "progress", TAKE_PTR(o));
}

/* A format says nothing until it is over, so only a long silence is one. */
static void check_stall(Erase *e)
{
        const StageParams *p = &e->w->params;
        uint64_t still = now_usec(CLOCK_MONOTONIC) - e->work_usec, warn = p->stall_usec ?: STALL_USEC,
                 end = p->stall_end_usec ?: STALL_END_USEC;
        _cleanup_json_ struct json_object *o = NULL;
        char t[TIMESPAN_MAX];

        if (still >= end) {
                set_end(e, e->w->failures > 0 ? ERASE_NO_CONTACT : ERASE_STALLED,
                        e->w->failures > 0 ? e->w->contact_error : NULL);
                return;
        }
        if (still < warn || e->stalled)
                return;

        e->stalled = strf("no sign of work was seen for %s: %s", format_timespan(t, still),
                          e->w->failures > 0 ? "the host cannot be reached, the drive itself may go on"
                                             : "the drive does not tell how far it is");
        o = json_object_new_object();
        if (!e->stalled || !o || json_put_string(o, "reason", e->stalled) < 0) {
                (void) log_oom();
                return;
        }
        stage_log_line(e->w->log, LOG_WARNING, "It stands still: %s.", e->stalled);
        (void) worker_send(e->w, "stall", TAKE_PTR(o));
}

static int erase_follow(Erase *e)
{
        Worker *w = e->w;

        while (!e->ended) {
                _cleanup_(run_status_done) RunStatus status = { 0 };
                uint64_t offset = MIN(e->log_offset, stage_log_next(w->log)),
                         began = now_usec(CLOCK_MONOTONIC);
                int r, more = 0;

                r = remote_run_status(&w->remote, w->params.run, w->params.kname, offset, e->size, &status);
                if (r >= 0) {
                        more = take_status(e, offset, &status);
                        if (more < 0)
                                return more;
                }
                /* Another key in the host's name: as for a surface test, the run on the true host goes on. */
                r = worker_contact(w, r == -EKEYREJECTED ? -ENOTCONN : r);
                if (r < 0)
                        return r;
                if (e->ended)
                        break;
                send_progress(e);
                check_stall(e);
                if (r > 0 || more > 0 || e->ended)
                        continue;

                r = worker_wait_for_look(w, worker_follow_usec(w), began);
                if (r < 0)
                        return r;
        }

        return 0;
}

/* --- the end --------------------------------------------------------------------------------------------------- */

static int prove_gone(Erase *e)
{
        Worker *w = e->w;

        if (e->end != ERASE_STALLED && e->end != ERASE_NO_CONTACT && e->end != ERASE_KEY_CHANGED &&
            e->end != ERASE_NONSENSE && e->end != ERASE_MISSING)
                return 0;
        if (e->end != ERASE_KEY_CHANGED && worker_cancel_run(w))
                return 0;
        if (w->cancel)
                return -ECANCELED;

        stage_log_line(w->log, LOG_ERR, "The run %s on %s could not be proven gone.", w->params.run,
                       w->params.target.name);
        return report_set_remnant(e->report);
}

static int erase_conclude(Erase *e)
{
        _cleanup_(host_probe_done) HostProbe probe = { 0 };
        struct json_object *o;
        bool same = false;
        int r;

        r = prove_gone(e);
        if (r < 0)
                return r;
        if (e->end == ERASE_EXITED) {
                /* Whom we took over from had these lines in its head. */
                if (!e->planned) {
                        r = plan(e, &(EraseMethod){ 0 }, &(bool){ false }, &(uint32_t){ 0 });
                        if (r < 0)
                                return r;
                }
                r = host_read_probe(e->w, AFTER_LIMIT_USEC, &probe);
                if (r == -ECANCELED || r == -ENOMEM)
                        return r;
                same = r >= 0 && probe.kname;
        }

        o = report_details(e->report);
        if (!o || json_put_string(o, "kname", e->w->params.kname) < 0 ||
            json_put_string(o, "content_after", same ? e->content : NULL) < 0 ||
            (e->end == ERASE_EXITED && json_put_i64(o, "exit_status", e->exit_status) < 0))
                return -ENOMEM;

        return erase_judge(
                        &(EraseFindings){
                                        .drive = e->drive,
                                        .sanitize = e->sanitize,
                                        .end = e->end,
                                        .end_detail = e->end_detail,
                                        .exit_status = e->exit_status,
                                        .output = &e->output,
                                        .words = e->words,
                                        .exclusive = e->exclusive,
                                        .same = same,
                                        .identity = probe.ident ? "another drive is in its place"
                                                                : "the drive is gone, or its host says nothing",
                        },
                        e->report);
}

static int erase_run(Worker *w, StageReport *report)
{
        _cleanup_(erase_done) Erase e = { .w = w,
                                          .report = report,
                                          .sanitize = w->params.kind == STAGE_NVME_SANITIZE,
                                          .work_usec = now_usec(CLOCK_MONOTONIC) };
        int r;

        (void) worker_drive_name(w, e.drive);
        if (w->params.follow)
                stage_log_line(w->log, LOG_INFO, "Following run %s of %s again.", w->params.run, e.drive);
        else {
                r = erase_start(&e);
                if (r != 0)
                        return MIN(r, 0);
        }

        r = erase_follow(&e);
        if (r < 0)
                return r;

        /* Whom we take over from died between its gate and the host. Its run can begin now as then: the run's directory is the
         * lock against a second one, and what was confirmed is what is compared. */
        if (w->params.follow && e.never_began) {
                e.ended = false;
                r = erase_start(&e);
                if (r != 0)
                        return MIN(r, 0);
                r = erase_follow(&e);
                if (r < 0)
                        return r;
        }

        return erase_conclude(&e);
}

/* A sanitize goes on in the drive when nothing of it runs on the host any more. That is no remnant, since nothing of ours can come
 * back from it, but whoever cancelled has to know. */
static bool sanitize_stop(Worker *w)
{
        _cleanup_(remote_nvme_done) RemoteNvme n = { 0 };
        NvmeSanitize s;

        if (!worker_cancel_run(w))
                return false;

        w->remote.interrupt = NULL;
        w->remote.deadline_usec = now_usec(CLOCK_BOOTTIME) + STOP_LOOK_USEC;
        if (remote_nvme(&w->remote, w->params.kname, strempty(w->params.identity.fingerprint), &n) < 0)
                w->goes_on = strdup("whether the drive still sanitizes itself could not be read");
        else if (nvme_parse_sanitize(n.sanitize, n.sanitize_size, &s) >= 0 &&
                 s.state == NVME_SANITIZE_RUNNING)
                w->goes_on = strf("the drive goes on sanitizing itself, which nothing can stop (%u %% done)",
                                  s.percent);
        w->remote.deadline_usec = 0;
        return true;
}

const StageType stage_nvme_format = {
        .kind = STAGE_NVME_FORMAT,
        .stop = worker_cancel_run,
        .run = erase_run,
};

const StageType stage_nvme_sanitize = {
        .kind = STAGE_NVME_SANITIZE,
        .stop = sanitize_stop,
        .run = erase_run,
};
