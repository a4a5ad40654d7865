# SPDX-License-Identifier: LGPL-2.1-or-later
"""The HTTP interface: burnin.cgi as user burnin-web behind a real web server, with real accounts and a real service."""
from __future__ import annotations

import concurrent.futures
import csv
import io
import re
import socket
import subprocess
import time
from collections.abc import Iterator
from typing import Any

import dbus
import pytest
from product import Host, Product, nas, product  # noqa: F401
from webserver import CGI, PORT, Answer, Person, WebServer

pytestmark = pytest.mark.allow_journal(r"has ended: (inconclusive|failed|cancelled)", r"^inconclusive: ", r"is missing",
                                       r"have failed in a row")

PASSWORDS = {"alice": "correct horse", "olga": "battery staple", "victor": "some other thing"}
ROLES = {"alice": "admin", "olga": "operator", "victor": "viewer"}
API = "/api/v1"
DATABASE = "/var/lib/burnin/burnin.db"


@pytest.fixture(scope="module")
def server(product: Product) -> Iterator[WebServer]:
    """With three accounts, the first of which came over the web."""
    server = WebServer(product.machine)
    server.start()
    nobody = Person(server)
    assert nobody.get(f"{API}/session").json["first"] is True
    code = product.machine.call("/org/burnin1/accounts", "org.burnin1.Accounts", "GetSetupCode")
    first = {"name": "alice", "password": PASSWORDS["alice"], "code": str(code)}
    assert nobody.post(f"{API}/accounts/first", first | {"code": "0000-0000"}).code == "WrongCode"
    assert nobody.post(f"{API}/accounts/first", first).status == 201
    assert nobody.post(f"{API}/accounts/first", first).code == "WrongState"
    alice = Person(server, "alice", PASSWORDS["alice"])
    for name in ("olga", "victor"):
        answer = alice.post(f"{API}/accounts", {"name": name, "password": PASSWORDS[name], "role": ROLES[name]})
        assert answer.status == 201, answer
    yield server
    server.stop()


@pytest.fixture
def nobody(server: WebServer) -> Person:
    return Person(server)


@pytest.fixture(scope="module")
def alice(server: WebServer) -> Person:
    return Person(server, "alice", PASSWORDS["alice"])


@pytest.fixture(scope="module")
def olga(server: WebServer) -> Person:
    return Person(server, "olga", PASSWORDS["olga"])


@pytest.fixture(scope="module")
def victor(server: WebServer) -> Person:
    return Person(server, "victor", PASSWORDS["victor"])


def is_refusal(answer: Answer, status: int, code: str, field: str | None = None) -> bool:
    error = answer.json["error"]
    assert (answer.status, error["code"], error.get("field")) == (status, code, field), answer
    assert error["message"], answer
    for header in ("content-security-policy", "x-content-type-options", "x-frame-options", "referrer-policy"):
        assert header in answer.headers, answer
    assert answer.headers["cache-control"] == "no-store"
    return True


# --- sessions ----------------------------------------------------------------------------------------------

def test_session(nobody: Person, server: WebServer) -> None:
    before = time.time_ns() // 1000
    answer = nobody.get(f"{API}/session")
    assert answer.status == 200
    assert before <= answer.json["now_usec"] <= time.time_ns() // 1000
    assert answer.json | {"version": "", "now_usec": 0} == {"account": None, "operator": None, "role": None, "csrf": None,
                                                            "expires_usec": 0, "idle_usec": 0, "first": False, "version": "",
                                                            "now_usec": 0}
    answer = nobody.post(f"{API}/session", {"name": "olga", "password": PASSWORDS["olga"]})
    assert answer.status == 200
    assert re.fullmatch(r"burnin_session=[0-9a-f]{64}; Path=/; HttpOnly; SameSite=Strict; Max-Age=\d+",
                        answer.headers["set-cookie"])
    assert (answer.json["account"], answer.json["operator"], answer.json["role"]) == ("olga", "olga (web)", "operator")

    olga = Person(server, "olga", PASSWORDS["olga"])
    assert olga.get(f"{API}/session").json["csrf"] == olga.csrf
    assert olga.get(f"{API}/drives").status == 200
    answer = olga.delete(f"{API}/session")
    assert answer.status == 204
    assert answer.headers["set-cookie"].startswith("burnin_session=; ")
    assert "Max-Age=0" in answer.headers["set-cookie"]
    assert is_refusal(olga.get(f"{API}/drives"), 401, "SessionEnded")
    assert olga.get(f"{API}/session").json["account"] is None


def test_cookie_is_secure_over_https(nobody: Person) -> None:
    answer = nobody.request("POST", f"{API}/session", {"name": "olga", "password": PASSWORDS["olga"]},
                            {"X-Forwarded-Proto": "https"})
    assert answer.headers["set-cookie"].endswith("; Secure")


def test_login_refused(nobody: Person) -> None:
    def login(**body: Any) -> Answer:
        return nobody.post(f"{API}/session", body)

    assert is_refusal(login(name="victor", password="not that one"), 403, "WrongPassword")
    assert is_refusal(login(name="nobody-here", password="not that one"), 403, "WrongPassword")
    assert is_refusal(login(name="victor"), 400, "BadField", "password")
    assert is_refusal(login(name="victor", password=17), 400, "BadField", "password")
    assert is_refusal(login(name="victor", password="x", role="admin"), 400, "BadField", "role")
    assert is_refusal(login(name="victor", password="a\x00b"), 400, "BadJson")


def test_locked_out(product: Product, nobody: Person) -> None:
    for _ in range(5):
        answer = nobody.post(f"{API}/session", {"name": "walter", "password": "not that one"})
        assert answer.status == 429 or "retry-after" not in answer.headers
    assert is_refusal(answer, 429, "LockedOut")
    assert 40 <= int(answer.headers["retry-after"]) <= 60
    product.machine.run(["systemctl", "stop", "burnind.service"], timeout=60)
    product.machine.run(["sqlite3", DATABASE, "DELETE FROM lockouts"])
    product.machine.run(["systemctl", "start", "burnind.service"], timeout=60)


