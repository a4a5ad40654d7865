# SPDX-License-Identifier: LGPL-2.1-or-later
"""Hosts of kind truenas: their drives by the API alone, what that is not enough for, faults, trust, keys, and versions."""
from __future__ import annotations

import base64
import contextlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dbus
import pytest
from product import Product, product, refused  # noqa: F401 # pylint: disable=unused-import
from truenas import Nas, add, configure, drives, fixture_start_nas, sealed  # noqa: F401 # pylint: disable=unused-import


# --- drives ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dialect", ["contract", "real"])
def test_drives_appear(product: Product, start_nas: Callable[..., Nas], dialect: str) -> None:  # noqa: F811
    nas = start_nas("--dialect", dialect)
    host = add(product, nas)
    host.wait("State", "online")
    assert (host["ApiState"], host["Kind"], host["OperatingSystem"]) == ("ok", "truenas", "TrueNAS-SCALE-24.10.2.1")
    found = drives(product)
    assert len(found) == host["Drives"] == 15
    sda = found["sda"]
    assert (sda["Serial"], sda["Model"], sda["SizeBytes"]) == ("WD-WCC7K0PXA1N4", "WDC WD40EFRX-68N32N0", 4_000_787_030_016)
    assert (sda["WWN"], sda["TemperatureMDegC"]) == ("0x50014ee20f8a61c2", 31_000)
    assert (sda["LockState"], sda["UnlockToken"]) == ("active-pool", "tank")
    assert {d["LockState"] for d in found.values()} == {"active-pool", "unclassified"}


def test_key_stays_secret(product: Product, start_nas: Callable[..., Nas]) -> None:     # noqa: F811
    nas = start_nas()
    add(product, nas).wait("State", "online")
    machine = product.machine
    path = machine.path("/var/lib/burnin/api-keys/tn")
    assert (path.read_text(), path.stat().st_mode & 0o777, path.stat().st_uid) == (nas.key, 0o600, 0)
    assert nas.key not in json.dumps(product.hosts()) + json.dumps(product.list("Audit"))
    assert nas.key not in machine.run(["journalctl", "--no-pager", "-o", "json"]).stdout
    assert nas.key.encode() not in machine.path("/var/lib/burnin/burnin.db").read_bytes()
    pid = machine.run(["systemctl", "show", "-P", "MainPID", "burnin-truenas"]).stdout.strip()
    assert nas.key not in machine.read(f"/proc/{pid}/cmdline") + machine.read(f"/proc/{pid}/environ")
    assert machine.run(["stat", "-c", "%U", f"/proc/{pid}/ns"]).returncode == 0
    product.remove_host("tn")
    assert not path.exists()


def test_key_from_a_credential_wins(product: Product, start_nas: Callable[..., Nas]) -> None:   # noqa: F811
    nas, machine = start_nas(), product.machine
    machine.write("/root/key", nas.key + "\n", mode=0o600)
    machine.write("/etc/systemd/system/burnind.service.d/key.conf", "[Service]\nLoadCredential=api-key.tn:/root/key\n")
    try:
        machine.run(["systemctl", "daemon-reload"])
        product.restart()
        add(product, nas, key="1-wrong").wait("State", "online")
    finally:
        machine.run(["rm", "/root/key", "/etc/systemd/system/burnind.service.d/key.conf"])
        machine.run(["systemctl", "daemon-reload"])
        product.restart()


def test_process_is_confined(product: Product) -> None:     # noqa: F811
    machine = product.machine
    shown = dict(line.split("=", 1) for line in machine.run(
        ["systemctl", "show", "burnin-truenas", "-p", "User,Slice,CapabilityBoundingSet,ActiveState"]).stdout.splitlines())
    assert shown == {"User": "burnin", "Slice": "burnin.slice", "CapabilityBoundingSet": "", "ActiveState": "active"}


def test_only_one_program_has_libcurl(product: Product) -> None:    # noqa: F811
    for program in ("/usr/lib/burnin/burnind", "/usr/lib/burnin/burnin-worker", "/usr/bin/burninctl"):
        assert "libcurl" not in product.machine.run(["ldd", program]).stdout
    linked = product.machine.run(["ldd", "/usr/lib/burnin/burnin-truenas"]).stdout
    assert "libcurl" in linked and "libssh.so" not in linked


