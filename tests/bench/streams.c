/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>
#include <unistd.h>

#include "basic/parse-util.h"
#include "basic/string-util.h"
#include "basic/time-util.h"
#include "shared/names.h"

/* Browsers that look, for tests/bench/web.py: so many streams of events, and how long after a change on the bus each of them is told.
 *   streams PORT PATH TOKEN STREAMS CHANGES DRIVE     DRIVE: the path of the object whose location is changed
 * The first line says when all had their snapshot, the second one what was measured; then the streams stay open until standard input
 * ends. */

#define PAUSE_USEC                                                                                          \
        (500 * USEC_PER_MSEC) /* longer than what burnin-events waits for to tell changes together */
#define DEADLINE_USEC (60 * USEC_PER_SEC)
#define READY         "event: ready"
#define TAIL          64U /* longer than what is looked for */

typedef struct Client {
        char tail[TAIL];
        size_t n_tail;
        bool ready;
        uint64_t seen_usec; /* this change */
} Client;

static sd_event *event;
static sd_bus *bus;
static sd_event_source *next_timer;
static Client *clients;
static size_t n_clients, n_ready, n_seen, n_took;
static int64_t *took;
static uint64_t n_changes, change, began_usec, called_usec, signalled_usec, call_total_usec, n_bytes;
static const char *drive;
static char marker[32];

static int compare_i64(const void *a, const void *b)
{
        const int64_t *x = a, *y = b;

        return (*x > *y) - (*x < *y);
}

static int fail(const char *what, int r)
{
        (void) fprintf(stderr, "%s: %s\n", what, strerror(-r));
        return sd_event_exit(event, r);
}

static void print_measured(void)
{
        qsort(took, n_took, sizeof(int64_t), compare_i64);
        (void) printf("{\"median_usec\": %" PRIi64 ", \"p99_usec\": %" PRIi64 ", \"max_usec\": %" PRIi64
                      ", \"count\": %zu, \"call_usec\": %" PRIu64 "}\n",
                      took[n_took / 2], took[n_took * 99 / 100], took[n_took - 1], n_took,
                      call_total_usec / n_changes);
        (void) fflush(stdout);
}

/* All know of this change. */
static void change_end(void)
{
        call_total_usec += signalled_usec - called_usec;
        for (size_t i = 0; i < n_clients; i++) {
                took[n_took++] = (int64_t) (clients[i].seen_usec - called_usec);
                clients[i].seen_usec = 0;
        }
        n_seen = 0;
        if (++change < n_changes) {
                (void) sd_event_source_set_time_relative(next_timer, PAUSE_USEC);
                (void) sd_event_source_set_enabled(next_timer, SD_EVENT_ONESHOT);
        } else
                print_measured();
}

static void change_look(void)
{
        if (n_seen == n_clients && signalled_usec > 0)
                change_end();
}

static int on_changed(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        if (called_usec > 0 && signalled_usec == 0) {
                signalled_usec = now_usec(CLOCK_MONOTONIC);
                change_look();
        }
        return 0;
}

static int on_answer(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        return sd_bus_message_is_method_error(m, NULL) ? fail("SetLocation", -sd_bus_message_get_errno(m))
                                                       : 0;
}

static int on_next(sd_event_source *source, uint64_t usec, void *userdata)
{
        int r;

        (void) snprintf(marker, sizeof(marker), "bench-%d-%06" PRIu64, getpid(), change);
        signalled_usec = 0;
        called_usec = now_usec(CLOCK_MONOTONIC);
        r = sd_bus_call_method_async(bus, NULL, BUS_NAME, drive, BUS_INTERFACE_DRIVE, "SetLocation",
                                     on_answer, NULL, "st", marker, UINT64_C(0));
        return r < 0 ? fail("SetLocation", r) : 0;
}

static void client_ready(Client *c)
{
        c->ready = true;
        if (++n_ready < n_clients)
                return;
        (void) printf("{\"ready_usec\": %" PRIu64 ", \"bytes\": %" PRIu64 "}\n",
                      now_usec(CLOCK_MONOTONIC) - began_usec, n_bytes);
        (void) fflush(stdout);
        if (n_changes > 0)
                (void) sd_event_source_set_enabled(next_timer, SD_EVENT_ONESHOT);
}

