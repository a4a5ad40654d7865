/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "basic/string-util.h"
#include "basic/time-util.h"
#include "cgi/handlers.h"
#include "cgi/list.h"
#include "cgi/response.h"
#include "common/web-json.h"
#include "shared/names.h"

/* What became of the burn-ins of the last days, as burnind has counted them. */
#define DAYS_DEFAULT 90U
#define DAYS_MAX     3660

static const char *const counts[] = { "passed", "failed", "inconclusive", "cancelled" };
#define STAGE_FROM 1U /* by a stage nobody passes or cancels */
#define STAGE_TO   3U

static uint64_t get_u64(struct json_object *o, const char *key)
{
        uint64_t n = 0;

        (void) json_get_u64(o, key, &n);
        return n;
}

static double get_double(struct json_object *o, const char *key)
{
        double n = 0;

        (void) json_get_double(o, key, &n);
        return n;
}

static int put_counts(struct json_object *o, struct json_object *row, size_t from, size_t to)
{
        int r = 0;

        for (size_t i = from; r >= 0 && i < to; i++)
                r = json_put_u64(o, counts[i], get_u64(row, counts[i]));
        return r;
}

static int put_ratio(struct json_object *o, const char *key, double a, double b)
{
        return b > 0 ? json_put_double(o, key, a / b) : web_json_put(o, key, NULL);
}

static int model_put(struct json_object *o, struct json_object *row)
{
        double passed = (double) get_u64(row, "passed"), failed = (double) get_u64(row, "failed");
        int r;

        r = put_counts(o, row, 0, ELEMENTSOF(counts));
        if (r >= 0)
                r = put_ratio(o, "pass_rate", passed, passed + failed);
        return r < 0 ? r
                     : put_ratio(o, "hours_per_tb", get_double(row, "hours"), get_double(row, "terabytes"));
}

static int day_put(struct json_object *o, struct json_object *row)
{
        int r;

        r = put_counts(o, row, 0, ELEMENTSOF(counts));
        return r < 0 ? r : json_put_u64(o, "queued", get_u64(row, "jobs"));
}

static int stage_put(struct json_object *o, struct json_object *row)
{
        return put_counts(o, row, STAGE_FROM, STAGE_TO);
}

/* Where the rows of a part go, and what their name is called there. */
static const struct {
        const char *part, *list, *name;
        int (*put)(struct json_object *o, struct json_object *row);
} parts[] = {
        { "model", "models", "model", model_put },
        { "day", "days", "date", day_put },
        { "month", "days", "date", day_put },
        { "stage", "failures_by_stage", "stage", stage_put },
};

static int add_row(struct json_object *answer, struct json_object *row)
{
        const char *part = "", *name = "";
        struct json_object *list, *o;
        size_t i = 0;
        int r;

        (void) json_get_string(row, "part", &part);
        (void) json_get_string(row, "name", &name);
        while (i < ELEMENTSOF(parts) && !streq(parts[i].part, part))
                i++;
        if (i == ELEMENTSOF(parts))
                return 0; /* of a newer burnind */

        (void) json_object_object_get_ex(answer, parts[i].list, &list);
        o = json_object_new_object();
        if (!o || json_object_array_add(list, o) < 0) {
                json_object_put(o);
                return -ENOMEM;
        }
        r = json_put_string(o, parts[i].name, name);
        return r < 0 ? r : parts[i].put(o, row);
}

/* All models together. */
static int put_totals(struct json_object *answer, struct json_object *rows)
{
        struct json_object *verdicts = json_object_new_object();
        uint64_t totals[ELEMENTSOF(counts)] = {}, jobs = 0;
        int r;

        for (size_t i = 0; i < json_object_array_length(rows); i++) {
                struct json_object *row = json_object_array_get_idx(rows, i);
                const char *part = "";

                (void) json_get_string(row, "part", &part);
                if (!streq(part, "model"))
                        continue;
                jobs += get_u64(row, "jobs");
                for (size_t k = 0; k < ELEMENTSOF(counts); k++)
                        totals[k] += get_u64(row, counts[k]);
        }

        r = web_json_put(answer, "verdicts", verdicts);
        for (size_t k = 0; r >= 0 && k < ELEMENTSOF(counts); k++)
                r = json_put_u64(verdicts, counts[k], totals[k]);
        return r < 0 ? r : json_put_u64(answer, "jobs", jobs);
}

const Field statistics_fields[] = { { "days", 'u', false, NULL }, {} };

int statistics_show(Web *w)
{
        static const Field filter[] = { { "since_usec", 't', false, "since" }, {} };
        _cleanup_json_ struct json_object *rows = NULL, *answer = json_object_new_object();
        struct json_object *days = web_value(w, "days");
        int64_t n = days ? json_object_get_int64(days) : DAYS_DEFAULT;
        uint64_t since;
        int r;

        if (!answer)
                return -ENOMEM;
        if (n < 1 || n > DAYS_MAX)
                return web_fail(w, "BadParameter", "days", "\"days\" must be from 1 to %d.", DAYS_MAX);
        since = now_usec(CLOCK_REALTIME) - (uint64_t) n * USEC_PER_DAY;

        r = json_put_u64(w->input, "since_usec", since);
        if (r >= 0)
                r = list_read(w, BUS_PATH, BUS_INTERFACE_MANAGER, "ListStatistics", filter, &rows, NULL);
        if (r >= 0)
                r = put_totals(answer, rows);
        if (r >= 0)
                r = json_put_u64(answer, "since_usec", since);
        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(parts); i++)
                if (!json_object_object_get_ex(answer, parts[i].list, NULL))
                        r = web_json_put(answer, parts[i].list, json_object_new_array());
        for (size_t i = 0; r >= 0 && i < json_object_array_length(rows); i++)
                r = add_row(answer, json_object_array_get_idx(rows, i));

        return r < 0 ? r : response_json(w, 200, TAKE_PTR(answer));
}
