/* SPDX-License-Identifier: LGPL-2.1-or-later */
#undef NDEBUG

#include <dirent.h>
#include <stdio.h>
#include <sys/stat.h>

#include "basic/string-util.h"
#include "basic/strv.h"
#include "log-capture.h"
#include "shared/conf.h"

static char scratch[] = "/tmp/burnin-conf-XXXXXX";
static char *main_path, *dropins;

typedef struct Seen {
        char **all; /* "section/key=value" */
        int result; /* of the callback */
} Seen;

static int on_assignment(const char *path, const char *section, const char *key, const char *value,
                         void *userdata)
{
        Seen *seen = userdata;

        assert(streq(path, main_path) || startswith(path, dropins));

        if (streq(key, "bad"))
                return -EINVAL;
        if (streq(key, "big"))
                return -ERANGE;
        if (streq(key, "unknown"))
                return -ENOENT;
        if (seen->result < 0)
                return seen->result;

        assert(strv_consume(&seen->all, strf("%s/%s=%s", section, key, value)) == 0);
        return 0;
}

static void write_bytes(const char *path, const char *text, size_t size)
{
        assert(write_file_atomic(path, text, size, 0600) == 0);
}

static void write_text(const char *path, const char *text)
{
        write_bytes(path, text, strlen(text));
}

static void write_dropin(const char *name, const char *text)
{
        _cleanup_free_ char *path = strf("%s/%s", dropins, name);

        assert(path);
        write_text(path, text);
}

static void clear(void)
{
        struct dirent *e;
        DIR *d = opendir(dropins);

        assert(d);
        while ((e = readdir(d))) {
                _cleanup_free_ char *path = strf("%s/%s", dropins, e->d_name);

                if (!streq(e->d_name, ".") && !streq(e->d_name, "..") && unlink(path) < 0)
                        (void) rmdir(path);
        }
        (void) closedir(d);
        (void) unlink(main_path);
}

/* What was assigned, joined by newlines; what was logged. */
static int parse(char **ret_seen, char **ret_log)
{
        Seen seen = {};
        LogCapture c = log_capture_start();
        int r;

        r = conf_parse(main_path, dropins, on_assignment, &seen);
        *ret_log = log_capture_end(&c);
        *ret_seen = strv_join(seen.all, "\n");
        strv_free(seen.all);
        assert(*ret_seen);
        return r;
}

static void assert_parsed(const char *expected, const char *const *warnings, size_t n_warnings)
{
        _cleanup_free_ char *seen = NULL, *log = NULL;
        size_t lines = 0;

        assert(parse(&seen, &log) == 0);
        if (!streq(seen, expected)) {
                (void) fprintf(stderr, "expected:\n%s\nbut was:\n%s\n", expected, seen);
                abort();
        }

        for (const char *p = log; *p; p++)
                lines += *p == '\n';
        if (lines != n_warnings)
                (void) fprintf(stderr, "%s", log);
        assert(lines == n_warnings);
        for (size_t i = 0; i < n_warnings; i++) {
                if (!strstr(log, warnings[i]))
                        (void) fprintf(stderr, "'%s' is not in:\n%s", warnings[i], log);
                assert(strstr(log, warnings[i]));
        }
}

static void test_missing(void)
{
        Seen seen = {};

        clear();
        assert_parsed("", NULL, 0);
        assert(conf_parse("/nonexistent/a", "/nonexistent/b", on_assignment, &seen) == 0);
        assert(conf_parse(NULL, NULL, on_assignment, &seen) == 0);
        assert(!seen.all);
}

static void test_syntax(void)
{
        static const char text[] = "# comment\n"
                                   "; another = one\n"
                                   "\n"
                                   "[one]\n"
                                   "a=1\n"
                                   "  b \t= two words \r\n"
                                   "c = x=y ; no comment # here\n"
                                   "empty=\n"
                                   "[two]\n"
                                   "a=2\n"
                                   "[one]\n"
                                   "last=no newline";

        clear();
        write_text(main_path, text);
        assert_parsed("one/a=1\none/b=two words\none/c=x=y ; no comment # here\none/empty=\ntwo/a=2\n"
                      "one/last=no newline",
                      NULL, 0);
}

