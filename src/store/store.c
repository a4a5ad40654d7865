/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "basic/fd-util.h"
#include "basic/log.h"
#include "basic/string-util.h"
#include "basic/time-util.h"
#include "store/store-internal.h"

/* The connection: opening, schema, statements, transactions, errors.
 *
 * 1. Nothing is changed in a file before it is known to be ours and not newer than we are.
 * 2. foreign_keys is off while a schema is brought up to date (tables may have to be rebuilt), and every reference is
 *    checked before that is committed; afterwards it is always on.
 * 3. SQLite ends a transaction by itself on some errors. What was written next would then be committed one by one; so a
 *    transaction in which anything failed takes nothing more (TRANSACTION_FAILED).
 * 4. synchronous is FULL from before BEGIN in every transaction but those of store_begin_relaxed(). */

#define APPLICATION_ID    0x6275726e /* "burn" */
#define BUSY_TIMEOUT_MSEC 2000
/* Less than this is as good as full: the log must be able to grow between two checkpoints. */
#define FREE_MIN_BYTES (UINT64_C(8) * 1024 * 1024)

extern const char schema_0001_init[], schema_0002_settings[], schema_0004_queue[], schema_0005_grant[],
                schema_0006_self_test[], schema_0007_truenas[], schema_0008_reading[],
                schema_0009_stage_progress[], schema_0010_accounts[], schema_0011_bay[], schema_0012_nvme[],
                schema_0013_latest[], schema_0014_outbox[], schema_0016_nightly[],
                schema_0017_nightly_size[], schema_0018_host_lost[], schema_0019_statistics[];

const char *const store_schemas[] = {
        schema_0001_init,       schema_0002_settings, schema_0004_queue,        schema_0005_grant,
        schema_0006_self_test,  schema_0007_truenas,  schema_0008_reading,      schema_0009_stage_progress,
        schema_0010_accounts,   schema_0011_bay,      schema_0012_nvme,         schema_0013_latest,
        schema_0014_outbox,     schema_0016_nightly,  schema_0017_nightly_size, schema_0018_host_lost,
        schema_0019_statistics,
};

const size_t store_n_schemas = ELEMENTSOF(store_schemas);

static int errno_of_system(int e)
{
        switch (e) {
        case ENOSPC:
        case EDQUOT:
        case EFBIG:
                return -ENOSPC;
        case ENOMEM:
        case EROFS:
        case EACCES:
        case ENOENT:
        case EISDIR:
                return -e;
        default:
                return -EIO;
        }
}

static int errno_of_constraint(int rc)
{
        switch (rc) {
        case SQLITE_CONSTRAINT_PRIMARYKEY:
        case SQLITE_CONSTRAINT_UNIQUE:
        case SQLITE_CONSTRAINT_ROWID:
                return -EEXIST;
        case SQLITE_CONSTRAINT_FOREIGNKEY:
                return -ENOENT;
        case SQLITE_CONSTRAINT_TRIGGER:
                return -EPERM;
        default:
                return -EINVAL;
        }
}

static int errno_of(sqlite3 *db, int rc)
{
        switch (rc & 0xff) {
        case SQLITE_OK:
        case SQLITE_ROW:
        case SQLITE_DONE:
                return 0;
        case SQLITE_FULL:
                return -ENOSPC;
        case SQLITE_NOMEM:
                return -ENOMEM;
        case SQLITE_BUSY:
        case SQLITE_LOCKED:
                return -EBUSY;
        case SQLITE_CORRUPT:
        case SQLITE_NOTADB:
                return -EUCLEAN;
        case SQLITE_READONLY:
                return -EROFS;
        case SQLITE_PERM:
        case SQLITE_AUTH:
                return -EACCES;
        case SQLITE_TOOBIG:
                return -E2BIG;
        case SQLITE_CONSTRAINT:
                return errno_of_constraint(rc);
        case SQLITE_IOERR:
        case SQLITE_CANTOPEN:
                /* SQLite's own note of it is not made when COMMIT fails. */
                return rc == SQLITE_IOERR_NOMEM ? -ENOMEM
                                                : errno_of_system(errno ?: sqlite3_system_errno(db));
        default:
                return -EIO;
        }
}

