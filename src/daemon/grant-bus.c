/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "basic/string-util.h"
#include "daemon/authz.h"
#include "daemon/grant.h"
#include "daemon/host.h"
#include "daemon/job.h"
#include "daemon/safety.h"
#include "shared/bus-util.h"
#include "shared/names.h"

/* A row in the audit and the journal's entry, for a call that had the right and asked for something else. */
static int unlock_refused(Drive *d, const Actor *actor, const char *object, const char *reason, int r,
                          const sd_bus_error *error)
{
        _cleanup_free_ char *detail = strf("%s (reason given: %s)", strempty(error->message), reason);

        (void) audit_write(d->manager, actor, ACTION_UNLOCK, object, "refused", strempty(detail));
        log_drive(d, LOG_NOTICE, MESSAGE_UNLOCK_REFUSED, "Drive %s on %s was not unlocked for %s: %s",
                  strempty(d->record.identity.serial), strempty(d->record.host), actor->name,
                  strempty(error->message));
        return r;
}

static int unlock_check_arguments(const char *token, const char *reason, sd_bus_error *error)
{
        if (!str_is_plain(reason, UNLOCK_REASON_MAX, false) || isempty(reason) ||
            reason[strspn(reason, " ")] == 0)
                return sd_bus_error_setf(error, BUS_ERROR_INVALID_ARGUMENT,
                                         "To unlock a drive needs a reason of one line, at most %u bytes.",
                                         UNLOCK_REASON_MAX);
        if (strlen(token) > UNLOCK_TOKEN_MAX)
                return sd_bus_error_setf(error, BUS_ERROR_INVALID_ARGUMENT, "A token has at most %u bytes.",
                                         UNLOCK_TOKEN_MAX);

        return 0;
}

int drive_method_unlock(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        Drive *d = userdata;
        _cleanup_free_ char *object = strf("drive %s", d->record.id), *path = NULL, *why = NULL;
        const char *token, *reason, *name;
        Actor actor;
        Grant *g;
        int r;

        r = sd_bus_message_read(m, "s", &token);
        if (r < 0)
                return r;
        r = bus_read_reason(m, &reason, error);
        if (r < 0)
                return r;
        if (!object)
                return -ENOMEM;
        /* The answer counts for this lock alone: it is part of the question. */
        r = authz_check(d->manager, m, object,
                        ((PolkitDetail[]){ { "drive", d->record.id },
                                           { "serial", d->record.identity.serial },
                                           { "host", d->record.host },
                                           { "lock", lock_role_to_string(drive_lock_role(d)) },
                                           { "token", drive_unlock_token(d) },
                                           { "guid", d->record.lock.guid },
                                           {} }),
                        error);
        if (r < 0)
                return r;
        if (r == 0)
                return 1; /* Will call us back */

        r = unlock_check_arguments(token, reason, error);
        if (r < 0)
                return r;
        r = actor_from_message(d->manager, m, &actor);
        if (r < 0)
                return r;
        r = safety_check_unlock(d, &name, &why);
        if (r < 0)
                return r;
        if (r == SAFETY_REFUSED)
                return unlock_refused(d, &actor, object, reason, sd_bus_error_set(error, name, why), error);
        if (!streq(token, drive_unlock_token(d))) {
                r = sd_bus_error_setf(
                                error, BUS_ERROR_WRONG_TOKEN,
                                "That is not the token of drive %s on %s, which is locked (%s). Nothing was unlocked.",
                                strempty(d->record.identity.serial), d->record.host,
                                lock_role_to_string(drive_lock_role(d)));
                return unlock_refused(d, &actor, object, reason, r, error);
        }

        r = grant_new(d->manager, d, &actor, reason, &g);
        if (r == -ENOSPC)
                return sd_bus_error_setf(error, BUS_ERROR_LIMIT_REACHED,
                                         "At most %u grants can wait. Use or revoke some.", GRANTS_MAX);
        if (r < 0)
                return sd_bus_error_setf(error, BUS_ERROR_STORE,
                                         "The grant could not be recorded (%s). Nothing was unlocked.",
                                         strerror(-r));
        r = grant_bus_path(g, &path);
        if (r < 0)
                return r;

        return sd_bus_reply_method_return(m, "o", path);
}

static int grant_property_get(sd_bus *bus, const char *path, const char *interface, const char *property,
                              sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
        const Grant *g = userdata;
        _cleanup_free_ char *drive = NULL;
        int r;

        if (streq(property, "Role"))
                return sd_bus_message_append(reply, "s", lock_role_to_string(g->record.lock.role));

        r = drive_bus_path_of(g->record.drive, &drive);
        if (r < 0)
                return r;

        return sd_bus_message_append(reply, "o", drive);
}

