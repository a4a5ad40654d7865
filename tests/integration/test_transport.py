# SPDX-License-Identifier: LGPL-2.1-or-later
"""The SSH transport against a real sshd: host keys, authentication, silence, loss, and the remote-run interface over it."""
from __future__ import annotations

import contextlib
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import resources

BUILD = Path(os.environ.get("BURNIN_BUILD_DIR", Path(__file__).resolve().parents[2] / "build"))
MIB = 1024 * 1024
LONG = ["sh", "-c", 'exec 5<>"$1"; echo 4711; echo noise >&2; exec sleep 600', "x", "{}"]


def tool_path() -> Path:
    path = Path(os.environ.get("BURNIN_REMOTE_TOOL", BUILD / "tests/remote-tool"))
    if not path.exists():
        pytest.skip(f"no {path}")
    return path


class Sshd:
    """One sshd on 127.0.0.1, with keys of its own."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        for name, kind in (("host", "ed25519"), ("rsa", "rsa"), ("ecdsa", "ecdsa"), ("client", "ed25519"), ("other", "ed25519")):
            resources.command("ssh-keygen", "-q", "-t", kind, "-N", "", "-C", "x", "-f", directory / name)
        (directory / "authorized").write_text((directory / "client.pub").read_text())
        self.process: subprocess.Popen[bytes] | None = None
        self.start("host", "rsa", "ecdsa")

    def public(self, name: str) -> str:
        return " ".join((self.directory / f"{name}.pub").read_text().split()[:2])

    def start(self, *keys: str, extra: str = "") -> None:
        self.stop()
        os.makedirs("/run/sshd", mode=0o755, exist_ok=True)
        config = self.directory / "config"
        config.write_text(f"Port {self.port}\nListenAddress 127.0.0.1\nAuthorizedKeysFile {self.directory}/authorized\n"
                          "PermitRootLogin prohibit-password\nPasswordAuthentication no\nUsePAM no\nPidFile none\n"
                          "StrictModes no\n" + extra + "\n"
                          + "".join(f"HostKey {self.directory}/{key}\n" for key in keys))
        self.process = subprocess.Popen(["/usr/sbin/sshd", "-D", "-e", "-f", config], stderr=subprocess.DEVNULL,
                                        start_new_session=True)
        resources.until("sshd", self.answers, 10)

    def answers(self) -> bool:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1) as s:
            return s.recv(4) == b"SSH-"
        return False

    def connections(self) -> list[int]:
        """The processes that serve open connections."""
        assert self.process
        listing = resources.command("ps", "-o", "pid=", "--ppid", str(self.process.pid), check=False).stdout
        return [int(pid) for pid in listing.split()]

    def stop(self) -> None:
        if self.process:
            for pid in self.connections():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            self.process.kill()
            self.process.wait()
            self.process = None

    def popen(self, *argv: str, port: int | None = None, key: str = "client", host_key: str | None = None,
              host: str = "127.0.0.1", user: str = "root") -> subprocess.Popen[str]:
        return subprocess.Popen([tool_path(), host, str(port or self.port), user, self.directory / key,
                                 host_key or self.public("host"), *argv],
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace")

    def tool(self, *argv: str, **arguments: object) -> list[dict[str, str]]:
        """The records that it printed, each begins with a line 'result='."""
        with self.popen(*argv, **arguments) as process:       # type: ignore[arg-type]
            out, err = process.communicate(timeout=120)
        assert process.returncode in (0, 1) and not err, (process.returncode, out, err)
        return records(out)

    def call(self, script: str, timeout_ms: int = 20000, output_max: int = 65536, **arguments: object) -> dict[str, str]:
        found = self.tool("call", str(timeout_ms), str(output_max), script, **arguments)
        assert len(found) == 1
        return found[0]


def records(out: str) -> list[dict[str, str]]:
    parts = re.split(r"(?m)^(?=result=)", out)
    return [dict(re.findall(r"(?m)^(\w+)=(.*)$", part)) for part in parts if part]


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("sshd")


@pytest.fixture(scope="module")
def shared(directory: Path) -> Iterator[Sshd]:
    sshd = Sshd(directory)
    yield sshd
    sshd.stop()


@pytest.fixture
def sshd(shared: Sshd) -> Sshd:
    if not shared.process:
        shared.start("host", "rsa", "ecdsa")
    return shared


def test_a_command(sshd: Sshd) -> None:
    answer = sshd.call('echo "$1,$2,$#"; echo oops >&2; exit 3')
    assert (answer["result"], answer["exit"], answer["output"], answer["stderr"]) == \
        ("ok", "3", "first,it's the second,2", "oops")
    assert answer["key"] == sshd.public("host")
    listing = resources.command("ssh-keygen", "-lf", sshd.directory / "host.pub").stdout.split()
    assert answer["sha256"] == listing[1]


def test_queue_and_one_connection(sshd: Sshd) -> None:
    """Several calls at once run in order, over one connection; one by one they take milliseconds."""
    answers = sshd.tool("call", "20000", "65536", *[f"echo {i} $PPID" for i in range(20)])
    assert [a["output"].split()[0] for a in answers] == [str(i) for i in range(20)]
    assert len({a["output"].split()[1] for a in answers}) == 1


def test_killed_by_a_signal(sshd: Sshd) -> None:
    answer = sshd.call("kill -9 $$")
    assert (answer["result"], answer["exit"]) == ("ok", "-1")


def test_much_of_everything(sshd: Sshd) -> None:
    """More than any window in both directions; the script's own text is 4 MiB."""
    answer = sshd.call("head -c 30000000 /dev/zero; head -c 3000000 /dev/zero >&2", output_max=30000000)
    assert (answer["result"], answer["size"]) == ("ok", "30000000")
    assert sshd.call("head -c 65537 /dev/zero")["result"] == "too-much-output"
    answers = sshd.tool("call", "20000", "10", "yes", "echo hello")
    assert [a["result"] for a in answers] == ["too-much-output", "ok"]


