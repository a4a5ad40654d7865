# SPDX-License-Identifier: LGPL-2.1-or-later
"""When a job's turn comes: priorities, caps, times, pauses, heat; what it is expected to take; and the same job again."""
from __future__ import annotations

import contextlib
import datetime
import json
import re
import time
from collections.abc import Iterator
from typing import Any

import dbus
import pytest
from product import Host, Job, Product, nas, product, refused  # noqa: F401

pytestmark = pytest.mark.allow_journal(r"has ended: (inconclusive|failed|cancelled)", r"^inconclusive: ", r"No burn-in was started",
                                       r"though its host is warm", r"Paused \(operator\)")

SOON = 10       # seconds: until then a busy host must have been asked what is on its drive, or no job is seen to wait for the time
INVALID_ARGS = "org.freedesktop.DBus.Error.InvalidArgs"
WARM, COOL = {"temperature": {"current": 51}}, {"temperature": {"current": 31}}


def option(value: int) -> dbus.Int32:
    return dbus.Int32(value)


def in_seconds(seconds: float) -> dbus.UInt64:
    return dbus.UInt64(int((time.time() + seconds) * 1_000_000))


def ctl(product: Product, *args: str, status: int = 0) -> str:
    done = product.machine.run(["burninctl", *args], check=False)
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture
def one_at_a_time(product: Product) -> Iterator[None]:
    product.configure(max_parallel_burnins="1")
    yield
    product.configure(max_parallel_burnins="4")


@contextlib.contextmanager
def place_taken(product: Product, serial: str = "PLACE001") -> Iterator[Job]:
    """The only place is taken in here."""
    product.plug(serial, 256)
    first = product.start(serial)
    with product.braked(first):
        yield first
        first.cancel()
    first.wait_end()


def order_of_starts(product: Product, jobs: dict[str, Job]) -> list[str]:
    for job in jobs.values():
        assert job.wait_end() == "passed", job["Reason"]
    return sorted(jobs, key=lambda name: jobs[name]["StartedUSec"])


# --- priorities ----------------------------------------------------------------------------------------------

def test_priority_goes_first_over_a_restart(one_at_a_time: None, nas: Host, product: Product) -> None:
    jobs = {}
    with place_taken(product):
        for serial, priority in (("PRIO000A", 0), ("PRIO000B", -5), ("PRIO000C", 7), ("PRIO000D", 0)):
            product.plug(serial, 4)
            jobs[serial[-1]] = product.start(serial, priority=option(priority))
            jobs[serial[-1]].wait("Reason", lambda reason: "free place" in reason)
        jobs["B"].call("SetPriority", "it", 100, 0)
        jobs["B"].call("SetPriority", "it", 8, 0)
        assert jobs["B"]["Priority"] == 8
        product.restart()
        assert [jobs[name]["Priority"] for name in "ABCD"] == [0, 8, 7, 0]
        ctl(product, "job", "priority", str(jobs["D"].id), "9")
        assert product.list("Audit", limit=dbus.UInt32(1))[0]["Detail"] == "SetPriority: 9, was 0"
    assert order_of_starts(product, jobs) == ["D", "B", "C", "A"]


def test_priority_that_cannot_be(one_at_a_time: None, nas: Host, product: Product) -> None:
    product.plug("PRIOBAD1", 4)
    with place_taken(product) as running:
        job = product.start("PRIOBAD1")
        for value in (101, -101, 2**31 - 1, -2**31):
            with refused("InvalidArgument", "100"):
                job.call("SetPriority", "it", value, 0)
        with refused("InvalidArgument", "flags"):
            job.call("SetPriority", "it", 1, 1)
        with refused(INVALID_ARGS):
            job.call("SetPriority", "st", "1", 0)
        with refused("WrongState", "started"):
            running.call("SetPriority", "it", 1, 0)
        assert job["Priority"] == 0 and running["Priority"] == 0
        job.cancel()
    with refused("WrongState"):
        job.call("SetPriority", "it", 1, 0)


