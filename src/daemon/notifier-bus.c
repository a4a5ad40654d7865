/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <utlist.h>

#include "basic/string-util.h"
#include "basic/strv.h"
#include "basic/time-util.h"
#include "daemon/authz.h"
#include "daemon/daily.h"
#include "daemon/list.h"
#include "daemon/notifier.h"
#include "daemon/outbox.h"
#include "shared/bus-util.h"
#include "shared/names.h"

/* Under the time after which a caller gives up by itself. */
#define TEST_TIMEOUT (20 * USEC_PER_SEC)

#define NOT_WORKING "The notifier %s does not work: %s"

static char *object_of(const char *name)
{
        return strf("notifier %s", name);
}

/* 1: he may; 0: polkit answers later. */
static int notifier_authorize(Manager *m, sd_bus_message *message, const char *name, sd_bus_error *error)
{
        _cleanup_free_ char *object = object_of(name);

        if (!object)
                return -ENOMEM;
        return authz_check(m, message, object, ((PolkitDetail[]){ { "notifier", name }, {} }), error);
}

/* What somebody did to it, or why not: r and error as the method returns them. Hands r on. */
static int notifier_audit(Manager *m, sd_bus_message *message, const char *name, int r, const char *detail,
                          const sd_bus_error *error)
{
        _cleanup_free_ char *object = object_of(name);
        Actor actor;
        int k;

        if (!object)
                return r < 0 ? r : -ENOMEM;
        k = actor_from_message(m, message, &actor);
        if (k < 0)
                return r < 0 ? r : k;
        if (r < 0)
                return audit_refused(m, &actor, ACTION_MANAGE_SETTINGS, object, r, error);

        (void) audit_write(m, &actor, ACTION_MANAGE_SETTINGS, object, "ok", detail);
        return r;
}

static int read_change(sd_bus_message *m, NotifierChange *c, sd_bus_error *error)
{
        bool has_enabled = false;
        int enabled = 0, r;
        const BusOption options[] = {
                { "url", 's', &c->url, NULL },
                { "secret", 's', &c->secret, NULL },
                { "to", 'a', &c->to, NULL },
                { "events", 'a', &c->events, NULL },
                { "hosts", 'a', &c->hosts, NULL },
                { "severity", 's', &c->severity, NULL },
                { "enabled", 'b', &enabled, &has_enabled },
        };

        r = bus_read_options(m, options, ELEMENTSOF(options), error);
        if (r >= 0 && has_enabled)
                c->enabled = enabled;

        return r;
}

/* What was said, in words for the audit: never an URL or a secret. */
static char *describe_change(const char *verb, const NotifierChange *c)
{
        _cleanup_free_ char *shown = c->url ? notifier_url_shown(c->url) : strdup("");

        if (!shown)
                return NULL;
        return strf("%s%s%s%s%s%s%s%s%s%s", verb, c->url ? ", to " : "", shown, c->to ? ", addresses" : "",
                    c->events ? ", events" : "", c->hosts ? ", hosts" : "", c->severity ? ", severity " : "",
                    strempty(c->severity),
                    c->enabled < 0 ? ""
                    : c->enabled   ? ", on"
                                   : ", off",
                    !c->secret   ? ""
                    : *c->secret ? ", a new secret"
                                 : ", no secret");
}

static int notifier_method_add(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        _cleanup_(notifier_change_done) NotifierChange change = NOTIFIER_CHANGE_NULL;
        _cleanup_free_ char *verb = NULL, *detail = NULL;
        const char *name, *kind;
        int r;

        r = sd_bus_message_read(m, "ss", &name, &kind);
        if (r < 0)
                return r;
        r = read_change(m, &change, error);
        if (r >= 0)
                r = notifier_check_name(name, error);
        if (r < 0)
                return r;
        r = notifier_authorize(userdata, m, name, error);
        if (r <= 0)
                return r < 0 ? r : 1; /* Will call us back */

        r = notifier_add(userdata, name, kind, &change, error);
        verb = strf("Add: %s", SHOWN(kind));
        detail = verb ? describe_change(verb, &change) : NULL;
        r = notifier_audit(userdata, m, name, r, strempty(detail), error);
        if (r < 0)
                return r;

        return sd_bus_reply_method_return(m, NULL);
}

