# SPDX-License-Identifier: LGPL-2.1-or-later
"""The lab's NAS is what README.md says: each drive's state by the tool's own word, each fault and its end.

One guest for all tests, in their order; a test that breaks something puts it back.
Run: /usr/bin/python3 -m pytest tests/lab/test_nas.py   (root, QEMU; minutes, the first time a build too)
"""

from __future__ import annotations

import concurrent.futures
import ctypes
import json
import os
import re
import select
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

from nas import Drive, Nas, NasError, default_drives, wait_for  # noqa: E402
from proxy import Proxy  # noqa: E402

pytestmark = pytest.mark.skipif(
    os.getuid() != 0 or not shutil.which("qemu-system-x86_64"), reason="needs root and QEMU")

FREE_AHCI = ["WD-FREE01", "WD-FREE02", "WD-FREE03"]
HOT = ["SG-HOT01", "SG-HOT02"]


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


@pytest.fixture(scope="module")
def nas(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nas]:
    netns = f"nas-{os.getpid()}"
    subprocess.run(["ip", "netns", "add", netns], check=True)
    try:
        with Nas(tmp_path_factory.mktemp("nas"), netns, free_port(), default_drives(free_mb=64)) as guest:
            yield guest
    finally:
        subprocess.run(["ip", "netns", "delete", netns], check=True)


def seconds(nas: Nas, cmd: str) -> float:
    t = time.monotonic()
    nas.ssh(cmd)
    return time.monotonic() - t


def wait_written(nas: Nas, serial: str, size: int) -> None:
    """Until so many bytes were written to the drive since it is there."""
    dev = nas.dev(serial)
    wait_for(f"writes to {serial}", 60, lambda: int(nas.ssh(f"cat /sys/block/{dev}/stat").split()[6]) * 512 >= size, every=0.2)


def connect(nas: Nas, port: int, timeout: float) -> socket.socket:
    """From inside the guest's network namespace: a socket stays in the one that its thread was in."""
    def inside() -> socket.socket:
        with open(f"/run/netns/{nas.netns}") as netns:
            if ctypes.CDLL(None, use_errno=True).setns(netns.fileno(), 0) != 0:
                raise OSError(ctypes.get_errno(), "setns")
        return socket.create_connection(("127.0.0.1", port), timeout)

    with concurrent.futures.ThreadPoolExecutor(1) as thread:
        return thread.submit(inside).result()


def banner(nas: Nas, port: int, timeout: float) -> bytes:
    """What an ssh server says first; empty where nothing is said in time."""
    with connect(nas, port, timeout) as s:
        try:
            return s.recv(64)
        except TimeoutError:
            return b""


# The drives


def test_every_drive_is_there(nas: Nas) -> None:
    names = nas.names()
    assert {d.serial for d in nas.drives} <= names.keys()
    sizes = {f[0]: int(f[1]) for f in (x.split() for x in nas.ssh("lsblk -bdno NAME,SIZE").splitlines())}
    for d in nas.drives:
        assert sizes[names[d.serial]] == d.size_mb << 20, d.serial
        assert nas.dev(d.serial) == names[d.serial]


def test_identity(nas: Nas) -> None:
    wanted: list[Drive] = [d for d in nas.drives if d.wwn]
    out = json.loads(nas.ssh("lsblk -J -d -o NAME,SERIAL,WWN,MODEL,ROTA,TRAN"))["blockdevices"]
    by_serial = {x["serial"]: x for x in out}
    for d in wanted:
        x = by_serial[d.serial]
        assert x["wwn"] == f"0x{d.wwn:016x}"
        assert x["model"] == (d.model if d.bus == "ahci" else d.model.split()[1])
        assert x["rota"] is True
        assert x["tran"] == ("sata" if d.bus == "ahci" else None)
    assert by_serial["NVME0001"]["tran"] == "nvme"


def test_zfs(nas: Nas) -> None:
    assert nas.ssh("zpool list -Ho name,health") == "tank\tONLINE\n"
    status = nas.ssh("zpool status -P tank")
    assert "mirror-0" in status
    names = nas.names()
    for serial in ("WD-TANK01", "WD-TANK02"):
        assert f"/dev/{names[serial]}1" in nas.ssh("zpool status -LP tank")
    exported = nas.ssh("zpool import")
    assert "pool: vault" in exported and re.search(f"WD-VAULT1|{names['WD-VAULT1']}", exported)


