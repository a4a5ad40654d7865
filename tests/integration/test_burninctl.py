# SPDX-License-Identifier: LGPL-2.1-or-later
"""burninctl against the real service: what it prints, what it asks, and how it ends."""
from __future__ import annotations

import json
import re
import shlex
import subprocess
from collections.abc import Callable, Iterator

import pytest

from machine import Machine

OK, ERROR, USAGE, NOT_FOUND, REFUSED, DENIED, FAILED, OPEN = range(8)
HOST = "shelf1"

# What these tests bring about on purpose.
pytestmark = pytest.mark.allow_journal(r"waiting for its first answer", r"has ended: (inconclusive|cancelled|failed)", r"^failed: ",
                                       r"^inconclusive: ", r"may not .*|enied|interactive authorization")
MANAGER = "/org/burnin1", "org.burnin1.Manager"


def ctl(machine: Machine, *args: str, status: int = OK, user: str | None = None) -> str:
    done = machine.run(["burninctl", *args], check=False, user=user)
    assert done.returncode == status, f"burninctl {shlex.join(args)}: {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout + (done.stderr or "" if status != OK else "")


def ctl_json(machine: Machine, *args: str) -> object:
    return json.loads(ctl(machine, "--json=short", *args))


def on_terminal(machine: Machine, command: str, typed: str = "", user: str | None = None,
                timeout: float = 60) -> subprocess.CompletedProcess[str]:
    """As a person at a terminal would: script(1) gives a pseudo-terminal and types."""
    return machine.run(["script", "-qefc", f"env TERM=xterm PAGER= {command}", "/dev/null"], input=typed, check=False,
                       user=user, timeout=timeout)


@pytest.fixture(scope="module")
def settings(machine: Machine) -> Iterator[None]:
    path = "/etc/burnin/burnind.conf.d/test-burninctl.conf"
    machine.write(path, "[burnind]\nloop_drives=yes\npoll_interval_seconds=1\n")
    machine.run(["systemctl", "restart", "burnind.service"], timeout=60)
    yield
    machine.run(["rm", path])


@pytest.fixture
def host(settings: None, burnind: Machine) -> Machine:
    """The machine, itself a host that is online."""
    if HOST not in ctl(burnind, "hosts", "-q").split():
        ctl(burnind, "host", "add", HOST, "--address=127.0.0.1", "--notes=the machine itself")
    path = burnind.call(*MANAGER, "GetHost", "s", HOST)
    state = burnind.wait_property(path, "org.burnin1.Host", "State", lambda s: s in ("unconfirmed", "online"), timeout=30)
    if state != "online":
        ctl(burnind, "host", "accept-key", HOST, burnind.host.fingerprint)
    burnind.wait_property(path, "org.burnin1.Host", "State", "online", timeout=30)
    return burnind


@pytest.fixture
def drive(host: Machine, drives: Callable[..., str]) -> Callable[..., str]:
    """Plugs in a drive, and waits until the service shows it: drive("LOOPCTL1") -> its device."""
    def plug(serial: str, **arguments: object) -> str:
        device = drives(serial, **arguments)
        host.wait_for(lambda: any(d["Serial"] == serial and d["Present"] and d["SmartHealth"] == "passed"
                                  for d in ctl_json(host, "drives", f"--host={HOST}", "--lock=none")), timeout=30,
                      what=f"{serial} is there and free")
        return device
    return plug


def test_usage_needs_no_service(machine: Machine) -> None:
    for args in (["nonsense"], ["host"], ["host", "show"], ["hosts", "x"], ["--json=xml", "hosts"], ["--nonsense"],
                 ["cancel", "--all", "--host=x"], ["host", "add", "x", "--port=0"], ["start"]):
        assert ctl(machine, *args, status=USAGE)
    assert "Commands" not in ctl(machine, "--version")
    assert "accept-key" in ctl(machine, "--help")


def test_service_is_down(burnind: Machine) -> None:
    burnind.run("systemctl stop burnind.service && systemctl mask --runtime burnind.service", timeout=60)
    try:
        assert "burnind.service" in ctl(burnind, "status", status=ERROR)
    finally:
        burnind.run(["systemctl", "unmask", "--runtime", "burnind.service"])


