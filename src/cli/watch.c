/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <signal.h>
#include <systemd/sd-event.h>
#include <termios.h>

#include "basic/fd-util.h"
#include "basic/time-util.h"
#include "cli/format.h"
#include "shared/message-json.h"
#include "cli/verbs.h"

/* On a terminal the overview, redrawn in place when something has changed; elsewhere one line per signal. */

#define REDRAW_DELAY    (USEC_PER_SEC / 4) /* signals come in bursts: one drawing for each */
#define REDRAW_INTERVAL (5 * USEC_PER_SEC) /* times to go count down without a signal */
/* Nothing that is asked here waits for a person; while an answer does not come, neither do keys and signals. */
#define CALL_TIMEOUT (5 * USEC_PER_SEC)

typedef struct Watch {
        Cli *cli;
        sd_event *event;
        sd_event_source *timer_source, *input_source;
        uint64_t next_usec;
        size_t lines;
        struct termios termios;
        bool raw;
} Watch;

static void watch_schedule(Watch *w, uint64_t delay)
{
        uint64_t at = now_usec(CLOCK_MONOTONIC) + delay;

        if (at >= w->next_usec)
                return;
        w->next_usec = at;
        (void) sd_event_source_set_time(w->timer_source, at);
        (void) sd_event_source_set_enabled(w->timer_source, SD_EVENT_ONESHOT);
}

static int watch_on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
        _cleanup_free_ char *text = NULL;
        Watch *w = userdata;
        Cli *c = w->cli;
        size_t size = 0;
        char now[FORMAT_MAX];
        FILE *f;
        int r;

        w->next_usec = USEC_INFINITY;
        terminal_inspect(c);
        f = open_memstream(&text, &size);
        if (!f)
                return cli_oom(c);

        (void) fprintf(f, "%s%s%s   (q: quit)\n\n", style_on(STYLE_DIM, c->colour),
                       format_local(now, now_usec(CLOCK_REALTIME)), style_off(STYLE_DIM, c->colour));
        c->keep_failure = true;
        r = status_print(c, f, c->rows > 2 ? c->rows - 2 : 0);
        c->keep_failure = false;
        /* burnind may be restarted under our eyes: the view says so and comes back with it. */
        if (r < 0)
                (void) fprintf(f, "\n%s%s%s\n", style_on(STYLE_RED, c->colour), strempty(c->failure),
                               style_off(STYLE_RED, c->colour));
        if (fclose(f) != 0)
                return cli_oom(c);

        (void) fputs("\033[H", stdout);
        w->lines = 0;
        terminal_redraw(text, c->rows, &w->lines);

        if (sd_bus_is_open(c->bus) <= 0)
                return sd_event_exit(w->event, STATUS_ERROR);
        watch_schedule(w, REDRAW_INTERVAL);
        return 0;
}

/* "Name=value" for each of the properties that have changed. */
static void watch_print_changed(struct json_object *changed)
{
        json_object_object_foreach(changed, key, value)
        {
                _cleanup_free_ char *k = text_clean(key, false), *v = NULL;

                v = text_clean(value ? json_object_get_string(value) : "null", false);
                if (k && v)
                        (void) printf(" %s=%s", k, v);
        }
}

static void watch_print_line(sd_bus_message *m, struct json_object *args)
{
        struct json_object *interface = json_object_array_get_idx(args, 0),
                           *changed = json_object_array_get_idx(args, 1);
        const char *name;
        char now[FORMAT_MAX];

        (void) printf("%s %s", format_local(now, now_usec(CLOCK_REALTIME)), sd_bus_message_get_path(m));

        if (sd_bus_message_is_signal(m, "org.freedesktop.DBus", "NameOwnerChanged") > 0) {
                struct json_object *owner = json_object_array_get_idx(args, 2);

                (void) printf(" %s", owner && isempty(json_object_get_string(owner)) ? "burnind has gone"
                                                                                     : "burnind is there");
        } else if (sd_bus_message_is_signal(m, "org.freedesktop.DBus.Properties", "PropertiesChanged") > 0 &&
                   json_object_is_type(interface, json_type_string) &&
                   json_object_is_type(changed, json_type_object)) {
                _cleanup_free_ char *text = text_clean(json_object_get_string(interface), false);

                name = text ? strrchr(text, '.') : NULL;
                (void) printf(" %s", name ? name + 1 : strempty(text));
                watch_print_changed(changed);
        } else {
                (void) printf(" %s", sd_bus_message_get_member(m));
                for (size_t i = 0; i < json_object_array_length(args); i++) {
                        struct json_object *o = json_object_array_get_idx(args, i);
                        _cleanup_free_ char *text =
                                        text_clean(o ? json_object_get_string(o) : "null", false);

                        (void) printf(" %s", strempty(text));
                }
        }

        (void) fputc('\n', stdout);
}

static int watch_print_signal(Cli *c, sd_bus_message *m)
{
        _cleanup_json_ struct json_object *o = NULL, *args = NULL;
        struct json_object *arg;
        int r;

        o = json_object_new_object();
        args = json_object_new_array();
        if (!o || !args)
                return cli_oom(c);

        while ((r = message_read_json(m, &arg)) > 0)
                if (json_object_array_add(args, arg) < 0) {
                        json_object_put(arg);
                        return cli_oom(c);
                }
        if (r < 0)
                return 0; /* nothing that we could show */

        if (c->json == JSON_OFF)
                watch_print_line(m, args);
        else {
                if (json_put_u64(o, "TimeUSec", now_usec(CLOCK_REALTIME)) < 0 ||
                    json_put_string(o, "Object", sd_bus_message_get_path(m)) < 0 ||
                    json_put_string(o, "Interface", sd_bus_message_get_interface(m)) < 0 ||
                    json_put_string(o, "Signal", sd_bus_message_get_member(m)) < 0 ||
                    json_put(o, "Arguments", TAKE_PTR(args)) < 0)
                        return cli_oom(c);
                r = cli_print_json(c, o);
                if (r < 0)
                        return r;
        }

        return fflush(stdout) == 0 ? 0 : -EIO;
}

