/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "basic/parse-util.h"
#include "basic/string-util.h"
#include "daemon/authz.h"
#include "daemon/job-archive.h"
#include "daemon/report.h"
#include "daemon/stage.h"
#include "daemon/submit.h"
#include "shared/bus-util.h"
#include "shared/names.h"

static int job_property_get_string(sd_bus *bus, const char *path, const char *interface,
                                   const char *property, sd_bus_message *reply, void *userdata,
                                   sd_bus_error *error)
{
        const Job *j = userdata;
        char unit[JOB_UNIT_MAX];
        const char *s = "";

        if (streq(property, "State"))
                s = job_state_to_string(j->record.state);
        else if (streq(property, "Verdict"))
                s = verdict_to_string(j->record.verdict);
        else if (streq(property, "Reason"))
                s = job_reason(j);
        else if (streq(property, "Unit"))
                s = job_unit(j, unit);
        else if (streq(property, "Unlocked") && j->grant.lock.role != LOCK_NONE)
                s = lock_role_to_string(j->grant.lock.role);

        return sd_bus_message_append(reply, "s", s);
}

static int job_property_get_eta(sd_bus *bus, const char *path, const char *interface, const char *property,
                                sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
        return sd_bus_message_append(reply, "t", job_eta_usec(userdata));
}

/* The record of one that was cancelled while it was paused still has them. */
static int job_property_get_paused(sd_bus *bus, const char *path, const char *interface,
                                   const char *property, sd_bus_message *reply, void *userdata,
                                   sd_bus_error *error)
{
        const Job *j = userdata;
        bool paused = j->record.state == JOB_PAUSED;

        if (streq(property, "PausedBy"))
                return sd_bus_message_append(reply, "s", paused ? strempty(j->record.paused_by) : "");

        return sd_bus_message_append(reply, "t", paused ? j->record.paused_usec : 0);
}

static int job_property_get_drive(sd_bus *bus, const char *path, const char *interface, const char *property,
                                  sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
        _cleanup_free_ char *drive = NULL;
        int r;

        r = drive_bus_path_of(((Job *) userdata)->record.drive, &drive);
        if (r < 0)
                return r;

        return sd_bus_message_append(reply, "o", drive);
}

static int job_property_get_stages(sd_bus *bus, const char *path, const char *interface,
                                   const char *property, sd_bus_message *reply, void *userdata,
                                   sd_bus_error *error)
{
        const Job *j = userdata;
        int r;

        r = sd_bus_message_open_container(reply, 'a', "o");
        if (r < 0)
                return r;
        for (size_t i = 0; i < j->n_stages; i++) {
                _cleanup_free_ char *stage = NULL;

                r = stage_bus_path(j->stages[i], &stage);
                if (r < 0)
                        return r;
                r = sd_bus_message_append(reply, "o", stage);
                if (r < 0)
                        return r;
        }

        return sd_bus_message_close_container(reply);
}

static int job_property_get_current_stage(sd_bus *bus, const char *path, const char *interface,
                                          const char *property, sd_bus_message *reply, void *userdata,
                                          sd_bus_error *error)
{
        const Stage *s = job_current_stage(userdata);
        _cleanup_free_ char *stage = NULL;
        int r;

        if (s) {
                r = stage_bus_path(s, &stage);
                if (r < 0)
                        return r;
        }

        return sd_bus_message_append(reply, "o", stage ?: "/");
}

char *job_audit_object(const Job *j)
{
        return strf("job %" PRIu64 " (drive %s)", j->record.id, strempty(j->record.drive));
}

/* What every method that changes a job begins with, behind the arguments of its own: the last ones, and leave. ret_reason NULL: it takes
 * none. Returns what authz_check() does; actor and object are for the audit. */
static int job_authorize(Job *j, sd_bus_message *m, const char **ret_reason, Actor *ret_actor,
                         char **ret_object, sd_bus_error *error)
{
        _cleanup_free_ char *object = job_audit_object(j);
        char id[24];
        int r;

        if (!object)
                return -ENOMEM;
        r = ret_reason ? bus_read_reason(m, ret_reason, error) : bus_read_flags(m, error);
        if (r < 0)
                return r;
        r = authz_check(j->manager, m, object,
                        ((PolkitDetail[]){ { "job", job_id_string(j, id) },
                                           { "drive", j->record.drive },
                                           { "serial", j->record.serial },
                                           { "host", j->record.host },
                                           {} }),
                        error);
        if (r <= 0)
                return r;
        r = actor_from_message(j->manager, m, ret_actor);
        if (r < 0)
                return r;

        *ret_object = TAKE_PTR(object);
        return 1;
}

