"""One connection: a request goes out as soon as it can, and what comes back is told with the time of its arrival.

The time is the kernel's, taken when the packet came in (SO_TIMESTAMPNS), where it gives one: a process that has to
wait for a core, or is busy with another stream, does not make an answer look later than it was. Where there is none
(TLS, other systems) it is the time of the read.

Plain sockets and no transports: those cost more per read than all else together, and have no time stamps.
"""

from __future__ import annotations

import asyncio
import errno
import os
import platform
import socket
import ssl
import struct
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, Protocol

from runner.loadgens.native.loop import watching

_READ = 2**16
_TIMESTAMP = 35 if sys.platform == "linux" and platform.machine() in ("x86_64", "aarch64") else 0
"""SO_TIMESTAMPNS, which Python has no name for."""
_TIMESPEC = struct.Struct("qq")
_ROOM = socket.CMSG_SPACE(_TIMESPEC.size)
_TRY, _PATIENCE = 0.01, 1.0
"""Seconds from one look to the next whether the kernel stamps by now, and until it is taken that it does not."""
_LATEST = 10.0
"""Seconds. A time stamp older than that is no time stamp: the wall clock was set meanwhile."""


@contextmanager
def stamping() -> Iterator[None]:
    """Have the kernel stamp packets for as long as the block runs. It begins to some time after the first socket asks
    for it, and ends with the last one: without this the first answers of a level would have no stamps."""
    if not _TIMESTAMP:
        yield
        return
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as plug:
        plug.bind(("127.0.0.1", 0))
        plug.settimeout(_TRY)
        plug.setsockopt(socket.SOL_SOCKET, _TIMESTAMP, 1)
        deadline = time.monotonic() + _PATIENCE
        told: list[Any] = []
        while not _early(told) and time.monotonic() < deadline:
            plug.sendto(b"?", plug.getsockname())
            time.sleep(_TRY)  # a stamp of the read would be so late
            with suppress(OSError):
                _, told, _, _ = plug.recvmsg(1, _ROOM)
        yield


def _early(told: list[Any]) -> bool:
    """Whether the stamp is of the arrival, not of the read."""
    if not told:
        return False
    seconds, nanoseconds = _TIMESPEC.unpack(told[0][2])
    return bool(time.time() - seconds - nanoseconds * 1e-9 >= _TRY / 2)


class NotConnected(OSError):
    """No connection came about."""


class Wire(Protocol):
    def close(self) -> None: ...


class Listener(Protocol):
    """Whom a wire tells. `got` is called with bytes and their time on the monotonic clock; `lost` once, when the other
    side has closed (None) or the connection broke."""

    def got(self, data: bytes, now: float) -> None: ...

    def lost(self, error: Exception | None) -> None: ...


Address = tuple[socket.AddressFamily, Any]


