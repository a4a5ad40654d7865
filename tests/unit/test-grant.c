/* SPDX-License-Identifier: LGPL-2.1-or-later */
#undef NDEBUG

#include "daemon/grant.h"
#include "daemon/host.h"
#include "daemon/safety.h"
#include "shared/names.h"
#include "test-util.h"

/* What a grant covers, and that any change of the drive, however small, is not covered. */

#define SINCE 1000U

typedef struct Scene {
        Drive drive;
        DriveIdentity identity;
        GrantRecord grant;
} Scene;

static char *text(const char *s)
{
        char *t = s ? strdup(s) : NULL;

        assert(!s || t);
        return t;
}

static DriveIdentity identity_new(void)
{
        return (DriveIdentity){
                .wwn = text("0x5000c500a0000001"),
                .serial = text("ZA1"),
                .model = text("ST16000"),
                .size_bytes = 16000900661248,
                .fingerprint = text("size:31251759104,wwid:naa.5000c500a0000001"),
        };
}

static DriveLock lock_new(LockRole role, const char *pool, const char *guid, bool used)
{
        return (DriveLock){
                .role = role, .pool = text(pool), .guid = text(guid), .used = used, .detail = text("…")
        };
}

static void scene_done(Scene *s)
{
        drive_record_done(&s->drive.record);
        free(s->drive.remnant);
        drive_identity_done(&s->identity);
        grant_record_done(&s->grant);
}

static Scene scene_new(LockRole role, const char *pool, const char *guid, bool used)
{
        return (Scene){
                .drive = {
                        .record = { .id = text("wwn-0x5000c500a0000001"), .host = text("nas"), .kname = text("sda"),
                                    .identity = identity_new(), .lock = lock_new(role, pool, guid, used) },
                        .identity_state = IDENTITY_OK,
                },
                .identity = identity_new(),
                .grant = { .drive = text("wwn-0x5000c500a0000001"), .host = text("nas"),
                           .lock = lock_new(role, pool, guid, used) },
        };
}

static GrantJudgement judge(const Scene *s)
{
        return grant_judge(&s->grant, &s->identity, SINCE, &s->drive);
}

static void set(char **p, const char *value)
{
        free(*p);
        *p = text(value);
}

static const struct {
        LockRole role;
        const char *pool, *guid;
        bool used;
} granted[] = {
        { LOCK_EXISTING_DATA, NULL, NULL, false }, { LOCK_EXPORTED_POOL, "vault", "22", false },
        { LOCK_EXPORTED_POOL, NULL, NULL, false }, { LOCK_STORAGE_MEMBER, NULL, NULL, false },
        { LOCK_STORAGE_MEMBER, NULL, NULL, true }, { LOCK_MOUNTED, NULL, NULL, true },
        { LOCK_ACTIVE_POOL, "tank", "11", true },  { LOCK_BOOT_POOL, "rpool", "33", true },
};

