/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "store/store-internal.h"

static const Column columns[] = {
        COLUMN(TEXT, RemnantRecord, "run", run),
        COLUMN(TEXT, RemnantRecord, "drive", drive),
        COLUMN(TEXT, RemnantRecord, "host", host),
        COLUMN(U64, RemnantRecord, "job", job),
        COLUMN(U64, RemnantRecord, "since_usec", since_usec),
};

static const RecordType remnant_type = {
        .table = "remnants",
        .size = sizeof(RemnantRecord),
        .columns = columns,
        .n_columns = ELEMENTSOF(columns),
        .n_key = 1,
};

void remnant_record_done(RemnantRecord *r)
{
        record_done(&remnant_type, r);
}

int store_remnant_put(Store *s, const RemnantRecord *r)
{
        return record_put(s, &remnant_type, r);
}

int store_remnant_del(Store *s, const char *run)
{
        return record_del(s, &remnant_type, run);
}

int store_remnant_list(Store *s, int (*callback)(RemnantRecord *r, void *userdata), void *userdata)
{
        _cleanup_(rows_done) Rows rows = { .type = &remnant_type };
        int r;

        r = rows_read(s, "ORDER BY since_usec, run", NULL, 0, &rows);
        if (r < 0)
                return r;

        return ROWS_CALL(&rows, callback, userdata);
}
