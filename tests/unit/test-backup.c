/* SPDX-License-Identifier: LGPL-2.1-or-later */
#undef NDEBUG

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "basic/fd-util.h"
#include "basic/time-util.h"
#include "store-sample.h"
#include "store/backup.h"

/* Copies of real databases, whole and damaged ones. */

#define NOW (UINT64_C(1795219200) * USEC_PER_SEC) /* 2026-11-21 00:00 */

typedef struct Place {
        char *dir, *database, *backups;
} Place;

static Place place_new(void)
{
        Place p = { .dir = scratch_new() };

        p.database = strf("%s/burnin.db", p.dir);
        p.backups = scratch_new();
        assert(p.database);
        return p;
}

static void place_done(Place *p)
{
        scratch_free(p->dir);
        scratch_free(p->backups);
        free(p->database);
}

static char *in(const char *dir, const char *name)
{
        char *path = strf("%s/%s", dir, name);

        assert(path);
        return path;
}

static bool exists(const char *dir, const char *name)
{
        _cleanup_free_ char *path = in(dir, name);

        return access(path, F_OK) >= 0;
}

static size_t count(const char *dir)
{
        DIR *d = opendir(dir);
        struct dirent *e;
        size_t n = 0;

        assert(d);
        while ((e = readdir(d)))
                n += e->d_name[0] != '.';
        (void) closedir(d);
        return n;
}

/* A database with rows in many pages, as burnind has it open. */
static Store *fill(const char *dir)
{
        Store *s = store_in(dir);
        HostRecord h = host_sample();
        DriveRecord d = drive_sample();

        assert_ok(store_host_put(s, &h));
        assert_ok(store_drive_put(s, &d));
        assert_ok(store_begin(s));
        for (int i = 0; i < 2000; i++) {
                AuditRecord a = audit_sample();

                assert_ok(store_audit_add(s, &a));
        }
        assert_ok(store_commit(s));
        return s;
}

static void damage(const char *path, off_t offset, size_t size)
{
        _cleanup_close_ int fd = open(path, O_WRONLY | O_CLOEXEC);

        assert(fd >= 0);
        for (size_t i = 0; i < size; i++)
                assert(pwrite(fd, "\xa5", 1, offset + (off_t) i) == 1);
}

static void touch(const char *dir, const char *name)
{
        _cleanup_free_ char *path = in(dir, name);
        _cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

        assert(fd >= 0);
}

static void test_names(void)
{
        static const char *const bad[] = {
                "",
                "burnin.new",
                "burnin-20261121T000000Z.db-journal",
                "burnin-20261121T000000Z.db ",
                "burnin-20261121T000000.db",
                "burnin-20260231T000000Z.db",
                "burnin-2026112T000000Z.db",
                "burnin- 2026112T000000Z.db",
                "burnin-20261121T240000Z.db",
                "../burnin-20261121T000000Z.db",
        };
        uint64_t t;

        assert_ok(backup_parse_name("burnin-20261121T000000Z.db", &t));
        assert(t == NOW);
        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                assert_error(-EINVAL, backup_parse_name(bad[i], &t));
}

/* While it is open, and with what is not in the file yet but in its log. */
static void test_make(void)
{
        _cleanup_(place_done) Place p = place_new();
        _cleanup_(store_closep) Store *s = fill(p.dir), *copy = NULL;
        _cleanup_free_ char *path = NULL;
        struct stat st;
        Backup b, c;

        assert(stat(p.database, &st) == 0);
        assert_ok(backup_make(p.database, p.backups, NOW + 1, &b));
        assert(streq(b.name, "burnin-20261121T000000Z.db") && b.time_usec == NOW);
        assert(count(p.backups) == 1);
        path = in(p.backups, b.name);
        assert(stat(path, &st) == 0 && (st.st_mode & 07777) == 0600 &&
               (uint64_t) st.st_size == b.size_bytes);
        assert_ok(backup_verify(path));
        assert(count(p.backups) == 1); /* looking at it leaves nothing beside it */

        /* The same second again. */
        assert_ok(backup_make(p.database, p.backups, NOW, &c));
        assert(streq(c.name, "burnin-20261121T000001Z.db"));
        /* And again, when the first one has gone: the newest has the last name. That of another time is none to come after. */
        assert(unlink(path) == 0);
        touch(p.backups, "burnin-20361121T000000Z.db");
        assert_ok(backup_make(p.database, p.backups, NOW, &b));
        assert(streq(b.name, "burnin-20261121T000002Z.db"));
        free(path);
        path = in(p.backups, b.name);

        assert(query(s, "SELECT count(*) FROM audit") == 2000);
        assert_ok(store_open(path, &copy, NULL));
        assert(query(copy, "SELECT count(*) FROM audit") == 2000);
        assert_sound(copy);
}

