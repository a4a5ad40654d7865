/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <uthash.h>

#include "basic/string-util.h"
#include "basic/strv.h"
#include "basic/time-util.h"
#include "cgi/handlers.h"
#include "cgi/list.h"
#include "cgi/response.h"
#include "common/web-json.h"
#include "shared/names.h"

/* What became of the burn-ins of the last days, counted from the list of jobs. Two bounds keep it from holding up burnind. */
#define JOBS_MAX     20000U
#define FAILURES_MAX 500U /* of which it is asked in what stage */
#define DAYS_DEFAULT 90U
#define DAYS_MAX     3660
#define BYTES_PER_TB 1e12

enum { PASSED, FAILED, INCONCLUSIVE, CANCELLED, QUEUED, _COUNTS };
static const char *const words[_COUNTS] = { "passed", "failed", "inconclusive", "cancelled", "queued" };

/* Of a model, a day or a stage. */
typedef struct Group {
        char *name;
        uint64_t counts[_COUNTS];
        double hours, terabytes; /* of surfaces that passed */
        UT_hash_handle hh;
} Group;

typedef struct Drive {
        char *id;
        double bytes;
        UT_hash_handle hh;
} Drive;

typedef struct Statistics {
        uint64_t since_usec, jobs, failures;
        bool truncated;
        uint64_t counts[_COUNTS];
        Group *models, *days, *stages;
        Drive *drives;
} Statistics;

static void groups_free(Group **groups)
{
        Group *g, *next;

        HASH_ITER(hh, *groups, g, next) {
                HASH_DELETE(hh, *groups, g);
                free(g->name);
                free(g);
        }
}

static void statistics_done(Statistics *s)
{
        Drive *d, *next;

        groups_free(&s->models);
        groups_free(&s->days);
        groups_free(&s->stages);
        HASH_ITER(hh, s->drives, d, next) {
                HASH_DELETE(hh, s->drives, d);
                free(d->id);
                free(d);
        }
}

/* NULL on OOM. */
static Group *group_get(Group **groups, const char *name)
{
        Group *g;

        HASH_FIND_STR(*groups, name, g);
        if (g)
                return g;
        g = new0(Group, 1);
        if (!g)
                return NULL;
        g->name = strdup(name);
        if (!g->name) {
                free(g);
                return NULL;
        }
        HASH_ADD_KEYPTR(hh, *groups, g->name, strlen(g->name), g);
        return g;
}

static const char *get(struct json_object *o, const char *key)
{
        const char *s = "";

        (void) json_get_string(o, key, &s);
        return s;
}

static uint64_t get_u64(struct json_object *o, const char *key)
{
        uint64_t n = 0;

        (void) json_get_u64(o, key, &n);
        return n;
}

/* Jobs do not tell how large their drive was; drives that were forgotten count for no hours. */
static int read_drives(Web *w, Statistics *s)
{
        static const Field page[] = { { "offset", 'u', false, "offset" },
                                      { "limit", 'u', false, "limit" },
                                      {} };
        uint64_t total = 0;

        for (uint64_t offset = 0; offset == 0 || offset < total; offset += LIST_PAGE_MAX) {
                _cleanup_json_ struct json_object *rows = NULL;
                int r;

                r = list_set_page(w, offset, LIST_PAGE_MAX);
                if (r >= 0)
                        r = list_read(w, BUS_PATH, BUS_INTERFACE_MANAGER, "ListDrives", page, &rows, &total);
                if (r < 0)
                        return r;
                for (size_t i = 0; i < json_object_array_length(rows); i++) {
                        struct json_object *row = json_object_array_get_idx(rows, i);
                        Drive *d;

                        HASH_FIND_STR(s->drives, get(row, "id"), d);
                        if (d)
                                continue;
                        d = new0(Drive, 1);
                        if (!d)
                                return -ENOMEM;
                        d->id = strdup(get(row, "id"));
                        if (!d->id) {
                                free(d);
                                return -ENOMEM;
                        }
                        d->bytes = (double) get_u64(row, "size_bytes");
                        HASH_ADD_KEYPTR(hh, s->drives, d->id, strlen(d->id), d);
                }
        }

        return 0;
}

