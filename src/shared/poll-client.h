/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-event.h>

#include "shared/json-util.h"

/* A poller's end of its line to burnind (worker-proto.h): it connects, again and again, and has no state of its own to lose, since
 * burnind says what is to be polled each time they meet. */

typedef struct PollClient PollClient;

typedef struct PollClientHandler {
        /* One line. Negative: it makes no sense, and they start over. May send, must not free the client. */
        int (*line)(PollClient *c, struct json_object *o, void *userdata);
        void (*read)(void *userdata); /* all that had arrived was taken; may be NULL */
        void (*disconnected)(void *userdata);
} PollClientHandler;

/* path and handler: borrowed. */
int poll_client_new(sd_event *event, const char *path, const PollClientHandler *handler, void *userdata,
                    PollClient **ret);
PollClient *poll_client_free(PollClient *c); /* without a word to anybody */
DEFINE_TRIVIAL_CLEANUP_FUNC(PollClient *, poll_client_free);

/* Since when (CLOCK_MONOTONIC); 0: not now. */
uint64_t poll_client_connected_usec(const PollClient *c);
/* Takes o over. Without a connection it is dropped: burnind hears everything anew. */
void poll_client_send(PollClient *c, struct json_object *o);
/* The secret that came with the line: the oldest descriptor that was not taken yet. -ENOKEY: there is none. */
int poll_client_take_key(PollClient *c, char **ret);
/* "knames" and the like: an absent list is an empty one. */
int poll_client_read_strings(struct json_object *o, const char *key, char ***ret);
