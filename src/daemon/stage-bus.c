/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <fcntl.h>
#include <sys/stat.h>

#include "basic/fd-util.h"
#include "basic/parse-util.h"
#include "basic/string-util.h"
#include "basic/strv.h"
#include "daemon/authz.h"
#include "daemon/job-archive.h"
#include "daemon/stage.h"
#include "shared/bus-util.h"
#include "shared/names.h"

/* A call must not keep the loop from the others. */
#define LOG_READ_MAX 65536

static int stage_property_get_string(sd_bus *bus, const char *path, const char *interface,
                                     const char *property, sd_bus_message *reply, void *userdata,
                                     sd_bus_error *error)
{
        const Stage *s = userdata;
        char unit[STAGE_PATH_MAX];
        const char *value = "";

        if (streq(property, "Kind"))
                value = stage_kind_to_string(s->record.kind);
        else if (streq(property, "State"))
                value = stage_state_to_string(s->record.state);
        else if (streq(property, "Verdict"))
                value = verdict_to_string(s->record.verdict);
        else if (streq(property, "Unit"))
                value = stage_unit(s, unit);

        return sd_bus_message_append(reply, "s", value);
}

static int stage_property_get_job(sd_bus *bus, const char *path, const char *interface, const char *property,
                                  sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
        _cleanup_free_ char *job = NULL;
        int r;

        r = job_bus_path_of(((Stage *) userdata)->record.job, &job);
        if (r < 0)
                return r;

        return sd_bus_message_append(reply, "o", job);
}

static int stage_property_get_phase_history(sd_bus *bus, const char *path, const char *interface,
                                            const char *property, sd_bus_message *reply, void *userdata,
                                            sd_bus_error *error)
{
        const Stage *s = userdata;
        int r;

        r = sd_bus_message_open_container(reply, 'a', "(ust)");
        if (r < 0)
                return r;
        for (size_t i = 0; i < s->n_phases; i++) {
                r = sd_bus_message_append(reply, "(ust)", s->phases[i].number, strempty(s->phases[i].name),
                                          s->phases[i].started_usec);
                if (r < 0)
                        return r;
        }

        return sd_bus_message_close_container(reply);
}

static int stage_property_get_evidence(sd_bus *bus, const char *path, const char *interface,
                                       const char *property, sd_bus_message *reply, void *userdata,
                                       sd_bus_error *error)
{
        const Stage *s = userdata;
        int r;

        r = sd_bus_message_open_container(reply, 'a', "(sssss)");
        if (r < 0)
                return r;
        for (size_t i = 0; i < s->report.n_evidence; i++) {
                const Evidence *e = &s->report.evidence[i];

                r = sd_bus_message_append(reply, "(sssss)", strempty(e->rule), strempty(e->expected),
                                          strempty(e->observed), strempty(e->source),
                                          verdict_to_string(e->verdict));
                if (r < 0)
                        return r;
        }

        return sd_bus_message_close_container(reply);
}

static int stage_property_get_bad_blocks(sd_bus *bus, const char *path, const char *interface,
                                         const char *property, sd_bus_message *reply, void *userdata,
                                         sd_bus_error *error)
{
        const Stage *s = userdata;
        int r;

        r = sd_bus_message_open_container(reply, 'a', "t");
        if (r < 0)
                return r;
        STRV_FOREACH(b, s->report.bad_blocks) {
                uint64_t block;

                if (parse_u64(*b, &block) < 0)
                        continue;
                r = sd_bus_message_append(reply, "t", block);
                if (r < 0)
                        return r;
        }

        return sd_bus_message_close_container(reply);
}

/* The file belongs to a less trusted process: no link is followed, nothing but a regular file is handed out. */
static int stage_log_open(const Stage *s, int *ret, sd_bus_error *error)
{
        _cleanup_close_ int fd = -EBADF;
        char path[STAGE_PATH_MAX];
        struct stat st;

        fd = open(stage_log_path(s, path), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
        if (fd < 0 && errno == ENOENT)
                return sd_bus_error_setf(
                                error, BUS_ERROR_WRONG_STATE, "Stage %s of job %" PRIu64 " has no log: %s.",
                                stage_kind_to_string(s->record.kind), s->record.job,
                                s->record.started_usec == 0 ? "it has not started"
                                : s->record.state != STAGE_DONE
                                                ? "nothing was written to it yet"
                                                : "it was dropped with age, or since the logs took too much room");
        if (fd < 0)
                return -errno;
        if (fstat(fd, &st) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode))
                return -EBADF;

        *ret = TAKE_FD(fd);
        return 0;
}