/* Somebody writes all the time, as burnind does: what is copied is of one moment. */
static void test_make_while_written(void)
{
        _cleanup_(place_done) Place p = place_new();
        _cleanup_(store_closep) Store *s = fill(p.dir);
        int ready[2];
        char byte;
        pid_t pid;

        s = store_close(s);
        assert(pipe(ready) == 0);
        pid = fork();
        assert(pid >= 0);
        if (pid == 0) {
                s = store_in(p.dir);
                for (uint64_t i = 1;; i++) {
                        SettingRecord a = { (char *) "a", strf("%" PRIu64, i) },
                                      b = { (char *) "b", strf("%" PRIu64, i) };

                        assert_ok(store_begin(s));
                        assert_ok(store_setting_put(s, &a));
                        assert_ok(store_setting_put(s, &b));
                        assert_ok(store_commit(s));
                        free(a.value);
                        free(b.value);
                        if (i == 1)
                                assert(write(ready[1], "x", 1) == 1);
                }
        }

        assert(read(ready[0], &byte, 1) == 1);
        for (uint64_t i = 0; i < 5; i++) {
                _cleanup_(store_closep) Store *copy = NULL;
                _cleanup_free_ char *path = NULL;
                Backup b;

                assert_ok(backup_make(p.database, p.backups, NOW + i * USEC_PER_SEC, &b));
                path = in(p.backups, b.name);
                assert_ok(store_open(path, &copy, NULL));
                assert(query(copy, "SELECT count(DISTINCT value) FROM settings") == 1);
        }
        assert(kill(pid, SIGKILL) == 0 && waitpid(pid, NULL, 0) == pid);
}

/* A database that is damaged makes no backup, and takes none away. */
static void test_make_of_damaged(void)
{
        for (int what = 0; what < 4; what++) {
                _cleanup_(place_done) Place p = place_new();
                struct stat st;
                Backup good, b = {};

                store_close(fill(p.dir));
                assert_ok(backup_make(p.database, p.backups, NOW, &good));
                assert(stat(p.database, &st) == 0);
                switch (what) {
                case 0: /* a page in the middle */
                        damage(p.database, st.st_size / 2 / 4096 * 4096, 4096);
                        break;
                case 1: /* the first one */
                        damage(p.database, 0, 100);
                        break;
                case 2: /* the end is missing */
                        assert(truncate(p.database, st.st_size / 2 / 4096 * 4096) == 0);
                        break;
                default: /* of another program */
                        assert(truncate(p.database, 0) == 0);
                }

                assert_error(-EUCLEAN, backup_make(p.database, p.backups, NOW + USEC_PER_SEC, &b));
                assert(count(p.backups) == 1 && exists(p.backups, good.name) && !b.name[0]);
        }
}

static void test_make_fails(void)
{
        _cleanup_(place_done) Place p = place_new();
        Backup b;

        assert_error(-ENOENT, backup_make(p.database, p.backups, NOW, &b));
        store_close(fill(p.dir));
        assert_error(-ENOENT, backup_make(p.database, "/nowhere", NOW, &b));
        /* No room for a file of that size anywhere. */
        assert(truncate(p.database, INT64_C(1) << 40) == 0);
        assert_error(-ENOSPC, backup_make(p.database, p.backups, NOW, &b));
        assert(count(p.backups) == 0);
}

