/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "basic/macro.h"

/* What lets a notifier in somewhere: a file each in PATH_NOTIFIERS, which root alone reads, so that no copy of the database has it.
 * It comes in by the bus, and leaves to burnin-notify alone. Of most kinds the URL is a secret, too: whoever knows it can post there. */
typedef struct NotifierSecret {
        char *url;    /* whole; NULL: none */
        char *secret; /* NULL: none */
} NotifierSecret;

void notifier_secret_done(NotifierSecret *s);
/* 0 also where there is none. */
int notifier_secret_read(const char *notifier, NotifierSecret *ret);
/* Without any of both the file goes. */
int notifier_secret_put(const char *notifier, const NotifierSecret *s);
