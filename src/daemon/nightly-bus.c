/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "basic/string-util.h"
#include "daemon/authz.h"
#include "daemon/nightly.h"
#include "shared/bus-util.h"
#include "shared/names.h"

static int property_get_running(sd_bus *bus, const char *path, const char *interface, const char *property,
                                sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
        const Nightly *n = userdata;

        return sd_bus_message_append(reply, "b", n->step != NIGHTLY_IDLE);
}

static int property_get_backup(sd_bus *bus, const char *path, const char *interface, const char *property,
                               sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
        const Nightly *n = userdata;

        return sd_bus_message_append(reply, "s", n->backup.name);
}

static int property_get_database_size(sd_bus *bus, const char *path, const char *interface,
                                      const char *property, sd_bus_message *reply, void *userdata,
                                      sd_bus_error *error)
{
        const Nightly *n = userdata;
        uint64_t size;
        int r;

        r = store_size(n->manager->store, &size);
        return r < 0 ? r : sd_bus_message_append(reply, "t", size);
}

/* The caller's rights, and who it is; the flags come last. <= 0: it is answered, or will be called again. */
static int check_change(sd_bus_message *m, Nightly *n, const char *object, Actor *ret, sd_bus_error *error)
{
        int r;

        r = bus_read_flags(m, error);
        if (r < 0)
                return r;
        r = authz_check(n->manager, m, object, NULL, error);
        if (r <= 0)
                return r;
        r = actor_from_message(n->manager, m, ret);

        return r < 0 ? r : 1;
}

static int nightly_method_run(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        Nightly *n = userdata;
        Actor actor;
        int r;

        r = check_change(m, n, "nightly run", &actor, error);
        if (r <= 0)
                return r < 0 ? r : 1;
        r = audit_write(n->manager, &actor, ACTION_MANAGE_SETTINGS, "nightly run", "ok", NULL);
        if (r < 0)
                return sd_bus_error_setf(error, BUS_ERROR_STORE, "This cannot be recorded: %s.",
                                         strerror(-r));
        r = nightly_run(n);
        if (r < 0)
                return r;

        return sd_bus_reply_method_return(m, NULL);
}

static int nightly_method_make_backup(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        Nightly *n = userdata;
        Actor actor;
        int r;

        r = check_change(m, n, "backup", &actor, error);
        if (r <= 0)
                return r < 0 ? r : 1;

        return nightly_make_backup(n, m, &actor, error);
}

static int nightly_method_list_backups(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        _cleanup_free_ Backup *backups = NULL;
        Nightly *n = userdata;
        size_t count;
        int r;

        r = authz_check(n->manager, m, "", NULL, error);
        if (r <= 0)
                return r < 0 ? r : 1;
        backups = new0(Backup, BACKUPS_MAX);
        if (!backups)
                return -ENOMEM;
        r = backup_list(PATH_BACKUPS, backups, &count);
        if (r < 0)
                return sd_bus_error_setf(error, BUS_ERROR_STORE, PATH_BACKUPS " cannot be read: %s.",
                                         strerror(-r));

        r = sd_bus_message_new_method_return(m, &reply);
        if (r >= 0)
                r = sd_bus_message_open_container(reply, 'a', "a{sv}");
        for (size_t i = 0; r >= 0 && i < count; i++)
                r = sd_bus_message_append(reply, "a{sv}", 3, "Name", "s", backups[i].name, "TimeUSec", "t",
                                          backups[i].time_usec, "SizeBytes", "t", backups[i].size_bytes);
        if (r >= 0)
                r = sd_bus_message_close_container(reply);

        return r < 0 ? r : sd_bus_message_send(reply);
}

#define EMITS SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE

const sd_bus_vtable nightly_vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_PROPERTY("Running", "b", property_get_running, 0, EMITS),
        SD_BUS_PROPERTY("LastRunUSec", "t", NULL, offsetof(Nightly, record.started_usec), EMITS),
        SD_BUS_PROPERTY("LastRunDurationUSec", "t", NULL, offsetof(Nightly, record.duration_usec), EMITS),
        SD_BUS_PROPERTY("LastRunReadings", "t", NULL, offsetof(Nightly, record.readings), EMITS),
        SD_BUS_PROPERTY("LastRunJobs", "t", NULL, offsetof(Nightly, record.jobs), EMITS),
        SD_BUS_PROPERTY("LastRunJobsForSize", "t", NULL, offsetof(Nightly, record.jobs_for_size), EMITS),
        SD_BUS_PROPERTY("LastRunLogBytes", "t", NULL, offsetof(Nightly, record.log_bytes), EMITS),
        SD_BUS_PROPERTY("LastRunError", "s", bus_property_get_string, offsetof(Nightly, record.error),
                        EMITS),
        SD_BUS_PROPERTY("LastBackup", "s", property_get_backup, 0, EMITS),
        SD_BUS_PROPERTY("LastBackupUSec", "t", NULL, offsetof(Nightly, backup.time_usec), EMITS),
        SD_BUS_PROPERTY("DatabaseSizeBytes", "t", property_get_database_size, 0, 0),
        SD_BUS_PROPERTY("BackupError", "s", bus_property_get_string, offsetof(Nightly, backup_error), EMITS),
        SD_BUS_METHOD_WITH_ARGS("Run", SD_BUS_ARGS("t", flags), SD_BUS_NO_RESULT, nightly_method_run,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("MakeBackup", SD_BUS_ARGS("t", flags), SD_BUS_RESULT("s", name),
                                nightly_method_make_backup, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("ListBackups", SD_BUS_NO_ARGS, SD_BUS_RESULT("aa{sv}", backups),
                                nightly_method_list_backups, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_VTABLE_END,
};

int nightly_bus_register(Manager *m)
{
        return sd_bus_add_object_vtable(m->bus, NULL, BUS_PATH, BUS_INTERFACE_NIGHTLY, nightly_vtable,
                                        m->nightly);
}

void nightly_emit_changed(Nightly *n)
{
        (void) sd_bus_emit_properties_changed(n->manager->bus, BUS_PATH, BUS_INTERFACE_NIGHTLY, "Running",
                                              "LastRunUSec", "LastRunDurationUSec", "LastRunReadings",
                                              "LastRunJobs", "LastRunJobsForSize", "LastRunLogBytes",
                                              "LastRunError", "LastBackup", "LastBackupUSec", "BackupError",
                                              NULL);
}
