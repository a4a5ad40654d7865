# SPDX-License-Identifier: LGPL-2.1-or-later
"""The script that runs on tested hosts, for real: every shell it must run under, on loop devices of our own."""
from __future__ import annotations

import hashlib
import os
import re
import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import resources

SOURCE = Path(__file__).resolve().parents[2] / "src"
SCRIPT = "".join((SOURCE / "transport" / name).read_text() for name in ("remote-host.sh", "remote-lock.sh",
                                                                           "remote-nvme.sh", "remote-run.sh"))
MIB = 1024 * 1024
MACHINE = "5" * 32
NO_GRANT = ("none", "-", "-", "-")

# As remote-run.c does it: a start has to leave the script behind.
BOOT = 'BURNIN_SCRIPT=$(cat) && export BURNIN_SCRIPT && exec {shell} -c "$BURNIN_SCRIPT" sh "$@" < /dev/null'

# A command that opens the device itself, reads three MiB of it, says something on both outputs, and stays.
LONG = ["sh", "-c", 'exec 5<>"$1"; dd bs=1048576 count=3 <&5 >/dev/null 2>&1; echo 4711; echo noise >&2; exec sleep 600',
        "x", "{}"]


@dataclass
class Status:
    fields: dict[str, str]
    log: bytes = b""
    blocks: bytes = b""

    def __getitem__(self, key: str) -> str:
        return self.fields[key]


@dataclass
class Host:
    """The script under one shell, in one root directory."""
    name: str
    shell: list[str]
    root: Path = Path("/")
    enter: list[str] = field(default_factory=list)
    runs: list[str] = field(default_factory=list)

    def call_raw(self, *argv: str, check: bool = True) -> bytes:
        done = subprocess.run([*self.enter, *self.shell, "-s", "--", *argv], input=SCRIPT.encode(),
                              capture_output=True, timeout=120)
        assert not check or done.returncode == 0, done
        assert not done.stderr, done
        return done.stdout

    def fields(self, verb: str, *argv: str) -> dict[str, str]:
        lines = self.call_raw(verb, *argv).decode().splitlines()
        assert lines[0] == f"burnin-answer {verb}" and lines[-1] == "burnin-end 0"
        return dict(line.split("=", 1) for line in lines[1:-2])

    @staticmethod
    def status_of(answer: bytes) -> Status:
        head, _, body = answer.partition(b"\n\n")
        lines = head.decode().splitlines()
        assert lines[0] == "burnin-answer status", answer
        status = Status(dict(line.split("=", 1) for line in lines[1:]))
        log, blocks = int(status["log"]), int(status["blocks"])
        assert body[log + blocks:] == b"\nburnin-end 0\n"
        status.log, status.blocks = body[:log], body[log:log + blocks]
        return status

    def start(self, disk: Disk, command: list[str], *, run: str | None = None, ident: str | None = None, serial: str = "-",
              content: str | None = None, boot: str | None = None, not_after: int = 10 ** 15,
              grant: tuple[str, ...] = NO_GRANT) -> tuple[str, Status]:
        run = run or secrets.token_hex(16)
        if run not in self.runs:
            self.runs.append(run)
            disk.runs.append((self, run))
        argv = ["start", run, MACHINE, disk.kname, ident or self.ident(disk), serial, content or self.content(disk),
                boot or Path("/proc/sys/kernel/random/boot_id").read_text().strip(), str(not_after), *grant, *command]
        boot_text = BOOT.format(shell=" ".join(self.shell))
        done = subprocess.run([*self.enter, *self.shell, "-c", boot_text, "sh", *argv], input=SCRIPT.encode(),
                              capture_output=True, timeout=120)
        assert done.returncode == 0 and not done.stderr, done
        return run, self.status_of(done.stdout)

    def status(self, run: str, disk: Disk, log: int = 0, blocks: int = 0) -> Status:
        return self.status_of(self.call_raw("status", run, disk.kname, str(log), str(blocks)))

    def cancel(self, run: str, grace: int = 5) -> Status:
        return self.status_of(self.call_raw("cancel", run, str(grace)))

    def ended(self, run: str, disk: Disk) -> Status:
        return resources.until("the end of the run", lambda: (s := self.status(run, disk))["state"] not in
                               ("starting", "running") and s, 60, 0.1)     # type: ignore[return-value]

    def facts(self, *words: str) -> dict[str, tuple[str, str]]:
        """Section -> (text, status)."""
        text = self.call_raw("facts", "n0nce", *words).decode()
        assert text.endswith("=n0nce done\n")
        found = re.findall(r"^=n0nce begin (.*)\n((?:(?!=n0nce).*\n)*?)=n0nce end (.*) (\S+)$", text, re.M)
        assert all(begin == end for begin, _, end, _ in found)
        return {begin: (body.removesuffix("\n"), status) for begin, body, _, status in found}

    def ident(self, disk: Disk) -> str:
        lines = dict(line.split(" ", 1) for line in self.facts()["ident"][0].splitlines())
        return lines[disk.kname].split(" ")[1]

    def content(self, disk: Disk) -> str:
        return self.fields("fingerprint", disk.kname, self.ident(disk))["content"]

    def directory(self, run: str) -> Path:
        return self.root / f"var/lib/burnin-run/{run}"

    def command_pid(self, run: str) -> int:
        return int(re.search(r"^pid=(\d+)$", (self.directory(run) / "id").read_text(), re.M).group(1))


class Disk:
    def __init__(self, image: Path, size: int) -> None:
        self.image = image
        with open(image, "xb") as file:
            file.truncate(size)
        self.device = resources.attach_loop(image)
        self.kname = self.device.removeprefix("/dev/")
        self.runs: list[tuple[Host, str]] = []

    def close(self) -> None:
        """Nobody may hold it any more for it to go."""
        for host, run in self.runs:
            host.cancel(run, 0)
            host.call_raw("remove", run)
        resources.detach_loop(self.device, self.image)

    def is_blank(self) -> bool:
        return not self.image.read_bytes().strip(b"\0")


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    disk = Disk(tmp_path / "disk.img", 16 * MIB + 512 * 3)
    yield disk
    disk.close()


