# SPDX-License-Identifier: LGPL-2.1-or-later
"""Reports of real jobs: what they say, that they are signed, and that nothing of them can be changed unnoticed."""
from __future__ import annotations

import concurrent.futures
import json
import re
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dbus
import pytest
from product import JOB, Host, Job, Product, nas, plain, product, refused  # noqa: F401

pytestmark = pytest.mark.allow_journal(r"has ended: (inconclusive|failed|cancelled)", r"^inconclusive: ", r"is missing")

SOURCE = Path(__file__).resolve().parents[2]
KEY = "/etc/burnin/report_ed25519"
HOSTILE = "</script><img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def job(product: Product) -> Iterator[Job]:
    """One that has passed."""
    product.add_host("nas")
    product.plug("REPORT01", 64)
    started = product.start("REPORT01", note=HOSTILE)
    assert started.wait_end() == "passed"
    yield started


def opened(job: Job, kind: str, user: str | None = None) -> tuple[bytes, str]:
    report, signature = job.machine.call(job.path, JOB, "OpenReport", "st", kind, 0, user=user)
    with open(report.take(), "rb") as file:
        return file.read(), str(signature)


def burninctl(product: Product, *words: str, status: int = 0) -> subprocess.CompletedProcess[str]:
    done = product.machine.run(["burninctl", "--no-pager", *words], check=False)
    assert done.returncode == status, done
    return done


def test_document_is_what_the_job_was(product: Product, job: Job, tmp_path: Path) -> None:
    text, signature = opened(job, "json")
    document = json.loads(text)
    assert document["job"]["id"] == job.id and document["job"]["verdict"] == "passed" and document["job"]["note"] == HOSTILE
    assert document["drive"]["serial"] == "REPORT01" and document["drive"]["host"] == "nas"
    assert [stage["kind"] for stage in document["stages"]] == [path.rpartition("/")[2] for path in job["Stages"]]
    for stage in document["stages"]:
        ledger = [[line["rule"], line["expected"], line["observed"], line["source"], line["verdict"]] for line in stage["evidence"]]
        assert ledger == [list(line) for line in job.stage(stage["kind"])["Evidence"]]
    surface = next(stage for stage in document["stages"] if stage["kind"] == "surface_validate")
    assert len(surface["phases"]) == 8 and surface["bad_blocks"] == 0 and surface["work_bytes"] >= 8 * 64 * 1024 * 1024
    assert {"before", "after"} <= set(document["smart"])
    assert signature.startswith("-----BEGIN SSH SIGNATURE-----\n")

    (tmp_path / "report.json").write_bytes(text)
    subprocess.run([sys.executable, SOURCE / "tests/report/schema", SOURCE / "docs/report.schema.json", tmp_path / "report.json"],
                   check=True)
    # The same over a restart, and for who gets bytes.
    product.restart()
    product.wait_up()
    assert opened(job, "json", user="visitor") == (text, signature)
    data, again = job.call("ReadReport", "st", "json", 0)
    assert bytes(data) == text and again == signature


def test_page_is_inert_and_signed(product: Product, job: Job) -> None:
    page, signature = opened(job, "html")
    assert HOSTILE.encode() not in page and b"&#60;img src=x onerror=alert(1)&#62;" in page
    assert page.count(b"<script") == 2 and signature.encode() in page and opened(job, "json")[0] in page
    product.machine.write("/root/page.html", page.decode())
    said = burninctl(product, "report", "verify", "/root/page.html", f"--key={KEY}.pub").stdout
    assert "REPORT01" in said and "passed" in said
    product.machine.write("/root/page.html", page.decode().replace("REPORT01", "REPORT02", 1))
    assert "does not show what was signed" in burninctl(product, "report", "verify", "/root/page.html", status=1).stderr.replace("\n", " ")


def test_page_leads_to_the_job_once_its_address_is_known(product: Product, job: Job) -> None:
    before = opened(job, "html")[0]
    assert b"<a " not in before and "url" not in json.loads(opened(job, "json")[0])["job"]
    product.call_settings("Set", "svt", "page_url", "https://burnin.example.org/x/", 0)
    try:
        page = opened(job, "html")[0]
        assert f'<a href="https://burnin.example.org/x/history/{job.id}">{job.id}</a>'.encode() in page
        assert json.loads(opened(job, "json")[0])["job"]["url"] == f"https://burnin.example.org/x/history/{job.id}"
        product.machine.write("/root/page.html", page.decode())
        burninctl(product, "report", "verify", "/root/page.html", f"--key={KEY}.pub")
        assert daily(product)["page_url"] == "https://burnin.example.org/x/"
    finally:
        product.call_settings("Reset", "st", "page_url", 0)
    assert opened(job, "html")[0] == before


