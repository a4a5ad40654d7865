# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the web frontend costs, and how soon a browser knows: the shipped lighttpd, burnin-events and burnin.cgi, and Chromium.

As in scale.py the hosts are simulated. Each peer is measured in the same run: a CGI process for each stream of events
(stream-cgi.c), and FastAPI in uvicorn for the requests (fastapi_peer.py)."""
from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import secrets
import select
import signal
import sqlite3
import statistics
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import scale
from product import Product, find_processes, plain

HERE = Path(__file__).resolve().parent
HOSTS, DRIVES_PER_HOST = 2, 50      # of all but the last measurement
STREAMS = 200
CHANGES = 25
LOADS = 5
PAIRS = 5
SECONDS = 2                         # of each measurement of requests
WATCHED = 20                        # seconds that one browser looks at the large site
LIBEXEC = "/usr/libexec/burnin-test"
CONFIG = "/etc/burnin-web/lighttpd.d/bench.conf"
PEER_STREAM = "/bench/stream"
PEER_PORT = 8090
LOCAL = "http://127.0.0.1:8083"
SECURE = "https://127.0.0.1:8084/"
CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
Say = Callable[..., None]


class Web:
    """The web server of a site, and somebody who is logged in."""

    def __init__(self, site: Product, hosts: int, per_host: int) -> None:
        self.site, self.machine, self.drives = site, site.machine, hosts * per_host
        assert self.machine.path("/usr/share/burnin/web/index.html").exists(), "the page is not built: rm -r build-bench"
        scale.add_hosts(site, hosts, per_host)
        for target, name in (("bench-streams", "streams"), ("bench-stream.cgi", "bench-stream.cgi")):
            scale.put_program(self.machine, scale.build(target), f"{LIBEXEC}/{name}")
        self.machine.write(CONFIG, f'$HTTP["url"] == "{PEER_STREAM}" {{\n alias.url = ("/bench/" => "{LIBEXEC}/bench-stream.cgi/")\n'
                           ' cgi.assign = ("bench-stream.cgi" => "")\n cgi.limits = ("tcp-fin-propagate" => "SIGTERM")\n}\n')
        self.start()
        password = secrets.token_hex(8)
        self.accounts("Add", "ssst", "bench", "admin", password, 0)
        self.token, _ = self.accounts("Login", "ssa{sv}", "bench", password, {}, user="burnin-web")

    def start(self) -> None:
        """Fresh processes."""
        self.machine.run(["systemctl", "restart", "burnin-events.socket", "burnin-events.service", "burnin-web.service"], timeout=60)
        self.machine.run(["curl", "--silent", "--output", "/dev/null", "--retry", "50", "--retry-connrefused", "--retry-delay", "1", LOCAL])

    def accounts(self, method: str, signature: str, *args: Any, user: str | None = None) -> Any:
        return plain(self.machine.call("/org/burnin1/accounts", "org.burnin1.Accounts", method, signature, *args, user=user))

    def get(self, path: str, base: str = LOCAL, *options: str) -> str:
        return self.machine.run(["curl", "--silent", "--show-error", "--fail", *options, "--header", f"Cookie: burnin_session={self.token}",
                                 base + path]).stdout

    def pid(self, name: str) -> int:
        return find_processes(self.machine, name)[0]

    def pss(self, name: str) -> float:
        return sum(scale.memory(pid, "Pss:") for pid in find_processes(self.machine, name))

    @contextlib.contextmanager
    def quiet(self) -> Iterator[None]:
        """Nothing changes by itself in here: changes that come together are told together, a fifth of a second later at most."""
        poller, = (pid for pid in find_processes(self.machine, "python3") if b"/run/burnin/poll.sock" in
                   Path(f"/proc/{pid}/cmdline").read_bytes())
        os.kill(poller, signal.SIGSTOP)
        time.sleep(1)       # what it has said is told
        try:
            yield
        finally:
            os.kill(poller, signal.SIGCONT)

    @contextlib.contextmanager
    def streams(self, path: str, count: int, changes: int, drive: str = "/") -> Iterator[subprocess.Popen[str]]:
        argv = [f"{LIBEXEC}/streams", LOCAL.rpartition(":")[2], path, self.token, str(count), str(changes), drive]
        with self.machine.popen(argv, stdin=subprocess.PIPE) as process:
            yield process

    @contextlib.contextmanager
    def browser(self, *words: str) -> Iterator[subprocess.Popen[str]]:
        environment = os.environ | {"URL": SECURE, "TOKEN": self.token, "CHROMIUM": CHROMIUM}
        argv = ["ip", "netns", "exec", self.machine.netns, "node", str(HERE / "browser.mjs"), *words]
        with subprocess.Popen(argv, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            try:
                yield process
                assert process.stdin
                process.stdin.close()
                process.wait(30)
            finally:
                process.kill()


def read(process: subprocess.Popen[str], timeout: float = 120) -> Any:
    """The next line of its output, which is JSON."""
    assert process.stdout
    readable, _, _ = select.select([process.stdout], [], [], timeout)
    line = process.stdout.readline() if readable else ""
    assert line.startswith("{"), f"{process.args}: {line!r}"
    return json.loads(line)


def path_of(web: Web, serial: str) -> str:
    return web.site.drive(serial).path


# --- streams of events -----------------------------------------------------------------------------------------------------

def measure_streams(web: Web, path: str, name: str) -> dict[str, Any]:
    web.start()
    names = name, "lighttpd"
    drive = path_of(web, "BENCH00000")
    idle = {name: web.pss(name) for name in names}
    with web.streams(path, STREAMS, CHANGES, drive) as process:
        out = read(process)
        out |= read(process, 60 + CHANGES)
        return out | {"pss": {name: web.pss(name) for name in names}, "idle": idle}


def events(web: Web, say: Say) -> None:
    with web.quiet():
        ours = measure_streams(web, "/sse/drives", "burnin-events")
        peer = measure_streams(web, PEER_STREAM, "bench-stream.cgi")
    for name, process, out in (("burnin-events", "burnin-events", ours), ("a CGI for each", "bench-stream.cgi", peer)):
        say(f"{STREAMS} streams, {name}: memory", f"{out['pss'][process]:.1f} MiB",
            f"{out['idle'][process]:.1f} without; lighttpd {out['pss']['lighttpd']:.1f}, {out['idle']['lighttpd']:.1f} without")
        say(f"{STREAMS} streams, {name}: all are there", f"{out['ready_usec'] / 1e3:.0f} ms", f"{out['bytes'] / STREAMS / 1e3:.1f} kB each")
        say(f"{STREAMS} streams, {name}: call to client", f"p99 {out['p99_usec'] / 1e3:.1f} ms",
            f"median {out['median_usec'] / 1e3:.1f}, longest {out['max_usec'] / 1e3:.1f} ms, of {out['count']}; "
            f"the signal was on the bus after {out['call_usec'] / 1e3:.1f}")
    say(f"{STREAMS} streams: burnin-events against a CGI for each",
        f"{ours['pss']['burnin-events'] / peer['pss']['bench-stream.cgi']:.2f} × the memory",
        f"{ours['p99_usec'] / peer['p99_usec']:.2f} × the p99, {ours['median_usec'] / peer['median_usec']:.2f} × the median")


# --- to the screen ---------------------------------------------------------------------------------------------------------

def pixels(web: Web, say: Say, title: str, serial: str = "BENCH00000", count: int = CHANGES) -> None:
    """From just before the call of a method until the browser has drawn what it changed."""
    drive, took = web.site.drive(serial), []
    with web.browser("pixels", serial) as browser:
        assert read(browser)["ready"]
        for i in range(count):
            time.sleep(0.5 + 0.013 * i)     # at any time of a frame
            location = f"Shelf {i}"
            began = time.time()
            drive.call("SetLocation", "st", location, 0)
            seen = read(browser, 20)
            assert seen["location"] == location, seen
            took.append(seen["usec"] / 1e3 - began * 1e3)
    say(f"change to pixels, {title}", f"median {statistics.median(took):.0f} ms", f"longest {max(took):.0f} ms, of {count}")


def weight(web: Web, say: Say) -> None:
    with web.browser("load", str(LOADS)) as browser:
        out = read(browser)
    say("weight of the page, by TLS and gzip", f"{out['files'] / 1e3:.0f} kB",
        f"{out['scripts'] / 1e3:.0f} kB of it scripts, {out['count']:.0f} files; requests to the API {out['api'] / 1e3:.1f} kB")
    say(f"dashboard of {web.drives} drives, interactive", f"{out['interactive']:.0f} ms",
        f"first paint {out['painted']:.0f}, rows {out['drawn']:.0f}, longest {out['worst']:.0f} ms, of {LOADS} browsers without a cache")


# --- requests --------------------------------------------------------------------------------------------------------------

def make_peer_database(web: Web, drawer: Any, drives: list[Any]) -> str:
    """What burnin.cgi answers, as tables."""
    path = Path("/var/lib/burnin-test/peer.db")

    def kind(rows: list[Any], key: str) -> str:
        values = [row[key] for row in rows if row.get(key) is not None]
        if any(isinstance(v, (dict, list)) for v in values):
            return "JSON"
        return "BOOL" if any(isinstance(v, bool) for v in values) else ""

    with contextlib.closing(sqlite3.connect(web.machine.root / path.relative_to("/"))) as db:
        db.execute("CREATE TABLE sessions (token_sha256 TEXT PRIMARY KEY, role TEXT)")
        db.execute("INSERT INTO sessions VALUES (?, 'admin')", (hashlib.sha256(web.token.encode()).hexdigest(),))
        for table, rows in (("drives", drives), ("jobs", drawer["jobs"])):
            keys = list(rows[0])
            types = {key: kind(rows, key) for key in keys}
            db.execute(f"CREATE TABLE {table} ({', '.join(f'{key} {types[key]}' for key in keys)}, PRIMARY KEY (id))")
            nested = [key for key in keys if types[key] == "JSON"]
            db.executemany(f"INSERT INTO {table} VALUES ({', '.join('?' * len(keys))})",
                           [[json.dumps(row[key]) if key in nested and row[key] is not None else row[key] for key in keys]
                            for row in rows])
        db.commit()
    return str(path)


def ask_often(web: Web, base: str, path: str, connections: int, seconds: int) -> tuple[float, float]:
    """Answers a second, and the median of what one took, in ms."""
    said = web.machine.run(["wrk", "--threads", "1", "--connections", str(connections), "--duration", f"{seconds}s", "--latency",
                            "--header", f"Cookie: burnin_session={web.token}", base + path], timeout=60).stdout
    assert "Non-2xx" not in said and "Socket errors" not in said, said
    rate, half = re.search(r"Requests/sec: +([\d.]+)", said), re.search(r"50% +([\d.]+)(us|ms|s)", said)
    assert rate and half, said
    return float(rate[1]), float(half[1]) * {"us": 1e-3, "ms": 1, "s": 1e3}[half[2]]


def cpu_of_requests(web: Web, path: str) -> str:
    """What a request costs the processes that have to do with it, in ms of processor time."""
    lighttpd = web.pid("lighttpd")

    def spent() -> dict[str, float]:
        # Its children are burnin.cgi; the kernel counts them in hundredths of a second.
        fields = Path(f"/proc/{lighttpd}/stat").read_text().rpartition(")")[2].split()
        return {"burnin.cgi": (int(fields[13]) + int(fields[14])) / os.sysconf("SC_CLK_TCK")} | {
            name: scale.cpu(web.pid(name)) for name in ("lighttpd", "dbus-daemon", "burnind", "polkitd")}

    before = spent()
    rate, _ = ask_often(web, LOCAL, path, 4, SECONDS)
    return ", ".join(f"{name} {(after - before[name]) / (rate * SECONDS) * 1e3:.1f}" for name, after in spent().items())


def requests(web: Web, say: Say) -> None:
    # A drive whose surface test is under way.
    web.site.start("BENCH00001", confirmed=True)
    drives = json.loads(web.get("/api/v1/drives"))["drives"]
    drive = next(one["id"] for one in drives if one["serial"] == "BENCH00001")
    drawer_path = f"/api/v1/drives/{drive}/drawer"
    web.machine.wait_for(lambda: json.loads(web.get(drawer_path))["job"]["current_stage"] == "surface_validate", 30)
    with web.quiet():
        drives = json.loads(web.get("/api/v1/drives"))["drives"]
        drawer = json.loads(web.get(drawer_path))
        database = make_peer_database(web, drawer, drives)
        web.machine.write(f"{LIBEXEC}/fastapi_peer.py", (HERE / "fastapi_peer.py").read_text())
        peer = f"http://127.0.0.1:{PEER_PORT}"
        with web.machine.popen(["/usr/bin/python3", f"{LIBEXEC}/fastapi_peer.py", database, str(PEER_PORT)]) as process:
            web.get("/api/v1/drives", peer, "--retry", "50", "--retry-connrefused", "--retry-delay", "1")
            assert json.loads(web.get("/api/v1/drives", peer))["drives"] == drives
            assert set(json.loads(web.get(drawer_path, peer))) == set(drawer)
            for title, path in ((f"{web.drives} drives", "/api/v1/drives"), ("a drawer", drawer_path)):
                size = len(web.get(path))
                pairs = [(ask_often(web, LOCAL, path, 4, SECONDS), ask_often(web, peer, path, 4, SECONDS)) for _ in range(PAIRS)]
                ours, theirs = (statistics.median(pair[i][0] for pair in pairs) for i in range(2))
                ratio = statistics.median(a[0] / b[0] for a, b in pairs)
                say(f"GET of {title} ({size / 1e3:.0f} kB), 4 at a time", f"{ours:.0f} a second", f"{ratio:.2f} × FastAPI ({theirs:.0f})")
                alone = [(ask_often(web, LOCAL, path, 1, 1), ask_often(web, peer, path, 1, 1)) for _ in range(3)]
                ours, theirs = (statistics.median(pair[i][1] for pair in alone) for i in range(2))
                say(f"GET of {title}, one at a time", f"{ours:.1f} ms", f"FastAPI {theirs:.1f} ms")
                say(f"GET of {title}, processor time", "ms each", cpu_of_requests(web, path))
            say("memory at rest", f"{web.pss('lighttpd') + web.pss('burnin-events'):.1f} MiB", "lighttpd and burnin-events; "
                f"FastAPI {scale.memory(next(pid for pid in find_processes(web.machine, 'python3', str(PEER_PORT))), 'Pss:'):.0f} MiB")
            process.terminate()


# --- a whole site ----------------------------------------------------------------------------------------------------------

def whole(web: Web, say: Say) -> None:
    with web.streams("/sse/drives", 1, 0) as process:
        out = read(process)
    say(f"events of {web.drives} drives, the first time", f"{out['ready_usec'] / 1e3:.0f} ms", f"{out['bytes'] / 1e6:.1f} MB")
    with web.streams("/sse/drives", 1, 0) as process:
        out = read(process)
    say(f"events of {web.drives} drives, again", f"{out['ready_usec'] / 1e3:.0f} ms", f"{out['bytes'] / 1e6:.1f} MB")
    for title, options in (("", ()), (" with gzip", ("--header", "Accept-Encoding: gzip"))):
        said = web.get("/api/v1/drives?limit=500", LOCAL, *options, "--output", "/dev/null",
                       "--write-out", "%{time_total} %{size_download}")
        seconds, size = map(float, said.split())
        say(f"GET of the first 500 drives{title}", f"{seconds * 1e3:.0f} ms", f"{size / 1e3:.0f} kB")
    with web.browser("scroll", str(web.drives)) as browser:
        out = read(browser)
        say(f"dashboard of {web.drives} drives, first rows", f"{out['drawn']:.0f} ms",
            f"all known {out['all']:.0f}, interactive {out['interactive']:.0f} ms; longest task {out['longest']:.0f} ms")
        say(f"scrolling it, {out['frames']} steps of 400 pixels", f"{out['cpu']:.0f} ms of CPU a step", f"{out['longTasks']} long tasks, "
            f"longest {out['longestTask']:.0f} ms; frames: median {out['frame']:.1f}, longest {out['slowest']:.0f} ms; "
            f"heap of the page {out['heap'] / 1e6:.0f} MB")
        names = ("burnin-events", "burnind", "dbus-daemon", "lighttpd")
        before = {name: scale.cpu(web.pid(name)) for name in names}
        time.sleep(WATCHED)
        spent = {name: (scale.cpu(web.pid(name)) - before[name]) / WATCHED * 100 for name in names}
        say("memory of burnin-events then", f"PSS {web.pss('burnin-events'):.1f} MiB", f"lighttpd {web.pss('lighttpd'):.1f} MiB")
        say("CPU of burnin-events while one browser looks", f"{spent['burnin-events']:.1f} % of a core",
            ", ".join(f"{name} {spent[name]:.1f} %" for name in names[1:]))
    pixels(web, say, f"{web.drives} drives, 100 of which change each second", count=15)


def run(say: Say) -> None:
    with scale.make_site(HOSTS, DRIVES_PER_HOST) as site:
        web = Web(site, HOSTS, DRIVES_PER_HOST)
        events(web, say)
        pixels(web, say, f"{web.drives} drives")
        weight(web, say)
        requests(web, say)
    with scale.make_site() as site:
        whole(Web(site, scale.HOSTS, scale.DRIVES_PER_HOST), say)
