/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <fcntl.h>
#include <sys/stat.h>

#include "basic/fd-util.h"
#include "basic/string-util.h"
#include "daemon/job-files.h"

#define BLOCK_BYTES 512U /* of st_blocks */

int job_files_open(int jobs_fd, const char *name, DIR **ret)
{
        _cleanup_close_ int fd = openat(jobs_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        DIR *d;

        if (fd < 0)
                return -errno;
        d = fdopendir(fd);
        if (!d)
                return -errno;

        TAKE_FD(fd);
        *ret = d;
        return 0;
}

static bool is_dot(const char *name)
{
        return streq(name, ".") || streq(name, "..");
}

int job_files_remove(int jobs_fd, const char *name, unsigned max)
{
        struct dirent *e;
        unsigned n = 0;
        bool kept = false;
        DIR *d = NULL;
        int r;

        r = job_files_open(jobs_fd, name, &d);
        if (r < 0)
                return r;
        assert(d);

        while (n < max && (e = readdir(d))) {
                if (is_dot(e->d_name))
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

int job_files_measure(DIR *d, unsigned max, uint64_t *bytes)
{
        struct dirent *e;
        struct stat st;

        for (unsigned n = 0; n < max; n++) {
                e = readdir(d);
                if (!e)
                        return 1;
                if (is_dot(e->d_name) || endswith(e->d_name, JOB_FILE_KEPT))
                        continue;
                /* What vanishes meanwhile takes nothing. */
                if (fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) >= 0)
                        *bytes += (uint64_t) st.st_blocks * BLOCK_BYTES;
        }

        return 0;
}

void job_files_list_done(JobFilesList *l)
{
        free(l->list);
        *l = (JobFilesList){};
}

int job_files_list_add(JobFilesList *l, const JobFiles *f)
{
        if (l->n == l->allocated) {
                size_t allocated = MAX(l->allocated * 2, (size_t) 64);
                JobFiles *list = reallocarray(l->list, allocated, sizeof(JobFiles));

                if (!list)
                        return -ENOMEM;
                l->list = list;
                l->allocated = allocated;
        }

        l->list[l->n++] = *f;
        l->bytes += f->bytes;
        return 0;
}

/* Those that may not go come first, then the oldest. */
static int compare_age(const void *a, const void *b)
{
        const JobFiles *x = a, *y = b;

        if (x->finished_usec != y->finished_usec)
                return x->finished_usec < y->finished_usec ? -1 : 1;

        return x->id < y->id ? -1 : x->id > y->id;
}

const JobFiles *job_files_list_take(JobFilesList *l, uint64_t max_bytes)
{
        if (!l->sorted && l->n > 0)
                qsort(l->list, l->n, sizeof(JobFiles), compare_age);
        l->sorted = true;

        while (l->bytes > max_bytes && l->next < l->n) {
                const JobFiles *f = l->list + l->next++;

                if (f->finished_usec == 0 || f->bytes == 0)
                        continue;
                l->bytes -= f->bytes;
                return f;
        }

        return NULL;
}
