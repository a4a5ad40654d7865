# SPDX-License-Identifier: LGPL-2.1-or-later
"""What is done every night: a backup, old logs, old readings; and that a backup can be put back."""
from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import busclient
import dbus
import pytest
from product import MANAGER, NIGHTLY, PATH, Drive, Host, Job, Product, Stage, nas, plain, product, refused  # noqa: F401
from receiver import PORT as RECEIVER_PORT, URL, Receiver

pytestmark = pytest.mark.allow_journal(r"has ended: (inconclusive|failed|cancelled)", r"^inconclusive: ", r"is missing",
                                       r"burnin-locate-", r"remnant")

STATE = "/var/lib/burnin"
DATABASE = f"{STATE}/burnin.db"
BACKUPS = f"{STATE}/backups"
COPY = "/media/copy"     # as in the documents
SOURCE = Path(__file__).resolve().parents[2]
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
                 # Nights look at what has aged since the last one: this is the first that these readings meet.
                 "DELETE FROM nightly;"
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
    shown = ctl(product, "nightly", "show")
    assert "Last run" in shown and "Database: " in " ".join(shown.split()), shown
    assert said(product)["DatabaseSizeBytes"] >= product.machine.path(DATABASE).stat().st_size > 0

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


@pytest.mark.allow_journal(r"The nightly run took .* more than retention_log_mb \(1\), and what is left may not go")
def test_oldest_logs_go_where_all_take_too_much(product: Product, nas: Host, setting: Any) -> None:
    """The order is that of their ends. What runs keeps its logs however much they take, and what nobody knows whose it is, too."""
    jobs = f"{STATE}/jobs"

    def fill(job: int, mib: int) -> None:
        product.machine.run(f"mkdir -p {jobs}/{job} && dd if=/dev/zero of={jobs}/{job}/filler.log bs=1M count={mib} status=none")

    def left() -> set[int]:
        return {int(name) for name in product.machine.run(["ls", jobs]).stdout.split()}

    product.machine.run(f"rm -rf {jobs}/*")
    ended = []
    for serial in ("LOGSIZE1", "LOGSIZE2", "LOGSIZE3"):
        product.plug(serial, 8)
        ended.append(product.start(serial))
    for job in ended:
        assert job.wait_end() == "passed"
    first, second, third = (job.id for job in ended)
    now = int(time.time() * 1e6)
    sql(product, "".join(f"UPDATE jobs SET finished_usec = {now - age * DAY * 10**6} WHERE id = {job};"
                         for job, age in ((second, 3), (third, 2), (first, 1))))
    nas.wait("State", "online")
    product.plug("LOGSIZE4", 256)
    running, unknown = product.start("LOGSIZE4"), 10**6
    with product.braked(running):
        for job in (first, second, third, running.id, unknown):
            fill(job, 8)
        assert (night(product)["LastRunJobs"], said(product)["LastRunLogBytes"]) == (0, 0), "there is no bound"

        setting("retention_log_mb", 42)
        cursor = product.machine.cursor()
        done = night(product)
        assert (done["LastRunJobs"], done["LastRunJobsForSize"], done["LastRunError"]) == (1, 1, "")
        assert left() == {first, third, running.id, unknown} and 32 << 20 < done["LastRunLogBytes"] <= 42_000_000
        told, = product.machine.journal(f"MESSAGE_ID={NIGHTLY_DONE}", cursor=cursor)
        assert "the files of 1 jobs were dropped, 1 of them since the logs of all took more than retention_log_mb; 33 MB are left" \
            in told["MESSAGE"]
        with refused("WrongState", "took too much room"):
            Job(product, f"{PATH}/job/{second}").stage().call("OpenLog")
        shown = ctl(product, "nightly", "show")
        assert "files of 1 jobs\n      For size: files of 1 of these jobs\n          Logs: 33." in shown, shown
        assert night(product)["LastRunJobs"] == 0
        product.restart()
        assert said(product)["LastRunLogBytes"] == done["LastRunLogBytes"]

        # As much as may go, and a word of what is left.
        setting("retention_log_mb", 1)
        product.machine.run(["touch", f"{jobs}/{first}/surface_validate.report.json.refused"])
        done = night(product)
        assert (done["LastRunJobs"], done["LastRunJobsForSize"]) == (1, 1) and left() == {first, running.id, unknown}
        assert "16 MB, more than retention_log_mb (1)" in done["LastRunError"]
        assert product.machine.run(["ls", f"{jobs}/{first}"]).stdout.split() == ["surface_validate.report.json.refused"]
        assert running.stage().call("OpenLog") is not None and running["State"] == "running"
        assert product.job(second)["Verdict"] == "passed" and len(product.job(second)["Stages"]) == 3
        running.cancel()
    running.wait_end()
    done = night(product)
    assert (done["LastRunJobsForSize"], left()) == (1, {first, unknown}) and "8 MB" in done["LastRunError"]
    product.machine.run(f"rm -r {jobs}/{first} {jobs}/{unknown}")


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
    product.call_nightly("MakeBackup", "t", 0)
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


