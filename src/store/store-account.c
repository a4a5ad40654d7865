/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "store/store-internal.h"

/* Accounts, their sessions, and failed logins. */

DEFINE_ENUM_COLUMN(role, Role);

static const Column account_columns[] = {
        COLUMN(TEXT, AccountRecord, "name", name),
        COLUMN_OF_ENUM(AccountRecord, "role", role, role),
        COLUMN(TEXT, AccountRecord, "password_hash", password_hash),
        COLUMN(U64, AccountRecord, "created_usec", created_usec),
        COLUMN(U64, AccountRecord, "password_usec", password_usec),
        COLUMN(U64, AccountRecord, "login_usec", login_usec),
};

static const RecordType account_type = {
        .table = "accounts",
        .size = sizeof(AccountRecord),
        .columns = account_columns,
        .n_columns = ELEMENTSOF(account_columns),
        .n_key = 1,
};

static const Column session_columns[] = {
        COLUMN(U64, SessionRecord, "id", id),
        COLUMN(TEXT, SessionRecord, "token_sha256", token_sha256),
        COLUMN(TEXT, SessionRecord, "account", account),
        COLUMN(TEXT, SessionRecord, "address", address),
        COLUMN(U64, SessionRecord, "created_usec", created_usec),
        COLUMN(U64, SessionRecord, "seen_usec", seen_usec),
};

static const RecordType session_type = {
        .table = "sessions",
        .size = sizeof(SessionRecord),
        .columns = session_columns,
        .n_columns = ELEMENTSOF(session_columns),
        .n_key = 1,
};

static const Column lockout_columns[] = {
        COLUMN(TEXT, LockoutRecord, "subject", subject),
        COLUMN(U32, LockoutRecord, "failures", failures),
        COLUMN(U64, LockoutRecord, "last_usec", last_usec),
        COLUMN(U64, LockoutRecord, "until_usec", until_usec),
};

static const RecordType lockout_type = {
        .table = "lockouts",
        .size = sizeof(LockoutRecord),
        .columns = lockout_columns,
        .n_columns = ELEMENTSOF(lockout_columns),
        .n_key = 1,
};

void account_record_done(AccountRecord *r)
{
        record_done(&account_type, r);
}

void session_record_done(SessionRecord *r)
{
        record_done(&session_type, r);
}

void lockout_record_done(LockoutRecord *r)
{
        record_done(&lockout_type, r);
}

int store_account_put(Store *s, const AccountRecord *r)
{
        return record_put(s, &account_type, r);
}

int store_account_get(Store *s, const char *name, AccountRecord *ret)
{
        return row_find(s, &account_type, "WHERE name = ?", &(Value){ .text = name }, 1, ret);
}

int store_account_del(Store *s, const char *name)
{
        return record_del(s, &account_type, name);
}

int store_account_list(Store *s, int (*callback)(AccountRecord *r, void *userdata), void *userdata)
{
        _cleanup_(rows_done) Rows rows = { .type = &account_type };
        int r;

        r = rows_read(s, "ORDER BY name", NULL, 0, &rows);
        if (r < 0)
                return r;

        return ROWS_CALL(&rows, callback, userdata);
}

int store_account_count(Store *s, uint64_t *ret)
{
        return rows_count(s, &account_type, "", NULL, 0, ret);
}

int store_account_count_admins(Store *s, const char *but, uint64_t *ret)
{
        return rows_count(s, &account_type, "WHERE role = 'admin' AND name <> ?", &(Value){ .text = but }, 1,
                          ret);
}

int store_session_add(Store *s, const SessionRecord *r, uint64_t *ret_id)
{
        return record_insert(s, &session_type, r, ret_id);
}

int store_session_get(Store *s, uint64_t id, SessionRecord *ret)
{
        return row_find(s, &session_type, "WHERE id = ?", &(Value){ .number = id }, 1, ret);
}

int store_session_get_by_token(Store *s, const char *sha256, SessionRecord *ret)
{
        return row_find(s, &session_type, "WHERE token_sha256 = ?", &(Value){ .text = sha256 }, 1, ret);
}

int store_session_seen(Store *s, uint64_t id, uint64_t seen_usec)
{
        const Value values[] = { { .number = seen_usec }, { .number = id } };

        return write_run(s, "UPDATE sessions SET seen_usec = ? WHERE id = ?", values, ELEMENTSOF(values),
                         NULL);
}

int store_session_del(Store *s, uint64_t id)
{
        return write_run(s, "DELETE FROM sessions WHERE id = ?", &(Value){ .number = id }, 1, NULL);
}

int store_session_del_of(Store *s, const char *account, uint64_t but, uint32_t n)
{
        const Value values[] = { { .text = account }, { .number = but }, { .number = n } };

        return write_run(
                        s,
                        "DELETE FROM sessions WHERE account = ?1 AND id <> ?2 AND id NOT IN (SELECT id FROM "
                        "sessions WHERE account = ?1 ORDER BY seen_usec DESC, id DESC LIMIT ?3)",
                        values, ELEMENTSOF(values), NULL);
}

int store_session_expire(Store *s, uint64_t created_usec, uint64_t seen_usec)
{
        const Value values[] = { { .number = created_usec }, { .number = seen_usec } };

        return write_run(s, "DELETE FROM sessions WHERE created_usec < ? OR seen_usec < ?", values,
                         ELEMENTSOF(values), NULL);
}

int store_session_list(Store *s, const char *account, int (*callback)(SessionRecord *r, void *userdata),
                       void *userdata)
{
        _cleanup_(rows_done) Rows rows = { .type = &session_type };
        int r;

        if (account)
                r = rows_read(s, "WHERE account = ? ORDER BY id DESC", &(Value){ .text = account }, 1,
                              &rows);
        else
                r = rows_read(s, "ORDER BY id DESC", NULL, 0, &rows);
        if (r < 0)
                return r;

        return ROWS_CALL(&rows, callback, userdata);
}

int store_lockout_put(Store *s, const LockoutRecord *r)
{
        return record_put(s, &lockout_type, r);
}

int store_lockout_del(Store *s, const char *subject)
{
        return record_del(s, &lockout_type, subject);
}

int store_lockout_get(Store *s, const char *subject, LockoutRecord *ret)
{
        return row_find(s, &lockout_type, "WHERE subject = ?", &(Value){ .text = subject }, 1, ret);
}

int store_lockout_trim(Store *s, uint64_t last_usec, uint32_t n)
{
        const Value values[] = { { .number = last_usec }, { .number = n } };

        return write_run(
                        s,
                        "DELETE FROM lockouts WHERE last_usec < ?1 OR subject NOT IN (SELECT subject FROM lockouts "
                        "ORDER BY last_usec DESC LIMIT ?2)",
                        values, ELEMENTSOF(values), NULL);
}
