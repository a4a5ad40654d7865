# SPDX-License-Identifier: LGPL-2.1-or-later
"""A whole site: 200 hosts, 12,000 drives, 1,000 running stages that report once a second, clients that watch.

burnind, its database, the bus, systemd with its scopes are the real ones. The poller is a program that speaks its protocol
(POLLER below), burnin-worker one that has all of the worker but its host (worker.c), in a scope of its own each."""
from __future__ import annotations

import contextlib
import json
import select
import shutil
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dbus
import resources
import survival
from machine import Machine
from product import PATH, MANAGER, Product

HOSTS = 200
DRIVES_PER_HOST = 60
RUNNING = 1000
CLIENTS = 50
JOBS_SEEN = 20          # of each client that shows one page
SECONDS = 30            # of each measurement
INTERVAL = 12           # between two polls of a host
SMART_INTERVAL = 300
DAY = 86400
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBENCHBENCHBENCHBENCHBENCHBENCHBENCHBENCHBEN"
DATABASE = "var/lib/burnin/burnin.db"        # from outside: SQLite would follow /proc/PID/root to the wrong one
END_FILE = "/run/burnin/bench-end"
WORKER = "/usr/lib/burnin/burnin-worker"
CLIENT = "/usr/libexec/burnin-test/bench-client"
UNIT_POLL = "/etc/systemd/system/burnin-poll.service"

# Every host once in INTERVAL seconds, spread evenly. In a cycle change: the temperature of each drive under test and of one in ten of
# the others, and the SMART reading of one in SMART_INTERVAL / INTERVAL.
POLLER = r'''
import json, select, socket, sys, time
HOSTS, PER_HOST, INTERVAL, SMART_EVERY = map(int, sys.argv[1:5])
KEY = sys.argv[5]
ATTRIBUTES = [{"id": i, "name": "Some_Attribute_Of_A_Drive", "value": 100, "worst": 99, "threshold": 10, "raw": 123456789,
               "failed": False} for i in range(20)]
NAMES = ["sd%s%s" % (chr(97 + i // 26), chr(97 + i % 26)) for i in range(PER_HOST)]
watched, cycles, due = {}, {}, {}       # of each host: drives under test, cycles so far, the time of the next one
received = pending = b""
s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
s.connect("/run/burnin/poll.sock")

def drive(host, i, cycle):
    n = host * PER_HOST + i
    temperature = 30000 + (n + cycle) % 10 * 1000
    return {"kname": NAMES[i], "by_id": "/dev/disk/by-id/ata-BENCH_%05d" % n, "transport": "sata", "rotational": True,
            "logical_block_size": 512, "physical_block_size": 4096,
            "identity": {"wwn": "0x5000c500%08x" % n, "serial": "BENCH%05d" % n, "model": "BENCH 14T",
                         "size_bytes": 14 * 10**12, "fingerprint": "bench:%d" % n},
            "temperature_mdegc": temperature, "health": "passed", "lock": {"role": "none", "used": False},
            "smart_usec": 1 + (i + cycle) // SMART_EVERY,
            "smart": {"passed": True, "temperature_mdegc": temperature, "power_on_hours": 1000 + cycle, "attributes": ATTRIBUTES}}

def send(message):
    global pending
    pending += json.dumps(message).encode() + b"\n"

def cycle(host):
    name = "bench%d" % host
    c = cycles[host] = cycles.get(host, -1) + 1
    changed = [drive(host, i, c) for i in range(PER_HOST)
               if c == 0 or (i + c) % 10 == 0 or (i + c) % SMART_EVERY == 0 or NAMES[i] in watched.get(name, ())]
    send({"op": "cycle", "name": name, "ok": True, "boot_id": "b", "os": "Linux", "live_runs": [], "gone": [],
          "changed": changed, "took_usec": 1000})

def answer(line):
    name = line.get("name")
    if line["op"] == "host" and not line["target"].get("host_key"):
        send({"op": "hostkey", "name": name, "key": KEY, "sha256": "SHA256:bench"})
    elif line["op"] == "host":
        host = int(name[5:])
        due.setdefault(host, time.monotonic() + host * INTERVAL / HOSTS)
    elif line["op"] == "watch":
        watched[name] = frozenset(line["knames"])
    elif line["op"] == "fingerprint":
        send({"op": "fingerprint", "id": line["id"], "ok": True, "content": "ab" * 32})

while True:
    now = time.monotonic()
    for host in [h for h, when in due.items() if now >= when]:
        due[host] += INTERVAL
        cycle(host)
    wait = max(0, min(due.values(), default=now + 1) - time.monotonic())
    readable, writable, _ = select.select([s], [s] if pending else [], [], wait)
    if writable:
        pending = pending[s.send(pending[:1 << 20]):]
    if readable:
        data = s.recv(1 << 20)
        if not data:
            break
        *lines, received = (received + data).split(b"\n")
        for line in lines:
            answer(json.loads(line))
'''


