/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "basic/fd-util.h"
#include "basic/string-util.h"
#include "basic/time-util.h"
#include "common/web-token.h"
#include "events/scgi.h"
#include "events/stream.h"

#define STREAM_PIECE  (64U * 1024U)
#define REQUEST_USEC  (10 * USEC_PER_SEC)
#define PING_USEC     (15 * USEC_PER_SEC)
#define STUCK_USEC    (60 * USEC_PER_SEC)
#define ACCURACY_USEC (100 * USEC_PER_MSEC)

/* no-transform, and nginx's own header: what stands between must not hold events back. */
#define ANSWER                                                                                              \
        "Status: 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-store, no-transform\r\n"    \
        "X-Accel-Buffering: no\r\nX-Content-Type-Options: nosniff\r\n\r\nretry: 1000\n\n"

struct Stream {
        sd_event_source *source, *timer;
        const Mirror *mirror;
        const StreamHandler *handler;
        void *userdata;
        int fd;

        char *request; /* as it comes in */
        size_t request_size;
        char *token, *address, *forwarded, *last_event_id;

        bool asked, open, ending;
        MirrorReader reader;
        bool whole; /* the reader was told that it has everything */
        char *output;
        size_t output_size, sent;
        uint64_t moved_usec; /* when bytes last went out, or the wait for the request began */
};

Stream *stream_free(Stream *s)
{
        if (!s)
                return NULL;
        sd_event_source_disable_unref(s->source);
        sd_event_source_disable_unref(s->timer);
        (void) safe_close(s->fd);
        free(s->request);
        erase_and_freep(&s->token);
        free(s->address);
        free(s->forwarded);
        free(s->last_event_id);
        free(s->output);
        free(s);
        return NULL;
}

bool stream_is_open(const Stream *s)
{
        return s->open && !s->ending;
}

const char *stream_token(const Stream *s)
{
        return s->token;
}

const char *stream_address(const Stream *s)
{
        return s->address;
}

const char *stream_forwarded(const Stream *s)
{
        return s->forwarded;
}

static void stream_gone(Stream *s)
{
        s->handler->gone(s, s->userdata);
}

/* Takes text over. */
static void output_set(Stream *s, char *text, size_t size)
{
        free(s->output);
        s->output = text;
        s->output_size = size;
        s->sent = 0;
}

static int output_print(Stream *s, const char *text)
{
        char *copy = strdup(text);

        if (!copy)
                return -ENOMEM;
        output_set(s, copy, strlen(copy));
        return 0;
}

/* 1: there is something to send. */
static int output_fill(Stream *s)
{
        char *text;
        size_t size;
        int r;

        if (!s->open || s->ending)
                return 0;
        if (!mirror_reader_is_valid(s->mirror, &s->reader)) {
                s->reader = mirror_reader_new(s->mirror);
                s->whole = false;
                return output_print(s, "event: reset\ndata: {}\n\n") < 0 ? -ENOMEM : 1;
        }
        r = mirror_read(s->mirror, &s->reader, STREAM_PIECE, &text, &size);
        if (r < 0)
                return r;
        if (r > 0) {
                output_set(s, text, size);
                return 1;
        }
        if (s->whole)
                return 0;
        s->whole = true;
        return output_print(s, "event: ready\ndata: {}\n\n") < 0 ? -ENOMEM : 1;
}

/* 0: it waits until the socket takes more. 1: all is sent. */
static int output_send(Stream *s)
{
        while (s->sent < s->output_size) {
                ssize_t n = send(s->fd, s->output + s->sent, s->output_size - s->sent, MSG_NOSIGNAL);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return errno == EAGAIN ? 0 : -errno;
                s->sent += (size_t) n;
                s->moved_usec = now_usec(CLOCK_MONOTONIC);
        }

        output_set(s, NULL, 0);
        return 1;
}

/* May free the stream. */
static void stream_push(Stream *s)
{
        int r;

        do
                r = output_send(s);
        while (r > 0 && (r = output_fill(s)) > 0);

        if (r == 0 && s->output_size == 0 && s->ending)
                r = -ESHUTDOWN;
        if (r < 0) {
                stream_gone(s);
                return;
        }
        (void) sd_event_source_set_io_events(s->source, EPOLLIN | (s->output_size > 0 ? EPOLLOUT : 0));
}

void stream_wake(Stream *s)
{
        if (s->open && s->output_size == 0)
                stream_push(s);
}

void stream_open(Stream *s)
{
        if (!s->last_event_id || !mirror_reader_resume(s->mirror, s->last_event_id, &s->reader)) {
                s->reader = mirror_reader_new(s->mirror);
                s->whole = false;
        } else
                s->whole = true;
        s->open = true;
        if (output_print(s, s->whole ? ANSWER : ANSWER "event: reset\ndata: {}\n\n") < 0)
                stream_gone(s);
        else
                stream_push(s);
}

