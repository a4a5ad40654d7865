/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <signal.h>
#include <sys/prctl.h>
#include <systemd/sd-daemon.h>

#include "basic/log.h"
#include "basic/string-util.h"
#include "basic/strv.h"
#include "basic/time-util.h"
#include "shared/names.h"
#include "shared/poll-client.h"
#include "truenas/calls.h"

/* burnin-truenas: asks every host of kind "truenas" by its API, and tells burnind as the poller does. A process of its own, since
 * it parses what HTTP and TLS bring in, and has the API keys but not the SSH key. */

#define INTERVAL_MIN    USEC_PER_SEC
#define TIMEOUT_DEFAULT (60 * USEC_PER_SEC)

typedef struct Server {
        sd_event *event;
        sd_event_source *forget;
        HttpClient *http;
        PollClient *client;
        Calls *calls;
        NasConfig config;
        bool configured;
        Nas **nases;
        size_t n;
} Server;

static void server_send(struct json_object *o, void *userdata)
{
        poll_client_send(((Server *) userdata)->client, o);
}

static Nas *find_nas(const char *name, void *userdata)
{
        const Server *s = userdata;

        for (size_t i = 0; i < s->n; i++)
                if (streq(nas_name(s->nases[i]), name))
                        return s->nases[i];

        return NULL;
}

static void remove_nas(Server *s, const char *name)
{
        for (size_t i = 0; i < s->n; i++)
                if (streq(nas_name(s->nases[i]), name)) {
                        nas_free(s->nases[i]);
                        s->nases[i] = s->nases[--s->n];
                        return;
                }
}

static int on_config(Server *s, struct json_object *o)
{
        NasConfig c = { .timeout_usec = TIMEOUT_DEFAULT };
        int r;

        if (json_get_u64(o, "interval_usec", &c.interval_usec) <= 0 ||
            json_get_u64(o, "timeout_usec", &c.timeout_usec) < 0)
                return -EBADMSG;
        c.interval_usec = MAX(c.interval_usec, INTERVAL_MIN);
        r = poll_client_read_strings(o, "boot_pools", &c.boot_pools);
        if (r < 0)
                return r;

        strv_free(s->config.boot_pools);
        s->config = c;
        s->configured = true;
        return 0;
}

static int on_host(Server *s, struct json_object *o, const char *name)
{
        _cleanup_(erase_and_freep) char *key = NULL;
        _cleanup_(nas_freep) Nas *fresh = NULL;
        const char *url, *pin = NULL;
        Nas *n = find_nas(name, s), **l;
        bool verify = true;
        int r;

        /* First, since it has to leave the queue in any case. */
        r = poll_client_take_key(s->client, &key);
        if (r < 0)
                return r;
        if (json_get_string(o, "url", &url) <= 0 || json_get_string(o, "pin", &pin) < 0 ||
            json_get_bool(o, "verify", &verify) < 0)
                return -EBADMSG;

        if (!n) {
                if (s->n >= HOSTS_MAX)
                        return -E2BIG;
                l = reallocarray(s->nases, s->n + 1, sizeof(Nas *));
                if (!l)
                        return -ENOMEM;
                s->nases = l;
                r = nas_new(s->event, s->http, name, &s->config, server_send, s, &fresh);
                if (r < 0)
                        return r;
        }
        r = nas_configure(n ?: fresh, url, key, pin, verify);
        if (r < 0)
                return r;
        if (fresh)
                s->nases[s->n++] = TAKE_PTR(fresh);

        return 0;
}

static int on_line(PollClient *c, struct json_object *o, void *userdata)
{
        const char *op, *name;
        Server *s = userdata;
        Nas *n;
        int r;

        if (json_get_string(o, "op", &op) <= 0)
                return -EBADMSG;
        if (streq(op, "config"))
                return on_config(s, o);
        if (json_get_string(o, "name", &name) <= 0 || !s->configured)
                return -EBADMSG;

        if (streq(op, "host")) {
                r = on_host(s, o, name);
                /* One host that cannot be set up is no reason to leave the others alone. */
                if (r < 0)
                        (void) log_warning_errno(r, "Failed to set up host %s: %m", name);
        } else if (streq(op, "remove"))
                remove_nas(s, name);
        else if (streq(op, "refresh")) {
                n = find_nas(name, s);
                if (n)
                        nas_refresh(n);
        } else
                return -EBADMSG;

        return 0;
}

static int on_forget(sd_event_source *source, void *userdata)
{
        Server *s = userdata;

        while (s->n > 0)
                nas_free(s->nases[--s->n]);
        return 0;
}

/* burnind names every host anew when it is back; until then nobody wants to know. Not at once: one of them may be just telling
 * something. */
static void on_disconnected(void *userdata)
{
        Server *s = userdata;

        s->configured = false;
        if (sd_event_source_set_enabled(s->forget, SD_EVENT_ONESHOT) < 0)
                (void) sd_event_exit(s->event, EXIT_FAILURE);
}

static void server_done(Server *s)
{
        s->client = poll_client_free(s->client);
        s->calls = calls_free(s->calls);
        sd_event_source_disable_unref(s->forget);
        while (s->n > 0)
                nas_free(s->nases[--s->n]);
        free(s->nases);
        http_client_free(s->http);
        strv_free(s->config.boot_pools);
        sd_event_unref(s->event);
}

static int server_new(Server *s)
{
        static const PollClientHandler handler = { on_line, NULL, on_disconnected };
        sigset_t mask;
        int r;

        *s = (Server){ 0 };
        if (sigemptyset(&mask) < 0 || sigaddset(&mask, SIGTERM) < 0 || sigaddset(&mask, SIGINT) < 0 ||
            sigprocmask(SIG_BLOCK, &mask, NULL) < 0)
                return -errno;
        r = sd_event_new(&s->event);
        if (r < 0)
                return r;
        /* Without a handler of its own, a signal ends the loop. */
        if ((r = sd_event_add_signal(s->event, NULL, SIGTERM, NULL, NULL)) < 0 ||
            (r = sd_event_add_signal(s->event, NULL, SIGINT, NULL, NULL)) < 0 ||
            (r = sd_event_set_watchdog(s->event, true)) < 0 ||
            (r = sd_event_add_defer(s->event, &s->forget, on_forget, s)) < 0 ||
            (r = sd_event_source_set_enabled(s->forget, SD_EVENT_OFF)) < 0 ||
            (r = http_client_new(s->event, &s->http)) < 0 ||
            (r = calls_new(s->event, PATH_TRUENAS_CALLS, find_nas, s, &s->calls)) < 0)
                return r;

        return poll_client_new(s->event, PATH_TRUENAS_SOCKET, &handler, s, &s->client);
}

int main(int argc, char *argv[])
{
        _cleanup_(server_done) Server s;
        int r;

        log_open("burnin-truenas");

        /* The API keys pass through this process: no core file, no ptrace, no /proc/PID/mem. */
        if (prctl(PR_SET_DUMPABLE, 0) < 0 || signal(SIGPIPE, SIG_IGN) == SIG_ERR)
                return EXIT_FAILURE;

        r = server_new(&s);
        if (r < 0) {
                (void) log_error_errno(r, "Failed to set up: %m");
                return EXIT_FAILURE;
        }

        (void) sd_notify(false, "READY=1");
        r = sd_event_loop(s.event);
        (void) sd_notify(false, "STOPPING=1");
        if (r < 0)
                (void) log_error_errno(r, "Failed to run the event loop: %m");
        return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
