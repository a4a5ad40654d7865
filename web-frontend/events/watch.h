/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

#include "events/mirror.h"

/* Keeps a mirror equal to what burnind shows on the bus: by its signals at once, and by its lists every ten seconds for what sends
 * none (temperatures, estimates of the time left). */

typedef struct Watch Watch;

/* Called after the mirror has changed. */
typedef void (*watch_changed_t)(void *userdata);

int watch_new(sd_event *event, sd_bus *bus, Mirror *mirror, watch_changed_t changed, void *userdata,
              Watch **ret);
Watch *watch_free(Watch *w);
DEFINE_TRIVIAL_CLEANUP_FUNC(Watch *, watch_free);

/* Whether burnind is there and all of it has been read once. */
bool watch_is_ready(const Watch *w);
/* Nobody looks: the lists are not read meanwhile. */
void watch_set_idle(Watch *w, bool idle);
