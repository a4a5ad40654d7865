# SPDX-License-Identifier: LGPL-2.1-or-later
"""Who may do what: polkit decides, with every detail of the call; without it the answer is no; every refusal is on record."""
from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from typing import Any

import busclient
import dbus
import dbus.lowlevel
import dbus.service
import pytest
from product import (DRIVE, HOST, JOB, MANAGER, NIGHTLY, PATH, POLKIT_NO, SETTINGS_INTERFACE, Host, Job, Product, nas,  # noqa: F401
                     product, refused)
from terminal import Terminal

pytestmark = pytest.mark.allow_journal(r"has ended: (inconclusive|failed|cancelled)", r"^inconclusive: ", r"is missing",
                                       r"polkit did not answer")

RULES = "/etc/polkit-1/rules.d/10-test.rules"
DENIED = "org.freedesktop.DBus.Error.AccessDenied"
GRANT = "org.burnin1.UnlockGrant"
NOTIFIERS = "org.burnin1.Notifiers"
EMPTY = dbus.Dictionary({}, signature="sv")


@pytest.fixture
def rules(product: Product) -> Iterator[Callable[[str], None]]:
    """rules(TEXT): polkit's rules from now on."""
    def put(text: str) -> None:
        product.machine.write(RULES, text)
        # It has a limit of starts.
        product.machine.run("systemctl reset-failed polkit.service; systemctl restart polkit.service")

    yield put
    product.machine.run(f"rm -f {RULES}; systemctl reset-failed polkit.service; systemctl restart polkit.service")


@pytest.fixture(scope="module")
def people(product: Product) -> None:
    """'operator1' and 'admin1', each in the group of that role."""
    product.machine.run("for role in operator admin; do\n"
                        "getent group burnin-$role || groupadd --system burnin-$role\n"
                        "getent passwd ${role}1 || useradd --system --groups burnin-$role ${role}1\n"
                        "done")


@contextlib.contextmanager
def denied() -> Iterator[None]:
    with pytest.raises(dbus.DBusException) as caught:
        yield
    assert caught.value.get_dbus_name() in POLKIT_NO, caught.value


# Fewer refusals than are on record one by one, of each caller within a minute.
ON_RECORD = 15
Call = Callable[[Product, "str | None"], Any]
CHANGES: dict[str, Call] = {
    "AddHost": lambda p, user: p.call("AddHost", "sa{sv}", "evil", EMPTY, user=user),
    "Configure": lambda p, user: p.host("nas").call("Configure", "a{sv}", dbus.Dictionary({"notes": "mine"}, "sv"), user=user),
    "AcceptHostKey": lambda p, user: p.host("nas").call("AcceptHostKey", "st", p.machine.host.fingerprint, 0, user=user),
    "Remove": lambda p, user: p.host("nas").call("Remove", "t", 0, user=user),
    "SetLocation": lambda p, user: p.drive("RIGHTS02").call("SetLocation", "st", "mine", 0, user=user),
    "SetNotes": lambda p, user: p.drive("RIGHTS02").call("SetNotes", "st", "mine", 0, user=user),
    "Identify": lambda p, user: p.drive("RIGHTS02").call("Identify", "ut", 1, 0, user=user),
    "Forget": lambda p, user: p.drive("RIGHTS02").call("Forget", "t", 0, user=user),
    "Unlock": lambda p, user: p.drive("RIGHTS02").call("Unlock", "sst", "DESTROY EXISTING DATA", "mine", 0, user=user),
    "StartSelfTest": lambda p, user: p.drive("RIGHTS02").call("StartSelfTest", "st", "short", 0, user=user),
    "CancelSelfTest": lambda p, user: p.drive("RIGHTS01").call("CancelSelfTest", "t", 0, user=user),
    "StartBurnIn": lambda p, user: p.start_all([("RIGHTS02", "RIGHTS02")], user=user),
    "Cancel": lambda p, user: p.active_jobs()[0].cancel(user=user),
    "Pause": lambda p, user: p.active_jobs()[0].call("Pause", "st", "", 0, user=user),
    "Resume": lambda p, user: p.active_jobs()[0].call("Resume", "t", 0, user=user),
    "SetPriority": lambda p, user: p.active_jobs()[0].call("SetPriority", "it", 1, 0, user=user),
    "Retry": lambda p, user: p.active_jobs()[0].call("Retry", "st", "RIGHTS01", 0, user=user),
    "Set": lambda p, user: p.call_settings("Set", "svt", "max_per_host", dbus.UInt32(7), 0, user=user),
    "Reset": lambda p, user: p.call_settings("Reset", "st", "max_per_host", 0, user=user),
    "Run": lambda p, user: p.call_nightly("Run", "t", 0, user=user),
    "MakeBackup": lambda p, user: p.call_nightly("MakeBackup", "t", 0, user=user),
    "CancelAll": lambda p, user: p.call("CancelAll", "st", "", 0, user=user),
}


