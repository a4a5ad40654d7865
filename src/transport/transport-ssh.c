/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The SSH connection to one host, over libssh in its nonblocking mode. Every libssh call is simply repeated for as long as it
 * says SSH_AGAIN.
 *
 *   NONE -> RESOLVING -> CONNECTING -> HANDSHAKE -> AUTHENTICATION -> UP
 *     ^________|_____________|____________|______________|___________|    connection_close()
 *
 * In UP the first call of the queue goes through OPEN -> EXEC -> TRANSFER, with one channel at a time. An idle connection is
 * pumped all the same, or the server's keep-alives stay unanswered and its end goes unseen.
 *
 * INVARIANT: our socket and libssh's are two descriptors of one connection, since libssh closes its own whenever it likes, and
 * the number may be another's by the time we look. */

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "basic/fd-util.h"
#include "basic/string-util.h"
#include "basic/strv.h"
#include "transport/transport-internal.h"

/* A host with several addresses: how long one of them may be silent before the next one is tried. */
#define CONNECT_STEP_USEC (5 * USEC_PER_SEC)
#define WRITE_MAX         32768U
#define ERROR_TEXT_MAX    256U

static void call_close_channel(Transport *t)
{
        if (!t->channel)
                return;

        (void) ssh_channel_close(t->channel);
        ssh_channel_free(t->channel);
        t->channel = NULL;
}

static char *error_text(Transport *t, const char *what)
{
        _cleanup_free_ char *s = NULL;
        const char *e = ssh_get_error(t->session);

        s = str_clean(e, strlen(e), ERROR_TEXT_MAX, false);
        return s ? strf("%s %s: %s", what, t->where, isempty(s) ? "the connection was closed" : s) : NULL;
}

static void connection_fail_ssh(Transport *t, TransportError error, const char *what)
{
        _cleanup_free_ char *reason = error_text(t, what);

        connection_fail(t, error, reason);
}

/* --- connecting ---------------------------------------------------------------------------------------------- */

static void connection_check(Transport *t);

static int on_io(_unused_ sd_event_source *s, _unused_ int fd, _unused_ uint32_t events, void *userdata)
{
        Transport *t = userdata;

        if (t->state == CONNECTION_CONNECTING) {
                t->busy++;
                connection_check(t);
                t->busy--;
        }
        transport_pump(t);
        return 0;
}

static int socket_set_options(int fd)
{
        const int on = 1, idle = 15, interval = 5, count = 3, user_timeout = 30000;

        /* Without TCP_NODELAY each command waits 40 ms for a delayed acknowledgement. */
        if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) < 0 ||
            setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on)) < 0 ||
            setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof(idle)) < 0 ||
            setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof(interval)) < 0 ||
            setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof(count)) < 0 ||
            setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &user_timeout, sizeof(user_timeout)) < 0)
                return -errno;

        return 0;
}