static int stage_method_open_log(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        _cleanup_close_ int fd = -EBADF;
        Stage *s = userdata;
        int r;

        r = authz_check(s->job->manager, m, "", NULL, error);
        if (r < 0)
                return r;
        if (r == 0)
                return 1; /* Will call us back */

        r = stage_log_open(s, &fd, error);
        if (r < 0)
                return r;

        return sd_bus_reply_method_return(m, "h", fd);
}

static int stage_method_read_log(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        _cleanup_close_ int fd = -EBADF;
        char data[LOG_READ_MAX];
        Stage *s = userdata;
        uint64_t offset;
        ssize_t n;
        int r;

        r = sd_bus_message_read(m, "t", &offset);
        if (r < 0)
                return r;
        r = authz_check(s->job->manager, m, "", NULL, error);
        if (r < 0)
                return r;
        if (r == 0)
                return 1; /* Will call us back */

        if (offset > INT64_MAX - sizeof(data))
                return sd_bus_error_setf(error, BUS_ERROR_INVALID_ARGUMENT, "No log is that long.");
        r = stage_log_open(s, &fd, error);
        if (r < 0)
                return r;
        n = pread(fd, data, sizeof(data), (off_t) offset);
        if (n < 0)
                return -errno;

        r = sd_bus_message_new_method_return(m, &reply);
        if (r >= 0)
                r = sd_bus_message_append_array(reply, 'y', data, (size_t) n);
        return r < 0 ? r : sd_bus_send(NULL, reply, NULL);
}

#define EMITS       SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE
#define INVALIDATES SD_BUS_VTABLE_PROPERTY_EMITS_INVALIDATION
#define CONST       SD_BUS_VTABLE_PROPERTY_CONST

