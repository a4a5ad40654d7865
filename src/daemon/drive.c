/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "basic/string-util.h"
#include "basic/time-util.h"
#include "daemon/drive.h"
#include "daemon/event.h"
#include "daemon/grant.h"
#include "daemon/host.h"
#include "daemon/job.h"
#include "daemon/reading.h"
#include "shared/names.h"

static const char *const identity_state_table[_IDENTITY_STATE_MAX] = {
        [IDENTITY_OK] = "ok",
        [IDENTITY_NONE] = "none",
        [IDENTITY_SHARED] = "shared",
};
DEFINE_STRING_TABLE(identity_state, IdentityState);

int drive_new(Manager *m, DriveRecord *record, Drive **ret)
{
        Drive *d = new0(Drive, 1);

        if (!d)
                return -ENOMEM;

        d->record = *record;
        *record = (DriveRecord){};
        d->temperature_mdegc = MDEGC_UNKNOWN;
        if (drive_identity_key(&d->record.identity, &d->base_key) < 0)
                return drive_free(d), -ENOMEM;
        d->identity_state = d->base_key ? IDENTITY_OK : IDENTITY_NONE;

        self_tests_load(d);
        HASH_ADD_KEYPTR(hh, m->drives, d->record.id, strlen(d->record.id), d);
        d->manager = m;
        if (ret)
                *ret = d;
        return 0;
}

Drive *drive_free(Drive *d)
{
        if (!d)
                return NULL;

        assert(!d->job);
        if (d->host)
                HASH_DELETE(hh_kname, d->host->drives_by_kname, d);
        if (d->manager)
                HASH_DEL(d->manager->drives, d);
        drive_record_done(&d->record);
        self_tests_done(&d->self_tests);
        free(d->base_key);
        free(d->remnant);
        free(d);
        return NULL;
}

Drive *drive_find(Manager *m, const char *id)
{
        Drive *d;

        HASH_FIND_STR(m->drives, id, d);
        return d;
}

int drive_find_by_name(Manager *m, const char *name, Drive **ret)
{
        const char *colon = strrchr(name, ':');
        Drive *found, *d, *next;

        found = drive_find(m, name);

        if (!found && colon) {
                _cleanup_free_ char *host = strndup(name, (size_t) (colon - name));
                Host *h;

                if (!host)
                        return -ENOMEM;
                h = host_find(m, host);
                if (h)
                        HASH_FIND(hh_kname, h->drives_by_kname, colon + 1, strlen(colon + 1), found);
        }

        if (!found && !isempty(name))
                HASH_ITER(hh, m->drives, d, next)
                        if (streq_ptr(d->record.identity.serial, name)) {
                                if (found)
                                        return -EEXIST;
                                found = d;
                        }

        if (!found)
                return -ENOENT;

        *ret = found;
        return 0;
}

LockRole drive_lock_role(const Drive *d)
{
        return d->remnant ? LOCK_REMNANT : d->record.lock.role;
}

const char *drive_lock_detail(const Drive *d)
{
        return d->remnant ? "a burn-in process that could not be proven gone"
                          : strempty(d->record.lock.detail);
}

const char *drive_unlock_token(const Drive *d)
{
        return d->remnant ? "" : strempty(drive_lock_token(&d->record.lock));
}

static void drive_changed(Drive *d, const char *property)
{
        for (size_t i = 0; i < d->n_changed; i++)
                if (d->changed[i] == property)
                        return;

        if (d->n_changed < ELEMENTSOF(d->changed) - 1)
                d->changed[d->n_changed++] = property;
}

void drive_emit_pending(Drive *d)
{
        if (!d->announced) {
                d->announced = true;
                drive_emit_added(d);
        } else if (d->n_changed > 0) {
                d->changed[d->n_changed] = NULL;
                drive_emit_changed(d, d->changed);
        }
        d->n_changed = 0;
}

static int drive_store(Drive *d)
{
        return store_drive_put(d->manager->store, &d->record);
}

static int drive_set_string(Drive *d, char **p, const char *value, const char *property)
{
        int r;

        r = free_and_strdup(p, value);
        if (r > 0)
                drive_changed(d, property);

        return r;
}