def test_signatures(nas: Nas) -> None:
    names = nas.names()

    def blkid(serial: str, part: str = "") -> dict[str, str]:
        out = nas.ssh(f"blkid -p -o export /dev/{names[serial]}{part}", check=False)
        return dict(line.split("=", 1) for line in out.splitlines())

    assert blkid("WD-VAULT1", "1")["LABEL"] == "vault"
    assert blkid("WD-VAULT1", "1")["TYPE"] == "zfs_member"
    assert blkid("WD-MOUNT1")["TYPE"] == "ext4"
    assert blkid("WD-LVMPV1")["TYPE"] == "LVM2_member"
    assert blkid("WD-MDRAID1")["TYPE"] == "linux_raid_member"
    assert blkid("WD-LUKS01")["TYPE"] == "crypto_LUKS"
    assert blkid("WD-PARTS1")["PTTYPE"] == "gpt"
    assert "TYPE" not in blkid("WD-PARTS1", "1")
    for serial in [*FREE_AHCI, *HOT, "NVME0001"]:
        assert blkid(serial) == {}
        assert nas.ssh(f"wipefs /dev/{names[serial]}") == ""
        assert nas.ssh(f"lsblk -nro NAME /dev/{names[serial]}").split() == [names[serial]]


def test_in_use(nas: Nas) -> None:
    names = nas.names()
    assert nas.ssh("findmnt -no SOURCE /mnt/data").strip() == f"/dev/{names['WD-MOUNT1']}"
    assert nas.ssh("pvs --noheadings -o pv_name,vg_name").split() == [f"/dev/{names['WD-LVMPV1']}", "vgdata"]
    assert nas.ssh(f"ls /sys/block/{names['WD-LVMPV1']}/holders").startswith("dm-")
    # Assembled again after a boot, and before the first write, it is read-only in name.
    line = rf"^md0 : active (\(auto-read-only\) )?raid1 {names['WD-MDRAID1']}\[0\]$"
    assert re.search(line, nas.ssh("cat /proc/mdstat"), re.M)
    assert nas.ssh(f"ls /sys/block/{names['WD-MDRAID1']}/holders").strip() == "md0"
    assert nas.ssh(f"ls /sys/block/{names['WD-LUKS01']}/holders") == ""


def test_smart(nas: Nas) -> None:
    names = nas.names()
    assert "PASSED" in nas.ssh(f"smartctl -H /dev/{names['WD-FREE01']}")
    info = json.loads(nas.ssh(f"smartctl --json -i -A /dev/{names['WD-FREE01']}"))
    assert info["serial_number"] == "WD-FREE01" and info["model_name"] == "WDC WD80EFAX"
    assert info["temperature"]["current"] > 0
    assert "PASSED" in nas.ssh("smartctl -H /dev/nvme0")
    nas.ssh(f"smartctl -t short /dev/{names['WD-FREE02']}")
    log = nas.ssh(f"smartctl -l selftest /dev/{names['WD-FREE02']}")
    assert "Short offline" in log and "Completed without error" in log


def test_unreadable_sectors(nas: Nas) -> None:
    dev = "/dev/" + nas.dev("2000")
    assert nas.run(f"dd if={dev} of=/dev/null bs=512 count=1 skip=4659 iflag=direct").returncode == 0
    r = nas.run(f"dd if={dev} of=/dev/null bs=512 count=1 skip=4660 iflag=direct", check=False)
    assert r.returncode != 0 and "No data available" in r.stderr  # ENODATA: a medium error
    assert nas.run(f"dd if=/dev/zero of={dev} bs=512 count=8 seek=4660 oflag=direct").returncode == 0
    assert nas.run(f"dd if={dev} of=/dev/null bs=512 count=1 skip=4660 iflag=direct", check=False).returncode
    # badblocks ends with 0 all the same; the list is on its standard output.
    r = nas.run(f"badblocks -w -t 0xaa -b 4096 {dev} 600", check=False)
    assert r.returncode == 0
    assert r.stdout.split() == ["582", "583"]


