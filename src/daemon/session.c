/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <sys/random.h>

#include "basic/address.h"
#include "basic/sha256.h"
#include "basic/string-util.h"
#include "basic/strv.h"
#include "basic/time-util.h"
#include "daemon/session.h"
#include "shared/names.h"

#define CSRF_DOMAIN "burnin-csrf:"

/* A connection that acts for somebody. */
struct Binding {
        Manager *manager; /* weak */
        char *sender;     /* the key */
        uint64_t session;
        sd_bus_track *track;
        UT_hash_handle hh;
};

static Binding *binding_free(Binding *b)
{
        if (!b)
                return NULL;

        if (b->hh.tbl)
                HASH_DEL(b->manager->bindings, b);
        sd_bus_track_unref(b->track);
        free(b->sender);
        free(b);
        return NULL;
}
DEFINE_TRIVIAL_CLEANUP_FUNC(Binding *, binding_free);

void session_done(Session *s)
{
        session_record_done(&s->record);
        *s = (Session){};
}

static int session_ended(sd_bus_error *error)
{
        return sd_bus_error_set(error, BUS_ERROR_SESSION_ENDED, "The session has ended. Log in again.");
}

static bool networks_contain(char **networks, const Address *a)
{
        Address network;
        uint8_t prefix;

        STRV_FOREACH(word, networks)
                if (network_parse(*word, &network, &prefix) >= 0 && network_contains(&network, prefix, a))
                        return true;

        return false;
}

static bool is_trusted_proxy(const Manager *m, const Address *a)
{
        static char *loopback[] = { (char *) "127.0.0.0/8", (char *) "::1", NULL };
        char **proxies = m->settings.trusted_proxies;

        return networks_contain(strv_length(proxies) > 0 ? proxies : loopback, a);
}

static int forwarded_parse(const char *begin, const char *end, Address *ret)
{
        char word[ADDRESS_TEXT_MAX];

        while (begin < end && strchr(" \t", *begin))
                begin++;
        while (begin < end && strchr(" \t", end[-1]))
                end--;
        if ((size_t) (end - begin) >= sizeof(word))
                return -EINVAL;

        (void) snprintf(word, sizeof(word), "%.*s", (int) (end - begin), begin);
        return address_parse(word, ret);
}

/* Each proxy adds behind the others whom it speaks for: from the last word on, that is believed as long as who says it is trusted.
 * What is before that word the browser may have made up. */
static void forwarded_follow(const Manager *m, const char *forwarded, Address *a)
{
        for (const char *end = forwarded + strlen(forwarded); end > forwarded && is_trusted_proxy(m, a);) {
                const char *word = end;

                while (word > forwarded && word[-1] != ',')
                        word--;
                if (forwarded_parse(word, end, a) < 0)
                        return;
                end = word > forwarded ? word - 1 : word;
        }
}

static bool address_is_allowed(const Manager *m, const Address *a)
{
        char **allowed = m->settings.allowed_ips;

        return strv_length(allowed) == 0 || (a && networks_contain(allowed, a));
}

int session_check_address(const Manager *m, const SessionPeer *peer, char **ret_address, sd_bus_error *error)
{
        char text[ADDRESS_TEXT_MAX] = "";
        bool known = !isempty(peer->address);
        Address a;

        if (known) {
                if (address_parse(peer->address, &a) < 0)
                        return sd_bus_error_set(error, BUS_ERROR_INVALID_ARGUMENT,
                                                "The option address is an IPv4 or IPv6 address.");
                forwarded_follow(m, strempty(peer->forwarded), &a);
                address_format(&a, text);
        }
        if (!address_is_allowed(m, known ? &a : NULL))
                return sd_bus_error_setf(
                                error, BUS_ERROR_ADDRESS_NOT_ALLOWED,
                                "Nobody may log in from %s. An administrator can allow it: burninctl settings set allowed_ips ...",
                                known ? text : "an address that is not known");
        if (!ret_address)
                return 0;

        *ret_address = strdup(text);
        return *ret_address ? 0 : -ENOMEM;
}

static void session_set_ends(const Manager *m, Session *s)
{
        s->expires_usec = s->record.created_usec + m->settings.session_hours * USEC_PER_HOUR;
        s->idle_usec = MIN(s->expires_usec,
                           s->record.seen_usec + m->settings.web_session_idle_minutes * USEC_PER_MINUTE);
}

/* Of a row: its account's role, and whether it has ended. 1: it is valid; 0: it is not. */
static int session_complete(const Manager *m, Session *s)
{
        AccountRecord account = {};
        int r;

        session_set_ends(m, s);
        if (now_usec(CLOCK_REALTIME) >= s->idle_usec)
                return 0;
        r = store_account_get(m->store, s->record.account, &account);
        if (r <= 0)
                return r;
        s->role = account.role;
        account_record_done(&account);
        return 1;
}

int session_new(Manager *m, const char *account, const char *address, char ret_token[static TOKEN_SIZE],
                Session *ret)
{
        char digest[SHA256_HEX_SIZE];
        uint8_t bytes[TOKEN_BYTES];
        uint64_t now = now_usec(CLOCK_REALTIME);
        SessionRecord record = {
                .token_sha256 = digest,
                .account = (char *) account,
                .address = (char *) address,
                .created_usec = now,
                .seen_usec = now,
        };
        int r;

        /* Some hundred bits are there since boot: this does not wait. */
        if (getrandom(bytes, sizeof(bytes), GRND_NONBLOCK) != sizeof(bytes))
                return -EAGAIN;
        for (size_t i = 0; i < sizeof(bytes); i++)
                (void) snprintf(ret_token + 2 * i, 3, "%02x", bytes[i]);
        explicit_bzero(bytes, sizeof(bytes));
        sha256_hex(ret_token, strlen(ret_token), digest);

        r = sessions_expire(m);
        if (r >= 0)
                r = store_session_add(m->store, &record, &record.id);
        if (r >= 0)
                r = store_session_del_of(m->store, account, record.id, SESSIONS_PER_ACCOUNT_MAX);
        if (r >= 0)
                r = session_get(m, record.id, ret);

        return r == 0 ? -ENOENT : MIN(r, 0);
}

