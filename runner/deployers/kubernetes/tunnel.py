"""A port of this machine that leads into a pod, through the API server: a process of its own beside the engine.

    python -m runner.deployers.kubernetes.tunnel POD PORT LOCAL_PORT NAMESPACE [CONTEXT]

Each connection has a WebSocket of its own, so that one that breaks takes no other with it. Its protocol is the
kubelet's `v4.channel.k8s.io`: the first byte of a message is its channel, 0 for data and 1 for an error, and the first
message on each only says the port again.
https://github.com/kubernetes/kubernetes/blob/master/pkg/kubelet/cri/streaming/portforward/websocket.go
"""

from __future__ import annotations

import asyncio
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from runner.deployers.kubernetes.sockets import PROTOCOL, client, first_of
from runner.errors import NotReady
from runner.util.redact import redact

if TYPE_CHECKING:
    from httpx2 import AsyncClient

HOST = "127.0.0.1"
DATA, ERROR = 0, 1
CHUNK = 2**16
IN_A_ROW = 5
"""Connections that fail one after the other, until the way itself is held for broken."""
BROKEN = 3


class Tunnel:
    """All connections of one local port."""

    def __init__(self, client: AsyncClient, path: str, port: int) -> None:
        self._client, self._path, self._port = client, path, port
        self._refused = 0
        self._broken = asyncio.Event()

    async def serve(self, local: int) -> None:
        """Until it is ended, or no connection gets through any more. Raises OSError when the local port is taken."""
        async with await asyncio.start_server(self._carry, HOST, local):
            await self._broken.wait()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        from httpx2 import HTTPError
        from httpx2.websockets import HTTPXWSException

        through = False
        try:
            async with self._client.websocket(
                self._path,
                subprotocols=[PROTOCOL],
                params={"ports": str(self._port)},
                keepalive_ping_interval_seconds=None,
            ) as socket:
                through, self._refused = True, 0
                await _both_ways(reader, writer, socket)
        except (HTTPError, HTTPXWSException, OSError, ExceptionGroup) as caught:
            error = first_of(caught)
            if not isinstance(error, HTTPError | HTTPXWSException | OSError):
                raise
            if not through:  # one that got through ends so too, when the pod's side closes it
                _say(f"no connection to the pod: {type(error).__name__}: {error}")
                self._refused += 1
            if self._refused >= IN_A_ROW:
                self._broken.set()
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()


async def _both_ways(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, socket: Any) -> None:
    """Until one side is done. A client that hangs up ends it: nobody would read the answer."""

    async def up() -> None:
        while part := await reader.read(CHUNK):
            await socket.send_bytes(bytes((DATA,)) + part)

    async def down() -> None:
        heard: set[int] = set()
        while True:
            message: bytes = await socket.receive_bytes()
            channel = message[0] if message else ERROR
            if channel not in heard:  # the port, once more
                heard.add(channel)
            elif channel == DATA:
                writer.write(message[1:])
                await writer.drain()
            else:
                _say(f"the pod's side: {message[1:].decode(errors='replace')}")
                return

    ways = [asyncio.create_task(up()), asyncio.create_task(down())]
    try:
        done, _ = await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        for way in done:
            way.result()
    finally:
        for way in ways:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)


def _say(text: str) -> None:
    sys.stderr.write(redact(" ".join(text.split()))[:500] + "\n")
    sys.stderr.flush()


async def _run(pod: str, port: int, local: int, namespace: str, context: str | None) -> None:
    async with client(context) as http:
        await Tunnel(http, f"/api/v1/namespaces/{namespace}/pods/{pod}/portforward", port).serve(local)


def main(words: list[str]) -> int:
    pod, port, local, namespace, *context = words
    try:
        asyncio.run(_run(pod, int(port), int(local), namespace, next(iter(context), None)))
    except (OSError, NotReady) as error:
        _say(str(error))
        return 1
    return BROKEN


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
