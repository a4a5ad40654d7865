/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "basic/string-util.h"
#include "basic/time-util.h"
#include "daemon/account.h"
#include "daemon/authz.h"
#include "daemon/password.h"
#include "daemon/session.h"
#include "shared/bus-util.h"
#include "shared/names.h"

/* The options of each call that looks at who is asking. */
#define PEER_OPTIONS(peer)                                                                                  \
        { "address", 's', &(peer).address, NULL },                                                          \
        {                                                                                                   \
                "forwarded", 's', &(peer).forwarded, NULL                                                   \
        }

/* A call whose answer waits for burnin-password. Nothing is kept over the wait but what was asked. */
typedef struct Call {
        Manager *manager; /* weak */
        sd_bus_message *message;
        Actor actor;
        char *name;    /* of the account */
        char *address; /* "": not known */
        char *hash;    /* that the password is compared with; NULL: none */
        char *new_password;
        Role role;
        uint64_t session; /* that goes on; 0: none */
} Call;

static Call *call_free(Call *c)
{
        if (!c)
                return NULL;

        sd_bus_message_unref(c->message);
        free(c->name);
        free(c->address);
        free(c->hash);
        erase_and_freep(&c->new_password);
        free(c);
        return NULL;
}
DEFINE_TRIVIAL_CLEANUP_FUNC(Call *, call_free);

static int call_new(Manager *m, sd_bus_message *message, const char *name, Call **ret)
{
        _cleanup_(call_freep) Call *c = NULL;
        int r;

        c = new0(Call, 1);
        if (!c)
                return -ENOMEM;
        c->manager = m;
        c->message = sd_bus_message_ref(message);
        c->name = strdup(name);
        if (!c->name)
                return -ENOMEM;
        r = actor_from_message(m, message, &c->actor);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(c);
        return 0;
}

/* What a handler does with its result, when the call has left its handler. */
static void call_reply(Call *c, int r, sd_bus_error *error)
{
        if (r >= 0)
                r = sd_bus_reply_method_return(c->message, NULL);
        if (r < 0)
                (void) sd_bus_reply_method_errno(c->message, r, error);
}

static int password_refused(int r, sd_bus_error *error)
{
        if (r == -EAGAIN)
                return sd_bus_error_set(error, BUS_ERROR_LIMIT_REACHED,
                                        "Too many passwords wait to be looked at. Try again in a moment.");

        return sd_bus_error_setf(
                        error, BUS_ERROR_PASSWORD_SERVICE,
                        "Passwords cannot be looked at (%s). See: systemctl status burnin-password.socket",
                        strerror(-r));
}

/* The end of a handler that has asked: the call is the callback's from now on. */
static int call_asked(Call **c, int r, sd_bus_error *error)
{
        if (r < 0)
                return password_refused(r, error);

        TAKE_PTR(*c);
        return 1;
}

static int ask_hash(Call **c, const char *password, PasswordCallback callback, sd_bus_error *error)
{
        return call_asked(c, password_hash((*c)->manager, password, callback, *c), error);
}

static int ask_verify(Call **c, const char *password, PasswordCallback callback, sd_bus_error *error)
{
        return call_asked(c, password_verify((*c)->manager, (*c)->hash, password, callback, *c), error);
}

/* The hash of a new account or password, or the error. */
static int hash_made(int result, const char *hash, sd_bus_error *error)
{
        return result < 0 || !hash ? password_refused(result < 0 ? result : -EIO, error) : 0;
}

/* token NULL: as the list has it. */
static int session_append(sd_bus_message *reply, const Session *s, const char *token)
{
        char csrf[TOKEN_SIZE];
        Actor actor = {};
        int r;

        actor_set_account(&actor, s->record.account);
        r = sd_bus_message_open_container(reply, 'a', "{sv}");
        if (r >= 0)
                r = sd_bus_message_append(reply, "{sv}{sv}{sv}{sv}{sv}{sv}{sv}{sv}", "Id", "t", s->record.id,
                                          "Account", "s", s->record.account, "Operator", "s", actor.name,
                                          "Role", "s", role_to_string(s->role), "CreatedUSec", "t",
                                          s->record.created_usec, "ExpiresUSec", "t", s->expires_usec,
                                          "IdleUSec", "t", s->idle_usec, "Address", "s", s->record.address);
        if (r >= 0 && token) {
                session_csrf(token, csrf);
                r = sd_bus_message_append(reply, "{sv}", "Csrf", "s", csrf);
        } else if (r >= 0)
                r = sd_bus_message_append(reply, "{sv}", "SeenUSec", "t", s->record.seen_usec);
        if (r < 0)
                return r;

        return sd_bus_message_close_container(reply);
}

