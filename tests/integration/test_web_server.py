# SPDX-License-Identifier: LGPL-2.1-or-later
"""The web server as it is installed: burnin-web.service with its own configuration, before burnin.cgi and burnin-events."""
from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Iterator

import dbus
import pytest
from product import Product, product  # noqa: F401
from webserver import HERE, THERE, Installed, Person

pytestmark = pytest.mark.allow_journal(r"^\([a-z0-9_]+\.c\.\d+\) ")     # lighttpd names what it refuses

API = "/api/v1"
PASSWORD = "correct horse"
SECURITY = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
                               "connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}
WEB = "/usr/share/burnin/web"
READ_IDLE = 20      # server.max-read-idle


@pytest.fixture(scope="module")
def server(product: Product) -> Iterator[Installed]:
    for name in ("alice", "mallory"):
        product.machine.call("/org/burnin1/accounts", "org.burnin1.Accounts", "Add", "ssst", name, "admin", PASSWORD, 0)
    if not product.machine.path(f"{WEB}/index.html").exists():      # a build without npm's tree: what is asked here is not its content
        product.machine.write(f"{WEB}/assets/page-0123.js", "")
        product.machine.write(f"{WEB}/index.html", '<!doctype html><script type="module" src="/assets/page-0123.js"></script>\n')
    server = Installed(product.machine)
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def alice(server: Installed) -> Person:
    return Person(server, "alice", PASSWORD)


@contextlib.contextmanager
def setting(product: Product, name: str, value: object) -> Iterator[None]:
    product.call_settings("Set", "svt", name, value, 0)
    try:
        yield
    finally:
        product.call_settings("Reset", "st", name, 0)


# --- what it sends -----------------------------------------------------------------------------------------


def asset(server: Installed) -> str:
    found = re.search(r"assets/[\w.-]+\.js", server.request("GET", "/burnin.js").body.decode())
    assert found
    return "/" + found.group()


def test_every_page_is_the_one_file(server: Installed) -> None:
    page = server.request("GET", "/")
    assert page.status == 200 and page.headers["content-type"].startswith("text/html") and b"<script" in page.body
    for path in ("/history", "/history/12/print", "/drives/wwn-0x5000c500a0000001", "/stats?days=7", "/audit?offset=100", "/settings",
                 "/accounts", "/hosts", "/login", "/validations/3"):
        assert server.request("GET", path)[::2] == page[::2], path
    for path in ("/nothing", "/historyx", "/assets/none.js", "/sse/other", "/api"):
        assert server.request("GET", path).status in (401, 404), path


def test_headers_of_all_answers(server: Installed, alice: Person) -> None:
    answers = {path: server.request("GET", path) for path in ("/", "/history", asset(server), "/nothing", "/health",
                                                                  f"{API}/drives")}
    answers |= {"/sse/drives": server.events(alice), "refused": server.request("GET", "/sse/drives"),
                "post": server.request("POST", "/", b"{}")}
    for path, answer in answers.items():
        for name, value in SECURITY.items():
            if name == "content-security-policy" and (path.startswith((API, "/health"))):
                assert answer.headers[name].startswith("default-src 'none'"), (path, answer.headers)
            else:
                assert answer.headers.get(name) == value, (path, name, answer.headers)
        assert "strict-transport-security" not in answer.headers
    assert answers["/"].headers["cache-control"] == answers["/history"].headers["cache-control"] == "no-cache"
    assert answers[asset(server)].headers["cache-control"] == "max-age=31104000"
    for path in ("/health", f"{API}/drives"):
        assert answers[path].headers["cache-control"] == "no-store"
    assert answers["/sse/drives"].headers["content-type"].startswith("text/event-stream")
    assert answers["/sse/drives"].headers["cache-control"] == "no-store, no-transform"


# --- hostile requests --------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", [
    "/../../etc/passwd", "/assets/../../../../../etc/passwd", "/%2e%2e/%2e%2e/%2e%2e/etc/passwd", "/..%2f..%2f..%2fetc%2fpasswd",
    "/assets/%2e%2e%2f%2e%2e%2fetc/passwd", "/..%252f..%252fetc/passwd", "/..\\..\\etc\\passwd", "/etc/passwd", "//etc/passwd", "/%00",
    "/index.html%00.js", "/index.html%0d%0aSet-Cookie:%20a=b", "/%ff%fe", "/%", "/%zz", "/api/v1/drives/../hosts",
    "/api/v1/drives/%2e%2e/hosts",
    "/api/v1/drives/a%2Fb", "/api/v1/../../usr/lib/burnin/burnin.cgi", "/burnin.cgi",
    "/api/v1//drives", "/history/../../../etc/passwd",
    "/history/%2e%2e/%2e%2e/etc/passwd"])
