/* SPDX-License-Identifier: LGPL-2.1-or-later */
#undef NDEBUG

#include "basic/string-util.h"
#include "store-sample.h"

/* Accounts, sessions and lockouts, as the database keeps them. */

static int count_session(SessionRecord *r, void *userdata)
{
        ++*(size_t *) userdata;
        return 0;
}

static size_t count_sessions(Store *s, const char *account)
{
        size_t n = 0;

        assert_ok(store_session_list(s, account, count_session, &n));
        return n;
}

static AccountRecord account_sample(const char *name, Role role)
{
        return (AccountRecord){
                .name = (char *) name,
                .role = role,
                .password_hash = (char *) "$y$hash",
                .created_usec = 1,
                .password_usec = 2,
        };
}

static uint64_t add_session(Store *s, const char *account, unsigned number, uint64_t created, uint64_t seen)
{
        char digest[65];
        uint64_t id = 0;

        (void) snprintf(digest, sizeof(digest), "%064x", number);
        assert_ok(store_session_add(s,
                                    &(SessionRecord){
                                                    .token_sha256 = digest,
                                                    .account = (char *) account,
                                                    .address = (char *) "",
                                                    .created_usec = created,
                                                    .seen_usec = seen,
                                    },
                                    &id));
        assert(id > 0);
        return id;
}

static void test_accounts(void)
{
        _cleanup_(scratch_freep) char *dir = scratch_new();
        _cleanup_(store_closep) Store *s = store_in(dir);
        AccountRecord alice = account_sample("alice", ROLE_ADMIN), read = {};
        uint64_t n;

        assert(store_account_get(s, "alice", &read) == 0);
        assert_ok(store_account_count(s, &n));
        assert(n == 0);
        assert_ok(store_account_put(s, &alice));
        alice.role = ROLE_VIEWER;
        assert_ok(store_account_put(s, &alice));
        assert(store_account_get(s, "alice", &read) == 1);
        assert(read.role == ROLE_VIEWER && streq(read.password_hash, "$y$hash") && read.login_usec == 0);
        account_record_done(&read);

        assert_ok(store_account_put(
                        s, &(AccountRecord){ (char *) "olga", ROLE_ADMIN, (char *) "$y$", 1, 1, 0 }));
        assert_ok(store_account_count_admins(s, "olga", &n));
        assert(n == 0);
        assert_ok(store_account_count_admins(s, "alice", &n));
        assert(n == 1);
        assert(store_account_del(s, "alice") == 1 && store_account_del(s, "alice") == 0);

        alice.name = (char *) "Alice";
        assert_error(-EINVAL, store_account_put(s, &alice));
        alice.name = (char *) "alice";
        alice.password_hash = (char *) "in the clear";
        assert_error(-EINVAL, store_account_put(s, &alice));
}

static void test_sessions(void)
{
        _cleanup_(scratch_freep) char *dir = scratch_new();
        _cleanup_(store_closep) Store *s = store_in(dir);
        AccountRecord alice = account_sample("alice", ROLE_ADMIN),
                      olga = account_sample("olga", ROLE_VIEWER);
        SessionRecord read = {};
        uint64_t first, mine;
        char digest[65];

        assert_ok(store_account_put(s, &alice));
        assert_ok(store_account_put(s, &olga));
        first = add_session(s, "alice", 1, 100, 100);
        mine = add_session(s, "alice", 2, 100, 200);
        (void) add_session(s, "alice", 3, 100, 300);
        (void) add_session(s, "olga", 4, 150, 400);

        (void) snprintf(digest, sizeof(digest), "%064x", 2U);
        assert(store_session_get_by_token(s, digest, &read) == 1 && read.id == mine);
        session_record_done(&read);
        digest[0] = 'f';
        assert(store_session_get_by_token(s, digest, &read) == 0);
        assert_error(-ENOENT,
                     store_session_add(s,
                                       &(SessionRecord){ 0, digest, (char *) "nobody", (char *) "", 1, 1 },
                                       NULL));

        /* The two that were seen last stay, and the one that is excepted. */
        assert_ok(store_session_del_of(s, "alice", 0, 2));
        assert(count_sessions(s, "alice") == 2 && count_sessions(s, NULL) == 3);
        assert(store_session_get(s, first, &read) == 0);
        assert_ok(store_session_del_of(s, "alice", mine, 0));
        assert(count_sessions(s, "alice") == 1);
        assert(store_session_get(s, mine, &read) == 1);
        session_record_done(&read);

        /* A change of the account is no new account. */
        assert_ok(store_account_put(s, &alice));
        assert(count_sessions(s, "alice") == 1);
        assert(store_account_del(s, "alice") == 1);
        assert(count_sessions(s, "alice") == 0 && count_sessions(s, "olga") == 1);

        assert_ok(store_session_expire(s, 150, 400));
        assert(count_sessions(s, "olga") == 1);
        assert_ok(store_session_expire(s, 150, 401));
        assert(count_sessions(s, NULL) == 0);
}

static void test_lockouts(void)
{
        _cleanup_(scratch_freep) char *dir = scratch_new();
        _cleanup_(store_closep) Store *s = store_in(dir);
        LockoutRecord read = {};

        for (unsigned i = 1; i <= 5; i++) {
                char subject[32];

                (void) snprintf(subject, sizeof(subject), "account a%u", i);
                assert_ok(store_lockout_put(s, &(LockoutRecord){ subject, i, 100 * i, 0 }));
        }
        assert(store_lockout_get(s, "account a5", &read) == 1 && read.failures == 5);
        lockout_record_done(&read);
        assert_ok(store_lockout_trim(s, 200, 3));
        assert(store_lockout_get(s, "account a1", &read) == 0);
        assert(store_lockout_get(s, "account a2", &read) == 0);
        assert(store_lockout_del(s, "account a3") == 1 && store_lockout_del(s, "account a3") == 0);
}

int main(void)
{
        test_accounts();
        test_sessions();
        test_lockouts();
        return 0;
}
