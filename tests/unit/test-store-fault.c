/* SPDX-License-Identifier: LGPL-2.1-or-later */
#undef NDEBUG

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "basic/fd-util.h"
#include "store-sample.h"

/* A disk that fails, is full, or loses its power, between SQLite and its files.
 *
 * The shim counts down over the calls of one kind and lets one fail, half a write done; or lets all fail. At each sync it
 * also copies the file to FILE.durable: what a power cut leaves at worst. */

typedef enum Fault {
        FAULT_NONE,
        FAULT_WRITE_FULL,
        FAULT_WRITE_ERROR,
        FAULT_SYNC_ERROR,
        FAULT_TRUNCATE_ERROR,
        _FAULT_MAX,
} Fault;

static struct {
        Fault fault;
        unsigned countdown; /* the n-th call fails */
        bool always;        /* every call does */
        bool hit;
        bool keep_durable;
        unsigned wal_syncs;
} shim;

typedef struct ShimFile {
        sqlite3_file base;
        const char *name; /* SQLite keeps it as long as the file is open */
        sqlite3_file *real;
} ShimFile;

static sqlite3_vfs *real_vfs, shim_vfs;

static sqlite3_file *real(sqlite3_file *f)
{
        return ((ShimFile *) f)->real;
}

/* Whether this call fails. ret_once: the next one will not. */
static bool strike(Fault fault, bool *ret_once)
{
        if (shim.fault != fault || (shim.countdown > 0 && --shim.countdown > 0))
                return false;

        *ret_once = !shim.always;
        if (!shim.always)
                shim.fault = FAULT_NONE;
        shim.hit = true;
        errno = fault == FAULT_WRITE_FULL ? ENOSPC : EIO;
        return true;
}

static int shim_close(sqlite3_file *f)
{
        return real(f)->pMethods->xClose(real(f));
}

static int shim_read(sqlite3_file *f, void *p, int n, sqlite3_int64 offset)
{
        return real(f)->pMethods->xRead(real(f), p, n, offset);
}

static int shim_write(sqlite3_file *f, const void *p, int n, sqlite3_int64 offset)
{
        bool once, full = strike(FAULT_WRITE_FULL, &once);

        if (full || strike(FAULT_WRITE_ERROR, &once)) {
                if (once)
                        (void) real(f)->pMethods->xWrite(real(f), p, n / 2, offset);
                errno = full ? ENOSPC : EIO;
                return full ? SQLITE_FULL : SQLITE_IOERR_WRITE;
        }

        return real(f)->pMethods->xWrite(real(f), p, n, offset);
}

static int shim_truncate(sqlite3_file *f, sqlite3_int64 size)
{
        bool once;

        if (strike(FAULT_TRUNCATE_ERROR, &once))
                return SQLITE_IOERR_TRUNCATE;

        return real(f)->pMethods->xTruncate(real(f), size);
}

