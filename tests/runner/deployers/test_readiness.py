"""Every way from a start to an engine that answers, or not, against a small server that plays the engine."""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from runner.deployers import Engine, LoadPlace
from runner.deployers._readiness import Ready, wait_ready
from runner.domain.campaign import Timeouts
from runner.domain.failure import Cause, Phase
from runner.domain.trial import Endpoint, Exit, Health, Launch, Placement
from runner.util import process
from runner.util.net import free_port

Answer = tuple[int, Any]
SERVES: Answer = (200, {"choices": [{"text": "x"}]})
LAUNCH = Launch(("engine",), {}, Health("/health"), ("engine",))
PATIENT = Timeouts(load=60, ready=60, no_progress=60)


class Stub:
    """An engine without a process: `ends` says when it ends."""

    def __init__(self, base_url: str, ends: Callable[[], Exit | None], api_key: str | None = None) -> None:
        self.endpoint = Endpoint(base_url, "m", api_key)
        self._ends = ends

    processes: set[int] | None = None
    listens_itself = True
    load_place: LoadPlace | None = None

    def pids(self) -> set[int] | None:
        return self.processes

    def landed(self, placement: Placement) -> Placement:
        return placement

    def starved(self) -> bool:
        return False

    def stop(self, grace: float) -> Exit | None:
        return None

    def __enter__(self) -> Engine:
        return self

    def __exit__(self, *exc: object) -> None: ...

    def poll(self) -> Exit | None:
        return self._ends()


