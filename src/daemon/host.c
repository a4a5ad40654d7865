/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "basic/fd-util.h"
#include "basic/parse-util.h"
#include "basic/string-util.h"
#include "basic/strv.h"
#include "basic/time-util.h"
#include "daemon/api-key.h"
#include "daemon/audit.h"
#include "daemon/drive.h"
#include "daemon/event.h"
#include "daemon/grant.h"
#include "daemon/host.h"
#include "daemon/job.h"
#include "daemon/poll.h"
#include "daemon/queue.h"
#include "daemon/stage.h"
#include "shared/bus-util.h"
#include "shared/names.h"

#define HOST_CYCLE_DRIVES_MAX 4096

bool host_name_is_valid(const char *name)
{
        return str_in_charset(name, ".-_", NAME_MAX_CHARS) && !strchr(".-_", name[0]) &&
               !strchr(".-_", name[strlen(name) - 1]);
}

bool host_has_shell(const Host *h)
{
        return host_record_is_local(&h->record) || !isempty(h->record.user);
}

bool host_has_api(const Host *h)
{
        return !isempty(h->record.api_url);
}

char *host_address_of_url(const char *url)
{
        const char *s = startswith(url, "https://");
        size_t n;

        if (!s)
                return NULL;
        if (*s == '[') {
                s++;
                n = strcspn(s, "]");
        } else
                n = strcspn(s, ":/");

        return n > 0 ? strndup(s, n) : NULL;
}

/* "https://HOST[:PORT]": the key goes there and nowhere else, so nothing that a URL may also have. */
static bool api_url_is_valid(const char *url)
{
        _cleanup_free_ char *host = host_address_of_url(url);
        const char *rest;
        uint32_t port;

        if (!host || !str_in_charset(host, ".:-_", 253) || host[0] == '-')
                return false;
        rest = url + STRLEN("https://") + strlen(host);
        if (url[STRLEN("https://")] == '[') {
                if (rest[1] != ']')
                        return false;
                rest += 2;
        }
        return !*rest || (*rest == ':' && parse_u32(rest + 1, &port) >= 0 && port > 0 && port <= UINT16_MAX);
}

static bool api_pin_is_valid(const char *pin)
{
        const char *hash = startswith(pin, "sha256//");

        return hash && strlen(hash) == 44 && str_in_charset(hash, "+/=", 44) && hash[43] == '=';
}

static int host_record_check_api(const HostRecord *r, sd_bus_error *error)
{
        if (!streq(r->kind, "truenas")) {
                if (!isempty(r->api_url) || !isempty(r->api_pin) || !r->api_verify)
                        return sd_bus_error_setf(error, BUS_ERROR_INVALID_ARGUMENT,
                                                 "Only hosts of kind \"truenas\" have an API.");
                return 0;
        }
        if (!api_url_is_valid(strempty(r->api_url)))
                return sd_bus_error_setf(
                                error, BUS_ERROR_INVALID_ARGUMENT,
                                "\"%s\" is no URL of an API; it is like https://nas.example.org[:443].",
                                SHOWN(strempty(r->api_url)));
        if (!isempty(r->api_pin) && !api_pin_is_valid(r->api_pin))
                return sd_bus_error_setf(
                                error, BUS_ERROR_INVALID_ARGUMENT,
                                "\"%s\" is no pin; it is \"sha256//\" and the SHA256 of the public key in base64.",
                                SHOWN(r->api_pin));

        return 0;
}

bool host_record_is_local(const HostRecord *r)
{
        return streq(r->kind, "local");
}