static int shim_sync(sqlite3_file *f, int flags)
{
        const char *name = ((ShimFile *) f)->name;
        bool once;
        int rc;

        if (strike(FAULT_SYNC_ERROR, &once))
                return SQLITE_IOERR_FSYNC;

        rc = real(f)->pMethods->xSync(real(f), flags);
        if (rc != SQLITE_OK || !name)
                return rc;

        shim.wal_syncs += endswith(name, "-wal");
        if (shim.keep_durable) {
                _cleanup_free_ char *copy = strf("%s.durable", name), *data = NULL;
                _cleanup_close_ int fd = -EBADF;
                size_t size;

                assert(copy);
                assert_ok(read_file_full(name, SIZE_MAX / 2, &data, &size));
                fd = open(copy, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
                assert(fd >= 0);
                assert_ok(write_all(fd, data, size));
        }

        return rc;
}

static int shim_size(sqlite3_file *f, sqlite3_int64 *ret)
{
        return real(f)->pMethods->xFileSize(real(f), ret);
}

static int shim_lock(sqlite3_file *f, int level)
{
        return real(f)->pMethods->xLock(real(f), level);
}

static int shim_unlock(sqlite3_file *f, int level)
{
        return real(f)->pMethods->xUnlock(real(f), level);
}

static int shim_reserved(sqlite3_file *f, int *ret)
{
        return real(f)->pMethods->xCheckReservedLock(real(f), ret);
}

static int shim_control(sqlite3_file *f, int op, void *p)
{
        return real(f)->pMethods->xFileControl(real(f), op, p);
}

static int shim_sector(sqlite3_file *f)
{
        return real(f)->pMethods->xSectorSize(real(f));
}

static int shim_device(sqlite3_file *f)
{
        return real(f)->pMethods->xDeviceCharacteristics(real(f));
}

static int shim_shm_map(sqlite3_file *f, int region, int size, int extend, void volatile **ret)
{
        return real(f)->pMethods->xShmMap(real(f), region, size, extend, ret);
}

static int shim_shm_lock(sqlite3_file *f, int offset, int n, int flags)
{
        return real(f)->pMethods->xShmLock(real(f), offset, n, flags);
}

static void shim_shm_barrier(sqlite3_file *f)
{
        real(f)->pMethods->xShmBarrier(real(f));
}

static int shim_shm_unmap(sqlite3_file *f, int remove_it)
{
        return real(f)->pMethods->xShmUnmap(real(f), remove_it);
}

static const sqlite3_io_methods shim_methods = {
        .iVersion = 2,
        .xClose = shim_close,
        .xRead = shim_read,
        .xWrite = shim_write,
        .xTruncate = shim_truncate,
        .xSync = shim_sync,
        .xFileSize = shim_size,
        .xLock = shim_lock,
        .xUnlock = shim_unlock,
        .xCheckReservedLock = shim_reserved,
        .xFileControl = shim_control,
        .xSectorSize = shim_sector,
        .xDeviceCharacteristics = shim_device,
        .xShmMap = shim_shm_map,
        .xShmLock = shim_shm_lock,
        .xShmBarrier = shim_shm_barrier,
        .xShmUnmap = shim_shm_unmap,
};

static int shim_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *f, int flags, int *ret_flags)
{
        ShimFile *s = (ShimFile *) f;
        int rc;

        *s = (ShimFile){ .name = name, .real = (sqlite3_file *) (s + 1) };
        rc = real_vfs->xOpen(real_vfs, name, s->real, flags, ret_flags);
        f->pMethods = s->real->pMethods ? &shim_methods : NULL;
        return rc;
}

static void shim_install(void)
{
        real_vfs = sqlite3_vfs_find(NULL);
        assert(real_vfs);
        shim_vfs = *real_vfs;
        shim_vfs.zName = "shim";
        shim_vfs.szOsFile = (int) sizeof(ShimFile) + real_vfs->szOsFile;
        shim_vfs.pNext = NULL;
        shim_vfs.xOpen = shim_open;
        assert(sqlite3_vfs_register(&shim_vfs, 1) == SQLITE_OK);
}

/* One transaction of several rows: a job that ends, the next one with its stage, and who did it. */
static int work(Store *s, const char *padding)
{
        _cleanup_(store_rollbackp) Store *t = NULL;
        _cleanup_free_ char *drive = NULL;
        AuditRecord a = audit_sample();
        JobRecord j = job_sample();
        StageRecord g;
        int r;

        drive = strf("drive-%" PRIi64, query(s, "SELECT count(*) FROM jobs"));
        assert(drive);
        j.drive = drive;
        j.request = NULL;
        j.note = (char *) padding;

        r = store_begin(s);
        if (r < 0)
                return r;
        t = s;

        if ((r = store_job_put(s, &j)) < 0)
                return r;
        g = stage_sample(j.id, 0);
        g.run = NULL;
        g.run_sent = false;
        g.report = (char *) padding;
        if ((r = store_stage_put(s, &g)) < 0 || (r = store_audit_add(s, &a)) < 0)
                return r;

        return store_commit(s);
}

