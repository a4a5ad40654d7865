# SPDX-License-Identifier: LGPL-2.1-or-later
"""Settings while the service runs: where they come from, who may change them, what it does at once, and what stays."""
from __future__ import annotations

import contextlib
import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dbus
import pytest
from product import DROPIN, PATH, SETTINGS_INTERFACE, Host, Job, Product, nas, plain, product, refused  # noqa: F401

pytestmark = pytest.mark.allow_journal(r"has ended: (inconclusive|cancelled)", r"^inconclusive: ", r"is missing")

FIRST, SECOND = "/etc/burnin/burnind.conf.d/10-first.conf", "/etc/burnin/burnind.conf.d/60-second.conf"


@pytest.fixture(autouse=True)
def as_before(product: Product) -> Iterator[None]:
    """What a test has set or written is gone after it."""
    yield
    product.machine.run(["rm", "-f", FIRST, SECOND])
    product.machine.run(["systemctl", "start", "burnind.service"], timeout=60)
    product.clean_jobs()
    for _ in range(2):      # one may depend on another
        for setting in list_all(product).values():
            if setting["Origin"] == "runtime":
                product.call_settings("Reset", "st", setting["Name"], 0)
    reload(product)


def list_all(product: Product) -> dict[str, dict[str, Any]]:
    return {setting["Name"]: setting for setting in product.call_settings("List")}


def get(product: Product, name: str) -> dict[str, Any]:
    return product.call_settings("Get", "s", name)


def value(product: Product, name: str) -> tuple[Any, str, str]:
    setting = get(product, name)
    return setting["Value"], setting["Origin"], setting["File"]


def put(product: Product, name: str, to: Any, user: str | None = None) -> None:
    product.call_settings("Set", "svt", name, to, 0, user=user)


def reset(product: Product, name: str) -> None:
    product.call_settings("Reset", "st", name, 0)


def reload(product: Product) -> None:
    """Comes back when the files were read, or could not be."""
    cursor = product.machine.cursor()
    product.machine.run(["systemctl", "reload", "burnind.service"])
    product.machine.wait_journal(lambda e: "settings were read again" in str(e.get("MESSAGE"))
                                 or "All settings stay" in str(e.get("MESSAGE")), cursor=cursor)


def write(product: Product, path: str, *lines: str) -> None:
    product.machine.write(path, "\n".join(["[burnind]", *lines, ""]))


def ctl(product: Product, *args: str, status: int = 0) -> str:
    done: subprocess.CompletedProcess[str] = product.machine.run(["burninctl", *args], check=False)
    assert done.returncode == status, done
    return done.stdout if status == 0 else done.stderr


def execute(product: Product, sql: str) -> str:
    """The first value that this finds in the database, or nothing."""
    return product.machine.run(["python3", "-IS", "-c", (
        "import sqlite3, sys; db = sqlite3.connect('/var/lib/burnin/burnin.db', isolation_level=None); "
        "row = db.execute(sys.argv[1]).fetchone(); print(row[0] if row else '')"), sql]).stdout.rstrip("\n")


def newest(product: Product) -> dict[str, Any]:
    entry: dict[str, Any] = product.list("Audit", limit=dbus.UInt32(1))[0]
    return entry


# --- what they are ---------------------------------------------------------------------------------------


def test_list_says_all_of_each(product: Product) -> None:
    settings = list_all(product)
    shipped = (Path(__file__).parents[2] / "units/burnind.conf").read_text()
    assert sorted(settings) == sorted(re.findall(r"^#([a-z_]+)=", shipped, re.M))
    for name, setting in settings.items():
        number = {"Minimum", "Maximum", "Unit"} if setting["Type"] == "number" else set()
        assert set(setting) == {"Name", "Type", "Value", "Default", "Origin", "File", "Description", "Applies"} | number
        assert setting["Description"].endswith(".") and setting["Applies"] in ("at-once", "next-stage")
        assert type(setting["Value"]) is type(setting["Default"])
        assert setting == get(product, name)
    cap = settings["max_parallel_burnins"]
    assert (cap["Value"], cap["Default"], cap["Minimum"], cap["Maximum"], cap["Unit"]) == (4, 4, 1, 10000, "jobs")
    assert settings["boot_pools"]["Value"] == ["boot-pool", "freenas-boot", "rpool", "bpool"]
    assert (settings["loop_drives"]["Type"], settings["loop_drives"]["Value"]) == ("boolean", True)
    assert (settings["ssh_key"]["Type"], settings["ssh_key"]["Default"]) == ("path", "/etc/burnin/id_ed25519")
    assert settings["temp_warn_c"]["Applies"] == "next-stage"


