/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "cli/format.h"
#include "cli/verbs.h"
#include "shared/enums.h"
#include "shared/names.h"

#define FINISHED_SHOWN 5
/* Lines around the tables: head, empty lines, titles. */
#define ROWS_OF_FRAME 8

typedef struct Overview {
        struct json_object *manager, *hosts, *active, *finished;
        uint64_t drives, drives_free;
} Overview;

static void overview_done(Overview *o)
{
        json_object_putp(&o->manager);
        json_object_putp(&o->hosts);
        json_object_putp(&o->active);
        json_object_putp(&o->finished);
}

/* How many drives there are, without asking for them all. */
static int drives_count(Cli *c, const Option *filter, size_t n, uint64_t *ret)
{
        _cleanup_json_ struct json_object *rows = NULL;

        return cli_list(c, "ListDrives", filter, n, 1, &rows, ret);
}

static int overview_get(Cli *c, Overview *o)
{
        const Option present[] = {
                { .key = "present", .type = 'b', .n = 1, .set = true },
                { .key = "lock", .type = 's', .s = lock_role_to_string(LOCK_NONE) },
        };
        const Option done[] = {
                { .key = "state", .type = 's', .s = job_state_to_string(JOB_DONE) },
        };
        int r;

        r = cli_get_all(c, BUS_PATH, BUS_INTERFACE_MANAGER, &o->manager);
        if (r >= 0)
                r = cli_list(c, "ListHosts", NULL, 0, 0, &o->hosts, NULL);
        if (r >= 0)
                r = jobs_list_active(c, &o->active);
        if (r >= 0)
                r = cli_list(c, "ListJobs", done, ELEMENTSOF(done), FINISHED_SHOWN, &o->finished, NULL);
        if (r >= 0)
                r = drives_count(c, present, 1, &o->drives);
        if (r >= 0)
                r = drives_count(c, present, 2, &o->drives_free);
        return r;
}

static int overview_print_json(Cli *c, Overview *o)
{
        _cleanup_json_ struct json_object *all = NULL;

        all = json_object_new_object();
        if (!all || json_put(all, "Manager", TAKE_PTR(o->manager)) < 0 ||
            json_put(all, "Hosts", TAKE_PTR(o->hosts)) < 0 ||
            json_put(all, "ActiveJobs", TAKE_PTR(o->active)) < 0 ||
            json_put(all, "FinishedJobs", TAKE_PTR(o->finished)) < 0 ||
            json_put_u64(all, "PresentDrives", o->drives) < 0 ||
            json_put_u64(all, "UnlockedDrives", o->drives_free) < 0)
                return cli_oom(c);

        return cli_print_json(c, all);
}

/* "3 online, 1 stale (nas4)": those that are not online by name. */
static char *hosts_summary(struct json_object *hosts)
{
        _cleanup_free_ char *others = NULL;
        size_t online = 0, n = json_object_array_length(hosts);

        for (size_t i = 0; i < n; i++) {
                struct json_object *h = json_object_array_get_idx(hosts, i);
                const char *state = row_string(h, "State");
                char *t;

                if (host_state_from_string(state) == HOST_ONLINE) {
                        online++;
                        continue;
                }
                t = strf("%s, %s %s", strempty(others), row_string(h, "Name"), state);
                if (!t)
                        return NULL;
                free(others);
                others = t;
        }

        return strf("%zu of %zu online%s", online, n, strempty(others));
}

static void overview_print_head(Cli *c, FILE *f, const Overview *o)
{
        const char *health = row_string(o->manager, "Health");
        _cleanup_free_ char *hosts = hosts_summary(o->hosts);
        bool well = streq(health, "ok");
        size_t n = json_object_array_length(o->hosts);

        cli_field(c, f, "burnind", STYLE_BOLD, "%s", row_string(o->manager, "Version"));
        cli_field(c, f, "Health", well ? STYLE_GREEN : STYLE_RED, "%s", health);
        cli_field(c, f, "Hosts", STYLE_NONE, "%s",
                  n > 0 ? strempty(hosts) : "none yet: burninctl host add NAME");
        cli_field(c, f, "Drives", STYLE_NONE, "%" PRIu64 " present, %" PRIu64 " of them not locked",
                  o->drives, o->drives_free);
        cli_field(c, f, "Jobs", STYLE_NONE, "%" PRIu64 " of at most %" PRIu64 " running, %" PRIu64 " queued",
                  row_u64(o->manager, "RunningJobs"), row_u64(o->manager, "MaxParallelBurnins"),
                  row_u64(o->manager, "QueuedJobs"));
}

int status_print(Cli *c, FILE *f, size_t rows)
{
        _cleanup_(overview_done) Overview o = {};
        size_t active, shown;
        int r;

        r = overview_get(c, &o);
        if (r < 0)
                return r;
        if (c->json != JSON_OFF)
                return overview_print_json(c, &o);

        if (f == stdout)
                pager_open(c);
        overview_print_head(c, f, &o);

        active = shown = json_object_array_length(o.active);
        if (rows > 0)
                shown = rows > ROWS_OF_FRAME + FINISHED_SHOWN + 3 ? rows - ROWS_OF_FRAME - FINISHED_SHOWN - 3
                                                                  : 1;
        if (active > 0) {
                (void) fputc('\n', f);
                r = jobs_print_progress(c, f, o.active, shown);
                if (r < 0)
                        return r;
                if (shown < active)
                        (void) fprintf(f, "... and %zu more\n", active - shown);
        }

        if (json_object_array_length(o.finished) > 0) {
                (void) fprintf(f, "\n%sLast finished:%s\n", style_on(STYLE_BOLD, c->colour),
                               style_off(STYLE_BOLD, c->colour));
                r = jobs_print(c, f, o.finished);
        }
        return r;
}

int verb_status(Cli *c, char **args, size_t n)
{
        int r;

        r = status_print(c, stdout, 0);
        return r < 0 ? r : STATUS_OK;
}
