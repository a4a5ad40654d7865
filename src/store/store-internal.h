/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <sqlite3.h>

#include "store/store.h"

/* How the files of src/store/ share the connection. A record is described by a table of columns, from which its SQL, its
 * binding and its reading are made, so that the three cannot disagree. */

#define STATEMENTS_MAX 48U

/* Longer texts are refused when written (-E2BIG) and when read (-EUCLEAN). */
#define STORE_TEXT_MAX (64U * 1024U)
#define STORE_JSON_MAX (4U * 1024U * 1024U)

typedef struct Statement {
        char *sql;
        sqlite3_stmt *stmt;
        uint64_t used; /* when, on the clock of Store.uses */
} Statement;

typedef enum Transaction {
        TRANSACTION_NONE,
        TRANSACTION_OPEN,
        TRANSACTION_FAILED, /* a write in it failed: it was rolled back, and takes nothing until store_rollback() */
} Transaction;

struct Store {
        sqlite3 *db;
        char *path;
        Statement statements[STATEMENTS_MAX];
        size_t n_statements;
        uint64_t uses;
        sqlite3_stmt *begin, *commit, *rollback; /* never evicted: a rollback must not need memory */
        bool durable;                            /* the connection is at synchronous=FULL */
        Transaction transaction;
        int transaction_error; /* what TRANSACTION_FAILED failed with */
        void (*ended)(bool committed, void *userdata);
        void *ended_userdata;
        bool corrupt; /* SQLite said so once; nothing but a repair takes it back */
};

/* Schemas are numbered from 1: schemas[i] brings version i to i + 1. */
int store_open_schemas(const char *path, const char *const *schemas, size_t n_schemas, Store **ret,
                       int *ret_upgraded_from);

extern const char *const store_schemas[];
extern const size_t store_n_schemas;

/* A connection to a file as it is, told what comes before anything else. flags: SQLITE_OPEN_*. */
int store_open_file(const char *path, int flags, Store **ret);
/* The schema of a file, 0: it is empty. -EUCLEAN: a database of somebody else; -ENOTSUP: newer than so many. It reads alone: a file
 * that is not for us stays as it is. */
int store_read_version(Store *s, size_t n_schemas, int64_t *ret);
int store_exec(Store *s, const char *sql);
int store_query_i64(Store *s, const char *sql, int64_t *ret); /* -ENODATA: no row */

/* The errno of what SQLite returned last; errno was zeroed before. */
int store_error(Store *s, int rc, const char *what);

/* From the cache, prepared if need be. It belongs to the store: release it before anything else is called. */
int store_statement(Store *s, const char *sql, sqlite3_stmt **ret);
static inline void statement_release(sqlite3_stmt **stmt)
{
        if (*stmt) {
                (void) sqlite3_reset(*stmt);
                (void) sqlite3_clear_bindings(*stmt);
        }
}
#define _cleanup_statement_ _cleanup_(statement_release)

/* To the end of a statement that gives no rows. */
int statement_run(Store *s, sqlite3_stmt *stmt);

/* A value for a '?' in a statement. */
typedef struct Value {
        const char *text; /* NULL: the number */
        uint64_t number;
} Value;

/* A write of one statement that gives no rows. ret_changed: how many rows it has changed; may be NULL. */
int write_run(Store *s, const char *sql, const Value *values, size_t n_values, uint32_t *ret_changed);

int bind_text(sqlite3_stmt *stmt, int i, const char *s, size_t max);
int bind_u64(sqlite3_stmt *stmt, int i, uint64_t v);
int bind_percent(sqlite3_stmt *stmt, int i, double v);
int bind_mdegc(sqlite3_stmt *stmt, int i, int32_t v);

typedef enum ColumnType {
        COLUMN_TEXT,
        COLUMN_JSON,
        COLUMN_U64,
        COLUMN_U32,
        COLUMN_U16,
        COLUMN_I32,
        COLUMN_MDEGC, /* MDEGC_UNKNOWN is NULL */
        COLUMN_BOOL,
        COLUMN_PERCENT,
        COLUMN_ENUM,
} ColumnType;

typedef struct Column {
        const char *name;
        ColumnType type;
        size_t offset;
        const char *(*to_string)(int v); /* COLUMN_ENUM */
        int (*from_string)(const char *s);
} Column;

#define COLUMN(type_, record, name_, field)                                                                 \
        {                                                                                                   \
                .name = name_, .type = COLUMN_##type_, .offset = offsetof(record, field)                    \
        }
#define COLUMN_OF_ENUM(record, name_, field, enum_)                                                         \
        {                                                                                                   \
                .name = name_, .type = COLUMN_ENUM, .offset = offsetof(record, field),                      \
                .to_string = enum_##_column_to_string, .from_string = enum_##_column_from_string            \
        }
/* The string tables take and give their own enum type; a column knows int alone. */
#define DEFINE_ENUM_COLUMN(enum_, Enum)                                                                     \
        static const char *enum_##_column_to_string(int v)                                                  \
        {                                                                                                   \
                return enum_##_to_string((Enum) v);                                                         \
        }                                                                                                   \
        static int enum_##_column_from_string(const char *s)                                                \
        {                                                                                                   \
                return (int) enum_##_from_string(s);                                                        \
        }                                                                                                   \
        struct _need_semicolon_

typedef struct RecordType {
        const char *table;
        size_t size;
        const Column *columns; /* the key first */
        size_t n_columns, n_key;
} RecordType;

void record_done(const RecordType *t, void *record);

/* Inserts, or updates the row of the same key. */
int record_put(Store *s, const RecordType *t, const void *record);
/* Many of them. */
int records_put(Store *s, const RecordType *t, const void *const *records, size_t n);
/* Inserts without the key (one column), which the database chooses. */
int record_insert(Store *s, const RecordType *t, const void *record, uint64_t *ret_key);
/* Updates the row of this key; -ENOENT: there is none. */
int record_update(Store *s, const RecordType *t, const void *record);

/* Rows are read to the end before the first is shown to anybody: callbacks may call back into the store. */
typedef struct Rows {
        const RecordType *type;
        bool apart; /* a row that cannot be read says nothing of the others: it is left out, and counted */
        char *records;
        size_t n, allocated, n_unreadable;
} Rows;

void rows_done(Rows *rows);
/* tail: "WHERE ... ORDER BY ... LIMIT ..." */
int rows_read(Store *s, const char *tail, const Value *values, size_t n_values, Rows *rows);
/* The first row that tail finds, which becomes ret's: 1; 0: there is none. -EUCLEAN: it cannot be read. */
int rows_find(Store *s, const char *tail, const Value *values, size_t n_values, Rows *rows, void *ret);
int row_find(Store *s, const RecordType *t, const char *tail, const Value *values, size_t n_values,
             void *ret);
static inline void *rows_at(Rows *rows, size_t i)
{
        return rows->records + i * rows->type->size;
}

/* Shows each row to a callback; its first negative return ends that. */
#define ROWS_CALL(rows, callback, userdata)                                                                 \
        ({                                                                                                  \
                int _r = 0;                                                                                 \
                for (size_t _i = 0; _i < (rows)->n && _r >= 0; _i++)                                        \
                        _r = (callback) (rows_at((rows), _i), (userdata));                                  \
                MIN(_r, 0);                                                                                 \
        })

/* How many rows "SELECT count(*) FROM table" with this tail counts. */
int rows_count(Store *s, const RecordType *t, const char *tail, const Value *values, size_t n_values,
               uint64_t *ret);

/* "DELETE FROM table WHERE key = ?", by a text: 1, or 0 where there was none. */
int record_del(Store *s, const RecordType *t, const char *key);