/* How it is reached. */
static int host_record_check_place(const HostRecord *r, sd_bus_error *error)
{
        if (host_record_is_local(r)) {
                if (!isempty(r->address) || !isempty(r->user) || r->port != 0)
                        return sd_bus_error_setf(
                                        error, BUS_ERROR_INVALID_ARGUMENT,
                                        "A host of kind \"local\" is this machine: it has no address, port or user.");
                return 0;
        }
        if (!streq(r->kind, "ssh") && !streq(r->kind, "truenas"))
                return sd_bus_error_setf(
                                error, BUS_ERROR_INVALID_ARGUMENT,
                                "\"%s\" is no kind of host; \"ssh\", \"local\" and \"truenas\" are.",
                                SHOWN(r->kind));
        /* It goes to a resolver and nowhere else; still no room for anything but names and addresses. */
        if (!str_in_charset(r->address, ".:-_%", 255) || r->address[0] == '-')
                return sd_bus_error_setf(error, BUS_ERROR_INVALID_ARGUMENT,
                                         "\"%s\" is no host name or address.", SHOWN(r->address));
        if (r->port == 0)
                return sd_bus_error_setf(error, BUS_ERROR_INVALID_ARGUMENT, "A port is 1 to 65535.");
        /* Without a user there is no SSH: the API alone. */
        if ((!isempty(r->user) || !streq(r->kind, "truenas")) &&
            (!str_in_charset(r->user, "._-", NAME_MAX_CHARS) || r->user[0] == '-'))
                return sd_bus_error_setf(error, BUS_ERROR_INVALID_ARGUMENT, "\"%s\" is no user name.",
                                         SHOWN(r->user));
        return 0;
}

int host_record_check(const HostRecord *r, sd_bus_error *error)
{
        int k;

        if (!host_name_is_valid(r->name))
                return sd_bus_error_setf(
                                error, BUS_ERROR_INVALID_ARGUMENT,
                                "A host's name has 1 to %u letters, digits and inner '.', '-', '_'.",
                                NAME_MAX_CHARS);
        k = bus_check_text("Notes", strempty(r->notes), TEXT_MAX_BYTES, true, BUS_ERROR_INVALID_ARGUMENT,
                           error);
        if (k >= 0)
                k = host_record_check_place(r, error);

        return k < 0 ? k : host_record_check_api(r, error);
}

Host *host_find(Manager *m, const char *name)
{
        Host *h;

        HASH_FIND_STR(m->hosts, name, h);
        return h;
}

Host *host_find_local(Manager *m)
{
        Host *h, *next;

        HASH_ITER(hh, m->hosts, h, next)
                if (host_record_is_local(&h->record))
                        return h;

        return NULL;
}

uint32_t host_count_drives(const Host *h)
{
        return HASH_CNT(hh_kname, h->drives_by_kname);
}

static int host_record_copy(const HostRecord *r, HostRecord *ret)
{
        HostRecord c = {
                .name = strdup(r->name),
                .address = strdup(r->address),
                .user = strdup(r->user),
                .kind = strdup(r->kind),
                .notes = strdup(strempty(r->notes)),
                .api_verify = r->api_verify,
                .lost = r->lost,
                .port = r->port,
                .added_usec = r->added_usec,
                .last_seen_usec = r->last_seen_usec,
        };

        if (!c.name || !c.address || !c.user || !c.kind || !c.notes ||
            free_and_strdup(&c.host_key, r->host_key) < 0 ||
            free_and_strdup(&c.host_key_sha256, r->host_key_sha256) < 0 ||
            free_and_strdup(&c.api_url, isempty(r->api_url) ? NULL : r->api_url) < 0 ||
            free_and_strdup(&c.api_pin, isempty(r->api_pin) ? NULL : r->api_pin) < 0) {
                host_record_done(&c);
                return -ENOMEM;
        }

        *ret = c;
        return 0;
}

/* lost: whether it was told of last that it does not answer. */
static void host_tell(Host *h, EventKind kind, bool lost, const char *what, const char *detail)
{
        _cleanup_free_ char *text = strf("Host %s %s%s%s", h->record.name, what,
                                         isempty(detail) ? "." : ": ", strempty(detail));
        HostRecord changed = h->record;
        bool own;
        int r;

        changed.lost = lost;
        r = text ? store_join(h->manager->store, &own) : -ENOMEM;
        if (r >= 0) {
                r = lost == h->record.lost ? 0 : store_host_put(h->manager->store, &changed);
                if (r >= 0)
                        r = event_add_host(h->manager, kind, &h->record, text);
                r = store_leave(h->manager->store, own, r);
        }
        if (r < 0)
                (void) manager_store_failed(h->manager, r);
        else
                h->record.lost = lost;
}

