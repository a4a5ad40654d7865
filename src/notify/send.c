/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <curl/curl.h>
#include <stdio.h>

#include "basic/string-util.h"
#include "basic/strv.h"
#include "basic/time-util.h"
#include "notify/hook.h"
#include "notify/mail.h"
#include "notify/send.h"

#define SHOWN_MAX 200U           /* of what the other side answers */
#define BODY_MAX  (256U * 1024U) /* more is not read */

typedef struct Transfer {
        CURL *easy;
        struct curl_slist *list; /* headers, or addresses */
        const char *upload;
        size_t upload_left;
        char answer[SHOWN_MAX];
        size_t n_answer, n_read;
        char words[CURL_ERROR_SIZE];
} Transfer;

static void transfer_done(Transfer *t)
{
        curl_easy_cleanup(t->easy);
        for (struct curl_slist *l = t->list; l; l = l->next)
                explicit_bzero(l->data, strlen(l->data));
        curl_slist_free_all(t->list);
}

static size_t on_answer(char *data, size_t one, size_t n, void *userdata)
{
        Transfer *t = userdata;
        size_t k = MIN(n, sizeof(t->answer) - t->n_answer);

        memcpy(t->answer + t->n_answer, data, k);
        t->n_answer += k;
        t->n_read += n;
        return t->n_read > BODY_MAX ? 0 : n;
}

static size_t on_upload(char *buffer, size_t one, size_t n, void *userdata)
{
        Transfer *t = userdata;
        size_t k = MIN(one * n, t->upload_left);

        memcpy(buffer, t->upload, k);
        t->upload += k;
        t->upload_left -= k;
        return k;
}

static int add(Transfer *t, const char *line)
{
        struct curl_slist *l = line ? curl_slist_append(t->list, line) : NULL;

        if (!l)
                return -ENOMEM;
        t->list = l;
        return 0;
}

#define SET(t, option, value) (curl_easy_setopt((t)->easy, option, value) == CURLE_OK)

static int transfer_init(Transfer *t, const char *protocols, const char *url)
{
        t->easy = curl_easy_init();
        if (!t->easy || !SET(t, CURLOPT_URL, url) || !SET(t, CURLOPT_PROTOCOLS_STR, protocols) ||
            !SET(t, CURLOPT_PROXY, "") || !SET(t, CURLOPT_NOSIGNAL, 1L) ||
            !SET(t, CURLOPT_NETRC, (long) CURL_NETRC_IGNORED) || !SET(t, CURLOPT_SSL_VERIFYPEER, 1L) ||
            !SET(t, CURLOPT_SSL_VERIFYHOST, 2L) ||
            !SET(t, CURLOPT_SSLVERSION, (long) CURL_SSLVERSION_TLSv1_2) ||
            !SET(t, CURLOPT_CONNECTTIMEOUT, SEND_CONNECT_SEC) ||
            !SET(t, CURLOPT_TIMEOUT, SEND_TIMEOUT_SEC) || !SET(t, CURLOPT_ERRORBUFFER, t->words) ||
            !SET(t, CURLOPT_WRITEFUNCTION, on_answer) || !SET(t, CURLOPT_WRITEDATA, t))
                return -ENOMEM;

        return 0;
}

static int answer(NotifyAnswer *ret, DeliveryResult result, const char *before, const char *words, size_t n)
{
        _cleanup_free_ char *clean = NULL;

        while (n > 0 && strchr(" \r\n", words[n - 1]))
                n--;
        clean = str_clean(words, n, SHOWN_MAX, false);
        if (!clean)
                return -ENOMEM;
        ret->error = strf("%s%s%s", before, isempty(clean) ? "" : ": ", clean);
        if (!ret->error)
                return -ENOMEM;

        ret->result = result;
        return 0;
}

static int answer_of_curl(const Transfer *t, CURLcode code, DeliveryResult result, const char *before,
                          NotifyAnswer *ret)
{
        const char *words = isempty(t->words) ? curl_easy_strerror(code) : t->words;

        return answer(ret, result, before, words, strlen(words));
}

static int judge_http(const Transfer *t, CURLcode code, NotifyAnswer *ret)
{
        long status = 0;
        char before[64];

        (void) curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
        /* Of an answer that is too long, or is cut off, its first line says enough. */
        if (status < 200)
                return answer_of_curl(t, code, DELIVERY_FAILED, "it could not be sent", ret);
        if (status < 300) {
                *ret = (NotifyAnswer){ .result = DELIVERY_TAKEN };
                return 0;
        }
        if (status < 400) {
                (void) snprintf(before, sizeof(before), "HTTP %li", status);
                return answer(ret, DELIVERY_REFUSED, before, "it is elsewhere; redirects are not followed",
                              STRLEN("it is elsewhere; redirects are not followed"));
        }

        (void) snprintf(before, sizeof(before), "HTTP %li", status);
        return answer(ret,
                      status >= 500 || status == 408 || status == 425 || status == 429 ? DELIVERY_FAILED
                                                                                       : DELIVERY_REFUSED,
                      before, t->answer, t->n_answer);
}