def test_origin_is_the_last_that_says_something(product: Product) -> None:
    assert value(product, "max_per_host") == (0, "default", "")
    assert value(product, "loop_drives") == (True, "file", DROPIN)

    write(product, FIRST, "max_per_host=2", "bad_block_threshold=5", "loop_drives=no")
    write(product, SECOND, "max_per_host=3", "bad_block_threshold=")
    assert value(product, "max_per_host") == (0, "default", ""), "files are read when they are asked to be"
    reload(product)
    assert value(product, "max_per_host") == (3, "file", SECOND)
    assert value(product, "bad_block_threshold") == (0, "default", "")
    assert value(product, "loop_drives") == (True, "file", DROPIN)

    put(product, "max_per_host", dbus.UInt32(9))
    assert value(product, "max_per_host") == (9, "runtime", "")
    product.machine.run(["rm", SECOND])
    reload(product)
    assert value(product, "max_per_host") == (9, "runtime", "")
    assert value(product, "bad_block_threshold") == (5, "file", FIRST)
    reset(product, "max_per_host")
    assert value(product, "max_per_host") == (2, "file", FIRST)


@pytest.mark.parametrize("name,to,becomes", [
    ("max_per_host", "7", 7), ("max_per_host", dbus.Byte(7), 7), ("max_per_host", dbus.Int16(7), 7),
    ("max_per_host", dbus.UInt16(7), 7), ("max_per_host", dbus.Int32(7), 7), ("max_per_host", dbus.UInt32(7), 7),
    ("max_per_host", dbus.Int64(7), 7), ("max_per_host", dbus.UInt64(7), 7),
    ("loop_drives", "no", False), ("loop_drives", "on", True), ("loop_drives", dbus.Boolean(False), False),
    ("boot_pools", "one, two", ["one", "two"]), ("boot_pools", dbus.Array(["one", "two"], "s"), ["one", "two"]),
    ("slow_ratio", "0.25", 0.25), ("slow_ratio", dbus.Double(0.5), 0.5), ("slow_ratio", "1", 1.0),
    ("ssh_key", "/etc/burnin/./id_ed25519", "/etc/burnin/./id_ed25519")])
def test_value_is_of_its_type_or_text(product: Product, name: str, to: Any, becomes: Any) -> None:
    put(product, name, to)
    assert value(product, name) == (becomes, "runtime", "")


WORDS = dbus.Array(["7"], "s")
BAD = [
    *(("max_per_host", bad) for bad in ("", "x", "-1", "10001", "7 ", "1e3", "4294967297", "\x1b[0m", "ä" * 100, "9" * 5000)),
    *(("max_per_host", bad) for bad in (dbus.Int32(-1), dbus.UInt32(10001), dbus.UInt64(2 ** 63), dbus.Double(7),
                                        dbus.Boolean(True), WORDS, dbus.ObjectPath("/"), dbus.Struct(("7",), signature="s"))),
    ("max_parallel_burnins", dbus.UInt32(0)), ("surface_validate_block_size", dbus.UInt32(4097)),
    *(("loop_drives", bad) for bad in ("", "2", "perhaps", dbus.UInt32(1), dbus.Int32(0), WORDS)),
    *(("boot_pools", bad) for bad in ("", " ", "a/b", "a;b", "x" * 256, " ".join(["a"] * 65), dbus.UInt32(7),
                                      dbus.Array([], "s"), dbus.Array([""], "s"), dbus.Array(["a b"], "s"),
                                      dbus.Array(["a,b"], "s"), dbus.Array([7], "u"))),
    *(("slow_ratio", bad) for bad in ("", "1.1", "0.1234", ".5", "-0.1", dbus.Double(-0.5), dbus.Double(1.5), dbus.Double("nan"),
                                      dbus.Double("inf"), dbus.UInt32(1), dbus.Boolean(True))),
    *(("ssh_key", bad) for bad in ("", "key", "/a\nb", "/" + "a" * 4096, dbus.ObjectPath("/a"), dbus.Boolean(True))),
]


