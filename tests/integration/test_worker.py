# SPDX-License-Identifier: LGPL-2.1-or-later
"""burnin-worker as burnind drives it: parameters, gate, socket and report, against a real sshd, a loop device and badblocks."""
from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import secrets
import select
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import resources
from test_transport import Sshd

HERE = Path(__file__).resolve().parent
SOURCE = HERE.parents[1]
BUILD = Path(os.environ.get("BURNIN_BUILD_DIR", SOURCE / "build"))
SCRIPT = "".join((SOURCE / "src/transport" / f"remote-{part}.sh").read_text() for part in ("host", "run"))
MIB = 1024 * 1024
PHASES = [f"{what} 0x{pattern}" for pattern in ("aa", "55", "ff", "00") for what in ("Write", "Verify")]
Message = dict[str, Any]


def worker_path() -> Path:
    path = Path(os.environ.get("BURNIN_WORKER", BUILD / "src/burnin-worker"))
    if not path.exists():
        pytest.skip(f"no {path}")
    return path


def script(*argv: str) -> str:
    return subprocess.run(["sh", "-s", "--", *argv], input=SCRIPT, capture_output=True, text=True, timeout=60).stdout


class Disk:
    """An image file on a loop device, with SMART data from the stand-in."""

    def __init__(self, directory: Path, size: int, serial: str) -> None:
        self.serial, self.size = serial, size
        self.image = directory / "drives" / f"{serial}.img"
        self.image.parent.mkdir(exist_ok=True)
        with open(self.image, "wb") as file:
            file.truncate(size)
        self.device = resources.attach_loop(self.image)
        self.kname = Path(self.device).name
        self.ident = re.search(rf"(?m)^{self.kname} \S+ (\S+)$", script("facts", "0123456789abcdef"))[1]  # type: ignore[index]

    def content(self) -> str:
        return re.search(r"(?m)^content=(\S+)$", script("fingerprint", self.kname, self.ident))[1]  # type: ignore[index]

    def smart(self, **values: Any) -> None:
        Path(f"{self.image}.smart.json").write_text(json.dumps(values))

    def identity(self) -> Message:
        return {"serial": self.serial, "model": "BURNIN LOOP", "size_bytes": self.size, "fingerprint": self.ident}

    def remove(self) -> None:
        resources.detach_loop(self.device, self.image)


def memfd(text: bytes) -> int:
    fd = os.memfd_create("test", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.write(fd, text)
    fcntl.fcntl(fd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_WRITE | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW)
    return fd


def high(fd: int) -> int:
    """The same description on a number that dup2() to 3..6 cannot meet."""
    copy = fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 100)
    os.close(fd)
    return copy


