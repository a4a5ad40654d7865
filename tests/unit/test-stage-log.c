/* SPDX-License-Identifier: LGPL-2.1-or-later */

#undef NDEBUG
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "basic/fd-util.h"
#include "basic/log.h"
#include "basic/string-util.h"
#include "worker/stage-log.h"

static char path[] = "/tmp/test-stage-log.XXXXXX";

static const char remote[] = "Checking for bad blocks in read-write mode\n"
                             "From block 0 to 16383\n"
                             "Testing with pattern 0xaa: done            \n"
                             "\n"
                             "Reading and comparing: \b\b\bdone      \n"
                             "Pass completed, 0 bad blocks found. (0/0/0 errors)\n";

static StageLog *open_log(void)
{
        StageLog *l;

        assert(stage_log_open(path, NULL, "badblocks", &l) == 0);
        return l;
}

/* What the file says, without time stamps and offsets: only ORIGIN's kind and the text. */
static char *content(void)
{
        _cleanup_free_ char *text = NULL;
        char *out, *o;
        size_t size;

        assert(read_file_full(path, 1U << 20, &text, &size) == 0);
        assert(size == 0 || text[size - 1] == '\n');
        out = o = calloc(size + 1, 1);
        assert(out);
        for (char *p = text, *e; (e = strchr(p, '\n')); p = e + 1) {
                char *t = strchr(p, ' ') + 1;

                assert(p[10] == 'T' && t - p == 21);
                *e = 0;
                if (startswith(t, "badblocks@"))
                        t = strchr(t, ' ') + 1;
                o += sprintf(o, "%s\n", t);
        }

        return out;
}

static void reset(void)
{
        assert(truncate(path, 0) == 0);
}

static const char expected[] = "Checking for bad blocks in read-write mode\n"
                               "From block 0 to 16383\n"
                               "Testing with pattern 0xaa: done\n"
                               "Reading and comparing: done\n"
                               "Pass completed, 0 bad blocks found. (0/0/0 errors)\n";

static void test_whole(void)
{
        _cleanup_(stage_log_freep) StageLog *l = NULL;
        _cleanup_free_ char *c = NULL;

        reset();
        l = open_log();
        assert(stage_log_cursor(l) == 0);
        assert(stage_log_feed(l, 1, "x", 1) == -EINVAL);
        assert(stage_log_feed(l, 0, remote, strlen(remote)) == 0);
        assert(stage_log_cursor(l) == strlen(remote));
        c = content();
        assert(streq(c, expected));
}

/* The same words, however the pieces are cut; "done" may come hours after its header. */
static char *joined(const char *c)
{
        static const char *const headers[] = { "0xaa:\n", "comparing:\n" };
        char *t = strdup(c), *p;

        assert(t);
        for (size_t i = 0; i < ELEMENTSOF(headers); i++)
                while ((p = strstr(t, headers[i])))
                        p[strlen(headers[i]) - 1] = ' ';

        return t;
}

/* A worker dies after each byte it was given, also in the middle of a write, and another one takes over. */
static void test_takeover(void)
{
        for (size_t cut = 0; cut <= strlen(remote); cut++)
                for (size_t torn = 0; torn < 40; torn += 13) {
                        _cleanup_(stage_log_freep) StageLog *l = NULL, *k = NULL;
                        _cleanup_free_ char *c = NULL, *j = NULL;
                        uint64_t cursor;
                        off_t size;
                        int fd;

                        reset();
                        l = open_log();
                        assert(stage_log_feed(l, 0, remote, cut) == 0);
                        cursor = stage_log_cursor(l);
                        assert(cursor <= cut);

                        fd = open(path, O_RDWR);
                        size = lseek(fd, 0, SEEK_END);
                        if (size > (off_t) torn)
                                assert(ftruncate(fd, size - (off_t) torn) == 0);
                        assert(close(fd) == 0);

                        k = open_log();
                        assert(stage_log_cursor(k) <= cursor);
                        if (torn == 0 && cursor > 0)
                                /* Only blank pieces may lie between. */
                                assert(strspn(remote + stage_log_cursor(k), " \n\b") >=
                                       cursor - stage_log_cursor(k));
                        assert(stage_log_feed(k, 0, remote, strlen(remote)) == 0);
                        stage_log_flush(k);
                        c = content();
                        j = joined(c);
                        assert(streq(j, expected));
                }
}

