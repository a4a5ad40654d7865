/* SPDX-License-Identifier: LGPL-2.1-or-later */

#undef NDEBUG

#include "parse/badblocks.h"
#include "test-util.h"

typedef struct Seen {
        size_t n;
        BadblocksPhase phases[64];
} Seen;

static void on_phase(const BadblocksPhase *p, void *userdata)
{
        Seen *s = userdata;

        assert(s->n < ELEMENTSOF(s->phases));
        s->phases[s->n++] = *p;
}

static int feed(BadblocksState *s, const char *text, size_t size, size_t piece, Seen *seen)
{
        int n = 0;

        for (size_t i = 0; i < size; i += MIN(piece, size - i)) {
                int r = badblocks_feed(s, text + i, MIN(piece, size - i), on_phase, seen);

                assert(r >= 0);
                n += r;
        }

        return n;
}

static void test_clean(void)
{
        static const char *const names[] = { "Write 0xaa", "Verify 0xaa", "Write 0x55", "Verify 0x55",
                                             "Write 0xff", "Verify 0xff", "Write 0x00", "Verify 0x00" };
        _cleanup_free_ char *text = NULL;
        size_t size;

        text = sample_read("badblocks-wsv-clean.stderr", &size);
        for (size_t i = 0; i < ELEMENTSOF(piece_sizes); i++) {
                _cleanup_(badblocks_done) BadblocksState s;
                Seen seen = { 0 };

                badblocks_init(&s, 4, 0);
                assert(s.phases == 8);
                assert(feed(&s, text, size, piece_sizes[i], &seen) == 8);
                assert(seen.n == 8);
                for (size_t k = 0; k < 8; k++) {
                        assert(seen.phases[k].number == k + 1);
                        assert(seen.phases[k].verify == (k % 2 == 1));
                        assert(streq(seen.phases[k].name, names[k]));
                }
                assert(s.have_range && s.first_block == 0 && s.last_block == 65535);
                assert(s.passes_completed == 1 && s.reported_bad == 0);
                assert(s.read_errors == 0 && s.write_errors == 0 && s.compare_errors == 0);
                assert(!s.too_many && !s.interrupted && !s.error);
                assert(s.phases == 8);
                assert(badblocks_percent(&s, UINT64_MAX, 1000) == 100);
        }
}

static void test_medium_errors(void)
{
        _cleanup_free_ char *text = NULL;
        char *list;

        text = sample_read("badblocks-wsv-medium-errors.txt", NULL);
        list = strstr(text, "\n--stdout--\n");
        assert(list);
        for (size_t i = 0; i < ELEMENTSOF(piece_sizes); i++) {
                _cleanup_(badblocks_done) BadblocksState s;
                Seen seen = { 0 };

                badblocks_init(&s, 4, 0);
                feed(&s, text, (size_t) (list - text), piece_sizes[i], &seen);
                assert(s.passes_completed == 1 && s.reported_bad == 16);
                assert(s.read_errors == 16 && s.write_errors == 0 && s.compare_errors == 0);
                assert(!s.error);
        }

        _cleanup_free_ uint64_t *blocks = NULL;
        uint64_t total;
        size_t n;

        list += strlen("\n--stdout--\n");
        assert(badblocks_parse_blocks(list, strlen(list), 100, &blocks, &n, &total) == 0);
        assert(n == 16 && total == 16 && blocks[0] == 4656 && blocks[15] == 4671);
}

static void test_read_only(void)
{
        _cleanup_(badblocks_done) BadblocksState s;
        _cleanup_free_ char *text = NULL;
        Seen seen = { 0 };
        size_t size;

        text = sample_read("badblocks-ro-medium-errors.txt", &size);
        badblocks_init(&s, 1, 0);
        assert(feed(&s, text, size, 5, &seen) == 0);
        assert(s.have_range && s.last_block == 131071 && s.reported_bad == 16 && s.read_errors == 16);
}

static void test_refusals(void)
{
        static const char *const refusals[] = {
                "/dev/sdb1 is mounted; it's not safe to run badblocks!\n",
                "/dev/sda is apparently in use by the system; it's not safe to run badblocks!\n",
                "badblocks: No such file or directory while trying to determine device size\n",
                "badblocks: Value too large for defined data type invalid end block (15625879360): must be 32-bit value\n",
                "Usage: badblocks [-b block_size] [-i input_file]\n",
        };

        for (size_t i = 0; i < ELEMENTSOF(refusals); i++) {
                _cleanup_(badblocks_done) BadblocksState s;

                badblocks_init(&s, 4, 0);
                assert(badblocks_feed(&s, refusals[i], strlen(refusals[i]), NULL, NULL) == 0);
                assert(s.error && strncmp(s.error, refusals[i], strlen(s.error)) == 0);
                assert(strlen(s.error) == strlen(refusals[i]) - 1);
        }

        /* Harmless, from FreeBSD and old kernels. */
        _cleanup_(badblocks_done) BadblocksState s;
        const char *harmless = "set_o_direct: Inappropriate ioctl for device\n";

        badblocks_init(&s, 4, 0);
        badblocks_feed(&s, harmless, strlen(harmless), NULL, NULL);
        assert(!s.error);
}

