"""What a person reads during a run, word for word: one fixed story, told as plain lines and as JSON lines."""

from __future__ import annotations

import ast
import inspect
import io
import json
import textwrap
from collections.abc import Callable
from typing import Any

import pytest

from runner.domain.events import Event
from runner.events import console, jsonl
from runner.events.console import Plain, describe
from runner.events.jsonl import JsonLines

RUN = "01900000-0000-7000-8000-000000000001"
TRIAL: dict[str, Any] = {
    "trial_id": "t", "attempt_id": "a", "role": "search", "repeat": 0, "entry": "f16", "metric": "output_throughput",
    "unit": "tok/s", "score": None, "objective_value": None, "soft_penalty": 0.0, "severity": 0.0, "evidence": None,
    "phase": "done", "cause": None, "outcome": "measured", "status": "succeeded",
}  # fmt: skip


def ended(number: int, seconds: float, values: dict[str, Any], **changes: Any) -> tuple[str, dict[str, Any]]:
    return "trial_ended", {**TRIAL, "number": number, "seconds": seconds, "values": values, **changes}


def failed(phase: str, cause: str, evidence: str, **changes: Any) -> dict[str, Any]:
    said = {"status": "failed", "outcome": "failed", "phase": phase, "cause": cause, "evidence": evidence}
    return {**said, **changes}


STARTED: dict[str, Any] = {
    "campaign": "quickstart", "series": 1, "trials_done": 0, "trials_planned": 6, "sampler": "tpe",
    "objective": "maximize output_throughput at c=8",
}  # fmt: skip
REFUSED: dict[str, Any] = {
    "entry": "q8", "rule": "where", "reason": "ubatch-size <= batch-size is false: 512 > 128",
    "values": {"ubatch-size": 512},
}  # fmt: skip
STORY: list[tuple[str, dict[str, Any]]] = [
    ("notice", {"message": "campaigns/other.yaml is for other hardware: skipped"}),
    ("run_started", STARTED),
    ("run_started", {**STARTED, "series": 2, "trials_done": 3}),
    ("trial_started", {**TRIAL, "number": 0, "values": {}}),
    ("waiting", {"number": 0, "reason": "waiting for 1x H100: GPU 0 is held by pid 4711 of campaign other on gpu-1"}),
    ("phase", {"phase": "load"}),
    ("progress", {"position": 0, "done": 3}),
    ended(0, 12.34, {}, score=38.0, objective_value=38.0),
    ended(1, 9.9, {"threads": 2, "flash-attn": True}, score=61.5, objective_value=71.25, soft_penalty=0.137),
    ended(2, 61, {"threads": 4, "ctx-size": 1310720}, **failed("load", "oom_load", "failed to allocate 30 GB")),
    ended(3, 3700.2, {"x": 0.123456}, **failed("measure", "crash", "assert\n\x1b[2J\x07GGML_ASSERT(n)" + "x" * 300)),
    ended(4, 2, {}, **failed("start", "port", "address in use", status="unmeasured", outcome="infra")),
    ("retry", {"number": 4, "cause": "port"}),
    ("rejected", REFUSED),
    ("rejected", REFUSED),
    ("rejected", {**REFUSED, "entry": "f16"}),
    ("confirm_started", {"attempts": 6, "repeats": 3}),
    ended(1, 10, {"threads": 2}, role="confirm", repeat=2, score=70.0, objective_value=70.0),
    ("comparison", {"number_a": 1, "against": "the default of f16", "text": "better by 12 % (8 to 16 %), 3 repeats"}),
    ("warning", {"message": "the clock of this machine moved"}),
    ("run_ended", {"campaign": "quickstart", "trials": 5, "succeeded": 2, "failed": 2, "end_reason": "wall",
                   "seconds": 3796.0}),
    ("site", {"out": "public", "pages": 9}),
    ("engine_waiting", {"engine": "vllm", "version": "0.33.0"}),
    ("engine_started", {"title": "vLLM 0.33.0", "folder": "/cache/engines/vllm-0.33.0", "bytes": 17e9}),
    ("engine_progress", {"doing": "fetching vllm-0.33.0.whl (500 MB)", "seconds": 75.2}),
    ("engine_ended", {"engine": "vllm", "version": "0.33.0", "bytes": 12e9, "seconds": 300.0}),
    ("fetch", {"phase": "start", "file": "model.safetensors", "url": "https://hub/m", "resume": False, "start": 0}),
    ("fetch", {"phase": "progress", "file": "model.safetensors", "downloaded": 1_000_000, "total": 3_000_000}),
    ("fetch", {"phase": "retry", "file": "model.safetensors", "wait_secs": 5.0, "msg": "it answers \x1b[2J429"}),
    ("fetch", {"phase": "start", "file": "model.safetensors", "url": "https://hub/m", "resume": True, "start": 10**6}),
    ("fetch", {"phase": "waiting", "file": "config.json"}),
    ("fetch", {"phase": "done", "file": "model.safetensors", "bytes": 3_000_000, "ms": 812}),
    ("verified", {"file": "/hub/config.json", "bytes": 63, "ok": True, "why": None}),
    ("verified", {"file": "/hub/model.safetensors", "bytes": 5, "ok": False, "why": "it has 5 bytes, not 3,000,000"}),
]  # fmt: skip


def told(name: str, data: dict[str, Any]) -> Event:
    return Event(name, RUN, data)


def test_the_lines_of_a_run_are_golden(golden: Callable[[str, str], None]) -> None:
    stream = io.StringIO()
    sink = Plain(stream)
    for name, data in STORY:
        sink.handle(told(name, data))
    golden("messages/run.txt", stream.getvalue())


def test_the_json_of_a_run_is_golden(golden: Callable[[str, str], None], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jsonl, "utc_now", lambda: "2026-03-02T01:00:00.000000Z")
    stream = io.StringIO()
    sink = JsonLines(stream)
    for name, data in STORY:
        sink.handle(told(name, data))
    assert [json.loads(line)["event"] for line in stream.getvalue().splitlines()] == [name for name, _ in STORY]
    golden("messages/run.jsonl", stream.getvalue())


def cases(function: Callable[..., Any]) -> set[str]:
    """The event names that a function has a case for."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    return {
        node.value.value
        for node in ast.walk(tree)
        if isinstance(node, ast.MatchValue)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    }


def test_the_story_has_every_event_that_has_a_line() -> None:
    assert cases(describe)
    assert cases(describe) - {name for name, _ in STORY} == set(), "add it to STORY, then `make golden`"
    assert inspect.getmodule(describe) is console