def test_save_and_verify(product: Product, job: Job) -> None:
    machine = product.machine
    machine.run("rm -rf /root/reports; mkdir /root/reports")
    burninctl(product, "report", "save", str(job.id), "/root/reports/drive.json")
    burninctl(product, "report", "save", str(job.id), "/root/reports/drive.html")
    assert "is there already" in burninctl(product, "report", "save", str(job.id), "/root/reports/drive.html", status=4).stderr
    burninctl(product, "report", "verify", "/root/reports/drive.json")
    fingerprint = json.loads(burninctl(product, "report", "show", str(job.id), "--json=short").stdout)["Fingerprint"]
    assert fingerprint in machine.run(["ssh-keygen", "-l", "-f", f"{KEY}.pub"]).stdout

    verify = ("cd /root/reports && echo \"burnin $(cat " + KEY + ".pub)\" >allowed && "
              "ssh-keygen -Y verify -f allowed -I burnin -n burnin-report -s drive.json.sig <drive.json")
    machine.run(verify)
    whole = machine.read("/root/reports/drive.json")
    for at in (1, len(whole) // 2, len(whole) - 3):
        machine.write("/root/reports/drive.json", whole[:at] + chr(ord(whole[at]) ^ 1) + whole[at + 1:])
        burninctl(product, "report", "verify", "/root/reports/drive.json", status=1)
        assert machine.run(verify, check=False).returncode != 0


def test_refused(product: Product, job: Job) -> None:
    for kind in ("", "pdf", "JSON", HOSTILE, "x" * 5000):
        for method in ("OpenReport", "ReadReport"):
            with refused("InvalidArgument", "html", "json"):
                job.call(method, "st", kind, 0)
    product.plug("REPORT02", 256)
    running = product.start("REPORT02")
    with product.braked(running):
        for method in ("OpenReport", "ReadReport"):
            with refused("WrongState", "has not ended"):
                running.call(method, "st", "json", 0)
        burninctl(product, "report", "show", str(running.id), status=4)
        burninctl(product, "report", "show", "4000000", status=3)
        running.cancel()
    assert running.wait_end() == "cancelled"
    document = json.loads(opened(running, "json")[0])
    assert document["job"]["verdict"] == "cancelled" and document["job"]["cancelled_by"]


@pytest.mark.allow_journal(r"burnin-report did not make the report", r"Failed to make a report", r"burnin-report@")
def test_without_its_service_or_key(product: Product, job: Job) -> None:
    machine = product.machine
    machine.run(["systemctl", "stop", "burnin-report.socket"])
    try:
        with refused("ReportService", "burnin-report.socket"):
            opened(job, "json")
    finally:
        machine.run(["systemctl", "start", "burnin-report.socket"])
    machine.run(f"mv {KEY} /root/key")
    try:
        with refused("ReportService"):
            opened(job, "json")
    finally:
        machine.run(f"mv /root/key {KEY}")
    assert opened(job, "json")[0]


def test_nobody_waits_for_reports(product: Product, job: Job) -> None:
    """More than are made at once, and burnind answers meanwhile."""
    def one(_: int) -> bytes:
        return bytes(product.machine.run(["burninctl", "report", "show", str(job.id), "--json=short"]).stdout, "utf-8")

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = pool.map(one, range(24))
        slowest = 0.0
        for _ in range(20):
            began = time.monotonic()
            assert plain(product["Version"])
            slowest = max(slowest, time.monotonic() - began)
        assert len(set(answers)) == 1
    assert slowest < 5


def test_key_is_made_once_and_for_the_service_alone(product: Product) -> None:
    machine = product.machine
    info = machine.path(KEY).stat()
    assert (info.st_uid, stat.S_IMODE(info.st_mode)) == (0, 0o600)
    before = machine.read(KEY)
    machine.run(["systemctl", "start", "burnin-report-keygen.service"])
    assert machine.read(KEY) == before
    for user in ("burnin", "burnin-web", "visitor", "nobody"):
        assert machine.run(["cat", KEY], user=user, check=False).returncode != 0


def daily(product: Product, since: int = 0, user: str | None = None) -> dict[str, Any]:
    document = json.loads(product.call("GetDailyReport", "tt", dbus.UInt64(since), 0, user=user))
    assert document["format"] == "burnin-daily" and document["version"] == 1
    return dict(document)


@pytest.mark.allow_journal(r"^The grant .* (was given: |is void: )", r"says of itself that it fails")
def test_the_day(product: Product, job: Job) -> None:
    """Every kind of thing that is in it, and as people get it."""
    machine = product.machine
    product.plug("DAILY001", 256)
    product.plug("DAILY002", 8)
    machine.set_smart("DAILY002", {"smart_status": {"passed": False}})
    product.drive("DAILY002").wait("SmartHealth", "failed", 90)
    product.plug("DAILY003", 16)
    machine.run(["mkfs.ext4", "-q", product.device("DAILY003")])
    product.wait_drive("DAILY003", "existing-data")
    grant = product.drive("DAILY003").call("Unlock", "sst", "DESTROY EXISTING DATA", "it is only a test", 0)
    product.plug("DAILY004", 8)
    waits = product.start("DAILY004", at=dbus.UInt64(int(time.time() + 86400) * 10**6))
    running = product.start("DAILY001")
    with product.braked(running):
        document = daily(product, user="visitor")
        assert [one["serial"] for one in document["failed_health"]] == ["DAILY002"]
        unlock = document["unlocked"][0]
        assert (unlock["serial"], unlock["by"]) == ("DAILY003", "root") and "it is only a test" in unlock["detail"]
        assert [(one["job"], one["stage"]) for one in document["running"]] == [(running.id, "surface_validate")]
        assert [(one["job"], one["not_before_usec"]) for one in document["queued"]] == [(waits.id, waits["QueuedUntilUSec"])]
        passed, = (one for one in document["finished"] if one["job"] == job.id)
        assert (passed["verdict"], passed["serial"], passed["host"]) == ("passed", "REPORT01", "nas")
        assert passed["finished_usec"] == job["FinishedUSec"]
        assert document["drives"]["total"] == len(product.list("Drives")) and document["hosts"] == {"total": 1, "silent": []}
        ended = product.list("Jobs", state="done")
        assert document["totals"] == {"unlocked": 1, "running": 1, "queued": 1, "failed": 0, "inconclusive": 0,
                                      "cancelled": sum(one["Verdict"] == "cancelled" for one in ended),
                                      "passed": sum(one["Verdict"] == "passed" for one in ended)}
        # What was there before, and has not changed since, is no news.
        later = daily(product, int(time.time() * 10**6))
        assert not later["finished"] and not later["unlocked"] and later["running"] and later["failed_health"]

        text = machine.run(["env", "TZ=CET-1CEST,M3.5.0,M10.5.0/3", "burninctl", "report", "daily"]).stdout
        assert re.search(r"from [-0-9]+ [:0-9]+ CES?T to ", text) and "!! 1 drive fails its own health check\n  DAILY002" in text
        assert "!! 1 unlock of a drive that was locked\n  DAILY003" in text and HOSTILE not in text
        assert text.index("Running (1)\n  DAILY001") < text.index("Waiting (1)\n  DAILY004") < text.index("Finished (")
        burninctl(product, "report", "daily", "/root/daily.html")
        page = machine.read("/root/daily.html")
        assert "1 with failed health, 1 unlocked" in page and "DAILY003" in page and "<script" not in page
        assert "is there already" in burninctl(product, "report", "daily", "/root/daily.html", status=4).stderr
        shown = json.loads(burninctl(product, "report", "daily", "--json=short").stdout)
        assert shown["totals"] == document["totals"]
        running.cancel()
    assert running.wait_end() == "cancelled"
    waits.cancel()
    product.machine.call(grant, "org.burnin1.UnlockGrant", "Revoke", "t", 0)
    machine.set_smart("DAILY002", {})
    product.drive("DAILY002").wait("SmartHealth", "passed", 90)
    machine.wait_for(lambda: "No job ran, waits or has ended, and no drive was unlocked." in burninctl(
        product, "report", "daily", f"--since=@{int(time.time())}").stdout, 20, "nothing happens any more")
    with refused("InvalidArgument", "to come"):
        daily(product, int((time.time() + 3600) * 10**6))


def documented(node: Any) -> Iterator[str]:
    """Every key of the schema."""
    if isinstance(node, dict):
        yield from node.get("properties", {})
        for value in node.values():
            yield from documented(value)


def test_schema_is_installed(product: Product) -> None:
    schema = json.loads(product.machine.read("/usr/share/doc/burnin/report.schema.json"))
    assert {"verdict", "evidence", "region_msec", "bad_block_list"} <= set(documented(schema))
