/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <limits.h>

#include "basic/address.h"
#include "basic/log.h"
#include "basic/parse-util.h"
#include "basic/string-util.h"
#include "basic/strv.h"
#include "daemon/setting.h"
#include "shared/conf.h"
#include "shared/names.h"
#include "shared/notify-proto.h"
#include "shared/page-url.h"

#define LIST_MAX   64U
#define SEPARATORS " \t,"

#define U32(key, min_, max_, default_, unit_, next_stage_, text_)                                           \
        {                                                                                                   \
                .name = #key, .type = SETTING_U32, .offset = offsetof(Settings, key), .min = (min_),        \
                .max = (max_), .fallback = #default_, .unit = (unit_), .next_stage = (next_stage_),         \
                .text = (text_),                                                                            \
        }
#define OTHER(key, type_, default_, next_stage_, text_)                                                     \
        {                                                                                                   \
                .name = #key, .type = SETTING_##type_, .offset = offsetof(Settings, key),                   \
                .fallback = (default_), .next_stage = (next_stage_), .text = (text_),                       \
        }
#define TEXT(key, default_, is_valid_, values_, text_)                                                      \
        {                                                                                                   \
                .name = #key, .type = SETTING_TEXT, .offset = offsetof(Settings, key),                      \
                .fallback = (default_), .is_valid = (is_valid_), .values = (values_), .text = (text_),      \
        }
#define AT_ONCE    false
#define NEXT_STAGE true

static bool mode_is_valid(const char *value)
{
        return smtp_mode_from_string(value) >= 0;
}

/* As a mail server knows him. */
static bool user_is_valid(const char *value)
{
        return str_is_clean(value, NOTIFY_SECRET_MAX, false);
}

