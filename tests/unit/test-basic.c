/* SPDX-License-Identifier: LGPL-2.1-or-later */

#undef NDEBUG

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "basic/parse-util.h"
#include "basic/sha256.h"
#include "basic/string-table.h"
#include "basic/strv.h"
#include "basic/time-util.h"
#include "test-util.h"

typedef enum Colour {
        COLOUR_RED,
        COLOUR_GREEN,
        _COLOUR_MAX,
        _COLOUR_INVALID = -EINVAL,
} Colour;
DECLARE_STRING_TABLE(colour, Colour);

static const char *const colour_table[_COLOUR_MAX] = {
        [COLOUR_RED] = "red",
        [COLOUR_GREEN] = "green",
};
DEFINE_STRING_TABLE(colour, Colour);

static void test_string_table(void)
{
        assert(streq(colour_to_string(COLOUR_GREEN), "green"));
        assert(!colour_to_string(_COLOUR_MAX) && !colour_to_string(_COLOUR_INVALID));
        assert(colour_from_string("red") == COLOUR_RED);
        assert(colour_from_string("Red") == _COLOUR_INVALID && colour_from_string("") == _COLOUR_INVALID);
        assert(colour_from_string(NULL) == _COLOUR_INVALID);
}

static void test_numbers(void)
{
        static const char *const not_u64[] = { "",   " 1",   "-1",  "+1", "1 ",
                                               "1x", "0x10", "1.0", "\n", "18446744073709551616" };
        uint64_t u = 7;
        uint32_t w = 7;
        int64_t i = 7;

        for (size_t k = 0; k < ELEMENTSOF(not_u64); k++) {
                assert(parse_u64(not_u64[k], &u) < 0);
                assert(u == 7);
        }
        assert(parse_u64("18446744073709551616", &u) == -ERANGE);
        assert(parse_u64("18446744073709551615", &u) == 0 && u == UINT64_MAX);
        assert(parse_u64("010", &u) == 0 && u == 10);

        assert(parse_u32("4294967296", &w) == -ERANGE && w == 7);
        assert(parse_u32("4294967295", &w) == 0 && w == UINT32_MAX);

        assert(parse_i64("-", &i) == -EINVAL && parse_i64("--1", &i) == -EINVAL &&
               parse_i64("- 1", &i) == -EINVAL);
        assert(parse_i64("9223372036854775808", &i) == -ERANGE && i == 7);
        assert(parse_i64("-9223372036854775807", &i) == 0 && i == -INT64_MAX);

        assert(parse_boolean("yes") == 1 && parse_boolean("1") == 1 && parse_boolean("off") == 0);
        assert(parse_boolean("YES") == -EINVAL && parse_boolean("") == -EINVAL &&
               parse_boolean("2") == -EINVAL);
}

static void test_strings(void)
{
        _cleanup_free_ char *p = NULL;
        char padded[] = " \t a b \r\n", blank[] = " \n ";

        assert(streq_ptr(NULL, NULL) && !streq_ptr("a", NULL) && !streq_ptr(NULL, "a") &&
               streq_ptr("a", "a"));
        assert(streq(startswith("abc", "ab"), "c") && !startswith("a", "ab") && startswith("a", ""));
        assert(endswith("abc", "bc") && !endswith("c", "bc") && endswith("c", ""));
        assert(streq(strstrip(padded), "a b") && streq(strstrip(blank), ""));
        assert(isempty(NULL) && isempty("") && !isempty(" "));

        assert(free_and_strdup(&p, "x") == 1 && free_and_strdup(&p, "x") == 0 && streq(p, "x"));
        assert(free_and_strdup(&p, NULL) == 1 && !p && free_and_strdup(&p, NULL) == 0);

        assert(str_in_charset("a-B_9", "-_", 5) && !str_in_charset("a-B_9", "-_", 4));
        assert(!str_in_charset("", "-", 5) && !str_in_charset("a b", "-", 5) &&
               !str_in_charset("\xc3\xa4", "", 5));
}

static void check_clean(const char *s, size_t size, size_t max, bool lines, const char *expected)
{
        _cleanup_free_ char *t = str_clean(s, size, max, lines);

        if (!t || !streq(t, expected)) {
                fprintf(stderr, "%s, not %s\n", strempty(t), expected);
                assert(false);
        }
        assert(strlen(t) <= max && str_is_plain(t, max, lines));
}

