/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <stdarg.h>

#include "basic/parse-util.h"
#include "basic/strv.h"
#include "basic/time-util.h"
#include "cli/cli.h"
#include "cli/format.h"
#include "cli/when.h"
#include "shared/message-json.h"
#include "shared/bus-error.h"
#include "shared/names.h"

/* Long enough for somebody to find and type a password: a call waits for polkit's answer. */
#define CALL_TIMEOUT (5 * USEC_PER_MINUTE)
#define PROPERTIES   "org.freedesktop.DBus.Properties"

int cli_fail(Cli *c, CliStatus status, const char *format, ...)
{
        _cleanup_free_ char *raw = NULL, *text = NULL;
        va_list ap;

        va_start(ap, format);
        if (vasprintf(&raw, format, ap) < 0)
                raw = NULL;
        va_end(ap);

        c->status = status;
        text = text_clean(raw, true);
        if (c->keep_failure) {
                free(c->failure);
                c->failure = TAKE_PTR(text);
                return -EIO;
        }

        (void) fflush(stdout);
        (void) fprintf(stderr, "%s\n", text ?: "Out of memory.");
        return -EIO;
}

int cli_parse_priority(Cli *c, const char *s, int64_t *ret)
{
        int64_t n;

        if (parse_i64(s, &n) < 0 || n < -100 || n > 100)
                return cli_fail(c, STATUS_USAGE, "A priority is a number from -100 to 100, not '%s'.", s);

        *ret = n;
        return 0;
}

int cli_oom(Cli *c)
{
        return cli_fail(c, STATUS_ERROR, "Out of memory.");
}

CliStatus status_from_error(const char *name)
{
        const char *ours;

        if (!name)
                return STATUS_ERROR;
        if (streq(name, SD_BUS_ERROR_ACCESS_DENIED) ||
            streq(name, SD_BUS_ERROR_INTERACTIVE_AUTHORIZATION_REQUIRED))
                return STATUS_DENIED;

        ours = startswith(name, BUS_NAME ".Error.");
        if (!ours)
                return STATUS_ERROR;
        if (startswith(ours, "NoSuch"))
                return STATUS_NOT_FOUND;
        if (startswith(ours, "Invalid"))
                return STATUS_USAGE;
        /* All others are reasons why the service would not do it; but what is broken is none. */
        return streq(name, BUS_ERROR_STORE) || streq(name, BUS_ERROR_PASSWORD_SERVICE) ||
                                               streq(name, BUS_ERROR_REPORT_SERVICE)
                               ? STATUS_ERROR
                               : STATUS_REFUSED;
}

int cli_fail_bus(Cli *c, const char *what, const sd_bus_error *error, int r)
{
        const char *name = sd_bus_error_is_set(error) ? error->name : NULL;
        const char *text = name && !isempty(error->message) ? error->message : strerror(r < 0 ? -r : EIO);

        if (!name)
                return cli_fail(c, STATUS_ERROR, "Failed to %s: %s", what, text);
        if (streq(name, SD_BUS_ERROR_INTERACTIVE_AUTHORIZATION_REQUIRED))
                return cli_fail(c, STATUS_DENIED,
                                "You may not %s without a password, and nobody can be asked for one here: %s\n"
                                "Try it on a terminal, without --no-ask-password, or as an administrator.",
                                what, text);
        if (streq(name, SD_BUS_ERROR_ACCESS_DENIED))
                return cli_fail(c, STATUS_DENIED,
                                "You may not %s: %s\nAn administrator may, or can allow it to you by a polkit rule.",
                                what, text);
        if (streq(name, SD_BUS_ERROR_SERVICE_UNKNOWN) || streq(name, SD_BUS_ERROR_NAME_HAS_NO_OWNER))
                return cli_fail(c, STATUS_ERROR,
                                "burnind is not running (%s). See: systemctl status burnind.service", text);
        if (streq(name, SD_BUS_ERROR_NO_REPLY) || streq(name, SD_BUS_ERROR_TIMEOUT))
                return cli_fail(c, STATUS_ERROR,
                                "burnind did not answer, so it may have done it or not: %s\n"
                                "See: systemctl status burnind.service",
                                text);

        return cli_fail(c, status_from_error(name), "%s", text);
}

