# SPDX-License-Identifier: LGPL-2.1-or-later
"""The client of TrueNAS's API: drives, self-tests in both dialects, versions, faults, and whom it trusts."""
from __future__ import annotations

import base64
import hashlib
import json
import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from test_mock import Mock, fixture_make  # noqa: F401 # pylint: disable=unused-import

TOOL = Path(os.environ.get("BURNIN_BUILD_DIR", Path(__file__).parents[2] / "build")) / "tests/truenas-tool"
SDA = "{serial_lunid}WD-WCC7K0PXA1N4_50014ee20f8a61c2"
SDF = "{serial_lunid}71R0A01VFR0H_5000039b08c8a4d5"
MANUAL = "/api/v2.0/smart/test/manual_test"

Make = Callable[..., Mock]


def ask(mock: Mock, *words: str, trust: str | None = None, key: str | None = None, timeout: float = 8) -> Any:
    """What the verbs answered: one, or a list."""
    run = subprocess.run([TOOL, mock.hello["url"], str(int(timeout * 1000)), trust or pin(mock), *words],
                         input=key or mock.hello["key"], stdout=subprocess.PIPE, text=True, check=True, timeout=60)
    answers = [json.loads(line) for line in run.stdout.splitlines()]
    return answers[0] if len(answers) == 1 else answers


def pin(mock: Mock) -> str:
    key = subprocess.run(["openssl", "x509", "-in", mock.hello["certificate"], "-pubkey", "-noout"],
                         stdout=subprocess.PIPE, check=True).stdout
    der = subprocess.run(["openssl", "pkey", "-pubin", "-outform", "der"], input=key, stdout=subprocess.PIPE, check=True).stdout
    return "sha256//" + base64.b64encode(hashlib.sha256(der).digest()).decode()


def requests(mock: Mock, path: str) -> list[dict[str, Any]]:
    return [r for r in mock.call("GET", "/mock/dump")["requests"] if r["path"] == path]


# --- drives ----------------------------------------------------------------------------------------------------


def test_drives(make: Make) -> None:
    answer = ask(make("--dialect", "real"), "disks")
    assert (answer["error"], answer["os"], answer["has_smart"]) == ("ok", "TrueNAS-SCALE-24.10.2.1", True)
    disks = {d["kname"]: d for d in answer["disks"]}
    assert len(disks) == 15
    assert disks["sda"]["identity"] == {"wwn": "0x50014ee20f8a61c2", "serial": "WD-WCC7K0PXA1N4",
                                        "model": "WDC WD40EFRX-68N32N0", "size_bytes": 4_000_787_030_016}
    assert disks["sda"]["temperature_mdegc"] == 31_000
    assert disks["sda"]["rotational"] and not disks["sdm"]["rotational"]
    assert disks["nvme0n1"]["identity"]["wwn"] == "eui.000000000000000100a0752239e66a1f"
    assert "wwn" not in disks["sdl"]["identity"] and disks["sdl"]["transport"] == "usb"


def test_every_drive_is_locked(make: Make) -> None:
    locks = {d["kname"]: d["lock"] for d in ask(make(), "disks")["disks"]}
    assert {name for name, lock in locks.items() if lock["role"] == "active-pool"} == {"sda", "sdb", "sdc", "sdd"}
    assert (locks["sda"]["pool"], locks["sda"]["guid"]) == ("tank", "13088401216137212347")
    assert {lock["role"] for name, lock in locks.items() if name not in ("sda", "sdb", "sdc", "sdd")} == {"unclassified"}


def test_drives_without_temperatures(make: Make) -> None:
    mock = make("--fault", "404:/api/v2.0/disk/temperatures")
    first, second = ask(mock, "disks", "disks")
    assert first["error"] == "ok" and len(first["disks"]) == len(second["disks"]) == 15
    assert not any("temperature_mdegc" in d for d in first["disks"])
    assert len(requests(mock, "/api/v2.0/disk/temperatures")) == 1


# --- self-tests ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dialect", ["contract", "real"])
def test_self_test_from_start_to_end(make: Make, dialect: str) -> None:
    mock = make("--dialect", dialect)
    started = ask(mock, "start", "sda", SDA, "short")
    assert started["error"] == "ok"
    assert mock.call("GET", "/mock/dump")["schedules"] == []
    mock.control("advance", seconds=45)
    running = ask(mock, "read", "sda")
    assert (running["running"], running["kind"], running["percent"]) == (True, "short", 50)
    mock.control("complete")
    ended = ask(mock, "read", "sda")
    assert ended["idle"] and not ended["running"]
    assert ended["log"][0] == {"kind": "short", "result": "passed", "words": "Completed without error"}