static void host_tell_lost(Host *h)
{
        host_tell(h, EVENT_HOST_LOST, true, "does not answer", h->state_reason);
        log_host(h, LOG_WARNING, MESSAGE_HOST_LOST, "Host %s has not answered for %" PRIu64 " s: %s",
                 h->record.name, (uint64_t) h->manager->settings.stale_threshold_seconds,
                 strempty(h->state_reason));
}

static int host_on_stale(sd_event_source *s, uint64_t usec, void *userdata)
{
        Host *h = userdata;

        if (h->state == HOST_ONLINE)
                host_set_state(h, HOST_STALE, strempty(h->state_reason));
        else if (h->state == HOST_STALE && !h->record.lost) /* it has not answered this burnind at all */
                host_tell_lost(h);
        return 0;
}

void host_on_stale_threshold(Host *h, uint32_t before)
{
        uint64_t due;

        if ((h->state == HOST_ONLINE || h->state == HOST_STALE) &&
            sd_event_source_get_time(h->stale_timer, &due) >= 0)
                (void) sd_event_source_set_time(
                                h->stale_timer,
                                due - before * USEC_PER_SEC +
                                                h->manager->settings.stale_threshold_seconds * USEC_PER_SEC);
}

int host_new(Manager *m, const HostRecord *record, Host **ret)
{
        _cleanup_(host_freep) Host *h = NULL;
        int r;

        h = new0(Host, 1);
        if (!h)
                return -ENOMEM;

        r = host_record_copy(record, &h->record);
        if (r < 0)
                return r;
        h->state = record->host_key ? HOST_STALE : HOST_NEW;
        r = sd_event_add_time_relative(m->event, &h->stale_timer, CLOCK_BOOTTIME,
                                       m->settings.stale_threshold_seconds * USEC_PER_SEC, USEC_PER_SEC,
                                       host_on_stale, h);
        if (r >= 0 && h->state != HOST_STALE)
                r = sd_event_source_set_enabled(h->stale_timer, SD_EVENT_OFF);
        if (r < 0)
                return r;

        h->last_seen_usec = record->last_seen_usec;
        h->state_reason = strf("not read yet since burnind started; it will be in a moment, or at once by: "
                               "burninctl host refresh %s",
                               h->record.name);
        if (!h->state_reason)
                return -ENOMEM;

        HASH_ADD_KEYPTR(hh, m->hosts, h->record.name, strlen(h->record.name), h);
        h->manager = m;
        *ret = TAKE_PTR(h);
        return 0;
}

Host *host_free(Host *h)
{
        Drive *d, *next;

        if (!h)
                return NULL;

        HASH_ITER(hh_kname, h->drives_by_kname, d, next) {
                HASH_DELETE(hh_kname, h->drives_by_kname, d);
                d->host = NULL;
        }
        if (h->manager)
                HASH_DEL(h->manager->hosts, h);
        sd_event_source_disable_unref(h->stale_timer);
        host_record_done(&h->record);
        free(h->state_reason);
        free(h->seen_host_key);
        free(h->seen_host_key_sha256);
        free(h->boot_id);
        free(h->os);
        free(h->missing_tools);
        free(h->detection_error);
        free(h->api_state);
        free(h->api_reason);
        free(h);
        return NULL;
}

int host_target(const Host *h, HostTarget *ret)
{
        *ret = (HostTarget){
                .name = h->record.name,
                .address = h->record.address,
                .port = h->record.port,
                .user = h->record.user,
                .host_key = h->record.host_key,
                .local = host_record_is_local(&h->record),
                .api = !host_has_shell(h),
        };
        return 0;
}

int host_open_key(const Host *h)
{
        return host_record_is_local(&h->record) || !host_has_shell(h)
                               ? memfd_new_sealed("burnin-ssh-key", "", 0)
                               : manager_open_ssh_key(h->manager);
}

static void host_set_drives_stale(Host *h, bool stale)
{
        Drive *d, *next;

        HASH_ITER(hh_kname, h->drives_by_kname, d, next)
                drive_set_stale(d, stale);
}

