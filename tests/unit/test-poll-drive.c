/* SPDX-License-Identifier: LGPL-2.1-or-later */

#undef NDEBUG
#include "basic/string-util.h"
#include "worker/poll-drive.h"

static DriveFacts *facts(const char *serial, const char *ident, uint64_t smart_usec, uint64_t written)
{
        DriveFacts *f = new0(DriveFacts, 1);

        assert(f);
        f->kname = strdup("sdb");
        f->identity.serial = strdup(serial);
        f->identity.fingerprint = strdup(ident);
        f->temperature_mdegc = 30000;
        f->smart_usec = smart_usec;
        f->health = smart_usec > 0 ? SMART_HEALTH_PASSED : SMART_HEALTH_UNKNOWN;
        f->written_bytes = written;
        if (smart_usec > 0)
                f->smart = json_object_new_object();
        return f;
}

static PollDrive *drive_new(void)
{
        PollDrive *d = new0(PollDrive, 1);

        assert(d);
        d->kname = strdup("sdb");
        return d;
}

static void send_it(PollDrive *d)
{
        struct json_object *o = drive_facts_to_json(d->facts);

        drive_facts_free(d->sent);
        d->sent = NULL;
        assert(o && drive_facts_from_json(o, &d->sent) == 0);
        json_object_put(o);
}

static void test_news(void)
{
        _cleanup_(poll_drive_freep) PollDrive *d = drive_new();

        /* A bridge's serial is not told before smartctl was asked. */
        assert(!poll_drive_is_news(d));
        assert(poll_drive_update(d, facts("BRIDGE", "x", 0, 0), false, false, 1) == 0);
        assert(!poll_drive_is_news(d));
        assert(poll_drive_update(d, facts("WD-1", "x", 77, 0), true, false, 2) == 0);
        assert(poll_drive_is_news(d));
        send_it(d);
        assert(!poll_drive_is_news(d));

        /* The next cycle without a reading says the same: identity, health and reading stay. */
        assert(poll_drive_update(d, facts("BRIDGE", "x", 0, 0), false, false, 3) == 0);
        assert(streq(d->facts->identity.serial, "WD-1") && d->facts->health == SMART_HEALTH_PASSED);
        assert(d->facts->smart && !poll_drive_is_news(d));

        /* Less than a degree is none. */
        d->facts->temperature_mdegc = 30999;
        assert(!poll_drive_is_news(d));
        d->facts->temperature_mdegc = 31000;
        assert(poll_drive_is_news(d));
        d->facts->temperature_mdegc = 29000;
        assert(poll_drive_is_news(d));
        d->facts->temperature_mdegc = MDEGC_UNKNOWN;
        assert(poll_drive_is_news(d));
        d->facts->temperature_mdegc = 30000;
        assert(!poll_drive_is_news(d));

        /* A new reading is news though nothing in it changed. */
        assert(poll_drive_update(d, facts("WD-1", "x", 78, 0), true, false, 4) == 0);
        assert(poll_drive_is_news(d));
        send_it(d);
        assert(poll_drive_update(d, facts("WD-1", "x", 78, 0), false, false, 5) == 0);
        assert(!poll_drive_is_news(d));
        d->again = true; /* burnind wants all of it once more */
        assert(poll_drive_is_news(d));
        send_it(d);
        d->again = false;
        d->facts->lock.role = LOCK_MOUNTED;
        assert(poll_drive_is_news(d));
}

/* Another drive under the same name has nothing of the one before. */
static void test_other_drive(void)
{
        _cleanup_(poll_drive_freep) PollDrive *d = drive_new();

        assert(poll_drive_update(d, facts("WD-1", "x", 77, 5), true, false, 1) == 0);
        assert(poll_drive_update(d, facts("WD-2", "y", 0, 9), false, false, 2) == 0);
        assert(streq(d->facts->identity.serial, "WD-2") && d->facts->health == SMART_HEALTH_UNKNOWN);
        assert(d->smart_usec == 0 && !d->facts->smart && !poll_drive_is_news(d));
        assert(d->facts->lock.role == LOCK_NONE);
}

static void test_writes(void)
{
        _cleanup_(poll_drive_freep) PollDrive *d = drive_new();
        uint64_t now = 1;

        assert(poll_drive_update(d, facts("WD-1", "x", 77, 100), true, false, now++) == 0);
        assert(d->facts->lock.role == LOCK_NONE);
        assert(poll_drive_update(d, facts("WD-1", "x", 0, 100), false, false, now++) == 0);
        assert(d->facts->lock.role == LOCK_NONE);

        /* In use for as long as it moves, and no longer. */
        for (uint64_t w = 200; w < 500; w += 100) {
                assert(poll_drive_update(d, facts("WD-1", "x", 0, w), false, false, now++) == 0);
                assert(d->facts->lock.role == LOCK_IN_USE &&
                       streq(d->facts->lock.detail, "something writes to it"));
        }
        assert(poll_drive_update(d, facts("WD-1", "x", 0, 400), false, false, now++) == 0);
        assert(d->facts->lock.role == LOCK_NONE);

        /* A burn-in writes, and so it did between its last cycle and its end. */
        assert(poll_drive_update(d, facts("WD-1", "x", 0, 1000), false, true, now++) == 0);
        assert(d->facts->lock.role == LOCK_NONE);
        assert(poll_drive_update(d, facts("WD-1", "x", 0, 2000), false, false, now++) == 0);
        assert(d->facts->lock.role == LOCK_NONE);
        assert(poll_drive_update(d, facts("WD-1", "x", 0, 3000), false, false, now++) == 0);
        assert(d->facts->lock.role == LOCK_IN_USE);

        /* What is known to use it explains it, and says more. */
        for (LockRole role = LOCK_STORAGE_MEMBER; role < _LOCK_ROLE_MAX; role++) {
                DriveFacts *f = facts("WD-1", "x", 0, 10000 + role);

                f->lock.role = role;
                assert(poll_drive_update(d, f, false, false, now++) == 0);
                assert(d->facts->lock.role == role && !d->facts->lock.detail);
        }
}

int main(void)
{
        test_news();
        test_other_drive();
        test_writes();
        return 0;
}
