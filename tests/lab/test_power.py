# SPDX-License-Identifier: LGPL-2.1-or-later
"""What happens to a burn-in when the NAS is cut off, loses its power, or is another machine afterwards."""
from __future__ import annotations

import contextlib
from collections.abc import Iterator

import dbus
import pytest
from lab import Lab, Run, lab, rules  # noqa: F401
from product import PHASES, refused
from proxy import Proxy
from survival import check_log

pytestmark = pytest.mark.allow_journal(r"[Ll]ost contact with", r"has not answered for", r"has ended: inconclusive",
                                       r"^inconclusive: ", r"is locked now", r"The poll of nas hung")

DRIVE, OTHER = "WD-FREE01", "WD-FREE02"


@pytest.fixture(scope="module")
def proxy(lab: Lab) -> Iterator[Proxy]:
    """All that the service says to the NAS goes through this."""
    settings = dict(lab.settings)
    with Proxy(lab.guest.port + 1, lab.guest.address, lab.guest.port, netns=lab.machine.netns) as made:
        lab.configure(stale_threshold_seconds="15", poll_timeout_seconds="10")
        lab.configure_host(port=dbus.UInt16(made.port))
        lab.machine.wait_for(lambda: made.connections() > 0, 60, "the service comes by the proxy")
        lab.nas.wait("State", "online", 90)
        yield made
        made.restore()
        lab.configure_host(port=dbus.UInt16(lab.guest.port))
        lab.configure(**settings)
        lab.nas.wait("State", "online", 90)


def keep_log(lab: Lab, run: Run) -> str:
    """The run's log under another name: its directory goes with its verdict."""
    kept = f"/var/lib/lab-{run.id}.log"
    lab.guest.ssh(f"ln /var/lib/burnin-run/{run.id}/log {kept}")
    return kept


@pytest.fixture(autouse=True)
def reachable(lab: Lab, proxy: Proxy) -> None:
    lab.nas.wait("State", "online", 90)


@pytest.mark.parametrize("how", ["cut", "blackhole"])
def test_run_goes_on_while_the_nas_is_cut_off_and_nothing_is_lost(lab: Lab, proxy: Proxy, how: str) -> None:
    lab.wait_lock(DRIVE, "none")
    job = lab.start(DRIVE)
    stage = job.stage()
    run = lab.freeze_followed(job)
    try:
        log = keep_log(lab, run)
        getattr(proxy, how)()
        try:
            stage.wait("Contact", lambda state: state not in ("", "ok", "back"), 90)
            lab.nas.wait("State", "stale", 60)
            assert job["State"] == "running" and stage["State"] == "running"
            assert lab.state_on_nas(run) == "T"
            lab.thaw(run)
            # It comes to its end with nobody looking.
            lab.machine.wait_for(lambda: lab.state_on_nas(run) in ("", "Z"), 120, "badblocks has ended")
            assert job["State"] == "running"
        finally:
            proxy.restore()
    finally:
        lab.thaw(run)
    assert job.wait_end(180) == "passed", (job["Reason"], rules(job))
    check_log(stage.log(), lab.guest.ssh(f"cat {log}; rm {log}").encode())
    assert [name for _, name, _ in stage["PhaseHistory"]] == PHASES
    assert stage["RunId"] == run.id and stage["Attempt"] == 1
    lab.nas.wait("State", "online", 60)


def test_power_cut_ends_a_run_inconclusive_with_its_reason(lab: Lab, proxy: Proxy) -> None:
    lab.wait_lock(DRIVE, "none")
    job = lab.start(DRIVE)
    run = lab.freeze_followed(job)
    lab.guest.power_cut()
    lab.guest.start()
    assert job.wait_end(90) == "inconclusive"
    assert "rebooted" in job["Reason"] and DRIVE in job["Reason"], job["Reason"]
    assert rules(job) == {"run": "the host was rebooted, which ended the test"}
    assert (job.stage("precheck")["Verdict"], job.stage("final_check")["Verdict"]) == ("passed", "skipped")
    # Nobody begins it anew, and the drive is free to be.
    assert lab.guest.ssh("pgrep badblocks", check=False) == ""
    lab.nas.wait("State", "online", 60)
    lab.wipe(DRIVE)
    assert lab.wait_lock(DRIVE, "none")["ActiveJob"] == "/"
    assert run.id not in lab.guest.ssh("ls /var/lib/burnin-run")


@pytest.mark.allow_journal(r"shows another key than the accepted one", r"another host key", r"could not be proven gone")
def test_nas_with_another_host_key_is_not_touched_until_its_own_is_back(lab: Lab, proxy: Proxy) -> None:
    lab.wait_lock(DRIVE, "none")
    job = lab.start(DRIVE)
    lab.freeze_followed(job)
    lab.guest.stop()
    lab.guest.hostkey = 2
    lab.guest.start()
    try:
        lab.nas.wait("State", "key-changed", 90)
        assert lab.nas["SeenHostKeyFingerprint"] == lab.fingerprint() != lab.nas["HostKeyFingerprint"]
        assert job.wait_end(90) == "inconclusive"
        assert "host key" in job["Reason"], job["Reason"]
        lab.machine.wait_journal(r"shows another key than the accepted one", "PRIORITY=2")
        with refused("HostKeyChanged"):
            lab.start(OTHER)
        # Not one login, so not one command.
        key = lab.machine.run("ssh-keygen -lf /etc/burnin/id_ed25519.pub").stdout.split()[1]
        assert key not in lab.guest.ssh("journalctl -b -o cat -u ssh")
        assert lab.guest.ssh("pgrep badblocks", check=False) == ""
    finally:
        with contextlib.suppress(Exception):
            lab.guest.power_off()
        lab.guest.stop()
        lab.guest.hostkey = 1
        lab.guest.start()
    lab.nas.wait("State", "online", 90)
    key = lab.machine.run("ssh-keygen -lf /etc/burnin/id_ed25519.pub").stdout.split()[1]
    assert key in lab.guest.ssh("journalctl -b -o cat -u ssh"), "where a login is, it is seen"
    lab.wipe(DRIVE)
    lab.wait_lock(DRIVE, "none")
    job = lab.start(DRIVE)
    with lab.frozen(job):
        job.cancel()
    assert job.wait_end(90) == "cancelled"
