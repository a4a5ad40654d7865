/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "basic/string-util.h"
#include "basic/time-util.h"
#include "daemon/authz.h"
#include "daemon/drive.h"
#include "daemon/grant.h"
#include "daemon/host.h"
#include "daemon/job-archive.h"
#include "daemon/list.h"
#include "daemon/reading.h"
#include "shared/bus-util.h"
#include "shared/json-util.h"
#include "shared/names.h"

/* What the audit is searched for. */
#define AUDIT_TEXT_MAX 200U

/* Rows in one answer, of so many that are asked for; 0 asks for no number of them. An answer keeps everybody else waiting. */
static uint32_t page_size(uint32_t limit, uint32_t max)
{
        return limit > 0 ? MIN(limit, max) : max;
}

static int append_object(sd_bus_message *reply, const char *path, const sd_bus_vtable *vtable, void *object)
{
        int r;

        r = sd_bus_message_open_container(reply, 'a', "{sv}");
        if (r < 0)
                return r;
        r = sd_bus_message_append(reply, "{sv}", "Object", "o", path);
        if (r < 0)
                return r;
        r = bus_append_properties(reply, vtable, object, NULL);
        if (r < 0)
                return r;

        return sd_bus_message_close_container(reply);
}

static int reply_open(sd_bus_message *m, sd_bus_message **ret)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        int r;

        r = sd_bus_message_new_method_return(m, &reply);
        if (r < 0)
                return r;
        r = sd_bus_message_open_container(reply, 'a', "a{sv}");
        if (r < 0)
                return r;

        *ret = TAKE_PTR(reply);
        return 0;
}

/* What every list without a filter to be judged begins with. Returns as authz_check() does. */
static int list_begin(Manager *manager, sd_bus_message *m, const BusOption *options, size_t n_options,
                      sd_bus_message **ret, sd_bus_error *error)
{
        int r;

        r = bus_read_options(m, options, n_options, error);
        if (r < 0)
                return r;
        r = authz_check(manager, m, "", NULL, error);
        if (r <= 0)
                return r;
        r = reply_open(m, ret);
        return r < 0 ? r : 1;
}

/* Behind the list comes, but for the hosts, how many match in all: 'u' or 't'. */
static int reply_send(sd_bus_message *reply, char type, const void *total)
{
        int r;

        r = sd_bus_message_close_container(reply);
        if (r >= 0 && total)
                r = sd_bus_message_append_basic(reply, type, total);
        if (r < 0)
                return r;

        return sd_bus_send(NULL, reply, NULL);
}

int manager_method_list_hosts(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        Manager *manager = userdata;
        const char *name = NULL;
        Host *h, *next;
        int r;

        r = list_begin(manager, m, &(BusOption){ "name", 's', &name, NULL }, 1, &reply, error);
        if (r <= 0)
                return r < 0 ? r : 1;
        HASH_ITER(hh, manager->hosts, h, next) {
                _cleanup_free_ char *path = NULL;

                if (name && !streq(name, h->record.name))
                        continue;
                r = host_bus_path(h, &path);
                if (r >= 0)
                        r = append_object(reply, path, host_vtable, h);
                if (r < 0)
                        return r;
        }

        return reply_send(reply, 0, NULL);
}

typedef struct DriveFilter {
        const char *host, *serial;
        LockRole lock;
        int present;
        bool have_present;
        uint32_t offset, limit;
} DriveFilter;

static bool drive_filter_matches(const DriveFilter *f, const Drive *d)
{
        if (f->host && !streq_ptr(f->host, d->record.host))
                return false;
        if (f->serial && !streq_ptr(f->serial, d->record.identity.serial))
                return false;
        if (f->lock >= 0 && f->lock != drive_lock_role(d))
                return false;

        return !f->have_present || f->present == (d->host != NULL);
}

static int drive_compare_place(const void *a, const void *b)
{
        const Drive *x = *(Drive *const *) a, *y = *(Drive *const *) b;
        int r;

        r = strcmp(strempty(x->record.host), strempty(y->record.host));
        if (r == 0)
                r = strverscmp(strempty(x->record.kname), strempty(y->record.kname));
        return r ?: strcmp(x->record.id, y->record.id);
}

