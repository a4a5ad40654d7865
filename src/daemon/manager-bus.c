/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "basic/string-util.h"
#include "basic/time-util.h"
#include "daemon/account.h"
#include "daemon/api-key.h"
#include "daemon/audit.h"
#include "daemon/authz.h"
#include "daemon/configuration.h"
#include "daemon/daily.h"
#include "daemon/estimate-bus.h"
#include "daemon/event.h"
#include "daemon/grant.h"
#include "daemon/host.h"
#include "daemon/job-archive.h"
#include "daemon/list.h"
#include "daemon/notifier.h"
#include "daemon/log-control.h"
#include "daemon/nightly.h"
#include "daemon/poll.h"
#include "daemon/stage.h"
#include "daemon/submit.h"
#include "shared/bus-util.h"
#include "shared/names.h"

static int manager_property_get_version(sd_bus *bus, const char *path, const char *interface,
                                        const char *property, sd_bus_message *reply, void *userdata,
                                        sd_bus_error *error)
{
        return sd_bus_message_append(reply, "s", BURNIN_VERSION);
}

static int manager_property_get_public_key(sd_bus *bus, const char *path, const char *interface,
                                           const char *property, sd_bus_message *reply, void *userdata,
                                           sd_bus_error *error)
{
        _cleanup_free_ char *line = NULL;
        int r;

        r = manager_read_public_key(userdata, &line);
        return r == -ENOMEM ? r : sd_bus_message_append(reply, "s", strempty(line));
}

static const char *manager_database_health(const Manager *m)
{
        return m->health ?: m->unreadable ?: "ok";
}

static const char *manager_poller_health(const Manager *m)
{
        return m->poll && !poll_is_connected(m->poll)
                               ? "No poller is connected; see systemctl status burnin-poll."
                               : "ok";
}

static const char *manager_truenas_health(const Manager *m)
{
        if (m->truenas && !poll_is_connected(m->truenas))
                for (const Host *h = m->hosts; h; h = h->hh.next)
                        if (host_has_api(h))
                                return "burnin-truenas is not connected; see systemctl status burnin-truenas.";

        return "ok";
}

/* What is worst comes first. */
static const struct {
        const char *name;
        const char *(*health)(const Manager *m);
} manager_parts[] = {
        { "database", manager_database_health },
        { "poller", manager_poller_health },
        { "truenas", manager_truenas_health },
};

static int manager_property_get_health(sd_bus *bus, const char *path, const char *interface,
                                       const char *property, sd_bus_message *reply, void *userdata,
                                       sd_bus_error *error)
{
        const char *health = "ok";

        for (size_t i = 0; i < ELEMENTSOF(manager_parts) && streq(health, "ok"); i++)
                health = manager_parts[i].health(userdata);

        return sd_bus_message_append(reply, "s", health);
}

static int manager_property_get_health_parts(sd_bus *bus, const char *path, const char *interface,
                                             const char *property, sd_bus_message *reply, void *userdata,
                                             sd_bus_error *error)
{
        int r;

        r = sd_bus_message_open_container(reply, 'a', "(ss)");
        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(manager_parts); i++)
                r = sd_bus_message_append(reply, "(ss)", manager_parts[i].name,
                                          manager_parts[i].health(userdata));

        return r < 0 ? r : sd_bus_message_close_container(reply);
}

static int manager_property_get_host_states(sd_bus *bus, const char *path, const char *interface,
                                            const char *property, sd_bus_message *reply, void *userdata,
                                            sd_bus_error *error)
{
        const Manager *m = userdata;
        int r;

        r = sd_bus_message_open_container(reply, 'a', "(ss)");
        for (const Host *h = m->hosts; r >= 0 && h; h = h->hh.next)
                r = sd_bus_message_append(reply, "(ss)", h->record.name, host_state_to_string(h->state));

        return r < 0 ? r : sd_bus_message_close_container(reply);
}

/* Address and URL stand for each other, where one was left out. */
static int fill_address(HostRecord *r, char **address, char **url)
{
        bool local = host_record_is_local(r);

        if (streq(r->kind, "truenas") && !r->api_url) {
                *url = strf("https://%s", r->address ?: r->name);
                if (!*url)
                        return -ENOMEM;
                r->api_url = *url;
        }
        if (!r->address && r->api_url)
                r->address = *address = host_address_of_url(r->api_url);
        if (!r->address)
                r->address = local ? (char *) "" : r->name;
        if (!r->user)
                r->user = (char *) (local || streq(r->kind, "truenas") ? "" : "root");

        return 0;
}

