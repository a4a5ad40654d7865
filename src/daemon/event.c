/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <systemd/sd-id128.h>
#include <utlist.h>

#include "basic/string-util.h"
#include "basic/time-util.h"
#include "basic/strv.h"
#include "daemon/daily.h"
#include "daemon/event.h"
#include "daemon/notifier.h"
#include "daemon/outbox.h"
#include "shared/names.h"
#include "shared/notify-proto.h"
#include "shared/page-url.h"

/* What an event can carry of a day's report: the rest of a packet is for who sends it and where to. */
#define DAILY_EVENT_MAX (NOTIFY_PACKET_MAX - 32U * 1024U)

/* One line for each kind; its name is a public interface. */
static const struct {
        const char *name, *title, *message_id;
        Severity severity;
} kinds[_EVENT_KIND_MAX] = {
        [EVENT_JOB_QUEUED] = { "job_queued", "Queued", MESSAGE_JOB_QUEUED, SEVERITY_INFO },
        [EVENT_JOB_STARTED] = { "job_started", "Started", MESSAGE_JOB_STARTED, SEVERITY_INFO },
        [EVENT_JOB_PAUSED] = { "job_paused", "Paused", MESSAGE_JOB_PAUSED, SEVERITY_INFO },
        [EVENT_JOB_RESUMED] = { "job_resumed", "Resumed", MESSAGE_JOB_RESUMED, SEVERITY_INFO },
        [EVENT_JOB_STALLED] = { "job_stalled", "Stalled", MESSAGE_STALLED, SEVERITY_WARNING },
        [EVENT_JOB_PASSED] = { "job_passed", "Passed", MESSAGE_JOB_FINISHED, SEVERITY_INFO },
        [EVENT_JOB_FAILED] = { "job_failed", "Failed", MESSAGE_JOB_FINISHED, SEVERITY_ERROR },
        [EVENT_JOB_INCONCLUSIVE] = { "job_inconclusive", "Inconclusive", MESSAGE_JOB_FINISHED,
                                     SEVERITY_WARNING },
        [EVENT_JOB_CANCELLED] = { "job_cancelled", "Cancelled", MESSAGE_JOB_FINISHED, SEVERITY_INFO },
        [EVENT_DRIVE_FAILED_HEALTH] = { "drive_failed_health", "Failed health", MESSAGE_DRIVE_FAILED_HEALTH,
                                        SEVERITY_ERROR },
        [EVENT_DRIVE_LOCKED] = { "drive_locked", "Locked", MESSAGE_DRIVE_LOCKED, SEVERITY_INFO },
        [EVENT_DRIVE_UNLOCKED] = { "drive_unlocked", "Unlocked", MESSAGE_GRANT_GIVEN, SEVERITY_WARNING },
        [EVENT_DRIVE_MISSING] = { "drive_missing", "Missing", MESSAGE_DRIVE_MISSING, SEVERITY_WARNING },
        [EVENT_DRIVE_HOT] = { "drive_hot", "Too hot", MESSAGE_PAUSED, SEVERITY_WARNING },
        [EVENT_HOST_LOST] = { "host_lost", "Host lost", MESSAGE_HOST_LOST, SEVERITY_WARNING },
        [EVENT_HOST_BACK] = { "host_back", "Host back", MESSAGE_HOST_BACK, SEVERITY_INFO },
        [EVENT_HOST_KEY_CHANGED] = { "host_key_changed", "Host key changed", MESSAGE_HOST_KEY_CHANGED,
                                     SEVERITY_ERROR },
        [EVENT_BACKUP_FAILED] = { "backup_failed", "Backup failed", MESSAGE_BACKUP_FAILED, SEVERITY_ERROR },
        [EVENT_DAILY_REPORT] = { "daily_report", "Daily report", MESSAGE_DAILY_REPORT, SEVERITY_INFO },
};

const char *event_kind_to_string(EventKind kind)
{
        return (int) kind < 0 || kind >= _EVENT_KIND_MAX ? NULL : kinds[kind].name;
}

