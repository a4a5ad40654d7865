/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <arpa/inet.h>
#include <stdio.h>

#include "basic/address.h"
#include "basic/parse-util.h"
#include "basic/string-util.h"

#define SITE_PREFIX 64

static size_t address_size(const Address *a)
{
        return a->family == AF_INET ? 4 : 16;
}

static int address_parse_text(const char *s, Address *ret)
{
        static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
        Address a = { .family = strchr(s, ':') ? AF_INET6 : AF_INET };

        if (inet_pton(a.family, s, a.bytes) != 1)
                return -EINVAL;
        if (a.family == AF_INET6 && memcmp(a.bytes, mapped, sizeof(mapped)) == 0) {
                a.family = AF_INET;
                memmove(a.bytes, a.bytes + sizeof(mapped), 4);
                memset(a.bytes + 4, 0, sizeof(a.bytes) - 4);
        }

        *ret = a;
        return 0;
}

int address_parse(const char *s, Address *ret)
{
        size_t n = strcspn(s, "%");
        char text[ADDRESS_TEXT_MAX];

        if (n >= sizeof(text))
                return -EINVAL;
        memcpy(text, s, n);
        text[n] = '\0';
        if (s[n] && !strchr(text, ':'))
                return -EINVAL;

        return address_parse_text(text, ret);
}

/* Clears what is behind the prefix; true: there was something. */
static bool address_mask(Address *a, uint8_t prefix)
{
        bool cleared = false;

        for (size_t i = 0; i < address_size(a); i++) {
                size_t kept = prefix > 8 * i ? MIN((size_t) 8, prefix - 8 * i) : 0;
                uint8_t masked = a->bytes[i] & (uint8_t) (0xff00 >> kept);

                cleared |= masked != a->bytes[i];
                a->bytes[i] = masked;
        }

        return cleared;
}

int network_parse(const char *s, Address *ret, uint8_t *ret_prefix)
{
        const char *slash = strchrnul(s, '/');
        size_t n = (size_t) (slash - s);
        char text[ADDRESS_TEXT_MAX];
        uint32_t prefix;
        Address a;
        int r;

        if (n >= sizeof(text))
                return -EINVAL;
        memcpy(text, s, n);
        text[n] = '\0';
        r = address_parse_text(text, &a);
        if (r < 0)
                return r;

        prefix = 8 * (uint32_t) address_size(&a);
        if (*slash) {
                uint32_t given;

                /* The prefix of an IPv4 network counts the bits of IPv4, however the address is written. */
                if (parse_u32(slash + 1, &given) < 0 || given > prefix)
                        return -EINVAL;
                prefix = given;
        }
        if (address_mask(&a, (uint8_t) prefix))
                return -EINVAL;

        *ret = a;
        *ret_prefix = (uint8_t) prefix;
        return 0;
}

bool network_contains(const Address *network, uint8_t prefix, const Address *a)
{
        Address masked = *a;

        if (a->family != network->family)
                return false;
        (void) address_mask(&masked, prefix);
        return memcmp(masked.bytes, network->bytes, address_size(a)) == 0;
}

void address_format(const Address *a, char ret[static ADDRESS_TEXT_MAX])
{
        if (!inet_ntop(a->family, a->bytes, ret, ADDRESS_TEXT_MAX))
                ret[0] = '\0';
}

void address_format_site(const Address *a, char ret[static ADDRESS_TEXT_MAX])
{
        Address site = *a;
        size_t n;

        if (a->family == AF_INET) {
                address_format(a, ret);
                return;
        }
        (void) address_mask(&site, SITE_PREFIX);
        address_format(&site, ret);
        n = strlen(ret);
        (void) snprintf(ret + n, ADDRESS_TEXT_MAX - n, "/%d", SITE_PREFIX);
}
