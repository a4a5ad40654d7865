# SPDX-License-Identifier: LGPL-2.1-or-later
"""Hosts of kind local: the drives of the service's own machine, through burnin-local.socket and without SSH."""
from __future__ import annotations

import json
import re
import stat
from collections.abc import Iterator
from typing import Any

import dbus
import pytest
from machine import DRIVES
from product import MANAGER, PATH, PHASES, RUNS, Host, Product, product, refused  # noqa: F401

pytestmark = pytest.mark.allow_journal(r"has ended: (inconclusive|failed|cancelled)", r"^inconclusive: ", r"is missing",
                                       r"Refused a (request|connection) of uid")

SOCKET = "/run/burnin-local/socket"
UNIT = "burnin-local.socket"
DROPIN = "/etc/systemd/system/burnin-local@.service.d/50-test.conf"
# As test_sandbox.py counts it. Root with raw drives, so it cannot be as low as that of the others.
EXPOSURE = 3.3

RUN = "0123456789abcdef0123456789abcdef"
HASH = "0" * 64
BOOT = "dadb1c31-0b92-4685-baed-213e2e3beced"
IDENT = "size:131072,loop/backing_file:/x"
START = ["start", RUN, RUN, "loop0", IDENT, "WD 1", HASH, BOOT, "1", "none", "-", "-", "-"]
BADBLOCKS = ["badblocks", "-w", "-v", "-b", "4096", "-c", "64", "-p", "0", "-e", "1", "-X", "{}"]

# Sends packets over one connection, and prints what came back for each: [output, error output, status], None where it was closed.
CLIENT = r"""
import json, socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
s.settimeout(60)
s.connect(%r)
answers = []
for packet in json.load(sys.stdin):
    out = {"o": b"", "e": b"", "x": b""}
    try:
        s.send(packet.encode("latin-1"))
        while not out["x"]:
            p = s.recv(65536)
            if not p:
                break
            out[chr(p[0])] += p[1:]
    except (ConnectionError, BrokenPipeError):
        pass
    answers.append([out["o"].decode("utf-8", "replace"), out["e"].decode("utf-8", "replace"), int(out["x"])] if out["x"] else None)
print(json.dumps(answers))
""" % SOCKET


def send(product: Product, packets: list[str], user: str | None = "burnin") -> list[Any]:
    done = product.machine.run(["/usr/bin/python3", "-IS", "-c", CLIENT], input=json.dumps(packets), user=user, timeout=90)
    return json.loads(done.stdout)


def ask(product: Product, *words: str, user: str | None = "burnin") -> Any:
    return send(product, ["".join(f"{word}\0" for word in words)], user)[0]


@pytest.fixture(scope="module", autouse=True)
def socket(product: Product) -> Iterator[None]:
    # What the stand-in for smartctl keeps is the drives' own memory, which no sandbox is in front of.
    product.machine.write(DROPIN, f"[Service]\nReadWritePaths={DRIVES}\n")
    product.machine.run(["systemctl", "daemon-reload"])
    product.machine.run(["systemctl", "start", UNIT])
    yield
    product.machine.run(["systemctl", "stop", UNIT])
    product.machine.run(f"rm -r {DROPIN.rpartition('/')[0]}; systemctl daemon-reload")


def local_host(product: Product, name: str = "here") -> Host:
    return product.new_host(name, kind="local")


@pytest.fixture
def here(product: Product) -> Iterator[Host]:
    """This machine as the host 'here', online; jobs and drives of the test are gone afterwards."""
    names = [row["Name"] for row in product.hosts()]
    host = product.host("here") if "here" in names else local_host(product)
    host.wait("State", "online")
    yield host
    product.clean(hosts=["here"])


# --- hosts --------------------------------------------------------------------------------------------------


def test_it_is_not_enabled_by_itself(product: Product) -> None:
    said = product.machine.run(["systemctl", "is-enabled", UNIT], check=False).stdout.strip()
    assert said == "disabled"


def test_online_without_a_key(here: Host, product: Product) -> None:
    said = here.all()
    assert (said["Kind"], said["Address"], said["Port"], said["User"]) == ("local", "", 0, "")
    assert (said["HostKeyFingerprint"], said["SeenHostKeyFingerprint"], said["StateReason"]) == ("", "", "")
    assert said["OperatingSystem"].startswith("Linux ") and said["DetectionState"] == "ok" and said["MissingTools"] == ""
    with refused("WrongState", "this machine", "no key"):
        here.accept_key("SHA256:whatever")
    with refused("HostExists", "here"):
        local_host(product, "again")
    here.call("Configure", "a{sv}", dbus.Dictionary({"notes": "under the desk"}, signature="sv"))
    assert here["Notes"] == "under the desk"
    with refused("InvalidArgument", "this machine"):
        here.call("Configure", "a{sv}", dbus.Dictionary({"address": "10.0.0.1"}, signature="sv"))
    product.restart()
    here.wait("State", "online")
    assert here["Kind"] == "local"