def test_cap_of_a_host(nas: Host, product: Product) -> None:
    product.configure(max_per_host="1")
    try:
        product.plug("PERHOST2", 4)
        with place_taken(product, "PERHOST1"):
            job = product.start("PERHOST2")
            job.wait("Reason", lambda reason: "max_per_host" in reason)
            assert (product["RunningJobs"], product["QueuedJobs"]) == (1, 1)
        assert job.wait_end() == "passed"
    finally:
        product.configure(max_per_host="0")


# --- pause and resume ----------------------------------------------------------------------------------------

def test_queued_job_is_paused_and_keeps_its_place(one_at_a_time: None, nas: Host, product: Product) -> None:
    jobs = {}
    with place_taken(product):
        for name in "AB":
            product.plug(f"PAUSED0{name}", 4)
            jobs[name] = product.start(f"PAUSED0{name}")
        with product.machine.watch_signal("org.freedesktop.DBus.Properties", "PropertiesChanged", jobs["A"].path) as watch:
            jobs["A"].call("Pause", "st", "lunch", 0)
            watch.wait(lambda s: s.args[1].get("State") == "paused" and s.args[1].get("PausedBy") == "root", 10)
        assert jobs["A"]["Reason"] == "Paused by root: lunch" and jobs["A"]["PausedUSec"] > 0
        product.restart()
        assert (jobs["A"]["State"], jobs["A"]["Reason"]) == ("paused", "Paused by root: lunch")
        assert (product["RunningJobs"], product["QueuedJobs"]) == (1, 2)
        assert [job.path for job in product.jobs(state="paused")] == [jobs["A"].path]
        assert "Paused by root: lunch" in ctl(product, "jobs", "--active")
    # B's turn comes and goes; A's does not.
    assert jobs["B"].wait_end() == "passed"
    assert jobs["A"]["State"] == "paused" and jobs["A"]["StartedUSec"] == 0
    for word in ("Pause: lunch", "Resume"):
        if word == "Resume":
            jobs["A"].call("Resume", "t", 0)
        row = product.list("Audit", limit=dbus.UInt32(10))
        object = f"job {jobs['A'].id} (drive {jobs['A']['DriveId']})"
        assert [r["Action"] for r in row if r["Detail"] == word and r["Object"] == object] == [
            "org.burnin1.manage-jobs"]
    assert jobs["A"].wait_end() == "passed"
    assert (jobs["A"]["PausedBy"], jobs["A"]["PausedUSec"]) == ("", 0)


def test_paused_job_is_cancelled(one_at_a_time: None, nas: Host, product: Product) -> None:
    product.plug("PAUSEDC1", 4)
    with place_taken(product):
        job = product.start("PAUSEDC1")
        job.call("Pause", "st", "", 0)
        assert job["Reason"] == "Paused by root."
        job.cancel("no need")
        assert job.wait_end() == "cancelled"
        assert product["QueuedJobs"] == 0
        assert (job["Reason"], job["PausedBy"], job["PausedUSec"]) == ("Cancelled by root: no need", "", 0)
    assert product.drive("PAUSEDC1")["ActiveJob"] == "/"


def test_pause_that_cannot_be(one_at_a_time: None, nas: Host, product: Product) -> None:
    product.plug("PAUSEBAD", 4)
    with place_taken(product):
        job = product.start("PAUSEBAD")
        with refused("InvalidArgument", "reason"):
            job.call("Pause", "st", "x" * 4097, 0)
        with refused("InvalidArgument", "flags"):
            job.call("Pause", "st", "", 4)
        with refused("InvalidArgument", "flags"):
            job.call("Resume", "t", 1)
        with refused(INVALID_ARGS):
            job.call("Pause", "t", 0)
        with refused("WrongState", "queued"):
            job.call("Resume", "t", 0)
        assert job["State"] == "queued"
        job.call("Pause", "st", "", 0)
        with refused("WrongState", "paused"):
            job.call("Pause", "st", "", 0)
        job.cancel()
    for method, signature, arguments in (("Pause", "st", ("", 0)), ("Resume", "t", (0,))):
        with refused("WrongState", "done"):
            job.call(method, signature, *arguments)