def test_not_found(burnind: Machine) -> None:
    for args in (["host", "show", "nowhere"], ["drive", "show", "nothing"], ["job", "show", "999999"],
                 ["job", "cancel", "999999"], ["start", "nothing", "--yes", "--serial=nothing"]):
        assert ctl(burnind, *args, status=NOT_FOUND).strip()


def test_json_has_the_keys_of_the_bus(host: Machine, drive: Callable[..., str]) -> None:
    drive("LOOPCTL1")
    row = next(h for h in ctl_json(host, "hosts") if h["Name"] == HOST)
    one = ctl_json(host, "host", "show", HOST)
    assert set(row) == set(one) and row["Object"] == one["Object"]
    assert one["Notes"] == "the machine itself" and one["Port"] == 22

    row = next(d for d in ctl_json(host, "drives") if d["Serial"] == "LOOPCTL1")
    one = ctl_json(host, "drive", "show", "LOOPCTL1")
    assert set(row) == set(one) and row["Id"] == one["Id"]
    assert set(ctl_json(host, "status")) == {"Manager", "Hosts", "ActiveJobs", "FinishedJobs", "PresentDrives",
                                             "UnlockedDrives"}


def test_public_key_is_the_line_that_lets_burnin_in(burnind: Machine) -> None:
    """Whatever is in the file: to read the manager's other properties must stay possible."""
    path = "/etc/burnin/id_ed25519.pub"
    line = burnind.read(path)
    assert ctl(burnind, "host", "public-key") == line
    assert ctl_json(burnind, "host", "public-key") == {"SshPublicKey": line.strip()}
    try:
        for change, shown in ((f"echo second >> {path}", line.strip()), (f": > {path}", ""),
                              (f"printf 'ssh-\\377 x\\n' > {path}", ""), (f"rm {path}", "")):
            burnind.run(change)
            assert ctl_json(burnind, "status")["Manager"]["SshPublicKey"] == shown
            assert shown or "ssh-keygen -y" in ctl(burnind, "host", "public-key", status=ERROR)
    finally:
        burnind.write(path, line)


def test_key_is_never_accepted_silently(host: Machine) -> None:
    other = host.ssh_host(2210)
    try:
        ctl(host, "host", "add", "keys", "--address=127.0.0.1", "--port=2210")
        path = host.call(*MANAGER, "GetHost", "s", "keys")
        host.wait_property(path, "org.burnin1.Host", "State", "unconfirmed", timeout=30)

        assert other.fingerprint in ctl(host, "host", "accept-key", "keys", status=USAGE)
        assert ctl(host, "host", "accept-key", "keys", "SHA256:wrong", status=REFUSED)
        refused = on_terminal(host, "burninctl host accept-key keys", "no\n")
        assert refused.returncode == ERROR and other.fingerprint in refused.stdout
        assert ctl_json(host, "host", "show", "keys")["State"] == "unconfirmed"

        assert on_terminal(host, "burninctl host accept-key keys", "yes\n").returncode == OK
        host.wait_property(path, "org.burnin1.Host", "State", "online", timeout=30)
    finally:
        host.run(["burninctl", "host", "remove", "keys"], check=False)
        other.remove()


def test_location_and_hostile_text(host: Machine, drive: Callable[..., str]) -> None:
    drive("LOOPCTL2")
    ctl(host, "drive", "location", "LOOPCTL2", "bay 7")
    ctl(host, "drive", "notes", "LOOPCTL2", "größer")
    for text in ("left\u202etfel", "\u009b2J", "\x1b[2J"):
        ctl(host, "drive", "notes", "LOOPCTL2", text, status=USAGE)
    assert "bay 7" in ctl(host, "drive", "show", "LOOPCTL2")
    assert ctl_json(host, "drive", "show", "LOOPCTL2")["Notes"] == "größer"
    # What is in the database since before it was refused is shown, and drives no terminal.
    host.run(["sqlite3", "/var/lib/burnin/burnin.db", "UPDATE drives SET notes = 'left\u202etfel \u009b2J' WHERE serial = 'LOOPCTL2'"])
    host.run(["systemctl", "restart", "burnind.service"])
    assert "left?tfel ?2J" in ctl(host, "drive", "show", "LOOPCTL2")


