# SPDX-License-Identifier: LGPL-2.1-or-later
"""What is stored stays stored, and what cannot be stored yet is not lost: a disk that is full, a service killed while it writes."""
from __future__ import annotations

import contextlib
import random
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import busclient
import pytest
import resources
from product import DRIVE, Job, refused
from survival import EXPECTED, Site, Survivor, frozen, site, survivor  # noqa: F401

pytestmark = pytest.mark.allow_journal(*EXPECTED)

STATE = "/var/lib/burnin"
KILLS = 20


@pytest.fixture
def small_disk(site: Site) -> Iterator[Callable[[bool], None]]:
    """The state of the service on a small file system; small_disk(True) fills it up, small_disk(False) makes room."""
    site.machine.run(f"systemctl stop burnind.service; mkdir -p /run/state; cp -a {STATE}/. /run/state/\n"
                     f"mount -t tmpfs -o size=12M,mode=750 tmpfs {STATE}; chgrp burnin {STATE}\n"
                     f"cp -a /run/state/. {STATE}/; systemctl start burnind.service", timeout=60)
    site.host("nas").wait("State", "online")

    def fill(full: bool) -> None:
        site.machine.run(f"cat /dev/zero > {STATE}/filler; true" if full else f"rm -f {STATE}/filler", check=False)

    yield fill
    fill(False)
    site.clean_site()
    site.machine.run(f"systemctl stop burnind.service; rm -rf /run/state; mkdir /run/state; cp -a {STATE}/. /run/state/\n"
                     f"umount {STATE}; cp -a /run/state/. {STATE}/; systemctl start burnind.service", timeout=60)
    site.host("nas").wait("State", "online")


FULL_DISK = (r"Failed to (write|store|open)", r"No space left", r"cannot go on for now", r"cannot be written", r"could not be stored",
             r"could not be recorded")


@pytest.mark.allow_journal(*FULL_DISK)
def test_full_disk_refuses_new_jobs_and_loses_no_verdict(site: Site, small_disk: Callable[[bool], None],
                                                         survivor: Callable[..., Survivor]) -> None:
    run = survivor()
    other = site.new_drive(16)
    run.advance(3)
    history = run.seen()
    small_disk(True)
    with refused("Store"):
        site.start(other)
    health = site.machine.wait_property("/org/burnin1", "org.burnin1.Manager", "Health", lambda h: h != "ok")
    assert "database" in health

    cursor = site.machine.cursor()
    run.end()
    site.machine.wait_journal("^passed", "--unit", run.stage["Unit"], cursor=cursor, timeout=30)
    assert run.job["State"] == "running" and run.job["Verdict"] == ""
    small_disk(False)
    assert run.job.wait_end() == "passed", run.job["Reason"]
    site.machine.wait_property("/org/burnin1", "org.burnin1.Manager", "Health", "ok", 30)
    run.check(history)
    assert site.start(other).wait_end() == "passed"


def stored_percent(site: Site, job: Job) -> float:
    return float(site.machine.run(["python3", "-c", "import sqlite3, sys\n"
                                   "print(sqlite3.connect(sys.argv[1], uri=True).execute(sys.argv[2]).fetchone()[0])",
                                   f"file:{STATE}/burnin.db?mode=ro",
                                   "SELECT coalesce(p.percent, s.percent) FROM stages AS s LEFT JOIN stage_progress AS p "
                                   f"USING (job, stage) WHERE s.job = {job.id} AND s.kind = 'surface_validate'"]).stdout)


@pytest.mark.allow_journal(*FULL_DISK)
def test_full_disk_between_two_stages(site: Site, small_disk: Callable[[bool], None], survivor: Callable[..., Survivor]) -> None:
    """The report of a stage comes while there is no room, from a worker that does not wait for ever."""
    run = survivor()
    run.advance(6)
    history = run.seen()
    site.machine.wait_for(lambda: stored_percent(site, run.job) == run.stage["Percent"], 10, "what was shown is stored")
    small_disk(True)
    run.end()
    site.kill_workers(run.job)
    site.kill()
    site.start_again()
    assert run.job["State"] == "running"
    small_disk(False)
    assert run.job.wait_end() == "passed", run.job["Reason"]
    run.check(history)
    site.machine.wait_property("/org/burnin1", "org.burnin1.Manager", "Health", "ok", 30)


REPORT_REFUSED = "761cd9f9aa2142fbb48fd2c44c034a1e"
REFUSES = ("CREATE TRIGGER test_refuses BEFORE UPDATE ON stages WHEN NEW.kind = 'precheck' AND NEW.verdict = 'passed' "
           "BEGIN SELECT RAISE (ABORT, 'not this one'); END")


def change_database(site: Site, sql: str) -> None:
    """While no burnind has it open."""
    site.machine.run(["python3", "-c", "import sqlite3, sys; sqlite3.connect(sys.argv[1]).executescript(sys.argv[2])",
                      f"{STATE}/burnin.db", sql])


@pytest.fixture
def stubborn_database(site: Site) -> Iterator[None]:
    """It takes no precheck that has passed."""
    def change(sql: str) -> None:
        site.machine.run(["systemctl", "stop", "burnind.service"], timeout=60)
        change_database(site, sql)
        site.machine.run(["systemctl", "start", "burnind.service"], timeout=60)
        site.host("nas").wait("State", "online")

    change(REFUSES)
    yield
    site.clean_site()
    change("DROP TRIGGER test_refuses")


