# SPDX-License-Identifier: LGPL-2.1-or-later
"""Input that cannot be, from whoever may call: a clear error by name, nothing of it in a log or an answer as it came, nothing changed."""
from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from typing import Any

import dbus
import pytest
from product import (DRIVE, HOST, JOB, MANAGER, PATH, STAGE, Drive, Host, Job, Product, nas, product, refused,  # noqa: F401
                     short_name)

pytestmark = pytest.mark.allow_journal(r"has ended: (inconclusive|failed|cancelled)", r"^inconclusive: ", r"is missing",
                                       r"^The grant ")

ACCOUNTS = PATH + "/accounts", "org.burnin1.Accounts"
LONG = "x" * 70_000     # more than the database takes as one text
DIRTY = {"lines": "two\nlines", "escape": "\x1b[31mred", "bell": "bell\a", "return": "carriage\rreturn", "delete": "\x7f",
         "C1": "\x9b31m", "turned": "\u202eturned", "separator": "\u2028"}


def options(**values: Any) -> dbus.Dictionary:
    return dbus.Dictionary(values, signature="sv")


def message_of(call: Callable[[], Any]) -> tuple[str, str]:
    """The name and the text of the error that a call ends with."""
    with pytest.raises(dbus.DBusException) as caught:
        call()
    return short_name(caught.value), str(caught.value.get_dbus_message())


def everything(product: Product) -> list[Any]:
    hosts, drives = product.hosts(), product.list("Drives")
    for row in hosts + drives:
        for name in ("LastSeenUSec", "SmartUSec", "Smart", "TemperatureMDegC", "StateReason"):
            row.pop(name, None)
    return [hosts, drives, sorted((job.path, job["State"]) for job in product.jobs()), product.list("Audit")]


@contextlib.contextmanager
def nothing_changes(product: Product) -> Iterator[None]:
    """Not even a row in the audit."""
    before = everything(product)
    yield
    assert everything(product) == before


def later() -> Any:
    """A start in an hour: what waits for it is queued."""
    return dbus.UInt64(int((time.time() + 3600) * 1_000_000))


# --- text ----------------------------------------------------------------------------------------------------


def test_refusal_of_long_text_is_on_record(product: Product, nas: Host) -> None:
    """However long it was: it is no fault of the database, and the refusal is no secret."""
    drive = product.plug("LONGTEXT", 8)
    job = product.start("LONGTEXT", at=later())
    job.cancel()
    job.wait_end()
    calls: list[tuple[str, Callable[[], Any]]] = [
        ("NoSuchDrive", lambda: product.start_all([(LONG, "")])),
        ("WrongSerial", lambda: product.start_all([(drive["Id"], LONG)])),
        ("WrongSerial", lambda: job.call("Retry", "st", LONG, 0)),
        ("InvalidArgument", lambda: drive.call("StartSelfTest", "st", LONG, 0)),
        ("WrongFingerprint", lambda: nas.call("AcceptHostKey", "st", LONG, 0))]
    for name, call in calls:
        last = product.list("Audit")[0]["Id"]
        found, said = message_of(call)
        assert found == name and len(said) < 400 and "xxx..." in said, (found, said[:1000])
        assert product["Health"] == "ok", name
        row = product.list("Audit")[0]
        assert row["Id"] == last + 1 and (row["Outcome"], row["Detail"]) == ("refused", said) and len(row["Object"]) < 200
    for serial in ("", "x"):
        _, result, detail, _ = product.start_all([(LONG, serial), ("nothing", "")], confirmed=True)[0]
        assert result == "skipped" and len(detail) < 400
    assert product["Health"] == "ok"


