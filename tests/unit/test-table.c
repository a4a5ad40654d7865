/* SPDX-License-Identifier: LGPL-2.1-or-later */

#undef NDEBUG
#include <locale.h>
#include <math.h>
#include <time.h>

#include "basic/string-util.h"
#include "cli/cli.h"
#include "cli/format.h"
#include "shared/message-json.h"
#include "cli/verbs.h"
#include "shared/names.h"

#define TB UINT64_C(1000000000000)

static void assert_text(char *text, const char *expected)
{
        assert(text);
        if (!streq(text, expected)) {
                fprintf(stderr, "got:\n%s\nexpected:\n%s\n", text, expected);
                abort();
        }
        free(text);
}

static void test_size(void)
{
        static const struct {
                uint64_t bytes;
                const char *text;
        } cases[] = {
                { 0, "0 B" },
                { 999, "999 B" },
                { 1000, "1.0 kB" },
                { 999949, "999.9 kB" },
                { 999950, "1.0 MB" },
                { UINT64_C(500107862016), "500.1 GB" },
                { UINT64_C(999949999999), "999.9 GB" },
                { UINT64_C(999950000000), "1.0 TB" },
                { UINT64_C(14000519643136), "14.0 TB" },
                { 28 * TB, "28.0 TB" },
                { UINT64_MAX, "18.4 EB" },
        };
        char buf[FORMAT_MAX];

        for (size_t i = 0; i < ELEMENTSOF(cases); i++)
                assert(streq(format_size(buf, cases[i].bytes), cases[i].text));

        assert(streq(format_rate(buf, 213400000), "213.4 MB/s"));
        assert(streq(format_rate(buf, 0), ""));
        assert(streq(format_rate(buf, UINT64_MAX), "18.4 EB/s"));
}

static void test_figures(void)
{
        char buf[FORMAT_MAX];

        assert(streq(format_temperature(buf, 33500, false), "34 C"));
        assert(streq(format_temperature(buf, 33499, true), "33 °C"));
        assert(streq(format_temperature(buf, -1500, false), "-2 C"));
        assert(streq(format_temperature(buf, INT32_MAX, false), "2147484 C"));
        assert(streq(format_temperature(buf, MDEGC_UNKNOWN, true), ""));

        assert(setenv("TZ", "UTC-2", 1) == 0);
        tzset();
        assert(streq(format_local(buf, UINT64_C(1769900399) * USEC_PER_SEC), "2026-02-01 00:59:59"));
        assert(streq(format_local(buf, 0), ""));
        (void) format_local(buf, UINT64_MAX); /* a year that no calendar has: anything but a crash */

        assert(streq(format_left(buf, 0, 5), ""));
        assert(streq(format_left(buf, 5, 5), "now"));
        assert(streq(format_left(buf, 75 * USEC_PER_SEC, 15 * USEC_PER_SEC), "1 min 0 s"));
}

static void test_bar(void)
{
        char buf[BAR_MAX];

        assert(streq(format_bar(buf, 0, 4, false), "[    ]   0.0 %"));
        assert(streq(format_bar(buf, 50, 4, false), "[##  ]  50.0 %"));
        assert(streq(format_bar(buf, 50, 4, true), "[██░░]  50.0 %"));
        /* Not done is never shown as done. */
        assert(streq(format_bar(buf, 99.99, 4, false), "[### ]  99.9 %"));
        assert(streq(format_bar(buf, 100, 4, false), "[####] 100.0 %"));

        assert(streq(format_bar(buf, NAN, 4, false), "[    ]   0.0 %"));
        assert(streq(format_bar(buf, -INFINITY, 4, false), "[    ]   0.0 %"));
        assert(streq(format_bar(buf, INFINITY, 4, false), "[####] 100.0 %"));
        assert(strlen(format_bar(buf, 100, UINT32_MAX, true)) < BAR_MAX);
}

