# SPDX-License-Identifier: LGPL-2.1-or-later
"""Verdicts on real drives: a good one passes on evidence, a bad one fails with its place, and what nobody saw is no pass."""
from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest
from lab import BURN_IN, LOOK, Lab, lab, rules  # noqa: F401
from product import PHASES, Job

pytestmark = pytest.mark.allow_journal(r"is missing", r"has ended: (inconclusive|failed)", r"^(inconclusive|failed): ",
                                       r"is locked now")

GOOD, NVME, BAD, DUMB = "WD-FREE01", "NVME0001", "2000", "SG-HOT02"
BLOCK = 4660 // 8       # of 4096 bytes; two of them hold the eight sectors that cannot be read
MB = 1 << 20


@pytest.fixture(scope="module")
def jobs(lab: Lab) -> Iterator[dict[str, Job]]:
    """One of each kind, all at once, to their ends; the good ones are in the middle of it when the others come to theirs."""
    serials = (GOOD, NVME, BAD, DUMB)
    for serial in serials:
        lab.wait_lock(serial, "none")
    with contextlib.ExitStack() as until_the_others_end:
        with lab.slow(GOOD, NVME):
            found = dict(zip(serials, lab.burn(*serials)))
            for serial in (GOOD, NVME):
                until_the_others_end.enter_context(lab.frozen(found[serial]))
        found[BAD].wait_end(BURN_IN)
        found[DUMB].wait_end(BURN_IN)
    for job in found.values():
        job.wait_end(BURN_IN)
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
    for good in (jobs[GOOD], jobs[NVME]):
        first, last = (good.stage()[name] for name in ("StartedUSec", "FinishedUSec"))
        assert first < jobs[BAD].stage()["FinishedUSec"] < last
    assert {serial: job["Verdict"] for serial, job in jobs.items()} == {
        GOOD: "passed", NVME: "passed", BAD: "failed", DUMB: "inconclusive"}


def test_drives_pulled_out_in_mid_run_are_not_passed_but_missing(lab: Lab) -> None:
    """One by its slot, one by its cable."""
    pulled = (NVME, "WD-FREE02")
    for serial in pulled:
        lab.wait_lock(serial, "none")
    with contextlib.ExitStack() as back:
        with contextlib.ExitStack() as until_they_are_gone:
            with lab.slow(*pulled):
                jobs = lab.burn(*pulled)
                for job in jobs:
                    until_they_are_gone.enter_context(lab.frozen(job))
            lab.guest.unplug(NVME)
            back.callback(lab.guest.plug, NVME)
            lab.guest.delete_drive("WD-FREE02")
            back.callback(lab.guest.rescan)
        for serial, job in zip(pulled, jobs):
            assert job.wait_end(BURN_IN) == "inconclusive"
            assert serial in job["Reason"] and "the drive is gone" in job["Reason"], job["Reason"]
            assert rules(job)["identity-after"] == "the drive is gone"
            lab.drive(serial).wait("Present", False, LOOK)
    for serial in pulled:
        lab.drive(serial).wait("Present", True, LOOK)
        lab.wipe(serial)
        lab.wait_lock(serial, "none")


@contextlib.contextmanager
def tolerated(lab: Lab, blocks: int) -> Iterator[None]:
    """So many bad blocks are tolerated, and passes are repeated until one finds nothing new."""
    before = {name: lab.settings[name] for name in ("bad_block_threshold", "surface_validate_passes")}
    lab.configure(bad_block_threshold=str(blocks), surface_validate_passes="1")
    try:
        lab.nas.wait("State", "online", LOOK)
        lab.wait_lock(BAD, "none")
        yield
    finally:
        lab.configure(**before)


def test_tolerated_bad_blocks_are_counted_and_count_once(lab: Lab) -> None:
    """The pass that ends a repeated run finds nothing new and says 0; and the kernel's errors are about the same blocks."""
    with tolerated(lab, 2):
        job = lab.start(BAD)
        assert job.wait_end(BURN_IN) == "passed", (job["Reason"], rules(job))
        surface = job.stage()
        assert surface["BadBlocks"] == 2
        log = surface.log()
        assert "Pass completed, 2 bad blocks found" in log and "Pass completed, 0 bad blocks found" in log
        ledger = {line[0]: line[2] for line in surface["Evidence"]}
        assert ledger["bad-blocks"].startswith("2, ") and ledger["kernel-log"] == "none"


def test_one_bad_block_too_many_ends_a_repeated_run(lab: Lab) -> None:
    with tolerated(lab, 1):
        job = lab.start(BAD)
        assert job.wait_end(BURN_IN) == "failed", (job["Reason"], rules(job))
        assert "at least 2 bad blocks, more than the 1 that are tolerated" in job["Reason"]
        assert job.stage().log().count("Too many bad blocks") < 100
