/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "shared/facts.h"

/* The only code that knows SQLite; only burnind opens the file. One connection, one thread.
 *
 * WAL; every write is BEGIN IMMEDIATE ... COMMIT with synchronous=FULL, so that what was committed survives a power cut:
 * verdicts, cancels, run ids, accepted keys. What will be told again, progress and what a host shows, is committed with
 * synchronous=NORMAL (store_begin_relaxed()): after a power cut it is as it was some time before, nothing is torn, and whatever was
 * committed before a write of the first kind is there with it. Calls return 0 (or a documented positive), or -errno: -EIO, -ENOSPC,
 * -EBUSY, -ENOMEM, -EUCLEAN (corrupt), -EEXIST (unique key), -ENOENT (the row it refers to is missing), -EINVAL (a value that
 * the schema refuses), -E2BIG. After a failure nothing of the transaction is kept: until it is ended, further writes in it
 * return the same error, and so does its commit. Numbers over INT64_MAX come back as UINT64_MAX; percents are clamped.
 *
 * Records own their strings; x_record_done() frees the contents. Writers copy what they are given. */

typedef struct Store Store;

/* Opens or creates; brings an older schema up to date in one transaction, after a backup beside the file
 * (PATH.schema-N.backup). -ENOTSUP: the file was written by a newer burnind; -EUCLEAN: it is corrupt, or no database of ours.
 * ret_upgraded_from: the schema it had; -1 where it is new or was up to date. */
int store_open(const char *path, Store **ret, int *ret_upgraded_from);
Store *store_close(Store *s);
DEFINE_TRIVIAL_CLEANUP_FUNC(Store *, store_close);

/* Several writes as one: begin, then commit; anything else is rolled back by the cleanup. They do not nest. Reads within see
 * what was written. */
int store_begin(Store *s);
int store_begin_relaxed(Store *s); /* the commit waits for no disk (see the top) */
int store_commit(Store *s);
void store_rollback(Store *s);
static inline void store_rollbackp(Store **s)
{
        if (*s)
                store_rollback(*s);
}

/* The same for who may be called within another's transaction, and around each write: joins it, or begins one. store_leave() takes the
 * result of what was between the two, and returns that of it all. Where a part has failed, the whole is rolled back, and what
 * would still be written in it is refused with that error, its commit too. */
int store_join(Store *s, bool *ret_own);
int store_leave(Store *s, bool own, int r);
/* Called at the end of each transaction, also of one that is a single write: whether it was committed. It must not call the store. */
void store_watch(Store *s, void (*ended)(bool committed, void *userdata), void *userdata);

/* Free space, integrity: what burnind's Health says. 0, or why the database cannot be written. */
int store_check(Store *s);
/* Of all that is in it, in bytes: some of it may be in its log yet. */
int store_size(Store *s, uint64_t *ret);

/* The same write would be refused for ever: it is what was to be written, not the disk. */
bool store_is_refusal(int r);

typedef struct HostRecord {
        char *name, *address, *user, *kind, *notes;
        char *host_key, *host_key_sha256; /* accepted; NULL: none */
        char *api_url, *api_pin;          /* of kind truenas; NULL: none */
        bool api_verify;
        bool lost; /* it was told that it does not answer, and not yet that it does again */
        uint16_t port;
        uint64_t added_usec, last_seen_usec;
} HostRecord;

typedef struct DriveRecord {
        char *id;   /* drive_identity_key() */
        char *host; /* where it is, or was last; NULL: its host was removed */
        char *kname, *by_id, *bay, *transport;
        DriveIdentity identity;
        bool rotational;
        DriveLock lock; /* last classified; LOCK_UNCLASSIFIED: never */
        char *location, *notes;
        char *smart;      /* JSON SmartReading, or NULL */
        char *self_tests; /* JSON, how its last self-tests ended (daemon/self-test.h), or NULL */
        uint64_t smart_usec, first_seen_usec, last_seen_usec;
} DriveRecord;

