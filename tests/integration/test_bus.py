# SPDX-License-Identifier: LGPL-2.1-or-later
"""The bus interface: what introspection promises, what is refused, the order of signals, and that nobody can drown the service."""
from __future__ import annotations

import json
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import busclient
import dbus
import pytest
from busclient import PROPERTIES
from product import (DRIVE, HOST, JOB, MANAGER, NIGHTLY, PATH, SETTINGS_INTERFACE, STAGE, Drive, Host, Job, Product, nas,  # noqa: F401
                     plain, product, refused)

pytestmark = pytest.mark.allow_journal(r"has ended: (inconclusive|failed|cancelled)", r"^inconclusive: ", r"is missing")

SOURCE = Path(__file__).resolve().parents[2]
EMITS = "org.freedesktop.DBus.Property.EmitsChangedSignal"
INTROSPECTABLE = "org.freedesktop.DBus.Introspectable"
OBJECT_MANAGER = "org.freedesktop.DBus.ObjectManager"
INVALID_ARGS = "org.freedesktop.DBus.Error.InvalidArgs"


def describe(interface: ElementTree.Element) -> dict[tuple[str, str], Any]:
    """Everything that an interface's introspection says, apart from order and documentation."""
    found: dict[tuple[str, str], Any] = {}
    for member in interface:
        if not isinstance(member.tag, str) or member.tag == "annotation":
            continue
        notes = {a.get("name"): a.get("value") for a in member.findall("annotation")}
        said: Any
        if member.tag == "property":
            said = (member.get("type"), member.get("access"), notes.get(EMITS, "true"))
        else:
            default = "in" if member.tag == "method" else "out"
            said = ([(a.get("name"), a.get("type"), a.get("direction", default)) for a in member.findall("arg")],
                    sorted((k, v) for k, v in notes.items() if (k, v) != (EMITS, "true")))
        found[member.tag, str(member.get("name"))] = said
    return found


@pytest.fixture(scope="module")
def finished(product: Product) -> Job:
    """A job that has passed; its host and drive are gone."""
    host = product.add_host("nas")
    product.plug("BUSDRIVE", 8)
    job = product.start("BUSDRIVE", note="kept")
    assert job.wait_end() == "passed"
    product.clean()
    assert host.path.endswith("/nas")
    return job


def path_of(product: Product, finished: Job, interface: str) -> str:
    return {MANAGER: PATH, SETTINGS_INTERFACE: PATH, NIGHTLY: PATH, JOB: finished.path, STAGE: finished.stage().path,
            HOST: PATH + "/host/nas", DRIVE: product.drive("BUSDRIVE").path}[interface]


def check_introspection(product: Product, path: str, interface: str) -> None:
    installed = product.machine.read(f"/usr/share/dbus-1/interfaces/{interface}.xml")
    documented = ElementTree.fromstring(installed).find(f"interface[@name='{interface}']")
    live = ElementTree.fromstring(product.machine.call(path, INTROSPECTABLE, "Introspect"))
    assert documented is not None
    assert describe(live.find(f"interface[@name='{interface}']")) == describe(documented)
    # And the values are of the types that it promises.
    types = {name: said[0] for (kind, name), said in describe(documented).items() if kind == "property"}
    values = product.machine.call(path, PROPERTIES, "GetAll", "s", interface)
    assert set(values) == set(types)


@pytest.mark.parametrize("interface", [MANAGER, SETTINGS_INTERFACE, NIGHTLY, HOST, DRIVE, JOB, STAGE])
def test_introspection_is_what_the_documents_say(product: Product, finished: Job, nas: Host, interface: str) -> None:
    check_introspection(product, path_of(product, finished, interface), interface)


@pytest.mark.parametrize("interface", sorted(path.stem for path in (SOURCE / "dbus").glob("*.xml")))
def test_every_member_is_in_the_manual(product: Product, interface: str) -> None:
    described = ElementTree.fromstring(product.machine.read(f"/usr/share/dbus-1/interfaces/{interface}.xml")).find("interface")
    page = product.machine.run(["man", "--no-hyphenation", "--no-justification", interface], env={"MANWIDTH": "1000"}).stdout
    lines = [line.strip() for line in page.splitlines()]
    assert described is not None and described.get("name") == interface and interface in page
    for member in described:
        if isinstance(member.tag, str):
            name = member.get("name")
            at = next((i for i, line in enumerate(lines) if line.startswith((f"{name}(", f"{name} ("))), None)
            assert at is not None, f"there is nothing on {name}"
            for argument in member.findall("arg"):
                assert f"{argument.get('type')} {argument.get('name')}" in lines[at]
            assert member.tag == "property" or lines[at + 1], f"nobody is told what {name} does"
    assert interface in product.machine.run(["man", "org.burnin1"], env={"MANWIDTH": "1000"}).stdout


