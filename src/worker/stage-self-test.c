/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <stdio.h>
#include <sys/random.h>

#include "basic/string-util.h"
#include "basic/time-util.h"
#include "parse/self-test-judge.h"
#include "parse/smartctl.h"
#include "parse/truenas.h"
#include "worker/self-test-note.h"
#include "worker/stage.h"

/* The drive's own self-test, short or long. It runs in the drive: nothing of ours is on the host meanwhile, and neither the end of a
 * worker nor that of a connection ends it, nor always a reboot of the host.
 *
 *     look ──▶ [wait for a test that is not ours] ──▶ note the log, on disk ──▶ start ──▶ follow, look by look ──▶ judge
 *                                                          ▲                                                        │
 *                                                          └───────── aborted, and tries are left ◀─────────────────┘
 *
 * Only the drive's log says how it ended, and only an entry that came after the start counts. */

#define CONTACT_LIMIT_USEC (2 * USEC_PER_MINUTE)
/* A host that reboots, or an enclosure that is reset, takes a while to bring its drives back. */
#define GONE_LIMIT_USEC  (10 * USEC_PER_MINUTE)
#define BUSY_LIMIT_USEC  (10 * USEC_PER_MINUTE)
#define NOT_AFTER_USEC   (60 * USEC_PER_SEC)
#define INTERVAL_USEC    (30 * USEC_PER_SEC)
#define ENDED_USEC       (5 * USEC_PER_SEC)
#define KEEP_ALIVE_USEC  USEC_PER_MINUTE
#define ABORT_AGAIN_USEC USEC_PER_SEC

typedef struct SelfTest {
        Worker *w;
        StageReport *report;
        char drive[256];
        SelfTestKind kind;
        SelfTestNote note;
        char *note_path;
        char *ident; /* what the host finds the drive by */

        /* The last look. */
        char *boot_id;
        uint64_t uptime_usec;
        SmartReading smart; /* identity and temperature; empty where it could not be read */
        SelfTestReading reading;
        bool keep_alive_failed;
        uint64_t keep_alive_usec; /* CLOCK_MONOTONIC of the last one */

        /* Of the test that runs. Times are of CLOCK_BOOTTIME. */
        SelfTestOutcome outcome;
        uint64_t started_usec;
        uint64_t moved_usec; /* when its percentage rose last */
        int percent;
        uint64_t good_usec; /* when the drive last said something that could be judged */
        bool keep_alive_said;
} SelfTest;

static const char *kind_word(const SelfTest *s)
{
        return self_test_kind_to_string(s->kind);
}

static void self_test_done(SelfTest *s)
{
        self_test_note_done(&s->note);
        free(s->note_path);
        free(s->ident);
        free(s->boot_id);
        smart_reading_done(&s->smart);
        self_test_reading_done(&s->reading);
        self_test_outcome_done(&s->outcome);
}

static bool is_ours(int r)
{
        return r == -ECANCELED || r == -ENOMEM;
}

/* 1: it ends here, and nobody can say how the drive would have done. */
static int give_up(SelfTest *s, const char *rule, const char *expected, const char *observed)
{
        int r;

        r = report_line(s->report, VERDICT_INCONCLUSIVE, rule, "host", strdup(expected), strdup(observed),
                        strf("%s: %s", s->drive, observed));
        return r < 0 ? r : 1;
}

static int give_up_formatted(SelfTest *s, const char *rule, const char *expected, char *observed)
{
        _cleanup_free_ char *owned = observed;

        return owned ? give_up(s, rule, expected, owned) : -ENOMEM;
}

static const char *source(const SelfTest *s)
{
        return s->w->params.target.api ? "TrueNAS's API" : "smartctl";
}

/* --- one look -------------------------------------------------------------------------------------------------- */

static int take_api_text(SelfTest *s, const RemoteSelfTest *a)
{
        _cleanup_(drive_facts_freep) DriveFacts *f = NULL;
        int r;

        r = truenas_unpack_reading(a->truenas, a->truenas_size, &f, &s->reading);
        if (r < 0)
                return r;

        s->smart = (SmartReading){ .temperature_mdegc = f->temperature_mdegc };
        return drive_identity_copy(&f->identity, &s->smart.identity);
}

