# SPDX-License-Identifier: LGPL-2.1-or-later
"""nvme_format and nvme_sanitize: an NVMe drive erases itself, is seen to have done so, and reaches nothing but what is in its job."""
from __future__ import annotations

import json
from typing import Any

import dbus
import pytest
from product import Host, Job, Product, Stage, nas, product, refused  # noqa: F401
from test_self_test import state

pytestmark = pytest.mark.allow_journal(r"has ended: (inconclusive|failed|cancelled)", r"^inconclusive: ", r"^failed: ",
                                       r"is missing", r"ended without a report", r"was cancelled", r"cancelled, nothing of it runs",
                                       r"^burnin-run-[0-9a-f]+\.service: (Failed with result|Main process exited)",
                                       r"No burn-in was started",
                                       r"[Ll]ost contact", r"in contact again", r"goes? stale|is stale",
                                       r"^The grant .* (was given: |is used by job )")
DATA = b"all that is dear to somebody " * 1000


def plug(product: Product, serial: str, **about: Any) -> None:
    """An NVMe drive with data in its middle, where no fingerprint looks. Past the device: the service would see it written to."""
    product.plug(serial, 16)
    with product.image(serial).open("r+b") as file:
        file.seek(4 << 20)
        file.write(DATA)
    product.machine.set_nvme(serial, **about)


def calls(product: Product, serial: str) -> list[list[str]]:
    """The commands that the drive has got."""
    path = product.machine.root / f"var/lib/burnin-test/drives/{serial}.img.nvme.state.json"
    return json.loads(path.read_text())["calls"] if path.exists() else []


def start(product: Product, serial: str, *stages: str, **options: Any) -> Job:
    return product.start(serial, stages=dbus.Array(stages, signature="s"), **options)


def evidence(stage: Stage) -> dict[str, tuple[str, str]]:
    return {rule: (observed, verdict) for rule, _, observed, _, verdict in stage["Evidence"]}


def check_untouched(product: Product, serial: str) -> None:
    assert calls(product, serial) == [] and DATA in product.image(serial).read_bytes()


def test_format_passes_and_everything_is_gone(nas: Host, product: Product) -> None:
    plug(product, "FORMAT01")
    job = start(product, "FORMAT01", "nvme_format")
    assert [path.rsplit("/", 1)[1] for path in job["Stages"]] == ["precheck", "nvme_format", "final_check"]
    assert job.wait_end() == "passed", job["Reason"]
    assert job["Profile"] == "custom"

    stage = job.stage("nvme_format")
    lines = evidence(stage)
    assert list(lines) == ["supported", "namespaces", "exit-status", "erased", "exclusive", "identity-after"]
    assert {verdict for _, verdict in lines.values()} == {"passed"}
    assert lines["namespaces"][0] == "namespace 1 alone (FNA 0x0)"
    assert lines["erased"][0] == "0 still there, 32 read as zeros, 0 as ones, 0 as something else, 0 unreadable"
    assert not any(product.image("FORMAT01").read_bytes())
    call, = calls(product, "FORMAT01")
    device = product.device("FORMAT01")
    assert call == ["format", device, "--namespace-id=1", "--ses=1", "--lbaf=1", "--ms=1", "--pi=1", "--pil=1", "--force",
                    "--timeout=86400000"]
    assert "nvme@" in stage.log() and "Success formatting namespace:1" in stage.log()
    assert stage["Percent"] == 100
    product.machine.wait_for(lambda: not stage.run_directory.exists(), 20, "the run's directory is removed")


def test_what_is_still_there_fails_the_drive(nas: Host, product: Product) -> None:
    plug(product, "KEEPER01", keep=True)
    job = start(product, "KEEPER01", "nvme_format")
    assert job.wait_end() == "failed"
    assert "32 of 32 blocks that were written just before are still there" in job["Reason"] and "KEEPER01" in job["Reason"]
    assert evidence(job.stage("nvme_format"))["erased"][1] == "failed"


@pytest.mark.parametrize(("stage", "about", "words"), [
    ("nvme_format", None, "unsupported: it gives no answer as an NVMe controller"),
    ("nvme_format", {"oacs": 0x15}, "unsupported: its controller has no Format NVM"),
    ("nvme_sanitize", {"sanicap": 0}, "unsupported: its controller has no Sanitize"),
    ("nvme_format", {"fna": 1, "allocated": [1, 2]}, "would erase every namespace of its subsystem (1, 2), and only 1 is in this job"),
    ("nvme_format", {"fna": 2, "attached": [1, 3], "allocated": None}, "every namespace of its subsystem (1, 3)"),
    ("nvme_sanitize", {"attached": [1], "allocated": [1, 7]}, "every namespace of its subsystem (1, 7)"),
    ("nvme_sanitize", {"cmic": 2, "allocated": None}, "its controller does not list them"),
    ("nvme_sanitize", {"nsid": 2}, "every namespace of its subsystem (1), and only 2 is in this job"),
])
def test_what_may_not_be_is_inconclusive_and_nothing_is_written(
        nas: Host, product: Product, stage: str, about: dict[str, Any] | None, words: str) -> None:
    serial = f"NOT{abs(hash((stage, words))) % 100000:05}"
    plug(product, serial, **about or {})
    if about is None:
        product.machine.run(["rm", f"/var/lib/burnin-test/drives/{serial}.img.nvme.json"])
    job = start(product, serial, stage)
    assert job.wait_end() == "inconclusive"
    assert words in job["Reason"] and serial in job["Reason"] and "nothing was written" in job["Reason"]
    check_untouched(product, serial)


