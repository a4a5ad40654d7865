/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "basic/fd-util.h"
#include "basic/string-util.h"
#include "cgi/bus-call.h"
#include "cgi/handlers.h"
#include "cgi/response.h"
#include "shared/names.h"

#define LOG_DEFAULT 65536U
#define LOG_MAX     262144U

const Field burnin_log_fields[] = {
        { "stage", 's', false, NULL }, { "offset", 'x', false, NULL }, { "limit", 'u', false, NULL }, {}
};

/* By its kind or its number; without a name the one that runs, else the last that began. */
static int stage_find(Web *w, struct json_object *job, const char *name, char **ret_path,
                      struct json_object **ret)
{
        _cleanup_json_ struct json_object *found = NULL;
        struct json_object *paths = NULL;
        const char *path = NULL;
        int r;

        (void) json_get(job, "Stages", json_type_array, &paths);
        for (size_t i = 0; paths && i < json_object_array_length(paths); i++) {
                const char *here = json_object_get_string(json_object_array_get_idx(paths, i)), *kind = "";
                _cleanup_json_ struct json_object *stage = NULL;
                uint64_t started = 0;
                char index[32];

                r = web_get_all(w, here, BUS_INTERFACE_STAGE, &stage);
                if (r < 0)
                        return r;
                (void) json_get_string(stage, "Kind", &kind);
                (void) json_get_u64(stage, "StartedUSec", &started);
                (void) snprintf(index, sizeof(index), "%zu", i);
                if (name ? streq(name, kind) || streq(name, index) : i == 0 || started > 0) {
                        json_object_putp(&found);
                        found = TAKE_PTR(stage);
                        path = here;
                }
        }
        if (!found)
                return web_fail(w, "NotFound", "stage", "The job has no such stage.");

        *ret_path = strdup(path);
        if (!*ret_path)
                return -ENOMEM;
        *ret = TAKE_PTR(found);
        return 0;
}

static int log_open_stage(Web *w, const char *path, int *ret)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        int fd, r;

        r = web_call(w, path, BUS_INTERFACE_STAGE, "OpenLog", &reply, "");
        if (r >= 0)
                r = sd_bus_message_read(reply, "h", &fd);
        if (r < 0)
                return r;
        fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
        if (fd < 0)
                return -errno;

        *ret = fd;
        return 0;
}

/* A negative offset counts from the end. Returns what is there from *offset on, as text. */
static int log_read(int fd, int64_t *offset, size_t limit, uint64_t *ret_size, size_t *ret_n, char **ret)
{
        _cleanup_free_ char *buf = new (char, limit);
        struct stat st;
        ssize_t n;
        char *text;

        if (!buf)
                return -ENOMEM;
        if (fstat(fd, &st) < 0)
                return -errno;
        if (*offset < 0)
                *offset = *offset < -st.st_size ? 0 : st.st_size + *offset;
        n = pread(fd, buf, limit, *offset);
        if (n < 0)
                return -errno;
        text = str_clean(buf, (size_t) n, (size_t) n, true);
        if (!text)
                return -ENOMEM;

        *ret_size = (uint64_t) st.st_size;
        *ret_n = (size_t) n;
        *ret = text;
        return 0;
}

static int log_answer(Web *w, struct json_object *stage, int fd)
{
        _cleanup_json_ struct json_object *answer = json_object_new_object();
        struct json_object *offset_value = web_value(w, "offset"), *limit = web_value(w, "limit");
        int64_t offset = offset_value ? json_object_get_int64(offset_value) : 0;
        _cleanup_free_ char *text = NULL;
        const char *kind = "", *state = "";
        uint64_t size = 0, index = 0;
        size_t n = 0;
        int r;

        if (!answer)
                return -ENOMEM;
        r = log_read(fd, &offset, limit ? (size_t) json_object_get_int64(limit) : LOG_DEFAULT, &size, &n,
                     &text);
        if (r < 0)
                return r;

        (void) json_get_string(stage, "Kind", &kind);
        (void) json_get_string(stage, "State", &state);
        (void) json_get_u64(stage, "Index", &index);
        if (json_put_string(answer, "stage", kind) < 0 || json_put_u64(answer, "index", index) < 0 ||
            json_put_i64(answer, "offset", offset) < 0 ||
            json_put_i64(answer, "next_offset", offset + (int64_t) n) < 0 ||
            json_put_u64(answer, "size", size) < 0 ||
            json_put_bool(answer, "done", streq(state, "done") && (uint64_t) offset + n >= size) < 0 ||
            json_put_string(answer, "text", text) < 0)
                return -ENOMEM;

        return response_json(w, 200, TAKE_PTR(answer));
}

int burnin_log(Web *w)
{
        _cleanup_json_ struct json_object *job = NULL, *stage = NULL;
        _cleanup_free_ char *job_path = NULL, *path = NULL;
        struct json_object *limit = web_value(w, "limit");
        _cleanup_close_ int fd = -EBADF;
        int r;

        if (limit && (json_object_get_int64(limit) < 1 || json_object_get_int64(limit) > LOG_MAX))
                return web_fail(w, "BadParameter", "limit", "\"limit\" must be from 1 to %u.", LOG_MAX);
        r = web_find_job(w, w->arguments[0], &job_path);
        if (r >= 0)
                r = web_get_all(w, job_path, BUS_INTERFACE_JOB, &job);
        if (r >= 0)
                r = stage_find(w, job, web_string(w, "stage"), &path, &stage);
        /* The stage's state was read before its log: when it says done, the log is whole. */
        if (r >= 0)
                r = log_open_stage(w, path, &fd);

        return r < 0 ? r : log_answer(w, stage, fd);
}
