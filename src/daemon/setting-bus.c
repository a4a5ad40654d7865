/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "basic/string-util.h"
#include "basic/strv.h"
#include "daemon/authz.h"
#include "daemon/configuration.h"
#include "shared/bus-util.h"
#include "shared/names.h"
#include "shared/notify-proto.h"

static int append_value(sd_bus_message *m, const char *key, const Settings *s, const Setting *setting)
{
        const void *field = (const char *) s + setting->offset;
        int r;

        switch (setting->type) {
        case SETTING_U32:
                return sd_bus_message_append(m, "{sv}", key, "u", *(const uint32_t *) field);
        case SETTING_BOOLEAN:
                return sd_bus_message_append(m, "{sv}", key, "b", (int) *(const bool *) field);
        case SETTING_RATIO:
                return sd_bus_message_append(m, "{sv}", key, "d", *(const uint32_t *) field / 1000.0);
        case SETTING_PATH:
        case SETTING_TEXT:
                return sd_bus_message_append(m, "{sv}", key, "s", *(char *const *) field);
        case SETTING_LIST:
        case SETTING_NETWORKS:
        case SETTING_MAIL:
                if ((r = sd_bus_message_open_container(m, 'e', "sv")) < 0 ||
                    (r = sd_bus_message_append(m, "s", key)) < 0 ||
                    (r = sd_bus_message_open_container(m, 'v', "as")) < 0 ||
                    (r = sd_bus_message_append_strv(m, *(char ***) field)) < 0 ||
                    (r = sd_bus_message_close_container(m)) < 0)
                        return r;
                return sd_bus_message_close_container(m);
        case _SETTING_TYPE_MAX:
        case _SETTING_TYPE_INVALID:
                break;
        }

        assert_not_reached();
}

static int append_setting(sd_bus_message *m, const Manager *manager, const Settings *defaults,
                          const Setting *setting)
{
        const Settings *s = &manager->settings;
        size_t i = setting_index(setting);
        int r;

        r = sd_bus_message_open_container(m, 'a', "{sv}");
        if (r < 0)
                return r;
        if ((r = sd_bus_message_append(m, "{sv}", "Name", "s", setting->name)) < 0 ||
            (r = sd_bus_message_append(m, "{sv}", "Type", "s", setting_type_to_string(setting->type))) < 0 ||
            (r = append_value(m, "Value", s, setting)) < 0 ||
            (r = append_value(m, "Default", defaults, setting)) < 0 ||
            (r = sd_bus_message_append(m, "{sv}", "Origin", "s",
                                       setting_origin_to_string(s->sources[i].origin))) < 0 ||
            (r = sd_bus_message_append(m, "{sv}", "File", "s", strempty(s->sources[i].file))) < 0 ||
            (r = sd_bus_message_append(m, "{sv}", "Description", "s", setting->text)) < 0 ||
            (r = sd_bus_message_append(m, "{sv}", "Applies", "s",
                                       setting->next_stage ? "next-stage" : "at-once")) < 0)
                return r;
        if (setting->type == SETTING_U32 &&
            ((r = sd_bus_message_append(m, "{sv}", "Minimum", "u", setting->min)) < 0 ||
             (r = sd_bus_message_append(m, "{sv}", "Maximum", "u", setting->max)) < 0 ||
             (r = sd_bus_message_append(m, "{sv}", "Unit", "s", setting->unit)) < 0))
                return r;

        return sd_bus_message_close_container(m);
}

static int setting_method_list(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        _cleanup_(settings_done) Settings defaults = {};
        const Setting *table;
        size_t n;
        int r;

        r = authz_check(userdata, m, "settings", NULL, error);
        if (r <= 0)
                return r < 0 ? r : 1;

        if ((r = settings_load(NULL, NULL, &defaults)) < 0 ||
            (r = sd_bus_message_new_method_return(m, &reply)) < 0 ||
            (r = sd_bus_message_open_container(reply, 'a', "a{sv}")) < 0)
                return r;
        table = setting_table(&n);
        for (size_t i = 0; i < n; i++) {
                r = append_setting(reply, userdata, &defaults, table + i);
                if (r < 0)
                        return r;
        }
        r = sd_bus_message_close_container(reply);
        if (r < 0)
                return r;

        return sd_bus_send(NULL, reply, NULL);
}

