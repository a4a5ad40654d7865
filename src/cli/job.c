/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "basic/time-util.h"
#include "cli/format.h"
#include "cli/verbs.h"
#include "shared/enums.h"
#include "shared/names.h"

#define BAR_CELLS 20

CliStatus status_from_verdict(const char *verdict)
{
        switch (verdict_from_string(verdict)) {
        case VERDICT_PASSED:
                return STATUS_OK;
        case VERDICT_FAILED:
                return STATUS_VERDICT_FAILED;
        default:
                /* Also a verdict that this program has never heard of: only "passed" is a pass. */
                return STATUS_VERDICT_OPEN;
        }
}

/* The server's filter takes one state; the lists of these are disjoint but for a job that moves on while we ask. */
static int jobs_list_by_state(Cli *c, const char *host, const char *drive, const char *verdict,
                              struct json_object **ret)
{
        static const JobState states[] = { JOB_RUNNING, JOB_STOPPING, JOB_PAUSED, JOB_QUEUED };
        _cleanup_json_ struct json_object *all = NULL;
        int r;

        all = json_object_new_array();
        if (!all)
                return cli_oom(c);

        for (size_t i = 0; i < ELEMENTSOF(states); i++) {
                _cleanup_json_ struct json_object *jobs = NULL;
                const Option filter[] = {
                        { .key = "state", .type = 's', .s = job_state_to_string(states[i]) },
                        { .key = "host", .type = 's', .s = host },
                        { .key = "drive", .type = 's', .s = drive },
                        { .key = "verdict", .type = 's', .s = verdict },
                };

                r = cli_list(c, "ListJobs", filter, ELEMENTSOF(filter), 0, &jobs, NULL);
                if (r < 0)
                        return r;

                for (size_t k = 0; k < json_object_array_length(jobs); k++) {
                        struct json_object *j = json_object_array_get_idx(jobs, k);

                        if (c->lines > 0 && json_object_array_length(all) >= c->lines)
                                break;
                        if (jobs_find(all, row_string(j, "Object")))
                                continue;
                        if (json_object_array_add(all, json_object_get(j)) < 0) {
                                json_object_put(j);
                                return cli_oom(c);
                        }
                }
        }

        *ret = TAKE_PTR(all);
        return 0;
}

int jobs_list_active(Cli *c, struct json_object **ret)
{
        return jobs_list_by_state(c, NULL, NULL, NULL, ret);
}

struct json_object *jobs_find(struct json_object *jobs, const char *path)
{
        for (size_t i = 0; i < json_object_array_length(jobs); i++) {
                struct json_object *j = json_object_array_get_idx(jobs, i);

                if (!isempty(path) && streq(row_string(j, "Object"), path))
                        return j;
        }

        return NULL;
}

/* What a job in the queue waits for; the reader's clock says more than the service's. */
static void job_add_waiting(Table *t, struct json_object *job)
{
        uint64_t until = row_u64(job, "QueuedUntilUSec");
        char text[FORMAT_MAX];

        if (streq(row_string(job, "State"), "queued") && until > now_usec(CLOCK_REALTIME))
                table_add(t, STYLE_DIM, "Waits until %s.", format_local(text, until));
        else
                table_add(t, STYLE_DIM, "%s", row_string(job, "Reason"));
}

/* Where a job stands, in words: the phase, or what keeps it from going on. */
static void job_add_phase(Table *t, struct json_object *job, struct json_object *stage)
{
        const char *contact = stage ? row_string(stage, "Contact") : "";

        if (streq(row_string(job, "State"), "paused"))
                table_add(t, STYLE_YELLOW, "%s", row_string(job, "Reason"));
        else if (stage && !isempty(row_string(stage, "Paused")))
                table_add(t, STYLE_YELLOW, "paused: %s", row_string(stage, "Paused"));
        else if (!isempty(contact))
                table_add(t, STYLE_YELLOW, "no contact: %s", contact);
        else if (stage && row_u64(stage, "Phases") > 0)
                table_add(t, STYLE_NONE, "%" PRIu64 "/%" PRIu64 " %s", row_u64(stage, "Phase"),
                          row_u64(stage, "Phases"), row_string(stage, "PhaseName"));
        else if (stage)
                table_add(t, STYLE_NONE, "%s", row_string(stage, "PhaseName"));
        else
                job_add_waiting(t, job);
}

