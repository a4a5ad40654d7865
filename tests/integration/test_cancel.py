# SPDX-License-Identifier: LGPL-2.1-or-later
"""Cancel is durable and complete: the remote process is proven gone, and what cannot be proven keeps the drive locked."""
from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterator

import dbus
import pytest
from product import MANAGER, PATH, RUNS, Host, Job, Product, nas, product, refused, wait_all  # noqa: F401

pytestmark = pytest.mark.allow_journal(r"has ended: (inconclusive|failed|cancelled)", r"^inconclusive: ", r"is missing",
                                       r"ended without a report")


def slice_state(product: Product, job: Job) -> str:
    return product.machine.run(["systemctl", "show", "--value", "--property=ActiveState", job["Unit"]]).stdout.strip()


def processes(product: Product, run: str) -> str:
    """What runs of it on the host; the brackets keep the shell that looks from finding itself."""
    return product.machine.run(f"pgrep -af '[{run[0]}]{run[1:]}'", check=False).stdout


def gone(product: Product, job: Job, pid: int) -> None:
    """Nothing is left of a cancelled job but its record, and the drive may be used again."""
    assert product.state_of(pid) == ""
    # Only its directory may still be on its way out.
    run = job.stage()["RunId"]
    product.machine.wait_for(lambda: not processes(product, run), 20, f"nothing of run {run} is left")
    product.machine.wait_for(lambda: slice_state(product, job) == "inactive", 20, f"{job['Unit']} is gone")
    assert product.drive(job["Serial"])["ActiveJob"] == "/"


def test_queued_job(nas: Host, product: Product) -> None:
    product.configure(max_parallel_burnins="1")
    try:
        nas.wait("State", "online")
        for serial, size in (("CANCEL01", 256), ("CANCEL02", 8)):
            product.plug(serial, size)
        with product.braked(product.start("CANCEL01")):
            job = product.start("CANCEL02")
            job.cancel("changed my mind")
            assert (job["State"], job["Verdict"]) == ("done", "cancelled")
            assert job["Reason"] == "Cancelled by root: changed my mind"
            assert [(job.stage(kind)["Verdict"], job.stage(kind)["Reason"]) for kind in ("precheck", "surface_validate", "final_check")
                    ] == [("skipped", "Not begun, since the job has ended before: cancelled.")] * 3
            assert job["StartedUSec"] == 0 < job["FinishedUSec"]
            assert product.drive("CANCEL02")["ActiveJob"] == "/"
            product.call("CancelAll", "st", "", 0)
    finally:
        product.clean_jobs()
        product.configure(max_parallel_burnins="4")


@pytest.mark.parametrize("stopped", [True, False])
def test_running_job(nas: Host, product: Product, stopped: bool) -> None:
    drive = product.plug("CANCEL03", 256)
    job = product.start("CANCEL03")
    pid = product.brake(job)
    if not stopped:
        product.release(pid)
    job.cancel("enough")
    assert job.wait_end() == "cancelled"
    gone(product, job, pid)

    assert job["Reason"] == "Cancelled by root: enough"
    assert (job.stage()["State"], job.stage()["Verdict"]) == ("done", "cancelled")
    assert job.stage("final_check")["Verdict"] == "skipped"
    assert job["Percent"] < 100 and (not stopped or job["Percent"] < 50), "it was cancelled in the first of eight phases"
    lines = job.stage().log().splitlines()
    assert lines[-1].endswith("[ABORTED]") and sum("[ABORTED]" in line for line in lines) == 1
    # Free again, as soon as two readings have seen nothing write to it.
    for _ in range(2):
        nas.wait_look()
    drive.wait("LockState", "none")
    assert product.start("CANCEL03").wait_end() == "passed"


def test_cancelled_stays_cancelled_over_a_restart(nas: Host, product: Product) -> None:
    product.plug("CANCEL04", 256)
    job = product.start("CANCEL04")
    pid = product.brake(job)
    job.cancel()
    product.restart()
    assert job.wait_end() == "cancelled"
    gone(product, job, pid)
    product.restart()
    assert (job["State"], job["Verdict"], job["Reason"]) == ("done", "cancelled", "Cancelled by root.")
    assert job.stage()["Verdict"] == "cancelled"