/* What one SMART reading said of a drive. */
typedef struct ReadingRecord {
        char *drive;
        uint64_t time_usec;
        int32_t temperature_mdegc;
        SmartHealth health;
        bool changed; /* its health or a counter is not that of the reading before */
        char *smart;  /* JSON: the counters, and the raw values of the attributes by their ids */
} ReadingRecord;

typedef struct JobRecord {
        uint64_t id; /* 0: not stored yet */
        char *kind, *profile;
        char *drive, *host, *kname, *serial, *model; /* where and what it was at submission */
        char *identity;                              /* JSON DriveIdentity confirmed at submission */
        char *content; /* content fingerprint confirmed at submission; NULL: not taken yet */
        JobState state;
        Verdict verdict;
        char *reason;
        char *operator, * note;
        char *request; /* idempotency key, or NULL */
        char *cancelled_by;
        int32_t priority;
        uint64_t not_before_usec; /* it waits in the queue until then; 0: it does not */
        char *calendar;           /* the expression not_before_usec came from, or NULL */
        uint64_t paused_usec;     /* since when it is paused, or was when it was cancelled; 0: it is not */
        char *paused_by, *paused_reason; /* NULL unless paused; the words are the person's own */
        uint64_t pauses_usec; /* of the time since it started: how much it was paused, until the last resume */
        double percent;
        uint64_t created_usec, started_usec, finished_usec;
} JobRecord;

typedef struct PhaseRecord {
        uint32_t number;
        char *name;
        uint64_t started_usec;
} PhaseRecord;

typedef struct StageRecord {
        uint64_t job;
        uint32_t index;
        StageKind kind;
        StageState state;
        Verdict verdict;
        char *reason;
        uint32_t attempt;
        char *run;         /* 32 hex digits; stored before it starts */
        bool run_sent;     /* a worker was let through the gate with this run: it may exist on the host */
        char *settings;    /* JSON: what this stage was started with */
        uint64_t last_seq; /* of the worker's messages, for the current attempt */
        double percent, phase_percent;
        uint32_t phase, phases;
        char *phase_name;
        uint64_t bytes_per_second, bad_blocks, work_bytes, eta_usec;
        int32_t temperature_mdegc;
        uint64_t started_usec, finished_usec;
        char *report; /* JSON StageReport once done */
} StageRecord;

/* What a job was allowed to destroy although its drive was locked. */
typedef struct GrantRecord {
        uint64_t job;
        char *id, *drive, *host;
        DriveLock lock; /* as it was granted; nothing else is covered */
        bool release;   /* the run itself may end the use of the drive, by the tools' own commands */
        char *operator; /* who unlocked it */
        uint32_t operator_uid;
        char *reason;
        uint64_t granted_usec;
} GrantRecord;

/* A run on a host that nobody could prove gone. Its drive stays locked. */
typedef struct RemnantRecord {
        char *run, *drive, *host;
        uint64_t job, since_usec;
} RemnantRecord;

/* A setting that was changed while burnind ran. */
typedef struct SettingRecord {
        char *name, *value;
} SettingRecord;

typedef struct AccountRecord {
        char *name;
        Role role;
        char *password_hash;
        uint64_t created_usec, password_usec, login_usec; /* login_usec 0: never */
} AccountRecord;

typedef struct SessionRecord {
        uint64_t id;
        char *token_sha256;
        char *account;
        char *address; /* of the login; "": not known */
        uint64_t created_usec, seen_usec;
} SessionRecord;

/* Failed logins in a row (daemon/lockout.h). */
typedef struct LockoutRecord {
        char *subject;
        uint32_t failures;
        uint64_t last_usec, until_usec; /* until_usec 0: it is not locked */
} LockoutRecord;

/* What the last nightly run did. */
typedef struct NightlyRecord {
        uint32_t one; /* the key; the store sets it */
        uint64_t started_usec, duration_usec;
        uint64_t readings, jobs; /* how many readings went, and of how many jobs the files */
        uint64_t jobs_for_size;  /* of these, since those of all took too much */
        uint64_t log_bytes;      /* what the others took then; 0: there was no bound */
        char *error;             /* NULL: nothing went wrong */
} NightlyRecord;
/* Who is told of events (daemon/notifier.h); the built-in ones are no records. */
typedef struct NotifierRecord {
        char *name;
        NotifierKind kind;
        bool enabled;
        char *target;         /* addresses, or an URL without what is secret in it */
        char *events, *hosts; /* words, with spaces between them; "": all */
        Severity severity;    /* the least that it takes */
        uint64_t added_usec;
} NotifierRecord;