static const TableColumn progress_columns[] = {
        { "JOB", true, 0 },    { "HOST", false, 6 },     { "SERIAL", false, 8 }, { "STAGE", false, 8 },
        { "PHASE", false, 8 }, { "PROGRESS", false, 0 }, { "SPEED", true, 0 },   { "TEMP", true, 0 },
        { "BAD", true, 0 },    { "LEFT", true, 0 },
};

static void job_add_progress(Cli *c, Table *t, struct json_object *job)
{
        _cleanup_json_ struct json_object *stage = NULL;
        const char *state = row_string(job, "State"), *path = row_string(job, "CurrentStage");
        char text[FORMAT_MAX], bar[BAR_MAX];
        int32_t mdegc = MDEGC_UNKNOWN;
        uint64_t bad = 0;

        if (!isempty(path) && !streq(path, "/"))
                (void) cli_try_get_all(c, path, BUS_INTERFACE_STAGE, NULL, &stage);
        if (stage) {
                (void) json_get_i32(stage, "TemperatureMDegC", &mdegc);
                bad = row_u64(stage, "BadBlocks");
        }

        table_add(t, STYLE_BOLD, "%" PRIu64, row_u64(job, "Id"));
        table_add(t, STYLE_NONE, "%s", row_string(job, "Host"));
        table_add(t, STYLE_NONE, "%s", row_string(job, "Serial"));
        table_add(t, STYLE_NONE, "%s", stage && streq(state, "running") ? row_string(stage, "Kind") : state);
        job_add_phase(t, job, stage);
        table_add(t, STYLE_GREEN, "%s", format_bar(bar, row_double(job, "Percent"), BAR_CELLS, c->utf8));
        table_add(t, STYLE_NONE, "%s", format_rate(text, stage ? row_u64(stage, "BytesPerSecond") : 0));
        table_add(t, STYLE_NONE, "%s", format_temperature(text, mdegc, c->utf8));
        if (stage)
                table_add(t, bad > 0 ? STYLE_RED : STYLE_NONE, "%" PRIu64, bad);
        else
                table_add(t, STYLE_NONE, "%s", "");
        table_add(t, STYLE_NONE, "%s", format_left(text, row_u64(job, "ETAUSec"), now_usec(CLOCK_REALTIME)));
}

int jobs_print_progress(Cli *c, FILE *f, struct json_object *jobs, size_t max)
{
        _cleanup_(table_freep) Table *t = NULL;
        size_t n = json_object_array_length(jobs);

        if (table_new(progress_columns, ELEMENTSOF(progress_columns), &t) < 0)
                return cli_oom(c);

        for (size_t i = 0; i < (max > 0 ? MIN(n, max) : n); i++)
                job_add_progress(c, t, json_object_array_get_idx(jobs, i));

        cli_print_table(c, f, t, NULL);
        return 0;
}

static const TableColumn job_columns[] = {
        { "JOB", true, 0 },      { "HOST", false, 6 },    { "MODEL", false, 8 },   { "SERIAL", false, 8 },
        { "PROFILE", false, 0 }, { "STATE", false, 0 },   { "CREATED", false, 0 }, { "TOOK", true, 0 },
        { "BY", false, 6 },      { "REASON", false, 10 },
};