def everything(product: Product) -> list[Any]:
    hosts, drives = product.hosts(), product.list("Drives")
    for row in hosts + drives:
        for name in ("LastSeenUSec", "SmartUSec", "Smart"):
            row.pop(name, None)
    return [hosts, drives, [(job.path, job["State"]) for job in product.jobs()], product.call_settings("List")]


@pytest.mark.parametrize("user", ["nobody", "visitor"])
def test_nobody_changes_anything(product: Product, nas: Host, user: str) -> None:
    product.plug("RIGHTS01", 256)
    product.plug("RIGHTS02", 8)
    with product.braked(product.start("RIGHTS01")):
        before = everything(product)
        for number, (method, call) in enumerate(CHANGES.items(), 1):
            if number % ON_RECORD == 0:
                product.restart()
                nas.wait("State", "online")
            with denied():
                call(product, user)
            newest = product.list("Audit", limit=dbus.UInt32(1))[0]
            assert (newest["Actor"], newest["Outcome"], newest["Detail"]) == (user, "denied", method)
            assert newest["Action"].startswith("org.burnin1.") and newest["Object"]
        assert everything(product) == before
        product.call("CancelAll", "st", "", 0)


def test_nobody_may_look(product: Product, nas: Host) -> None:
    product.plug("LOOKING1", 8)
    assert product.call("ListHosts", "a{sv}", EMPTY, user="nobody")[0]["Name"] == "nas"
    assert product.call("ListDrives", "a{sv}", dbus.Dictionary({"serial": "LOOKING1"}, "sv"), user="nobody")[1] == 1
    assert product.call("ListJobs", "a{sv}", EMPTY, user="nobody")
    assert product.call("ListAudit", "a{sv}", EMPTY, user="nobody")
    assert product.call("GetHost", "s", "nas", user="nobody") == nas.path
    assert product.call_settings("List", user="nobody")
    assert isinstance(product.call_nightly("ListBackups", user="nobody"), list)
    assert product.call_settings("Get", "s", "max_per_host", user="nobody")["Value"] == 0
    nas.call("Refresh", "t", 0, user="nobody")


def test_roles_of_the_shipped_rules(product: Product, nas: Host, people: None, rules: Callable[[str], None]) -> None:
    rules(product.machine.read("/usr/share/doc/burnin/examples/60-burnin-roles.rules"))
    product.plug("RIGHTS01", 256)
    product.plug("RIGHTS02", 256)
    running = product.start("RIGHTS01")
    with product.braked(running):
        CHANGES["AcceptHostKey"](product, "admin1")     # changes nothing: it is the accepted one
        for role, methods in {"admin1": ("AddHost", "Configure", "Set", "Reset", "MakeBackup"),
                              "operator1": ("SetLocation", "SetNotes", "StartBurnIn")}.items():
            for method in methods:
                with denied():
                    CHANGES[method](product, "visitor")
                if role == "admin1":
                    with denied():
                        CHANGES[method](product, "operator1")
                CHANGES[method](product, role)
                assert product.list("Audit", limit=dbus.UInt32(1))[0]["Actor"] == role, method
        with denied():
            CHANGES["Unlock"](product, "operator1")
        mine, = (job for job in product.active_jobs() if job.path != running.path)
        assert mine["Operator"] == "operator1"
        assert product.drive("RIGHTS02")["Location"] == "mine"
        assert product.call("CancelAll", "st", "", 0, user="operator1") == 2
    assert mine.wait_end() == "cancelled"
    assert "operator1" in mine["Reason"]


def test_shipped_rules_can_keep_others_from_looking(product: Product, nas: Host, people: None,
                                                    rules: Callable[[str], None]) -> None:
    text = product.machine.read("/usr/share/doc/burnin/examples/60-burnin-roles.rules")
    before, _, lines = text.partition("make the group burnin-viewer.\n//\n")
    rules(before + "\n" + "".join(line.removeprefix("// ") for line in lines.splitlines(keepends=True)))
    with denied():
        product.call("ListHosts", "a{sv}", EMPTY, user="visitor")
    for role in ("operator1", "admin1"):
        assert product.call("ListHosts", "a{sv}", EMPTY, user=role)[0]["Name"] == "nas"