def test_bad_value_changes_nothing(product: Product) -> None:
    before, entry = list_all(product), newest(product)
    for name, bad in BAD:
        with refused("InvalidArgument", name):
            put(product, name, bad)
    with refused("InvalidArgument", "a number from 0 to 10000 (jobs)"):
        put(product, "max_per_host", "x")
    assert list_all(product) == before and newest(product) == entry


def test_bad_call_changes_nothing(product: Product) -> None:
    before, entry = list_all(product), newest(product)
    for name in ("", "max_paralel_burnins", "MAX_PER_HOST", "max_per_host ", "ä" * 1000, "x\x1b[0m"):
        for call in (lambda: get(product, name), lambda: put(product, name, "1"), lambda: reset(product, name)):
            with refused("NoSuchSetting", name[:20].replace("\x1b", "\\x1b")):
                call()
    for flags in (1, 1 << 63):
        with refused("InvalidArgument", "flags"):
            product.call_settings("Set", "svt", "max_per_host", "1", flags)
        with refused("InvalidArgument", "flags"):
            product.call_settings("Reset", "st", "max_per_host", flags)
    for method, signature, arguments in (("Set", "sst", ("max_per_host", "1", 0)), ("Set", "sv", ("max_per_host", "1")),
                                         ("Reset", "s", ("max_per_host",)), ("Get", "", ()), ("List", "s", ("x",))):
        with refused("org.freedesktop.DBus.Error.InvalidArgs"):
            product.call_settings(method, signature, *arguments)
    assert list_all(product) == before and newest(product) == entry


def test_values_must_fit_together(product: Product) -> None:
    with refused("InvalidArgument", "temp_warn_c must be under temp_crit_c"):
        put(product, "temp_warn_c", "60")
    put(product, "temp_crit_c", "65")
    put(product, "temp_warn_c", "60")
    with refused("InvalidArgument", "temp_warn_c must be under temp_crit_c"):
        reset(product, "temp_crit_c")
    assert (get(product, "temp_warn_c")["Value"], get(product, "temp_crit_c")["Value"]) == (60, 65)
    with refused("InvalidArgument", "at most 1 GiB"):
        put(product, "surface_validate_block_size", "16777216") or put(product, "surface_validate_block_buffer", "65")
    reset(product, "temp_warn_c")
    reset(product, "temp_crit_c")


def test_files_that_do_not_fit_what_was_set_put_both_aside(product: Product, journal: Any) -> None:
    journal.allow("temp_warn_c must be under temp_crit_c; using the defaults of both")
    put(product, "temp_warn_c", "50")
    write(product, FIRST, "temp_crit_c=48")
    reload(product)
    assert (value(product, "temp_warn_c"), value(product, "temp_crit_c")) == ((46, "default", ""), (55, "default", ""))
    put(product, "max_per_host", "3")       # which has nothing to do with it
    product.restart()
    assert (value(product, "temp_warn_c"), value(product, "temp_crit_c")) == ((46, "default", ""), (55, "default", ""))
    put(product, "temp_crit_c", "52")
    assert (value(product, "temp_warn_c"), value(product, "temp_crit_c")) == ((50, "runtime", ""), (52, "runtime", ""))


# --- who changed what ------------------------------------------------------------------------------------


