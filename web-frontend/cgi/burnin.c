/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <stdarg.h>

#include "basic/parse-util.h"
#include "basic/string-util.h"
#include "basic/strv.h"
#include "cgi/bus-call.h"
#include "cgi/handlers.h"
#include "cgi/list.h"
#include "cgi/plan.h"
#include "cgi/response.h"
#include "common/web-json.h"
#include "shared/names.h"

#define JOBS_DEFAULT 100U

/* ---- What is there ---- */

const Field burnin_list_fields[] = {
        { "state", 's', false, "state" },
        { "active", 'b', false, "active" },
        { "verdict", 's', false, "verdict" },
        { "host", 's', false, "host" },
        { "drive", 's', false, "drive" },
        { "offset", 'u', false, "offset" },
        { "limit", 'u', false, "limit" },
        { "latest", 'b', false, "latest" },
        {},
};

int burnin_list(Web *w)
{
        int r;

        if (!web_value(w, "limit")) {
                r = json_put_u64(w->input, "limit", JOBS_DEFAULT);
                if (r < 0)
                        return r;
        }

        return list_answer(w, BUS_PATH, BUS_INTERFACE_MANAGER, "ListJobs", burnin_list_fields, "jobs", true);
}

int burnin_read(Web *w, const char *path, struct json_object **ret)
{
        _cleanup_json_ struct json_object *raw = NULL, *job = NULL;
        struct json_object *paths = NULL, *stages;
        int r;

        r = web_get_all(w, path, BUS_INTERFACE_JOB, &raw);
        if (r >= 0)
                r = web_json_from_bus(raw, &job);
        if (r < 0)
                return r;
        stages = json_object_new_array();
        r = web_json_put(job, "stages", stages);
        if (r < 0)
                return r;

        (void) json_get(raw, "Stages", json_type_array, &paths);
        for (size_t i = 0; paths && i < json_object_array_length(paths); i++) {
                struct json_object *stage;

                r = web_get_row(w, json_object_get_string(json_object_array_get_idx(paths, i)),
                                BUS_INTERFACE_STAGE, &stage);
                if (r < 0)
                        return r;
                if (json_object_array_add(stages, stage) < 0) {
                        json_object_put(stage);
                        return -ENOMEM;
                }
        }

        *ret = TAKE_PTR(job);
        return 0;
}

static int job_path(Web *w, char **ret)
{
        return web_find_job(w, w->arguments[0], ret);
}

int burnin_show(Web *w)
{
        _cleanup_free_ char *path = NULL;
        struct json_object *job;
        int r;

        r = job_path(w, &path);
        if (r >= 0)
                r = burnin_read(w, path, &job);

        return r < 0 ? r : response_json(w, 200, job);
}

/* ---- Starting ---- */

/* clang-format off */
#define PLAN                                    \
        { "drive_ids", 'a', true, NULL },       \
        { "profile", 's', false, "profile" },   \
        { "stages", 'a', false, "stages" },     \
        { "run_surface", 'b', false, NULL },    \
        { "run_short", 'b', false, NULL },      \
        { "run_long", 'b', false, NULL },       \
        { "stage_order", 'a', false, NULL }
/* clang-format on */

const Field burnin_start_fields[] = {
        PLAN,
        { "serials", 'o', false, NULL },
        { "confirm", 'b', false, "confirmed" },
        { "unlock", 'b', false, "unlock" },
        { "release", 'b', false, "release" },
        { "unlock_existing", 'b', false, "unlock_existing" },
        { "note", 's', false, "note" },
        { "priority", 'i', false, "priority" },
        { "at_usec", 't', false, "at" },
        { "calendar", 's', false, "calendar" },
        { "request", 's', false, "request" },
        { "operator", 's', false, NULL },
        {},
};

/* (drive, serial) for each. */
static int append_drives(Web *w, sd_bus_message *m)
{
        struct json_object *ids = web_value(w, "drive_ids"), *serials = web_value(w, "serials");
        int r;

        r = sd_bus_message_open_container(m, 'a', "(ss)");
        for (size_t i = 0; r >= 0 && i < json_object_array_length(ids); i++) {
                const char *id = json_object_get_string(json_object_array_get_idx(ids, i));
                struct json_object *serial = NULL;

                if (serials && json_object_object_get_ex(serials, id, &serial) &&
                    !json_object_is_type(serial, json_type_string))
                        return web_fail(w, "BadField", "serials", "The serial of a drive must be a text.");
                r = sd_bus_message_append(m, "(ss)", id, serial ? json_object_get_string(serial) : "");
        }

        return r < 0 ? r : sd_bus_message_close_container(m);
}