def test_rule_sees_the_serial(product: Product, nas: Host, rules: Callable[[str], None]) -> None:
    rules('polkit.addRule(function(action, subject) {\n'
          '    if (action.id == "org.burnin1.start-destructive" && subject.user == "visitor")\n'
          '        return action.lookup("serial") == "ALLOWED1" && action.lookup("drives") == "1"\n'
          '            && action.lookup("profile") == "surface" ? polkit.Result.YES : polkit.Result.NO;\n});\n')
    product.plug("ALLOWED1", 8)
    product.plug("ALLOWED2", 8)
    with denied():
        product.start("ALLOWED2", user="visitor")
    with denied():
        product.start_all([("ALLOWED1", "ALLOWED1"), ("ALLOWED2", "ALLOWED2")], user="visitor", confirmed=True)
    assert not product.active_jobs()
    job = product.start("ALLOWED1", user="visitor")
    assert job["Operator"] == "visitor"
    with denied():
        job.cancel(user="visitor")
    assert job.wait_end() == "passed"


def test_leave_to_start_is_none_to_destroy(product: Product, nas: Host, rules: Callable[[str], None]) -> None:
    rules('polkit.addRule(function(action, subject) {\n'
          '    if (action.id == "org.burnin1.start" && subject.user == "visitor") return polkit.Result.YES;\n});\n')
    product.plug("ONLYREAD", 8)
    for profile in ("surface", "full", "fast"):
        with denied():
            product.start("ONLYREAD", user="visitor", profile=profile)
    job = product.start("ONLYREAD", user="visitor", profile="short")
    assert job.wait_end() == "passed"
    assert Job(product, job.call("Retry", "st", "", 0, user="visitor")).wait_end() == "passed"


def test_rule_sees_the_host(product: Product, nas: Host, rules: Callable[[str], None]) -> None:
    rules('polkit.addRule(function(action, subject) {\n'
          '    if (action.id == "org.burnin1.manage-hosts" && subject.user == "visitor")\n'
          '        return action.lookup("host") == "other" ? polkit.Result.YES : polkit.Result.NO;\n});\n')
    with denied():
        nas.call("Configure", "a{sv}", dbus.Dictionary({"notes": "mine"}, "sv"), user="visitor")
    product.call("AddHost", "sa{sv}", "other", dbus.Dictionary({"address": "127.0.0.1", "port": dbus.UInt16(1)}, "sv"),
                 user="visitor")
    product.host("other").call("Configure", "a{sv}", dbus.Dictionary({"notes": "mine"}, "sv"), user="visitor")
    assert (nas["Notes"], product.host("other")["Notes"]) == ("", "mine")


def test_refusals_do_not_fill_the_disk(product: Product, nas: Host) -> None:
    """Somebody who may nothing calls without end: some calls are on record one by one, all the others as a number."""
    product.restart()
    nas.wait("State", "online")
    newest = product.list("Audit", limit=dbus.UInt32(1))[0]["Id"]
    cursor = product.machine.cursor()
    calls = 100
    for _ in range(calls):
        with denied():
            CHANGES["AddHost"](product, "visitor")
    with denied():
        CHANGES["AddHost"](product, "nobody")       # is heard all the same
    product.machine.run(["systemctl", "stop", "burnind.service"])        # what was only counted is told at the latest now
    product.machine.run(["systemctl", "start", "burnind.service"])

    rows = [row for row in product.list("Audit", limit=dbus.UInt32(200)) if row["Id"] > newest]
    assert {row["Outcome"] for row in rows} == {"denied"}
    assert [row["Actor"] for row in rows].count("nobody") == 1
    single = [row for row in rows if (row["Actor"], row["Detail"]) == ("visitor", "AddHost")]
    (number,) = (row for row in rows if row["Actor"] == "visitor" and row not in single)
    assert 0 < len(single) < calls / 2
    assert number["Object"] == f"{calls - len(single)} calls" and number["ActorUID"] == single[0]["ActorUID"]
    assert "within" in number["Detail"] and number["Action"] == single[0]["Action"]
    told = product.machine.journal("MESSAGE_ID=24e02f9d8ce04c09af9de215abf4dfe5", cursor=cursor)
    assert len(told) == len(rows)


@pytest.fixture
def no_polkit(product: Product, nas: Host) -> Iterator[None]:
    product.plug("RIGHTS02", 8).call("SetLocation", "st", "theirs", 0)
    product.machine.run(["systemctl", "mask", "--runtime", "--now", "polkit.service"])
    yield
    product.machine.run("systemctl unmask --runtime polkit.service; systemctl reset-failed polkit.service; systemctl start polkit.service")