def test_a_command_that_never_reads(sshd: Sshd) -> None:
    answer = sshd.call("exec 0<&-; echo x; exit 0\n" + "#" * 100000)
    assert (answer["result"], answer["exit"], answer["output"]) == ("ok", "0", "x")


@pytest.mark.parametrize("name", ["host", "rsa", "ecdsa"])
def test_each_type_of_host_key(sshd: Sshd, name: str) -> None:
    """The server has three: it must offer the one that was accepted."""
    answer = sshd.call("echo x", host_key=sshd.public(name))
    assert (answer["result"], answer["key"]) == ("ok", sshd.public(name)), answer


def test_host_keys(sshd: Sshd) -> None:
    answer = sshd.call("touch /tmp/burnin-oops", host_key="-")
    assert (answer["result"], answer["key"]) == ("host-key-unknown", sshd.public("host"))
    answer = sshd.call("touch /tmp/burnin-oops", host_key=sshd.public("other"))
    assert (answer["result"], answer["key"]) == ("host-key-changed", sshd.public("host"))
    assert not Path("/tmp/burnin-oops").exists()
    # A comment behind the key is none of our business.
    assert sshd.call("echo x", host_key=sshd.public("host") + " somebody@somewhere")["result"] == "ok"
    sshd.start("rsa")
    try:
        assert sshd.call("echo x")["result"] == "host-key-changed"
    finally:
        sshd.start("host", "rsa", "ecdsa")


def test_authentication(sshd: Sshd) -> None:
    answer = sshd.call("echo x", key="other")
    assert answer["result"] == "authentication" and "refused the SSH key" in answer["reason"]
    assert sshd.call("echo x", user="nobody-of-that-name")["result"] == "authentication"


def test_no_configuration_of_the_user_is_read(sshd: Sshd, tmp_path: Path) -> None:
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh/config").write_text("Host *\n  User nosuchuser\n  Port 1\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(tmp_path))
        assert sshd.call("echo x")["result"] == "ok"


def test_silence_ends_a_call(sshd: Sshd) -> None:
    """At every step: connecting, the handshake, the command; and the next call is not harmed."""
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen()
        began = time.monotonic()
        assert sshd.call("echo x", timeout_ms=700, port=mute.getsockname()[1])["result"] == "timeout"
    answers = sshd.tool("call", "1500", "65536", "sleep 60", "echo again")
    assert [a["result"] for a in answers] == ["timeout", "ok"]
    assert 2 <= time.monotonic() - began < 20