static int check_drives(Web *w)
{
        size_t n = json_object_array_length(web_value(w, "drive_ids"));

        if (n < 1 || n > BATCH_MAX)
                return web_fail(w, "BadField", "drive_ids", "\"drive_ids\" must have from 1 to %u drives.",
                                BATCH_MAX);
        return 0;
}

/* "org.burnin1.Error.DriveLocked: It is …" */
static struct json_object *detail_to_error(const char *detail)
{
        const char *colon = strstr(detail, ": ");
        _cleanup_free_ char *name = colon ? strndup(detail, (size_t) (colon - detail)) : strdup("");
        _cleanup_json_ struct json_object *error = json_object_new_object();

        if (!name || !error || json_put_string(error, "code", http_code_from_bus(name)) < 0 ||
            json_put_string(error, "message", colon ? colon + 2 : detail) < 0)
                return NULL;

        return TAKE_PTR(error);
}

static int put_result(Web *w, const char *id, const char *result, const char *detail, const char *path,
                      struct json_object **ret)
{
        _cleanup_json_ struct json_object *row = json_object_new_object();
        struct json_object *error = NULL, *job = NULL;
        const char *number = startswith(path, BUS_PATH_JOB "/");
        uint64_t n;

        if (number && parse_u64(number, &n) >= 0)
                job = json_object_new_uint64(n);
        else
                error = detail_to_error(detail);
        if (!row || (!job && !error) || json_put_string(row, "drive_id", id) < 0 ||
            json_put_string(row, "result", result) < 0 || web_json_put(row, "job_id", job) < 0 ||
            web_json_put(row, "error", error) < 0)
                return -ENOMEM;

        *ret = TAKE_PTR(row);
        return 0;
}

static int read_results(Web *w, sd_bus_message *reply, struct json_object *answer)
{
        static const char *const words[] = { "queued", "skipped", "locked" };
        uint64_t counts[ELEMENTSOF(words)] = {};
        const char *id, *result, *detail, *path;
        struct json_object *rows = json_object_new_array(), *row;
        int r;

        r = json_put(answer, "results", rows);
        if (r >= 0)
                r = sd_bus_message_enter_container(reply, 'a', "(ssso)");
        if (r < 0)
                return r;
        while ((r = sd_bus_message_read(reply, "(ssso)", &id, &result, &detail, &path)) > 0) {
                r = put_result(w, id, result, detail, path, &row);
                if (r < 0)
                        return r;
                if (json_object_array_add(rows, row) < 0) {
                        json_object_put(row);
                        return -ENOMEM;
                }
                for (size_t i = 0; i < ELEMENTSOF(words); i++)
                        counts[i] += streq(result, words[i]);
        }
        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(words); i++)
                r = json_put_u64(answer, words[i], counts[i]);

        return r;
}

int burnin_start(Web *w)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL, *reply = NULL;
        _cleanup_json_ struct json_object *answer = json_object_new_object();
        int r;

        if (!answer)
                return -ENOMEM;
        r = check_drives(w);
        if (r >= 0)
                r = plan_read(w->input, &w->error);
        if (r >= 0)
                r = web_call_new(w, BUS_PATH, BUS_INTERFACE_MANAGER, "StartBurnIn", &m);
        if (r >= 0)
                r = append_drives(w, m);
        if (r >= 0)
                r = web_append_options(w, m, burnin_start_fields);
        r = web_call_send(w, m, r, &reply);
        if (r >= 0)
                r = read_results(w, reply, answer);

        return r < 0 ? r : response_json(w, 200, TAKE_PTR(answer));
}

const Field burnin_estimate_fields[] = { PLAN, {} };

static int read_estimates(sd_bus_message *reply, struct json_object *answer)
{
        struct json_object *rows = json_object_new_array(), *row;
        const char *id, *basis;
        uint64_t low, high;
        uint32_t jobs;
        int r;

        r = json_put(answer, "estimates", rows);
        if (r >= 0)
                r = sd_bus_message_enter_container(reply, 'a', "(sttsu)");
        if (r < 0)
                return r;
        while ((r = sd_bus_message_read(reply, "(sttsu)", &id, &low, &high, &basis, &jobs)) > 0) {
                row = json_object_new_object();
                if (!row || json_object_array_add(rows, row) < 0) {
                        json_object_put(row);
                        return -ENOMEM;
                }
                if (json_put_string(row, "drive_id", id) < 0 || json_put_u64(row, "low_usec", low) < 0 ||
                    json_put_u64(row, "high_usec", high) < 0 || json_put_string(row, "basis", basis) < 0 ||
                    json_put_u64(row, "jobs", jobs) < 0)
                        return -ENOMEM;
        }
        if (r >= 0)
                r = sd_bus_message_exit_container(reply);
        if (r >= 0)
                r = sd_bus_message_read(reply, "tt", &low, &high);
        if (r >= 0)
                r = json_put_u64(answer, "low_usec", low);

        return r < 0 ? r : json_put_u64(answer, "high_usec", high);
}

