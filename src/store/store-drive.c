/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "store/store-internal.h"

DEFINE_ENUM_COLUMN(lock_role, LockRole);

static const Column columns[] = {
        COLUMN(TEXT, DriveRecord, "id", id),
        COLUMN(TEXT, DriveRecord, "host", host),
        COLUMN(TEXT, DriveRecord, "kname", kname),
        COLUMN(TEXT, DriveRecord, "by_id", by_id),
        COLUMN(TEXT, DriveRecord, "bay", bay),
        COLUMN(TEXT, DriveRecord, "transport", transport),
        COLUMN(TEXT, DriveRecord, "wwn", identity.wwn),
        COLUMN(TEXT, DriveRecord, "serial", identity.serial),
        COLUMN(TEXT, DriveRecord, "model", identity.model),
        COLUMN(U64, DriveRecord, "size_bytes", identity.size_bytes),
        COLUMN(TEXT, DriveRecord, "fingerprint", identity.fingerprint),
        COLUMN(BOOL, DriveRecord, "rotational", rotational),
        COLUMN_OF_ENUM(DriveRecord, "lock_role", lock.role, lock_role),
        COLUMN(TEXT, DriveRecord, "lock_pool", lock.pool),
        COLUMN(TEXT, DriveRecord, "lock_guid", lock.guid),
        COLUMN(BOOL, DriveRecord, "lock_used", lock.used),
        COLUMN(TEXT, DriveRecord, "lock_detail", lock.detail),
        COLUMN(TEXT, DriveRecord, "location", location),
        COLUMN(TEXT, DriveRecord, "notes", notes),
        COLUMN(JSON, DriveRecord, "smart", smart),
        COLUMN(U64, DriveRecord, "smart_usec", smart_usec),
        COLUMN(JSON, DriveRecord, "self_tests", self_tests),
        COLUMN(U64, DriveRecord, "first_seen_usec", first_seen_usec),
        COLUMN(U64, DriveRecord, "last_seen_usec", last_seen_usec),
};

static const RecordType drive_type = {
        .table = "drives",
        .size = sizeof(DriveRecord),
        .columns = columns,
        .n_columns = ELEMENTSOF(columns),
        .n_key = 1,
};

void drive_record_done(DriveRecord *r)
{
        record_done(&drive_type, r);
}

int store_drive_put(Store *s, const DriveRecord *r)
{
        return record_put(s, &drive_type, r);
}

int store_drive_del(Store *s, const char *id)
{
        return record_del(s, &drive_type, id);
}

int store_drive_list(Store *s, int (*callback)(DriveRecord *r, void *userdata), void *userdata)
{
        _cleanup_(rows_done) Rows rows = { .type = &drive_type };
        int r;

        r = rows_read(s, "ORDER BY id", NULL, 0, &rows);
        if (r < 0)
                return r;

        return ROWS_CALL(&rows, callback, userdata);
}
