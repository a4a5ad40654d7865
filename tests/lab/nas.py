#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The lab's NAS: a Debian guest in QEMU with real drives in every state that burnin must tell apart.

    with Nas("/tmp/nas", port=2222) as nas:
        print(nas.ssh("lsblk"))
        nas.throttle("WD-FREE01", 1_000_000)
        nas.set_link(False)

README.md has the table of drives. Rules of life:

  * QEMU is a child of the thread that called start(): the kernel kills it when that thread ends, however it
    ends. Call start() from the main thread; the rest may be called from any.
  * stop() may be called at any time and any number of times; so may power_cut().
  * The guest's root disk and its drives are files in `workdir`. They outlive stop() and power_cut(): the
    next start() in the same folder boots the same NAS, whatever became of the image it was made from. A
    new folder is a new NAS.
  * The drives' states are made in the first start(), and brought back (pool imported, file system
    mounted, array running) in every later one and after reset().
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import select
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ADDRESS = "127.0.0.1"
READY = b"burnin-lab: ready"


class NasError(RuntimeError):
    """The guest, or something asked of it, did not do what it should."""


@dataclasses.dataclass(frozen=True)
class Drive:
    """One drive. `state` is what is on it; 'free' means nothing at all.

    bus: ahci (SMART, not hot pluggable), scsi (virtio-scsi, no SMART, hot pluggable), nvme (hot pluggable)
    or scsi_debug (made by the guest's kernel, in its memory, with unreadable sectors).
    state: free, zfs:POOL, zfs-exported:POOL, ext4:MOUNTPOINT, lvm:VG, md:DEVICE, luks, gpt.
    Drives with the same zfs:POOL are one mirror.
    """

    serial: str
    bus: str = "ahci"
    state: str = "free"
    size_mb: int = 256
    model: str = "WDC WD80EFAX"
    wwn: int | None = None
    rotation_rate: int = 7200

    @property
    def id(self) -> str:
        return "drive-" + self.serial


def default_drives(free_mb: int = 256, used_mb: int = 128) -> tuple[Drive, ...]:
    """The table in README.md, with these sizes for the drives that may be burned in and for those in use."""

    def wwn(n: int) -> int:
        return 0x5000C500A0000000 + n

    return (
        Drive("WD-TANK01", state="zfs:tank", size_mb=used_mb, wwn=wwn(1)),
        Drive("WD-TANK02", state="zfs:tank", size_mb=used_mb, wwn=wwn(2)),
        Drive("WD-VAULT1", state="zfs-exported:vault", size_mb=used_mb, wwn=wwn(3)),
        Drive("WD-MOUNT1", state="ext4:/mnt/data", size_mb=used_mb, wwn=wwn(4)),
        Drive("WD-LVMPV1", state="lvm:vgdata", size_mb=used_mb, wwn=wwn(5)),
        Drive("WD-MDRAID1", state="md:/dev/md0", size_mb=used_mb, wwn=wwn(6)),
        Drive("WD-LUKS01", state="luks", size_mb=used_mb, wwn=wwn(7)),
        Drive("WD-PARTS1", state="gpt", size_mb=used_mb, wwn=wwn(8)),
        Drive("WD-FREE01", size_mb=free_mb, wwn=wwn(9)),
        Drive("WD-FREE02", size_mb=free_mb, wwn=wwn(10)),
        Drive("WD-FREE03", size_mb=free_mb, wwn=wwn(11)),
        Drive("SG-HOT01", bus="scsi", size_mb=free_mb, model="SEAGATE ST8000NM0055", wwn=wwn(33)),
        Drive("SG-HOT02", bus="scsi", size_mb=free_mb, model="SEAGATE ST8000NM0055", wwn=wwn(34)),
        Drive("NVME0001", bus="nvme", size_mb=free_mb, model="QEMU NVMe Ctrl", rotation_rate=0),
        Drive("2000", bus="scsi_debug", size_mb=64, model="scsi_debug", rotation_rate=0),
    )


