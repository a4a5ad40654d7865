/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* burnin-agent: runs on the tested host, static, sent there over SSH. A shell cannot open a device exclusively; this can:
 *
 *   burnin-agent hold DEVICE -- COMMAND...   opens DEVICE O_EXCL on descriptor 9 and becomes COMMAND, which inherits it
 *   burnin-agent version                     says that it runs here (the file system may be mounted noexec)
 *
 * It decides nothing: what is checked through the descriptor is remote-run.sh's business, which also has stand-ins for this
 * program in perl and python. The exit statuses are shared with them. */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define HOLD_FD          9
#define EXIT_HOLD_BUSY   75 /* somebody else holds the device */
#define EXIT_HOLD_FAILED 76 /* it cannot be opened at all; why is on standard error */
#define EXIT_HOLD_EXEC   127
#define EXIT_HOLD_USAGE  2

static int hold_open(const char *device)
{
        struct stat st;
        int fd;

        /* The node may be anything by now: O_NONBLOCK, or a FIFO in its place would stop us for ever. */
        fd = open(device, O_RDWR | O_EXCL | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        if (fstat(fd, &st) < 0) {
                int r = -errno;

                (void) close(fd);
                return r;
        }
        if (!S_ISBLK(st.st_mode)) {
                (void) close(fd);
                return -ENOTBLK;
        }

        return fd;
}

static int hold(const char *device, char **command)
{
        int fd;

        fd = hold_open(device);
        if (fd < 0) {
                fprintf(stderr, "cannot open %s: %s\n", device, strerror(-fd));
                return fd == -EBUSY ? EXIT_HOLD_BUSY : EXIT_HOLD_FAILED;
        }

        /* dup2() leaves the copy open over exec; on equal numbers it does nothing, not even that. */
        if (fd == HOLD_FD ? fcntl(fd, F_SETFD, 0) < 0 : dup2(fd, HOLD_FD) < 0) {
                fprintf(stderr, "cannot keep %s open: %s\n", device, strerror(errno));
                return EXIT_HOLD_FAILED;
        }

        execvp(command[0], command);
        fprintf(stderr, "cannot execute %s: %s\n", command[0], strerror(errno));
        return EXIT_HOLD_EXEC;
}

int main(int argc, char *argv[])
{
        if (argc == 2 && strcmp(argv[1], "version") == 0) {
                puts("burnin-agent 1");
                return 0;
        }
        if (argc >= 5 && strcmp(argv[1], "hold") == 0 && strcmp(argv[3], "--") == 0)
                return hold(argv[2], argv + 4);

        fprintf(stderr, "Usage: burnin-agent hold DEVICE -- COMMAND...\n       burnin-agent version\n");
        return EXIT_HOLD_USAGE;
}