@pytest.mark.parametrize("dialect", ["contract", "real"])
def test_drive_that_fails_at_30_percent(make: Make, dialect: str) -> None:
    mock = make("--dialect", dialect)
    assert ask(mock, "start", "sdf", SDF, "long")["error"] == "ok"
    mock.control("advance", seconds=140)
    assert ask(mock, "read", "sdf")["percent"] == 29
    mock.control("advance", seconds=10)
    failed = ask(mock, "read", "sdf")
    # What TrueNAS leaves as current_test is no test that runs.
    assert failed["idle"] and not failed["running"]
    assert failed["log"] == [{"kind": "long", "result": "failed", "words": "Completed: read failure", "lba": 2_813_460_928}]


@pytest.mark.parametrize("name, identifier", [
    ("sdc", "{serial_lunid}ZGY1A7QK_5000c500c2b418f7"), ("sdh", "{serial_lunid}8HJ52X1H_5000cca27087e6a8"),
    ("nvme0n1", "{serial_lunid}2239E66A1F0B_000000000000000100a0752239e66a1f")])
def test_every_kind_of_drive(make: Make, name: str, identifier: str) -> None:
    """Seagate's do not log a test that runs, SAS ones give no percentage, NVMe ones show it elsewhere: the job has it all."""
    mock = make("--dialect", "real")
    assert ask(mock, "start", name, identifier, "short")["error"] == "ok"
    mock.control("advance", seconds=45)
    running = ask(mock, "read", name)
    assert (running["running"], running["percent"], running["kind"]) == (True, 50, "short")
    mock.control("complete")
    ended = ask(mock, "read", name)
    assert ended["idle"] and ended["log"][0]["result"] == "passed"


def test_busy_drive_refuses_in_its_own_words(make: Make) -> None:
    mock = make()
    mock.start("sda")
    answer = ask(mock, "start", "sda", SDA, "short")
    assert answer["error"] == "remote" and "Can't start self-test without aborting current test" in answer["reason"]


def test_unknown_drive(make: Make) -> None:
    answer = ask(make("--dialect", "real"), "start", "sda", "{serial}nobody", "short")
    assert answer["error"] == "remote" and "is not valid" in answer["reason"]


@pytest.mark.parametrize("dialect", ["contract", "real"])
def test_abort(make: Make, dialect: str) -> None:
    mock = make("--dialect", dialect)
    assert ask(mock, "abort", "sda")["error"] == "ok"       # none runs
    ask(mock, "start", "sda", SDA, "long")
    mock.control("advance", seconds=100)
    assert ask(mock, "abort", "sda")["error"] == "ok"
    answer = ask(mock, "read", "sda")
    assert answer["idle"] and answer["log"][0]["result"] == "aborted"


def test_other_dialect_where_the_first_is_no_route(make: Make) -> None:
    mock = make("--dialect", "contract", "--fault", "404:" + MANUAL)
    assert ask(mock, "start", "sda", SDA, "short")["error"] == "ok"
    assert len(requests(mock, MANUAL)) == 1 and list(mock.call("GET", "/mock/dump")["running"]) == ["sda"]


def test_other_dialect_of_results(make: Make) -> None:
    mock = make("--dialect", "contract")
    mock.start("sda")
    mock.control("fault", mode="405", path="/api/v2.0/smart/test/results", times=1)
    assert ask(mock, "read", "sda")["running"]
    assert len(requests(mock, "/api/v2.0/smart/test/results/sda")) == 1


@pytest.mark.parametrize("mode", ["400", "422", "500", "html"])
def test_nothing_else_is_taken_for_the_other_dialect(make: Make, mode: str) -> None:
    """On a real TrueNAS the other dialect's start makes a periodic task."""
    mock = make("--dialect", "real", "--fault", f"{mode}:{MANUAL}")
    assert ask(mock, "start", "sda", SDA, "short")["error"] != "ok"
    assert requests(mock, "/api/v2.0/smart/test") == []
    dump = mock.call("GET", "/mock/dump")
    assert dump["schedules"] == [] and dump["running"] == {}