static int drive_filter_read(sd_bus_message *m, DriveFilter *f, sd_bus_error *error)
{
        const char *lock = NULL;
        const BusOption options[] = {
                { "host", 's', &f->host, NULL },     { "serial", 's', &f->serial, NULL },
                { "lock", 's', &lock, NULL },        { "present", 'b', &f->present, &f->have_present },
                { "offset", 'u', &f->offset, NULL }, { "limit", 'u', &f->limit, NULL },
        };
        int r;

        r = bus_read_options(m, options, ELEMENTSOF(options), error);
        if (r < 0 || !lock)
                return r;

        f->lock = lock_role_from_string(lock);
        if (f->lock < 0)
                return sd_bus_error_setf(error, BUS_ERROR_INVALID_OPTION, "\"%s\" is no lock of a drive.",
                                         SHOWN(lock));
        return 0;
}

int manager_method_list_drives(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        DriveFilter f = { .lock = _LOCK_ROLE_INVALID };
        _cleanup_free_ Drive **found = NULL;
        Manager *manager = userdata;
        size_t n = 0;
        Drive *d, *next;
        int r;

        r = drive_filter_read(m, &f, error);
        if (r < 0)
                return r;
        r = authz_check(manager, m, "", NULL, error);
        if (r <= 0)
                return r < 0 ? r : 1;

        found = new (Drive *, HASH_COUNT(manager->drives) + 1);
        if (!found)
                return -ENOMEM;
        HASH_ITER(hh, manager->drives, d, next)
                if (drive_filter_matches(&f, d))
                        found[n++] = d;
        qsort(found, n, sizeof(Drive *), drive_compare_place);

        r = reply_open(m, &reply);
        if (r < 0)
                return r;
        for (size_t i = f.offset; i < n && i - f.offset < page_size(f.limit, LIST_OBJECTS_MAX); i++) {
                _cleanup_free_ char *path = NULL;

                r = drive_bus_path_of(found[i]->record.id, &path);
                if (r >= 0)
                        r = append_object(reply, path, drive_vtable, found[i]);
                if (r < 0)
                        return r;
        }

        return reply_send(reply, 'u', &(uint32_t){ (uint32_t) n });
}

typedef struct JobList {
        Manager *manager;
        sd_bus_message *reply;
} JobList;

static int job_list_append(JobRecord *record, void *userdata)
{
        _cleanup_(job_freep) Job *summary = NULL;
        _cleanup_free_ char *path = NULL;
        JobList *l = userdata;
        Job *j;
        int r;

        r = job_bus_path_of(record->id, &path);
        if (r < 0)
                return r;
        j = job_find(l->manager, record->id);
        if (!j) {
                r = job_summarize(l->manager, record, &summary);
                if (r == -EUCLEAN)
                        return 0; /* as one whose own row cannot be read */
                if (r < 0)
                        return r;
                j = summary;
        }

        return append_object(l->reply, path, job_vtable, j);
}

static int job_filter_read(sd_bus_message *m, JobFilter *f, sd_bus_error *error)
{
        const char *state = NULL, *verdict = NULL;
        int active = false, latest = false;
        const BusOption options[] = {
                { "state", 's', &state, NULL },      { "verdict", 's', &verdict, NULL },
                { "host", 's', &f->host, NULL },     { "drive", 's', &f->drive, NULL },
                { "offset", 'u', &f->offset, NULL }, { "limit", 'u', &f->limit, NULL },
                { "active", 'b', &active, NULL },    { "latest", 'b', &latest, NULL },
        };
        int r;

        r = bus_read_options(m, options, ELEMENTSOF(options), error);
        if (r < 0)
                return r;

        f->active = active;
        f->latest = latest;
        if (state) {
                f->state = job_state_from_string(state);
                if (f->state < 0)
                        return sd_bus_error_setf(error, BUS_ERROR_INVALID_OPTION,
                                                 "\"%s\" is no state of a job.", SHOWN(state));
        }
        if (verdict) {
                f->verdict = verdict_from_string(verdict);
                if (f->verdict < 0)
                        return sd_bus_error_setf(error, BUS_ERROR_INVALID_OPTION, "\"%s\" is no verdict.",
                                                 SHOWN(verdict));
        }
        f->limit = page_size(f->limit, LIST_OBJECTS_MAX);
        return 0;
}

