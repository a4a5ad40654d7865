/* SPDX-License-Identifier: LGPL-2.1-or-later */
#undef NDEBUG

#include <stdio.h>

#include "basic/string-util.h"
#include "basic/strv.h"
#include "daemon/setting.h"
#include "log-capture.h"
#include "shared/names.h"

/* With the name of the shipped example as argument, holds it against the table; with --print, prints what it should be:
 *     test-setting --print > units/burnind.conf */

static char *path;

static int load(const char *text, Settings *ret, char **ret_log)
{
        LogCapture c;
        int r;

        if (text)
                assert(write_file_atomic(path, text, strlen(text), 0600) == 0);
        c = log_capture_start();
        r = settings_load(text ? path : "/nonexistent/burnind.conf", "/nonexistent", ret);
        *ret_log = log_capture_end(&c);
        return r;
}

static void test_table(void)
{
        size_t n;
        const Setting *table = setting_table(&n);

        assert(n == 58);
        for (size_t i = 0; i < n; i++) {
                const Setting *t = table + i;

                assert(setting_find(t->name) == t); /* no name twice */
                assert(str_in_charset(t->name, "_", 64));
                assert(strlen(t->text) > 10 && t->text[strlen(t->text) - 1] == '.' &&
                       !strchr(t->text, '\n'));
                for (size_t k = 0; k < i; k++)
                        assert(table[k].offset != t->offset);
                assert(setting_index(t) == i);
                if (t->type == SETTING_U32)
                        assert(t->min < t->max && strlen(t->unit) > 0);
                else
                        assert(t->min == 0 && t->max == 0 && !t->unit);
                assert((t->type == SETTING_TEXT) == !!t->is_valid && !t->is_valid == !t->values);
        }
        assert(!setting_find("") && !setting_find("MAX_PER_HOST"));
}

static void test_defaults(void)
{
        _cleanup_(settings_done) Settings s = {};
        _cleanup_free_ char *log = NULL;

        assert(load(NULL, &s, &log) == 0);
        assert(streq(log, ""));
        assert(s.max_parallel_burnins == 4 && s.max_per_host == 0);
        assert(s.poll_interval_seconds == 12 && s.stale_threshold_seconds == 45 &&
               s.poll_timeout_seconds == 60);
        assert(s.smart_interval_seconds == 300 && s.follow_interval_seconds == 2);
        assert(s.surface_validate_block_size == 4096 && s.surface_validate_block_buffer == 64);
        assert(s.surface_validate_passes == 0 && s.bad_block_threshold == 0);
        assert(s.temp_warn_c == 46 && s.temp_crit_c == 55 && s.temp_warn_ssd_c == 60 &&
               s.temp_crit_ssd_c == 70);
        assert(s.smart_pending_max == 0 && s.smart_uncorrectable_max == 0 && s.smart_crc_delta_max == 10);
        assert(s.smart_reallocated_delta_max == 0 && s.smart_pending_delta_max == 0 &&
               s.smart_offline_uncorrectable_delta_max == 0 &&
               s.smart_reported_uncorrectable_delta_max == 0 && s.smart_media_errors_delta_max == 0 &&
               s.smart_percentage_used_delta_max == 2);
        assert(s.stall_minutes == 30 && s.stall_end_hours == 6 && s.stuck_job_hours == 168);
        assert(s.slow_floor_hdd == 60 && s.slow_floor_ssd == 150 && s.slow_ratio == 700 && s.slow_fails);
        assert(s.self_test_retries == 2 && s.self_test_interval_seconds == 30 && s.self_test_keep_alive);
        assert(strv_length(s.boot_pools) == 4 && strv_contains(s.boot_pools, "freenas-boot"));
        assert(s.session_hours == 12 && s.web_session_idle_minutes == 720);
        assert(!s.web_session_bind_address && strv_length(s.allowed_ips) == 0 &&
               strv_length(s.trusted_proxies) == 0);
        assert(!s.loop_drives && streq(s.ssh_key, PATH_SSH_KEY));
}

