# SPDX-License-Identifier: LGPL-2.1-or-later
"""While a burn-in has a drive nothing else on the NAS can take it, by whatever means the drive is held; afterwards anything can."""
from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator

import pytest
from lab import BURN_IN, BUSY, Lab, lab, rules  # noqa: F401

pytestmark = pytest.mark.allow_journal(r"has ended: (inconclusive|cancelled)", r"^(inconclusive|cancelled): ", r"is locked now", *BUSY)

DRIVE = "WD-FREE01"
# Nobody can keep root from writing to a drive, so some of these first put something there that could be mounted, swapped to or
# imported: what then keeps them from that is that the drive is held.
TAKERS = {      # what takes a drive -> how that is tried ({}: the drive), and how it is undone
    "zpool create": ("zpool create -f -m none grab {}", "zpool destroy grab; zpool labelclear -f {}1"),
    "mkfs": ("mkfs.ext4 -q -F {}", "true"),
    "pvcreate": ("pvcreate -q -ff -y {}", "pvremove -q -ff -y {}"),
    "mdadm": ("mdadm -q --create /dev/md9 --run --force --level=1 --raid-devices=2 {} missing",
              "mdadm -q --stop /dev/md9; mdadm -q --zero-superblock {}"),
    "wipefs": ("wipefs -a {}", "true"),
    "mkswap": ("mkswap {}", "true"),
    "mount": ("dd if=/run/lab-ext4 of={} bs=1M conv=notrunc,fsync && mount -t ext4 {} /mnt/grab", "umount /mnt/grab"),
    "swapon": ("dd if=/run/lab-swap of={} bs=1M conv=notrunc,fsync && swapon {}", "swapoff {}"),
    "zpool import": ("dd if=/run/lab-pool of={} bs=1M conv=notrunc,fsync; blockdev --rereadpt {}; udevadm settle;"
                     " zpool import -f -N -d /dev grabbed", "zpool export grabbed"),
}


@dataclasses.dataclass(frozen=True)
class Way:
    """How the drive comes to be held."""
    user: str = "root"
    agent: bool = True
    hidden: tuple[str, ...] = ()
    takers: tuple[str, ...] = ("zpool create", "mkfs", "pvcreate", "mdadm", "mount")


WAYS = {
    "agent": Way(takers=tuple(TAKERS)),
    "agent by sudo": Way(user="nas"),
    "perl": Way(agent=False),
    "python3": Way(agent=False, hidden=("/usr/bin/perl",)),
}


@contextlib.contextmanager
def way(lab: Lab, chosen: Way) -> Iterator[None]:
    """The NAS has no more means than these in here."""
    with contextlib.ExitStack() as stack:
        if not chosen.agent:
            lab.guest.ssh("mkdir -p /var/lib/burnin-run && mount -t tmpfs -o noexec,mode=0700 tmpfs /var/lib/burnin-run")
            stack.callback(lab.guest.ssh, "n=0; until umount /var/lib/burnin-run; do n=$((n + 1)); [ $n -lt 100 ] || exit 1;"
                                          " sleep 0.1; done")
        if chosen.hidden:
            stack.enter_context(lab.replaced({path: "exit 127" for path in chosen.hidden}))
        if chosen.user != "root":
            lab.configure_host(user=chosen.user)
            stack.callback(lab.configure_host, user="root")
            lab.look()
        yield


@pytest.fixture(scope="module")
def images(lab: Lab) -> Iterator[None]:
    """What the drive is to look like."""
    dev = lab.dev(DRIVE)
    lab.guest.ssh(f"""set -e
        mkdir -p /mnt/grab; cd /run
        truncate -s 4M lab-ext4; mkfs.ext4 -q lab-ext4
        truncate -s 4M lab-swap; chmod 600 lab-swap; mkswap -q lab-swap
        zpool create -f -m none grabbed {dev}; zpool export grabbed; dd if={dev} of=lab-pool bs=1M""")
    lab.wipe(DRIVE)
    lab.look()
    yield
    lab.guest.ssh("rm -f /run/lab-ext4 /run/lab-swap /run/lab-pool; rmdir /mnt/grab")


def take(lab: Lab, takers: tuple[str, ...], dev: str) -> dict[str, tuple[bool, str]]:
    """Tries each, and undoes it: what -> whether it was possible, and the last thing that was said."""
    lines = ["cd /; exec 2>&1"]
    for name in takers:
        try_, undo = (text.replace("{}", dev) for text in TAKERS[name])
        lines.append(f"out=$( ({try_}) 2>&1); status=$?; [ $status != 0 ] || {{ {undo}; }} > /dev/null 2>&1; "
                     f"printf '%s|%s|%s\\n' '{name}' $status \"$(printf %s \"$out\" | tail -n 1)\"")
    result = {}
    for line in lab.guest.ssh("\n".join(lines)).splitlines():
        name, status, words = line.split("|", 2)
        result[name] = (status == "0", words)
    assert result.keys() == set(takers)
    return result


@pytest.mark.parametrize("name", WAYS)
def test_nothing_takes_a_drive_that_is_held(lab: Lab, images: None, name: str) -> None:
    chosen = WAYS[name]
    lab.wait_lock(DRIVE, "none")
    dev = lab.dev(DRIVE)
    with contextlib.ExitStack() as stack:
        stack.callback(lab.wipe, DRIVE)
        stack.enter_context(way(lab, chosen))
        job = lab.start(DRIVE)
        with lab.frozen(job) as run:
            assert [what for what, (taken, _) in take(lab, chosen.takers, dev).items() if taken] == []
            assert lab.state_on_nas(run) == "T"
            assert lab.guest.ssh(f"readlink /proc/{run.pid}/fd/9").strip() == dev
            agent = lab.guest.run("for a in /var/lib/burnin-run/bin/burnin-agent-*; do $a version && exit; done", check=False)
            assert (agent.returncode == 0) == chosen.agent
            job.cancel("seen enough")
        assert job.wait_end(BURN_IN) == "cancelled"
        lab.wipe(DRIVE)
        if name == "agent":     # was it the hold that kept them off, and not something of their own?
            assert {what: words for what, (taken, words) in take(lab, chosen.takers, dev).items() if not taken} == {}
    lab.look()      # what was there for a moment may be shown yet
    lab.wait_lock(DRIVE, "none")


def test_drive_that_could_not_be_held_is_never_passed(lab: Lab) -> None:
    """No agent, no perl, no python3: the test runs, but nobody can say that it had the drive for itself."""
    lab.wait_lock(DRIVE, "none")
    with way(lab, Way(agent=False, hidden=("/usr/bin/perl", "/usr/bin/python3"))):
        job = lab.start(DRIVE)
        assert job.wait_end(BURN_IN) == "inconclusive"
    assert rules(job) == {"exclusive": "not exclusive"}
    assert "not held exclusively" in job["Reason"]
    lab.wait_lock(DRIVE, "none")


def test_drive_that_is_taken_after_submission_is_not_written(lab: Lab) -> None:
    """What the service saw when it said yes is not what counts."""
    lab.wait_lock(DRIVE, "none")
    before, dev = lab.digest(DRIVE), lab.dev(DRIVE)
    job = lab.start(DRIVE)
    lab.guest.ssh(f"systemd-run -q --unit=lab-grab sh -c 'exec sleep 600 3<>{dev}'")
    try:
        assert job.wait_end(BURN_IN) == "inconclusive"
        assert "open in sleep" in job["Reason"], job["Reason"]
        assert lab.digest(DRIVE) == before
    finally:
        lab.guest.ssh("systemctl stop lab-grab")
    lab.wait_lock(DRIVE, "none")