def test_objects_are_found_by_walking(product: Product, finished: Job, nas: Host) -> None:
    found, left = set(), [PATH]
    while left:
        path = left.pop()
        found.add(path)
        tree = ElementTree.fromstring(product.machine.call(path, INTROSPECTABLE, "Introspect"))
        left += [f"{path}/{node.get('name')}" for node in tree.findall("node")]
    assert {PATH, nas.path, product.drive("BUSDRIVE").path} <= found


def test_object_manager_has_the_objects_that_matter(product: Product, nas: Host) -> None:
    drive = product.plug("OBJECTS1", 256)
    job = product.start("OBJECTS1")
    with product.braked(job):
        objects = plain(product.machine.call(PATH, OBJECT_MANAGER, "GetManagedObjects"))
        for path, interface in ((nas.path, HOST), (drive.path, DRIVE), (job.path, JOB), (job.stage().path, STAGE)):
            assert interface in objects[path]
        assert objects[drive.path][DRIVE]["Serial"] == "OBJECTS1"
        assert objects[job.path][JOB]["State"] == "running"
        job.cancel()
    job.wait_end()


def test_signals_tell_a_job_in_order(product: Product, nas: Host) -> None:
    product.plug("SIGNALS1", 8)
    with product.machine.watch_signal(sender="org.burnin1") as watch:
        job = product.start("SIGNALS1")
        watch.wait(lambda s: s.member == "JobRemoved" and s.args[1] == job.path, 60)
        # What else comes from it now would be too late: a call's answer travels behind every signal before it.
        end = job.all()
        busclient.pump(lambda: False, 0.2)
        seen = watch.seen

    about = [s for s in seen if s.path.startswith(job.path) or (len(s.args) > 1 and s.args[1] == job.path)
             or (s.member == "InterfacesAdded" and s.args[0] == job.path)]
    names = [s.member for s in about]
    assert names[:2] == ["InterfacesAdded", "JobNew"] or names.index("InterfacesAdded") < names.index("JobNew")
    assert names.count("JobNew") == names.count("JobRemoved") == 1
    assert names[-1] == "JobRemoved", "its last visible change comes before it"
    assert (about[-1].args[0], about[-1].args[2]) == (job.id, "passed") and end["Verdict"] == "passed"

    states = [str(s.args[1]["State"]) for s in about if s.path == job.path and s.args[0] == JOB and "State" in s.args[1]]
    assert list(dict.fromkeys(states)) == ["running", "done"]
    percents = [float(s.args[1]["Percent"]) for s in about
                if s.path == job.path and s.args[0] == JOB and "Percent" in s.args[1]]
    assert percents == sorted(percents)
    for kind in ("precheck", "surface_validate", "final_check"):
        path = job.stage(kind).path
        states = [str(s.args[1]["State"]) for s in about if s.path == path and "State" in s.args[1]]
        assert list(dict.fromkeys(states)) == ["starting", "running", "done"]
    phases = [int(s.args[1]["Phase"]) for s in about if s.path == job.stage().path and "Phase" in s.args[1]]
    assert list(dict.fromkeys(phases)) == list(range(1, 9)), "no phase is merged away"


def test_progress_is_stored_before_the_manager_tells_it(product: Product, nas: Host) -> None:
    product.plug("PROGRESS", 1024)
    job = product.start("PROGRESS")
    stage = job.stage().path
    # In its second phase it stands still until it was told how far it is.
    with product.machine.watch_signal(MANAGER, "Progress", PATH) as watch, product.braked(job, 2):
        signal = watch.wait(lambda s: any(row[0] == stage and row[1] > 0 for row in s.args[0]), 60)
        stored = product.machine.run(["python3", "-IS", "-c", (
            "import sqlite3, sys; print(sqlite3.connect('file:/var/lib/burnin/burnin.db?mode=ro', uri=True).execute("
            "'SELECT coalesce(p.percent, s.percent) FROM stages AS s LEFT JOIN stage_progress AS p USING (job, stage)"
            " WHERE s.job = ? AND s.kind = ?', (int(sys.argv[1]), sys.argv[2])).fetchone()[0])"),
                                      str(job.id), "surface_validate"]).stdout
    (_, percent, phase_percent, speed, bad_blocks, _), = (row for row in plain(signal.args[0]) if row[0] == stage)
    assert 0 < percent <= float(stored) and 0 <= phase_percent <= 100 and speed >= 0 and bad_blocks == 0
    job.cancel()
    job.wait_end()


