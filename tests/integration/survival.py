# SPDX-License-Identifier: LGPL-2.1-or-later
"""A service and its NAS on two machines, and a burn-in between them that must survive whatever is done to either.

The NAS is a machine of its own, in the network of the first: so each of the two can be switched off, rebooted or lose its
power while the other runs. A Survivor is one burn-in; its badblocks stands still but while the test lets it go on, so that a
cut hits the phase that it is meant for. survivor.finish() is where all promises are checked.

    from survival import EXPECTED, Site, Survivor, site, survivor  # noqa: F401
"""
from __future__ import annotations

import contextlib
import os
import re
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import busclient
import dbus
import pytest
import resources
from machine import Machine
from product import JOB, PHASES, RUNS, STAGE, Host, Job, Product, find_processes, process_state
from sshhost import AUTHORIZED, CLIENT_KEY, SshHost

PORT = 2200
HEADER = re.compile(rb"Testing with pattern|Reading and comparing")
TOOL_LINE = re.compile(r"\S+ badblocks@(\d+) (.*)")
LOGS = "/var/lib/burnin-test/logs"


class Nas:
    """The machine with the drives, and what of it the service sees."""

    def __init__(self, orchestrator: Machine) -> None:
        self.machine = Machine("nas", netns=orchestrator.netns)
        # In the network that both share, the port of a machine's own sshd is taken.
        resources.command("systemctl", f"--root={self.machine.root}", "--quiet", "disable", self.machine.host.unit)
        self.sshd: SshHost = self.machine.ssh_host(PORT)
        self.machine.write(AUTHORIZED, orchestrator.read(f"{CLIENT_KEY}.pub"))
        self.machine.path(LOGS).mkdir(parents=True)
        self.machine.start()

    def processes(self, name: str, argument: str = "") -> list[int]:
        """Pids, as counted outside, of the living processes with this name and last argument."""
        return find_processes(self.machine, name, argument)

    def runs_started(self, run: str) -> int:
        """How often the container of this run was ever started here."""
        return sum(str(e.get("MESSAGE", "")).startswith("Started") for e in self.machine.journal(f"UNIT=burnin-run-{run}.service"))


def start_time(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]


def stop_process(pid: int) -> None:
    os.kill(pid, signal.SIGSTOP)
    resources.until(f"{pid} stands still", lambda: process_state(pid) in ("T", ""), 10, 0.001)


class Site(Product):
    """The service on one machine, the NAS on the other."""

    def __init__(self, machine: Machine, nas: Nas, **settings: str) -> None:
        super().__init__(machine, **settings)
        self.nas = nas
        self._serials = iter(f"SURVIVE{i:02}" for i in range(1, 100))

    def add_nas(self) -> Host:
        return self.add_host("nas", self.nas.sshd)

    def new_drive(self, size_mb: int = 96) -> str:
        """The serial of a fresh drive that is there and free."""
        serial = next(self._serials)
        self.nas.machine.add_loop_drive(serial, size_mb)
        self.wait_drive(serial, timeout=60)
        return serial

    def new_drives(self, count: int, size_mb: int) -> list[str]:
        serials = [next(self._serials) for _ in range(count)]
        for serial in serials:
            self.nas.machine.add_loop_drive(serial, size_mb)
        for serial in serials:
            self.wait_drive(serial, timeout=60)
        return serials

    def device(self, serial: str) -> str:
        return self.nas.machine.drives[serial][0]

    # --- what befalls the service ------------------------------------------------------------------------

    def workers(self, job: Job) -> list[int]:
        """The workers of a job, as counted outside."""
        cgroup = self.machine._record.cgroup
        return [int(pid) for file in cgroup.rglob(f"burnin-job{job.id}-*.scope/cgroup.procs") for pid in file.read_text().split()]

    def kill_workers(self, job: Job) -> int:
        pids = self.workers(job)
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return len(pids)

    def clean_site(self) -> None:
        """Ends every job and takes every drive away."""
        for serial in list(self.nas.machine.drives):
            for pid in self.nas.processes("badblocks", self.device(serial)):
                os.kill(pid, signal.SIGCONT)
        self.start_again()
        self.host("nas").wait("State", "online", 60)
        self.clean_jobs()
        # Their workers have the devices open for a last look, and so has the next poll.
        for serial in list(self.nas.machine.drives):
            self.nas.machine.remove_loop_drive(serial)


