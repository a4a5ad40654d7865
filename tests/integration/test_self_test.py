# SPDX-License-Identifier: LGPL-2.1-or-later
"""Self-tests of the drives themselves: on their own and as stages, in every shape that drives and bridges tell of them."""
from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dbus
import pytest
import resources
from product import POLKIT_NO, Drive, Host, Job, Product, nas, product, refused  # noqa: F401

pytestmark = pytest.mark.allow_journal(r"has ended: (inconclusive|failed|cancelled)", r"^inconclusive: ", r"^failed: ",
                                       r"is missing", r"self-test that burnin did not start", r"was aborted",
                                       r"is started again", r"ended without a report", r"No burn-in was started",
                                       r"[Ll]ost contact", r"in contact again", r"goes? stale|is stale", r"does not answer|answers")
RUNNING = {"seconds": {"short": 1000, "long": 1000}}
ENDED = {"clock": 5000}


def set_test(product: Product, serial: str, special: dict[str, Any] | None = None, **selftest: Any) -> None:
    """How the drive's self-tests go from now on."""
    product.machine.set_smart(serial, {"burnin_test": (special or {}) | {"selftest": selftest}})


def state(product: Product, serial: str) -> dict[str, Any]:
    """What the drive itself knows: the file behind the stand-in."""
    path = product.machine.root / f"var/lib/burnin-test/drives/{serial}.img.state.json"
    return json.loads(path.read_text()) if path.exists() else {"running": None, "log": []}


def start(drive: Drive, kind: str = "short", user: str | None = None) -> Job:
    return Job(drive.product, drive.call("StartSelfTest", "st", kind, 0, user=user))


def wait_running(product: Product, serial: str, job: Job, kind: str = "short") -> None:
    """Its drive runs it, and the service has seen that."""
    product.machine.wait_for(lambda: state(product, serial)["running"], 30, f"{serial} runs a self-test")
    stage = job.stage(f"{kind}_smart")
    stage.wait("State", "running")
    product.drive(serial).wait("SelfTests", lambda tests: tests[kind]["State"] == "running")


def smartctl(product: Product, serial: str, *words: str) -> str:
    """What somebody else on the host does to the drive."""
    return product.machine.run(["smartctl", *words, product.device(serial)], check=False).stdout


def evidence(job: Job, kind: str = "short") -> dict[str, tuple[str, str]]:
    return {rule: (observed, verdict) for rule, _, observed, _, verdict in job.stage(f"{kind}_smart")["Evidence"]}


def test_short_test_on_its_own_passes(nas: Host, product: Product) -> None:
    drive = product.plug("SHORT001", 8)
    assert drive["SelfTests"] == {kind: {"State": "idle", "Percent": -1, "Estimated": False, "ETAUSec": 0, "Words": "", "LBA": -1,
                                         "EndedUSec": 0} for kind in ("short", "long")}
    set_test(product, "SHORT001", **RUNNING)
    before = product.image("SHORT001").read_bytes()
    job = start(drive)
    end = job.all()
    assert (end["Kind"], end["Profile"], end["Operator"]) == ("self-test", "short", "root")
    assert [path.rsplit("/", 1)[1] for path in end["Stages"]] == ["short_smart"]
    assert drive["ActiveJob"] == job.path

    wait_running(product, "SHORT001", job)
    shown = drive["SelfTests"]
    assert shown["short"]["State"] == "running" and shown["long"]["State"] == "idle"
    set_test(product, "SHORT001", **RUNNING, clock=500)
    job.wait("Percent", lambda percent: percent >= 50)
    assert drive["SelfTests"]["short"]["Percent"] >= 50 and not drive["SelfTests"]["short"]["Estimated"]
    assert drive["SelfTests"]["short"]["ETAUSec"] > 0
    set_test(product, "SHORT001", **RUNNING, **ENDED)
    assert job.wait_end() == "passed", job["Reason"]

    lines = evidence(job)
    assert set(lines) == {"identity", "self-test"} and lines["self-test"] == ("passed: Completed without error, try 1", "passed")
    assert drive["ActiveJob"] == "/"
    shown = drive.wait("SelfTests", lambda tests: tests["short"]["State"] == "passed")
    assert shown["short"]["Words"] == "Completed without error" and shown["short"]["EndedUSec"] > 0
    assert shown["long"]["State"] == "idle"
    assert product.image("SHORT001").read_bytes() == before, "a self-test writes nothing"
    assert len(state(product, "SHORT001")["log"]) == 1
    product.restart()
    nas.wait("State", "online")
    assert product.drive("SHORT001")["SelfTests"]["short"] == shown["short"]