DEFAULT_DRIVES = default_drives()


def build_image() -> Path:
    """Folder of the guest's image; builds it first where it is not there (minutes)."""
    r = subprocess.run([str(HERE / "image" / "build")], stdout=subprocess.PIPE, text=True)
    if r.returncode != 0:
        raise NasError("tests/lab/image/build failed")
    return Path(r.stdout.strip())


def accelerators() -> list[str]:
    """Emulation, unless BURNIN_LAB_ACCEL=kvm: a /dev/kvm that can be opened may still not run a kernel."""
    kvm = ["-accel", "kvm"] if os.environ.get("BURNIN_LAB_ACCEL") == "kvm" else []
    return [*kvm, "-accel", "tcg,thread=multi"]


def wait_for(what: str, timeout: float, test: Callable[[], Any], every: float = 0.05) -> Any:
    """First true answer of test(), or NasError after `timeout` seconds."""
    end = time.monotonic() + timeout
    while True:
        r = test()
        if r:
            return r
        if time.monotonic() > end:
            raise NasError(f"{what}: not within {timeout:g} s")
        time.sleep(every)


class Qmp:
    """QEMU's control socket: one command at a time, events kept until somebody waits for them."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.buffer = b""
        self.events: list[dict[str, Any]] = []
        self.lock = threading.RLock()

    def _read(self, end: float) -> dict[str, Any]:
        while b"\n" not in self.buffer:
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.sock], [], [], left)[0]:
                raise NasError("QEMU does not answer")
            data = self.sock.recv(65536)
            if not data:
                raise NasError("QEMU is gone")
            self.buffer += data
        line, self.buffer = self.buffer.split(b"\n", 1)
        return json.loads(line)

    def greet(self, timeout: float = 30) -> None:
        self._read(time.monotonic() + timeout)
        self.command("qmp_capabilities")

    def command(self, command: str, /, **arguments: Any) -> Any:
        msg: dict[str, Any] = {"execute": command}
        if arguments:
            msg["arguments"] = arguments
        end = time.monotonic() + 30
        with self.lock:
            self.sock.sendall(json.dumps(msg).encode() + b"\n")
            while True:
                m = self._read(end)
                if "event" in m:
                    self.events.append(m)
                elif "error" in m:
                    raise NasError(f"{command}: {m['error']['desc']}")
                else:
                    return m["return"]

    def wait_event(self, event: str, timeout: float, /, **data: Any) -> dict[str, Any]:
        """Next event of that name whose data has these members; taken from the queue."""
        end = time.monotonic() + timeout
        with self.lock:
            while True:
                for i, e in enumerate(self.events):
                    if e["event"] == event and data.items() <= e.get("data", {}).items():
                        return self.events.pop(i)
                m = self._read(end)
                if "event" in m:
                    self.events.append(m)


class Nas:
    """One guest. Public facts: address, port, key (path of the client key), known_hosts (path), drives."""

    def __init__(
        self,
        workdir: str | os.PathLike[str],
        netns: str | None = None,
        port: int = 2222,
        drives: Iterable[Drive] = DEFAULT_DRIVES,
        *,
        hostkey: int = 1,
        memory_mb: int = 1536,
        boot_timeout: float = 240,
        image: str | os.PathLike[str] | None = None,
    ) -> None:
        """hostkey=2 boots with another SSH host key; it may be set between stop() and start()."""
        self.workdir = Path(workdir).resolve()
        self.netns = netns
        self.address = ADDRESS
        self.port = port
        self.drives = tuple(drives)
        self.hostkey = hostkey
        self.memory_mb = memory_mb
        self.boot_timeout = boot_timeout
        self.image = Path(image) if image else None
        self.process: subprocess.Popen[bytes] | None = None
        self._qmp: Qmp | None = None
        self._masters: dict[str, subprocess.Popen[bytes]] = {}
        self._masters_lock = threading.Lock()
        self._sockets: str | None = None
        self._throttles: dict[str, int] = {}
        self._unplugged: set[str] = set()
        self._by_serial = {d.serial: d for d in self.drives}
        if len(self._by_serial) != len(self.drives):
            raise ValueError("two drives with one serial")

    # Life

    def __enter__(self) -> Nas:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    @property
    def key(self) -> Path:
        return self.workdir / "image" / "id_ed25519"

    @property
    def known_hosts(self) -> Path:
        """For the host key that is in use, under the name [127.0.0.1]:PORT."""
        return self.workdir / "known_hosts"

    @property
    def _made(self) -> Path:
        """There when the drives' states have been made."""
        return self.workdir / "made"

    @property
    def console(self) -> Path:
        return self.workdir / "console.log"

    def start(self) -> None:
        """Boots, waits for ssh, and sees to the drives' states. Nothing to do where it runs already."""
        if self.running:
            return
        self.stop()
        self._make_files()
        self._sockets = tempfile.mkdtemp(prefix="nas-")
        try:
            self._spawn()
            self._wait_ready(0)
            self._prepare()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Ends QEMU as a power cut would: the guest is not asked."""
        self._close_masters()
        if self._qmp:
            self._qmp.sock.close()
            self._qmp = None
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None
        if self._sockets:
            shutil.rmtree(self._sockets, ignore_errors=True)
            self._sockets = None

    def power_cut(self) -> None:
        """The plug is pulled. What the drives had accepted is on them; start() boots again.

        Clients see their connections end: QEMU's side of them is gone. Where they must see silence, as of a
        real power cut, let them come through a Proxy in blackhole(), or use reset().
        """
        self.stop()

    def power_off(self, timeout: float = 60) -> None:
        """Orderly: the guest shuts down and powers off."""
        self.run("systemctl poweroff", check=False)
        assert self.process
        try:
            self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise NasError("the guest did not power off") from None
        finally:
            self.stop()

    def reset(self) -> None:
        """The reset button; returns when the guest is back, with the drives' states restored.

        Clients' connections stay silent until the new kernel answers them with a reset.
        """
        self._close_masters()
        seen = self.console.stat().st_size
        self.qmp("system_reset")
        self._wait_ready(seen)
        self._prepare()

    def _make_files(self) -> None:
        root = self.workdir / "root.img"
        mine = self.workdir / "image"
        if not root.exists():
            # All of the image, because the cache may drop it before the next start(). The root disk is a copy
            # and not an overlay: power_cut() would lose what QEMU still had to write to an overlay's tables.
            image = self.image or build_image()
            shutil.rmtree(mine, ignore_errors=True)
            mine.mkdir(parents=True)
            for name in ("vmlinux", "initrd", "id_ed25519", "known_hosts", "known_hosts.2"):
                try:
                    os.link(image / name, mine / name)
                except OSError:
                    shutil.copy2(image / name, mine / name)
            tmp = root.with_suffix(".new")
            subprocess.run(["cp", "--sparse=always", image / "root.img", tmp], check=True)
            tmp.rename(root)
            self._made.unlink(missing_ok=True)
        for d in self.drives:
            path = self._path(d)
            # Half made states, left by a start() that failed, are of no use.
            if d.bus != "scsi_debug" and not (path.exists() and self._made.exists()):
                with path.open("wb") as f:
                    f.truncate(d.size_mb << 20)
        name = "known_hosts" if self.hostkey == 1 else f"known_hosts.{self.hostkey}"
        text = (mine / name).read_text().split(" ", 1)[1]
        self.known_hosts.write_text(f"[{ADDRESS}]:{self.port} {text}")
        (self.workdir / "nas.json").write_text(json.dumps({
            "address": ADDRESS, "port": self.port, "netns": self.netns,
            "key": str(self.key), "known_hosts": str(self.known_hosts),
        }) + "\n")

    def _path(self, d: Drive) -> Path:
        return self.workdir / f"{d.serial}.img"

    def _in_netns(self, argv: list[str]) -> list[str]:
        return ["ip", "netns", "exec", self.netns, *argv] if self.netns else argv

    def _popen(self, argv: list[str], **kw: Any) -> subprocess.Popen[bytes]:
        # setpriv and not a preexec_fn: nothing of ours runs between fork and exec, so threads are no danger.
        return subprocess.Popen(["setpriv", "--pdeathsig", "KILL", "--", *self._in_netns(argv)], **kw)

    def _spawn(self) -> None:
        if self.netns:
            subprocess.run(["ip", "-n", self.netns, "link", "set", "lo", "up"], check=True)
        ours, theirs = socket.socketpair()
        append = "root=/dev/vda rw console=ttyS0 quiet panic=-1 mitigations=off net.ifnames=0 fsck.mode=skip"
        if self.hostkey != 1:
            append += f" burnin.hostkey={self.hostkey}"
        argv = [
            "qemu-system-x86_64", "-nodefaults", "-no-user-config", "-display", "none",
            "-machine", "q35", *accelerators(), "-smp", "2", "-m", str(self.memory_mb),
            "-kernel", f"{self.workdir}/image/vmlinux", "-initrd", f"{self.workdir}/image/initrd",
            "-append", append,
            "-chardev", f"socket,id=qmp,fd={theirs.fileno()}", "-mon", "chardev=qmp,mode=control",
            "-chardev", f"file,id=console,path={self.console}", "-serial", "chardev:console",
            "-drive", f"file={self.workdir}/root.img,if=virtio,format=raw,cache=unsafe",
            "-netdev", f"user,id=net0,restrict=on,hostfwd=tcp:{ADDRESS}:{self.port}-:22",
            "-device", "virtio-net-pci,id=nic0,netdev=net0,romfile=",
            "-device", "virtio-rng-pci",
        ]
        argv += self._drive_arguments()
        with (self.workdir / "qemu.log").open("wb") as log:
            try:
                self.process = self._popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                           pass_fds=[theirs.fileno()])
            finally:
                theirs.close()
        self._qmp = Qmp(ours)
        try:
            self._qmp.greet()
        except (NasError, OSError) as e:
            self.process.kill()
            self.process.wait()
            raise NasError(f"QEMU did not start: {(self.workdir / 'qemu.log').read_text().strip()}") from e
        for serial, bps in self._throttles.items():
            if serial not in self._unplugged:
                self._set_throttle(serial, bps)

    def _drive_arguments(self) -> list[str]:
        argv: list[str] = []
        ports = 0
        if any(d.bus == "scsi" for d in self.drives):
            argv += ["-device", "virtio-scsi-pci,id=scsi0"]
        for d in self.drives:
            if d.bus == "scsi_debug":
                continue
            argv += ["-blockdev", json.dumps({
                "node-name": d.id, "driver": "raw", "discard": "unmap", "cache": {"no-flush": True},
                "file": {"driver": "file", "filename": str(self._path(d)), "cache": {"no-flush": True}},
            })]
            if d.bus == "ahci":
                if ports % 6 == 0 and ports:  # the first six are the board's own
                    argv += ["-device", f"ich9-ahci,id=ahci{ports // 6}"]
                bus = f"ide.{ports}" if ports < 6 else f"ahci{ports // 6}.{ports % 6}"
                ports += 1
            elif d.bus == "scsi":
                bus = "scsi0.0"
            else:
                bus = f"slot-{d.serial}"
                argv += ["-device", f"pcie-root-port,id={bus},chassis={len(argv)}"]
            if d.serial not in self._unplugged:
                argv += ["-device", json.dumps(self._device(d, bus))]
        return argv

    def _device(self, d: Drive, bus: str) -> dict[str, Any]:
        dev: dict[str, Any] = {"id": d.id, "drive": d.id, "serial": d.serial, "bus": bus}
        if d.bus == "nvme":
            return {"driver": "nvme", **dev}
        dev |= {"physical_block_size": 4096, "rotation_rate": d.rotation_rate}
        if d.wwn:
            dev["wwn"] = d.wwn
        if d.bus == "ahci":
            return {"driver": "ide-hd", "model": d.model, "ver": "82.00A82", **dev}
        # Its own target each, so that one can go without the others.
        target = [x.serial for x in self.drives if x.bus == "scsi"].index(d.serial)
        vendor, product = d.model.split(" ", 1)
        return {"driver": "scsi-hd", "vendor": vendor, "product": product, "ver": "SN04", "scsi-id": target,
                **dev}

    def _wait_ready(self, seen: int) -> None:
        """Until the console says so after its first `seen` bytes, and a login works."""
        assert self.process

        def console_says() -> bool:
            if not self.running:
                raise NasError(f"QEMU ended: {(self.workdir / 'qemu.log').read_text().strip()}")
            with self.console.open("rb") as f:
                f.seek(seen)
                return READY in f.read()

        try:
            wait_for("boot", self.boot_timeout, console_says)
        except NasError as e:
            tail = self.console.read_bytes()[-2000:].decode(errors="replace")
            raise NasError(f"{e}; the console's end:\n{tail}") from None
        self._master("root", timeout=60)

    # The drives' states

    def _prepare(self) -> None:
        """Makes the states once per work folder; later only brings them back into use."""
        self.run("sh -s", input=self._prepare_script(self._made.exists()), timeout=180)
        self._made.touch()

    def _prepare_script(self, made: bool) -> str:
        drives = [d for d in self.drives if d.serial not in self._unplugged]
        serials = " ".join(d.serial for d in drives if d.bus != "scsi_debug")
        lines = [
            "set -eu",
            "modprobe zfs &",  # takes two seconds of one processor
            "udevadm settle --timeout=60",
            # Until every drive is there. $all: serials, each followed by its drive's name.
            f"want='{serials}'",
            "there() { all=\" $(lsblk -dnro SERIAL,NAME | tr '\\n' ' ') \"; for s in $want; do",
            "  case $all in *\" $s \"*) ;; *) return 1 ;; esac; done; }",
            "n=0; until there; do n=$((n + 1)); [ $n -lt 100 ] || { echo \"no drive $s\" >&2; exit 1; }",
            "  sleep 0.1; done",
            "dev() { p=; for w in $all; do if [ \"$p\" = \"$1\" ]; then echo \"/dev/$w\"; fi; p=$w; done; }",
        ]
        pools: dict[str, list[str]] = {}
        for d in drives:
            kind, _, arg = d.state.partition(":")
            dev = f"$(dev {d.serial})"
            if kind in ("zfs", "zfs-exported"):
                pools.setdefault(d.state, []).append(dev)
            elif kind == "ext4":
                if not made:
                    lines.append(f"mkfs.ext4 -q -F {dev}")
                lines.append(f"mkdir -p {arg}; mountpoint -q {arg} || mount {dev} {arg}")
            elif kind == "lvm":
                if not made:
                    lines.append(f"vgcreate -q -y {arg} {dev} >/dev/null")
                    lines.append(f"lvcreate -q -y -n keep -L 32M {arg} >/dev/null")
                lines.append(f"vgchange -q -ay {arg} >/dev/null")
            elif kind == "md":
                if not made:
                    lines.append(f"mdadm -q --create {arg} --run --level=1 --raid-devices=2 {dev} missing")
                lines.append(f"[ -e {arg} ] || mdadm --quiet --assemble --run {arg} {dev}")
            elif kind == "luks" and not made:
                lines.append("echo secret | cryptsetup -q luksFormat --pbkdf pbkdf2 "
                             f"--pbkdf-force-iterations 1000 {dev} -")
            elif kind == "gpt" and not made:
                lines.append(f"printf 'label: gpt\\n,\\n' | sfdisk -q {dev}")
            elif d.bus == "scsi_debug":
                # 8 unreadable sectors from 4660 on; without the host's number its serial is always 2000.
                lines.append("[ -e /sys/module/scsi_debug ] || modprobe scsi_debug vpd_use_hostno=0 "
                             f"dev_size_mb={d.size_mb} opts=2 medium_error_start=4660 medium_error_count=8")
        for state, devs in pools.items():
            kind, _, pool = state.partition(":")
            layout = ("mirror " if len(devs) > 1 else "") + " ".join(devs)
            make = f"zpool create -f -m /mnt/{pool} {pool} {layout}"
            if kind == "zfs":
                again = f"zpool list -H {pool} >/dev/null 2>&1 || zpool import -f {pool}"
                lines.append("modprobe zfs; " + (again if made else make))
            elif not made:
                lines.append(f"modprobe zfs; {make}; zpool export {pool}")
        # Written before anybody pulls the plug.
        lines += ["udevadm settle --timeout=60", "sync"]
        return "\n".join(lines) + "\n"

    # SSH

    def _ssh_argv(self, user: str) -> list[str]:
        return ["ssh", "-F", "none", "-p", str(self.port), "-i", str(self.key), "-l", user,
                "-o", f"UserKnownHostsFile={self.known_hosts}", "-o", "GlobalKnownHostsFile=none",
                "-o", "StrictHostKeyChecking=yes", "-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes",
                "-o", "IdentityAgent=none", "-o", "LogLevel=ERROR"]

    def _shared(self, user: str) -> list[str]:
        return [*self._ssh_argv(user), "-o", f"ControlPath={self._sockets}/{user}"]

    def _master(self, user: str, timeout: float = 30) -> None:
        """One connection per user, shared by all commands: under emulation a login costs most of a second."""
        with self._masters_lock:
            p = self._masters.get(user)
            if not p or p.poll() is not None:
                self._log_in(user, timeout)

    def _log_in(self, user: str, timeout: float) -> None:
        assert self._sockets
        path = Path(self._sockets, user)
        end = time.monotonic() + timeout
        while True:
            path.unlink(missing_ok=True)
            argv = [*self._shared(user), "-M", "-N", "-o", "ServerAliveInterval=5", ADDRESS]
            p = self._popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
            self._masters[user] = p
            while p.poll() is None and not path.exists() and time.monotonic() < end:
                time.sleep(0.02)
            if path.exists():
                return
            p.kill()
            why = p.communicate()[1].decode(errors="replace").strip()
            if time.monotonic() >= end:
                raise NasError(f"no ssh login as {user} within {timeout:g} s: {why}")
            time.sleep(0.1)

    def _close_masters(self) -> None:
        for user, p in self._masters.items():
            p.kill()
            p.communicate()
            if self._sockets:
                Path(self._sockets, user).unlink(missing_ok=True)
        self._masters.clear()

    def login(self, user: str = "root") -> list[str]:
        """Arguments of an ssh of its own, not over the shared connection; append a command."""
        return self._in_netns([*self._ssh_argv(user), ADDRESS])

    def run(self, cmd: str, user: str = "root", check: bool = True, input: str | None = None,
            timeout: float = 120) -> subprocess.CompletedProcess[str]:
        """A shell command in the guest: return code, stdout and stderr as text."""
        if not self.running:
            raise NasError("the guest does not run")
        self._master(user)
        argv = self._in_netns([*self._shared(user), ADDRESS, "--", cmd])
        stdin: dict[str, Any] = {"stdin": subprocess.DEVNULL} if input is None else {"input": input}
        try:
            r = subprocess.run(argv, capture_output=True, text=True, errors="replace",
                               timeout=timeout, **stdin)
        except subprocess.TimeoutExpired:
            raise NasError(f"{cmd!r}: no end within {timeout:g} s") from None
        if check and r.returncode != 0:
            raise NasError(f"{cmd!r} ended with {r.returncode}: {r.stderr.strip()}")
        return r

    def ssh(self, cmd: str, user: str = "root", check: bool = True, input: str | None = None,
            timeout: float = 120) -> str:
        """Standard output of a shell command in the guest."""
        return self.run(cmd, user, check, input, timeout).stdout

    # Drives

    def drive(self, serial: str) -> Drive:
        return self._by_serial[serial]

    def names(self) -> dict[str, str]:
        """Kernel name of every drive that is there, by serial."""
        found = (line.split() for line in self.ssh("lsblk -dno NAME,SERIAL").splitlines())
        return {f[1]: f[0] for f in found if len(f) == 2}

    def dev(self, serial: str) -> str:
        """The drive's kernel name of this moment, such as 'sdc'."""
        try:
            return self.names()[serial]
        except KeyError:
            raise NasError(f"the guest has no drive {serial}") from None

    def throttle(self, serial: str, bytes_per_second: int | None) -> None:
        """Limits a drive (not scsi_debug's), reads and writes together; None: as fast as it can.

        Stays in force over start() and plug(). Below about 1 MB/s big requests run into the guest's own
        30 s time-out; badblocks' 256 KiB ones bear 64 KiB/s.
        """
        if self.drive(serial).bus == "scsi_debug":
            raise ValueError("scsi_debug drives cannot be throttled")
        if bytes_per_second:
            self._throttles[serial] = bytes_per_second
        else:
            self._throttles.pop(serial, None)
        if self.running and serial not in self._unplugged:
            self._set_throttle(serial, bytes_per_second or 0)

    def _set_throttle(self, serial: str, bps: int) -> None:
        self.qmp("block_set_io_throttle", id=self.drive(serial).id, bps=bps, bps_rd=0, bps_wr=0,
                 iops=0, iops_rd=0, iops_wr=0)

    def unplug(self, serial: str, timeout: float = 60) -> None:
        """Pulls a scsi or nvme drive out while it runs. It stays out, over start() too, until plug()."""
        d = self.drive(serial)
        if d.bus not in ("scsi", "nvme"):
            raise ValueError(f"{serial}: {d.bus} drives cannot be unplugged, see delete_drive()")
        assert self._qmp
        self.qmp("device_del", id=d.id)
        self._qmp.wait_event("DEVICE_DELETED", timeout, device=d.id)
        self._unplugged.add(serial)

    def plug(self, serial: str, timeout: float = 60) -> str:
        """Puts an unplugged drive back; its kernel name, which may be another one."""
        d = self.drive(serial)
        device = self._device(d, "scsi0.0" if d.bus == "scsi" else f"slot-{serial}")
        self.qmp("device_add", **device)
        self._unplugged.discard(serial)
        if serial in self._throttles:
            self._set_throttle(serial, self._throttles[serial])
        return wait_for(f"drive {serial}", timeout, lambda: self.names().get(serial), every=0.2)

    def delete_drive(self, serial: str) -> None:
        """The guest forgets the drive, as one whose cable came off; any bus but nvme. See rescan()."""
        name = self.dev(serial)
        self.ssh(f"echo 1 > /sys/block/{name}/device/delete")

    def rescan(self) -> None:
        """Every SCSI host looks for drives again; returns when each one is there."""
        self.ssh("for h in /sys/class/scsi_host/host*; do echo '- - -' > $h/scan; done")
        missing = {d.serial for d in self.drives if d.bus in ("ahci", "scsi_debug")}
        wait_for("drives after a rescan", 60, lambda: missing <= self.names().keys(), every=0.2)
        self.ssh("udevadm settle --timeout=60")

    def swap(self, a: str, b: str) -> None:
        """Exchanges the kernel names of two AHCI or scsi drives, as a reboot may."""
        where = "for s in {}; do readlink -f /sys/block/$s/device; done"
        names = self.names()
        na, nb = names[a], names[b]
        paths = self.ssh(where.format(f"{na} {nb}")).split()
        hosts = [next(p for p in path.split("/") if p.startswith("host")) for path in paths]
        targets = [path.rsplit("/", 1)[1].split(":", 1)[1].replace(":", " ") for path in paths]
        self.delete_drive(a)
        self.delete_drive(b)
        wait_for("deleted drives", 30, lambda: not {a, b} & self.names().keys(), every=0.1)
        # The lowest free name goes to whoever comes first.
        order = [(a, 0), (b, 1)] if _order(nb) < _order(na) else [(b, 1), (a, 0)]
        for serial, i in order:
            self.ssh(f"echo '{targets[i]}' > /sys/class/scsi_host/{hosts[i]}/scan")
            wait_for(f"drive {serial}", 30, lambda s=serial: self.names().get(s), every=0.1)
        self.ssh("udevadm settle --timeout=60")
        if (self.dev(a), self.dev(b)) != (nb, na):
            raise NasError(f"{a} and {b} are now {self.dev(a)} and {self.dev(b)}")

    # Faults

    def set_link(self, on: bool) -> None:
        """False: a black hole. Connections stay open, new ones are accepted, nothing is ever answered."""
        self.qmp("set_link", name="nic0", up=on)

    def qmp(self, command: str, /, **arguments: Any) -> Any:
        """A command of QEMU's own."""
        if not self._qmp:
            raise NasError("the guest does not run")
        return self._qmp.command(command, **arguments)


