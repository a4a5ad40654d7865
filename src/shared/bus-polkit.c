/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <uthash.h>

#include "basic/log.h"
#include "basic/string-util.h"
#include "shared/bus-polkit.h"

/* An interactive question waits for a person. Any other answer comes within milliseconds, on a busy machine within seconds, and a
 * caller that waits for us gives up after 25. */
#define POLKIT_TIMEOUT_USEC           (20 * USEC_PER_SEC)
#define POLKIT_PENDING_PER_SENDER_MAX 64
/* The bus lets a connection wait for 128 answers, and refuses the next question, which would mean no to somebody who may. So the
 * rest waits here; those that wait for a person have places of their own, so that nobody who is idle at a prompt blocks the others. */
#define POLKIT_ASKED_MAX             64
#define POLKIT_ASKED_INTERACTIVE_MAX 32

typedef struct Query {
        PolkitRegistry *registry;  /* weak */
        sd_bus_message *request;   /* the key */
        sd_bus_message *call;      /* until it is sent */
        sd_bus_message *call_also; /* for the second action, once the first one is allowed */
        char *action;              /* what is asked now */
        char *also;                /* what is asked then */
        char *question;            /* the action and its details */
        sd_bus_slot *call_slot;
        bool interactive;
        bool asked, answered;
        bool authorized, challenge;
        bool failed;         /* there was no answer */
        sd_bus_track *track; /* the sender: once it has left nobody waits for the answer */
        UT_hash_handle hh;
} Query;

struct PolkitRegistry {
        Query *queries;    /* by request, the oldest first */
        size_t n_asked[2]; /* without an answer yet; [1]: interactive */
        bool failing;      /* its last question had no answer, which was logged */
};

static void registry_ask_next(PolkitRegistry *registry);

static Query *query_free(Query *q)
{
        PolkitRegistry *registry;

        if (!q)
                return NULL;

        registry = q->registry;
        if (registry) {
                HASH_DEL(registry->queries, q);
                if (q->asked && !q->answered)
                        registry->n_asked[q->interactive]--;
        }
        sd_bus_slot_unref(q->call_slot);
        sd_bus_track_unref(q->track);
        sd_bus_message_unref(q->call);
        sd_bus_message_unref(q->call_also);
        sd_bus_message_unref(q->request);
        free(q->action);
        free(q->also);
        free(q->question);
        free(q);

        if (registry)
                registry_ask_next(registry);
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

        HASH_ITER(hh, r->queries, q, next) {
                HASH_DEL(r->queries, q);
                q->registry = NULL;
                query_free(q);
        }
        free(r);
        return NULL;
}

/* Logged once until polkit answers again: anybody may make us ask, as often as the bus carries it. */
static void query_failed(Query *q, const char *why)
{
        if (!q->registry->failing)
                log_warning("polkit did not answer whether %s is allowed, which means no until it does: %s",
                            q->action, why);
        q->registry->failing = true;
        q->failed = true;
}

/* The request runs again from its top, and finds the answer. */
static void query_answered(Query *q)
{
        int r;

        q->answered = true;
        r = sd_bus_enqueue_for_read(sd_bus_message_get_bus(q->request), q->request);
        if (r < 0) {
                (void) sd_bus_reply_method_errno(q->request, r, NULL);
                query_free(q);
        }
}

static int query_on_reply(sd_bus_message *reply, void *userdata, sd_bus_error *reterr)
{
        Query *q = userdata;
        PolkitRegistry *registry = q->registry;
        int authorized, challenge, r;

        if (sd_bus_message_is_method_error(reply, NULL))
                query_failed(q, sd_bus_message_get_error(reply)->message);
        else {
                r = sd_bus_message_enter_container(reply, 'r', "bba{ss}");
                if (r >= 0)
                        r = sd_bus_message_read(reply, "bb", &authorized, &challenge);
                if (r < 0)
                        query_failed(q, strerror(-r));
                else {
                        registry->failing = false;
                        q->authorized = authorized;
                        q->challenge = challenge;
                }
        }

        registry->n_asked[q->interactive]--;
        if (q->authorized && q->call_also) {
                q->call = TAKE_PTR(q->call_also);
                free(q->action);
                q->action = TAKE_PTR(q->also);
                q->call_slot = sd_bus_slot_unref(q->call_slot);
                q->authorized = q->asked = false;
        } else
                query_answered(q);
        registry_ask_next(registry);
        return 1;
}

static int query_ask(Query *q)
{
        int r;

        r = sd_bus_call_async(sd_bus_message_get_bus(q->request), &q->call_slot, q->call, query_on_reply, q,
                              q->interactive ? UINT64_MAX : POLKIT_TIMEOUT_USEC);
        if (r < 0)
                return r;

        q->call = sd_bus_message_unref(q->call);
        q->asked = true;
        q->registry->n_asked[q->interactive]++;
        return 0;
}

static bool registry_has_place(const PolkitRegistry *registry, bool interactive)
{
        return registry->n_asked[interactive] <
               (interactive ? POLKIT_ASKED_INTERACTIVE_MAX : POLKIT_ASKED_MAX);
}

/* The oldest that waits and may be asked now. */
static Query *registry_find_next(PolkitRegistry *registry)
{
        Query *q, *next;

        if (!registry_has_place(registry, false) && !registry_has_place(registry, true))
                return NULL;
        HASH_ITER(hh, registry->queries, q, next)
                if (!q->asked && !q->answered && registry_has_place(registry, q->interactive))
                        return q;

        return NULL;
}

