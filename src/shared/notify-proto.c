/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <unistd.h>

#include "basic/string-util.h"
#include "basic/strv.h"
#include "shared/notify-proto.h"

#define LOCAL_PART_MAX 64U
#define DOMAIN_MAX     253U
#define SITE_MAX       253U

void notify_request_done(NotifyRequest *r)
{
        erase_and_freep(&r->secret);
        erase_and_freep(&r->url); /* of some kinds it is the secret */
        free(r->smtp_host);
        free(r->smtp_user);
        free(r->smtp_from);
        strv_free(r->smtp_to);
        free(r->site);
        json_object_put(r->event);
        *r = (NotifyRequest){};
}

/* Labels of letters, digits and hyphens, with dots between them. */
static bool domain_is_valid(const char *s)
{
        if (!str_in_charset(s, "-.", DOMAIN_MAX) || strchr(".-", s[0]) || strchr(".-", s[strlen(s) - 1]))
                return false;

        return !strstr(s, "..") && !strstr(s, ".-") && !strstr(s, "-.");
}

bool mail_address_is_valid(const char *s)
{
        const char *at = strrchr(s, '@');
        char local[LOCAL_PART_MAX + 1];

        if (!at || strlen(s) > NOTIFY_ADDRESS_MAX || (size_t) (at - s) > LOCAL_PART_MAX)
                return false;
        memcpy(local, s, (size_t) (at - s));
        local[at - s] = '\0';

        return str_in_charset(local, ".!#$%&'*+/=?^_`{|}~-", LOCAL_PART_MAX) && local[0] != '.' &&
               local[0] != '-' && !endswith(local, ".") && !strstr(local, "..") && domain_is_valid(at + 1);
}

bool notify_url_is_valid(const char *s)
{
        const char *rest = startswith(s, "https://") ?: startswith(s, "http://");
        size_t n = strlen(s), authority;

        if (!rest || n > NOTIFY_URL_MAX)
                return false;
        for (const char *p = s; *p; p++)
                if (*p <= ' ' || *p > '~' || strchr("\"#<>\\^`{|}", *p))
                        return false;

        authority = strcspn(rest, "/?");
        return authority > 0 && rest[0] != ':' && !memchr(rest, '@', authority);
}

bool notify_secret_is_valid(const char *s)
{
        size_t n = strlen(s);

        if (n == 0 || n > NOTIFY_SECRET_MAX || s[0] == ' ' || s[n - 1] == ' ')
                return false;
        for (const char *p = s; *p; p++)
                if (*p < ' ' || *p > '~')
                        return false;

        return true;
}

/* A name, or an address: in an URL the latter stands in brackets. */
bool smtp_host_is_valid(const char *s)
{
        return domain_is_valid(s) || (strchr(s, ':') && strspn(s, "0123456789abcdefABCDEF:.") == strlen(s) &&
                                      strlen(s) < sizeof("ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255"));
}

char *notify_site(void)
{
        char name[DOMAIN_MAX + 1] = "";

        return strdup(gethostname(name, sizeof(name) - 1) < 0 || !domain_is_valid(name) ? "localhost"
                                                                                        : name);
}

uint16_t smtp_port_of(SmtpMode mode)
{
        return mode == SMTP_SSL ? 465 : mode == SMTP_STARTTLS ? 587 : 25;
}

static int read_to(struct json_object *o, char ***ret)
{
        _cleanup_strv_free_ char **to = NULL;
        struct json_object *list = NULL;

        if (json_get(o, "to", json_type_array, &list) <= 0 || !json_is_strings(list) ||
            json_object_array_length(list) == 0 || json_object_array_length(list) > NOTIFY_TO_MAX)
                return -EBADMSG;
        for (size_t i = 0; i < json_object_array_length(list); i++) {
                const char *address = json_object_get_string(json_object_array_get_idx(list, i));

                if (!mail_address_is_valid(address))
                        return -EBADMSG;
                if (strv_extend(&to, address) < 0)
                        return -ENOMEM;
        }

        *ret = TAKE_PTR(to);
        return 0;
}

static int read_mail(struct json_object *o, NotifyRequest *r)
{
        struct json_object *mail = NULL;
        const char *mode = NULL;
        int k;

        if (json_get(o, "mail", json_type_object, &mail) <= 0 || json_get_string(mail, "mode", &mode) <= 0 ||
            json_get_u32(mail, "port", &r->smtp_port) < 0 || r->smtp_port > UINT16_MAX)
                return -EBADMSG;
        r->smtp_mode = smtp_mode_from_string(mode);
        if (r->smtp_mode < 0)
                return -EBADMSG;
        k = json_dup_text(mail, "host", DOMAIN_MAX, &r->smtp_host);
        if (k > 0)
                k = json_dup_text(mail, "from", NOTIFY_ADDRESS_MAX, &r->smtp_from);
        if (k <= 0)
                return k < 0 ? k : -EBADMSG;
        k = json_dup_text(mail, "user", NOTIFY_SECRET_MAX, &r->smtp_user);
        if (k < 0)
                return k;
        if (!smtp_host_is_valid(r->smtp_host) || !mail_address_is_valid(r->smtp_from))
                return -EBADMSG;

        return read_to(mail, &r->smtp_to);
}