static void test_header_before_newline(void)
{
        _cleanup_(badblocks_done) BadblocksState s;
        const char *text =
                        "Checking for bad blocks in read-write mode\nFrom block 0 to 99\nTesting with pattern 0xaa: ";

        badblocks_init(&s, 1, 0);
        /* Without -s nothing follows for hours. */
        assert(badblocks_feed(&s, text, strlen(text), NULL, NULL) == 1);
        assert(s.phase.number == 1 && !s.phase.verify);

        text = "Too many bad blocks, aborting test\ndone      \nReading and comparing: ";
        assert(badblocks_feed(&s, text, strlen(text), NULL, NULL) == 1);
        assert(s.too_many && s.phase.number == 2 && streq(s.phase.name, "Verify 0xaa"));

        text = "\n\nInterrupted at block 297024\n";
        assert(badblocks_feed(&s, text, strlen(text), NULL, NULL) == 0);
        assert(s.interrupted && s.passes_completed == 0);
}

static void test_random_and_repeats(void)
{
        _cleanup_(badblocks_done) BadblocksState s;
        const char *pass = "Testing with random pattern: done\nReading and comparing: done\n"
                           "Pass completed, 3 bad blocks found. (1/0/2 errors)\n";
        const char *last = "Testing with random pattern: done\nReading and comparing: done\n"
                           "Pass completed, 0 bad blocks found. (1/0/2 errors)\n";

        badblocks_init(&s, 1, 1);
        assert(s.phases == 2);
        badblocks_feed(&s, pass, strlen(pass), NULL, NULL);
        assert(streq(s.phase.name, "Verify random") && s.phases == 2);
        /* -p 1 goes on until a pass finds nothing new: the last line says 0 of a bad drive. */
        badblocks_feed(&s, last, strlen(last), NULL, NULL);
        assert(s.phases == 4 && s.phase.number == 4);
        assert(s.passes_completed == 2 && s.reported_bad == 3 && s.read_errors == 1 &&
               s.compare_errors == 2);
}

static void test_no_final(void)
{
        static const char *const not_final[] = {
                "Pass completed, 0 bad blocks found. (0/0/0 errors)",         /* cut before its newline */
                "Pass completed, 0 bad blocks found. (0/0/0 errors)\b",       /* */
                "Pass completed, 0 bad blocks found.\n",                      /* no triple */
                "Pass completed, -1 bad blocks found. (0/0/0 errors)\n",      /* no number */
                "Pass completed, 0 bad blocks found. (0/0/0 errors) or so\n", /* more */
                "xPass completed, 0 bad blocks found. (0/0/0 errors)\n",      /* before */
                "Pass completed, 99999999999999999999 bad blocks found. (0/0/0 errors)\n",
        };

        for (size_t i = 0; i < ELEMENTSOF(not_final); i++) {
                _cleanup_(badblocks_done) BadblocksState s;

                badblocks_init(&s, 4, 0);
                assert(badblocks_feed(&s, not_final[i], strlen(not_final[i]), NULL, NULL) == 0);
                assert(s.passes_completed == 0);
        }

        /* A line longer than any of badblocks' own does not run over, and is not matched by its tail. */
        _cleanup_(badblocks_done) BadblocksState s;

        badblocks_init(&s, 4, 0);
        for (size_t i = 0; i < 100000; i++)
                assert(badblocks_feed(&s, "x", 1, NULL, NULL) == 0);
        badblocks_feed(&s, "Testing with pattern 0xaa: \n", 28, NULL, NULL);
        assert(s.phase.number == 0);
        /* A NUL is no end of a line. */
        badblocks_feed(&s, "Testing with pattern 0xaa\0: \n", 29, NULL, NULL);
        assert(s.phase.number == 0);
}

