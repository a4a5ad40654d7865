# SPDX-License-Identifier: LGPL-2.1-or-later
"""Who listens knows everything: objects and properties as the signals tell them are those that a call shows."""
from __future__ import annotations

import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import busclient
import dbus
import pytest
from product import MANAGER, PATH, Product, plain, product  # noqa: F401

pytestmark = pytest.mark.allow_journal(r"has ended: (inconclusive|failed|cancelled)", r"^inconclusive: ", r"is missing",
                                       r"^The grant ", r"has not answered", r"another worker takes over", r"^Host nas is ",
                                       r"another key", r"Paused \(operator\)", r"says of itself that it fails")

EMITS = "org.freedesktop.DBus.Property.EmitsChangedSignal"
OBJECT_MANAGER = "org.freedesktop.DBus.ObjectManager"


def emissions() -> dict[tuple[str, str], str]:
    """How a change of each property is told, by (interface, name)."""
    found = {}
    for file in (Path(__file__).resolve().parents[2] / "dbus").glob("*.xml"):
        for interface in ElementTree.parse(file).iter("interface"):
            for property in interface.iter("property"):
                notes = {a.get("name"): a.get("value") for a in property.iter("annotation")}
                found[str(interface.get("name")), str(property.get("name"))] = str(notes.get(EMITS, "true"))
    return found


class Mirror:
    """All objects of the service, made of what it said once, and of its signals since then."""

    def __init__(self, product: Product) -> None:
        self.product, self.emissions = product, emissions()
        self.watch = product.machine.watch_signal(sender="org.burnin1")
        self.taken = 0
        self.objects: dict[str, dict[str, dict[str, Any]]] = plain(product.machine.call(PATH, OBJECT_MANAGER, "GetManagedObjects"))
        self.objects[PATH] = {MANAGER: self.get(PATH, MANAGER)}

    def get(self, path: str, interface: str) -> dict[str, Any]:
        return plain(self.product.machine.call(path, busclient.PROPERTIES, "GetAll", "s", interface))

    def take(self) -> None:
        for signal in self.watch.seen[self.taken:]:
            arguments = [plain(a) for a in signal.args]
            if signal.member == "InterfacesAdded":
                self.objects.setdefault(arguments[0], {}).update(arguments[1])
            elif signal.member == "InterfacesRemoved":
                for interface in arguments[1]:
                    self.objects.get(arguments[0], {}).pop(interface, None)
            elif signal.member == "PropertiesChanged":
                interface, changed, invalidated = arguments
                known = self.objects.get(signal.path, {}).get(interface)
                assert known is not None, f"{signal.path} changed, and nobody was told that it is there"
                for name, value in changed.items():
                    assert self.emissions[interface, name] == "true", f"{interface}.{name} changed"
                    known[name] = value
                for name in invalidated:
                    assert self.emissions[interface, name] == "invalidates", f"{interface}.{name} was invalidated"
                    known[name] = None
            self.taken += 1

    def differences(self) -> list[str]:
        found = []
        for path, interfaces in self.objects.items():
            for interface, known in interfaces.items():
                if interface.startswith("org.freedesktop."):
                    continue
                try:
                    now = self.get(path, interface)
                except dbus.DBusException as error:
                    found.append(f"{path} is gone: {error}")
                    continue
                for name, value in now.items():
                    how = self.emissions[interface, name]
                    if how != "false" and value != known.get(name) and (how != "invalidates" or known.get(name) is not None):
                        found.append(f"{path} {name} ({how}): told {known.get(name)!r}, is {value!r}")
        there = plain(self.product.machine.call(PATH, OBJECT_MANAGER, "GetManagedObjects"))
        found += [f"nobody was told of {path}" for path in there if not self.objects.get(path)]
        return found

    def check(self, what: str, timeout: float = 6) -> None:
        """Figures may come a second late; whatever is still wrong then will stay so."""
        deadline = time.monotonic() + timeout
        while True:
            busclient.pump(lambda: False, 0.1)
            before = len(self.watch.seen)
            found = self.differences()
            busclient.pump(lambda: False, 0.05)
            still = len(self.watch.seen) == before
            self.take()
            if still and not (found and (found := self.differences())):
                return
            if time.monotonic() >= deadline:
                raise AssertionError(f"after {what}:\n" + "\n".join(found or ["signals without end"]))


