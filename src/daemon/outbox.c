/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <systemd/sd-id128.h>
#include <unistd.h>

#include "basic/fd-util.h"
#include "basic/log.h"
#include "basic/string-util.h"
#include "basic/time-util.h"
#include "daemon/notifier.h"
#include "daemon/outbox.h"

/* Of what was sent long ago so much goes with each delivery, so that it never takes long. */
#define TRIM_MAX  100U
#define RETRY_SEC 60U /* where the store could not be read */

/* One delivery that burnin-notify has. */
typedef struct Sending {
        Outbox *outbox; /* weak */
        NotifierId id;
        DeliveryRecord delivery;
        int fd;
        sd_event_source *io_source, *timer;
} Sending;

struct Outbox {
        Manager *manager; /* weak */
        Target targets[_NOTIFIER_ID_MAX];
        Sending *sendings[_NOTIFIER_ID_MAX]; /* NULL: it has none now */
        sd_event_source *source, *timer;
        const char *socket; /* path; borrowed */
        char *site;
};

static Sending *sending_free(Sending *s)
{
        if (!s)
                return NULL;

        sd_event_source_disable_unref(s->io_source);
        sd_event_source_disable_unref(s->timer);
        safe_close(s->fd);
        delivery_record_done(&s->delivery);
        free(s);
        return NULL;
}
DEFINE_TRIVIAL_CLEANUP_FUNC(Sending *, sending_free);

static uint64_t draw(void)
{
        sd_id128_t random = SD_ID128_NULL;

        (void) sd_id128_randomize(&random);
        return random.qwords[0];
}

/* Writes down what became of it, and frees it. What cannot be written down is sent again. */
static void sending_finish(Sending *sending, DeliveryResult result, const char *error)
{
        _cleanup_(sending_freep) Sending *s = sending;
        uint64_t now = now_usec(CLOCK_REALTIME), random = draw();
        Outbox *o = s->outbox;
        Manager *m = o->manager;
        DeliveryRecord *d = &s->delivery;
        int r;

        o->sendings[s->id] = NULL;
        target_attempted(&o->targets[s->id], result, now, random);
        r = delivery_attempted(d, result, error, now, random);
        if (r >= 0)
                r = store_delivery_put(m->store, d);
        if (r >= 0)
                r = store_event_trim(m->store, now - OUTBOX_KEEP, TRIM_MAX, NULL);
        if (r < 0 && r != -ENOENT) {
                target_attempted(&o->targets[s->id], DELIVERY_FAILED, now, random);
                (void) manager_store_failed(m, r);
        }
        if (d->state == DELIVERY_DEAD)
                log_warning("A notification (%s, event %s) was given up after %" PRIu32 " attempts: %s",
                            d->notifier, d->event, d->attempts, strempty(d->error));
        else if (d->state == DELIVERY_PENDING && d->attempts == 1)
                log_notice("A notification (%s, event %s) was not delivered, and is tried again: %s",
                           d->notifier, d->event, strempty(d->error));

        outbox_kick(m);
}

static int sending_on_io(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
        _cleanup_(notify_answer_done) NotifyAnswer answer = {};
        _cleanup_json_ struct json_object *o = NULL;
        char packet[NOTIFY_ERROR_MAX * 6 + 100]; /* as JSON escapes it at worst */
        Sending *s = userdata;
        ssize_t n;
        int r;

        n = recv(fd, packet, sizeof(packet), MSG_DONTWAIT);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return 0;
        r = n < 0 ? -errno : n == 0 ? -ECONNRESET : json_parse_as(packet, (size_t) n, json_type_object, &o);
        if (r >= 0)
                r = notify_answer_from_json(o, &answer);
        if (r < 0)
                sending_finish(s, DELIVERY_FAILED, "burnin-notify gave no answer");
        else
                sending_finish(s, answer.result, answer.error);

        return 0;
}

static int sending_on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
        sending_finish(userdata, DELIVERY_FAILED, "burnin-notify gave no answer in time");
        return 0;
}

