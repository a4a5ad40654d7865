# SPDX-License-Identifier: LGPL-2.1-or-later
"""A reboot of the tested host ends a run, and not the test: it goes on with the pattern in which it was, in a run of its own, if
the drive is the one, is free, and still holds what the test has written. Otherwise not one byte is written."""
from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import resources
from product import PHASES, RUNS
from survival import EXPECTED, LOGS, Site, Survivor, process_state, site, start_time, stop_process, survivor  # noqa: F401

pytestmark = pytest.mark.allow_journal(*EXPECTED, r"has ended: inconclusive", r"^inconclusive: ")

MIB = 1 << 20


def image(run: Survivor) -> Path:
    return run.site.nas.machine.root / f"var/lib/burnin-test/drives/{run.serial}.img"


def digest(run: Survivor) -> str:
    return hashlib.sha256(image(run).read_bytes()).hexdigest()


def overwrite(run: Survivor, data: bytes, offset: int) -> None:
    """Past every cache, as the drive would be changed in another computer."""
    fd = os.open(run.device, os.O_WRONLY | os.O_SYNC)
    try:
        os.pwrite(fd, data, offset)
        os.fsync(fd)
    finally:
        os.close(fd)


def proven(run: Survivor) -> list[object]:
    """Waits until the service knows the phase it stands in, and has noted that the patterns before it need not be done again."""
    history = run.seen()
    state = run.site.machine.path(f"/var/lib/burnin/jobs/{run.job.id}/surface_validate.log.state")
    phases = (run.stage["Phase"] - 1) // 2 * 2
    run.site.machine.wait_for(lambda: json.loads(state.read_text())["past"]["proven"] >= phases, 30, f"{phases} phases are proven")
    return history


def lose_power(run: Survivor) -> None:
    run.site.nas.machine.kill()
    os.sync()


def start_nas(run: Survivor) -> None:
    run.site.nas.machine.start()


def position(run: Survivor) -> int:
    """Of badblocks on its drive; it has the device open more than once."""
    found = [0]
    for fd in Path(f"/proc/{run.pid}/fd").iterdir():
        if os.readlink(fd) == run.device:
            found.append(int(Path(f"/proc/{run.pid}/fdinfo/{fd.name}").read_text().split()[1]))
    return max(found)


def to_the_middle_of_its_first_write(run: Survivor) -> None:
    while run.phase() < 2 and position(run) < 8 * MIB:
        run.release()
        run.hold()
    assert run.alive() and run.phase() == 1
    run.stage.wait("PhasePercent", lambda percent: percent > 5, 30)


def unplug(run: Survivor) -> None:
    run.site.nas.machine.remove_loop_drive(run.serial, keep_image=True)


def plug_again(run: Survivor) -> None:
    """Under another name, as it comes."""
    run.device = run.site.nas.machine.add_loop_drive(run.serial, 96)


def come_back_without_its_drive(run: Survivor) -> None:
    """Its host is there, and the test waits for its drive."""
    unplug(run)
    start_nas(run)
    run.stage.wait("Attempt", 2, 120)
    run.stage.wait("State", "running", 60)


@contextlib.contextmanager
def obedient(pid: int) -> Iterator[None]:
    """This process, which stands still, goes on once it is told to end, so that it can."""
    over = threading.Event()

    def watch() -> None:
        while not over.wait(0.05):
            with contextlib.suppress(OSError, StopIteration):
                lines = Path(f"/proc/{pid}/status").read_text().splitlines()
                pending = sum(int(line.split()[1], 16) for line in lines if line.startswith(("SigPnd:", "ShdPnd:")))
                if pending & 1 << signal.SIGTERM - 1:
                    os.kill(pid, signal.SIGCONT)
                    return

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def find_next(run: Survivor, timeout: float = 120) -> str:
    """Waits for the run that goes on, and stops it as soon as it is there; the id of the one before."""
    before = run.run
    run.site.nas.machine.path(f"{LOGS}/{run.serial}").unlink()
    run.find(timeout)
    assert run.run != before
    return before


def ledger(run: Survivor) -> dict[str, tuple[str, str]]:
    return {rule: (observed, verdict) for rule, _, observed, _, verdict in run.stage["Evidence"]}


