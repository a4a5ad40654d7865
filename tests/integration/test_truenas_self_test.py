# SPDX-License-Identifier: LGPL-2.1-or-later
"""Self-tests of drives whose host is reached by TrueNAS's API alone: from start to end, cancel, faults, deaths, and versions."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from product import Job, Product, product, refused  # noqa: F401 # pylint: disable=unused-import
from test_self_test import worker_of
from truenas import Nas, add, configure, fixture_start_nas  # noqa: F401 # pylint: disable=unused-import

pytestmark = pytest.mark.allow_journal(r"has ended: (inconclusive|failed|cancelled)", r"^inconclusive: ", r"^failed: ",
                                       r"self-test that burnin did not start", r"was aborted", r"is started again",
                                       r"ended without a report", r"No burn-in was started", r"[Ll]ost contact",
                                       r"in contact again", r"could not be proven to have ended", r"has not answered for", r"answers")
StartNas = Callable[..., Nas]
FREE, POOLED, FAILS, SEAGATE, SAS, NVME = ("VH0P5ZGL", "WD-WCC7K0PXA1N4", "71R0A01VFR0H", "WSD0KX3M", "8HJ52X1H", "2239E66A1F0B")
RESULTS, JOBS, START = "/api/v2.0/smart/test/results", "/api/v2.0/core/get_jobs", "/api/v2.0/smart/test/manual_test"


def begin(product: Product, nas: Nas, serial: str = FREE, kind: str = "short") -> Job:  # noqa: F811
    """A test on a drive, up to the moment that it is seen to run."""
    if not product.hosts():
        add(product, nas).wait("State", "online")
    job = start(product, serial, kind)
    product.drive(serial).wait("SelfTests", lambda tests: tests[kind]["State"] == "running")
    product.machine.wait_for(lambda: product.drive(serial)["DevName"] in nas.dump()["running"], 30, f"{serial} runs a self-test")
    return job


def start(product: Product, serial: str, kind: str = "short") -> Job:   # noqa: F811
    return Job(product, product.drive(serial).call("StartSelfTest", "st", kind, 0))


def evidence(job: Job, kind: str = "short") -> dict[str, tuple[str, ...]]:
    return {rule: (observed, source, verdict) for rule, _, observed, source, verdict in job.stage(f"{kind}_smart")["Evidence"]}


def starts(nas: Nas) -> int:
    return len([r for r in nas.dump()["requests"] if r["path"] == START and not r["fault"]])


# --- from start to end -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("dialect", ["contract", "real"])
@pytest.mark.parametrize("serial", [FREE, POOLED, SEAGATE, SAS, NVME])
def test_passes(product: Product, start_nas: StartNas, dialect: str, serial: str) -> None:  # noqa: F811
    """Every kind of drive, in a pool or not: a self-test writes nothing."""
    nas = start_nas("--dialect", dialect)
    job = begin(product, nas, serial, "long")
    drive = product.drive(serial)
    assert drive["ActiveJob"] == job.path and (job["Kind"], job["Profile"]) == ("self-test", "long")
    nas.control("advance", seconds=240)
    job.wait("Percent", lambda percent: percent >= 50)
    assert drive["SelfTests"]["long"]["Percent"] >= 50 and not drive["SelfTests"]["long"]["Estimated"]
    nas.control("complete")
    assert job.wait_end() == "passed", job["Reason"]
    lines = evidence(job, "long")
    assert set(lines) == {"identity", "self-test"} and {line[2] for line in lines.values()} == {"passed"}
    assert lines["self-test"][1] == lines["identity"][1] == "TrueNAS's API" and serial in lines["identity"][0]
    assert drive["SelfTests"]["long"]["State"] == "passed" and drive["ActiveJob"] == "/"


@pytest.mark.parametrize("dialect", ["contract", "real"])
def test_drive_that_fails(product: Product, start_nas: StartNas, dialect: str) -> None:     # noqa: F811
    nas = start_nas("--dialect", dialect)
    job = begin(product, nas, FAILS, "long")
    nas.control("advance", seconds=160)
    assert job.wait_end() == "failed"
    assert FAILS in job["Reason"] and "read failure" in job["Reason"] and "2813460928" in job["Reason"]
    shown = product.drive(FAILS)["SelfTests"]["long"]
    assert (shown["State"], shown["LBA"]) == ("failed", 2_813_460_928)


def test_old_result_does_not_count(product: Product, start_nas: StartNas) -> None:      # noqa: F811
    nas = start_nas()
    first = begin(product, nas)
    nas.control("complete")
    assert first.wait_end() == "passed"
    job = begin(product, nas)
    nas.control("advance", seconds=30)
    job.wait("Percent", lambda percent: percent >= 30)
    assert job["State"] == "running"
    nas.control("complete")
    assert job.wait_end() == "passed"


@pytest.mark.parametrize("serial", [FREE, SEAGATE, SAS, NVME])
def test_cancel(product: Product, start_nas: StartNas, serial: str) -> None:    # noqa: F811
    nas = start_nas()
    job = begin(product, nas, serial)
    product.drive(serial).call("CancelSelfTest", "t", 0)
    assert job.wait_end() == "cancelled" and nas.dump()["running"] == {}
    assert job.stage("short_smart").log().splitlines()[-1].endswith("[ABORTED]")
    assert product.drive(serial)["SelfTests"]["short"]["State"] == "aborted"
    again = begin(product, nas, serial)
    nas.control("complete")
    assert again.wait_end() == "passed", again["Reason"]


def test_cancel_leaves_a_later_test_of_others_alone(product: Product, start_nas: StartNas) -> None:     # noqa: F811
    nas = start_nas()
    job = begin(product, nas)
    nas.control("fault", mode="500", path=RESULTS)
    nas.control("complete")
    nas.control("start", disk="sdg", type="LONG")
    nas.control("fault", mode="none")
    assert job.wait_end() in ("passed", "inconclusive") and "sdg" in nas.dump()["running"]


def test_test_of_others_is_waited_for(product: Product, start_nas: StartNas) -> None:       # noqa: F811
    nas = start_nas()
    add(product, nas).wait("State", "online")
    nas.control("start", disk="sdg", type="LONG")
    job = start(product, FREE)
    job.wait("Reason", lambda reason: "did not start" in reason)
    assert starts(nas) == 0
    nas.control("complete")
    product.machine.wait_for(lambda: starts(nas) == 1, 20, "ours has begun")
    nas.control("complete")
    assert job.wait_end() == "passed", job["Reason"]


def test_aborted_on_the_nas_is_started_again(product: Product, start_nas: StartNas) -> None:    # noqa: F811
    nas = start_nas()
    job = begin(product, nas)
    nas.control("abort", disk="sdg")
    product.machine.wait_for(lambda: starts(nas) == 2, 20, "it was started again")
    nas.control("complete")
    assert job.wait_end() == "passed", job["Reason"]
    assert "try 2" in evidence(job)["self-test"][0]


# --- what goes wrong -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", [RESULTS, JOBS])
@pytest.mark.parametrize("mode", ["401", "404", "500", "html", "redirect", "garbage", "half", "nothing", "huge", "hangup"])
def test_faults_while_it_runs(product: Product, start_nas: StartNas, mode: str, path: str) -> None:     # noqa: F811
    """None of them is an end, and nothing is started or aborted for it."""
    nas = start_nas("--dialect", "real")
    job = begin(product, nas)
    before = len(nas.dump()["requests"])
    nas.control("fault", mode=mode, path=path)
    product.machine.wait_for(lambda: any(r["fault"] for r in nas.dump()["requests"][before:]), 30, "the fault was met")
    assert job["State"] == "running" and starts(nas) == 1
    nas.control("fault", mode="none")
    nas.control("complete")
    assert job.wait_end() == "passed", job["Reason"]
    assert starts(nas) == 1


def test_start_whose_answer_is_lost_is_followed(product: Product, start_nas: StartNas) -> None:     # noqa: F811
    nas = start_nas("--dialect", "real")
    add(product, nas).wait("State", "online")
    nas.control("fault", mode="half", path=START)
    job = start(product, FREE)
    job.wait("Percent", lambda percent: percent >= 0)
    product.machine.wait_for(lambda: "sdg" in nas.dump()["running"], 20, "it runs")
    nas.control("fault", mode="none")
    nas.control("complete")
    assert job.wait_end() == "passed", job["Reason"]
    assert len([r for r in nas.dump()["requests"] if r["path"] == START]) == 1


@pytest.mark.parametrize("mode, words", [("422", "422"), ("400", "400")])
def test_refused_start_is_inconclusive(product: Product, start_nas: StartNas, mode: str, words: str) -> None:   # noqa: F811
    nas = start_nas("--dialect", "real")
    add(product, nas).wait("State", "online")
    nas.control("fault", mode=mode, path=START)
    job = start(product, FREE)
    assert job.wait_end() == "inconclusive"
    assert words in job["Reason"] and FREE in job["Reason"] and nas.dump()["running"] == {}


def test_drive_that_moves(product: Product, start_nas: StartNas) -> None:   # noqa: F811
    """Another drive under its name is not taken for it."""
    nas = start_nas()
    job = begin(product, nas)
    nas.control("rename", disk="sdg", to="sdz")
    nas.control("rename", disk="sdf", to="sdg")
    product.drive(FREE).wait("DevName", "sdz")
    job.cancel()
    assert job.wait_end() == "cancelled" and nas.dump()["running"] == {}
    assert "sdz" in job.stage("short_smart")["Reason"]


# --- deaths ----------------------------------------------------------------------------------------------------


def test_goes_on_over_every_death(product: Product, start_nas: StartNas) -> None:   # noqa: F811
    nas = start_nas()
    job = begin(product, nas)
    machine = product.machine
    machine.run(["systemctl", "restart", "burnin-truenas"])
    product.restart()
    machine.run(["kill", "-KILL", str(worker_of(product, job, "short_smart"))])
    nas.control("advance", seconds=45)
    job.wait("Percent", lambda percent: percent >= 50, 60)
    assert starts(nas) == 1
    nas.control("complete")
    assert job.wait_end() == "passed", job["Reason"]


def test_key_that_is_changed_meanwhile(product: Product, start_nas: StartNas) -> None:      # noqa: F811
    nas = start_nas()
    job = begin(product, nas)
    host = product.host("tn")
    configure(host, api_verify=False, api_pin="")
    host.wait("State", "online")
    with refused("WrongState", "Cancel it first"):
        configure(host, user="root")
    nas.control("complete")
    assert job.wait_end() == "passed", job["Reason"]


# --- what such a host cannot do --------------------------------------------------------------------------------


@pytest.mark.parametrize("profile", ["full", "surface", "fast", "short", "long"])
def test_burn_ins_are_refused(product: Product, start_nas: StartNas, profile: str) -> None:     # noqa: F811
    add(product, start_nas()).wait("State", "online")
    with refused("HostUnfit", "self-tests alone", "--user=root"):
        product.start(FREE, profile=profile)
    with refused("HostUnfit", "self-tests alone"):
        product.drive(POOLED).call("Unlock", "sst", "tank", "because", 0)
    assert product.active_jobs() == []


def test_freebsd_has_self_tests_alone(product: Product, start_nas: StartNas) -> None:     # noqa: F811
    """TrueNAS CORE: its drives have names such as ada0, and a burn-in is refused for what it is."""
    nas = start_nas("--dialect", "real")
    nas.control("rename", disk="sdg", to="ada6")
    job = begin(product, nas)
    assert product.drive(FREE)["DevName"] == "ada6"
    nas.control("complete")
    assert job.wait_end() == "passed", job["Reason"]
    for profile in ("full", "fast", "surface"):
        with refused("HostUnfit", "self-tests alone", "tn runs FreeBSD", "ada6"):
            product.start(FREE, profile=profile)
    assert [each for each in product.jobs() if each["Kind"] != "self-test"] == []


def test_locate_led_is_refused(product: Product, start_nas: StartNas) -> None:      # noqa: F811
    add(product, start_nas()).wait("State", "online")
    with refused("HostUnfit", "API alone"):
        product.drive(FREE).call("Identify", "ut", 10, 0)


def test_25_10_has_no_self_tests_by_the_api(product: Product, start_nas: StartNas) -> None:     # noqa: F811
    nas = start_nas("--version", "25.10")
    add(product, nas, name="tn2510").wait("ApiState", "no-smart")
    product.host("tn2510").wait("State", "online")
    with refused("HostUnfit", "25.10", "--user=root"):
        start(product, FREE)
    assert starts(nas) == 0


def test_upgraded_to_25_10_while_it_runs(product: Product, start_nas: StartNas) -> None:    # noqa: F811
    """What became of the test cannot be told any more, which says nothing of the drive; a cancel frees it."""
    nas = start_nas()
    job = begin(product, nas)
    nas.control("version", version="25.10")
    product.host("tn").wait("ApiState", "no-smart")
    assert job["State"] == "running"
    job.cancel()
    assert job.wait_end(60) == "cancelled"
    assert "may go on in the drive" in job.stage("short_smart")["Reason"]


ASK = """
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
s.settimeout(20)
s.connect("/run/burnin-truenas/calls.sock")
s.send(eval(sys.argv[1]))
answer = b""
while True:
    packet = s.recv(65536)
    if not packet or packet[:1] == b"x":
        break
    answer += packet[1:]
