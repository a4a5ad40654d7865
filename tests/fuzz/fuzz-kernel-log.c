/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "basic/string-util.h"
#include "fuzz.h"
#include "parse/kernel-log.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static const char *const knames[] = { "sdb", "nvme0n1", "vda", "loop0", "mmcblk0" };
        _cleanup_free_ char *line = strndup((const char *) data, size);

        check(line);
        for (size_t i = 0; i < ELEMENTSOF(knames); i++) {
                KernelError e = kernel_log_judge(line, knames[i]);

                check(e.error || !e.have_sector);
        }
        /* A hostile name is no worse than a hostile line. */
        (void) kernel_log_judge("I/O error, dev sdb, sector 1", line);
        return 0;
}