static void test_values(void)
{
        _cleanup_(settings_done) Settings s = {};
        _cleanup_free_ char *log = NULL;

        assert(load("[burnind]\n"
                    "max_parallel_burnins = 20\n"
                    "surface_validate_block_size=65536\n"
                    "boot_pools = boot-pool, ssd1\ttwo\n"
                    "loop_drives = on\n"
                    "ssh_key=/root/key\n"
                    "temp_warn_c=50\n"
                    "max_per_host=3\n"
                    "max_per_host=\n",
                    &s, &log) == 0);
        assert(streq(log, ""));
        assert(s.max_parallel_burnins == 20 && s.surface_validate_block_size == 65536 &&
               s.temp_warn_c == 50);
        assert(strv_length(s.boot_pools) == 3 && streq(s.boot_pools[0], "boot-pool") &&
               streq(s.boot_pools[1], "ssd1") && streq(s.boot_pools[2], "two"));
        assert(s.loop_drives && streq(s.ssh_key, "/root/key"));
        assert(s.max_per_host == 0); /* the empty value is the default */
}

/* One line with a value that cannot be: it is as if the line were not there, and the log says which. */
static void assert_refused(const char *key, const char *value, const char *why)
{
        _cleanup_(settings_done) Settings s = {}, defaults = {};
        _cleanup_free_ char *log = NULL, *text = NULL, *none = NULL, *warning = NULL;
        size_t n;
        const Setting *table = setting_table(&n);

        text = strf("# comment\n[burnind]\n%s=%s\n", key, value);
        warning = strf("%s:3: %s", path, why);
        assert(text && warning);
        assert(load(NULL, &defaults, &none) == 0);
        assert(load(text, &s, &log) == 0);
        if (!strstr(log, warning))
                (void) fprintf(stderr, "%s=%s: '%s' is not in '%s'\n", key, value, warning, log);
        assert(strstr(log, warning) && strstr(log, key));

        for (size_t i = 0; i < n; i++) {
                _cleanup_free_ char *a = NULL, *b = NULL;

                assert(setting_get(&s, table + i, &a) == 0 && setting_get(&defaults, table + i, &b) == 0);
                assert(streq(a, b));
        }
}

static void test_refused(void)
{
        size_t n;
        const Setting *table = setting_table(&n);

        for (size_t i = 0; i < n; i++) {
                _cleanup_free_ char *over = strf("%" PRIu64, (uint64_t) table[i].max + 1);

                if (table[i].type != SETTING_U32)
                        continue;
                assert_refused(table[i].name, over, "");
                assert_refused(table[i].name, "99999999999999999999999",
                               "'99999999999999999999999' is out of range");
                assert_refused(table[i].name, "-1", "'-1' is no value");
                assert_refused(table[i].name, "4x", "'4x' is no value");
                if (table[i].min > 0)
                        assert_refused(table[i].name, "0", "'0' is out of range");
        }

        assert_refused("surface_validate_block_size", "4095", "'4095' is no value");
        static const char *const ratios[] = { "1.001",  "1.5",  "2",   "-0.5", ".5", "0.",
                                              "0.1234", "0.5x", "0,5", "00",   "1e0" };
        for (size_t i = 0; i < ELEMENTSOF(ratios); i++)
                assert_refused("slow_ratio", ratios[i], "");
        assert_refused("loop_drives", "perhaps", "'perhaps' is no value");
        assert_refused("ssh_key", "relative/key", "'relative/key' is no value");
        assert_refused("boot_pools", "tank $(reboot)", "'tank $(reboot)' is no value");
        assert_refused("max_paralel_burnins", "4",
                       "There is no setting max_paralel_burnins in section [burnind]");
}

static void test_other_section(void)
{
        _cleanup_(settings_done) Settings s = {};
        _cleanup_free_ char *log = NULL;

        assert(load("[poller]\nmax_per_host=7\n", &s, &log) == 0);
        assert(s.max_per_host == 0 &&
               strstr(log, ":2: There is no setting max_per_host in section [poller]"));
}