static void job_add_row(Table *t, struct json_object *j)
{
        const char *state = row_string(j, "State"), *verdict = row_string(j, "Verdict");
        uint64_t started = row_u64(j, "StartedUSec"), end = row_u64(j, "FinishedUSec");
        char text[FORMAT_MAX], span[TIMESPAN_MAX] = "";

        if (end == 0 && !streq(state, "queued"))
                end = now_usec(CLOCK_REALTIME);
        if (started > 0 && end > started)
                (void) format_timespan(span, end - started);

        table_add(t, STYLE_BOLD, "%" PRIu64, row_u64(j, "Id"));
        table_add(t, STYLE_NONE, "%s", row_string(j, "Host"));
        table_add(t, STYLE_NONE, "%s", row_string(j, "Model"));
        table_add(t, STYLE_NONE, "%s", row_string(j, "Serial"));
        table_add(t, STYLE_NONE, "%s%s", streq(row_string(j, "Kind"), "self-test") ? "self-test " : "",
                  row_string(j, "Profile"));
        if (!isempty(verdict))
                table_add(t, style_for_state(verdict), "%s", verdict);
        else if (streq(state, "running"))
                table_add(t, STYLE_NONE, "running %.1f %%", row_double(j, "Percent"));
        else
                table_add(t, STYLE_NONE, "%s", state);
        table_add(t, STYLE_NONE, "%s", format_local(text, row_u64(j, "CreatedUSec")));
        table_add(t, STYLE_NONE, "%s", span);
        table_add(t, STYLE_NONE, "%s", row_string(j, "Operator"));
        job_add_waiting(t, j);
}

int jobs_print(Cli *c, FILE *f, struct json_object *jobs)
{
        _cleanup_(table_freep) Table *t = NULL;

        if (table_new(job_columns, ELEMENTSOF(job_columns), &t) < 0)
                return cli_oom(c);

        for (size_t i = 0; i < json_object_array_length(jobs); i++)
                job_add_row(t, json_object_array_get_idx(jobs, i));

        cli_print_table(c, f, t, NULL);
        return 0;
}

int verb_jobs(Cli *c, char **args, size_t n)
{
        _cleanup_json_ struct json_object *jobs = NULL, *drive = NULL;
        const char *id = NULL;
        bool known = !c->drive || cli_find_drive_id(c, &drive, &id);
        const Option filter[] = {
                { .key = "host", .type = 's', .s = c->host },
                { .key = "drive", .type = 's', .s = id },
                { .key = "verdict", .type = 's', .s = c->verdict },
                { .key = "state", .type = 's', .s = c->state },
                { .key = "latest", .type = 'b', .n = 1, .set = c->latest },
        };
        uint64_t total = 0;
        size_t count;
        int r;

        if (c->active && c->state)
                return cli_fail(c, STATUS_USAGE, "--active or --state=, not both.");
        if (c->active && c->latest)
                return cli_fail(c, STATUS_USAGE,
                                "--active is of jobs that have not ended, --latest of those that have.");
        if (c->active)
                r = jobs_list_by_state(c, c->host, id, c->verdict, &jobs);
        else
                r = cli_list(c, "ListJobs", filter, ELEMENTSOF(filter), c->lines, &jobs, &total);
        if (r < 0)
                return r;
        count = json_object_array_length(jobs);
        if (!known && count == 0)
                return cli_fail(c, STATUS_NOT_FOUND, "%s", strempty(c->failure));
        if (c->json != JSON_OFF)
                return cli_print_json(c, jobs);
        if (c->quiet)
                return cli_print_names(c, jobs, "Id");

        pager_open(c);
        r = jobs_print(c, stdout, jobs);
        if (r < 0)
                return r;
        cli_print_count(c, count, total, "job", "jobs");
        return STATUS_OK;
}

/* The job with all its stages: "Stages" keeps its paths, "StageObjects" has what is behind them. */
static int job_get(Cli *c, const char *id, struct json_object **ret)
{
        _cleanup_json_ struct json_object *job = NULL, *stages = NULL;
        struct json_object *paths = NULL;
        _cleanup_free_ char *path = NULL;
        int r;

        r = cli_find_job(c, id, &path);
        if (r < 0)
                return r;
        r = cli_get_all(c, path, BUS_INTERFACE_JOB, &job);
        if (r < 0)
                return r;

        stages = json_object_new_array();
        if (!stages)
                return cli_oom(c);
        (void) json_get(job, "Stages", json_type_array, &paths);

        for (size_t i = 0; paths && i < json_object_array_length(paths); i++) {
                struct json_object *stage = NULL;

                r = cli_get_all(c, json_object_get_string(json_object_array_get_idx(paths, i)),
                                BUS_INTERFACE_STAGE, &stage);
                if (r < 0)
                        return r;
                if (json_object_array_add(stages, stage) < 0) {
                        json_object_put(stage);
                        return cli_oom(c);
                }
        }

        if (json_put(job, "StageObjects", TAKE_PTR(stages)) < 0)
                return cli_oom(c);
        *ret = TAKE_PTR(job);
        return 0;
}

