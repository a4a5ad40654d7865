/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <uthash.h>
#include <utlist.h>

#include "basic/log.h"
#include "basic/string-util.h"
#include "common/web-json.h"
#include "events/watch.h"
#include "shared/message-json.h"
#include "shared/names.h"

#define REFRESH_USEC  (10 * USEC_PER_SEC)
#define RETRY_USEC    (1 * USEC_PER_SEC)
#define CALL_USEC     (30 * USEC_PER_SEC)
#define ACCURACY_USEC (250 * USEC_PER_MSEC)
#define MATCHES       5U
/* How many of the newest ends a browser that was away for a moment is told of. */
#define ALERTS_MAX 64U

/* What the page shows of one drive or one stage alone, and asks for there; and of a stage, what only grows. A drive's are the bus's
 * words: most of a list is SMART readings, which need not be read for that. */
static const char *const drive_left_out[] = { "ByIdPath", "Smart", "LastSeenUSec" };
static const char *const stage_left_out[] = { "bad_block_list", "evidence", "run_id", "unit" };

/* A page of a list, one after the other: so that burnind answers others between them. */
static const struct {
        const char *member;
        MirrorKind kind;
        const char *only; /* a filter that is to be true, or NULL */
        bool paged;
} lists[] = {
        { "ListHosts", MIRROR_HOST, NULL, false },
        { "ListGrants", MIRROR_GRANT, NULL, false },
        { "ListDrives", MIRROR_DRIVE, NULL, true },
        { "ListJobs", MIRROR_JOB, "active", true },
};

/* A stage whose properties are wanted, or a job that ended before it was known. */
typedef struct Want {
        UT_hash_handle hh;
        char *path;
} Want;

struct Watch {
        sd_bus *bus;
        Mirror *mirror;
        watch_changed_t changed;
        void *userdata;

        sd_bus_slot *slots[MATCHES];
        sd_event_source *timer;
        sd_bus_slot *list_call, *want_call;
        size_t list;
        uint32_t offset;
        bool listing, again, ready, idle; /* again: something came while the lists were read */
        Want *wanted;                     /* the oldest first; that one is being asked for */
};

static void watch_begin(Watch *w);
static void watch_list(Watch *w);
static void watch_ask(Watch *w);

static void want_free(Watch *w, Want *want)
{
        HASH_DEL(w->wanted, want);
        free(want->path);
        free(want);
}

static void wants_clear(Watch *w)
{
        Want *want, *next;

        w->want_call = sd_bus_slot_unref(w->want_call);
        HASH_ITER(hh, w->wanted, want, next)
                want_free(w, want);
}

Watch *watch_free(Watch *w)
{
        if (!w)
                return NULL;
        for (size_t i = 0; i < MATCHES; i++)
                sd_bus_slot_unref(w->slots[i]);
        sd_bus_slot_unref(w->list_call);
        wants_clear(w);
        sd_event_source_disable_unref(w->timer);
        free(w);
        return NULL;
}

bool watch_is_ready(const Watch *w)
{
        return w->ready;
}

static void watch_told(Watch *w, int r)
{
        if (r < 0)
                (void) log_warning_errno(r, "A change of burnind's is not shown: %m");
        else if (r > 0)
                w->changed(w->userdata);
}

static void values_leave_out(struct json_object *values, const char *const names[], size_t n)
{
        for (size_t i = 0; i < n; i++)
                json_object_object_del(values, names[i]);
}

/* What is not left out, in the words of the web. */
static int drive_read(struct json_object *row, struct json_object **ret)
{
        values_leave_out(row, drive_left_out, ELEMENTSOF(drive_left_out));
        return web_json_from_bus(row, ret);
}

/* An a{sv} of properties, in the words of the web. */
static int properties_read(sd_bus_message *m, const char *interface, struct json_object **ret)
{
        _cleanup_json_ struct json_object *o = NULL;
        int r;

        r = message_read_json(m, &o);
        if (r <= 0)
                return r < 0 ? r : -EBADMSG;
        return streq(interface, BUS_INTERFACE_DRIVE) ? drive_read(o, ret) : web_json_from_bus(o, ret);
}

static void watch_schedule(Watch *w, uint64_t usec)
{
        (void) sd_event_source_set_time_relative(w->timer, usec);
        (void) sd_event_source_set_enabled(w->timer, SD_EVENT_ONESHOT);
}

