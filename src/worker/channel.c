/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "basic/fd-util.h"
#include "basic/log.h"
#include "basic/string-util.h"
#include "shared/worker-proto.h"
#include "worker/channel.h"

/* Phases and the report are never dropped; a run has some dozens of them, unless its host makes them up. */
#define RING_HARD_MAX (16U * STAGE_RING_MAX)

typedef struct Message {
        uint64_t seq; /* 0: never sent */
        struct json_object *o;
        const char *type; /* static */
        bool sent;        /* on the present connection */
} Message;

struct Channel {
        sd_event *event;
        sd_event_source *listen_source, *peer_source, *alive_timer;
        int listen_fd, peer_fd;
        char *run;
        uint32_t attempt;
        bool *cancel;       /* weak */
        PauseWish *pause;   /* weak */
        uint64_t *siblings; /* weak */
        bool hello;         /* the peer has said where it stands */
        uint64_t last_seq;
        Message *ring;
        size_t n_ring, allocated;
};

static void ring_remove(Channel *c, size_t i)
{
        json_object_put(c->ring[i].o);
        memmove(c->ring + i, c->ring + i + 1, (c->n_ring - i - 1) * sizeof(Message));
        c->n_ring--;
}

static void channel_disconnect(Channel *c)
{
        c->peer_source = sd_event_source_disable_unref(c->peer_source);
        c->peer_fd = safe_close(c->peer_fd);
        c->hello = false;
        for (size_t i = 0; i < c->n_ring; i++)
                c->ring[i].sent = false;
}

Channel *channel_free(Channel *c)
{
        if (!c)
                return NULL;

        channel_disconnect(c);
        c->alive_timer = sd_event_source_disable_unref(c->alive_timer);
        c->listen_source = sd_event_source_disable_unref(c->listen_source);
        c->listen_fd = safe_close(c->listen_fd);
        while (c->n_ring > 0)
                ring_remove(c, c->n_ring - 1);
        free(c->ring);
        free(c->run);
        sd_event_unref(c->event);
        free(c);

        return NULL;
}

static int message_number(Channel *c, Message *m)
{
        if (m->seq > 0)
                return 0;
        if (json_put_u64(m->o, "seq", c->last_seq + 1) < 0)
                return -ENOMEM;

        m->seq = ++c->last_seq;
        return 0;
}