def test_start_asks(host: Machine, drive: Callable[..., str]) -> None:
    drive("LOOPCTL3")
    assert "--serial" in ctl(host, "start", "LOOPCTL3", status=USAGE)
    assert "--serial" in ctl(host, "start", "LOOPCTL3", "--yes", status=USAGE)
    assert ctl(host, "start", "LOOPCTL3", "--yes", "--serial=LOOPCTL4", status=REFUSED).strip()

    declined = on_terminal(host, "burninctl start LOOPCTL3", "\n")
    assert declined.returncode == ERROR and "LOOPCTL3" in declined.stdout and "DESTROYED" in declined.stdout
    assert on_terminal(host, "burninctl start LOOPCTL3", "LOOPCTL4\n").returncode == REFUSED
    assert not [j for j in ctl_json(host, "jobs") if j["Serial"] == "LOOPCTL3"]


def test_locked_drive_is_refused(host: Machine, drive: Callable[..., str]) -> None:
    device = drive("LOOPCTL5")
    host.run(["mkfs.ext4", "-q", device])
    host.wait_for(lambda: ctl_json(host, "drive", "show", "LOOPCTL5")["LockState"] == "existing-data", timeout=30)
    assert "existing" in ctl(host, "start", "LOOPCTL5", "--yes", "--serial=LOOPCTL5", status=REFUSED)
    assert "LOOPCTL5" in ctl(host, "drives", "--lock=existing-data")


@pytest.mark.allow_journal(r"^The grant .* (was given: |is used by job )", r"is locked now")
def test_unlock(host: Machine, drive: Callable[..., str]) -> None:
    device = drive("LOOPCTL8", size_mb=8)
    assert "nothing to unlock" in on_terminal(host, "burninctl drive unlock LOOPCTL8", "x\n").stdout
    host.run(["mkfs.ext4", "-q", device])
    host.wait_for(lambda: ctl_json(host, "drive", "show", "LOOPCTL8")["LockState"] == "existing-data", timeout=30)
    token, why = "DESTROY EXISTING DATA", "--reason=to see it"
    for args in ([], ["--token=" + token], [why]):
        assert "--token" in ctl(host, "drive", "unlock", "LOOPCTL8", *args, status=USAGE)
    assert "token" in ctl(host, "drive", "unlock", "LOOPCTL8", "--token=DESTROY", why, status=REFUSED)
    assert ctl(host, "drive", "unlock", "LOOPCTL8", "--token=" + token, "--reason=" + "x" * 201, status=USAGE)
    assert "You may not" in ctl(host, "drive", "unlock", "LOOPCTL8", "--token=" + token, why, status=DENIED, user="visitor")
    declined = on_terminal(host, "burninctl drive unlock LOOPCTL8", "\n")
    assert declined.returncode == ERROR and "Nothing was unlocked" in declined.stdout and token in declined.stdout
    assert on_terminal(host, "burninctl drive unlock LOOPCTL8", "LOOPCTL8\nbecause\n").returncode == REFUSED
    assert ctl_json(host, "grants") == []

    asked = on_terminal(host, "burninctl drive unlock LOOPCTL8", token + "\nto see it\n")
    assert asked.returncode == OK and "ext4" in asked.stdout and "start --unlock LOOPCTL8" in asked.stdout, asked.stdout
    grant, = ctl_json(host, "grants")
    assert (grant["Serial"], grant["Role"], grant["Reason"]) == ("LOOPCTL8", "existing-data", "to see it")
    table = ctl(host, "grants")
    assert grant["Id"] in table and "to see it" in table and "1 grant" in table
    assert ctl(host, "grants", "-q").split() == [grant["Id"]]
    assert ctl(host, "grant", "revoke", "nonsense", status=ERROR)
    ctl(host, "grant", "revoke", grant["Id"])
    assert ctl_json(host, "grants") == []
    one = ctl_json(host, "drive", "unlock", "LOOPCTL8", "--token=" + token, why)
    assert one["Role"] == "existing-data" and one["Object"].startswith("/org/burnin1/grant/")

    start = ["start", "LOOPCTL8", "--yes", "--serial=LOOPCTL8"]
    assert "existing-data" in ctl(host, *start, status=REFUSED)
    assert ctl(host, *start, "--release", status=USAGE)
    ctl(host, *start, "--unlock", "--wait")
    job = ctl(host, "jobs", "-q", "-n", "1").strip()
    shown = ctl(host, "job", "show", job)
    assert "existing-data" in shown and "to see it" in shown and "passed" in shown
    host.run(["mkfs.ext4", "-q", device])
    host.wait_for(lambda: ctl_json(host, "drive", "show", "LOOPCTL8")["LockState"] == "existing-data", timeout=30)
    ctl(host, *start, "--unlock-existing", "--wait")
    assert any(e["Action"].endswith("unlock") and e["Outcome"] == "used" for e in ctl_json(host, "audit"))


