# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the journal and the audit answer, and what they never hold: a secret."""
from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import dbus
import pytest
from product import Host, Job, Product, nas, product, refused  # noqa: F401

pytestmark = pytest.mark.allow_journal(r"has ended: (inconclusive|failed|cancelled)", r"^inconclusive: ", r"is missing",
                                       r"The grant .* of root for")

SOURCE = Path(__file__).resolve().parents[2]
JOB_FINISHED = "3360ab8acf9647b186e20868f1a7f1c7"


@pytest.fixture(scope="module")
def finished(product: Product) -> Job:
    """A job that has passed, on the only host 'nas', and a drive that was unlocked there, which the journal warns of."""
    product.add_host("nas")
    product.plug("JOURNAL1", 8)
    product.plug("JOURNAL2", 8)
    job = product.start("JOURNAL1")
    other = product.start("JOURNAL2")
    assert (job.wait_end(), other.wait_end()) == ("passed", "passed")
    used = product.plug("JOURNAL3", 8)
    product.machine.run(["mkfs.ext4", "-q", product.device("JOURNAL3")])
    used.wait("LockState", "existing-data")
    used.call("Unlock", "sst", "DESTROY EXISTING DATA", "to see", 0)
    product.clean(hosts=["nas"])
    product.drive("JOURNAL1").wait("Present", False)
    return job


def messages(entries: list[dict[str, Any]]) -> list[str]:
    return [str(entry["MESSAGE"]) for entry in entries]


def test_job_answers_for_itself_alone(product: Product, finished: Job) -> None:
    entries = product.machine.journal(f"BURNIN_JOB={finished.id}", "--boot")
    said = messages(entries)
    for part in ("was queued by root", "has started", "Stage precheck", "Stage surface_validate", "Stage final_check",
                 f"Job {finished.id} for drive JOURNAL1 (BURNIN LOOP) on nas has ended: passed: Each of its 3 stages passed."):
        assert any(part in line for line in said), part
    assert not any("JOURNAL2" in line for line in said)
    assert {entry["BURNIN_DRIVE_SERIAL"] for entry in entries} == {"JOURNAL1"}
    assert {entry["BURNIN_HOST"] for entry in entries} == {"nas"}
    assert {entry["BURNIN_DRIVE"] for entry in entries} == {finished["DriveId"]}
    # Both programs speak of it: the service, and the workers in their scopes.
    assert {entry["SYSLOG_IDENTIFIER"] for entry in entries} == {"burnind", "burnin-worker"}


def test_drive_and_host_answer(product: Product, finished: Job) -> None:
    by_drive = product.machine.journal("BURNIN_DRIVE_SERIAL=JOURNAL1", "--boot")
    assert len(by_drive) >= len(product.machine.journal(f"BURNIN_JOB={finished.id}", "--boot"))
    assert any("is missing" in line for line in messages(by_drive)), "also what is no job's matter"
    by_host = messages(product.machine.journal("BURNIN_HOST=nas", "--boot"))
    assert any("was added" in line for line in by_host) and any("was accepted" in line for line in by_host)
    assert any("JOURNAL2" in line for line in by_host)
    assert not product.machine.journal("BURNIN_HOST=nowhere", "--boot")


def documented_questions() -> list[str]:
    operations, readme = ((SOURCE / name).read_text(encoding="utf-8") for name in ("docs/operations.md", "README.md"))
    section = operations.split("\n## Questions to the journal\n")[1].split("\n## ")[0]
    lines = [line.partition("#")[0].strip() for line in (section + readme).splitlines() if line.startswith("    journalctl ")]
    return list(dict.fromkeys(lines))


@pytest.mark.parametrize("question", documented_questions())
def test_documented_questions_have_answers(product: Product, finished: Job, question: str) -> None:
    """As they are in the documents, but for the job, the drive and the host that are there."""
    known = {"BURNIN_JOB=42": f"BURNIN_JOB={finished.id}", "BURNIN_DRIVE_SERIAL=WD-1234": "BURNIN_DRIVE_SERIAL=JOURNAL1",
             "BURNIN_HOST=nas1": "BURNIN_HOST=nas", "BURNIN_VERDICT=failed": "BURNIN_VERDICT=passed",
             "BURNIN_ACTOR=alice": "BURNIN_ACTOR=root",
             "burnin-job42-surface_validate.scope": f"burnin-job{finished.id}-surface_validate.scope"}
    words = [known.get(word, word) for word in question.split()]
    # -f would wait for more.
    words = ["--no-tail" if word == "-f" else word for word in words]
    said = product.machine.run([*words, "--no-pager", "--quiet"]).stdout
    assert said.strip(), question
    for field in question.partition("--output-fields=")[2].split(","):
        assert not field or field in json.loads(said.splitlines()[0]), question


def test_unit_of_a_stage_is_its_log(product: Product, finished: Job) -> None:
    stage = finished.stage()
    assert stage["Unit"] == f"burnin-job{finished.id}-surface_validate.scope"
    entries = product.machine.journal(f"--unit={stage['Unit']}", "--boot")
    said = [line for entry, line in zip(entries, messages(entries)) if entry["SYSLOG_IDENTIFIER"] == "burnin-worker"]
    # Every line of the log, in its order; the log has a time in front, and where in the tool's output the line was.
    logged = [line.split(" ", 2)[2] for line in stage.log().splitlines()]
    assert [line for line in said if line in logged] == logged
    assert {entry["BURNIN_RUN"] for entry in entries if "BURNIN_RUN" in entry} == {stage["RunId"]}


