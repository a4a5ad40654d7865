# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a test machine borrows from the kernel it runs on, and how it gives it back.

A machine owns one scratch directory (with its mounts), one cgroup, one network namespace and some
loop devices. Each is written down in a record before it is made, so that the next run can clear away what
a run that was killed has left behind. Only things named in such a record are ever touched.
"""
from __future__ import annotations

import contextlib
import fcntl
import json
import os
import select
import shutil
import stat
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

RECORDS = Path("/run/burnin-machines")
LOOP_CTL_ADD = 0x4C80
LOOP_CTL_REMOVE = 0x4C81

locks_held = 0


class HarnessError(Exception):
    """The harness, not the product, is at fault."""


def until(what: str, probe: Callable[[], object], timeout: float, interval: float = 0.02) -> object:
    """Poll `probe` until it gives something true, and return that. For what the kernel has no event for."""
    deadline = time.monotonic() + timeout
    while True:
        value = probe()
        if value:
            return value
        if time.monotonic() >= deadline:
            raise HarnessError(f"{what}: not within {timeout} s")
        time.sleep(interval)


def command(*argv: str | Path, check: bool = True, timeout: float = 60) -> subprocess.CompletedProcess[str]:
    """A short command on the outside, quiet unless it fails."""
    done = subprocess.run([str(a) for a in argv], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          errors="replace", timeout=timeout)
    if check and done.returncode != 0:
        raise HarnessError(f"{' '.join(map(str, argv))}: exit status {done.returncode}\n"
                           f"{done.stdout}{done.stderr}")
    return done


@contextlib.contextmanager
def locked() -> Iterator[None]:
    """One harness at a time takes and frees loop devices, and sweeps, whichever checkout it runs from. May be nested."""
    global locks_held
    RECORDS.mkdir(mode=0o700, exist_ok=True)
    with open(RECORDS / "lock", "w") as lock:
        if locks_held == 0:
            fcntl.flock(lock, fcntl.LOCK_EX)
        locks_held += 1
        try:
            yield
        finally:
            locks_held -= 1


# --- records ---------------------------------------------------------------------------------------------

class Record:
    """The note of everything one machine holds, kept until it is given back, and locked as long as its owner lives."""

    def __init__(self, ident: str, workdir: Path, netns: str, own_netns: bool) -> None:
        self.ident = ident
        self.workdir = workdir
        self.netns = netns
        self.own_netns = own_netns
        self.path = RECORDS / f"{ident}.json"
        self.file: IO[str] | None = None

    def write(self) -> None:
        """Note it as this process's. Under the lock: a sweep must not see half a record."""
        self.file = open(self.path, "a")
        fcntl.flock(self.file, fcntl.LOCK_EX)
        json.dump({"ident": self.ident, "workdir": str(self.workdir), "netns": self.netns, "own_netns": self.own_netns},
                  self.file)
        self.file.flush()

    @property
    def cgroup(self) -> Path:
        return cgroup2_mount() / f"burnin-test-{self.ident}"

    def release(self) -> None:
        """Give everything back. Safe to repeat, and every step is tried even if one before it failed."""
        failures: list[str] = []
        steps: list[Callable[[], None]] = [
            lambda: kill_cgroup(self.cgroup),
            lambda: remove_nspawn_files(self.ident, self.workdir / "root"),
            lambda: detach_loops(self.workdir),
            lambda: unmount(self.workdir),
            lambda: remove_scratch(self.workdir),
            lambda: remove_cgroup(self.cgroup),
            lambda: remove_netns(self.netns) if self.own_netns else None,
        ]
        for step in steps:
            try:
                step()
            except (OSError, HarnessError, subprocess.SubprocessError) as error:
                failures.append(str(error))
        if failures:
            raise HarnessError(f"machine {self.ident} was not given back: " + "; ".join(failures))
        self.path.unlink(missing_ok=True)
        if self.file:
            self.file.close()


def sweep() -> None:
    """Clear away what killed runs have left: records whose owner is no longer alive."""
    dead = []
    with locked():
        for path in RECORDS.glob("*.json"):
            file = open(path)
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                note = json.load(file)
                record = Record(note["ident"], Path(note["workdir"]), note["netns"], note["own_netns"])
            except BlockingIOError:
                file.close()
                continue
            except (ValueError, KeyError):
                path.unlink()           # its owner was killed while it wrote: nothing was made yet
                continue
            record.file = file          # ours now, so that no other sweep takes it as well
            dead.append(record)
    for record in dead:
        record.release()


def remove_nspawn_files(ident: str, root: Path) -> None:
    """What nspawn leaves when it is killed, or /run is no tmpfs. Its lock is named by the root's inode."""
    shutil.rmtree(f"/run/systemd/nspawn/propagate/{ident}", ignore_errors=True)
    if mount_points(root):
        info = root.stat()
        Path(f"/run/systemd/nspawn/locks/inode-{info.st_dev}:{info.st_ino}").unlink(missing_ok=True)


# --- cgroup ----------------------------------------------------------------------------------------------

def cgroup2_mount() -> Path:
    for line in Path("/proc/self/mounts").read_text().splitlines():
        fields = line.split()
        if fields[2] == "cgroup2":
            return Path(fields[1])
    raise HarnessError("no cgroup2 file system is mounted")


def kill_cgroup(cgroup: Path) -> None:
    """SIGKILL to everything in it at once, as a power cut does."""
    try:
        (cgroup / "cgroup.kill").write_text("1")
    except FileNotFoundError:
        return
    wait_empty(cgroup, 10)


