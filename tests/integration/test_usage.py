# SPDX-License-Identifier: LGPL-2.1-or-later
"""Wrong words: every command of burninctl and every method of the bus says so, in one line or by one name, and does nothing."""
from __future__ import annotations

import json
import re
import time
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import dbus
import pytest
from product import DRIVE, HOST, JOB, MANAGER, NIGHTLY, PATH, SETTINGS_INTERFACE, STAGE, Host, Product, nas, plain, product  # noqa: F401

pytestmark = pytest.mark.allow_journal(r"has ended: (inconclusive|failed|cancelled)", r"^inconclusive: ", r"is missing",
                                       r"^The grant ")

SOURCE = Path(__file__).resolve().parents[2]
USAGE = 2
INVALID_ARGS = "org.freedesktop.DBus.Error.InvalidArgs"
VALUES: dict[str, Any] = {"s": "x", "t": 0, "u": 0, "i": 0, "v": "x", "as": ["x"], "a{sv}": {}, "a(ss)": [("x", "x")], "a{ss}": {}}
OTHERS = {"s": ("u", 7), "t": ("s", "0"), "u": ("s", "0"), "i": ("t", 0), "v": ("s", "x"), "as": ("s", "x"), "a{sv}": ("a{ss}", {}),
          "a(ss)": ("as", ["x"])}


def commands() -> list[tuple[str, int, int | None]]:
    """Each with how many words it takes, from the table of burninctl."""
    source = (SOURCE / "src/cli/burninctl.c").read_text()
    table = re.findall(r'^ +\{ "([a-z-]+)", (?:"([a-z-]+)"|NULL), (\d+), (\w+),', source, re.MULTILINE)
    return [(f"{noun} {verb}".strip(), int(low), int(high) if high.isdecimal() else None) for noun, verb, low, high in table]


def one_line(product: Product, *words: str, status: int = USAGE) -> str:
    done = product.machine.run(["burninctl", *words], check=False)
    said = done.stderr.strip()
    assert done.returncode == status, (words, done)
    assert said and "\n" not in said and not done.stdout, (words, done)
    return said


def everything(product: Product) -> list[Any]:
    hosts, drives = product.hosts(), product.list("Drives")
    for row in hosts + drives:
        for name in ("LastSeenUSec", "SmartUSec", "Smart", "TemperatureMDegC"):
            row.pop(name, None)
    return [hosts, drives, [(job.path, job["State"]) for job in product.jobs()], product.call_settings("List")]


def test_every_command_counts_its_words(product: Product, nas: Host) -> None:
    before = everything(product)
    table = commands()
    assert len(table) > 40
    for command, low, high in table:
        words = command.split()
        if command != "help":
            if high is not None:
                assert command in one_line(product, *words, *["x"] * (high + 1))
            said = one_line(product, *words, *["x"] * low, "--frobnicate")
            assert "frobnicate" in said
        if low > 0:
            assert f"'{command}' needs more" in one_line(product, *words, *["x"] * (low - 1))
    for noun in {command.split()[0] for command, _, _ in table if " " in command}:
        assert "needs a command" in one_line(product, noun)
        assert f"{noun} frobnicate" in one_line(product, noun, "frobnicate")
    assert "frobnicate" in one_line(product, "frobnicate")
    assert everything(product) == before


