/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <signal.h>
#include <stdio.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>
#include <unistd.h>

#include "basic/string-util.h"
#include "basic/time-util.h"
#include "common/web-json.h"
#include "shared/message-json.h"
#include "shared/names.h"

/* The peer of burnin-events in tests/bench/web.py: a process and a connection to the bus for each browser that looks. It does less: there
 * is no snapshot, nothing is merged, and nobody's session is looked at again. */

#define PING_USEC (15 * USEC_PER_SEC)
#define COOKIE    "burnin_session="

static int on_changed(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        _cleanup_json_ struct json_object *raw = NULL, *values = NULL;
        const char *interface;

        if (sd_bus_message_read(m, "s", &interface) < 0 || message_read_json(m, &raw) <= 0 ||
            web_json_from_bus(raw, &values) < 0)
                return 0;
        (void) printf("event: drives-update\ndata: {\"drives\":[%s]}\n\n",
                      json_object_to_json_string_ext(values, JSON_C_TO_STRING_PLAIN));
        (void) fflush(stdout);
        return 0;
}

static int on_ping(sd_event_source *source, uint64_t usec, void *userdata)
{
        (void) printf(": ping\n\n");
        (void) sd_event_source_set_time_relative(source, PING_USEC);
        return fflush(stdout) == 0 ? 0 : -EPIPE;
}

static int set_up(sd_event *event, sd_bus *bus, const char *token, sd_event_source **ret_ping)
{
        int r;

        r = sd_bus_call_method(bus, BUS_NAME, BUS_PATH_ACCOUNTS, BUS_INTERFACE_ACCOUNTS, "Check", NULL, NULL,
                               "sa{sv}", token, 0);
        if (r >= 0)
                r = sd_bus_add_match(bus, NULL,
                                     "type='signal',sender='" BUS_NAME
                                     "',member='PropertiesChanged',path_namespace='" BUS_PATH "'",
                                     on_changed, NULL);
        if (r >= 0)
                r = sd_bus_attach_event(bus, event, SD_EVENT_PRIORITY_NORMAL);
        if (r >= 0)
                r = sd_event_add_time_relative(event, ret_ping, CLOCK_MONOTONIC, PING_USEC, 0, on_ping,
                                               NULL);
        if (r >= 0)
                r = sd_event_source_set_enabled(*ret_ping, SD_EVENT_ON);
        return r;
}

int main(void)
{
        const char *cookie = getenv("HTTP_COOKIE"), *token = cookie ? startswith(cookie, COOKIE) : NULL;
        sd_event_source *ping;
        sd_event *event;
        sd_bus *bus;
        int r;

        (void) printf("Status: 200 OK\r\nContent-Type: text/event-stream\r\n\r\n");
        r = sd_event_new(&event);
        if (r >= 0)
                r = sd_bus_open_system(&bus);
        if (r >= 0)
                r = set_up(event, bus, strempty(token), &ping);
        if (r >= 0) {
                (void) printf("event: ready\ndata: {}\n\n");
                (void) fflush(stdout);
                r = sd_event_loop(event);
        }
        if (r < 0)
                (void) fprintf(stderr, "bench-stream.cgi: %s\n", strerror(-r));
        return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