def finish(run: Survivor, history: list[object], *gone: str) -> None:
    """Lets it run to its end; gone: the runs before, each ended by a reboot."""
    reboots = len(gone)
    run.release()
    assert run.job.wait_end(120) == "passed", (run.job["Reason"], run.stage["Evidence"])
    now = run.stage["PhaseHistory"]
    assert [(number, name) for number, name, _ in now] == list(enumerate(PHASES, 1))
    assert now[:len(history)] == history and run.stage["Phases"] == 8
    evidence = run.stage["Evidence"]
    assert all(line[4] == "passed" for line in evidence), evidence
    assert sum(line[0] == "resumed" for line in evidence) == reboots
    assert run.stage["WorkBytes"] >= 8 * image(run).stat().st_size
    assert f"badblocks.{reboots + 1}@" in run.stage.log()
    for interface in ("org.burnin1.Job", "org.burnin1.Stage"):
        seen = run.percentages(interface)
        assert seen == sorted(seen), f"the percentage of {interface} went back: {seen}"
    assert set(image(run).read_bytes()) == {0}
    assert all(stage["Verdict"] == "passed" for stage in (run.job.stage(k).all() for k in ("precheck", "final_check")))
    directory = run.site.nas.machine.path(RUNS)
    run.site.machine.wait_for(lambda: not any((directory / one).exists() for one in gone), 30, "they are not left there")


def refuse(run: Survivor, before: str, *words: str, timeout: float = 120) -> None:
    assert run.job.wait_end(timeout) == "inconclusive", run.job["Reason"]
    for word in ("rebooted", *words):
        assert word in run.stage["Reason"], run.stage["Reason"]
    assert ledger(run)["resumed"][1] == "inconclusive"
    assert run.job.stage("final_check")["Verdict"] == "skipped"
    assert not run.site.nas.processes("badblocks", run.device)
    assert digest(run) == before, "something was written to the drive"


@pytest.mark.parametrize("cut", ["rebooted", "without power"])
@pytest.mark.parametrize("phase", [3, 6])
def test_goes_on_with_its_pattern(site: Site, survivor: Callable[..., Survivor], cut: str, phase: int) -> None:
    run = survivor()
    phase = run.advance(phase)
    history = proven(run)
    if cut == "rebooted":
        with obedient(run.pid):
            site.nas.machine.stop()
    else:
        lose_power(run)
    run.stage.wait("Contact", bool, 120)
    cursor = site.machine.cursor()
    start_nas(run)
    before = find_next(run)
    entry = site.machine.wait_journal("It goes on with phase", cursor=cursor)
    first = (phase - 1) // 2 * 2
    name = PHASES[first]
    assert entry["BURNIN_DRIVE_SERIAL"] == run.serial and name in entry["MESSAGE"] and entry["MESSAGE_ID"]
    reached = run.advance(1)
    assert run.log.read_text().count("0xaa") == 0 and f"pattern {name.split()[1]}" in run.log.read_text()
    run.stage.wait("Phase", first + reached, 30)
    assert run.stage["State"] == "running"
    finish(run, history, before)
    assert f"phase {first + 1} ({name})" in ledger(run)["resumed"][0]
    assert before != run.stage["RunId"] == run.run
    directory = site.nas.machine.path(f"{RUNS}/{run.run}")
    site.machine.wait_for(lambda: not directory.exists(), 30, "nothing of it is left on the NAS")


@pytest.mark.allow_journal(r"has ended: failed", r"^failed: ", r"^[a-z-]+: .*: failed$", r"I/O error, dev")
def test_what_the_kernel_said_of_a_pattern_is_known_before_it_is_proven(site: Site, survivor: Callable[..., Survivor]) -> None:
    run = survivor()
    run.advance(2)
    run.seen()
    with open("/dev/kmsg", "w") as log:
        log.write(f"burnin-test: I/O error, dev {Path(run.device).name}, sector 8\n")
    run.advance(3)
    proven(run)
    lose_power(run)
    start_nas(run)
    find_next(run)
    run.release()
    assert run.job.wait_end(120) == "failed", run.job["Reason"]
    assert "the kernel reported 1 error" in run.stage["Reason"], run.stage["Reason"]
    assert ledger(run)["phases"][1] == "passed" and ledger(run)["bad-blocks"][1] == "passed"


def test_in_its_first_pattern(site: Site, survivor: Callable[..., Survivor]) -> None:
    """What was there before it is no pattern of ours, and need not be."""
    run = survivor()
    to_the_middle_of_its_first_write(run)
    lose_power(run)
    start_nas(run)
    finish(run, [], find_next(run))