/* Called whenever a place may have become free. */
static void registry_ask_next(PolkitRegistry *registry)
{
        Query *q;
        int r;

        while ((q = registry_find_next(registry))) {
                r = query_ask(q);
                if (r < 0) {
                        query_failed(q, strerror(-r));
                        query_answered(q);
                }
        }
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

/* What is asked, as one text: an answer counts for exactly this. */
static char *question_new(const char *action, const char *also, const PolkitDetail *details)
{
        char *question = strf("%s %s", action, strempty(also));

        for (const PolkitDetail *d = details; question && d && d->key; d++)
                if (d->value) {
                        char *longer = strf("%s\n%s=%s", question, d->key, d->value);

                        free(question);
                        question = longer;
                }

        return question;
}

static int query_prepare(Query *q, const char *action, const char *intent, const PolkitDetail *details,
                         sd_bus_message **ret)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *c = NULL;
        _cleanup_free_ char *message = NULL;
        sd_bus *bus = sd_bus_message_get_bus(q->request);
        int r;

        r = sd_bus_message_new_method_call(bus, &c, "org.freedesktop.PolicyKit1",
                                           "/org/freedesktop/PolicyKit1/Authority",
                                           "org.freedesktop.PolicyKit1.Authority", "CheckAuthorization");
        if (r < 0)
                return r;
        r = sd_bus_message_append(c, "(sa{sv})s", "system-bus-name", 1, "name", "s",
                                  sd_bus_message_get_sender(q->request), action);
        if (r < 0)
                return r;
        r = sd_bus_message_open_container(c, 'a', "{ss}");
        if (r < 0)
                return r;
        if (intent) {
                message = strf("Authentication is required to %s.", intent);
                r = message ? sd_bus_message_append(c, "{ss}", "polkit.message", message) : -ENOMEM;
                if (r < 0)
                        return r;
        }
        for (const PolkitDetail *d = details; d && d->key; d++)
                if (d->value) {
                        r = sd_bus_message_append(c, "{ss}", d->key, d->value);
                        if (r < 0)
                                return r;
                }
        r = sd_bus_message_close_container(c);
        if (r < 0)
                return r;

        r = sd_bus_message_append(c, "us", (uint32_t) q->interactive, "");
        if (r < 0)
                return r;

        *ret = TAKE_PTR(c);
        return 0;
}

static int query_new(PolkitRegistry *registry, sd_bus_message *m, const char *action, const char *intent,
                     const char *also, const PolkitDetail *details, Query **ret)
{
        _cleanup_(query_freep) Query *q = NULL;
        int r;

        q = new0(Query, 1);
        if (!q)
                return -ENOMEM;

        q->request = sd_bus_message_ref(m);
        q->interactive = sd_bus_message_get_allow_interactive_authorization(m) > 0;
        q->action = strdup(action);
        q->question = question_new(action, also, details);
        q->also = also ? strdup(also) : NULL;
        if (!q->action || (also && !q->also) || !q->question)
                return -ENOMEM;

        r = query_prepare(q, action, intent, details, &q->call);
        if (r >= 0 && also)
                r = query_prepare(q, also, NULL, details, &q->call_also);
        if (r < 0)
                return r;
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

static int query_take_answer(Query *q, const char *action, const char *also, const PolkitDetail *details,
                             sd_bus_error *error)
{
        _cleanup_free_ char *question = question_new(action, also, details);
        _cleanup_(query_freep) _unused_ Query *owned = q;

        assert(q->answered);

        if (!question)
                return -ENOMEM;
        /* The answer was for another question: what the handler found the second time is not what it found the first time. */
        if (!streq(q->question, question))
                return sd_bus_error_setf(error, SD_BUS_ERROR_ACCESS_DENIED,
                                         "What was asked changed while it was being authorized. Try again.");
        if (q->authorized)
                return 1;
        if (q->failed)
                return sd_bus_error_setf(
                                error, SD_BUS_ERROR_ACCESS_DENIED,
                                "polkit did not answer whether you are allowed to do this (%s). Try again; "
                                "systemctl status polkit shows what is wrong with it.",
                                q->action);
        if (q->challenge)
                return sd_bus_error_setf(error, SD_BUS_ERROR_INTERACTIVE_AUTHORIZATION_REQUIRED,
                                         "This needs interactive authorization (%s).", q->action);

        return sd_bus_error_setf(error, SD_BUS_ERROR_ACCESS_DENIED, "You are not allowed to do this (%s).",
                                 q->action);
}

int polkit_check(PolkitRegistry *registry, sd_bus_message *m, const char *action, const char *intent,
                 const char *also, const PolkitDetail *details, sd_bus_error *error)
{
        _cleanup_(query_freep) Query *q = NULL;
        Query *known;
        int r;

        HASH_FIND_PTR(registry->queries, &m, known);
        if (known)
                return query_take_answer(known, action, also, details, error);

        if (registry_count_sender(registry, sd_bus_message_get_sender(m)) >= POLKIT_PENDING_PER_SENDER_MAX)
                return sd_bus_error_setf(
                                error, SD_BUS_ERROR_LIMITS_EXCEEDED,
                                "Too many of your calls wait for authorization. Try again when some are answered.");

        r = query_new(registry, m, action, intent, also, details, &q);
        if (r < 0)
                return r;
        if (registry_has_place(registry, q->interactive)) {
                r = query_ask(q);
                if (r < 0)
                        return r;
        }

        TAKE_PTR(q);
        return 0;
}