@pytest.fixture(scope="module")
def agent(tmp_path_factory: pytest.TempPathFactory) -> Path:
    binary = tmp_path_factory.mktemp("agent") / "burnin-agent"
    resources.command("cc", "-static", "-std=gnu17", "-Wall", "-Wextra", "-Werror", "-o", binary,
                      SOURCE / "agent/burnin-agent.c")
    return binary


def make_busybox_root(root: Path) -> None:
    """Nothing but busybox: no perl, no python, no systemd-run, no stdbuf, no util-linux."""
    for name in ("bin", "dev", "proc", "sys", "run", "tmp", "var/lib"):
        (root / name).mkdir(parents=True)
    shutil.copy("/bin/busybox", root / "bin/busybox")
    for applet in resources.command("busybox", "--list").stdout.split():
        if applet != "busybox":
            (root / "bin" / applet).symlink_to("busybox")
    for name in ("dev", "proc", "sys"):
        resources.command("mount", "--bind", f"/{name}", root / name)


@pytest.fixture(params=["dash", "bash", "busybox", "busybox-agent"])
def host(request: pytest.FixtureRequest, tmp_path: Path, agent: Path) -> Iterator[Host]:
    if "busybox" in request.param:
        root = tmp_path / "root"
        make_busybox_root(root)
        host = Host(request.param, ["/bin/sh"], root, ["chroot", str(root), "/bin/busybox", "env", "-i", "PATH=/bin"])
    else:
        host = Host(request.param, {"dash": ["dash"], "bash": ["bash", "--posix"]}[request.param])
    if request.param == "busybox-agent":
        install_agent(host, agent)
    yield host
    for run in host.runs:
        host.cancel(run, 0)
        host.call_raw("remove", run)
    if host.root != Path("/"):
        resources.unmount(host.root)


def install_agent(host: Host, agent: Path) -> None:
    data = agent.read_bytes()
    target = host.root / f"var/lib/burnin-run/bin/burnin-agent-{hashlib.sha256(data).hexdigest()}"
    assert host.fields("agent")["bin"] == "/var/lib/burnin-run/bin"
    target.write_bytes(data)
    target.chmod(0o700)
    assert host.fields("agent")["agent"] == hashlib.sha256(data).hexdigest()


@pytest.fixture
def dash(agent: Path) -> Iterator[Host]:
    """For what does not depend on the shell."""
    host = Host("dash", ["dash"])
    yield host
    for run in host.runs:
        host.cancel(run, 0)
        host.call_raw("remove", run)


def test_a_run_from_start_to_end(host: Host, disk: Disk) -> None:
    """Start, follow at an offset, find again, stop, resume, cancel, remove."""
    run, status = host.start(disk, LONG)
    assert status["state"] == "running", status
    assert status["exclusive"] == ("" if host.name == "busybox" else "1")
    assert status["boot"] == status["run_boot"] and float(status["uptime"].split()[0]) > 0
    assert status["ident"] == host.ident(disk)
    status = resources.until("output", lambda: (s := host.status(run, disk)).log and s.blocks and s, 30)
    assert status.log == b"noise\n" and status.blocks == b"4711\n"
    assert status["position"] == str(3 * MIB) and int(status["work"]) >= 0 and status["stopped"] == ""
    assert (host.status(run, disk, log=2).log, host.status(run, disk, blocks=99).blocks) == (b"ise\n", b"")
    assert oct(host.directory(run).stat().st_mode & 0o7777) == "0o700"

    # A second start of the same run finds the first one.
    pid = host.command_pid(run)
    assert host.start(disk, LONG, run=run)[1]["state"] == "running" and host.command_pid(run) == pid
    assert f"{run} running {disk.kname}" in host.facts()["runs"][0].splitlines()
    assert f" {pid} " not in host.facts()["openers"][0]

    assert b"burnin-error busy" in host.call_raw("remove", run, check=False)
    host.call_raw("pause", run, "heat", "57 degrees")
    status = host.cancel(run)
    assert status["gone"] == "1" and status["state"] == "exited" and status["exit"] == "143", status
    assert host.cancel(run)["gone"] == "1"
    host.call_raw("remove", run)
    assert host.status(run, disk)["state"] == "none" and not host.directory(run).exists()


def test_pause_has_two_holders(host: Host, disk: Disk) -> None:
    """Neither lets it go on against the other; who holds it, and why, is known to whoever asks."""
    run, _ = host.start(disk, ["sleep", "1000"])

    def held() -> tuple[str, ...]:
        status = host.status(run, disk)
        # A signal is on its way for a moment.
        wanted = "1" if status["paused_heat"] + status["paused_operator"] else ""
        status = resources.until("the process to heed it", lambda: (s := host.status(run, disk))["stopped"] == wanted and s, 10)
        return status["stopped"], status["paused_heat"], status["paused_operator"]     # type: ignore[index]

    assert held() == ("", "", "")
    host.call_raw("pause", run, "heat", "57 degrees; $(reboot) 'x'")
    host.call_raw("pause", run, "operator", "lunch")
    assert held() == ("1", "57 degrees; $(reboot) 'x'", "lunch")
    host.call_raw("resume", run, "heat")
    host.call_raw("resume", run, "heat")
    assert held() == ("1", "", "lunch")
    host.call_raw("resume", run, "operator")
    assert held() == ("", "", "")

    for words in ([run, "nobody", "x"], [run, "../x", "x"], [run, "heat", ""], [run, "heat", "a\nb"], [run, "heat", "x" * 513],
                  [run, "heat"], ["x", "heat", "x"]):
        assert b"burnin-error" in host.call_raw("pause", *words, check=False), words
    assert b"burnin-error" in host.call_raw("resume", run, "nobody", check=False)
    assert held() == ("", "", "")
    # What is not there is not paused, and nothing is planted for it.
    other = "f" * 32
    assert b"state=none" in host.call_raw("pause", other, "heat", "x")
    assert not host.directory(other).exists()


