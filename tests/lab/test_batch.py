# SPDX-License-Identifier: LGPL-2.1-or-later
"""One call for every drive of a NAS, good, bad, slow, dumb and locked: each gets what it deserves, while the service is restarted and
killed and its network is cut and swallowed, in an order and at moments that are drawn from a seed.

The seed is printed; BURNIN_CHAOS_SEED gives it.
"""
from __future__ import annotations

import json
import os
import random
import secrets
import time
from collections.abc import Iterator

import busclient
import dbus
import pytest
from lab import BURN_IN, BUSY, LOOK, RUNS, Lab, lab, rules  # noqa: F401
from product import JOB, PHASES, STAGE, Job, Stage, wait_all
from survival import EXPECTED, check_log
from test_locks import FREE, LOCKED

pytestmark = pytest.mark.allow_journal(r"has ended: (inconclusive|failed)", r"^(inconclusive|failed): ", r"is locked now",
                                       r"No burn-in was started", *BUSY, *EXPECTED)

GOOD, SLOW, NVME, BAD, DUMB = ("WD-FREE01", "WD-FREE03"), "WD-FREE02", "NVME0001", "2000", ("SG-HOT01", "SG-HOT02")
PASSES, TESTED = (*GOOD, NVME), (*GOOD, NVME, SLOW, BAD)
VERDICTS = {**dict.fromkeys(PASSES, "passed"), SLOW: "failed", BAD: "failed", **dict.fromkeys(DUMB, "inconclusive")}
BLOCK = 4660 // 8       # of 4096 bytes; two of them hold the eight sectors that cannot be read
MB = 1 << 20
FLOOR, SLOWER = 2, 1_500_000        # MB and bytes per second
LEDGERS = {     # what a pass needs evidence for, besides what not every drive tells or is asked for
    "precheck": {"contact", "present", "identity", "detection", "lock", "tools", "smart-health", "temperature", "self-test", "content"},
    "surface_validate": {"exit-status", "bad-blocks", "kernel-log", "exclusive", "final-line", "phases", "coverage", "work",
                         "identity-after"},
    "final_check": {"identity", "smart-health"},
}
KEPT = "/var/lib/lab-logs"
# A run's directory goes with its verdict; this name of its log stays, whoever is in contact at that moment.
KEEPER = (f"mkdir -p {KEPT}; until cd {RUNS} 2> /dev/null; do sleep 0.2; done; while sleep 0.5; do for run in *; do"
          f" [ -e {KEPT}/$run ] || [ ! -e $run/log ] || ln $run/log {KEPT}/$run; done; done")


class Batch:
    """What came of it."""

    def __init__(self, lab: Lab, seed: int) -> None:
        self.lab, self.began = lab, time.time_ns() // 1000
        self.random = random.Random(seed)
        self.results: dict[str, tuple[str, str]] = {}
        self.jobs: dict[str, Job] = {}
        self.logs: dict[str, bytes] = {}        # by run
        self.watch: busclient.SignalWatch

    def start(self) -> None:
        serials = [*FREE, *LOCKED]
        self.random.shuffle(serials)
        for serial, (_, result, detail, path) in zip(serials, self.lab.start_all([(s, s) for s in serials], confirmed=True)):
            self.results[serial] = (result, detail)
            if result == "queued":
                self.jobs[serial] = Job(self.lab, path)

    def wait_news(self) -> None:
        """A moment: so many signals of stages from now on."""
        count = self.random.randint(1, 20)
        print(f"after {count} signals:", end=" ")
        with self.lab.machine.watch_signal(busclient.PROPERTIES, "PropertiesChanged") as watch:
            wait_all(watch, count, lambda signal: signal.args[0] == STAGE, BURN_IN)

    def end_service(self, how: str) -> None:
        print(how, flush=True)
        if how == "restart":
            self.lab.restart()
        else:
            self.lab.kill()
        self.lab.wait_up()

    def lost(self) -> bool:
        """Whether a stage that runs has lost its contact."""
        stages = [job["CurrentStage"] for job in self.jobs.values()]
        return any(Stage(self.lab, path)["Contact"] for path in stages if path != "/")

    def disturb(self) -> None:
        """Everything once, and the service may end while the network is away, too."""
        for how in self.random.sample(("restart", "kill", "cut", "blackhole"), 4):
            self.wait_news()
            if how in ("restart", "kill"):
                self.end_service(how)
                continue
            print(how, flush=True)
            getattr(self.lab.proxy, how)()
            self.lab.wait_for(self.lost, BURN_IN, "a stage has lost contact")
            if self.random.random() < 0.5:
                self.end_service(self.random.choice(("restart", "kill")))
            self.lab.proxy.restore()

    def be_slow(self) -> None:
        """Until a whole phase of the slow drive is behind it of which enough was measured: how much is seen of one depends on how
        often the service could look, and on what disturbed it."""
        job = self.jobs[SLOW]
        stage, state = job.stage(), f"/var/lib/burnin/jobs/{job.id}/surface_validate.log.state"

        def measured() -> bool:
            phases = json.loads(self.lab.machine.read(state))["speeds"]
            return any(2 * sum(msec > 0 for msec in phase) > len(phase) for phase in phases[:stage["Phase"] - 1])

        self.lab.machine.wait_for(measured, BURN_IN, f"{SLOW} is measured")
        self.lab.guest.throttle(SLOW, None)

    def wait_end(self) -> None:
        for job in self.jobs.values():
            job.wait_end(BURN_IN)
        runs = self.lab.guest.ssh(f"ls {KEPT}").split()
        self.logs = {run: self.lab.guest.ssh(f"cat {KEPT}/{run}").encode() for run in runs}


