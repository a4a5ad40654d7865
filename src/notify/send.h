/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "shared/notify-proto.h"

/* Waits for it, SEND_TIMEOUT_SEC at most. TLS is verified, and needed but where mail goes by mode plain or an URL begins with http://.
 * Redirects are not followed: what is sent, and its secret, go where they were meant to go or nowhere. No proxy is asked. -errno: it was
 * not even tried. */
#define SEND_CONNECT_SEC 10L
#define SEND_TIMEOUT_SEC 30L

int notify_send(const NotifyRequest *r, NotifyAnswer *ret);