static int take_smartctl_text(SelfTest *s, const RemoteSelfTest *a)
{
        _cleanup_free_ char *why = NULL;
        int r;

        r = smartctl_parse(a->text, a->size, &s->smart, &why);
        if (r == -ENOMEM)
                return r;
        if (r < 0)
                s->smart = (SmartReading){ .temperature_mdegc = MDEGC_UNKNOWN };

        r = a->nvme_size > 0 ? self_test_parse(a->nvme, a->nvme_size, &s->reading)
                             : self_test_parse(a->text, a->size, &s->reading);
        if (r < 0)
                return r;
        if (a->controller_size > 0 &&
            self_test_add_nvme_controller(&s->reading, a->controller, a->controller_size) == -ENOMEM)
                return -ENOMEM;

        return 0;
}

static int take_answer(SelfTest *s, const RemoteSelfTest *a)
{
        int r;

        smart_reading_done(&s->smart);
        self_test_reading_done(&s->reading);
        s->smart.temperature_mdegc = MDEGC_UNKNOWN;
        r = s->w->params.target.api ? take_api_text(s, a) : take_smartctl_text(s, a);
        if (r < 0)
                return r;

        s->uptime_usec = a->uptime_usec;
        s->keep_alive_failed = a->keep_alive_failed;
        if (free_and_strdup(&s->boot_id, a->boot_id) < 0 || free_and_strdup(&s->note.type, a->type) < 0)
                return -ENOMEM;
        r = free_and_strdup(&s->w->params.kname, a->kname);
        if (r > 0)
                (void) worker_drive_name(s->w, s->drive);
        return MIN(r, 0);
}

static uint64_t keep_alive_place(SelfTest *s)
{
        uint64_t now = now_usec(CLOCK_MONOTONIC), place;

        if (!s->w->params.self_test_keep_alive || !s->note.started ||
            (s->keep_alive_usec > 0 && now - s->keep_alive_usec < KEEP_ALIVE_USEC))
                return UINT64_MAX;

        s->keep_alive_usec = now;
        return getrandom(&place, sizeof(place), 0) == sizeof(place) ? place >> 1 : now;
}

static int look_once(Worker *w, void *userdata)
{
        _cleanup_(remote_self_test_done) RemoteSelfTest a = { 0 };
        SelfTest *s = userdata;
        int r;

        r = remote_self_test_read(&w->remote, w->params.kname, s->ident, s->note.type, keep_alive_place(s),
                                  &a);
        return r < 0 ? r : take_answer(s, &a);
}

/* --- before the start ------------------------------------------------------------------------------------------ */

static int check_identity(SelfTest *s)
{
        const DriveIdentity *want = &s->w->params.identity, *is = &s->smart.identity;
        bool same = (!want->serial || !is->serial || streq(want->serial, is->serial)) &&
                    (!want->wwn || !is->wwn || streq(want->wwn, is->wwn));
        int r;

        /* That it is there by the host's own line is how it was found. */
        r = report_line(s->report, same ? VERDICT_PASSED : VERDICT_INCONCLUSIVE, "identity",
                        s->w->params.target.api ? source(s) : "smartctl, sysfs",
                        strf("%s, serial %s", want->wwn ?: "no WWN", want->serial ?: "none"),
                        strf("%s, serial %s", is->wwn ?: "no WWN", is->serial ?: "none"),
                        same ? NULL
                             : strf("%s: the drive there is another one (serial %s)", s->drive,
                                    is->serial ?: "none"));
        return r < 0 ? r : !same;
}

static int check_supported(SelfTest *s)
{
        const SelfTestReading *now = &s->reading;
        const char *expected = "self-tests, and a log of them that can be read";
        _cleanup_free_ char *signature = NULL;

        if (now->read == SELF_TEST_READ_BRIDGE)
                return give_up_formatted(
                                s, "supported", expected,
                                strf("the bridge in front of it does not let self-tests through: %s",
                                     strempty(now->reason)));
        if (now->read != SELF_TEST_READ_OK)
                return give_up(s, "supported", expected,
                               isempty(now->reason) ? "smartctl's answer cannot be read" : now->reason);
        if (now->supported == SELF_TEST_SUPPORT_NO)
                return give_up(s, "supported", expected,
                               "the drive, or the bridge in front of it, has no self-tests");
        if (self_test_signature(now, &signature) < 0)
                return -ENOMEM;
        if (!signature)
                return give_up(s, "supported", expected,
                               "the drive's log of self-tests, where the result would be, cannot be read");

        return 0;
}

