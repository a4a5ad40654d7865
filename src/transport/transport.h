/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-event.h>

#include "shared/worker-proto.h"

/* A connection to one host, over which commands run one after another. Nothing here blocks: everything happens on the
 * sd_event loop, and each call ends in exactly one callback (also on transport_free(): with TRANSPORT_CANCELLED).
 *
 * Host keys are compared as blobs with HostTarget.host_key; no file of the user's SSH configuration is read. A connection is
 * opened on the first call and kept; one that breaks is reported to the call that met it, and the next call opens a new one.
 * Names are resolved outside libssh, without blocking the loop. */

typedef struct Transport Transport;

/* What went wrong, apart from errno: for people and for POLL_ERROR_*. */
typedef enum TransportError {
        TRANSPORT_OK,
        TRANSPORT_UNREACHABLE,      /* resolve, connect, or the connection broke */
        TRANSPORT_HOST_KEY_CHANGED, /* nothing was sent but the handshake */
        TRANSPORT_HOST_KEY_UNKNOWN, /* HostTarget.host_key is NULL; the key that was seen is in TransportResult */
        TRANSPORT_AUTHENTICATION,
        TRANSPORT_TIMEOUT,
        TRANSPORT_TOO_MUCH_OUTPUT,
        TRANSPORT_CANCELLED, /* by transport_free() */
} TransportError;

typedef struct TransportResult {
        TransportError error;
        const char *reason; /* for people; set when error is not TRANSPORT_OK */
        int exit_status;    /* of the command; -1: killed by a signal, or not known */
        const char *output; /* standard output, with a NUL behind it */
        size_t output_size;
        const char *error_output; /* standard error, the first 4 KiB */
        const char *host_key; /* the key that was seen, "ssh-ed25519 AAAA...", once the handshake is done */
        const char *host_key_sha256; /* "SHA256:..." of it, as ssh-keygen -l prints it */
} TransportResult;

/* The result and what it points to live until the callback returns. */
typedef void (*transport_callback_t)(Transport *t, const TransportResult *result, void *userdata);

/* HostTarget.local: the machine of burnind itself, through burnin-local.socket instead of SSH. What runs there is burnin-local's own
 * text of remote-run.sh, which gets argv and nothing else: script, data and key stay here. HostTarget.api: burnin-truenas, which
 * takes the verbs about self-tests, and answers for its hosts as the script does.
 *
 * key: the private key in OpenSSH format; copied, erased on free. -EBADMSG: it cannot be read; -EINVAL: a host key of no
 * known type, or no address. transport_free() may be called from a callback. */
int transport_new(sd_event *event, const HostTarget *target, const char *key, Transport **ret);
Transport *transport_free(Transport *t);

/* Runs `sh -s -- ARGV...` (through `sudo -n` for a user that is not root) with script as its standard input. argv are quoted
 * here. More than output_max bytes of output end the call. timeout_usec covers all of it, connecting too, but not the time in the
 * queue. The callback never comes before this has returned. */
int transport_call(Transport *t, const char *script, char *const *argv, size_t output_max,
                   uint64_t timeout_usec, transport_callback_t callback, void *userdata);

/* The same with a binary upload on standard input instead of a script: `sh -c SCRIPT sh ARGV...` gets data as its stdin; its
 * output may have TRANSPORT_UPLOAD_OUTPUT_MAX bytes. */
#define TRANSPORT_UPLOAD_OUTPUT_MAX (1024U * 1024U)
int transport_upload(Transport *t, const char *script, char *const *argv, const void *data, size_t size,
                     uint64_t timeout_usec, transport_callback_t callback, void *userdata);

/* Drops the connection now (the next call opens a new one). The running call ends with TRANSPORT_UNREACHABLE. */
void transport_disconnect(Transport *t);

DEFINE_TRIVIAL_CLEANUP_FUNC(Transport *, transport_free);