static int manager_set(Watch *w, bool up)
{
        struct json_object *o = json_object_new_object();
        int r;

        if (!o)
                return -ENOMEM;
        r = json_put(o, "up", json_object_new_boolean(up));
        if (r < 0) {
                json_object_put(o);
                return r;
        }

        return mirror_set(w->mirror, MIRROR_MANAGER, BUS_PATH, o, false);
}

/* "/org/burnin1/job/42/surface_validate" is a stage of "/org/burnin1/job/42", which ends here; NULL: it is none. */
static const char *stage_slash(const char *path)
{
        const char *rest = startswith(path, BUS_PATH_JOB "/");

        return rest ? strchr(rest, '/') : NULL;
}

static int job_of_stage(const char *path, char **ret)
{
        const char *slash = stage_slash(path);

        if (!slash)
                return 0;
        *ret = strndup(path, (size_t) (slash - path));
        return *ret ? 1 : -ENOMEM;
}

static struct json_object *stage_find(struct json_object *stages, const char *path)
{
        const char *kind = strrchr(path, '/') + 1, *s;

        for (size_t i = 0; i < json_object_array_length(stages); i++) {
                struct json_object *stage = json_object_array_get_idx(stages, i);

                if (json_get_string(stage, "kind", &s) > 0 && streq(s, kind))
                        return stage;
        }

        return NULL;
}

/* A stage is shown within its job. Takes values over. Returns 0 too where the stage is not known and values are not all of it. */
static int stage_set(Watch *w, const char *path, struct json_object *values, bool whole, bool *ret_known)
{
        _cleanup_json_ struct json_object *owned = values, *job = NULL;
        _cleanup_free_ char *job_path = NULL;
        struct json_object *stages, *stage;
        int r;

        *ret_known = false;
        r = job_of_stage(path, &job_path);
        if (r <= 0)
                return r;
        job = mirror_get(w->mirror, job_path);
        if (!job)
                return 0;
        r = json_get(job, "stages", json_type_array, &stages);
        if (r < 0)
                return r;
        if (r == 0) {
                stages = json_object_new_array();
                if (!stages)
                        return -ENOMEM;
                r = json_put(job, "stages", stages);
                if (r < 0)
                        return r;
        }
        stage = stage_find(stages, path);
        if (!stage && !whole)
                return 0;

        *ret_known = true;
        values_leave_out(values, stage_left_out, ELEMENTSOF(stage_left_out));
        if (!stage) {
                r = json_object_array_add(stages, TAKE_PTR(owned));
                if (r < 0)
                        return -ENOMEM;
        } else {
                r = json_merge(stage, values);
                if (r < 0)
                        return r;
        }

        return mirror_set(w->mirror, MIRROR_JOB, job_path, TAKE_PTR(job), false);
}

/* A job has ended. Takes job over. */
static int alert_set(Watch *w, struct json_object *job)
{
        _cleanup_json_ struct json_object *owned = job;
        _cleanup_free_ char *path = NULL;
        uint64_t id;

        if (json_get_u64(job, "id", &id) <= 0)
                return -EBADMSG;
        json_object_object_del(job, "stages");
        path = strf("/alert/%" PRIu64, id % ALERTS_MAX);
        return path ? mirror_set(w->mirror, MIRROR_ALERT, path, TAKE_PTR(owned), true) : -ENOMEM;
}

/* All of a stage, which is shown once it has begun. Takes values over. */
static int stage_take(Watch *w, const char *path, struct json_object *values)
{
        const char *state;
        bool known;

        if (json_get_string(values, "state", &state) > 0 && streq(state, "pending")) {
                json_object_put(values);
                return 0;
        }

        return stage_set(w, path, values, true, &known);
}

static int on_wanted(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        Watch *w = userdata;
        struct json_object *values;
        int r;

        w->want_call = sd_bus_slot_unref(w->want_call);
        if (!w->wanted)
                return 0;
        if (!sd_bus_message_is_method_error(m, NULL)) {
                r = properties_read(m, BUS_INTERFACE_STAGE, &values);
                if (r >= 0)
                        r = stage_slash(w->wanted->path) ? stage_take(w, w->wanted->path, values)
                                                         : alert_set(w, values);
                watch_told(w, r);
        }
        want_free(w, w->wanted);
        watch_ask(w);
        return 0;
}

