/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <unistd.h>

#include "basic/string-util.h"
#include "basic/time-util.h"
#include "daemon/authz.h"
#include "daemon/daily.h"
#include "daemon/drive.h"
#include "daemon/host.h"
#include "daemon/job.h"
#include "daemon/stage.h"
#include "shared/bus-util.h"
#include "shared/names.h"

/* Of each text: a mail goes through bounded packets. */
#define NAME_MAX_BYTES 128U
#define WORDS_MAX      400U

/* What hosts and people say is told to people, and to nothing that would act on it. */
static int put_name(struct json_object *o, const char *key, const char *value)
{
        return json_put_clean(o, key, value, NAME_MAX_BYTES);
}

static int put_words(struct json_object *o, const char *key, const char *value)
{
        return json_put_clean(o, key, value, WORDS_MAX);
}

static int put_time(struct json_object *o, const char *key, uint64_t usec)
{
        return usec > 0 ? json_put_u64(o, key, usec) : 0;
}

static int put_new(struct json_object *to, const char *key, struct json_object *value,
                   struct json_object **ret)
{
        if (json_put(to, key, value) < 0)
                return -ENOMEM;

        *ret = value;
        return 0;
}

static int put_drive(struct json_object *o, const Drive *d)
{
        if (put_name(o, "serial", d->record.identity.serial) < 0 ||
            put_name(o, "model", d->record.identity.model) < 0 || put_name(o, "host", d->record.host) < 0 ||
            put_name(o, "kname", d->record.kname) < 0 || put_name(o, "location", d->record.location) < 0)
                return -ENOMEM;

        return 0;
}

static int put_hosts(struct json_object *to, Manager *m)
{
        struct json_object *o, *silent;
        uint64_t n = 0;
        Host *h, *next;

        if (put_new(to, "hosts", json_object_new_object(), &o) < 0 ||
            put_new(o, "silent", json_object_new_array(), &silent) < 0)
                return -ENOMEM;
        HASH_ITER(hh, m->hosts, h, next) {
                n++;
                if (h->state == HOST_ONLINE || json_object_array_length(silent) >= DAILY_ENTRIES_MAX)
                        continue;
                if (json_append(silent, json_object_new_string(h->record.name)) < 0)
                        return -ENOMEM;
        }

        return json_put_u64(o, "total", n);
}

/* In numbers; and those that say of themselves that they fail. */
static int put_drives(struct json_object *to, Manager *m)
{
        uint64_t total = 0, missing = 0, locked = 0, failing = 0;
        struct json_object *o, *list;
        Drive *d, *next;

        if (put_new(to, "drives", json_object_new_object(), &o) < 0 ||
            put_new(to, "failed_health", json_object_new_array(), &list) < 0)
                return -ENOMEM;
        HASH_ITER(hh, m->drives, d, next) {
                struct json_object *item;

                total++;
                missing += !d->host;
                locked += d->host && drive_lock_role(d) != LOCK_NONE;
                failing += d->health == SMART_HEALTH_FAILED;
                if (d->health != SMART_HEALTH_FAILED || json_object_array_length(list) >= DAILY_ENTRIES_MAX)
                        continue;
                item = json_object_new_object();
                if (json_append(list, item) < 0 || put_drive(item, d) < 0 ||
                    json_put_bool(item, "present", d->host) < 0)
                        return -ENOMEM;
        }

        if (json_put_u64(o, "total", total) < 0 || json_put_u64(o, "missing", missing) < 0 ||
            json_put_u64(o, "locked", locked) < 0 || json_put_u64(o, "failed_health", failing) < 0)
                return -ENOMEM;

        return 0;
}

typedef struct UnlockList {
        Manager *manager;
        struct json_object *list;
} UnlockList;

static int put_unlock(AuditRecord *r, void *userdata)
{
        struct json_object *o = json_object_new_object();
        const char *id = startswith(strempty(r->object), "drive ");
        UnlockList *l = userdata;
        const Drive *d = id ? drive_find(l->manager, id) : NULL;

        if (json_append(l->list, o) < 0 || put_time(o, "usec", r->time_usec) < 0 ||
            put_name(o, "by", r->actor) < 0 || put_words(o, "detail", r->detail) < 0)
                return -ENOMEM;

        return d ? put_drive(o, d) : put_name(o, "serial", id ?: r->object);
}