int manager_method_list_jobs(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        JobFilter f = { .state = _JOB_STATE_INVALID, .verdict = _VERDICT_INVALID };
        JobList l = { .manager = userdata };
        uint64_t total;
        int r;

        r = job_filter_read(m, &f, error);
        if (r < 0)
                return r;
        r = authz_check(userdata, m, "", NULL, error);
        if (r <= 0)
                return r < 0 ? r : 1;

        r = reply_open(m, &reply);
        if (r < 0)
                return r;
        l.reply = reply;
        r = store_job_list(l.manager->store, &f, job_list_append, &l, &total);
        if (r < 0)
                return r;

        return reply_send(reply, 't', &total);
}

static int audit_append(AuditRecord *a, void *userdata)
{
        return sd_bus_message_append(userdata, "a{sv}", 8, "Id", "t", a->id, "TimeUSec", "t", a->time_usec,
                                     "Actor", "s", strempty(a->actor), "ActorUID", "u", a->actor_uid,
                                     "Action", "s", strempty(a->action), "Object", "s", strempty(a->object),
                                     "Outcome", "s", strempty(a->outcome), "Detail", "s",
                                     strempty(a->detail));
}

int manager_method_list_audit(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        const char *text = NULL;
        uint32_t offset = 0, limit = 200;
        const BusOption options[] = { { "text", 's', &text, NULL },
                                      { "offset", 'u', &offset, NULL },
                                      { "limit", 'u', &limit, NULL } };
        uint64_t total;
        int r;

        r = list_begin(userdata, m, options, ELEMENTSOF(options), &reply, error);
        if (r <= 0)
                return r < 0 ? r : 1;
        if (strlen(strempty(text)) > AUDIT_TEXT_MAX)
                return sd_bus_error_setf(error, BUS_ERROR_INVALID_OPTION,
                                         "Option \"text\" is at most %u bytes long.", AUDIT_TEXT_MAX);
        r = store_audit_list(((Manager *) userdata)->store, text, offset, page_size(limit, LIST_PAGE_MAX),
                             audit_append, reply, &total);
        if (r < 0)
                return r;

        return reply_send(reply, 't', &total);
}

static int statistics_append(const JobStatistics *r, void *userdata)
{
        return sd_bus_message_append(userdata, "a{sv}", 9, "Part", "s", r->part, "Name", "s", r->name,
                                     "Passed", "t", r->passed, "Failed", "t", r->failed, "Inconclusive", "t",
                                     r->inconclusive, "Cancelled", "t", r->cancelled, "Jobs", "t", r->jobs,
                                     "Hours", "d", r->hours, "Terabytes", "d", r->terabytes);
}

/* Beyond that by months: nobody looks at a thousand days one by one, and all of them would be sent. */
#define DAYS_MAX 400U

int manager_method_list_statistics(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        uint64_t since = 0, now = now_usec(CLOCK_REALTIME);
        int r;

        r = list_begin(userdata, m, &(BusOption){ "since", 't', &since, NULL }, 1, &reply, error);
        if (r <= 0)
                return r < 0 ? r : 1;
        r = store_job_statistics(((Manager *) userdata)->store, since,
                                 now > since && now - since > DAYS_MAX * USEC_PER_DAY, statistics_append,
                                 reply);
        if (r < 0)
                return r;

        return reply_send(reply, 0, NULL);
}

int manager_method_list_grants(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        Manager *manager = userdata;
        const char *drive = NULL;
        Grant *g, *next;
        int r;

        r = list_begin(manager, m, &(BusOption){ "drive", 's', &drive, NULL }, 1, &reply, error);
        if (r <= 0)
                return r < 0 ? r : 1;
        HASH_ITER(hh, manager->grants, g, next) {
                _cleanup_free_ char *path = NULL;

                if (drive && !streq(drive, g->record.drive))
                        continue;
                r = grant_bus_path(g, &path);
                if (r >= 0)
                        r = append_object(reply, path, grant_vtable, g);
                if (r < 0)
                        return r;
        }

        return reply_send(reply, 0, NULL);
}