static void watch_ask(Watch *w)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        int r;

        if (!w->wanted || w->want_call)
                return;
        r = sd_bus_message_new_method_call(w->bus, &m, BUS_NAME, w->wanted->path,
                                           "org.freedesktop.DBus.Properties", "GetAll");
        if (r >= 0)
                r = sd_bus_message_append(m, "s",
                                          stage_slash(w->wanted->path) ? BUS_INTERFACE_STAGE
                                                                       : BUS_INTERFACE_JOB);
        if (r >= 0)
                r = sd_bus_call_async(w->bus, &w->want_call, m, on_wanted, w, CALL_USEC);
        if (r < 0) {
                (void) log_warning_errno(r, "Failed to ask for a stage or a job: %m");
                wants_clear(w);
        }
}

static void watch_want(Watch *w, const char *path)
{
        Want *want;

        HASH_FIND_STR(w->wanted, path, want);
        if (want)
                return;
        want = new0(Want, 1);
        if (!want || !(want->path = strdup(path))) {
                free(want);
                (void) log_oom();
                return;
        }
        HASH_ADD_KEYPTR(hh, w->wanted, want->path, strlen(want->path), want);
        watch_ask(w);
}

/* What a job has done before it was looked at sends no signals any more. */
static void stages_want(Watch *w, struct json_object *row)
{
        struct json_object *stages;
        const char *state;

        if (json_get_string(row, "State", &state) <= 0 || streq(state, "queued") ||
            json_get(row, "Stages", json_type_array, &stages) <= 0)
                return;
        for (size_t i = 0; i < json_object_array_length(stages); i++)
                watch_want(w, strempty(json_object_get_string(json_object_array_get_idx(stages, i))));
}

/* A list is an array of objects with the keys of their properties, and Object, their path. */
static int rows_take(Watch *w, MirrorKind kind, struct json_object *rows)
{
        int changed = 0;

        if (!json_object_is_type(rows, json_type_array))
                return -EBADMSG;
        for (size_t i = 0; i < json_object_array_length(rows); i++) {
                struct json_object *row = json_object_array_get_idx(rows, i), *values;
                const char *path;
                bool known;
                int r;

                if (json_get_string(row, "Object", &path) <= 0)
                        return -EBADMSG;
                known = w->ready && mirror_has(w->mirror, path);
                r = kind == MIRROR_DRIVE ? drive_read(row, &values) : web_json_from_bus(row, &values);
                if (r >= 0)
                        r = mirror_set(w->mirror, kind, path, values, false);
                if (r < 0)
                        return r;
                if (kind == MIRROR_JOB && !known)
                        stages_want(w, row);
                changed = changed || r > 0;
        }

        return changed;
}

/* 1: there is another page. */
static int list_take(Watch *w, sd_bus_message *m)
{
        _cleanup_json_ struct json_object *rows = NULL, *total = NULL;
        int r;

        r = message_read_json(m, &rows);
        if (r > 0 && lists[w->list].paged)
                r = message_read_json(m, &total);
        if (r <= 0)
                return r < 0 ? r : -EBADMSG;
        r = rows_take(w, lists[w->list].kind, rows);
        if (r < 0)
                return r;
        if (r > 0)
                w->changed(w->userdata);

        w->offset += (uint32_t) json_object_array_length(rows);
        return total && json_object_array_length(rows) > 0 && w->offset < json_object_get_uint64(total);
}

static void list_end(Watch *w)
{
        w->list_call = sd_bus_slot_unref(w->list_call);
        w->listing = false;
        watch_schedule(w, w->ready ? REFRESH_USEC : RETRY_USEC);
}

static int on_list(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        Watch *w = userdata;
        int r;

        if (sd_bus_message_is_method_error(m, NULL)) {
                /* Without burnind there is no answer, and that is told by its name's owner. */
                (void) log_debug_errno(sd_bus_message_get_errno(m), "%s: %s", lists[w->list].member,
                                       strempty(sd_bus_message_get_error(m)->message));
                list_end(w);
                return 0;
        }
        r = list_take(w, m);
        if (r < 0) {
                (void) log_error_errno(r, "burnind's answer to %s makes no sense: %m",
                                       lists[w->list].member);
                list_end(w);
                return 0;
        }
        if (r == 0) {
                if (mirror_sweep_end(w->mirror, lists[w->list].kind) > 0)
                        w->changed(w->userdata);
                w->list++;
                w->offset = 0;
        }
        if (w->list < ELEMENTSOF(lists)) {
                watch_list(w);
                return 0;
        }

        if (!w->ready) {
                w->ready = true;
                watch_told(w, manager_set(w, true));
        }
        list_end(w);
        if (w->again)
                watch_begin(w);
        return 0;
}

