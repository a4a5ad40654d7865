/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <limits.h>
#include <stdio.h>

#include "basic/string-util.h"
#include "basic/strv.h"
#include "shared/bus-util.h"
#include "shared/names.h"

#define OPTION_LIST_MAX 64U
/* So that no filter is more than the database takes. What has a limit of its own has a smaller one. */
#define OPTION_TEXT_MAX (16U * 1024U)

int bus_read_strv(sd_bus_message *m, size_t max, char ***ret)
{
        _cleanup_strv_free_ char **l = NULL;
        const char *s;
        size_t n = 0;
        int r;

        l = new0(char *, 1);
        if (!l)
                return -ENOMEM;
        r = sd_bus_message_enter_container(m, 'a', "s");
        if (r < 0)
                return r;
        while ((r = sd_bus_message_read_basic(m, 's', &s)) > 0) {
                if (n++ >= max)
                        return -E2BIG;
                r = strv_extend(&l, s);
                if (r < 0)
                        return r;
        }
        if (r >= 0)
                r = sd_bus_message_exit_container(m);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(l);
        return 0;
}

static int bus_read_list_option(sd_bus_message *m, const BusOption *o, sd_bus_error *error)
{
        char **l, ***value = o->value;
        int r;

        r = bus_read_strv(m, OPTION_LIST_MAX, &l);
        if (r == -E2BIG)
                return sd_bus_error_setf(error, BUS_ERROR_INVALID_OPTION,
                                         "Option \"%s\" has more than %u entries.", o->key, OPTION_LIST_MAX);
        if (r < 0)
                return r;

        *value = l;
        return 0;
}

static int bus_read_plain_option(sd_bus_message *m, const BusOption *o, sd_bus_error *error)
{
        int r;

        r = sd_bus_message_read_basic(m, o->type, o->value);
        if (r < 0)
                return r;
        if (o->type == 's' && strlen(*(const char **) o->value) > OPTION_TEXT_MAX)
                return sd_bus_error_setf(error, BUS_ERROR_INVALID_OPTION,
                                         "Option \"%s\" may have at most %u bytes.", o->key,
                                         OPTION_TEXT_MAX);

        return 0;
}

/* seen: a bit for each of the options. */
static int bus_read_option(sd_bus_message *m, const BusOption *options, size_t n, uint64_t *seen,
                           sd_bus_error *error)
{
        const char *key, *contents;
        const BusOption *o = NULL;
        char type, wanted[3];
        uint64_t bit;
        int r;

        r = sd_bus_message_read(m, "s", &key);
        if (r < 0)
                return r;

        for (size_t i = 0; i < n; i++)
                if (streq(options[i].key, key))
                        o = options + i;
        if (!o)
                return sd_bus_error_setf(error, BUS_ERROR_INVALID_OPTION, "Unknown option \"%s\".",
                                         SHOWN(key));

        bit = UINT64_C(1) << (o - options);
        if (*seen & bit)
                return sd_bus_error_setf(error, BUS_ERROR_INVALID_OPTION, "Option \"%s\" is given twice.",
                                         key);
        *seen |= bit;

        r = sd_bus_message_peek_type(m, &type, &contents);
        if (r < 0)
                return r;
        (void) snprintf(wanted, sizeof(wanted), o->type == 'a' ? "as" : "%c", o->type);
        if (type != 'v' || !streq_ptr(contents, wanted))
                return sd_bus_error_setf(error, BUS_ERROR_INVALID_OPTION,
                                         "Option \"%s\" has type \"%s\", not \"%s\".", key,
                                         strempty(contents), wanted);

        r = sd_bus_message_enter_container(m, 'v', contents);
        if (r < 0)
                return r;
        r = o->type == 'a' ? bus_read_list_option(m, o, error) : bus_read_plain_option(m, o, error);
        if (r < 0)
                return r;
        if (o->present)
                *o->present = true;

        return sd_bus_message_exit_container(m);
}

