# SPDX-License-Identifier: LGPL-2.1-or-later
"""Tested hosts: sshd instances inside the machine, each a unit with a host key of its own."""
from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from machine import Machine

CLIENT_KEY = "/etc/burnin/id_ed25519"
AUTHORIZED = "/etc/ssh/hosts/authorized_keys"
USERS = ("root", "nas")

# What a sick host answers to every command (force_command=).
GARBAGE = "/usr/libexec/burnin-test/garbage"
SILENCE = "/bin/sleep infinity"

SYSTEMD_TOOLS = ("systemd-run", "systemctl", "journalctl")
_PATH = ("/usr/sbin", "/usr/bin", "/usr/local/sbin", "/usr/local/bin")

_CONFIG = """\
Port {port}
ListenAddress 127.0.0.1
HostKey /etc/ssh/hosts/{port}_key
AuthorizedKeysFile {authorized}
AllowUsers {users}
PermitRootLogin prohibit-password
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM yes
PrintMotd no
PidFile none
{extra}
"""

# KillMode=process, as distributions ship it: what a session has detached outlives a restart of sshd.
_SSHD_UNIT = """\
[Unit]
Description=Tested host on port {port}
After=network.target
{requires}
[Service]
Type=notify
ExecStart=/usr/sbin/sshd -D -f /etc/ssh/hosts/{port}.conf
KillMode=process
TimeoutStopSec=5
RuntimeDirectory=sshd
RuntimeDirectoryMode=0755
RuntimeDirectoryPreserve=yes
{sandbox}
[Install]
WantedBy=multi-user.target
"""

# A root directory of the host's own: the machine's files, less what the host does not have. Mounted by
# a unit, since a reboot loses it. An upper layer must not lie on an overlay: hence /run.
_ROOT_UNIT = """\
[Unit]
Description=Root directory of the tested host on port {port}

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh -euc 'cd /run/hosts/{port}; mkdir -p up work root; \\
    mount -t overlay overlay -o lowerdir=/,upperdir=up,workdir=work root; cd root; rm -f {remove}'
ExecStop=/bin/umount /run/hosts/{port}/root
RuntimeDirectory=hosts/{port}
"""

_MUTE_SOCKET = """\
[Unit]
Description=Mute host on port {port}

[Socket]
ListenStream=127.0.0.1:{port}

[Install]
WantedBy=sockets.target
"""

_MUTE_SERVICE = """\
[Unit]
Description=Mute host on port {port}: connects, and never says a word

[Service]
ExecStart=/bin/sleep infinity
"""


@dataclass
class SshHost:
    """One tested host, reachable at 127.0.0.1:`port` from inside the machine."""
    machine: Machine
    port: int
    user: str
    unit: str
    root_unit: str | None = None

    @property
    def public_key(self) -> str:
        """The host key as 'ssh-ed25519 AAAA...'."""
        return " ".join(self.machine.read(f"/etc/ssh/hosts/{self.port}_key.pub").split()[:2])

    @property
    def fingerprint(self) -> str:
        """The host key's fingerprint as 'SHA256:...'."""
        file = f"/etc/ssh/hosts/{self.port}_key.pub"
        return self.machine.run(["ssh-keygen", "-lf", file]).stdout.split()[1]

    def new_host_key(self) -> None:
        """Change the host key, as a reinstallation does; connections that are open stay."""
        make_host_key(self.machine, self.port)
        self.machine.run(["systemctl", "restart", self.unit])

    def start(self) -> None:
        self.machine.run(["systemctl", "start", self.unit])

    def stop(self) -> None:
        """Refuse new connections; open ones stay (see drop_connections)."""
        self.machine.run(["systemctl", "stop", self.unit])

    def freeze(self) -> None:
        """Answer nothing any more: connections are accepted by the kernel, and that is all."""
        self.machine.run(["systemctl", "freeze", self.unit])
        # Sessions that logind has put into scopes of their own are no part of the unit.
        self._signal_sessions("STOP")

    def thaw(self) -> None:
        self._signal_sessions("CONT")
        self.machine.run(["systemctl", "thaw", self.unit])

    def drop_connections(self) -> int:
        """Cut every open connection; what runs on the host goes on. Returns how many processes that took."""
        return self._signal_sessions("KILL")

    def _signal_sessions(self, name: str) -> int:
        """A signal to every sshd that holds a connection, in whatever state that is by now."""
        listing = self.machine.run(["ss", "-Htnp", "state", "connected", f"( sport = :{self.port} )"]).stdout
        pids = set(re.findall(r"pid=(\d+)", listing))
        if pids:
            self.machine.run(["kill", f"-{name}", *pids], check=False)
        return len(pids)

    def remove(self) -> None:
        """Take the host away for good, with everything that still runs in its unit."""
        units = [self.unit] + ([self.root_unit] if self.root_unit else [])
        self.machine.run(["systemctl", "kill", "--signal=KILL", self.unit], check=False)
        self.machine.run(["systemctl", "disable", "--quiet", "--now", *units], check=False)
        self.machine.run(["systemctl", "reset-failed", *units], check=False)
        self.machine.run(f"rm -rf /srv/hosts/{self.port} /etc/ssh/hosts/{self.port}[._]* "
                         + " ".join(f"/etc/systemd/system/{u}" for u in units))
        self.machine.run(["systemctl", "daemon-reload"])


