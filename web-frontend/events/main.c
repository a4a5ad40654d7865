/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* burnin-events: one process and one connection to the bus for all browsers that look. It has no rights: what it tells anybody on
 * the bus may see, and whose session it is it asks burnind. */

#include <signal.h>
#include <sys/socket.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>
#include <utlist.h>

#include "basic/log.h"
#include "basic/string-util.h"
#include "basic/time-util.h"
#include "events/mirror.h"
#include "events/stream.h"
#include "events/watch.h"
#include "shared/message-json.h"
#include "shared/names.h"

#define STREAMS_MAX 1024U
/* The bus lets a connection wait for 128 answers, burnind for 64 that polkit has a say in. What is refused for that is no answer about a
 * session, so the rest waits here. */
#define CHECKS_MAX 32U
/* Changes that come together are told together. The first one after a pause is told at once. */
#define TELL_USEC (200 * USEC_PER_MSEC)
/* Sessions are checked when burnind says that some may have ended, when the first of them ends by itself, and however that be. */
#define CHECK_USEC     (60 * USEC_PER_SEC)
#define CHECK_MIN_USEC (1 * USEC_PER_SEC) /* between two times, whatever is said */
#define CALL_USEC      (25 * USEC_PER_SEC)
#define ACCURACY_USEC  (5 * USEC_PER_MSEC)

#define CANNOT_ASK "burnind cannot be asked."

typedef struct Events Events;

typedef struct Viewer {
        struct Viewer *prev, *next;
        Events *events;
        Stream *stream;
        sd_bus_slot *check_slot;
        bool waits;   /* to be checked */
        bool welcome; /* was checked, and waits until there is all to see */
} Viewer;

struct Events {
        sd_event *event;
        sd_bus *bus;
        Mirror *mirror;
        Watch *watch;
        Viewer *viewers;
        size_t n_viewers, n_checks;
        sd_event_source *listen_source, *tell_timer, *recheck_timer, *more_source;
        sd_bus_slot *matches[2]; /* of sessions */
        uint64_t told_usec, checked_usec;
        bool ready; /* as far as was told */
};

static void check_done(Viewer *v)
{
        if (!v->check_slot)
                return;
        v->check_slot = sd_bus_slot_unref(v->check_slot);
        v->events->n_checks--;
        (void) sd_event_source_set_enabled(v->events->more_source, SD_EVENT_ONESHOT);
}

static Viewer *viewer_free(Viewer *v)
{
        if (!v)
                return NULL;
        check_done(v);
        stream_free(v->stream);
        DL_DELETE(v->events->viewers, v);
        v->events->n_viewers--;
        if (v->events->n_viewers == 0)
                watch_set_idle(v->events->watch, true);
        free(v);
        return NULL;
}

static void on_gone(Stream *s, void *userdata)
{
        viewer_free(userdata);
}

static void events_recheck_by(Events *e, uint64_t usec)
{
        uint64_t planned;

        usec = MAX(usec, e->checked_usec + CHECK_MIN_USEC);
        if (sd_event_source_get_time(e->recheck_timer, &planned) >= 0 && usec < planned)
                (void) sd_event_source_set_time(e->recheck_timer, usec);
}

/* The session goes on, until it says. */
static void viewer_take_session(Viewer *v, sd_bus_message *m)
{
        _cleanup_json_ struct json_object *session = NULL;
        uint64_t ends, now = now_usec(CLOCK_REALTIME);

        if (message_read_json(m, &session) > 0 && json_get_u64(session, "IdleUSec", &ends) > 0)
                events_recheck_by(v->events, now_usec(CLOCK_MONOTONIC) + (ends > now ? ends - now : 0));
}

/* May free the viewer. What burnind has not told of yet must not look as if it were not there. */
static void viewer_open(Viewer *v)
{
        if (!v->welcome || !watch_is_ready(v->events->watch))
                return;
        v->welcome = false;
        stream_open(v->stream);
}

static void stream_refuse_unavailable(Stream *s, const char *words)
{
        stream_refuse(s, "503 Service Unavailable", "DaemonDown", words);
}

/* Only what burnind says of the session itself counts against it: polkit or the store may be away for a moment. */
static void viewer_refuse(Viewer *v, const sd_bus_error *e)
{
        bool ended = sd_bus_error_has_name(e, BUS_ERROR_SESSION_ENDED),
             barred = sd_bus_error_has_name(e, BUS_ERROR_ADDRESS_NOT_ALLOWED);

        if (stream_is_open(v->stream)) {
                /* What cannot be asked now is asked again. */
                if (ended || barred)
                        stream_end(v->stream);
        } else if (ended)
                stream_refuse(v->stream, "401 Unauthorized", "NotLoggedIn", "Log in first.");
        else if (barred)
                stream_refuse(v->stream, "403 Forbidden", "AddressNotAllowed", e->message);
        else
                stream_refuse_unavailable(v->stream,
                                          "burnind does not run, or cannot tell whose session that is.");
}

