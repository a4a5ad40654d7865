/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "basic/calendar.h"
#include "basic/string-util.h"
#include "basic/strv.h"
#include "basic/time-util.h"
#include "daemon/audit.h"
#include "daemon/authz.h"
#include "daemon/grant.h"
#include "daemon/job.h"
#include "daemon/safety.h"
#include "daemon/submit.h"
#include "shared/bus-util.h"
#include "shared/names.h"

#define DEFAULT_PROFILE    "surface"
#define DETAIL_SERIALS_MAX 32 /* in the question to a person; more are counted */
/* How far ahead a job may be scheduled: further on it is a mistake in typing. */
#define SCHEDULE_DAYS_MAX 366U
#define SCHEDULE_MAX_USEC (SCHEDULE_DAYS_MAX * 24 * USEC_PER_HOUR)

/* What becomes of one drive of the submission. */
typedef struct Choice {
        const char *name, *serial; /* as the caller gave them; borrowed from the message */
        Drive *drive;
        Grant *waiting; /* of the drive; NULL: none, or it is not to be used */
        GrantRecord listed; /* existing data, unlocked by the drive's serial in this very call; LOCK_NONE: none */
        sd_bus_error error; /* set: refused */
        Job *job;           /* queued */
} Choice;

typedef struct Submission {
        Manager *manager;
        Choice *choices;
        size_t n;
        JobOptions options;
        char **stages; /* as chosen; NULL: by profile */
        int confirmed, unlock, unlock_existing, release;
        bool at_given;
        const Job *retried; /* NULL: it is none again */
} Submission;

static void submission_done(Submission *s)
{
        for (size_t i = 0; i < s->n; i++) {
                sd_bus_error_free(&s->choices[i].error);
                grant_record_done(&s->choices[i].listed);
        }
        free(s->choices);
        strv_free(s->stages);
}

int submit_find_drive(Manager *m, const char *name, Drive **ret, sd_bus_error *error)
{
        int r;

        r = drive_find_by_name(m, name, ret);
        if (r == -ENOENT)
                return sd_bus_error_setf(
                                error, BUS_ERROR_NO_SUCH_DRIVE,
                                "There is no drive \"%s\" here; burninctl drives lists those that are known.",
                                SHOWN(name));
        if (r == -EEXIST)
                return sd_bus_error_setf(
                                error, BUS_ERROR_INVALID_ARGUMENT,
                                "Several drives have the serial \"%s\"; name one as HOST:DEVNAME or by its id.",
                                SHOWN(name));

        return r;
}

int submit_check_room(const Manager *m, size_t n, sd_bus_error *error)
{
        if (m->n_queued + m->n_running + n > JOBS_ACTIVE_MAX)
                return sd_bus_error_setf(error, BUS_ERROR_LIMIT_REACHED, "At most %u jobs can be active.",
                                         JOBS_ACTIVE_MAX);

        return 0;
}

static int submission_read_drives(Submission *s, sd_bus_message *m, sd_bus_error *error)
{
        size_t allocated = 0;
        int r;

        r = sd_bus_message_enter_container(m, 'a', "(ss)");
        if (r < 0)
                return r;

        for (;;) {
                const char *name, *serial;

                r = sd_bus_message_read(m, "(ss)", &name, &serial);
                if (r < 0)
                        return r;
                if (r == 0)
                        break;
                if (s->n >= BATCH_MAX)
                        return sd_bus_error_setf(error, BUS_ERROR_LIMIT_REACHED,
                                                 "A batch has at most %u drives.", BATCH_MAX);
                if (s->n >= allocated) {
                        Choice *c;

                        allocated = MAX((size_t) 16, allocated * 2);
                        c = reallocarray(s->choices, allocated, sizeof(Choice));
                        if (!c)
                                return -ENOMEM;
                        s->choices = c;
                }
                s->choices[s->n++] = (Choice){ .name = name, .serial = serial };
        }

        if (s->n == 0)
                return sd_bus_error_setf(error, BUS_ERROR_INVALID_ARGUMENT, "No drive was named.");

        return sd_bus_message_exit_container(m);
}

