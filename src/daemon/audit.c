/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <pwd.h>
#include <stdio.h>

#include "basic/fd-util.h"
#include "basic/log.h"
#include "basic/string-util.h"
#include "basic/time-util.h"
#include "daemon/audit.h"
#include "shared/names.h"

const Actor actor_daemon = { .uid = 0, .name = "burnind" };

/* Only the local file: getpwuid() may ask a directory service over the network, and the loop must not wait for one. */
static void actor_set_name(Actor *a)
{
        _cleanup_fclose_ FILE *f = NULL;
        struct passwd *p;

        (void) snprintf(a->name, sizeof(a->name), "uid %" PRIu32, a->uid);

        f = fopen("/etc/passwd", "re");
        while (f && (p = fgetpwent(f)))
                if (p->pw_uid == a->uid) {
                        (void) snprintf(a->name, sizeof(a->name), "%s", p->pw_name);
                        return;
                }
}

int actor_from_message(sd_bus_message *m, Actor *ret)
{
        _cleanup_(sd_bus_creds_unrefp) sd_bus_creds *c = NULL;
        Actor a = {};
        uid_t uid;
        int r;

        r = sd_bus_query_sender_creds(m, SD_BUS_CREDS_EUID, &c);
        if (r < 0)
                return r;
        r = sd_bus_creds_get_euid(c, &uid);
        if (r < 0)
                return r;

        a.uid = uid;
        actor_set_name(&a);
        *ret = a;
        return 0;
}

int audit_write(Manager *m, const Actor *actor, const char *action, const char *object, const char *outcome,
                const char *detail)
{
        char uid[16];
        int r;

        r = store_audit_add(m->store, &(AuditRecord){
                                                      .time_usec = now_usec(CLOCK_REALTIME),
                                                      .actor = (char *) actor->name,
                                                      .actor_uid = actor->uid,
                                                      .action = (char *) action,
                                                      .object = (char *) object,
                                                      .outcome = (char *) outcome,
                                                      .detail = (char *) strempty(detail),
                                      });
        if (r < 0)
                return manager_store_failed(m, r);

        (void) snprintf(uid, sizeof(uid), "%" PRIu32, actor->uid);
        log_full_errno(LOG_INFO, 0,
                       ((LogField[]){ { LOG_FIELD_ACTION, action },
                                      { LOG_FIELD_ACTOR, actor->name },
                                      { LOG_FIELD_ACTOR_UID, uid },
                                      { LOG_FIELD_MESSAGE_ID,
                                        streq(outcome, "denied") ? MESSAGE_AUTHORIZATION_DENIED : NULL },
                                      {} }),
                       "%s by %s on %s: %s%s%s", action, actor->name, object, outcome,
                       isempty(detail) ? "" : ": ", strempty(detail));
        return 0;
}