bool store_is_refusal(int r)
{
        return r == -EINVAL || r == -EEXIST || r == -ENOENT || r == -EPERM || r == -E2BIG;
}

int store_error(Store *s, int rc, const char *what)
{
        int r = errno_of(s->db, rc);

        if (r == -EUCLEAN)
                s->corrupt = true;
        if (r < 0)
                log_debug("%s: %s: %s (SQLite %i)", s->path, what, sqlite3_errmsg(s->db), rc);

        return r;
}

int store_exec(Store *s, const char *sql)
{
        errno = 0;
        return store_error(s, sqlite3_exec(s->db, sql, NULL, NULL, NULL), sql);
}

static int prepare(Store *s, const char *sql, sqlite3_stmt **ret)
{
        sqlite3_stmt *stmt = NULL;
        int r;

        r = store_error(s, sqlite3_prepare_v3(s->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &stmt, NULL), sql);
        if (r < 0)
                return r;

        *ret = stmt;
        return 0;
}

static void statement_drop(Store *s, size_t i)
{
        sqlite3_finalize(s->statements[i].stmt);
        free(s->statements[i].sql);
        s->statements[i] = s->statements[--s->n_statements];
        s->statements[s->n_statements] = (Statement){};
}

int store_statement(Store *s, const char *sql, sqlite3_stmt **ret)
{
        _cleanup_free_ char *copy = NULL;
        sqlite3_stmt *stmt;
        size_t oldest = 0;
        int r;

        s->uses++;
        for (size_t i = 0; i < s->n_statements; i++) {
                if (streq(s->statements[i].sql, sql)) {
                        assert(!sqlite3_stmt_busy(s->statements[i].stmt));
                        s->statements[i].used = s->uses;
                        *ret = s->statements[i].stmt;
                        return 0;
                }
                if (s->statements[i].used < s->statements[oldest].used)
                        oldest = i;
        }

        copy = strdup(sql);
        if (!copy)
                return -ENOMEM;
        r = prepare(s, sql, &stmt);
        if (r < 0)
                return r;

        if (s->n_statements == STATEMENTS_MAX)
                statement_drop(s, oldest);
        s->statements[s->n_statements++] = (Statement){
                .sql = TAKE_PTR(copy),
                .stmt = stmt,
                .used = s->uses,
        };

        *ret = stmt;
        return 0;
}

int statement_run(Store *s, sqlite3_stmt *stmt)
{
        int rc;

        errno = 0;
        do
                rc = sqlite3_step(stmt);
        while (rc == SQLITE_ROW);

        return store_error(s, rc, sqlite3_sql(stmt));
}

static int run_and_reset(Store *s, sqlite3_stmt *stmt)
{
        int r = statement_run(s, stmt);

        (void) sqlite3_reset(stmt);
        return r;
}

static void tell_end(Store *s, bool committed)
{
        if (s->ended)
                s->ended(committed, s->ended_userdata);
}

/* ROLLBACK itself fails only where SQLite has rolled back already. */
static void rollback_now(Store *s)
{
        if (!sqlite3_get_autocommit(s->db))
                (void) run_and_reset(s, s->rollback);
        tell_end(s, false);
}

static int commit_now(Store *s)
{
        int r;

        r = run_and_reset(s, s->commit);
        if (r < 0)
                rollback_now(s);
        else
                tell_end(s, true);

        return r;
}

