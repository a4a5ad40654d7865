# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the service refuses: by name, with what to do next, and without a byte written or a thing changed."""
from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dbus
import pytest
import resources
import sshhost
from product import RUNS, SETTINGS, Drive, Host, Job, Product, nas, product, refused  # noqa: F401
from sshhost import SshHost

pytestmark = pytest.mark.allow_journal(r"has ended: (inconclusive|failed|cancelled)", r"^inconclusive: ", r"is missing",
                                       r"^[a-z-]+: .*: inconclusive$")

SENTINEL = b"somebody's only copy of something\n"


def digest(image: Path) -> str:
    with open(image, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() if hasattr(hashlib, "file_digest") else hashlib.sha256(
            file.read()).hexdigest()


@contextlib.contextmanager
def untouched(product: Product, *serials: str) -> Iterator[None]:
    """No byte of these drives changes in here."""
    before = {serial: digest(product.image(serial)) for serial in serials}
    yield
    os.sync()
    assert {serial: digest(product.image(serial)) for serial in serials} == before


def runs(product: Product) -> list[str]:
    """The runs that were ever begun on the machine as a host."""
    directory = product.machine.path(RUNS)
    return sorted(p.name for p in directory.iterdir() if len(p.name) == 32) if directory.exists() else []


# --- names and serials ---------------------------------------------------------------------------------------


def test_unknown_things(nas: Host, product: Product) -> None:
    with refused("NoSuchHost", "nowhere"):
        product.call("GetHost", "s", "nowhere")
    with refused("NoSuchDrive", "NOTHING1"):
        product.drive("NOTHING1")
    with refused("NoSuchDrive", "nas:sdzz"):
        product.start("NOTHING1", drive="nas:sdzz")
    with refused("NoSuchDrive", "burninctl drives"):
        product.start("NOTHING1")
    with refused("NoSuchJob", "999999"):
        product.job(999999)
    with refused("InvalidArgument"):
        product.start_all([])


def test_serial_must_be_typed_and_right(nas: Host, product: Product) -> None:
    drive = product.plug("TYPED001", 8)
    product.plug("TYPED002", 8)
    with untouched(product, "TYPED001", "TYPED002"):
        with refused("NotConfirmed", "TYPED001", "nas"):
            product.start_all([("TYPED001", "")])
        for wrong in ("TYPED002", "typed001", "TYPED001 ", "TYPED00", drive["Id"], drive["WWN"]):
            with refused("WrongSerial", "Nothing was started"):
                product.start_all([(drive["Id"], wrong)])
        # What names a drive is not the confirmation.
        with refused("WrongSerial"):
            product.start("TYPED001", drive=f"nas:{product.drive('TYPED002')['DevName']}")
        with refused("NotConfirmed", "2 drives"):
            product.start_all([("TYPED001", "TYPED001"), ("TYPED002", "TYPED002")])
        assert not product.active_jobs() and drive["ActiveJob"] == "/"


BOUNDS: list[tuple[str, dict[str, Any]]] = [
    ("", {}), ("x" * 65, {}), ("-nas", {}), ("nas-", {}), ("../nas", {}), ("nas;reboot", {}), ("NAS 1", {}), ("näs", {}),
    ("nas", {"address": ""}), ("nas", {"address": "-oProxyCommand=reboot"}), ("nas", {"address": "x" * 256}),
    ("nas", {"address": "a b"}), ("nas", {"address": "$(reboot)"}), ("nas", {"port": dbus.UInt16(0)}),
    ("nas", {"user": ""}), ("nas", {"user": "-l"}), ("nas", {"user": "root;x"}), ("nas", {"user": "x" * 65}),
    ("nas", {"kind": "telnet"}), ("nas", {"notes": "x" * 4097})]


@pytest.mark.parametrize(("name", "options"), BOUNDS)
def test_host_that_cannot_be(product: Product, name: str, options: dict[str, Any]) -> None:
    with refused("InvalidArgument"):
        product.new_host("h" + name if name == "nas" else name, **options)


BAD_CHANGES: list[tuple[str, dict[str, Any]]] = [
    *(("InvalidArgument", values) for name, values in BOUNDS if name == "nas" and "kind" not in values),
    *(("InvalidArgument", values) for values in (
        {"api_url": "https://nas"}, {"api_pin": "sha256//" + "A" * 43 + "="}, {"api_verify": False})),
    ("InvalidOption", {"kind": "ssh"}), ("InvalidOption", {"name": "other"}), ("InvalidOption", {"port": "22"}),
    ("InvalidOption", {"port": dbus.UInt32(22)}), ("InvalidOption", {"port": dbus.Int16(22)}), ("InvalidOption", {"user": True}),
    ("InvalidOption", {"address": dbus.Array(["127.0.0.1"], "s")}), ("InvalidOption", {"notes": dbus.UInt32(1)}),
    ("InvalidOption", {"api_verify": "no"}), ("InvalidOption", {"api_key": "secret"}), ("InvalidOption", {"api_url": False}),
    ("InvalidOption", {"host_key": "x"})]


def test_host_is_not_changed_to_what_cannot_be(nas: Host, product: Product) -> None:
    before = settled(nas)
    for error, values in BAD_CHANGES:
        with refused(error):
            nas.call("Configure", "a{sv}", dbus.Dictionary({"notes": "half"} | values, signature="sv"))
        assert settled(nas) == before, values
    # A user and an address, the API's key: what a host of this kind has not.
    with refused("InvalidArgument", "truenas"), memfd(b"key") as fd:
        nas.call("Configure", "a{sv}", dbus.Dictionary({"api_key": fd}, signature="sv"))
    assert settled(nas) == before


def settled(host: Host) -> dict[str, Any]:
    return {k: v for k, v in host.all().items() if k != "LastSeenUSec"}


@contextlib.contextmanager
def memfd(content: bytes) -> Iterator[dbus.types.UnixFd]:
    """Without a seal."""
    fd = os.memfd_create("key", os.MFD_ALLOW_SEALING)
    try:
        os.write(fd, content)
        yield dbus.types.UnixFd(fd)
    finally:
        os.close(fd)


def test_host_is_not_added_twice_nor_half_changed(nas: Host, product: Product) -> None:
    with refused("HostExists", "nas"):
        product.new_host("nas", address="127.0.0.2")
    before = nas.all()
    with refused("InvalidArgument"):
        nas.call("Configure", "a{sv}", dbus.Dictionary({"notes": "half", "port": dbus.UInt16(0)}, signature="sv"))
    with refused("WrongFingerprint", "Nothing was accepted"):
        nas.accept_key("SHA256:" + "A" * 43)
    after = nas.all()
    assert {k: v for k, v in after.items() if k != "LastSeenUSec"} == {k: v for k, v in before.items() if k != "LastSeenUSec"}


def test_text_of_a_drive_has_a_limit(nas: Host, product: Product) -> None:
    drive = product.plug("LIMITS01", 8)
    drive.call("SetLocation", "st", "x" * 64, 0)
    drive.call("SetNotes", "st", "ä" * 2048, 0)
    with refused("InvalidArgument", "64"):
        drive.call("SetLocation", "st", "y" * 65, 0)
    with refused("InvalidArgument", "4096"):
        drive.call("SetNotes", "st", "y" * 4097, 0)
    assert (drive["Location"], drive["Notes"]) == ("x" * 64, "ä" * 2048)


def test_host_with_a_job_stays(nas: Host, product: Product) -> None:
    product.plug("REMOVES1", 256)
    job = product.start("REMOVES1")
    with product.braked(job):
        with refused("WrongState", "REMOVES1", f"job {job.id}"):
            product.remove_host("nas")
        assert nas["State"] == "online"


# --- locks ---------------------------------------------------------------------------------------------------

LOCKS = {   # how it is brought about -> state, token, and what the detail names
    "filesystem": ("mkfs.ext4 -q {}", "existing-data", "DESTROY EXISTING DATA", "ext4"),
    # One Linux partition from sector 64 on, and the signature behind the table.
    "partition table": ("printf '\\000\\000\\002\\000\\203\\000\\003\\000\\100\\000\\000\\000\\000\\020\\000\\000' | "
                        "dd of={0} bs=1 seek=446 status=none; printf '\\125\\252' | dd of={0} bs=1 seek=510 status=none",
                        "existing-data", "DESTROY EXISTING DATA", "dos"),
    # All of it is made at once: what is left for later the kernel writes when it is mounted.
    "mounted": ("mkfs.ext4 -q -E lazy_itable_init=0,lazy_journal_init=0 {0}; mkdir -p /mnt/live; mount {0} /mnt/live;"
                " echo precious > /mnt/live/file", "mounted", "DESTROY MOUNTED FILESYSTEM", "/mnt/live"),
    "LVM": ("pvcreate -q {}", "storage-member", "DESTROY STORAGE MEMBER", "LVM"),
}


@pytest.mark.parametrize("what", LOCKS)
def test_locked_drive_is_refused(nas: Host, product: Product, what: str) -> None:
    command, state, token, word = LOCKS[what]
    if what == "LVM" and product.machine.run("command -v pvcreate", check=False).returncode != 0:
        pytest.skip("no pvcreate here")
    drive = product.plug("LOCKED01", 16)
    product.machine.run(command.format(product.device("LOCKED01")))
    product.machine.run("sync")
    nas.refresh()
    drive.wait("LockState", state)
    assert drive["UnlockToken"] == token and word.lower() in drive["LockDetail"].lower()
    with untouched(product, "LOCKED01"), refused("DriveLocked", "LOCKED01", state, token):
        product.start("LOCKED01")
    assert not product.active_jobs()


def bcache_superblock() -> bytes:
    """Of a backing device; blkid believes it for its checksum (CRC-64/WE) alone."""
    block = ((8).to_bytes(8, "little") + (1).to_bytes(8, "little") + bytes.fromhex("c68573f64e1a45ca8265f57f48ba6d81") +
             bytes(range(1, 17)) + bytes(152))
    crc = 2**64 - 1
    for byte in block:
        crc ^= byte << 56
        for _ in range(8):
            crc = (crc << 1 ^ (0x42f0e1eba9ea3693 if crc >> 63 else 0)) & 2**64 - 1
    return (crc ^ 2**64 - 1).to_bytes(8, "little") + block


SIGNATURES = {      # what blkid finds: where it is (from the end, if negative), and what
    "SIGLUKS1": ("crypto_LUKS", 0, b"LUKS\xba\xbe\0\1"),
    "SIGCEPH1": ("ceph_bluestore", 0, b"bluestore block device\n"),
    "SIGDRBD1": ("drbd", -4096, bytes(60) + bytes.fromhex("8374026b") + bytes(4) + bytes.fromhex("00000008") * 2),
    "SIGBCACH": ("bcache", 4096, bcache_superblock()),
    "SIGMD001": ("linux_raid_member", 4096, bytes.fromhex("fc4e2ba9") + (1).to_bytes(4, "little") + bytes(136) + (8).to_bytes(8, "little")),
}


@pytest.mark.parametrize("serial", SIGNATURES)
def test_part_of_something_bigger_is_refused(nas: Host, product: Product, serial: str) -> None:
    kind, where, what = SIGNATURES[serial]
    product.machine.add_loop_drive(serial, 64)
    with open(product.image(serial), "r+b") as image:
        image.seek(where, 2 if where < 0 else 0)
        image.write(what)
    product.machine.run(["blockdev", "--flushbufs", product.device(serial)])
    product.machine.run(["systemctl", "start", f"harness-udev@{Path(product.device(serial)).name}.service"])
    drive = product.wait_drive(serial, "storage-member")
    assert kind in drive["LockDetail"] and drive["UnlockToken"] == "DESTROY STORAGE MEMBER" and not drive["LockInUse"]
    with untouched(product, serial), refused("DriveLocked", "storage-member", "DESTROY STORAGE MEMBER", kind):
        product.start(serial)


def test_drive_that_a_process_holds_is_refused(nas: Host, product: Product) -> None:
    drive = product.plug("INUSE001", 16)
    with product.machine.popen(f"exec sleep 1000 < {product.device('INUSE001')}"):
        nas.refresh()
        drive.wait("LockState", "in-use")
        assert "sleep" in drive["LockDetail"] and drive["UnlockToken"] == ""
        with untouched(product, "INUSE001"), refused("DriveLocked", "in-use", "sleep", "cannot be unlocked"):
            product.start("INUSE001")
    drive.wait("LockState", "none")


def test_swap_is_refused(nas: Host, product: Product) -> None:
    drive = product.plug("SWAPPED1", 16)
    device = product.device("SWAPPED1")
    if product.machine.run(f"mkswap -q {device} && swapon {device}", check=False).returncode != 0:
        pytest.skip("no swap can be had here")
    try:
        nas.refresh()
        drive.wait("LockState", "mounted")
        assert "swap" in drive["LockDetail"]
        with refused("DriveLocked", "swap", "DESTROY MOUNTED FILESYSTEM"):
            product.start("SWAPPED1")
    finally:
        product.machine.run(["swapoff", device])


# --- drives --------------------------------------------------------------------------------------------------


def test_drive_has_one_job_at_a_time(nas: Host, product: Product) -> None:
    product.plug("BUSY0001", 256)
    job = product.start("BUSY0001")
    with product.braked(job):
        with refused("DriveBusy", f"job {job.id}"):
            product.start("BUSY0001")
        assert len(product.active_jobs()) == 1


def test_missing_drive_is_refused(nas: Host, product: Product) -> None:
    drive = product.plug("GONE0001", 8)
    product.machine.remove_loop_drive("GONE0001")
    drive.wait("Present", False)
    with refused("DriveMissing", "GONE0001", "missing"):
        product.start("GONE0001")


@pytest.mark.allow_journal(r"shows the same identity as another drive")
def test_two_drives_with_one_identity_are_both_refused(nas: Host, product: Product) -> None:
    wwn = "0x5000c50012345678"
    product.plug("TWIN0001", 8, wwn=wwn)
    product.machine.add_loop_drive("TWIN0002", 8, wwn=wwn)
    product.machine.set_smart("TWIN0002", {"serial_number": "TWIN0001"})
    names = [Path(product.device(serial)).name for serial in ("TWIN0001", "TWIN0002")]

    def both() -> bool:
        rows = [row for row in product.list("Drives", host="nas", present=True) if row["DevName"] in names]
        return len(rows) == 2 and all(row["IdentityState"] == "shared" for row in rows)

    nas.refresh()
    product.machine.wait_for(both, 30, "both are shared")
    with untouched(product, "TWIN0001", "TWIN0002"):
        for name in names:
            with refused("DriveIdentity", "same identity"):
                product.start("TWIN0001", drive=f"nas:{name}")
    product.machine.remove_loop_drive("TWIN0002")
    product.machine.wait_for(lambda: product.drive(f"nas:{names[0]}")["IdentityState"] == "ok", 30, "it is itself again")
    assert product.start("TWIN0001", drive=f"nas:{names[0]}").wait_end() == "passed"


def test_drive_without_an_identity_is_refused(nas: Host, product: Product) -> None:
    product.machine.add_loop_drive("NONAME01", 8, wwn=None)
    product.machine.set_smart("NONAME01", {"serial_number": ""})
    name = Path(product.device("NONAME01")).name
    # udev names it by a serial that the drive itself does not confirm; a plain loop device has not even that.
    product.machine.run(f"sed -i '/SERIAL/d' /run/harness-udev/{name}; systemctl start harness-udev@{name}.service")
    nas.refresh()
    product.machine.wait_for(lambda: [row for row in product.list("Drives", host="nas", present=True)
                                      if row["DevName"] == name and row["IdentityState"] == "none"], 30, f"{name} has none")
    with untouched(product, "NONAME01"):
        # There is no serial that could be typed; and in a batch, where none has to be:
        for serial in ("NONAME01", ""):
            with refused("DriveIdentity", name, "nas"):
                product.start_all([(f"nas:{name}", serial)])
        (_, result, detail, job), _ = product.start_all([(f"nas:{name}", ""), ("NOTHING1", "")], confirmed=True)
    assert (result, job) == ("skipped", "/") and detail.startswith("org.burnin1.Error.DriveIdentity: ")


# --- hosts ---------------------------------------------------------------------------------------------------


@pytest.fixture
def impatient(product: Product) -> Iterator[None]:
    """A service that calls a host stale quickly."""
    product.configure(stale_threshold_seconds="3", poll_timeout_seconds="2")
    yield
    product.configure(**{key: SETTINGS[key] for key in ("stale_threshold_seconds", "poll_timeout_seconds")})


@pytest.mark.allow_journal(r"has not answered for 3 s")
def test_host_that_went_away(impatient: None, nas: Host, product: Product) -> None:
    drive = product.plug("AWAY0001", 8)
    product.machine.host.stop()
    product.machine.host.drop_connections()
    try:
        nas.wait("State", "stale")
        assert "refused" in nas["StateReason"]
        assert drive["Stale"] is True and drive["Present"] is True
        with untouched(product, "AWAY0001"), refused("HostUnreachable", "nas", "refused"):
            product.start("AWAY0001")
    finally:
        product.machine.host.start()
    nas.wait("State", "online")
    drive.wait("Stale", False)
    assert product.start("AWAY0001").wait_end() == "passed"


def test_host_that_was_not_read_yet(nas: Host, product: Product) -> None:
    """Right after a start of the service nobody knows what its hosts have: that is not a missing drive."""
    product.plug("UNREAD01", 8)
    product.plug("UNREAD02", 8)
    product.machine.host.freeze()
    try:
        product.restart()
        with untouched(product, "UNREAD01", "UNREAD02"):
            with refused("HostUnreachable", "nas", "not read yet since burnind started", "burninctl host refresh nas"):
                product.start("UNREAD01")
            for _, result, detail, job in product.start_all([("UNREAD01", ""), ("UNREAD02", "")], confirmed=True):
                assert (result, job) == ("skipped", "/") and detail.startswith("org.burnin1.Error.HostUnreachable: "), detail
    finally:
        product.machine.host.thaw()
    nas.wait("State", "online", 30)
    product.machine.remove_loop_drive("UNREAD02")
    product.drive("UNREAD02").wait("Present", False)
    with refused("DriveMissing", "UNREAD02"):
        product.start("UNREAD02")
    assert product.start("UNREAD01").wait_end() == "passed"


@contextlib.contextmanager
def sick_host(product: Product, make: Callable[[], SshHost], name: str, user: str = "root") -> Iterator[Host]:
    """One more host beside 'nas', which must never come online."""
    at = make()
    try:
        host = product.new_host(name, address="127.0.0.1", port=dbus.UInt16(at.port), user=user)
        yield host
        assert host["State"] != "online"
        product.remove_host(name)
    finally:
        at.remove()


def seen_again(host: Host) -> None:
    """The host is polled as ever: what is wrong with another one delays it not."""
    host.wait_look()


def test_closed_port(nas: Host, product: Product) -> None:
    host = product.new_host("closed", address="127.0.0.1", port=dbus.UInt16(1))
    host.wait("StateReason", lambda reason: "refused" in reason)
    assert host["State"] == "new"
    with refused("WrongState", "closed", "refused"):
        host.accept_key("SHA256:" + "A" * 43)
    product.remove_host("closed")


@pytest.mark.parametrize(("case", "words"), [
    ("garbage", ("",)), ("silence", ("",)), ("mute", ("",)), ("no key there", ("publickey", "authenticat", "key"))])
def test_host_that_makes_no_sense(impatient: None, nas: Host, product: Product, case: str, words: tuple[str, ...]) -> None:
    machine = product.machine
    make = {"garbage": lambda: machine.ssh_host(2211, force_command=sshhost.GARBAGE),
            "silence": lambda: machine.ssh_host(2212, force_command=sshhost.SILENCE),
            "mute": lambda: machine.mute_host(2213),
            "no key there": lambda: machine.ssh_host(2214, config="DenyUsers root")}[case]
    with sick_host(product, make, "sick") as host:
        if case != "mute":
            host.wait("State", "unconfirmed")
            assert host["Drives"] == 0
            host.accept_key(host["SeenHostKeyFingerprint"])
        reason = host.wait("StateReason", lambda r: bool(r) and "waiting" not in r and "waits" not in r)
        assert any(word in reason.lower() for word in words) and len(reason) < 1000
        assert reason.isprintable(), "nothing of what it sent gets through"
        seen_again(nas)
        assert host["Drives"] == 0


def test_host_that_runs_freebsd(nas: Host, product: Product) -> None:
    script = "/usr/local/lib/freebsd"
    product.machine.write(f"{script}/uname", "#!/bin/sh\necho FreeBSD 13.1-RELEASE-p9\n", mode=0o755)
    with sick_host(product, lambda: product.machine.ssh_host(2219, without=("lsblk",), config=f"SetEnv PATH={script}:/usr/bin:/bin"),
                   "core") as host:
        host.wait("State", "unconfirmed")
        host.accept_key(host["SeenHostKeyFingerprint"])
        reason = host.wait("StateReason", lambda r: "FreeBSD" in r)
        assert "kind truenas" in reason and "no user" in reason and host["Drives"] == 0
        seen_again(nas)


def test_host_key_waits_to_be_accepted(nas: Host, product: Product) -> None:
    other = product.machine.ssh_host(2215)
    product.plug("KEYWAIT1", 8)
    try:
        host = product.new_host("other", address="127.0.0.1", port=dbus.UInt16(2215))
        host.wait("State", "unconfirmed")
        assert host["SeenHostKeyFingerprint"] == other.fingerprint and host["HostKeyFingerprint"] == ""
        seen_again(nas)
        assert host["Drives"] == 0 and host["OperatingSystem"] == "", "nothing ran there"
        product.remove_host("other")

        # A host that gets another address and shows another key there has no accepted one.
        nas.call("Configure", "a{sv}", dbus.Dictionary({"port": dbus.UInt16(2215)}, signature="sv"))
        nas.wait("State", "unconfirmed")
        with untouched(product, "KEYWAIT1"), refused("HostKeyUnconfirmed", "nas"):
            product.start("KEYWAIT1")
        nas.accept_key(other.fingerprint)
        nas.wait("State", "online")
        nas.call("Configure", "a{sv}", dbus.Dictionary({"port": dbus.UInt16(22)}, signature="sv"))
        nas.wait("State", "unconfirmed")
        nas.accept_key(product.machine.host.fingerprint)
        nas.wait("State", "online")
    finally:
        other.remove()


@pytest.mark.allow_journal(r"shows another key than the accepted one")
def test_changed_host_key_stops_everything(nas: Host, product: Product) -> None:
    product.plug("CHANGED1", 8)
    accepted = nas["HostKeyFingerprint"]
    cursor = product.machine.cursor()
    product.machine.host.new_host_key()
    product.machine.host.drop_connections()
    nas.wait("State", "key-changed")
    entry = product.machine.wait_journal("shows another key", "MESSAGE_ID=ac582136267f4511b4cc24b0eda004bd", cursor=cursor)
    assert int(entry["PRIORITY"]) == 2 and entry["BURNIN_HOST"] == "nas" and "accept-key" in entry["MESSAGE"]
    before = runs(product)
    with untouched(product, "CHANGED1"), refused("HostKeyChanged", "nas", "key has changed"):
        product.start("CHANGED1")
    assert (nas["HostKeyFingerprint"], nas["SeenHostKeyFingerprint"]) == (accepted, product.machine.host.fingerprint)
    assert runs(product) == before and product.drive("CHANGED1")["Stale"] is True
    product.restart()
    nas.wait("State", "key-changed")

    with refused("WrongFingerprint"):
        nas.accept_key(accepted)
    nas.accept_key(product.machine.host.fingerprint)
    nas.wait("State", "online")
    assert product.start("CHANGED1").wait_end() == "passed"


@contextlib.contextmanager
def only_host(product: Product, at: SshHost, name: str, user: str = "root") -> Iterator[Host]:
    """This host instead of 'nas': all hosts of the machine have the same drives."""
    product.clean()
    try:
        yield product.add_host(name, at, user=user)
        product.clean()
    finally:
        at.remove()


@pytest.mark.parametrize(("tool", "package"), [("badblocks", "e2fsprogs"), ("smartctl", "smartmontools")])
def test_host_without_a_tool(product: Product, tool: str, package: str) -> None:
    with only_host(product, product.machine.ssh_host(2216, without=(tool,)), "bare") as host:
        product.machine.add_loop_drive("NOTOOL01", 8)
        name = Path(product.device("NOTOOL01")).name
        host.wait("MissingTools", lambda missing: tool in missing and package in missing)
        host.refresh()
        product.machine.wait_for(lambda: [d for d in product.list("Drives", host="bare", present=True)
                                          if d["DevName"] == name], 20, f"{name} is listed")
        # Without smartctl the drive itself has not said its serial: a batch needs none.
        with untouched(product, "NOTOOL01"):
            (_, result, detail, _), _ = product.start_all([(f"bare:{name}", ""), ("NOTHING1", "")], confirmed=True)
        assert result == "skipped" and detail.startswith("org.burnin1.Error.HostUnfit: ")
        assert tool in detail and package in detail


def test_user_with_sudo_burns_in(product: Product) -> None:
    with only_host(product, product.machine.ssh_host(2217), "sudo", user="nas"):
        product.plug("BYSUDO01", 8)
        assert product.start("BYSUDO01").wait_end() == "passed"


def test_user_without_sudo_is_told_so(nas: Host, product: Product) -> None:
    with sick_host(product, lambda: product.machine.ssh_host(2218, config="AllowUsers visitor"), "nosudo", "visitor") as host:
        host.wait("State", "unconfirmed")
        host.accept_key(host["SeenHostKeyFingerprint"])
        host.wait("StateReason", lambda reason: "sudo" in reason)


# --- between submission and start ----------------------------------------------------------------------------


@pytest.fixture
def one_at_a_time(product: Product) -> Iterator[None]:
    product.configure(max_parallel_burnins="1")
    yield
    product.configure(max_parallel_burnins="4")


@contextlib.contextmanager
def queued_behind(product: Product, serial: str) -> Iterator[Job]:
    """A job that waits for its turn, its drive's content on record. Its turn comes at the end of the block."""
    product.plug("FIRST001", 256)
    first = product.start("FIRST001")
    with product.braked(first):
        job = product.start(serial)
        job.wait("Reason", lambda reason: "free place" in reason)
        yield job
        assert job["State"] == "queued"
        first.cancel()
    first.wait_end()


@pytest.mark.parametrize("what", ["filesystem", "bytes"])
def test_queued_drive_that_was_written_meanwhile(one_at_a_time: None, nas: Host, product: Product, what: str) -> None:
    product.plug("WRITTEN1", 16)
    device = product.device("WRITTEN1")
    with queued_behind(product, "WRITTEN1") as job:
        if what == "filesystem":
            product.machine.run(f"mkfs.ext4 -q {device}; mkdir -p /mnt/new; mount {device} /mnt/new; "
                                "echo precious > /mnt/new/file; umount /mnt/new")
        else:
            product.machine.run(f"dd if=/dev/urandom of={device} bs=64k count=1 seek=1 conv=fsync status=none")
        before = digest(product.image("WRITTEN1"))
        for _ in range(3):      # until the write itself is no news any more
            nas.wait_look()
    assert job.wait_end() == "inconclusive"
    assert "WRITTEN1" in job["Reason"] and ("existing-data" in job["Reason"] or "content" in job["Reason"])
    assert digest(product.image("WRITTEN1")) == before
    if what == "filesystem":
        assert product.machine.run(f"e2fsck -fn {device} && mount -o ro {device} /mnt/new && cat /mnt/new/file; "
                                   "umount /mnt/new").stdout.endswith("precious\n")


def swap_images(device: str, before: Path, after: Path) -> None:
    """Another drive behind the same kernel name."""
    with resources.locked():
        resources.detach_loop(device, before)
        resources.attach_loop(after, device=device)


def test_queued_drive_that_changed_its_name_is_followed(one_at_a_time: None, nas: Host, product: Product) -> None:
    drive = product.plug("FOLLOW01", 16)
    name = drive["DevName"]
    with queued_behind(product, "FOLLOW01") as job:
        with resources.locked():
            product.machine.remove_loop_drive("FOLLOW01", keep_image=True)
            product.machine.add_loop_drive("USURPER1", 16, device=f"/dev/{name}")
        product.image("USURPER1").write_bytes(SENTINEL * 1000 + bytes((16 << 20) - 1000 * len(SENTINEL)))
        usurper = digest(product.image("USURPER1"))
        product.machine.add_loop_drive("FOLLOW01", 16)
        nas.refresh()
        drive.wait("DevName", lambda now: now != name)
        drive.wait("Present", True)
    assert job.wait_end() == "passed"
    assert drive["DevName"] != name and drive["DevName"] in job.stage().log()
    assert digest(product.image("USURPER1")) == usurper


SYNC = "/usr/local/sbin/sync"
HOOK = """#!/bin/sh
# Stands still between a run's preparation and its start, while /run/hook is there.
if [ -p /run/hook ]; then
    case $1 in
    */script) echo "$1" > /run/hook.seen; read -r _ < /run/hook ;;
    esac
fi
exec /usr/bin/sync "$@"
"""


@pytest.fixture
def hook(product: Product) -> Iterator[Callable[[], None]]:
    """A host that stands still right before it starts a run: the gap between all our checks and its own.

    hook() waits until it is there."""
    product.machine.write(SYNC, HOOK, mode=0o755)
    product.machine.run("rm -f /run/hook /run/hook.seen; mkfifo /run/hook")
    yield lambda: product.machine.wait_for(product.machine.path("/run/hook.seen").exists, 60, "a run is about to start")
    product.machine.run(f"rm -f {SYNC} /run/hook /run/hook.seen")


@pytest.mark.allow_journal(r"^burnin-run-[0-9a-f]+\.service: Failed with result 'exit-code'")
@pytest.mark.parametrize("other", ["another drive", "the same drive, in use"])
def test_drive_that_changes_between_check_and_start(nas: Host, product: Product, hook: Callable[[], None], other: str) -> None:
    product.plug("SWITCH01", 16)
    device = product.device("SWITCH01")
    job = product.start("SWITCH01")
    hook()
    with contextlib.ExitStack() as stack:
        if other == "another drive":
            victim = product.image("SWITCH02")
            victim.write_bytes(SENTINEL * 1000 + bytes((16 << 20) - 1000 * len(SENTINEL)))
            stack.callback(victim.unlink)
            swap_images(device, product.image("SWITCH01"), victim)
            stack.callback(swap_images, device, victim, product.image("SWITCH01"))
        else:
            victim = product.image("SWITCH01")
            # Read-only: nothing but us could write to it.
            product.machine.run(f"mkfs.ext4 -q {device}; mkdir -p /mnt/live; mount -o ro,noload {device} /mnt/live; sync")
            stack.callback(lambda: product.machine.run("umount /mnt/live"))
        before = digest(victim)
        product.machine.run("rm /run/hook.seen; echo > /run/hook; rm /run/hook")
        assert job.wait_end() == "inconclusive"
        assert ("another drive" if other == "another drive" else "mounted") in job["Reason"], job["Reason"]
        os.sync()
        assert digest(victim) == before, "not a byte of it was written"
    assert job.stage()["Phase"] <= 1 and job.stage()["WorkBytes"] < 1 << 20


def test_drive_follows_no_stranger(nas: Host, product: Product) -> None:
    """A drive that comes back with another size is not the one that was known."""
    drive = product.plug("SIZE0001", 16)
    product.machine.remove_loop_drive("SIZE0001")
    drive.wait("Present", False)
    product.machine.add_loop_drive("SIZE0001", 32)
    now: Drive = product.wait_drive("SIZE0001", None)
    assert now["SizeBytes"] == 32 << 20
