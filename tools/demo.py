#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What tools/demo shows, once everything is built: see there."""
from __future__ import annotations

import argparse
import base64
import contextlib
import hashlib
import json
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(HERE / "tests/integration"), str(HERE / "tests/lab")]

from machine import Machine  # noqa: E402
from nas import Drive, Nas, default_drives  # noqa: E402

HOST, HOST_TRUENAS = "/org/burnin1/host/nas", "/org/burnin1/host/tn"
ADDRESS = "127.0.0.1:8084"
MOCK = "/usr/local/bin/mock-truenas"
GOOD, BAD, LOCKED = "WD-FREE01", "2000", "WD-TANK01"
FAILS = "71R0A01VFR0H"      # of the TrueNAS, at 30 %
STATUS_FAILED = 6
# An emulated drive is as slow as it likes, and a look at an emulated NAS takes its time.
SETTINGS = ("[burnind]\npoll_interval_seconds=5\npoll_timeout_seconds=60\nstale_threshold_seconds=120\nfollow_interval_seconds=1\n"
            "self_test_interval_seconds=1\nslow_floor_hdd=0\nslow_floor_ssd=0\nslow_ratio=0\n")


def say(text: str) -> None:
    print(f"\n\033[1m== {text}\033[0m" if sys.stdout.isatty() else f"\n== {text}", flush=True)


def show(machine: Machine, command: str) -> int:
    """Runs it inside, as a person there would, with this terminal."""
    print(f"# {command}", flush=True)
    enter = ["nsenter", "--target", str(machine.leader), "--all"]
    return subprocess.run([*enter, *shlex.split(command)], check=False).returncode


def trust(machine: Machine, nas: Nas) -> str:
    """What an administrator does on the host: let burnin's key in, and read the host's fingerprint there."""
    public = machine.read("/etc/burnin/id_ed25519.pub")
    nas.ssh("mkdir -p /root/.ssh && cat >> /root/.ssh/authorized_keys", input=public)
    return nas.ssh("ssh-keygen -lf /run/lab_host_key").split()[1]


def demo(machine: Machine, nas: Nas) -> bool:
    fingerprint = trust(machine, nas)

    say("A host is added. Nothing runs there until its key is accepted")
    show(machine, f"burninctl host add nas --address={nas.address} --port={nas.port}")
    machine.wait_property(HOST, "org.burnin1.Host", "SeenHostKeyFingerprint", lambda v: v != "", timeout=60)
    show(machine, f"burninctl host accept-key nas {fingerprint}")
    machine.wait_property(HOST, "org.burnin1.Host", "Drives", lambda v: v >= len(nas.drives), timeout=120)
    show(machine, "burninctl --no-pager drives")

    say("A drive of an active pool is refused")
    refused = show(machine, f"burninctl start {LOCKED} --yes --serial={LOCKED}")

    say("Two drives are burned in: a good one, and one with unreadable sectors")
    show(machine, f"burninctl start {GOOD} {BAD} --yes --serial={GOOD} --serial={BAD}")
    machine.wait_property("/org/burnin1/job/1/surface_validate", "org.burnin1.Stage", "Phase", lambda v: v > 0, timeout=300)
    show(machine, "systemctl --no-pager status burnin-job1.slice")
    verdicts = [show(machine, f"burninctl job wait {job}") for job in (1, 2)]

    say("The verdicts, and what they rest on")
    for job in (1, 2):
        show(machine, f"burninctl --no-pager job show {job}")
    say("The log of the surface test, from the journal")
    show(machine, "journalctl --no-pager --output=cat -u burnin-job1-surface_validate.scope")
    show(machine, "burninctl --no-pager jobs")

    return refused == 4 and verdicts == [0, STATUS_FAILED]


def pin(machine: Machine, certificate: str) -> str:
    """Which key the server has: all that can be known of a NAS that signs its own certificate."""
    key = machine.run(["openssl", "x509", "-in", certificate, "-pubkey", "-noout"]).stdout
    der = subprocess.run(["openssl", "pkey", "-pubin", "-outform", "der"], input=key.encode(), stdout=subprocess.PIPE, check=True).stdout
    return "sha256//" + base64.b64encode(hashlib.sha256(der).digest()).decode()


def demo_truenas(machine: Machine, hello: dict[str, str]) -> bool:
    machine.write("/root/api-key", hello["key"], mode=0o600)

    say("A TrueNAS is added: its API key from a file, its server known by its key")
    show(machine, f"burninctl host add tn --kind=truenas --api-url={hello['url']} --api-key-file=/root/api-key "
                  f"--api-pin={pin(machine, hello['certificate'])}")
    machine.wait_property(HOST_TRUENAS, "org.burnin1.Host", "State", "online", timeout=60)
    show(machine, "burninctl --no-pager host show tn")
    drives = json.loads(machine.run(["burninctl", "--json=short", "drives", "--host=tn"]).stdout)
    serials = sorted((d["Serial"] for d in drives), key=lambda serial: serial == FAILS)

    say("A burn-in there is refused: the API cannot prove that nothing uses a drive")
    refused = show(machine, f"burninctl start {serials[0]} --yes --serial={serials[0]}")

    say(f"The long self-test of all {len(serials)} drives, which TrueNAS runs")
    show(machine, "burninctl selftest start --type=long " + " ".join(serials))
    verdicts = {s: show(machine, f"burninctl job wait {n}") for n, s in enumerate(serials, 1)}

    say("The verdicts, and what the one that failed rests on")
    show(machine, "burninctl --no-pager selftest show --host=tn")
    show(machine, f"burninctl --no-pager job show {len(serials)}")
    return refused != 0 and len(serials) == 15 and verdicts == {s: STATUS_FAILED if s == FAILS else 0 for s in serials}


