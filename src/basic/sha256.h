/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "basic/macro.h"

#define SHA256_SIZE     32
#define SHA256_HEX_SIZE 65

/* The SHA-256 digest (FIPS 180-4) of data, as lower case hex digits with a NUL behind them. */
void sha256_hex(const void *data, size_t size, char ret[static SHA256_HEX_SIZE]);
/* The same of HMAC-SHA256 (RFC 2104). -ENOMEM. */
int hmac_sha256_hex(const char *key, const void *data, size_t size, char ret[static SHA256_HEX_SIZE]);
