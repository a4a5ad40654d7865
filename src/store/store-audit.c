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

/* For LIKE: any text with this one in it, in which nothing stands for something else. */
static char *pattern_of(const char *text)
{
        _cleanup_free_ char *pattern = new0(char, 2 * strlen(text) + STRLEN("%%") + 1);
        char *p = pattern;

        if (!pattern)
                return NULL;
        *p++ = '%';
        for (; *text; text++) {
                if (strchr("%_\\", *text))
                        *p++ = '\\';
                *p++ = *text;
        }
        *p = '%';

        return TAKE_PTR(pattern);
}

int store_audit_list(Store *s, const char *text, uint32_t offset, uint32_t limit,
                     int (*callback)(AuditRecord *r, void *userdata), void *userdata, uint64_t *ret_total)
{
        /* No index helps, and the audit grows for ever. */
        static const char where[] =
                        "WHERE id > (SELECT max(id) - 50000 FROM audit) AND (actor LIKE ?1 ESCAPE '\\'"
                        " OR action LIKE ?1 ESCAPE '\\' OR object LIKE ?1 ESCAPE '\\'"
                        " OR outcome LIKE ?1 ESCAPE '\\' OR detail LIKE ?1 ESCAPE '\\') ";
        _cleanup_(rows_done) Rows rows = { .type = &audit_type };
        _cleanup_free_ char *pattern = pattern_of(strempty(text)),
                            *tail = strf("%sORDER BY id DESC LIMIT ? OFFSET ?", text ? where : "");
        const Value values[] = { { .text = pattern },
                                 { .number = limit > 0 ? limit : UINT64_MAX },
                                 { .number = offset } };
        uint64_t total = 0;
        int r;

        if (!pattern || !tail)
                return -ENOMEM;
        if (ret_total) {
                r = rows_count(s, &audit_type, text ? where : "", values, text ? 1 : 0, &total);
                if (r < 0)
                        return r;
                *ret_total = total;
                if (total <= offset) /* not to be looked for a second time */
                        return 0;
        }
        r = rows_read(s, tail, values + !text, ELEMENTSOF(values) - !text, &rows);
        if (r < 0)
                return r;

        return ROWS_CALL(&rows, callback, userdata);
}

/* Nothing but these rows is read, however many there are. */
int store_audit_list_done(Store *s, const char *action, uint64_t since_usec, uint32_t limit,
                          int (*callback)(AuditRecord *r, void *userdata), void *userdata,
                          uint64_t *ret_total)
{
        static const char where[] = "WHERE action = ? AND outcome = 'ok' AND time_usec >= ?";
        _cleanup_(rows_done) Rows rows = { .type = &audit_type };
        const Value values[] = { { .text = action }, { .number = since_usec }, { .number = limit } };
        _cleanup_free_ char *tail = strf("%s ORDER BY time_usec DESC, id DESC LIMIT ?", where);
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