class Stage:
    """One stage, and the worker that has it now; a worker can be killed and another one take over."""

    def __init__(self, sshd: Sshd, disk: Disk, directory: Path, kind: str, **params: Any) -> None:
        self.sshd, self.disk, self.directory = sshd, disk, directory
        self.log, self.report_path = directory / f"{kind}.log", directory / f"{kind}.report"
        self.params: Message = {
            "job": 42, "stage": 1, "kind": kind, "attempt": 0, "run": secrets.token_hex(16), "follow": False,
            "cancel": False, "machine_id": "0" * 32, "kname": disk.kname, "identity": disk.identity(),
            "content": disk.content(), "log_path": str(self.log), "report_path": str(self.report_path),
            "target": {"name": "nas1", "address": "127.0.0.1", "port": sshd.port, "user": "root",
                       "host_key": sshd.public("host")},
            "baseline_path": str(directory / "baseline"), "boot_pools": ["rpool"], "block_size": 4096, "block_buffer": 64,
            "passes": 0, "bad_block_threshold": 0, "temp_warn_mdegc": 46000, "temp_crit_mdegc": 55000,
            "smart_pending_max": 0, "smart_uncorrectable_max": 0, "smart_crc_delta_max": 10, "smart_percentage_used_delta_max": 2,
            "stall_usec": 1800_000_000, "stall_end_usec": 21600_000_000, "follow_interval_usec": 200_000,
            "started_usec": int(time.time() * 1e6), "percent": 0.0} | params
        self.run = self.params["run"]
        self.process: int | None = None
        self.gate = -1
        self.peer: socket.socket | None = None
        self.messages: list[Message] = []
        self.last = 0

    def start(self, open_gate: bool = True, prefix: tuple[str, ...] = (), **params: Any) -> Stage:
        self.params |= params
        self.params["attempt"] += 1
        self.last = 0
        path = self.directory / "stage.sock"
        path.unlink(missing_ok=True)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        listener.bind(str(path))
        listener.listen()
        read_end, self.gate = os.pipe()
        key = (self.sshd.directory / "client").read_bytes()
        sources = [high(fd) for fd in (memfd(json.dumps(self.params).encode()), read_end, listener.detach(), memfd(key))]
        actions = [(os.POSIX_SPAWN_DUP2, fd, number) for number, fd in enumerate(sources, 3)]
        argv = [*prefix, str(worker_path()), "stage"]
        self.process = os.posix_spawn(argv[0], argv, dict(os.environ), file_actions=actions)
        for fd in sources:
            os.close(fd)
        self.connect()
        if open_gate:
            os.write(self.gate, b"x")
        return self

    def connect(self) -> None:
        """As a burnind that was started anew."""
        if self.peer:
            self.peer.close()
        self.peer = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.peer.connect(str(self.directory / "stage.sock"))
        self.say(hello=self.last)

    def say(self, **message: Any) -> None:
        assert self.peer
        self.peer.send(json.dumps(message).encode())

    def receive(self, timeout: float, ack: bool = True) -> Message | None:
        assert self.peer
        if not select.select([self.peer], [], [], timeout)[0]:
            return None
        data = self.peer.recv(1 << 17)
        if not data:
            return None
        message: Message = json.loads(data)
        assert (message["run"], message["attempt"]) == (self.run, self.params["attempt"])
        if message["seq"] > self.last:
            self.messages.append(message)
            self.last = message["seq"]
            if ack:
                self.say(ack=self.last)
        return message

    def until(self, what: Callable[[Message], bool], timeout: float = 60) -> Message:
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            message = self.receive(max(0.0, deadline - time.monotonic()))
            if message and what(message):
                return message
            if not message and self.process and self.poll() is not None:
                break
        raise AssertionError(f"not within {timeout} s; the last were {self.messages[-3:]}; log:\n{self.text()}")

    def report(self, timeout: float = 60) -> Message:
        report: Message = self.until(lambda m: m["type"] == "report", timeout)["report"]
        stored = json.loads(self.report_path.read_text())
        assert (stored["run"], stored["attempt"], stored["report"]) == (self.run, self.params["attempt"], report)
        return report

    def poll(self) -> int | None:
        assert self.process
        pid, status = os.waitpid(self.process, os.WNOHANG)
        if pid == 0:
            return None
        self.process = None
        return os.waitstatus_to_exitcode(status)

    def exits(self, timeout: float = 20) -> int:
        code: list[int | None] = []

        def gone() -> bool:
            code.append(self.poll())
            return code[-1] is not None

        resources.until("the worker's end", gone, timeout)
        assert code[-1] is not None
        return code[-1]

    def kill(self) -> None:
        """The worker alone: what it follows goes on."""
        if self.process:
            os.kill(self.process, signal.SIGKILL)
            os.waitpid(self.process, 0)
            self.process = None

    def text(self) -> str:
        return self.log.read_text() if self.log.exists() else ""

    def remote_lines(self) -> list[str]:
        return [line.split(" ", 2)[2] for line in self.text().splitlines() if " badblocks@" in line]

    def of(self, kind: str) -> list[Message]:
        return [m for m in self.messages if m["type"] == kind]

    def run_directory(self) -> Path | None:
        return next((p for base in ("/var/lib/burnin-run", "/run/burnin-run") if (p := Path(base) / self.run).exists()), None)

    def run_state(self) -> str:
        return re.search(r"(?m)^state=(\S+)$", script("status", self.run, self.disk.kname, "0", "0"))[1]  # type: ignore[index]

    def end(self) -> None:
        self.kill()
        if self.peer:
            self.peer.close()
        with contextlib.suppress(OSError):
            os.close(self.gate)
        script("cancel", self.run, "1")
        script("remove", self.run)


def evidence(report: Message) -> dict[str, str]:
    return {line["rule"]: line["verdict"] for line in report["evidence"]}


@pytest.fixture(scope="module")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    directory = tmp_path_factory.mktemp("worker")
    (directory / "bin").mkdir()
    stand_in = (HERE / "bin/smartctl").read_text().replace("/var/lib/burnin-test/drives", f"{directory}/drives")
    (directory / "bin/smartctl").write_text(stand_in)
    (directory / "bin/smartctl").chmod(0o755)
    sshd = Sshd(directory)
    sshd.start("host", extra=f"SetEnv PATH={directory}/bin:/usr/sbin:/usr/bin:/sbin:/bin")
    yield sshd
    sshd.stop()


@pytest.fixture
def disk(sshd: Sshd) -> Iterator[Disk]:
    disk = Disk(sshd.directory, 64 * MIB, f"SN{secrets.token_hex(4).upper()}")
    yield disk
    disk.remove()


@pytest.fixture
def big(sshd: Sshd) -> Iterator[Disk]:
    """Large enough to be met in the middle of a test."""
    disk = Disk(sshd.directory, 1024 * MIB, f"SN{secrets.token_hex(4).upper()}")
    yield disk
    disk.remove()


@pytest.fixture
def stage(sshd: Sshd, tmp_path: Path) -> Iterator[Callable[..., Stage]]:
    """A test names its drive first, so that what runs there is ended before the drive is taken away."""
    stages: list[Stage] = []

    def make(disk: Disk, kind: str = "surface_validate", **params: Any) -> Stage:
        stages.append(Stage(sshd, disk, tmp_path, kind, **params))
        return stages[-1]

    yield make
    for each in stages:
        each.end()


MakeStage = Callable[..., Stage]


def test_gate_that_never_opens(disk: Disk, stage: MakeStage) -> None:
    s = stage(disk).start(open_gate=False)
    os.close(s.gate)
    assert s.exits() == 0
    assert not s.log.exists() and not s.report_path.exists() and s.run_directory() is None


