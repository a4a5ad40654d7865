/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-event.h>

#include "shared/worker-proto.h"

/* One host as the poller knows it: its connection, its drives, when it is due again. Nothing here blocks, and no host waits for
 * another one.
 *
 * A drive is told of only once its SMART data were tried for: smartctl knows the serial of the drive itself, lsblk that of a
 * bridge in front of it, and a drive must not change its identity between its first two cycles. */

typedef struct PollConfig {
        uint64_t interval_usec, smart_interval_usec, timeout_usec;
        char **boot_pools;
        bool loop_drives;
} PollConfig;

typedef struct PollHost PollHost;

/* Takes o over: a line for burnind. */
typedef void (*poll_send_t)(struct json_object *o, void *userdata);

/* config: borrowed. done: a cycle has ended, others may want its place. */
int poll_host_new(sd_event *event, const char *name, const PollConfig *config, poll_send_t send,
                  void (*done)(void *userdata), void *userdata, PollHost **ret);
PollHost *poll_host_free(PollHost *h);
DEFINE_TRIVIAL_CLEANUP_FUNC(PollHost *, poll_host_free);

const char *poll_host_name(const PollHost *h);
/* How to reach it; the connection is kept where nothing changed. Everything is sent anew. Takes *target over, emptying it. */
int poll_host_configure(PollHost *h, HostTarget *target, const char *key);
/* burnind is away: until the next poll_host_configure() it is not polled. */
void poll_host_suspend(PollHost *h);
bool poll_host_is_suspended(const PollHost *h);
int poll_host_watch(PollHost *h, char *const *knames);
void poll_host_refresh(PollHost *h);
/* Answers with a "fingerprint" line in any case. */
void poll_host_fingerprint(PollHost *h, uint64_t id, const char *kname, const char *ident);

/* The same with a "locate" line. */
void poll_host_locate(PollHost *h, uint64_t id, const char *kname, const char *ident, uint32_t seconds);

/* What config points to has changed: its next cycle is at most one interval away. */
void poll_host_on_config(PollHost *h);

/* When it wants a cycle (CLOCK_MONOTONIC); USEC_INFINITY while one runs, or while it is suspended. */
uint64_t poll_host_due(const PollHost *h);
/* A cycle runs and its connection was not there before: such cycles are limited in number. */
bool poll_host_is_connecting(const PollHost *h);
/* The connection is not there: its next cycle will be a connecting one. */
bool poll_host_must_connect(const PollHost *h);
void poll_host_start_cycle(PollHost *h);
/* When its cycle counts as hung, whatever the transport says; USEC_INFINITY: none runs. */
uint64_t poll_host_deadline(const PollHost *h);
/* The watchdog: ends a cycle that hangs. */
void poll_host_end_hung(PollHost *h);
