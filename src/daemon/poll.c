/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <utlist.h>

#include "basic/fd-util.h"
#include "basic/log.h"
#include "basic/string-util.h"
#include "basic/strv.h"
#include "daemon/api-key.h"
#include "daemon/grant.h"
#include "daemon/identify.h"
#include "daemon/poll.h"
#include "daemon/queue.h"
#include "shared/names.h"

/* What waits to be written. A poller that does not read for so long is dropped; a new connection starts from the beginning. */
#define OUTPUT_LINES_MAX 8192U

typedef struct Line {
        char *text;
        size_t size, sent;
        int fd; /* goes with the first byte; -EBADF: none */
        struct Line *prev, *next;
} Line;

struct PollLink {
        Manager *manager; /* weak */
        PollKind kind;
        int listen_fd, fd;
        sd_event_source *listen_source, *source;
        char *input;
        size_t input_size, input_allocated;
        Line *output;
        size_t n_output;
};

static const struct {
        const char *path, *name;
} kinds[] = {
        [POLL_SSH] = { PATH_POLL_SOCKET, "burnin-poll" },
        [POLL_TRUENAS] = { PATH_TRUENAS_SOCKET, "burnin-truenas" },
};

static bool poll_asks(const PollLink *p, const Host *h)
{
        return p->kind == POLL_SSH ? host_has_shell(h) : host_has_api(h);
}

static Line *line_free(Line *l)
{
        if (!l)
                return NULL;

        safe_close(l->fd);
        free(l->text);
        free(l);
        return NULL;
}

static void poll_disconnect(PollLink *p)
{
        Line *l, *next;
        Job *j, *next_job;
        Grant *g, *next_grant;

        if (p->fd < 0)
                return;

        p->source = sd_event_source_disable_unref(p->source);
        p->fd = safe_close(p->fd);
        p->input_size = 0;
        DL_FOREACH_SAFE(p->output, l, next) {
                DL_DELETE(p->output, l);
                line_free(l);
        }
        p->n_output = 0;

        /* Questions that will not be answered. */
        if (p->kind == POLL_SSH) {
                HASH_ITER(hh, p->manager->jobs, j, next_job)
                        j->content_asked = false;
                HASH_ITER(hh, p->manager->grants, g, next_grant)
                        g->content_asked = false;
                identify_on_poller_gone(p->manager);
        }
        manager_emit_changed(p->manager, "Health");
}

PollLink *poll_free(PollLink *p)
{
        if (!p)
                return NULL;

        poll_disconnect(p);
        sd_event_source_disable_unref(p->listen_source);
        safe_close(p->listen_fd);
        free(p->input);
        free(p);
        return NULL;
}

bool poll_is_connected(const PollLink *p)
{
        return p->fd >= 0;
}

static int line_write(Line *l, int socket_fd)
{
        ssize_t n;

        n = send_with_fd(socket_fd, l->text + l->sent, l->size - l->sent, l->fd);
        if (n < 0)
                return (int) n;

        l->fd = safe_close(l->fd);
        l->sent += (size_t) n;
        return 0;
}

static int poll_flush(PollLink *p)
{
        while (p->output) {
                Line *l = p->output;
                int r;

                r = line_write(l, p->fd);
                if (r == -EAGAIN)
                        return sd_event_source_set_io_events(p->source, EPOLLIN | EPOLLOUT);
                if (r < 0)
                        return r;
                if (l->sent < l->size)
                        continue;
                DL_DELETE(p->output, l);
                p->n_output--;
                line_free(l);
        }

        return sd_event_source_set_io_events(p->source, EPOLLIN);
}

/* Takes fd over, always. */
static int poll_send(PollLink *p, struct json_object *message, int fd)
{
        _cleanup_close_ int owned = fd;
        Line *l;

        if (p->fd < 0)
                return -ENOTCONN;
        if (p->n_output >= OUTPUT_LINES_MAX)
                return -ENOBUFS;

        l = new0(Line, 1);
        if (!l)
                return -ENOMEM;
        l->fd = -EBADF;
        l->text = strf("%s\n", json_object_to_json_string_ext(message, JSON_C_TO_STRING_PLAIN));
        if (!l->text) {
                line_free(l);
                return -ENOMEM;
        }
        l->size = strlen(l->text);
        l->fd = TAKE_FD(owned);

        DL_APPEND(p->output, l);
        p->n_output++;
        return sd_event_source_set_io_events(p->source, EPOLLIN | EPOLLOUT);
}

static struct json_object *message_new(const char *op, const char *name)
{
        _cleanup_json_ struct json_object *o = json_object_new_object();

        if (!o || json_put_string(o, "op", op) < 0 || json_put_string(o, "name", name) < 0)
                return NULL;

        return TAKE_PTR(o);
}

