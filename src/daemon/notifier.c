/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <systemd/sd-id128.h>
#include <utlist.h>

#include "basic/fd-util.h"
#include "basic/log.h"
#include "basic/string-util.h"
#include "basic/strv.h"
#include "basic/time-util.h"
#include "daemon/host.h"
#include "daemon/notifier.h"
#include "daemon/outbox.h"
#include "shared/names.h"

static Notifier *notifier_free(Notifier *n)
{
        if (!n)
                return NULL;

        if (n->test_message)
                (void) sd_bus_reply_method_errorf(
                                n->test_message, BUS_ERROR_NOT_DELIVERED,
                                "Nobody knows: it was given up before there was an answer.");
        sd_bus_message_unref(n->test_message);
        notify_call_free(n->test);
        notify_call_free(n->call);
        delivery_record_done(&n->delivery);
        notifier_record_done(&n->record);
        strv_free(n->events);
        strv_free(n->hosts);
        free(n);
        return NULL;
}
DEFINE_TRIVIAL_CLEANUP_FUNC(Notifier *, notifier_free);

static int notifier_compare(const Notifier *a, const Notifier *b)
{
        return strcmp(a->record.name, b->record.name);
}

static int split_words(const NotifierRecord *r, char ***ret_events, char ***ret_hosts)
{
        _cleanup_strv_free_ char **events = NULL;
        int k;

        k = strv_split(r->events, " ", &events);
        if (k >= 0)
                k = strv_split(r->hosts, " ", ret_hosts);
        if (k < 0)
                return k;

        *ret_events = TAKE_PTR(events);
        return 0;
}

/* Takes over what is in the record, also on failure. */
static int notifier_new(Manager *m, NotifierRecord *record, bool built_in, Notifier **ret)
{
        _cleanup_(notifier_freep) Notifier *n = new0(Notifier, 1);
        int r;

        if (!n) {
                notifier_record_done(record);
                return -ENOMEM;
        }
        n->manager = m;
        n->record = *record;
        *record = (NotifierRecord){};
        n->built_in = built_in;
        r = built_in ? 0 : split_words(&n->record, &n->events, &n->hosts);
        if (r < 0)
                return r;

        DL_INSERT_INORDER(m->notifiers, n, notifier_compare);
        if (ret)
                *ret = n;
        TAKE_PTR(n);
        return 0;
}

static int notifier_new_built_in(Manager *m, const char *name, NotifierKind kind)
{
        NotifierRecord record = { .name = strdup(name), .kind = kind };

        return record.name ? notifier_new(m, &record, true, NULL) : -ENOMEM;
}

static int notifier_new_stored(NotifierRecord *record, void *userdata)
{
        NotifierRecord own = *record;

        *record = (NotifierRecord){};
        return notifier_new(userdata, &own, false, NULL);
}

int notifiers_start(Manager *m)
{
        int r;

        r = notifier_new_built_in(m, NOTIFIER_MAIL_NAME, NOTIFIER_MAIL);
        if (r >= 0)
                r = notifier_new_built_in(m, NOTIFIER_WEBHOOK_NAME, NOTIFIER_WEBHOOK);
        if (r >= 0)
                r = store_notifier_list(m->store, notifier_new_stored, m);

        return r < 0 ? r : 0;
}

void notifiers_done(Manager *m)
{
        Notifier *n;

        while ((n = m->notifiers)) {
                DL_DELETE(m->notifiers, n);
                notifier_free(n);
        }
}

Notifier *notifier_find(const Manager *m, const char *name)
{
        Notifier *n;

        DL_FOREACH(m->notifiers, n)
                if (streq(n->record.name, name))
                        return n;

        return NULL;
}

bool notifier_is_set_up(const Notifier *n)
{
        const Settings *s = &n->manager->settings;

        if (n->record.kind == NOTIFIER_MAIL)
                return !isempty(s->smtp_host) && (!n->built_in || s->smtp_to);

        return !n->built_in || !isempty(s->webhook_url);
}

