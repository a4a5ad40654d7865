/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <ctype.h>
#include <sys/random.h>

#include "basic/address.h"
#include "basic/fd-util.h"
#include "basic/log.h"
#include "basic/string-util.h"
#include "basic/time-util.h"
#include "daemon/account.h"
#include "daemon/lockout.h"
#include "daemon/password.h"
#include "shared/names.h"
#include "shared/password-proto.h"

#define CREDENTIAL_ADMIN  "burnin.admin"
#define SETUP_CODE_LENGTH 8
/* Without those that are taken for each other. */
#define SETUP_CODE_LETTERS "ABCDEFGHJKMNPQRSTVWXYZ0123456789"

_Static_assert(STRLEN(SETUP_CODE_LETTERS) == 32, "a letter is five bits");

bool account_name_is_valid(const char *name)
{
        size_t n = strlen(name);

        return n > 0 && n <= ACCOUNT_NAME_MAX && name[0] >= 'a' && name[0] <= 'z' &&
               strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789._-") == n;
}

int account_check_name(const char *name, sd_bus_error *error)
{
        if (account_name_is_valid(name))
                return 0;

        return sd_bus_error_setf(
                        error, BUS_ERROR_INVALID_ARGUMENT,
                        "A name is a lower case letter and then at most %u of a-z, 0-9, '.', '_' and '-'.",
                        ACCOUNT_NAME_MAX - 1);
}

static bool password_is_valid(const char *password)
{
        return utf8_length(password) >= PASSWORD_MIN && strlen(password) <= PASSWORD_MAX;
}

int account_check_password(const char *password, sd_bus_error *error)
{
        if (password_is_valid(password))
                return 0;

        return sd_bus_error_setf(error, BUS_ERROR_INVALID_ARGUMENT,
                                 "A password has at least %u characters, and at most %u bytes.",
                                 PASSWORD_MIN, PASSWORD_MAX);
}

int account_read_role(const char *word, Role *ret, sd_bus_error *error)
{
        Role role = role_from_string(word);

        if (role < 0)
                return sd_bus_error_set(error, BUS_ERROR_INVALID_ARGUMENT,
                                        "A role is viewer, operator or admin.");
        *ret = role;
        return 0;
}

static int account_store_failed(Manager *m, int r, sd_bus_error *error)
{
        (void) manager_store_failed(m, r);
        return sd_bus_error_setf(error, BUS_ERROR_STORE,
                                 "That could not be recorded (%s). Nothing was changed.", strerror(-r));
}

int account_get(Manager *m, const char *name, AccountRecord *ret, sd_bus_error *error)
{
        int r;

        r = store_account_get(m->store, name, ret);
        if (r != 0)
                return r < 0 ? account_store_failed(m, r, error) : 0;

        return sd_bus_error_setf(error, BUS_ERROR_NO_SUCH_ACCOUNT, "There is no account %s.", SHOWN(name));
}

int account_is_any(Manager *m)
{
        uint64_t n;
        int r;

        r = store_account_count(m->store, &n);
        return r < 0 ? r : n > 0;
}

static char *subject_of_account(const char *name)
{
        return strf("account %s", name);
}

/* One person can have as many IPv6 addresses as he likes. */
static char *subject_of_address(const char *address)
{
        char site[ADDRESS_TEXT_MAX];
        Address a;

        if (address_parse(address, &a) < 0)
                return NULL;
        address_format_site(&a, site);
        return strf("address %s", site);
}

/* The one or two things that an attempt is counted for. */
typedef struct Subjects {
        char *names[2];
        size_t n;
} Subjects;

static void subjects_done(Subjects *s)
{
        for (size_t i = 0; i < s->n; i++)
                free(s->names[i]);
}

static int subjects_get(const char *name, const char *address, Subjects *ret)
{
        Subjects s = {};

        if (name && !(s.names[s.n++] = subject_of_account(name)))
                return -ENOMEM;
        if (!isempty(address) && !(s.names[s.n++] = subject_of_address(address))) {
                subjects_done(&s);
                return -ENOMEM;
        }

        *ret = s;
        return 0;
}