void host_set_state(Host *h, HostState state, const char *reason)
{
        HostState before = h->state;
        bool was_read = h->was_read;

        if (free_and_strdup(&h->state_reason, strempty(reason)) == 0 && before == state)
                return;

        h->state = state;
        h->was_read = h->was_read || state == HOST_ONLINE;
        if (state != before) {
                host_set_drives_stale(h, state != HOST_ONLINE);
                if (state == HOST_ONLINE) {
                        log_host(h, LOG_INFO, MESSAGE_HOST_BACK, "Host %s answers.", h->record.name);
                        if (was_read || h->record.lost)
                                host_tell(h, EVENT_HOST_BACK, false, "answers again", NULL);
                } else if (state == HOST_STALE)
                        host_tell_lost(h);
                else if (state == HOST_KEY_CHANGED) {
                        host_tell(h, EVENT_HOST_KEY_CHANGED, h->record.lost,
                                  "shows another SSH key than the accepted one; nothing runs there until it is accepted",
                                  NULL);
                        log_host(h, LOG_CRIT, MESSAGE_HOST_KEY_CHANGED,
                                 "Host %s shows another key than the accepted one (%s, accepted was %s). Nothing runs there until "
                                 "the new key is accepted: burninctl host accept-key %s.",
                                 h->record.name, strempty(h->seen_host_key_sha256),
                                 strempty(h->record.host_key_sha256), h->record.name);
                } else
                        log_host(h, LOG_NOTICE, NULL, "Host %s is %s: %s", h->record.name,
                                 host_state_to_string(state), strempty(reason));
        }

        host_emit_changed(h, (const char *const[]){ "State", "StateReason", NULL });
        if (state == HOST_ONLINE)
                queue_kick(h->manager);
}

const char *host_unfit_reason(const Host *h, const char **ret_error)
{
        switch (h->state) {
        case HOST_ONLINE:
                break;
        case HOST_UNCONFIRMED:
                *ret_error = BUS_ERROR_HOST_KEY_UNCONFIRMED;
                return "its SSH key was not accepted yet";
        case HOST_KEY_CHANGED:
                *ret_error = BUS_ERROR_HOST_KEY_CHANGED;
                return "its SSH key has changed";
        case HOST_NEW:
        case HOST_STALE:
        case HOST_AUTH:
        default:
                *ret_error = BUS_ERROR_HOST_UNREACHABLE;
                return isempty(h->state_reason) ? "it does not answer" : h->state_reason;
        }

        if (!isempty(h->missing_tools)) {
                *ret_error = BUS_ERROR_HOST_UNFIT;
                return h->missing_tools;
        }
        if (!host_has_shell(h) && streq_ptr(h->api_state, POLL_API_NO_SMART)) {
                *ret_error = BUS_ERROR_HOST_UNFIT;
                return "its API has no SMART calls, as that of TrueNAS 25.10 and later; give it a user to log in as "
                       "(burninctl host configure --user=root)";
        }

        return "";
}

int host_add(Manager *m, const HostRecord *record, Host **ret)
{
        Host *h;
        int r;

        r = store_host_put(m->store, record);
        if (r < 0)
                return manager_store_failed(m, r);

        r = host_new(m, record, &h);
        if (r < 0)
                return r;

        host_emit_added(h);
        if (host_record_is_local(&h->record))
                log_host(h, LOG_INFO, MESSAGE_HOST_ADDED, "Host %s (this machine) was added.",
                         h->record.name);
        else if (host_has_shell(h))
                log_host(h, LOG_INFO, MESSAGE_HOST_ADDED, "Host %s (%s@%s port %u) was added.",
                         h->record.name, h->record.user, h->record.address, h->record.port);
        else
                log_host(h, LOG_INFO, MESSAGE_HOST_ADDED, "Host %s (%s) was added.", h->record.name,
                         h->record.api_url);
        poll_put_host(h);
        *ret = h;
        return 0;
}

/* Runs there go on; who follows them must reach the host as it is reached now. */
static void host_replace_workers(Host *h, const char *why)
{
        Job *j, *next;

        HASH_ITER(hh, h->manager->jobs, j, next) {
                Stage *s = streq_ptr(j->record.host, h->record.name) ? job_current_stage(j) : NULL;

                if (s)
                        stage_replace_worker(s, why);
        }
}