typedef struct EventRecord {
        char *id; /* 32 hex digits */
        char *kind;
        uint64_t time_usec;
        char *body; /* JSON: all that is told */
} EventRecord;

/* One event for one notifier. */
typedef struct DeliveryRecord {
        uint64_t id;
        char *event, *notifier;
        DeliveryState state;
        uint32_t attempts;
        uint64_t queued_usec; /* since when it waits */
        uint64_t next_usec;   /* pending: when it is tried; else: since when it is not any more */
        char *error;          /* of the last attempt */
} DeliveryRecord;

typedef struct AuditRecord {
        uint64_t id, time_usec;
        char *actor; /* person: Unix user or account */
        uint32_t actor_uid;
        char *action;  /* polkit action, or "several" where the row stands for many calls */
        char *object;  /* "host nas1", "drive wwn-0x...", "job 42" */
        char *outcome; /* "ok", "denied", "refused", error name */
        char *detail;
} AuditRecord;

void host_record_done(HostRecord *r);
void drive_record_done(DriveRecord *r);
void reading_record_done(ReadingRecord *r);
void job_record_done(JobRecord *r);
void phase_record_done(PhaseRecord *r);
void stage_record_done(StageRecord *r);
void grant_record_done(GrantRecord *r);
void remnant_record_done(RemnantRecord *r);
void setting_record_done(SettingRecord *r);
void account_record_done(AccountRecord *r);
void session_record_done(SessionRecord *r);
void lockout_record_done(LockoutRecord *r);
void nightly_record_done(NightlyRecord *r);
void notifier_record_done(NotifierRecord *r);
void event_record_done(EventRecord *r);
void delivery_record_done(DeliveryRecord *r);
void audit_record_done(AuditRecord *r);

/* Readers call back once per row; a negative return of the callback ends the listing and is handed up. The record belongs to
 * the store, except what the callback takes with TAKE_PTR. */

int store_host_put(Store *s, const HostRecord *r); /* insert or update, by name */
int store_host_del(Store *s, const char *name); /* 1; 0: there was none. Its drives stay, without a host. */
int store_host_list(Store *s, int (*callback)(HostRecord *r, void *userdata), void *userdata);

int store_drive_put(Store *s, const DriveRecord *r); /* insert or update, by id */
int store_drive_del(Store *s,
                    const char *id); /* 1; 0: there was none. Its readings go with it, its jobs stay. */
int store_drive_list(Store *s, int (*callback)(DriveRecord *r, void *userdata), void *userdata);

/* So long every reading of a drive is kept; of older ones all that changed, and the first of a day; and at most so many in all. */
#define READINGS_ALL_USEC   (30 * USEC_PER_DAY)
#define READINGS_DAILY_USEC (5 * 365 * USEC_PER_DAY)
#define READINGS_MAX        5000U
int store_reading_put(Store *s, const ReadingRecord *r); /* -ENOENT: its drive is not stored */
/* Those of one drive that have aged since the last time that this was done, to its end (0: never): how many went. */
int store_reading_thin(Store *s, const char *drive, uint64_t last, uint64_t now);
typedef struct ReadingFilter {
        const char *drive;
        uint64_t since_usec, until_usec; /* until_usec 0: to the last */
        uint32_t offset, limit;          /* limit 0: all */
} ReadingFilter;
int store_reading_list(Store *s, const ReadingFilter *f, int (*callback)(ReadingRecord *r, void *userdata),
                       void *userdata, uint64_t *ret_total); /* newest first */

/* id 0: inserts and sets it (reset it where the transaction around is not committed). Ids are never used again. -EEXIST: the
 * drive has another active job, or the request was for this drive before. */