def test_failed_long_test_names_the_lba(nas: Host, product: Product) -> None:
    drive = product.plug("FAILS001", 8)
    set_test(product, "FAILS001", status=7, lba=123456)
    job = start(drive, "long")
    assert job.wait_end() == "failed"
    assert "Completed: read failure" in job["Reason"] and "123456" in job["Reason"] and "FAILS001" in job["Reason"]
    assert evidence(job, "long")["self-test"] == ("failed: Completed: read failure, try 1", "failed")
    shown = drive["SelfTests"]["long"]
    assert (shown["State"], shown["LBA"]) == ("failed", 123456)


@pytest.mark.parametrize(("protocol", "version"), [("SCSI", [7, 3]), ("NVMe", [7, 4])])
def test_sas_and_nvme(nas: Host, product: Product, protocol: str, version: list[int]) -> None:
    serial = f"{protocol.upper()}001"
    drive = product.plug(serial, 8)
    special = {"protocol": protocol, "version": version}
    set_test(product, serial, special, **RUNNING)
    job = start(drive, "long")
    wait_running(product, serial, job, "long")
    set_test(product, serial, special, **RUNNING, **ENDED)
    assert job.wait_end() == "passed", job["Reason"]

    set_test(product, serial, special, status=7, lba=4096)
    job = start(drive, "short")
    assert job.wait_end() == "failed"
    assert "4096" in job["Reason"]
    assert {kind: test["State"] for kind, test in drive["SelfTests"].items()} == {"short": "failed", "long": "passed"}


def test_aborted_test_is_started_again(nas: Host, product: Product) -> None:
    drive = product.plug("AGAIN001", 8)
    set_test(product, "AGAIN001", statuses=[1, 2], status=0)
    job = start(drive)
    assert job.wait_end() == "passed", job["Reason"]
    assert evidence(job)["self-test"][0].endswith("try 3")
    assert [name for _, name, _ in job.stage("short_smart")["PhaseHistory"]] == [
        "Short self-test", "Short self-test, try 2", "Short self-test, try 3"]
    assert [entry["status"]["value"] >> 4 for entry in state(product, "AGAIN001")["log"]] == [0, 2, 1]


def test_test_that_is_always_aborted_is_inconclusive(nas: Host, product: Product) -> None:
    drive = product.plug("NEVER001", 8)
    set_test(product, "NEVER001", status=1)
    job = start(drive)
    assert job.wait_end() == "inconclusive"
    assert "aborted, 3 times" in job["Reason"] and "spin" in job["Reason"]
    assert len(state(product, "NEVER001")["log"]) == 3
    assert drive["SelfTests"]["short"]["State"] == "aborted"


def test_without_percentage_it_is_estimated_by_time(nas: Host, product: Product) -> None:
    drive = product.plug("BLIND001", 8)
    sas = {"protocol": "SCSI"}      # does not tell before smartctl 8.0
    set_test(product, "BLIND001", sas, **RUNNING)
    job = start(drive)
    wait_running(product, "BLIND001", job)
    shown = drive.wait("SelfTests", lambda tests: tests["short"]["Percent"] > 0)["short"]
    assert shown["Estimated"] and shown["Percent"] < 99 and shown["ETAUSec"] > 0
    set_test(product, "BLIND001", sas, **RUNNING, **ENDED)
    assert job.wait_end() == "passed"


def test_running_test_in_the_log_is_not_its_end(nas: Host, product: Product) -> None:
    drive = product.plug("LOGGED01", 8)
    set_test(product, "LOGGED01", **RUNNING, log_running=True)
    job = start(drive)
    wait_running(product, "LOGGED01", job)
    set_test(product, "LOGGED01", **RUNNING, log_running=True, clock=300)
    job.wait("Percent", lambda percent: percent >= 30)
    assert job["State"] == "running"
    set_test(product, "LOGGED01", **RUNNING, **ENDED)
    assert job.wait_end() == "passed"