static void test_clean(void)
{
        check_clean("abc", 3, 10, false, "abc");
        check_clean("a\0b\n\tc\x1b\x7f", 9, 20, false, "a?b??c???");
        check_clean("a\n\tb\r", 5, 20, true, "a\n\tb?");
        check_clean("a\0b", 3, 20, true, "a?b");
        check_clean("\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", 9, 20, false,
                    "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80");
        /* Overlong, surrogate, beyond the end, cut off, stray. */
        check_clean("\xc0\x80", 2, 20, false, "??");
        check_clean("\xe0\x80\x80", 3, 20, false, "???");
        check_clean("\xed\xa0\x80", 3, 20, false, "???");
        check_clean("\xf4\x90\x80\x80", 4, 20, false, "????");
        check_clean("a\xc3", 2, 20, false, "a?");
        check_clean("\xbf", 1, 20, false, "?");
        /* The terminal's own, ends of lines, and what turns the text around. */
        check_clean("a\xc2\x9b\x31mb\xc2\x85\xc2\xa0", 10, 20, false, "a?1mb?\xc2\xa0");
        check_clean("\xe2\x80\xa7\xe2\x80\xa8\xe2\x80\xae\xe2\x81\xa6\xe2\x80\xaf", 15, 20, true,
                    "\xe2\x80\xa7???\xe2\x80\xaf");
        assert(!str_is_plain("\xc2\x9b", 5, true) && !str_is_plain("\xe2\x80\xae", 5, true));
        /* What is in the database since before this was asked is read all the same. */
        assert(str_is_clean("\xc2\x9b", 5, true) && str_is_clean("\xe2\x80\xae", 5, true));
        /* Never half a character. */
        check_clean("a\xc3\xa4", 3, 2, false, "a");
        check_clean("", 0, 0, false, "");

        assert(utf8_is_valid("") && utf8_is_valid("\xc3\xa4") && !utf8_is_valid("\xc3") &&
               !utf8_is_valid("\xed\xa0\x80"));
        assert(utf8_length("") == 0 && utf8_length("a\xc3\xa4\xe2\x82\xac\xf0\x9f\x94\xa5") == 4);
        assert(!str_is_clean("abc", 2, false) && !str_is_clean("a\nb", 5, false) &&
               str_is_clean("a\nb", 5, true));
        assert(!str_is_clean("\x7f", 5, true) && !str_is_clean("\x1b", 5, true) &&
               str_is_clean("", 0, false));
}

static void check_shown(const char *s, const char *expected)
{
        if (!streq(SHOWN(s), expected)) {
                fprintf(stderr, "%s, not %s\n", SHOWN(s), expected);
                assert(false);
        }
}

static void test_show(void)
{
        char fits[TEXT_SHOWN_MAX + 1], longer[TEXT_SHOWN_MAX * 2 + 1],
                        expected[TEXT_SHOWN_MAX + sizeof("...")];

        check_shown("", "");
        check_shown("wwn-0x5000c500a \xc3\xa4", "wwn-0x5000c500a \xc3\xa4");
        check_shown("\"a\\b\"", "\\\"a\\\\b\\\"");
        check_shown("two\nlines\t\x1b[31m\x7f", "two\\nlines\\x09\\x1b[31m\\x7f");
        check_shown("\xc2\x9b\xe2\x80\xae\xff", "\\xc2\\x9b\\xe2\\x80\\xae\\xff");

        memset(fits, 'x', TEXT_SHOWN_MAX);
        fits[TEXT_SHOWN_MAX] = 0;
        check_shown(fits, fits);
        /* Cut in front of what does not fit as a whole. */
        memset(longer, 'x', TEXT_SHOWN_MAX * 2);
        longer[TEXT_SHOWN_MAX * 2] = 0;
        longer[TEXT_SHOWN_MAX - 1] = '\x1b';
        (void) snprintf(expected, sizeof(expected), "%.*s...", (int) TEXT_SHOWN_MAX - 1, longer);
        check_shown(longer, expected);
}

