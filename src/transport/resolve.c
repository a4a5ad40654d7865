/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <fcntl.h>
#include <netdb.h>
#include <signal.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>

#include "basic/fd-util.h"
#include "basic/string-util.h"
#include "transport/resolve.h"

/* What the child writes, in one piece. Small enough for a pipe: nobody ever waits for room. */
typedef struct Answer {
        int error; /* of getaddrinfo() */
        size_t n;
        ResolvedAddress addresses[RESOLVE_ADDRESSES_MAX];
} Answer;

struct Resolve {
        sd_event_source *source;
        int fd;
        pid_t pid;
        resolve_callback_t callback;
        void *userdata;
        Answer answer;
        size_t got;
};

static int look_up(const char *name, uint16_t port, int flags, Answer *ret)
{
        struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = flags | AI_NUMERICSERV },
                        *list = NULL;
        char service[STRLEN("65535") + 1];

        (void) snprintf(service, sizeof(service), "%u", (unsigned) port);
        ret->error = getaddrinfo(name, service, &hints, &list);
        for (struct addrinfo *a = list; ret->error == 0 && a && ret->n < RESOLVE_ADDRESSES_MAX;
             a = a->ai_next) {
                if (a->ai_addrlen > sizeof(ret->addresses[0].sa))
                        continue;
                memcpy(&ret->addresses[ret->n].sa, a->ai_addr, a->ai_addrlen);
                ret->addresses[ret->n++].size = a->ai_addrlen;
        }
        if (list)
                freeaddrinfo(list);

        return ret->error;
}

int resolve_numeric(const char *name, uint16_t port, ResolvedAddress *ret)
{
        Answer answer = {};

        if (look_up(name, port, AI_NUMERICHOST, &answer) != 0 || answer.n == 0)
                return 0;

        *ret = answer.addresses[0];
        return 1;
}

static void child_run(int fd, const char *name, uint16_t port) __attribute__((noreturn));
static void child_run(int fd, const char *name, uint16_t port)
{
        Answer answer = {};

        /* Other hosts' connections are open here too, and must not stay open for as long as a lookup takes. */
        if (dup2(fd, STDERR_FILENO + 1) < 0 || close_range(STDERR_FILENO + 2, ~0U, 0) < 0)
                _exit(EXIT_FAILURE);

        (void) look_up(name, port, AI_ADDRCONFIG, &answer);
        (void) write_all(STDERR_FILENO + 1, &answer, sizeof(answer));
        _exit(EXIT_SUCCESS);
}

Resolve *resolve_free(Resolve *r)
{
        if (!r)
                return NULL;

        (void) sd_event_source_disable_unref(r->source);
        r->fd = safe_close(r->fd);
        if (r->pid > 0) {
                /* Not a moment's wait: it is dead by then, or about to be. */
                (void) kill(r->pid, SIGKILL);
                (void) waitpid(r->pid, NULL, 0);
        }
        free(r);

        return NULL;
}

static int on_answer(_unused_ sd_event_source *s, int fd, _unused_ uint32_t events, void *userdata)
{
        Resolve *r = userdata;
        const char *error = NULL;
        Answer answer;
        ssize_t n;

        n = read(fd, (uint8_t *) &r->answer + r->got, sizeof(r->answer) - r->got);
        if (n < 0)
                return errno == EAGAIN || errno == EINTR ? 0 : -errno;
        r->got += (size_t) n;
        if (n > 0 && r->got < sizeof(r->answer))
                return 0;

        (void) sd_event_source_set_enabled(s, SD_EVENT_OFF);
        answer = r->answer;
        if (r->got < sizeof(answer))
                error = "the lookup died";
        else if (answer.error != 0)
                error = gai_strerror(answer.error);
        else if (answer.n == 0)
                error = "it has no address";

        r->callback(error, answer.addresses, error ? 0 : answer.n, r->userdata);
        return 0;
}

int resolve_new(sd_event *event, const char *name, uint16_t port, resolve_callback_t callback,
                void *userdata, Resolve **ret)
{
        _cleanup_(resolve_freep) Resolve *r = NULL;
        _cleanup_close_ int write_fd = -EBADF;
        int fds[2], k;

        r = new0(Resolve, 1);
        if (!r)
                return -ENOMEM;
        r->fd = -EBADF;
        r->callback = callback;
        r->userdata = userdata;

        if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) < 0)
                return -errno;
        r->fd = fds[0];
        write_fd = fds[1];

        r->pid = fork();
        if (r->pid < 0)
                return -errno;
        if (r->pid == 0)
                child_run(write_fd, name, port);

        k = sd_event_add_io(event, &r->source, r->fd, EPOLLIN, on_answer, r);
        if (k < 0)
                return k;

        *ret = TAKE_PTR(r);
        return 0;
}