static void job_print_head(Cli *c, struct json_object *j)
{
        const char *verdict = row_string(j, "Verdict"), *state = row_string(j, "State");
        uint64_t started = row_u64(j, "StartedUSec"), finished = row_u64(j, "FinishedUSec");
        char text[FORMAT_MAX], bar[BAR_MAX], span[TIMESPAN_MAX];

        cli_field(c, stdout, "Job", STYLE_BOLD, "%" PRIu64 " (%s, profile %s)", row_u64(j, "Id"),
                  row_string(j, "Kind"), row_string(j, "Profile"));
        cli_field(c, stdout, "Drive", STYLE_NONE, "%s %s", row_string(j, "Model"), row_string(j, "Serial"));
        cli_field(c, stdout, "Id", STYLE_NONE, "%s", row_string(j, "DriveId"));
        cli_field(c, stdout, "Host", STYLE_NONE, "%s", row_string(j, "Host"));
        cli_field(c, stdout, "State", STYLE_NONE, "%s", state);
        cli_field(c, stdout, "Verdict", style_for_state(verdict), "%s", verdict);
        cli_field(c, stdout, "Reason", STYLE_NONE, "%s", row_string(j, "Reason"));
        if (!streq(state, "done")) {
                cli_field(c, stdout, "Progress", STYLE_GREEN, "%s",
                          format_bar(bar, row_double(j, "Percent"), BAR_CELLS, c->utf8));
                cli_field(c, stdout, "Left", STYLE_NONE, "%s",
                          format_left(text, row_u64(j, "ETAUSec"), now_usec(CLOCK_REALTIME)));
        }
        cli_field(c, stdout, "Queued until", STYLE_NONE, "%s",
                  format_local(text, row_u64(j, "QueuedUntilUSec")));
        cli_field(c, stdout, "Calendar", STYLE_NONE, "%s", row_string(j, "Calendar"));
        cli_field(c, stdout, "Paused", STYLE_YELLOW, "%s", format_local(text, row_u64(j, "PausedUSec")));
        if (row_i64(j, "Priority") != 0)
                cli_field(c, stdout, "Priority", STYLE_NONE, "%" PRIi64, row_i64(j, "Priority"));
        cli_field(c, stdout, "Operator", STYLE_NONE, "%s", row_string(j, "Operator"));
        if (!isempty(row_string(j, "Unlocked")))
                cli_field(c, stdout, "Unlocked", STYLE_RED, "%s %s by %s: %s", row_string(j, "Unlocked"),
                          row_string(j, "UnlockedPool"), row_string(j, "UnlockedBy"),
                          row_string(j, "UnlockReason"));
        cli_field(c, stdout, "Note", STYLE_NONE, "%s", row_string(j, "Note"));
        cli_field(c, stdout, "Created", STYLE_NONE, "%s", format_local(text, row_u64(j, "CreatedUSec")));
        cli_field(c, stdout, "Started", STYLE_NONE, "%s", format_local(text, started));
        cli_field(c, stdout, "Finished", STYLE_NONE, "%s", format_local(text, finished));
        if (started > 0 && finished > started)
                cli_field(c, stdout, "Took", STYLE_NONE, "%s", format_timespan(span, finished - started));
        cli_field(c, stdout, "Unit", STYLE_NONE, "%s", row_string(j, "Unit"));
}

/* Member i of a structure that came as an array. */
static struct json_object *tuple_get(struct json_object *tuple, size_t i)
{
        if (!json_object_is_type(tuple, json_type_array) || i >= json_object_array_length(tuple))
                return NULL;
        return json_object_array_get_idx(tuple, i);
}