@pytest.fixture(scope="module")
def batch(lab: Lab) -> Iterator[Batch]:
    seed = int(os.environ.get("BURNIN_CHAOS_SEED") or secrets.randbits(32))
    print(f"BURNIN_CHAOS_SEED={seed}")
    lab.call_settings("Set", "svt", "slow_floor_hdd", dbus.UInt32(FLOOR), 0)
    for serial in FREE:
        lab.wait_lock(serial, "none")
    lab.guest.ssh(f"systemd-run -q --unit=lab-keeper sh -c {KEEPER!r}")
    made = Batch(lab, seed)
    try:
        with lab.machine.watch_signal(busclient.PROPERTIES, "PropertiesChanged") as made.watch:
            lab.guest.throttle(SLOW, SLOWER)
            with lab.slow(*PASSES):     # they take longer than the bad one, and than all disturbances
                made.start()
                made.disturb()
                made.jobs[BAD].wait_end(BURN_IN)
            made.be_slow()
            made.wait_end()
        yield made
    finally:
        lab.proxy.restore()
        lab.guest.throttle(SLOW, None)
        lab.guest.ssh(f"systemctl stop lab-keeper; rm -rf {KEPT}")
        lab.clean_jobs()
        lab.call_settings("Reset", "st", "slow_floor_hdd", 0)
        lab.nas.wait("State", "online", LOOK)


def test_each_drive_gets_its_verdict(lab: Lab, batch: Batch) -> None:
    assert {serial: job["Verdict"] for serial, job in batch.jobs.items()} == VERDICTS, [
        (job["Serial"], job["Reason"]) for job in batch.jobs.values()]
    for serial, job in batch.jobs.items():
        assert job["State"] == "done" and (job["Reason"] or job["Verdict"] == "passed")
        assert lab.drive(serial)["ActiveJob"] == "/"


@pytest.mark.parametrize("serial", LOCKED)
def test_locked_drive_is_refused_by_state_and_token(batch: Batch, serial: str) -> None:
    state, token, names = LOCKED[serial]
    result, detail = batch.results[serial]
    assert result == "locked" and detail.startswith("org.burnin1.Error.DriveLocked: ")
    for word in (serial, f"({state})", names, f'"{token}"'):
        assert word in detail


@pytest.mark.parametrize("serial", PASSES)
def test_good_drive_passes_on_evidence_for_every_step(batch: Batch, serial: str) -> None:
    job = batch.jobs[serial]
    for kind, expected in LEDGERS.items():
        stage = job.stage(kind).all()
        assert (stage["State"], stage["Verdict"]) == ("done", "passed"), stage
        assert {line[0] for line in stage["Evidence"]} >= expected
        assert all(rule and wanted and seen and source and verdict == "passed" for rule, wanted, seen, source, verdict in stage["Evidence"])
    surface = job.stage()
    assert surface["BadBlocks"] == 0 and surface["WorkBytes"] >= 8 * 96 * MB
    ledger = {line[0]: line[2] for line in surface["Evidence"]}
    assert ledger["exclusive"] == "held" and ledger["kernel-log"] == "none" and ledger["identity-after"] == "the same drive"


def test_smart_of_nvme_is_understood(lab: Lab, batch: Batch) -> None:
    ledger = {line[0]: line[2] for line in batch.jobs[NVME].stage("final_check")["Evidence"]}
    assert ledger["smart-health"] == "passed"
    assert {"media-errors", "percentage-used"} <= ledger.keys()
    limit, = (line[1] for line in batch.jobs[NVME].stage("precheck")["Evidence"] if line[0] == "temperature")
    assert limit == "under 70 °C", "what the controller says itself, not temp_warn_ssd_c"
    assert lab.drive(NVME)["Transport"] == "nvme" and lab.drive(NVME)["Rotational"] is False


