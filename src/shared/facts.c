/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <stdio.h>

#include "basic/string-util.h"
#include "basic/strv.h"
#include "shared/facts.h"

/* The poller that sends facts parses what hostile hosts print, so its word is checked like theirs. */
#define FACT_MAX        256U
#define FINGERPRINT_MAX 2048U
#define DETAIL_MAX      2048U
#define KEY_MAX         128U
#define SMART_NODES_MAX 4096U
#define SMART_DEPTH_MAX 6U

bool kname_is_valid(const char *s)
{
        size_t n = strlen(s);

        return n > 0 && s[0] >= 'a' && s[0] <= 'z' && s[n - 1] != '-' && s[n - 1] != '_' &&
               strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789-_") == n && n <= 32;
}

bool kname_is_freebsd(const char *s)
{
        static const char *const drivers[] = { "ada", "da", "nvd", "nda", "vtbd" };

        for (size_t i = 0; i < ELEMENTSOF(drivers); i++) {
                const char *number = startswith(s, drivers[i]);

                if (!isempty(number) && !number[strspn(number, "0123456789")])
                        return true;
        }

        return false;
}

bool content_is_valid(const char *s)
{
        return strlen(s) == 64 && strspn(s, "0123456789abcdef") == 64;
}

void drive_identity_done(DriveIdentity *i)
{
        free(i->wwn);
        free(i->serial);
        free(i->model);
        free(i->fingerprint);
        *i = (DriveIdentity){ 0 };
}

static int dup_to(char **ret, const char *s)
{
        *ret = s ? strdup(s) : NULL;
        return s && !*ret ? -ENOMEM : 0;
}

int drive_identity_copy(const DriveIdentity *i, DriveIdentity *ret)
{
        DriveIdentity c = { .size_bytes = i->size_bytes };

        if (dup_to(&c.wwn, i->wwn) < 0 || dup_to(&c.serial, i->serial) < 0 ||
            dup_to(&c.model, i->model) < 0 || dup_to(&c.fingerprint, i->fingerprint) < 0) {
                drive_identity_done(&c);
                return -ENOMEM;
        }

        *ret = c;
        return 0;
}

static bool equal_or_unknown(const char *a, const char *b)
{
        return !a || !b || streq(a, b);
}

bool drive_identity_equal(const DriveIdentity *a, const DriveIdentity *b)
{
        if (!(a->wwn && b->wwn) && !(a->serial && b->serial))
                return false;

        return equal_or_unknown(a->wwn, b->wwn) && equal_or_unknown(a->serial, b->serial) &&
               equal_or_unknown(a->model, b->model) && equal_or_unknown(a->fingerprint, b->fingerprint) &&
               (a->size_bytes == 0 || b->size_bytes == 0 || a->size_bytes == b->size_bytes);
}

static uint64_t fnv1a(const char *s)
{
        uint64_t h = UINT64_C(0xcbf29ce484222325);

        for (; *s; s++)
                h = (h ^ (uint8_t) *s) * UINT64_C(0x100000001b3);

        return h;
}