/* The one that is locked for longest, and for how long; 0: none is. */
static int subjects_locked(Manager *m, const Subjects *subjects, const char **ret_subject,
                           uint64_t *ret_usec, sd_bus_error *error)
{
        uint64_t now = now_usec(CLOCK_REALTIME), longest = 0;
        const char *subject = NULL;

        for (size_t i = 0; i < subjects->n; i++) {
                _cleanup_(lockout_record_done) LockoutRecord lockout = {};
                uint64_t left;
                int r;

                r = store_lockout_get(m->store, subjects->names[i], &lockout);
                if (r < 0)
                        return account_store_failed(m, r, error);
                left = lockout_left(&lockout, now);
                if (left > longest) {
                        longest = left;
                        subject = subjects->names[i];
                }
        }

        *ret_subject = subject;
        *ret_usec = longest;
        return 0;
}

int account_get_lockout(Manager *m, const char *name, const char *address, uint64_t *ret_usec,
                        sd_bus_error *error)
{
        _cleanup_(subjects_done) Subjects subjects = {};
        const char *subject;
        int r;

        r = subjects_get(name, address, &subjects);
        return r < 0 ? r : subjects_locked(m, &subjects, &subject, ret_usec, error);
}

int account_may_try(Manager *m, const char *name, const char *address, sd_bus_error *error)
{
        _cleanup_(subjects_done) Subjects subjects = {};
        char span[TIMESPAN_MAX];
        const char *subject;
        uint64_t left;
        int r;

        r = subjects_get(name, address, &subjects);
        if (r >= 0)
                r = subjects_locked(m, &subjects, &subject, &left, error);
        if (r < 0 || left == 0)
                return r;

        return sd_bus_error_setf(error, BUS_ERROR_LOCKED_OUT,
                                 "Too many logins of %s have failed. Try again in %s.", subject,
                                 format_timespan(span, MAX(left, USEC_PER_SEC)));
}

static int subject_failed(Manager *m, const char *subject, uint64_t now)
{
        _cleanup_(lockout_record_done) LockoutRecord lockout = {};
        char span[TIMESPAN_MAX];
        bool locked;
        int r;

        r = store_lockout_get(m->store, subject, &lockout);
        if (r < 0)
                return r;
        if (!lockout.subject && !(lockout.subject = strdup(subject)))
                return -ENOMEM;
        locked = lockout_add(&lockout, now);
        r = store_lockout_put(m->store, &lockout);
        if (r >= 0)
                r = store_lockout_trim(m->store, now - MIN(now, LOCKOUT_FORGET_USEC), LOCKOUTS_MAX);
        if (r < 0 || !locked)
                return r;

        log_full_errno(LOG_NOTICE, 0, ((LogField[]){ { LOG_FIELD_MESSAGE_ID, MESSAGE_LOCKED_OUT }, {} }),
                       "No login of %s is tried for %s: %" PRIu32 " have failed in a row.", subject,
                       format_timespan(span, lockout_left(&lockout, now)), lockout.failures);
        return audit_write(m, &actor_daemon, ACTION_WEB_SESSION, subject, "refused", "locked out");
}

int account_failed(Manager *m, const char *name, const char *address, sd_bus_error *error)
{
        _cleanup_(subjects_done) Subjects subjects = {};
        int r;

        r = subjects_get(name, address, &subjects);
        for (size_t i = 0; r >= 0 && i < subjects.n; i++)
                r = subject_failed(m, subjects.names[i], now_usec(CLOCK_REALTIME));

        return r < 0 ? account_store_failed(m, r, error) : 0;
}

void account_succeeded(Manager *m, const char *name, const char *address)
{
        _cleanup_(subjects_done) Subjects subjects = {};
        int r;

        r = subjects_get(name, address, &subjects);
        for (size_t i = 0; r >= 0 && i < subjects.n; i++)
                r = store_lockout_del(m->store, subjects.names[i]);
        if (r < 0)
                (void) manager_store_failed(m, r);
}

