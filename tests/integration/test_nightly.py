# SPDX-License-Identifier: LGPL-2.1-or-later
"""What is done every night: a backup, old logs, old readings; and that a backup can be put back."""
from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator
from typing import Any

import busclient
import dbus
import pytest
from product import MANAGER, NIGHTLY, PATH, Drive, Host, Job, Product, Stage, nas, plain, product, refused  # noqa: F401

pytestmark = pytest.mark.allow_journal(r"has ended: (inconclusive|failed|cancelled)", r"^inconclusive: ", r"is missing",
                                       r"burnin-locate-", r"remnant")

STATE = "/var/lib/burnin"
DATABASE = f"{STATE}/burnin.db"
BACKUPS = f"{STATE}/backups"
COPY = "/root/copy"
DAY = 86400
NIGHTLY_DONE = "f2fe0a8a9bd548d79593748b1fc15933"
BACKUP_FAILED = "2e191bb7f5f34c15ab5b9b793da7a5c1"


def said(product: Product) -> dict[str, Any]:
    return plain(product.machine.call(PATH, "org.freedesktop.DBus.Properties", "GetAll", "s", NIGHTLY))


def night(product: Product) -> dict[str, Any]:
    """One run, from its start to its end."""
    cursor = product.machine.cursor()
    product.call_nightly("Run", "t", 0)
    product.machine.wait_journal(lambda entry: True, f"MESSAGE_ID={NIGHTLY_DONE}", cursor=cursor)
    product.machine.wait_property(PATH, NIGHTLY, "Running", False)
    return said(product)


def backups(product: Product) -> list[str]:
    names = [row["Name"] for row in product.call_nightly("ListBackups")]
    assert names == sorted(product.machine.run(["ls", BACKUPS]).stdout.split(), reverse=True)
    return names


def ctl(product: Product, *words: str, check: bool = True) -> str:
    return product.machine.run(["burninctl", "--no-pager", *words], check=check).stdout


def sql(product: Product, statement: str) -> None:
    """As if it had been so for years. burnind is not there meanwhile."""
    product.machine.run(["systemctl", "stop", "burnind.service"])
    product.machine.run(["sqlite3", DATABASE, statement])
    product.machine.run(["systemctl", "start", "burnind.service"])


@pytest.fixture
def setting(product: Product) -> Iterator[Any]:
    def put(name: str, value: int) -> None:
        product.call_settings("Set", "svt", name, dbus.UInt32(value), 0)
        names.append(name)

    names: list[str] = []
    yield put
    for name in names:
        product.call_settings("Reset", "st", name, 0)


def test_timer_is_there_without_being_enabled(product: Product) -> None:
    show = product.machine.run(["systemctl", "show", "burnin-nightly.timer", "--property=ActiveState,Persistent,TimersCalendar"]).stdout
    assert "ActiveState=active" in show and "Persistent=yes" in show and "03:00:00" in show


def test_timer_comes_back_as_often_as_burnind(product: Product) -> None:
    for _ in range(7):
        product.restart()
    assert product.machine.run(["systemctl", "is-active", "burnin-nightly.timer"], check=False).stdout.strip() == "active"


def test_unit_of_the_timer_begins_a_run(product: Product) -> None:
    cursor = product.machine.cursor()
    product.machine.run(["systemctl", "start", "burnin-nightly.service"])
    product.machine.wait_journal(lambda entry: True, f"MESSAGE_ID={NIGHTLY_DONE}", cursor=cursor)
    assert said(product)["LastRunUSec"] > (time.time() - 60) * 1e6


def test_night(product: Product, nas: Host, setting: Any) -> None:
    """Of an old job the logs go and the verdict stays; of a new one both stay; of a drive old readings go."""
    drive = product.plug("NIGHT001", 8)
    old, new = product.start("NIGHT001"), None
    assert old.wait_end() == "passed"
    new = product.start("NIGHT001")
    assert new.wait_end() == "passed"
    now = int(time.time() * 1e6)
    sql(product, f"UPDATE jobs SET finished_usec = {now - 36 * DAY * 10**6} WHERE id = {old.id};"
                 f"WITH RECURSIVE n(i) AS (VALUES (0) UNION ALL SELECT i + 1 FROM n WHERE i < 99)"
                 f"INSERT INTO readings SELECT '{drive['Id']}', {now - 100 * DAY * 10**6} + i * 3600000000, "
                 "NULL, 'passed', 0, '{}' FROM n")
    product.machine.run(["touch", f"{STATE}/jobs/{new.id}/surface_validate.report.json.refused"])
    before = drive.call("ListReadings", "a{sv}", dbus.Dictionary({}, signature="sv"))[1]

    done = night(product)
    assert (done["LastRunError"], done["LastRunJobs"]) == ("", 1)
    assert done["LastRunReadings"] >= 94 and done["LastBackup"] in backups(product)
    assert drive.call("ListReadings", "a{sv}", dbus.Dictionary({}, signature="sv"))[1] == before - done["LastRunReadings"]
    jobs = product.machine.run(["ls", f"{STATE}/jobs"]).stdout.split()
    assert str(old.id) not in jobs and str(new.id) in jobs
    assert old["Verdict"] == "passed" and len(old["Stages"]) == 3
    with refused("WrongState", "dropped with age"):
        old.stage().call("OpenLog")
    new.stage().call("OpenLog")

    # The next night has nothing to do, and what the last one did is known after a restart.
    assert night(product)["LastRunJobs"] == 0
    before_restart = said(product)
    product.restart()
    assert {**said(product), "BackupError": ""} == {**before_restart, "BackupError": ""}
    show = json.loads(ctl(product, "--json=short", "nightly", "show"))
    assert show["LastRunUSec"] == before_restart["LastRunUSec"]
    assert "Last run" in ctl(product, "nightly", "show")

    # What was refused stays when the rest goes.
    product.call_settings("Set", "svt", "retention_log_days", dbus.UInt32(1), 0)
    sql(product, f"UPDATE jobs SET finished_usec = {now - 2 * DAY * 10**6} WHERE id = {new.id}")
    night(product)
    assert product.machine.run(["ls", f"{STATE}/jobs/{new.id}"]).stdout.split() == ["surface_validate.report.json.refused"]
    product.call_settings("Reset", "st", "retention_log_days", 0)
    product.machine.run(["rm", "-r", f"{STATE}/jobs/{new.id}"])