@pytest.mark.parametrize("user", [None, "visitor"])
def test_no_polkit_means_no(product: Product, no_polkit: None, user: str | None) -> None:
    before = product.drive("RIGHTS02")["Location"], product.host("nas")["Notes"]
    assert "theirs" in before
    for method in ("AddHost", "Configure", "AcceptHostKey", "Remove", "SetLocation", "SetNotes", "StartBurnIn", "Set", "Reset",
                   "CancelAll"):
        with denied():
            CHANGES[method](product, user)
    with pytest.raises(dbus.DBusException, match="polkit did not answer .*Try again") as caught:
        product.call("ListHosts", "a{sv}", EMPTY, user=user)
    assert caught.value.get_dbus_name() == DENIED
    # What the properties say anyway needs nobody's leave.
    assert product.call("GetHost", "s", "nas", user=user) == product.host("nas").path
    assert (product.drive("RIGHTS02")["Location"], product.host("nas")["Notes"]) == before
    assert (product["QueuedJobs"], product["RunningJobs"]) == (0, 0)


@contextlib.contextmanager
def polkit_thinks(product: Product) -> Iterator[None]:
    """No question is answered in here."""
    product.machine.run(["systemctl", "kill", "--signal=STOP", "polkit.service"])
    try:
        yield
    finally:
        product.machine.run(["systemctl", "kill", "--signal=CONT", "polkit.service"])


def ask(product: Product, bus: dbus.bus.BusConnection, drives: list[tuple[str, str]], answers: list[Any]) -> None:
    """StartBurnIn over this connection; comes back when burnind has put the question to polkit."""
    bus.call_async("org.burnin1", PATH, MANAGER, "StartBurnIn", "a(ss)a{sv}",
                   (dbus.Array(drives, signature="(ss)"), dbus.Dictionary({"confirmed": True}, "sv")),
                   lambda *values: answers.append(values), answers.append, timeout=30)
    # Needs no polkit, and is served behind the other one.
    assert bus.call_blocking("org.burnin1", PATH, MANAGER, "GetHost", "s", ("nas",))


def test_polkit_that_is_slow_is_waited_for(product: Product, nas: Host) -> None:
    """On a busy machine its answer takes seconds: that is no refusal."""
    answers: list[Any] = []
    with polkit_thinks(product):
        product.machine.bus().call_async("org.burnin1", PATH, MANAGER, "ListHosts", "a{sv}", (EMPTY,),
                                         lambda *values: answers.append(values), answers.append, timeout=30)
        assert not busclient.pump(lambda: bool(answers), 8), answers
    assert busclient.pump(lambda: bool(answers), 10)
    assert not isinstance(answers[0], dbus.DBusException), answers


def test_caller_that_leaves_takes_its_call_along(product: Product, nas: Host) -> None:
    product.plug("LEAVING1", 8)
    pid = product.machine.run(["systemctl", "show", "--value", "--property=MainPID", "burnind.service"]).stdout
    with polkit_thinks(product):
        for _ in range(3):
            bus = product.machine.bus("root")
            ask(product, bus, [("LEAVING1", "LEAVING1")], [])
            bus.close()
        left = product.machine.run("busctl list --no-legend --unique | wc -l").stdout
        assert int(left) > 0
    product.machine.run(["pkcheck", "--action-id=org.burnin1.view", "--process=1"], check=False)
    assert product.call("ListHosts", "a{sv}", EMPTY)
    assert not product.jobs(drive=product.drive("LEAVING1")["Id"])
    assert product.machine.run(["systemctl", "show", "--value", "--property=MainPID", "burnind.service"]).stdout == pid


def test_answer_counts_for_what_was_asked_alone(product: Product, nas: Host) -> None:
    """While polkit thinks, another drive takes the name of the one that it was asked about."""
    meant, other = product.plug("MEANT001", 8), product.plug("MEANT002", 8)
    answers: list[Any] = []
    with polkit_thinks(product):
        ask(product, product.machine.bus(), [(f"nas:{meant['DevName']}", ""), (f"nas:{other['DevName']}", "")], answers)
        product.machine.remove_loop_drive("MEANT001")
        product.machine.add_loop_drive("NOTMEANT", 8)
        meant.wait("Present", False, 4)
    assert busclient.pump(lambda: bool(answers), 10)
    assert isinstance(answers[0], dbus.DBusException) and answers[0].get_dbus_name() == DENIED, answers
    assert "changed" in answers[0].get_dbus_message()
    assert not product.active_jobs()