int submit_read_plan(const char *profile, char *const *stages, Plan *ret, sd_bus_error *error)
{
        if (stages && profile)
                return sd_bus_error_setf(
                                error, BUS_ERROR_INVALID_OPTION,
                                "A profile names its stages: give one of \"profile\" and \"stages\".");
        if (stages && plan_by_stages(stages, ret) < 0)
                return sd_bus_error_setf(
                                error, BUS_ERROR_INVALID_OPTION,
                                "Stages are one or more of short_smart, long_smart, surface_validate, nvme_format, nvme_sanitize, each once.");
        if (!stages && plan_by_profile(profile ?: DEFAULT_PROFILE, ret) < 0)
                return sd_bus_error_setf(error, BUS_ERROR_INVALID_OPTION, "There is no profile \"%s\".",
                                         SHOWN(profile));

        return 0;
}

static int submission_read(Submission *s, sd_bus_message *m, sd_bus_error *error)
{
        const char *profile = NULL;
        const BusOption options[] = {
                { "profile", 's', &profile, NULL },
                { "stages", 'a', &s->stages, NULL },
                { "confirmed", 'b', &s->confirmed, NULL },
                { "priority", 'i', &s->options.priority, NULL },
                { "note", 's', &s->options.note, NULL },
                { "request", 's', &s->options.request, NULL },
                { "calendar", 's', &s->options.calendar, NULL },
                { "at", 't', &s->options.not_before_usec, &s->at_given },
                { "unlock", 'b', &s->unlock, NULL },
                { "release", 'b', &s->release, NULL },
                { "unlock_existing", 'b', &s->unlock_existing, NULL },
        };
        int r;

        r = submission_read_drives(s, m, error);
        if (r < 0)
                return r;
        r = bus_read_options(m, options, ELEMENTSOF(options), error);
        if (r < 0)
                return r;

        r = submit_read_plan(profile, s->stages, &s->options.plan, error);
        if (r < 0)
                return r;
        if (!plan_is_destructive(&s->options.plan) && (s->unlock || s->unlock_existing || s->release))
                return sd_bus_error_setf(
                                error, BUS_ERROR_INVALID_OPTION,
                                "Nothing is written by these stages: no drive has to be unlocked or released for them.");
        if (s->release && !s->unlock)
                return sd_bus_error_setf(error, BUS_ERROR_INVALID_OPTION,
                                         "release is for drives that were unlocked: it needs unlock.");
        if (!job_priority_is_valid(s->options.priority))
                return sd_bus_error_setf(error, BUS_ERROR_INVALID_OPTION, "A priority is %i to %i.",
                                         -JOB_PRIORITY_MAX, JOB_PRIORITY_MAX);
        r = bus_check_text("A note", strempty(s->options.note), TEXT_MAX_BYTES, true,
                           BUS_ERROR_INVALID_OPTION, error);
        if (r < 0)
                return r;
        if (s->options.request && !str_in_charset(s->options.request, ".:_-", NAME_MAX_CHARS))
                return sd_bus_error_setf(error, BUS_ERROR_INVALID_OPTION,
                                         "A request id has 1 to %u letters, digits, '.', ':', '_', '-'.",
                                         NAME_MAX_CHARS);
        if (s->at_given && s->options.calendar)
                return sd_bus_error_setf(error, BUS_ERROR_INVALID_OPTION,
                                         "A job starts at a time or by a calendar expression, not both.");

        return 0;
}

/* From the options to the time before which no job starts. An expression gives the next time it names, once and for all: it is
 * what the caller is told and what stays, whatever becomes of clock and time zone. */
static int submission_schedule(Submission *s, sd_bus_error *error)
{
        uint64_t now = now_usec(CLOCK_REALTIME), until = now + SCHEDULE_MAX_USEC;
        JobOptions *o = &s->options;
        int r;

        if (s->at_given && (o->not_before_usec < now || o->not_before_usec > until))
                return sd_bus_error_setf(error, BUS_ERROR_INVALID_OPTION,
                                         o->not_before_usec < now ? "That time is over. Nothing was started."
                                                                  : "That time is more than %u days ahead.",
                                         SCHEDULE_DAYS_MAX);
        if (!o->calendar)
                return 0;

        r = calendar_next(o->calendar, now, until, &o->not_before_usec);
        if (r == -ENOENT)
                return sd_bus_error_setf(error, BUS_ERROR_INVALID_OPTION,
                                         "\"%s\" names no time in the next %u days.", SHOWN(o->calendar),
                                         SCHEDULE_DAYS_MAX);
        if (r < 0)
                return sd_bus_error_setf(
                                error, BUS_ERROR_INVALID_OPTION,
                                "This is no calendar expression that is understood here; see burninctl(1).");

        return 0;
}

