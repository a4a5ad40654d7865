/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>

#include "basic/fd-util.h"
#include "basic/log.h"
#include "basic/string-util.h"
#include "basic/time-util.h"
#include "shared/names.h"
#include "store/backup.h"
#include "store/store-internal.h"

#define NAME_FORMAT "burnin-%Y%m%dT%H%M%SZ.db"
#define NAME_NEW    "burnin.new"
/* What a database has beside it while it is open, or was when its machine stopped. */
static const char *const companions[] = { "-journal", "-wal", "-shm" };

/* As much stays free as burnind itself needs not to be called full. */
#define FREE_MIN_BYTES (UINT64_C(64) * 1024 * 1024)
#define BUSY_USEC      (10 * USEC_PER_SEC)
#define AHEAD_USEC     (3600 * USEC_PER_SEC)

static int unlink_with_companions(const char *path)
{
        for (size_t i = 0; i < ELEMENTSOF(companions); i++) {
                _cleanup_free_ char *companion = strf("%s%s", path, companions[i]);

                if (!companion)
                        return -ENOMEM;
                if (unlink(companion) < 0 && errno != ENOENT)
                        return -errno;
        }

        return unlink(path) < 0 && errno != ENOENT ? -errno : 0;
}

int backup_parse_name(const char *name, uint64_t *ret_usec)
{
        struct tm tm = {};
        char again[BACKUP_NAME_SIZE];
        const char *end;
        time_t t;

        end = strptime(name, NAME_FORMAT, &tm);
        if (!end || *end)
                return -EINVAL;
        t = timegm(&tm);
        /* strptime() takes less digits, blanks, and the 31st of February. */
        if (t < 0 || strftime(again, sizeof(again), NAME_FORMAT, &tm) == 0 || !streq(again, name))
                return -EINVAL;

        *ret_usec = (uint64_t) t * USEC_PER_SEC;
        return 0;
}

/* Now, or after the last one where more than one is made in a second: the newest is what stays. One of a clock that was far ahead is
 * not followed there. */
static int choose_name(const char *dir, uint64_t now, Backup *b)
{
        _cleanup_free_ Backup *backups = new0(Backup, BACKUPS_MAX);
        struct tm tm;
        time_t t;
        size_t n;
        int r;

        if (!backups)
                return -ENOMEM;
        r = backup_list(dir, backups, &n);
        if (r < 0)
                return r;

        now -= now % USEC_PER_SEC;
        for (size_t i = n; i > 0; i--)
                if (backups[i - 1].time_usec >= now && backups[i - 1].time_usec - now < AHEAD_USEC)
                        now = backups[i - 1].time_usec + USEC_PER_SEC;
        t = (time_t) (now / USEC_PER_SEC);
        if (!gmtime_r(&t, &tm) || strftime(b->name, sizeof(b->name), NAME_FORMAT, &tm) == 0)
                return -EOVERFLOW;

        b->time_usec = now;
        return 0;
}

static int check_room(const char *database, int dir_fd)
{
        struct statvfs f;
        struct stat st;

        if (stat(database, &st) < 0 || fstatvfs(dir_fd, &f) < 0)
                return -errno;

        return (uint64_t) f.f_bavail * f.f_frsize < (uint64_t) st.st_size + FREE_MIN_BYTES ? -ENOSPC : 0;
}

/* Page by page, damaged ones as well, so that looking at the copy is looking at the database. All in one step: a step after which
 * somebody has written would begin at the first page again. */
static int copy_pages(Store *from, Store *to)
{
        uint64_t deadline = now_usec(CLOCK_BOOTTIME) + BUSY_USEC;
        sqlite3_backup *b;
        int rc;

        assert(from && to);

        b = sqlite3_backup_init(to->db, "main", from->db, "main");
        if (!b)
                return store_error(to, sqlite3_extended_errcode(to->db), "backup");

        errno = 0;
        do
                rc = sqlite3_backup_step(b, -1);
        while ((rc == SQLITE_OK || rc == SQLITE_BUSY || rc == SQLITE_LOCKED) &&
               now_usec(CLOCK_BOOTTIME) < deadline);
        (void) sqlite3_backup_finish(b);

        return rc == SQLITE_OK ? -EBUSY : store_error(from, rc, "backup");
}

