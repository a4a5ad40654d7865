/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "basic/fd-util.h"
#include "basic/log.h"
#include "basic/string-util.h"
#include "basic/strv.h"
#include "basic/time-util.h"
#include "shared/poll-client.h"
#include "shared/worker-proto.h"

#define INPUT_LINE_MAX (256U * 1024U)
#define OUTPUT_MAX     (4U * POLL_LINE_MAX)
#define FDS_MAX        64U
#define KEY_MAX        (64U * 1024U)
#define RECONNECT_MIN  (200 * USEC_PER_MSEC)
#define RECONNECT_MAX  (10 * USEC_PER_SEC)

struct PollClient {
        sd_event *event;
        sd_event_source *reconnect_timer, *source;
        const char *path;
        const PollClientHandler *handler;
        void *userdata;

        int fd;
        uint64_t connected_usec, backoff_usec;
        char *input;
        size_t input_size;
        int fds[FDS_MAX]; /* that came with lines not read yet, in their order */
        size_t n_fds;
        char *output;
        size_t output_size, output_allocated;
};

static void client_disconnect(PollClient *p);

static void client_flush(PollClient *p)
{
        size_t sent = 0;

        while (p->fd >= 0 && sent < p->output_size) {
                ssize_t n = send(p->fd, p->output + sent, p->output_size - sent,
                                 MSG_DONTWAIT | MSG_NOSIGNAL);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0 && errno == EAGAIN)
                        break;
                if (n < 0) {
                        client_disconnect(p);
                        return;
                }
                sent += (size_t) n;
        }
        if (p->fd < 0)
                return;

        if (sent > 0)
                memmove(p->output, p->output + sent, p->output_size - sent);
        p->output_size -= sent;
        (void) sd_event_source_set_io_events(p->source, EPOLLIN | (p->output_size > 0 ? EPOLLOUT : 0));
}

void poll_client_send(PollClient *p, struct json_object *o)
{
        _cleanup_json_ _unused_ struct json_object *owned = o;
        const char *text;
        size_t size;

        if (p->fd < 0)
                return;

        text = json_object_to_json_string_length(o, JSON_C_TO_STRING_PLAIN, &size);
        if (size + 1 > POLL_LINE_MAX || p->output_size + size + 1 > OUTPUT_MAX) {
                /* burnind does not read, or a host is beyond measure: it hears everything anew when it connects. */
                log_warning("Too much for burnind to take, starting over with it.");
                client_disconnect(p);
                return;
        }
        if (p->output_size + size + 1 > p->output_allocated) {
                size_t n = MAX(p->output_allocated * 2, p->output_size + size + 1);
                char *b = realloc(p->output, n);

                if (!b) {
                        (void) log_oom();
                        client_disconnect(p);
                        return;
                }
                p->output = b;
                p->output_allocated = n;
        }

        memcpy(p->output + p->output_size, text, size);
        p->output_size += size;
        p->output[p->output_size++] = '\n';
        client_flush(p);
}

int poll_client_read_strings(struct json_object *o, const char *key, char ***ret)
{
        _cleanup_strv_free_ char **l = NULL;
        struct json_object *a;
        int r;

        r = json_get(o, key, json_type_array, &a);
        if (r < 0)
                return r;
        for (size_t i = 0; r > 0 && i < json_object_array_length(a); i++) {
                struct json_object *v = json_object_array_get_idx(a, i);

                if (!json_object_is_type(v, json_type_string))
                        return -EBADMSG;
                if (strv_extend(&l, json_object_get_string(v)) < 0)
                        return -ENOMEM;
        }

        *ret = TAKE_PTR(l);
        return 0;
}

int poll_client_take_key(PollClient *p, char **ret)
{
        _cleanup_close_ int fd = -EBADF;

        if (p->n_fds == 0)
                return -ENOKEY;
        fd = p->fds[0];
        memmove(p->fds, p->fds + 1, --p->n_fds * sizeof(int));

        if (lseek(fd, 0, SEEK_SET) < 0)
                return -errno;
        return read_fd_full(fd, KEY_MAX, ret, NULL);
}

/* Takes what has arrived, with the descriptors that came along. 0: the end. */
static ssize_t receive(PollClient *p)
{
        union {
                struct cmsghdr header;
                char buf[CMSG_SPACE(sizeof(int) * 8)];
        } control;
        struct iovec iov = {
                .iov_base = p->input + p->input_size,
                .iov_len = INPUT_LINE_MAX - p->input_size,
        };
        struct msghdr m = {
                .msg_iov = &iov,
                .msg_iovlen = 1,
                .msg_control = &control,
                .msg_controllen = sizeof(control),
        };
        ssize_t n;

        n = recvmsg(p->fd, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
        if (n < 0)
                return -errno;

        for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c)) {
                size_t k = c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS
                                           ? (c->cmsg_len - CMSG_LEN(0)) / sizeof(int)
                                           : 0;

                for (size_t i = 0; i < k; i++) {
                        int fd;

                        memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
                        if (p->n_fds < FDS_MAX)
                                p->fds[p->n_fds++] = fd;
                        else
                                (void) close(fd);
                }
        }

        return n;
}