def test_change_is_audited_and_signalled(product: Product) -> None:
    cursor = product.machine.cursor()
    with product.machine.watch_signal(SETTINGS_INTERFACE, "Changed", PATH) as watch:
        put(product, "max_per_host", "3")
        assert [str(a) for a in watch.wait().args] == ["max_per_host"]
        entry = newest(product)
        assert [entry[k] for k in ("Actor", "ActorUID", "Action", "Object", "Outcome", "Detail")] == [
            "root", 0, "org.burnin1.manage-settings", "setting max_per_host", "ok", "0 → 3 (runtime)"]
        put(product, "max_per_host", "3")
        reset(product, "bad_block_threshold")
        assert newest(product) == entry, "nothing changed"

        put(product, "bad_block_threshold", "0")
        assert newest(product)["Detail"] == "0 → 0 (runtime)", "it stays so now, whatever files say"
        reset(product, "max_per_host")
        assert newest(product)["Detail"] == "3 → 0 (default)"

        write(product, FIRST, "max_per_host=2")
        reload(product)
        entry = newest(product)
        assert (entry["Actor"], entry["Object"], entry["Detail"]) == ("burnind", "setting max_per_host", f"0 → 2 ({FIRST})")
        assert [str(watch.wait().args[0]) for _ in range(3)] == ["bad_block_threshold", "max_per_host", "max_per_host"]
    product.machine.wait_journal(r"0 → 3 \(runtime\)", "BURNIN_ACTION=org.burnin1.manage-settings", cursor=cursor)


def test_change_outlives_restarts(product: Product, journal: Any) -> None:
    journal.allow("burnind.service: (Main process exited|Failed with result 'signal')")
    put(product, "max_parallel_burnins", "9")
    put(product, "boot_pools", dbus.Array(["tank"], "s"))
    product.restart()
    assert value(product, "max_parallel_burnins") == (9, "runtime", "") and product["MaxParallelBurnins"] == 9
    assert value(product, "boot_pools") == (["tank"], "runtime", "")
    product.machine.run(["systemctl", "kill", "--signal=KILL", "burnind.service"])
    product.machine.wait_for(lambda: product.machine.run(["systemctl", "is-active", "burnind.service"], check=False)
                             .stdout == "active\n" or None, 30, "burnind is back")
    assert value(product, "max_parallel_burnins") == (9, "runtime", "")
    reset(product, "max_parallel_burnins")
    product.restart()
    assert value(product, "max_parallel_burnins") == (4, "default", "")


def test_what_cannot_be_any_more_is_left_out(product: Product, journal: Any) -> None:
    journal.allow("There is no setting retired_key", "max_per_host was set to 'plenty' at runtime")
    put(product, "max_per_host", "5")
    product.machine.run(["systemctl", "stop", "burnind.service"])
    execute(product, "UPDATE settings SET value = 'plenty'")
    execute(product, "INSERT INTO settings VALUES ('retired_key', '1')")
    product.machine.run(["systemctl", "start", "burnind.service"], timeout=60)
    assert value(product, "max_per_host") == (0, "default", "")
    put(product, "max_per_host", "5")
    assert value(product, "max_per_host") == (5, "runtime", "")
    assert execute(product, "SELECT value FROM settings WHERE name = 'retired_key'") == "1", "an older version may know it"
    product.machine.run(["systemctl", "stop", "burnind.service"])
    execute(product, "DELETE FROM settings")
    product.machine.run(["systemctl", "start", "burnind.service"], timeout=60)


# --- at once ---------------------------------------------------------------------------------------------


@contextlib.contextmanager
def poller_stopped(product: Product) -> Iterator[None]:
    """No host is heard from in here."""
    product.machine.run(["systemctl", "kill", "--signal=STOP", "burnin-poll.service"])
    try:
        yield
    finally:
        product.machine.run(["systemctl", "kill", "--signal=CONT", "burnin-poll.service"])


def states(jobs: list[Job]) -> list[str]:
    return [str(job["State"]) for job in jobs]


