# SPDX-License-Identifier: LGPL-2.1-or-later
"""Input that cannot be, from whoever may call: a clear error by name, nothing of it in a log or an answer as it came, nothing changed."""
from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from typing import Any

import busclient
import dbus
import pytest
from product import (DRIVE, HOST, JOB, MANAGER, PATH, STAGE, Drive, Host, Job, Product, nas, product, refused,  # noqa: F401
                     short_name)
from test_self_test import RUNNING, set_test

pytestmark = pytest.mark.allow_journal(r"has ended: (inconclusive|failed|cancelled)", r"^inconclusive: ", r"is missing",
                                       r"^The grant ")

ACCOUNTS = PATH + "/accounts", "org.burnin1.Accounts"
NOTIFIERS = PATH + "/notifiers", "org.burnin1.Notifiers"
LONG = "x" * 70_000     # more than the database takes as one text
DIRTY = {"lines": "two\nlines", "escape": "\x1b[31mred", "bell": "bell\a", "return": "carriage\rreturn", "delete": "\x7f",
         "C1": "\x9b31m", "turned": "\u202eturned", "separator": "\u2028"}


def options(**values: Any) -> dbus.Dictionary:
    return dbus.Dictionary(values, signature="sv")


def message_of(call: Callable[[], Any]) -> tuple[str, str]:
    """The name and the text of the error that a call ends with."""
    with pytest.raises(dbus.DBusException) as caught:
        call()
    return short_name(caught.value), str(caught.value.get_dbus_message())


def everything(product: Product) -> list[Any]:
    hosts, drives = product.hosts(), product.list("Drives")
    for row in hosts + drives:
        for name in ("LastSeenUSec", "SmartUSec", "Smart", "TemperatureMDegC", "StateReason"):
            row.pop(name, None)
    return [hosts, drives, sorted((job.path, job["State"]) for job in product.jobs()), product.list("Audit")]


@contextlib.contextmanager
def nothing_changes(product: Product) -> Iterator[None]:
    """Not even a row in the audit."""
    before = everything(product)
    yield
    assert everything(product) == before


def later() -> Any:
    """A start in an hour: what waits for it is queued."""
    return dbus.UInt64(int((time.time() + 3600) * 1_000_000))


# --- text ----------------------------------------------------------------------------------------------------


def test_refusal_of_long_text_is_on_record(product: Product, nas: Host) -> None:
    """However long it was: it is no fault of the database, and the refusal is no secret."""
    drive = product.plug("LONGTEXT", 8)
    job = product.start("LONGTEXT", at=later())
    job.cancel()
    job.wait_end()
    calls: list[tuple[str, Callable[[], Any]]] = [
        ("NoSuchDrive", lambda: product.start_all([(LONG, "")])),
        ("WrongSerial", lambda: product.start_all([(drive["Id"], LONG)])),
        ("WrongSerial", lambda: job.call("Retry", "st", LONG, 0)),
        ("InvalidArgument", lambda: drive.call("StartSelfTest", "st", LONG, 0)),
        ("WrongFingerprint", lambda: nas.call("AcceptHostKey", "st", LONG, 0))]
    for name, call in calls:
        last = product.list("Audit")[0]["Id"]
        found, said = message_of(call)
        assert found == name and len(said) < 400 and "xxx..." in said, (found, said[:1000])
        assert product["Health"] == "ok", name
        row = product.list("Audit")[0]
        assert row["Id"] == last + 1 and (row["Outcome"], row["Detail"]) == ("refused", said) and len(row["Object"]) < 200
    for serial in ("", "x"):
        _, result, detail, _ = product.start_all([(LONG, serial), ("nothing", "")], confirmed=True)[0]
        assert result == "skipped" and len(detail) < 400
    assert product["Health"] == "ok"