static int64_t work_done(Store *s)
{
        int64_t n = query(s, "SELECT count(*) FROM jobs");

        assert(query(s, "SELECT count(*) FROM stages") == n);
        assert(query(s, "SELECT count(*) FROM audit") == n);
        return n;
}

static char *padding_new(size_t size)
{
        char *p = malloc(size + 1);

        assert(p);
        memset(p, 'p', size);
        p[size] = 0;
        return p;
}

/* The n-th call fails, for every n there is: all or nothing, said so, and well again at once. */
static void test_each_call(Fault fault, int expected)
{
        _cleanup_scratch_ char *dir = scratch_new();
        _cleanup_free_ char *path = strf("%s/burnin.db", dir), *padding = padding_new(20000);
        _cleanup_(store_closep) Store *s = NULL;
        unsigned n = 0, failed = 0;

        assert_ok(store_open(path, &s, NULL));
        /* Checkpoints in between, so that the calls to the file itself have their turn. */
        assert(query(s, "PRAGMA wal_autocheckpoint = 8") == 8);

        for (unsigned missed = 0; missed < 5; missed = shim.hit ? 0 : missed + 1) {
                int64_t before = work_done(s);
                int r;

                shim.fault = fault;
                shim.countdown = ++n;
                shim.hit = false;
                r = work(s, padding);
                shim.fault = FAULT_NONE;

                if (r < 0) {
                        assert(shim.hit);
                        assert_error(expected, r);
                        assert(work_done(s) == before);
                        failed++;
                } else
                        assert(work_done(s) == before + 1);

                before = work_done(s);
                assert_ok(work(s, padding));
                assert(work_done(s) == before + 1);
                if (n % 8 == 0) {
                        before = work_done(s);
                        s = store_close(s);
                        assert_ok(store_open(path, &s, NULL));
                        assert(query(s, "PRAGMA wal_autocheckpoint = 8") == 8);
                        assert(work_done(s) == before);
                }
                assert(n < 1000);
        }

        assert_sound(s);
        /* A truncation comes after a commit, and its failure is no failure of the commit. */
        assert(failed > 0 || fault == FAULT_TRUNCATE_ERROR);
}

/* All of them fail, until somebody makes room. */
static void test_until_mended(Fault fault, int expected)
{
        _cleanup_scratch_ char *dir = scratch_new();
        _cleanup_free_ char *path = strf("%s/burnin.db", dir);
        _cleanup_(store_closep) Store *s = NULL;

        assert_ok(store_open(path, &s, NULL));
        assert_ok(work(s, "x"));
        assert_ok(store_check(s));

        shim.fault = fault;
        shim.countdown = 0;
        shim.always = true;
        for (unsigned i = 0; i < 3; i++) {
                assert_error(expected, work(s, "x"));
                assert_error(expected, store_check(s));
                assert(work_done(s) == 1);
        }
        shim.fault = FAULT_NONE;
        shim.always = false;

        assert_ok(store_check(s));
        assert_ok(work(s, "x"));
        assert(work_done(s) == 2);
        assert_sound(s);
}

/* Opening on a full disk fails, and leaves nothing that would fail the next opening. */
static void test_open(void)
{
        _cleanup_scratch_ char *dir = scratch_new();
        _cleanup_free_ char *path = strf("%s/burnin.db", dir);
        _cleanup_(store_closep) Store *s = NULL;
        unsigned n = 0;

        do {
                shim.fault = FAULT_WRITE_FULL;
                shim.countdown = ++n;
                shim.hit = false;
                if (store_open(path, &s, NULL) >= 0)
                        assert(s);
                shim.fault = FAULT_NONE;
                s = store_close(s);
                assert_ok(store_open(path, &s, NULL));
                assert_ok(work(s, "x"));
                assert_sound(s);
                s = store_close(s);
                assert(unlink(path) == 0);
        } while (shim.hit);
        assert(n > 3);
}