EventKind event_kind_from_string(const char *s)
{
        for (int i = 0; s && i < _EVENT_KIND_MAX; i++)
                if (streq(kinds[i].name, s))
                        return (EventKind) i;

        return _EVENT_KIND_INVALID;
}

Severity event_severity(EventKind kind)
{
        return kinds[kind].severity;
}

const char *event_message_id(EventKind kind)
{
        return kinds[kind].message_id;
}

EventKind event_of_job(JobState before, JobState now, Verdict verdict)
{
        static const EventKind ends[_VERDICT_MAX] = {
                [VERDICT_NONE] = _EVENT_KIND_INVALID, [VERDICT_SKIPPED] = _EVENT_KIND_INVALID,
                [VERDICT_PASSED] = EVENT_JOB_PASSED,  [VERDICT_INCONCLUSIVE] = EVENT_JOB_INCONCLUSIVE,
                [VERDICT_FAILED] = EVENT_JOB_FAILED,  [VERDICT_CANCELLED] = EVENT_JOB_CANCELLED,
        };

        if (now == JOB_DONE)
                return ends[verdict];
        if (now == JOB_PAUSED)
                return EVENT_JOB_PAUSED;
        if (before == JOB_PAUSED && (now == JOB_RUNNING || now == JOB_QUEUED))
                return EVENT_JOB_RESUMED;
        if (now == JOB_RUNNING)
                return EVENT_JOB_STARTED;

        return _EVENT_KIND_INVALID; /* stopping: how it ends is told */
}

static Event *event_free(Event *e)
{
        if (!e)
                return NULL;

        event_record_done(&e->record);
        free(e->host);
        free(e->drive);
        free(e->text);
        free(e);
        return NULL;
}
DEFINE_TRIVIAL_CLEANUP_FUNC(Event *, event_free);

static int event_new(EventKind kind, const char *host, const char *drive, const char *text, Event **ret)
{
        _cleanup_(event_freep) Event *e = new0(Event, 1);
        char hex[SD_ID128_STRING_MAX];
        sd_id128_t id;
        int r;

        if (!e)
                return -ENOMEM;
        r = sd_id128_randomize(&id);
        if (r < 0)
                return r;

        e->kind = kind;
        e->record.time_usec = now_usec(CLOCK_REALTIME);
        if (free_and_strdup(&e->record.id, sd_id128_to_string(id, hex)) < 0 ||
            free_and_strdup(&e->record.kind, kinds[kind].name) < 0 ||
            free_and_strdup(&e->host, strempty(host)) < 0 ||
            free_and_strdup(&e->drive, strempty(drive)) < 0 || free_and_strdup(&e->text, text) < 0)
                return -ENOMEM;

        *ret = TAKE_PTR(e);
        return 0;
}

/* What every event says of itself. about: what it is about, in a few words. */
static int event_put_head(const Event *e, const char *about, struct json_object *o)
{
        _cleanup_free_ char *title = strf("%s: %s", kinds[e->kind].title, about);
        char time[TIMESTAMP_MAX];

        if (!title || json_put_string(o, "event", e->record.kind) < 0 ||
            json_put_string(o, "id", e->record.id) < 0 ||
            json_put_string(o, "time", format_timestamp(time, e->record.time_usec)) < 0 ||
            json_put_string(o, "severity", severity_to_string(kinds[e->kind].severity)) < 0 ||
            json_put_string(o, "title", title) < 0 || json_put_string(o, "text", e->text) < 0 ||
            json_put_string(o, "host", e->host) < 0)
                return -ENOMEM;

        return 0;
}

/* "ZA1 (ST16000) on nas1" */
static char *word_drive(const char *serial, const char *model, const char *host)
{
        return strf("%s%s%s%s on %s", isempty(serial) ? "a drive" : serial, isempty(model) ? "" : " (",
                    strempty(model), isempty(model) ? "" : ")", strempty(host));
}

