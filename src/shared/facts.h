/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "shared/enums.h"
#include "shared/json-util.h"

/* What is known of a host and its drives. Written by parse/facts.c from what the host printed, sent by the poller to
 * burnind as JSON (the same keys as the field names), kept by burnind. Sizes in bytes, temperatures in thousandths of a
 * degree Celsius, times in microseconds of CLOCK_REALTIME of the machine that runs burnin. Strings are clean (valid
 * UTF-8, no control characters) and bounded; NULL is 'not known'. */

/* Identity: every fact the drive itself gives. A drive is its identity, never its kernel name. */
typedef struct DriveIdentity {
        char *wwn; /* "0x5000c500a0000001" or "eui.0025...", lower case; NULL for none or an all-zero one */
        char *serial; /* as the drive reports it (smartctl), not a bridge in front of it */
        char *model;
        uint64_t size_bytes;
        /* One opaque line that the host computes from sysfs for a block device number (remote-run.sh, ident()): compared
         * as it stands between poll, precheck, and the open descriptor that is about to be written to. */
        char *fingerprint;
} DriveIdentity;

typedef struct DriveLock {
        LockRole role;
        char *pool; /* ZFS: the pool's name */
        char *guid; /* ZFS: its guid, where known */
        /* What reads all of it by itself at the last reading, and for what: "pool tank", "md array md0". No part of what the
         * lock is, and not stored. */
        StorageActivity activity;
        char *activity_of; /* NULL: none */
        bool used; /* something has it at this moment: imported, mounted, held; else it only carries somebody's signature */
        char *detail; /* for people: "mounted at /mnt/data", "member of LVM volume group vg0", "open in qemu (pid 812)" */
} DriveLock;

typedef struct DriveFacts {
        char *kname; /* "sda"; only a hint where the drive was last */
        char *by_id; /* "/dev/disk/by-id/..." */
        char *bay; /* where the host's hardware says it is: "0x50030480... Slot 03" (SES), else its name in by-path */
        char *transport; /* "sata", "sas", "nvme", "usb", "virtio", "loop", ... */
        DriveIdentity identity;
        bool rotational;
        uint32_t logical_block_size, physical_block_size;
        int32_t temperature_mdegc; /* MDEGC_UNKNOWN */
        SmartHealth health;
        uint64_t smart_usec;                /* when health and the smart object were read; 0: never */
        uint64_t read_bytes, written_bytes; /* I/O counters since boot; not sent to burnind */
        DriveLock lock;
        struct json_object *smart; /* the last SmartReading (parse/smartctl.h) as JSON, or NULL; owned */
} DriveFacts;

typedef struct HostFacts {
        char *boot_id;
        char *os; /* "Linux 6.1.0-18-amd64" */
        uint64_t uptime_usec;
        /* NULL: every lock detector worked. Else what failed, in words: then no lock state of this reading may open a
         * drive that was locked before. */
        char *detection_error;
        /* Tools the host lacks: "badblocks (e2fsprogs)", "smartctl (smartmontools)", separated by ", "; NULL: none missing. */
        char *missing_tools;
        /* Ids of burn-in runs whose process is alive on the host. */
        char **live_runs;
        DriveFacts **drives;
        size_t n_drives;
} HostFacts;

void drive_identity_done(DriveIdentity *i);
int drive_identity_copy(const DriveIdentity *i, DriveIdentity *ret);
/* All facts that both sides know must be equal, and at least a WWN or a serial must be known to both. */
bool drive_identity_equal(const DriveIdentity *a, const DriveIdentity *b);
/* The key of the drive's row: "wwn-0x5000c500a0000001", else "MODEL_SERIAL" with anything but [A-Za-z0-9.:-] as '_'; NULL
 * (0) where the drive gives neither. At most 128 characters. 1 when set. */
int drive_identity_key(const DriveIdentity *i, char **ret);
struct json_object *drive_identity_to_json(const DriveIdentity *i);
int drive_identity_from_json(struct json_object *o, DriveIdentity *ret);

void drive_lock_done(DriveLock *l);
int drive_lock_copy(const DriveLock *l, DriveLock *ret);
/* Role, pool, guid, and whether it is used: what a grant is bound to. The words of detail may differ. */
bool drive_lock_equal(const DriveLock *a, const DriveLock *b);
/* Also the words, and what goes on there. */
bool drive_lock_looks_equal(const DriveLock *a, const DriveLock *b);
/* Whether what was granted is what is there now: the very same lock. With leave to release it also the same pool after its export,
 * which its guid proves: the first of several runs has exported it for all of them. */
bool drive_lock_is_covered(const DriveLock *granted, bool release, const DriveLock *now);
/* The command that lets a used drive go on its host, for people; "" where none does, or none is needed. */
int drive_lock_release_command(const DriveLock *l, char **ret);
/* The form of a ZFS pool's name, in which it may reach a command line. */
bool pool_name_is_valid(const char *s);
/* What must be typed to unlock: the pool's name, "DESTROY EXISTING DATA", ...; NULL where nothing can. */
const char *drive_lock_token(const DriveLock *l);

struct json_object *drive_lock_to_json(const DriveLock *l);
/* Checks every field; -EBADMSG. */
int drive_lock_from_json(struct json_object *o, DriveLock *ret);

DriveFacts *drive_facts_free(DriveFacts *f);
struct json_object *drive_facts_to_json(const DriveFacts *f);
/* Checks every field: kname is a plain device name, enums are known, strings are clean and bounded. -EBADMSG. */
int drive_facts_from_json(struct json_object *o, DriveFacts **ret);
/* Everything but temperature and the time of the SMART reading. */
bool drive_facts_equal(const DriveFacts *a, const DriveFacts *b);

HostFacts *host_facts_free(HostFacts *f);

/* [a-z][a-z0-9]*, with inner '-' or '_' allowed, at most 32 characters: the only form of device name that ever reaches a
 * command line. */
bool kname_is_valid(const char *s);
/* "ada0", "da1", "nvd0", "nda0": the host runs FreeBSD. */
bool kname_is_freebsd(const char *s);
/* A content fingerprint: of size, first and last MiB of a drive, as 64 hexadecimal digits. */
bool content_is_valid(const char *s);

DEFINE_TRIVIAL_CLEANUP_FUNC(DriveFacts *, drive_facts_free);
DEFINE_TRIVIAL_CLEANUP_FUNC(HostFacts *, host_facts_free);