/* Each one makes one change, and says what it is then. */
static GrantJudgement change(Scene *s, unsigned which)
{
        DriveRecord *r = &s->drive.record;

        switch (which) {
        case 0:
                set(&r->id, "wwn-0x5000c500a0000002");
                return GRANT_OTHER_DRIVE;
        case 1:
                set(&r->host, "nas2");
                return GRANT_OTHER_HOST;
        case 2:
                set(&r->host, NULL);
                return GRANT_OTHER_HOST;
        case 3:
                set(&s->grant.host, NULL);
                return GRANT_OTHER_HOST;
        case 4:
                s->drive.identity_state = IDENTITY_SHARED;
                return GRANT_UNCERTAIN_IDENTITY;
        case 5:
                s->drive.identity_state = IDENTITY_NONE;
                return GRANT_UNCERTAIN_IDENTITY;
        case 6:
                set(&r->identity.wwn, "0x5000c500a0000003");
                return GRANT_OTHER_IDENTITY;
        case 7:
                set(&r->identity.serial, "ZA2");
                return GRANT_OTHER_IDENTITY;
        case 8:
                set(&r->identity.model, "ST8000");
                return GRANT_OTHER_IDENTITY;
        case 9:
                r->identity.size_bytes -= 512;
                return GRANT_OTHER_IDENTITY;
        case 10:
                set(&r->identity.fingerprint, "size:1");
                return GRANT_OTHER_IDENTITY;
        case 11:
                set(&r->identity.fingerprint, NULL);
                return GRANT_OTHER_IDENTITY;
        case 12:
                set(&r->identity.fingerprint, NULL);
                set(&s->identity.fingerprint, NULL);
                return GRANT_OTHER_IDENTITY;
        case 13:
                set(&r->identity.wwn, NULL);
                set(&r->identity.serial, NULL);
                return GRANT_OTHER_IDENTITY;
        case 14:
                s->drive.missing_usec = SINCE;
                return GRANT_WENT_MISSING;
        case 15:
                s->drive.missing_usec = SINCE + 1;
                return GRANT_WENT_MISSING;
        case 16:
                s->drive.remnant = text("0123");
                return GRANT_REMNANT;
        case 17:
                r->lock.used = !r->lock.used;
                return GRANT_OTHER_LOCK;
        case 18:
                set(&r->lock.pool, "other");
                return GRANT_OTHER_LOCK;
        case 19:
                set(&r->lock.guid, "99");
                return GRANT_OTHER_LOCK;
        case 20:
                s->grant.lock.role = LOCK_NONE;
                return GRANT_OTHER_LOCK;
        case 21:
                s->grant.lock.role = r->lock.role = LOCK_NONE;
                return GRANT_OTHER_LOCK;
        default:
                return GRANT_COVERS;
        }
}

#define CHANGES 22

static void test_every_change_ends_it(void)
{
        for (size_t i = 0; i < ELEMENTSOF(granted); i++) {
                for (unsigned which = 0; which < CHANGES; which++)
                        for (int release = 0; release <= 1; release++) {
                                _cleanup_(scene_done) Scene s = scene_new(granted[i].role, granted[i].pool,
                                                                          granted[i].guid, granted[i].used);
                                GrantJudgement wanted;

                                s.grant.release = release;
                                assert(judge(&s) == GRANT_COVERS);
                                wanted = change(&s, which);
                                if (judge(&s) != wanted)
                                        fprintf(stderr, "%s, change %u: %s\n",
                                                lock_role_to_string(granted[i].role), which,
                                                grant_judgement_to_string(judge(&s)));
                                assert(judge(&s) == wanted && wanted != GRANT_COVERS);
                        }

                /* Every other role, with the same pool or none, used or not. */
                for (int role = 0; role < _LOCK_ROLE_MAX; role++)
                        for (int used = 0; used <= 1; used++) {
                                _cleanup_(scene_done) Scene s = scene_new(granted[i].role, granted[i].pool,
                                                                          granted[i].guid, granted[i].used);

                                if (role == (int) granted[i].role && used == granted[i].used)
                                        continue;
                                s.drive.record.lock.role = (LockRole) role;
                                s.drive.record.lock.used = used;
                                assert(judge(&s) == GRANT_OTHER_LOCK);
                        }
        }
}

/* What does not count: words, names, places in the enclosure, an absence before it was given. */
static void test_what_is_no_change(void)
{
        _cleanup_(scene_done) Scene s = scene_new(LOCK_ACTIVE_POOL, "tank", "11", true);

        set(&s.drive.record.kname, "sdz");
        set(&s.drive.record.lock.detail, "in other words");
        set(&s.drive.record.location, "bay 7");
        s.drive.missing_usec = SINCE - 1;
        s.drive.stale = true;
        assert(judge(&s) == GRANT_COVERS);
}