@contextlib.contextmanager
def start_truenas(machine: Machine, speed: str) -> Iterator[dict[str, str]]:
    machine.write(MOCK, (HERE / "tests/truenas/mock-truenas").read_text(), mode=0o755)
    with machine.popen([MOCK, "--speed", speed]) as process:
        assert process.stdout
        yield json.loads(process.stdout.readline())


@contextlib.contextmanager
def page(machine: Machine) -> Iterator[str]:
    """The web page of the machine, at an address of this computer: the machine has a network of its own."""
    show(machine, "systemctl start burnin-events.socket burnin-web.service")
    with subprocess.Popen(["systemd-socket-activate", f"--listen={ADDRESS}", "nsenter", f"--net=/run/netns/{machine.netns}",
                           "/usr/lib/systemd/systemd-socket-proxyd", ADDRESS],
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as forwarder:
        try:
            yield f"https://{ADDRESS}/"
        finally:
            forwarder.terminate()


def page_drives() -> tuple[Drive, ...]:
    """For who tries the page: twelve drives that nothing uses, one of them bad, and one for each way to use a drive."""
    others = tuple(drive for drive in default_drives() if drive.state != "free" or drive.serial == BAD)
    return (*others, *(Drive(f"WD-NEW{n:02}", size_mb=64, wwn=0x5000C500A0000100 + n) for n in range(1, 12)))


def invite(machine: Machine, *steps: str) -> None:
    """The page is there until Enter is pressed; what a person types there first."""
    with page(machine) as address:
        code = machine.run(["burninctl", "account", "setup-code"]).stdout.strip()
        say(f"The web page: {address}")
        for step in ("Its certificate is its own, so the browser warns: go on all the same.",
                     f"Create the first administrator, with any name and password, and the setup code  {code}", *steps):
            print(f"    {step}")
        input("\nPress Enter to end it. ")


def keep(machine: Machine) -> None:
    enter = f"nsenter --target {machine.leader} --all"
    say("It is left running. In another terminal:")
    for command in ("busctl tree org.burnin1", "burninctl watch", "journalctl BURNIN_JOB=2", "systemctl status burnind", "bash"):
        print(f"    {enter} {command}")
    invite(machine)


def invite_to_nas(machine: Machine, nas: Nas) -> None:
    fingerprint = trust(machine, nas)
    free = [drive for drive in nas.drives if drive.state == "free"]
    invite(machine,
           f"Add a host: Linux over SSH, any name, address  {nas.address}  SSH port  {nas.port}  SSH user  root",
           f"Compare its key. On the host's console you would read  {fingerprint}",
           f"Burn in its {len(free)} free drives, of which one is bad; unlock one of the {len(nas.drives) - len(free)} that are in use.",
           "A job that has ended can be printed: press its verdict, then Print.")


def invite_to_truenas(machine: Machine, hello: dict[str, str]) -> None:
    invite(machine,
           "Add a host: TrueNAS, any name; the rest is empty but for",
           f"    API address        {hello['url']}",
           f"    API key            {hello['key']}",
           f"    Pinned public key  {pin(machine, hello['certificate'])}",
           "Each drive can test itself: Short SMART test and Long SMART test are in its menu, at the end of its row. One of them fails.",
           "A burn-in needs a host that is reached over SSH, too: the API cannot tell that nothing uses a drive.")


def run(machine: Machine, work: str, options: argparse.Namespace) -> bool:
    good = True
    with contextlib.ExitStack() as stack:
        if options.truenas:
            hello = stack.enter_context(start_truenas(machine, options.truenas))
            if options.page:
                invite_to_truenas(machine, hello)
            else:
                good = demo_truenas(machine, hello)
        else:
            drives = page_drives() if options.page else default_drives(free_mb=128)
            nas = stack.enter_context(Nas(work, netns=machine.netns, drives=drives))
            if options.page:
                invite_to_nas(machine, nas)
            else:
                good = demo(machine, nas)
        if options.keep:
            keep(machine)
    return good


def main() -> int:
    parser = argparse.ArgumentParser()
    left = parser.add_mutually_exclusive_group()
    left.add_argument("--keep", action="store_true")
    left.add_argument("--page", action="store_true")
    parser.add_argument("--truenas", nargs="?", const="60", metavar="SPEED")
    options = parser.parse_args()
    began = time.monotonic()
    say("Booting the service in a container" + ("" if options.truenas else
                                               ", and a NAS guest beside it (the first time its image is built: minutes)"))
    with tempfile.TemporaryDirectory(prefix="burnin-demo-", dir="/var/tmp") as work:
        machine = Machine("demo", build_dir=HERE / "build")
        try:
            machine.install()
            machine.write("/etc/burnin/burnind.conf.d/demo.conf", SETTINGS)
            machine.start()
            good = run(machine, work, options)
        finally:
            machine.close()

    if not options.page:
        say(f"Done in {time.monotonic() - began:.0f} s: " + ("all as promised" if good else "NOT as promised, see above"))
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
