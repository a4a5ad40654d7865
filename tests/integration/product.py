# SPDX-License-Identifier: LGPL-2.1-or-later
"""The product as its tests use it: a fresh service on the shared machine, hosts, drives, jobs, and a brake for a run.

A test module takes the fixture `product` by importing it:

    from product import Product, product  # noqa: F401

    def test_x(product: Product) -> None:
        product.add_host("nas")                     # the machine itself, key accepted, online
        product.plug("LOOP0001", 64)                # there and free
        job = product.start("LOOP0001")
        with product.braked(job):                   # badblocks stands still in its first phase
            ...
        assert job.wait_end() == "passed"

Everything a test plugged in, added or started is gone after it, but what was made by the module's own fixtures.
"""
from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import busclient
import dbus
import pytest
import resources
from machine import Machine
from sshhost import SshHost

PATH = "/org/burnin1"
MANAGER = "org.burnin1.Manager"
SETTINGS_INTERFACE = "org.burnin1.Settings"
NIGHTLY = "org.burnin1.Nightly"
HOST = "org.burnin1.Host"
DRIVE = "org.burnin1.Drive"
JOB = "org.burnin1.Job"
STAGE = "org.burnin1.Stage"
ERROR = "org.burnin1.Error."
POLKIT_NO = ("org.freedesktop.DBus.Error.AccessDenied", "org.freedesktop.DBus.Error.InteractiveAuthorizationRequired")

DROPIN = "/etc/burnin/burnind.conf.d/50-test.conf"
SETTINGS = {"loop_drives": "yes", "poll_interval_seconds": "1", "stale_threshold_seconds": "15", "poll_timeout_seconds": "10",
            "follow_interval_seconds": "1", "smart_interval_seconds": "10", "self_test_interval_seconds": "1",
            # A loop device on a busy machine is as slow as it likes.
            "slow_floor_hdd": "0", "slow_floor_ssd": "0", "slow_ratio": "0"}
RUNS = "/var/lib/burnin-run"
PHASES = [f"{what} 0x{pattern}" for pattern in ("aa", "55", "ff", "00") for what in ("Write", "Verify")]


def plain(value: Any) -> Any:
    """A value from the bus as Python's own."""
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, tuple):
        return tuple(plain(v) for v in value)
    if isinstance(value, list):
        return [plain(v) for v in value]
    for kind in (dbus.Boolean, bool):
        if isinstance(value, kind):
            return bool(value)
    for kind in (str, int, float):
        if isinstance(value, kind):
            return kind(value)
    return value


def short_name(error: dbus.DBusException) -> str:
    """org.burnin1.Error.NoSuchHost -> NoSuchHost"""
    return str(error.get_dbus_name()).removeprefix(ERROR)


@contextlib.contextmanager
def refused(name: str, *words: str) -> Iterator[None]:
    """The call in here ends with this error of ours, and its text holds these words."""
    try:
        yield
    except dbus.DBusException as error:
        assert short_name(error) == name, error
        for word in words:
            assert word in str(error.get_dbus_message()), error
    else:
        pytest.fail(f"was not refused with {name}")


def find_processes(machine: Machine, name: str, argument: str = "") -> list[int]:
    found = []
    for directory, _, _ in os.walk(machine._record.cgroup):
        with contextlib.suppress(OSError):
            for pid in map(int, Path(directory, "cgroup.procs").read_text().split()):
                with contextlib.suppress(OSError):
                    words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[:-1]
                    if words and words[0].decode().rpartition("/")[2] == name and (
                            not argument or words[-1].decode() == argument):
                        found.append(pid)
    return found


def process_state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return ""


class Object:
    """One object of the service, its properties by their names."""
    interface = ""

    def __init__(self, product: Product, path: str) -> None:
        self.product, self.machine, self.path = product, product.machine, str(path)

    def __getitem__(self, name: str) -> Any:
        return plain(busclient.get_property(self.machine.bus(), "org.burnin1", self.path, self.interface, name))

    def all(self) -> dict[str, Any]:
        return plain(self.machine.call(self.path, busclient.PROPERTIES, "GetAll", "s", self.interface))

    def wait(self, name: str, wanted: object, timeout: float = 20) -> Any:
        return plain(self.machine.wait_property(self.path, self.interface, name, wanted, timeout))

    def call(self, method: str, signature: str = "", *args: Any, user: str | None = None) -> Any:
        return plain(self.machine.call(self.path, self.interface, method, signature, *args, user=user))


