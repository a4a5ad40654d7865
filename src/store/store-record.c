/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <math.h>
#include <stdio.h>

#include "basic/fd-util.h"
#include "basic/string-util.h"
#include "store/store-internal.h"

/* Records and rows, by tables of columns. */

int bind_text(sqlite3_stmt *stmt, int i, const char *s, size_t max)
{
        size_t n;

        if (!s)
                return sqlite3_bind_null(stmt, i) == SQLITE_OK ? 0 : -EINVAL;

        n = strlen(s);
        if (n > max)
                return -E2BIG;

        /* What is bound outlives the statement's run: records belong to the caller, who waits for us. */
        return sqlite3_bind_text64(stmt, i, s, n, SQLITE_STATIC, SQLITE_UTF8) == SQLITE_OK ? 0 : -EINVAL;
}

/* SQLite has signed numbers alone. The topmost one stands for all that is over it, and reads as infinite. */
int bind_u64(sqlite3_stmt *stmt, int i, uint64_t v)
{
        return sqlite3_bind_int64(stmt, i, (int64_t) MIN(v, (uint64_t) INT64_MAX)) == SQLITE_OK ? 0
                                                                                                : -EINVAL;
}

int bind_percent(sqlite3_stmt *stmt, int i, double v)
{
        v = fmin(fmax(v, 0), 100); /* no number becomes 0 */
        return sqlite3_bind_double(stmt, i, v) == SQLITE_OK ? 0 : -EINVAL;
}

int bind_mdegc(sqlite3_stmt *stmt, int i, int32_t v)
{
        int rc = v == MDEGC_UNKNOWN ? sqlite3_bind_null(stmt, i) : sqlite3_bind_int(stmt, i, v);

        return rc == SQLITE_OK ? 0 : -EINVAL;
}

static int column_bind(sqlite3_stmt *stmt, int i, const Column *c, const void *record)
{
        const void *field = (const char *) record + c->offset;
        const char *word;

        switch (c->type) {
        case COLUMN_TEXT:
                return bind_text(stmt, i, *(char *const *) field, STORE_TEXT_MAX);
        case COLUMN_JSON:
                return bind_text(stmt, i, *(char *const *) field, STORE_JSON_MAX);
        case COLUMN_U64:
                return bind_u64(stmt, i, *(const uint64_t *) field);
        case COLUMN_U32:
                return bind_u64(stmt, i, *(const uint32_t *) field);
        case COLUMN_U16:
                return bind_u64(stmt, i, *(const uint16_t *) field);
        case COLUMN_I32:
                return sqlite3_bind_int(stmt, i, *(const int32_t *) field) == SQLITE_OK ? 0 : -EINVAL;
        case COLUMN_MDEGC:
                return bind_mdegc(stmt, i, *(const int32_t *) field);
        case COLUMN_BOOL:
                return bind_u64(stmt, i, *(const bool *) field);
        case COLUMN_PERCENT:
                return bind_percent(stmt, i, *(const double *) field);
        case COLUMN_ENUM:
                word = c->to_string(*(const int *) field);
                return word ? bind_text(stmt, i, word, STORE_TEXT_MAX) : -EINVAL;
        }

        assert_not_reached();
}

/* Borrowed from the statement; NULL for an SQL NULL. */
static int column_text(sqlite3_stmt *stmt, int i, size_t max, const char **ret)
{
        const char *text;
        size_t n;

        if (sqlite3_column_type(stmt, i) == SQLITE_NULL) {
                *ret = NULL;
                return 0;
        }

        text = (const char *) sqlite3_column_text(stmt, i);
        if (!text)
                return -ENOMEM;
        n = (size_t) sqlite3_column_bytes(stmt, i);
        if (n > max || strlen(text) != n)
                return -EUCLEAN;

        *ret = text;
        return 0;
}

static int column_read_text(sqlite3_stmt *stmt, int i, size_t max, char **field)
{
        const char *text;
        int r;

        r = column_text(stmt, i, max, &text);
        if (r < 0)
                return r;

        r = free_and_strdup(field, text);
        return r < 0 ? r : 0;
}

