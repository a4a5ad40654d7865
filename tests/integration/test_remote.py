# SPDX-License-Identifier: LGPL-2.1-or-later
"""burninctl -H: another machine's service over SSH, as the user that one logs in as there."""
from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator

import pytest
from product import Host, Job, Product, nas, product  # noqa: F401
from sshhost import AUTHORIZED
from terminal import Terminal

pytestmark = pytest.mark.allow_journal(r"has ended: (inconclusive|failed|cancelled)", r"^inconclusive: ", r"is missing")

DENIED = 5
HERE, THERE = "nas@127.0.0.1", "root@127.0.0.1"


@pytest.fixture(scope="module")
def far(product: Product) -> Iterator[Product]:
    """The user visitor has nothing but a key; root and nas over there let it in."""
    machine = product.machine
    machine.run("mkdir -p /home/visitor/.ssh\n"
                "ssh-keygen -q -t ed25519 -N '' -f /home/visitor/.ssh/id_ed25519\n"
                "ssh-keyscan 127.0.0.1 2> /dev/null > /home/visitor/.ssh/known_hosts\n"
                f"cp -a {AUTHORIZED} {AUTHORIZED}.before\n"
                f"cat /home/visitor/.ssh/id_ed25519.pub >> {AUTHORIZED}\n"
                "chown -R visitor:visitor /home/visitor/.ssh")
    yield product
    machine.run(f"rm -r /home/visitor/.ssh; mv {AUTHORIZED}.before {AUTHORIZED}")


def ctl(product: Product, *args: str, at: str = THERE, status: int = 0) -> subprocess.CompletedProcess[str]:
    done: subprocess.CompletedProcess[str] = product.machine.run(
        ["burninctl", "-H", at, *args], user="visitor", check=False, env={"HOME": "/home/visitor", "LANG": "C.UTF-8"})
    assert done.returncode == status, done
    return done


@pytest.fixture
def job(far: Product, nas: Host) -> Job:
    far.plug("FARAWAY1", 8)
    job = far.start("FARAWAY1")
    job.wait_end()
    return job


def test_looks_and_changes_as_who_logs_in(far: Product, job: Job) -> None:
    assert "nas" in ctl(far, "hosts").stdout and "FARAWAY1" in ctl(far, "drives", at=HERE).stdout
    assert json.loads(ctl(far, "--json=short", "job", "show", str(job.id)).stdout)["Verdict"] == "passed"
    ctl(far, "drive", "location", "FARAWAY1", "bay 3")
    assert far.drive("FARAWAY1")["Location"] == "bay 3"
    assert far.list("Audit")[0]["Actor"] == "root"
    assert "You may not" in ctl(far, "drive", "location", "FARAWAY1", "mine", at=HERE, status=DENIED).stderr
    assert far.list("Audit")[0]["Actor"] == "nas", "it is who they are over there"
    assert far.drive("FARAWAY1")["Location"] == "bay 3"


def test_starts_and_waits(far: Product, nas: Host) -> None:
    far.plug("FARAWAY2", 8)
    done = ctl(far, "start", "FARAWAY2", "--yes", "--serial=FARAWAY2", "--wait")
    assert "passed" in done.stdout


def test_reads_logs(far: Product, job: Job) -> None:
    log = job.stage().log()
    assert "Pass completed" in log
    assert ctl(far, "job", "log", str(job.id), "surface_validate").stdout == log
    assert ctl(far, "job", "log", str(job.id), "surface_validate", "--follow", at=HERE).stdout == log
    # Longer than one answer.
    file = f"/var/lib/burnin/jobs/{job.id}/surface_validate.log"
    far.machine.run(f"seq 1 50000 >> {file}")
    assert ctl(far, "job", "log", str(job.id), "surface_validate").stdout == far.machine.read(file)
    far.machine.run(["rm", file])
    assert "dropped with age" in ctl(far, "job", "log", str(job.id), "surface_validate", status=4).stderr


def test_watches(far: Product, nas: Host) -> None:
    argv = ["runuser", "-u", "visitor", "--", "burninctl", "-H", THERE, "watch"]
    with Terminal(far.machine, argv, HOME="/home/visitor") as terminal:
        terminal.wait(lambda text: "1 of 1 online" in text)
        far.plug("FARAWAY3", 8)
        terminal.wait(lambda text: "1 present" in text)
        terminal.type("q")
        assert terminal.wait_exit() == 0 and terminal.screen.saved is None


def test_api_key_does_not_travel(far: Product, nas: Host) -> None:
    far.machine.write("/home/visitor/key", "1-secret", owner="visitor")
    said = ctl(far, "host", "add", "truenas", "--kind=truenas", "--api-url=https://127.0.0.1:1",
               "--api-key-file=/home/visitor/key", status=1).stderr
    assert "on the machine of burnind alone" in said
    assert [host["Name"] for host in far.hosts()] == ["nas"]


def test_what_cannot_be_reached(far: Product, nas: Host) -> None:
    said = ctl(far, "hosts", at="nobody-there@127.0.0.1", status=1).stderr
    assert "Permission denied" in said and "Failed to reach the system bus of nobody-there@127.0.0.1" in said
    assert "refused" in ctl(far, "hosts", at="root@127.0.0.1:1", status=1).stderr
    for bad in ("", "-oProxyCommand=touch /tmp/pwned", "a b"):
        ctl(far, "hosts", at=bad, status=1 if bad else 2)
    assert not far.machine.path("/tmp/pwned").exists()
