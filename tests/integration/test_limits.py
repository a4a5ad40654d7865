# SPDX-License-Identifier: LGPL-2.1-or-later
"""The limits that a verdict is judged by: those of a kind of drive, those that settings move, those of badblocks."""
from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import dbus
import pytest
from product import Host, Job, Product, nas, product  # noqa: F401

pytestmark = pytest.mark.allow_journal(r"has ended: (inconclusive|failed|cancelled)", r"^(inconclusive|failed): ", r"was cancelled",
                                       r"\[ABORTED\]")


@contextmanager
def settings(product: Product, **values: Any) -> Iterator[None]:
    for name, value in values.items():
        product.call_settings("Set", "svt", name, value, 0)
    try:
        yield
    finally:
        for name in values:
            product.call_settings("Reset", "st", name, 0)


def ledger(job: Job, kind: str) -> dict[str, tuple[str, str, str]]:
    return {rule: (expected, observed, verdict) for rule, expected, observed, _, verdict in job.stage(kind)["Evidence"]}


def attribute(number: int, value: int) -> dict[str, Any]:
    return {"ata_smart_attributes": {"table": [{"id": number, "raw": {"value": value}}]}}


def test_kinds_of_drives_have_limits_of_their_own(nas: Host, product: Product) -> None:
    """50 °C is too warm for a disk and nothing for flash; the speed of either is judged by its own floor."""
    with settings(product, slow_floor_hdd=dbus.UInt32(10_000), slow_floor_ssd=dbus.UInt32(1)):
        for serial, rotational in (("DISK0001", True), ("FLASH001", False)):
            product.plug(serial, 64, rotational=rotational)
            assert product.drive(serial)["Rotational"] == rotational
        product.machine.set_smart("FLASH001", {"temperature": {"current": 50}})
        flash = product.start("FLASH001", profile="fast")
        disk = product.start("DISK0001", profile="fast")
        assert flash.wait_end() == "passed", flash["Reason"]
        assert ledger(flash, "precheck")["temperature"] == ("under 60 °C", "50 °C", "passed")
        assert ledger(flash, "surface_validate")["speed-floor"][0] == "at least 1 MB/s"
        disk.wait_end()
        assert ledger(disk, "precheck")["temperature"][0] == "under 46 °C"
        assert ledger(disk, "surface_validate")["speed-floor"][0] == "at least 10000 MB/s"

    product.machine.set_smart("DISK0001", {"temperature": {"current": 50}})
    hot = product.start("DISK0001")
    assert hot.wait_end() == "inconclusive" and "too warm" in hot["Reason"]


@pytest.mark.parametrize(("serial", "setting", "number", "rule"), [
    ("MOVES001", "smart_pending_max", 197, "smart-pending"), ("MOVES002", "smart_uncorrectable_max", 198, "smart-uncorrectable")])
def test_what_a_drive_may_have_before_it(nas: Host, product: Product, serial: str, setting: str, number: int, rule: str) -> None:
    product.plug(serial, 8)
    with settings(product, **{setting: dbus.UInt32(8)}):
        for value, verdict in ((8, "passed"), (9, "failed")):
            product.machine.set_smart(serial, attribute(number, value))
            job = product.start(serial)
            assert job.wait_end() == verdict, job["Reason"]
            assert ledger(job, "precheck")[rule] == ("at most 8", str(value), verdict)


def test_how_often_an_aborted_self_test_is_tried(nas: Host, product: Product) -> None:
    product.plug("TRIES001", 8)
    product.machine.set_smart("TRIES001", {"burnin_test": {"selftest": {"status": 1}}})
    with settings(product, self_test_retries=dbus.UInt32(0)):
        job = product.start("TRIES001", profile="short")
        assert job.wait_end() == "inconclusive"
        assert [name for _, name, _ in job.stage("short_smart")["PhaseHistory"]] == ["Short self-test"]


def test_blocks_are_made_as_large_as_badblocks_needs_them(nas: Host, product: Product) -> None:
    """It counts in 32 bits: 3 TB in blocks of 512 bytes are too many."""
    product.plug("LARGE001", 3_000_000)
    with settings(product, surface_validate_block_size=dbus.UInt32(512)):
        job = product.start("LARGE001")
        with product.braked(job) as pid:
            assert " -b 1024 " in product.machine.read(f"/proc/{pid}/cmdline").replace("\0", " ")
            assert "Block size raised from 512 to 1024, for the number of blocks to fit in 32 bits." in job.stage().log()
            job.cancel()
    assert job.wait_end() == "cancelled"