static int check_web_session(Manager *m, sd_bus_message *message, const char *name, sd_bus_error *error)
{
        _cleanup_free_ char *object = name ? strf("account %s", name) : strdup("session");

        if (!object)
                return -ENOMEM;
        return authz_check(m, message, object, NULL, error);
}

static void audit_failure(const Call *c, const char *what)
{
        _cleanup_free_ char *object = strf("account %s", c->name), *detail = NULL;

        detail = strf("%s%s%s", what, isempty(c->address) ? "" : ", from ", strempty(c->address));
        if (object && detail)
                audit_denied(c->manager, &c->actor, ACTION_WEB_SESSION, object, detail);
}

/* Also where a name is not there. A failure that cannot be counted is answered like everything that cannot be stored. */
static int wrong_password(const Call *c, sd_bus_error *error)
{
        int r;

        audit_failure(c, "wrong password");
        r = account_failed(c->manager, c->name, c->address, error);
        if (r >= 0)
                r = account_may_try(c->manager, c->name, c->address, error);
        if (r < 0)
                return r;

        return sd_bus_error_set(error, BUS_ERROR_WRONG_PASSWORD, "Wrong name or password.");
}

/* Whether what burnin-password said of a password still counts: others may have failed, and the password may be another one now.
 * 0: it is right, and the account is in ret. */
static int judge_password(const Call *c, int result, AccountRecord *ret, sd_bus_error *error)
{
        _cleanup_(account_record_done) AccountRecord account = {};
        int r;

        if (result < 0)
                return password_refused(result, error);
        r = account_may_try(c->manager, c->name, c->address, error);
        if (r < 0)
                return r;
        r = store_account_get(c->manager->store, c->name, &account);
        if (r < 0)
                return r;
        if (result == 0 || r == 0 || !streq_ptr(account.password_hash, c->hash))
                return wrong_password(c, error);

        *ret = account;
        account = (AccountRecord){};
        return 0;
}

static int login_reply(const Call *c, AccountRecord *account, const char *new_hash, sd_bus_error *error)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        _cleanup_(session_done) Session s = {};
        _cleanup_free_ char *object = strf("account %s", c->name), *detail = NULL;
        char token[TOKEN_SIZE];
        Actor actor = c->actor;
        int r;

        detail = strf("logged in%s%s", isempty(c->address) ? "" : " from ", c->address);
        if (!object || !detail)
                return -ENOMEM;
        account->login_usec = now_usec(CLOCK_REALTIME);
        if (new_hash && free_and_strdup(&account->password_hash, new_hash) < 0)
                return -ENOMEM;
        r = store_account_put(c->manager->store, account);
        if (r >= 0)
                r = session_new(c->manager, c->name, c->address, token, &s);
        if (r < 0) {
                (void) manager_store_failed(c->manager, r);
                return sd_bus_error_setf(error, BUS_ERROR_STORE,
                                         "The session could not be recorded (%s). Try again later.",
                                         strerror(-r));
        }

        account_succeeded(c->manager, c->name, c->address);
        actor_set_account(&actor, c->name);
        (void) audit_write(c->manager, &actor, ACTION_WEB_SESSION, object, "ok", detail);

        if ((r = sd_bus_message_new_method_return(c->message, &reply)) >= 0 &&
            (r = sd_bus_message_sensitive(reply)) >= 0 &&
            (r = sd_bus_message_append(reply, "s", token)) >= 0 &&
            (r = session_append(reply, &s, token)) >= 0)
                r = sd_bus_send(NULL, reply, NULL);
        explicit_bzero(token, sizeof(token));
        return r;
}

