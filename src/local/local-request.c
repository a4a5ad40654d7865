/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "basic/parse-util.h"
#include "basic/string-util.h"
#include "basic/strv.h"
#include "local/local-request.h"
#include "shared/facts.h"
#include "shared/worker-proto.h"

#define HEX             "0123456789abcdef"
#define ARGUMENTS_MAX   12U
#define IDENT_MAX       1024U
#define SERIAL_MAX      128U
#define DEVICE_TYPE_MAX 64U
#define NUMBER_DIGITS   18U /* what the script's arithmetic can hold */
#define GUID_DIGITS     20U
#define SECONDS_MAX     3600U
#define PLACE_DIGITS    4U
#define PLACE_BYTES     16U
#define OPTION_MAX      (16U * 1024U * 1024U) /* the biggest block size that a setting can have */

static bool is_hex(const char *s, size_t size)
{
        return strlen(s) == size && strspn(s, HEX) == size;
}

static bool is_run(const char *s)
{
        return is_hex(s, 32);
}

static bool is_ident(const char *s)
{
        return str_in_charset(s, ".:,/@+=_-", IDENT_MAX);
}

static bool is_number(const char *s)
{
        size_t n = strlen(s);

        return n > 0 && n <= NUMBER_DIGITS && strspn(s, "0123456789") == n;
}

static bool is_number_to(const char *s, uint32_t max)
{
        uint32_t n;

        return is_number(s) && parse_u32(s, &n) >= 0 && n <= max;
}

static bool is_hour(const char *s)
{
        return is_number_to(s, SECONDS_MAX);
}

static bool is_serial(const char *s)
{
        return s[0] && str_is_clean(s, SERIAL_MAX, false);
}

static bool is_nothing(const char *s)
{
        return streq(s, "-");
}

static bool is_content(const char *s)
{
        return is_nothing(s) || is_hex(s, 64);
}

/* FIRST+COUNT=BYTES, as place_read() in remote-run.sh. */
static bool is_place(const char *s)
{
        size_t first = strspn(s, "0123456789"), count, bytes;

        if (first == 0 || first > NUMBER_DIGITS || s[first] != '+')
                return false;
        s += first + 1;
        count = strspn(s, "0123456789");
        if (count == 0 || count > PLACE_DIGITS || s[count] != '=')
                return false;
        s += count + 1;
        bytes = strspn(s, HEX);

        return streq(s, "@") || (bytes > 0 && bytes <= PLACE_BYTES && bytes % 2 == 0 && s[bytes] == 0);
}

/* What a test of ours has left on the drive, instead of a fingerprint: at least one place. */
static bool are_places(const char *s)
{
        _cleanup_strv_free_ char **places = NULL;

        if (strlen(s) > IDENT_MAX || strv_split(s, ",", &places) < 0 || strv_length(places) == 0)
                return false;
        STRV_FOREACH(place, places)
                if (!is_place(*place))
                        return false;

        return true;
}

static bool is_what_is_left(const char *s)
{
        return is_content(s) || are_places(s);
}

static bool is_boot(const char *s)
{
        return strlen(s) == 36 && strspn(s, HEX "-") == 36;
}

/* As RunHolder. */
static bool is_holder(const char *s)
{
        return streq(s, "heat") || streq(s, "operator");
}

/* Why a run is held, for people. */
static bool is_reason(const char *s)
{
        size_t n = strlen(s);

        for (size_t i = 0; i < n; i++)
                if ((unsigned char) s[i] < ' ' || s[i] == 0x7f)
                        return false;

        return n > 0 && n <= PAUSE_WORDS_MAX;
}

/* A drive in use is never released here: that would give whoever may ask us what no grant gave. */
static bool is_lock(const char *s)
{
        static const char *const locks[] = { "none", "existing-data", "exported-pool", "storage-member" };

        for (size_t i = 0; i < ELEMENTSOF(locks); i++)
                if (streq(s, locks[i]))
                        return true;

        return false;
}

static bool is_pool(const char *s)
{
        return is_nothing(s) || pool_name_is_valid(s);
}

static bool is_guid(const char *s)
{
        size_t n = strlen(s);

        return is_nothing(s) || (n > 0 && n <= GUID_DIGITS && strspn(s, "0123456789") == n);
}

/* How smartctl is to talk to the drive, as its -d takes it and the host has found it; "-": not told. */
static bool is_device_type(const char *s)
{
        return s[0] != '-' ? str_in_charset(s, ",_+.-", DEVICE_TYPE_MAX) : is_nothing(s);
}

static bool is_self_test(const char *s)
{
        return streq(s, "short") || streq(s, "long");
}

/* Where a sector is read, so that the drive stays awake; "-": nowhere. */
static bool is_sector(const char *s)
{
        return is_nothing(s) || is_number(s);
}