static const char *tuple_string(struct json_object *tuple, size_t i)
{
        struct json_object *o = tuple_get(tuple, i);

        return json_object_is_type(o, json_type_string) ? json_object_get_string(o) : "";
}

static uint64_t tuple_u64(struct json_object *tuple, size_t i)
{
        struct json_object *o = tuple_get(tuple, i);

        return json_object_is_type(o, json_type_int) ? json_object_get_uint64(o) : 0;
}

static int stage_print_phases(Cli *c, struct json_object *stage)
{
        static const TableColumn columns[] = {
                { "PHASE", true, 0 },
                { "NAME", false, 8 },
                { "STARTED", false, 0 },
                { "TOOK", true, 0 },
        };
        _cleanup_(table_freep) Table *t = NULL;
        struct json_object *phases = NULL;
        uint64_t end = row_u64(stage, "FinishedUSec") ?: now_usec(CLOCK_REALTIME);

        if (json_get(stage, "PhaseHistory", json_type_array, &phases) <= 0 ||
            json_object_array_length(phases) == 0)
                return 0;
        if (table_new(columns, ELEMENTSOF(columns), &t) < 0)
                return cli_oom(c);

        for (size_t i = 0; i < json_object_array_length(phases); i++) {
                struct json_object *p = json_object_array_get_idx(phases, i);
                bool last = i + 1 == json_object_array_length(phases);
                uint64_t from = tuple_u64(p, 2),
                         to = last ? end : tuple_u64(json_object_array_get_idx(phases, i + 1), 2);
                char started[FORMAT_MAX], span[TIMESPAN_MAX] = "";

                if (from > 0 && to > from)
                        (void) format_timespan(span, to - from);
                table_add(t, STYLE_NONE, "%" PRIu64, tuple_u64(p, 0));
                table_add(t, STYLE_NONE, "%s", tuple_string(p, 1));
                table_add(t, STYLE_NONE, "%s", format_local(started, from));
                table_add(t, STYLE_NONE, "%s", span);
        }

        (void) fputc('\n', stdout);
        cli_print_table(c, stdout, t, "    ");
        return 0;
}

static int stage_print_evidence(Cli *c, struct json_object *stage)
{
        static const TableColumn columns[] = {
                { "EVIDENCE", false, 12 }, { "EXPECTED", false, 10 }, { "OBSERVED", false, 10 },
                { "SOURCE", false, 8 },    { "VERDICT", false, 0 },
        };
        _cleanup_(table_freep) Table *t = NULL;
        struct json_object *ledger = NULL;

        if (json_get(stage, "Evidence", json_type_array, &ledger) <= 0 ||
            json_object_array_length(ledger) == 0)
                return 0;
        if (table_new(columns, ELEMENTSOF(columns), &t) < 0)
                return cli_oom(c);

        for (size_t i = 0; i < json_object_array_length(ledger); i++) {
                struct json_object *e = json_object_array_get_idx(ledger, i);
                const char *verdict = tuple_string(e, 4);

                for (size_t k = 0; k < 4; k++)
                        table_add(t, STYLE_NONE, "%s", tuple_string(e, k));
                table_add(t, style_for_state(verdict), "%s", verdict);
        }

        (void) fputc('\n', stdout);
        cli_print_table(c, stdout, t, "    ");
        return 0;
}