def test_locate_led(here: Host, product: Product) -> None:
    """The sandbox does not let burnin-local write to an enclosure; the unit that it asks systemd for may."""
    drive = product.plug("LOCALLED", 8)
    product.machine.write("/usr/sbin/ledctl", "#!/bin/sh\necho \"$1\" >> /etc/lights\n", mode=0o755)
    try:
        drive.call("Identify", "ut", 1, 0)
        product.machine.wait_for(lambda: product.machine.read("/etc/lights").split() == [
            "locate=/dev/" + drive["DevName"], "locate_off=/dev/" + drive["DevName"]], what="it was lit, and went out")
    finally:
        product.machine.run(["rm", "-f", "/usr/sbin/ledctl", "/etc/lights"])


@pytest.mark.parametrize("options", [{"address": "127.0.0.1"}, {"port": dbus.UInt16(22)}, {"user": "root"}])
def test_it_has_no_place_on_the_network(product: Product, options: dict[str, Any]) -> None:
    with refused("InvalidArgument", "this machine"):
        product.new_host("there", kind="local", **options)
    assert "there" not in [row["Name"] for row in product.hosts()]


def test_bad_kinds(product: Product) -> None:
    with refused("InvalidArgument", "no kind of host", "local"):
        product.new_host("there", kind="Local")
    with refused("InvalidOption"):
        product.new_host("there", kind=dbus.Boolean(True))
    with pytest.raises(dbus.DBusException) as error:
        product.call("AddHost", "sa{sv}", "there", dbus.Dictionary({"kind": "local"}, signature="sv"), user="visitor")
    assert "org.burnin1" not in str(error.value.get_dbus_name())


@pytest.mark.allow_journal(r"has not answered for")
def test_socket_that_is_off_is_named(product: Product) -> None:
    product.clean()
    machine = product.machine
    machine.run(["systemctl", "stop", UNIT])
    try:
        host = local_host(product)
        host.wait("StateReason", lambda reason: "enable burnin-local.socket on this machine" in reason)
        assert host["State"] == "new"
        machine.run(["systemctl", "start", UNIT])
        host.wait("State", "online")
        product.plug("LOCAL000", 8)
        # Stopping it ends the connection that is there, too.
        machine.run(["systemctl", "stop", UNIT])
        host.wait("StateReason", lambda reason: "enable burnin-local.socket" in reason)
        host.wait("State", "stale", 30)
        with refused("HostUnreachable", "enable burnin-local.socket on this machine"):
            product.start_all([("LOCAL000", "LOCAL000")])
    finally:
        machine.run(["systemctl", "start", UNIT])
        product.clean()


def test_burninctl(product: Product) -> None:
    product.clean()
    machine = product.machine
    said = machine.run(["burninctl", "host", "add", "here", "--kind", "local", "--notes=desk"])
    assert "systemctl enable --now burnin-local.socket" in said.stderr and "accept-key" not in said.stderr
    product.host("here").wait("State", "online")
    listed = machine.run(["burninctl", "hosts", "--full"]).stdout
    assert re.search(r"^here +this machine +online", listed, re.MULTILINE), listed
    shown = machine.run(["burninctl", "host", "show", "here"]).stdout
    assert "this machine" in shown and "key" not in shown
    assert json.loads(machine.run(["burninctl", "host", "show", "here", "--json=short"]).stdout)["Kind"] == "local"
    refused_key = machine.run(["burninctl", "host", "accept-key", "here"], check=False)
    assert refused_key.returncode == 4 and "no key to accept" in refused_key.stderr
    assert machine.run(["burninctl", "host", "configure", "here", "--kind=ssh"], check=False).returncode == 2
    assert machine.run(["burninctl", "host", "add", "x", "--kind=nfs"], check=False).returncode != 0


# --- burn-ins -----------------------------------------------------------------------------------------------