def test_result_that_is_not_logged_is_unknown(nas: Host, product: Product) -> None:
    drive = product.plug("NOLOG001", 8)
    set_test(product, "NOLOG001", unlogged=True)
    job = start(drive)
    # The drive has a minute to begin and to log.
    assert job.wait_end(120) == "inconclusive"
    assert "has not logged a result" in job["Reason"]
    assert drive["SelfTests"]["short"]["State"] == "unknown"


def test_unsupported_is_never_passed(nas: Host, product: Product) -> None:
    drive = product.plug("LACKS001", 8)
    set_test(product, "LACKS001", support=False)
    job = start(drive)
    assert job.wait_end() == "inconclusive"
    assert "has no self-tests" in job["Reason"]
    assert evidence(job)["supported"][1] == "inconclusive" and "self-test" not in evidence(job)
    assert drive["SelfTests"]["short"]["State"] == "unknown"


def test_usb_bridges(nas: Host, product: Product) -> None:
    opaque, known = product.plug("BRIDGE01", 8), product.plug("BRIDGE02", 8)
    set_test(product, "BRIDGE01", {"bridge": ""})
    set_test(product, "BRIDGE02", {"bridge": "sntasmedia"})
    first, second = start(opaque), start(known)
    assert first.wait_end() == "inconclusive"
    assert "bridge" in first["Reason"] and "Unknown USB bridge" in first["Reason"]
    assert second.wait_end() == "passed", second["Reason"]


def test_drive_that_was_never_seen_without_its_bridge(nas: Host, product: Product) -> None:
    """It gives its identity by the device type that is found for the bridge alone; what nothing gets through to has none."""
    product.machine.add_loop_drive("BRIDGE03", 8, wwn=None)
    product.machine.add_loop_drive("BRIDGE04", 8, wwn=None)
    set_test(product, "BRIDGE03", {"bridge": "sntjmicron"})
    set_test(product, "BRIDGE04", {"bridge": ""})
    drive = product.wait_drive("BRIDGE03")
    assert (drive["IdentityState"], drive["SmartHealth"], drive["Serial"]) == ("ok", "passed", "BRIDGE03")
    job = start(drive)
    assert job.wait_end() == "passed", job["Reason"]
    job = product.start("BRIDGE03")
    assert job.wait_end() == "passed", job["Reason"]

    name = os.path.basename(product.device("BRIDGE04"))
    opaque = product.drive(f"nas:{name}")
    assert (opaque["IdentityState"], opaque["SmartHealth"]) == ("none", "unknown")
    with refused("DriveIdentity", name):
        start(opaque)


def test_sleeping_drive_is_woken(nas: Host, product: Product) -> None:
    drive = product.plug("SLEEPS01", 8)
    set_test(product, "SLEEPS01", {"standby": True})
    job = start(drive)
    assert job.wait_end() == "passed", job["Reason"]


def test_locked_drive_may_be_tested(nas: Host, product: Product) -> None:
    drive = product.plug("LOCKED01", 8)
    product.machine.run(["mkfs.ext4", "-q", product.device("LOCKED01")])
    nas.refresh()
    drive.wait("LockState", "existing-data")
    assert start(drive).wait_end() == "passed"


def test_keeps_the_drive_awake(nas: Host, product: Product) -> None:
    drive = product.plug("AWAKE001", 8)
    name = os.path.basename(product.device("AWAKE001"))

    def reads() -> int:
        return int(product.machine.read(f"/sys/block/{name}/stat").split()[0])

    set_test(product, "AWAKE001", **RUNNING)
    before = reads()
    job = start(drive)
    wait_running(product, "AWAKE001", job)
    product.machine.wait_for(lambda: reads() > before, 20, "a sector was read")
    assert "keeps" not in job.stage("short_smart").log()
    job.cancel()
    assert job.wait_end() == "cancelled"


def test_cancel_ends_it_in_the_drive(nas: Host, product: Product) -> None:
    drive = product.plug("CANCEL01", 8)
    set_test(product, "CANCEL01", **RUNNING)
    with refused("WrongState", "CANCEL01", "no self-test"):
        drive.call("CancelSelfTest", "t", 0)
    job = start(drive)
    wait_running(product, "CANCEL01", job)
    drive.call("CancelSelfTest", "t", 0)
    assert job.wait_end() == "cancelled"
    now = state(product, "CANCEL01")
    assert now["running"] is None and now["log"][0]["status"]["value"] >> 4 == 1
    assert job.stage("short_smart").log().splitlines()[-1].endswith("[ABORTED]")
    assert drive["SelfTests"]["short"]["State"] == "aborted"
    # It can be started again at once, whatever the last reading of the poller said.
    set_test(product, "CANCEL01")
    assert start(drive).wait_end() == "passed"


