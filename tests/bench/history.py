# SPDX-License-Identifier: LGPL-2.1-or-later
"""What years cost: 10,000 finished jobs and five years of readings, each list, page and query over them, and the nights.

A site as in scale.py has one job done and one reading of each drive taken. With burnind stopped, its database is filled with copies of
those rows, so that all of them are as burnind writes them, and the jobs' directory with copies of that job's."""
from __future__ import annotations

import contextlib
import itertools
import json
import os
import secrets
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import scale
import yaml
from product import NIGHTLY, PATH, Product, plain
from web import LOCAL, Web

SOURCE = Path(__file__).resolve().parents[2]
HOSTS, DRIVES_PER_HOST = 4, 50
JOBS = 10_000
FORMER_DRIVES = 4_000       # of which jobs are known, and which are gone
AUDIT = 50_000
EVENTS, EVENT_DAYS = 5_000, 30      # each told to two notifiers, and forgotten then
YEARS = 5
DAYS = YEARS * 365
UNTHINNED_DAYS = 60         # of which the older half is due in the first night
READINGS_A_DAY = 8
LOG_SIZE = 20_000
ASKED, SECONDS = 300, 8     # a query is asked so often, or for so long
USEC = 10**6
Say = Callable[..., None]

# Asks the query of its standard input again and again, and a property of login1 in turn, and prints what both took. The query is a list of
# calls on the bus, whose answers are not unpacked here, or one path over HTTP.
ASK = r'''
import http.client, json, sys, time
from gi.repository import Gio, GLib
bus = Gio.bus_get_sync(Gio.BusType.SYSTEM)
query = json.load(sys.stdin)
web = http.client.HTTPConnection("127.0.0.1", query["port"], timeout=120)

def call(service, path, interface, method, arguments):
    bus.call_sync(service, path, interface, method, GLib.Variant.parse(None, arguments, None, None) if arguments else None, None,
                  Gio.DBusCallFlags.NONE, 120000, None)

def get(path):
    web.request("GET", path, headers={"Cookie": "burnin_session=" + query["token"]})
    answer = web.getresponse()
    size = len(answer.read())
    assert answer.status == 200, (path, answer.status)
    return size

def once(query):
    if "get" in query:
        return get(query["get"])
    for words in query["calls"]:
        call(*words)

def timed(took, do, *arguments):
    began = time.monotonic()
    do(*arguments)
    took.append((time.monotonic() - began) * 1e3)

size, took, peer, end = once(query), [], [], time.monotonic() + query["seconds"]
while len(took) < query["asked"] and time.monotonic() < end:
    timed(took, once, query)
    timed(peer, call, *query["peer"])
took.sort()
peer.sort()
print(json.dumps({"size": size, "asked": len(took), "median": took[len(took) // 2], "p99": took[len(took) * 99 // 100],
                  "longest": took[-1], "peer_median": peer[len(peer) // 2], "peer_p99": peer[len(peer) * 99 // 100]}))
'''

# A whole nightly run, during which somebody else asks something all the time.
NIGHT = r'''
import json, time
from gi.repository import Gio, GLib
bus = Gio.bus_get_sync(Gio.BusType.SYSTEM)

def call(interface, method, arguments):
    return bus.call_sync("org.burnin1", "/org/burnin1", interface, method, arguments, None, Gio.DBusCallFlags.NONE, 120000, None)

call("org.burnin1.Nightly", "Run", GLib.Variant("(t)", (0,)))
took, running = [], True
while running:
    began = time.monotonic()
    running = call("org.freedesktop.DBus.Properties", "Get", GLib.Variant("(ss)", ("org.burnin1.Nightly", "Running"))).unpack()[0]
    took.append((time.monotonic() - began) * 1e3)
    time.sleep(0.005)
took.sort()
print(json.dumps({"reads": len(took), "median": took[len(took) // 2], "p99": took[len(took) * 99 // 100], "longest": took[-1]}))
'''


# --- the years ---------------------------------------------------------------------------------------------------------------

def rows_of(db: sqlite3.Connection, sql: str) -> list[dict[str, Any]]:
    cursor = db.execute(sql)
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row)) for row in cursor]