static int first_look(SelfTest *s)
{
        Worker *w = s->w;
        int r;

        if (isempty(s->ident))
                return give_up(s, "present", "the drive is there",
                               "the drive's identity on this host was never taken");

        r = worker_try(w, CONTACT_LIMIT_USEC, look_once, s);
        if (is_ours(r))
                return r;
        if (r == -ESTALE)
                return give_up(s, "present", "the drive is there",
                               "the drive is not on this host, or its identity changed");
        if (r < 0)
                return give_up(s, "contact", "the host reads the drive", worker_error(w));

        r = check_identity(s);
        return r != 0 ? r : check_supported(s);
}

static void tell(SelfTest *s, const char *type, const char *key, const char *words)
{
        _cleanup_json_ struct json_object *o = json_object_new_object();

        if (!o || json_put_string(o, key, words) < 0) {
                (void) log_oom();
                return;
        }
        (void) worker_send(s->w, type, TAKE_PTR(o));
}

static uint64_t interval(const SelfTest *s)
{
        return s->w->params.self_test_interval_usec ?: INTERVAL_USEC;
}

/* Until the drive runs no test of somebody else's. 1: given up. */
static int wait_for_others(SelfTest *s)
{
        uint64_t limit = s->w->params.stall_end_usec ?: STALL_END_USEC, moved = now_usec(CLOCK_BOOTTIME);
        bool said = false;
        int percent = -1, r = 0;

        while (s->reading.activity == SELF_TEST_ACTIVITY_RUNNING) {
                if (!said) {
                        said = true;
                        stage_log_line(s->w->log, LOG_NOTICE,
                                       "%s runs a self-test that burnin did not start; waiting for its end.",
                                       s->drive);
                }
                /* With each look: whoever listens may be new. */
                tell(s, "progress", "waiting",
                     "Waits for the end of a self-test on the drive that burnin did not start.");
                if (s->reading.percent > percent) {
                        percent = s->reading.percent;
                        moved = now_usec(CLOCK_BOOTTIME);
                }
                if (now_usec(CLOCK_BOOTTIME) - moved >= limit)
                        return give_up(s, "other-test", "no other self-test runs",
                                       "the drive says that another self-test runs, and that does not move");

                r = worker_wait(s->w, interval(s));
                if (r < 0)
                        return r;
                r = worker_try(s->w, limit, look_once, s);
                if (is_ours(r))
                        return r;
                if (r < 0)
                        return give_up(s, "contact", "the host reads the drive", worker_error(s->w));
        }

        return 0;
}

/* --- start ----------------------------------------------------------------------------------------------------- */

static int note_save(SelfTest *s)
{
        return self_test_note_save(s->note_path, &s->note);
}

/* What is known of a running test that this process did not start itself. */
static void note_saved_best_effort(SelfTest *s)
{
        int r;

        r = note_save(s);
        if (r < 0)
                (void) log_full_errno(LOG_WARNING, r, s->w->fields, "Failed to store %s: %m", s->note_path);
}

static void set_clock(SelfTest *s)
{
        uint64_t real = now_usec(CLOCK_REALTIME), boot = now_usec(CLOCK_BOOTTIME),
                 elapsed = real > s->note.started_usec ? real - s->note.started_usec : 0;

        s->started_usec = boot - MIN(elapsed, boot);
        s->moved_usec = s->started_usec;
        s->good_usec = boot;
        s->percent = -1;
}

static int note_start(SelfTest *s)
{
        SelfTestNote *n = &s->note;
        int r;

        r = self_test_signature(&s->reading, &n->signature);
        if (r < 0)
                return r;
        if (free_and_strdup(&n->boot_id, s->boot_id) < 0)
                return -ENOMEM;
        n->tries++;
        n->started = true;
        n->seen = false;
        n->started_usec = now_usec(CLOCK_REALTIME);
        n->finishing = s->reading.finishing;
        n->estimate_minutes =
                        s->kind == SELF_TEST_KIND_LONG ? s->reading.long_minutes : s->reading.short_minutes;
        r = note_save(s);
        if (r < 0)
                return r == -ENOMEM ? r
                                    : give_up_formatted(
                                                      s, "baseline", "the drive's log is kept",
                                                      strf("what its log looks like before the test could not be stored: %s",
                                                           strerror(-r)));

        set_clock(s);
        return 0;
}