def test_good_drive_passes(here: Host, product: Product) -> None:
    machine = product.machine
    cursor = machine.cursor()
    drive = product.plug("LOCAL001")
    assert drive["Host"] == "here" and drive["SmartHealth"] == "passed"
    job = product.start("LOCAL001")
    assert job.wait_end() == "passed"
    for kind in ("precheck", "surface_validate", "final_check"):
        assert job.stage(kind)["Verdict"] == "passed"
        assert all(line[4] == "passed" for line in job.stage(kind)["Evidence"])
    surface = job.stage()
    assert [(number, name) for number, name, _ in surface["PhaseHistory"]] == list(enumerate(PHASES, 1))
    assert ("exclusive", "passed") in [(line[0], line[4]) for line in surface["Evidence"]]
    assert not any(product.image("LOCAL001").read_bytes()), "the last pattern is 0x00"
    # The agent held it, which nobody had to send.
    agents = list(machine.path(f"{RUNS}/bin").glob("burnin-agent-*"))
    assert [stat.S_IMODE(a.stat().st_mode) for a in agents] == [0o700]
    assert agents[0].read_bytes() == next(machine.path("/usr/lib/burnin/agent").iterdir()).read_bytes()
    started, = (e for e in machine.journal("SYSLOG_IDENTIFIER=burnin-local", cursor=cursor) if "badblocks" in e["MESSAGE"])
    assert started["BURNIN_RUN"] == surface["RunId"]
    assert re.match(r"Run [0-9a-f]{32} on loop\d+ \(none\): badblocks ", started["MESSAGE"]), started["MESSAGE"]


def test_locked_drive_is_refused(here: Host, product: Product) -> None:
    used = product.plug("LOCAL002", 16)
    product.machine.run(["mkfs.ext4", "-q", product.device("LOCAL002")])
    here.refresh()
    used.wait("LockState", "existing-data")
    product.machine.run(f"mkdir -p /mnt/here; mount {product.device('LOCAL002')} /mnt/here")
    here.refresh()
    used.wait("LockState", "mounted")
    assert "/mnt/here" in used["LockDetail"]
    product.machine.run(["umount", "/mnt/here"])
    here.refresh()
    used.wait("LockState", "existing-data")


def test_cancel(here: Host, product: Product) -> None:
    product.plug("LOCAL003", 256)
    job = product.start("LOCAL003")
    with product.braked(job) as pid:
        job.cancel("enough")
        assert job.wait_end() == "cancelled"
        assert product.state_of(pid) == ""
    assert product.drive("LOCAL003")["ActiveJob"] == "/"


@pytest.mark.allow_journal(r"[Ll]eft-over process|unclean termination", r"Lost contact|Contact")
def test_run_survives_the_service_and_its_own(here: Host, product: Product) -> None:
    machine = product.machine
    product.plug("LOCAL004", 256)
    job = product.start("LOCAL004")
    with product.braked(job) as pid:
        unit = f"burnin-run-{job.stage()['RunId']}.service"
        assert unit in machine.run(["cat", f"/proc/{pid}/cgroup"]).stdout
        product.restart()
        assert product.state_of(pid) == "T"
        # The socket alone, then every connection, then both.
        for words in (["restart", UNIT], ["restart", "burnin-local@*.service"], ["stop", UNIT], ["start", UNIT]):
            machine.run(["systemctl", *words])
            assert product.state_of(pid) == "T"
        last = here["LastSeenUSec"]
        machine.wait_for(lambda: here["LastSeenUSec"] > last, 20, "here is read again")
    assert job.wait_end() == "passed"
    assert job.stage()["Attempt"] == 1


@pytest.mark.allow_journal(r"worker .* (ended|died|killed)|ended without a report|code=killed")
def test_run_survives_its_worker(here: Host, product: Product) -> None:
    product.plug("LOCAL005", 256)
    job = product.start("LOCAL005")
    with product.braked(job):
        product.machine.run(["systemctl", "kill", "--signal=KILL", job.stage()["Unit"]])
        job.stage().wait("Attempt", 2)
    assert job.wait_end() == "passed"


# --- who may ask, and for what ------------------------------------------------------------------------------


def test_rights_of_the_socket(product: Product) -> None:
    machine = product.machine
    assert machine.run(["stat", "-c", "%U:%G %a", SOCKET]).stdout.strip() == "root:burnin 660"
    assert machine.run(["stat", "-c", "%U:%G %a", SOCKET.rpartition("/")[0]]).stdout.strip() == "root:root 755"
    for user in ("burnin", None):
        output, _, status = ask(product, "probe", "x", user=user)
        assert status == 0 and output.startswith("burnin-answer probe\n") and output.endswith("burnin-end 0\n")
    for user in ("visitor", "nobody", "nas"):
        done = machine.run(["/usr/bin/python3", "-IS", "-c", CLIENT], input='["agent\\u0000"]', user=user, check=False)
        assert done.returncode != 0 and "PermissionError" in done.stderr, done


