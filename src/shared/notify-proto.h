/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "shared/enums.h"
#include "shared/json-util.h"

/* How burnind has something delivered: one connection to the socket of burnin-notify for each delivery, one packet of JSON each way.
 * The process knows no database, no settings and no other delivery, and ends with its answer. */

#define NOTIFY_PACKET_MAX  (128U * 1024U)
#define NOTIFY_URL_MAX     2048U
#define NOTIFY_SECRET_MAX  512U
#define NOTIFY_ADDRESS_MAX 254U
#define NOTIFY_TO_MAX      32U /* addresses of one notifier */
#define NOTIFY_ERROR_MAX   500U

typedef struct NotifyRequest {
        NotifierKind kind;
        bool test;    /* mail alone: connect, log in, leave */
        char *url;    /* whole; NULL for mail */
        char *secret; /* of mail the password; NULL: none */
        char *smtp_host, *smtp_user, *smtp_from;
        char **smtp_to;
        SmtpMode smtp_mode;
        uint32_t smtp_port;        /* 0: that of the mode */
        char *site;                /* what burnind's machine is called */
        struct json_object *event; /* as daemon/event.c makes it; NULL for a test */
} NotifyRequest;

/* What this machine is called, where it is told to others. */
char *notify_site(void) _warn_unused_;

void notify_request_done(NotifyRequest *r);
/* -EBADMSG: not what burnind would have sent. */
int notify_request_from_json(struct json_object *o, NotifyRequest *ret);
int notify_request_to_json(const NotifyRequest *r, struct json_object **ret);

/* What became of it. */
typedef struct NotifyAnswer {
        DeliveryResult result;
        char *error; /* in words; NULL where it was taken */
} NotifyAnswer;

void notify_answer_done(NotifyAnswer *a);
int notify_answer_from_json(struct json_object *o, NotifyAnswer *ret); /* -EBADMSG */
int notify_answer_to_json(const NotifyAnswer *a, struct json_object **ret);

/* An address as it stands in a header and in a command to a server: nothing in it ends either. */
bool mail_address_is_valid(const char *s);
/* "http://" or "https://", a host, no user, no fragment, printable ASCII. */
bool notify_url_is_valid(const char *s);
/* What can stand in a header: printable ASCII without spaces at its ends. */
bool notify_secret_is_valid(const char *s);
bool smtp_host_is_valid(const char *s);
uint16_t smtp_port_of(SmtpMode mode);