DAMAGE = "PRAGMA ignore_check_constraints = 1; INSERT INTO sessions VALUES (999, '', 'nobody', '', 0, 0)"
UNABLE = {      # what a backup meets -> how that is made, how it is undone, why there is none, what to do
    "a full disk": (f"mount -t tmpfs -o size=64k,mode=0700 tmpfs {BACKUPS}", f"umount {BACKUPS}", "too little room", "Make room"),
    "a disk that cannot be written": (f"mount -t tmpfs -o ro tmpfs {BACKUPS}", f"umount {BACKUPS}", "Read-only", "can be written to"),
    "a damaged database": (f'sqlite3 {DATABASE} "{DAMAGE}"', f'sqlite3 {DATABASE} "DELETE FROM sessions WHERE id = 999"',
                           "database is damaged", "put an earlier backup back"),
}


@pytest.mark.allow_journal(r"No backup of the database was made", r"The nightly run took .* No backup was made")
@pytest.mark.parametrize("what", UNABLE)
def test_backup_that_fails_by_night_reaches_people(product: Product, what: str) -> None:
    make, undo, why, remedy = UNABLE[what]
    receiver = Receiver(product)
    product.call_nightly("MakeBackup", "t", 0)
    before = backups(product)
    product.machine.run(make)
    product.call_settings("Set", "svt", "webhook_url", URL, 0)
    try:
        with receiver.listening(), product.machine.watch_signal(MANAGER, "Event", PATH) as watch:
            done = night(product)
            signal = watch.wait(lambda s: s.args[1] == "backup_failed", 20)
            receiver.wait(lambda: receiver.events(event="backup_failed"), "backup_failed arrives")
    finally:
        product.call_settings("Reset", "st", "webhook_url", 0)
        product.machine.run(undo)
    told, = receiver.events(event="backup_failed")
    assert told["id"] == signal.args[0] and (told["severity"], told["host"]) == ("error", "")
    assert told["title"].startswith("Backup failed: ") and told["text"] == signal.args[6]
    for text in (told["text"], done["LastRunError"], done["BackupError"]):
        assert why in text and remedy in text, text
    assert backups(product) == before
    assert night(product)["LastRunError"] == ""


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
        "notifiers": [[row[key] for key in ("Name", "Kind", "Enabled", "Target", "Events", "Hosts", "Severity", "HasSecret")]
                      for row in notifiers(product, "List")],
    }


def documented(section: str, first: str) -> str:
    """A block of commands in the documents that begins so. A person is asked before the database is put back."""
    text = (SOURCE / "docs/operations.md").read_text(encoding="utf-8").split(f"# {section}\n")[1].split("\n#")[0]
    block = next(block for block in text.split("\n\n") if block.startswith(f"    {first}"))
    return "set -e\n" + block.replace("backup restore", "backup restore --yes")