static Group *day_get(Statistics *s, uint64_t usec)
{
        char timestamp[TIMESTAMP_MAX];

        (void) format_timestamp(timestamp, usec);
        timestamp[STRLEN("2026-01-31")] = '\0';
        return group_get(&s->days, timestamp);
}

/* Those that write the whole surface once with each of four patterns: others would take other hours. */
static bool is_whole_surface(const char *profile)
{
        return streq(profile, "full") || streq(profile, "surface") || streq(profile, "surface_short") ||
               streq(profile, "surface_long");
}

static int count_failure(Web *w, Statistics *s, uint64_t id, int verdict)
{
        _cleanup_free_ char *path = strf(BUS_PATH_JOB "/%" PRIu64, id);
        _cleanup_json_ struct json_object *job = NULL;
        struct json_object *stages = NULL;
        int r;

        if (!path)
                return -ENOMEM;
        if (s->failures++ >= FAILURES_MAX) {
                s->truncated = true;
                return 0;
        }
        r = burnin_read(w, path, &job);
        if (r < 0)
                return r;
        (void) json_get(job, "stages", json_type_array, &stages);
        for (size_t i = 0; stages && i < json_object_array_length(stages); i++) {
                struct json_object *stage = json_object_array_get_idx(stages, i);

                if (streq(get(stage, "verdict"), words[verdict])) {
                        Group *g = group_get(&s->stages, get(stage, "kind"));

                        if (!g)
                                return -ENOMEM;
                        g->counts[verdict]++;
                        break;
                }
        }

        return 0;
}

static int count_job(Web *w, Statistics *s, struct json_object *job)
{
        uint64_t started = get_u64(job, "started_usec"), finished = get_u64(job, "finished_usec");
        Group *model, *day, *created;
        const Drive *d;
        int verdict = 0;

        model = group_get(&s->models, get(job, "model"));
        created = day_get(s, get_u64(job, "created_usec"));
        if (!model || !created)
                return -ENOMEM;
        s->jobs++;
        model->counts[QUEUED]++;
        created->counts[QUEUED]++;

        while (verdict < QUEUED && !streq(get(job, "verdict"), words[verdict]))
                verdict++;
        if (verdict == QUEUED)
                return 0;
        day = day_get(s, finished);
        if (!day)
                return -ENOMEM;
        s->counts[verdict]++;
        model->counts[verdict]++;
        day->counts[verdict]++;

        HASH_FIND_STR(s->drives, get(job, "drive_id"), d);
        if (verdict == PASSED && d && d->bytes > 0 && started > 0 && finished > started &&
            is_whole_surface(get(job, "profile"))) {
                model->hours += (double) (finished - started) / (double) USEC_PER_HOUR;
                model->terabytes += d->bytes / BYTES_PER_TB;
        }

        return verdict == FAILED || verdict == INCONCLUSIVE
                               ? count_failure(w, s, get_u64(job, "id"), verdict)
                               : 0;
}

static int count_jobs(Web *w, Statistics *s)
{
        static const Field page[] = { { "offset", 'u', false, "offset" },
                                      { "limit", 'u', false, "limit" },
                                      {} };
        uint64_t total = 0, last = UINT64_MAX;

        for (uint64_t offset = 0; offset == 0 || offset < total; offset += LIST_PAGE_MAX) {
                _cleanup_json_ struct json_object *jobs = NULL;
                int r;

                if (offset >= JOBS_MAX) {
                        s->truncated = true;
                        return 0;
                }
                r = list_set_page(w, offset, LIST_PAGE_MAX);
                if (r >= 0)
                        r = list_read(w, BUS_PATH, BUS_INTERFACE_MANAGER, "ListJobs", page, &jobs, &total);
                for (size_t i = 0; r >= 0 && i < json_object_array_length(jobs); i++) {
                        struct json_object *job = json_object_array_get_idx(jobs, i);
                        uint64_t id = get_u64(job, "id");

                        if (get_u64(job, "created_usec") < s->since_usec)
                                return 0;
                        if (id < last && streq(get(job, "kind"), "burn-in"))
                                r = count_job(w, s, job);
                        last = MIN(last, id);
                }
                if (r < 0)
                        return r;
        }

        return 0;
}