uint64_t account_locked_until(Manager *m, const char *name)
{
        _cleanup_(lockout_record_done) LockoutRecord lockout = {};
        _cleanup_free_ char *subject = subject_of_account(name);

        if (!subject || store_lockout_get(m->store, subject, &lockout) <= 0)
                return 0;
        return lockout_left(&lockout, now_usec(CLOCK_REALTIME)) > 0 ? lockout.until_usec : 0;
}

static void account_audit(Manager *m, const Actor *actor, const char *name, const char *detail)
{
        _cleanup_free_ char *object = strf("account %s", name);

        if (object)
                (void) audit_write(m, actor, ACTION_MANAGE_ACCOUNTS, object, "ok", detail);
        else
                (void) log_oom();
}

int account_add(Manager *m, const char *name, Role role, const char *hash, const Actor *actor,
                sd_bus_error *error)
{
        _cleanup_free_ char *detail = strf("added as %s", role_to_string(role));
        uint64_t now = now_usec(CLOCK_REALTIME), n;
        AccountRecord known = {};
        int r;

        r = store_account_get(m->store, name, &known);
        account_record_done(&known);
        if (r > 0)
                return sd_bus_error_setf(error, BUS_ERROR_ACCOUNT_EXISTS, "There is an account %s already.",
                                         name);
        if (r >= 0)
                r = store_account_count(m->store, &n);
        if (r >= 0 && n >= ACCOUNTS_MAX)
                return sd_bus_error_setf(error, BUS_ERROR_LIMIT_REACHED,
                                         "There are %u accounts, and no more can be added.", ACCOUNTS_MAX);
        if (r >= 0)
                r = store_account_put(m->store, &(AccountRecord){
                                                                .name = (char *) name,
                                                                .role = role,
                                                                .password_hash = (char *) hash,
                                                                .created_usec = now,
                                                                .password_usec = now,
                                                });
        if (r < 0)
                return account_store_failed(m, r, error);

        if (n == 0)
                account_emit_empty(m);
        account_audit(m, actor, name, strempty(detail));
        return 0;
}

/* Stores the account, and ends its sessions but for this one, as one change. */
static int account_change(Manager *m, const AccountRecord *r, uint64_t session)
{
        _cleanup_(store_rollbackp) Store *transaction = NULL;
        int k;

        k = store_begin(m->store);
        if (k < 0)
                return k;
        transaction = m->store;
        k = store_account_put(m->store, r);
        if (k >= 0)
                k = store_session_del_of(m->store, r->name, session, 0);
        if (k >= 0)
                k = store_commit(m->store);
        if (k < 0)
                return k;

        transaction = NULL;
        account_emit_sessions_changed(m);
        return 0;
}

int account_set_password(Manager *m, AccountRecord *r, const char *hash, uint64_t session,
                         const Actor *actor, sd_bus_error *error)
{
        int k;

        if (free_and_strdup(&r->password_hash, hash) < 0)
                return -ENOMEM;
        r->password_usec = now_usec(CLOCK_REALTIME);
        k = account_change(m, r, session);
        if (k < 0)
                return account_store_failed(m, k, error);

        account_succeeded(m, r->name, NULL);
        account_audit(m, actor, r->name, "password changed");
        return 0;
}

/* Nobody could make another one any more. */
static int account_check_last_admin(Manager *m, const AccountRecord *r, sd_bus_error *error)
{
        uint64_t others;
        int k;

        if (r->role != ROLE_ADMIN)
                return 0;
        k = store_account_count_admins(m->store, r->name, &others);
        if (k < 0)
                return account_store_failed(m, k, error);
        if (others > 0)
                return 0;

        return sd_bus_error_setf(error, BUS_ERROR_LAST_ADMIN,
                                 "%s is the only admin. Make another account an admin first.", r->name);
}

int account_set_role(Manager *m, AccountRecord *r, Role role, const Actor *actor, sd_bus_error *error)
{
        _cleanup_free_ char *detail = strf("role %s → %s", role_to_string(r->role), role_to_string(role));
        int k;

        if (r->role == role)
                return 0;
        k = account_check_last_admin(m, r, error);
        if (k < 0)
                return k;
        r->role = role;
        k = account_change(m, r, 0);
        if (k < 0)
                return account_store_failed(m, k, error);

        account_audit(m, actor, r->name, strempty(detail));
        return 0;
}

