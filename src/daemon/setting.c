/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <limits.h>

#include "basic/log.h"
#include "basic/parse-util.h"
#include "basic/string-util.h"
#include "basic/strv.h"
#include "daemon/setting.h"
#include "shared/conf.h"
#include "shared/names.h"

#define LIST_MAX   64U
#define SEPARATORS " \t,"

#define U32(key, min_, max_, default_, text_)                                                               \
        {                                                                                                   \
                .name = #key, .type = SETTING_U32, .offset = offsetof(Settings, key), .min = (min_),        \
                .max = (max_), .fallback = #default_, .text = (text_),                                      \
        }
#define OTHER(key, type_, default_, text_)                                                                  \
        {                                                                                                   \
                .name = #key, .type = SETTING_##type_, .offset = offsetof(Settings, key),                   \
                .fallback = (default_), .text = (text_),                                                    \
        }

static const Setting table[] = {
        U32(max_parallel_burnins, 1, 10000, 4, "Jobs that run at once, over all hosts."),
        U32(max_per_host, 0, 10000, 0, "Jobs that run at once on one host; 0: no cap of its own."),
        U32(poll_interval_seconds, 1, 3600, 12, "How often every host is asked for its drives."),
        U32(stale_threshold_seconds, 2, 86400, 45, "A host not heard from for so long is shown as stale."),
        U32(poll_timeout_seconds, 1, 3600, 60, "How long one host may take to answer."),
        U32(smart_interval_seconds, 10, 604800, 300, "How often SMART values of an idle drive are read."),
        U32(follow_interval_seconds, 1, 60, 2, "How often a running test is asked for its progress."),
        U32(surface_validate_block_size, 512, 16777216, 4096,
            "Block size of badblocks in bytes, a power of two; raised for drives it could not count."),
        U32(surface_validate_block_buffer, 1, 65536, 64,
            "Blocks per request of badblocks; block size times this is at most 1 GiB."),
        U32(surface_validate_passes, 0, 100, 0,
            "badblocks ends after so many passes in a row without a new bad block; 0: after the first pass."),
        U32(bad_block_threshold, 0, 1000000, 0, "A surface with more bad blocks than this fails."),
        U32(temp_warn_c, 20, 150, 46, "Hard disks: one this warm is not started, in degrees Celsius."),
        U32(temp_crit_c, 20, 150, 55, "Hard disks: too hot, in degrees Celsius; over temp_warn_c."),
        U32(temp_warn_ssd_c, 20, 150, 60, "SSDs: as temp_warn_c."),
        U32(temp_crit_ssd_c, 20, 150, 70, "SSDs: as temp_crit_c; over temp_warn_ssd_c."),
        U32(smart_pending_max, 0, 1000000, 0, "A drive with more pending sectors than this is not started."),
        U32(smart_uncorrectable_max, 0, 1000000, 0,
            "A drive with more offline-uncorrectable sectors than this is not started."),
        U32(smart_crc_delta_max, 0, 1000000, 10, "More new interface CRC errors than this fail the job."),
        U32(stall_minutes, 1, 1440, 30,
            "Without any work for so long, a running stage is reported as stalled."),
        U32(stall_end_hours, 1, 720, 6,
            "Without any work for so long, it ends inconclusive; more than stall_minutes."),
        OTHER(boot_pools, LIST, "boot-pool freenas-boot rpool bpool", "ZFS pools that a host starts from."),
        OTHER(loop_drives, BOOLEAN, "no", "Loop devices count as drives. For trying things out."),
        OTHER(ssh_key, PATH, PATH_SSH_KEY,
              "The private key to log in to hosts with; a systemd credential named ssh-key wins over it."),
};

/* Each pair makes sense only with the first under the second, counted in one unit. */
static const struct {
        size_t low_offset, high_offset;
        const char *low, *high;
        uint32_t low_factor, high_factor;
} pairs[] = {
#define PAIR(l, h, lf, hf)                                                                                  \
        {                                                                                                   \
                offsetof(Settings, l), offsetof(Settings, h), #l, #h, lf, hf                                \
        }
        PAIR(temp_warn_c, temp_crit_c, 1, 1),
        PAIR(temp_warn_ssd_c, temp_crit_ssd_c, 1, 1),
        PAIR(poll_interval_seconds, stale_threshold_seconds, 1, 1),
        PAIR(stall_minutes, stall_end_hours, 1, 60),
};

