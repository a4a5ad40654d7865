/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <signal.h>
#include <systemd/sd-daemon.h>

#include "basic/log.h"
#include "basic/string-util.h"
#include "basic/strv.h"
#include "basic/time-util.h"
#include "shared/names.h"
#include "shared/poll-client.h"
#include "worker/poll-host.h"
#include "worker/poll.h"

/* burnin-poll.service: the loop around poll-host.c. It has no state of its own to lose: burnind says what is to be polled each
 * time they meet, and hears everything anew. Hosts and their connections survive a burnind that is away for a while. */

#define CONNECTING_MAX  8U /* hosts that are connected to at the same time */
#define FORGET_USEC     USEC_PER_MINUTE
#define INTERVAL_MIN    USEC_PER_SEC
#define TIMEOUT_DEFAULT (60 * USEC_PER_SEC)

typedef struct Poll {
        sd_event *event;
        sd_event_source *timer;
        PollClient *client;
        PollConfig config;
        bool configured, freeing;
        PollHost **hosts;
        size_t n_hosts;
} Poll;

static void poll_kick(Poll *p);

static PollHost *find_host(const Poll *p, const char *name)
{
        for (size_t i = 0; i < p->n_hosts; i++)
                if (streq(poll_host_name(p->hosts[i]), name))
                        return p->hosts[i];

        return NULL;
}

/* --- to burnind --- */

static void poll_send(struct json_object *o, void *userdata)
{
        Poll *p = userdata;

        if (p->freeing)
                json_object_put(o);
        else
                poll_client_send(p->client, o);
}

/* --- from burnind --- */

static int on_config(Poll *p, struct json_object *o)
{
        PollConfig c = { .timeout_usec = TIMEOUT_DEFAULT };
        int r;

        if (json_get_u64(o, "interval_usec", &c.interval_usec) <= 0 ||
            json_get_u64(o, "smart_interval_usec", &c.smart_interval_usec) <= 0 ||
            json_get_u64(o, "timeout_usec", &c.timeout_usec) < 0 ||
            json_get_bool(o, "loop_drives", &c.loop_drives) < 0)
                return -EBADMSG;
        c.interval_usec = MAX(c.interval_usec, INTERVAL_MIN);
        r = poll_client_read_strings(o, "boot_pools", &c.boot_pools);
        if (r < 0)
                return r;

        strv_free(p->config.boot_pools);
        p->config = c;
        p->configured = true;
        for (size_t i = 0; i < p->n_hosts; i++)
                poll_host_on_config(p->hosts[i]);
        return 0;
}

static void on_cycle_done(void *userdata)
{
        Poll *p = userdata;

        if (!p->freeing)
                poll_kick(p);
}

static int on_host(Poll *p, struct json_object *o, const char *name)
{
        _cleanup_(erase_and_freep) char *key = NULL;
        _cleanup_(host_target_done) HostTarget target = { 0 };
        _cleanup_(poll_host_freep) PollHost *fresh = NULL;
        struct json_object *t;
        PollHost *h = find_host(p, name);
        int r;

        /* First, since it has to leave the queue in any case. */
        r = poll_client_take_key(p->client, &key);
        if (r < 0)
                return r;
        if (json_get(o, "target", json_type_object, &t) <= 0)
                return -EBADMSG;
        r = host_target_from_json(t, &target);
        if (r < 0)
                return r;

        if (!h) {
                PollHost **l;

                if (p->n_hosts >= HOSTS_MAX)
                        return -E2BIG;
                r = poll_host_new(p->event, name, &p->config, poll_send, on_cycle_done, p, &fresh);
                if (r < 0)
                        return r;
                l = reallocarray(p->hosts, p->n_hosts + 1, sizeof(PollHost *));
                if (!l)
                        return -ENOMEM;
                p->hosts = l;
        }
        r = poll_host_configure(h ?: fresh, &target, key);
        if (r < 0)
                return r;
        if (fresh)
                p->hosts[p->n_hosts++] = TAKE_PTR(fresh);

        return 0;
}

static void remove_host(Poll *p, size_t i)
{
        PollHost *h = p->hosts[i];

        memmove(p->hosts + i, p->hosts + i + 1, (--p->n_hosts - i) * sizeof(PollHost *));
        poll_host_free(h);
}

static int on_remove(Poll *p, struct json_object *o, const char *name)
{
        for (size_t i = 0; i < p->n_hosts; i++)
                if (streq(poll_host_name(p->hosts[i]), name)) {
                        remove_host(p, i);
                        return 0;
                }

        return 0;
}