static void test_text(void)
{
        assert_text(text_clean("a\033[31mb\a\n", false), "a?[31mb??");
        assert_text(text_clean("a\tb\nc\r", true), "a\tb\nc?");
        assert_text(text_clean("caf\303\251 \302\233"
                               "2J",
                               false),
                    "café ?2J"); /* CSI as one character */
        assert_text(text_clean("\342\200\256evil\342\200\254", false),
                    "?evil?"); /* right-to-left override */
        assert_text(text_clean("\342\201\246x\342\201\251 \342\200\217", false), "?x? ?");
        assert_text(text_clean("\377\376 \303", false), "?? ?"); /* not UTF-8 */
        assert_text(text_clean("日本 €", false), "日本 €");
        assert_text(text_clean(NULL, false), "");

        assert(text_width("abc") == 3);
        assert(text_width("é€") == 2);
        assert(text_width("日本") == 4);

        assert_text(text_ellipsize("abcdef", 6, true), "abcdef");
        assert_text(text_ellipsize("abcdef", 4, true), "abc…");
        assert_text(text_ellipsize("abcdef", 4, false), "abc~");
        assert_text(text_ellipsize("日本語", 4, true), "日…"); /* a wide one does not fit by half */
        assert_text(text_ellipsize("abc", 1, true), "…");
        assert_text(text_ellipsize("abc", 0, true), "");
}

static char *table_to_string(const Table *t, const TableFormat *format)
{
        char *text = NULL;
        size_t size;
        FILE *f;

        assert((f = open_memstream(&text, &size)));
        assert(table_print(t, f, format) == 0);
        assert(fclose(f) == 0);
        return text;
}

static void test_table(void)
{
        static const TableColumn columns[] = {
                { "NAME", false, 4 },
                { "SIZE", true, 0 },
                { "STATE", false, 0 },
        };
        _cleanup_(table_freep) Table *t = NULL;

        assert(table_new(columns, ELEMENTSOF(columns), &t) == 0);
        assert(table_rows(t) == 0);
        table_add(t, STYLE_NONE, "a long name");
        table_add(t, STYLE_NONE, "%d TB", 14);
        table_add(t, STYLE_GREEN, "ok");
        table_add(t, STYLE_NONE, "é");
        table_add(t, STYLE_NONE, "%s", "");
        table_add(t, STYLE_NONE, "x\033[2J");
        assert(table_rows(t) == 2);

        assert_text(table_to_string(t, &(TableFormat){ .legend = true, .utf8 = true }),
                    "NAME          SIZE  STATE\n"
                    "a long name  14 TB  ok\n"
                    "é                -  x?[2J\n");
        assert_text(table_to_string(t, &(TableFormat){ .utf8 = true, .indent = "  " }),
                    "  a long name  14 TB  ok\n"
                    "  é                -  x?[2J\n");
        assert_text(table_to_string(t, &(TableFormat){ .utf8 = true, .colour = true }),
                    "a long name  14 TB  \033[32mok\033[0m\n"
                    "é                -  x?[2J\n");
        /* Narrow: the name gives way, down to its least width and no further. */
        assert_text(table_to_string(t, &(TableFormat){ .utf8 = true, .columns = 20 }),
                    "a lon…  14 TB  ok\n"
                    "é           -  x?[2J\n");
        assert_text(table_to_string(t, &(TableFormat){ .utf8 = true, .columns = 5 }),
                    "a l…  14 TB  ok\n"
                    "é         -  x?[2J\n");

        /* A row that is not full is not shown. */
        table_add(t, STYLE_NONE, "half");
        assert(table_rows(t) == 2);
}

static void test_many_rows(void)
{
        static const TableColumn columns[] = { { "N", true, 0 } };
        _cleanup_(table_freep) Table *t = NULL;

        assert(table_new(columns, 1, &t) == 0);
        for (size_t i = 0; i < 10000; i++)
                table_add(t, STYLE_NONE, "%zu", i);
        assert(table_rows(t) == 10000);
}