def test_unreachable(sshd: Sshd) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    answers = sshd.tool("call", "5000", "65536", "echo x", "echo y", port=port)
    assert [a["result"] for a in answers] == ["unreachable", "unreachable"]
    assert "Connection refused" in answers[0]["reason"]


def test_names(sshd: Sshd) -> None:
    """localhost has two addresses here and there; sshd listens on one."""
    assert sshd.call("echo x", host="localhost")["result"] == "ok"
    answer = sshd.call("echo x", host="no-such-name.invalid")
    assert answer["result"] in ("unreachable", "timeout"), answer


def test_a_name_that_is_never_answered(sshd: Sshd, tmp_path: Path) -> None:
    """A resolver in a black hole: the call ends at its time, and the lookup with it."""
    (tmp_path / "resolv.conf").write_text("nameserver 127.0.0.1\noptions timeout:30\n")
    (tmp_path / "mute.py").write_text("import socket\ns = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
                                      "s.bind(('127.0.0.1', 53))\nopen('up', 'x')\nwhile True: s.recv(1000)\n")
    script = (f"cd {tmp_path}; mount --bind resolv.conf /etc/resolv.conf; ip link set lo up; /usr/bin/python3 mute.py & "
              f'cd {tmp_path}; while [ ! -e up ]; do sleep 0.05; done; "$@"; mount -t proc proc /proc; '
              "echo left=$(pgrep -c remote-tool)")
    began = time.monotonic()
    done = subprocess.run(["unshare", "--mount", "--net", "--pid", "--fork", "sh", "-c", script, "x", tool_path(),
                           "a-name.example", "22", "root", sshd.directory / "client", sshd.public("host"),
                           "call", "1000", "10", "true"], capture_output=True, text=True, timeout=60)
    answer = records(done.stdout)[0]
    assert (answer["result"], answer["left"]) == ("timeout", "0"), done
    assert time.monotonic() - began < 15


def test_lost_in_the_middle(sshd: Sshd) -> None:
    """The call that meets it is told; the next one opens a new connection."""
    with sshd.popen("call", "30000", "65536", "echo $PPID; sleep 60", "echo again") as process:
        pids = resources.until("the connection", sshd.connections, 10)
        resources.until("the command", lambda: "sleep 60" in resources.command("ps", "-eo", "args").stdout, 10)
        for pid in pids:        # type: ignore[attr-defined]
            os.kill(pid, signal.SIGKILL)
        out, _ = process.communicate(timeout=30)
    assert [a["result"] for a in records(out)] == ["unreachable", "ok"], out


def test_dropped_by_ourselves(sshd: Sshd) -> None:
    answers = sshd.tool("drop", "echo x; sleep 2")
    assert [a["result"] for a in answers] == ["unreachable", "ok"]


def test_freed_in_a_callback(sshd: Sshd) -> None:
    answers = sshd.tool("free", "echo x", "echo y", "echo z")
    assert [a["result"] for a in answers] == ["ok", "cancelled", "cancelled"]
    answers = sshd.tool("free", "echo x", "echo y", key="other")
    assert [a["result"] for a in answers] == ["authentication", "cancelled"]


def test_an_idle_connection(sshd: Sshd, tmp_path: Path) -> None:
    """It answers keep-alives, and its end while idle is not the next call's problem."""
    sshd.start("host", extra="ClientAliveInterval 1\nClientAliveCountMax 2")
    try:
        go = tmp_path / "go"
        with sshd.popen("idle", str(go), "echo $PPID") as process:
            assert process.stdout
            resources.until("the connection", sshd.connections, 10)
            time.sleep(4)       # nothing but time makes sshd ask; twice unanswered is the end
            go.touch()
            first, second = records(process.communicate(timeout=30)[0])
        assert first["result"] == second["result"] == "ok" and first["output"] == second["output"]

        go.unlink()
        with sshd.popen("idle", str(go), "echo $PPID") as process:
            assert process.stdout
            for line in process.stdout:
                if line.startswith("sha256="):
                    break
            for pid in sshd.connections():
                os.kill(pid, signal.SIGKILL)
            resources.until("the end", lambda: not sshd.connections(), 10)
            go.touch()
            out = process.communicate(timeout=30)[0]
        assert records(out)[-1]["result"] == "ok", out
    finally:
        sshd.start("host", "rsa", "ecdsa")