int store_job_put(Store *s, JobRecord *r);
int store_job_get(Store *s, uint64_t id, JobRecord *ret); /* -ENOENT; -EUCLEAN: its row cannot be read */
/* Those that are not done, the oldest first: id and drive alone, which can be read where all else cannot. */
int store_job_list_active(Store *s, int (*callback)(JobRecord *r, void *userdata), void *userdata);
typedef struct JobFilter {
        const char *host, *drive, *request, *kind, *model, *profile; /* NULL: any */
        JobState state;                                              /* negative: any */
        Verdict verdict;                                             /* negative: any */
        uint32_t phases;                                             /* of its surface stage; 0: any */
        uint64_t finished_usec; /* only jobs that have ended then or later, the last one first; 0: any */
        bool active;            /* only jobs that are not done; oldest first */
        bool latest;            /* of each drive there is only the last burn-in that has ended */
        uint32_t offset, limit; /* limit 0: all */
} JobFilter;
/* Without rows that cannot be read, which are counted. */
int store_job_list(Store *s, const JobFilter *f, int (*callback)(JobRecord *r, void *userdata),
                   void *userdata, uint64_t *ret_total);

/* Burn-ins that were queued on that day or later, or in that month or later, counted: of each model ("model"), each day or month in UTC
 * ("day", "month"; jobs: queued, the others: ended), and each kind of stage by which jobs failed or were inconclusive ("stage"). */
typedef struct JobStatistics {
        const char *part, *name;
        uint64_t passed, failed, inconclusive, cancelled, jobs;
        double hours, terabytes; /* of whole surfaces that passed, of a model */
} JobStatistics;
/* Days and months by name, the others by jobs. The callback must not call the store. */
int store_job_statistics(Store *s, uint64_t since_usec, bool by_month,
                         int (*callback)(const JobStatistics *r, void *userdata), void *userdata);

int store_stage_put(Store *s, const StageRecord *r); /* insert or update, by (job, index) */
/* -EUCLEAN: one of them cannot be read. */
int store_stage_list(Store *s, uint64_t job, int (*callback)(StageRecord *r, void *userdata),
                     void *userdata);
/* job, index and kind alone, of those that can be read. */
int store_stage_list_names(Store *s, uint64_t job, int (*callback)(StageRecord *r, void *userdata),
                           void *userdata);
/* Progress columns (and last_seq) of many stages, and of their jobs, in one relaxed transaction. What is done in the store stays as
 * it is. */
int store_progress(Store *s, const StageRecord *const *stages, size_t n_stages, const JobRecord *const *jobs,
                   size_t n_jobs);
/* Keeps the first start time of a phase that is entered again. */
int store_phase_put(Store *s, uint64_t job, uint32_t stage, const PhaseRecord *r);
int store_phase_list(Store *s, uint64_t job, uint32_t stage, int (*callback)(PhaseRecord *r, void *userdata),
                     void *userdata);

/* The median speed of the first phase of the last drives of this model, but this one; 0: fewer than three are known. */
int store_sibling_speed(Store *s, const char *model, const char *drive, uint64_t *ret);

int store_grant_put(Store *s, const GrantRecord *r); /* -EEXIST: the grant served another job before */
/* 1; 0: that job has none; -EUCLEAN: what it has cannot be read. */
int store_grant_get(Store *s, uint64_t job, GrantRecord *ret);

int store_remnant_put(Store *s, const RemnantRecord *r);
int store_remnant_del(Store *s, const char *run); /* 1; 0: there was none */
int store_remnant_list(Store *s, int (*callback)(RemnantRecord *r, void *userdata), void *userdata);

int store_setting_put(Store *s, const SettingRecord *r); /* insert or update, by name */
int store_setting_del(Store *s, const char *name);       /* 1; 0: there was none */
int store_setting_list(Store *s, int (*callback)(SettingRecord *r, void *userdata), void *userdata);

int store_account_put(Store *s, const AccountRecord *r);
int store_account_get(Store *s, const char *name, AccountRecord *ret); /* 1; 0: there is none */
int store_account_del(Store *s, const char *name);                     /* 1; 0; its sessions go with it */
int store_account_list(Store *s, int (*callback)(AccountRecord *r, void *userdata), void *userdata);
int store_account_count(Store *s, uint64_t *ret);
/* Other admins than this one. */
int store_account_count_admins(Store *s, const char *but, uint64_t *ret);