def test_namespaces_beside_it_do_not_matter_to_a_format_that_reaches_one(nas: Host, product: Product) -> None:
    plug(product, "BESIDE01", attached=[1, 2], allocated=[1, 2, 3])
    job = start(product, "BESIDE01", "nvme_format")
    assert job.wait_end() == "passed", job["Reason"]


def test_namespace_that_appears_before_the_command_ends_the_run(nas: Host, product: Product) -> None:
    """What was judged when the stage began is looked at again in the process that holds the drive."""
    plug(product, "SECOND01", sanicap=2, allocated=[1])
    # The second namespace is there from the moment on that the run has begun.
    product.machine.write("/usr/local/sbin/nvme", """#!/bin/sh
        case $* in
        *list-ns*) for f in /var/lib/burnin-run/*/id; do [ ! -e "$f" ] || echo '[   1]:0x2'; done ;;
        esac
        exec /usr/sbin/nvme "$@"
        """, mode=0o755)
    try:
        job = start(product, "SECOND01", "nvme_sanitize")
        assert job.wait_end() == "inconclusive"
    finally:
        product.machine.run(["rm", "-f", "/usr/local/sbin/nvme"])
    assert "there are other namespaces than 1 now: 1 2" in job["Reason"]
    check_untouched(product, "SECOND01")


def test_command_that_is_refused(nas: Host, product: Product) -> None:
    plug(product, "REFUSE01", refuse="NVMe status: Sanitize In Progress: the operation is prohibited(0x401d)")
    job = start(product, "REFUSE01", "nvme_format")
    assert job.wait_end() == "inconclusive"
    assert "Format NVM ended with status 1: NVMe status: Sanitize In Progress" in job["Reason"]


def test_no_nvme_cli(nas: Host, product: Product) -> None:
    plug(product, "NOTOOL01")
    product.machine.run(["mv", "/usr/sbin/nvme", "/usr/sbin/nvme.away"])
    try:
        job = start(product, "NOTOOL01", "nvme_format")
        assert job.wait_end() == "inconclusive"
    finally:
        product.machine.run(["mv", "/usr/sbin/nvme.away", "/usr/sbin/nvme"])
    assert "unsupported: nvme (package nvme-cli) is not installed on the host" in job["Reason"]
    check_untouched(product, "NOTOOL01")


def wait_sanitizing(product: Product, serial: str, job: Job) -> Stage:
    stage = job.stage("nvme_sanitize")
    product.machine.wait_for(lambda: calls(product, serial), 30, f"{serial} sanitizes itself")
    stage.wait("State", "running")
    return stage


def test_sanitize_outlives_service_and_follower(nas: Host, product: Product) -> None:
    plug(product, "SANITIZ1", seconds=1000, mark=255)
    job = start(product, "SANITIZ1", "nvme_sanitize")
    stage = wait_sanitizing(product, "SANITIZ1", job)
    product.machine.set_nvme("SANITIZ1", seconds=1000, clock=520, mark=255)
    stage.wait("Percent", lambda percent: percent >= 50)
    with refused("WrongState", "nvme_sanitize", "nobody can hold"):
        job.call("Pause", "st", "", 0)

    run = stage["RunId"]
    product.restart()
    nas.wait("State", "online")
    unit = f"burnin-job{job.id}-nvme_sanitize.scope"
    product.machine.run(["systemctl", "kill", "--signal=KILL", unit])
    stage.wait("Attempt", lambda attempt: attempt >= 2)
    product.machine.set_nvme("SANITIZ1", seconds=1000, clock=5000, mark=255)
    assert job.wait_end() == "passed", job["Reason"]
    assert stage["RunId"] == run and len(calls(product, "SANITIZ1")) == 1
    lines = evidence(stage)
    assert lines["supported"] == ("block (SANICAP 0x2)", "passed") and lines["sanitize"] == ("completed", "passed")
    assert lines["namespaces"] == ("the whole subsystem: namespace 1", "passed")
    assert lines["erased"][0].startswith("0 still there, 0 read as zeros, 32 as ones")
    assert calls(product, "SANITIZ1") == [["sanitize", product.device("SANITIZ1"), "--sanact=2", "--force"]]