def test_state_is_stored_before_it_is_told(product: Product, nas: Host) -> None:
    product.plug("STORED01", 8)
    database = "file:/var/lib/burnin/burnin.db?mode=ro"
    with product.machine.watch_signal(MANAGER, "JobNew", PATH) as watch:
        job = product.start("STORED01")
        watch.wait()
        rows = product.machine.run(["python3", "-IS", "-c", (
            "import sqlite3, sys; print(sqlite3.connect(sys.argv[1], uri=True)"
            ".execute('SELECT COUNT(*) FROM jobs WHERE id = ?', (int(sys.argv[2]),)).fetchone()[0])"), database, str(job.id)])
    assert rows.stdout.strip() == "1"
    assert job.wait_end() == "passed"


def test_finished_job_stays_readable_over_a_restart(product: Product, finished: Job) -> None:
    before = [finished.all(), *(finished.stage(kind).all() for kind in ("precheck", "surface_validate", "final_check"))]
    log = finished.stage().log()
    product.restart()
    after = [finished.all(), *(finished.stage(kind).all() for kind in ("precheck", "surface_validate", "final_check"))]
    assert after == before and before[0]["Note"] == "kept" and len(before[2]["PhaseHistory"]) == 8
    assert finished.stage().log() == log and "Pass completed" in log
    assert product.job(finished.id).path == finished.path


def test_host_shows_its_key_over_a_restart(product: Product, nas: Host) -> None:
    product.restart()
    nas.wait("State", "online")
    assert nas["SeenHostKeyFingerprint"] == nas["HostKeyFingerprint"] == product.machine.host.fingerprint
    with refused("WrongFingerprint", product.machine.host.fingerprint):
        nas.accept_key("SHA256:x")


def test_drives_are_filtered_and_paged(product: Product, nas: Host, finished: Job) -> None:
    for serial in ("PAGING01", "PAGING02", "PAGING03"):
        product.machine.add_loop_drive(serial, 8)
    for serial in ("PAGING01", "PAGING02", "PAGING03"):
        product.wait_drive(serial)

    def page(**filters: Any) -> tuple[list[str], int]:
        rows, total = product.call("ListDrives", "a{sv}", dbus.Dictionary(filters, signature="sv"))
        return [row["Serial"] for row in rows], total

    # Loop devices of the computer that runs the tests are there too, without a serial.
    everything, total = page(host="nas", present=True)
    assert len(everything) == total and {"PAGING01", "PAGING02", "PAGING03"} == set(filter(None, everything))
    assert page(host="nas", present=True, limit=dbus.UInt32(2)) == (everything[:2], total)
    assert page(host="nas", present=True, offset=dbus.UInt32(1), limit=dbus.UInt32(2)) == (everything[1:3], total)
    assert page(host="nas", present=True, offset=dbus.UInt32(total)) == ([], total)
    assert page(host="nas", offset=dbus.UInt32(2 ** 32 - 1), limit=dbus.UInt32(2 ** 32 - 1))[0] == []
    assert page(serial="PAGING02") == (["PAGING02"], 1)
    assert page(serial="nothing") == ([], 0)
    assert "BUSDRIVE" in page(present=False)[0] and "BUSDRIVE" not in everything
    assert {"PAGING01", "PAGING02", "PAGING03"} <= set(page(lock="none", present=True)[0])
    assert page(lock="boot-pool", present=True) == ([], 0)
    row = product.list("Drives", serial="PAGING02")[0]
    assert row == Drive(product, row["Object"]).all() | {"Object": row["Object"]}