static int ask(const char *path, const NotifyRequest *request)
{
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        _cleanup_json_ struct json_object *o = NULL;
        _cleanup_close_ int fd = -EBADF;
        const char *text;
        int r;

        r = notify_request_to_json(request, &o);
        if (r < 0)
                return r;
        text = json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN);
        if (strlen(text) > NOTIFY_PACKET_MAX || strlen(path) >= sizeof(address.sun_path))
                return -EMSGSIZE;
        (void) snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
        fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0 || connect(fd, (const struct sockaddr *) &address, sizeof(address)) < 0 ||
            send(fd, text, strlen(text), MSG_NOSIGNAL) < 0)
                return -errno;

        return TAKE_FD(fd);
}

static int sending_ask(Sending *s)
{
        _cleanup_(notify_request_done) NotifyRequest request = {};
        Manager *m = s->outbox->manager;
        EventRecord event = {};
        int r;

        r = store_event_get(m->store, s->delivery.event, &event);
        if (r <= 0)
                return r < 0 ? r : -ENOENT;
        r = notifier_request(&m->settings, s->id, s->outbox->site, event.body, &request);
        event_record_done(&event);
        if (r < 0)
                return r;
        r = ask(s->outbox->socket, &request);
        if (r < 0)
                return r;

        s->fd = r;
        r = sd_event_add_io(m->event, &s->io_source, s->fd, EPOLLIN, sending_on_io, s);
        return r < 0 ? r
                     : sd_event_add_time_relative(m->event, &s->timer, CLOCK_BOOTTIME, OUTBOX_TIMEOUT, 0,
                                                  sending_on_timer, s);
}

/* The delivery that this target's turn is for. */
static void outbox_send(Outbox *o, NotifierId id)
{
        Sending *s = new0(Sending, 1);
        int r;

        if (!s) {
                (void) log_oom();
                target_attempted(&o->targets[id], DELIVERY_FAILED, now_usec(CLOCK_REALTIME), draw());
                return;
        }
        s->outbox = o;
        s->id = id;
        s->fd = -EBADF;
        r = store_delivery_next(o->manager->store, notifier_id_to_string(id), &s->delivery);
        if (r <= 0) {
                o->targets[id].next_usec = 0;
                sending_free(s);
                return;
        }

        o->targets[id].busy = true;
        o->sendings[id] = s;
        r = sending_ask(s);
        if (r < 0) {
                _cleanup_free_ char *why = strf("burnin-notify cannot be asked: %s", strerror(-r));

                sending_finish(s, DELIVERY_FAILED, strempty(why));
        }
}

/* When each target's next one is due. */
static int outbox_look(Outbox *o)
{
        for (NotifierId id = 0; id < _NOTIFIER_ID_MAX; id++) {
                DeliveryRecord d = {};
                int r;

                o->targets[id].next_usec = 0;
                if (!notifier_is_enabled(&o->manager->settings, id))
                        continue;
                r = store_delivery_next(o->manager->store, notifier_id_to_string(id), &d);
                if (r < 0)
                        return r;
                if (r > 0)
                        o->targets[id].next_usec = d.next_usec;
                delivery_record_done(&d);
        }

        return 0;
}

static int outbox_on_defer(sd_event_source *source, void *userdata)
{
        uint64_t wake = USEC_INFINITY, now = now_usec(CLOCK_REALTIME);
        Outbox *o = userdata;
        int r;

        r = outbox_look(o);
        if (r < 0) {
                (void) log_warning_errno(r, "Failed to read what waits to be sent: %m");
                wake = now + RETRY_SEC * USEC_PER_SEC;
        } else {
                r = targets_choose(o->targets, ELEMENTSOF(o->targets), now, &wake);
                if (r >= 0) {
                        outbox_send(o, (NotifierId) r);
                        outbox_kick(o->manager);
                        return 0;
                }
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

/* What this machine is called, where it is told to others. */
static char *site_name(void)
{
        char name[256] = "";

        if (gethostname(name, sizeof(name) - 1) < 0 || !smtp_host_is_valid(name) || strchr(name, ':'))
                return strdup("localhost");

        return strdup(name);
}

int outbox_new(Manager *m, const char *socket)
{
        _cleanup_(outbox_freep) Outbox *o = new0(Outbox, 1);
        int r;

        if (!o)
                return -ENOMEM;
        o->manager = m;
        o->socket = socket;
        o->site = site_name();
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

        for (NotifierId id = 0; id < _NOTIFIER_ID_MAX; id++)
                sending_free(o->sendings[id]);
        sd_event_source_disable_unref(o->source);
        sd_event_source_disable_unref(o->timer);
        free(o->site);
        free(o);
        return NULL;
}