int account_remove(Manager *m, const AccountRecord *r, const Actor *actor, sd_bus_error *error)
{
        int k;

        k = account_check_last_admin(m, r, error);
        if (k < 0)
                return k;
        k = store_account_del(m->store, r->name);
        if (k < 0)
                return account_store_failed(m, k, error);

        account_emit_sessions_changed(m);
        account_succeeded(m, r->name, NULL);
        account_audit(m, actor, r->name, "removed");
        return 0;
}

int account_get_setup_code(Manager *m, const char **ret)
{
        uint8_t random[SETUP_CODE_LENGTH];
        char *p = m->setup_code;

        if (!*p) {
                if (getrandom(random, sizeof(random), GRND_NONBLOCK) != sizeof(random))
                        return -EAGAIN;
                for (size_t i = 0; i < sizeof(random); i++) {
                        if (i == sizeof(random) / 2)
                                *p++ = '-';
                        *p++ = SETUP_CODE_LETTERS[random[i] % 32];
                }
                *p = '\0';
        }

        *ret = m->setup_code;
        return 0;
}

bool account_is_setup_code(const Manager *m, const char *code)
{
        volatile unsigned char differs = 0;
        const char *p = m->setup_code;

        /* Nobody has asked for it. */
        if (!*p)
                return false;
        for (; *p; p++) {
                if (*p == '-')
                        continue;
                while (*code == '-' || *code == ' ')
                        code++;
                differs |= (unsigned char) (toupper((unsigned char) *code) ^ *p);
                code += *code != '\0';
        }

        return differs == 0 && !*code;
}

static void initial_on_hash(void *userdata, int result, const char *hash)
{
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        Manager *m = userdata;
        int r;

        if (result < 0 || !hash) {
                if (result != -ECANCELED)
                        log_error("The account of the credential " CREDENTIAL_ADMIN
                                  " was not made: its password could not be hashed. Restart burnind.");
                return;
        }
        /* Somebody was faster. */
        if (account_is_any(m) != 0)
                return;

        r = account_add(m, m->initial_admin, ROLE_ADMIN, hash, &actor_daemon, &error);
        if (r < 0)
                log_error("The account of the credential " CREDENTIAL_ADMIN " was not made: %s",
                          strempty(error.message));
}

/* NAME:PASSWORD, and maybe a newline. */
static int initial_parse(char *text, char **ret_password)
{
        size_t n = strlen(text);
        char *colon;

        while (n > 0 && strchr("\r\n", text[n - 1]))
                text[--n] = '\0';
        colon = strchr(text, ':');
        if (!colon)
                return -EINVAL;
        *colon = '\0';
        if (!account_name_is_valid(text) || !password_is_valid(colon + 1))
                return -EINVAL;

        *ret_password = colon + 1;
        return 0;
}

void account_make_initial(Manager *m)
{
        const char *credentials = getenv("CREDENTIALS_DIRECTORY");
        char *text = NULL, *password;
        _cleanup_free_ char *path = NULL;
        size_t size = 0;
        int r;

        if (!credentials || account_is_any(m) != 0)
                return;
        path = strf("%s/" CREDENTIAL_ADMIN, credentials);
        if (!path) {
                (void) log_oom();
                return;
        }
        r = read_file_full(path, ACCOUNT_NAME_MAX + PASSWORD_MAX + 3, &text, &size);
        if (r == -ENOENT)
                return;
        if (r >= 0)
                r = strlen(text) == size ? initial_parse(text, &password) : -EINVAL;
        if (r >= 0)
                r = free_and_strdup(&m->initial_admin, text);
        if (r >= 0)
                r = password_hash(m, password, initial_on_hash, m);
        if (r < 0)
                (void) log_error_errno(r, "The credential " CREDENTIAL_ADMIN
                                          " makes no account: %m. It must be NAME:PASSWORD.");
        if (text)
                explicit_bzero(text, size);
        free(text);
}
