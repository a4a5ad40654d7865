/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/manager.h"

/* Sessions of web accounts, and the connections that act for them.
 *
 *      Login ─▶ token, of which the store has the SHA-256 alone ─▶ Resume: this connection is that person ─▶ it closes
 *
 * What a connection is bound to is the session's number: account, role and whether it has ended are looked up for each call, so that
 * what is changed or revoked counts at once. Sessions outlive burnind, bindings do not. */

#define TOKEN_BYTES 32
#define TOKEN_SIZE  (2 * TOKEN_BYTES + 1) /* hex digits and a NUL */

typedef struct Session {
        SessionRecord record;
        Role role;
        uint64_t expires_usec, idle_usec; /* when it ends at the latest; when it ends if it is not resumed */
} Session;

void session_done(Session *s);

/* Where somebody is, as the web server tells it. */
typedef struct SessionPeer {
        const char *address; /* of the connection; "": not known */
        const char *forwarded; /* its X-Forwarded-For as it came; "": none. It counts from trusted_proxies alone. */
} SessionPeer;

/* Whether somebody may come from there: the setting allowed_ips. ret_address, where it is not NULL, gets the one form of the address
 * that counts; "" stays "". Errors: AddressNotAllowed, InvalidArgument. */
int session_check_address(const Manager *m, const SessionPeer *peer, char **ret_address,
                          sd_bus_error *error);

/* token: erase it after use. */
int session_new(Manager *m, const char *account, const char *address, char ret_token[static TOKEN_SIZE],
                Session *ret);
/* What belongs to a token, for requests that change something; nobody who has not the token can know it. */
void session_csrf(const char *token, char ret[static TOKEN_SIZE]);
/* 1: it is there and has not ended. 0. */
int session_get(Manager *m, uint64_t id, Session *ret);
/* Error: SessionEnded. */
int session_find_token(Manager *m, const char *token, Session *ret, sd_bus_error *error);
/* The same for somebody who comes from there. Errors: also AddressNotAllowed, InvalidArgument. */
int session_find(Manager *m, const char *token, const SessionPeer *peer, Session *ret, sd_bus_error *error);
/* It was used now. */
int session_seen(Manager *m, Session *s);

/* From now on the sender of this message acts for the session's account. */
int session_bind(Manager *m, sd_bus_message *message, const Session *s, sd_bus_error *error);
/* 1: the sender acts for this one. 0: for itself. -ESTALE: for one that has ended. */
int session_of_sender(Manager *m, sd_bus_message *message, Session *ret);

/* Drops from the store what has ended. */
int sessions_expire(Manager *m);
void sessions_done(Manager *m);