def echoes(product: Product, host: Host, text: str) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Whatever repeats what was given to it."""
    def manager(method: str, signature: str, *arguments: Any) -> Callable[[], Any]:
        return lambda: product.call(method, signature, *arguments)

    yield "NoSuchHost", manager("GetHost", "s", text)
    yield "NoSuchDrive", manager("GetDrive", "s", text)
    yield "NoSuchDrive", manager("EstimateBurnIn", "asa{sv}", [text], options())
    yield "NoSuchDrive", lambda: product.start_all([(text, text)])
    yield "InvalidOption", lambda: product.start_all([("ECHOES01", "ECHOES01")], profile=text)
    yield "InvalidOption", manager("ListJobs", "a{sv}", options(state=text))
    yield "InvalidOption", manager("ListJobs", "a{sv}", options(verdict=text))
    yield "InvalidOption", manager("ListDrives", "a{sv}", options(lock=text))
    yield "InvalidOption", manager("ListHosts", "a{sv}", options(**{text: "x"}))
    yield "InvalidArgument", lambda: product.new_host("echo", kind=text)
    yield "InvalidArgument", lambda: product.new_host("echo", address=text)
    yield "InvalidArgument", lambda: product.new_host("echo", user=text)
    yield "InvalidArgument", lambda: product.new_host("echo", kind="truenas", api_url=text)
    yield "InvalidArgument", lambda: product.new_host("echo", kind="truenas", api_pin=text)
    yield "InvalidArgument", lambda: product.new_host(text)
    yield "InvalidArgument", lambda: host.call("Configure", "a{sv}", options(address=text))
    yield "WrongFingerprint", lambda: host.call("AcceptHostKey", "st", text, 0)
    yield "WrongSerial", lambda: product.start_all([("ECHOES01", text)])
    yield "InvalidArgument", lambda: product.drive("ECHOES01").call("StartSelfTest", "st", text, 0)
    yield "NoSuchSetting", lambda: product.call_settings("Get", "s", text)
    yield "InvalidArgument", lambda: product.call_settings("Set", "svt", "max_per_host", text, 0)
    yield "InvalidArgument", lambda: product.machine.call(*ACCOUNTS, "Remove", "st", text, 0)


@pytest.mark.parametrize("kind", ["long", *DIRTY])
def test_no_error_repeats_what_it_was_given(product: Product, nas: Host, kind: str) -> None:
    product.plug("ECHOES01", 8)
    for name, call in echoes(product, nas, "x" * 10_000 if kind == "long" else DIRTY[kind]):
        found, said = message_of(call)
        assert found == name, said[:1000]
        assert len(said) < 400 and said.isprintable(), said[:1000]
    assert not product.active_jobs() and [row["Name"] for row in product.hosts()] == ["nas"]
    for row in product.list("Audit"):
        assert all(value.isprintable() for value in row.values() if isinstance(value, str)), row


def test_no_filter_takes_text_without_end(product: Product, nas: Host) -> None:
    for method, key in (("ListJobs", "host"), ("ListJobs", "drive"), ("ListDrives", "host"), ("ListDrives", "serial"),
                        ("ListHosts", "name"), ("ListGrants", "drive")):
        with refused("InvalidOption", key):
            product.call(method, "a{sv}", options(**{key: LONG}))
    with refused("InvalidOption", "account"):
        product.machine.call(*ACCOUNTS, "ListSessions", "a{sv}", options(account=LONG))
    with refused("InvalidOption", "calendar"):
        product.start("NOTHING1", calendar=LONG)


@pytest.mark.parametrize("kind", DIRTY)
def test_text_for_people_has_no_control_characters(product: Product, nas: Host, kind: str) -> None:
    text = DIRTY[kind]
    drive = product.plug("DIRTY001", 8)
    job = product.start("DIRTY001", at=later())
    with nothing_changes(product):
        with refused("InvalidArgument", "location", "control characters"):
            drive.call("SetLocation", "st", text, 0)
        for call in (lambda: job.call("Cancel", "st", text, 0), lambda: job.call("Pause", "st", text, 0),
                     lambda: product.call("CancelAll", "st", text, 0), lambda: drive.call("Unlock", "sst", "x", text, 0)):
            with refused("InvalidArgument", "reason", "control characters"):
                call()
        if kind == "lines":
            return      # as notes have them
        with refused("InvalidArgument", "otes", "control characters"):
            drive.call("SetNotes", "st", text, 0)
        with refused("InvalidOption", "note", "control characters"):
            product.start("DIRTY001", note=text)
        with refused("InvalidArgument", "otes", "control characters"):
            product.new_host("dirty", notes=text)
        with refused("InvalidArgument", "otes", "control characters"):
            nas.call("Configure", "a{sv}", options(notes=text))
    assert job["State"] == "queued"


def test_notes_have_lines(product: Product, nas: Host) -> None:
    lines = "one\n\ttwo\n"
    drive = product.plug("LINES001", 8)
    drive.call("SetNotes", "st", lines, 0)
    nas.call("Configure", "a{sv}", options(notes=lines))
    job = product.start("LINES001", note=lines, at=later())
    assert (drive["Notes"], nas["Notes"], job["Note"]) == (lines, lines, lines)


def test_lock_that_there_is_not(product: Product, nas: Host) -> None:
    for lock in ("", "swap", "None", "none "):
        with refused("InvalidOption", "lock"):
            product.list("Drives", lock=lock)