@pytest.mark.parametrize("host_key", ["nonsense", "ssh-dss AAAA", "ssh-ed25519"])
def test_a_host_key_that_is_none(sshd: Sshd, host_key: str) -> None:
    with sshd.popen("call", "1000", "10", "true", host_key=host_key) as process:
        assert process.communicate(timeout=20)[0].startswith("error=EINVAL")


def test_a_user_that_is_not_root(sshd: Sshd, tmp_path: Path) -> None:
    """Through sudo, which may not ask anything; what it complains about reaches us."""
    (tmp_path / "bin").mkdir(mode=0o755)
    (tmp_path / "bin/sudo").write_text('#!/bin/sh\n[ "$1" = -n ] || exit 7\nshift\necho "sudo: $1" >&2\nexec "$@"\n')
    (tmp_path / "bin/sudo").chmod(0o755)
    (tmp_path / "passwd").write_text("root:x:0:0::/root:/bin/sh\nsshd:x:100:65534::/run/sshd:/bin/false\n"
                                     "somebody:*:65534:65534::/:/bin/sh\n")
    sshd.stop()
    config = sshd.directory / "somebody.conf"
    text = (sshd.directory / "config").read_text()
    config.write_text(text.replace(f"{sshd.directory}/authorized", "/usr/local/bin/authorized"))
    shutil.copy(sshd.directory / "authorized", tmp_path / "bin")
    (tmp_path / "bin/authorized").chmod(0o644)
    # A user of our own making, and a sudo, in a mount name space that only this sshd sees.
    sshd.process = subprocess.Popen(["unshare", "--mount", "sh", "-c",
                                     f"mount --bind {tmp_path}/bin /usr/local/bin; mount --bind {tmp_path}/passwd /etc/passwd; "
                                     f"exec /usr/sbin/sshd -D -e -f {config}"], stderr=subprocess.DEVNULL)
    try:
        resources.until("sshd", sshd.answers, 10)
        answer = sshd.call('id -u; echo "$2"', user="somebody")
        assert (answer["result"], answer["exit"], answer["stderr"]) == ("ok", "0", "sudo: sh"), answer
        (tmp_path / "bin/sudo").write_text('#!/bin/sh\necho "sudo: a password is required" >&2; exit 1\n')
        assert sshd.tool("probe", "x", user="somebody")[0]["error"].endswith(": sudo: a password is required")
    finally:
        sshd.start("host", "rsa", "ecdsa")


# --- remote-run.h over it ------------------------------------------------------------------------------------

@pytest.fixture
def disk(tmp_path: Path) -> Iterator[str]:
    image = tmp_path / "disk.img"
    with open(image, "xb") as file:
        file.truncate(16 * MIB)
    device = resources.attach_loop(image)
    yield device.removeprefix("/dev/")
    resources.detach_loop(device, image)


def one(found: list[dict[str, str]]) -> dict[str, str]:
    assert len(found) == 1 and "error" not in found[0], found
    return found[0]