static void test_bytewise(void)
{
        _cleanup_(stage_log_freep) StageLog *l = NULL;
        _cleanup_free_ char *c = NULL, *j = NULL;

        reset();
        l = open_log();
        for (size_t i = 0; i < strlen(remote); i++)
                assert(stage_log_feed(l, i, remote + i, 1) == 0);
        c = content();
        /* The header stood there before its "done" came. */
        assert(strstr(c, "Testing with pattern 0xaa:\ndone\n"));
        j = joined(c);
        assert(streq(j, expected));
}

/* How large a file may get, in place of a disk that is full. */
static void set_room(rlim_t size)
{
        struct rlimit limit;

        assert(getrlimit(RLIMIT_FSIZE, &limit) == 0);
        limit.rlim_cur = size;
        assert(setrlimit(RLIMIT_FSIZE, &limit) == 0);
}

static char *without_own_lines(char *c)
{
        char *o = c;

        for (char *p = c, *e; (e = strchr(p, '\n')); p = e + 1)
                if (!startswith(p, "burnin ")) {
                        memmove(o, p, (size_t) (e - p) + 1);
                        o += e - p + 1;
                }
        *o = 0;

        return c;
}

/* The disk is full at any byte of the file, and there is room again, or another worker takes over, at any later byte that the command
 * prints: nothing is missing in the end, and nothing is there twice. */
static void test_full_disk(void)
{
        size_t size = strlen(remote);

        for (rlim_t room = 0; room < 400; room += 7)
                for (size_t until = 0; until <= size; until += 5) {
                        _cleanup_(stage_log_freep) StageLog *l = NULL, *k = NULL;
                        _cleanup_free_ char *c = NULL, *j = NULL;
                        uint64_t next;

                        reset();
                        l = open_log();
                        set_room(room);
                        assert(stage_log_feed(l, 0, remote, until) == 0);
                        next = stage_log_next(l);
                        assert(next <= until);
                        assert(room > 0 || until < 43 || stage_log_check(l) == -EFBIG);
                        /* What the cursor covers is in the file: whoever opens it anew sees the same, blank pieces apart. */
                        k = open_log();
                        assert(stage_log_cursor(k) <= stage_log_cursor(l));
                        assert(strspn(remote + stage_log_cursor(k), " \n\b") >=
                               stage_log_cursor(l) - stage_log_cursor(k));

                        set_room(RLIM_INFINITY);
                        if (until % 2 == 0) {
                                next = stage_log_next(l);
                                assert(stage_log_check(l) == (next < until ? -ENODATA : 0));
                                assert(stage_log_feed(l, next, remote + next, size - next) == 0);
                                stage_log_flush(l);
                                assert(stage_log_check(l) == 0 && stage_log_cursor(l) == size);
                        } else {
                                assert(stage_log_feed(k, 0, remote, size) == 0);
                                stage_log_flush(k);
                        }
                        c = content();
                        j = joined(without_own_lines(c));
                        assert(streq(j, expected));
                }
}

static void test_hostile(void)
{
        static const char evil[] = "\033[2Jbad\xff\n2026-01-31T23:59:59Z badblocks@99999999 forged\n";
        _cleanup_(stage_log_freep) StageLog *l = NULL, *k = NULL;
        _cleanup_free_ char *text = NULL, *long_line = NULL;
        size_t size;

        reset();
        l = open_log();
        stage_log_line(l, LOG_DEBUG, "two\nlines");
        assert(stage_log_feed(l, 0, evil, strlen(evil)) == 0);
        assert(read_file_full(path, 1U << 20, &text, &size) == 0);
        assert(strstr(text, " burnin two?lines\n"));
        assert(strstr(text, " ?[2Jbad?\n"));

        /* A host cannot move our cursor with what it prints. */
        k = open_log();
        assert(stage_log_cursor(k) == strlen(evil));

        /* A line without end is cut into pieces, and all of it counts. */
        long_line = malloc(100000);
        memset(long_line, 'x', 100000);
        assert(stage_log_feed(k, strlen(evil), long_line, 100000) == 0);
        stage_log_flush(k);
        assert(stage_log_cursor(k) == strlen(evil) + 100000);
}

int main(void)
{
        int fd = mkstemp(path);

        assert(fd >= 0 && close(fd) == 0);
        assert(signal(SIGXFSZ, SIG_IGN) != SIG_ERR);
        log_set_max_level(LOG_CRIT);
        test_whole();
        test_takeover();
        test_bytewise();
        test_full_disk();
        test_hostile();
        assert(unlink(path) == 0);
        return 0;
}