static int event_set_body(Event *e, struct json_object *body)
{
        e->record.body = strdup(strempty(json_object_to_json_string_ext(body, JSON_C_TO_STRING_PLAIN)));
        return e->record.body ? 0 : -ENOMEM;
}

static int event_store(Manager *m, Event **event, struct json_object *body)
{
        _cleanup_strv_free_ char **names = NULL;
        Event *e = *event;
        bool own;
        int r;

        r = event_set_body(e, body);
        if (r < 0)
                return r;
        r = notifiers_taking(m, e->kind, e->host, &names);
        if (r < 0)
                return r;
        r = store_join(m->store, &own);
        if (r < 0)
                return r;

        r = store_event_add(m->store, &e->record, names);
        if (r >= 0) {
                *event = NULL;
                DL_APPEND(m->events, e);
        }

        return store_leave(m->store, own, r);
}

static int put_drive(struct json_object *o, const char *id, const char *kname, const char *serial,
                     const char *model)
{
        if (json_put_string(o, "drive", id) < 0 || json_put_string(o, "devname", kname) < 0 ||
            json_put_string(o, "serial", serial) < 0 || json_put_string(o, "model", model) < 0)
                return -ENOMEM;

        return 0;
}

int event_add_job(Manager *m, EventKind kind, const JobRecord *job, const char *text)
{
        _cleanup_free_ char *about = word_drive(job->serial, job->model, job->host);
        _cleanup_json_ struct json_object *o = json_object_new_object();
        _cleanup_(event_freep) Event *e = NULL;
        _cleanup_free_ char *url = NULL;
        int r;

        if (!about || !o)
                return -ENOMEM;
        r = page_url_of_job(m->settings.page_url, job->id, &url);
        if (r >= 0)
                r = event_new(kind, job->host, job->drive, text, &e);
        if (r >= 0)
                r = event_put_head(e, about, o);
        if (r >= 0)
                r = put_drive(o, job->drive, job->kname, job->serial, job->model);
        if (r < 0)
                return r;

        e->job = job->id;
        if (json_put_u64(o, "job_id", job->id) < 0 || json_put_string(o, "url", url) < 0 ||
            json_put_string(o, "kind", job->kind) < 0 || json_put_string(o, "profile", job->profile) < 0 ||
            json_put_string(o, "state", job_state_to_string(job->state)) < 0 ||
            json_put_string(o, "verdict", verdict_to_string(job->verdict)) < 0 ||
            json_put_string(o, "operator", job->operator) < 0 ||
            json_put_string(o, "error_text", strempty(job->verdict == VERDICT_PASSED ? NULL : job->reason)) <
                            0)
                return -ENOMEM;

        return event_store(m, &e, o);
}

int event_add_drive(Manager *m, EventKind kind, const DriveRecord *drive, const char *text)
{
        _cleanup_free_ char *about = word_drive(drive->identity.serial, drive->identity.model, drive->host);
        _cleanup_json_ struct json_object *o = json_object_new_object();
        _cleanup_(event_freep) Event *e = NULL;
        _cleanup_free_ char *url = NULL;
        int r;

        if (!about || !o)
                return -ENOMEM;
        r = page_url_of_drive(m->settings.page_url, drive->id, &url);
        if (r >= 0)
                r = event_new(kind, drive->host, drive->id, text, &e);
        if (r >= 0)
                r = event_put_head(e, about, o);
        if (r >= 0)
                r = put_drive(o, drive->id, drive->kname, drive->identity.serial, drive->identity.model);
        if (r >= 0)
                r = json_put_string(o, "url", url);
        if (r < 0)
                return r;

        return event_store(m, &e, o);
}

int event_add_host(Manager *m, EventKind kind, const HostRecord *host, const char *text)
{
        _cleanup_json_ struct json_object *o = json_object_new_object();
        _cleanup_(event_freep) Event *e = NULL;
        int r;

        if (!o)
                return -ENOMEM;
        r = event_new(kind, host->name, NULL, text, &e);
        if (r >= 0)
                r = event_put_head(e, host->name, o);
        if (r < 0)
                return r;

        return event_store(m, &e, o);
}