def test_test_of_others_is_shown_and_not_disturbed(nas: Host, product: Product) -> None:
    drive = product.plug("OTHERS01", 8)
    set_test(product, "OTHERS01", **RUNNING)
    assert "Testing has begun" in smartctl(product, "OTHERS01", "-t", "long")
    shown = drive.wait("SelfTests", lambda tests: "unknown" in tests, 40)["unknown"]
    assert shown["State"] == "running" and "not started by burnin" in shown["Words"]
    with refused("DriveBusy", "OTHERS01", "burnin did not start"):
        start(drive)
    with refused("WrongState", "burnin did not start"):
        drive.call("CancelSelfTest", "t", 0)
    assert state(product, "OTHERS01")["running"]["kind"] == "long"
    set_test(product, "OTHERS01", **RUNNING, **ENDED)
    shown = drive.wait("SelfTests", lambda tests: tests["long"]["State"] == "passed", 40)
    assert "unknown" not in shown


@pytest.fixture
def rarely_read(product: Product) -> Iterator[None]:
    """The poller reads a drive when it comes, and not again."""
    product.configure(smart_interval_seconds="3600")
    yield
    product.configure(smart_interval_seconds="10")


ZPOOL = """#!/bin/sh
case "$*" in
"list -vHPL")
    printf 'tank\\t240M\\t154K\\t240M\\t-\\t-\\t5%%\\t0%%\\t1.00x\\tONLINE\\t-\\n'
    printf '\\t{device}\\t240M\\t-\\t-\\t-\\t-\\t-\\t-\\t-\\tONLINE\\n' ;;
"list -H -o name,guid") printf 'tank\\t123\\n' ;;
status) printf '  pool: tank\\n state: ONLINE\\n  scan: {scan}\\n\\t1.2T scanned at 1.1G/s\\nconfig:\\n' ;;
esac
"""


@pytest.mark.parametrize(("scan", "words", "waits"), [
    ("scrub in progress since Sat Nov 21 13:00:00 2026", "member of the active ZFS pool tank, where a scrub goes on", "scrub"),
    ("resilver (mirror-0) in progress since Sat Nov 21 13:00:00 2026", "member of the active ZFS pool tank, which resilvers",
     "resilver")])
def test_waits_for_a_pool_that_reads_all_of_it(nas: Host, product: Product, scan: str, words: str, waits: str) -> None:
    drive = product.plug("POOLED01", 8)
    device = product.device("POOLED01")
    try:
        product.machine.write("/usr/local/sbin/zpool", ZPOOL.format(device=device, scan=scan), mode=0o755)
        drive.wait("LockDetail", words)
        job = start(drive)
        job.wait("Reason", f"Waits for the end of the {waits} of pool tank.")
        assert job["State"] == "queued"
        product.machine.write("/usr/local/sbin/zpool",
                              ZPOOL.format(device=device, scan=scan.split()[0] + " repaired 0B in 00:00:01 with 0 errors"), mode=0o755)
        drive.wait("LockDetail", "member of the active ZFS pool tank")
        assert job.wait_end() == "passed", job["Reason"]
    finally:
        product.machine.run(["rm", "-f", "/usr/local/sbin/zpool"])
    drive.wait("LockState", "none")