static int notifier_get(Manager *m, const char *name, Notifier **ret, sd_bus_error *error)
{
        *ret = notifier_find(m, name);
        if (*ret)
                return 0;

        return sd_bus_error_setf(error, BUS_ERROR_NO_SUCH_NOTIFIER, "There is no notifier '%s'.",
                                 SHOWN(name));
}

/* What is there already, for who may change it. Returns as notifier_authorize(). */
static int notifier_choose(Manager *manager, sd_bus_message *m, const char *name, Notifier **ret,
                           sd_bus_error *error)
{
        int r;

        r = notifier_get(manager, name, ret, error);
        return r < 0 ? r : notifier_authorize(manager, m, name, error);
}

static int notifier_method_configure(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        _cleanup_(notifier_change_done) NotifierChange change = NOTIFIER_CHANGE_NULL;
        _cleanup_free_ char *detail = NULL;
        const char *name;
        Notifier *n;
        int r;

        r = sd_bus_message_read(m, "s", &name);
        if (r >= 0)
                r = read_change(m, &change, error);
        if (r >= 0)
                r = notifier_choose(userdata, m, name, &n, error);
        if (r <= 0)
                return r < 0 ? r : 1; /* Will call us back */

        r = notifier_configure(n, &change, error);
        detail = describe_change("Configure", &change);
        r = notifier_audit(userdata, m, name, r, strempty(detail), error);
        if (r < 0)
                return r;

        return sd_bus_reply_method_return(m, NULL);
}

/* "s name, t flags" of what is there already. Returns as notifier_authorize(). */
static int read_notifier(Manager *manager, sd_bus_message *m, Notifier **ret, sd_bus_error *error)
{
        const char *name;
        int r;

        r = sd_bus_message_read(m, "s", &name);
        if (r >= 0)
                r = bus_read_flags(m, error);

        return r < 0 ? r : notifier_choose(manager, m, name, ret, error);
}

static int notifier_method_remove(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        _cleanup_free_ char *name = NULL;
        Notifier *n;
        int r;

        r = read_notifier(userdata, m, &n, error);
        if (r <= 0)
                return r < 0 ? r : 1; /* Will call us back */
        name = strdup(n->record.name);
        if (!name)
                return -ENOMEM;

        r = notifier_audit(userdata, m, name, notifier_remove(n, error), "Remove", error);
        if (r < 0)
                return r;

        return sd_bus_reply_method_return(m, NULL);
}

static void test_on_answer(void *userdata, DeliveryResult result, const char *error)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *message = NULL;
        Notifier *n = userdata;

        message = TAKE_PTR(n->test_message);
        if (result == DELIVERY_TAKEN)
                (void) sd_bus_reply_method_return(message, NULL);
        else
                (void) sd_bus_reply_method_errorf(message, BUS_ERROR_NOT_DELIVERED,
                                                  "The notifier %s does not work: %s", n->record.name,
                                                  error);
        n->test = notify_call_free(n->test);
}

/* body: of the event that is sent; NULL: as notifier_request() says. Answers once that is known. */
static int notifier_try(Notifier *n, sd_bus_message *m, const char *body, const char *detail,
                        sd_bus_error *error)
{
        int r;

        if (n->test)
                return sd_bus_error_setf(error, BUS_ERROR_LIMIT_REACHED,
                                         "A test of the notifier %s runs already. Wait for its end.",
                                         n->record.name);
        if (!notifier_is_set_up(n))
                return sd_bus_error_setf(
                                error, BUS_ERROR_WRONG_STATE,
                                "The notifier %s has nowhere to send to: set %s first.", n->record.name,
                                n->record.kind == NOTIFIER_MAIL ? "smtp_host and smtp_to" : "webhook_url");
        r = outbox_ask(n, body, TEST_TIMEOUT, test_on_answer, &n->test);
        if (r < 0) {
                _cleanup_free_ char *why = outbox_why_not(r);

                return sd_bus_error_setf(error, BUS_ERROR_NOT_DELIVERED, NOT_WORKING, n->record.name,
                                         strempty(why));
        }

        n->test_message = sd_bus_message_ref(m);
        (void) notifier_audit(n->manager, m, n->record.name, 0, detail, error);
        return 1; /* test_on_answer() replies */
}

static int notifier_method_test(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        Notifier *n;
        int r;

        r = read_notifier(userdata, m, &n, error);
        if (r <= 0)
                return r < 0 ? r : 1; /* Will call us back */

        return notifier_try(n, m, NULL, "Test", error);
}

