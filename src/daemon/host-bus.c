/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "basic/string-util.h"
#include "daemon/api-key.h"
#include "daemon/audit.h"
#include "daemon/authz.h"
#include "daemon/drive.h"
#include "daemon/host.h"
#include "daemon/poll.h"
#include "shared/bus-util.h"
#include "shared/names.h"

static int host_property_get_state(sd_bus *bus, const char *path, const char *interface,
                                   const char *property, sd_bus_message *reply, void *userdata,
                                   sd_bus_error *error)
{
        return sd_bus_message_append(reply, "s", host_state_to_string(((Host *) userdata)->state));
}

static int host_property_get_detection(sd_bus *bus, const char *path, const char *interface,
                                       const char *property, sd_bus_message *reply, void *userdata,
                                       sd_bus_error *error)
{
        const Host *h = userdata;

        if (h->last_seen_usec == 0)
                return sd_bus_message_append(reply, "s", "never looked");

        return sd_bus_message_append(reply, "s", isempty(h->detection_error) ? "ok" : h->detection_error);
}

static int host_property_get_drives(sd_bus *bus, const char *path, const char *interface,
                                    const char *property, sd_bus_message *reply, void *userdata,
                                    sd_bus_error *error)
{
        return sd_bus_message_append(reply, "u", host_count_drives(userdata));
}

/* What every method that changes a host begins with. */
static int host_authorize(Host *h, sd_bus_message *m, sd_bus_error *error)
{
        _cleanup_free_ char *object = strf("host %s", h->record.name);

        if (!object)
                return -ENOMEM;

        return authz_check(h->manager, m, object,
                           ((PolkitDetail[]){ { "host", h->record.name },
                                              { "address", h->record.address },
                                              {} }),
                           error);
}

static int host_audit(Host *h, sd_bus_message *m, const char *outcome, const char *detail)
{
        _cleanup_free_ char *object = strf("host %s", h->record.name);
        Actor actor;
        int r;

        if (!object)
                return -ENOMEM;
        r = actor_from_message(h->manager, m, &actor);
        if (r < 0)
                return r;

        return audit_write(h->manager, &actor, ACTION_MANAGE_HOSTS, object, outcome, detail);
}

/* As audit_refused(). */
static int host_refused(Host *h, sd_bus_message *m, int r, const sd_bus_error *error)
{
        if (r < 0)
                (void) host_audit(h, m, "refused", strempty(error->message));

        return r;
}

static int host_method_refresh(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        Host *h = userdata;
        int r;

        r = bus_read_flags(m, error);
        if (r < 0)
                return r;
        r = host_authorize(h, m, error);
        if (r < 0)
                return r;
        if (r == 0)
                return 1; /* Will call us back */

        r = poll_refresh(h);
        if (r < 0)
                return sd_bus_error_setf(
                                error, BUS_ERROR_HOST_UNREACHABLE,
                                "No poller is connected; see systemctl status burnin-poll burnin-truenas.");

        return sd_bus_reply_method_return(m, NULL);
}

static int host_check_key(const Host *h, const char *fingerprint, sd_bus_error *error)
{
        if (host_record_is_local(&h->record))
                return sd_bus_error_setf(error, BUS_ERROR_WRONG_STATE,
                                         "Host %s is this machine: there is no key to accept.",
                                         h->record.name);
        if (!h->seen_host_key)
                return sd_bus_error_setf(error, BUS_ERROR_WRONG_STATE,
                                         "Host %s has not shown a key yet: %s.", h->record.name,
                                         strempty(h->state_reason));
        if (!streq(fingerprint, h->seen_host_key_sha256))
                return sd_bus_error_setf(
                                error, BUS_ERROR_WRONG_FINGERPRINT,
                                "Host %s shows a key with the fingerprint %s, not %s. Nothing was accepted.",
                                h->record.name, h->seen_host_key_sha256, SHOWN(fingerprint));

        return 0;
}

static int host_method_accept_host_key(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        _cleanup_free_ char *detail = NULL;
        Host *h = userdata;
        const char *fingerprint;
        int r;

        r = sd_bus_message_read(m, "s", &fingerprint);
        if (r < 0)
                return r;
        r = bus_read_flags(m, error);
        if (r < 0)
                return r;
        r = host_authorize(h, m, error);
        if (r < 0)
                return r;
        if (r == 0)
                return 1; /* Will call us back */

        r = host_refused(h, m, host_check_key(h, fingerprint, error), error);
        if (r < 0)
                return r;

        if (streq_ptr(h->seen_host_key, h->record.host_key))
                return sd_bus_reply_method_return(m, NULL); /* accepted already */

        detail = strf("AcceptHostKey: %s", fingerprint);
        if (!detail)
                return -ENOMEM;
        r = host_audit(h, m, "ok", detail);
        if (r < 0)
                return r;
        r = host_accept_key(h);
        if (r < 0)
                return r;

        return sd_bus_reply_method_return(m, NULL);
}