static int on_refresh(Poll *p, struct json_object *o, const char *name)
{
        PollHost *h = find_host(p, name);

        if (h)
                poll_host_refresh(h);
        return 0;
}

static int on_watch(Poll *p, struct json_object *o, const char *name)
{
        _cleanup_strv_free_ char **knames = NULL;
        PollHost *h = find_host(p, name);
        int r;

        r = poll_client_read_strings(o, "knames", &knames);
        if (r < 0)
                return r;

        return h ? poll_host_watch(h, knames) : 0;
}

/* What every question about a drive has. */
static int question_read(struct json_object *o, uint64_t *ret_id, const char **ret_kname,
                         DriveIdentity *ret_identity)
{
        struct json_object *i;

        if (json_get_u64(o, "id", ret_id) <= 0 || json_get_string(o, "kname", ret_kname) <= 0 ||
            json_get(o, "identity", json_type_object, &i) <= 0)
                return -EBADMSG;

        return drive_identity_from_json(i, ret_identity);
}

static int answer_not_polled(Poll *p, const char *op, const char *name, uint64_t id)
{
        struct json_object *answer = json_object_new_object();

        if (!answer || json_put_string(answer, "op", op) < 0 || json_put_string(answer, "name", name) < 0 ||
            json_put_u64(answer, "id", id) < 0 || json_put_bool(answer, "ok", false) < 0 ||
            json_put_string(answer, "reason", "the host is not polled") < 0 ||
            json_put_bool(answer, "again", true) < 0) {
                json_object_put(answer);
                return -ENOMEM;
        }
        poll_send(answer, p);
        return 0;
}

static int on_fingerprint(Poll *p, struct json_object *o, const char *name)
{
        _cleanup_(drive_identity_done) DriveIdentity identity = { 0 };
        PollHost *h = find_host(p, name);
        const char *kname;
        uint64_t id;
        int r;

        r = question_read(o, &id, &kname, &identity);
        if (r < 0)
                return r;
        if (!h)
                return answer_not_polled(p, "fingerprint", name, id);

        poll_host_fingerprint(h, id, kname, strempty(identity.fingerprint));
        return 0;
}

static int on_locate(Poll *p, struct json_object *o, const char *name)
{
        _cleanup_(drive_identity_done) DriveIdentity identity = { 0 };
        PollHost *h = find_host(p, name);
        const char *kname;
        uint32_t seconds;
        uint64_t id;
        int r;

        r = question_read(o, &id, &kname, &identity);
        if (r < 0)
                return r;
        if (json_get_u32(o, "seconds", &seconds) <= 0)
                return -EBADMSG;
        if (!h)
                return answer_not_polled(p, "locate", name, id);

        poll_host_locate(h, id, kname, strempty(identity.fingerprint), seconds);
        return 0;
}

static int on_line(PollClient *c, struct json_object *o, void *userdata)
{
        static const struct {
                const char *op;
                int (*handle)(Poll *p, struct json_object *o, const char *name);
        } ops[] = {
                { "host", on_host },   { "remove", on_remove },           { "refresh", on_refresh },
                { "watch", on_watch }, { "fingerprint", on_fingerprint }, { "locate", on_locate },
        };
        const char *op, *name;
        Poll *p = userdata;

        if (json_get_string(o, "op", &op) <= 0)
                return -EBADMSG;
        if (streq(op, "config"))
                return on_config(p, o);
        if (json_get_string(o, "name", &name) <= 0)
                return -EBADMSG;

        for (size_t i = 0; i < ELEMENTSOF(ops); i++)
                if (streq(op, ops[i].op)) {
                        int r = p->configured ? ops[i].handle(p, o, name) : -EBADMSG;

                        /* One host that cannot be set up is no reason to leave the others alone. */
                        if (r < 0)
                                (void) log_warning_errno(r, "Failed to do '%s' for host %s: %m", op, name);
                        return 0;
                }

        return -EBADMSG;
}

static void on_read(void *userdata)
{
        poll_kick(userdata);
}

static void on_disconnected(void *userdata)
{
        Poll *p = userdata;

        for (size_t i = 0; i < p->n_hosts; i++)
                poll_host_suspend(p->hosts[i]);
        p->configured = false;
}

/* --- the hosts --- */

