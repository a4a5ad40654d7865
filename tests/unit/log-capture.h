/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include "basic/fd-util.h"
#include "basic/log.h"

/* Standard error into memory, so that a test can hold what was logged against what should have been. */

typedef struct LogCapture {
        int saved_fd, fd;
} LogCapture;

static inline LogCapture log_capture_start(void)
{
        LogCapture c = { .saved_fd = dup(STDERR_FILENO), .fd = memfd_create("log", MFD_CLOEXEC) };

        assert(c.saved_fd >= 0 && c.fd >= 0);
        assert(dup2(c.fd, STDERR_FILENO) == STDERR_FILENO);
        assert(log_set_target("console") == 0);
        return c;
}

/* The text belongs to the caller. */
static inline char *log_capture_end(LogCapture *c)
{
        char *text;

        assert(dup2(c->saved_fd, STDERR_FILENO) == STDERR_FILENO);
        assert(lseek(c->fd, 0, SEEK_SET) == 0);
        assert(read_fd_full(c->fd, 1024 * 1024, &text, NULL) == 0);
        (void) close(c->fd);
        (void) close(c->saved_fd);
        return text;
}
