/* SPDX-License-Identifier: LGPL-2.1-or-later */
#undef NDEBUG

#include <signal.h>
#include <sys/wait.h>
#include <time.h>

#include "basic/fd-util.h"
#include "basic/parse-util.h"
#include "store-sample.h"

/* A writer that is killed at any moment, many times over the same file. It says on a pipe what was committed before it goes
 * on; after its death all of that must be there, and at most one transaction more, whole.
 *
 *     test-store-crash [ROUNDS [SEED]]
 *
 * A timer sends the writer its SIGKILL, so that the moment falls anywhere: while opening, within a write, in a checkpoint. */

#define ROUNDS_DEFAULT 60U
#define STAGES         4U

/* What the n-th transaction of all writes: a job with its stages and phases, progress of the one before, its end, and the
 * audit's line. Everything in it bears n. */
static int transaction_put(Store *s, uint64_t n)
{
        _cleanup_(store_rollbackp) Store *t = NULL;
        _cleanup_free_ char *drive = strf("drive-%" PRIu64, n), *padding = NULL;
        JobRecord j = job_sample();
        AuditRecord a = audit_sample();
        RemnantRecord m = { .run = drive, .drive = drive, .job = n };
        int r;

        /* From a few bytes to several overflow pages. */
        padding = malloc(1 + n % 5 * 4000);
        assert(drive && padding);
        memset(padding, 'p', n % 5 * 4000);
        padding[n % 5 * 4000] = 0;

        j.drive = drive;
        j.request = NULL;
        j.note = padding;
        a.time_usec = n;

        r = store_begin(s);
        if (r < 0)
                return r;
        t = s;

        r = store_job_put(s, &j);
        if (r < 0)
                return r;
        assert(j.id == n);
        for (unsigned i = 0; i < STAGES; i++) {
                StageRecord g = stage_sample(n, i);
                PhaseRecord p = { .number = 1, .started_usec = n };

                g.run = NULL;
                g.run_sent = false;
                g.last_seq = n;
                g.report = padding;
                if ((r = store_stage_put(s, &g)) < 0 || (r = store_phase_put(s, n, i, &p)) < 0)
                        return r;
        }
        if ((r = store_audit_add(s, &a)) < 0 || (r = store_remnant_put(s, &m)) < 0)
                return r;

        return store_commit(s);
}

/* Between two of them, single writes of both kinds. */
static int work(Store *s, uint64_t n)
{
        StageRecord g = { .job = n,
                          .index = 0,
                          .percent = (double) (n % 100),
                          .last_seq = n,
                          .temperature_mdegc = MDEGC_UNKNOWN };
        _cleanup_free_ char *run = strf("drive-%" PRIu64, n);
        const StageRecord *stages[] = { &g };
        int r;

        assert(run);
        r = transaction_put(s, n);
        if (r < 0)
                return r;
        r = store_progress(s, stages, 1, NULL, 0);
        if (r < 0)
                return r;

        r = store_remnant_del(s, run);
        assert(r != 0);
        return r;
}

static void writer(const char *path, int pipe_fd, uint64_t next, unsigned delay_usec)
{
        struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGKILL };
        struct itimerspec when = { .it_value = { .tv_nsec = (long) delay_usec * 1000 } };
        Store *s;
        timer_t timer;

        if (timer_create(CLOCK_MONOTONIC, &event, &timer) < 0 || timer_settime(timer, 0, &when, NULL) < 0 ||
            store_open(path, &s, NULL) < 0)
                _exit(1);
        for (;; next++)
                if (work(s, next) < 0 || write_all(pipe_fd, &next, sizeof(next)) < 0)
                        _exit(2);
}

/* Returns the last number that the writer said was committed; last if it said nothing. */
static uint64_t run_writer(const char *path, uint64_t last, unsigned delay_usec)
{
        uint64_t n = last, said;
        int fds[2], status;
        ssize_t k;
        pid_t pid;

        assert(pipe(fds) == 0);
        pid = fork();
        assert(pid >= 0);
        if (pid == 0) {
                close(fds[0]);
                writer(path, fds[1], last + 1, delay_usec);
        }
        close(fds[1]);

        while ((k = read(fds[0], &said, sizeof(said))) == sizeof(said)) {
                assert(said == n + 1);
                n = said;
        }
        assert(k == 0);
        close(fds[0]);
        assert(waitpid(pid, &status, 0) == pid);
        assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);

        return n;
}

/* Opens what is left, and returns the last transaction in it. */
static uint64_t inspect(const char *path, uint64_t said)
{
        _cleanup_(store_closep) Store *s = NULL;
        int64_t n, open_ends;

        assert_ok(store_open(path, &s, NULL));
        assert_sound(s);

        n = query(s, "SELECT count(*) FROM jobs");
        if (n != (int64_t) said && n != (int64_t) said + 1)
                (void) fprintf(stderr, "said %" PRIu64 ", found %" PRIi64 "\n", said, n);
        assert(n == (int64_t) said || n == (int64_t) said + 1);

        /* No part of a transaction without the others. */
        assert(query(s, "SELECT coalesce(max(id), 0) FROM jobs") == n);
        assert(query(s, "SELECT count(*) FROM audit") == n);
        assert(query(s, "SELECT coalesce(max(time_usec), 0) FROM audit") == n);
        assert(query(s, "SELECT count(*) FROM stages WHERE last_seq = job") == n * (int64_t) STAGES);
        assert(query(s, "SELECT count(*) FROM phases WHERE started_usec = job") == n * (int64_t) STAGES);
        assert(query(s, "SELECT count(*) FROM jobs JOIN stages ON job = id WHERE note <> report") == 0);
        /* What stands alone: done for all that was said; the transaction after that may have got as far as any of it. */
        open_ends = n == (int64_t) said ? 0 : 1;
        assert(query(s, "SELECT count(*) FROM remnants") <= open_ends);
        assert(query(s, "SELECT count(*) FROM stages LEFT JOIN stage_progress AS p USING (job, stage) "
                        "WHERE stage = 0 AND p.percent IS NOT job % 100") <= open_ends);

        /* The next writer goes on as if this one had ended well. */
        assert(sqlite3_exec(s->db,
                            "DELETE FROM remnants; INSERT OR REPLACE INTO stage_progress "
                            "SELECT job, 0, job, job % 100, 0, 0, 0, NULL, 0, 0, 0, 0, NULL FROM stages "
                            "WHERE stage = 0",
                            NULL, NULL, NULL) == SQLITE_OK);
        assert_ok(store_check(s));

        return (uint64_t) n;
}

int main(int argc, char *argv[])
{
        _cleanup_scratch_ char *dir = scratch_new();
        _cleanup_free_ char *path = strf("%s/burnin.db", dir);
        uint32_t rounds = ROUNDS_DEFAULT, seed = (uint32_t) getpid();
        uint64_t last = 0;

        assert(path);
        if (argc > 1)
                assert_ok(parse_u32(argv[1], &rounds));
        if (argc > 2)
                assert_ok(parse_u32(argv[2], &seed));
        srandom(seed);

        for (unsigned i = 0; i < rounds; i++) {
                /* Every fourth dies while it opens the file, a fresh one at first. */
                unsigned delay_usec = 1 + (unsigned) random() % (i % 4 == 0 ? 3000 : 40000);
                uint64_t said = run_writer(path, last, delay_usec);

                last = inspect(path, said);
        }

        (void) fprintf(stderr, "seed %" PRIu32 ": %" PRIu32 " kills, %" PRIu64 " transactions\n", seed,
                       rounds, last);
        assert(last > 0 || rounds < 10);

        return 0;
}