static void test_warnings(void)
{
        static const char text[] = "early=1\n"      /* 1: in no section */
                                   "[one]\n"        /* 2 */
                                   "just words\n"   /* 3 */
                                   "=value\n"       /* 4 */
                                   "bad=no\n"       /* 5 */
                                   "big=99\n"       /* 6 */
                                   "unknown=1\n"    /* 7 */
                                   "nul=a\0b\n"     /* 8 */
                                   "utf=\xff\xfe\n" /* 9 */
                                   "good=1\n"       /* 10 */
                                   "[broken\n"      /* 11 */
                                   "lost=1\n"       /* 12: must not count for [one] */
                                   "[]\n"           /* 13 */
                                   "[a]b]\n"        /* 14 */
                                   "[two]\n"        /* 15 */
                                   "good=2\n";
        const char *warnings[] = {
                "burnind.conf:1: 'early' stands in no section",
                "burnind.conf:3: Neither",
                "burnind.conf:4: Neither",
                "burnind.conf:5: 'no' is no value for bad",
                "burnind.conf:6: '99' is out of range for big",
                "burnind.conf:7: There is no setting unknown in section [one]",
                "burnind.conf:8: Not valid text",
                "burnind.conf:9: Not valid text",
                "burnind.conf:11: This is no section header",
                "burnind.conf:12: 'lost' stands in no section",
                "burnind.conf:13: This is no section header",
                "burnind.conf:14: This is no section header",
        };

        clear();
        write_bytes(main_path, text, sizeof(text) - 1);
        assert_parsed("one/good=1\ntwo/good=2", warnings, ELEMENTSOF(warnings));
}

static void test_dropins(void)
{
        _cleanup_free_ char *masked = strf("%s/30-masked.conf", dropins),
                            *gone = strf("%s/40-gone.conf", dropins);
        const char *warnings[] = { "20-b.conf:2: 'no' is no value for bad" };

        clear();
        write_text(main_path, "[s]\na=main\n");
        write_dropin("20-b.conf", "[s]\nbad=no\na=b\n");
        write_dropin("10-a.conf", "[s]\na=a\n");
        write_dropin("9.conf", "[s]\na=nine\n");
        write_dropin("10-a.conf.bak", "[s]\na=backup\n");
        write_dropin(".hidden.conf", "[s]\na=hidden\n");
        write_dropin("50-no-section.conf", "# a section does not reach into the next file\n");
        assert(symlink("/dev/null", masked) == 0);
        assert(symlink("/nonexistent", gone) == 0);
        assert_parsed("s/a=main\ns/a=a\ns/a=b\ns/a=nine", warnings, ELEMENTSOF(warnings));

        write_dropin("50-no-section.conf", "a=1\n");
        warnings[0] = "50-no-section.conf:1: 'a' stands in no section";
        write_dropin("20-b.conf", "[s]\na=b\n");
        assert_parsed("s/a=main\ns/a=a\ns/a=b\ns/a=nine", warnings, ELEMENTSOF(warnings));
}

static void test_unreadable(void)
{
        _cleanup_free_ char *seen = NULL, *log = NULL, *big = NULL, *dir = strf("%s/10.conf", dropins);
        Seen refused = { .result = -ENOMEM };

        clear();
        assert(mkdir(dir, 0700) == 0);
        assert(parse(&seen, &log) == -EISDIR);
        clear();

        assert(conf_parse(main_path, "/dev/null", on_assignment, &refused) == -ENOTDIR);

        big = malloc(1024 * 1024 + 1);
        assert(big);
        memset(big, '#', 1024 * 1024 + 1);
        write_bytes(main_path, big, 1024 * 1024 + 1);
        assert(conf_parse(main_path, NULL, on_assignment, &refused) == -E2BIG);

        write_text(main_path, "[s]\na=1\nb=2\n");
        assert(conf_parse(main_path, NULL, on_assignment, &refused) == -ENOMEM);
        clear();
}

int main(void)
{
        assert(mkdtemp(scratch));
        main_path = strf("%s/burnind.conf", scratch);
        dropins = strf("%s/burnind.conf.d", scratch);
        assert(main_path && dropins && mkdir(dropins, 0700) == 0);

        test_missing();
        test_syntax();
        test_warnings();
        test_dropins();
        test_unreadable();

        clear();
        (void) rmdir(dropins);
        (void) rmdir(scratch);
        free(main_path);
        free(dropins);

        return 0;
}
