/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <systemd/sd-id128.h>

#include "basic/string-util.h"
#include "basic/time-util.h"
#include "daemon/event.h"
#include "daemon/grant.h"
#include "daemon/host.h"
#include "daemon/job.h"
#include "daemon/poll.h"
#include "shared/names.h"

static const char *const judgement_table[_GRANT_JUDGEMENT_MAX] = {
        [GRANT_COVERS] = "it is what was unlocked",
        [GRANT_OTHER_DRIVE] = "it is another drive",
        [GRANT_OTHER_HOST] = "it is on another host now",
        [GRANT_OTHER_IDENTITY] = "it no longer shows the identity that was unlocked",
        [GRANT_UNCERTAIN_IDENTITY] = "its identity is not its own alone any more",
        [GRANT_WENT_MISSING] = "it was missing meanwhile",
        [GRANT_REMNANT] = "a burn-in process on it could not be proven gone",
        [GRANT_OTHER_LOCK] = "what uses it has changed",
};

const char *grant_judgement_to_string(GrantJudgement j)
{
        return (int) j >= 0 && j < _GRANT_JUDGEMENT_MAX ? judgement_table[j] : "nobody can tell";
}

GrantJudgement grant_judge(const GrantRecord *g, const DriveIdentity *identity, uint64_t since_usec,
                           const Drive *d)
{
        const DriveIdentity *now = &d->record.identity;

        if (!streq_ptr(g->drive, d->record.id))
                return GRANT_OTHER_DRIVE;
        if (!g->host || !streq_ptr(g->host, d->record.host))
                return GRANT_OTHER_HOST;
        if (d->identity_state != IDENTITY_OK)
                return GRANT_UNCERTAIN_IDENTITY;
        if (!drive_identity_equal(identity, now) || isempty(identity->fingerprint) ||
            !streq_ptr(identity->fingerprint, now->fingerprint))
                return GRANT_OTHER_IDENTITY;
        if (d->missing_usec > 0 && d->missing_usec >= since_usec)
                return GRANT_WENT_MISSING;
        if (d->remnant)
                return GRANT_REMNANT;
        if (g->lock.role == LOCK_NONE || !drive_lock_is_covered(&g->lock, g->release, &d->record.lock))
                return GRANT_OTHER_LOCK;

        return GRANT_COVERS;
}

int grant_record_fill(GrantRecord *r, const Drive *d)
{
        _cleanup_(grant_record_done) GrantRecord g = { .granted_usec = now_usec(CLOCK_REALTIME) };
        char id[SD_ID128_STRING_MAX];
        sd_id128_t random;
        int k;

        k = sd_id128_randomize(&random);
        if (k < 0)
                return k;
        g.id = strndup(sd_id128_to_string(random, id), 16);
        if (!g.id || free_and_strdup(&g.drive, d->record.id) < 0 ||
            free_and_strdup(&g.host, d->record.host) < 0 || drive_lock_copy(&d->record.lock, &g.lock) < 0)
                return -ENOMEM;

        *r = g;
        g = (GrantRecord){};
        return 0;
}

Grant *grant_free(Grant *g)
{
        if (!g)
                return NULL;

        if (g->manager)
                HASH_DEL(g->manager->grants, g);
        sd_event_source_disable_unref(g->timer);
        grant_record_done(&g->record);
        drive_identity_done(&g->identity);
        free(g->content);
        free(g);
        return NULL;
}

Grant *grant_find(Manager *m, const char *id)
{
        Grant *g;

        HASH_FIND_STR(m->grants, id, g);
        return g;
}

Grant *grant_of_drive(Manager *m, const Drive *d)
{
        Grant *g, *next;

        HASH_ITER(hh, m->grants, g, next)
                if (streq(g->record.drive, d->record.id))
                        return g;

        return NULL;
}

static char *grant_words(const GrantRecord *r)
{
        return strf("grant %s (%s%s%s)", r->id, lock_role_to_string(r->lock.role), r->lock.pool ? " " : "",
                    strempty(r->lock.pool));
}