int cli_bus_open(Cli *c)
{
        const char *name;
        int r;

        (void) bus_error_register();

        if (c->remote && !*c->remote)
                return cli_fail(c, STATUS_USAGE, "-H needs a machine: [USER@]HOST.");
        if (c->remote) {
                r = sd_bus_open_system_remote(&c->bus, c->remote);
                if (r >= 0)
                        r = sd_bus_get_unique_name(
                                        c->bus, &name); /* waits for ssh, which says itself what is wrong */
                if (r < 0)
                        return cli_fail(c, STATUS_ERROR,
                                        "Failed to reach the system bus of %s: %s\n"
                                        "It takes a login by ssh(1), and systemd-stdio-bridge there.",
                                        c->remote, strerror(-r));
        } else {
                r = sd_bus_open_system(&c->bus);
                if (r < 0)
                        return cli_fail(c, STATUS_ERROR, "Failed to connect to the system bus: %s",
                                        strerror(-r));
        }

        (void) sd_bus_set_allow_interactive_authorization(c->bus, !c->no_ask_password);
        (void) sd_bus_set_method_call_timeout(c->bus, CALL_TIMEOUT);
        return 0;
}

int cli_send(Cli *c, const char *what, sd_bus_message *m, sd_bus_message **ret)
{
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        int r;

        r = sd_bus_call(c->bus, m, 0, &error, &reply);
        if (r < 0)
                return cli_fail_bus(c, what, &error, r);

        if (ret)
                *ret = TAKE_PTR(reply);
        return 0;
}

static int cli_callv(Cli *c, const char *what, const char *path, const char *interface, const char *member,
                     sd_bus_message **ret, const char *types, va_list ap)
{
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        int r;

        r = sd_bus_call_methodv(c->bus, BUS_NAME, path, interface, member, &error, &reply, types, ap);
        if (r < 0)
                return cli_fail_bus(c, what, &error, r);

        if (ret)
                *ret = TAKE_PTR(reply);
        return 0;
}

int cli_call(Cli *c, const char *what, const char *path, const char *interface, const char *member,
             sd_bus_message **ret, const char *types, ...)
{
        va_list ap;
        int r;

        va_start(ap, types);
        r = cli_callv(c, what, path, interface, member, ret, types, ap);
        va_end(ap);
        return r;
}

int cli_change(Cli *c, const char *what, const char *path, const char *interface, const char *member,
               sd_bus_message **ret, const char *types, ...)
{
        va_list ap;
        int r;

        agent_open(c);
        va_start(ap, types);
        r = cli_callv(c, what, path, interface, member, ret, types, ap);
        va_end(ap);
        return r;
}

static int message_append_list(sd_bus_message *m, const Option *o)
{
        _cleanup_strv_free_ char **words = NULL;
        int r;

        r = strv_split(o->s, ",", &words);
        if (r < 0)
                return r;
        if ((r = sd_bus_message_open_container(m, 'e', "sv")) < 0 ||
            (r = sd_bus_message_append(m, "s", o->key)) < 0 ||
            (r = sd_bus_message_open_container(m, 'v', "as")) < 0 ||
            (r = sd_bus_message_append_strv(m, words)) < 0 || (r = sd_bus_message_close_container(m)) < 0)
                return r;

        return sd_bus_message_close_container(m);
}