static int job_method_cancel(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        _cleanup_free_ char *object = NULL;
        Job *j = userdata;
        const char *reason;
        Actor actor;
        int r;

        r = job_authorize(j, m, &reason, &actor, &object, error);
        if (r <= 0)
                return r < 0 ? r : 1; /* Will call us back */

        if (j->record.state == JOB_DONE)
                return audit_refused(j->manager, &actor, ACTION_CANCEL, object,
                                     sd_bus_error_setf(error, BUS_ERROR_WRONG_STATE,
                                                       "Job %" PRIu64 " has ended already: %s.",
                                                       j->record.id, verdict_to_string(j->record.verdict)),
                                     error);
        r = job_cancel(j, &actor, reason);
        if (r < 0)
                return r;

        (void) audit_write(j->manager, &actor, ACTION_CANCEL, object, "ok", reason);
        return sd_bus_reply_method_return(m, NULL);
}

static int job_method_pause(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        _cleanup_free_ char *object = NULL, *detail = NULL;
        Job *j = userdata;
        const char *reason;
        const Stage *s;
        Actor actor;
        int r;

        r = job_authorize(j, m, &reason, &actor, &object, error);
        if (r <= 0)
                return r < 0 ? r : 1; /* Will call us back */

        if (j->record.state != JOB_QUEUED && j->record.state != JOB_RUNNING)
                return audit_refused(
                                j->manager, &actor, ACTION_MANAGE_JOBS, object,
                                sd_bus_error_setf(
                                                error, BUS_ERROR_WRONG_STATE,
                                                "Job %" PRIu64
                                                " is %s; only one that is queued or running can be paused.",
                                                j->record.id, job_state_to_string(j->record.state)),
                                error);
        s = job_current_stage(j);
        if (s && (stage_is_self_test(s) || stage_is_erase(s)))
                return audit_refused(
                                j->manager, &actor, ACTION_MANAGE_JOBS, object,
                                sd_bus_error_setf(
                                                error, BUS_ERROR_WRONG_STATE,
                                                "Job %" PRIu64
                                                " is in %s, %s, which nobody can hold. Pause the job when that is over, or cancel it.",
                                                j->record.id, stage_kind_to_string(s->record.kind),
                                                stage_is_erase(s) ? "in which the drive erases itself"
                                                                  : "a self-test of the drive"),
                                error);
        r = job_pause(j, &actor, reason);
        if (r < 0)
                return r;

        detail = strf("Pause%s%s", isempty(reason) ? "" : ": ", reason);
        (void) audit_write(j->manager, &actor, ACTION_MANAGE_JOBS, object, "ok", strempty(detail));
        return sd_bus_reply_method_return(m, NULL);
}

static int job_method_resume(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        _cleanup_free_ char *object = NULL;
        Job *j = userdata;
        Actor actor;
        int r;

        r = job_authorize(j, m, NULL, &actor, &object, error);
        if (r <= 0)
                return r < 0 ? r : 1; /* Will call us back */

        if (j->record.state != JOB_PAUSED)
                return audit_refused(j->manager, &actor, ACTION_MANAGE_JOBS, object,
                                     sd_bus_error_setf(error, BUS_ERROR_WRONG_STATE,
                                                       "Job %" PRIu64 " is not paused; it is %s.",
                                                       j->record.id, job_state_to_string(j->record.state)),
                                     error);
        r = job_unpause(j, &actor);
        if (r < 0)
                return r;

        (void) audit_write(j->manager, &actor, ACTION_MANAGE_JOBS, object, "ok", "Resume");
        return sd_bus_reply_method_return(m, NULL);
}

static int job_method_set_priority(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        _cleanup_free_ char *object = NULL, *detail = NULL;
        Job *j = userdata;
        int32_t priority;
        Actor actor;
        int r;

        r = sd_bus_message_read(m, "i", &priority);
        if (r < 0)
                return r;
        r = job_authorize(j, m, NULL, &actor, &object, error);
        if (r <= 0)
                return r < 0 ? r : 1; /* Will call us back */

        if (!job_priority_is_valid(priority))
                return sd_bus_error_setf(error, BUS_ERROR_INVALID_ARGUMENT, "A priority is %i to %i.",
                                         -JOB_PRIORITY_MAX, JOB_PRIORITY_MAX);
        if (j->record.state == JOB_DONE || job_has_started(j))
                return audit_refused(
                                j->manager, &actor, ACTION_MANAGE_JOBS, object,
                                sd_bus_error_setf(
                                                error, BUS_ERROR_WRONG_STATE,
                                                "Job %" PRIu64
                                                " has started already; its turn cannot be changed any more.",
                                                j->record.id),
                                error);
        detail = strf("SetPriority: %" PRIi32 ", was %" PRIi32, priority, j->record.priority);
        r = job_set_priority(j, priority);
        if (r < 0)
                return r;

        (void) audit_write(j->manager, &actor, ACTION_MANAGE_JOBS, object, "ok", strempty(detail));
        return sd_bus_reply_method_return(m, NULL);
}