static void check_quote(const char *s, const char *expected)
{
        _cleanup_free_ char *t = shell_quote(s);

        assert(t && streq(t, expected));
}

static void test_quote(void)
{
        check_quote("", "''");
        check_quote("a b$(c)`d`\"e\"\\", "'a b$(c)`d`\"e\"\\'");
        check_quote("it's", "'it'\\''s'");
        check_quote("''", "''\\'''\\'''");
}

static void test_strv(void)
{
        _cleanup_strv_free_ char **l = NULL, **none = NULL;
        _cleanup_free_ char *joined = NULL, *empty = NULL;
        size_t n = 0;

        assert(strv_split(" a  b c ", " ", &l) == 0 && strv_length(l) == 3);
        assert(strv_extend(&l, "d") == 0 && strv_length(l) == 4);
        assert(strv_contains(l, "d") && !strv_contains(l, "e") && !strv_contains(NULL, "e"));
        joined = strv_join(l, ", ");
        assert(streq(joined, "a, b, c, d"));
        STRV_FOREACH(s, l)
                n += strlen(*s);
        assert(n == 4);

        assert(strv_split("   ", " ", &none) == 0 && !none && strv_length(none) == 0);
        empty = strv_join(NULL, ",");
        assert(streq(empty, ""));
        assert(strv_consume(&none, NULL) == -ENOMEM);
}

static void test_time(void)
{
        char t[TIMESTAMP_MAX], s[TIMESPAN_MAX];

        assert(streq(format_timestamp(t, 0), ""));
        assert(streq(format_timestamp(t, UINT64_C(1700000000) * USEC_PER_SEC + 999999),
                     "2023-11-14T22:13:20Z"));
        (void) format_timestamp(t, UINT64_MAX);
        assert(streq(format_timespan(s, 0), "0 s"));
        assert(streq(format_timespan(s, 59 * USEC_PER_SEC + 999999), "59 s"));
        assert(streq(format_timespan(s, 250 * USEC_PER_SEC), "4 min 10 s"));
        assert(streq(format_timespan(s, 5 * USEC_PER_HOUR + 12 * USEC_PER_MINUTE), "5 h 12 min"));
        assert(streq(format_timespan(s, 76 * USEC_PER_HOUR), "3 d 4 h"));
        (void) format_timespan(s, UINT64_MAX);
        assert(now_usec(CLOCK_BOOTTIME) > 0 &&
               now_usec(CLOCK_REALTIME) > UINT64_C(1700000000) * USEC_PER_SEC);
}

static void test_files(void)
{
        char dir[] = "/tmp/test-basic.XXXXXX";
        _cleanup_free_ char *path = NULL, *text = NULL, *again = NULL, *big = NULL;
        struct stat st;
        size_t size;
        int fd;

        assert(mkdtemp(dir));
        path = strf("%s/file", dir);
        assert(write_file_atomic(path, "one\0two", 7, 0640) == 0);
        assert(read_file_full(path, 7, &text, &size) == 0 && size == 7 && memcmp(text, "one\0two", 8) == 0);
        assert(stat(path, &st) == 0 && (st.st_mode & 0777 & ~0640) == 0);
        assert(read_file_full(path, 6, &again, &size) == -E2BIG && !again);
        assert(write_file_atomic(path, "", 0, 0640) == 0);
        assert(read_file_full(path, 0, &again, &size) == 0 && size == 0 && *again == 0);

        /* Where it cannot be written the old content stays, and no litter. */
        big = strf("%s/none/file", dir);
        assert(write_file_atomic(big, "x", 1, 0640) == -ENOENT);
        assert(read_file_full(big, 10, &text, NULL) == -ENOENT);

        assert(unlink(path) == 0 && rmdir(dir) == 0);

        fd = memfd_new_sealed("test", "secret", 6);
        assert(fd >= 0);
        free(text);
        text = NULL;
        assert(read_fd_full(fd, 100, &text, &size) == 0 && size == 6 && streq(text, "secret"));
        assert(write(fd, "x", 1) < 0 && errno == EPERM && ftruncate(fd, 0) < 0);
        assert(fcntl(fd, F_GETFD) & FD_CLOEXEC);
        fd = safe_close(fd);
        assert(fd == -EBADF && safe_close(fd) == -EBADF);
}