CANNOT_BE: list[tuple[str, ...]] = [
    ("hosts", "--json=xml"), ("hosts", "--json"), ("jobs", "--lines=0"), ("jobs", "-n", "-1"), ("jobs", "-n", "many"),
    ("jobs", "-n", ""), ("host", "add", "x", "--port=65536"), ("host", "add", "x", "--port=-1"),
    ("host", "add", "x", "--port=22x"), ("host", "add", "../etc"), ("host", "add", "a b"),
    ("host", "add", "x", "--kind=toaster"), ("host", "add", ""), ("host", "add", "x" * 65),
    ("host", "add", "x", "--verify-tls=perhaps", "--kind=truenas"), ("host", "add", "x", "--address=-oProxyCommand=x"),
    ("drives", "--lock=tight"), ("drives", "--present=perhaps"), ("drives", "--present="), ("jobs", "--verdict=good"),
    ("jobs", "--state=asleep"), ("jobs", "--state="), ("jobs", "--state=done", "--active"),
    *(("drive", "readings", "USAGE001", *options) for options in (
        ("--since=tomorrow",), ("--since=+1h",), ("--until=soon",), ("--until=",), ("--since=-1h", "--until=-2h"))),
    ("drive", "identify", "USAGE001", "--seconds=0"),
    ("drive", "identify", "USAGE001", "--seconds=3601"), ("drive", "identify", "USAGE001", "--seconds=1", "--off"),
    ("drive", "location", "USAGE001", "x" * 65), ("drive", "notes", "USAGE001", "x" * 4097), ("start", "USAGE001", "--yes"),
    ("start", "USAGE001", "--serial=USAGE001", "--serial=USAGE002", "--yes"), ("start", "USAGE001", "--release"),
    ("estimate", "USAGE001", "--profile=x"), ("estimate", "USAGE001", "--stages=x"),
    ("estimate", "USAGE001", "--profile=full", "--stages=long_smart"), ("selftest", "start", "USAGE001", "--type=sideways"),
    ("cancel",), ("cancel", "1", "--all"), ("job", "priority", "1", "200"), ("job", "show", "one"), ("job", "show", "-1"),
    ("job", "show", "9" * 20), ("job", "cancel", "1x"), ("audit", "-n", "0"), ("audit", "x" * 201),
    ("audit", "one", "two"), ("statistics", "0"), ("statistics", "all"),
    ("report", "daily", "--since=+1h"), ("report", "daily", "--since=often"), ("report", "daily", "one", "two"),
    ("report", "daily", "--send", "/tmp/x.html"), ("report", "daily", "--send", "--since=+1h"),
    ("settings", "set", "max_per_host", ""), ("notifier", "add", "x", "--kind=mail", "--to="),
    ("notifier", "add", "a b", "--kind=mail", "--to=a@x.org"), ("outbox", "list", "--state=running"),
    ("settings", "set", "max_per_host", "1e3"), ("settings", "set", "boot_pools", "a;b"),
    ("drive", "unlock", "USAGE001", "--token=x"), ("drives", "--host"),
    *(("start", "USAGE001", "--yes", "--serial=USAGE001", *options) for options in (
        ("--profile=everything",), ("--priority=101",), ("--priority=high",), ("--stages=",), ("--at=yesterday",),
        ("--calendar=never",), ("--at=+1h", "--calendar=daily"), ("--request=a b",)))]


def test_arguments_that_cannot_be(product: Product, nas: Host) -> None:
    product.plug("USAGE001", 8)
    before = everything(product)
    for words in CANNOT_BE:
        one_line(product, *words)
    assert everything(product) == before


def methods() -> list[tuple[str, str, list[str]]]:
    found = []
    for file in sorted((SOURCE / "dbus").glob("*.xml")):
        for interface in ElementTree.parse(file).iter("interface"):
            found += [(str(interface.get("name")), str(method.get("name")),
                       [str(a.get("type")) for a in method.iter("arg") if a.get("direction") == "in"])
                      for method in interface.iter("method")]
    return found


def test_every_method_knows_its_types(product: Product, nas: Host) -> None:
    drive = product.plug("USAGE001", 256)
    other = product.plug("USAGE002", 8)
    product.machine.run(["mkfs.ext4", "-q", product.device("USAGE002")])
    other.wait("LockState", "existing-data")
    grant = other.call("Unlock", "sst", "DESTROY EXISTING DATA", "to see", 0)
    job = product.start("USAGE001")
    paths = {MANAGER: PATH, SETTINGS_INTERFACE: PATH, NIGHTLY: PATH, HOST: nas.path, DRIVE: drive.path, JOB: job.path,
             STAGE: job.stage().path,
             "org.burnin1.UnlockGrant": grant, "org.burnin1.Accounts": PATH + "/accounts", "org.burnin1.Notifiers": PATH + "/notifiers"}
    assert {interface for interface, _, _ in methods()} <= set(paths)
    with product.braked(job):
        for user in (None, "visitor"):
            for interface, method, types in methods():
                wrong = [types + ["s"]] + ([types[:-1]] if types else [])
                wrong += [types[:i] + [OTHERS[types[i]][0]] + types[i + 1:] for i in range(len(types)) if types[i] != "v"]
                for given in wrong:
                    values = [VALUES[t] for t in given]
                    with pytest.raises(dbus.DBusException) as caught:
                        product.machine.call(paths[interface], interface, method, "".join(given), *values, user=user)
                    assert caught.value.get_dbus_name() == INVALID_ARGS, (method, given, caught.value)
        assert job["State"] == "running" and product.drive("USAGE002")["LockState"] == "existing-data"
        assert plain(product.machine.call(grant, "org.freedesktop.DBus.Properties", "Get", "ss", "org.burnin1.UnlockGrant", "Reason"))
        job.cancel()


# --- completion ------------------------------------------------------------------------------------------


def complete(product: Product, *words: str) -> list[str]:
    """What bash offers for the last of these words; '--lock=' is two to it."""
    quoted = " ".join(f"'{w}'" for w in words)
    return product.machine.run([
        "bash", "-c", ". /usr/share/bash-completion/completions/burninctl; compopt() { :; }; "
        f"COMP_WORDS=({quoted}); COMP_CWORD={len(words) - 1}; _burninctl; printf '%s\\n' \"${{COMPREPLY[@]}}\""]).stdout.split()