/* Each in its range, but not together. */
static void test_pairs(void)
{
        static const struct {
                const char *text, *warning;
        } cases[] = {
                { "temp_warn_c=60", "temp_warn_c must be under temp_crit_c" },
                { "temp_warn_c=40\ntemp_crit_c=40", "temp_warn_c must be under temp_crit_c" },
                { "temp_crit_ssd_c=30", "temp_warn_ssd_c must be under temp_crit_ssd_c" },
                { "poll_interval_seconds=45",
                  "poll_interval_seconds must be under stale_threshold_seconds" },
                { "stall_minutes=60\nstall_end_hours=1", "stall_minutes must be under stall_end_hours" },
                { "surface_validate_block_size=16777216\nsurface_validate_block_buffer=65",
                  "must be at most 1 GiB" },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_(settings_done) Settings s = {};
                _cleanup_free_ char *log = NULL, *text = strf("[burnind]\n%s\n", cases[i].text);

                assert(text && load(text, &s, &log) == 0);
                assert(strstr(log, cases[i].warning));
                assert(s.temp_warn_c == 46 && s.temp_crit_c == 55 && s.temp_crit_ssd_c == 70);
                assert(s.poll_interval_seconds == 12 && s.stall_minutes == 30 && s.stall_end_hours == 6);
                assert(s.surface_validate_block_size == 4096 && s.surface_validate_block_buffer == 64);
        }
}

static void test_set_and_get(void)
{
        _cleanup_(settings_done) Settings s = {};
        _cleanup_free_ char *log = NULL;
        size_t n;
        const Setting *table = setting_table(&n);

        assert(load(NULL, &s, &log) == 0);
        for (size_t i = 0; i < n; i++) {
                _cleanup_free_ char *v = NULL, *again = NULL;

                assert(setting_get(&s, table + i, &v) == 0);
                assert(streq(v, table[i].fallback));
                assert(setting_set(&s, table + i, v) == 0);
                assert(setting_get(&s, table + i, &again) == 0 && streq(v, again));
        }

        static const char *const no_pages[] = {
                "http://burnin.example.org",
                "burnin.example.org",
                "https://",
                "https:///x",
                "https://user@x/",
                "https://x/?y",
                "https://x/#y",
                "https://x/\"",
                "https://x/ y",
                "https://x/<",
                "https://%41/",
                "https://:443/",
        };
        static const struct {
                const char *in, *out;
                uint32_t value;
        } ratios[] = {
                { "0", "0.0", 0 },     { "1", "1.0", 1000 },      { "1.000", "1.0", 1000 },
                { "0.5", "0.5", 500 }, { "0.05", "0.05", 50 },    { "0.125", "0.125", 125 },
                { "", "0.7", 700 },    { "0.999", "0.999", 999 },
        };
        for (size_t i = 0; i < ELEMENTSOF(ratios); i++) {
                _cleanup_free_ char *v = NULL;

                assert(setting_set(&s, setting_find("slow_ratio"), ratios[i].in) == 0);
                assert(setting_get(&s, setting_find("slow_ratio"), &v) == 0);
                assert(s.slow_ratio == ratios[i].value && streq(v, ratios[i].out));
        }

        assert(setting_set(&s, setting_find("smtp_to"), "a@x.org, b@x.org") == 0 &&
               strv_length(s.smtp_to) == 2);
        assert(setting_set(&s, setting_find("smtp_to"), "") == 0 && strv_length(s.smtp_to) == 0);
        assert(setting_set(&s, setting_find("smtp_host"), "mail.x.org") == 0 &&
               streq(s.smtp_host, "mail.x.org"));
        assert(setting_set(&s, setting_find("smtp_host"), "") == 0 && streq(s.smtp_host, ""));
        assert(setting_set(&s, setting_find("smtp_mode"), "tls") == -EINVAL &&
               streq(s.smtp_mode, "starttls"));
        assert(setting_set(&s, setting_find("webhook_url"), "file:///x") == -EINVAL &&
               streq(s.webhook_url, ""));

        assert(setting_set(&s, setting_find("page_url"), "https://burnin.example.org/x") == 0 &&
               streq(s.page_url, "https://burnin.example.org/x"));
        for (size_t i = 0; i < ELEMENTSOF(no_pages); i++)
                assert(setting_set(&s, setting_find("page_url"), no_pages[i]) == -EINVAL &&
                       streq(s.page_url, "https://burnin.example.org/x"));
        assert(setting_set(&s, setting_find("page_url"), "") == 0 && streq(s.page_url, ""));

        assert(setting_set(&s, setting_find("boot_pools"), "a,b") == 0 && strv_length(s.boot_pools) == 2);
        assert(setting_set(&s, setting_find("boot_pools"), "a;b") == -EINVAL &&
               strv_length(s.boot_pools) == 2);
        assert(setting_set(&s, setting_find("boot_pools"), "") == 0 && strv_length(s.boot_pools) == 4);
}