int bus_read_options(sd_bus_message *m, const BusOption *options, size_t n, sd_bus_error *error)
{
        uint64_t seen = 0;
        int r;

        assert(n <= sizeof(seen) * CHAR_BIT);

        r = sd_bus_message_enter_container(m, 'a', "{sv}");
        if (r < 0)
                return r;

        while ((r = sd_bus_message_enter_container(m, 'e', "sv")) > 0) {
                r = bus_read_option(m, options, n, &seen, error);
                if (r < 0)
                        return r;
                r = sd_bus_message_exit_container(m);
                if (r < 0)
                        return r;
        }
        if (r < 0)
                return r;

        return sd_bus_message_exit_container(m);
}

int bus_check_text(const char *what, const char *text, size_t max, bool lines, const char *name,
                   sd_bus_error *error)
{
        if (strlen(text) > max)
                return sd_bus_error_setf(error, name, "%s may have at most %zu bytes.", what, max);
        if (!str_is_plain(text, max, lines))
                return sd_bus_error_setf(error, name, "%s may have no control characters%s.", what,
                                         lines ? " but line breaks and tabs" : ", and no line breaks");

        return 0;
}

int bus_read_flags(sd_bus_message *m, sd_bus_error *error)
{
        uint64_t flags;
        int r;

        r = sd_bus_message_read(m, "t", &flags);
        if (r < 0)
                return r;
        if (flags != 0)
                return sd_bus_error_setf(error, BUS_ERROR_INVALID_ARGUMENT,
                                         "Unknown flags %#" PRIx64 "; flags must be 0.", flags);

        return 0;
}

int bus_read_reason(sd_bus_message *m, const char **ret, sd_bus_error *error)
{
        const char *reason;
        int r;

        r = sd_bus_message_read(m, "s", &reason);
        if (r < 0)
                return r;
        r = bus_read_flags(m, error);
        if (r < 0)
                return r;
        r = bus_check_text("A reason", reason, TEXT_MAX_BYTES, false, BUS_ERROR_INVALID_ARGUMENT, error);
        if (r < 0)
                return r;

        *ret = reason;
        return 0;
}

/* What sd-bus itself does for a property without a getter, for the types that we use so. */
static int bus_append_plain(sd_bus_message *m, const char *signature, const void *member)
{
        if (streq(signature, "s"))
                return sd_bus_message_append_basic(m, 's', *(const char *const *) member);

        return sd_bus_message_append_basic(m, signature[0], member);
}

int bus_append_properties(sd_bus_message *m, const sd_bus_vtable *vtable, void *userdata,
                          sd_bus_error *error)
{
        int r;

        for (const sd_bus_vtable *v = vtable; v->type != _SD_BUS_VTABLE_END; v++) {
                const char *name = v->x.property.member, *signature = v->x.property.signature;
                void *member;

                if (v->type != _SD_BUS_VTABLE_PROPERTY)
                        continue;

                r = sd_bus_message_open_container(m, 'e', "sv");
                if (r < 0)
                        return r;
                r = sd_bus_message_append(m, "s", name);
                if (r < 0)
                        return r;
                r = sd_bus_message_open_container(m, 'v', signature);
                if (r < 0)
                        return r;

                member = (uint8_t *) userdata + v->x.property.offset;
                if (v->x.property.get)
                        r = v->x.property.get(sd_bus_message_get_bus(m), NULL, NULL, name, m, member, error);
                else
                        r = bus_append_plain(m, signature, member);
                if (r < 0)
                        return r;

                r = sd_bus_message_close_container(m);
                if (r < 0)
                        return r;
                r = sd_bus_message_close_container(m);
                if (r < 0)
                        return r;
        }

        return 0;
}

int bus_property_get_string(sd_bus *bus, const char *path, const char *interface, const char *property,
                            sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
        return sd_bus_message_append(reply, "s", strempty(*(char **) userdata));
}

int bus_property_get_bool(sd_bus *bus, const char *path, const char *interface, const char *property,
                          sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
        return sd_bus_message_append(reply, "b", (int) *(bool *) userdata);
}