/* --- what follows the arguments of a fixed number --- */

static bool are_none(char *const *argv, char *const *rest)
{
        return !*rest;
}

static bool are_facts_words(char *const *argv, char *const *rest)
{
        STRV_FOREACH(word, rest) {
                const char *kname = startswith(*word, "smart:") ?: startswith(*word, "probe:");

                if (!kname || !kname_is_valid(kname))
                        return false;
        }

        return true;
}

static bool is_pattern(const char *s)
{
        return streq(s, "random") || streq(s, "0xaa") || streq(s, "0x55") || streq(s, "0xff") ||
               streq(s, "0x00");
}

static bool is_badblocks(char *const *words, bool *ret_writes)
{
        bool writes = false;

        for (; *words && !streq(*words, "{}"); words++)
                if (streq(*words, "-w"))
                        writes = true;
                else if (streq(*words, "-b") || streq(*words, "-c") || streq(*words, "-p") ||
                         streq(*words, "-e")) {
                        words++;
                        if (!*words || !is_number_to(*words, OPTION_MAX))
                                return false;
                } else if (streq(*words, "-t")) {
                        words++;
                        if (!*words || !is_pattern(*words))
                                return false;
                } else if (!streq(*words, "-v") && !streq(*words, "-X"))
                        return false;

        *ret_writes = writes;
        return *words && !words[1];
}

/* METHOD REACH NSID {}: as nvme_erase_check() in remote-nvme.sh. */
static bool is_nvme_erase(char *const *words)
{
        if (strv_length(words) != 4 || !is_number(words[2]) || !streq(words[3], "{}"))
                return false;
        if (streq(words[0], "format") && streq(words[1], "namespace"))
                return true;

        return streq(words[1], "subsystem") && (streq(words[0], "format") || streq(words[0], "block") ||
                                                streq(words[0], "crypto") || streq(words[0], "overwrite"));
}

static bool is_command(char *const *argv, char *const *rest)
{
        const char *content = argv[6];
        bool writes;

        if (streq_ptr(*rest, "nvme_erase"))
                return is_nvme_erase(rest + 1) && is_hex(content, 64);
        return streq_ptr(*rest, "badblocks") && is_badblocks(rest + 1, &writes) &&
               (!writes || !streq(content, "-"));
}

static const struct {
        const char *verb;
        bool (*arguments[ARGUMENTS_MAX])(const char *s);
        /* argv: all of the request; rest: what is behind those. */
        bool (*rest)(char *const *argv, char *const *rest);
} verbs[] = {
        { "agent", {}, are_none },
        { "facts", { is_run }, are_facts_words },
        { "probe", { is_ident }, are_none },
        { "fingerprint", { kname_is_valid, is_ident }, are_none },
        { "locate", { kname_is_valid, is_ident, is_hour }, are_none },
        { "smart", { kname_is_valid }, are_none },
        { "nvme", { kname_is_valid, is_ident }, are_none },
        { "kmsg", { is_number, kname_is_valid }, are_none },
        { "start",
          { is_run, is_run, kname_is_valid, is_ident, is_serial, is_what_is_left, is_boot, is_number,
            is_lock, is_pool, is_guid, is_nothing },
          is_command },
        { "status", { is_run, kname_is_valid, is_number, is_number }, are_none },
        { "cancel", { is_run, is_hour }, are_none },
        { "pause", { is_run, is_holder, is_reason }, are_none },
        { "resume", { is_run, is_holder }, are_none },
        { "remove", { is_run }, are_none },
        { "selftest_read", { kname_is_valid, is_ident, is_device_type, is_sector }, are_none },
        { "selftest_start",
          { kname_is_valid, is_ident, is_device_type, is_self_test, is_boot, is_number },
          are_none },
        { "selftest_abort", { kname_is_valid, is_ident, is_device_type }, are_none },
};

int local_request_check(char *const *argv, const char **reterr_reason)
{
        size_t n = strv_length(argv), k = 0, v = 0;

        *reterr_reason = "no such verb";
        while (v < ELEMENTSOF(verbs) && (n == 0 || !streq(argv[0], verbs[v].verb)))
                v++;
        if (v == ELEMENTSOF(verbs))
                return -EINVAL;

        for (; k < ARGUMENTS_MAX && verbs[v].arguments[k]; k++) {
                *reterr_reason = "arguments are missing";
                if (k + 1 >= n)
                        return -EINVAL;
                *reterr_reason = "a bad argument";
                if (!verbs[v].arguments[k](argv[k + 1]))
                        return -EINVAL;
        }

        *reterr_reason = "words that it does not take";
        return verbs[v].rest(argv, argv + k + 1) ? 0 : -EINVAL;
}