def test_group_alone_is_not_enough(product: Product) -> None:
    machine = product.machine
    cursor = machine.cursor()
    machine.run(["usermod", "-aG", "burnin", "visitor"])
    try:
        assert ask(product, "agent", user="visitor") is None
    finally:
        machine.run(["gpasswd", "-d", "visitor", "burnin"])
    entry, = machine.journal("SYSLOG_IDENTIFIER=burnin-local", cursor=cursor)
    assert "Refused a connection of uid 2001" in entry["MESSAGE"]
    assert entry["MESSAGE_ID"] == "3690c332682840f6a1ffb3ee8c1c227f"


def changed(words: list[str], index: int, word: str) -> list[str]:
    return [*words[:index], word, *words[index + 1:]]


REFUSED = [
    [""], ["shell"], ["sh", "-c", "id"], ["wrap", f"{RUNS}/{RUN}"], ["check", f"{RUNS}/{RUN}"], ["AGENT"], ["agent", ""],
    ["agent", "x"], ["facts"], ["facts", "short"], ["facts", RUN, "smart:../sda"], ["facts", RUN, "smart:"],
    ["facts", RUN, "erase:sda"], ["probe"], ["probe", ""], ["probe", "a b"], ["probe", "$(id)"], ["probe", "a" * 1025],
    ["probe", "x", "y"], ["fingerprint", "loop0"], ["fingerprint", "/dev/loop0", IDENT], ["fingerprint", "loop0", "a;b"],
    ["smart"], ["smart", "../loop0"], ["smart", "-x"], ["smart", "loop0\n"], ["smart", "loop0", "-t"], ["kmsg", "-1", "loop0"],
    ["kmsg", "1e3", "loop0"], ["kmsg", "9" * 19, "loop0"], ["status", RUN, "loop0", "0"], ["status", "../../etc", "loop0", "0", "0"],
    ["status", RUN.upper(), "loop0", "0", "0"], ["cancel", RUN, "3601"], ["cancel", RUN, "-1"], ["cancel", RUN],
    ["pause", ".."], ["resume", RUN[1:]], ["remove", RUN + "0"], ["remove", ""],
    START, [*START, "sh", "-c", "id"], [*START, "/bin/badblocks", "{}"], [*START, "badblocks"], [*START, "badblocks", "/dev/loop0"],
    [*START, "badblocks", "-w", "-o", "/etc/passwd", "{}"], [*START, "badblocks", "-w", "{}", "{}"],
    [*START, "badblocks", "-w", "-b", "{}"], [*START, "badblocks", "-c", "16777217", "{}"], [*START, "badblocks", "-wv", "{}"],
    [*START, "badblocks", "-i", "/etc/shadow", "{}"], [*START, "smartctl", "-t", "vendor,0x7f", "{}"],
    [*START, "smartctl", "-s", "security-freeze", "{}"], [*START, "smartctl", "-X", "{}"], [*START, "smartctl", "-t", "short", "{}"],
    [*changed(START, 1, "x"), *BADBLOCKS], [*changed(START, 2, "x"), *BADBLOCKS], [*changed(START, 3, "../mem"), *BADBLOCKS],
    [*changed(START, 4, "a\nb"), *BADBLOCKS], [*changed(START, 5, "a\nkname=sda"), *BADBLOCKS], [*changed(START, 5, ""), *BADBLOCKS],
    [*changed(START, 6, "-"), *BADBLOCKS], [*changed(START, 6, "0" * 63), *BADBLOCKS], [*changed(START, 7, "here"), *BADBLOCKS],
    [*changed(START, 8, "soon"), *BADBLOCKS],
    [*START, "nvme", "format", "{}"], [*START, "nvme_erase"], [*START, "nvme_erase", "block", "namespace", "1", "{}"],
    [*START, "nvme_erase", "format", "subsystem", "x", "{}"], [*START, "nvme_erase", "format", "subsystem", "1", "/dev/loop0"],
    [*START, "nvme_erase", "format", "subsystem", "1", "{}", "--force"], [*START, "nvme_erase", "$(id)", "subsystem", "1", "{}"],
    [*changed(START, 6, "-"), "nvme_erase", "format", "namespace", "1", "{}"], ["nvme"], ["nvme", "loop0"], ["nvme", "../mem", IDENT],
    ["nvme", "loop0", "a b"], ["nvme", "loop0", IDENT, "--force"],
]