static void tell_try(SelfTest *s)
{
        _cleanup_json_ struct json_object *o = json_object_new_object();
        _cleanup_free_ char *name = NULL;
        const char *what = s->kind == SELF_TEST_KIND_LONG ? "Long self-test" : "Short self-test";

        name = s->note.tries > 1 ? strf("%s, try %u", what, s->note.tries) : strdup(what);
        if (!o || !name || json_put_u64(o, "phase", s->note.tries) < 0 ||
            json_put_u64(o, "phases", s->note.tries) < 0 || json_put_string(o, "name", name) < 0 ||
            json_put_u64(o, "usec", s->note.started_usec) < 0) {
                (void) log_oom();
                return;
        }
        (void) worker_send(s->w, "phase", TAKE_PTR(o));
}

/* 0: it runs, or nobody knows; 1: given up; -EBUSY: another one was faster. */
static int start_judge(SelfTest *s, const RemoteSelfTest *a)
{
        _cleanup_(self_test_start_done) SelfTestStart start = { .percent = -1 };
        int r;

        r = s->w->params.target.api ? truenas_unpack_start(a->truenas, a->truenas_size, &start)
                                    : self_test_start_parse(a->text, a->size, &start);
        if (r < 0)
                return r;
        if (start.answer == SELF_TEST_ANSWER_STARTED) {
                s->note.seen = true;
                if (start.minutes > 0)
                        s->note.estimate_minutes = start.minutes;
                note_saved_best_effort(s);
                return 0;
        }

        /* The drive has said no: nothing of ours runs in it. */
        s->note.started = false;
        s->note.tries -= start.answer == SELF_TEST_ANSWER_BUSY;
        note_saved_best_effort(s);
        if (start.answer == SELF_TEST_ANSWER_BUSY)
                return -EBUSY;
        return give_up_formatted(s, start.answer == SELF_TEST_ANSWER_UNSUPPORTED ? "supported" : "start",
                                 "the self-test begins",
                                 strf("the %s self-test %s: %s", kind_word(s),
                                      start.answer == SELF_TEST_ANSWER_UNSUPPORTED ? "is not supported"
                                                                                   : "could not be started",
                                      strempty(start.words)));
}

static int start_once(SelfTest *s)
{
        _cleanup_(remote_self_test_done) RemoteSelfTest a = { 0 };
        Worker *w = s->w;
        int r;

        r = note_start(s);
        if (r != 0)
                return r;
        stage_log_line(w->log, LOG_INFO, "Starting the %s self-test of %s%s.", kind_word(s), s->drive,
                       s->note.tries > 1 ? " again" : "");
        tell_try(s);

        r = remote_self_test_start(&w->remote, w->params.kname, s->ident, s->note.type, kind_word(s),
                                   s->boot_id, s->uptime_usec + NOT_AFTER_USEC, &a);
        if (r >= 0)
                return start_judge(s, &a);
        if (is_ours(r))
                return r;
        if (r == -EREMOTEIO || r == -ESTALE) {
                s->note.started = false;
                note_saved_best_effort(s);
                return give_up(s, "start", "the self-test begins", worker_error(w));
        }

        /* No answer: whether it runs is seen by looking. */
        r = worker_contact(w, r == -EKEYREJECTED ? -ENOTCONN : r);
        return MIN(r, 0);
}

/* The drive says that one runs which is not there by the look before: it has begun just now, or never ends. */
static int start_was_busy(SelfTest *s, uint64_t *first_usec)
{
        uint64_t now = now_usec(CLOCK_BOOTTIME);
        int r;

        r = worker_try(s->w, CONTACT_LIMIT_USEC, look_once, s);
        if (is_ours(r))
                return r;
        if (r < 0)
                return give_up(s, "contact", "the host reads the drive", worker_error(s->w));
        if (s->reading.activity == SELF_TEST_ACTIVITY_RUNNING)
                return 0;

        if (*first_usec == 0)
                *first_usec = now;
        if (now - *first_usec >= BUSY_LIMIT_USEC)
                return give_up(s, "other-test", "no other self-test runs",
                               "the drive starts no self-test because one runs, but shows none");
        return worker_wait(s->w, interval(s));
}

static int start(SelfTest *s)
{
        uint64_t busy_usec = 0;

        for (;;) {
                int r;

                r = wait_for_others(s);
                if (r != 0)
                        return r;
                r = start_once(s);
                if (r != -EBUSY)
                        return r;
                r = start_was_busy(s, &busy_usec);
                if (r != 0)
                        return r;
        }
}

/* --- follow ---------------------------------------------------------------------------------------------------- */

