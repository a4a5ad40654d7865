# SPDX-License-Identifier: LGPL-2.1-or-later
"""Unlocked drives of a real NAS: each kind of use is let go by its own tool, only where that was asked for, and what has changed since
it was unlocked is not destroyed."""
from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator

import dbus
import pytest
from lab import BUSY, LOOK, Lab, lab, rules  # noqa: F401
from product import Object, refused

pytestmark = pytest.mark.allow_journal(r"is locked now", r"has ended: (inconclusive|cancelled)", r"^(inconclusive|cancelled): ",
                                       r"^The grant .* (was given: |is void: |is used by job )", r"is not what was unlocked for job",
                                       r"No burn-in was started", r"is missing", *BUSY)

WHY = "it is only a test"
DRIVES = DRIVE, OTHER, THIRD, NVME = "WD-FREE01", "WD-FREE02", "WD-FREE03", "NVME0001"
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
# As many at the same time as there are drives: most of the time the NAS is looked at, and one look sees them all.
ROUNDS = (("existing data", "active pool", "mounted", "LVM"), ("exported pool", "boot pool", "swap", "md"),
          ("closed LUKS", "mounted LVM", "open LUKS"))
assert sorted(name for round_ in ROUNDS for name in round_) == sorted(USES)


@contextlib.contextmanager
def used(lab: Lab, uses: dict[str, Use]) -> Iterator[dict[str, str]]:
    """These drives are used like this in here, and free again afterwards; their names on the NAS."""
    for serial in uses:
        lab.wait_lock(serial, "none")
    devs = {serial: lab.dev(serial) for serial in uses}
    try:
        for serial, use in uses.items():
            lab.guest.ssh(f"set -e; {use.make.replace('{}', devs[serial])}; udevadm settle")
        for serial, use in uses.items():
            lab.wait_lock(serial, use.state).wait("LockInUse", bool(use.command), 60)
        yield devs
    finally:
        lab.clean_jobs()
        for serial, use in uses.items():
            lab.guest.ssh(use.undo.replace("{}", devs[serial]), check=False)
        lab.wipe(*uses)
        lab.look()
        for serial in uses:
            lab.wait_lock(serial, "none")


def is_left(lab: Lab, use: Use, dev: str) -> bool:
    return lab.guest.run(use.left.replace("{}", dev), check=False).returncode == 0


def unlock(lab: Lab, serial: str, token: str) -> Object:
    drive = lab.drive(serial)
    return Object(lab, drive.call("Unlock", "sst", token, WHY, 0))


def grants(lab: Lab) -> list[dict[str, object]]:
    return lab.call("ListGrants", "a{sv}", dbus.Dictionary({}, signature="sv"))


@pytest.mark.parametrize("names", ROUNDS, ids=", ".join)
def test_unlocked_drives_are_taken(lab: Lab, names: tuple[str, ...]) -> None:
    uses = {serial: USES[name] for serial, name in zip(DRIVES, names)}
    with used(lab, uses) as devs, contextlib.ExitStack() as frozen:
        for serial, use in uses.items():
            drive = lab.drive(serial)
            assert (drive["UnlockToken"], drive["LockInUse"]) == (use.token, bool(use.command))
            with refused("WrongToken", f"({use.state})"):
                unlock(lab, serial, "DESTROY")
            unlock(lab, serial, use.token)
            if use.command:
                with refused("DriveLocked", "still in use", use.command):
                    lab.start(serial, unlock=True)
                assert is_left(lab, use, devs[serial])
        with lab.slow(*uses):
            jobs = dict(zip(uses, lab.burn(*uses, unlock=True, release=True)))
            runs = {serial: frozen.enter_context(lab.frozen(job)) for serial, job in jobs.items()}
        for serial, job in jobs.items():
            assert lab.guest.ssh(f"readlink /proc/{runs[serial].pid}/fd/9").strip() == devs[serial]
            assert not is_left(lab, uses[serial], devs[serial])
            assert not rules(job, "precheck")
            # One after the other: an emulated NAS that ends four at once is too slow to prove each gone in time.
            job.cancel("seen enough")
            assert job.wait_end(90) == "cancelled"
        assert not grants(lab)


def test_all_drives_of_a_pool(lab: Lab) -> None:
    """The first one exports the pool for both."""
    lab.wait_lock(OTHER, "none")
    use = dataclasses.replace(USES["active pool"], make=f"zpool create -f -m none grab mirror {{}} {lab.dev(OTHER)}")
    with used(lab, {DRIVE: use}):
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


# What is done to pools that were unlocked; each has a drive, and what is seen of them once more is the same look.
POOLS = {
    DRIVE: USES["active pool"],
    OTHER: Use("zpool create -f -m none later {} && zpool export later", "zpool export later", "exported-pool", EXPORTED),
    THIRD: Use("zpool create -f -m /mnt/twice twice {}", "zpool destroy twice", "active-pool", "twice", "zpool export twice"),
}


@pytest.fixture(scope="module")
def pools(lab: Lab) -> Iterator[dict[str, str]]:
    with used(lab, POOLS) as devs:
        yield devs


def health(lab: Lab, pool: str) -> str:
    return lab.guest.ssh(f"zpool list -H -o health {pool}").strip()


def test_busy_pool_is_not_forced(lab: Lab, pools: dict[str, str]) -> None:
    lab.guest.ssh("systemd-run -q --unit=lab-busy --working-directory=/mnt/grab sleep 600")
    try:
        unlock(lab, DRIVE, "grab")
        job = lab.start(DRIVE, unlock=True, release=True)
        assert job.wait_end(120) == "inconclusive"
        assert "'zpool export grab' failed" in job["Reason"], job["Reason"]
        assert health(lab, "grab") == "ONLINE"
    finally:
        lab.guest.ssh("systemctl stop lab-busy")


def test_pool_that_is_imported_after_it_was_unlocked(lab: Lab, pools: dict[str, str]) -> None:
    unlock(lab, OTHER, EXPORTED)
    lab.guest.ssh("zpool import -d /dev -N later")
    # Whether the service has seen it by now or not.
    try:
        job = lab.start(OTHER, unlock=True, release=True)
    except dbus.DBusException as error:
        assert error.get_dbus_name() == "org.burnin1.Error.DriveLocked"
    else:
        assert job.wait_end(120) == "inconclusive", job["Reason"]
    lab.wait_lock(OTHER, "active-pool")
    assert not grants(lab)
    assert health(lab, "later") == "ONLINE"
    with refused("WrongToken"):
        unlock(lab, OTHER, EXPORTED)


def test_another_pool_of_the_same_name(lab: Lab, pools: dict[str, str]) -> None:
    unlock(lab, THIRD, "twice")
    lab.guest.ssh(f"zpool destroy twice; zpool create -f -m /mnt/twice twice {pools[THIRD]}")
    lab.wait_for(lambda: not grants(lab), LOOK, "the grant is void")
    lab.wait_lock(THIRD, "active-pool")
    with refused("DriveLocked", "twice"):
        lab.start(THIRD, unlock=True, release=True)
    assert health(lab, "twice") == "ONLINE"
