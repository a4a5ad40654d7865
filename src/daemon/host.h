/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "basic/log.h"
#include "daemon/manager.h"
#include "shared/worker-proto.h"

/* A machine whose drives are tested.
 *
 *   new ──first key──▶ unconfirmed ──AcceptHostKey──▶ online ◀──▶ stale
 *                          ▲                            │
 *                          └── (AcceptHostKey) ── key-changed ◀─┘  host_on_hostkey(), another key than the accepted one
 *
 * One of kind local has no key: it is new, then online, then stale. So is one that has an API alone (kind truenas without a user),
 * which is auth while the API refuses our key. host_set_state() makes every move. */

struct Host {
        Manager *manager; /* weak */
        HostRecord record;
        HostState state;
        char *state_reason;
        char *seen_host_key, *seen_host_key_sha256;
        char *boot_id, *os, *missing_tools, *detection_error;
        char *api_state,
                        *api_reason; /* of kind truenas: POLL_API_* or POLL_ERROR_*, and in words; NULL: not asked yet */
        const char *api_gone; /* what it lacks, as was said last; NULL: nothing */
        uint64_t last_seen_usec;
        uint32_t hung_polls;    /* since burnind started */
        Drive *drives_by_kname; /* the drives that its last reading listed */
        uint32_t n_asked;    /* content fingerprints that are asked for; counted by each pass of the queue */
        uint32_t n_burn_ins; /* that have one of its max_per_host places; so too */
        bool reread;         /* the next reading must be a full one */
        bool was_read;       /* it was online since burnind started: which drives it had is known */
        bool moved; /* to another address, by a person: another key there is a new one, not a changed one */
        sd_event_source *stale_timer;
        UT_hash_handle hh;
};

int host_new(Manager *m, const HostRecord *record, Host **ret); /* links it; does not store it */
Host *host_free(Host *h);
Host *host_find(Manager *m, const char *name);
bool host_name_is_valid(const char *name);
/* The machine of burnind itself: without SSH, so there is no address, no port, no user and no key. */
bool host_record_is_local(const HostRecord *r);
Host *host_find_local(Manager *m);
/* Commands can be run there: by SSH, or because it is this machine. */
bool host_has_shell(const Host *h);
bool host_has_api(const Host *h);
uint32_t host_count_drives(const Host *h);
/* Whether a caller's values are fit to be stored; InvalidArgument otherwise. */
int host_record_check(const HostRecord *r, sd_bus_error *error);
/* The host in a URL of an API, as an address; NULL: it has none. Owner: the caller. */
char *host_address_of_url(const char *url);

/* Stores, then links and tells the poller. options already validated. */
int host_add(Manager *m, const HostRecord *record, Host **ret);
int host_configure(Host *h, const HostRecord *record);
int host_remove(Host *h);
int host_accept_key(Host *h);

/* stale_threshold_seconds was changed, from before: it counts from when the host was last heard from. */
void host_on_stale_threshold(Host *h, uint32_t before);
void host_set_state(Host *h, HostState state, const char *reason);

/* From the poller. */
void host_on_hostkey(Host *h, const char *key, const char *sha256);
void host_on_failure(Host *h, const char *error, const char *reason);
/* What its API answers, also where the drives are known by SSH. */
void host_on_api(Host *h, const char *state, const char *reason);
/* cycle: the message of worker-proto.h. -EBADMSG: nothing was changed. */
int host_on_cycle(Host *h, struct json_object *cycle);

/* "" when burn-ins may run there, else why not, in words; ret_error: the bus error's name. Static strings or the host's. */
const char *host_unfit_reason(const Host *h, const char **ret_error);

int host_target(const Host *h, HostTarget *ret); /* strings borrowed */
/* A sealed memfd with the key to log in there; an empty one for the machine of burnind itself. */
int host_open_key(const Host *h);

/* host-bus.c */
/* The key in what a caller gave (< 0: nothing, and *ret stays), for a host that has an API. */
int host_read_api_key(const HostRecord *r, int fd, char **ret, sd_bus_error *error);
int host_bus_register(Manager *m);
int host_bus_path(const Host *h, char **ret);
void host_emit_added(Host *h);
void host_emit_removed(Host *h);
void host_emit_changed(Host *h, const char *const *properties);
extern const sd_bus_vtable host_vtable[];

#define log_host(h, level, message_id, ...)                                                                 \
        log_full_errno(level, 0,                                                                            \
                       ((LogField[]){ { LOG_FIELD_HOST, (h)->record.name },                                 \
                                      { LOG_FIELD_MESSAGE_ID, message_id },                                 \
                                      {} }),                                                                \
                       __VA_ARGS__)

DEFINE_TRIVIAL_CLEANUP_FUNC(Host *, host_free);