def make_host_key(machine: Machine, port: int) -> None:
    key = f"/etc/ssh/hosts/{port}_key"
    machine.inside(f"rm -f {key} {key}.pub; ssh-keygen -q -t ed25519 -N '' -C host-{port} -f {key}")


def add(machine: Machine, port: int, *, user: str = "root", systemd: bool = True,
        without: tuple[str, ...] = (), busybox: bool = False, tools: tuple[str, ...] = (),
        force_command: str | None = None, config: str = "") -> SshHost:
    """Write a host's files. Used before the first boot too, so nothing here needs a running machine."""
    unit = f"tested-host-{port}.service"
    extra, sandbox, requires, root_unit = config, "", "", None
    if force_command:
        extra += f"\nForceCommand {force_command}"
    if busybox:
        sandbox = _busybox_root(machine, port, tools)
        extra += f"\nChrootDirectory /srv/hosts/{port}\nSubsystem sftp internal-sftp"
    elif not systemd:
        root_unit = f"tested-host-{port}-root.service"
        remove = " ".join(f".{d}/{t}" for t in (*SYSTEMD_TOOLS, *without) for d in _PATH)
        machine.write(f"/etc/systemd/system/{root_unit}", _ROOT_UNIT.format(port=port, remove=remove))
        requires = f"Requires={root_unit}\nAfter={root_unit}\n"
        # The drives' SMART data is one and the same from every host.
        sandbox = (f"RootDirectory=/run/hosts/{port}/root\nMountAPIVFS=yes\n"
                   "BindPaths=/var/lib/burnin-test/drives\nBindReadOnlyPaths=-/run/harness-udev\n")
    elif without:
        sandbox = "InaccessiblePaths=" + " ".join(f"-{d}/{t}" for t in without for d in _PATH) + "\n"
    machine.write(f"/etc/ssh/hosts/{port}.conf",
                  _CONFIG.format(port=port, authorized=AUTHORIZED, users=" ".join(USERS), extra=extra))
    machine.write(f"/etc/systemd/system/{unit}",
                  _SSHD_UNIT.format(port=port, requires=requires, sandbox=sandbox))
    make_host_key(machine, port)
    return SshHost(machine, port, user, unit, root_unit)


def add_mute(machine: Machine, port: int) -> SshHost:
    machine.write(f"/etc/systemd/system/mute-host-{port}.socket", _MUTE_SOCKET.format(port=port))
    machine.write(f"/etc/systemd/system/mute-host-{port}.service", _MUTE_SERVICE.format(port=port))
    return SshHost(machine, port, "root", f"mute-host-{port}.socket", f"mute-host-{port}.service")


def _busybox_root(machine: Machine, port: int, tools: tuple[str, ...]) -> str:
    """A root directory with nothing but busybox, and the named tools with the libraries they need."""
    root = f"/srv/hosts/{port}"
    script = f"""
        for dir in bin sbin usr/bin usr/sbin etc root home/nas dev proc sys tmp var/tmp var/lib run; do
            mkdir -p {root}/"$dir"
        done
        chmod 1777 {root}/tmp {root}/var/tmp
        cp /bin/busybox {root}/bin/busybox
        for applet in $(busybox --list); do
            [ "$applet" = busybox ] || ln -sf busybox {root}/bin/"$applet"
        done
        cp /etc/passwd /etc/group {root}/etc/
        for tool in {' '.join(map(shlex.quote, tools))}; do
            file=$(command -v "$tool")
            cp "$file" {root}/usr/sbin/
            ldd "$file" | grep -o '/[^ ]*' | while read -r lib; do
                mkdir -p {root}"${{lib%/*}}"
                cp "$lib" {root}"$lib"
            done
        done
    """
    machine.inside(script)
    return "".join(f"BindPaths=/{d}:{root}/{d}\n" for d in ("dev", "proc", "sys"))