def test_files_of_active_jobs_stay(product: Product, nas: Host, setting: Any) -> None:
    product.plug("NIGHT002", 256)
    job = product.start("NIGHT002")
    with product.braked(job):
        assert night(product)["LastRunError"] == ""
        assert str(job.id) in product.machine.run(["ls", f"{STATE}/jobs"]).stdout.split()
        assert job["State"] == "running"
        job.cancel()
    job.wait_end()


def test_newest_backups_stay(product: Product, setting: Any) -> None:
    setting("retention_backup_keep", 3)
    names = [product.call_nightly("MakeBackup", "t", 0) for _ in range(5)]
    assert backups(product) == sorted(names, reverse=True)[:3]
    assert product.machine.run(["stat", "-c", "%U %a", BACKUPS, f"{BACKUPS}/{names[-1]}"]).stdout.split() == ["root", "700", "root", "600"]
    assert ctl(product, "-q", "backup", "list").split() == backups(product)
    assert ctl(product, "backup", "now").strip() == backups(product)[0]
    setting("retention_backup_keep", 0)
    before = backups(product)
    assert night(product)["LastRunError"] == ""
    assert backups(product) == before


@pytest.mark.allow_journal(r"No backup of the database was made", r"The nightly run took .* No backup was made", r"burnin-backup")
def test_backup_that_fails_is_told(product: Product, setting: Any) -> None:
    before = backups(product)
    cursor = product.machine.cursor()
    product.machine.run(["systemctl", "stop", "burnin-backup.socket"])
    try:
        with refused("Store", "No backup was made"):
            product.call_nightly("MakeBackup", "t", 0)
        assert "No backup was made" in night(product)["LastRunError"]
        assert said(product)["BackupError"]
        assert len(product.machine.journal(f"MESSAGE_ID={BACKUP_FAILED}", cursor=cursor)) == 2
    finally:
        product.machine.run(["systemctl", "start", "burnin-backup.socket"])
    assert backups(product) == before
    assert product.call_nightly("MakeBackup", "t", 0) and said(product)["BackupError"] == ""
    assert product.list("Audit", limit=dbus.UInt32(1))[0]["Outcome"] == "ok"


def test_one_backup_at_a_time(product: Product) -> None:
    answers: list[Any] = []
    bus = product.machine.bus()
    for _ in range(2):
        bus.call_async("org.burnin1", PATH, NIGHTLY, "MakeBackup", "t", (dbus.UInt64(0),),
                       lambda *values: answers.append(values), answers.append, timeout=30)
    assert busclient.pump(lambda: len(answers) == 2, 30), answers
    failed = [a for a in answers if isinstance(a, dbus.DBusException)]
    assert len(failed) == 1 and failed[0].get_dbus_name() == "org.burnin1.Error.WrongState"


@contextlib.contextmanager
def no_burnind(product: Product) -> Iterator[None]:
    """As the documentation says: whoever calls it meanwhile would have started it again."""
    product.machine.run("systemctl stop burnind.service && systemctl mask --runtime burnind.service")
    try:
        yield
    finally:
        product.machine.run(["systemctl", "unmask", "--runtime", "burnind.service"])
        product.machine.run(["systemctl", "start", "burnind.service"])


