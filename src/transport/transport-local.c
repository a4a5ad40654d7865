/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What is asked on the machine of burnind itself, without SSH: burnin-local for its own drives, burnin-truenas for those of hosts
 * with an API. shared/local-proto.h is how to talk to both. The connection is there or it is not: NONE -> UP. */

#include <sys/epoll.h>
#include <sys/socket.h>

#include "basic/fd-util.h"
#include "basic/parse-util.h"
#include "basic/string-util.h"
#include "shared/local-proto.h"
#include "shared/names.h"
#include "transport/transport-internal.h"

static int local_set_up(Transport *t, const HostTarget *target, const char *key)
{
        t->api = target->api;
        t->where = strf(t->api ? "%s (its API)" : "%s (this machine)", t->name);
        return t->where ? 0 : -ENOMEM;
}

static int on_io(_unused_ sd_event_source *s, _unused_ int fd, _unused_ uint32_t events, void *userdata)
{
        transport_pump(userdata);
        return 0;
}

/* What is to be done is known best where it failed. */
static void local_fail(Transport *t, int error)
{
        _cleanup_free_ char *reason = NULL;

        if (t->api)
                reason = strf("%s is not reached, since burnin-truenas is not (%s); see systemctl status burnin-truenas",
                              t->where, strerror(-error));
        else if (error == -ENOENT || error == -ECONNREFUSED)
                reason = strf("%s is not reached: enable burnin-local.socket on this machine "
                              "(systemctl enable --now burnin-local.socket)",
                              t->where);
        else
                reason = strf("%s cannot be reached through burnin-local.socket: %s", t->where,
                              strerror(-error));
        connection_fail(t, TRANSPORT_UNREACHABLE, reason);
}

static void local_connect(Transport *t)
{
        int r;

        t->fd = r = connect_packets(t->api ? PATH_TRUENAS_CALLS : PATH_LOCAL_SOCKET);
        if (r >= 0)
                r = sd_event_add_io(t->event, &t->io_source, t->fd, EPOLLIN, on_io, t);
        if (r < 0) {
                local_fail(t, r);
                return;
        }

        t->state = CONNECTION_UP;
}

static void local_lost(Transport *t)
{
        const char *who = t->api ? "burnin-truenas" : "burnin-local";
        _cleanup_free_ char *reason =
                        strf("%s has ended the connection to %s; see journalctl -t %s", who, t->where, who);

        connection_fail(t, TRANSPORT_UNREACHABLE, reason);
}

static void local_take(Transport *t, Call *c, const char *packet, size_t size)
{
        int64_t status;

        switch (packet[0]) {
        case LOCAL_OUTPUT:
                if (call_append(c, packet + 1, size - 1) < 0)
                        call_fail_too_much(t, c);
                return;
        case LOCAL_ERROR_OUTPUT:
                call_append_error(c, packet + 1, size - 1);
                return;
        case LOCAL_END:
                if (parse_i64(packet + 1, &status) >= 0 && status >= -1 && status <= UINT8_MAX) {
                        call_end(t, TRANSPORT_OK, NULL, (int) status);
                        return;
                }
        }

        local_lost(t);
}

static bool local_step(Transport *t)
{
        char packet[LOCAL_PACKET_MAX + 1];
        Call *c = t->calls;
        ssize_t n;

        if (c && c->state != CALL_TRANSFER) {
                if (send(t->fd, c->input, c->input_size, MSG_NOSIGNAL) < 0)
                        local_lost(t);
                else
                        c->state = CALL_TRANSFER;
                return true;
        }

        n = recv(t->fd, packet, LOCAL_PACKET_MAX, 0);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return false;
        /* Also where nothing was asked: it says something, or goes. */
        if (n <= 0 || !c) {
                local_lost(t);
                return true;
        }

        packet[n] = 0;
        local_take(t, c, packet, (size_t) n);
        return true;
}

static uint32_t local_events(_unused_ const Transport *t)
{
        return EPOLLIN;
}

const TransportBackend transport_local = {
        .set_up = local_set_up,
        .connect = local_connect,
        .step = local_step,
        .events = local_events,
};