static int stage_print(Cli *c, struct json_object *s)
{
        const char *verdict = row_string(s, "Verdict");
        char text[FORMAT_MAX], bar[BAR_MAX];
        int32_t mdegc = MDEGC_UNKNOWN, min = MDEGC_UNKNOWN, max = MDEGC_UNKNOWN;
        int r;

        (void) json_get_i32(s, "TemperatureMDegC", &mdegc);
        (void) json_get_i32(s, "TemperatureMinMDegC", &min);
        (void) json_get_i32(s, "TemperatureMaxMDegC", &max);

        (void) fputc('\n', stdout);
        cli_field(c, stdout, "Stage", STYLE_BOLD, "%" PRIu64 " %s", row_u64(s, "Index"),
                  row_string(s, "Kind"));
        cli_field(c, stdout, "State", style_for_state(verdict), "%s%s%s", row_string(s, "State"),
                  isempty(verdict) ? "" : ", ", verdict);
        cli_field(c, stdout, "Reason", STYLE_NONE, "%s", row_string(s, "Reason"));
        if (streq(row_string(s, "State"), "pending"))
                return 0;

        if (!streq(row_string(s, "State"), "done")) {
                cli_field(c, stdout, "Progress", STYLE_GREEN, "%s",
                          format_bar(bar, row_double(s, "Percent"), BAR_CELLS, c->utf8));
                if (row_u64(s, "Phases") > 0)
                        cli_field(c, stdout, "Phase", STYLE_NONE, "%" PRIu64 " of %" PRIu64 ", %s, %.1f %%",
                                  row_u64(s, "Phase"), row_u64(s, "Phases"), row_string(s, "PhaseName"),
                                  row_double(s, "PhasePercent"));
                cli_field(c, stdout, "Speed", STYLE_NONE, "%s",
                          format_rate(text, row_u64(s, "BytesPerSecond")));
        }
        cli_field(c, stdout, "No contact", STYLE_YELLOW, "%s", row_string(s, "Contact"));
        cli_field(c, stdout, "Paused", STYLE_YELLOW, "%s", row_string(s, "Paused"));
        cli_field(c, stdout, "Stands still", STYLE_YELLOW, "%s", row_string(s, "Stalled"));
        cli_field(c, stdout, "Temperature", STYLE_NONE, "%s", format_temperature(text, mdegc, c->utf8));
        if (max != MDEGC_UNKNOWN) {
                char low[FORMAT_MAX];

                cli_field(c, stdout, "Range", STYLE_NONE, "%s to %s", format_temperature(low, min, c->utf8),
                          format_temperature(text, max, c->utf8));
        }
        if (row_u64(s, "WorkBytes") > 0)
                cli_field(c, stdout, "Work", STYLE_NONE, "%s", format_size(text, row_u64(s, "WorkBytes")));
        if (row_u64(s, "Phases") > 0)
                cli_field(c, stdout, "Bad blocks", row_u64(s, "BadBlocks") > 0 ? STYLE_RED : STYLE_GREEN,
                          "%" PRIu64 " (%" PRIu64 "/%" PRIu64 "/%" PRIu64 " read/write/compare errors)",
                          row_u64(s, "BadBlocks"), row_u64(s, "ReadErrors"), row_u64(s, "WriteErrors"),
                          row_u64(s, "CompareErrors"));
        cli_field(c, stdout, "Started", STYLE_NONE, "%s", format_local(text, row_u64(s, "StartedUSec")));
        cli_field(c, stdout, "Finished", STYLE_NONE, "%s", format_local(text, row_u64(s, "FinishedUSec")));
        if (row_u64(s, "Attempt") > 1)
                cli_field(c, stdout, "Attempt", STYLE_YELLOW, "%" PRIu64, row_u64(s, "Attempt"));
        cli_field(c, stdout, "Unit", STYLE_NONE, "%s", row_string(s, "Unit"));

        r = stage_print_phases(c, s);
        return r < 0 ? r : stage_print_evidence(c, s);
}

int verb_job_show(Cli *c, char **args, size_t n)
{
        _cleanup_json_ struct json_object *job = NULL;
        struct json_object *stages = NULL;
        int r;

        r = job_get(c, args[0], &job);
        if (r < 0)
                return r;
        if (c->json != JSON_OFF)
                return cli_print_json(c, job);

        pager_open(c);
        job_print_head(c, job);
        (void) json_get(job, "StageObjects", json_type_array, &stages);
        for (size_t i = 0; stages && i < json_object_array_length(stages); i++) {
                r = stage_print(c, json_object_array_get_idx(stages, i));
                if (r < 0)
                        return r;
        }
        return STATUS_OK;
}