def test_bearer(server: WebServer, olga: Person) -> None:
    """A script sends the token itself, so no other site can use it: it needs no X-CSRF-Token."""
    token = olga.cookie.partition("=")[2]
    headers = {"Authorization": f"Bearer {token}"}
    assert server.request("GET", f"{API}/session", None, headers).json["account"] == "olga"
    assert is_refusal(server.request("POST", f"{API}/burnin/999/cancel", {}, headers), 404, "NoSuchJob")
    assert is_refusal(server.request("GET", f"{API}/drives", None, {"Authorization": "Bearer " + "0" * 64}), 401, "SessionEnded")
    assert is_refusal(server.request("GET", f"{API}/drives", None, {"Authorization": "Bearer x"}), 401, "NotLoggedIn")


def test_everything_needs_a_login(server: WebServer) -> None:
    for method, path in [("GET", "/drives"), ("GET", "/burnin"), ("GET", "/hosts"), ("GET", "/audit"), ("GET", "/settings"),
                         ("GET", "/accounts"), ("GET", "/statistics"), ("GET", "/burnin/export.csv"), ("POST", "/burnin/start"),
                         ("DELETE", "/session"), ("POST", "/hosts")]:
        assert is_refusal(server.request(method, API + path, None if method == "GET" else {}), 401, "NotLoggedIn")


def test_csrf(alice: Person) -> None:
    path, body = f"{API}/settings", {"max_per_host": 7}
    for headers, code in [({"X-CSRF-Token": ""}, "BadCsrfToken"), ({"X-CSRF-Token": alice.csrf[:-1]}, "BadCsrfToken"),
                          ({"X-CSRF-Token": "0" * 64}, "BadCsrfToken"), ({"Sec-Fetch-Site": "cross-site"}, "CrossSite"),
                          ({"Sec-Fetch-Site": "same-site"}, "CrossSite"), ({"Origin": "https://evil.example"}, "CrossSite"),
                          ({"Origin": "null"}, "CrossSite"), ({"Origin": f"http://127.0.0.1:{PORT}.evil.example"}, "CrossSite")]:
        assert is_refusal(alice.request("POST", path, body, headers), 403, code)
    settings = {row["name"]: row for row in alice.get(path).json["settings"]}
    assert settings["max_per_host"]["origin"] != "runtime"


def test_no_login_from_another_site(nobody: Person) -> None:
    body = {"name": "olga", "password": PASSWORDS["olga"]}
    assert is_refusal(nobody.request("POST", f"{API}/session", body, {"Sec-Fetch-Site": "cross-site"}), 403, "CrossSite")


# --- accounts ----------------------------------------------------------------------------------------------

def test_accounts(alice: Person, victor: Person, server: WebServer) -> None:
    rows = {row["name"]: row for row in alice.get(f"{API}/accounts").json["accounts"]}
    assert {name: row["role"] for name, row in rows.items()} == ROLES
    assert rows["victor"]["login_usec"] > 0

    new = {"name": "nina", "password": "a good one", "role": "viewer"}
    assert is_refusal(victor.post(f"{API}/accounts", new), 403, "AccessDenied")
    assert is_refusal(alice.post(f"{API}/accounts", new | {"role": "god"}), 400, "InvalidArgument")
    assert is_refusal(alice.post(f"{API}/accounts", new | {"password": "short"}), 400, "InvalidArgument")
    assert alice.post(f"{API}/accounts", new).json == {"name": "nina"}
    assert is_refusal(alice.post(f"{API}/accounts", new), 409, "AccountExists")
    assert is_refusal(alice.patch(f"{API}/accounts/nina", {}), 400, "BadField", "role")
    assert alice.patch(f"{API}/accounts/nina", {"role": "operator", "password": "another one"}).status == 204

    nina = Person(server, "nina", "another one")
    assert nina.get(f"{API}/session").json["role"] == "operator"
    assert is_refusal(nina.post(f"{API}/session/password", {"old": "not that one", "new": "yet another"}), 403, "WrongPassword")
    assert nina.post(f"{API}/session/password", {"old": "another one", "new": "yet another"}).status == 204

    sessions = alice.get(f"{API}/sessions?account=nina").json["sessions"]
    assert [row["account"] for row in sessions] == ["nina"]
    assert alice.delete(f"{API}/sessions/{sessions[0]['id']}").status == 204
    assert is_refusal(alice.delete(f"{API}/sessions/{sessions[0]['id']}"), 404, "NotFound")
    assert is_refusal(alice.delete(f"{API}/sessions/x"), 404, "NotFound")
    assert nina.get(f"{API}/drives").status == 401
    assert alice.delete(f"{API}/accounts/nina").status == 204
    assert is_refusal(alice.delete(f"{API}/accounts/nina"), 404, "NoSuchAccount")
    assert is_refusal(alice.patch(f"{API}/accounts/alice", {"role": "viewer"}), 409, "LastAdmin")


# --- drives and jobs ---------------------------------------------------------------------------------------

