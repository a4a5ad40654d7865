/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "basic/string-table.h"

/* The states of everything. Names in comments are the string forms, the same on the bus, in JSON, in SQL and in the log. */

typedef enum HostState {
        HOST_NEW,         /* new: never heard from */
        HOST_UNCONFIRMED, /* unconfirmed: its key was seen, nobody accepted it yet; nothing runs there */
        HOST_ONLINE,      /* online */
        HOST_STALE,       /* stale: not heard from for stale_threshold */
        HOST_KEY_CHANGED, /* key-changed: another key than the accepted one; everything there stops */
        HOST_AUTH,        /* auth: its API refuses our key */
        _HOST_STATE_MAX,
        _HOST_STATE_INVALID = -EINVAL,
} HostState;
DECLARE_STRING_TABLE(host_state, HostState);

/* What uses a drive, weakest first: where several apply, the strongest is shown. */
typedef enum LockRole {
        LOCK_NONE,         /* none: free */
        LOCK_UNCLASSIFIED, /* unclassified: detection never succeeded for this drive, which counts as locked */
        LOCK_EXISTING_DATA,  /* existing-data: a partition table or any other signature */
        LOCK_EXPORTED_POOL,  /* exported-pool: zfs_member in no active pool */
        LOCK_STORAGE_MEMBER, /* storage-member: LVM, md, LUKS/dm, multipath, bcache, Ceph, DRBD */
        LOCK_MOUNTED,        /* mounted: filesystem or swap */
        LOCK_ACTIVE_POOL,    /* active-pool */
        LOCK_BOOT_POOL,      /* boot-pool */
        LOCK_IN_USE,         /* in-use: open in a process, or its I/O counters move; cannot be unlocked */
        LOCK_REMNANT,        /* remnant: a burn-in process that could not be proven gone */
        _LOCK_ROLE_MAX,
        _LOCK_ROLE_INVALID = -EINVAL,
} LockRole;
DECLARE_STRING_TABLE(lock_role, LockRole);

/* What reads all of a drive at the moment, for the pool, array or file system that it is a part of: nothing is started over that. */
typedef enum StorageActivity {
        STORAGE_IDLE,     /* idle: also where it is not known */
        STORAGE_SCRUB,    /* scrub: of a ZFS pool, or a btrfs */
        STORAGE_RESILVER, /* resilver: of a ZFS pool */
        STORAGE_CHECK,    /* check: of an md array, as all that follow, but for the last */
        STORAGE_REPAIR,   /* repair */
        STORAGE_RESYNC,   /* resync */
        STORAGE_RECOVERY, /* recovery */
        STORAGE_RESHAPE,  /* reshape */
        STORAGE_REPLACE,  /* replace: of a device in a btrfs */
        _STORAGE_ACTIVITY_MAX,
        _STORAGE_ACTIVITY_INVALID = -EINVAL,
} StorageActivity;
DECLARE_STRING_TABLE(storage_activity, StorageActivity);

typedef enum SmartHealth {
        SMART_HEALTH_UNKNOWN, /* unknown: not read, not supported, asleep */
        SMART_HEALTH_PASSED,  /* passed */
        SMART_HEALTH_FAILED,  /* failed */
        _SMART_HEALTH_MAX,
        _SMART_HEALTH_INVALID = -EINVAL,
} SmartHealth;
DECLARE_STRING_TABLE(smart_health, SmartHealth);

typedef enum JobState {
        JOB_QUEUED,   /* queued */
        JOB_RUNNING,  /* running */
        JOB_PAUSED,   /* paused: by an operator, before or after its start */
        JOB_STOPPING, /* stopping: a cancel was stored, the remote process is not proven gone yet */
        JOB_DONE,     /* done: see the verdict */
        _JOB_STATE_MAX,
        _JOB_STATE_INVALID = -EINVAL,
} JobState;
DECLARE_STRING_TABLE(job_state, JobState);

typedef enum StageState {
        STAGE_PENDING,  /* pending */
        STAGE_STARTING, /* starting: stored, its worker is not in its scope yet */
        STAGE_RUNNING,  /* running */
        STAGE_STOPPING, /* stopping */
        STAGE_DONE,     /* done */
        _STAGE_STATE_MAX,
        _STAGE_STATE_INVALID = -EINVAL,
} StageState;
DECLARE_STRING_TABLE(stage_state, StageState);

