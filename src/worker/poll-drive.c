/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "basic/string-util.h"
#include "worker/poll-drive.h"

#define TEMPERATURE_STEP_MDEGC 1000

PollDrive *poll_drive_free(PollDrive *d)
{
        if (!d)
                return NULL;

        free(d->kname);
        drive_facts_free(d->facts);
        drive_facts_free(d->sent);
        free(d);

        return NULL;
}

/* Between two SMART readings, or while the drive sleeps, the last one holds: as long as it is the same drive. */
static int keep_smart(const DriveFacts *old, DriveFacts *f)
{
        _cleanup_(drive_identity_done) DriveIdentity copy = { 0 };
        int r;

        /* Without the host's own word on which device this is, it may be another drive under the same name. */
        if (f->smart_usec > 0 || !old || old->smart_usec == 0 || !old->identity.fingerprint ||
            !streq_ptr(old->identity.fingerprint, f->identity.fingerprint))
                return 0;

        /* smartctl's word about who it is stands over lsblk's. */
        r = drive_identity_copy(&old->identity, &copy);
        if (r < 0)
                return r;
        drive_identity_done(&f->identity);
        f->identity = copy;
        copy = (DriveIdentity){ 0 };

        f->health = old->health;
        f->smart_usec = old->smart_usec;
        json_object_put(f->smart);
        f->smart = old->smart ? json_object_get(old->smart) : NULL;
        if (f->temperature_mdegc == MDEGC_UNKNOWN)
                f->temperature_mdegc = old->temperature_mdegc;

        return 0;
}

/* Written to, but not by us and not by anything that was found to use it: somebody uses it all the same. */
static int judge_writes(PollDrive *d, DriveFacts *f, bool burning)
{
        bool moved = d->counted && f->written_bytes != d->written_bytes;

        /* Up to an exported pool, nothing that was found would write. */
        if (!moved || burning || d->excused || f->lock.role > LOCK_EXPORTED_POOL)
                return 0;

        drive_lock_done(&f->lock);
        f->lock.role = LOCK_IN_USE;
        f->lock.used = true;
        f->lock.detail = strdup("something writes to it");
        return f->lock.detail ? 0 : -ENOMEM;
}

int poll_drive_update(PollDrive *d, DriveFacts *f, bool smart_tried, bool burning, uint64_t now)
{
        _cleanup_(drive_facts_freep) DriveFacts *facts = f;
        bool same = d->facts && streq_ptr(d->facts->identity.fingerprint, f->identity.fingerprint);
        int r;

        /* Another drive under the same name starts from nothing. */
        if (d->facts && !same) {
                d->smart_usec = 0;
                d->counted = false;
        }
        r = keep_smart(d->facts, facts);
        if (r < 0)
                return r;
        r = judge_writes(d, facts, burning);
        if (r < 0)
                return r;

        d->written_bytes = facts->written_bytes;
        d->counted = true;
        d->excused = burning;
        if (smart_tried)
                d->smart_usec = now;
        drive_facts_free(d->facts);
        d->facts = TAKE_PTR(facts);
        d->seen = true;
        return 0;
}

bool poll_drive_is_new_here(const PollDrive *d)
{
        return !d->sent || !streq_ptr(d->facts->identity.fingerprint, d->sent->identity.fingerprint);
}

bool poll_drive_runs_self_test(const PollDrive *d)
{
        bool running = false;

        if (d->facts && d->facts->smart)
                (void) json_get_bool(d->facts->smart, "self_test_running", &running);
        return running;
}

bool poll_drive_is_news(const PollDrive *d)
{
        const DriveFacts *a = d->facts, *b = d->sent;

        if (!a || d->smart_usec == 0)
                return false;
        if (!b || d->again || !drive_facts_equal(a, b) || a->smart_usec != b->smart_usec)
                return true;
        if (a->temperature_mdegc == MDEGC_UNKNOWN || b->temperature_mdegc == MDEGC_UNKNOWN)
                return a->temperature_mdegc != b->temperature_mdegc;

        return llabs((long long) a->temperature_mdegc - b->temperature_mdegc) >= TEMPERATURE_STEP_MDEGC;
}