static int client_dispatch(PollClient *p, const char *line, size_t size)
{
        _cleanup_json_ struct json_object *o = NULL;
        int r;

        r = json_parse(line, size, &o);
        if (r < 0)
                return r;

        return p->handler->line(p, o, p->userdata);
}

static int on_burnind(sd_event_source *s, int fd, uint32_t revents, void *userdata)
{
        PollClient *p = userdata;
        size_t done = 0;
        ssize_t n;

        if (revents & EPOLLOUT)
                client_flush(p);
        if (p->fd < 0 || !(revents & (EPOLLIN | EPOLLHUP | EPOLLERR)))
                return 0;

        n = receive(p);
        if (n == -EAGAIN || n == -EINTR)
                return 0;
        if (n <= 0) {
                client_disconnect(p);
                return 0;
        }
        p->input_size += (size_t) n;

        for (char *e; (e = memchr(p->input + done, '\n', p->input_size - done));
             done = (size_t) (e - p->input) + 1) {
                if (client_dispatch(p, p->input + done, (size_t) (e - p->input) - done) < 0) {
                        log_warning("burnind sent a line that is none, starting over with it.");
                        client_disconnect(p);
                }
                if (p->fd < 0)
                        return 0;
        }
        memmove(p->input, p->input + done, p->input_size - done);
        p->input_size -= done;
        if (p->input_size == INPUT_LINE_MAX)
                client_disconnect(p);

        if (p->handler->read)
                p->handler->read(p->userdata);
        return 0;
}

static int client_connect(PollClient *p)
{
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        _cleanup_close_ int fd = -EBADF;
        int r;

        if (strlen(p->path) >= sizeof(address.sun_path))
                return -ENAMETOOLONG;
        memcpy(address.sun_path, p->path, strlen(p->path));
        fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0)
                return -errno;
        if (connect(fd, (const struct sockaddr *) &address, sizeof(address)) < 0)
                return -errno;
        r = sd_event_add_io(p->event, &p->source, fd, EPOLLIN, on_burnind, p);
        if (r < 0)
                return r;

        p->fd = TAKE_FD(fd);
        p->connected_usec = now_usec(CLOCK_MONOTONIC);
        log_debug("Connected to burnind.");
        return 0;
}

static int on_reconnect(sd_event_source *s, uint64_t usec, void *userdata)
{
        PollClient *p = userdata;
        int r;

        r = client_connect(p);
        if (r >= 0) {
                p->backoff_usec = RECONNECT_MIN;
                return 0;
        }

        (void) log_debug_errno(r, "burnind cannot be reached, trying again: %m");
        p->backoff_usec = MIN(p->backoff_usec * 2, RECONNECT_MAX);
        r = sd_event_source_set_time_relative(s, p->backoff_usec);
        if (r < 0)
                return r;

        return sd_event_source_set_enabled(s, SD_EVENT_ONESHOT);
}

static void client_disconnect(PollClient *p)
{
        p->source = sd_event_source_disable_unref(p->source);
        p->fd = safe_close(p->fd);
        p->input_size = p->output_size = 0;
        while (p->n_fds > 0)
                (void) close(p->fds[--p->n_fds]);
        p->handler->disconnected(p->userdata);

        if (sd_event_source_set_time_relative(p->reconnect_timer, p->backoff_usec) < 0 ||
            sd_event_source_set_enabled(p->reconnect_timer, SD_EVENT_ONESHOT) < 0)
                (void) sd_event_exit(p->event, EXIT_FAILURE);
}

int poll_client_new(sd_event *event, const char *path, const PollClientHandler *handler, void *userdata,
                    PollClient **ret)
{
        _cleanup_(poll_client_freep) PollClient *p = new0(PollClient, 1);
        int r;

        if (!p)
                return -ENOMEM;
        *p = (PollClient){
                .event = sd_event_ref(event),
                .path = path,
                .handler = handler,
                .userdata = userdata,
                .fd = -EBADF,
                .backoff_usec = RECONNECT_MIN,
                .input = malloc(INPUT_LINE_MAX),
        };
        if (!p->input)
                return -ENOMEM;
        r = sd_event_add_time(event, &p->reconnect_timer, CLOCK_MONOTONIC, 0, USEC_PER_MSEC, on_reconnect,
                              p);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(p);
        return 0;
}

PollClient *poll_client_free(PollClient *p)
{
        if (!p)
                return NULL;

        sd_event_source_disable_unref(p->reconnect_timer);
        sd_event_source_disable_unref(p->source);
        safe_close(p->fd);
        while (p->n_fds > 0)
                (void) close(p->fds[--p->n_fds]);
        free(p->input);
        free(p->output);
        sd_event_unref(p->event);
        free(p);
        return NULL;
}

uint64_t poll_client_connected_usec(const PollClient *p)
{
        return p->fd >= 0 ? p->connected_usec : 0;
}
