# SPDX-License-Identifier: LGPL-2.1-or-later
"""What browsers are told: a snapshot, then each change, by a web server and one process behind it."""
from __future__ import annotations

import contextlib
import json
import queue
import resource
import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dbus
import pytest
import yaml
from machine import Machine
from product import Host, Product, nas, plain, product  # noqa: F401

pytestmark = pytest.mark.allow_journal(r"burnin-web", r"lighttpd", r"burnin-events", r"^The grant ")

URL = "http://127.0.0.1:8083"
ACCOUNTS = "org.burnin1.Accounts"
SOCKET = "/run/burnin-web/events.sock"


SCHEMAS = yaml.safe_load((Path(__file__).resolve().parents[2] / "web-frontend/openapi.yaml").read_text())["components"]["schemas"]


def check_schema(what: str, schema: dict[str, Any], value: Any, left_out: list[str] | None = None) -> None:
    """Each object has the keys that its schema has, all of them, but for those that are left out."""
    optional: set[str] = set()
    if "$ref" in schema:
        schema = SCHEMAS[schema["$ref"].rpartition("/")[2]]
    if "allOf" in schema:
        parts = [SCHEMAS[part["$ref"].rpartition("/")[2]] if "$ref" in part else part for part in schema["allOf"]]
        optional = set(parts[1]["properties"])
        schema = {"properties": {name: s for part in parts for name, s in part["properties"].items()}}
    if "items" in schema and isinstance(value, list):
        for item in value:
            check_schema(what, schema["items"], item, schema.get("x-left-out"))
    elif "properties" in schema and isinstance(value, dict):
        keys = set(schema["properties"]) - set(left_out or ())
        assert keys - optional <= set(value) <= keys, (what, keys ^ set(value))
        for name, part in schema["properties"].items():
            check_schema(f"{what} {name}", part, value.get(name))


class Stream:
    """A browser's EventSource: its events, one by one."""

    def __init__(self, lines: Any) -> None:
        self.id = ""
        self.ended = False
        self._events: queue.Queue[tuple[str, Any] | None] = queue.Queue()
        self._thread = threading.Thread(target=self._read, args=(lines,), daemon=True)
        self._thread.start()

    def _read(self, lines: Any) -> None:
        name = data = ""
        for line in lines:
            line = line.rstrip("\n")
            if line.startswith("id: "):
                self.id = line[4:]
            elif line.startswith("event: "):
                name = line[7:]
            elif line.startswith("data: "):
                data = line[6:]
            elif not line and name:
                self._events.put((name, json.loads(data)))
                name = data = ""
        self._events.put(None)

    def next(self, timeout: float = 20) -> tuple[str, Any]:
        event = self._events.get(timeout=timeout)
        if event is None:
            raise EOFError
        name, data = event
        check_schema(name, SCHEMAS["Events"]["properties"][name], data)
        return event

    def wait(self, name: str, predicate: Callable[[Any], bool] = lambda _: True, timeout: float = 30) -> Any:
        """The first event of that name for which this is true; what comes before it is passed over."""
        end = time.monotonic() + timeout
        while True:
            seen, data = self.next(max(0.01, end - time.monotonic()))
            if seen == name and predicate(data):
                return data

    def snapshot(self) -> list[tuple[str, Any]]:
        assert self.next() == ("reset", {})
        events = []
        while (event := self.next())[0] != "ready":
            events.append(event)
        return events


