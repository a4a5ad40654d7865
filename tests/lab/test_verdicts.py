# SPDX-License-Identifier: LGPL-2.1-or-later
"""Verdicts on real drives: what nobody saw to its end is no pass, and bad blocks may be tolerated, but not one too many."""
from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest
from lab import BURN_IN, BUSY, LOOK, Lab, lab, rules  # noqa: F401

pytestmark = pytest.mark.allow_journal(r"is missing", r"has ended: (inconclusive|failed)", r"^(inconclusive|failed): ",
                                       r"is locked now", *BUSY)

NVME, BAD = "NVME0001", "2000"


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