/* What badblocks allocates per buffer, and sends to the drive as one request. */
#define REQUEST_MAX_BYTES (UINT64_C(1) << 30)

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

static void *setting_field(const Settings *s, const Setting *setting)
{
        return (char *) s + setting->offset;
}

static uint32_t field_u32(const Settings *s, size_t offset)
{
        return *(const uint32_t *) ((const char *) s + offset);
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

static int set_path(Settings *s, const Setting *setting, const char *value)
{
        int r;

        if (value[0] != '/' || strlen(value) >= PATH_MAX)
                return -EINVAL;

        r = free_and_strdup(setting_field(s, setting), value);
        return r < 0 ? r : 0;
}

static int set_list(Settings *s, const Setting *setting, const char *value)
{
        _cleanup_strv_free_ char **l = NULL;
        char ***field = setting_field(s, setting);
        int r;

        r = strv_split(value, SEPARATORS, &l);
        if (r < 0)
                return r;
        if (strv_length(l) > LIST_MAX)
                return -ERANGE;
        /* The characters of a ZFS pool's name; they become words for a host. */
        STRV_FOREACH(w, l)
                if (!str_in_charset(*w, "-_.:", 255))
                        return -EINVAL;

        strv_free(*field);
        *field = TAKE_PTR(l);
        return 0;
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
        case SETTING_PATH:
                return set_path(s, setting, value);
        case SETTING_LIST:
                return set_list(s, setting, value);
        case _SETTING_TYPE_MAX:
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
        case SETTING_PATH:
                v = strdup(strempty(*(char *const *) field));
                break;
        case SETTING_LIST:
                v = strv_join(*(char **const *) field, " ");
                break;
        case _SETTING_TYPE_MAX:
                assert_not_reached();
        }
        if (!v)
                return -ENOMEM;

        *ret = v;
        return 0;
}

static int settings_on_assignment(const char *section, const char *key, const char *value, void *userdata)
{
        const Setting *setting;

        if (!streq(section, SETTINGS_SECTION))
                return -ENOENT;
        setting = setting_find(key);
        if (!setting)
                return -ENOENT;

        return setting_set(userdata, setting, value);
}

static int setting_reset(Settings *s, const char *name)
{
        return setting_set(s, setting_find(name), NULL);
}

/* Values that are each in range, but not together. Which of them was meant nobody can say: both fall back. */
static int settings_check(Settings *s)
{
        int r;

        for (size_t i = 0; i < ELEMENTSOF(pairs); i++) {
                uint64_t low = (uint64_t) field_u32(s, pairs[i].low_offset) * pairs[i].low_factor;
                uint64_t high = (uint64_t) field_u32(s, pairs[i].high_offset) * pairs[i].high_factor;

                if (low < high)
                        continue;

                log_warning("%s must be under %s; using the defaults of both.", pairs[i].low, pairs[i].high);
                if ((r = setting_reset(s, pairs[i].low)) < 0 || (r = setting_reset(s, pairs[i].high)) < 0)
                        return r;
        }

        if ((uint64_t) s->surface_validate_block_size * s->surface_validate_block_buffer >
            REQUEST_MAX_BYTES) {
                log_warning("surface_validate_block_size times surface_validate_block_buffer is over 1 GiB; "
                            "using the defaults of both.");
                if ((r = setting_reset(s, "surface_validate_block_size")) < 0 ||
                    (r = setting_reset(s, "surface_validate_block_buffer")) < 0)
                        return r;
        }

        return 0;
}

int settings_load(const char *main_file, const char *dropin_dir, Settings *ret)
{
        _cleanup_(settings_done) Settings s = {};
        int r;

        for (size_t i = 0; i < ELEMENTSOF(table); i++) {
                r = setting_set(&s, table + i, NULL);
                if (r < 0)
                        return r;
        }

        r = conf_parse(main_file, dropin_dir, settings_on_assignment, &s);
        if (r < 0)
                return r;

        r = settings_check(&s);
        if (r < 0)
                return r;

        *ret = s;
        s = (Settings){};
        return 0;
}

void settings_done(Settings *s)
{
        strv_free(s->boot_pools);
        free(s->ssh_key);
        *s = (Settings){};
}