class Host(Object):
    interface = HOST

    def refresh(self) -> None:
        self.call("Refresh", "t", 0)

    def wait_look(self, timeout: float = 20) -> None:
        """Returns after the next look at the host, which may have begun before this call."""
        last = self["LastSeenUSec"]
        self.machine.wait_for(lambda: self["LastSeenUSec"] > last, timeout, f"{self['Name']} is seen again")

    def accept_key(self, fingerprint: str) -> None:
        self.call("AcceptHostKey", "st", fingerprint, 0)


class Drive(Object):
    interface = DRIVE


class Stage(Object):
    interface = STAGE

    def log(self) -> str:
        """What is in the log now, read through the descriptor that the service hands out."""
        fd = self.machine.call(self.path, STAGE, "OpenLog").take()
        with open(fd, errors="replace") as file:
            return file.read()

    @property
    def run_directory(self) -> Path:
        return self.machine.path(f"{RUNS}/{self['RunId']}")

    def run_pid(self, timeout: float = 30) -> int:
        """The process of the test on its host, as the machine counts processes."""
        self.wait("RunId", bool, timeout)
        file = self.run_directory / "id"
        self.machine.wait_for(file.exists, timeout, f"{file} is there")
        return int(next(line for line in file.read_text().splitlines() if line.startswith("pid="))[4:])


class Job(Object):
    interface = JOB

    @property
    def id(self) -> int:
        return int(self.path.rsplit("/", 1)[1].lstrip("_"))

    def stage(self, kind: str = "surface_validate") -> Stage:
        return Stage(self.product, f"{self.path}/{kind}")

    def cancel(self, reason: str = "", user: str | None = None) -> None:
        self.call("Cancel", "st", reason, 0, user=user)

    def wait_end(self, timeout: float = 60) -> str:
        """Waits for its end, and returns its verdict."""
        self.wait("State", "done", timeout)
        return str(self["Verdict"])