static int read_setting(sd_bus_message *m, const Setting **ret, sd_bus_error *error)
{
        const char *name;
        int r;

        r = sd_bus_message_read(m, "s", &name);
        if (r < 0)
                return r;
        *ret = setting_find(name);
        if (*ret)
                return 0;

        return sd_bus_error_setf(error, BUS_ERROR_NO_SUCH_SETTING, "There is no setting '%s'.", SHOWN(name));
}

static int setting_method_get(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        _cleanup_(settings_done) Settings defaults = {};
        const Setting *setting;
        int r;

        r = read_setting(m, &setting, error);
        if (r < 0)
                return r;
        r = authz_check(userdata, m, setting->name, NULL, error);
        if (r <= 0)
                return r < 0 ? r : 1;

        if ((r = settings_load(NULL, NULL, &defaults)) < 0 ||
            (r = sd_bus_message_new_method_return(m, &reply)) < 0 ||
            (r = append_setting(reply, userdata, &defaults, setting)) < 0)
                return r;

        return sd_bus_send(NULL, reply, NULL);
}

/* One with a separator in it would become two. */
static int read_words(sd_bus_message *m, const Setting *setting, char **ret)
{
        _cleanup_strv_free_ char **l = NULL;
        int r;

        r = sd_bus_message_read_strv(m, &l);
        if (r < 0)
                return r;
        STRV_FOREACH(w, l)
                if (setting->type == SETTING_MAIL ? !mail_address_is_valid(*w)
                                                  : !str_in_charset(*w, "-_.:/", 255))
                        return -EINVAL;

        *ret = strv_join(l, " ");
        return *ret ? 0 : -ENOMEM;
}

static int read_number(sd_bus_message *m, char type, char **ret)
{
        union {
                uint8_t y;
                int16_t n;
                uint16_t q;
                int32_t i;
                uint32_t u;
                int64_t x;
                uint64_t t;
        } v;
        int r;

        r = sd_bus_message_read_basic(m, type, &v);
        if (r < 0)
                return r;

        switch (type) {
        case 'y':
                *ret = strf("%u", v.y);
                break;
        case 'n':
                *ret = strf("%i", v.n);
                break;
        case 'q':
                *ret = strf("%u", v.q);
                break;
        case 'i':
                *ret = strf("%" PRIi32, v.i);
                break;
        case 'u':
                *ret = strf("%" PRIu32, v.u);
                break;
        case 'x':
                *ret = strf("%" PRIi64, v.x);
                break;
        default:
                *ret = strf("%" PRIu64, v.t);
        }

        return *ret ? 0 : -ENOMEM;
}

/* -EINVAL: not a type that this setting takes. */
static int read_typed_value(sd_bus_message *m, const Setting *setting, const char *type, char **ret)
{
        const char *text;
        double d;
        int r, b;

        if (setting->type == SETTING_RATIO && streq(type, "d")) {
                r = sd_bus_message_read(m, "d", &d);
                if (r < 0)
                        return r;
                *ret = strf("%.3f", d);
                return *ret ? 0 : -ENOMEM;
        }
        if (streq(type, "s")) {
                r = sd_bus_message_read(m, "s", &text);
                if (r < 0)
                        return r;
                *ret = strdup(text);
                return *ret ? 0 : -ENOMEM;
        }
        if (setting->type == SETTING_U32 && strlen(type) == 1 && strchr("ynqiuxt", type[0]))
                return read_number(m, type[0], ret);
        if ((setting->type == SETTING_LIST || setting->type == SETTING_NETWORKS ||
             setting->type == SETTING_MAIL) &&
            streq(type, "as"))
                return read_words(m, setting, ret);
        if (setting->type != SETTING_BOOLEAN || !streq(type, "b"))
                return -EINVAL;

        r = sd_bus_message_read(m, "b", &b);
        if (r < 0)
                return r;
        *ret = strdup(b ? "yes" : "no");
        return *ret ? 0 : -ENOMEM;
}