/* Of the audit: also those that served no job. */
static int put_unlocks(struct json_object *to, struct json_object *totals, Manager *m, uint64_t since_usec)
{
        UnlockList l = { .manager = m };
        uint64_t total;
        int r;

        if (put_new(to, "unlocked", json_object_new_array(), &l.list) < 0)
                return -ENOMEM;
        r = store_audit_list_done(m->store, ACTION_UNLOCK, since_usec, DAILY_ENTRIES_MAX, put_unlock, &l,
                                  &total);
        return r < 0 ? r : json_put_u64(totals, "unlocked", total);
}

static int put_job(struct json_object *list, const JobRecord *r, struct json_object **ret)
{
        struct json_object *o = json_object_new_object();

        if (json_append(list, o) < 0 || json_put_u64(o, "job", r->id) < 0 ||
            put_name(o, "kind", r->kind) < 0 || put_name(o, "profile", r->profile) < 0 ||
            json_put_string(o, "state", job_state_to_string(r->state)) < 0 ||
            put_name(o, "serial", r->serial) < 0 || put_name(o, "model", r->model) < 0 ||
            put_name(o, "host", r->host) < 0 || put_name(o, "kname", r->kname) < 0 ||
            put_name(o, "operator", r->operator) < 0 || put_time(o, "started_usec", r->started_usec) < 0)
                return -ENOMEM;

        *ret = o;
        return 0;
}

static int put_active_job(struct json_object *list, const Job *j)
{
        const Stage *s = job_current_stage(j);
        struct json_object *o;

        if (put_job(list, &j->record, &o) < 0 || json_put_double(o, "percent", j->record.percent) < 0 ||
            put_time(o, "eta_usec", job_eta_usec(j)) < 0 ||
            put_time(o, "not_before_usec", j->record.not_before_usec) < 0 ||
            put_words(o, "waiting", j->waiting) < 0 ||
            (s && json_put_string(o, "stage", stage_kind_to_string(s->record.kind)) < 0))
                return -ENOMEM;

        return 0;
}

/* A paused one is where it would go on. */
static int put_active(struct json_object *to, struct json_object *totals, Manager *m)
{
        static const char *const keys[] = { "queued", "running" };
        struct json_object *lists[ELEMENTSOF(keys)];
        uint64_t n[ELEMENTSOF(keys)] = {};
        Job *j, *next;

        for (size_t i = 0; i < ELEMENTSOF(keys); i++)
                if (put_new(to, keys[i], json_object_new_array(), lists + i) < 0)
                        return -ENOMEM;
        HASH_ITER(hh, m->jobs, j, next) {
                bool runs = j->record.started_usec > 0;

                if (j->record.state != JOB_DONE && n[runs]++ < DAILY_ENTRIES_MAX &&
                    put_active_job(lists[runs], j) < 0)
                        return -ENOMEM;
        }
        for (size_t i = 0; i < ELEMENTSOF(keys); i++)
                if (json_put_u64(totals, keys[i], n[i]) < 0)
                        return -ENOMEM;

        return 0;
}

static int put_finished_job(JobRecord *r, void *userdata)
{
        struct json_object *o;

        if (json_object_array_length(userdata) >= DAILY_ENTRIES_MAX)
                return 0;
        if (put_job(userdata, r, &o) < 0 ||
            json_put_string(o, "verdict", verdict_to_string(r->verdict)) < 0 ||
            put_words(o, "reason", r->reason) < 0 || put_name(o, "cancelled_by", r->cancelled_by) < 0 ||
            put_time(o, "finished_usec", r->finished_usec) < 0)
                return -ENOMEM;

        return 0;
}