/* The first of a pool's drives exports it for all that have leave to release; nobody else, and no other pool. */
static void test_pool_that_was_released(void)
{
        static const LockRole roles[] = { LOCK_ACTIVE_POOL, LOCK_BOOT_POOL };

        for (size_t i = 0; i < ELEMENTSOF(roles); i++) {
                _cleanup_(scene_done) Scene s = scene_new(roles[i], "tank", "11", true);
                DriveLock *now = &s.drive.record.lock;

                now->role = LOCK_EXPORTED_POOL;
                now->used = false;
                assert(judge(&s) == GRANT_OTHER_LOCK);
                s.grant.release = true;
                assert(judge(&s) == GRANT_COVERS);
                now->used = true;
                assert(judge(&s) == GRANT_OTHER_LOCK);
                now->used = false;
                set(&now->guid, "12");
                assert(judge(&s) == GRANT_OTHER_LOCK);
                set(&now->guid, NULL);
                assert(judge(&s) == GRANT_OTHER_LOCK);
                set(&s.grant.lock.guid, NULL);
                assert(judge(&s) == GRANT_OTHER_LOCK);
                set(&now->guid, "11");
                set(&s.grant.lock.guid, "11");
                set(&now->pool, "tank2");
                assert(judge(&s) == GRANT_OTHER_LOCK);
        }

        for (size_t i = 0; i < ELEMENTSOF(granted); i++) {
                _cleanup_(scene_done) Scene s = scene_new(granted[i].role, granted[i].pool, granted[i].guid,
                                                          granted[i].used);

                /* An exported pool that is imported again, and a volume that is taken down. */
                s.grant.release = true;
                s.drive.record.lock.role = granted[i].role == LOCK_EXPORTED_POOL ? LOCK_ACTIVE_POOL
                                                                                 : LOCK_EXISTING_DATA;
                s.drive.record.lock.used = !granted[i].used;
                assert(judge(&s) == GRANT_OTHER_LOCK);
        }
}

/* What safety says with and without a grant; the drive's host is fit. */
static void test_safety(void)
{
        for (size_t i = 0; i < ELEMENTSOF(granted); i++) {
                _cleanup_(scene_done) Scene s = scene_new(granted[i].role, granted[i].pool, granted[i].guid,
                                                          granted[i].used);
                Host host = {
                        .state = HOST_ONLINE,
                        .record = { .name = (char *) "nas", .kind = (char *) "ssh", .user = (char *) "root" }
                };
                const char *name = NULL;
                char *why = NULL;

                s.drive.host = &host;
                assert(safety_check(&s.drive, NULL, NULL, &s.identity, SINCE, &name, &why) ==
                       SAFETY_REFUSED);
                assert(streq(name, BUS_ERROR_DRIVE_LOCKED) &&
                       strstr(why, lock_role_to_string(granted[i].role)));
                why = (free(why), NULL);

                if (granted[i].used) {
                        assert(safety_check(&s.drive, NULL, &s.grant, &s.identity, SINCE, &name, &why) ==
                               SAFETY_REFUSED);
                        assert(streq(name, BUS_ERROR_DRIVE_LOCKED) && strstr(why, "release"));
                        assert(granted[i].role != LOCK_ACTIVE_POOL || strstr(why, "zpool export tank"));
                        why = (free(why), NULL);
                        s.grant.release = true;
                }
                assert(safety_check(&s.drive, NULL, &s.grant, &s.identity, SINCE, &name, &why) == SAFETY_OK);
                /* Another drive under the same id. */
                set(&s.drive.record.identity.serial, "ZA2");
                assert(safety_check(&s.drive, NULL, &s.grant, &s.identity, SINCE, &name, &why) ==
                       SAFETY_REFUSED);
                why = (free(why), NULL);
                set(&s.drive.record.identity.serial, "ZA1");
                host.record.kind = (char *) "local";
                assert((safety_check(&s.drive, NULL, &s.grant, &s.identity, SINCE, &name, &why) ==
                        SAFETY_OK) == !granted[i].used);
                why = (free(why), NULL);

                s.drive.record.lock.role = LOCK_IN_USE;
                s.drive.record.lock.used = true;
                assert(safety_check(&s.drive, NULL, &s.grant, &s.identity, SINCE, &name, &why) ==
                       SAFETY_REFUSED);
                why = (free(why), NULL);

                /* Free now: then it is not what was unlocked either. */
                s.drive.record.lock.role = LOCK_NONE;
                s.drive.record.lock.used = false;
                assert(safety_check(&s.drive, NULL, &s.grant, &s.identity, SINCE, &name, &why) ==
                       SAFETY_REFUSED);
                why = (free(why), NULL);
                assert(safety_check(&s.drive, NULL, NULL, &s.identity, SINCE, &name, &why) == SAFETY_OK);
        }
}