class Web:
    """The web server in the machine, and somebody who has logged in."""

    def __init__(self, product: Product) -> None:
        self.product = product
        self.machine: Machine = product.machine
        self.machine.run(["systemctl", "start", "burnin-events.socket", "burnin-web.service"])
        password = secrets.token_hex(8)
        self.accounts("Add", "ssst", "eve", "viewer", password, 0)
        self.token, self.session = self.accounts("Login", "ssa{sv}", "eve", password, {}, user="burnin-web")

    def accounts(self, method: str, signature: str, *args: Any, user: str | None = None) -> Any:
        return plain(self.machine.call("/org/burnin1/accounts", ACCOUNTS, method, signature, *args, user=user))

    def get(self, path: str, *options: str, token: str | None = None) -> tuple[int, str]:
        """Status and body; a stream that is open is cut after a moment."""
        cookie = [] if token is None else ["--header", f"Cookie: burnin_session={token}"]
        said = self.machine.run(["curl", "--silent", "--max-time", "15", "--write-out", "\n%{http_code}", *options, *cookie,
                                 URL + path], check=False).stdout
        body, _, status = said.rpartition("\n")
        return int(status), body

    @contextlib.contextmanager
    def stream(self, last_event_id: str = "", token: str | None = None) -> Iterator[Stream]:
        headers = ["--header", f"Cookie: burnin_session={token or self.token}"]
        if last_event_id:
            headers += ["--header", f"Last-Event-ID: {last_event_id}"]
        with self.machine.popen(["curl", "--silent", "--no-buffer", *headers, f"{URL}/sse/drives"]) as process:
            yield Stream(process.stdout)

    def plug(self, serial: str, size_mb: int) -> Any:
        """Plugs in a drive, and waits until whoever comes is told of it."""
        drive = self.product.plug(serial, size_mb)
        with self.stream() as stream:
            stream.wait("drives-update", of_serial(serial))
        return drive

    def connect(self, token: str, buffer: int = 0) -> socket.socket:
        """A stream as the web server opens it, with a receive buffer of this size."""
        connection = socket.socket(socket.AF_UNIX)
        if buffer:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        connection.settimeout(20)
        connection.connect(str(self.machine.path(SOCKET)))
        headers = "".join(f"{name}\0{value}\0" for name, value in (
            ("CONTENT_LENGTH", "0"), ("SCGI", "1"), ("REQUEST_METHOD", "GET"), ("REQUEST_URI", "/sse/drives"),
            ("HTTP_COOKIE", f"burnin_session={token}")))
        connection.sendall(f"{len(headers)}:{headers},".encode())
        return connection


@pytest.fixture(scope="module")
def web(product: Product) -> Web:
    return Web(product)


def drives_of(events: list[tuple[str, Any]]) -> dict[str, Any]:
    return {drive["serial"]: drive for name, data in events if name == "drives-update" for drive in data["drives"]}


def of_serial(serial: str) -> Callable[[Any], bool]:
    return lambda data: any(drive["serial"] == serial for drive in data["drives"])


def test_only_for_who_is_logged_in(web: Web) -> None:
    for token in (None, "", "x", secrets.token_hex(32), "../../etc/passwd", web.token[:-1], web.token + "0"):
        status, body = web.get("/sse/drives", token=token)
        assert status == 401 and json.loads(body)["error"]["code"] == "NotLoggedIn", (token, status, body)
        if token:
            assert web.get("/sse/drives", "--header", f"Authorization: Bearer {token}")[0] == 401, token
    assert web.get("/sse/other", token=web.token)[0] == 404
    assert web.get("/sse/drives", "--request", "POST", "--data", "", token=web.token)[0] == 405


def test_who_is_told_nothing_hears_that_the_stream_is_alive(web: Web) -> None:
    with web.stream() as stream:
        stream.snapshot()
        stream.wait("ping", timeout=20)


def test_a_script_has_its_token_in_a_header(web: Web) -> None:
    with web.machine.popen(["curl", "--silent", "--no-buffer", "--header", f"Authorization: Bearer {web.token}",
                            f"{URL}/api/v1/events"]) as process:
        Stream(process.stdout).snapshot()
    # Who says a token means that one, whatever the browser sends along.
    assert web.get("/sse/drives", "--header", "Authorization: Bearer x", token=web.token)[0] == 401


def test_snapshot_then_changes(web: Web, nas: Host) -> None:
    product = web.product
    drive = web.plug("EVENT001", 8)
    with web.stream() as stream:
        seen = drives_of(stream.snapshot())["EVENT001"]
        assert seen["host"] == "nas" and seen["lock_state"] == "none" and seen["active_job"] is None
        assert seen["size_bytes"] == 8 << 20 and "smart" not in seen

        drive.call("SetLocation", "st", "Bay <7> \"é\"", 0)
        data = stream.wait("drives-update", of_serial("EVENT001"))
        assert [d["location"] for d in data["drives"]] == ["Bay <7> \"é\""] and data["removed"] == []

        # What sends no signal comes too.
        product.machine.set_smart("EVENT001", {"temperature": {"current": 44}})
        stream.wait("drives-update", lambda d: any(x["temperature_mdegc"] == 44000 for x in d["drives"]), 60)


