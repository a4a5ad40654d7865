# SPDX-License-Identifier: LGPL-2.1-or-later
"""On a NAS with drives in every state: each is seen for what it is, a locked one is not touched, and a doubt locks."""
from __future__ import annotations

import re

import pytest
from lab import BURN_IN, BUSY, LOOK, Lab, lab, rules  # noqa: F401
from product import Job, refused

pytestmark = pytest.mark.allow_journal(r"is missing", r"is locked now", r"has ended: inconclusive", r"^inconclusive: ",
                                       r"shows the same identity", *BUSY)

MEMBER = "DESTROY STORAGE MEMBER"
LOCKED = {      # serial -> state, token, and what the detail names
    "WD-TANK01": ("active-pool", "tank", "tank"),
    "WD-TANK02": ("active-pool", "tank", "tank"),
    "WD-VAULT1": ("exported-pool", "DESTROY EXPORTED POOL", "vault"),
    "WD-MOUNT1": ("mounted", "DESTROY MOUNTED FILESYSTEM", "/mnt/data"),
    "WD-LVMPV1": ("storage-member", MEMBER, "vgdata-keep"),
    "WD-MDRAID1": ("storage-member", MEMBER, "md0"),
    "WD-LUKS01": ("storage-member", MEMBER, "crypto_LUKS"),
    "WD-PARTS1": ("existing-data", "DESTROY EXISTING DATA", "gpt"),
}
FREE = ("WD-FREE01", "WD-FREE02", "WD-FREE03", "SG-HOT01", "SG-HOT02", "NVME0001", "2000")


@pytest.mark.parametrize("serial", LOCKED)
def test_drive_in_use_shows_its_state_token_and_user(lab: Lab, serial: str) -> None:
    state, token, names = LOCKED[serial]
    drive = lab.wait_lock(serial, state)
    assert drive["UnlockToken"] == token
    assert names in drive["LockDetail"]
    assert drive["IdentityState"] == "ok"


@pytest.mark.parametrize("serial", FREE)
def test_free_drive_has_no_lock(lab: Lab, serial: str) -> None:
    drive = lab.wait_lock(serial, "none")
    assert (drive["UnlockToken"], drive["LockDetail"], drive["IdentityState"]) == ("", "", "ok")


def test_start_on_a_locked_drive_is_refused_and_changes_not_one_byte(lab: Lab) -> None:
    lab.guest.ssh("sync; zpool sync tank")
    before = {serial: lab.digest(serial) for serial in LOCKED}
    for serial, (state, token, names) in LOCKED.items():
        with refused("DriveLocked", serial, f"({state})", names, f'"{token}"'):
            lab.start(serial)
    results = lab.start_all([(serial, serial) for serial in LOCKED], confirmed=True)
    assert [result for _, result, _, _ in results] == ["locked"] * len(LOCKED)
    assert not lab.active_jobs()
    lab.look()
    assert {serial: lab.digest(serial) for serial in LOCKED} == before


def test_drive_becomes_what_it_is_when_it_is_released(lab: Lab) -> None:
    lab.guest.ssh("umount /mnt/data; vgchange -qan vgdata; mdadm -q --stop /dev/md0; zpool import vault")
    try:
        assert lab.wait_lock("WD-MOUNT1", "existing-data", "ext4")["UnlockToken"] == "DESTROY EXISTING DATA"
        for serial, signature, gone in (("WD-LVMPV1", "LVM2_member", "keep"), ("WD-MDRAID1", "linux_raid_member", "md0")):
            drive = lab.wait_lock(serial, "storage-member", signature)
            drive.wait("LockDetail", lambda detail, gone=gone: gone not in detail, LOOK)
            assert drive["UnlockToken"] == MEMBER
        assert lab.wait_lock("WD-VAULT1", "active-pool", "vault")["UnlockToken"] == "vault"
    finally:
        lab.guest.ssh(f"mount {lab.dev('WD-MOUNT1')} /mnt/data; vgchange -qay vgdata; zpool export vault;"
                      f"mdadm -q --assemble --run /dev/md0 {lab.dev('WD-MDRAID1')}")
    for serial in ("WD-MOUNT1", "WD-LVMPV1", "WD-MDRAID1", "WD-VAULT1"):
        state, token, names = LOCKED[serial]
        assert lab.wait_lock(serial, state, names)["UnlockToken"] == token