static int poll_put_target(PollLink *p, struct json_object *o, const Host *h)
{
        HostTarget target;
        int r;

        r = host_target(h, &target);
        if (r < 0)
                return r;
        r = json_put(o, "target", host_target_to_json(&target));
        if (r < 0)
                return r;

        return poll_send(p, o, host_open_key(h));
}

static int poll_put_api(PollLink *p, struct json_object *o, Host *h)
{
        int fd;

        fd = api_key_open(h->record.name);
        if (fd < 0) {
                host_on_api(h, POLL_ERROR_AUTHENTICATION, "there is no API key for it here");
                return 0;
        }
        if (json_put_string(o, "url", h->record.api_url) < 0 ||
            json_put_string(o, "pin", h->record.api_pin) < 0 ||
            json_put_bool(o, "verify", h->record.api_verify) < 0) {
                safe_close(fd);
                return -ENOMEM;
        }

        return poll_send(p, o, fd);
}

static void poll_put(PollLink *p, Host *h)
{
        _cleanup_json_ struct json_object *o = NULL;
        bool asks = poll_asks(p, h);
        int r;

        if (!poll_is_connected(p))
                return;

        o = message_new(asks ? "host" : "remove", h->record.name);
        if (!o)
                r = -ENOMEM;
        else if (!asks)
                r = poll_send(p, o, -EBADF);
        else
                r = p->kind == POLL_SSH ? poll_put_target(p, o, h) : poll_put_api(p, o, h);
        if (r < 0)
                log_warning_errno(r, "Failed to tell %s about host %s: %m", kinds[p->kind].name,
                                  h->record.name);
        if (asks && p->kind == POLL_SSH)
                poll_watch(p, h->record.name);
}

void poll_put_host(Host *h)
{
        poll_put(h->manager->poll, h);
        poll_put(h->manager->truenas, h);
}

static int poll_say(Host *h, const char *op)
{
        PollLink *links[] = { h->manager->poll, h->manager->truenas };
        int ret = 0;

        for (size_t i = 0; i < ELEMENTSOF(links); i++) {
                _cleanup_json_ struct json_object *o = NULL;
                int r;

                if (!poll_asks(links[i], h))
                        continue;
                o = message_new(op, h->record.name);
                r = o ? poll_send(links[i], o, -EBADF) : -ENOMEM;
                ret = r < 0 ? r : ret;
        }

        return ret;
}

void poll_remove_host(Host *h)
{
        (void) poll_say(h, "remove");
}

int poll_refresh(Host *h)
{
        return poll_say(h, "refresh");
}

static struct json_object *question_new(const char *op, uint64_t id, const char *host, const char *kname,
                                        const DriveIdentity *identity)
{
        _cleanup_json_ struct json_object *o = message_new(op, host);

        if (!o || json_put_u64(o, "id", id) < 0 || json_put_string(o, "kname", kname) < 0 ||
            json_put(o, "identity", drive_identity_to_json(identity)) < 0)
                return NULL;

        return TAKE_PTR(o);
}

int poll_ask_content(PollLink *p, uint64_t id, const char *host, const char *kname,
                     const DriveIdentity *identity)
{
        _cleanup_json_ struct json_object *o = question_new("fingerprint", id, host, kname, identity);

        return o ? poll_send(p, o, -EBADF) : -ENOMEM;
}

int poll_locate(PollLink *p, uint64_t id, const Drive *d, uint32_t seconds)
{
        _cleanup_json_ struct json_object *o =
                        question_new("locate", id, d->record.host, d->record.kname, &d->record.identity);

        if (!o || json_put_u64(o, "seconds", seconds) < 0)
                return -ENOMEM;

        return poll_send(p, o, -EBADF);
}

void poll_watch(PollLink *p, const char *host)
{
        _cleanup_json_ struct json_object *o = message_new("watch", host), *a = json_object_new_array();
        Host *h = host_find(p->manager, strempty(host));
        Drive *d, *next;

        if (!o || !a || !h)
                return;

        HASH_ITER(hh_kname, h->drives_by_kname, d, next)
                if (d->job && job_has_started(d->job))
                        (void) json_object_array_add(a, json_object_new_string(d->record.kname));
        if (json_put(o, "knames", TAKE_PTR(a)) >= 0)
                (void) poll_send(p, o, -EBADF);
}

