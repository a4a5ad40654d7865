/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "basic/macro.h"

/* How workers ask burnin-local, which stands where SSH would, on the machine of burnind itself.
 *
 * A SOCK_SEQPACKET connection to PATH_LOCAL_SOCKET, which root and WORKER_USER may open. A request is one packet: a verb of
 * remote-run.sh and its arguments, each ended by a NUL. The answer is packets that begin with one of the letters below, the last one
 * with LOCAL_END. One request at a time; what is refused ends like a command that complained and failed. */

#define LOCAL_REQUEST_MAX (64U * 1024U)
#define LOCAL_WORDS_MAX   64U
#define LOCAL_PACKET_MAX  (32U * 1024U)

#define LOCAL_OUTPUT       'o' /* a part of the standard output */
#define LOCAL_ERROR_OUTPUT 'e' /* a part of the standard error */
#define LOCAL_END          'x' /* the exit status in decimal, -1: killed by a signal */

/* -E2BIG: more than a request may hold. */
int local_request_pack(char *const *argv, char **ret, size_t *ret_size);
/* The words of a packet, as they were sent: nothing of them was checked. -EBADMSG: no request. */
int local_request_unpack(const char *packet, size_t size, char ***ret);
