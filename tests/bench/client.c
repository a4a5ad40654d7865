/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <stdio.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

#include "basic/parse-util.h"
#include "basic/string-util.h"
#include "basic/time-util.h"
#include "shared/names.h"

/* Clients of burnind for tests/bench/scale.py.
 *   watch CONNECTIONS SECONDS JOBS FIRST   each of them sees the signals of so many jobs, from this number on; 0: of everything,
 *                                          or with FIRST 0 the Manager's Progress alone; a line says when the bus has all their
 *                                          matches
 *   read SECONDS PATH INTERFACE PROPERTY   Get, fifty times a second, and in turns one of systemd-logind
 * The last line is what it saw, as one JSON object. */

#define READ_PAUSE_USEC (20 * USEC_PER_MSEC)
#define READS_MAX       100000U

static uint64_t n_signals, n_stages; /* of all connections; that one of them was told of by Progress */

static void count_stages(sd_bus_message *m)
{
        if (sd_bus_message_enter_container(m, 'a', "(oddtti)") >= 0)
                while (sd_bus_message_skip(m, "(oddtti)") > 0)
                        n_stages++;
}

static int on_signal(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        n_signals++;
        if (userdata && sd_bus_message_is_signal(m, BUS_INTERFACE_MANAGER, "Progress") > 0)
                count_stages(m);
        return 0;
}

static int add_matches(sd_bus *bus, uint64_t jobs, uint64_t first, void *counts)
{
        int r = 0;

        if (jobs == 0)
                return sd_bus_add_match(bus, NULL,
                                        first == 0 ? "type='signal',sender='" BUS_NAME "',path='" BUS_PATH
                                                     "',member='Progress'"
                                                   : "type='signal',sender='" BUS_NAME
                                                     "',path_namespace='" BUS_PATH "'",
                                        on_signal, counts);

        for (uint64_t i = 0; r >= 0 && i < jobs; i++) {
                _cleanup_free_ char *match = strf("type='signal',sender='" BUS_NAME
                                                  "',path_namespace='" BUS_PATH_JOB "/%" PRIu64 "'",
                                                  first + i);

                r = match ? sd_bus_add_match(bus, NULL, match, on_signal, NULL) : -ENOMEM;
        }
        return r;
}

static int watch(uint64_t connections, uint64_t seconds, uint64_t jobs, uint64_t first)
{
        sd_event *event;
        int r;

        r = sd_event_new(&event);
        for (uint64_t i = 0; r >= 0 && i < connections; i++) {
                sd_bus *bus;

                r = sd_bus_open_system(&bus);
                if (r >= 0)
                        r = add_matches(bus, jobs, first + i * jobs, i == 0 ? event : NULL);
                if (r >= 0)
                        r = sd_bus_attach_event(bus, event, SD_EVENT_PRIORITY_NORMAL);
        }
        if (r < 0)
                return r;

        /* Only now it counts. */
        (void) puts("watching");
        (void) fflush(stdout);
        n_signals = n_stages = 0;
        r = sd_event_add_time_relative(event, NULL, CLOCK_MONOTONIC, seconds * USEC_PER_SEC, 0, NULL, NULL);
        if (r >= 0)
                r = sd_event_loop(event);
        if (r >= 0)
                (void) printf("{\"signals\": %" PRIu64 ", \"stages\": %" PRIu64 "}\n", n_signals, n_stages);
        return r;
}

static int compare_u64(const void *a, const void *b)
{
        const uint64_t *x = a, *y = b;

        return (*x > *y) - (*x < *y);
}

typedef struct Reads {
        const char *name, *service, *path, *interface, *property;
        uint64_t took[READS_MAX];
        size_t n;
} Reads;

static int read_once(sd_bus *bus, Reads *r)
{
        sd_bus_message *reply = NULL;
        uint64_t began = now_usec(CLOCK_MONOTONIC);
        int k;

        k = sd_bus_call_method(bus, r->service, r->path, "org.freedesktop.DBus.Properties", "Get", NULL,
                               &reply, "ss", r->interface, r->property);
        r->took[r->n++] = now_usec(CLOCK_MONOTONIC) - began;
        sd_bus_message_unref(reply);
        return k;
}

static void reads_print(Reads *r)
{
        qsort(r->took, r->n, sizeof(uint64_t), compare_u64);
        (void) printf("\"%s\": {\"reads\": %zu, \"median_usec\": %" PRIu64 ", \"p99_usec\": %" PRIu64
                      ", \"max_usec\": %" PRIu64 "}",
                      r->name, r->n, r->took[r->n / 2], r->took[r->n * 99 / 100], r->took[r->n - 1]);
}

static int read_often(uint64_t seconds, const char *path, const char *interface, const char *property)
{
        static Reads ours = { .name = "ours", .service = BUS_NAME },
                     peer = { .name = "login1",
                              .service = "org.freedesktop.login1",
                              .path = "/org/freedesktop/login1",
                              .interface = "org.freedesktop.login1.Manager",
                              .property = "IdleHint" };
        uint64_t end = now_usec(CLOCK_MONOTONIC) + seconds * USEC_PER_SEC;
        sd_bus *bus;
        int r;

        ours.path = path;
        ours.interface = interface;
        ours.property = property;
        r = sd_bus_open_system(&bus);
        while (r >= 0 && ours.n < READS_MAX && now_usec(CLOCK_MONOTONIC) < end) {
                r = read_once(bus, &ours);
                if (r >= 0)
                        r = read_once(bus, &peer);
                (void) usleep(READ_PAUSE_USEC);
        }
        if (r < 0)
                return r;

        (void) fputs("{", stdout);
        reads_print(&ours);
        (void) fputs(", ", stdout);
        reads_print(&peer);
        (void) fputs("}\n", stdout);
        return 0;
}

int main(int argc, char *argv[])
{
        uint64_t a = 0, b = 0, c = 0, d = 0;
        int r = -EINVAL;

        if (argc == 6 && streq(argv[1], "watch") && parse_u64(argv[2], &a) >= 0 &&
            parse_u64(argv[3], &b) >= 0 && parse_u64(argv[4], &c) >= 0 && parse_u64(argv[5], &d) >= 0)
                r = watch(a, b, c, d);
        else if (argc == 6 && streq(argv[1], "read") && parse_u64(argv[2], &a) >= 0)
                r = read_often(a, argv[3], argv[4], argv[5]);
        if (r < 0)
                (void) fprintf(stderr, "%s: %s\n", argv[0], strerror(-r));

        return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
