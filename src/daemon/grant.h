/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/audit.h"
#include "daemon/drive.h"
#include "daemon/manager.h"

/* Leave to destroy what is on a locked drive. Somebody typed its token and said why; polkit was asked. It waits here, in memory
 * alone and at most unlock_ttl_seconds, for one submission of the same person. The job that is submitted takes it along, into the
 * store, and is the only one that it ever serves.
 *
 * INVARIANTS
 *  1. A grant covers one identity, on one host, under exactly the lock that was seen when it was given. Whatever else is seen ends
 *     it, and the queued job that holds it, and does not come back when that is undone.
 *  2. What cannot be told covers nothing.
 *  3. A drive has at most one waiting grant.
 *
 *     (new) ──grant_new()──▶ waiting ──grant_used()──▶ used: a GrantRecord of its job
 *                               │
 *                               └──grant_end(): revoked, expired, invalidated, replaced */

typedef struct Grant {
        Manager *manager; /* weak */
        GrantRecord record;
        DriveIdentity identity;
        char *content; /* fingerprint of what is on a drive that nothing uses; NULL: not taken yet, or never */
        uint64_t number; /* of its question for the fingerprint */
        bool content_asked;
        uint64_t content_reading; /* the reading of its host (last_seen_usec) after which asking again is of no use */
        uint64_t since_usec;   /* CLOCK_BOOTTIME */
        uint64_t expires_usec; /* CLOCK_REALTIME, for people; the timer counts */
        sd_event_source *timer;
        UT_hash_handle hh;
} Grant;

typedef enum GrantJudgement {
        GRANT_COVERS,
        GRANT_OTHER_DRIVE,
        GRANT_OTHER_HOST,
        GRANT_OTHER_IDENTITY,
        GRANT_UNCERTAIN_IDENTITY,
        GRANT_WENT_MISSING,
        GRANT_REMNANT,
        GRANT_OTHER_LOCK,
        _GRANT_JUDGEMENT_MAX,
        _GRANT_JUDGEMENT_INVALID = -EINVAL,
} GrantJudgement;
/* For people, behind "because ". */
const char *grant_judgement_to_string(GrantJudgement j);

/* Whether the drive is still what was unlocked. since_usec: CLOCK_BOOTTIME from when on it is watched; it must not have been missing
 * since. Pure. */
GrantJudgement grant_judge(const GrantRecord *g, const DriveIdentity *identity, uint64_t since_usec,
                           const Drive *d);

/* What would be granted for the drive as it is now; neither for whom nor why. */
int grant_record_fill(GrantRecord *r, const Drive *d);

/* -ENOSPC: there are too many. One that waits for this drive already is replaced. */
int grant_new(Manager *m, Drive *d, const Actor *actor, const char *reason, Grant **ret);
Grant *grant_free(Grant *g);
Grant *grant_find(Manager *m, const char *id);
Grant *grant_of_drive(Manager *m, const Drive *d);
/* Puts on record that it was given, and what is told of it, as one. What cannot be put on record is not given. */
int grant_given(Manager *m, const GrantRecord *g, const Drive *d, const Actor *actor);
/* The job is stored with what it was granted. waited: the grant that waited for it, which is gone then; NULL: it was given in the
 * submission itself. */
void grant_used(const Job *j, const Actor *actor, Grant *waited);
/* outcome: "revoked", "expired", "invalidated", "replaced"; why: in words. */
void grant_end(Grant *g, const Actor *actor, const char *outcome, const char *why);

/* After anything was heard of drives: ends waiting grants, and queued jobs with one, whose drives are not what was unlocked. */
void grants_review(Manager *m);

/* Numbers of questions for fingerprints, apart from those of jobs. */
#define GRANT_NUMBER_FIRST (UINT64_C(1) << 62)
void grant_on_content(Manager *m, uint64_t number, const char *content);
void grant_on_no_content(Manager *m, uint64_t number, bool again, const char *reason);

/* grant-bus.c */
int grant_bus_register(Manager *m);
int grant_bus_path(const Grant *g, char **ret);
int drive_method_unlock(sd_bus_message *m, void *userdata, sd_bus_error *error);
extern const sd_bus_vtable grant_vtable[];

DEFINE_TRIVIAL_CLEANUP_FUNC(Grant *, grant_free);