def test_content_is_confirmed_while_paused(nas: Host, product: Product) -> None:
    """What was on the drive when it was submitted counts, not what is there when it is resumed."""
    product.plug("PAUSEFPR", 16)
    product.machine.run(["systemctl", "kill", "--signal=STOP", "burnin-poll.service"])
    job = product.start("PAUSEFPR")
    job.call("Pause", "st", "", 0)
    product.machine.run(["systemctl", "kill", "--signal=CONT", "burnin-poll.service"])
    product.machine.wait_for(lambda: product.machine.run(
        ["sqlite3", "-readonly", "/var/lib/burnin/burnin.db", f"SELECT content IS NOT NULL FROM jobs WHERE id = {job.id}"],
        check=False).stdout.strip() == "1", 20, "the content is on record")
    product.machine.run(f"dd if=/dev/urandom of={product.device('PAUSEFPR')} bs=64k count=1 seek=1 conv=fsync status=none")
    job.call("Resume", "t", 0)
    assert job.wait_end() == "inconclusive"
    assert "content" in job["Reason"] or "existing-data" in job["Reason"]


def test_running_job_is_paused_on_its_host(nas: Host, product: Product) -> None:
    product.plug("PAUSERUN", 512)
    job = product.start("PAUSERUN")
    stage = job.stage()
    stage.wait("Phase", lambda phase: phase >= 1, 60)
    pid = stage.run_pid()
    product.machine.wait_for(lambda: product.command_of(pid) == "badblocks", 20, f"{pid} is badblocks")
    job.call("Pause", "st", "the fans are loud", 0)
    assert (job["State"], job["Reason"]) == ("paused", "Paused by root: the fans are loud")
    stage.wait("Paused", lambda words: "root: the fans are loud" in words)
    assert product.state_of(pid) == "T"
    assert (product["RunningJobs"], product["QueuedJobs"]) == (1, 0)
    assert "the fans are loud" in ctl(product, "status")

    product.restart()
    stage.wait("Paused", lambda words: "root: the fans are loud" in words)
    assert job["State"] == "paused" and product.state_of(pid) == "T"
    ctl(product, "job", "resume", str(job.id))
    assert job["State"] == "running"
    stage.wait("Paused", "")
    assert job.wait_end() == "passed", job["Reason"]
    assert stage.run_directory.name and (job["PausedBy"], job["PausedUSec"]) == ("", 0)


def test_paused_run_that_is_cancelled(nas: Host, product: Product) -> None:
    product.plug("PAUSECAN", 512)
    job = product.start("PAUSECAN")
    pid = product.brake(job)
    job.call("Pause", "st", "", 0)
    product.release(pid)
    job.stage().wait("Paused", bool)
    job.cancel()
    assert job.wait_end() == "cancelled"
    product.machine.wait_for(lambda: product.state_of(pid) in ("", "Z"), 10, f"{pid} is gone")