int store_session_add(Store *s, const SessionRecord *r, uint64_t *ret_id);
int store_session_get(Store *s, uint64_t id, SessionRecord *ret);                 /* 1; 0: there is none */
int store_session_get_by_token(Store *s, const char *sha256, SessionRecord *ret); /* 1; 0 */
int store_session_seen(Store *s, uint64_t id, uint64_t seen_usec);
int store_session_del(Store *s, uint64_t id);
/* All of an account but the one with this id (0: all), and but the n that were seen last. */
int store_session_del_of(Store *s, const char *account, uint64_t but, uint32_t n);
/* Those made before the one time, or last seen before the other. */
int store_session_expire(Store *s, uint64_t created_usec, uint64_t seen_usec);
/* account NULL: all. The newest first. */
int store_session_list(Store *s, const char *account, int (*callback)(SessionRecord *r, void *userdata),
                       void *userdata);

int store_lockout_put(Store *s, const LockoutRecord *r);
int store_lockout_get(Store *s, const char *subject, LockoutRecord *ret); /* 1; 0: there is none */
int store_lockout_del(Store *s, const char *subject);                     /* 1; 0: there was none */
/* Forgets those whose last failure was before that, and of the rest all but the n newest. */
int store_lockout_trim(Store *s, uint64_t last_usec, uint32_t n);

int store_nightly_put(Store *s, const NightlyRecord *r);
int store_nightly_get(Store *s, NightlyRecord *ret);       /* 1; 0: there was none yet */
int store_notifier_put(Store *s, const NotifierRecord *r); /* insert or update, by name */
int store_notifier_del(Store *s, const char *name); /* 1; 0: there was none. Its deliveries go with it */
int store_notifier_list(Store *s, int (*callback)(NotifierRecord *r, void *userdata), void *userdata);

/* The event, and a delivery of it for each of these, due at once. Without any of them nothing is stored. */
int store_event_add(Store *s, const EventRecord *r, char *const *notifiers);
int store_event_get(Store *s, const char *id, EventRecord *ret); /* 1; 0: there is none */
/* When the last one of this kind was: 1; 0: there is none. */
int store_event_last(Store *s, const char *kind, uint64_t *ret_usec);
/* Forgets events from before that time for which nothing waits, so many at most, with their deliveries. */
int store_event_trim(Store *s, uint64_t before_usec, uint32_t max, uint32_t *ret_n);

int store_delivery_put(Store *s, const DeliveryRecord *r);          /* -ENOENT: it is gone */
int store_delivery_get(Store *s, uint64_t id, DeliveryRecord *ret); /* 1; 0: there is none */
/* What is to be tried next for this notifier: 1; 0: nothing waits. */
int store_delivery_next(Store *s, const char *notifier, DeliveryRecord *ret);
/* All that are dead of this notifier (NULL: of all) wait again, as if they were new. */
int store_delivery_retry(Store *s, const char *notifier, uint64_t now_usec, uint32_t *ret_n);
typedef struct DeliveryFilter {
        const char *notifier;   /* NULL: any */
        DeliveryState state;    /* negative: any */
        uint32_t offset, limit; /* limit 0: all */
} DeliveryFilter;
int store_delivery_list(Store *s, const DeliveryFilter *f,
                        int (*callback)(DeliveryRecord *r, void *userdata), void *userdata,
                        uint64_t *ret_total); /* newest first */

int store_audit_add(Store *s, const AuditRecord *r); /* id is ignored */
/* Newest first. text: only those with it in actor, action, object, outcome or detail, whatever the case of ASCII letters; NULL: all. */
int store_audit_list(Store *s, const char *text, uint32_t offset, uint32_t limit,
                     int (*callback)(AuditRecord *r, void *userdata), void *userdata, uint64_t *ret_total);
/* What went through of one action since then; newest first. */
int store_audit_list_done(Store *s, const char *action, uint64_t since_usec, uint32_t limit,
                          int (*callback)(AuditRecord *r, void *userdata), void *userdata,
                          uint64_t *ret_total);