/* A whole file on the disk, one file alone, or nothing. */
static int copy_database(const char *from, const char *to)
{
        _cleanup_(store_closep) Store *source = NULL, *copy = NULL;
        _cleanup_close_ int fd = -EBADF;
        int r;

        r = unlink_with_companions(to);
        if (r < 0)
                return r;
        fd = open(to, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (fd < 0)
                return -errno;

        r = store_open_file(from, SQLITE_OPEN_READONLY, &source);
        if (r >= 0)
                r = store_open_file(to, SQLITE_OPEN_READWRITE, &copy);
        /* What is half made has no name that anybody would look for. */
        if (r >= 0)
                r = store_exec(copy, "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF");
        if (r >= 0)
                r = copy_pages(source, copy);
        copy = store_close(copy);
        source = store_close(source);

        /* The copy says of itself that it has a log, as the database does; it shall need none. */
        if (r >= 0)
                r = store_open_file(to, SQLITE_OPEN_READWRITE, &copy);
        if (r >= 0)
                r = store_exec(copy, "PRAGMA journal_mode = DELETE");
        copy = store_close(copy);

        if (r >= 0)
                r = backup_verify(to);
        if (r >= 0 && fsync(fd) < 0)
                r = -errno;
        if (r < 0)
                (void) unlink_with_companions(to);

        return r;
}

int backup_verify(const char *path)
{
        _cleanup_(store_closep) Store *s = NULL;
        int64_t version, whole, broken;
        int r;

        r = store_open_file(path, SQLITE_OPEN_READONLY, &s);
        if (r < 0)
                return r;
        r = store_read_version(s, store_n_schemas, &version);
        if (r < 0)
                return r;
        if (version == 0)
                return -EUCLEAN;

        r = store_query_i64(s, "SELECT integrity_check = 'ok' FROM pragma_integrity_check(1)", &whole);
        if (r < 0)
                return r;
        r = store_query_i64(s, "SELECT count(*) FROM pragma_foreign_key_check", &broken);
        if (r < 0)
                return r;

        return whole == 1 && broken == 0 ? 0 : -EUCLEAN;
}

int backup_make(const char *database, const char *dir, uint64_t now, Backup *ret)
{
        _cleanup_free_ char *temporary = strf("%s/" NAME_NEW, dir);
        _cleanup_close_ int fd = -EBADF;
        Backup b = {};
        struct stat st;
        int r;

        if (!temporary)
                return -ENOMEM;
        fd = open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        if ((r = choose_name(dir, now, &b)) < 0 || (r = check_room(database, fd)) < 0 ||
            (r = copy_database(database, temporary)) < 0)
                return r;

        if (fstatat(fd, NAME_NEW, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
            renameat2(fd, NAME_NEW, fd, b.name, RENAME_NOREPLACE) < 0 || fsync(fd) < 0) {
                r = -errno;
                (void) unlink(temporary);
                return r;
        }

        b.size_bytes = (uint64_t) st.st_size;
        *ret = b;
        return 0;
}

static int backup_compare(const void *a, const void *b)
{
        return -strcmp(((const Backup *) a)->name, ((const Backup *) b)->name);
}

int backup_list(const char *dir, Backup ret[static BACKUPS_MAX], size_t *ret_n)
{
        _cleanup_free_ Backup *all = NULL;
        size_t n = 0, allocated = 0;
        struct dirent *e;
        DIR *d;

        d = opendir(dir);
        if (!d && errno == ENOENT) {
                *ret_n = 0;
                return 0;
        }
        if (!d)
                return -errno;

        while ((e = readdir(d))) {
                Backup b = {};
                struct stat st;

                if (backup_parse_name(e->d_name, &b.time_usec) < 0 ||
                    fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode))
                        continue;
                memcpy(b.name, e->d_name, sizeof(b.name));
                b.size_bytes = (uint64_t) st.st_size;
                if (n == allocated) {
                        Backup *more = reallocarray(all, allocated = MAX((size_t) 64, 2 * n), sizeof(*all));

                        if (!more) {
                                (void) closedir(d);
                                return -ENOMEM;
                        }
                        all = more;
                }
                all[n++] = b;
        }
        (void) closedir(d);

        if (n > 0)
                qsort(all, n, sizeof(*all), backup_compare);
        *ret_n = MIN(n, (size_t) BACKUPS_MAX);
        if (n > 0)
                memcpy(ret, all, *ret_n * sizeof(*all));
        return 0;
}

int backup_rotate(const char *dir, uint32_t keep, const char *but)
{
        _cleanup_free_ char *temporary = strf("%s/" NAME_NEW, dir);
        _cleanup_free_ Backup *backups = new0(Backup, BACKUPS_MAX);
        int removed = 0, r;
        size_t n;

        if (!temporary || !backups)
                return -ENOMEM;
        r = unlink_with_companions(temporary);
        if (r >= 0)
                r = backup_list(dir, backups, &n);
        if (r < 0)
                return r;

        for (size_t i = MAX(keep, 1U); i < n; i++) {
                _cleanup_free_ char *path = strf("%s/%s", dir, backups[i].name);

                if (streq_ptr(backups[i].name, but))
                        continue;
                if (!path)
                        return -ENOMEM;
                if (unlink(path) < 0)
                        return -errno;
                removed++;
        }

        return removed;
}

static int restore_run(Store *s, const char *sql, uint64_t number)
{
        sqlite3_stmt *stmt;
        int r;

        r = store_error(s, sqlite3_prepare_v2(s->db, sql, -1, &stmt, NULL), sql);
        if (r < 0)
                return r;
        r = sqlite3_bind_parameter_count(stmt) > 0 ? bind_u64(stmt, 1, number) : 0;
        if (r >= 0)
                r = statement_run(s, stmt);
        sqlite3_finalize(stmt);

        return r;
}

/* The last number that the old database gave, where it can still be read; its log goes into it meanwhile. */
static uint64_t last_job_of(const char *database)
{
        _cleanup_(store_closep) Store *s = NULL;
        int64_t last = 0;

        if (store_open_file(database, SQLITE_OPEN_READWRITE, &s) >= 0 &&
            store_query_i64(s, "SELECT seq FROM sqlite_sequence WHERE name = 'jobs'", &last) < 0)
                last = 0;

        return last > 0 ? (uint64_t) last : 0;
}

/* What is not true any more of what a backup says. The order matters: the later statements look at jobs that are done. */
static int settle(Store *s, uint64_t now, uint64_t last_job)
{
        static const struct {
                const char *sql;
                bool job; /* its number is last_job, not now */
        } steps[] = {
                { "INSERT OR IGNORE INTO remnants (run, drive, host, job, since_usec) "
                  "SELECT run, drive, host, job, ? FROM stages JOIN jobs ON jobs.id = stages.job "
                  "WHERE stages.state <> 'done' AND run_sent" },
                { "UPDATE stages SET verdict = iif(state = 'pending', 'skipped', 'cancelled'), state = 'done', "
                  "finished_usec = iif(state = 'pending', 0, ?) WHERE state <> 'done'" },
                { "UPDATE jobs SET state = 'done', verdict = 'cancelled', finished_usec = ?, reason = "
                  "'The database was restored from a backup of a time when this job had not ended. What became of it is not known.' "
                  "WHERE state <> 'done'" },
                { "DELETE FROM stage_progress" },
                { "DELETE FROM sessions" },
                /* Its row is not there, or without a number, while there never was a job. */
                { "INSERT INTO sqlite_sequence (name, seq) SELECT 'jobs', 0 WHERE NOT EXISTS "
                  "(SELECT * FROM sqlite_sequence WHERE name = 'jobs')" },
                { "UPDATE sqlite_sequence SET seq = max(ifnull(seq, 0), ?) WHERE name = 'jobs'",
                  .job = true },
        };
        bool own;
        int r;

        r = store_join(s, &own);
        if (r < 0)
                return r;
        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(steps); i++)
                r = restore_run(s, steps[i].sql, steps[i].job ? last_job : now);

        return store_leave(s, own, r);
}