def put(db: sqlite3.Connection, table: str, rows: Iterable[dict[str, Any]]) -> None:
    rows = iter(rows)
    first = next(rows)
    db.executemany(f"INSERT INTO {table} ({', '.join(first)}) VALUES ({', '.join(f':{name}' for name in first)})",
                   itertools.chain([first], rows))


def make_jobs(db: sqlite3.Connection, now: int) -> None:
    """Evenly over the years, of drives that are there and of some that are gone; one in ten did not pass."""
    job, = rows_of(db, "SELECT * FROM jobs")
    stages, phases = rows_of(db, "SELECT * FROM stages"), rows_of(db, "SELECT * FROM phases")
    drives = rows_of(db, "SELECT id AS drive, host, kname, serial FROM drives ORDER BY id")
    drives += [{"drive": f"wwn-former-{i}", "host": f"bench{i % HOSTS}", "kname": "sdz", "serial": f"FORMER{i:04}"}
               for i in range(FORMER_DRIVES)]
    verdicts = ["passed"] * 18 + ["failed", "inconclusive"]
    first = int(job["id"]) + 1

    def times(row: dict[str, Any], shift: int) -> dict[str, Any]:
        return {name: row[name] + shift for name in ("created_usec", "started_usec", "finished_usec") if row.get(name)}

    # One after the other, and each first queued and then ended: so they are counted.
    for i in range(JOBS):
        shift = now - (JOBS - i) * DAYS * scale.DAY // JOBS * USEC - job["created_usec"]
        verdict = verdicts[i % len(verdicts)]
        put(db, "jobs", [job | drives[i % len(drives)] | times(job, shift) | {
            "id": first + i, "model": f"MODEL {i % 12}", "state": "queued", "verdict": verdict, "request": None}])
        put(db, "stages", (stage | times(stage, shift) | {
            "job": first + i, "run": stage["run"] and secrets.token_hex(16),
            "verdict": verdict if stage["kind"] == "surface_validate" else stage["verdict"]} for stage in stages))
        put(db, "phases", (phase | times(phase, shift) | {"job": first + i} for phase in phases))
        db.execute("UPDATE jobs SET state = 'done' WHERE id = ?", (first + i,))