def test_drives(product: Product, nas: Host, alice: Person, victor: Person) -> None:
    drive = product.plug("WEBDRIVE1", 64)
    page = victor.get(f"{API}/drives?serial=WEBDRIVE1&present=true").json
    assert page["total"] == 1
    assert page["offset"] == 0
    row, = page["drives"]
    assert row["id"] == drive["Id"]
    assert row["size_bytes"] == 64 << 20
    assert row["active_job"] is None
    assert row["smart"] is None or isinstance(row["smart"], dict)
    assert row["self_tests"]["short"]["state"] == "idle"
    assert not [key for key in row if key != key.lower() or key in ("object", "by_id")]
    path = f"{API}/drives/{row['id']}"
    assert victor.get(path).json["serial"] == "WEBDRIVE1"

    assert is_refusal(victor.patch(path, {"location": "Bay 7"}), 403, "AccessDenied")
    assert alice.patch(path, {"location": "Bay 7", "notes": "a\nb"}).json["location"] == "Bay 7"
    assert drive["Notes"] == "a\nb"
    assert is_refusal(alice.patch(path, {"location": "x" * 65}), 400, "InvalidArgument")
    assert is_refusal(alice.patch(path, {}), 400, "BadField", "location")
    assert is_refusal(victor.get(f"{API}/drives/none-such"), 404, "NoSuchDrive")
    assert is_refusal(alice.delete(path), 409, "WrongState")
    assert is_refusal(victor.get(f"{API}/drives?limit=0"), 400, "BadParameter", "limit")
    assert is_refusal(victor.get(f"{API}/drives?limit=1001"), 400, "BadParameter", "limit")
    assert is_refusal(victor.get(f"{API}/drives?offset=-1"), 400, "BadParameter", "offset")
    assert is_refusal(victor.get(f"{API}/drives?offset=4294967296"), 400, "BadParameter", "offset")
    assert is_refusal(victor.get(f"{API}/drives?colour=red"), 400, "BadParameter", "colour")
    assert is_refusal(victor.get(f"{API}/drives?host=a&host=b"), 400, "BadParameter", "host")

    drawer = victor.get(f"{path}/drawer").json
    assert drawer["drive"]["id"] == row["id"]
    assert drawer["job"] is None
    assert drawer["jobs"] == []
    assert victor.get(f"{path}/readings?limit=5").json["total"] >= 0
    assert is_refusal(alice.post(f"{path}/unlock", {"token": "x", "reason": "y"}), 409, "WrongState")


@pytest.mark.allow_journal(r"Paused \(operator\)", r"was paused|cancelled by")
def test_burnin(product: Product, nas: Host, olga: Person, victor: Person) -> None:
    drive = product.plug("WEBDRIVE2", 64)["Id"]
    body = {"drive_ids": [drive], "serials": {drive: "WEBDRIVE2"}, "run_surface": True, "run_short": False, "note": "=1+1"}
    assert is_refusal(victor.post(f"{API}/burnin/start", body), 403, "AccessDenied")
    assert is_refusal(olga.post(f"{API}/burnin/start", body | {"serials": {}}), 400, "NotConfirmed")
    assert is_refusal(olga.post(f"{API}/burnin/start", body | {"serials": {drive: "WEBDRIVE1"}}), 409, "WrongSerial")
    assert is_refusal(olga.post(f"{API}/burnin/start", body | {"profile": "full"}), 400, "BadField", "stages")
    assert is_refusal(olga.post(f"{API}/burnin/start", body | {"drive_ids": []}), 400, "BadField", "drive_ids")
    assert is_refusal(olga.post(f"{API}/burnin/start", body | {"drive_ids": [1]}), 400, "BadField", "drive_ids")
    estimate = olga.post(f"{API}/estimate", {"drive_ids": [drive], "run_surface": True}).json
    assert estimate["estimates"][0]["drive_id"] == drive
    assert estimate["low_usec"] <= estimate["high_usec"]

    answer = olga.post(f"{API}/burnin/start", body | {"request": "one"})
    assert answer.status == 200, answer
    started = answer.json
    assert (started["queued"], started["skipped"], started["locked"]) == (1, 0, 0)
    assert started["results"][0]["error"] is None
    number = started["results"][0]["job_id"]
    assert olga.post(f"{API}/burnin/start", body | {"request": "one"}).json["results"][0]["job_id"] == number
    job = product.job(number)
    assert number not in [row["id"] for row in victor.get(f"{API}/burnin?latest=true").json["jobs"]]
    with product.braked(job):
        assert [row["id"] for row in victor.get(f"{API}/burnin?active=true").json["jobs"]] == [number]
        shown = victor.get(f"{API}/burnin/{number}").json
        assert shown["state"] == "running"
        assert shown["operator"] == "olga (web)"
        assert shown["current_stage"] == "surface_validate"
        assert [stage["kind"] for stage in shown["stages"]] == ["precheck", "surface_validate", "final_check"]
        surface = shown["stages"][1]
        assert surface["job"] == number
        assert surface["phase_history"][0]["name"] == "Write 0xaa"
        assert victor.get(f"{API}/drives/{drive}").json["active_job"] == number
        assert victor.get(f"{API}/drives/{drive}/drawer").json["job"]["stages"][1]["state"] == "running"
        assert is_refusal(olga.post(f"{API}/burnin/{number}/priority", {"priority": 5}), 409, "WrongState")
        assert olga.post(f"{API}/burnin/{number}/pause", {"reason": "lunch"}).json["state"] == "paused"
        assert olga.post(f"{API}/burnin/{number}/resume").json["state"] == "running"
        assert is_refusal(victor.post(f"{API}/burnin/{number}/cancel"), 403, "AccessDenied")
        # Several: each has its result.
        both = olga.post(f"{API}/burnin/start", {"drive_ids": [drive, "none-such"], "confirm": True, "stages": ["surface_validate"]})
        assert is_refusal(both, 404, "NoSuchDrive") if both.status != 200 else both.json["skipped"] >= 1

        log = victor.get(f"{API}/burnin/{number}/log?stage=surface_validate").json
        assert log["stage"] == "surface_validate"
        assert log["next_offset"] == log["size"] > 0
        assert log["done"] is False
        tail = victor.get(f"{API}/burnin/{number}/log?offset=-5").json
        assert tail["next_offset"] - tail["offset"] == 5
        again = victor.get(f"{API}/burnin/{number}/log").json["text"]
        assert again.startswith(log["text"])
        assert again[tail["offset"]:tail["next_offset"]] == tail["text"]
        assert is_refusal(victor.get(f"{API}/burnin/{number}/log?stage=nonsense"), 404, "NotFound", "stage")
        assert is_refusal(victor.get(f"{API}/burnin/{number}/log?limit=0"), 400, "BadParameter", "limit")
        assert olga.post(f"{API}/burnin/{number}/cancel", {"reason": "wrong drive"}).json["state"] in ("stopping", "done")
    assert job.wait_end() == "cancelled"
    assert is_refusal(olga.post(f"{API}/burnin/{number}/cancel"), 409, "WrongState")
    assert is_refusal(olga.post(f"{API}/burnin/{number}/retry", {"serial": "x"}), 409, "WrongSerial")
    retried = olga.post(f"{API}/burnin/{number}/retry", {"serial": "WEBDRIVE2"})
    assert retried.status == 201, retried
    assert olga.post(f"{API}/burnin/cancel-all", {"reason": "enough"}).json["cancelled"] == 1
    product.job(retried.json["job_id"]).wait_end()
    assert is_refusal(victor.get(f"{API}/burnin/0"), 404, "NoSuchJob")
    assert is_refusal(victor.get(f"{API}/burnin/x1"), 404, "NoSuchJob")
    assert is_refusal(victor.get(f"{API}/burnin?state=tired"), 400, "InvalidOption")
    assert victor.get(f"{API}/burnin?verdict=cancelled&limit=1").json["total"] == 2

    answer = victor.get(f"{API}/burnin/export.csv?verdict=cancelled")
    assert answer.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(answer.body.decode(), newline="")))
    assert [int(row["id"]) for row in rows] == [retried.json["job_id"], number]
    assert rows[1]["note"] == "'=1+1"
    assert rows[1]["operator"] == "olga (web)"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", rows[1]["created"])

    statistics = victor.get(f"{API}/statistics?days=1").json
    assert statistics["verdicts"]["cancelled"] == 2
    assert statistics["days"][-1]["queued"] >= 2
    assert is_refusal(victor.get(f"{API}/statistics?days=0"), 400, "BadParameter", "days")
    audit = victor.get(f"{API}/audit?limit=50").json
    assert any(row["actor"] == "olga (web)" and row["object"] == f"job {number} (drive {drive})" for row in audit["entries"]), audit