static void login_on_answer(void *userdata, int result, const char *hash)
{
        _cleanup_(call_freep) Call *c = userdata;
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_(account_record_done) AccountRecord account = {};
        int r;

        r = judge_password(c, result, &account, &error);
        if (r >= 0)
                r = login_reply(c, &account, hash, &error);
        if (r < 0)
                call_reply(c, r, &error);
}

/* "ss" and an a{sv}: what who is not logged in yet has to say. 1: he may ask; 0: polkit answers later. Borrowed from the message. */
static int read_name_and_password(Manager *m, sd_bus_message *message, const BusOption *options, size_t n,
                                  const char **ret_name, const char **ret_password, sd_bus_error *error)
{
        int r;

        r = sd_bus_message_read(message, "ss", ret_name, ret_password);
        if (r < 0)
                return r;
        r = bus_read_options(message, options, n, error);
        if (r < 0)
                return r;
        /* First: a name that is none goes neither to polkit nor into the audit. */
        if ((r = account_check_name(*ret_name, error)) < 0 ||
            (r = account_check_password(*ret_password, error)) < 0)
                return r;

        return check_web_session(m, message, *ret_name, error);
}

static int account_method_login(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        const char *name, *password;
        SessionPeer peer = {};
        const BusOption options[] = { PEER_OPTIONS(peer) };
        _cleanup_(account_record_done) AccountRecord account = {};
        _cleanup_(call_freep) Call *c = NULL;
        _cleanup_free_ char *from = NULL;
        int r;

        r = read_name_and_password(userdata, m, options, ELEMENTSOF(options), &name, &password, error);
        if (r <= 0)
                return r < 0 ? r : 1; /* Will call us back */

        r = session_check_address(userdata, &peer, &from, error);
        if (r < 0)
                return r;
        r = call_new(userdata, m, name, &c);
        if (r < 0)
                return r;
        c->address = TAKE_PTR(from);
        r = account_may_try(userdata, name, c->address, error);
        if (r < 0) {
                audit_failure(c, "locked out");
                return r;
        }
        r = store_account_get(c->manager->store, name, &account);
        if (r < 0)
                return r;
        c->hash = TAKE_PTR(account.password_hash);

        return ask_verify(&c, password, login_on_answer, error);
}

/* Resume, or Check. */
static int session_answer(Manager *manager, sd_bus_message *m, bool bind, sd_bus_error *error)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        _cleanup_(session_done) Session s = {};
        SessionPeer peer = {};
        const BusOption options[] = { PEER_OPTIONS(peer) };
        const char *token;
        int r;

        r = sd_bus_message_read(m, "s", &token);
        if (r < 0)
                return r;
        r = bus_read_options(m, options, ELEMENTSOF(options), error);
        if (r < 0)
                return r;
        r = check_web_session(manager, m, NULL, error);
        if (r <= 0)
                return r < 0 ? r : 1; /* Will call us back */

        r = session_find(manager, token, &peer, &s, error);
        if (r < 0)
                return r;
        if (bind) {
                r = session_bind(manager, m, &s, error);
                if (r < 0)
                        return r;
                /* A session that cannot be prolonged is a session all the same. */
                r = session_seen(manager, &s);
                if (r < 0)
                        (void) manager_store_failed(manager, r);
        }

        if ((r = sd_bus_message_new_method_return(m, &reply)) < 0 ||
            (r = sd_bus_message_sensitive(reply)) < 0 || (r = session_append(reply, &s, token)) < 0)
                return r;
        return sd_bus_send(NULL, reply, NULL);
}

static int account_method_resume(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        return session_answer(userdata, m, true, error);
}

static int account_method_check(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        return session_answer(userdata, m, false, error);
}