def wait_empty(cgroup: Path, timeout: float) -> None:
    deadline = time.monotonic() + timeout
    with open(cgroup / "cgroup.events") as events:
        poll = select.poll()
        poll.register(events, select.POLLPRI)
        while True:
            events.seek(0)
            if "populated 0" in events.read():
                return
            left = deadline - time.monotonic()
            if left <= 0:
                raise HarnessError(f"{cgroup}: processes are still alive after {timeout} s")
            poll.poll(left * 1000)


def remove_cgroup(cgroup: Path) -> None:
    if not cgroup.exists():
        return
    for path, _, _ in os.walk(cgroup, topdown=False):
        with contextlib.suppress(FileNotFoundError):
            os.rmdir(path)


# --- mounts ----------------------------------------------------------------------------------------------

def mount_points(below: Path) -> list[str]:
    """Mount points at and below a directory, the innermost first."""
    points = []
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        point = line.split()[4].encode().decode("unicode_escape")
        if point == str(below) or point.startswith(f"{below}/"):
            points.append(point)
    return points[::-1]


def unmount(below: Path) -> None:
    def busy() -> bool:
        for point in mount_points(below):
            # Killed processes let go of their files a moment after their cgroup has become empty.
            if command("umount", point, check=False).returncode != 0:
                return True
        return bool(mount_points(below))

    until(f"umount {below}", lambda: not busy(), 10)


def remove_scratch(workdir: Path) -> None:
    if mount_points(workdir):
        raise HarnessError(f"{workdir} still has mounts")
    with contextlib.suppress(FileNotFoundError):
        for name in os.listdir(workdir):     # nothing but the lock files nspawn puts beside its root
            path = workdir / name
            path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()
        workdir.rmdir()


# --- network namespace -----------------------------------------------------------------------------------

def make_netns(name: str) -> None:
    command("ip", "netns", "add", name)
    command("ip", "-n", name, "link", "set", "lo", "up")


def remove_netns(name: str) -> None:
    if Path(f"/run/netns/{name}").exists():
        command("ip", "netns", "del", name)


# --- loop devices ----------------------------------------------------------------------------------------

def attach_loop(image: Path, sector_size: int = 512, rotational: bool = True, device: str = "") -> str:
    """Put a loop device on an image: this one, or a free one. The kernel adds devices when all are taken."""
    with locked():
        if device:
            with contextlib.suppress(FileExistsError), open("/dev/loop-control", "rb") as control:
                fcntl.ioctl(control, LOOP_CTL_ADD, loop_number(device))
        else:
            device = command("losetup", "--find").stdout.strip()
        if not Path(device).exists():
            os.mknod(device, stat.S_IFBLK | 0o600, os.makedev(7, loop_number(device)))
        command("losetup", f"--sector-size={sector_size}", device, image)
    set_rotational(device, rotational)
    show(device)
    return device


def loop_number(device: str) -> int:
    return int(device.removeprefix("/dev/loop"))


def sys_path(device: str) -> Path:
    return Path("/sys/devices/virtual/block") / Path(device).name


def set_rotational(device: str, rotational: bool) -> None:
    (sys_path(device) / "queue/rotational").write_text(str(int(rotational)))


def has_own_view() -> bool:
    """Whether /sys/block is this run's own, as `tests/integration/alone` makes it: without the drives of others."""
    return bool(mount_points(Path("/sys/block")))


def show(device: str) -> None:
    if has_own_view():
        Path(f"/sys/block/{Path(device).name}").symlink_to(f"../devices/virtual/block/{Path(device).name}")


def unshow(device: str) -> None:
    if has_own_view():
        Path(f"/sys/block/{Path(device).name}").unlink(missing_ok=True)


def our_loops(workdir: Path) -> list[tuple[str, str]]:
    """Loop devices whose image lies below this directory, each with its image."""
    listing = command("losetup", "--list", "--json", "--output", "NAME").stdout
    devices = [d["name"] for d in json.loads(listing)["loopdevices"]] if listing.strip() else []
    return [(device, image) for device in devices if (image := backing(device)).startswith(f"{workdir}/")]


def backing(device: str) -> str:
    """The image behind a loop device, or ''."""
    try:
        return (sys_path(device) / "loop/backing_file").read_text().removesuffix("\n").removesuffix(" (deleted)")
    except OSError:
        return ""


def detach_loop(device: str, image: str | Path) -> None:
    """Take a loop device off its image. One that has another image by now is not ours any more."""
    with locked():
        if backing(device) != str(image):
            return
        set_rotational(device, False)
        unshow(device)
        command("losetup", "--detach", device)
        # Detaching is put off while anything has the device open.
        until(f"detach {device}", lambda: backing(device) != str(image), 10)
        with contextlib.suppress(OSError), open("/dev/loop-control", "rb") as control:
            # A device the kernel has added for us.
            if loop_number(device) >= int(Path("/sys/module/loop/parameters/max_loop").read_text()):
                fcntl.ioctl(control, LOOP_CTL_REMOVE, loop_number(device))


def detach_loops(workdir: Path) -> None:
    for device, image in our_loops(workdir):
        detach_loop(device, image)


# --- overlay ---------------------------------------------------------------------------------------------

def hide(upper: Path, lower: Path, relative: str) -> None:
    """Make a directory of the lower layer look empty, before the overlay is mounted."""
    here, there = upper, lower
    for part in Path(relative).parts:
        here, there = here / part, there / part
        if not there.is_dir() or there.is_symlink():
            return
        if not here.exists():
            here.mkdir()
            info = there.stat()
            os.chown(here, info.st_uid, info.st_gid)
            os.chmod(here, stat.S_IMODE(info.st_mode))
    os.setxattr(here, "trusted.overlay.opaque", b"y")


def mount_overlay(lower: Path, upper: Path, work: Path, root: Path) -> None:
    command("mount", "-t", "overlay", "overlay", "-o",
            f"lowerdir={lower},upperdir={upper},workdir={work}", root)
