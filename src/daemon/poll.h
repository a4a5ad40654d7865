/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/host.h"
#include "daemon/job.h"

/* burnind's end of the line to a poller (shared/worker-proto.h): one connection, the newest wins. While no poller is connected
 * hosts go stale and nothing new starts; what runs, runs. */

typedef enum PollKind {
        POLL_SSH,     /* burnin-poll, on PATH_POLL_SOCKET: every host with a user to log in as */
        POLL_TRUENAS, /* burnin-truenas, on PATH_TRUENAS_SOCKET: every host with an API */
} PollKind;

int poll_new(Manager *m, PollKind kind, PollLink **ret);
PollLink *poll_free(PollLink *p);
bool poll_is_connected(const PollLink *p);

/* The settings that it works by have changed. */
void poll_configure(PollLink *p);
/* Those pollers that ask this host, and no other. */
void poll_put_host(Host *h);
void poll_remove_host(Host *h);
/* -ENOTCONN without a poller. */
int poll_refresh(Host *h);
/* The answer goes to job_on_content(), or to grant_on_content() by its number. */
int poll_ask_content(PollLink *p, uint64_t id, const char *host, const char *kname,
                     const DriveIdentity *identity);
/* Lights the locate LED; the answer goes to identify_on_answer(). */
int poll_locate(PollLink *p, uint64_t id, const Drive *d, uint32_t seconds);
/* The drives of this host that are under test now. */
void poll_watch(PollLink *p, const char *host);

DEFINE_TRIVIAL_CLEANUP_FUNC(PollLink *, poll_free);