def test_three_stages_pass(disk: Disk, stage: MakeStage) -> None:
    """A drive that is well, from precheck to final_check."""
    before = stage(disk, "precheck").start()
    report = before.report()
    assert report["verdict"] == "passed", report
    assert set(evidence(report)) >= {"contact", "present", "identity", "detection", "lock", "tools", "smart-health",
                                     "smart-pending", "temperature", "self-test", "content"}
    assert before.exits() == 0
    assert json.loads((before.directory / "baseline").read_text())["identity"]["serial"] == disk.serial

    s = stage(disk).start()
    report = s.report()
    assert report["verdict"] == "passed", report
    assert set(evidence(report).values()) == {"passed"}
    assert set(evidence(report)) == {"identity-after", "bad-blocks", "kernel-log", "exclusive", "final-line", "phases",
                                     "coverage", "work", "exit-status"}
    assert [(m["phase"], m["name"]) for m in s.of("phase")] == list(enumerate(PHASES, 1))
    assert report["details"]["work_bytes"] >= 8 * disk.size and len(report["details"]["phases"]) == 8
    # Of several that one look finds nobody knows how fast they were.
    short = [p for p in report["details"]["phases"] if p["ended_usec"] - p["started_usec"] < 1_000_000]
    assert short and not any("bytes_per_second" in p for p in short), short
    assert s.exits() == 0
    assert s.run_directory() is None, "acknowledged, but its directory is still there"
    assert s.remote_lines()[-1] == "Pass completed, 0 bad blocks found. (0/0/0 errors)"

    # The last pattern is on the drive: badblocks really wrote.
    assert disk.image.read_bytes() == bytes(disk.size)

    after = stage(disk, "final_check").start()
    report = after.report()
    assert report["verdict"] == "passed", report
    assert set(evidence(report)) >= {"smart-health", "reallocated", "pending", "crc-errors", "identity"}


@pytest.mark.parametrize(("values", "rule", "verdict"), [
    ({"smart_status": {"passed": False}}, "smart-health", "failed"),
    ({"ata_smart_attributes": {"table": [{"id": 197, "raw": {"value": 8}}]}}, "smart-pending", "failed"),
    ({"ata_smart_attributes": {"table": [{"id": 198, "raw": {"value": 1}}]}}, "smart-uncorrectable", "failed"),
    ({"temperature": {"current": 47}}, "temperature", "inconclusive"),
    ({"serial_number": "ANOTHER"}, "identity", "inconclusive"),
    ({"burnin_test": {"hang": False, "selftest": {"seconds": {"short": 60}}}}, None, "passed"),
])
def test_precheck_smart(disk: Disk, stage: MakeStage, values: Message, rule: str | None, verdict: str) -> None:
    disk.smart(**values)
    report = stage(disk, "precheck").start().report()
    assert report["verdict"] == verdict, report
    if rule:
        assert evidence(report)[rule] == verdict
        assert disk.kname in report["reason"] and "nas1" in report["reason"]


def test_precheck_lock(disk: Disk, stage: MakeStage) -> None:
    s = stage(disk, "precheck")
    resources.command("mkfs.ext4", "-q", "-F", disk.device)
    report = s.start().report()
    assert report["verdict"] == "inconclusive"
    assert evidence(report)["lock"] == "inconclusive" and evidence(report)["content"] == "inconclusive"
    assert "existing-data" in report["reason"]


def test_precheck_in_use(disk: Disk, stage: MakeStage) -> None:
    with open(disk.device, "rb"):
        report = stage(disk, "precheck").start().report()
    assert report["verdict"] == "inconclusive" and "in-use" in report["reason"], report


def test_precheck_other_content(disk: Disk, stage: MakeStage) -> None:
    s = stage(disk, "precheck")
    with open(disk.device, "r+b") as file:
        file.write(b"somebody's")
    report = s.start().report()
    assert report["verdict"] == "inconclusive" and evidence(report)["content"] == "inconclusive"
    assert "confirmed" in report["reason"]


def test_precheck_missing(disk: Disk, stage: MakeStage) -> None:
    identity = disk.identity() | {"fingerprint": "size:1,loop/backing_file:/nowhere,1:1,loop/offset:0"}
    report = stage(disk, "precheck", identity=identity).start().report()
    assert report["verdict"] == "inconclusive" and evidence(report)["present"] == "inconclusive"


def test_precheck_waits_for_its_host(sshd: Sshd, disk: Disk, stage: MakeStage) -> None:
    """As long as every stage does: a cable that is out for some minutes costs no job."""
    extra = f"SetEnv PATH={sshd.directory}/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    sshd.stop()
    try:
        report = stage(disk, "precheck", stall_end_usec=3_000_000).start().report()
        assert report["verdict"] == "inconclusive" and evidence(report) == {"contact": "inconclusive"}
        s = stage(disk, "precheck").start()
        assert s.until(lambda m: m["type"] == "contact")["state"] == "lost"
    finally:
        sshd.start("host", extra=extra)
    assert s.until(lambda m: m["type"] == "contact")["state"] == "back"
    assert s.report()["verdict"] == "passed"


