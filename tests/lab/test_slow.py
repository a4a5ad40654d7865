# SPDX-License-Identifier: LGPL-2.1-or-later
"""A drive that answers everything well, and far too slowly: no error anywhere, and not passed."""
from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest
from lab import BURN_IN, Lab, lab, rules  # noqa: F401

pytestmark = pytest.mark.allow_journal(r"has ended: (inconclusive|failed)", r"^(inconclusive|failed): ")

SERIAL = "WD-FREE01"
SLOW = 2_000_000        # bytes per second: a minute and a half for the two phases


@pytest.fixture
def floor(lab: Lab) -> Iterator[None]:
    lab.configure(slow_floor_hdd="10", slow_floor_ssd="10", slow_ratio="0.7")
    yield
    with contextlib.suppress(Exception):
        lab.clean_jobs()
    lab.configure(slow_floor_hdd="0", slow_floor_ssd="0", slow_ratio="0")


def test_throttled_drive_fails_for_its_speed(lab: Lab, floor: None) -> None:
    lab.nas.wait("State", "online", 120)
    lab.wait_lock(SERIAL, "none")
    lab.guest.throttle(SERIAL, SLOW)
    try:
        job, = lab.burn(SERIAL, profile="fast")
        assert job.wait_end(BURN_IN) == "failed", job["Reason"]
    finally:
        lab.guest.throttle(SERIAL, None)
    assert "it is slow: 2 MB/s on average" in job["Reason"] and SERIAL in job["Reason"]
    assert set(rules(job)) == {"speed-floor"}