def test_badblocks_on_a_free_drive(nas: Nas) -> None:
    r = nas.run(f"badblocks -wv -t 0x55 -b 4096 /dev/{nas.dev('WD-FREE01')}")
    assert "Pass completed, 0 bad blocks found. (0/0/0 errors)" in r.stderr


# Users


def test_users(nas: Nas) -> None:
    assert nas.ssh("id -un").strip() == "root"
    assert nas.ssh("id -un", user="nas").strip() == "nas"
    assert nas.ssh("sudo -n id -un", user="nas").strip() == "root"
    assert nas.ssh("cat", input="a\nb\n") == "a\nb\n"
    with pytest.raises(NasError):
        nas.ssh("exit 3")
    assert nas.run("exit 3", check=False).returncode == 3


# Faults


@pytest.mark.parametrize("serial", ["WD-FREE01", "SG-HOT01", "NVME0001"])
def test_throttle(nas: Nas, serial: str) -> None:
    write = f"dd if=/dev/zero of=/dev/{nas.dev(serial)} bs=64k count=64 oflag=direct"
    nas.throttle(serial, 1_000_000)
    slow = seconds(nas, write)
    nas.throttle(serial, None)
    assert slow > 3
    wait_for("a fast drive", 60, lambda: seconds(nas, write) < slow / 2)


def test_throttle_holds_a_run(nas: Nas) -> None:
    """A surface test is as slow as wished, cannot end before we let it, and then ends at once."""
    nas.throttle("WD-FREE02", 2_000_000)
    nas.ssh(f"systemd-run -q --unit=held -p RemainAfterExit=yes badblocks -w /dev/{nas.dev('WD-FREE02')}")
    wait_written(nas, "WD-FREE02", 4_000_000)
    assert nas.ssh("systemctl show -P SubState held").strip() == "running"
    nas.throttle("WD-FREE02", None)
    state = "systemctl show -P SubState held"
    wait_for("badblocks", 60, lambda: nas.ssh(state).strip() == "exited", every=0.5)
    nas.ssh("systemctl stop held")


def test_link(nas: Nas) -> None:
    assert banner(nas, nas.port, 10).startswith(b"SSH-2.0-")
    argv = nas.login() + ["while sleep 0.2; do echo alive; done"]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, bufsize=0) as session:
        assert session.stdout and session.stdout.readline() == b"alive\n"
        nas.set_link(False)
        assert banner(nas, nas.port, 2) == b""
        while select.select([session.stdout], [], [], 0)[0]:
            assert os.read(session.stdout.fileno(), 4096)
        assert not select.select([session.stdout], [], [], 3)[0]
        assert session.poll() is None
        nas.set_link(True)
        assert select.select([session.stdout], [], [], 60)[0]  # the old connection goes on
        assert os.read(session.stdout.fileno(), 4096).startswith(b"alive")
        session.kill()
    wait_for("a banner", 60, lambda: banner(nas, nas.port, 5).startswith(b"SSH-"))
    assert nas.ssh("echo back", timeout=60).strip() == "back"


def test_proxy(nas: Nas) -> None:
    port = free_port()
    with Proxy(port, "127.0.0.1", nas.port, nas.netns) as proxy:
        assert banner(nas, port, 10).startswith(b"SSH-2.0-")
        kept = connect(nas, port, 10)
        assert kept.recv(64).startswith(b"SSH-")
        proxy.blackhole()
        assert banner(nas, port, 1) == b""
        kept.settimeout(1)
        with pytest.raises(TimeoutError):
            kept.recv(1)
        proxy.cut()
        with pytest.raises(ConnectionResetError):
            kept.recv(1)
        with pytest.raises(ConnectionRefusedError):
            banner(nas, port, 1)
        proxy.restore()
        assert banner(nas, port, 10).startswith(b"SSH-2.0-")


@pytest.mark.parametrize("serial", ["SG-HOT01", "NVME0001"])
def test_unplug(nas: Nas, serial: str) -> None:
    before = nas.ssh(f"head -c 65536 /dev/{nas.dev(serial)} | md5sum")
    nas.unplug(serial)
    wait_for("the drive to go", 20, lambda: serial not in nas.names(), every=0.2)
    name = nas.plug(serial)
    assert nas.ssh(f"head -c 65536 /dev/{name} | md5sum") == before


