# SPDX-License-Identifier: LGPL-2.1-or-later
"""Burn-ins from submission to verdict: what passes, what fails, in which order, and that the evidence says so."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import dbus
import pytest
import resources
from product import MANAGER, PATH, PHASES, Host, Job, Product, nas, product, refused, wait_all  # noqa: F401

pytestmark = pytest.mark.allow_journal(r"has ended: (inconclusive|failed|cancelled)", r"^inconclusive: ", r"^failed: ",
                                       r"is missing", r"says of itself that it fails")


def test_good_drive_passes_with_evidence_phases_and_log(nas: Host, product: Product) -> None:
    product.plug("GOOD0001")
    job = product.start("GOOD0001", note="first light")
    assert job.wait_end() == "passed"

    end = job.all()
    assert end["Percent"] == 100 and end["CurrentStage"] == "/" and end["Note"] == "first light" and end["Operator"] == "root"
    assert end["Reason"] == "Each of its 3 stages passed."
    assert end["CreatedUSec"] <= end["StartedUSec"] <= end["FinishedUSec"]
    assert [path.rsplit("/", 1)[1] for path in end["Stages"]] == ["precheck", "surface_validate", "final_check"]
    for kind in ("precheck", "surface_validate", "final_check"):
        stage = job.stage(kind).all()
        assert (stage["State"], stage["Verdict"]) == ("done", "passed"), stage
        assert stage["Reason"] == f"Each of {len(stage['Evidence'])} checks passed."
        assert stage["Evidence"] and all(line[4] == "passed" for line in stage["Evidence"])
        assert all(rule and expected and observed and source for rule, expected, observed, source, _ in stage["Evidence"])

    surface = job.stage()
    history = surface["PhaseHistory"]
    assert [(number, name) for number, name, _ in history] == list(enumerate(PHASES, 1))
    starts = [start for *_, start in history]
    assert starts == sorted(starts) and surface["StartedUSec"] <= starts[0] and starts[-1] <= surface["FinishedUSec"]
    assert surface["BadBlocks"] == 0 and surface["WorkBytes"] >= 8 * (64 << 20)

    for kind in ("precheck", "surface_validate", "final_check"):
        lines = job.stage(kind).log().splitlines()
        assert lines[-1].endswith(f" burnin passed: {job.stage(kind)['Reason']}")
        for rule, expected, observed, source, verdict in job.stage(kind)["Evidence"]:
            assert any(f" burnin {rule}: {observed} (expected: {expected}, source: {source}): {verdict}" in li for li in lines)
    # What badblocks itself said, from its first word to its last.
    said = [line.split(" ", 2)[2] for line in surface.log().splitlines() if " badblocks@" in line]
    assert said[0].startswith("Checking for bad blocks") and said[-1].startswith("Pass completed, 0 bad blocks found")
    assert [word for word in " ".join(said).split() if word.startswith("0x")] == ["0xaa:", "0x55:", "0xff:", "0x00:"]
    assert " ".join(said).count("Reading and comparing:") == 4

    assert product.drive("GOOD0001")["ActiveJob"] == "/"
    assert not any(product.image("GOOD0001").read_bytes()), "the last pattern is 0x00"


def test_queue_drains_by_priority_then_age(nas: Host, product: Product) -> None:
    product.configure(max_parallel_burnins="1")
    try:
        nas.wait("State", "online")
        for serial in ("QUEUE001", "QUEUE002", "QUEUE003", "QUEUE004"):
            product.machine.add_loop_drive(serial, 256 if serial == "QUEUE001" else 8)
        for serial in ("QUEUE001", "QUEUE002", "QUEUE003", "QUEUE004"):
            product.wait_drive(serial)
        first = product.start("QUEUE001")
        with product.braked(first):
            older, younger = product.start("QUEUE002"), product.start("QUEUE003")
            urgent = product.start("QUEUE004", priority=dbus.Int32(5))
            for job in (older, younger, urgent):
                job.wait("Reason", lambda reason: "free place" in reason)
                assert job["State"] == "queued" and job["StartedUSec"] == 0
            assert (product["QueuedJobs"], product["RunningJobs"], product["MaxParallelBurnins"]) == (3, 1, 1)
            with product.machine.watch_signal(MANAGER, "JobRemoved", PATH) as removed:
                first.cancel()
                assert [int(s.args[0]) for s in wait_all(removed, 4)] == [j.id for j in (first, urgent, older, younger)]
        # One at a time: each began only when the one before it had ended.
        jobs = [job.all() for job in (first, urgent, older, younger)]
        assert [job["Verdict"] for job in jobs] == ["cancelled", "passed", "passed", "passed"]
        for before, after in zip(jobs, jobs[1:]):
            assert before["FinishedUSec"] <= after["StartedUSec"]
    finally:
        product.configure(max_parallel_burnins="4")


def test_batch_answers_for_each_drive(nas: Host, product: Product) -> None:
    product.plug("BATCH001", 256)
    product.plug("BATCH002", 8)
    used = product.plug("BATCH003", 8)
    product.machine.run(["mkfs.ext4", "-q", product.device("BATCH003")])
    nas.refresh()
    used.wait("LockState", "existing-data")

    drives = [("BATCH001", ""), ("BATCH002", "BATCH001"), ("BATCH003", ""), ("NOTHING1", ""), ("BATCH001", "")]
    with refused("NotConfirmed", "5 drives"):
        product.start_all(drives)
    with refused("NotConfirmed", "5 drives"):
        product.start_all(drives, confirmed=False)
    assert not product.active_jobs()

    results = product.start_all(drives, confirmed=True)
    job, = product.active_jobs()
    assert [(result, path) for _, result, _, path in results] == [
        ("queued", job.path), ("skipped", "/"), ("locked", "/"), ("skipped", "/"), ("skipped", "/")]
    assert [detail.split(":")[0].rpartition(".")[2] for _, _, detail, _ in results] == [
        "", "WrongSerial", "DriveLocked", "NoSuchDrive", "DriveBusy"]
    assert "existing-data" in results[2][2] and "DESTROY EXISTING DATA" in results[2][2]
    assert job["Serial"] == "BATCH001"


def test_same_request_starts_nothing_new(nas: Host, product: Product) -> None:
    product.plug("AGAIN001", 8)
    first = product.start_all([("AGAIN001", "AGAIN001")], request="click-1")
    assert product.start_all([("AGAIN001", "AGAIN001")], request="click-1") == first
    job = Job(product, first[0][3])
    assert job.wait_end() == "passed"
    assert product.start_all([("AGAIN001", "AGAIN001")], request="click-1") == first
    product.restart()
    nas.wait("State", "online")
    assert product.start_all([("AGAIN001", "AGAIN001")], request="click-1") == first
    assert len(product.jobs(drive=product.drive("AGAIN001")["Id"])) == 1


def test_location_and_notes_follow_the_drive(nas: Host, product: Product) -> None:
    drive = product.plug("MOVES001", 8)
    drive.call("SetLocation", "st", "shelf 2, bay 7", 0)
    drive.call("SetNotes", "st", "dropped once; größer", 0)
    before = drive["DevName"]

    with resources.locked():        # no other test on this computer takes its name meanwhile
        product.machine.remove_loop_drive("MOVES001", keep_image=True)
        product.machine.add_loop_drive("TAKESNAM", 8, device=f"/dev/{before}")
    drive.wait("Present", False)
    assert product.plug("MOVES001", 8).path == drive.path
    assert drive["DevName"] != before
    assert (drive["Location"], drive["Notes"]) == ("shelf 2, bay 7", "dropped once; größer")

    product.remove_host("nas")
    assert (drive["Present"], drive["Host"]) == (False, "")
    other = product.machine.ssh_host(2201)
    try:
        product.add_host("nas2", other)
        assert product.wait_drive("MOVES001").path == drive.path
        assert drive["Host"] == "nas2"
        assert (drive["Location"], drive["Notes"]) == ("shelf 2, bay 7", "dropped once; größer")
    finally:
        product.remove_host("nas2")
        other.remove()


SICK = {    # what SMART says -> the verdict, and what its reason and its evidence name
    "HEALTH01": ({"smart_status": {"passed": False}}, "failed", "SMART health is 'failed'", "smart-health"),
    "PENDING1": ({"ata_smart_attributes": {"table": [{"id": 197, "raw": {"value": 8}}]}}, "failed", "8 pending sectors",
                 "smart-pending"),
    "UNCORR01": ({"ata_smart_attributes": {"table": [{"id": 198, "raw": {"value": 2}}]}}, "failed",
                 "2 uncorrectable sectors", "smart-uncorrectable"),
    "HOTDRIVE": ({"temperature": {"current": 46}}, "inconclusive", "too warm to start, 46 °C", "temperature"),
    "NOTEMP01": ({"temperature": {"current": None}}, "inconclusive", "its temperature cannot be read", "temperature"),
    "SELFTEST": ({"burnin_test": {"selftest": {"seconds": {"long": 9999}}}}, "inconclusive", "self-test is running",
                 "self-test"),
}


@pytest.fixture(scope="module")
def sick_jobs(product: Product) -> dict[str, Job]:
    """A job on each sick drive, all at once, to their ends."""
    product.configure(max_parallel_burnins=str(len(SICK)))
    product.clean()
    product.add_host("nas")
    for serial, (values, *_) in SICK.items():
        product.machine.add_loop_drive(serial, 8)
        product.machine.set_smart(serial, values)
    product.machine.run(["smartctl", "-t", "long", product.device("SELFTEST")])
    for serial in SICK:
        product.wait_drive(serial)
    results = product.start_all([(serial, "") for serial in SICK], confirmed=True)
    assert {result for _, result, _, _ in results} == {"queued"}
    jobs = {serial: Job(product, path) for serial, (*_, path) in zip(SICK, results)}
    for job in jobs.values():
        job.wait_end()
    product.clean()
    product.configure(max_parallel_burnins="4")
    return jobs


@pytest.mark.parametrize("serial", SICK)
def test_sick_drive_is_never_written(sick_jobs: dict[str, Job], serial: str) -> None:
    _, verdict, reason, rule = SICK[serial]
    job = sick_jobs[serial]
    assert job["Verdict"] == verdict
    assert reason in job["Reason"] and serial in job["Reason"]
    lines = [line for line in job.stage("precheck")["Evidence"] if line[4] != "passed"]
    assert [(line[0], line[4]) for line in lines] == [(rule, verdict)]
    assert [job.stage(kind)["Verdict"] for kind in ("precheck", "surface_validate", "final_check")] == [
        verdict, "skipped", "skipped"]
    assert {job.stage(kind)["Reason"] for kind in ("surface_validate", "final_check")} == {
        f"Not begun, since precheck has ended before: {verdict}."}
    assert job.stage()["WorkBytes"] == 0
    assert job["Percent"] < 50


def attribute(number: int, value: int) -> dict[str, Any]:
    return {"ata_smart_attributes": {"table": [{"id": number, "raw": {"value": value}}]}}


def nvme(**log: int) -> dict[str, Any]:
    return {"burnin_test": {"protocol": "NVMe", "version": [7, 4]},
            "nvme_smart_health_information_log": {"critical_warning": 0, "temperature": 31, "percentage_used": 1, "media_errors": 0} | log}


GROWN = {   # what SMART says before and after the test -> rule, verdict and what is named
    "DELTA001": ({}, attribute(5, 3), "reallocated", "failed", "reallocated sectors grew by 3"),
    "DELTA002": ({}, attribute(197, 1), "pending", "failed", "pending sectors grew by 1"),
    "DELTA003": ({}, attribute(198, 2), "offline-uncorrectable", "failed", "offline uncorrectable sectors grew by 2"),
    "DELTA004": ({}, attribute(187, 4), "reported-uncorrectable", "failed", "reported uncorrectable errors grew by 4"),
    "DELTA005": ({}, attribute(199, 10), "crc-errors", "passed", "+10 (0 to 10), a warning"),
    "DELTA006": ({}, attribute(199, 11), "crc-errors", "failed", "CRC errors (cable, backplane) grew by 11"),
    "DELTA007": (nvme(), nvme(media_errors=1), "media-errors", "failed", "media errors grew by 1"),
    "DELTA008": (nvme(), nvme(percentage_used=3), "percentage-used", "passed", "+2 (1 to 3), a warning"),
    "DELTA009": (nvme(), nvme(percentage_used=4), "percentage-used", "failed", "percent of its life grew by 3"),
    "DELTA010": ({}, {"smart_status": {"passed": False}}, "smart-health", "failed", "SMART health is 'failed' after the test"),
}


def grow(product: Product, cases: dict[str, tuple[dict[str, Any], dict[str, Any]]]) -> dict[str, Job]:
    """A job on each drive, whose SMART is the first of the two and changes while it is under test: all at once, to their ends."""
    product.configure(max_parallel_burnins=str(len(cases)))
    product.clean()
    product.add_host("nas")
    for serial, (before, _) in cases.items():
        product.machine.add_loop_drive(serial, 8)
        product.machine.set_smart(serial, before)
    for serial in cases:
        product.wait_drive(serial)
    results = product.start_all([(serial, "") for serial in cases], confirmed=True)
    jobs = {serial: Job(product, path) for serial, (*_, path) in zip(cases, results)}
    # A precheck that has begun comes to its end, and nothing after it begins.
    for job in jobs.values():
        job.wait("State", "running")
        job.call("Pause", "st", "", 0)
    for serial, job in jobs.items():
        job.stage("precheck").wait("State", "done")
        assert job["State"] == "paused", job["Reason"]
        product.machine.set_smart(serial, cases[serial][1])
        job.call("Resume", "t", 0)
    for job in jobs.values():
        job.wait_end()
    product.clean()
    product.configure(max_parallel_burnins="4")
    return jobs


@pytest.fixture(scope="module")
def grown_jobs(product: Product) -> dict[str, Job]:
    return grow(product, {serial: (before, after) for serial, (before, after, *_) in GROWN.items()})


@pytest.mark.parametrize("serial", GROWN)
def test_what_grew_in_the_test_is_judged_and_named(grown_jobs: dict[str, Job], serial: str) -> None:
    _, _, rule, verdict, words = GROWN[serial]
    job = grown_jobs[serial]
    assert job["Verdict"] == verdict, job["Reason"]
    assert [job.stage(kind)["Verdict"] for kind in ("precheck", "surface_validate", "final_check")] == ["passed", "passed", verdict]
    lines = job.stage("final_check")["Evidence"]
    if verdict == "failed":
        assert words in job["Reason"] and serial in job["Reason"]
        assert [line[0] for line in lines if line[4] != "passed"] == [rule]
    else:
        line, = (line for line in lines if line[0] == rule)
        assert words in line[2] and line[4] == "passed"


TOLERATED: dict[str, tuple[int, int, dict[str, Any], Callable[[int], dict[str, Any]]]] = {
    # The counter of a threshold: the threshold here, what it was before, and SMART with such a value.
    "reallocated": (3, 0, {}, lambda v: attribute(5, v)), "pending": (1, 0, {}, lambda v: attribute(197, v)),
    "offline_uncorrectable": (2, 0, {}, lambda v: attribute(198, v)), "reported_uncorrectable": (4, 0, {}, lambda v: attribute(187, v)),
    "crc": (12, 0, {}, lambda v: attribute(199, v)), "media_errors": (5, 0, nvme(), lambda v: nvme(media_errors=v)),
    "percentage_used": (7, 1, nvme(), lambda v: nvme(percentage_used=v))}


def test_every_growth_has_its_threshold(product: Product) -> None:
    """What grew by as much passes, with a warning."""
    settings = {f"smart_{name}_delta_max": value for name, (value, *_) in TOLERATED.items()}
    for name, value in settings.items():
        product.call_settings("Set", "svt", name, dbus.UInt32(value), 0)
    try:
        jobs = grow(product, {f"GROWN{i:03}": (before, smart(first + value))
                              for i, (value, first, before, smart) in enumerate(TOLERATED.values())})
    finally:
        for name in settings:
            product.call_settings("Reset", "st", name, 0)
    for job, (name, (value, *_)) in zip(jobs.values(), TOLERATED.items()):
        rule = {"crc": "crc-errors"}.get(name, name.replace("_", "-"))
        line, = (line for line in job.stage("final_check")["Evidence"] if line[0] == rule)
        assert (job["Verdict"], line[4]) == ("passed", "passed"), (name, job["Reason"])
        assert line[1] == f"at most {value} more" and f"+{value} " in line[2] and "a warning" in line[2]


def test_what_other_vendors_count_there_fails_no_drive(nas: Host, product: Product) -> None:
    """Some SSDs have under 197 to 199 how much was read and written, which a burn-in makes more of."""
    def host_io(gib: int) -> None:
        product.machine.set_smart("OTHER001", {"ata_smart_attributes": {"table": [
            {"id": 197, "name": "Not_In_Use", "raw": {"value": 1}}, {"id": 198, "name": "Host_Reads_GiB", "raw": {"value": gib}},
            {"id": 199, "name": "Host_Writes_GiB", "raw": {"value": gib}}]}})

    product.machine.add_loop_drive("OTHER001", 256)
    host_io(5000)
    product.wait_drive("OTHER001")
    job = product.start("OTHER001")
    with product.braked(job):
        host_io(9000)
    assert job.wait_end(120) == "passed", job["Reason"]
    assert not {"crc-errors", "offline-uncorrectable", "pending"} & {line[0] for line in job.stage("final_check")["Evidence"]}