def test_other_verbs_and_arguments_are_refused(product: Product) -> None:
    machine = product.machine
    cursor = machine.cursor()
    before = sorted(machine.path(RUNS).iterdir())
    answers = send(product, ["".join(f"{word}\0" for word in words) for words in REFUSED])
    for words, answer in zip(REFUSED, answers, strict=True):
        assert answer is not None and answer[0] == "" and "burnin-local refused this" in answer[1] and answer[2] == 1, (words, answer)
    assert sorted(machine.path(RUNS).iterdir()) == before
    entries = machine.journal("SYSLOG_IDENTIFIER=burnin-local", cursor=cursor)
    assert len(entries) == len(REFUSED)
    assert all(e["MESSAGE_ID"] == "3690c332682840f6a1ffb3ee8c1c227f" and "Refused a request of uid" in e["MESSAGE"] for e in entries)


def test_packets_that_are_none(product: Product) -> None:
    many = "facts\0" + f"{RUN}\0" + "smart:loop0\0" * 64
    for packet in ("agent", "agent\0x", "\0", "\0\0\0", "\xff\xfe\0", many, "x" * 65536 + "\0"):
        assert send(product, [packet, "pause\0..\0"])[0][2] == 1
    # It goes on after one that was refused.
    assert [a[2] for a in send(product, ["shell\0", "agent\0", "shell\0"])] == [1, 0, 1]


def test_late_and_foreign_starts_are_refused_by_the_run_itself(here: Host, product: Product) -> None:
    """What passes burnin-local goes through every check of the script: it is the same one."""
    product.plug("LOCAL006", 8)
    kname = product.device("LOCAL006").rpartition("/")[2]
    boot = product.machine.read("/proc/sys/kernel/random/boot_id").strip()
    output, _, status = ask(product, *changed(changed(START, 3, kname), 7, boot), *BADBLOCKS)
    assert status == 0 and "state=refused" in output and "late" in output
    now = int(float(product.machine.read("/proc/uptime").split()[0]) * 1_000_000) + 30_000_000
    words = changed(changed(changed(START, 3, kname), 7, boot), 8, str(now))
    output, _, status = ask(product, *words, *BADBLOCKS)
    if "state=starting" in output:
        output = product.machine.wait_for(lambda: (o := ask(product, "status", RUN, kname, "0", "0")[0]) and "state=refused" in o and o, 30)
    assert "refused=identity:" in output
    assert ask(product, "remove", RUN)[2] == 0
    assert not any(product.image("LOCAL006").read_bytes())


# --- its sandbox --------------------------------------------------------------------------------------------


def instance(product: Product) -> str:
    unit, *_ = product.machine.run("systemctl list-units --plain --no-legend 'burnin-local@*' | cut -d ' ' -f 1").stdout.split()
    return unit


def test_exposure_is_as_low_as_drives_allow(here: Host, product: Product) -> None:
    unit = instance(product)
    said = product.machine.run(["systemd-analyze", "security", "--no-pager", unit]).stdout
    found = re.search(r"Overall exposure level for \S+: ([0-9.]+)", said)
    assert found and float(found[1]) <= EXPOSURE, said


def test_instance_is_no_full_root(here: Host, product: Product) -> None:
    machine = product.machine
    pid = machine.run(["systemctl", "show", "--value", "--property=MainPID", instance(product)]).stdout.strip()
    said = dict(line.split(":\t", 1) for line in machine.read(f"/proc/{pid}/status").splitlines() if ":\t" in line)
    allowed = sum(1 << bit for bit in (2, 17, 19, 21, 34))      # DAC_READ_SEARCH SYS_RAWIO SYS_PTRACE SYS_ADMIN SYSLOG
    assert int(said["CapBnd"], 16) & ~allowed == 0 and int(said["CapEff"], 16) & ~allowed == 0
    assert said["NoNewPrivs"].strip() == "1" and said["Seccomp"].strip() == "2"
    inside = machine.run(f"nsenter -t {pid} -m sh -c 'touch /etc/x /usr/x /root/x /var/lib/burnin/x /sys/x; touch {RUNS}/x && rm {RUNS}/x'",
                         check=False)
    assert inside.returncode == 0 and len(re.findall("Read-only file system|Permission denied", inside.stderr)) == 5, inside
    assert len(set(machine.run(f"readlink /proc/1/ns/net /proc/{pid}/ns/net").stdout.split())) == 2, "a network of its own: none"
