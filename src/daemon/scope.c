/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "basic/fd-util.h"
#include "basic/log.h"
#include "basic/string-util.h"
#include "daemon/scope.h"

#define SYSTEMD_NAME      "org.freedesktop.systemd1"
#define SYSTEMD_PATH      "/org/freedesktop/systemd1"
#define SYSTEMD_INTERFACE "org.freedesktop.systemd1.Manager"

#define SCOPE_DEADLINE_USEC (25 * USEC_PER_SEC)
/* A worker that was told to end ends at once; this is for one that hangs. */
#define SCOPE_STOP_USEC (10 * USEC_PER_SEC)

struct ScopeCall {
        ScopeTracker *tracker; /* weak */
        char *unit;
        char *job_path; /* NULL until systemd answered */
        pid_t pid;
        scope_callback_t callback;
        void *userdata;
        sd_bus_slot *slot;
        sd_event_source *deadline;
        ScopeCall *next;
};

struct ScopeTracker {
        Manager *manager; /* weak */
        ScopeCall *calls;
        sd_bus_slot *job_removed_slot;
};

ScopeCall *scope_call_free(ScopeCall *c)
{
        if (!c)
                return NULL;

        for (ScopeCall **p = c->tracker ? &c->tracker->calls : NULL; p && *p; p = &(*p)->next)
                if (*p == c) {
                        *p = c->next;
                        break;
                }

        sd_bus_slot_unref(c->slot);
        sd_event_source_disable_unref(c->deadline);
        free(c->unit);
        free(c->job_path);
        free(c);
        return NULL;
}

/* Frees the call. The callback comes last, since it may free whoever asked. */
static void scope_call_end(ScopeCall *c, const char *error)
{
        scope_callback_t callback = c->callback;
        void *userdata = c->userdata;

        c->userdata = NULL;
        scope_call_free(c);
        callback(error, userdata);
}

/* systemd may have been asked to put the process elsewhere since, or the process is gone. */
static bool pid_is_in_unit(pid_t pid, const char *unit)
{
        _cleanup_free_ char *path = NULL, *cgroup = NULL, *end = NULL;

        path = strf("/proc/%i/cgroup", (int) pid);
        if (!path || read_file_full(path, 4096, &cgroup, NULL) < 0)
                return false;
        end = strf("/%s", unit);

        return end && endswith(strstrip(cgroup), end);
}

static int scope_on_job_removed(sd_bus_message *m, void *userdata, sd_bus_error *reterr)
{
        ScopeTracker *t = userdata;
        const char *path, *unit, *result;
        uint32_t id;
        int r;

        r = sd_bus_message_read(m, "uoss", &id, &path, &unit, &result);
        if (r < 0)
                return log_warning_errno(r, "JobRemoved of systemd cannot be read: %m");

        for (ScopeCall *c = t->calls; c; c = c->next) {
                _cleanup_free_ char *error = NULL;

                if (!c->job_path || !streq(c->job_path, path))
                        continue;

                if (!streq(result, "done"))
                        error = strf("systemd ended the start of %s with \"%s\"", unit, result);
                else if (!pid_is_in_unit(c->pid, unit))
                        error = strf("the worker is not in the cgroup of %s", unit);
                scope_call_end(c, error);
                break;
        }

        return 0;
}

static int scope_on_reply(sd_bus_message *m, void *userdata, sd_bus_error *reterr)
{
        ScopeCall *c = userdata;
        const char *path;
        int r;

        if (sd_bus_message_is_method_error(m, NULL)) {
                _cleanup_free_ char *error = NULL;

                error = strf("systemd refused to start %s: %s", c->unit,
                             sd_bus_message_get_error(m)->message);
                scope_call_end(c, strempty(error));
                return 0;
        }

        r = sd_bus_message_read(m, "o", &path);
        if (r >= 0)
                r = free_and_strdup(&c->job_path, path);
        if (r < 0)
                scope_call_end(c, "systemd's answer cannot be read");

        return 0;
}

static int scope_on_deadline(sd_event_source *s, uint64_t usec, void *userdata)
{
        ScopeCall *c = userdata;

        scope_call_end(c, "systemd did not start the scope in time");
        return 0;
}

static int scope_append_properties(sd_bus_message *m, const char *slice, const char *description, pid_t pid)
{
        return sd_bus_message_append(m, "a(sv)a(sa(sv))", 5, "PIDs", "au", 1, (uint32_t) pid, "Slice", "s",
                                     slice, "Description", "s", description, "TimeoutStopUSec", "t",
                                     (uint64_t) SCOPE_STOP_USEC, "CollectMode", "s", "inactive-or-failed",
                                     0);
}