bool notifier_is_enabled(const Notifier *n)
{
        return (n->built_in || n->record.enabled) && notifier_is_set_up(n);
}

bool notifier_mail_takes(const Settings *s, EventKind kind)
{
        switch (kind) {
        case EVENT_JOB_FAILED:
        case EVENT_JOB_INCONCLUSIVE:
        case EVENT_JOB_STALLED:
        case EVENT_BACKUP_FAILED:
                return s->smtp_alert_on_fail;
        case EVENT_JOB_PASSED:
                return s->smtp_alert_on_pass;
        case EVENT_DAILY_REPORT:
                return s->smtp_report_hour < SMTP_REPORT_NEVER;
        default:
                return false;
        }
}

bool notifier_takes(const Notifier *n, EventKind kind, const char *host)
{
        if (!notifier_is_enabled(n))
                return false;
        if (n->built_in)
                return n->record.kind == NOTIFIER_WEBHOOK ? kind != EVENT_DAILY_REPORT
                                                          : notifier_mail_takes(&n->manager->settings, kind);
        /* It is large, and of all hosts: for those who have asked for it. */
        if (kind == EVENT_DAILY_REPORT)
                return n->record.severity <= event_severity(kind) && n->events &&
                       strv_contains(n->events, event_kind_to_string(kind));

        return event_severity(kind) >= n->record.severity &&
               (!n->events || strv_contains(n->events, event_kind_to_string(kind))) &&
               (!n->hosts || strv_contains(n->hosts, host));
}

int notifiers_taking(const Manager *m, EventKind kind, const char *host, char ***ret)
{
        _cleanup_strv_free_ char **names = NULL;
        Notifier *n;

        DL_FOREACH(m->notifiers, n)
                if (notifier_takes(n, kind, host) && strv_extend(&names, n->record.name) < 0)
                        return -ENOMEM;

        *ret = TAKE_PTR(names);
        return 0;
}

/* --- what people make of them ---------------------------------------------------------------------------------- */

char *notifier_url_shown(const char *url)
{
        const char *rest = startswith(url, "https://") ?: startswith(url, "http://") ?: url;

        return strndup(url, (size_t) (rest - url) + strcspn(rest, "/?"));
}

void notifier_change_done(NotifierChange *c)
{
        strv_free(c->to);
        strv_free(c->events);
        strv_free(c->hosts);
        *c = NOTIFIER_CHANGE_NULL;
}