static const Setting table[] = {
        U32(max_parallel_burnins, 1, 10000, 4, "jobs", AT_ONCE,
            "Burn-ins that run at once, over all hosts."),
        U32(max_per_host, 0, 10000, 0, "jobs", AT_ONCE,
            "Burn-ins that run at once on one host; 0: no cap of its own."),
        U32(poll_interval_seconds, 1, 3600, 12, "seconds", AT_ONCE,
            "How often every host is asked for its drives."),
        U32(stale_threshold_seconds, 2, 86400, 45, "seconds", AT_ONCE,
            "A host not heard from for so long is shown as stale."),
        U32(poll_timeout_seconds, 1, 3600, 60, "seconds", AT_ONCE, "How long one host may take to answer."),
        U32(smart_interval_seconds, 10, 604800, 300, "seconds", AT_ONCE,
            "How often SMART values of an idle drive are read."),
        U32(follow_interval_seconds, 1, 60, 2, "seconds", NEXT_STAGE,
            "How often a running test is asked for its progress."),
        U32(surface_validate_block_size, 512, 16777216, 4096, "bytes", NEXT_STAGE,
            "Block size of badblocks in bytes, a power of two; raised for drives it could not count."),
        U32(surface_validate_block_buffer, 1, 65536, 64, "blocks", NEXT_STAGE,
            "Blocks per request of badblocks; block size times this is at most 1 GiB."),
        U32(surface_validate_passes, 0, 100, 0, "passes", NEXT_STAGE,
            "badblocks ends after so many passes in a row without a new bad block; 0: after the first pass."),
        U32(bad_block_threshold, 0, 1000000, 0, "blocks", NEXT_STAGE,
            "A surface with more bad blocks than this fails."),
        U32(slow_floor_hdd, 0, 10000, 60, "MB/s", NEXT_STAGE,
            "A hard disk that is slower than this on average, in MB/s, in one phase fails; 0: none does."),
        U32(slow_floor_ssd, 0, 100000, 150, "MB/s", NEXT_STAGE, "SSDs: as slow_floor_hdd."),
        OTHER(slow_ratio, RATIO, "0.7", NEXT_STAGE,
              "A region or drive is slow under this part of its first pass, or of others of its model; 0: none is."),
        OTHER(slow_fails, BOOLEAN, "yes", NEXT_STAGE, "A slow drive fails; no: it is only named as slow."),
        U32(temp_warn_c, 20, 150, 46, "degrees Celsius", NEXT_STAGE,
            "Hard disks: one this warm is not started, in degrees Celsius."),
        U32(temp_crit_c, 20, 150, 55, "degrees Celsius", NEXT_STAGE,
            "Hard disks: a test is paused at this until it is under temp_warn_c again; over temp_warn_c."),
        U32(temp_warn_ssd_c, 20, 150, 60, "degrees Celsius", NEXT_STAGE, "SSDs: as temp_warn_c."),
        U32(temp_crit_ssd_c, 20, 150, 70, "degrees Celsius", NEXT_STAGE,
            "SSDs: as temp_crit_c; over temp_warn_ssd_c."),
        U32(thermal_wait_seconds, 0, 86400, 180, "seconds", AT_ONCE,
            "How long a job waits at most for drives under test on its host that are too warm."),
        U32(smart_pending_max, 0, 1000000, 0, "sectors", NEXT_STAGE,
            "A drive with more pending sectors than this is not started."),
        U32(smart_uncorrectable_max, 0, 1000000, 0, "sectors", NEXT_STAGE,
            "A drive with more offline-uncorrectable sectors than this is not started."),
        U32(smart_reallocated_delta_max, 0, 1000000, 0, "sectors", NEXT_STAGE,
            "More newly reallocated sectors than this fail the job."),
        U32(smart_pending_delta_max, 0, 1000000, 0, "sectors", NEXT_STAGE,
            "More newly pending sectors than this fail the job."),
        U32(smart_offline_uncorrectable_delta_max, 0, 1000000, 0, "sectors", NEXT_STAGE,
            "More new offline-uncorrectable sectors than this fail the job."),
        U32(smart_reported_uncorrectable_delta_max, 0, 1000000, 0, "errors", NEXT_STAGE,
            "More new uncorrectable errors that the drive has reported than this fail the job."),
        U32(smart_crc_delta_max, 0, 1000000, 10, "errors", NEXT_STAGE,
            "More new interface CRC errors than this fail the job."),
        U32(smart_media_errors_delta_max, 0, 1000000, 0, "errors", NEXT_STAGE,
            "NVMe: more new media errors than this fail the job."),
        U32(smart_percentage_used_delta_max, 0, 100, 2, "percent", NEXT_STAGE,
            "SSDs: more of their life used in the test than this fails the job."),
        U32(stall_minutes, 1, 1440, 30, "minutes", NEXT_STAGE,
            "Without any work for so long, a running stage is reported as stalled."),
        U32(stall_end_hours, 1, 720, 6, "hours", NEXT_STAGE,
            "Without any work for so long, it ends inconclusive; more than stall_minutes."),
        U32(stuck_job_hours, 1, 87600, 168, "hours", NEXT_STAGE,
            "A job older than this, and than twice its estimate, ends as soon as it is stalled."),
        U32(self_test_retries, 0, 10, 2, "tries", NEXT_STAGE,
            "A self-test that was aborted is started again so often, then it is inconclusive."),
        U32(self_test_interval_seconds, 1, 3600, 30, "seconds", NEXT_STAGE,
            "How often a drive that runs a self-test is read."),
        OTHER(self_test_keep_alive, BOOLEAN, "yes", NEXT_STAGE,
              "Reads a sector a minute of a drive that runs a self-test, so that nothing sends it to sleep."),
        U32(unlock_ttl_seconds, 1, 86400, 600, "seconds", AT_ONCE,
            "How long an unlock grant waits for the burn-in that uses it."),
        U32(session_hours, 1, 8760, 12, "hours", AT_ONCE,
            "A login to the web page ends after so long at the latest."),
        U32(web_session_idle_minutes, 1, 525600, 720, "minutes", AT_ONCE,
            "A login to the web page ends if nothing was done on the page for so long."),
        OTHER(web_session_bind_address, BOOLEAN, "no", AT_ONCE,
              "A login to the web page counts from the address alone that it came from."),
        OTHER(allowed_ips, NETWORKS, "", AT_ONCE,
              "Addresses and networks (192.0.2.0/24, 2001:db8::/32) that may use the web page; none: all may."),
        OTHER(trusted_proxies, NETWORKS, "", AT_ONCE,
              "Addresses and networks of proxies whose X-Forwarded-For is believed; none: loopback alone."),
        TEXT(page_url, "", page_url_is_valid, "a URL that begins with https://, without a query",
             "Where people open the web page, so that mails and reports lead back to it; none: they do not."),
        U32(retention_log_days, 1, 36500, 35, "days", AT_ONCE,
            "The logs of a job are dropped so long after its end; verdict and evidence stay."),
        U32(retention_log_mb, 0, 1000000000, 0, "MB", AT_ONCE,
            "The logs of the oldest jobs are dropped earlier where those of all take more than so many MB; 0: never."),
        U32(retention_backup_keep, 0, 1000, 14, "backups", AT_ONCE,
            "So many of the nightly backups of the database are kept; 0: none is made by night."),
        TEXT(smtp_host, "", smtp_host_is_valid, "the name or the address of a host",
             "The mail server that takes mail; none: no mail is sent."),
        U32(smtp_port, 0, 65535, 0, "port", AT_ONCE,
            "Its port; 0: that of smtp_mode: 587, 465 or 25. A change of smtp_mode makes it 0."),
        TEXT(smtp_mode, "starttls", mode_is_valid, "starttls, ssl or plain",
             "How it is spoken to: TLS by STARTTLS, TLS from the start, or without any."),
        TEXT(smtp_user, "", user_is_valid, "a name",
             "Who logs in there; the password is the secret of the notifier mail. None: nobody does."),
        TEXT(smtp_from, "", mail_address_is_valid, "an address of mail",
             "The sender of mail; none: burnin at the name of this machine."),
        OTHER(smtp_to, MAIL, "", AT_ONCE, "Who gets mail; none: nobody does."),
        OTHER(smtp_alert_on_fail, BOOLEAN, "yes", AT_ONCE,
              "A mail for each job that fails, ends inconclusive or stands still, and for each backup that fails."),
        OTHER(smtp_alert_on_pass, BOOLEAN, "no", AT_ONCE, "A mail for each job that passes."),
        U32(smtp_report_hour, 0, 24, 8, "o'clock", AT_ONCE,
            "The hour, by the clock of this machine, at which a report of the day is sent; 24: none is."),
        TEXT(webhook_url, "", notify_url_is_valid, "a URL that begins with https:// or http://",
             "Each event is sent there as JSON, signed with the secret of the notifier webhook; none: to nobody."),
        OTHER(boot_pools, LIST, "boot-pool freenas-boot rpool bpool", AT_ONCE,
              "ZFS pools that a host starts from."),
        OTHER(loop_drives, BOOLEAN, "no", AT_ONCE, "Loop devices count as drives. For trying things out."),
        OTHER(ssh_key, PATH, PATH_SSH_KEY, AT_ONCE,
              "The private key to log in to hosts with; a systemd credential named ssh-key wins over it."),
};

