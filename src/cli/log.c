/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <unistd.h>

#include "cli/format.h"
#include "cli/verbs.h"
#include "shared/enums.h"
#include "shared/names.h"

/* The log of a stage, from a descriptor that burnind hands out, or piece by piece where none comes along, over SSH. On a terminal it is cleaned line by line: what a tested host
 * has printed must not speak to the reader's terminal. Elsewhere it goes out as it is. */

#define FOLLOW_INTERVAL (USEC_PER_SEC / 2)
#define LINE_MAX_BYTES  4096

/* The stage by its kind or its number; without a name the one that runs, else the last that began. */
static int stage_find(Cli *c, struct json_object *job, const char *name, struct json_object **ret)
{
        _cleanup_json_ struct json_object *found = NULL;
        struct json_object *paths = NULL;

        (void) json_get(job, "Stages", json_type_array, &paths);
        for (size_t i = 0; paths && i < json_object_array_length(paths); i++) {
                _cleanup_json_ struct json_object *stage = NULL;
                char index[32];
                bool fits;
                int r;

                r = cli_get_all(c, json_object_get_string(json_object_array_get_idx(paths, i)),
                                BUS_INTERFACE_STAGE, &stage);
                if (r < 0)
                        return r;

                (void) snprintf(index, sizeof(index), "%" PRIu64, row_u64(stage, "Index"));
                fits = name ? streq(name, row_string(stage, "Kind")) || streq(name, index)
                            : i == 0 || row_u64(stage, "StartedUSec") > 0;
                if (fits) {
                        json_object_putp(&found);
                        found = TAKE_PTR(stage);
                }
        }

        if (!found)
                return cli_fail(c, STATUS_NOT_FOUND,
                                "Job %" PRIu64 " has no stage %s. See: burninctl job show %" PRIu64,
                                row_u64(job, "Id"), strempty(name), row_u64(job, "Id"));
        *ret = TAKE_PTR(found);
        return 0;
}

typedef struct LogInput {
        const char *stage; /* its path */
        int fd;            /* negative: over the bus */
        uint64_t offset;
        bool failed; /* the user knows */
} LogInput;

typedef struct LogOutput {
        bool clean;
        char line[LINE_MAX_BYTES];
        size_t used;
} LogOutput;

static int log_flush(LogOutput *o)
{
        _cleanup_free_ char *stripped = NULL, *text = NULL;

        if (o->used == 0)
                return 0;

        stripped = str_clean(o->line, o->used, o->used, true);
        text = stripped ? text_clean(stripped, true) : NULL;
        o->used = 0;
        if (!text)
                return -ENOMEM;
        return fputs(text, stdout) < 0 ? -EIO : 0;
}

static int log_write(LogOutput *o, const char *data, size_t size)
{
        if (!o->clean)
                return fwrite(data, 1, size, stdout) == size ? 0 : -EIO;

        for (size_t i = 0; i < size; i++) {
                o->line[o->used++] = data[i];
                if (data[i] == '\n' || o->used == sizeof(o->line)) {
                        int r = log_flush(o);

                        if (r < 0)
                                return r;
                }
        }

        return 0;
}

/* What a file has by now. */
static int log_copy_file(LogInput *in, LogOutput *o)
{
        char buf[65536];

        for (;;) {
                ssize_t n = read(in->fd, buf, sizeof(buf));
                int r;

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return errno == EAGAIN ? 0 : -errno;
                if (n == 0)
                        return 0;
                r = log_write(o, buf, (size_t) n);
                if (r < 0)
                        return r;
        }
}

/* Everything there is by now. */
static int log_copy(Cli *c, LogInput *in, LogOutput *o)
{
        if (in->fd >= 0)
                return log_copy_file(in, o);

        for (;;) {
                _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
                const void *data;
                size_t size;
                int r;

                r = cli_call(c, "read the log", in->stage, BUS_INTERFACE_STAGE, "ReadLog", &reply, "t",
                             in->offset);
                if (r < 0) {
                        in->failed = true;
                        return r;
                }
                r = sd_bus_message_read_array(reply, 'y', &data, &size);
                if (r < 0 || size == 0)
                        return r;
                r = log_write(o, data, size);
                if (r < 0)
                        return r;
                in->offset += size;
        }
}

/* Whether the stage still runs. When burnind is away for a moment, it does: we go on looking. */
static bool stage_is_active(Cli *c, const char *path)
{
        _cleanup_json_ struct json_object *stage = NULL;

        if (cli_try_get_all(c, path, BUS_INTERFACE_STAGE, NULL, &stage) < 0)
                return sd_bus_is_open(c->bus) > 0;
        return stage_state_from_string(row_string(stage, "State")) != STAGE_DONE;
}

static int log_follow(Cli *c, LogInput *in, LogOutput *o)
{
        bool active;
        int r;

        do {
                /* Asked before the copy: what was written before the end is in it for certain. */
                active = stage_is_active(c, in->stage);
                r = log_copy(c, in, o);
                if (r >= 0 && o->clean)
                        r = log_flush(o);
                if (r < 0)
                        return r;
                if (fflush(stdout) != 0)
                        return -EIO;
                if (active)
                        (void) usleep(FOLLOW_INTERVAL);
        } while (active);

        return 0;
}

int verb_job_log(Cli *c, char **args, size_t n)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        _cleanup_json_ struct json_object *job = NULL, *stage = NULL;
        _cleanup_free_ char *path = NULL;
        LogOutput output = {};
        LogInput input = {
                .fd = -EBADF,
        };
        int r;

        r = cli_find_job(c, args[0], &path);
        if (r >= 0)
                r = cli_get_all(c, path, BUS_INTERFACE_JOB, &job);
        if (r >= 0)
                r = stage_find(c, job, n > 1 ? args[1] : NULL, &stage);
        if (r < 0)
                return r;

        input.stage = row_string(stage, "Object");
        if (!c->remote) {
                r = cli_call(c, "read the log", input.stage, BUS_INTERFACE_STAGE, "OpenLog", &reply, "");
                if (r < 0)
                        return r;
                r = sd_bus_message_read(reply, "h", &input.fd);
                if (r < 0)
                        return cli_fail(c, STATUS_ERROR, "burnind gave no descriptor: %s", strerror(-r));
        }

        output.clean = c->terminal;
        if (c->follow)
                r = log_follow(c, &input, &output);
        else {
                pager_open(c);
                r = log_copy(c, &input, &output);
                if (r >= 0)
                        r = log_flush(&output);
        }
        if (input.failed)
                return r;
        /* A reader that has seen enough closes the pipe: that is no failure. */
        if (r < 0 && r != -EIO && r != -EPIPE)
                return cli_fail(c, STATUS_ERROR, "Failed to read the log: %s", strerror(-r));
        return STATUS_OK;
}