/* Brought up to date, settled, and on the disk as one file. */
static int prepare_restored(const char *path, const char *file, uint64_t now, uint64_t last_job)
{
        _cleanup_(store_closep) Store *s = NULL;
        _cleanup_free_ char *before = NULL, *object = NULL;
        _cleanup_close_ int fd = -EBADF;
        int from, r;

        r = store_open(path, &s, &from);
        if (r < 0)
                return r;
        if (from > 0) {
                before = strf("%s.schema-%i.backup", path, from);
                if (!before)
                        return -ENOMEM;
                (void) unlink(before);
        }
        object = strf("backup %s", strrchr(file, '/') ? strrchr(file, '/') + 1 : file);
        if (!object)
                return -ENOMEM;
        r = settle(s, now, last_job);
        if (r >= 0)
                r = store_audit_add(s, &(AuditRecord){ .time_usec = now,
                                                       .actor = (char *) "root",
                                                       .action = (char *) ACTION_MANAGE_SETTINGS,
                                                       .object = object,
                                                       .outcome = (char *) "ok",
                                                       .detail = (char *) "restored" });
        if (r >= 0)
                r = store_exec(s, "PRAGMA journal_mode = DELETE");
        s = store_close(s);
        if (r < 0)
                return r;

        fd = open(path, O_RDONLY | O_CLOEXEC);
        return fd < 0 || fsync(fd) < 0 ? -errno : 0;
}

