/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "basic/strv.h"
#include "shared/local-proto.h"

int local_request_pack(char *const *argv, char **ret, size_t *ret_size)
{
        size_t size = 0;
        char *packet, *p;

        STRV_FOREACH(word, argv)
                size += strlen(*word) + 1;
        if (size > LOCAL_REQUEST_MAX || strv_length(argv) > LOCAL_WORDS_MAX)
                return -E2BIG;

        p = packet = malloc(size + 1);
        if (!packet)
                return -ENOMEM;
        STRV_FOREACH(word, argv)
                p = stpcpy(p, *word) + 1;

        *ret = packet;
        *ret_size = size;
        return 0;
}

int local_request_unpack(const char *packet, size_t size, char ***ret)
{
        _cleanup_strv_free_ char **argv = NULL;
        int r;

        if (size == 0 || size > LOCAL_REQUEST_MAX || packet[size - 1] != 0)
                return -EBADMSG;

        for (size_t i = 0; i < size; i += strlen(packet + i) + 1) {
                if (strv_length(argv) >= LOCAL_WORDS_MAX)
                        return -EBADMSG;
                r = strv_extend(&argv, packet + i);
                if (r < 0)
                        return r;
        }

        *ret = TAKE_PTR(argv);
        return 0;
}
