/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "basic/string-util.h"
#include "basic/time-util.h"
#include "daemon/drive.h"
#include "daemon/job.h"
#include "daemon/safety.h"
#include "daemon/self-test.h"
#include "daemon/stage.h"
#include "daemon/submit.h"
#include "shared/names.h"

#define WORDS_MAX  512U
#define LOGGED_MAX 128U
/* A new entry in the drive's log that comes so soon after the end of one of ours is that one. */
#define SAME_TEST_USEC (15 * USEC_PER_MINUTE)

static const char *const types[_SELF_TEST_TYPE_MAX] = {
        [SELF_TEST_SHORT] = "short",
        [SELF_TEST_LONG] = "long",
};

static int type_from_string(const char *s)
{
        for (int i = 0; i < _SELF_TEST_TYPE_MAX; i++)
                if (streq_ptr(types[i], s))
                        return i;

        return -1;
}

/* What a drive's log calls it, and the judge of a worker. */
static const char *state_from_result(const char *result)
{
        static const struct {
                const char *result, *state;
        } table[] = {
                { "passed", "passed" },
                { "failed", "failed" },
                { "aborted", "aborted" },
                { "interrupted", "aborted" },
        };

        for (size_t i = 0; i < ELEMENTSOF(table); i++)
                if (streq_ptr(table[i].result, result))
                        return table[i].state;

        return "unknown";
}

static void end_done(SelfTestEnd *e)
{
        free(e->state);
        free(e->words);
        free(e->logged);
        *e = (SelfTestEnd){};
}

void self_tests_done(DriveSelfTests *t)
{
        for (size_t i = 0; i < _SELF_TEST_TYPE_MAX; i++)
                end_done(t->ends + i);
}

/* --- the drive's row ------------------------------------------------------------------------------------------- */

static int end_from_json(struct json_object *o, SelfTestEnd *ret)
{
        _cleanup_(end_done) SelfTestEnd e = {};
        int r;

        if ((r = json_dup_text(o, "state", NAME_MAX_CHARS, &e.state)) < 0 ||
            (r = json_dup_text(o, "words", WORDS_MAX, &e.words)) < 0 ||
            (r = json_dup_text(o, "logged", LOGGED_MAX, &e.logged)) < 0 ||
            (r = json_get_u64(o, "usec", &e.usec)) < 0 || (r = json_get_u64(o, "lba", &e.lba)) < 0)
                return r;
        e.has_lba = r > 0;

        end_done(ret);
        *ret = e;
        e = (SelfTestEnd){};
        return 0;
}

static void take_minutes(DriveSelfTests *t, struct json_object *o)
{
        (void) json_get_u32(o, "short_minutes", t->minutes + SELF_TEST_SHORT);
        (void) json_get_u32(o, "long_minutes", t->minutes + SELF_TEST_LONG);
}

void self_tests_load(Drive *d)
{
        _cleanup_json_ struct json_object *smart = NULL, *o = NULL;
        DriveSelfTests *t = &d->self_tests;
        struct json_object *reading = NULL;

        t->type = t->percent = -1;
        if (d->record.smart && json_parse(d->record.smart, strlen(d->record.smart), &smart) >= 0 &&
            json_get(smart, "self_test", json_type_object, &reading) > 0)
                take_minutes(t, reading);
        if (!d->record.self_tests || json_parse(d->record.self_tests, strlen(d->record.self_tests), &o) < 0)
                return;

        for (size_t i = 0; i < _SELF_TEST_TYPE_MAX; i++) {
                struct json_object *e;

                if (json_get(o, types[i], json_type_object, &e) > 0 && end_from_json(e, t->ends + i) >= 0)
                        t->ended_usec = MAX(t->ended_usec, t->ends[i].usec);
        }
}

static struct json_object *end_to_json(const SelfTestEnd *e)
{
        _cleanup_json_ struct json_object *o = json_object_new_object();

        if (!o || json_put_string(o, "state", e->state) < 0 || json_put_string(o, "words", e->words) < 0 ||
            json_put_string(o, "logged", e->logged) < 0 || json_put_u64(o, "usec", e->usec) < 0 ||
            (e->has_lba && json_put_u64(o, "lba", e->lba) < 0))
                return NULL;

        return TAKE_PTR(o);
}

static int self_tests_pack(Drive *d)
{
        _cleanup_json_ struct json_object *o = json_object_new_object();

        for (size_t i = 0; o && i < _SELF_TEST_TYPE_MAX; i++)
                if (json_put(o, types[i], end_to_json(d->self_tests.ends + i)) < 0)
                        return -ENOMEM;
        if (!o)
                return -ENOMEM;

        return free_and_strdup(&d->record.self_tests,
                               json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN));
}

/* --- what is heard of them ------------------------------------------------------------------------------------- */