def test_swap_is_locked_until_it_is_off_and_wiped(lab: Lab) -> None:
    dev = lab.dev("WD-FREE01")
    lab.guest.ssh(f"mkswap -q {dev} && swapon {dev}")
    try:
        drive = lab.wait_lock("WD-FREE01", "mounted", "swap")
        assert drive["UnlockToken"] == "DESTROY MOUNTED FILESYSTEM"
        with refused("DriveLocked", "(mounted)", "swap"):
            lab.start("WD-FREE01")
        lab.guest.ssh(f"swapoff {dev}")
        lab.wait_lock("WD-FREE01", "existing-data", "swap")
    finally:
        lab.guest.ssh(f"swapoff {dev}", check=False)
        lab.wipe("WD-FREE01")
    lab.wait_lock("WD-FREE01", "none")


def test_boot_pool_has_its_own_token(lab: Lab) -> None:
    dev = lab.dev("WD-FREE02")
    lab.guest.ssh(f"zpool create -f -m none rpool {dev}")
    try:
        drive = lab.wait_lock("WD-FREE02", "boot-pool", "rpool")
        assert drive["UnlockToken"] == "DESTROY BOOT POOL"
        with refused("DriveLocked", "(boot-pool)", "rpool", "DESTROY BOOT POOL"):
            lab.start("WD-FREE02")
        # A pool that is destroyed leaves its label, and can be imported again.
        lab.guest.ssh("zpool destroy rpool")
        lab.wait_lock("WD-FREE02", "exported-pool", "rpool")
        lab.guest.ssh(f"zpool labelclear -f {dev}1; udevadm settle")
        lab.wait_lock("WD-FREE02", "existing-data", "gpt")
    finally:
        lab.guest.ssh("zpool destroy rpool", check=False)
        lab.wipe("WD-FREE02")
    lab.wait_lock("WD-FREE02", "none")


def test_drive_that_a_process_has_open_cannot_be_unlocked(lab: Lab) -> None:
    """As a virtual machine has a disk that is passed through to it: no mount, no holder, no signature."""
    dev = lab.dev("WD-FREE03")
    lab.guest.ssh(f"systemd-run -q --unit=lab-vm sh -c 'exec sleep 600 3<>{dev}'")
    try:
        drive = lab.wait_lock("WD-FREE03", "in-use", "open in sleep")
        assert drive["UnlockToken"] == ""
        with refused("DriveLocked", "(in-use)", "open in sleep", "cannot be unlocked"):
            lab.start("WD-FREE03")
    finally:
        lab.guest.ssh("systemctl stop lab-vm")
    lab.wait_lock("WD-FREE03", "none")


def test_drive_that_something_writes_to_is_in_use(lab: Lab) -> None:
    """Open for moments only, so that nobody is ever seen with it."""
    dev = lab.dev("WD-FREE03")
    lab.guest.ssh(f"systemd-run -q --unit=lab-writer sh -c 'while dd if=/dev/zero of={dev} bs=4k count=1 seek=99 oflag=direct;"
                  " do sleep 0.3; done'")
    try:
        lab.wait_lock("WD-FREE03", "in-use", "writes")
        with refused("DriveLocked", "(in-use)"):
            lab.start("WD-FREE03")
    finally:
        lab.guest.ssh("systemctl stop lab-writer")
    lab.wait_lock("WD-FREE03", "none")


# What goes on by itself