static int choice_check_serial(const Submission *s, Choice *c)
{
        const char *serial = c->drive->record.identity.serial;
        bool must_be_typed = s->n == 1 && plan_is_destructive(&s->options.plan);

        if (isempty(serial) && (must_be_typed || !isempty(c->serial)))
                return sd_bus_error_setf(
                                &c->error, BUS_ERROR_DRIVE_IDENTITY,
                                "Drive %s on %s gives no serial of its own that could be confirmed. Nothing was started.",
                                strempty(c->drive->record.kname), strempty(c->drive->record.host));
        if (must_be_typed && isempty(c->serial))
                return sd_bus_error_setf(
                                &c->error, BUS_ERROR_NOT_CONFIRMED,
                                "The burn-in destroys everything on drive %s (%s on %s). Its serial must be typed.",
                                strempty(serial), strempty(c->drive->record.kname),
                                strempty(c->drive->record.host));
        if (!isempty(c->serial) && !streq_ptr(c->serial, serial))
                return sd_bus_error_setf(
                                &c->error, BUS_ERROR_WRONG_SERIAL,
                                "The serial \"%s\" is not that of drive %s on %s. Nothing was started.",
                                SHOWN(c->serial), strempty(c->drive->record.kname),
                                strempty(c->drive->record.host));

        return 0;
}

/* What leave there is to take this drive although it is locked. */
static int choice_find_grant(const Submission *s, Choice *c)
{
        _cleanup_free_ char *text = NULL;
        const Drive *d = c->drive;
        const char *name;
        int r;

        if (s->unlock)
                c->waiting = grant_of_drive(s->manager, d);
        if (c->waiting || !s->unlock_existing || drive_lock_role(d) != LOCK_EXISTING_DATA ||
            d->record.lock.used)
                return 0;
        if (isempty(c->serial))
                return sd_bus_error_setf(
                                       &c->error, BUS_ERROR_NOT_CONFIRMED,
                                       "Drive %s (%s on %s) holds data (%s). To unlock it in this call, its serial must be listed.",
                                       strempty(d->record.identity.serial), strempty(d->record.kname),
                                       strempty(d->record.host), drive_lock_detail(d)),
                       0;

        r = safety_check_unlock(d, &name, &text);
        if (r == SAFETY_REFUSED)
                return sd_bus_error_set(&c->error, name, text), 0;
        if (r >= 0)
                r = grant_record_fill(&c->listed, d);
        if (r >= 0)
                r = free_and_strdup(&c->listed.reason, "its serial was listed in the submission");
        return MIN(r, 0);
}

/* The waiting grant as the job would have it; NULL: none. Strings stay the grant's. */
static const GrantRecord *choice_grant(const Submission *s, const Choice *c, GrantRecord *buffer)
{
        if (c->listed.lock.role != LOCK_NONE)
                return &c->listed;
        if (!c->waiting)
                return NULL;

        *buffer = c->waiting->record;
        buffer->release = s->release;
        return buffer;
}

/* Judges one drive; what is wrong goes into its choice. -ENOMEM alone is returned. */
static int choice_judge(Submission *s, Choice *c, const Choice *earlier, size_t n_earlier)
{
        _cleanup_free_ char *text = NULL;
        const GrantRecord *grant;
        GrantRecord buffer;
        const char *name;
        int r;

        r = submit_find_drive(s->manager, c->name, &c->drive, &c->error);
        if (r < 0)
                return r == -ENOMEM ? r : 0;

        for (size_t i = 0; i < n_earlier; i++)
                if (earlier[i].drive == c->drive && !sd_bus_error_is_set(&earlier[i].error))
                        return sd_bus_error_setf(&c->error, BUS_ERROR_DRIVE_BUSY, "Drive %s is named twice.",
                                                 SHOWN(c->name)),
                               0;
        if (choice_check_serial(s, c) < 0)
                return 0;

        r = choice_find_grant(s, c);
        if (r < 0)
                return r;
        if (sd_bus_error_is_set(&c->error))
                return 0;

        grant = choice_grant(s, c, &buffer);
        r = plan_is_destructive(&s->options.plan)
                            ? safety_check(c->drive, NULL, grant,
                                           c->waiting ? &c->waiting->identity : &c->drive->record.identity,
                                           c->waiting ? c->waiting->since_usec : UINT64_MAX, &name, &text)
                            : safety_check_reading(c->drive, NULL, &name, &text);
        if (r == SAFETY_REFUSED)
                (void) sd_bus_error_set(&c->error, name, text);
        else if (r >= 0 && s->retried &&
                 !drive_identity_equal(&s->retried->identity, &c->drive->record.identity))
                (void) sd_bus_error_setf(&c->error, BUS_ERROR_DRIVE_IDENTITY,
                                         "Drive %s no longer shows the identity it had in job %" PRIu64
                                         ". Start a new job for what is there now.",
                                         c->drive->record.id, s->retried->record.id);

        return r < 0 ? r : 0;
}

