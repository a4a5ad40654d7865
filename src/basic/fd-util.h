/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdio.h>
#include <sys/types.h>
#include <unistd.h>

#include "basic/macro.h"

static inline void closep(int *fd)
{
        if (*fd >= 0)
                (void) close(*fd);
}
#define _cleanup_close_ _cleanup_(closep)

static inline void fclosep(FILE **f)
{
        if (*f)
                (void) fclose(*f);
}
#define _cleanup_fclose_ _cleanup_(fclosep)

/* Closes if open and returns -EBADF, for fd = safe_close(fd). */
int safe_close(int fd);

/* Writes all of it; -errno. Not for nonblocking descriptors. */
int write_all(int fd, const void *data, size_t size);

/* Reads to the end, at most max bytes (more: -E2BIG). The result has a NUL behind it that size does not count. */
int read_fd_full(int fd, size_t max, char **ret, size_t *ret_size);
int read_file_full(const char *path, size_t max, char **ret, size_t *ret_size);

/* The new content or the old one, never a part, also over a power cut: temporary file, fsync, rename, fsync of the
 * directory. */
int write_file_atomic(const char *path, const void *data, size_t size, mode_t mode);

/* Held by one process at a time, for as long as the descriptor that it returns is open. -EWOULDBLOCK: another one holds it. */
int directory_lock(const char *path);

/* Makes the name of a new file survive a power cut. */
int fsync_directory_of(const char *path);

/* Packets over a socket that has this path: to whoever listens there, and to listen there in place of whoever did. Neither waits.
 * Owner: the caller. */
int connect_packets(const char *path);
int listen_packets(const char *path);
/* One packet, or a piece of a stream, with a descriptor (negative: without). Returns how much went, or -errno. */
ssize_t send_with_fd(int socket_fd, const void *data, size_t size, int fd);
/* One packet of just this size, -EBADMSG for any other; *ret_fd is the descriptor that came along, -EBADF for none. -ECONNRESET: the
 * other one has closed. */
int receive_packet(int socket_fd, void *data, size_t size, int *ret_fd);

/* A sealed memfd with this content, read from its start by whoever gets it. Owner: the caller. */
int memfd_new_sealed(const char *name, const void *data, size_t size);
