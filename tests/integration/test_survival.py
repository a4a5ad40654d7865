# SPDX-License-Identifier: LGPL-2.1-or-later
"""Nothing is lost: whatever befalls the service, its workers, its machine or the network, a burn-in on its host goes on, and
ends with the right verdict, in the same job, stage and run, with a whole log."""
from __future__ import annotations

import os
import random
import signal
from collections.abc import Callable

import busclient
import pytest
from survival import EXPECTED, Site, Survivor, find_processes, site, survivor  # noqa: F401

pytestmark = pytest.mark.allow_journal(*EXPECTED, r"has ended: inconclusive", r"^inconclusive: ")


def test_restart_of_the_service(site: Site, survivor: Callable[..., Survivor]) -> None:
    run = survivor()
    run.advance(3)
    run.seen()
    site.restart()
    run.finish(attempts=1)


def test_stop_and_start_of_the_service_with_the_whole_run_in_between(site: Site, survivor: Callable[..., Survivor]) -> None:
    run = survivor()
    run.advance(2)
    history = run.seen()
    site.machine.run(["systemctl", "stop", "burnind.service"], timeout=60)
    run.end()
    site.start_again()
    assert run.job.wait_end() == "passed"
    run.check(history, attempts=1)


def test_service_killed_at_random_moments(site: Site, survivor: Callable[..., Survivor]) -> None:
    run = survivor()
    chance = random.Random(1)
    for phase in range(2, 8):
        if run.phase() < phase:
            run.advance(phase)
        busclient.pump(lambda: False, chance.random() * 0.4)
        site.kill()
        site.start_again()
    run.finish(attempts=1)


def test_upgrade_of_the_service(site: Site, survivor: Callable[..., Survivor]) -> None:
    run = survivor()
    run.advance(4)
    run.seen()
    old = site.workers(run.job)
    site.machine.run("cd /usr/lib/burnin; for f in burnind burnin-worker; do cp $f $f.new; mv $f.new $f; done\n"
                     "systemctl daemon-reload; systemctl restart burnind.service", timeout=60)
    assert site.workers(run.job) == old and os.readlink(f"/proc/{old[0]}/exe").endswith("(deleted)")
    run.finish(attempts=1)


def test_worker_killed_again_and_again(site: Site, survivor: Callable[..., Survivor]) -> None:
    run = survivor()
    for attempt in range(1, 4):
        run.advance(2 * attempt)
        run.seen()
        assert site.kill_workers(run.job) == 1
        run.stage.wait("Attempt", attempt + 1)
        run.stage.wait("State", "running")
    run.finish(attempts=4)


def test_worker_and_service_killed_together(site: Site, survivor: Callable[..., Survivor]) -> None:
    run = survivor()
    run.advance(3)
    run.seen()
    site.kill()
    assert site.kill_workers(run.job) == 1
    site.start_again()
    run.stage.wait("Attempt", 2)
    run.finish(attempts=2)


def test_run_that_ends_while_nobody_follows_it(site: Site, survivor: Callable[..., Survivor]) -> None:
    run = survivor()
    run.advance(5)
    history = run.seen()
    site.machine.run(["systemctl", "stop", "burnind.service"], timeout=60)
    site.kill_workers(run.job)
    run.end()
    site.start_again()
    assert run.job.wait_end() == "passed"
    run.check(history, attempts=2)


def test_poller_killed(site: Site, survivor: Callable[..., Survivor]) -> None:
    run = survivor()
    run.advance(3)
    run.seen()
    poller, = find_processes(site.machine, "burnin-worker", "poll")
    cursor = site.machine.cursor()
    os.kill(poller, signal.SIGKILL)
    site.machine.wait_journal("burnin-poll is connected", cursor=cursor, timeout=30)
    site.host("nas").wait("State", "online")
    run.finish(attempts=1)


def test_connections_cut(site: Site, survivor: Callable[..., Survivor]) -> None:
    run = survivor()
    for phase in (2, 4, 6):
        run.advance(phase)
        run.seen()
        assert site.nas.sshd.drop_connections() > 0
    run.finish(attempts=1)


def test_host_that_falls_silent_and_comes_back(site: Site, survivor: Callable[..., Survivor]) -> None:
    run = survivor()
    run.advance(3)
    run.seen()
    site.nas.sshd.freeze()
    try:
        run.stage.wait("Contact", bool, 120)
        site.host("nas").wait("State", "stale")
        run.advance(5)
    finally:
        site.nas.sshd.thaw()
    run.stage.wait("Contact", "", 60)
    site.host("nas").wait("State", "online", 60)
    run.finish(attempts=1)


@pytest.mark.parametrize("cut", ["rebooted", "without power"])
def test_machine_of_the_service(site: Site, survivor: Callable[..., Survivor], cut: str) -> None:
    run = survivor()
    run.advance(3)
    run.seen()
    if cut == "rebooted":
        site.machine.stop()
    else:
        site.machine.kill()
    assert run.alive()
    run.advance(5)
    site.machine.start()
    site.wait_up()
    run.watch()
    run.finish(attempts=2)