def test_every_change_is_on_record_with_who_did_it(product: Product, nas: Host) -> None:
    drive = product.plug("RECORD01", 8)
    drive.call("SetLocation", "st", "bay 1", 0)
    with refused("WrongSerial"):
        product.start_all([("RECORD01", "RECORD02")])
    job: Job = product.start("RECORD01")
    job.wait_end()
    entries = product.list("Audit", limit=dbus.UInt32(3))
    assert [(e["Actor"], e["ActorUID"], e["Action"], e["Object"], e["Outcome"]) for e in entries] == [
        ("root", 0, "org.burnin1.start-destructive", f"drive {drive['Id']}", "ok"),
        ("root", 0, "org.burnin1.start-destructive", f"drive {drive['Id']}", "refused"),
        ("root", 0, "org.burnin1.manage-drives", f"drive {drive['Id']}", "ok")]
    assert entries[0]["Detail"] == f"job {job.id}" and "RECORD02" in entries[1]["Detail"]
    assert entries[0]["Id"] > entries[1]["Id"] > entries[2]["Id"]


def test_audit_says_who_did_what_to_which_drive_and_why(product: Product, nas: Host, journal: Any) -> None:
    """Every method that changes something, each once done and once refused where a state can refuse it."""
    journal.allow(r"^The grant ", r"Paused \(operator\)", r"reopen|has not answered")
    told: dict[str, list[tuple[str, str, str]]] = {}

    def newest() -> dict[str, Any]:
        return product.list("Audit", limit=dbus.UInt32(1))[0]

    def done(method: str, call: Callable[[], Any], *words: str) -> Any:
        before, answer = newest()["Id"], call()
        row = newest()
        assert row["Id"] > before, f"{method} left nothing"
        assert (row["Actor"], row["ActorUID"], row["Outcome"]) == ("root", 0, "ok"), row
        for word in words:
            assert word in f"{row['Object']}: {row['Detail']}", (method, row)
        told.setdefault(method, []).append(("ok", row["Object"], row["Detail"]))
        return answer

    def turned_down(method: str, error: str, call: Callable[[], Any], *words: str) -> None:
        before = newest()["Id"]
        with refused(error):
            call()
        row = newest()
        assert row["Id"] > before, f"the refusal of {method} left nothing"
        assert (row["Actor"], row["Outcome"]) == ("root", "refused"), row
        for word in words:
            assert word in f"{row['Object']}: {row['Detail']}", (method, row)

    drive, other = product.plug("AUDITED1", 256), product.plug("AUDITED2", 8)
    name, spare = drive["Id"], other["Id"]
    add = dbus.Dictionary({"address": "127.0.0.1", "port": dbus.UInt16(1)}, "sv")
    done("AddHost", lambda: product.call("AddHost", "sa{sv}", "spare", add), "host spare", "127.0.0.1")
    turned_down("AddHost", "HostExists", lambda: product.call("AddHost", "sa{sv}", "spare", add), "host spare")
    moved = dbus.Dictionary({"port": dbus.UInt16(2)}, "sv")
    done("Configure", lambda: product.host("spare").call("Configure", "a{sv}", moved), "127.0.0.1:1 → root@127.0.0.1:2")
    turned_down("AcceptHostKey", "WrongState", lambda: product.host("spare").accept_key("SHA256:x"), "has not shown a key")
    done("Remove", lambda: product.remove_host("spare"), "host spare")
    turned_down("AcceptHostKey", "WrongFingerprint", lambda: nas.accept_key("SHA256:x"), "host nas", "SHA256:x")
    row = next(r for r in product.list("Audit", limit=dbus.UInt32(1000))
               if (r["Object"], r["Outcome"]) == ("host nas", "ok") and r["Detail"].startswith("AcceptHostKey"))
    assert product.machine.host.fingerprint in row["Detail"]
    told["AcceptHostKey"] = []

    done("SetLocation", lambda: drive.call("SetLocation", "st", "bay 9", 0), name, "bay 9")
    done("SetNotes", lambda: drive.call("SetNotes", "st", "x", 0), name)
    turned_down("Identify", "HostUnfit", lambda: drive.call("Identify", "ut", 1, 0), name)
    told["Identify"] = []
    turned_down("Forget", "WrongState", lambda: drive.call("Forget", "t", 0), name)
    turned_down("Unlock", "WrongState", lambda: drive.call("Unlock", "sst", "x", "because", 0), name, "because")
    turned_down("CancelSelfTest", "WrongState", lambda: drive.call("CancelSelfTest", "t", 0), name)
    done("StartSelfTest", lambda: other.call("StartSelfTest", "st", "short", 0), spare, "short")
    product.clean_jobs()

    job = done("StartBurnIn", lambda: product.start("AUDITED1"), name, "job ")
    with product.braked(job):
        turned_down("StartBurnIn", "DriveBusy", lambda: product.start("AUDITED1"), name)
        turned_down("StartSelfTest", "DriveBusy", lambda: drive.call("StartSelfTest", "st", "short", 0), name)
        turned_down("Remove", "WrongState", lambda: nas.call("Remove", "t", 0), "host nas")
        turned_down("SetPriority", "WrongState", lambda: job.call("SetPriority", "it", 1, 0), name)
        turned_down("Resume", "WrongState", lambda: job.call("Resume", "t", 0), name)
        done("Pause", lambda: job.call("Pause", "st", "a guest", 0), name, "a guest")
        turned_down("Pause", "WrongState", lambda: job.call("Pause", "st", "", 0), name)
        done("Resume", lambda: job.call("Resume", "t", 0), name)
        done("Cancel", lambda: job.cancel("enough of it"), name, "enough of it")
    job.wait_end()
    turned_down("Cancel", "WrongState", job.cancel, name)
    turned_down("Retry", "WrongSerial", lambda: job.call("Retry", "st", "AUDITED2", 0), name)
    done("Retry", lambda: job.call("Retry", "st", "AUDITED1", 0), name, f"job {job.id} again")
    product.call("CancelAll", "st", "fire alarm", 0)
    rows = [(row["Object"], row["Detail"]) for row in product.list("Audit", limit=dbus.UInt32(2))]
    assert rows[0] == ("all jobs", "fire alarm") and name in rows[1][0] and rows[1][1] == "fire alarm"
    told["CancelAll"] = []
    product.clean_jobs()

    in_an_hour = dbus.UInt64((int(time.time()) + 3600) * 1_000_000)
    late = product.start("AUDITED2", at=in_an_hour)
    done("SetPriority", lambda: late.call("SetPriority", "it", 3, 0), spare, "3, was 0")
    late.cancel()
    running = product.machine.path("/var/lib/burnin-test/drives/AUDITED2.img.smart.json")
    assert not running.exists()
    product.machine.set_smart("AUDITED2", {"burnin_test": {"selftest": {"seconds": 600}}})
    other.call("StartSelfTest", "st", "short", 0)
    done("CancelSelfTest", lambda: other.call("CancelSelfTest", "t", 0), spare)
    product.clean_jobs()
    product.machine.run(["mkfs.ext4", "-q", product.device("AUDITED2")])
    other.wait("LockState", "existing-data")
    grant = done("Unlock", lambda: other.call("Unlock", "sst", "DESTROY EXISTING DATA", "it is mine", 0), spare, "it is mine")
    product.machine.call(grant, GRANT, "Revoke", "t", 0)
    row = newest()
    assert spare in row["Object"] and row["Actor"] == "root"
    done("Set", lambda: product.call_settings("Set", "svt", "max_per_host", dbus.UInt32(7), 0), "max_per_host", "0 → 7")
    done("Reset", lambda: product.call_settings("Reset", "st", "max_per_host", 0), "max_per_host", "7 → 0")
    done("MakeBackup", lambda: product.call_nightly("MakeBackup", "t", 0), "backup: burnin-")
    done("Run", lambda: product.call_nightly("Run", "t", 0), "nightly run")
    product.machine.wait_property(PATH, NIGHTLY, "Running", False)
    product.machine.remove_loop_drive("AUDITED2")
    other.wait("Present", False)
    done("Forget", lambda: other.call("Forget", "t", 0), spare)
    assert set(told) >= set(CHANGES)


