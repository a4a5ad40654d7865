/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "notify/text.h"
#include "shared/notify-proto.h"

/* The whole of a mail (RFC 5322, MIME): plain text and HTML, quoted-printable, ASCII alone, no line over 76 characters but for headers of
 * addresses, each line ending with CR LF. Pure; the same event is the same mail, with the same Message-ID. */
int mail_compose(const NotifyRequest *r, const Text *t, char **ret);