def test_exit_status_and_nothing_is_lost(host: Host, disk: Disk) -> None:
    run, _ = host.start(disk, ["sh", "-c", "echo out; echo error >&2; exit 75"])
    status = host.ended(run, disk)
    assert (status["state"], status["exit"], status.log, status.blocks) == ("exited", "75", b"error\n", b"out\n")


def test_arguments_reach_the_command_as_they_are(host: Host, disk: Disk) -> None:
    words = ["a b", "$(touch /tmp/burnin-oops)", "'", '"', "*", "\\n", "", "{}", "-n", "ü"]
    run, _ = host.start(disk, ["sh", "-c", 'for a; do printf "<%s>" "$a"; done', "x", *words])
    assert host.ended(run, disk).blocks.decode() == "".join(f"<{disk.device if w == '{}' else w}>" for w in words)


def test_a_tombstone_keeps_a_late_start_out(host: Host, disk: Disk) -> None:
    run = secrets.token_hex(16)
    host.runs.append(run)
    status = host.cancel(run)
    assert (status["state"], status["gone"]) == ("tombstone", "1")
    assert host.start(disk, ["sh", "-c", 'echo x > "$1"', "x", "{}"], run=run)[1]["state"] == "tombstone"
    assert disk.is_blank()


def test_what_cancelled_runs_left_is_removed_at_the_next_start(host: Host, disk: Disk) -> None:
    """A directory that only keeps a late start out goes after a day, and nothing else does."""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    uptime = int(float(Path("/proc/uptime").read_text().split()[0]))
    base = host.directory("x").parent

    def cancelled(tombstone: str | None = None, days: float = 2) -> Path:
        run = secrets.token_hex(16)
        host.runs.append(run)
        assert host.cancel(run)["gone"] == "1"
        path = host.directory(run)
        if tombstone is not None:
            (path / "tombstone").write_text(tombstone)
        then = time.time() - days * 86400
        os.utime(path / "tombstone", (then, then))
        return path

    run, status = host.start(disk, LONG)
    assert status["state"] == "running", status
    dead = [cancelled("0-0 5\n"), cancelled("")]                # of an earlier boot, where the clock must say; nothing known
    kept = [cancelled("0-0 5\n", days=0.9), cancelled("0-0 5\n", days=-2),
            cancelled(),                                        # of this boot: the clock may have been set
            cancelled(f"{boot} {uptime + 9}\n"), cancelled("0-0 5\n")]
    # A run that was never cancelled may be asked for after any time, and one that lives is none of the dead.
    (kept[-1] / "tombstone").unlink()
    kept.append(host.directory(run))
    (kept[-1] / "tombstone").write_text("0-0 5\n")
    os.utime(kept[-1] / "tombstone", (0, 0))
    # What has no name of ours, and what leads out of here, even where it looks like a dead one.
    other = base / "not-a-run"
    other.mkdir(exist_ok=True)
    shutil.copytree(dead[0], outside := disk.image.parent / "outside")
    (link := base / secrets.token_hex(16)).symlink_to(outside)
    hollow = cancelled()
    (hollow / "tombstone").unlink()
    (hollow / "tombstone").symlink_to(dead[0] / "tombstone")
    kept += [other, link, outside / "tombstone", hollow]
    if uptime > 86400 + 60:
        dead.append(cancelled(f"{boot} {uptime - 86400 - 30}\n", days=0))
        kept.append(cancelled(f"{boot} {uptime - 86400 + 300}\n"))
    try:
        again, _ = host.start(disk, ["true"])
        assert not any(path.exists() for path in dead), dead
        assert all(path.exists() for path in kept), [path for path in kept if not path.exists()]
        assert host.directory(again).exists() and host.status(run, disk)["state"] == "running"
    finally:
        other.rmdir()
        link.unlink()
        (hollow / "tombstone").unlink()


def test_refusals(host: Host, disk: Disk) -> None:
    """Every one of them before a single byte is written."""
    scribble = ["sh", "-c", 'echo written > "$1"', "x", "{}"]
    ident, content = host.ident(disk), host.content(disk)

    def refused(**arguments: object) -> str:
        command = arguments.pop("command", scribble)
        run, status = host.start(disk, command, **arguments)      # type: ignore[arg-type]
        if status["state"] == "starting":
            status = host.ended(run, disk)
        assert status["state"] == "refused", status
        return status["refused"]

    assert refused(boot="0" * 8).startswith("late: ")
    assert refused(not_after=1).startswith("late: ")
    assert refused(ident=ident + "x", content=content).startswith("identity: ")
    assert refused(content="0" * 64).startswith("content: ")
    assert refused(command=["burnin-no-such-tool", "{}"]).startswith("tool: burnin-no-such-tool")

    # Open in somebody else, exclusively or not, and through another name for the same device.
    node = disk.image.parent / "node"
    os.mknod(node, 0o60600, os.stat(disk.device).st_rdev)
    for path, flags in ((disk.device, os.O_RDONLY), (disk.device, os.O_RDWR | os.O_EXCL), (str(node), os.O_RDONLY)):
        fd = os.open(path, flags)
        try:
            assert refused().startswith("locked: " if flags == os.O_RDONLY or host.name == "busybox" else "exclusive: ")
        finally:
            os.close(fd)

    disk.image.write_bytes(b"x" + disk.image.read_bytes()[1:])
    resources.command("blockdev", "--flushbufs", disk.device)
    assert refused(content=content).startswith("content: ")
    assert b"written" not in disk.image.read_bytes()