def test_bad_drive_fails_with_its_block_and_the_kernels_word(batch: Batch) -> None:
    job = batch.jobs[BAD]
    assert f"block {BLOCK} of 4096 bytes" in job["Reason"] and BAD in job["Reason"], job["Reason"]
    against = rules(job, verdict=("failed",))
    assert f"the first is block {BLOCK} " in against["bad-blocks"]
    assert "Medium Error" in against["kernel-log"]
    assert job.stage()["BadBlocks"] >= 1
    log = job.stage().log()
    assert "Too many bad blocks" in log and " burnin failed: " in log.splitlines()[-1]


def test_bad_drives_failure_is_none_of_its_neighbours(batch: Batch) -> None:
    """They run at the same time on one host, with one kernel log."""
    bad = batch.jobs[BAD].stage()
    others = [batch.jobs[serial] for serial in TESTED if serial != BAD]
    assert any(job.stage()["StartedUSec"] < bad["FinishedUSec"] and job.stage()["FinishedUSec"] > bad["StartedUSec"] for job in others)
    assert not [job["Serial"] for job in others if {"kernel-log", "bad-blocks"} & rules(job).keys()]


def test_drive_that_answers_everything_well_and_too_slowly_fails(batch: Batch) -> None:
    job = batch.jobs[SLOW]
    assert "it is slow: " in job["Reason"] and " MB/s on average" in job["Reason"] and SLOW in job["Reason"], job["Reason"]
    assert set(rules(job)) == {"speed-floor"}


@pytest.mark.parametrize("serial", DUMB)
def test_drive_without_smart_is_never_passed_nor_written(batch: Batch, serial: str) -> None:
    job = batch.jobs[serial]
    assert "SMART" in job["Reason"] and serial in job["Reason"], job["Reason"]
    assert job.stage()["Verdict"] == "skipped" and job.stage()["WorkBytes"] == 0


# Nothing was lost, and nothing was done twice


def test_each_drive_has_one_job_and_each_test_ran_once(lab: Lab, batch: Batch) -> None:
    mine = [row for row in lab.list("Jobs") if row["CreatedUSec"] >= batch.began]
    assert sorted(row["Serial"] for row in mine) == sorted(batch.jobs)
    runs = [batch.jobs[serial].stage()["RunId"] for serial in TESTED]
    assert sorted(batch.logs) == sorted(runs), "a run for each, and none besides"
    started = lab.guest.ssh("journalctl -b -q -o cat -u 'burnin-run-*'").splitlines()
    for run in runs:
        assert len([line for line in started if line.startswith("Started") and run in line]) == 1
    assert lab.guest.ssh("pgrep badblocks", check=False) == ""


@pytest.mark.parametrize("serial", TESTED)
def test_log_and_phases_are_complete(batch: Batch, serial: str) -> None:
    stage = batch.jobs[serial].stage()
    check_log(stage.log(), batch.logs[stage["RunId"]])
    history = stage["PhaseHistory"]
    assert [(number, name) for number, name, _ in history] == list(enumerate(PHASES, 1))
    starts = [start for *_, start in history]
    assert starts == sorted(starts) and stage["StartedUSec"] <= starts[0] and starts[-1] <= stage["FinishedUSec"]


def test_percentages_never_go_back(batch: Batch) -> None:
    seen: dict[str, list[float]] = {}
    for signal in batch.watch.seen:
        if signal.args[0] in (JOB, STAGE) and "Percent" in signal.args[1]:
            seen.setdefault(signal.path, []).append(float(signal.args[1]["Percent"]))
    assert {batch.jobs[serial].path for serial in TESTED} <= seen.keys()
    for path, percentages in seen.items():
        assert percentages == sorted(percentages), path


def test_audit_has_each_drive_of_the_call(lab: Lab, batch: Batch) -> None:
    rows = {row["Object"]: (row["Outcome"], row["Detail"]) for row in lab.list("Audit")
            if row["TimeUSec"] >= batch.began and row["Action"] == "org.burnin1.start-destructive"}
    assert len(rows) == len(batch.results)
    for serial in batch.results:
        outcome, detail = rows[f"drive {lab.drive(serial)['Id']}"]
        if serial in LOCKED:
            assert outcome == "refused" and f"({LOCKED[serial][0]})" in detail
        else:
            assert (outcome, detail) == ("ok", f"job {batch.jobs[serial].id}")