def make_readings(db: sqlite3.Connection, now: int) -> None:
    """One a day, as nights have left them, and of the last weeks all."""
    newest = rows_of(db, "SELECT *, max(time_usec) FROM readings GROUP BY drive")
    ages = [day * scale.DAY for day in range(UNTHINNED_DAYS, DAYS)]
    ages += [i * scale.DAY // READINGS_A_DAY for i in range(1, UNTHINNED_DAYS * READINGS_A_DAY)]
    for reading in newest:
        del reading["max(time_usec)"]
    # In the order of time, as they came: how full the pages of the database are depends on it.
    put(db, "readings", (reading | {"time_usec": now - age * USEC, "changed": 0}
                         for age in sorted(ages, reverse=True) for reading in newest))


def make_audit(db: sqlite3.Connection, now: int) -> None:
    entry = rows_of(db, "SELECT * FROM audit LIMIT 1")[0]
    put(db, "audit", (entry | {"id": None, "time_usec": now - (AUDIT - i) * DAYS * scale.DAY // AUDIT * USEC} for i in range(AUDIT)))


def make_deliveries(db: sqlite3.Connection, now: int) -> None:
    body = json.dumps({"title": "Drive FORMER0001 passed its burn-in", "host": "bench1", "job_id": 7, "reason": "x" * 400})
    events = [{"id": secrets.token_hex(16), "kind": "job_passed", "time_usec": now - (EVENTS - i) * EVENT_DAYS * scale.DAY // EVENTS * USEC,
               "body": body} for i in range(EVENTS)]
    put(db, "events", events)
    put(db, "deliveries", ({"event": event["id"], "notifier": name, "state": "delivered", "attempts": 1, "queued_usec": event["time_usec"],
                            "next_usec": event["time_usec"]} for event in events for name in ("mail", "webhook")))


def make_directories(site: Product, job: int) -> None:
    jobs = site.machine.root / "var/lib/burnin/jobs"
    (jobs / str(job) / "surface_validate.log").write_bytes(b"Testing with pattern 0xaa: done, 0 errors\n" * (LOG_SIZE // 42))
    template = jobs / str(job)
    for i in range(job + 1, job + 1 + JOBS):
        shutil.copytree(template, jobs / str(i))
        for path in (template, *template.iterdir()):
            status = path.stat()
            os.chown(jobs / str(i) / path.relative_to(template), status.st_uid, status.st_gid)


def fill(site: Product, say: Say) -> int:
    """Years go by. Returns the number of the last job."""
    site.start("BENCH00000", confirmed=True)
    site.machine.path(scale.END_FILE).touch()
    job = site.jobs()[0]
    assert job.wait_end(120) == "passed"
    # Those who call it, too: they would start it again.
    site.machine.run(["systemctl", "stop", "burnin-web.service", "burnin-events.socket", "burnin-events.service", "burnind.service"],
                     timeout=60)
    now = int(time.time()) * USEC
    with contextlib.closing(sqlite3.connect(site.machine.root / scale.DATABASE)) as db, db:
        make_jobs(db, now)
        make_readings(db, now)
        make_audit(db, now)
        make_deliveries(db, now)
    make_directories(site, job.id)
    began = time.monotonic()
    site.machine.run(["systemctl", "start", "burnind.service"], timeout=60)
    say("start of burnind", f"{time.monotonic() - began:.2f} s", "until systemd is told that it is ready")
    return job.id + JOBS


# --- queries -----------------------------------------------------------------------------------------------------------------

PROPERTIES = "org.freedesktop.DBus.Properties"
LOGIN1 = "org.freedesktop.login1", "/org/freedesktop/login1", PROPERTIES, "Get", "('org.freedesktop.login1.Manager', 'IdleHint')"


def ask(web: Web, say: Say, title: str, **query: Any) -> float:
    """Returns the seconds that burnind had to do with it."""
    query |= {"port": int(LOCAL.rpartition(":")[2]), "token": web.token, "asked": ASKED, "seconds": SECONDS, "peer": LOGIN1}
    pid = web.site.pid()
    spent = scale.cpu(pid)
    r = json.loads(web.machine.run(["/usr/bin/python3", "-c", ASK], input=json.dumps(query), timeout=120).stdout)
    spent = (scale.cpu(pid) - spent) / (r["asked"] + 1)
    say(title, f"p99 {r['p99']:.1f} ms", f"median {r['median']:.1f}, longest {r['longest']:.1f} ms, of {r['asked']}; "
        f"{spent * 1e3:.1f} ms of burnind's time each{'; %.0f kB' % (r['size'] / 1e3) if r['size'] else ''}; "
        f"login1's Get in turn: median {r['peer_median']:.1f}, p99 {r['peer_p99']:.1f} ms")
    return spent


def over_the_bus(web: Web, say: Say, last_job: int) -> None:
    drive, job = web.site.drive("BENCH00100"), web.site.job(last_job)
    manager = "org.burnin1", PATH, "org.burnin1.Manager"
    surface, = (path for path in job["Stages"] if path.endswith("/surface_validate"))

    def listed(what: str, arguments: str) -> list[tuple[str, ...]]:
        return [(*manager, f"List{what}", f"(@a{{sv}} {{{arguments}}},)")]

    def readings(arguments: str) -> list[tuple[str, ...]]:
        return [("org.burnin1", drive.path, drive.interface, "ListReadings", f"(@a{{sv}} {{{arguments}}},)")]

    def deliveries(arguments: str) -> list[tuple[str, ...]]:
        return [("org.burnin1", f"{PATH}/notifiers", "org.burnin1.Notifiers", "ListDeliveries", f"(@a{{sv}} {{{arguments}}},)")]

    def daily(days: int) -> list[tuple[str, ...]]:
        return [(*manager, "GetDailyReport", f"(uint64 {(int(time.time()) - days * scale.DAY) * USEC}, uint64 0)")]

    queries = {
        "ListJobs, the newest 100": listed("Jobs", "'limit': <uint32 100>"),
        "ListJobs, the oldest 100": listed("Jobs", f"'limit': <uint32 100>, 'offset': <uint32 {JOBS - 100}>"),
        "ListJobs, the oldest 100 of a host": listed("Jobs", f"'host': <'bench1'>, 'limit': <uint32 100>, "
                                                             f"'offset': <uint32 {JOBS // HOSTS - 200}>"),
        "ListJobs, 100 that failed": listed("Jobs", "'verdict': <'failed'>, 'limit': <uint32 100>"),
        "ListJobs, the oldest 100 of a host that passed": listed(
            "Jobs", f"'host': <'bench1'>, 'verdict': <'passed'>, 'state': <'done'>, 'limit': <uint32 100>, "
                    f"'offset': <uint32 {JOBS // HOSTS - 400}>"),
        "ListJobs, all that are queued": listed("Jobs", "'state': <'queued'>"),
        "ListJobs, all that are active": listed("Jobs", "'active': <true>"),
        "ListJobs, all of a drive": listed("Jobs", f"'drive': <'{drive['Id']}'>"),
        "ListJobs, the last of each drive": listed("Jobs", "'latest': <true>, 'limit': <uint32 100>"),
        "ListJobs, 500, as many as come at once": listed("Jobs", f"'offset': <uint32 {JOBS - 500}>"),
        "a finished job with its stages": [("org.burnin1", path, PROPERTIES, "GetAll", f"('{interface}',)") for path, interface in
                                           [(job.path, job.interface)] + [(p, "org.burnin1.Stage") for p in job["Stages"]]],
        "ReadLog of a stage": [("org.burnin1", surface, "org.burnin1.Stage", "ReadLog", "(uint64 0,)")],
        "ReadReport, a page": [("org.burnin1", job.path, job.interface, "ReadReport", "('html', uint64 0)")],
        "GetDailyReport of a day": daily(1),
        "GetDailyReport of five years": daily(DAYS),
        "ListHosts": listed("Hosts", ""),
        "ListDrives, 200": listed("Drives", ""),
        "ListReadings, the newest 1000 of a drive": readings("'limit': <uint32 1000>"),
        "ListReadings, the five years of a drive": [call for offset in (0, 1000, 2000)
                                                    for call in readings(f"'limit': <uint32 1000>, 'offset': <uint32 {offset}>")],
        "ListAudit, the newest 200": listed("Audit", "'limit': <uint32 200>"),
        "ListAudit, the oldest 200": listed("Audit", f"'limit': <uint32 200>, 'offset': <uint32 {AUDIT - 200}>"),
        "ListAudit, 1000, as many as come at once": listed("Audit", f"'limit': <uint32 1000>, 'offset': <uint32 {AUDIT - 1000}>"),
        "ListAudit, a text that is in none": listed("Audit", "'text': <'nobody did this'>"),
        "ListDeliveries, the newest 200": deliveries("'limit': <uint32 200>"),
        "ListDeliveries, 1000, as many as come at once": deliveries("'limit': <uint32 1000>"),
        "ListDeliveries, those that were given up": deliveries("'state': <'dead'>"),
        "ListBackups": [("org.burnin1", PATH, NIGHTLY, "ListBackups", "")],
        "ListStatistics of 90 days": listed("Statistics", f"'since': <uint64 {(int(time.time()) - 90 * scale.DAY) * USEC}>"),
        "ListStatistics of 400 days": listed("Statistics", f"'since': <uint64 {(int(time.time()) - 400 * scale.DAY) * USEC}>"),
        "ListStatistics of five years": listed("Statistics", ""),
        "EstimateBurnIn of 10 drives": [(*manager, "EstimateBurnIn", f"({[f'BENCH{i:05}' for i in range(10)]}, @a{{sv}} {{}})")],
        "property Get": [("org.burnin1", PATH, PROPERTIES, "Get", "('org.burnin1.Manager', 'Version')")],
    }
    times = {title: ask(web, say, title, calls=calls) / len(calls) for title, calls in queries.items()}
    longest = max(times, key=lambda title: times[title])
    say("the call that keeps everybody else waiting longest", f"{times[longest] * 1e3:.1f} ms", longest)


def over_http(web: Web, say: Say, last_job: int) -> None:
    """Whatever can be asked for without changing anything; of what has filters and pages, several."""
    document = yaml.safe_load((SOURCE / "web-frontend/openapi.yaml").read_text(encoding="utf-8"))
    streams = {"/sse/drives", "/api/v1/events"}
    names = {"/drives/{id}": web.site.drive("BENCH00100")["Id"], "/burnin/{id}": str(last_job), "/hosts/{name}": "bench1"}
    queries = {
        "/api/v1/burnin": ["?limit=100", f"?limit=100&offset={JOBS - 100}", "?limit=100&verdict=failed&host=bench1"],
        "/api/v1/burnin/{id}/log": ["?stage=surface_validate"],
        "/api/v1/statistics": ["", f"?days={DAYS}"],
        "/api/v1/audit": ["", f"?offset={AUDIT - 200}"],
    }
    for path, methods in document["paths"].items():
        if "get" not in methods or path in streams:
            continue
        real = path
        for pattern, name in names.items():
            real = real.replace(pattern, pattern.partition("{")[0] + name)
        for query in queries.get(path, [""]):
            ask(web, say, f"GET {path}{query}", get=real + query)


# --- nights ------------------------------------------------------------------------------------------------------------------

def backup(site: Product, say: Say) -> None:
    began = time.monotonic()
    site.call_nightly("MakeBackup", "t", 0)
    took = time.monotonic() - began
    made = site.call_nightly("ListBackups")[0]
    say("a backup, verified", f"{took:.1f} s", f"{made['SizeBytes'] / 1e6:.0f} MB")


def night(site: Product, say: Say, title: str) -> None:
    pid = site.pid()
    spent = scale.cpu(pid)
    seen = json.loads(site.machine.run(["/usr/bin/python3", "-c", NIGHT], timeout=900).stdout)
    spent = scale.cpu(pid) - spent
    done = plain(site.machine.call(PATH, "org.freedesktop.DBus.Properties", "GetAll", "s", NIGHTLY))
    assert not done["LastRunError"], done
    say(f"nightly run, {title}", f"{done['LastRunDurationUSec'] / 1e6:.1f} s",
        f"{done['LastRunReadings']} readings and the files of {done['LastRunJobs']} jobs went; {spent:.2f} s of burnind's time")
    say("property Get during it", f"p99 {seen['p99']:.1f} ms",
        f"median {seen['median']:.2f}, longest {seen['longest']:.1f} ms, of {seen['reads']}")


def run(say: Say) -> None:
    with scale.make_site(HOSTS, DRIVES_PER_HOST) as site:
        web = Web(site, HOSTS, DRIVES_PER_HOST)
        last_job = fill(site, say)
        readings = scale.query(site, "SELECT count(*) FROM readings")
        with scale.poller(site.machine, HOSTS, DRIVES_PER_HOST):
            site.machine.wait_property(PATH, "org.burnin1.Manager", "Health", "ok")
            web.start()
            size = site.machine.run(["sqlite3", "-readonly", f"/{scale.DATABASE}",
                                     "SELECT sum(pgsize) FROM dbstat WHERE name = 'readings'"]).stdout
            say("a reading that is kept", f"{int(size) / readings:.0f} bytes",
                f"{int(size) / readings * 365 / 1e6:.2f} MB a drive and year, where one a day is kept")
            say("database", f"{(site.machine.root / scale.DATABASE).stat().st_size / 1e6:.0f} MB",
                f"{JOBS} jobs, {readings} readings of {web.drives} drives, {AUDIT} entries of the audit, {2 * EVENTS} deliveries; "
                f"{os.getloadavg()[0]:.0f} others wait for the processors")
            over_the_bus(web, say, last_job)
            over_http(web, say, last_job)
            backup(site, say)
            night(site, say, "the first one")
            night(site, say, "one after it")
            say("memory of burnind then", f"PSS {scale.memory(site.pid(), 'Pss:'):.1f} MiB",
                f"{os.getloadavg()[0]:.0f} others wait for the processors")