class Survivor:
    """A burn-in that stands still in phase 1 when it is made."""

    def __init__(self, site: Site, serial: str, **options: Any) -> None:
        self.site, self.serial = site, serial
        self.device = site.device(serial)
        self.percents: list[float] = []
        self._watches: list[busclient.SignalWatch] = []
        self.job = site.start(serial, **options)
        self.stage = self.job.stage()
        self.watch()
        self.pid = 0

    # --- its process -------------------------------------------------------------------------------------

    def find(self, timeout: float = 60) -> Survivor:
        """Waits for its badblocks, and stops it as soon as it is there."""
        self.site.machine.bus()

        def look() -> list[int]:
            busclient.pump(lambda: False, 0.002)
            return self.site.nas.processes("badblocks", self.device)

        found = resources.until(f"badblocks runs on {self.serial}", look, timeout, 0.001)
        assert isinstance(found, list) and len(found) == 1, found
        self.pid = found[0]
        stop_process(self.pid)
        self.born = start_time(self.pid)
        self.stage.wait("RunId", bool)
        self.run = self.stage["RunId"]
        self.started = self.stage["StartedUSec"]
        directory = self.site.nas.machine.path(f"{RUNS}/{self.run}")
        resources.until("its log is there", (directory / "log").exists, 10)
        # The run's directory goes with its verdict; this name of its log stays.
        self.log = self.site.nas.machine.path(f"{LOGS}/{self.serial}")
        os.link(directory / "log", self.log)
        return self

    def alive(self) -> bool:
        return process_state(self.pid) not in ("", "Z")

    def phase(self) -> int:
        return len(HEADER.findall(self.log.read_bytes()))

    def hold(self) -> None:
        stop_process(self.pid)

    def release(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGCONT)

    def advance(self, phase: int) -> int:
        """Goes on until it has begun this phase, and stands still there (or a little behind); the service has seen it."""
        self.release()
        resources.until(f"phase {phase} of {self.serial}", lambda: self.phase() >= phase, 60, 0.0005)
        self.hold()
        assert self.alive(), f"badblocks of {self.serial} has ended before it could be stopped in phase {phase}"
        return self.phase()

    def seen(self, timeout: float = 30) -> list[Any]:
        """Waits until the service knows the phase it stands in; the history until there."""
        phase = self.phase()
        self.stage.wait("Phase", lambda p: p >= phase, timeout)
        history: list[Any] = self.stage["PhaseHistory"]
        return history

    def end(self) -> None:
        """Lets it run to its end, on its host."""
        self.release()
        resources.until(f"badblocks of {self.serial} has ended", lambda: not self.alive(), 90)

    # --- what the service says ---------------------------------------------------------------------------

    def watch(self) -> None:
        """Notes every percentage from now on; again after a reboot of the service's machine."""
        for path in (self.job.path, self.stage.path):
            self._watches.append(self.site.machine.watch_signal(busclient.PROPERTIES, "PropertiesChanged", path))

    def percentages(self, interface: str) -> list[float]:
        """In the order in which they were sent."""
        found = []
        for watch in self._watches:
            for sent in watch.seen:
                if sent.args[0] == interface and "Percent" in sent.args[1]:
                    found.append(float(sent.args[1]["Percent"]))
        return found

    def close(self) -> None:
        for watch in self._watches:
            with contextlib.suppress(Exception):
                watch.close()

    def finish(self, timeout: float = 90, attempts: int | None = None) -> None:
        """Lets it run to its end, and checks that nothing was lost on the way."""
        assert self.alive() and start_time(self.pid) == self.born, "the run on the host did not go on"
        history = self.seen()
        self.release()
        assert self.job.wait_end(timeout) == "passed", (self.job["Reason"], self.stage["Reason"], self.stage["Evidence"])
        self.check(history, attempts)

    def check(self, history: list[Any], attempts: int | None = None) -> None:
        """After its end: same job, stage and run; whole log; whole history; evidence; percentages."""
        assert (self.stage["RunId"], self.stage["StartedUSec"]) == (self.run, self.started)
        if attempts is not None:
            assert self.stage["Attempt"] == attempts
        mine = [row for row in self.site.list("Jobs") if row["Serial"] == self.serial]
        assert [row["Object"] for row in mine] == [self.job.path]
        assert self.site.nas.runs_started(self.run) == 1 and not self.site.nas.processes("badblocks", self.device)

        check_log(self.stage.log(), self.log.read_bytes())

        now = self.stage["PhaseHistory"]
        assert [(number, name) for number, name, _ in now] == list(enumerate(PHASES, 1))
        assert now[:len(history)] == history, "phases began once"
        assert [start for *_, start in now] == sorted(start for *_, start in now)

        for kind in ("precheck", "surface_validate", "final_check"):
            stage = self.job.stage(kind).all()
            assert (stage["State"], stage["Verdict"]) == ("done", "passed"), stage
            assert stage["Evidence"] and all(line[4] == "passed" for line in stage["Evidence"]), stage["Evidence"]
        for interface in (JOB, STAGE):
            seen = self.percentages(interface)
            assert seen == sorted(seen), f"the percentage of {interface} went back: {seen}"
        assert self.job["Percent"] == 100