void stream_refuse(Stream *s, const char *status, const char *code, const char *message)
{
        _cleanup_json_ struct json_object *o = json_object_new_object(), *error = json_object_new_object();
        char *text = NULL;

        s->ending = true;
        if (o && error && json_put_string(error, "code", code) >= 0 &&
            json_put_string(error, "message", message) >= 0 && json_put(o, "error", TAKE_PTR(error)) >= 0)
                text = strf("Status: %s\r\nContent-Type: application/json\r\nCache-Control: no-store\r\n\r\n%s\n",
                            status, json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN));
        if (!text) {
                stream_gone(s);
                return;
        }
        output_set(s, text, strlen(text));
        stream_push(s);
}

void stream_end(Stream *s)
{
        static const char last[] = "event: session-ended\ndata: {}\n\n";

        s->ending = true;
        /* In the middle of another event there is no place for one; the browser asks again and is told then. */
        if (s->output_size == 0 && output_print(s, last) < 0)
                stream_gone(s);
        else
                stream_push(s);
}

static void request_take(Stream *s, const ScgiRequest *q)
{
        bool by_header;

        if (!streq(q->method, "GET")) {
                stream_refuse(s, "405 Method Not Allowed\r\nAllow: GET", "MethodNotAllowed",
                              "Events are got by GET.");
                return;
        }
        if (!streq(q->path, "/sse/drives") && !streq(q->path, "/api/v1/events")) {
                stream_refuse(s, "404 Not Found", "NotFound", "There are no events of that name.");
                return;
        }
        if (web_token_find(q->cookie, q->authorization, &s->token, &by_header) < 0 ||
            (q->address && free_and_strdup(&s->address, q->address) < 0) ||
            (q->forwarded && free_and_strdup(&s->forwarded, q->forwarded) < 0) ||
            (q->last_event_id && free_and_strdup(&s->last_event_id, q->last_event_id) < 0)) {
                stream_gone(s);
                return;
        }
        free(s->request);
        s->request = NULL;
        s->handler->request(s, s->token, s->userdata);
}

static void request_read(Stream *s)
{
        ScgiRequest q;
        ssize_t n;
        int r;

        n = recv(s->fd, s->request + s->request_size, SCGI_REQUEST_MAX - s->request_size, 0);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return;
        if (n <= 0) {
                stream_gone(s);
                return;
        }
        s->request_size += (size_t) n;

        r = scgi_parse(s->request, s->request_size, &q);
        if (r == 0 && s->request_size < SCGI_REQUEST_MAX)
                return;
        s->asked = true;
        if (r > 0)
                request_take(s, &q);
        else
                stream_refuse(s, "400 Bad Request", "BadRequest",
                              "That is no request, or its headers are too long.");
}

static int stream_on_io(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
        Stream *s = userdata;
        char rest[256];
        ssize_t n;

        if (revents & EPOLLOUT) {
                stream_push(s);
                return 0;
        }
        if (!s->asked) {
                request_read(s);
                return 0;
        }
        /* Nothing more is to come but the end. */
        n = recv(s->fd, rest, sizeof(rest), 0);
        if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
                stream_gone(s);
        return 0;
}

static int stream_on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
        uint64_t now = now_usec(CLOCK_MONOTONIC), limit, wait;
        Stream *s = userdata;
        bool quiet, later;

        limit = !s->open && !s->asked ? REQUEST_USEC : STUCK_USEC;
        if ((s->output_size > 0 || !s->open) && now - s->moved_usec >= limit) {
                (void) sd_event_source_set_time_relative(source, PING_USEC);
                if (s->asked && !s->open && !s->ending)
                        stream_refuse(s, "503 Service Unavailable", "DaemonDown",
                                      "burnind has not told yet what there is.");
                else
                        stream_gone(s);
                return 0;
        }
        quiet = s->open && s->output_size == 0;
        later = quiet && s->moved_usec + PING_USEC > now + 2 * ACCURACY_USEC;
        /* From its last byte on, not from when this was last looked at. */
        wait = later ? s->moved_usec + PING_USEC - now : s->asked ? PING_USEC : REQUEST_USEC;
        (void) sd_event_source_set_time_relative(source, wait);
        /* It also is what shows that a browser is gone. */
        if (quiet && !later) {
                if (output_print(s, "event: ping\ndata: {}\n\n") < 0)
                        stream_gone(s);
                else
                        stream_push(s);
        }
        return 0;
}

int stream_new(sd_event *event, int fd, const Mirror *mirror, const StreamHandler *handler, void *userdata,
               Stream **ret)
{
        _cleanup_(stream_freep) Stream *s = new0(Stream, 1);
        int r;

        if (!s) {
                (void) close(fd);
                return -ENOMEM;
        }
        *s = (Stream){
                .fd = fd,
                .mirror = mirror,
                .handler = handler,
                .userdata = userdata,
                .moved_usec = now_usec(CLOCK_MONOTONIC),
                .request = new (char, SCGI_REQUEST_MAX),
        };
        if (!s->request)
                return -ENOMEM;
        r = sd_event_add_io(event, &s->source, fd, EPOLLIN, stream_on_io, s);
        if (r < 0)
                return r;
        r = sd_event_add_time_relative(event, &s->timer, CLOCK_MONOTONIC, REQUEST_USEC, ACCURACY_USEC,
                                       stream_on_timer, s);
        if (r < 0)
                return r;
        r = sd_event_source_set_enabled(s->timer, SD_EVENT_ON);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(s);
        return 0;
}
