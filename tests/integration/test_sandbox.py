# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the service and its workers could do if they were taken over: little."""
from __future__ import annotations

import re
import stat
from collections.abc import Iterator

import pytest
from product import Job, Product, product  # noqa: F401

pytestmark = pytest.mark.allow_journal(r"has ended: (inconclusive|failed|cancelled)", r"^inconclusive: ", r"is missing")

# Exposure as systemd-analyze counts it (0 to 10), with room for what newer versions of it will count.
EXPOSURE = {"burnind.service": 2.5, "burnin-poll.service": 2.0, "burnin-truenas.service": 2.0, "burnin-keygen.service": 2.5,
            "burnin-password@1.service": 1.5, "burnin-report@1.service": 1.5, "burnin-report-keygen.service": 2.5,
            "burnin-backup@1.service": 2.0, "burnin-nightly.service": 2.0, "burnin-notify@1.service": 1.8,
            "burnin-web.service": 2.0, "burnin-events.service": 1.5, "burnin-web-certificate.service": 2.5}


@pytest.mark.parametrize("unit", EXPOSURE)
def test_exposure_stays_low(product: Product, unit: str) -> None:
    said = product.machine.run(["systemd-analyze", "security", "--no-pager", unit]).stdout
    found = re.search(r"Overall exposure level for \S+: ([0-9.]+)", said)
    assert found and float(found[1]) <= EXPOSURE[unit], said


@pytest.fixture(scope="module")
def running(product: Product) -> Iterator[Job]:
    """A job in its surface stage, for as long as the module lasts."""
    product.add_host("nas")
    product.plug("SANDBOX1", 256)
    job = product.start("SANDBOX1")
    with product.braked(job):
        yield job
        job.cancel()
    job.wait_end()


@pytest.fixture(scope="module")
def worker(product: Product, running: Job) -> int:
    """The pid of its worker, inside the machine."""
    pid, = product.machine.run(["pgrep", "-f", "^/usr/lib/burnin/burnin-worker stage"]).stdout.split()
    return int(pid)


def main_pid(product: Product, unit: str) -> int:
    return int(product.machine.run(["systemctl", "show", "--value", "--property=MainPID", unit]).stdout)


def status(product: Product, pid: int) -> dict[str, str]:
    return {key: value.strip() for key, _, value in
            (line.partition(":") for line in product.machine.read(f"/proc/{pid}/status").splitlines())}


def user_id(product: Product, name: str) -> str:
    return product.machine.run(["id", "-u", name]).stdout.strip()


def test_worker_is_nobody_in_particular(product: Product, worker: int) -> None:
    said = status(product, worker)
    assert said["Uid"].split() == [user_id(product, "burnin")] * 4 and user_id(product, "burnin") != "0"
    assert said["Groups"] == ""
    for which in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
        assert int(said[which], 16) == 0, which
    assert said["NoNewPrivs"] == "1" and said["Seccomp"] == "2"


def test_worker_cannot_be_looked_into(product: Product, worker: int) -> None:
    """It holds the key of its host in memory: not dumpable, so that its own user cannot trace it either."""
    machine = product.machine
    assert machine.path(f"/proc/{worker}/mem").stat().st_uid == 0
    for file in ("mem", "environ", "maps"):
        assert machine.run(["cat", f"/proc/{worker}/{file}"], user="burnin", check=False).returncode != 0
    assert machine.run(["ls", f"/proc/{worker}/fd"], user="burnin", check=False).returncode != 0


def cgroup_of(product: Product, pid: int) -> str:
    """As seen from inside, where the machine's own cgroup is the root."""
    return product.machine.run(["cat", f"/proc/{pid}/cgroup"]).stdout.splitlines()[-1].partition("::")[2]


def test_worker_is_in_its_scope_alone(product: Product, running: Job, worker: int) -> None:
    unit = running.stage()["Unit"]
    cgroup = f"/burnin.slice/{running['Unit']}/{unit}"
    assert cgroup_of(product, worker) == cgroup
    shown = product.machine.run(["systemctl", "show", "--property=ControlGroup,ActiveState,Slice", unit]).stdout.splitlines()
    assert set(shown) == {f"ControlGroup={cgroup}", "ActiveState=active", f"Slice={running['Unit']}"}
    assert product.machine.run(["cat", f"/sys/fs/cgroup{cgroup}/cgroup.procs"]).stdout.split() == [str(worker)]
    shown = product.machine.run(["systemctl", "status", "--no-pager", running["Unit"]], check=False).stdout
    assert unit in shown and "burnin-worker stage" in shown