static int session_end(Manager *manager, const Session *s, const Actor *actor, const char *detail,
                       sd_bus_error *error)
{
        _cleanup_free_ char *object = strf("account %s", s->record.account);
        int r;

        if (!object)
                return -ENOMEM;
        r = store_session_del(manager->store, s->record.id);
        if (r < 0) {
                (void) manager_store_failed(manager, r);
                return sd_bus_error_setf(error, BUS_ERROR_STORE,
                                         "That could not be recorded (%s). The session goes on.",
                                         strerror(-r));
        }

        account_emit_sessions_changed(manager);
        (void) audit_write(manager, actor, ACTION_WEB_SESSION, object, "ok", detail);
        return 0;
}

static int account_method_logout(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        _cleanup_(session_done) Session s = {};
        const char *token;
        Actor actor;
        int r;

        r = sd_bus_message_read(m, "s", &token);
        if (r < 0)
                return r;
        r = check_web_session(userdata, m, NULL, error);
        if (r <= 0)
                return r < 0 ? r : 1; /* Will call us back */

        r = session_find_token(userdata, token, &s, error);
        if (r < 0)
                return r;
        r = actor_from_message(userdata, m, &actor);
        if (r < 0)
                return r;
        actor_set_account(&actor, s.record.account);
        r = session_end(userdata, &s, &actor, "logged out", error);
        if (r < 0)
                return r;

        return sd_bus_reply_method_return(m, NULL);
}

static int check_no_account(Manager *m, sd_bus_error *error)
{
        int r;

        r = account_is_any(m);
        if (r <= 0)
                return r;
        return sd_bus_error_set(
                        error, BUS_ERROR_WRONG_STATE,
                        "There is an account already. Its admin makes others, or root: burninctl account add");
}

static void create_first_on_hash(void *userdata, int result, const char *hash)
{
        _cleanup_(call_freep) Call *c = userdata;
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        int r;

        r = hash_made(result, hash, &error);
        if (r >= 0)
                r = check_no_account(c->manager, &error);
        if (r >= 0) {
                actor_set_account(&c->actor, c->name);
                r = account_add(c->manager, c->name, ROLE_ADMIN, hash, &c->actor, &error);
        }
        if (r >= 0)
                c->manager->setup_code[0] = '\0';
        call_reply(c, r, &error);
}

static int account_method_create_first(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        const char *name, *password, *code = "";
        SessionPeer peer = {};
        const BusOption options[] = { PEER_OPTIONS(peer), { "code", 's', &code, NULL } };
        _cleanup_(call_freep) Call *c = NULL;
        _cleanup_free_ char *from = NULL;
        int r;

        r = read_name_and_password(userdata, m, options, ELEMENTSOF(options), &name, &password, error);
        if (r <= 0)
                return r < 0 ? r : 1; /* Will call us back */

        if ((r = session_check_address(userdata, &peer, &from, error)) < 0 ||
            (r = check_no_account(userdata, error)) < 0 || (r = call_new(userdata, m, name, &c)) < 0)
                return r;
        c->address = TAKE_PTR(from);
        r = account_may_try(userdata, NULL, c->address, error);
        if (r < 0)
                return r;
        if (!account_is_setup_code(userdata, code)) {
                audit_failure(c, "wrong set-up code");
                r = account_failed(userdata, NULL, c->address, error);
                if (r < 0)
                        return r;
                return sd_bus_error_set(
                                error, BUS_ERROR_WRONG_CODE,
                                "That is not the set-up code. On the machine of burnind, this shows it: "
                                "burninctl account setup-code");
        }

        return ask_hash(&c, password, create_first_on_hash, error);
}

static int account_method_get_setup_code(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        const char *code;
        int r;

        r = authz_check(userdata, m, "set-up code", NULL, error);
        if (r <= 0)
                return r < 0 ? r : 1; /* Will call us back */

        r = check_no_account(userdata, error);
        if (r >= 0)
                r = account_get_setup_code(userdata, &code);
        if (r < 0)
                return r;

        return sd_bus_reply_method_return(m, "s", code);
}

