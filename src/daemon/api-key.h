/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "basic/macro.h"

/* The keys of hosts that are reached by an API: a file each in PATH_API_KEYS, which root alone reads, or a systemd credential
 * api-key.HOST, which wins. A key comes in by a descriptor and leaves by one, to burnin-truenas: never by an argument, an answer,
 * the log, or the database. */

/* fd: what a caller gave. -EBADF: no sealed memfd, and whoever has it could make us wait. -EBADMSG: not what a key looks like. */
int api_key_read(int fd, char **ret);
int api_key_put(const char *host, const char *key);
void api_key_remove(const char *host);
/* A sealed memfd. -ENOENT: there is none; anything else was logged. */
int api_key_open(const char *host);