ACTIVITIES = {      # what is there -> the script that makes it, the one that ends it, what the job waits for
    "btrfs": (
        "mount -t tmpfs tmpfs /sys/fs/btrfs; cd /sys/fs/btrfs; mkdir -p features {uuid}/devices/{name} {other}/devices/sdz /var/lib/btrfs;"
        "echo none | tee {uuid}/exclusive_operation > {other}/exclusive_operation;"
        "systemd-run -q --unit=btrfs-scrub /usr/bin/python3 -c 'import socket, time; s = socket.socket(socket.AF_UNIX);"
        "s.bind(\"/var/lib/btrfs/scrub.progress.{uuid}\"); s.listen(); time.sleep(600)'",
        "systemctl stop btrfs-scrub", "scrub of btrfs file system {uuid}"),
    "btrfs device": (
        "mount -t tmpfs tmpfs /sys/fs/btrfs; mkdir -p /sys/fs/btrfs/{uuid}/devices/{name};"
        "echo device replace > /sys/fs/btrfs/{uuid}/exclusive_operation",
        "echo none > /sys/fs/btrfs/{uuid}/exclusive_operation", "replace of btrfs file system {uuid}"),
}
UUIDS = {"uuid": "539d9cd4-fe73-4ad2-9b7e-9228264196c3", "other": "00000000-fe73-4ad2-9b7e-9228264196c3"}


@pytest.mark.parametrize("what", ACTIVITIES)
def test_waits_for_a_file_system_that_reads_all_of_it(nas: Host, product: Product, what: str) -> None:
    drive, spared = product.plug("BTRFS001", 8), product.plug("SPARED01", 8)
    begin, end, words = (text.format(name=os.path.basename(product.device("BTRFS001")), **UUIDS) for text in ACTIVITIES[what])
    try:
        product.machine.run(begin)
        for _ in range(2):
            nas.wait_look()
        job, other = start(drive), start(spared)
        job.wait("Reason", f"Waits for the end of the {words}.")
        assert other.wait_end() == "passed" and job["State"] == "queued"
        product.machine.run(end)
        assert job.wait_end() == "passed", job["Reason"]
    finally:
        product.machine.run("systemctl stop btrfs-scrub; rm -rf /var/lib/btrfs; umount /sys/fs/btrfs", check=False)


@pytest.mark.skipif(not resources.has_own_view(), reason="the computer's own /sys/block cannot have an array that is none")
@pytest.mark.parametrize(("action", "waits"), [("check", "check"), ("recover", "recovery")])
def test_waits_for_an_array_that_reads_all_of_it(nas: Host, product: Product, action: str, waits: str) -> None:
    drive, spared = product.plug("ARRAY001", 8), product.plug("SPARED02", 8)
    array = Path("/sys/block/md9")
    try:
        (array / "md").mkdir(parents=True)
        (array / "slaves" / os.path.basename(product.device("ARRAY001"))).mkdir(parents=True)
        (array / "md/sync_action").write_text(f"{action}\n")
        for _ in range(2):
            nas.wait_look()
        job, other = start(drive), start(spared)
        job.wait("Reason", f"Waits for the end of the {waits} of md array md9.")
        assert other.wait_end() == "passed" and job["State"] == "queued"
        (array / "md/sync_action").write_text("idle\n")
        assert job.wait_end() == "passed", job["Reason"]
    finally:
        shutil.rmtree(array)


def test_waits_for_a_test_of_others_that_nobody_saw(rarely_read: None, nas: Host, product: Product) -> None:
    drive = product.plug("WAITS001", 8)
    drive.wait("Smart", bool)
    set_test(product, "WAITS001", **RUNNING)
    smartctl(product, "WAITS001", "-t", "long")
    job = start(drive)
    job.wait("Reason", lambda reason: "burnin did not start" in reason)
    assert state(product, "WAITS001")["running"]["kind"] == "long" and job["State"] == "running"
    assert "burnin did not start" in drive["SelfTests"]["short"]["Words"]
    product.restart()
    job.wait("Reason", lambda reason: "burnin did not start" in reason)
    set_test(product, "WAITS001", **ENDED)
    assert job.wait_end() == "passed", job["Reason"]
    assert [entry["type"]["value"] for entry in state(product, "WAITS001")["log"]] == [1, 2]


def test_drive_that_always_says_it_runs(rarely_read: None, nas: Host, product: Product) -> None:
    drive = product.plug("STUCK001", 8)
    drive.wait("Smart", bool)
    set_test(product, "STUCK001", stuck_240=True)
    job = start(drive)
    job.wait("Reason", lambda reason: "burnin did not start" in reason)
    job.cancel()
    assert job.wait_end() == "cancelled"
    assert "nothing of it runs" in job.stage("short_smart")["Reason"]