def test_two_people_start_the_same_drive(product: Product, nas: Host, olga: Person, alice: Person) -> None:
    """However close together: it is tested once, and the other one is told."""
    drive = product.plug("WEBDRIVE9", 64)["Id"]
    body = {"drive_ids": [drive], "serials": {drive: "WEBDRIVE9"}, "run_surface": True}
    with concurrent.futures.ThreadPoolExecutor() as pool:
        answers = [future.result() for future in [pool.submit(person.post, f"{API}/burnin/start", body) for person in (olga, alice) * 3]]
    assert sorted(answer.status for answer in answers) == [200] + [409] * 5, answers
    assert {answer.code for answer in answers if answer.status == 409} == {"DriveBusy"}
    [number] = [answer.json["results"][0]["job_id"] for answer in answers if answer.status == 200]
    assert olga.post(f"{API}/burnin/{number}/cancel", {"reason": "once is enough"}).status == 200
    product.job(number).wait_end()


def test_audit_as_a_table(product: Product, server: WebServer, alice: Person, victor: Person) -> None:
    """All of it, though a page has a thousand; and text is no formula."""
    machine = product.machine
    machine.run(["systemctl", "stop", "burnind.service"], timeout=60)
    machine.run(["sqlite3", DATABASE, """
        WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2500)
        INSERT INTO audit (time_usec, actor, actor_uid, action, object, outcome, detail)
        SELECT 1795262400000000 + i, 'evelyn', 4000000000, 'org.burnin1.cancel', 'job ' || i, 'ok', '=1+1, "x"' FROM n"""])
    machine.run(["systemctl", "start", "burnind.service"], timeout=60)
    machine.wait_for(lambda: server.request("GET", "/health").status == 200, 30, "healthy again")
    total = victor.get(f"{API}/audit?limit=1").json["total"]
    answer = victor.get(f"{API}/audit/export.csv")
    assert answer.headers["content-type"].startswith("text/csv")
    assert answer.headers["content-disposition"] == 'attachment; filename="burnin-audit.csv"'
    rows = list(csv.DictReader(io.StringIO(answer.body.decode(), newline="")))
    assert len(rows) == total > 2500
    ids = [int(row["id"]) for row in rows]
    assert ids == sorted(set(ids), reverse=True)
    first = next(row for row in rows if row["object"] == "job 1" and row["actor"] == "evelyn")
    assert {key: value for key, value in first.items() if key != "id"} == {
        "time": "2026-11-21T12:00:00Z", "actor": "evelyn", "actor_uid": "4000000000", "action": "org.burnin1.cancel", "object": "job 1",
        "outcome": "ok", "detail": "'=1+1, \"x\""}
    # A part of it, as a list and as a table.
    assert victor.get(f"{API}/audit?text=JOB%202499&limit=5").json["total"] == 1
    found = list(csv.DictReader(io.StringIO(victor.get(f"{API}/audit/export.csv?text=EVELYN").body.decode(), newline="")))
    assert len(found) == 2500 and {row["actor"] for row in found} == {"evelyn"}
    assert is_refusal(alice.get(f"{API}/audit?text={'x' * 201}"), 400, "InvalidOption")
    assert is_refusal(alice.get(f"{API}/audit/export.csv?limit=1"), 400, "BadParameter", "limit")
    assert is_refusal(Person(server).get(f"{API}/audit/export.csv"), 401, "NotLoggedIn")