def echoes(product: Product, host: Host, text: str) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Whatever repeats what was given to it."""
    def manager(method: str, signature: str, *arguments: Any) -> Callable[[], Any]:
        return lambda: product.call(method, signature, *arguments)

    yield "NoSuchHost", manager("GetHost", "s", text)
    yield "NoSuchDrive", manager("GetDrive", "s", text)
    yield "NoSuchDrive", manager("EstimateBurnIn", "asa{sv}", [text], options())
    yield "NoSuchDrive", lambda: product.start_all([(text, text)])
    yield "InvalidOption", lambda: product.start_all([("ECHOES01", "ECHOES01")], profile=text)
    yield "InvalidOption", manager("ListJobs", "a{sv}", options(state=text))
    yield "InvalidOption", manager("ListJobs", "a{sv}", options(verdict=text))
    yield "InvalidOption", manager("ListDrives", "a{sv}", options(lock=text))
    yield "InvalidOption", manager("ListHosts", "a{sv}", options(**{text: "x"}))
    yield "InvalidArgument", lambda: product.new_host("echo", kind=text)
    yield "InvalidArgument", lambda: product.new_host("echo", address=text)
    yield "InvalidArgument", lambda: product.new_host("echo", user=text)
    yield "InvalidArgument", lambda: product.new_host("echo", kind="truenas", api_url=text)
    yield "InvalidArgument", lambda: product.new_host("echo", kind="truenas", api_pin=text)
    yield "InvalidArgument", lambda: product.new_host(text)
    yield "InvalidArgument", lambda: host.call("Configure", "a{sv}", options(address=text))
    yield "WrongFingerprint", lambda: host.call("AcceptHostKey", "st", text, 0)
    yield "WrongSerial", lambda: product.start_all([("ECHOES01", text)])
    yield "InvalidArgument", lambda: product.drive("ECHOES01").call("StartSelfTest", "st", text, 0)
    yield "NoSuchSetting", lambda: product.call_settings("Get", "s", text)
    yield "InvalidArgument", lambda: product.call_settings("Set", "svt", "max_per_host", text, 0)
    yield "InvalidArgument", lambda: product.machine.call(*ACCOUNTS, "Remove", "st", text, 0)

    def notifiers(method: str, signature: str, *arguments: Any) -> Callable[[], Any]:
        return lambda: product.machine.call(*NOTIFIERS, method, signature, *arguments)

    yield "NoSuchNotifier", notifiers("Remove", "st", text, 0)
    yield "NoSuchNotifier", notifiers("SendDailyReport", "stt", text, 0, 0)
    yield "NoSuchNotifier", notifiers("Configure", "sa{sv}", text, options())
    yield "InvalidArgument", notifiers("Add", "ssa{sv}", text, "ntfy", options(url="https://x.org/x"))
    yield "InvalidArgument", notifiers("Add", "ssa{sv}", "echo", text, options(url="https://x.org/x"))
    yield "InvalidArgument", notifiers("Add", "ssa{sv}", "echo", "mail", options(to=dbus.Array([text[:4000]], "s")))
    for key in ("events", "hosts"):
        filters = options(url="https://x.org/x", **{key: dbus.Array([text[:4000]], "s")})
        yield "InvalidArgument", notifiers("Add", "ssa{sv}", "echo", "ntfy", filters)
    yield "InvalidArgument", notifiers("Configure", "sa{sv}", "webhook", options(severity=text[:4000]))
    yield "InvalidOption", notifiers("ListDeliveries", "a{sv}", options(state=text))


@pytest.mark.parametrize("kind", ["long", *DIRTY])
def test_no_error_repeats_what_it_was_given(product: Product, nas: Host, kind: str) -> None:
    product.plug("ECHOES01", 8)
    for name, call in echoes(product, nas, "x" * 10_000 if kind == "long" else DIRTY[kind]):
        found, said = message_of(call)
        assert found == name, said[:1000]
        assert len(said) < 400 and said.isprintable(), said[:1000]
    assert not product.active_jobs() and [row["Name"] for row in product.hosts()] == ["nas"]
    for row in product.list("Audit"):
        assert all(value.isprintable() for value in row.values() if isinstance(value, str)), row


def test_no_filter_takes_text_without_end(product: Product, nas: Host) -> None:
    for method, key in (("ListJobs", "host"), ("ListJobs", "drive"), ("ListDrives", "host"), ("ListDrives", "serial"),
                        ("ListHosts", "name"), ("ListGrants", "drive")):
        with refused("InvalidOption", key):
            product.call(method, "a{sv}", options(**{key: LONG}))
    with refused("InvalidOption", "account"):
        product.machine.call(*ACCOUNTS, "ListSessions", "a{sv}", options(account=LONG))
    with refused("InvalidOption", "notifier"):
        product.machine.call(*NOTIFIERS, "ListDeliveries", "a{sv}", options(notifier=LONG))
    with refused("InvalidOption", "calendar"):
        product.start("NOTHING1", calendar=LONG)


@pytest.mark.parametrize("kind", DIRTY)
def test_text_for_people_has_no_control_characters(product: Product, nas: Host, kind: str) -> None:
    text = DIRTY[kind]
    drive = product.plug("DIRTY001", 8)
    job = product.start("DIRTY001", at=later())
    with nothing_changes(product):
        with refused("InvalidArgument", "location", "control characters"):
            drive.call("SetLocation", "st", text, 0)
        for call in (lambda: job.call("Cancel", "st", text, 0), lambda: job.call("Pause", "st", text, 0),
                     lambda: product.call("CancelAll", "st", text, 0), lambda: drive.call("Unlock", "sst", "x", text, 0)):
            with refused("InvalidArgument", "reason", "control characters"):
                call()
        if kind == "lines":
            return      # as notes have them
        with refused("InvalidArgument", "otes", "control characters"):
            drive.call("SetNotes", "st", text, 0)
        with refused("InvalidOption", "note", "control characters"):
            product.start("DIRTY001", note=text)
        with refused("InvalidArgument", "otes", "control characters"):
            product.new_host("dirty", notes=text)
        with refused("InvalidArgument", "otes", "control characters"):
            nas.call("Configure", "a{sv}", options(notes=text))
    assert job["State"] == "queued"


def test_notes_have_lines(product: Product, nas: Host) -> None:
    lines = "one\n\ttwo\n"
    drive = product.plug("LINES001", 8)
    drive.call("SetNotes", "st", lines, 0)
    nas.call("Configure", "a{sv}", options(notes=lines))
    job = product.start("LINES001", note=lines, at=later())
    assert (drive["Notes"], nas["Notes"], job["Note"]) == (lines, lines, lines)


def test_lock_that_there_is_not(product: Product, nas: Host) -> None:
    for lock in ("", "swap", "None", "none "):
        with refused("InvalidOption", "lock"):
            product.list("Drives", lock=lock)


# --- options -------------------------------------------------------------------------------------------------


def busctl(product: Product, path: str, interface: str, method: str, *words: str) -> str:
    """What dbus-python cannot send. Returns what is said of the refusal."""
    done = product.machine.run(["busctl", "call", "org.burnin1", path, interface, method, *words], check=False)
    assert done.returncode != 0, done.stdout
    return str(done.stderr)


def test_option_that_comes_twice_is_refused(product: Product, nas: Host) -> None:
    """Which of the two was meant nobody can say."""
    product.plug("TWICE001", 8)
    stages = ("as", "1", "short_smart", "stages", "as", "1", "long_smart")
    with nothing_changes(product):
        for path, interface, method, words in (
                (PATH, MANAGER, "StartBurnIn", ("a(ss)a{sv}", "1", "TWICE001", "TWICE001", "2", "stages", *stages)),
                (PATH, MANAGER, "StartBurnIn", ("a(ss)a{sv}", "1", "TWICE001", "TWICE001", "2", "note", "s", "a", "note", "s", "b")),
                (PATH, MANAGER, "EstimateBurnIn", ("asa{sv}", "1", "TWICE001", "2", "stages", *stages)),
                (PATH, MANAGER, "ListJobs", ("a{sv}", "2", "limit", "u", "1", "limit", "u", "1")),
                (PATH, MANAGER, "AddHost", ("sa{sv}", "twice", "2", "port", "q", "1", "port", "q", "2")),
                (nas.path, HOST, "Configure", ("a{sv}", "2", "notes", "s", "a", "notes", "s", "b"))):
            said = busctl(product, path, interface, method, *words)
            assert "twice" in said and f'"{words[words.index("2") + 1]}"' in said, (method, said)
    bus, reader = product.machine.bus(), "/org/burnin1"
    assert bus.call_blocking("org.burnin1", reader, MANAGER, "ListHosts", "a{sv}", (options(),))


OF_ANOTHER_TYPE: list[tuple[str, dict[str, Any]]] = [
    ("ListHosts", {"name": True}), ("ListGrants", {"drive": dbus.UInt32(1)}), ("ListAudit", {"offset": "0"}),
    ("ListAudit", {"limit": dbus.UInt64(1)}), ("ListJobs", {"host": dbus.Array(["nas"], "s")}), ("ListJobs", {"drive": dbus.UInt32(1)}),
    ("ListJobs", {"offset": dbus.UInt64(1)}), ("ListJobs", {"limit": "1"}), ("ListJobs", {"state": True}),
    ("ListDrives", {"host": dbus.ObjectPath("/org/burnin1/host/nas")}), ("ListDrives", {"serial": True}),
    ("ListDrives", {"lock": dbus.UInt32(0)}), ("ListDrives", {"offset": dbus.Int32(-1)}), ("ListDrives", {"present": dbus.UInt32(1)})]
START_OF_ANOTHER_TYPE: list[dict[str, Any]] = [
    {"note": dbus.Array(["x"], "s")}, {"note": True}, {"request": dbus.UInt32(1)}, {"request": ""}, {"profile": True}, {"profile": ""},
    {"priority": dbus.Int32(-101)}, {"priority": dbus.Int32(-2**31)}, {"priority": dbus.Int32(2**31 - 1)}, {"priority": dbus.UInt32(1)},
    {"priority": "1"}, {"at": dbus.Int64(1)}, {"at": "now"}, {"calendar": dbus.UInt64(1)}, {"unlock": "yes"}, {"release": dbus.UInt32(1)},
    {"unlock_existing": dbus.Byte(1)}]


def test_options_of_another_type(product: Product, nas: Host) -> None:
    drive = product.plug("TYPES001", 8)
    with nothing_changes(product):
        for method, filters in OF_ANOTHER_TYPE:
            with refused("InvalidOption", *filters):
                product.call(method, "a{sv}", options(**filters))
        for filters in ({"since": dbus.UInt32(1)}, {"until": "1"}, {"until": dbus.Int64(-1)}, {"offset": dbus.UInt64(0)}, {"limit": True},
                        {"from": dbus.UInt64(0)}):
            with refused("InvalidOption", *filters):
                drive.call("ListReadings", "a{sv}", options(**filters))
        with refused("InvalidOption", "since", "until"):
            drive.call("ListReadings", "a{sv}", options(since=dbus.UInt64(2), until=dbus.UInt64(1)))
        for values in START_OF_ANOTHER_TYPE:
            word = next(iter(values))
            with refused("InvalidOption", word):
                product.start("TYPES001", **values)
    rows, total = drive.call("ListReadings", "a{sv}", options(since=dbus.UInt64(1), until=dbus.UInt64(1)))
    assert (rows, total) == ([], 0)


# --- what there is not ---------------------------------------------------------------------------------------


def test_names_that_name_nothing(product: Product, nas: Host) -> None:
    drive = product.plug("NAMED001", 8)
    with nothing_changes(product):
        for name in ("", ":", "nas:", ":sda", "nas:/dev/" + drive["DevName"], f"NAS:{drive['DevName']}", drive["Id"] + " ", "named001"):
            with refused("NoSuchDrive"):
                product.drive(name)
            with refused("NoSuchDrive"):
                product.call("EstimateBurnIn", "asa{sv}", [name], options())
        for name in ("", "NAS", "nas ", "/org/burnin1/host/nas"):
            with refused("NoSuchHost"):
                product.host(name)
        for number in (0, 2**63 - 1, 2**63, 2**64 - 1):
            with refused("NoSuchJob", str(number)):
                product.job(number)
    for name in ("", ":", "nas:"):
        with refused("NoSuchDrive"):
            product.start_all([(name, "")])
    assert not product.active_jobs()


def test_serial_that_several_drives_have(product: Product, nas: Host) -> None:
    one = product.plug("SERIAL01", 8)
    product.machine.add_loop_drive("SERIAL02", 8)
    product.machine.set_smart("SERIAL02", {"serial_number": "SERIAL01"})
    nas.refresh()
    product.machine.wait_for(lambda: len(product.list("Drives", serial="SERIAL01", present=True)) == 2, 30, "both are there")
    for call in (lambda: product.drive("SERIAL01"), lambda: product.call("EstimateBurnIn", "asa{sv}", ["SERIAL01"], options()),
                 lambda: product.start("SERIAL01")):
        with refused("InvalidArgument", "Several drives", "SERIAL01", "HOST:DEVNAME"):
            call()
    assert not product.active_jobs()
    assert product.drive(f"nas:{one['DevName']}").path == product.drive(one["Id"]).path == one.path


def test_objects_that_are_not_there(product: Product, nas: Host) -> None:
    drive = product.plug("OBJECT01", 8)
    job = product.start("OBJECT01", at=later())
    big = 2**64 + job.id
    for path, interface, method, signature, arguments in (
            (PATH + "/drive/nothing", DRIVE, "SetNotes", "st", ("x", 0)), (drive.path + "_", DRIVE, "SetNotes", "st", ("x", 0)),
            (drive.path + "/x", DRIVE, "SetNotes", "st", ("x", 0)), (PATH + "/drive", DRIVE, "Forget", "t", (0,)),
            (f"{job.path}/nonsense", STAGE, "ReadLog", "t", (0,)), (f"{job.path}/short_smart", STAGE, "OpenLog", "", ()),
            (f"{job.path}/precheck/x", STAGE, "OpenLog", "", ()), (f"{PATH}/job/{big}", JOB, "Cancel", "st", ("", 0)),
            (f"{PATH}/job/{big}/precheck", STAGE, "OpenLog", "", ()), (f"{PATH}/job/0{2**64}", JOB, "Cancel", "st", ("", 0)),
            (f"{PATH}/job/_{job.id}", JOB, "Cancel", "st", ("", 0)), (PATH + "/grant/x", "org.burnin1.UnlockGrant", "Revoke", "t", (0,)),
            (PATH + "/host/nas_", HOST, "Remove", "t", (0,))):
        with pytest.raises(dbus.DBusException) as caught:
            product.machine.call(path, interface, method, signature, *arguments)
        assert str(caught.value.get_dbus_name()).startswith("org.freedesktop.DBus.Error.Unknown"), (path, caught.value)
    assert job["State"] == "queued" and drive["Notes"] == ""


def test_log_that_is_not_there(product: Product, nas: Host) -> None:
    product.plug("LOGLESS1", 8)
    job = product.start("LOGLESS1", at=later())
    for kind in ("precheck", "surface_validate", "final_check"):
        stage = job.stage(kind)
        with refused("WrongState", kind, "has not started"):
            stage.call("OpenLog")
        with refused("WrongState", kind, "has not started"):
            stage.call("ReadLog", "t", 0)
    product.clean_jobs()
    job = product.start("LOGLESS1")
    assert job.wait_end() == "passed"
    stage, size = job.stage("precheck"), len(job.stage("precheck").log().encode())
    for offset in (2**63 - 1, 2**63, 2**64 - 1):
        with refused("InvalidArgument", "No log is that long"):
            stage.call("ReadLog", "t", offset)
    for offset in (size, size + 1, 2**32, 2**62):
        assert stage.call("ReadLog", "t", offset) == []
    assert len(stage.call("ReadLog", "t", size - 1)) == 1


def test_flags_that_there_are_not(product: Product, nas: Host) -> None:
    drive = product.plug("FLAGGED1", 8)
    product.plug("FLAGGED2", 8)
    product.machine.run(["mkfs.ext4", "-q", product.device("FLAGGED2")])
    locked = product.drive("FLAGGED2")
    locked.wait("LockState", "existing-data")
    grant = locked.call("Unlock", "sst", "DESTROY EXISTING DATA", "to see", 0)
    job = product.start("FLAGGED1", at=later())
    with nothing_changes(product):
        for flags in (1, 2**63, 2**64 - 1):
            for call in (lambda f: job.call("Cancel", "st", "", f), lambda f: job.call("Pause", "st", "", f),
                         lambda f: job.call("Resume", "t", f), lambda f: job.call("SetPriority", "it", 1, f),
                         lambda f: job.call("Retry", "st", "FLAGGED1", f), lambda f: job.call("OpenReport", "st", "json", f),
                         lambda f: job.call("ReadReport", "st", "json", f), lambda f: product.call("GetDailyReport", "tt", 0, f),
                         lambda f: product.machine.call(*NOTIFIERS, "SendDailyReport", "stt", "mail", 0, f),
                         lambda f: drive.call("Identify", "ut", 1, f),
                         lambda f: drive.call("Forget", "t", f), lambda f: locked.call("Unlock", "sst", "DESTROY EXISTING DATA", "x", f),
                         lambda f: product.machine.call(grant, "org.burnin1.UnlockGrant", "Revoke", "t", f)):
                with refused("InvalidArgument", "flags must be 0"):
                    call(flags)
        assert [row["Object"] for row in product.call("ListGrants", "a{sv}", options())] == [grant]
    product.machine.call(grant, "org.burnin1.UnlockGrant", "Revoke", "t", 0)


# --- settings that need each other ---------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "value", "words"), [
    ("temp_warn_ssd_c", 70, "temp_warn_ssd_c must be under temp_crit_ssd_c"),
    ("temp_crit_ssd_c", 60, "temp_warn_ssd_c must be under temp_crit_ssd_c"),
    ("temp_crit_c", 46, "temp_warn_c must be under temp_crit_c"),
    ("poll_interval_seconds", 15, "poll_interval_seconds must be under stale_threshold_seconds"),
    ("stale_threshold_seconds", 2, None),
    ("stall_minutes", 360, "stall_minutes must be under stall_end_hours"),
    ("surface_validate_block_buffer", 65536, None)])
def test_settings_must_fit_together(product: Product, name: str, value: int, words: str | None) -> None:
    """The last value that does not fit, or the last one that does."""
    before = product.call_settings("List")
    try:
        if words:
            with refused("InvalidArgument", words):
                product.call_settings("Set", "svt", name, dbus.UInt32(value), 0)
            assert product.call_settings("List") == before
        else:
            product.call_settings("Set", "svt", name, dbus.UInt32(value), 0)
            assert product.call_settings("Get", "s", name)["Value"] == value
    finally:
        product.call_settings("Reset", "st", name, 0)


# --- limits --------------------------------------------------------------------------------------------------


def change_database(product: Product, sql: str) -> None:
    """While no burnind has it open."""
    product.machine.run(["systemctl", "stop", "burnind.service"], timeout=60)
    product.machine.run(["sqlite3", "/var/lib/burnin/burnin.db", sql])
    product.machine.run(["systemctl", "start", "burnind.service"], timeout=60)


UNREADABLE = "76d8196cf76245ad871ddc2552d9d48e"


@pytest.mark.allow_journal(r"cannot be read in the database")
@pytest.mark.parametrize("damage, mend", [
    ("UPDATE jobs SET identity = '{{' || identity WHERE id = {}", "UPDATE jobs SET identity = substr(identity, 2) WHERE id = {}"),
    ("UPDATE jobs SET note = 'x' || char(0) WHERE id = {}", "UPDATE jobs SET note = NULL WHERE id = {}"),
    ("UPDATE stages SET report = '{{' WHERE job = {} AND stage = 0", "UPDATE stages SET report = NULL WHERE job = {} AND stage = 0"),
    ("UPDATE stages SET job = 4000000 WHERE job = {}", "UPDATE stages SET job = {} WHERE job = 4000000"),
    ("INSERT INTO grants (job, id, drive, host, lock_role, lock_used, release, operator, operator_uid, reason, granted_usec)"
     " VALUES ({}, '0123456789abcdef', 'x', 'nas', 'mounted', 0, 0, 'root', 0, 'x' || char(0), 1)", "DELETE FROM grants WHERE job = {}"),
], ids=["identity", "text", "report", "stages", "grant"])
def test_job_that_cannot_be_read(product: Product, nas: Host, damage: str, mend: str) -> None:
    """It is left as it is, its drive is left alone, and all else goes on."""
    product.plug("UNREAD01", 8)
    product.plug("UNREAD02", 8)
    drive, job = product.drive("UNREAD01"), product.start("UNREAD01", at=later())
    rows = f"SELECT * FROM jobs WHERE id = {job.id}; SELECT * FROM stages WHERE job IN ({job.id}, 4000000)"

    def stored() -> str:
        return product.machine.run(["sqlite3", "/var/lib/burnin/burnin.db", rows]).stdout

    def change(sql: str) -> None:
        change_database(product, sql.format(job.id))
        nas.wait("State", "online")

    cursor = product.machine.cursor()
    change(damage)
    before = stored()
    entry, = product.machine.journal(f"MESSAGE_ID={UNREADABLE}", cursor=cursor)
    assert (entry["BURNIN_JOB"], entry["BURNIN_DRIVE_SERIAL"], entry["PRIORITY"]) == (str(job.id), "UNREAD01", "3")
    assert f"Job {job.id}" in product["Health"]

    with refused("DriveBusy", f"job {job.id}", "cannot be read"):
        product.start("UNREAD01")
    with refused("DriveBusy", f"job {job.id}", "cannot be read"):
        drive.call("StartSelfTest", "st", "short", 0)
    for look in (lambda: job["State"], job.cancel, lambda: product.call("GetJob", "t", job.id)):
        with refused("Store", f"Job {job.id} cannot be read"):
            look()
    other = product.start("UNREAD02")
    assert other.wait_end() == "passed"
    assert other.path in [row["Object"] for row in product.list("Jobs")]
    assert product.call_nightly("ListBackups") is not None
    product.restart()
    nas.wait("State", "online")
    assert stored() == before

    change(mend)
    assert job["State"] == "queued" and product["Health"] == "ok"
    job.cancel()
    assert job.wait_end() == "cancelled"


@pytest.mark.allow_journal(r"cannot be read in the database")
def test_running_job_that_cannot_be_read(product: Product, nas: Host) -> None:
    """What it runs on the host goes on, and its end is taken over when it can be read again."""
    product.plug("UNREAD03", 256)
    job = product.start("UNREAD03")
    with product.braked(job) as pid:
        change_database(product, f"UPDATE jobs SET identity = '{{' || identity WHERE id = {job.id}")
        nas.wait("State", "online")
        assert product.state_of(pid) == "T", "nobody has ended it"
        with refused("DriveBusy", f"job {job.id}"):
            product.start("UNREAD03")
        assert job.path in [row["Object"] for row in product.list("Jobs", active=True)], "what is readable of it is shown"
        assert product.state_of(pid) == "T"
        change_database(product, f"UPDATE jobs SET identity = substr(identity, 2) WHERE id = {job.id}")
        assert job["State"] == "running"
    assert job.wait_end() == "passed"


def test_batch_has_a_limit(product: Product, nas: Host) -> None:
    with nothing_changes(product):
        with refused("LimitReached", "4096"):
            product.start_all([(f"none{i}", "") for i in range(4097)], confirmed=True)
        with refused("LimitReached", "4096"):
            product.call("EstimateBurnIn", "asa{sv}", dbus.Array([f"none{i}" for i in range(4097)], "s"), options())
    assert len(product.start_all([(f"none{i}", "") for i in range(4096)], confirmed=True)) == 4096


MANY_JOBS = """
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {active})
INSERT INTO drives (id, host, size_bytes, rotational, lock_role, smart_usec, first_seen_usec, last_seen_usec)
SELECT 'many' || i, 'nas', 1, 1, 'none', 0, 1, 1 FROM n;
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {active})
INSERT INTO jobs (kind, host, content, drive, identity, state, verdict, priority, not_before_usec, paused_usec, pauses_usec, percent,
                  created_usec, started_usec, finished_usec)