@pytest.fixture
def mirror(product: Product) -> Iterator[Mirror]:
    made = Mirror(product)
    yield made
    made.watch.close()


def put(product: Product, name: str, value: Any) -> None:
    product.call_settings("Set", "svt", name, value, 0)


def test_nothing_changes_in_silence(product: Product, mirror: Mirror) -> None:
    machine = product.machine
    other = machine.ssh_host(2230)
    host = product.add_host("nas", at=other)
    mirror.check("a host was added and its key accepted")
    host.call("Configure", "a{sv}", dbus.Dictionary({"notes": "on the shelf", "user": "nas"}, "sv"))
    host.call("Configure", "a{sv}", dbus.Dictionary({"user": "root"}, "sv"))
    mirror.check("it was configured")
    put(product, "max_parallel_burnins", "1")
    assert mirror.objects[PATH][MANAGER]["MaxParallelBurnins"] == 4
    mirror.check("a setting was changed")
    assert mirror.objects[PATH][MANAGER]["MaxParallelBurnins"] == 1

    drive = product.plug("MIRROR01", 256)
    second = product.plug("MIRROR02", 8)
    drive.call("SetLocation", "st", "bay 1", 0)
    drive.call("SetNotes", "st", "noted", 0)
    mirror.check("drives came and were labelled")
    machine.run(["mkfs.ext4", "-q", product.device("MIRROR02")])
    second.wait("LockState", "existing-data")
    grant = second.call("Unlock", "sst", "DESTROY EXISTING DATA", "to see it", 0)
    mirror.check("a drive was unlocked")
    assert mirror.objects[grant]
    product.machine.call(grant, "org.burnin1.UnlockGrant", "Revoke", "t", 0)
    mirror.check("the grant was revoked")
    assert not mirror.objects[grant]
    machine.run(["wipefs", "--all", "--quiet", product.device("MIRROR02")])
    second.wait("LockState", "none")
    machine.set_smart("MIRROR02", {"smart_status": {"passed": False}, "temperature": {"current": 51}})
    second.wait("SmartHealth", "failed", 40)
    machine.set_smart("MIRROR02", {})
    second.wait("SmartHealth", "passed", 40)
    mirror.check("its health changed")

    job = product.start("MIRROR01", note="mirrored")
    with product.braked(job):
        mirror.check("a job runs")
        waiting = product.start("MIRROR02")
        waiting.call("SetPriority", "it", 7, 0)
        waiting.call("Pause", "st", "later", 0)
        mirror.check("another waits, and is paused")
        waiting.call("Resume", "t", 0)
        waiting.cancel("never mind")
        job.call("Pause", "st", "lunch", 0)
        job.stage().wait("Paused", bool)
        mirror.check("the running one is paused")
        job.call("Resume", "t", 0)
        job.stage().wait("Paused", "")
        machine.run(["systemctl", "kill", "--signal=KILL", str(job.stage()["Unit"])])
        job.stage().wait("Attempt", 2)
        mirror.check("its worker was killed")
    assert job.wait_end() == "passed"
    mirror.check("it has ended")
    second.call("StartSelfTest", "st", "short", 0)
    mirror.check("a self-test began")
    product.clean_jobs()
    mirror.check("no job is left")

    machine.remove_loop_drive("MIRROR02")
    second.wait("Present", False)
    mirror.check("a drive is missing")
    second.call("Forget", "t", 0)
    mirror.check("it is forgotten")
    assert not mirror.objects[second.path]
    other.stop()
    other.drop_connections()
    host.wait("State", "stale", 40)
    mirror.check("the host is away")
    other.new_host_key()
    other.start()
    host.wait("State", "key-changed", 40)
    mirror.check("it is back with another key")
    host.call("Remove", "t", 0)
    mirror.check("it was removed")
    assert not mirror.objects[host.path]
    product.call_settings("Reset", "st", "max_parallel_burnins", 0)
    mirror.check("the setting is as it was")

    other.remove()