static int account_method_get_lockout(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        SessionPeer peer = {};
        const char *name = NULL;
        const BusOption options[] = { { "account", 's', &name, NULL }, PEER_OPTIONS(peer) };
        _cleanup_free_ char *from = NULL;
        uint64_t usec;
        int r;

        r = bus_read_options(m, options, ELEMENTSOF(options), error);
        if (r >= 0 && name)
                r = account_check_name(name, error);
        if (r < 0)
                return r;
        r = check_web_session(userdata, m, name, error);
        if (r <= 0)
                return r < 0 ? r : 1; /* Will call us back */

        r = session_check_address(userdata, &peer, &from, error);
        if (r >= 0)
                r = account_get_lockout(userdata, name, from, &usec, error);
        if (r < 0)
                return r;

        return sd_bus_reply_method_return(m, "t", usec);
}

static int not_logged_in(sd_bus_error *error)
{
        return sd_bus_error_set(error, BUS_ERROR_SESSION_ENDED,
                                "The connection acts for no account. Log in again.");
}

/* Whoever was logged out meanwhile changes nothing any more. */
static int check_still_logged_in(const Call *c, sd_bus_error *error)
{
        _cleanup_(session_done) Session s = {};
        int r;

        if (c->session == 0)
                return 0;
        r = session_get(c->manager, c->session, &s);
        return r == 0 ? not_logged_in(error) : MIN(r, 0);
}

/* Of ChangePassword, and of SetPassword. */
static void change_password_on_hash(void *userdata, int result, const char *hash)
{
        _cleanup_(call_freep) Call *c = userdata;
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_(account_record_done) AccountRecord account = {};
        int r;

        r = hash_made(result, hash, &error);
        if (r >= 0)
                r = check_still_logged_in(c, &error);
        if (r >= 0)
                r = account_get(c->manager, c->name, &account, &error);
        if (r >= 0)
                r = account_set_password(c->manager, &account, hash, c->session, &c->actor, &error);
        call_reply(c, r, &error);
}

static void change_password_on_answer(void *userdata, int result, const char *hash)
{
        _cleanup_(call_freep) Call *c = userdata;
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_(account_record_done) AccountRecord account = {};
        int r;

        r = judge_password(c, result, &account, &error);
        if (r >= 0)
                r = ask_hash(&c, c->new_password, change_password_on_hash, &error);
        if (r < 0)
                call_reply(c, r, &error);
}

static int account_method_change_password(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        _cleanup_(account_record_done) AccountRecord account = {};
        _cleanup_(session_done) Session s = {};
        _cleanup_(call_freep) Call *c = NULL;
        const char *old, *password;
        int r;

        r = sd_bus_message_read(m, "ss", &old, &password);
        if (r < 0)
                return r;
        if ((r = account_check_password(old, error)) < 0 ||
            (r = account_check_password(password, error)) < 0)
                return r;
        r = check_web_session(userdata, m, NULL, error);
        if (r <= 0)
                return r < 0 ? r : 1; /* Will call us back */

        r = session_of_sender(userdata, m, &s);
        if (r == 0 || r == -ESTALE)
                return not_logged_in(error);
        if (r < 0)
                return r;
        r = account_may_try(userdata, s.record.account, "", error);
        if (r >= 0)
                r = account_get(userdata, s.record.account, &account, error);
        if (r >= 0)
                r = call_new(userdata, m, account.name, &c);
        if (r < 0)
                return r;
        c->hash = TAKE_PTR(account.password_hash);
        c->session = s.record.id;
        c->new_password = strdup(password);
        if (!c->new_password)
                return -ENOMEM;

        return ask_verify(&c, old, change_password_on_answer, error);
}

static int check_manage(Manager *m, sd_bus_message *message, const char *name, sd_bus_error *error)
{
        _cleanup_free_ char *object = strf("account %s", name);

        if (!object)
                return -ENOMEM;
        return authz_check(m, message, object, ((PolkitDetail[]){ { "account", name }, {} }), error);
}

/* How a change of an account came out: what was refused is on record as well. */
static int audit_change(Manager *m, const Actor *actor, const char *name, int r, const sd_bus_error *error)
{
        _cleanup_free_ char *object = strf("account %s", name);

        return object ? audit_refused(m, actor, ACTION_MANAGE_ACCOUNTS, object, r, error) : -ENOMEM;
}