def test_what_a_test_has_left(host: Host, disk: Disk, tmp_path: Path) -> None:
    """Before a run that goes on after a reboot: places with nothing but these bytes, or with what the drive begins with."""
    ident, sectors = host.ident(disk), disk.image.stat().st_size // 512
    has_blkid = "busybox" not in host.name
    if not has_blkid:
        # Has it one at all, that knows nothing of -p.
        blkid = Path(host.root) / "bin/blkid"
        blkid.unlink(missing_ok=True)
        blkid.write_text("#!/bin/sh\nexit 2\n")
        blkid.chmod(0o755)

    def fill(data: bytes, at: int = 0) -> None:
        with open(disk.image, "r+b") as file:
            file.seek(at)
            file.write(data)
        resources.command("blockdev", "--flushbufs", disk.device)

    def start(places: str) -> str:
        run, status = host.start(disk, ["true"], ident=ident, content=places)
        status = host.ended(run, disk)
        return status["refused"] if status["state"] == "refused" else status["state"]

    def changed(sector: int) -> str:
        return f"content: the drive was changed while the host was down: from sector {sector} on "

    fill(b"\x55" * (8 * MIB) + b"\xaa" * (8 * MIB) + b"\xaa" * (3 * 512))
    whole = f"0+2048=55,{8 * 2048}+2048=aa,{sectors - 2048}+2048=55aa,{8 * 2048 - 64}+128=55aa"
    assert start(whole) == "exited"
    assert start("0+1=00ff55").startswith("exited") and start("0+1=00ff").startswith(changed(0))
    assert start(f"0+2048=55,{8 * 2048 - 64}+128=55").startswith(changed(8 * 2048 - 64))
    fill(b"\0", 9 * MIB - 1)
    assert start(whole).startswith(changed(8 * 2048))
    assert start(f"{sectors - 1}+2=aa").startswith("content: ")
    # 0x00 is a byte like others.
    fill(bytes(disk.image.stat().st_size))
    assert start("0+2048=00,4096+128=00") == "exited"
    assert start("0+2048=00,4096+128=@").startswith("content: ")

    chunk = os.urandom(256 * 1024)
    fill(chunk * 64)
    assert start("512+128=@,16384+512=@") == "exited"
    fill(b"x", 16384 * 512 + 7)
    assert start("512+128=@,16384+512=@").startswith(changed(16384))

    # A signature in none of the places is found all the same: unlike a fingerprint they do not stand for it.
    fill(bytes(disk.image.stat().st_size))
    image = tmp_path / "ext4"
    image.write_bytes(bytes(4 * MIB))
    resources.command("mkfs.ext4", "-q", "-F", str(image))
    fill(image.read_bytes())
    assert start(f"{sectors - 8}+8=00").startswith("locked: ") == has_blkid


@pytest.mark.parametrize("places", [
    "0+1=", "0+1=5", "0+1=55@", "0+1=5G", "0+1=AA", "+1=55", "0+=55", "0=55", "0+0=55", "0+2049=55", "-1+1=55", "0+1=55,=", "=",
    "0+1=@", "7+8=@", "0+1=112233445566778899", "0+1=55 6+1=55", "0+1=$(id)", "0+1=55;id", "1" * 19 + "+1=55"])
def test_bad_places(dash: Host, disk: Disk, places: str) -> None:
    with pytest.raises(AssertionError, match="burnin-error start: a bad argument"):
        dash.start(disk, ["true"], content=places)


def test_a_mounted_drive_is_refused(host: Host, disk: Disk) -> None:
    resources.command("mkfs.ext4", "-q", disk.device)
    where = disk.image.parent / "mnt"
    where.mkdir()
    resources.command("mount", disk.device, where)
    try:
        run, status = host.start(disk, LONG, content="-")
        if status["state"] == "starting":
            status = host.ended(run, disk)
        # A host without perl or python can mount it, and then looks.
        assert status["refused"] == f"locked: {disk.kname} is mounted at {where}", status
    finally:
        resources.command("umount", where)


def test_a_drive_mounted_in_another_namespace_is_refused(host: Host, disk: Disk) -> None:
    """As a container does it: neither the caller nor the first process has it in its own list."""
    resources.command("mkfs.ext4", "-q", disk.device)
    where = disk.image.parent / "mnt"
    where.mkdir()
    with subprocess.Popen(["unshare", "--mount", "sh", "-c", 'mount "$1" "$2" && echo mounted && cat', "sh", disk.device, where],
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE) as container:
        assert container.stdin and container.stdout and container.stdout.readline() == b"mounted\n"
        run, status = host.start(disk, LONG, content="-")
        if status["state"] == "starting":
            status = host.ended(run, disk)
        container.stdin.close()
    assert status["refused"] == f"locked: {disk.kname} is mounted at {where}", status


def test_the_drive_is_held(host: Host, disk: Disk) -> None:
    """While a run lives, mkfs and mount fail; afterwards they do not."""
    if host.name == "busybox":
        pytest.skip("this host cannot open a device exclusively, and says so")
    resources.command("mkfs.ext4", "-q", disk.device)
    where = disk.image.parent / "mnt"
    where.mkdir()
    run, status = host.start(disk, LONG)
    assert status["state"] == "running", status
    assert "in use" in resources.command("mkfs.ext4", "-q", disk.device, check=False).stderr
    assert resources.command("mount", disk.device, where, check=False).returncode != 0
    with pytest.raises(OSError, match="busy"):
        os.open(disk.device, os.O_RDWR | os.O_EXCL)
    assert host.cancel(run)["gone"] == "1"
    resources.command("mount", disk.device, where)
    resources.command("umount", where)


def test_a_killed_run_is_lost(host: Host, disk: Disk) -> None:
    """SIGKILL to both leaves no exit status; SIGKILL to the wrapper alone leaves a run that is seen to be alive."""
    run, _ = host.start(disk, LONG)
    wrapper = int((host.directory(run) / "pid").read_text().split()[0])
    os.kill(wrapper, signal.SIGKILL)
    assert host.status(run, disk)["state"] == "running"
    os.kill(host.command_pid(run), signal.SIGKILL)
    assert host.ended(run, disk)["state"] == "lost"
    assert host.cancel(run)["gone"] == "1"


def test_a_pid_that_belongs_to_somebody_else_is_left_alone(host: Host, disk: Disk) -> None:
    run, _ = host.start(disk, ["true"])
    host.ended(run, disk)
    bystander = subprocess.Popen(["sleep", "600"], start_new_session=True)
    try:
        directory = host.directory(run)
        (directory / "exit").unlink()
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        (directory / "pid").write_text(f"{bystander.pid} 12345 {boot}\n")
        identity = (directory / "id").read_text()
        (directory / "id").write_text(re.sub(r"(?m)^pid=.*$", f"pid={bystander.pid}", identity))
        assert host.status(run, disk)["state"] == "lost"
        assert host.cancel(run, 0)["gone"] == "1"
        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()