static int list_call_new(Watch *w, sd_bus_message **ret)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        int r;

        r = sd_bus_message_new_method_call(w->bus, &m, BUS_NAME, BUS_PATH, BUS_INTERFACE_MANAGER,
                                           lists[w->list].member);
        if (r < 0)
                return r;
        /* A service that is down is shown as that, not started by who only looks. */
        (void) sd_bus_message_set_auto_start(m, false);
        r = sd_bus_message_open_container(m, 'a', "{sv}");
        if (r >= 0 && lists[w->list].paged)
                r = sd_bus_message_append(m, "{sv}", "offset", "u", w->offset);
        if (r >= 0 && lists[w->list].only)
                r = sd_bus_message_append(m, "{sv}", lists[w->list].only, "b", true);
        if (r >= 0)
                r = sd_bus_message_close_container(m);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(m);
        return 0;
}

static void watch_list(Watch *w)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        int r;

        if (w->offset == 0)
                mirror_sweep_begin(w->mirror, lists[w->list].kind);
        w->list_call = sd_bus_slot_unref(w->list_call);
        r = list_call_new(w, &m);
        if (r >= 0)
                r = sd_bus_call_async(w->bus, &w->list_call, m, on_list, w, CALL_USEC);
        if (r < 0) {
                (void) log_error_errno(r, "Failed to call %s: %m", lists[w->list].member);
                list_end(w);
        }
}

static void watch_begin(Watch *w)
{
        w->listing = true;
        w->again = false;
        w->list = 0;
        w->offset = 0;
        watch_list(w);
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
        Watch *w = userdata;

        if (!w->listing && (!w->ready || !w->idle))
                watch_begin(w);
        return 0;
}

void watch_set_idle(Watch *w, bool idle)
{
        if (w->idle == idle)
                return;
        w->idle = idle;
        if (!idle && !w->listing)
                watch_schedule(w, 0);
}

static int stage_changed(Watch *w, const char *path, struct json_object *values, bool invalidated)
{
        bool known;
        int r;

        r = stage_set(w, path, values, false, &known);
        if (r >= 0 && (!known || invalidated))
                watch_want(w, path);
        return r;
}

/* Takes values over. Of what is not known yet a list tells, all of it. */
static int row_changed(Watch *w, const char *interface, const char *path, struct json_object *values)
{
        static const struct {
                const char *interface;
                MirrorKind kind;
        } kinds[] = {
                { BUS_INTERFACE_DRIVE, MIRROR_DRIVE },
                { BUS_INTERFACE_JOB, MIRROR_JOB },
                { BUS_INTERFACE_HOST, MIRROR_HOST },
        };

        for (size_t i = 0; i < ELEMENTSOF(kinds); i++)
                if (streq(interface, kinds[i].interface) && mirror_has(w->mirror, path))
                        return mirror_set(w->mirror, kinds[i].kind, path, values, false);

        json_object_put(values);
        return 0;
}

static int on_properties_changed(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        const char *path = sd_bus_message_get_path(m), *interface;
        struct json_object *values;
        Watch *w = userdata;
        int r, invalidated;

        r = sd_bus_message_read(m, "s", &interface);
        if (r >= 0)
                r = properties_read(m, interface, &values);
        if (r < 0) {
                watch_told(w, r);
                return 0;
        }
        invalidated = sd_bus_message_enter_container(m, 'a', "s") > 0 &&
                      sd_bus_message_at_end(m, false) == 0;

        if (streq(interface, BUS_INTERFACE_STAGE))
                r = stage_changed(w, path, values, invalidated);
        else
                r = row_changed(w, interface, path, values);
        watch_told(w, r);
        return 0;
}

