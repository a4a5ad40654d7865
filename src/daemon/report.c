/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "basic/parse-util.h"
#include "basic/string-util.h"
#include "basic/strv.h"
#include "daemon/report.h"
#include "shared/page-url.h"
#include "shared/report-proto.h"
#include "shared/worker-proto.h"

#define TEXT_MAX       4096U
#define ATTRIBUTES_MAX 256U
#define PHASES_MAX     64U
#define REGIONS_MAX    1024U

typedef enum FieldType { FIELD_TEXT, FIELD_U64, FIELD_I64, FIELD_BOOL } FieldType;

typedef struct Field {
        const char *key;
        FieldType type;
} Field;

static const Field attribute_fields[] = {
        { "id", FIELD_U64 },          { "name", FIELD_TEXT },        { "value", FIELD_U64 },
        { "worst", FIELD_U64 },       { "threshold", FIELD_U64 },    { "raw", FIELD_U64 },
        { "raw_string", FIELD_TEXT }, { "failing_now", FIELD_BOOL }, {},
};

static const Field smart_fields[] = {
        { "health", FIELD_TEXT },
        { "protocol", FIELD_TEXT },
        { "power_on_hours", FIELD_I64 },
        { "reallocated", FIELD_I64 },
        { "pending", FIELD_I64 },
        { "offline_uncorrectable", FIELD_I64 },
        { "reported_uncorrectable", FIELD_I64 },
        { "crc_errors", FIELD_I64 },
        { "media_errors", FIELD_I64 },
        { "percentage_used", FIELD_I64 },
        { "critical_warning", FIELD_I64 },
        { "temperature_mdegc", FIELD_I64 },
        {},
};

static const Field phase_fields[] = {
        { "number", FIELD_U64 },           { "name", FIELD_TEXT },
        { "started_usec", FIELD_U64 },     { "ended_usec", FIELD_U64 },
        { "bytes_per_second", FIELD_U64 }, {},
};

static const Field self_test_fields[] = {
        { "state", FIELD_TEXT }, { "words", FIELD_TEXT }, { "tries", FIELD_U64 }, { "lba", FIELD_U64 }, {},
};

static const Field details_fields[] = {
        { "block_size", FIELD_U64 },
        { "work_bytes", FIELD_U64 },
        { "paused_usec", FIELD_U64 },
        { "temperature_min_mdegc", FIELD_I64 },
        { "temperature_max_mdegc", FIELD_I64 },
        {},
};

/* Workers read what hosts print: what they hand on is text for people, and nothing else. */
static int put_text(struct json_object *o, const char *key, const char *value)
{
        return json_put_clean(o, key, value, TEXT_MAX);
}

static int put_time(struct json_object *o, const char *key, uint64_t usec)
{
        return usec > 0 ? json_put_u64(o, key, usec) : 0;
}

/* What has another type than it should is left out. */
static int copy_field(struct json_object *from, const Field *f, struct json_object *to)
{
        const char *s;
        uint64_t u;
        int64_t i;
        bool b;

        switch (f->type) {
        case FIELD_TEXT:
                return json_get_string(from, f->key, &s) > 0 ? put_text(to, f->key, s) : 0;
        case FIELD_U64:
                return json_get_u64(from, f->key, &u) > 0 ? json_put_u64(to, f->key, u) : 0;
        case FIELD_I64:
                return json_get_i64(from, f->key, &i) > 0 ? json_put_i64(to, f->key, i) : 0;
        case FIELD_BOOL:
                return json_get_bool(from, f->key, &b) > 0 ? json_put_bool(to, f->key, b) : 0;
        }

        return 0;
}

static int copy_fields(struct json_object *from, const Field *fields, struct json_object *to)
{
        for (; fields->key; fields++)
                if (copy_field(from, fields, to) < 0)
                        return -ENOMEM;

        return 0;
}

static int copy_object(struct json_object *from, const char *key, const Field *fields,
                       struct json_object *to)
{
        _cleanup_json_ struct json_object *o = NULL;
        struct json_object *object;

        if (!from || json_get(from, key, json_type_object, &object) <= 0)
                return 0;
        o = json_object_new_object();
        if (!o || copy_fields(object, fields, o) < 0)
                return -ENOMEM;

        return json_object_object_length(o) > 0 ? json_put(to, key, TAKE_PTR(o)) : 0;
}

