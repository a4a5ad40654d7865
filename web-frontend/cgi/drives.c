/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <strings.h>

#include "basic/string-util.h"
#include "cgi/bus-call.h"
#include "cgi/handlers.h"
#include "cgi/list.h"
#include "cgi/response.h"
#include "common/web-json.h"
#include "shared/names.h"

#define DRAWER_JOBS      10U
#define IDENTIFY_SECONDS 60U

const Field drives_list_fields[] = {
        { "host", 's', false, "host" },
        { "serial", 's', false, "serial" },
        { "lock", 's', false, "lock" },
        { "present", 'b', false, "present" },
        { "offset", 'u', false, "offset" },
        { "limit", 'u', false, "limit" },
        {},
};

int drives_list(Web *w)
{
        return list_answer(w, BUS_PATH, BUS_INTERFACE_MANAGER, "ListDrives", drives_list_fields, "drives",
                           true);
}

static int drive_path(Web *w, char **ret)
{
        return web_find_drive(w, w->arguments[0], ret);
}

static int answer_drive(Web *w, const char *path)
{
        struct json_object *drive;
        int r;

        r = web_get_row(w, path, BUS_INTERFACE_DRIVE, &drive);
        return r < 0 ? r : response_json(w, 200, drive);
}

int drives_show(Web *w)
{
        _cleanup_free_ char *path = NULL;
        int r;

        r = drive_path(w, &path);
        return r < 0 ? r : answer_drive(w, path);
}

const Field drives_change_fields[] = { { "location", 's', false, NULL }, { "notes", 's', false, NULL }, {} };

int drives_change(Web *w)
{
        const char *location = web_string(w, "location"), *notes = web_string(w, "notes");
        _cleanup_free_ char *path = NULL;
        int r;

        if (!location && !notes)
                return web_fail(w, "BadField", "location", "Give \"location\", \"notes\" or both.");
        r = drive_path(w, &path);
        if (r >= 0 && location)
                r = web_call(w, path, BUS_INTERFACE_DRIVE, "SetLocation", NULL, "st", location, UINT64_C(0));
        if (r >= 0 && notes)
                r = web_call(w, path, BUS_INTERFACE_DRIVE, "SetNotes", NULL, "st", notes, UINT64_C(0));
        if (r < 0)
                return r;

        return answer_drive(w, path);
}

int drives_forget(Web *w)
{
        _cleanup_free_ char *path = NULL;
        int r;

        r = drive_path(w, &path);
        if (r >= 0)
                r = web_call(w, path, BUS_INTERFACE_DRIVE, "Forget", NULL, "t", UINT64_C(0));

        return r < 0 ? r : response_empty(w);
}

/* The active job, else the newest of these. */
static int drawer_job(Web *w, struct json_object *drive, struct json_object *jobs, struct json_object **ret)
{
        _cleanup_free_ char *path = NULL;
        uint64_t id = 0;

        (void) json_get_u64(drive, "active_job", &id);
        if (id == 0 && json_object_array_length(jobs) > 0)
                (void) json_get_u64(json_object_array_get_idx(jobs, 0), "id", &id);
        if (id == 0) {
                *ret = NULL;
                return 0;
        }

        path = strf(BUS_PATH_JOB "/%" PRIu64, id);
        return path ? burnin_read(w, path, ret) : -ENOMEM;
}

int drives_drawer(Web *w)
{
        static const Field filter[] = { { "drive", 's', false, "drive" },
                                        { "limit", 'u', false, "limit" },
                                        {} };
        _cleanup_json_ struct json_object *drive = NULL, *jobs = NULL, *job = NULL,
                                          *answer = json_object_new_object();
        _cleanup_free_ char *path = NULL;
        uint64_t total;
        const char *id;
        int r;

        if (!answer)
                return -ENOMEM;
        r = drive_path(w, &path);
        if (r >= 0)
                r = web_get_row(w, path, BUS_INTERFACE_DRIVE, &drive);
        if (r >= 0)
                r = json_get_string(drive, "id", &id) > 0 ? 0 : -EBADMSG;
        if (r >= 0)
                r = json_put_string(w->input, "drive", id);
        if (r >= 0)
                r = json_put_u64(w->input, "limit", DRAWER_JOBS);
        if (r >= 0)
                r = list_read(w, BUS_PATH, BUS_INTERFACE_MANAGER, "ListJobs", filter, &jobs, &total);
        if (r >= 0)
                r = drawer_job(w, drive, jobs, &job);
        if (r >= 0)
                r = json_put(answer, "drive", TAKE_PTR(drive));
        if (r >= 0)
                r = web_json_put(answer, "job", TAKE_PTR(job));
        if (r >= 0)
                r = json_put(answer, "jobs", TAKE_PTR(jobs));
        if (r < 0)
                return r;

        return response_json(w, 200, TAKE_PTR(answer));
}