static_assert(ELEMENTSOF(table) <= SETTINGS_MAX, "Settings.sources has a place for each");

/* What badblocks allocates per buffer, and sends to the drive as one request. */
#define REQUEST_MAX_BYTES (UINT64_C(1) << 30)

/* Pairs of numbers that make sense only together. */
static const struct Pair {
        const char *low, *high;
        uint64_t factor;      /* what high counts, in the unit of low, which must be under it; 0: */
        uint64_t product_max; /* their product is at most this */
        const char *text;
} pairs[] = {
#define PAIR(l, h, f)                                                                                       \
        {                                                                                                   \
                .low = #l, .high = #h, .factor = (f), .text = #l " must be under " #h                       \
        }
        PAIR(temp_warn_c, temp_crit_c, 1),
        PAIR(temp_warn_ssd_c, temp_crit_ssd_c, 1),
        PAIR(poll_interval_seconds, stale_threshold_seconds, 1),
        PAIR(stall_minutes, stall_end_hours, 60),
        {
                        .low = "surface_validate_block_size",
                        .high = "surface_validate_block_buffer",
                        .product_max = REQUEST_MAX_BYTES,
                        .text = "surface_validate_block_size times surface_validate_block_buffer must be at most 1 GiB",
        },
};

static const char *const setting_origin_table[_SETTING_ORIGIN_MAX] = {
        [SETTING_DEFAULT] = "default",
        [SETTING_FILE] = "file",
        [SETTING_RUNTIME] = "runtime",
};
DEFINE_STRING_TABLE(setting_origin, SettingOrigin);