@contextmanager
def server(answer: Callable[[str, str, dict[str, str]], Answer]) -> Iterator[str]:
    """`answer(method, path, headers)` gives status and JSON."""

    class Handler(BaseHTTPRequestHandler):
        def reply(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            status, body = answer(self.command, self.path, dict(self.headers))
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps(body).encode())

        do_GET = do_POST = reply

        def log_message(self, format: str, *args: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        thread = threading.Thread(target=http.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{http.server_port}"
        http.shutdown()
        thread.join()


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "engine.log"
    path.touch()
    return path


def wait(
    base_url: str,
    log: Path,
    timeouts: Timeouts = PATIENT,
    ends: Callable[[], Exit | None] = lambda: None,
    stop: Callable[[], bool] = lambda: False,
    phases: list[Phase] | None = None,
    api_key: str | None = None,
) -> Ready:
    engine = Stub(base_url, ends, api_key)
    seen = phases if phases is not None else []
    return wait_ready(engine, LAUNCH, engine.endpoint, log, timeouts, stop, seen.append)


def test_start_load_ready_in_this_order(log: Path) -> None:
    answers = iter([503, 503, 200])
    phases: list[Phase] = []
    with server(lambda method, path, headers: (next(answers), {}) if method == "GET" else SERVES) as url:
        ready = wait(url, log, phases=phases)
    assert ready.failure is None
    assert phases == [Phase.START, Phase.LOAD, Phase.READY]
    assert list(ready.times) == phases
    assert all(seconds >= 0 for seconds in ready.times.values())


def test_an_engine_that_serves_at_once_has_all_phases(log: Path) -> None:
    phases: list[Phase] = []
    with server(lambda *_: SERVES) as url:
        wait(url, log, phases=phases)
    assert phases == [Phase.START, Phase.LOAD, Phase.READY]


def test_an_engine_without_chat_is_asked_the_other_way(log: Path) -> None:
    asked: list[str] = []

    def answer(method: str, path: str, headers: dict[str, str]) -> Answer:
        asked.append(path)
        return (404, {}) if "chat" in path else SERVES

    with server(answer) as url:
        assert wait(url, log).failure is None
    assert asked == ["/health", "/v1/chat/completions", "/v1/completions"]


def test_a_busy_engine_is_asked_again(log: Path) -> None:
    answers = iter([(200, {}), (503, {}), SERVES])
    with server(lambda *_: next(answers)) as url:
        assert wait(url, log).failure is None


def test_the_key_is_sent(log: Path) -> None:
    with server(lambda m, p, headers: SERVES if headers.get("Authorization") == "Bearer k1" else (401, {})) as url:
        assert wait(url, log, api_key="k1").failure is None


def test_a_refusal_for_good_ends_it_with_the_words(log: Path) -> None:
    with server(lambda method, *_: (200, {}) if method == "GET" else (400, {"error": "no template"})) as url:
        failure = wait(url, log).failure
    assert failure is not None
    assert (failure.phase, failure.cause, failure.hung) == (Phase.READY, Cause.ERROR_RATE, False)
    assert "no template" in failure.evidence


def test_an_answer_without_a_choice_is_no_completion(log: Path) -> None:
    with server(lambda *_: (200, {"choices": []})) as url:
        failure = wait(url, log, Timeouts(load=60, ready=0.5, no_progress=60)).failure
    assert failure is not None
    assert (failure.phase, failure.cause, failure.hung) == (Phase.READY, Cause.ERROR_RATE, False)


def test_silence_before_any_sign_of_life_is_a_hang_at_start(log: Path) -> None:
    failure = wait(f"http://127.0.0.1:{free_port()}", log, Timeouts(load=60, no_progress=0.2)).failure
    assert failure is not None
    assert (failure.phase, failure.cause, failure.hung) == (Phase.START, Cause.HANG, True)


def test_silence_while_loading_is_a_hang_at_load(log: Path) -> None:
    with server(lambda *_: (503, {})) as url:
        failure = wait(url, log, Timeouts(load=60, no_progress=0.2)).failure
    assert failure is not None
    assert (failure.phase, failure.cause, failure.hung) == (Phase.LOAD, Cause.HANG, True)
    assert "503" in failure.evidence


def test_a_growing_log_is_progress_until_the_load_limit(log: Path) -> None:
    def write() -> Exit | None:
        with log.open("a") as file:
            file.write("loading a shard\n")
        return None

    failure = wait(f"http://127.0.0.1:{free_port()}", log, Timeouts(load=1.5, no_progress=1.0), ends=write).failure
    assert failure is not None
    assert (failure.phase, failure.cause) == (Phase.LOAD, Cause.HANG)
    assert "not healthy within 1.5s" in failure.evidence
    assert "loading a shard" in failure.evidence


@pytest.mark.parametrize(
    ("words", "exit", "phase", "cause"),
    [
        ("", Exit(1), Phase.START, Cause.UNKNOWN),
        ("usage: engine\nengine: error: no such flag\n", Exit(2), Phase.START, Cause.BAD_FLAG),
        ("loading\nRuntimeError: x\n", Exit(1), Phase.LOAD, Cause.UNKNOWN),
        ("loading\n", Exit(None, "SIGABRT"), Phase.LOAD, Cause.CRASH),
    ],
)
def test_an_exit_has_the_phase_it_was_in(log: Path, words: str, exit: Exit, phase: Phase, cause: Cause) -> None:
    polls = iter([None, None, None])
    if words:
        log_grows = iter([words])

        def ends() -> Exit | None:
            log.write_text(next(log_grows, words))
            return next(polls, exit)
    else:

        def ends() -> Exit | None:
            return next(polls, exit)

    failure = wait(f"http://127.0.0.1:{free_port()}", log, ends=ends).failure
    assert failure is not None
    assert (failure.phase, failure.cause) == (phase, cause)
    assert (failure.exit_code, failure.signal) == (exit.code, exit.signal)
    assert not failure.hung


def test_a_crash_at_the_first_completion_is_a_failure_at_ready(log: Path) -> None:
    asked: list[str] = []

    def answer(method: str, path: str, headers: dict[str, str]) -> Answer:
        asked.append(path)
        return (200, {}) if method == "GET" else (500, {})

    with server(answer) as url:
        failure = wait(url, log, ends=lambda: Exit(None, "SIGSEGV") if len(asked) > 1 else None).failure
    assert failure is not None
    assert (failure.phase, failure.cause) == (Phase.READY, Cause.CRASH)


def test_a_request_to_stop_is_an_interruption(log: Path) -> None:
    failure = wait(f"http://127.0.0.1:{free_port()}", log, stop=lambda: True).failure
    assert failure is not None
    assert failure.cause is Cause.INTERRUPTED


def test_evidence_holds_no_secret(log: Path) -> None:
    log.write_text("using token hf_abcdefghijklmnop1234\n")
    failure = wait(f"http://127.0.0.1:{free_port()}", log, ends=lambda: Exit(1)).failure
    assert failure is not None
    assert "hf_abc" not in failure.evidence


def test_an_answer_from_another_process_is_a_taken_port(log: Path) -> None:
    engine = Stub("", lambda: None)
    with (
        process.start([sys.executable, "-c", "import time; time.sleep(600)"], label="a") as owned,
        server(lambda *_: SERVES) as url,
    ):
        engine.endpoint, engine.processes = Endpoint(url, "m"), {owned.pid}
        failure = wait_ready(engine, LAUNCH, engine.endpoint, log, PATIENT, lambda: False, lambda phase: None).failure
    assert failure is not None
    assert (failure.phase, failure.cause) == (Phase.START, Cause.PORT)
    assert str(os.getpid()) in failure.evidence