def test_the_first_browser_is_shown_everything(web: Web, nas: Host) -> None:
    web.product.plug("EVENT008", 8)
    web.machine.run(["systemctl", "stop", "burnin-events.service"])
    with web.stream() as stream:
        assert "EVENT008" in drives_of(stream.snapshot())


def test_a_job_from_its_start_to_its_end(web: Web, nas: Host) -> None:
    product = web.product
    product.plug("EVENT002", 64)
    with web.stream() as stream:
        stream.snapshot()
        job = product.start("EVENT002")
        with product.braked(job):
            def in_surface(data: Any) -> bool:
                return any(s["kind"] == "surface_validate" and s["state"] == "running" and s["phase"] == 1
                           for j in data["jobs"] for s in j.get("stages", []))

            told, = stream.wait("jobs-update", in_surface)["jobs"]
            assert told["id"] == job.id and told["serial"] == "EVENT002" and told["state"] == "running"
            surface, = (stage for stage in told["stages"] if stage["kind"] == "surface_validate")
            assert surface["phase_history"][0]["name"] == "Write 0xaa" and "evidence" not in surface
            # Whoever comes now is shown the same.
            with web.stream() as second:
                jobs = [j for name, data in second.snapshot() if name == "jobs-update" for j in data["jobs"]]
                assert [j["id"] for j in jobs] == [job.id]
        assert job.wait_end() == "passed"
        alert = stream.wait("job-alert")
        assert (alert["id"], alert["verdict"], alert["serial"]) == (job.id, "passed", "EVENT002")
    with web.stream() as stream:
        names = [name for name, _ in stream.snapshot()]
        assert "jobs-update" not in names and "job-alert" not in names


def test_stages_from_before_it_began(web: Web, nas: Host) -> None:
    """burnin-events is started anew in the middle of a job, then burnind."""
    product = web.product
    product.plug("EVENT007", 64)
    job = product.start("EVENT007", stages=["surface_validate"])

    def begun(data: Any) -> bool:
        return any({s["kind"]: s["state"] for s in j.get("stages", [])} == {"precheck": "done", "surface_validate": "running"}
                   for j in data["jobs"])

    with product.braked(job):
        product.machine.run(["systemctl", "restart", "burnin-events.service"])
        with web.stream() as stream:
            stream.wait("jobs-update", begun)
            product.restart()
            stream.wait("daemon", lambda d: d["up"])
        with web.stream() as stream:
            stream.wait("jobs-update", begun)
    job.cancel()
    job.wait_end()


def test_grants(web: Web, nas: Host) -> None:
    """Given, replaced, revoked and used, by whomever: it is told at once."""
    product = web.product
    product.plug("EVENT008")
    product.machine.run(f"mkfs.ext4 -q {product.device('EVENT008')}; sync")
    drive = product.wait_drive("EVENT008", "existing-data")

    def unlock(reason: str) -> str:
        return str(drive.call("Unlock", "sst", drive["UnlockToken"], reason, 0))

    with web.stream() as stream:
        stream.snapshot()
        unlock("To be burned in")
        data = stream.wait("grants-update", timeout=5)
        grant, = data["grants"]
        assert (grant["serial"], grant["role"], grant["reason"], grant["operator"]) == \
            ("EVENT008", "existing-data", "To be burned in", "root")
        assert grant["drive_id"] == drive["Id"] and grant["expires_usec"] > grant["granted_usec"] and data["removed"] == []

        again = unlock("Once more")
        seen = {}
        while set(seen) != {"given", "removed"}:
            data = stream.wait("grants-update", timeout=5)
            seen |= {"removed": data["removed"]} if data["removed"] else {}
            seen |= {"given": data["grants"][0]} if data["grants"] else {}
        assert seen["removed"] == [grant["id"]] and seen["given"]["reason"] == "Once more"
        with web.stream() as second:
            assert [g["id"] for name, data in second.snapshot() if name == "grants-update" for g in data["grants"]] == [seen["given"]["id"]]

        product.machine.call(again, "org.burnin1.UnlockGrant", "Revoke", "t", 0)
        assert stream.wait("grants-update", timeout=5) == {"grants": [], "removed": [seen["given"]["id"]]}

        unlock("For a job")
        used, = stream.wait("grants-update", timeout=5)["grants"]
        job = product.start("EVENT008", unlock=True)
        assert stream.wait("grants-update", timeout=5) == {"grants": [], "removed": [used["id"]]}
        job.cancel()
        job.wait_end()


