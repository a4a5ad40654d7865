# SPDX-License-Identifier: LGPL-2.1-or-later
"""The harness itself: what every other test takes for granted."""
from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import dbus
import pytest

import resources
import sshhost
from busclient import WaitTimeout
from machine import DRIVES, Machine

SYSTEMD = "org.freedesktop.systemd1"
MANAGER = f"{SYSTEMD}.Manager"
POLKIT = "org.freedesktop.PolicyKit1"


def may_manage_units(machine: Machine, user: str | None) -> bool:
    bus = machine.bus(user)
    answer = bus.call_blocking(
        POLKIT, f"/{POLKIT.replace('.', '/')}/Authority", f"{POLKIT}.Authority", "CheckAuthorization",
        "(sa{sv})sa{ss}us", (("system-bus-name", {"name": bus.get_unique_name()}),
                             f"{SYSTEMD}.manage-units", {}, 0, ""))
    return bool(answer[0])


def test_boots_to_running(machine: Machine) -> None:
    assert machine.run("systemctl is-system-running").stdout.strip() == "running"
    assert machine.run("stat -f -c %T /sys/fs/cgroup").stdout.strip() == "cgroup2fs"
    assert machine.run("ip -o link").stdout.count("\n") == 1
    enabled = machine.run("systemctl list-units --type=service --state=active --no-legend --plain").stdout
    assert not {"ssh", "postgresql", "systemd-timesyncd", "smartmontools"} & {
        line.split(".service")[0] for line in enabled.splitlines()}


def test_root_of_the_computer_is_out_of_reach(machine: Machine) -> None:
    machine.run("echo changed > /etc/issue.net; ln -s /etc/hostname /etc/link")
    assert "changed" not in Path("/etc/issue.net").read_text()
    assert machine.read("/etc/link") == "burnin\n", "links must be followed inside"
    assert sorted(machine.run("ls /home").stdout.split()) == ["nas", "visitor"]


def test_commands(machine: Machine) -> None:
    assert machine.run(["id", "-u"]).stdout == "0\n"
    assert machine.run(["id", "-un"], user="nas").stdout == "nas\n"
    assert machine.run(["cat"], input="a line\n", user="visitor").stdout == "a line\n"
    assert machine.run("exit 3", check=False).returncode == 3
    assert machine.run("exit 3", check=False, user="nas").returncode == 3
    assert machine.run(["printenv", "A"], env={"A": "b c"}, user="nas").stdout == "b c\n"
    with pytest.raises(AssertionError, match="exit status 1\nout\nerr"):
        machine.run("echo out; echo err >&2; false")


@pytest.mark.parametrize("user", [None, "nas"])
def test_command_past_its_time_leaves_nothing(machine: Machine, user: str | None) -> None:
    with pytest.raises(subprocess.TimeoutExpired):
        machine.run("sleep 4711 & sleep 4711", user=user, timeout=0.3)
    machine.wait_for(lambda: machine.run(["pgrep", "-fx", "sleep 4711"], check=False).returncode == 1)


def test_files(machine: Machine) -> None:
    machine.write("/run/x/y", "text\n", mode=0o640, owner="nas:disk")
    assert machine.read("/run/x/y") == "text\n"
    assert machine.run("stat -c %a,%U,%G /run/x/y").stdout == "640,nas,disk\n"
    assert machine.path("/var/run/x/y").exists(), "an absolute link in the way"


def test_bus_and_polkit(machine: Machine) -> None:
    bus = machine.bus()
    pid = bus.call_blocking("org.freedesktop.DBus", "/", "org.freedesktop.DBus",
                            "GetConnectionUnixProcessID", "s", (bus.get_unique_name(),))
    assert machine.read(f"/proc/{pid}/comm") == "systemd-stdio-b\n"
    assert may_manage_units(machine, None)
    assert not may_manage_units(machine, "nas")
    with pytest.raises(dbus.DBusException, match="InteractiveAuthorizationRequired|AccessDenied"):
        machine.call("/org/freedesktop/systemd1", MANAGER, "Reload", service=SYSTEMD, user="visitor")