static void test_rotate(void)
{
        _cleanup_(place_done) Place p = place_new();
        _cleanup_free_ Backup *backups = new0(Backup, BACKUPS_MAX);
        size_t n;

        assert_ok(backup_list("/nowhere", backups, &n));
        assert(n == 0);

        touch(p.backups, "burnin-20261121T020000Z.db");
        touch(p.backups, "burnin-20261119T020000Z.db");
        touch(p.backups, "burnin-20261120T020000Z.db");
        touch(p.backups, "burnin-20261118T020000Z.db");
        touch(p.backups, "burnin-20261117T020000Z.db.mine");
        touch(p.backups, "burnin.new");
        touch(p.backups, "burnin.new-journal");
        assert_ok(backup_list(p.backups, backups, &n));
        assert(n == 4 && streq(backups[0].name, "burnin-20261121T020000Z.db") &&
               streq(backups[3].name, "burnin-20261118T020000Z.db"));

        assert(assert_ok(backup_rotate(p.backups, 4, NULL)) == 0);
        assert(count(p.backups) == 5); /* nothing half made */
        /* The clock was wrong when the others were made: the last one stays. */
        assert(assert_ok(backup_rotate(p.backups, 2, "burnin-20261118T020000Z.db")) == 1);
        assert(!exists(p.backups, "burnin-20261119T020000Z.db"));
        assert(assert_ok(backup_rotate(p.backups, 0, NULL)) == 2);
        assert(exists(p.backups, "burnin-20261121T020000Z.db") &&
               exists(p.backups, "burnin-20261117T020000Z.db.mine") && count(p.backups) == 2);
}

/* A job that waits, and one that runs. */
static void put_jobs(Store *s)
{
        JobRecord queued = job_sample(), running = job_sample();
        StageRecord first, second;

        queued.request = running.request = NULL;
        running.drive = (char *) "wwn-2";
        running.state = JOB_RUNNING;
        assert_ok(store_job_put(s, &queued));
        assert_ok(store_job_put(s, &running));
        first = stage_sample(running.id, 0);
        second = stage_sample(running.id, 1);
        second.state = STAGE_PENDING;
        second.run = NULL;
        second.run_sent = false;
        assert_ok(store_stage_put(s, &first));
        assert_ok(store_stage_put(s, &second));
}

static void test_restore(void)
{
        _cleanup_(place_done) Place p = place_new();
        _cleanup_(store_closep) Store *s = fill(p.dir), *old = NULL;
        _cleanup_free_ char *path = NULL, *aside = NULL;
        SettingRecord later = { (char *) "later", (char *) "1" };
        JobRecord j = job_sample();
        SessionRecord session = {
                .token_sha256 = (char *) "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
                .account = (char *) "alice",
                .address = (char *) "",
                .created_usec = 1,
                .seen_usec = 1,
        };
        AccountRecord account = { .name = (char *) "alice",
                                  .role = ROLE_ADMIN,
                                  .password_hash = (char *) "$y$",
                                  .created_usec = 1,
                                  .password_usec = 1 };
        uint64_t id;
        Backup b;

        put_jobs(s);
        assert_ok(store_account_put(s, &account));
        assert_ok(store_session_add(s, &session, &id));
        assert_ok(backup_make(p.database, p.backups, NOW, &b));
        path = in(p.backups, b.name);

        /* What is done after it. The number of a job that is only a directory by now counts as well. */
        assert_ok(store_setting_put(s, &later));
        s = store_close(s);
        assert_ok(backup_restore(p.database, path, NOW + USEC_PER_HOUR, 7, &aside));
        assert(endswith(aside, "/burnin.db.before-2026-11-21T01:00:00Z"));
        assert(count(p.dir) == 2);

        s = store_in(p.dir);
        assert(query(s, "SELECT count(*) FROM settings") == 0);
        assert(query(s, "SELECT count(*) FROM audit") == 2001);
        assert(query(s, "SELECT count(*) FROM audit WHERE object = 'backup burnin-20261121T000000Z.db' AND "
                        "detail = 'restored' AND time_usec = 1795222800000000") == 1);
        assert(query(s, "SELECT count(*) FROM jobs WHERE state = 'done' AND verdict = 'cancelled' AND "
                        "finished_usec = 1795222800000000") == 2);
        assert(query(s, "SELECT count(*) FROM stages WHERE stage = 0 AND state = 'done' AND verdict = "
                        "'cancelled'") == 1);
        assert(query(s, "SELECT count(*) FROM stages WHERE stage = 1 AND state = 'done' AND verdict = "
                        "'skipped'") == 1);
        assert(query(s, "SELECT count(*) FROM remnants WHERE run = '0123456789abcdef0123456789abcdef' AND "
                        "drive = 'wwn-2' AND host = 'nas1' AND job = 2") == 1);
        assert(query(s, "SELECT count(*) FROM sessions") == 0);
        assert(query(s, "SELECT count(*) FROM accounts") == 1);
        j.request = NULL;
        assert_ok(store_job_put(s, &j));
        assert(j.id == 7);
        assert_sound(s);

        /* Nothing of the old one is lost, and the backup is as it was. */
        assert_ok(store_open(aside, &old, NULL));
        assert(query(old, "SELECT count(*) FROM settings") == 1);
        assert_ok(backup_verify(path));
}