static void add_on_hash(void *userdata, int result, const char *hash)
{
        _cleanup_(call_freep) Call *c = userdata;
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        int r;

        r = hash_made(result, hash, &error);
        if (r >= 0)
                r = audit_change(c->manager, &c->actor, c->name,
                                 account_add(c->manager, c->name, c->role, hash, &c->actor, &error), &error);
        call_reply(c, r, &error);
}

static int account_method_add(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        _cleanup_(call_freep) Call *c = NULL;
        const char *name, *word, *password;
        Role role;
        int r;

        r = sd_bus_message_read(m, "sss", &name, &word, &password);
        if (r < 0)
                return r;
        if ((r = bus_read_flags(m, error)) < 0 || (r = account_check_name(name, error)) < 0 ||
            (r = account_read_role(word, &role, error)) < 0 ||
            (r = account_check_password(password, error)) < 0)
                return r;
        r = check_manage(userdata, m, name, error);
        if (r <= 0)
                return r < 0 ? r : 1; /* Will call us back */

        r = call_new(userdata, m, name, &c);
        if (r < 0)
                return r;
        c->role = role;
        return ask_hash(&c, password, add_on_hash, error);
}

static int account_method_set_password(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        _cleanup_(account_record_done) AccountRecord account = {};
        _cleanup_(call_freep) Call *c = NULL;
        const char *name, *password;
        int r;

        r = sd_bus_message_read(m, "ss", &name, &password);
        if (r < 0)
                return r;
        if ((r = bus_read_flags(m, error)) < 0 || (r = account_check_name(name, error)) < 0 ||
            (r = account_check_password(password, error)) < 0)
                return r;
        r = check_manage(userdata, m, name, error);
        if (r <= 0)
                return r < 0 ? r : 1; /* Will call us back */

        r = account_get(userdata, name, &account, error);
        if (r >= 0)
                r = call_new(userdata, m, name, &c);
        if (r < 0)
                return r;
        return ask_hash(&c, password, change_password_on_hash, error);
}

/* SetRole and Remove begin alike: a name, maybe a word, flags; and leave. Returns what authz_check() does. */
static int read_account(Manager *manager, sd_bus_message *m, const char **ret_word, AccountRecord *ret,
                        Actor *ret_actor, sd_bus_error *error)
{
        const char *name, *word = NULL;
        int r;

        r = sd_bus_message_read(m, "s", &name);
        if (r >= 0 && ret_word)
                r = sd_bus_message_read(m, "s", &word);
        if (r < 0)
                return r;
        if ((r = bus_read_flags(m, error)) < 0 || (r = account_check_name(name, error)) < 0)
                return r;
        r = check_manage(manager, m, name, error);
        if (r <= 0)
                return r;

        r = actor_from_message(manager, m, ret_actor);
        if (r >= 0)
                r = account_get(manager, name, ret, error);
        if (r < 0)
                return r;
        if (ret_word)
                *ret_word = word;
        return 1;
}

static int account_method_set_role(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        _cleanup_(account_record_done) AccountRecord account = {};
        const char *word;
        Actor actor;
        Role role;
        int r;

        r = read_account(userdata, m, &word, &account, &actor, error);
        if (r <= 0)
                return r < 0 ? r : 1; /* Will call us back */

        r = account_read_role(word, &role, error);
        if (r >= 0)
                r = audit_change(userdata, &actor, account.name,
                                 account_set_role(userdata, &account, role, &actor, error), error);
        if (r < 0)
                return r;

        return sd_bus_reply_method_return(m, NULL);
}

static int account_method_remove(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        _cleanup_(account_record_done) AccountRecord account = {};
        Actor actor;
        int r;

        r = read_account(userdata, m, NULL, &account, &actor, error);
        if (r <= 0)
                return r < 0 ? r : 1; /* Will call us back */

        r = audit_change(userdata, &actor, account.name, account_remove(userdata, &account, &actor, error),
                         error);
        if (r < 0)
                return r;

        return sd_bus_reply_method_return(m, NULL);
}

typedef struct List {
        Manager *manager;
        sd_bus_message *reply;
        uint32_t n;
} List;