@pytest.mark.allow_journal(r"could not be proven gone")     # of the first job, whose host does not answer either
def test_pause_between_two_stages(one_at_a_time: None, nas: Host, product: Product) -> None:
    """A precheck goes on to its end; nothing that destroys begins before somebody resumes the job."""
    product.plug("PAUSEPRE", 4)
    sshd = product.machine.host.unit
    with place_taken(product):
        job = product.start("PAUSEPRE")
        job.wait("Reason", lambda reason: "free place" in reason)
        product.machine.run(["systemctl", "kill", "--kill-whom=main", "--signal=STOP", sshd])
    try:
        job.wait("State", "running")
        job.call("Pause", "st", "", 0)
    finally:
        product.machine.run(["systemctl", "kill", "--kill-whom=main", "--signal=CONT", sshd])
    precheck, surface = job.stage("precheck"), job.stage()
    precheck.wait("State", "done", 30)
    assert (precheck["Verdict"], surface["State"], job["State"]) == ("passed", "pending", "paused")
    product.restart()
    assert (surface["State"], job["State"], job["CurrentStage"]) == ("pending", "paused", "/")
    product.host("nas").wait("State", "online")
    # As if that had been hours ago: they do not make the job any older for the stage that follows.
    hours = 5 * 3600_000_000
    product.machine.run(["systemctl", "stop", "burnind.service"])
    product.machine.run(["sqlite3", "/var/lib/burnin/burnin.db", "UPDATE jobs SET created_usec = created_usec - {0},"
                         " started_usec = started_usec - {0}, paused_usec = paused_usec - {0} WHERE id = {1}".format(hours, job.id)])
    product.machine.run(["systemctl", "start", "burnind.service"])
    product.host("nas").wait("State", "online")
    job.call("Resume", "t", 0)
    assert job.wait_end() == "passed", job["Reason"]
    settings = product.machine.run(["sqlite3", "/var/lib/burnin/burnin.db", "SELECT settings FROM stages WHERE kind = 'surface_validate'"
                                    f" AND job = {job.id}"]).stdout
    assert 0 < surface["StartedUSec"] - json.loads(settings)["job_started_usec"] < hours / 5


# --- the same again ------------------------------------------------------------------------------------------

def test_retry(nas: Host, product: Product) -> None:
    product.plug("RETRY001", 4)
    first = product.start("RETRY001", priority=option(3), note="again and again")
    with refused("WrongState", "not ended"):
        first.call("Retry", "st", "RETRY001", 0)
    first.wait_end()
    for serial, error in (("", "NotConfirmed"), ("RETRY002", "WrongSerial")):
        with refused(error):
            first.call("Retry", "st", serial, 0)
    with refused("InvalidArgument", "flags"):
        first.call("Retry", "st", "RETRY001", 1)
    with refused(INVALID_ARGS):
        first.call("Retry", "s", "RETRY001")
    again = product.job(int(first.call("Retry", "st", "RETRY001", 0).rsplit("/", 1)[1]))
    assert again.id > first.id
    assert (again["Priority"], again["Note"], again["Profile"], again["DriveId"]) == (3, "again and again", first["Profile"],
                                                                                    first["DriveId"])
    assert again.wait_end() == "passed"
    row = product.list("Audit", limit=dbus.UInt32(1))[0]
    assert (row["Action"], row["Detail"]) == ("org.burnin1.start-destructive", f"job {again.id}, job {first.id} again")

    out = json.loads(ctl(product, "job", "retry", str(first.id), "--yes", "--serial=RETRY001", "--wait", "--json=short"))
    assert (out[0]["Result"], out[0]["Verdict"]) == ("queued", "passed")


def test_retry_of_a_drive_that_is_locked_or_gone(nas: Host, product: Product) -> None:
    product.plug("RETRYLCK", 16)
    job = product.start("RETRYLCK")
    job.wait_end()
    product.machine.run(f"mkfs.ext4 -q {product.device('RETRYLCK')}")
    product.wait_drive("RETRYLCK", "existing-data")
    with refused("DriveLocked", "DESTROY EXISTING DATA"):
        job.call("Retry", "st", "RETRYLCK", 0)
    product.machine.remove_loop_drive("RETRYLCK")
    product.drive("RETRYLCK").wait("Present", False)
    with refused("DriveMissing"):
        job.call("Retry", "st", "RETRYLCK", 0)
    assert len(product.jobs(drive=job["DriveId"])) == 1


# --- times ---------------------------------------------------------------------------------------------------

