/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <curl/curl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/epoll.h>

#include "basic/log.h"
#include "basic/string-util.h"
#include "truenas/http.h"

struct HttpClient {
        sd_event *event;
        sd_event_source *timer;
        CURLM *multi;
};

struct HttpCall {
        HttpClient *client; /* weak */
        CURL *easy;
        struct curl_slist *headers;
        char *request_body;
        http_done_t done;
        void *userdata;
        char *body;
        size_t size, allocated;
        bool too_much;
        char words[CURL_ERROR_SIZE];
};

static size_t on_body(char *data, size_t one, size_t n, void *userdata)
{
        HttpCall *call = userdata;

        if (n > HTTP_BODY_MAX - call->size) {
                call->too_much = true;
                return 0;
        }
        if (call->size + n + 1 > call->allocated) {
                size_t wanted = MAX(call->allocated * 2, call->size + n + 1);
                char *b = realloc(call->body, wanted);

                if (!b)
                        return 0;
                call->body = b;
                call->allocated = wanted;
        }
        memcpy(call->body + call->size, data, n);
        call->size += n;
        call->body[call->size] = '\0';
        return n;
}

static HttpError error_of(const HttpCall *call, CURLcode code)
{
        curl_off_t sent = 0;

        if (code == CURLE_OK)
                return HTTP_OK;
        if (call->too_much || code == CURLE_FILESIZE_EXCEEDED)
                return HTTP_TOO_MUCH;

        switch (code) {
        case CURLE_PEER_FAILED_VERIFICATION:
        case CURLE_SSL_CONNECT_ERROR:
        case CURLE_SSL_PINNEDPUBKEYNOTMATCH:
        case CURLE_SSL_CERTPROBLEM:
        case CURLE_SSL_ISSUER_ERROR:
        case CURLE_SSL_INVALIDCERTSTATUS:
        case CURLE_SSL_CACERT_BADFILE:
                return HTTP_TLS;
        case CURLE_COULDNT_RESOLVE_HOST:
        case CURLE_COULDNT_CONNECT:
                return HTTP_UNREACHABLE;
        case CURLE_OPERATION_TIMEDOUT:
                /* Until the connection stood, nobody can have heard the request. */
                if (curl_easy_getinfo(call->easy, CURLINFO_PRETRANSFER_TIME_T, &sent) != CURLE_OK ||
                    sent == 0)
                        return HTTP_UNREACHABLE;
                return HTTP_TIMEOUT;
        default:
                return HTTP_LOST;
        }
}

static void call_end(HttpCall *call, CURLcode code)
{
        _cleanup_free_ char *reason = NULL;
        HttpAnswer a = { .error = error_of(call, code), .reason = "", .body = strempty(call->body) };
        curl_off_t retry_after = 0;
        char *type = NULL;
        long status = 0;

        a.size = call->size;
        if (a.error == HTTP_OK) {
                (void) curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
                (void) curl_easy_getinfo(call->easy, CURLINFO_CONTENT_TYPE, &type);
                (void) curl_easy_getinfo(call->easy, CURLINFO_RETRY_AFTER, &retry_after);
                a.status = (unsigned) status;
                a.json = type && strncasecmp(type, "application/json", STRLEN("application/json")) == 0;
                if (retry_after > 0)
                        a.retry_after_usec = MIN((uint64_t) retry_after, UINT64_C(3600)) * USEC_PER_SEC;
        } else if (a.error == HTTP_TOO_MUCH)
                a.reason = "the answer has more than 4 MiB";
        else {
                const char *words = isempty(call->words) ? curl_easy_strerror(code) : call->words;

                reason = str_clean(words, strlen(words), CURL_ERROR_SIZE, false);
                a.reason = strempty(reason);
        }

        /* Who is told may free the client's owner, but not this call any more. */
        (void) curl_multi_remove_handle(call->client->multi, call->easy);
        call->done(&a, call->userdata);
        call->client = NULL;
        http_call_free(call);
}