def notifiers(product: Product, method: str, signature: str = "", *args: Any) -> Any:
    return plain(product.machine.call(f"{PATH}/notifiers", "org.burnin1.Notifiers", method, signature, *args))


@pytest.mark.allow_journal(r"was added", r"Login")
def test_restore_on_an_empty_machine(product: Product, nas: Host, setting: Any) -> None:
    """Last night's backup and what was copied with it bring everything back, and it works: hosts without a question, the account with
    its password, the notifier with its secret, reports with the signature that they had."""
    machine, receiver = product.machine, Receiver(product)
    drive = product.plug("EMPTY001", 8)
    drive.call("SetLocation", "st", "Shelf 2 / Bay 7", 0)
    nas.call("Configure", "a{sv}", dbus.Dictionary({"notes": "rack 4"}, signature="sv"))
    setting("temp_warn_c", 47)
    accounts(product, "Add", "ssst", "alice", "admin", "a good password", 0)
    job = product.start("EMPTY001")
    assert job.wait_end() == "passed"
    notifiers(product, "Add", "ssa{sv}", "ours", "webhook", dbus.Dictionary({
        "url": f"http://127.0.0.1:{RECEIVER_PORT}/ours", "secret": "of ours", "events": dbus.Array(["job_passed"], "s")}, signature="sv"))
    machine.run(["mkdir", "-p", COPY])
    reports = {name: f"{COPY}/{name}" for name in ("before.json", "before.html", "after.json")}
    for name in ("before.json", "before.html"):
        ctl(product, "report", "save", str(job.id), reports[name])

    assert night(product)["LastRunError"] == ""
    audit, made = product.list("Audit"), said(product)["LastBackupUSec"]
    before = kept(product, made)
    assert sum(total for _, total in before["readings"]) > 0 and "of ours" not in str(before)
    machine.run(documented("Backup and restore", "tar -C / --exclude"))

    # As it is when the packages were installed, and nothing else.
    machine.run(f"systemctl stop burnind.service burnin-poll.service burnin-truenas.service; rm -r {STATE} /etc/burnin && "
                "systemd-tmpfiles --create burnin.conf")
    try:
        printed = machine.run(documented("On an empty machine", "systemctl stop burnind"), timeout=60).stdout
    finally:
        machine.run(["systemctl", "unmask", "--runtime", "burnind.service"])
    assert printed.strip() == f"{BACKUPS}/{said(product)['LastBackup']} is the database now."
    machine.wait_property(PATH, MANAGER, "Health", "ok")
    assert kept(product, made) == before
    assert product.list("Audit")[-len(audit):] == audit
    product.host("nas").wait("State", "online")
    product.wait_drive("EMPTY001")
    assert accounts(product, "Login", "ssa{sv}", "alice", "a good password", dbus.Dictionary({}, signature="sv"), user="burnin-web")

    ctl(product, "report", "save", str(job.id), reports["after.json"])
    assert machine.read(reports["after.json"]) == machine.read(reports["before.json"])
    for path in reports.values():
        ctl(product, "report", "verify", path, "--key=/etc/burnin/report_ed25519.pub")

    with receiver.listening():
        assert product.start("EMPTY001").wait_end() == "passed"
        receiver.wait(lambda: receiver.all("/ours"), "the notifier tells")
    headers, body = receiver.all("/ours")[0]
    signed = f"{headers['X-Burnin-Timestamp']}.{body}".encode()
    assert headers["X-Burnin-Signature"] == "sha256=" + hmac.new(b"of ours", signed, hashlib.sha256).hexdigest()
    assert night(product)["LastRunError"] == ""
    notifiers(product, "Remove", "st", "ours", 0)
    machine.run(["rm", "-r", COPY])
