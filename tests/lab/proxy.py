#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A TCP proxy between burnin and a NAS, whose network fails when a test says so.

    with Proxy(2223, "127.0.0.1", 2222) as proxy:
        proxy.blackhole()
        proxy.restore()

It runs as a child process, in a network namespace where one is named; the child ends with the thread that
started it. Every command returns when it is in force.
"""

from __future__ import annotations

import argparse
import asyncio
import select
import socket
import struct
import subprocess
import sys
from typing import IO


class ProxyError(RuntimeError):
    """The proxy's process did not start or did not answer."""


class Proxy:
    """Listens at once; stop() ends it and every connection through it, and may be called again."""

    def __init__(self, listen_port: int, target_host: str, target_port: int, netns: str | None = None,
                 listen_host: str = "127.0.0.1") -> None:
        self.port = listen_port
        self.address = listen_host
        argv = ["setpriv", "--pdeathsig", "KILL", "--"]
        if netns:
            argv += ["ip", "netns", "exec", netns]
        argv += ["/usr/bin/python3", __file__, listen_host, str(listen_port), target_host, str(target_port)]
        self.process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        try:
            self._answer("start")
        except BaseException:
            self.stop()
            raise

    def __enter__(self) -> Proxy:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def blackhole(self) -> None:
        """Every byte is lost, both ways. Connections stay open; new ones are accepted and never answered."""
        self._command("blackhole")

    def stall(self) -> None:
        """As blackhole(), but nothing is lost: after restore() the connections go on where they were."""
        self._command("stall")

    def cut(self) -> None:
        """Resets all connections and refuses new ones."""
        self._command("cut")

    def restore(self) -> None:
        """All is well again. Connections that lost bytes are reset: what is missing cannot be made up."""
        self._command("restore")

    def connections(self) -> int:
        """How many clients are connected."""
        return int(self._command("count"))

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        for f in (self.process.stdin, self.process.stdout):
            if f and not f.closed:
                try:
                    f.close()
                except BrokenPipeError:
                    pass

    def _command(self, name: str) -> str:
        assert self.process.stdin
        try:
            self.process.stdin.write(name + "\n")
            self.process.stdin.flush()
        except (OSError, ValueError):
            raise ProxyError(f"{name}: the proxy is gone") from None
        return self._answer(name)

    def _answer(self, what: str) -> str:
        out: IO[str] | None = self.process.stdout
        assert out
        if not select.select([out], [], [], 15)[0]:
            raise ProxyError(f"{what}: the proxy does not answer")
        line = out.readline()
        if not line.startswith("ok"):
            raise ProxyError(f"{what}: {line.strip() or 'the proxy is gone'}")
        return line[2:].strip()


# The child's side


class Side(asyncio.Protocol):
    """One end of a link: what it receives goes out at the other end."""

    def __init__(self, link: Link) -> None:
        self.link = link
        self.transport: asyncio.Transport | None = None
        self.peer: Side | None = None
        self.paused = False  # the other end's buffer is full

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        # Not now: asyncio starts to read after this call, whatever we say here about pausing.
        asyncio.get_running_loop().call_soon(self.link.side_up, self)

    def data_received(self, data: bytes) -> None:
        if self.link.server.mode == "blackhole":
            self.link.lossy = True
        elif self.peer and self.peer.transport:
            self.peer.transport.write(data)
        else:
            self.link.lossy = True

    def eof_received(self) -> bool:
        if self.link.server.mode == "blackhole":
            self.link.lossy = True
        elif self.peer and self.peer.transport and self.peer.transport.can_write_eof():
            self.peer.transport.write_eof()
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        self.transport = None
        if self.link.server.mode == "blackhole":
            self.link.lossy = True  # the other end must not learn of it now
        else:
            self.link.close(reset=exc is not None)

    def pause_writing(self) -> None:
        if self.peer:
            self.peer.paused = True
            self.peer.gate()

    def resume_writing(self) -> None:
        if self.peer:
            self.peer.paused = False
            self.peer.gate()

    def gate(self) -> None:
        """Reads only while there is somewhere for the bytes to go, or while they are to be lost."""
        if not self.transport or self.transport.is_closing():
            return
        mode = self.link.server.mode
        if mode == "blackhole" or (mode == "pass" and self.peer and not self.paused):
            self.transport.resume_reading()
        else:
            self.transport.pause_reading()

    def end(self, reset: bool) -> None:
        if not self.transport:
            return
        if reset:
            sock = self.transport.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.transport.abort()
        else:
            self.transport.close()


class Link:
    """A client's connection and the one to the target that belongs to it."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.client = Side(self)
        self.target: Side | None = None
        self.lossy = False
        self.connecting = False

    def side_up(self, side: Side) -> None:
        if side is self.client:
            self.server.links.add(self)
        self.gate()
        if side is self.client and self.server.mode == "pass":
            self.connect()

    def connect(self) -> None:
        if not self.connecting:
            self.connecting = True
            self.server.spawn(self._connect())

    async def _connect(self) -> None:
        target = Side(self)
        try:
            await asyncio.get_running_loop().create_connection(lambda: target, *self.server.target)
        except OSError:
            self.close(reset=True)
            return
        if self not in self.server.links:  # the client left, or was cut, meanwhile
            target.end(reset=True)
            return
        self.target = target
        self.client.peer, target.peer = target, self.client
        self.gate()

    def sides(self) -> list[Side]:
        return [self.client] + ([self.target] if self.target else [])

    def gate(self) -> None:
        for s in self.sides():
            s.gate()

    def close(self, reset: bool) -> None:
        self.server.links.discard(self)
        for s in self.sides():
            s.end(reset)


class Server:
    def __init__(self, listen: tuple[str, int], target: tuple[str, int]) -> None:
        self.listen = listen
        self.target = target
        self.mode = "pass"
        self.links: set[Link] = set()
        self.listener: asyncio.Server | None = None
        self.tasks: set[asyncio.Task[None]] = set()

    def spawn(self, coro: object) -> None:
        task = asyncio.ensure_future(coro)  # type: ignore[arg-type]
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def open(self) -> None:
        if not self.listener:
            loop = asyncio.get_running_loop()
            self.listener = await loop.create_server(lambda: Link(self).client, *self.listen,
                                                     reuse_address=True, backlog=256)

    async def command(self, name: str) -> str:
        if name == "count":
            return str(len(self.links))
        if name not in ("blackhole", "stall", "cut", "restore"):
            raise ValueError(name)
        self.mode = "pass" if name == "restore" else name
        if name == "cut":
            if self.listener:
                self.listener.close()
                self.listener = None
            for link in list(self.links):
                link.close(reset=True)
            return ""
        await self.open()
        for link in list(self.links):
            if name == "restore" and link.lossy:
                link.close(reset=True)
                continue
            link.gate()
            if name == "restore":
                link.connect()
        return ""


async def serve(listen: tuple[str, int], target: tuple[str, int]) -> None:
    server = Server(listen, target)
    await server.open()
    print("ok", flush=True)
    stdin = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(stdin), sys.stdin)
    while line := await stdin.readline():
        print("ok", await server.command(line.decode().strip()), flush=True)


def main() -> None:
    p = argparse.ArgumentParser(description="Child of proxy.Proxy; commands come on standard input.")
    p.add_argument("listen_host")
    p.add_argument("listen_port", type=int)
    p.add_argument("target_host")
    p.add_argument("target_port", type=int)
    a = p.parse_args()
    try:
        asyncio.run(serve((a.listen_host, a.listen_port), (a.target_host, a.target_port)))
    except OSError as e:
        sys.exit(f"proxy: {e}")


if __name__ == "__main__":
    main()