@pytest.mark.allow_journal(r"^The grant .* (was given: |is used by job )")
def test_drive_that_was_unlocked(site: Site, survivor: Callable[..., Survivor]) -> None:
    """What was unlocked has been destroyed by then; what comes meanwhile was unlocked by nobody."""
    runs = []
    for _ in range(2):
        serial = site.new_drive()
        site.nas.machine.run(f"mkfs.ext4 -q -F {site.device(serial)}; sync")
        site.wait_drive(serial, "existing-data")
        runs.append(Survivor(site, serial, unlock_existing=True).find())
        to_the_middle_of_its_first_write(runs[-1])
    lose_power(runs[0])
    resources.command("mkfs.ext4", "-q", "-F", runs[1].device)
    os.sync()
    before = digest(runs[1])
    start_nas(runs[0])
    gone = find_next(runs[0])
    refuse(runs[1], before, "changed while the host was down")
    finish(runs[0], [], gone)


def test_paused_while_it_waits(site: Site, survivor: Callable[..., Survivor]) -> None:
    run = survivor()
    run.advance(3)
    history = proven(run)
    lose_power(run)
    unplug(run)
    start_nas(run)
    run.job.wait("Reason", lambda reason: "after a reboot of its host" in reason, 120)
    run.job.call("Pause", "st", "lunch", 0)
    run.stage.wait("Paused", lambda words: "lunch" in words, 30)
    plug_again(run)
    site.wait_drive(run.serial)
    assert not site.nas.processes("badblocks", run.device) and run.stage["Paused"]
    run.job.call("Resume", "t", 0)
    finish(run, history, find_next(run))


def test_random_pattern(site: Site, survivor: Callable[..., Survivor]) -> None:
    run = survivor(profile="fast")
    run.release()
    resources.until("it is read back", lambda: b"Reading and comparing" in run.log.read_bytes(), 60, 0.0005)
    run.hold()
    assert run.alive()
    run.stage.wait("Phase", 2, 30)
    lose_power(run)
    start_nas(run)
    find_next(run)
    run.release()
    assert run.job.wait_end(120) == "passed", (run.job["Reason"], run.stage["Evidence"])
    assert [name for _, name, _ in run.stage["PhaseHistory"]] == ["Write random", "Verify random"]


@pytest.mark.parametrize("where", ["start", "end", "everywhere"])
def test_drive_that_was_changed_is_not_touched(site: Site, survivor: Callable[..., Survivor], where: str) -> None:
    run = survivor()
    run.advance(4)
    proven(run)
    lose_power(run)
    size = image(run).stat().st_size
    if where == "start":
        overwrite(run, os.urandom(512), MIB - 512)
    elif where == "end":
        overwrite(run, b"\x55\xaa" * 256, size - 512)
    else:
        overwrite(run, bytes(size - 2 * MIB), MIB)
    before = digest(run)
    start_nas(run)
    refuse(run, before, "changed while the host was down")
    with pytest.raises(KeyError):
        ledger(run)["coverage"]


def test_another_drive_under_its_name(site: Site, survivor: Callable[..., Survivor]) -> None:
    run = survivor()
    run.advance(3)
    proven(run)
    lose_power(run)
    machine, device, other = site.nas.machine, run.device, f"{run.serial}X"
    machine.remove_loop_drive(run.serial, keep_image=True)
    machine.add_loop_drive(other, 96, device=device)
    before = digest(run)
    other_before = hashlib.sha256((machine.root / f"var/lib/burnin-test/drives/{other}.img").read_bytes()).hexdigest()
    start_nas(run)
    refuse(run, before, "not on this host")
    assert hashlib.sha256((machine.root / f"var/lib/burnin-test/drives/{other}.img").read_bytes()).hexdigest() == other_before


def test_drive_that_is_somebody_elses_now(site: Site, survivor: Callable[..., Survivor]) -> None:
    run = survivor()
    run.advance(3)
    proven(run)
    lose_power(run)
    resources.command("mkfs.ext4", "-q", "-F", run.device)
    os.sync()
    before = digest(run)
    start_nas(run)
    refuse(run, before, "existing-data")