def test_a_run_over_ssh(sshd: Sshd, disk: str) -> None:
    with sshd.popen("facts") as process:
        facts = process.communicate(timeout=60)[0]
    ident = re.search(rf"(?m)^{disk} \S+ (\S+)$", facts).group(1)       # type: ignore[union-attr]
    assert re.search(r"(?m)^=[0-9a-f]{32} done$", facts)
    probe = one(sshd.tool("probe", ident))
    assert (probe["kname"], probe["ident"]) == (disk, ident) and int(probe["uptime"]) > 10 ** 6
    content = one(sshd.tool("fingerprint", disk, ident))["content"]
    assert sshd.tool("fingerprint", disk, "size:1")[0]["error"].startswith("ESTALE")

    run = secrets.token_hex(16)
    start = ["start", run, "5" * 32, disk, ident, "", content, probe["boot"], str(int(probe["uptime"]) + 60 * 10 ** 6)]
    status = one(sshd.tool(*start, *LONG))
    assert (status["state"], status["exclusive"], status["ident"]) == ("running", "1", ident), status
    assert status["run_boot"] == probe["boot"] and int(status["position"]) == 0
    # It lives on when every connection is gone.
    for pid in sshd.connections():
        with contextlib.suppress(ProcessLookupError):    # gone by itself meanwhile
            os.kill(pid, signal.SIGKILL)
    status = one(sshd.tool("status", run, disk, "0", "0"))
    assert (status["state"], status["log"], status["blocks"]) == ("running", "noise", "4711")
    one(sshd.tool("status", run, disk, "2", "1"))
    assert one(sshd.tool("pause", run, "heat", "57 degrees"))["paused_heat"] == "57 degrees"
    assert one(sshd.tool("status", run, disk, "0", "0"))["stopped"] == "1"
    status = one(sshd.tool("resume", run, "heat"))
    assert (status["stopped"], status["paused_heat"]) == ("0", "")
    assert sshd.tool("remove", run)[0]["error"].startswith("EBUSY")
    status = one(sshd.tool("cancel", run, "5"))
    assert (status["gone"], status["state"], status["exit"]) == ("1", "exited", "143")

    late = secrets.token_hex(16)
    start[1], start[-1] = late, "1"
    status = one(sshd.tool(*start, *LONG))
    assert (status["state"], status["refused"][:6]) == ("refused", "late: ")
    assert sshd.tool("remove", run) == []
    assert one(sshd.tool("status", run, disk, "0", "0"))["state"] == "none"


def test_kernel_log_over_ssh(sshd: Sshd, disk: str) -> None:
    last = one(sshd.tool("kmsg", "0", disk))["last"]
    Path("/dev/kmsg").write_text(f"burnin-test: I/O error, dev {disk}, sector 8\n")
    answer = one(sshd.tool("kmsg", last, disk))
    assert answer["line"] == f"burnin-test: I/O error, dev {disk}, sector 8" and int(answer["last"]) > int(last)


def test_errors_in_words(sshd: Sshd, disk: str) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    assert sshd.tool("probe", "x", port=port)[0]["error"].startswith("ENOTCONN cannot connect to")
    assert sshd.tool("probe", "x", key="other")[0]["error"].startswith("EACCES ")
    assert sshd.tool("probe", "x", host_key="-")[0]["error"].startswith("EKEYREJECTED ")
    assert sshd.tool("probe", "a b")[0]["error"] == "EREMOTEIO probe: a bad argument"
    assert sshd.tool("smart", "nosuchdisk")[0]["error"].startswith("EREMOTEIO ")
    sshd.start("host", extra="ForceCommand echo hello; echo you shall not pass >&2; exit 1")
    try:
        error = sshd.tool("probe", "x")[0]["error"]
        assert error.startswith("EBADMSG ") and "you shall not pass" in error
    finally:
        sshd.start("host", "rsa", "ecdsa")


def test_a_talkative_login_is_skipped(sshd: Sshd) -> None:
    sshd.start("host", extra='ForceCommand echo Welcome; echo; exec sh -c "$SSH_ORIGINAL_COMMAND"')
    try:
        assert one(sshd.tool("probe", "x"))["boot"]
    finally:
        sshd.start("host", "rsa", "ecdsa")


def test_the_agent(sshd: Sshd) -> None:
    """It is sent once, and runs there; where there is none for the machine, or the place is noexec, that is said."""
    installed = Path("/var/lib/burnin-run/bin")
    answer = sshd.tool("agent")
    if answer and answer[0]["error"].startswith("ENOENT"):
        pytest.skip("the product's agent is not installed")
    assert answer == []
    binaries = list(installed.glob("burnin-agent-*"))
    assert binaries and all(subprocess.run([b, "version"], capture_output=True).returncode == 0 for b in binaries)
    before = {b: b.stat().st_mtime_ns for b in binaries}
    assert sshd.tool("agent") == [] and before == {b: b.stat().st_mtime_ns for b in installed.glob("burnin-agent-*")}

    shutil.rmtree(installed)
    installed.mkdir(mode=0o700)
    resources.command("mount", "-t", "tmpfs", "-o", "noexec", "tmpfs", installed)
    try:
        assert sshd.tool("agent")[0]["error"].startswith("ENOEXEC ")
        assert not list(installed.iterdir())
    finally:
        resources.command("umount", installed)
