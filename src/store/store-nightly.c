/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "store/store-internal.h"

static const Column columns[] = {
        COLUMN(U32, NightlyRecord, "one", one),
        COLUMN(U64, NightlyRecord, "started_usec", started_usec),
        COLUMN(U64, NightlyRecord, "duration_usec", duration_usec),
        COLUMN(U64, NightlyRecord, "readings", readings),
        COLUMN(U64, NightlyRecord, "jobs", jobs),
        COLUMN(U64, NightlyRecord, "jobs_for_size", jobs_for_size),
        COLUMN(U64, NightlyRecord, "log_bytes", log_bytes),
        COLUMN(TEXT, NightlyRecord, "error", error),
};

static const RecordType nightly_type = {
        .table = "nightly",
        .size = sizeof(NightlyRecord),
        .columns = columns,
        .n_columns = ELEMENTSOF(columns),
        .n_key = 1,
};

void nightly_record_done(NightlyRecord *r)
{
        record_done(&nightly_type, r);
}

int store_nightly_put(Store *s, const NightlyRecord *r)
{
        NightlyRecord row = *r;

        row.one = 1;
        return record_put(s, &nightly_type, &row);
}

int store_nightly_get(Store *s, NightlyRecord *ret)
{
        _cleanup_(rows_done) Rows rows = { .type = &nightly_type };
        NightlyRecord *row;
        int r;

        r = rows_read(s, "", NULL, 0, &rows);
        if (r < 0 || rows.n == 0)
                return r;

        row = rows_at(&rows, 0);
        *ret = *row;
        *row = (NightlyRecord){};
        return 1;
}
