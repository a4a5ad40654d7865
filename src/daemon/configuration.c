/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "basic/log.h"
#include "basic/string-util.h"
#include "daemon/configuration.h"
#include "daemon/daily-timer.h"
#include "daemon/host.h"
#include "daemon/outbox.h"
#include "daemon/poll.h"
#include "daemon/queue.h"
#include "shared/names.h"

struct Configuration {
        Settings files;
        char *runtime[SETTINGS_MAX]; /* in the order of the table; NULL: not set */
};

Configuration *configuration_free(Configuration *c)
{
        if (!c)
                return NULL;

        for (size_t i = 0; i < SETTINGS_MAX; i++)
                free(c->runtime[i]);
        settings_done(&c->files);
        free(c);
        return NULL;
}

/* What is in effect with these files, and this at runtime. */
static int settings_merge(const Settings *files, char *const runtime[static SETTINGS_MAX], Settings *ret)
{
        _cleanup_(settings_done) Settings s = {};
        int r;

        r = settings_layer(files, runtime, &s);
        if (r < 0)
                return r;
        r = settings_repair(&s);
        if (r < 0)
                return r;

        *ret = s;
        s = (Settings){};
        return 0;
}

int configuration_new(Manager *m)
{
        Configuration *c;
        int r;

        c = m->configuration = new0(Configuration, 1);
        if (!c)
                return -ENOMEM;
        r = settings_load(PATH_CONFIG, PATH_CONFIG_DROPINS, &c->files);
        if (r < 0)
                return r;

        return settings_merge(&c->files, c->runtime, &m->settings);
}

static int configuration_on_record(SettingRecord *record, void *userdata)
{
        Configuration *c = userdata;
        const Setting *setting = setting_find(record->name);

        if (setting)
                c->runtime[setting_index(setting)] = TAKE_PTR(record->value);
        else
                log_warning("There is no setting %s, ignoring what was set at runtime.", record->name);
        return 0;
}

int configuration_load_runtime(Manager *m)
{
        Configuration *c = m->configuration;
        Settings merged;
        int r;

        r = store_setting_list(m->store, configuration_on_record, c);
        if (r < 0)
                return r;
        r = settings_merge(&c->files, c->runtime, &merged);
        if (r < 0)
                return r;

        settings_done(&m->settings);
        m->settings = merged;
        return 0;
}

/* Those who work by a setting look at it when they need it; here is who has kept something that depends on one. */
static void configuration_take_effect(Manager *m, const Settings *before)
{
        const Settings *now = &m->settings;
        Host *h, *next;

        queue_kick(m);
        outbox_kick(m);
        poll_configure(m->poll);
        poll_configure(m->truenas);
        if (now->max_parallel_burnins != before->max_parallel_burnins)
                manager_emit_changed(m, "MaxParallelBurnins");
        if (now->smtp_report_hour != before->smtp_report_hour)
                daily_timer_reset(m->daily_timer);

        HASH_ITER(hh, m->hosts, h, next) {
                if (now->stale_threshold_seconds != before->stale_threshold_seconds)
                        host_on_stale_threshold(h, before->stale_threshold_seconds);
                if (!streq(now->ssh_key, before->ssh_key))
                        poll_put_host(h);
        }
}

static const char *settings_origin_text(const Settings *s, size_t i)
{
        return s->sources[i].file ?: setting_origin_to_string(s->sources[i].origin);
}

static void configuration_tell_change(Manager *m, const Settings *before, const Setting *setting,
                                      const Actor *actor)
{
        _cleanup_free_ char *from = NULL, *to = NULL, *object = NULL, *detail = NULL;
        const char *origin = settings_origin_text(&m->settings, setting_index(setting));

        if (setting_get(before, setting, &from) < 0 || setting_get(&m->settings, setting, &to) < 0) {
                (void) log_oom();
                return;
        }
        if (streq(from, to) && streq(origin, settings_origin_text(before, setting_index(setting))))
                return;

        object = strf("setting %s", setting->name);
        detail = strf("%s → %s (%s)", from, to, origin);
        if (!object || !detail) {
                (void) log_oom();
                return;
        }
        setting_emit_changed(m, setting);
        (void) audit_write(m, actor, ACTION_MANAGE_SETTINGS, object, "ok", detail);
}

