/* SPDX-License-Identifier: LGPL-2.1-or-later */

#undef NDEBUG

#include "parse/kernel-log.h"
#include "test-util.h"

#define NO_SECTOR UINT64_MAX

static void test_errors(void)
{
        static const struct {
                const char *line, *kname;
                uint64_t sector;
        } table[] = {
                { "I/O error, dev sdb, sector 4660 op 0x0:(READ) flags 0x0 phys_seg 1 prio class 2", "sdb",
                  4660 },
                { "3,1234,567890,-;blk_update_request: I/O error, dev sdb, sector 123", "sdb", 123 },
                { "[ 12.5] critical medium error, dev sdb, sector 4660 op 0x1:(WRITE) flags 0x800", "sdb",
                  4660 },
                { "critical target error, dev sdb, sector 8 op 0x0:(READ) flags 0x0", "sdb", 8 },
                { "critical medium error, dev sdb, sector 8 op 0x0:(READ) flags 0x80700 phys_seg 1", "sdb",
                  8 },
                { "I/O error, dev sdb, sector 8 op 0x1:(WRITE) flags 0x80700 phys_seg 1", "sdb", 8 },
                { "I/O error, dev sdb, sector 8 op 0x0:(READ) flags 0x700 phys_seg 1", "sdb", 8 },
                { "I/O error, dev sdb, sector 8 op 0x0:(READ) flags 0x", "sdb", 8 },
                { "timeout error, dev sdb, sector 1 op 0x0:(READ)", "sdb", 1 },
                { "device offline error, dev nvme0n1, sector 18446744073709551615 op 0x0:(READ)", "nvme0n1",
                  UINT64_MAX - 0 },
                { "I/O error, dev sdb, sector", "sdb", NO_SECTOR },
                { "Buffer I/O error on dev sdb, logical block 582, async page read", "sdb", NO_SECTOR },
                { "Buffer I/O error on dev sdb1, logical block 582, lost async page write", "sdb",
                  NO_SECTOR },
                { "Buffer I/O error on device sdb12, logical block 3", "sdb", NO_SECTOR },
                { "Buffer I/O error on dev nvme0n1p3, logical block 3", "nvme0n1", NO_SECTOR },
                { "sd 2:0:0:0: [sdb] tag#12 Sense Key : Medium Error [current] ", "sdb", NO_SECTOR },
                { "sd 2:0:0:0: [sdb] tag#12 Sense Key : Hardware Error [current] ", "sdb", NO_SECTOR },
                { "sd 2:0:0:0: [sdb] Synchronize Cache(10) failed: Result: hostbyte=DID_ERROR", "sdb",
                  NO_SECTOR },
                { "nvme0n1: I/O Cmd(0x1) @ LBA 8, 8 blocks, I/O Error (sct 0x2 / sc 0x81) DNR ", "nvme0n1",
                  NO_SECTOR },
                { "nvme0n1: Read(0x2) @ LBA 0, 8 blocks, Unrecovered Read Error (sct 0x2 / sc 0x81)",
                  "nvme0n1", NO_SECTOR },
                { "nvme nvme0: I/O 12 QID 3 timeout, aborting", "nvme0n1", NO_SECTOR },
                { "nvme nvme0: controller is down; will reset: CSTS=0xffffffff", "nvme0n1", NO_SECTOR },
                { "ata3.00: error: { UNC }", "sdb", NO_SECTOR },
                { "         res 41/40:00:34:12:00/00:00:00:00:00/40 Emask 0x409 (media error) <F>", "sdb",
                  NO_SECTOR },
        };

        for (size_t i = 0; i < ELEMENTSOF(table); i++) {
                KernelError e = kernel_log_judge(table[i].line, table[i].kname);

                if (!e.error) {
                        fprintf(stderr, "not seen: %s\n", table[i].line);
                        assert(false);
                }
                if (strstr(table[i].line, "18446744073709551615"))
                        assert(e.have_sector && e.sector == UINT64_MAX);
                else
                        assert(e.have_sector == (table[i].sector != NO_SECTOR) &&
                               (!e.have_sector || e.sector == table[i].sector));
        }
}

static void test_others(void)
{
        static const struct {
                const char *line, *kname;
        } table[] = {
                { "I/O error, dev sdba, sector 4660 op 0x0:(READ)", "sdb" },
                { "I/O error, dev sda, sector 4660 op 0x0:(READ)", "sdb" },
                { "I/O error, dev asdb, sector 4660", "sdb" },
                { "Buffer I/O error on dev nvme0n12, logical block 3", "nvme0n1" },
                { "Buffer I/O error on dev nvme0n1px, logical block 3", "nvme0n1" },
                { "Buffer I/O error on dev sdb1x, logical block 3", "sdb" },
                { "sd 2:0:0:0: [sdba] tag#12 Sense Key : Medium Error [current]", "sdb" },
                { "nvme10n1: Read(0x2) @ LBA 0, 8 blocks, Unrecovered Read Error", "nvme0n1" },
                { "nvme nvme10: I/O 12 QID 3 timeout, aborting", "nvme1n1" },
                { "nvme nvme1: I/O 12 QID 3 timeout, aborting", "nvme10n1" },
                { "nvme nvme0: I/O 12 QID 3 timeout, aborting", "sdb" },
                /* Mere information, and what the kernel tries again. */
                { "sd 2:0:0:0: [sdb] Attached SCSI disk", "sdb" },
                { "sd 2:0:0:0: [sdb] 524288 512-byte logical blocks: (268 MB/256 MiB)", "sdb" },
                { "sd 2:0:0:0: [sdb] tag#12 Sense Key : Recovered Error [current]", "sdb" },
                { "sd 2:0:0:0: [sdb] tag#12 Sense Key : Unit Attention [current]", "sdb" },
                { "sd 2:0:0:0: [sdb] tag#12 CDB: Read(10) 28 00 00 00 12 30 00 00 08 00", "sdb" },
                { "sd 2:0:0:0: [sdb] Synchronizing SCSI cache", "sdb" },
                { " sdb: sdb1 sdb9", "sdb" },
                { "ata3.00: failed command: READ FPDMA QUEUED", "sdb" },
                { "ata3.00: error: { ICRC ABRT }", "sdb" },
                { "I/O error, dev sdb, sector 0 op 0x0:(READ) flags 0x80700 phys_seg 4 prio class 2",
                  "sdb" },
                { "ata3: SATA link up 6.0 Gbps (SStatus 133 SControl 300)", "sdb" },
                { "nvme nvme0: 4/0/0 default/read/poll queues", "nvme0n1" },
                /* Space that the drive does not take back. */
                { "critical target error, dev sdb, sector 8 op 0x3:(DISCARD) flags 0x800", "sdb" },
                { "critical target error, dev sdb, sector 8 op 0x9:(WRITE_ZEROES) flags 0x800", "sdb" },
                { "nvme0n1: Dataset Management(0x9) @ LBA 0, 8 blocks, Invalid Field in Command",
                  "nvme0n1" },
                { "", "sdb" },
                { "I/O error, dev ", "sdb" },
                { "I/O error, dev sdb, sector 1", "" },
        };

        for (size_t i = 0; i < ELEMENTSOF(table); i++) {
                KernelError e = kernel_log_judge(table[i].line, table[i].kname);

                if (e.error || e.have_sector) {
                        fprintf(stderr, "seen: %s\n", table[i].line);
                        assert(false);
                }
        }
}

int main(void)
{
        test_errors();
        test_others();
        return 0;
}