def build(target: str) -> Path:
    from conftest import BUILD

    subprocess.run(["ninja", "-C", BUILD, "--quiet", f"tests/{target}"], check=True, stdout=subprocess.DEVNULL)
    return BUILD / "tests" / target


def put_program(machine: Machine, source: Path, path: str) -> None:
    shutil.copy2(source, machine.path(path))
    machine.path(path).chmod(0o755)


def poller(machine: Machine, hosts: int, per_host: int) -> contextlib.AbstractContextManager[subprocess.Popen[str]]:
    """Until burnind stops."""
    argv = ["/usr/bin/python3", "-c", POLLER, *map(str, (hosts, per_host, INTERVAL, SMART_INTERVAL // INTERVAL)), KEY]
    return machine.popen(argv, user="burnin")


@contextlib.contextmanager
def make_site(hosts: int = HOSTS, per_host: int = DRIVES_PER_HOST) -> Iterator[Product]:
    from conftest import BUILD

    with contextlib.ExitStack() as stack:
        machine = Machine("scale", build_dir=BUILD)
        stack.callback(machine.close)
        product = Product(machine)
        product.settings = {"max_parallel_burnins": str(RUNNING), "poll_interval_seconds": str(INTERVAL)}
        product.write_settings()
        put_program(machine, build("bench-worker"), WORKER)
        put_program(machine, build("bench-client"), CLIENT)
        machine.path("/etc/systemd/system").mkdir(exist_ok=True)
        machine.path(UNIT_POLL).symlink_to("/dev/null")
        machine.start()
        stack.enter_context(poller(machine, hosts, per_host))
        machine.wait_property(PATH, MANAGER, "Health", "ok")
        yield product


def add_hosts(site: Product, count: int = HOSTS, per_host: int = DRIVES_PER_HOST) -> None:
    """So many hosts, as seen once as the poller sees them."""
    hosts = [site.new_host(f"bench{h}", address="192.0.2.1") for h in range(count)]
    for host in hosts:
        host.wait("SeenHostKeyFingerprint", "SHA256:bench")
        host.accept_key("SHA256:bench")
    for host in hosts:
        host.wait("Drives", per_host, 120)


def fill(site: Product) -> int:
    """Hosts, drives, and jobs that run. Returns the size of the database before the jobs."""
    add_hosts(site)
    size = (site.machine.root / DATABASE).stat().st_size
    per_host = RUNNING // HOSTS
    serials = [f"BENCH{h * DRIVES_PER_HOST + i:05}" for h in range(HOSTS) for i in range(per_host)]
    running = "SELECT count(*) FROM stages WHERE kind = 'surface_validate' AND state = 'running'"
    for i in range(0, RUNNING, 100):
        results = site.start_all([(serial, serial) for serial in serials[i:i + 100]], confirmed=True)
        assert all(result == "queued" for _, result, _, _ in results), results[0]
        resources.until("all stages run", lambda n=i + 100: query(site, running) == n, 120, 0.2)
    return size


def query(site: Product, sql: str) -> Any:
    """One value of the database, as its last reader would see it."""
    with contextlib.closing(sqlite3.connect(f"file:{site.machine.root / DATABASE}?mode=ro", uri=True)) as db:
        return db.execute(sql).fetchone()[0]


# --- one measurement -------------------------------------------------------------------------------------------------------

def cpu(pid: int) -> float:
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9


def memory(pid: int, field: str) -> float:
    """In MiB."""
    return sum(int(line.split()[1]) for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
               if line.startswith(field)) / 1024


def written(pid: int) -> int:
    """Bytes given to write() so far; the database, in all but name: what goes over sockets is sent."""
    return int(next(line.split()[1] for line in Path(f"/proc/{pid}/io").read_text().splitlines() if line.startswith("wchar:")))


def wait_line(process: subprocess.Popen[str], wanted: str, timeout: float) -> None:
    """The next line of its output, which is to be this one."""
    assert process.stdout
    readable, _, _ = select.select([process.stdout], [], [], timeout)
    line = process.stdout.readline() if readable else ""
    assert line == wanted + "\n", f"wanted the line {wanted!r}, got {line!r}"


def measure(site: Product, say: Callable[..., None], title: str, clients: int, jobs: int, first: int) -> None:
    """`clients` of them watch so many jobs, from the first one on; jobs 0: everything, with first 0 the Manager's Progress alone."""
    pid, = survival.find_processes(site.machine, "burnind")
    bus = survival.find_processes(site.machine, "dbus-daemon")[0]
    read = f"{PATH}/job/{query(site, 'SELECT min(id) FROM jobs')}/surface_validate", "org.burnin1.Stage", "Percent"
    with contextlib.ExitStack() as stack:
        watcher = stack.enter_context(site.machine.popen([CLIENT, "watch", str(clients), str(SECONDS + 2), str(jobs), str(first)])
                                      ) if clients else None
        if watcher:
            wait_line(watcher, "watching", 60)
        began, spent, bus_spent, wrote = time.monotonic(), cpu(pid), cpu(bus), written(pid)
        reads = json.loads(site.machine.run([CLIENT, "read", str(SECONDS), *read], timeout=SECONDS + 60).stdout)
        took = time.monotonic() - began
        spent, bus_spent, wrote = cpu(pid) - spent, cpu(bus) - bus_spent, written(pid) - wrote
        seen = json.loads(watcher.communicate(timeout=60)[0]) if watcher else {}
    say(f"CPU of burnind, {title}", f"{spent / took * 100:.1f} % of a core", f"dbus-daemon {bus_spent / took * 100:.0f} %")
    for name in ("ours", "login1"):
        r = reads[name]
        say(f"property Get {'' if name == 'ours' else 'of login1 '}then", f"p99 {r['p99_usec'] / 1e3:.1f} ms",
            f"median {r['median_usec'] / 1e3:.2f}, longest {r['max_usec'] / 1e3:.1f} ms, of {r['reads']}")
    if clients:
        say("signals that arrived then", f"{seen['signals'] / (SECONDS + 2):.0f} a second",
            f"the Manager's told of {seen['stages'] / (SECONDS + 2):.0f} stages a second" if jobs == 0 else "")
    say("memory of burnind then", f"PSS {memory(pid, 'Pss:'):.1f} MiB",
        f"its own {memory(pid, 'Private_'):.1f}, resident {memory(pid, 'Rss:'):.1f} MiB")
    say("written to the database then", f"{wrote / took * DAY / 1e9:.1f} GB a day", f"{wrote / took / 1e3:.0f} kB a second")


# --- nothing is lost -------------------------------------------------------------------------------------------------------

def finish(site: Product, say: Callable[..., None], before: int) -> None:
    """Ends all jobs, and compares what the workers say they sent with what is stored."""
    file = site.machine.root / DATABASE
    pid, = survival.find_processes(site.machine, "burnind")
    began = time.monotonic()
    site.machine.path(END_FILE).touch()
    resources.until("all jobs are done", lambda: query(site, "SELECT count(*) FROM jobs WHERE state <> 'done'") == 0, 300, 1)
    took = time.monotonic() - began
    site.machine.wait_for(lambda: site["RunningJobs"] == 0, 30)
    say("memory of burnind, all jobs done", f"PSS {memory(pid, 'Pss:'):.1f} MiB", "")
    site.machine.run(["systemctl", "stop", "burnind.service"], timeout=60)

    with contextlib.closing(sqlite3.connect(file)) as db:
        passed, = db.execute("SELECT count(*) FROM jobs WHERE verdict = 'passed'").fetchone()
        stages, planned = db.execute("SELECT total(verdict = 'passed' AND report IS NOT NULL), count(*) FROM stages").fetchone()
        phases, = db.execute("SELECT count(*) FROM phases JOIN stages USING (job, stage) WHERE number IN (1, 2) "
                             "AND kind = 'surface_validate'").fetchone()
        rows = db.execute("SELECT job, report, last_seq FROM stages WHERE kind = 'surface_validate' AND attempt = 1").fetchall()
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    sent = sum(json.loads(report)["details"]["bench_sent"] + 1 for _, report, _ in rows)        # and the report itself
    stored = sum(last for *_, last in rows)
    differ = sum(1 for job, report, _ in rows if json.loads(report) != json.loads(
        site.machine.path(f"/var/lib/burnin/jobs/{job}/surface_validate.report.json").read_text())["report"])
    size = file.stat().st_size
    say("jobs that passed, of all", f"{passed} of {RUNNING}", f"within {took:.0f} s after their tests ended, all at once")
    say("stages with their report", f"{stages:.0f} of {planned}", f"{differ} differ from what their worker wrote")
    say("messages of the surface stages", f"{stored} numbered at burnind", f"{sent} sent by their workers, {len(rows)} workers")
    say("phase changes stored", f"{phases} of {2 * RUNNING}", "")
    say("growth of the database", f"{(size - before) / RUNNING / 1e3:.1f} kB a finished job", f"{size / 1e6:.0f} MB now")


def run(say: Callable[..., None]) -> None:
    with make_site() as site:
        try:
            size = fill(site)
        except Exception:
            print(site.machine.flight_record(20))
            raise
        first = query(site, "SELECT min(id) FROM jobs")
        measure(site, say, "nobody watches", 0, 0, first)
        measure(site, say, f"{CLIENTS} clients with {JOBS_SEEN} jobs each", CLIENTS, JOBS_SEEN, first)
        measure(site, say, f"{CLIENTS} clients with the progress of all jobs each", CLIENTS, 0, 0)
        measure(site, say, f"{CLIENTS} clients with everything each", CLIENTS, 0, first)
        finish(site, say, size)