def test_job_starts_at_its_time_and_not_before(nas: Host, product: Product) -> None:
    product.plug("TIMED001", 4)
    at = in_seconds(SOON)
    job = product.start("TIMED001", at=at)
    assert (job["State"], job["QueuedUntilUSec"], job["Calendar"]) == ("queued", int(at), "")
    job.wait("Reason", lambda reason: "Waits until" in reason)
    assert job.wait_end() == "passed"
    assert job["StartedUSec"] >= at


def test_time_that_passes_while_nobody_runs(nas: Host, product: Product) -> None:
    product.plug("TIMED002", 4)
    product.plug("TIMED003", 4)
    at = in_seconds(SOON)
    job, later = product.start("TIMED002", at=at), product.start("TIMED003", at=in_seconds(3600))
    for waiting in (job, later):
        waiting.wait("Reason", lambda reason: "Waits until" in reason)
    product.machine.run(["systemctl", "stop", "burnind.service"], timeout=60)
    product.machine.wait_for(lambda: time.time() * 1_000_000 > at, 2 * SOON, "the time is over")
    product.machine.run(["systemctl", "start", "burnind.service"], timeout=60)
    assert job.wait_end() == "passed"
    later.wait("Reason", lambda reason: "Waits until" in reason)
    assert (later["State"], later["StartedUSec"]) == ("queued", 0)
    shown = ctl(product, "job", "show", str(later.id))
    assert re.search(r"Queued until: \d{4}-\d\d-\d\d \d\d:\d\d:\d\d", shown), shown
    assert "Waits until 20" in ctl(product, "jobs", "--active")
    assert "Waits until 20" in ctl(product, "status")
    later.cancel()
    assert later.wait_end() == "cancelled"


def test_calendar(nas: Host, product: Product) -> None:
    product.plug("CALEND01", 4)
    out = json.loads(ctl(product, "start", "CALEND01", "--yes", "--serial=CALEND01", "--calendar=Sat *-*-* 02:00 UTC",
                         "--json=short"))
    job = product.job(int(out[0]["Job"].rsplit("/", 1)[1]))
    until = datetime.datetime.fromtimestamp(job["QueuedUntilUSec"] / 1_000_000, datetime.timezone.utc)
    now = datetime.datetime.now(datetime.timezone.utc)
    assert (until.weekday(), until.hour, until.minute, until.second) == (5, 2, 0, 0)
    assert now < until <= now + datetime.timedelta(days=7)
    assert job["Calendar"] == "Sat *-*-* 02:00 UTC"
    product.restart()
    assert (job["State"], job["Calendar"]) == ("queued", "Sat *-*-* 02:00 UTC")
    job.cancel()
    product.wait_drive("CALEND01")
    # Soon enough to be waited for, once.
    job = product.start("CALEND01", calendar="*:*:0/2")
    assert job["QueuedUntilUSec"] % 2_000_000 == 0
    assert job.wait_end() == "passed"
    assert job["StartedUSec"] >= job["QueuedUntilUSec"]
    assert not product.active_jobs()


EXPRESSIONS = ["Sat *-*-* 02:00", "Mon..Fri 22:30", "*-*-1,15 04:00", "*-02~1", "daily", "weekly", "quarterly", "*:0/15",
               "2027-05/3-* 1..3:30:15", "Sat,Sun 00/6:00 UTC", "12-25", "*-*~3 23:59:59"]


def test_calendar_means_what_systemd_means(nas: Host, product: Product) -> None:
    product.plug("CALEND02", 4)
    for expression in EXPRESSIONS:
        job = product.start("CALEND02", calendar=expression)
        shown = product.machine.run(["env", "TZ=UTC", "LC_ALL=C", "systemd-analyze", "calendar",
                                     f"--base-time=@{job['CreatedUSec'] // 1_000_000}", expression]).stdout
        line, = re.findall(r"(?:\(in UTC\)|Next elapse): \w+ (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) UTC", shown)[-1:]
        wanted = datetime.datetime.fromisoformat(line).replace(tzinfo=datetime.timezone.utc)
        zone = product.machine.run(["date", "+%z"]).stdout.strip()
        assert zone == "+0000", "the machine is expected to be in UTC"
        assert job["QueuedUntilUSec"] == wanted.timestamp() * 1_000_000, expression
        job.cancel()