def test_a_run_from_before_a_reboot_is_lost(host: Host, disk: Disk) -> None:
    run, _ = host.start(disk, LONG)
    host.cancel(run)
    directory = host.directory(run)
    (directory / "exit").unlink()
    for name in ("pid", "spec", "id"):
        text = (directory / name).read_text()
        (directory / name).write_text(text.replace(Path("/proc/sys/kernel/random/boot_id").read_text().strip(), "0-0"))
    status = host.status(run, disk)
    assert (status["state"], status["run_boot"]) == ("lost", "0-0")


def test_cancel_kills_what_ignores_it(host: Host, disk: Disk) -> None:
    """The whole session, also children that ignore TERM and an own process group."""
    stubborn = 'trap "" TERM; sh -c "trap : TERM; while :; do sleep 600; done" & while :; do sleep 600; done'
    run, _ = host.start(disk, ["sh", "-c", stubborn])
    began = time.monotonic()
    status = host.cancel(run, 1)
    assert status["gone"] == "1" and status["state"] in ("lost", "exited"), status
    assert time.monotonic() - began < 30
    assert disk.kname not in host.facts()["openers"][0]


def test_cancel_beats_the_checks(host: Host, disk: Disk) -> None:
    """Cancelled while the checks wait for another opener to go away: the command never starts."""
    fd = os.open(disk.device, os.O_RDONLY)
    run = secrets.token_hex(16)
    host.runs.append(run)
    ident, content = host.ident(disk), host.content(disk)
    argv = ["start", run, MACHINE, disk.kname, ident, "-", content,
            Path("/proc/sys/kernel/random/boot_id").read_text().strip(), str(10 ** 15), *NO_GRANT,
            "sh", "-c", 'echo x > "$1"', "x", "{}"]
    with subprocess.Popen([*host.enter, *host.shell, "-c", BOOT.format(shell=" ".join(host.shell)), "sh", *argv],
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE) as starter:
        assert starter.stdin
        starter.stdin.write(SCRIPT.encode())
        starter.stdin.close()
        resources.until("the checks", lambda: (host.directory(run) / "pid").exists(), 20)
        assert host.status(run, disk)["state"] == "starting"
        status = host.cancel(run)
        os.close(fd)
        assert (status["gone"], status["state"]) == ("1", "tombstone"), status
        starter.wait(30)
    assert disk.is_blank()


def test_the_last_look_is_for_the_tombstone(dash: Host, disk: Disk) -> None:
    """Planted while the checks run, with no signal behind it: the command still does not start."""
    fd = os.open(disk.device, os.O_RDONLY)
    run = secrets.token_hex(16)
    ident, content = dash.ident(disk), dash.content(disk)
    with ThreadPoolExecutor() as pool:
        start = pool.submit(dash.start, disk, ["sh", "-c", 'echo x > "$1"', "x", "{}"], run=run, ident=ident, content=content)
        resources.until("the checks", lambda: (dash.directory(run) / "pid").exists(), 20)
        (dash.directory(run) / "tombstone").touch()
        os.close(fd)
        start.result(60)
    assert dash.ended(run, disk)["state"] == "tombstone" and disk.is_blank()


def test_starts_at_the_same_time_are_one(host: Host, disk: Disk, tmp_path: Path) -> None:
    run = secrets.token_hex(16)
    where = host.root / "tmp" / run
    ident, content = host.ident(disk), host.content(disk)
    with ThreadPoolExecutor() as pool:
        starts = [pool.submit(host.start, disk, ["sh", "-c", f"echo x >> /tmp/{run}; exec sleep 600"], run=run, ident=ident,
                              content=content) for _ in range(6)]
        states = {start.result(60)[1]["state"] for start in starts}
    assert states <= {"starting", "running"}, states
    resources.until("the command", where.exists, 20)
    host.cancel(run)
    assert where.read_text() == "x\n"
    where.unlink()


def test_facts(host: Host, disk: Disk) -> None:
    resources.command("mkfs.ext4", "-q", disk.device)
    with open(disk.device, "rb"):
        facts = host.facts(f"probe:{disk.kname}")
    assert re.search(r"^boot_id=[0-9a-f-]{36}$", facts["host"][0], re.M)
    assert re.search(r"^uptime=[0-9.]+ ", facts["host"][0], re.M)
    number = f"{os.major(os.stat(disk.device).st_rdev)}:{os.minor(os.stat(disk.device).st_rdev)}"
    assert f"{number} {os.getpid()} " in facts["openers"][0] and facts["openers"][1] == "0"
    ident = re.search(rf"^{disk.kname} {number} (\S+)$", facts["ident"][0], re.M)
    assert ident and f"size:{(16 * MIB + 1536) // 512}," in ident.group(1) and "disk.img" in ident.group(1)
    assert f"{disk.kname} " in facts["stat"][0]
    if "busybox" in host.name:
        assert facts["lsblk"][1] == "absent" and "missing=lsblk" in facts["host"][0]
    else:
        assert f'"kname": "{disk.kname}"' in facts["lsblk"][0] and '"uuid"' in facts["lsblk"][0]
        assert facts[f"probe {disk.kname}"][1] == "0" and "TYPE=ext4" in facts[f"probe {disk.kname}"][0]


def test_ident_tells_drives_of_the_same_name_apart(host: Host, tmp_path: Path) -> None:
    idents = []
    for size in (MIB, MIB, 2 * MIB):        # the same path, but another file behind it
        disk = Disk(tmp_path / "one.img", size)
        idents.append((host.ident(disk), host.content(disk)))
        disk.close()
        disk.image.rename(tmp_path / f"{len(idents)}.img")
    if "busybox" not in host.name:          # it cannot see the file from inside its root directory
        assert idents[0][0] != idents[1][0]
    assert idents[1][0] != idents[2][0] and idents[0][1] == idents[1][1] != idents[2][1]