@pytest.mark.parametrize("sql", ["UPDATE audit SET actor = 'nobody'", "DELETE FROM audit"])
def test_audit_only_grows(product: Product, sql: str) -> None:
    """Not even who can write the file changes it in passing."""
    said = product.machine.run(["sqlite3", "/var/lib/burnin/burnin.db", sql], check=False)
    assert said.returncode != 0 and "append-only" in said.stderr


class Agent(dbus.service.Object):
    """Stands where a person would be asked for a password: notes what they would read, and gives up."""
    PATH = "/org/burnin/test/agent"

    def __init__(self, product: Product, user: str) -> None:
        self.bus = product.machine.bus(user)
        super().__init__(self.bus, self.PATH)
        self.asked: list[tuple[str, str]] = []
        name = self.bus.get_unique_name()
        pid = self.bus.call_blocking("org.freedesktop.DBus", "/", "org.freedesktop.DBus", "GetConnectionUnixProcessID", "s", (name,))
        uid = self.bus.call_blocking("org.freedesktop.DBus", "/", "org.freedesktop.DBus", "GetConnectionUnixUser", "s", (name,))
        started = product.machine.read(f"/proc/{pid}/stat").rpartition(")")[2].split()[19]
        subject = ("unix-process", dbus.Dictionary({"pid": dbus.UInt32(pid), "uid": dbus.Int32(uid),
                                                    "start-time": dbus.UInt64(started)}, "sv"))
        self.bus.call_blocking("org.freedesktop.PolicyKit1", "/org/freedesktop/PolicyKit1/Authority",
                               "org.freedesktop.PolicyKit1.Authority", "RegisterAuthenticationAgent", "(sa{sv})ss",
                               (subject, "C", self.PATH))

    @dbus.service.method("org.freedesktop.PolicyKit1.AuthenticationAgent", in_signature="sssa{ss}sa(sa{sv})")
    def BeginAuthentication(self, action: str, message: str, icon: str, details: Any, cookie: str,    # noqa: N802
                            identities: Any) -> None:
        self.asked.append((str(action), str(message)))
        raise dbus.DBusException("gave up", name="org.freedesktop.PolicyKit1.Error.Cancelled")

    @dbus.service.method("org.freedesktop.PolicyKit1.AuthenticationAgent", in_signature="s")
    def CancelAuthentication(self, cookie: str) -> None:    # noqa: N802
        pass

    def call(self, path: str, interface: str, method: str, signature: str, arguments: tuple[Any, ...]) -> str:
        """The call, and the question that it brought about."""
        message = dbus.lowlevel.MethodCallMessage("org.burnin1", path, interface, method)
        message.set_allow_interactive_authorization(True)
        message.append(*arguments, signature=signature)
        before, answers = len(self.asked), list[Any]()
        self.bus.send_message_with_reply(message, answers.append, timeout_s=30)
        assert busclient.pump(lambda: bool(answers), 30)
        assert answers[0].get_error_name() == DENIED, (method, answers[0])
        (_, said), = self.asked[before:]
        return said


