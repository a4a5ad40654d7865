# SPDX-License-Identifier: LGPL-2.1-or-later
"""What happens to a burn-in when the NAS is cut off, shows another host key, or loses its power."""
from __future__ import annotations

from collections.abc import Iterator

import pytest
from lab import BURN_IN, BUSY, LOOK, RUNS, Lab, Run, lab, rules  # noqa: F401
from product import PHASES, refused
from survival import check_log

pytestmark = pytest.mark.allow_journal(r"[Ll]ost contact with", r"has ended: inconclusive", r"^inconclusive: ", r"is locked now", *BUSY)

DRIVE, OTHER = "WD-FREE01", "WD-FREE02"


def keep_log(lab: Lab, run: Run) -> str:
    """The run's log under another name: its directory goes with its verdict."""
    kept = f"/var/lib/lab-{run.id}.log"
    lab.guest.ssh(f"ln {RUNS}/{run.id}/log {kept}")
    return kept


@pytest.fixture(autouse=True)
def reachable(lab: Lab) -> Iterator[None]:
    yield
    lab.proxy.restore()
    lab.nas.wait("State", "online", LOOK)


def test_run_goes_on_while_the_nas_is_cut_off_and_nothing_is_lost(lab: Lab) -> None:
    """First every connection is cut, then nothing is answered any more, and the run comes to its end with nobody looking."""
    lab.wait_lock(DRIVE, "none")
    job = lab.start(DRIVE)
    stage = job.stage()
    with lab.frozen(job, followed=True) as run:
        log = keep_log(lab, run)
        lab.proxy.cut()
        stage.wait("Contact", bool, LOOK)
        assert (job["State"], stage["State"], lab.state_on_nas(run)) == ("running", "running", "T")
        lab.proxy.restore()
        stage.wait("Contact", "", LOOK)
        lab.proxy.blackhole()
    lab.wait_for(lambda: lab.state_on_nas(run) in ("", "Z"), BURN_IN, "badblocks has ended")
    # No news of that has come through.
    assert (job["State"], stage["State"]) == ("running", "running") and len(stage["PhaseHistory"]) < len(PHASES)
    lab.proxy.restore()
    assert job.wait_end(BURN_IN) == "passed", (job["Reason"], rules(job))
    check_log(stage.log(), lab.guest.ssh(f"cat {log}; rm {log}").encode())
    assert [name for _, name, _ in stage["PhaseHistory"]] == PHASES
    assert stage["RunId"] == run.id and stage["Attempt"] == 1


def logins(lab: Lab) -> int:
    """How often the service has logged in to the NAS since it booted."""
    key = lab.machine.run("ssh-keygen -lf /etc/burnin/id_ed25519.pub").stdout.split()[1]
    return lab.guest.ssh("journalctl -b -o cat -u ssh").count(key)


def show_key(lab: Lab, number: int) -> None:
    """The NAS has this host key from now on, as if another machine had taken its place; and every connection is made anew."""
    lab.proxy.cut()
    lab.guest.ssh(f"for end in '' .pub; do cp -p /etc/ssh/lab_host_key.{number}$end /run/lab_host_key$end; done; systemctl restart ssh")
    lab.proxy.restore()


@pytest.mark.allow_journal(r"shows another key than the accepted one", r"host key")
def test_another_host_key_stops_all_contact_and_not_the_run(lab: Lab) -> None:
    lab.wait_lock(DRIVE, "none")
    job = lab.start(DRIVE)
    with lab.frozen(job, followed=True) as run:
        known, before, cursor = lab.nas["HostKeyFingerprint"], logins(lab), lab.machine.cursor()
        assert before > 0
        show_key(lab, 2)
        try:
            lab.nas.wait("State", "key-changed", LOOK)
            assert lab.nas["HostKeyFingerprint"] == known
            assert lab.nas["SeenHostKeyFingerprint"] == lab.fingerprint() != known
            lab.machine.wait_journal(r"shows another key than the accepted one", "PRIORITY=2", cursor=cursor)
            with refused("HostKeyChanged", OTHER):
                lab.start(OTHER)
            job.stage().wait("Contact", lambda words: "another host key" in words, LOOK)
            # Not one login, so not one command; and the run is none the worse.
            assert logins(lab) == before
            assert job["State"] == "running" and lab.state_on_nas(run) == "T"
        finally:
            show_key(lab, 1)
    lab.nas.wait("State", "online", LOOK)
    assert job.wait_end(BURN_IN) == "passed", (job["Reason"], rules(job))
    assert (job.stage()["RunId"], job.stage()["Attempt"]) == (run.id, 1)
    assert logins(lab) > before


def test_after_a_power_cut_the_test_goes_on(lab: Lab) -> None:
    lab.wait_lock(DRIVE, "none")
    job = lab.start(DRIVE)
    with lab.slow(DRIVE):
        job.stage().wait("PhasePercent", lambda percent: percent > 5, LOOK)     # by less nobody could know the drive again
        run = lab.freeze(job)
    lab.guest.power_cut()
    lab.guest.start()
    assert job.wait_end(BURN_IN) == "passed", (job["Reason"], rules(job))
    assert "after a reboot of the host at phase" in next(line[2] for line in job.stage()["Evidence"] if line[0] == "resumed")
    assert job.stage()["RunId"] != run.id
    lab.nas.wait("State", "online", LOOK)
    lab.wipe(DRIVE)
    assert lab.wait_lock(DRIVE, "none")["ActiveJob"] == "/"
    lab.wait_for(lambda: run.id not in lab.guest.ssh(f"ls {RUNS}"), LOOK, "nothing of the run is left on the NAS")