def test_drive_that_is_pulled_is_missing(product: Product, start_nas: Callable[..., Nas]) -> None:      # noqa: F811
    """Another TrueNAS answers at the same address, with no drives of the first."""
    nas = start_nas()
    host = add(product, nas)
    host.wait("State", "online")
    # Everything is told anew, and nothing is taken for new.
    product.restart()
    host.wait("State", "online")
    assert len(drives(product)) == 15
    product.machine.run(["systemctl", "restart", "burnin-truenas"])
    product.machine.wait_for(lambda: product["Health"] == "ok", 20, "it is connected again")
    assert len(drives(product)) == 15


# --- faults ----------------------------------------------------------------------------------------------------


@pytest.mark.allow_journal("has not answered for")
@pytest.mark.parametrize("mode, state, words", [
    ("404", "remote", "404"), ("500", "unreachable", "500"), ("html", "garbage", "not JSON"),
    ("half", "unreachable", ""), ("nothing", "timeout", ""), ("huge", "garbage", "4 MiB")])
def test_faults_change_nothing(product: Product, start_nas: Callable[..., Nas], mode: str, state: str,  # noqa: F811
                               words: str) -> None:
    nas = start_nas()
    host = add(product, nas)
    host.wait("State", "online")
    before = {name: {k: d[k] for k in ("Id", "Serial", "LockState", "LockDetail", "SizeBytes")} for name, d in drives(product).items()}
    nas.control("fault", mode=mode, path="/api/v2.0/disk")
    host.wait("ApiState", state, 40)
    assert words in host["ApiReason"] and words in host["StateReason"]
    after = {name: {k: d[k] for k in ("Id", "Serial", "LockState", "LockDetail", "SizeBytes")} for name, d in drives(product).items()}
    assert after == before
    nas.control("fault", mode="none")
    host.refresh()
    host.wait("ApiState", "ok", 30)
    host.wait("State", "online", 30)


def test_refused_key(product: Product, start_nas: Callable[..., Nas]) -> None:  # noqa: F811
    nas = start_nas()
    host = add(product, nas, key="1-wrong")
    host.wait("State", "auth")
    assert "--api-key-file=" in host["StateReason"] and drives(product) == {}
    configure(host, api_key=sealed(nas.key + "\n"))
    host.wait("State", "online")
    assert len(drives(product)) == 15
    nas.control("fault", mode="401")
    host.wait("State", "auth")
    assert len(drives(product)) == 15 and all(d["Stale"] for d in drives(product).values())


def test_no_key(product: Product, start_nas: Callable[..., Nas]) -> None:   # noqa: F811
    nas = start_nas()
    host = product.new_host("tn", kind="truenas", api_url=nas.url)
    host.wait("State", "auth")
    assert "--api-key-file=" in host["StateReason"]
    assert nas.dump()["requests"] == []


# --- trust -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pin", ["", "sha256//" + base64.b64encode(bytes(32)).decode()])
def test_certificate_that_is_not_trusted(product: Product, start_nas: Callable[..., Nas], pin: str) -> None:    # noqa: F811
    nas = start_nas()
    host = add(product, nas, api_pin=pin)
    host.wait("ApiState", "tls")
    assert host["State"] == "new" and "--api-pin=" in host["ApiReason"] and drives(product) == {}
    assert nas.dump()["requests"] == []


def test_verification_switched_off(product: Product, start_nas: Callable[..., Nas]) -> None:    # noqa: F811
    host = add(product, start_nas(), api_pin="", api_verify=False)
    host.wait("State", "online")
    assert not host["ApiVerify"]


# --- versions, and SSH besides ---------------------------------------------------------------------------------


def said(product: Product, words: str) -> int:      # noqa: F811
    return len([e for e in product.machine.journal("SYSLOG_IDENTIFIER=burnind") if words in str(e.get("MESSAGE"))])


@pytest.mark.allow_journal("has not answered for")
def test_25_10_says_once_that_smart_has_gone(product: Product, start_nas: Callable[..., Nas]) -> None:  # noqa: F811
    nas = start_nas()
    host = add(product, nas, name="tn2510")
    host.wait("State", "online")
    nas.control("version", version="25.10")
    host.wait("ApiState", "no-smart")
    assert host["State"] == "online" and len(drives(product, "tn2510")) == 15
    n = len(nas.dump()["requests"])
    product.machine.wait_for(lambda: len(nas.dump()["requests"]) > n + 4, 20, "it was asked again")
    assert said(product, "The API of tn2510 has no SMART calls") == 1
    nas.control("fault", mode="500")
    host.wait("ApiState", "unreachable", 40)
    nas.control("fault", mode="none")
    host.refresh()
    host.wait("ApiState", "no-smart", 40)
    assert said(product, "The API of tn2510 has no SMART calls") == 1