/* The answer of Check: for a request that waits for it, and for a stream whose session may have ended. */
static int on_checked(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        const sd_bus_error *e = sd_bus_message_get_error(m);
        Viewer *v = userdata;

        check_done(v);
        if (e) {
                viewer_refuse(v, e);
                return 0;
        }
        viewer_take_session(v, m);
        if (!stream_is_open(v->stream)) {
                v->welcome = true;
                viewer_open(v);
        }
        return 0;
}

static int append_peer(sd_bus_message *m, const Stream *s)
{
        int r;

        r = sd_bus_message_open_container(m, 'a', "{sv}");
        if (r >= 0 && !isempty(stream_address(s)))
                r = sd_bus_message_append(m, "{sv}", "address", "s", stream_address(s));
        if (r >= 0 && !isempty(stream_forwarded(s)))
                r = sd_bus_message_append(m, "{sv}", "forwarded", "s", stream_forwarded(s));
        return r < 0 ? r : sd_bus_message_close_container(m);
}

static int check_ask(Viewer *v)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        int r;

        v->waits = false;
        r = sd_bus_message_new_method_call(v->events->bus, &m, BUS_NAME, BUS_PATH_ACCOUNTS,
                                           BUS_INTERFACE_ACCOUNTS, "Check");
        if (r < 0)
                return r;
        (void) sd_bus_message_set_auto_start(m, false);
        (void) sd_bus_message_sensitive(m);
        r = sd_bus_message_append(m, "s", stream_token(v->stream));
        if (r >= 0)
                r = append_peer(m, v->stream);
        if (r >= 0)
                r = sd_bus_call_async(v->events->bus, &v->check_slot, m, on_checked, v, CALL_USEC);
        if (r < 0)
                return r;

        v->events->n_checks++;
        return 0;
}

static int viewer_check(Viewer *v)
{
        if (v->check_slot)
                return 0;
        v->waits = v->events->n_checks >= CHECKS_MAX;
        return v->waits ? 0 : check_ask(v);
}

/* As many as there is room for, in the order in which they came. */
static int on_more(sd_event_source *source, void *userdata)
{
        Events *e = userdata;
        Viewer *v, *next;

        DL_FOREACH_SAFE(e->viewers, v, next)
                if (v->waits && viewer_check(v) < 0 && !stream_is_open(v->stream))
                        stream_refuse_unavailable(v->stream, CANNOT_ASK);
        return 0;
}

static void on_request(Stream *s, const char *token, void *userdata)
{
        Viewer *v = userdata;

        if (!token) {
                stream_refuse(s, "401 Unauthorized", "NotLoggedIn", "Log in first.");
                return;
        }
        if (viewer_check(v) < 0)
                stream_refuse_unavailable(s, CANNOT_ASK);
}

static const StreamHandler handler = { .request = on_request, .gone = on_gone };

static int on_connection(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
        Events *e = userdata;
        Viewer *v;
        int c, r;

        c = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (c < 0)
                return 0;
        if (e->n_viewers >= STREAMS_MAX) {
                (void) log_warning("More than %u browsers look: one is refused.", STREAMS_MAX);
                (void) close(c);
                return 0;
        }
        v = new0(Viewer, 1);
        if (!v) {
                (void) close(c);
                return log_oom();
        }
        v->events = e;
        r = stream_new(e->event, c, e->mirror, &handler, v, &v->stream);
        if (r < 0) {
                free(v);
                (void) log_error_errno(r, "Failed to take a connection: %m");
                return 0;
        }
        DL_APPEND(e->viewers, v);
        e->n_viewers++;
        watch_set_idle(e->watch, false);
        return 0;
}

static int on_tell(sd_event_source *source, uint64_t usec, void *userdata)
{
        Events *e = userdata;
        Viewer *v, *next;

        e->told_usec = now_usec(CLOCK_MONOTONIC);
        DL_FOREACH_SAFE(e->viewers, v, next)
                stream_wake(v->stream);
        return 0;
}

