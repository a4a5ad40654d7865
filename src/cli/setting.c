/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "shared/message-json.h"
#include "cli/verbs.h"
#include "shared/names.h"

static const TableColumn setting_columns[] = {
        { "SETTING", false, 0 }, { "VALUE", false, 8 },   { "DEFAULT", false, 8 },
        { "VALUES", false, 8 },  { "ORIGIN", false, 12 },
};

/* A value as "settings set" takes it. */
static char *setting_text(struct json_object *setting, const char *key)
{
        _cleanup_free_ char *joined = NULL;
        struct json_object *v;

        if (!json_object_object_get_ex(setting, key, &v))
                return strdup("");
        if (json_object_is_type(v, json_type_boolean))
                return strdup(json_object_get_boolean(v) ? "yes" : "no");
        if (json_object_is_type(v, json_type_double))
                return strf("%.3g", json_object_get_double(v));
        if (!json_object_is_type(v, json_type_array))
                return strdup(strempty(json_object_get_string(v)));

        for (size_t i = 0; i < json_object_array_length(v); i++) {
                const char *word = json_object_get_string(json_object_array_get_idx(v, i));
                char *longer = strf("%s%s%s", strempty(joined), i > 0 ? " " : "", strempty(word));

                if (!longer)
                        return NULL;
                free(joined);
                joined = longer;
        }

        return joined ? TAKE_PTR(joined) : strdup("");
}

static char *setting_values(struct json_object *setting)
{
        const char *type = row_string(setting, "Type");

        if (streq(type, "number"))
                return strf("%" PRIu64 " to %" PRIu64 " %s", row_u64(setting, "Minimum"),
                            row_u64(setting, "Maximum"), row_string(setting, "Unit"));

        return strdup(streq(type, "boolean") ? "yes, no" : type);
}

static const char *setting_origin(struct json_object *setting)
{
        const char *file = row_string(setting, "File");

        return isempty(file) ? row_string(setting, "Origin") : file;
}

static int read_json(Cli *c, sd_bus_message *reply, enum json_type type, struct json_object **ret)
{
        _cleanup_json_ struct json_object *o = NULL;

        if (message_read_json(reply, &o) <= 0 || !json_object_is_type(o, type))
                return cli_fail(c, STATUS_ERROR, "burnind gave an answer that cannot be read.");

        *ret = TAKE_PTR(o);
        return 0;
}

int verb_settings_list(Cli *c, char **args, size_t n)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        _cleanup_json_ struct json_object *settings = NULL;
        _cleanup_(table_freep) Table *t = NULL;
        int r;

        r = cli_call(c, "list the settings", BUS_PATH, BUS_INTERFACE_SETTINGS, "List", &reply, NULL);
        if (r < 0)
                return r;
        r = read_json(c, reply, json_type_array, &settings);
        if (r < 0)
                return r;
        if (c->json != JSON_OFF)
                return cli_print_json(c, settings);
        if (c->quiet)
                return cli_print_names(c, settings, "Name");

        r = table_new(setting_columns, ELEMENTSOF(setting_columns), &t);
        if (r < 0)
                return cli_oom(c);

        for (size_t i = 0; i < json_object_array_length(settings); i++) {
                struct json_object *s = json_object_array_get_idx(settings, i);
                _cleanup_free_ char *value = setting_text(s, "Value"),
                                    *fallback = setting_text(s, "Default"), *values = setting_values(s);

                table_add(t, STYLE_NONE, "%s", row_string(s, "Name"));
                table_add(t, streq(row_string(s, "Origin"), "default") ? STYLE_NONE : STYLE_BOLD, "%s",
                          strempty(value));
                table_add(t, STYLE_NONE, "%s", strempty(fallback));
                table_add(t, STYLE_DIM, "%s", strempty(values));
                table_add(t, STYLE_NONE, "%s", setting_origin(s));
        }

        pager_open(c);
        cli_print_table(c, stdout, t, NULL);
        return STATUS_OK;
}

static int setting_get(Cli *c, const char *name, struct json_object **ret)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        int r;

        r = cli_call(c, "see a setting", BUS_PATH, BUS_INTERFACE_SETTINGS, "Get", &reply, "s", name);
        if (r < 0)
                return r;

        return read_json(c, reply, json_type_object, ret);
}

int verb_settings_get(Cli *c, char **args, size_t n)
{
        _cleanup_free_ char *value = NULL, *fallback = NULL, *values = NULL;
        _cleanup_json_ struct json_object *s = NULL;
        int r;

        r = setting_get(c, args[0], &s);
        if (r < 0)
                return r;
        if (c->json != JSON_OFF)
                return cli_print_json(c, s);

        value = setting_text(s, "Value");
        fallback = setting_text(s, "Default");
        values = setting_values(s);
        if (!value || !fallback || !values)
                return cli_oom(c);
        if (c->quiet) {
                (void) puts(value);
                return STATUS_OK;
        }

        cli_field(c, stdout, "Setting", STYLE_BOLD, "%s", row_string(s, "Name"));
        cli_field(c, stdout, "Value", STYLE_NONE, "%s", value);
        cli_field(c, stdout, "Origin", STYLE_NONE, "%s", setting_origin(s));
        cli_field(c, stdout, "Default", STYLE_NONE, "%s", fallback);
        cli_field(c, stdout, "Values", STYLE_NONE, "%s", values);
        cli_field(c, stdout, "Applies", STYLE_NONE, "%s",
                  streq(row_string(s, "Applies"), "at-once")
                                  ? "at once"
                                  : "to the next stages; those that run keep what they were started with");
        cli_field(c, stdout, "Description", STYLE_NONE, "%s", row_string(s, "Description"));
        return STATUS_OK;
}

/* What the setting is after a change. */
static int setting_print_changed(Cli *c, const char *name)
{
        _cleanup_json_ struct json_object *s = NULL;
        _cleanup_free_ char *value = NULL;
        int r;

        if (c->quiet)
                return STATUS_OK;
        r = setting_get(c, name, &s);
        if (r < 0)
                return r;
        if (c->json != JSON_OFF)
                return cli_print_json(c, s);

        value = setting_text(s, "Value");
        cli_say("%s is %s (%s).%s", row_string(s, "Name"), strempty(value), setting_origin(s),
                streq(row_string(s, "Applies"), "at-once")
                                ? ""
                                : " Stages that run keep what they were started with.");
        return STATUS_OK;
}

int verb_settings_set(Cli *c, char **args, size_t n)
{
        int r;

        r = cli_change(c, "change a setting", BUS_PATH, BUS_INTERFACE_SETTINGS, "Set", NULL, "svt", args[0],
                       "s", args[1], UINT64_C(0));
        return r < 0 ? r : setting_print_changed(c, args[0]);
}

int verb_settings_reset(Cli *c, char **args, size_t n)
{
        int r;

        r = cli_change(c, "change a setting", BUS_PATH, BUS_INTERFACE_SETTINGS, "Reset", NULL, "st", args[0],
                       UINT64_C(0));
        return r < 0 ? r : setting_print_changed(c, args[0]);
}