/* No value is valid of a type that the setting has not. */
static void test_bad_values(void)
{
        static const char *const bad[_SETTING_TYPE_MAX][6] = {
                [SETTING_U32] = { "yes", "1.5", "0x10", "4294967296", " ", "-0" },
                [SETTING_BOOLEAN] = { "2", "maybe", "yes no", " ", "TRUE ", "-1" },
                [SETTING_PATH] = { "key", " /key", "/a\nb", "/a\033", "~/key", "." },
                [SETTING_RATIO] = { "1.001", "nan", "-0.5", "0x1", " 0.5", "0.5%" },
                [SETTING_LIST] = { "a/b", " , ", "$x", "a\nb", "\303\244", "a;b" },
                [SETTING_NETWORKS] = { "nowhere", "10.0.0.0/33", "10.0.0.1/8", "::/129", "10.0.0.0/",
                                       "10/8" },
                [SETTING_TEXT] = { "\033", "a\nb", "\r\n", "\302", "x\x7f", "\001" },
                [SETTING_MAIL] = { "a", "a@b c", "@x.org", "a@x.org;b@x.org", "<a@x.org>", "a@" },
        };
        _cleanup_(settings_done) Settings s = {};
        _cleanup_free_ char *log = NULL;
        size_t n;
        const Setting *table = setting_table(&n);

        assert(load(NULL, &s, &log) == 0);
        for (size_t i = 0; i < n; i++)
                for (size_t k = 0; k < ELEMENTSOF(bad[0]); k++) {
                        _cleanup_free_ char *before = NULL, *after = NULL;
                        int r;

                        assert(setting_get(&s, table + i, &before) == 0);
                        r = setting_set(&s, table + i, bad[table[i].type][k]);
                        if (r != -EINVAL && r != -ERANGE)
                                (void) fprintf(stderr, "%s='%s': %i\n", table[i].name, bad[table[i].type][k],
                                               r);
                        assert(r == -EINVAL || r == -ERANGE);
                        assert(setting_get(&s, table + i, &after) == 0 && streq(before, after));
                }
}

static void assert_setting(const Settings *s, const char *name, const char *value, SettingOrigin origin,
                           const char *file)
{
        const Setting *setting = setting_find(name);
        _cleanup_free_ char *v = NULL;

        assert(setting && setting_get(s, setting, &v) == 0);
        assert(streq(v, value));
        assert(s->sources[setting_index(setting)].origin == origin);
        assert(streq_ptr(s->sources[setting_index(setting)].file, file));
}

static void test_layers(void)
{
        _cleanup_(settings_done) Settings files = {}, s = {};
        _cleanup_free_ char *log = NULL, *logged = NULL;
        char *runtime[SETTINGS_MAX] = {};
        LogCapture c;

        assert(load("[burnind]\nmax_per_host=2\nsmart_crc_delta_max=3\ntemp_crit_c=50\n"
                    "stall_minutes=5\nstall_minutes=\nboot_pools=one two\n",
                    &files, &log) == 0);
        assert(streq(log, ""));
        assert_setting(&files, "max_per_host", "2", SETTING_FILE, path);
        assert_setting(&files, "stall_minutes", "30", SETTING_DEFAULT, NULL);
        assert_setting(&files, "loop_drives", "no", SETTING_DEFAULT, NULL);

        runtime[setting_index(setting_find("max_per_host"))] = (char *) "3";
        runtime[setting_index(setting_find("boot_pools"))] = (char *) "three";
        runtime[setting_index(setting_find("smart_crc_delta_max"))] = (char *) "many";
        runtime[setting_index(setting_find("temp_warn_c"))] = (char *) "52";
        c = log_capture_start();
        assert(settings_layer(&files, runtime, &s) == 0);
        logged = log_capture_end(&c);
        assert(strstr(logged, "smart_crc_delta_max was set to 'many'"));

        assert_setting(&s, "max_per_host", "3", SETTING_RUNTIME, NULL);
        assert_setting(&s, "boot_pools", "three", SETTING_RUNTIME, NULL);
        assert_setting(&s, "smart_crc_delta_max", "3", SETTING_FILE, path);
        assert_setting(&s, "temp_crit_c", "50", SETTING_FILE, path);
        assert_setting(&files, "boot_pools", "one two", SETTING_FILE, path);

        assert(streq(settings_conflict(&s, setting_find("temp_warn_c")),
                     "temp_warn_c must be under temp_crit_c"));
        assert(settings_conflict(&s, setting_find("temp_crit_c")));
        assert(!settings_conflict(&s, setting_find("temp_warn_ssd_c")));
        assert(!settings_conflict(&s, setting_find("max_per_host")));
        c = log_capture_start();
        assert(settings_repair(&s) == 0);
        free(logged);
        logged = log_capture_end(&c);
        assert(strstr(logged, "temp_warn_c must be under temp_crit_c"));
        assert_setting(&s, "temp_warn_c", "46", SETTING_DEFAULT, NULL);
        assert_setting(&s, "temp_crit_c", "55", SETTING_DEFAULT, NULL);
        assert_setting(&s, "max_per_host", "3", SETTING_RUNTIME, NULL);
}