@pytest.mark.allow_journal(r"^The grant .* (was given: |is void: )")
def test_questions_say_what_is_asked_for(product: Product, nas: Host, people: None) -> None:
    """What somebody reads above the field for the password: which thing, on which host, and what will happen."""
    drive = product.plug("QUESTION", 256)
    other = product.plug("QUESTLCK", 8)
    product.machine.run(["mkfs.ext4", "-q", product.device("QUESTLCK")])
    other.wait("LockState", "existing-data")
    job = product.start("QUESTION")
    grant = other.call("Unlock", "sst", "DESTROY EXISTING DATA", "to see", 0)
    options = dbus.Dictionary({"notes": "x"}, "sv")
    both = dbus.Array([("QUESTION", "QUESTION"), ("QUESTLCK", "QUESTLCK")], signature="(ss)")
    expected: dict[tuple[str, str, str], tuple[str, tuple[Any, ...], str]] = {
        (PATH, MANAGER, "AddHost"): ("sa{sv}", ("evil", options), "add host evil"),
        (PATH, MANAGER, "StartBurnIn"): ("a(ss)a{sv}", (both, dbus.Dictionary({"confirmed": True}, "sv")),
                                         "destroy everything on 2 drive(s) of nas: QUESTION QUESTLCK"),
        (PATH, MANAGER, "CancelAll"): ("st", ("", 0), "cancel every burn-in"),
        (nas.path, HOST, "AcceptHostKey"): ("st", ("SHA256:x", 0), "trust the key that host nas"),
        (nas.path, HOST, "Configure"): ("a{sv}", (options,), "change host nas"),
        (nas.path, HOST, "Remove"): ("t", (0,), "remove host nas"),
        (drive.path, DRIVE, "SetLocation"): ("st", ("x", 0), "change what is noted of drive QUESTION"),
        (drive.path, DRIVE, "SetNotes"): ("st", ("x", 0), "change what is noted of drive QUESTION"),
        (drive.path, DRIVE, "Identify"): ("ut", (1, 0), "light the locate LED of drive QUESTION on nas"),
        (drive.path, DRIVE, "Forget"): ("t", (0,), "forget drive QUESTION"),
        (drive.path, DRIVE, "StartSelfTest"): ("st", ("long", 0), "self-test of drive QUESTION on nas"),
        (drive.path, DRIVE, "CancelSelfTest"): ("t", (0,), "self-test of drive QUESTION on nas"),
        (other.path, DRIVE, "Unlock"): ("sst", ("DESTROY EXISTING DATA", "x", 0),
                                        "unlock drive QUESTLCK of nas, which is existing-data: DESTROY EXISTING DATA"),
        (grant, GRANT, "Revoke"): ("t", (0,), "lock drive QUESTLCK on nas again"),
        (job.path, JOB, "Cancel"): ("st", ("", 0), "cancel the burn-in of drive QUESTION on nas"),
        (job.path, JOB, "Pause"): ("st", ("", 0), "pause the burn-in of drive QUESTION on nas"),
        (job.path, JOB, "Resume"): ("t", (0,), "resume the burn-in of drive QUESTION on nas"),
        (job.path, JOB, "SetPriority"): ("it", (1, 0), "change the turn of the burn-in of drive QUESTION on nas"),
        (job.path, JOB, "Retry"): ("st", ("QUESTION", 0), "destroy everything on 1 drive(s) of nas: QUESTION"),
        (PATH, SETTINGS_INTERFACE, "Set"): ("svt", ("max_per_host", dbus.UInt32(1, variant_level=1), 0), "setting max_per_host"),
        (PATH, SETTINGS_INTERFACE, "Reset"): ("st", ("max_per_host", 0), "setting max_per_host"),
        (PATH, NIGHTLY, "Run"): ("t", (0,), "make a backup of the burn-in service, and drop old logs, now"),
        (PATH, NIGHTLY, "MakeBackup"): ("t", (0,), "make a backup of the database of the burn-in service"),
        (PATH + "/notifiers", NOTIFIERS, "Add"): ("ssa{sv}", ("evil", "mail", EMPTY), "add the notifier evil"),
        (PATH + "/notifiers", NOTIFIERS, "Configure"): ("sa{sv}", ("webhook", dbus.Dictionary({"secret": "x"}, "sv")),
                                                        "change the notifier webhook"),
        (PATH + "/notifiers", NOTIFIERS, "Test"): ("st", ("webhook", 0), "test the notifier webhook"),
        (PATH + "/notifiers", NOTIFIERS, "SendDailyReport"): ("stt", ("webhook", 0, 0), "send the daily report by the notifier webhook"),
        (PATH + "/notifiers", NOTIFIERS, "Remove"): ("st", ("webhook", 0), "remove the notifier webhook"),
        (PATH + "/notifiers", NOTIFIERS, "Retry"): ("st", ("", 0), "send again what was given up"),
    }
    agent = Agent(product, "visitor")
    with product.braked(job):
        for (path, interface, method), (signature, arguments, words) in expected.items():
            said = agent.call(path, interface, method, signature, arguments)
            assert words in said and said.startswith("Authentication is required ") and said.endswith("."), (method, said)
            assert "$" not in said and "  " not in said and " ." not in said, said
        job.cancel()
    assert {method for _, _, method in expected} >= set(CHANGES)


