/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "shared/facts.h"

/* From what the facts verb of remote-run.sh printed to HostFacts. Pure: no I/O, no clock, any input is safe.
 *
 * The text is a series of sections. NONCE is random per call, so that nothing a tool prints can be taken for a frame:
 *
 *   =NONCE begin NAME [ARG]
 *   raw output
 *   =NONCE end NAME [ARG] STATUS      STATUS: exit status, "absent" (no such tool or file)
 *   ...
 *   =NONCE done                       without it the text was cut: -EBADMSG
 *
 * (a newline is put before each "=NONCE end" line; one newline there does not belong to the output)
 *
 *   host        KEY=VALUE lines: boot_id, uptime (seconds, as /proc/uptime), os, zfs (1: kernel module loaded, 0: not), and
 *               missing=TOOL for each of badblocks, smartctl, lsblk that is not installed
 *   lsblk       lsblk -J -b -o NAME,KNAME,PATH,MAJ:MIN,TYPE,SIZE,RO,RM,ROTA,TRAN,MODEL,SERIAL,WWN,VENDOR,FSTYPE,LABEL,UUID,
 *               PARTUUID,PTTYPE,PKNAME,LOG-SEC,PHY-SEC (columns an old lsblk lacks are left out by the script)
 *   ident       "KNAME MAJ:MIN IDENT": one line per disk; IDENT is opaque (DriveIdentity.fingerprint)
 *   by-id       "KNAME NAME": the links in /dev/disk/by-id, whole disks only
 *   bay         "KNAME TEXT": where the drive is, by its enclosure or its port
 *   zpool       zpool list -vHPL
 *   zpool-guid  zpool list -H -o name,guid
 *   zpool-activity  "ACTIVITY<tab>POOL": what `zpool status` says is in progress: scrub, resilver
 *   activity    "ACTIVITY KNAME WHAT": what reads all of the drives of a device, and for what: "check sda1 md array md0",
 *               "scrub sdb1 btrfs file system UUID"
 *   mountinfo   /proc/self/mountinfo and /proc/1/mountinfo, joined and sorted
 *   swaps       /proc/swaps
 *   holders     "KNAME HOLDER...": disks and partitions with entries in /sys/class/block/KNAME/holders
 *   openers     "MAJ:MIN PID COMM": block devices (disks and partitions, numbers in decimal) open in processes that are not
 *               ours (our runs, our script) and not udev's
 *   stat        "KNAME ...": /sys/block/KNAME/stat
 *   temperature "KNAME MILLIDEGREES" from hwmon
 *   runs        "RUNID STATE KNAME": burn-in runs on the host, STATE as run_state_to_string()
 *   probe KNAME blkid -p -o export for the disk and its partitions, live
 *   smart KNAME smartctl --json=cou -x -n standby
 *
 * Drives are lsblk's entries of type "disk" with a size that lie on no other, without memory, network and volume devices; of type
 * "loop" where loop_drives is set (image files as drives, to try the product). A loop's and a USB drive's WWN, serial and model
 * come from SMART alone: what the system sees there is the file's or the bridge's. A drive's size is what the system sees.
 * Without a smart section for a drive its identity is what lsblk knows: whoever calls keeps the last reading's for the same drive.
 *
 * Needed are host and lsblk, each with status 0: without them there is nothing to tell of, and nothing that was known changes.
 *
 * Locks are classified by what uses the drive, strongest role wins; what was found is in lock.detail. Any detector section that is
 * missing, failed or cannot be parsed sets detection_error, and every drive it could have spoken about gets at least
 * LOCK_UNCLASSIFIED. zpool absent is fine while the zfs module is not loaded. */

typedef struct FactsOptions {
        char *const *boot_pools;
        bool loop_drives;
        uint64_t now_usec; /* put into smart_usec */
} FactsOptions;

/* -EBADMSG: not a complete answer of ours (garbage, cut); reterr_reason then says what, for people. */
int facts_parse(const char *text, size_t size, const char *nonce, const FactsOptions *options,
                HostFacts **ret, char **reterr_reason);
