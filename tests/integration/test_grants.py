# SPDX-License-Identifier: LGPL-2.1-or-later
"""Unlocking: a grant covers exactly what was seen, serves one job of one person, and everything else ends it."""
from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from typing import Any

import dbus
import pytest
from product import SETTINGS, Drive, Host, Job, Object, Product, nas, product, refused  # noqa: F401
from test_authorization import denied, rules  # noqa: F401
from test_bus import check_introspection
from test_refusals import untouched

pytestmark = pytest.mark.allow_journal(r"has ended: (inconclusive|failed|cancelled)", r"^inconclusive: ", r"is missing",
                                       r"^[a-z-]+: .*: inconclusive$", r"^The grant .* (was given: |is void: |is used by job )",
                                       r"is not what was unlocked for job", r"is locked now", r"No burn-in was started",
                                       r"^burnin-run-[0-9a-f]+\.service: Failed with result 'exit-code'")

EXISTING = "DESTROY EXISTING DATA"
MOUNTED = "DESTROY MOUNTED FILESYSTEM"
WHY = "it is only a test"
GIVEN, USED, ENDED, VOID, NOT = ("e4017b4612324432aac351f422bcc8f7", "d26aa27495ca461e865787f5cd949ea9",
                                 "5744ecb6a08a440796b3f67629186ba3", "f520531a746643518c816a66c42c7348",
                                 "19f86bd30f9d43018c231d72bb73dd72")


class Grant(Object):
    interface = "org.burnin1.UnlockGrant"

    def revoke(self, user: str | None = None) -> None:
        self.call("Revoke", "t", 0, user=user)


def unlock(product: Product, serial: str, token: str = EXISTING, reason: str = WHY, user: str | None = None) -> Grant:
    return Grant(product, product.drive(serial).call("Unlock", "sst", token, reason, 0, user=user))


def grants(product: Product) -> list[dict[str, Any]]:
    return product.call("ListGrants", "a{sv}", dbus.Dictionary({}, signature="sv"))


def wait_no_grant(product: Product) -> None:
    product.machine.wait_for(lambda: not grants(product), 20, "no grant waits")


def audit(product: Product, n: int = 20) -> list[tuple[str, str, str]]:
    """(who, outcome, detail) of what was said of unlocking, newest first."""
    return [(row["Actor"], row["Outcome"], row["Detail"]) for row in product.list("Audit", limit=dbus.UInt32(n))
            if row["Action"] == "org.burnin1.unlock"]


def with_data(product: Product, serial: str, size_mb: int = 16) -> Drive:
    """A drive with a file system on it that nobody mounts."""
    product.plug(serial, size_mb)
    product.machine.run(f"mkfs.ext4 -q {product.device(serial)}; sync")
    return product.wait_drive(serial, "existing-data")


@pytest.fixture
def mounted(nas: Host, product: Product) -> Iterator[Drive]:
    product.plug("MOUNTED1", 32)
    product.machine.run(f"mkfs.ext4 -q {product.device('MOUNTED1')}; mkdir -p '/mnt/a live one';"
                        f"mount {product.device('MOUNTED1')} '/mnt/a live one'; echo precious > '/mnt/a live one/file'; sync")
    yield product.wait_drive("MOUNTED1", "mounted")
    product.machine.run("umount -q '/mnt/a live one'", check=False)


@contextlib.contextmanager
def crowded(product: Product) -> Iterator[None]:
    """What is started in here waits for its turn."""
    product.configure(max_parallel_burnins="1")
    product.host("nas").wait("State", "online")
    product.plug("CROWD001", 256)
    job = product.start("CROWD001")
    pid = product.brake(job)
    try:
        yield
    finally:
        product.settings.pop("max_parallel_burnins")
        product.release(pid)
        job.cancel("the place is needed")
        job.wait_end()


def queued(product: Product, serial: str, **options: Any) -> Job:
    """A job with leave to destroy, waiting for its turn, with the fingerprint of its drive taken."""
    job = product.start(serial, unlock=True, **options)
    job.wait("Reason", lambda reason: "free place" in reason)
    assert job["State"] == "queued"
    return job


# --- giving ----------------------------------------------------------------------------------------------------