def test_a_job_that_was_over_too_soon(web: Web, nas: Host) -> None:
    """It came and went before it was listed: its end is told all the same, with all of the job."""
    product = web.product
    product.plug("EVENT009")
    with web.stream() as stream:
        stream.snapshot()
        product.machine.run(["systemctl", "kill", "--signal=STOP", "burnin-events.service"])
        job = product.start("EVENT009")
        job.cancel()
        job.wait_end()
        product.machine.run(["systemctl", "kill", "--signal=CONT", "burnin-events.service"])
        alert = stream.wait("job-alert")
        assert (alert["id"], alert["serial"], alert["state"], alert["verdict"]) == (job.id, "EVENT009", "done", "cancelled")


def test_who_comes_back_is_told_what_he_missed(web: Web, nas: Host) -> None:
    drive = web.plug("EVENT003", 8)
    web.plug("EVENT004", 8)
    with web.stream() as stream:
        assert set(drives_of(stream.snapshot())) >= {"EVENT003", "EVENT004"}
        where = stream.id
    drive.call("SetNotes", "st", "while nobody looked", 0)
    with web.stream(where) as stream:
        data = stream.wait("drives-update", of_serial("EVENT003"))
        assert "EVENT004" not in {d["serial"] for d in data["drives"]}
    for nonsense in ("0-1", "x", "-", "99999999999999999999999-1", where + "9999999"):
        with web.stream(nonsense) as stream:
            assert set(drives_of(stream.snapshot())) >= {"EVENT003", "EVENT004"}


def test_burnind_is_restarted(web: Web, nas: Host) -> None:
    product = web.product
    product.plug("EVENT005", 8)
    with web.stream() as stream:
        stream.snapshot()
        product.machine.run(["systemctl", "stop", "burnind.service"])
        assert stream.wait("daemon", lambda d: not d["up"])
        assert web.get("/sse/drives", token=web.token)[0] == 503
        product.machine.run(["systemctl", "start", "burnind.service"])
        stream.wait("daemon", lambda d: d["up"])
        drive = product.wait_drive("EVENT005")
        drive.call("SetNotes", "st", "after the restart", 0)
        stream.wait("drives-update",
                    lambda d: any(x["notes"] == "after the restart" for x in d["drives"]))


@pytest.mark.parametrize("end", ["Logout", "RevokeSession", "SetRole", "SetPassword", "Remove", "allowed_ips"])
def test_a_session_that_is_ended_ends_its_streams_at_once(web: Web, nas: Host, end: str) -> None:
    password = secrets.token_hex(8)
    web.accounts("Add", "ssst", "trudy", "viewer", password, 0)
    token, session = web.accounts("Login", "ssa{sv}", "trudy", password, {}, user="burnin-web")
    drive = web.product.plug("EVENT007", 8)
    with web.stream(token=token) as stream, web.stream() as other:
        stream.snapshot()
        other.snapshot()
        match end:
            case "Logout":
                web.accounts("Logout", "s", token, user="burnin-web")
            case "RevokeSession":
                web.accounts("RevokeSession", "tt", session["Id"], 0)
            case "SetRole":
                web.accounts("SetRole", "sst", "trudy", "operator", 0)
            case "SetPassword":
                web.accounts("SetPassword", "sst", "trudy", secrets.token_hex(8), 0)
            case "Remove":
                web.accounts("Remove", "st", "trudy", 0)
            case "allowed_ips":
                web.product.call_settings("Set", "svt", "allowed_ips", dbus.Array(["192.0.2.0/24"], "s"), 0)
        # It is told, not found by the look of each minute.
        stream.wait("session-ended", timeout=10)
        with pytest.raises(EOFError):
            while True:
                stream.next()
        if end == "allowed_ips":
            other.wait("session-ended", timeout=10)
            web.product.call_settings("Reset", "st", "allowed_ips", 0)
        else:
            drive.call("SetNotes", "st", f"after {end}", 0)
            other.wait("drives-update", lambda d: any(x["notes"] == f"after {end}" for x in d["drives"]))
    if end != "Remove":
        web.accounts("Remove", "st", "trudy", 0)