static int list_count_session(SessionRecord *r, void *userdata)
{
        ((List *) userdata)->n++;
        return 0;
}

static int list_add_account(AccountRecord *r, void *userdata)
{
        const List *l = userdata;
        List count = {};
        int k;

        k = store_session_list(l->manager->store, r->name, list_count_session, &count);
        if (k < 0)
                return k;

        return sd_bus_message_append(l->reply, "a{sv}", 7, "Name", "s", r->name, "Role", "s",
                                     role_to_string(r->role), "CreatedUSec", "t", r->created_usec,
                                     "PasswordUSec", "t", r->password_usec, "LoginUSec", "t", r->login_usec,
                                     "LockedUSec", "t", account_locked_until(l->manager, r->name),
                                     "Sessions", "u", count.n);
}

static int list_add_session(SessionRecord *r, void *userdata)
{
        _cleanup_(session_done) Session s = {};
        const List *l = userdata;
        int k;

        k = session_get(l->manager, r->id, &s);
        return k <= 0 ? k : session_append(l->reply, &s, NULL);
}

static int list_open(sd_bus_message *m, Manager *manager, List *ret)
{
        int r;

        r = sessions_expire(manager);
        if (r < 0)
                (void) manager_store_failed(manager, r);
        *ret = (List){ .manager = manager };
        r = sd_bus_message_new_method_return(m, &ret->reply);
        if (r < 0)
                return r;

        return sd_bus_message_open_container(ret->reply, 'a', "a{sv}");
}

static int list_send(const List *l)
{
        int r;

        r = sd_bus_message_close_container(l->reply);
        if (r < 0)
                return r;

        return sd_bus_send(NULL, l->reply, NULL);
}

static void list_done(List *l)
{
        sd_bus_message_unref(l->reply);
}

static int account_method_list(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        _cleanup_(list_done) List l = {};
        int r;

        r = authz_check(userdata, m, "accounts", NULL, error);
        if (r <= 0)
                return r < 0 ? r : 1; /* Will call us back */

        r = list_open(m, userdata, &l);
        if (r >= 0)
                r = store_account_list(l.manager->store, list_add_account, &l);
        if (r < 0)
                return r;
        return list_send(&l);
}

static int account_method_list_sessions(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        _cleanup_(list_done) List l = {};
        const char *account = NULL;
        const BusOption options[] = { { "account", 's', &account, NULL } };
        int r;

        r = bus_read_options(m, options, ELEMENTSOF(options), error);
        if (r < 0)
                return r;
        r = authz_check(userdata, m, "sessions", NULL, error);
        if (r <= 0)
                return r < 0 ? r : 1; /* Will call us back */

        r = list_open(m, userdata, &l);
        if (r >= 0)
                r = store_session_list(l.manager->store, account, list_add_session, &l);
        if (r < 0)
                return r;
        return list_send(&l);
}

static int account_method_revoke_session(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        _cleanup_(session_done) Session s = {};
        uint64_t id;
        Actor actor;
        int r;

        r = sd_bus_message_read(m, "t", &id);
        if (r < 0)
                return r;
        r = bus_read_flags(m, error);
        if (r < 0)
                return r;
        r = authz_check(userdata, m, "sessions", NULL, error);
        if (r <= 0)
                return r < 0 ? r : 1; /* Will call us back */

        r = session_get(userdata, id, &s);
        if (r == 0)
                return sd_bus_error_setf(error, BUS_ERROR_SESSION_ENDED,
                                         "There is no session %" PRIu64 ", or it has ended.", id);
        if (r >= 0)
                r = actor_from_message(userdata, m, &actor);
        if (r >= 0)
                r = session_end(userdata, &s, &actor, "session revoked", error);
        if (r < 0)
                return r;

        return sd_bus_reply_method_return(m, NULL);
}

static int account_property_get_empty(sd_bus *bus, const char *path, const char *interface,
                                      const char *property, sd_bus_message *reply, void *userdata,
                                      sd_bus_error *error)
{
        int r;

        r = account_is_any(userdata);
        if (r < 0)
                return r;

        return sd_bus_message_append(reply, "b", r == 0);
}