def test_unlocked_drive_is_burned_in(nas: Host, product: Product) -> None:
    drive = with_data(product, "UNLOCK01")
    cursor = product.machine.cursor()
    with refused("DriveLocked", EXISTING):
        product.start("UNLOCK01", unlock=True)      # there is no grant yet
    grant = unlock(product, "UNLOCK01")
    assert grant.path.startswith("/org/burnin1/grant/") and len(grant["Id"]) == 16
    check_introspection(product, grant.path, grant.interface)
    row, = grants(product)
    assert row["Object"] == grant.path
    assert {k: v for k, v in row.items() if k in ("DriveId", "Drive", "Host", "Serial", "Role", "Pool", "InUse", "Operator", "Reason")} == {
        "DriveId": drive["Id"], "Drive": drive.path, "Host": "nas", "Serial": "UNLOCK01", "Role": "existing-data", "Pool": "",
        "InUse": False, "Operator": "root", "Reason": WHY}
    assert grant["ExpiresUSec"] - grant["GrantedUSec"] == 600_000_000
    with refused("DriveLocked", "existing-data"):
        product.start("UNLOCK01")                   # it is not taken along unasked
    job = product.start("UNLOCK01", unlock=True)
    assert not grants(product)
    assert job.wait_end() == "passed", job["Reason"]
    assert [job[name] for name in ("Unlocked", "UnlockedPool", "UnlockedBy", "UnlockReason")] == ["existing-data", "", "root", WHY]
    lock = next(line for line in job.stage("precheck")["Evidence"] if line[0] == "lock")
    assert "existing-data, as unlocked" in lock[1] and lock[4] == "passed"
    (_, used, how), (who, given, why) = audit(product)[:2]
    assert (used, given, who) == ("used", "ok", "root") and f"job {job.id}" in how and WHY in how and WHY in why
    for message in (GIVEN, USED):
        entry, = product.machine.journal(f"MESSAGE_ID={message}", cursor=cursor)
        assert entry["BURNIN_DRIVE_SERIAL"] == "UNLOCK01" and entry["BURNIN_GRANT"] == row["Id"]


@pytest.mark.parametrize("token", ["", "existing-data", EXISTING.lower(), EXISTING + " ", " " + EXISTING, EXISTING[:-1], MOUNTED,
                                   "UNLOCK02", "tank", "*", "x" * 255])
def test_wrong_token(nas: Host, product: Product, token: str) -> None:
    with_data(product, "UNLOCK02", 8)
    cursor = product.machine.cursor()
    with pytest.raises(dbus.DBusException) as caught:
        unlock(product, "UNLOCK02", token)
    assert caught.value.get_dbus_name() == "org.burnin1.Error.WrongToken"
    text = str(caught.value.get_dbus_message())
    assert "existing-data" in text and "UNLOCK02" in text and EXISTING not in text and (not token or token == "UNLOCK02" or
                                                                                     token == "existing-data" or token not in text)
    assert not grants(product)
    (who, outcome, detail), *_ = audit(product)
    assert (who, outcome) == ("root", "refused") and WHY in detail and EXISTING not in detail
    assert len(product.machine.journal(f"MESSAGE_ID={NOT}", cursor=cursor)) == 1


def test_bad_input(nas: Host, product: Product) -> None:
    drive = with_data(product, "UNLOCK03", 8)
    for reason in ("", " ", "x" * 201, "two\nlines", "bell\a", "\x1b[31m"):
        with refused("InvalidArgument", "reason"):
            unlock(product, "UNLOCK03", reason=reason)
    with refused("InvalidArgument", "token"):
        unlock(product, "UNLOCK03", "x" * 256)
    for signature, arguments in (("ss", (EXISTING, WHY)), ("sss", (EXISTING, WHY, "")), ("sst", (EXISTING, WHY, 1)),
                                 ("ssu", (EXISTING, WHY, 0)), ("", ())):
        with pytest.raises(dbus.DBusException):
            drive.call("Unlock", signature, *arguments)
    for options in ({"unlock": "yes"}, {"release": True}, {"unlock_existing": dbus.UInt32(1)}, {"unlocked": True},
                    {"release": True, "unlock_existing": True}):
        with refused("InvalidOption"):
            product.start("UNLOCK03", **options)
    with refused("InvalidOption"):
        product.call("ListGrants", "a{sv}", dbus.Dictionary({"nothing": 1}, signature="sv"))
    with pytest.raises(dbus.DBusException):
        Grant(product, "/org/burnin1/grant/0123456789abcdef").revoke()
    assert not grants(product) and not product.active_jobs()
    unlock(product, "UNLOCK03", reason="x" * 200)