/* The newest entry of a type in the drive's log. 1: it is new. */
static int end_on_logged(SelfTestEnd *e, struct json_object *o)
{
        _cleanup_(end_done) SelfTestEnd now = {};
        const char *result = NULL;
        int r;

        r = end_from_json(o, &now);
        if (r < 0)
                return r;
        if (json_get_string(o, "result", &result) <= 0 || !now.logged)
                return -EBADMSG;
        if (streq_ptr(now.logged, e->logged))
                return 0;
        if (free_and_strdup(&now.state, state_from_result(result)) < 0)
                return -ENOMEM;
        if (now_usec(CLOCK_REALTIME) - e->usec < SAME_TEST_USEC)
                now.usec = e->usec;

        end_done(e);
        *e = now;
        now = (SelfTestEnd){};
        return 1;
}

int self_tests_on_reading(Drive *d, struct json_object *smart)
{
        DriveSelfTests *t = &d->self_tests;
        struct json_object *o = NULL, *e;
        const char *kind = NULL;
        bool running = false;
        int32_t percent = -1;
        int type, changed = 0, r;

        /* Its parts were made clean by the parser, and were bounded on their way. What is missing is not known. */
        if (json_get(smart, "self_test", json_type_object, &o) <= 0)
                return 0;

        for (size_t i = 0; i < _SELF_TEST_TYPE_MAX; i++)
                if (json_get(o, types[i], json_type_object, &e) > 0) {
                        r = end_on_logged(t->ends + i, e);
                        if (r < 0)
                                return r == -ENOMEM ? r : 0;
                        changed |= r;
                }
        if (changed) {
                r = self_tests_pack(d);
                if (r < 0)
                        return r;
        }

        take_minutes(t, o);
        (void) json_get_bool(o, "running", &running);
        (void) json_get_string(o, "kind", &kind);
        (void) json_get_i32(o, "percent", &percent);
        running = running && d->record.smart_usec > t->ended_usec;
        type = type_from_string(kind);
        if (running != t->running || type != t->type || percent != t->percent)
                changed = 1;
        t->running = running;
        t->type = type;
        t->percent = percent;

        return changed;
}

static int stage_self_test_type(const Stage *s)
{
        return !stage_is_self_test(s)               ? -1
               : s->record.kind == STAGE_LONG_SMART ? SELF_TEST_LONG
                                                    : SELF_TEST_SHORT;
}

/* A stage that ended without its worker's word, or before the start, has no details: then its verdict tells. */
static int end_on_report(SelfTestEnd *e, const Stage *s)
{
        const char *state = s->record.verdict == VERDICT_CANCELLED ? "aborted" : "unknown",
                   *words = s->record.reason;
        struct json_object *o = NULL;
        int r = 0;

        e->has_lba = false;
        if (s->report.details && json_get(s->report.details, "self_test", json_type_object, &o) > 0) {
                (void) json_get_string(o, "state", &state);
                (void) json_get_string(o, "words", &words);
                r = json_get_u64(o, "lba", &e->lba);
        }
        e->has_lba = r > 0;
        e->usec = s->record.finished_usec;
        if (free_and_strdup(&e->state, streq(state, "aborted") ? state : state_from_result(state)) < 0)
                return -ENOMEM;
        free(e->words);
        e->words = str_clean(strempty(words), strlen(strempty(words)), WORDS_MAX, false);

        return e->words ? 0 : -ENOMEM;
}

void self_tests_on_report(Drive *d, const Stage *s)
{
        DriveSelfTests *t = &d->self_tests;
        int type = stage_self_test_type(s), r;

        if (type < 0)
                return;

        r = end_on_report(t->ends + type, s);
        t->ended_usec = MAX(t->ended_usec, s->record.finished_usec);
        t->running = false;
        if (r >= 0)
                r = self_tests_pack(d);
        if (r >= 0)
                r = store_drive_put(d->manager->store, &d->record);
        if (r < 0)
                (void) manager_store_failed(d->manager, r);
        self_tests_on_progress(d);
}

void self_tests_on_progress(Drive *d)
{
        drive_emit_changed(d, (const char *const[]){ "SelfTests", NULL });
}

bool self_tests_foreign(const Drive *d)
{
        const Stage *s = d->job ? job_current_stage(d->job) : NULL;

        return d->self_tests.running && !(s && stage_is_self_test(s));
}

/* --- on the bus ------------------------------------------------------------------------------------------------ */

typedef struct SelfTestView {
        const char *state, *words;
        int32_t percent;
        int estimated;
        uint64_t eta_usec, ended_usec;
        int64_t lba;
} SelfTestView;

static int view_append(const char *type, const SelfTestView *v, sd_bus_message *reply)
{
        return sd_bus_message_append(reply, "{sa{sv}}", type, 7, "State", "s", v->state, "Percent", "i",
                                     v->percent, "Estimated", "b", v->estimated, "ETAUSec", "t", v->eta_usec,
                                     "Words", "s", strempty(v->words), "LBA", "x", v->lba, "EndedUSec", "t",
                                     v->ended_usec);
}

