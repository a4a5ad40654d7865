# SPDX-License-Identifier: LGPL-2.1-or-later
"""What every test gets: the machine, the lab's NAS, drives, and a journal that must hold no surprise."""
from __future__ import annotations

import contextlib
import os
import re
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

TESTS = Path(__file__).resolve().parent
BUILD = Path(os.environ.get("BURNIN_BUILD_DIR", TESTS.parent / "build")).absolute()
sys.path[:0] = [str(TESTS / "integration"), str(TESTS / "lab")]

from machine import Machine, format_entry, is_ours  # noqa: E402

WARNING = 4

# What fails a test at any priority. PID 1 tells of crashes of services; of one in a scope only the kernel
# does, in a log that all runs on this kernel share.
CRASH = re.compile(r"(Address|Leak|Thread|Memory|UndefinedBehavior)Sanitizer|runtime error: "
                   r"|Assertion .* failed|code=dumped"
                   r"|code=killed, status=(4/ILL|6/ABRT|7/BUS|8/FPE|11/SEGV|31/SYS)")
KERNEL_CRASH = re.compile(r"\bburnin[\w.-]*\[\d+\]: segfault|traps: burnin[\w.-]*\[\d+\]")


class Guard:
    """Watches the journals of all machines that are up, from one test to the next."""

    def __init__(self) -> None:
        self.machines: dict[Machine, str | None] = {}       # and where the test began in its journal
        self.allowed: list[str] = []
        self._kmsg = os.open("/dev/kmsg", os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        os.lseek(self._kmsg, 0, os.SEEK_END)

    def begin(self, allowed: list[str]) -> None:
        self.allowed = allowed
        self._kernel_lines()
        for machine in self.machines:
            if not machine.running:         # the test before has left it switched off
                machine.start()
            self.machines[machine] = machine.cursor()

    def watch(self, machine: Machine) -> None:
        """From its first line on, if it comes up in the middle of a test."""
        self.machines[machine] = None

    def allow(self, *patterns: str) -> None:
        """For what only the running test can know; else use the mark."""
        self.allowed.extend(patterns)

    def _kernel_lines(self) -> list[str]:
        lines = []
        with contextlib.suppress(BlockingIOError):
            while True:
                with contextlib.suppress(BrokenPipeError):      # lines were lost before they were read
                    line = os.read(self._kmsg, 8192).decode(errors="replace")
                    lines.append(line.partition(";")[2].strip())
        return lines

    def _surprise(self, entry: dict[str, Any]) -> bool:
        message = str(entry.get("MESSAGE", ""))
        bad = int(entry.get("PRIORITY", 6)) <= WARNING or CRASH.search(message)
        return bool(bad) and not any(re.search(pattern, message) for pattern in self.allowed)

    def surprises(self, machine: Machine) -> list[str]:
        cursor = self.machines[machine]
        return [f"{machine.name}: {format_entry(entry)}" for entry in machine.journal(cursor=cursor)
                if is_ours(entry) and self._surprise(entry)]

    def verdict(self) -> None:
        found = [line for machine in self.machines for line in self.surprises(machine)]
        found += [f"kernel: {line}" for line in self._kernel_lines() if KERNEL_CRASH.search(line)
                  and not any(re.search(pattern, line) for pattern in self.allowed)]
        if found:
            pytest.fail("unexpected in the journal (allow it with @pytest.mark.allow_journal(REGEX)):\n"
                        + "\n".join(found), pytrace=False)


guard_key: pytest.StashKey[Guard] = pytest.StashKey()


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "allow_journal(regex, ...): warnings of ours that the test expects")
    # So that a time limit from outside still lets the fixtures give back what they hold.
    signal.signal(signal.SIGTERM, lambda *_: pytest.exit("terminated", returncode=143))
    if os.geteuid() == 0:
        config.stash[guard_key] = Guard()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    outcome = yield
    report = outcome.get_result()       # type: ignore[attr-defined]
    guard = item.config.stash.get(guard_key, None)
    if not report.failed or guard is None:
        return
    for machine in guard.machines:
        try:
            record = machine.flight_record(100)
        except Exception as error:      # the report of the test's own failure must not get lost over this
            record = f"not to be had: {error!r}"
        report.sections.append((f"flight record of {machine.name}", record))


@pytest.fixture(scope="session")
def _guard(request: pytest.FixtureRequest) -> Guard:
    if guard_key not in request.config.stash:
        pytest.fail("these tests need root", pytrace=False)
    return request.config.stash[guard_key]


@pytest.fixture(autouse=True)
def journal(_guard: Guard, request: pytest.FixtureRequest) -> Iterator[Guard]:
    """Fails the test on any warning of our units that it did not expect (see also journal.allow)."""
    _guard.begin([str(arg) for mark in request.node.iter_markers("allow_journal") for arg in mark.args])
    yield _guard
    _guard.verdict()


@pytest.fixture(scope="session")
def machine(_guard: Guard) -> Iterator[Machine]:
    """The machine that all tests of a run share, with the product installed when it has been built."""
    with Machine("burnin", build_dir=BUILD) as machine:
        _guard.watch(machine)
        yield machine
        del _guard.machines[machine]


@pytest.fixture
def burnind(machine: Machine) -> Machine:
    """The shared machine with burnind up, whatever the test before did to it."""
    if not BUILD.exists():
        pytest.skip(f"there is no {BUILD}")
    assert machine.has_product, f"{BUILD} installs no burnind.service"
    machine.run("systemctl reset-failed burnind.service; systemctl start burnind.service", timeout=60)
    return machine


@pytest.fixture
def new_machine(_guard: Guard) -> Iterator[Callable[..., Machine]]:
    """Makes machines for this test alone: new_machine("other", start=True, **arguments of Machine)."""
    with contextlib.ExitStack() as stack:
        made: list[Machine] = []

        def make(name: str, start: bool = True, **arguments: Any) -> Machine:
            machine = Machine(name, **{"build_dir": BUILD, **arguments})
            stack.callback(machine.close)
            made.append(machine)
            if start:
                machine.start()
            _guard.watch(machine)
            return machine

        yield make
        found = [line for machine in made for line in _guard.surprises(machine)]
        for machine in made:
            del _guard.machines[machine]
        if found:
            pytest.fail("unexpected in the journal:\n" + "\n".join(found), pytrace=False)


@pytest.fixture
def drives(machine: Machine) -> Iterator[Callable[..., str]]:
    """Plugs drives into the shared machine for this test: drives("LOOP0001", 64) -> '/dev/loop3'."""
    plugged: list[str] = []

    def plug(serial: str, size_mb: int = 64, **arguments: Any) -> str:
        device = machine.add_loop_drive(serial, size_mb, **arguments)
        plugged.append(serial)
        return device

    yield plug
    for serial in plugged:
        if serial in machine.drives:
            machine.remove_loop_drive(serial)


@pytest.fixture(scope="session")
def nas(machine: Machine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The lab's NAS guest: from inside the shared machine at nas.address:nas.port with the key NAS_KEY."""
    from nas import Nas, default_drives

    # A burn-in writes and reads eight times what its drive holds; ZFS takes nothing much smaller.
    drives = default_drives(free_mb=96)
    with Nas(tmp_path_factory.mktemp("nas"), netns=machine.netns, drives=drives) as guest:
        machine.write(NAS_KEY, guest.key.read_text(), mode=0o600)
        yield guest


NAS_KEY = "/etc/burnin/nas_ed25519"