static int watch_on_message(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        Watch *w = userdata;

        if (w->raw) {
                watch_schedule(w, REDRAW_DELAY);
                return 0;
        }

        /* Whoever read our lines has closed the pipe. */
        if (watch_print_signal(w->cli, m) < 0)
                return sd_event_exit(w->event, STATUS_OK);
        return 0;
}

static int watch_on_winch(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata)
{
        watch_schedule(userdata, 0);
        return 0;
}

static int watch_on_input(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
        Watch *w = userdata;
        char keys[64];
        ssize_t n;

        n = read(fd, keys, sizeof(keys));
        if (n <= 0 || memchr(keys, 'q', (size_t) n) || memchr(keys, 'Q', (size_t) n))
                return sd_event_exit(w->event, STATUS_OK);

        watch_schedule(w, 0);
        return 0;
}

/* The alternate screen, without cursor and echo; what was there before comes back at the end. */
static void watch_screen(Watch *w, bool on)
{
        struct termios t = w->termios;

        if (!w->raw)
                return;
        if (w->input_source) {
                t.c_lflag &= ~(tcflag_t) (ICANON | ECHO);
                (void) tcsetattr(STDIN_FILENO, TCSADRAIN, on ? &t : &w->termios);
        }
        (void) fputs(on ? "\033[?1049h\033[?25l" : "\033[?25h\033[?1049l", stdout);
        (void) fflush(stdout);
}

/* As the shell expects it: while we are stopped the terminal is as it was before. */
static int watch_on_tstp(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata)
{
        Watch *w = userdata;

        watch_screen(w, false);
        (void) raise(SIGSTOP);
        watch_screen(w, true);
        watch_schedule(w, 0);
        return 0;
}

static int watch_setup(Watch *w)
{
        static const int stop[] = { SIGINT, SIGTERM, SIGHUP };
        sigset_t mask;
        int r;

        (void) sigemptyset(&mask);
        for (size_t i = 0; i < ELEMENTSOF(stop); i++)
                (void) sigaddset(&mask, stop[i]);
        if (w->cli->terminal && w->cli->json == JSON_OFF) {
                (void) sigaddset(&mask, SIGWINCH);
                (void) sigaddset(&mask, SIGTSTP);
        }
        if (sigprocmask(SIG_BLOCK, &mask, NULL) < 0)
                return -errno;

        r = sd_event_default(&w->event);
        if (r < 0)
                return r;
        /* No handler: a signal ends the loop. */
        for (size_t i = 0; i < ELEMENTSOF(stop); i++) {
                r = sd_event_add_signal(w->event, NULL, stop[i], NULL, (void *) (intptr_t) STATUS_OK);
                if (r < 0)
                        return r;
        }
        r = sd_event_add_time(w->event, &w->timer_source, CLOCK_MONOTONIC, UINT64_MAX, 0, watch_on_timer, w);
        if (r < 0)
                return r;
        r = sd_bus_attach_event(w->cli->bus, w->event, SD_EVENT_PRIORITY_NORMAL);
        if (r < 0)
                return r;
        (void) sd_bus_set_exit_on_disconnect(w->cli->bus, true);

        if (!w->cli->terminal || w->cli->json != JSON_OFF)
                return 0;
        (void) sd_bus_set_method_call_timeout(w->cli->bus, CALL_TIMEOUT);
        r = sd_event_add_signal(w->event, NULL, SIGWINCH, watch_on_winch, w);
        if (r >= 0)
                r = sd_event_add_signal(w->event, NULL, SIGTSTP, watch_on_tstp, w);
        if (r < 0)
                return r;
        if (tcgetattr(STDIN_FILENO, &w->termios) >= 0) {
                r = sd_event_add_io(w->event, &w->input_source, STDIN_FILENO, EPOLLIN, watch_on_input, w);
                if (r < 0)
                        return r;
        }
        w->raw = true;
        return 0;
}

int verb_watch(Cli *c, char **args, size_t n)
{
        sd_bus_slot *slots[CLI_MATCHES] = {};
        Watch w = {
                .cli = c,
                .next_usec = USEC_INFINITY,
        };
        int r;

        r = watch_setup(&w);
        if (r < 0)
                r = cli_fail(c, STATUS_ERROR, "Failed to set up the view: %s", strerror(-r));
        else
                r = cli_match_signals(c, watch_on_message, &w, slots);
        if (r >= 0) {
                watch_screen(&w, true);
                if (w.raw)
                        watch_schedule(&w, 0);
                r = sd_event_loop(w.event);
                watch_screen(&w, false);
                /* The bus ends the loop with a failure when it is lost; the loop closes the bus at any end. */
                if (r != STATUS_OK)
                        r = cli_fail(c, STATUS_ERROR, "Lost the connection to the bus.");
        }

        for (size_t i = 0; i < CLI_MATCHES; i++)
                sd_bus_slot_unref(slots[i]);
        (void) sd_bus_detach_event(c->bus);
        sd_event_source_disable_unref(w.timer_source);
        sd_event_source_disable_unref(w.input_source);
        sd_event_unref(w.event);
        return r;
}