static void drive_set_identity_state(Drive *d, IdentityState state)
{
        if (d->identity_state == state)
                return;

        d->identity_state = state;
        drive_changed(d, "IdentityState");
        if (state == IDENTITY_SHARED)
                log_drive(d, LOG_WARNING, MESSAGE_DRIVE_SHARED_IDENTITY,
                          "Drive %s (serial %s) shows the same identity as another drive; neither will be burned in.",
                          d->record.id, strempty(d->record.identity.serial));
}

static int drive_detach(Drive *d)
{
        if (!d->host)
                return 0;

        HASH_DELETE(hh_kname, d->host->drives_by_kname, d);
        d->host = NULL;
        drive_changed(d, "Present");

        return 0;
}

/* An NVMe controller knows its own limits. */
static int32_t drive_warn_mdegc(const Drive *d)
{
        const Settings *s = &d->manager->settings;
        uint32_t celsius = d->record.rotational ? s->temp_warn_c : s->temp_warn_ssd_c;
        _cleanup_json_ struct json_object *smart = NULL;
        int32_t own = MDEGC_UNKNOWN;

        if (streq_ptr(d->record.transport, "nvme") && d->record.smart &&
            json_parse(d->record.smart, strlen(d->record.smart), &smart) >= 0 &&
            json_get_i32(smart, "warning_temperature_mdegc", &own) > 0 && own != MDEGC_UNKNOWN)
                return own;

        return (int32_t) celsius * 1000;
}

bool drive_is_hot(const Drive *d, int32_t *ret_warn_mdegc)
{
        if (d->temperature_mdegc == MDEGC_UNKNOWN)
                return false;

        *ret_warn_mdegc = drive_warn_mdegc(d);
        return d->temperature_mdegc >= *ret_warn_mdegc;
}

uint64_t drive_last_seen_usec(const Drive *d)
{
        return d->host ? MAX(d->host->last_seen_usec, d->record.last_seen_usec) : d->record.last_seen_usec;
}

/* In the transaction of the reading. */
static int drive_tell(Drive *d, EventKind kind, const char *what, const char *detail)
{
        _cleanup_free_ char *text =
                        strf("Drive %s (%s, %s) on %s %s%s%s", strempty(d->record.identity.serial),
                             strempty(d->record.identity.model), strempty(d->record.kname),
                             strempty(d->record.host), what, isempty(detail) ? "." : ": ", strempty(detail));

        return text ? event_add_drive(d->manager, kind, &d->record, text) : -ENOMEM;
}

int drive_set_missing(Drive *d)
{
        int r;

        d->record.last_seen_usec = drive_last_seen_usec(d);
        (void) drive_detach(d);
        d->temperature_mdegc = MDEGC_UNKNOWN;
        d->missing_usec = now_usec(CLOCK_BOOTTIME);
        log_drive(d, LOG_NOTICE, MESSAGE_DRIVE_MISSING, "Drive %s is missing; it was %s on %s.",
                  d->record.id, strempty(d->record.kname), strempty(d->record.host));

        r = drive_store(d);
        return r < 0 ? r : drive_tell(d, EVENT_DRIVE_MISSING, "is missing", NULL);
}

int drive_check_forget(const Drive *d, const char **reterr_name, char **reterr_text)
{
        const char *serial = strempty(d->record.identity.serial), *name = BUS_ERROR_WRONG_STATE;
        const Host *h = d->host ?: host_find(d->manager, strempty(d->record.host));
        char *text;

        if (d->job) {
                name = BUS_ERROR_DRIVE_BUSY;
                text = strf("Drive %s is in job %" PRIu64 ". Cancel it first.", serial, d->job->record.id);
        } else if (d->unreadable_job > 0) {
                name = BUS_ERROR_DRIVE_BUSY;
                text = strf("Drive %s is in job %" PRIu64 ", which cannot be read in the database.", serial,
                            d->unreadable_job);
        } else if (d->host)
                text = strf("Drive %s is there, as %s on %s. Only a drive that is missing can be forgotten.",
                            serial, d->record.kname, d->record.host);
        else if (d->remnant) {
                name = BUS_ERROR_DRIVE_LOCKED;
                text = strf("Drive %s is locked (%s). It stays known until it was seen again without that.",
                            serial, drive_lock_detail(d));
        } else if (h && !h->was_read)
                text = strf("Host %s was not read since burnind has started, so nobody knows whether drive %s is missing. "
                            "Wait until it answers, or remove the host.",
                            h->record.name, serial);
        else
                return 1;
        if (!text)
                return -ENOMEM;

        *reterr_name = name;
        *reterr_text = text;
        return 0;
}