static const char *submission_action(const Submission *s)
{
        return plan_is_destructive(&s->options.plan) ? ACTION_START_DESTRUCTIVE : ACTION_START;
}

/* The question that polkit, and through it a person, is asked: one for the whole batch. */
static int submission_authorize(Submission *s, sd_bus_message *m, sd_bus_error *error)
{
        _cleanup_free_ char *count = strf("%zu", s->n), *serials = NULL, *hosts = NULL;
        _cleanup_strv_free_ char **serial_list = NULL, **host_list = NULL, **lock_list = NULL;
        _cleanup_free_ char *locks = NULL;
        const char *listed = NULL; /* the token of what is unlocked in this call */

        for (size_t i = 0; i < s->n; i++) {
                const Drive *d = s->choices[i].drive;

                if (!d)
                        continue;
                if (s->choices[i].waiting || s->choices[i].listed.lock.role != LOCK_NONE) {
                        const char *role = lock_role_to_string(drive_lock_role(d));

                        if (!s->choices[i].waiting)
                                listed = drive_unlock_token(d);
                        if (!strv_contains(lock_list, role) && strv_extend(&lock_list, role) < 0)
                                return -ENOMEM;
                }
                if (strv_length(serial_list) < DETAIL_SERIALS_MAX &&
                    strv_extend(&serial_list, strempty(d->record.identity.serial)) < 0)
                        return -ENOMEM;
                if (d->record.host && !strv_contains(host_list, d->record.host) &&
                    strv_extend(&host_list, d->record.host) < 0)
                        return -ENOMEM;
        }

        serials = strv_join(serial_list, " ");
        hosts = strv_join(host_list, " ");
        locks = strv_join(lock_list, " ");
        if (!count || !serials || !hosts || !locks)
                return -ENOMEM;

        /* Who may start on free drives may not for that reason unlock any. */
        return authz_check_action(s->manager, m, submission_action(s), listed ? ACTION_UNLOCK : NULL,
                                  strempty(serials),
                                  ((PolkitDetail[]){ { "drives", count },
                                                     { "serial", serials },
                                                     { "host", hosts },
                                                     { "profile", s->options.plan.profile },
                                                     { "lock", lock_list ? locks : NULL },
                                                     { "token", listed },
                                                     { "release", s->release ? "yes" : NULL },
                                                     {} }),
                                  error);
}

/* All that can be queued, in one transaction: after it either every one of them is there, or none. */
static int submission_store(Submission *s, const Actor *actor)
{
        _cleanup_(store_rollbackp) Store *transaction = NULL;
        Manager *m = s->manager;
        GrantRecord buffer;
        int r;

        r = store_begin(m->store);
        if (r < 0)
                return r;
        transaction = m->store;

        for (size_t i = 0; i < s->n; i++) {
                Choice *c = s->choices + i;

                if (sd_bus_error_is_set(&c->error))
                        continue;
                if (c->listed.lock.role != LOCK_NONE) {
                        c->listed.operator_uid = actor->uid;
                        r = free_and_strdup(&c->listed.operator, actor->name);
                        if (r >= 0)
                                r = grant_given(m, &c->listed, c->drive, actor);
                        if (r < 0)
                                return r;
                }
                r = job_new(m, c->drive, &s->options, actor, choice_grant(s, c, &buffer),
                            c->waiting ? c->waiting->content : NULL, &c->job);
                if (r < 0)
                        return r;
        }

        r = store_commit(m->store);
        if (r < 0)
                return r;
        transaction = NULL;
        return 0;
}