static void send_progress(SelfTest *s)
{
        _cleanup_json_ struct json_object *o = json_object_new_object();
        const SelfTestOutcome *is = &s->outcome;

        if (!o || (is->percent >= 0 && json_put_double(o, "percent", MIN(is->percent, 99)) < 0) ||
            json_put_bool(o, "estimated", is->estimated) < 0 ||
            (is->left_usec != USEC_INFINITY &&
             json_put_u64(o, "eta_usec", now_usec(CLOCK_REALTIME) + is->left_usec) < 0) ||
            (s->smart.temperature_mdegc != MDEGC_UNKNOWN &&
             json_put_i64(o, "temperature_mdegc", s->smart.temperature_mdegc) < 0)) {
                (void) log_oom();
                return;
        }
        (void) worker_send(s->w, "progress", TAKE_PTR(o));
}

static int judge(SelfTest *s)
{
        uint64_t now = now_usec(CLOCK_BOOTTIME);
        SelfTestWatch watch = {
                .kind = s->kind,
                .signature = s->note.signature,
                .finishing = s->note.finishing,
                .estimate_minutes = s->note.estimate_minutes,
                .ended_before = s->outcome.ended,
        };
        SelfTestOutcome o;
        int r;

        if (s->reading.activity == SELF_TEST_ACTIVITY_RUNNING && s->reading.percent > s->percent) {
                s->percent = s->reading.percent;
                s->moved_usec = now;
        }
        watch.elapsed_usec = now - s->started_usec;
        watch.unchanged_usec = now - s->moved_usec;

        r = self_test_judge(&watch, &s->reading, &o);
        if (r < 0)
                return r;
        self_test_outcome_done(&s->outcome);
        s->outcome = o;
        return 0;
}

static void take_note(SelfTest *s)
{
        if (s->keep_alive_failed && !s->keep_alive_said) {
                s->keep_alive_said = true;
                stage_log_line(s->w->log, LOG_NOTICE,
                               "The sector that keeps %s awake could not be read; the self-test goes on.",
                               s->drive);
        }
        if (s->reading.activity == SELF_TEST_ACTIVITY_RUNNING && !s->note.seen) {
                s->note.seen = true;
                note_saved_best_effort(s);
        }
}

/* One look. 1: the outcome is final, 0: look again. */
static int look(SelfTest *s, bool *ret_gone)
{
        int r, k;

        r = look_once(s->w, s);
        *ret_gone = r == -ESTALE;
        if (r == -ENOMEM || r == -ECANCELED)
                return r;
        /* A host that answers has lost the drive, or cannot read it: it may come back, as a host may. */
        k = worker_contact(s->w, r == -ESTALE || r == -EREMOTEIO ? 0 : r == -EKEYREJECTED ? -ENOTCONN : r);
        if (k < 0)
                return k;
        if (r < 0)
                return 0;

        r = judge(s);
        if (r < 0)
                return r;
        take_note(s);
        if (s->outcome.state == SELF_TEST_STATE_RUNNING) {
                s->good_usec = now_usec(CLOCK_BOOTTIME);
                send_progress(s);
        }
        if (s->outcome.ended)
                s->good_usec = now_usec(CLOCK_BOOTTIME);
        return s->outcome.final;
}

/* 0: s->outcome is final; 1: given up. */
static int follow(SelfTest *s)
{
        uint64_t limit = s->w->params.stall_end_usec ?: STALL_END_USEC;

        for (;;) {
                uint64_t silent;
                bool gone = false;
                int r;

                r = look(s, &gone);
                if (r != 0)
                        return MIN(r, 0);

                silent = now_usec(CLOCK_BOOTTIME) - s->good_usec;
                if (silent >= limit || (gone && silent >= GONE_LIMIT_USEC))
                        return give_up_formatted(
                                        s, "contact", "the drive can be asked",
                                        strf("contact with the drive was lost, and how its self-test ended is not known: %s",
                                             s->w->failures > 0 || gone ? worker_error(s->w)
                                                                        : strempty(s->outcome.words)));

                r = worker_wait(s->w, s->outcome.ended ? MIN(interval(s), ENDED_USEC) : interval(s));
                if (r < 0)
                        return r;
        }
}

/* --- the end --------------------------------------------------------------------------------------------------- */

/* One that was aborted says nothing of the drive; nor does one that has left no trace, where it never began or its host was
 * restarted meanwhile. */