/* An array of objects with these fields, at most max of them. */
static int copy_list(struct json_object *from, const char *key, const Field *fields, size_t max,
                     struct json_object *to)
{
        _cleanup_json_ struct json_object *list = NULL;
        struct json_object *array;

        if (!from || json_get(from, key, json_type_array, &array) <= 0)
                return 0;
        list = json_object_new_array();
        if (!list)
                return -ENOMEM;
        for (size_t i = 0; i < MIN(json_object_array_length(array), max); i++) {
                struct json_object *item = json_object_array_get_idx(array, i);
                _cleanup_json_ struct json_object *o = json_object_new_object();

                if (!o || (json_object_is_type(item, json_type_object) && copy_fields(item, fields, o) < 0))
                        return -ENOMEM;
                if (json_object_object_length(o) > 0 && json_append(list, TAKE_PTR(o)) < 0)
                        return -ENOMEM;
        }

        return json_object_array_length(list) > 0 ? json_put(to, key, TAKE_PTR(list)) : 0;
}

/* How long each region took in each phase; 0 where that is not known. */
static int copy_regions(struct json_object *details, struct json_object *to)
{
        _cleanup_json_ struct json_object *list = json_object_new_array();
        struct json_object *phases;

        if (!list)
                return -ENOMEM;
        if (!details || json_get(details, "region_msec", json_type_array, &phases) <= 0)
                return 0;
        for (size_t i = 0; i < MIN(json_object_array_length(phases), PHASES_MAX); i++) {
                struct json_object *from = json_object_array_get_idx(phases, i);
                _cleanup_json_ struct json_object *row = json_object_new_array();
                size_t n = json_object_is_type(from, json_type_array) ? json_object_array_length(from) : 0;

                if (!row)
                        return -ENOMEM;
                for (size_t k = 0; k < MIN(n, REGIONS_MAX); k++) {
                        int64_t msec = json_object_get_int64(json_object_array_get_idx(from, k));

                        if (json_append(row, json_object_new_int64(MAX(msec, (int64_t) 0))) < 0)
                                return -ENOMEM;
                }
                if (json_append(list, TAKE_PTR(row)) < 0)
                        return -ENOMEM;
        }

        return json_object_array_length(list) > 0 ? json_put(to, "region_msec", TAKE_PTR(list)) : 0;
}

static int put_job(struct json_object *to, const JobRecord *j, const char *page_url)
{
        struct json_object *o = json_object_new_object();
        _cleanup_free_ char *url = NULL;

        if (!o || json_put(to, "job", o) < 0 || page_url_of_job(page_url, j->id, &url) < 0)
                return -ENOMEM;
        if (json_put_u64(o, "id", j->id) < 0 || json_put_string(o, "url", url) < 0 ||
            put_text(o, "kind", j->kind) < 0 || put_text(o, "profile", j->profile) < 0 ||
            json_put_string(o, "verdict", verdict_to_string(j->verdict)) < 0 ||
            put_text(o, "reason", j->reason) < 0 || put_text(o, "operator", j->operator) < 0 ||
            put_text(o, "note", j->note) < 0 || put_text(o, "cancelled_by", j->cancelled_by) < 0 ||
            put_time(o, "created_usec", j->created_usec) < 0 ||
            put_time(o, "started_usec", j->started_usec) < 0 ||
            put_time(o, "finished_usec", j->finished_usec) < 0 ||
            put_time(o, "paused_usec", j->pauses_usec) < 0)
                return -ENOMEM;

        return 0;
}

static int put_drive(struct json_object *to, const JobRecord *j)
{
        _cleanup_json_ struct json_object *identity = NULL;
        struct json_object *o = json_object_new_object();
        const char *wwn = NULL;
        uint64_t size = 0;

        if (!o || json_put(to, "drive", o) < 0)
                return -ENOMEM;
        if (j->identity && json_parse(j->identity, strlen(j->identity), &identity) >= 0) {
                (void) json_get_string(identity, "wwn", &wwn);
                (void) json_get_u64(identity, "size_bytes", &size);
        }
        if (put_text(o, "id", j->drive) < 0 || put_text(o, "wwn", wwn) < 0 ||
            put_text(o, "serial", j->serial) < 0 || put_text(o, "model", j->model) < 0 ||
            (size > 0 && json_put_u64(o, "size_bytes", size) < 0) || put_text(o, "host", j->host) < 0 ||
            put_text(o, "kname", j->kname) < 0)
                return -ENOMEM;

        return 0;
}