def worker_of(product: Product, job: Job, kind: str) -> int:
    group = product.machine.run(["systemctl", "show", "-P", "ControlGroup", f"burnin-job{job.id}-{kind}.scope"]).stdout.strip()
    return int(product.machine.run(["cat", f"/sys/fs/cgroup{group}/cgroup.procs"]).stdout.split()[0])


def test_goes_on_over_deaths_of_worker_and_service(nas: Host, product: Product) -> None:
    drive = product.plug("LIVES001", 8)
    set_test(product, "LIVES001", **RUNNING)
    job = start(drive)
    wait_running(product, "LIVES001", job)
    began = state(product, "LIVES001")["running"]["started"]
    stage = job.stage("short_smart")
    product.machine.run(["kill", "-KILL", str(worker_of(product, job, "short_smart"))])
    stage.wait("Attempt", 2)
    stage.wait("State", "running")
    product.restart()
    nas.wait("State", "online")
    assert job["State"] == "running"
    assert state(product, "LIVES001")["running"]["started"] == began, "it is the same test"
    # Its end falls between two workers.
    product.machine.run(["kill", "-KILL", str(worker_of(product, job, "short_smart"))])
    set_test(product, "LIVES001", **RUNNING, **ENDED)
    assert job.wait_end() == "passed", job["Reason"]
    assert evidence(job)["self-test"][0].endswith("try 1") and len(state(product, "LIVES001")["log"]) == 1


def test_cancel_while_its_worker_is_dead(nas: Host, product: Product) -> None:
    drive = product.plug("DEADCAN1", 8)
    set_test(product, "DEADCAN1", **RUNNING)
    job = start(drive)
    wait_running(product, "DEADCAN1", job)
    product.machine.run(["kill", "-KILL", str(worker_of(product, job, "short_smart"))])
    job.cancel()
    assert job.wait_end() == "cancelled"
    assert state(product, "DEADCAN1")["running"] is None


def test_contact_is_lost_and_found(nas: Host, product: Product) -> None:
    drive = product.plug("CONTACT1", 8)
    set_test(product, "CONTACT1", **RUNNING)
    job = start(drive)
    wait_running(product, "CONTACT1", job)
    host = product.machine.host
    host.stop()
    host.drop_connections()
    try:
        job.stage("short_smart").wait("Contact", bool, 60)
        set_test(product, "CONTACT1", **RUNNING, **ENDED)
    finally:
        host.start()
    assert job.wait_end(90) == "passed", job["Reason"]
    nas.wait("State", "online")


def test_one_test_or_burn_in_at_a_time(nas: Host, product: Product) -> None:
    drive = product.plug("BUSY0001", 256)
    set_test(product, "BUSY0001", **RUNNING)
    job = start(drive)
    with refused("DriveBusy", f"job {job.id}", "self-test", "short"):
        start(drive, "long")
    with refused("DriveBusy", f"job {job.id}", "self-test"):
        product.start("BUSY0001")
    wait_running(product, "BUSY0001", job)
    job.cancel()
    assert job.wait_end() == "cancelled"

    burn = product.start("BUSY0001")
    with refused("DriveBusy", f"job {burn.id}", "burn-in"):
        start(drive)
    with refused("WrongState", f"job {burn.id}", "burn-in"):
        drive.call("CancelSelfTest", "t", 0)


def test_takes_no_place_in_the_queue(nas: Host, product: Product) -> None:
    product.configure(max_parallel_burnins="1")
    try:
        nas.wait("State", "online")
        first, second = product.plug("PLACE001", 8), product.plug("PLACE002", 8)
        set_test(product, "PLACE001", **RUNNING)
        job = start(first)
        wait_running(product, "PLACE001", job)
        assert start(second).wait_end() == "passed"
        assert product.start("PLACE002").wait_end() == "passed"
        job.cancel()
        assert job.wait_end() == "cancelled"
    finally:
        product.configure(max_parallel_burnins="4")


PROFILES = {
    "full": ["short_smart", "long_smart", "surface_validate"],
    "surface": ["surface_validate"],
    "short": ["short_smart"],
    "long": ["long_smart"],
    "short_long": ["short_smart", "long_smart"],
    "surface_short": ["short_smart", "surface_validate"],
    "surface_long": ["long_smart", "surface_validate"],
    "fast": ["short_smart", "surface_validate"],
}