def test_no_list_is_longer_than_a_page(product: Product, nas: Host) -> None:
    """However many rows are asked for, and however many there are."""
    def change(sql: str) -> None:
        product.machine.run(["systemctl", "stop", "burnind.service"], timeout=60)
        product.machine.run(["sqlite3", "/var/lib/burnin/burnin.db", sql])
        product.machine.run(["systemctl", "start", "burnind.service"], timeout=60)

    many = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1200)"
    drive = product.plug("MANYROWS", 8)
    change(f"{many} INSERT INTO jobs (kind, drive, identity, state, verdict, priority, not_before_usec, paused_usec, pauses_usec, percent, "
           "created_usec, started_usec, finished_usec) SELECT 'burn-in', 'many', '{}', 'done', 'passed', 0, 0, 0, 0, 0, 1, 1, 1 FROM n;"
           f"{many} INSERT INTO readings SELECT '{drive['Id']}', i, NULL, 'passed', 1, '{{}}' FROM n;"
           f"{many} INSERT INTO audit (time_usec, actor_uid, action, outcome) SELECT i, 0, 'many', 'ok' FROM n")
    try:
        pid = main_pid(product)
        for limit in (0, 1000, 1001, 2**32 - 1):
            filters = dbus.Dictionary({"limit": dbus.UInt32(limit)}, signature="sv")
            for method, most in (("ListJobs", 500), ("ListAudit", 1000)):
                rows, total = product.call(method, "a{sv}", filters)
                assert len(rows) == most and total >= 1200, (method, limit)
            rows, total = drive.call("ListReadings", "a{sv}", filters)
            assert len(rows) == 1000 and total >= 1200, limit
        assert product.call("ListDrives", "a{sv}", dbus.Dictionary({"limit": dbus.UInt32(0)}, signature="sv"))[0]
        for option, expected in ((), 200), (("--all",), int(product.call("ListAudit", "a{sv}", filters)[1])), (("-n", "1100"), 1100):
            shown = product.machine.run(["burninctl", "audit", "--json=short", *option]).stdout
            assert len(json.loads(shown)) == expected, "all of it, page by page"
        assert main_pid(product) == pid
    finally:
        change("DELETE FROM jobs WHERE drive = 'many'")


def test_jobs_are_filtered_and_paged_newest_first(product: Product, nas: Host, finished: Job) -> None:
    for serial in ("NEWEST01", "NEWEST02"):
        product.plug(serial, 8)
        product.start(serial).cancel()
    product.clean_jobs()

    def page(**filters: Any) -> tuple[list[int], int]:
        rows, total = product.call("ListJobs", "a{sv}", dbus.Dictionary(filters, signature="sv"))
        return [row["Id"] for row in rows], total

    everything, total = page()
    assert everything == sorted(everything, reverse=True) and len(everything) == total and finished.id in everything
    assert page(limit=dbus.UInt32(1)) == (everything[:1], total)
    assert page(offset=dbus.UInt32(1), limit=dbus.UInt32(1)) == (everything[1:2], total)
    assert set(everything[:2]) <= set(page(verdict="cancelled")[0]) and finished.id not in page(verdict="cancelled")[0]
    assert finished.id in page(verdict="passed", state="done", host="nas")[0]
    assert page(state="running") == ([], 0) and page(host="nowhere") == ([], 0)
    assert page(drive=product.drive("NEWEST02")["Id"]) == (everything[:1], 1)
    assert page(active=True) == ([], 0) and page(active=False) == (everything, total)
    later = dbus.UInt64(int((time.time() + 3600) * 1_000_000))
    queued = [product.start(serial, drive=product.drive(serial)["Id"], at=later) for serial in ("NEWEST01", "NEWEST02")]
    assert page(active=True) == ([job.id for job in queued], 2), "oldest first"
    assert page(active=True, offset=dbus.UInt32(1)) == ([queued[1].id], 2)
    product.clean_jobs()
    known = {drive["Id"] for drive in product.list("Drives")}
    last: dict[str, int] = {}
    for job in product.list("Jobs", state="done"):
        if job["Kind"] == "burn-in" and job["DriveId"] in known:
            last.setdefault(job["DriveId"], job["Id"])
    assert len(last) >= 3 and product.drive("NEWEST01")["Id"] in last
    assert page(latest=True) == (sorted(last.values(), reverse=True), len(last))
    assert page(latest=True, drive=product.drive("NEWEST01")["Id"]) == ([queued[0].id], 1)
    assert page(latest=True, active=True) == ([], 0)
    product.drive("NEWEST01").call("StartSelfTest", "st", "short", 0)
    product.clean_jobs()
    assert page(latest=True, drive=product.drive("NEWEST01")["Id"]) == ([queued[0].id], 1), "a self-test is no burn-in"
    row, = product.list("Jobs", drive=finished["DriveId"])
    assert row == finished.all() | {"Object": finished.path}