static int column_read_number(sqlite3_stmt *stmt, int i, const Column *c, void *field)
{
        int64_t v = sqlite3_column_int64(stmt, i);
        int64_t min = c->type == COLUMN_I32 || c->type == COLUMN_MDEGC ? INT32_MIN : 0, max;

        switch (c->type) {
        case COLUMN_U64:
                max = INT64_MAX;
                break;
        case COLUMN_U32:
                max = UINT32_MAX;
                break;
        case COLUMN_U16:
                max = UINT16_MAX;
                break;
        case COLUMN_BOOL:
                max = 1;
                break;
        default:
                max = INT32_MAX;
        }
        if (v < min || v > max)
                return -EUCLEAN;

        if (c->type == COLUMN_U64)
                *(uint64_t *) field = v == INT64_MAX ? UINT64_MAX : (uint64_t) v;
        else if (c->type == COLUMN_U32)
                *(uint32_t *) field = (uint32_t) v;
        else if (c->type == COLUMN_U16)
                *(uint16_t *) field = (uint16_t) v;
        else if (c->type == COLUMN_BOOL)
                *(bool *) field = v != 0;
        else
                *(int32_t *) field = (int32_t) v;

        return 0;
}

static int column_read(sqlite3_stmt *stmt, int i, const Column *c, void *record)
{
        void *field = (char *) record + c->offset;
        const char *word;
        int r;

        switch (c->type) {
        case COLUMN_TEXT:
                return column_read_text(stmt, i, STORE_TEXT_MAX, field);
        case COLUMN_JSON:
                return column_read_text(stmt, i, STORE_JSON_MAX, field);
        case COLUMN_PERCENT:
                *(double *) field = sqlite3_column_double(stmt, i);
                return 0;
        case COLUMN_ENUM:
                r = column_text(stmt, i, STORE_TEXT_MAX, &word);
                if (r < 0)
                        return r;
                r = word ? c->from_string(word) : -EINVAL;
                if (r < 0)
                        return -EUCLEAN;
                *(int *) field = r;
                return 0;
        case COLUMN_MDEGC:
                if (sqlite3_column_type(stmt, i) == SQLITE_NULL) {
                        *(int32_t *) field = MDEGC_UNKNOWN;
                        return 0;
                }
                return column_read_number(stmt, i, c, field);
        default:
                return column_read_number(stmt, i, c, field);
        }
}

void record_done(const RecordType *t, void *record)
{
        for (size_t i = 0; i < t->n_columns; i++)
                if (t->columns[i].type == COLUMN_TEXT || t->columns[i].type == COLUMN_JSON)
                        free(*(char **) ((char *) record + t->columns[i].offset));

        memset(record, 0, t->size);
}

static void print_names(FILE *f, const RecordType *t, size_t from, size_t to)
{
        for (size_t i = from; i < to; i++)
                (void) fprintf(f, "%s%s", i > from ? ", " : "", t->columns[i].name);
}

static void print_insert(FILE *f, const RecordType *t, size_t from)
{
        (void) fprintf(f, "INSERT INTO %s (", t->table);
        print_names(f, t, from, t->n_columns);
        (void) fputs(") VALUES (", f);
        for (size_t i = from; i < t->n_columns; i++)
                (void) fputs(i > from ? ", ?" : "?", f);
        (void) fputc(')', f);
}

static void print_put(FILE *f, const RecordType *t)
{
        print_insert(f, t, 0);
        (void) fputs(" ON CONFLICT (", f);
        print_names(f, t, 0, t->n_key);
        (void) fputs(") DO UPDATE SET ", f);
        for (size_t i = t->n_key; i < t->n_columns; i++)
                (void) fprintf(f, "%s%s = excluded.%s", i > t->n_key ? ", " : "", t->columns[i].name,
                               t->columns[i].name);
}

static void print_update(FILE *f, const RecordType *t)
{
        (void) fprintf(f, "UPDATE %s SET ", t->table);
        for (size_t i = t->n_key; i < t->n_columns; i++)
                (void) fprintf(f, "%s%s = ?%zu", i > t->n_key ? ", " : "", t->columns[i].name, i + 1);
        (void) fputs(" WHERE ", f);
        for (size_t i = 0; i < t->n_key; i++)
                (void) fprintf(f, "%s%s = ?%zu", i > 0 ? " AND " : "", t->columns[i].name, i + 1);
}

static void print_select(FILE *f, const RecordType *t, const char *tail)
{
        (void) fputs("SELECT ", f);
        print_names(f, t, 0, t->n_columns);
        (void) fprintf(f, " FROM %s %s", t->table, tail);
}

typedef enum Operation {
        OPERATION_PUT,
        OPERATION_INSERT,
        OPERATION_UPDATE,
        OPERATION_SELECT,
        OPERATION_COUNT,
        OPERATION_DELETE,
} Operation;

