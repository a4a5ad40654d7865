/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "basic/strv.h"
#include "basic/time-util.h"
#include "cli/format.h"
#include "cli/verbs.h"
#include "shared/enums.h"
#include "shared/names.h"

/* Follows jobs to their ends. Nothing hangs on a signal alone: burnind may be restarted in between, a finished job stays
 * readable for ever, and so whatever happens only makes us look again. */

#define REFRESH_INTERVAL (15 * USEC_PER_SEC)
#define REDRAW_INTERVAL  (USEC_PER_SEC / 2)

typedef struct Wait {
        Cli *cli;
        char **paths; /* borrowed */
        size_t n;
        struct json_object *jobs; /* the last known state of each, in the order of paths */
        bool dirty;
        bool lost; /* burnind did not answer the last time */
        size_t lines;
} Wait;

static int wait_on_signal(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        Wait *w = userdata;

        w->dirty = true;
        return 0;
}

static bool job_is_done(struct json_object *job)
{
        return job && job_state_from_string(row_string(job, "State")) == JOB_DONE;
}

static void wait_tell_end(Wait *w, struct json_object *job)
{
        const char *verdict = row_string(job, "Verdict"), *reason = row_string(job, "Reason");
        _cleanup_free_ char *text = NULL, *clean = NULL;

        if (w->cli->quiet || w->cli->json != JSON_OFF)
                return;

        text = strf("Job %" PRIu64 ", %s on %s: ", row_u64(job, "Id"), row_string(job, "Serial"),
                    row_string(job, "Host"));
        clean = text ? text_clean(text, false) : NULL;
        free(text);
        text = strf("%s%s%s", verdict, isempty(reason) ? "" : ": ", strempty(reason));
        if (clean && text)
                (void) printf("%s%s", clean, style_on(style_for_state(verdict), w->cli->colour));
        free(clean);
        clean = text ? text_clean(text, false) : NULL;
        if (clean)
                (void) printf("%s%s\n", clean, style_off(style_for_state(verdict), w->cli->colour));
        (void) fflush(stdout);
}

static int wait_draw(Wait *w)
{
        Cli *c = w->cli;
        _cleanup_free_ char *text = NULL;
        size_t size = 0;
        FILE *f;
        int r;

        if (!c->terminal || c->quiet || c->json != JSON_OFF)
                return 0;

        terminal_inspect(c);
        f = open_memstream(&text, &size);
        if (!f)
                return cli_oom(c);
        r = jobs_print_progress(c, f, w->jobs, c->rows > 4 ? c->rows - 3 : 0);
        if (w->lost)
                (void) fputs("burnind does not answer; the tests go on, and so does the waiting.\n", f);
        if (fclose(f) != 0 || r < 0)
                return r < 0 ? r : cli_oom(c);

        terminal_redraw(text, c->rows, &w->lines);
        return 0;
}

/* Looks at every job that has not ended. Returns how many are left. */
static int wait_refresh(Wait *w)
{
        Cli *c = w->cli;
        int left = 0, r;

        w->dirty = w->lost = false;
        for (size_t i = 0; i < w->n; i++) {
                _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
                struct json_object *job = NULL;

                if (job_is_done(json_object_array_get_idx(w->jobs, i)))
                        continue;
                left++;

                r = cli_try_get_all(c, w->paths[i], BUS_INTERFACE_JOB, &error, &job);
                if (r < 0 && (sd_bus_is_open(c->bus) <= 0 ||
                              sd_bus_error_has_name(&error, SD_BUS_ERROR_UNKNOWN_OBJECT) ||
                              status_from_error(error.name) != STATUS_ERROR))
                        return cli_fail_bus(c, "look at the job", &error, r);
                if (r < 0) {
                        w->lost = true;
                        continue;
                }
                if (json_object_array_put_idx(w->jobs, i, job) < 0) {
                        json_object_put(job);
                        return cli_oom(c);
                }
                if (job_is_done(job))
                        left--;
        }

        return left;
}

/* Until something has happened, but not more often than a person can read, and not never. */
static int wait_pause(Wait *w)
{
        uint64_t start = now_usec(CLOCK_MONOTONIC), end = start + REFRESH_INTERVAL;
        int r;

        for (;;) {
                uint64_t now;

                do {
                        r = sd_bus_process(w->cli->bus, NULL);
                } while (r > 0);
                if (r < 0)
                        return cli_fail(w->cli, STATUS_ERROR,
                                        "Lost the connection to the bus: %s\nThe jobs go on. See: burninctl jobs",
                                        strerror(-r));

                now = now_usec(CLOCK_MONOTONIC);
                if (w->dirty)
                        end = MIN(end, start + REDRAW_INTERVAL);
                if (now >= end)
                        return 0;
                r = sd_bus_wait(w->cli->bus, end - now);
                if (r < 0 && r != -EINTR)
                        return cli_fail(w->cli, STATUS_ERROR, "Failed to wait: %s", strerror(-r));
        }
}

static int wait_run(Wait *w)
{
        CliStatus status = STATUS_OK;
        int left, r;

        for (;;) {
                left = wait_refresh(w);
                if (left < 0)
                        return left;
                r = wait_draw(w);
                if (r < 0)
                        return r;
                if (left == 0)
                        break;
                r = wait_pause(w);
                if (r < 0)
                        return r;
        }

        for (size_t i = 0; i < w->n; i++) {
                struct json_object *job = json_object_array_get_idx(w->jobs, i);
                CliStatus s = status_from_verdict(row_string(job, "Verdict"));

                wait_tell_end(w, job);
                /* A drive that is bad says more than one that nobody knows of. */
                if (status != STATUS_VERDICT_FAILED && s != STATUS_OK)
                        status = s;
        }

        return (int) status;
}

int jobs_wait(Cli *c, char **paths, size_t n)
{
        sd_bus_slot *slots[CLI_MATCHES] = {};
        Wait w = {
                .cli = c,
                .paths = paths,
                .n = n,
        };
        int r = 0;

        w.jobs = json_object_new_array();
        if (!w.jobs)
                return cli_oom(c);
        for (size_t i = 0; r >= 0 && i < n; i++)
                r = json_object_array_add(w.jobs, NULL);

        r = r < 0 ? cli_oom(c) : cli_match_signals(c, wait_on_signal, &w, slots);
        if (r >= 0)
                r = wait_run(&w);

        for (size_t i = 0; i < CLI_MATCHES; i++)
                sd_bus_slot_unref(slots[i]);
        json_object_put(w.jobs);
        return r;
}

int verb_job_wait(Cli *c, char **args, size_t n)
{
        _cleanup_strv_free_ char **paths = NULL;
        int r;

        for (size_t i = 0; i < n; i++) {
                char *path;

                r = cli_find_job(c, args[i], &path);
                if (r < 0)
                        return r;
                r = strv_consume(&paths, path);
                if (r < 0)
                        return cli_oom(c);
        }

        return jobs_wait(c, paths, n);
}
