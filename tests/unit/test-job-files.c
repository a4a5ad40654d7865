/* SPDX-License-Identifier: LGPL-2.1-or-later */
#undef NDEBUG

#include <fcntl.h>
#include <sys/stat.h>

#include "basic/fd-util.h"
#include "daemon/job-files.h"
#include "store-sample.h"

/* Workers write into the directory of a job, and burnind, which is root, removes it. */

static int place(const char *dir, const char *name)
{
        _cleanup_free_ char *path = strf("%s/%s", dir, name);

        assert(path);
        return open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
}

static void touch(const char *dir, const char *name)
{
        _cleanup_close_ int fd = place(dir, name);

        assert(fd >= 0);
}

static bool exists(int dir_fd, const char *name)
{
        return faccessat(dir_fd, name, F_OK, AT_SYMLINK_NOFOLLOW) >= 0;
}

static void test_remove(int fd, const char *dir)
{
        assert(mkdirat(fd, "1", 0700) == 0);
        touch(dir, "1/precheck.log");
        touch(dir, "1/.hidden");
        touch(dir, "1/..more");
        assert(assert_ok(job_files_remove(fd, "1", 64)) == 1);
        assert(!exists(fd, "1"));
        assert_error(-ENOENT, job_files_remove(fd, "1", 64));

        /* An empty one. */
        assert(mkdirat(fd, "2", 0700) == 0);
        assert(assert_ok(job_files_remove(fd, "2", 1)) == 1);
}

/* A report that was refused is evidence. */
static void test_kept(int fd, const char *dir)
{
        assert(mkdirat(fd, "8", 0700) == 0);
        touch(dir, "8/surface_validate.log");
        touch(dir, "8/surface_validate.report.json.refused");
        assert(assert_ok(job_files_remove(fd, "8", 64)) == 2);
        assert(assert_ok(job_files_remove(fd, "8", 64)) == 2);
        assert(!exists(fd, "8/surface_validate.log"));
        assert(unlinkat(fd, "8/surface_validate.report.json.refused", 0) == 0);
        assert(assert_ok(job_files_remove(fd, "8", 64)) == 1);
}

static void test_many(int fd, const char *dir)
{
        unsigned calls = 1;

        assert(mkdirat(fd, "3", 0700) == 0);
        for (int i = 0; i < 10; i++) {
                char name[16];

                (void) snprintf(name, sizeof(name), "3/%i", i);
                touch(dir, name);
        }
        while (assert_ok(job_files_remove(fd, "3", 4)) == 0)
                calls++;
        assert(calls == 3 && !exists(fd, "3"));
}

static void test_links(int fd, const char *dir)
{
        /* A link in the place of the directory, and one in it: what they lead to stays. */
        assert(mkdirat(fd, "keep", 0700) == 0);
        touch(dir, "keep/mine");
        assert(symlinkat("keep", fd, "4") == 0);
        assert_error(-ENOTDIR, job_files_remove(fd, "4", 64));
        assert(mkdirat(fd, "5", 0700) == 0);
        assert(symlinkat("../keep", fd, "5/link") == 0);
        assert(symlinkat("../keep/mine", fd, "5/other") == 0);
        assert(linkat(fd, "keep/mine", fd, "5/hard", 0) == 0);
        assert(assert_ok(job_files_remove(fd, "5", 64)) == 1);
        assert(exists(fd, "keep/mine"));

        touch(dir, "6");
        assert_error(-ENOTDIR, job_files_remove(fd, "6", 64));

        /* Directories are nothing that a worker makes there. */
        assert(mkdirat(fd, "7", 0700) == 0 && mkdirat(fd, "7/deep", 0700) == 0);
        assert_error(-ENOTEMPTY, job_files_remove(fd, "7", 64));
        assert(exists(fd, "7/deep"));

        assert(unlinkat(fd, "7/deep", AT_REMOVEDIR) == 0 && unlinkat(fd, "7", AT_REMOVEDIR) == 0);
        assert(unlinkat(fd, "keep/mine", 0) == 0 && unlinkat(fd, "keep", AT_REMOVEDIR) == 0);
}

static void write_bytes(const char *dir, const char *name, size_t size)
{
        _cleanup_close_ int fd = place(dir, name);
        _cleanup_free_ char *bytes = calloc(1, size);

        assert(fd >= 0 && bytes);
        memset(bytes, 'x', size);
        assert(write(fd, bytes, size) == (ssize_t) size);
        assert(fsync(fd) == 0);
}