static int record_statement(Store *s, const RecordType *t, Operation op, const char *tail,
                            sqlite3_stmt **ret)
{
        _cleanup_free_ char *sql = NULL;
        size_t size;
        FILE *f;

        f = open_memstream(&sql, &size);
        if (!f)
                return -ENOMEM;

        switch (op) {
        case OPERATION_PUT:
                print_put(f, t);
                break;
        case OPERATION_INSERT:
                print_insert(f, t, t->n_key);
                break;
        case OPERATION_UPDATE:
                print_update(f, t);
                break;
        case OPERATION_SELECT:
                print_select(f, t, tail);
                break;
        case OPERATION_COUNT:
                (void) fprintf(f, "SELECT count(*) FROM %s %s", t->table, tail);
                break;
        case OPERATION_DELETE:
                (void) fprintf(f, "DELETE FROM %s WHERE %s = ?", t->table, t->columns[0].name);
                break;
        }
        if (fclose(f) != 0)
                return -ENOMEM;

        return store_statement(s, sql, ret);
}

static int bind_columns(sqlite3_stmt *stmt, const RecordType *t, size_t from, const void *record)
{
        for (size_t i = from; i < t->n_columns; i++) {
                int r = column_bind(stmt, (int) (i - from + 1), t->columns + i, record);

                if (r < 0)
                        return r;
        }

        return 0;
}

static int record_write(Store *s, const RecordType *t, Operation op, const void *record)
{
        _cleanup_statement_ sqlite3_stmt *stmt = NULL;
        int r;

        r = record_statement(s, t, op, NULL, &stmt);
        if (r < 0)
                return r;
        r = bind_columns(stmt, t, op == OPERATION_INSERT ? t->n_key : 0, record);
        if (r < 0)
                return r;
        r = statement_run(s, stmt);
        if (r < 0)
                return r;

        return op == OPERATION_UPDATE && sqlite3_changes(s->db) == 0 ? -ENOENT : 0;
}

static int put_each(Store *s, const RecordType *t, const void *const *records, size_t n)
{
        _cleanup_statement_ sqlite3_stmt *stmt = NULL;
        int r;

        r = record_statement(s, t, OPERATION_PUT, NULL, &stmt);
        for (size_t i = 0; r >= 0 && i < n; i++) {
                r = bind_columns(stmt, t, 0, records[i]);
                if (r >= 0)
                        r = statement_run(s, stmt);
                (void) sqlite3_reset(stmt);
        }

        return r;
}

int records_put(Store *s, const RecordType *t, const void *const *records, size_t n)
{
        bool own;
        int r;

        r = store_join(s, &own);
        if (r < 0)
                return r;

        return store_leave(s, own, put_each(s, t, records, n));
}

static int record_write_as_one(Store *s, const RecordType *t, Operation op, const void *record)
{
        bool own;
        int r;

        r = store_join(s, &own);
        if (r < 0)
                return r;

        return store_leave(s, own, record_write(s, t, op, record));
}

int record_put(Store *s, const RecordType *t, const void *record)
{
        return record_write_as_one(s, t, OPERATION_PUT, record);
}

int record_update(Store *s, const RecordType *t, const void *record)
{
        return record_write_as_one(s, t, OPERATION_UPDATE, record);
}

int record_insert(Store *s, const RecordType *t, const void *record, uint64_t *ret_key)
{
        int64_t id;
        int r;

        r = record_write_as_one(s, t, OPERATION_INSERT, record);
        if (r < 0)
                return r;

        id = sqlite3_last_insert_rowid(s->db);
        if (ret_key)
                *ret_key = (uint64_t) id;
        return 0;
}

static int key_del(Store *s, const RecordType *t, const char *key)
{
        _cleanup_statement_ sqlite3_stmt *stmt = NULL;
        int r;

        if ((r = record_statement(s, t, OPERATION_DELETE, NULL, &stmt)) < 0 ||
            (r = bind_text(stmt, 1, key, STORE_TEXT_MAX)) < 0 || (r = statement_run(s, stmt)) < 0)
                return r;

        return sqlite3_changes(s->db) > 0;
}

int record_del(Store *s, const RecordType *t, const char *key)
{
        bool own;
        int r;

        r = store_join(s, &own);
        if (r < 0)
                return r;

        return store_leave(s, own, key_del(s, t, key));
}