static int send_hook(const NotifyRequest *r, const Text *text, NotifyAnswer *ret)
{
        _cleanup_(transfer_done) Transfer t = {};
        _cleanup_(hook_done) Hook h = {};
        int k;

        k = hook_compose(r, text, now_usec(CLOCK_REALTIME), &h);
        if (k == -EBADMSG)
                return answer(ret, DELIVERY_REFUSED, "its URL is none of this kind of notifier", "", 0);
        if (k < 0)
                return k;
        k = transfer_init(&t, "http,https", h.url);
        STRV_FOREACH(header, h.headers)
                if (k >= 0)
                        k = add(&t, *header);
        if (k >= 0)
                k = add(&t, "Expect:");
        if (k < 0)
                return k;
        if (!SET(&t, CURLOPT_HTTPHEADER, t.list) || !SET(&t, CURLOPT_FOLLOWLOCATION, 0L) ||
            !SET(&t, CURLOPT_USERAGENT, "burnin/" BURNIN_VERSION) || !SET(&t, CURLOPT_POSTFIELDS, h.body) ||
            !SET(&t, CURLOPT_POSTFIELDSIZE, (long) strlen(h.body)))
                return -ENOMEM;

        return judge_http(&t, curl_easy_perform(t.easy), ret);
}

static int judge_mail(const Transfer *t, CURLcode code, NotifyAnswer *ret)
{
        long status = 0;

        if (code == CURLE_OK) {
                *ret = (NotifyAnswer){ .result = DELIVERY_TAKEN };
                return 0;
        }
        if (code == CURLE_LOGIN_DENIED)
                return answer_of_curl(t, code, DELIVERY_FAILED,
                                      "the mail server refuses the user and the password", ret);

        (void) curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
        if (status >= 500 && status < 600)
                return answer_of_curl(t, code, DELIVERY_REFUSED, "the mail server refuses it", ret);

        return answer_of_curl(t, code, DELIVERY_FAILED, "the mail server did not take it", ret);
}

/* The name that we give is the path of the URL. */
static char *mail_url(const NotifyRequest *r)
{
        bool bracket = strchr(r->smtp_host, ':');

        return strf("%s://%s%s%s:%" PRIu32 "/%s", r->smtp_mode == SMTP_SSL ? "smtps" : "smtp",
                    bracket ? "[" : "", r->smtp_host, bracket ? "]" : "",
                    r->smtp_port ?: smtp_port_of(r->smtp_mode), r->site);
}

static int mail_set_up(Transfer *t, const NotifyRequest *r)
{
        _cleanup_free_ char *from = strf("<%s>", r->smtp_from), *url = mail_url(r);
        int k;

        if (!from || !url)
                return -ENOMEM;
        k = transfer_init(t, "smtp,smtps", url);
        if (k < 0)
                return k;
        if (!SET(t, CURLOPT_USE_SSL, (long) (r->smtp_mode == SMTP_PLAIN ? CURLUSESSL_NONE : CURLUSESSL_ALL)))
                return -ENOMEM;
        if (r->smtp_user &&
            (!SET(t, CURLOPT_USERNAME, r->smtp_user) || !SET(t, CURLOPT_PASSWORD, strempty(r->secret))))
                return -ENOMEM;
        /* Nobody is written to: what is tried is all that comes before. */
        if (r->test)
                return SET(t, CURLOPT_NOBODY, 1L) && SET(t, CURLOPT_CUSTOMREQUEST, "NOOP") ? 0 : -ENOMEM;

        STRV_FOREACH(address, r->smtp_to) {
                _cleanup_free_ char *to = strf("<%s>", *address);

                k = add(t, to);
                if (k < 0)
                        return k;
        }
        if (!SET(t, CURLOPT_MAIL_FROM, from) || !SET(t, CURLOPT_MAIL_RCPT, t->list) ||
            !SET(t, CURLOPT_READFUNCTION, on_upload) || !SET(t, CURLOPT_READDATA, t) ||
            !SET(t, CURLOPT_UPLOAD, 1L))
                return -ENOMEM;

        return 0;
}

static int send_mail(const NotifyRequest *r, const Text *text, NotifyAnswer *ret)
{
        _cleanup_(transfer_done) Transfer t = {};
        _cleanup_free_ char *mail = NULL;
        int k;

        if (!r->test) {
                k = mail_compose(r, text, &mail);
                if (k < 0)
                        return k;
                t.upload = mail;
                t.upload_left = strlen(mail);
        }
        k = mail_set_up(&t, r);
        if (k < 0)
                return k;

        return judge_mail(&t, curl_easy_perform(t.easy), ret);
}

int notify_send(const NotifyRequest *r, NotifyAnswer *ret)
{
        _cleanup_(text_done) Text text = {};
        int k;

        if (r->event) {
                k = text_from_event(r->event, r->site, &text);
                if (k < 0)
                        return k;
        }
        if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
                return -ENOMEM;

        k = r->kind == NOTIFIER_MAIL ? send_mail(r, &text, ret) : send_hook(r, &text, ret);
        curl_global_cleanup();
        return k;
}
