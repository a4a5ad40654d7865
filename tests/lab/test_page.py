# SPDX-License-Identifier: LGPL-2.1-or-later
"""The web page before the service and a real NAS: a browser goes through web-frontend/ui/test/nas.test.mjs, from the first account to a
report, while the network is cut and the service killed under it."""
from __future__ import annotations

import contextlib
import subprocess
import threading
from collections.abc import Iterator
from typing import Any

import browser
import pytest
from lab import BUSY, Lab
from machine import Machine
from survival import EXPECTED
from test_locks import FREE

pytestmark = pytest.mark.allow_journal(r"^The grant .* (was given: |is used by job )", r"server (started|stopped)", r"is locked now",
                                       r"has ended: (cancelled|failed|inconclusive)", r"^(cancelled|failed|inconclusive): ", r"host key",
                                       *BUSY, *EXPECTED)

DATA, GOOD, SLOW, BAD, POOL = "WD-FREE03", "WD-FREE01", "WD-FREE02", "2000", "photos"


@pytest.fixture
def empty(machine: Machine, nas: Any) -> Iterator[Lab]:
    """A service that nobody has used, and a NAS that knows its key. The other tests of the lab find it as they like it afterwards."""
    browser.need(machine, "/usr/share/burnin/web/index.html")
    lab = Lab(machine, nas)
    lab.reset()
    lab.trust()
    lab.guest.ssh(f"zpool create -f -m none {POOL} {lab.dev(DATA)} && zpool export {POOL}; udevadm settle")
    machine.run(["systemctl", "start", "burnin-events.socket", "burnin-web.service"])
    try:
        yield lab
    finally:
        machine.run(["systemctl", "stop", "burnin-web.service", "burnin-events.socket", "burnin-events.service"])
        lab.proxy.restore()
        for serial in (SLOW, DATA):
            lab.guest.throttle(serial, None)
        lab.clean_jobs()
        lab.wipe(*FREE)


@contextlib.contextmanager
def network(lab: Lab) -> Iterator[None]:
    """What is written to /run/network on the machine is done to the network between it and the NAS; or, 'hurry', to a drive."""
    acts = {"cut": lab.proxy.cut, "restore": lab.proxy.restore, "hurry": lambda: lab.guest.throttle(DATA, None)}

    def obey() -> None:
        assert process.stdout
        for word in process.stdout:
            acts[word.strip()]()

    lab.machine.run("mkfifo /run/network")
    with lab.machine.popen(["sh", "-c", "while :; do cat /run/network; done"], stdout=subprocess.PIPE, text=True) as process:
        obedient = threading.Thread(target=obey)
        obedient.start()
        yield
    obedient.join()
    lab.machine.run("rm /run/network")


def test_story(empty: Lab) -> None:
    lab, machine = empty, empty.machine
    code = machine.run(["burninctl", "account", "setup-code"]).stdout.strip()
    for serial in (SLOW, DATA):
        lab.guest.throttle(serial, 2_000_000)
    with network(lab):
        free = " ".join((GOOD, *sorted({*FREE} - {GOOD, DATA})))
        browser.tell(machine, "nas.test.mjs", URL="https://127.0.0.1:8084", SETUP_CODE=code, HOST_PORT=str(lab.proxy.port),
                     FINGERPRINT=lab.fingerprint(), FREE=free, DATA_DRIVE=DATA, POOL=POOL, SLOW=SLOW, BAD=BAD)
