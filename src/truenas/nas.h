/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "shared/json-util.h"
#include "truenas/truenas.h"

/* One host as burnin-truenas knows it: how to ask it, when it is due again, and what burnind has been told of it. */

typedef struct NasConfig {
        uint64_t interval_usec, timeout_usec;
        char **boot_pools;
} NasConfig;

typedef struct Nas Nas;

/* Takes o over: a line for burnind. */
typedef void (*nas_send_t)(struct json_object *o, void *userdata);

/* http, config: borrowed. */
int nas_new(sd_event *event, HttpClient *http, const char *name, const NasConfig *config, nas_send_t send,
            void *userdata, Nas **ret);
Nas *nas_free(Nas *n);
DEFINE_TRIVIAL_CLEANUP_FUNC(Nas *, nas_free);

const char *nas_name(const Nas *n);
/* Everything is told anew. pin may be NULL. */
int nas_configure(Nas *n, const char *url, const char *key, const char *pin, bool verify);
/* To ask it something else; it stays as the host was set up now. */
int nas_open(const Nas *n, Truenas **ret);
/* Asks at once, and tells every drive again. */
void nas_refresh(Nas *n);
