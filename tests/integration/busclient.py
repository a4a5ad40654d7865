# SPDX-License-Identifier: LGPL-2.1-or-later
"""D-Bus from a test: a connection into the machine, and waits that end by an event or by a deadline."""
from __future__ import annotations

import string
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import dbus
import dbus.bus
import dbus.lowlevel
from dbus.mainloop.glib import DBusGMainLoop
from gi.repository import GLib

PROPERTIES = "org.freedesktop.DBus.Properties"
_SAFE = set(string.ascii_letters + string.digits + "-_/.*")


class Signal(NamedTuple):
    """One signal as it came in."""
    interface: str
    member: str
    path: str
    args: tuple[Any, ...]


class WaitTimeout(AssertionError):
    """What the test waited for did not happen. An assertion: it is a finding, not an accident."""


def connect(argv: list[str]) -> dbus.bus.BusConnection:
    """A bus connection over a command's stdin and stdout (systemd-stdio-bridge inside the machine).

    Not over the socket itself: its peer would be a process outside, whose pid means nothing inside, and
    polkit and the daemon both look at the caller's pid.
    """
    def quote(text: str) -> str:
        return "".join(c if c in _SAFE else "".join(f"%{b:02x}" for b in c.encode()) for c in text)

    address = f"unixexec:path={quote(argv[0])}"
    address += "".join(f",argv{i}={quote(a)}" for i, a in enumerate(argv))
    bus = dbus.bus.BusConnection(address, mainloop=DBusGMainLoop())
    bus.set_exit_on_disconnect(False)   # a reboot must not take the test process along
    return bus


def pump(done: Callable[[], bool], timeout: float) -> bool:
    """Run the main loop until `done` says so, or the deadline has passed."""
    context = GLib.MainContext.default()
    deadline = time.monotonic() + timeout
    while not done():
        left = deadline - time.monotonic()
        if left <= 0:
            return False
        wakeup = GLib.timeout_add(max(1, int(left * 1000)), lambda: GLib.SOURCE_CONTINUE)
        try:
            context.iteration(True)
        finally:
            GLib.source_remove(wakeup)
    return True


class SignalWatch:
    """Collects the signals that match, from its making on: make it before the call that causes them."""

    def __init__(self, bus: dbus.bus.BusConnection, interface: str | None = None, member: str | None = None,
                 path: str | None = None, sender: str | None = None) -> None:
        self.seen: list[Signal] = []
        self._taken = 0
        self._what = f"signal {interface or '*'}.{member or '*'} of {path or '*'}"
        self._match = bus.add_signal_receiver(
            self._receive, signal_name=member, dbus_interface=interface, path=path, bus_name=sender,
            interface_keyword="_interface", member_keyword="_member", path_keyword="_path")

    def _receive(self, *args: Any, _interface: str = "", _member: str = "", _path: str = "") -> None:
        self.seen.append(Signal(str(_interface), str(_member), str(_path), args))

    def wait(self, predicate: Callable[[Signal], bool] | None = None, timeout: float = 10) -> Signal:
        """The next signal that fits; those before it are passed over for good."""
        found: list[Signal] = []

        def look() -> bool:
            while self._taken < len(self.seen):
                signal = self.seen[self._taken]
                self._taken += 1
                if predicate is None or predicate(signal):
                    found.append(signal)
                    return True
            return False

        if not pump(look, timeout):
            raise WaitTimeout(f"{self._what} did not come within {timeout} s; seen: {self.seen}")
        return found[0]

    def close(self) -> None:
        self._match.remove()

    def __enter__(self) -> SignalWatch:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def get_property(bus: dbus.bus.BusConnection, service: str, path: str, interface: str, name: str) -> Any:
    return bus.call_blocking(service, path, PROPERTIES, "Get", "ss", (interface, name), timeout=10)


def wait_property(bus: dbus.bus.BusConnection, service: str, path: str, interface: str, name: str,
                  wanted: object, timeout: float) -> Any:
    """Wait until a property is `wanted`: a value, or a predicate over the value.

    Looks again whenever anything changes at that path, when objects come and go, and when the service itself
    does; until then an absent object counts as 'not yet'.
    """
    fits = wanted if callable(wanted) else lambda value: value == wanted
    last: list[Any] = ["never read"]
    stale = [True]

    def touch(*_: Any) -> None:
        stale[0] = True

    matches = [
        bus.add_signal_receiver(touch, signal_name="PropertiesChanged", dbus_interface=PROPERTIES,
                                path=path),
        bus.add_signal_receiver(touch, dbus_interface="org.freedesktop.DBus.ObjectManager"),
        bus.add_signal_receiver(touch, signal_name="NameOwnerChanged", dbus_interface="org.freedesktop.DBus",
                                arg0=service),
    ]

    def look() -> bool:
        if not stale[0]:
            return False
        stale[0] = False
        try:
            last[0] = get_property(bus, service, path, interface, name)
        except dbus.DBusException as error:
            last[0] = f"{error.get_dbus_name()}: {error.get_dbus_message()}"
            return False
        return bool(fits(last[0]))

    try:
        if not pump(look, timeout):
            raise WaitTimeout(f"{interface}.{name} of {path} is not as wanted after {timeout} s; "
                              f"it is {last[0]!r}")
    finally:
        for match in matches:
            match.remove()
    return last[0]