static Store *store_after_power_cut(const char *path, const char *copy)
{
        _cleanup_free_ char *from = strf("%s.durable", path), *to_wal = strf("%s-wal", copy),
                            *from_wal = strf("%s-wal.durable", path);
        Store *s;

        assert(from && to_wal && from_wal);
        (void) unlink(copy);
        (void) unlink(to_wal);
        (void) rename(from, copy);
        (void) rename(from_wal, to_wal);
        assert_ok(store_open(copy, &s, NULL));
        return s;
}

/* Of what was written since the last sync, all is lost. What was committed was synced, so it is there. */
static void test_power_cut(void)
{
        _cleanup_free_ char *padding = padding_new(5000);

        for (unsigned n = 0; n < 20; n++) {
                _cleanup_scratch_ char *dir = scratch_new();
                _cleanup_free_ char *path = strf("%s/burnin.db", dir), *copy = strf("%s/copy.db", dir);
                _cleanup_(store_closep) Store *s = NULL, *after = NULL;
                StageRecord g = { .job = 1, .percent = 77, .temperature_mdegc = MDEGC_UNKNOWN };
                const StageRecord *stages[] = { &g };
                unsigned syncs;

                shim.keep_durable = true;
                assert_ok(store_open(path, &s, NULL));
                assert(query(s, "PRAGMA wal_autocheckpoint = 10") == 10);
                for (unsigned i = 0; i < n; i++) {
                        syncs = shim.wal_syncs;
                        assert_ok(work(s, padding));
                        assert(shim.wal_syncs > syncs);
                        /* Progress waits for no disk, and does not teach the next commit its manner. */
                        assert_ok(store_progress(s, stages, 1, NULL, 0));
                }
                shim.keep_durable = false;

                after = store_after_power_cut(path, copy);
                assert(work_done(after) == n);
                assert_sound(after);
                assert_ok(work(after, "x"));
        }
}

static void test_progress_is_cheap(void)
{
        _cleanup_scratch_ char *dir = scratch_new();
        _cleanup_free_ char *path = strf("%s/burnin.db", dir);
        _cleanup_(store_closep) Store *s = NULL;
        StageRecord g = { .job = 1, .percent = 77, .temperature_mdegc = MDEGC_UNKNOWN };
        const StageRecord *stages[] = { &g };
        unsigned syncs;

        assert_ok(store_open(path, &s, NULL));
        assert_ok(work(s, "x"));
        syncs = shim.wal_syncs;
        for (unsigned i = 0; i < 10; i++) {
                g.percent = 68 + i;
                assert_ok(store_progress(s, stages, 1, NULL, 0));
        }
        assert(shim.wal_syncs == syncs);
        assert(query(s, "SELECT percent = 77 FROM stage_progress") == 1);

        /* Within a transaction of somebody's it waits like the rest. */
        g.percent = 78;
        assert_ok(store_begin(s));
        assert_ok(store_progress(s, stages, 1, NULL, 0));
        assert_ok(store_commit(s));
        assert(shim.wal_syncs > syncs);
}

/* What a host shows is told again. What is written behind it for good is not there without it. */
static void test_relaxed_transaction(void)
{
        _cleanup_scratch_ char *dir = scratch_new();
        _cleanup_free_ char *path = strf("%s/burnin.db", dir), *copy = strf("%s/copy.db", dir);
        _cleanup_(store_closep) Store *s = NULL, *after = NULL;
        DriveRecord d = drive_sample();
        HostRecord h = host_sample();
        unsigned syncs;

        shim.keep_durable = true;
        assert_ok(store_open(path, &s, NULL));
        assert_ok(store_host_put(s, &h));
        syncs = shim.wal_syncs;
        for (unsigned i = 0; i < 10; i++) {
                assert_ok(store_begin_relaxed(s));
                d.smart_usec = i;
                assert_ok(store_drive_put(s, &d));
                assert_ok(store_commit(s));
        }
        assert(shim.wal_syncs == syncs);
        assert_ok(work(s, "x"));
        assert(shim.wal_syncs > syncs);
        shim.keep_durable = false;

        after = store_after_power_cut(path, copy);
        assert(query(after, "SELECT smart_usec FROM drives") == 9);
        assert(work_done(after) == 1);
        assert_sound(after);
}