static const char *const setting_type_table[_SETTING_TYPE_MAX] = {
        [SETTING_U32] = "number",  [SETTING_BOOLEAN] = "boolean", [SETTING_PATH] = "path",
        [SETTING_RATIO] = "ratio", [SETTING_LIST] = "words",      [SETTING_NETWORKS] = "networks",
        [SETTING_TEXT] = "text",   [SETTING_MAIL] = "addresses",
};
DEFINE_STRING_TABLE(setting_type, SettingType);

const Setting *setting_table(size_t *ret_n)
{
        *ret_n = ELEMENTSOF(table);
        return table;
}

const Setting *setting_find(const char *name)
{
        for (size_t i = 0; i < ELEMENTSOF(table); i++)
                if (streq(table[i].name, name))
                        return table + i;

        return NULL;
}

size_t setting_index(const Setting *setting)
{
        return (size_t) (setting - table);
}

char *setting_describe_values(const Setting *setting)
{
        switch (setting->type) {
        case SETTING_U32:
                return strf("a number from %" PRIu32 " to %" PRIu32 " (%s)", setting->min, setting->max,
                            setting->unit);
        case SETTING_BOOLEAN:
                return strdup("yes or no");
        case SETTING_PATH:
                return strdup("an absolute path");
        case SETTING_RATIO:
                return strdup("a number from 0 to 1 with at most three digits behind the point");
        case SETTING_LIST:
                return strf("1 to %u words of letters, digits and -_.:", LIST_MAX);
        case SETTING_NETWORKS:
                return strf("up to %u addresses or networks, such as 192.0.2.0/24 or 2001:db8::/32",
                            LIST_MAX);
        case SETTING_TEXT:
                return strdup(setting->values);
        case SETTING_MAIL:
                return strf("up to %u addresses such as admin@example.org", NOTIFY_TO_MAX);
        case _SETTING_TYPE_MAX:
        case _SETTING_TYPE_INVALID:
                break;
        }

        assert_not_reached();
}

static void *setting_field(const Settings *s, const Setting *setting)
{
        return (char *) s + setting->offset;
}

static int set_u32(Settings *s, const Setting *setting, const char *value)
{
        uint32_t v;
        int r;

        r = parse_u32(value, &v);
        if (r < 0)
                return r;
        if (v < setting->min || v > setting->max)
                return -ERANGE;
        if (setting->offset == offsetof(Settings, surface_validate_block_size) && (v & (v - 1)) != 0)
                return -EINVAL;

        *(uint32_t *) setting_field(s, setting) = v;
        return 0;
}

static int set_ratio(Settings *s, const Setting *setting, const char *value)
{
        uint32_t v, scale = 1000;
        size_t n;
        int r;

        if (value[0] != '0' && value[0] != '1')
                return -EINVAL;
        v = (uint32_t) (value[0] - '0') * scale;
        if (value[1] == '.') {
                uint32_t fraction;

                n = strlen(value + 2);
                if (n == 0 || n > 3 || strspn(value + 2, "0123456789") != n)
                        return -EINVAL;
                r = parse_u32(value + 2, &fraction);
                if (r < 0)
                        return r;
                for (; n > 0; n--)
                        scale /= 10;
                v += fraction * scale;
        } else if (value[1])
                return -EINVAL;
        if (v > 1000)
                return -ERANGE;

        *(uint32_t *) setting_field(s, setting) = v;
        return 0;
}

static char *get_ratio(uint32_t v)
{
        char *text = strf("%" PRIu32 ".%03" PRIu32, v / 1000, v % 1000);

        /* At least one digit stays. */
        for (size_t n = text ? strlen(text) : 0; n > 3 && text[n - 1] == '0'; n--)
                text[n - 1] = 0;
        return text;
}