/* The value as a file would have it. */
static int read_value(sd_bus_message *m, const Setting *setting, char **ret, sd_bus_error *error)
{
        _cleanup_free_ char *value = NULL, *values = NULL;
        const char *type;
        int r;

        r = sd_bus_message_peek_type(m, NULL, &type);
        if (r < 0)
                return r;
        r = sd_bus_message_enter_container(m, 'v', type);
        if (r < 0)
                return r;
        r = read_typed_value(m, setting, type, &value);
        if (r == -EINVAL) {
                values = setting_describe_values(setting);
                return sd_bus_error_setf(error, BUS_ERROR_INVALID_ARGUMENT,
                                         "%s is %s; give it as such, or as text.", setting->name,
                                         strempty(values));
        }
        if (r < 0)
                return r;
        r = sd_bus_message_exit_container(m);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(value);
        return 0;
}

/* value NULL: Reset. */
static int setting_change(sd_bus_message *m, Manager *manager, const Setting *setting, const char *value,
                          sd_bus_error *error)
{
        _cleanup_free_ char *object = NULL;
        Actor actor;
        int r;

        r = bus_read_flags(m, error);
        if (r < 0)
                return r;
        object = strf("setting %s", setting->name);
        if (!object)
                return -ENOMEM;
        r = authz_check(manager, m, object, ((PolkitDetail[]){ { "setting", setting->name }, {} }), error);
        if (r <= 0)
                return r < 0 ? r : 1;

        r = actor_from_message(manager, m, &actor);
        if (r < 0)
                return r;
        r = configuration_set(manager, setting, value, &actor, error);
        if (r < 0)
                return r;

        return sd_bus_reply_method_return(m, NULL);
}

static int setting_method_set(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        _cleanup_free_ char *value = NULL;
        const Setting *setting;
        int r;

        r = read_setting(m, &setting, error);
        if (r < 0)
                return r;
        r = read_value(m, setting, &value, error);
        if (r < 0)
                return r;

        return setting_change(m, userdata, setting, value, error);
}

static int setting_method_reset(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        const Setting *setting;
        int r;

        r = read_setting(m, &setting, error);
        if (r < 0)
                return r;

        return setting_change(m, userdata, setting, NULL, error);
}

const sd_bus_vtable setting_vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD_WITH_ARGS("List", SD_BUS_NO_ARGS, SD_BUS_RESULT("aa{sv}", settings),
                                setting_method_list, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Get", SD_BUS_ARGS("s", name), SD_BUS_RESULT("a{sv}", setting),
                                setting_method_get, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Set", SD_BUS_ARGS("s", name, "v", value, "t", flags), SD_BUS_NO_RESULT,
                                setting_method_set, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Reset", SD_BUS_ARGS("s", name, "t", flags), SD_BUS_NO_RESULT,
                                setting_method_reset, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_SIGNAL_WITH_ARGS("Changed", SD_BUS_ARGS("s", name), 0),
        SD_BUS_VTABLE_END,
};

int setting_bus_register(Manager *m)
{
        return sd_bus_add_object_vtable(m->bus, NULL, BUS_PATH, BUS_INTERFACE_SETTINGS, setting_vtable, m);
}

void setting_emit_changed(Manager *m, const Setting *setting)
{
        (void) sd_bus_emit_signal(m->bus, BUS_PATH, BUS_INTERFACE_SETTINGS, "Changed", "s", setting->name);
}