static int bind_values(sqlite3_stmt *stmt, const Value *values, size_t n_values)
{
        for (size_t i = 0; i < n_values; i++) {
                int r = values[i].text ? bind_text(stmt, (int) i + 1, values[i].text, STORE_TEXT_MAX)
                                       : bind_u64(stmt, (int) i + 1, values[i].number);

                if (r < 0)
                        return r;
        }

        return 0;
}

void rows_done(Rows *rows)
{
        for (size_t i = 0; i < rows->n; i++)
                record_done(rows->type, rows_at(rows, i));
        free(rows->records);
        *rows = (Rows){ .type = rows->type };
}

static int rows_add(Rows *rows, sqlite3_stmt *stmt)
{
        void *record;

        if (rows->n == rows->allocated) {
                size_t n = MAX((size_t) 16, rows->allocated * 2);
                char *p = reallocarray(rows->records, n, rows->type->size);

                if (!p)
                        return -ENOMEM;
                rows->records = p;
                rows->allocated = n;
        }

        record = rows_at(rows, rows->n++);
        memset(record, 0, rows->type->size);
        for (size_t i = 0; i < rows->type->n_columns; i++) {
                int r = column_read(stmt, (int) i, rows->type->columns + i, record);

                if (r < 0)
                        return r;
        }

        return 0;
}

int rows_read(Store *s, const char *tail, const Value *values, size_t n_values, Rows *rows)
{
        _cleanup_statement_ sqlite3_stmt *stmt = NULL;
        int rc, r;

        r = record_statement(s, rows->type, OPERATION_SELECT, tail, &stmt);
        if (r < 0)
                return r;
        r = bind_values(stmt, values, n_values);
        if (r < 0)
                return r;

        errno = 0;
        while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
                r = rows_add(rows, stmt);
                if (r == -EUCLEAN && rows->apart) {
                        record_done(rows->type, rows_at(rows, --rows->n));
                        rows->n_unreadable++;
                        continue;
                }
                if (r == -EUCLEAN)
                        return store_error(s, SQLITE_CORRUPT, "row");
                if (r < 0)
                        return r;
        }

        return store_error(s, rc, rows->type->table);
}

int rows_count(Store *s, const RecordType *t, const char *tail, const Value *values, size_t n_values,
               uint64_t *ret)
{
        _cleanup_statement_ sqlite3_stmt *stmt = NULL;
        int rc, r;

        r = record_statement(s, t, OPERATION_COUNT, tail, &stmt);
        if (r < 0)
                return r;
        r = bind_values(stmt, values, n_values);
        if (r < 0)
                return r;

        errno = 0;
        rc = sqlite3_step(stmt);
        if (rc != SQLITE_ROW)
                return rc == SQLITE_DONE ? -EIO : store_error(s, rc, t->table);

        *ret = (uint64_t) sqlite3_column_int64(stmt, 0);
        return 0;
}

int rows_find(Store *s, const char *tail, const Value *values, size_t n_values, Rows *rows, void *ret)
{
        int r;

        r = rows_read(s, tail, values, n_values, rows);
        if (r < 0)
                return r;
        if (rows->n_unreadable > 0)
                return -EUCLEAN;
        if (rows->n == 0)
                return 0;

        memcpy(ret, rows_at(rows, 0), rows->type->size);
        memset(rows_at(rows, 0), 0, rows->type->size);
        return 1;
}

int row_find(Store *s, const RecordType *t, const char *tail, const Value *values, size_t n_values,
             void *ret)
{
        _cleanup_(rows_done) Rows rows = { .type = t };

        return rows_find(s, tail, values, n_values, &rows, ret);
}

static int run(Store *s, const char *sql, const Value *values, size_t n_values, uint32_t *ret_changed)
{
        _cleanup_statement_ sqlite3_stmt *stmt = NULL;
        int r;

        if ((r = store_statement(s, sql, &stmt)) < 0 || (r = bind_values(stmt, values, n_values)) < 0 ||
            (r = statement_run(s, stmt)) < 0)
                return r;

        if (ret_changed)
                *ret_changed = (uint32_t) sqlite3_changes(s->db);
        return 0;
}

int write_run(Store *s, const char *sql, const Value *values, size_t n_values, uint32_t *ret_changed)
{
        bool own;
        int r;

        r = store_join(s, &own);
        if (r < 0)
                return r;

        return store_leave(s, own, run(s, sql, values, n_values, ret_changed));
}
