/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "basic/string-util.h"
#include "basic/strv.h"
#include "fuzz.h"
#include "local/local-request.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        _cleanup_strv_free_ char **argv = NULL;
        const char *reason = NULL;

        if (local_request_unpack((const char *) data, size, &argv) < 0)
                return 0;
        if (local_request_check(argv, &reason) < 0) {
                check(!isempty(reason));
                return 0;
        }

        /* What becomes a line of a file, or a part of a path, there. */
        STRV_FOREACH(word, argv)
                check((*word)[0] && !strchr(*word, '\n'));
        check(!streq(argv[0], "wrap") && !streq(argv[0], "check"));
        if (streq(argv[0], "start"))
                check(strv_length(argv) >= 15 && strspn(argv[1], "0123456789abcdef") == 32 && !argv[1][32] &&
                      !strchr(argv[3], '/') && streq(argv[12], "-") &&
                      (streq(argv[13], "badblocks") || streq(argv[13], "nvme_erase")));
        return 0;
}