class Product:
    """The service on a machine; `settings` are over SETTINGS."""

    def __init__(self, machine: Machine, **settings: str) -> None:
        self.machine = machine
        self.settings = SETTINGS | settings

    # --- the service -------------------------------------------------------------------------------------

    def configure(self, **settings: str) -> None:
        """Changes settings, and restarts the service."""
        self.settings |= settings
        self.write_settings()
        self.restart()

    def write_settings(self) -> None:
        self.machine.write(DROPIN, "[burnind]\n" + "".join(f"{k}={v}\n" for k, v in self.settings.items()))

    def restart(self) -> None:
        self.machine.run(["systemctl", "restart", "burnind.service"], timeout=60)

    def pid(self) -> int:
        """burnind's pid as counted outside; 0 while there is none."""
        return next(iter(find_processes(self.machine, "burnind")), 0)

    def kill(self) -> None:
        """SIGKILL to burnind, which systemd starts again."""
        pid = self.pid()
        if pid:
            os.kill(pid, signal.SIGKILL)
            resources.until("burnind is gone", lambda: process_state(pid) in ("", "Z"), 10, 0.001)

    def start_again(self) -> None:
        """Waits until it is up."""
        self.machine.run(["systemctl", "start", "burnind.service"], timeout=60)

    def wait_up(self, timeout: float = 30) -> None:
        self.machine.wait_property(PATH, MANAGER, "Version", bool, timeout)

    def reset(self) -> None:
        """Stops the service, and starts it with an empty database."""
        self.machine.run("systemctl stop burnind.service burnin-poll.service burnin-truenas.service\n"
                         "systemctl stop 'burnin-job*.slice' 'burnin-run-*.service' 2> /dev/null\n"
                         "systemctl reset-failed 'burnin*'\n"
                         f"rm -rf /var/lib/burnin/burnin.db* /var/lib/burnin/jobs/* /run/burnin/job* {RUNS}/*", timeout=60)
        self.write_settings()
        self.machine.run(["systemctl", "start", "burnind.service"], timeout=60)

    def call(self, method: str, signature: str = "", *args: Any, user: str | None = None) -> Any:
        """A method of the Manager."""
        return plain(self.machine.call(PATH, MANAGER, method, signature, *args, user=user))

    def __getitem__(self, name: str) -> Any:
        return plain(busclient.get_property(self.machine.bus(), "org.burnin1", PATH, MANAGER, name))

    def call_settings(self, method: str, signature: str = "", *args: Any, user: str | None = None) -> Any:
        """A method of the settings."""
        return plain(self.machine.call(PATH, SETTINGS_INTERFACE, method, signature, *args, user=user))

    def call_nightly(self, method: str, signature: str = "", *args: Any, user: str | None = None) -> Any:
        """A method of the nightly run."""
        return plain(self.machine.call(PATH, NIGHTLY, method, signature, *args, user=user))

    # --- hosts -------------------------------------------------------------------------------------------

    def host(self, name: str) -> Host:
        return Host(self, self.call("GetHost", "s", name))

    def add_host(self, name: str = "nas", at: SshHost | None = None, user: str = "root", online: bool = True) -> Host:
        """Adds a host, the machine's own sshd unless told otherwise, and accepts its key.

        All hosts of a machine have the same drives: two of them online make every drive shared."""
        at = at or self.machine.host
        host = self.new_host(name, address="127.0.0.1", port=dbus.UInt16(at.port), user=user)
        host.wait("State", "unconfirmed")
        host.accept_key(at.fingerprint)
        if online:
            host.wait("State", "online")
        return host

    def new_host(self, name: str, **options: Any) -> Host:
        """AddHost and nothing else."""
        return Host(self, self.call("AddHost", "sa{sv}", name, dbus.Dictionary(options, signature="sv")))

    def remove_host(self, name: str) -> None:
        self.host(name).call("Remove", "t", 0)

    def hosts(self) -> list[dict[str, Any]]:
        return self.call("ListHosts", "a{sv}", dbus.Dictionary({}, signature="sv"))

    # --- drives ------------------------------------------------------------------------------------------

    def drive(self, name: str) -> Drive:
        return Drive(self, self.call("GetDrive", "s", name))

    def list(self, what: str, **filters: Any) -> list[dict[str, Any]]:
        """list("Drives", present=True), list("Jobs", ...), list("Audit", ...): the first page."""
        return self.call(f"List{what}", "a{sv}", dbus.Dictionary(filters, signature="sv"))[0]

    def plug(self, serial: str, size_mb: int = 64, lock: str | None = "none", **arguments: Any) -> Drive:
        """Plugs in a drive, and waits until the service has read all of it and shows this lock (None: any)."""
        self.machine.add_loop_drive(serial, size_mb, **arguments)
        return self.wait_drive(serial, lock)

    def wait_drive(self, serial: str, lock: str | None = "none", timeout: float = 30) -> Drive:
        def there() -> list[dict[str, Any]]:
            return [d for d in self.list("Drives", serial=serial, present=True)
                    if d["SmartHealth"] != "unknown" and lock in (None, d["LockState"])]

        for host in self.hosts():
            if host["State"] == "online":
                Host(self, host["Object"]).refresh()
        return Drive(self, self.machine.wait_for(there, timeout, f"drive {serial} is there (lock {lock})")[0]["Object"])

    def device(self, serial: str) -> str:
        return self.machine.drives[serial][0]

    def image(self, serial: str) -> Path:
        """The file behind a drive, seen from outside."""
        return self.machine.root / f"var/lib/burnin-test/drives/{serial}.img"

    # --- jobs --------------------------------------------------------------------------------------------

    def start_all(self, drives: Sequence[tuple[str, str]], user: str | None = None, **options: Any) -> list[Any]:
        """StartBurnIn as it is: (drive, serial) pairs, and its results."""
        return self.call("StartBurnIn", "a(ss)a{sv}", dbus.Array(drives, signature="(ss)"),
                         dbus.Dictionary(options, signature="sv"), user=user)

    def start(self, serial: str, drive: str | None = None, user: str | None = None, **options: Any) -> Job:
        """A burn-in of one drive."""
        (_, result, detail, path), = self.start_all([(drive or serial, serial)], user, **options)
        assert result == "queued", detail
        return Job(self, path)

    def job(self, number: int) -> Job:
        return Job(self, self.call("GetJob", "t", number))

    def jobs(self, **filters: Any) -> list[Job]:
        return [Job(self, row["Object"]) for row in self.list("Jobs", **filters)]

    def active_jobs(self) -> list[Job]:
        return [Job(self, row["Object"]) for row in self.list("Jobs") if row["State"] != "done"]

    # --- the brake ---------------------------------------------------------------------------------------

    def brake(self, job: Job, phase: int = 0, timeout: float = 60) -> int:
        """Stops (SIGSTOP) the job's badblocks: as soon as it runs, or as soon as the service has seen this phase.

        Returns its pid inside the machine. A drive of 256 MB is big enough for a brake in phase 1."""
        stage = job.stage()
        state = stage.wait("State", lambda s: s in ("running", "done"), timeout)
        assert state == "running", f"job {job.id} ended before its surface stage: {job['Verdict']}: {job['Reason']}"
        pid = stage.run_pid(timeout)
        # Until then it is the checks, which become badblocks.
        self.machine.wait_for(lambda: self.state_of(pid) in ("Z", "") or self.command_of(pid) == "badblocks", timeout,
                              f"{pid} is badblocks")
        if phase:
            stage.wait("Phase", lambda p: p >= phase, timeout)
        self.machine.run(["kill", "-STOP", str(pid)], check=False)
        self.machine.wait_for(lambda: self.state_of(pid) in ("T", "Z", ""), 10, f"{pid} stands still")
        assert self.state_of(pid) == "T", f"badblocks of job {job.id} ended before it could be stopped"
        return pid

    def release(self, pid: int) -> None:
        self.machine.run(["kill", "-CONT", str(pid)], check=False)

    @contextlib.contextmanager
    def braked(self, job: Job, phase: int = 0) -> Iterator[int]:
        """The job's badblocks stands still in here."""
        pid = self.brake(job, phase)
        try:
            yield pid
        finally:
            self.release(pid)

    def state_of(self, pid: int) -> str:
        """The state of a process inside ('R', 'S', 'T', 'Z', ...), '' when it is gone."""
        try:
            return self.machine.read(f"/proc/{pid}/stat").rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return ""

    def command_of(self, pid: int) -> str:
        try:
            return self.machine.read(f"/proc/{pid}/comm").strip()
        except (FileNotFoundError, ProcessLookupError):
            return ""

    # --- cleaning up -------------------------------------------------------------------------------------

    def clean_jobs(self) -> None:
        """No job is active any more, and no run goes on."""
        for job in self.active_jobs():
            with contextlib.suppress(dbus.DBusException):
                job.cancel("the test is over")
        deadline = time.monotonic() + 60
        for job in self.active_jobs():
            job.wait_end(max(1, deadline - time.monotonic()))

    def clean(self, hosts: Sequence[str] = ()) -> None:
        """Takes away every job, drive and host, but for these hosts."""
        self.machine.run(["systemctl", "start", "burnind.service"], timeout=60)
        self.clean_jobs()
        for row in self.hosts():
            if row["Name"] not in hosts:
                Host(self, row["Object"]).call("Remove", "t", 0)
        for serial in list(self.machine.drives):
            # Whatever a test has put on it; a node that a process has open stays open, and the loop device goes with it.
            device = self.device(serial)
            self.machine.run(f"umount -q {device}; swapoff {device}", check=False)
            self.machine.remove_loop_drive(serial)
        # So that the next test's drive with such a serial is not taken for this one.
        for row in self.hosts():
            if row["State"] == "online":
                Host(self, row["Object"]).refresh()
                self.machine.wait_for(lambda: not [d for d in self.list("Drives", host=row["Name"], present=True)
                                                   if d["Serial"]], 30, "all drives are seen missing")


@pytest.fixture(scope="module")
def product(machine: Machine) -> Iterator[Product]:
    """A service with an empty database, and no host."""
    if not machine.has_product:
        pytest.skip("there is nothing built to be installed")
    product = Product(machine)
    product.reset()
    yield product
    product.clean()
    machine.run(["rm", "-f", DROPIN])
    product.restart()


@pytest.fixture
def nas(product: Product) -> Iterator[Host]:
    """The machine itself as the host 'nas', online; jobs and drives of the test are gone afterwards."""
    names = [row["Name"] for row in product.hosts()]
    host = product.host("nas") if "nas" in names else product.add_host("nas")
    host.wait("State", "online")
    if host["Notes"]:
        host.call("Configure", "a{sv}", dbus.Dictionary({"notes": ""}, signature="sv"))
    yield host
    product.clean(hosts=["nas"])


def wait_all(watch: busclient.SignalWatch, count: int, predicate: Callable[[Any], bool] | None = None,
             timeout: float = 60) -> list[Any]:
    """The next `count` signals of a watch that fit."""
    deadline = time.monotonic() + timeout
    return [watch.wait(predicate, max(0.1, deadline - time.monotonic())) for _ in range(count)]