static int on_data(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
        static char buffer[TAIL + 65536];
        Client *c = userdata;
        const char *wanted = c->ready ? marker : READY;
        size_t size = c->n_tail;
        ssize_t n;

        memcpy(buffer, c->tail, c->n_tail);
        n = recv(fd, buffer + size, sizeof(buffer) - size, 0);
        if (n <= 0)
                return fail("a stream has ended", n < 0 ? -errno : -EPIPE);
        size += (size_t) n;
        n_bytes += (uint64_t) n;

        if (!isempty(wanted) && c->seen_usec == 0 && memmem(buffer, size, wanted, strlen(wanted))) {
                size = 0;
                if (!c->ready)
                        client_ready(c);
                else {
                        c->seen_usec = now_usec(CLOCK_MONOTONIC);
                        n_seen++;
                        change_look();
                }
        }
        c->n_tail = MIN(size, sizeof(c->tail));
        memcpy(c->tail, buffer + size - c->n_tail, c->n_tail);
        return 0;
}

static int client_begin(Client *c, uint16_t port, const char *path, const char *token)
{
        struct sockaddr_in address = { .sin_family = AF_INET,
                                       .sin_port = htons(port),
                                       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        /* Of HTTP/1.0, so that nothing stands between the pieces of the answer. */
        _cleanup_free_ char *request =
                        strf("GET %s HTTP/1.0\r\nHost: 127.0.0.1\r\nAccept: text/event-stream\r\n"
                             "Cookie: burnin_session=%s\r\n\r\n",
                             path, token);
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

        if (fd < 0 || !request || connect(fd, (struct sockaddr *) &address, sizeof(address)) < 0 ||
            send(fd, request, strlen(request), MSG_NOSIGNAL) < 0)
                return -errno;
        return sd_event_add_io(event, NULL, fd, EPOLLIN, on_data, c);
}

static int on_stdin(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
        return sd_event_exit(event, 0);
}

static int on_deadline(sd_event_source *source, uint64_t usec, void *userdata)
{
        (void) fprintf(stderr, "%zu of %zu streams are ready, %zu know of change %" PRIu64 "\n", n_ready,
                       n_clients, n_seen, change);
        return fail("too late", -ETIMEDOUT);
}

static int set_up(uint16_t port, const char *path, const char *token)
{
        _cleanup_free_ char *match = strf("type='signal',sender='" BUS_NAME "',path='%s'", drive);
        int r;

        clients = new0(Client, n_clients);
        took = new0(int64_t, n_clients * (n_changes + 1));
        if (!match || !clients || !took)
                return -ENOMEM;
        r = sd_event_new(&event);
        if (r >= 0)
                r = sd_bus_open_system(&bus);
        /* Before the streams: the signal is what they are compared with. */
        if (r >= 0)
                r = sd_bus_attach_event(bus, event, SD_EVENT_PRIORITY_IMPORTANT);
        if (r >= 0)
                r = sd_bus_add_match(bus, NULL, match, on_changed, NULL);
        if (r >= 0)
                r = sd_event_add_time_relative(event, &next_timer, CLOCK_MONOTONIC, 0, 1, on_next, NULL);
        if (r >= 0)
                r = sd_event_source_set_enabled(next_timer, SD_EVENT_OFF);
        if (r >= 0)
                r = sd_event_add_time_relative(event, NULL, CLOCK_MONOTONIC,
                                               DEADLINE_USEC + 2 * n_changes * PAUSE_USEC, 0, on_deadline,
                                               NULL);
        if (r >= 0)
                r = sd_event_add_io(event, NULL, STDIN_FILENO, EPOLLIN, on_stdin, NULL);

        began_usec = now_usec(CLOCK_MONOTONIC);
        for (size_t i = 0; r >= 0 && i < n_clients; i++)
                r = client_begin(clients + i, port, path, token);
        return r;
}

int main(int argc, char *argv[])
{
        uint64_t port = 0, streams = 0;
        int r = -EINVAL;

        if (argc == 7 && parse_u64(argv[1], &port) >= 0 && parse_u64(argv[4], &streams) >= 0 &&
            parse_u64(argv[5], &n_changes) >= 0) {
                n_clients = streams;
                drive = argv[6];
                r = set_up((uint16_t) port, argv[2], argv[3]);
        }
        if (r >= 0)
                r = sd_event_loop(event);
        if (r < 0)
                (void) fprintf(stderr, "%s: %s\n", argv[0], strerror(-r));

        return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