static int begin_now(Store *s, bool durable)
{
        int r;

        if (s->durable != durable) {
                /* SQLite obeys this one when it prepares it: a cached statement would do nothing. */
                r = store_exec(s, durable ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL");
                if (r < 0)
                        return r;
                s->durable = durable;
        }

        return run_and_reset(s, s->begin);
}

static int begin(Store *s, bool durable)
{
        int r;

        assert(s->transaction == TRANSACTION_NONE);

        r = begin_now(s, durable);
        if (r < 0)
                return r;

        s->transaction = TRANSACTION_OPEN;
        return 0;
}

int store_begin(Store *s)
{
        return begin(s, true);
}

int store_begin_relaxed(Store *s)
{
        return begin(s, false);
}

int store_commit(Store *s)
{
        Transaction t = s->transaction;

        assert(t != TRANSACTION_NONE);

        s->transaction = TRANSACTION_NONE;
        return t == TRANSACTION_FAILED ? s->transaction_error : commit_now(s);
}

void store_rollback(Store *s)
{
        if (s->transaction == TRANSACTION_OPEN)
                rollback_now(s);
        s->transaction = TRANSACTION_NONE;
}

int store_join(Store *s, bool *ret_own)
{
        if (s->transaction == TRANSACTION_FAILED)
                return s->transaction_error;

        *ret_own = s->transaction == TRANSACTION_NONE;
        return *ret_own ? store_begin(s) : 0;
}

int store_leave(Store *s, bool own, int r)
{
        int k;

        if (own && r >= 0) {
                k = store_commit(s);
                return k < 0 ? k : r;
        }

        if (own)
                store_rollback(s);
        else if (r < 0 && s->transaction == TRANSACTION_OPEN) {
                rollback_now(s);
                s->transaction = TRANSACTION_FAILED;
                s->transaction_error = r;
        }

        return r;
}

void store_watch(Store *s, void (*ended)(bool committed, void *userdata), void *userdata)
{
        s->ended = ended;
        s->ended_userdata = userdata;
}

int store_query_i64(Store *s, const char *sql, int64_t *ret)
{
        sqlite3_stmt *stmt;
        int rc, r;

        r = prepare(s, sql, &stmt);
        if (r < 0)
                return r;

        rc = sqlite3_step(stmt);
        if (rc == SQLITE_ROW)
                *ret = sqlite3_column_int64(stmt, 0);
        r = rc == SQLITE_DONE ? -ENODATA : store_error(s, rc, sql);
        sqlite3_finalize(stmt);

        return r;
}

/* SQLite would make the file with the umask's idea of a mode. Its log and shared memory take over the mode of the file. */
static int create_file(const char *path)
{
        _cleanup_close_ int fd = -EBADF;
        struct stat st;
        int r;

        fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0600);
        if (fd < 0 || fstat(fd, &st) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode))
                return -EINVAL;
        if ((st.st_mode & 07177) != 0 && fchmod(fd, 0600) < 0)
                return -errno;
        if (st.st_size > 0)
                return 0;

        r = fsync_directory_of(path);
        return fsync(fd) < 0 ? -errno : r;
}