static void client_take_ended(HttpClient *c)
{
        CURLMsg *m;
        int left;

        while ((m = curl_multi_info_read(c->multi, &left))) {
                HttpCall *call = NULL;

                if (m->msg != CURLMSG_DONE)
                        continue;
                (void) curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **) &call);
                call_end(call, m->data.result);
        }
}

static int on_io(sd_event_source *s, int fd, uint32_t revents, void *userdata)
{
        HttpClient *c = userdata;
        int running, what = (revents & (EPOLLIN | EPOLLHUP) ? CURL_CSELECT_IN : 0) |
                            (revents & EPOLLOUT ? CURL_CSELECT_OUT : 0) |
                            (revents & EPOLLERR ? CURL_CSELECT_ERR : 0);

        (void) curl_multi_socket_action(c->multi, fd, what, &running);
        client_take_ended(c);
        return 0;
}

static int on_timer(sd_event_source *s, uint64_t usec, void *userdata)
{
        HttpClient *c = userdata;
        int running;

        (void) curl_multi_socket_action(c->multi, CURL_SOCKET_TIMEOUT, 0, &running);
        client_take_ended(c);
        return 0;
}

static int on_curl_socket(CURL *easy, curl_socket_t fd, int what, void *userdata, void *socketp)
{
        sd_event_source *s = socketp;
        HttpClient *c = userdata;
        uint32_t events = (what & CURL_POLL_IN ? EPOLLIN : 0U) | (what & CURL_POLL_OUT ? EPOLLOUT : 0U);

        if (what == CURL_POLL_REMOVE) {
                sd_event_source_disable_unref(s);
                (void) curl_multi_assign(c->multi, fd, NULL);
                return 0;
        }
        if (s)
                return sd_event_source_set_io_events(s, events) < 0 ? -1 : 0;
        if (sd_event_add_io(c->event, &s, fd, events, on_io, c) < 0)
                return -1;

        return curl_multi_assign(c->multi, fd, s) == CURLM_OK ? 0 : -1;
}

static int on_curl_timer(CURLM *multi, long msec, void *userdata)
{
        HttpClient *c = userdata;
        int r;

        if (msec < 0)
                return sd_event_source_set_enabled(c->timer, SD_EVENT_OFF) < 0 ? -1 : 0;
        r = sd_event_source_set_time_relative(c->timer, (uint64_t) msec * USEC_PER_MSEC);
        if (r >= 0)
                r = sd_event_source_set_enabled(c->timer, SD_EVENT_ONESHOT);
        return r < 0 ? -1 : 0;
}

int http_client_new(sd_event *event, HttpClient **ret)
{
        _cleanup_(http_client_freep) HttpClient *c = NULL;
        int r;

        if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
                return -ENOMEM;
        c = new0(HttpClient, 1);
        if (!c)
                return -ENOMEM;
        c->event = sd_event_ref(event);
        r = sd_event_add_time(event, &c->timer, CLOCK_MONOTONIC, UINT64_MAX, USEC_PER_MSEC, on_timer, c);
        if (r < 0)
                return r;
        c->multi = curl_multi_init();
        if (!c->multi || curl_multi_setopt(c->multi, CURLMOPT_SOCKETFUNCTION, on_curl_socket) != CURLM_OK ||
            curl_multi_setopt(c->multi, CURLMOPT_SOCKETDATA, c) != CURLM_OK ||
            curl_multi_setopt(c->multi, CURLMOPT_TIMERFUNCTION, on_curl_timer) != CURLM_OK ||
            curl_multi_setopt(c->multi, CURLMOPT_TIMERDATA, c) != CURLM_OK)
                return -ENOMEM;

        *ret = TAKE_PTR(c);
        return 0;
}

HttpClient *http_client_free(HttpClient *c)
{
        if (!c)
                return NULL;

        if (c->multi)
                (void) curl_multi_cleanup(c->multi);
        sd_event_source_disable_unref(c->timer);
        sd_event_unref(c->event);
        free(c);
        return NULL;
}