def test_report(product: Product, nas: Host, victor: Person, nobody: Person) -> None:
    product.plug("WEBREPORT1", 256)
    job = product.start("WEBREPORT1")
    path = f"{API}/burnin/{job.id}/report"
    with product.braked(job):
        assert is_refusal(victor.get(f"{path}.html"), 409, "WrongState")
        job.cancel()
    job.wait_end()
    page, document, signature = victor.get(f"{path}.html"), victor.get(f"{path}.json"), victor.get(f"{path}.json.sig")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "style-src 'unsafe-inline'; sandbox" in page.headers["content-security-policy"]
    assert "script-src" not in page.headers["content-security-policy"] and page.headers["cache-control"] == "no-store"
    assert document.json["drive"]["serial"] == "WEBREPORT1" and document.json["job"]["verdict"] == "cancelled"
    assert document.headers["content-disposition"] == f'attachment; filename="burnin-job{job.id}.json"'
    assert document.body in page.body and signature.body in page.body
    assert signature.body.startswith(b"-----BEGIN SSH SIGNATURE-----")
    for end in ("html", "json", "json.sig"):
        assert is_refusal(nobody.get(f"{path}.{end}"), 401, "NotLoggedIn")
        assert is_refusal(victor.get(f"{API}/burnin/4000000/report.{end}"), 404, "NoSuchJob")


def test_more_jobs_than_a_page_has(product: Product, nas: Host, victor: Person) -> None:
    product.plug("WEBMANY", 16)
    job = product.start("WEBMANY", note="one of many")
    job.cancel()
    job.wait_end()
    machine, many, drive = product.machine, 21000, job["DriveId"]
    machine.run(["systemctl", "stop", "burnind.service"], timeout=60)
    columns = [line for line in machine.run(["sqlite3", DATABASE, "SELECT name FROM pragma_table_info('jobs')"]).stdout.split()
               if line not in ("id", "request")]
    machine.run(["sqlite3", DATABASE, f"""
        WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {many})
        INSERT INTO jobs ({", ".join(columns)}) SELECT {", ".join(columns)} FROM jobs, n WHERE id = {job.id}"""])
    machine.run(["systemctl", "start", "burnind.service"], timeout=60)
    total = victor.get(f"{API}/burnin?drive={drive}").json["total"]
    assert total == many + 1
    rows = list(csv.DictReader(io.StringIO(victor.get(f"{API}/burnin/export.csv?drive={drive}").body.decode(), newline="")))
    numbers = [int(row["id"]) for row in rows]
    assert numbers == sorted(set(numbers), reverse=True)
    assert len(numbers) == total
    assert {row["note"] for row in rows} == {"one of many"}
    statistics = victor.get(f"{API}/statistics").json
    assert statistics["jobs"] >= total
    assert statistics["verdicts"]["cancelled"] >= total
    months = victor.get(f"{API}/statistics?days=3650").json
    assert (months["jobs"], months["verdicts"]) == (statistics["jobs"], statistics["verdicts"])
    assert [len(row["date"]) for row in months["days"]] == [len("2026-11")] and months["days"][0]["queued"] == months["jobs"]


@pytest.mark.allow_journal(r"^failed: ", r"says of itself that it fails")
def test_statistics_of_failures(product: Product, nas: Host, olga: Person) -> None:
    """The stage that failed, and a pass rate and hours per TB for what passed."""
    bad, good = product.plug("WEBBAD", 16)["Id"], product.plug("WEBGOOD", 16)["Id"]
    product.machine.set_smart("WEBBAD", {"smart_status": {"passed": False}})
    product.drive("WEBBAD").wait("SmartHealth", "failed", 40)
    answer = olga.post(f"{API}/burnin/start", {"drive_ids": [bad, good], "profile": "surface", "confirm": True}).json
    for row in answer["results"]:
        if row["job_id"]:
            product.job(row["job_id"]).wait_end(120)
    statistics = olga.get(f"{API}/statistics").json
    assert {"stage": "precheck", "failed": 1, "inconclusive": 0} in statistics["failures_by_stage"], statistics
    model = next(row for row in statistics["models"] if row["failed"])
    assert model["passed"] == 1
    assert model["pass_rate"] == 0.5
    assert model["hours_per_tb"] > 0


@pytest.mark.allow_journal(r"^The grant ", r"was refused")
def test_unlock(product: Product, nas: Host, alice: Person, olga: Person) -> None:
    product.machine.add_loop_drive("WEBLOCKED", 64)
    product.machine.run(["mkfs.ext4", "-q", product.device("WEBLOCKED")])
    drive = product.wait_drive("WEBLOCKED", "existing-data")
    path, token = f"{API}/drives/{drive['Id']}", drive["UnlockToken"]
    assert is_refusal(olga.post(f"{path}/unlock", {"token": token, "reason": "old disk"}), 403, "AccessDenied")
    assert is_refusal(alice.post(f"{path}/unlock", {"token": token + "x", "reason": "old disk"}), 409, "WrongToken")
    answer = alice.post(f"{path}/unlock", {"token": token, "reason": "old disk"})
    assert answer.status == 201, answer
    grant = answer.json
    assert (grant["drive_id"], grant["operator"], grant["reason"]) == (drive["Id"], "alice (web)", "old disk")
    assert [row["id"] for row in olga.get(f"{API}/grants?drive={drive['Id']}").json["grants"]] == [grant["id"]]
    assert alice.delete(f"{API}/grants/{grant['id']}").status == 204
    assert is_refusal(alice.delete(f"{API}/grants/{grant['id']}"), 404, "NotFound")
    assert is_refusal(alice.delete(f"{API}/grants/..%2Fjob"), 404, "NotFound")


def test_self_test(product: Product, nas: Host, olga: Person) -> None:
    drive = product.plug("WEBTEST", 64)["Id"]
    path = f"{API}/drives/{drive}/smart"
    assert is_refusal(olga.post(f"{path}/start", {"type": "middle"}), 400, "BadField", "type")
    assert is_refusal(olga.post(f"{path}/cancel", {"type": "short"}), 409, "WrongState")
    answer = olga.post(f"{path}/start", {"type": "LONG"})
    assert answer.status == 201, answer
    assert is_refusal(olga.post(f"{path}/cancel", {"type": "short"}), 409, "WrongState")
    assert olga.post(f"{path}/cancel", {"type": "long"}).status == 204
    product.job(answer.json["job_id"]).wait_end()


# --- hosts and settings ------------------------------------------------------------------------------------

