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

static int reading_delete(Store *s, const char *sql, const char *drive, uint64_t a, uint64_t b)
{
        _cleanup_statement_ sqlite3_stmt *stmt = NULL;
        int r;

        if ((r = store_statement(s, sql, &stmt)) < 0 ||
            (r = bind_text(stmt, 1, drive, STORE_TEXT_MAX)) < 0 || (r = bind_u64(stmt, 2, a)) < 0 ||
            (r = bind_u64(stmt, 3, b)) < 0)
                return r;

        r = statement_run(s, stmt);
        return r < 0 ? r : sqlite3_changes(s->db);
}

/* Walks the rows of one drive, by the key. */
static int reading_trim(Store *s, const char *drive)
{
        return reading_delete(
                        s,
                        "DELETE FROM readings WHERE drive = ?1 AND time_usec <= (SELECT time_usec FROM "
                        "readings WHERE drive = ?1 ORDER BY time_usec DESC LIMIT ?3 OFFSET ?2)",
                        drive, READINGS_MAX, 1);
}

int store_reading_put(Store *s, const ReadingRecord *r)
{
        bool own;
        int k;

        k = store_join(s, &own);
        if (k < 0)
                return k;

        k = record_put(s, &reading_type, r);
        if (k >= 0)
                k = MIN(reading_trim(s, r->drive), 0);

        return store_leave(s, own, k);
}

/* All of these walk the rows of one drive, by the key. */
static int reading_thin(Store *s, const char *drive, uint64_t last, uint64_t now)
{
        uint64_t old = now - MIN(now, READINGS_ALL_USEC), oldest = now - MIN(now, READINGS_DAILY_USEC),
                 done = last < now ? last - MIN(last, READINGS_ALL_USEC) : 0;
        int gone, thinned;

        gone = reading_delete(s, "DELETE FROM readings WHERE drive = ?1 AND time_usec BETWEEN ?2 AND ?3 - 1",
                              drive, 0, oldest);
        if (gone < 0)
                return gone;
        thinned = reading_delete(
                        s,
                        "DELETE FROM readings WHERE drive = ?1 AND time_usec BETWEEN ?2 AND ?3 - 1 AND NOT "
                        "changed AND time_usec NOT IN (SELECT min(time_usec) FROM readings WHERE drive = ?1 "
                        "AND time_usec BETWEEN ?2 AND ?3 - 1 GROUP BY time_usec / 86400000000)",
                        drive, MAX(oldest, done - done % USEC_PER_DAY), old);

        return thinned < 0 ? thinned : gone + thinned;
}

int store_reading_thin(Store *s, const char *drive, uint64_t last, uint64_t now)
{
        bool own;
        int r;

        r = store_join(s, &own);
        if (r < 0)
                return r;

        return store_leave(s, own, reading_thin(s, drive, last, now));
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
