/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "store/store-internal.h"

DEFINE_ENUM_COLUMN(stage_kind, StageKind);
DEFINE_ENUM_COLUMN(stage_state, StageState);
DEFINE_ENUM_COLUMN(verdict, Verdict);

static const Column stage_columns[] = {
        COLUMN(U64, StageRecord, "job", job),
        COLUMN(U32, StageRecord, "stage", index),
        COLUMN_OF_ENUM(StageRecord, "kind", kind, stage_kind),
        COLUMN_OF_ENUM(StageRecord, "state", state, stage_state),
        COLUMN_OF_ENUM(StageRecord, "verdict", verdict, verdict),
        COLUMN(TEXT, StageRecord, "reason", reason),
        COLUMN(U32, StageRecord, "attempt", attempt),
        COLUMN(TEXT, StageRecord, "run", run),
        COLUMN(BOOL, StageRecord, "run_sent", run_sent),
        COLUMN(JSON, StageRecord, "settings", settings),
        COLUMN(U64, StageRecord, "last_seq", last_seq),
        COLUMN(PERCENT, StageRecord, "percent", percent),
        COLUMN(PERCENT, StageRecord, "phase_percent", phase_percent),
        COLUMN(U32, StageRecord, "phase", phase),
        COLUMN(U32, StageRecord, "phases", phases),
        COLUMN(TEXT, StageRecord, "phase_name", phase_name),
        COLUMN(U64, StageRecord, "bytes_per_second", bytes_per_second),
        COLUMN(U64, StageRecord, "bad_blocks", bad_blocks),
        COLUMN(U64, StageRecord, "work_bytes", work_bytes),
        COLUMN(U64, StageRecord, "eta_usec", eta_usec),
        COLUMN(MDEGC, StageRecord, "temperature_mdegc", temperature_mdegc),
        COLUMN(U64, StageRecord, "started_usec", started_usec),
        COLUMN(U64, StageRecord, "finished_usec", finished_usec),
        COLUMN(JSON, StageRecord, "report", report),
};

static const RecordType stage_type = {
        .table = "stages",
        .size = sizeof(StageRecord),
        .columns = stage_columns,
        .n_columns = ELEMENTSOF(stage_columns),
        .n_key = 2,
};

/* Of the same record, what changes from second to second. */
static const Column progress_columns[] = {
        COLUMN(U64, StageRecord, "job", job),
        COLUMN(U32, StageRecord, "stage", index),
        COLUMN(U64, StageRecord, "last_seq", last_seq),
        COLUMN(PERCENT, StageRecord, "percent", percent),
        COLUMN(PERCENT, StageRecord, "phase_percent", phase_percent),
        COLUMN(U32, StageRecord, "phase", phase),
        COLUMN(U32, StageRecord, "phases", phases),
        COLUMN(TEXT, StageRecord, "phase_name", phase_name),
        COLUMN(U64, StageRecord, "bytes_per_second", bytes_per_second),
        COLUMN(U64, StageRecord, "bad_blocks", bad_blocks),
        COLUMN(U64, StageRecord, "work_bytes", work_bytes),
        COLUMN(U64, StageRecord, "eta_usec", eta_usec),
        COLUMN(MDEGC, StageRecord, "temperature_mdegc", temperature_mdegc),
};

static const RecordType progress_type = {
        .table = "stage_progress",
        .size = sizeof(StageRecord),
        .columns = progress_columns,
        .n_columns = ELEMENTSOF(progress_columns),
        .n_key = 2,
};

/* And what the name of its object is made of. */
static const Column name_columns[] = {
        COLUMN(U64, StageRecord, "job", job),
        COLUMN(U32, StageRecord, "stage", index),
        COLUMN_OF_ENUM(StageRecord, "kind", kind, stage_kind),
};

static const RecordType name_type = {
        .table = "stages",
        .size = sizeof(StageRecord),
        .columns = name_columns,
        .n_columns = ELEMENTSOF(name_columns),
        .n_key = 2,
};

static const Column phase_columns[] = {
        COLUMN(U32, PhaseRecord, "number", number),
        COLUMN(TEXT, PhaseRecord, "name", name),
        COLUMN(U64, PhaseRecord, "started_usec", started_usec),
};

static const RecordType phase_type = {
        .table = "phases",
        .size = sizeof(PhaseRecord),
        .columns = phase_columns,
        .n_columns = ELEMENTSOF(phase_columns),
        .n_key = 1, /* within a stage */
};

void stage_record_done(StageRecord *r)
{
        record_done(&stage_type, r);
}

void phase_record_done(PhaseRecord *r)
{
        record_done(&phase_type, r);
}

