/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <getopt.h>
#include <stdio.h>
#include <systemd/sd-daemon.h>

#include "basic/log.h"
#include "basic/string-util.h"
#include "daemon/manager.h"
#include "shared/bus-error.h"

static int help(void)
{
        (void) printf("burnind [OPTIONS...]\n\n"
                      "The burn-in service. It is started by systemd; see burnind(8).\n\n"
                      "  -h --help     Show this help\n"
                      "     --version  Show the version\n");
        return 0;
}

/* 1: go on. 0: done. */
static int parse_argv(int argc, char *argv[])
{
        enum {
                ARG_VERSION = 0x100,
        };
        static const struct option options[] = {
                { "help", no_argument, NULL, 'h' },
                { "version", no_argument, NULL, ARG_VERSION },
                {},
        };
        int c;

        while ((c = getopt_long(argc, argv, "h", options, NULL)) >= 0)
                switch (c) {
                case 'h':
                        return help();
                case ARG_VERSION:
                        (void) puts(BURNIN_VERSION);
                        return 0;
                default:
                        return -EINVAL;
                }
        if (optind < argc) {
                (void) fprintf(stderr, "burnind takes no arguments.\n");
                return -EINVAL;
        }

        return 1;
}

int main(int argc, char *argv[])
{
        _cleanup_(manager_freep) Manager *m = NULL;
        int r;

        r = parse_argv(argc, argv);
        if (r <= 0)
                return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;

        log_open("burnind");
        r = bus_error_register();
        if (r < 0)
                return EXIT_FAILURE;
        r = manager_new(&m);
        if (r < 0)
                return EXIT_FAILURE;
        r = manager_start(m);
        if (r < 0)
                return EXIT_FAILURE;

        (void) sd_notify(0, "READY=1");
        r = sd_event_loop(m->event);
        (void) sd_notify(0, "STOPPING=1");
        if (r < 0) {
                log_error_errno(r, "The event loop failed: %m");
                return EXIT_FAILURE;
        }

        return EXIT_SUCCESS;
}
