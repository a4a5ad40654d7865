# SPDX-License-Identifier: LGPL-2.1-or-later
"""Verdicts on real drives: a good one passes on evidence, a bad one fails with its place, and what nobody saw is no pass."""
from __future__ import annotations

from collections.abc import Iterator

import pytest
from lab import Lab, lab, rules  # noqa: F401
from product import PHASES, Job

pytestmark = pytest.mark.allow_journal(r"is missing", r"has ended: (inconclusive|failed)", r"^(inconclusive|failed): ",
                                       r"is locked now")

GOOD, NVME, BAD, DUMB = "WD-FREE01", "NVME0001", "2000", "SG-HOT02"
BLOCK = 4660 // 8       # of 4096 bytes; two of them hold the eight sectors that cannot be read
MB = 1 << 20


@pytest.fixture(scope="module")
def jobs(lab: Lab) -> Iterator[dict[str, Job]]:
    """One of each kind, all at once, to their ends."""
    serials = (GOOD, NVME, BAD, DUMB)
    for serial in serials:
        lab.wait_lock(serial, "none")
    found = dict(zip(serials, lab.burn(*serials)))
    for job in found.values():
        job.wait_end(240)
    yield found


def passed(job: Job, size: int) -> None:
    assert job["Verdict"] == "passed", job["Reason"]
    for kind in ("precheck", "surface_validate", "final_check"):
        stage = job.stage(kind).all()
        assert (stage["State"], stage["Verdict"]) == ("done", "passed"), stage
        assert stage["Evidence"] and all(line[4] == "passed" for line in stage["Evidence"])
    surface = job.stage()
    assert [name for _, name, _ in surface["PhaseHistory"]] == PHASES
    assert surface["BadBlocks"] == 0 and surface["WorkBytes"] >= 8 * size
    ledger = {line[0]: line[2] for line in surface["Evidence"]}
    assert ledger["exclusive"] == "held" and ledger["kernel-log"] == "none" and ledger["identity-after"] == "the same drive"


def test_good_drive_passes(lab: Lab, jobs: dict[str, Job]) -> None:
    passed(jobs[GOOD], 96 * MB)
    assert "smart-health" in {line[0] for line in jobs[GOOD].stage("final_check")["Evidence"]}


def test_nvme_drive_passes_and_its_smart_is_understood(lab: Lab, jobs: dict[str, Job]) -> None:
    passed(jobs[NVME], 96 * MB)
    ledger = {line[0]: line[2] for line in jobs[NVME].stage("final_check")["Evidence"]}
    assert ledger["smart-health"] == "passed"
    assert {"media-errors", "percentage-used"} <= ledger.keys()
    assert lab.drive(NVME)["Transport"] == "nvme" and lab.drive(NVME)["Rotational"] is False


def test_bad_drive_fails_with_its_block_and_the_kernels_word(lab: Lab, jobs: dict[str, Job]) -> None:
    job = jobs[BAD]
    assert job["Verdict"] == "failed"
    assert f"block {BLOCK} of 4096 bytes" in job["Reason"] and BAD in job["Reason"], job["Reason"]
    against = rules(job, verdict=("failed",))
    assert f"the first is block {BLOCK} " in against["bad-blocks"]
    assert "Medium Error" in against["kernel-log"]
    assert job.stage()["BadBlocks"] >= 1
    log = job.stage().log()
    assert "Too many bad blocks" in log and " burnin failed: " in log.splitlines()[-1]


def test_drive_without_smart_is_never_passed_nor_written(lab: Lab, jobs: dict[str, Job]) -> None:
    job = jobs[DUMB]
    assert job["Verdict"] == "inconclusive"
    assert "SMART" in job["Reason"] and DUMB in job["Reason"], job["Reason"]
    assert job.stage()["Verdict"] == "skipped" and job.stage()["WorkBytes"] == 0


def test_bad_drives_failure_is_none_of_its_neighbours(lab: Lab, jobs: dict[str, Job]) -> None:
    """All ran at the same time on one host, with one kernel log."""
    starts = [job["StartedUSec"] for job in jobs.values()]
    assert max(starts) < min(jobs[serial]["FinishedUSec"] for serial in (GOOD, NVME))
    assert {serial: job["Verdict"] for serial, job in jobs.items()} == {
        GOOD: "passed", NVME: "passed", BAD: "failed", DUMB: "inconclusive"}


@pytest.fixture
def tolerant(lab: Lab) -> Iterator[Lab]:
    """As many bad blocks as the bad drive has are tolerated, and passes are repeated until one finds nothing new."""
    before = dict(lab.settings)
    lab.configure(bad_block_threshold="2", surface_validate_passes="1")
    lab.nas.wait("State", "online", 60)
    lab.wait_lock(BAD, "none")
    yield lab
    lab.configure(**{key: before[key] for key in ("bad_block_threshold", "surface_validate_passes")})
    lab.nas.wait("State", "online", 60)


def test_tolerated_bad_blocks_are_counted_and_count_once(tolerant: Lab) -> None:
    """The pass that ends a repeated run finds nothing new and says 0; and the kernel's errors are about the same blocks."""
    job = tolerant.start(BAD)
    assert job.wait_end(240) == "passed", (job["Reason"], rules(job))
    surface = job.stage()
    assert surface["BadBlocks"] == 2
    log = surface.log()
    assert "Pass completed, 2 bad blocks found" in log and "Pass completed, 0 bad blocks found" in log
    ledger = {line[0]: line[2] for line in surface["Evidence"]}
    assert ledger["bad-blocks"].startswith("2, ") and ledger["kernel-log"] == "none"


def test_repeated_passes_do_not_hide_a_bad_drive(lab: Lab) -> None:
    before = dict(lab.settings)
    lab.configure(surface_validate_passes="1", bad_block_threshold="1")
    try:
        lab.nas.wait("State", "online", 60)
        lab.wait_lock(BAD, "none")
        job = lab.start(BAD)
        assert job.wait_end(240) == "failed"
        assert rules(job, verdict=("failed",)).keys() >= {"bad-blocks"}
    finally:
        lab.configure(**{key: before[key] for key in ("bad_block_threshold", "surface_validate_passes")})
        lab.nas.wait("State", "online", 60)


def test_drives_pulled_out_in_mid_run_are_not_passed_but_missing(lab: Lab) -> None:
    """One by its slot, one by its cable."""
    pulled = (NVME, "WD-FREE02")
    for serial in pulled:
        lab.wait_lock(serial, "none")
    jobs = lab.burn(*pulled)
    with lab.frozen(jobs[0]), lab.frozen(jobs[1]):
        lab.guest.unplug(NVME)
        lab.guest.delete_drive("WD-FREE02")
    try:
        for serial, job in zip(pulled, jobs):
            assert job.wait_end(180) in ("inconclusive", "failed")
            assert serial in job["Reason"] and job["Reason"], job["Reason"]
            against = rules(job)
            assert "identity-after" in against or "run" in against, against
            lab.drive(serial).wait("Present", False, 60)
    finally:
        lab.guest.rescan()
        lab.guest.plug(NVME)
    for serial in pulled:
        lab.machine.wait_for(lambda serial=serial: lab.drive(serial)["Present"], 60, f"{serial} is back")
        lab.wipe(serial)
        lab.wait_lock(serial, "none")