void session_csrf(const char *token, char ret[static TOKEN_SIZE])
{
        char text[STRLEN(CSRF_DOMAIN) + TOKEN_SIZE];

        (void) snprintf(text, sizeof(text), CSRF_DOMAIN "%s", token);
        sha256_hex(text, strlen(text), ret);
        explicit_bzero(text, sizeof(text));
}

static bool token_is_valid(const char *token)
{
        return strlen(token) == TOKEN_SIZE - 1 && strspn(token, "0123456789abcdef") == TOKEN_SIZE - 1;
}

int session_get(Manager *m, uint64_t id, Session *ret)
{
        _cleanup_(session_done) Session s = {};
        int r;

        r = store_session_get(m->store, id, &s.record);
        if (r > 0)
                r = session_complete(m, &s);
        if (r <= 0)
                return r;

        *ret = s;
        s = (Session){};
        return 1;
}

int session_find_token(Manager *m, const char *token, Session *ret, sd_bus_error *error)
{
        _cleanup_(session_done) Session s = {};
        char digest[SHA256_HEX_SIZE];
        int r;

        if (!token_is_valid(token))
                return session_ended(error);
        sha256_hex(token, strlen(token), digest);
        r = store_session_get_by_token(m->store, digest, &s.record);
        if (r > 0)
                r = session_complete(m, &s);
        if (r < 0)
                return r;
        if (r == 0)
                return session_ended(error);

        *ret = s;
        s = (Session){};
        return 0;
}

int session_find(Manager *m, const char *token, const SessionPeer *peer, Session *ret, sd_bus_error *error)
{
        _cleanup_(session_done) Session s = {};
        _cleanup_free_ char *from = NULL;
        int r;

        r = session_check_address(m, peer, &from, error);
        if (r >= 0)
                r = session_find_token(m, token, &s, error);
        if (r < 0)
                return r;
        if (m->settings.web_session_bind_address && !streq_ptr(from, s.record.address))
                return session_ended(error);

        *ret = s;
        s = (Session){};
        return 0;
}

int session_seen(Manager *m, Session *s)
{
        uint64_t now = now_usec(CLOCK_REALTIME);
        /* Each request of a page comes here; a write each would wear the disk for nothing. */
        uint64_t step = MIN(USEC_PER_MINUTE, m->settings.web_session_idle_minutes * USEC_PER_MINUTE / 16);
        int r;

        if (now < s->record.seen_usec + step && now >= s->record.seen_usec)
                return 0;

        r = store_session_seen(m->store, s->record.id, now);
        if (r < 0)
                return r;
        s->record.seen_usec = now;
        session_set_ends(m, s);
        return 0;
}

static int binding_on_sender_left(sd_bus_track *t, void *userdata)
{
        binding_free(userdata);
        return 0;
}

static Binding *binding_find(Manager *m, sd_bus_message *message)
{
        const char *sender = sd_bus_message_get_sender(message);
        Binding *b = NULL;

        if (sender)
                HASH_FIND_STR(m->bindings, sender, b);
        return b;
}

int session_bind(Manager *m, sd_bus_message *message, const Session *s, sd_bus_error *error)
{
        _cleanup_(binding_freep) Binding *b = NULL;
        Binding *known = binding_find(m, message);
        int r;

        if (known) {
                known->session = s->record.id;
                return 0;
        }
        if (HASH_COUNT(m->bindings) >= BINDINGS_MAX)
                return sd_bus_error_setf(error, BUS_ERROR_LIMIT_REACHED,
                                         "At most %u connections can act for accounts.", BINDINGS_MAX);

        b = new0(Binding, 1);
        if (!b)
                return -ENOMEM;
        b->manager = m;
        b->session = s->record.id;
        b->sender = strdup(strempty(sd_bus_message_get_sender(message)));
        if (!b->sender)
                return -ENOMEM;
        r = sd_bus_track_new(m->bus, &b->track, binding_on_sender_left, b);
        if (r >= 0)
                r = sd_bus_track_add_sender(b->track, message);
        if (r < 0)
                return r;

        HASH_ADD_KEYPTR(hh, m->bindings, b->sender, strlen(b->sender), b);
        TAKE_PTR(b);
        return 0;
}

int session_of_sender(Manager *m, sd_bus_message *message, Session *ret)
{
        const Binding *b = binding_find(m, message);
        int r;

        if (!b)
                return 0;

        r = session_get(m, b->session, ret);
        return r == 0 ? -ESTALE : r;
}

int sessions_expire(Manager *m)
{
        uint64_t now = now_usec(CLOCK_REALTIME);
        uint64_t age = m->settings.session_hours * USEC_PER_HOUR;
        uint64_t idle = m->settings.web_session_idle_minutes * USEC_PER_MINUTE;

        return store_session_expire(m->store, now - MIN(now, age), now - MIN(now, idle));
}

void sessions_done(Manager *m)
{
        Binding *b, *next;

        HASH_ITER(hh, m->bindings, b, next)
                binding_free(b);
}
