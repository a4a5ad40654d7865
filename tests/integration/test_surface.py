# SPDX-License-Identifier: LGPL-2.1-or-later
"""The surface stage: two phases or eight, heat, drives that are slow without an error, and a worker that hangs."""
from __future__ import annotations

import re
import time
from collections.abc import Iterator

import dbus
import pytest
from product import Host, Job, Product, nas, product  # noqa: F401

pytestmark = pytest.mark.allow_journal(r"has ended: (inconclusive|failed|cancelled)", r"^(inconclusive|failed): ")



@pytest.fixture
def slowly(product: Product, nas: Host) -> Iterator[None]:
    """A block at a time: a drive of some hundred MB takes a while."""
    product.configure(surface_validate_block_size="512", surface_validate_block_buffer="1")
    nas.wait("State", "online", 30)
    yield
    product.clean_jobs()
    product.configure(surface_validate_block_size="4096", surface_validate_block_buffer="64", slow_floor_hdd="0",
                      slow_floor_ssd="0", slow_ratio="0", slow_fails="yes")


def ledger(job: Job) -> dict[str, tuple[str, str]]:
    return {rule: (observed, verdict) for rule, _, observed, _, verdict in job.stage()["Evidence"]}


def test_fast_has_two_phases(nas: Host, product: Product) -> None:
    product.plug("FAST0001", 64)
    job = product.start("FAST0001", profile="fast")
    assert job.wait_end() == "passed", job["Reason"]
    surface = job.stage()
    assert job["Profile"] == "fast"
    assert [name for _, name, _ in surface["PhaseHistory"]] == ["Write random", "Verify random"]
    assert surface["Phases"] == 2 and surface["WorkBytes"] >= 2 * (64 << 20)
    assert (surface["ReadErrors"], surface["WriteErrors"], surface["CompareErrors"], surface["BadBlockList"]) == (0, 0, 0, [])
    assert (surface["Paused"], surface["Stalled"]) == ("", "")
    assert any(product.image("FAST0001").read_bytes()[:4096])
    said = product.machine.run(["burninctl", "job", "show", str(job.id)]).stdout
    assert "profile fast" in said and "0/0/0 read/write/compare errors" in said


def test_end_is_told_as_a_time_of_day(slowly: None, product: Product) -> None:
    product.plug("ENDS0001", 1536)
    job = product.start("ENDS0001")
    early = []

    def expected() -> bool:
        now = job.stage().all()
        if now["State"] == "running" and now["Percent"] < 0.5:
            early.append(now["ETAUSec"])
        return bool(time.time() * 1e6 < now["ETAUSec"] < (time.time() + 86400) * 1e6)

    product.machine.wait_for(expected, 60, "an end is expected")
    assert set(early) == {0}, "nothing can be said so early"
    product.machine.wait_for(lambda: time.time() * 1e6 < job["ETAUSec"] < (time.time() + 86400) * 1e6, 10, "an end is expected")
    job.cancel("seen enough")
    assert job.wait_end() == "cancelled"


@pytest.mark.allow_journal(r"is paused for heat", r"^Paused \(heat\)")
def test_heat_pauses_it_and_a_restart_changes_nothing(slowly: None, product: Product) -> None:
    drive = product.plug("HEAT0001", 1536)
    cursor = product.machine.cursor()
    job = product.start("HEAT0001")
    stage = job.stage()
    pid = stage.run_pid()
    product.machine.set_smart("HEAT0001", {"temperature": {"current": 57}})
    stage.wait("Paused", lambda words: "57 °C" in words, 90)
    assert product.state_of(pid) == "T" and stage["BytesPerSecond"] == 0
    product.restart()
    stage.wait("Paused", lambda words: "57 °C" in words, 30)
    assert stage["Attempt"] == 1 and stage["TemperatureMaxMDegC"] == 57000
    assert "too hot" in product.machine.run(["burninctl", "job", "show", str(job.id)]).stdout
    entry = product.machine.wait_journal("is paused for heat", cursor=cursor)
    assert entry["BURNIN_DRIVE_SERIAL"] == "HEAT0001"
    assert entry["MESSAGE_ID"]
    product.machine.set_smart("HEAT0001", {"temperature": {"current": 40}})
    stage.wait("Paused", "", 90)
    product.machine.wait_journal("is no longer paused for heat", cursor=cursor)
    assert product.state_of(pid) != "T"
    job.cancel("seen enough")
    assert job.wait_end() == "cancelled"
    assert drive["LockState"] != "remnant"


def test_slow_drive(slowly: None, nas: Host, product: Product) -> None:
    product.plug("SLOW0001", 3072)
    product.configure(slow_floor_hdd="10000", slow_floor_ssd="100000", slow_ratio="0.7")
    nas.wait("State", "online", 30)
    job = product.start("SLOW0001", profile="fast")
    assert job.wait_end(240) == "failed", job["Reason"]
    assert "it is slow" in job["Reason"] and "SLOW0001" in job["Reason"]
    rules = ledger(job)
    assert rules["speed-floor"][1] == "failed"
    assert rules["speed-regions"] == ("not compared: the test has one pass", "passed")
    assert rules["bad-blocks"][1] == "passed"


