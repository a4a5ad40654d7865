#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Writes what the lab's NAS says to burnin's questions into a folder: the parsers' test data.

    /usr/bin/python3 tests/lab/capture.py tests/data/lab
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from nas import Nas  # noqa: E402

LSBLK = ("lsblk -J -b -o NAME,KNAME,PATH,MAJ:MIN,TYPE,SIZE,RO,RM,ROTA,TRAN,MODEL,SERIAL,WWN,VENDOR,FSTYPE,"
         "PTTYPE,PARTTYPE,MOUNTPOINT,PKNAME,LOG-SEC,PHY-SEC")

SYSFS = """
facts='serial wwid vendor model rev firmware_rev vpd_pg80 vpd_pg83 type queue/rotational'
facts="$facts queue/logical_block_size queue/physical_block_size"
for d in /sys/block/sd* /sys/block/nvme*; do
    echo "== $d ($(readlink -f $d/device))"
    for f in $facts; do
        for p in $d/$f $d/device/$f; do
            [ -r $p ] || continue
            printf '%s: ' ${p#$d/}
            case $f in
            vpd*)
                od -An -v -tx1 -w4096 $p
                printf '%s(text): ' ${p#$d/}
                tr -c '[:print:]' . < $p
                echo
                ;;
            *) cat $p ;;
            esac
        done
    done
done
"""

HOLDERS = "cd /sys/block; for h in */holders/* */*/holders/*; do [ ! -e $h ] || echo $h; done"

REFUSALS = 'for d; do echo "== $d"; badblocks -w -b 4096 $d 1 2>&1; echo "status $?"; done'

VERSIONS = """uname -a; cat /etc/debian_version; smartctl -V | head -n 1; zfs version; lsblk -V
badblocks 2>&1 | head -n 1; mke2fs -V 2>&1"""


