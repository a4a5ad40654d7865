/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* burnin-backup: copies the database, looks at the copy, and throws old copies away, which takes longer than burnind may wait
 * (burnin-backup.socket). By hand, with burnind stopped, it puts a copy back: that is what "burninctl backup restore" runs. */

#include <dirent.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <systemd/sd-daemon.h>

#include "basic/fd-util.h"
#include "basic/log.h"
#include "basic/parse-util.h"
#include "basic/string-util.h"
#include "basic/time-util.h"
#include "shared/backup-proto.h"
#include "shared/names.h"
#include "store/backup.h"

#define TIMEOUT_SEC 5

_Static_assert(BACKUP_NAME_SIZE <= sizeof(((BackupAnswer *) NULL)->name), "a name has a place");

static const char *reason(int r)
{
        switch (-r) {
        case EUCLEAN:
                return "it is damaged, or no database of burnind";
        case ENOTSUP:
                return "it was written by a newer burnind";
        default:
                return strerror(-r);
        }
}

static int make(const BackupRequest *request, BackupAnswer *answer)
{
        Backup b;
        int r;

        if (request->keep < 1 || request->keep > BACKUP_KEEP_MAX)
                return -EINVAL;
        if (mkdir(PATH_BACKUPS, 0700) < 0 && errno != EEXIST)
                return -errno;
        /* What was left half made takes the room that this one may need. */
        (void) backup_rotate(PATH_BACKUPS, BACKUPS_MAX, NULL);
        r = backup_make(PATH_DATABASE, PATH_BACKUPS, now_usec(CLOCK_REALTIME), &b);
        if (r < 0)
                return r;

        r = backup_rotate(PATH_BACKUPS, request->keep, b.name);
        if (r < 0)
                log_warning_errno(r, "Failed to remove old backups from " PATH_BACKUPS ": %m");
        answer->removed = (uint32_t) MAX(r, 0);
        answer->size_bytes = b.size_bytes;
        (void) snprintf(answer->name, sizeof(answer->name), "%s", b.name);
        return 0;
}

static int serve(int fd)
{
        const struct timeval timeout = { .tv_sec = TIMEOUT_SEC };
        BackupRequest request;
        BackupAnswer answer = {};
        ssize_t n;

        if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)) < 0)
                return -errno;
        n = recv(fd, &request, sizeof(request), 0);
        if (n <= 0)
                return n < 0 ? -errno : 0;
        if (n != sizeof(request))
                return -EBADMSG;

        answer.error = make(&request, &answer);
        /* burnind says in the log what came of it. It may have been restarted meanwhile. */
        if (send(fd, &answer, sizeof(answer), MSG_NOSIGNAL) < 0 && errno != EPIPE && errno != ECONNRESET)
                return -errno;

        return 0;
}

/* The least number that no job has had, by what jobs have left on the disk. */
static uint64_t first_free_job(void)
{
        uint64_t first = 1, n;
        struct dirent *e;
        DIR *d;

        d = opendir(PATH_JOBS);
        if (!d)
                return first;
        while ((e = readdir(d)))
                if (parse_u64(e->d_name, &n) >= 0 && n >= first && n < INT64_MAX)
                        first = n + 1;
        (void) closedir(d);

        return first;
}

static int restore(const char *name)
{
        _cleanup_free_ char *path = NULL, *aside = NULL;
        _cleanup_close_ int lock = -EBADF;
        int r;

        path = strchr(name, '/') ? strdup(name) : strf("%s/%s", PATH_BACKUPS, name);
        if (!path)
                return log_oom();

        lock = directory_lock(PATH_STATE);
        if (lock == -EWOULDBLOCK)
                return log_error_errno(EBUSY,
                                       "burnind is running. Stop it, and have nobody start it meanwhile: "
                                       "systemctl stop burnind && systemctl mask --runtime burnind");
        if (lock < 0)
                return log_error_errno(lock, "Failed to lock " PATH_STATE ": %m");

        r = backup_restore(PATH_DATABASE, path, now_usec(CLOCK_REALTIME), first_free_job(), &aside);
        if (r < 0) {
                log_error("%s was not restored: %s. Nothing was changed.", path, reason(r));
                return r;
        }

        (void) printf("%s is the database now.%s%s\n", path, aside[0] ? " The old one is " : "", aside);
        return 0;
}

static int verify(const char *path)
{
        int r = backup_verify(path);

        if (r < 0)
                (void) fprintf(stderr, "%s: %s\n", path, reason(r));
        else
                (void) printf("%s: ok\n", path);
        return r;
}

int main(int argc, char *argv[])
{
        int r;

        log_open("burnin-backup");
        if (argc == 3 && streq(argv[1], "restore"))
                r = restore(argv[2]);
        else if (argc == 3 && streq(argv[1], "verify"))
                r = verify(argv[2]);
        else if (argc == 1 && sd_listen_fds(true) == 1) {
                r = serve(SD_LISTEN_FDS_START);
                if (r < 0)
                        (void) log_error_errno(r, "Failed to answer burnind: %m");
        } else {
                (void) fprintf(stderr, "burnin-backup restore NAME|PATH\nburnin-backup verify PATH\n");
                r = -EINVAL;
        }

        return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
