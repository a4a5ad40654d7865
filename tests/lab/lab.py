# SPDX-License-Identifier: LGPL-2.1-or-later
"""The product and the lab's NAS together: what the tests of the lab share.

    from lab import Lab, lab  # noqa: F401

    def test_x(lab: Lab) -> None:
        drive = lab.drive("WD-FREE01")
        job = lab.start("WD-FREE01")
        with lab.frozen(job) as run:            # badblocks stands still on the NAS
            ...

The service is set up once for all modules of a run, with the NAS as host 'nas', which it reaches by `lab.proxy`; each test leaves
the drives as the table in README.md has them (a burn-in leaves zeros, which is what a free drive has).
"""
from __future__ import annotations

import atexit
import contextlib
import dataclasses
import functools
import hashlib
import os
import shlex
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import dbus
import pytest
from busclient import WaitTimeout, pump
from machine import Machine
from nas import Nas, wait_for
from product import DROPIN, Drive, Host, Job, Product
from proxy import Proxy

RUNS = "/var/lib/burnin-run"
HOST = "nas"
# A whole look at the NAS takes seconds under emulation, and more where the computer has other things to do: so it is looked at
# when a test waits for what a look shows, and seldom otherwise.
SETTINGS = {"loop_drives": "no", "poll_interval_seconds": "30", "poll_timeout_seconds": "60", "stale_threshold_seconds": "90",
            "follow_interval_seconds": "1", "smart_interval_seconds": "300", "max_parallel_burnins": "8",
            "slow_floor_hdd": "0", "slow_floor_ssd": "0", "slow_ratio": "0",    # an emulated drive is as slow as it likes
            "bad_block_threshold": "0", "surface_validate_passes": "0"}
LOOK = 120      # what a change on the NAS may take until the service shows it
BURN_IN = 300   # what a burn-in may take from its start to its end
# What the service says of a NAS whose emulated processor has too much to do, and that then answers all the same.
BUSY = (r"has not answered for", r"The poll of nas hung", r"could not be proven gone")


@dataclasses.dataclass(frozen=True)
class Run:
    """A test on the NAS: its id there, and the process."""
    id: str
    pid: int


@functools.cache
def proxy_before(guest: Nas) -> Proxy:
    """One for all modules of a run: to send the service another way would make it read all of the NAS anew."""
    made = Proxy(guest.port + 1, guest.address, guest.port, netns=guest.netns)
    atexit.register(made.stop)
    return made