/* Hosts that burnind has not named since it came back are not its any more. */
static void forget_hosts(Poll *p, uint64_t now)
{
        uint64_t since = poll_client_connected_usec(p->client);

        if (since == 0 || now - since < FORGET_USEC)
                return;

        for (size_t i = p->n_hosts; i > 0; i--)
                if (poll_host_is_suspended(p->hosts[i - 1]))
                        remove_host(p, i - 1);
}

/* Starts what is due, most overdue first, as far as the limit of simultaneous connects allows. */
static void start_due(Poll *p, uint64_t now)
{
        size_t connecting = 0;

        for (size_t i = 0; i < p->n_hosts; i++)
                connecting += poll_host_is_connecting(p->hosts[i]);

        for (;;) {
                PollHost *first = NULL;

                for (size_t i = 0; i < p->n_hosts; i++) {
                        PollHost *h = p->hosts[i];

                        if (poll_host_due(h) > now ||
                            (connecting >= CONNECTING_MAX && poll_host_must_connect(h)))
                                continue;
                        if (!first || poll_host_due(h) < poll_host_due(first))
                                first = h;
                }
                if (!first)
                        return;

                connecting += poll_host_must_connect(first);
                poll_host_start_cycle(first);
        }
}

static int on_timer(sd_event_source *s, uint64_t usec, void *userdata)
{
        uint64_t now = now_usec(CLOCK_MONOTONIC), next = now + FORGET_USEC;
        Poll *p = userdata;
        int r;

        forget_hosts(p, now);
        for (size_t i = 0; i < p->n_hosts; i++)
                if (poll_host_deadline(p->hosts[i]) <= now)
                        poll_host_end_hung(p->hosts[i]);
        if (poll_client_connected_usec(p->client) > 0)
                start_due(p, now);

        /* One that is due and could not start is started when another one ends. */
        for (size_t i = 0; i < p->n_hosts; i++) {
                uint64_t due = poll_host_due(p->hosts[i]);

                if (due > now)
                        next = MIN(next, due);
                next = MIN(next, poll_host_deadline(p->hosts[i]));
        }
        r = sd_event_source_set_time(s, next);
        if (r < 0)
                return r;

        return sd_event_source_set_enabled(s, SD_EVENT_ONESHOT);
}

/* Not at once: this may be the middle of a host's callback. */
static void poll_kick(Poll *p)
{
        if (sd_event_source_set_time(p->timer, 0) < 0 ||
            sd_event_source_set_enabled(p->timer, SD_EVENT_ONESHOT) < 0)
                (void) sd_event_exit(p->event, EXIT_FAILURE);
}

static int poll_new(Poll *p)
{
        static const PollClientHandler handler = { on_line, on_read, on_disconnected };
        sigset_t mask;
        int r;

        *p = (Poll){ 0 };
        if (sigemptyset(&mask) < 0 || sigaddset(&mask, SIGTERM) < 0 || sigaddset(&mask, SIGINT) < 0 ||
            sigprocmask(SIG_BLOCK, &mask, NULL) < 0)
                return -errno;
        r = sd_event_new(&p->event);
        if (r < 0)
                return r;
        /* Without a handler of its own, a signal ends the loop. */
        if ((r = sd_event_add_signal(p->event, NULL, SIGTERM, NULL, NULL)) < 0 ||
            (r = sd_event_add_signal(p->event, NULL, SIGINT, NULL, NULL)) < 0 ||
            (r = sd_event_set_watchdog(p->event, true)) < 0 ||
            (r = sd_event_add_time(p->event, &p->timer, CLOCK_MONOTONIC, 0, USEC_PER_MSEC, on_timer, p)) < 0)
                return r;

        return poll_client_new(p->event, PATH_POLL_SOCKET, &handler, p, &p->client);
}

static void poll_done(Poll *p)
{
        p->freeing = true;
        p->timer = sd_event_source_disable_unref(p->timer);
        while (p->n_hosts > 0)
                remove_host(p, p->n_hosts - 1);
        free(p->hosts);
        strv_free(p->config.boot_pools);
        poll_client_free(p->client);
        sd_event_unref(p->event);
}

int poll_run(void)
{
        _cleanup_(poll_done) Poll p;
        int r;

        log_open("burnin-poll");

        r = poll_new(&p);
        if (r < 0)
                return log_error_errno(r, "Failed to set up the poller: %m");

        (void) sd_notify(false, "READY=1");
        r = sd_event_loop(p.event);
        (void) sd_notify(false, "STOPPING=1");

        return r < 0 ? log_error_errno(r, "Failed to run the event loop: %m") : 0;
}