/* As much as the socket takes; the rest goes when it says EPOLLOUT. */
static void channel_flush(Channel *c)
{
        bool wait = false;

        if (c->peer_fd < 0 || !c->hello)
                return;

        for (size_t i = 0; i < c->n_ring && !wait; i++) {
                Message *m = c->ring + i;
                const char *text;
                size_t size;

                if (m->sent)
                        continue;
                if (message_number(c, m) < 0) {
                        (void) log_oom();
                        return;
                }

                text = json_object_to_json_string_length(m->o, JSON_C_TO_STRING_PLAIN, &size);
                if (send(c->peer_fd, text, size, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
                        m->sent = true;
                else if (errno == EAGAIN)
                        wait = true;
                else {
                        (void) log_debug_errno(errno, "Lost burnind while sending: %m");
                        channel_disconnect(c);
                        return;
                }
        }

        (void) sd_event_source_set_io_events(c->peer_source, EPOLLIN | (wait ? EPOLLOUT : 0));
}

static void channel_ack(Channel *c, uint64_t seq)
{
        while (c->n_ring > 0 && c->ring[0].seq > 0 && c->ring[0].seq <= seq)
                ring_remove(c, 0);
}

/* What is no wish changes nothing. The words come back with every look at the host: they must be clean, and no longer than it takes. */
static void channel_take_pause(Channel *c, struct json_object *o)
{
        struct json_object *wish = NULL;
        const char *by = NULL, *reason = NULL;
        _cleanup_free_ char *raw = NULL;
        bool paused;
        char *words;

        paused = json_get(o, "pause", json_type_object, &wish) > 0;
        if (!paused && json_get(o, "resume", json_type_object, &wish) <= 0)
                return;
        if (json_get_string(wish, "by", &by) <= 0 || isempty(by) ||
            json_get_string(wish, "reason", &reason) < 0)
                return;

        raw = strf("%s%s%s", by, isempty(reason) ? "" : ": ", strempty(reason));
        words = raw ? str_clean(raw, strlen(raw), PAUSE_WORDS_MAX, false) : NULL;
        if (!words) {
                (void) log_oom();
                return;
        }
        free(c->pause->words);
        *c->pause = (PauseWish){ .said = true, .paused = paused, .words = words };
}

static void channel_dispatch(Channel *c, struct json_object *o)
{
        uint64_t seq, speed;
        bool cancel = false;

        if (json_get_u64(o, "hello", &seq) > 0) {
                c->hello = true;
                channel_ack(c, seq);
        }
        if (json_get_u64(o, "ack", &seq) > 0)
                channel_ack(c, seq);
        if (json_get_bool(o, "cancel", &cancel) > 0 && cancel)
                *c->cancel = true;
        if (json_get_u64(o, "siblings", &speed) > 0)
                *c->siblings = speed;
        channel_take_pause(c, o);
}

static int on_peer(sd_event_source *s, int fd, uint32_t revents, void *userdata)
{
        static char buf[STAGE_MESSAGE_MAX + 1];
        Channel *c = userdata;

        if (revents & (EPOLLIN | EPOLLHUP | EPOLLERR)) {
                _cleanup_json_ struct json_object *o = NULL;
                ssize_t n;

                n = recv(fd, buf, sizeof(buf), MSG_DONTWAIT);
                if (n < 0 && (errno == EAGAIN || errno == EINTR))
                        return 0;
                /* What a socket of ours does not understand is not burnind: it may connect again. */
                if (n <= 0 || (size_t) n > STAGE_MESSAGE_MAX || json_parse(buf, (size_t) n, &o) < 0) {
                        channel_disconnect(c);
                        return 0;
                }
                channel_dispatch(c, o);
        }

        channel_flush(c);
        return 0;
}

static int on_listen(sd_event_source *s, int fd, uint32_t revents, void *userdata)
{
        _cleanup_close_ int peer = -EBADF;
        Channel *c = userdata;
        socklen_t size = sizeof(struct ucred);
        struct ucred ucred;
        int r;

        peer = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (peer < 0)
                return 0;
        if (getsockopt(peer, SOL_SOCKET, SO_PEERCRED, &ucred, &size) < 0 || ucred.uid != 0) {
                log_warning("Refused a connection that is not root's.");
                return 0;
        }

        /* The newest wins: the older one is of a burnind that is gone, and may not know it yet. */
        channel_disconnect(c);
        r = sd_event_add_io(c->event, &c->peer_source, peer, EPOLLIN, on_peer, c);
        if (r < 0) {
                (void) log_error_errno(r, "Failed to watch burnind's connection: %m");
                return 0;
        }
        c->peer_fd = TAKE_FD(peer);
        return 0;
}

static int on_alive_timer(sd_event_source *s, uint64_t usec, void *userdata)
{
        _cleanup_json_ struct json_object *o = json_object_new_object();
        Channel *c = userdata;
        const char *text;
        size_t size;
        int r;

        r = sd_event_source_set_time_relative(s, ALIVE_USEC);
        if (r >= 0)
                r = sd_event_source_set_enabled(s, SD_EVENT_ONESHOT);
        if (r < 0)
                return r;

        if (c->peer_fd < 0 || !c->hello)
                return 0;
        if (!o || json_put_string(o, "run", c->run) < 0 || json_put_u64(o, "attempt", c->attempt) < 0 ||
            json_put_string(o, "type", "alive") < 0 || json_put_u64(o, "seq", 0) < 0) {
                (void) log_oom();
                return 0;
        }

        /* Where the socket is full there is enough to hear. */
        text = json_object_to_json_string_length(o, JSON_C_TO_STRING_PLAIN, &size);
        (void) send(c->peer_fd, text, size, MSG_DONTWAIT | MSG_NOSIGNAL);
        return 0;
}

int channel_new(sd_event *event, int listen_fd, const char *run, uint32_t attempt, bool *cancel,
                PauseWish *pause, uint64_t *siblings, Channel **ret)
{
        _cleanup_(channel_freep) Channel *c = NULL;
        int flags, r;

        c = new0(Channel, 1);
        if (!c)
                return -ENOMEM;
        *c = (Channel){
                .event = sd_event_ref(event),
                .listen_fd = -EBADF,
                .peer_fd = -EBADF,
                .attempt = attempt,
                .cancel = cancel,
                .pause = pause,
                .siblings = siblings,
                .run = strdup(run),
        };
        if (!c->run)
                return -ENOMEM;

        flags = fcntl(listen_fd, F_GETFL);
        if (flags < 0 || fcntl(listen_fd, F_SETFL, flags | O_NONBLOCK) < 0)
                return -errno;
        r = sd_event_add_io(event, &c->listen_source, listen_fd, EPOLLIN, on_listen, c);
        if (r < 0)
                return r;
        r = sd_event_add_time_relative(event, &c->alive_timer, CLOCK_MONOTONIC, ALIVE_USEC, 0,
                                       on_alive_timer, c);
        if (r < 0)
                return r;

        c->listen_fd = listen_fd;
        *ret = TAKE_PTR(c);
        return 0;
}

static bool type_is(const Message *m, const char *type)
{
        return streq(m->type, type);
}

/* Progress that nobody has seen yet is worth nothing once there is newer. */
static void ring_drop_unsent_progress(Channel *c)
{
        for (size_t i = c->n_ring; i > 0; i--)
                if (c->ring[i - 1].seq == 0 && type_is(c->ring + i - 1, "progress"))
                        ring_remove(c, i - 1);
}

static int ring_make_room(Channel *c)
{
        static const char *const droppable[] = { "progress", "contact", "stall", "retry" };

        for (size_t t = 0; t < ELEMENTSOF(droppable) && c->n_ring >= STAGE_RING_MAX; t++)
                for (size_t i = 0; i < c->n_ring && c->n_ring >= STAGE_RING_MAX;)
                        if (type_is(c->ring + i, droppable[t]))
                                ring_remove(c, i);
                        else
                                i++;
        if (c->n_ring >= RING_HARD_MAX)
                return -ENOBUFS;

        if (c->n_ring == c->allocated) {
                size_t n = MAX((size_t) 16, c->allocated * 2);
                Message *p = reallocarray(c->ring, n, sizeof(Message));

                if (!p)
                        return -ENOMEM;
                c->ring = p;
                c->allocated = n;
        }

        return 0;
}

static const char *type_intern(const char *type)
{
        static const char *const types[] = { "progress", "phase", "contact",  "stall",
                                             "paused",   "retry", "rebooted", "report" };

        for (size_t i = 0; i < ELEMENTSOF(types); i++)
                if (streq(types[i], type))
                        return types[i];

        return NULL;
}

int channel_send(Channel *c, const char *type, struct json_object *o)
{
        _cleanup_json_ struct json_object *owned = o;
        Message m = { .type = type_intern(type) };
        int r;

        if (!o || !m.type)
                return -EINVAL;
        if (json_put_string(o, "run", c->run) < 0 || json_put_u64(o, "attempt", c->attempt) < 0 ||
            json_put_string(o, "type", type) < 0)
                return -ENOMEM;

        if (type_is(&m, "progress"))
                ring_drop_unsent_progress(c);
        r = ring_make_room(c);
        if (r < 0)
                return r;

        m.o = TAKE_PTR(owned);
        c->ring[c->n_ring++] = m;
        channel_flush(c);
        return 0;
}

bool channel_is_drained(const Channel *c)
{
        return c->n_ring == 0;
}
