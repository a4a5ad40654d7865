# SPDX-License-Identifier: LGPL-2.1-or-later
"""Nothing is lost between the stages either, nor done twice: the service and its workers killed where a stage is only half
begun or half ended; and what waits in the queue keeps its turn."""
from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import resources
from product import Job
from survival import EXPECTED, Site, Survivor, frozen, site, stop_process, survivor  # noqa: F401

pytestmark = pytest.mark.allow_journal(*EXPECTED)

WORKER = "/usr/lib/burnin/burnin-worker"
HOLD = "/run/hold-workers"


@pytest.fixture
def stage_starts(site: Site, survivor: Callable[..., Survivor]) -> Callable[[str], tuple[Job, Survivor]]:
    """A burn-in whose systemd has stopped to answer when this stage is to get its scope: it hangs before its gate."""
    assert site.machine.leader
    leader = site.machine.leader

    def make(kind: str) -> tuple[Job, Survivor]:
        if kind == "final_check":
            run = survivor()
            stop_process(leader)
            run.release()
        else:
            serial = site.new_drive()
            if kind == "precheck":
                stop_process(leader)
            run = Survivor(site, serial)
            if kind == "surface_validate":
                run.job.stage("precheck").wait("State", "running")
                stop_process(leader)
        run.job.stage(kind).wait("State", "starting")
        return run.job, run

    return make


@pytest.mark.parametrize("kind", ["precheck", "surface_validate", "final_check"])
def test_service_killed_while_a_stage_waits_at_its_gate(site: Site, stage_starts: Callable[[str], tuple[Job, Survivor]],
                                                        kind: str) -> None:
    assert site.machine.leader
    try:
        job, run = stage_starts(kind)
        site.kill()
    finally:
        os.kill(site.machine.leader, signal.SIGCONT)
    site.start_again()
    if kind == "final_check":
        assert job.wait_end() == "passed", job["Reason"]
        run.check([], attempts=1)
    else:
        run.find().finish(attempts=2 if kind == "surface_validate" else 1)
    assert job.stage(kind)["Attempt"] == 2
    run.close()


@pytest.fixture
def held_workers(site: Site) -> Iterator[None]:
    """A stage worker stands still before its first step while HOLD is there."""
    site.machine.run(f"mv {WORKER} {WORKER}.real")
    site.machine.write(WORKER, f'#!/bin/sh\nif [ "$1" = stage ] && [ -e {HOLD} ]; then kill -STOP $$; fi\n'
                               f'exec {WORKER}.real "$@"\n', mode=0o755)
    yield
    site.machine.run(f"rm -f {HOLD}; mv {WORKER}.real {WORKER}")


@pytest.mark.parametrize("service", ["lives", "is killed too"])
def test_worker_killed_after_its_gate_and_before_its_run(site: Site, survivor: Callable[..., Survivor], held_workers: None,
                                                         service: str) -> None:
    run = Survivor(site, site.new_drive())
    run.job.stage("precheck").wait("State", "running")
    site.machine.write(HOLD, "")
    run.stage.wait("State", "running")
    assert not site.nas.processes("badblocks", run.device)
    site.machine.run(["rm", HOLD])
    if service != "lives":
        site.kill()
    assert site.kill_workers(run.job) == 1
    site.start_again()
    run.find().finish(attempts=2)
    run.close()


def test_scope_that_is_taken_already(site: Site, survivor: Callable[..., Survivor]) -> None:
    """By what an earlier worker has left, say: the next one needs its name."""
    serial = site.new_drive()
    unit = f"burnin-job{1 + max((row['Id'] for row in site.list('Jobs')), default=0)}-surface_validate.scope"
    cursor = site.machine.cursor()
    with site.machine.popen(["systemd-run", "--scope", "--quiet", f"--unit={unit}", "sleep", "infinity"]):
        site.machine.wait_journal("Started", f"UNIT={unit}", cursor=cursor)
        run = Survivor(site, serial)
        assert run.stage["Unit"] == unit
        run.find().finish(attempts=2)
        run.close()


@pytest.mark.parametrize("worker", ["waits with it", "is killed too"])
def test_service_killed_when_a_report_is_written_and_not_stored(site: Site, survivor: Callable[..., Survivor],
                                                                worker: str) -> None:
    run = survivor()
    run.advance(4)
    history = run.seen()
    report = site.machine.path(f"/var/lib/burnin/jobs/{run.job.id}/surface_validate.report.json")
    with frozen(site.pid()):
        run.end()
        resources.until("the report is written", report.exists, 30)
        if worker != "waits with it":
            site.kill_workers(run.job)
        site.kill()
    site.start_again()
    assert run.job.wait_end() == "passed", run.job["Reason"]
    run.check(history, attempts=1)


def test_queued_jobs_keep_their_order_and_priority(site: Site, survivor: Callable[..., Survivor]) -> None:
    site.configure(max_parallel_burnins="1")
    try:
        site.host("nas").wait("State", "online")
        first = survivor()
        drives = site.new_drives(4, 16)
        jobs: list[Job] = [site.start(serial, priority=priority) for serial, priority in zip(drives, (0, 5, 0, -5))]
        site.kill()
        site.start_again()
        site.machine.kill()
        site.machine.start()
        site.wait_up()
        assert [(job["State"], job["Priority"]) for job in jobs] == [
            ("queued", 0), ("queued", 5), ("queued", 0), ("queued", -5)]
        first.watch()
        first.finish()
        assert [job.wait_end() for job in jobs] == ["passed"] * 4
        assert sorted(jobs, key=lambda job: int(job["StartedUSec"])) == [jobs[1], jobs[0], jobs[2], jobs[3]]
    finally:
        site.configure(max_parallel_burnins="8")