def connects(product: Product, cgroup: str) -> bool:
    """Whether a process in this cgroup can connect to the machine's own sshd."""
    script = (f"echo $$ > /sys/fs/cgroup{cgroup}/cgroup.procs && exec timeout 3 bash -c "
              "'exec 3<> /dev/tcp/127.0.0.1/22 && read -r -t 2 line <&3 && echo \"$line\"'")
    return product.machine.run(script, check=False).stdout.startswith("SSH-")


def test_service_cannot_reach_the_network_and_its_worker_can(product: Product, running: Job, worker: int) -> None:
    service = cgroup_of(product, main_pid(product, "burnind.service"))
    assert service == "/system.slice/burnind.service"
    assert not connects(product, service)
    assert connects(product, "/system.slice"), "the way to look is right"
    # The worker has a live connection: it has read this much of the run over it.
    assert running.stage()["Contact"] == "" and running.stage()["Phase"] >= 1
    assert f"pid={worker}," in product.machine.run("ss -Htnp state established '( dport = :22 )'").stdout


def test_service_is_root_in_name_only(product: Product) -> None:
    said = status(product, main_pid(product, "burnind.service"))
    setuid_setgid = 1 << 7 | 1 << 6
    for which in ("CapPrm", "CapEff", "CapBnd"):
        assert int(said[which], 16) == setuid_setgid, which
    assert int(said["CapAmb"], 16) == 0 and said["NoNewPrivs"] == "1" and said["Seccomp"] == "2"


def test_descriptors_suffice_for_as_many_jobs_as_may_run(product: Product) -> None:
    said = product.machine.run(["systemctl", "show", "--value", "--property=LimitNOFILESoft", "burnind.service"]).stdout
    # max_parallel_burnins, a socket and a process of each, and the rest.
    assert int(said) >= 2 * 10_000 + 1_000


def test_poller_is_nobody_in_particular(product: Product) -> None:
    said = status(product, main_pid(product, "burnin-poll.service"))
    assert said["Uid"].split() == [user_id(product, "burnin")] * 4
    for which in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        assert int(said[which], 16) == 0, which


def test_key_is_the_services_alone(product: Product, running: Job) -> None:
    machine = product.machine
    info = machine.path("/etc/burnin/id_ed25519").stat()
    assert (info.st_uid, stat.S_IMODE(info.st_mode)) == (0, 0o600)
    for user in ("burnin", "visitor", "nobody"):
        assert machine.run(["cat", "/etc/burnin/id_ed25519"], user=user, check=False).returncode != 0


def test_fresh_install_makes_a_key_that_only_root_reads(product: Product) -> None:
    machine = product.machine
    machine.run("cp -a /etc/burnin/id_ed25519 /etc/burnin/id_ed25519.pub /root/")
    try:
        machine.run("rm /etc/burnin/id_ed25519*; systemctl start burnin-keygen.service")
        info = machine.path("/etc/burnin/id_ed25519").stat()
        assert (info.st_uid, stat.S_IMODE(info.st_mode)) == (0, 0o600)
        assert machine.read("/etc/burnin/id_ed25519.pub").startswith("ssh-ed25519 ")
        again = machine.read("/etc/burnin/id_ed25519")
        machine.run(["systemctl", "start", "burnin-keygen.service"])
        assert machine.read("/etc/burnin/id_ed25519") == again, "it is made once"
    finally:
        machine.run("mv /root/id_ed25519 /root/id_ed25519.pub /etc/burnin/")


def test_files_have_the_right_owners_and_modes(product: Product, running: Job) -> None:
    listing = product.machine.run("find /var/lib/burnin /run/burnin -printf '%p %y %#m %u:%g\\n'").stdout.splitlines()
    files = {line.split(" ")[0]: tuple(line.split(" ")[1:]) for line in listing}
    job = f"/var/lib/burnin/jobs/{running.id}"
    assert files["/var/lib/burnin"] == ("d", "0750", "root:burnin")
    assert files["/var/lib/burnin/burnin.db"][:2] == ("f", "0600") and files["/var/lib/burnin/burnin.db"][2].startswith("root:")
    assert files["/var/lib/burnin/jobs"] == ("d", "0750", "root:burnin")
    assert files["/run/burnin"] == ("d", "0750", "root:burnin")
    assert files[job][0] == "d" and files[job][2] == "root:burnin"
    assert files[f"{job}/surface_validate.log"] == ("f", "0640", "burnin:burnin")
    for path, (kind, mode, _) in files.items():
        assert int(mode, 8) & 0o007 == 0, f"{path} is open to all"
        assert kind in "fds", f"{path} is a {kind}"


def test_nobody_reads_a_log_behind_the_services_back(product: Product, running: Job) -> None:
    for user in ("visitor", "nobody"):
        done = product.machine.run(["cat", f"/var/lib/burnin/jobs/{running.id}/precheck.log"], user=user, check=False)
        assert done.returncode != 0 and "burnin" not in done.stdout