def test_completion_knows_every_command_and_option(product: Product) -> None:
    offered, common = complete(product, "burninctl", ""), complete(product, "burninctl", "version", "--")
    for command, _, _ in commands():
        noun, _, verb = command.partition(" ")
        assert noun in offered
        assert not verb or verb in complete(product, "burninctl", noun, "")
        # Whatever is offered for it is an option of it. The words are too many for any command.
        options = [o + "1" if o.endswith("=") else o for o in complete(product, "burninctl", *command.split(), "--") if o not in common]
        said = product.machine.run(["burninctl", *command.split(), *options, *["x"] * 3000], check=False).stderr
        assert "does not take --" not in said and "recognized" not in said, (command, said)


def test_completion_knows_what_is_there(product: Product, nas: Host) -> None:
    drive = product.plug("USAGE003", 256)
    job = product.start("USAGE003")
    with product.braked(job):
        for words in (("host", "show"), ("host", "configure"), ("host", "remove"), ("drives", "--host", "="), ("jobs", "--host", "=")):
            assert complete(product, "burninctl", *words, "n") == ["nas"], words
        for words in (("drive", "show"), ("drive", "unlock"), ("selftest", "start"), ("estimate",)):
            assert drive["Id"] in complete(product, "burninctl", *words, ""), words
        for words in (("job", "show"), ("job", "log"), ("job", "cancel"), ("job", "pause"), ("cancel",)):
            assert str(job.id) in complete(product, "burninctl", *words, ""), words
        assert complete(product, "burninctl", "job", "log", str(job.id), "s") == ["short_smart", "surface_validate"]
        assert complete(product, "burninctl", "start", "--profile", "=", "su") == ["surface", "surface_short", "surface_long"]
        assert complete(product, "burninctl", "--json", "=", "p") == ["pretty"]
        assert complete(product, "burninctl", "drive", "location", drive["Id"], "") == []
        job.cancel()


def test_every_filter_has_its_option(product: Product, nas: Host) -> None:
    drive, gone = product.plug("FILTER01", 8), product.plug("FILTER02", 8)
    product.machine.remove_loop_drive("FILTER02")
    gone.wait("Present", False)
    job = product.start("FILTER01", at=dbus.UInt64(int((time.time() + 3600) * 1_000_000)))

    def names(*words: str) -> set[str]:
        return set(product.machine.run(["burninctl", "-q", *words]).stdout.split())

    def readings(*options: str) -> int:
        return len(json.loads(product.machine.run(["burninctl", "drive", "readings", drive["Id"], "--json=short", *options]).stdout))

    assert gone["Id"] in names("drives", "--present=no") - names("drives", "--present=yes")
    assert drive["Id"] in names("drives", "--present=yes") - names("drives", "--present=no")
    assert names("jobs", "--state=queued", "--drive=FILTER01") == {str(job.id)}
    assert names("jobs", "--state=running") == set() and str(job.id) not in names("jobs", "--state=done")
    job.cancel()
    job.wait_end()
    assert names("jobs", "--state=done", "--drive=FILTER01") == {str(job.id)}
    assert readings() == readings("--since=-1h") == readings("--since=@1", "--until=@4000000000") >= 1
    assert readings("--until=-1h") == readings("--since=@1", "--until=@2") == 0

    product.machine.run(["mkfs.ext4", "-q", product.device("FILTER01")])
    drive.wait("LockState", "existing-data")
    drive.call("Unlock", "sst", "DESTROY EXISTING DATA", "to see", 0)
    assert len(names("grants", "--drive=FILTER01")) == len(names("grants")) == 1
    assert names("grants", f"--drive={gone['Id']}") == set()
    assert "NOTHING1" in one_line(product, "grants", "--drive=NOTHING1", status=3)


def test_every_filter_of_the_bus_is_known() -> None:
    """By their documentation; a host and a serial name one object, which is shown."""
    client = "".join(path.read_text() for path in (SOURCE / "src/cli").glob("*.c"))
    documents = " ".join(path.read_text() for path in (SOURCE / "dbus").glob("*.xml"))
    filters = {key for text in re.findall(r"Filter: ([^.]*)\.", documents) for key in re.findall(r"(?:^|[ ,;])([a-z]+) [sbut]\b", text)}
    assert {"state", "present", "since", "until", "drive"} <= filters
    assert sorted(key for key in filters - {"name", "serial"} if f'"{key}"' not in client) == []


# Of the processes of the web page, for whoever uses that; on the bus people are Unix users.
SESSIONS = {"Login", "Resume", "Check", "Logout", "CreateFirst", "ChangePassword", "GetLockout"}


def test_every_method_has_its_command() -> None:
    client = "".join(path.read_text() for path in (SOURCE / "src/cli").glob("*.c"))
    assert [method for interface, method, _ in methods() if f'"{method}"' not in client
            and not (interface == "org.burnin1.Accounts" and method in SESSIONS)] == []