/* Begins to connect to the next address. 0, or why not even that went. */
static int connect_next(Transport *t)
{
        const ResolvedAddress *a = &t->addresses[t->next_address++];
        int r;

        t->io_source = sd_event_source_disable_unref(t->io_source);
        t->fd = safe_close(t->fd);

        t->fd = socket(a->sa.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (t->fd < 0)
                return -errno;
        r = socket_set_options(t->fd);
        if (r < 0)
                return r;
        if (connect(t->fd, (const struct sockaddr *) &a->sa, a->size) < 0 && errno != EINPROGRESS)
                return -errno;

        r = sd_event_add_io(t->event, &t->io_source, t->fd, EPOLLOUT, on_io, t);
        if (r < 0)
                return r;
        if (t->next_address < t->n_addresses) {
                r = sd_event_source_set_time_relative(t->step_source, CONNECT_STEP_USEC);
                if (r >= 0)
                        r = sd_event_source_set_enabled(t->step_source, SD_EVENT_ONESHOT);
                if (r < 0)
                        return r;
        }

        t->state = CONNECTION_CONNECTING;
        return 0;
}

/* error: what became of the last address; 0: none was tried yet. */
static void connect_any(Transport *t, int error)
{
        (void) sd_event_source_set_enabled(t->step_source, SD_EVENT_OFF);
        while (t->next_address < t->n_addresses) {
                error = connect_next(t);
                if (error >= 0)
                        return;
        }

        connection_fail_errno(t, error, "cannot connect to");
}

static int on_connect_step(_unused_ sd_event_source *s, _unused_ uint64_t usec, void *userdata)
{
        Transport *t = userdata;

        if (t->state == CONNECTION_CONNECTING) {
                t->busy++;
                connect_any(t, -ETIMEDOUT);
                t->busy--;
                transport_pump(t);
        }
        return 0;
}

static void on_resolved(const char *error, const ResolvedAddress *addresses, size_t n, void *userdata)
{
        Transport *t = userdata;

        t->resolve = resolve_free(t->resolve);
        t->busy++;
        if (error) {
                _cleanup_free_ char *reason =
                                strf("cannot look up %s, the address of %s: %s", t->address, t->name, error);

                connection_fail(t, TRANSPORT_UNREACHABLE, reason);
        } else {
                memcpy(t->addresses, addresses, n * sizeof(ResolvedAddress));
                t->n_addresses = n;
                connect_any(t, 0);
        }
        t->busy--;
        transport_pump(t);
}

static void ssh_begin(Transport *t)
{
        int r;

        if (resolve_numeric(t->address, t->port, &t->addresses[0]) > 0) {
                t->n_addresses = 1;
                connect_any(t, 0);
                return;
        }

        r = resolve_new(t->event, t->address, t->port, on_resolved, t, &t->resolve);
        if (r < 0)
                connection_fail_errno(t, r, "cannot look up");
        else
                t->state = CONNECTION_RESOLVING;
}

/* The types of signature that a key of this type can make; NULL: none that we know. */
static const char *host_key_algorithms(const char *type)
{
        static const struct {
                const char *type, *algorithms;
        } table[] = {
                { "ssh-ed25519", "ssh-ed25519" },
                { "ssh-rsa", "rsa-sha2-512,rsa-sha2-256" },
                { "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp256" },
                { "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp384" },
                { "ecdsa-sha2-nistp521", "ecdsa-sha2-nistp521" },
        };

        for (size_t i = 0; i < ELEMENTSOF(table); i++)
                if (streq(table[i].type, type))
                        return table[i].algorithms;

        return NULL;
}

static int session_set_options(Transport *t)
{
        const int off = 0;
        const unsigned port = t->port;
        int fd, r;

        /* Before anything else: libssh reads the user's configuration otherwise, without a word. */
        if (ssh_options_set(t->session, SSH_OPTIONS_PROCESS_CONFIG, &off) < 0 ||
            ssh_options_set(t->session, SSH_OPTIONS_SSH_DIR, "/nonexistent") < 0 ||
            ssh_options_set(t->session, SSH_OPTIONS_KNOWNHOSTS, "/dev/null") < 0 ||
            ssh_options_set(t->session, SSH_OPTIONS_GLOBAL_KNOWNHOSTS, "/dev/null") < 0 ||
            ssh_options_set(t->session, SSH_OPTIONS_HOST, t->address) < 0 ||
            ssh_options_set(t->session, SSH_OPTIONS_PORT, &port) < 0 ||
            ssh_options_set(t->session, SSH_OPTIONS_USER, t->user) < 0)
                return -EINVAL;

        /* A host with several keys must offer the one that was accepted. */
        if (t->host_key_type &&
            ssh_options_set(t->session, SSH_OPTIONS_HOSTKEYS, host_key_algorithms(t->host_key_type)) < 0)
                return -EINVAL;

        fd = fcntl(t->fd, F_DUPFD_CLOEXEC, 3);
        if (fd < 0)
                return -errno;
        r = ssh_options_set(t->session, SSH_OPTIONS_FD, &fd);
        if (r < 0) {
                (void) close(fd);
                return -EINVAL;
        }

        return 0;
}

/* The socket says that connect() is through, in one way or the other. */
static void connection_check(Transport *t)
{
        socklen_t size = sizeof(int);
        int error = 0, r;

        if (getsockopt(t->fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0)
                error = errno;
        if (error != 0) {
                connect_any(t, -error);
                return;
        }

        (void) sd_event_source_set_enabled(t->step_source, SD_EVENT_OFF);
        t->session = ssh_new();
        r = t->session ? session_set_options(t) : -ENOMEM;
        if (r < 0) {
                connection_fail_errno(t, r, "cannot set up the connection to");
                return;
        }

        ssh_set_blocking(t->session, 0);
        t->state = CONNECTION_HANDSHAKE;
}

static int host_key_read(Transport *t)
{
        _cleanup_free_ char *b64 = NULL, *key = NULL, *text = NULL;
        unsigned char *hash = NULL;
        ssh_key k = NULL;
        size_t size;
        char *s;
        int r = -EBADMSG;

        if (ssh_get_server_publickey(t->session, &k) != SSH_OK)
                return -EBADMSG;
        if (ssh_pki_export_pubkey_base64(k, &b64) == SSH_OK &&
            ssh_get_publickey_hash(k, SSH_PUBLICKEY_HASH_SHA256, &hash, &size) == SSH_OK) {
                s = ssh_get_fingerprint_hash(SSH_PUBLICKEY_HASH_SHA256, hash, size);
                text = s ? strdup(s) : NULL;
                ssh_string_free_char(s);
                key = strf("%s %s", ssh_key_type_to_char(ssh_key_type(k)), b64);
                r = key && text ? 0 : -ENOMEM;
        }
        ssh_clean_pubkey_hash(&hash);
        ssh_key_free(k);
        if (r < 0)
                return r;

        free(t->seen_key);
        free(t->seen_sha256);
        t->seen_key = TAKE_PTR(key);
        t->seen_sha256 = TAKE_PTR(text);
        return 0;
}

/* True when the connection may go on. Before this nothing but the handshake was sent. */
static bool host_key_check(Transport *t)
{
        _cleanup_free_ char *reason = NULL;

        if (host_key_read(t) < 0) {
                connection_fail_ssh(t, TRANSPORT_UNREACHABLE, "cannot read the host key of");
                return false;
        }
        if (!t->host_key) {
                reason = strf("the key of %s was not accepted yet: %s", t->name, t->seen_sha256);
                connection_fail(t, TRANSPORT_HOST_KEY_UNKNOWN, reason);
                return false;
        }
        if (!streq(t->host_key, t->seen_key)) {
                reason = strf("%s has another host key than the one that was accepted: %s", t->name,
                              t->seen_sha256);
                connection_fail(t, TRANSPORT_HOST_KEY_CHANGED, reason);
                return false;
        }

        return true;
}

/* --- steps: each returns true when the next one may be tried at once ----------------------------------------- */

static bool handshake_step(Transport *t)
{
        int r;

        r = ssh_connect(t->session);
        if (r == SSH_AGAIN)
                return false;
        if (r == SSH_OK) {
                if (host_key_check(t))
                        t->state = CONNECTION_AUTHENTICATION;
                return true;
        }

        /* Only keys of the accepted type were asked for; a host that has none of it any more is another host. */
        if (t->host_key && strstr(ssh_get_error(t->session), "host key"))
                connection_fail_ssh(t, TRANSPORT_HOST_KEY_CHANGED, "no host key of the accepted type at");
        else
                connection_fail_ssh(t, TRANSPORT_UNREACHABLE, "cannot connect to");
        return true;
}

static bool authentication_step(Transport *t)
{
        _cleanup_free_ char *reason = NULL;
        int r;

        r = ssh_userauth_publickey(t->session, NULL, t->key);
        if (r == SSH_AUTH_AGAIN)
                return false;
        if (r == SSH_AUTH_SUCCESS) {
                t->pump = ssh_event_new();
                if (t->pump && ssh_event_add_session(t->pump, t->session) == SSH_OK)
                        t->state = CONNECTION_UP;
                else
                        connection_fail_errno(t, -ENOMEM, "cannot set up the connection to");
                return true;
        }

        /* A server that is overloaded hangs up in the middle, which says nothing about the key. */
        if (r == SSH_AUTH_ERROR && !ssh_is_connected(t->session)) {
                connection_fail_ssh(t, TRANSPORT_UNREACHABLE, "lost the connection to");
                return true;
        }

        reason = strf("%s refused the SSH key of burnin for the user %s: its public half belongs into authorized_keys there",
                      t->name, t->user);
        connection_fail(t, TRANSPORT_AUTHENTICATION, reason);
        return true;
}

static bool call_open_step(Transport *t, Call *c)
{
        int r;

        if (!t->channel)
                t->channel = ssh_channel_new(t->session);
        if (!t->channel) {
                connection_fail_errno(t, -ENOMEM, "cannot open a channel to");
                return true;
        }

        r = c->state == CALL_OPEN ? ssh_channel_open_session(t->channel)
                                  : ssh_channel_request_exec(t->channel, c->command);
        if (r == SSH_AGAIN)
                return false;
        if (r != SSH_OK)
                connection_fail_ssh(t, TRANSPORT_UNREACHABLE, "cannot run a command on");
        else
                c->state = c->state == CALL_OPEN ? CALL_EXEC : CALL_TRANSFER;
        return true;
}

/* Writes what the window has room for. A command that does not read, or is gone, is no error: its output counts. */
static bool call_write(Transport *t, Call *c)
{
        size_t n = MIN(c->input_size - c->input_sent, (size_t) WRITE_MAX);
        int r;

        if (c->input_ended)
                return false;
        if (ssh_channel_is_closed(t->channel)) {
                c->input_ended = true;
                return false;
        }

        n = MIN(n, (size_t) ssh_channel_window_size(t->channel));
        if (n > 0) {
                r = ssh_channel_write(t->channel, c->input + c->input_sent, (uint32_t) n);
                if (r > 0)
                        c->input_sent += (size_t) r;
                else if (r == SSH_ERROR)
                        c->input_sent = c->input_size;
        }
        if (c->input_sent < c->input_size)
                return n > 0;

        c->input_ended = true;
        (void) ssh_channel_send_eof(t->channel);
        return true;
}

/* 1 where something was read, 0 where there is nothing; errno: the call cannot go on. */
static int call_read(Transport *t, Call *c, bool from_stderr)
{
        char buf[32768];
        int n;

        n = ssh_channel_read_nonblocking(t->channel, buf, sizeof(buf), from_stderr);
        if (n == SSH_EOF || n == SSH_AGAIN || n == 0)
                return 0;
        if (n < 0)
                return ssh_is_connected(t->session) ? 0 : -ECONNRESET;

        if (!from_stderr)
                return call_append(c, buf, (size_t) n) ?: 1;

        call_append_error(c, buf, (size_t) n);
        return 1;
}

/* As call_read(), of both streams. Looking for the one may take in packets of the other, and then the socket says no more: so
 * the first one is looked at again, and after the end of the channel both are. */
static int call_read_both(Transport *t, Call *c)
{
        int out, err;

        out = call_read(t, c, false);
        if (out < 0)
                return out;
        err = call_read(t, c, true);
        if (err < 0)
                return err;
        if (out == 0)
                out = call_read(t, c, false);

        return out < 0 ? out : out > 0 || err > 0;
}

static bool call_transfer_step(Transport *t, Call *c)
{
        bool progress, closed;
        int r, status;

        progress = call_write(t, c);
        r = call_read_both(t, c);
        closed = r == 0 && ssh_channel_is_closed(t->channel);
        if (closed)
                r = call_read_both(t, c);
        if (r == -E2BIG) {
                call_fail_too_much(t, c);
                return true;
        }
        if (r < 0) {
                connection_fail_ssh(t, TRANSPORT_UNREACHABLE, "lost the connection to");
                return true;
        }
        if (progress || r > 0)
                return true;

        if (!closed && !ssh_channel_is_eof(t->channel))
                return false;
        /* Asking sooner would block in the blocking mode, and says -1 in this one. Closed and -1: killed by a signal. */
        status = ssh_channel_get_exit_status(t->channel);
        if (status < 0 && !closed)
                return false;

        call_close_channel(t);
        call_end(t, TRANSPORT_OK, NULL, status);
        return true;
}

static bool up_step(Transport *t)
{
        Call *c = t->calls;

        /* Any call of libssh may read packets of any kind into its buffers, after which the socket is silent: always empty it. */
        if (ssh_event_dopoll(t->pump, 0) == SSH_ERROR || !ssh_is_connected(t->session)) {
                connection_fail_ssh(t, TRANSPORT_UNREACHABLE, "lost the connection to");
                return true;
        }
        if (!c)
                return false;

        switch (c->state) {
        case CALL_QUEUED:
        case CALL_CONNECTING:
                c->state = CALL_OPEN;
                return true;
        case CALL_OPEN:
        case CALL_EXEC:
                return call_open_step(t, c);
        case CALL_TRANSFER:
                return call_transfer_step(t, c);
        }

        assert_not_reached();
}

static bool ssh_step(Transport *t)
{
        switch (t->state) {
        case CONNECTION_NONE:
        case CONNECTION_RESOLVING:
        case CONNECTION_CONNECTING:
                return false;
        case CONNECTION_HANDSHAKE:
                return handshake_step(t);
        case CONNECTION_AUTHENTICATION:
                return authentication_step(t);
        case CONNECTION_UP:
                return up_step(t);
        }

        assert_not_reached();
}

static uint32_t ssh_events(const Transport *t)
{
        if (t->state == CONNECTION_CONNECTING)
                return EPOLLOUT;

        return EPOLLIN | (ssh_get_poll_flags(t->session) & SSH_WRITE_PENDING ? EPOLLOUT : 0);
}

static void ssh_close(Transport *t)
{
        t->resolve = resolve_free(t->resolve);
        if (t->step_source)
                (void) sd_event_source_set_enabled(t->step_source, SD_EVENT_OFF);
        call_close_channel(t);
        if (t->pump) {
                (void) ssh_event_remove_session(t->pump, t->session);
                ssh_event_free(t->pump);
                t->pump = NULL;
        }
        if (t->session) {
                ssh_disconnect(t->session);
                ssh_free(t->session);
                t->session = NULL;
        }
        t->n_addresses = t->next_address = 0;
}

/* Takes "TYPE BLOB [COMMENT]" apart. */
static int host_key_set(Transport *t, const char *host_key)
{
        _cleanup_strv_free_ char **words = NULL;
        int r;

        r = strv_split(host_key, " \t\n", &words);
        if (r < 0)
                return r;
        if (strv_length(words) < 2 || !host_key_algorithms(words[0]))
                return -EINVAL;

        t->host_key = strf("%s %s", words[0], words[1]);
        t->host_key_type = strdup(words[0]);
        return t->host_key && t->host_key_type ? 0 : -ENOMEM;
}

static int ssh_set_up(Transport *t, const HostTarget *target, const char *key)
{
        int r;

        if (isempty(target->address))
                return -EINVAL;
        t->port = target->port ?: 22;
        t->address = strdup(target->address);
        t->user = strdup(isempty(target->user) ? "root" : target->user);
        t->where = strf("%s (%s port %u)", t->name, target->address, (unsigned) t->port);
        if (!t->address || !t->user || !t->where)
                return -ENOMEM;

        if (target->host_key) {
                r = host_key_set(t, target->host_key);
                if (r < 0)
                        return r;
        }
        if (ssh_pki_import_privkey_base64(key, NULL, NULL, NULL, &t->key) != SSH_OK)
                return -EBADMSG;
        r = sd_event_add_time(t->event, &t->step_source, CLOCK_BOOTTIME, UINT64_MAX, USEC_PER_MSEC,
                              on_connect_step, t);
        if (r < 0)
                return r;

        return sd_event_source_set_enabled(t->step_source, SD_EVENT_OFF);
}

const TransportBackend transport_ssh = {
        .set_up = ssh_set_up,
        .connect = ssh_begin,
        .step = ssh_step,
        .close = ssh_close,
        .events = ssh_events,
};