@pytest.mark.allow_journal("has not answered for")
def test_26_is_reached_by_ssh(product: Product, start_nas: Callable[..., Nas]) -> None:     # noqa: F811
    nas = start_nas("--version", "26")
    host = add(product, nas, name="tn26")
    host.wait("ApiState", "no-api")
    assert "--user=root" in host["ApiReason"]
    at = product.machine.host
    configure(host, address="127.0.0.1", port=dbus.UInt16(at.port), user="root")
    host.wait("State", "unconfirmed")
    host.accept_key(at.fingerprint)
    host.wait("State", "online")
    assert host["ApiState"] == "no-api"
    assert said(product, "tn26 has no REST API") == 1


def test_with_ssh_the_drives_are_those_of_ssh(product: Product, start_nas: Callable[..., Nas]) -> None:     # noqa: F811
    nas = start_nas()
    at = product.machine.host
    host = add(product, nas, address="127.0.0.1", port=dbus.UInt16(at.port), user="root")
    host.wait("State", "unconfirmed")
    host.wait("ApiState", "ok")
    host.accept_key(at.fingerprint)
    host.wait("State", "online")
    product.plug("LOOPTN01", 64, lock=None)
    assert "sda" not in drives(product)
    # And back: a burn-in is refused at once.
    configure(host, user="")
    with refused("DriveMissing"):
        product.start("LOOPTN01")
    host.wait("State", "online")
    product.machine.wait_for(lambda: "sda" in drives(product), 20, "the API's drives are there")
    assert {d["LockState"] for d in drives(product).values()} == {"active-pool", "unclassified"}


# --- the bus and the command line ------------------------------------------------------------------------------


BAD_OPTIONS: list[dict[str, Any]] = [
    {"kind": "truenas", "api_url": "http://nas"}, {"kind": "truenas", "api_url": "https://"},
    {"kind": "truenas", "api_url": "https://nas/x"}, {"kind": "truenas", "api_url": "https://user:pw@nas"},
    {"kind": "truenas", "api_url": "https://nas:0"}, {"kind": "truenas", "api_url": "https://nas:65536"},
    {"kind": "truenas", "api_url": "https://-nas"}, {"kind": "truenas", "api_url": "https://nas?x"},
    {"kind": "truenas", "api_url": "https://[::1"}, {"kind": "truenas", "api_pin": "sha256//short"},
    {"kind": "truenas", "api_pin": "/etc/passwd"}, {"kind": "truenas", "user": "-x"}, {"kind": "truenass"},
    {"kind": "ssh", "api_url": "https://nas"}, {"kind": "ssh", "api_verify": False}, {"kind": "ssh", "user": ""}]


@pytest.mark.parametrize("options", BAD_OPTIONS)
def test_bad_options(product: Product, options: dict[str, Any]) -> None:    # noqa: F811
    with refused("InvalidArgument"):
        product.new_host("bad", **options)
    assert product.hosts() == []


@pytest.mark.parametrize("options", [{"api_key": "text"}, {"api_verify": "yes"}, {"api_url": True}, {"api_keys": "x"}])
def test_options_of_another_type(product: Product, options: dict[str, Any]) -> None:    # noqa: F811
    with refused("InvalidOption"):
        product.new_host("bad", kind="truenas", **options)


@pytest.mark.parametrize("kind", ["ssh", "local", "truenas"])
@pytest.mark.parametrize("option", ["address", "user", "notes", "api_url", "api_pin"])
def test_every_text_may_be_empty_or_absent(product: Product, kind: str, option: str) -> None:   # noqa: F811
    """It is taken or refused, at the start and later, and neither ends the service."""
    pid = product.machine.run(["systemctl", "show", "-P", "MainPID", "burnind"]).stdout
    for options in ({}, {option: ""}):
        with contextlib.suppress(dbus.DBusException):
            product.new_host("empty", kind=kind, **options)
        if product.hosts():
            for change in ({option: ""}, {"notes": ""}):
                with contextlib.suppress(dbus.DBusException):
                    configure(product.host("empty"), **change)
            product.restart()
            product.remove_host("empty")
            pid = product.machine.run(["systemctl", "show", "-P", "MainPID", "burnind"]).stdout
    assert product.machine.run(["systemctl", "show", "-P", "MainPID", "burnind"]).stdout == pid


