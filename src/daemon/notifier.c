/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "basic/fd-util.h"
#include "basic/log.h"
#include "basic/string-util.h"
#include "basic/strv.h"
#include "daemon/notifier.h"

static const char *const notifier_id_table[_NOTIFIER_ID_MAX] = {
        [NOTIFIER_ID_MAIL] = "mail",
        [NOTIFIER_ID_WEBHOOK] = "webhook",
};
DEFINE_STRING_TABLE(notifier_id, NotifierId);

static const char *const credentials[_NOTIFIER_ID_MAX] = {
        [NOTIFIER_ID_MAIL] = "burnin.smtp-password",
        [NOTIFIER_ID_WEBHOOK] = "burnin.webhook-secret",
};

bool notifier_is_enabled(const Settings *s, NotifierId id)
{
        return id == NOTIFIER_ID_MAIL ? !isempty(s->smtp_host) && s->smtp_to : !isempty(s->webhook_url);
}

bool notifier_takes(const Settings *s, NotifierId id, EventKind kind)
{
        if (!notifier_is_enabled(s, id))
                return false;
        if (id == NOTIFIER_ID_WEBHOOK)
                return true;

        switch (kind) {
        case EVENT_JOB_FAILED:
        case EVENT_JOB_INCONCLUSIVE:
        case EVENT_JOB_STALLED:
                return s->smtp_alert_on_fail;
        case EVENT_JOB_PASSED:
                return s->smtp_alert_on_pass;
        default:
                return false;
        }
}

int notifiers_taking(const Settings *s, EventKind kind, char ***ret)
{
        _cleanup_strv_free_ char **names = NULL;

        for (NotifierId id = 0; id < _NOTIFIER_ID_MAX; id++)
                if (notifier_takes(s, id, kind) && strv_extend(&names, notifier_id_to_string(id)) < 0)
                        return -ENOMEM;

        *ret = TAKE_PTR(names);
        return 0;
}

/* Of burnind, since its start. 0 where there is none. */
static int read_secret(NotifierId id, char **ret)
{
        const char *directory = getenv("CREDENTIALS_DIRECTORY");
        _cleanup_(erase_and_freep) char *secret = NULL;
        _cleanup_free_ char *path = NULL;
        size_t size;
        int r;

        if (!directory)
                return 0;
        path = strf("%s/%s", directory, credentials[id]);
        if (!path)
                return -ENOMEM;
        r = read_file_full(path, NOTIFY_SECRET_MAX + 2, &secret, &size);
        if (r == -ENOENT)
                return 0;
        if (r < 0)
                return log_warning_errno(r, "Failed to read the credential %s: %m", credentials[id]);
        while (size > 0 && strchr("\r\n", secret[size - 1]))
                secret[--size] = '\0';
        if (strlen(secret) != size || !notify_secret_is_valid(secret)) {
                log_warning("The credential %s is no password: printable ASCII, one line, %u characters at most.",
                            credentials[id], NOTIFY_SECRET_MAX);
                return 0;
        }

        *ret = TAKE_PTR(secret);
        return 0;
}

static int fill_mail(const Settings *s, NotifyRequest *r)
{
        r->kind = NOTIFIER_MAIL;
        r->smtp_mode = smtp_mode_from_string(s->smtp_mode);
        r->smtp_port = s->smtp_port;
        r->smtp_host = strdup(s->smtp_host);
        r->smtp_from = isempty(s->smtp_from) ? strf("burnin@%s", r->site) : strdup(s->smtp_from);
        if (!r->smtp_host || !r->smtp_from)
                return -ENOMEM;
        if (!isempty(s->smtp_user) && !(r->smtp_user = strdup(s->smtp_user)))
                return -ENOMEM;
        STRV_FOREACH(address, s->smtp_to)
                if (strv_extend(&r->smtp_to, *address) < 0)
                        return -ENOMEM;

        return 0;
}

int notifier_request(const Settings *s, NotifierId id, const char *site, const char *body,
                     NotifyRequest *ret)
{
        _cleanup_(notify_request_done) NotifyRequest request = {};
        int r;

        r = json_parse_as(body, strlen(body), json_type_object, &request.event);
        if (r < 0)
                return r;
        request.site = strdup(site);
        if (!request.site)
                return -ENOMEM;
        if (id == NOTIFIER_ID_MAIL) {
                r = fill_mail(s, &request);
                if (r < 0)
                        return r;
        } else {
                request.kind = NOTIFIER_WEBHOOK;
                request.url = strdup(s->webhook_url);
                if (!request.url)
                        return -ENOMEM;
        }
        r = read_secret(id, &request.secret);
        if (r < 0)
                return r;

        *ret = request;
        request = (NotifyRequest){};
        return 0;
}