@pytest.mark.parametrize(("options", "words"), [
    ({"at": dbus.UInt64(1)}, "over"),
    ({"at": dbus.UInt64(2**64 - 1)}, "366"),
    ({"at": "tomorrow"}, "type"),
    ({"at": dbus.Int64(5)}, "type"),
    ({"calendar": "soon"}, "calendar"),
    ({"calendar": ""}, "calendar"),
    ({"calendar": "*:0/0"}, "calendar"),
    ({"calendar": "2020-01-01"}, "no time"),
    ({"calendar": "x" * 5000}, "calendar"),
    ({"calendar": dbus.UInt64(5)}, "type"),
    ({"calendar": "daily", "at": dbus.UInt64(2**62)}, "not both")])
def test_time_that_cannot_be(nas: Host, product: Product, options: dict[str, Any], words: str) -> None:
    product.plug("TIMEDBAD", 4)
    with refused("InvalidOption", words):
        product.start("TIMEDBAD", **options)
    assert not product.active_jobs()


def test_repeated_request_gives_the_job_though_its_time_is_over(nas: Host, product: Product) -> None:
    product.plug("TIMEDREQ", 4)
    at = in_seconds(SOON)
    job = product.start("TIMEDREQ", request="nightly-1", at=at)
    job.wait_end()
    assert product.start("TIMEDREQ", request="nightly-1", at=at).id == job.id


def test_times_that_burninctl_takes(nas: Host, product: Product) -> None:
    product.plug("TIMEDCTL", 4)
    for args in (["--at=never"], ["--at=+2x"], ["--at=+1h", "--calendar=daily"]):
        assert ctl(product, "start", "TIMEDCTL", "--yes", "--serial=TIMEDCTL", *args, status=2)
    assert ctl(product, "start", "TIMEDCTL", "--yes", "--serial=TIMEDCTL", "--at=2020-01-01 12:00", status=2)
    out = ctl(product, "start", "TIMEDCTL", "--yes", "--serial=TIMEDCTL", "--at=tomorrow 02:00")
    assert re.search(r"queued as job \d+ until \d{4}-\d\d-\d\d 02:00:00", out), out


# --- heat ----------------------------------------------------------------------------------------------------

def heat(product: Product, serial: str, values: dict[str, Any], temperature: int) -> None:
    product.machine.set_smart(serial, values)
    nas = product.host("nas")
    nas.call("Refresh", "t", 0)
    drive = product.drive(serial)
    product.machine.wait_for(lambda: drive["TemperatureMDegC"] == temperature * 1000, 30, f"{serial} has {temperature} °C")


def test_job_waits_for_a_warm_neighbour(nas: Host, product: Product) -> None:
    product.plug("HEAT0001", 256)
    product.plug("HEAT0002", 4)
    warm = product.start("HEAT0001")
    with product.braked(warm):
        heat(product, "HEAT0001", WARM, 51)
        job = product.start("HEAT0002")
        job.wait("Reason", lambda reason: "HEAT0001" in reason and "cool down" in reason and "51" in reason)
        assert job["State"] == "queued"
        heat(product, "HEAT0001", COOL, 31)
        assert job.wait_end() == "passed"
        assert not [e for e in job.stage("precheck")["Evidence"] if e[0] == "thermal-wait"]
        warm.cancel()