BAD_OPTIONS = [
    ("AddHost", "sa{sv}", "opt", {"nonsense": "x"}), ("AddHost", "sa{sv}", "opt", {"port": "22"}),
    ("AddHost", "sa{sv}", "opt", {"port": dbus.UInt32(22)}), ("AddHost", "sa{sv}", "opt", {"address": dbus.Array([], "s")}),
    ("ListHosts", "a{sv}", None, {"serial": "x"}), ("ListDrives", "a{sv}", None, {"present": "yes"}),
    ("ListDrives", "a{sv}", None, {"limit": dbus.Int32(1)}), ("ListJobs", "a{sv}", None, {"state": "asleep"}),
    ("ListJobs", "a{sv}", None, {"verdict": "good"}), ("ListJobs", "a{sv}", None, {"active": "yes"}),
    ("ListJobs", "a{sv}", None, {"latest": dbus.UInt32(1)}),
    ("ListAudit", "a{sv}", None, {"actor": "root"}), ("ListAudit", "a{sv}", None, {"text": dbus.UInt32(1)}),
    ("ListAudit", "a{sv}", None, {"text": "x" * 201}), ("ListStatistics", "a{sv}", None, {"days": dbus.UInt32(1)}),
    ("ListStatistics", "a{sv}", None, {"since": "yesterday"}),
    ("StartBurnIn", "a(ss)a{sv}", "drives", {"force": True}), ("StartBurnIn", "a(ss)a{sv}", "drives", {"confirmed": "true"}),
    ("StartBurnIn", "a(ss)a{sv}", "drives", {"profile": "erase"}),
    ("StartBurnIn", "a(ss)a{sv}", "drives", {"priority": dbus.Int32(101)}),
    ("StartBurnIn", "a(ss)a{sv}", "drives", {"priority": dbus.Int64(1)}),
    ("StartBurnIn", "a(ss)a{sv}", "drives", {"request": "a b"}), ("StartBurnIn", "a(ss)a{sv}", "drives", {"request": "x" * 65}),
    ("StartBurnIn", "a(ss)a{sv}", "drives", {"note": "x" * 4097}),
]


def test_bad_option_changes_nothing(product: Product, nas: Host) -> None:
    product.plug("OPTIONS1", 8)
    before = product.hosts(), [job.id for job in product.jobs()]
    for method, signature, first, options in BAD_OPTIONS:
        arguments: list[Any] = [dbus.Dictionary(options, signature="sv")]
        if first == "drives":
            arguments.insert(0, dbus.Array([("OPTIONS1", "OPTIONS1")], signature="(ss)"))
        elif first:
            arguments.insert(0, first)
        with refused("InvalidOption"):
            product.call(method, signature, *arguments)
    with refused("InvalidOption", "name"):
        nas.call("Configure", "a{sv}", dbus.Dictionary({"notes": "half", "name": "other"}, signature="sv"))
    after = product.hosts(), [job.id for job in product.jobs()]
    for hosts, _ in (before, after):
        for row in hosts:
            row.pop("LastSeenUSec")
    assert after == before


def test_unknown_flags_are_refused(product: Product, nas: Host) -> None:
    drive = product.plug("FLAGS001", 8)
    for call in (lambda: nas.call("Refresh", "t", 1), lambda: nas.call("Remove", "t", 1 << 63),
                 lambda: nas.call("AcceptHostKey", "st", nas["SeenHostKeyFingerprint"], 2),
                 lambda: drive.call("SetLocation", "st", "here", 1), lambda: drive.call("SetNotes", "st", "this", 1),
                 lambda: product.call("CancelAll", "st", "", 1)):
        with refused("InvalidArgument", "flags"):
            call()
    assert (drive["Location"], drive["Notes"], nas["State"]) == ("", "", "online")