static int set_path(Settings *s, const Setting *setting, const char *value)
{
        int r;

        if (value[0] != '/' || !str_is_clean(value, PATH_MAX - 1, false))
                return -EINVAL;

        r = free_and_strdup(setting_field(s, setting), value);
        return r < 0 ? r : 0;
}

static int set_words(Settings *s, const Setting *setting, const char *value, size_t min, size_t max,
                     bool (*is_valid)(const char *word))
{
        _cleanup_strv_free_ char **l = NULL;
        char ***field = setting_field(s, setting);
        int r;

        r = strv_split(value, SEPARATORS, &l);
        if (r < 0)
                return r;
        if (strv_length(l) < min)
                return -EINVAL;
        if (strv_length(l) > max)
                return -ERANGE;
        STRV_FOREACH(w, l)
                if (!is_valid(*w))
                        return -EINVAL;

        strv_free(*field);
        *field = TAKE_PTR(l);
        return 0;
}

/* The characters of a ZFS pool's name; they become words for a host. */
static bool pool_is_valid(const char *word)
{
        return str_in_charset(word, "-_.:", 255);
}

static int set_list(Settings *s, const Setting *setting, const char *value)
{
        return set_words(s, setting, value, 1, LIST_MAX, pool_is_valid);
}

static bool network_is_valid(const char *word)
{
        uint8_t prefix;
        Address a;

        return network_parse(word, &a, &prefix) >= 0;
}

static int set_networks(Settings *s, const Setting *setting, const char *value)
{
        return set_words(s, setting, value, 0, LIST_MAX, network_is_valid);
}

static int set_text(Settings *s, const Setting *setting, const char *value)
{
        int r;

        if (!streq(value, setting->fallback) && !setting->is_valid(value))
                return -EINVAL;

        r = free_and_strdup(setting_field(s, setting), value);
        return r < 0 ? r : 0;
}

static int set_mail(Settings *s, const Setting *setting, const char *value)
{
        return set_words(s, setting, value, 0, NOTIFY_TO_MAX, mail_address_is_valid);
}

int setting_set(Settings *s, const Setting *setting, const char *value)
{
        int r;

        if (isempty(value))
                value = setting->fallback;

        switch (setting->type) {
        case SETTING_U32:
                return set_u32(s, setting, value);
        case SETTING_BOOLEAN:
                r = parse_boolean(value);
                if (r < 0)
                        return r;
                *(bool *) setting_field(s, setting) = r > 0;
                return 0;
        case SETTING_RATIO:
                return set_ratio(s, setting, value);
        case SETTING_PATH:
                return set_path(s, setting, value);
        case SETTING_LIST:
                return set_list(s, setting, value);
        case SETTING_NETWORKS:
                return set_networks(s, setting, value);
        case SETTING_TEXT:
                return set_text(s, setting, value);
        case SETTING_MAIL:
                return set_mail(s, setting, value);
        case _SETTING_TYPE_MAX:
        case _SETTING_TYPE_INVALID:
                break;
        }

        assert_not_reached();
}

int setting_get(const Settings *s, const Setting *setting, char **ret)
{
        const void *field = setting_field(s, setting);
        char *v = NULL;

        switch (setting->type) {
        case SETTING_U32:
                v = strf("%" PRIu32, *(const uint32_t *) field);
                break;
        case SETTING_BOOLEAN:
                v = strdup(*(const bool *) field ? "yes" : "no");
                break;
        case SETTING_RATIO:
                v = get_ratio(*(const uint32_t *) field);
                break;
        case SETTING_PATH:
        case SETTING_TEXT:
                v = strdup(strempty(*(char *const *) field));
                break;
        case SETTING_LIST:
        case SETTING_NETWORKS:
        case SETTING_MAIL:
                v = strv_join(*(char **const *) field, " ");
                break;
        case _SETTING_TYPE_MAX:
        case _SETTING_TYPE_INVALID:
                assert_not_reached();
        }
        if (!v)
                return -ENOMEM;

        *ret = v;
        return 0;
}

