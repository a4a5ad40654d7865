# SPDX-License-Identifier: LGPL-2.1-or-later
"""Unlocked drives of a real NAS: each kind of use is let go by its own tool, only where that was asked for, and what has changed since
it was unlocked is not destroyed."""
from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator

import dbus
import pytest
from lab import Lab, lab, rules  # noqa: F401
from product import Object, refused

pytestmark = pytest.mark.allow_journal(r"is locked now", r"has ended: (inconclusive|cancelled)", r"^(inconclusive|cancelled): ",
                                       r"^The grant .* (was given: |is void: |is used by job )", r"is not what was unlocked for job",
                                       r"No burn-in was started", r"is missing")

WHY = "it is only a test"
DRIVE, OTHER = "WD-FREE01", "WD-FREE02"
MEMBER, MOUNTED, EXPORTED = "DESTROY STORAGE MEMBER", "DESTROY MOUNTED FILESYSTEM", "DESTROY EXPORTED POOL"


@dataclasses.dataclass(frozen=True)
class Use:
    """How a drive ({}) comes to be used, how that is undone, and what is seen of it."""
    make: str
    undo: str
    state: str
    token: str
    command: str = ""       # that lets it go; "" where nothing uses it
    left: str = "false"     # succeeds while the use goes on


LUKS = "printf secret | cryptsetup luksFormat -q --pbkdf pbkdf2 --pbkdf-force-iterations 1000 --key-file - {}"
OPEN = LUKS + "; printf secret | cryptsetup open --key-file - {} grab"
LVM = "pvcreate -q -ff -y {}; vgcreate -q vggrab {}; lvcreate -q -y -n keep -L 32M vggrab"
USES = {
    "existing data": Use("mkfs.ext4 -q -F {}", "true", "existing-data", "DESTROY EXISTING DATA"),
    "exported pool": Use("zpool create -f -m none grab {} && zpool export grab", "true", "exported-pool", EXPORTED),
    "closed LUKS": Use(LUKS, "true", "storage-member", MEMBER),
    "active pool": Use("zpool create -f -m /mnt/grab grab {}", "zpool destroy grab", "active-pool", "grab", "zpool export grab",
                       "zpool list grab"),
    "boot pool": Use("zpool create -f -m none rpool {}", "zpool destroy rpool", "boot-pool", "DESTROY BOOT POOL",
                     "zpool export rpool", "zpool list rpool"),
    "mounted": Use("mkfs.ext4 -q -F {}; mkdir -p '/mnt/a grab'; mount {} '/mnt/a grab'", "umount '/mnt/a grab'", "mounted", MOUNTED,
                   "umount", "findmnt '/mnt/a grab'"),
    "swap": Use("mkswap -q {}; swapon {}", "swapoff {}", "mounted", MOUNTED, "swapoff", "grep -q {} /proc/swaps"),
    "LVM": Use(LVM, "vgchange -qan vggrab; vgremove -qff -y vggrab", "storage-member", MEMBER, "vgchange -an",
               "test -e /dev/vggrab/keep"),
    "mounted LVM": Use(LVM + "; mkfs.ext4 -q /dev/vggrab/keep; mkdir -p /mnt/grab; mount /dev/vggrab/keep /mnt/grab",
                       "umount /mnt/grab; vgchange -qan vggrab; vgremove -qff -y vggrab", "mounted", MOUNTED, "umount",
                       "test -e /dev/vggrab/keep"),
    "md": Use("mdadm -q --create /dev/md9 --run --force --level=1 --raid-devices=2 {} missing", "mdadm -q --stop /dev/md9",
              "storage-member", MEMBER, "mdadm --stop", "test -e /sys/block/md9/md/array_state && grep -q ^md9 /proc/mdstat"),
    "open LUKS": Use(OPEN, "cryptsetup close grab", "storage-member", MEMBER, "cryptsetup close", "test -e /dev/mapper/grab"),
}


@contextlib.contextmanager
def used(lab: Lab, use: Use, serial: str = DRIVE) -> Iterator[str]:
    """The drive is used like this in here, and free again afterwards."""
    lab.wait_lock(serial, "none")
    dev = lab.dev(serial)
    lab.guest.ssh(f"set -e; {use.make.replace('{}', dev)}; udevadm settle")
    try:
        lab.wait_lock(serial, use.state).wait("LockInUse", bool(use.command), 60)
        yield dev
    finally:
        lab.clean_jobs()
        lab.guest.ssh(use.undo.replace("{}", dev), check=False)
        lab.wipe(serial)
        lab.look()
        lab.wait_lock(serial, "none")