def test_every_profile_has_its_stages_and_passes(nas: Host, product: Product) -> None:
    serials = {profile: f"PROF{i:04}" for i, profile in enumerate(PROFILES)}
    for serial in serials.values():
        product.machine.add_loop_drive(serial, 8)
    for serial in serials.values():
        product.wait_drive(serial)
    jobs = {profile: product.start(serial, profile=profile) for profile, serial in serials.items()}
    for profile, job in jobs.items():
        assert [path.rsplit("/", 1)[1] for path in job["Stages"]] == ["precheck", *PROFILES[profile], "final_check"]
        assert job["Profile"] == profile and job["Kind"] == "burn-in"
        assert job.wait_end(90) == "passed", (profile, job["Reason"])
        if "surface_validate" in PROFILES[profile]:
            assert job.stage()["Phases"] == (2 if profile == "fast" else 8)
        tests = product.drive(serials[profile])["SelfTests"]
        for kind in ("short", "long"):
            assert tests[kind]["State"] == ("passed" if f"{kind}_smart" in PROFILES[profile] else "idle")


def test_stages_in_the_operators_order(nas: Host, product: Product) -> None:
    product.plug("ORDER001", 8)
    job = product.start("ORDER001", stages=dbus.Array(["surface_validate", "short_smart"], signature="s"))
    assert job["Profile"] == "custom"
    assert [path.rsplit("/", 1)[1] for path in job["Stages"]] == ["precheck", "surface_validate", "short_smart", "final_check"]
    assert job.wait_end() == "passed"
    assert job.stage("surface_validate")["FinishedUSec"] <= job.stage("short_smart")["StartedUSec"]
    job = product.start("ORDER001", stages=dbus.Array(["long_smart"], signature="s"))
    assert job["Profile"] == "long"
    assert job.wait_end() == "passed"


def test_retry_has_the_same_stages(nas: Host, product: Product) -> None:
    product.plug("RETRIES1", 8)
    job = product.start("RETRIES1", stages=dbus.Array(["surface_validate", "short_smart"], signature="s"))
    assert job.wait_end() == "passed"
    out = product.machine.run(["burninctl", "job", "retry", str(job.id), "--yes", "--serial=RETRIES1", "--json=short"]).stdout
    again = Job(product, json.loads(out)[0]["Job"])
    assert [path.rsplit("/", 1)[1] for path in again["Stages"]] == ["precheck", "surface_validate", "short_smart", "final_check"]
    assert (again["Profile"], again["Kind"]) == ("custom", "burn-in")
    assert again.wait_end() == "passed"

    job = start(product.drive("RETRIES1"))
    assert job.wait_end() == "passed"
    with refused("WrongState", f"Job {job.id}", "burninctl selftest start"):
        job.call("Retry", "st", "RETRIES1", 0)


def test_nobody_can_hold_it(nas: Host, product: Product) -> None:
    drive = product.plug("HOLDS001", 8)
    set_test(product, "HOLDS001", **RUNNING)
    job = start(drive)
    wait_running(product, "HOLDS001", job)
    with refused("WrongState", f"Job {job.id}", "short_smart", "hold"):
        job.call("Pause", "st", "lunch", 0)
    job.cancel()
    job.wait_end()

    job = product.start("HOLDS001", profile="short_long")
    wait_running(product, "HOLDS001", job)
    with refused("WrongState", "short_smart"):
        job.call("Pause", "st", "lunch", 0)
    assert job["State"] == "running"
    set_test(product, "HOLDS001", **ENDED)
    assert job.wait_end() == "passed"