def test_bus_passes_descriptors(machine: Machine) -> None:
    descriptor = machine.call("/org/freedesktop/login1", "org.freedesktop.login1.Manager", "Inhibit", "ssss",
                              "sleep", "harness", "a test", "delay", service="org.freedesktop.login1")
    os.fstat(descriptor.take())


def test_signals_and_properties(machine: Machine) -> None:
    with machine.systemd_signals(), machine.watch_signal(MANAGER, "JobRemoved") as removed:
        machine.run("systemd-run --unit=harness-wait.service --collect sleep 4711")
        signal = removed.wait(lambda s: s.args[2] == "harness-wait.service")
        assert signal.args[3] == "done"
    path = f"/org/freedesktop/systemd1/unit/{'harness_2dwait_2eservice'}"
    unit = f"{SYSTEMD}.Unit"
    assert machine.wait_property(path, unit, "ActiveState", "active", service=SYSTEMD) == "active"
    with pytest.raises(WaitTimeout, match="it is .*active"):
        machine.wait_property(path, unit, "ActiveState", "failed", timeout=0.2, service=SYSTEMD)
    with machine.systemd_signals():
        machine.run(["systemctl", "stop", "--no-block", "harness-wait.service"])
        machine.wait_property(path, unit, "ActiveState", lambda state: state != "active", service=SYSTEMD)


def test_scope(machine: Machine) -> None:
    """StartTransientUnit takes a process of a harness command into a scope, in a slice made on demand."""
    with machine.popen("echo $$; exec sleep 4711") as process:
        pid = int(process.stdout.readline())
        with machine.systemd_signals(), machine.watch_signal(MANAGER, "JobRemoved") as removed:
            job = machine.call(
                "/org/freedesktop/systemd1", MANAGER, "StartTransientUnit", "ssa(sv)a(sa(sv))",
                "harness-test.scope", "fail", [("PIDs", dbus.Array([dbus.UInt32(pid)], signature="u")),
                                               ("Slice", "harness-test1.slice")], [], service=SYSTEMD)
            assert removed.wait(lambda s: s.args[1] == job).args[3] == "done"
        group = machine.read(f"/proc/{pid}/cgroup").splitlines()[-1]
        assert group.endswith("/harness.slice/harness-test1.slice/harness-test.scope")
        machine.run(["systemctl", "stop", "harness-test.scope"])
        process.wait(10)


def test_unit_sandbox_is_real(machine: Machine, drives: Callable[..., str]) -> None:
    """Filters that hang on the cgroup work, so that a test may rely on them to deny something."""
    device = drives("SANDBOX1", 1)
    unit = ["systemd-run", "--quiet", "--wait", "--pipe", "--collect"]
    assert machine.run([*unit, "--property=DeviceAllow=" + device, "head", "-c1", device]).stdout == "\0"
    closed = machine.run([*unit, "--property=DevicePolicy=closed", "head", "-c1", device], check=False)
    assert "Operation not permitted" in closed.stderr
    connect = ["/usr/bin/python3", "-c", "import socket; socket.create_connection(('127.0.0.1', 22), 1)"]
    machine.run([*unit, *connect])
    denied = machine.run([*unit, "--property=IPAddressDeny=any", *connect], check=False)
    assert denied.returncode != 0


def test_journal(machine: Machine) -> None:
    mark = machine.cursor()
    machine.run(["logger", "--tag=harness", "one"])
    machine.run(["logger", "--tag=harness", "two\n\001lines"])
    assert [e["MESSAGE"] for e in machine.journal("SYSLOG_IDENTIFIER=harness", cursor=mark)][0] == "one"
    assert machine.wait_journal("lines", "SYSLOG_IDENTIFIER=harness", cursor=mark)["_UID"] == "0"
    with pytest.raises(WaitTimeout):
        machine.wait_journal("one", "SYSLOG_IDENTIFIER=harness", timeout=0.2)