@pytest.fixture
def boss(product: Product) -> Iterator[str]:
    """An administrator, as polkit knows them by default, with a password."""
    product.machine.run("useradd --groups sudo boss; echo boss:opensesame | chpasswd")
    yield "opensesame"
    product.machine.run(["userdel", "boss"])


def test_password_opens_the_way_on_a_terminal(product: Product, nas: Host, boss: str) -> None:
    product.restart()       # of the many that visitor was refused before, most were only counted
    nas.wait("State", "online")
    drive = product.plug("PASSWORD", 8)
    # A login session, as everybody has who sits at a terminal.
    argv = ["runuser", "--login", "visitor", "--session-command"]
    with Terminal(product.machine, [*argv, "burninctl drive location PASSWORD 'bay 1'"]) as terminal:
        terminal.wait(lambda text: "change what is noted of drive PASSWORD." in text and "boss" in text and "Password:" in text
                      and not terminal.echoes)
        terminal.type("wrong\n")
        terminal.wait(lambda text: "AUTHENTICATION FAILED" in text)
        assert terminal.wait_exit() == 5
    assert drive["Location"] == "" and product.list("Audit")[0]["Outcome"] == "denied"
    with Terminal(product.machine, [*argv, "burninctl drive location PASSWORD 'bay 2'"]) as terminal:
        terminal.wait(lambda text: "Password:" in text and not terminal.echoes)
        terminal.type(boss + "\n")
        assert terminal.wait_exit() == 0 and terminal.now_modes() == terminal.modes
        assert boss not in terminal.output
    assert drive["Location"] == "bay 2"
    row = product.list("Audit")[0]
    assert (row["Actor"], row["Outcome"]) == ("visitor", "ok"), "who did it, not whose password it took"
