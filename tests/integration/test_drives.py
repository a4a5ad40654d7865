# SPDX-License-Identifier: LGPL-2.1-or-later
"""What is known of drives over time: their readings, and that a missing one can be forgotten."""
from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import dbus
import pytest
from product import SETTINGS, Drive, Host, Product, nas, plain, product, refused  # noqa: F401

pytestmark = pytest.mark.allow_journal(r"is missing", r"burnin-locate-")


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
    assert head.split()[:4] == ["TIME", "TEMP", "SMART", "HOURS"] and "45" in top and "2 readings." in ctl()
    assert json.loads(ctl("-j", "-n", "1")) == [newest]


def test_readings_of_bad_filters(product: Product, nas: Host) -> None:
    drive = product.plug("READ0001", 8)
    for filters in ({"nonsense": "x"}, {"since": dbus.Int32(1)}, {"limit": dbus.UInt64(1)}):
        with refused("InvalidOption"):
            readings(drive, **filters)
    with pytest.raises(dbus.DBusException):
        drive.call("ListReadings", "s", "READ0001")
    assert readings(drive, limit=dbus.UInt32(1))[1] >= 1


def test_last_seen(product: Product, nas: Host) -> None:
    """With every look at its host, whether there is news of it or not; of a drive that goes while nobody can look, the last one."""
    drive = product.plug("SEEN0001", 8)
    before = drive["LastSeenUSec"]
    nas.wait_look()
    nas.wait_look()
    assert before < drive["LastSeenUSec"] <= nas["LastSeenUSec"]

    product.machine.run(["systemctl", "kill", "--signal=STOP", "burnin-poll.service"])
    product.machine.remove_loop_drive("SEEN0001")
    last = drive["LastSeenUSec"]
    product.machine.run(["systemctl", "kill", "--signal=CONT", "burnin-poll.service"])
    drive.wait("Present", False)
    gone = drive["LastSeenUSec"]
    nas.wait_look()
    assert last <= gone < nas["LastSeenUSec"] and drive["LastSeenUSec"] == gone


@pytest.fixture
def patient(product: Product) -> Iterator[None]:
    """As it is shipped: how long a host may take, and when it counts as lost."""
    product.configure(stale_threshold_seconds="45", poll_timeout_seconds="60")
    yield
    product.configure(**{key: SETTINGS[key] for key in ("stale_threshold_seconds", "poll_timeout_seconds")})


def test_dying_drive_takes_no_other_along(patient: None, product: Product, nas: Host) -> None:
    """Its smartctl never ends, and the host is looked at all the same."""
    dying, other = product.plug("DYING001", 8), product.plug("ALIVE001", 8)
    product.machine.set_smart("DYING001", {"burnin_test": {"hang": True}})
    product.machine.set_smart("ALIVE001", {"temperature": {"current": 44}})
    other.wait("TemperatureMDegC", 44000, 40)
    product.plug("ALIVE002", 8)
    assert nas["State"] == "online" and dying["Present"] and dying["SmartHealth"] == "passed" and not dying["Stale"]
    product.machine.set_smart("DYING001", {"burnin_test": {"hang": False}})


def test_host_that_one_drive_keeps_from_answering(product: Product, nas: Host) -> None:
    """Where a drive takes longer than its host may, the next look asks it for nothing."""
    dying = product.plug("DYING002", 8)
    product.configure(poll_timeout_seconds="5")
    nas.wait("State", "online")
    product.machine.set_smart("DYING002", {"burnin_test": {"hang": True}})
    before = nas["HungPolls"]
    nas.wait("StateReason", lambda reason: "5 s" in reason, 30)
    hung = nas["HungPolls"]
    assert hung > before
    assert f"Hung polls: {hung} since" in product.machine.run(["burninctl", "host", "show", "nas"]).stdout
    nas.wait("StateReason", "", 8)
    assert nas["State"] == "online" and dying["Present"]
    product.machine.set_smart("DYING002", {"burnin_test": {"hang": False}})
    product.configure(poll_timeout_seconds=SETTINGS["poll_timeout_seconds"])


@pytest.fixture
def missing(product: Product, nas: Host) -> Drive:
    """GONE0001, which was burned in, and was taken away."""
    drive = product.plug("GONE0001", 8)
    drive.call("SetNotes", "st", "squeaks", 0)
    assert product.start("GONE0001").wait_end() == "passed"
    product.machine.remove_loop_drive("GONE0001", keep_image=True)
    drive.wait("Present", False)
    return drive