static int progress_del(Store *s, const StageRecord *g)
{
        _cleanup_statement_ sqlite3_stmt *stmt = NULL;
        int r;

        r = store_statement(s, "DELETE FROM stage_progress WHERE job = ? AND stage = ?", &stmt);
        if (r < 0)
                return r;
        if ((r = bind_u64(stmt, 1, g->job)) < 0 || (r = bind_u64(stmt, 2, g->index)) < 0)
                return r;

        return statement_run(s, stmt);
}

/* Of each drive its last time. */
static int speed_put(Store *s, const StageRecord *g)
{
        const Value key[] = { { .number = g->job }, { .number = g->index } };

        if (g->kind != STAGE_SURFACE_VALIDATE || g->state != STAGE_DONE)
                return 0;

        return write_run(
                        s,
                        "INSERT INTO surface_speeds SELECT model, drive, speed, finished_usec FROM (SELECT j.model, "
                        "j.drive, json_extract(s.report, '$.details.phases[0].bytes_per_second') AS speed, "
                        "s.finished_usec FROM stages s JOIN jobs j ON j.id = s.job WHERE s.job = ? AND s.stage = ? "
                        "AND j.model IS NOT NULL AND json_valid(s.report)) WHERE typeof(speed) = 'integer' "
                        "AND speed > 0 ON CONFLICT (model, drive) DO UPDATE SET bytes_per_second = "
                        "excluded.bytes_per_second, finished_usec = excluded.finished_usec "
                        "WHERE excluded.finished_usec >= finished_usec",
                        key, ELEMENTSOF(key), NULL);
}

int store_stage_put(Store *s, const StageRecord *g)
{
        bool own;
        int r;

        r = store_join(s, &own);
        if (r < 0)
                return r;

        r = record_put(s, &stage_type, g);
        if (r >= 0)
                r = speed_put(s, g);
        if (r >= 0)
                r = progress_del(s, g);

        return store_leave(s, own, r);
}

/* What has ended shows how it ended: late progress changes nothing there. */
static void stage_take_progress(StageRecord *g, StageRecord *p)
{
        if (g->index != p->index || g->state == STAGE_DONE)
                return;

        g->last_seq = p->last_seq;
        g->percent = p->percent;
        g->phase_percent = p->phase_percent;
        g->phase = p->phase;
        g->phases = p->phases;
        SWAP(g->phase_name, p->phase_name);
        g->bytes_per_second = p->bytes_per_second;
        g->bad_blocks = p->bad_blocks;
        g->work_bytes = p->work_bytes;
        g->eta_usec = p->eta_usec;
        g->temperature_mdegc = p->temperature_mdegc;
}

int store_stage_list(Store *s, uint64_t job, int (*callback)(StageRecord *r, void *userdata), void *userdata)
{
        _cleanup_(rows_done) Rows rows = { .type = &stage_type, .apart = true },
                                  progress = { .type = &progress_type, .apart = true };
        const Value id = { .number = job };
        int r;

        r = rows_read(s, "WHERE job = ? ORDER BY stage", &id, 1, &rows);
        if (r >= 0)
                r = rows_read(s, "WHERE job = ?", &id, 1, &progress);
        if (r >= 0 && rows.n_unreadable + progress.n_unreadable > 0)
                r = -EUCLEAN;
        if (r < 0)
                return r;

        for (size_t i = 0; i < rows.n; i++)
                for (size_t k = 0; k < progress.n; k++)
                        stage_take_progress(rows_at(&rows, i), rows_at(&progress, k));

        return ROWS_CALL(&rows, callback, userdata);
}

int store_stage_list_names(Store *s, uint64_t job, int (*callback)(StageRecord *r, void *userdata),
                           void *userdata)
{
        _cleanup_(rows_done) Rows rows = { .type = &name_type, .apart = true };
        int r;

        r = rows_read(s, "WHERE job = ? ORDER BY stage", &(Value){ .number = job }, 1, &rows);
        if (r < 0)
                return r;

        return ROWS_CALL(&rows, callback, userdata);
}

static int job_set_percent(Store *s, const JobRecord *j)
{
        _cleanup_statement_ sqlite3_stmt *stmt = NULL;
        int r;

        r = store_statement(s, "UPDATE jobs SET percent = ?2 WHERE id = ?1 AND state <> 'done'", &stmt);
        if (r < 0)
                return r;
        if ((r = bind_u64(stmt, 1, j->id)) < 0 || (r = bind_percent(stmt, 2, j->percent)) < 0)
                return r;

        return statement_run(s, stmt);
}