static int manager_check_new_host(Manager *m, const HostRecord *record, sd_bus_error *error)
{
        const Host *h;

        if (host_find(m, record->name))
                return sd_bus_error_setf(error, BUS_ERROR_HOST_EXISTS, "There is a host %s already.",
                                         record->name);
        /* Twice the same drives would be drives with a shared identity, and none of them could be used. */
        h = host_record_is_local(record) ? host_find_local(m) : NULL;
        if (h)
                return sd_bus_error_setf(error, BUS_ERROR_HOST_EXISTS,
                                         "This machine is here already, as host %s.", h->record.name);
        if (HASH_COUNT(m->hosts) >= HOSTS_MAX)
                return sd_bus_error_setf(error, BUS_ERROR_LIMIT_REACHED,
                                         "There are %u hosts, and no more can be added.", HOSTS_MAX);
        return 0;
}

static int manager_method_add_host(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        _cleanup_free_ char *object = NULL, *path = NULL, *address = NULL, *url = NULL, *detail = NULL;
        _cleanup_(erase_and_freep) char *key = NULL;
        Manager *manager = userdata;
        HostRecord record = {
                .kind = (char *) "ssh",
                .notes = (char *) "",
                .added_usec = now_usec(CLOCK_REALTIME),
        };
        int key_fd = -EBADF, verify = true;
        bool has_port = false;
        const BusOption options[] = {
                { "address", 's', &record.address, NULL }, { "port", 'q', &record.port, &has_port },
                { "user", 's', &record.user, NULL },       { "kind", 's', &record.kind, NULL },
                { "notes", 's', &record.notes, NULL },     { "api_url", 's', &record.api_url, NULL },
                { "api_pin", 's', &record.api_pin, NULL }, { "api_verify", 'b', &verify, NULL },
                { "api_key", 'h', &key_fd, NULL },
        };
        Actor actor;
        Host *h;
        int r;

        r = sd_bus_message_read(m, "s", &record.name);
        if (r < 0)
                return r;
        r = bus_read_options(m, options, ELEMENTSOF(options), error);
        if (r < 0)
                return r;
        record.api_verify = verify;
        if (!has_port)
                record.port = host_record_is_local(&record) ? 0 : 22;
        r = fill_address(&record, &address, &url);
        if (r < 0)
                return r;
        r = host_record_check(&record, error);
        if (r < 0)
                return r;
        r = host_read_api_key(&record, key_fd, &key, error);
        if (r < 0)
                return r;

        object = strf("host %s", record.name);
        if (!object)
                return -ENOMEM;
        r = authz_check(manager, m, object,
                        ((PolkitDetail[]){ { "host", record.name }, { "address", record.address }, {} }),
                        error);
        if (r < 0)
                return r;
        if (r == 0)
                return 1; /* Will call us back */

        r = actor_from_message(manager, m, &actor);
        if (r >= 0)
                r = audit_refused(manager, &actor, ACTION_MANAGE_HOSTS, object,
                                  manager_check_new_host(manager, &record, error), error);
        if (r >= 0 && key)
                r = api_key_put(record.name, key);
        if (r < 0)
                return r;
        r = host_add(manager, &record, &h);
        if (r < 0) {
                if (key)
                        api_key_remove(record.name);
                return r;
        }
        detail = strf("AddHost: %s", host_record_is_local(&record) ? "this machine" : record.address);
        (void) audit_write(manager, &actor, ACTION_MANAGE_HOSTS, object, "ok", strempty(detail));

        r = host_bus_path(h, &path);
        if (r < 0)
                return r;
        return sd_bus_reply_method_return(m, "o", path);
}

/* The whole of a call that names an object and changes nothing. Returns what authz_check() does. */
static int manager_read_name(Manager *manager, sd_bus_message *m, const char **ret, sd_bus_error *error)
{
        int r;

        r = sd_bus_message_read(m, "s", ret);
        if (r < 0)
                return r;

        return authz_check(manager, m, *ret, NULL, error);
}

static int manager_method_get_host(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        _cleanup_free_ char *path = NULL;
        const char *name;
        Host *h;
        int r;

        r = manager_read_name(userdata, m, &name, error);
        if (r <= 0)
                return r < 0 ? r : 1;

        h = host_find(userdata, name);
        if (!h)
                return sd_bus_error_setf(error, BUS_ERROR_NO_SUCH_HOST, "There is no host \"%s\" here.",
                                         SHOWN(name));
        r = host_bus_path(h, &path);
        if (r < 0)
                return r;

        return sd_bus_reply_method_return(m, "o", path);
}

static int manager_method_get_drive(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        _cleanup_free_ char *path = NULL;
        const char *name;
        Drive *d;
        int r;

        r = manager_read_name(userdata, m, &name, error);
        if (r <= 0)
                return r < 0 ? r : 1;

        r = submit_find_drive(userdata, name, &d, error);
        if (r < 0)
                return r;
        r = drive_bus_path_of(d->record.id, &path);
        if (r < 0)
                return r;

        return sd_bus_reply_method_return(m, "o", path);
}

