/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "../unit/markup-check.h"
#include "basic/string-util.h"
#include "basic/strv.h"
#include "fuzz.h"
#include "notify/hook.h"
#include "notify/mail.h"

static void check_mail(const char *mail)
{
        const char *body = strstr(mail, "\r\n\r\n");
        size_t headers = 0;

        check(body && endswith(mail, ".burnin--\r\n"));
        for (const char *p = mail; *p; p++) {
                check((*p >= ' ' && *p <= '~') || *p == '\r' || *p == '\n');
                check((*p == '\r') == (p[1] == '\n'));
                if (*p == '\n' && p < body)
                        headers += p[1] != ' ';
        }
        /* Date, From, To, Subject, Message-ID, Auto-Submitted, X-Burnin-Event, MIME-Version, Content-Type, however they are folded. */
        check(headers == 8);
}

static void check_hook(const NotifyRequest *r, const Text *t)
{
        _cleanup_json_ struct json_object *body = NULL;
        _cleanup_(hook_done) Hook h = {};

        if (hook_compose(r, t, 1, &h) < 0)
                return;
        check(startswith(h.url, "http://") || startswith(h.url, "https://"));
        STRV_FOREACH(header, h.headers)
                for (const char *p = *header; *p; p++)
                        check(*p >= ' ' && *p <= '~');
        check(json_parse(h.body, strlen(h.body), &body) == 0);
}

/* What burnind sends, with what hosts and people have put into it. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        _cleanup_json_ struct json_object *o = NULL, *again = NULL;
        _cleanup_(notify_request_done) NotifyRequest r = {}, same = {};
        _cleanup_free_ char *mail = NULL;
        _cleanup_(text_done) Text t = {};

        if (json_parse_as((const char *) data, size, json_type_object, &o) < 0 ||
            notify_request_from_json(o, &r) < 0)
                return 0;
        check(notify_request_to_json(&r, &again) == 0 && notify_request_from_json(again, &same) == 0);
        if (!r.event || text_from_event(r.event, r.site, &t) < 0)
                return 0;
        check(str_is_clean(t.title, TEXT_TITLE_MAX, false) && markup_is_inert(t.html, 0));

        if (r.kind == NOTIFIER_MAIL) {
                check(mail_compose(&r, &t, &mail) == 0);
                check_mail(mail);
        } else
                check_hook(&r, &t);
        return 0;
}
