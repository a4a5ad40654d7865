/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <stdio.h>

#include "store/store-internal.h"

DEFINE_ENUM_COLUMN(job_state, JobState);
DEFINE_ENUM_COLUMN(verdict, Verdict);

static const Column columns[] = {
        COLUMN(U64, JobRecord, "id", id),
        COLUMN(TEXT, JobRecord, "kind", kind),
        COLUMN(TEXT, JobRecord, "profile", profile),
        COLUMN(TEXT, JobRecord, "drive", drive),
        COLUMN(TEXT, JobRecord, "host", host),
        COLUMN(TEXT, JobRecord, "kname", kname),
        COLUMN(TEXT, JobRecord, "serial", serial),
        COLUMN(TEXT, JobRecord, "model", model),
        COLUMN(JSON, JobRecord, "identity", identity),
        COLUMN(TEXT, JobRecord, "content", content),
        COLUMN_OF_ENUM(JobRecord, "state", state, job_state),
        COLUMN_OF_ENUM(JobRecord, "verdict", verdict, verdict),
        COLUMN(TEXT, JobRecord, "reason", reason),
        COLUMN(TEXT, JobRecord, "operator", operator),
        COLUMN(TEXT, JobRecord, "note", note),
        COLUMN(TEXT, JobRecord, "request", request),
        COLUMN(TEXT, JobRecord, "cancelled_by", cancelled_by),
        COLUMN(I32, JobRecord, "priority", priority),
        COLUMN(U64, JobRecord, "not_before_usec", not_before_usec),
        COLUMN(TEXT, JobRecord, "calendar", calendar),
        COLUMN(U64, JobRecord, "paused_usec", paused_usec),
        COLUMN(TEXT, JobRecord, "paused_by", paused_by),
        COLUMN(TEXT, JobRecord, "paused_reason", paused_reason),
        COLUMN(U64, JobRecord, "pauses_usec", pauses_usec),
        COLUMN(PERCENT, JobRecord, "percent", percent),
        COLUMN(U64, JobRecord, "created_usec", created_usec),
        COLUMN(U64, JobRecord, "started_usec", started_usec),
        COLUMN(U64, JobRecord, "finished_usec", finished_usec),
};

static const RecordType job_type = {
        .table = "jobs",
        .size = sizeof(JobRecord),
        .columns = columns,
        .n_columns = ELEMENTSOF(columns),
        .n_key = 1,
};

/* Which job it is, and which drive must be left alone while it is there. */
static const Column name_columns[] = {
        COLUMN(U64, JobRecord, "id", id),
        COLUMN(TEXT, JobRecord, "drive", drive),
};

static const RecordType name_type = {
        .table = "jobs",
        .size = sizeof(JobRecord),
        .columns = name_columns,
        .n_columns = ELEMENTSOF(name_columns),
        .n_key = 1,
};

void job_record_done(JobRecord *r)
{
        record_done(&job_type, r);
}

int store_job_put(Store *s, JobRecord *r)
{
        return r->id == 0 ? record_insert(s, &job_type, r, &r->id) : record_update(s, &job_type, r);
}

int store_job_get(Store *s, uint64_t id, JobRecord *ret)
{
        _cleanup_(rows_done) Rows rows = { .type = &job_type, .apart = true };
        JobRecord *found;
        int r;

        r = rows_read(s, "WHERE id = ?", &(Value){ .number = id }, 1, &rows);
        if (r < 0)
                return r;
        if (rows.n == 0)
                return rows.n_unreadable > 0 ? -EUCLEAN : -ENOENT;

        found = rows_at(&rows, 0);
        *ret = *found;
        *found = (JobRecord){};
        return 0;
}

int store_job_list_active(Store *s, int (*callback)(JobRecord *r, void *userdata), void *userdata)
{
        _cleanup_(rows_done) Rows rows = { .type = &name_type };
        int r;

        r = rows_read(s, "WHERE state <> 'done' ORDER BY id", NULL, 0, &rows);
        if (r < 0)
                return r;

        return ROWS_CALL(&rows, callback, userdata);
}