def test_probe_and_fingerprint(host: Host, disk: Disk) -> None:
    ident = host.ident(disk)
    probe = host.fields("probe", ident)
    assert (probe["kname"], probe["ident"]) == (disk.kname, ident)
    assert probe["boot"] == Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    assert ("badblocks" in probe) == ("busybox" not in host.name) and int(probe["kmsg"]) > 0
    probe = host.fields("probe", "size:1")
    assert (probe["kname"], probe["ident"]) == ("", "")

    before = host.content(disk)
    with open(disk.image, "r+b") as file:       # the last sector counts
        file.seek(-1, os.SEEK_END)
        file.write(b"x")
    resources.command("blockdev", "--flushbufs", disk.device)
    assert host.content(disk) != before
    assert b"burnin-error stale" in host.call_raw("fingerprint", disk.kname, ident + "x", check=False)


def test_locate_led(host: Host, disk: Disk, tmp_path: Path) -> None:
    """Where there is no systemd: whoever is left behind puts it out."""
    assert b"burnin-error no locate LED" in host.call_raw("locate", disk.kname, host.ident(disk), "1", check=False)
    inside = "/" if "busybox" in host.name else f"{tmp_path}/"
    bin, lights = host.root / f"{inside}bin".lstrip("/"), host.root / f"{inside}lights".lstrip("/")
    bin.mkdir(exist_ok=True)
    (bin / "ledctl").write_text(f'#!/bin/sh\necho "$1" >> {inside}lights\n')
    (bin / "ledctl").chmod(0o755)
    if inside != "/":
        host.enter = ["env", f"PATH={bin}:{os.environ['PATH']}"]
    on, off = f"locate=/dev/{disk.kname}", f"locate_off=/dev/{disk.kname}"

    assert host.fields("locate", disk.kname, host.ident(disk), "1") == {}
    assert lights.read_text().split()[0] == on
    resources.until("it goes out", lambda: lights.read_text().split() == [on, off], 20)
    assert host.fields("locate", disk.kname, host.ident(disk), "0") == {}
    assert lights.read_text().split() == [on, off, off]
    assert b"burnin-error stale" in host.call_raw("locate", disk.kname, host.ident(disk) + "x", "1", check=False)
    (bin / "ledctl").write_text("#!/bin/sh\nexit 11\n")
    assert b"burnin-error no locate LED" in host.call_raw("locate", disk.kname, host.ident(disk), "1", check=False)


def test_slot_of_an_enclosure(host: Host, disk: Disk, tmp_path: Path) -> None:
    """As the kernel's driver of enclosures shows it, and before any name of a port."""
    shelf, block = tmp_path / "sys/enclosure/6:0:8:0", tmp_path / "sys/block"
    (shelf / "Slot 03").mkdir(parents=True)
    (block / disk.kname / "device").mkdir(parents=True)
    (block / disk.kname / "device/enclosure_device:Slot 03").symlink_to("/sys/fs/enclosure/6:0:8:0/Slot 03")
    root = str(host.root).rstrip("/")
    host.enter = ["unshare", "-m", "sh", "-c", f'mount --bind {tmp_path}/sys "$0/sys/fs" && mount --bind {block} "$0/sys/block" && '
                  'exec "$@"', root or "/", *host.enter]
    assert host.facts()["bay"][0].rstrip() == f"{disk.kname} 6:0:8:0 Slot 03"
    (shelf / "id").write_text("0x500304801234567f\n")
    assert host.facts()["bay"][0].rstrip() == f"{disk.kname} 0x500304801234567f Slot 03"


def test_kernel_log(host: Host, disk: Disk, tmp_path: Path) -> None:
    def kmsg(after: int) -> tuple[dict[str, str], list[str]]:
        head, _, body = host.call_raw("kmsg", str(after), disk.kname).decode().partition("\n\n")
        return dict(line.split("=") for line in head.splitlines()[1:]), body.removesuffix("\nburnin-end 0\n").splitlines()

    last = int(kmsg(0)[0]["last"])
    with open("/dev/kmsg", "w") as log:
        log.write(f"burnin-test: I/O error, dev {disk.kname}, sector 8\n")
        log.flush()
        log.write("burnin-test: nothing about it\n")
    sequence, lines = kmsg(last)
    assert int(sequence["first"]) <= last <= int(sequence["last"]) - 2
    assert lines == [f"burnin-test: I/O error, dev {disk.kname}, sector 8"]
    assert kmsg(int(sequence["last"]))[1] == []

    if "busybox" in host.name:      # it has no dd that could be told of it
        return
    (tmp_path / "dd").write_text(f"""#!/bin/sh
        [ ! -e {tmp_path}/second ] || exec {shutil.which("dd")} "$@"
        [ ! -e {tmp_path}/first ] || : > {tmp_path}/second
        : > {tmp_path}/first
        {shutil.which("dd")} "$@" count=2
        echo "dd: error reading 'standard input': Broken pipe" >&2
        exit 1""")
    (tmp_path / "dd").chmod(0o755)
    host.enter = ["env", f"PATH={tmp_path}:{os.environ['PATH']}"]
    again, lines = kmsg(last)
    assert again["first"] == sequence["first"] and int(again["last"]) >= int(sequence["last"]), "records were overwritten under it"
    assert (tmp_path / "second").exists() and lines == [f"burnin-test: I/O error, dev {disk.kname}, sector 8"]


def test_only_what_was_unlocked(host: Host, disk: Disk) -> None:
    """By the signatures that are there when the device is held: exactly the granted lock, whatever it was before."""
    resources.command("mkfs.ext4", "-q", disk.device)
    before = disk.image.read_bytes()
    scribble = ["sh", "-c", 'echo written > "$1"', "x", "{}"]
    has_blkid = "busybox" not in host.name
    # One cannot open it exclusively, the other cannot tell what is on it.
    refusal = {"busybox": "exclusive: ", "busybox-agent": "tool: blkid"}.get(host.name, "locked: ")

    def refused(*grant: str) -> str:
        run, status = host.start(disk, scribble, grant=grant)
        if status["state"] == "starting":
            status = host.ended(run, disk)
        assert status["state"] == "refused" and disk.image.read_bytes() == before, status
        return status["refused"]

    for other in (("exported-pool", "vault", "22", "-"), ("storage-member", "-", "-", "-"), ("exported-pool", "-", "-", "-")):
        assert refused(*other).startswith(refusal), other
    # The pool that was to be exported is not there, nor is what this drive was said to be a part of.
    for used in (("active-pool", "tank", "11", "release"), ("boot-pool", "a pool: 1", "11", "release"),
                 ("storage-member", "-", "-", "release")):
        assert refused(*used).startswith(refusal), used
    if has_blkid:
        run, status = host.start(disk, LONG, grant=("existing-data", "-", "-", "-"))
        assert status["state"] == "running", status
        host.cancel(run)
    else:
        assert refused("existing-data", "-", "-", "-").startswith(refusal)