def test_missing_drive_is_forgotten(product: Product, missing: Drive) -> None:
    job, = product.jobs(drive=missing["Id"])
    number, before, identity = job.id, job.all(), missing["Id"]
    with product.machine.watch_signal("org.freedesktop.DBus.ObjectManager", "InterfacesRemoved") as watch:
        product.machine.run(["burninctl", "drive", "forget", "GONE0001"])
        watch.wait(lambda signal: signal.args[0] == missing.path)
    with refused("NoSuchDrive"):
        product.drive("GONE0001")
    assert not product.list("Drives", serial="GONE0001")
    newest = product.list("Audit", limit=dbus.UInt32(1))[0]
    assert (newest["Object"], newest["Outcome"], newest["Detail"]) == (f"drive {identity}", "ok", "Forget")
    assert product.machine.run(["burninctl", "jobs", "-q", f"--drive={identity}"]).stdout.split(), "its jobs stay"
    assert product.machine.journal("MESSAGE_ID=795702af36274c219dc7228aec191294", "BURNIN_DRIVE_SERIAL=GONE0001")
    with pytest.raises(dbus.DBusException, match="Unknown object"):
        missing.call("Forget", "t", 0)

    # What was done with it stays, over a restart too; nothing of that can be started again.
    product.restart()
    job, = product.jobs(drive=identity)
    assert (job.id, job.all()) == (number, before)
    shown = product.machine.run(["burninctl", "job", "show", str(number)]).stdout
    assert "GONE0001" in shown and "surface_validate" in shown
    assert product.machine.run(["burninctl", "job", "log", str(number), "surface_validate"]).stdout
    with refused("NoSuchDrive"):
        job.call("Retry", "st", "GONE0001", 0)

    # It comes back as a new drive, which has its jobs.
    product.machine.add_loop_drive("GONE0001", 8)
    drive = product.wait_drive("GONE0001", None)
    assert drive["Id"] == identity and drive["Notes"] == "" and readings(drive)[1] == 1
    assert [each.id for each in product.jobs(drive=identity)] == [number]


def test_drive_that_is_needed_is_not_forgotten(product: Product, nas: Host, missing: Drive) -> None:
    def refuses(drive: Drive, name: str, *words: str) -> None:
        with refused(name, "GONE", *words):
            drive.call("Forget", "t", 0)
        assert drive["Id"]

    for signature, argument in (("t", 1), ("s", "now"), ("", None)):
        with pytest.raises(dbus.DBusException):
            missing.call("Forget", signature, *([] if argument is None else [argument]))

    there = product.plug("GONE0002", 256)
    refuses(there, "WrongState", "is there")
    job = product.start("GONE0002")
    with product.braked(job):
        refuses(there, "DriveBusy", "in job")
        job.cancel()
    assert job.wait_end() == "cancelled"        # while the host can still be asked whether its run is gone

    # Until its host was read, a drive that is there looks like one that is not.
    nas.call("Configure", "a{sv}", dbus.Dictionary({"port": dbus.UInt16(1)}, signature="sv"))
    product.restart()
    refuses(missing, "WrongState", "was not read")
    nas.call("Configure", "a{sv}", dbus.Dictionary({"port": dbus.UInt16(22)}, signature="sv"))
    nas.wait("State", "online")
    missing.call("Forget", "t", 0)


def test_sleeping_drive_is_left_alone(product: Product, nas: Host) -> None:
    """Its last facts hold until it wakes by itself; another one beside it is read as ever."""
    asleep, awake = product.plug("ASLEEP01", 8), product.plug("AWAKE002", 8)
    product.machine.set_smart("ASLEEP01", {"burnin_test": {"standby": True}, "temperature": {"current": 55}})
    read_again(product, awake)
    before = asleep["SmartUSec"]
    read_again(product, awake)
    assert (asleep["SmartUSec"], asleep["TemperatureMDegC"], asleep["SmartHealth"]) == (before, 31000, "passed")
    product.machine.set_smart("ASLEEP01", {"temperature": {"current": 55}})
    asleep.wait("TemperatureMDegC", 55000, 40)