typedef struct JobQuery {
        char where[512];
        size_t length;
        Value values[12]; /* of every condition, limit and offset */
        size_t n_values;
} JobQuery;

static void query_add(JobQuery *q, const char *condition, const char *text)
{
        q->length += (size_t) snprintf(q->where + q->length, sizeof(q->where) - q->length, "%s%s",
                                       q->length == 0 ? "WHERE " : " AND ", condition);
        if (text)
                q->values[q->n_values++] = (Value){ .text = text };
}

static void query_build(JobQuery *q, const JobFilter *f)
{
        if (f->host)
                query_add(q, "host = ?", f->host);
        if (f->drive)
                query_add(q, "drive = ?", f->drive);
        if (f->request)
                query_add(q, "request = ?", f->request);
        if (f->kind)
                query_add(q, "kind = ?", f->kind);
        if (f->model)
                query_add(q, "model = ?", f->model);
        if (f->profile)
                query_add(q, "profile = ?", f->profile);
        /* In words that SQLite has when it looks for an index. */
        if (f->state == JOB_DONE)
                query_add(q, "state = 'done'", NULL);
        else if ((int) f->state >= 0)
                query_add(q, "state <> 'done' AND state = ?", job_state_to_string(f->state));
        if ((int) f->verdict >= 0)
                query_add(q, "verdict = ?", verdict_to_string(f->verdict));
        if (f->active)
                query_add(q, "state <> 'done'", NULL);
        if (f->phases > 0) {
                query_add(q,
                          "EXISTS (SELECT 1 FROM stages WHERE job = jobs.id AND kind = 'surface_validate' AND phases = ?)",
                          NULL);
                q->values[q->n_values++] = (Value){ .number = f->phases };
        }
        if (f->finished_usec > 0) {
                query_add(q, "state = 'done' AND finished_usec >= ?", NULL);
                q->values[q->n_values++] = (Value){ .number = f->finished_usec };
        }
        if (f->latest)
                query_add(q,
                          "id IN (SELECT (SELECT last.id FROM jobs AS last WHERE last.drive = drives.id "
                          "AND last.kind = 'burn-in' AND last.state = 'done' ORDER BY last.id DESC LIMIT 1) "
                          "FROM drives)",
                          NULL);
}

int store_job_list(Store *s, const JobFilter *f, int (*callback)(JobRecord *r, void *userdata),
                   void *userdata, uint64_t *ret_total)
{
        _cleanup_(rows_done) Rows rows = { .type = &job_type, .apart = true };
        uint64_t total = 0;
        JobQuery q = {};
        char tail[sizeof(q.where) + 64];
        int r;

        /* An unknown state in a filter would bind as NULL, and find nothing without a word. */
        if (((int) f->state >= 0 && !job_state_to_string(f->state)) ||
            ((int) f->verdict >= 0 && !verdict_to_string(f->verdict)))
                return -EINVAL;

        query_build(&q, f);
        if (ret_total) {
                r = rows_count(s, &job_type, q.where, q.values, q.n_values, &total);
                if (r < 0)
                        return r;
        }

        (void) snprintf(tail, sizeof(tail), "%s ORDER BY %s LIMIT ? OFFSET ?", q.where,
                        f->active              ? "id ASC"
                        : f->finished_usec > 0 ? "finished_usec DESC, id DESC"
                                               : "id DESC");
        q.values[q.n_values++] = (Value){ .number = f->limit > 0 ? f->limit : UINT64_MAX };
        q.values[q.n_values++] = (Value){ .number = f->offset };

        r = rows_read(s, tail, q.values, q.n_values, &rows);
        if (r < 0)
                return r;

        if (ret_total)
                *ret_total = total;
        return ROWS_CALL(&rows, callback, userdata);
}