static void print_example(FILE *f)
{
        size_t n;
        const Setting *table = setting_table(&n);

        (void) fputs("# SPDX-License-Identifier: LGPL-2.1-or-later\n#\n"
                     "# The settings of burnind, with their defaults. To change some, put them into a file of your own,\n"
                     "# " PATH_CONFIG_DROPINS "/*.conf; it wins over this one. See burnind.conf(5).\n\n"
                     "[" SETTINGS_SECTION "]\n",
                     f);
        for (size_t i = 0; i < n; i++) {
                (void) fprintf(f, "\n# %s\n", table[i].text);
                if (table[i].type == SETTING_U32)
                        (void) fprintf(f, "# From %" PRIu32 " to %" PRIu32 ".\n", table[i].min,
                                       table[i].max);
                (void) fprintf(f, "#%s=%s\n", table[i].name, table[i].fallback);
        }
}

static char *example_text(void)
{
        char *text = NULL;
        size_t size;
        FILE *f = open_memstream(&text, &size);

        assert(f);
        print_example(f);
        assert(fclose(f) == 0);
        return text;
}

static void test_example(const char *file)
{
        _cleanup_free_ char *expected = example_text(), *text = NULL;

        if (read_file_full(file, 1024 * 1024, &text, NULL) < 0 || !streq(text, expected)) {
                (void) fprintf(stderr, "%s is not what the table says: test-setting --print > %s\n", file,
                               file);
                abort();
        }
}

/* Every line of the example is taken as it stands, once its '#' is gone. */
static void test_example_is_valid(void)
{
        _cleanup_(settings_done) Settings s = {};
        _cleanup_free_ char *text = example_text(), *log = NULL;

        for (char *p = text; (p = strstr(p, "\n#"));)
                if (p[2] != ' ' && p[2] != '\n')
                        memmove(p + 1, p + 2, strlen(p + 2) + 1);
                else
                        p++;
        assert(strstr(text, "\nmax_per_host=0\n"));
        assert(load(text, &s, &log) == 0);
        assert(streq(log, ""));
        assert(s.max_parallel_burnins == 4);
}

int main(int argc, char *argv[])
{
        char dir[] = "/tmp/burnin-setting-XXXXXX";

        if (argc == 2 && streq(argv[1], "--print")) {
                print_example(stdout);
                return 0;
        }
        if (argc != 2) {
                (void) fprintf(stderr, "Usage: test-setting units/burnind.conf\n");
                return 1;
        }

        assert(mkdtemp(dir));
        path = strf("%s/burnind.conf", dir);
        assert(path);

        test_table();
        test_defaults();
        test_values();
        test_refused();
        test_other_section();
        test_pairs();
        test_set_and_get();
        test_bad_values();
        test_layers();
        test_example(argv[1]);
        test_example_is_valid();

        (void) unlink(path);
        (void) rmdir(dir);
        free(path);

        return 0;
}