static void grant_log(const GrantRecord *g, const DriveIdentity *of, int level, const char *message_id,
                      const char *what, const char *why)
{
        _cleanup_free_ char *words = grant_words(g);

        log_full_errno(level, 0,
                       ((LogField[]){ { LOG_FIELD_GRANT, g->id },
                                      { LOG_FIELD_DRIVE, g->drive },
                                      { LOG_FIELD_DRIVE_SERIAL, of->serial },
                                      { LOG_FIELD_DRIVE_MODEL, of->model },
                                      { LOG_FIELD_HOST, g->host },
                                      { LOG_FIELD_ACTOR, g->operator },
                                      { LOG_FIELD_REASON, g->reason },
                                      { LOG_FIELD_MESSAGE_ID, message_id },
                                      {} }),
                       "The %s of %s for drive %s on %s %s: %s", strempty(words), g->operator,
                       strempty(of->serial), g->host, what, why);
}

static int grant_audit(Manager *m, const GrantRecord *r, const Actor *actor, const char *outcome,
                       const char *why)
{
        _cleanup_free_ char *object = strf("drive %s", r->drive), *words = grant_words(r), *detail = NULL;

        detail = strf("%s: %s", strempty(words), why);
        return audit_write(m, actor, ACTION_UNLOCK, strempty(object), outcome, strempty(detail));
}

static void grant_forget(Grant *g)
{
        _cleanup_free_ char *path = NULL;

        if (grant_bus_path(g, &path) >= 0)
                (void) sd_bus_emit_object_removed(g->manager->bus, path);
        grant_free(g);
}

void grant_end(Grant *g, const Actor *actor, const char *outcome, const char *why)
{
        bool changed = streq(outcome, "invalidated");

        (void) grant_audit(g->manager, &g->record, actor, outcome, why);
        if (changed)
                grant_log(&g->record, &g->identity, LOG_WARNING, MESSAGE_GRANT_INVALIDATED, "is void", why);
        else
                grant_log(&g->record, &g->identity, LOG_NOTICE, MESSAGE_GRANT_ENDED, "has ended", why);
        grant_forget(g);
}

void grant_used(const Job *j, const Actor *actor, Grant *waited)
{
        const GrantRecord *r = &j->grant;
        _cleanup_free_ char *words = grant_words(r), *why = NULL;

        why = strf("used by job %" PRIu64 "%s: %s", j->record.id,
                   r->release ? ", which may release the drive" : "", r->reason);
        if (!waited)
                grant_log(r, &j->identity, LOG_WARNING, MESSAGE_GRANT_GIVEN, "was given", r->reason);
        (void) grant_audit(j->manager, r, actor, "used", strempty(why));
        log_job(j, LOG_WARNING, MESSAGE_GRANT_USED, "The %s of %s for drive %s on %s is %s", strempty(words),
                r->operator, strempty(j->record.serial), r->host, strempty(why));
        if (waited)
                grant_forget(waited);
}

static int grant_on_timer(sd_event_source *s, uint64_t usec, void *userdata)
{
        grant_end(userdata, &actor_daemon, "expired", "nobody used it in time");
        return 0;
}

/* What nothing uses does not change by itself: its content is part of what was unlocked. */
static void grant_ask_content(Grant *g)
{
        Host *h = host_find(g->manager, g->record.host);
        const Drive *d = drive_find(g->manager, g->record.drive);

        if (g->record.lock.used || g->content || g->content_asked || !h || !d || !d->host ||
            g->content_reading == h->last_seen_usec)
                return;

        g->content_asked = poll_ask_content(g->manager->poll, g->number, g->record.host, d->record.kname,
                                            &g->identity) >= 0;
}

int grant_given(Manager *m, const GrantRecord *g, const Drive *d, const Actor *actor)
{
        _cleanup_free_ char *text =
                        strf("Drive %s (%s, %s) on %s was unlocked by %s, although it is %s: %s",
                             strempty(d->record.identity.serial), strempty(d->record.identity.model),
                             strempty(d->record.kname), strempty(d->record.host), actor->name,
                             lock_role_to_string(g->lock.role), g->reason);
        bool own;
        int r;

        if (!text)
                return -ENOMEM;
        r = store_join(m->store, &own);
        if (r < 0)
                return manager_store_failed(m, r);

        r = event_add_drive(m, EVENT_DRIVE_UNLOCKED, &d->record, text);
        if (r >= 0)
                r = grant_audit(m, g, actor, "ok", g->reason);
        r = store_leave(m->store, own, r);

        return r < 0 ? manager_store_failed(m, r) : r;
}