static bool was_aborted(const SelfTest *s)
{
        const SelfTestOutcome *is = &s->outcome;

        return is->state == SELF_TEST_STATE_ABORTED || is->state == SELF_TEST_STATE_INTERRUPTED ||
               (is->unknown == SELF_TEST_UNKNOWN_NOT_LOGGED &&
                (!s->note.seen || !streq_ptr(s->note.boot_id, s->boot_id)));
}

/* 1: start it again. */
static int try_again(SelfTest *s)
{
        _cleanup_free_ char *reason = NULL;
        int r;

        s->note.started = false;
        if (free_and_strdup(&s->note.aborted, s->outcome.words) < 0)
                return -ENOMEM;
        note_saved_best_effort(s);
        if (!was_aborted(s) || s->note.tries > s->w->params.self_test_retries)
                return 0;

        reason = strf("its %s self-test was aborted (%s), and is started again", kind_word(s),
                      strempty(s->outcome.words));
        if (!reason)
                return -ENOMEM;
        stage_log_line(s->w->log, LOG_NOTICE, "%s: %s.", s->drive, reason);
        tell(s, "retry", "reason", reason);

        r = worker_try(s->w, s->w->params.stall_end_usec ?: STALL_END_USEC, look_once, s);
        if (is_ours(r))
                return r;
        if (r < 0) {
                r = give_up(s, "contact", "the host reads the drive", worker_error(s->w));
                return MIN(r, 0);
        }
        self_test_outcome_done(&s->outcome);
        return 1;
}

static char *result_reason(const SelfTest *s)
{
        const SelfTestOutcome *is = &s->outcome;
        char lba[64] = "";

        if (is->has_lba)
                (void) snprintf(lba, sizeof(lba), " (first bad LBA %" PRIu64 ")", is->lba);

        switch (is->state) {
        case SELF_TEST_STATE_FAILED:
                return strf("%s: its %s self-test failed: %s%s", s->drive, kind_word(s), strempty(is->words),
                            lba);
        case SELF_TEST_STATE_UNSUPPORTED:
                return strf("%s: its %s self-test is not supported: %s", s->drive, kind_word(s),
                            strempty(is->words));
        default:
                if (was_aborted(s))
                        return strf("%s: its %s self-test was aborted, %u time%s (%s). Something on the host or a "
                                    "bridge ends it: look for daemons that spin drives down, and for other self-tests",
                                    s->drive, kind_word(s), s->note.tries, s->note.tries == 1 ? "" : "s",
                                    strempty(is->words));
                return strf("%s: how its %s self-test ended is not known: %s", s->drive, kind_word(s),
                            strempty(is->words));
        }
}

static int add_details(SelfTest *s)
{
        struct json_object *details = report_details(s->report);
        _cleanup_json_ struct json_object *o = json_object_new_object();
        const SelfTestOutcome *is = &s->outcome;

        if (!details || !o || json_put_string(o, "state", self_test_state_to_string(is->state)) < 0 ||
            json_put_string(o, "words", is->words) < 0 || json_put_u64(o, "tries", s->note.tries) < 0 ||
            json_put_u64(o, "started_usec", s->note.started_usec) < 0 ||
            (is->has_lba && json_put_u64(o, "lba", is->lba) < 0))
                return -ENOMEM;

        return json_put(details, "self_test", TAKE_PTR(o));
}

static int conclude(SelfTest *s)
{
        const SelfTestOutcome *is = &s->outcome;
        Verdict v = is->state == SELF_TEST_STATE_PASSED   ? VERDICT_PASSED
                    : is->state == SELF_TEST_STATE_FAILED ? VERDICT_FAILED
                                                          : VERDICT_INCONCLUSIVE;
        int r;

        r = report_line(s->report, v, "self-test", source(s),
                        strdup("passed, in an entry of the drive's log that came after the start"),
                        strf("%s: %s, try %u", self_test_state_to_string(is->state), strempty(is->words),
                             s->note.tries),
                        v == VERDICT_PASSED ? NULL : result_reason(s));
        return r < 0 ? r : add_details(s);
}

/* An API knows a drive by what it tells of it. */
static char *identity_text(const DriveIdentity *i)
{
        _cleanup_json_ struct json_object *o = drive_identity_to_json(i);

        return o ? strdup(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN)) : NULL;
}

