/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "basic/macro.h"

/* Addresses as a web server gives them, and the networks that may come in. An IPv4 address in IPv6 (::ffff:192.0.2.1) is that
 * IPv4 address. */

typedef struct Address {
        int family; /* AF_INET or AF_INET6 */
        uint8_t bytes[16];
} Address;

#define ADDRESS_TEXT_MAX 64 /* of an IPv6 network, with its NUL */

/* -EINVAL. The zone of a link-local address (%eth0) is left out. */
int address_parse(const char *s, Address *ret);
/* "192.0.2.0/24", "2001:db8::/32", or an address alone; bits behind the prefix must be 0: -EINVAL. */
int network_parse(const char *s, Address *ret, uint8_t *ret_prefix);
bool network_contains(const Address *network, uint8_t prefix, const Address *a);

/* One form for each address. */
void address_format(const Address *a, char ret[static ADDRESS_TEXT_MAX]);
/* What belongs to one customer of a provider: the IPv4 address, or the /64 of an IPv6 one. */
void address_format_site(const Address *a, char ret[static ADDRESS_TEXT_MAX]);