/* The backup beside the file: the old content, whole, or no file of that name. */
static int backup(Store *s, int64_t version)
{
        _cleanup_free_ char *path = NULL, *temporary = NULL;
        _cleanup_close_ int fd = -EBADF;
        sqlite3_stmt *stmt;
        int r;

        path = strf("%s.schema-%" PRIi64 ".backup", s->path, version);
        temporary = strf("%s.schema-%" PRIi64 ".backup.new", s->path, version);
        if (!path || !temporary)
                return -ENOMEM;

        fd = open(temporary, O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (fd < 0)
                return -errno;

        r = prepare(s, "VACUUM INTO ?", &stmt);
        if (r >= 0) {
                r = bind_text(stmt, 1, temporary, SIZE_MAX);
                if (r >= 0)
                        r = statement_run(s, stmt);
                sqlite3_finalize(stmt);
        }
        if (r >= 0 && fsync(fd) < 0)
                r = -errno;
        if (r >= 0 && rename(temporary, path) < 0)
                r = -errno;
        if (r < 0) {
                (void) unlink(temporary);
                return r;
        }

        return fsync_directory_of(path);
}

static int migrate_steps(Store *s, const char *const *schemas, size_t n_schemas, int64_t version)
{
        char sql[128];
        int64_t broken;
        int r;

        for (size_t i = (size_t) version; i < n_schemas; i++) {
                r = store_exec(s, schemas[i]);
                if (r < 0)
                        return r;
        }

        r = store_query_i64(s, "SELECT count(*) FROM pragma_foreign_key_check", &broken);
        if (r < 0)
                return r;
        if (broken > 0) {
                log_debug("%s: the upgrade would break %" PRIi64 " references", s->path, broken);
                return -EUCLEAN;
        }

        (void) snprintf(sql, sizeof(sql), "PRAGMA application_id = %i; PRAGMA user_version = %zu",
                        APPLICATION_ID, n_schemas);
        return store_exec(s, sql);
}

static int migrate(Store *s, const char *const *schemas, size_t n_schemas, int64_t version)
{
        int r;

        if (version == (int64_t) n_schemas)
                return 0;
        if (version > 0) {
                r = backup(s, version);
                if (r < 0)
                        return log_debug_errno(r, "Failed to back up %s before its upgrade: %m", s->path);
        }

        r = begin_now(s, true);
        if (r < 0)
                return r;

        r = migrate_steps(s, schemas, n_schemas, version);
        if (r < 0) {
                rollback_now(s);
                return r;
        }

        return commit_now(s);
}

int store_read_version(Store *s, size_t n_schemas, int64_t *ret)
{
        int64_t version, application, objects;
        int r;

        if ((r = store_query_i64(s, "PRAGMA user_version", &version)) < 0 ||
            (r = store_query_i64(s, "PRAGMA application_id", &application)) < 0 ||
            (r = store_query_i64(s, "SELECT count(*) FROM sqlite_schema", &objects)) < 0)
                return r;

        if (version == 0 && objects == 0) {
                *ret = 0;
                return 0;
        }
        if (application != APPLICATION_ID || version <= 0) {
                log_debug("%s is a database of another program.", s->path);
                return -EUCLEAN;
        }
        if (version > (int64_t) n_schemas) {
                log_debug("%s has schema %" PRIi64 ", this program knows up to %zu.", s->path, version,
                          n_schemas);
                return -ENOTSUP;
        }

        *ret = version;
        return 0;
}

static int set_journal_mode(Store *s)
{
        sqlite3_stmt *stmt;
        const char *mode;
        int rc, r;

        r = prepare(s, "PRAGMA journal_mode = WAL", &stmt);
        if (r < 0)
                return r;

        rc = sqlite3_step(stmt);
        mode = rc == SQLITE_ROW ? (const char *) sqlite3_column_text(stmt, 0) : NULL;
        /* Where the file system cannot do it, SQLite stays in the mode it was in, and says no more than that. */
        r = rc == SQLITE_ROW ? (streq_ptr(mode, "wal") ? 0 : -EIO) : store_error(s, rc, "journal_mode");
        sqlite3_finalize(stmt);

        return r;
}

static int configure(Store *s)
{
        static const int on[] = { SQLITE_DBCONFIG_DEFENSIVE },
                         off[] = { SQLITE_DBCONFIG_TRUSTED_SCHEMA, SQLITE_DBCONFIG_DQS_DML,
                                   SQLITE_DBCONFIG_DQS_DDL, SQLITE_DBCONFIG_ENABLE_FKEY };

        (void) sqlite3_extended_result_codes(s->db, 1);
        (void) sqlite3_busy_timeout(s->db, BUSY_TIMEOUT_MSEC);
        (void) sqlite3_limit(s->db, SQLITE_LIMIT_LENGTH, 2 * (int) STORE_JSON_MAX);
        (void) sqlite3_limit(s->db, SQLITE_LIMIT_ATTACHED, 1); /* VACUUM INTO needs one */

        for (size_t i = 0; i < ELEMENTSOF(on); i++)
                (void) sqlite3_db_config(s->db, on[i], 1, NULL);
        for (size_t i = 0; i < ELEMENTSOF(off); i++)
                (void) sqlite3_db_config(s->db, off[i], 0, NULL);

        return store_exec(s, "PRAGMA temp_store = MEMORY; PRAGMA cell_size_check = ON");
}

int store_open_file(const char *path, int flags, Store **ret)
{
        _cleanup_(store_closep) Store *s = NULL;
        int rc, r;

        s = new0(Store, 1);
        if (!s)
                return -ENOMEM;
        s->path = strdup(path);
        if (!s->path)
                return -ENOMEM;

        errno = 0;
        rc = sqlite3_open_v2(path, &s->db, flags | SQLITE_OPEN_NOMUTEX, NULL);
        if (!s->db)
                return -ENOMEM;
        r = store_error(s, rc, "open");
        if (r >= 0)
                r = configure(s);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(s);
        return 0;
}

int store_open_schemas(const char *path, const char *const *schemas, size_t n_schemas, Store **ret,
                       int *ret_upgraded_from)
{
        _cleanup_(store_closep) Store *s = NULL;
        int64_t version, keys;
        int r;

        if ((r = create_file(path)) < 0 || (r = store_open_file(path, SQLITE_OPEN_READWRITE, &s)) < 0 ||
            (r = store_read_version(s, n_schemas, &version)) < 0 || (r = set_journal_mode(s)) < 0 ||
            (r = store_exec(s, "PRAGMA journal_size_limit = 16777216")) < 0 ||
            (r = prepare(s, "BEGIN IMMEDIATE", &s->begin)) < 0 ||
            (r = prepare(s, "COMMIT", &s->commit)) < 0 || (r = prepare(s, "ROLLBACK", &s->rollback)) < 0 ||
            (r = migrate(s, schemas, n_schemas, version)) < 0 ||
            (r = store_exec(s, "PRAGMA foreign_keys = ON")) < 0 ||
            (r = store_query_i64(s, "PRAGMA foreign_keys", &keys)) < 0)
                return r;
        if (keys != 1)
                return -EIO;

        if (ret_upgraded_from)
                *ret_upgraded_from = version > 0 && version < (int64_t) n_schemas ? (int) version : -1;
        *ret = TAKE_PTR(s);
        return 0;
}

int store_open(const char *path, Store **ret, int *ret_upgraded_from)
{
        return store_open_schemas(path, store_schemas, ELEMENTSOF(store_schemas), ret, ret_upgraded_from);
}

Store *store_close(Store *s)
{
        if (!s)
                return NULL;

        while (s->n_statements > 0)
                statement_drop(s, s->n_statements - 1);
        sqlite3_finalize(s->begin);
        sqlite3_finalize(s->commit);
        sqlite3_finalize(s->rollback);
        (void) sqlite3_close(s->db);
        free(s->path);
        free(s);

        return NULL;
}

static int check_write(Store *s)
{
        _cleanup_statement_ sqlite3_stmt *stmt = NULL;
        int r;

        r = store_statement(s,
                            "INSERT INTO health (one, checked_usec) VALUES (1, ?) "
                            "ON CONFLICT (one) DO UPDATE SET checked_usec = excluded.checked_usec",
                            &stmt);
        if (r < 0)
                return r;
        r = bind_u64(stmt, 1, now_usec(CLOCK_REALTIME));
        if (r < 0)
                return r;

        return statement_run(s, stmt);
}

int store_check(Store *s)
{
        struct statvfs f;
        bool own;
        int r;

        if (s->corrupt)
                return -EUCLEAN;
        if (statvfs(s->path, &f) < 0)
                return -errno;
        if ((uint64_t) f.f_bavail * f.f_frsize < FREE_MIN_BYTES)
                return -ENOSPC;

        r = store_join(s, &own);
        if (r < 0)
                return r;

        return store_leave(s, own, check_write(s));
}

int store_size(Store *s, uint64_t *ret)
{
        int64_t size = 0;
        int r;

        r = store_query_i64(s, "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()",
                            &size);
        if (r >= 0)
                *ret = (uint64_t) size;
        return r;
}