def test_hosts(product: Product, alice: Person, victor: Person) -> None:
    new = {"name": "nas-web", "address": "127.0.0.1", "port": product.machine.host.port, "user": "root"}
    assert is_refusal(victor.post(f"{API}/hosts", new), 403, "AccessDenied")
    assert is_refusal(alice.post(f"{API}/hosts", new | {"port": 65536}), 400, "BadField", "port")
    assert is_refusal(alice.post(f"{API}/hosts", new | {"name": "../x"}), 400, "InvalidArgument")
    assert alice.post(f"{API}/hosts", new).status == 201
    assert is_refusal(alice.post(f"{API}/hosts", new), 409, "HostExists")
    path = f"{API}/hosts/nas-web"
    product.host("nas-web").wait("State", "unconfirmed")
    row = victor.get(path).json
    assert row["seen_host_key_fingerprint"] == product.machine.host.fingerprint
    assert is_refusal(alice.post(f"{path}/accept-key", {"fingerprint": "SHA256:x"}), 409, "WrongFingerprint")
    assert alice.post(f"{path}/accept-key", {"fingerprint": row["seen_host_key_fingerprint"]}).status == 200
    product.host("nas-web").wait("State", "online")
    assert victor.post(f"{path}/refresh").status == 204
    assert alice.patch(path, {"notes": "by hand"}).json["notes"] == "by hand"
    assert [row["notes"] for row in victor.get(f"{API}/hosts").json["hosts"] if row["name"] == "nas-web"] == ["by hand"]
    assert alice.delete(path).status == 204
    assert is_refusal(alice.delete(path), 404, "NoSuchHost")


def test_public_key(product: Product, nobody: Person, victor: Person) -> None:
    line = product.machine.read("/etc/burnin/id_ed25519.pub").strip()
    assert victor.get(f"{API}/ssh-key").json == {"ssh_public_key": line}
    assert nobody.get(f"{API}/ssh-key").status == 401


def test_settings(alice: Person, victor: Person) -> None:
    path = f"{API}/settings"
    assert is_refusal(victor.post(path, {"max_per_host": 3}), 403, "AccessDenied", "max_per_host")
    rows = {row["name"]: row for row in alice.post(path, {"max_per_host": 3, "slow_ratio": 0.5, "slow_fails": False,
                                                          "boot_pools": ["rpool", "tank"]}).json["settings"]}
    assert (rows["max_per_host"]["value"], rows["max_per_host"]["origin"]) == (3, "runtime")
    assert (rows["slow_ratio"]["value"], rows["slow_fails"]["value"]) == (0.5, False)
    assert rows["boot_pools"]["value"] == ["rpool", "tank"]
    networks = ["127.0.0.0/8", "2001:db8::/32"]
    rows = {row["name"]: row for row in alice.post(path, {"allowed_ips": networks}).json["settings"]}
    assert (rows["allowed_ips"]["type"], rows["allowed_ips"]["value"]) == ("networks", networks)
    for name in ("allowed_ips", "boot_pools"):
        assert is_refusal(alice.post(path, {name: []}), 400, "InvalidArgument", name)
    answer = alice.post(path, {"max_per_host": 4, "no_such_setting": 1, "slow_fails": True})
    assert is_refusal(answer, 404, "NoSuchSetting", "no_such_setting")
    assert answer.json["error"]["applied"] == ["max_per_host"]
    assert is_refusal(alice.post(path, {"max_per_host": {}}), 400, "BadField", "max_per_host")
    assert is_refusal(alice.post(path, {}), 400, "BadField")
    names = ["max_per_host", "slow_ratio", "slow_fails", "boot_pools", "allowed_ips"]
    rows = {row["name"]: row for row in alice.post(path, dict.fromkeys(names)).json["settings"]}
    assert not [name for name in names if rows[name]["origin"] == "runtime"]
    assert is_refusal(victor.post(f"{path}/test-smtp"), 403, "AccessDenied")
    assert is_refusal(alice.post(f"{path}/test-smtp"), 409, "WrongState")
    assert alice.post(path, {"smtp_host": "127.0.0.1", "smtp_port": 1, "smtp_to": ["a@example.org"]}).status == 200
    assert is_refusal(alice.post(f"{path}/test-smtp"), 409, "NotDelivered")
    assert alice.post(path, dict.fromkeys(["smtp_host", "smtp_port", "smtp_to"])).status == 200


def test_notifiers(product: Product, alice: Person, victor: Person, nobody: Person) -> None:
    path, secret = f"{API}/notifiers", "not+told/again"
    new = {"name": "team", "kind": "gotify", "url": "http://127.0.0.1:1/" + secret, "secret": secret, "severity": "warning",
           "events": ["job_failed"], "hosts": ["nas"]}
    assert nobody.get(path).status == 401 and is_refusal(victor.post(path, new), 403, "AccessDenied")
    assert is_refusal(alice.post(path, {"name": "team"}), 400, "BadField", "kind")
    assert is_refusal(alice.post(path, new | {"to": "a@x.org"}), 400, "BadField", "to")
    assert is_refusal(alice.post(path, new | {"kind": "fax"}), 400, "InvalidArgument")
    assert alice.post(path, new).status == 204
    assert is_refusal(alice.post(path, new), 409, "NotifierExists")
    rows = {row["name"]: row for row in victor.get(path).json["notifiers"]}
    assert set(rows) == {"mail", "team", "webhook"} and secret not in str(rows)
    assert rows["team"] == {"name": "team", "kind": "gotify", "built_in": False, "enabled": True, "target": "http://127.0.0.1:1",
                            "events": ["job_failed"], "hosts": ["nas"], "severity": "warning", "has_secret": True, "pending": 0,
                            "dead": 0, "error": ""}
    assert is_refusal(alice.post(f"{path}/team/test"), 409, "NotDelivered")
    assert is_refusal(victor.post(f"{path}/team/test"), 403, "AccessDenied")
    assert alice.patch(f"{path}/team", {"enabled": False, "events": [], "secret": ""}).status == 204
    row, = (row for row in alice.get(path).json["notifiers"] if row["name"] == "team")
    assert not row["enabled"] and not row["has_secret"] and row["events"] == [] and row["hosts"] == ["nas"]
    change = {"events": ["host_lost"], "hosts": ["nas", "vault"], "severity": "error"}
    assert alice.patch(f"{path}/team", change | {"url": "http://127.0.0.1:2/" + secret}).status == 204
    assert is_refusal(victor.patch(f"{path}/team", change), 403, "AccessDenied")
    assert is_refusal(alice.patch(f"{path}/team", {"to": ["a@example.org"]}), 400, "InvalidArgument")
    changed, = (other for other in alice.get(path).json["notifiers"] if other["name"] == "team")
    assert changed == row | change | {"target": "http://127.0.0.1:2"}
    assert is_refusal(alice.patch(f"{path}/none", {"enabled": False}), 404, "NoSuchNotifier")
    assert victor.get(f"{API}/deliveries?notifier=team&state=dead").json == {"deliveries": [], "total": 0, "offset": 0}
    assert is_refusal(victor.get(f"{API}/deliveries?state=lost"), 400, "InvalidOption")
    assert is_refusal(victor.post(f"{API}/deliveries/retry", {}), 403, "AccessDenied")
    assert alice.post(f"{API}/deliveries/retry", {"notifier": "team"}).json == {"count": 0}
    assert is_refusal(victor.delete(f"{path}/team"), 403, "AccessDenied")
    assert is_refusal(alice.delete(f"{path}/mail"), 409, "WrongState")
    assert alice.delete(f"{path}/team").status == 204