@pytest.mark.allow_journal(r"polkit did not answer")
def test_what_cannot_be_asked_ends_no_session(web: Web, nas: Host) -> None:
    """polkit is away for a moment: nobody is logged out for that."""
    machine = web.machine
    drive = web.product.plug("EVENT007", 8)
    password = secrets.token_hex(8)
    web.accounts("Add", "ssst", "victor", "viewer", password, 0)
    _, session = web.accounts("Login", "ssa{sv}", "victor", password, {}, user="burnin-web")
    with web.stream() as stream:
        stream.snapshot()
        # So that all are looked at, with polkit gone by then.
        machine.run(["systemctl", "kill", "--signal=STOP", "burnin-events.service"])
        web.accounts("RevokeSession", "tt", session["Id"], 0)
        machine.run(["systemctl", "mask", "--runtime", "--now", "polkit.service"])
        machine.run(["systemctl", "kill", "--signal=CONT", "burnin-events.service"])
        try:
            status, body = web.get("/sse/drives", token=web.token)
            assert status == 503 and json.loads(body)["error"]["code"] == "DaemonDown", body
        finally:
            machine.run("systemctl unmask --runtime polkit.service; systemctl reset-failed polkit.service; systemctl start polkit.service")
        drive.call("SetNotes", "st", "polkit is back", 0)
        while (event := stream.next())[0] != "drives-update" or "polkit is back" not in {d["notes"] for d in event[1]["drives"]}:
            assert event[0] != "session-ended"
    web.accounts("Remove", "st", "victor", 0)


def test_a_session_whose_time_is_over_ends_its_streams(web: Web, nas: Host) -> None:
    """Nothing is called then: the time itself is what ends it."""
    machine = web.machine
    password = secrets.token_hex(8)
    web.accounts("Add", "ssst", "walter", "viewer", password, 0)
    token, session = web.accounts("Login", "ssa{sv}", "walter", password, {}, user="burnin-web")
    machine.run(["systemctl", "stop", "burnind.service"])
    # Twenty seconds are left of half a day.
    machine.run(["sqlite3", "/var/lib/burnin/burnin.db",
                 "UPDATE sessions SET seen_usec = unixepoch() * 1000000 - 12 * 3600000000 + 20000000 "
                 f"WHERE id = {session['Id']}"])
    machine.run(["systemctl", "start", "burnind.service"])
    web.product.wait_up()
    with web.stream(token=token) as stream:
        stream.snapshot()
        stream.wait("session-ended", timeout=30)
    web.accounts("Remove", "st", "walter", 0)


def test_a_session_that_ends_ends_its_streams(web: Web, nas: Host) -> None:
    password = secrets.token_hex(8)
    web.accounts("Add", "ssst", "mallory", "viewer", password, 0)
    token, _ = web.accounts("Login", "ssa{sv}", "mallory", password, {}, user="burnin-web")
    with web.stream(token=token) as stream, web.stream() as other:
        stream.snapshot()
        other.snapshot()
        web.accounts("Logout", "s", token, user="burnin-web")
        # However it was missed: it looks again when burnind has come back.
        web.product.restart()
        stream.wait("session-ended")
        with pytest.raises(EOFError):
            while True:
                stream.next()
        assert other.wait("daemon", lambda d: d["up"])


def test_many_at_once(web: Web, nas: Host) -> None:
    """More than the bus lets one connection ask at a time."""
    password = secrets.token_hex(8)
    web.accounts("Add", "ssst", "last", "viewer", password, 0)
    token, _ = web.accounts("Login", "ssa{sv}", "last", password, {}, user="burnin-web")

    def read(connection: socket.socket, until: bytes) -> bytes:
        got = b""
        while until not in got:
            piece = connection.recv(65536)
            assert piece, f"it has ended: {got[-200:]!r}"
            got += piece
        return got

    with contextlib.ExitStack() as stack:
        connections = [stack.enter_context(web.connect(one)) for one in [web.token] * 300 + [token]]
        for connection in connections:
            assert read(connection, b"event: ready").startswith(b"Status: 200 OK\r\n")
        web.accounts("Logout", "s", token, user="burnin-web")
        web.product.restart()
        # It is asked about last.
        read(connections.pop(), b"event: session-ended")
        for connection in connections:
            connection.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                while piece := connection.recv(65536):
                    assert b"session-ended" not in piece
                pytest.fail("a stream has ended")