/* What a change would take away from a job that needs it. */
static int host_check_idle(Host *h, sd_bus_error *error)
{
        Drive *d, *next;

        HASH_ITER(hh_kname, h->drives_by_kname, d, next)
                if (d->job)
                        return sd_bus_error_setf(error, BUS_ERROR_WRONG_STATE,
                                                 "Host %s has job %" PRIu64 " on drive %s. Cancel it first.",
                                                 h->record.name, d->job->record.id,
                                                 strempty(d->record.identity.serial));
        return 0;
}

int host_read_api_key(const HostRecord *r, int fd, char **ret, sd_bus_error *error)
{
        int k;

        if (fd < 0)
                return 0;
        if (isempty(r->api_url))
                return sd_bus_error_setf(error, BUS_ERROR_INVALID_ARGUMENT,
                                         "Only hosts of kind \"truenas\" have an API.");
        k = api_key_read(fd, ret);
        if (k == -EBADF)
                return sd_bus_error_setf(error, BUS_ERROR_INVALID_ARGUMENT,
                                         "The API key must come in a sealed memfd.");
        if (k == -EBADMSG)
                return sd_bus_error_setf(
                                error, BUS_ERROR_INVALID_ARGUMENT,
                                "That is no API key: one line of 1 to %u printable characters without blanks.",
                                API_KEY_MAX);
        return k;
}

/* For the audit: what leads elsewhere, with both values; of the rest only that it changed. */
static char *host_describe_change(const HostRecord *before, const HostRecord *after, const char *key)
{
        bool other_api = !streq_ptr(strempty(before->api_url), strempty(after->api_url)) ||
                         !streq_ptr(strempty(before->api_pin), strempty(after->api_pin)) ||
                         before->api_verify != after->api_verify;

        return strf("Configure: %s@%s:%" PRIu16 " → %s@%s:%" PRIu16 "%s%s%s", strempty(before->user),
                    strempty(before->address), before->port, strempty(after->user), strempty(after->address),
                    after->port, other_api ? ", its API" : "", key ? ", a new API key" : "",
                    streq_ptr(strempty(before->notes), strempty(after->notes)) ? "" : ", its notes");
}

static int host_method_configure(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        Host *h = userdata;
        _cleanup_(erase_and_freep) char *key = NULL;
        _cleanup_free_ char *detail = NULL;
        HostRecord record = h->record;
        int key_fd = -EBADF, verify = record.api_verify;
        const BusOption options[] = {
                { "address", 's', &record.address, NULL }, { "port", 'q', &record.port, NULL },
                { "user", 's', &record.user, NULL },       { "notes", 's', &record.notes, NULL },
                { "api_url", 's', &record.api_url, NULL }, { "api_pin", 's', &record.api_pin, NULL },
                { "api_verify", 'b', &verify, NULL },      { "api_key", 'h', &key_fd, NULL },
        };
        int r;

        r = bus_read_options(m, options, ELEMENTSOF(options), error);
        if (r < 0)
                return r;
        r = host_authorize(h, m, error);
        if (r < 0)
                return r;
        if (r == 0)
                return 1; /* Will call us back */

        record.api_verify = verify;
        r = host_record_check(&record, error);
        if (r < 0)
                return r;
        r = host_read_api_key(&record, key_fd, &key, error);
        if (r < 0)
                return r;
        /* The drive's log looks otherwise by the API than by SSH, so what follows a test by one cannot go on by the other. */
        if (isempty(record.user) != isempty(h->record.user)) {
                r = host_refused(h, m, host_check_idle(h, error), error);
                if (r < 0)
                        return r;
        }
        detail = host_describe_change(&h->record, &record, key);
        if (!detail)
                return -ENOMEM;
        r = host_audit(h, m, "ok", detail);
        if (r < 0)
                return r;
        if (key) {
                r = api_key_put(h->record.name, key);
                if (r < 0)
                        return r;
        }
        r = host_configure(h, &record);
        if (r < 0)
                return r;

        return sd_bus_reply_method_return(m, NULL);
}

static int host_method_remove(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        Host *h = userdata;
        int r;

        r = bus_read_flags(m, error);
        if (r < 0)
                return r;
        r = host_authorize(h, m, error);
        if (r < 0)
                return r;
        if (r == 0)
                return 1; /* Will call us back */

        r = host_refused(h, m, host_check_idle(h, error), error);
        if (r < 0)
                return r;

        r = host_audit(h, m, "ok", "Remove");
        if (r < 0)
                return r;
        r = host_remove(h);
        if (r < 0)
                return r;

        return sd_bus_reply_method_return(m, NULL);
}

#define EMITS SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE
#define CONST SD_BUS_VTABLE_PROPERTY_CONST

