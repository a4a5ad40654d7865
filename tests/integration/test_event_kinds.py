# SPDX-License-Identifier: LGPL-2.1-or-later
"""Each event that there is, made to happen: told and sent once, beside the journal entry that says the same; and which are mailed."""
from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dbus
import pytest
from product import PATH, Host, Job, Product, nas, plain, product  # noqa: F401
from receiver import URL, Receiver

pytestmark = pytest.mark.allow_journal(r"has ended: (inconclusive|failed|cancelled)", r"^(inconclusive|failed|cancelled): ", r"is missing",
                                       r"is locked now", r"says of itself that it fails", r"^The grant ", r"has not answered",
                                       r"another key", r"^Host nas is ", r"Paused \((operator|heat)\)", r"is paused for heat",
                                       r"stands still: ", r"[Ii]t stands still", r"cancelled, nothing of it runs",
                                       r"was not delivered, and is tried again", r"was cancelled", r"^\S+: .*: (failed|inconclusive)$")

SOURCE = Path(__file__).resolve().parents[2]

# Their names are in the interface; the message is that of the journal entry. Two have tests of their own: backup_failed (test_nightly.py)
# and daily_report (test_notifiers.py), and the end of this file makes job_stalled and drive_hot happen, which takes a while.
KINDS = {
    "job_queued": ("info", "40539b96c3484a11bb48fefd4268ad4d"),
    "job_started": ("info", "84e4a39bd4554c4c94935524382e4b11"),
    "job_paused": ("info", "e86bd16241104434a6bc5eb5d0c3e1a5"),
    "job_resumed": ("info", "7b51778fa8d14cc1bef13af84b2b40d0"),
    "job_stalled": ("warning", "5d158d51adc845c68920c01068b4303a"),
    "job_passed": ("info", "3360ab8acf9647b186e20868f1a7f1c7"),
    "job_failed": ("error", "3360ab8acf9647b186e20868f1a7f1c7"),
    "job_inconclusive": ("warning", "3360ab8acf9647b186e20868f1a7f1c7"),
    "job_cancelled": ("info", "3360ab8acf9647b186e20868f1a7f1c7"),
    "drive_failed_health": ("error", "489e83e04b7349c29dc2aa07b3e31e14"),
    "drive_locked": ("info", "8b89e8872f764d8c83af0b6b6c3aa81b"),
    "drive_unlocked": ("warning", "e4017b4612324432aac351f422bcc8f7"),
    "drive_missing": ("warning", "86d2bf518bb049ef901ebc9c48fdd5fd"),
    "drive_hot": ("warning", "bc17f1be1f9e4a909e063070612506d4"),
    "host_lost": ("warning", "1b6947f13bd04c0b934952208af3c731"),
    "host_back": ("info", "e594a6c42d8740699ba8ccaab604f204"),
    "host_key_changed": ("error", "ac582136267f4511b4cc24b0eda004bd"),
    "backup_failed": ("error", "2e191bb7f5f34c15ab5b9b793da7a5c1"),
    "daily_report": ("info", "c398109789ff42a7bcf79918d35ec007"),
}
MAILED = {"job_failed", "job_inconclusive", "job_stalled"}


class Heard:
    """What the webhook is sent, and what the mail server would be."""

    def __init__(self, product: Product) -> None:
        self.product, self.receiver, self.cursor = product, Receiver(product), product.machine.cursor()

    def one(self, kind: str, timeout: float = 30, **wanted: Any) -> dict[str, Any]:
        """The one event of this kind of which that is true."""
        severity, message = KINDS[kind]
        self.receiver.wait(lambda: self.receiver.events(event=kind, **wanted), f"{kind} {wanted} arrives", timeout)
        event, = self.receiver.events(event=kind, **wanted)
        assert event["severity"] == severity
        field, value = (("BURNIN_JOB", str(event["job_id"])) if "job_id" in event else
                        ("BURNIN_DRIVE", event["drive"]) if "drive" in event else ("BURNIN_HOST", event["host"]))
        assert self.product.machine.journal(f"MESSAGE_ID={message}", f"{field}={value}", cursor=self.cursor), f"{kind} is in the journal"
        return event

    def mailed(self) -> dict[tuple[str, int], str]:
        """Each event that mail was to be sent of, and its job, with what is to be sent."""
        rows = self.product.machine.call(PATH + "/notifiers", "org.burnin1.Notifiers", "ListDeliveries", "a{sv}",
                                         dbus.Dictionary({"notifier": "mail"}, "sv"))[0]
        return {(row["Event"], row["JobId"]): row["Title"] for row in plain(rows)}