def test_job_does_not_wait_for_ever(nas: Host, product: Product) -> None:
    product.configure(thermal_wait_seconds="3")
    try:
        product.plug("HEAT0003", 256)
        product.plug("HEAT0004", 4)
        warm = product.start("HEAT0003")
        with product.braked(warm):
            heat(product, "HEAT0003", WARM, 51)
            cursor = product.machine.cursor()
            with product.machine.watch_signal("org.freedesktop.DBus.Properties", "PropertiesChanged") as watch:
                job = product.start("HEAT0004")
                watch.wait(lambda s: s.path == job.path and "cool down" in s.args[1].get("Reason", ""), 20)
            assert job.wait_end() == "passed"
            product.machine.wait_journal(r"though its host is warm", f"BURNIN_JOB={job.id}", cursor=cursor)
            line, = [e for e in job.stage("precheck")["Evidence"] if e[0] == "thermal-wait"]
            assert "HEAT0003" in line[2] and "51" in line[2] and "warning" in line[2] and line[4] == "passed"
            warm.cancel()
    finally:
        product.configure(thermal_wait_seconds="180")


def self_test(product: Product, serial: str) -> Job:
    return Job(product, product.drive(serial).call("StartSelfTest", "st", "short", 0))


def test_self_test_on_its_own_waits_for_no_place_and_no_heat(one_at_a_time: None, nas: Host, product: Product) -> None:
    product.plug("SELF0001", 4)
    with place_taken(product, "HEAT0005"):
        heat(product, "HEAT0005", WARM, 51)
        assert self_test(product, "SELF0001").wait_end() == "passed"
        burn_in = product.start("SELF0001", profile="short")
        burn_in.wait("Reason", lambda reason: "free place" in reason)
    assert burn_in.wait_end() == "passed"


def test_self_test_on_its_own_holds_no_burn_in_back(one_at_a_time: None, nas: Host, product: Product) -> None:
    product.plug("SELF0002", 4)
    product.plug("SELF0003", 4)
    heat(product, "SELF0002", WARM | {"burnin_test": {"selftest": {"seconds": {"short": 1000}}}}, 51)
    job = self_test(product, "SELF0002")
    job.stage("short_smart").wait("State", "running")
    burn_in = product.start("SELF0003")
    assert burn_in.wait_end() == "passed"
    assert job["State"] == "running"
    assert not [e for e in burn_in.stage("precheck")["Evidence"] if e[0] == "thermal-wait"]
    job.cancel()
    job.wait_end()


# --- estimates -----------------------------------------------------------------------------------------------

def estimate(product: Product, drives: list[str], user: str | None = None, **options: Any) -> Any:
    return product.call("EstimateBurnIn", "asa{sv}", dbus.Array(drives, "s"), dbus.Dictionary(options, "sv"), user=user)


def test_estimate_by_class_then_by_history(nas: Host, product: Product) -> None:
    product.machine.run(["sqlite3", "/var/lib/burnin/burnin.db", "UPDATE jobs SET model = 'other' || model"])
    for serial in ("ESTIM001", "ESTIM002"):
        product.plug(serial, 64)
    (drive, low, high, basis, count), = estimate(product, ["ESTIM001"])[0]
    assert (drive, basis, count) == (product.drive("ESTIM001")["Id"], "class", 0) and 0 < low < high
    assert "guess" in ctl(product, "estimate", "ESTIM001")

    assert product.start("ESTIM001").wait_end() == "passed"
    estimates, low, high = estimate(product, ["ESTIM001", "ESTIM002"], profile="surface", user="nobody")
    assert [e[3:] for e in estimates] == [["history", 1]] * 2 or [tuple(e[3:]) for e in estimates] == [("history", 1)] * 2
    assert 0 < max(e[1] for e in estimates) <= low <= high
    shown = json.loads(ctl(product, "estimate", "ESTIM001", "ESTIM002", "--json=short"))
    assert (shown["LowUSec"], shown["HighUSec"]) == (low, high)
    assert shown["Drives"][1] == {"Drive": product.drive("ESTIM002")["Id"], "LowUSec": estimates[1][1],
                                  "HighUSec": estimates[1][2], "Basis": "history", "Jobs": 1}
    text = ctl(product, "estimate", "ESTIM001", "ESTIM002")
    assert "1 job of this model" in text and "All of them" in text

    # Who has it gone over three times is told so; what went over it once says nothing of that.
    once, = estimate(product, ["ESTIM001"], profile="fast")[0]
    product.call_settings("Set", "svt", "surface_validate_passes", dbus.UInt32(3), 0)
    try:
        thrice, = estimate(product, ["ESTIM001"], profile="fast")[0]
        assert thrice[1] - once[1] == 4 * (64 << 20) // 200         # four phases more, at 200 MB/s
        assert estimate(product, ["ESTIM001"], profile="surface")[0][0][3] == "class"
    finally:
        product.call_settings("Reset", "st", "surface_validate_passes", 0)
    assert estimate(product, ["ESTIM001"], profile="surface")[0][0][3] == "history"


