/* SPDX-License-Identifier: LGPL-2.1-or-later */
#undef NDEBUG

#include "basic/address.h"
#include "basic/string-util.h"

static void test_one_form(void)
{
        static const struct {
                const char *text, *form, *site;
        } good[] = {
                { "192.0.2.1", "192.0.2.1", "192.0.2.1" },
                { "::ffff:192.0.2.1", "192.0.2.1", "192.0.2.1" },
                { "::FFFF:c000:0201", "192.0.2.1", "192.0.2.1" },
                { "::1", "::1", "::/64" },
                { "2001:DB8:0:1:0:0:0:5", "2001:db8:0:1::5", "2001:db8:0:1::/64" },
                { "fe80::1%eth0", "fe80::1", "fe80::/64" },
        };
        static const char *const bad[] = { "",           "localhost",      "192.0.2",    "192.0.2.256",
                                           "192.0.2.1 ", "192.0.2.1%eth0", ":",          "1::2::3",
                                           "[::1]",      "10.0.0.1/8",     "0x7f.0.0.1", "%eth0",
                                           "192.0.2.1\n" };
        char text[ADDRESS_TEXT_MAX];
        Address a;

        for (size_t i = 0; i < ELEMENTSOF(good); i++) {
                assert(address_parse(good[i].text, &a) == 0);
                address_format(&a, text);
                assert(streq(text, good[i].form));
                address_format_site(&a, text);
                assert(streq(text, good[i].site));
        }
        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                assert(address_parse(bad[i], &a) == -EINVAL);
}

static void test_networks(void)
{
        static const struct {
                const char *network, *address;
                bool contains;
        } cases[] = {
                { "192.0.2.0/24", "192.0.2.255", true },
                { "192.0.2.0/24", "192.0.3.0", false },
                { "192.0.2.128/25", "192.0.2.127", false },
                { "192.0.2.128/25", "::ffff:192.0.2.129", true },
                { "192.0.2.1", "192.0.2.1", true },
                { "192.0.2.1", "192.0.2.2", false },
                { "0.0.0.0/0", "203.0.113.9", true },
                { "0.0.0.0/0", "2001:db8::1", false },
                { "::/0", "2001:db8::1", true },
                { "::/0", "192.0.2.1", false },
                { "2001:db8::/33", "2001:db8:7fff::", true },
                { "2001:db8::/33", "2001:db8:8000::", false },
                { "::ffff:192.0.2.0/24", "192.0.2.7", true },
        };
        static const char *const bad[] = { "",
                                           "/8",
                                           "10.0.0.0/33",
                                           "10.0.0.1/8",
                                           "2001:db8::1/64",
                                           "::/129",
                                           "10.0.0.0/-1",
                                           "10.0.0.0/",
                                           "10.0.0.0/8/8",
                                           "10.0.0.0/ 8",
                                           "fe80::%eth0/64" };
        Address network, a;
        uint8_t prefix;

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                assert(network_parse(cases[i].network, &network, &prefix) == 0);
                assert(address_parse(cases[i].address, &a) == 0);
                assert(network_contains(&network, prefix, &a) == cases[i].contains);
        }
        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                assert(network_parse(bad[i], &network, &prefix) == -EINVAL);
}

int main(void)
{
        test_one_form();
        test_networks();
        return 0;
}
