"""What the API server asks a kubelet: the log of a container, a connection to a port of its pod, a program in it.

An HTTPS server on loopback. Pods share the network of this machine: a tunnel leads to the port that was asked for.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import sys
import threading
from asyncio.subprocess import PIPE
from collections.abc import Callable, Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Any

from aiohttp import WSMsgType, web

from tests.kube_server import KubeApi
from tests.ray_install import ROOT

PAUSE = 0.02
PROTOCOL = "v4.channel.k8s.io"
"""Of a forwarded port: the first byte of a message is its channel, 0 for data and 1 for an error; the first message on
each says the port, two bytes, the low one first."""
FRAME = 2**16
TURNS = 5
"""Of the loop, until what was cut is closed: TLS and the socket below it take one each."""


class NodeServer:
    """`log_of` gives the file of a pod's log; `lives` whether it may still write."""

    def __init__(
        self,
        api: KubeApi,
        log_of: Callable[[str], Path],
        lives: Callable[[str], bool],
        instead: Callable[[], list[str] | None],
        closes: Callable[[], bool],
    ) -> None:
        self.port = 0
        self._api, self._log_of, self._lives = api, log_of, lives
        self._instead, self._closes = instead, closes
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="kubelet")
        self._runner: web.AppRunner | None = None
        self._connections: set[asyncio.WriteTransport] = set()

    def start(self) -> None:
        self._thread.start()
        self.port = self._do(self._serve())

    def stop(self) -> None:
        self._do(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _do(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    async def _serve(self) -> int:
        """The port. The API server does not ask who this is; it lends its own certificate."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self._api.authority, self._api.authority.with_suffix(".key"))
        application = web.Application()
        application.router.add_get("/containerLogs/{namespace}/{pod}/{container}", self._log)
        application.router.add_get("/exec/{namespace}/{pod}/{container}", self._exec)
        application.router.add_get("/portForward/{namespace}/{pod}", self._forward)
        self._runner = web.AppRunner(application, shutdown_timeout=1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=context)
        await site.start()
        return int(self._runner.addresses[0][1])

    async def _end(self) -> None:
        """Connections are cut: a farewell in TLS would go on after the loop has stopped, and leave a socket open."""
        assert self._runner is not None
        await self._runner.cleanup()
        for connection in self._connections:
            connection.abort()
        for _ in range(TURNS):
            await asyncio.sleep(0)

    def _know(self, request: web.Request) -> None:
        if request.transport is not None:
            self._connections.add(request.transport)

    async def _log(self, request: web.Request) -> web.StreamResponse:
        """With `follow` until nothing may write any more."""
        self._know(request)
        path = self._log_of(request.match_info["pod"])
        if not path.exists():
            raise web.HTTPNotFound(text="container has no log yet")
        answer = web.StreamResponse(headers={"Content-Type": "text/plain"})
        await answer.prepare(request)
        with path.open("rb") as file:
            while True:
                over = request.query.get("follow") != "true" or not self._lives(request.match_info["pod"])
                if part := file.read(FRAME):
                    await answer.write(part)
                elif over:
                    return answer
                else:
                    await asyncio.sleep(PAUSE)

    async def _exec(self, request: web.Request) -> web.WebSocketResponse:
        """A program of this machine, whichever Python it is. It ends with the connection."""
        self._know(request)
        answer = web.WebSocketResponse(protocols=[PROTOCOL], max_msg_size=0)
        await answer.prepare(request)
        words = [sys.executable if word == "python3" else word for word in request.query.getall("command")]
        words = self._instead() or words
        child = await asyncio.create_subprocess_exec(*words, stdin=PIPE, stdout=PIPE, stderr=PIPE, cwd=ROOT)
        assert child.stdin is not None

        async def tell(channel: int, stream: asyncio.StreamReader | None) -> None:
            assert stream is not None
            while data := await stream.read(FRAME):
                await answer.send_bytes(bytes((channel,)) + data)

        async def ends() -> None:
            await asyncio.gather(tell(1, child.stdout), tell(2, child.stderr))
            code = await child.wait()
            causes = {"causes": [{"reason": "ExitCode", "message": str(code)}]}
            said = {"status": "Failure", "details": causes} if code else {"status": "Success"}
            await answer.send_bytes(b"\3" + json.dumps(said).encode())
            await answer.close()

        ending = asyncio.create_task(ends())
        try:
            async for message in answer:
                if message.type == WSMsgType.BINARY and message.data[:1] == b"\0":
                    child.stdin.write(message.data[1:])
                    with suppress(ConnectionError):
                        await child.stdin.drain()
        finally:
            child.stdin.close()
            with suppress(ConnectionError):
                await child.wait()
            ending.cancel()
            await asyncio.gather(ending, return_exceptions=True)
        return answer

    async def _forward(self, request: web.Request) -> web.WebSocketResponse:
        """One connection."""
        self._know(request)
        if self._closes():
            raise web.HTTPBadGateway
        port = int(request.query["port"])
        answer = web.WebSocketResponse(protocols=[PROTOCOL])
        await answer.prepare(request)
        for channel in (0, 1):
            await answer.send_bytes(bytes((channel,)) + port.to_bytes(2, "little"))
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError as error:
            await answer.send_bytes(b"\1" + f"nobody listens there: {error}".encode())
            return answer

        async def back() -> None:
            while data := await reader.read(FRAME):
                await answer.send_bytes(b"\0" + data)
            await answer.close()

        backwards = asyncio.create_task(back())
        try:
            async for message in answer:
                if message.type == WSMsgType.BINARY and message.data[:1] == b"\0":
                    writer.write(message.data[1:])
                    await writer.drain()
        finally:
            backwards.cancel()
            writer.close()
            with suppress(asyncio.CancelledError, ConnectionError):
                await backwards
            with suppress(ConnectionError):
                await writer.wait_closed()
        return answer