const sd_bus_vtable host_vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_PROPERTY("Name", "s", bus_property_get_string, offsetof(Host, record.name), CONST),
        SD_BUS_PROPERTY("Address", "s", bus_property_get_string, offsetof(Host, record.address), EMITS),
        SD_BUS_PROPERTY("Port", "q", NULL, offsetof(Host, record.port), EMITS),
        SD_BUS_PROPERTY("User", "s", bus_property_get_string, offsetof(Host, record.user), EMITS),
        SD_BUS_PROPERTY("Kind", "s", bus_property_get_string, offsetof(Host, record.kind), CONST),
        SD_BUS_PROPERTY("Notes", "s", bus_property_get_string, offsetof(Host, record.notes), EMITS),
        SD_BUS_PROPERTY("ApiUrl", "s", bus_property_get_string, offsetof(Host, record.api_url), EMITS),
        SD_BUS_PROPERTY("ApiPin", "s", bus_property_get_string, offsetof(Host, record.api_pin), EMITS),
        SD_BUS_PROPERTY("ApiVerify", "b", bus_property_get_bool, offsetof(Host, record.api_verify), EMITS),
        SD_BUS_PROPERTY("ApiState", "s", bus_property_get_string, offsetof(Host, api_state), EMITS),
        SD_BUS_PROPERTY("ApiReason", "s", bus_property_get_string, offsetof(Host, api_reason), EMITS),
        SD_BUS_PROPERTY("State", "s", host_property_get_state, 0, EMITS),
        SD_BUS_PROPERTY("StateReason", "s", bus_property_get_string, offsetof(Host, state_reason), EMITS),
        SD_BUS_PROPERTY("LastSeenUSec", "t", NULL, offsetof(Host, last_seen_usec), 0),
        SD_BUS_PROPERTY("HungPolls", "u", NULL, offsetof(Host, hung_polls), EMITS),
        SD_BUS_PROPERTY("DetectionState", "s", host_property_get_detection, 0, EMITS),
        SD_BUS_PROPERTY("HostKeyFingerprint", "s", bus_property_get_string,
                        offsetof(Host, record.host_key_sha256), EMITS),
        SD_BUS_PROPERTY("SeenHostKeyFingerprint", "s", bus_property_get_string,
                        offsetof(Host, seen_host_key_sha256), EMITS),
        SD_BUS_PROPERTY("OperatingSystem", "s", bus_property_get_string, offsetof(Host, os), EMITS),
        SD_BUS_PROPERTY("MissingTools", "s", bus_property_get_string, offsetof(Host, missing_tools), EMITS),
        SD_BUS_PROPERTY("Drives", "u", host_property_get_drives, 0, EMITS),
        SD_BUS_METHOD_WITH_ARGS("Refresh", SD_BUS_ARGS("t", flags), SD_BUS_NO_RESULT, host_method_refresh,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("AcceptHostKey", SD_BUS_ARGS("s", fingerprint, "t", flags), SD_BUS_NO_RESULT,
                                host_method_accept_host_key, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Configure", SD_BUS_ARGS("a{sv}", options), SD_BUS_NO_RESULT,
                                host_method_configure, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Remove", SD_BUS_ARGS("t", flags), SD_BUS_NO_RESULT, host_method_remove,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_VTABLE_END,
};

int host_bus_path(const Host *h, char **ret)
{
        return sd_bus_path_encode(BUS_PATH_HOST, h->record.name, ret);
}

static int host_object_find(sd_bus *bus, const char *path, const char *interface, void *userdata,
                            void **ret_found, sd_bus_error *error)
{
        _cleanup_free_ char *name = NULL;
        Host *h;
        int r;

        r = sd_bus_path_decode_many(path, BUS_PATH_HOST "/%", &name);
        if (r <= 0)
                return r;
        h = host_find(userdata, name);
        if (!h)
                return 0;

        *ret_found = h;
        return 1;
}

static int host_node_enumerator(sd_bus *bus, const char *prefix, void *userdata, char ***ret_nodes,
                                sd_bus_error *error)
{
        Manager *m = userdata;
        char **nodes;
        size_t n = 0;
        Host *h, *next;

        nodes = new0(char *, HASH_COUNT(m->hosts) + 1);
        if (!nodes)
                return -ENOMEM;
        HASH_ITER(hh, m->hosts, h, next)
                if (host_bus_path(h, &nodes[n]) >= 0)
                        n++;

        *ret_nodes = nodes;
        return 1;
}

int host_bus_register(Manager *m)
{
        int r;

        r = sd_bus_add_fallback_vtable(m->bus, NULL, BUS_PATH_HOST, BUS_INTERFACE_HOST, host_vtable,
                                       host_object_find, m);
        if (r < 0)
                return r;

        return sd_bus_add_node_enumerator(m->bus, NULL, BUS_PATH_HOST, host_node_enumerator, m);
}

void host_emit_added(Host *h)
{
        _cleanup_free_ char *path = NULL;

        if (host_bus_path(h, &path) >= 0)
                (void) sd_bus_emit_object_added(h->manager->bus, path);
}

void host_emit_removed(Host *h)
{
        _cleanup_free_ char *path = NULL;

        if (host_bus_path(h, &path) >= 0)
                (void) sd_bus_emit_object_removed(h->manager->bus, path);
}

void host_emit_changed(Host *h, const char *const *properties)
{
        _cleanup_free_ char *path = NULL;

        if (host_bus_path(h, &path) >= 0)
                (void) sd_bus_emit_properties_changed_strv(h->manager->bus, path, BUS_INTERFACE_HOST,
                                                           (char **) properties);
}