static SelfTestView view_of_end(const SelfTestEnd *e)
{
        return (SelfTestView){
                .state = e->state ?: "idle",
                .words = e->words,
                .percent = -1,
                .lba = e->has_lba && e->lba <= INT64_MAX ? (int64_t) e->lba : -1,
                .ended_usec = e->usec,
        };
}

int self_tests_append(const Drive *d, sd_bus_message *reply)
{
        const Stage *s = d->job ? job_current_stage(d->job) : NULL;
        const DriveSelfTests *t = &d->self_tests;
        int ours = s ? stage_self_test_type(s) : -1, r;
        const SelfTestView foreign = {
                .state = "running",
                .words = "not started by burnin",
                .percent = t->percent,
                .lba = -1,
        };

        r = sd_bus_message_open_container(reply, 'a', "{sa{sv}}");
        for (int i = 0; r >= 0 && i < _SELF_TEST_TYPE_MAX; i++) {
                SelfTestView v = view_of_end(t->ends + i);

                if (i == ours)
                        v = (SelfTestView){
                                .state = "running",
                                .words = s->watch.waiting,
                                .percent = (int32_t) s->record.percent,
                                .estimated = s->estimated,
                                .eta_usec = s->record.eta_usec,
                                .lba = -1,
                        };
                else if (self_tests_foreign(d) && i == t->type)
                        v = foreign;
                r = view_append(types[i], &v, reply);
        }
        /* An ATA drive does not say which one runs. */
        if (r >= 0 && self_tests_foreign(d) && t->type < 0)
                r = view_append("unknown", &foreign, reply);
        if (r < 0)
                return r;

        return sd_bus_message_close_container(reply);
}

/* --- start and cancel ------------------------------------------------------------------------------------------ */

static int self_test_queue(Drive *d, const Plan *plan, const Actor *actor, Job **ret)
{
        _cleanup_(store_rollbackp) Store *transaction = NULL;
        _cleanup_(job_freep) Job *j = NULL;
        Manager *m = d->manager;
        int r;

        r = store_begin(m->store);
        if (r < 0)
                return r;
        transaction = m->store;
        r = job_new(m, d, &(JobOptions){ .plan = *plan }, actor, NULL, NULL, &j);
        if (r < 0)
                return r;
        r = store_commit(m->store);
        if (r < 0)
                return r;

        transaction = NULL;
        *ret = TAKE_PTR(j);
        return 0;
}

int self_test_start(Drive *d, const char *type, const Actor *actor, Job **ret, sd_bus_error *error)
{
        _cleanup_free_ char *text = NULL;
        Manager *m = d->manager;
        const char *name;
        Plan plan;
        Job *j;
        int r;

        if (plan_self_test(type, &plan) < 0)
                return sd_bus_error_setf(error, BUS_ERROR_INVALID_ARGUMENT,
                                         "A self-test is \"short\" or \"long\", not \"%s\".", SHOWN(type));
        r = safety_check_drive(d, NULL, &name, &text);
        if (r < 0)
                return r;
        if (r == SAFETY_REFUSED)
                return sd_bus_error_set(error, name, text);
        if (self_tests_foreign(d))
                return sd_bus_error_setf(
                                error, BUS_ERROR_DRIVE_BUSY,
                                "Drive %s (%s on %s) runs a self-test that burnin did not start. Wait for its end.",
                                strempty(d->record.identity.serial), strempty(d->record.kname),
                                strempty(d->record.host));
        r = submit_check_room(m, 1, error);
        if (r < 0)
                return r;

        r = self_test_queue(d, &plan, actor, &j);
        if (r < 0) {
                (void) manager_store_failed(m, r);
                return sd_bus_error_setf(error, BUS_ERROR_STORE,
                                         "The job could not be recorded (%s). Nothing was started.",
                                         strerror(-r));
        }

        job_announce(j);
        *ret = j;
        return 0;
}

int self_test_cancel(Drive *d, const Actor *actor, sd_bus_error *error)
{
        const char *serial = strempty(d->record.identity.serial), *kname = strempty(d->record.kname),
                   *host = strempty(d->record.host);

        if (d->job && !job_is_self_test(d->job))
                return sd_bus_error_setf(error, BUS_ERROR_WRONG_STATE,
                                         "Drive %s (%s on %s) is in job %" PRIu64
                                         ", a burn-in: cancel that job.",
                                         serial, kname, host, d->job->record.id);
        if (!d->job && self_tests_foreign(d))
                return sd_bus_error_setf(
                                error, BUS_ERROR_WRONG_STATE,
                                "Drive %s (%s on %s) runs a self-test that burnin did not start. Cancel it where it was "
                                "started.",
                                serial, kname, host);
        if (!d->job)
                return sd_bus_error_setf(error, BUS_ERROR_WRONG_STATE,
                                         "Drive %s (%s on %s) runs no self-test.", serial, kname, host);

        return job_cancel(d->job, actor, NULL);
}
