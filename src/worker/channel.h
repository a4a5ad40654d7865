/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-event.h>

#include "shared/json-util.h"

/* A stage worker's side of its socket to burnind (worker-proto.h). Nothing here blocks: messages go into a ring and stay there
 * until burnind has stored them, over any number of connections, while the event loop runs. While it does, burnind hears from it.
 *
 * INVARIANTS
 *  1. A number is given when a message is sent for the first time, so there are no gaps; it never changes after that.
 *  2. Only progress may be replaced or dropped, and only for room; of the rest the oldest "contact" and "stall" may go when
 *     STAGE_RING_MAX is reached. Phases and the report stay. */

typedef struct Channel Channel;

/* What an operator wants of the run; while nothing was said, it is held or not as the host has it. */
typedef struct PauseWish {
        bool said, paused;
        char *words; /* who and why */
} PauseWish;

/* Takes listen_fd over. cancel becomes true when burnind says so; it never goes back. *pause is its last wish, *siblings its last
 * word of how fast the others of the drive's model are. */
int channel_new(sd_event *event, int listen_fd, const char *run, uint32_t attempt, bool *cancel,
                PauseWish *pause, uint64_t *siblings, Channel **ret);
Channel *channel_free(Channel *c);
DEFINE_TRIVIAL_CLEANUP_FUNC(Channel *, channel_free);

/* Takes o over, also on failure. type: worker-proto.h's. */
int channel_send(Channel *c, const char *type, struct json_object *o);
/* Everything that was handed over is stored by burnind. */
bool channel_is_drained(const Channel *c);
