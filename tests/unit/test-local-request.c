/* SPDX-License-Identifier: LGPL-2.1-or-later */

#undef NDEBUG
#include <assert.h>
#include <stdio.h>

#include "basic/string-util.h"
#include "basic/strv.h"
#include "local/local-request.h"

#define RUN          "0123456789abcdef0123456789abcdef"
#define CONTENT      RUN RUN
#define BOOT         "dadb1c31-0b92-4685-baed-213e2e3beced"
#define IDENT        "size:131072,wwid:naa.5000c500a1b2c3d4"
#define LEFT(places) "start|" RUN "|" RUN "|sda|" IDENT "|-|" places "|" BOOT "|1" FREE "|badblocks|-w|{}"
#define START        "start|" RUN "|" RUN "|sda|" IDENT "|WD 1|" CONTENT "|" BOOT "|99000000"
#define FREE         "|none|-|-|-"

/* Words between '|'; empty ones cannot be written. */
static bool allowed(const char *request)
{
        _cleanup_strv_free_ char **argv = NULL, **again = NULL;
        _cleanup_free_ char *packet = NULL;
        const char *reason = NULL;
        size_t size;
        int r;

        assert(strv_split(request, "|", &argv) >= 0);
        assert(local_request_pack(argv, &packet, &size) >= 0);
        assert(local_request_unpack(packet, size, &again) >= 0);
        assert(strv_length(argv) == strv_length(again));
        for (size_t i = 0; argv[i]; i++)
                assert(streq(argv[i], again[i]));

        r = local_request_check(again, &reason);
        assert(r == 0 || (r == -EINVAL && !isempty(reason)));
        return r == 0;
}

static void test_allowed(void)
{
        static const char *const good[] = {
                "agent",
                "facts|" RUN,
                "facts|" RUN "|smart:sda|probe:nvme0n1|smart:mmcblk0",
                "probe|" IDENT,
                "fingerprint|sda|" IDENT,
                "locate|sda|" IDENT "|0",
                "locate|nvme0n1|" IDENT "|3600",
                "smart|nvme0n1",
                "kmsg|0|sda",
                "status|" RUN "|sda|0|262144",
                "cancel|" RUN "|0",
                "cancel|" RUN "|3600",
                "pause|" RUN "|heat|it has 57 \302\260C",
                "resume|" RUN "|operator",
                "remove|" RUN,
                "selftest_read|sda|" IDENT "|-|-",
                "selftest_read|sda|" IDENT "|sat,12|123456789",
                "selftest_start|nvme0n1|" IDENT "|-|short|" BOOT "|99000000",
                "selftest_start|sda|" IDENT "|usbjmicron,0|long|" BOOT "|1",
                "selftest_abort|sda|" IDENT "|-",
                START FREE "|badblocks|-w|-v|-b|4096|-c|64|-p|0|-e|1|-X|{}",
                START FREE "|badblocks|{}",
                START FREE "|nvme_erase|format|namespace|1|{}",
                START FREE "|nvme_erase|format|subsystem|1024|{}",
                START FREE "|nvme_erase|block|subsystem|1|{}",
                START FREE "|nvme_erase|crypto|subsystem|1|{}",
                START "|existing-data|-|-|-|nvme_erase|overwrite|subsystem|1|{}",
                "nvme|nvme0n1|" IDENT,
                START "|existing-data|-|-|-|badblocks|-w|{}",
                START "|storage-member|-|-|-|badblocks|-w|{}",
                START "|exported-pool|a pool: 1|18446744073709551615|-|badblocks|-w|{}",
                "start|" RUN "|" RUN "|sda|" IDENT "|-|-|" BOOT "|1" FREE "|badblocks|-v|{}",
                START FREE "|badblocks|-w|-v|-e|1|-t|random|-X|{}",
                START FREE "|badblocks|-w|-v|-t|0x55|-t|0xff|-t|0x00|-X|{}",
                LEFT("0+2048=55,194560+2048=55aa,99999999999+128=@"),
                LEFT("0+1=0055aaff"),
        };

        for (size_t i = 0; i < ELEMENTSOF(good); i++)
                if (!allowed(good[i])) {
                        fprintf(stderr, "refused: %s\n", good[i]);
                        assert_not_reached();
                }
}