def test_final_deltas(disk: Disk, stage: MakeStage) -> None:
    assert stage(disk, "precheck").start().report()["verdict"] == "passed"
    disk.smart(ata_smart_attributes={"table": [{"id": 199, "raw": {"value": 5}}]})
    report = stage(disk, "final_check").start().report()
    assert report["verdict"] == "passed"
    line = next(e for e in report["evidence"] if e["rule"] == "crc-errors")
    assert "+5" in line["observed"] and "warning" in line["observed"]

    disk.smart(ata_smart_attributes={"table": [{"id": 5, "raw": {"value": 3}}, {"id": 199, "raw": {"value": 11}}]})
    report = stage(disk, "final_check").start().report()
    assert report["verdict"] == "failed"
    assert evidence(report)["reallocated"] == "failed" and evidence(report)["crc-errors"] == "failed"
    assert "reallocated sectors grew by 3" in report["reason"]


def test_final_without_baseline(disk: Disk, stage: MakeStage) -> None:
    report = stage(disk, "final_check").start().report()
    assert report["verdict"] == "inconclusive" and evidence(report)["baseline"] == "inconclusive"


def test_refused_start(disk: Disk, stage: MakeStage) -> None:
    """Content that nobody confirmed: the host's own check says no, and nothing is written."""
    s = stage(disk)
    with open(disk.device, "r+b") as file:
        file.write(b"somebody's")
    report = s.start().report()
    assert report["verdict"] == "inconclusive" and "nothing was written" in report["reason"], report
    assert disk.image.read_bytes()[:10] == b"somebody's"
    assert s.run_state() != "running"


@pytest.mark.parametrize(("params", "why"), [
    ({"content": None}, "never confirmed"),
    ({"granted": {"role": "mounted", "used": True}, "content": None}, "nobody gave leave to release it"),
    ({"granted": {"role": "existing-data", "used": False}, "content": None}, "never confirmed"),
    ({"before": "0" * 32, "resumes": 1}, "not known any more")])
def test_start_that_is_not_even_asked_for(disk: Disk, stage: MakeStage, params: Message, why: str) -> None:
    s = stage(disk, **params)
    s.params = {key: value for key, value in s.params.items() if value is not None}
    s.start()
    s.say(resume={"by": "test"})
    report = s.report()
    assert report["verdict"] == "inconclusive" and why in report["reason"], report
    assert "nothing was written" in report["reason"] and s.run_directory() is None
    assert disk.image.read_bytes() == bytes(disk.size)


def test_two_holders(disk: Disk, stage: MakeStage) -> None:
    fd = os.open(disk.device, os.O_RDWR | os.O_EXCL)
    try:
        report = stage(disk).start().report()
    finally:
        os.close(fd)
    assert report["verdict"] == "inconclusive" and "refused" in report["reason"], report


def wait_running(s: Stage) -> None:
    s.until(lambda m: m["type"] == "progress" and m["percent"] > 0)
    assert s.run_state() == "running"


def test_cancel(big: Disk, stage: MakeStage) -> None:
    s = stage(big).start()
    wait_running(s)
    s.say(cancel=True)
    report = s.report()
    assert report["verdict"] == "cancelled" and not report.get("details", {}).get("remnant"), report
    assert s.run_state() in ("exited", "lost", "none")
    assert s.text().splitlines()[-1].endswith(" burnin [ABORTED]")
    assert s.exits() == 0


def test_cancel_of_a_worker_that_is_gone(big: Disk, stage: MakeStage) -> None:
    s = stage(big).start()
    wait_running(s)
    s.kill()
    assert s.run_state() == "running"
    directory = s.run_directory()
    assert directory

    # What nobody has read yet.
    def printed() -> list[str]:
        return re.findall(r"Testing with pattern \w+|Reading and comparing", (directory / "log").read_text())

    before = len(printed())
    resources.until("it goes on", lambda: len(printed()) > before, 60)
    report = s.start(follow=True, cancel=True).report()
    assert report["verdict"] == "cancelled" and not report.get("details", {}).get("remnant")
    assert s.run_state() in ("exited", "lost", "none")
    lines = s.remote_lines()
    assert sum(line.startswith(("Testing with pattern", "Reading and comparing")) for line in lines) > before, s.text()
    assert s.text().splitlines()[-1].endswith(" burnin [ABORTED]")


def test_cancel_before_the_start(disk: Disk, stage: MakeStage) -> None:
    """A cancel that comes first takes the run's place for good."""
    s = stage(disk).start(cancel=True)
    assert s.report()["verdict"] == "cancelled"
    s.exits()
    report = s.start(cancel=False).report()
    assert report["verdict"] == "inconclusive" and "cancelled before it started" in report["reason"], report
    assert not any(disk.image.read_bytes())


def test_cancel_unreachable(sshd: Sshd, disk: Disk, stage: MakeStage) -> None:
    """What cannot be proven gone is said to be a remnant, in time: one try that gets no answer must not take longer than all."""
    with socket.create_server(("127.0.0.1", 0)) as silent:      # takes the connection, and says nothing
        target = {"name": "nas1", "address": "127.0.0.1", "port": silent.getsockname()[1], "user": "root",
                  "host_key": sshd.public("host")}
        began = time.monotonic()
        s = stage(disk, target=target).start(follow=True, cancel=True)
        report = s.report(timeout=90)
    assert time.monotonic() - began < 33
    assert report["verdict"] == "cancelled" and report["details"]["remnant"] is True
    assert "could not be proven gone" in report["reason"]