BUSY = {        # what goes on -> its drives, how it begins and ends, what the lock says, and what a job waits for
    "check of an array": (
        ("WD-FREE01", "WD-FREE02"),
        "mdadm -q --create /dev/md9 --run --force --level=1 --raid-devices=2 --assume-clean {0} {1};"
        "cd /sys/block/md9/md; echo 10 > sync_speed_min; echo 100 > sync_speed_max; echo check > sync_action",
        "echo idle > /sys/block/md9/md/sync_action", "mdadm -q --stop /dev/md9",
        ("storage-member", "a check of md array md9 goes on"), r"the check of md array md9"),
    "recovery of an array": (
        ("WD-FREE01", "WD-FREE02"),
        "mdadm -q --create /dev/md9 --run --force --level=1 --raid-devices=2 {0} missing;"
        "cd /sys/block/md9/md; echo 10 > sync_speed_min; echo 100 > sync_speed_max; mdadm -q /dev/md9 --add {1}",
        "mdadm -q /dev/md9 --fail {1} --remove {1}", "mdadm -q --stop /dev/md9",
        ("storage-member", "a recovery of md array md9 goes on"), r"the recovery of md array md9"),
}


@pytest.mark.parametrize("what", BUSY)
def test_nothing_starts_over_what_reads_all_of_a_drive(lab: Lab, what: str) -> None:
    serials, begin, end, undo, (state, detail), reason = BUSY[what]
    devices = [lab.dev(serial) for serial in serials]
    try:
        lab.guest.ssh(begin.format(*devices))
        for serial in serials:
            drive = lab.wait_lock(serial, state, detail)
        assert " goes on" not in lab.wait_lock("WD-MDRAID1", "storage-member")["LockDetail"]
        job = Job(lab, drive.call("StartSelfTest", "st", "short", 0))
        job.wait("Reason", lambda words: re.fullmatch(rf"Waits for the end of {reason}\.", words), LOOK)
        assert job["State"] == "queued"
        lab.guest.ssh(end.format(*devices))
        lab.wait_for(lambda: job["State"] != "queued", LOOK, "the job begins")
        assert " goes on" not in drive["LockDetail"]
        job.cancel()
        job.wait_end(BURN_IN)
    finally:
        lab.guest.ssh(undo.format(*devices), check=False)
        lab.wipe(*serials)
    for serial in serials:
        lab.wait_lock(serial, "none")


# Detection that fails


BROKEN = {      # what is wrong with a tool -> its script, and what the service says of it
    "fails": ("exit 1", "zpool: failed with status 1"),
    "babbles": ("echo who knows", "zpool"),
}


@pytest.mark.parametrize("how", BROKEN)
def test_failed_detection_opens_no_lock(lab: Lab, how: str) -> None:
    script, words = BROKEN[how]
    lab.wait_lock("WD-FREE01", "none")
    before = lab.locks()
    with lab.replaced({"/usr/sbin/zpool": script}):
        lab.nas.wait("DetectionState", lambda s: words in s, LOOK)
        with lab.new_drive(f"NEW-{how}"):
            drive = lab.wait_lock(f"NEW-{how}", "unclassified")
            assert drive["UnlockToken"] == ""
            with refused("DriveLocked", "(unclassified)"):
                lab.start(f"NEW-{how}")
            lab.look()
            now = lab.locks()
            assert now.pop(f"NEW-{how}") == ("unclassified", "")
            assert now == before
    lab.nas.wait("DetectionState", "ok", LOOK)
    drive.wait("Present", False, LOOK)
    assert lab.locks() == before