@pytest.fixture(scope="module")
def heard(product: Product) -> Iterator[Heard]:
    with contextlib.ExitStack() as stack:
        found = Heard(product)
        stack.enter_context(found.receiver.listening())
        # Nobody is there to take mail: what waits for it is what counts.
        for name, value in {"webhook_url": URL, "smtp_host": "localhost", "smtp_port": dbus.UInt32(1), "smtp_report_hour": dbus.UInt32(24),
                            "smtp_to": dbus.Array(["admin@example.org"], "s")}.items():
            product.call_settings("Set", "svt", name, value, 0)
            stack.callback(product.call_settings, "Reset", "st", name, 0)
        yield found


def test_list_is_whole(product: Product) -> None:
    interface = product.machine.read("/usr/share/dbus-1/interfaces/org.burnin1.Manager.xml")
    listed = re.search(r"event: ([a-z_, \n]+?) or ([a-z_]+);", interface)
    assert listed and {*re.findall(r"[a-z_]+", listed[1]), listed[2]} == set(KINDS)
    text = (SOURCE / "docs/operations.md").read_text(encoding="utf-8")
    explained = re.findall(r"^\| (info|warning|error) \| ((?:`[a-z_]+`(?:, )?)+) \|", text, re.MULTILINE)
    known = {kind: severity for kind, (severity, _) in KINDS.items()}
    assert {kind: severity for severity, kinds in explained for kind in re.findall(r"[a-z_]+", kinds)} == known
    page = (SOURCE / "web-frontend/ui/src/views/notifier-dialog.tsx").read_text(encoding="utf-8")
    assert dict(re.findall(r"\['([a-z_]+)', '(info|warning|error)'\]", page)) == known


def test_job_that_passes(product: Product, nas: Host, heard: Heard) -> None:
    product.plug("KINDS001", 8)
    job = product.start("KINDS001")
    assert job.wait_end() == "passed"
    assert "was queued by root" in heard.one("job_queued", job_id=job.id)["text"]
    assert heard.one("job_started", job_id=job.id)["state"] == "running"
    event = heard.one("job_passed", job_id=job.id)
    assert (event["serial"], event["verdict"], event["error_text"]) == ("KINDS001", "passed", "")
    assert not [kind for kind, number in heard.mailed() if number == job.id]


def test_drive_that_fails(product: Product, nas: Host, heard: Heard) -> None:
    """Its health is told of the drive, and what became of the job of the job; the latter is mailed, with the reason."""
    product.plug("KINDS002", 8)
    product.machine.set_smart("KINDS002", {"smart_status": {"passed": False}})
    event = heard.one("drive_failed_health", serial="KINDS002")
    assert (event["host"], event["model"]) == ("nas", "BURNIN LOOP") and "KINDS002" in event["title"]
    job = product.start("KINDS002")
    assert job.wait_end() == "failed"
    event = heard.one("job_failed", job_id=job.id)
    assert event["verdict"] == "failed" and "SMART health is 'failed'" in event["error_text"] and event["error_text"] in event["text"]
    assert [kind for kind, number in heard.mailed() if number == job.id] == ["job_failed"]
    assert len(heard.receiver.events(event="drive_failed_health", serial="KINDS002")) == 1, "it is told once, and not with each reading"


def test_job_of_which_nobody_can_say(product: Product, nas: Host, heard: Heard) -> None:
    product.plug("KINDS003", 8)
    product.machine.set_smart("KINDS003", {"temperature": {"current": None}})
    job = product.start("KINDS003")
    assert job.wait_end() == "inconclusive"
    assert "its temperature cannot be read" in heard.one("job_inconclusive", job_id=job.id)["error_text"]
    assert [kind for kind, number in heard.mailed() if number == job.id] == ["job_inconclusive"]