@pytest.mark.parametrize("grant", [
    ("everything", "-", "-", "-"), ("none", "-", "-", "release"), ("mounted", "-", "-", "-"), ("active-pool", "tank", "11", "-"),
    ("existing-data", "-", "-", "release"), ("in-use", "-", "-", "release"), ("active-pool", "-f", "11", "release"),
    ("active-pool", "tank", "-", "release"), ("active-pool", "tank;id", "11", "release"), ("active-pool", "tank", "1x", "release"),
    ("exported-pool", "$(id)", "11", "-"), ("exported-pool", "tank", "1" * 21, "-"), ("existing-data", "-", "-", "")])
def test_bad_grants(dash: Host, disk: Disk, grant: tuple[str, ...]) -> None:
    with pytest.raises(AssertionError, match="burnin-error start: a bad"):
        dash.start(disk, ["true"], grant=grant)
    with pytest.raises(AssertionError, match="burnin-error start: what was unlocked was never confirmed"):
        dash.start(disk, ["true"], content="-", grant=("existing-data", "-", "-", "-"))


@pytest.mark.parametrize("argv", [
    (), ("nonsense",), ("status",), ("status", "../../etc", "loop0", "0", "0"), ("status", "A" * 32, "loop0", "0", "0"),
    ("status", "a" * 32, "../sda", "0", "0"), ("status", "a" * 32, "loop0", "x", "0"), ("remove", "a" * 31),
    ("remove", "*"), ("remove", ""), ("cancel", "a" * 32, "-1"), ("cancel", "a" * 32, "99999999999999999999"),
    ("fingerprint", "loop0", "a b"), ("fingerprint", "sda;id", "x"), ("smart", "--help"), ("kmsg", "0", "a/b"),
    ("locate", "../sda", "x", "1"), ("locate", "loop0", "$(id)", "1"), ("locate", "loop0", "x", "3601"), ("locate", "loop0", "x", "-1"),
    ("facts", "no space"), ("facts", "n", "smart:../x"), ("facts", "n", "other:sda"), ("probe", "$(id)"),
    ("start", "a" * 32, MACHINE, "loop0", "x", "-", "-", "b", "9", *NO_GRANT, "true"),      # without the script
])
def test_bad_arguments(host: Host, argv: tuple[str, ...]) -> None:
    assert b"burnin-error" in host.call_raw(*argv, check=False)
    assert not list((host.root / "var/lib/burnin-run").glob("a" * 31 + "*"))


