/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <systemd/sd-daemon.h>

#include "basic/log.h"
#include "basic/serve.h"

int serve_connection(const char *name, unsigned timeout_sec, int (*serve)(int fd), const char *failed)
{
        const struct timeval timeout = { .tv_sec = timeout_sec };
        const int fd = SD_LISTEN_FDS_START;
        int r;

        log_open(name);
        (void) prctl(PR_SET_DUMPABLE, 0);

        if (sd_listen_fds(true) != 1) {
                log_error("%s is started by %s.socket, with one connection.", name, name);
                return EXIT_FAILURE;
        }
        if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)) < 0 ||
            setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout)) < 0)
                r = -errno;
        else
                r = serve(fd);
        if (r == -EPIPE)
                return EXIT_SUCCESS;
        if (r < 0) {
                (void) log_error_errno(r, "%s: %m", failed);
                return EXIT_FAILURE;
        }

        return EXIT_SUCCESS;
}