@pytest.mark.parametrize(("sanicap", "options"), [(0x1, ["--sanact=4"]), (0x5, ["--sanact=4"]),
                                                  (0x4, ["--sanact=3", "--owpass=1", "--ovrpat=0"])])
def test_sanitize_takes_what_there_is(nas: Host, product: Product, sanicap: int, options: list[str]) -> None:
    serial = f"METHOD{sanicap:02}"
    plug(product, serial, sanicap=sanicap)
    job = start(product, serial, "nvme_sanitize")
    assert job.wait_end() == "passed", job["Reason"]
    assert calls(product, serial) == [["sanitize", product.device(serial), *options, "--force"]]


def test_sanitize_that_fails(nas: Host, product: Product) -> None:
    plug(product, "SANFAIL1", status=3)
    job = start(product, "SANFAIL1", "nvme_sanitize")
    assert job.wait_end() == "failed"
    assert "the drive says that its sanitize failed" in job["Reason"]


def test_cancel_says_that_a_sanitize_goes_on(nas: Host, product: Product) -> None:
    plug(product, "CANCEL01", seconds=1000)
    job = start(product, "CANCEL01", "nvme_sanitize")
    stage = wait_sanitizing(product, "CANCEL01", job)
    pid = stage.run_pid()
    job.cancel()
    assert job.wait_end() == "cancelled"
    assert "nothing of it runs any more; the drive goes on sanitizing itself, which nothing can stop" in stage["Reason"]
    assert product.state_of(pid) in ("", "Z")
    assert product.drive("CANCEL01")["LockState"] != "remnant"


def test_stages_that_destroy_follow_each_other(nas: Host, product: Product) -> None:
    """Each compares with what the one before it left: neither with what was confirmed, nor with nothing."""
    plug(product, "CHAIN001", mark=255)
    job = start(product, "CHAIN001", "nvme_format", "surface_validate", "nvme_sanitize")
    assert job.wait_end(120) == "passed", job["Reason"]
    assert [job.stage(kind)["Verdict"] for kind in ("nvme_format", "surface_validate", "nvme_sanitize")] == ["passed"] * 3


def test_what_was_unlocked_may_be_destroyed_once_and_then_again(nas: Host, product: Product) -> None:
    product.plug("OLDDATA1", 16)
    product.machine.run(f"mkfs.ext4 -q {product.device('OLDDATA1')}; sync")
    product.wait_drive("OLDDATA1", "existing-data")
    product.machine.set_nvme("OLDDATA1")
    job = start(product, "OLDDATA1", "nvme_format", "surface_validate", unlock_existing=True)
    assert job.wait_end(120) == "passed", job["Reason"]


def test_what_somebody_writes_between_two_stages_is_not_destroyed(nas: Host, product: Product) -> None:
    plug(product, "BETWEEN1")
    product.machine.set_smart("BETWEEN1", {"burnin_test": {"selftest": {"seconds": {"short": 1000}}}})
    job = start(product, "BETWEEN1", "nvme_format", "short_smart", "surface_validate")
    product.machine.wait_for(lambda: state(product, "BETWEEN1")["running"], 60, "a self-test runs")
    product.machine.run(["dd", f"of={product.device('BETWEEN1')}", "bs=4k", "seek=7", "conv=notrunc,fsync"], input="mine")
    product.machine.set_smart("BETWEEN1", {"burnin_test": {"selftest": {"seconds": {"short": 1000}, "clock": 5000}}})
    assert job.wait_end() == "inconclusive"
    assert "what is on" in job["Reason"] and "has changed since it was confirmed" in job["Reason"]
    assert b"mine" in product.image("BETWEEN1").read_bytes()


def test_run_that_is_killed_on_the_host(nas: Host, product: Product) -> None:
    plug(product, "KILLED01", seconds=1000)
    job = start(product, "KILLED01", "nvme_sanitize")
    stage = wait_sanitizing(product, "KILLED01", job)
    product.machine.run(["systemctl", "kill", "--signal=KILL", f"burnin-run-{stage['RunId']}.service"])
    assert job.wait_end() == "inconclusive"
    assert "killed on its host by something else" in job["Reason"] and "may go on sanitizing itself" in job["Reason"]


@pytest.mark.parametrize("stages", [["nvme_format", "nvme_format"], ["nvme_erase"], ["format"], ["nvme_sanitize", "precheck"]])
def test_stage_lists_that_are_none(nas: Host, product: Product, stages: list[str]) -> None:
    plug(product, "BADLIST1") if "BADLIST1" not in product.machine.drives else None
    with refused("InvalidOption", "Stages are one or more of"):
        product.start_all([("BADLIST1", "BADLIST1")], stages=dbus.Array(stages, signature="s"))
    check_untouched(product, "BADLIST1")
