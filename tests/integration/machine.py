# SPDX-License-Identifier: LGPL-2.1-or-later
"""A throw-away machine: a real systemd with bus, polkit, journal and sshd, booted in under a second.

Its root is an overlay over the root of the computer that runs the tests, so that it has the same packages,
and nothing it writes reaches that computer. It needs root, and Debian's own python3 with python3-dbus and
python3-gi.

    with Machine("nas", build_dir=Path("build")) as m:      # start() on entry, close() on exit
        m.add_loop_drive("LOOP0001", 64)                    # -> '/dev/loop3'; serial LOOP0001 for smartctl
        m.run("burninctl list-drives")                      # as root; a string goes to sh
        m.run(["id"], user="nas")                           # any other user: in a transient unit
        m.wait_property("/org/burnin1", "org.burnin1.Manager", "RunningJobs", 0, timeout=30)

Life:      install(enable=...)  start(allow_degraded=False)  stop()  kill()  reboot()  close()
           running  leader  has_product
           stop() is a clean power-off; kill() is SIGKILL to everything at once: no process cleans up, but
           unlike in a power cut files keep what was written without fsync. start() after either keeps files
           and journal.
Commands:  run(argv|str, user=, check=, input=, timeout=, env=) -> CompletedProcess
           popen(argv|str, user=) : a context manager; the command ends with the block at the latest
           ssh(command, port=22, user="root") : from inside the machine to one of its tested hosts
Files:     path(p) -> Path as seen from outside    read(p)    write(p, text, mode=0o644, owner="root")
           (symbolic links are followed inside the machine, so that no write lands on the computer outside)
Bus:       bus(user=None) -> dbus connection with a pid and a unit of its own inside
           call(path, iface, method, signature, *args, service=, user=)
           watch_signal(iface, member, path) : a context manager; make it before what causes the signal,
                                               then .wait(predicate, timeout) -> Signal(.args, .path, ...)
           systemd_signals() : a context manager, needed for signals of units and jobs
           wait_signal(...)    wait_property(path, iface, name, value|predicate, timeout)
           wait_for(predicate, timeout) : for what sends no event
Journal:   cursor()   journal(*matches, cursor=) -> list of dicts
           wait_journal(predicate|regex, *matches, cursor=) -> dict
Drives:    add_loop_drive(serial, size_mb) -> '/dev/loopN'   remove_loop_drive(serial)
           set_smart(serial, {...}) : what smartctl says about it from now on (see bin/smartctl)
           set_nvme(serial, ...)    : it is an NVMe namespace, and what nvme says about it (see bin/nvme)
           They survive a reboot. Other loop devices and disks of the computer show up in /sys/block and
           lsblk (unless the tests run in tests/integration/alone), but have no node in /dev. There is no
           udevd: the harness keeps /run/udev/data for its own drives up to date.
Hosts:     host : the SshHost at port 22    ssh_host(port, systemd=, without=, busybox=, ...)
           mute_host(port)    (see sshhost.py for what an SshHost can do)

Every wait ends by an event or raises at its deadline. Network: only a namespace of its own (`netns`), in
which a guest started by `ip netns exec` shares 127.0.0.1 with the machine.
"""
from __future__ import annotations

import atexit
import contextlib
import hashlib
import itertools
import json
import os
import re
import secrets
import select
import shlex
import shutil
import signal
import socket
import stat
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import dbus.bus

import busclient
import resources
import sshhost
from busclient import Signal, SignalWatch, WaitTimeout
from resources import HarnessError
from sshhost import SshHost

HERE = Path(__file__).resolve().parent
DRIVES = "/var/lib/burnin-test/drives"
LIBEXEC = "/usr/libexec/burnin-test"
SERVICE = "org.burnin1"

ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root",
               "LANG": "C.UTF-8", "TERM": "dumb"}

# The computer's own configuration, data and enabled services have no business in the machine.
HIDDEN = ("root", "home", "srv", "tmp", "var/tmp", "var/log", "var/lib/burnin", "var/lib/systemd",
          "etc/burnin", "etc/systemd/system", "etc/systemd/network", "etc/ssh", "etc/polkit-1/rules.d",
          "etc/cron.d", "etc/rc2.d", "etc/rc3.d", "etc/rc4.d", "etc/rc5.d", "etc/rcS.d")
SYSTEM_DIRECTORIES = {"bin", "boot", "dev", "etc", "home", "lib", "lib32", "lib64", "libx32", "media", "mnt",
                      "opt", "proc", "root", "run", "sbin", "srv", "sys", "tmp", "usr", "var"}

