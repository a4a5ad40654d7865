/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* burnin-notify: delivers one event to one target, for burnind, which must neither wait nor touch the network. One process for each
 * delivery; systemd starts them as users that exist for that long (burnin-notify.socket). */

#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <systemd/sd-daemon.h>

#include "basic/log.h"
#include "basic/string-util.h"
#include "notify/send.h"

#define TIMEOUT_SEC 5 /* of what burnind has to say */

static int answer_request(int fd, const char *packet, size_t size)
{
        _cleanup_json_ struct json_object *o = NULL, *reply = NULL;
        _cleanup_(notify_request_done) NotifyRequest request = {};
        _cleanup_(notify_answer_done) NotifyAnswer answer = {};
        const char *text;
        int r;

        r = json_parse_as(packet, size, json_type_object, &o);
        if (r >= 0)
                r = notify_request_from_json(o, &request);
        if (r >= 0)
                r = notify_send(&request, &answer);
        if (r >= 0)
                r = notify_answer_to_json(&answer, &reply);
        if (r < 0)
                return r;

        text = json_object_to_json_string_ext(reply, JSON_C_TO_STRING_PLAIN);
        return send(fd, text, strlen(text), MSG_NOSIGNAL) < 0 ? -errno : 0;
}

static int serve(int fd)
{
        static char packet[NOTIFY_PACKET_MAX];
        ssize_t n;
        int r;

        n = recv(fd, packet, sizeof(packet), MSG_TRUNC);
        if (n < 0)
                return -errno;
        if (n == 0)
                return 0;
        if ((size_t) n > sizeof(packet))
                return -EMSGSIZE;

        r = answer_request(fd, packet, (size_t) n);
        explicit_bzero(packet, sizeof(packet));
        return r;
}

int main(void)
{
        const struct timeval timeout = { .tv_sec = TIMEOUT_SEC };
        const int fd = SD_LISTEN_FDS_START;
        int r;

        log_open("burnin-notify");
        (void) prctl(PR_SET_DUMPABLE, 0);

        if (sd_listen_fds(true) != 1) {
                log_error("burnin-notify is started by burnin-notify.socket, with one connection.");
                return EXIT_FAILURE;
        }
        if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)) < 0 ||
            setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout)) < 0)
                r = -errno;
        else
                r = serve(fd);
        /* Nobody waits for the answer any more. */
        if (r == -EPIPE)
                return EXIT_SUCCESS;
        if (r < 0) {
                (void) log_error_errno(r, "Failed to deliver a notification: %m");
                return EXIT_FAILURE;
        }

        return EXIT_SUCCESS;
}