@contextlib.contextmanager
def hanging_cancel(sshd: Sshd) -> Iterator[Path]:
    """Whatever is cancelled on the host in here hangs; the file is there as soon as one does."""
    tool, hook = sshd.directory / "bin/sync", sshd.directory / "hook"
    seen = hook.with_suffix(".seen")
    tool.write_text(f'#!/bin/sh\n[ ! -d "$1" ] || [ "$1" = . ] || {{ : > {seen}; read -r _ < {hook}; }}\nexec /usr/bin/sync "$@"\n')
    tool.chmod(0o755)
    os.mkfifo(hook)
    try:
        yield seen
    finally:
        tool.unlink()
        os.close(os.open(hook, os.O_RDWR | os.O_NONBLOCK))      # an end of file, for all that wait
        hook.unlink()
        seen.unlink(missing_ok=True)


def test_cancel_while_another_end_is_proven(sshd: Sshd, big: Disk, stage: MakeStage) -> None:
    """It has its 30 s from when it came, and not what is left of the other end's time before."""
    s = stage(big, stall_usec=1_000_000, stall_end_usec=2_000_000).start()
    wait_running(s)
    with hanging_cancel(sshd) as seen:
        resources.command("pkill", "-STOP", "-f", f"badblocks .*{big.device}$")
        resources.until("the stalled run is being ended", seen.exists, 30)
        began = time.monotonic()
        s.say(cancel=True)
        report = s.report(timeout=90)
    assert time.monotonic() - began < 33
    assert report["verdict"] == "cancelled" and report["details"]["remnant"] is True, report


def test_takeover(big: Disk, stage: MakeStage) -> None:
    """Three workers die in the middle; the run goes on, and the log has every piece once."""
    s = stage(big).start()
    percents: list[float] = []
    for _ in range(3):
        wait_running(s)
        s.kill()
        percents += [m["percent"] for m in s.of("progress")]
        s.messages = [m for m in s.messages if m["type"] != "progress"]
        s.start(follow=True, percent=max(percents))
    report = s.report(timeout=120)
    percents += [m["percent"] for m in s.of("progress")]
    assert report["verdict"] == "passed", report
    assert percents == sorted(percents), "progress went back"
    assert [m["phase"] for m in s.of("phase")] == list(range(1, 9)), "a phase was told twice, or not at all"

    text = " ".join(s.remote_lines())
    assert text.count("Reading and comparing:") == 4 and text.count("done") == 8
    assert text.count("Pass completed") == 1 and text.count("From block") == 1


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system for a stage's log, with no room left in it but for whoever removes `filler`."""
    path = tmp_path / "small"
    path.mkdir()
    resources.command("mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", path)
    # Room comes in pages: the log has to find its own one full.
    (path / "log").write_text(f"{'x' * 4095}\n")
    with contextlib.suppress(OSError), open(path / "filler", "wb", 0) as filler:
        while True:
            filler.write(bytes(4096))
    yield path
    resources.command("umount", "--lazy", path)      # its worker may still be there


@pytest.mark.parametrize("cancel", [False, True])
def test_log_on_a_full_disk(big: Disk, stage: MakeStage, small_disk: Path, cancel: bool) -> None:
    """What there was no room for comes in as soon as there is room, and before the report."""
    s = stage(big, log_path=str(small_disk / "log"))
    s.log = small_disk / "log"
    s.start()
    s.until(lambda m: m["type"] == "phase" and m["phase"] == 3)
    assert not s.remote_lines()
    (small_disk / "filler").unlink()
    if cancel:
        s.say(cancel=True)
    report = s.report(timeout=120)
    assert report["verdict"] == ("cancelled" if cancel else "passed"), report
    assert "log" not in evidence(report)
    text = " ".join(s.remote_lines())
    assert text.count("From block") == 1 and text.count("Testing with pattern 0xaa: done") == 1, s.text()
    if not cancel:
        assert text.count("Reading and comparing:") == 4 and text.count("done") == 8 and text.count("Pass completed") == 1


def test_log_on_a_disk_that_stays_full(disk: Disk, stage: MakeStage, small_disk: Path) -> None:
    """It is said, and is no fault of the drive."""
    s = stage(disk, log_path=str(small_disk / "log"))
    s.log = small_disk / "log"
    report = s.start().report()
    assert report["verdict"] == "passed", report
    line = next(e for e in report["evidence"] if e["rule"] == "log")
    assert line["verdict"] == "passed" and "disk full" in line["observed"] and not s.remote_lines()


def test_burnind_restarts(big: Disk, stage: MakeStage) -> None:
    """Connections come and go, acknowledgements get lost: no message is lost, none comes twice."""
    s = stage(big).start()
    for _ in range(5):
        message = s.receive(10, ack=False)
        assert message
        s.connect()
    report = s.report(timeout=120)
    assert report["verdict"] == "passed"
    numbers = [m["seq"] for m in s.messages]
    assert numbers == list(range(1, len(numbers) + 1))
    assert [m["phase"] for m in s.of("phase")] == list(range(1, 9))
    assert s.exits() == 0


