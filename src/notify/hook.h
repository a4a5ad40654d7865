/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "notify/text.h"
#include "shared/notify-proto.h"

/* The request that a target of each kind takes: where to, with which headers, what. Pure. */

typedef struct Hook {
        char *url;
        char **headers; /* "Name: value"; no line ends in any of them */
        char *body;     /* JSON */
} Hook;

void hook_done(Hook *h);
/* time_usec: now; it is signed, so that a receiver can refuse what comes again much later. -EBADMSG: the URL is none of this kind. */
int hook_compose(const NotifyRequest *r, const Text *t, uint64_t time_usec, Hook *ret);