def test_bay(product: Product, nas: Host) -> None:
    """Where it is by the host's own word, which goes on being known of a drive that is missing."""
    drive = product.plug("BAY00001", 8)
    assert drive["Bay"] == ""
    link = f"ln -s ../../{drive['DevName']} /dev/disk/by-path"
    product.machine.run(f"mkdir -p /dev/disk/by-path; {link}/pci-0000:00:1f.2-ata-3.0; {link}/pci-0000:00:1f.2-ata-3")
    drive.wait("Bay", "pci-0000:00:1f.2-ata-3")
    ctl = product.machine.run
    assert "Bay: pci-0000:00:1f.2-ata-3\n" in ctl(["burninctl", "drive", "show", "BAY00001"]).stdout
    assert "pci-0000:00:1f.2-ata-3 " in ctl(["burninctl", "drives"], env={"COLUMNS": "200"}).stdout
    ctl(["burninctl", "drive", "location", "BAY00001", "shelf 2, left"])
    shown = ctl(["burninctl", "drives"], env={"COLUMNS": "200"}).stdout
    assert "shelf 2, left" in shown and "ata-3" not in shown

    product.machine.remove_loop_drive("BAY00001")
    drive.wait("Present", False)
    ctl(["rm", "-r", "/dev/disk/by-path"])
    product.restart()
    nas.wait("State", "online")
    assert drive["Bay"] == "pci-0000:00:1f.2-ata-3" and drive["DevName"] and drive["Host"] == "nas"


LEDCTL = "/usr/sbin/ledctl"
LIGHTS = "/var/lib/burnin-test/lights"


@pytest.fixture
def ledctl(product: Product) -> Iterator[None]:
    """A host with bays: ledctl writes down what it is told, and knows no bay of a drive whose image is small."""
    product.machine.write(LEDCTL, "#!/bin/sh\n[ \"$(cat /sys/block/${1##*/}/size)\" -gt 20000 ] || "
                                  f"{{ echo 'device not supported' >&2; exit 11; }}\necho \"$1\" >> {LIGHTS}\n", mode=0o755)
    product.machine.write(LIGHTS, "")
    yield
    product.machine.run(["rm", "-f", LEDCTL, LIGHTS])


def lights(product: Product) -> list[str]:
    return product.machine.read(LIGHTS).split()


def test_drive_is_identified(product: Product, nas: Host, ledctl: None) -> None:
    drive = product.plug("BLINK001", 64)
    device = "/dev/" + drive["DevName"]
    product.machine.run(["burninctl", "drive", "identify", "BLINK001", "--seconds=600"])
    assert lights(product) == ["locate=" + device]
    newest = product.list("Audit", limit=dbus.UInt32(1))[0]
    assert (newest["Object"], newest["Outcome"], newest["Detail"]) == (f"drive {drive['Id']}", "ok", "Identify, 600 s")

    # It stays lit without us, for the time of the last wish.
    product.machine.run(["systemctl", "stop", "burnind.service"], timeout=60)
    product.machine.run(["systemctl", "start", "burnind.service"], timeout=60)
    assert lights(product) == ["locate=" + device]
    nas.wait("State", "online")
    drive.call("Identify", "ut", 1, 0)
    product.machine.wait_for(lambda: lights(product) == ["locate=" + device, "locate_off=" + device] * 2, what="it goes out")

    # Off is off, also where nothing is lit.
    drive.call("Identify", "ut", 600, 0)
    product.machine.run(["burninctl", "drive", "identify", "BLINK001", "--off"])
    assert lights(product)[-2:] == ["locate=" + device, "locate_off=" + device] and len(lights(product)) == 6
    drive.call("Identify", "ut", 0, 0)
    assert not product.machine.run("systemctl list-units --all --no-legend 'burnin-locate-*'").stdout


def test_drive_that_cannot_be_identified(product: Product, nas: Host, ledctl: None, missing: Drive) -> None:
    with refused("DriveMissing", "GONE0001"):
        missing.call("Identify", "ut", 60, 0)
    drive = product.plug("BLINK002", 8)
    for signature, arguments in (("it", (1, 0)), ("ut", (1, 1)), ("u", (1,))):
        with pytest.raises(dbus.DBusException):
            drive.call("Identify", signature, *arguments)
    with refused("InvalidArgument", "3600"):
        drive.call("Identify", "ut", 3601, 0)

    # No LED in that bay, no tool, no host.
    with refused("HostUnfit", "BLINK002", "nas", "ledctl locate="):
        drive.call("Identify", "ut", 60, 0)
    newest = product.list("Audit", limit=dbus.UInt32(1))[0]
    assert newest["Outcome"] == "refused" and "no locate LED" in newest["Detail"]
    product.machine.run(["rm", LEDCTL])
    with refused("HostUnfit", "BLINK002", "ledmon"):
        drive.call("Identify", "ut", 60, 0)
    product.machine.run(["systemctl", "stop", "burnin-poll.service"])
    with refused("HostUnreachable", "burnin-poll"):
        drive.call("Identify", "ut", 60, 0)
    product.restart()
    assert not lights(product)