def test_estimate_of_a_batch_at_the_cap(one_at_a_time: None, nas: Host, product: Product) -> None:
    for serial in ("ESTIM003", "ESTIM004"):
        product.plug(serial, 64)
    estimates, low, high = estimate(product, ["ESTIM003", "ESTIM004"])
    assert (low, high) == (sum(e[1] for e in estimates), sum(e[2] for e in estimates))


def test_estimate_of_self_tests_is_what_the_drive_says(nas: Host, product: Product) -> None:
    product.machine.run(["sqlite3", "/var/lib/burnin/burnin.db", "UPDATE jobs SET model = 'other' || model"])
    product.plug("ESTIM006", 64).wait("Smart", bool)        # 2 and 54 minutes
    order = dbus.Array(["long_smart", "short_smart"], "s")
    (_, low, high, basis, _), = estimate(product, ["ESTIM006"], stages=order)[0]
    assert basis == "class" and 56 * 60e6 < low < 57 * 60e6 < high < 2 * low
    shown = json.loads(ctl(product, "estimate", "ESTIM006", "--stages=long_smart,short_smart", "--json=short"))
    assert shown["LowUSec"] == low
    product.restart()
    nas.wait("State", "online")
    assert estimate(product, ["ESTIM006"], stages=order)[1] == low
    # A self-test on its own is no burn-in of that profile, and stages of one's own have no history.
    assert self_test(product, "ESTIM006").wait_end() == "passed"
    assert product.start("ESTIM006", stages=order).wait_end() == "passed"
    for options in ({"profile": "short"}, {"stages": order}):
        assert estimate(product, ["ESTIM006"], **options)[0][0][3] == "class"
    with refused("InvalidOption", "stages", "profile"):
        estimate(product, ["ESTIM006"], stages=order, profile="long")
    for stages in ([], ["precheck"], ["long_smart", "long_smart"]):
        with refused("InvalidOption", "long_smart"):
            estimate(product, ["ESTIM006"], stages=dbus.Array(stages, "s"))


def test_estimate_that_cannot_be(nas: Host, product: Product) -> None:
    product.plug("ESTIM005", 4)
    with refused("InvalidArgument"):
        estimate(product, [])
    with refused("NoSuchDrive", "NOWHERE1"):
        estimate(product, ["ESTIM005", "NOWHERE1"])
    with refused("InvalidOption", "profile"):
        estimate(product, ["ESTIM005"], profile="fastest")
    with refused("InvalidOption", "colour"):
        estimate(product, ["ESTIM005"], colour="red")
    with refused("InvalidOption", "type"):
        estimate(product, ["ESTIM005"], profile=dbus.UInt32(1))
    with refused("LimitReached", "4096"):
        estimate(product, ["ESTIM005"] * 4097)
    with refused(INVALID_ARGS):
        product.call("EstimateBurnIn", "sa{sv}", "ESTIM005", dbus.Dictionary({}, "sv"))
    assert "no drive" in ctl(product, "estimate", "NOWHERE1", status=3)
