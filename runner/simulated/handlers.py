"""The HTTP side of the simulated engine: every route, and the faults that act on requests."""

from __future__ import annotations

import asyncio
import json
import os
import re
import resource
import socket
import struct
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict

from aiohttp import web

from runner.simulated import wire
from runner.simulated.engine import Seen, SimulatedEngine
from runner.simulated.faults import Fault, Script
from runner.simulated.speech import Speech

VERSION = "1.0.0"
_LEVEL = re.compile(r"l(\d+)-")
_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def log(line: str) -> None:
    """One line of the engine's log."""
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


def die(line: str) -> None:
    """End at once by SIGABRT, as a failed assertion does. Leaves no core file."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    log(line)
    os.abort()


def application(engine: SimulatedEngine, script: Script) -> web.Application:
    door = _Door(engine, script)
    app = web.Application(client_max_size=64 * 2**20)
    app.router.add_get("/health", door.health)
    app.router.add_get("/metrics", door.metrics)
    app.router.add_get("/version", door.version)
    app.router.add_get("/v1/models", door.models)
    app.router.add_get("/debug/requests", door.requests)
    app.router.add_post("/v1/chat/completions", door.generate(chat=True))
    app.router.add_post("/v1/completions", door.generate(chat=False))
    app.router.add_post("/v1/embeddings", door.embed)
    return app


def _refusal(status: int, kind: str, message: str) -> web.Response:
    return web.json_response({"error": {"code": status, "type": kind, "message": message}}, status=status)


def _reset(request: web.Request) -> None:
    """Close the connection so that the peer gets RST instead of an orderly end."""
    transport = request.transport
    if transport is None:
        return
    sock = transport.get_extra_info("socket")
    if sock is not None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


class _Unchunked(web.StreamResponse):
    """Its length is known to nobody, and it comes in no chunks: HTTP/1.0 does so."""

    _length_check = False


class _Door:
    def __init__(self, engine: SimulatedEngine, script: Script) -> None:
        self.engine = engine
        self.script = script

    async def health(self, _request: web.Request) -> web.Response:
        if not self.engine.ready:
            return _refusal(503, "unavailable_error", "Loading model")
        return web.json_response({"status": "ok"})

    async def metrics(self, _request: web.Request) -> web.Response:
        return web.Response(text=self.engine.prometheus())

    async def version(self, _request: web.Request) -> web.Response:
        flags = asdict(self.engine.flags)
        return web.json_response({"version": VERSION, "build": "simulated", "settings": flags})

    async def models(self, _request: web.Request) -> web.Response:
        data = {"id": self.engine.model, "object": "model", "max_model_len": self.engine.flags.ctx_size}
        return web.json_response({"object": "list", "data": [data]})

    async def requests(self, _request: web.Request) -> web.Response:
        return web.json_response([asdict(seen) for seen in self.engine.log])

    def generate(self, *, chat: bool) -> _Handler:
        async def handler(request: web.Request) -> web.StreamResponse:
            if not self.engine.ready:
                return _refusal(503, "unavailable_error", "Loading model")
            try:
                asked = wire.read(await request.json(), chat=chat, seed=self.script.seed)
            except (ValueError, KeyError, TypeError) as error:
                return _refusal(400, "invalid_request_error", f"can not read the request: {error!r}")
            return await self._answer(request, asked)

        return handler

    async def embed(self, request: web.Request) -> web.StreamResponse:
        """One text; the time of its prefill, and no token."""
        if not self.engine.ready:
            return _refusal(503, "unavailable_error", "Loading model")
        try:
            asked = wire.read_embedding(await request.json())
        except (ValueError, KeyError, TypeError) as error:
            return _refusal(400, "invalid_request_error", f"can not read the request: {error!r}")
        return await self._answer(request, asked)

    async def _answer(self, request: web.Request, asked: wire.Asked) -> web.StreamResponse:
        request_id = request.headers.get("X-Request-Id", "")
        seen = self.engine.receive(request_id, asked)
        level = _LEVEL.match(request_id)
        faults = self.script.request(seen.number, int(level[1]) if level else None)
        self._deaths(faults, seen.number, int(level[1]) if level else None)
        seen.faults = list(faults)
        try:
            refused = await self._refuse(request, asked, seen, faults)
            if refused is not None:
                seen.status = refused.status
                self.engine.counters.failed += 1
                return refused
            async with self.engine.slot(seen):
                return await _Reply(self.engine, request, asked, seen, faults).send()
        except (ConnectionError, asyncio.CancelledError):
            seen.client_gone = True
            raise

    def _deaths(self, faults: Mapping[str, Fault], number: int, level: int | None) -> None:
        at_level = faults.get("crash_at_level")
        if at_level and level is not None and level >= at_level.value:
            die(f"F fatal: illegal memory access in decode, request {number}, level {level}")
        after = faults.get("crash_after")
        if after and number >= after.value:
            die(f"F fatal: illegal memory access in decode, request {number}")
        stall = faults.get("stall")
        if stall and number == stall.from_request:
            self.engine.stall(stall.value)

    async def _refuse(
        self, request: web.Request, asked: wire.Asked, seen: Seen, faults: Mapping[str, Fault]
    ) -> web.StreamResponse | None:
        """The answers that are none; None to go on."""
        if "storm_503" in faults:
            return _refusal(503, "unavailable_error", "the queue is full")
        if "http_429" in faults:
            return _refusal(429, "rate_limit_error", "too many requests")
        if "http_400" in faults:
            return _refusal(400, "invalid_request_error", "bad request")
        if "no_logprobs" in faults and asked.logprobs:
            return _refusal(400, "invalid_request_error", "logprobs are not supported")
        if "reset" in faults:
            _reset(request)
            return web.Response(status=500)
        if "close" in faults:
            if request.transport is not None:
                request.transport.close()
            return web.Response(status=500)
        if "hang" in faults:
            await asyncio.sleep(86_400)
        total, room = asked.prompt_tokens + asked.output_tokens, self.engine.flags.ctx_size
        if total > room:
            log(f"W request {seen.number} refused: {total} tokens, context {room}")
            return _refusal(
                400,
                "exceed_context_size_error",
                f"request ({total} tokens) exceeds the available context size ({room} tokens)",
            )
        return None


class _Reply:
    """One answer on its way, with the faults that damage it."""

    def __init__(
        self,
        engine: SimulatedEngine,
        request: web.Request,
        asked: wire.Asked,
        seen: Seen,
        faults: Mapping[str, Fault],
    ) -> None:
        self.engine, self.request, self.asked, self.seen, self.faults = engine, request, asked, seen, faults
        speech = Speech(asked.prompt_sha256, engine.flags.cache_dtype, wrong="wrong_answers" in faults)
        self.answer = wire.Answer(asked, engine.model, seen.number, speech)
        self.half = max(1, asked.output_tokens // 2)

    async def send(self) -> web.StreamResponse:
        if self.asked.embedding:
            await self.engine.embed(self.seen)
            return web.json_response(self.answer.embedding())
        if not self.asked.stream:
            async for token in self.engine.tokens(self.seen):
                if "truncate" in self.faults and token >= self.half:
                    break
            whole = self.answer.whole(self.seen.sent_tokens, self._reason(), self._prompt_seconds())
            return web.json_response(whole)
        kind = _Unchunked if "unchunked" in self.faults else web.StreamResponse
        response = kind(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-cache"})
        if kind is _Unchunked:
            response.force_close()
        await response.prepare(self.request)
        await response.write(self.answer.opening())
        if "no_tokens" not in self.faults:
            async for token in self.engine.tokens(self.seen):
                await response.write(self.answer.token(token))
                if await self._damaged(response, token):
                    return response
                if self.seen.sent_tokens >= self.half and {"truncate", "silent_truncate"} & set(self.faults):
                    break
        if "silent_truncate" not in self.faults:
            await self._close(response)
        await response.write_eof()
        return response

    async def _close(self, response: web.StreamResponse) -> None:
        await response.write(self.answer.finish(self._reason()))
        if self.asked.usage and "no_usage" not in self.faults:
            await response.write(self.answer.usage(self.seen.sent_tokens, self._prompt_seconds()))
        await response.write(wire.event("[DONE]"))

    async def _damaged(self, response: web.StreamResponse, token: int) -> bool:
        """Do to the stream what the faults say after this token. True when it is over."""
        faults = self.faults
        if "hang_after_tokens" in faults and token >= faults["hang_after_tokens"].value:
            await asyncio.sleep(86_400)
        if token < self.half:
            return False
        if "cut_stream" in faults:
            _reset(self.request)
            return True
        if "drop_stream" in faults and self.request.transport is not None:
            self.request.transport.close()
            return True
        broken: bytes | None = None
        if "sse_error_object" in faults:
            broken = wire.event({"error": {"code": 500, "message": "decode failed", "type": "server_error"}})
        elif "sse_error_text" in faults:
            broken = wire.event(json.dumps({"error": "decode failed"}))
        elif "sse_error_code" in faults:
            broken = wire.event({"error": {"code": "overloaded", "message": "decode failed", "type": "server_error"}})
        elif "malformed_json" in faults:
            broken = wire.event('{"id": "sim", "choices": [{"delta": {"cont')
        if broken is None:
            return False
        self.engine.counters.failed += 1
        await response.write(broken)
        await response.write(wire.event("[DONE]"))
        await response.write_eof()
        return True

    def _reason(self) -> str:
        return "length" if self.asked.ignore_eos and "truncate" not in self.faults else "stop"

    def _prompt_seconds(self) -> float:
        if self.seen.first is None or self.seen.admitted is None:
            return 0.0
        return self.seen.first - self.seen.admitted