int drive_forget(Drive *d)
{
        Manager *m = d->manager;
        int r;

        r = store_drive_del(m->store, d->record.id);
        if (r < 0)
                return manager_store_failed(m, r);

        log_drive(d, LOG_NOTICE, MESSAGE_DRIVE_FORGOTTEN, "Drive %s was forgotten; it was %s on %s.",
                  d->record.id, strempty(d->record.kname), strempty(d->record.host));
        drive_emit_removed(d);
        drive_free(d);
        grants_review(m);
        return 0;
}

void drive_set_stale(Drive *d, bool stale)
{
        if (d->stale == stale)
                return;

        d->stale = stale;
        drive_changed(d, "Stale");
        drive_emit_pending(d);
}

void drive_set_remnant(Drive *d, const char *run)
{
        if (free_and_strdup(&d->remnant, run) == 0)
                return;

        drive_changed(d, "LockState");
        drive_changed(d, "LockDetail");
        drive_changed(d, "UnlockToken");
        drive_emit_pending(d);
}

/* Locks fail closed: a reading in which a detector failed may lock a drive, or leave it as it was, never open it. Nor may it
 * make a lock weaker: without zpool's word every active pool looks like an exported one. */
static bool lock_is_doubtful(const DriveLock *before, const DriveLock *now)
{
        return now->role < before->role || (now->role == before->role && now->used < before->used) ||
               (before->role == LOCK_NONE && now->role == LOCK_UNCLASSIFIED);
}

static int drive_set_lock(Drive *d, const DriveLock *lock, bool detection_ok)
{
        LockRole before = d->record.lock.role;
        int r;

        if (!detection_ok && lock_is_doubtful(&d->record.lock, lock))
                return 0;
        if (drive_lock_looks_equal(&d->record.lock, lock))
                return 0;
        if (before == LOCK_NONE && d->announced) {
                r = drive_tell(d, EVENT_DRIVE_LOCKED, "is locked now", lock->detail);
                if (r < 0)
                        return r;
        }

        drive_lock_done(&d->record.lock);
        r = drive_lock_copy(lock, &d->record.lock);
        if (r < 0) {
                d->record.lock = (DriveLock){ .role = LOCK_UNCLASSIFIED };
                return r;
        }

        drive_changed(d, "LockState");
        drive_changed(d, "LockDetail");
        drive_changed(d, "LockInUse");
        drive_changed(d, "UnlockToken");
        if (before == LOCK_NONE)
                log_drive(d, LOG_NOTICE, MESSAGE_DRIVE_LOCKED, "Drive %s on %s is locked now: %s.",
                          strempty(d->record.kname), strempty(d->record.host), strempty(lock->detail));

        return 1;
}

/* As it was stored last, whichever burnind did that. */
static bool drive_had_failed(const Drive *d)
{
        _cleanup_json_ struct json_object *smart = NULL;
        const char *health = NULL;

        return d->record.smart && json_parse(d->record.smart, strlen(d->record.smart), &smart) >= 0 &&
               json_get_string(smart, "health", &health) > 0 &&
               smart_health_from_string(health) == SMART_HEALTH_FAILED;
}

static int drive_tell_failed(Drive *d)
{
        int r;

        r = drive_tell(d, EVENT_DRIVE_FAILED_HEALTH, "says of itself that it fails (SMART)", NULL);
        if (r >= 0)
                log_drive(d, LOG_WARNING, MESSAGE_DRIVE_FAILED_HEALTH,
                          "Drive %s on %s says of itself that it fails (SMART).", strempty(d->record.kname),
                          strempty(d->record.host));
        return r;
}