def test_start_while_detection_fails_ends_inconclusive_and_writes_nothing(lab: Lab) -> None:
    """What was known of the drive still stands, so it may be queued; but it does not get by the look at the host itself."""
    lab.wait_lock("WD-FREE01", "none")
    before = lab.digest("WD-FREE01")
    with lab.replaced({"/usr/sbin/zpool": "exit 1"}):
        job = lab.start("WD-FREE01")
        assert job.wait_end(BURN_IN) == "inconclusive"
    assert "what uses the drives there cannot be told: zpool" in job["Reason"]
    assert "detection" in rules(job, "precheck")
    assert job.stage()["Verdict"] == "skipped" and lab.digest("WD-FREE01") == before
    lab.nas.wait("DetectionState", "ok", LOOK)


def test_host_whose_lsblk_is_broken_keeps_its_locks(lab: Lab) -> None:
    before = lab.locks()
    with lab.replaced({"/usr/bin/lsblk": "echo who knows"}):
        lab.nas.wait("StateReason", lambda s: "makes no sense" in s, LOOK)
        assert lab.locks() == before
        with refused("DriveLocked", "(active-pool)"):
            lab.start("WD-TANK01")
        job = lab.start("WD-FREE01")
        assert job.wait_end(BURN_IN) == "inconclusive"
        assert job.stage()["WorkBytes"] == 0
    lab.nas.wait("StateReason", "", LOOK)
    assert lab.locks() == before


# Identity


def test_two_drives_that_swap_names_stay_who_they_are(lab: Lab) -> None:
    one, other = lab.wait_lock("WD-FREE01", "none"), lab.wait_lock("WD-FREE02", "none")
    names = one["DevName"], other["DevName"]
    lab.guest.swap("WD-FREE01", "WD-FREE02")
    lab.wait_for(lambda: (other["DevName"], one["DevName"]) == names, LOOK, "the names are swapped")
    for drive, serial in ((one, "WD-FREE01"), (other, "WD-FREE02")):
        assert lab.wait_lock(serial, "none").path == drive.path
        assert drive["Serial"] == serial and drive["IdentityState"] == "ok"


def test_hot_plugged_drive_appears_and_a_pulled_one_is_missing(lab: Lab) -> None:
    with lab.new_drive("NEW-HOT"):
        drive = lab.wait_lock("NEW-HOT", "none")
        assert (drive["Host"], drive["SizeBytes"]) == ("nas", 16 << 20)
    drive.wait("Present", False, LOOK)
    with refused("DriveMissing", "NEW-HOT"):
        lab.start("NEW-HOT")


def test_drive_that_comes_back_under_another_name_keeps_location_and_notes(lab: Lab) -> None:
    drive = lab.wait_lock("SG-HOT01", "none")
    drive.call("SetLocation", "st", "shelf 2, bay 7", 0)
    drive.call("SetNotes", "st", "rattles", 0)
    name = drive["DevName"]
    assert name == lab.guest.dev("SG-HOT01")
    lab.guest.unplug("SG-HOT01")
    drive.wait("Present", False, LOOK)
    with lab.new_drive("TAKES-NAME") as taker:
        assert taker == name, "the kernel gives the lowest free name"
        lab.wait_lock("TAKES-NAME", "none")
        assert lab.guest.plug("SG-HOT01") != name
        assert lab.wait_lock("SG-HOT01", "none").path == drive.path
        assert drive["DevName"] == lab.guest.dev("SG-HOT01") != name
        assert (drive["Location"], drive["Notes"]) == ("shelf 2, bay 7", "rattles")
        assert lab.drive("TAKES-NAME")["Location"] == ""


def test_two_paths_to_one_drive_are_never_burned_in(lab: Lab) -> None:
    with lab.new_drive("TWO-PATHS", paths=2):
        def both() -> bool:
            rows = [d for d in lab.list("Drives", serial="TWO-PATHS", present=True)]
            return len(rows) == 2 and all(d["IdentityState"] == "shared" for d in rows)

        lab.wait_for(both, LOOK, "both paths are known as one")
        for row in lab.list("Drives", serial="TWO-PATHS", present=True):
            with refused("DriveIdentity", "same identity"):
                lab.start("TWO-PATHS", f"nas:{row['DevName']}")