def test_start_whose_answer_got_lost_is_not_repeated(make: Make) -> None:
    mock = make("--fault", f"half:{MANUAL}")
    assert ask(mock, "start", "sda", SDA, "short")["error"] == "unreachable"
    assert len(requests(mock, MANUAL)) == 1
    assert ask(mock, "read", "sda")["running"]


# --- versions --------------------------------------------------------------------------------------------------


def test_25_10_has_no_smart(make: Make) -> None:
    mock = make("--version", "25.10")
    disks, start, read = ask(mock, "disks", "start", "sda", SDA, "short", "read", "sda")
    assert disks["error"] == "ok" and not disks["has_smart"] and len(disks["disks"]) == 15
    assert start["error"] == read["error"] == "no-smart" and "25.10" in start["reason"]


def test_26_has_no_api(make: Make) -> None:
    answer = ask(make("--version", "26"), "disks")
    assert answer["error"] == "no-api" and "26" in answer["reason"]


# --- faults ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode, error, words", [
    ("401", "authentication", "API key"), ("403", "authentication", "API key"), ("404", "remote", "404"),
    ("429", "unreachable", "429"), ("500", "unreachable", "500"),
    ("html", "garbage", "not JSON"), ("garbage", "garbage", "makes no sense"), ("deep", "garbage", "makes no sense"),
    ("nothing", "timeout", ""), ("hangup", "unreachable", ""), ("half", "unreachable", ""), ("slow", "timeout", ""),
    ("huge", "garbage", "4 MiB")])
def test_faults(make: Make, mode: str, error: str, words: str) -> None:
    answer = ask(make("--fault", f"{mode}:/api/v2.0/disk"), "disks", timeout=4)
    assert answer["error"] == error and words in answer["reason"], answer
    assert answer["disks"] == []


@pytest.mark.parametrize("mode, n", [("500", 2), ("429", 2), ("hangup", 2), ("half", 2)])
def test_what_passes_is_tried_again(make: Make, mode: str, n: int) -> None:
    answer = ask(make("--fault", f"{mode}:/api/v2.0/pool:{n}"), "disks")
    assert answer["error"] == "ok" and len(answer["disks"]) == 15


def test_retry_after_is_heeded(make: Make) -> None:
    begin = time.monotonic()
    assert ask(make("--fault", "429:/api/v2.0/pool:1"), "disks")["error"] == "ok"
    assert time.monotonic() - begin >= 2


@pytest.mark.parametrize("mode", ["400", "404", "422"])
def test_4xx_is_final(make: Make, mode: str) -> None:
    mock = make("--fault", f"{mode}:/api/v2.0/pool")
    assert ask(mock, "disks")["error"] == "remote"
    assert len(requests(mock, "/api/v2.0/pool")) == 1


# --- trust -----------------------------------------------------------------------------------------------------


def test_redirect_is_not_followed(make: Make) -> None:
    mock = make("--fault", "redirect:/api/v2.0/disk")
    answer = ask(mock, "disks")
    assert answer["error"] == "remote" and "302" in answer["reason"]
    assert requests(mock, "/elsewhere") == []


def test_wrong_key(make: Make) -> None:
    answer = ask(make(), "disks", key="1-wrong")
    assert answer["error"] == "authentication"


@pytest.mark.parametrize("trust", ["verify", "sha256//" + base64.b64encode(bytes(32)).decode()])
def test_certificate_that_nobody_vouches_for(make: Make, trust: str) -> None:
    mock = make()
    answer = ask(mock, "disks", trust=trust)
    assert answer["error"] == "tls", answer
    assert mock.call("GET", "/mock/dump")["requests"] == []


def test_certificate_is_not_looked_at_when_told_so(make: Make) -> None:
    assert ask(make(), "disks", trust="any")["error"] == "ok"


def test_host_that_is_not_there(make: Make) -> None:
    mock = make()
    mock.hello["url"] = "https://127.0.0.1:1"
    begin = time.monotonic()
    assert ask(mock, "disks")["error"] == "unreachable"
    assert time.monotonic() - begin < 8


def test_no_plain_http(make: Make) -> None:
    mock = make("--plain")
    answer = ask(mock, "disks", trust="any")
    assert answer["error"] != "ok"
    assert mock.call("GET", "/mock/dump")["requests"] == []
