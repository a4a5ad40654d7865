/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "basic/string-table.h"

/* What an operator can set: in burnind.conf, section [burnind], and at runtime (daemon/configuration.h). The fields bear the
 * names of the keys, units included; the table in setting.c has their ranges, defaults and words. */

#define SETTINGS_MAX 64U

/* Of smtp_report_hour: behind the last hour of a day. */
#define SMTP_REPORT_NEVER 24U

typedef enum SettingOrigin {
        SETTING_DEFAULT,
        SETTING_FILE,
        SETTING_RUNTIME,
        _SETTING_ORIGIN_MAX,
        _SETTING_ORIGIN_INVALID = -EINVAL,
} SettingOrigin;

typedef struct Settings {
        uint32_t max_parallel_burnins, max_per_host; /* max_per_host 0: no cap */
        uint32_t poll_interval_seconds, stale_threshold_seconds, poll_timeout_seconds,
                        smart_interval_seconds;
        uint32_t follow_interval_seconds;
        uint32_t surface_validate_block_size, surface_validate_block_buffer, surface_validate_passes;
        uint32_t bad_block_threshold;
        uint32_t thermal_wait_seconds;
        uint32_t temp_warn_c, temp_crit_c, temp_warn_ssd_c, temp_crit_ssd_c;
        uint32_t smart_pending_max, smart_uncorrectable_max;
        uint32_t smart_reallocated_delta_max, smart_pending_delta_max, smart_offline_uncorrectable_delta_max,
                        smart_reported_uncorrectable_delta_max, smart_crc_delta_max,
                        smart_media_errors_delta_max, smart_percentage_used_delta_max;
        uint32_t slow_floor_hdd, slow_floor_ssd; /* MB/s; 0: none */
        uint32_t slow_ratio;                     /* in thousandths; 0: none */
        bool slow_fails;
        uint32_t stall_minutes, stall_end_hours, stuck_job_hours;
        uint32_t self_test_retries, self_test_interval_seconds;
        bool self_test_keep_alive;
        uint32_t unlock_ttl_seconds;
        uint32_t session_hours, web_session_idle_minutes;
        bool web_session_bind_address;
        char **allowed_ips;     /* networks; none: everybody may come */
        char **trusted_proxies; /* networks; none: loopback alone */
        char *page_url;         /* "": nobody said */
        uint32_t retention_log_days;
        uint32_t retention_log_mb;      /* 0: no bound */
        uint32_t retention_backup_keep; /* 0: none is made by night */
        char *smtp_host;                /* "": no mail */
        uint32_t smtp_port;             /* 0: that of the mode */
        char *smtp_mode, *smtp_user, *smtp_from;
        char **smtp_to;
        bool smtp_alert_on_fail, smtp_alert_on_pass;
        uint32_t smtp_report_hour; /* SMTP_REPORT_NEVER: no report */
        char *webhook_url;         /* "": none */
        char **boot_pools;
        bool loop_drives;
        char *ssh_key; /* absolute path */

        /* Where each comes from, in the order of the table. */
        struct {
                SettingOrigin origin;
                char *file; /* of SETTING_FILE */
        } sources[SETTINGS_MAX];
} Settings;

typedef enum SettingType {
        SETTING_U32,
        SETTING_BOOLEAN,
        SETTING_PATH,
        SETTING_RATIO,    /* 0 to 1, three digits behind the point; kept in thousandths */
        SETTING_LIST,     /* of words, separated by white space or ',' */
        SETTING_NETWORKS, /* the same, of addresses and networks; may be empty */
        SETTING_TEXT,     /* of a kind of its own; may be empty where that is the default */
        SETTING_MAIL,     /* addresses of mail, separated by white space or ','; may be empty */
        _SETTING_TYPE_MAX,
        _SETTING_TYPE_INVALID = -EINVAL,
} SettingType;

typedef struct Setting {
        const char *name;
        SettingType type;
        size_t offset;                       /* in Settings */
        uint32_t min, max;                   /* SETTING_U32 alone */
        const char *fallback;                /* the default, as it is written in the file */
        const char *text;                    /* one line of documentation */
        const char *unit;                    /* of a number, in words */
        const char *values;                  /* SETTING_TEXT alone: what it takes, in words */
        bool (*is_valid)(const char *value); /* the same */
        bool next_stage; /* stages that run keep what they were started with; nothing else uses it */
} Setting;

#define SETTINGS_SECTION "burnind"

/* The table, in the order of documentation. */
const Setting *setting_table(size_t *ret_n);
const Setting *setting_find(const char *name); /* NULL: none */
size_t setting_index(const Setting *setting);

DECLARE_STRING_TABLE(setting_origin, SettingOrigin);
DECLARE_STRING_TABLE(setting_type, SettingType);
/* What it takes, in words: "a number from 1 to 3600 (seconds)". */
char *setting_describe_values(const Setting *setting) _warn_unused_;

/* Sets one; "" is the default. -EINVAL, -ERANGE, -ENOMEM; then the value is as before. */
int setting_set(Settings *s, const Setting *setting, const char *value);
/* The value as setting_set() would take it. */
int setting_get(const Settings *s, const Setting *setting, char **ret);

/* All defaults, then the file, then the drop-ins. What is wrong in them is a logged warning, and the value is as if it had
 * not been written; -errno only where an existing file cannot be read. The missing are fine. */
int settings_load(const char *main_file, const char *dropin_dir, Settings *ret);
/* The values of files with those that were set at runtime over them: texts in the order of the table, NULL for none. One that
 * is not valid any more is a logged warning, and left out. */
int settings_layer(const Settings *files, char *const runtime[static SETTINGS_MAX], Settings *ret);
/* Values that are each in range need not be so together. The rule that this one breaks with another, in words; NULL: none. */
const char *settings_conflict(const Settings *s, const Setting *setting);
/* Whatever cannot be together falls back to its default, with a logged warning. */
int settings_repair(Settings *s);
void settings_done(Settings *s);