static void test_status(void)
{
        assert(status_from_error(NULL) == STATUS_ERROR);
        assert(status_from_error(SD_BUS_ERROR_SERVICE_UNKNOWN) == STATUS_ERROR);
        assert(status_from_error(SD_BUS_ERROR_ACCESS_DENIED) == STATUS_DENIED);
        assert(status_from_error(SD_BUS_ERROR_INTERACTIVE_AUTHORIZATION_REQUIRED) == STATUS_DENIED);
        assert(status_from_error(BUS_ERROR_NO_SUCH_DRIVE) == STATUS_NOT_FOUND);
        assert(status_from_error(BUS_ERROR_NO_SUCH_JOB) == STATUS_NOT_FOUND);
        assert(status_from_error(BUS_ERROR_INVALID_OPTION) == STATUS_USAGE);
        assert(status_from_error(BUS_ERROR_DRIVE_LOCKED) == STATUS_REFUSED);
        assert(status_from_error(BUS_ERROR_WRONG_SERIAL) == STATUS_REFUSED);
        assert(status_from_error(BUS_ERROR_STORE) == STATUS_ERROR);

        assert(status_from_verdict("passed") == STATUS_OK);
        assert(status_from_verdict("failed") == STATUS_VERDICT_FAILED);
        assert(status_from_verdict("inconclusive") == STATUS_VERDICT_OPEN);
        assert(status_from_verdict("cancelled") == STATUS_VERDICT_OPEN);
        assert(status_from_verdict("") == STATUS_VERDICT_OPEN);
        assert(status_from_verdict("splendid") == STATUS_VERDICT_OPEN);
}

/* A message of our own, sealed and read back: no bus is needed. */
static void test_message(void)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        _cleanup_json_ struct json_object *dict = NULL, *number = NULL, *tuples = NULL, *end = NULL;
        sd_bus *bus = NULL;

        assert(sd_bus_new(&bus) >= 0);
        assert(sd_bus_set_address(bus, "unixexec:path=/bin/cat") >= 0 && sd_bus_start(bus) >= 0);
        assert(sd_bus_message_new_signal(bus, &m, "/x", "x.y", "Z") >= 0);
        assert(sd_bus_message_append(m, "a{sv}", 6, "T", "t", UINT64_MAX, "D", "d", 1.5, "N", "d", NAN, "O",
                                     "ao", 1, "/a", "A", "a(ust)", 1, 7U, "x\"", UINT64_C(9), "I", "i",
                                     INT32_MIN) >= 0);
        assert(sd_bus_message_append(m, "u", UINT32_MAX) >= 0);
        assert(sd_bus_message_append(m, "a(sb)", 2, "a", 1, "b", 0) >= 0);
        assert(sd_bus_message_seal(m, 1, 0) >= 0 && sd_bus_message_rewind(m, true) >= 0);

        assert(message_read_json(m, &dict) == 1);
        assert(streq(json_object_to_json_string_ext(dict,
                                                    JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE),
                     "{\"T\":18446744073709551615,\"D\":1.5,\"N\":null,\"O\":[\"/a\"],\"A\":[[7,\"x\\\"\",9]],"
                     "\"I\":-2147483648}"));
        assert(row_u64(dict, "T") == UINT64_MAX);
        assert(row_i64(dict, "I") == INT32_MIN);
        assert(streq(row_string(dict, "T"), "") && row_u64(dict, "A") == 0 && row_u64(dict, "missing") == 0);

        assert(message_read_json(m, &number) == 1 && json_object_get_uint64(number) == UINT32_MAX);
        assert(message_read_json(m, &tuples) == 1);
        assert(streq(json_object_to_json_string_ext(tuples, JSON_C_TO_STRING_PLAIN),
                     "[[\"a\",true],[\"b\",false]]"));
        assert(message_read_json(m, &end) == 0);

        sd_bus_close_unref(bus);
}

int main(void)
{
        assert(setlocale(LC_CTYPE, "C.UTF-8"));

        test_size();
        test_figures();
        test_bar();
        test_text();
        test_table();
        test_many_rows();
        test_status();
        test_message();
        return 0;
}
