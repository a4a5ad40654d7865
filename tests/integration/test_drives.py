# SPDX-License-Identifier: LGPL-2.1-or-later
"""What is known of drives over time: their readings."""
from __future__ import annotations

import json
from typing import Any

import dbus
import pytest
from product import Drive, Host, Product, nas, plain, product, refused  # noqa: F401

pytestmark = pytest.mark.allow_journal(r"is missing")


def readings(drive: Drive, **filters: Any) -> tuple[list[dict[str, Any]], int]:
    return plain(drive.call("ListReadings", "a{sv}", dbus.Dictionary(filters, signature="sv")))


def read_again(product: Product, drive: Drive) -> None:
    """Waits for a SMART reading that begins from now on, and so is stored."""
    for _ in range(2):
        before = drive["SmartUSec"]
        product.machine.wait_for(lambda: drive["SmartUSec"] > before, 40, "SMART is read again")


def test_readings_grow_with_change(product: Product, nas: Host) -> None:
    drive = product.plug("READ0001", 8)
    (first,), total = readings(drive)
    assert total == 1 and first["TemperatureMDegC"] == 31000 and first["SmartHealth"] == "passed"
    smart = json.loads(first["Smart"])
    assert smart["power_on_hours"] == 12 and smart["pending"] == 0 and smart["attributes"]["194"] == 31

    # Hours go by, and a degree: nothing of that is written down.
    product.machine.set_smart("READ0001", {"temperature": {"current": 32}, "power_on_time": {"hours": 13}})
    read_again(product, drive)
    assert readings(drive) == ([first], 1)

    # A restart forgets nothing, and makes no row of what it knew.
    product.machine.set_smart("READ0001", {"temperature": {"current": 45}, "ata_smart_attributes": {
        "table": [{"id": 197, "raw": {"value": 8}}]}})
    read_again(product, drive)
    product.restart()
    read_again(product, product.wait_drive("READ0001"))
    (newest, oldest), total = readings(drive)
    assert (oldest, total) == (first, 2)
    assert newest["TemperatureMDegC"] == 45000 and json.loads(newest["Smart"])["pending"] == 8
    assert newest["TimeUSec"] > oldest["TimeUSec"]

    assert readings(drive, limit=dbus.UInt32(1)) == ([newest], 2)
    assert readings(drive, limit=dbus.UInt32(1), offset=dbus.UInt32(1)) == ([oldest], 2)
    assert readings(drive, offset=dbus.UInt32(0xffffffff)) == ([], 2)
    assert readings(drive, since=dbus.UInt64(newest["TimeUSec"])) == ([newest], 1)
    assert readings(drive, until=dbus.UInt64(oldest["TimeUSec"])) == ([oldest], 1)
    assert readings(drive, since=dbus.UInt64(2**64 - 1)) == ([], 0)

    def ctl(*args: str) -> str:
        return product.machine.run(["burninctl", "drive", "readings", "READ0001", *args]).stdout

    assert json.loads(ctl("--json=short")) == [dict(newest), dict(oldest)]
    head, top, *_ = ctl().splitlines()
    assert head.split()[:4] == ["TIME", "TEMP", "SMART", "HOURS"] and "45" in top and "2 of 2 readings." in ctl()
    assert json.loads(ctl("-j", "-n", "1")) == [newest]


def test_readings_of_bad_filters(product: Product, nas: Host) -> None:
    drive = product.plug("READ0001", 8)
    for filters in ({"nonsense": "x"}, {"since": dbus.Int32(1)}, {"limit": dbus.UInt64(1)}):
        with refused("InvalidOption"):
            readings(drive, **filters)
    with pytest.raises(dbus.DBusException):
        drive.call("ListReadings", "s", "READ0001")
    assert readings(drive, limit=dbus.UInt32(1))[1] >= 1