static uint64_t measured(int fd, const char *name, unsigned max, unsigned *ret_calls)
{
        uint64_t bytes = 0;
        DIR *d;

        *ret_calls = 1;
        assert_ok(job_files_open(fd, name, &d));
        while (assert_ok(job_files_measure(d, max, &bytes)) == 0)
                (*ret_calls)++;
        assert(closedir(d) == 0);
        return bytes;
}

/* What they take on the disk, however large they say they are. */
static void test_measure(int fd, const char *dir)
{
        unsigned calls;
        DIR *d;

        assert(mkdirat(fd, "20", 0700) == 0);
        assert(measured(fd, "20", 64, &calls) == 0);
        write_bytes(dir, "20/precheck.log", 65536);
        write_bytes(dir, "20/surface_validate.log", 131072);
        write_bytes(dir, "20/surface_validate.report.json.refused", 65536);
        touch(dir, "20/hole");
        {
                _cleanup_close_ int hole = openat(fd, "20/hole", O_WRONLY | O_CLOEXEC);

                assert(ftruncate(hole, INT64_C(1) << 40) == 0);
        }
        assert(symlinkat("/proc/kcore", fd, "20/link") == 0);
        assert(measured(fd, "20", 64, &calls) / 65536 == 3 && calls == 1);
        assert(measured(fd, "20", 2, &calls) / 65536 == 3 && calls == 4);

        assert(symlinkat("20", fd, "21") == 0);
        assert_error(-ENOTDIR, job_files_open(fd, "21", &d));
        assert_error(-ENOENT, job_files_open(fd, "22", &d));
        assert(unlinkat(fd, "21", 0) == 0);
        assert(assert_ok(job_files_remove(fd, "20", 64)) == 2);
        assert(unlinkat(fd, "20/surface_validate.report.json.refused", 0) == 0 &&
               unlinkat(fd, "20", AT_REMOVEDIR) == 0);
}

static void test_list(void)
{
        static const JobFiles some[] = {
                { .id = 5, .finished_usec = 300, .bytes = 10 },
                { .id = 1, .finished_usec = 0, .bytes = 50 },
                { .id = 4, .finished_usec = 100, .bytes = 30 },
                { .id = 3, .finished_usec = 200, .bytes = 20 },
                { .id = 2, .finished_usec = 200, .bytes = 0 },
                { .id = 6, .finished_usec = 200, .bytes = 5 },
        };
        _cleanup_(job_files_list_done) JobFilesList l = {};

        assert(!job_files_list_take(&l, 0));
        job_files_list_done(&l);
        for (size_t i = 0; i < ELEMENTSOF(some); i++)
                assert_ok(job_files_list_add(&l, some + i));
        assert(l.bytes == 115);

        /* As much as is allowed may stay. */
        assert(!job_files_list_take(&l, 115));
        /* The oldest first, of the same time the lower number, and only until it is enough. */
        assert(job_files_list_take(&l, 114)->id == 4 && l.bytes == 85);
        assert(!job_files_list_take(&l, 85));
        assert(job_files_list_take(&l, 61)->id == 3);
        assert(job_files_list_take(&l, 61)->id == 6 && l.bytes == 60);
        assert(!job_files_list_take(&l, 61));
        /* What is none of a finished job stays, whatever it takes. */
        assert(job_files_list_take(&l, 0)->id == 5);
        assert(!job_files_list_take(&l, 0) && l.bytes == 50);

        job_files_list_done(&l);
        for (uint64_t i = 1; i <= 1000; i++)
                assert_ok(job_files_list_add(&l,
                                             &(JobFiles){ .id = i, .finished_usec = 2000 - i, .bytes = 1 }));
        for (uint64_t i = 1000; i > 500; i--)
                assert(job_files_list_take(&l, 500)->id == i);
        assert(!job_files_list_take(&l, 500));
}

int main(void)
{
        _cleanup_scratch_ char *dir = scratch_new();
        _cleanup_close_ int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        assert(fd >= 0);
        test_remove(fd, dir);
        test_kept(fd, dir);
        test_many(fd, dir);
        test_links(fd, dir);
        test_measure(fd, dir);
        test_list();

        return 0;
}