def test_drive_that_is_slower_than_the_others_of_its_batch(slowly: None, nas: Host, product: Product) -> None:
    """None of them has ended when it starts, so what they can is known only later, and over a restart."""
    slow, *others = [f"BATCH00{i}" for i in range(4)]
    for serial in (slow, *others):
        product.machine.set_smart(serial, {"model_name": "BURNIN BATCH"})   # nothing is known of others of it
        product.plug(serial, 1024 if serial == slow else 768)
    product.configure(slow_ratio="0.9")
    nas.wait("State", "online", 30)
    job = product.start(slow, profile="fast")
    job.stage().wait("Phase", lambda phase: phase > 0, 60)
    for name, value in (("surface_validate_block_size", 4096), ("surface_validate_block_buffer", 4096)):
        product.call_settings("Set", "svt", name, dbus.UInt32(value), 0)
    try:
        ends = [product.start(serial, profile="fast") for serial in others]
        assert [each.wait_end() for each in ends] == ["passed"] * 3, [each["Reason"] for each in ends]
        assert not [each["Serial"] for each in ends if "speed-siblings" in ledger(each)] and job["State"] == "running"
    finally:
        for name in ("surface_validate_block_size", "surface_validate_block_buffer"):
            product.call_settings("Reset", "st", name, 0)
    product.restart()
    assert job.wait_end(240) == "failed", ledger(job)["speed-siblings"]
    assert ledger(job)["speed-siblings"][1] == "failed" and "others of its model" in job["Reason"] and slow in job["Reason"]


def test_slow_drive_that_is_only_named(slowly: None, nas: Host, product: Product) -> None:
    product.plug("SLOW0002", 3072)
    product.configure(slow_floor_hdd="10000", slow_floor_ssd="100000", slow_ratio="0.7", slow_fails="no")
    nas.wait("State", "online", 30)
    job = product.start("SLOW0002", profile="fast")
    assert job.wait_end(240) == "passed", job["Reason"]
    named = ", ".join(rule for rule, line in ledger(job).items() if line[0].endswith(", a warning"))
    assert named in ("speed-floor", "speed-floor, speed-siblings")     # the others of its model were tested on another day
    assert job.stage()["Reason"] == f"Each of {len(ledger(job))} checks passed, with a warning: {named}."
    assert job["Reason"] == f"Each of its 4 stages passed, with a warning: surface_validate ({named})."


@pytest.mark.allow_journal(r"stands still: ", r"[Ii]t stands still", r"ending the test", r"ended without a report")
def test_what_stands_still_is_named(product: Product, nas: Host) -> None:
    """Four at the same time. The work of the first stands still, and that is told; so does that of the second, which is far older
    than it should be, and is ended; the third one's follower stands still, and is replaced while the test on the host goes on; so does
    that of a self-test in the fourth."""
    product.configure(stall_minutes="1", stuck_job_hours="1")
    nas.wait("State", "online", 30)
    serials = ("STALL001", "STUCK001", "HANG0001")
    for serial in serials:
        product.plug(serial, 256)
    product.plug("HANG0002", 8)
    product.machine.set_smart("HANG0002", {"burnin_test": {"selftest": {"seconds": {"short": 100_000}}}})
    still, stuck, job = (product.start(serial) for serial in serials)
    tested = product.start("HANG0002", profile="short")
    product.machine.wait_for(lambda: tested.stage("short_smart")["State"] == "running" and tested.stage("short_smart")["Percent"] > 0, 60,
                             "the self-test is followed")
    stage = job.stage()
    with product.braked(still), product.braked(stuck) as stuck_pid, product.braked(job) as pid:
        cursor = product.machine.cursor()
        unit = stuck.stage()["Unit"]
        product.machine.run(f"systemctl stop burnind.service; systemctl kill --signal=KILL {unit}")
        product.machine.run(["sqlite3", "/var/lib/burnin/burnin.db",
                             "UPDATE stages SET settings = json_set(settings, '$.job_started_usec', started_usec - 4 * 3600 * 1000000)"
                             f" WHERE job = {stuck.id} AND kind = 'surface_validate'"])
        product.machine.run("systemctl start burnind.service")
        stuck.stage().wait("Attempt", 2, 60)

        for hangs in (stage, tested.stage("short_smart")):
            worker = product.machine.run(["systemctl", "show", "--value", "--property=ControlGroup", hangs["Unit"]]).stdout.strip()
            product.machine.run(f"kill -STOP $(cat /sys/fs/cgroup{worker}/cgroup.procs)")

        words = still.stage().wait("Stalled", bool, 120)
        assert "no work was seen for 1 min" in words and "stopped by a signal" in words
        product.machine.wait_journal(f"stands still: {re.escape(words)}", f"BURNIN_JOB={still.id}", "PRIORITY=4", cursor=cursor)
        assert "stopped by a signal" in product.machine.run(["burninctl", "job", "show", str(still.id)]).stdout

        assert stuck.wait_end(120) == "inconclusive"
        assert "stopped by a signal" in stuck["Reason"] and product.state_of(stuck_pid) in ("", "Z")
        product.machine.wait_journal("older than stuck_job_hours, ending the test", f"BURNIN_JOB={stuck.id}", "PRIORITY=2", cursor=cursor)

        product.machine.wait_journal("has said nothing for", cursor=cursor, timeout=240)
        stage.wait("Attempt", 2, 60)
        assert product.state_of(pid) == "T"
        tested.stage("short_smart").wait("Attempt", 2, 60)
        product.machine.set_smart("HANG0002", {"burnin_test": {"selftest": {"clock": 200_000}}})
        assert (still["State"], still.stage()["Attempt"]) == ("running", 1)
    assert tested.wait_end(120) == "passed", tested["Reason"]
    for one in (job, still):
        assert one.wait_end(120) == "passed", one["Reason"]
        assert one.stage()["Stalled"] == ""