static void fill(Store *s, const char *padding)
{
        int r = 0;

        for (unsigned i = 0; i < 10000 && r >= 0; i++)
                r = work(s, padding);
        assert_error(-ENOSPC, r);
}

static void test_page_limit(void)
{
        _cleanup_scratch_ char *dir = scratch_new();
        _cleanup_free_ char *path = strf("%s/burnin.db", dir), *padding = padding_new(10000);
        _cleanup_(store_closep) Store *s = NULL;
        int64_t n;

        assert_ok(store_open(path, &s, NULL));
        assert(query(s, "PRAGMA max_page_count = 100") == 100);
        fill(s, padding);
        n = work_done(s);
        assert(n > 5);
        assert_sound(s);

        assert(query(s, "PRAGMA max_page_count = 1000") == 1000);
        assert_ok(work(s, padding));
        assert(work_done(s) == n + 1);
}

static void test_file_limit(void)
{
        _cleanup_scratch_ char *dir = scratch_new();
        _cleanup_free_ char *path = strf("%s/burnin.db", dir), *padding = padding_new(10000);
        _cleanup_(store_closep) Store *s = NULL;
        struct rlimit old, small;
        int64_t n;

        assert(signal(SIGXFSZ, SIG_IGN) != SIG_ERR);
        assert(getrlimit(RLIMIT_FSIZE, &old) == 0);
        assert_ok(store_open(path, &s, NULL));

        small = old;
        small.rlim_cur = 1024 * 1024 + 321; /* in the middle of a page */
        assert(setrlimit(RLIMIT_FSIZE, &small) == 0);
        fill(s, padding);
        n = work_done(s);
        assert(n > 5);
        assert_error(-ENOSPC, work(s, padding));

        assert(setrlimit(RLIMIT_FSIZE, &old) == 0);
        assert(work_done(s) == n);
        assert_ok(work(s, padding));
        s = store_close(s);
        assert_ok(store_open(path, &s, NULL));
        assert(work_done(s) == n + 1);
        assert_sound(s);
}

/* A real file system without room, in a mount namespace of our own; where we may not make one, the rest must do. */
static void test_full_file_system(void)
{
        _cleanup_scratch_ char *dir = scratch_new();
        _cleanup_free_ char *path = strf("%s/burnin.db", dir), *padding = padding_new(10000);
        _cleanup_(store_closep) Store *s = NULL;
        int64_t n;

        if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
            mount("tmpfs", dir, "tmpfs", 0, "size=2m") < 0) {
                (void) fprintf(stderr, "No file system of our own, left out: %s\n", strerror(errno));
                return;
        }

        assert_ok(store_open(path, &s, NULL));
        fill(s, padding);
        n = work_done(s);
        assert(n > 5);
        assert_error(-ENOSPC, store_check(s));

        assert(mount("tmpfs", dir, "tmpfs", MS_REMOUNT, "size=64m") == 0);
        assert(work_done(s) == n);
        assert_ok(store_check(s));
        assert_ok(work(s, padding));
        assert(work_done(s) == n + 1);
        assert_sound(s);
        s = store_close(s);
        assert(umount(dir) == 0);
}

int main(void)
{
        shim_install();

        test_each_call(FAULT_WRITE_FULL, -ENOSPC);
        test_each_call(FAULT_WRITE_ERROR, -EIO);
        test_each_call(FAULT_SYNC_ERROR, -EIO);
        test_each_call(FAULT_TRUNCATE_ERROR, -EIO);
        test_until_mended(FAULT_WRITE_FULL, -ENOSPC);
        test_until_mended(FAULT_WRITE_ERROR, -EIO);
        test_until_mended(FAULT_SYNC_ERROR, -EIO);
        test_open();
        test_power_cut();
        test_progress_is_cheap();
        test_relaxed_transaction();
        test_page_limit();
        test_file_limit();
        test_full_file_system();

        return 0;
}