FILES = {
    "/etc/fstab": "",
    "/etc/resolv.conf": "",
    "/etc/systemd/journald.conf.d/burnin-test.conf":
        "[Journal]\nStorage=persistent\nRateLimitIntervalSec=0\nForwardToWall=no\n",
    # The machine has no kernel log and no console of its own; a hanging stop must not eat a test's time.
    "/etc/systemd/system.conf.d/burnin-test.conf":
        "[Manager]\nShowStatus=no\nDefaultTimeoutStopSec=20s\nDefaultTimeoutStartSec=30s\n",
    # Without a change of /usr the stock unit would be skipped, and the product's users never made.
    "/etc/systemd/system/systemd-sysusers.service.d/burnin-test.conf": "[Unit]\nConditionNeedsUpdate=\n",
    "/etc/sysusers.d/burnin-test.conf":
        'u nas 2000 "a user who may become root" /home/nas /bin/sh\n'
        'u visitor 2001 "a user without rights" /home/visitor /bin/sh\n',
    "/etc/tmpfiles.d/burnin-test.conf": "d /home/nas 0755 nas nas\nd /home/visitor 0755 visitor visitor\n",
    "/etc/systemd/system/harness-udev@.path":
        "[Unit]\nDescription=Watch %i, as udevd would\n\n[Path]\nPathChanged=/dev/%i\n",
    "/etc/systemd/system/harness-udev@.service":
        f"[Unit]\nDescription=Probe %i, as udevd would\nStartLimitIntervalSec=0\n\n"
        f"[Service]\nType=oneshot\nExecStart={LIBEXEC}/udev-probe %i\n",
}

OUR_UNITS = re.compile(r"burnind\.service|burnin[-.].*")
OUR_IDENTIFIERS = re.compile(r"burnind|burnin[-.].*|burninctl")


def is_ours(entry: Mapping[str, Any]) -> bool:
    """Whether a journal entry is by one of the product's units or programs, or (from PID 1) about one."""
    units = (str(entry.get(field, "")) for field in ("_SYSTEMD_UNIT", "UNIT", "OBJECT_SYSTEMD_UNIT"))
    return any(OUR_UNITS.fullmatch(unit) for unit in units) or bool(
        OUR_IDENTIFIERS.fullmatch(str(entry.get("SYSLOG_IDENTIFIER", ""))))


