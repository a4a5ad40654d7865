/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <sqlite3.h>

#include "store/store-internal.h"

/* One look at the jobs and one at their drives, however many there are. Whole surfaces are those that write four patterns once: others
 * would take other hours, and so would pauses. */
static const char sql[] =
                "WITH b AS MATERIALIZED (SELECT id, ifnull(model, '') AS model, verdict, drive, created_usec, finished_usec,"
                " finished_usec - started_usec - pauses_usec AS took,"
                " verdict = 'passed' AND started_usec > 0 AND finished_usec - started_usec > pauses_usec"
                " AND profile IN ('full', 'surface', 'surface_short', 'surface_long') AND NOT EXISTS (SELECT 1 FROM stages"
                " WHERE job = jobs.id AND kind = 'surface_validate' AND phases > 8) AS whole"
                " FROM jobs WHERE kind = 'burn-in' AND created_usec >= ?1), "
                "r (part, name, passed, failed, inconclusive, cancelled, jobs, hours, terabytes) AS ("
                "SELECT 'model', b.model, sum(verdict = 'passed'), sum(verdict = 'failed'), sum(verdict = 'inconclusive'),"
                " sum(verdict = 'cancelled'), count(*),"
                " total(CASE WHEN whole AND d.size_bytes > 0 THEN took END) / 3.6e9,"
                " total(CASE WHEN whole THEN d.size_bytes END) / 1e12"
                " FROM b LEFT JOIN drives d ON d.id = b.drive GROUP BY b.model "
                "UNION ALL SELECT 'day', day, sum(verdict = 'passed'), sum(verdict = 'failed'),"
                " sum(verdict = 'inconclusive'), sum(verdict = 'cancelled'), sum(queued), 0.0, 0.0 FROM ("
                "SELECT date(created_usec / 1000000, 'unixepoch') AS day, '' AS verdict, 1 AS queued FROM b "
                "UNION ALL SELECT date(finished_usec / 1000000, 'unixepoch'), verdict, 0 FROM b WHERE verdict <> '')"
                " GROUP BY day "
                "UNION ALL SELECT 'stage', s.kind, 0, sum(b.verdict = 'failed'), sum(b.verdict = 'inconclusive'), 0,"
                " count(*), 0.0, 0.0 FROM b JOIN stages s ON s.job = b.id AND s.stage ="
                " (SELECT min(stage) FROM stages WHERE job = b.id AND verdict = b.verdict)"
                " WHERE b.verdict IN ('failed', 'inconclusive') GROUP BY s.kind) "
                "SELECT * FROM r ORDER BY part, CASE part WHEN 'day' THEN 0 ELSE -jobs END, name";

static uint64_t number(sqlite3_stmt *stmt, int i)
{
        return (uint64_t) MAX(sqlite3_column_int64(stmt, i), INT64_C(0));
}

int store_job_statistics(Store *s, uint64_t since_usec,
                         int (*callback)(const JobStatistics *r, void *userdata), void *userdata)
{
        sqlite3_stmt *stmt;
        int rc, r;

        r = store_statement(s, sql, &stmt);
        if (r >= 0)
                r = bind_u64(stmt, 1, since_usec);
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