static int message_append_option(sd_bus_message *m, const Option *o)
{
        switch (o->type) {
        case 's':
                return sd_bus_message_append(m, "{sv}", o->key, "s", o->s);
        case 'a':
                return message_append_list(m, o);
        case 'b':
                return sd_bus_message_append(m, "{sv}", o->key, "b", o->n != 0);
        case 'i':
                return sd_bus_message_append(m, "{sv}", o->key, "i", (int32_t) o->n);
        case 'u':
                return sd_bus_message_append(m, "{sv}", o->key, "u", (uint32_t) o->n);
        case 'q':
                return sd_bus_message_append(m, "{sv}", o->key, "q", (int) (uint16_t) o->n);
        case 't':
                return sd_bus_message_append(m, "{sv}", o->key, "t", (uint64_t) o->n);
        case 'h':
                return sd_bus_message_append(m, "{sv}", o->key, "h", (int) o->n);
        default:
                assert_not_reached();
        }
}

static int message_append_entries(sd_bus_message *m, const Option *options, size_t n)
{
        int r = 0;

        for (size_t i = 0; r >= 0 && i < n; i++)
                if (options[i].type == 's' || options[i].type == 'a' ? options[i].s != NULL : options[i].set)
                        r = message_append_option(m, options + i);

        return r;
}

int message_append_options(sd_bus_message *m, const Option *options, size_t n)
{
        int r;

        r = sd_bus_message_open_container(m, 'a', "{sv}");
        if (r >= 0)
                r = message_append_entries(m, options, n);
        if (r >= 0)
                r = sd_bus_message_close_container(m);

        return r < 0 ? r : 0;
}

static int read_path(Cli *c, sd_bus_message *reply, char **ret)
{
        const char *path;
        char *copy;
        int r;

        r = sd_bus_message_read(reply, "o", &path);
        if (r < 0)
                return cli_fail(c, STATUS_ERROR, "burnind gave an answer that is no path: %s", strerror(-r));

        copy = strdup(path);
        if (!copy)
                return cli_oom(c);

        *ret = copy;
        return 0;
}

int cli_find_host(Cli *c, const char *name, char **ret)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        int r;

        r = cli_call(c, "look at the hosts", BUS_PATH, BUS_INTERFACE_MANAGER, "GetHost", &reply, "s", name);
        return r < 0 ? r : read_path(c, reply, ret);
}

int cli_find_drive(Cli *c, const char *drive, char **ret)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        int r;

        r = cli_call(c, "look at the drives", BUS_PATH, BUS_INTERFACE_MANAGER, "GetDrive", &reply, "s",
                     drive);
        return r < 0 ? r : read_path(c, reply, ret);
}

bool cli_find_drive_id(Cli *c, struct json_object **ret, const char **ret_id)
{
        _cleanup_free_ char *path = NULL;
        int r;

        c->keep_failure = true;
        r = cli_find_drive(c, c->drive, &path);
        if (r >= 0)
                r = cli_get_all(c, path, BUS_INTERFACE_DRIVE, ret);
        c->keep_failure = false;

        *ret_id = r >= 0 ? row_string(*ret, "Id") : c->drive;
        return r >= 0;
}

int cli_parse_past(Cli *c, const char *option, const char *text, uint64_t *ret)
{
        uint64_t usec;

        if (!text)
                return 0;
        if (when_parse_past(text, now_usec(CLOCK_REALTIME), &usec) < 0)
                return cli_fail(c, STATUS_USAGE,
                                "--%s= is a time such as -2h, 23:00, 'yesterday 02:00' or '2026-11-28 02:00', not '%s'.",
                                option, text);

        *ret = usec;
        return 1;
}

int cli_find_job(Cli *c, const char *id, char **ret)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        uint64_t n;
        int r;

        if (parse_u64(id, &n) < 0)
                return cli_fail(c, STATUS_USAGE,
                                "A job has a number, which '%s' is not. See: burninctl jobs", id);

        r = cli_call(c, "look at the jobs", BUS_PATH, BUS_INTERFACE_MANAGER, "GetJob", &reply, "t", n);
        return r < 0 ? r : read_path(c, reply, ret);
}