static int setting_set_from(Settings *s, const Setting *setting, const char *value, SettingOrigin origin,
                            const char *file)
{
        size_t i = setting_index(setting);
        _cleanup_free_ char *copy = NULL;
        int r;

        if (file && !(copy = strdup(file)))
                return -ENOMEM;
        r = setting_set(s, setting, value);
        if (r < 0)
                return r;

        s->sources[i].origin = origin;
        free(s->sources[i].file);
        s->sources[i].file = TAKE_PTR(copy);
        return 0;
}

static int setting_reset(Settings *s, const Setting *setting)
{
        return setting_set_from(s, setting, NULL, SETTING_DEFAULT, NULL);
}

static int settings_on_assignment(const char *path, const char *section, const char *key, const char *value,
                                  void *userdata)
{
        const Setting *setting;

        if (!streq(section, SETTINGS_SECTION))
                return -ENOENT;
        setting = setting_find(key);
        if (!setting)
                return -ENOENT;
        if (isempty(value))
                return setting_reset(userdata, setting);

        return setting_set_from(userdata, setting, value, SETTING_FILE, path);
}

static bool pair_holds(const Settings *s, const struct Pair *p)
{
        uint64_t low = *(const uint32_t *) setting_field(s, setting_find(p->low));
        uint64_t high = *(const uint32_t *) setting_field(s, setting_find(p->high));

        return p->factor > 0 ? low < high * p->factor : low * high <= p->product_max;
}

const char *settings_conflict(const Settings *s, const Setting *setting)
{
        for (size_t i = 0; i < ELEMENTSOF(pairs); i++)
                if ((streq(pairs[i].low, setting->name) || streq(pairs[i].high, setting->name)) &&
                    !pair_holds(s, pairs + i))
                        return pairs[i].text;

        return NULL;
}

/* Which of the two was meant nobody can say. */
int settings_repair(Settings *s)
{
        int r;

        for (size_t i = 0; i < ELEMENTSOF(pairs); i++) {
                if (pair_holds(s, pairs + i))
                        continue;

                log_warning("%s; using the defaults of both.", pairs[i].text);
                if ((r = setting_reset(s, setting_find(pairs[i].low))) < 0 ||
                    (r = setting_reset(s, setting_find(pairs[i].high))) < 0)
                        return r;
        }

        return 0;
}

int settings_load(const char *main_file, const char *dropin_dir, Settings *ret)
{
        _cleanup_(settings_done) Settings s = {};
        int r;

        for (size_t i = 0; i < ELEMENTSOF(table); i++) {
                r = setting_reset(&s, table + i);
                if (r < 0)
                        return r;
        }

        r = conf_parse(main_file, dropin_dir, settings_on_assignment, &s);
        if (r < 0)
                return r;

        r = settings_repair(&s);
        if (r < 0)
                return r;

        *ret = s;
        s = (Settings){};
        return 0;
}

int settings_layer(const Settings *files, char *const runtime[static SETTINGS_MAX], Settings *ret)
{
        _cleanup_(settings_done) Settings s = {};
        int r;

        for (size_t i = 0; i < ELEMENTSOF(table); i++) {
                _cleanup_free_ char *value = NULL;

                r = setting_get(files, table + i, &value);
                if (r >= 0)
                        r = setting_set_from(&s, table + i, value, files->sources[i].origin,
                                             files->sources[i].file);
                if (r < 0)
                        return r;
                if (!runtime[i])
                        continue;

                r = setting_set_from(&s, table + i, runtime[i], SETTING_RUNTIME, NULL);
                if (r == -ENOMEM)
                        return r;
                if (r < 0)
                        log_warning("%s was set to '%s' at runtime, which it cannot be any more, ignoring.",
                                    table[i].name, runtime[i]);
        }

        *ret = s;
        s = (Settings){};
        return 0;
}

void settings_done(Settings *s)
{
        for (size_t i = 0; i < SETTINGS_MAX; i++)
                free(s->sources[i].file);
        strv_free(s->boot_pools);
        strv_free(s->allowed_ips);
        strv_free(s->trusted_proxies);
        strv_free(s->smtp_to);
        free(s->smtp_host);
        free(s->smtp_mode);
        free(s->smtp_user);
        free(s->smtp_from);
        free(s->page_url);
        free(s->webhook_url);
        free(s->ssh_key);
        *s = (Settings){};
}
