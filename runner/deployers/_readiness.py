"""From a started process to an engine that answers. Every way it can fail to get there is a value."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from runner.deployers import Engine
from runner.domain.campaign import Timeouts
from runner.domain.failure import Cause, Failure, Phase
from runner.domain.trial import Endpoint, Exit, Launch
from runner.domain.units import format_duration
from runner.util import net, procfs
from runner.util.redact import redact

ONE_QUESTION = 5.0
"""Seconds that a health answer may take. A loading engine may be slow to accept: no answer is no progress, not more."""

REFUSED = frozenset(range(400, 500)) - {408, 425, 429} | {501}
"""Statuses that will not change by asking again."""

_LAST, _TORN = 16384, 512
"""Bytes of the log in which the last line is looked for; of them left out, since half a secret is known to nobody."""

Questions = Callable[[str], list[tuple[str, dict[str, Any]]]]
"""For a model's name: addresses and bodies, of which one is to be answered."""

FIRST_PAUSE, LONGEST_PAUSE = 0.02, 0.5


@dataclass(frozen=True, slots=True)
class Ready:
    """`failure` is None when the engine serves. `times` are seconds per phase, of those that were reached."""

    failure: Failure | None
    times: dict[Phase, float] = field(default_factory=dict)


def wait_ready(
    engine: Engine,
    launch: Launch,
    endpoint: Endpoint,
    log_path: Path,
    timeouts: Timeouts,
    should_stop: Callable[[], bool],
    on_phase: Callable[[Phase], None],
    task: str = "text",
) -> Ready:
    """Wait until the health path answers 200 (phases `start`, then `load` from the first sign of life), then ask
    for one completion of 2 tokens, or for one embedding where that is the `task` (phase `ready`).

    A sign of life is a line in the log or an answer of the health path. `load` seconds are allowed for start and
    load together; `no_progress` seconds without a new byte in the log and without a change of the health answer
    are a hang. The process may end at any time: the failure then has the phase it was in.
    """
    watch = _Watch(engine, log_path, timeouts, should_stop, on_phase)
    failure = watch.until_healthy(f"{endpoint.base_url}{launch.health.path}", endpoint)
    if failure is None:
        watch.enter(Phase.READY)
        failure = watch.until_it_completes(endpoint, _embedding if task == "embeddings" else _questions)
    watch.close()
    return Ready(failure, watch.times)