def test_newest_connection_wins(big: Disk, stage: MakeStage) -> None:
    s = stage(big).start()
    assert s.receive(10)
    old, s.peer = s.peer, None
    s.connect()
    assert old and select.select([old], [], [], 10)[0]
    # What was still on its way to the worker when it closed makes that a reset.
    with contextlib.suppress(ConnectionResetError):
        while old.recv(1 << 17):
            pass
    old.close()
    assert s.report(timeout=120)["verdict"] == "passed"


def test_contact_lost(sshd: Sshd, big: Disk, stage: MakeStage) -> None:
    s = stage(big).start()
    wait_running(s)
    extra = f"SetEnv PATH={sshd.directory}/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    sshd.stop()
    try:
        lost = s.until(lambda m: m["type"] == "contact")
        assert lost["state"] == "lost" and lost["reason"]
    finally:
        sshd.start("host", extra=extra)
    assert s.until(lambda m: m["type"] == "contact")["state"] == "back"
    assert s.report(timeout=120)["verdict"] == "passed"


def test_host_key_changes(sshd: Sshd, big: Disk, stage: MakeStage) -> None:
    """Another machine answers in the host's name: it is told nothing, and the run on the true one is found again."""
    s = stage(big).start()
    wait_running(s)
    extra = f"SetEnv PATH={sshd.directory}/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    sshd.start("rsa", extra=extra)
    try:
        lost = s.until(lambda m: m["type"] == "contact")
        assert lost["state"] == "lost" and "host key" in lost["reason"]
    finally:
        sshd.start("host", extra=extra)
    assert s.until(lambda m: m["type"] == "contact")["state"] == "back"
    assert s.report(timeout=120)["verdict"] == "passed"


def test_killed_on_the_host(big: Disk, stage: MakeStage) -> None:
    s = stage(big).start()
    wait_running(s)
    resources.command("pkill", "-KILL", "-f", f"badblocks .*{big.device}$")
    report = s.report()
    assert report["verdict"] == "inconclusive", report


def test_stall(big: Disk, stage: MakeStage) -> None:
    """Stopped: no work. First a word about it, then the end, with the run gone."""
    s = stage(big, stall_usec=2_000_000, stall_end_usec=6_000_000).start()
    wait_running(s)
    resources.command("pkill", "-STOP", "-f", f"badblocks .*{big.device}$")
    assert "stopped by a signal" in s.until(lambda m: m["type"] == "stall")["reason"]
    report = s.report()
    assert report["verdict"] == "inconclusive" and "no work" in report["reason"], report
    assert s.run_state() in ("exited", "lost", "none")


def after_reboot(s: Stage, boot_id: str = "") -> Stage:
    """The stage as its worker finds it after a reboot of its host, in its first pattern; boot_id: its next run was begun, in that boot."""
    before = secrets.token_hex(16)
    past = {"phases": 0, "proven": 0, "planned": 8, "covered": 0, "blocks": [5, 6], "errors": [2, 0, 0],
            "reboots": [{"phase": 1, "name": "Write 0xaa", "usec": 1}]}
    trace = {"original": True, "random": False, "bytes": "", "certain": 0, "phase": 0}
    Path(f"{s.log}.state").write_text(json.dumps(
        {"run": s.run if boot_id else before, "boot_id": boot_id or "another", "kernel_seq": 1, "kernel_gap": True, "trace": trace,
         "past": past, "phases": [], "speeds": [], "heat": [], "kernel_errors": []}))
    s.params |= {"before": before, "resumes": 1}
    return s


def test_waiting_for_the_drive_is_no_stall(sshd: Sshd, disk: Disk, stage: MakeStage) -> None:
    """However long it waited: the clock that ends it runs from then on. The first look at its run fails."""
    tool, failed = sshd.directory / "bin/tail", sshd.directory / "failed"
    tool.write_text(f'#!/bin/sh\n! grep -qzx status /proc/$PPID/cmdline || ! mkdir {failed} 2> /dev/null || exit 1\n'
                    'exec /usr/bin/tail "$@"\n')
    tool.chmod(0o755)
    s = after_reboot(stage(disk, stall_usec=1_000_000, stall_end_usec=6_000_000, bad_block_threshold=2)).start()
    try:
        s.say(pause={"by": "root", "reason": "lunch"})
        for _ in range(5):      # two seconds each
            s.until(lambda m: m["type"] == "progress" and "paused" in m)
        s.say(resume={"by": "root"})
        report = s.report(timeout=120)
    finally:
        tool.unlink()
    assert failed.exists() and report["verdict"] == "passed", report


@pytest.mark.parametrize("begun", [False, True])
def test_cancelled_while_it_waits_for_its_host(disk: Disk, stage: MakeStage, begun: bool) -> None:
    """What was never begun need not be proven gone, by a host that is not there."""
    with socket.create_server(("127.0.0.1", 0)) as away:
        port = away.getsockname()[1]
    s = stage(disk)
    s.params["target"] |= {"port": port}
    after_reboot(s, "one" if begun else "").start(follow=True, cancel=True)
    report = s.report(timeout=90)
    assert report["verdict"] == "cancelled" and report.get("details", {}).get("remnant", False) == begun, report