def test_more_places_start_more_jobs_and_fewer_end_none(product: Product, nas: Host) -> None:
    put(product, "max_parallel_burnins", "1")
    assert product["MaxParallelBurnins"] == 1
    for serial in ("PLACES01", "PLACES02", "PLACES03"):
        product.plug(serial, 256)
    jobs = [product.start(serial) for serial in ("PLACES01", "PLACES02", "PLACES03")]
    with product.braked(jobs[0]):
        jobs[1].wait("Reason", lambda text: "max_parallel_burnins" in text)
        assert states(jobs) == ["running", "queued", "queued"]
        with poller_stopped(product):       # a reading would have the queue look again
            put(product, "max_parallel_burnins", "2")
            jobs[1].wait("State", "running", 10)
        with product.braked(jobs[1]):
            jobs[2].wait("Reason", lambda text: "max_parallel_burnins" in text)
            put(product, "max_parallel_burnins", "1")
            assert states(jobs) == ["running", "running", "queued"]
            jobs[0].cancel()
            jobs[0].wait_end()
            jobs[2].wait("Reason", lambda text: "max_parallel_burnins" in text)
            assert states(jobs[1:]) == ["running", "queued"]
            put(product, "max_parallel_burnins", "8")
            jobs[2].wait("State", "running")
            put(product, "max_per_host", "1")
            assert states(jobs[1:]) == ["running", "running"]


def next_poll(host: Host, timeout: float) -> int:
    before = host["LastSeenUSec"]
    host.machine.wait_for(lambda: host["LastSeenUSec"] != before, timeout, "the host was polled")
    return int(host["LastSeenUSec"]) - int(before)


def test_poll_interval_is_that_of_the_next_poll(product: Product, nas: Host) -> None:
    put(product, "stale_threshold_seconds", "7200")
    put(product, "poll_interval_seconds", "3600")
    # Two: one may have been on its way. Both are wished for, and the third is an hour away.
    for _ in range(2):
        nas.refresh()
        next_poll(nas, 20)
    with pytest.raises(AssertionError):
        next_poll(nas, 3)
    put(product, "poll_interval_seconds", "1")
    assert next_poll(nas, 5)
    assert next_poll(nas, 5) < 3_000_000


def test_stale_threshold_counts_for_hosts_that_are_online(product: Product, nas: Host, journal: Any) -> None:
    journal.allow("has not answered for 2 s")
    put(product, "stale_threshold_seconds", "7200")
    put(product, "poll_interval_seconds", "3600")
    for _ in range(2):
        nas.refresh()
        next_poll(nas, 20)
    put(product, "poll_interval_seconds", "1")
    next_poll(nas, 5)
    with poller_stopped(product):
        assert nas["State"] == "online"
        put(product, "stale_threshold_seconds", "2")
        nas.wait("State", "stale", 10)
    nas.wait("State", "online", 20)


def test_stage_keeps_what_it_was_started_with(product: Product, nas: Host) -> None:
    def plan(job: Job) -> dict[str, Any]:
        made: dict[str, Any] = json.loads(execute(
            product, f"SELECT settings FROM stages WHERE job = {job.id} AND kind = 'surface_validate'"))
        return made

    product.plug("KEEPING1", 256)
    first = product.start("KEEPING1")
    with product.braked(first):
        before = plan(first)
        put(product, "surface_validate_block_size", "8192")
        product.restart()
        first.wait("State", "running")
        assert plan(first) == before and before["block_size"] == 4096
        first.cancel()
    first.wait_end()
    product.wait_drive("KEEPING1")
    second = product.start("KEEPING1")
    with product.braked(second):
        assert plan(second)["block_size"] == 8192


def test_loop_drives_appear_and_go(product: Product, nas: Host) -> None:
    drive = product.plug("LOOPDRV1", 8)
    put(product, "loop_drives", dbus.Boolean(False))
    drive.wait("Present", False)
    put(product, "loop_drives", dbus.Boolean(True))
    drive.wait("Present", True)


def test_another_key_is_used_at_once(product: Product, nas: Host, journal: Any) -> None:
    journal.allow("Host nas is |has not answered")
    product.machine.run("ssh-keygen -q -t ed25519 -N '' -f /etc/burnin/stranger")
    try:
        put(product, "ssh_key", "/etc/burnin/stranger")
        assert "key" in nas.wait("StateReason", bool)
        put(product, "ssh_key", "/etc/burnin/../burnin/id_ed25519")
        nas.wait("StateReason", "")
        nas.wait("State", "online")
    finally:
        reset(product, "ssh_key")
        product.machine.run("rm /etc/burnin/stranger /etc/burnin/stranger.pub")


# --- files again -----------------------------------------------------------------------------------------


