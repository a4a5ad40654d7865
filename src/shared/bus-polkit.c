/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <uthash.h>

#include "basic/log.h"
#include "basic/string-util.h"
#include "shared/bus-polkit.h"

/* An interactive question waits for a person; any other answer comes within milliseconds. */
#define POLKIT_TIMEOUT_USEC           (5 * USEC_PER_SEC)
#define POLKIT_PENDING_PER_SENDER_MAX 64

typedef struct Query {
        PolkitRegistry *registry; /* weak */
        sd_bus_message *request;  /* the key */
        char *action;
        sd_bus_slot *call_slot;
        bool answered;
        bool authorized, challenge;
        sd_bus_track *track; /* the sender: once it has left nobody waits for the answer */
        UT_hash_handle hh;
} Query;

struct PolkitRegistry {
        Query *queries; /* by request */
};

static Query *query_free(Query *q)
{
        if (!q)
                return NULL;

        if (q->registry)
                HASH_DEL(q->registry->queries, q);
        sd_bus_slot_unref(q->call_slot);
        sd_bus_track_unref(q->track);
        sd_bus_message_unref(q->request);
        free(q->action);
        free(q);
        return NULL;
}
DEFINE_TRIVIAL_CLEANUP_FUNC(Query *, query_free);

int polkit_registry_new(PolkitRegistry **ret)
{
        PolkitRegistry *r = new0(PolkitRegistry, 1);

        if (!r)
                return -ENOMEM;

        *ret = r;
        return 0;
}

PolkitRegistry *polkit_registry_free(PolkitRegistry *r)
{
        Query *q, *next;

        if (!r)
                return NULL;

        HASH_ITER(hh, r->queries, q, next)
                query_free(q);
        free(r);
        return NULL;
}

static int query_on_reply(sd_bus_message *reply, void *userdata, sd_bus_error *reterr)
{
        Query *q = userdata;
        int authorized, challenge, r;

        q->answered = true;

        if (sd_bus_message_is_method_error(reply, NULL))
                log_warning("polkit did not answer whether %s is allowed, which means no: %s", q->action,
                            sd_bus_message_get_error(reply)->message);
        else {
                r = sd_bus_message_enter_container(reply, 'r', "bba{ss}");
                if (r >= 0)
                        r = sd_bus_message_read(reply, "bb", &authorized, &challenge);
                if (r < 0)
                        log_warning_errno(r, "polkit's answer cannot be read, which means no: %m");
                else {
                        q->authorized = authorized;
                        q->challenge = challenge;
                }
        }

        r = sd_bus_enqueue_for_read(sd_bus_message_get_bus(q->request), q->request);
        if (r < 0) {
                (void) sd_bus_reply_method_errno(q->request, r, NULL);
                query_free(q);
        }

        return 1;
}

static int query_on_sender_left(sd_bus_track *t, void *userdata)
{
        query_free(userdata);
        return 0;
}

static size_t registry_count_sender(PolkitRegistry *r, const char *sender)
{
        size_t n = 0;
        Query *q, *next;

        HASH_ITER(hh, r->queries, q, next)
                if (streq_ptr(sd_bus_message_get_sender(q->request), sender))
                        n++;

        return n;
}

static int query_send(Query *q, const PolkitDetail *details)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *c = NULL;
        sd_bus *bus = sd_bus_message_get_bus(q->request);
        const char *sender = sd_bus_message_get_sender(q->request);
        bool interactive = sd_bus_message_get_allow_interactive_authorization(q->request) > 0;
        int r;

        r = sd_bus_message_new_method_call(bus, &c, "org.freedesktop.PolicyKit1",
                                           "/org/freedesktop/PolicyKit1/Authority",
                                           "org.freedesktop.PolicyKit1.Authority", "CheckAuthorization");
        if (r < 0)
                return r;
        r = sd_bus_message_append(c, "(sa{sv})s", "system-bus-name", 1, "name", "s", sender, q->action);
        if (r < 0)
                return r;
        r = sd_bus_message_open_container(c, 'a', "{ss}");
        if (r < 0)
                return r;
        for (const PolkitDetail *d = details; d && d->key; d++)
                if (d->value) {
                        r = sd_bus_message_append(c, "{ss}", d->key, d->value);
                        if (r < 0)
                                return r;
                }
        r = sd_bus_message_close_container(c);
        if (r < 0)
                return r;
        r = sd_bus_message_append(c, "us", (uint32_t) interactive, "");
        if (r < 0)
                return r;

        return sd_bus_call_async(bus, &q->call_slot, c, query_on_reply, q,
                                 interactive ? UINT64_MAX : POLKIT_TIMEOUT_USEC);
}

static int query_new(PolkitRegistry *registry, sd_bus_message *m, const char *action, Query **ret)
{
        _cleanup_(query_freep) Query *q = NULL;
        int r;

        q = new0(Query, 1);
        if (!q)
                return -ENOMEM;

        q->request = sd_bus_message_ref(m);
        q->action = strdup(action);
        if (!q->action)
                return -ENOMEM;

        r = sd_bus_track_new(sd_bus_message_get_bus(m), &q->track, query_on_sender_left, q);
        if (r < 0)
                return r;
        r = sd_bus_track_add_sender(q->track, m);
        if (r < 0)
                return r;

        HASH_ADD_PTR(registry->queries, request, q);
        q->registry = registry;

        *ret = TAKE_PTR(q);
        return 0;
}

static int query_take_answer(Query *q, const char *action, sd_bus_error *error)
{
        _cleanup_(query_freep) Query *owned = q;

        assert(q->answered);

        /* The answer was for another question: the handler judged differently the second time. */
        if (!streq(q->action, action))
                return sd_bus_error_setf(error, SD_BUS_ERROR_ACCESS_DENIED,
                                         "What was asked changed while it was being authorized. Try again.");
        if (q->authorized)
                return 1;
        if (q->challenge)
                return sd_bus_error_setf(error, SD_BUS_ERROR_INTERACTIVE_AUTHORIZATION_REQUIRED,
                                         "This needs interactive authorization (%s).", action);

        return sd_bus_error_setf(error, SD_BUS_ERROR_ACCESS_DENIED, "You are not allowed to do this (%s).",
                                 action);
}

int polkit_check(PolkitRegistry *registry, sd_bus_message *m, const char *action,
                 const PolkitDetail *details, sd_bus_error *error)
{
        _cleanup_(query_freep) Query *q = NULL;
        Query *known;
        int r;

        HASH_FIND_PTR(registry->queries, &m, known);
        if (known)
                return query_take_answer(known, action, error);

        if (registry_count_sender(registry, sd_bus_message_get_sender(m)) >= POLKIT_PENDING_PER_SENDER_MAX)
                return sd_bus_error_setf(
                                error, SD_BUS_ERROR_LIMITS_EXCEEDED,
                                "Too many of your calls wait for authorization. Try again when some are answered.");

        r = query_new(registry, m, action, &q);
        if (r < 0)
                return r;
        r = query_send(q, details);
        if (r < 0)
                return r;

        TAKE_PTR(q);
        return 0;
}
