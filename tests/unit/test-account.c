/* SPDX-License-Identifier: LGPL-2.1-or-later */
#undef NDEBUG

#include "basic/string-util.h"
#include "daemon/account.h"
#include "daemon/lockout.h"
#include "daemon/session.h"

/* What of accounts needs neither bus nor store. */

#define START (UINT64_C(1700000000) * USEC_PER_SEC)

static void test_lockout_doubles(void)
{
        static const uint64_t minutes[] = { 0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 60, 60, 60 };
        LockoutRecord r = {};
        uint64_t now = START;

        for (size_t i = 0; i < ELEMENTSOF(minutes); i++) {
                assert(lockout_add(&r, now) == (minutes[i] > 0));
                assert(lockout_left(&r, now) == minutes[i] * USEC_PER_MINUTE);
                now += minutes[i] * USEC_PER_MINUTE;
                assert(lockout_left(&r, now) == 0 && (minutes[i] == 0 || lockout_left(&r, now - 1) == 1));
        }
        r.failures = UINT32_MAX;
        assert(lockout_add(&r, now) && lockout_left(&r, now) == LOCKOUT_MAX_USEC);
}

static void test_lockout_is_forgotten(void)
{
        LockoutRecord r = {};

        for (size_t i = 0; i < LOCKOUT_FAILURES - 1; i++)
                assert(!lockout_add(&r, START));
        assert(!lockout_add(&r, START + LOCKOUT_FORGET_USEC) && r.failures == 1);
        for (size_t i = 0; i < LOCKOUT_FAILURES - 2; i++)
                assert(!lockout_add(&r, START + LOCKOUT_FORGET_USEC));
        assert(lockout_add(&r, START + 2 * LOCKOUT_FORGET_USEC - 1));
}

/* A clock that was a year ahead, and is right again. */
static void test_lockout_with_a_clock_set_back(void)
{
        LockoutRecord r = {};

        for (size_t i = 0; i < LOCKOUT_FAILURES; i++)
                (void) lockout_add(&r, START + 365 * USEC_PER_DAY);
        assert(lockout_left(&r, START) == LOCKOUT_MAX_USEC);
}

static void test_setup_code(void)
{
        Manager m = {};
        const char *code, *again;
        char typed[16];

        assert(!account_is_setup_code(&m, "") && !account_is_setup_code(&m, "AAAA-AAAA"));
        assert(account_get_setup_code(&m, &code) == 0 && account_get_setup_code(&m, &again) == 0);
        assert(streq(code, again) && strlen(code) == 9 && code[4] == '-');
        assert(account_is_setup_code(&m, code));

        (void) snprintf(typed, sizeof(typed), "%.4s%s", code, code + 5);
        assert(account_is_setup_code(&m, typed));
        for (char *p = typed; *p; p++)
                *p |= *p >= 'A' ? 0x20 : 0; /* lower case */
        assert(account_is_setup_code(&m, typed));
        for (size_t i = 0; i < 8; i++) {
                char wrong[16];

                (void) strcpy(wrong, typed);
                wrong[i] = wrong[i] == 'a' ? 'b' : 'a';
                assert(!account_is_setup_code(&m, wrong));
                wrong[i] = '\0';
                assert(!account_is_setup_code(&m, wrong));
        }
        (void) strcat(typed, "a");
        assert(!account_is_setup_code(&m, typed) && !account_is_setup_code(&m, ""));
}

static void test_csrf(void)
{
        char one[TOKEN_SIZE], two[TOKEN_SIZE];

        session_csrf("0000", one);
        session_csrf("0001", two);
        assert(strlen(one) == TOKEN_SIZE - 1 && !streq(one, two));
        session_csrf("0000", two);
        assert(streq(one, two));
}

static void test_names(void)
{
        static const char *const good[] = { "a", "alice", "a-b.c_9", "abcdefghijklmnopqrstuvwxyz012345" };
        static const char *const bad[] = { "",
                                           "A",
                                           "aB",
                                           "9a",
                                           "_a",
                                           ".",
                                           "a b",
                                           "a/b",
                                           "a\n",
                                           "ä",
                                           "a\"",
                                           "a(web)",
                                           "abcdefghijklmnopqrstuvwxyz0123456" };

        for (size_t i = 0; i < ELEMENTSOF(good); i++)
                assert(account_name_is_valid(good[i]));
        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                assert(!account_name_is_valid(bad[i]));
}

int main(void)
{
        test_lockout_doubles();
        test_lockout_is_forgotten();
        test_lockout_with_a_clock_set_back();
        test_setup_code();
        test_csrf();
        test_names();
        return 0;
}