static int slice_on_reply(sd_bus_message *m, void *userdata, sd_bus_error *reterr)
{
        /* UnitExists: an earlier stage of the job made it. */
        if (sd_bus_message_is_method_error(m, NULL) &&
            !sd_bus_message_is_method_error(m, SYSTEMD_NAME ".UnitExists"))
                log_warning("systemd did not make the slice of a job, and will make one without a description: %s",
                            sd_bus_message_get_error(m)->message);

        return 0;
}

/* Only for its description: a scope brings its slice along by itself. systemd handles both calls in their order. */
static int slice_start(ScopeTracker *t, const char *slice, const char *description)
{
        return sd_bus_call_method_async(t->manager->bus, NULL, SYSTEMD_NAME, SYSTEMD_PATH, SYSTEMD_INTERFACE,
                                        "StartTransientUnit", slice_on_reply, NULL, "ssa(sv)a(sa(sv))",
                                        slice, "fail", 1, "Description", "s", description, 0);
}

int scope_start(ScopeTracker *t, const char *unit, const char *slice, const char *slice_description,
                const char *description, pid_t pid, scope_callback_t callback, void *userdata,
                ScopeCall **ret)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        _cleanup_(scope_call_freep) ScopeCall *c = NULL;
        int r;

        c = new0(ScopeCall, 1);
        if (!c)
                return -ENOMEM;
        *c = (ScopeCall){ .pid = pid, .callback = callback, .userdata = userdata, .unit = strdup(unit) };
        if (!c->unit)
                return -ENOMEM;

        r = slice_start(t, slice, slice_description);
        if (r < 0)
                return r;
        r = sd_bus_message_new_method_call(t->manager->bus, &m, SYSTEMD_NAME, SYSTEMD_PATH,
                                           SYSTEMD_INTERFACE, "StartTransientUnit");
        if (r < 0)
                return r;
        r = sd_bus_message_append(m, "ss", unit, "fail");
        if (r < 0)
                return r;
        r = scope_append_properties(m, slice, description, pid);
        if (r < 0)
                return r;
        r = sd_event_add_time_relative(t->manager->event, &c->deadline, CLOCK_BOOTTIME, SCOPE_DEADLINE_USEC,
                                       0, scope_on_deadline, c);
        if (r < 0)
                return r;
        r = sd_bus_call_async(t->manager->bus, &c->slot, m, scope_on_reply, c, SCOPE_DEADLINE_USEC);
        if (r < 0)
                return r;

        c->tracker = t;
        c->next = t->calls;
        t->calls = c;
        *ret = TAKE_PTR(c);
        return 0;
}

static int scope_on_stopped(sd_bus_message *m, void *userdata, sd_bus_error *reterr)
{
        /* NoSuchUnit: it has gone by itself. */
        if (sd_bus_message_is_method_error(m, NULL) &&
            !sd_bus_message_is_method_error(m, SYSTEMD_NAME ".NoSuchUnit"))
                log_warning("systemd did not stop a unit of a job that has ended: %s",
                            sd_bus_message_get_error(m)->message);

        return 0;
}

void scope_stop(ScopeTracker *t, const char *unit)
{
        int r;

        r = sd_bus_call_method_async(t->manager->bus, NULL, SYSTEMD_NAME, SYSTEMD_PATH, SYSTEMD_INTERFACE,
                                     "StopUnit", scope_on_stopped, NULL, "ss", unit, "replace");
        if (r < 0)
                log_warning_errno(r, "Failed to ask systemd to stop %s, ignoring: %m", unit);
}

int scope_tracker_new(Manager *m, ScopeTracker **ret)
{
        _cleanup_(scope_tracker_freep) ScopeTracker *t = NULL;
        int r;

        t = new0(ScopeTracker, 1);
        if (!t)
                return -ENOMEM;
        t->manager = m;

        r = sd_bus_match_signal_async(m->bus, &t->job_removed_slot, SYSTEMD_NAME, SYSTEMD_PATH,
                                      SYSTEMD_INTERFACE, "JobRemoved", scope_on_job_removed, NULL, t);
        if (r < 0)
                return r;
        /* Without a subscriber systemd sends no JobRemoved at all. */
        r = sd_bus_call_method_async(m->bus, NULL, SYSTEMD_NAME, SYSTEMD_PATH, SYSTEMD_INTERFACE,
                                     "Subscribe", NULL, NULL, "");
        if (r < 0)
                return r;

        *ret = TAKE_PTR(t);
        return 0;
}

ScopeTracker *scope_tracker_free(ScopeTracker *t)
{
        if (!t)
                return NULL;

        while (t->calls)
                scope_call_free(t->calls);
        sd_bus_slot_unref(t->job_removed_slot);
        free(t);
        return NULL;
}
