/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "store/store-internal.h"

DEFINE_ENUM_COLUMN(lock_role, LockRole);

static const Column columns[] = {
        COLUMN(U64, GrantRecord, "job", job),
        COLUMN(TEXT, GrantRecord, "id", id),
        COLUMN(TEXT, GrantRecord, "drive", drive),
        COLUMN(TEXT, GrantRecord, "host", host),
        COLUMN_OF_ENUM(GrantRecord, "lock_role", lock.role, lock_role),
        COLUMN(TEXT, GrantRecord, "lock_pool", lock.pool),
        COLUMN(TEXT, GrantRecord, "lock_guid", lock.guid),
        COLUMN(BOOL, GrantRecord, "lock_used", lock.used),
        COLUMN(TEXT, GrantRecord, "lock_detail", lock.detail),
        COLUMN(BOOL, GrantRecord, "release", release),
        COLUMN(TEXT, GrantRecord, "operator", operator),
        COLUMN(U32, GrantRecord, "operator_uid", operator_uid),
        COLUMN(TEXT, GrantRecord, "reason", reason),
        COLUMN(U64, GrantRecord, "granted_usec", granted_usec),
};

static const RecordType grant_type = {
        .table = "grants",
        .size = sizeof(GrantRecord),
        .columns = columns,
        .n_columns = ELEMENTSOF(columns),
        .n_key = 1,
};

void grant_record_done(GrantRecord *r)
{
        record_done(&grant_type, r);
}

int store_grant_put(Store *s, const GrantRecord *r)
{
        return record_put(s, &grant_type, r);
}

int store_grant_get(Store *s, uint64_t job, GrantRecord *ret)
{
        _cleanup_(rows_done) Rows rows = { .type = &grant_type, .apart = true };

        return rows_find(s, "WHERE job = ?", &(Value){ .number = job }, 1, &rows, ret);
}
