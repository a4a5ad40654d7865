/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* burnin-notify: delivers one event to one target, for burnind, which must neither wait nor touch the network. One process for each
 * delivery; systemd starts them as users that exist for that long (burnin-notify.socket). */

#include <sys/socket.h>

#include "basic/serve.h"
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
        return serve_connection("burnin-notify", TIMEOUT_SEC, serve, "Failed to deliver a notification");
}