class _Watch:
    def __init__(
        self,
        engine: Engine,
        log_path: Path,
        timeouts: Timeouts,
        should_stop: Callable[[], bool],
        on_phase: Callable[[Phase], None],
    ) -> None:
        self.engine = engine
        self.log_path = log_path
        self.timeouts = timeouts
        self.should_stop = should_stop
        self.on_phase = on_phase
        self.times: dict[Phase, float] = {}
        self.phase = Phase.START
        self.started = self.entered = self.progress = time.monotonic()
        self.seen: tuple[int, str] = (self._log_size(), "")
        on_phase(Phase.START)

    def enter(self, phase: Phase) -> None:
        self.close()
        self.phase, self.entered = phase, time.monotonic()
        self.on_phase(phase)

    def close(self) -> None:
        self.times[self.phase] = round(time.monotonic() - self.entered, 6)

    def until_healthy(self, url: str, endpoint: Endpoint) -> Failure | None:
        pause = FIRST_PAUSE
        first_size = self.seen[0]
        while True:
            if failure := self._ended_or_stopped():
                return failure
            answer = _health(url, endpoint)
            if answer == "200":
                if failure := self._somebody_else(endpoint):
                    return failure
                if self.phase is Phase.START:
                    self.enter(Phase.LOAD)
                return None
            now, state = time.monotonic(), (self._log_size(), answer)
            if self.phase is Phase.START and (state[0] > first_size or answer):
                self.enter(Phase.LOAD)
            if state != self.seen:
                self.seen, self.progress = state, now
            if now - self.started > self.timeouts.load:
                return self._hung(f"not healthy within {format_duration(self.timeouts.load)}", answer, "load")
            if now - self.progress > self.timeouts.no_progress:
                quiet = f"no new line and no change of health for {format_duration(self.timeouts.no_progress)}"
                return self._hung(quiet, answer, "no_progress")
            time.sleep(pause)
            pause = min(LONGEST_PAUSE, pause * 1.3)

    def until_it_completes(self, endpoint: Endpoint, questions: Questions) -> Failure | None:
        """One completion of 2 tokens, by chat or plain. Asked again while the engine is busy or silent, until `ready`
        seconds have passed; a refusal for good (4xx both ways) ends it at once."""
        deadline = time.monotonic() + self.timeouts.ready
        status, said = 0, "no answer"
        while (left := deadline - time.monotonic()) > 0:
            for path, asked in questions(endpoint.model):
                if failure := self._ended_or_stopped():
                    return failure
                status, said = _ask(endpoint, path, asked, min(left, 30.0))
                if status == 200:
                    return None
                if status not in REFUSED:
                    break
            if status in REFUSED:
                return self._refused(said)
            time.sleep(0.2)
        limit = f"no completion within {format_duration(self.timeouts.ready)}"
        return self._hung(limit, said, "ready") if status == 0 else self._refused(f"{limit}; {said}")

    def _somebody_else(self, endpoint: Endpoint) -> Failure | None:
        """Another program may have taken the port between its choice and the engine's bind. It answers, healthy, and
        would be measured in the engine's place."""
        port = urlsplit(endpoint.base_url).port
        ours = self.engine.pids() if self.engine.listens_itself else None
        if ours is None or port is None:
            return None
        listening = procfs.listeners(port)
        if not listening or listening & ours:
            return None
        evidence = f"port {port} is answered by process {min(listening)}, which is not the engine"
        return Failure(Phase.START, Cause.PORT, evidence, rule="port-answered-by-another")

    def _ended_or_stopped(self) -> Failure | None:
        if self.should_stop():
            return Failure(self.phase, Cause.INTERRUPTED, "stopped on request")
        ended = self.engine.poll()
        return None if ended is None else self._exited(ended)

    def _exited(self, ended: Exit) -> Failure:
        if ended.host_fault:
            return Failure(self.phase, Cause.INFRA, redact(ended.host_fault)[:500], rule="host")
        how = f"signal {ended.signal}" if ended.signal else f"exit {ended.code}"
        evidence = redact(f"the engine ended by itself ({how}); last line: {self._last_line()}")[:500]
        cause = Cause.CRASH if ended.signal else Cause.UNKNOWN
        if ended.oom_killed:
            cause, evidence = Cause.OOM_LOAD, f"ended by the kernel for its memory limit; {evidence}"[:500]
        if ended.code in (126, 127):  # what shells, and the init of a container, give for a program they can not run
            return Failure(Phase.START, Cause.BAD_FLAG, evidence, rule="no-program", exit_code=ended.code)
        if ended.code == 2:  # what every argument parser gives for a wrong command line
            return Failure(Phase.START, Cause.BAD_FLAG, evidence, rule="exit-2", exit_code=2)
        return Failure(self.phase, cause, evidence, exit_code=ended.code, signal=ended.signal)

    def _hung(self, why: str, answer: str, limit: str) -> Failure:
        evidence = redact(f"{why}; last answer: {answer or 'none'}; last line: {self._last_line()}")[:500]
        return Failure(self.phase, Cause.HANG, evidence, hung=True, limit=f"timeouts.{limit}")

    def _refused(self, said: str) -> Failure:
        evidence = redact(f"the engine is healthy and refuses a completion: {said}")[:500]
        return Failure(self.phase, Cause.ERROR_RATE, evidence, rule="refuses-completion")

    def _log_size(self) -> int:
        try:
            return self.log_path.stat().st_size
        except OSError:
            return 0

    def _last_line(self) -> str:
        try:
            with self.log_path.open("rb") as file:
                start = max(0, self._log_size() - _LAST)
                file.seek(start)
                text = file.read().decode(errors="replace")
                lines = (text[_TORN:] if start else text).split("\n")
        except OSError:
            return "no log"
        return next((line.strip() for line in reversed(lines) if line.strip()), "none")


def _health(url: str, endpoint: Endpoint) -> str:
    """The status as text; empty when nobody answered."""
    try:
        return str(net.get(url, ONE_QUESTION, _headers(endpoint))[0])
    except net.NoAnswer:
        return ""


def _questions(model: str) -> list[tuple[str, dict[str, Any]]]:
    body = {"model": model, "max_tokens": 2, "temperature": 0}
    chat = body | {"messages": [{"role": "user", "content": "Hello"}]}
    return [("/v1/chat/completions", chat), ("/v1/completions", body | {"prompt": "Hello"})]


def _embedding(model: str) -> list[tuple[str, dict[str, Any]]]:
    return [("/v1/embeddings", {"model": model, "input": "Hello"})]


def _ask(endpoint: Endpoint, path: str, asked: dict[str, Any], timeout: float) -> tuple[int, str]:
    """Status and words; 0 when nobody answered. A 200 without a choice or an embedding in it counts as 502."""
    try:
        status, text = net.post_json(f"{endpoint.base_url}{path}", asked, timeout, _headers(endpoint))
    except net.NoAnswer as error:
        return 0, str(error)
    said = f"{path}: HTTP {status} {redact(text[:4096].decode(errors='replace'), cut=True)[:200]}"
    return (502 if status == 200 and not _has_choice(text) else status), said


def _headers(endpoint: Endpoint) -> dict[str, str]:
    return {"Authorization": f"Bearer {endpoint.api_key}"} if endpoint.api_key else {}


def _has_choice(text: bytes) -> bool:
    try:
        answer = json.loads(text)
    except ValueError:
        return False
    return isinstance(answer, dict) and bool(answer.get("choices") or answer.get("data"))