#define SENSITIVE (SD_BUS_VTABLE_UNPRIVILEGED | SD_BUS_VTABLE_SENSITIVE)

const sd_bus_vtable account_vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_PROPERTY("Empty", "b", account_property_get_empty, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_METHOD_WITH_ARGS("Login", SD_BUS_ARGS("s", name, "s", password, "a{sv}", options),
                                SD_BUS_RESULT("s", token, "a{sv}", session), account_method_login,
                                SENSITIVE),
        SD_BUS_METHOD_WITH_ARGS("Resume", SD_BUS_ARGS("s", token, "a{sv}", options),
                                SD_BUS_RESULT("a{sv}", session), account_method_resume, SENSITIVE),
        SD_BUS_METHOD_WITH_ARGS("Check", SD_BUS_ARGS("s", token, "a{sv}", options),
                                SD_BUS_RESULT("a{sv}", session), account_method_check, SENSITIVE),
        SD_BUS_METHOD_WITH_ARGS("Logout", SD_BUS_ARGS("s", token), SD_BUS_NO_RESULT, account_method_logout,
                                SENSITIVE),
        SD_BUS_METHOD_WITH_ARGS("CreateFirst", SD_BUS_ARGS("s", name, "s", password, "a{sv}", options),
                                SD_BUS_NO_RESULT, account_method_create_first, SENSITIVE),
        SD_BUS_METHOD_WITH_ARGS("GetSetupCode", SD_BUS_NO_ARGS, SD_BUS_RESULT("s", code),
                                account_method_get_setup_code, SENSITIVE),
        SD_BUS_METHOD_WITH_ARGS("GetLockout", SD_BUS_ARGS("a{sv}", options), SD_BUS_RESULT("t", usec),
                                account_method_get_lockout, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("ChangePassword", SD_BUS_ARGS("s", old_password, "s", new_password),
                                SD_BUS_NO_RESULT, account_method_change_password, SENSITIVE),
        SD_BUS_METHOD_WITH_ARGS("Add", SD_BUS_ARGS("s", name, "s", role, "s", password, "t", flags),
                                SD_BUS_NO_RESULT, account_method_add, SENSITIVE),
        SD_BUS_METHOD_WITH_ARGS("SetPassword", SD_BUS_ARGS("s", name, "s", password, "t", flags),
                                SD_BUS_NO_RESULT, account_method_set_password, SENSITIVE),
        SD_BUS_METHOD_WITH_ARGS("SetRole", SD_BUS_ARGS("s", name, "s", role, "t", flags), SD_BUS_NO_RESULT,
                                account_method_set_role, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Remove", SD_BUS_ARGS("s", name, "t", flags), SD_BUS_NO_RESULT,
                                account_method_remove, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("List", SD_BUS_NO_ARGS, SD_BUS_RESULT("aa{sv}", accounts),
                                account_method_list, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("ListSessions", SD_BUS_ARGS("a{sv}", filter),
                                SD_BUS_RESULT("aa{sv}", sessions), account_method_list_sessions,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("RevokeSession", SD_BUS_ARGS("t", id, "t", flags), SD_BUS_NO_RESULT,
                                account_method_revoke_session, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_SIGNAL("SessionsChanged", NULL, 0),
        SD_BUS_VTABLE_END,
};

int account_bus_register(Manager *m)
{
        return sd_bus_add_object_vtable(m->bus, NULL, BUS_PATH_ACCOUNTS, BUS_INTERFACE_ACCOUNTS,
                                        account_vtable, m);
}

void account_emit_empty(Manager *m)
{
        (void) sd_bus_emit_properties_changed(m->bus, BUS_PATH_ACCOUNTS, BUS_INTERFACE_ACCOUNTS, "Empty",
                                              NULL);
}

void account_emit_sessions_changed(Manager *m)
{
        (void) sd_bus_emit_signal(m->bus, BUS_PATH_ACCOUNTS, BUS_INTERFACE_ACCOUNTS, "SessionsChanged",
                                  NULL);
}