/* Missing until somebody sees them again. */
static void host_forget_drives(Host *h)
{
        Drive *d, *next;

        HASH_ITER(hh_kname, h->drives_by_kname, d, next) {
                if (drive_set_missing(d) < 0)
                        log_drive(d, LOG_WARNING, NULL, "Drive %s could not be recorded as missing.",
                                  d->record.id);
                drive_emit_pending(d);
        }
}

int host_configure(Host *h, const HostRecord *record)
{
        bool moved, reached_otherwise, had_shell = host_has_shell(h);
        HostRecord copy;
        int r;

        r = store_host_put(h->manager->store, record);
        if (r < 0)
                return manager_store_failed(h->manager, r);
        r = host_record_copy(record, &copy);
        if (r < 0)
                return r;

        moved = !streq_ptr(record->address, h->record.address) || record->port != h->record.port;
        reached_otherwise = moved || !streq_ptr(record->user, h->record.user);
        h->moved |= moved;

        /* The name is the key of the table and stays. */
        free(copy.name);
        copy.name = TAKE_PTR(h->record.name);
        host_record_done(&h->record);
        h->record = copy;

        host_emit_changed(h, (const char *const[]){ "Address", "Port", "User", "Notes", "ApiUrl", "ApiPin",
                                                    "ApiVerify", NULL });
        /* What one of them found says nothing of what the other one will. */
        if (host_has_shell(h) != had_shell) {
                host_forget_drives(h);
                host_set_state(h, HOST_NEW, "it is asked in another way now; waiting for its first answer");
        }
        if (reached_otherwise)
                host_replace_workers(h, "the connection settings of its host were changed");
        poll_put_host(h);
        return 0;
}

/* A drive of a host that was removed is missing, and nobody knows where it is. */
static void host_disown_drives(Host *h)
{
        Drive *d, *next;

        HASH_ITER(hh, h->manager->drives, d, next) {
                if (!streq_ptr(d->record.host, h->record.name))
                        continue;
                if (d->host && drive_set_missing(d) < 0)
                        log_drive(d, LOG_WARNING, NULL, "Drive %s could not be recorded as missing.",
                                  d->record.id);
                (void) free_and_strdup(&d->record.host, NULL);
                drive_emit_pending(d);
                drive_emit_changed(d, (const char *const[]){ "Host", NULL });
        }
}

int host_remove(Host *h)
{
        Manager *m = h->manager;
        int r;

        /* First the drives, which name it; the store lets go of the names with the host. */
        host_disown_drives(h);
        r = store_host_del(m->store, h->record.name);
        if (r < 0)
                return manager_store_failed(m, r);

        poll_remove_host(h);
        api_key_remove(h->record.name);
        log_host(h, LOG_INFO, MESSAGE_HOST_REMOVED, "Host %s was removed.", h->record.name);
        host_emit_removed(h);
        host_free(h);
        return 0;
}

int host_accept_key(Host *h)
{
        HostRecord changed = h->record;
        int r;

        changed.host_key = h->seen_host_key;
        changed.host_key_sha256 = h->seen_host_key_sha256;
        r = store_host_put(h->manager->store, &changed);
        if (r < 0)
                return manager_store_failed(h->manager, r);

        r = free_and_strdup(&h->record.host_key, h->seen_host_key);
        if (r >= 0)
                r = free_and_strdup(&h->record.host_key_sha256, h->seen_host_key_sha256);
        if (r < 0)
                return r;

        log_host(h, LOG_NOTICE, MESSAGE_HOST_KEY_ACCEPTED, "The key %s of host %s was accepted.",
                 h->record.host_key_sha256, h->record.name);
        host_emit_changed(h, (const char *const[]){ "HostKeyFingerprint", NULL });
        h->moved = false;
        host_set_state(h, HOST_NEW, "its key was accepted; waiting for its first answer");
        host_replace_workers(h, "a key of its host was accepted");
        poll_put_host(h);
        return 0;
}

static void host_on_other_key(Host *h)
{
        if (h->moved)
                host_set_state(h, HOST_UNCONFIRMED, "the SSH key at its new address waits to be accepted");
        else
                host_set_state(h, HOST_KEY_CHANGED, "it shows another SSH key than the accepted one");
}