def test_cancelled_once_it_has_gone_on(big: Disk, stage: MakeStage) -> None:
    s = after_reboot(stage(big, bad_block_threshold=2)).start()
    s.say(resume={"by": "root"})
    wait_running(s)
    s.say(cancel=True)
    report = s.report()
    assert report["verdict"] == "cancelled" and not report.get("details", {}).get("remnant"), report
    assert s.run_state() in ("exited", "lost", "none")


# A block at a time takes a while; one look after another.
SLOWLY = {"block_buffer": 1, "follow_interval_usec": 50_000}


def temperature(disk: Disk, celsius: int) -> None:
    disk.smart(temperature={"current": celsius})


def stopped(s: Stage) -> bool:
    return "stopped=1" in script("status", s.run, s.disk.kname, "0", "0").splitlines()


def wait_stopped(s: Stage) -> None:
    """A write that was under way is done first."""
    deadline = time.monotonic() + 20
    while not stopped(s):
        assert time.monotonic() < deadline, "it goes on"


def test_heat(big: Disk, stage: MakeStage) -> None:
    """Critically hot: it stands still until it is under warn; a follower that takes over knows why; paused is not stalled."""
    temperature(big, 40)
    s = stage(big, **SLOWLY, stall_usec=1_000_000).start()
    wait_running(s)
    temperature(big, 57)
    paused = s.until(lambda m: m["type"] == "paused")
    assert (paused["paused"], paused["by"]) == (True, "heat") and "57 °C" in paused["reason"], paused
    wait_stopped(s)
    s.kill()
    temperature(big, 50)        # not critical any more, and not cool enough
    s.start(follow=True)
    held = s.until(lambda m: m["type"] == "progress" and "paused" in m)
    assert "too hot" in held["paused"] and "bytes_per_second" not in held
    s.until(lambda m: m["type"] == "progress" and m.get("temperature_mdegc") == 50000)
    assert stopped(s) and not s.of("stall")
    temperature(big, 45)
    assert s.until(lambda m: m["type"] == "paused")["paused"] is False
    assert not stopped(s)
    s.until(lambda m: m["type"] == "progress" and "paused" not in m)
    report = s.report(timeout=240)
    assert report["verdict"] == "passed", report
    details = report["details"]
    assert details["temperature_max_mdegc"] == 57000 and details["temperature_min_mdegc"] <= 45000
    assert details["paused_usec"] > 0


def test_heat_three_times(big: Disk, stage: MakeStage) -> None:
    temperature(big, 40)
    s = stage(big, **SLOWLY).start()
    wait_running(s)
    for celsius in (55, 56):
        temperature(big, celsius)
        assert s.until(lambda m: m["type"] == "paused")["paused"] is True
        s.kill()                # what was counted is not forgotten
        s.start(follow=True)
        temperature(big, 30)
        assert s.until(lambda m: m["type"] == "paused")["paused"] is False
    temperature(big, 60)
    report = s.report()
    assert report["verdict"] == "inconclusive" and "55, 56 and 60 °C" in report["reason"], report
    assert s.run_state() in ("exited", "lost", "none")


def test_heat_that_does_not_go(big: Disk, stage: MakeStage) -> None:
    temperature(big, 40)
    s = stage(big, **SLOWLY, stall_usec=1_000_000, stall_end_usec=4_000_000).start()
    wait_running(s)
    temperature(big, 57)
    report = s.report()
    assert report["verdict"] == "inconclusive" and "too hot" in report["reason"] and "57 °C" in report["reason"], report
    assert s.run_state() in ("exited", "lost", "none")


def test_pause_by_an_operator(big: Disk, stage: MakeStage) -> None:
    """It holds over the death of its worker, with who and why; nothing but the operator lets it go on."""
    s = stage(big, stall_usec=1_000_000, stall_end_usec=2_000_000).start()
    wait_running(s)
    s.say(pause={"by": "ann", "reason": "moving the chassis\n"})
    paused = s.until(lambda m: m["type"] == "paused")
    assert (paused["paused"], paused["by"]) == (True, "operator") and paused["reason"].startswith("ann: moving the chassis")
    wait_stopped(s)
    s.kill()
    s.start(follow=True)
    assert "by ann: moving the chassis" in s.until(lambda m: m["type"] == "progress" and "paused" in m)["paused"]
    # Longer than what would end it if it were no pause.
    deadline = time.monotonic() + 3
    s.until(lambda m: m["type"] == "progress" and time.monotonic() > deadline)
    assert stopped(s) and not s.of("stall")
    for nonsense in ({"resume": True}, {"resume": {}}, {"resume": {"by": 7}}, {"pause": []}):
        s.say(**nonsense)
    s.say(resume={"by": "ann"})
    resumed = s.until(lambda m: m["type"] == "paused")
    assert (resumed["paused"], resumed["by"], resumed["reason"]) == (False, "operator", "ann")
    assert s.report(timeout=120)["verdict"] == "passed"


def test_cancel_of_a_paused_run(big: Disk, stage: MakeStage) -> None:
    s = stage(big).start()
    wait_running(s)
    s.say(pause={"by": "ann"})
    s.until(lambda m: m["type"] == "paused")
    s.say(cancel=True)
    report = s.report()
    assert report["verdict"] == "cancelled" and not report.get("details", {}).get("remnant"), report
    assert s.run_state() in ("exited", "lost", "none")