def test_reload_has_the_same_effect(product: Product, nas: Host) -> None:
    put(product, "max_per_host", "3")
    write(product, SECOND, "max_parallel_burnins=1")
    reload(product)
    assert product["MaxParallelBurnins"] == 1
    for serial in ("RELOAD01", "RELOAD02"):
        product.plug(serial, 256)
    jobs = [product.start(serial) for serial in ("RELOAD01", "RELOAD02")]
    pid = product.machine.run(["systemctl", "show", "-P", "MainPID", "burnind.service"]).stdout
    with product.braked(jobs[0]):
        jobs[1].wait("Reason", lambda text: "max_parallel_burnins" in text)
        write(product, SECOND, "max_parallel_burnins=2")
        product.machine.run(["systemctl", "reload", "burnind.service"])
        jobs[1].wait("State", "running")
        assert product["MaxParallelBurnins"] == 2 and states(jobs) == ["running", "running"]
    assert product.machine.run(["systemctl", "show", "-P", "MainPID", "burnind.service"]).stdout == pid
    assert value(product, "max_per_host") == (3, "runtime", "")


def test_reload_names_what_is_wrong_and_takes_the_rest(product: Product, journal: Any) -> None:
    journal.allow(r"60-second.conf:\d: ")
    write(product, SECOND, "max_per_host=plenty", "nonsense=1", "smart_crc_delta_max=7", "not a line")
    cursor = product.machine.cursor()
    reload(product)
    said = [str(e["MESSAGE"]) for e in product.machine.journal(cursor=cursor) if SECOND in str(e.get("MESSAGE"))]
    for words in (":2: 'plenty' is no value for max_per_host", ":3: There is no setting nonsense", ":5: Neither a section"):
        assert any(words in line for line in said), said
    assert value(product, "smart_crc_delta_max") == (7, "file", SECOND)
    assert value(product, "max_per_host") == (0, "default", "")


def test_reload_of_what_cannot_be_read_changes_nothing(product: Product, journal: Any) -> None:
    journal.allow("All settings stay as they were")
    write(product, FIRST, "max_per_host=6")
    reload(product)
    before = list_all(product)
    product.machine.run(["mkdir", SECOND])
    try:
        reload(product)
        assert list_all(product) == before
    finally:
        product.machine.run(["rmdir", SECOND])
    assert product["Health"] == "ok"


def test_what_cannot_be_stored_changes_nothing(product: Product, journal: Any) -> None:
    """A change that cannot be kept is none."""
    journal.allow("The database refuses what was to be recorded")
    put(product, "bad_block_threshold", "2")
    before, entry = list_all(product), newest(product)
    execute(product, "CREATE TRIGGER stubborn_put BEFORE INSERT ON settings BEGIN SELECT RAISE (ABORT, 'no'); END")
    execute(product, "CREATE TRIGGER stubborn_del BEFORE DELETE ON settings BEGIN SELECT RAISE (ABORT, 'no'); END")
    try:
        with refused("Store", "Nothing was changed"):
            put(product, "max_per_host", "8")
        with refused("Store", "Nothing was changed"):
            reset(product, "bad_block_threshold")
        assert list_all(product) == before and newest(product) == entry
        assert product["Health"] == "ok", "all else can be written"
    finally:
        execute(product, "DROP TRIGGER stubborn_put")
        execute(product, "DROP TRIGGER stubborn_del")
    put(product, "max_per_host", "8")
    assert value(product, "max_per_host") == (8, "runtime", "")


# --- burninctl -------------------------------------------------------------------------------------------