static int notifier_method_send_daily_report(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        _cleanup_json_ struct json_object *report = NULL;
        _cleanup_free_ char *body = NULL;
        const char *name;
        uint64_t since;
        Notifier *n;
        int r;

        r = sd_bus_message_read(m, "st", &name, &since);
        if (r >= 0)
                r = bus_read_flags(m, error);
        if (r >= 0)
                r = notifier_choose(userdata, m, name, &n, error);
        if (r <= 0)
                return r < 0 ? r : 1; /* Will call us back */

        r = daily_ask(userdata, since, &report, error);
        if (r >= 0)
                r = event_word_daily(report, "Somebody has asked for this report.", &body);

        return r < 0 ? r : notifier_try(n, m, body, "Daily report", error);
}

/* How many deliveries are so, and why the newest of them is. */
typedef struct DeliverySummary {
        uint64_t n;
        char *error;
} DeliverySummary;

static int summary_take_error(DeliveryRecord *d, void *userdata)
{
        DeliverySummary *s = userdata;

        s->error = TAKE_PTR(d->error);
        return 0;
}

static int delivery_summary(Notifier *n, DeliveryState state, DeliverySummary *ret)
{
        return store_delivery_list(
                        n->manager->store,
                        &(DeliveryFilter){ .notifier = n->record.name, .state = state, .limit = 1 },
                        summary_take_error, ret, &ret->n);
}

static int append_words(sd_bus_message *reply, const char *key, char *const *words)
{
        int r;

        if ((r = sd_bus_message_open_container(reply, 'e', "sv")) < 0 ||
            (r = sd_bus_message_append(reply, "s", key)) < 0 ||
            (r = sd_bus_message_open_container(reply, 'v', "as")) < 0 ||
            (r = sd_bus_message_append_strv(reply, (char **) words)) < 0 ||
            (r = sd_bus_message_close_container(reply)) < 0)
                return r;

        return sd_bus_message_close_container(reply);
}

/* Which events it takes: none of them are all. 0: mail that the settings send nothing of. */
static int append_events(sd_bus_message *reply, const Notifier *n)
{
        _cleanup_strv_free_ char **events = NULL;
        int r;

        if (!n->built_in || n->record.kind == NOTIFIER_WEBHOOK) {
                r = append_words(reply, "Events", n->events);
                return r < 0 ? r : 1;
        }
        for (EventKind k = 0; k < _EVENT_KIND_MAX; k++)
                if (notifier_mail_takes(&n->manager->settings, k) &&
                    strv_extend(&events, event_kind_to_string(k)) < 0)
                        return -ENOMEM;
        r = append_words(reply, "Events", events);

        return r < 0 ? r : events != NULL;
}

/* Where to: as far as it is shown. */
static int shown_target(const Notifier *n, char **ret)
{
        const Settings *s = &n->manager->settings;

        if (!n->built_in)
                *ret = strdup(n->record.target);
        else if (n->record.kind == NOTIFIER_MAIL)
                *ret = s->smtp_to ? strv_join(s->smtp_to, " ") : strdup("");
        else
                *ret = notifier_url_shown(s->webhook_url);

        return *ret ? 0 : -ENOMEM;
}

static int append_notifier(sd_bus_message *reply, Notifier *n)
{
        _cleanup_(notifier_secret_done) NotifierSecret secret = {};
        DeliverySummary pending = {}, dead = {};
        _cleanup_free_ char *target = NULL, *pending_error = NULL, *dead_error = NULL;
        int r;

        r = shown_target(n, &target);
        if (r >= 0)
                r = delivery_summary(n, DELIVERY_PENDING, &pending);
        pending_error = pending.error;
        if (r >= 0)
                r = delivery_summary(n, DELIVERY_DEAD, &dead);
        dead_error = dead.error;
        if (r < 0)
                return r;
        /* One that cannot be read was told already. */
        (void) notifier_read_secret(n, &secret);

        if ((r = sd_bus_message_open_container(reply, 'a', "{sv}")) < 0 ||
            (r = sd_bus_message_append(reply, "{sv}{sv}{sv}{sv}{sv}", "Name", "s", n->record.name, "Kind",
                                       "s", notifier_kind_to_string(n->record.kind), "BuiltIn", "b",
                                       (int) n->built_in, "Target", "s", target, "Severity", "s",
                                       severity_to_string(n->record.severity))) < 0 ||
            (r = append_words(reply, "Hosts", n->hosts)) < 0 || (r = append_events(reply, n)) < 0 ||
            (r = sd_bus_message_append(reply, "{sv}{sv}{sv}{sv}{sv}", "Enabled", "b",
                                       r > 0 && notifier_is_enabled(n), "HasSecret", "b",
                                       secret.secret != NULL, "Pending", "t", pending.n, "Dead", "t", dead.n,
                                       "Error", "s", pending_error ?: strempty(dead_error))) < 0)
                return r;

        return sd_bus_message_close_container(reply);
}