int burnin_estimate(Web *w)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL, *reply = NULL;
        _cleanup_json_ struct json_object *answer = json_object_new_object();
        struct json_object *ids = web_value(w, "drive_ids");
        int r;

        if (!answer)
                return -ENOMEM;
        r = check_drives(w);
        if (r >= 0)
                r = plan_read(w->input, &w->error);
        if (r >= 0)
                r = web_call_new(w, BUS_PATH, BUS_INTERFACE_MANAGER, "EstimateBurnIn", &m);
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'a', "s");
        for (size_t i = 0; r >= 0 && i < json_object_array_length(ids); i++)
                r = sd_bus_message_append(m, "s", json_object_get_string(json_object_array_get_idx(ids, i)));
        if (r >= 0)
                r = sd_bus_message_close_container(m);
        if (r >= 0)
                r = web_append_options(w, m, burnin_estimate_fields);
        r = web_call_send(w, m, r, &reply);
        if (r >= 0)
                r = read_estimates(reply, answer);

        return r < 0 ? r : response_json(w, 200, TAKE_PTR(answer));
}

int burnin_answer_id(Web *w, sd_bus_message *reply)
{
        _cleanup_json_ struct json_object *answer = json_object_new_object();
        _cleanup_free_ char *path = NULL;
        const char *number;
        uint64_t id;
        int r;

        if (!answer)
                return -ENOMEM;
        r = web_read_path(w, reply, &path);
        if (r < 0)
                return r;
        number = startswith(path, BUS_PATH_JOB "/");
        if (!number || parse_u64(number, &id) < 0)
                return -EBADMSG;
        r = json_put_u64(answer, "job_id", id);

        return r < 0 ? r : response_json(w, 201, TAKE_PTR(answer));
}

/* ---- Changing ---- */

const Field burnin_reason_fields[] = { { "reason", 's', false, NULL }, {} };

/* A method of the job with a reason, and the job as it is then. */
static int job_change(Web *w, const char *member, const char *types, ...)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        _cleanup_free_ char *path = NULL;
        struct json_object *job;
        va_list ap;
        int r;

        r = job_path(w, &path);
        if (r >= 0)
                r = web_call_new(w, path, BUS_INTERFACE_JOB, member, &m);
        if (r >= 0) {
                va_start(ap, types);
                r = sd_bus_message_appendv(m, types, ap);
                va_end(ap);
        }
        r = web_call_send(w, m, r, NULL);
        if (r >= 0)
                r = web_get_row(w, path, BUS_INTERFACE_JOB, &job);

        return r < 0 ? r : response_json(w, 200, job);
}

int burnin_cancel(Web *w)
{
        return job_change(w, "Cancel", "st", strempty(web_string(w, "reason")), UINT64_C(0));
}

int burnin_pause(Web *w)
{
        return job_change(w, "Pause", "st", strempty(web_string(w, "reason")), UINT64_C(0));
}

int burnin_resume(Web *w)
{
        return job_change(w, "Resume", "t", UINT64_C(0));
}

const Field burnin_priority_fields[] = { { "priority", 'i', true, NULL }, {} };

int burnin_set_priority(Web *w)
{
        return job_change(w, "SetPriority", "it", (int32_t) json_object_get_int64(web_value(w, "priority")),
                          UINT64_C(0));
}

const Field burnin_retry_fields[] = { { "serial", 's', true, NULL }, {} };

int burnin_retry(Web *w)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        _cleanup_free_ char *path = NULL;
        int r;

        r = job_path(w, &path);
        if (r >= 0)
                r = web_call(w, path, BUS_INTERFACE_JOB, "Retry", &reply, "st", web_string(w, "serial"),
                             UINT64_C(0));

        return r < 0 ? r : burnin_answer_id(w, reply);
}

int burnin_cancel_all(Web *w)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        _cleanup_json_ struct json_object *answer = json_object_new_object();
        uint32_t n;
        int r;

        if (!answer)
                return -ENOMEM;
        r = web_call(w, BUS_PATH, BUS_INTERFACE_MANAGER, "CancelAll", &reply, "st",
                     strempty(web_string(w, "reason")), UINT64_C(0));
        if (r >= 0)
                r = sd_bus_message_read(reply, "u", &n);
        if (r >= 0)
                r = json_put_u64(answer, "cancelled", n);

        return r < 0 ? r : response_json(w, 200, TAKE_PTR(answer));
}