def test_burn_in_from_start_to_verdict(host: Machine, drive: Callable[..., str]) -> None:
    drive("LOOPCTL6", size_mb=64)
    out = on_terminal(host, "burninctl start LOOPCTL6 --wait --note=test", "LOOPCTL6\n", timeout=300)
    job = ctl(host, "jobs", "-q", "-n", "1").strip()
    assert ctl_json(host, "job", "show", job)["Verdict"] == "passed"
    assert out.returncode == OK, out.stdout
    # Which phases are seen depends on how fast the drive is; the first is there from the first second on.
    assert "passed" in out.stdout and re.search("(Write|Verify) 0x", out.stdout) and "%" in out.stdout

    shown = ctl(host, "job", "show", job)
    for word in ("passed", "surface_validate", "Verify", "EVIDENCE", "LOOPCTL6"):
        assert word in shown
    assert ctl(host, "job", "log", job, "surface_validate").strip()
    assert ctl(host, "job", "log", job, "nonsense", status=NOT_FOUND)
    drive("LOOPCTL9", size_mb=8)
    for name in ("LOOPCTL6", ctl_json(host, "drive", "show", "LOOPCTL6")["Id"]):
        assert ctl(host, "jobs", "-q", f"--drive={name}").split() == [job]
        assert ctl(host, "jobs", "-q", "--latest", f"--drive={name}").split() == [job]
    assert ctl(host, "jobs", "-q", "--active", "--drive=LOOPCTL6") == ctl(host, "jobs", "-q", "--drive=LOOPCTL9") == ""
    assert "nothing" in ctl(host, "jobs", "--drive=nothing", status=NOT_FOUND)
    assert job in ctl(host, "jobs", "-q", "--latest").split()
    assert "--latest" in ctl(host, "jobs", "--active", "--latest", status=USAGE)
    details = ctl_json(host, "job", "show", job)
    assert details["Note"] == "test" and len(details["StageObjects"]) == len(details["Stages"]) == 3
    assert ctl(host, "job", "cancel", job, status=REFUSED)


def test_self_tests(host: Machine, drive: Callable[..., str]) -> None:
    drive("LOOPCTL8", size_mb=8)
    assert "LOOPCTL8" not in ctl(host, "selftest", "show")
    assert "idle" in ctl(host, "selftest", "show", "LOOPCTL8")
    assert ctl(host, "selftest", "start", "LOOPCTL8", "--type=long", "--wait")
    shown, = ctl_json(host, "selftest", "show", "LOOPCTL8")
    assert shown["Serial"] == "LOOPCTL8"
    assert (shown["SelfTests"]["long"]["State"], shown["SelfTests"]["short"]["State"]) == ("passed", "idle")
    line, = (li for li in ctl(host, "selftest", "show").splitlines() if "LOOPCTL8" in li)
    assert re.search(r"LOOPCTL8 +long +passed .*Completed without error", line)
    assert "Self-test, long: passed" in ctl(host, "drive", "show", "LOOPCTL8")
    job, = ctl_json(host, "selftest", "start", "LOOPCTL8", "--wait")
    assert (job["Kind"], job["Profile"]) == ("self-test", "short")

    host.set_smart("LOOPCTL8", {"burnin_test": {"selftest": {"status": 7}}})
    assert "read failure" in ctl(host, "selftest", "start", "LOOPCTL8", "--wait", status=FAILED)
    assert ctl(host, "selftest", "start", "LOOPCTL8", "--type=sideways", status=USAGE)
    assert ctl(host, "selftest", "cancel", "LOOPCTL8", status=REFUSED)
    assert ctl(host, "selftest", "start", "nothing", status=NOT_FOUND)
    assert ctl(host, "selftest", "start", "LOOPCTL8", status=DENIED, user="visitor")