@pytest.mark.allow_journal(r"cannot be taken over", r"has ended: inconclusive")
@pytest.mark.parametrize("restart", [False, True])
def test_report_that_the_database_refuses_ends_its_stage(site: Site, stubborn_database: None, restart: bool) -> None:
    """By a worker's message, and by the file of one that had nobody to tell it to."""
    serial = site.new_drive(16)
    cursor = site.machine.cursor()
    job = site.start(serial)
    if restart:
        with nobody_takes_the_report_of(site, job):
            site.kill_workers(job)
    assert job.wait_end(30) == "inconclusive"
    stage = job.stage("precheck")
    assert (stage["State"], stage["Verdict"]) == ("done", "inconclusive")
    kept = f"{STATE}/jobs/{job.id}/precheck.report.json.refused"
    assert kept in stage["Reason"] and kept in job["Reason"]
    assert '"passed"' in site.machine.read(kept)
    assert not site.machine.path(f"{STATE}/jobs/{job.id}/precheck.report.json").exists()
    entry, = site.machine.journal(f"MESSAGE_ID={REPORT_REFUSED}", cursor=cursor)
    assert entry["BURNIN_JOB"] == str(job.id) and entry["BURNIN_STAGE"] == "precheck" and kept in entry["MESSAGE"]
    assert job.stage()["Verdict"] == "skipped"
    site.machine.wait_property("/org/burnin1", "org.burnin1.Manager", "Health", "ok", 30)


@contextlib.contextmanager
def nobody_takes_the_report_of(site: Site, job: Job) -> Iterator[None]:
    """burnind is dead in here, since before the job's precheck reported."""
    assert site.machine.leader
    job.stage("precheck").wait("State", "running")
    file = site.machine.path(f"{STATE}/jobs/{job.id}/precheck.report.json")
    with frozen(site.machine.leader):       # nobody starts it again
        site.kill()
        resources.until("the report is there", file.exists, 30)
        yield
    site.start_again()


def test_passed_report_that_meets_a_cancel(site: Site) -> None:
    """A cancel was stored, and before it was heard the stage had passed."""
    job = site.start(site.new_drive(16))
    with nobody_takes_the_report_of(site, job):
        change_database(site, f"""UPDATE stages SET state = 'stopping' WHERE job = {job.id} AND stage = 0;
                                  UPDATE jobs SET state = 'stopping', reason = 'Cancelled by somebody.' WHERE id = {job.id}""")
    assert job.wait_end() == "cancelled"
    assert (job.stage("precheck")["Verdict"], job.stage("precheck")["Reason"]) == ("cancelled", "Cancelled by somebody.")
    site.restart()      # from here on it comes from the database
    assert site.job(job.id)["Verdict"] == "cancelled" and job.stage("precheck")["Evidence"]


def integrity(site: Site, directory: Path) -> str:
    """What SQLite says to the database as a dead service has left it."""
    for name in ("burnin.db", "burnin.db-wal"):
        file = site.machine.path(f"{STATE}/{name}")
        if file.exists():
            shutil.copyfile(file, directory / name)
    with sqlite3.connect(directory / "burnin.db") as database:
        answer = str(database.execute("PRAGMA integrity_check").fetchone()[0])
    database.close()
    return answer


@pytest.fixture
def flood(site: Site) -> Iterator[Callable[[str], object]]:
    """Somebody who writes to a drive's notes without a pause."""
    with contextlib.ExitStack() as stack:
        yield lambda path: stack.enter_context(site.machine.popen(
            f'while :; do busctl call org.burnin1 {path} {DRIVE} SetNotes st "$(date +%N)" 0; done'))


# A worker that had ended before systemd came to put it into its scope; another one takes over.
@pytest.mark.allow_journal(r"No PIDs left to attach", r"Failed with result 'resources'", r"Failed to start burnin-job")
def test_service_killed_while_it_writes(site: Site, survivor: Callable[..., Survivor], tmp_path: Path,
                                        flood: Callable[[str], object]) -> None:
    assert site.machine.leader
    serials = site.new_drives(6, 48)
    flood(site.drive(serials[0]).path)
    jobs: list[Job] = [site.start(serial) for serial in serials]
    chance = random.Random(2)
    done: dict[str, str] = {}
    for _ in range(KILLS):
        busclient.pump(lambda: False, chance.random() * 0.5)
        with frozen(site.machine.leader):       # so that nobody starts it while the file is looked at
            site.kill()
            assert integrity(site, tmp_path) == "ok"
        site.start_again()
        for job in jobs:
            now = job.all()
            if job.path in done:
                assert (now["State"], now["Verdict"]) == ("done", done[job.path]), "a verdict that was there is gone"
            elif now["State"] == "done":
                done[job.path] = now["Verdict"]
    assert [job.wait_end(90) for job in jobs] == ["passed"] * len(jobs), [job["Reason"] for job in jobs]
    for job in jobs:
        assert site.nas.runs_started(job.stage()["RunId"]) == 1
        assert [name for _, name, _ in job.stage()["PhaseHistory"]] and len(job.stage()["PhaseHistory"]) == 8