/* A grant serves the one who was given it. */
static void submission_check_grants(Submission *s, const Actor *actor)
{
        for (size_t i = 0; i < s->n; i++) {
                Choice *c = s->choices + i;

                if (c->waiting &&
                    !actor_is(actor, c->waiting->record.operator_uid, c->waiting->record.operator) &&
                    !sd_bus_error_is_set(&c->error))
                        (void) sd_bus_error_setf(
                                        &c->error, BUS_ERROR_DRIVE_LOCKED,
                                        "Drive %s on %s was unlocked by %s, and the grant is for %s alone. Unlock it yourself.",
                                        strempty(c->drive->record.identity.serial), c->drive->record.host,
                                        c->waiting->record.operator, c->waiting->record.operator);
        }
}

static void submission_use_grants(Submission *s, const Actor *actor)
{
        for (size_t i = 0; i < s->n; i++) {
                Choice *c = s->choices + i;

                if (c->job && c->job->grant.lock.role != LOCK_NONE)
                        grant_used(c->job, actor, TAKE_PTR(c->waiting));
        }
}

static void submission_audit(Submission *s, const Actor *actor)
{
        for (size_t i = 0; i < s->n; i++) {
                const Choice *c = s->choices + i;
                _cleanup_free_ char *object =
                                strf("drive %s", c->drive ? c->drive->record.id : SHOWN(c->name));
                _cleanup_free_ char *job = NULL;

                if (c->job && s->retried)
                        job = strf("job %" PRIu64 ", job %" PRIu64 " again", c->job->record.id,
                                   s->retried->record.id);
                else if (c->job)
                        job = strf("job %" PRIu64, c->job->record.id);

                (void) audit_write(s->manager, actor, submission_action(s), strempty(object),
                                   c->job ? "ok" : "refused", c->job ? job : c->error.message);
                if (c->drive && !c->job)
                        safety_log_refusal(c->drive, strempty(c->error.message));
        }
}

static int choice_append(const Choice *c, sd_bus_message *reply)
{
        _cleanup_free_ char *detail = NULL, *job = NULL;
        const char *result = "queued";
        int r;

        if (sd_bus_error_is_set(&c->error)) {
                result = sd_bus_error_has_name(&c->error, BUS_ERROR_DRIVE_LOCKED) ? "locked" : "skipped";
                detail = strf("%s: %s", c->error.name, strempty(c->error.message));
                if (!detail)
                        return -ENOMEM;
        } else {
                r = job_bus_path_of(c->job->record.id, &job);
                if (r < 0)
                        return r;
        }

        return sd_bus_message_append(reply, "(ssso)", c->drive ? c->drive->record.id : c->name, result,
                                     strempty(detail), job ?: "/");
}

static int submission_reply(const Submission *s, sd_bus_message *m)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        int r;

        r = sd_bus_message_new_method_return(m, &reply);
        if (r < 0)
                return r;
        r = sd_bus_message_open_container(reply, 'a', "(ssso)");
        if (r < 0)
                return r;
        for (size_t i = 0; i < s->n; i++) {
                r = choice_append(s->choices + i, reply);
                if (r < 0)
                        return r;
        }
        r = sd_bus_message_close_container(reply);
        if (r < 0)
                return r;

        return sd_bus_send(NULL, reply, NULL);
}

static int reply_append_known(JobRecord *record, void *userdata)
{
        _cleanup_free_ char *job = NULL;
        int r;

        r = job_bus_path_of(record->id, &job);
        if (r < 0)
                return r;

        return sd_bus_message_append(userdata, "(ssso)", record->drive, "queued", "", job);
}

/* The answer to a request id that was seen before: its jobs, and nothing new. 1: answered. */
static int submission_reply_known(const Submission *s, sd_bus_message *m)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        uint64_t total = 0;
        int r;

        if (!s->options.request)
                return 0;

        r = sd_bus_message_new_method_return(m, &reply);
        if (r < 0)
                return r;
        r = sd_bus_message_open_container(reply, 'a', "(ssso)");
        if (r < 0)
                return r;
        r = store_job_list(s->manager->store,
                           &(JobFilter){ .request = s->options.request,
                                         .state = -1,
                                         .verdict = -1,
                                         .limit = BATCH_MAX },
                           reply_append_known, reply, &total);
        if (r < 0)
                return r;
        if (total == 0)
                return 0;
        r = sd_bus_message_close_container(reply);
        if (r < 0)
                return r;
        r = sd_bus_send(NULL, reply, NULL);

        return r < 0 ? r : 1;
}