def test_drives_that_cannot_be_unlocked(nas: Host, product: Product) -> None:
    product.plug("UNLOCK04", 8)
    with refused("WrongState", "not locked"):
        unlock(product, "UNLOCK04", "")
    with product.machine.popen(f"exec sleep 1000 < {product.device('UNLOCK04')}"):
        nas.refresh()
        product.drive("UNLOCK04").wait("LockState", "in-use")
        for token in ("", EXISTING, MOUNTED, "in-use"):
            with refused("DriveLocked", "in-use", "cannot be unlocked"):
                unlock(product, "UNLOCK04", token)
    drive = with_data(product, "UNLOCK05", 8)
    product.machine.remove_loop_drive("UNLOCK05")
    drive.wait("Present", False)
    with refused("DriveMissing"):
        unlock(product, "UNLOCK05")
    assert not grants(product)


def test_drive_without_identity_cannot_be_unlocked(nas: Host, product: Product) -> None:
    product.machine.add_loop_drive("NONAME01", 8, wwn=None)
    product.machine.set_smart("NONAME01", {"serial_number": ""})
    name = product.device("NONAME01").removeprefix("/dev/")
    product.machine.run(f"mkfs.ext4 -q {product.device('NONAME01')}; sync")
    product.machine.run(f"sed -i '/SERIAL/d' /run/harness-udev/{name}; systemctl start harness-udev@{name}.service")
    nas.refresh()
    product.machine.wait_for(lambda: [row for row in product.list("Drives", host="nas", present=True)
                                      if row["DevName"] == name and row["IdentityState"] == "none"], 30, f"{name} has none")
    with refused("DriveIdentity"):
        unlock(product, f"nas:{name}")


def test_host_that_cannot_tell_what_uses_its_drives(nas: Host, product: Product) -> None:
    with_data(product, "UNLOCK15", 8)
    product.machine.write("/usr/local/sbin/zpool", "#!/bin/sh\necho nonsense\n", mode=0o755)
    try:
        nas.wait("DetectionState", lambda state: "zpool" in state)
        with untouched(product, "UNLOCK15"):
            with refused("HostUnfit", "UNLOCK15", "nas", "zpool"):
                unlock(product, "UNLOCK15")
            with refused("HostUnfit", "UNLOCK15", "nas", "zpool"):
                product.start("UNLOCK15", unlock_existing=True)
    finally:
        product.machine.run("rm /usr/local/sbin/zpool")
        nas.wait("DetectionState", "ok")
    assert not grants(product) and not product.active_jobs()


# --- its life --------------------------------------------------------------------------------------------------


@pytest.fixture
def hasty(product: Product) -> Iterator[None]:
    product.configure(unlock_ttl_seconds="2")
    yield
    product.settings.pop("unlock_ttl_seconds")
    product.configure()


def test_grant_expires(hasty: None, nas: Host, product: Product) -> None:
    with_data(product, "UNLOCK06", 8)
    cursor = product.machine.cursor()
    unlock(product, "UNLOCK06")
    wait_no_grant(product)
    with untouched(product, "UNLOCK06"), refused("DriveLocked"):
        product.start("UNLOCK06", unlock=True)
    assert audit(product)[0][:2] == ("burnind", "expired")
    assert len(product.machine.journal(f"MESSAGE_ID={ENDED}", cursor=cursor)) == 1


def test_grant_is_revoked(nas: Host, product: Product) -> None:
    with_data(product, "UNLOCK07", 8)
    grant = unlock(product, "UNLOCK07")
    with denied():
        grant.revoke(user="nobody")
    assert len(grants(product)) == 1
    grant.revoke()
    assert not grants(product) and audit(product)[0][:2] == ("root", "revoked")
    with refused("DriveLocked"):
        product.start("UNLOCK07", unlock=True)
    with pytest.raises(dbus.DBusException):
        grant.revoke()