/* ---- The answer ---- */

static int put_counts(struct json_object *o, const uint64_t *counts, size_t from, size_t to)
{
        int r = 0;

        for (size_t i = from; r >= 0 && i < to; i++)
                r = json_put_u64(o, words[i], counts[i]);
        return r;
}

static int put_ratio(struct json_object *o, const char *key, double a, double b)
{
        if (b > 0)
                return json_put_double(o, key, a / b);
        return web_json_put(o, key, NULL);
}

static int model_put(struct json_object *o, const Group *g)
{
        int r;

        r = json_put_string(o, "model", g->name);
        if (r >= 0)
                r = put_counts(o, g->counts, PASSED, QUEUED);
        if (r >= 0)
                r = put_ratio(o, "pass_rate", (double) g->counts[PASSED],
                              (double) (g->counts[PASSED] + g->counts[FAILED]));
        return r < 0 ? r : put_ratio(o, "hours_per_tb", g->hours, g->terabytes);
}

static int day_put(struct json_object *o, const Group *g)
{
        int r;

        r = json_put_string(o, "date", g->name);
        return r < 0 ? r : put_counts(o, g->counts, PASSED, _COUNTS);
}

static int stage_put(struct json_object *o, const Group *g)
{
        int r;

        r = json_put_string(o, "stage", g->name);
        return r < 0 ? r : put_counts(o, g->counts, FAILED, CANCELLED);
}

static int by_number(Group *a, Group *b)
{
        return a->counts[QUEUED] != b->counts[QUEUED] ? (a->counts[QUEUED] < b->counts[QUEUED] ? 1 : -1)
                                                      : strcmp(a->name, b->name);
}

static int by_name(Group *a, Group *b)
{
        return strcmp(a->name, b->name);
}

static int put_groups(struct json_object *answer, const char *key, const Group *groups,
                      int (*put)(struct json_object *o, const Group *g))
{
        struct json_object *rows = json_object_new_array();
        int r;

        r = web_json_put(answer, key, rows);
        for (const Group *g = groups; r >= 0 && g; g = g->hh.next) {
                struct json_object *row = json_object_new_object();

                if (!row || json_object_array_add(rows, row) < 0) {
                        json_object_put(row);
                        return -ENOMEM;
                }
                r = put(row, g);
        }

        return r;
}

static int statistics_answer(Web *w, Statistics *s)
{
        _cleanup_json_ struct json_object *answer = json_object_new_object();
        struct json_object *verdicts = json_object_new_object();
        int r;

        HASH_SORT(s->models, by_number);
        HASH_SORT(s->days, by_name);
        HASH_SORT(s->stages, by_name);

        r = web_json_put(answer, "verdicts", verdicts);
        if (r >= 0)
                r = put_counts(verdicts, s->counts, PASSED, QUEUED);
        if (r >= 0)
                r = json_put_u64(answer, "since_usec", s->since_usec);
        if (r >= 0)
                r = json_put_u64(answer, "jobs", s->jobs);
        if (r >= 0)
                r = json_put_bool(answer, "truncated", s->truncated);
        if (r >= 0)
                r = put_groups(answer, "models", s->models, model_put);
        if (r >= 0)
                r = put_groups(answer, "days", s->days, day_put);
        if (r >= 0)
                r = put_groups(answer, "failures_by_stage", s->stages, stage_put);

        return r < 0 ? r : response_json(w, 200, TAKE_PTR(answer));
}

const Field statistics_fields[] = { { "days", 'u', false, NULL }, {} };

int statistics_show(Web *w)
{
        _cleanup_(statistics_done) Statistics s = {};
        struct json_object *days = web_value(w, "days");
        int64_t n = days ? json_object_get_int64(days) : DAYS_DEFAULT;
        int r;

        if (n < 1 || n > DAYS_MAX)
                return web_fail(w, "BadParameter", "days", "\"days\" must be from 1 to %d.", DAYS_MAX);
        s.since_usec = now_usec(CLOCK_REALTIME) - (uint64_t) n * USEC_PER_DAY;

        r = read_drives(w, &s);
        if (r >= 0)
                r = count_jobs(w, &s);

        return r < 0 ? r : statistics_answer(w, &s);
}