HttpCall *http_call_free(HttpCall *call)
{
        if (!call)
                return NULL;

        if (call->client)
                (void) curl_multi_remove_handle(call->client->multi, call->easy);
        curl_easy_cleanup(call->easy);
        for (struct curl_slist *l = call->headers; l; l = l->next)
                explicit_bzero(l->data, strlen(l->data));
        curl_slist_free_all(call->headers);
        free(call->request_body);
        free(call->body);
        free(call);
        return NULL;
}
DEFINE_TRIVIAL_CLEANUP_FUNC(HttpCall *, http_call_free);

static int call_add_header(HttpCall *call, const char *line)
{
        struct curl_slist *l = curl_slist_append(call->headers, line);

        if (!l)
                return -ENOMEM;
        call->headers = l;
        return 0;
}

#define SET(option, value) (curl_easy_setopt(call->easy, option, value) == CURLE_OK)

/* The pin says which key it must be, so who signed the certificate and for which name does not matter then. */
static bool call_set_trust(HttpCall *call, const HttpRequest *r)
{
        long strict = !r->pin && r->verify;

        return SET(CURLOPT_SSL_VERIFYPEER, strict) && SET(CURLOPT_SSL_VERIFYHOST, strict ? 2L : 0L) &&
               SET(CURLOPT_SSLVERSION, (long) CURL_SSLVERSION_TLSv1_2) &&
               (!r->pin || SET(CURLOPT_PINNEDPUBLICKEY, r->pin));
}

static bool call_set_up(HttpCall *call, const HttpRequest *r)
{
        return SET(CURLOPT_PRIVATE, call) && SET(CURLOPT_URL, r->url) &&
               SET(CURLOPT_PROTOCOLS_STR, "https") && SET(CURLOPT_PROXY, "") && SET(CURLOPT_NOSIGNAL, 1L) &&
               SET(CURLOPT_FOLLOWLOCATION, 0L) && SET(CURLOPT_NETRC, (long) CURL_NETRC_IGNORED) &&
               SET(CURLOPT_HTTP_VERSION, (long) CURL_HTTP_VERSION_1_1) &&
               SET(CURLOPT_CONNECTTIMEOUT_MS, (long) (HTTP_CONNECT_USEC / USEC_PER_MSEC)) &&
               SET(CURLOPT_TIMEOUT_MS, (long) (MIN(r->timeout_usec, USEC_PER_HOUR) / USEC_PER_MSEC)) &&
               SET(CURLOPT_MAXFILESIZE, (long) HTTP_BODY_MAX) && SET(CURLOPT_ERRORBUFFER, call->words) &&
               SET(CURLOPT_WRITEFUNCTION, on_body) && SET(CURLOPT_WRITEDATA, call) &&
               SET(CURLOPT_HTTPHEADER, call->headers) &&
               (call->request_body ? SET(CURLOPT_POSTFIELDSIZE, (long) strlen(call->request_body)) &&
                                                     SET(CURLOPT_POSTFIELDS, call->request_body) &&
                                                     SET(CURLOPT_CUSTOMREQUEST, r->method)
                                   : SET(CURLOPT_HTTPGET, 1L));
}

int http_call(HttpClient *c, const HttpRequest *r, http_done_t done, void *userdata, HttpCall **ret)
{
        _cleanup_(erase_and_freep) char *authorization = strf("Authorization: Bearer %s", r->key);
        _cleanup_(http_call_freep) HttpCall *call = new0(HttpCall, 1);

        if (!call || !authorization)
                return -ENOMEM;
        call->done = done;
        call->userdata = userdata;
        call->easy = curl_easy_init();
        if (!call->easy || call_add_header(call, authorization) < 0 ||
            call_add_header(call, "Accept: application/json") < 0)
                return -ENOMEM;
        if (r->body) {
                call->request_body = strdup(r->body);
                if (!call->request_body || call_add_header(call, "Content-Type: application/json") < 0 ||
                    call_add_header(call, "Expect:") < 0)
                        return -ENOMEM;
        }
        if (!call_set_up(call, r) || !call_set_trust(call, r))
                return -ENOMEM;
        if (curl_multi_add_handle(c->multi, call->easy) != CURLM_OK)
                return -EIO;
        call->client = c;

        *ret = TAKE_PTR(call);
        return 0;
}