/* Both names are of the same file until the new database takes the first one over. Its log goes along: the new one's would be taken
 * for it. */
static int set_aside(const char *database, uint64_t now, char **ret)
{
        char stamp[TIMESTAMP_MAX];
        _cleanup_free_ char *aside = strf("%s.before-%s", database, format_timestamp(stamp, now));

        if (!aside)
                return -ENOMEM;
        if (link(database, aside) < 0) {
                if (errno != ENOENT)
                        return -errno;
                aside[0] = '\0';
        }
        for (size_t i = 0; i < ELEMENTSOF(companions); i++) {
                _cleanup_free_ char *from = strf("%s%s", database, companions[i]),
                                    *to = strf("%s%s", aside, companions[i]);

                if (!from || !to)
                        return -ENOMEM;
                if (aside[0] ? rename(from, to) < 0 && errno != ENOENT : unlink(from) < 0 && errno != ENOENT)
                        return -errno;
        }

        *ret = TAKE_PTR(aside);
        return 0;
}

int backup_restore(const char *database, const char *file, uint64_t now, uint64_t first_job,
                   char **ret_aside)
{
        _cleanup_free_ char *copy = strf("%s.restored", database), *aside = NULL;
        uint64_t last_job = last_job_of(database);
        int r;

        if (!copy)
                return -ENOMEM;
        if (first_job > 0)
                last_job = MAX(last_job, first_job - 1);
        r = copy_database(file, copy);
        if (r < 0)
                return r;

        r = prepare_restored(copy, file, now, last_job);
        if (r >= 0)
                r = set_aside(database, now, &aside);
        if (r >= 0 && rename(copy, database) < 0)
                r = -errno;
        if (r < 0) {
                (void) unlink_with_companions(copy);
                return r;
        }

        r = fsync_directory_of(database);
        if (r < 0)
                return r;
        *ret_aside = TAKE_PTR(aside);
        return 0;
}