/* Of burnind itself, and no host, drive or job. */
static int event_new_own(EventKind kind, const char *about, const char *text, Event **ret,
                         struct json_object **ret_body)
{
        _cleanup_json_ struct json_object *o = json_object_new_object();
        _cleanup_(event_freep) Event *e = NULL;
        int r;

        if (!o)
                return -ENOMEM;
        r = event_new(kind, NULL, NULL, text, &e);
        if (r >= 0)
                r = event_put_head(e, about, o);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(e);
        *ret_body = TAKE_PTR(o);
        return 0;
}

int event_add_own(Manager *m, EventKind kind, const char *text)
{
        _cleanup_json_ struct json_object *o = NULL;
        _cleanup_(event_freep) Event *e = NULL;
        _cleanup_free_ char *about = notify_site();
        int r;

        if (!about)
                return -ENOMEM;
        r = event_new_own(kind, about, text, &e, &o);
        return r < 0 ? r : event_store(m, &e, o);
}

static int event_new_daily(struct json_object *report, const char *text, Event **ret,
                           struct json_object **ret_body)
{
        _cleanup_json_ struct json_object *o = NULL;
        _cleanup_(event_freep) Event *e = NULL;
        const char *site = NULL;
        int r;

        r = daily_shorten(report, DAILY_EVENT_MAX);
        if (r >= 0)
                r = json_get_string(report, "site", &site);
        if (r >= 0)
                r = event_new_own(EVENT_DAILY_REPORT, isempty(site) ? "burnin" : site, text, &e, &o);
        if (r >= 0)
                r = json_put(o, "report", json_object_get(report));
        if (r < 0)
                return r;

        *ret = TAKE_PTR(e);
        *ret_body = TAKE_PTR(o);
        return 0;
}

int event_add_daily(Manager *m, struct json_object *report, const char *text)
{
        _cleanup_json_ struct json_object *o = NULL;
        _cleanup_(event_freep) Event *e = NULL;
        int r;

        r = event_new_daily(report, text, &e, &o);
        return r < 0 ? r : event_store(m, &e, o);
}

int event_word_daily(struct json_object *report, const char *text, char **ret)
{
        _cleanup_json_ struct json_object *o = NULL;
        _cleanup_(event_freep) Event *e = NULL;
        int r;

        r = event_new_daily(report, text, &e, &o);
        if (r >= 0)
                r = event_set_body(e, o);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(e->record.body);
        return 0;
}

static int events_on_defer(sd_event_source *s, void *userdata)
{
        Manager *m = userdata;
        Event *e;

        while ((e = m->events_told)) {
                DL_DELETE(m->events_told, e);
                manager_emit_event(m, e);
                event_free(e);
        }
        outbox_kick(m);

        return 0;
}

/* Told from the loop: the change itself is told first, by who has made it. */
static void events_on_transaction(bool committed, void *userdata)
{
        Manager *m = userdata;
        Event *e;

        if (!m->events)
                return;
        while ((e = m->events)) {
                DL_DELETE(m->events, e);
                if (committed)
                        DL_APPEND(m->events_told, e);
                else
                        event_free(e);
        }
        if (committed)
                (void) sd_event_source_set_enabled(m->events_source, SD_EVENT_ONESHOT);
}

int events_start(Manager *m)
{
        int r;

        r = sd_event_add_defer(m->event, &m->events_source, events_on_defer, m);
        if (r >= 0)
                r = sd_event_source_set_enabled(m->events_source, SD_EVENT_OFF);
        if (r < 0)
                return r;

        store_watch(m->store, events_on_transaction, m);
        return 0;
}

void events_done(Manager *m)
{
        Event *e;

        if (m->store)
                store_watch(m->store, NULL, NULL);
        m->events_source = sd_event_source_disable_unref(m->events_source);
        while ((e = m->events)) {
                DL_DELETE(m->events, e);
                event_free(e);
        }
        while ((e = m->events_told)) {
                DL_DELETE(m->events_told, e);
                event_free(e);
        }
}