def test_second_grant_replaces_the_first(nas: Host, product: Product) -> None:
    with_data(product, "UNLOCK08", 8)
    first, second = unlock(product, "UNLOCK08"), unlock(product, "UNLOCK08", reason="again")
    row, = grants(product)
    assert row["Object"] == second.path != first.path and row["Reason"] == "again"
    assert "replaced" in [outcome for _, outcome, _ in audit(product)]


def test_grant_does_not_outlive_the_service(nas: Host, product: Product) -> None:
    with_data(product, "UNLOCK09", 8)
    unlock(product, "UNLOCK09")
    product.restart()
    nas.wait("State", "online")
    product.wait_drive("UNLOCK09", "existing-data")
    assert not grants(product)
    with refused("DriveLocked"):
        product.start("UNLOCK09", unlock=True)


CHANGES = {
    "mounted": "mkdir -p /mnt/grab && mount {} /mnt/grab",
    "wiped": "wipefs -qa {}",
    "pulled": "",
}


@pytest.mark.parametrize("change", CHANGES)
def test_change_ends_the_grant(nas: Host, product: Product, change: str) -> None:
    drive = with_data(product, "UNLOCK10", 8)
    cursor = product.machine.cursor()
    unlock(product, "UNLOCK10")
    if change == "pulled":
        product.machine.remove_loop_drive("UNLOCK10")
    else:
        product.machine.run(CHANGES[change].format(product.device("UNLOCK10")) + "; sync")
    nas.refresh()
    wait_no_grant(product)
    assert audit(product)[0][:2] == ("burnind", "invalidated")
    assert len(product.machine.journal(f"MESSAGE_ID={VOID}", cursor=cursor)) == 1
    if change == "mounted":
        # It does not come back with what was there before.
        product.machine.run("umount /mnt/grab")
        nas.refresh()
        drive.wait("LockState", "existing-data")
        with refused("DriveLocked"):
            product.start("UNLOCK10", unlock=True)


@pytest.mark.allow_journal(r"^burnin-poll\.service: (Main process exited|Failed)")
def test_content_is_asked_for_again_after_the_poller_was_replaced(nas: Host, product: Product) -> None:
    """A drive that keeps its lock and not its content is not what was unlocked."""
    with_data(product, "UNLOCK16", 8)
    kill = ["systemctl", "kill", "burnin-poll.service"]
    product.machine.run([*kill, "--signal=STOP"])
    unlock(product, "UNLOCK16")
    product.machine.run([*kill, "--signal=KILL"])
    for _ in range(3):      # the grant is judged after a look; what it asks then is answered before the one after the next
        nas.wait_look(60)
    product.machine.run(f"e2label {product.device('UNLOCK16')} changed; sync")
    try:
        job = product.start("UNLOCK16", unlock=True)
    except dbus.DBusException as error:     # somebody writes to it, as a look has seen meanwhile
        assert "DriveLocked" in str(error.get_dbus_name())
    else:
        assert job.wait_end() == "inconclusive"
        assert "content" in job["Reason"] or "not what was unlocked" in job["Reason"], job["Reason"]


def test_grant_serves_only_who_was_given_it(nas: Host, product: Product, rules: Callable[[str], None]) -> None:
    rules('polkit.addRule(function(action, subject) {\n'
          '    if (subject.user == "visitor") return polkit.Result.YES;\n});\n')
    with_data(product, "UNLOCK11", 8)
    unlock(product, "UNLOCK11")
    with refused("DriveLocked", "unlocked by root", "Unlock it yourself"):
        product.start("UNLOCK11", unlock=True, user="visitor")
    unlock(product, "UNLOCK11", user="visitor")
    with refused("DriveLocked", "unlocked by visitor"):
        product.start("UNLOCK11", unlock=True)
    assert product.start("UNLOCK11", unlock=True, user="visitor").wait_end() == "passed"