@pytest.mark.parametrize("serial", ["SG-HOT02", "NVME0001"])
def test_unplug_under_load(nas: Nas, serial: str) -> None:
    # -e, because badblocks counts every block of a drive that is gone.
    nas.throttle(serial, 2_000_000)
    nas.ssh("systemd-run -q --unit=load --collect -p StandardOutput=null -p StandardError=null "
            f"badblocks -wv -e 10 /dev/{nas.dev(serial)}")
    wait_written(nas, serial, 1_000_000)
    assert nas.ssh("systemctl is-active load").strip() == "active"
    nas.unplug(serial)
    try:
        wait_for("the drive to go", 30, lambda: serial not in nas.names(), every=0.2)
        ended = "! systemctl -q is-active load"
        wait_for("badblocks", 60, lambda: nas.run(ended, check=False).returncode == 0, every=0.5)
    finally:
        nas.throttle(serial, None)
        nas.plug(serial)


def test_delete_and_rescan(nas: Nas) -> None:
    nas.delete_drive("WD-FREE03")
    wait_for("the drive to go", 20, lambda: "WD-FREE03" not in nas.names(), every=0.2)
    nas.rescan()
    assert "WD-FREE03" in nas.names()


@pytest.mark.parametrize("a,b", [("WD-FREE01", "WD-FREE02"), HOT, ("WD-FREE01", "SG-HOT02")])
def test_swap(nas: Nas, a: str, b: str) -> None:
    before = nas.names()
    nas.swap(a, b)
    after = nas.names()
    assert (after[a], after[b]) == (before[b], before[a])
    assert {s: n for s, n in after.items() if s not in (a, b)} == \
        {s: n for s, n in before.items() if s not in (a, b)}


def test_reset(nas: Nas) -> None:
    boot = nas.ssh("cat /proc/sys/kernel/random/boot_id")
    nas.reset()
    assert nas.ssh("cat /proc/sys/kernel/random/boot_id") != boot
    test_zfs(nas)
    test_in_use(nas)


def test_power_cut_and_another_host_key(nas: Nas) -> None:
    boot = nas.ssh("cat /proc/sys/kernel/random/boot_id")
    nas.ssh("echo kept > /mnt/data/file; echo kept > /mnt/tank/file; echo kept > /root/file; sync")
    nas.ssh(f"echo kept | dd of=/dev/{nas.dev('WD-FREE02')} bs=512 count=1 conv=sync oflag=direct")
    stale = nas.workdir / "known_hosts.old"
    shutil.copy(nas.known_hosts, stale)
    nas.power_cut()
    assert not nas.running
    with pytest.raises(NasError):
        nas.ssh("true")
    with pytest.raises(OSError):
        banner(nas, nas.port, 1)

    nas.hostkey = 2
    nas.start()
    assert nas.ssh("cat /proc/sys/kernel/random/boot_id") != boot
    assert nas.ssh("cat /mnt/data/file /mnt/tank/file /root/file").split() == ["kept"] * 3
    assert nas.ssh(f"head -c 5 /dev/{nas.dev('WD-FREE02')}") == "kept\n"
    test_zfs(nas)
    test_in_use(nas)
    assert nas.known_hosts.read_text() != stale.read_text()
    argv = nas.login()
    argv[argv.index(f"UserKnownHostsFile={nas.known_hosts}")] = f"UserKnownHostsFile={stale}"
    r = subprocess.run([*argv, "true"], capture_output=True, text=True)
    assert r.returncode == 255 and "verification failed" in r.stderr


def test_power_off(nas: Nas) -> None:
    nas.power_off()
    assert not nas.running


def test_ends_with_its_owner(tmp_path: Path) -> None:
    """QEMU is gone when the Python process that started it is killed."""
    code = f"""
import sys, os, signal
sys.path.insert(0, {str(Path(__file__).parent)!r})
import nas
n = nas.Nas({str(tmp_path)!r}, port={free_port()}, drives=[])
n._wait_ready = lambda seen: (print(n.process.pid, flush=True), os.kill(os.getpid(), signal.SIGKILL))
n.start()
"""
    env = {**os.environ, "TMPDIR": str(tmp_path)}
    r = subprocess.run(["/usr/bin/python3", "-c", code], stdout=subprocess.PIPE, text=True, env=env)
    pid = int(r.stdout)
    wait_for("QEMU's end", 10, lambda: not alive(pid))


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False