def test_burn_in_of_self_tests_writes_nothing_and_needs_no_leave_to(nas: Host, product: Product) -> None:
    """Without its serial, on a drive that is in use; what would let something be written is refused."""
    product.plug("INUSE001", 16)
    product.plug("INUSE002", 8)
    product.machine.run(f"mkfs.ext4 -q {product.device('INUSE001')}; mkdir -p /mnt/used; mount {product.device('INUSE001')} /mnt/used;"
                        " echo precious > /mnt/used/file; sync")
    try:
        drive = product.wait_drive("INUSE001", "mounted")
        with refused("DriveLocked", "mounted"):
            product.start("INUSE001", profile="surface_short")
        for option in ("unlock", "unlock_existing", "release"):
            with refused("InvalidOption", "unlocked"):
                product.start("INUSE001", profile="short", **{option: True})
        with refused("WrongSerial", "INUSE002"):
            product.start_all([(drive["Id"], "INUSE002")], profile="short")

        cursor = product.machine.cursor()
        results = product.start_all([(drive["Id"], ""), ("INUSE002", "")], profile="short_long")
        assert [r[1] for r in results] == ["queued", "queued"]
        for job in (Job(product, path) for *_, path in results):
            assert job.wait_end() == "passed", job["Reason"]
            rules = {e[0]: e[2] for e in job.stage("precheck")["Evidence"]}
            assert "identity" in rules and "smart-health" in rules and not {"lock", "content", "detection"} & set(rules)
        assert drive["LockState"] == "mounted" and product.machine.run("cat /mnt/used/file").stdout == "precious\n"
        assert len(product.machine.journal("BURNIN_ACTION=org.burnin1.start", cursor=cursor)) == 2

        retried = Job(product, Job(product, results[0][3]).call("Retry", "st", "", 0))
        assert retried.wait_end() == "passed"
    finally:
        product.machine.run("umount /mnt/used")


def test_failed_self_test_keeps_the_surface_from_being_written(nas: Host, product: Product) -> None:
    product.plug("STOPS001", 8)
    set_test(product, "STOPS001", status=7)
    job = product.start("STOPS001", profile="full")
    assert job.wait_end() == "failed"
    assert [job.stage(kind)["Verdict"] for kind in ("precheck", "short_smart", "long_smart", "surface_validate", "final_check")] == [
        "passed", "failed", "skipped", "skipped", "skipped"]


@pytest.mark.parametrize("stages", [[], ["precheck"], ["short_smart", "short_smart"], ["sideways"],
                                    ["short_smart"] * 64])
def test_bad_stages(nas: Host, product: Product, stages: list[str]) -> None:
    product.plug("BADSTAGE", 8)
    with refused("InvalidOption", "short_smart"):
        product.start("BADSTAGE", stages=dbus.Array(stages, signature="s"))
    with refused("InvalidOption", "profile"):
        product.start("BADSTAGE", stages=dbus.Array(["short_smart"], signature="s"), profile="short")
    for value in ("short_smart", dbus.Array([1], signature="i"), dbus.Array([["a"]], signature="as")):
        with refused("InvalidOption", "stages", "as"):
            product.start("BADSTAGE", stages=value)
    with refused("InvalidOption", "profile"):
        product.start("BADSTAGE", profile="custom")
    with refused("InvalidOption", "stages", "64"):
        product.start("BADSTAGE", stages=dbus.Array(["short_smart"] * 1_000_000, signature="s"))
    assert not product.active_jobs()


def test_bad_input(nas: Host, product: Product) -> None:
    drive = product.plug("BADINPUT", 8)
    for kind in ("", "conveyance", "SHORT", "long\n", "x" * 10000):
        with refused("InvalidArgument", "short"):
            drive.call("StartSelfTest", "st", kind, 0)
    with refused("InvalidArgument", "flags"):
        drive.call("StartSelfTest", "st", "short", 1)
    with refused("InvalidArgument", "flags"):
        drive.call("CancelSelfTest", "t", 2**63)
    with refused("org.freedesktop.DBus.Error.InvalidArgs"):
        drive.call("StartSelfTest", "ut", 1, 0)
    with refused("org.freedesktop.DBus.Error.InvalidArgs"):
        drive.call("CancelSelfTest", "s", "short")
    product.machine.remove_loop_drive("BADINPUT")
    drive.wait("Present", False)
    with refused("DriveMissing", "BADINPUT"):
        start(drive)
    assert not product.active_jobs()


def test_without_rights(nas: Host, product: Product) -> None:
    drive = product.plug("RIGHTS01", 8)
    for method, signature, arguments in (("StartSelfTest", "st", ("short", 0)), ("CancelSelfTest", "t", (0,))):
        with pytest.raises(dbus.DBusException) as error:
            drive.call(method, signature, *arguments, user="visitor")
        assert error.value.get_dbus_name() in POLKIT_NO
    assert not product.active_jobs()
    denied = [row for row in product.list("Audit") if row["Action"] == "org.burnin1.self-test" and row["Outcome"] == "denied"]
    assert denied and "visitor" in {row["Actor"] for row in denied}
