/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <sqlite3.h>

#include "store/store-internal.h"

/* All of it was counted before: see the schema. */
static const char sql[] =
                "SELECT part, name, sum(passed), sum(failed), sum(inconclusive), sum(cancelled), sum(jobs),"
                " total(usec) / 3.6e9, total(bytes) / 1e12 FROM job_counts WHERE period = ?2 AND queued >="
                " substr(date(?1 / 1000000, 'unixepoch'), 1, CASE ?2 WHEN 'day' THEN 10 ELSE 7 END)"
                " GROUP BY part, name ORDER BY part, CASE part WHEN ?2 THEN 0 ELSE -sum(jobs) END, name";

static uint64_t number(sqlite3_stmt *stmt, int i)
{
        return (uint64_t) MAX(sqlite3_column_int64(stmt, i), INT64_C(0));
}

int store_job_statistics(Store *s, uint64_t since_usec, bool by_month,
                         int (*callback)(const JobStatistics *r, void *userdata), void *userdata)
{
        sqlite3_stmt *stmt;
        int rc, r;

        r = store_statement(s, sql, &stmt);
        if (r >= 0)
                r = bind_u64(stmt, 1, since_usec);
        if (r >= 0)
                r = bind_text(stmt, 2, by_month ? "month" : "day", STORE_TEXT_MAX);
        if (r < 0)
                return r;

        _cleanup_statement_ sqlite3_stmt *running = stmt;
        while ((rc = sqlite3_step(running)) == SQLITE_ROW) {
                const JobStatistics row = {
                        .part = (const char *) sqlite3_column_text(running, 0),
                        .name = (const char *) sqlite3_column_text(running, 1),
                        .passed = number(running, 2),
                        .failed = number(running, 3),
                        .inconclusive = number(running, 4),
                        .cancelled = number(running, 5),
                        .jobs = number(running, 6),
                        .hours = sqlite3_column_double(running, 7),
                        .terabytes = sqlite3_column_double(running, 8),
                };

                if (!row.part || !row.name)
                        return -ENOMEM;
                r = callback(&row, userdata);
                if (r < 0)
                        return r;
        }

        return store_error(s, rc, sql);
}
