/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-event.h>

#include "basic/macro.h"

/* HTTPS requests on an event loop: the only place that knows libcurl. One request is one exchange: nothing is followed, tried
 * again, or sent to a proxy. What comes back is bounded in size and time. */

#define HTTP_BODY_MAX     (4U * 1024U * 1024U)
#define HTTP_CONNECT_USEC (5 * USEC_PER_SEC)

typedef enum HttpError {
        HTTP_OK,          /* there is a status; the body may be any */
        HTTP_UNREACHABLE, /* no connection: nothing was sent */
        HTTP_TLS,         /* the certificate is not the one to trust: nothing was sent */
        HTTP_TIMEOUT,
        HTTP_LOST,     /* the connection ended before the answer did */
        HTTP_TOO_MUCH, /* more than HTTP_BODY_MAX */
} HttpError;

typedef struct HttpAnswer {
        HttpError error;
        const char *reason; /* in words; "" with HTTP_OK */
        unsigned status;
        bool json; /* it says of itself that it is */
        const char *body;
        size_t size;
        uint64_t retry_after_usec; /* the server's wish; 0: none */
} HttpAnswer;

typedef struct HttpRequest {
        const char *method, *url;
        const char *body; /* JSON, or NULL */
        const char *key;  /* bearer token */
        const char *pin; /* "sha256//BASE64" of the server's public key: this one is trusted, whoever vouches for it; or NULL */
        bool verify; /* without a pin: whether the certificate must be valid */
        uint64_t timeout_usec;
} HttpRequest;

typedef struct HttpClient HttpClient;
typedef struct HttpCall HttpCall;

/* Called once, never from inside of http_call(). The call is gone afterwards. */
typedef void (*http_done_t)(const HttpAnswer *a, void *userdata);

int http_client_new(sd_event *event, HttpClient **ret);
/* No call may be left. */
HttpClient *http_client_free(HttpClient *c);
DEFINE_TRIVIAL_CLEANUP_FUNC(HttpClient *, http_client_free);

int http_call(HttpClient *c, const HttpRequest *request, http_done_t done, void *userdata, HttpCall **ret);
/* Ends it without a word. */
HttpCall *http_call_free(HttpCall *call);