/* The number that the next descriptor gets: the same where none has leaked. */
static int next_fd(void)
{
        _cleanup_close_ int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

        assert(fd >= 0);
        return fd;
}

/* What an unkind peer sends: two descriptors, of which there is room for one. */
static void send_two(int socket_fd, int fd)
{
        struct iovec iov = { .iov_base = (char *) "1234", .iov_len = 4 };
        union {
                struct cmsghdr header;
                uint8_t buf[CMSG_SPACE(2 * sizeof(int))];
        } control = { .header = { .cmsg_level = SOL_SOCKET,
                                  .cmsg_type = SCM_RIGHTS,
                                  .cmsg_len = CMSG_LEN(2 * sizeof(int)) } };
        struct msghdr m = {
                .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)
        };

        memcpy(CMSG_DATA(&control.header), (int[]){ fd, fd }, 2 * sizeof(int));
        assert(sendmsg(socket_fd, &m, 0) == 4);
}

static void test_packets(void)
{
        _cleanup_close_ int content = memfd_new_sealed("test", "hello", 5);
        int pair[2], fd = -EBADF, before;
        char data[4] = "";

        assert(content >= 0 &&
               socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) == 0);
        before = next_fd();
        assert(receive_packet(pair[1], data, 4, &fd) == -EAGAIN);

        assert(send_with_fd(pair[0], "abcd", 4, content) == 4);
        assert(receive_packet(pair[1], data, 4, &fd) == 0 && memcmp(data, "abcd", 4) == 0);
        assert(fd >= 0 && pread(fd, data, 4, 1) == 4 && memcmp(data, "ello", 4) == 0);
        assert(fcntl(fd, F_GETFD) == FD_CLOEXEC);
        fd = safe_close(fd);

        assert(send_with_fd(pair[0], "efgh", 4, -EBADF) == 4);
        assert(receive_packet(pair[1], data, 4, &fd) == 0 && memcmp(data, "efgh", 4) == 0 && fd == -EBADF);

        /* Too short, too long: and nothing that came along stays open. */
        assert(send_with_fd(pair[0], "abc", 3, content) == 3);
        assert(receive_packet(pair[1], data, 4, &fd) == -EBADMSG && fd == -EBADF);
        assert(send_with_fd(pair[0], "abcde", 5, content) == 5);
        assert(receive_packet(pair[1], data, 4, &fd) == -EBADMSG && fd == -EBADF);
        send_two(pair[0], content);
        (void) receive_packet(pair[1], data, 4, &fd);
        fd = safe_close(fd);
        assert(next_fd() == before);

        (void) close(pair[0]);
        assert(receive_packet(pair[1], data, 4, &fd) == -ECONNRESET);
        (void) close(pair[1]);
}

static void test_macros(void)
{
        char *p = (char *) "x", *q;
        int fd = 5, taken;

        q = TAKE_PTR(p);
        assert(!p && streq(q, "x"));
        taken = TAKE_FD(fd);
        assert(fd == -EBADF && taken == 5);
        assert(MAX(1, 2) == 2 && MIN(1, 2) == 1 && STRLEN("abc") == 3);
}

/* RFC 4231. */
static void test_hmac(void)
{
        char longer[132] = "", hex[SHA256_HEX_SIZE];
        const struct {
                const char *key, *data, *hmac;
        } vectors[] = {
                { "\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b",
                  "Hi There", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7" },
                { "Jefe", "what do ya want for nothing?",
                  "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843" },
                { longer, "Test Using Larger Than Block-Size Key - Hash Key First",
                  "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54" },
        };

        memset(longer, 0xaa, 131);
        for (size_t i = 0; i < ELEMENTSOF(vectors); i++) {
                assert(hmac_sha256_hex(vectors[i].key, vectors[i].data, strlen(vectors[i].data), hex) == 0);
                assert(streq(hex, vectors[i].hmac));
        }
}

int main(void)
{
        test_hmac();
        test_string_table();
        test_numbers();
        test_strings();
        test_clean();
        test_show();
        test_quote();
        test_strv();
        test_time();
        test_files();
        test_packets();
        test_macros();
        return 0;
}