@pytest.mark.parametrize(("method", "signature", "arguments"), [
    ("AddHost", "s", ("x",)), ("AddHost", "a{sv}", (dbus.Dictionary({}, signature="sv"),)), ("GetJob", "s", ("1",)),
    ("StartBurnIn", "a{sv}", (dbus.Dictionary({}, signature="sv"),)), ("CancelAll", "", ()), ("GetHost", "", ()),
    ("StartBurnIn", "asa{sv}", (dbus.Array(["x"], "s"), dbus.Dictionary({}, signature="sv")))])
def test_wrong_signature_is_refused(product: Product, method: str, signature: str, arguments: tuple[Any, ...]) -> None:
    with refused(INVALID_ARGS):
        product.call(method, signature, *arguments)


def test_unknown_things_have_names(product: Product, nas: Host) -> None:
    for path, interface, method, error in (
            (PATH, MANAGER, "FormatEverything", "org.freedesktop.DBus.Error.UnknownMethod"),
            (PATH + "/host/nowhere", HOST, "Refresh", "org.freedesktop.DBus.Error.UnknownObject"),
            (PATH + "/job/999999", JOB, "Cancel", "org.freedesktop.DBus.Error.UnknownObject"),
            (PATH + "/job/x", JOB, "Cancel", "org.freedesktop.DBus.Error.UnknownObject"),
            (nas.path, "org.burnin1.Nonsense", "Refresh", "org.freedesktop.DBus.Error.Unknown")):
        with pytest.raises(dbus.DBusException) as caught:
            product.machine.call(path, interface, method)
        assert str(caught.value.get_dbus_name()).startswith(error)
    with pytest.raises(dbus.DBusException) as caught:
        product.machine.call(nas.path, PROPERTIES, "Set", "ssv", HOST, "Notes", "x")
    assert caught.value.get_dbus_name() == "org.freedesktop.DBus.Error.PropertyReadOnly"
    assert nas["Notes"] == ""


@pytest.fixture
def log_level(product: Product) -> Iterator[None]:
    yield
    product.machine.run(["systemctl", "service-log-level", "burnind.service", "info"], check=False)


def test_log_level_is_changed_by_systemctl(product: Product, log_level: None) -> None:
    def level(*value: str) -> str:
        return product.machine.run(["systemctl", "service-log-level", "burnind.service", *value]).stdout.strip()

    assert level() == "info"
    level("debug")
    assert level() == "debug"
    assert product.machine.run(["systemctl", "service-log-level", "burnind.service", "loud"], check=False).returncode != 0
    assert level() == "debug"


def main_pid(product: Product) -> str:
    return product.machine.run(["systemctl", "show", "--value", "--property=MainPID", "burnind.service"]).stdout


def flood(buses: list[dbus.bus.BusConnection], count: int) -> list[str | None]:
    """So many calls at once; returns the names of the errors, and None for each success."""
    answers: list[str | None] = []
    calls = [("ListHosts", "a{sv}", (dbus.Dictionary({}, signature="sv"),)), ("GetHost", "s", ("nas",)),
             ("GetJob", "t", (999999,)), ("CancelAll", "st", ("", 0))]
    for i in range(count):
        method, signature, arguments = calls[i // len(buses) % 4]
        buses[i % len(buses)].call_async(
            "org.burnin1", PATH, MANAGER, method, signature, arguments, lambda *a: answers.append(None),
            lambda error: answers.append(str(error.get_dbus_name())), timeout=60)
    assert busclient.pump(lambda: len(answers) == count, 60), f"{len(answers)} answers"
    return answers


def test_thousand_calls_at_once_are_all_answered(product: Product, nas: Host) -> None:
    pid = main_pid(product)
    # The bus itself lets a client wait for so many answers at once, and refuses the rest by this name.
    assert set(flood([product.machine.bus()], 1000)) == {None, "org.burnin1.Error.NoSuchJob",
                                                         "org.freedesktop.DBus.Error.LimitsExceeded"}
    assert (nas["State"], main_pid(product)) == ("online", pid)


def test_many_clients_do_not_stand_in_each_others_way(product: Product, nas: Host) -> None:
    pid = main_pid(product)
    buses = [product.machine.bus("root") for _ in range(10)]
    try:
        answers = flood(buses, 1000)
    finally:
        for bus in buses:
            bus.close()
    assert {name: answers.count(name) for name in set(answers)} == {None: 750, "org.burnin1.Error.NoSuchJob": 250}
    assert main_pid(product) == pid
