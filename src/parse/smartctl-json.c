/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "basic/string-util.h"
#include "parse/smartctl-json.h"

#define SMARTCTL_SIZE_MAX (4U * 1024U * 1024U)
#define REASON_MAX        512U

struct json_object *json_sub(struct json_object *o, const char *key)
{
        struct json_object *v;

        return json_get(o, key, json_type_object, &v) > 0 ? v : NULL;
}

struct json_object *json_sub_array(struct json_object *o, const char *key)
{
        struct json_object *v;

        return json_get(o, key, json_type_array, &v) > 0 ? v : NULL;
}

size_t json_length(struct json_object *a)
{
        return a ? json_object_array_length(a) : 0;
}

const char *json_string_at(struct json_object *a, size_t i)
{
        struct json_object *v = json_object_array_get_idx(a, i);

        return json_object_is_type(v, json_type_string) ? json_object_get_string(v) : "";
}

/* smartctl's own words for why it has nothing to say: its error messages. */
static int read_reason(struct json_object *messages, const char *fallback, char **ret)
{
        _cleanup_free_ char *t = NULL;
        char *s;

        for (size_t i = 0; i < json_length(messages); i++) {
                struct json_object *m = json_object_array_get_idx(messages, i);
                const char *severity = "", *text = "", *sep = t ? " " : "";

                (void) json_get_string(m, "severity", &severity);
                (void) json_get_string(m, "string", &text);
                if (isempty(text) || !streq(severity, "error"))
                        continue;

                s = strf("%s%s%s", strempty(t), sep, text);
                if (!s)
                        return -ENOMEM;
                free(t);
                t = s;
                if (strlen(t) > REASON_MAX)
                        break;
        }

        s = str_clean(t ?: fallback, strlen(t ?: fallback), REASON_MAX, false);
        if (!s)
                return -ENOMEM;
        free(*ret);
        *ret = s;
        return 0;
}

/* "Device is in STANDBY mode, exit(2)", "Device is in STANDBY (OS) mode, exit(2)"; since 7.5 also as power_mode. The exit
 * status cannot tell: it is that of a failed open. */
static bool is_standby(struct json_object *o, struct json_object *messages, int64_t exit_status)
{
        const char *mode;

        for (size_t i = 0; i < json_length(messages); i++) {
                const char *text;

                if (json_get_string(json_object_array_get_idx(messages, i), "string", &text) > 0 &&
                    startswith(text, "Device is in ") && strstr(text, " mode, exit("))
                        return true;
        }

        return (exit_status & SMARTCTL_EXIT_DEVICE) &&
               json_get_string(json_sub(o, "power_mode"), "name", &mode) > 0 &&
               (startswith(mode, "STANDBY") || startswith(mode, "SLEEP") || startswith(mode, "IDLE_"));
}

int smartctl_json_parse(const char *text, size_t size, struct json_object **ret, SmartctlRead *ret_read,
                        char **ret_reason)
{
        _cleanup_json_ struct json_object *o = NULL;
        struct json_object *smartctl, *messages;
        SmartctlRead read = SMARTCTL_READ;
        const char *fallback = NULL;
        bool available = true;
        int64_t exit_status;
        int r;

        if (size > SMARTCTL_SIZE_MAX || json_parse(text, size, &o) < 0)
                return -EBADMSG;
        smartctl = json_sub(o, "smartctl");
        if (json_get_i64(smartctl, "exit_status", &exit_status) <= 0)
                return -EBADMSG;
        messages = json_sub_array(smartctl, "messages");

        if (is_standby(o, messages, exit_status))
                read = SMARTCTL_STANDBY;
        else if (exit_status & SMARTCTL_EXIT_COMMAND_LINE) {
                /* An unknown bridge or device type is smartctl's command line's fault, in its eyes. */
                read = SMARTCTL_NO_TYPE;
                fallback = "smartctl cannot talk to this device";
        } else if (exit_status & SMARTCTL_EXIT_DEVICE) {
                read = SMARTCTL_NOT_OPENED;
                fallback = "smartctl could not open the device";
        } else if (json_get_bool(json_sub(o, "smart_support"), "available", &available) > 0 && !available &&
                   !json_sub(o, "smart_status")) {
                read = SMARTCTL_NOT_CAPABLE;
                fallback = "The device lacks SMART capability";
        }

        if (fallback) {
                r = read_reason(messages, fallback, ret_reason);
                if (r < 0)
                        return r;
        }

        *ret = TAKE_PTR(o);
        *ret_read = read;
        return 0;
}
