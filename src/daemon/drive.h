/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "basic/log.h"
#include "daemon/estimate.h"
#include "daemon/manager.h"
#include "daemon/self-test.h"

/* A drive is its identity, wherever it is: the row follows it over kernel names, hosts and years.
 *
 * INVARIANTS
 *  1. A present drive is in the by-kname table of exactly one host; a missing one in none.
 *  2. A drive that gives no identity of its own, or whose identity another present drive shows too, has a row of its own, named by
 *     where it is, and is never burned in.
 *  3. The lock of a drive only ever opens by a reading in which every detector worked. */

typedef enum IdentityState {
        IDENTITY_OK,     /* ok */
        IDENTITY_NONE,   /* none */
        IDENTITY_SHARED, /* shared */
        _IDENTITY_STATE_MAX,
        _IDENTITY_STATE_INVALID = -EINVAL,
} IdentityState;
DECLARE_STRING_TABLE(identity_state, IdentityState);

struct Drive {
        Manager *manager; /* weak */
        DriveRecord record;
        Host *host;     /* weak; NULL while missing */
        char *base_key; /* what its identity alone would name it; NULL: none */
        IdentityState identity_state;
        bool stale;
        uint64_t missing_usec; /* CLOCK_BOOTTIME of when it was last found missing; 0: never since burnind began */
        int32_t temperature_mdegc;
        SmartHealth health;
        DriveSelfTests self_tests;
        Job *job;                /* weak; its active job */
        uint64_t unreadable_job; /* one that nobody knows more of; 0: none */
        char *remnant;           /* id of a run that could not be proven gone; NULL: none */
        bool announced;          /* it is on the bus */
        const char *changed[24]; /* properties to be told by drive_emit_pending() */
        size_t n_changed;
        UT_hash_handle hh;       /* manager: by id */
        UT_hash_handle hh_kname; /* host: by kname */
};

int drive_new(Manager *m, DriveRecord *record, Drive **ret); /* takes the record over; links it */
Drive *drive_free(Drive *d);
Drive *drive_find(Manager *m, const char *id);
/* By id, serial, or "HOST:DEVNAME". -ENOENT; -EEXIST: several match. */
int drive_find_by_name(Manager *m, const char *name, Drive **ret);

/* Before drive_on_facts() is called for any drive of a reading: the drive in whose place this one is now leaves it, since it may have
 * another one by the same reading. NULL: the place was free, or the drive is the same. */
int drive_displace(Host *h, const DriveFacts *facts, Drive **ret);
/* One drive of a host's reading. The caller has a store transaction open, and calls
 * drive_emit_pending() for all drives of the reading after its commit. */
int drive_on_facts(Host *h, const DriveFacts *facts, bool detection_ok);
/* Its last reading no longer lists it. */
int drive_set_missing(Drive *d);
/* CLOCK_REALTIME: the last look at its host that had it; what is stored of a drive that is there is older. */
uint64_t drive_last_seen_usec(const Drive *d);
/* After a reading: of two drives that showed one identity, one has gone; the row that is left becomes the drive's own. */
int drive_resolve_shared(Manager *m, const char *base_key);
/* Sends what the last changes left to be told. */
void drive_emit_pending(Drive *d);
/* The drive is missing, and nothing here needs its row any more: 1; else 0 with the bus error's name and why, for people. */
int drive_check_forget(const Drive *d, const char **reterr_name, char **reterr_text);
/* Frees it. A drive that comes back is a new one. */
int drive_forget(Drive *d);
void drive_set_stale(Drive *d, bool stale);
void drive_set_remnant(Drive *d, const char *run);

/* The lock as everything else must see it: a remnant run counts. */
LockRole drive_lock_role(const Drive *d);
const char *drive_lock_detail(const Drive *d);
/* What must be typed, or "". */
const char *drive_unlock_token(const Drive *d);

/* It is too warm to start another test beside it: its own warning temperature where it has one, else that of its class. */
bool drive_is_hot(const Drive *d, int32_t *ret_warn_mdegc);

EstimateDrive drive_for_estimate(const Drive *d);

/* drive-bus.c */
int drive_bus_register(Manager *m);
int drive_bus_path_of(const char *id, char **ret);
void drive_emit_added(Drive *d);
void drive_emit_removed(Drive *d);
void drive_emit_changed(Drive *d, const char *const *properties);
extern const sd_bus_vtable drive_vtable[];

#define log_drive(d, level, message_id, ...)                                                                \
        log_full_errno(level, 0,                                                                            \
                       ((LogField[]){ { LOG_FIELD_DRIVE, (d)->record.id },                                  \
                                      { LOG_FIELD_DRIVE_SERIAL, (d)->record.identity.serial },              \
                                      { LOG_FIELD_DRIVE_MODEL, (d)->record.identity.model },                \
                                      { LOG_FIELD_HOST, (d)->record.host },                                 \
                                      { LOG_FIELD_MESSAGE_ID, message_id },                                 \
                                      {} }),                                                                \
                       __VA_ARGS__)

DEFINE_TRIVIAL_CLEANUP_FUNC(Drive *, drive_free);