/* Takes *settings over. */
static void configuration_replace(Manager *m, Settings *settings, const Actor *actor)
{
        _cleanup_(settings_done) Settings before = m->settings;
        const Setting *table;
        size_t n;

        m->settings = *settings;
        *settings = (Settings){};

        configuration_take_effect(m, &before);
        table = setting_table(&n);
        for (size_t i = 0; i < n; i++)
                configuration_tell_change(m, &before, table + i, actor);
}

void configuration_reload(Manager *m)
{
        _cleanup_(settings_done) Settings files = {}, merged = {};
        Configuration *c = m->configuration;
        int r;

        r = settings_load(PATH_CONFIG, PATH_CONFIG_DROPINS, &files);
        if (r >= 0)
                r = settings_merge(&files, c->runtime, &merged);
        if (r < 0) {
                log_error_errno(r, "Failed to read " PATH_CONFIG " and " PATH_CONFIG_DROPINS
                                   " again: %m. All settings stay as they were.");
                return;
        }

        settings_done(&c->files);
        c->files = files;
        files = (Settings){};
        configuration_replace(m, &merged, &actor_daemon);
        log_info("The settings were read again.");
}

/* As it is stored: in the form in which setting_get() gives it. */
static int setting_normalize(const Manager *m, const Setting *setting, const char *value, char **ret,
                             sd_bus_error *error)
{
        _cleanup_(settings_done) Settings s = {};
        _cleanup_free_ char *values = NULL;
        int r;

        r = settings_layer(&m->settings, (char *[SETTINGS_MAX]){}, &s);
        if (r < 0)
                return r;
        r = isempty(value) ? -EINVAL : setting_set(&s, setting, value);
        if (r == -ENOMEM)
                return r;
        if (r < 0) {
                values = setting_describe_values(setting);
                return sd_bus_error_setf(error, BUS_ERROR_INVALID_ARGUMENT,
                                         "%s cannot be '%s', it is %s: %s", setting->name, SHOWN(value),
                                         strempty(values), setting->text);
        }

        return setting_get(&s, setting, ret);
}

/* A port was chosen for the mode that was. NULL: this setting makes no other one void. */
static const Setting *setting_made_void(const Setting *setting)
{
        return streq(setting->name, "smtp_mode") ? setting_find("smtp_port") : NULL;
}

static int configuration_store(Manager *m, const Setting *setting, char *value, sd_bus_error *error)
{
        const Setting *other = setting_made_void(setting);
        bool own;
        int r;

        r = store_join(m->store, &own);
        if (r >= 0) {
                if (value)
                        r = store_setting_put(m->store, &(SettingRecord){ (char *) setting->name, value });
                else
                        r = store_setting_del(m->store, setting->name);
                if (r >= 0 && other)
                        r = store_setting_del(m->store, other->name);
                r = store_leave(m->store, own, r);
        }
        if (r >= 0)
                return 0;

        (void) manager_store_failed(m, r);
        return sd_bus_error_setf(error, BUS_ERROR_STORE,
                                 "The setting could not be recorded (%s). Nothing was changed.",
                                 strerror(-r));
}

int configuration_set(Manager *m, const Setting *setting, const char *value, const Actor *actor,
                      sd_bus_error *error)
{
        _cleanup_(settings_done) Settings merged = {};
        _cleanup_free_ char *normal = NULL;
        Configuration *c = m->configuration;
        char *runtime[SETTINGS_MAX], **own = c->runtime + setting_index(setting);
        const Setting *other = setting_made_void(setting);
        const char *conflict;
        int r;

        if (value) {
                r = setting_normalize(m, setting, value, &normal, error);
                if (r < 0)
                        return r;
        }
        if (streq_ptr(normal, *own))
                return 0;

        memcpy(runtime, c->runtime, sizeof(runtime));
        runtime[setting_index(setting)] = normal;
        if (other)
                runtime[setting_index(other)] = NULL;
        r = settings_layer(&c->files, runtime, &merged);
        if (r < 0)
                return r;
        conflict = settings_conflict(&merged, setting);
        if (conflict)
                return sd_bus_error_setf(error, BUS_ERROR_INVALID_ARGUMENT,
                                         "%s, and would not be: change the other one first.", conflict);
        r = settings_repair(&merged);
        if (r < 0)
                return r;

        r = configuration_store(m, setting, normal, error);
        if (r < 0)
                return r;

        free(*own);
        *own = TAKE_PTR(normal);
        if (other)
                c->runtime[setting_index(other)] = (free(c->runtime[setting_index(other)]), NULL);
        configuration_replace(m, &merged, actor);
        return 0;
}
