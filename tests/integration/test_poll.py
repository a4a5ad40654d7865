# SPDX-License-Identifier: LGPL-2.1-or-later
"""burnin-worker poll as burnind drives it: hosts by line and descriptor, cycles, changes, and hosts in trouble."""
from __future__ import annotations

import array
import json
import os
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
from test_worker import HERE, MIB, Disk, memfd, worker_path

Line = dict[str, Any]


class Poller:
    """The poller, and the socket of a burnind that it finds under the usual path: in a mount namespace of its own."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.peer: socket.socket | None = None
        self.lines: list[Line] = []
        self.buffer = b""
        os.makedirs("/run/burnin", exist_ok=True)
        self.listen()
        self.process = subprocess.Popen(
            ["unshare", "--mount", "sh", "-c", 'mount --bind "$1" /run/burnin && exec "$2" poll', "sh", directory, worker_path()],
            stderr=subprocess.PIPE, env=dict(os.environ) | {"BURNIN_LOG_LEVEL": "7"})

    def listen(self) -> None:
        path = self.directory / "poll.sock"
        path.unlink(missing_ok=True)
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.listener.bind(str(path))
        self.listener.listen()

    def accept(self, **config: Any) -> None:
        assert select.select([self.listener], [], [], 20)[0], "the poller does not connect"
        self.peer, self.buffer = self.listener.accept()[0], b""
        self.say({"op": "config", "interval_usec": 1_000_000, "smart_interval_usec": 60_000_000, "timeout_usec": 5_000_000,
                  "boot_pools": ["rpool"], "loop_drives": True} | config)

    def say(self, line: Line, fd: int | None = None) -> None:
        assert self.peer
        control = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [fd]))] if fd is not None else []
        self.peer.sendmsg([json.dumps(line).encode() + b"\n"], control)

    def host(self, sshd: Sshd, name: str = "nas1", key: str = "client", **target: Any) -> None:
        fd = memfd((sshd.directory / key).read_bytes())
        self.say({"op": "host", "name": name, "target": {
            "name": name, "address": "127.0.0.1", "port": sshd.port, "user": "root", "host_key": sshd.public("host")} | target}, fd)
        os.close(fd)

    def receive(self, timeout: float) -> Line | None:
        assert self.peer
        deadline = time.monotonic() + timeout
        while b"\n" not in self.buffer:
            if not select.select([self.peer], [], [], max(0.0, deadline - time.monotonic()))[0]:
                return None
            data = self.peer.recv(1 << 20)
            assert data, "the poller closed"
            self.buffer += data
        line, self.buffer = self.buffer.split(b"\n", 1)
        self.lines.append(json.loads(line))
        return self.lines[-1]

    def until(self, what: Callable[[Line], Any], timeout: float = 30) -> Line:
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            line = self.receive(max(0.0, deadline - time.monotonic()))
            if line and what(line):
                return line
        raise AssertionError(f"not within {timeout} s; the last were {self.lines[-3:]}")

    def cycle(self, name: str = "nas1", **wanted: Any) -> Line:
        return self.until(lambda li: li["op"] == "cycle" and li["name"] == name
                          and all(li.get(k) == v for k, v in wanted.items()))

    def drive(self, disk: Disk, what: Callable[[Line], Any] = bool) -> Line:
        """Facts of a drive that are news, and as wanted."""
        found: list[Line] = []

        def match(line: Line) -> bool:
            found[:] = [d for d in line.get("changed", []) if d["kname"] == disk.kname and what(d)]
            return bool(found)

        self.until(match)
        return found[0]

    def end(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(20)
        assert self.process.stderr
        self.errors = self.process.stderr.read().decode()
        for each in (self.peer, self.listener):
            if each:
                each.close()
        return code


@pytest.fixture(scope="module")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    directory = tmp_path_factory.mktemp("poll")
    (directory / "bin").mkdir()
    (directory / "bin/smartctl").write_text(
        (HERE / "bin/smartctl").read_text().replace("/var/lib/burnin-test/drives", f"{directory}/drives"))
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
def poller(tmp_path: Path) -> Iterator[Poller]:
    poller = Poller(tmp_path)
    poller.accept()
    yield poller
    assert poller.end() == 0, poller.errors


def test_facts_and_changes(poller: Poller, sshd: Sshd, disk: Disk) -> None:
    """The first cycle names every drive with its own serial; then only news come."""
    poller.host(sshd)
    first = poller.until(lambda li: li["op"] == "cycle")
    assert first["ok"] and first["boot_id"] and first["os"].startswith("Linux") and first["live_runs"] == []
    facts = next(d for d in first["changed"] if d["kname"] == disk.kname)
    assert facts["identity"]["serial"] == disk.serial and facts["identity"]["fingerprint"] == disk.ident
    assert facts["health"] == "passed" and facts["lock"]["role"] == "none" and facts["temperature_mdegc"] == 31000
    assert disk.kname not in [d["kname"] for d in poller.cycle()["changed"]]

    resources.command("mkfs.ext4", "-q", "-F", disk.device)
    assert poller.drive(disk)["lock"]["role"] in ("existing-data", "in-use")
    disk.remove()
    assert poller.until(lambda li: disk.kname in li.get("gone", []))


def test_something_writes(poller: Poller, sshd: Sshd, disk: Disk) -> None:
    """Writes without a holder that could be seen: in use while they last, unless a burn-in is known to hold the drive."""
    poller.host(sshd)
    poller.cycle()
    deadline = time.monotonic() + 30
    found: list[Line] = []
    while time.monotonic() < deadline and not found:
        with open(disk.device, "r+b", buffering=0) as device:
            device.write(bytes(512))
            os.fsync(device)
        line = poller.receive(1)
        found = [d for d in (line or {}).get("changed", []) if d["kname"] == disk.kname and d["lock"]["role"] == "in-use"]
    assert found and found[0]["lock"]["detail"] == "something writes to it"
    assert poller.drive(disk, lambda d: d["lock"]["role"] != "in-use")

    poller.say({"op": "watch", "name": "nas1", "knames": [disk.kname]})
    poller.cycle()
    for _ in range(3):
        with open(disk.device, "r+b", buffering=0) as device:
            device.write(bytes(512))
            os.fsync(device)
        changed = poller.cycle()["changed"]
        assert not [d for d in changed if d["kname"] == disk.kname and d["lock"]["role"] == "in-use"]


def test_temperature_and_smart(poller: Poller, sshd: Sshd, disk: Disk) -> None:
    poller.host(sshd)
    poller.cycle()
    disk.smart(temperature={"current": 55}, ata_smart_attributes={"table": [{"id": 197, "raw": {"value": 8}}]})
    poller.peer.close() if poller.peer else None
    poller.accept(smart_interval_usec=1_000_000)
    poller.host(sshd)
    facts = poller.drive(disk, lambda d: d.get("temperature_mdegc") == 55000)
    assert facts["smart"]["pending"] == 8


def test_fingerprint(poller: Poller, sshd: Sshd, disk: Disk) -> None:
    poller.host(sshd)
    poller.say({"op": "fingerprint", "id": 7, "name": "nas1", "kname": disk.kname, "identity": disk.identity()})
    answer = poller.until(lambda li: li["op"] == "fingerprint")
    assert answer["id"] == 7 and answer["ok"] and answer["content"] == disk.content()
    other = disk.identity() | {"fingerprint": "size:1"}
    for line in ({"kname": disk.kname, "identity": other, "name": "nas1"},
                 {"kname": "../sda", "identity": disk.identity(), "name": "nas1"},
                 {"kname": disk.kname, "identity": disk.identity(), "name": "nobody"}):
        poller.say({"op": "fingerprint", "id": 8} | line)
        answer = poller.until(lambda li: li["op"] == "fingerprint")
        assert answer["id"] == 8 and not answer["ok"] and answer["reason"]


def test_host_keys(poller: Poller, sshd: Sshd) -> None:
    poller.host(sshd, host_key=None)
    line = poller.until(lambda li: True)
    listing = resources.command("ssh-keygen", "-lf", sshd.directory / "host.pub").stdout.split()
    assert line == {"op": "hostkey", "name": "nas1", "key": sshd.public("host"), "sha256": listing[1]}
    poller.host(sshd, host_key=sshd.public("other"))
    line = poller.cycle()
    assert not line["ok"] and line["error"] == "host-key-changed"
    poller.host(sshd)
    assert poller.cycle()["ok"]


@pytest.mark.parametrize(("script", "error"), [
    ("sleep 600", "timeout"), ("yes", "garbage"), (f"{HERE}/bin/garbage", "garbage"), ("exit 1", "remote"),
    ("echo no >&2; exit 127", "remote"), ("exit 0", "garbage"), ("cat; exit 0", "garbage"),
])
def test_sick_hosts(poller: Poller, sshd: Sshd, tmp_path_factory: pytest.TempPathFactory, script: str, error: str) -> None:
    """A host that is ill is told as such, and delays no other."""
    sick = Sshd(tmp_path_factory.mktemp("sick"))
    sick.start("host", extra=f"ForceCommand {script}")
    try:
        poller.host(sick, "sick")
        poller.host(sshd)
        assert poller.cycle()["ok"]
        line = poller.cycle("sick")
        assert not line["ok"] and line["error"] == error and line["reason"], line
        assert poller.cycle()["ok"]
    finally:
        sick.stop()


def test_authentication_and_absence(poller: Poller, sshd: Sshd) -> None:
    poller.host(sshd, "stranger", key="other")
    poller.host(sshd, "away", port=1)
    assert poller.cycle("stranger", ok=False)["error"] == "authentication"
    assert poller.cycle("away", ok=False)["error"] == "unreachable"
    poller.say({"op": "remove", "name": "away"})
    poller.say({"op": "remove", "name": "stranger"})
    poller.host(sshd)
    for _ in range(3):
        poller.cycle()
    assert [li["name"] for li in poller.lines[-2:]] == ["nas1"] * 2


def test_host_comes_back(poller: Poller, sshd: Sshd) -> None:
    poller.host(sshd)
    poller.cycle(ok=True)
    sshd.stop()
    try:
        poller.cycle(ok=False)
    finally:
        sshd.start("host", extra=f"SetEnv PATH={sshd.directory}/bin:/usr/sbin:/usr/bin:/sbin:/bin")
    poller.say({"op": "refresh", "name": "nas1"})
    poller.cycle(ok=True)


def test_burnind_restarts(poller: Poller, sshd: Sshd, disk: Disk) -> None:
    """A burnind that comes back hears everything anew, and the connection to the host is still the same one."""
    poller.host(sshd)
    poller.cycle()
    before = sshd.connections()
    for _ in range(3):
        assert poller.peer
        poller.peer.close()
        poller.accept()
        poller.host(sshd)
        assert disk.serial in [d["identity"].get("serial") for d in poller.cycle()["changed"]]
    assert before and set(before) <= set(sshd.connections())


def test_burnind_is_away(poller: Poller, sshd: Sshd) -> None:
    assert poller.peer
    poller.peer.close()
    poller.listener.close()
    time.sleep(0.5)     # nothing to wait for: it finds nobody
    poller.listen()
    poller.accept()
    poller.host(sshd)
    assert poller.cycle()["ok"]


def test_nonsense_from_the_socket(poller: Poller, sshd: Sshd) -> None:
    """Lines that are none end the connection; a host that cannot be set up does not touch the others."""
    assert poller.peer
    poller.peer.send(b"[1,2\n")
    poller.accept()
    poller.say({"op": "host", "name": "nokey", "target": {"name": "nokey", "address": "a", "port": 22, "user": "root"}})
    poller.host(sshd, "badkey", key="host.pub")
    poller.host(sshd)
    assert poller.cycle()["ok"]


def test_many_hosts(poller: Poller, sshd: Sshd) -> None:
    """More than are connected to at the same time: all get their turn."""
    assert poller.peer
    poller.peer.close()
    poller.accept(interval_usec=60_000_000, timeout_usec=60_000_000)
    waiting = {f"nas{i}" for i in range(20)}
    for name in waiting:
        poller.host(sshd, name)

    def seen(line: Line) -> bool:
        if line["op"] == "cycle" and line["ok"]:
            waiting.discard(line["name"])
        return not waiting

    poller.until(seen, timeout=120)