# --- health and metrics ------------------------------------------------------------------------------------

def test_health(product: Product, server: WebServer, nas: Host) -> None:
    answer = server.request("GET", "/health")
    assert answer.status == 200, answer
    assert answer.json["status"] == "ok"
    assert {part["name"]: part["state"] for part in answer.json["parts"]} == {
        "database": "ok", "poller": "ok", "truenas": "ok", "hosts": "ok"}
    assert answer.json["hosts"] == [{"name": "nas", "state": "online"}]

    dead = product.new_host("dead", address="127.0.0.1", port=dbus.UInt16(1))
    assert server.request("GET", "/health").status == 200, "one dead host is a fact, not an outage"
    dead.call("Remove", "t", 0)


@pytest.mark.allow_journal(r"poll", r"burnind")
def test_health_without_poller_or_daemon(product: Product, server: WebServer, alice: Person) -> None:
    machine = product.machine
    machine.run(["systemctl", "stop", "burnin-poll.service"], timeout=60)
    answer = machine.wait_for(lambda: (a := server.request("GET", "/health")).status == 503 and a, 20, "unhealthy")
    assert answer.json["status"] == "failing"
    assert "burnin-poll" in next(part["state"] for part in answer.json["parts"] if part["name"] == "poller")
    machine.run(["systemctl", "stop", "burnind.service"], timeout=60)
    answer = server.request("GET", "/health")
    assert (answer.status, answer.json["status"], answer.json["version"]) == (503, "failing", None)
    assert [part["name"] for part in answer.json["parts"]] == ["daemon"]
    assert is_refusal(alice.get(f"{API}/drives"), 503, "DaemonDown")
    assert is_refusal(alice.get(f"{API}/session"), 503, "DaemonDown")
    assert machine.run(["systemctl", "is-active", "burnind.service"], check=False).stdout.strip() == "inactive", "not started by a look"
    machine.run(["systemctl", "start", "burnind.service"], timeout=60)
    machine.wait_for(lambda: server.request("GET", "/health").status == 200, 30, "healthy again")
    assert alice.get(f"{API}/session").json["account"] == "alice", "sessions outlive the service"


