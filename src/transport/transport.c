/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The queue of calls of one connection, whatever that is made of.
 *
 * DESIGN: one state machine, transport_step(), is called whenever something may have happened (the socket, a lookup, a new call)
 * until it says that it waits. An open connection stays open: the next call uses it.
 *
 * INVARIANTS: callbacks run from call_end() alone, when no pointer into the call is needed any more. While one runs, busy is
 * not 0, and transport_free() leaves the memory to whoever counts it down. */

#include "basic/fd-util.h"
#include "basic/log.h"
#include "basic/string-util.h"
#include "basic/strv.h"
#include "basic/time-util.h"
#include "shared/local-proto.h"
#include "transport/transport-internal.h"

static Call *call_free(Call *c)
{
        if (!c)
                return NULL;

        free(c->command);
        free(c->input);
        free(c->output);
        free(c);
        return NULL;
}
DEFINE_TRIVIAL_CLEANUP_FUNC(Call *, call_free);

void connection_close(Transport *t)
{
        t->io_source = sd_event_source_disable_unref(t->io_source);
        if (t->backend->close)
                t->backend->close(t);
        t->fd = safe_close(t->fd);
        t->state = CONNECTION_NONE;
}

void call_end(Transport *t, TransportError error, const char *reason, int exit_status)
{
        _cleanup_(call_freep) Call *c = t->calls;
        TransportResult result;

        t->calls = c->next;
        (void) sd_event_source_set_enabled(t->deadline_source, SD_EVENT_OFF);

        result = (TransportResult){
                .error = error,
                .reason = error == TRANSPORT_OK ? NULL : reason,
                .exit_status = exit_status,
                .output = strempty(c->output),
                .output_size = c->output_size,
                .error_output = c->error_output,
                .host_key = t->seen_key,
                .host_key_sha256 = t->seen_sha256,
        };

        t->busy++;
        c->callback(t, &result, c->userdata);
        t->busy--;
}

static bool call_is_running(const Transport *t)
{
        return t->calls && t->calls->state != CALL_QUEUED;
}

void connection_fail(Transport *t, TransportError error, const char *reason)
{
        connection_close(t);
        if (call_is_running(t))
                call_end(t, error, reason ?: "out of memory", -1);
        else
                log_debug("Connection to %s ended: %s", t->name, strempty(reason));
}

void connection_fail_errno(Transport *t, int error, const char *what)
{
        _cleanup_free_ char *reason = NULL;

        reason = strf("%s %s: %s", what, t->where, strerror(abs(error)));
        connection_fail(t, TRANSPORT_UNREACHABLE, reason);
}

int call_append(Call *c, const char *data, size_t size)
{
        if (size > c->output_max - c->output_size)
                return -E2BIG;

        if (c->output_size + size + 1 > c->output_allocated) {
                size_t n = MAX((size_t) 16384, (c->output_size + size + 1) * 2);
                char *p = realloc(c->output, n);

                if (!p)
                        return -ENOMEM;
                c->output = p;
                c->output_allocated = n;
        }

        memcpy(c->output + c->output_size, data, size);
        c->output_size += size;
        c->output[c->output_size] = 0;
        return 0;
}

void call_append_error(Call *c, const char *data, size_t size)
{
        size_t room = MIN(size, ERROR_OUTPUT_MAX - c->error_output_size);

        memcpy(c->error_output + c->error_output_size, data, room);
        c->error_output_size += room;
}

void call_fail_too_much(Transport *t, const Call *c)
{
        _cleanup_free_ char *reason =
                        strf("a command on %s printed more than %zu bytes", t->name, c->output_max);

        connection_fail(t, TRANSPORT_TOO_MUCH_OUTPUT, reason);
}

static bool transport_step(Transport *t)
{
        Call *c = t->calls;
        int r;

        if (c && c->state == CALL_QUEUED) {
                c->state = CALL_CONNECTING;
                r = sd_event_source_set_time_relative(t->deadline_source, c->timeout_usec);
                if (r >= 0)
                        r = sd_event_source_set_enabled(t->deadline_source, SD_EVENT_ONESHOT);
                if (r < 0) {
                        connection_fail_errno(t, r, "cannot set a deadline for");
                        return true;
                }
        }

        if (t->state != CONNECTION_NONE)
                return t->backend->step(t);
        if (!c)
                return false;

        t->backend->connect(t);
        /* Failed at once: on to the next call. There at once: on with this one. */
        return t->state == CONNECTION_NONE || t->state == CONNECTION_UP;
}