@pytest.mark.allow_journal("^expected")
def test_journal_guard(machine: Machine, journal: object) -> None:
    """A warning by our identifiers or units is a surprise unless it was announced."""
    machine.run(["logger", "--tag=burnin-test", "--priority=user.warning", "expected by the mark"])
    machine.run(["logger", "--tag=burnin-test", "--priority=user.info", "information"])
    assert journal.surprises(machine) == []
    machine.run(["logger", "--tag=burnin-test", "--priority=user.warning", "nobody expects this"])
    machine.run(["logger", "--tag=burnin-test", "SUMMARY: AddressSanitizer: heap-use-after-free"])
    machine.run(["systemd-run", "--unit=burnin-crash.service", "--wait", "sh", "-c", "kill -SEGV $$$$"],
                check=False)
    machine.run(["systemctl", "reset-failed"])
    found = journal.surprises(machine)
    assert [("nobody expects" in line, "Sanitizer" in line, "SEGV" in line) for line in found[:3]] == [
        (True, False, False), (False, True, False), (False, False, True)]
    journal.allow("nobody expects", "AddressSanitizer", "burnin-crash.service")


def test_drive(machine: Machine, drives: Callable[..., str]) -> None:
    device = drives("LOOP0001", 16)
    name = Path(device).name
    listed = json.loads(machine.run("lsblk --json --bytes --output NAME,SIZE,SERIAL,MODEL,WWN,ROTA").stdout)
    drive = next(d for d in listed["blockdevices"] if d["name"] == name)
    assert (drive["size"], drive["serial"], drive["model"], drive["rota"]) == (
        16 << 20, "LOOP0001", "BURNIN_LOOP", True)
    assert machine.run("readlink -f /dev/disk/by-id/ata-BURNIN_LOOP_LOOP0001").stdout.strip() == device
    result = machine.ssh(f"badblocks -wsv -b 4096 -t 0xaa {device}")
    assert "0 bad blocks found" in result.stderr
    assert machine.path(f"{DRIVES}/LOOP0001.img").read_bytes() == b"\xaa" * (16 << 20)

    machine.run(["mkfs.ext4", "-q", device])
    machine.wait_for(lambda: machine.run(["lsblk", "-no", "FSTYPE", device]).stdout.strip() == "ext4",
                     what="udev's database follows what was written")
    machine.remove_loop_drive("LOOP0001")
    assert not machine.path(device).exists()


def test_more_drives_than_loop_devices(machine: Machine, drives: Callable[..., str]) -> None:
    devices = [drives(f"MANY{i:02}", 1) for i in range(10)]
    assert len(set(devices)) == 10
    for device in devices:
        machine.run(["dd", "if=/dev/zero", f"of={device}", "bs=4k", "count=1", "status=none"])


def test_smartctl_of_a_drive(machine: Machine, drives: Callable[..., str]) -> None:
    device = drives("SMART001", 16)

    def smart(*arguments: str) -> dict:
        return json.loads(machine.run(["smartctl", "--json=cou", *(arguments or ("-x",)), device],
                                      check=False).stdout)

    first = smart()
    assert (first["serial_number"], first["model_name"]) == ("SMART001", "BURNIN LOOP")
    assert first["smartctl"]["exit_status"] == 0
    machine.set_smart("SMART001", {"temperature": {"current": 61}, "smart_status": {"passed": False},
                                   "ata_smart_attributes": {"table": [{"id": 197, "raw": {"value": 8}}]},
                                   "burnin_test": {"selftest": {"seconds": {"short": 4711}, "status": 7}}})
    changed = smart()
    raw = {row["id"]: row["raw"]["value"] for row in changed["ata_smart_attributes"]["table"]}
    assert (raw[194], raw[197], raw[5], changed["smartctl"]["exit_status"]) == (61, 8, 0, 8)

    assert "Testing has begun." in smart("-t", "short")["smartctl"]["output"]
    assert smart()["ata_smart_data"]["self_test"]["status"]["remaining_percent"] == 90
    assert smart("-t", "long")["smartctl"]["exit_status"] == 4
    smart("-X")
    log = smart()["ata_smart_self_test_log"]["standard"]["table"]
    assert [entry["status"]["string"] for entry in log] == ["Aborted by host"]
    smart("-t", "long")
    log = smart()["ata_smart_self_test_log"]["standard"]["table"]
    assert (log[0]["type"]["string"], log[0]["status"]["passed"], log[0]["lba"]) == (
        "Extended offline", False, 4660)

    machine.set_smart("SMART001", {"burnin_test": {"standby": True}})
    assert smart("-n", "standby", "-x")["smartctl"]["exit_status"] == 2
    assert "temperature" in smart()


