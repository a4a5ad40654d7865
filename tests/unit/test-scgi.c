/* SPDX-License-Identifier: LGPL-2.1-or-later */

#undef NDEBUG
#include <assert.h>

#include "events/scgi.h"
#include "test-util.h"

/* Adjacent literals, so that a digit behind a NUL is none of its escape. */
#define HEAD                                                                                                \
        "CONTENT_LENGTH\0"                                                                                  \
        "0\0SCGI\0"                                                                                         \
        "1\0REQUEST_METHOD\0GET\0"

static int parse(const char *headers, size_t n, char **ret_text, ScgiRequest *ret)
{
        char *text = new (char, n + 17);
        size_t size;
        int m;

        assert(text);
        m = snprintf(text, 16, "%zu:", n);
        assert(m > 0 && m < 16);
        memcpy(text + m, headers, n);
        text[(size_t) m + n] = ',';
        size = (size_t) m + n + 1;
        *ret_text = text;

        /* Every part of it is the beginning of a request. */
        for (size_t i = 0; i < size; i++) {
                _cleanup_free_ char *part = new (char, i + 1);
                ScgiRequest q;
                int r;

                assert(part);
                memcpy(part, text, i);
                r = scgi_parse(part, i, &q);
                assert(r == 0 || r == -E2BIG);
        }

        return scgi_parse(text, size, ret);
}

static void test_request(void)
{
        static const char headers[] = HEAD
                        "REQUEST_URI\0/sse/drives?x=1\0HTTP_COOKIE\0a=b; burnin_session=cd\0HTTP_AUTHORIZATION\0Bearer ef\0"
                        "HTTP_LAST_EVENT_ID\0ab-12\0REMOTE_ADDR\0::1\0HTTP_X_FORWARDED_FOR\0"
                        "192.0.2.7, x\0OTHER\0\0";
        _cleanup_free_ char *text = NULL;
        ScgiRequest q = { 0 };

        assert(parse(headers, sizeof(headers) - 1, &text, &q) == 1);
        assert(streq(q.method, "GET"));
        assert(streq(q.path, "/sse/drives"));
        assert(streq(q.cookie, "a=b; burnin_session=cd"));
        assert(streq(q.authorization, "Bearer ef"));
        assert(streq(q.last_event_id, "ab-12"));
        assert(streq(q.address, "::1") && streq(q.forwarded, "192.0.2.7, x"));
}

static int parse_only(const char *headers, size_t n)
{
        _cleanup_free_ char *text = NULL;
        ScgiRequest q;

        return parse(headers, n, &text, &q);
}

#define assert_no_request(headers) assert(parse_only(headers, sizeof(headers) - 1) == -EBADMSG)

static void test_no_request(void)
{
        static char big[SCGI_HEADERS_MAX + 1];
        ScgiRequest q;

        /* without an address; a body; the length is not first; a name without a value; the last value is not ended */
        assert_no_request(HEAD);
        assert_no_request("CONTENT_LENGTH\0"
                          "1\0REQUEST_METHOD\0GET\0REQUEST_URI\0/\0");
        assert_no_request("REQUEST_METHOD\0GET\0CONTENT_LENGTH\0"
                          "0\0REQUEST_URI\0/\0");
        assert_no_request(HEAD "REQUEST_URI\0/\0HTTP_COOKIE\0");
        assert_no_request(HEAD "REQUEST_URI\0/");

        assert(parse_only(big, sizeof(big)) == -E2BIG);
        assert(scgi_parse((char[]){ "1234567" }, 7, &q) == -EBADMSG);
        assert(scgi_parse((char[]){ "-1:x," }, 5, &q) == -EBADMSG);
        assert(scgi_parse((char[]){ "0:," }, 3, &q) == -EBADMSG);
        assert(scgi_parse((char[]){ "2:a\0;" }, 5, &q) == -EBADMSG);
}

int main(void)
{
        test_request();
        test_no_request();
        return 0;
}