def test_burninctl_settings(product: Product) -> None:
    assert "max_per_host is 3 (runtime)." in product.machine.run(
        ["burninctl", "settings", "set", "max_per_host", "3"]).stderr
    row, = (line.split() for line in ctl(product, "settings", "list").splitlines() if line.startswith("max_per_host"))
    assert row == ["max_per_host", "3", "0", "0", "to", "10000", "jobs", "runtime"]
    assert DROPIN in ctl(product, "settings", "list", "--full")
    assert ctl(product, "settings", "get", "max_per_host", "-q") == "3\n"
    assert ctl(product, "settings", "get", "boot_pools", "-q") == "boot-pool freenas-boot rpool bpool\n"
    assert "0 to 10000 jobs" in ctl(product, "settings", "get", "max_per_host")
    assert json.loads(ctl(product, "--json=short", "settings", "get", "max_per_host")) == get(product, "max_per_host")
    assert json.loads(ctl(product, "--json=short", "settings", "list")) == list(list_all(product).values())
    assert ctl(product, "settings", "list", "-q").split() == list(list_all(product))
    assert json.loads(ctl(product, "--json=short", "settings", "set", "loop_drives", "on"))["Value"] is True
    ctl(product, "settings", "set", "boot_pools", "a b", "-q")
    assert get(product, "boot_pools")["Value"] == ["a", "b"]
    ctl(product, "settings", "reset", "boot_pools")
    ctl(product, "settings", "reset", "max_per_host")
    assert value(product, "max_per_host") == (0, "default", "")

    assert "a number from 0 to 10000" in ctl(product, "settings", "set", "max_per_host", "many", status=2)
    assert "There is no setting 'max_host'" in ctl(product, "settings", "set", "max_host", "1", status=3)
    ctl(product, "settings", "get", "max_host", status=3)
    ctl(product, "settings", "set", "max_per_host", status=2)
    ctl(product, "settings", status=2)
    assert product.machine.run(["burninctl", "--no-ask-password", "settings", "set", "max_per_host", "1"], user="visitor",
                               check=False).returncode == 5


def test_completion_knows_the_names(product: Product) -> None:
    def complete(*words: str) -> list[str]:
        quoted = " ".join(f"'{w}'" for w in words)
        return product.machine.run([
            "bash", "-c", ". /usr/share/bash-completion/completions/burninctl; "
            f"COMP_WORDS=({quoted}); COMP_CWORD={len(words) - 1}; _burninctl; printf '%s\\n' \"${{COMPREPLY[@]}}\""]).stdout.split()

    assert complete("burninctl", "settings", "") == ["list", "get", "set", "reset"]
    assert complete("burninctl", "settings", "set", "max_p") == ["max_parallel_burnins", "max_per_host"]
    assert complete("burninctl", "settings", "reset", "ssh") == ["ssh_key"]
    assert complete("burninctl", "settings", "set", "max_per_host", "") == []


# --- secrets ---------------------------------------------------------------------------------------------


@pytest.fixture
def credential(product: Product) -> Iterator[None]:
    """The key that hosts know comes as a credential; that in the file is a stranger's."""
    dropin = "/etc/systemd/system/burnind.service.d/test-credential.conf"
    product.machine.run("mkdir /root/kept; mv /etc/burnin/id_ed25519* /root/kept; ssh-keygen -q -t ed25519 -N '' -f /etc/burnin/id_ed25519")
    product.machine.write(dropin, "[Service]\nLoadCredential=ssh-key:/root/kept/id_ed25519\n")
    product.machine.run(["systemctl", "daemon-reload"])
    yield
    product.clean()
    product.machine.run(f"rm {dropin}; mv /root/kept/* /etc/burnin; rmdir /root/kept; systemctl daemon-reload")
    product.restart()


def test_ssh_key_from_a_credential_wins(product: Product, credential: None, journal: Any) -> None:
    journal.allow("Host nas is |has not answered|refuses")
    product.clean()
    host = product.new_host("nas", address="127.0.0.1")
    host.wait("State", "unconfirmed")
    host.accept_key(product.machine.host.fingerprint)
    assert "key" in host.wait("StateReason", lambda text: text and "key" in text), "the file's key is nobody's here"
    assert product["SshPublicKey"] == product.machine.read("/etc/burnin/id_ed25519.pub").strip()
    product.restart()
    host.wait("State", "online")
    assert product["SshPublicKey"] == "", "that in the file is the stranger's"
    product.plug("CREDENT1", 8)
    assert product.start("CREDENT1").wait_end() == "passed"
    secret = product.machine.read("/root/kept/id_ed25519").splitlines()[-3]
    for shown in (get(product, "ssh_key"), product.hosts(), product.list("Audit")):
        assert secret not in str(shown)
    commands = product.machine.run("cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2> /dev/null", check=False).stdout
    assert secret not in commands