static int poll_send_config(PollLink *p)
{
        _cleanup_json_ struct json_object *o = message_new("config", NULL), *pools = json_object_new_array();
        const Settings *s = &p->manager->settings;
        int r;

        if (!o || !pools)
                return -ENOMEM;

        STRV_FOREACH(pool, s->boot_pools)
                (void) json_object_array_add(pools, json_object_new_string(*pool));
        if ((r = json_put_u64(o, "interval_usec", s->poll_interval_seconds * USEC_PER_SEC)) < 0 ||
            (r = json_put_u64(o, "smart_interval_usec", s->smart_interval_seconds * USEC_PER_SEC)) < 0 ||
            (r = json_put_u64(o, "timeout_usec", s->poll_timeout_seconds * USEC_PER_SEC)) < 0 ||
            (r = json_put_bool(o, "loop_drives", s->loop_drives)) < 0 ||
            (r = json_put(o, "boot_pools", TAKE_PTR(pools))) < 0)
                return r;

        return poll_send(p, o, -EBADF);
}

void poll_configure(PollLink *p)
{
        int r;

        if (!poll_is_connected(p))
                return;

        r = poll_send_config(p);
        if (r < 0)
                log_warning_errno(r, "Failed to tell the poller about changed settings: %m");
}

static int poll_on_hostkey(PollLink *p, struct json_object *o)
{
        const char *name = NULL, *key = NULL, *sha256 = NULL;
        Host *h;

        if (json_get_string(o, "name", &name) <= 0 || json_get_string(o, "key", &key) <= 0 ||
            json_get_string(o, "sha256", &sha256) <= 0 || strlen(key) > TEXT_MAX_BYTES ||
            strlen(sha256) > NAME_MAX_CHARS || !str_in_charset(sha256, ":+/=", NAME_MAX_CHARS) ||
            !str_in_charset(key, " +/=-@.", TEXT_MAX_BYTES))
                return -EBADMSG;

        h = host_find(p->manager, name);
        if (h)
                host_on_hostkey(h, key, sha256);
        return 0;
}

static int poll_on_cycle(PollLink *p, struct json_object *o)
{
        const char *name = NULL, *error = NULL, *reason = NULL;
        bool ok = false;
        Host *h;

        if (json_get_string(o, "name", &name) <= 0 || json_get_bool(o, "ok", &ok) <= 0)
                return -EBADMSG;

        h = host_find(p->manager, name);
        if (!h || !poll_asks(p, h))
                return 0; /* removed or changed meanwhile */
        if (!ok && (json_get_string(o, "error", &error) <= 0 || json_get_string(o, "reason", &reason) <= 0))
                return -EBADMSG;
        if (p->kind == POLL_TRUENAS) {
                if (ok && json_get_string(o, "api", &error) <= 0)
                        return -EBADMSG;
                if (!str_in_charset(error, "-", NAME_MAX_CHARS) ||
                    (reason && !str_is_clean(reason, TEXT_MAX_BYTES, false)))
                        return -EBADMSG;
                host_on_api(h, error, strempty(reason));
                /* SSH knows more of the drives, and is what a burn-in will meet: where it is there, its word alone counts. */
                if (host_has_shell(h))
                        return 0;
        }
        if (ok)
                return host_on_cycle(h, o);

        host_on_failure(h, error, reason);
        return 0;
}

static int poll_on_fingerprint(PollLink *p, struct json_object *o)
{
        const char *content = NULL, *reason = NULL;
        bool ok = false, again = false;
        uint64_t id;
        Job *j;

        if (json_get_u64(o, "id", &id) <= 0 || json_get_bool(o, "ok", &ok) <= 0 ||
            json_get_string(o, "content", &content) < 0 || json_get_string(o, "reason", &reason) < 0 ||
            json_get_bool(o, "again", &again) < 0 || (ok && (!content || !str_in_charset(content, "", 64))))
                return -EBADMSG;

        reason = reason ?: "What is on the drive could not be read.";
        if (id >= GRANT_NUMBER_FIRST) {
                if (ok)
                        grant_on_content(p->manager, id, content);
                else
                        grant_on_no_content(p->manager, id, again, reason);
                return 0;
        }

        HASH_FIND(hh, p->manager->jobs, &id, sizeof(id), j);
        if (!j)
                return 0;
        if (ok)
                job_on_content(j, content);
        else
                job_on_no_content(j, again, reason);
        return 0;
}

static int poll_on_locate(PollLink *p, struct json_object *o)
{
        const char *reason = NULL;
        bool ok = false;
        uint64_t id;

        if (json_get_u64(o, "id", &id) <= 0 || json_get_bool(o, "ok", &ok) <= 0 ||
            json_get_string(o, "reason", &reason) < 0 ||
            (reason && !str_is_clean(reason, TEXT_MAX_BYTES, false)))
                return -EBADMSG;

        identify_on_answer(p->manager, id, ok ? NULL : reason ?: "its host gave no reason");
        return 0;
}