void host_on_hostkey(Host *h, const char *key, const char *sha256)
{
        if (free_and_strdup(&h->seen_host_key, key) < 0 ||
            free_and_strdup(&h->seen_host_key_sha256, sha256) < 0) {
                log_oom();
                return;
        }

        host_emit_changed(h, (const char *const[]){ "SeenHostKeyFingerprint", NULL });
        if (!h->record.host_key)
                host_set_state(h, HOST_UNCONFIRMED, "its SSH key waits to be accepted");
        else if (!streq(h->record.host_key, key))
                host_on_other_key(h);
        else
                h->moved = false;
}

void host_on_failure(Host *h, const char *error, const char *reason)
{
        if (streq(error, POLL_ERROR_HOST_KEY_CHANGED)) {
                host_on_other_key(h);
                return;
        }

        if (streq(error, POLL_ERROR_TIMEOUT)) {
                h->hung_polls++;
                host_emit_changed(h, (const char *const[]){ "HungPolls", NULL });
        }
        if (!host_has_shell(h)) {
                /* host_on_api() has it with what to do about it. */
                reason = strempty(h->api_reason);
                if (streq(error, POLL_ERROR_AUTHENTICATION))
                        return;
                if (h->state == HOST_AUTH)
                        host_set_state(h, HOST_STALE, reason);
        }

        /* One failed poll makes no host stale: the timer does, after stale_threshold. What went wrong is shown at once. */
        if (h->state == HOST_ONLINE) {
                if (free_and_strdup(&h->state_reason, reason) > 0)
                        host_emit_changed(h, (const char *const[]){ "StateReason", NULL });
        } else if (h->state != HOST_UNCONFIRMED && h->state != HOST_KEY_CHANGED)
                host_set_state(h, h->state, reason);
}

/* What a person can do about it, behind the reason; "" where waiting is all. */
static char *api_advice(const Host *h, const char *state)
{
        static const struct {
                const char *state, *what, *option;
        } advices[] = {
                { POLL_ERROR_AUTHENTICATION, "make one in TrueNAS (Credentials, API Keys), and give it",
                  "--api-key-file=FILE" },
                { POLL_ERROR_TLS, "give TrueNAS a certificate that this machine trusts, or pin its key",
                  "--api-pin=sha256//..." },
                { POLL_ERROR_NO_API, "it can be reached by SSH", "--user=root" },
        };

        for (size_t i = 0; i < ELEMENTSOF(advices); i++)
                if (streq(advices[i].state, state))
                        return strf("; %s: burninctl host configure %s %s", advices[i].what, h->record.name,
                                    advices[i].option);

        return strdup("");
}

/* Said once, however often the API cannot be reached in between. */
static bool api_gone_is_news(Host *h, const char *state)
{
        const char *gone = streq(state, POLL_API_NO_SMART)   ? POLL_API_NO_SMART
                           : streq(state, POLL_ERROR_NO_API) ? POLL_ERROR_NO_API
                                                             : NULL;
        bool news = gone && !streq_ptr(gone, h->api_gone);

        if (gone || streq(state, POLL_API_OK))
                h->api_gone = gone;
        return news;
}

void host_on_api(Host *h, const char *state, const char *reason)
{
        _cleanup_free_ char *advice = api_advice(h, state), *words = NULL;
        bool changed;
        int r;

        words = strf("%s%s", reason, strempty(advice));
        r = free_and_strdup(&h->api_state, state);
        if (!words || r < 0 || free_and_strdup(&h->api_reason, words) < 0) {
                log_oom();
                return;
        }
        changed = r > 0;
        host_emit_changed(h, (const char *const[]){ "ApiState", "ApiReason", NULL });
        if (!host_has_shell(h) && streq(state, POLL_ERROR_AUTHENTICATION))
                host_set_state(h, HOST_AUTH, words);
        if (!changed)
                return;

        if (!api_gone_is_news(h, state) &&
            (streq(state, POLL_API_NO_SMART) || streq(state, POLL_ERROR_NO_API)))
                return;
        if (streq(state, POLL_API_NO_SMART))
                log_host(h, LOG_NOTICE, MESSAGE_API_GONE,
                         "The API of %s has no SMART calls, as TrueNAS 25.10 and later; self-tests there go over SSH%s.",
                         h->record.name, host_has_shell(h) ? "" : ", for which it has no user yet");
        else if (streq(state, POLL_ERROR_NO_API))
                log_host(h, LOG_NOTICE, MESSAGE_API_GONE,
                         "%s has no REST API, as TrueNAS 26 and later; everything there goes over SSH%s.",
                         h->record.name, host_has_shell(h) ? "" : ", for which it has no user yet");
        else if (!streq(state, POLL_API_OK))
                log_host(h, LOG_NOTICE, NULL, "The API of %s cannot be used (%s): %s", h->record.name, state,
                         words);
}