static int self_test_init(Worker *w, StageReport *report, SelfTest *s)
{
        int r;

        *s = (SelfTest){
                .w = w,
                .report = report,
                .kind = w->params.kind == STAGE_LONG_SMART ? SELF_TEST_KIND_LONG : SELF_TEST_KIND_SHORT,
                .smart.temperature_mdegc = MDEGC_UNKNOWN,
                .note_path = strf("%s.state", w->params.log_path),
        };
        (void) worker_drive_name(w, s->drive);
        s->ident = w->params.target.api ? identity_text(&w->params.identity)
                                        : strdup(strempty(w->params.identity.fingerprint));
        if (!s->note_path || !s->ident)
                return -ENOMEM;

        r = self_test_note_load(s->note_path, w->params.run, &s->note);
        return r == -ENOENT ? 0 : r;
}

static int self_test_run(Worker *w, StageReport *report)
{
        _cleanup_(self_test_done) SelfTest s = { 0 };
        int r;

        r = self_test_init(w, report, &s);
        if (r < 0)
                return r;

        if (s.note.started) {
                stage_log_line(w->log, LOG_INFO, "Following the %s self-test of %s again.", kind_word(&s),
                               s.drive);
                set_clock(&s);
                tell_try(&s);
        } else {
                r = first_look(&s);
                if (r == 0)
                        r = start(&s);
                if (r != 0)
                        return MIN(r, 0);
        }

        for (;;) {
                r = follow(&s);
                if (r != 0)
                        return MIN(r, 0);
                r = try_again(&s);
                if (r <= 0)
                        return r < 0 || report->verdict > VERDICT_PASSED ? r : conclude(&s);
                r = start(&s);
                if (r != 0)
                        return MIN(r, 0);
        }
}

/* --- cancel ---------------------------------------------------------------------------------------------------- */

/* 1: proven that ours does not run. */
static int abort_once(SelfTest *s, bool *asked)
{
        _cleanup_(remote_self_test_done) RemoteSelfTest a = { 0 };
        Worker *w = s->w;
        int r;

        r = look_once(w, s);
        if (r >= 0)
                r = judge(s);
        if (r < 0)
                return r;
        if (s->reading.read == SELF_TEST_READ_OK && s->reading.activity == SELF_TEST_ACTIVITY_IDLE)
                return 1;
        /* One that is there by now is somebody else's. */
        if (s->outcome.final && s->outcome.state != SELF_TEST_STATE_UNKNOWN)
                return 1;

        *asked = true;
        r = remote_self_test_abort(&w->remote, w->params.kname, s->ident, s->note.type, &a);
        return MIN(r, 0);
}

static bool self_test_stop(Worker *w)
{
        const bool *interrupt = w->remote.interrupt;
        uint64_t end = now_usec(CLOCK_BOOTTIME) + CANCEL_LIMIT_USEC;
        _cleanup_(self_test_done) SelfTest s = { 0 };
        bool gone = false, asked = false;

        if (self_test_init(w, NULL, &s) < 0)
                return false;
        if (!s.note.started)
                return true;
        set_clock(&s);

        /* As in worker_cancel_run(): a cancel that comes meanwhile has its own time. */
        w->remote.interrupt = w->cancel ? NULL : &w->cancel;
        w->remote.deadline_usec = end;
        for (;;) {
                int r;

                r = abort_once(&s, &asked);
                gone = r > 0;
                if (gone || r == -EKEYREJECTED || r == -ECANCELED ||
                    now_usec(CLOCK_BOOTTIME) + ABORT_AGAIN_USEC >= end)
                        break;
                if (r < 0)
                        stage_log_line(w->log, LOG_NOTICE,
                                       "The self-test is not proven to have ended yet (%s), trying again.",
                                       worker_error(w));
                if (worker_rest(w, ABORT_AGAIN_USEC) < 0)
                        break;
        }
        w->remote.interrupt = interrupt;
        w->remote.deadline_usec = 0;

        if (gone) {
                s.note.started = false;
                note_saved_best_effort(&s);
                stage_log_line(w->log, LOG_INFO, "The %s self-test of %s %s.", kind_word(&s), s.drive,
                               asked ? "was aborted" : "had ended already");
        }
        return gone;
}

const StageType stage_short_smart = {
        .kind = STAGE_SHORT_SMART,
        .run = self_test_run,
        .stop = self_test_stop,
};

const StageType stage_long_smart = {
        .kind = STAGE_LONG_SMART,
        .run = self_test_run,
        .stop = self_test_stop,
};