typedef enum StageKind {
        STAGE_PRECHECK,         /* precheck */
        STAGE_SHORT_SMART,      /* short_smart: the drive's own short self-test */
        STAGE_LONG_SMART,       /* long_smart: its long (extended) one */
        STAGE_SURFACE_VALIDATE, /* surface_validate */
        STAGE_NVME_FORMAT,      /* nvme_format: an NVMe drive erases itself, by Format NVM */
        STAGE_NVME_SANITIZE,    /* nvme_sanitize: ... by Sanitize */
        STAGE_FINAL_CHECK,      /* final_check */
        _STAGE_KIND_MAX,
        _STAGE_KIND_INVALID = -EINVAL,
} StageKind;
DECLARE_STRING_TABLE(stage_kind, StageKind);
/* Nothing that was on the drive before can be counted on after it. */
bool stage_kind_is_destructive(StageKind kind);

/* What an account of the web page may do; polkit/50-burnin-web.rules says what that is. */
typedef enum Role {
        ROLE_VIEWER,   /* viewer: sees */
        ROLE_OPERATOR, /* operator: also tests drives */
        ROLE_ADMIN,    /* admin: everything */
        _ROLE_MAX,
        _ROLE_INVALID = -EINVAL,
} Role;
DECLARE_STRING_TABLE(role, Role);

/* How a stage or a job ended, and how one line of evidence was judged. Ordered by weight: of several, the highest counts. */
typedef enum Verdict {
        VERDICT_NONE,         /* "": not ended */
        VERDICT_SKIPPED,      /* skipped: stages only, never reached */
        VERDICT_PASSED,       /* passed: positive evidence for every planned step */
        VERDICT_INCONCLUSIVE, /* inconclusive: nobody can say */
        VERDICT_FAILED,       /* failed: the drive's fault */
        VERDICT_CANCELLED,    /* cancelled: a person's wish */
        _VERDICT_MAX,
        _VERDICT_INVALID = -EINVAL,
} Verdict;
DECLARE_STRING_TABLE(verdict, Verdict);

/* How much an event matters, least first. */
typedef enum Severity {
        SEVERITY_INFO,    /* info: as it should be */
        SEVERITY_WARNING, /* warning: somebody should look */
        SEVERITY_ERROR,   /* error: a drive or a host has failed */
        _SEVERITY_MAX,
        _SEVERITY_INVALID = -EINVAL,
} Severity;
DECLARE_STRING_TABLE(severity, Severity);

/* What a notifier speaks to. */
typedef enum NotifierKind {
        NOTIFIER_MAIL,    /* mail: addresses, by the mail server of the settings */
        NOTIFIER_WEBHOOK, /* webhook: an URL that takes the event as JSON, signed where there is a secret */
        NOTIFIER_NTFY,    /* ntfy: the URL of a topic */
        NOTIFIER_SLACK,   /* slack: an incoming webhook */
        NOTIFIER_DISCORD, /* discord: a webhook of a channel */
        NOTIFIER_GOTIFY,  /* gotify: the URL of a server; the secret is the token of an application */
        NOTIFIER_N8N,     /* n8n: a webhook that starts a workflow */
        _NOTIFIER_KIND_MAX,
        _NOTIFIER_KIND_INVALID = -EINVAL,
} NotifierKind;
DECLARE_STRING_TABLE(notifier_kind, NotifierKind);

typedef enum DeliveryState {
        DELIVERY_PENDING,   /* pending: it is tried, or tried again, when its time comes */
        DELIVERY_DELIVERED, /* delivered: the other side has taken it */
        DELIVERY_DEAD,      /* dead: given up; it can be tried again by hand */
        _DELIVERY_STATE_MAX,
        _DELIVERY_STATE_INVALID = -EINVAL,
} DeliveryState;
DECLARE_STRING_TABLE(delivery_state, DeliveryState);

/* How one attempt to deliver has ended. */
typedef enum DeliveryResult {
        DELIVERY_TAKEN,   /* taken: the other side has it */
        DELIVERY_REFUSED, /* refused: the other side is well, and does not want this one */
        DELIVERY_FAILED,  /* failed: nobody can say, or the other side is not well */
        _DELIVERY_RESULT_MAX,
        _DELIVERY_RESULT_INVALID = -EINVAL,
} DeliveryResult;
DECLARE_STRING_TABLE(delivery_result, DeliveryResult);

/* How mail is handed over. */
typedef enum SmtpMode {
        SMTP_STARTTLS, /* starttls: port 587, TLS asked for, and needed, before anything else is said */
        SMTP_SSL,      /* ssl: port 465, TLS from the first byte */
        SMTP_PLAIN,    /* plain: port 25, no TLS: everything can be read on the way, a password too */
        _SMTP_MODE_MAX,
        _SMTP_MODE_INVALID = -EINVAL,
} SmtpMode;
DECLARE_STRING_TABLE(smtp_mode, SmtpMode);
