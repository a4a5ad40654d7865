/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "basic/macro.h"

#define WEB_COOKIE      "burnin_session"
#define WEB_TOKEN_CHARS 64U

/* The token of the session that a request belongs to, to be freed: of "Authorization: Bearer …" where there is one, else of its
 * cookie. Both are headers as they came, or NULL. NULL: what is there is none, so nobody is logged in. */
int web_token_find(const char *cookie, const char *authorization, char **ret, bool *ret_by_header);
