/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/manager.h"
#include "shared/json-util.h"

/* What people and programs elsewhere are told of. An event is stored with the change that it tells of, in one transaction, for
 * each notifier that takes it; it is told on the bus, and sent, once that is committed. So there is none of a change that did not
 * happen, and whatever happens to burnind afterwards, each target hears of each change at least once. */

typedef enum EventKind {
        EVENT_JOB_QUEUED,
        EVENT_JOB_STARTED,
        EVENT_JOB_PAUSED,
        EVENT_JOB_RESUMED,
        EVENT_JOB_STALLED,
        EVENT_JOB_PASSED,
        EVENT_JOB_FAILED,
        EVENT_JOB_INCONCLUSIVE,
        EVENT_JOB_CANCELLED,
        EVENT_DRIVE_FAILED_HEALTH,
        EVENT_DRIVE_LOCKED,
        EVENT_DRIVE_UNLOCKED,
        EVENT_DRIVE_MISSING,
        EVENT_DRIVE_HOT,
        EVENT_HOST_LOST,
        EVENT_HOST_BACK,
        EVENT_HOST_KEY_CHANGED,
        EVENT_BACKUP_FAILED,
        EVENT_DAILY_REPORT,
        _EVENT_KIND_MAX,
        _EVENT_KIND_INVALID = -EINVAL,
} EventKind;
DECLARE_STRING_TABLE(event_kind, EventKind);

Severity event_severity(EventKind kind);
/* Of the journal entry that tells the same. */
const char *event_message_id(EventKind kind);

/* What happened to a job between these two states; negative: nothing that is told. */
EventKind event_of_job(JobState before, JobState now, Verdict verdict);

struct Event {
        EventRecord record;
        EventKind kind;
        char *host, *drive, *text;
        uint64_t job;
        Event *prev, *next;
};

/* In the transaction that the caller has open, or in one of its own. text: a sentence or two, for people. On failure it is as if it
 * had not been called, and the transaction takes nothing more. */
int event_add_job(Manager *m, EventKind kind, const JobRecord *job, const char *text);
int event_add_drive(Manager *m, EventKind kind, const DriveRecord *drive, const char *text);
int event_add_host(Manager *m, EventKind kind, const HostRecord *host, const char *text);
/* Of burnind itself, on this machine. */
int event_add_own(Manager *m, EventKind kind, const char *text);
/* report: as daemon/daily.h makes it; it goes along, shortened to what an event can carry. */
int event_add_daily(Manager *m, struct json_object *report, const char *text);
/* The body of such an event, which is neither stored nor told. Owner: the caller. */
int event_word_daily(struct json_object *report, const char *text, char **ret);

int events_start(Manager *m);
void events_done(Manager *m);