def test_who_does_not_read_holds_nothing_up(web: Web, nas: Host) -> None:
    """A browser that takes nothing while a drive changes a thousand times: it is told of the last change, and no memory is spent."""
    product = web.product
    drive = product.plug("EVENT006", 8)
    pid = int(product.machine.run(["systemctl", "show", "--value", "--property=MainPID", "burnin-events.service"]).stdout)

    def memory() -> int:
        return sum(int(line.split()[1]) for line in product.machine.read(f"/proc/{pid}/smaps_rollup").splitlines()
                   if line.startswith("Private_Dirty"))

    with web.connect(web.token, 4096) as connection, web.stream() as watching:
        watching.snapshot()
        before = memory()
        notes = "n" * 3000
        for i in range(1000):
            drive.call("SetNotes", "st", f"{i:04}{notes}", 0)
        watching.wait("drives-update", lambda d: any(x["notes"].startswith("0999") for x in d["drives"]))
        assert memory() - before < 1024, "KiB more"

        got = ""
        while "0999" + notes not in got:
            piece = connection.recv(65536).decode()
            assert piece, "it was given up"
            got += piece
        assert got.startswith("Status: 200 OK\r\n")
        assert got.count(notes) < 500


def test_a_long_answer_is_compressed(web: Web, nas: Host) -> None:
    drive = web.product.plug("EVENT007", 8)
    for i in range(100):
        drive.call("SetLocation", "st", f"{i:064}", 0)
    # Longer than what one of its processes writes at a time.
    assert len(web.get("/api/v1/audit?limit=100", token=web.token)[1]) > 20000
    said = web.get("/api/v1/audit?limit=100", "--include", "--header", "Accept-Encoding: gzip", token=web.token)[1]
    assert "Content-Encoding: gzip" in said and len(said) < 5000


def test_garbage_is_no_request(web: Web) -> None:
    for garbage in (b"x" * 20, b"999999:", b"3:a\0b,", b"12:CONTENT\0LEN\0,", b"\xff\xfe\0\0\0\0\0", b"0:,"):
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(20)
            connection.connect(str(web.machine.path(SOCKET)))
            connection.sendall(garbage)
            assert connection.recv(4096).startswith(b"Status: 400 Bad Request\r\n"), garbage
    # One who says nothing more is not waited for.
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(30)
        connection.connect(str(web.machine.path(SOCKET)))
        connection.sendall(b"70:CONTENT_LEN")
        assert connection.recv(4096) == b""


def test_second_address(web: Web, nas: Host) -> None:
    status, body = web.get("/api/v1/events", "--max-time", "3", token=web.token)
    assert status == 200 and "event: ready" in body


@pytest.mark.allow_journal(r"More than 1024 browsers look")
def test_so_many_and_no_more(web: Web) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with contextlib.ExitStack() as stack:
        stack.callback(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        connections = []
        for _ in range(1025):
            connection = stack.enter_context(socket.socket(socket.AF_UNIX))
            connection.connect(str(web.machine.path(SOCKET)))
            connections.append(connection)
        connections[-1].settimeout(5)
        assert connections[-1].recv(1) == b""
        connections[0].setblocking(False)
        with pytest.raises(BlockingIOError):
            connections[0].recv(1)
    web.machine.wait_for(lambda: web.get("/sse/drives")[0] == 401, 20, "there is room again")


@pytest.mark.parametrize("unit", ["burnin-events.service", "burnin-web.service"])
def test_they_are_never_given_up(web: Web, unit: str) -> None:
    """However often one ends at once, as they do while the bus is away."""
    def main_pid() -> int:
        return int(web.machine.run(["systemctl", "show", "--value", "--property=MainPID", unit]).stdout)

    assert web.get("/sse/drives")[0] == 401     # which starts the one that has a socket
    for _ in range(6):
        before = web.machine.wait_for(main_pid, 20, f"{unit} is started")
        web.machine.run(["systemctl", "kill", "--kill-whom=main", "--signal=KILL", unit])
        web.machine.wait_for(lambda: main_pid() not in (0, before), 20, f"{unit} is started again")
    web.machine.wait_for(lambda: web.get("/sse/drives")[0] == 401, 20, "both answer")