@pytest.mark.allow_journal(r"^burnind.service: (Main process exited, code=killed, status=9/KILL|Failed with result 'signal')")
def test_killed_right_after_the_answer(nas: Host, product: Product) -> None:
    """Whoever was told that it is cancelled can rely on it."""
    product.plug("CANCEL05", 256)
    job = product.start("CANCEL05")
    pid = product.brake(job)
    job.cancel("power will go")
    product.machine.run(["systemctl", "kill", "--signal=KILL", "burnind.service"])
    product.machine.run(["systemctl", "start", "burnind.service"])
    assert job.wait_end() == "cancelled"
    assert job["Reason"] == "Cancelled by root: power will go"
    gone(product, job, pid)


def test_cancel_twice_and_cancel_too_late(nas: Host, product: Product) -> None:
    product.plug("CANCEL06", 256)
    job = product.start("CANCEL06")
    pid = product.brake(job)
    job.cancel("first")
    with contextlib.suppress(dbus.DBusException):       # it may have ended in between
        job.cancel("second")
    assert job.wait_end() == "cancelled"
    assert job["Reason"] == "Cancelled by root: first"
    gone(product, job, pid)
    with refused("WrongState", f"Job {job.id}", "ended", "cancelled"):
        job.cancel("third")
    assert job["Reason"] == "Cancelled by root: first"


def test_all_active_jobs(nas: Host, product: Product) -> None:
    product.configure(max_parallel_burnins="2")
    try:
        nas.wait("State", "online")
        for serial, size in (("CANCEL07", 256), ("CANCEL08", 256), ("CANCEL09", 8)):
            product.plug(serial, size)
        running = [product.start("CANCEL07"), product.start("CANCEL08")]
        pids = [product.brake(job) for job in running]
        jobs = [*running, product.start("CANCEL09")]
        for call in (running[0].cancel, lambda reason: product.call("CancelAll", "st", reason, 0)):
            with refused("InvalidArgument", "4096"):
                call("x" * 4097)
        with product.machine.watch_signal(MANAGER, "JobRemoved", PATH) as removed:
            assert product.call("CancelAll", "st", "fire", 0) == 3
            assert {int(s.args[0]): str(s.args[2]) for s in wait_all(removed, 3)} == {job.id: "cancelled" for job in jobs}
        for job, pid in zip(running, pids):
            gone(product, job, pid)
        assert {job["Reason"] for job in jobs} == {"Cancelled by root: fire"}
        assert product.call("CancelAll", "st", "again", 0) == 0
        assert (product["QueuedJobs"], product["RunningJobs"]) == (0, 0)
    finally:
        product.clean_jobs()
        product.configure(max_parallel_burnins="4")


# A worker that is ended while systemd moves it into its scope.
@pytest.mark.allow_journal(r"burnin-job\d+-precheck.scope: (Failed to add PIDs to scope|Failed with result 'resources')",
                           r"Failed to start burnin-job\d+-precheck.scope")
def test_before_the_gate_opens(nas: Host, product: Product) -> None:
    """Cancelled in the very first moment, again and again: whatever had begun is gone, and no run is left behind."""
    product.plug("CANCEL10", 64)
    for _ in range(5):
        job = product.start("CANCEL10")
        job.wait("State", lambda state: state != "queued")
        job.cancel()
        assert job.wait_end() == "cancelled"
        product.machine.wait_for(lambda: slice_state(product, job) == "inactive", 20, f"{job['Unit']} is gone")
        assert job.stage()["Verdict"] == "skipped"
    assert not product.machine.run(["systemctl", "list-units", "--plain", "--no-legend", "burnin-run-*"]).stdout
    assert not product.machine.run(["pgrep", "-x", "badblocks"], check=False).stdout