def main() -> int:
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    out = Path(sys.argv[1])
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir="/var/tmp") as work, Nas(work, port=2298) as nas:

        def keep(name: str, cmd: str) -> str:
            """Standard output, byte for byte; the exit status where it is not 0, in a file beside it."""
            start = time.monotonic()
            r = nas.run(f"LC_ALL=C; export LC_ALL; {cmd}", check=False, timeout=600)
            if time.monotonic() - start > 5:
                print(f"{name}: {time.monotonic() - start:.1f} s", file=sys.stderr)
            (out / name).write_text(r.stdout)
            if r.returncode:
                (out / f"{name}.status").write_text(f"{r.returncode}\n")
            if r.stderr:
                (out / f"{name}.stderr").write_text(r.stderr)
            return r.stdout

        dev = {s: f"/dev/{n}" for s, n in nas.names().items()}
        keep("lsblk.json", LSBLK)
        keep("lsblk-devices.json", LSBLK.replace(" -J", " -J -d"))
        keep("zpool-list-vHP.txt", "zpool list -vHP")
        keep("zpool-list-vHPL.txt", "zpool list -vHPL")
        keep("zpool-status-LP.txt", "zpool status -LP")
        keep("zpool-import.txt", "zpool import")
        keep("findmnt.json", "findmnt -J -b -o SOURCE,TARGET,FSTYPE,MAJ:MIN")
        keep("proc-swaps.txt", "cat /proc/swaps")
        keep("proc-mdstat.txt", "cat /proc/mdstat")
        keep("proc-diskstats.txt", "cat /proc/diskstats")
        keep("by-id.txt", "ls -l /dev/disk/by-id")
        keep("by-path.txt", "ls -l /dev/disk/by-path")
        keep("holders.txt", HOLDERS)
        keep("pvs.txt", "pvs --noheadings -o pv_name,vg_name")
        keep("nvme-list.json", "nvme list -o json")
        keep("nvme-id-ctrl.json", f"nvme id-ctrl -o json {dev['NVME0001']}")
        keep("nvme-list-ns.txt", f"nvme list-ns {dev['NVME0001']}")
        keep("nvme-list-ns-all.txt", f"nvme list-ns --all {dev['NVME0001']}")
        keep("nvme-sanitize-log.txt", f"nvme sanitize-log -o json {dev['NVME0001']}")
        keep("nvme-smart-log.json", f"nvme smart-log -o json {dev['NVME0001']}")
        keep("smartctl-scan-open.json", "smartctl --json=cou --scan-open")
        keep("smartctl-x-ata.json", f"smartctl --json=cou -x {dev['WD-FREE01']}")
        keep("smartctl-x-nvme.json", f"smartctl --json=cou -x {dev['NVME0001']}")
        keep("smartctl-x-scsi_debug.json", f"smartctl --json=cou -x {dev['2000']}")
        keep("smartctl-x-virtio-scsi.json", f"smartctl --json=cou -x {dev['SG-HOT01']}")
        keep("sysfs-identity.txt", SYSFS)
        for d in nas.drives:
            keep(f"blkid-p-{d.serial}.txt", f"blkid -p {dev[d.serial]}")
            keep(f"wipefs-J-{d.serial}.json", f"wipefs -J {dev[d.serial]}")
        for serial in ("WD-TANK01", "WD-VAULT1", "WD-PARTS1"):
            keep(f"blkid-p-{serial}-part1.txt", f"blkid -p {dev[serial]}1")
        keep("udevadm-ata.txt", f"udevadm info {dev['WD-FREE01']}")
        keep("udevadm-nvme.txt", f"udevadm info {dev['NVME0001']}")
        keep("udevadm-scsi_debug.txt", f"udevadm info {dev['2000']}")
        keep("udevadm-virtio-scsi.txt", f"udevadm info {dev['SG-HOT01']}")
        used = " ".join(dev[x] for x in ("WD-MOUNT1", "WD-TANK01", "WD-MDRAID1", "WD-LVMPV1"))
        keep("badblocks-refusals.txt", f"set -- {used} {dev['WD-TANK01']}1; {REFUSALS}")
        keep("badblocks-wv-scsi_debug.txt", f"badblocks -wv -b 4096 -c 64 {dev['2000']}")
        keep("dmesg-medium-errors.txt", "dmesg | grep -A8 'Medium Error' | head -n 60")
        keep("badblocks-wv-free.txt", f"badblocks -wv -b 4096 -c 64 {dev['WD-FREE01']}")
        keep("smartctl-t-short.txt", f"smartctl -t short {dev['WD-FREE01']}")
        keep("smartctl-x-ata-after-test.json", f"sleep 1; smartctl --json=cou -x {dev['WD-FREE01']}")
        keep("versions.txt", VERSIONS)

        # What the table of drives does not have: a pool by its by-id names, swap, and btrfs on two drives.
        nas.ssh("zpool export tank && zpool import -d /dev/disk/by-id tank")
        keep("by-id-zpool-list-vHP.txt", "zpool list -vHP")
        keep("by-id-zpool-list-vHPL.txt", "zpool list -vHPL")
        keep("by-id-zpool-status-LP.txt", "zpool status -LP")
        free = [dev["WD-FREE02"], dev["WD-FREE03"]]
        nas.ssh(f"mkswap {free[0]} && swapon {free[0]} && udevadm settle")
        keep("swap-proc-swaps.txt", "cat /proc/swaps")
        keep("swap-lsblk.json", f"{LSBLK} {free[0]}")
        keep("swap-blkid-p.txt", f"blkid -p {free[0]}")
        nas.ssh(f"swapoff {free[0]} && wipefs -qa {free[0]}")
        nas.ssh(f"mkfs.btrfs -q -f -m raid1 {free[0]} {free[1]} && udevadm settle")
        nas.ssh(f"mkdir -p /mnt/b && mount {free[1]} /mnt/b")
        keep("btrfs-findmnt.json", "findmnt -J -b -o SOURCE,TARGET,FSTYPE,MAJ:MIN /mnt/b")
        keep("btrfs-show.txt", "btrfs filesystem show /mnt/b")
        keep("btrfs-lsblk.json", f"{LSBLK} {free[0]} {free[1]}")
        keep("btrfs-blkid-p.txt", f"blkid -p {free[0]} {free[1]}")
        keep("btrfs-sysfs.txt", "ls /sys/fs/btrfs/*/devices")
    return 0


if __name__ == "__main__":
    sys.exit(main())