static int submission_judge(Submission *s, sd_bus_error *error)
{
        int r;

        for (size_t i = 0; i < s->n; i++) {
                r = choice_judge(s, s->choices + i, s->choices, i);
                if (r < 0)
                        return r;
        }
        if (s->n > 1 && !s->confirmed && plan_is_destructive(&s->options.plan))
                return sd_bus_error_setf(
                                error, BUS_ERROR_NOT_CONFIRMED,
                                "The burn-in destroys everything on %zu drives. A batch must be confirmed.",
                                s->n);

        return submit_check_room(s->manager, s->n, error);
}

/* What was judged and authorized becomes jobs. */
static int submission_enter(Submission *s, sd_bus_message *m, sd_bus_error *error)
{
        Actor actor;
        int r;

        r = submission_schedule(s, error);
        if (r < 0)
                return r;
        r = actor_from_message(s->manager, m, &actor);
        if (r < 0)
                return r;

        submission_check_grants(s, &actor);

        /* For a single drive its refusal is the answer. */
        if (s->n == 1 && sd_bus_error_is_set(&s->choices[0].error)) {
                submission_audit(s, &actor);
                return sd_bus_error_copy(error, &s->choices[0].error);
        }

        r = submission_store(s, &actor);
        if (r < 0) {
                for (size_t i = 0; i < s->n; i++)
                        job_free(s->choices[i].job);
                (void) manager_store_failed(s->manager, r);
                return sd_bus_error_setf(error, BUS_ERROR_STORE,
                                         "The jobs could not be recorded (%s). Nothing was started.",
                                         strerror(-r));
        }

        submission_audit(s, &actor);
        submission_use_grants(s, &actor);
        for (size_t i = 0; i < s->n; i++)
                if (s->choices[i].job)
                        job_announce(s->choices[i].job);

        return 0;
}

int manager_method_start_burn_in(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        _cleanup_(submission_done) Submission s = { .manager = userdata };
        int r;

        r = submission_read(&s, m, error);
        if (r < 0)
                return r;
        r = submission_judge(&s, error);
        if (r < 0)
                return r;
        r = submission_authorize(&s, m, error);
        if (r < 0)
                return r;
        if (r == 0)
                return 1; /* Will call us back */

        r = submission_reply_known(&s, m);
        if (r != 0)
                return r;
        r = submission_enter(&s, m, error);
        if (r < 0)
                return r;

        return submission_reply(&s, m);
}

int job_method_retry(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        Job *j = userdata;
        _cleanup_(submission_done) Submission s = {
                .manager = j->manager,
                .options = { .plan = job_plan(j), .note = j->record.note, .priority = j->record.priority },
                .retried = j,
        };
        _cleanup_free_ char *job = NULL;
        const char *serial;
        int r;

        r = sd_bus_message_read(m, "s", &serial);
        if (r < 0)
                return r;
        r = bus_read_flags(m, error);
        if (r < 0)
                return r;
        if (job_is_self_test(j))
                return sd_bus_error_setf(
                                error, BUS_ERROR_WRONG_STATE,
                                "Job %" PRIu64
                                " was a self-test on its own. Start another one: burninctl selftest start.",
                                j->record.id);
        s.choices = new0(Choice, 1);
        if (!s.choices)
                return -ENOMEM;
        s.choices[s.n++] = (Choice){ .name = j->record.drive, .serial = serial };

        r = submission_judge(&s, error);
        if (r < 0)
                return r;
        r = submission_authorize(&s, m, error);
        if (r < 0)
                return r;
        if (r == 0)
                return 1; /* Will call us back */

        if (j->record.state != JOB_DONE)
                return sd_bus_error_setf(error, BUS_ERROR_WRONG_STATE,
                                         "Job %" PRIu64 " has not ended yet; it is %s.", j->record.id,
                                         job_state_to_string(j->record.state));
        r = submission_enter(&s, m, error);
        if (r < 0)
                return r;
        r = job_bus_path_of(s.choices[0].job->record.id, &job);
        if (r < 0)
                return r;

        return sd_bus_reply_method_return(m, "o", job);
}
