/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-event.h>

#include "events/mirror.h"

/* A browser that is sent events: from the accepted connection over its request to its last event. What waits for it is one piece of
 * STREAM_PIECE bytes, about; all else is in the mirror, for one that reads slowly as for any other. */

typedef struct Stream Stream;

typedef struct StreamHandler {
        /* The request came. Now or later it is answered by stream_open() or stream_refuse(). token: the session's, or NULL. */
        void (*request)(Stream *s, const char *token, void *userdata);
        /* The browser is gone, or was given up: frees it. */
        void (*gone)(Stream *s, void *userdata);
} StreamHandler;

/* Owns fd, which does not block. handler, mirror: borrowed. */
int stream_new(sd_event *event, int fd, const Mirror *mirror, const StreamHandler *handler, void *userdata,
               Stream **ret);
Stream *stream_free(Stream *s);
DEFINE_TRIVIAL_CLEANUP_FUNC(Stream *, stream_free);

/* Begins with the events: those that the browser has missed, or all. */
void stream_open(Stream *s);
/* Answers with that status ("401 Unauthorized") and error, and ends. */
void stream_refuse(Stream *s, const char *status, const char *code, const char *message);
/* The session has ended: so says a last event, and the stream ends. */
void stream_end(Stream *s);
/* The mirror has changed. */
void stream_wake(Stream *s);

bool stream_is_open(const Stream *s);
const char *stream_token(const Stream *s);
/* Where the browser is, as the web server told it: the connection's address, and its X-Forwarded-For, or NULL. */
const char *stream_address(const Stream *s);
const char *stream_forwarded(const Stream *s);