int notifier_check_name(const char *name, sd_bus_error *error)
{
        size_t n = strlen(name);

        if (n > 0 && n <= NOTIFIER_NAME_MAX && name[0] >= 'a' && name[0] <= 'z' &&
            strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789._-") == n)
                return 0;

        return sd_bus_error_setf(
                        error, BUS_ERROR_INVALID_ARGUMENT,
                        "A notifier's name is a lower case letter and then at most %u of a-z, 0-9, '.', '_' "
                        "and '-'.",
                        NOTIFIER_NAME_MAX - 1);
}

static int check_filter(const NotifierChange *c, sd_bus_error *error)
{
        STRV_FOREACH(event, c->events)
                if (event_kind_from_string(*event) < 0)
                        return sd_bus_error_setf(error, BUS_ERROR_INVALID_ARGUMENT,
                                                 "There is no event '%s'. See org.burnin1(5).",
                                                 SHOWN(*event));
        STRV_FOREACH(host, c->hosts)
                if (!host_name_is_valid(*host))
                        return sd_bus_error_setf(error, BUS_ERROR_INVALID_ARGUMENT,
                                                 "'%s' is no name of a host.", SHOWN(*host));
        if (c->severity && severity_from_string(c->severity) < 0)
                return sd_bus_error_setf(error, BUS_ERROR_INVALID_ARGUMENT,
                                         "A severity is info, warning or error, and not '%s'.",
                                         SHOWN(c->severity));

        return 0;
}

static int check_secret(const char *secret, sd_bus_error *error)
{
        if (isempty(secret) || notify_secret_is_valid(secret))
                return 0;

        return sd_bus_error_setf(error, BUS_ERROR_INVALID_ARGUMENT,
                                 "A secret is one line of at most %u printable ASCII characters.",
                                 NOTIFY_SECRET_MAX);
}

static int check_target(NotifierKind kind, const NotifierChange *c, sd_bus_error *error)
{
        const char *word = notifier_kind_to_string(kind);

        if (kind == NOTIFIER_MAIL) {
                if (c->url || c->secret)
                        return sd_bus_error_setf(
                                        error, BUS_ERROR_INVALID_ARGUMENT,
                                        "A notifier of kind mail has no URL and no secret: it uses the mail "
                                        "server of the settings, and the password of the notifier mail.");
                STRV_FOREACH(address, c->to)
                        if (!mail_address_is_valid(*address))
                                return sd_bus_error_setf(error, BUS_ERROR_INVALID_ARGUMENT,
                                                         "'%s' is no address of mail.", SHOWN(*address));
                if (c->to && (strv_length(c->to) == 0 || strv_length(c->to) > NOTIFY_TO_MAX))
                        return sd_bus_error_setf(error, BUS_ERROR_INVALID_ARGUMENT,
                                                 "Mail goes to 1 to %u addresses.", NOTIFY_TO_MAX);
                return 0;
        }
        if (c->to)
                return sd_bus_error_setf(error, BUS_ERROR_INVALID_ARGUMENT,
                                         "A notifier of kind %s has an URL, and no addresses.", word);
        if (c->url && !notify_url_is_valid(c->url))
                return sd_bus_error_setf(
                                error, BUS_ERROR_INVALID_ARGUMENT,
                                "The URL must begin with https:// or http://, name a server, and have "
                                "no user, no blanks and at most %u characters.",
                                NOTIFY_URL_MAX);

        return check_secret(c->secret, error);
}

static int change_text(char **field, const char *value)
{
        return value && free_and_strdup(field, value) < 0 ? -ENOMEM : 0;
}

static int change_words(char **field, char *const *words)
{
        char *joined;

        if (!words)
                return 0;
        joined = words[0] ? strv_join(words, " ") : strdup("");
        if (!joined)
                return -ENOMEM;
        free(*field);
        *field = joined;
        return 0;
}

/* What was checked, into a record and its secret. */
static int change_apply(const NotifierChange *c, NotifierRecord *r, NotifierSecret *s)
{
        _cleanup_free_ char *shown = NULL;

        if (c->severity)
                r->severity = severity_from_string(c->severity);
        if (c->enabled >= 0)
                r->enabled = c->enabled;
        if (change_words(&r->events, c->events) < 0 || change_words(&r->hosts, c->hosts) < 0 ||
            change_words(&r->target, c->to) < 0)
                return -ENOMEM;
        if (c->url) {
                shown = notifier_url_shown(c->url);
                /* A secret goes nowhere but where it was meant for. */
                if (shown && !streq_ptr(shown, r->target)) {
                        erase_and_freep(&s->secret);
                        s->secret = NULL;
                }
                if (!shown || change_text(&r->target, shown) < 0 || change_text(&s->url, c->url) < 0)
                        return -ENOMEM;
        }
        if (c->secret) {
                erase_and_freep(&s->secret);
                s->secret = NULL;
                if (*c->secret && change_text(&s->secret, c->secret) < 0)
                        return -ENOMEM;
        }

        return 0;
}

static int not_recorded(Manager *m, int r, sd_bus_error *error)
{
        (void) manager_store_failed(m, r);
        return sd_bus_error_setf(error, BUS_ERROR_STORE,
                                 "That could not be recorded (%s), and nothing has changed.", strerror(-r));
}

/* Both, or neither: old is put back. */
static int notifier_store(Manager *m, const NotifierRecord *record, const NotifierSecret *old,
                          const NotifierSecret *new, sd_bus_error *error)
{
        int r;

        r = notifier_secret_put(record->name, new);
        if (r < 0)
                return not_recorded(m, r, error);
        r = store_notifier_put(m->store, record);
        if (r >= 0)
                return 0;

        (void) notifier_secret_put(record->name, old);
        return not_recorded(m, r, error);
}

static int check_new(Manager *m, const char *name, NotifierKind kind, const NotifierChange *change,
                     sd_bus_error *error)
{
        size_t n = 0;
        Notifier *other;

        if (kind == NOTIFIER_MAIL ? !change->to : !change->url)
                return sd_bus_error_setf(error, BUS_ERROR_INVALID_ARGUMENT,
                                         "A notifier of kind %s needs %s.", notifier_kind_to_string(kind),
                                         kind == NOTIFIER_MAIL ? "addresses that mail goes to"
                                                               : "the URL that it sends to");
        if (notifier_find(m, name))
                return sd_bus_error_setf(error, BUS_ERROR_NOTIFIER_EXISTS,
                                         "There is a notifier '%s' already.", name);
        DL_FOREACH(m->notifiers, other)
                n += !other->built_in;
        if (n >= NOTIFIERS_MAX)
                return sd_bus_error_setf(error, BUS_ERROR_LIMIT_REACHED,
                                         "There are %u notifiers; remove one first.", NOTIFIERS_MAX);

        return 0;
}

int notifier_add(Manager *m, const char *name, const char *kind, const NotifierChange *change,
                 sd_bus_error *error)
{
        _cleanup_(notifier_secret_done) NotifierSecret secret = {};
        NotifierRecord record = {
                .kind = notifier_kind_from_string(kind),
                .enabled = true,
                .severity = SEVERITY_INFO,
                .added_usec = now_usec(CLOCK_REALTIME),
        };
        int r;

        if (record.kind < 0)
                return sd_bus_error_setf(
                                error, BUS_ERROR_INVALID_ARGUMENT,
                                "A notifier is of kind mail, webhook, ntfy, slack, discord, gotify or "
                                "n8n, and not '%s'.",
                                SHOWN(kind));
        if ((r = check_filter(change, error)) < 0 || (r = check_target(record.kind, change, error)) < 0 ||
            (r = check_new(m, name, record.kind, change, error)) < 0)
                return r;

        r = change_text(&record.name, name);
        if (r >= 0)
                r = change_text(&record.events, "");
        if (r >= 0)
                r = change_text(&record.hosts, "");
        if (r >= 0)
                r = change_apply(change, &record, &secret);
        if (r >= 0)
                r = notifier_store(m, &record, &(NotifierSecret){}, &secret, error);
        if (r < 0) {
                notifier_record_done(&record);
                return r;
        }

        return notifier_new(m, &record, false, NULL);
}

/* Of a built-in one all but the secret is a setting. */
static int configure_built_in(Notifier *n, const NotifierChange *change, sd_bus_error *error)
{
        _cleanup_(notifier_secret_done) NotifierSecret secret = {};
        int r;

        if (change->url || change->severity || change->to || change->events || change->hosts ||
            change->enabled >= 0)
                return sd_bus_error_setf(
                                error, BUS_ERROR_INVALID_ARGUMENT,
                                "Of the notifier %s only the secret is set here. The rest are settings: %s.",
                                n->record.name,
                                n->record.kind == NOTIFIER_MAIL
                                                ? "smtp_host, smtp_to and what else begins with smtp_"
                                                : "webhook_url");
        r = check_secret(change->secret, error);
        if (r < 0 || !change->secret)
                return r;
        if (*change->secret && change_text(&secret.secret, change->secret) < 0)
                return -ENOMEM;
        r = notifier_secret_put(n->record.name, &secret);
        return r < 0 ? not_recorded(n->manager, r, error) : 0;
}

static int record_copy(const NotifierRecord *r, NotifierRecord *ret)
{
        *ret = *r;
        ret->name = strdup(r->name);
        ret->target = strdup(r->target);
        ret->events = strdup(r->events);
        ret->hosts = strdup(r->hosts);
        if (ret->name && ret->target && ret->events && ret->hosts)
                return 0;

        notifier_record_done(ret);
        return -ENOMEM;
}

int notifier_configure(Notifier *n, const NotifierChange *change, sd_bus_error *error)
{
        _cleanup_(notifier_secret_done) NotifierSecret old = {}, new = {};
        _cleanup_strv_free_ char **events = NULL, **hosts = NULL;
        NotifierRecord record;
        int r;

        if (n->built_in) {
                r = configure_built_in(n, change, error);
                if (r >= 0)
                        outbox_kick(n->manager);
                return r;
        }
        if ((r = check_filter(change, error)) < 0 || (r = check_target(n->record.kind, change, error)) < 0 ||
            (r = notifier_secret_read(n->record.name, &old)) < 0 ||
            (r = notifier_secret_read(n->record.name, &new)) < 0 ||
            (r = record_copy(&n->record, &record)) < 0)
                return r;

        r = change_apply(change, &record, &new);
        if (r >= 0)
                r = split_words(&record, &events, &hosts);
        if (r >= 0)
                r = notifier_store(n->manager, &record, &old, &new, error);
        if (r < 0) {
                notifier_record_done(&record);
                return r;
        }

        notifier_record_done(&n->record);
        n->record = record;
        strv_free(n->events);
        n->events = TAKE_PTR(events);
        strv_free(n->hosts);
        n->hosts = TAKE_PTR(hosts);
        outbox_kick(n->manager);
        return 0;
}

int notifier_remove(Notifier *n, sd_bus_error *error)
{
        Manager *m = n->manager;
        int r;

        if (n->built_in)
                return sd_bus_error_setf(
                                error, BUS_ERROR_WRONG_STATE,
                                "The notifier %s is always there. It sends nothing once the setting %s is "
                                "empty.",
                                n->record.name,
                                n->record.kind == NOTIFIER_MAIL ? "smtp_host" : "webhook_url");
        r = store_notifier_del(m->store, n->record.name);
        if (r < 0)
                return not_recorded(m, r, error);

        (void) notifier_secret_put(n->record.name, &(NotifierSecret){});
        DL_DELETE(m->notifiers, n);
        notifier_free(n);
        outbox_kick(m);
        return 0;
}

/* --- what they are asked ----------------------------------------------------------------------------------------- */

/* Of burnind, since its start; it wins. 0 where there is none. */
static int read_credential(const char *name, char **ret)
{
        const char *directory = getenv("CREDENTIALS_DIRECTORY");
        _cleanup_(erase_and_freep) char *secret = NULL;
        _cleanup_free_ char *path = NULL;
        size_t size;
        int r;

        if (!directory)
                return 0;
        path = strf("%s/%s", directory, name);
        if (!path)
                return -ENOMEM;
        r = read_file_full(path, NOTIFY_SECRET_MAX + 2, &secret, &size);
        if (r == -ENOENT)
                return 0;
        if (r < 0)
                return log_warning_errno(r, "Failed to read the credential %s: %m", name);
        while (size > 0 && strchr("\r\n", secret[size - 1]))
                secret[--size] = '\0';
        if (strlen(secret) != size || !notify_secret_is_valid(secret)) {
                log_warning("The credential %s is no password: printable ASCII, one line, %u characters at most.",
                            name, NOTIFY_SECRET_MAX);
                return 0;
        }

        *ret = TAKE_PTR(secret);
        return 0;
}

/* All mail goes by one server, with one password. */
int notifier_read_secret(const Notifier *n, NotifierSecret *ret)
{
        _cleanup_(notifier_secret_done) NotifierSecret s = {};
        bool mail = n->record.kind == NOTIFIER_MAIL;
        int r = 0;

        if (mail || n->built_in)
                r = read_credential(mail ? "burnin.smtp-password" : "burnin.webhook-secret", &s.secret);
        if (r >= 0 && !s.secret)
                r = notifier_secret_read(mail ? NOTIFIER_MAIL_NAME : n->record.name, &s);
        if (r < 0)
                return r;

        *ret = s;
        s = (NotifierSecret){};
        return 0;
}

static int fill_mail(const Notifier *n, NotifyRequest *r)
{
        const Settings *s = &n->manager->settings;

        r->smtp_mode = smtp_mode_from_string(s->smtp_mode);
        r->smtp_port = s->smtp_port;
        r->smtp_host = strdup(s->smtp_host);
        r->smtp_from = isempty(s->smtp_from) ? strf("burnin@%s", r->site) : strdup(s->smtp_from);
        if (!r->smtp_host || !r->smtp_from)
                return -ENOMEM;
        if (!isempty(s->smtp_user) && !(r->smtp_user = strdup(s->smtp_user)))
                return -ENOMEM;
        if (!n->built_in)
                return strv_split(n->record.target, " ", &r->smtp_to);
        STRV_FOREACH(address, s->smtp_to)
                if (strv_extend(&r->smtp_to, *address) < 0)
                        return -ENOMEM;

        return 0;
}

/* An event like any other to who gets it, but that nothing has happened. */
static int test_event(const Notifier *n, struct json_object **ret)
{
        _cleanup_json_ struct json_object *o = json_object_new_object();
        _cleanup_free_ char *text = NULL;
        char hex[SD_ID128_STRING_MAX], time[TIMESTAMP_MAX];
        sd_id128_t id;
        int r;

        r = sd_id128_randomize(&id);
        if (r < 0)
                return r;
        text = strf("Somebody has tried the notifier %s of burnin. Nothing has happened.", n->record.name);
        if (!o || !text || json_put_string(o, "event", "test") < 0 ||
            json_put_string(o, "id", sd_id128_to_string(id, hex)) < 0 ||
            json_put_string(o, "time", format_timestamp(time, now_usec(CLOCK_REALTIME))) < 0 ||
            json_put_string(o, "severity", severity_to_string(SEVERITY_INFO)) < 0 ||
            json_put_string(o, "title", "Test") < 0 || json_put_string(o, "text", text) < 0)
                return -ENOMEM;

        *ret = TAKE_PTR(o);
        return 0;
}

static int fill_event(const Notifier *n, const char *body, NotifyRequest *r)
{
        if (body)
                return json_parse_as(body, strlen(body), json_type_object, &r->event);
        r->test = n->record.kind == NOTIFIER_MAIL;
        return r->test ? 0 : test_event(n, &r->event);
}

int notifier_request(const Notifier *n, const char *site, const char *body, NotifyRequest *ret)
{
        _cleanup_(notify_request_done) NotifyRequest request = { .kind = n->record.kind };
        _cleanup_(notifier_secret_done) NotifierSecret secret = {};
        int r;

        request.site = strdup(site);
        if (!request.site)
                return -ENOMEM;
        r = fill_event(n, body, &request);
        if (r >= 0)
                r = notifier_read_secret(n, &secret);
        if (r < 0)
                return r;

        request.secret = TAKE_PTR(secret.secret);
        if (n->record.kind == NOTIFIER_MAIL)
                r = fill_mail(n, &request);
        else {
                request.url = n->built_in ? strdup(n->manager->settings.webhook_url) : TAKE_PTR(secret.url);
                r = request.url ? 0 : n->built_in ? -ENOMEM : -ENOKEY;
        }
        if (r < 0)
                return r;

        *ret = request;
        request = (NotifyRequest){};
        return 0;
}