@pytest.mark.allow_journal(r"Cancelled by", r"burnind is running", r"was not restored", r"Failed to lock")
def test_restore(product: Product, nas: Host) -> None:
    """A job that was queued when the backup was made, and cancelled since, must not begin."""
    product.plug("RESTORE1", 8)
    product.plug("RESTORE2", 8)
    later = int(time.time()) + DAY
    queued = product.start("RESTORE1", at=dbus.UInt64(later * 10**6))
    name = product.call_nightly("MakeBackup", "t", 0)
    queued.cancel()
    queued.wait_end()
    after = product.start("RESTORE2")
    assert after.wait_end() == "passed"

    # Not while burnind is there, and not from nothing.
    refusal = product.machine.run(["burninctl", "backup", "restore", name, "--yes"], check=False)
    assert refusal.returncode == 1 and "systemctl stop burnind" in refusal.stderr
    with no_burnind(product):
        for bad in ("nothing.db", "/etc/passwd"):
            refusal = product.machine.run(["burninctl", "backup", "restore", bad, "--yes"], check=False)
            assert refusal.returncode == 1 and "Nothing was changed" in refusal.stderr
        printed = ctl(product, "backup", "restore", name, "--yes")

    aside = printed.split()[-1]
    assert aside.startswith(f"{DATABASE}.before-") and product.machine.run(["test", "-s", aside], check=False).returncode == 0
    restored = Job(product, queued.path)
    assert (restored["State"], restored["Verdict"]) == ("done", "cancelled") and "backup" in restored["Reason"]
    newest = product.list("Audit", limit=dbus.UInt32(1))[0]
    assert (newest["Object"], newest["Detail"], newest["ActorUID"]) == (f"backup {name}", "restored", 0)
    # The number of the job that the backup does not know is not given again.
    nas.wait("State", "online")
    again = product.start("RESTORE2")
    assert again.id > after.id and again.wait_end() == "passed"


def accounts(product: Product, method: str, signature: str = "", *args: Any, user: str | None = None) -> Any:
    return plain(product.machine.call(f"{PATH}/accounts", "org.burnin1.Accounts", method, signature, *args, user=user))


def kept(product: Product, until: int) -> dict[str, Any]:
    """What the database knows, without what a look at a host has told since then."""
    empty, until_then = dbus.Dictionary({}, signature="sv"), dbus.Dictionary({"until": dbus.UInt64(until)}, signature="sv")
    jobs = product.list("Jobs")
    return {
        "hosts": [[row[key] for key in ("Name", "Address", "Port", "User", "Notes", "HostKeyFingerprint")] for row in product.hosts()],
        "drives": [[row[key] for key in ("Id", "Serial", "Model", "SizeBytes", "Location", "Notes")]
                   for row in product.list("Drives")],
        "readings": [Drive(product, row["Object"]).call("ListReadings", "a{sv}", until_then) for row in product.list("Drives")],
        "jobs": jobs,
        "stages": [[Stage(product, path).all() for path in Job(product, row["Object"])["Stages"]] for row in jobs],
        "log": Job(product, jobs[0]["Object"]).stage().log(),
        "settings": product.call_settings("List"),
        "statistics": product.call("ListStatistics", "a{sv}", empty),
        "accounts": [[row[key] for key in ("Name", "Role", "CreatedUSec")] for row in accounts(product, "List")],
    }


@pytest.mark.allow_journal(r"was added", r"Login")
def test_restore_on_an_empty_machine(product: Product, nas: Host, setting: Any) -> None:
    """Of what was copied elsewhere everything comes back, and works: hosts without a question, the account with its password."""
    drive = product.plug("EMPTY001", 8)
    drive.call("SetLocation", "st", "Shelf 2 / Bay 7", 0)
    nas.call("Configure", "a{sv}", dbus.Dictionary({"notes": "rack 4"}, signature="sv"))
    setting("temp_warn_c", 47)
    accounts(product, "Add", "ssst", "alice", "admin", "a good password", 0)
    assert product.start("EMPTY001").wait_end() == "passed"
    audit = product.list("Audit")
    name = product.call_nightly("MakeBackup", "t", 0)
    made = said(product)["LastBackupUSec"]
    before = kept(product, made)
    assert sum(total for _, total in before["readings"]) > 0
    product.machine.run(f"mkdir -p {COPY} && cp -a /etc/burnin {STATE}/jobs {BACKUPS}/{name} {COPY}")

    with no_burnind(product):
        # As it is when the packages were installed, and nothing else.
        product.machine.run(f"systemctl stop burnin-poll.service burnin-truenas.service && rm -r {STATE} /etc/burnin && "
                            "systemd-tmpfiles --create burnin.conf")
        product.machine.run(f"cp -a {COPY}/burnin/. /etc/burnin && cp -a {COPY}/jobs {STATE}")
        printed = ctl(product, "backup", "restore", f"{COPY}/{name}", "--yes")
        assert printed.strip() == f"{COPY}/{name} is the database now."
    product.machine.wait_property(PATH, MANAGER, "Health", "ok")
    assert kept(product, made) == before
    assert product.list("Audit")[-len(audit):] == audit
    product.host("nas").wait("State", "online")
    product.wait_drive("EMPTY001")
    assert accounts(product, "Login", "ssa{sv}", "alice", "a good password", dbus.Dictionary({}, signature="sv"), user="burnin-web")
    assert product.start("EMPTY001").wait_end() == "passed"
    assert night(product)["LastRunError"] == ""
    product.machine.run(["rm", "-r", COPY])
