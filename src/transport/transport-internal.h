/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <libssh/libssh.h>

#include "transport/resolve.h"
#include "transport/transport.h"

/* What transport.c, which has the queue of calls and their deadlines, shares with the two ways to reach a host:
 * transport-ssh.c, and transport-local.c for what is asked on the machine of burnind itself. */

#define ERROR_OUTPUT_MAX 4096U

typedef enum ConnectionState {
        CONNECTION_NONE,
        CONNECTION_RESOLVING,
        CONNECTION_CONNECTING,
        CONNECTION_HANDSHAKE,
        CONNECTION_AUTHENTICATION,
        CONNECTION_UP,
} ConnectionState;

typedef enum CallState {
        CALL_QUEUED,
        CALL_CONNECTING,
        CALL_OPEN,
        CALL_EXEC,
        CALL_TRANSFER,
} CallState;

typedef struct Call Call;
struct Call {
        Call *next;
        CallState state;
        char *command; /* SSH alone */
        char *input;
        size_t input_size, input_sent;
        bool input_ended;
        char *output;
        size_t output_size, output_allocated, output_max;
        char error_output[ERROR_OUTPUT_MAX + 1];
        size_t error_output_size;
        uint64_t timeout_usec;
        transport_callback_t callback;
        void *userdata;
};

typedef struct TransportBackend {
        int (*set_up)(Transport *t, const HostTarget *target, const char *key);
        /* Begins to connect, or fails by connection_fail(). */
        void (*connect)(Transport *t);
        /* Does what can be done at once; true: it may be called again. Never in CONNECTION_NONE. */
        bool (*step)(Transport *t);
        /* Lets go of everything but the descriptor and its event source; NULL: there is nothing else. */
        void (*close)(Transport *t);
        /* What to wait for on the descriptor, once nothing can be done. */
        uint32_t (*events)(const Transport *t);
} TransportBackend;

extern const TransportBackend transport_ssh, transport_local;

struct Transport {
        const TransportBackend *backend;
        sd_event *event;
        char *name, *where; /* where: the name and the address, for messages */

        ConnectionState state;
        int fd;
        sd_event_source *io_source, *start_source, *deadline_source;

        Call *calls; /* the first one is the running one, unless it is still CALL_QUEUED */
        unsigned busy;
        bool dead;
        bool api; /* HostTarget's */

        /* SSH alone. */
        char *address, *user;
        uint16_t port;
        char *host_key;      /* pinned: "TYPE BLOB" without a comment; NULL: none */
        char *host_key_type; /* of it */
        ssh_key key;
        Resolve *resolve;
        ResolvedAddress addresses[RESOLVE_ADDRESSES_MAX];
        size_t n_addresses, next_address;
        sd_event_source *step_source;
        ssh_session session;
        ssh_event pump;
        ssh_channel channel;
        char *seen_key, *seen_sha256;
};

void connection_close(Transport *t);
/* The connection is of no use any more, and neither is the call that met this. */
void connection_fail(Transport *t, TransportError error, const char *reason);
void connection_fail_errno(Transport *t, int error, const char *what);

/* Ends the first call: the only place from which a callback is called. */
void call_end(Transport *t, TransportError error, const char *reason, int exit_status);
/* -E2BIG: more than the call allows. */
int call_append(Call *c, const char *data, size_t size);
/* What does not fit is thrown away, and never more than that was promised. */
void call_append_error(Call *c, const char *data, size_t size);
void call_fail_too_much(Transport *t, const Call *c);

/* Steps for as long as there is something to do. May be called from everywhere but from a step. */
void transport_pump(Transport *t);
