/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "basic/time-util.h"
#include "store/store-internal.h"

DEFINE_ENUM_COLUMN(smart_health, SmartHealth);

static const Column columns[] = {
        COLUMN(TEXT, ReadingRecord, "drive", drive),
        COLUMN(U64, ReadingRecord, "time_usec", time_usec),
        COLUMN(MDEGC, ReadingRecord, "temperature_mdegc", temperature_mdegc),
        COLUMN_OF_ENUM(ReadingRecord, "health", health, smart_health),
        COLUMN(BOOL, ReadingRecord, "changed", changed),
        COLUMN(JSON, ReadingRecord, "smart", smart),
};

static const RecordType reading_type = {
        .table = "readings",
        .size = sizeof(ReadingRecord),
        .columns = columns,
        .n_columns = ELEMENTSOF(columns),
        .n_key = 2,
};

void reading_record_done(ReadingRecord *r)
{
        record_done(&reading_type, r);
}

static int reading_delete(Store *s, const char *sql, const char *drive, uint64_t number)
{
        _cleanup_statement_ sqlite3_stmt *stmt = NULL;
        int r;

        if ((r = store_statement(s, sql, &stmt)) < 0 ||
            (r = bind_text(stmt, 1, drive, STORE_TEXT_MAX)) < 0 || (r = bind_u64(stmt, 2, number)) < 0)
                return r;

        return statement_run(s, stmt);
}

/* Both walk the rows of one drive, by the key. */
static int reading_thin(Store *s, const ReadingRecord *r)
{
        uint64_t old = r->time_usec - MIN(r->time_usec, READINGS_ALL_USEC);
        int k;

        k = reading_delete(s,
                           "DELETE FROM readings WHERE drive = ?1 AND time_usec < ?2 AND NOT changed AND "
                           "time_usec NOT IN (SELECT min(time_usec) FROM readings WHERE drive = ?1 AND "
                           "time_usec < ?2 GROUP BY time_usec / 86400000000)",
                           r->drive, old);
        if (k < 0)
                return k;

        return reading_delete(
                        s,
                        "DELETE FROM readings WHERE drive = ?1 AND time_usec <= (SELECT time_usec FROM "
                        "readings WHERE drive = ?1 ORDER BY time_usec DESC LIMIT 1 OFFSET ?2)",
                        r->drive, READINGS_MAX);
}

int store_reading_put(Store *s, const ReadingRecord *r)
{
        bool own;
        int k;

        k = record_put(s, &reading_type, r);
        if (k < 0)
                return k;
        k = write_begin(s, &own);
        if (k < 0)
                return k;

        return write_end(s, own, reading_thin(s, r));
}

int store_reading_list(Store *s, const ReadingFilter *f, int (*callback)(ReadingRecord *r, void *userdata),
                       void *userdata, uint64_t *ret_total)
{
        _cleanup_(rows_done) Rows rows = { .type = &reading_type };
        const Value values[] = {
                { .text = f->drive },
                { .number = f->since_usec },
                { .number = f->until_usec > 0 ? f->until_usec : UINT64_MAX },
                { .number = f->limit > 0 ? f->limit : UINT64_MAX },
                { .number = f->offset },
        };
        uint64_t total = 0;
        int r;

        if (ret_total) {
                r = rows_count(s, &reading_type, "WHERE drive = ? AND time_usec BETWEEN ? AND ?", values, 3,
                               &total);
                if (r < 0)
                        return r;
        }
        r = rows_read(s,
                      "WHERE drive = ? AND time_usec BETWEEN ? AND ? ORDER BY time_usec DESC LIMIT ? OFFSET ?",
                      values, ELEMENTSOF(values), &rows);
        if (r < 0)
                return r;

        if (ret_total)
                *ret_total = total;
        return ROWS_CALL(&rows, callback, userdata);
}