static void transport_destroy(Transport *t)
{
        connection_close(t);
        (void) sd_event_source_disable_unref(t->start_source);
        (void) sd_event_source_disable_unref(t->deadline_source);
        (void) sd_event_source_disable_unref(t->step_source);
        sd_event_unref(t->event);
        ssh_key_free(t->key);
        free(t->address);
        free(t->user);
        free(t->name);
        free(t->where);
        free(t->host_key);
        free(t->host_key_type);
        free(t->seen_key);
        free(t->seen_sha256);
        free(t);
}

void transport_pump(Transport *t)
{
        /* Somebody further up the stack pumps already, or cleans up. */
        if (t->busy > 0)
                return;

        t->busy++;
        while (!t->dead && transport_step(t))
                ;
        t->busy--;

        if (t->dead) {
                transport_destroy(t);
                return;
        }

        if (t->io_source)
                (void) sd_event_source_set_io_events(t->io_source, t->backend->events(t));
}

static int on_start(_unused_ sd_event_source *s, void *userdata)
{
        transport_pump(userdata);
        return 0;
}

static int on_deadline(_unused_ sd_event_source *s, _unused_ uint64_t usec, void *userdata)
{
        Transport *t = userdata;
        _cleanup_free_ char *reason = NULL;
        char span[TIMESPAN_MAX];

        if (!call_is_running(t))
                return 0;

        reason = strf("no answer from %s within %s", t->where,
                      format_timespan(span, t->calls->timeout_usec));
        t->busy++;
        connection_fail(t, TRANSPORT_TIMEOUT, reason);
        t->busy--;
        transport_pump(t);
        return 0;
}

static int sources_add(Transport *t)
{
        int r;

        r = sd_event_add_defer(t->event, &t->start_source, on_start, t);
        if (r < 0)
                return r;
        r = sd_event_source_set_enabled(t->start_source, SD_EVENT_OFF);
        if (r < 0)
                return r;
        /* The boot-time clock: a laptop's sleep is time that a call did not answer in. */
        r = sd_event_add_time(t->event, &t->deadline_source, CLOCK_BOOTTIME, UINT64_MAX, USEC_PER_MSEC,
                              on_deadline, t);
        if (r < 0)
                return r;

        return sd_event_source_set_enabled(t->deadline_source, SD_EVENT_OFF);
}

/* --- the interface ------------------------------------------------------------------------------------------- */

int transport_new(sd_event *event, const HostTarget *target, const char *key, Transport **ret)
{
        _cleanup_(transport_freep) Transport *t = NULL;
        int r;

        t = new0(Transport, 1);
        if (!t)
                return -ENOMEM;
        t->fd = -EBADF;
        t->backend = target->local || target->api ? &transport_local : &transport_ssh;
        t->event = sd_event_ref(event);
        t->name = strdup(isempty(target->name) ? strempty(target->address) : target->name);
        if (!t->name)
                return -ENOMEM;
        r = t->backend->set_up(t, target, key);
        if (r < 0)
                return r;
        r = sources_add(t);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(t);
        return 0;
}

Transport *transport_free(Transport *t)
{
        if (!t || t->dead)
                return NULL;

        /* From here on nothing starts; a callback may call anything but must not hope for an answer. */
        t->dead = true;
        connection_close(t);
        t->busy++;
        while (t->calls)
                call_end(t, TRANSPORT_CANCELLED, "the connection is not wanted any more", -1);
        t->busy--;

        /* Inside of a callback the memory is still needed, by whoever called it. */
        if (t->busy == 0)
                transport_destroy(t);
        return NULL;
}