print(answer.decode(), end="")
"""


def ask(product: Product, request: bytes) -> str:       # noqa: F811
    return product.machine.run(["runuser", "-u", "burnin", "--", "/usr/bin/python3", "-c", ASK, repr(request)]).stdout


IDENTITY = b'{"serial": "VH0P5ZGL"}'


@pytest.mark.parametrize("request_, answer", [
    (b"x", ""), (b"\0" * 65, ""), (b"tn\0", "nothing else"), (b"tn\0facts\0", "nothing else"), (b"\0\0\0\0\0\0", "nothing else"),
    (b"tn\0selftest_read\0sda\0" + IDENTITY + b"\0-\0", "nothing else"),
    (b"no\0selftest_read\0sda\0" + IDENTITY + b"\0-\0-\0", "away: burnin-truenas has not been told"),
    (b"tn\0selftest_read\0sda\0{}\0-\0-\0", "stale: "), (b"tn\0selftest_read\0sda\0[\0-\0-\0", "makes no sense"),
    (b"tn\0selftest_read\0sda\0{\"serial\": 1}\0-\0-\0", "makes no sense"),
    (b"tn\0selftest_start\0sda\0" + IDENTITY + b"\0-\0never\0-\0" + b"9" * 18 + b"\0", "makes no sense"),
    (b"tn\0selftest_start\0sda\0" + IDENTITY + b"\0-\0short\0-\0soon\0", "makes no sense"),
    (b"tn\0selftest_start\0sda\0" + IDENTITY + b"\0-\0short\0-\0001\0", "late: ")])
def test_nonsense_is_refused(product: Product, start_nas: StartNas, request_: bytes, answer: str) -> None:      # noqa: F811
    nas = start_nas()
    add(product, nas).wait("State", "online")
    said = ask(product, request_)
    assert (answer in said and said.startswith("burnin-error ")) if answer else said == ""
    assert starts(nas) == 0 and "truenas=" in ask(product, b"tn\0selftest_read\0x\0" + IDENTITY + b"\0-\0-\0")


def test_only_followers_may_ask(product: Product) -> None:      # noqa: F811
    shown = product.machine.run(["stat", "-c", "%U %a", "/run/burnin-truenas"]).stdout.split()
    assert shown == ["burnin", "700"]
    answer: Any = product.machine.run(["runuser", "-u", "nobody", "--", "ls", "/run/burnin-truenas"], check=False)
    assert answer.returncode != 0