def test_stuck(big: Disk, stage: MakeStage) -> None:
    """Older than stuck_job_hours and than twice its estimate: it ends as soon as it stands still, and not before."""
    hour = 3600_000_000
    s = stage(big, stall_usec=2_000_000, stuck_usec=168 * hour, estimate_usec=100 * hour,
              job_started_usec=int(time.time() * 1e6) - 201 * hour).start()
    wait_running(s)
    resources.command("pkill", "-STOP", "-f", f"badblocks .*{big.device}$")
    report = s.report()
    assert report["verdict"] == "inconclusive" and "no work" in report["reason"], report
    assert "stuck_job_hours" in s.text() and s.run_state() in ("exited", "lost", "none")


def test_old_but_within_twice_its_estimate(big: Disk, stage: MakeStage) -> None:
    """A large drive that is slow: it stands still for a while, and is not ended for that."""
    hour = 3600_000_000
    s = stage(big, stall_usec=2_000_000, stuck_usec=168 * hour, estimate_usec=101 * hour,
              job_started_usec=int(time.time() * 1e6) - 201 * hour).start()
    wait_running(s)
    resources.command("pkill", "-STOP", "-f", f"badblocks .*{big.device}$")
    s.until(lambda m: m["type"] == "stall")
    resources.command("pkill", "-CONT", "-f", f"badblocks .*{big.device}$")
    assert s.report(timeout=120)["verdict"] == "passed"
    assert "stuck_job_hours" not in s.text()


def test_pause_is_no_age(big: Disk, stage: MakeStage) -> None:
    """Nor is the part of it during which nobody followed: the job is too old by the clock alone, so it is told to stand still, no more."""
    hour = 3600_000_000
    s = stage(big, stall_usec=2_000_000, stuck_usec=168 * hour, estimate_usec=10 * hour,
              job_started_usec=int(time.time() * 1e6) - 201 * hour).start()
    wait_running(s)
    s.say(pause={"by": "ann"})
    s.until(lambda m: m["type"] == "paused")
    s.kill()
    path = Path(f"{s.log}.state")
    state = json.loads(path.read_text())
    path.write_text(json.dumps(state | {"held_since_usec": int(time.time() * 1e6) - 100 * hour}))
    s.start(follow=True)
    s.until(lambda m: m["type"] == "progress" and "paused" in m)
    s.say(resume={"by": "ann"})
    s.until(lambda m: m["type"] == "paused")
    resources.command("pkill", "-STOP", "-f", f"badblocks .*{big.device}$")
    s.until(lambda m: m["type"] in ("stall", "report"))
    resources.command("pkill", "-CONT", "-f", f"badblocks .*{big.device}$")
    report = s.report(timeout=120)
    assert report["verdict"] == "passed" and 100 * hour <= report["details"]["paused_usec"] < 101 * hour, report["reason"]


def test_two_phases(disk: Disk, stage: MakeStage) -> None:
    s = stage(disk, pattern="random").start()
    report = s.report()
    assert report["verdict"] == "passed", report
    assert [(m["phase"], m["phases"], m["name"]) for m in s.of("phase")] == [(1, 2, "Write random"), (2, 2, "Verify random")]
    assert evidence(report)["phases"] == "passed" and evidence(report)["work"] == "passed"
    assert any(disk.image.read_bytes()[:4096])


def test_report_without_burnind(disk: Disk, stage: MakeStage) -> None:
    """Nobody listens: the report is in its file, and the worker goes by itself."""
    s = stage(disk, "precheck").start()
    assert s.peer
    s.peer.close()
    s.peer = None
    assert s.exits(timeout=60) == 0
    stored = json.loads(s.report_path.read_text())
    assert stored["run"] == s.run and stored["report"]["verdict"] == "passed"


def test_not_dumpable(disk: Disk, stage: MakeStage) -> None:
    """What runs as the worker's user cannot look into it: its files in /proc belong to root."""
    s = stage(disk).start(open_gate=False, prefix=("/usr/bin/setpriv", "--reuid=65534", "--clear-groups"))
    proc = Path(f"/proc/{s.process}")
    resources.until("the worker", lambda: (proc / "comm").read_text().strip() == worker_path().name[:15], 10)
    assert "\nUid:\t65534" in (proc / "status").read_text()
    resources.until("its files", lambda: (proc / "mem").stat().st_uid == 0, 10)


def test_key_is_erased(big: Disk, stage: MakeStage) -> None:
    s = stage(big).start()
    wait_running(s)
    key = [line for line in (s.sshd.directory / "client").read_text().splitlines() if "-" not in line][2]
    memory = b""
    with open(f"/proc/{s.process}/maps") as maps, open(f"/proc/{s.process}/mem", "rb", 0) as mem:
        for line in maps:
            span, mode = line.split()[:2]
            low, high_end = (int(x, 16) for x in span.split("-"))
            if "rw" in mode and high_end - low < 64 * MIB:
                with contextlib.suppress(OSError):
                    mem.seek(low)
                    memory += mem.read(high_end - low)
    assert memory and key.encode() not in memory, "the key's text is still in memory"
