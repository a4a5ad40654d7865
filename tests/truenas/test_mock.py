# SPDX-License-Identifier: LGPL-2.1-or-later
"""The mock TrueNAS keeps its word: the contract, the clock, the versions, and every fault."""
from __future__ import annotations

import http.client
import json
import socket
import ssl
import subprocess
import urllib.parse
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

MOCK = Path(__file__).with_name("mock-truenas")
DEADLINE = 30
API = "/api/v2.0/"


class Mock:
    """A mock that runs; on a clock that stands still unless it is told otherwise."""

    def __init__(self, *options: str) -> None:
        self.process = subprocess.Popen([MOCK, "--until-eof", *options], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self.process.stdout
        self.hello = json.loads(self.process.stdout.readline())

    def stop(self) -> None:
        self.process.communicate(timeout=DEADLINE)
        assert self.process.returncode == 0

    def connect(self, timeout: float = DEADLINE) -> http.client.HTTPConnection:
        if self.hello["certificate"] is None:
            return http.client.HTTPConnection("127.0.0.1", self.hello["port"], timeout=timeout)
        context = ssl.create_default_context(cafile=self.hello["certificate"])
        return http.client.HTTPSConnection("127.0.0.1", self.hello["port"], timeout=timeout, context=context)

    def raw(self, method: str, path: str, body: Any = None, key: str | None = None,
            timeout: float = DEADLINE) -> tuple[int, str, bytes]:
        connection = self.connect(timeout)
        try:
            connection.request(method, path, None if body is None else json.dumps(body),
                               {"Authorization": f"Bearer {self.hello['key'] if key is None else key}"})
            answer = connection.getresponse()
            return answer.status, answer.headers["Content-Type"], answer.read()
        finally:
            connection.close()

    def call(self, method: str, path: str, body: Any = None) -> Any:
        status, kind, data = self.raw(method, path, body)
        assert (status, kind) == (200, "application/json"), data
        return json.loads(data)

    def get(self, path: str, body: Any = None) -> Any:
        return self.call("GET", API + path, body)

    def post(self, path: str, body: Any) -> Any:
        return self.call("POST", API + path, body)

    def control(self, name: str, **body: Any) -> None:
        assert self.call("POST", "/mock/" + name, body) is None

    def start(self, *names: str, kind: str = "SHORT") -> Any:
        return self.post("smart/test", {"disks": list(names), "type": kind})

    def job(self, job_id: int) -> Any:
        return self.get("core/get_jobs", {"query-filters": [["id", "=", job_id]], "query-options": {"get": True}})

    def results(self, name: str) -> Any:
        return self.get("smart/test/results/" + name)[0]


@pytest.fixture(name="make")
def fixture_make() -> Iterator[Callable[..., Mock]]:
    mocks: list[Mock] = []

    def make(*options: str) -> Mock:
        mocks.append(Mock("--speed", "0", *options))
        return mocks[-1]

    yield make
    for mock in mocks:
        mock.stop()


@pytest.fixture(name="mock")
def fixture_mock(make: Callable[..., Mock]) -> Mock:
    return make("--plain")


def test_tls(make: Callable[..., Mock]) -> None:
    """The printed certificate is the one to trust, and no other is."""
    mock = make()
    assert mock.hello["url"] == f"https://127.0.0.1:{mock.hello['port']}"
    assert len(mock.get("disk")) == 15
    with socket.create_connection(("127.0.0.1", mock.hello["port"]), DEADLINE) as plain:
        with pytest.raises(ssl.SSLCertVerificationError):
            ssl.create_default_context().wrap_socket(plain, server_hostname="127.0.0.1")
    assert len(mock.get("disk")) == 15


def test_a_silent_client_holds_up_no_other(make: Callable[..., Mock]) -> None:
    mock = make()
    with socket.create_connection(("127.0.0.1", mock.hello["port"]), DEADLINE):
        assert len(mock.get("disk")) == 15


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer 1-wrong"}, {"Authorization": "Basic cm9vdDpyb290"}])
def test_key(mock: Mock, headers: dict[str, str]) -> None:
    connection = mock.connect()
    connection.request("GET", API + "disk", headers=headers)
    answer = connection.getresponse()
    assert (answer.status, answer.read()) == (401, b"401: Unauthorized")
    connection.close()


def test_drives(mock: Mock) -> None:
    drives = mock.get("disk")
    assert len(drives) == 15
    for key in ("identifier", "name", "serial", "devname"):
        assert len({drive[key] for drive in drives}) == 15
    assert {drive["type"] for drive in drives} == {"HDD", "SSD"}
    assert {drive["bus"] for drive in drives} == {"ATA", "SCSI", "NVME", "USB"}
    assert min(drive["size"] for drive in drives) == 4_000_787_030_016
    assert max(drive["size"] for drive in drives) == 16_000_900_661_248
    for drive in drives:
        assert drive["size"] % 512 == 0
        assert (drive["rotationrate"] is None) == (drive["type"] == "SSD")
        assert drive["pool"] is None
        own = drive["identifier"].startswith("{serial_lunid}")
        assert drive["identifier"] == (f"{{serial_lunid}}{drive['serial']}_{drive['lunid']}" if own
                                       else f"{{serial}}{drive['serial']}")
    pools = mock.get("disk?extra.pools=true")
    assert [drive["name"] for drive in pools if drive["pool"]] == ["sda", "sdb", "sdc", "sdd"]


def test_pool_and_system(mock: Mock) -> None:
    pool, = mock.get("pool")
    assert [leaf["disk"] for leaf in pool["topology"]["data"][0]["children"]] == ["sda", "sdb", "sdc", "sdd"]
    assert mock.get("system/info")["version"] == "TrueNAS-SCALE-24.10.2.1"


@pytest.mark.parametrize(("kind", "seconds"), [("SHORT", 90), ("LONG", 480)])
def test_self_test(mock: Mock, kind: str, seconds: int) -> None:
    answer, = mock.start("sde", kind=kind)
    assert set(answer) == {"disk", "identifier", "expected_result_time", "job"}
    assert mock.job(answer["job"])["state"] == "RUNNING"
    mock.control("advance", seconds=seconds - 1)
    running = mock.job(answer["job"])
    assert running["state"] == "RUNNING"
    assert running["progress"]["percent"] == (seconds - 5) * 100 // seconds
    mock.control("advance", seconds=1)
    job = mock.job(answer["job"])
    assert (job["state"], job["progress"]["percent"], job["time_finished"]) == (
        "SUCCESS", 100, answer["expected_result_time"])
    result = mock.results("sde")
    assert result["current_test"] is None
    assert [(test["status"], test["num"]) for test in result["tests"]] == [("SUCCESS", 0)]


def test_failure(mock: Mock) -> None:
    answer, = mock.start("sdf")
    mock.control("advance", seconds=29)
    assert mock.results("sdf")["tests"][0]["status"] == "RUNNING"
    mock.control("advance", seconds=1)
    result = mock.results("sdf")
    test, = result["tests"]
    assert (test["status"], test["status_verbose"], test["remaining"]) == ("FAILED", "Completed: read failure", 0.7)
    assert test["lba_of_first_error"] == 2_813_460_928
    assert result["current_test"] == {"progress": 30}
    assert mock.job(answer["job"])["state"] == "SUCCESS"
    mock.control("advance", seconds=100_000)
    assert mock.results("sdf")["tests"][0]["status"] == "FAILED"


def test_looks_of_a_running_test(mock: Mock) -> None:
    names = ("sda", "sde", "sdh", "nvme0n1")
    mock.start(*names)
    mock.control("advance", seconds=45)
    looks = {name: ([test["status"] for test in result["tests"]], result["current_test"])
             for name, result in ((name, mock.results(name)) for name in names)}
    assert looks == {"sda": (["RUNNING"], {"progress": 50}), "sde": ([], None), "sdh": (["RUNNING"], None),
                     "nvme0n1": ([], {"progress": 50})}
    mock.control("complete")
    assert {mock.results(name)["tests"][0]["status"] for name in names} == {"SUCCESS"}


def test_complete_one(mock: Mock) -> None:
    mock.start("sda", kind="LONG")
    mock.start("sdb")
    mock.control("complete", disk="sdb")
    assert [job["state"] for job in mock.get("core/get_jobs?sort=id")] == ["RUNNING", "SUCCESS"]


def test_busy_and_abort(mock: Mock) -> None:
    answer, = mock.start("sda", kind="LONG")
    mock.control("advance", seconds=240)
    busy, = mock.start("sda")
    assert "without aborting" in busy["error"] and "(50% remaining)" in busy["error"] and "job" not in busy
    assert mock.post("core/job_abort", answer["job"]) is None
    assert mock.job(answer["job"])["state"] == "ABORTED"
    assert mock.results("sda")["tests"][0]["status"] == "ABORTED"
    again, = mock.start("sda")
    assert again["job"] == answer["job"] + 1
    assert mock.post("core/job_abort", answer["job"]) is None
    assert mock.job(again["job"])["state"] == "RUNNING"


def test_what_others_do(mock: Mock) -> None:
    mock.control("start", disk="sda", type="LONG")
    mock.control("rename", disk="sda", to="sdz")
    running, = mock.get("core/get_jobs?state=RUNNING")
    assert running["arguments"][0]["disks"] == ["sdz"] and "sda" not in {d["name"] for d in mock.get("disk")}
    mock.control("abort", disk="sdz")
    assert mock.results("sdz")["tests"][0]["status"] == "ABORTED"
    for name, body in (("start", {"disk": "sda", "type": "LONG"}), ("start", {"disk": "sdb"}), ("abort", {"disk": "sdb"}),
                       ("rename", {"disk": "sdb", "to": "sdz"})):
        assert mock.raw("POST", f"/mock/{name}", body)[0] == 400


@pytest.mark.parametrize(("path", "body"), [
    ("core/job_abort", {"id": 101}), ("core/job_abort", "101"), ("core/job_abort", True), ("core/job_abort", 9999),
    ("smart/test", {"disks": ["sdz"], "type": "SHORT"}), ("smart/test", {"disks": [], "type": "SHORT"}),
    ("smart/test", {"disks": ["sda"], "type": "FAST"}), ("smart/test", {"disks": [["sda"]], "type": "LONG"}),
    ("smart/test", {"disks": ["sda", "sdz"], "type": "LONG"}), ("smart/test", []),
    ("smart/test/manual_test", [{"identifier": "sda", "type": "SHORT"}]), ("smart/test/manual_test", {}),
])
def test_refusals(mock: Mock, path: str, body: Any) -> None:
    status, kind, _ = mock.raw("POST", API + path, body)
    assert (status, kind) == (422, "application/json")
    assert mock.get("core/get_jobs") == []


@pytest.mark.parametrize("body", [b"{", b"[" * 100_000, b"\xff"], ids=["cut", "deep", "binary"])
def test_bad_bodies(mock: Mock, body: bytes) -> None:
    connection = mock.connect()
    connection.request("POST", API + "smart/test", body, {"Authorization": f"Bearer {mock.hello['key']}"})
    assert connection.getresponse().status == 400
    connection.close()
    assert len(mock.get("disk")) == 15


def test_job_filters(mock: Mock) -> None:
    mock.start("sda", "sdb", "sdf")
    mock.control("advance", seconds=60)
    filters = urllib.parse.urlencode({"method": "smart.test", "state": "RUNNING"})
    assert [job["arguments"][0]["disks"] for job in mock.get("core/get_jobs?" + filters)] == [["sda"], ["sdb"]]
    assert [job["id"] for job in mock.get("core/get_jobs?sort=-id&limit=2")] == [103, 102]
    assert [job["id"] for job in mock.get("core/get_jobs?sort=-time_started&id__gt=102")] == [103]
    assert mock.get("core/get_jobs?method=pool.scrub") == []
    either = {"query-filters": [["OR", [["id", "=", 101], ["id", "in", [103]]]], ["method", "^", "smart."]],
              "query-options": {"order_by": ["-id"]}}
    assert [job["id"] for job in mock.get("core/get_jobs", either)] == [103, 101]
    assert mock.get("core/get_jobs", {"query-filters": [], "query-options": {"count": True}}) == 3
    status, _, _ = mock.raw("GET", API + "core/get_jobs", {"query-filters": [["id", "~~", 1]]})
    assert status == 422


def test_real_dialect(make: Callable[..., Mock]) -> None:
    """What TrueNAS's own source says, where it differs from the contract."""
    mock = make("--plain", "--dialect", "real")
    assert mock.raw("POST", API + "smart/test", {"disks": ["sda"], "type": "SHORT"})[0] == 422
    sda = mock.get("disk?name=sda")[0]["identifier"]
    assert mock.start(sda)["id"] == 1
    assert mock.get("core/get_jobs") == []
    answer, = mock.post("smart/test/manual_test", [{"identifier": sda, "type": "LONG"}])
    assert answer["disk"] == "sda"
    assert mock.get("core/get_jobs?method=smart.test") == []
    assert [job["id"] for job in mock.get("core/get_jobs?method=smart.test.wait")] == [answer["job"]]
    assert mock.raw("GET", API + "smart/test/results/sda")[0] == 404
    result, = mock.get("smart/test/results?disk=sda")
    assert result["tests"][0]["status"] == "RUNNING"


def test_versions(mock: Mock) -> None:
    smart = API + "smart/test"
    mock.control("version", version="25.10")
    assert mock.raw("POST", smart, {"disks": ["sda"], "type": "SHORT"})[::2] == (404, b"404: Not Found")
    assert mock.raw("GET", smart + "/results/sda")[0] == 404
    assert mock.get("system/info")["version"] == "25.10.1"
    assert "togglesmart" not in mock.get("disk")[0]
    mock.control("version", version="26")
    for path in ("disk", "system/info", "system/version", "core/get_jobs"):
        assert mock.raw("GET", API + path)[0] == 404
    mock.control("reset")
    assert mock.start("sda")


@pytest.mark.parametrize(("method", "path", "status"), [
    ("GET", "/", 404), ("GET", "/api/v2.0/nothing", 404), ("GET", "/api/v2.0/smart/test/results/sdz", 404),
    ("DELETE", "/api/v2.0/disk", 405), ("GET", "/mock/nothing", 404), ("POST", "/mock/nothing", 404),
    ("POST", "/mock/advance", 400), ("POST", "/mock/version", 400), ("POST", "/mock/fault", 400),
])
def test_unknown_paths(mock: Mock, method: str, path: str, status: int) -> None:
    assert mock.raw(method, path)[0] == status


@pytest.mark.parametrize("mode", ["401", "404", "429", "500", "503"])
def test_fault_status(mock: Mock, mode: str) -> None:
    mock.control("fault", mode=mode, path=API + "disk", times=2)
    assert [mock.raw("GET", API + "disk")[0] for _ in range(3)] == [int(mode), int(mode), 200]


def test_fault_bodies(mock: Mock) -> None:
    for mode, begin in (("html", b"<!DOCTYPE html>"), ("garbage", b"[{"), ("deep", b"[[[[[[")):
        mock.control("fault", mode=mode, times=1)
        status, _, data = mock.raw("GET", API + "disk")
        assert status == 200 and data.startswith(begin)
    mock.control("fault", mode="redirect", times=1)
    assert mock.raw("GET", API + "disk")[0] == 302
    for size in (6, 7, 11, 12, 13, 1_000_000):
        mock.control("fault", mode="huge", times=1, size=size)
        data = mock.raw("GET", API + "disk")[2]
        assert len(data) == size and set(json.loads(data)) == {None}


@pytest.mark.parametrize("plain", [True, False])
def test_fault_connections(make: Callable[..., Mock], plain: bool) -> None:
    mock = make(*(["--plain"] if plain else []))
    mock.control("fault", mode="hangup", times=1)
    with pytest.raises((http.client.RemoteDisconnected, ssl.SSLEOFError, ConnectionResetError)):
        mock.start("sda")
    assert mock.get("core/get_jobs") == []
    mock.control("fault", mode="nothing", times=1)
    with pytest.raises(TimeoutError):
        mock.raw("GET", API + "disk", timeout=0.3)
    mock.control("fault", mode="slow", times=1, interval=0.2)
    connection = mock.connect()
    connection.request("GET", API + "disk", headers={"Authorization": f"Bearer {mock.hello['key']}"})
    assert connection.getresponse().read(3) == b"[\n "
    connection.close()
    assert len(mock.get("disk")) == 15


def test_half_takes_effect(mock: Mock) -> None:
    """As when the answer is lost on the way: the test runs, and a client that asks again must see that."""
    mock.control("fault", mode="half", path=API + "smart/test", method="POST", times=1)
    with pytest.raises(http.client.IncompleteRead):
        mock.start("sda")
    assert len(mock.get("core/get_jobs")) == 1
    assert "error" in mock.start("sda")[0]


def test_release(mock: Mock) -> None:
    """Who is held hears of the end of the fault at once."""
    mock.control("fault", mode="nothing", path=API)
    connection = mock.connect()
    connection.request("GET", API + "disk")
    while not mock.call("GET", "/mock/dump")["requests"]:
        pass
    mock.control("fault", mode="none")
    with pytest.raises(http.client.RemoteDisconnected):
        connection.getresponse()
    connection.close()
    assert len(mock.get("disk")) == 15


def test_fault_options(make: Callable[..., Mock]) -> None:
    mock = make("--plain", "--fault", "500:/api/v2.0/disk:1", "--fault", "html:/api/v2.0/pool")
    assert [mock.raw("GET", API + "disk")[0] for _ in range(2)] == [500, 200]
    assert mock.raw("GET", API + "pool")[1] == "text/html"
    mock.control("reset")
    assert mock.raw("GET", API + "disk")[0] == 500


def test_dump_and_determinism(make: Callable[..., Mock]) -> None:
    dumps = []
    for _ in range(2):
        mock = make("--plain")
        mock.start("sda", "sdf", "nvme0n1", kind="LONG")
        mock.control("advance", seconds=143)
        dumps.append(mock.call("GET", "/mock/dump"))
    assert dumps[0] == dumps[1]
    assert dumps[0]["running"]["sda"]["progress"] == 140 * 100 // 480
    assert [(seen["method"], seen["path"]) for seen in dumps[0]["requests"]] == [("POST", API + "smart/test")]


def test_clock_runs(make: Callable[..., Mock]) -> None:
    mock = make("--plain", "--speed", "10000")
    job_id = mock.start("sda")[0]["job"]
    while mock.job(job_id)["state"] != "SUCCESS":
        pass
    assert mock.results("sda")["tests"][0]["status"] == "SUCCESS"


def test_options() -> None:
    assert "POST /mock/fault" in subprocess.check_output([MOCK, "--help"], text=True)
    assert subprocess.run([MOCK, "--failing", "sdz"], stderr=subprocess.DEVNULL, check=False).returncode == 2
    assert subprocess.run([MOCK, "--fault", "sometimes"], stderr=subprocess.DEVNULL, check=False).returncode == 2