def test_a_text_that_was_cut_does_nothing(host: Host) -> None:
    for cut in (10, len(SCRIPT) // 2, len(SCRIPT) - 400, *range(len(SCRIPT) - 60, len(SCRIPT) - 2)):
        done = subprocess.run([*host.enter, *host.shell, "-s", "--", "agent"], input=SCRIPT[:cut].encode(),
                              capture_output=True, timeout=60)
        assert b"burnin-answer" not in done.stdout, cut


def host_without(tools: str, path: Path) -> Host:
    """All tools of this host but these, and no burnin-agent. The script appends the usual places: hide what is there."""
    (path / "none").touch(mode=0o600)
    return Host("dash", ["dash"], enter=["unshare", "--mount", "sh", "-c", f"""
        [ ! -d /var/lib/burnin-run/bin ] || mount -t tmpfs none /var/lib/burnin-run/bin
        for tool in {tools}; do for f in /usr/bin/$tool /bin/$tool /usr/local/bin/$tool; do
            [ ! -e $f ] || mount --bind {path}/none $f; done; done
        PATH=/usr/sbin:/usr/bin:/sbin:/bin exec "$@" """, "x"])


def test_what_was_unlocked_needs_an_exclusive_open(dash: Host, disk: Disk, tmp_path: Path) -> None:
    """Nothing but that shows an imported pool, where zpool does not answer."""
    resources.command("mkfs.ext4", "-q", disk.device)
    before = disk.image.read_bytes()
    host = host_without("perl python3", tmp_path)
    try:
        run, status = host.start(disk, ["sh", "-c", 'echo written > "$1"', "x", "{}"], grant=("existing-data", "-", "-", "-"))
        if status["state"] == "starting":
            status = host.ended(run, disk)
        assert status["state"] == "refused" and status["refused"].startswith("exclusive: "), status
        assert disk.image.read_bytes() == before
        run, status = host.start(disk, LONG)        # a free one is taken, and the ledger says how
        assert (status["state"], status["exclusive"]) == ("running", ""), status
        assert host.cancel(run)["gone"] == "1"
    finally:
        for run in host.runs:
            host.call_raw("remove", run)


def test_perl_and_python_stand_in(dash: Host, disk: Disk, tmp_path: Path) -> None:
    """Each of them alone holds the device as burnin-agent does."""
    for tool in ("perl", "python3"):
        path = tmp_path / tool
        path.mkdir()
        host = host_without("python3" if tool == "perl" else "perl", path)
        run, status = host.start(disk, LONG)
        try:
            assert (status["state"], status["exclusive"]) == ("running", "1"), (tool, status)
            with pytest.raises(OSError, match="busy"):
                os.open(disk.device, os.O_RDWR | os.O_EXCL)
            second, status = host.start(disk, LONG)
            if status["state"] == "starting":
                status = host.ended(second, disk)
            assert status["refused"].startswith("exclusive: "), (tool, status)
        finally:
            assert host.cancel(run)["gone"] == "1"
            for run in host.runs:
                host.call_raw("remove", run)


def test_a_read_only_var_is_no_obstacle(dash: Host, disk: Disk) -> None:
    host = Host("dash", ["dash"], enter=["unshare", "--mount", "sh", "-c",
                                         'mount --bind /var/lib /var/lib; mount -o remount,bind,ro /var/lib; exec "$@"', "x"])
    run, status = host.start(disk, LONG)
    try:
        assert status["state"] == "running"
        assert (Path("/run/burnin-run") / run / "id").exists()
        assert dash.status(run, disk)["state"] == "running"     # found there from everywhere
    finally:
        assert host.cancel(run)["gone"] == "1"
        host.call_raw("remove", run)


def test_the_serial_that_smartctl_reads_must_match(dash: Host, disk: Disk, tmp_path: Path) -> None:
    (tmp_path / "smartctl").write_text('#!/bin/sh\necho \'{"serial_number": "REAL0001 "}\'\n')
    (tmp_path / "smartctl").chmod(0o755)
    host = Host("dash", ["dash"], enter=["env", f"PATH={tmp_path}:/usr/sbin:/usr/bin:/sbin:/bin"])
    run, status = host.start(disk, LONG, serial="OTHER")
    if status["state"] == "starting":
        status = host.ended(run, disk)
    assert status["refused"] == f"identity: {disk.kname} has the serial number REAL0001, not OTHER"
    run, status = host.start(disk, LONG, serial="REAL0001")
    assert status["state"] == "running", status
    dash.runs += host.runs


def test_smart_of_a_drive_that_came_in_between_is_not_told(disk: Disk, tmp_path: Path) -> None:
    """Beside the identity of the one before it, it would make one drive of two."""
    other = tmp_path / "other.img"
    other.write_bytes(bytes(disk.image.stat().st_size))
    (tmp_path / "smartctl").write_text(f'#!/bin/sh\n[ ! -e {tmp_path}/swap ] || {{ losetup -d {disk.device} && '
                                       f'losetup {disk.device} {other}; }}\necho \'{{"serial_number": "NEW00001"}}\'\n')
    (tmp_path / "smartctl").chmod(0o755)
    host = Host("dash", ["dash"], enter=["env", f"PATH={tmp_path}:/usr/sbin:/usr/bin:/sbin:/bin"])
    assert "NEW00001" in host.facts(f"smart:{disk.kname}")[f"smart {disk.kname}"][0]
    (tmp_path / "swap").touch()
    try:
        facts = host.facts(f"smart:{disk.kname}")
        assert host.ident(disk) not in facts["ident"][0]
    finally:
        resources.command("losetup", "-d", disk.device)
        resources.command("losetup", disk.device, str(disk.image))
    assert "NEW00001" not in facts[f"smart {disk.kname}"][0], facts


def test_badblocks_for_real(dash: Host, disk: Disk) -> None:
    work = int(dash.status("0" * 32, disk)["work"])
    run, _ = dash.start(disk, ["badblocks", "-w", "-v", "-b", "4096", "-c", "64", "-e", "1", "-X", "{}"])
    status = dash.ended(run, disk)
    assert (status["exit"], status.blocks) == ("0", b""), status.log
    assert status.log.count(b"Testing with pattern") == 4
    assert b"Pass completed, 0 bad blocks found. (0/0/0 errors)" in status.log
    assert int(status["work"]) - work >= 7 * 16 * MIB
    assert not disk.image.read_bytes()[:4 * MIB].strip(b"\0")


def test_with_systemd(machine: object) -> None:
    """On a host that has systemd, a run is a unit that says what it does, and outlives its connection."""
    device = machine.add_loop_drive("RUN00001", 16)     # type: ignore[attr-defined]
    kname = device.removeprefix("/dev/")
    try:
        def call(*argv: str) -> str:
            return machine.run(["sh", "-c", BOOT.format(shell="sh"), "sh", *argv],       # type: ignore[attr-defined]
                               input=SCRIPT).stdout

        ident = re.search(rf"(?m)^{kname} \S+ (\S+)$", call("facts", "n")).group(1)
        content = re.search(r"content=(\w+)", call("fingerprint", kname, ident)).group(1)
        run, boot = secrets.token_hex(16), re.search(r"(?m)^boot_id=(.*)$", call("facts", "n")).group(1)
        status = Host.status_of(call("start", run, MACHINE, kname, ident, "RUN00001", content, boot, str(10 ** 15),
                                     *NO_GRANT, *LONG).encode())
        assert status["state"] == "running" and status["exclusive"] == "1", status
        unit = machine.run(["systemctl", "show", f"burnin-run-{run}.service",            # type: ignore[attr-defined]
                            "-p", "ActiveState,Description,KillMode,Restart"]).stdout
        assert f"Description=burnin: sh on {kname} (run {run})" in unit
        assert {"ActiveState=active", "KillMode=mixed", "Restart=no"} <= set(unit.split("\n")), unit
        assert "systemd=1" in call("probe", ident)
        # An administrator may stop it; the wrapper still notes how it ended.
        machine.run(["systemctl", "stop", f"burnin-run-{run}.service"])                  # type: ignore[attr-defined]
        status = Host.status_of(call("status", run, kname, "0", "0").encode())
        assert (status["state"], status["exit"]) == ("exited", "143")

        other = secrets.token_hex(16)
        status = Host.status_of(call("start", other, MACHINE, kname, ident, "-", content, boot, str(10 ** 15),
                                     *NO_GRANT, *LONG).encode())
        assert status["state"] == "running", status
        status = Host.status_of(call("cancel", other, "5").encode())
        assert status["gone"] == "1" and status["state"] == "exited"
        machine.wait_for(lambda: "burnin-run-" not in machine.run(                       # type: ignore[attr-defined]
            ["systemctl", "list-units", "--all", "--plain", "burnin-run-*"]).stdout, 20)
        call("remove", run)
        call("remove", other)
    finally:
        machine.remove_loop_drive("RUN00001")      # type: ignore[attr-defined]
