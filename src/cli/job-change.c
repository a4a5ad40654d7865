/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "basic/parse-util.h"
#include "cli/verbs.h"
#include "shared/names.h"

int verb_job_cancel(Cli *c, char **args, size_t n)
{
        CliStatus status = STATUS_OK;

        /* One that has ended meanwhile must not keep the rest running. */
        for (size_t i = 0; i < n; i++) {
                _cleanup_free_ char *path = NULL;
                int r;

                r = cli_find_job(c, args[i], &path);
                if (r >= 0)
                        r = cli_change(c, "cancel a job", path, BUS_INTERFACE_JOB, "Cancel", NULL, "st",
                                       strempty(c->reason), UINT64_C(0));
                if (r < 0) {
                        status = status != STATUS_OK ? status : c->status;
                        continue;
                }
                if (!c->quiet && c->json == JSON_OFF)
                        cli_say("Cancelled job %s. It is stopping; its drive is free when the host has ended the test.",
                                args[i]);
        }

        return (int) status;
}

int verb_cancel(Cli *c, char **args, size_t n)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        uint32_t count;
        int r;

        if (c->all == (n > 0))
                return cli_fail(c, STATUS_USAGE, "Give the numbers of jobs, or --all for every active job.");
        if (!c->all)
                return verb_job_cancel(c, args, n);

        r = cli_change(c, "cancel all jobs", BUS_PATH, BUS_INTERFACE_MANAGER, "CancelAll", &reply, "st",
                       strempty(c->reason), UINT64_C(0));
        if (r < 0)
                return r;
        r = sd_bus_message_read(reply, "u", &count);
        if (r < 0)
                return cli_fail(c, STATUS_ERROR, "burnind gave an answer that is no number: %s",
                                strerror(-r));

        if (!c->quiet && c->json == JSON_OFF)
                cli_say("Cancelled %" PRIu32 " job%s.", count, count == 1 ? "" : "s");
        return STATUS_OK;
}

/* The same call for each of these jobs; done is what is said of each, with its number. */
static int jobs_change(Cli *c, char **args, size_t n, const char *what, const char *member,
                       const char *types, const char *reason, const char *done)
{
        CliStatus status = STATUS_OK;

        for (size_t i = 0; i < n; i++) {
                _cleanup_free_ char *path = NULL;
                int r;

                r = cli_find_job(c, args[i], &path);
                if (r >= 0 && reason)
                        r = cli_change(c, what, path, BUS_INTERFACE_JOB, member, NULL, types, reason,
                                       UINT64_C(0));
                else if (r >= 0)
                        r = cli_change(c, what, path, BUS_INTERFACE_JOB, member, NULL, types, UINT64_C(0));
                if (r < 0) {
                        status = status != STATUS_OK ? status : c->status;
                        continue;
                }
                if (!c->quiet && c->json == JSON_OFF)
                        cli_say("%s job %s.", done, args[i]);
        }

        return (int) status;
}

int verb_job_pause(Cli *c, char **args, size_t n)
{
        return jobs_change(c, args, n, "pause a job", "Pause", "st", strempty(c->reason), "Paused");
}

int verb_job_resume(Cli *c, char **args, size_t n)
{
        return jobs_change(c, args, n, "resume a job", "Resume", "t", NULL, "Resumed");
}

int verb_job_priority(Cli *c, char **args, size_t n)
{
        _cleanup_free_ char *path = NULL;
        int64_t priority;
        int r;

        r = cli_parse_priority(c, args[1], &priority);
        if (r >= 0)
                r = cli_find_job(c, args[0], &path);
        if (r >= 0)
                r = cli_change(c, "change the turn of a job", path, BUS_INTERFACE_JOB, "SetPriority", NULL,
                               "it", (int32_t) priority, UINT64_C(0));
        if (r < 0)
                return r;

        if (!c->quiet && c->json == JSON_OFF)
                cli_say("Job %s has priority %" PRIi64 ".", args[0], priority);
        return STATUS_OK;
}
