# SPDX-License-Identifier: LGPL-2.1-or-later
"""What happens to a burn-in when the NAS is cut off, shows another host key, or loses its power."""
from __future__ import annotations

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


def logins(lab: Lab) -> int:
    """How often the service has logged in to the NAS since it booted."""
    key = lab.machine.run("ssh-keygen -lf /etc/burnin/id_ed25519.pub").stdout.split()[1]
    return lab.guest.ssh("journalctl -b -o cat -u ssh").count(key)


def show_key(lab: Lab, proxy: Proxy, number: int) -> None:
    """The NAS has this host key from now on, as if another machine had taken its place; and every connection is made anew."""
    proxy.cut()
    lab.guest.ssh(f"cp -p /etc/ssh/lab_host_key.{number} /run/lab_host_key; systemctl restart ssh")
    proxy.restore()


@pytest.mark.allow_journal(r"shows another key than the accepted one", r"host key")
def test_another_host_key_stops_all_contact_and_not_the_run(lab: Lab, proxy: Proxy) -> None:
    lab.wait_lock(DRIVE, "none")
    job = lab.start(DRIVE)
    run = lab.freeze_followed(job)
    known, before = lab.nas["HostKeyFingerprint"], logins(lab)
    assert before > 0
    show_key(lab, proxy, 2)
    try:
        lab.nas.wait("State", "key-changed", 90)
        assert lab.nas["HostKeyFingerprint"] == known
        assert lab.nas["SeenHostKeyFingerprint"] == lab.fingerprint() != known
        lab.machine.wait_journal(r"shows another key than the accepted one", "PRIORITY=2")
        with refused("HostKeyChanged", OTHER):
            lab.start(OTHER)
        job.stage().wait("Contact", "lost", 60)
        # Not one login, so not one command; and the run is none the worse.
        assert logins(lab) == before
        assert job["State"] == "running" and lab.state_on_nas(run) == "T"
    finally:
        show_key(lab, proxy, 1)
        lab.thaw(run)
    lab.nas.wait("State", "online", 90)
    assert job.wait_end(180) == "passed", (job["Reason"], rules(job))
    assert (job.stage()["RunId"], job.stage()["Attempt"]) == (run.id, 1)
    assert logins(lab) > before


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