int cli_try_get_all(Cli *c, const char *path, const char *interface, sd_bus_error *error,
                    struct json_object **ret)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        _cleanup_json_ struct json_object *o = NULL;
        int r;

        r = sd_bus_call_method(c->bus, BUS_NAME, path, PROPERTIES, "GetAll", error, &reply, "s", interface);
        if (r < 0)
                return r;

        r = message_read_json(reply, &o);
        if (r == 0 || (r > 0 && !json_object_is_type(o, json_type_object)))
                r = -EBADMSG;
        if (r >= 0)
                r = json_put_string(o, "Object", path);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(o);
        return 0;
}

int cli_get_all(Cli *c, const char *path, const char *interface, struct json_object **ret)
{
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        int r;

        r = cli_try_get_all(c, path, interface, &error, ret);
        return r < 0 ? cli_fail_bus(c, "look at this", &error, r) : 0;
}

int cli_match_signals(Cli *c, sd_bus_message_handler_t callback, void *userdata,
                      sd_bus_slot *ret_slots[static CLI_MATCHES])
{
        static const char *const matches[CLI_MATCHES] = {
                "type='signal',sender='" BUS_NAME "',path_namespace='" BUS_PATH "'",
                "type='signal',sender='org.freedesktop.DBus',member='NameOwnerChanged',arg0='" BUS_NAME "'",
        };

        for (size_t i = 0; i < CLI_MATCHES; i++) {
                int r;

                r = sd_bus_add_match(c->bus, ret_slots + i, matches[i], callback, userdata);
                if (r < 0)
                        return cli_fail(c, STATUS_ERROR, "Failed to listen to burnind: %s", strerror(-r));
        }

        return 0;
}

/* Moves the rows of a page over. Rows that came or went while paging shift the rest, so that one can come twice: it is
 * kept once, by the field (key) that names it. Returns how many the page had. */
static int rows_merge(struct json_object *page, const char *key, uint64_t max, struct json_object *seen,
                      struct json_object *rows)
{
        size_t n = json_object_array_length(page);

        for (size_t i = 0; i < n; i++) {
                struct json_object *row = json_object_array_get_idx(page, i), *name = NULL;

                if (max > 0 && json_object_array_length(rows) >= max)
                        break;
                if (!json_object_is_type(row, json_type_object))
                        return -EBADMSG;

                if (json_object_object_get_ex(row, key, &name)) {
                        const char *text = json_object_get_string(name);

                        if (!text || json_object_object_get_ex(seen, text, NULL))
                                continue;
                        if (json_object_object_add(seen, text, NULL) < 0)
                                return -ENOMEM;
                }

                if (json_object_array_add(rows, json_object_get(row)) < 0) {
                        json_object_put(row);
                        return -ENOMEM;
                }
        }

        return (int) n;
}

typedef struct ListMethod {
        const char *path, *interface, *member;
        const char *key; /* the field that names a row */
} ListMethod;

/* One page: its rows, and how many there are in all (ListHosts, which is not paged, does not say). */
static int list_page(Cli *c, const ListMethod *l, const Option *options, size_t n, uint32_t offset,
                     uint32_t limit, struct json_object **ret, uint64_t *ret_total)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL, *reply = NULL;
        _cleanup_json_ struct json_object *rows = NULL, *total = NULL;
        bool paged = !streq(l->member, "ListHosts") && !streq(l->member, "ListGrants") &&
                     !streq(l->member, "ListStatistics");
        int r;

        r = sd_bus_message_new_method_call(c->bus, &m, BUS_NAME, l->path, l->interface, l->member);
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'a', "{sv}");
        if (r >= 0)
                r = message_append_entries(m, options, n);
        if (r >= 0 && paged)
                r = sd_bus_message_append(m, "{sv}", "offset", "u", offset);
        if (r >= 0 && paged)
                r = sd_bus_message_append(m, "{sv}", "limit", "u", limit);
        if (r >= 0)
                r = sd_bus_message_close_container(m);
        if (r < 0)
                return cli_fail(c, STATUS_ERROR, "Failed to ask burnind: %s", strerror(-r));

        r = cli_send(c, "look at this", m, &reply);
        if (r < 0)
                return r;

        r = message_read_json(reply, &rows);
        if (r > 0)
                r = message_read_json(reply, &total);
        if (r < 0 || !json_object_is_type(rows, json_type_array) ||
            (total && !json_object_is_type(total, json_type_int)))
                return cli_fail(c, STATUS_ERROR, "burnind gave an answer to %s that is no list.", l->member);

        *ret_total = total ? json_object_get_uint64(total) : json_object_array_length(rows);
        *ret = TAKE_PTR(rows);
        return 0;
}