def test_stages_of_ones_own(host: Machine, drive: Callable[..., str]) -> None:
    drive("LOOPCTL9", size_mb=8)
    asked = on_terminal(host, "burninctl start LOOPCTL9 --stages=long_smart,short_smart --wait", "", timeout=120)
    assert asked.returncode == OK, asked.stdout
    assert "DESTROYED" not in asked.stdout and "serial" not in asked.stdout
    job = ctl(host, "jobs", "-q", "-n", "1").strip()
    details = ctl_json(host, "job", "show", job)
    assert details["Profile"] == "custom"
    assert [path.rsplit("/", 1)[1] for path in details["Stages"]] == ["precheck", "long_smart", "short_smart", "final_check"]
    for stages in ("short_smart,nvme_format", "nvme_sanitize", "surface_validate,long_smart"):
        asked = on_terminal(host, f"burninctl start LOOPCTL9 --stages={stages}", "no\n")
        assert asked.returncode != OK and "EVERYTHING ON THIS DRIVE WILL BE DESTROYED" in asked.stdout, asked.stdout
    assert ctl(host, "start", "LOOPCTL9", "--yes", "--serial=LOOPCTL9", "--stages=wipe", status=USAGE)
    assert ctl(host, "start", "LOOPCTL9", "--yes", "--serial=LOOPCTL9", "--stages=short_smart", "--profile=short", status=USAGE)


def test_wait_gives_cancelled(host: Machine, drive: Callable[..., str]) -> None:
    drive("LOOPCTL7", size_mb=256)
    with host.popen(["burninctl", "start", "LOOPCTL7", "--yes", "--serial=LOOPCTL7", "--wait"]) as waiting:
        host.wait_for(lambda: ctl(host, "jobs", "--active", "-q").strip(), timeout=30)
        ctl(host, "cancel", "--all", "--reason=enough")
        assert waiting.wait(timeout=60) == OPEN
    assert "enough" in ctl(host, "jobs", "--verdict=cancelled", "-n", "1")


def test_without_rights(host: Machine) -> None:
    assert HOST in ctl(host, "hosts", user="visitor")
    for args in (["host", "remove", HOST], ["host", "add", "evil"], ["cancel", "--all"]):
        said = ctl(host, *args, status=DENIED, user="visitor")
        assert "You may not" in said
    assert HOST in ctl(host, "hosts", "-q")
    assert any(e["Actor"] == "root" and e["Outcome"] == "ok" for e in ctl_json(host, "audit"))


def test_password_can_be_asked_for_on_a_terminal(host: Machine) -> None:
    def agents() -> list[str]:
        return [e["MESSAGE"] for e in host.journal("SYSLOG_IDENTIFIER=polkitd", cursor=cursor)
                if e["MESSAGE"].startswith("Registered Authentication Agent") and "pkttyagent" in e["MESSAGE"]]

    cursor = host.cursor()
    assert on_terminal(host, f"burninctl --no-ask-password host remove {HOST}", user="visitor").returncode == DENIED
    assert on_terminal(host, "burninctl hosts", user="visitor").returncode == OK
    assert not agents()
    assert on_terminal(host, f"burninctl host remove {HOST}", "\n\n\n", user="visitor").returncode == DENIED
    host.wait_for(agents, timeout=10)


def test_watch_in_a_pipe(host: Machine) -> None:
    lines: list[dict[str, object]] = []
    with host.popen(["timeout", "30", "burninctl", "watch", "--json=short"]) as watching:
        host.wait_for(lambda: " burninctl " in host.run(["busctl", "list", "--no-legend"]).stdout, timeout=10)
        ctl(host, "host", "configure", HOST, "--notes=watched")
        while not any("watched" in str(line["Arguments"]) for line in lines):     # its end would end this, too
            lines.append(json.loads(watching.stdout.readline()))
    assert {"TimeUSec", "Object", "Interface", "Signal", "Arguments"} == set(lines[-1])
    assert lines[-1]["Signal"] == "PropertiesChanged"
    ctl(host, "host", "configure", HOST, "--notes=the machine itself")