int grant_new(Manager *m, Drive *d, const Actor *actor, const char *reason, Grant **ret)
{
        _cleanup_(grant_freep) Grant *g = NULL;
        _cleanup_free_ char *path = NULL;
        Grant *before = grant_of_drive(m, d);
        uint64_t ttl = m->settings.unlock_ttl_seconds * USEC_PER_SEC;
        int r;

        if (!before && HASH_COUNT(m->grants) >= GRANTS_MAX)
                return -ENOSPC;

        g = new0(Grant, 1);
        if (!g)
                return -ENOMEM;
        r = grant_record_fill(&g->record, d);
        if (r >= 0)
                r = drive_identity_copy(&d->record.identity, &g->identity);
        if (r < 0)
                return r;
        g->record.operator_uid = actor->uid;
        if (free_and_strdup(&g->record.operator, actor->name) < 0 ||
            free_and_strdup(&g->record.reason, reason) < 0)
                return -ENOMEM;
        g->number = GRANT_NUMBER_FIRST + m->n_grants++;
        g->since_usec = now_usec(CLOCK_BOOTTIME);
        g->expires_usec = g->record.granted_usec + ttl;
        r = sd_event_add_time_relative(m->event, &g->timer, CLOCK_BOOTTIME, ttl, USEC_PER_SEC / 10,
                                       grant_on_timer, g);
        if (r < 0)
                return r;

        r = grant_given(m, &g->record, d, actor);
        if (r < 0)
                return r;
        if (before)
                grant_end(before, actor, "replaced", "the drive was unlocked again");
        HASH_ADD_KEYPTR(hh, m->grants, g->record.id, strlen(g->record.id), g);
        g->manager = m;

        if (grant_bus_path(g, &path) >= 0)
                (void) sd_bus_emit_object_added(m->bus, path);
        grant_log(&g->record, &g->identity, LOG_WARNING, MESSAGE_GRANT_GIVEN, "was given", reason);
        grant_ask_content(g);
        *ret = TAKE_PTR(g);
        return 0;
}

static Grant *grant_by_number(Manager *m, uint64_t number)
{
        Grant *g, *next;

        HASH_ITER(hh, m->grants, g, next)
                if (g->number == number)
                        return g;

        return NULL;
}

void grant_on_content(Manager *m, uint64_t number, const char *content)
{
        Grant *g = grant_by_number(m, number);

        if (!g || g->content)
                return;

        g->content_asked = false;
        (void) free_and_strdup(&g->content, content);
}

void grant_on_no_content(Manager *m, uint64_t number, bool again, const char *reason)
{
        Grant *g = grant_by_number(m, number);
        const Host *h = g ? host_find(m, g->record.host) : NULL;

        if (!g || g->content)
                return;

        g->content_asked = false;
        if (again && h)
                g->content_reading = h->last_seen_usec;
        else
                grant_end(g, &actor_daemon, "invalidated", reason);
}

static void job_review(Job *j)
{
        GrantJudgement judgement;
        _cleanup_free_ char *why = NULL, *object = NULL;

        /* Once it has started, what is looked at on the host alone decides. */
        if ((j->record.state != JOB_QUEUED && j->record.state != JOB_PAUSED) || j->record.started_usec > 0 ||
            j->grant.lock.role == LOCK_NONE || !j->drive)
                return;
        judgement = grant_judge(&j->grant, &j->identity, j->watched_usec, j->drive);
        if (judgement == GRANT_COVERS)
                return;

        why = strf("Drive %s (%s on %s) is not what was unlocked for job %" PRIu64
                   " any more: %s. Look at it, unlock it again and start anew.",
                   strempty(j->record.serial), strempty(j->record.kname), strempty(j->record.host),
                   j->record.id, grant_judgement_to_string(judgement));
        object = strf("drive %s", j->record.drive);
        (void) audit_write(j->manager, &actor_daemon, ACTION_UNLOCK, strempty(object), "invalidated",
                           strempty(why));
        log_job(j, LOG_WARNING, MESSAGE_GRANT_INVALIDATED, "%s", strempty(why));
        (void) job_finish(j, VERDICT_INCONCLUSIVE, strempty(why));
}

void grants_review(Manager *m)
{
        Grant *g, *next;
        Job *j, *next_job;

        HASH_ITER(hh, m->grants, g, next) {
                const Drive *d = drive_find(m, g->record.drive);
                GrantJudgement judgement = d ? grant_judge(&g->record, &g->identity, g->since_usec, d)
                                             : GRANT_WENT_MISSING;

                if (judgement == GRANT_COVERS)
                        grant_ask_content(g);
                else
                        grant_end(g, &actor_daemon, "invalidated", grant_judgement_to_string(judgement));
        }

        HASH_ITER(hh, m->jobs, j, next_job)
                job_review(j);
}