const Field drives_reading_fields[] = {
        { "since_usec", 't', false, "since" },
        { "until_usec", 't', false, "until" },
        { "offset", 'u', false, "offset" },
        { "limit", 'u', false, "limit" },
        {},
};

int drives_readings(Web *w)
{
        _cleanup_free_ char *path = NULL;
        int r;

        r = drive_path(w, &path);
        if (r < 0)
                return r;

        return list_answer(w, path, BUS_INTERFACE_DRIVE, "ListReadings", drives_reading_fields, "readings",
                           true);
}

const Field drives_self_test_fields[] = { { "type", 's', true, NULL }, {} };

static int read_type(Web *w, const char **ret)
{
        const char *type = web_string(w, "type");

        if (strcasecmp(type, "short") != 0 && strcasecmp(type, "long") != 0)
                return web_fail(w, "BadField", "type", "\"type\" must be \"short\" or \"long\".");

        *ret = strcasecmp(type, "short") == 0 ? "short" : "long";
        return 0;
}

int drives_start_self_test(Web *w)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        _cleanup_free_ char *path = NULL;
        const char *type = "";
        int r;

        r = read_type(w, &type);
        if (r >= 0)
                r = drive_path(w, &path);
        if (r >= 0)
                r = web_call(w, path, BUS_INTERFACE_DRIVE, "StartSelfTest", &reply, "st", type, UINT64_C(0));
        if (r < 0)
                return r;

        return burnin_answer_id(w, reply);
}

int drives_cancel_self_test(Web *w)
{
        _cleanup_json_ struct json_object *drive = NULL, *job = NULL;
        _cleanup_free_ char *path = NULL;
        const char *type = "", *active = "/", *kind = "", *profile = "";
        int r;

        r = read_type(w, &type);
        if (r >= 0)
                r = drive_path(w, &path);
        if (r >= 0)
                r = web_get_all(w, path, BUS_INTERFACE_DRIVE, &drive);
        if (r < 0)
                return r;

        /* The bus cancels whichever runs. Who pressed the button of one must not end the other, started meanwhile. */
        (void) json_get_string(drive, "ActiveJob", &active);
        if (!streq(active, "/")) {
                r = web_get_all(w, active, BUS_INTERFACE_JOB, &job);
                if (r < 0)
                        return r;
                (void) json_get_string(job, "Kind", &kind);
                (void) json_get_string(job, "Profile", &profile);
                if (streq(kind, "self-test") && !streq(profile, type))
                        return web_fail(w, "WrongState", NULL,
                                        "It is a %s self-test that runs, not a %s one.", profile, type);
        }
        r = web_call(w, path, BUS_INTERFACE_DRIVE, "CancelSelfTest", NULL, "t", UINT64_C(0));

        return r < 0 ? r : response_empty(w);
}

const Field drives_unlock_fields[] = { { "token", 's', true, NULL }, { "reason", 's', true, NULL }, {} };

int drives_unlock(Web *w)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        _cleanup_free_ char *path = NULL, *grant = NULL;
        struct json_object *row;
        int r;

        r = drive_path(w, &path);
        if (r >= 0)
                r = web_call(w, path, BUS_INTERFACE_DRIVE, "Unlock", &reply, "sst", web_string(w, "token"),
                             web_string(w, "reason"), UINT64_C(0));
        if (r >= 0)
                r = web_read_path(w, reply, &grant);
        if (r >= 0)
                r = web_get_row(w, grant, BUS_INTERFACE_GRANT, &row);

        return r < 0 ? r : response_json(w, 201, row);
}

const Field drives_identify_fields[] = { { "seconds", 'u', false, NULL }, {} };

int drives_identify(Web *w)
{
        struct json_object *seconds = web_value(w, "seconds");
        _cleanup_free_ char *path = NULL;
        int r;

        r = drive_path(w, &path);
        if (r >= 0)
                r = web_call(w, path, BUS_INTERFACE_DRIVE, "Identify", NULL, "ut",
                             seconds ? (uint32_t) json_object_get_int64(seconds) : IDENTIFY_SECONDS,
                             UINT64_C(0));

        return r < 0 ? r : response_empty(w);
}