static int host_set_facts(Host *h, struct json_object *cycle)
{
        const char *detection_error = NULL, *missing = NULL, *os = NULL, *boot_id = NULL;
        int r, changed = 0;

        if ((r = json_get_string(cycle, "detection_error", &detection_error)) < 0 ||
            (r = json_get_string(cycle, "missing_tools", &missing)) < 0 ||
            (r = json_get_string(cycle, "os", &os)) < 0 ||
            (r = json_get_string(cycle, "boot_id", &boot_id)) < 0)
                return r;

        if ((r = free_and_strdup(&h->boot_id, boot_id)) < 0)
                return r;
        changed |= r = free_and_strdup(&h->os, os);
        if (r < 0)
                return r;
        changed |= r = free_and_strdup(&h->missing_tools, missing);
        if (r < 0)
                return r;
        changed |= r = free_and_strdup(&h->detection_error, detection_error);
        if (r < 0)
                return r;

        return changed;
}

/* Runs that could not be proven gone and that the host no longer lists as alive. */
static int host_clear_remnants(Host *h, struct json_object *cycle)
{
        struct json_object *live = NULL;
        Drive *d, *next;
        int r;

        r = json_get(cycle, "live_runs", json_type_array, &live);
        if (r <= 0)
                return r;

        HASH_ITER(hh_kname, h->drives_by_kname, d, next) {
                bool alive = false;

                if (!d->remnant)
                        continue;
                for (size_t i = 0; i < json_object_array_length(live); i++)
                        alive |= streq_ptr(json_object_get_string(json_object_array_get_idx(live, i)),
                                           d->remnant);
                if (alive)
                        continue;

                r = store_remnant_del(h->manager->store, d->remnant);
                if (r < 0)
                        return r;
                log_drive(d, LOG_NOTICE, NULL, "The run %s on drive %s of %s is gone.", d->remnant,
                          strempty(d->record.kname), h->record.name);
                drive_set_remnant(d, NULL);
        }

        return 0;
}

/* Everything is read and checked before anything is changed. Owner of the facts: the caller. */
static int cycle_read_drives(struct json_object *cycle, DriveFacts ***ret, size_t *ret_n)
{
        struct json_object *changed = NULL;
        DriveFacts **facts = NULL;
        size_t n = 0;
        int r;

        r = json_get(cycle, "changed", json_type_array, &changed);
        if (r < 0)
                return r;
        if (r == 0 || json_object_array_length(changed) == 0) {
                *ret = NULL;
                *ret_n = 0;
                return 0;
        }
        if (json_object_array_length(changed) > HOST_CYCLE_DRIVES_MAX)
                return -EBADMSG;

        facts = new0(DriveFacts *, json_object_array_length(changed));
        if (!facts)
                return -ENOMEM;

        for (; n < json_object_array_length(changed); n++) {
                r = drive_facts_from_json(json_object_array_get_idx(changed, n), &facts[n]);
                if (r < 0)
                        break;
        }
        if (r < 0) {
                while (n > 0)
                        drive_facts_free(facts[--n]);
                free(facts);
                return r;
        }

        *ret = facts;
        *ret_n = n;
        return 0;
}

static int host_apply_gone(Host *h, struct json_object *cycle, char ***keys)
{
        struct json_object *gone = NULL;
        int r;

        r = json_get(cycle, "gone", json_type_array, &gone);
        if (r <= 0)
                return r;

        for (size_t i = 0; i < json_object_array_length(gone); i++) {
                const char *kname = json_object_get_string(json_object_array_get_idx(gone, i));
                Drive *d;

                if (!kname)
                        continue;
                HASH_FIND(hh_kname, h->drives_by_kname, kname, strlen(kname), d);
                if (!d)
                        continue;
                if (d->identity_state == IDENTITY_SHARED) {
                        r = strv_extend(keys, d->base_key);
                        if (r < 0)
                                return r;
                }
                r = drive_set_missing(d);
                if (r < 0)
                        return r;
                drive_emit_pending(d);
        }

        return 0;
}