class Lab(Product):
    def __init__(self, machine: Machine, guest: Nas) -> None:
        super().__init__(machine, **SETTINGS)
        self.guest = guest
        self.proxy = proxy_before(guest)

    # --- setting up --------------------------------------------------------------------------------------

    @property
    def is_set_up(self) -> bool:
        try:
            return self.machine.read(DROPIN) == self.settings_text() and self.host(HOST)["State"] == "online"
        except (FileNotFoundError, dbus.DBusException):
            return False

    def settings_text(self) -> str:
        return "[burnind]\n" + "".join(f"{k}={v}\n" for k, v in self.settings.items())

    def set_up(self) -> None:
        self.reset()
        self.trust()
        host = self.new_host(HOST, address=self.proxy.address, port=dbus.UInt16(self.proxy.port))
        host.wait("State", "unconfirmed", LOOK)
        host.accept_key(self.fingerprint())
        host.wait("State", "online", LOOK)
        here = self.guest.names()
        self.wait_for(lambda: set(here) - {"nas"} <= {d["Serial"] for d in self.list("Drives", present=True)}, LOOK,
                              "every drive of the NAS is known")

    def trust(self) -> None:
        """What an administrator does on the NAS: lets the service's key in."""
        key = self.machine.read("/etc/burnin/id_ed25519.pub").strip()
        for user, home in (("root", "/root"), ("nas", "/home/nas")):
            self.guest.ssh(f"mkdir -p .ssh && cd .ssh && {{ grep -qsxF {shlex.quote(key)} authorized_keys ||"
                           f" echo {shlex.quote(key)} >> authorized_keys; }}", user=user)

    def fingerprint(self) -> str:
        return self.guest.ssh("ssh-keygen -lf /run/lab_host_key").split()[1]

    @property
    def nas(self) -> Host:
        return self.host(HOST)

    def configure_host(self, **options: Any) -> None:
        self.nas.call("Configure", "a{sv}", dbus.Dictionary(options, signature="sv"))

    def wait_for(self, predicate: Callable[[], object], timeout: float, what: str) -> None:
        """As the machine's, but with pauses: the NAS and the service need the time that it takes to look at them."""
        deadline = time.monotonic() + timeout
        asked = 0.0
        while not predicate():
            now = time.monotonic()
            if now >= deadline:
                raise WaitTimeout(f"{what}: not within {timeout} s")
            if now - asked >= 1:
                with contextlib.suppress(dbus.DBusException):   # there is no host yet, or no service
                    self.nas.refresh()
                asked = now
            pump(lambda: False, 0.2)

    # --- drives ------------------------------------------------------------------------------------------

    def dev(self, serial: str) -> str:
        return "/dev/" + self.guest.dev(serial)

    def image(self, serial: str) -> Path:
        """What is on the drive, seen from outside."""
        return self.guest.workdir / f"{serial}.img"

    def wait_lock(self, serial: str, state: str, *words: str, timeout: float = LOOK) -> Drive:
        """Until the drive is there with this lock, and the lock's detail has these words."""
        drive: list[Drive] = []

        def shown() -> bool:
            if not drive:
                with contextlib.suppress(dbus.DBusException):
                    drive.append(self.drive(serial))
            return bool(drive) and drive[0]["Present"] and drive[0]["LockState"] == state and all(
                word in drive[0]["LockDetail"] for word in words)

        try:
            self.wait_for(shown, timeout, f"{serial} is {state} {words}")
        except WaitTimeout as error:
            now = [drive[0][name] for name in ("Present", "LockState", "LockDetail")] if drive else "not known"
            raise WaitTimeout(f"{error}; it is {now}") from None
        return drive[0]

    def digest(self, serial: str) -> str:
        """Of every byte that was ever written to the drive. Where nothing was, its image has a hole."""
        found = hashlib.sha256()
        with self.image(serial).open("rb") as file:
            end = 0
            with contextlib.suppress(OSError):      # no more data
                while True:
                    start = os.lseek(file.fileno(), end, os.SEEK_DATA)
                    end = os.lseek(file.fileno(), start, os.SEEK_HOLE)
                    found.update(b"%d:" % start + os.pread(file.fileno(), end - start, start))
        return found.hexdigest()

    def look(self) -> None:
        """Returns after a look at the NAS that began after this call."""
        before = time.time_ns() // 1000
        # One may be on its way that began before: what ends after two more has seen everything.
        for _ in range(2):
            self.nas.wait("LastSeenUSec", bool)
            self.wait_for(lambda: self.nas["LastSeenUSec"] > before, LOOK, "a look at the NAS")
            before = self.nas["LastSeenUSec"]

    def locks(self) -> dict[str, tuple[str, str]]:
        return {d["Serial"]: (d["LockState"], d["UnlockToken"]) for d in self.list("Drives", present=True)}

    @contextlib.contextmanager
    def new_drive(self, serial: str, size_mb: int = 16, paths: int = 1) -> Iterator[str]:
        """A drive that nobody has seen before, plugged in on so many paths, and gone afterwards."""
        path = self.image(serial)
        with path.open("wb") as file:
            file.truncate(size_mb << 20)
        node, devices = f"new-{serial}", [f"new-{serial}-{i}" for i in range(paths)]
        self.guest.qmp("blockdev-add", **{"node-name": node, "driver": "raw",
                                          "file": {"driver": "file", "filename": str(path)}})
        plugged = []
        try:
            for device in devices:
                self.guest.qmp("device_add", driver="scsi-hd", id=device, drive=node, serial=serial, bus="scsi0.0",
                               **{"share-rw": True})
                plugged.append(device)
            found = wait_for(serial, LOOK, lambda: [line.split()[0] for line in self.guest.ssh("lsblk -dno NAME,SERIAL").splitlines()
                                                  if line.split()[1:] == [serial]][paths - 1:], every=0.2)
            yield str(found[0])
        finally:
            for device in plugged:
                self.guest.qmp("device_del", id=device)
                assert self.guest._qmp
                self.guest._qmp.wait_event("DEVICE_DELETED", 60, device=device)
            self.guest.qmp("blockdev-del", **{"node-name": node})
            path.unlink()

    # --- runs --------------------------------------------------------------------------------------------

    def burn(self, *serials: str, **options: Any) -> list[Job]:
        """Burn-ins of several drives, in one batch."""
        results = self.start_all([(serial, serial) for serial in serials], confirmed=True, **options)
        assert [result for _, result, _, _ in results] == ["queued"] * len(serials), results
        return [Job(self, path) for *_, path in results]

    @contextlib.contextmanager
    def slow(self, *serials: str) -> Iterator[None]:
        """These drives are so slow in here that no burn-in of one comes to its end before it is frozen."""
        for serial in serials:
            self.guest.throttle(serial, 4_000_000)
        try:
            yield
        finally:
            for serial in serials:
                self.guest.throttle(serial, None)

    def freeze(self, job: Job, timeout: float = LOOK) -> Run:
        """Stops the job's badblocks, as soon as there is one."""
        stage = job.stage()
        self.wait_for(lambda: stage["RunId"] or job["State"] == "done", timeout, f"job {job.id} has a run")
        run = stage["RunId"]
        assert run, job["Reason"]
        pid = self.guest.ssh(f"""
            n=0 pid=
            while [ $n -lt {round(timeout * 5)} ]; do
                [ ! -e {RUNS}/{run}/id ] || while IFS== read -r key value; do
                    [ "$key" != pid ] || pid=$value
                done < {RUNS}/{run}/id
                read -r name 2>/dev/null < "/proc/$pid/comm" && [ "$name" = badblocks ] && kill -STOP "$pid" && echo "$pid" && exit
                [ ! -e {RUNS}/{run}/refused ] || {{ cat {RUNS}/{run}/refused; exit 1; }}
                n=$((n + 1)); sleep 0.2
            done""", timeout=timeout + 30).strip()
        assert pid, f"badblocks of job {job.id} was not to be found; {job['Reason']}"
        return Run(run, int(pid))

    @staticmethod
    def log_so_far(job: Job) -> str:
        try:
            return job.stage().log()
        except dbus.DBusException:      # there is none yet
            return ""

    def freeze_followed(self, job: Job) -> Run:
        """As freeze(), once the service is seen to follow the run."""
        with self.slow(job["Serial"]):
            job.stage().wait("State", lambda state: state in ("running", "done"), LOOK)
            self.wait_for(lambda: job["State"] == "done" or "pattern 0xaa" in self.log_so_far(job), LOOK, "the run is followed")
            return self.freeze(job)

    def state_on_nas(self, run: Run) -> str:
        """The state of a run's process, '' when it is gone."""
        return self.guest.ssh(f"sed 's/.*) \\(.\\).*/\\1/' /proc/{run.pid}/stat 2>/dev/null", check=False).strip()

    def thaw(self, run: Run) -> None:
        self.guest.ssh(f"kill -CONT {run.pid}", check=False)

    @contextlib.contextmanager
    def frozen(self, job: Job, followed: bool = False) -> Iterator[Run]:
        run = self.freeze_followed(job) if followed else self.freeze(job)
        try:
            yield run
        finally:
            if self.guest.running:
                self.thaw(run)

    # --- sick tools --------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def replaced(self, tools: dict[str, str]) -> Iterator[None]:
        """These programs of the NAS are shell scripts in here."""
        lines, undo = ["set -e", "mkdir -p /run/lab-tools"], []
        for path, script in tools.items():
            fake = f"/run/lab-tools/{path.rsplit('/', 1)[1]}"
            lines += [f"cat > {fake} <<'END'\n#!/bin/sh\n{script}\nEND", f"chmod 755 {fake}",
                      f"mount --bind {fake} $(readlink -f {path})"]
            undo.append(f"umount $(readlink -f {path})")
        try:
            self.guest.ssh("\n".join(lines))
            yield
        finally:
            # A process may run it at this moment.
            self.guest.ssh("\n".join(f"n=0; until {u}; do n=$((n+1)); [ $n -lt 100 ] || exit 1; sleep 0.1; done" for u in undo))

    # --- cleaning up -------------------------------------------------------------------------------------

    def wipe(self, *serials: str) -> None:
        """Free again, as README.md has them."""
        for serial in serials:
            dev = self.dev(serial)
            self.guest.ssh(f"for d in {dev}?* {dev}; do [ ! -b $d ] || wipefs -qaf $d; done; blkdiscard -fz {dev} 2>&1;"
                           f"blockdev --rereadpt {dev}; udevadm settle")


@pytest.fixture(scope="module")
def lab(machine: Machine, nas: Nas) -> Iterator[Lab]:
    if not machine.has_product:
        pytest.skip("there is nothing built to be installed")
    made = Lab(machine, nas)
    if not made.is_set_up:
        made.set_up()
    yield made
    made.clean_jobs()


def rules(job: Job, kind: str = "surface_validate", verdict: Sequence[str] = ("failed", "inconclusive")) -> dict[str, str]:
    """What a stage's ledger has against the drive: rule -> what was observed."""
    return {line[0]: line[2] for line in job.stage(kind)["Evidence"] if line[4] in verdict}