static void test_percent(void)
{
        _cleanup_(badblocks_done) BadblocksState s;

        badblocks_init(&s, 4, 0);
        assert(badblocks_percent(&s, 50, 100) == 0);
        badblocks_feed(&s, "Testing with pattern 0xaa: ", 27, NULL, NULL);
        assert(badblocks_percent(&s, 0, 100) == 0);
        assert(badblocks_percent(&s, 50, 100) == 100.0 / 16);
        assert(badblocks_percent(&s, 1000, 100) == 12.5);
        assert(badblocks_percent(&s, UINT64_MAX, 100) == 0); /* not known */
        assert(badblocks_percent(&s, 50, 0) == 0);
        badblocks_feed(&s, "done\nReading and comparing: ", 28, NULL, NULL);
        assert(badblocks_percent(&s, 100, 100) == 25);

        BadblocksState big;
        badblocks_init(&big, UINT32_MAX, UINT32_MAX);
        assert(big.phases >= 2 && big.patterns >= 1);
        badblocks_init(&big, 0, 0);
        assert(big.phases == 2 && big.patterns == 1);
}

static void test_blocks(void)
{
        static const char *const bad[] = {
                "1\nx\n", "\n", "1\n\n2\n", "-1\n", " 1\n", "1 2\n", "99999999999999999999\n", "1\r\n", "12a"
        };
        uint64_t *blocks = NULL, total = 77;
        size_t n = 77;

        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                assert(badblocks_parse_blocks(bad[i], strlen(bad[i]), 10, &blocks, &n, &total) == -EBADMSG);
        assert(badblocks_parse_blocks("1\0\n", 3, 10, &blocks, &n, &total) == -EBADMSG);
        assert(!blocks && n == 77 && total == 77); /* untouched on failure */

        assert(badblocks_parse_blocks("", 0, 10, &blocks, &n, &total) == 0);
        assert(n == 0 && total == 0);
        free(blocks);

        /* The last one is still being written. */
        assert(badblocks_parse_blocks("5\n18446744073709551615\n12", 25, 10, &blocks, &n, &total) == 0);
        assert(n == 2 && total == 2 && blocks[1] == UINT64_MAX);
        free(blocks);

        assert(badblocks_parse_blocks("1\n2\n3\n", 6, 2, &blocks, &n, &total) == 0);
        assert(n == 2 && total == 3);
        free(blocks);
}

/* Real capacities, with sectors of both sizes: every block has a number of 32 bits, and only a rest under a block is left out. */
static void test_block_size_of_capacities(void)
{
        static const struct {
                uint64_t bytes;
                uint32_t block_size;
        } drives[] = {
                { UINT64_C(4000787030016), 4096 },   { UINT64_C(17592186044416) - 4096, 4096 },
                { UINT64_C(17592186044416), 8192 },  { UINT64_C(17600000000512), 8192 },
                { UINT64_C(36000000000000), 16384 }, { UINT64_C(60001500250112), 16384 },
        };
        static const uint32_t wanted[] = { 512, 4096, 65536 };

        for (size_t i = 0; i < ELEMENTSOF(drives); i++)
                for (size_t k = 0; k < ELEMENTSOF(wanted); k++)
                        for (uint64_t rest = 0; rest <= 4096; rest += 512) {
                                uint64_t bytes = drives[i].bytes - rest;
                                uint32_t b = badblocks_block_size(bytes, wanted[k]);

                                assert(b >= wanted[k] && (b & (b - 1)) == 0 &&
                                       bytes / b < UINT64_C(1) << 32);
                                /* No larger than it has to be. */
                                assert(b == wanted[k] || bytes / (b / 2) >= UINT64_C(1) << 32);
                                if (rest == 0 && wanted[k] <= 4096 && drives[i].block_size > 4096)
                                        assert(b == drives[i].block_size);
                        }
}

static void test_block_size(void)
{
        const uint64_t tb = UINT64_C(1000000000000);

        assert(badblocks_block_size(4 * tb, 4096) == 4096);
        assert(badblocks_block_size(20 * tb, 4096) == 8192);
        assert(badblocks_block_size(36 * tb, 8192) == 16384);
        assert(badblocks_block_size(36 * tb, 4096) == 16384);
        assert(badblocks_block_size(64 * tb, 4096) == 16384);
        assert(badblocks_block_size(4 * tb, 5000) == 8192);
        assert(badblocks_block_size(4 * tb, 0) == 1024);
        /* The count of blocks is one past the last, and must fit as well. */
        assert(badblocks_block_size((UINT64_C(1) << 44) - 1, 4096) == 4096);
        assert(badblocks_block_size(UINT64_C(1) << 44, 4096) == 8192);
        assert(badblocks_block_size(UINT64_MAX, 4096) == 0);
        assert(badblocks_block_size(tb, 32U * 1024 * 1024) == 0);
        assert(badblocks_block_size(tb, 16U * 1024 * 1024) == 16U * 1024 * 1024);
}

int main(void)
{
        test_clean();
        test_medium_errors();
        test_read_only();
        test_refusals();
        test_header_before_newline();
        test_random_and_repeats();
        test_no_final();
        test_percent();
        test_blocks();
        test_block_size();
        test_block_size_of_capacities();
        return 0;
}