def test_rule_sees_what_is_unlocked(nas: Host, product: Product, rules: Callable[[str], None]) -> None:
    """Who may start on free drives may not for that reason unlock any, and a rule knows drive, lock and token."""
    rules('polkit.addRule(function(action, subject) {\n'
          '    if (subject.user != "visitor") return;\n'
          '    if (action.id == "org.burnin1.start-destructive") return polkit.Result.YES;\n'
          '    if (action.id == "org.burnin1.unlock")\n'
          '        return action.lookup("serial") == "ALLOWED1" && action.lookup("lock") == "existing-data" &&\n'
          f'            action.lookup("token") == "{EXISTING}" && action.lookup("host") == "nas" ? polkit.Result.YES : polkit.Result.NO;\n'
          '});\n')
    with_data(product, "ALLOWED1", 8)
    with_data(product, "ALLOWED2", 8)
    with denied():
        unlock(product, "ALLOWED2", user="visitor")
    with pytest.raises(dbus.DBusException, match=r"not allowed to do this \(org\.burnin1\.unlock\)"):
        product.start("ALLOWED2", unlock_existing=True, user="visitor")
    assert not grants(product) and not product.active_jobs()
    unlock(product, "ALLOWED1", user="visitor").revoke()
    assert product.start("ALLOWED1", unlock_existing=True, user="visitor").wait_end() == "passed"


# --- the job that holds it --------------------------------------------------------------------------------------


def test_grant_serves_one_job_and_a_restart_keeps_its_right(nas: Host, product: Product) -> None:
    drive = with_data(product, "UNLOCK12")
    with crowded(product):
        unlock(product, "UNLOCK12")
        job = queued(product, "UNLOCK12")
        with refused("DriveBusy"):
            product.start("UNLOCK12", unlock=True)
        job.cancel("not this one")
        assert job.wait_end() == "cancelled"
        with refused("DriveLocked"):        # it is spent
            product.start("UNLOCK12", unlock=True)
        nas.refresh()
        drive.wait("LockState", "existing-data")
        unlock(product, "UNLOCK12")
        job = queued(product, "UNLOCK12")
        product.restart()
        nas.wait("State", "online")
    assert job.wait_end(90) == "passed", job["Reason"]


@pytest.mark.parametrize("change", ["mounted", "wiped", "pulled", "relabelled"])
def test_change_ends_the_queued_job(nas: Host, product: Product, change: str) -> None:
    with_data(product, "UNLOCK13")
    with crowded(product):
        unlock(product, "UNLOCK13")
        job = queued(product, "UNLOCK13")
        device = product.device("UNLOCK13")
        if change == "relabelled":      # still what it was, by its lock; but not by its content
            product.machine.run(f"e2label {device} changed; sync")
        elif change == "pulled":
            product.machine.remove_loop_drive("UNLOCK13")
        else:
            product.machine.run(CHANGES[change].format(device) + "; sync")
        nas.refresh()
        if change != "relabelled":
            assert job.wait_end() == "inconclusive"
            assert "not what was unlocked" in job["Reason"], job["Reason"]
            assert "invalidated" in [outcome for _, outcome, _ in audit(product)]
    assert job.wait_end() == "inconclusive"
    # That somebody writes to it is seen as well, where a reading comes at that moment.
    assert change != "relabelled" or "content" in job["Reason"] or "not what was unlocked" in job["Reason"], job["Reason"]
    if change == "mounted":
        product.machine.run("umount /mnt/grab")
    assert job.stage()["Verdict"] == "skipped"


def test_change_ends_a_job_that_is_paused_before_its_turn(nas: Host, product: Product) -> None:
    with_data(product, "UNLOCK14")
    with crowded(product):
        unlock(product, "UNLOCK14")
        job = queued(product, "UNLOCK14")
        job.call("Pause", "st", "not now", 0)
        job.wait("State", "paused")
        product.machine.run(CHANGES["mounted"].format(product.device("UNLOCK14")))
        nas.refresh()
        assert job.wait_end() == "inconclusive"
        assert "not what was unlocked" in job["Reason"], job["Reason"]
    product.machine.run("umount /mnt/grab")


# --- many at once ----------------------------------------------------------------------------------------------