static int progress_take(Watch *w, sd_bus_message *m)
{
        double percent, phase_percent;
        uint64_t speed, bad_blocks;
        int32_t temperature;
        const char *path;
        int r;

        while ((r = sd_bus_message_read(m, "(oddtti)", &path, &percent, &phase_percent, &speed, &bad_blocks,
                                        &temperature)) > 0) {
                struct json_object *values = json_object_new_object();

                if (!values)
                        return -ENOMEM;
                if (json_put_double(values, "percent", percent) < 0 ||
                    json_put_double(values, "phase_percent", phase_percent) < 0 ||
                    json_put_u64(values, "bytes_per_second", speed) < 0 ||
                    json_put_u64(values, "bad_blocks", bad_blocks) < 0 ||
                    web_json_put(values, "temperature_mdegc",
                                 temperature == MDEGC_UNKNOWN ? NULL : json_object_new_int(temperature)) <
                                    0) {
                        json_object_put(values);
                        return -ENOMEM;
                }
                watch_told(w, stage_changed(w, path, values, false));
        }

        return r;
}

/* The stages' own signals leave these out where there are many. */
static int on_progress(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        Watch *w = userdata;
        int r;

        r = sd_bus_message_enter_container(m, 'a', "(oddtti)");
        if (r >= 0)
                r = progress_take(w, m);
        watch_told(w, MIN(r, 0));
        return 0;
}

/* An object came or went, or a job ended: the lists tell of what came, since nothing else has all of it. */
static int on_objects_changed(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        Watch *w = userdata;
        const char *path;

        if (sd_bus_message_read(m, "o", &path) < 0)
                return 0;
        if (sd_bus_message_is_signal(m, NULL, "InterfacesRemoved"))
                watch_told(w, mirror_remove(w->mirror, path));
        else if (w->listing)
                w->again = true;
        else if (w->ready)
                watch_begin(w);
        return 0;
}

static int on_job_removed(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        struct json_object *job;
        const char *path, *verdict;
        Watch *w = userdata;
        uint64_t id;
        int r;

        if (sd_bus_message_read(m, "tos", &id, &path, &verdict) < 0)
                return 0;
        job = mirror_get(w->mirror, path);
        watch_told(w, mirror_remove(w->mirror, path));
        if (!job) {
                watch_want(w, path);
                return 0;
        }
        r = json_put_string(job, "verdict", verdict);
        if (r < 0)
                json_object_put(job);
        else
                r = alert_set(w, job);
        watch_told(w, r);
        return 0;
}

static int on_owner_changed(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        const char *name, *old_owner, *new_owner;
        Watch *w = userdata;

        if (sd_bus_message_read(m, "sss", &name, &old_owner, &new_owner) < 0)
                return 0;
        if (*old_owner) {
                w->ready = false;
                wants_clear(w);
                watch_told(w, manager_set(w, false));
        }
        if (*new_owner)
                watch_begin(w);
        return 0;
}

#define SIGNAL "type='signal',sender='" BUS_NAME "',"

static const struct {
        const char *rule;
        sd_bus_message_handler_t handler;
} matches[MATCHES] = {
        { "type='signal',sender='org.freedesktop.DBus',path='/org/freedesktop/DBus',"
          "interface='org.freedesktop.DBus',member='NameOwnerChanged',arg0='" BUS_NAME "'",
          on_owner_changed },
        { SIGNAL
          "interface='org.freedesktop.DBus.Properties',member='PropertiesChanged',path_namespace='" BUS_PATH
          "'",
          on_properties_changed },
        { SIGNAL "interface='org.freedesktop.DBus.ObjectManager',path_namespace='" BUS_PATH "'",
          on_objects_changed },
        { SIGNAL "interface='" BUS_INTERFACE_MANAGER "',member='JobRemoved',path='" BUS_PATH "'",
          on_job_removed },
        { SIGNAL "interface='" BUS_INTERFACE_MANAGER "',member='Progress',path='" BUS_PATH "'",
          on_progress },
};

int watch_new(sd_event *event, sd_bus *bus, Mirror *mirror, watch_changed_t changed, void *userdata,
              Watch **ret)
{
        _cleanup_(watch_freep) Watch *w = new0(Watch, 1);
        int r;

        if (!w)
                return -ENOMEM;
        *w = (Watch){ .bus = bus, .mirror = mirror, .changed = changed, .userdata = userdata, .idle = true };

        r = sd_event_add_time_relative(event, &w->timer, CLOCK_MONOTONIC, 0, ACCURACY_USEC, on_timer, w);
        for (size_t i = 0; r >= 0 && i < MATCHES; i++)
                r = sd_bus_add_match_async(bus, w->slots + i, matches[i].rule, matches[i].handler, NULL, w);
        if (r < 0)
                return r;
        r = manager_set(w, false);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(w);
        return 0;
}
