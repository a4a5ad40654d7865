/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* burnin-local: what SSH and the login shell of another host are, for the drives of burnind's own machine. It runs as root, so it is
 * no shell: local-request.h has all that it does. One process for each connection; systemd accepts them (burnin-local.socket). */

#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "basic/log.h"
#include "basic/string-util.h"
#include "basic/strv.h"
#include "local/local-call.h"
#include "local/local-request.h"
#include "shared/names.h"

/* One who has asked and does not take the answer. */
#define SEND_TIMEOUT_SEC 60
#define SHOWN_MAX        200U

/* The group may open the socket; who is in it besides is none of ours. */
static int check_peer(int fd, uid_t *ret_uid)
{
        socklen_t size = sizeof(struct ucred);
        const struct passwd *p;
        struct ucred peer;

        if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0)
                return -errno;
        *ret_uid = peer.uid;
        if (peer.uid == 0)
                return 0;

        p = getpwnam(WORKER_USER);
        return p && p->pw_uid == peer.uid ? 0 : SYNTHETIC_ERRNO(EPERM);
}

static void log_start(char *const *argv)
{
        _cleanup_free_ char *command = strv_join(argv + 13, " ");

        log_full_errno(LOG_INFO, 0, ((LogField[]){ { LOG_FIELD_RUN, argv[1] }, {} }),
                       "Run %s on %s (%s): %s", argv[1], argv[3], argv[9], strempty(command));
}

static int refuse(int fd, uid_t uid, const char *packet, size_t size, const char *reason)
{
        _cleanup_free_ char *shown = str_clean(packet, size, SHOWN_MAX, false), *words = NULL;

        log_full_errno(LOG_WARNING, 0, ((LogField[]){ { LOG_FIELD_MESSAGE_ID, MESSAGE_LOCAL_REFUSED }, {} }),
                       "Refused a request of uid %u (%s): %s", (unsigned) uid, reason, strempty(shown));
        words = strf("burnin-local refused this: %s", reason);
        return words ? local_refuse(fd, words) : -ENOMEM;
}

/* 0: the other end is gone. */
static int serve(int fd, uid_t uid)
{
        static char packet[LOCAL_REQUEST_MAX + 1];
        _cleanup_strv_free_ char **argv = NULL;
        const char *reason = "no request";
        ssize_t n;
        int r;

        n = recv(fd, packet, sizeof(packet), 0);
        if (n < 0)
                return errno == EINTR ? 1 : -errno;
        if (n == 0)
                return 0;

        r = local_request_unpack(packet, (size_t) n, &argv);
        if (r >= 0)
                r = local_request_check(argv, &reason);
        if (r == -EBADMSG || r == -EINVAL)
                r = refuse(fd, uid, packet, (size_t) n, reason);
        else if (r >= 0) {
                if (streq(argv[0], "start"))
                        log_start(argv);
                r = local_call(fd, argv);
        }

        return r < 0 ? r : 1;
}

/* systemd has the connection too, and hands it to the next process where this unit is restarted in the middle of a request: nobody
 * would answer that one any more. */
static void on_term(_unused_ int signal)
{
        (void) shutdown(SD_LISTEN_FDS_START, SHUT_RDWR);
        _exit(EXIT_SUCCESS);
}

int main(void)
{
        const struct timeval timeout = { .tv_sec = SEND_TIMEOUT_SEC };
        const int fd = SD_LISTEN_FDS_START;
        uid_t uid = 0;
        int r;

        log_open("burnin-local");
        (void) signal(SIGTERM, on_term);

        if (sd_listen_fds(true) != 1) {
                log_error("burnin-local is started by burnin-local.socket, with one connection.");
                return EXIT_FAILURE;
        }
        r = check_peer(fd, &uid);
        if (r == -EPERM) {
                log_full_errno(LOG_WARNING, 0,
                               ((LogField[]){ { LOG_FIELD_MESSAGE_ID, MESSAGE_LOCAL_REFUSED }, {} }),
                               "Refused a connection of uid %u: it is neither root nor " WORKER_USER ".",
                               (unsigned) uid);
                return EXIT_SUCCESS;
        }
        if (r < 0 || setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout)) < 0) {
                (void) log_error_errno(r < 0 ? r : -errno, "Failed to set up the connection: %m");
                return EXIT_FAILURE;
        }

        do
                r = serve(fd, uid);
        while (r > 0);

        /* That one who asked has left is no failure of ours. */
        if (r < 0)
                (void) log_debug_errno(r, "Lost the connection: %m");
        return EXIT_SUCCESS;
}
