/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <pwd.h>
#include <stdio.h>

#include "basic/fd-util.h"
#include "basic/log.h"
#include "basic/string-util.h"
#include "basic/time-util.h"
#include "daemon/audit.h"
#include "daemon/denial.h"
#include "daemon/session.h"
#include "shared/names.h"

/* A change of the longest list of a setting has room. */
#define DETAIL_MAX (48U * 1024U)

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

void actor_set_account(Actor *a, const char *account)
{
        (void) snprintf(a->name, sizeof(a->name), "%s (web)", account);
}

bool actor_is(const Actor *a, uint32_t uid, const char *name)
{
        return a->uid == uid && streq_ptr(a->name, name);
}

int actor_from_message(Manager *manager, sd_bus_message *m, Actor *ret)
{
        _cleanup_(session_done) Session session = {};
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
        r = session_of_sender(manager, m, &session);
        if (r < 0 && r != -ESTALE)
                return r;
        if (r > 0)
                actor_set_account(&a, session.record.account);
        else
                actor_set_name(&a);
        *ret = a;
        return 0;
}

int audit_write(Manager *m, const Actor *actor, const char *action, const char *object, const char *outcome,
                const char *detail)
{
        /* Whatever is in them, the row is there. */
        _cleanup_free_ char *clean_object = str_clean(object, strlen(object), TEXT_MAX_BYTES, false);
        _cleanup_free_ char *words =
                        str_clean(strempty(detail), strlen(strempty(detail)), DETAIL_MAX, false);
        char uid[16];
        int r;

        if (!clean_object || !words)
                return -ENOMEM;

        r = store_audit_add(m->store, &(AuditRecord){
                                                      .time_usec = now_usec(CLOCK_REALTIME),
                                                      .actor = (char *) actor->name,
                                                      .actor_uid = actor->uid,
                                                      .action = (char *) action,
                                                      .object = clean_object,
                                                      .outcome = (char *) outcome,
                                                      .detail = words,
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
                       "%s by %s on %s: %s%s%s", action, actor->name, clean_object, outcome,
                       isempty(words) ? "" : ": ", words);
        return 0;
}

int audit_refused(Manager *m, const Actor *actor, const char *action, const char *object, int r,
                  const sd_bus_error *error)
{
        if (r < 0)
                (void) audit_write(m, actor, action, object, "refused", strempty(error->message));

        return r;
}

static int audit_write_denials(Manager *m, const DenialCount *c, uint64_t now)
{
        _cleanup_free_ char *object = strf("%" PRIu32 " calls", c->n_counted), *detail = NULL;
        char span[TIMESPAN_MAX];

        detail = strf("more calls without a right than are recorded one by one, within %s",
                      format_timespan(span, MAX(now - c->since_usec, USEC_PER_SEC)));
        if (!object || !detail)
                return -ENOMEM;

        return audit_write(m, &c->actor, c->action, object, "denied", detail);
}

/* What cannot be recorded goes on being counted, and is tried again a period later. */
static void audit_record_denials(Manager *m, bool force)
{
        uint64_t now = now_usec(CLOCK_BOOTTIME), due;
        DenialCount *c;

        while ((c = denial_log_next(m->denials, now, force)) && audit_write_denials(m, c, now) >= 0)
                denial_count_done(c);

        due = c ? now + DENIALS_PERIOD_USEC : denial_log_due(m->denials);
        if (due == USEC_INFINITY)
                return;
        (void) sd_event_source_set_time(m->denials_timer, due);
        (void) sd_event_source_set_enabled(m->denials_timer, SD_EVENT_ONESHOT);
}

static int audit_on_timer(sd_event_source *s, uint64_t usec, void *userdata)
{
        audit_record_denials(userdata, false);
        return 0;
}

void audit_denied(Manager *m, const Actor *actor, const char *action, const char *object, const char *member)
{
        bool counted = denial_log_due(m->denials) != USEC_INFINITY;

        if (denial_log_admit(m->denials, actor, action, now_usec(CLOCK_BOOTTIME)))
                (void) audit_write(m, actor, action, object, "denied", member);
        else if (!counted)
                audit_record_denials(m, false);
}

int audit_new(Manager *m)
{
        int r;

        m->denials = new0(DenialLog, 1);
        if (!m->denials)
                return -ENOMEM;
        r = sd_event_add_time(m->event, &m->denials_timer, CLOCK_BOOTTIME, 0, 0, audit_on_timer, m);
        if (r < 0)
                return r;

        return sd_event_source_set_enabled(m->denials_timer, SD_EVENT_OFF);
}

void audit_done(Manager *m)
{
        if (m->denials && m->store)
                audit_record_denials(m, true);
        m->denials_timer = sd_event_source_disable_unref(m->denials_timer);
        m->denials = (free(m->denials), NULL);
}