/* Of both ways to get one: as a descriptor, and as bytes. */
static int job_method_report(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        bool as_bytes = streq(sd_bus_message_get_member(m), "ReadReport");
        const char *format;
        Job *j = userdata;
        ReportKind kind;
        int r;

        r = sd_bus_message_read(m, "s", &format);
        if (r >= 0)
                r = bus_read_flags(m, error);
        if (r < 0)
                return r;
        r = authz_check(j->manager, m, "", NULL, error);
        if (r < 0)
                return r;
        if (r == 0)
                return 1; /* Will call us back */

        if (streq(format, "json"))
                kind = REPORT_JSON;
        else if (streq(format, "html"))
                kind = REPORT_HTML;
        else
                return sd_bus_error_setf(error, BUS_ERROR_INVALID_ARGUMENT,
                                         "A report is to be had as \"html\" or \"json\", not as \"%s\".",
                                         SHOWN(format));

        return report_ask(j, m, kind, as_bytes, error);
}

#define EMITS SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE
#define CONST SD_BUS_VTABLE_PROPERTY_CONST

const sd_bus_vtable job_vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_PROPERTY("Id", "t", NULL, offsetof(Job, record.id), CONST),
        SD_BUS_PROPERTY("Kind", "s", bus_property_get_string, offsetof(Job, record.kind), CONST),
        SD_BUS_PROPERTY("Drive", "o", job_property_get_drive, 0, CONST),
        SD_BUS_PROPERTY("DriveId", "s", bus_property_get_string, offsetof(Job, record.drive), CONST),
        SD_BUS_PROPERTY("Host", "s", bus_property_get_string, offsetof(Job, record.host), CONST),
        SD_BUS_PROPERTY("Serial", "s", bus_property_get_string, offsetof(Job, record.serial), CONST),
        SD_BUS_PROPERTY("Model", "s", bus_property_get_string, offsetof(Job, record.model), CONST),
        SD_BUS_PROPERTY("Profile", "s", bus_property_get_string, offsetof(Job, record.profile), CONST),
        SD_BUS_PROPERTY("State", "s", job_property_get_string, 0, EMITS),
        SD_BUS_PROPERTY("Verdict", "s", job_property_get_string, 0, EMITS),
        SD_BUS_PROPERTY("Reason", "s", job_property_get_string, 0, EMITS),
        SD_BUS_PROPERTY("Stages", "ao", job_property_get_stages, 0, CONST),
        SD_BUS_PROPERTY("CurrentStage", "o", job_property_get_current_stage, 0, EMITS),
        SD_BUS_PROPERTY("Percent", "d", NULL, offsetof(Job, record.percent), EMITS),
        SD_BUS_PROPERTY("ETAUSec", "t", job_property_get_eta, 0, 0),
        SD_BUS_PROPERTY("Priority", "i", NULL, offsetof(Job, record.priority), EMITS),
        SD_BUS_PROPERTY("QueuedUntilUSec", "t", NULL, offsetof(Job, record.not_before_usec), CONST),
        SD_BUS_PROPERTY("Calendar", "s", bus_property_get_string, offsetof(Job, record.calendar), CONST),
        SD_BUS_PROPERTY("PausedBy", "s", job_property_get_paused, 0, EMITS),
        SD_BUS_PROPERTY("PausedUSec", "t", job_property_get_paused, 0, EMITS),
        SD_BUS_PROPERTY("Operator", "s", bus_property_get_string, offsetof(Job, record.operator), CONST),
        SD_BUS_PROPERTY("Unlocked", "s", job_property_get_string, 0, CONST),
        SD_BUS_PROPERTY("UnlockedPool", "s", bus_property_get_string, offsetof(Job, grant.lock.pool), CONST),
        SD_BUS_PROPERTY("UnlockedBy", "s", bus_property_get_string, offsetof(Job, grant.operator), CONST),
        SD_BUS_PROPERTY("UnlockReason", "s", bus_property_get_string, offsetof(Job, grant.reason), CONST),
        SD_BUS_PROPERTY("Note", "s", bus_property_get_string, offsetof(Job, record.note), CONST),
        SD_BUS_PROPERTY("CreatedUSec", "t", NULL, offsetof(Job, record.created_usec), CONST),
        SD_BUS_PROPERTY("StartedUSec", "t", NULL, offsetof(Job, record.started_usec), EMITS),
        SD_BUS_PROPERTY("FinishedUSec", "t", NULL, offsetof(Job, record.finished_usec), EMITS),
        SD_BUS_PROPERTY("Unit", "s", job_property_get_string, 0, CONST),
        SD_BUS_METHOD_WITH_ARGS("Cancel", SD_BUS_ARGS("s", reason, "t", flags), SD_BUS_NO_RESULT,
                                job_method_cancel, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Pause", SD_BUS_ARGS("s", reason, "t", flags), SD_BUS_NO_RESULT,
                                job_method_pause, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Resume", SD_BUS_ARGS("t", flags), SD_BUS_NO_RESULT, job_method_resume,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("SetPriority", SD_BUS_ARGS("i", priority, "t", flags), SD_BUS_NO_RESULT,
                                job_method_set_priority, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Retry", SD_BUS_ARGS("s", serial, "t", flags), SD_BUS_RESULT("o", job),
                                job_method_retry, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("OpenReport", SD_BUS_ARGS("s", format, "t", flags),
                                SD_BUS_RESULT("h", report, "s", signature), job_method_report,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("ReadReport", SD_BUS_ARGS("s", format, "t", flags),
                                SD_BUS_RESULT("ay", report, "s", signature), job_method_report,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_VTABLE_END,
};

int job_bus_path_of(uint64_t id, char **ret)
{
        char *path = strf(BUS_PATH_JOB "/%" PRIu64, id);

        if (!path)
                return -ENOMEM;

        *ret = path;
        return 0;
}

static int job_object_find(sd_bus *bus, const char *path, const char *interface, void *userdata,
                           void **ret_found, sd_bus_error *error)
{
        const char *number = startswith(path, BUS_PATH_JOB "/");
        uint64_t id;
        Job *j;
        int r;

        if (!number || parse_u64(number, &id) < 0)
                return 0;
        r = job_get(userdata, id, &j, error);
        if (r == -ENOENT)
                return 0;
        if (r < 0)
                return r;

        *ret_found = j;
        return 1;
}

/* Active jobs and their stages. Finished ones are found by their path, and listed by the manager's ListJobs. */
static int job_node_enumerator(sd_bus *bus, const char *prefix, void *userdata, char ***ret_nodes,
                               sd_bus_error *error)
{
        Manager *m = userdata;
        size_t n = 0, wanted = 1;
        Job *j, *next;
        char **nodes;

        HASH_ITER(hh, m->jobs, j, next)
                wanted += 1 + j->n_stages;
        nodes = new0(char *, wanted);
        if (!nodes)
                return -ENOMEM;

        HASH_ITER(hh, m->jobs, j, next) {
                if (j->record.state == JOB_DONE)
                        continue;
                if (job_bus_path_of(j->record.id, &nodes[n]) >= 0)
                        n++;
                for (size_t i = 0; i < j->n_stages; i++)
                        if (stage_bus_path(j->stages[i], &nodes[n]) >= 0)
                                n++;
        }

        *ret_nodes = nodes;
        return 1;
}

int job_bus_register(Manager *m)
{
        int r;

        r = sd_bus_add_fallback_vtable(m->bus, NULL, BUS_PATH_JOB, BUS_INTERFACE_JOB, job_vtable,
                                       job_object_find, m);
        if (r < 0)
                return r;

        return sd_bus_add_node_enumerator(m->bus, NULL, BUS_PATH_JOB, job_node_enumerator, m);
}

void job_emit_added(Job *j)
{
        _cleanup_free_ char *path = NULL;

        if (job_bus_path_of(j->record.id, &path) >= 0)
                (void) sd_bus_emit_object_added(j->manager->bus, path);
        for (size_t i = 0; i < j->n_stages; i++) {
                _cleanup_free_ char *stage = NULL;

                if (stage_bus_path(j->stages[i], &stage) >= 0)
                        (void) sd_bus_emit_object_added(j->manager->bus, stage);
        }
}

void job_emit_changed(Job *j, const char *const *properties)
{
        _cleanup_free_ char *path = NULL;

        if (job_bus_path_of(j->record.id, &path) >= 0)
                (void) sd_bus_emit_properties_changed_strv(j->manager->bus, path, BUS_INTERFACE_JOB,
                                                           (char **) properties);
}