static int put_unlock(struct json_object *to, Store *s, uint64_t job)
{
        _cleanup_(grant_record_done) GrantRecord g = {};
        struct json_object *o;
        int r;

        r = store_grant_get(s, job, &g);
        if (r <= 0)
                return r;

        o = json_object_new_object();
        if (!o || json_put(to, "unlock", o) < 0)
                return -ENOMEM;
        if (json_put_string(o, "state", lock_role_to_string(g.lock.role)) < 0 ||
            put_text(o, "pool", g.lock.pool) < 0 || put_text(o, "detail", g.lock.detail) < 0 ||
            json_put_bool(o, "release", g.release) < 0 || put_text(o, "by", g.operator) < 0 ||
            put_text(o, "reason", g.reason) < 0 || put_time(o, "usec", g.granted_usec) < 0)
                return -ENOMEM;

        return 0;
}

static int put_evidence(struct json_object *to, const StageReport *report)
{
        struct json_object *list = json_object_new_array();

        if (!list || json_put(to, "evidence", list) < 0)
                return -ENOMEM;
        for (size_t i = 0; i < report->n_evidence; i++) {
                const Evidence *e = report->evidence + i;
                struct json_object *o = json_object_new_object();

                if (json_append(list, o) < 0 || put_text(o, "rule", e->rule) < 0 ||
                    put_text(o, "expected", e->expected) < 0 || put_text(o, "observed", e->observed) < 0 ||
                    put_text(o, "source", e->source) < 0 ||
                    json_put_string(o, "verdict", verdict_to_string(e->verdict)) < 0)
                        return -ENOMEM;
        }

        return 0;
}

static int put_bad_blocks(struct json_object *to, const StageReport *report)
{
        struct json_object *list = json_object_new_array();

        if (!list || json_put(to, "bad_block_list", list) < 0)
                return -ENOMEM;
        STRV_FOREACH(b, report->bad_blocks) {
                uint64_t block;

                if (parse_u64(*b, &block) >= 0 && json_append(list, json_object_new_uint64(block)) < 0)
                        return -ENOMEM;
        }

        return 0;
}

static int put_findings(struct json_object *o, StageKind kind, struct json_object *json)
{
        _cleanup_(stage_report_done) StageReport report = {};
        int r;

        r = stage_report_from_json(json, &report);
        if (r < 0)
                return r == -ENOMEM ? r : 0;

        if (put_evidence(o, &report) < 0 ||
            (report.details && copy_fields(report.details, details_fields, o) < 0) ||
            copy_object(report.details, "self_test", self_test_fields, o) < 0 ||
            copy_list(report.details, "phases", phase_fields, PHASES_MAX, o) < 0 ||
            copy_regions(report.details, o) < 0)
                return -ENOMEM;
        if (kind != STAGE_SURFACE_VALIDATE)
                return 0;
        if (json_put_u64(o, "bad_blocks", report.n_bad_blocks) < 0 || put_bad_blocks(o, &report) < 0 ||
            json_put_u64(o, "read_errors", report.read_errors) < 0 ||
            json_put_u64(o, "write_errors", report.write_errors) < 0 ||
            json_put_u64(o, "compare_errors", report.compare_errors) < 0)
                return -ENOMEM;

        return 0;
}

typedef struct StageList {
        struct json_object *stages;
        /* The readings from before and after, as far as the job came. */
        struct json_object *before, *after;
} StageList;

static void stage_list_done(StageList *l)
{
        json_object_put(l->before);
        json_object_put(l->after);
}

static void keep_smart(struct json_object *json, const char *key, struct json_object **reading)
{
        struct json_object *details, *o;

        if (json_get(json, "details", json_type_object, &details) <= 0 ||
            json_get(details, key, json_type_object, &o) <= 0)
                return;
        json_object_put(*reading);
        *reading = json_object_get(o);
}