static void assert_refused(const char *const *requests, size_t n)
{
        for (size_t i = 0; i < n; i++)
                if (allowed(requests[i])) {
                        fprintf(stderr, "allowed: %s\n", requests[i]);
                        assert_not_reached();
                }
}

static void test_refused(void)
{
        static const char *const bad[] = {
                "sh|-c|id",
                "wrap|/var/lib/burnin-run/" RUN,
                "check|/var/lib/burnin-run/" RUN,
                "agent|x",
                "facts",
                "facts|" RUN "|erase:sda",
                "facts|" RUN "|smart:../sda",
                "facts|" RUN "|smart:",
                "probe|$(id)",
                "probe|a b",
                "fingerprint|sda",
                "fingerprint|/dev/sda|" IDENT,
                "smart|-x",
                "smart|sda|-t",
                "kmsg|1e3|sda",
                "kmsg|1234567890123456789|sda",
                "status|" RUN "|sda|0",
                "status|../../etc|sda|0|0",
                "cancel|" RUN "|3601",
                "cancel|" RUN "|-1",
                "pause|" RUN,
                "pause|" RUN "|heat",
                "pause|" RUN "|heat|",
                "pause|" RUN "|../heat|x",
                "pause|" RUN "|heat|a\nb",
                "resume|" RUN,
                "resume|" RUN "|anybody",
                "remove|..",
                "remove|" RUN "0",
                "selftest_read|sda|" IDENT "|-",
                "selftest_read|sda|" IDENT "|-|-|x",
                "selftest_read|../sda|" IDENT "|-|-",
                "selftest_read|sda|a b|-|-",
                "selftest_read|sda|" IDENT "|-s|-",
                "selftest_read|sda|" IDENT "|sat on|-",
                "selftest_read|sda|" IDENT "|-|-1",
                "selftest_read|sda|" IDENT "|-|1234567890123456789",
                "selftest_start|sda|" IDENT "|-|short|" BOOT,
                "selftest_start|sda|" IDENT "|-|force|" BOOT "|1",
                "selftest_start|sda|" IDENT "|-|vendor,0x7f|" BOOT "|1",
                "selftest_start|sda|" IDENT "|-|long|here|1",
                "selftest_start|sda|" IDENT "|-|long|" BOOT "|soon",
                "selftest_abort|sda|" IDENT,
                "selftest_abort|sda|" IDENT "|-d",
                "selftest_abort|sda|" IDENT "|-|now",
        };

        assert_refused(bad, ELEMENTSOF(bad));
}