def test_existing_data_is_unlocked_by_listing_serials(mounted: Drive, product: Product) -> None:
    serials = ["LISTED01", "LISTED02", "LISTED03"]
    for serial in serials:
        with_data(product, serial, 8)
    product.plug("LISTED04", 8)
    drives = [("LISTED01", "LISTED01"), ("LISTED02", "LISTED02"), ("LISTED03", ""), ("LISTED04", "LISTED04"), ("MOUNTED1", "MOUNTED1")]
    with refused("NotConfirmed"):
        product.start_all(drives, unlock_existing=True)
    assert [result for _, result, _, _ in product.start_all(drives[:3], confirmed=True)] == ["locked"] * 3
    results = product.start_all(drives, confirmed=True, unlock_existing=True)
    assert [result for _, result, _, _ in results] == ["queued", "queued", "skipped", "queued", "locked"]
    assert "NotConfirmed" in results[2][2] and "serial must be listed" in results[2][2]
    assert MOUNTED in results[4][2]
    for *_, path in (results[0], results[1], results[3]):
        assert Job(product, path).wait_end() == "passed"
    # They were unlocked, as by Unlock(): it is on record, and in the day's report.
    said = [outcome for _, outcome, detail in audit(product, 50) if "listed in the submission" in detail]
    assert (said.count("ok"), said.count("used"), len(said)) == (2, 2, 4)
    day = json.loads(product.machine.run(["burninctl", "report", "daily", "--json=short"]).stdout)
    assert {"LISTED01", "LISTED02"} == {one["serial"] for one in day["unlocked"] if one["serial"].startswith("LISTED")}
    assert product.drive("LISTED03")["LockState"] == "existing-data"


# --- release ---------------------------------------------------------------------------------------------------


def test_drive_in_use_is_released_only_when_asked(mounted: Drive, nas: Host, product: Product) -> None:
    grant = unlock(product, "MOUNTED1", MOUNTED)
    assert grant["InUse"] and grant["Role"] == "mounted"
    with refused("DriveLocked", "still in use", "/mnt/a live one", "umount", "release"):
        product.start("MOUNTED1", unlock=True)
    assert len(grants(product)) == 1        # a refusal uses nothing up
    assert product.machine.read("/mnt/a live one/file") == "precious\n"
    job = product.start("MOUNTED1", unlock=True, release=True)
    assert job.wait_end() == "passed", job["Reason"]
    assert "/mnt/a live one" not in product.machine.read("/proc/1/mountinfo").replace("\\040", " ")


def test_busy_mount_is_never_forced(mounted: Drive, nas: Host, product: Product) -> None:
    unlock(product, "MOUNTED1", MOUNTED)
    with product.machine.popen("cd '/mnt/a live one'; exec sleep 1000"):
        product.machine.wait_for(lambda: "sleep" in product.machine.run("fuser -vm '/mnt/a live one' 2>&1", check=False).stdout, 20,
                                 "somebody is in there")
        job = product.start("MOUNTED1", unlock=True, release=True)
        assert job.wait_end() == "inconclusive"
        assert "umount /mnt/a live one" in job["Reason"] and "by hand" in job["Reason"], job["Reason"]
        assert product.machine.read("/mnt/a live one/file") == "precious\n"


def test_what_lies_over_the_drive_is_left_alone(mounted: Drive, nas: Host, product: Product) -> None:
    unlock(product, "MOUNTED1", MOUNTED)
    product.machine.run("mount -t tmpfs -o size=1m other '/mnt/a live one' && echo theirs > '/mnt/a live one/file'")
    try:
        job = product.start("MOUNTED1", unlock=True, release=True)
        assert job.wait_end() == "inconclusive"
        assert "is mounted at /mnt/a" in job["Reason"], job["Reason"]
        assert product.machine.read("/mnt/a live one/file") == "theirs\n"
    finally:
        product.machine.run("umount '/mnt/a live one'")
    assert product.machine.read("/mnt/a live one/file") == "precious\n"


def test_unmounted_by_hand_is_something_else(mounted: Drive, nas: Host, product: Product) -> None:
    unlock(product, "MOUNTED1", MOUNTED)
    product.machine.run("umount '/mnt/a live one'")
    nas.refresh()
    wait_no_grant(product)
    mounted.wait("LockState", "existing-data")
    unlock(product, "MOUNTED1")
    assert product.start("MOUNTED1", unlock=True).wait_end() == "passed"