def test_paths(server: Installed, alice: Person, path: str) -> None:
    answer = alice.get(path)
    assert b"root:" not in answer.body and b"\x7fELF" not in answer.body
    assert "set-cookie" not in answer.headers
    assert answer.status in (400, 403, 404), answer


@pytest.mark.parametrize("head", [
    b"GET / HTTP/1.1\r\n\r\n", b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", b"GET / HTTP/1.1\r\nHost: a/../b\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost : a\r\n\r\n", b"GET / HTTP/1.1\r\nHost: a\r\nX: \0\r\n\r\n", b"GET / HTTP/9.9\r\nHost: a\r\n\r\n",
    b"GET\r\n\r\n", b"\0\0\0\0\r\n\r\n", b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc",
    b"POST /health HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
    b"POST /health HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
    b"POST /health HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: cow\r\n\r\n",
    b"POST /health HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"POST /health HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 20000 + b"\r\n\r\n", b"GET /" + b"x" * 20000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\n" + b"".join(b"X-%d: %s\r\n" % (n, b"x" * 1000) for n in range(100)) + b"\r\n",
    b"POST /api/v1/session HTTP/1.1\r\nHost: a\r\nContent-Length: 9999999\r\n\r\n"],
    ids=lambda head: f"{len(head)}-bytes")
def test_requests_that_are_none(server: Installed, head: bytes) -> None:
    assert server.send(head).status in (400, 411, 413, 414, 431, 501, 505)


def test_who_says_nothing_more_is_let_go(server: Installed, alice: Person) -> None:
    """In the middle of a header, of a body, and before anything; and others are served meanwhile."""
    begun = [b"", b"GET / HT", b"GET / HTTP/1.1\r\nHost: a\r\nX: ",
             b"POST /api/v1/session HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"]
    with contextlib.ExitStack() as stack:
        connections = [stack.enter_context(server.connect(READ_IDLE + 15)) for _ in begun]
        for connection, words in zip(connections, begun, strict=True):
            connection.sendall(words)
        end = time.monotonic() + READ_IDLE + 15
        assert alice.get(f"{API}/session").json["account"] == "alice"
        for connection, words in zip(connections, begun, strict=True):
            connection.settimeout(max(0.1, end - time.monotonic()))
            with contextlib.suppress(ConnectionResetError):
                while connection.recv(4096):
                    pass
            assert time.monotonic() < end, words


# --- where people are --------------------------------------------------------------------------------------


def test_addresses_of_people(product: Product, server: Installed, alice: Person) -> None:
    """burnin.cgi and burnin-events tell burnind where a request comes from, and whom a proxy speaks for."""
    there = {"X-Forwarded-For": "198.51.100.7"}
    login = {"name": "mallory", "password": PASSWORD}
    with setting(product, "allowed_ips", dbus.Array(["198.51.100.0/24"], "s")):
        assert alice.get(f"{API}/drives").code == "AddressNotAllowed"
        assert alice.get(f"{API}/drives", **there).status == 200
        assert alice.get(f"{API}/drives", **{"X-Forwarded-For": "198.51.100.7, 203.0.113.1"}).code == "AddressNotAllowed"
        assert Person(server).post(f"{API}/session", login).code == "AddressNotAllowed"
        assert Person(server).request("POST", f"{API}/session", login, there).status == 200
        assert server.events(alice).status in (401, 403)
        assert server.events(alice, **there).status == 200
    with setting(product, "web_session_bind_address", True):
        assert alice.get(f"{API}/drives").status == 200
        assert alice.get(f"{API}/drives", **there).code == "SessionEnded", "a token that somebody else got hold of"
        assert server.events(alice).status == 200
        assert server.events(alice, **there).status == 401


def test_a_forged_address_counts_for_nothing(product: Product, server: Installed, alice: Person) -> None:
    """Who is no proxy of ours cannot say that he is somebody else; who is can."""
    body = b'{"name": "mallory", "password": "correct horse"}'

    def seen() -> str:
        answer = server.over_tls("POST", f"{API}/session", body, **{"X-Forwarded-For": "198.51.100.7"})
        assert answer.status == 200, answer
        assert "; Secure" in answer.headers["set-cookie"]
        rows = [row for row in alice.get(f"{API}/sessions").json["sessions"] if row["account"] == "mallory"]
        return str(max(rows, key=lambda row: row["id"])["address"])

    assert seen() == THERE
    with setting(product, "trusted_proxies", dbus.Array([f"{THERE}/32"], "s")):
        assert seen() == "198.51.100.7"
        assert Person(server).request("POST", f"{API}/session", {"name": "mallory", "password": PASSWORD},
                                      {"X-Forwarded-For": "198.51.100.9"}).status == 200
        rows = alice.get(f"{API}/sessions").json["sessions"]
        assert "198.51.100.9" not in {row["address"] for row in rows}, "loopback is not named any more"