static void poll_on_line(PollLink *p, char *line, size_t size)
{
        static const struct {
                const char *op;
                int (*handler)(PollLink *p, struct json_object *o);
        } handlers[] = {
                { "cycle", poll_on_cycle },
                { "hostkey", poll_on_hostkey },
                { "fingerprint", poll_on_fingerprint },
                { "locate", poll_on_locate },
        };
        /* An API has drives, and nothing else. */
        size_t n_handlers = p->kind == POLL_SSH ? ELEMENTSOF(handlers) : 1;
        _cleanup_json_ struct json_object *o = NULL;
        const char *op = NULL;
        int r;

        r = json_parse(line, size, &o);
        if (r >= 0 && json_get_string(o, "op", &op) <= 0)
                r = -EBADMSG;
        for (size_t i = 0; r >= 0 && i < n_handlers; i++)
                if (streq(handlers[i].op, op)) {
                        r = handlers[i].handler(p, o);
                        break;
                }
        if (r < 0)
                log_warning_errno(r, "Dropped a line of %s (%s): %m", kinds[p->kind].name, strempty(op));
}

static int poll_read(PollLink *p)
{
        char *start, *end;
        ssize_t n;

        if (p->input_allocated - p->input_size < 65536) {
                size_t wanted = MAX((size_t) 131072, p->input_allocated * 2);
                char *b;

                if (p->input_size > POLL_LINE_MAX)
                        return -E2BIG;
                b = realloc(p->input, wanted);
                if (!b)
                        return -ENOMEM;
                p->input = b;
                p->input_allocated = wanted;
        }

        n = recv(p->fd, p->input + p->input_size, p->input_allocated - p->input_size, MSG_DONTWAIT);
        if (n < 0)
                return errno == EAGAIN || errno == EINTR ? 0 : -errno;
        if (n == 0)
                return -ECONNRESET;

        start = p->input;
        p->input_size += (size_t) n;
        while ((end = memchr(start, '\n', p->input_size - (size_t) (start - p->input)))) {
                poll_on_line(p, start, (size_t) (end - start));
                start = end + 1;
        }

        p->input_size -= (size_t) (start - p->input);
        memmove(p->input, start, p->input_size);
        return 0;
}

static int poll_on_io(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
        PollLink *p = userdata;
        int r = 0;

        if (revents & EPOLLOUT)
                r = poll_flush(p);
        if (r >= 0 && (revents & EPOLLIN))
                r = poll_read(p);
        else if (r >= 0 && (revents & (EPOLLHUP | EPOLLERR)))
                r = -ECONNRESET;
        if (r < 0) {
                log_notice("%s has gone (%s); hosts go stale until it is back.", kinds[p->kind].name,
                           strerror(-r));
                poll_disconnect(p);
        }

        return 0;
}

static int poll_accept(PollLink *p)
{
        _cleanup_close_ int fd = -EBADF;
        struct ucred peer;
        socklen_t size = sizeof(peer);
        Host *h, *next;
        int r;

        fd = accept4(p->listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0)
                return -errno;
        if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0)
                return -errno;
        if (peer.uid != p->manager->worker_uid)
                return SYNTHETIC_ERRNO(EPERM);

        poll_disconnect(p);
        r = sd_event_add_io(p->manager->event, &p->source, fd, EPOLLIN, poll_on_io, p);
        if (r < 0)
                return r;
        p->fd = TAKE_FD(fd);
        manager_emit_changed(p->manager, "Health");

        log_info("%s is connected.", kinds[p->kind].name);
        r = poll_send_config(p);
        if (r < 0)
                return r;
        HASH_ITER(hh, p->manager->hosts, h, next)
                if (poll_asks(p, h))
                        poll_put(p, h);
        queue_kick(p->manager);
        return 0;
}

static int poll_on_connection(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
        int r;

        r = poll_accept(userdata);
        if (r < 0)
                log_warning_errno(r, "Refused a connection to a poller's socket: %m");
        return 0;
}

int poll_new(Manager *m, PollKind kind, PollLink **ret)
{
        struct sockaddr_un sa = { .sun_family = AF_UNIX };
        const char *path = kinds[kind].path;
        _cleanup_(poll_freep) PollLink *p = NULL;
        int r;

        p = new0(PollLink, 1);
        if (!p)
                return -ENOMEM;
        assert(strlen(path) < sizeof(sa.sun_path));
        memcpy(sa.sun_path, path, strlen(path));
        *p = (PollLink){ .manager = m, .kind = kind, .listen_fd = -EBADF, .fd = -EBADF };

        p->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (p->listen_fd < 0)
                return -errno;
        if (unlink(path) < 0 && errno != ENOENT)
                return -errno;
        if (bind(p->listen_fd, (struct sockaddr *) &sa, sizeof(sa)) < 0 ||
            chown(path, (uid_t) -1, m->worker_gid) < 0 || chmod(path, 0660) < 0 ||
            listen(p->listen_fd, 4) < 0)
                return -errno;
        r = sd_event_add_io(m->event, &p->listen_source, p->listen_fd, EPOLLIN, poll_on_connection, p);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(p);
        return 0;
}