def test_drive_that_comes_back_late(site: Site, survivor: Callable[..., Survivor]) -> None:
    run = survivor()
    run.advance(3)
    history = proven(run)
    lose_power(run)
    come_back_without_its_drive(run)
    plug_again(run)
    finish(run, history, find_next(run))


def test_again_and_again_and_not_for_ever(site: Site, survivor: Callable[..., Survivor]) -> None:
    run = survivor()
    runs = [run.run]
    for phase, more in ((3, 2), (1, 3), (1, 1)):
        if phase > 1 or more > 1:
            run.advance(max(phase, more))
            proven(run)
        lose_power(run)
        start_nas(run)
        find_next(run)
        runs.append(run.run)
    assert len(set(runs)) == 4
    before = run.stage["Phase"]
    lose_power(run)
    start_nas(run)
    assert run.job.wait_end(120) == "inconclusive"
    assert "rebooted" in run.stage["Reason"] and "4 times" in run.stage["Reason"] and before >= 3
    assert sum(line[0] == "resumed" for line in run.stage["Evidence"]) == 3


def test_twice(site: Site, survivor: Callable[..., Survivor]) -> None:
    run = survivor()
    run.advance(3)
    history = proven(run)
    lose_power(run)
    start_nas(run)
    first = find_next(run)
    run.advance(3)  # its own third: Write 0xff
    run.stage.wait("Phase", lambda phase: phase >= 5, 30)
    proven(run)
    lose_power(run)
    start_nas(run)
    second = find_next(run)
    run.advance(1)
    assert "0x55" not in run.log.read_text()
    finish(run, history, first, second)


@pytest.mark.parametrize("victim", ["service", "worker", "both"])
def test_service_and_worker_killed_while_it_waits(site: Site, survivor: Callable[..., Survivor], victim: str) -> None:
    run = survivor()
    run.advance(3)
    history = proven(run)
    lose_power(run)
    come_back_without_its_drive(run)
    chosen = run.stage["RunId"]
    assert chosen != run.run
    if victim != "worker":
        site.kill()
    if victim != "service":
        assert site.kill_workers(run.job) == 1
    site.start_again()
    site.wait_up()
    plug_again(run)
    before = find_next(run)
    assert run.run == chosen, "what was stored before it began is what began"
    finish(run, history, before)


def test_worker_killed_while_the_host_is_away(site: Site, survivor: Callable[..., Survivor]) -> None:
    """The next one finds the reboot by itself, and knows from its predecessor's notes what was done."""
    run = survivor()
    run.advance(4)
    history = proven(run)
    lose_power(run)
    run.stage.wait("Contact", bool, 120)
    site.kill()
    site.kill_workers(run.job)
    site.start_again()
    site.wait_up()
    start_nas(run)
    before = find_next(run)
    run.advance(1)
    assert "0xaa" not in run.log.read_text()
    finish(run, history, before)


def test_cancelled_while_it_waits(site: Site, survivor: Callable[..., Survivor]) -> None:
    run = survivor()
    run.advance(3)
    proven(run)
    lose_power(run)
    before = digest(run)
    come_back_without_its_drive(run)
    run.job.cancel("enough")
    assert run.job.wait_end(60) == "cancelled"
    plug_again(run)
    assert digest(run) == before


def test_another_host_with_the_drive_is_not_its_host(site: Site, survivor: Callable[..., Survivor]) -> None:
    """A drive that two hosts reach, one of which is away: the run is on that one, and it alone is asked."""
    run = survivor()
    nas, sshd = site.host("nas"), site.nas.sshd
    other = site.nas.machine.ssh_host(sshd.port + 1)
    drive = site.drive(run.serial)
    sshd.stop()
    sshd.drop_connections()
    try:
        nas.wait("State", lambda state: state != "online", 60)
        site.add_host("other", other)
        drive.wait("Host", "other", 30)
        attempt = run.stage["Attempt"]
        assert site.kill_workers(run.job) == 1
        run.stage.wait("Attempt", lambda n: n > attempt, 30)
        follows = site.machine.wait_for(lambda: re.findall(r"on (\w+) again, from byte", run.stage.log()), 30, "another one follows")
        assert follows == ["nas"]
        other.stop()
        other.drop_connections()
        site.host("other").wait("State", lambda state: state != "online", 60)
    finally:
        sshd.start()
    drive.wait("Host", "nas", 60)
    run.finish(120)
    site.remove_host("other")
    other.remove()