def test_job_that_people_stop(product: Product, nas: Host, heard: Heard) -> None:
    product.plug("KINDS004", 256)
    job = product.start("KINDS004")
    with product.braked(job):
        job.call("Pause", "st", "the fan is exchanged", 0)
        event = heard.one("job_paused", job_id=job.id)
        assert "was paused by root: the fan is exchanged" in event["text"] and event["state"] == "paused"
        job.call("Resume", "t", 0)
        assert heard.one("job_resumed", job_id=job.id)["state"] == "running"
        job.cancel("seen enough")
        assert job.wait_end() == "cancelled"
    assert "seen enough" in heard.one("job_cancelled", job_id=job.id)["error_text"]
    assert not [kind for kind, number in heard.mailed() if number == job.id]


def test_drive_that_is_locked_unlocked_and_pulled(product: Product, nas: Host, heard: Heard) -> None:
    product.plug("KINDS005")
    product.machine.run(f"mkfs.ext4 -q {product.device('KINDS005')}; sync")
    drive = product.wait_drive("KINDS005", "existing-data")
    assert "is locked now: " in heard.one("drive_locked", serial="KINDS005")["text"]
    drive.call("Unlock", "sst", drive["UnlockToken"], "To be burned in", 0)
    event = heard.one("drive_unlocked", serial="KINDS005")
    assert "was unlocked by root, although it is existing-data: To be burned in" in event["text"]
    # In a submission that lists its serial, too.
    product.plug("KINDS008", 8)
    product.machine.run(f"mkfs.ext4 -q {product.device('KINDS008')}; sync")
    product.wait_drive("KINDS008", "existing-data")
    job = product.start("KINDS008", confirmed=True, unlock_existing=True)
    assert "its serial was listed" in heard.one("drive_unlocked", serial="KINDS008")["text"]
    assert job.wait_end() == "passed"
    product.machine.remove_loop_drive("KINDS005")
    assert "is missing" in heard.one("drive_missing", serial="KINDS005")["text"]


def test_host_that_goes_comes_and_is_another(product: Product, nas: Host, heard: Heard) -> None:
    server = product.machine.host
    server.stop()
    server.drop_connections()
    try:
        assert "does not answer" in heard.one("host_lost", host="nas", timeout=60)["text"]
    finally:
        server.start()
    nas.wait("State", "online", 60)
    assert "answers again" in heard.one("host_back", host="nas")["text"]
    server.new_host_key()
    server.drop_connections()
    assert "until it is accepted" in heard.one("host_key_changed", host="nas", timeout=60)["text"]
    nas.accept_key(server.fingerprint)
    nas.wait("State", "online", 60)


def test_host_that_comes_back_to_another_burnind(product: Product, nas: Host, heard: Heard) -> None:
    """One burnind has it, the next one tells that it is lost, the third one that it is back: each once."""
    server = product.machine.host
    heard.receiver.forget()
    server.stop()
    server.drop_connections()
    try:
        product.restart()
        heard.one("host_lost", host="nas", timeout=60)
        product.restart()
    finally:
        server.start()
    heard.one("host_back", host="nas", timeout=60)
    heard.one("host_lost", host="nas")


def test_test_that_is_held_for_heat_and_one_that_stands_still(product: Product, nas: Host, heard: Heard) -> None:
    """The former waits for nobody, and goes on by itself: it is no matter for mail until it ends."""
    # A block at a time, the hot one takes a while; one that stands still is not asked how hot it is.
    product.configure(stall_minutes="1", surface_validate_block_size="512", surface_validate_block_buffer="1")
    nas.wait("State", "online", 30)
    product.plug("KINDS006", 1536)
    product.plug("KINDS007", 256)
    hot, still = product.start("KINDS006"), product.start("KINDS007")
    with product.braked(still):
        product.machine.set_smart("KINDS006", {"temperature": {"current": 57}})
        event = heard.one("drive_hot", job_id=hot.id, timeout=90)
        assert "is paused for heat: " in event["text"] and "57 °C" in event["text"] and event["serial"] == "KINDS006"
        event = heard.one("job_stalled", job_id=still.id, timeout=150)
        assert "stands still: " in event["text"] and "no work was seen for 1 min" in event["text"] and event["state"] == "running"
        assert [kind for kind, number in heard.mailed() if number in (hot.id, still.id)] == ["job_stalled"]
        for job in (hot, still):
            job.cancel("seen enough")
    for job in (hot, still):
        assert job.wait_end() == "cancelled"
    assert len(heard.receiver.events(event="drive_hot", job_id=hot.id)) == 1


def test_what_was_mailed_in_all(heard: Heard) -> None:
    assert {kind for kind, _ in heard.mailed()} <= MAILED