static int manager_method_get_job(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        _cleanup_free_ char *path = NULL;
        uint64_t id;
        Job *j;
        int r;

        r = sd_bus_message_read(m, "t", &id);
        if (r < 0)
                return r;
        r = authz_check(userdata, m, "", NULL, error);
        if (r <= 0)
                return r < 0 ? r : 1;

        r = job_get(userdata, id, &j, error);
        if (r == -ENOENT)
                return sd_bus_error_setf(error, BUS_ERROR_NO_SUCH_JOB, "There is no job %" PRIu64 ".", id);
        if (r < 0)
                return r;
        r = job_bus_path_of(id, &path);
        if (r < 0)
                return r;

        return sd_bus_reply_method_return(m, "o", path);
}

static int manager_method_cancel_all(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        Manager *manager = userdata;
        _cleanup_free_ Job **active = NULL;
        const char *reason;
        size_t n = 0;
        Actor actor;
        Job *j, *next;
        int r;

        r = bus_read_reason(m, &reason, error);
        if (r < 0)
                return r;
        r = authz_check(manager, m, "all jobs", NULL, error);
        if (r <= 0)
                return r < 0 ? r : 1;

        r = actor_from_message(manager, m, &actor);
        if (r < 0)
                return r;
        active = new (Job *, HASH_COUNT(manager->jobs) + 1);
        if (!active)
                return -ENOMEM;

        HASH_ITER(hh, manager->jobs, j, next)
                if (j->record.state != JOB_DONE)
                        active[n++] = j;
        for (size_t i = 0; i < n; i++) {
                _cleanup_free_ char *object = job_audit_object(active[i]);

                r = object ? job_cancel(active[i], &actor, reason) : -ENOMEM;
                if (r < 0)
                        return r;
                (void) audit_write(manager, &actor, ACTION_CANCEL, object, "ok", reason);
        }

        (void) audit_write(manager, &actor, ACTION_CANCEL, "all jobs", "ok", reason);
        return sd_bus_reply_method_return(m, "u", (uint32_t) n);
}

#define EMITS SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE

const sd_bus_vtable manager_vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_PROPERTY("Version", "s", manager_property_get_version, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("SshPublicKey", "s", manager_property_get_public_key, 0, 0),
        SD_BUS_PROPERTY("Health", "s", manager_property_get_health, 0, EMITS),
        SD_BUS_PROPERTY("HealthParts", "a(ss)", manager_property_get_health_parts, 0, 0),
        SD_BUS_PROPERTY("HostStates", "a(ss)", manager_property_get_host_states, 0, 0),
        SD_BUS_PROPERTY("QueuedJobs", "u", NULL, offsetof(Manager, n_queued), EMITS),
        SD_BUS_PROPERTY("RunningJobs", "u", NULL, offsetof(Manager, n_running), EMITS),
        SD_BUS_PROPERTY("MaxParallelBurnins", "u", NULL, offsetof(Manager, settings.max_parallel_burnins),
                        EMITS),
        SD_BUS_METHOD_WITH_ARGS("AddHost", SD_BUS_ARGS("s", name, "a{sv}", options),
                                SD_BUS_RESULT("o", host), manager_method_add_host,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("GetHost", SD_BUS_ARGS("s", name), SD_BUS_RESULT("o", host),
                                manager_method_get_host, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("GetDrive", SD_BUS_ARGS("s", drive), SD_BUS_RESULT("o", object),
                                manager_method_get_drive, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("GetJob", SD_BUS_ARGS("t", id), SD_BUS_RESULT("o", job),
                                manager_method_get_job, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("ListHosts", SD_BUS_ARGS("a{sv}", filter), SD_BUS_RESULT("aa{sv}", hosts),
                                manager_method_list_hosts, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("ListDrives", SD_BUS_ARGS("a{sv}", filter),
                                SD_BUS_RESULT("aa{sv}", drives, "u", total), manager_method_list_drives,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("ListJobs", SD_BUS_ARGS("a{sv}", filter),
                                SD_BUS_RESULT("aa{sv}", jobs, "t", total), manager_method_list_jobs,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("ListAudit", SD_BUS_ARGS("a{sv}", filter),
                                SD_BUS_RESULT("aa{sv}", entries, "t", total), manager_method_list_audit,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("ListStatistics", SD_BUS_ARGS("a{sv}", filter),
                                SD_BUS_RESULT("aa{sv}", rows), manager_method_list_statistics,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("GetDailyReport", SD_BUS_ARGS("t", since_usec, "t", flags),
                                SD_BUS_RESULT("s", report), manager_method_get_daily_report,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("EstimateBurnIn", SD_BUS_ARGS("as", drives, "a{sv}", options),
                                SD_BUS_RESULT("a(sttsu)", estimates, "t", low_usec, "t", high_usec),
                                manager_method_estimate_burn_in, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("ListGrants", SD_BUS_ARGS("a{sv}", filter), SD_BUS_RESULT("aa{sv}", grants),
                                manager_method_list_grants, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("StartBurnIn", SD_BUS_ARGS("a(ss)", drives, "a{sv}", options),
                                SD_BUS_RESULT("a(ssso)", results), manager_method_start_burn_in,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("CancelAll", SD_BUS_ARGS("s", reason, "t", flags), SD_BUS_RESULT("u", count),
                                manager_method_cancel_all, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_SIGNAL_WITH_ARGS("Progress", SD_BUS_ARGS("a(oddtti)", stages), 0),
        SD_BUS_SIGNAL_WITH_ARGS("Event",
                                SD_BUS_ARGS("s", id, "s", event, "t", time_usec, "s", severity, "s", host,
                                            "t", job, "s", text),
                                0),
        SD_BUS_SIGNAL_WITH_ARGS("JobNew", SD_BUS_ARGS("t", id, "o", job), 0),
        SD_BUS_SIGNAL_WITH_ARGS("JobRemoved", SD_BUS_ARGS("t", id, "o", job, "s", verdict), 0),
        SD_BUS_VTABLE_END,
};

int manager_bus_register(Manager *m)
{
        int r;

        r = sd_bus_add_object_manager(m->bus, NULL, BUS_PATH);
        if (r < 0)
                return r;
        r = sd_bus_add_object_vtable(m->bus, NULL, BUS_PATH, BUS_INTERFACE_MANAGER, manager_vtable, m);
        if (r < 0)
                return r;
        r = setting_bus_register(m);
        if (r < 0)
                return r;
        r = nightly_bus_register(m);
        if (r < 0)
                return r;
        r = account_bus_register(m);
        if (r < 0)
                return r;
        r = notifier_bus_register(m);
        if (r < 0)
                return r;
        r = log_control_bus_register(m->bus);
        if (r < 0)
                return r;
        r = host_bus_register(m);
        if (r < 0)
                return r;
        r = drive_bus_register(m);
        if (r < 0)
                return r;
        r = grant_bus_register(m);
        if (r < 0)
                return r;
        r = job_bus_register(m);
        if (r < 0)
                return r;

        return stage_bus_register(m);
}

void manager_emit_changed(Manager *m, const char *property)
{
        (void) sd_bus_emit_properties_changed(m->bus, BUS_PATH, BUS_INTERFACE_MANAGER, property, NULL);
}

static int append_progress(sd_bus_message *m, const Stage *s)
{
        _cleanup_free_ char *path = NULL;
        int r;

        r = stage_bus_path(s, &path);
        if (r < 0)
                return r;

        return sd_bus_message_append(m, "(oddtti)", path, s->record.percent, s->record.phase_percent,
                                     s->record.bytes_per_second, s->record.bad_blocks,
                                     s->record.temperature_mdegc);
}

void manager_emit_progress(Manager *m, Stage *const *stages, size_t n)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *signal = NULL;
        int r;

        r = sd_bus_message_new_signal(m->bus, &signal, BUS_PATH, BUS_INTERFACE_MANAGER, "Progress");
        if (r >= 0)
                r = sd_bus_message_open_container(signal, 'a', "(oddtti)");
        for (size_t i = 0; r >= 0 && i < n; i++)
                r = append_progress(signal, stages[i]);
        if (r >= 0)
                r = sd_bus_message_close_container(signal);
        if (r >= 0)
                (void) sd_bus_send(m->bus, signal, NULL);
}

void manager_emit_event(Manager *m, const Event *e)
{
        (void) sd_bus_emit_signal(m->bus, BUS_PATH, BUS_INTERFACE_MANAGER, "Event", "sstssts", e->record.id,
                                  e->record.kind, e->record.time_usec,
                                  severity_to_string(event_severity(e->kind)), e->host, e->job, e->text);
}

void manager_emit_job_new(Manager *m, Job *j)
{
        _cleanup_free_ char *path = NULL;

        if (job_bus_path_of(j->record.id, &path) >= 0)
                (void) sd_bus_emit_signal(m->bus, BUS_PATH, BUS_INTERFACE_MANAGER, "JobNew", "to",
                                          j->record.id, path);
}

void manager_emit_job_removed(Manager *m, Job *j)
{
        _cleanup_free_ char *path = NULL;

        if (job_bus_path_of(j->record.id, &path) >= 0)
                (void) sd_bus_emit_signal(m->bus, BUS_PATH, BUS_INTERFACE_MANAGER, "JobRemoved", "tos",
                                          j->record.id, path, verdict_to_string(j->record.verdict));
}
