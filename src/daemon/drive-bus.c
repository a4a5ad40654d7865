/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "basic/string-util.h"
#include "daemon/audit.h"
#include "daemon/authz.h"
#include "daemon/drive.h"
#include "daemon/grant.h"
#include "daemon/identify.h"
#include "daemon/job.h"
#include "daemon/list.h"
#include "shared/bus-util.h"
#include "shared/names.h"

static int drive_property_get_enum(sd_bus *bus, const char *path, const char *interface,
                                   const char *property, sd_bus_message *reply, void *userdata,
                                   sd_bus_error *error)
{
        const Drive *d = userdata;
        const char *s = "";

        if (streq(property, "IdentityState"))
                s = identity_state_to_string(d->identity_state);
        else if (streq(property, "SmartHealth"))
                s = smart_health_to_string(d->health);
        else if (streq(property, "LockState"))
                s = lock_role_to_string(drive_lock_role(d));
        else if (streq(property, "LockDetail"))
                s = drive_lock_detail(d);
        else if (streq(property, "UnlockToken"))
                s = drive_unlock_token(d);

        return sd_bus_message_append(reply, "s", s);
}

static int drive_property_get_present(sd_bus *bus, const char *path, const char *interface,
                                      const char *property, sd_bus_message *reply, void *userdata,
                                      sd_bus_error *error)
{
        return sd_bus_message_append(reply, "b", ((Drive *) userdata)->host != NULL);
}

static int drive_property_get_active_job(sd_bus *bus, const char *path, const char *interface,
                                         const char *property, sd_bus_message *reply, void *userdata,
                                         sd_bus_error *error)
{
        const Drive *d = userdata;
        _cleanup_free_ char *job = NULL;
        int r;

        if (d->job) {
                r = job_bus_path_of(d->job->record.id, &job);
                if (r < 0)
                        return r;
        }

        return sd_bus_message_append(reply, "o", job ?: "/");
}

static int drive_property_get_self_tests(sd_bus *bus, const char *path, const char *interface,
                                         const char *property, sd_bus_message *reply, void *userdata,
                                         sd_bus_error *error)
{
        return self_tests_append(userdata, reply);
}

/* What every method that changes a drive begins with, behind the arguments of its own: flags, and leave. Returns what authz_check()
 * does; actor and object are for the audit. */
static int drive_authorize(const Drive *d, sd_bus_message *m, const char *profile, Actor *ret_actor,
                           char **ret_object, sd_bus_error *error)
{
        _cleanup_free_ char *object = strf("drive %s", d->record.id);
        int r;

        if (!object)
                return -ENOMEM;
        r = bus_read_flags(m, error);
        if (r < 0)
                return r;
        r = authz_check(d->manager, m, object,
                        ((PolkitDetail[]){ { "drive", d->record.id },
                                           { "serial", d->record.identity.serial },
                                           { "host", d->record.host },
                                           { "profile", profile },
                                           {} }),
                        error);
        if (r <= 0)
                return r;
        r = actor_from_message(d->manager, m, ret_actor);
        if (r < 0)
                return r;

        *ret_object = TAKE_PTR(object);
        return 1;
}

static int drive_method_start_self_test(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        Drive *d = userdata;
        _cleanup_free_ char *object = NULL, *detail = NULL, *path = NULL;
        const char *type;
        Actor actor;
        Plan plan;
        Job *j;
        int r;

        r = sd_bus_message_read(m, "s", &type);
        if (r < 0)
                return r;
        /* Whatever else was given is refused below; nobody is asked about it. */
        r = drive_authorize(d, m, plan_self_test(type, &plan) >= 0 ? type : NULL, &actor, &object, error);
        if (r <= 0)
                return r < 0 ? r : 1; /* Will call us back */

        r = audit_refused(d->manager, &actor, ACTION_SELF_TEST, object,
                          self_test_start(d, type, &actor, &j, error), error);
        if (r < 0)
                return r;

        detail = strf("job %" PRIu64 ", %s", j->record.id, type);
        (void) audit_write(d->manager, &actor, ACTION_SELF_TEST, object, "ok", detail);
        r = job_bus_path_of(j->record.id, &path);
        if (r < 0)
                return r;
        return sd_bus_reply_method_return(m, "o", path);
}