static int drive_set_smart(Drive *d, const DriveFacts *f)
{
        int r;

        d->temperature_mdegc = f->temperature_mdegc;
        if (d->health != f->health) {
                r = f->health == SMART_HEALTH_FAILED && !drive_had_failed(d) ? drive_tell_failed(d) : 0;
                if (r < 0)
                        return r;
                d->health = f->health;
                drive_changed(d, "SmartHealth");
        }
        if (!f->smart || f->smart_usec == d->record.smart_usec)
                return 0;

        d->record.smart_usec = f->smart_usec;
        r = drive_set_string(d, &d->record.smart,
                             json_object_to_json_string_ext(f->smart, JSON_C_TO_STRING_PLAIN), "Smart");
        if (r < 0)
                return r;
        r = self_tests_on_reading(d, f->smart);
        if (r > 0)
                drive_changed(d, "SelfTests");
        return r < 0 ? r : 1;
}

/* Facts that belong to where the drive is. */
static int drive_set_place(Drive *d, Host *h, const DriveFacts *f)
{
        int changed = 0;

        if (d->host != h || !streq_ptr(d->record.kname, f->kname)) {
                int r;

                (void) drive_detach(d);
                r = drive_set_string(d, &d->record.host, h->record.name, "Host");
                if (r >= 0)
                        r = drive_set_string(d, &d->record.kname, f->kname, "DevName");
                if (r < 0)
                        return r;

                HASH_ADD_KEYPTR(hh_kname, h->drives_by_kname, d->record.kname, strlen(d->record.kname), d);
                d->host = h;
                drive_changed(d, "Present");
                changed = 1;
        }

        if (drive_set_string(d, &d->record.by_id, f->by_id, "ByIdPath") != 0)
                changed = 1;
        if (drive_set_string(d, &d->record.bay, f->bay, "Bay") != 0)
                changed = 1;
        if (drive_set_string(d, &d->record.transport, f->transport, "Transport") != 0)
                changed = 1;
        if (d->record.rotational != f->rotational) {
                d->record.rotational = f->rotational;
                drive_changed(d, "Rotational");
                changed = 1;
        }
        if (d->stale) {
                d->stale = false;
                drive_changed(d, "Stale");
        }

        return changed;
}

/* The present drive that shows this identity, somewhere else than here. Of a host that does not answer nothing is known to be
 * present: a drive that was moved away from it is no double. */
static Drive *drive_find_double(Manager *m, const char *base_key, const Host *h, const char *kname)
{
        Drive *d, *next;

        HASH_ITER(hh, m->drives, d, next)
                if (d->host && d->host->state == HOST_ONLINE && streq_ptr(d->base_key, base_key) &&
                    !(d->host == h && streq(d->record.kname, kname)))
                        return d;

        return NULL;
}

/* The row for this reading: its identity's own, or one named by the place where identity does not tell. */
static int drive_for_facts(Host *h, const DriveFacts *f, Drive **ret)
{
        _cleanup_free_ char *base_key = NULL, *id = NULL;
        DriveRecord record = {};
        Drive *other = NULL, *d;
        int r;

        r = drive_identity_key(&f->identity, &base_key);
        if (r < 0)
                return r;

        d = base_key ? drive_find(h->manager, base_key) : NULL;
        /* The double is looked for only where the row is elsewhere: the usual reading costs two look-ups. */
        if (d && d->host && !(d->host == h && streq(d->record.kname, f->kname)))
                other = drive_find_double(h->manager, base_key, h, f->kname);

        if (base_key && !other)
                id = strdup(base_key);
        else
                id = strf("%s-%s-%s", base_key ? "shared" : "unnamed", h->record.name, f->kname);
        if (!id)
                return -ENOMEM;

        d = drive_find(h->manager, id);
        if (!d) {
                if (HASH_COUNT(h->manager->drives) >= DRIVES_MAX)
                        return -ENOSPC;
                record = (DriveRecord){
                        .id = TAKE_PTR(id),
                        .lock.role = LOCK_UNCLASSIFIED,
                        .first_seen_usec = now_usec(CLOCK_REALTIME),
                };
                r = drive_identity_copy(&f->identity, &record.identity);
                if (r >= 0)
                        r = drive_new(h->manager, &record, &d);
                drive_record_done(&record);
                if (r < 0)
                        return r;
        }

        if (other) {
                drive_set_identity_state(d, IDENTITY_SHARED);
                drive_set_identity_state(other, IDENTITY_SHARED);
        }

        *ret = d;
        return 0;
}