static int reading_append(ReadingRecord *r, void *userdata)
{
        return sd_bus_message_append(userdata, "a{sv}", 4, "TimeUSec", "t", r->time_usec, "TemperatureMDegC",
                                     "i", r->temperature_mdegc, "SmartHealth", "s",
                                     smart_health_to_string(r->health), "Smart", "s", r->smart);
}

int drive_method_list_readings(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        const Drive *d = userdata;
        ReadingFilter f = { .drive = d->record.id };
        const BusOption options[] = {
                { "since", 't', &f.since_usec, NULL },
                { "until", 't', &f.until_usec, NULL },
                { "offset", 'u', &f.offset, NULL },
                { "limit", 'u', &f.limit, NULL },
        };
        uint64_t total;
        int r;

        r = bus_read_options(m, options, ELEMENTSOF(options), error);
        if (r < 0)
                return r;
        if (f.until_usec > 0 && f.since_usec > f.until_usec)
                return sd_bus_error_setf(error, BUS_ERROR_INVALID_OPTION,
                                         "Option \"since\" is later than \"until\".");
        r = authz_check(d->manager, m, "", NULL, error);
        if (r <= 0)
                return r < 0 ? r : 1;

        f.limit = page_size(f.limit, LIST_PAGE_MAX);
        r = reply_open(m, &reply);
        if (r < 0)
                return r;
        r = store_reading_list(d->manager->store, &f, reading_append, reply, &total);
        if (r < 0)
                return r;

        return reply_send(reply, 't', &total);
}

typedef struct DeliveryList {
        Manager *manager;
        sd_bus_message *reply;
} DeliveryList;

/* Of the event as it is told: the title and the host. */
static int delivery_append(DeliveryRecord *d, void *userdata)
{
        _cleanup_(event_record_done) EventRecord event = {};
        const DeliveryList *l = userdata;
        _cleanup_json_ struct json_object *body = NULL;
        const char *title = NULL, *host = NULL;
        uint64_t job = 0;
        int r;

        r = store_event_get(l->manager->store, d->event, &event);
        if (r < 0)
                return r;
        if (event.body && json_parse_as(event.body, strlen(event.body), json_type_object, &body) >= 0) {
                (void) json_get_string(body, "title", &title);
                (void) json_get_string(body, "host", &host);
                (void) json_get_u64(body, "job_id", &job);
        }

        return sd_bus_message_append(l->reply, "a{sv}", 12, "Id", "t", d->id, "Notifier", "s", d->notifier,
                                     "State", "s", delivery_state_to_string(d->state), "EventId", "s",
                                     d->event, "Event", "s", strempty(event.kind), "TimeUSec", "t",
                                     event.time_usec, "Title", "s", strempty(title), "Host", "s",
                                     strempty(host), "JobId", "t", job, "Attempts", "u", d->attempts,
                                     "NextUSec", "t", d->next_usec, "Error", "s", strempty(d->error));
}

int notifier_method_list_deliveries(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        const char *state = NULL;
        DeliveryFilter f = { .state = _DELIVERY_STATE_INVALID, .limit = 200 };
        const BusOption options[] = {
                { "notifier", 's', &f.notifier, NULL },
                { "state", 's', &state, NULL },
                { "offset", 'u', &f.offset, NULL },
                { "limit", 'u', &f.limit, NULL },
        };
        DeliveryList l = { .manager = userdata };
        uint64_t total;
        int r;

        r = bus_read_options(m, options, ELEMENTSOF(options), error);
        if (r < 0)
                return r;
        if (state && (f.state = delivery_state_from_string(state)) < 0)
                return sd_bus_error_setf(error, BUS_ERROR_INVALID_OPTION,
                                         "A delivery is pending, delivered or dead, and not '%s'.",
                                         SHOWN(state));
        r = authz_check(userdata, m, "", NULL, error);
        if (r <= 0)
                return r < 0 ? r : 1;

        f.limit = page_size(f.limit, LIST_PAGE_MAX);
        r = reply_open(m, &reply);
        if (r < 0)
                return r;
        l.reply = reply;
        r = store_delivery_list(l.manager->store, &f, delivery_append, &l, &total);
        if (r < 0)
                return r;

        return reply_send(reply, 't', &total);
}