static int put_stage(StageRecord *r, void *userdata)
{
        _cleanup_json_ struct json_object *json = NULL;
        struct json_object *o = json_object_new_object();
        StageList *l = userdata;
        int k;

        if (json_append(l->stages, o) < 0 || json_put_u64(o, "index", r->index) < 0 ||
            json_put_string(o, "kind", stage_kind_to_string(r->kind)) < 0 ||
            json_put_string(o, "verdict", verdict_to_string(r->verdict)) < 0 ||
            put_text(o, "reason", r->reason) < 0 || json_put_u64(o, "attempts", r->attempt) < 0 ||
            put_time(o, "started_usec", r->started_usec) < 0 ||
            put_time(o, "finished_usec", r->finished_usec) < 0)
                return -ENOMEM;

        k = r->report ? json_parse_as(r->report, strlen(r->report), json_type_object, &json) : 0;
        if (k == -ENOMEM)
                return k;
        if (!json)
                return 0;
        keep_smart(json, "smart_before", &l->before);
        keep_smart(json, "smart_after", &l->after);
        return put_findings(o, r->kind, json);
}

static int put_smart(struct json_object *to, const char *key, struct json_object *reading)
{
        struct json_object *o;

        if (!reading)
                return 0;
        o = json_object_new_object();
        if (!o || json_put(to, key, o) < 0)
                return -ENOMEM;
        if (copy_fields(reading, smart_fields, o) < 0)
                return -ENOMEM;

        return copy_list(reading, "attributes", attribute_fields, ATTRIBUTES_MAX, o);
}

static int put_stages(struct json_object *to, Store *s, uint64_t job)
{
        _cleanup_(stage_list_done) StageList l = { .stages = json_object_new_array() };
        struct json_object *smart;
        int r;

        if (!l.stages || json_put(to, "stages", l.stages) < 0)
                return -ENOMEM;
        r = store_stage_list(s, job, put_stage, &l);
        if (r < 0)
                return r;

        smart = json_object_new_object();
        if (!smart || json_put(to, "smart", smart) < 0)
                return -ENOMEM;
        r = put_smart(smart, "before", l.before);
        return r < 0 ? r : put_smart(smart, "after", l.after);
}

static int put_temperature(ReadingRecord *r, void *userdata)
{
        struct json_object *list = userdata, *o;

        if (r->temperature_mdegc == MDEGC_UNKNOWN)
                return 0;
        o = json_object_new_object();
        if (json_append(list, o) < 0 || json_put_u64(o, "usec", r->time_usec) < 0 ||
            json_put_i64(o, "mdegc", r->temperature_mdegc) < 0)
                return -ENOMEM;

        return 0;
}

/* The store has the newest first. */
static int put_temperatures(struct json_object *to, Store *s, const JobRecord *j)
{
        _cleanup_json_ struct json_object *newest = json_object_new_array();
        const ReadingFilter during = {
                .drive = j->drive,
                .since_usec = j->started_usec,
                .until_usec = j->finished_usec,
                .limit = REPORT_TEMPERATURES_MAX,
        };
        struct json_object *list = json_object_new_array();
        int r;

        if (!list || json_put(to, "temperatures", list) < 0 || !newest)
                return -ENOMEM;
        if (j->started_usec == 0)
                return 0;
        r = store_reading_list(s, &during, put_temperature, newest, NULL);
        for (size_t i = json_object_array_length(newest); r >= 0 && i > 0; i--)
                r = json_append(list, json_object_get(json_object_array_get_idx(newest, i - 1)));

        return r;
}

int report_new(Store *s, uint64_t job, const char *page_url, struct json_object **ret)
{
        _cleanup_json_ struct json_object *o = json_object_new_object(), *by = json_object_new_object();
        _cleanup_(job_record_done) JobRecord j = {};
        int r;

        if (!o || !by)
                return -ENOMEM;
        r = store_job_get(s, job, &j);
        if (r < 0)
                return r;
        if (j.state != JOB_DONE)
                return -EBUSY;

        r = json_put_string(o, "format", REPORT_FORMAT);
        if (r >= 0)
                r = json_put_u64(o, "version", REPORT_VERSION);
        if (r >= 0)
                r = json_put_string(by, "burnin", BURNIN_VERSION);
        if (r >= 0)
                r = json_put(o, "made_by", TAKE_PTR(by));
        if (r >= 0)
                r = put_job(o, &j, page_url);
        if (r >= 0)
                r = put_drive(o, &j);
        if (r >= 0)
                r = put_unlock(o, s, job);
        if (r >= 0)
                r = put_stages(o, s, job);
        if (r >= 0)
                r = put_temperatures(o, s, &j);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(o);
        return 0;
}