class Machine:
    """See the top of this file."""

    def __init__(self, name: str | None = None, build_dir: Path | None = None, workdir: Path | None = None,
                 netns: str | None = None) -> None:
        if os.geteuid() != 0:
            raise HarnessError("the test machine needs root")
        resources.sweep()
        self.name = name or "machine"
        self.build_dir = build_dir
        ident = f"{self.name}-{secrets.token_hex(3)}"
        self.netns = netns or f"burnin-{ident}"
        scratch = Path(tempfile.mkdtemp(prefix=f"burnin-test-{ident}-", dir=workdir)).resolve()
        self._record = resources.Record(ident, scratch, self.netns, own_netns=netns is None)
        self._nspawn: subprocess.Popen[bytes] | None = None
        self.leader: int | None = None
        self.drives: dict[str, tuple[str, str | None]] = {}   # serial -> device, wwn
        self._bus: dbus.bus.BusConnection | None = None
        self._buses: list[dbus.bus.BusConnection] = []
        self._counter = itertools.count(1)
        self._closed = False
        self.console = Path(scratch, "console.log")
        with resources.locked():
            self._record.write()
        atexit.register(self.close)
        try:
            self._prepare()
            self.install()
        except BaseException:
            self.close()
            raise

    # --- life --------------------------------------------------------------------------------------------

    @property
    def root(self) -> Path:
        """The machine's root directory seen from outside, without what is mounted on it while it runs."""
        return self._record.workdir / "root"

    @property
    def has_product(self) -> bool:
        return (self.root / "usr/lib/systemd/system/burnind.service").exists()

    @property
    def running(self) -> bool:
        return self._nspawn is not None and self._nspawn.poll() is None

    def __enter__(self) -> Machine:
        if not self.running:
            self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _prepare(self) -> None:
        scratch = self._record.workdir
        resources.command("mount", "-t", "tmpfs", "-o", "mode=0755", "tmpfs", scratch)
        upper, work = scratch / "upper", scratch / "work"
        for path in (upper, work, self.root):
            path.mkdir(mode=0o755)
        for relative in HIDDEN:
            resources.hide(upper, Path("/"), relative)
        for entry in os.listdir("/"):
            if entry not in SYSTEM_DIRECTORIES:
                resources.hide(upper, Path("/"), entry)
        resources.mount_overlay(Path("/"), upper, work, self.root)
        if self._record.own_netns:
            resources.make_netns(self.netns)
        self._configure()

    def _configure(self) -> None:
        os.mknod(self.root / "dev/null", stat.S_IFCHR | 0o666, os.makedev(1, 3))    # inside() may need it
        for path, text in FILES.items():
            self.write(path, text)
        for path, mode in (("/root", 0o700), ("/tmp", 0o1777), ("/var/tmp", 0o1777)):
            self.path(path).chmod(mode)
        self.write("/etc/hostname", f"{self.name}\n")
        self.write("/etc/hosts", f"127.0.0.1 localhost {self.name}\n::1 localhost\n")
        self.write("/etc/machine-id", digest(self.name) + "\n", mode=0o444)
        self._edit("/etc/shadow", r"^root:[^:]*:", "root:*:")
        self._edit("/etc/passwd", r"^(root:.*):[^:]*$", r"\1:/bin/sh")     # dash: nothing but POSIX
        if self.path("/etc/sudoers.d").is_dir():
            self.write("/etc/sudoers.d/burnin-test", "nas ALL=(ALL:ALL) NOPASSWD: ALL\n", mode=0o440)

        self.path(DRIVES).mkdir(parents=True)
        for script in ("garbage", "udev-probe"):
            self.write(f"{LIBEXEC}/{script}", (HERE / "bin" / script).read_text(), mode=0o755)
        real = self.path("/usr/sbin/smartctl")
        if real.exists():
            shutil.copy2(real, self.path(LIBEXEC) / "smartctl.real")
        for tool in ("smartctl", "nvme"):
            self.write(f"/usr/sbin/{tool}", (HERE / "bin" / tool).read_text(), mode=0o755)

        self.path("/etc/ssh/hosts").mkdir(parents=True)
        self.path("/etc/burnin").mkdir(exist_ok=True)
        self.inside(f"ssh-keygen -q -t ed25519 -N '' -C burnin-test -f {sshhost.CLIENT_KEY}")
        self.write(sshhost.AUTHORIZED, self.read(f"{sshhost.CLIENT_KEY}.pub"))
        self.host = sshhost.add(self, 22)
        self._enable(self.host.unit)

    def _edit(self, path: str, pattern: str, replacement: str) -> None:
        file = self.path(path)
        info = file.stat()
        text = re.sub(pattern, replacement, file.read_text(), flags=re.MULTILINE)
        self.write(path, text, mode=stat.S_IMODE(info.st_mode), owner=f"{info.st_uid}:{info.st_gid}")

    def _enable(self, *units: str) -> None:
        resources.command("systemctl", f"--root={self.root}", "--quiet", "enable", *units)

    def install(self, enable: Sequence[str] = ("burnind.service",)) -> None:
        """Install the product from the build directory, and enable those of these units that exist."""
        if self.build_dir is None or not (self.build_dir / "build.ninja").exists():
            return
        done = subprocess.run(["meson", "install", "-C", self.build_dir, "--no-rebuild", "--quiet"],
                              env={**os.environ, "DESTDIR": str(self.root)}, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120)
        if done.returncode != 0:
            raise HarnessError(f"meson install: exit status {done.returncode}\n{done.stdout}")
        present = [unit for unit in enable if self.path(f"/usr/lib/systemd/system/{unit}").exists()]
        if present:
            self._enable(*present)
        if self.running:
            self.run(["systemctl", "daemon-reload"])

    def start(self, allow_degraded: bool = False, timeout: float = 60) -> None:
        """Boot, and wait until systemd says that it is up."""
        if self.running:
            raise HarnessError(f"{self.name} is running already")
        deadline = time.monotonic() + timeout
        cgroup = self._record.cgroup
        resources.remove_cgroup(cgroup)
        cgroup.mkdir()
        notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        address = self._record.workdir / "notify"
        address.unlink(missing_ok=True)
        notify.bind(str(address))
        # A cgroup of its own, because nspawn calls the machine's part of it 'payload', always. More
        # capabilities than by default, so that systemd inside can apply IPAddressDeny= and DevicePolicy=.
        argv = ["systemd-nspawn", f"--directory={self.root}", f"--machine={self._record.ident}",
                f"--hostname={self.name}", "--register=no", "--keep-unit", "--boot", "--notify-ready=yes",
                "--console=pipe", "--link-journal=no", "--resolv-conf=off", "--timezone=off",
                f"--network-namespace-path=/run/netns/{self.netns}",
                "--capability=CAP_BPF,CAP_PERFMON,CAP_NET_ADMIN,CAP_SYSLOG", "--system-call-filter=bpf"]
        if resources.has_own_view():
            argv.append("--bind-ro=/sys/block")
        enter = f'echo $$ > {shlex.quote(str(cgroup))}/cgroup.procs && exec "$@"'
        with open(self.console, "ab") as console:
            self._nspawn = subprocess.Popen(
                ["sh", "-c", enter, "sh", *argv], stdin=subprocess.DEVNULL, stdout=console,
                stderr=subprocess.STDOUT, start_new_session=True,
                env={**ENVIRONMENT, "NOTIFY_SOCKET": str(address), "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1"})
        try:
            with notify:
                self._await_boot(notify, deadline)
            address.unlink()
            (cgroup / "payload/harness").mkdir()
            # nspawn gives no kernel log, which is evidence on a tested host; after the boot, so that journald
            # does not take the computer's log for the machine's.
            os.mknod(self.path("/dev/kmsg"), stat.S_IFCHR | 0o640, os.makedev(1, 11))
            for serial in self.drives:
                self._plug(serial)
            state = self.run(["systemctl", "is-system-running", "--wait"], check=False,
                             timeout=max(1, deadline - time.monotonic())).stdout.strip()
            if state != "running" and not (allow_degraded and state == "degraded"):
                failed = self.run("systemctl --failed --no-legend --plain\n"
                                  "journalctl -b -p err --no-pager -n 30", check=False).stdout
                raise HarnessError(f"{self.name} is {state or 'in no state at all'}:\n{failed}")
        except BaseException:
            self.kill()
            raise

    def _await_boot(self, notify: socket.socket, deadline: float) -> None:
        assert self._nspawn is not None
        pidfd = os.pidfd_open(self._nspawn.pid)
        try:
            ready = False
            while not ready:
                left = deadline - time.monotonic()
                readable = select.select([notify, pidfd], [], [], max(0, left))[0] if left > 0 else []
                if notify in readable:
                    for line in notify.recv(65536).decode(errors="replace").splitlines():
                        if line.startswith("X_NSPAWN_LEADER_PID="):
                            self.leader = int(line.partition("=")[2])
                        ready = ready or line == "READY=1"
                else:
                    why = "nspawn ended" if pidfd in readable else "deadline passed"
                    raise HarnessError(f"{self.name} did not boot ({why}); its console:\n"
                                       f"{self.console.read_text(errors='replace')[-4000:]}")
        finally:
            os.close(pidfd)
        if self.leader is None:
            raise HarnessError("nspawn did not tell its leader's pid")

    def stop(self, timeout: float = 60) -> None:
        """Power off cleanly."""
        if not self.running:
            return
        assert self._nspawn is not None and self.leader is not None
        self._drop_buses()
        os.kill(self.leader, signal.SIGRTMIN + 4)      # systemd: start poweroff.target
        try:
            self._nspawn.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            raise HarnessError(f"{self.name} did not power off within {timeout} s; its console:\n"
                               f"{self.console.read_text(errors='replace')[-4000:]}") from None
        self._ended()

    def kill(self) -> None:
        """Stop every process at once, without a chance to clean up."""
        resources.kill_cgroup(self._record.cgroup)
        if self._nspawn is not None:
            self._nspawn.wait(10)
        self._drop_buses()
        self._ended()

    def _ended(self) -> None:
        self._nspawn = self.leader = None
        resources.kill_cgroup(self._record.cgroup)     # a harness command may have outlived systemd
        resources.remove_cgroup(self._record.cgroup)

    def reboot(self, **options: Any) -> None:
        """Clean power-off, then start."""
        self.stop()
        self.start(**options)

    def close(self) -> None:
        """End the machine and give back everything it held."""
        if self._closed:
            return
        self._closed = True
        atexit.unregister(self.close)
        try:
            self.kill()
        finally:
            self._record.release()

    # --- commands ----------------------------------------------------------------------------------------

    def _argv(self, argv: Sequence[str] | str, user: str | None,
              env: Mapping[str, str]) -> tuple[list[str], str]:
        """How to run something inside, and in which cgroup or unit it will be."""
        if not self.running:
            raise HarnessError(f"{self.name} is not running")
        words = ["sh", "-c", argv] if isinstance(argv, str) else [str(a) for a in argv]
        tag = f"harness-{next(self._counter)}"
        cgroup = self._record.cgroup / "payload/harness" / tag
        cgroup.mkdir()
        enter = f'echo $$ > {shlex.quote(str(cgroup))}/cgroup.procs && exec "$@"'
        prefix = ["sh", "-c", enter, "sh", "nsenter", f"--target={self.leader}", "--all", "--"]
        if user is not None:
            prefix += ["systemd-run", "--quiet", "--pipe", "--wait", "--collect", "--service-type=exec",
                       f"--unit={tag}", f"--uid={user}", "--working-directory=/",
                       *(f"--setenv={name}={value}" for name, value in env.items()), "--"]
        return prefix + words, tag

    def _finish(self, process: subprocess.Popen[Any], tag: str, user: str | None) -> None:
        """End what is left of a command. From the inside out: nsenter must live to reap its child, else that
        becomes an orphan of the computer's init, and its zombie holds up the machine's power-off."""
        cgroup = self._record.cgroup / "payload/harness" / tag
        if process.poll() is None:
            if user is not None and self.running:
                self.run(["systemctl", "kill", "--signal=KILL", f"{tag}.service"], check=False)
            with contextlib.suppress(FileNotFoundError):
                for pid in map(int, (cgroup / "cgroup.procs").read_text().split()):
                    if pid != process.pid:
                        with contextlib.suppress(ProcessLookupError):
                            os.kill(pid, signal.SIGKILL)
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            with contextlib.suppress(FileNotFoundError):
                resources.kill_cgroup(cgroup)
        with contextlib.suppress(OSError):
            cgroup.rmdir()      # stays when something was left running in it on purpose

    @contextlib.contextmanager
    def popen(self, argv: Sequence[str] | str, user: str | None = None, env: Mapping[str, str] | None = None,
              **options: Any) -> Iterator[subprocess.Popen[Any]]:
        """Run a command beside the test; it ends with the block at the latest."""
        env = env or {}
        words, tag = self._argv(argv, user, env)
        options = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT,
                   "text": True, "errors": "replace", **options}
        with subprocess.Popen(words, env={**ENVIRONMENT, **env}, **options) as process:
            try:
                yield process
            finally:
                self._finish(process, tag, user)

    def run(self, argv: Sequence[str] | str, user: str | None = None, check: bool = True,
            input: str | None = None, timeout: float = 30,
            env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        """Run a command to its end: as root outside any unit, as a named user in a unit of its own."""
        with self.popen(argv, user, env, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            out, err = process.communicate(input or "", timeout)
        if check and process.returncode != 0:
            raise AssertionError(f"{argv!r} as {user or 'root'}: exit status {process.returncode}\n"
                                 f"{out}{err}")
        return subprocess.CompletedProcess(argv, process.returncode, out, err)

    def inside(self, script: str) -> str:
        """A shell script with the machine's root as root directory, whether it runs or not."""
        if self.running:
            return self.run(["sh", "-euc", script], timeout=60).stdout
        return resources.command("chroot", self.root, "/usr/bin/env", "-i",
                                 *(f"{name}={value}" for name, value in ENVIRONMENT.items()),
                                 "sh", "-euc", script).stdout

    # --- files -------------------------------------------------------------------------------------------

    def path(self, path: str | Path) -> Path:
        """Where a file of the machine lies, seen from outside. Symbolic links are followed inside."""
        base = Path(f"/proc/{self.leader}/root") if self.running else self.root
        parts = list(Path(path).parts)[::-1]
        done: list[str] = []
        links = 0
        while parts:
            part = parts.pop()
            if part == "/":
                done.clear()
            elif part == "..":
                del done[-1:]
            else:
                here = base.joinpath(*done, part)
                if here.is_symlink():
                    links += 1
                    if links > 40:
                        raise HarnessError(f"{path}: too many symbolic links")
                    parts += list(Path(os.readlink(here)).parts)[::-1]
                else:
                    done.append(part)
        return base.joinpath(*done)

    def read(self, path: str | Path) -> str:
        return self.path(path).read_text(errors="replace")

    def write(self, path: str | Path, text: str, mode: int = 0o644, owner: str = "root") -> None:
        """Replace a file atomically; missing parents are made. `owner` is USER, USER:GROUP or numbers."""
        target = self.path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        fd, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
        with os.fdopen(fd, "w") as file:
            file.write(text)
            os.fchown(fd, *self._owner(owner))
            os.fchmod(fd, mode)
        os.rename(temporary, target)

    def _owner(self, owner: str) -> tuple[int, int]:
        def number(name: str, database: str, column: int) -> int:
            if name.isdecimal():
                return int(name)
            for line in self.read(database).splitlines():
                fields = line.split(":")
                if fields[0] == name:
                    return int(fields[column])
            raise HarnessError(f"{database} of {self.name} has no {name}")

        user, _, group = owner.partition(":")
        if not group and user.isdecimal():
            return int(user), int(user)
        return number(user, "/etc/passwd", 2), (number(group, "/etc/group", 2) if group else
                                                number(user, "/etc/passwd", 3))

    # --- bus ---------------------------------------------------------------------------------------------

    def bus(self, user: str | None = None) -> dbus.bus.BusConnection:
        """A connection to the system bus: root's is made once and shared, another user's anew each time."""
        if user is None and self._bus is not None and self._bus.get_is_connected():
            return self._bus
        words, _ = self._argv(["systemd-stdio-bridge"], user or "root", {})
        # libdbus gives the command the environment and the stderr of the test, where it would only disturb
        bus = busclient.connect(["/usr/bin/env", "-i", f"PATH={ENVIRONMENT['PATH']}",
                                 "sh", "-c", 'exec "$@" 2>/dev/null', "sh", *words])
        self._buses.append(bus)
        if user is None:
            self._bus = bus
        return bus

    def _drop_buses(self) -> None:
        for bus in self._buses:
            bus.close()
        self._buses.clear()
        self._bus = None

    def call(self, path: str, interface: str, method: str, signature: str = "", *args: Any,
             service: str = SERVICE, user: str | None = None, timeout: float = 30) -> Any:
        """One method call; raises dbus.DBusException."""
        bus = self.bus(user)
        try:
            return bus.call_blocking(service, path, interface, method, signature, args, timeout=timeout)
        finally:
            if user is not None:
                self._buses.remove(bus)
                bus.close()

    def watch_signal(self, interface: str | None = None, member: str | None = None, path: str | None = None,
                     sender: str | None = None) -> SignalWatch:
        return SignalWatch(self.bus(), interface, member, path, sender)

    @contextlib.contextmanager
    def systemd_signals(self) -> Iterator[None]:
        """Make systemd send signals about units and jobs. Not on by default: systemd broadcasts them as soon
        as anyone has subscribed, which would hide that the product has forgotten to."""
        manager = "/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager"
        self.call(*manager, "Subscribe", service="org.freedesktop.systemd1")
        try:
            yield
        finally:
            if self._bus is not None:
                self.call(*manager, "Unsubscribe", service="org.freedesktop.systemd1")

    def wait_signal(self, interface: str | None = None, member: str | None = None, path: str | None = None,
                    predicate: Callable[[Signal], bool] | None = None, timeout: float = 10) -> Signal:
        """The next such signal from now on. Where the test causes it itself, use watch_signal."""
        with self.watch_signal(interface, member, path) as watch:
            return watch.wait(predicate, timeout)

    def wait_property(self, path: str, interface: str, name: str, wanted: object, timeout: float = 10,
                      service: str = SERVICE) -> Any:
        """Wait until a property has this value, or one that this predicate accepts; returns the value."""
        return busclient.wait_property(self.bus(), service, path, interface, name, wanted, timeout)

    def wait_for(self, predicate: Callable[[], object], timeout: float = 10, what: str = "") -> Any:
        """Wait for something the machine tells nobody about (a file, a process): looks again and again, and
        after every bus message. Prefer the waits above where there is an event."""
        self.bus()
        deadline = time.monotonic() + timeout
        while not (value := predicate()):
            if time.monotonic() >= deadline:
                raise WaitTimeout(f"{what or predicate}: not within {timeout} s")
            busclient.pump(lambda: False, 0.1)
        return value

    # --- journal -----------------------------------------------------------------------------------------

    def cursor(self) -> str:
        """A mark in the journal: what is logged later comes after it."""
        return self._journalctl("--sync", "--lines=1")[-1]["__CURSOR"]

    def journal(self, *matches: str, cursor: str | None = None) -> list[dict[str, Any]]:
        """Journal entries, the oldest first; also of a machine that is off. Matches as for journalctl:
        FIELD=value, --unit=..., --boot."""
        # Not --after-cursor: where the cursor's own entry does not match, systemd 252 drops one too many.
        entries = self._journalctl("--sync", *matches, *([f"--cursor={cursor}"] if cursor else []))
        return [e for e in entries if e["__CURSOR"] != cursor]

    def _journalctl(self, *arguments: str) -> list[dict[str, Any]]:
        words = ["journalctl", "--output=json", "--all", "--no-pager",
                 *(a for a in arguments if a != "--sync")]
        if not self.running:
            lines = resources.command(*words, f"--directory={self.root}/var/log/journal").stdout
        else:
            if "--sync" in arguments:
                self.run(["journalctl", "--sync"])
            lines = self.run(words).stdout
        return [decode_entry(line) for line in lines.splitlines()]

    def wait_journal(self, wanted: str | Callable[[dict[str, Any]], bool], *matches: str,
                     cursor: str | None = None, timeout: float = 10) -> dict[str, Any]:
        """The first entry, after the cursor or from now on, whose message fits a regex (or a predicate)."""
        fits = wanted if callable(wanted) else lambda e: bool(re.search(wanted, str(e.get("MESSAGE", ""))))
        start = [f"--cursor={cursor}", "--lines=all"] if cursor else ["--lines=0"]
        argv = ["journalctl", "--follow", "--output=json", "--all", *start, *matches]
        deadline = time.monotonic() + timeout
        with self.popen(argv, text=False, errors=None, bufsize=0) as follow:
            buffer = b""
            while (left := deadline - time.monotonic()) > 0:
                if not select.select([follow.stdout], [], [], left)[0]:
                    break
                chunk = os.read(follow.stdout.fileno(), 65536)
                if not chunk:
                    break
                *lines, buffer = (buffer + chunk).split(b"\n")
                for line in lines:
                    entry = decode_entry(line.decode(errors="replace"))
                    if entry["__CURSOR"] != cursor and fits(entry):
                        return entry
        raise WaitTimeout(f"no journal entry {wanted!r} {matches} within {timeout} s")

    def flight_record(self, lines: int = 100, cursor: str | None = None) -> str:
        """The last journal lines of our units, for a failed test's report."""
        entries = [e for e in self.journal(cursor=cursor) if is_ours(e)]
        return "\n".join(format_entry(e) for e in entries[-lines:])

    # --- drives ------------------------------------------------------------------------------------------

    def add_loop_drive(self, serial: str, size_mb: int, wwn: str | None = "auto", sector_size: int = 512,
                       rotational: bool = True, device: str = "") -> str:
        """Plug in a drive: a sparse image (kept, if there is one) behind this loop device, or a free one.

        Its WWN is made from the serial, unless one is given ('0x' and 16 digits) or refused (None)."""
        if serial in self.drives:
            raise HarnessError(f"drive {serial} is plugged in already")
        if not re.fullmatch(r"[A-Za-z0-9_-]{1,40}", serial):
            raise HarnessError(f"{serial!r} is no serial that can be a file's name")
        image = self._image(serial)
        if wwn == "auto":
            wwn = "0x5000c500" + digest(serial)[:8]
        with open(image, "ab") as file:
            if file.tell() == 0:
                file.truncate(size_mb << 20)
        device = resources.attach_loop(image, sector_size, rotational, device)
        self.drives[serial] = (device, wwn)
        if self.running:
            self._plug(serial)
        return device

    def remove_loop_drive(self, serial: str, keep_image: bool = False) -> None:
        """Unplug a drive that nobody uses any more, with its data unless told otherwise."""
        device = self.drives[serial][0]
        if self.running:
            name = Path(device).name
            self.run(f"systemctl stop harness-udev@{name}.path; rm -f {device} /dev/disk/by-id/*{serial} "
                     f"/run/udev/data/b{self._number(device)} /run/harness-udev/{name}")
        resources.detach_loop(device, self._image(serial))
        del self.drives[serial]
        if not keep_image:
            for path in (self.root / DRIVES[1:]).glob(f"{serial}.img*"):
                path.unlink()

    def _image(self, serial: str) -> Path:
        return self.root / DRIVES[1:] / f"{serial}.img"

    @staticmethod
    def _number(device: str) -> str:
        return (resources.sys_path(device) / "dev").read_text().strip()

    def _plug(self, serial: str) -> None:
        """What the kernel and udev do when a drive appears: node, links, entry in udev's database."""
        device, wwn = self.drives[serial]
        name = Path(device).name
        node = self.path("/dev") / name
        node.unlink(missing_ok=True)
        os.mknod(node, stat.S_IFBLK | 0o660, os.makedev(*map(int, self._number(device).split(":"))))
        os.chown(node, *self._owner("root:disk"))
        os.chmod(node, 0o660)
        links = [f"disk/by-id/ata-BURNIN_LOOP_{serial}"] + ([f"disk/by-id/wwn-{wwn}"] if wwn else [])
        for link in links:
            self.run(f"mkdir -p /dev/disk/by-id; ln -sfn ../../{name} /dev/{link}")
        properties = {"ID_MODEL": "BURNIN_LOOP", "ID_SERIAL": f"BURNIN_LOOP_{serial}",
                      "ID_SERIAL_SHORT": serial, "ID_BUS": "ata", "ID_TYPE": "disk"} | (
                          {"ID_WWN": wwn} if wwn else {})
        self.write(f"/run/harness-udev/{name}", "".join(f"S:{link}\n" for link in links) +
                   "".join(f"E:{key}={value}\n" for key, value in properties.items()))
        self.run(["systemctl", "start", f"harness-udev@{name}.path", f"harness-udev@{name}.service"])

    def set_smart(self, serial: str, values: Mapping[str, Any]) -> None:
        """What smartctl says about a drive from now on, laid over what the stand-in says by itself."""
        self.write(f"{DRIVES}/{serial}.img.smart.json", json.dumps(values, indent=1))

    def set_nvme(self, serial: str, **values: Any) -> None:
        """From now on the drive is an NVMe namespace, about which the stand-in nvme says this."""
        self.write(f"{DRIVES}/{serial}.img.nvme.json", json.dumps(values, indent=1))

    # --- tested hosts ------------------------------------------------------------------------------------

    def ssh_host(self, port: int, *, user: str = "root", systemd: bool = True, without: Sequence[str] = (),
                 busybox: bool = False, tools: Sequence[str] = (), force_command: str | None = None,
                 config: str = "") -> SshHost:
        """One more tested host, at 127.0.0.1:port, with a host key of its own; up at once and at every boot.

        systemd=False: a root directory of its own without systemd's tools and the tools named in `without`.
        without=...:   with systemd: those tools are there but cannot be run ('Permission denied').
        busybox=True:  nothing but busybox and `tools`, in a root directory of its own; no systemd.
        force_command: sshhost.GARBAGE, sshhost.SILENCE, or any shell command, whatever the client asks for.
        config:        further lines for its sshd_config.
        """
        host = sshhost.add(self, port, user=user, systemd=systemd, without=tuple(without), busybox=busybox,
                           tools=tuple(tools), force_command=force_command, config=config)
        return self._begin(host)

    def mute_host(self, port: int) -> SshHost:
        """A host that accepts connections and never says a word, not even SSH's banner."""
        return self._begin(sshhost.add_mute(self, port))

    def _begin(self, host: SshHost) -> SshHost:
        self._enable(host.unit)
        if self.running:
            self.run(["systemctl", "daemon-reload"])
            host.start()
        return host

    def ssh(self, remote: str, port: int = 22, user: str = "root", check: bool = True,
            input: str | None = None, timeout: float = 30) -> subprocess.CompletedProcess[str]:
        """A command on one of the tested hosts, by the OpenSSH client inside the machine."""
        return self.run(["ssh", "-F", "none", "-i", sshhost.CLIENT_KEY, "-p", str(port),
                         "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no",
                         "-o", "UserKnownHostsFile=/dev/null",
                         "-o", "LogLevel=ERROR", f"{user}@127.0.0.1", remote],
                        check=check, input=input, timeout=timeout)


def digest(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def decode_entry(line: str) -> dict[str, Any]:
    """One line of journalctl -o json; fields that are not plain text come as lists of bytes."""
    def text(value: Any) -> Any:
        if isinstance(value, list) and all(isinstance(v, int) for v in value):
            return bytes(value).decode(errors="replace")
        return value

    return {key: text(value) for key, value in json.loads(line).items()}


def format_entry(entry: Mapping[str, Any]) -> str:
    stamp = int(entry["__REALTIME_TIMESTAMP"])
    clock = time.strftime("%H:%M:%S", time.gmtime(stamp // 1_000_000)) + f".{stamp % 1_000_000 // 1000:03d}"
    unit = entry.get("UNIT") or entry.get("_SYSTEMD_UNIT", "")
    return (f"{clock} <{entry.get('PRIORITY', '?')}> {entry.get('SYSLOG_IDENTIFIER', '?')}"
            f"[{entry.get('_PID', '?')}] {unit}: {entry.get('MESSAGE', '')}")
