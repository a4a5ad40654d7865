/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "basic/macro.h"

/* Lines of the kernel's log that tell of a drive's I/O errors. Formats: block/blk-core.c ("I/O error, dev sdb, sector 4660 op
 * 0x0:(READ) ..."; "critical medium error, dev sdb, ..."), fs/buffer.c ("Buffer I/O error on dev sdb, logical block 582, ..."),
 * drivers/scsi/scsi_logging.c ("sd 2:0:0:0: [sdb] tag#12 Sense Key : Medium Error"), drivers/nvme ("nvme0n1: I/O Cmd(0x1) @
 * LBA 8, 8 blocks, I/O Error"; "nvme nvme0: I/O 12 QID 3 timeout"), drivers/ata ("ata3.00: error: { UNC }"; these name no disk,
 * so the caller must have picked those of its port). What the kernel will try again (link errors, "failed command" alone) is no
 * error yet: if trying fails, "I/O error, dev" follows. A read ahead that is given up is none: it is never tried again. Pure. */

typedef struct KernelError {
        bool error; /* an error of the drive, not mere information */
        bool have_sector;
        uint64_t sector; /* in units of 512 bytes */
} KernelError;

/* kname: a whole disk. A line about another device ("sdb1" counts for "sdb", "sdba" does not) is no error. */
KernelError kernel_log_judge(const char *line, const char *kname);