def unlock(lab: Lab, serial: str, token: str) -> Object:
    drive = lab.drive(serial)
    return Object(lab, drive.call("Unlock", "sst", token, WHY, 0))


def grants(lab: Lab) -> list[dict[str, object]]:
    return lab.call("ListGrants", "a{sv}", dbus.Dictionary({}, signature="sv"))


@pytest.mark.parametrize("name", USES)
def test_unlocked_drive_is_taken(lab: Lab, name: str) -> None:
    use = USES[name]
    with used(lab, use) as dev:
        drive = lab.drive(DRIVE)
        assert (drive["UnlockToken"], drive["LockInUse"]) == (use.token, bool(use.command))
        with refused("WrongToken", f"({use.state})"):
            unlock(lab, DRIVE, "DESTROY")
        unlock(lab, DRIVE, use.token)
        if use.command:
            with refused("DriveLocked", "still in use", use.command):
                lab.start(DRIVE, unlock=True)
            assert lab.guest.run(use.left.replace("{}", dev), check=False).returncode == 0
        job = lab.start(DRIVE, unlock=True, release=True)
        with lab.frozen(job) as run:
            assert lab.guest.ssh(f"readlink /proc/{run.pid}/fd/9").strip() == dev
            assert lab.guest.run(use.left.replace("{}", dev), check=False).returncode != 0
            assert not rules(job, "precheck")
            job.cancel("seen enough")
        assert job.wait_end(90) == "cancelled"
        assert not grants(lab)


def test_all_drives_of_a_pool(lab: Lab) -> None:
    """The first one exports the pool for both."""
    lab.wait_lock(OTHER, "none")
    use = dataclasses.replace(USES["active pool"], make=f"zpool create -f -m none grab mirror {{}} {lab.dev(OTHER)}")
    with used(lab, use):
        try:
            lab.wait_lock(OTHER, "active-pool")
            for serial in (DRIVE, OTHER):
                unlock(lab, serial, "grab")
            jobs = lab.burn(DRIVE, OTHER, unlock=True, release=True)
            runs = [lab.freeze(job) for job in jobs]
            for job, run in zip(jobs, runs):
                job.cancel("seen enough")
                lab.thaw(run)
            assert [job.wait_end(90) for job in jobs] == ["cancelled"] * 2
        finally:
            lab.guest.ssh("zpool export grab", check=False)
            lab.wipe(OTHER)
    lab.wait_lock(OTHER, "none")


def test_busy_pool_is_not_forced(lab: Lab) -> None:
    with used(lab, USES["active pool"]):
        lab.guest.ssh("systemd-run -q --unit=lab-busy --working-directory=/mnt/grab sleep 600")
        try:
            unlock(lab, DRIVE, "grab")
            job = lab.start(DRIVE, unlock=True, release=True)
            assert job.wait_end(120) == "inconclusive"
            assert "'zpool export grab' failed" in job["Reason"], job["Reason"]
            assert "ONLINE" in lab.guest.ssh("zpool list -H -o health grab")
        finally:
            lab.guest.ssh("systemctl stop lab-busy")


def test_pool_that_is_imported_after_it_was_unlocked(lab: Lab) -> None:
    with used(lab, dataclasses.replace(USES["exported pool"], undo="zpool export grab")):
        unlock(lab, DRIVE, EXPORTED)
        lab.guest.ssh("zpool import -d /dev -N grab")
        # Whether the service has seen it by now or not.
        try:
            job = lab.start(DRIVE, unlock=True, release=True)
        except dbus.DBusException as error:
            assert error.get_dbus_name() == "org.burnin1.Error.DriveLocked"
        else:
            assert job.wait_end(120) == "inconclusive", job["Reason"]
        lab.wait_lock(DRIVE, "active-pool")
        assert not grants(lab)
        assert "ONLINE" in lab.guest.ssh("zpool list -H -o health grab")
        with refused("WrongToken"):
            unlock(lab, DRIVE, EXPORTED)


def test_another_pool_of_the_same_name(lab: Lab) -> None:
    with used(lab, USES["active pool"]) as dev:
        unlock(lab, DRIVE, "grab")
        lab.guest.ssh(f"zpool destroy grab; zpool create -f -m /mnt/grab grab {dev}")
        lab.machine.wait_for(lambda: not grants(lab), 60, "the grant is void")
        lab.wait_lock(DRIVE, "active-pool")
        with refused("DriveLocked", "grab"):
            lab.start(DRIVE, unlock=True, release=True)
        assert "ONLINE" in lab.guest.ssh("zpool list -H -o health grab")