/* Whether it may be unlocked at all. Its host must be able to tell what uses it, now. */
static void test_safety_of_unlocking(void)
{
        for (size_t i = 0; i < ELEMENTSOF(granted); i++) {
                _cleanup_(scene_done) Scene s = scene_new(granted[i].role, granted[i].pool, granted[i].guid,
                                                          granted[i].used);
                Host host = {
                        .state = HOST_ONLINE,
                        .record = { .name = (char *) "nas", .kind = (char *) "ssh", .user = (char *) "root" }
                };
                const char *name = NULL;
                char *why = NULL;

                s.drive.manager = &(Manager){};
                assert(safety_check_unlock(&s.drive, &name, &why) == SAFETY_REFUSED);
                assert(streq(name, BUS_ERROR_DRIVE_MISSING));
                why = (free(why), NULL);
                s.drive.host = &host;
                assert(safety_check_unlock(&s.drive, &name, &why) == SAFETY_OK);

                host.detection_error = (char *) "zpool timed out";
                assert(safety_check_unlock(&s.drive, &name, &why) == SAFETY_REFUSED);
                assert(streq(name, BUS_ERROR_HOST_UNFIT) && strstr(why, "zpool timed out"));
                why = (free(why), NULL);
                host.detection_error = NULL;

                s.drive.remnant = text("0123");
                assert(safety_check_unlock(&s.drive, &name, &why) == SAFETY_REFUSED);
                assert(streq(name, BUS_ERROR_DRIVE_LOCKED));
                why = (free(why), NULL);
                set(&s.drive.remnant, NULL);

                set(&s.drive.record.identity.fingerprint, NULL);
                assert(safety_check_unlock(&s.drive, &name, &why) == SAFETY_REFUSED);
                assert(streq(name, BUS_ERROR_DRIVE_IDENTITY));
                why = (free(why), NULL);
                set(&s.drive.record.identity.fingerprint, "size:1");

                if (granted[i].role != LOCK_ACTIVE_POOL && granted[i].role != LOCK_BOOT_POOL)
                        continue;
                set(&s.drive.record.lock.guid, NULL);
                assert(safety_check_unlock(&s.drive, &name, &why) == SAFETY_REFUSED);
                assert(streq(name, BUS_ERROR_DRIVE_LOCKED));
                why = (free(why), NULL);
        }
}

/* One more is not given, and nothing of it is left. */
static void test_limit(void)
{
        _cleanup_(scene_done) Scene s = scene_new(LOCK_EXISTING_DATA, NULL, NULL, false);
        _cleanup_free_ Grant *waiting = new0(Grant, GRANTS_MAX);
        Manager m = {};
        Grant *g = NULL;

        assert(waiting);
        for (size_t i = 0; i < GRANTS_MAX; i++) {
                GrantRecord *r = &waiting[i].record;

                r->id = strf("%zu", i);
                r->drive = strf("drive-%zu", i);
                assert(r->id && r->drive);
                HASH_ADD_KEYPTR(hh, m.grants, r->id, strlen(r->id), waiting + i);
        }

        assert(grant_new(&m, &s.drive, &actor_daemon, "why", &g) == -ENOSPC && !g);
        assert(HASH_COUNT(m.grants) == GRANTS_MAX && !grant_of_drive(&m, &s.drive));

        HASH_CLEAR(hh, m.grants);
        for (size_t i = 0; i < GRANTS_MAX; i++)
                grant_record_done(&waiting[i].record);
}

int main(void)
{
        test_every_change_ends_it();
        test_what_is_no_change();
        test_pool_that_was_released();
        test_safety();
        test_safety_of_unlocking();
        test_limit();
        return 0;
}