SELECT 'burn-in', 'nas', '00', 'many' || i, '{{}}', 'queued', '', 0, 9000000000000000, 0, 0, 0, 1, 0, 0 FROM n;
INSERT INTO stages (job, stage, kind, state, verdict, attempt, run_sent, last_seq, percent, phase_percent, phase, phases, bytes_per_second,
                    bad_blocks, work_bytes, eta_usec, started_usec, finished_usec)
SELECT id, 0, 'precheck', 'pending', '', 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 FROM jobs WHERE drive LIKE 'many%' AND state = 'queued';
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100)
INSERT INTO jobs (kind, drive, identity, state, verdict, priority, not_before_usec, paused_usec, pauses_usec, percent, created_usec,
                  started_usec, finished_usec)
SELECT 'burn-in', 'many', '{{}}', 'done', 'passed', 0, 0, 0, 0, 0, 1, 1, 1 FROM n;
"""


def test_active_jobs_have_a_limit(product: Product, nas: Host) -> None:
    """Those that have ended do not count, however many are looked at."""
    for serial in ("MANYJOB1", "MANYJOB2", "MANYJOB3"):
        product.plug(serial, 8)
    change_database(product, MANY_JOBS.format(active=16383))
    try:
        for serial in ("MANYJOB1", "MANYJOB2", "MANYJOB3"):
            product.wait_drive(serial, timeout=60)
        assert product["QueuedJobs"] == 16383
        for row in product.call("ListJobs", "a{sv}", options(state="done", limit=dbus.UInt32(100)))[0]:
            Job(product, row["Object"]).all()
        with refused("LimitReached", "16384"):
            product.start_all([("MANYJOB1", "MANYJOB1"), ("MANYJOB2", "MANYJOB2")], confirmed=True, at=later())
        set_test(product, "MANYJOB1", **RUNNING)
        last = Job(product, product.drive("MANYJOB1").call("StartSelfTest", "st", "long", 0))
        with refused("LimitReached", "16384"):
            product.start("MANYJOB2", at=later())
        with refused("LimitReached", "16384"):
            product.drive("MANYJOB3").call("StartSelfTest", "st", "short", 0)
        last.cancel()
        last.wait_end()
    finally:
        change_database(product, "DELETE FROM stages WHERE job IN (SELECT id FROM jobs WHERE drive LIKE 'many%');"
                        "DELETE FROM jobs WHERE drive LIKE 'many%'; DELETE FROM drives WHERE id LIKE 'many%'")
    nas.wait("State", "online", 30)


def test_hosts_have_a_limit(product: Product, nas: Host) -> None:
    product.machine.run(["systemctl", "stop", "burnin-poll.service"])       # it would ask them all
    many = ("WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1022) INSERT INTO hosts "
            "(name, address, user, kind, notes, port, added_usec, last_seen_usec) "
            "SELECT 'many' || i, '127.0.0.1', 'root', 'ssh', '', 1, 1, 0 FROM n")
    change_database(product, f"{many}")
    try:
        product.machine.run(["systemctl", "stop", "burnin-poll.service"])
        product.new_host("last", address="127.0.0.1", port=dbus.UInt16(1))
        with refused("LimitReached", "1024"):
            product.new_host("toomany", address="127.0.0.1", port=dbus.UInt16(1))
        assert len(product.hosts()) == 1024
    finally:
        change_database(product, "DELETE FROM hosts WHERE name <> 'nas'")
        product.machine.run(["systemctl", "start", "burnin-poll.service"])
    nas.wait("State", "online", 30)


def test_identifies_have_a_limit(product: Product, nas: Host) -> None:
    drive = product.plug("IDENTIF1", 8)
    answers: list[str] = []
    other = product.machine.bus("root")
    product.machine.run(["systemctl", "kill", "--signal=STOP", "burnin-poll.service"])      # nobody asks their hosts
    try:
        # One caller alone may not have so many calls wait for polkit.
        for bus, n in ((product.machine.bus(), 40), (other, 25)):
            for _ in range(n):
                bus.call_async("org.burnin1", drive.path, DRIVE, "Identify", "ut", (1, 0), lambda *a: answers.append(""),
                               lambda error: answers.append(f"{short_name(error)}: {error.get_dbus_message()}"), timeout=60)
        assert busclient.pump(lambda: len(answers) > 0, 10)
        assert answers[0].startswith("LimitReached: 64 "), answers
    finally:
        product.machine.run(["systemctl", "kill", "--signal=CONT", "burnin-poll.service"])
    assert busclient.pump(lambda: len(answers) == 65, 60), len(answers)
    other.close()
    assert not [a for a in answers[1:] if "LimitReached" in a]