static int read_request(struct json_object *o, NotifyRequest *r)
{
        const char *kind = NULL;
        int k;

        if (json_get_string(o, "kind", &kind) <= 0 || json_get_bool(o, "test", &r->test) < 0)
                return -EBADMSG;
        r->kind = notifier_kind_from_string(kind);
        if (r->kind < 0)
                return -EBADMSG;
        k = json_dup_text(o, "site", SITE_MAX, &r->site);
        if (k <= 0)
                return k < 0 ? k : -EBADMSG;
        if (!domain_is_valid(r->site))
                return -EBADMSG;
        k = json_dup_text(o, "secret", NOTIFY_SECRET_MAX, &r->secret);
        if (k < 0)
                return k;
        if (r->secret && !notify_secret_is_valid(r->secret))
                return -EBADMSG;

        k = json_get(o, "event", json_type_object, &r->event);
        if (k > 0)
                (void) json_object_get(r->event);
        if (k < 0 || (k == 0) != r->test || (r->test && r->kind != NOTIFIER_MAIL))
                return -EBADMSG;
        if (r->kind == NOTIFIER_MAIL)
                return read_mail(o, r);

        k = json_dup_text(o, "url", NOTIFY_URL_MAX, &r->url);
        if (k <= 0)
                return k < 0 ? k : -EBADMSG;
        return notify_url_is_valid(r->url) ? 0 : -EBADMSG;
}

int notify_request_from_json(struct json_object *o, NotifyRequest *ret)
{
        _cleanup_(notify_request_done) NotifyRequest r = {};
        int k;

        k = read_request(o, &r);
        if (k < 0)
                return k;

        *ret = r;
        r = (NotifyRequest){};
        return 0;
}

static int put_mail(struct json_object *o, const NotifyRequest *r)
{
        struct json_object *mail = json_object_new_object(), *to = json_object_new_array();
        int k;

        k = json_put(o, "mail", mail);
        if (k < 0 || !to) {
                json_object_put(to);
                return -ENOMEM;
        }
        STRV_FOREACH(address, r->smtp_to) {
                struct json_object *s = json_object_new_string(*address);

                if (!s || json_object_array_add(to, s) < 0) {
                        json_object_put(s);
                        json_object_put(to);
                        return -ENOMEM;
                }
        }
        if (json_put(mail, "to", to) < 0 || json_put_string(mail, "host", r->smtp_host) < 0 ||
            json_put_string(mail, "from", r->smtp_from) < 0 ||
            json_put_string(mail, "user", r->smtp_user) < 0 ||
            json_put_string(mail, "mode", smtp_mode_to_string(r->smtp_mode)) < 0 ||
            json_put_u64(mail, "port", r->smtp_port) < 0)
                return -ENOMEM;

        return 0;
}

int notify_request_to_json(const NotifyRequest *r, struct json_object **ret)
{
        _cleanup_json_ struct json_object *o = json_object_new_object();

        if (!o || json_put_string(o, "kind", notifier_kind_to_string(r->kind)) < 0 ||
            json_put_bool(o, "test", r->test) < 0 || json_put_string(o, "site", r->site) < 0 ||
            json_put_string(o, "url", r->url) < 0 || json_put_string(o, "secret", r->secret) < 0)
                return -ENOMEM;
        if (r->event && json_put(o, "event", json_object_get(r->event)) < 0)
                return -ENOMEM;
        if (r->kind == NOTIFIER_MAIL && put_mail(o, r) < 0)
                return -ENOMEM;

        *ret = TAKE_PTR(o);
        return 0;
}

void notify_answer_done(NotifyAnswer *a)
{
        free(a->error);
        *a = (NotifyAnswer){};
}

int notify_answer_from_json(struct json_object *o, NotifyAnswer *ret)
{
        const char *result = NULL;
        char *error = NULL;
        DeliveryResult k;
        int r;

        if (json_get_string(o, "result", &result) <= 0)
                return -EBADMSG;
        k = delivery_result_from_string(result);
        if (k < 0)
                return -EBADMSG;
        r = json_dup_text(o, "error", NOTIFY_ERROR_MAX, &error);
        if (r < 0)
                return r;
        if (!error != (k == DELIVERY_TAKEN)) {
                free(error);
                return -EBADMSG;
        }

        *ret = (NotifyAnswer){ .result = k, .error = error };
        return 0;
}

int notify_answer_to_json(const NotifyAnswer *a, struct json_object **ret)
{
        _cleanup_json_ struct json_object *o = json_object_new_object();

        if (!o || json_put_string(o, "result", delivery_result_to_string(a->result)) < 0 ||
            json_put_string(o, "error", a->error) < 0)
                return -ENOMEM;

        *ret = TAKE_PTR(o);
        return 0;
}