/* Takes command over; NULL: the input says it all. */
static int call_add(Transport *t, char *command, const void *input, size_t size, size_t output_max,
                    uint64_t timeout_usec, transport_callback_t callback, void *userdata)
{
        _cleanup_free_ char *cmd = command;
        _cleanup_(call_freep) Call *c = NULL;
        Call **last;
        int r;

        if (t->dead)
                return -ESHUTDOWN;

        c = new0(Call, 1);
        if (!c)
                return -ENOMEM;
        c->input = malloc(size + 1);
        if (!c->input)
                return -ENOMEM;
        memcpy(c->input, input, size);
        c->input_size = size;
        c->output_max = output_max;
        c->timeout_usec = timeout_usec;
        c->callback = callback;
        c->userdata = userdata;
        c->command = TAKE_PTR(cmd);

        /* Never from here: the caller does not expect its callback before we have returned. */
        r = sd_event_source_set_enabled(t->start_source, SD_EVENT_ONESHOT);
        if (r < 0)
                return r;

        for (last = &t->calls; *last; last = &(*last)->next)
                ;
        *last = TAKE_PTR(c);
        return 0;
}

/* first, then every argument as one word for the shell. */
static char *command_line(const Transport *t, const char *first, char *const *argv)
{
        _cleanup_free_ char *s = NULL;

        s = strf("%s%s", streq(t->user, "root") ? "" : "sudo -n ", first);
        STRV_FOREACH(a, argv) {
                _cleanup_free_ char *q = shell_quote(*a);
                char *n = s && q ? strf("%s %s", s, q) : NULL;

                free(s);
                s = n;
        }

        return TAKE_PTR(s);
}

/* Who is asked there has what it takes to answer, and takes no script from us; one who answers for many hosts is told which. */
static int call_add_local(Transport *t, char *const *argv, size_t output_max, uint64_t timeout_usec,
                          transport_callback_t callback, void *userdata)
{
        _cleanup_strv_free_ char **words = NULL;
        _cleanup_free_ char *request = NULL;
        size_t size;
        int r;

        if (t->api) {
                r = strv_extend(&words, t->name);
                if (r < 0)
                        return r;
        }
        STRV_FOREACH(word, argv) {
                r = strv_extend(&words, *word);
                if (r < 0)
                        return r;
        }
        r = local_request_pack(words, &request, &size);
        if (r < 0)
                return r;

        return call_add(t, NULL, request, size, output_max, timeout_usec, callback, userdata);
}

int transport_call(Transport *t, const char *script, char *const *argv, size_t output_max,
                   uint64_t timeout_usec, transport_callback_t callback, void *userdata)
{
        _cleanup_free_ char *command = NULL;

        if (t->backend == &transport_local)
                return call_add_local(t, argv, output_max, timeout_usec, callback, userdata);

        command = command_line(t, "sh -s --", argv);
        if (!command)
                return -ENOMEM;
        return call_add(t, TAKE_PTR(command), script, strlen(script), output_max, timeout_usec, callback,
                        userdata);
}

int transport_upload(Transport *t, const char *script, char *const *argv, const void *data, size_t size,
                     uint64_t timeout_usec, transport_callback_t callback, void *userdata)
{
        _cleanup_free_ char *quoted = NULL, *first = NULL, *command = NULL;

        if (t->backend == &transport_local)
                return call_add_local(t, argv, TRANSPORT_UPLOAD_OUTPUT_MAX, timeout_usec, callback,
                                      userdata);

        quoted = shell_quote(script);
        first = quoted ? strf("sh -c %s sh", quoted) : NULL;
        command = first ? command_line(t, first, argv) : NULL;
        if (!command)
                return -ENOMEM;
        return call_add(t, TAKE_PTR(command), data, size, TRANSPORT_UPLOAD_OUTPUT_MAX, timeout_usec,
                        callback, userdata);
}

void transport_disconnect(Transport *t)
{
        if (t->dead || t->state == CONNECTION_NONE)
                return;

        t->busy++;
        connection_fail(t, TRANSPORT_UNREACHABLE, "the connection was dropped");
        t->busy--;
        if (t->calls && !t->dead)
                (void) sd_event_source_set_enabled(t->start_source, SD_EVENT_ONESHOT);
        if (t->dead && t->busy == 0)
                transport_destroy(t);
}
