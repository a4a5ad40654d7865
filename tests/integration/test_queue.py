# SPDX-License-Identifier: LGPL-2.1-or-later
"""From the queue to the first worker: a job follows its drive while it waits, and nothing that was in its way is left behind."""
from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest
import resources
from product import Host, Product, nas, product  # noqa: F401

pytestmark = pytest.mark.allow_journal(r"has ended: (inconclusive|failed|cancelled)", r"^inconclusive: ", r"is missing",
                                       r"No burn-in was started",
                                       r"has not answered")     # while the poller stands still


@contextlib.contextmanager
def poller_stands_still(product: Product) -> Iterator[None]:
    """No host is asked for anything in here."""
    product.machine.run(["systemctl", "kill", "--signal=STOP", "burnin-poll.service"])
    try:
        yield
    finally:
        product.machine.run(["systemctl", "kill", "--signal=CONT", "burnin-poll.service"])


def name_of(product: Product, serial: str) -> str:
    return Path(product.device(serial)).name


def plug_at(product: Product, names: dict[str, str]) -> None:
    """Plugs each of these drives at its name."""
    with resources.locked():        # no other test on this computer takes one of them meanwhile
        for serial in names:
            if serial in product.machine.drives:
                product.machine.remove_loop_drive(serial, keep_image=True)
        for serial, name in names.items():
            product.machine.add_loop_drive(serial, 8, device=f"/dev/{name}")


def number_of(name: str) -> int:
    return int(name.removeprefix("loop"))


@pytest.mark.parametrize(("count", "up"), [(2, True), (2, False), (12, True)])
def test_drive_that_changes_its_name_while_it_waits(nas: Host, product: Product, count: int, up: bool) -> None:
    """Drives swap their names between the submission and the question what is on the one to be burned in."""
    serials = [f"SWAPS{i:03}" for i in range(count)]
    drives = [product.plug(serial, 8) for serial in serials]
    before = sorted((name_of(product, serial), serial) for serial in serials)
    before.sort(key=lambda pair: number_of(pair[0]))
    after = {serial: name for (_, serial), (name, _) in zip(before, reversed(before))}
    with poller_stands_still(product):
        job = product.start(before[0 if up else -1][1])
        plug_at(product, after)
    assert job.wait_end() == "passed", job["Reason"]
    for drive in drives:
        assert (drive["DevName"], drive["IdentityState"]) == (after[drive["Serial"]], "ok")


def test_drive_whose_name_another_one_has_taken(nas: Host, product: Product) -> None:
    drive = product.plug("TAKEN001", 8)
    name = drive["DevName"]
    with poller_stands_still(product):
        job = product.start("TAKEN001")
        with resources.locked():
            product.machine.remove_loop_drive("TAKEN001")
            plug_at(product, {"TAKEN002": name})
    assert job.wait_end() == "inconclusive"
    assert "TAKEN001" in job["Reason"] and "missing" in job["Reason"]
    assert job.stage("precheck")["State"] == "done" and job.stage("precheck")["Verdict"] == "skipped"
    assert product.drive("TAKEN002")["DevName"] == name


def test_many_drives_of_one_host_at_once(nas: Host, product: Product) -> None:
    """More than a host is asked about at the same time."""
    serials = [f"MANY{i:04}" for i in range(20)]
    for serial in serials:
        product.machine.add_loop_drive(serial, 2)
    for serial in serials:
        product.wait_drive(serial, timeout=60)
    with poller_stands_still(product):      # so that all questions are there when the first one is read
        answers = product.start_all([(serial, "") for serial in serials], confirmed=True)
        assert [result for _, result, _, _ in answers] == ["queued"] * len(serials)
        jobs = product.active_jobs()
        assert len(jobs) == len(serials)
    for job in jobs:
        job.wait("Reason", lambda reason: "fingerprint" not in reason, 30)
    assert {job["Verdict"] for job in jobs} <= {"", "passed"}, [job["Reason"] for job in jobs]


def zombies(product: Product) -> str:
    pid = product.machine.run(["systemctl", "show", "--value", "--property=MainPID", "burnind.service"]).stdout.strip()
    return product.machine.run(f"ps -o pid=,stat=,comm= --ppid {pid} | grep ' Z' || true").stdout


@pytest.mark.allow_journal(r"ended without a report")
def test_worker_that_gets_no_scope_is_replaced_and_leaves_nothing(nas: Host, product: Product) -> None:
    """Something has the name of the scope that the first worker is to live in."""
    product.plug("SCOPES01", 8)
    product.plug("SCOPES02", 8)
    other = product.start("SCOPES02")
    other.wait_end()
    scope = f"burnin-job{other.id + 1}-precheck.scope"
    with product.machine.popen(f"exec systemd-run --quiet --scope --unit={scope} sleep 1000"):
        product.machine.wait_for(lambda: product.machine.run(["systemctl", "is-active", scope], check=False).returncode == 0, 10,
                                 f"{scope} is there")
        job = product.start("SCOPES01")
        assert job.wait_end() == "passed", job["Reason"]
    assert job.stage("precheck")["Attempt"] > 1
    product.machine.wait_for(lambda: not zombies(product), 5, "no child of burnind is left unreaped")