def test_tested_hosts(machine: Machine, drives: Callable[..., str]) -> None:
    device = drives("HOSTS001", 1)
    assert machine.ssh("id -un").stdout == "root\n"
    assert machine.ssh("sudo -n id -un", user="nas").stdout == "root\n"
    assert machine.ssh("systemd-run --quiet --wait --pipe id -un").stdout == "root\n"

    bare = machine.ssh_host(2201, systemd=False, without=["badblocks"])
    answer = machine.ssh("ls -d /run/systemd/system; command -v systemd-run badblocks", 2201, check=False)
    assert (answer.returncode, answer.stdout) == (127, "")
    assert "HOSTS001" in machine.ssh(f"smartctl -i {device}", 2201).stdout
    assert bare.public_key != machine.host.public_key

    crippled = machine.ssh_host(2202, without=["badblocks"])
    assert machine.ssh("badblocks", 2202, check=False).returncode in (126, 127)
    assert machine.ssh("systemctl is-system-running", 2202).stdout == "running\n"

    busybox = machine.ssh_host(2203, busybox=True, tools=["badblocks"])
    assert "BusyBox" in machine.ssh("ls --help 2>&1", 2203).stdout
    assert "0 bad blocks" in machine.ssh(f"badblocks -v {device}", 2203).stderr
    for host in (bare, crippled, busybox):
        host.remove()
    assert machine.run("systemctl --failed --no-legend").stdout == ""


def test_sick_hosts(machine: Machine) -> None:
    garbage = machine.ssh_host(2204, force_command=sshhost.GARBAGE)
    silent = machine.ssh_host(2205, force_command=sshhost.SILENCE)
    mute = machine.mute_host(2206)
    assert len(machine.ssh("true", 2204).stdout) > 40_000
    for port in (2205, 2206):
        with pytest.raises(subprocess.TimeoutExpired):
            machine.ssh("true", port, timeout=0.5)
    for host in (garbage, silent, mute):
        host.remove()


def test_host_in_trouble(machine: Machine) -> None:
    host = machine.ssh_host(2207)
    old = host.fingerprint
    host.new_host_key()
    assert host.fingerprint != old
    machine.ssh("true", 2207)

    with machine.popen(["ssh", "-F", "none", "-i", sshhost.CLIENT_KEY, "-o", "BatchMode=yes", "-p", "2207",
                        "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "127.0.0.1",
                        "echo up; sleep 4711"], stderr=subprocess.DEVNULL) as client:
        assert client.stdout.readline() == "up\n"
        assert host.drop_connections() >= 1
        assert client.wait(10) == 255
    assert machine.run(["pkill", "-fx", "sleep 4711"]).returncode == 0, "what runs on the host goes on"

    host.freeze()
    with pytest.raises(subprocess.TimeoutExpired):
        machine.ssh("true", 2207, timeout=0.5)
    host.thaw()
    machine.ssh("true", 2207)
    host.stop()
    assert "refused" in machine.ssh("true", 2207, check=False).stderr
    host.remove()


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_restart_keeps_files_journal_and_drives(new_machine: Callable[..., Machine], end: str) -> None:
    machine = new_machine("again")
    device = machine.add_loop_drive("KEEP0001", 1)
    machine.run(["logger", "--tag=harness", "before"])
    machine.run(["journalctl", "--sync"])
    machine.run(f"echo data | tee /var/lib/kept > {device}")
    getattr(machine, end)()
    assert [e["MESSAGE"] for e in machine.journal("SYSLOG_IDENTIFIER=harness")] == ["before"]
    machine.start()
    assert [e["MESSAGE"] for e in machine.journal("SYSLOG_IDENTIFIER=harness")] == ["before"]
    assert machine.read("/var/lib/kept") == "data\n"
    assert machine.run(["head", "-c5", device]).stdout == "data\n"
    assert "KEEP0001" in machine.run(["lsblk", "-no", "SERIAL", device]).stdout