const sd_bus_vtable stage_vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_PROPERTY("Job", "o", stage_property_get_job, 0, CONST),
        SD_BUS_PROPERTY("Index", "u", NULL, offsetof(Stage, record.index), CONST),
        SD_BUS_PROPERTY("Kind", "s", stage_property_get_string, 0, CONST),
        SD_BUS_PROPERTY("State", "s", stage_property_get_string, 0, EMITS),
        SD_BUS_PROPERTY("Verdict", "s", stage_property_get_string, 0, EMITS),
        SD_BUS_PROPERTY("Reason", "s", bus_property_get_string, offsetof(Stage, record.reason), EMITS),
        SD_BUS_PROPERTY("Percent", "d", NULL, offsetof(Stage, record.percent), EMITS),
        SD_BUS_PROPERTY("Phase", "u", NULL, offsetof(Stage, record.phase), EMITS),
        SD_BUS_PROPERTY("Phases", "u", NULL, offsetof(Stage, record.phases), EMITS),
        SD_BUS_PROPERTY("PhaseName", "s", bus_property_get_string, offsetof(Stage, record.phase_name),
                        EMITS),
        SD_BUS_PROPERTY("PhasePercent", "d", NULL, offsetof(Stage, record.phase_percent), EMITS),
        SD_BUS_PROPERTY("PhaseHistory", "a(ust)", stage_property_get_phase_history, 0, INVALIDATES),
        SD_BUS_PROPERTY("BytesPerSecond", "t", NULL, offsetof(Stage, record.bytes_per_second), EMITS),
        SD_BUS_PROPERTY("BadBlocks", "t", NULL, offsetof(Stage, record.bad_blocks), EMITS),
        SD_BUS_PROPERTY("TemperatureMDegC", "i", NULL, offsetof(Stage, record.temperature_mdegc), EMITS),
        SD_BUS_PROPERTY("BadBlockList", "at", stage_property_get_bad_blocks, 0, INVALIDATES),
        SD_BUS_PROPERTY("ReadErrors", "t", NULL, offsetof(Stage, watch.read_errors), 0),
        SD_BUS_PROPERTY("WriteErrors", "t", NULL, offsetof(Stage, watch.write_errors), 0),
        SD_BUS_PROPERTY("CompareErrors", "t", NULL, offsetof(Stage, watch.compare_errors), 0),
        SD_BUS_PROPERTY("TemperatureMinMDegC", "i", NULL, offsetof(Stage, watch.temperature_min_mdegc), 0),
        SD_BUS_PROPERTY("TemperatureMaxMDegC", "i", NULL, offsetof(Stage, watch.temperature_max_mdegc), 0),
        SD_BUS_PROPERTY("WorkBytes", "t", NULL, offsetof(Stage, record.work_bytes), 0),
        SD_BUS_PROPERTY("ETAUSec", "t", NULL, offsetof(Stage, record.eta_usec), 0),
        SD_BUS_PROPERTY("Contact", "s", bus_property_get_string, offsetof(Stage, contact), EMITS),
        SD_BUS_PROPERTY("Paused", "s", bus_property_get_string, offsetof(Stage, watch.paused), EMITS),
        SD_BUS_PROPERTY("Stalled", "s", bus_property_get_string, offsetof(Stage, watch.stalled), EMITS),
        SD_BUS_PROPERTY("Attempt", "u", NULL, offsetof(Stage, record.attempt), EMITS),
        SD_BUS_PROPERTY("RunId", "s", bus_property_get_string, offsetof(Stage, record.run), EMITS),
        SD_BUS_PROPERTY("StartedUSec", "t", NULL, offsetof(Stage, record.started_usec), EMITS),
        SD_BUS_PROPERTY("FinishedUSec", "t", NULL, offsetof(Stage, record.finished_usec), EMITS),
        SD_BUS_PROPERTY("Unit", "s", stage_property_get_string, 0, CONST),
        SD_BUS_PROPERTY("Evidence", "a(sssss)", stage_property_get_evidence, 0, INVALIDATES),
        SD_BUS_METHOD_WITH_ARGS("OpenLog", SD_BUS_NO_ARGS, SD_BUS_RESULT("h", log), stage_method_open_log,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("ReadLog", SD_BUS_ARGS("t", offset), SD_BUS_RESULT("ay", data),
                                stage_method_read_log, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_VTABLE_END,
};

int stage_bus_path(const Stage *s, char **ret)
{
        char *path = strf(BUS_PATH_JOB "/%" PRIu64 "/%s", s->record.job,
                          stage_kind_to_string(s->record.kind));

        if (!path)
                return -ENOMEM;

        *ret = path;
        return 0;
}

static int stage_object_find(sd_bus *bus, const char *path, const char *interface, void *userdata,
                             void **ret_found, sd_bus_error *error)
{
        const char *rest = startswith(path, BUS_PATH_JOB "/"), *slash = rest ? strchr(rest, '/') : NULL;
        _cleanup_free_ char *number = NULL;
        uint64_t id;
        Job *j;
        int r;

        if (!slash)
                return 0;
        number = strndup(rest, (size_t) (slash - rest));
        if (!number)
                return -ENOMEM;
        if (parse_u64(number, &id) < 0)
                return 0;
        r = job_get(userdata, id, &j, error);
        if (r == -ENOENT)
                return 0;
        if (r < 0)
                return r;

        for (size_t i = 0; i < j->n_stages; i++)
                if (streq(stage_kind_to_string(j->stages[i]->record.kind), slash + 1)) {
                        *ret_found = j->stages[i];
                        return 1;
                }

        return 0;
}

int stage_bus_register(Manager *m)
{
        return sd_bus_add_fallback_vtable(m->bus, NULL, BUS_PATH_JOB, BUS_INTERFACE_STAGE, stage_vtable,
                                          stage_object_find, m);
}

void stage_emit_changed(Stage *s, const char *const *properties)
{
        _cleanup_free_ char *path = NULL;

        if (stage_bus_path(s, &path) >= 0)
                (void) sd_bus_emit_properties_changed_strv(s->job->manager->bus, path, BUS_INTERFACE_STAGE,
                                                           (char **) properties);
}

void stage_emit_state(Stage *s)
{
        stage_emit_changed(s, (const char *const[]){ "State", "Verdict", "Reason", "Attempt", "RunId",
                                                     "StartedUSec", "FinishedUSec", "Percent", "Evidence",
                                                     "PhaseHistory", "Paused", "Stalled", "BadBlockList",
                                                     NULL });
}