class PlainWire:
    """A connection without TLS. Nothing is awaited: connect and send are tried at once, which is enough wherever the
    server is near, and go on when the socket says so. `addresses` are tried in their order; the one that answered is
    put first, for the next wire."""

    __slots__ = (
        "_addresses",
        "_connected",
        "_forget",
        "_got",
        "_last",
        "_left",
        "_listener",
        "_loop",
        "_out",
        "_receive",
        "_socket",
        "_watch",
        "_where",
    )

    def __init__(self, addresses: list[Address], where: str, out: bytes, listener: Listener) -> None:
        self._loop = asyncio.get_running_loop()
        self._watch, self._forget = watching(self._loop)
        self._addresses = addresses
        self._left = list(addresses)
        self._listener = listener
        self._got = listener.got
        self._out = memoryview(out)
        self._connected = False
        self._last = 0.0
        self._socket: socket.socket | None = None
        self._where = where
        self._dial(OSError("the name is not known"))

    def _dial(self, error: OSError) -> None:
        """Try the next address; without one, `error` is why there is no connection."""
        while self._left:
            self._hang_up()
            family, address = self._left.pop(0)
            try:
                self._begin(family, address)
                return
            except OSError as failed:
                error = failed
        self._hang_up()
        told = NotConnected(f"{self._where}: {error.strerror or error}")
        self._loop.call_soon(self._listener.lost, told)  # never within the call that opens the wire

    def _begin(self, family: int, address: Any) -> None:
        plug = self._socket = socket.socket(family, socket.SOCK_STREAM)
        self._receive = plug.recvmsg
        plug.setblocking(False)
        plug.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if _TIMESTAMP:
            plug.setsockopt(socket.SOL_SOCKET, _TIMESTAMP, 1)
        code = plug.connect_ex(address)
        if code not in (0, errno.EINPROGRESS):
            raise OSError(code, os.strerror(code))
        try:
            self._push(plug)
        except BlockingIOError:  # still on its way
            pass
        if self._out:
            self._loop.add_writer(plug.fileno(), self._writable)

    def _push(self, plug: socket.socket) -> None:
        sent = plug.send(self._out)
        if not self._connected:
            self._connected = True
            self._watch(plug.fileno(), self._readable)
            if self._left:
                tried = len(self._addresses) - len(self._left) - 1
                self._addresses.insert(0, self._addresses.pop(tried))
        self._out = self._out[sent:]

    def _writable(self) -> None:
        plug = self._socket
        assert plug is not None
        try:
            if not self._connected and (code := plug.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)):
                raise OSError(code, os.strerror(code))
            self._push(plug)
        except BlockingIOError:
            return
        except OSError as error:
            self._loop.remove_writer(plug.fileno())
            if not self._connected:
                self._dial(error)
            return  # a server may answer and close before it has read all: the reader finds what it said, or the end
        if not self._out:
            self._loop.remove_writer(plug.fileno())

    def _hang_up(self) -> None:
        plug, self._socket = self._socket, None
        if plug is not None:
            self._forget(plug.fileno())
            if not self._connected or self._out:
                self._loop.remove_writer(plug.fileno())
            plug.close()
            del self._receive

    def _readable(self) -> None:
        try:
            data, told, _, _ = self._receive(_READ, _ROOM)
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            self._listener.lost(error)
            return
        if not data:
            self._listener.lost(None)
            return
        now = time.monotonic()
        if told:
            seconds, nanoseconds = _TIMESPEC.unpack(told[0][2])
            late = time.time() - seconds - nanoseconds * 1e-9
            if 0 < late < _LATEST:
                now -= late
        # A stream arrives in its order. Where a stamp was missing, the time of its read may be after the next arrival.
        self._last = now = max(now, self._last)
        self._got(data, now)

    def close(self) -> None:
        self._hang_up()


class SecureWire(asyncio.Protocol):
    """A connection with TLS."""

    def __init__(self, host: str, port: int, context: ssl.SSLContext, out: bytes, listener: Listener) -> None:
        self._out = out
        self._listener: Listener | None = listener
        self._transport: Any = None
        self._task = asyncio.get_running_loop().create_task(self._open(host, port, context))

    async def _open(self, host: str, port: int, context: ssl.SSLContext) -> None:
        try:
            await asyncio.get_running_loop().create_connection(
                lambda: self, host, port, ssl=context, server_hostname=host
            )
        except OSError as error:  # ssl.SSLError is one
            if self._listener is not None:
                self._listener.lost(NotConnected(str(error)))

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        if self._listener is None:
            self._transport.abort()
            return
        self._transport.write(self._out)

    def data_received(self, data: bytes) -> None:
        if self._listener is not None:
            self._listener.got(data, time.monotonic())

    def connection_lost(self, exc: Exception | None) -> None:
        if self._listener is not None:
            self._listener.lost(exc)

    def close(self) -> None:
        self._listener = None
        self._task.cancel()
        if self._transport is not None:
            self._transport.abort()


async def resolve(host: str, port: int) -> list[Address]:
    """Every address of `host`, best first. Raises OSError."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [(family, address) for family, _, _, _, address in found]