def _order(name: str) -> tuple[int, str]:
    return len(name), name


def main() -> int:
    p = argparse.ArgumentParser(description="The lab's NAS guest.")
    sub = p.add_subparsers(dest="verb", required=True)
    sub.add_parser("build", help="build the image where needed, print its folder")
    run = sub.add_parser("run", help="boot, and stop at the end of standard input or at SIGTERM")
    run.add_argument("--netns")
    run.add_argument("--port", type=int, default=2222)
    run.add_argument("--free-mb", type=int, default=256, help="size of the drives that may be burned in")
    run.add_argument("--hostkey", type=int, default=1, choices=(1, 2))
    ssh = sub.add_parser("ssh", help="a login, or a command, in the guest that runs in --workdir")
    ssh.add_argument("-l", "--user", default="root")
    ssh.add_argument("command", nargs="*")
    for s in (run, ssh):
        s.add_argument("--workdir", default="/var/tmp/burnin-nas", help="default: %(default)s")
    args = p.parse_args()

    if args.verb == "build":
        print(build_image())
        return 0
    if args.verb == "ssh":
        f = json.loads(Path(args.workdir, "nas.json").read_text())
        argv = ["ip", "netns", "exec", f["netns"]] if f["netns"] else []
        argv += ["ssh", "-F", "none", "-p", str(f["port"]), "-i", f["key"], "-l", args.user,
                 "-o", f"UserKnownHostsFile={f['known_hosts']}", "-o", "IdentitiesOnly=yes",
                 "-o", "BatchMode=yes", f["address"], *args.command]
        os.execvp(argv[0], argv)

    # SIGTERM ends the `with` below like the end of standard input does.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    nas = Nas(args.workdir, args.netns, args.port, default_drives(args.free_mb), hostkey=args.hostkey)
    with nas:
        where = f" in network namespace {nas.netns}" if nas.netns else ""
        print(f"ssh -p {nas.port} -i {shlex.quote(str(nas.key))} root@{nas.address}{where}", flush=True)
        while os.read(0, 4096):
            pass
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (NasError, KeyboardInterrupt) as e:
        sys.exit(f"nas: {e}" if isinstance(e, NasError) else 130)