/* A later reading may tell more of the same drive: SMART came after the first look, a new kernel prints more in sysfs. A job
 * keeps the identity that was confirmed for it. */
static int drive_update_identity(Drive *d, const DriveIdentity *i)
{
        DriveIdentity *own = &d->record.identity, copy = {};
        int r;

        if (own->size_bytes == i->size_bytes && streq_ptr(own->wwn, i->wwn) &&
            streq_ptr(own->serial, i->serial) && streq_ptr(own->model, i->model) &&
            streq_ptr(own->fingerprint, i->fingerprint))
                return 0;

        r = drive_identity_copy(i, &copy);
        if (r < 0)
                return r;
        drive_identity_done(own);
        *own = copy;

        drive_changed(d, "Model");
        drive_changed(d, "Serial");
        drive_changed(d, "WWN");
        drive_changed(d, "SizeBytes");
        return 1;
}

int drive_displace(Host *h, const DriveFacts *f, Drive **ret)
{
        _cleanup_free_ char *key = NULL;
        Drive *d;
        int r;

        r = drive_identity_key(&f->identity, &key);
        if (r < 0)
                return r;

        HASH_FIND(hh_kname, h->drives_by_kname, f->kname, strlen(f->kname), d);
        if (d && !streq_ptr(d->base_key, key))
                (void) drive_detach(d);
        else
                d = NULL;

        *ret = d;
        return 0;
}

int drive_on_facts(Host *h, const DriveFacts *f, bool detection_ok)
{
        int r, changed = 0;
        Drive *d, *before;
        bool read;

        r = drive_for_facts(h, f, &d);
        if (r < 0)
                return r;

        /* Whatever had this name before and did not go by itself has been replaced. */
        HASH_FIND(hh_kname, h->drives_by_kname, f->kname, strlen(f->kname), before);
        if (before && before != d) {
                r = drive_set_missing(before);
                if (r < 0)
                        return r;
        }

        if (d->record.last_seen_usec == 0)
                changed = 1;
        r = drive_update_identity(d, &f->identity);
        if (r < 0)
                return r;
        changed |= r;

        d->record.last_seen_usec = now_usec(CLOCK_REALTIME);
        r = drive_set_place(d, h, f);
        if (r < 0)
                return r;
        changed |= r;
        r = drive_set_lock(d, &f->lock, detection_ok);
        if (r < 0)
                return r;
        changed |= r;
        r = drive_set_smart(d, f);
        if (r < 0)
                return r;
        read = r > 0;
        changed |= r;

        r = changed ? drive_store(d) : 0;
        return r >= 0 && read ? reading_on_smart(d, f->smart) : r;
}

int drive_resolve_shared(Manager *m, const char *base_key)
{
        Drive *own = drive_find(m, base_key), *left = NULL, *d, *next;

        HASH_ITER(hh, m->drives, d, next) {
                if (!d->host || !streq_ptr(d->base_key, base_key))
                        continue;
                if (left)
                        return 0; /* still shared */
                left = d;
        }

        if (left && left == own)
                drive_set_identity_state(left, IDENTITY_OK);
        else if (left && own && left->host) {
                /* The row named by its place makes room: the next full reading brings the drive back under its own. */
                Host *h = left->host;

                (void) drive_detach(left);
                drive_set_identity_state(own, IDENTITY_OK);
                h->reread = true;
        } else if (own)
                drive_set_identity_state(own, IDENTITY_OK);

        return 0;
}

EstimateDrive drive_for_estimate(const Drive *d)
{
        return (EstimateDrive){
                .size_bytes = d->record.identity.size_bytes,
                .rotational = d->record.rotational,
                .nvme = streq_ptr(d->record.transport, "nvme"),
                .short_minutes = d->self_tests.minutes[SELF_TEST_SHORT],
                .long_minutes = d->self_tests.minutes[SELF_TEST_LONG],
        };
}
