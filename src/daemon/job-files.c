/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <dirent.h>
#include <fcntl.h>

#include "basic/fd-util.h"
#include "basic/string-util.h"
#include "daemon/job-files.h"

int job_files_remove(int jobs_fd, const char *name, unsigned max)
{
        _cleanup_close_ int fd = openat(jobs_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        struct dirent *e;
        unsigned n = 0;
        bool kept = false;
        DIR *d;
        int r = 0;

        if (fd < 0)
                return -errno;
        d = fdopendir(fd);
        if (!d)
                return -errno;
        TAKE_FD(fd);

        while (n < max && (e = readdir(d))) {
                if (e->d_name[0] == '.' && (!e->d_name[1] || (e->d_name[1] == '.' && !e->d_name[2])))
                        continue;
                if (endswith(e->d_name, JOB_FILE_KEPT)) {
                        kept = true;
                        continue;
                }
                if (unlinkat(dirfd(d), e->d_name, 0) < 0 && errno != ENOENT) {
                        r = errno == EISDIR ? -ENOTEMPTY : -errno;
                        break;
                }
                n++;
        }
        (void) closedir(d);
        if (r < 0 || n == max)
                return r;
        if (kept)
                return 2;

        return unlinkat(jobs_fd, name, AT_REMOVEDIR) < 0 ? -errno : 1;
}