def test_while_the_next_worker_has_no_scope_yet(nas: Host, product: Product) -> None:
    """The run goes on, one worker has died, and the next one waits for systemd: it hears of the cancel all the same."""
    product.plug("CANCEL13", 256)
    job = product.start("CANCEL13")
    pid = product.brake(job)
    product.machine.run(["systemctl", "kill", "--signal=KILL", job.stage()["Unit"]])
    assert product.machine.leader
    os.kill(product.machine.leader, signal.SIGSTOP)
    try:
        job.stage().wait("Attempt", 2)
        assert job.stage()["State"] == "starting"
        job.cancel("too late for a word at its start")
    finally:
        os.kill(product.machine.leader, signal.SIGCONT)
    assert job.wait_end(35) == "cancelled"
    gone(product, job, pid)


SYNC = "/usr/local/sbin/sync"
HOOK = """#!/bin/sh
# Stands still between a run's preparation and its start, while /run/hook is there.
if [ -p /run/hook ]; then
    case $1 in
    */script) echo "$1" > /run/hook.seen; read -r _ < /run/hook ;;
    esac
fi
exec /usr/bin/sync "$@"
"""


@pytest.fixture
def hook(product: Product) -> Iterator[Callable[[], None]]:
    """A host that stands still in the middle of a start; hook() waits until it is there."""
    product.machine.write(SYNC, HOOK, mode=0o755)
    product.machine.run("rm -f /run/hook /run/hook.seen; mkfifo /run/hook")
    yield lambda: product.machine.wait_for(product.machine.path("/run/hook.seen").exists, 60, "a run is about to start")
    product.machine.run(f"rm -f {SYNC} /run/hook /run/hook.seen")


@pytest.mark.allow_journal(r"lost contact")
def test_start_that_is_slower_than_its_cancel(nas: Host, product: Product, hook: Callable[[], None]) -> None:
    """The start hangs on the host; the cancel overtakes it; when the start goes on it finds its place taken."""
    product.plug("CANCEL11", 64)
    job = product.start("CANCEL11")
    hook()
    run = job.stage()["RunId"]
    product.machine.host.drop_connections()     # the worker must come anew; the hanging start is on its own
    job.cancel("too slow")
    product.machine.wait_for(product.machine.path(f"{RUNS}/{run}/tombstone").exists, 60, "the tombstone is there")
    product.machine.run("rm /run/hook.seen; echo > /run/hook; rm /run/hook")
    assert job.wait_end(90) == "cancelled"
    product.machine.wait_for(lambda: not processes(product, run), 30, f"nothing is left of {run}")
    assert not any(product.image("CANCEL11").read_bytes()[:1 << 20]), "nothing was written"


@pytest.fixture
def impatient(product: Product, nas: Host) -> Iterator[None]:
    product.configure(stale_threshold_seconds="3", poll_timeout_seconds="2")
    nas.wait("State", "online")
    yield
    product.configure(stale_threshold_seconds="15", poll_timeout_seconds="10")


@pytest.mark.allow_journal(r"lost contact|has not answered for|could not be proven")
def test_host_in_a_black_hole(impatient: None, nas: Host, product: Product) -> None:
    """It cannot be proven that the run is gone: the drive stays locked until it is."""
    drive = product.plug("CANCEL12", 256)
    job = product.start("CANCEL12")
    pid = product.brake(job)
    sessions = product.machine.run("ps -eo pid=,args= | awk '/sshd: root@notty/ && !/awk/ {print $1}'").stdout.split()
    product.machine.host.freeze()
    product.machine.run(["kill", "-STOP", *sessions], check=False)
    try:
        began = time.monotonic()
        job.cancel("unplugged")
        assert job.wait_end(90) == "cancelled"
        assert time.monotonic() - began < 35
        assert product.state_of(pid) == "T", "nobody could reach it"
        assert "unplugged" in job["Reason"]
        assert (drive["ActiveJob"], drive["LockState"]) == ("/", "remnant") and drive["UnlockToken"] == ""
        product.restart()
        assert drive["LockState"] == "remnant"
    finally:
        product.machine.run(["kill", "-CONT", *sessions], check=False)
        product.machine.host.thaw()
    try:
        nas.wait("State", "online", 30)
        with refused("DriveLocked", "remnant"):
            product.start("CANCEL12")
    finally:
        product.machine.run(["kill", "-KILL", str(pid)])
    drive.wait("LockState", lambda state: state != "remnant", 30)
    assert (job["State"], job["Verdict"]) == ("done", "cancelled")