/* Drives may have swapped names: first all that are no longer where they were leave, then each takes its place. */
static int host_apply_changed(Host *h, DriveFacts **facts, size_t n)
{
        _cleanup_free_ Drive **displaced = new0(Drive *, n + 1);
        int r;

        if (!displaced)
                return -ENOMEM;

        for (size_t i = 0; i < n; i++) {
                r = drive_displace(h, facts[i], displaced + i);
                if (r < 0)
                        return r;
        }
        for (size_t i = 0; i < n; i++) {
                r = drive_on_facts(h, facts[i], !h->detection_error);
                if (r < 0)
                        return r;
        }
        for (size_t i = 0; i < n; i++)
                if (displaced[i] && !displaced[i]->host) {
                        r = drive_set_missing(displaced[i]);
                        if (r < 0)
                                return r;
                        drive_emit_pending(displaced[i]);
                }

        return 0;
}

static int host_apply_cycle(Host *h, struct json_object *cycle, DriveFacts **facts, size_t n)
{
        _cleanup_(store_rollbackp) Store *transaction = NULL;
        _cleanup_strv_free_ char **keys = NULL;
        int r;

        /* The poller tells it again whenever this has been lost, and nothing begins before it did. */
        r = store_begin_relaxed(h->manager->store);
        if (r < 0)
                return r;
        transaction = h->manager->store;

        r = host_apply_gone(h, cycle, &keys);
        if (r < 0)
                return r;
        r = host_apply_changed(h, facts, n);
        if (r < 0)
                return r;
        STRV_FOREACH(key, keys) {
                r = drive_resolve_shared(h->manager, *key);
                if (r < 0)
                        return r;
        }
        r = host_clear_remnants(h, cycle);
        if (r < 0)
                return r;

        r = store_commit(h->manager->store);
        if (r < 0)
                return r;
        transaction = NULL;
        return 0;
}

int host_on_cycle(Host *h, struct json_object *cycle)
{
        Manager *m = h->manager;
        DriveFacts **facts;
        uint32_t before = host_count_drives(h);
        size_t n;
        int r, facts_changed;

        r = cycle_read_drives(cycle, &facts, &n);
        if (r < 0)
                return r;

        r = facts_changed = host_set_facts(h, cycle);
        if (r >= 0) {
                r = host_apply_cycle(h, cycle, facts, n);
                if (r < 0)
                        (void) manager_store_failed(m, r);
        }
        for (size_t i = 0; i < n; i++) {
                Drive *d;

                HASH_FIND(hh_kname, h->drives_by_kname, facts[i]->kname, strlen(facts[i]->kname), d);
                if (d)
                        drive_emit_pending(d);
                drive_facts_free(facts[i]);
        }
        free(facts);
        grants_review(m);
        if (r < 0)
                return r;

        /* It answers with the accepted key, so that is the one it shows, and another one from here on is a changed one. */
        if (!h->seen_host_key && h->record.host_key && host_has_shell(h))
                host_on_hostkey(h, h->record.host_key, h->record.host_key_sha256);
        h->moved = false;
        h->last_seen_usec = now_usec(CLOCK_REALTIME);
        r = sd_event_source_set_time_relative(h->stale_timer,
                                              m->settings.stale_threshold_seconds * USEC_PER_SEC);
        if (r >= 0)
                r = sd_event_source_set_enabled(h->stale_timer, SD_EVENT_ONESHOT);
        if (r < 0)
                return r;

        if (facts_changed > 0)
                host_emit_changed(h, (const char *const[]){ "OperatingSystem", "MissingTools",
                                                            "DetectionState", NULL });
        if (before != host_count_drives(h))
                host_emit_changed(h, (const char *const[]){ "Drives", NULL });
        host_set_state(h, HOST_ONLINE, "");
        if (h->reread) {
                h->reread = false;
                (void) poll_refresh(h);
        }
        if (n > 0)
                queue_kick(m);
        return 0;
}