static int list_all(Cli *c, const ListMethod *l, const Option *options, size_t n, uint64_t max,
                    struct json_object **ret, uint64_t *ret_total)
{
        _cleanup_json_ struct json_object *rows = NULL, *seen = NULL;
        uint64_t total = 0;
        uint32_t offset = 0;
        int k;

        rows = json_object_new_array();
        seen = json_object_new_object();
        if (!rows || !seen)
                return cli_oom(c);

        do {
                _cleanup_json_ struct json_object *page = NULL;
                uint32_t limit = LIST_PAGE_MAX;
                int r;

                if (max > 0)
                        limit = (uint32_t) MIN((uint64_t) limit, max - json_object_array_length(rows));

                r = list_page(c, l, options, n, offset, limit, &page, &total);
                if (r < 0)
                        return r;

                k = rows_merge(page, l->key, max, seen, rows);
                if (k < 0)
                        return cli_fail(c, STATUS_ERROR, "Failed to read the list: %s", strerror(-k));
                offset += (uint32_t) k;
                /* An empty page ends it, whatever total promised. */
        } while (k > 0 && offset < total && (max == 0 || json_object_array_length(rows) < max));

        if (ret_total)
                *ret_total = total;
        *ret = TAKE_PTR(rows);
        return 0;
}

int cli_list(Cli *c, const char *member, const Option *options, size_t n, uint64_t max,
             struct json_object **ret, uint64_t *ret_total)
{
        /* The "Object" of an audit entry is what was acted upon, not a path of its own. */
        const ListMethod l = { BUS_PATH, BUS_INTERFACE_MANAGER, member,
                               streq(member, "ListAudit") ? "Id" : "Object" };

        return list_all(c, &l, options, n, max, ret, ret_total);
}

int cli_list_readings(Cli *c, const char *drive, const Option *options, size_t n, uint64_t max,
                      struct json_object **ret, uint64_t *ret_total)
{
        const ListMethod l = { drive, BUS_INTERFACE_DRIVE, "ListReadings", "TimeUSec" };

        return list_all(c, &l, options, n, max, ret, ret_total);
}

int cli_list_deliveries(Cli *c, const Option *options, size_t n, uint64_t max, struct json_object **ret)
{
        const ListMethod l = { BUS_PATH_NOTIFIERS, BUS_INTERFACE_NOTIFIERS, "ListDeliveries", "Id" };

        return list_all(c, &l, options, n, max, ret, NULL);
}

const char *row_string(struct json_object *row, const char *key)
{
        const char *s = "";

        (void) json_get_string(row, key, &s);
        return s;
}

uint64_t row_u64(struct json_object *row, const char *key)
{
        uint64_t v = 0;

        (void) json_get_u64(row, key, &v);
        return v;
}

int64_t row_i64(struct json_object *row, const char *key)
{
        int64_t v = 0;

        (void) json_get_i64(row, key, &v);
        return v;
}

double row_double(struct json_object *row, const char *key)
{
        double v = 0;

        (void) json_get_double(row, key, &v);
        return v;
}

bool row_bool(struct json_object *row, const char *key)
{
        bool v = false;

        (void) json_get_bool(row, key, &v);
        return v;
}