static int drive_method_cancel_self_test(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        Drive *d = userdata;
        _cleanup_free_ char *object = NULL;
        Actor actor;
        int r;

        r = drive_authorize(d, m, NULL, &actor, &object, error);
        if (r <= 0)
                return r < 0 ? r : 1; /* Will call us back */

        r = audit_refused(d->manager, &actor, ACTION_SELF_TEST, object, self_test_cancel(d, &actor, error),
                          error);
        if (r < 0)
                return r;

        (void) audit_write(d->manager, &actor, ACTION_SELF_TEST, object, "ok", "cancelled");
        return sd_bus_reply_method_return(m, NULL);
}

/* SetLocation and SetNotes: one text each, kept with the drive wherever it goes. */
static int drive_set_text(Drive *d, sd_bus_message *m, char **text, bool lines, const char *property,
                          sd_bus_error *error)
{
        _cleanup_free_ char *object = NULL, *before = NULL, *detail = NULL;
        const char *value;
        Actor actor;
        int r;

        r = sd_bus_message_read(m, "s", &value);
        if (r < 0)
                return r;
        r = drive_authorize(d, m, NULL, &actor, &object, error);
        if (r <= 0)
                return r < 0 ? r : 1; /* Will call us back */

        r = bus_check_text(lines ? "Notes" : "A location", value, lines ? TEXT_MAX_BYTES : NAME_MAX_CHARS,
                           lines, BUS_ERROR_INVALID_ARGUMENT, error);
        if (r < 0)
                return r;

        before = TAKE_PTR(*text);
        r = free_and_strdup(text, value);
        if (r >= 0)
                r = store_drive_put(d->manager->store, &d->record);
        if (r < 0) {
                free(*text);
                *text = TAKE_PTR(before);
                return manager_store_failed(d->manager, r);
        }

        /* Notes may be long; they are not what the audit is for. */
        detail = lines ? strdup(property) : strf("%s: %s", property, value);
        (void) audit_write(d->manager, &actor, ACTION_MANAGE_DRIVES, object, "ok", strempty(detail));
        drive_emit_changed(d, (const char *const[]){ property, NULL });
        return sd_bus_reply_method_return(m, NULL);
}

static int drive_method_set_location(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        Drive *d = userdata;

        return drive_set_text(d, m, &d->record.location, false, "Location", error);
}

static int drive_method_set_notes(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        Drive *d = userdata;

        return drive_set_text(d, m, &d->record.notes, true, "Notes", error);
}

static int drive_method_forget(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        Drive *d = userdata;
        Manager *manager = d->manager;
        _cleanup_free_ char *object = NULL, *why = NULL;
        const char *name;
        Actor actor;
        int r;

        r = drive_authorize(d, m, NULL, &actor, &object, error);
        if (r <= 0)
                return r < 0 ? r : 1; /* Will call us back */

        r = drive_check_forget(d, &name, &why);
        if (r < 0)
                return r;
        if (r == 0)
                return audit_refused(manager, &actor, ACTION_MANAGE_DRIVES, object,
                                     sd_bus_error_set(error, name, why), error);
        r = drive_forget(d);
        if (r < 0)
                return r;

        (void) audit_write(manager, &actor, ACTION_MANAGE_DRIVES, object, "ok", "Forget");
        return sd_bus_reply_method_return(m, NULL);
}

