/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "basic/string-util.h"
#include "store/store-internal.h"

static const Column columns[] = {
        COLUMN(U64, AuditRecord, "id", id),
        COLUMN(U64, AuditRecord, "time_usec", time_usec),
        COLUMN(TEXT, AuditRecord, "actor", actor),
        COLUMN(U32, AuditRecord, "actor_uid", actor_uid),
        COLUMN(TEXT, AuditRecord, "action", action),
        COLUMN(TEXT, AuditRecord, "object", object),
        COLUMN(TEXT, AuditRecord, "outcome", outcome),
        COLUMN(TEXT, AuditRecord, "detail", detail),
};

static const RecordType audit_type = {
        .table = "audit",
        .size = sizeof(AuditRecord),
        .columns = columns,
        .n_columns = ELEMENTSOF(columns),
        .n_key = 1,
};

void audit_record_done(AuditRecord *r)
{
        record_done(&audit_type, r);
}

int store_audit_add(Store *s, const AuditRecord *r)
{
        return record_insert(s, &audit_type, r, NULL);
}

int store_audit_list(Store *s, uint32_t offset, uint32_t limit,
                     int (*callback)(AuditRecord *r, void *userdata), void *userdata, uint64_t *ret_total)
{
        _cleanup_(rows_done) Rows rows = { .type = &audit_type };
        const Value values[] = { { .number = limit > 0 ? limit : UINT64_MAX }, { .number = offset } };
        uint64_t total = 0;
        int r;

        if (ret_total) {
                r = rows_count(s, &audit_type, "", NULL, 0, &total);
                if (r < 0)
                        return r;
        }
        r = rows_read(s, "ORDER BY id DESC LIMIT ? OFFSET ?", values, ELEMENTSOF(values), &rows);
        if (r < 0)
                return r;

        if (ret_total)
                *ret_total = total;
        return ROWS_CALL(&rows, callback, userdata);
}

/* Nothing but the rows since then is read, however many there are before. */
int store_audit_list_done(Store *s, const char *action, uint64_t since_usec, uint32_t limit,
                          int (*callback)(AuditRecord *r, void *userdata), void *userdata,
                          uint64_t *ret_total)
{
        static const char where[] =
                        "WHERE id > coalesce((SELECT id FROM audit WHERE time_usec < ? ORDER BY id DESC LIMIT 1), 0) "
                        "AND action = ? AND outcome = 'ok'";
        _cleanup_(rows_done) Rows rows = { .type = &audit_type };
        const Value values[] = { { .number = since_usec }, { .text = action }, { .number = limit } };
        _cleanup_free_ char *tail = strf("%s ORDER BY id DESC LIMIT ?", where);
        uint64_t total;
        int r;

        if (!tail)
                return -ENOMEM;
        r = rows_count(s, &audit_type, where, values, 2, &total);
        if (r >= 0)
                r = rows_read(s, tail, values, ELEMENTSOF(values), &rows);
        if (r < 0)
                return r;

        *ret_total = total;
        return ROWS_CALL(&rows, callback, userdata);
}