static int grant_method_revoke(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        Grant *g = userdata;
        _cleanup_free_ char *object = strf("drive %s", g->record.drive), *why = NULL;
        Actor actor;
        int r;

        r = bus_read_flags(m, error);
        if (r < 0)
                return r;
        if (!object)
                return -ENOMEM;
        r = authz_check(g->manager, m, object,
                        ((PolkitDetail[]){ { "drive", g->record.drive },
                                           { "serial", g->identity.serial },
                                           { "host", g->record.host },
                                           {} }),
                        error);
        if (r < 0)
                return r;
        if (r == 0)
                return 1; /* Will call us back */

        r = actor_from_message(g->manager, m, &actor);
        if (r < 0)
                return r;
        why = strf("revoked by %s", actor.name);
        if (!why)
                return -ENOMEM;

        grant_end(g, &actor, "revoked", why);
        return sd_bus_reply_method_return(m, NULL);
}

#define CONST SD_BUS_VTABLE_PROPERTY_CONST

const sd_bus_vtable grant_vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_PROPERTY("Id", "s", bus_property_get_string, offsetof(Grant, record.id), CONST),
        SD_BUS_PROPERTY("Drive", "o", grant_property_get, 0, CONST),
        SD_BUS_PROPERTY("DriveId", "s", bus_property_get_string, offsetof(Grant, record.drive), CONST),
        SD_BUS_PROPERTY("Host", "s", bus_property_get_string, offsetof(Grant, record.host), CONST),
        SD_BUS_PROPERTY("Serial", "s", bus_property_get_string, offsetof(Grant, identity.serial), CONST),
        SD_BUS_PROPERTY("Role", "s", grant_property_get, 0, CONST),
        SD_BUS_PROPERTY("Pool", "s", bus_property_get_string, offsetof(Grant, record.lock.pool), CONST),
        SD_BUS_PROPERTY("PoolGuid", "s", bus_property_get_string, offsetof(Grant, record.lock.guid), CONST),
        SD_BUS_PROPERTY("InUse", "b", bus_property_get_bool, offsetof(Grant, record.lock.used), CONST),
        SD_BUS_PROPERTY("LockDetail", "s", bus_property_get_string, offsetof(Grant, record.lock.detail),
                        CONST),
        SD_BUS_PROPERTY("Operator", "s", bus_property_get_string, offsetof(Grant, record.operator), CONST),
        SD_BUS_PROPERTY("Reason", "s", bus_property_get_string, offsetof(Grant, record.reason), CONST),
        SD_BUS_PROPERTY("GrantedUSec", "t", NULL, offsetof(Grant, record.granted_usec), CONST),
        SD_BUS_PROPERTY("ExpiresUSec", "t", NULL, offsetof(Grant, expires_usec), CONST),
        SD_BUS_METHOD_WITH_ARGS("Revoke", SD_BUS_ARGS("t", flags), SD_BUS_NO_RESULT, grant_method_revoke,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_VTABLE_END,
};

int grant_bus_path(const Grant *g, char **ret)
{
        return sd_bus_path_encode(BUS_PATH_GRANT, g->record.id, ret);
}

static int grant_object_find(sd_bus *bus, const char *path, const char *interface, void *userdata,
                             void **ret_found, sd_bus_error *error)
{
        _cleanup_free_ char *id = NULL;
        Grant *g;
        int r;

        r = sd_bus_path_decode_many(path, BUS_PATH_GRANT "/%", &id);
        if (r <= 0)
                return r;
        g = grant_find(userdata, id);
        if (!g)
                return 0;

        *ret_found = g;
        return 1;
}

static int grant_node_enumerator(sd_bus *bus, const char *prefix, void *userdata, char ***ret_nodes,
                                 sd_bus_error *error)
{
        Manager *m = userdata;
        Grant *g, *next;
        char **nodes;
        size_t n = 0;

        nodes = new0(char *, HASH_COUNT(m->grants) + 1);
        if (!nodes)
                return -ENOMEM;
        HASH_ITER(hh, m->grants, g, next)
                if (grant_bus_path(g, &nodes[n]) >= 0)
                        n++;

        *ret_nodes = nodes;
        return 1;
}

int grant_bus_register(Manager *m)
{
        int r;

        r = sd_bus_add_fallback_vtable(m->bus, NULL, BUS_PATH_GRANT, BUS_INTERFACE_GRANT, grant_vtable,
                                       grant_object_find, m);
        if (r < 0)
                return r;

        return sd_bus_add_node_enumerator(m->bus, NULL, BUS_PATH_GRANT, grant_node_enumerator, m);
}