int drive_identity_key(const DriveIdentity *i, char **ret)
{
        _cleanup_free_ char *key = NULL;

        if (isempty(i->wwn) && isempty(i->serial)) {
                *ret = NULL;
                return 0;
        }

        if (!isempty(i->wwn))
                key = strf("wwn-%s", i->wwn);
        else
                key = strf("%s_%s", strempty(i->model), i->serial);
        if (!key)
                return -ENOMEM;

        if (strlen(key) > KEY_MAX) {
                /* Cutting alone would make one drive of two that differ behind the cut. */
                uint64_t h = fnv1a(key);

                (void) snprintf(key + KEY_MAX - 17, 18, "-%016" PRIx64, h);
        }
        for (char *p = key; *p; p++)
                if (!((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9') ||
                      strchr(".:-", *p)))
                        *p = '_';

        *ret = TAKE_PTR(key);
        return 1;
}

struct json_object *drive_identity_to_json(const DriveIdentity *i)
{
        _cleanup_json_ struct json_object *o = json_object_new_object();

        if (!o || json_put_string(o, "wwn", i->wwn) < 0 || json_put_string(o, "serial", i->serial) < 0 ||
            json_put_string(o, "model", i->model) < 0 || json_put_u64(o, "size_bytes", i->size_bytes) < 0 ||
            json_put_string(o, "fingerprint", i->fingerprint) < 0)
                return NULL;

        return TAKE_PTR(o);
}

int drive_identity_from_json(struct json_object *o, DriveIdentity *ret)
{
        _cleanup_(drive_identity_done) DriveIdentity i = { 0 };
        int r;

        if (!json_object_is_type(o, json_type_object))
                return -EBADMSG;
        if ((r = json_dup_text(o, "wwn", FACT_MAX, &i.wwn)) < 0 ||
            (r = json_dup_text(o, "serial", FACT_MAX, &i.serial)) < 0 ||
            (r = json_dup_text(o, "model", FACT_MAX, &i.model)) < 0 ||
            (r = json_get_u64(o, "size_bytes", &i.size_bytes)) < 0 ||
            (r = json_dup_text(o, "fingerprint", FINGERPRINT_MAX, &i.fingerprint)) < 0)
                return r;

        *ret = i;
        i = (DriveIdentity){ 0 };
        return 0;
}

void drive_lock_done(DriveLock *l)
{
        free(l->pool);
        free(l->guid);
        free(l->activity_of);
        free(l->detail);
        *l = (DriveLock){ 0 };
}

int drive_lock_copy(const DriveLock *l, DriveLock *ret)
{
        DriveLock c = { .role = l->role, .activity = l->activity, .used = l->used };

        if (dup_to(&c.pool, l->pool) < 0 || dup_to(&c.guid, l->guid) < 0 ||
            dup_to(&c.activity_of, l->activity_of) < 0 || dup_to(&c.detail, l->detail) < 0) {
                drive_lock_done(&c);
                return -ENOMEM;
        }

        *ret = c;
        return 0;
}

bool drive_lock_equal(const DriveLock *a, const DriveLock *b)
{
        return a->role == b->role && a->used == b->used && streq_ptr(a->pool, b->pool) &&
               streq_ptr(a->guid, b->guid);
}

bool drive_lock_looks_equal(const DriveLock *a, const DriveLock *b)
{
        return drive_lock_equal(a, b) && streq_ptr(a->detail, b->detail) && a->activity == b->activity &&
               streq_ptr(a->activity_of, b->activity_of);
}

bool drive_lock_is_covered(const DriveLock *granted, bool release, const DriveLock *now)
{
        if (granted->role == LOCK_NONE)
                return now->role == LOCK_NONE;
        if (drive_lock_equal(granted, now))
                return true;

        return release && (granted->role == LOCK_ACTIVE_POOL || granted->role == LOCK_BOOT_POOL) &&
               now->role == LOCK_EXPORTED_POOL && !now->used && granted->pool && granted->guid &&
               streq_ptr(granted->pool, now->pool) && streq_ptr(granted->guid, now->guid);
}

int drive_lock_release_command(const DriveLock *l, char **ret)
{
        char *command;

        if (!l->used)
                command = strdup("");
        else if (l->role == LOCK_ACTIVE_POOL || l->role == LOCK_BOOT_POOL)
                command = strf("zpool export %s", strempty(l->pool));
        else if (l->role == LOCK_MOUNTED)
                command = strdup("umount (swapoff for swap)");
        else if (l->role == LOCK_STORAGE_MEMBER)
                command = strdup("vgchange -an, mdadm --stop or cryptsetup close, as what holds it needs");
        else
                command = strdup("");
        if (!command)
                return -ENOMEM;

        *ret = command;
        return 0;
}

bool pool_name_is_valid(const char *s)
{
        return ((s[0] >= 'a' && s[0] <= 'z') || (s[0] >= 'A' && s[0] <= 'Z')) &&
               str_in_charset(s, "-_.: ", 255);
}

const char *drive_lock_token(const DriveLock *l)
{
        static const char *const tokens[_LOCK_ROLE_MAX] = {
                [LOCK_EXISTING_DATA] = "DESTROY EXISTING DATA",
                [LOCK_EXPORTED_POOL] = "DESTROY EXPORTED POOL",
                [LOCK_STORAGE_MEMBER] = "DESTROY STORAGE MEMBER",
                [LOCK_MOUNTED] = "DESTROY MOUNTED FILESYSTEM",
                [LOCK_BOOT_POOL] = "DESTROY BOOT POOL",
        };

        if (l->role == LOCK_ACTIVE_POOL)
                return l->pool;

        return (int) l->role >= 0 && l->role < _LOCK_ROLE_MAX ? tokens[l->role] : NULL;
}

struct json_object *drive_lock_to_json(const DriveLock *l)
{
        _cleanup_json_ struct json_object *o = json_object_new_object();
        const char *role = lock_role_to_string(l->role);

        if (!o || !role || json_put_string(o, "role", role) < 0 || json_put_string(o, "pool", l->pool) < 0 ||
            json_put_string(o, "guid", l->guid) < 0 || json_put_bool(o, "used", l->used) < 0 ||
            (l->activity != STORAGE_IDLE &&
             (json_put_string(o, "activity", storage_activity_to_string(l->activity)) < 0 ||
              json_put_string(o, "activity_of", l->activity_of) < 0)) ||
            json_put_string(o, "detail", l->detail) < 0)
                return NULL;

        return TAKE_PTR(o);
}

int drive_lock_from_json(struct json_object *o, DriveLock *ret)
{
        _cleanup_(drive_lock_done) DriveLock l = { 0 };
        const char *s;
        int r;

        /* A lock without its role must not read as the weakest one. */
        r = json_get_string(o, "role", &s);
        if (r <= 0)
                return -EBADMSG;
        l.role = lock_role_from_string(s);
        if ((int) l.role < 0)
                return -EBADMSG;

        r = json_get_string(o, "activity", &s);
        if (r < 0)
                return r;
        l.activity = r > 0 ? storage_activity_from_string(s) : STORAGE_IDLE;
        if ((int) l.activity < 0)
                return -EBADMSG;

        /* Nor one that does not say whether it is used as one that is not. */
        r = json_get_bool(o, "used", &l.used);
        if (r <= 0)
                return -EBADMSG;
        if ((r = json_dup_text(o, "pool", FACT_MAX, &l.pool)) < 0 ||
            (r = json_dup_text(o, "guid", FACT_MAX, &l.guid)) < 0 ||
            (r = json_dup_text(o, "activity_of", DETAIL_MAX, &l.activity_of)) < 0 ||
            (r = json_dup_text(o, "detail", DETAIL_MAX, &l.detail)) < 0)
                return r;

        *ret = l;
        l = (DriveLock){ 0 };
        return 0;
}

DriveFacts *drive_facts_free(DriveFacts *f)
{
        if (!f)
                return NULL;

        free(f->kname);
        free(f->by_id);
        free(f->bay);
        free(f->transport);
        drive_identity_done(&f->identity);
        drive_lock_done(&f->lock);
        json_object_put(f->smart);
        free(f);

        return NULL;
}

struct json_object *drive_facts_to_json(const DriveFacts *f)
{
        _cleanup_json_ struct json_object *o = json_object_new_object();
        const char *health = smart_health_to_string(f->health);

        if (!o || !health || json_put_string(o, "kname", f->kname) < 0 ||
            json_put_string(o, "by_id", f->by_id) < 0 || json_put_string(o, "bay", f->bay) < 0 ||
            json_put_string(o, "transport", f->transport) < 0 ||
            json_put(o, "identity", drive_identity_to_json(&f->identity)) < 0 ||
            json_put_bool(o, "rotational", f->rotational) < 0 ||
            json_put_u64(o, "logical_block_size", f->logical_block_size) < 0 ||
            json_put_u64(o, "physical_block_size", f->physical_block_size) < 0 ||
            json_put_string(o, "health", health) < 0 || json_put_u64(o, "smart_usec", f->smart_usec) < 0 ||
            json_put(o, "lock", drive_lock_to_json(&f->lock)) < 0)
                return NULL;
        if (f->temperature_mdegc != MDEGC_UNKNOWN &&
            json_put_i64(o, "temperature_mdegc", f->temperature_mdegc) < 0)
                return NULL;
        if (f->smart && json_put(o, "smart", json_object_get(f->smart)) < 0)
                return NULL;

        return TAKE_PTR(o);
}

/* Whatever keys it has: bounded in size and depth, with clean strings. Its meaning is checked where it is read. */
static bool smart_is_clean(struct json_object *o, size_t depth, size_t *nodes)
{
        if (++*nodes > SMART_NODES_MAX || depth > SMART_DEPTH_MAX)
                return false;

        if (json_object_is_type(o, json_type_string))
                return strlen(json_object_get_string(o)) == (size_t) json_object_get_string_len(o) &&
                       str_is_clean(json_object_get_string(o), FACT_MAX, false);
        if (json_object_is_type(o, json_type_array)) {
                for (size_t i = 0; i < json_object_array_length(o); i++)
                        if (!smart_is_clean(json_object_array_get_idx(o, i), depth + 1, nodes))
                                return false;
        } else if (json_object_is_type(o, json_type_object)) {
                json_object_object_foreach(o, key, value)
                {
                        if (!str_is_clean(key, 64, false) || !smart_is_clean(value, depth + 1, nodes))
                                return false;
                }
        }

        return true;
}

static int drive_facts_read_names(struct json_object *o, DriveFacts *f)
{
        int r;

        r = json_dup_text(o, "kname", 32, &f->kname);
        if (r < 0)
                return r;
        if (r == 0 || !kname_is_valid(f->kname))
                return -EBADMSG;

        r = json_dup_text(o, "by_id", FACT_MAX, &f->by_id);
        if (r < 0)
                return r;
        if (f->by_id) {
                const char *name = startswith(f->by_id, "/dev/disk/by-id/");

                if (isempty(name) || strchr(name, '/') || name[0] == '.')
                        return -EBADMSG;
        }

        r = json_dup_text(o, "bay", FACT_MAX, &f->bay);
        if (r < 0)
                return r;
        r = json_dup_text(o, "transport", 32, &f->transport);
        return r < 0 ? r : 0;
}

static int drive_facts_read_smart(struct json_object *o, DriveFacts *f)
{
        struct json_object *smart;
        const char *health;
        size_t nodes = 0;
        int r;

        r = json_get_string(o, "health", &health);
        if (r <= 0)
                return -EBADMSG;
        f->health = smart_health_from_string(health);
        if ((int) f->health < 0)
                return -EBADMSG;

        r = json_get(o, "smart", json_type_object, &smart);
        if (r < 0)
                return r;
        if (r > 0) {
                if (!smart_is_clean(smart, 0, &nodes))
                        return -EBADMSG;
                f->smart = json_object_get(smart);
        }

        return 0;
}

int drive_facts_from_json(struct json_object *o, DriveFacts **ret)
{
        _cleanup_(drive_facts_freep) DriveFacts *f = NULL;
        struct json_object *identity, *lock;
        int r;

        f = new0(DriveFacts, 1);
        if (!f)
                return -ENOMEM;
        f->temperature_mdegc = MDEGC_UNKNOWN;

        r = drive_facts_read_names(o, f);
        if (r < 0)
                return r;

        if (json_get(o, "identity", json_type_object, &identity) <= 0 ||
            json_get(o, "lock", json_type_object, &lock) <= 0)
                return -EBADMSG;
        r = drive_identity_from_json(identity, &f->identity);
        if (r < 0)
                return r;
        r = drive_lock_from_json(lock, &f->lock);
        if (r < 0)
                return r;

        if ((r = json_get_bool(o, "rotational", &f->rotational)) < 0 ||
            (r = json_get_u32(o, "logical_block_size", &f->logical_block_size)) < 0 ||
            (r = json_get_u32(o, "physical_block_size", &f->physical_block_size)) < 0 ||
            (r = json_get_i32(o, "temperature_mdegc", &f->temperature_mdegc)) < 0 ||
            (r = json_get_u64(o, "smart_usec", &f->smart_usec)) < 0)
                return r;

        r = drive_facts_read_smart(o, f);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(f);
        return 0;
}

/* A reading's temperature is no news of its own: it would make every reading one. */
static bool smart_equal(struct json_object *a, struct json_object *b)
{
        struct json_object *v;

        if (!a || !b)
                return a == b;
        json_object_object_foreach(b, k, ignored)
        {
                (void) ignored;
                if (!streq(k, "temperature_mdegc") && !json_object_object_get_ex(a, k, NULL))
                        return false;
        }
        json_object_object_foreach(a, key, value)
        {
                if (streq(key, "temperature_mdegc"))
                        continue;
                if (!json_object_object_get_ex(b, key, &v) || !json_object_equal(value, v))
                        return false;
        }

        return true;
}

bool drive_facts_equal(const DriveFacts *a, const DriveFacts *b)
{
        const DriveIdentity *i = &a->identity, *j = &b->identity;

        return streq_ptr(a->kname, b->kname) && streq_ptr(a->by_id, b->by_id) && streq_ptr(a->bay, b->bay) &&
               streq_ptr(a->transport, b->transport) && streq_ptr(i->wwn, j->wwn) &&
               streq_ptr(i->serial, j->serial) && streq_ptr(i->model, j->model) &&
               streq_ptr(i->fingerprint, j->fingerprint) && i->size_bytes == j->size_bytes &&
               a->rotational == b->rotational && a->logical_block_size == b->logical_block_size &&
               a->physical_block_size == b->physical_block_size && a->health == b->health &&
               drive_lock_looks_equal(&a->lock, &b->lock) && smart_equal(a->smart, b->smart);
}

HostFacts *host_facts_free(HostFacts *f)
{
        if (!f)
                return NULL;

        free(f->boot_id);
        free(f->os);
        free(f->detection_error);
        free(f->missing_tools);
        strv_free(f->live_runs);
        for (size_t i = 0; i < f->n_drives; i++)
                drive_facts_free(f->drives[i]);
        free(f->drives);
        free(f);

        return NULL;
}