def test_two_machines(machine: Machine, new_machine: Callable[..., Machine]) -> None:
    other = new_machine("other")
    other.write("/etc/only-here", "")
    assert not machine.path("/etc/only-here").exists()
    ids = {m.run("cat /etc/machine-id").stdout for m in (machine, other)}
    assert len(ids) == 2
    other.kill()
    machine.ssh("true")


def test_degraded_is_an_error(new_machine: Callable[..., Machine]) -> None:
    machine = new_machine("ill", start=False)
    machine.write("/etc/systemd/system/harness-ill.service",
                  "[Service]\nType=oneshot\nExecStart=/bin/false\n[Install]\nWantedBy=multi-user.target\n")
    machine.inside("systemctl --quiet enable harness-ill.service")
    with pytest.raises(resources.HarnessError, match="degraded.*\n.*harness-ill.service"):
        machine.start()
    assert not machine.running
    machine.start(allow_degraded=True)


def ident_of(root: Path) -> str:
    return root.parent.name.removeprefix("burnin-test-").rpartition("-")[0]


def leftovers(ident: str) -> list[str]:
    places = [("/proc/self/mountinfo", Path("/proc/self/mountinfo").read_text()),
              ("losetup", resources.command("losetup", "--list", "--output", "BACK-FILE").stdout),
              ("netns", "\n".join(os.listdir("/run/netns"))),
              ("cgroups", "\n".join(os.listdir(resources.cgroup2_mount()))),
              ("records", "\n".join(os.listdir(resources.RECORDS))),
              ("nspawn", "\n".join(str(p) for p in Path("/run/systemd/nspawn").rglob("*"))),
              ("/tmp", "\n".join(os.listdir("/tmp")))]
    return [place for place, text in places if ident in text]


def test_teardown_leaves_nothing() -> None:
    with Machine("gone") as machine:
        ident = ident_of(machine.root)
        root = os.stat(machine.root)
        lock = f"inode-{root.st_dev}:{root.st_ino}"
        assert lock in os.listdir("/run/systemd/nspawn/locks")
        machine.add_loop_drive("GONE0001", 1)
        machine.ssh("setsid sleep 4711 >/dev/null 2>&1 </dev/null &")
        machine.ssh_host(2201, systemd=False)
        assert set(leftovers(ident)) >= {"/proc/self/mountinfo", "losetup", "netns", "cgroups", "records"}
    assert leftovers(ident) == []
    assert lock not in os.listdir("/run/systemd/nspawn/locks")


def test_next_run_clears_up_after_a_killed_one() -> None:
    script = ("import sys; sys.path.insert(0, sys.argv[1]); from machine import Machine\n"
              "m = Machine('killed'); m.start(); m.add_loop_drive('KILLED01', 1)\n"
              "print(m.root, flush=True)\nsys.stdin.read()")
    with subprocess.Popen([sys.executable, "-c", script, str(Path(__file__).parent)], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, text=True) as process:
        ident = ident_of(Path(process.stdout.readline().strip()))
        process.kill()
    assert "cgroups" in leftovers(ident)
    resources.sweep()
    assert leftovers(ident) == []
