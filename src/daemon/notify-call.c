/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <sys/socket.h>

#include "basic/fd-util.h"
#include "basic/string-util.h"
#include "daemon/notify-call.h"

struct NotifyCall {
        int fd;
        sd_event_source *io_source, *timer;
        NotifyCallback callback;
        void *userdata;
};

NotifyCall *notify_call_free(NotifyCall *c)
{
        if (!c)
                return NULL;

        sd_event_source_disable_unref(c->io_source);
        sd_event_source_disable_unref(c->timer);
        safe_close(c->fd);
        free(c);
        return NULL;
}

static int notify_call_on_io(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
        _cleanup_(notify_answer_done) NotifyAnswer answer = {};
        _cleanup_json_ struct json_object *o = NULL;
        char packet[NOTIFY_ERROR_MAX * 6 + 100]; /* as JSON escapes it at worst */
        NotifyCall *c = userdata;
        ssize_t n;
        int r;

        n = recv(fd, packet, sizeof(packet), MSG_DONTWAIT);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return 0;
        (void) sd_event_source_set_enabled(c->io_source, SD_EVENT_OFF);
        (void) sd_event_source_set_enabled(c->timer, SD_EVENT_OFF);
        r = n < 0 ? -errno : n == 0 ? -ECONNRESET : json_parse_as(packet, (size_t) n, json_type_object, &o);
        if (r >= 0)
                r = notify_answer_from_json(o, &answer);
        if (r < 0)
                c->callback(c->userdata, DELIVERY_FAILED, "burnin-notify gave no answer");
        else
                c->callback(c->userdata, answer.result, answer.error);

        return 0;
}

static int notify_call_on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
        NotifyCall *c = userdata;

        (void) sd_event_source_set_enabled(c->io_source, SD_EVENT_OFF);
        c->callback(c->userdata, DELIVERY_FAILED, "there was no answer in time");
        return 0;
}

/* The connection, with the question in it. */
static int ask(const char *path, const NotifyRequest *request)
{
        _cleanup_json_ struct json_object *o = NULL;
        _cleanup_close_ int fd = -EBADF;
        const char *text;
        int r;

        r = notify_request_to_json(request, &o);
        if (r < 0)
                return r;
        text = json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN);
        if (strlen(text) > NOTIFY_PACKET_MAX)
                return -EMSGSIZE;
        fd = connect_packets(path);
        if (fd < 0)
                return fd;
        if (send(fd, text, strlen(text), MSG_NOSIGNAL) < 0)
                return -errno;

        return TAKE_FD(fd);
}

int notify_call_new(sd_event *event, const char *socket, const NotifyRequest *request, uint64_t timeout_usec,
                    NotifyCallback callback, void *userdata, NotifyCall **ret)
{
        _cleanup_(notify_call_freep) NotifyCall *c = new0(NotifyCall, 1);
        int r;

        if (!c)
                return -ENOMEM;
        c->callback = callback;
        c->userdata = userdata;
        c->fd = r = ask(socket, request);
        if (r >= 0)
                r = sd_event_add_io(event, &c->io_source, c->fd, EPOLLIN, notify_call_on_io, c);
        if (r >= 0)
                r = sd_event_add_time_relative(event, &c->timer, CLOCK_BOOTTIME, timeout_usec, 0,
                                               notify_call_on_timer, c);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(c);
        return 0;
}