static int progress_job(Store *s, const JobRecord *j)
{
        bool own;
        int r;

        r = store_join(s, &own);
        if (r < 0)
                return r;

        return store_leave(s, own, job_set_percent(s, j));
}

static int progress_all(Store *s, const StageRecord *const *stages, size_t n_stages,
                        const JobRecord *const *jobs, size_t n_jobs)
{
        int r;

        r = records_put(s, &progress_type, (const void *const *) stages, n_stages);
        for (size_t i = 0; r >= 0 && i < n_jobs; i++)
                r = progress_job(s, jobs[i]);

        return r;
}

int store_progress(Store *s, const StageRecord *const *stages, size_t n_stages, const JobRecord *const *jobs,
                   size_t n_jobs)
{
        _cleanup_(store_rollbackp) Store *transaction = NULL;
        int r;

        if (n_stages == 0 && n_jobs == 0)
                return 0;

        if (s->transaction == TRANSACTION_NONE) {
                r = store_begin_relaxed(s);
                if (r < 0)
                        return r;
                transaction = s;
        }

        r = progress_all(s, stages, n_stages, jobs, n_jobs);
        if (r < 0 || !transaction)
                return r;

        transaction = NULL;
        return store_commit(s);
}

#define SIBLINGS_MIN 3U
#define SIBLINGS_MAX 64U

static int compare_u64(const void *a, const void *b)
{
        const uint64_t *x = a, *y = b;

        return (*x > *y) - (*x < *y);
}

int store_sibling_speed(Store *s, const char *model, const char *drive, uint64_t *ret)
{
        _cleanup_statement_ sqlite3_stmt *stmt = NULL;
        uint64_t speeds[SIBLINGS_MAX];
        size_t n = 0;
        int rc, r;

        r = store_statement(s,
                            "SELECT bytes_per_second FROM surface_speeds WHERE model = ?1 AND drive <> ?2 "
                            "ORDER BY finished_usec DESC LIMIT ?3",
                            &stmt);
        if (r < 0)
                return r;
        if ((r = bind_text(stmt, 1, model ?: "", STORE_TEXT_MAX)) < 0 ||
            (r = bind_text(stmt, 2, drive, STORE_TEXT_MAX)) < 0 || (r = bind_u64(stmt, 3, SIBLINGS_MAX)) < 0)
                return r;
        errno = 0;
        while ((rc = sqlite3_step(stmt)) == SQLITE_ROW && n < SIBLINGS_MAX)
                speeds[n++] = (uint64_t) sqlite3_column_int64(stmt, 0);
        if (rc != SQLITE_ROW && (r = store_error(s, rc, "surface_speeds")) < 0)
                return r;

        qsort(speeds, n, sizeof(uint64_t), compare_u64);
        *ret = n < SIBLINGS_MIN ? 0 : speeds[n / 2];
        return 0;
}

static int phase_put(Store *s, uint64_t job, uint32_t stage, const PhaseRecord *p)
{
        _cleanup_statement_ sqlite3_stmt *stmt = NULL;
        int r;

        r = store_statement(
                        s,
                        "INSERT INTO phases (job, stage, number, name, started_usec) VALUES (?, ?, ?, ?, ?) "
                        "ON CONFLICT (job, stage, number) DO UPDATE SET name = excluded.name",
                        &stmt);
        if (r < 0)
                return r;
        if ((r = bind_u64(stmt, 1, job)) < 0 || (r = bind_u64(stmt, 2, stage)) < 0 ||
            (r = bind_u64(stmt, 3, p->number)) < 0 ||
            (r = bind_text(stmt, 4, p->name, STORE_TEXT_MAX)) < 0 ||
            (r = bind_u64(stmt, 5, p->started_usec)) < 0)
                return r;

        return statement_run(s, stmt);
}

int store_phase_put(Store *s, uint64_t job, uint32_t stage, const PhaseRecord *r)
{
        bool own;
        int k;

        k = store_join(s, &own);
        if (k < 0)
                return k;

        return store_leave(s, own, phase_put(s, job, stage, r));
}

int store_phase_list(Store *s, uint64_t job, uint32_t stage, int (*callback)(PhaseRecord *r, void *userdata),
                     void *userdata)
{
        _cleanup_(rows_done) Rows rows = { .type = &phase_type, .apart = true };
        const Value values[] = { { .number = job }, { .number = stage } };
        int r;

        r = rows_read(s, "WHERE job = ? AND stage = ? ORDER BY number", values, ELEMENTSOF(values), &rows);
        if (r >= 0 && rows.n_unreadable > 0)
                r = -EUCLEAN;
        if (r < 0)
                return r;

        return ROWS_CALL(&rows, callback, userdata);
}
