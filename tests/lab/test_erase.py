# SPDX-License-Identifier: LGPL-2.1-or-later
"""A real kernel, a real nvme-cli, and an NVMe controller that has Format NVM and no Sanitize."""
from __future__ import annotations

import dbus
import pytest
from lab import BURN_IN, BUSY, Lab, lab, rules  # noqa: F401

# An emulated host that formats a drive may be too busy to be looked at.
pytestmark = pytest.mark.allow_journal(r"has ended: inconclusive", r"^inconclusive: ", *BUSY)

NVME = "NVME0001"
DATA = "all that is dear to somebody"


def wait_unused(lab: Lab) -> None:
    """Whoever read or wrote the drive a moment ago is a use of it, until a look sees that nobody does."""
    lab.look()
    lab.wait_lock(NVME, "none")


def test_format_erases_the_drive_and_a_surface_test_follows(lab: Lab) -> None:
    """Data in its middle, where no fingerprint and no lock sees it, is gone; what comes next takes over what was left."""
    device = lab.dev(NVME)
    lab.guest.ssh(f"yes '{DATA}' | dd of={device} bs=1M seek=10 count=4 iflag=fullblock conv=notrunc,fsync")
    assert DATA in lab.guest.ssh(f"dd if={device} bs=1M skip=11 count=1 iflag=direct | head -c 100")
    wait_unused(lab)
    job, = lab.burn(NVME, stages=dbus.Array(["nvme_format", "surface_validate"], signature="s"))
    assert job.wait_end(2 * BURN_IN) == "passed", job["Reason"]

    ledger = {line[0]: line[2] for line in job.stage("nvme_format")["Evidence"]}
    assert list(ledger) == ["supported", "namespaces", "exit-status", "erased", "exclusive", "identity-after"]
    assert ledger["erased"] == "0 still there, 32 read as zeros, 0 as ones, 0 as something else, 0 unreadable"
    assert ledger["namespaces"].startswith("namespace 1 alone") and ledger["exclusive"] == "held"
    assert "Success formatting namespace:1" in job.stage("nvme_format").log()
    assert job.stage()["Verdict"] == "passed"
    assert not lab.guest.ssh(f"tr -d '\\0' < {device} | head -c 1")


def test_sanitize_is_unsupported_and_writes_nothing(lab: Lab) -> None:
    before = lab.digest(NVME)
    wait_unused(lab)
    job, = lab.burn(NVME, stages=dbus.Array(["nvme_sanitize"], signature="s"))
    assert job.wait_end(BURN_IN) == "inconclusive"
    assert "unsupported" in job["Reason"] and NVME in job["Reason"]
    assert rules(job, "nvme_sanitize") == {"supported": "unsupported (SANICAP 0x0)"}
    assert lab.digest(NVME) == before