/* The old one gives numbers up to 3, and its machine stopped without closing it. */
static void test_restore_over_open_log(void)
{
        _cleanup_(place_done) Place p = place_new();
        _cleanup_(store_closep) Store *s = fill(p.dir), *old = NULL;
        _cleanup_free_ char *path = NULL, *aside = NULL;
        JobRecord j = job_sample();
        pid_t pid;
        int status;
        Backup b;

        assert_ok(backup_make(p.database, p.backups, NOW, &b));
        path = in(p.backups, b.name);
        s = store_close(s);
        pid = fork();
        assert(pid >= 0);
        if (pid == 0) {
                s = store_in(p.dir);
                put_jobs(s);
                j.drive = (char *) "wwn-3";
                j.request = NULL;
                assert_ok(store_job_put(s, &j));
                _exit(0);
        }
        assert(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0);
        assert(exists(p.dir, "burnin.db-wal"));

        assert_ok(backup_restore(p.database, path, NOW, 0, &aside));
        assert(!exists(p.dir, "burnin.db-wal"));
        s = store_in(p.dir);
        assert(query(s, "SELECT count(*) FROM jobs") == 0);
        j.request = NULL;
        assert_ok(store_job_put(s, &j));
        assert(j.id == 4);
        assert_ok(store_open(aside, &old, NULL));
        assert(query(old, "SELECT count(*) FROM jobs") == 3);
}

/* Where the database is damaged or gone, which is what backups are for. The new one must not take the old one's log for its own. */
static void test_restore_of_lost(void)
{
        for (int gone = 0; gone < 2; gone++) {
                _cleanup_(place_done) Place p = place_new();
                _cleanup_(store_closep) Store *s = NULL;
                _cleanup_free_ char *path = NULL, *aside = NULL, *log = NULL;
                Backup b;

                store_close(fill(p.dir));
                assert_ok(backup_make(p.database, p.backups, NOW, &b));
                path = in(p.backups, b.name);
                if (gone)
                        assert(unlink(p.database) == 0);
                else
                        damage(p.database, 0, 8192);
                touch(p.dir, "burnin.db-wal");

                assert_ok(backup_restore(p.database, path, NOW, 0, &aside));
                assert(!exists(p.dir, "burnin.db-wal") && !exists(p.dir, "burnin.db-shm"));
                log = strf("%s-wal", aside);
                assert(gone ? streq(aside, "") : access(aside, F_OK) >= 0 && access(log, F_OK) >= 0);
                s = store_in(p.dir);
                assert(query(s, "SELECT count(*) FROM audit") == 2001);
        }
}

/* What is no good backup changes nothing. */
static void test_restore_refused(void)
{
        _cleanup_(place_done) Place p = place_new();
        _cleanup_(store_closep) Store *s = fill(p.dir);
        _cleanup_free_ char *path = NULL, *aside = NULL;
        struct stat st;
        Backup b;

        assert_ok(backup_make(p.database, p.backups, NOW, &b));
        path = in(p.backups, b.name);
        assert_error(-ENOENT, backup_restore(p.database, "/nowhere", NOW, 0, &aside));

        assert_ok(store_exec(s, "PRAGMA user_version = 10000"));
        s = store_close(s);
        assert_error(-ENOTSUP, backup_restore(path, p.database, NOW, 0, &aside));

        assert(stat(path, &st) == 0);
        damage(path, st.st_size / 2 / 4096 * 4096, 4096);
        assert_error(-EUCLEAN, backup_verify(path));
        assert_error(-EUCLEAN, backup_restore(p.database, path, NOW, 0, &aside));
        damage(path, 0, 16);
        assert_error(-EUCLEAN, backup_restore(p.database, path, NOW, 0, &aside));
        assert(truncate(path, 0) == 0);
        assert_error(-EUCLEAN, backup_restore(p.database, path, NOW, 0, &aside));
        assert(count(p.dir) == 1 && count(p.backups) == 1 && !aside);
}

int main(void)
{
        test_names();
        test_make();
        test_make_while_written();
        test_make_of_damaged();
        test_make_fails();
        test_rotate();
        test_restore();
        test_restore_over_open_log();
        test_restore_of_lost();
        test_restore_refused();

        return 0;
}
