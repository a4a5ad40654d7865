/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "store/store-internal.h"

static const Column columns[] = {
        COLUMN(TEXT, HostRecord, "name", name),
        COLUMN(TEXT, HostRecord, "address", address),
        COLUMN(TEXT, HostRecord, "user", user),
        COLUMN(TEXT, HostRecord, "kind", kind),
        COLUMN(TEXT, HostRecord, "notes", notes),
        COLUMN(TEXT, HostRecord, "host_key", host_key),
        COLUMN(TEXT, HostRecord, "host_key_sha256", host_key_sha256),
        COLUMN(TEXT, HostRecord, "api_url", api_url),
        COLUMN(TEXT, HostRecord, "api_pin", api_pin),
        COLUMN(BOOL, HostRecord, "api_verify", api_verify),
        COLUMN(BOOL, HostRecord, "lost", lost),
        COLUMN(U16, HostRecord, "port", port),
        COLUMN(U64, HostRecord, "added_usec", added_usec),
        COLUMN(U64, HostRecord, "last_seen_usec", last_seen_usec),
};

static const RecordType host_type = {
        .table = "hosts",
        .size = sizeof(HostRecord),
        .columns = columns,
        .n_columns = ELEMENTSOF(columns),
        .n_key = 1,
};

void host_record_done(HostRecord *r)
{
        record_done(&host_type, r);
}

int store_host_put(Store *s, const HostRecord *r)
{
        return record_put(s, &host_type, r);
}

int store_host_del(Store *s, const char *name)
{
        return record_del(s, &host_type, name);
}

int store_host_list(Store *s, int (*callback)(HostRecord *r, void *userdata), void *userdata)
{
        _cleanup_(rows_done) Rows rows = { .type = &host_type };
        int r;

        r = rows_read(s, "ORDER BY name", NULL, 0, &rows);
        if (r < 0)
                return r;

        return ROWS_CALL(&rows, callback, userdata);
}
