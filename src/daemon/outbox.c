/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <systemd/sd-id128.h>
#include <utlist.h>

#include "basic/log.h"
#include "basic/string-util.h"
#include "basic/time-util.h"
#include "daemon/notifier.h"
#include "daemon/outbox.h"
#include "shared/names.h"

/* Of what was sent long ago so much goes with each delivery, so that it never takes long. */
#define TRIM_MAX  100U
#define RETRY_SEC 60U /* where the store could not be read */

struct Outbox {
        Manager *manager; /* weak */
        sd_event_source *source, *timer;
        const char *socket; /* path; borrowed */
        char *site;
};

static uint64_t draw(void)
{
        sd_id128_t random = SD_ID128_NULL;

        (void) sd_id128_randomize(&random);
        return random.qwords[0];
}

/* Writes down what became of what it had. What cannot be written down is sent again. */
static void outbox_finish(Notifier *n, DeliveryResult result, const char *error)
{
        uint64_t now = now_usec(CLOCK_REALTIME), random = draw();
        DeliveryRecord *d = &n->delivery;
        Manager *m = n->manager;
        int r;

        target_attempted(&n->target, result, now, random);
        r = delivery_attempted(d, result, error, now, random);
        if (r >= 0)
                r = store_delivery_put(m->store, d);
        if (r >= 0)
                r = store_event_trim(m->store, now - OUTBOX_KEEP, TRIM_MAX, NULL);
        if (r < 0 && r != -ENOENT) {
                target_attempted(&n->target, DELIVERY_FAILED, now, random);
                (void) manager_store_failed(m, r);
        }
        if (d->state == DELIVERY_DEAD)
                log_warning("A notification (%s, event %s) was given up after %" PRIu32 " attempts: %s",
                            d->notifier, d->event, d->attempts, strempty(d->error));
        else if (d->state == DELIVERY_PENDING && d->attempts == 1)
                log_notice("A notification (%s, event %s) was not delivered, and is tried again: %s",
                           d->notifier, d->event, strempty(d->error));
        delivery_record_done(d);
        n->call = notify_call_free(n->call);

        outbox_kick(m);
}

static void outbox_on_answer(void *userdata, DeliveryResult result, const char *error)
{
        outbox_finish(userdata, result, error);
}

int outbox_ask(Notifier *n, const char *body, uint64_t timeout_usec, NotifyCallback callback,
               NotifyCall **ret)
{
        _cleanup_(notify_request_done) NotifyRequest request = {};
        Outbox *o = n->manager->outbox;
        int r;

        r = notifier_request(n, o->site, body, &request);
        return r < 0 ? r
                     : notify_call_new(n->manager->event, o->socket, &request, timeout_usec, callback, n,
                                       ret);
}

char *outbox_why_not(int r)
{
        return r == -ENOKEY ? strdup("its URL is gone; set it again")
                            : strf("burnin-notify cannot be asked (%s); see: systemctl status burnin-notify.socket",
                                   strerror(-r));
}

static int ask_event(Notifier *n)
{
        EventRecord event = {};
        int r;

        r = store_event_get(n->manager->store, n->delivery.event, &event);
        if (r <= 0)
                return r < 0 ? r : -ENOENT;
        r = outbox_ask(n, event.body, OUTBOX_TIMEOUT, outbox_on_answer, &n->call);
        event_record_done(&event);

        return r;
}

/* The delivery that this target's turn is for. */
static void outbox_send(Notifier *n)
{
        int r;

        r = store_delivery_next(n->manager->store, n->record.name, &n->delivery);
        if (r <= 0) {
                n->target.next_usec = 0;
                return;
        }

        n->target.busy = true;
        r = ask_event(n);
        if (r < 0) {
                _cleanup_free_ char *why = outbox_why_not(r);

                outbox_finish(n, DELIVERY_FAILED, strempty(why));
        }
}

/* When its next one is due. */
static int outbox_look(Notifier *n)
{
        DeliveryRecord d = {};
        int r;

        n->target.next_usec = 0;
        if (n->target.busy || !notifier_is_enabled(n))
                return 0;
        r = store_delivery_next(n->manager->store, n->record.name, &d);
        if (r > 0)
                n->target.next_usec = d.next_usec;
        delivery_record_done(&d);

        return r < 0 ? r : 0;
}

/* The notifier whose turn it is. NULL: none; ret_wake_usec is as of targets_choose(). */
static int outbox_choose(Outbox *o, uint64_t now, Notifier **ret, uint64_t *ret_wake_usec)
{
        Notifier *all[NOTIFIERS_MAX + NOTIFIERS_BUILT_IN], *n;
        Target targets[ELEMENTSOF(all)];
        size_t k = 0;
        int r;

        DL_FOREACH(o->manager->notifiers, n) {
                r = outbox_look(n);
                if (r < 0)
                        return r;
                assert(k < ELEMENTSOF(all));
                all[k] = n;
                targets[k++] = n->target;
        }
        r = targets_choose(targets, k, now, ret_wake_usec);
        *ret = r < 0 ? NULL : all[r];
        return 0;
}

static int outbox_on_defer(sd_event_source *source, void *userdata)
{
        uint64_t wake = USEC_INFINITY, now = now_usec(CLOCK_REALTIME);
        Outbox *o = userdata;
        Notifier *n = NULL;
        int r;

        r = outbox_choose(o, now, &n, &wake);
        if (r < 0) {
                (void) log_warning_errno(r, "Failed to read what waits to be sent: %m");
                wake = now + RETRY_SEC * USEC_PER_SEC;
        }
        if (n) {
                outbox_send(n);
                outbox_kick(o->manager);
                return 0;
        }

        (void) sd_event_source_set_enabled(o->timer, SD_EVENT_OFF);
        if (wake != USEC_INFINITY) {
                (void) sd_event_source_set_time_relative(o->timer, wake - MIN(wake, now));
                (void) sd_event_source_set_enabled(o->timer, SD_EVENT_ONESHOT);
        }
        return 0;
}

static int outbox_on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
        outbox_kick(((Outbox *) userdata)->manager);
        return 0;
}

void outbox_kick(Manager *m)
{
        if (m->outbox)
                (void) sd_event_source_set_enabled(m->outbox->source, SD_EVENT_ONESHOT);
}

int outbox_new(Manager *m, const char *socket)
{
        _cleanup_(outbox_freep) Outbox *o = new0(Outbox, 1);
        int r;

        if (!o)
                return -ENOMEM;
        o->manager = m;
        o->socket = socket;
        o->site = notify_site();
        if (!o->site)
                return -ENOMEM;
        r = sd_event_add_defer(m->event, &o->source, outbox_on_defer, o);
        if (r >= 0)
                r = sd_event_add_time(m->event, &o->timer, CLOCK_BOOTTIME, 0, USEC_PER_SEC, outbox_on_timer,
                                      o);
        if (r >= 0)
                r = sd_event_source_set_enabled(o->timer, SD_EVENT_OFF);
        if (r < 0)
                return r;

        m->outbox = TAKE_PTR(o);
        return 0;
}

Outbox *outbox_free(Outbox *o)
{
        if (!o)
                return NULL;

        sd_event_source_disable_unref(o->source);
        sd_event_source_disable_unref(o->timer);
        free(o->site);
        free(o);
        return NULL;
}