def as_on_paper(piece: bytes) -> str:
    """What the stage's log shows of a piece of badblocks' output: its cursor movements and blanks at the ends are none."""
    return piece.replace(b"\b", b"").decode().strip(" \r\n")


def check_log(text: str, printed: bytes) -> None:
    """Every byte that the command printed is in the stage's log, once."""
    position = 0
    for line in text.splitlines():
        if found := TOOL_LINE.fullmatch(line):
            end = int(found[1])
            assert position < end <= len(printed), f"{line!r} is in the log twice, or names what was never printed"
            assert as_on_paper(printed[position:end]) == found[2], f"{line!r} is not what was printed: {printed[position:end]!r}"
            position = end
    assert as_on_paper(printed[position:]) == "", f"this is missing in the log: {printed[position:]!r}"
    assert position > 0


@contextlib.contextmanager
def frozen(*pids: int) -> Iterator[None]:
    """These processes stand still in here, those that are killed meanwhile apart."""
    for pid in pids:
        stop_process(pid)
    try:
        yield
    finally:
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


EXPECTED = (
    r"burnin-poll has gone", r"code=killed, status=9/KILL", r"Failed with result 'signal'", r"ended without a report",
    r"has not answered for", r"[Ll]ost contact with", r"has not taken this stage's report")


@contextlib.contextmanager
def make_site(watch: Callable[[Machine], object], forget: Callable[[Machine], object]) -> Iterator[Site]:
    """Two machines, the service up on the first and the NAS online. watch and forget: for whoever reads their journals."""
    from conftest import BUILD

    with contextlib.ExitStack() as stack:
        machine = Machine("orchestrator", build_dir=BUILD)
        stack.callback(machine.close)
        nas = Nas(machine)
        stack.callback(nas.machine.close)
        made = Site(machine, nas, max_parallel_burnins="8")
        made.write_settings()
        # The second between two starts is for people; here it is only waited for.
        machine.write("/etc/systemd/system/burnind.service.d/quick.conf", "[Service]\nRestartSec=100ms\n")
        machine.start()
        for one in (machine, nas.machine):
            watch(one)
            stack.callback(forget, one)
        made.add_nas()
        yield made


@pytest.fixture(scope="module")
def site(_guard: Any) -> Iterator[Site]:
    from conftest import BUILD

    if not BUILD.exists():
        pytest.skip(f"there is no {BUILD}")
    with make_site(_guard.watch, _guard.machines.pop) as made:
        yield made


@pytest.fixture
def survivor(site: Site) -> Iterator[Callable[..., Survivor]]:
    """survivor(96) -> a burn-in of a fresh drive of 96 MB, that stands still in phase 1."""
    made: list[Survivor] = []

    def make(size_mb: int = 96, **options: Any) -> Survivor:
        made.append(Survivor(site, site.new_drive(size_mb), **options))
        return made[-1].find()

    yield make
    for one in made:
        one.close()
    site.clean_site()