static void on_changed(void *userdata)
{
        uint64_t now = now_usec(CLOCK_MONOTONIC);
        Events *e = userdata;
        bool ready = watch_is_ready(e->watch);
        Viewer *v, *next;
        int enabled;

        /* Sessions may have ended while nobody could tell. */
        if (ready && !e->ready) {
                events_recheck_by(e, now);
                DL_FOREACH_SAFE(e->viewers, v, next)
                        viewer_open(v);
        }
        e->ready = ready;

        if (sd_event_source_get_enabled(e->tell_timer, &enabled) > 0)
                return;
        (void) sd_event_source_set_time(e->tell_timer, MAX(now, e->told_usec + TELL_USEC));
        (void) sd_event_source_set_enabled(e->tell_timer, SD_EVENT_ONESHOT);
}

static int on_recheck(sd_event_source *source, uint64_t usec, void *userdata)
{
        Events *e = userdata;
        Viewer *v;

        e->checked_usec = now_usec(CLOCK_MONOTONIC);
        (void) sd_event_source_set_time(source, e->checked_usec + CHECK_USEC);
        DL_FOREACH(e->viewers, v)
                if (stream_is_open(v->stream))
                        (void) viewer_check(v);
        return 0;
}

static int on_sessions_changed(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        events_recheck_by(userdata, now_usec(CLOCK_MONOTONIC));
        return 0;
}

/* A setting may say how long sessions last, and from where. */
static const char *const matches[] = {
        "type='signal',sender='" BUS_NAME "',interface='" BUS_INTERFACE_ACCOUNTS
        "',member='SessionsChanged',path='" BUS_PATH_ACCOUNTS "'",
        "type='signal',sender='" BUS_NAME "',interface='" BUS_INTERFACE_SETTINGS
        "',member='Changed',path='" BUS_PATH "'",
};

static void events_done(Events *e)
{
        Viewer *v, *next;

        DL_FOREACH_SAFE(e->viewers, v, next)
                viewer_free(v);
        sd_event_source_disable_unref(e->listen_source);
        sd_event_source_disable_unref(e->tell_timer);
        sd_event_source_disable_unref(e->recheck_timer);
        for (size_t i = 0; i < ELEMENTSOF(matches); i++)
                sd_bus_slot_unref(e->matches[i]);
        sd_event_source_disable_unref(e->more_source);
        watch_free(e->watch);
        mirror_free(e->mirror);
        sd_bus_flush_close_unref(e->bus);
        sd_event_unref(e->event);
}

static int events_set_up(Events *e)
{
        int r;

        r = sd_event_default(&e->event);
        if (r >= 0)
                r = sd_event_add_signal(e->event, NULL, SIGTERM | SD_EVENT_SIGNAL_PROCMASK, NULL, NULL);
        if (r >= 0)
                r = sd_event_set_watchdog(e->event, true);
        if (r >= 0)
                r = mirror_new(&e->mirror);
        if (r >= 0)
                r = sd_bus_open_system(&e->bus);
        if (r >= 0)
                r = sd_bus_attach_event(e->bus, e->event, SD_EVENT_PRIORITY_NORMAL);
        /* Without the bus there is nothing to tell: systemd starts this anew. */
        if (r >= 0)
                r = sd_bus_set_exit_on_disconnect(e->bus, true);
        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(matches); i++)
                r = sd_bus_add_match_async(e->bus, e->matches + i, matches[i], on_sessions_changed, NULL, e);
        if (r >= 0)
                r = watch_new(e->event, e->bus, e->mirror, on_changed, e, &e->watch);
        if (r >= 0)
                r = sd_event_add_time(e->event, &e->tell_timer, CLOCK_MONOTONIC, 0, ACCURACY_USEC, on_tell,
                                      e);
        if (r >= 0)
                r = sd_event_source_set_enabled(e->tell_timer, SD_EVENT_OFF);
        if (r >= 0)
                r = sd_event_add_time_relative(e->event, &e->recheck_timer, CLOCK_MONOTONIC, CHECK_USEC,
                                               ACCURACY_USEC, on_recheck, e);
        if (r >= 0)
                r = sd_event_source_set_enabled(e->recheck_timer, SD_EVENT_ON);
        if (r >= 0)
                r = sd_event_add_defer(e->event, &e->more_source, on_more, e);
        if (r >= 0)
                r = sd_event_add_io(e->event, &e->listen_source, SD_LISTEN_FDS_START, EPOLLIN, on_connection,
                                    e);

        return r;
}

int main(void)
{
        Events e = { 0 };
        int r;

        log_open("burnin-events");
        if (sd_listen_fds(true) != 1) {
                log_error("burnin-events is started by burnin-events.socket.");
                return EXIT_FAILURE;
        }
        r = events_set_up(&e);
        if (r >= 0) {
                (void) sd_notify(false, "READY=1");
                r = sd_event_loop(e.event);
        }
        if (r < 0)
                (void) log_error_errno(r, "Failed: %m");
        events_done(&e);
        return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