def test_metrics(product: Product, nas: Host, server: WebServer, victor: Person) -> None:
    product.plug("WEBMETRIC", 64, lock="none")
    text = server.request("GET", "/metrics").body.decode()
    samples = {}
    kinds: dict[str, str] = {}
    for line in text.splitlines():
        if match := re.fullmatch(r"# TYPE (burnin_[a-z_]+) (gauge|counter)", line):
            assert match[1] not in kinds, "all samples of a metric stand together"
            kinds[match[1]] = match[2]
        elif not line.startswith("#"):
            match = re.fullmatch(r'(burnin_[a-z_]+)(\{(?:[a-z_]+="(?:\\.|[^"\\])*",?)*\})? (-?[0-9.e+]+)', line)
            assert match, line
            assert list(kinds)[-1] == match[1]
            samples[match[1] + (match[2] or "")] = float(match[3])
    drive = product.drive("WEBMETRIC")["Id"]
    assert samples['burnin_host_up{host="nas",state="online"}'] == 1
    assert samples[f'burnin_drive_size_bytes{{drive="{drive}",host="nas"}}'] == 64 << 20
    assert samples[f'burnin_drive_locked{{drive="{drive}",host="nas",lock="none"}}'] == 0
    assert samples['burnin_jobs{state="running"}'] == 0
    assert 'burnin_jobs_finished_total{verdict="passed"}' in samples
    assert samples['burnin_part_healthy{part="database"}'] == 1

    assert samples[f'burnin_drive_smart_value{{drive="{drive}",host="nas",counter="power_on_hours"}}'] == 12
    assert samples['burnin_notifications{notifier="mail",state="dead"}'] == 0
    assert samples["burnin_database_size_bytes"] > 100_000
    product.call_nightly("MakeBackup", "t", 0)
    later = server.request("GET", "/metrics").body.decode()
    assert re.search(r"^burnin_backup_timestamp_seconds [0-9.e+]+$", later, re.MULTILINE) and "burnin_backup_failed 0" in later
    checked = subprocess.run(["promtool", "check", "metrics"], input=later, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr

    proxied = {"X-Forwarded-For": "192.0.2.1"}
    assert is_refusal(server.request("GET", "/metrics", None, proxied), 401, "NotLoggedIn")
    assert victor.request("GET", "/metrics", None, proxied).status == 200
    rebound = {"Host": f"evil.example:{PORT}"}
    assert is_refusal(server.request("GET", "/metrics", None, rebound), 401, "NotLoggedIn")


# --- hostile requests --------------------------------------------------------------------------------------

@pytest.mark.parametrize("path", ["/api", "/api/", "/api/v1", "/api/v1/", "/api/v1/drives/", "/api/v1//drives", "/api//v1/drives",
                                  "/api/v1/nothing", "/api/v1/drives/a/b/c/d/e/f/g/h/i/j", "/api/v1/drives/%2e%2e",
                                  "/api/v1/drives/../hosts", "/api/v1/drives/a%2Fb", "/api/v2/drives"])
def test_paths_that_are_none(alice: Person, path: str) -> None:
    answer = alice.get(path)
    assert answer.status in (400, 404), answer


def test_paths_that_are_no_text(alice: Person) -> None:
    for part in ("%00", "%", "%4", "%zz", "%ff", "%0a", "%c3%28"):
        answer = alice.get(f"{API}/drives/{part}")
        assert answer.status == 400, (part, answer)


def test_methods(alice: Person) -> None:
    answer = alice.post(f"{API}/drives", {})
    assert is_refusal(answer, 405, "MethodNotAllowed")
    assert answer.headers["allow"] == "GET, HEAD"
    assert alice.delete(f"{API}/burnin/start").headers["allow"] == "POST"
    assert is_refusal(alice.get(f"{API}/burnin/cancel-all"), 405, "MethodNotAllowed")
    for method in ("PUT", "OPTIONS", "PROPFIND"):
        assert alice.request(method, f"{API}/drives", {}).status in (405, 501), method
    override = {"X-HTTP-Method-Override": "DELETE", "X-Method-Override": "DELETE"}
    assert alice.request("GET", f"{API}/session", None, override).json["account"] == "alice"
    head = alice.request("HEAD", f"{API}/drives")
    assert (head.status, head.body) == (200, b"")


def test_bodies(alice: Person) -> None:
    path = f"{API}/estimate"
    for body in (b"{", b"", b"[]", b"null", b'"x"', b"{} {}", b'{"a": "\xff"}', b'{"a": "\\u0000"}',
                 b"{'a': 1}", b'{"a": 01}', b'{"a": NaN}', b'{"drive_ids": ["x"], "drive_ids": ["y"]}',
                 b'{"a":' * 100 + b"1" + b"}" * 100, b"\x00"):
        answer = alice.request("POST", path, body)
        assert is_refusal(answer, 400, *(("BadField", "drive_ids") if body == b"" else ("BadJson",))), body
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/jsonx", ""):
        assert is_refusal(alice.request("POST", path, {}, {"Content-Type": kind}), 415, "NotJson")
    assert alice.request("POST", path, {}, {"Content-Type": "Application/JSON; charset=utf-8"}).code == "BadField"
    large = b'{"drive_ids": ["' + b"x" * (1 << 20) + b'"]}'
    assert is_refusal(alice.request("POST", path, large), 413, "TooLarge")
    assert is_refusal(alice.request("POST", f"{path}?a=b", {}), 400, "BadParameter")


def test_many_headers(alice: Person, server: WebServer) -> None:
    assert alice.request("GET", f"{API}/session", None, {f"X-Header-{n}": "x" * 10 for n in range(100)}).status in (200, 431)
    assert alice.request("GET", f"{API}/session", None, {f"X-Header-{n}": "x" * 1000 for n in range(1000)}).status in (400, 413, 431)
    assert alice.request("GET", f"{API}/drives?host=" + "x" * 20000).status in (400, 413, 414, 431)
    many = "&".join(f"p{n}=1" for n in range(40))
    assert is_refusal(alice.get(f"{API}/drives?{many}"), 400, "BadParameter")


def run_cgi(product: Product, stdin: int = subprocess.DEVNULL, **env: str) -> str:
    """Without a web server: what one would send, or would never send."""
    command = ["env", *(f"{name}={value}" for name, value in env.items()), CGI]
    with product.machine.popen(command, user="burnin-web", stdin=stdin) as process:
        return process.communicate(timeout=60)[0]


def test_slow_body(product: Product, olga: Person) -> None:
    """A client that promises a body and sends none gets its answer, and the process ends."""
    ours, theirs = socket.socketpair()
    token = olga.cookie.partition("=")[2]
    with ours, theirs:
        out = run_cgi(product, theirs.fileno(), REQUEST_METHOD="POST", REQUEST_URI=f"{API}/estimate", CONTENT_LENGTH="100",
                      CONTENT_TYPE="application/json", HTTP_AUTHORIZATION=f"Bearer {token}", REMOTE_ADDR="127.0.0.1")
    assert out.startswith("Status: 408 "), out


def test_no_request(product: Product) -> None:
    assert run_cgi(product).startswith("Status: 400 ")
    assert run_cgi(product, REQUEST_METHOD="GET", REQUEST_URI="http://x/").startswith("Status: 400 ")
    assert run_cgi(product, REQUEST_METHOD="POST", REQUEST_URI=f"{API}/session", CONTENT_LENGTH="-1").startswith("Status: 400 ")
    assert run_cgi(product, REQUEST_METHOD="GET", REQUEST_URI="/" + "x" * 9000).startswith("Status: 414 ")


@pytest.mark.allow_journal(r"dbus|bus|burnin")
def test_bus_down(product: Product) -> None:
    out = run_cgi(product, REQUEST_METHOD="GET", REQUEST_URI=f"{API}/session", DBUS_SYSTEM_BUS_ADDRESS="unix:path=/run/no-bus")
    assert out.startswith("Status: 503 "), out
    assert '"code":"BusDown"' in out
    out = run_cgi(product, REQUEST_METHOD="GET", REQUEST_URI="/health", DBUS_SYSTEM_BUS_ADDRESS="unix:path=/run/no-bus")
    assert out.startswith("Status: 503 "), out
    assert '"name":"bus"' in out