static void test_refused_runs(void)
{
        static const char *const bad[] = {
                START,
                START FREE,
                START "|badblocks|-w|{}",
                START "|mounted|-|-|release|badblocks|-w|{}",
                START "|active-pool|tank|11|release|badblocks|-w|{}",
                START "|active-pool|tank|11|-|badblocks|-w|{}",
                START "|storage-member|-|-|release|badblocks|-w|{}",
                START "|everything|-|-|-|badblocks|-w|{}",
                START "|exported-pool|-f|11|-|badblocks|-w|{}",
                START "|exported-pool|$(id)|11|-|badblocks|-w|{}",
                START "|exported-pool|tank|1x|-|badblocks|-w|{}",
                START FREE "|sh|-c|id",
                START FREE "|nvme|format|{}",
                START FREE "|nvme_erase",
                START FREE "|nvme_erase|{}",
                START FREE "|nvme_erase|format|namespace|1",
                START FREE "|nvme_erase|format|namespace|1|/dev/sda",
                START FREE "|nvme_erase|format|namespace|1|{}|--force",
                START FREE "|nvme_erase|format|controller|1|{}",
                START FREE "|nvme_erase|format|namespace|0x1|{}",
                START FREE "|nvme_erase|block|namespace|1|{}",
                START FREE "|nvme_erase|exit|subsystem|1|{}",
                "start|" RUN "|" RUN "|sda|" IDENT "|WD 1|-|" BOOT "|99000000" FREE
                "|nvme_erase|format|namespace|1|{}",
                "nvme|nvme0n1",
                "nvme|../mem|" IDENT,
                "nvme|nvme0n1|" IDENT "|x",
                START FREE "|/sbin/badblocks|{}",
                START FREE "|badblocks",
                START FREE "|badblocks|/dev/sda",
                START FREE "|badblocks|-w|{}|{}",
                START FREE "|badblocks|-o|/etc/passwd|{}",
                START FREE "|badblocks|-b|{}",
                START FREE "|badblocks|-b",
                START FREE "|badblocks|-c|16777217|{}",
                START FREE "|badblocks|-w|-t|0x5|{}",
                START FREE "|badblocks|-w|-t|~0|{}",
                LEFT("0+2048="),
                LEFT("0+2048"),
                LEFT("+2048=55"),
                LEFT("0+20480=55"),
                LEFT("0+2048=5"),
                LEFT("0+2048=5A"),
                LEFT("0+2048=55@"),
                LEFT("0+2048=-"),
                LEFT("0+2048=55;id"),
                LEFT("0+2048=55 0+2048=55"),
                LEFT("0+2048=112233445566778899"),
                LEFT("1234567890123456789+1=55"),
                LEFT("0+2048=55,"
                     "$(id)+1=55"),
                "start|" RUN "|" RUN "|sda|" IDENT "|-|0+2048=55|" BOOT "|1" FREE
                "|nvme_erase|format|namespace|1|{}",
                START FREE "|badblocks|-w|-t",
                START FREE "|smartctl",
                START FREE "|smartctl|-t|short|{}",
                START FREE "|smartctl|-X|{}",
                "start|" RUN "|" RUN "|sda|" IDENT "|-|-|" BOOT "|1" FREE "|badblocks|-w|{}",
                "start|" RUN "|" RUN "|sda|" IDENT "|a\nrun=x|" CONTENT "|" BOOT "|1" FREE
                "|badblocks|-w|{}",
                "start|" RUN "|" RUN "|sda|a;b|-|" CONTENT "|" BOOT "|1" FREE "|badblocks|-w|{}",
                "start|" RUN "|" RUN "|sda|" IDENT "|-|" CONTENT "0|" BOOT "|1" FREE "|badblocks|-w|{}",
                "start|" RUN "|" RUN "|sda|" IDENT "|-|" CONTENT "|here|1" FREE "|badblocks|-w|{}",
                "start|" RUN "|" RUN "|sda|" IDENT "|-|" CONTENT "|" BOOT "|soon" FREE "|badblocks|-w|{}",
        };

        assert_refused(bad, ELEMENTSOF(bad));
}

static void test_packets(void)
{
        _cleanup_strv_free_ char **argv = NULL, **many = NULL;
        _cleanup_free_ char *packet = NULL, *big = NULL;
        const char *reason;
        size_t size;

        assert(local_request_unpack("", 0, &argv) == -EBADMSG && !argv);
        assert(local_request_unpack("agent", 5, &argv) == -EBADMSG && !argv);
        assert(local_request_unpack("agent\0x", 7, &argv) == -EBADMSG && !argv);

        /* Empty words stay words. */
        assert(local_request_unpack("agent\0\0", 7, &argv) == 0 && strv_length(argv) == 2);
        assert(local_request_check(argv, &reason) == -EINVAL);
        assert(local_request_check(NULL, &reason) == -EINVAL);

        for (size_t i = 0; i < LOCAL_WORDS_MAX; i++)
                assert(strv_extend(&many, "x") == 0);
        assert(local_request_pack(many, &packet, &size) == 0 && size == 2 * LOCAL_WORDS_MAX);
        assert(strv_extend(&many, "x") == 0);
        big = malloc(2 * LOCAL_WORDS_MAX + 2);
        assert(big);
        for (size_t i = 0; i <= LOCAL_WORDS_MAX; i++)
                memcpy(big + 2 * i, "x", 2);
        assert(local_request_pack(many, &big, &size) == -E2BIG);
        many = strv_free(many);
        assert(local_request_unpack(big, 2 * LOCAL_WORDS_MAX + 2, &many) == -EBADMSG && !many);

        free(big);
        big = calloc(1, LOCAL_REQUEST_MAX + 1);
        assert(big);
        assert(local_request_unpack(big, LOCAL_REQUEST_MAX + 1, &many) == -EBADMSG && !many);
}

int main(void)
{
        test_allowed();
        test_refused();
        test_refused_runs();
        test_packets();
        return EXIT_SUCCESS;
}