/* What is to be looked at comes first, and is what is left of too many. */
static int put_finished(struct json_object *to, struct json_object *totals, Manager *m, uint64_t since_usec)
{
        static const Verdict order[] = { VERDICT_FAILED, VERDICT_INCONCLUSIVE, VERDICT_CANCELLED,
                                         VERDICT_PASSED };
        struct json_object *list;

        if (put_new(to, "finished", json_object_new_array(), &list) < 0)
                return -ENOMEM;
        for (size_t i = 0; i < ELEMENTSOF(order); i++) {
                const JobFilter f = {
                        .state = JOB_DONE,
                        .verdict = order[i],
                        .finished_usec = MAX(since_usec, UINT64_C(1)),
                        .limit = DAILY_ENTRIES_MAX,
                };
                uint64_t total;
                int r;

                r = store_job_list(m->store, &f, put_finished_job, list, &total);
                if (r < 0)
                        return r;
                if (json_put_u64(totals, verdict_to_string(order[i]), total) < 0)
                        return -ENOMEM;
        }

        return 0;
}

int daily_new(Manager *m, uint64_t since_usec, uint64_t until_usec, struct json_object **ret)
{
        _cleanup_json_ struct json_object *o = json_object_new_object();
        struct json_object *totals;
        char site[256] = "";
        int r;

        (void) gethostname(site, sizeof(site) - 1);
        if (!o || json_put_string(o, "format", DAILY_FORMAT) < 0 ||
            json_put_u64(o, "version", DAILY_VERSION) < 0 || put_name(o, "site", site) < 0 ||
            (!isempty(m->settings.page_url) && json_put_string(o, "page_url", m->settings.page_url) < 0) ||
            json_put_u64(o, "since_usec", since_usec) < 0 || json_put_u64(o, "until_usec", until_usec) < 0 ||
            put_new(o, "totals", json_object_new_object(), &totals) < 0 || put_hosts(o, m) < 0 ||
            put_drives(o, m) < 0)
                return -ENOMEM;
        r = put_unlocks(o, totals, m, since_usec);
        if (r >= 0)
                r = put_active(o, totals, m);
        if (r >= 0)
                r = put_finished(o, totals, m, since_usec);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(o);
        return 0;
}

static size_t text_size(struct json_object *o)
{
        return strlen(strempty(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN)));
}

static struct json_object *longest_list(struct json_object *document)
{
        static const char *const keys[] = { "failed_health", "unlocked", "running", "queued", "finished" };
        struct json_object *longest = NULL;
        size_t max = 0;

        for (size_t i = 0; i < ELEMENTSOF(keys); i++) {
                struct json_object *list = NULL;

                if (json_get(document, keys[i], json_type_array, &list) <= 0 ||
                    json_object_array_length(list) == 0 || text_size(list) <= max)
                        continue;
                longest = list;
                max = text_size(list);
        }

        return longest;
}

int daily_shorten(struct json_object *document, size_t max)
{
        if (text_size(document) <= max)
                return 0;
        if (json_put_bool(document, "shortened", true) < 0)
                return -ENOMEM;
        while (text_size(document) > max) {
                struct json_object *list = longest_list(document);
                size_t n = list ? json_object_array_length(list) : 0;

                if (n == 0)
                        return -EMSGSIZE;
                if (json_object_array_del_idx(list, n / 2, n - n / 2) < 0)
                        return -ENOMEM;
        }

        return 1;
}

int daily_ask(Manager *m, uint64_t since_usec, struct json_object **ret, sd_bus_error *error)
{
        uint64_t now = now_usec(CLOCK_REALTIME);

        if (since_usec > now)
                return sd_bus_error_set(error, BUS_ERROR_INVALID_ARGUMENT,
                                        "A report is of what was: since_usec is a time that is to come.");

        return daily_new(m, since_usec > 0 ? since_usec : now - USEC_PER_DAY, now, ret);
}

int manager_method_get_daily_report(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        _cleanup_json_ struct json_object *o = NULL;
        const char *text;
        uint64_t since;
        int r;

        r = sd_bus_message_read(m, "t", &since);
        if (r >= 0)
                r = bus_read_flags(m, error);
        if (r < 0)
                return r;
        r = authz_check(userdata, m, "", NULL, error);
        if (r <= 0)
                return r < 0 ? r : 1; /* Will call us back */

        r = daily_ask(userdata, since, &o, error);
        if (r < 0)
                return r;
        text = json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);

        return text ? sd_bus_reply_method_return(m, "s", text) : -ENOMEM;
}