def test_bad_changes(product: Product) -> None:     # noqa: F811
    """Of a host that is there: refused as at its start, nothing changed, and no key taken."""
    host = product.new_host("tn", kind="truenas", api_url="https://127.0.0.1:1")
    before = {name: host[name] for name in ("Address", "Port", "User", "Notes", "ApiUrl", "ApiPin", "ApiVerify")}
    changes = [{k: v for k, v in options.items() if k != "kind"} for options in BAD_OPTIONS if options["kind"] == "truenas"]
    with open("/dev/null", "rb") as file:
        for error, values in [
                *(("InvalidArgument", values) for values in (
                    *changes, {"api_url": ""}, {"address": "-oProxyCommand=x"}, {"address": ""}, {"port": dbus.UInt16(0)},
                    {"notes": "x" * 4097}, {"api_key": sealed("")}, {"api_key": sealed("two words")},
                    {"api_key": dbus.types.UnixFd(file.fileno())})),
                *(("InvalidOption", values) for values in (
                    {"api_key": "text"}, {"api_verify": "yes"}, {"api_url": True}, {"api_pin": dbus.UInt32(1)}, {"kind": "ssh"}))]:
            with refused(error):
                configure(host, **({"user": "other", "notes": "half"} | values))
            assert {name: host[name] for name in before} == before, values
    assert not product.machine.path("/var/lib/burnin/api-keys/tn").exists()
    product.remove_host("tn")


@pytest.mark.parametrize("key", ["", "two words", "a\nb", "x" * 513, "\x01", "schl\u00fcssel"])
def test_bad_keys(product: Product, key: str) -> None:      # noqa: F811
    with refused("InvalidArgument", "no API key"):
        product.new_host("bad", kind="truenas", api_key=sealed(key))
    assert product.hosts() == [] and not product.machine.path("/var/lib/burnin/api-keys/bad").exists()


def test_key_must_be_sealed(product: Product, tmp_path: Path) -> None:      # noqa: F811
    """Anything else could make burnind wait, or change while it is read."""
    reader, writer = os.pipe()
    (tmp_path / "key").write_text("key")
    with open(tmp_path / "key", "rb") as file:
        for fd in (reader, file.fileno()):
            with refused("InvalidArgument", "sealed memfd"):
                product.new_host("bad", kind="truenas", api_key=dbus.types.UnixFd(fd))
    os.close(reader)
    os.close(writer)


def test_without_rights(product: Product, start_nas: Callable[..., Nas]) -> None:   # noqa: F811
    host = add(product, start_nas())
    with pytest.raises(dbus.DBusException, match="AccessDenied|InteractiveAuthorizationRequired"):
        host.call("Configure", "a{sv}", dbus.Dictionary({"api_key": sealed("other")}, signature="sv"), user="visitor")
    host.wait("State", "online")


def test_command_line(product: Product, start_nas: Callable[..., Nas]) -> None:     # noqa: F811
    nas, machine = start_nas(), product.machine
    run = machine.run(["burninctl", "host", "add", "tn", "--kind=truenas", f"--api-url={nas.url}", "--api-key-file=-",
                       "--no-verify-tls"], input="1-wrong\n")
    assert "--user=root" in run.stderr + run.stdout
    product.host("tn").wait("State", "auth")
    machine.write("/root/key", nas.key + "\n", mode=0o600)
    machine.run(["burninctl", "host", "configure", "tn", "--api-key-file=/root/key", f"--api-pin={nas.pin}", "--verify-tls=yes"])
    product.host("tn").wait("State", "online")
    shown = machine.run(["burninctl", "host", "show", "tn"]).stdout
    assert nas.url in shown and "API alone" in shown and nas.pin in shown and nas.key not in shown
    parsed = json.loads(machine.run(["burninctl", "--json=short", "host", "show", "tn"]).stdout)
    assert (parsed["Kind"], parsed["ApiState"], parsed["ApiVerify"]) == ("truenas", "ok", True)
    assert "WD-WCC7K0PXA1N4" in machine.run(["burninctl", "drives", "--host=tn"]).stdout
    failed = machine.run(["burninctl", "host", "configure", "tn", "--api-key-file=/root/none"], check=False)
    assert failed.returncode == 1 and "/root/none" in failed.stderr