static int notifier_method_list(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        Manager *manager = userdata;
        Notifier *n;
        int r;

        r = authz_check(manager, m, "notifiers", NULL, error);
        if (r <= 0)
                return r < 0 ? r : 1; /* Will call us back */

        r = sd_bus_message_new_method_return(m, &reply);
        if (r >= 0)
                r = sd_bus_message_open_container(reply, 'a', "a{sv}");
        if (r < 0)
                return r;
        DL_FOREACH(manager->notifiers, n) {
                r = append_notifier(reply, n);
                if (r < 0)
                        return r;
        }
        r = sd_bus_message_close_container(reply);
        if (r < 0)
                return r;

        return sd_bus_send(NULL, reply, NULL);
}

static int notifier_method_retry(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        _cleanup_free_ char *detail = NULL;
        Manager *manager = userdata;
        const char *name;
        uint32_t count = 0;
        Notifier *n;
        int r;

        r = sd_bus_message_read(m, "s", &name);
        if (r >= 0)
                r = bus_read_flags(m, error);
        if (r >= 0 && *name)
                r = notifier_get(manager, name, &n, error);
        if (r < 0)
                return r;
        r = notifier_authorize(manager, m, name, error);
        if (r <= 0)
                return r < 0 ? r : 1; /* Will call us back */

        r = store_delivery_retry(manager->store, *name ? name : NULL, now_usec(CLOCK_REALTIME), &count);
        if (r < 0) {
                (void) manager_store_failed(manager, r);
                r = sd_bus_error_setf(error, BUS_ERROR_STORE, "That could not be recorded (%s).",
                                      strerror(-r));
        }
        detail = strf("Retry: %" PRIu32, count);
        r = notifier_audit(manager, m, *name ? name : "all", r, strempty(detail), error);
        if (r < 0)
                return r;

        /* Whoever asks for it does not want to wait until the target has rested. */
        DL_FOREACH(manager->notifiers, n)
                if (!*name || streq(n->record.name, name))
                        n->target.rest_usec = 0;
        outbox_kick(manager);
        return sd_bus_reply_method_return(m, "u", count);
}

#define SENSITIVE (SD_BUS_VTABLE_UNPRIVILEGED | SD_BUS_VTABLE_SENSITIVE)

const sd_bus_vtable notifier_vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD_WITH_ARGS("List", SD_BUS_NO_ARGS, SD_BUS_RESULT("aa{sv}", notifiers),
                                notifier_method_list, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Add", SD_BUS_ARGS("s", name, "s", kind, "a{sv}", options), SD_BUS_NO_RESULT,
                                notifier_method_add, SENSITIVE),
        SD_BUS_METHOD_WITH_ARGS("Configure", SD_BUS_ARGS("s", name, "a{sv}", options), SD_BUS_NO_RESULT,
                                notifier_method_configure, SENSITIVE),
        SD_BUS_METHOD_WITH_ARGS("Remove", SD_BUS_ARGS("s", name, "t", flags), SD_BUS_NO_RESULT,
                                notifier_method_remove, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Test", SD_BUS_ARGS("s", name, "t", flags), SD_BUS_NO_RESULT,
                                notifier_method_test, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("SendDailyReport", SD_BUS_ARGS("s", name, "t", since_usec, "t", flags),
                                SD_BUS_NO_RESULT, notifier_method_send_daily_report,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("ListDeliveries", SD_BUS_ARGS("a{sv}", filter),
                                SD_BUS_RESULT("aa{sv}", deliveries, "t", total),
                                notifier_method_list_deliveries, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Retry", SD_BUS_ARGS("s", name, "t", flags), SD_BUS_RESULT("u", count),
                                notifier_method_retry, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_VTABLE_END,
};

int notifier_bus_register(Manager *m)
{
        return sd_bus_add_object_vtable(m->bus, NULL, BUS_PATH_NOTIFIERS, BUS_INTERFACE_NOTIFIERS,
                                        notifier_vtable, m);
}