static int drive_method_identify(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        Drive *d = userdata;
        _cleanup_free_ char *object = NULL;
        uint32_t seconds;
        Actor actor;
        int r;

        r = sd_bus_message_read(m, "u", &seconds);
        if (r < 0)
                return r;
        r = drive_authorize(d, m, NULL, &actor, &object, error);
        if (r <= 0)
                return r < 0 ? r : 1; /* Will call us back */

        return identify_start(d, m, &actor, seconds, error);
}

static int drive_property_get_last_seen(sd_bus *bus, const char *path, const char *interface,
                                        const char *property, sd_bus_message *reply, void *userdata,
                                        sd_bus_error *error)
{
        return sd_bus_message_append(reply, "t", drive_last_seen_usec(userdata));
}

#define EMITS SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE

const sd_bus_vtable drive_vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_PROPERTY("Id", "s", bus_property_get_string, offsetof(Drive, record.id),
                        SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("Host", "s", bus_property_get_string, offsetof(Drive, record.host), EMITS),
        SD_BUS_PROPERTY("DevName", "s", bus_property_get_string, offsetof(Drive, record.kname), EMITS),
        SD_BUS_PROPERTY("ByIdPath", "s", bus_property_get_string, offsetof(Drive, record.by_id), EMITS),
        SD_BUS_PROPERTY("Bay", "s", bus_property_get_string, offsetof(Drive, record.bay), EMITS),
        SD_BUS_PROPERTY("Model", "s", bus_property_get_string, offsetof(Drive, record.identity.model),
                        EMITS),
        SD_BUS_PROPERTY("Serial", "s", bus_property_get_string, offsetof(Drive, record.identity.serial),
                        EMITS),
        SD_BUS_PROPERTY("WWN", "s", bus_property_get_string, offsetof(Drive, record.identity.wwn), EMITS),
        SD_BUS_PROPERTY("SizeBytes", "t", NULL, offsetof(Drive, record.identity.size_bytes), EMITS),
        SD_BUS_PROPERTY("Rotational", "b", bus_property_get_bool, offsetof(Drive, record.rotational), EMITS),
        SD_BUS_PROPERTY("Transport", "s", bus_property_get_string, offsetof(Drive, record.transport), EMITS),
        SD_BUS_PROPERTY("IdentityState", "s", drive_property_get_enum, 0, EMITS),
        SD_BUS_PROPERTY("Present", "b", drive_property_get_present, 0, EMITS),
        SD_BUS_PROPERTY("Stale", "b", bus_property_get_bool, offsetof(Drive, stale), EMITS),
        SD_BUS_PROPERTY("LastSeenUSec", "t", drive_property_get_last_seen, 0, 0),
        SD_BUS_PROPERTY("TemperatureMDegC", "i", NULL, offsetof(Drive, temperature_mdegc), 0),
        SD_BUS_PROPERTY("SmartHealth", "s", drive_property_get_enum, 0, EMITS),
        SD_BUS_PROPERTY("SmartUSec", "t", NULL, offsetof(Drive, record.smart_usec), 0),
        SD_BUS_PROPERTY("Smart", "s", bus_property_get_string, offsetof(Drive, record.smart),
                        SD_BUS_VTABLE_PROPERTY_EMITS_INVALIDATION),
        SD_BUS_PROPERTY("SelfTests", "a{sa{sv}}", drive_property_get_self_tests, 0, EMITS),
        SD_BUS_PROPERTY("LockState", "s", drive_property_get_enum, 0, EMITS),
        SD_BUS_PROPERTY("LockDetail", "s", drive_property_get_enum, 0, EMITS),
        SD_BUS_PROPERTY("LockInUse", "b", bus_property_get_bool, offsetof(Drive, record.lock.used), EMITS),
        SD_BUS_PROPERTY("UnlockToken", "s", drive_property_get_enum, 0, EMITS),
        SD_BUS_PROPERTY("Location", "s", bus_property_get_string, offsetof(Drive, record.location), EMITS),
        SD_BUS_PROPERTY("Notes", "s", bus_property_get_string, offsetof(Drive, record.notes), EMITS),
        SD_BUS_PROPERTY("ActiveJob", "o", drive_property_get_active_job, 0, EMITS),
        SD_BUS_METHOD_WITH_ARGS("Unlock", SD_BUS_ARGS("s", token, "s", reason, "t", flags),
                                SD_BUS_RESULT("o", grant), drive_method_unlock, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("SetLocation", SD_BUS_ARGS("s", location, "t", flags), SD_BUS_NO_RESULT,
                                drive_method_set_location, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("SetNotes", SD_BUS_ARGS("s", notes, "t", flags), SD_BUS_NO_RESULT,
                                drive_method_set_notes, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("StartSelfTest", SD_BUS_ARGS("s", type, "t", flags), SD_BUS_RESULT("o", job),
                                drive_method_start_self_test, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("CancelSelfTest", SD_BUS_ARGS("t", flags), SD_BUS_NO_RESULT,
                                drive_method_cancel_self_test, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Identify", SD_BUS_ARGS("u", seconds, "t", flags), SD_BUS_NO_RESULT,
                                drive_method_identify, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Forget", SD_BUS_ARGS("t", flags), SD_BUS_NO_RESULT, drive_method_forget,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("ListReadings", SD_BUS_ARGS("a{sv}", filter),
                                SD_BUS_RESULT("aa{sv}", readings, "t", total), drive_method_list_readings,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_VTABLE_END,
};

int drive_bus_path_of(const char *id, char **ret)
{
        return sd_bus_path_encode(BUS_PATH_DRIVE, id, ret);
}

static int drive_object_find(sd_bus *bus, const char *path, const char *interface, void *userdata,
                             void **ret_found, sd_bus_error *error)
{
        _cleanup_free_ char *id = NULL;
        Drive *d;
        int r;

        r = sd_bus_path_decode_many(path, BUS_PATH_DRIVE "/%", &id);
        if (r <= 0)
                return r;
        d = drive_find(userdata, id);
        if (!d)
                return 0;

        *ret_found = d;
        return 1;
}

static int drive_node_enumerator(sd_bus *bus, const char *prefix, void *userdata, char ***ret_nodes,
                                 sd_bus_error *error)
{
        Manager *m = userdata;
        char **nodes;
        size_t n = 0;
        Drive *d, *next;

        nodes = new0(char *, HASH_COUNT(m->drives) + 1);
        if (!nodes)
                return -ENOMEM;
        HASH_ITER(hh, m->drives, d, next)
                if (drive_bus_path_of(d->record.id, &nodes[n]) >= 0)
                        n++;

        *ret_nodes = nodes;
        return 1;
}

int drive_bus_register(Manager *m)
{
        int r;

        r = sd_bus_add_fallback_vtable(m->bus, NULL, BUS_PATH_DRIVE, BUS_INTERFACE_DRIVE, drive_vtable,
                                       drive_object_find, m);
        if (r < 0)
                return r;

        return sd_bus_add_node_enumerator(m->bus, NULL, BUS_PATH_DRIVE, drive_node_enumerator, m);
}

void drive_emit_added(Drive *d)
{
        _cleanup_free_ char *path = NULL;

        if (drive_bus_path_of(d->record.id, &path) >= 0)
                (void) sd_bus_emit_object_added(d->manager->bus, path);
}

void drive_emit_removed(Drive *d)
{
        _cleanup_free_ char *path = NULL;

        if (drive_bus_path_of(d->record.id, &path) >= 0)
                (void) sd_bus_emit_object_removed(d->manager->bus, path);
}

void drive_emit_changed(Drive *d, const char *const *properties)
{
        _cleanup_free_ char *path = NULL;

        if (drive_bus_path_of(d->record.id, &path) >= 0)
                (void) sd_bus_emit_properties_changed_strv(d->manager->bus, path, BUS_INTERFACE_DRIVE,
                                                           (char **) properties);
}