def test_end_of_a_job_is_explained(product: Product, finished: Job) -> None:
    entry, = product.machine.journal(f"MESSAGE_ID={JOB_FINISHED}", f"BURNIN_JOB={finished.id}", "--boot")
    assert entry["BURNIN_VERDICT"] == "passed"
    product.machine.run(["journalctl", "--update-catalog"])     # as a package does when it is installed
    shown = product.machine.run(["journalctl", "-x", "--no-pager", f"MESSAGE_ID={JOB_FINISHED}",
                                 f"BURNIN_JOB={finished.id}"]).stdout
    assert f"Subject: Burn-in job {finished.id} has ended: passed" in shown and "JOURNAL1" in shown
    assert "BURNIN_REASON" not in shown and "@BURNIN_" not in shown, "every field that it names has a value"


def test_every_message_id_has_its_text(product: Product, finished: Job) -> None:
    ids = {str(entry["MESSAGE_ID"]) for entry in product.machine.journal("--boot", "_SYSTEMD_UNIT=burnind.service")
           if "MESSAGE_ID" in entry}
    product.machine.run(["journalctl", "--update-catalog"])
    known = product.machine.run(["journalctl", "--list-catalog", "--no-pager"]).stdout
    assert JOB_FINISHED in ids and all(one in known for one in ids)


def test_audit_tells_who_did_what_in_what_order(product: Product, nas: Host, finished: Job) -> None:
    before = product.call("ListAudit", "a{sv}", dbus.Dictionary({"limit": dbus.UInt32(1)}, signature="sv"))[1]
    nas.call("Configure", "a{sv}", dbus.Dictionary({"notes": "rack 4"}, signature="sv"))
    with refused("NoSuchDrive"):
        product.start("NOTHING1")
    rows, total = product.call("ListAudit", "a{sv}", dbus.Dictionary({"limit": dbus.UInt32(2)}, signature="sv"))
    assert total == before + 2
    assert [(r["Actor"], r["Action"], r["Object"], r["Outcome"]) for r in rows] == [
        ("root", "org.burnin1.start-destructive", "drive NOTHING1", "refused"),
        ("root", "org.burnin1.manage-hosts", "host nas", "ok")]
    assert rows[0]["TimeUSec"] >= rows[1]["TimeUSec"] > 0
    older, _ = product.call("ListAudit", "a{sv}", dbus.Dictionary({"offset": dbus.UInt32(1), "limit": dbus.UInt32(1)}, "sv"))
    assert older == rows[1:]
    found, of = product.call("ListAudit", "a{sv}", dbus.Dictionary({"text": "drive nothing1", "limit": dbus.UInt32(1)}, "sv"))
    assert found == rows[:1] and of == 1
    shown = product.machine.run(["burninctl", "audit", "Manage-Hosts", "-n", "1", "--json=short"]).stdout
    assert [row["Object"] for row in json.loads(shown)] == ["host nas"]
    assert product.machine.run(["burninctl", "audit", "nobody did this"]).stdout == "0 entries.\n"
    assert product.machine.run(["burninctl", "audit", "-n", "1"]).stdout.endswith(f"\n\n1 of {total} entries.\n")
    # And as journal entries, with the same facts in fields.
    entry = product.machine.journal("BURNIN_ACTION=org.burnin1.manage-hosts", "--boot")[-1]
    assert (entry["BURNIN_ACTOR"], entry["BURNIN_ACTOR_UID"]) == ("root", "0")


def test_worker_that_is_told_to_stop(product: Product, nas: Host) -> None:
    """Its host is reached in another way now: no fault of anybody, and no death that is counted."""
    product.plug("REPLACE1", 256)
    job = product.start("REPLACE1")
    stage = job.stage()
    try:
        with product.braked(job):
            for attempt, user in enumerate(("nas", "root", "nas", "root", "nas", "root"), 2):
                nas.call("Configure", "a{sv}", dbus.Dictionary({"user": user}, signature="sv"))
                stage.wait("Attempt", attempt)
                stage.wait("State", "running")
    finally:
        nas.call("Configure", "a{sv}", dbus.Dictionary({"user": "root"}, signature="sv"))
    assert job.wait_end() == "passed"
    entries = product.machine.journal(f"BURNIN_JOB={job.id}", "--boot")
    told = [entry for entry in entries if "was told to stop" in str(entry["MESSAGE"])]
    assert len(told) == 6 and {entry["PRIORITY"] for entry in told} == {"5"}
    assert all("the connection settings of its host were changed" in line for line in messages(told))
    assert not any("signal" in line for line in messages(entries))


def test_secret_is_nowhere(product: Product, nas: Host, finished: Job) -> None:
    machine = product.machine
    body = "".join(machine.read("/etc/burnin/id_ed25519").splitlines()[1:-1])
    pieces = [body[i:i + 32] for i in range(len(body) // 2, len(body) - 32, 32)]     # the latter half is the private one
    assert pieces

    product.plug("SECRET01", 256)
    job = product.start("SECRET01")
    with product.braked(job):
        commands = machine.run("cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2> /dev/null | tr '\\0' '\\n'", check=False).stdout
        bus = json.dumps([product.hosts(), product.list("Drives"), job.all(), job.stage().all(), product.list("Audit")])
        files = machine.run("cat /var/lib/burnin/burnin.db* /var/lib/burnin/jobs/*/*; ls /run/burnin/*", check=False).stdout
        job.cancel()
    job.wait_end()
    machine.run(["journalctl", "--sync"])
    journal = machine.run(["journalctl", "--boot", "--output=json", "--all", "--no-pager"], timeout=60).stdout
    assert "burnin-worker" in commands and "SECRET01" in bus and "badblocks" in files and "SECRET01" in journal
    for where in (commands, bus, files, journal):
        assert not any(piece in where for piece in pieces) and "PRIVATE KEY" not in where
    assert "SSH_KEY" not in commands
